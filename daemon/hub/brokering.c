// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: brokering: the broker's messages on their way, and its view of the mesh
 *
 * A message to another hub is signed and handed to the neighbour the route
 * leads to; on the way every hub looks at the receiver and the ttl only.  At
 * the receiver signature, lives and number are checked before the broker gets
 * to see it.  What the broker says to ourselves never leaves.
 */
#include "daemon/hub/internal.h"

#include <errno.h>
#include <stdlib.h>

#define BROKER_BURST 1024 /* messages of one session at once */
#define BROKER_INTERVAL_NS NSEC_PER_MSEC /* and one more each */
#define BROKER_LOCAL_MAX 64 /* messages to ourselves in one event: a few rounds of a request */

static uint32_t world_cost_us(void *arg, const struct hub_id *id)
{
	const struct hub *hub = arg;
	const struct route *route;

	if (hub_id_equal(id, &hub->settings.id))
		return 0;
	route = way_to(hub, id);
	if (!route)
		return UINT32_MAX;
	return route->cost_us < UINT32_MAX ? (uint32_t)route->cost_us : UINT32_MAX - 1;
}

static uint64_t world_epoch(void *arg, const struct hub_id *id)
{
	const struct hub *hub = arg;
	const struct lsdb_entry *entry = lsdb_find(&hub->lsdb, id);

	if (hub_id_equal(id, &hub->settings.id))
		return hub->settings.boot_epoch;
	return entry ? entry->boot_epoch : 0;
}

static struct broker_world world_of(const struct hub *hub)
{
	return (struct broker_world){.registry = hub->registry,
				     .cost_us = world_cost_us,
				     .epoch = world_epoch,
				     .rank = versioning_rank,
				     .ranking = versions_generation(hub->versions),
				     .arg = (struct hub *)hub}; /* only read */
}

struct session *session_towards(struct hub *hub, const struct hub_id *to)
{
	const struct route *route = routes_find(&hub->routes, to);
	const struct path *path = route && route->n_via ? path_by_link(hub, route->via[0]) : NULL;
	struct session *session = path_session_of(hub, to);

	if (session || !path)
		return session;
	session = sessions_find(&hub->sessions, path->session);
	return session && session->state == SESSION_READY ? session
							  : path_session_of(hub, &path->peer);
}

static void send_message(struct hub *hub, uint64_t now_ns, struct offer_message *message,
			 struct effects *fx)
{
	struct session *session = session_towards(hub, &message->to);
	uint8_t bytes[OFFER_MAX];
	int len;

	message->from_epoch = hub->settings.boot_epoch;
	message->to_epoch = world_epoch(hub, &message->to);
	message->seq = ++hub->broker_seq;
	if (!session) {
		hub->counters.broker_unroutable++;
		return; /* its answer is missed like any lost one */
	}
	len = offer_encode(message, hub->private_key, hub->pubkey, bytes, sizeof(bytes));
	if (len < 0) {
		effects_log(fx, LOG_CLASS_BUG, "event=offer-encode-failed error=%d", -len);
		return;
	}
	session_send(hub, now_ns, session, CONTROL_BROKER, bytes, (size_t)len, fx);
}

/* What others said of themselves goes into the registry, for all requests to come. */
static void note_answer(struct hub *hub, uint64_t now_ns, const struct offer_message *message)
{
	struct registry_instance *instance;

	if (message->kind != OFFER_OFFER && message->kind != OFFER_LEASE &&
	    message->kind != OFFER_REFUSE)
		return;
	instance = registry_find(hub->registry, &message->from, message->digest);
	if (instance)
		registry_note_load(instance, now_ns, message->load_permille, message->free_slots,
				   message->price_micro);
}

static void note_asked(struct hub *hub, const struct offer_message *message)
{
	struct registry_instance *instance;

	if (message->kind != OFFER_REQUEST && message->kind != OFFER_ACCEPT &&
	    message->kind != OFFER_RENEW)
		return;
	instance = registry_find(hub->registry, &message->to, message->digest);
	if (instance)
		instance->live.asked++;
}

/* Messages are handled in order; answers to ourselves join the end. */
static void flush(struct hub *hub, uint64_t now_ns, struct broker_output *out, struct effects *fx)
{
	struct broker_world world = world_of(hub);
	size_t local = 0;

	for (size_t i = 0; i < out->n; i++) {
		struct offer_message message = out->messages[i];

		note_asked(hub, &message);
		if (!hub_id_equal(&message.to, &hub->settings.id)) {
			send_message(hub, now_ns, &message, fx);
			continue;
		}
		if (++local > BROKER_LOCAL_MAX)
			continue; /* as if lost */
		message.from_epoch = message.to_epoch = hub->settings.boot_epoch;
		note_answer(hub, now_ns, &message);
		broker_on_message(hub->broker, now_ns, &world, &message, out);
	}
	free(out->messages);
}

static bool may_pass(struct hub *hub, struct session *session, uint64_t now_ns)
{
	uint64_t from = session->broker_full_at > now_ns ? session->broker_full_at : now_ns;

	if (from + BROKER_INTERVAL_NS > now_ns + BROKER_BURST * BROKER_INTERVAL_NS) {
		hub->counters.broker_limited++;
		return false;
	}
	session->broker_full_at = from + BROKER_INTERVAL_NS;
	return true;
}

