// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: fuzzer for h2.c: a peer that says anything, to a server or to a client
 *
 * Input is a plan and the peer's bytes.  The plan (struct plan) says which
 * end we are, how the bytes are cut, how well the peer reads, and what we do
 * of our own: one step of the script before each piece.  With PLAN_HELLO the
 * peer has opened the connection properly first, so a few bytes get far; two
 * steps let it fill a body or repeat a frame, so few bytes are a flood.
 *
 * Both directions are followed by frame headers alone, apart from nghttp2,
 * and compared with what h2.h promises: events only from within h2_receive()
 * and never after the end, one answer per request, our messages whole and in
 * order, windows kept, and memory, waiting frames and output bounded by what
 * the peer has said.
 */
#include "daemon/transport/h2.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sanitizer/allocator_interface.h>

#define FRAME_HEADER_LEN 9
#define FRAME_VALUE_LEN 64 /* bytes of a payload that are looked at */
#define FRAME_PAYLOAD_MAX 16384
#define MAGIC "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define MESSAGES_MAX 4096 /* of ours, in one run */
#define PEER_FRAMES_MAX 4096 /* beyond these the peer repeats nothing */
#define PEER_BYTES_MAX (2 * H2_BODIES_MAX)
#define ANSWERS_MAX (2 * PEER_FRAMES_MAX)
#define SCRIPT_LEN 4
#define MEMORY_MAX (192 * 1024) /* besides messages: session, HPACK, streams, waiting frames */
#define MEMORY_PER_PART 512 /* of a message half received */
#define MEMORY_PER_MESSAGE 32 /* of ours, besides its body */
#define WAITING_SLACK 4 /* what one frame may add before the next is refused */

enum { F_DATA, F_HEADERS, F_PRIORITY, F_RST, F_SETTINGS, F_PUSH, F_PING, F_GOAWAY, F_WINDOW };

#define FLAG_END_STREAM 0x01
#define FLAG_ACK 0x01
#define FLAG_END_HEADERS 0x04

#define PLAN_CLIENT 0x01 /* we are the client */
#define PLAN_HELLO 0x02 /* the peer's first frames are made here */
#define PLAN_ACK 0x04 /* ... and it acknowledges our SETTINGS */
#define PLAN_REFUSE 0x08 /* every other message of the peer is malformed */
#define PLAN_INSIDE 0x10 /* we speak from within events */
#define PLAN_ABANDON 0x20 /* freed with output waiting */

/**
 * struct plan - the first bytes of the input
 * @flags: PLAN_*
 * @piece: bytes per h2_receive(), 0 = all at once
 * @reading: size of the buffer for h2_produce()
 * @pace: low half: room in our queue; high half: time between pieces
 * @script: low 2 bits: how much output is taken then; 3 bits what is done; 3 bits how much
 */
struct plan {
	uint8_t flags, piece, reading, pace, script[SCRIPT_LEN];
};

/* The first two are the peer's: more of a body, and the same again and again. */
enum { DO_DATA, DO_AGAIN, DO_QUEUE, DO_BURST, DO_FILL, DO_PING, DO_GOODBYE, DO_WAIT };

/**
 * struct flow - one direction, frame by frame
 * @magic: bytes of the client's preface still to come
 * @head: header of the frame at hand
 * @n_head: bytes of it
 * @n_payload: bytes of its payload
 * @value: the first of them
 * @last: the frame before, as far as it was kept
 * @bytes: all of the direction; what follows counts frames and what they carry
 */
struct flow {
	size_t magic;
	uint8_t head[FRAME_HEADER_LEN];
	size_t n_head, n_payload;
	uint8_t value[FRAME_VALUE_LEN];
	uint8_t last[FRAME_HEADER_LEN + FRAME_VALUE_LEN];
	uint64_t bytes, frames, data, parts, window, requests, closings;
	uint64_t settings, settings_acks, pings, pongs, resets, mild_resets, errors;
	uint32_t newest;
};

