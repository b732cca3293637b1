// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: kernel: one request, then messages until the answer is over
 *
 * libnl carries the messages; what ends an answer is decided here, as libnl 3.7 neither
 * shows extack text nor looks at the error that ends a dump.  An exchange that fails on
 * our side leaves the socket in the middle of an answer: the caller closes it.
 */
#include "tools/meshnl/kernel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include "linux/hubmesh.h"
#include "tools/meshnl/decode.h"

#define KIND "hubmesh" /* of interfaces, as in `ip link add ... type` */
#define ANSWER_TIMEOUT_S 10 /* the kernel answers at once, unless it is stuck */
/* As much as the kernel lets an unprivileged socket have: events come in bursts. */
#define EVENT_BUFFER_BYTES (1 << 20)

struct kernel {
	struct nl_sock *sk;
	struct nl_cb *transport; /* NULL: the real one */
	int family;
};

/**
 * struct exchange - one answer on its way
 * @family: message type of what is decoded; 0 when nothing but an acknowledgement is expected
 * @on_message: gets each message
 * @arg: for @on_message
 * @why: receives what is wrong
 * @error: 0 or a negative errno
 * @is_over: the answer has ended
 * @is_interrupted: the table changed during the dump
 */
struct exchange {
	int family;
	kernel_message_fn on_message;
	void *arg;
	char *why;
	int error;
	bool is_over, is_interrupted;
};

static int say(char *why, int error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int say(char *why, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, KERNEL_WHY_MAX, fmt, args);
	va_end(args);
	return error;
}

/* libnl has numbers of its own and folds errno into them. */
static int from_libnl(char *why, int err)
{
	static const struct {
		int nle, error;
	} known[] = {
		{NLE_AGAIN, ETIMEDOUT},	     {NLE_NOMEM, ENOMEM},      {NLE_PERM, EPERM},
		{NLE_NOACCESS, EACCES},	     {NLE_NODEV, ENODEV},      {NLE_OBJ_NOTFOUND, ENOENT},
		{NLE_EXIST, EEXIST},	     {NLE_INTR, EINTR},	       {NLE_MSG_TOOSHORT, EBADMSG},
		{NLE_SEQ_MISMATCH, EBADMSG}, {NLE_MSG_TRUNC, EBADMSG}, {NLE_MSG_OVERFLOW, ENOBUFS},
	};
	int error = EIO;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].nle == abs(err))
			error = known[i].error;
	if (error == ETIMEDOUT)
		return say(why, -error, "the kernel did not answer in %d s", ANSWER_TIMEOUT_S);
	return say(why, -error, "%s", nl_geterror(err));
}

/* The sentence in the attributes behind a refusal; false when there is none. */
static bool extack_text(const struct nlmsghdr *header, size_t offset, char *why)
{
	const char *payload = nlmsg_data(header);
	size_t len = (size_t)nlmsg_datalen(header);
	const struct nlattr *attr;
	int left;

	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS) || len < offset)
		return false;
	nla_for_each_attr(attr, (const struct nlattr *)(payload + offset), (int)(len - offset),
			  left)
	{
		if (nla_type(attr) != NLMSGERR_ATTR_MSG)
			continue;
		snprintf(why, KERNEL_WHY_MAX, "%.*s", nla_len(attr), (const char *)nla_data(attr));
		return true;
	}
	return false;
}

/* Where attributes start in a refusal: behind the request, if that is quoted in full. */
static size_t extack_offset(const struct nlmsghdr *header, const struct nlmsgerr *refusal)
{
	size_t quoted = header->nlmsg_flags & NLM_F_CAPPED ? 0 : refusal->msg.nlmsg_len;

	return quoted > NLMSG_HDRLEN ? sizeof(int) + NLMSG_ALIGN(quoted) : sizeof(*refusal);
}

static void refuse(struct exchange *exchange, int error, const struct nlmsghdr *header,
		   size_t offset)
{
	exchange->is_over = true;
	exchange->error = error < 0 && error > -4096 ? error : -EBADMSG;
	if (!extack_text(header, offset, exchange->why))
		say(exchange->why, 0, "%s", strerror(-exchange->error));
}

static int on_refusal(struct sockaddr_nl *from, struct nlmsgerr *refusal, void *arg)
{
	/* libnl hands over the payload; the header is right before it. */
	const struct nlmsghdr *header =
		(const struct nlmsghdr *)((const char *)refusal - NLMSG_HDRLEN);

	refuse(arg, refusal->error, header, extack_offset(header, refusal));
	return NL_STOP;
}

static int on_finish(struct nl_msg *msg, void *arg)
{
	const struct nlmsghdr *header = nlmsg_hdr(msg);
	struct exchange *exchange = arg;
	int error = 0;

	exchange->is_over = true;
	if (nlmsg_datalen(header) >= (int)sizeof(error))
		memcpy(&error, nlmsg_data(header), sizeof(error));
	if (error)
		refuse(exchange, error, header, sizeof(error));
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct exchange *exchange = arg;

	exchange->is_over = true;
	return NL_STOP;
}

