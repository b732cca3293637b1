/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: netlink: one blocking request socket, shared by underlay and datapath
 *
 * A helper of shells over libmnl.  The kernel answers requests at once, so
 * they block, with a timeout that only a broken kernel can reach.  The
 * kernel's sentence about a refusal (extended ack) is kept with the socket.
 */
#ifndef NETLINK_NETLINK_H
#define NETLINK_NETLINK_H

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <stdint.h>

#define NETLINK_TIMEOUT_MS 2000
#define NETLINK_REQUEST_MAX 40960 /* bytes of one request: a step of a route set fits */
#define NETLINK_RESPONSE_MAX 32768 /* what the kernel puts into one datagram of a dump */
#define NETLINK_ERROR_MAX 256

/**
 * struct netlink - a request socket
 * @socket: libmnl's
 * @sequence: of the last request
 * @error: sentence about the last refusal, "" after success
 * @request: the message being built or last sent
 * @response: receive buffer
 */
struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	char error[NETLINK_ERROR_MAX];
	_Alignas(8) uint8_t request[NETLINK_REQUEST_MAX];
	_Alignas(8) uint8_t response[NETLINK_RESPONSE_MAX];
};

/** typedef netlink_message_fn - sees one message of a reply or dump; borrowed */
typedef void (*netlink_message_fn)(const struct nlmsghdr *message, void *arg);

/**
 * netlink_new() - Open a request socket.
 * @ret: filled on success
 * @bus: NETLINK_ROUTE or NETLINK_GENERIC
 * Return: 0 or -errno.
 */
int netlink_new(int bus, struct netlink **ret);
void netlink_free(struct netlink *nl);

/** netlink_begin() - Start a request in @nl->request; NLM_F_REQUEST is added. */
struct nlmsghdr *netlink_begin(struct netlink *nl, uint16_t type, uint16_t flags);
/** netlink_begin_genl() - The same with a generic netlink header. */
struct nlmsghdr *netlink_begin_genl(struct netlink *nl, uint16_t family, uint8_t command,
				    uint8_t version, uint16_t flags);

/**
 * netlink_run() - Send the request and read until the kernel has answered.
 * @nl: holds the request
 * @arg: handed to @fn
 * @fn: called for each message of the answer; NULL to ignore them
 *
 * Context: Blocking, at most NETLINK_TIMEOUT_MS for each datagram.
 * Return: 0; the kernel's -errno; -EINTR a dump was inconsistent: run it
 * again; -ETIMEDOUT.
 */
int netlink_run(struct netlink *nl, netlink_message_fn fn, void *arg);
/** netlink_wipe() - Overwrite both buffers after key material was in them. */
void netlink_wipe(struct netlink *nl);
/** netlink_fail() - Keep our own sentence as @nl->error; returns @error. */
int netlink_fail(struct netlink *nl, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * netlink_parse() - Index attributes by type; unknown types are left out.
 * @message: borrowed; @ret points into it
 * @header_len: bytes of the header in front of the attributes
 * @max: highest type
 * @ret: @max + 1 entries, all set
 */
void netlink_parse(const struct nlmsghdr *message, size_t header_len, const struct nlattr **ret,
		   uint16_t max);
/** netlink_parse_nested() - The same for a nest; NULL gives no attributes. */
void netlink_parse_nested(const struct nlattr *nest, const struct nlattr **ret, uint16_t max);

/* Values of attributes; @fallback (or zero bytes) when absent or too short. */
uint8_t netlink_u8(const struct nlattr *attr, uint8_t fallback);
uint32_t netlink_u32(const struct nlattr *attr, uint32_t fallback);
uint64_t netlink_u64(const struct nlattr *attr, uint64_t fallback);
bool netlink_bytes(const struct nlattr *attr, void *ret, size_t len);

/**
 * netlink_listen() - A nonblocking socket that receives multicast groups.
 * @bus: NETLINK_ROUTE or NETLINK_GENERIC
 * @n_groups: entries of @groups
 * @ret: filled on success
 * @groups: group numbers
 * Return: 0 or -errno.
 */
int netlink_listen(int bus, const uint32_t *groups, size_t n_groups, struct mnl_socket **ret);

#endif
