# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# reports.sh - find the kernel's own complaints in a kernel log; sourced by scripts/vm
#
# Matches the formats the kernel prints reports in, at the start of a message, so that a
# test writing "WARNING: something" to /dev/kmsg is not mistaken for one.

report_patterns=(
	# WARN*(), refcount_t, list debugging, ...
	'WARNING: CPU: [0-9]+ PID: [0-9]+'
	# lockdep and RCU checking
	'(\[ )?(WARNING|BUG): (possible|suspicious|inconsistent|bad|held|nested|lock|Nested)'
	'(\[ )?(WARNING|BUG): .*(lock|context|unlock|held).* (detected|freed|taken|held).*!'
	'INFO: trying to register non-static key'
	'Voluntary context switch within RCU'
	# BUG(), oopses, sanitizers, slab, soft lockups
	'kernel BUG at '
	'(watchdog: )?BUG: '
	'BUG [[:alnum:]_:-]+ \('
	'(UBSAN|KASAN|KCSAN|KMSAN|KFENCE): '
	'Oops'
	'[[:alnum:] ,:/_-]+.* \[#[0-9]+\]'
	'Kernel panic - not syncing'
	'(NMI )?[Ww]atchdog: Watchdog detected hard LOCKUP'
	# stalls
	'rcu: INFO: rcu_[a-z_]+ (self-)?detected .*stall'
	'INFO: rcu_[a-z_]+ (self-)?detected .*stall'
	'INFO: task .* blocked for more than '
	# a check that has given up checks no more; what kmemleak finds, guest-init tells
	'kmemleak: (Cannot allocate|Kernel memory leak detector disabled)'
	'ODEBUG: Out of memory'
	'INFO: lockdep is turned off'
	# leaks
	'unregister_netdevice: waiting for '
	'ref_tracker: .*(leaked|has [0-9]+/)'
	'page_pool_release_retry\(\) stalled'
)

# Print the log from a few lines before the first report on; fail if there is none.
kernel_reports()
{
	local log=$1 first pattern

	pattern="^\[ *[0-9]+\.[0-9]+\](\[ *[CT][0-9]+\])? ($(IFS='|'; echo "${report_patterns[*]}"))"
	first=$(tr -d '\r' <"$log" | grep -aEnm 1 "$pattern" | cut -d: -f1) || true
	[[ -n $first ]] || return 1
	tr -d '\r' <"$log" | tail -n "+$((first > 5 ? first - 5 : 1))" | head -n 150
}
