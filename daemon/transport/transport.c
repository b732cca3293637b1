// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: transport: listener, table of sessions, the calls of the owner
 *
 * Everything per connection is in session.c.  Here: who is there, by id, and
 * the flush of all sessions with something to say, once per turn of the loop
 * just before it sleeps, so that messages queued by one event leave in one
 * TLS record and one segment.
 */
#include "daemon/transport/transport.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"
#include "daemon/transport/session.h"

#define EXPORT_CONTEXT_VERSION 1
#define EXPORT_CONTEXT_LEN 11 /* version, owner, phase, cipher (4), serial (4) */

static_assert(2 * TRANSPORT_KEYMAT_LEN <= TLS_EXPORT_MAX, "both halves in one exporter call");

/* ---- table ---- */

static struct session **bucket_of(struct transport *t, uint64_t id)
{
	/* ids of one origin share their lowest bit */
	return &t->buckets[(id >> 1 ^ id << 7) % TRANSPORT_BUCKETS];
}

static struct session *transport_find(struct transport *t, uint64_t id)
{
	struct session *s = *bucket_of(t, id);

	while (s && s->id != id)
		s = s->next_in_bucket;
	return s;
}

static void transport_add(struct transport *t, struct session *s)
{
	struct session **bucket = bucket_of(t, s->id);

	assert(!transport_find(t, s->id));
	s->next_in_bucket = *bucket;
	*bucket = s;
	s->next = t->sessions;
	if (t->sessions)
		t->sessions->prev = s;
	t->sessions = s;
	t->n_sessions++;
	t->handles++;
	if (!s->is_client)
		t->n_unfinished++;
}

void transport_forget(struct transport *t, struct session *s)
{
	struct session **link = bucket_of(t, s->id);

	while (*link != s)
		link = &(*link)->next_in_bucket;
	*link = s->next_in_bucket;
}

void transport_remove(struct transport *t, struct session *s)
{
	struct session **link;

	if (s->prev)
		s->prev->next = s->next;
	else
		t->sessions = s->next;
	if (s->next)
		s->next->prev = s->prev;
	t->n_sessions--;
	if (!s->is_client && s->state < SESSION_UP)
		t->n_unfinished--;
	if (!s->is_dirty)
		return;
	for (link = &t->dirty; *link != s;)
		link = &(*link)->next_dirty;
	*link = s->next_dirty;
	s->is_dirty = false;
}

/* ---- loop ---- */

static void on_before_sleep(uv_prepare_t *prepare)
{
	struct transport *t = prepare->data;

	while (t->dirty) {
		struct session *s = t->dirty;

		t->dirty = s->next_dirty;
		s->is_dirty = false;
		session_flush(s);
	}
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct transport *t = listener->data;
	struct session *s;

	if (status < 0)
		return; /* libuv has told the peer already (EMFILE), or it has gone */
	s = session_new(t, t->next_inbound_id, false);
	t->next_inbound_id += 2;
	transport_add(t, s);
	session_accept(s);
}

static int bind_any(struct transport *t, int family, uint16_t port)
{
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr *any = family == AF_INET6 ? (struct sockaddr *)&any6
						  : (struct sockaddr *)&any4;
	int r = uv_tcp_bind(&t->listener, any, 0); /* dual stack: IPV6_V6ONLY is off in libuv */

	return r < 0 ? r : uv_listen((uv_stream_t *)&t->listener, TRANSPORT_BACKLOG, on_connection);
}

/* Is IPv6 switched off on this machine? Then IPv4 has to do. */
static bool is_family_missing(int error)
{
	return error == -EAFNOSUPPORT || error == -EPROTONOSUPPORT;
}

static uint16_t bound_port(const uv_tcp_t *listener)
{
	struct sockaddr_storage address = {0};
	int len = sizeof(address);

	uv_tcp_getsockname(listener, (struct sockaddr *)&address, &len);
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
						   : ((struct sockaddr_in *)&address)->sin_port);
}

static int transport_listen(struct transport *t, uint16_t port, const char **error_text)
{
	int r = bind_any(t, AF_INET6, port);

	/* It had no socket then, so the handle can try again. */
	if (is_family_missing(r))
		r = bind_any(t, AF_INET, port);
	if (r < 0) {
		*error_text = r == -EADDRINUSE ? "the TCP port in ports: {control: } is in use by "
						 "another program; ss -ltnp "
						 "shows it"
					       : "cannot listen on the control port";
		return r;
	}
	t->port = bound_port(&t->listener);
	return 0;
}

/* ---- life ---- */

void transport_put_handle(struct transport *t)
{
	assert(t->handles > 0);
	if (--t->handles > 0)
		return;
	tls_context_free(t->tls);
	free(t);
}

static void on_own_handle_closed(uv_handle_t *handle)
{
	transport_put_handle(handle->data);
}

int transport_renew(struct transport *t, const struct transport_settings *settings,
		    const char **error_text)
{
	return tls_context_renew(t->tls, settings->cert_pem, settings->cert_pem_len,
				 settings->key_pem, settings->key_pem_len, error_text);
}

