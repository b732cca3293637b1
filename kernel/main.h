/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _HM_MAIN_H
#define _HM_MAIN_H

#include <linux/workqueue.h>

/*
 * Every deferred free and timer of the module runs here, so that unloading can
 * wait for the last of them: use queue_rcu_work(hm_wq, ...) and
 * queue_delayed_work(hm_wq, ...), not the system queues.
 */
extern struct workqueue_struct *hm_wq;

#endif
