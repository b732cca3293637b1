// SPDX-License-Identifier: GPL-2.0
/* DOC: loopback: see loopback.h */
#include "daemon/proxy/loopback.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/sha256.h"

static uint32_t wanted_host(const char *name)
{
	uint8_t digest[SHA256_LEN];

	sha256((const uint8_t *)name, strlen(name), digest);
	return ((uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
		digest[3]) %
	       LOOPBACK_HOSTS;
}

struct named {
	const char *name;
	size_t at;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static bool is_taken(const uint32_t *taken, size_t n, uint32_t host)
{
	for (size_t i = 0; i < n; i++)
		if (taken[i] == host)
			return true;
	return false;
}

void loopback_assign(const char *const *names, size_t n, struct in_addr *ret)
{
	_cleanup_free_ struct named *sorted = xnew_array(struct named, n);
	_cleanup_free_ uint32_t *taken = xnew_array(uint32_t, n);

	assert(n < LOOPBACK_HOSTS);
	for (size_t i = 0; i < n; i++)
		sorted[i] = (struct named){names[i], i};
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < n; i++) {
		uint32_t host = wanted_host(sorted[i].name);

		if (i > 0 && strcmp(sorted[i - 1].name, sorted[i].name) == 0)
			host = taken[i - 1];
		else
			while (is_taken(taken, i, host))
				host = (host + 1) % LOOPBACK_HOSTS;
		taken[i] = host;
		ret[sorted[i].at].s_addr = htonl(LOOPBACK_NET + 1 + host);
	}
}