int transport_new(uv_loop_t *loop, const struct transport_settings *settings, struct trust *trust,
		  const struct transport_events *events, struct transport **ret,
		  const char **error_text)
{
	struct tls_context *tls;
	struct transport *t;
	int r;

	r = tls_context_new(settings->cert_pem, settings->cert_pem_len, settings->key_pem,
			    settings->key_pem_len, trust, &tls, error_text);
	if (r < 0)
		return r;
	/* libuv writes without MSG_NOSIGNAL: a peer that went must be an error, not a signal. */
	signal(SIGPIPE, SIG_IGN);
	t = xnew(struct transport);
	t->loop = loop;
	t->events = *events;
	t->is_mesh_address = settings->is_mesh_address;
	t->limits = (struct transport_limits){
		.connect_ms = TRANSPORT_CONNECT_MS,
		.handshake_ms = TRANSPORT_HANDSHAKE_MS,
		.ping_ms = TRANSPORT_PING_MS,
		.ping_misses = TRANSPORT_PING_MISSES,
		.linger_ms = TRANSPORT_LINGER_MS,
		.stall_ms = TRANSPORT_STALL_MS,
		.sessions_max = TRANSPORT_SESSIONS_MAX,
		.handshakes_max = TRANSPORT_HANDSHAKES_MAX,
		.handshakes_per_peer_max = TRANSPORT_HANDSHAKES_PER_PEER_MAX,
		.write_queue_max = TRANSPORT_WRITE_QUEUE_MAX,
	};
	t->tls = tls;
	t->next_inbound_id = 1;
	uv_tcp_init(loop, &t->listener);
	uv_prepare_init(loop, &t->flusher);
	t->listener.data = t->flusher.data = t;
	t->handles = 2;
	r = transport_listen(t, settings->port, error_text);
	if (r < 0) {
		transport_free(t);
		return r;
	}
	uv_prepare_start(&t->flusher, on_before_sleep);
	*ret = t;
	return 0;
}

void transport_free(struct transport *t)
{
	if (!t)
		return;
	t->is_freed = true;
	while (t->sessions)
		session_abandon(t->sessions);
	uv_close((uv_handle_t *)&t->flusher, on_own_handle_closed);
	uv_close((uv_handle_t *)&t->listener, on_own_handle_closed);
}

/* ---- calls of the owner ---- */

void transport_dial(struct transport *t, uint64_t session, const struct hub_id *peer,
		    const struct endpoint *to, const struct endpoint *from, bool over_mesh)
{
	struct session *s = session_new(t, session, true);

	s->expected = *peer;
	s->over_mesh = over_mesh;
	transport_add(t, s);
	session_connect(s, to, from);
}

void transport_close(struct transport *t, uint64_t session, const char *reason)
{
	struct session *s = transport_find(t, session);

	if (s && !s->is_silent)
		session_drain(s, reason ? reason : "");
}

int transport_send(struct transport *t, uint64_t session, uint8_t message, const uint8_t *body,
		   size_t len)
{
	struct session *s = transport_find(t, session);
	int r;

	if (!s || s->state != SESSION_UP)
		return -ENOTCONN;
	r = h2_queue(s->h2, message, body, len);
	assert(r != -EINVAL && r != -EMSGSIZE); /* our own codecs made it */
	if (r < 0) {
		session_fail(s, -ENOBUFS);
		return -ENOBUFS;
	}
	session_mark_dirty(s);
	return 0;
}

static void put_be32(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 24);
	to[1] = (uint8_t)(value >> 16);
	to[2] = (uint8_t)(value >> 8);
	to[3] = (uint8_t)value;
}

int transport_export_keys(struct transport *t, uint64_t session, enum key_owner owner,
			  uint32_t serial, uint8_t phase, uint32_t cipher, uint8_t *rx, uint8_t *tx,
			  size_t len)
{
	const char *label = owner == KEY_OWNER_LINK ? "EXPORTER-hubmesh-link"
						    : "EXPORTER-hubmesh-seal";
	struct session *s = transport_find(t, session);
	uint8_t context[EXPORT_CONTEXT_LEN] = {EXPORT_CONTEXT_VERSION, (uint8_t)owner, phase};
	uint8_t both[2 * TRANSPORT_KEYMAT_LEN];
	int r;

	assert(len > 0 && len <= TRANSPORT_KEYMAT_LEN);
	if (!s || s->state != SESSION_UP)
		return -ENOTCONN;
	put_be32(context + 3, cipher);
	put_be32(context + 7, serial);
	r = tls_export(s->tls, label, context, sizeof(context), both, 2 * len);
	if (r == 0) {
		/* first half: client to server */
		memcpy(tx, s->is_client ? both : both + len, len);
		memcpy(rx, s->is_client ? both + len : both, len);
	}
	secret_wipe(both, sizeof(both));
	return r;
}

const struct transport_counters *transport_counters(const struct transport *t)
{
	return &t->counters;
}

uint16_t transport_port(const struct transport *t)
{
	return t->port;
}

struct transport_limits *transport_limits(struct transport *t)
{
	return &t->limits;
}
