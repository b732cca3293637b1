// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: redirect: see redirect.h
 *
 * Loading and attaching happen before privileges are dropped.  Afterwards the
 * table is changed by BPF_MAP_UPDATE_ELEM and BPF_MAP_DELETE_ELEM on a
 * descriptor we hold, the only two commands the system call filter lets pass,
 * and counters are read from mapped memory.
 *
 * The hash in the kernel is a copy: @entries below says what it holds, and
 * gives every entry its slot.
 */
#include "daemon/redirect/redirect.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/log.h"
#include "daemon/lib/memory.h"
#include "daemon/redirect/table.h"

#include "daemon/redirect/redirect.skel.h"

#ifndef SO_NETNS_COOKIE /* Linux 5.14, newer than the C library's list */
#define SO_NETNS_COOKIE 71
#endif

/**
 * struct redirect - attached programs and what their table holds
 * @bpf: object, its maps mapped
 * @entries: key of each slot; a free one is all zeroes
 */
struct redirect {
	struct redirect_bpf *bpf;
	struct redirect_peer entries[REDIRECT_ENTRIES_MAX];
};

/* --- addresses --- */

static void peer_of(const struct endpoint *ep, int protocol, struct redirect_peer *ret)
{
	*ret = (struct redirect_peer){
		.port = htons(ep->port),
		.protocol = (uint16_t)protocol,
	};
	if (ep->family == AF_INET) {
		ret->addr[2] = htonl(0xffff);
		ret->addr[3] = ep->addr4.s_addr;
	} else {
		memcpy(ret->addr, &ep->addr6, sizeof(ret->addr));
	}
}

static bool is_unicast(const struct endpoint *ep)
{
	uint32_t v4 = ntohl(ep->addr4.s_addr);

	if (ep->port == 0)
		return false;
	if (ep->family == AF_INET)
		return v4 != INADDR_ANY && v4 != INADDR_BROADCAST && !IN_MULTICAST(v4);
	return ep->family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&ep->addr6) &&
	       !IN6_IS_ADDR_MULTICAST(&ep->addr6) && !IN6_IS_ADDR_LINKLOCAL(&ep->addr6);
}

static bool can_stand_for(int protocol, const struct endpoint *shared, const struct endpoint *entry)
{
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || !is_unicast(shared) ||
	    !is_unicast(entry))
		return false;
	if (endpoint_equal(shared, entry))
		return false;
	return shared->family == entry->family || entry->family == AF_INET;
}

/* --- the table --- */

/* Return: the slot of @peer, or -ENOENT; all zeroes finds a free one. */
static int find_slot(const struct redirect *redirect, const struct redirect_peer *peer)
{
	for (int i = 0; i < REDIRECT_ENTRIES_MAX; i++)
		if (memcmp(&redirect->entries[i], peer, sizeof(*peer)) == 0)
			return i;
	return -ENOENT;
}

/* Return: the slot of the entry for @shared, with its @key in the map; or -ENOENT. */
static int find_entry(const struct redirect *redirect, int protocol, const struct endpoint *shared,
		      struct redirect_peer *key)
{
	peer_of(shared, protocol, key);
	return find_slot(redirect, key);
}

int redirect_set(struct redirect *redirect, int protocol, const struct endpoint *shared,
		 const struct endpoint *entry)
{
	const struct redirect_peer unused = {0};
	struct redirect_value value = {0};
	struct redirect_peer key;
	int slot;

	if (!can_stand_for(protocol, shared, entry))
		return -EINVAL;
	slot = find_entry(redirect, protocol, shared, &key);
	peer_of(entry, protocol, &value.to);
	if (slot < 0) {
		slot = find_slot(redirect, &unused);
		if (slot < 0)
			return -ENOSPC;
		redirect->bpf->bss->redirected[slot] = 0;
	}
	value.slot = (uint32_t)slot;
	if (bpf_map_update_elem(bpf_map__fd(redirect->bpf->maps.entries), &key, &value, BPF_ANY) <
	    0)
		return -errno;
	redirect->entries[slot] = key;
	return 0;
}

int redirect_del(struct redirect *redirect, int protocol, const struct endpoint *shared)
{
	struct redirect_peer key;
	int slot = find_entry(redirect, protocol, shared, &key);

	if (slot < 0)
		return slot;
	if (bpf_map_delete_elem(bpf_map__fd(redirect->bpf->maps.entries), &key) < 0)
		return -errno;
	redirect->entries[slot] = (struct redirect_peer){0};
	return 0;
}

int redirect_get_count(const struct redirect *redirect, int protocol, const struct endpoint *shared,
		       uint64_t *ret)
{
	struct redirect_peer key;
	int slot = find_entry(redirect, protocol, shared, &key);

	if (slot < 0)
		return slot;
	*ret = __atomic_load_n(&redirect->bpf->bss->redirected[slot], __ATOMIC_RELAXED);
	return 0;
}

