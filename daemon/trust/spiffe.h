/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: spiffe: names of meshes and hubs inside certificates
 *
 * A mesh is a SPIFFE trust domain: spiffe://<mesh>.  A hub is
 * spiffe://<mesh>/hub/<id>, where <id> is the hub id in lower case with
 * hyphens (02-11-22-33-44-55): SPIFFE allows no colons in a path.
 * A service at a hub is spiffe://<mesh>/hub/<id>/service/<name>.
 * Source: SPIFFE-ID specification, sections 2.1 and 2.2.
 */
#ifndef TRUST_SPIFFE_H
#define TRUST_SPIFFE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/lib/hub_id.h"

#define SPIFFE_MESH_MAX 63 /* characters of a mesh name; SPIFFE itself allows 255 */
#define SPIFFE_SERVICE_MAX 63 /* bytes of the name of a service, a DNS label */
#define SPIFFE_URI_SIZE 192 /* any URI of this file and its NUL */

/** spiffe_mesh_is_valid() - 1..63 of a-z 0-9 . - _, a letter or digit at both ends */
bool spiffe_mesh_is_valid(const char *mesh);
/** spiffe_format_mesh() - "spiffe://<mesh>". @mesh must be valid. Return: @buf. */
const char *spiffe_format_mesh(const char *mesh, char buf[SPIFFE_URI_SIZE]);
/** spiffe_format_hub() - "spiffe://<mesh>/hub/<id>". @mesh must be valid. Return: @buf. */
const char *spiffe_format_hub(const char *mesh, const struct hub_id *id, char buf[SPIFFE_URI_SIZE]);
/** spiffe_format_service() - The hub's, and "/service/<name>". Both must be valid. Return: @buf. */
const char *spiffe_format_service(const char *mesh, const struct hub_id *id, const char *name,
				  char buf[SPIFFE_URI_SIZE]);
/**
 * spiffe_parse_service() - The hub and the service of a URI.
 * @mesh: the mesh it must be in, valid
 * @uri: bytes of the URI, not terminated
 * @len: how many
 * @ret: filled on success
 * @name: likewise: a-z, 0-9 and hyphens
 *
 * Return: 0; -EACCES another mesh or no service.
 */
int spiffe_parse_service(const char *mesh, const uint8_t *uri, size_t len, struct hub_id *ret,
			 char name[SPIFFE_SERVICE_MAX + 1]);
/**
 * spiffe_parse_hub() - The hub of a URI.
 * @mesh: the mesh it must be in, valid
 * @uri: bytes of the URI, not terminated
 * @len: how many
 * @ret: filled on success
 *
 * Return: 0; -EACCES another mesh or not a hub.
 */
int spiffe_parse_hub(const char *mesh, const uint8_t *uri, size_t len, struct hub_id *ret);
/** spiffe_parse_domain() - The mesh of any id in it. Return: 0; -EACCES. */
int spiffe_parse_domain(const uint8_t *uri, size_t len, char ret[SPIFFE_MESH_MAX + 1]);
/** spiffe_parse_mesh() - The mesh of "spiffe://<mesh>". Return: 0; -EACCES. */
int spiffe_parse_mesh(const uint8_t *uri, size_t len, char ret[SPIFFE_MESH_MAX + 1]);

#endif
