// SPDX-License-Identifier: GPL-2.0
/* DOC: outlier: see outlier.h */
#include "daemon/proxy/outlier.h"

#include <math.h>

#include "daemon/lib/memory.h"
#include "daemon/lib/prng.h"

#define Z 2.0 /* standard deviations: each bound fails once in 44 */

static const char *const verdict_names[] = {"good", "in-row", "rate"};

const char *outlier_verdict_name(unsigned int verdict)
{
	return verdict < ARRAY_SIZE(verdict_names) ? verdict_names[verdict] : "?";
}

struct outlier_counts outlier_counts_of(const struct outlier_host *host)
{
	return (struct outlier_counts){host->now.n + host->last.n, host->now.bad + host->last.bad};
}

/* A window that nothing followed stays the last: it is what is known of the provider. */
static void roll_window(struct outlier_host *host, const struct outlier_settings *settings,
			uint64_t now_ns)
{
	if (host->window_ns && now_ns - host->window_ns < settings->window_s * NSEC_PER_SEC)
		return;
	if (host->now.n)
		host->last = host->now;
	host->now = (struct outlier_counts){0};
	host->window_ns = now_ns;
}

/* Bound of the rate behind the counts: above it, or with a sign of -1 below it. */
static double wilson(const struct outlier_counts *counts, double sign)
{
	double n = counts->n, p = counts->bad / n, z2 = Z * Z;
	double spread = Z * sqrt(p * (1 - p) / n + z2 / (4 * n * n));

	return (p + z2 / (2 * n) + sign * spread) / (1 + z2 / n);
}

static bool is_worse(const struct outlier_counts *own, const struct outlier_counts *others,
		     uint32_t min_requests)
{
	if (own->n < min_requests ||
	    (uint64_t)own->bad * 1000 < (uint64_t)own->n * OUTLIER_RATE_MIN_PERMILLE)
		return false;
	if (others->n < min_requests)
		return (uint64_t)own->bad * 1000 >= (uint64_t)own->n * OUTLIER_RATE_ALONE_PERMILLE;
	return wilson(own, -1) > wilson(others, 1);
}

enum outlier_verdict outlier_result(struct outlier_host *host,
				    const struct outlier_settings *settings, uint64_t now_ns,
				    bool is_error, const struct outlier_counts *others)
{
	struct outlier_counts own;

	roll_window(host, settings, now_ns);
	host->now.n++;
	host->now.bad += is_error;
	host->in_row = is_error ? host->in_row + 1 : 0;
	if (!is_error)
		return OUTLIER_GOOD;
	if (settings->in_row && host->in_row >= settings->in_row)
		return OUTLIER_IN_ROW;
	own = outlier_counts_of(host);
	return is_worse(&own, others, settings->min_requests) ? OUTLIER_RATE : OUTLIER_GOOD;
}

bool outlier_may_eject(const struct outlier_settings *settings, size_t n_ejected,
		       size_t n_providers)
{
	return n_ejected + 1 < n_providers &&
	       (n_ejected + 1) * 100 <= n_providers * settings->max_percent;
}

uint64_t outlier_eject(struct outlier_host *host, const struct outlier_settings *settings,
		       uint64_t now_ns)
{
	uint64_t unit_ns = settings->eject_s * NSEC_PER_SEC;
	uint64_t forgiven = now_ns > host->until_ns ? (now_ns - host->until_ns) / unit_ns : 0;
	uint32_t ejections = forgiven < host->ejections ? host->ejections - (uint32_t)forgiven : 0;
	uint64_t for_ns;

	if (ejections < OUTLIER_GROWTH_MAX)
		ejections++;
	for_ns = ejections * unit_ns;
	*host = (struct outlier_host){.ejections = ejections, .until_ns = now_ns + for_ns};
	return for_ns;
}

bool outlier_is_ejected(const struct outlier_host *host, uint64_t now_ns)
{
	return now_ns < host->until_ns;
}
