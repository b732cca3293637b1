// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: tunnel: an end that is a stream of a trunk
 *
 * Towards the other hub: nghttp2 asks for payload when the trunk is flushed,
 * and gets it straight out of the other end's buffer.  From there: bytes are
 * written at once where they belong; those a slow reader does not take wait
 * here, and its window stays closed until it has taken them.  A reader that
 * never made us wait gets a larger window, if not too many have one.
 */
#include "daemon/proxy/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/proxy/bulk.h"
#include "daemon/proxy/relay.h"

static struct tunnel *tunnel_of(struct end *end)
{
	return (struct tunnel *)end;
}

static bool is_alive(const struct tunnel *tunnel)
{
	return tunnel->trunk && tunnel->stream > 0;
}

/* ---- towards the other hub ---- */

static ssize_t on_payload_wanted(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t max,
				 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct tunnel *tunnel = source->ptr;
	struct end *from;
	size_t n;

	if (!nghttp2_session_get_stream_user_data(session, stream))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* the flow is gone, a reset follows */
	from = tunnel->end.other;
	n = buffer_len(&from->in);
	if (!tunnel->is_answered || (n == 0 && !from->has_ended)) {
		tunnel->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > max)
		n = max;
	if (n > FRAME_PAYLOAD_MAX)
		n = FRAME_PAYLOAD_MAX;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (from->has_ended && n == buffer_len(&from->in))
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

int tunnel_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
		     size_t len, nghttp2_data_source *source, void *arg)
{
	struct tunnel *tunnel = source->ptr;
	struct trunk *trunk = arg;
	struct end *from;
	struct flow *flow;

	if (!trunk_has_room(trunk, FRAME_HEADER_LEN + len + TRUNK_FRAME_MAX))
		return NGHTTP2_ERR_WOULDBLOCK; /* another frame may follow at once */
	if (!nghttp2_session_get_stream_user_data(session, frame->hd.stream_id))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	from = tunnel->end.other;
	flow = tunnel->end.flow;
	trunk_put_plain(trunk, header, FRAME_HEADER_LEN);
	if (len) {
		trunk_put_plain(trunk, from->in.bytes + from->in.start, len);
		buffer_take(flow->proxy, &from->in, len);
		from->ops->taken(from, len);
	}
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		tunnel->end.is_finished = true;
	return 0;
}

static void tunnel_pull(struct end *end)
{
	struct tunnel *tunnel = tunnel_of(end);
	struct buffer *in = &end->other->in;

	if (!is_alive(tunnel) || !tunnel->is_answered || end->is_finished)
		return;
	if (tunnel->is_deferred) {
		tunnel->is_deferred = false;
		nghttp2_session_resume_data(tunnel->trunk->session, tunnel->stream);
	}
	/* Bulk: send now, so that reading need not stop. */
	if (in->bytes && in->end == in->size)
		trunk_flush(tunnel->trunk);
	else
		trunk_mark_dirty(tunnel->trunk);
}

/* ---- from there ---- */

/* They are where they belong: the other hub may send as many more. */
static void give_credit(struct tunnel *tunnel, size_t n)
{
	tunnel->moved_ns = tunnel->end.flow->moved_ns;
	bulk_kick(tunnel->end.flow->bulk);
	if (!is_alive(tunnel))
		return;
	nghttp2_session_consume_stream(tunnel->trunk->session, tunnel->stream, n);
	trunk_mark_dirty(tunnel->trunk);
}

static void drop_held(struct tunnel *tunnel, size_t n)
{
	tunnel->held -= n;
	tunnel->end.flow->proxy->totals.buffered -= n;
}

static void tunnel_taken(struct end *end, size_t n)
{
	struct tunnel *tunnel = tunnel_of(end);

	drop_held(tunnel, n);
	give_credit(tunnel, n);
}

static void note_fast_reader(struct tunnel *tunnel, size_t n)
{
	struct proxy *proxy = tunnel->end.flow->proxy;

	tunnel->carried += n;
	if (tunnel->is_fast || tunnel->carried < TUNNEL_FAST_BYTES || !is_alive(tunnel) ||
	    proxy->n_fast == TUNNELS_FAST_MAX)
		return;
	tunnel->is_fast = true;
	proxy->n_fast++;
	nghttp2_session_set_local_window_size(tunnel->trunk->session, NGHTTP2_FLAG_NONE,
					      tunnel->stream, TUNNEL_WINDOW_FAST);
}

