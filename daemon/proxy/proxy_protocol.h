/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: PROXY protocol, version 2: who calls, told to the service
 *
 * The header of HAProxy's proxy-protocol.txt (2.2), command PROXY, family
 * UNSPEC: what counts is the hub, and its address says nothing about it.
 * TLVs of the kind that is free for own use:
 *
 *	0xe0	the caller's SPIFFE id
 *	0xe1	name of the service
 *
 * Pure.
 */
#ifndef PROXY_PROXY_PROTOCOL_H
#define PROXY_PROXY_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define PROXY_PROTOCOL_MAX 320 /* any header */
#define PROXY_PROTOCOL_TLV_CALLER 0xe0
#define PROXY_PROTOCOL_TLV_SERVICE 0xe1

/**
 * proxy_protocol_write() - The header.
 * @spiffe_id: of the caller, at most 191 bytes
 * @service: its name, at most 63 bytes
 * @buf: receives it
 *
 * Return: bytes written.
 */
size_t proxy_protocol_write(const char *spiffe_id, const char *service,
			    uint8_t buf[PROXY_PROTOCOL_MAX]);

#endif
