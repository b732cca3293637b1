// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: h2: messages in, messages out, limits all around
 *
 * nghttp2 knows the protocol; this file knows what hubs use of it:
 *
 *	client -> server	POST <control_path()>, CBOR body; 204, 400, 404, 405, 413
 *	server -> client	records on the response to GET /v1/events
 *
 * Requests a client has no business making get a 4xx; frames no honest hub
 * sends (floods of PING, SETTINGS, resets, empty DATA, window updates, header
 * bombs, a second event stream) end the connection with ENHANCE_YOUR_CALM or
 * PROTOCOL_ERROR.
 */
#include "daemon/transport/h2.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#define H2_EVENTS_STREAM 1 /* the client's first request */
#define H2_BODY_FIRST_SIZE 512
#define H2_LENGTH_TEXT 12

/**
 * struct rate - token bucket
 * @tokens: left to spend, at most the burst
 * @refilled_ms: monotonic, when time last added some
 */
struct rate {
	uint32_t tokens;
	uint64_t refilled_ms;
};

/**
 * struct h2_message - one of ours, waiting
 * @next: to be sent after it, NULL in the last one
 * @number: enum control_message
 * @len: bytes of @body, at most CONTROL_BODY_MAX
 * @body: our copy of what h2_queue() was given
 */
struct h2_message {
	struct h2_message *next;
	uint8_t number;
	size_t len;
	uint8_t body[];
};

/**
 * struct h2_body - bytes received of a message
 * @bytes: heap, NULL while there are none
 * @len: bytes used, at most CONTROL_BODY_MAX
 * @size: bytes allocated
 */
struct h2_body {
	uint8_t *bytes;
	size_t len, size;
};

/**
 * struct h2_request - a stream the peer opened (server side)
 * @prev: list of open requests
 * @next: list of open requests
 * @stream: HTTP/2 stream id
 * @status: answered with; 0 = not yet
 * @message: number, 0 = path unknown
 * @is_get: method is GET
 * @is_post: method is POST
 * @is_events: path is H2_EVENTS_PATH
 * @content_length: as announced, 0 = not
 * @body: of the message so far; freed with the answer
 */
struct h2_request {
	struct h2_request *prev, *next;
	int32_t stream;
	uint16_t status;
	uint8_t message;
	bool is_get, is_post, is_events;
	uint64_t content_length;
	struct h2_body body;
};

/**
 * struct h2 - one connection
 * @session: nghttp2's side of it, owned
 * @events: whom to tell, copied
 * @is_client: we opened the TLS connection
 * @error: why it is over; 0 it is not
 * @is_receiving: nghttp2 is on the stack; it may not be asked to send then
 * @now_ms: monotonic, as the last h2_receive() was told
 * @resets: allowance for RST_STREAM, received or provoked
 * @controls: for PING, SETTINGS, empty DATA and all types without a rule of their own
 * @updates: for WINDOW_UPDATE; each DATA frame of ours adds to it
 * @header_bytes: of the header list being received
 * @response_status: of the response being received (client)
 * @requests: open ones of the peer (server)
 * @bodies_bytes: allocated for their bodies and for @event_body, at most H2_BODIES_MAX
 * @events_open: the event stream is there
 * @event: head of the event being received (client)
 * @event_len: bytes of its header received
 * @event_body: and its body
 * @posting: stream whose body is being sent, 0 = none (client)
 * @posts_open: requests without a complete answer (client)
 * @queue: messages not completely sent
 * @queue_tail: where the next one is hooked in
 * @queue_bytes: their bodies and headers
 * @queue_max: what @queue_bytes may grow to
 * @head_sent: bytes of the first already sent
 * @n_sent: messages that have left @queue, refused ones included
 * @unsent: nghttp2's, rest of a chunk produced in part; valid while @unsent_len is not 0
 * @unsent_len: bytes of it
 */
