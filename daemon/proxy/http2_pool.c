// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: http2_pool: connections of an entry to providers, shared by its programs
 *
 * A connection stays where it leads.  When the lease moves, requests find
 * another; those under way end where they are, and then it is closed.
 */
#include "daemon/proxy/http2.h"

void http2_pool_remove(struct http2 *http2)
{
	struct entry *entry = http2->flow->entry;
	bool was_pooled = http2->is_pooled;

	http2->is_pooled = false;
	if (!was_pooled || !entry)
		return;
	for (size_t i = 0; i < entry->n_http2; i++)
		if (entry->http2[i] == http2)
			entry->http2[i] = entry->http2[--entry->n_http2];
}

static struct http2 *open_upstream(struct entry *entry, unsigned int tries)
{
	struct flow *flow;

	if (entry->n_http2 == ENTRY_HTTP2_MAX)
		return NULL;
	flow = flow_new_upstream(entry->proxy, entry->counted);
	if (!flow)
		return NULL;
	flow->entry = entry;
	flow->idle_s = entry->settings.idle_s;
	flow->connect_ms = entry->settings.connect_ms;
	flow->tries = tries; /* who has just failed is not asked again if there is a shared one */
	http2_new(flow, HTTP2_UPSTREAM);
	flow->http2->is_pooled = true;
	entry->http2[entry->n_http2++] = flow->http2;
	return flow->http2;
}

/* After a failure somebody else is asked, if there is one: the shared provider. */
static bool is_wanted(const struct http2 *http2, unsigned int tries)
{
	const struct flow *flow = http2->flow;

	if (tries && flow->entry->settings.has_shared)
		return flow->via == FLOW_SHARED;
	return entry_leads_to(flow);
}

/* Those that lead elsewhere are not to keep out the one that is wanted: they end with their requests. */
static void make_room(struct entry *entry, unsigned int tries)
{
	struct http2 *least = NULL;

	for (size_t i = 0; i < entry->n_http2; i++) {
		struct http2 *http2 = entry->http2[i];

		if (!is_wanted(http2, tries) &&
		    (!least || http2->up.n_exchanges < least->up.n_exchanges))
			least = http2;
	}
	if (least)
		http2_pool_remove(least);
}

struct http2 *http2_pool_get(struct entry *entry, unsigned int tries)
{
	struct http2 *best = NULL, *opened;

	for (size_t i = 0; i < entry->n_http2; i++) {
		struct http2 *http2 = entry->http2[i];

		if (is_wanted(http2, tries) &&
		    (!best || http2->up.n_exchanges < best->up.n_exchanges))
			best = http2;
	}
	if (best && best->up.n_exchanges < HTTP2_STREAMS_FEW)
		return best;
	if (entry->n_http2 == ENTRY_HTTP2_MAX)
		make_room(entry, tries);
	opened = open_upstream(entry, tries);
	if (opened)
		return opened;
	return best && best->up.n_exchanges < HTTP2_HUB_STREAMS_MAX ? best : NULL;
}

static void leave_stranded(struct http2 *http2)
{
	struct http2_exchange *next;

	http2_pool_remove(http2);
	for (struct http2_exchange *at = http2->up.exchanges; at && !http2->flow->is_closed;
	     at = next) {
		next = at->up_next;
		http2_exchange_stranded(at);
	}
}

void http2_pool_tick(struct http2 *http2, uint64_t now_ns)
{
	struct flow *flow = http2->flow;

	if (http2->is_pooled && (!flow->entry || !entry_leads_to(flow)))
		http2_pool_remove(http2);
	if (http2->up.n_exchanges && flow_is_stranded(flow))
		leave_stranded(http2);
	if (http2->up.n_exchanges)
		return;
	if (!http2->is_pooled || now_ns - flow->moved_ns > HTTP2_POOL_IDLE_NS)
		flow_close(flow, PROXY_END_DONE);
}
