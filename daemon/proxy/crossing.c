// SPDX-License-Identifier: GPL-2.0
/* DOC: crossing: see crossing.h */
#include "daemon/proxy/crossing.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/http2.h"
#include "daemon/proxy/http2_session.h"

void crossing_init(struct crossing *crossing, struct proxy *proxy,
		   void (*work)(struct crossing *crossing), void (*free)(struct crossing *crossing))
{
	*crossing = (struct crossing){.proxy = proxy, .work = work, .free = free, .users = 1};
}

static void put(struct crossing *crossing)
{
	assert(crossing->users > 0);
	if (--crossing->users == 0)
		crossing->free(crossing);
}

void crossing_mark_dirty(struct crossing *crossing)
{
	if (crossing->is_dirty || crossing->is_closed)
		return;
	crossing->is_dirty = true;
	crossing->users++;
	crossing->next_dirty = crossing->proxy->crossings;
	crossing->proxy->crossings = crossing;
}

void crossing_close(struct crossing *crossing)
{
	crossing->is_closed = true;
	put(crossing);
}

void crossings_flush(struct proxy *proxy)
{
	while (proxy->crossings) {
		struct crossing *crossing = proxy->crossings;

		proxy->crossings = crossing->next_dirty;
		crossing->is_dirty = false;
		if (!crossing->is_closed)
			crossing->work(crossing);
		put(crossing);
	}
}

/* ---- links ---- */

static void link_pull(struct end *end)
{
	crossing_mark_dirty(((struct http2_link *)end)->crossing);
}

static void link_taken(struct end *end, size_t n)
{
	crossing_mark_dirty(((struct http2_link *)end)->crossing);
}

static void link_close(struct end *end, bool is_reset)
{
	/* The crossing's owner closes what is outside. */
}

static const struct end_ops link_ops = {
	.pull = link_pull,
	.taken = link_taken,
	.close = link_close,
};

void http2_link_init(struct http2_link *link, struct crossing *crossing, struct flow *flow)
{
	static_assert(offsetof(struct http2_link, end) == 0, "an end is its link");
	*link = (struct http2_link){.end = {.ops = &link_ops, .flow = flow}, .crossing = crossing};
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2_link *link = arg;

	http2_fields_free(link->block);
	link->block = http2_fields_new();
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	const struct http1_text name_text = {(const char *)name, name_len};
	const struct http1_text value_text = {(const char *)value, value_len};
	struct http2_link *link = arg;

	if (link->block)
		http2_fields_add(link->block, &name_text, &value_text,
				 flags & NGHTTP2_NV_FLAG_NO_INDEX, true);
	return 0;
}

/* nghttp2 would only leave it out. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
			     const uint8_t *name, size_t name_len, const uint8_t *value,
			     size_t value_len, uint8_t flags, void *arg)
{
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

nghttp2_session_callbacks *http2_link_callbacks(void)
{
	nghttp2_session_callbacks *callbacks;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
	return callbacks;
}

struct http2_fields *http2_link_take_block(struct http2_link *link)
{
	struct http2_fields *block = link->block;

	link->block = NULL;
	return block;
}

int http2_link_begin(struct http2_link *link, bool is_server, nghttp2_session_callbacks *callbacks,
		     uint32_t streams_max)
{
	const struct http2_session_limits limits = {
		.acks_max = HTTP2_ACKS_MAX,
		.settings_max = HTTP2_SETTINGS_MAX,
		.continuations_max = HTTP2_CONTINUATIONS_MAX,
		.resets_burst = TRUNK_RESETS_BURST,
		.resets_per_s = TRUNK_RESETS_PER_S,
		.streams_max = streams_max,
		.window = CROSSING_WINDOW,
		.connection_window = HTTP2_CONNECTION_WINDOW,
		.head_max = HTTP2_HEAD_MAX + HTTP2_ADDED_MAX,
	};

	return http2_session_begin(&link->session, is_server, callbacks, link, &limits);
}

int http2_link_send(struct http2_link *link)
{
	while (buffer_len(&link->end.in) < HTTP2_OUT_MAX) {
		const uint8_t *bytes;
		ssize_t n = nghttp2_session_mem_send(link->session, &bytes);

		if (n <= 0)
			return n < 0 ? -EPROTO : 0;
		buffer_append(&link->end.in, bytes, (size_t)n);
	}
	return 0;
}

int http2_link_receive(struct http2_link *link)
{
	struct end *from = link->end.other;
	size_t n = buffer_len(&from->in);
	ssize_t r;

	if (!n)
		return 0;
	r = nghttp2_session_mem_recv(link->session, from->in.bytes + from->in.start, n);
	if (r < 0 || nghttp2_session_get_outbound_queue_size(link->session) > HTTP2_FRAMES_MAX)
		return -EPROTO;
	buffer_take(link->end.flow->proxy, &from->in, n);
	from->ops->taken(from, n);
	return 0;
}

void http2_link_fini(struct http2_link *link, struct proxy *proxy)
{
	nghttp2_session_del(link->session);
	http2_fields_free(link->block);
	buffer_release(proxy, &link->end.in);
}