struct h2 {
	nghttp2_session *session;
	struct h2_events events;
	bool is_client, events_open, is_receiving;
	int error;
	uint64_t now_ms;
	struct rate resets, controls, updates;
	size_t header_bytes;
	uint16_t response_status;

	struct h2_request *requests;
	size_t bodies_bytes;

	uint8_t event[H2_EVENT_HEADER_LEN];
	size_t event_len;
	struct h2_body event_body;

	int32_t posting;
	unsigned int posts_open;
	struct h2_message *queue, **queue_tail;
	size_t queue_bytes, queue_max, head_sent;
	uint64_t n_sent;
	const uint8_t *unsent;
	size_t unsent_len;
};

static bool rate_take(struct rate *rate, uint64_t now_ms, uint32_t burst, uint32_t per_s)
{
	uint64_t refill = (now_ms - rate->refilled_ms) * per_s / 1000;

	if (refill > 0) {
		rate->tokens = refill >= burst - rate->tokens ? burst
							      : rate->tokens + (uint32_t)refill;
		/* What is left of the time earns the rest of a token later. */
		rate->refilled_ms += refill * 1000 / per_s;
	}
	if (rate->tokens == 0)
		return false;
	rate->tokens--;
	return true;
}

static void rate_earn(struct rate *rate, uint32_t tokens, uint32_t burst)
{
	rate->tokens = tokens >= burst - rate->tokens ? burst : rate->tokens + tokens;
}

static int give_up(struct h2 *h2, int error)
{
	if (h2->error == 0)
		h2->error = error;
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* ---- bodies ---- */

static void body_free(struct h2 *h2, struct h2_body *body)
{
	h2->bodies_bytes -= body->size;
	free(body->bytes);
	*body = (struct h2_body){0};
}

static int body_append(struct h2 *h2, struct h2_body *body, const uint8_t *bytes, size_t len)
{
	size_t need = body->len + len, size = body->size;
	uint8_t *grown;

	assert(need <= CONTROL_BODY_MAX);
	if (need > size) {
		size = size ? size : H2_BODY_FIRST_SIZE;
		while (size < need)
			size *= 2;
		if (h2->bodies_bytes + size - body->size > H2_BODIES_MAX)
			return -EDQUOT;
		grown = realloc(body->bytes, size);
		if (!grown)
			return -ENOMEM;
		h2->bodies_bytes += size - body->size;
		body->bytes = grown;
		body->size = size;
	}
	if (len > 0)
		memcpy(body->bytes + body->len, bytes, len);
	body->len = need;
	return 0;
}

/* ---- our messages ---- */

static void queue_pop(struct h2 *h2)
{
	struct h2_message *head = h2->queue;

	h2->queue = head->next;
	if (!h2->queue)
		h2->queue_tail = &h2->queue;
	h2->queue_bytes -= sizeof(*head) + head->len;
	h2->head_sent = 0;
	h2->n_sent++;
	free(head);
}

/* Body of the POST being sent: the head of the queue. */
static ssize_t read_post_body(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t size,
			      uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct h2 *h2 = arg;
	struct h2_message *head = h2->queue;
	size_t n;

	assert(stream == h2->posting && head);
	n = head->len - h2->head_sent;
	if (n > size)
		n = size;
	memcpy(buf, head->body + h2->head_sent, n);
	h2->head_sent += n;
	if (h2->head_sent == head->len) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		queue_pop(h2);
		h2->posting = 0;
	}
	return (ssize_t)n;
}

static void copy_part(const uint8_t *from, size_t len, size_t *skip, uint8_t *to, size_t size,
		      size_t *used)
{
	size_t n;

	if (*skip >= len) {
		*skip -= len;
		return;
	}
	n = len - *skip < size - *used ? len - *skip : size - *used;
	memcpy(to + *used, from + *skip, n);
	*used += n;
	*skip = 0;
}