/**
 * struct world - a connection and all we know of it
 * @base: bytes allocated before it
 * @is_inside: h2_receive() is on the stack
 * @must_explain: a GOAWAY with an error is due
 * @error: h2_error() as last seen
 * @answers_due: requests that were understood or refused
 * @waiting: frames that left since the peer last said something
 * @queued: our messages
 * @message: the one that is leaving
 * @message_at: how much of it has left
 * @answered: streams we sent a response on
 */
struct world {
	struct h2 *h2;
	struct plan plan;
	size_t base, queue_max, reading;
	bool is_client, is_inside, is_ready, is_goodbye, must_explain;
	int error;
	uint64_t now_ms, sent, messages, refused, answers_due, pings;
	uint8_t *buf;
	struct flow in, out;
	unsigned int waiting;
	struct {
		uint8_t number;
		size_t len;
	} queued[MESSAGES_MAX];
	size_t n_queued, queued_bytes, message, message_at;
	uint32_t answered[ANSWERS_MAX];
	size_t n_answered;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t least(uint64_t a, size_t b)
{
	return a < b ? (size_t)a : b;
}

/* ---- our messages ---- */

/* Counts up, from another number in each message. */
static const uint8_t *body_of(size_t message)
{
	static uint8_t counting[256 + CONTROL_BODY_MAX + 1];

	if (!counting[1])
		for (size_t i = 0; i < sizeof(counting); i++)
			counting[i] = (uint8_t)i;
	return counting + message * 29 % 256;
}

/* Part of the message that is leaving; @skip: bytes before its body. Return: bytes of it. */
static size_t check_body(struct world *w, const uint8_t *bytes, size_t len, size_t skip)
{
	size_t at = w->message_at - skip, n = least(len, w->queued[w->message].len - at);

	assert(memcmp(bytes, body_of(w->message) + at, n) == 0);
	w->message_at += n;
	return n;
}

/* Server: stream 1 carries all that was queued, in order. */
static void check_events(struct world *w, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t n = 1, body;

		assert(w->message < w->n_queued);
		body = w->queued[w->message].len;
		if (w->message_at == 0)
			assert(*bytes == w->queued[w->message].number);
		else if (w->message_at < H2_EVENT_HEADER_LEN)
			assert(*bytes == (uint8_t)(body >> 8 * (4 - w->message_at)));
		if (w->message_at < H2_EVENT_HEADER_LEN)
			w->message_at++;
		else
			n = check_body(w, bytes, len, H2_EVENT_HEADER_LEN);
		bytes += n;
		len -= n;
		if (w->message_at == H2_EVENT_HEADER_LEN + body) {
			w->message++;
			w->message_at = 0;
		}
	}
}

static void check_request(struct world *w, uint32_t stream, uint8_t flags)
{
	assert(stream == 2 * w->out.requests - 1);
	if (stream == 1) {
		assert(flags & FLAG_END_STREAM);
		return;
	}
	w->message = stream / 2 - 1;
	w->message_at = 0;
	assert(!(flags & FLAG_END_STREAM) && w->message < w->n_queued);
	/* One above the limit needs one that is over. */
	assert(w->message < H2_POSTS_MAX + w->in.closings + w->out.resets);
}

static void check_answer(struct world *w, uint32_t stream)
{
	assert(stream % 2 == 1 && stream <= w->in.newest);
	for (size_t i = 0; i < w->n_answered; i++)
		assert(w->answered[i] != stream);
	assert(w->n_answered < w->answers_due && w->n_answered < ANSWERS_MAX);
	w->answered[w->n_answered++] = stream;
}

/* ---- frames, in and out ---- */

static uint32_t be32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

static void put_stream(uint8_t *head, uint32_t stream)
{
	for (int i = 0; i < 4; i++)
		head[5 + i] = (uint8_t)(stream >> (24 - 8 * i));
}

static uint32_t frame_len(const struct flow *flow)
{
	return be32(flow->head) >> 8;
}

static uint32_t frame_stream(const struct flow *flow)
{
	return be32(flow->head + 5) & 0x7fffffff;
}

