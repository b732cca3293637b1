// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: redirect.bpf: what the kernel runs at connect() and getpeername()
 *
 * Hooks of a cgroup (v2), for IPv4 and IPv6, TCP and connected UDP.  An
 * address in the table is replaced by the local entry's; anything else goes
 * where it was going.  Documentation/redirect.rst.
 *
 * The table is asked first: nearly every connection is not in it and pays for
 * one look into a small hash.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "daemon/redirect/table.h"

#define MAPPED bpf_htonl(0xffff) /* third word of ::ffff:a.b.c.d */
#define PASS 1 /* 0 would refuse the connection */

char LICENSE[] SEC("license") = "GPL";

/* Network namespace of meshd: the entries' addresses are of its loopback. */
const volatile __u64 own_netns = 0;

/* meshd's process id as the kernel counts; written by redirect_claim(). */
__u32 own_tgid = 0;

/* Connections sent to an entry, by slot; meshd reads them through its mapping. */
__u64 redirected[REDIRECT_ENTRIES_MAX] = {0};

/* Address shared providers have -> entry that stands for them now. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REDIRECT_ENTRIES_MAX);
	__type(key, struct redirect_peer);
	__type(value, struct redirect_value);
} entries SEC(".maps");

/* Where a redirected socket believes to be connected to. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct redirect_peer);
} origins SEC(".maps");

/*
 * meshd dials shared providers itself, and a container's loopback has none
 * of our entries.  A socket bound to a device has asked for that one.
 */
static __always_inline bool may_redirect(struct bpf_sock_addr *ctx)
{
	return bpf_get_current_pid_tgid() >> 32 != own_tgid &&
	       bpf_get_netns_cookie(ctx) == own_netns && ctx->sk->bound_dev_if == 0;
}

/* Also forgets what the socket was connected to before. */
static __always_inline const struct redirect_value *find(struct bpf_sock_addr *ctx,
							 const struct redirect_peer *peer)
{
	struct redirect_value *value = bpf_map_lookup_elem(&entries, peer);

	bpf_sk_storage_delete(&origins, ctx->sk);
	return value && may_redirect(ctx) ? value : NULL;
}

static __always_inline bool keep_origin(struct bpf_sock_addr *ctx, struct redirect_peer *peer,
					const struct redirect_value *value)
{
	__u32 slot = value->slot;

	/* Out of memory for options of this socket: it would be told a lie. */
	if (!bpf_sk_storage_get(&origins, ctx->sk, peer, BPF_SK_STORAGE_GET_F_CREATE))
		return false;
	if (slot < REDIRECT_ENTRIES_MAX)
		__sync_fetch_and_add(&redirected[slot], 1);
	return true;
}

SEC("cgroup/connect4")
int redirect_connect4(struct bpf_sock_addr *ctx)
{
	struct redirect_peer peer = {
		.addr = {0, 0, MAPPED, ctx->user_ip4},
		.port = (__u16)ctx->user_port,
		.protocol = (__u16)ctx->protocol,
	};
	const struct redirect_value *value = find(ctx, &peer);

	if (value && value->to.addr[2] == MAPPED && keep_origin(ctx, &peer, value)) {
		ctx->user_ip4 = value->to.addr[3];
		ctx->user_port = value->to.port;
	}
	return PASS;
}

SEC("cgroup/connect6")
int redirect_connect6(struct bpf_sock_addr *ctx)
{
	struct redirect_peer peer = {
		.addr = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]},
		.port = (__u16)ctx->user_port,
		.protocol = (__u16)ctx->protocol,
	};
	const struct redirect_value *value = find(ctx, &peer);

	if (value && keep_origin(ctx, &peer, value)) {
		ctx->user_ip6[0] = value->to.addr[0];
		ctx->user_ip6[1] = value->to.addr[1];
		ctx->user_ip6[2] = value->to.addr[2];
		ctx->user_ip6[3] = value->to.addr[3];
		ctx->user_port = value->to.port;
	}
	return PASS;
}

SEC("cgroup/getpeername4")
int redirect_getpeername4(struct bpf_sock_addr *ctx)
{
	const struct redirect_peer *peer = bpf_sk_storage_get(&origins, ctx->sk, NULL, 0);

	if (peer) {
		ctx->user_ip4 = peer->addr[3];
		ctx->user_port = peer->port;
	}
	return PASS;
}

SEC("cgroup/getpeername6")
int redirect_getpeername6(struct bpf_sock_addr *ctx)
{
	const struct redirect_peer *peer = bpf_sk_storage_get(&origins, ctx->sk, NULL, 0);

	if (peer) {
		ctx->user_ip6[0] = peer->addr[0];
		ctx->user_ip6[1] = peer->addr[1];
		ctx->user_ip6[2] = peer->addr[2];
		ctx->user_ip6[3] = peer->addr[3];
		ctx->user_port = peer->port;
	}
	return PASS;
}

/* Run once by meshd, in its own context: getpid() may count in another namespace. */
SEC("syscall")
int redirect_claim(void *ctx)
{
	own_tgid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}
