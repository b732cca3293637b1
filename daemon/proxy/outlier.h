/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: outlier: which provider does worse than the others, and for how long it is avoided
 *
 * A provider is an outlier that fails so many requests in a row, or whose rate of failures is
 * surely above that of the others: the lower bound of its confidence interval (Wilson, JASA 22,
 * 1927) above their upper bound.  As long as nothing is known of any other it takes half of all.
 * It is ejected for a time that grows with each ejection and is forgiven as fast (as Envoy's
 * outlier detection does), never so many that too few are left.
 *
 * Pure; times come in as monotonic nanoseconds.
 */
#ifndef PROXY_OUTLIER_H
#define PROXY_OUTLIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTLIER_IN_ROW_DEFAULT 5 /* as Envoy */
#define OUTLIER_WINDOW_S_DEFAULT 10
#define OUTLIER_MIN_REQUESTS_DEFAULT 20 /* fewer say nothing about a rate */
#define OUTLIER_EJECT_S_DEFAULT 30
#define OUTLIER_MAX_PERCENT_DEFAULT 50
#define OUTLIER_GROWTH_MAX 10 /* times the first ejection */
#define OUTLIER_RATE_MIN_PERMILLE 50 /* below, a difference is not worth a move */
#define OUTLIER_RATE_ALONE_PERMILLE 500 /* when nothing is known of the others */

/**
 * struct outlier_settings - of an entry
 * @is_on: providers are ejected at all
 * @in_row: failures, then it is one; 0 they do not count
 * @window_s: over which rates are taken
 * @min_requests: in it, of the provider and of the others
 * @eject_s: the first time
 * @max_percent: of the providers that may be ejected at a time
 */
struct outlier_settings {
	bool is_on;
	uint32_t in_row, window_s, min_requests, eject_s, max_percent;
};

/** struct outlier_counts - requests, and failures of them */
struct outlier_counts {
	uint32_t n, bad;
};

/**
 * struct outlier_host - one provider; zero-initialise
 * @in_row: failures since the last success
 * @now: in the window that runs
 * @last: in the one before it
 * @window_ns: when it began
 * @until_ns: ejected as long, 0 never was
 * @ejections: not forgiven yet
 */
struct outlier_host {
	uint32_t in_row;
	struct outlier_counts now, last;
	uint64_t window_ns, until_ns;
	uint32_t ejections;
};

/** enum outlier_verdict - what a result makes of a provider */
enum outlier_verdict {
	OUTLIER_GOOD,
	OUTLIER_IN_ROW,
	OUTLIER_RATE,
};

/** outlier_verdict_name() - "good", "in-row", "rate"; "?" for another number. */
const char *outlier_verdict_name(unsigned int verdict);

/** outlier_counts_of() - Of the window and the one before it. */
struct outlier_counts outlier_counts_of(const struct outlier_host *host);

/**
 * outlier_result() - A request ended.
 * @host: provider that had it
 * @settings: of the entry
 * @now_ns: monotonic
 * @is_error: it failed, or was answered with a status from 500 on
 * @others: of all other providers together
 *
 * Return: enum outlier_verdict; what is not good may be ejected.
 */
enum outlier_verdict outlier_result(struct outlier_host *host,
				    const struct outlier_settings *settings, uint64_t now_ns,
				    bool is_error, const struct outlier_counts *others);
/**
 * outlier_may_eject() - Would enough be left?
 * @settings: of the entry
 * @n_ejected: so far
 * @n_providers: that could serve, with those ejected
 */
bool outlier_may_eject(const struct outlier_settings *settings, size_t n_ejected,
		       size_t n_providers);
/** outlier_eject() - Do it. Return: for how long, ns. */
uint64_t outlier_eject(struct outlier_host *host, const struct outlier_settings *settings,
		       uint64_t now_ns);
bool outlier_is_ejected(const struct outlier_host *host, uint64_t now_ns);

#endif