/* The header is there, and what comes of it may be, before the payload is. */
static void count_head(struct flow *flow)
{
	uint8_t type = flow->head[3], flags = flow->head[4];
	uint32_t stream = frame_stream(flow);

	flow->frames++;
	flow->newest = stream > flow->newest ? stream : flow->newest;
	flow->data += type == F_DATA ? frame_len(flow) : 0;
	flow->parts += type == F_DATA;
	flow->requests += type == F_HEADERS;
	flow->closings += type == F_RST || (type <= F_HEADERS && flags & FLAG_END_STREAM);
	flow->resets += type == F_RST;
	flow->settings += type == F_SETTINGS && !(flags & FLAG_ACK);
	flow->settings_acks += type == F_SETTINGS && flags & FLAG_ACK;
	flow->pings += type == F_PING && !(flags & FLAG_ACK);
	flow->pongs += type == F_PING && flags & FLAG_ACK;
}

static void count_payload(struct flow *flow)
{
	uint8_t type = flow->head[3];

	if (type == F_WINDOW && frame_stream(flow) == 0)
		flow->window += be32(flow->value) & 0x7fffffff;
	if (type == F_RST)
		flow->mild_resets += be32(flow->value) == 0;
	if (type == F_GOAWAY)
		flow->errors += be32(flow->value + 4) != 0;
}

/* A frame of ours is complete. */
static void check_frame(struct world *w)
{
	const struct flow *in = &w->in, *out = &w->out;
	uint8_t type = out->head[3], flags = out->head[4];
	uint32_t stream = frame_stream(out);

	assert(frame_len(out) <= FRAME_PAYLOAD_MAX);
	assert(out->settings == 1); /* goes first, and once */
	assert(out->settings_acks <= in->settings && out->pongs <= in->pings);
	assert(out->pings <= w->pings);
	assert(out->data <= H2_WINDOW + in->window && out->window <= in->data);
	switch (type) {
	case F_DATA:
		assert(!(flags & ~FLAG_END_STREAM));
		if (w->is_client) /* ends with the message, not before and not after */
			assert(!(flags & FLAG_END_STREAM) ==
			       (w->message_at < w->queued[w->message].len));
		else
			assert(!flags);
		break;
	case F_HEADERS:
		assert(flags & FLAG_END_HEADERS);
		if (w->is_client)
			check_request(w, stream, flags);
		else
			check_answer(w, stream);
		break;
	case F_RST:
		assert(stream <= (w->is_client ? out->newest : in->newest));
		break;
	default:
		assert(type != F_PRIORITY && type != F_PUSH && type <= F_WINDOW);
	}
	if (type == F_DATA || (w->is_client && type == F_HEADERS))
		return; /* not made before there is room for them */
	w->waiting++;
	assert(w->waiting <= H2_FRAMES_MAX + WAITING_SLACK);
}

static void check_payload(struct world *w, const uint8_t *bytes, size_t len)
{
	uint32_t stream = frame_stream(&w->out);

	if (w->out.head[3] != F_DATA)
		return;
	if (w->is_client) {
		assert(stream > 1 && stream == 2 * w->out.requests - 1);
		assert(check_body(w, bytes, len, 0) == len);
	} else {
		assert(stream == 1);
		check_events(w, bytes, len);
	}
}

/* Return: bytes that belong to the frame at hand. */
static size_t flow_part(struct world *w, struct flow *flow, const uint8_t *bytes, size_t len)
{
	size_t n;

	if (flow->magic > 0) {
		flow->magic--;
		return 1;
	}
	if (flow->n_head < FRAME_HEADER_LEN) {
		flow->head[flow->n_head++] = *bytes;
		if (flow->n_head == FRAME_HEADER_LEN)
			count_head(flow);
		return 1;
	}
	if (flow->n_payload == 0)
		memset(flow->value, 0, sizeof(flow->value));
	n = least(len, frame_len(flow) - flow->n_payload);
	for (size_t i = 0; i < n && flow->n_payload + i < FRAME_VALUE_LEN; i++)
		flow->value[flow->n_payload + i] = bytes[i];
	if (flow == &w->out)
		check_payload(w, bytes, n);
	flow->n_payload += n;
	return n;
}

