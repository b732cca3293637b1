// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: peers: which hubs frames are exchanged with
 *
 * A mesh need not be one where everybody talks to everybody.  The device has a list of
 * hubs, and flags that say what is exchanged with them alone: frames to one hub, frames to
 * many; a third flag lets nothing but address resolution go to many.  Every hub carries
 * what the list means for it, so that the fast path tests a byte it has at hand.
 *
 * Asked where a frame is sealed and where it is opened.  Relaying is not concerned, and
 * frames of the control port always pass: hubs that may not exchange frames are still
 * members of one mesh.
 */
#include <linux/etherdevice.h>
#include "datapath.h"
#include "device.h"
#include "hub.h"
#include "inner.h"

static bool is_listed(const struct hm_peers *peers, const u8 *id)
{
	unsigned int i;

	for (i = 0; i < peers->n; i++)
		if (ether_addr_equal_unaligned(peers->id[i], id))
			return true;
	return false;
}

/**
 * hm_peers_bar() - Note what the list means for a hub.
 * @hub: hub
 *
 * Context: Process context, device lock held.
 */
void hm_peers_bar(struct hm_hub *hub)
{
	const struct hm_peers *peers = &hub->hm->peers;
	u8 barred = 0;

	if (!is_listed(peers, hub->id)) {
		if (peers->flags & HUBMESH_PEERS_F_UNICAST)
			barred |= HM_BARRED_UNICAST;
		if (peers->flags & HUBMESH_PEERS_F_FLOOD)
			barred |= HM_BARRED_FLOOD;
	}
	WRITE_ONCE(hub->barred, barred);
}

/**
 * hm_peers_replace() - Exchange frames with other hubs than before.
 * @hm: device
 * @peers: copied
 *
 * Context: Process context, hm->lock held.
 */
void hm_peers_replace(struct hm_device *hm, const struct hm_peers *peers)
{
	unsigned int bucket;
	struct hm_hub *hub;

	lockdep_assert_held(&hm->lock);
	WRITE_ONCE(hm->peers.flags, peers->flags);
	hm->peers.n = peers->n;
	memcpy(hm->peers.id, peers->id, sizeof(hm->peers.id));
	hm_for_each_hub(hm, bucket, hub)
		hm_peers_bar(hub);
}

/**
 * hm_peers_allow_flood() - May a frame go to many at all?
 * @hm: device
 * @frame: inner frame
 * @seen: bytes of it that can be read, ETH_HLEN at least
 * @len: bytes of it
 *
 * Context: Any.
 * Return: true if it may, to whom it may.
 */
bool hm_peers_allow_flood(const struct hm_device *hm, const u8 *frame, unsigned int seen,
			  unsigned int len)
{
	struct hm_inner in;

	return likely(!(READ_ONCE(hm->peers.flags) & HUBMESH_PEERS_F_RESOLUTION)) ||
	       (hm_inner_read_link(&in, frame, seen) &&
		hm_inner_read_net(&in, frame, seen, len) && in.is_resolution);
}

/**
 * hm_peer_allows() - May a frame come from a hub?
 * @hub: hub that sealed it
 * @frame: inner frame, ETH_HLEN bytes at least
 * @len: its length
 *
 * Context: Any.
 * Return: true if it may.
 */
bool hm_peer_allows(const struct hm_hub *hub, const u8 *frame, unsigned int len)
{
	u8 barred = READ_ONCE(hub->barred);

	if (is_multicast_ether_addr(frame))
		return !(barred & HM_BARRED_FLOOD) &&
		       hm_peers_allow_flood(hub->hm, frame, len, len);
	return !(barred & HM_BARRED_UNICAST) ||
	       hm_is_control_frame(hub->hm, frame, len, hm_own_id(hub->hm));
}
