// SPDX-License-Identifier: GPL-2.0
/* DOC: hosts: see hosts.h */
#include "daemon/proxy/hosts.h"

#include <string.h>

static struct host *find(struct hosts *hosts, const struct hub_id *hub,
			 const uint8_t digest[SHA256_LEN])
{
	for (size_t i = 0; i < hosts->n; i++)
		if (hub_id_equal(&hosts->list[i].hub, hub) &&
		    memcmp(hosts->list[i].digest, digest, SHA256_LEN) == 0)
			return &hosts->list[i];
	return NULL;
}

static struct host *find_place(struct hosts *hosts, uint64_t now_ns)
{
	struct host *oldest = NULL;

	if (hosts->n < HOSTS_MAX)
		return &hosts->list[hosts->n++];
	for (size_t i = 0; i < hosts->n; i++) {
		struct host *host = &hosts->list[i];

		if (host->concurrency.in_flight || outlier_is_ejected(&host->outlier, now_ns))
			continue;
		if (!oldest || host->used_ns < oldest->used_ns)
			oldest = host;
	}
	return oldest;
}

struct host *hosts_take(struct hosts *hosts, const struct hub_id *hub,
			const uint8_t digest[SHA256_LEN], uint64_t now_ns)
{
	struct host *host = find(hosts, hub, digest);

	if (!host) {
		host = find_place(hosts, now_ns);
		if (!host)
			return NULL;
		*host = (struct host){.hub = *hub};
		memcpy(host->digest, digest, SHA256_LEN);
	}
	host->used_ns = now_ns;
	return host;
}

size_t hosts_count_ejected(const struct hosts *hosts, uint64_t now_ns)
{
	size_t n = 0;

	for (size_t i = 0; i < hosts->n; i++)
		n += outlier_is_ejected(&hosts->list[i].outlier, now_ns);
	return n;
}

struct outlier_counts hosts_counts_but(const struct hosts *hosts, const struct host *host)
{
	struct outlier_counts all = {0};

	for (size_t i = 0; i < hosts->n; i++) {
		struct outlier_counts one = outlier_counts_of(&hosts->list[i].outlier);

		if (&hosts->list[i] == host)
			continue;
		all.n += one.n;
		all.bad += one.bad;
	}
	return all;
}