static void flow_bytes(struct world *w, struct flow *flow, const uint8_t *bytes, size_t len)
{
	flow->bytes += len;
	while (len > 0) {
		size_t n = flow_part(w, flow, bytes, len);

		bytes += n;
		len -= n;
		if (flow->n_head < FRAME_HEADER_LEN || flow->n_payload < frame_len(flow))
			continue;
		count_payload(flow);
		if (flow == &w->out)
			check_frame(w);
		memcpy(flow->last, flow->head, FRAME_HEADER_LEN);
		memcpy(flow->last + FRAME_HEADER_LEN, flow->value, FRAME_VALUE_LEN);
		flow->n_head = flow->n_payload = 0;
	}
}

/* ---- what holds at all times ---- */

static size_t memory_max(const struct world *w)
{
	uint64_t ours = w->queued_bytes + MEMORY_PER_MESSAGE * w->n_queued;
	uint64_t theirs = MEMORY_PER_PART * (w->in.parts + 1) + 2 * w->in.data;

	return MEMORY_MAX + least(ours, w->queue_max) + least(theirs, H2_BODIES_MAX);
}

static void check(struct world *w)
{
	uint64_t sent = h2_messages_sent(w->h2), owed = 2048;
	int error = h2_error(w->h2);

	owed += 8 * w->in.bytes + 160 * w->n_queued + w->queued_bytes + 32 * w->pings;
	assert(!w->error || error == w->error);
	w->error = error;
	assert(sent >= w->sent && sent <= w->n_queued);
	w->sent = sent;
	assert(h2_is_idle(w->h2) == (sent == w->n_queued));
	assert(w->out.bytes <= owed);
	assert(__sanitizer_get_current_allocated_bytes() - w->base <= memory_max(w));
}

/* ---- our side ---- */

static void queue(struct world *w, uint8_t number, size_t len)
{
	int r;

	if (w->n_queued == MESSAGES_MAX)
		return;
	r = h2_queue(w->h2, number, body_of(w->n_queued), len);
	if (!control_path(number))
		assert(r == -EINVAL);
	else if (len > CONTROL_BODY_MAX)
		assert(r == -EMSGSIZE);
	else
		assert(r == 0 || r == -ENOBUFS);
	if (r < 0)
		return;
	w->queued[w->n_queued].number = number;
	w->queued[w->n_queued++].len = len;
	w->queued_bytes += len;
}

static void ping(struct world *w)
{
	if (w->pings > w->out.pings)
		return; /* the session has one outstanding */
	h2_ping(w->h2, ++w->pings);
}

static void goodbye(struct world *w)
{
	if (w->is_goodbye)
		return;
	w->is_goodbye = true;
	h2_goodbye(w->h2, "stopping");
}

/* Return: bytes the peer took. */
static size_t produce(struct world *w)
{
	size_t n = h2_produce(w->h2, w->buf, w->reading);

	assert(n <= w->reading);
	flow_bytes(w, &w->out, w->buf, n);
	check(w);
	return n;
}

static void drain(struct world *w)
{
	while (produce(w) > 0)
		;
	w->waiting = 0;
}

/* ---- events ---- */

static void check_event(struct world *w)
{
	assert(w->is_inside && h2_error(w->h2) == 0);
	if (w->is_client)
		assert(w->messages + w->refused <= w->in.data / H2_EVENT_HEADER_LEN);
	else
		assert(w->messages <= w->in.requests && w->refused <= w->in.requests);
	if (!(w->plan.flags & PLAN_INSIDE))
		return;
	assert(h2_produce(w->h2, w->buf, w->reading) == 0);
	queue(w, CONTROL_KEY_ACCEPT, 13);
	ping(w);
	if (w->messages == 7)
		goodbye(w);
}

static void on_ready(void *arg)
{
	struct world *w = arg;

	assert(!w->is_ready);
	w->is_ready = true;
	w->answers_due++;
	check_event(w);
}

