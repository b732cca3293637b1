/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_EVENT_H
#define _HM_EVENT_H

#include "hub.h"

/* Multicast on the group "events" of the device's current namespace.  Any
 * context (GFP_ATOMIC); silent when nobody listens; never blocks. */
void hm_event_link(struct hm_link *link);
void hm_event_groups(struct hm_device *hm);
void hm_event_need_session(struct hm_hub *hub);
void hm_event_hub_key(struct hm_hub *hub, u8 phase, enum hubmesh_event what);
void hm_event_sender_key(struct hm_device *hm, u8 phase, enum hubmesh_event what);
void hm_event_link_key(struct hm_link *link, u8 phase, enum hubmesh_event what);
void hm_event_fdb(struct hm_device *hm, enum hubmesh_event what, const u8 *mac,
		  const u8 *hub_id, u32 flags);

#endif
