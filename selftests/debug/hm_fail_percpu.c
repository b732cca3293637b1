// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: hm_fail_percpu - the per-CPU allocation that fails
 *
 * What /proc/self/fail-nth does for slabs and pages, for per-CPU memory: the nth
 * allocation that task makes fails.  Parameters, writable at any time in
 * /sys/module/hm_fail_percpu/parameters: task= a thread id; nth= how many from now on;
 * it is 0 when the allocation has failed.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>

static int task;
module_param(task, int, 0600);
static int nth;
module_param(nth, int, 0600);

/* Where a call that is to fail goes instead. */
static noinline void *fail(void)
{
	return NULL;
}

static int allocation(struct kprobe *kp, struct pt_regs *regs)
{
	/* the probe itself counts as an interrupt; allocations happen in none */
	if (in_serving_softirq() || current->pid != READ_ONCE(task) || !READ_ONCE(nth))
		return 0;
	WRITE_ONCE(nth, nth - 1);
	if (nth)
		return 0;
	instruction_pointer_set(regs, (unsigned long)fail);
	return 1;
}

/* Keeps the probe from being turned into a jump, which could not be diverted. */
static void unused(struct kprobe *kp, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probes[] = {
	{ .symbol_name = "__alloc_percpu", .pre_handler = allocation, .post_handler = unused },
	{ .symbol_name = "__alloc_percpu_gfp", .pre_handler = allocation, .post_handler = unused },
};

static int __init fail_percpu_init(void)
{
	int ret = register_kprobe(&probes[0]);

	if (ret)
		return ret;
	ret = register_kprobe(&probes[1]);
	if (ret)
		unregister_kprobe(&probes[0]);
	return ret;
}

static void __exit fail_percpu_exit(void)
{
	unregister_kprobe(&probes[0]);
	unregister_kprobe(&probes[1]);
}

module_init(fail_percpu_init);
module_exit(fail_percpu_exit);
MODULE_DESCRIPTION("per-CPU allocations that fail when told to");
MODULE_LICENSE("GPL");
