/* SPDX-License-Identifier: GPL-2.0 */
#ifndef API_NAMES_H
#define API_NAMES_H

#include <stddef.h>

#include "daemon/hub/hub.h"

/**
 * struct api_name - what other objects say about a hub besides its id
 * @id: the hub
 * @ula: its mesh address
 * @ipv4: its IPv4 mesh address, 0 = none
 * @cost_us: of the route to it
 * @name: borrowed from the hub until its next event
 */
struct api_name {
	struct hub_id id;
	const char *name;
	struct in6_addr ula;
	struct in_addr ipv4;
	uint32_t cost_us;
};

/**
 * struct api_names - index of hubs by id, made for one request
 * @list: sorted by id, owned
 * @n: entries of @list
 * @capacity: entries @list has room for
 */
struct api_names {
	struct api_name *list;
	size_t n, capacity;
};

/** api_names_init() - Index every hub @hub knows. */
void api_names_init(struct api_names *names, const struct hub *hub);
void api_names_fini(struct api_names *names);
/** api_names_find() - Return: the entry, NULL when unknown. */
const struct api_name *api_names_find(const struct api_names *names, const struct hub_id *id);

#endif
