/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_PEERS_H
#define _HM_PEERS_H

#include "limits.h"

struct hm_device;
struct hm_hub;

/* What is not exchanged with a hub, bits of struct hm_hub barred. */
#define HM_BARRED_UNICAST	BIT(0)	/* frames to one */
#define HM_BARRED_FLOOD		BIT(1)	/* frames to many */

/**
 * struct hm_peers - with whom frames are exchanged
 * @flags: HUBMESH_PEERS_F_*; READ_ONCE on the fast path
 * @n: length of @id
 * @id: hubs that the flags do not bar
 *
 * Changes under the device lock.
 */
struct hm_peers {
	u32 flags;
	u32 n;
	u8 id[HUBMESH_PEERS_MAX][HM_HUB_ID_LEN];
};

void hm_peers_replace(struct hm_device *hm, const struct hm_peers *peers);
void hm_peers_bar(struct hm_hub *hub);
bool hm_peer_allows(const struct hm_hub *hub, const u8 *frame, unsigned int len);
bool hm_peers_allow_flood(const struct hm_device *hm, const u8 *frame, unsigned int seen,
			  unsigned int len);

#endif
