// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: spiffe: URI notation, compared byte by byte
 *
 * SPIFFE ids have one spelling (lower case, no escapes, no port, no query),
 * so a hub's URI is checked by writing the expected one and comparing.
 */
#include "daemon/trust/spiffe.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SCHEME "spiffe://"
#define HUB_PATH "/hub/"
#define SERVICE_PATH "/service/"

/* scheme, mesh, path, id in MAC notation with its NUL, path, name */
_Static_assert(sizeof(SCHEME) - 1 + SPIFFE_MESH_MAX + sizeof(HUB_PATH) - 1 + HUB_ID_STRLEN +
			       sizeof(SERVICE_PATH) - 1 + SPIFFE_SERVICE_MAX <=
		       SPIFFE_URI_SIZE,
	       "every URI fits");

#define WORD "abcdefghijklmnopqrstuvwxyz0123456789"

bool spiffe_mesh_is_valid(const char *mesh)
{
	size_t len = strlen(mesh);

	return len >= 1 && len <= SPIFFE_MESH_MAX && strspn(mesh, WORD ".-_") == len &&
	       strchr(WORD, mesh[0]) && strchr(WORD, mesh[len - 1]);
}

const char *spiffe_format_mesh(const char *mesh, char buf[SPIFFE_URI_SIZE])
{
	assert(spiffe_mesh_is_valid(mesh));
	snprintf(buf, SPIFFE_URI_SIZE, SCHEME "%s", mesh);
	return buf;
}

const char *spiffe_format_hub(const char *mesh, const struct hub_id *id, char buf[SPIFFE_URI_SIZE])
{
	char text[HUB_ID_STRLEN];

	assert(spiffe_mesh_is_valid(mesh));
	hub_id_format(id, text);
	for (char *p = text; *p; p++)
		if (*p == ':')
			*p = '-';
	snprintf(buf, SPIFFE_URI_SIZE, SCHEME "%s" HUB_PATH "%s", mesh, text);
	return buf;
}

const char *spiffe_format_service(const char *mesh, const struct hub_id *id, const char *name,
				  char buf[SPIFFE_URI_SIZE])
{
	size_t len;

	spiffe_format_hub(mesh, id, buf);
	len = strlen(buf);
	snprintf(buf + len, SPIFFE_URI_SIZE - len, SERVICE_PATH "%.*s", SPIFFE_SERVICE_MAX, name);
	return buf;
}

static bool is_service_name(const uint8_t *name, size_t len)
{
	if (len < 1 || len > SPIFFE_SERVICE_MAX || name[0] == '-' || name[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') &&
		    name[i] != '-')
			return false;
	return true;
}

int spiffe_parse_service(const char *mesh, const uint8_t *uri, size_t len, struct hub_id *ret,
			 char name[SPIFFE_SERVICE_MAX + 1])
{
	const size_t path = sizeof(SERVICE_PATH) - 1;
	const uint8_t *at = memmem(uri, len, SERVICE_PATH, path);
	size_t name_len = at ? (size_t)(uri + len - at) - path : 0;

	if (!at || !is_service_name(at + path, name_len) ||
	    spiffe_parse_hub(mesh, uri, (size_t)(at - uri), ret) < 0)
		return -EACCES;
	memcpy(name, at + path, name_len);
	name[name_len] = '\0';
	return 0;
}

int spiffe_parse_hub(const char *mesh, const uint8_t *uri, size_t len, struct hub_id *ret)
{
	char text[HUB_ID_STRLEN], expected[SPIFFE_URI_SIZE];
	struct hub_id id;

	if (len < HUB_ID_STRLEN - 1)
		return -EACCES;
	memcpy(text, uri + len - (HUB_ID_STRLEN - 1), HUB_ID_STRLEN - 1);
	text[HUB_ID_STRLEN - 1] = '\0';
	for (size_t i = 2; i < HUB_ID_STRLEN - 1; i += 3)
		text[i] = ':';
	if (hub_id_parse(text, &id) < 0)
		return -EACCES;
	spiffe_format_hub(mesh, &id, expected);
	if (strlen(expected) != len || memcmp(expected, uri, len) != 0)
		return -EACCES;
	*ret = id;
	return 0;
}

int spiffe_parse_mesh(const uint8_t *uri, size_t len, char ret[SPIFFE_MESH_MAX + 1])
{
	const size_t scheme = sizeof(SCHEME) - 1;
	char mesh[SPIFFE_MESH_MAX + 1];

	if (len <= scheme || len - scheme > SPIFFE_MESH_MAX || memcmp(uri, SCHEME, scheme) != 0)
		return -EACCES;
	if (memchr(uri, '\0', len))
		return -EACCES;
	memcpy(mesh, uri + scheme, len - scheme);
	mesh[len - scheme] = '\0';
	if (!spiffe_mesh_is_valid(mesh))
		return -EACCES;
	strcpy(ret, mesh);
	return 0;
}

int spiffe_parse_domain(const uint8_t *uri, size_t len, char ret[SPIFFE_MESH_MAX + 1])
{
	const size_t scheme = sizeof(SCHEME) - 1;
	const uint8_t *path = len > scheme ? memchr(uri + scheme, '/', len - scheme) : NULL;

	return spiffe_parse_mesh(uri, path ? (size_t)(path - uri) : len, ret);
}