/* The other end is a socket with nothing ahead of these bytes: no need to keep them. */
static ssize_t write_through(struct tunnel *tunnel, const uint8_t *bytes, size_t len)
{
	struct flow *flow = tunnel->end.flow;
	struct sock *sock = &flow->near;

	if (flow_has_pump(flow) || !flow->is_open || !sock->is_connected || sock->is_writing ||
	    sock->is_writing_lent || buffer_len(&tunnel->end.in))
		return 0;
	return sock_write_now(sock, bytes, len);
}

void tunnel_receive(struct tunnel *tunnel, const uint8_t *bytes, size_t len)
{
	struct end *end = &tunnel->end;
	struct flow *flow = end->flow;
	uint64_t carried = tunnel->carried;
	ssize_t n;

	if (!flow->datagrams) /* those are counted one by one */
		flow_moved(flow, end, bytes, len);
	len = bulk_keep_late(flow->bulk, bytes, len);
	if (len == 0)
		return;
	n = write_through(tunnel, bytes, len);
	if (n < 0) {
		flow_broken(flow, end->other);
		return;
	}
	if (n > 0)
		give_credit(tunnel, (size_t)n);
	if ((size_t)n == len) {
		note_fast_reader(tunnel, len);
		return;
	}
	tunnel->carried = 0;
	buffer_append(&end->in, bytes + n, len - (size_t)n);
	tunnel->held += len - (size_t)n;
	flow->proxy->totals.buffered += len - (size_t)n;
	if (flow->proxy->totals.buffered > BUFFERED_MAX)
		proxy_relieve_pressure(flow->proxy);
	if (flow->is_closed)
		return;
	if (flow->is_open)
		end->other->ops->pull(end->other);
	/* A pump keeps what its readers do not take, and has limits of its own. */
	if (flow->http2 && !flow->is_closed && !buffer_len(&end->in)) {
		tunnel->carried = carried;
		note_fast_reader(tunnel, len);
	}
}

void tunnel_received_end(struct tunnel *tunnel)
{
	struct end *end = &tunnel->end;

	if (bulk_hold_end(end->flow->bulk))
		return;
	end->has_ended = true;
	if (end->flow->is_open)
		end->other->ops->pull(end->other);
}

void tunnel_closed(struct tunnel *tunnel, bool is_error)
{
	struct flow *flow = tunnel->end.flow;

	if (!tunnel->trunk)
		return;
	tunnel->trunk->n_streams--;
	tunnel->trunk = NULL;
	if (flow->via != FLOW_PROVIDER && !flow->is_open)
		entry_attempt_failed(flow, PROXY_END_UNREACHABLE);
	else if (is_error || !tunnel->end.is_finished ||
		 (!tunnel->end.has_ended && !bulk_holds_end(flow->bulk)))
		flow_broken(flow, &tunnel->end);
	else
		flow_check_done(flow);
}

/* ---- life ---- */

static void tunnel_close(struct end *end, bool is_reset)
{
	struct tunnel *tunnel = tunnel_of(end);
	struct trunk *trunk = tunnel->trunk;

	if (tunnel->is_fast)
		end->flow->proxy->n_fast--;
	tunnel->is_fast = false;
	drop_held(tunnel, tunnel->held);
	if (!trunk)
		return;
	tunnel->trunk = NULL;
	trunk->n_streams--;
	trunk->used_ns = proxy_now_ns(trunk->proxy);
	if (!trunk->session || tunnel->stream <= 0)
		return;
	nghttp2_session_set_stream_user_data(trunk->session, tunnel->stream, NULL);
	if (is_reset || !end->is_finished || !end->has_ended)
		nghttp2_submit_rst_stream(trunk->session, NGHTTP2_FLAG_NONE, tunnel->stream,
					  NGHTTP2_CONNECT_ERROR);
	trunk_mark_dirty(trunk);
}

void tunnel_open(struct tunnel *tunnel, struct flow *flow, struct trunk *trunk)
{
	*tunnel = (struct tunnel){
		.end = {.ops = &tunnel_ops, .flow = flow, .other = tunnel->end.other},
		.trunk = trunk,
		.moved_ns = proxy_now_ns(flow->proxy)};
	trunk->n_streams++;
	if (trunk->state == TRUNK_UP)
		tunnel_submit(tunnel);
}

void tunnel_take(struct tunnel *tunnel, struct trunk *trunk, int32_t stream)
{
	*tunnel = (struct tunnel){.end.ops = &tunnel_ops, .trunk = trunk, .stream = stream};
	trunk->n_streams++;
	nghttp2_session_set_stream_user_data(trunk->session, stream, tunnel);
}

#define NV(text, bytes, len)                                                  \
	{                                                                     \
		(uint8_t *)(text), (uint8_t *)(bytes), sizeof(text) - 1, len, \
			NGHTTP2_NV_FLAG_NO_COPY_NAME                          \
	}

