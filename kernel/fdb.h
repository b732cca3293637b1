/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_FDB_H
#define _HM_FDB_H

#include "hub.h"

int hm_fdb_init(struct hm_device *hm);
void hm_fdb_fini(struct hm_device *hm);
/* Which hub is @mac behind?  NULL if unknown.  RCU read side. */
struct hm_hub *hm_fdb_lookup(struct hm_device *hm, const u8 *mac);
/* An opened frame from @hub carried source @mac.  RCU, softirq.  Moves of
 * learned entries follow the newest; static entries never move; a hub's own
 * id is never learned behind another hub.  Full table: not learned, counted
 * nowhere (the frame itself is fine). */
void hm_fdb_learn(struct hm_device *hm, struct hm_hub *hub, const u8 *mac);
void hm_fdb_hub_gone(struct hm_device *hm, struct hm_hub *hub);

#endif
