// SPDX-License-Identifier: GPL-2.0
/* DOC: http_pool: see http_pool.h */
#include "daemon/proxy/http_pool.h"

#include <string.h>
#include <strings.h>

#include "daemon/lib/memory.h"

/* ---- what may be kept ---- */

/* Authentication of connections, not requests (RFC 4559): who comes next would be taken for this one. */
bool http_pool_binds_connection(const struct http1_field *field)
{
	static const char *const schemes[] = {"ntlm", "negotiate"};

	if (!http1_is(&field->name, "authorization") &&
	    !http1_is(&field->name, "proxy-authorization"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (field->value.len >= strlen(schemes[i]) &&
		    strncasecmp(field->value.at, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

void http_pool_note(struct http *http, const struct http1_head *head)
{
	for (size_t i = 0; i < head->n_fields; i++)
		http->is_private |= http_pool_binds_connection(&head->fields[i]);
}

bool http_pool_has_length(const struct http1_body *body)
{
	return body->is_done && (body->framing == HTTP1_LENGTH || body->framing == HTTP1_CHUNKED);
}

bool http_pool_is_distrusted(const struct flow *flow)
{
	return proxy_now_ns(flow->proxy) < flow->counted->distrust_ns;
}

void http_pool_distrust(struct flow *flow)
{
	flow->counted->distrust_ns = proxy_now_ns(flow->proxy) + HTTP_POOL_DISTRUST_NS;
}

static bool is_silent(const struct http *http)
{
	const struct end *service = http->flow->service;

	return !service->has_ended && !buffer_len(&service->in) && !buffer_len(&http->response);
}

static bool is_all_sent(const struct http *http)
{
	return http->request_body.is_done && !buffer_len(&http->to_service.in) &&
	       !http->flow->far.is_writing;
}

/* Nothing of ours in between that could hold something back. */
static bool is_direct(const struct flow *flow)
{
	return flow->service == &flow->tunnel.end || flow->service == &flow->far.end;
}

bool http_pool_may_keep(const struct http *http)
{
	const struct flow *flow = http->flow;

	return (http->state == HTTP_IDLE || http->state == HTTP_CLOSING) && !http->is_provider &&
	       !http->is_service_broken && !http->is_reused && !http->shadow && !http->drain_ns &&
	       !http->is_private && is_direct(flow) && flow->is_open && flow->door &&
	       (flow->via == FLOW_LOCAL || flow->via == FLOW_MESH) && http->does_service_stay &&
	       http_pool_has_length(&http->response_body) && is_silent(http) && is_all_sent(http) &&
	       !flow->proxy->is_draining && !http_pool_is_distrusted(flow);
}

/* ---- in and out ---- */

static void forget_client(struct http *http)
{
	struct flow *flow = http->flow;

	if (flow->client == &flow->near.end)
		sock_drop(&flow->near); /* for another to be accepted there */
	else
		flow->client->ops->close(flow->client, false);
	flow->client = NULL;
	buffer_release(flow->proxy, &http->to_client.in);
	buffer_release(flow->proxy, &http->request);
	buffer_release(flow->proxy, &http->replay);
	http->to_client.other = NULL;
	http->to_client.has_ended = http->to_client.is_finished = false;
	http->is_held = http->is_kept = http->is_leaving = false;
	http->began_ns = http->request_seen = 0;
	http->state = HTTP_IDLE;
}

bool http_pool_give(struct http *http)
{
	struct flow *flow = http->flow;
	struct proxy *proxy = flow->proxy;
	struct counted *counted = flow->counted;

	if (proxy->totals.spare >= HTTP_POOL_MAX || counted->n_spare >= HTTP_POOL_SERVICE_MAX ||
	    !http_pool_may_keep(http) || proxy_now_ns(proxy) - flow->moved_ns > HTTP_POOL_IDLE_NS)
		return false;
	flow_rest(flow);
	forget_client(http);
	flow->next_spare = counted->spare;
	counted->spare = flow;
	counted->n_spare++;
	proxy->totals.spare++;
	return true;
}

void http_pool_remove(struct flow *flow)
{
	struct flow **link = &flow->counted->spare;

	if (!flow->is_spare)
		return;
	while (*link != flow)
		link = &(*link)->next_spare;
	*link = flow->next_spare;
	flow->is_spare = false;
	flow->counted->n_spare--;
	flow->proxy->totals.spare--;
}

/* Would a new connection go there? */
static bool leads_there(const struct flow *flow)
{
	return flow->entry && flow->lease == flow->entry->request && entry_leads_to(flow);
}

struct flow *http_pool_take(struct entry *entry)
{
	if (entry->proxy->totals.flows >= entry->proxy->flows_max)
		return NULL;
	for (struct flow *flow = entry->counted->spare, *next; flow; flow = next) {
		next = flow->next_spare;
		/* Its earlier client's socket has to be gone before there is room for another. */
		if (flow->door != entry || flow->near.is_open)
			continue;
		if (!leads_there(flow) || (flow->far.is_open && !sock_is_silent(&flow->far))) {
			flow_close(flow, PROXY_END_DONE);
			continue;
		}
		http_pool_remove(flow);
		flow_renew(flow);
		flow->http->is_reused = true;
		return flow;
	}
	return NULL;
}

/* ---- requests on what was spare ---- */

bool http_pool_may_risk(const struct http *http)
{
	const struct http1_body *body = &http->request_body;
	bool is_short = body->is_done ||
			(body->framing == HTTP1_LENGTH &&
			 body->left <= HTTP_REPLAY_MAX - buffer_len(&http->replay));

	return http->is_idempotent && http->can_replay && is_short;
}

bool http_pool_is_stale(const struct http *http)
{
	return http->is_reused && !http->is_provider && http->state == HTTP_OPEN &&
	       !http->has_head && !http->has_begun && http->is_idempotent && http->can_replay;
}

bool http_pool_is_clean(const struct http *http)
{
	struct flow *flow = http->flow;
	const struct sock *sock = http->is_provider ? &flow->near : &flow->far;

	if (http->is_service_broken)
		return false;
	if (!http->has_served || flow->service != &sock->end || sock_is_silent(sock))
		return true;
	if (sock_has_bytes(sock))
		http_pool_distrust(flow);
	return false;
}

/* ---- what is no good any more ---- */

void http_pool_heard(struct flow *flow)
{
	if (buffer_len(&flow->service->in))
		http_pool_distrust(flow);
	if (!is_silent(flow->http))
		flow_close(flow, PROXY_END_DONE);
}

static void settle(struct counted *counted, uint64_t now_ns)
{
	for (struct flow *flow = counted->spare, *next; flow; flow = next) {
		next = flow->next_spare;
		if (!leads_there(flow) || now_ns - flow->moved_ns > HTTP_POOL_IDLE_NS)
			flow_close(flow, PROXY_END_DONE);
	}
}

void http_pool_settle(struct proxy *proxy)
{
	uint64_t now_ns = proxy_now_ns(proxy);

	for (size_t i = 0; i < proxy->n_counted && proxy->totals.spare; i++)
		settle(proxy->counted[i], now_ns);
}

void http_pool_clear(struct proxy *proxy)
{
	for (size_t i = 0; i < proxy->n_counted; i++)
		while (proxy->counted[i]->spare)
			flow_close(proxy->counted[i]->spare, PROXY_END_DONE);
}
