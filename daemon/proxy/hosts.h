/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: hosts: what an entry knows of each provider it has used
 *
 * A provider keeps its place as long as it has requests or is ejected, so that what began with
 * it is counted with it, wherever the lease has gone since.  Pure.
 */
#ifndef PROXY_HOSTS_H
#define PROXY_HOSTS_H

#include "daemon/proxy/concurrency.h"
#include "daemon/proxy/outlier.h"
#include "daemon/wire/manifest.h"

#define HOSTS_MAX 16 /* the one not used for longest makes room */

/**
 * struct host - a provider
 * @hub: who
 * @digest: of its manifest
 * @used_ns: last time
 * @outlier: is it one?
 * @concurrency: how many requests it can take
 */
struct host {
	struct hub_id hub;
	uint8_t digest[SHA256_LEN];
	uint64_t used_ns;
	struct outlier_host outlier;
	struct concurrency concurrency;
};

/** struct hosts - of an entry; zero-initialise; do not move while host->concurrency.in_flight */
struct hosts {
	struct host list[HOSTS_MAX];
	size_t n;
};

/** hosts_take() - The one, new if need be. Return: NULL: no place, all are in use. */
struct host *hosts_take(struct hosts *hosts, const struct hub_id *hub,
			const uint8_t digest[SHA256_LEN], uint64_t now_ns);
/** hosts_count_ejected() - Now. */
size_t hosts_count_ejected(const struct hosts *hosts, uint64_t now_ns);
/** hosts_counts_but() - Of all providers but one, for its verdict. */
struct outlier_counts hosts_counts_but(const struct hosts *hosts, const struct host *host);

#endif
