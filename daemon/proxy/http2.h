/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http2: a pump for flows of HTTP/2 requests
 *
 *	program -- down | exchange | up -- provider's proxy -- down | exchange | up -- service
 *
 * Where a program, or a hub, speaks to us we are an HTTP/2 server (down), where
 * we speak for it a client (up).  An exchange is one request and its answer,
 * between a stream of either.  At an entry every program's connection has a
 * flow with a down side, and connections to providers are flows of their own
 * with an up side, pooled by the entry: so each request goes where the lease
 * leads at that moment.  At a provider one flow has both.
 *
 *	http2.c			sessions: frames in and out, limits, time
 *	http2_exchange.c	requests: where they go, again, and what is answered
 *	http2_hold.c		requests that wait, fail on purpose, or are too many
 *	http2_shadow.c		requests made once more: copies and hedges
 *	http2_resume.c		answers that are gone on with elsewhere
 *	http2_drain.c		connections that are to end
 *	http2_pool.c		connections to providers
 *	http2_translate.c	bodies in another format
 *	http2_transcode.c	calls of gRPC in JSON
 *	http2_lines.c		streams of such calls
 *	http2_fields.c		header blocks; pure
 *	grpc_status.c		what of it is gRPC; pure
 *
 * Frames are made only just before the loop sleeps (http2_flush()), never while
 * others are being read: what one turn brings is framed together.
 */
#ifndef PROXY_HTTP2_H
#define PROXY_HTTP2_H

#include "daemon/proxy/http2_fields.h"
#include "daemon/proxy/internal.h"
#include "daemon/proxy/request.h"
#include "daemon/proxy/resume.h"

#define HTTP2_STREAMS_MAX 128 /* of a program's connection, at a time; as nginx has it */
#define HTTP2_HUB_STREAMS_MAX 1024 /* of a hub's: many programs share it */
#define HTTP2_STREAMS_FEW 100 /* with more, another connection to the provider is opened */
#define HTTP2_EXCHANGES_MAX 16384 /* under way in all */
#define HTTP2_WINDOW 262144 /* bytes a stream may hold for its reader, either way */
#define HTTP2_CONNECTION_WINDOW \
	((1u << 31) - 1) /* streams have windows, a slow one must not stop the others */
#define HTTP2_OUT_MAX 65536 /* frames made ahead of what an end has taken */
#define HTTP2_FRAMES_MAX 4096 /* waiting to be made: answers nobody reads */
#define HTTP2_ACKS_MAX 64
#define HTTP2_SETTINGS_MAX 32
#define HTTP2_CONTINUATIONS_MAX 8
#define HTTP2_RESETS_BURST 1000 /* of a program, by it or forced out of us (CVE-2023-44487) */
#define HTTP2_RESETS_PER_S 100
#define HTTP2_NOISE_BURST 1000 /* empty DATA, PRIORITY: frames that say nothing */
#define HTTP2_NOISE_PER_S 100
#define HTTP2_REPLAY_MAX 32768 /* of a request that may have to be made again */
#define HTTP2_HELD_MAX 16384 /* an answer kept until it is whole */
#define HTTP2_LINGER_MAX (4 << 20) /* of a request that was refused, and comes all the same */
#define HTTP2_LINGER_NS (2 * NSEC_PER_SEC) /* the same */
/* With more bytes held headers are not kept, as what is on its way comes first. */
#define HTTP2_RESUME_HELD_MAX (BUFFERED_MAX / 2)
#define HTTP2_RESUME_FIELDS 2 /* headers that ask for the rest of an answer */
#define HTTP2_HEAD_NS (10 * NSEC_PER_SEC) /* from the first byte of headers to their end */
#define HTTP2_PING_NS (500 * NSEC_PER_MSEC) /* then a GOAWAY names the last stream all the same */
#define HTTP2_LAST_WORDS_NS NSEC_PER_SEC /* for who is told that there is no time left */
#define HTTP2_POOL_IDLE_NS (60 * NSEC_PER_SEC) /* a connection to a provider without requests */

enum http2_role {
	HTTP2_PROGRAM, /* a program's connection to an entry */
	HTTP2_UPSTREAM, /* a pooled connection to a provider */
	HTTP2_PROVIDER, /* a hub's connection to a service of ours */
	HTTP2_SHADOW, /* nobody's: one request that is made once more */
};