/* The event stream: messages in a row, as many as fit; it never ends by itself. */
static ssize_t read_events(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t size,
			   uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct h2 *h2 = arg;
	size_t used = 0;

	while (h2->queue && used < size) {
		struct h2_message *head = h2->queue;
		uint8_t header[H2_EVENT_HEADER_LEN] = {head->number, head->len >> 24,
						       head->len >> 16 & 0xff,
						       head->len >> 8 & 0xff, head->len & 0xff};
		size_t skip = h2->head_sent, before = used;

		copy_part(header, sizeof(header), &skip, buf, size, &used);
		copy_part(head->body, head->len, &skip, buf, size, &used);
		h2->head_sent += used - before;
		if (h2->head_sent == sizeof(header) + head->len)
			queue_pop(h2);
	}
	return used > 0 ? (ssize_t)used : NGHTTP2_ERR_DEFERRED;
}

#define H2_NV(n, v, vlen)                                                                   \
	{                                                                                   \
		(uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, (vlen), NGHTTP2_NV_FLAG_NONE \
	}

/* Client: the next message becomes a request when the one before has left. */
static void submit_next_post(struct h2 *h2)
{
	const nghttp2_data_provider body = {.read_callback = read_post_body};
	char length[H2_LENGTH_TEXT];
	const char *path;
	int32_t stream;

	if (!h2->is_client || !h2->events_open || h2->posting || !h2->queue ||
	    h2->posts_open >= H2_POSTS_MAX || h2->error)
		return;
	path = control_path(h2->queue->number);
	snprintf(length, sizeof(length), "%zu", h2->queue->len);
	const nghttp2_nv headers[] = {
		H2_NV(":method", "POST", 4),
		H2_NV(":scheme", "https", 5),
		H2_NV(":authority", "hub", 3),
		H2_NV(":path", path, strlen(path)),
		H2_NV("content-length", length, strlen(length)),
	};
	stream = nghttp2_submit_request(h2->session, NULL, headers,
					sizeof(headers) / sizeof(*headers), &body, NULL);
	if (stream < 0) {
		give_up(h2, -ENOMEM);
		return;
	}
	h2->posting = stream;
	h2->posts_open++;
}

int h2_queue(struct h2 *h2, uint8_t message, const uint8_t *body, size_t len)
{
	struct h2_message *m;

	if (!control_path(message))
		return -EINVAL;
	if (len > CONTROL_BODY_MAX)
		return -EMSGSIZE;
	if (h2->queue_bytes + sizeof(*m) + len > h2->queue_max)
		return -ENOBUFS;
	m = malloc(sizeof(*m) + len);
	if (!m)
		return -ENOMEM;
	m->next = NULL;
	m->number = message;
	m->len = len;
	if (len > 0)
		memcpy(m->body, body, len);
	*h2->queue_tail = m;
	h2->queue_tail = &m->next;
	h2->queue_bytes += sizeof(*m) + len;
	if (!h2->is_client && h2->events_open)
		nghttp2_session_resume_data(h2->session, H2_EVENTS_STREAM);
	return 0;
}

bool h2_is_idle(const struct h2 *h2)
{
	return !h2->queue;
}

uint64_t h2_messages_sent(const struct h2 *h2)
{
	return h2->n_sent;
}

/* ---- the peer's requests (server) ---- */

static struct h2_request *request_of(struct h2 *h2, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(h2->session, stream);
}

static void request_free(struct h2 *h2, struct h2_request *request)
{
	if (request->prev)
		request->prev->next = request->next;
	else
		h2->requests = request->next;
	if (request->next)
		request->next->prev = request->prev;
	body_free(h2, &request->body);
	free(request);
}

static int answer(struct h2 *h2, struct h2_request *request, uint16_t status)
{
	char text[4];
	const nghttp2_nv headers[] = {H2_NV(":status", text, 3)};

	snprintf(text, sizeof(text), "%u", (unsigned int)status % 1000);
	request->status = status;
	body_free(h2, &request->body);
	if (status >= 400)
		h2->events.refused(h2->events.arg, status);
	if (nghttp2_submit_response(h2->session, request->stream, headers, 1, NULL) != 0)
		return give_up(h2, -ENOMEM);
	return 0;
}

static int open_events(struct h2 *h2, struct h2_request *request)
{
	const nghttp2_data_provider events = {.read_callback = read_events};
	const nghttp2_nv headers[] = {H2_NV(":status", "200", 3)};

	if (h2->events_open || request->stream != H2_EVENTS_STREAM)
		return give_up(h2, -EPROTO);
	request->status = 200;
	h2->events_open = true;
	if (nghttp2_submit_response(h2->session, request->stream, headers, 1, &events) != 0)
		return give_up(h2, -ENOMEM);
	h2->events.ready(h2->events.arg);
	return 0;
}

static int request_headers_complete(struct h2 *h2, struct h2_request *request, bool is_complete)
{
	if (request->is_events && request->is_get && is_complete)
		return open_events(h2, request);
	if (!h2->events_open)
		return give_up(h2, -EPROTO);
	if (!request->message)
		return answer(h2, request, request->is_events ? 405 : 404);
	if (!request->is_post)
		return answer(h2, request, 405);
	if (request->content_length > CONTROL_BODY_MAX)
		return answer(h2, request, 413);
	return 0;
}

static int request_complete(struct h2 *h2, struct h2_request *request)
{
	int r = h2->events.message(h2->events.arg, request->message, request->body.bytes,
				   request->body.len);

	return answer(h2, request, r == 0 ? 204 : 400);
}

static uint64_t parse_length(const uint8_t *text, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || n > CONTROL_BODY_MAX)
			return UINT64_MAX;
		n = n * 10 + (text[i] - '0');
	}
	return n;
}

