/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: clients: who sends datagrams to an entry, by address
 *
 * A hash table and the order of last use.  It holds no memory of its own but
 * the buckets: a client is part of what its owner keeps for it.  Pure.
 */
#ifndef PROXY_CLIENTS_H
#define PROXY_CLIENTS_H

#include <stddef.h>

#include "daemon/lib/endpoint.h"

#define CLIENTS_BUCKETS 1024 /* 8 KiB; a few each with the most that settings allow */

/**
 * struct client - one of them
 * @address: with the port
 * @chain: next in its bucket
 * @newer: used after it
 * @older: used before it
 */
struct client {
	struct endpoint address;
	struct client *chain, *newer, *older;
};

/**
 * struct clients - the table; zero-initialise but for @seed
 * @seed: of the hash, so that nobody can choose ports that share a bucket
 * @n: clients in it
 * @newest: used last
 * @oldest: used longest ago
 * @buckets: chains
 */
struct clients {
	uint64_t seed;
	size_t n;
	struct client *newest, *oldest;
	struct client *buckets[CLIENTS_BUCKETS];
};

/** clients_find() - NULL it is not there. */
struct client *clients_find(const struct clients *clients, const struct endpoint *address);
/** clients_add() - @client->address is set and not in the table; it is the newest. */
void clients_add(struct clients *clients, struct client *client);
/** clients_use() - It is the newest now. */
void clients_use(struct clients *clients, struct client *client);
/** clients_remove() - It is in the table, and then not. */
void clients_remove(struct clients *clients, struct client *client);

#endif