static void forward(struct hub *hub, uint64_t now_ns, const struct session *from,
		    const struct hub_id *to, const uint8_t *body, size_t len, struct effects *fx)
{
	struct session *session = session_towards(hub, to);
	uint8_t bytes[OFFER_MAX];
	int n = session ? offer_forward(body, len, bytes, sizeof(bytes)) : -EHOSTUNREACH;

	/* Back to where it came from: routes are changing, the sender tries again. */
	if (n < 0 || hub_id_equal(&session->peer, &from->peer)) {
		hub->counters.broker_unroutable++;
		return;
	}
	hub->counters.broker_forwarded++;
	session_send(hub, now_ns, session, CONTROL_BROKER, bytes, (size_t)n, fx);
}

/* Is it from whom it says, in that one's present life and ours, for the first time? */
static const char *objection_to(struct hub *hub, const struct offer_message *message,
				const uint8_t *body, size_t len)
{
	uint8_t pubkey[HUB_PUBKEY_LEN];

	if (message->to_epoch != hub->settings.boot_epoch)
		return "for an earlier life of this hub";
	if (message->from_epoch < world_epoch(hub, &message->from))
		return "from an earlier life of its sender";
	if (!hub_pubkey(hub, &message->from, pubkey))
		return "sender is not known";
	if (offer_verify(body, len, pubkey))
		return "bad signature";
	if (!broker_is_fresh(hub->broker, message))
		return "seen before";
	return NULL;
}

int on_broker(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
	      size_t len, struct effects *fx)
{
	struct broker_world world = world_of(hub);
	struct broker_output out = {0};
	struct offer_message message;
	const char *objection;
	char text[HUB_ID_STRLEN];

	if (offer_decode(body, len, &message))
		return -EBADMSG;
	if (hub_id_equal(&message.from, &hub->settings.id))
		return 0; /* our own, gone in a circle */
	if (!may_pass(hub, session, now_ns))
		return 0;
	if (!hub_id_equal(&message.to, &hub->settings.id)) {
		forward(hub, now_ns, session, &message.to, body, len, fx);
		return 0;
	}
	objection = objection_to(hub, &message, body, len);
	if (objection) {
		hub->counters.broker_refused++;
		peer_fault(hub, now_ns, fx, "event=broker-message-refused hub=%s reason=\"%s\"",
			   hub_id_format(&message.from, text), objection);
		return 0;
	}
	note_answer(hub, now_ns, &message);
	broker_on_message(hub->broker, now_ns, &world, &message, &out);
	flush(hub, now_ns, &out, fx);
	return 0;
}

uint64_t hub_on_service_resolve(struct hub *hub, uint64_t now_ns, const struct broker_query *query,
				struct effects *fx)
{
	struct broker_world world = world_of(hub);
	struct broker_output out = {0};
	uint64_t id;

	if (!hub->is_started || hub->is_stopped)
		return 0;
	id = broker_resolve(hub->broker, now_ns, &world, query, &out);
	flush(hub, now_ns, &out, fx);
	topology_settle(hub, now_ns, fx);
	return id;
}

void hub_on_service_lost(struct hub *hub, uint64_t now_ns, uint64_t request,
			 const struct hub_id *provider, const uint8_t *digest, struct effects *fx)
{
	struct broker_output out = {0};

	broker_lost(hub->broker, now_ns, request, provider, digest, &out);
	flush(hub, now_ns, &out, fx);
	topology_settle(hub, now_ns, fx);
}

void hub_on_service_ejected(struct hub *hub, uint64_t now_ns, uint64_t request,
			    const struct hub_id *provider, const uint8_t *digest, uint64_t for_ns,
			    struct effects *fx)
{
	struct broker_output out = {0};

	broker_eject(hub->broker, now_ns, request, provider, digest, for_ns, &out);
	flush(hub, now_ns, &out, fx);
	topology_settle(hub, now_ns, fx);
}

size_t hub_count_able(const struct hub *hub, uint64_t now_ns, uint64_t request)
{
	struct broker_world world = world_of(hub);

	return broker_count_able(hub->broker, now_ns, &world, request);
}

void hub_on_service_released(struct hub *hub, uint64_t now_ns, uint64_t request, struct effects *fx)
{
	struct broker_output out = {0};

	broker_release(hub->broker, now_ns, request, &out);
	flush(hub, now_ns, &out, fx);
	topology_settle(hub, now_ns, fx);
}

void brokering_settle(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	struct broker_world world = world_of(hub);
	struct broker_output out = {0};
	uint64_t changes = registry_generation(hub->registry) + hub->route_changes +
			   versions_generation(hub->versions);

	if (now_ns < broker_deadline(hub->broker) && changes == hub->broker_changes)
		return;
	hub->broker_changes = changes;
	broker_on_timer(hub->broker, now_ns, &world, &out);
	flush(hub, now_ns, &out, fx);
}

uint64_t brokering_deadline(const struct hub *hub)
{
	return broker_deadline(hub->broker);
}
