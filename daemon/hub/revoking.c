// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: revoking: lists of revocations in, out, and what follows from them
 *
 * A list comes from an operator or from a neighbour.  One that is later than
 * ours is kept, handed on to all other neighbours, and acted on before
 * anything else happens.  What neighbours have is told with every DIGEST, so a
 * healed partition, or a hub that was away, gets what it missed from whoever
 * it meets first.  A list is small and rare; it is sent whole.
 */
#include "daemon/hub/internal.h"

#include <errno.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

#define LISTS_BURST 16 /* lists one neighbour may hand us, or have from us, at once */
#define LISTS_INTERVAL_NS NSEC_PER_SEC /* and one more each: they cost a signature, or 32 KiB */
#define HAVE_BODY_MAX 1024

_Static_assert(CRL_MAX <= CONTROL_BODY_MAX, "a list is one message");
_Static_assert(CONTROL_LISTS_MAX >= TRUST_ROOTS_MAX, "a root's list is one entry");

static bool may_pass(uint64_t *full_at, uint64_t now_ns)
{
	uint64_t from = *full_at > now_ns ? *full_at : now_ns;

	if (from + LISTS_INTERVAL_NS > now_ns + LISTS_BURST * LISTS_INTERVAL_NS)
		return false;
	*full_at = from + LISTS_INTERVAL_NS;
	return true;
}

static void send_list(struct hub *hub, uint64_t now_ns, struct session *session,
		      const struct trust_list *list, struct effects *fx)
{
	if (may_pass(&session->lists_out_full_at, now_ns))
		session_send(hub, now_ns, session, CONTROL_REVOCATIONS, list->der, list->len, fx);
	else
		hub->counters.revocations_limited++;
}

void revocations_send_have(struct hub *hub, uint64_t now_ns, struct session *session,
			   struct effects *fx)
{
	struct control_list have[CONTROL_LISTS_MAX];
	uint8_t body[HAVE_BODY_MAX];
	const struct trust_list *list;
	size_t n = 0;
	int len;

	for (; (list = trust_list_at(hub->trust, n)); n++) {
		memcpy(have[n].issuer, list->issuer, sizeof(have[n].issuer));
		memcpy(have[n].digest, list->digest, SHA256_LEN);
		have[n].number = list->crl.number;
	}
	len = control_encode_lists(have, n, body, sizeof(body));
	if (len > 0)
		session_send(hub, now_ns, session, CONTROL_REVOCATIONS_HAVE, body, (size_t)len, fx);
}

/* Does @theirs lack what we have? */
static bool is_worth_sending(const struct trust_list *list, const struct control_list *theirs)
{
	if (!theirs || theirs->number < list->crl.number)
		return true;
	return theirs->number == list->crl.number &&
	       memcmp(theirs->digest, list->digest, SHA256_LEN) < 0;
}

int on_revocations_have(struct hub *hub, uint64_t now_ns, struct session *session,
			const uint8_t *body, size_t len, struct effects *fx)
{
	struct control_list have[CONTROL_LISTS_MAX];
	int n = control_decode_lists(body, len, have, CONTROL_LISTS_MAX);
	const struct trust_list *list;

	if (n < 0)
		return -EBADMSG;
	for (size_t i = 0; (list = trust_list_at(hub->trust, i)); i++) {
		const struct control_list *theirs = NULL;

		for (int k = 0; k < n && !theirs; k++)
			if (memcmp(have[k].issuer, list->issuer, sizeof(list->issuer)) == 0)
				theirs = &have[k];
		if (is_worth_sending(list, theirs))
			send_list(hub, now_ns, session, list, fx);
	}
	return 0;
}

/* ---- what follows -------------------------------------------------------- */

/* It is a stranger from now on: nothing of it stays, here or in the kernel. */
static void expel(struct hub *hub, uint64_t now_ns, const struct hub_id *id, struct effects *fx)
{
	char text[HUB_ID_STRLEN];

	hub->counters.hubs_expelled++;
	effects_log(fx, LOG_CLASS_PEER, "event=hub-expelled hub=%s reason=\"%s\"",
		    hub_id_format(id, text), trust_refusal_text(TRUST_REVOKED));
	neighbour_left(hub, now_ns, id, "your certificate is revoked", fx);
	lsdb_drop(&hub->lsdb, now_ns, id);
	forget_hub(hub, now_ns, id, fx);
	broker_forget_hub(hub->broker, id);
	hub->are_routes_due = true;
	hub->routed_ns = 0;
}

/* Dates are looked at in handshakes, which the renewal of keys makes often enough. */
static void judge_session(struct hub *hub, uint64_t now_ns, struct session *session,
			  struct effects *fx)
{
	struct hub_id peer = session->peer;

	switch (session->has_cert ? trust_recheck(hub->trust, session->cert_digest, 0)
				  : TRUST_NOT_REFUSED) {
	case TRUST_NOT_REFUSED:
		break;
	case TRUST_REVOKED:
		expel(hub, now_ns, &peer, fx);
		break;
	default: /* nothing is remembered of it: it can show it again */
		session_end(hub, now_ns, session, "show your certificate again", fx);
	}
}

