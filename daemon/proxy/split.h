/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: split: which version or service a request of an entry goes to
 *
 * By the rule of daemon/versions for leases, here for each request: a draw that is below the sum
 * of the shares up to one belongs to that one.  A request that says who it is for, in a header or
 * a cookie, draws by that: the same one goes the same way as long as the shares stay.  Pure.
 */
#ifndef PROXY_SPLIT_H
#define PROXY_SPLIT_H

#include <stdbool.h>

#include "daemon/lib/semver.h"
#include "daemon/proxy/http1.h"
#include "daemon/wire/manifest.h"

#define SPLIT_MAX 4 /* shares of an entry, beside what is left for itself */
#define SPLIT_DRAWS 10000 /* draws are below it: shares in hundredths of a percent would do */
#define SPLIT_NAME_MAX 64 /* of a header or cookie */

/**
 * struct split_share - where a share of the requests goes
 * @percent: of all
 * @service: name; "" the entry's own
 * @range_text: versions of it; "" the entry's own
 */
struct split_share {
	uint32_t percent;
	char service[MANIFEST_NAME_MAX + 1];
	char range_text[SEMVER_RANGE_TEXT_MAX + 1];
};

/**
 * struct split_settings - of an entry; zero: none
 * @shares: of at most 100 percent together; the rest is the entry's own
 * @n: entries of @shares
 * @header: by whose value a request draws; "" by chance
 * @cookie: likewise
 */
struct split_settings {
	struct split_share shares[SPLIT_MAX];
	size_t n;
	char header[SPLIT_NAME_MAX + 1], cookie[SPLIT_NAME_MAX + 1];
};

/**
 * split_draw() - Of a request.
 * @settings: of the entry
 * @fields: headers of the request
 * @n: entries of @fields
 * @chance: 64 random bits, for one that does not say who it is for
 *
 * Return: 0 to SPLIT_DRAWS - 1.
 */
uint32_t split_draw(const struct split_settings *settings, const struct http1_field *fields,
		    size_t n, uint64_t chance);
/** split_pick() - Index of the share a draw belongs to; settings->n: the entry itself. */
size_t split_pick(const struct split_settings *settings, uint32_t draw);

#endif
