// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: requests, answers and extended acks over libmnl
 *
 * Strict checking is switched on: the kernel refuses attributes it does not
 * know instead of ignoring them.  With capped acks the kernel does not echo
 * the request, so key material never comes back.  A datagram with another
 * sequence is the late answer to a request that timed out, and is skipped.
 */
#include "daemon/netlink/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"
#include "daemon/lib/secret.h"

DEFINE_CLEANUP(struct netlink *, netlink_free)

int netlink_new(int bus, struct netlink **ret)
{
	_cleanup_(netlink_free_cleanup) struct netlink *nl = xnew(struct netlink);
	struct timeval timeout = {.tv_sec = NETLINK_TIMEOUT_MS / 1000,
				  .tv_usec = NETLINK_TIMEOUT_MS % 1000 * 1000};
	int one = 1, fd;

	nl->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(nl->socket);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &one, sizeof(one)) < 0 ||
	    mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &one, sizeof(one)) < 0 ||
	    mnl_socket_setsockopt(nl->socket, NETLINK_GET_STRICT_CHK, &one, sizeof(one)) < 0)
		return -errno;
	*ret = steal_pointer(&nl);
	return 0;
}

void netlink_free(struct netlink *nl)
{
	if (!nl)
		return;
	if (nl->socket)
		mnl_socket_close(nl->socket);
	netlink_wipe(nl);
	free(nl);
}

struct nlmsghdr *netlink_begin(struct netlink *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(nl->request);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++nl->sequence;
	return message;
}

struct nlmsghdr *netlink_begin_genl(struct netlink *nl, uint16_t family, uint8_t command,
				    uint8_t version, uint16_t flags)
{
	struct nlmsghdr *message = netlink_begin(nl, family, flags);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(message, sizeof(*genl));

	genl->cmd = command;
	genl->version = version;
	return message;
}

int netlink_fail(struct netlink *nl, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(nl->error, sizeof(nl->error), fmt, ap);
	va_end(ap);
	return error;
}

/* NLMSG_ERROR: error number, header of the request, then attributes. */
static int read_ack(struct netlink *nl, const struct nlmsghdr *message)
{
	const struct nlattr *tb[NLMSGERR_ATTR_MAX + 1] = {0};
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*ack))
		return netlink_fail(nl, -EBADMSG, "short acknowledgement from the kernel");
	if (ack->error == 0)
		return 0;
	if (message->nlmsg_flags & NLM_F_ACK_TLVS)
		netlink_parse(message, sizeof(*ack), tb, NLMSGERR_ATTR_MAX);
	if (tb[NLMSGERR_ATTR_MSG])
		return netlink_fail(nl, ack->error, "%.*s",
				    (int)mnl_attr_get_payload_len(tb[NLMSGERR_ATTR_MSG]),
				    mnl_attr_get_str(tb[NLMSGERR_ATTR_MSG]));
	return netlink_fail(nl, ack->error, "%s", strerror(-ack->error));
}

/* The end of a dump carries an error number too. */
static int read_done(struct netlink *nl, const struct nlmsghdr *message)
{
	int32_t error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	return error < 0 ? netlink_fail(nl, error, "%s", strerror(-error)) : 0;
}

/**
 * struct answer - reading the answer to one request
 * @is_complete: the acknowledgement or the end of the dump was there
 * @is_inconsistent: the dumped table changed in between
 * @error: what the kernel said
 */
struct answer {
	bool is_complete, is_inconsistent;
	int error;
};

static void read_datagram(struct netlink *nl, size_t received, netlink_message_fn fn, void *arg,
			  struct answer *answer)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)nl->response;
	int left = (int)received;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != nl->sequence)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			answer->is_inconsistent = true;
		if (message->nlmsg_type == NLMSG_ERROR) {
			answer->error = read_ack(nl, message);
			answer->is_complete = true;
		} else if (message->nlmsg_type == NLMSG_DONE) {
			answer->error = read_done(nl, message);
			answer->is_complete = true;
		} else if (message->nlmsg_type >= NLMSG_MIN_TYPE && fn) {
			fn(message, arg);
		}
	}
}

int netlink_run(struct netlink *nl, netlink_message_fn fn, void *arg)
{
	struct nlmsghdr *message = (struct nlmsghdr *)nl->request;
	struct answer answer = {0};
	ssize_t received;

	nl->error[0] = '\0';
	/* NLM_F_DUMP is two bits that mean EXCL and REPLACE in requests that change something. */
	if ((message->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		message->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->socket, message, message->nlmsg_len) < 0)
		return netlink_fail(nl, -errno, "netlink send: %s", strerror(errno));
	while (!answer.is_complete) {
		received = mnl_socket_recvfrom(nl->socket, nl->response, sizeof(nl->response));
		if (received < 0 && errno == EINTR)
			continue;
		if (received < 0 && errno == EAGAIN)
			return netlink_fail(nl, -ETIMEDOUT, "the kernel did not answer in %d ms",
					    NETLINK_TIMEOUT_MS);
		if (received < 0)
			return netlink_fail(nl, -errno, "netlink receive: %s", strerror(errno));
		read_datagram(nl, (size_t)received, fn, arg, &answer);
	}
	if (!answer.error && answer.is_inconsistent)
		return netlink_fail(nl, -EINTR, "the table changed while it was read");
	return answer.error;
}

void netlink_wipe(struct netlink *nl)
{
	secret_wipe(nl->request, sizeof(nl->request));
	secret_wipe(nl->response, sizeof(nl->response));
}

void netlink_parse(const struct nlmsghdr *message, size_t header_len, const struct nlattr **ret,
		   uint16_t max)
{
	const struct nlattr *attr;

	memset(ret, 0, sizeof(*ret) * (max + 1U));
	if (mnl_nlmsg_get_payload_len(message) < header_len)
		return;
	mnl_attr_for_each (attr, message, header_len) {
		if (mnl_attr_get_type(attr) <= max)
			ret[mnl_attr_get_type(attr)] = attr;
	}
}

void netlink_parse_nested(const struct nlattr *nest, const struct nlattr **ret, uint16_t max)
{
	const struct nlattr *attr;

	memset(ret, 0, sizeof(*ret) * (max + 1U));
	if (!nest)
		return;
	mnl_attr_for_each_nested (attr, nest) {
		if (mnl_attr_get_type(attr) <= max)
			ret[mnl_attr_get_type(attr)] = attr;
	}
}

bool netlink_bytes(const struct nlattr *attr, void *ret, size_t len)
{
	if (!attr || mnl_attr_get_payload_len(attr) < len)
		return false;
	memcpy(ret, mnl_attr_get_payload(attr), len);
	return true;
}

uint8_t netlink_u8(const struct nlattr *attr, uint8_t fallback)
{
	uint8_t value = fallback;

	netlink_bytes(attr, &value, sizeof(value));
	return value;
}

uint32_t netlink_u32(const struct nlattr *attr, uint32_t fallback)
{
	uint32_t value = fallback;

	netlink_bytes(attr, &value, sizeof(value));
	return value;
}

uint64_t netlink_u64(const struct nlattr *attr, uint64_t fallback)
{
	uint64_t value = fallback;

	netlink_bytes(attr, &value, sizeof(value));
	return value;
}

int netlink_listen(int bus, const uint32_t *groups, size_t n_groups, struct mnl_socket **ret)
{
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int error = 0;

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		error = -errno;
	for (size_t i = 0; i < n_groups && !error; i++)
		if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
					  sizeof(groups[i])) < 0)
			error = -errno;
	if (error) {
		mnl_socket_close(socket);
		return error;
	}
	*ret = socket;
	return 0;
}
