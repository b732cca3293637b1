/* SPDX-License-Identifier: GPL-2.0 */
#ifndef API_RESOURCE_H
#define API_RESOURCE_H

#include <jansson.h>

#include "daemon/api/api.h"
#include "daemon/api/health.h"
#include "daemon/api/log_ring.h"

#define API_PATH_HOPS_MAX 64 /* as many as the ttl allows */

/**
 * struct api_request - one request, taken out of its HTTP
 * @method: "GET", "POST", ...
 * @path: without query
 * @argument: value of a query argument, NULL when absent
 * @arg: for @argument
 * @body: of a POST, borrowed
 * @len: its length
 * @may_change: the peer may POST
 */
struct api_request {
	const char *method, *path;
	const char *(*argument)(void *arg, const char *key);
	void *arg;
	const uint8_t *body;
	size_t len;
	bool may_change;
};

/**
 * struct api_reply - what to answer
 * @status: HTTP status
 * @body: owned by the caller
 * @allow: value of the Allow header of a 405, else NULL
 */
struct api_reply {
	unsigned int status;
	json_t *body;
	const char *allow;
};

/**
 * struct api_counters - the API's own
 * @requests: answered
 * @refused: of those, with an error
 * @peers_refused: connections of users who may not ask
 * @connections_limited: connections over a limit
 */
struct api_counters {
	uint64_t requests, refused, peers_refused, connections_limited;
};

/**
 * struct api_state - what resources are made from
 * @context: what may be looked at
 * @ring: recent log lines, owned by the api
 * @history: device counters of the past
 * @started_ns: when the API opened, monotonic
 * @counters: the API's own
 */
struct api_state {
	struct api_context context;
	struct log_ring *ring;
	struct health_history history;
	uint64_t started_ns;
	struct api_counters counters;
};

/**
 * api_answer() - Answer one request.
 * @state: of the API
 * @request: borrowed
 * @ret: always filled
 *
 * Context: Reads the hub's views; asks the datapath (netlink, blocking, short).
 */
void api_answer(struct api_state *state, const struct api_request *request, struct api_reply *ret);

/** api_object_new() - {"api": 1}, to be filled. */
json_t *api_object_new(void);
/** api_reply_ok() - Fill @ret with @object (consumed). */
void api_reply_ok(struct api_reply *ret, json_t *object);
/* resource_policy.c */
/** api_fill_qos() - Members of /v1/qos; api_fill_filter() - of /v1/filter. */
void api_fill_qos(struct api_state *state, json_t *object);
void api_fill_filter(struct api_state *state, json_t *object);

/** api_reply_error() - Fill @ret with an error object. @hint may be NULL. */
void api_reply_error(struct api_reply *ret, unsigned int status, const char *code, const char *hint,
		     const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
