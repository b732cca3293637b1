/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: request: what pumps of HTTP/1.1 and HTTP/2 do alike with a request
 *
 * How it is counted and logged, what a client is told when it cannot be
 * served, and whether it may be made again.
 */
#ifndef PROXY_REQUEST_H
#define PROXY_REQUEST_H

#include "daemon/proxy/http1.h"
#include "daemon/proxy/internal.h"

#define REQUEST_CALLER "x-forwarded-client-cert"
#define REQUEST_TRACE "traceparent"
#define REQUEST_TRIES_MAX 5
#define REQUEST_LEASE_NS (5 * NSEC_PER_SEC) /* for another provider, once one has failed */
#define REQUEST_PATH_SHOWN 64
#define REQUEST_RETRY_AFTER_S "1" /* what a 503 says: a lease is found in less */

/**
 * struct request_record - a request that has been answered
 * @via: enum flow_via
 * @hub: provider, or caller; may be none
 * @method: "" not known
 * @path: "" not known; with its query
 * @status: of HTTP; what counts
 * @grpc_status: negative: it is no gRPC
 * @is_refused: the answer was ours
 * @is_copy: of another request, and not logged
 * @asked_ns: end of its head, 0 never
 * @failed: attempts that failed
 * @traceparent: "" none
 */
struct request_record {
	unsigned int via;
	struct hub_id hub;
	const char *method, *path;
	unsigned int status;
	int grpc_status;
	bool is_refused, is_copy;
	uint64_t asked_ns;
	unsigned int failed;
	const char *traceparent;
};

/** request_count() - Into the counters of its service, and at a bounded rate the log. */
void request_count(struct proxy *proxy, struct counted *counted,
		   const struct request_record *record);
/** request_explain() - What a client is told for an attempt that failed. */
struct http1_refusal request_explain(enum proxy_end why);
/** request_make_traceparent() - For one that came without. */
void request_make_traceparent(struct proxy *proxy, char ret[TRACEPARENT_LEN + 1]);

/**
 * struct request_attempt - one that failed
 * @entry: it came in by; NULL that is gone, or this is the provider
 * @since_ns: it has been tried again, 0 not yet
 * @tries: of the request that failed before
 * @why: it failed
 * @is_safe: the service has not seen it, or may see it twice
 * @is_free: surely no work was done for it, so another one is no load
 */
struct request_attempt {
	struct entry *entry;
	uint64_t since_ns;
	unsigned int tries;
	enum proxy_end why;
	bool is_safe, is_free;
};

/** request_may_repeat() - May it be made again? Takes from the entry's budget. */
bool request_may_repeat(const struct request_attempt *attempt, uint64_t now_ns);

#endif
