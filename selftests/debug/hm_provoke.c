// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: hm_provoke - wrong on purpose
 *
 * Does one forbidden thing while it is inserted, named by the parameter what=, so
 * that selftests/debug/run can see the debug kernel's checks fire.  Never load it
 * anywhere but in a virtual machine that is thrown away.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

static char *what = "";
module_param(what, charp, 0);
static int number = 40;
module_param(number, int, 0);
static char *device = "";
module_param(device, charp, 0);

/* ---- memory ----------------------------------------------------------------- */

static void use_after_free(void)
{
	volatile char *p = kmalloc(100, GFP_KERNEL);

	if (!p)
		return;
	kfree((void *)p);
	p[10] = 1;
}

static void out_of_bounds(void)
{
	volatile char *p = kmalloc(100, GFP_KERNEL);

	if (!p)
		return;
	p[number + 60] = 1;
	kfree((void *)p);
}

static void double_free(void)
{
	char *p = kmalloc(100, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	kfree(p);
	kfree(p);
}

static void vmalloc_out_of_bounds(void)
{
	volatile char *p = vmalloc(100);

	if (!p)
		return;
	p[number + 60] = 1;
	vfree((void *)p);
}

static void leak(void)
{
	int i;

	/* several: a stale pointer to one may still lie about */
	for (i = 0; i < 20; i++) {
		char *p = kmalloc(200, GFP_KERNEL);

		if (p)
			memset(p, 0x5a, 200);
	}
}

/* ---- undefined behaviour ------------------------------------------------------ */

static void shift_too_far(void)
{
	pr_info("hm_provoke: %d\n", 1 << number);
}

static int table[8];

static void index_out_of_bounds(void)
{
	pr_info("hm_provoke: %d\n", table[number]);
}

static void not_a_bool(void)
{
	static u8 storage;
	bool value;

	storage = number;
	value = *(volatile bool *)&storage;
	pr_info("hm_provoke: %d\n", value);
}

/* ---- locks ---------------------------------------------------------------------- */

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);
static void __rcu *protected;

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void spin_in_timer(struct timer_list *unused)
{
	spin_lock(&spin);
	spin_unlock(&spin);
}

static void softirq_unsafe_lock(void)
{
	struct timer_list timer;

	timer_setup_on_stack(&timer, spin_in_timer, 0);
	mod_timer(&timer, jiffies + 1);
	msleep(50);
	del_timer_sync(&timer);
	destroy_timer_on_stack(&timer);
	spin_lock(&spin);
	spin_unlock(&spin);
}

static void lock_held_for_ever(void)
{
	mutex_lock(&first);
}

static void rcu_without_lock(void)
{
	pr_info("hm_provoke: %d\n", !!rcu_dereference(protected));
}

static void sleep_under_spinlock(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static void smp_processor_id_preemptible(void)
{
	pr_info("hm_provoke: %d\n", smp_processor_id());
}

/* ---- life times ------------------------------------------------------------------ */

static void nothing_timer(struct timer_list *unused)
{
}

static void nothing_work(struct work_struct *unused)
{
}

static void timer_freed_active(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, nothing_timer, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
}

static void work_freed_active(void)
{
	struct delayed_work *work = kzalloc(sizeof(*work), GFP_KERNEL);

	if (!work)
		return;
	INIT_DELAYED_WORK(work, nothing_work);
	schedule_delayed_work(work, 3600 * HZ);
	kfree(work);
}

static void nothing_rcu(struct rcu_head *unused)
{
}

static void rcu_head_queued_twice(void)
{
	static struct rcu_head head;

	call_rcu(&head, nothing_rcu);
	call_rcu(&head, nothing_rcu);
	rcu_barrier();
}

static void list_corrupted(void)
{
	LIST_HEAD(list);
	struct list_head entry;

	list_add(&entry, &list);
	list.next = &list;
	list_del(&entry);
}

static void refcount_underflow(void)
{
	refcount_t refs = REFCOUNT_INIT(1);

	refcount_dec(&refs);
	refcount_dec(&refs);
}

static void release_device(struct work_struct *work);
static DECLARE_DELAYED_WORK(release_work, release_device);
static struct net_device *held;
static netdevice_tracker held_tracker;

static void release_device(struct work_struct *work)
{
	netdev_put(held, &held_tracker);
}

static void device_held(void)
{
	held = dev_get_by_name(&init_net, device);
	if (!held)
		return;
	netdev_tracker_alloc(held, &held_tracker, GFP_KERNEL);
	schedule_delayed_work(&release_work, number * HZ);
}

/* ---- time ------------------------------------------------------------------------- */

static void rcu_stall(void)
{
	unsigned long end = jiffies + number * HZ;
	static struct rcu_head head;

	call_rcu(&head, nothing_rcu); /* somebody waits for us */
	rcu_read_lock(); /* preemptible: the grace period must begin, to be held up */
	while (time_before(jiffies, end))
		cpu_relax();
	rcu_read_unlock();
	rcu_barrier();
}

static void hung_task(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_timeout(number * HZ);
}

/* ---- races -------------------------------------------------------------------------- */

static unsigned long counter;

static int count(void *unused)
{
	unsigned long end = jiffies + number * HZ;

	while (time_before(jiffies, end)) {
		counter++;
		cond_resched();
	}
	return 0;
}

static void racing_count(void)
{
	struct task_struct *a = kthread_run(count, NULL, "hm_race_a");
	struct task_struct *b = kthread_run(count, NULL, "hm_race_b");

	if (!IS_ERR(a) && !IS_ERR(b))
		schedule_timeout_interruptible((number + 1) * HZ);
}

/* ---- choice --------------------------------------------------------------------------- */

static void warn(void)
{
	WARN_ON(number);
}

static const struct {
	const char *name;
	void (*run)(void);
} things[] = {
#define THING(name)         \
	{                   \
#name, name \
	}
	THING(use_after_free),
	THING(out_of_bounds),
	THING(double_free),
	THING(vmalloc_out_of_bounds),
	THING(leak),
	THING(shift_too_far),
	THING(index_out_of_bounds),
	THING(not_a_bool),
	THING(lock_order),
	THING(softirq_unsafe_lock),
	THING(lock_held_for_ever),
	THING(rcu_without_lock),
	THING(sleep_under_spinlock),
	THING(smp_processor_id_preemptible),
	THING(timer_freed_active),
	THING(work_freed_active),
	THING(rcu_head_queued_twice),
	THING(list_corrupted),
	THING(refcount_underflow),
	THING(device_held),
	THING(rcu_stall),
	THING(hung_task),
	THING(racing_count),
	THING(warn),
};

static int __init provoke(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(things); i++) {
		if (!strcmp(things[i].name, what)) {
			pr_info("hm_provoke: begin %s\n", what);
			things[i].run();
			pr_info("hm_provoke: end %s\n", what);
			return 0;
		}
	}
	return -EINVAL;
}

static void __exit provoke_exit(void)
{
	cancel_delayed_work_sync(&release_work);
}

module_init(provoke);
module_exit(provoke_exit);
MODULE_DESCRIPTION("wrong on purpose, to see checks fire");
MODULE_LICENSE("GPL");
