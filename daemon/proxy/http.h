/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: http: a pump between the ends of a flow that understands HTTP/1.1
 *
 * It has an end towards each side: what a side says is read there, judged and
 * passed on at the other.  One request is under way at a time, later ones of a
 * pipeline wait unread; so answers keep their order and a request can be made
 * again at another provider while its client knows nothing of it.
 */
#ifndef PROXY_HTTP_H
#define PROXY_HTTP_H

#include "daemon/proxy/http1.h"
#include "daemon/proxy/internal.h"
#include "daemon/proxy/request.h"
#include "daemon/proxy/resume.h"

#define HTTP_PASSING_MAX 32768 /* on their way to one side: two reads */
#define HTTP_REPLAY_MAX 32768 /* of a request that may have to be made again */
#define HTTP_HELD_MAX \
	16384 /* an answer kept until it is whole; with its head it is within the above */
#define HTTP_HEAD_NS (10 * NSEC_PER_SEC) /* from a head's first byte to its end */
#define HTTP_CLOSING_NS (2 * NSEC_PER_SEC) /* a client that still sends must get to read why not */
#define HTTP_PATH_SHOWN REQUEST_PATH_SHOWN

struct http_translate;

enum http_state {
	HTTP_IDLE, /* a head is waited for */
	HTTP_OPEN, /* a request is under way */
	HTTP_UPGRADED, /* bytes of another protocol */
	HTTP_CLOSING, /* all has been said; the client has yet to read it */
};

/**
 * struct http - the pump of one flow
 * @flow: whose
 * @to_client: its @in is what the client will get
 * @to_service: its @in is what the service will get
 * @state: enum http_state
 * @is_provider: the client is another hub
 * @is_pumping: on the stack
 * @again: something moved meanwhile
 * @is_dropping: the socket of the last attempt is being closed
 * @request: read from the client, a head that has not ended or what follows one
 * @response: likewise from the service
 * @request_seen: bytes of @request searched for its end
 * @response_seen: likewise
 * @request_body: where in it we are
 * @response_body: likewise
 * @n_put: bytes of the request under way that were put into @to_service, for this attempt
 * @translate: what its bodies need, where the service says their format; NULL nothing yet
 * @replay: all of the request so far, while @can_replay
 * @can_replay: it is small enough
 * @is_rewritten: what was put into @to_service is not as it came
 * @is_untouched: no service has seen any of it, though it may have been sent
 * @is_head: the method is
 * @is_idempotent: may be made twice
 * @is_persistent: the client's connection goes on afterwards
 * @wants_upgrade: was asked for
 * @has_begun: the client has some of the answer
 * @is_held: the client gets nothing of the answer before all of it is here
 * @has_head: the final answer's head has come
 * @does_service_stay: it did not say that the connection ends
 * @has_served: an answer has come on the way to the service before
 * @is_service_broken: it takes nothing any more; what it has said is still passed on
 * @is_service_cut: and it has not said all it wanted
 * @is_private: the service may take connections for its client's from now on
 * @is_reused: the way to the service was another client's, no answer has come on it since
 * @is_kept: the client is done, but the way to the service may be another's
 * @is_last: the client has said that it asks no more
 * @is_leaving: so it has, and has got its answer: nothing need be waited for
 * @status: of the answer
 * @tries: attempts that failed
 * @last_why: the last of them
 * @failed_ns: the first of them
 * @began_ns: first byte of a head; 0 none
 * @asked_ns: its end
 * @retry_ns: when to try again, 0 not
 * @closing_ns: since when
 * @method: of the request
 * @path: for the log, without its query
 * @traceparent: of the request
 * @admission: to the provider
 * @fault: what the request gets on purpose
 * @stalled: the head while it must not be sent
 * @is_stalled: so it must
 * @is_overflow: the provider is full, somebody else is to take the request
 * @resume: its answer, if it could be gone on with
 * @is_resume_chunked: the client gets it in chunks
 * @may_resume: the request is one for that
 * @is_resuming: the rest of it is asked for, and has not begun
 * @shadow: the client is this one; NULL it is a program or hub
 * @hedge: second attempt under way; NULL none
 * @is_mirrored: a copy is to be made when the request is whole
 * @dialled: whose lease the connection to the service was made for; only compared
 * @timer: when the request has waited long enough; libuv's
 * @has_timer: libuv has it
 * @drain_ns: cut then; 0 not
 */
struct http {
	struct flow *flow;
	struct end to_client, to_service;
	enum http_state state;
	bool is_provider, is_pumping, again, is_dropping;
	struct buffer request, response;
	size_t request_seen, response_seen;
	struct http1_body request_body, response_body;
	size_t n_put;
	struct http_translate *translate;
	struct buffer replay;
	bool can_replay, is_rewritten, is_untouched, is_head, is_idempotent, is_persistent,
		wants_upgrade, has_begun, is_held, has_head, does_service_stay, has_served,
		is_service_broken, is_service_cut, is_private, is_reused, is_kept, is_last,
		is_leaving;
	unsigned int status, tries;
	enum proxy_end last_why;
	uint64_t began_ns, asked_ns, failed_ns, retry_ns, closing_ns;
	char method[HTTP1_METHOD_MAX + 1], path[HTTP_PATH_SHOWN + 1];
	char traceparent[TRACEPARENT_LEN + 1];
	struct admission admission;
	struct fault fault;
	struct buffer stalled;
	bool is_stalled, is_overflow;
	struct shadow *shadow, *hedge;
	struct resume resume;
	bool is_mirrored, may_resume, is_resuming, is_resume_chunked;
	const struct entry *dialled;
	uv_timer_t timer;
	bool has_timer;
	uint64_t drain_ns;
};

