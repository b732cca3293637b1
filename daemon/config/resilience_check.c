// SPDX-License-Identifier: GPL-2.0
/* DOC: meaning of resilience: of an entry of the proxy */
#include <stdio.h>
#include <string.h>

#include "daemon/config/entry.h"
#include "daemon/config/proxy_file.h"
#include "daemon/lib/memory.h"
#include "daemon/proxy/grpc_status.h"

#define AT "resilience."
#define IN_ROW_MAX 1000
#define WINDOW_MAX_S 3600
#define REQUESTS_MAX 100000
#define EJECT_MAX_S 3600
#define CONCURRENCY_MAX 4096 /* as many as connections of an entry */
#define QUEUE_MAX 4096
#define QUEUE_MAX_MS 10000 /* who waits longer has given up */
#define DELAY_MAX_MS 60000
#define HEDGE_MAX_MS 10000
#define DRAIN_MAX_MS 60000 /* of the 75 s that the unit gives meshd to stop */

static void take_outlier(const struct config_entry *entry, const struct file_outlier *file,
			 struct outlier_settings *ret)
{
	*ret = (struct outlier_settings){
		.is_on = file != NULL,
		.in_row = OUTLIER_IN_ROW_DEFAULT,
		.window_s = OUTLIER_WINDOW_S_DEFAULT,
		.min_requests = OUTLIER_MIN_REQUESTS_DEFAULT,
		.eject_s = OUTLIER_EJECT_S_DEFAULT,
		.max_percent = OUTLIER_MAX_PERCENT_DEFAULT,
	};
	if (!file)
		return;
	config_entry_u32(entry, AT "outlier.in_row", file->in_row, 0, IN_ROW_MAX, &ret->in_row);
	config_entry_u32(entry, AT "outlier.window_s", file->window_s, 1, WINDOW_MAX_S,
			 &ret->window_s);
	config_entry_u32(entry, AT "outlier.min_requests", file->min_requests, 1, REQUESTS_MAX,
			 &ret->min_requests);
	config_entry_u32(entry, AT "outlier.eject_s", file->eject_s, 1, EJECT_MAX_S, &ret->eject_s);
	config_entry_u32(entry, AT "outlier.max_percent", file->max_percent, 1, 100,
			 &ret->max_percent);
}

static void take_concurrency(const struct config_entry *entry, const struct file_concurrency *file,
			     struct concurrency_settings *ret)
{
	*ret = (struct concurrency_settings){
		.is_on = file != NULL,
		.max = CONCURRENCY_MAX_DEFAULT,
		.queue = CONCURRENCY_QUEUE_DEFAULT,
		.queue_ms = CONCURRENCY_QUEUE_MS_DEFAULT,
	};
	if (!file)
		return;
	config_entry_u32(entry, AT "concurrency.max", file->max, 1, CONCURRENCY_MAX, &ret->max);
	config_entry_u32(entry, AT "concurrency.queue", file->queue, 0, QUEUE_MAX, &ret->queue);
	config_entry_u32(entry, AT "concurrency.queue_ms", file->queue_ms, 1, QUEUE_MAX_MS,
			 &ret->queue_ms);
}

static void take_fault(const struct config_entry *entry, const struct file_resilience *file,
		       struct fault_settings *ret)
{
	ret->abort_status = FAULT_STATUS_DEFAULT;
	config_entry_u32(entry, AT "fault.abort_percent", file->fault.abort_percent, 0, 100,
			 &ret->abort_percent);
	config_entry_u32(entry, AT "fault.abort_status", file->fault.abort_status, 400, 599,
			 &ret->abort_status);
	config_entry_u32(entry, AT "fault.abort_grpc_status", file->fault.abort_grpc_status, 1,
			 GRPC_STATUS_MAX, &ret->abort_grpc_status);
	config_entry_u32(entry, AT "fault.delay_percent", file->fault.delay_percent, 0, 100,
			 &ret->delay_percent);
	config_entry_u32(entry, AT "fault.delay_ms", file->fault.delay_ms, 1, DELAY_MAX_MS,
			 &ret->delay_ms);
	if (ret->delay_percent && !ret->delay_ms)
		config_entry_error(entry, AT "fault.delay_percent",
				   "needs a time; write delay_ms: 500 beside it");
}

/* ---- where requests go --------------------------------------------------- */