/* --- opening --- */

/* libbpf explains itself at length; the caller gets one sentence. */
static int print_for_debugging(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char quoted[LOG_LINE_MAX], *text = NULL, *rest = NULL;

	/* What the verifier has to say comes as one text of many lines. */
	if (level == LIBBPF_DEBUG || log_get_level() < LOG_LEVEL_DEBUG ||
	    vasprintf(&text, fmt, args) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_debug(LOG_LOCAL_CLASS, "event=libbpf text=%s",
			  log_quote(line, quoted, sizeof(quoted)));
	free(text);
	return 0;
}

static int open_cgroup(const char *cgroup, int *ret, char *error)
{
	_cleanup_fclose_ FILE *mounts = cgroup ? NULL : setmntent("/proc/mounts", "re");
	struct mntent mount;
	char strings[4096];
	int fd;

	while (!cgroup && mounts && getmntent_r(mounts, &mount, strings, sizeof(strings)))
		if (strcmp(mount.mnt_type, "cgroup2") == 0)
			cgroup = mount.mnt_dir;
	if (!cgroup) {
		snprintf(error, REDIRECT_ERROR_MAX,
			 "no cgroup2 is mounted; run: mount -t cgroup2 none /sys/fs/cgroup");
		return -ENOENT;
	}
	fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		snprintf(error, REDIRECT_ERROR_MAX, "cgroup %.128s cannot be opened: %s", cgroup,
			 strerror(errno));
		return -errno;
	}
	*ret = fd;
	return 0;
}

/* Return: 0 the namespace's cookie, or -errno. */
static int read_netns_cookie(uint64_t *ret)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*ret);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &len) < 0)
		return -errno;
	return 0;
}

static int load(struct redirect *redirect)
{
	LIBBPF_OPTS(bpf_test_run_opts, run);
	uint64_t netns;
	int error = read_netns_cookie(&netns);

	if (error)
		return error;
	redirect->bpf = redirect_bpf__open();
	if (!redirect->bpf)
		return -errno;
	redirect->bpf->rodata->own_netns = netns;
	error = redirect_bpf__load(redirect->bpf);
	if (error)
		return error;
	return bpf_prog_test_run_opts(bpf_program__fd(redirect->bpf->progs.redirect_claim), &run);
}

static int attach(struct redirect_bpf *bpf, int cgroup_fd)
{
	const struct {
		struct bpf_program *program;
		struct bpf_link **link;
	} hooks[] = {
		/* What a socket is told of its peer comes before it has a false one. */
		{bpf->progs.redirect_getpeername4, &bpf->links.redirect_getpeername4},
		{bpf->progs.redirect_getpeername6, &bpf->links.redirect_getpeername6},
		{bpf->progs.redirect_connect4, &bpf->links.redirect_connect4},
		{bpf->progs.redirect_connect6, &bpf->links.redirect_connect6},
	};

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		*hooks[i].link = bpf_program__attach_cgroup(hooks[i].program, cgroup_fd);
		if (!*hooks[i].link)
			return -errno;
	}
	return 0;
}

static int explain(int error, const char *what, char *text)
{
	if (error == -EPERM || error == -EACCES)
		snprintf(text, REDIRECT_ERROR_MAX,
			 "BPF programs cannot be %s: %s; start meshd with CAP_BPF, CAP_PERFMON "
			 "and CAP_NET_ADMIN, in the initial user namespace",
			 what, strerror(-error));
	else
		snprintf(text, REDIRECT_ERROR_MAX,
			 "BPF programs cannot be %s: %s; the kernel needs to be 6.1 or newer, "
			 "with CONFIG_CGROUP_BPF",
			 what, strerror(-error));
	return error == -EACCES ? -EPERM : error == -EINVAL ? -EOPNOTSUPP : error;
}

int redirect_open(const char *cgroup, struct redirect **ret, char error_text[REDIRECT_ERROR_MAX])
{
	struct redirect *redirect;
	_cleanup_close_ int fd = -1;
	int error;

	libbpf_set_print(print_for_debugging);
	error = open_cgroup(cgroup, &fd, error_text);
	if (error)
		return error;
	redirect = xnew(struct redirect);
	error = load(redirect);
	if (error) {
		error = explain(error, "loaded", error_text);
	} else {
		error = attach(redirect->bpf, fd);
		if (error)
			error = explain(error, "attached", error_text);
	}
	if (error)
		redirect_close(redirect);
	else
		*ret = redirect;
	return error;
}

void redirect_close(struct redirect *redirect)
{
	if (!redirect)
		return;
	redirect_bpf__destroy(redirect->bpf); /* NULL is allowed; closes the links first */
	free(redirect);
}