static void submit(struct tunnel *tunnel, const nghttp2_nv *headers, size_t n_headers)
{
	const nghttp2_data_provider provider = {{.ptr = tunnel}, on_payload_wanted};
	struct trunk *trunk = tunnel->trunk;

	tunnel->stream =
		nghttp2_submit_request(trunk->session, NULL, headers, n_headers, &provider, tunnel);
	if (tunnel->stream < 0) {
		trunk->n_streams--;
		trunk->is_draining = true; /* its numbers are used up */
		tunnel->trunk = NULL;
		entry_attempt_failed(tunnel->end.flow, PROXY_END_UNREACHABLE);
		return;
	}
	trunk_mark_dirty(trunk);
}

static void submit_for_relay(struct tunnel *tunnel)
{
	const struct relay *relay = tunnel->end.flow->relay;
	char hub[HUB_ID_STRLEN], relays[sizeof("4294967295")];
	int relays_len = snprintf(relays, sizeof(relays), "%u", relay->relays);
	const nghttp2_nv headers[] = {
		NV(":method", "CONNECT", 7),
		NV(":authority", hub_id_format(&relay->to, hub), HUB_ID_STRLEN - 1),
		NV(CALL_RELAY, relays, (size_t)relays_len),
	};

	submit(tunnel, headers, ARRAY_SIZE(headers));
}

static void submit_call(struct tunnel *tunnel)
{
	struct flow *flow = tunnel->end.flow;
	char digest[SHA256_STRLEN], lease[CALL_LEASE_STRLEN];
	int lease_len = snprintf(lease, sizeof(lease), "%" PRIu64, flow->lease);
	const char *identity = flow->entry ? proxy_identities_find(flow->proxy->identities,
								   flow->entry->settings.identity)
					   : NULL;
	nghttp2_nv headers[] = {
		NV(":method", "CONNECT", 7),
		NV(":authority", flow->called, strlen(flow->called)),
		NV(CALL_MANIFEST, sha256_format(flow->digest, digest), SHA256_STRLEN - 1),
		NV(CALL_LEASE, lease, (size_t)lease_len),
		{0}, /* for two that not every call has */
		{0},
	};
	size_t n_headers = ARRAY_SIZE(headers) - 2;

	if (identity)
		headers[n_headers++] = (nghttp2_nv)NV(CALL_IDENTITY, identity, strlen(identity));
	if (flow->datagrams)
		headers[n_headers++] =
			(nghttp2_nv)NV(CALL_CAPSULES, CALL_CAPSULES_YES, strlen(CALL_CAPSULES_YES));
	submit(tunnel, headers, n_headers);
}

void tunnel_submit(struct tunnel *tunnel)
{
	if (tunnel->end.flow->relay)
		submit_for_relay(tunnel);
	else
		submit_call(tunnel);
}

void tunnel_accept(struct tunnel *tunnel)
{
	const nghttp2_data_provider provider = {{.ptr = tunnel}, on_payload_wanted};
	const struct flow *flow = tunnel->end.flow;
	const char *identity = proxy_identities_find(flow->proxy->identities, flow->counted->name);
	const nghttp2_nv headers[] = {
		NV(":status", "200", 3),
		NV(CALL_IDENTITY, identity, identity ? strlen(identity) : 0),
	};

	tunnel->is_answered = true;
	if (!is_alive(tunnel))
		return;
	nghttp2_submit_response(tunnel->trunk->session, tunnel->stream, headers,
				ARRAY_SIZE(headers) - !identity, &provider);
	trunk_mark_dirty(tunnel->trunk);
}

void tunnel_refuse_stream(struct trunk *trunk, int32_t stream, unsigned int status,
			  const char *reason)
{
	char text[sizeof("4294967295")];
	const nghttp2_nv headers[] = {
		NV(":status", text, 3),
		NV(CALL_REASON, reason, strlen(reason)),
	};

	snprintf(text, sizeof(text), "%03u", status);
	trunk->proxy->totals.calls_refused++;
	nghttp2_submit_response(trunk->session, stream, headers, 2, NULL);
	trunk_mark_dirty(trunk);
}

void tunnel_refuse(struct tunnel *tunnel, unsigned int status, const char *reason)
{
	struct trunk *trunk = tunnel->trunk;

	if (!is_alive(tunnel))
		return;
	tunnel_refuse_stream(trunk, tunnel->stream, status, reason);
	nghttp2_session_set_stream_user_data(trunk->session, tunnel->stream, NULL);
	trunk->n_streams--;
	tunnel->trunk = NULL;
}

const struct end_ops tunnel_ops = {
	.pull = tunnel_pull,
	.taken = tunnel_taken,
	.close = tunnel_close,
};