/** http_new() - Put a pump into a flow whose ends are not joined, or only at the client. */
struct http *http_new(struct flow *flow, bool is_provider);
/** http_listen() - At an entry: read requests; each is sent on by entry_dispatch(). */
void http_listen(struct http *http);
/** http_settle() - Something changed at an end: pass on what can be. */
void http_settle(struct http *http);
/**
 * http_answer() - An answer of ours, after which the connection ends.
 * @http: with a request under way, or a head that is refused
 * @status: of it
 * @reason: a sentence for a person
 */
void http_answer(struct http *http, unsigned int status, const char *reason);
/** http_proceed() - The request may go on: to where the lease leads, as soon as there is place. */
void http_proceed(struct http *http);
/** http_dispatch() - Make an attempt, if the socket of the last one is closed. */
void http_dispatch(struct http *http);
/** http_drop_service() - Let go of the service; the client stays. */
void http_drop_service(struct http *http);
/** http_end() - Between requests: say no more, and close when the client has read all. */
void http_end(struct http *http);
/** http_request_at() - Where in @to_service the request under way begins, until it is passed on. */
static inline size_t http_request_at(const struct http *http)
{
	return buffer_len(&http->to_service.in) - http->n_put;
}
/** http_forget_earlier() - What a service that answered early has not taken of that is for no other. */
void http_forget_earlier(struct http *http);
/**
 * http_take_from() - So many bytes are passed on.
 * @http: whose
 * @from: they were read there
 * @pending: they have waited here since; NULL: at @from
 * @n: bytes
 */
void http_take_from(struct http *http, struct end *from, struct buffer *pending, size_t n);

/** http_hedge_won() - The answer of the second attempt, @winner, is the one. */
void http_hedge_won(struct http *http, const struct http *winner);
/** http_hedge_ended() - All of that answer has come; or, with @is_reset, never will. */
void http_hedge_ended(struct http *http, bool is_reset);

/* http_hold.c */
/** http_is_held() - Does a request that has just come wait, or fail, on purpose? */
bool http_is_held(struct http *http);
/** http_is_stranded() - Is there no way to the provider any more, and could another answer? */
bool http_is_stranded(const struct http *http);
/** http_admit() - May a provider get the request? Else it waits, or the provider is full. */
enum admission_verdict http_admit(struct http *http, const struct hub_id *hub,
				  const uint8_t *digest);
/** http_admit_open() - The same for the one it has a connection to, with all that follows. */
void http_admit_open(struct http *http);
/** http_wake() - Its provider has place. */
void http_wake(struct admission *admission);
/** http_drain() - End after the answer, at once if there is none to wait for. */
void http_drain(struct http *http);
/** http_closed() - The flow is over: what the request waits for is given up. */
void http_closed(struct flow *flow, enum proxy_end why);
/** http_is_drained() - Has the client got all it was to get, as far as requests go? */
bool http_is_drained(const struct flow *flow);
/** http_tick_drain() - Return: the flow was cut, its answer took too long. */
bool http_tick_drain(struct http *http, uint64_t now_ns);

/* http_resume.c */
/** http_resume_begin() - An answer that is passed on at once begins. */
void http_resume_begin(struct http *http, const struct http1_head *head);
/** http_resume_ask() - Ask for the rest of the answer: the request as it was, and two headers. */
void http_resume_ask(struct http *http);
/** http_resume_go_on() - A final head has come. Return: false it is not of the rest. */
bool http_resume_go_on(struct http *http, const struct http1_head *head);
/** http_resume_move() - Pass on content of such an answer. Return: false it is no good. */
bool http_resume_move(struct http *http);

/* http_head.c */
/**
 * http_write_request() - The head as the next hop gets it.
 * @ret: appended to
 * @head: as it came
 * @caller: SPIFFE id to say; whatever the client said of it is left out
 * @traceparent: in place of any in @head
 */
void http_write_request(struct buffer *ret, const struct http1_head *head, const char *caller,
			const char *traceparent);
/** http_write_last() - The head of a response, saying that the connection ends after it. */
void http_write_last(struct buffer *ret, const uint8_t *bytes, const struct http1_head *head);
/** http_take_traceparent() - The head's own if it has a good one, else a new one. */
void http_take_traceparent(struct proxy *proxy, const struct http1_head *head,
			   char ret[TRACEPARENT_LEN + 1]);
/** http_connection_is_safe() - Connection names no header that framing or identity hang on. */
bool http_connection_is_safe(const struct http1_head *head);

#endif
