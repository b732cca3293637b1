/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: tracepoints
 *
 * hubmesh:hubmesh_drop fires for every frame that is not carried on, with the
 * reason's name as in enum hubmesh_drop; hubmesh:hubmesh_forward for every
 * frame (or super-packet of frames) relayed.  Both cost a patched-out jump when
 * nobody listens.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hubmesh

#if !defined(_HM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _HM_TRACE_H

#include <linux/tracepoint.h>
#include "device.h"

#ifndef HM_TRACE_SYMBOL
#define HM_TRACE_SYMBOL(name, str, doc) , { HUBMESH_DROP_##name, str }
#define HM_TRACE_ENUM(name, str, doc) TRACE_DEFINE_ENUM(HUBMESH_DROP_##name);
#endif

HUBMESH_DROP_REASONS(HM_TRACE_ENUM)

/* clang-format off */
TRACE_EVENT(hubmesh_drop,
	TP_PROTO(const struct net_device *dev, enum hubmesh_drop why,
		 u32 link_index, unsigned int frames),
	TP_ARGS(dev, why, link_index, frames),
	TP_STRUCT__entry(
		__array(char, dev, IFNAMSIZ)
		__field(unsigned int, why)
		__field(u32, link)
		__field(unsigned int, frames)
	),
	TP_fast_assign(
		memcpy(__entry->dev, dev->name, IFNAMSIZ);
		__entry->why = why;
		__entry->link = link_index;
		__entry->frames = frames;
	),
	TP_printk("dev=%s reason=%s link=%u frames=%u", __entry->dev,
		  __print_symbolic(__entry->why, { 0, "unspec" }
				   HUBMESH_DROP_REASONS(HM_TRACE_SYMBOL)),
		  __entry->link, __entry->frames)
);

TRACE_EVENT(hubmesh_forward,
	TP_PROTO(const struct hm_link *in, const struct hm_link *out,
		 const u8 *src, const u8 *dst, unsigned int frames),
	TP_ARGS(in, out, src, dst, frames),
	TP_STRUCT__entry(
		__array(char, dev, IFNAMSIZ)
		__field(u32, in)
		__field(u32, out)
		__array(u8, src, HM_HUB_ID_LEN)
		__array(u8, dst, HM_HUB_ID_LEN)
		__field(unsigned int, frames)
	),
	TP_fast_assign(
		memcpy(__entry->dev, in->hm->dev->name, IFNAMSIZ);
		__entry->in = in->index;
		__entry->out = out->index;
		memcpy(__entry->src, src, HM_HUB_ID_LEN);
		memcpy(__entry->dst, dst, HM_HUB_ID_LEN);
		__entry->frames = frames;
	),
	TP_printk("dev=%s in=%u out=%u src=%pM dst=%pM frames=%u", __entry->dev,
		  __entry->in, __entry->out, __entry->src, __entry->dst,
		  __entry->frames)
);
/* clang-format on */

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