static bool is_text(const uint8_t *bytes, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(bytes, text, len) == 0;
}

static void request_header(struct h2_request *request, const uint8_t *name, size_t name_len,
			   const uint8_t *value, size_t len)
{
	if (is_text(name, name_len, ":method")) {
		request->is_get = is_text(value, len, "GET");
		request->is_post = is_text(value, len, "POST");
	} else if (is_text(name, name_len, ":path")) {
		int message = control_from_path((const char *)value, len);

		request->is_events = is_text(value, len, H2_EVENTS_PATH);
		request->message = message > 0 ? (uint8_t)message : 0;
	} else if (is_text(name, name_len, "content-length")) {
		request->content_length = parse_length(value, len);
	}
}

/* ---- the server's events (client) ---- */

static int event_complete(struct h2 *h2)
{
	if (control_path(h2->event[0]))
		/* A refusal is counted and logged by the owner; nobody to answer. */
		h2->events.message(h2->events.arg, h2->event[0], h2->event_body.bytes,
				   h2->event_body.len);
	else
		h2->events.refused(h2->events.arg, 404);
	body_free(h2, &h2->event_body);
	h2->event_len = 0;
	return 0;
}

static int event_bytes(struct h2 *h2, const uint8_t *bytes, size_t len)
{
	const uint8_t *e = h2->event;

	while (len > 0) {
		size_t n, want;
		int r;

		while (h2->event_len < H2_EVENT_HEADER_LEN && len > 0) {
			h2->event[h2->event_len++] = *bytes++;
			len--;
		}
		if (h2->event_len < H2_EVENT_HEADER_LEN)
			break;
		want = (size_t)e[1] << 24 | (size_t)e[2] << 16 | (size_t)e[3] << 8 | e[4];
		if (want > CONTROL_BODY_MAX)
			return give_up(h2, -EPROTO);
		want -= h2->event_body.len;
		n = want < len ? want : len;
		r = body_append(h2, &h2->event_body, bytes, n);
		if (r < 0)
			return give_up(h2, r);
		bytes += n;
		len -= n;
		if (n == want)
			event_complete(h2);
	}
	return 0;
}

