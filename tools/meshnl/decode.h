/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: attributes of hubmesh.ko as JSON
 *
 * Members are named as the attributes in Documentation/netlink/specs/hubmesh.yaml, with _
 * for -.  Tables and -o json both start from what this makes.
 */
#ifndef MESHNL_DECODE_H
#define MESHNL_DECODE_H

#include <jansson.h>
#include <stddef.h>

#define DECODE_FAULT_MAX 128

/**
 * decode_message() - The attributes of one message of the family.
 * @attrs: behind the generic netlink header, aligned as netlink attributes, borrowed
 * @len: bytes of @attrs
 * @ret: receives an object, to be freed with json_decref(); untouched on failure
 * @fault: what is wrong, for a person; untouched on success
 *
 * An attribute this program does not know is left out: a later module has more.
 *
 * Context: Pure; no I/O, no clock.
 * Return: 0; -EBADMSG an attribute is cut short, of a wrong length, out of range or there
 *	twice; -ENOMEM.
 */
int decode_message(const void *attrs, size_t len, json_t **ret, char fault[DECODE_FAULT_MAX]);

#endif
