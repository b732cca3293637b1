/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: a mesh for name servers: services speech (127.77.0.2:8080), clock (UDP 127.77.0.3:123), bare (no
 * address) and many (60 addresses); hubs till-1, a.b and the two called twin
 */
#ifndef UNIT_NAMES_FIXTURE_H
#define UNIT_NAMES_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/names/answer.h"

#define FIXTURE_MANY 60
#define FIXTURE_ULA "fd01:203:405:0:211:22ff:fe33:4455"

static int fixture_find_service(void *arg, const char *name, enum names_transport transport,
				struct names_found *ret)
{
	if (strcmp(name, "clock") == 0 && transport != NAMES_TCP) {
		endpoint_parse("127.77.0.3:123", &ret->addresses[ret->n++]);
		return 0;
	}
	if (transport == NAMES_UDP)
		return -ENOENT;
	if (strcmp(name, "bare") == 0)
		return 0;
	if (strcmp(name, "speech") == 0) {
		endpoint_parse("127.77.0.2:8080", &ret->addresses[ret->n++]);
		return 0;
	}
	if (strcmp(name, "many") != 0)
		return -ENOENT;
	for (unsigned int i = 0; i < FIXTURE_MANY; i++) {
		char text[ENDPOINT_STRLEN];

		snprintf(text, sizeof(text), "127.77.1.%u:80", i + 1);
		endpoint_parse(text, &ret->addresses[ret->n++]);
	}
	return 0;
}

static int fixture_find_hub(void *arg, const char *name, struct names_found *ret)
{
	if (strcmp(name, "twin") == 0)
		return -ENOTUNIQ;
	if (strcmp(name, "till-1") != 0 && strcmp(name, "a.b") != 0)
		return -ENOENT;
	endpoint_parse("[" FIXTURE_ULA "]", &ret->addresses[ret->n++]);
	endpoint_parse("10.77.0.7", &ret->addresses[ret->n++]);
	return 0;
}

static int fixture_find_owner(void *arg, const struct endpoint *address, char *name, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(address->family, &address->addr6, text, sizeof(text));
	if (strcmp(text, "127.77.0.2") == 0)
		snprintf(name, size, "speech");
	else if (strcmp(text, FIXTURE_ULA) == 0)
		snprintf(name, size, "till-1.hub");
	else if (strncmp(text, "127.77.", 7) == 0 || strncmp(text, "fd01:203:405:0:", 15) == 0)
		return -ENOENT;
	else
		return -EAFNOSUPPORT;
	return 0;
}

static const struct names_source fixture_source = {
	.find_service = fixture_find_service,
	.find_hub = fixture_find_hub,
	.find_owner = fixture_find_owner,
};

#endif