static int on_interrupted(struct nl_msg *msg, void *arg)
{
	struct exchange *exchange = arg;

	exchange->is_interrupted = true;
	return NL_OK;
}

/* Cut short, or with the number of another request. */
static int on_invalid(struct nl_msg *msg, void *arg)
{
	struct exchange *exchange = arg;

	exchange->error = say(exchange->why, -EBADMSG, "message is cut short or out of turn");
	return NL_STOP;
}

/* Events answer no request. */
static int on_any_sequence(struct nl_msg *msg, void *arg)
{
	return NL_OK;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *header = nlmsg_hdr(msg);
	struct exchange *exchange = arg;
	struct genlmsghdr *genl;
	char fault[DECODE_FAULT_MAX];
	json_t *message;
	int err;

	/* Not the kernel, or not ours: somebody with privilege plays with us. */
	if (nlmsg_get_src(msg)->nl_pid != 0 || header->nlmsg_type != exchange->family)
		return NL_SKIP;
	if (!genlmsg_valid_hdr(header, 0))
		return on_invalid(msg, arg);
	genl = genlmsg_hdr(header);
	err = decode_message(genlmsg_attrdata(genl, 0), (size_t)genlmsg_attrlen(genl, 0), &message,
			     fault);
	if (err) {
		exchange->error =
			say(exchange->why, err, "%s", err == -ENOMEM ? "out of memory" : fault);
		return NL_STOP;
	}
	exchange->error = exchange->on_message(exchange->arg, genl->cmd, message);
	json_decref(message);
	return exchange->error ? NL_STOP : NL_OK;
}

static struct nl_cb *callbacks(struct nl_cb *transport, struct exchange *exchange)
{
	struct nl_cb *cb = transport ? nl_cb_clone(transport) : nl_cb_alloc(NL_CB_CUSTOM);

	if (!cb)
		return NULL;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, exchange);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, exchange);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, exchange);
	nl_cb_set(cb, NL_CB_INVALID, NL_CB_CUSTOM, on_invalid, exchange);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, exchange);
	nl_cb_err(cb, NL_CB_CUSTOM, on_refusal, exchange);
	return cb;
}

/* Send @msg (consumed) and take the answer to its end. */
static int converse(struct nl_sock *sk, struct nl_cb *transport, struct nl_msg *msg,
		    struct exchange *exchange)
{
	struct nl_cb *cb = callbacks(transport, exchange);
	int err;

	if (!cb) {
		nlmsg_free(msg);
		return say(exchange->why, -ENOMEM, "out of memory");
	}
	err = nl_send_auto(sk, msg);
	nlmsg_free(msg);
	while (err >= 0 && !exchange->is_over && !exchange->error)
		err = nl_recvmsgs(sk, cb);
	nl_cb_put(cb);
	if (exchange->error || exchange->is_over)
		return exchange->error;
	return from_libnl(exchange->why, err);
}

static int open_socket(struct nl_sock **ret, struct nl_cb *transport, int protocol, char *why)
{
	const struct timeval patience = {.tv_sec = ANSWER_TIMEOUT_S};
	const int yes = 1;
	struct nl_sock *sk = transport ? nl_socket_alloc_cb(transport) : nl_socket_alloc();
	int err = sk ? nl_connect(sk, protocol) : -NLE_NOMEM;

	if (err < 0) {
		nl_socket_free(sk);
		return from_libnl(why, err);
	}
	nl_socket_enable_msg_peek(sk);
	/* Older kernels have neither option: then refusals have no text. */
	setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_EXT_ACK, &yes, sizeof(yes));
	setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof(yes));
	setsockopt(nl_socket_get_fd(sk), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	*ret = sk;
	return 0;
}

int kernel_open(struct kernel **ret, struct nl_cb *cb, char why[KERNEL_WHY_MAX])
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int err;

	if (!kernel)
		return say(why, -ENOMEM, "out of memory");
	err = open_socket(&kernel->sk, cb, NETLINK_GENERIC, why);
	if (err) {
		free(kernel);
		return err;
	}
	kernel->transport = cb;
	kernel->family = genl_ctrl_resolve(kernel->sk, HUBMESH_FAMILY_NAME);
	if (kernel->family < 0) {
		err = from_libnl(why, kernel->family);
		kernel_close(kernel);
		return err;
	}
	*ret = kernel;
	return 0;
}

void kernel_close(struct kernel *kernel)
{
	if (!kernel)
		return;
	nl_socket_free(kernel->sk);
	free(kernel);
}

static int collect(void *arg, uint8_t cmd, json_t *message)
{
	json_t *list = arg;

	if (json_array_size(list) >= KERNEL_MESSAGES_MAX)
		return -E2BIG;
	return json_array_append(list, message) ? -ENOMEM : 0;
}

