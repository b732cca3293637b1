// SPDX-License-Identifier: GPL-2.0
/* DOC: clients: see clients.h */
#include "daemon/proxy/clients.h"

#include <assert.h>
#include <string.h>

#include "daemon/lib/prng.h"

static size_t bucket_of(const struct clients *clients, const struct endpoint *address)
{
	struct prng mixed = {.state = clients->seed ^ address->port};
	uint64_t words[2] = {0};

	memcpy(words, &address->addr6,
	       address->family == AF_INET ? sizeof(address->addr4) : sizeof(words));
	mixed.state = prng_next(&mixed) ^ words[0];
	mixed.state = prng_next(&mixed) ^ words[1];
	mixed.state = prng_next(&mixed) ^ address->ifindex;
	return prng_next(&mixed) % CLIENTS_BUCKETS;
}

struct client *clients_find(const struct clients *clients, const struct endpoint *address)
{
	struct client *client = clients->buckets[bucket_of(clients, address)];

	while (client && !endpoint_equal(&client->address, address))
		client = client->chain;
	return client;
}

static void order_first(struct clients *clients, struct client *client)
{
	client->newer = NULL;
	client->older = clients->newest;
	if (client->older)
		client->older->newer = client;
	else
		clients->oldest = client;
	clients->newest = client;
}

static void order_leave(struct clients *clients, struct client *client)
{
	if (client->newer)
		client->newer->older = client->older;
	else
		clients->newest = client->older;
	if (client->older)
		client->older->newer = client->newer;
	else
		clients->oldest = client->newer;
}

void clients_add(struct clients *clients, struct client *client)
{
	struct client **bucket = &clients->buckets[bucket_of(clients, &client->address)];

	client->chain = *bucket;
	*bucket = client;
	order_first(clients, client);
	clients->n++;
}

void clients_use(struct clients *clients, struct client *client)
{
	if (clients->newest == client)
		return;
	order_leave(clients, client);
	order_first(clients, client);
}

void clients_remove(struct clients *clients, struct client *client)
{
	struct client **link = &clients->buckets[bucket_of(clients, &client->address)];

	while (*link != client) {
		assert(*link);
		link = &(*link)->chain;
	}
	*link = client->chain;
	order_leave(clients, client);
	clients->n--;
}