static void take_share(const struct config_entry *entry, const char *key,
		       const struct file_share *file, struct split_share *ret)
{
	struct semver_range range;

	if (!file->percent)
		config_entry_error(entry, key,
				   "has no percent; write how many of 100 requests it is for");
	config_entry_u32(entry, key, file->percent, 1, 100, &ret->percent);
	if (file->service && !manifest_name_is_valid(file->service))
		config_entry_error(entry, key,
				   "has '%.64s', which is no name of a service; write 1 to %d of "
				   "a-z, 0-9 and '-'",
				   file->service, MANIFEST_NAME_MAX);
	else if (file->service)
		strcpy(ret->service, file->service);
	if (file->versions && (strlen(file->versions) > SEMVER_RANGE_TEXT_MAX ||
			       semver_range_parse(file->versions, &range) < 0))
		config_entry_error(entry, key,
				   "has '%.64s', which is no range; write one like \"^1.2\"",
				   file->versions);
	else if (file->versions)
		strcpy(ret->range_text, file->versions);
}

static bool is_token(const char *text)
{
	const struct http1_text token = {text, strlen(text)};

	return http1_is_token(&token) && token.len <= SPLIT_NAME_MAX;
}

static void take_name(const struct config_entry *entry, const char *key, const char *given,
		      char *ret)
{
	if (given && !is_token(given))
		config_entry_error(entry, key, "'%.64s' is no such name; write up to %d letters",
				   given, SPLIT_NAME_MAX);
	else if (given)
		strcpy(ret, given);
}

static void take_split(const struct config_entry *entry, const struct file_resilience *file,
		       struct split_settings *ret)
{
	uint32_t percent = 0;
	char key[32];

	for (uint32_t i = 0; i < file->split_count; i++) {
		snprintf(key, sizeof(key), AT "split[%u]", i);
		take_share(entry, key, &file->split[i], &ret->shares[i]);
		if (!file->split[i].service && !file->split[i].versions)
			config_entry_error(entry, key,
					   "is no other place; write service: or versions:");
		percent += ret->shares[i].percent;
	}
	ret->n = file->split_count;
	if (percent > 100)
		config_entry_error(entry, AT "split",
				   "is for %u of 100 requests; what is left is the entry's own",
				   percent);
	take_name(entry, AT "sticky.header", file->sticky.header, ret->header);
	take_name(entry, AT "sticky.cookie", file->sticky.cookie, ret->cookie);
	if (ret->header[0] && ret->cookie[0])
		config_entry_error(entry, AT "sticky", "has both; write header: or cookie:");
}

static void take_mirror(const struct config_entry *entry, const struct file_share *file,
			struct mirror_settings *ret)
{
	struct split_share share = {0};

	if (!file)
		return;
	take_share(entry, AT "mirror", file, &share);
	if (!file->service)
		config_entry_error(entry, AT "mirror", "goes nowhere; write service: NAME");
	ret->percent = share.percent;
	strcpy(ret->service, share.service);
	strcpy(ret->range_text, share.range_text);
}

static void take_hedge(const struct config_entry *entry, const struct file_hedge *file,
		       struct hedge_settings *ret)
{
	ret->is_on = file != NULL;
	if (!file)
		return;
	config_entry_u32(entry, AT "hedge.after_ms", file->after_ms, 1, HEDGE_MAX_MS,
			 &ret->after_ms);
	for (uint32_t i = 0; i < file->grpc_methods_count; i++) {
		if (allow_is_prefix(file->grpc_methods[i]))
			strcpy(ret->grpc_methods[i], file->grpc_methods[i]);
		else
			config_entry_error(entry, AT "hedge.grpc_methods",
					   "has '%.64s'; write /package.Service/Method, or "
					   "/package.Service for all of its methods",
					   file->grpc_methods[i]);
	}
	ret->n_grpc_methods = file->grpc_methods_count;
}

bool config_has_resilience(const struct file_resilience *file)
{
	return file->outlier || file->concurrency || file->hedge || file->split_count ||
	       file->mirror || file->fault.abort_percent || file->fault.delay_percent;
}

void config_take_resilience(const struct config_entry *entry, const struct file_resilience *file,
			    struct resilience_settings *ret)
{
	take_outlier(entry, file->outlier, &ret->outlier);
	take_concurrency(entry, file->concurrency, &ret->concurrency);
	take_fault(entry, file, &ret->fault);
	take_split(entry, file, &ret->split);
	take_mirror(entry, file->mirror, &ret->mirror);
	take_hedge(entry, file->hedge, &ret->hedge);
	ret->drain_ms = DRAIN_MS_DEFAULT;
	config_entry_u32(entry, AT "drain_ms", file->drain_ms, 0, DRAIN_MAX_MS, &ret->drain_ms);
}
