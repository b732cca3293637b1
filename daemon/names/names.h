/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: names: a small DNS server for the programs of this machine
 *
 * A shell: UDP and TCP on one loopback address, and on request an upstream
 * server for all other names.  What is answered is decided in answer.h.
 * Documentation/names.rst.
 */
#ifndef NAMES_NAMES_H
#define NAMES_NAMES_H

#include <uv.h>

#include "daemon/names/answer.h"

#define NAMES_CLIENTS_MAX 32 /* TCP connections; each waits NAMES_IDLE_MS at most */
#define NAMES_BACKLOG 256 /* not accepted yet: one program's many must not fill it at once */
#define NAMES_IDLE_MS 5000
#define NAMES_FORWARDS_MAX 64 /* questions upstream; the oldest answers or ends first */
/* Of them over TCP: a slow upstream must leave connections for names that are ours. */
#define NAMES_FORWARDS_TCP_MAX 24
#define NAMES_FORWARD_MS 3000 /* clients ask again after 5 s */
#define NAMES_FORWARD_UDP_MAX 4096 /* longer datagrams are no answer to our clients */
/* A query costs some 10 us: at most a tenth of one core. */
#define NAMES_RATE_PER_S 10000
#define NAMES_BURST 1000

/**
 * struct names_settings - where to listen, whom to ask
 * @listen: loopback address with its port
 * @upstream: for names that are not ours; family 0: they are refused
 */
struct names_settings {
	struct endpoint listen, upstream;
};

/**
 * struct names_counters - what came and what became of it
 * @by_outcome: queries, by enum names_outcome
 * @by_tcp: of them over TCP
 * @truncated: UDP replies cut short
 * @limited: queries dropped over the rate
 * @clients_refused: TCP connections over NAMES_CLIENTS_MAX busy ones, closed at once
 * @clients_displaced: TCP connections that asked nothing, or have all they asked for, closed for
 *	another to have room
 * @clients_idle: TCP connections closed after NAMES_IDLE_MS
 * @forwards_refused: over NAMES_FORWARDS_MAX or NAMES_FORWARDS_TCP_MAX, answered SERVFAIL
 * @forwards_failed: no answer from upstream in time, answered SERVFAIL
 * @forwards_strange: datagrams from upstream that answer nothing, ignored
 */
struct names_counters {
	uint64_t by_outcome[NAMES_OUTCOMES];
	uint64_t by_tcp, truncated, limited, clients_refused, clients_displaced, clients_idle;
	uint64_t forwards_refused, forwards_failed, forwards_strange;
};

_Static_assert(NAMES_FORWARDS_TCP_MAX < NAMES_CLIENTS_MAX, "some are never waiting for upstream");

struct names;

/**
 * names_open() - Bind and listen; answers come once the loop runs.
 * @loop: of the daemon
 * @settings: copied
 * @source: what is known of names; copied, called from the loop
 * @ret: filled on success
 * @error_text: on failure, a sentence for a person (static text)
 *
 * A port below 1024 needs CAP_NET_BIND_SERVICE, nothing later does.
 *
 * Return: 0 or -errno.
 */
int names_open(uv_loop_t *loop, const struct names_settings *settings,
	       const struct names_source *source, struct names **ret, const char **error_text);
/** names_close() - Close everything; freed by the loop's next turn. NULL is allowed. */
void names_close(struct names *names);
const struct names_counters *names_counters(const struct names *names);

#endif