/** enum http2_shadow - for whom a request is made */
enum http2_shadow {
	HTTP2_OWN, /* who asked */
	HTTP2_COPY, /* nobody: its answer is dropped */
	HTTP2_HEDGE, /* its parent, if it is quicker */
};

/**
 * struct http2_conn - one side: a session of nghttp2 on an end
 * @end: its @in are frames for the other end to take
 * @http2: whose
 * @session: NULL before it begins
 * @is_server: we answer
 * @is_busy: nghttp2 is on the stack
 * @is_dirty: in the list of those with something to send
 * @is_draining: takes no more requests
 * @is_gone: the other side is not there any more
 * @next_dirty: in that list
 * @exchanges: with a stream here, or waiting for one
 * @n_exchanges: of them
 * @block: headers that are coming; NULL none
 * @block_ns: since when, 0 none
 * @resets: streams we had to reset
 * @noise: frames that say nothing
 */
struct http2_conn {
	struct end end;
	struct http2 *http2;
	nghttp2_session *session;
	bool is_server, is_busy, is_dirty, is_draining, is_gone;
	struct http2_conn *next_dirty;
	struct http2_exchange *exchanges;
	uint32_t n_exchanges;
	struct http2_fields *block;
	uint64_t block_ns;
	struct bucket resets, noise;
};

/**
 * struct http2 - the pump of one flow
 * @flow: whose
 * @role: enum http2_role
 * @is_begun: sessions have begun, before that the first bytes are waited for; of an upstream:
 *	it is on its way to a provider
 * @is_pooled: requests may find it
 * @is_parting: the flow is about to close
 * @said_ns: who asks was told that it will end, 0 not
 * @drain_ns: what is under way is ended then; 0 not
 * @cut_ns: so it was; 0 not
 * @down: towards who asks
 * @up: towards who answers
 */
struct http2 {
	struct flow *flow;
	enum http2_role role;
	bool is_begun, is_pooled, is_parting;
	uint64_t said_ns, drain_ns, cut_ns;
	struct http2_conn down, up;
};

struct http2_timer;

/**
 * struct http2_exchange - one request and its answer
 * @down: it came in by; lives as long as this
 * @up: it went out by; NULL not now
 * @down_stream: number
 * @up_stream: number, 0 not asked yet
 * @down_prev: in the list of @down
 * @down_next: the same
 * @up_prev: in the list of @up
 * @up_next: the same
 * @request: what its headers say
 * @head: headers of the request; NULL once it cannot be made again
 * @trailers: of the request
 * @answer_head: headers of the answer, not passed on yet
 * @answer_trailers: of the answer
 * @to_service: body on its way
 * @to_client: the same
 * @replay: all of the request's body so far, while @can_replay
 * @resume: its answer, if that could be gone on with; else NULL
 * @is_resuming: the rest of it is asked for, and has not begun
 * @uncredited: bytes of @to_client that an earlier attempt has brought
 * @leg: of its entry, whose lease it uses; __LEG_END: the entry's own
 * @plan: what the entry does to it
 * @admission: to its provider
 * @timer: of what it waits for, see http2_hold.c; NULL nothing
 * @is_delayed: on purpose
 * @is_overflow: the provider is full, somebody else is to take it
 * @shadow: enum http2_shadow
 * @parent: for whom it is a hedge; NULL nobody, or nobody waits any more
 * @hedge: its second attempt; NULL there is none under way
 * @is_left: its own attempts have failed, for @last_why; it is over when @hedge fails too
 * @left_code: of RST_STREAM, with @is_left
 * @can_replay: it is small enough
 * @translate: its service says a format of bodies, or has a descriptor; NULL neither
 * @has_all: of the request
 * @is_sent: the service may have seen some of it
 * @has_head: the final answer's has come
 * @has_begun: the client has some of the answer
 * @is_held: the client gets nothing of the answer before all of it is here
 * @is_answered: all of the answer has come, or is ours
 * @is_own: it is ours
 * @is_over: a reset is on its way to the client
 * @is_said: the client has been sent all of the answer
 * @is_reported: the broker knows how this attempt went, or there is none
 * @credited: bytes of @to_service for which the client has had credit
 * @held: bytes counted as buffered
 * @via: enum flow_via of the last attempt
 * @hub: of the last attempt; caller at a provider
 * @digest: of the last attempt
 * @status: of the answer
 * @grpc_status: of the answer, or GRPC_STATUS_NONE
 * @tries: attempts that failed
 * @last_why: the last of them
 * @asked_ns: its headers came
 * @failed_ns: its first attempt failed, 0 none has
 * @has_all_ns: its end came
 * @moved_ns: last byte of it
 * @taken_ns: last time somebody took bytes of it
 * @head_us: from @asked_ns to the answer's headers
 * @retry_ns: when to try again, 0 not
 * @deadline_ns: the client waits no longer, 0 it does
 * @linger_ns: all of an answer of ours has been said, but not all of the request
 * @lingered: bytes of that since the answer
 * @traceparent: its own or a new one
 */