/* ---- nghttp2's callbacks ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h2 = arg;
	struct h2_request *request;

	h2->header_bytes = 0;
	h2->response_status = 0;
	if (h2->is_client || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	request = calloc(1, sizeof(*request));
	if (!request)
		return give_up(h2, -ENOMEM);
	request->stream = frame->hd.stream_id;
	request->next = h2->requests;
	if (h2->requests)
		h2->requests->prev = request;
	h2->requests = request;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, request);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *arg)
{
	struct h2 *h2 = arg;
	struct h2_request *request;

	h2->header_bytes += name_len + len + 32; /* RFC 9113 section 6.5.2 */
	if (h2->header_bytes > H2_HEADER_LIST_MAX)
		return give_up(h2, -EDQUOT);
	if (h2->is_client) {
		if (is_text(name, name_len, ":status"))
			h2->response_status = (uint16_t)parse_length(value, len);
		return 0;
	}
	request = request_of(h2, frame->hd.stream_id);
	if (request && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		request_header(request, name, name_len, value, len);
	return 0;
}

static int on_client_headers(struct h2 *h2, const nghttp2_frame *frame)
{
	if (frame->hd.stream_id != H2_EVENTS_STREAM)
		return 0; /* the status of a POST: the hub there has counted it */
	if (h2->events_open || h2->response_status != 200 ||
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		return give_up(h2, -EPROTO);
	h2->events_open = true;
	h2->events.ready(h2->events.arg);
	return 0;
}

static int on_server_frame(struct h2 *h2, const nghttp2_frame *frame)
{
	struct h2_request *request = request_of(h2, frame->hd.stream_id);
	bool is_complete = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	int r = 0;

	if (!request || request->status)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		r = request_headers_complete(h2, request, is_complete);
	if (r == 0 && is_complete && !request->status)
		r = request_complete(h2, request);
	return r;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h2 = arg;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		return h2->is_client ? on_client_headers(h2, frame) : on_server_frame(h2, frame);
	case NGHTTP2_DATA:
		return h2->is_client ? 0 : on_server_frame(h2, frame);
	case NGHTTP2_PING:
		if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
			uint64_t token;

			memcpy(&token, frame->ping.opaque_data, sizeof(token));
			h2->events.pong(h2->events.arg, token);
		}
		return 0;
	case NGHTTP2_GOAWAY:
		return give_up(h2,
			       frame->goaway.error_code == NGHTTP2_NO_ERROR ? -ESHUTDOWN : -EPROTO);
	default:
		return 0;
	}
}

/* Frames that cost us something and say little. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
	struct h2 *h2 = arg;
	bool is_fine = true;

	if (h2->error)
		return NGHTTP2_ERR_CALLBACK_FAILURE; /* a stream's end cannot stop nghttp2 */
	/* Resets of streams refused cost nothing else, and count only when they leave. */
	if (nghttp2_session_get_outbound_queue_size(h2->session) > H2_FRAMES_MAX)
		return give_up(h2, -EDQUOT);
	switch (hd->type) {
	case NGHTTP2_RST_STREAM:
		is_fine = rate_take(&h2->resets, h2->now_ms, H2_RESETS_BURST, H2_RESETS_PER_S);
		break;
	case NGHTTP2_WINDOW_UPDATE:
		is_fine = rate_take(&h2->updates, h2->now_ms, H2_WINDOW_UPDATES_BURST,
				    H2_WINDOW_UPDATES_PER_S);
		break;
	case NGHTTP2_HEADERS:
		break;
	case NGHTTP2_DATA:
		if (hd->length > 0 || hd->flags & NGHTTP2_FLAG_END_STREAM)
			break;
		/* fall through */
	default:
		is_fine = rate_take(&h2->controls, h2->now_ms, H2_CONTROL_FRAMES_BURST,
				    H2_CONTROL_FRAMES_PER_S);
	}
	return is_fine ? 0 : give_up(h2, -EDQUOT);
}

