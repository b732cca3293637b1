/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_NETLINK_H
#define _HM_NETLINK_H

#include <net/genetlink.h>

extern struct genl_family hm_genl_family;
#define HM_MCGRP_EVENTS_ID 0

int hm_netlink_register(void);
void hm_netlink_unregister(void);

#endif