struct http2_exchange {
	struct http2_conn *down, *up;
	int32_t down_stream, up_stream;
	struct http2_exchange *down_prev, *down_next, *up_prev, *up_next;
	struct http2_request request;
	struct http2_fields *head, *trailers, *answer_head, *answer_trailers;
	struct buffer to_service, to_client, replay;
	struct http2_translate *translate;
	struct resume *resume;
	bool is_resuming;
	size_t uncredited;
	size_t leg;
	struct resilience_plan plan;
	struct admission admission;
	struct http2_timer *timer;
	bool is_delayed, is_overflow, is_left;
	uint8_t shadow;
	struct http2_exchange *parent, *hedge;
	uint32_t left_code;
	bool can_replay, has_all, is_sent, has_head, has_begun, is_held, is_answered, is_own,
		is_over, is_said, is_reported;
	size_t credited, held;
	unsigned int via;
	struct hub_id hub;
	uint8_t digest[SHA256_LEN];
	unsigned int status;
	int grpc_status;
	unsigned int tries;
	enum proxy_end last_why;
	uint64_t asked_ns, failed_ns, has_all_ns, moved_ns, taken_ns, head_us, retry_ns,
		deadline_ns, linger_ns;
	size_t lingered;
	char traceparent[TRACEPARENT_LEN + 1];
};

/** http2_flow() - Whose connection it came in by. */
static inline struct flow *http2_flow(const struct http2_exchange *exchange)
{
	return exchange->down->http2->flow;
}

/** http2_resilience() - Where what is done to it beyond passing it on is counted. */
static inline struct resilience_counts *http2_resilience(const struct http2_exchange *exchange)
{
	return &http2_flow(exchange)->counted->counts.resilience;
}

/* http2.c */
/** http2_new() - Put a pump into a flow whose ends are not joined, or only at the client. */
struct http2 *http2_new(struct flow *flow, enum http2_role role);
/** http2_listen() - At an entry: a program's connection; its first bytes say whether it is one. */
void http2_listen(struct http2 *http2);
/** http2_flush() - Make and send what one turn of the loop asked for. */
void http2_flush(struct proxy *proxy);
/** http2_relieve_pressure() - Cut the slowest request. Return: false there is none. */
bool http2_relieve_pressure(struct proxy *proxy);
void http2_mark_dirty(struct http2_conn *conn);
/** http2_drain() - No further requests; GOAWAY, and the end when those under way have ended. */
void http2_drain(struct http2_conn *conn);
/** http2_body() - nghttp2 asks us for a body, and gets it out of the exchange of a stream. */
extern const nghttp2_data_provider http2_body;

/* http2_exchange.c */
/** http2_exchange_begin() - A request's headers came. Takes @head. */
void http2_exchange_begin(struct http2_conn *down, int32_t stream, struct http2_fields *head,
			  bool has_all);
/** http2_exchange_request_data() - Some of its body. */
void http2_exchange_request_data(struct http2_exchange *exchange, const uint8_t *bytes, size_t len);
/** http2_exchange_request_end() - It is whole. Takes @trailers, NULL none. */
void http2_exchange_request_end(struct http2_exchange *exchange, struct http2_fields *trailers);
/** http2_exchange_answer_head() - Headers of an answer, maybe not the last ones. Takes @head. */
void http2_exchange_answer_head(struct http2_exchange *exchange, struct http2_fields *head,
				bool has_all);
