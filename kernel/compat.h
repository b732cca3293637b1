/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: differences between the kernels this module builds on
 *
 * Debian 6.1 is the oldest, 6.12 the newest tried.  No other file looks at the
 * kernel's version.
 */
#ifndef _HM_COMPAT_H
#define _HM_COMPAT_H

#include <linux/crypto.h>
#include <linux/hrtimer.h>
#include <linux/netdevice.h>
#include <linux/u64_stats_sync.h>
#include <linux/version.h>
#include <net/genetlink.h>

/* 6.12 made one header of every architecture's. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <asm/unaligned.h>
#else
#include <linux/unaligned.h>
#endif

/* 6.5 moved segmentation out of netdevice.h. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#include <net/gso.h>
#endif

/*
 * 6.3 folded the variants that are safe against softirq updates on 32-bit
 * uniprocessors into the plain functions.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define hm_stats_fetch_begin	u64_stats_fetch_begin_irq
#define hm_stats_fetch_retry	u64_stats_fetch_retry_irq
#else
#define hm_stats_fetch_begin	u64_stats_fetch_begin
#define hm_stats_fetch_retry	u64_stats_fetch_retry
#endif

/* 6.6 gave dumps a struct genl_info of their own. */
static inline struct nlattr **hm_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	return genl_dumpit_info(cb)->attrs;
#else
	return genl_info_dump(cb)->attrs;
#endif
}

/* Joining a group that shows topology needs CAP_NET_ADMIN, where that can be said. */
#ifdef GENL_MCAST_CAP_NET_ADMIN
#define HM_GENL_MCAST_NET_ADMIN	GENL_MCAST_CAP_NET_ADMIN
#else
#define HM_GENL_MCAST_NET_ADMIN	GENL_UNS_ADMIN_PERM
#endif

/* 6.12 turned the feature bit "transmit needs no lock" into a member. */
static inline void hm_dev_set_lltx(struct net_device *dev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	dev->features |= NETIF_F_LLTX;
#else
	dev->lltx = true;
#endif
}

/*
 * 6.3 hands a crypto callback its data instead of the request.  Define @name to
 * call @fn(void *data, int err).
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define HM_DEFINE_CRYPTO_CALLBACK(name, fn)				\
	static void name(struct crypto_async_request *request, int err)	\
	{								\
		fn(request->data, err);					\
	}
#else
#define HM_DEFINE_CRYPTO_CALLBACK(name, fn)				\
	static void name(void *data, int err)				\
	{								\
		fn(data, err);						\
	}
#endif

/* 6.13 made initialising a timer and naming its function one step. */
static inline void hm_hrtimer_init(struct hrtimer *timer,
				   enum hrtimer_restart (*function)(struct hrtimer *),
				   enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = function;
#else
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, mode);
#endif
}

#endif