static int on_message(void *arg, uint8_t message, const uint8_t *body, size_t len)
{
	static uint8_t copy[CONTROL_BODY_MAX];
	struct world *w = arg;

	assert(w->is_ready && control_path(message) && len <= CONTROL_BODY_MAX);
	if (len > 0)
		memcpy(copy, body, len); /* all of it is there to read */
	w->messages++;
	w->answers_due++;
	check_event(w);
	return w->plan.flags & PLAN_REFUSE && w->messages % 2 ? -EBADMSG : 0;
}

static void on_refused(void *arg, unsigned int status)
{
	struct world *w = arg;

	assert(w->is_ready);
	assert(status == 404 ||
	       (!w->is_client && (status == 400 || status == 405 || status == 413)));
	w->refused++;
	w->answers_due += status != 400; /* that was a message */
	check_event(w);
}

static void on_pong(void *arg, uint64_t token)
{
	check_event(arg);
}

/* ---- the peer's side ---- */

static void feed(struct world *w, const uint8_t *bytes, size_t len)
{
	bool was_over = w->error;
	int r;

	flow_bytes(w, &w->in, bytes, len);
	w->waiting = 0;
	w->is_inside = true;
	r = h2_receive(w->h2, w->now_ms, bytes, len);
	w->is_inside = false;
	assert(r == h2_error(w->h2));
	w->must_explain |= !was_over && (r == -EPROTO || r == -EDQUOT);
	check(w);
}

static void feed_hello(struct world *w)
{
	static const uint8_t settings[FRAME_HEADER_LEN] = {0, 0, 0, F_SETTINGS};
	static const uint8_t ack[FRAME_HEADER_LEN] = {0, 0, 0, F_SETTINGS, FLAG_ACK};
	/* HPACK: our table is 1024 bytes (to be said after ACK); status 200 */
	static const uint8_t ok[] = "\0\0\4\1\4\0\0\0\1\77\341\7\210";
	/* ... GET, https, and two literals without indexing: path, authority */
	static const uint8_t get[] = "\0\0\26\1\5\0\0\0\1\77\341\7\202\207\4\12/v1/events\1\3hub";

	drain(w); /* a server answers */
	if (!w->is_client)
		feed(w, (const uint8_t *)MAGIC, sizeof(MAGIC) - 1);
	feed(w, settings, sizeof(settings));
	if (w->plan.flags & PLAN_ACK)
		feed(w, ack, sizeof(ack));
	if (w->is_client)
		feed(w, ok, sizeof(ok) - 1);
	else
		feed(w, get, sizeof(get) - 1);
	assert(w->is_ready && w->error == 0);
}

/* Between frames: @len bytes of DATA for the newest request, or the client's events. */
static void feed_data(struct world *w, size_t len)
{
	static uint8_t frame[FRAME_HEADER_LEN + FRAME_PAYLOAD_MAX] = {
		FRAME_PAYLOAD_MAX >> 16, FRAME_PAYLOAD_MAX >> 8 & 0xff, 0, F_DATA};

	put_stream(frame, w->is_client ? 1 : w->in.newest);
	for (size_t n = 0; n < len && w->in.bytes < PEER_BYTES_MAX; n += FRAME_PAYLOAD_MAX)
		feed(w, frame, sizeof(frame));
}

/* Between frames: the last one @n times more; requests are new ones. */
static void feed_again(struct world *w, unsigned int n)
{
	uint8_t frame[sizeof(w->in.last)];
	size_t len = be32(w->in.last) >> 8;

	if (len > FRAME_VALUE_LEN || w->in.bytes == 0)
		return;
	memcpy(frame, w->in.last, sizeof(frame));
	while (n-- > 0 && w->in.frames < PEER_FRAMES_MAX) {
		if (frame[3] == F_HEADERS && !w->is_client)
			put_stream(frame, w->in.newest + 2);
		feed(w, frame, FRAME_HEADER_LEN + len);
	}
}

