// SPDX-License-Identifier: GPL-2.0
/* DOC: request: see request.h */
#include "daemon/proxy/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/lib/log.h"
#include "daemon/trust/spiffe.h"

#define GRPC_SHOWN_SIZE 24

static void log_request(struct proxy *proxy, const char *service,
			const struct request_record *record, uint64_t now_ns)
{
	char hub[HUB_ID_STRLEN] = "-", grpc[GRPC_SHOWN_SIZE] = "";
	size_t path_len = strcspn(record->path, "?");

	if (log_get_level() < LOG_LEVEL_INFO ||
	    !bucket_take(&proxy->access_log, now_ns, ACCESS_LOG_PER_S, ACCESS_LOG_BURST)) {
		proxy->access_log_skipped++;
		return;
	}
	if (path_len > REQUEST_PATH_SHOWN)
		path_len = REQUEST_PATH_SHOWN;
	if (hub_id_is_valid(&record->hub))
		hub_id_format(&record->hub, hub);
	if (record->grpc_status >= 0)
		snprintf(grpc, sizeof(grpc), " grpc_status=%d", record->grpc_status);
	log_info(
		LOG_INFO_CLASS,
		"event=request service=%s via=%s hub=%s method=%s path=%.*s status=%u%s us=%" PRIu64
		" failed=%u traceparent=%s skipped=%" PRIu64,
		service, flow_via_name(record->via), hub, record->method[0] ? record->method : "-",
		path_len ? (int)path_len : 1, path_len ? record->path : "-", record->status, grpc,
		record->asked_ns ? (now_ns - record->asked_ns) / 1000 : 0, record->failed,
		record->traceparent[0] ? record->traceparent : "-", proxy->access_log_skipped);
	proxy->access_log_skipped = 0;
}

void request_count(struct proxy *proxy, struct counted *counted,
		   const struct request_record *record)
{
	struct proxy_http_counts *counts = &counted->counts.http;
	uint64_t now_ns = proxy_now_ns(proxy);

	counts->requests++;
	counts->statuses[record->status < 600 ? record->status / 100 : 5]++;
	counts->refused += record->is_refused;
	if (record->asked_ns)
		histogram_add(&counts->duration, (now_ns - record->asked_ns) / 1000);
	if (!record->is_copy)
		log_request(proxy, counted->name, record, now_ns);
}

struct http1_refusal request_explain(enum proxy_end why)
{
	switch (why) {
	case PROXY_END_TIMEOUT:
		return (struct http1_refusal){504, "the service did not answer in time"};
	case PROXY_END_NO_PROVIDER:
		return (struct http1_refusal){503,
					      "nobody provides the service now; try again later"};
	case PROXY_END_LIMIT:
		return (struct http1_refusal){
			503, "the service has all the requests it can take; try again later"};
	case PROXY_END_REFUSED:
		return (struct http1_refusal){502,
					      "the provider refused the connection; see its log"};
	default:
		return (struct http1_refusal){502, "the connection to the service failed"};
	}
}

static uint64_t take_random(struct proxy *proxy)
{
	ssize_t n = proxy->n_randoms
			    ? 0
			    : getrandom(proxy->randoms, sizeof(proxy->randoms), GRND_NONBLOCK);

	if (n > 0)
		proxy->n_randoms = (size_t)n / sizeof(proxy->randoms[0]);
	/* Before the kernel's pool is filled there are no sessions either. */
	return proxy->n_randoms ? proxy->randoms[--proxy->n_randoms] : uv_hrtime();
}

void request_make_traceparent(struct proxy *proxy, char ret[TRACEPARENT_LEN + 1])
{
	const uint64_t id[3] = {take_random(proxy), take_random(proxy), take_random(proxy)};

	traceparent_make(id, ret);
}

bool request_may_repeat(const struct request_attempt *attempt, uint64_t now_ns)
{
	if (!attempt->entry || attempt->why == PROXY_END_STOP || attempt->why == PROXY_END_LIMIT ||
	    !attempt->is_safe ||
	    (attempt->since_ns && now_ns - attempt->since_ns > REQUEST_LEASE_NS))
		return false;
	if (attempt->why == PROXY_END_NO_PROVIDER)
		return attempt->tries > 0; /* there was one a moment ago, another may be found */
	return attempt->tries < REQUEST_TRIES_MAX &&
	       (attempt->is_free || budget_spend(&attempt->entry->budget, now_ns));
}
