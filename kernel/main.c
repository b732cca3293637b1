// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: module entry and exit
 *
 * Start: the workqueue every deferred free runs on, the self-tests (in builds
 * that have them: a failure fails the load), the netlink family, and last the
 * interface type, because with it devices can exist and devices send events.
 *
 * Exit is the same ladder downwards.  Removing the interface type removes every
 * device and returns only when nothing holds one any more; hubs and links hold
 * their device until they are freed.  What can still be under way then is the
 * tail of their free callbacks and the freeing of keys: rcu_barrier() runs the
 * callbacks out, the flush runs what those have queued.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include "datapath.h"
#include "device.h"
#include "ether.h"
#include "main.h"
#include "netlink.h"
#include "seal.h"

struct workqueue_struct *hm_wq;

#ifdef HUBMESH_SELFTEST
static int run_selftests(void)
{
	return hm_selftest_run();
}
#else
static int run_selftests(void)
{
	return 0;
}
#endif

/*
 * A freed owner (RCU callback -> work) frees its keys (RCU callback -> work):
 * two rounds reach the end of the chain, the last barrier the callbacks that
 * only free memory.
 */
static void wait_for_deferred_frees(void)
{
	int round;

	for (round = 0; round < 2; round++) {
		rcu_barrier();
		flush_workqueue(hm_wq);
	}
	rcu_barrier();
}

static int __init hm_init(void)
{
	int ret;

	hm_wq = alloc_workqueue("hubmesh", 0, 0);
	if (!hm_wq)
		return -ENOMEM;
	hm_hubs_init();
	ret = run_selftests();
	if (ret)
		goto err_selftest;
	ret = hm_netlink_register();
	if (ret)
		goto err_selftest;
	ret = hm_ether_register();
	if (ret)
		goto err_ether;
	ret = hm_device_register();
	if (ret)
		goto err_device;
	pr_info("hubmesh: version=%s loaded\n", HM_MODULE_VERSION);
	return 0;

err_device:
	hm_ether_unregister();
err_ether:
	hm_netlink_unregister();
err_selftest:
	wait_for_deferred_frees();
	destroy_workqueue(hm_wq);
	hm_seal_fini();
	return ret;
}

static void __exit hm_exit(void)
{
	hm_device_unregister();
	hm_ether_unregister();
	wait_for_deferred_frees();
	hm_netlink_unregister();
	destroy_workqueue(hm_wq);
	hm_seal_fini();
	pr_info("hubmesh: unloaded\n");
}

module_init(hm_init);
module_exit(hm_exit);

MODULE_AUTHOR("Hubmesh developers");
MODULE_DESCRIPTION("Hubmesh: encrypted multi-hop Ethernet mesh");
MODULE_LICENSE("GPL");
MODULE_VERSION(HM_MODULE_VERSION);
MODULE_ALIAS_RTNL_LINK("hubmesh");
MODULE_ALIAS_GENL_FAMILY(HUBMESH_FAMILY_NAME);
