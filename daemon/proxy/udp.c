// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: udp: entries that listen for datagrams
 *
 * Each address that sends one has a flow of its own, from its first datagram
 * on until nothing has been said for a while.  There is room for so many; then
 * the flow used longest ago makes way for a new one, at a rate that lets one
 * in use every second keep its place whatever others do.
 */
#include "daemon/proxy/datagrams.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "daemon/lib/memory.h"
#include "daemon/transport/address.h"

#define RECEIVE_BYTES (1 << 20) /* of the kernel: a burst of a thousand clients */

static struct flow *flow_of(struct client *client)
{
	return ((struct datagrams *)((uint8_t *)client - offsetof(struct datagrams, from)))->flow;
}

/* Half of the table at once, and half each second: an eviction takes one from who was silent. */
static bool may_begin(struct entry *entry)
{
	uint32_t half = (entry->settings.connections_max + 1) / 2;

	return bucket_take(&entry->new_clients, proxy_now_ns(entry->proxy), half, half);
}

/* Return: false every flow there may be belongs to others. */
static bool make_room(struct entry *entry)
{
	const struct clients *clients = entry->clients;

	if (clients->n < entry->settings.connections_max &&
	    entry->proxy->totals.datagram_flows < DATAGRAM_FLOWS_MAX)
		return true;
	if (!clients->oldest)
		return false;
	flow_close(flow_of(clients->oldest), PROXY_END_LIMIT);
	return true;
}

static struct flow *begin_flow(struct entry *entry, const struct endpoint *from)
{
	struct flow *flow = may_begin(entry) && make_room(entry)
				    ? flow_new(entry->proxy, entry->counted)
				    : NULL;

	if (!flow) {
		entry->counted->counts.datagrams.dropped_limit++;
		return NULL;
	}
	flow->entry = entry;
	flow->idle_s = entry->settings.idle_s;
	flow->connect_ms = entry->settings.connect_ms;
	flow->reply_ms = entry->settings.reply_ms;
	datagrams_new(flow, from);
	budget_earn(&entry->budget);
	return flow;
}

static void take(struct entry *entry, const struct endpoint *from, const uint8_t *bytes, size_t len)
{
	struct client *client = clients_find(entry->clients, from);
	struct flow *flow = client ? flow_of(client) : NULL;

	if (flow && datagrams_should_move(flow->datagrams)) {
		flow_close(flow, PROXY_END_DONE);
		flow = NULL;
	}
	if (flow) {
		clients_use(entry->clients, client);
		datagrams_take(flow->datagrams, bytes, len);
		return;
	}
	flow = begin_flow(entry, from);
	if (!flow)
		return;
	datagrams_take(flow->datagrams, bytes, len); /* waits, so that an attempt finds it */
	entry_dispatch(flow);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct entry *entry = handle->data;

	datagrams_lend(entry->proxy, buf);
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned int flags)
{
	struct entry *entry = udp->data;
	struct sockaddr_storage address = {0};
	struct endpoint client;

	if (n < 0 || !from) /* nothing more to read, or an error that says nothing of a client */
		return;
	/* libuv's array of them is aligned for less. */
	memcpy(&address, from,
	       from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					   : sizeof(struct sockaddr_in));
	if (address_from_sockaddr(&address, &client) < 0 ||
	    client.port == 0) { /* where no answer could go */
		entry->counted->counts.datagrams.dropped_socket++;
		return;
	}
	take(entry, &client, (const uint8_t *)buf->base, (size_t)n);
}

static void enlarge_buffer(struct entry *entry)
{
	const int bytes = RECEIVE_BYTES;
	uv_os_fd_t fd;

	/* Beyond rmem_max with the capability we keep; else as far as it goes. */
	if (uv_fileno(&entry->handle, &fd) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

int udp_listen(struct entry *entry)
{
	bool is_ipv6 = entry->address.ss_family == AF_INET6;
	int r;

	if (!entry->clients) {
		entry->clients = xnew(struct clients);
		if (getrandom(&entry->clients->seed, sizeof(entry->clients->seed), GRND_NONBLOCK) <
		    0)
			entry->clients->seed = proxy_now_ns(entry->proxy);
	}
	uv_udp_init_ex(entry->proxy->loop, &entry->udp, AF_UNSPEC | UV_UDP_RECVMMSG);
	entry->udp.data = entry;
	r = uv_udp_bind(&entry->udp, (struct sockaddr *)&entry->address,
			is_ipv6 ? UV_UDP_IPV6ONLY : 0);
	if (r < 0)
		return r;
	enlarge_buffer(entry);
	return uv_udp_recv_start(&entry->udp, on_alloc, on_datagram);
}

void udp_end_flows(struct entry *entry)
{
	while (entry->clients && entry->clients->oldest)
		flow_close(flow_of(entry->clients->oldest), PROXY_END_DONE);
}
