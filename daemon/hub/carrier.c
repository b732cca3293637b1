// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: carrier: what the frames of a link ride in
 *
 * Two hubs on one segment need no IP between them: their frames may ride in
 * Ethernet.  Each end chooses for the frames it sends; the kernel takes both.
 *
 * A beacon or session from a link-local address proves the segment, for no router
 * passes those on.  It does not prove that everything between lets our ethertype
 * through, so the link's probes have to: a link that goes down while it rides in
 * Ethernet is put on UDP at once, and when UDP gets through soon where Ethernet
 * did not, the path stays with UDP.
 */
#include "daemon/hub/internal.h"

#include <string.h>

static const struct iface *iface_of(const struct hub *hub, uint32_t ifindex)
{
	for (size_t i = 0; i < hub->n_ifaces; i++) {
		if (hub->ifaces[i].ifindex == ifindex)
			return &hub->ifaces[i];
	}
	return NULL;
}

bool path_lladdr(const struct hub *hub, uint32_t link, uint8_t ret[ENDPOINT_LLADDR_LEN])
{
	const struct path *path = path_by_link(hub, link);
	const struct iface *iface = path ? iface_of(hub, path->ifindex) : NULL;

	if (!iface || !iface->has_lladdr)
		return false;
	memcpy(ret, iface->lladdr, sizeof(iface->lladdr));
	return true;
}

static bool shares_segment(const struct hub *hub, const struct path *path)
{
	return (path->remote.family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&path->remote.addr6)) ||
	       neighbours_hears_link_local(hub->neighbours, &path->peer, path->ifindex);
}

bool path_choose_carrier(const struct hub *hub, struct path *path, const struct session *session)
{
	enum path_carrier before = path->carrier;
	uint8_t ours[ENDPOINT_LLADDR_LEN], had[ENDPOINT_LLADDR_LEN];
	bool can_ethernet = session->hello.has_lladdr && path_lladdr(hub, path->link, ours) &&
			    !path->is_deaf_to_ethernet && shares_segment(hub, path);

	memcpy(had, path->remote_lladdr, sizeof(had));
	path->carrier = can_ethernet ? PATH_ETHERNET : PATH_UDP;
	if (can_ethernet)
		memcpy(path->remote_lladdr, session->hello.lladdr, sizeof(path->remote_lladdr));
	return path->carrier != before ||
	       (can_ethernet && memcmp(had, path->remote_lladdr, sizeof(had)) != 0);
}

void path_judge_carrier(struct hub *hub, uint64_t now_ns, struct path *path, struct effects *fx)
{
	if (!path->in_kernel)
		return;
	if (path->reported_down && path->carrier == PATH_ETHERNET) {
		path->carrier = PATH_UDP;
		path->fell_back_at = now_ns;
		path_send_link(path, fx);
		return;
	}
	if (path->reported_down || path->fell_back_at == NEVER)
		return;
	if (now_ns - path->fell_back_at <= HUB_CARRIER_PROOF_NS) {
		path->is_deaf_to_ethernet = true;
		peer_fault(hub, now_ns, fx,
			   "event=carrier-fallback link=%u carrier=udp reason=\"UDP gets through "
			   "where Ethernet did not\" hint=\"underlay.carrier: udp avoids the try\"",
			   path->link);
	}
	path->fell_back_at = NEVER;
}