/** http2_exchange_answer_data() - Some of its body. */
void http2_exchange_answer_data(struct http2_exchange *exchange, const uint8_t *bytes, size_t len);
/** http2_exchange_answer_end() - It is whole. Takes @trailers, NULL none. */
void http2_exchange_answer_end(struct http2_exchange *exchange, struct http2_fields *trailers);
/** http2_exchange_sent() - So many bytes of the body have been framed on a side. */
void http2_exchange_sent(struct http2_exchange *exchange, const struct http2_conn *on, size_t n);
/** http2_exchange_said() - So has the end of the answer. */
void http2_exchange_said(struct http2_exchange *exchange);
/** http2_exchange_dispatch() - Make an attempt where the lease leads. */
void http2_exchange_dispatch(struct http2_exchange *exchange);
/** http2_exchange_submit() - Its @up is open: ask, if its provider has place. */
void http2_exchange_submit(struct http2_exchange *exchange);
/** http2_exchange_up_closed() - The stream towards the service has ended, with this code. */
void http2_exchange_up_closed(struct http2_exchange *exchange, uint32_t code);
/** http2_exchange_stranded() - No way leads to its provider any more: ask another if it may be. */
void http2_exchange_stranded(struct http2_exchange *exchange);
/**
 * http2_exchange_up_lost() - The connection towards the service has ended.
 * @exchange: of it
 * @why: it ended
 * @was_open: false: it never began, and the broker has been told
 */
void http2_exchange_up_lost(struct http2_exchange *exchange, enum proxy_end why, bool was_open);
/** http2_exchange_free() - The stream of who asked is gone. @code: to tell the service. */
void http2_exchange_free(struct http2_exchange *exchange, uint32_t code);
/**
 * http2_exchange_answer() - An answer of ours, of which the client has nothing yet.
 * @exchange: is over then
 * @status: of HTTP; what counts
 * @grpc_status: that a client of gRPC gets
 * @reason: a sentence for a person
 */
void http2_exchange_answer(struct http2_exchange *exchange, unsigned int status, int grpc_status,
			   const char *reason);
/** http2_exchange_fail() - The same for an attempt that could not be made. */
void http2_exchange_fail(struct http2_exchange *exchange, enum proxy_end why);
/** http2_exchange_detach() - Its service needs not go on, or knows: NGHTTP2_NO_ERROR. */
void http2_exchange_detach(struct http2_exchange *exchange, uint32_t code);
/**
 * http2_exchange_copy() - The same request once more.
 * @of: this one, of which all is still there
 * @down: of nobody
 * @shadow: enum http2_shadow
 */
struct http2_exchange *http2_exchange_copy(const struct http2_exchange *of, struct http2_conn *down,
					   enum http2_shadow shadow);
/** http2_exchange_adopt() - The stream of its hedge is its own now; the other one is reset. */
void http2_exchange_adopt(struct http2_exchange *exchange, struct http2_exchange *hedge);
/** http2_exchange_hedge_ended() - It did not answer. */
void http2_exchange_hedge_ended(struct http2_exchange *exchange);
/** http2_exchange_stop() - There is no time left for it: say so, unless all has been said. */
void http2_exchange_stop(struct http2_exchange *exchange);
/** http2_exchange_cut() - End it whatever its state. */
void http2_exchange_cut(struct http2_exchange *exchange, unsigned int status, const char *reason);
void http2_exchange_tick(struct http2_exchange *exchange, uint64_t now_ns);
/** http2_count_malformed() - A request that nghttp2 refused. */
void http2_count_malformed(struct http2_conn *down);

/* http2_hold.c */
/** http2_entry_of() - Whose lease a request uses: its entry, or a leg of it; NULL that is gone. */
struct entry *http2_entry_of(const struct http2_exchange *exchange);
/** http2_hold_begin() - A request came: it is sent on, now or later, or fails on purpose. */
void http2_hold_begin(struct http2_exchange *exchange);
/** http2_hold_admit() - May the provider of @via have it?  Else it waits, or goes elsewhere. */
bool http2_hold_admit(struct http2_exchange *exchange);
/** http2_hold_wake() - Its provider has place. */
void http2_hold_wake(struct admission *admission);
/** http2_hold_whole() - All of a request has come. */
void http2_hold_whole(struct http2_exchange *exchange);
/** http2_hold_release() - It waits for nothing any more, and its provider has it no longer. */
void http2_hold_release(struct http2_exchange *exchange);