/*
 * A reset we send was provoked (CVE-2025-8671): it counts like one received.
 * Data we send entitles the peer to window updates, however fast it goes.
 */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h2 = arg;

	/*
	 * Of a body that was answered early the rest is of no use (RFC 9113 section 8.1).
	 * Said with the answer, nghttp2 would drop the answer.
	 */
	if (!h2->is_client && frame->hd.type == NGHTTP2_HEADERS &&
	    !nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) &&
	    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
				      NGHTTP2_NO_ERROR) != 0)
		return give_up(h2, -ENOMEM);
	if (frame->hd.type == NGHTTP2_DATA)
		rate_earn(&h2->updates, H2_WINDOW_UPDATES_PER_DATA, H2_WINDOW_UPDATES_BURST);
	if (frame->hd.type == NGHTTP2_RST_STREAM &&
	    !rate_take(&h2->resets, h2->now_ms, H2_RESETS_BURST, H2_RESETS_PER_S))
		return give_up(h2, -EDQUOT);
	if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
	    h2->error == 0)
		h2->error = -EPROTO; /* nghttp2 found the peer in error */
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
			 const uint8_t *bytes, size_t len, void *arg)
{
	struct h2 *h2 = arg;
	struct h2_request *request;
	int r;

	if (h2->is_client)
		return stream == H2_EVENTS_STREAM ? event_bytes(h2, bytes, len) : 0;
	request = request_of(h2, stream);
	if (!request || request->status)
		return 0;
	if (request->body.len + len > CONTROL_BODY_MAX)
		return answer(h2, request, 413);
	r = body_append(h2, &request->body, bytes, len);
	return r < 0 ? give_up(h2, r) : 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *arg)
{
	struct h2 *h2 = arg;
	struct h2_request *request;

	if (stream == H2_EVENTS_STREAM && h2->error == 0)
		h2->error = -EPROTO; /* it lives as long as the connection */
	if (h2->is_client) {
		if (stream != H2_EVENTS_STREAM && h2->posts_open > 0)
			h2->posts_open--;
		if (stream == h2->posting) { /* refused before all of it was sent */
			queue_pop(h2);
			h2->posting = 0;
		}
		return 0;
	}
	request = request_of(h2, stream);
	if (request) {
		nghttp2_session_set_stream_user_data(session, stream, NULL);
		request_free(h2, request);
	}
	return 0;
}

/* ---- life ---- */

static int make_callbacks(nghttp2_session_callbacks **ret)
{
	nghttp2_session_callbacks *callbacks;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	*ret = callbacks;
	return 0;
}

static int make_option(nghttp2_option **ret)
{
	nghttp2_option *option;

	if (nghttp2_option_new(&option) != 0)
		return -ENOMEM;
	nghttp2_option_set_max_outbound_ack(option, H2_ACKS_MAX);
	nghttp2_option_set_max_settings(option, H2_SETTINGS_MAX);
	nghttp2_option_set_max_continuations(option, H2_CONTINUATIONS_MAX);
	nghttp2_option_set_stream_reset_rate_limit(option, H2_RESETS_BURST, H2_RESETS_PER_S);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, H2_HEADER_TABLE);
	nghttp2_option_set_peer_max_concurrent_streams(option, H2_STREAMS_MAX);
	nghttp2_option_set_max_reserved_remote_streams(option, 0);
	nghttp2_option_set_no_closed_streams(option, 1);
	*ret = option;
	return 0;
}

static int make_session(struct h2 *h2)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int r = -ENOMEM;

	if (make_callbacks(&callbacks) == 0 && make_option(&option) == 0)
		r = h2->is_client
			    ? nghttp2_session_client_new2(&h2->session, callbacks, h2, option)
			    : nghttp2_session_server_new2(&h2->session, callbacks, h2, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return r == 0 ? 0 : -ENOMEM;
}