static void act(struct world *w, uint8_t what)
{
	static const size_t len[] = {0, 1, 17, 300, 16384, 20000, 65535, CONTROL_BODY_MAX};
	/* A server's stream 1 takes no DATA. */
	bool is_between = w->in.magic == 0 && w->in.n_head == 0 && w->in.newest > !w->is_client;
	unsigned int amount = what >> 5;

	switch (what >> 2 & 7) {
	case DO_DATA:
		if (is_between)
			feed_data(w, amount * FRAME_PAYLOAD_MAX);
		break;
	case DO_AGAIN:
		if (is_between)
			feed_again(w, amount * 32);
		break;
	case DO_QUEUE:
		queue(w, amount + 1, len[amount]);
		break;
	case DO_BURST: /* 0 and the last number are nobody's */
		for (unsigned int i = 0; i <= 10 * amount; i++)
			queue(w, i % (__CONTROL_END + 1), i);
		break;
	case DO_FILL:
		for (unsigned int i = 0; i <= amount; i++)
			queue(w, CONTROL_RECORD, CONTROL_BODY_MAX);
		queue(w, CONTROL_RECORD, CONTROL_BODY_MAX + 1);
		break;
	case DO_PING:
		ping(w);
		break;
	case DO_GOODBYE:
		goodbye(w);
		break;
	case DO_WAIT:
		w->now_ms += (uint64_t)amount * amount * 100;
		break;
	}
	check(w);
	if ((what & 3) == 1)
		produce(w);
	else if ((what & 3) > 1)
		drain(w);
}

static void feed_pieces(struct world *w, const uint8_t *bytes, size_t len)
{
	uint64_t pause = w->plan.pace >> 4;
	size_t piece = w->plan.piece;

	if (piece == 0)
		piece = len;
	else if (piece > 128)
		piece = (piece - 128) * 128;
	for (size_t step = 0; len > 0; step++) {
		size_t n = piece < len ? piece : len;

		act(w, w->plan.script[step % SCRIPT_LEN]);
		feed(w, bytes, n);
		w->now_ms += pause * pause * 4;
		bytes += n;
		len -= n;
	}
}

/* Can all of ours have left?  Certain only if the peer kept to its first settings. */
static bool fits(const struct world *w)
{
	return w->plan.flags & PLAN_HELLO && w->in.settings == 1 && w->n_queued <= H2_POSTS_MAX &&
	       w->queued_bytes + H2_EVENT_HEADER_LEN * w->n_queued <= H2_WINDOW;
}

static bool is_broken_off(const struct world *w)
{
	return w->in.resets > 0 || w->out.resets > w->out.mild_resets;
}

/* All is said: nothing more comes of itself, nothing is owed, an error has been explained. */
static void finish(struct world *w)
{
	drain(w);
	assert(!w->must_explain || w->out.errors > 0);
	if (w->error)
		return;
	assert(h2_produce(w->h2, w->buf, w->reading) == 0);
	if (w->is_goodbye)
		return; /* what crossed it gets no answer */
	assert(!fits(w) || h2_is_idle(w->h2));
	assert(w->is_client || is_broken_off(w) || w->n_answered == w->answers_due);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct world *w = &world;
	const struct h2_events events = {on_ready, on_message, on_refused, on_pong, w};

	if (size < sizeof(w->plan))
		return 0;
	memset(w, 0, sizeof(*w));
	memcpy(&w->plan, data, sizeof(w->plan));
	w->is_client = w->plan.flags & PLAN_CLIENT;
	w->in.magic = w->is_client ? 0 : sizeof(MAGIC) - 1;
	w->out.magic = w->is_client ? sizeof(MAGIC) - 1 : 0;
	w->now_ms = 1000;
	w->queue_max = (size_t)1024 << (w->plan.pace & 15) % 10;
	w->reading = 1 + (size_t)w->plan.reading * 65;
	w->buf = malloc(w->reading); /* the heap notices one byte too many */
	assert(w->buf);
	w->base = __sanitizer_get_current_allocated_bytes();
	assert(h2_new(w->is_client, w->now_ms, w->queue_max, &events, &w->h2) == 0);
	if (w->plan.flags & PLAN_HELLO)
		feed_hello(w);
	feed_pieces(w, data + sizeof(w->plan), size - sizeof(w->plan));
	if (!(w->plan.flags & PLAN_ABANDON))
		finish(w);
	h2_free(w->h2);
	free(w->buf);
	return 0;
}
