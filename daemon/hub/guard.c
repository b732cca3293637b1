// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: guard: what the kernel lets hubs send
 *
 * The policy room says what it should check; here it is told whenever one of
 * what that depends on changes: the policy, a hub's certificate, its addresses.
 * A hub's guard follows its HUB_SET at once and so precedes its first key: no
 * frame of it is opened without.
 */
#include "daemon/hub/internal.h"

#include <stdlib.h>

#include "daemon/lib/cleanup.h"
#include "daemon/lib/memory.h"

void peer_set_guard(struct hub *hub, struct peer *peer, struct effects *fx)
{
	const struct policy_peer about = {
		.hub = peer->hub,
		.zones = peer->zones,
		.ula = address_ula(hub->mesh_tag, &peer->hub),
		.ipv4 = ntohl(peer->ipv4.s_addr),
		.pool = hub->settings.ipv4_pool,
		.pool_prefix_len = hub->settings.ipv4_pool_prefix_len,
	};
	struct policy_guard guard;
	struct effect *effect;

	if (!hub->settings.has_datapath || !peer->in_kernel)
		return;
	policy_guard_of(hub->policy, &about, &guard);
	if (memcmp(&guard, &peer->guard, sizeof(guard)) == 0)
		return;
	memcpy(&peer->guard, &guard, sizeof(guard));
	effect = effects_add(fx, EFFECT_GUARD);
	effect->guard.hub = peer->hub;
	effect->guard.guard = guard;
}

void peer_set_zones(struct hub *hub, struct peer *peer, const char *zones, struct effects *fx)
{
	if (strcmp(peer->zones ?: "", zones) == 0)
		return;
	free(peer->zones);
	peer->zones = zones[0] ? xstrdup(zones) : NULL;
	peer_set_guard(hub, peer, fx);
}

enum trust_refusal session_judge(struct hub *hub, struct session *session,
				 const struct session_peer *shown, struct effects *fx)
{
	struct peer *peer = peer_get(hub, &shown->hub);
	struct trust_identity identity;
	enum trust_refusal refusal;

	if (!shown->cert_der_len)
		return TRUST_NOT_REFUSED; /* a test's; the transport always has one */
	/* The transport has verified it: this finds the verdict. */
	refusal = trust_judge_hub(hub->trust, shown->cert_der, shown->cert_der_len, hub->unix_s,
				  &identity);
	if (refusal)
		return refusal;
	sha256(shown->cert_der, shown->cert_der_len, session->cert_digest);
	session->has_cert = true;
	if (peer)
		peer_set_zones(hub, peer, identity.zones, fx);
	return TRUST_NOT_REFUSED;
}

void guards_update(struct hub *hub, struct effects *fx)
{
	for (size_t i = 0; i < hub->n_peers; i++)
		peer_set_guard(hub, hub->peers[i], fx);
}

bool policy_replace(struct hub *hub, const struct policy *policy)
{
	_cleanup_free_ struct policy *old = hub->policy;

	hub->settings.policy = NULL; /* borrowed */
	hub->policy = policy ? xmemdup(policy, sizeof(*policy)) : policy_new();
	return !old || memcmp(old, hub->policy, sizeof(*old)) != 0;
}

void policy_enforce(struct hub *hub, struct effects *fx)
{
	const char *zone = policy_first_uncertified(hub->policy, hub->zones);
	struct effect *effect;

	if (zone)
		effects_log(fx, LOG_CLASS_LOCAL,
			    "event=zone-not-certified zone=%s effect=\"other hubs refuse its "
			    "frames\" hint=\"issue a certificate with it: meshctl ca issue "
			    "--zone\"",
			    zone);
	if (!hub->settings.has_datapath)
		return;
	effect = effects_add(fx, EFFECT_POLICY);
	effect->policy.tables = xnew(struct policy_tables);
	policy_compile(hub->policy, &hub->settings.id, effect->policy.tables);
}
