// SPDX-License-Identifier: GPL-2.0
/* DOC: hedge: see hedge.h */
#include "daemon/proxy/hedge.h"

#define MILLI 1000

void hedge_note_request(struct hedge *hedge)
{
	if (hedge->milli < HEDGE_SAVED_MAX * MILLI)
		hedge->milli += HEDGE_PERCENT * MILLI / 100;
}

void hedge_note_answer(struct hedge *hedge, uint64_t us)
{
	histogram_add(&hedge->times, us);
	if (hedge->times.n < HEDGE_SAMPLES_MAX)
		return;
	hedge->times.n = 0;
	hedge->times.sum_us /= 2;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		hedge->times.buckets[i] /= 2;
		hedge->times.n += hedge->times.buckets[i];
	}
}

uint64_t hedge_delay_us(const struct hedge *hedge, const struct hedge_settings *settings)
{
	uint64_t us;

	if (settings->after_ms)
		return settings->after_ms * (uint64_t)1000;
	if (hedge->times.n < HEDGE_SAMPLES_MIN)
		return 0;
	us = histogram_at(&hedge->times, HEDGE_PERMILLE);
	return us < HEDGE_MIN_US ? HEDGE_MIN_US : us;
}

bool hedge_names_method(const struct hedge_settings *settings, const char *path)
{
	for (size_t i = 0; i < settings->n_grpc_methods; i++)
		if (allow_has_prefix(path, settings->grpc_methods[i]))
			return true;
	return false;
}

bool hedge_spend(struct hedge *hedge)
{
	if (hedge->milli < MILLI)
		return false;
	hedge->milli -= MILLI;
	return true;
}