static bool is_record_bad(struct hub *hub, const struct lsdb_entry *entry)
{
	_cleanup_free_ struct record *record = xnew(struct record);
	struct trust_identity identity;

	return entry->bytes && !hub_id_equal(&entry->hub, &hub->settings.id) &&
	       (record_decode(entry->bytes, entry->len, record) < 0 ||
		trust_judge_hub(hub->trust, record->cert, record->cert_len, 0, &identity) ==
			TRUST_REVOKED);
}

static void judge_ourselves(struct hub *hub, struct effects *fx)
{
	struct trust_identity identity;

	if (hub->is_revoked || trust_judge_hub(hub->trust, hub->cert, hub->settings.cert_der_len, 0,
					       &identity) != TRUST_REVOKED)
		return;
	hub->is_revoked = true;
	effects_log(fx, LOG_CLASS_LOCAL,
		    "event=own-certificate-revoked effect=\"other hubs refuse this one\" "
		    "hint=\"ask who keeps the root why; a new key is needed: meshctl ca issue\"");
}

/* One at a time: each expulsion changes the tables that are walked. */
static void enforce(struct hub *hub, uint64_t now_ns, struct effects *fx)
{
	for (size_t i = hub->sessions.n; i-- > 0;) {
		if (i < hub->sessions.n)
			judge_session(hub, now_ns, hub->sessions.list[i], fx);
	}
	for (size_t i = 0; i < hub->lsdb.n; i++) {
		struct hub_id id = hub->lsdb.list[i]->hub;

		if (is_record_bad(hub, hub->lsdb.list[i]))
			expel(hub, now_ns, &id, fx);
	}
	judge_ourselves(hub, fx);
}

/* ---- lists --------------------------------------------------------------- */

static void keep(const struct trust_list *list, struct effects *fx)
{
	struct effect *effect = effects_add(fx, EFFECT_REVOCATIONS);

	memcpy(effect->revocations.issuer, list->issuer, sizeof(list->issuer));
	effect->revocations.bytes = xmemdup(list->der, list->len);
	effect->revocations.len = list->len;
}

/* @from: the neighbour that handed it to us; NULL an operator. */
static void spread(struct hub *hub, uint64_t now_ns, const struct trust_list *list,
		   const struct hub_id *from, struct effects *fx)
{
	for (size_t i = 0; i < hub->sessions.n; i++) {
		struct session *session = hub->sessions.list[i];

		if (session_is_flooding(session) && !(from && hub_id_equal(from, &session->peer)))
			send_list(hub, now_ns, session, list, fx);
	}
}

static int take(struct hub *hub, uint64_t now_ns, const uint8_t *bytes, size_t len,
		const struct hub_id *from, const struct trust_list **list, struct effects *fx)
{
	int r = trust_add_revocations(hub->trust, bytes, len, list);

	if (r)
		return r;
	hub->counters.revocations_accepted++;
	effects_log(fx, LOG_CLASS_INFO, "event=revocations-in-force number=%llu entries=%zu",
		    (unsigned long long)(*list)->crl.number, (*list)->crl.n_entries);
	keep(*list, fx);
	/* Who is about to be expelled may be the only way on: spread first. */
	spread(hub, now_ns, *list, from, fx);
	enforce(hub, now_ns, fx);
	return 0;
}

int on_revocations(struct hub *hub, uint64_t now_ns, struct session *session, const uint8_t *body,
		   size_t len, struct effects *fx)
{
	struct hub_id from = session->peer; /* outlives the session */
	const struct trust_list *list;
	char text[HUB_ID_STRLEN];
	int r;

	if (!may_pass(&session->lists_in_full_at, now_ns)) {
		hub->counters.revocations_limited++;
		return 0;
	}
	r = take(hub, now_ns, body, len, &from, &list, fx);
	if (r == -EBADMSG)
		return r;
	if (r == -ESTALE)
		send_list(hub, now_ns, session, list, fx);
	if (r == -EKEYREJECTED) {
		hub->counters.revocations_refused++;
		peer_fault(hub, now_ns, fx,
			   "event=revocations-refused hub=%s reason=\"not signed by a root of this "
			   "mesh\"",
			   hub_id_format(&from, text));
	}
	return 0;
}

int hub_on_revocations(struct hub *hub, uint64_t now_ns, const uint8_t *bytes, size_t len,
		       struct effects *fx)
{
	const struct trust_list *list;
	int r = take(hub, now_ns, bytes, len, NULL, &list, fx);

	if (r == 0)
		topology_settle(hub, now_ns, fx);
	return r;
}

enum trust_refusal hub_judge_service(struct hub *hub, const uint8_t *der, size_t len,
				     int64_t unix_time_s, struct trust_service *ret)
{
	return trust_judge_service(hub->trust, der, len, unix_time_s, &hub->settings.id, ret);
}

bool hub_is_revoked(const struct hub *hub)
{
	return hub->is_revoked;
}

bool hub_take_binding(struct hub *hub, uint8_t ret[HUB_PUBKEY_LEN])
{
	return trust_take_new_binding(hub->trust, ret);
}

const struct trust *hub_get_trust(const struct hub *hub)
{
	return hub->trust;
}
