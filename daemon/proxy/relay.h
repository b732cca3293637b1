/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: relay: a way to the proxy of a hub that no TCP of ours reaches
 *
 *	a                       b                          c
 *	trunk of a to c --way-- [stream of trunk a-b] ---- TCP
 *	      |<------------- TLS between a and c ---------->|
 *
 * A way is a stream socket: to whoever uses it, and that is a trunk, it is as
 * good as TCP.  The other end of its pair is carried by a flow to a neighbour,
 * who was asked by CONNECT to take it further: by TCP of its own, or by a way
 * of its own through the next hub.  Relays carry records of a TLS that is not
 * theirs.  Each hub asks the next ones on its routes one after the other, never
 * the one that asked it, and each lets a way cross one hub less, so loops end.
 *
 * A relay is no open proxy: it connects to nothing but the ports that records
 * of the mesh's own hubs tell.  Documentation/proxy.rst, "Relays".
 */
#ifndef PROXY_RELAY_H
#define PROXY_RELAY_H

#include "daemon/proxy/internal.h"

#define RELAYS_MAX 256 /* carried for others at a time: two descriptors each, or four */
#define RELAYS_PER_S 20 /* asked for on one trunk: a way lasts, hubs need few new ones */
#define RELAYS_BURST 64
#define RELAY_SPARE 2 /* hubs more than our topology knows of: another may know another way */
#define RELAY_TRY_NS NSEC_PER_SEC /* for each hub a way may cross, then another is asked */
#define RELAY_BACK_NS (RELAY_TRY_NS / 2)
#define RELAY_TRIED_MAX 8 /* hubs asked for one way of ours */
#define RELAY_TRIED_FOR_OTHERS 2 /* each of which asks as many: few, and the asker has others */
#define RELAY_SILENT_NS (3 * NSEC_PER_SEC) /* longer than TRUNK_PING_NS: a live trunk says more */
#define RELAY_IDLE_NS \
	(90 * NSEC_PER_SEC) /* trunks with streams send PINGs, without any end after 60 s */

/**
 * struct relay - what a flow that carries a trunk knows
 * @to: hub at the other end of the trunk
 * @has_asker: it is for another hub, not for us
 * @asker: that one
 * @relays: hubs that may lie between still, with the one that is asked
 * @tried: hubs asked
 * @n_tried: of them
 * @other: with a hub that asked, and no TCP to @to: its flow and that of our way, each the other's;
 *	NULL there is none, or it is gone
 * @status: of the last refusal
 * @reason: likewise
 */
struct relay {
	struct hub_id to;
	bool has_asker;
	struct hub_id asker;
	unsigned int relays;
	struct hub_id tried[RELAY_TRIED_MAX];
	size_t n_tried;
	struct flow *other;
	unsigned int status;
	char reason[CALL_REASON_MAX + 1];
};

/**
 * relay_open() - Begin a way to a hub; what is written to it waits until somebody takes it on.
 * @proxy: ours
 * @to: hub that hub_find_proxy() does not reach
 *
 * Return: a stream socket, the caller's; it ends when there is no way after all.  -EHOSTUNREACH
 *	nobody can be asked; -errno no socket.
 */
int relay_open(struct proxy *proxy, const struct hub_id *to);
/** relay_on_call() - Another hub asks for a way. */
void relay_on_call(struct trunk *trunk, int32_t stream);
/** relay_answered() - A hub that was asked says yes, or why not. */
void relay_answered(struct flow *flow, unsigned int status, const char *reason);
/** relay_connected() - TCP to the hub that another hub wants is there. */
void relay_connected(struct flow *flow);
/** relay_attempt_failed() - It did not come about: by another hub, or not at all. */
void relay_attempt_failed(struct flow *flow, enum proxy_end why);

#endif