/* http2_shadow.c */
/** http2_shadow_copy() - The request is whole: copy it to the entry's mirror. */
void http2_shadow_copy(struct http2_exchange *exchange);
/** http2_shadow_hedge() - No answer yet: a second attempt, if budget and a provider are there. */
void http2_shadow_hedge(struct http2_exchange *exchange);
/** http2_shadow_cancel() - The request needs no second attempt any more. */
void http2_shadow_cancel(struct http2_exchange *exchange);
/** http2_shadow_answered() - Final headers came, noted in @shadow. Takes @head. */
void http2_shadow_answered(struct http2_exchange *shadow, struct http2_fields *head, bool has_all);
/** http2_shadow_end() - Nothing comes of it any more. */
void http2_shadow_end(struct http2_exchange *shadow);
/** http2_shadow_freed() - An exchange, itself or one that has a hedge, is about to go. */
void http2_shadow_freed(struct http2_exchange *exchange);
/** http2_shadow_drain() - A copy is given up; a hedge ends with its request. */
void http2_shadow_drain(struct http2 *http2);
/** http2_shadow_flush() - Close its flow if it is over. */
void http2_shadow_flush(struct http2 *http2);

/* http2_resume.c */
/** http2_resume_begin() - The final head of an answer, which is passed on at once. */
void http2_resume_begin(struct http2_exchange *exchange, const struct http2_fields *head);
/** http2_resume_is_possible() - Could the answer be gone on with? */
bool http2_resume_is_possible(const struct http2_exchange *exchange);
/** http2_resume_prepare() - Its next attempt is for the rest. */
void http2_resume_prepare(struct http2_exchange *exchange);
/**
 * http2_resume_put() - What such an attempt says besides.
 * @exchange: any
 * @range: room for a value
 * @ret: filled; borrows @range
 *
 * Return: entries.
 */
size_t http2_resume_put(const struct http2_exchange *exchange, char range[RESUME_RANGE_MAX],
			nghttp2_nv ret[HTTP2_RESUME_FIELDS]);
/** http2_resume_go_on() - A final head has come. Return: false it is not of the rest. */
bool http2_resume_go_on(struct http2_exchange *exchange, const struct http2_fields *head);
/**
 * http2_resume_take() - Content has come.
 * @exchange: any
 * @bytes: moved on to what the client has not had
 * @len: the same
 *
 * Return: false it is not what was to come.
 */
bool http2_resume_take(struct http2_exchange *exchange, const uint8_t **bytes, size_t *len);
/** http2_resume_is_whole() - It has ended: was that all? */
bool http2_resume_is_whole(const struct http2_exchange *exchange);

/* http2_drain.c */
/** http2_drain_all() - End after the requests under way, at once if there are none. */
void http2_drain_all(struct flow *flow);
/** http2_drain_heard() - A PING was answered: who asks knows. */
void http2_drain_heard(struct http2 *http2);
/** http2_drain_tick() - Return: the flow was cut, it took too long. */
bool http2_drain_tick(struct http2 *http2, uint64_t now_ns);
/** http2_drain_ended() - All has been said on a connection; count it if that was wanted. */
void http2_drain_ended(const struct http2 *http2);
/** http2_is_drained() - Has who asks got all it was to get? */
bool http2_is_drained(const struct flow *flow);

/* http2_pool.c */
/**
 * http2_pool_get() - A connection towards where a request of an entry goes now.
 * @entry: of the request
 * @tries: attempts that failed, or were turned away for want of place
 *
 * Return: one to attach to; a new one waits for entry_dispatch(). NULL: all are full.
 */
struct http2 *http2_pool_get(struct entry *entry, unsigned int tries);
/** http2_pool_remove() - Requests do not find it any more. */
void http2_pool_remove(struct http2 *http2);
/** http2_pool_tick() - Let go of what is idle or leads elsewhere. */
void http2_pool_tick(struct http2 *http2, uint64_t now_ns);

#endif
