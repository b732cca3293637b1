// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: names: see names.h
 *
 * Datagrams are answered in the callback they come in; nothing is queued: a
 * reply that does not fit the socket's buffer is dropped, and the client asks
 * again.  TCP is in client.c, upstream in forward.c.
 */
#include "daemon/names/names.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/lib/memory.h"
#include "daemon/names/internal.h"

#define TOKEN 1000 /* thousandths, so that a millisecond adds whole numbers */

void names_hold(struct names *names)
{
	names->open_handles++;
}

void names_release(struct names *names)
{
	if (--names->open_handles == 0)
		free(names);
}

static void on_close(uv_handle_t *handle)
{
	names_release(handle->data);
}

bool names_take_token(struct names *names)
{
	uint64_t now_ms = uv_now(names->loop), passed = now_ms - names->tokens_at_ms;
	uint64_t most = (uint64_t)NAMES_BURST * TOKEN;

	names->tokens_at_ms = now_ms;
	names->tokens = passed > most / NAMES_RATE_PER_S
				? most
				: names->tokens + passed * NAMES_RATE_PER_S * TOKEN / 1000;
	if (names->tokens > most)
		names->tokens = most;
	if (names->tokens < TOKEN) {
		names->counters.limited++;
		return false;
	}
	names->tokens -= TOKEN;
	return true;
}

enum names_outcome names_serve(struct names *names, const uint8_t *query, size_t len, bool is_tcp)
{
	enum names_outcome outcome = names_answer(&names->source, query, len, is_tcp,
						  names->settings.upstream.family != 0,
						  &names->reply);

	names->counters.by_outcome[outcome]++;
	if (is_tcp)
		names->counters.by_tcp++;
	else if (outcome != NAMES_DROPPED && outcome != NAMES_FORWARD && names->reply.is_truncated)
		names->counters.truncated++;
	return outcome;
}

/* --- UDP --- */

void names_send_udp(struct names *names, const struct sockaddr *to)
{
	uv_buf_t buf = uv_buf_init((char *)names->reply.bytes, (unsigned int)names->reply.len);

	uv_udp_try_send(&names->udp, &buf, 1, to);
}

static void lend_query(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct names *names = handle->data;

	*buf = uv_buf_init((char *)names->query, sizeof(names->query));
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned int flags)
{
	struct names *names = udp->data;
	enum names_outcome outcome;

	if (n < 0 || !from || !names_take_token(names))
		return; /* an ICMP error of an earlier reply, nothing more to read, too many */
	outcome = names_serve(names, names->query, (size_t)n, false);
	if (outcome == NAMES_DROPPED)
		return;
	if (outcome == NAMES_FORWARD &&
	    names_forward(names, names->query, (size_t)n, from, NULL) == 0)
		return;
	names_send_udp(names, from);
}

/* --- life --- */

void names_fill_sockaddr(const struct endpoint *ep, struct sockaddr_storage *ret)
{
	*ret = (struct sockaddr_storage){.ss_family = ep->family};
	if (ep->family == AF_INET) {
		((struct sockaddr_in *)ret)->sin_port = htons(ep->port);
		((struct sockaddr_in *)ret)->sin_addr = ep->addr4;
	} else {
		((struct sockaddr_in6 *)ret)->sin6_port = htons(ep->port);
		((struct sockaddr_in6 *)ret)->sin6_addr = ep->addr6;
	}
}

static int listen_on(struct names *names)
{
	struct sockaddr_storage addr;
	int error;

	names_fill_sockaddr(&names->settings.listen, &addr);
	error = uv_udp_bind(&names->udp, (struct sockaddr *)&addr, 0);
	if (!error)
		error = uv_udp_recv_start(&names->udp, lend_query, on_datagram);
	if (!error)
		error = uv_tcp_bind(&names->tcp, (struct sockaddr *)&addr, 0);
	if (!error)
		error = uv_listen((uv_stream_t *)&names->tcp, NAMES_BACKLOG, names_on_connection);
	return error;
}

static const char *explain(int error)
{
	switch (error) {
	case UV_EADDRINUSE:
		return "another program listens at names.listen; write another loopback address";
	case UV_EACCES:
		return "names.listen has a port below 1024; start meshd with "
		       "CAP_NET_BIND_SERVICE, or write a port above";
	case UV_EADDRNOTAVAIL:
		return "names.listen is no address of this machine; run: ip link set lo up";
	default:
		return "names.listen cannot be listened at";
	}
}

int names_open(uv_loop_t *loop, const struct names_settings *settings,
	       const struct names_source *source, struct names **ret, const char **error_text)
{
	struct names *names = xnew(struct names);
	int error;

	names->loop = loop;
	names->settings = *settings;
	names->source = *source;
	names->tokens = (uint64_t)NAMES_BURST * TOKEN;
	names->tokens_at_ms = uv_now(loop);
	uv_udp_init(loop, &names->udp);
	uv_tcp_init(loop, &names->tcp);
	names->udp.data = names->tcp.data = names;
	names_hold(names);
	names_hold(names);
	error = listen_on(names);
	if (error) {
		*error_text = explain(error);
		names_close(names);
		return error;
	}
	*ret = names;
	return 0;
}

void names_close(struct names *names)
{
	if (!names)
		return;
	names_forwards_close(names);
	names_clients_close(names);
	uv_close((uv_handle_t *)&names->udp, on_close);
	uv_close((uv_handle_t *)&names->tcp, on_close);
}

const struct names_counters *names_counters(const struct names *names)
{
	return &names->counters;
}