static struct nl_msg *request(const struct kernel *kernel, uint8_t cmd, const char *device,
			      int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (msg &&
	    genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, kernel->family, 0, flags, cmd,
			HUBMESH_FAMILY_VERSION) &&
	    (!device || nla_put_string(msg, HUBMESH_A_IFNAME, device) == 0))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static int get_once(struct kernel *kernel, uint8_t cmd, const char *device, bool is_dump,
		    json_t *list, bool *ret_interrupted, char *why)
{
	struct exchange exchange = {kernel->family, collect, list, why};
	struct nl_msg *msg = request(kernel, cmd, device, is_dump ? NLM_F_DUMP : NLM_F_ACK);
	int err;

	if (!msg)
		return say(why, -ENOMEM, "out of memory");
	err = converse(kernel->sk, kernel->transport, msg, &exchange);
	*ret_interrupted = exchange.is_interrupted;
	if (err == -E2BIG)
		say(why, 0, "more than %d messages: this is no table of hubmesh.ko",
		    KERNEL_MESSAGES_MAX);
	return err;
}

int kernel_get(struct kernel *kernel, uint8_t cmd, const char *device, bool is_dump, json_t **ret,
	       char why[KERNEL_WHY_MAX])
{
	json_t *list = json_array();
	bool is_interrupted = true;
	int err = 0;

	if (!list)
		return say(why, -ENOMEM, "out of memory");
	for (int try = 0; try < KERNEL_DUMP_TRIES && is_interrupted && !err; try++) {
		json_array_clear(list);
		err = get_once(kernel, cmd, device, is_dump, list, &is_interrupted, why);
	}
	if (!err && is_interrupted)
		err = say(why, -EAGAIN, "the table changed during each of %d readings",
			  KERNEL_DUMP_TRIES);
	if (err) {
		json_decref(list);
		return err;
	}
	*ret = list;
	return 0;
}

int kernel_listen(struct kernel *kernel, kernel_message_fn on_event, void *arg,
		  char why[KERNEL_WHY_MAX])
{
	const struct timeval forever = {0};
	struct exchange exchange = {kernel->family, on_event, arg, why};
	struct nl_cb *cb;
	int err = genl_ctrl_resolve_grp(kernel->sk, HUBMESH_FAMILY_NAME, HUBMESH_MCGRP_EVENTS);

	if (err >= 0)
		err = nl_socket_add_membership(kernel->sk, err);
	if (err < 0)
		return from_libnl(why, err);
	nl_socket_set_buffer_size(kernel->sk, EVENT_BUFFER_BYTES, 0);
	setsockopt(nl_socket_get_fd(kernel->sk), SOL_SOCKET, SO_RCVTIMEO, &forever,
		   sizeof(forever));
	cb = callbacks(kernel->transport, &exchange);
	if (!cb)
		return say(why, -ENOMEM, "out of memory");
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_any_sequence, NULL);
	while (err >= 0 && !exchange.error) {
		err = nl_recvmsgs(kernel->sk, cb);
		/* ENOBUFS, in libnl's words: the kernel had more than the buffer holds. */
		if (err == -NLE_NOMEM)
			err = exchange.error = on_event(arg, HUBMESH_CMD_EVENT, NULL);
	}
	nl_cb_put(cb);
	return exchange.error ? exchange.error : from_libnl(why, err);
}

/* A request about an interface; @msg is consumed. */
static int tell_rtnl(struct nl_sock *sk, struct nl_msg *msg, char *why)
{
	struct exchange exchange = {.why = why};

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
	return converse(sk, NULL, msg, &exchange);
}

int kernel_device_add(const char *name, char why[KERNEL_WHY_MAX])
{
	struct rtnl_link *link = rtnl_link_alloc();
	struct nl_sock *sk = NULL;
	struct nl_msg *msg = NULL;
	int err = open_socket(&sk, NULL, NETLINK_ROUTE, why);

	if (!err) {
		rtnl_link_set_name(link, name);
		err = rtnl_link_set_type(link, KIND);
		if (err >= 0)
			err = rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &msg);
		err = err < 0 ? from_libnl(why, err) : tell_rtnl(sk, msg, why);
	}
	nl_socket_free(sk);
	rtnl_link_put(link);
	return err;
}

/* Not by name alone: the interface of that name must be of our kind. */
static int delete_link(struct nl_sock *sk, struct rtnl_link *link, const char *name, char *why)
{
	const char *kind = rtnl_link_get_type(link);
	struct nl_msg *msg;
	int err;

	if (!kind || strcmp(kind, KIND) != 0)
		return say(why, -EMEDIUMTYPE, "%s is of kind %s, not " KIND, name,
			   kind ? kind : "(none)");
	err = rtnl_link_build_delete_request(link, &msg);
	return err < 0 ? from_libnl(why, err) : tell_rtnl(sk, msg, why);
}

int kernel_device_del(const char *name, char why[KERNEL_WHY_MAX])
{
	struct rtnl_link *link = NULL;
	struct nl_sock *sk = NULL;
	int err = open_socket(&sk, NULL, NETLINK_ROUTE, why);

	if (err)
		return err;
	err = rtnl_link_get_kernel(sk, 0, name, &link);
	if (err == -NLE_NODEV || err == -NLE_OBJ_NOTFOUND)
		err = say(why, -ENODEV, "there is no interface %s", name);
	else if (err < 0)
		err = from_libnl(why, err);
	else
		err = delete_link(sk, link, name, why);
	rtnl_link_put(link);
	nl_socket_free(sk);
	return err;
}