static int submit_preface(struct h2 *h2)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h2->is_client ? 0 : H2_STREAMS_MAX},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADER_LIST_MAX},
		{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, H2_HEADER_TABLE},
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, /* a client's to say, so last */
	};
	const nghttp2_nv headers[] = {
		H2_NV(":method", "GET", 3),
		H2_NV(":scheme", "https", 5),
		H2_NV(":authority", "hub", 3),
		H2_NV(":path", H2_EVENTS_PATH, sizeof(H2_EVENTS_PATH) - 1),
	};
	size_t n = sizeof(settings) / sizeof(*settings) - (h2->is_client ? 0 : 1);

	if (nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, n) != 0)
		return -ENOMEM;
	if (h2->is_client &&
	    nghttp2_submit_request(h2->session, NULL, headers, 4, NULL, NULL) != H2_EVENTS_STREAM)
		return -ENOMEM;
	return 0;
}

int h2_new(bool is_client, uint64_t now_ms, size_t queue_max, const struct h2_events *events,
	   struct h2 **ret)
{
	struct h2 *h2 = calloc(1, sizeof(*h2));

	if (!h2)
		return -ENOMEM;
	h2->is_client = is_client;
	h2->events = *events;
	h2->now_ms = now_ms;
	h2->resets = (struct rate){H2_RESETS_BURST, now_ms};
	h2->controls = (struct rate){H2_CONTROL_FRAMES_BURST, now_ms};
	h2->updates = (struct rate){H2_WINDOW_UPDATES_BURST, now_ms};
	h2->queue_tail = &h2->queue;
	h2->queue_max = queue_max;
	if (make_session(h2) < 0 || submit_preface(h2) < 0) {
		h2_free(h2);
		return -ENOMEM;
	}
	*ret = h2;
	return 0;
}

void h2_free(struct h2 *h2)
{
	if (!h2)
		return;
	nghttp2_session_del(h2->session); /* calls nobody back */
	while (h2->requests)
		request_free(h2, h2->requests);
	while (h2->queue)
		queue_pop(h2);
	body_free(h2, &h2->event_body);
	free(h2);
}

int h2_error(const struct h2 *h2)
{
	return h2->error;
}

int h2_receive(struct h2 *h2, uint64_t now_ms, const uint8_t *bytes, size_t len)
{
	ssize_t r;

	h2->now_ms = now_ms;
	if (h2->error)
		return h2->error;
	h2->is_receiving = true;
	r = nghttp2_session_mem_recv(h2->session, bytes, len);
	h2->is_receiving = false;
	if (r == NGHTTP2_ERR_NOMEM)
		h2->error = -ENOMEM;
	else if (r < 0 && h2->error == 0)
		h2->error = r == NGHTTP2_ERR_FLOODED ? -EDQUOT : -EPROTO;
	if (h2->error == -EPROTO || h2->error == -EDQUOT)
		nghttp2_session_terminate_session(h2->session, h2->error == -EDQUOT
								       ? NGHTTP2_ENHANCE_YOUR_CALM
								       : NGHTTP2_PROTOCOL_ERROR);
	return h2->error;
}

size_t h2_produce(struct h2 *h2, uint8_t *buf, size_t size)
{
	size_t used = 0;

	while (used < size && !h2->is_receiving) {
		size_t n;

		if (h2->unsent_len == 0) {
			ssize_t r;

			submit_next_post(h2);
			r = nghttp2_session_mem_send(h2->session, &h2->unsent);
			if (r < 0 && h2->error == 0)
				h2->error = -ENOMEM;
			if (r <= 0)
				break;
			h2->unsent_len = (size_t)r;
		}
		n = h2->unsent_len < size - used ? h2->unsent_len : size - used;
		memcpy(buf + used, h2->unsent, n);
		h2->unsent += n;
		h2->unsent_len -= n;
		used += n;
	}
	return used;
}

void h2_ping(struct h2 *h2, uint64_t token)
{
	uint8_t opaque[8];

	memcpy(opaque, &token, sizeof(opaque));
	if (nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, opaque) != 0)
		h2->error = h2->error ? h2->error : -ENOMEM;
}

void h2_goodbye(struct h2 *h2, const char *reason)
{
	int32_t last = nghttp2_session_get_last_proc_stream_id(h2->session);

	nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR,
			      (const uint8_t *)reason, strlen(reason));
}
