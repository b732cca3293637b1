# SPDX-License-Identifier: GPL-2.0
"""The kernel's log as a sequence of new messages, and what in it is a complaint."""

import os
import re

COMPLAINT = re.compile(
    r"WARNING: |BUG: |kernel BUG at|Oops|general protection fault|Call Trace:|refcount_t: |"
    r"INFO: (task|rcu)|soft lockup|possible circular locking|suspicious RCU|KASAN|UBSAN|"
    r"unregister_netdevice: waiting|scheduling while atomic|sleeping function called|"
    r"ODEBUG: |kmemleak: (Cannot|Kernel memory leak detector)|INFO: lockdep is turned off|"
    r"hw csum failure|Freed in|slab.*(corrupt|Objects remaining)|protocol \w+ is buggy")


class KernelLog:
    def __init__(self):
        self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)

    def new_messages(self):
        """Messages since the last call."""
        rows = []
        while True:
            try:
                row = os.read(self.fd, 8192).decode(errors="replace")
            except BlockingIOError:
                return rows
            except BrokenPipeError:
                rows.append("(messages were overwritten)")
                continue
            rows.append(row.partition(";")[2].split("\n")[0])


# Where allocations are made to fail (faults.arm()), one that did is no complaint, though the
# kernel shows where it was.
tolerates_no_memory = False
NO_MEMORY = re.compile(r"page allocation failure|percpu: allocation failed|vmalloc error|"
                       r"FAULT_INJECTION: forcing a failure|sysctl could not get directory: .* -12$")


def complaints(rows):
    found, tolerated = [], -99
    # A control group that reached its limit is a test's doing; a machine out of memory is not.
    is_group_full = any("constraint=CONSTRAINT_MEMCG" in row for row in rows)
    for n, row in enumerate(rows):
        if tolerates_no_memory and NO_MEMORY.search(row) or \
                is_group_full and "invoked oom-killer" in row:
            tolerated = n
        elif COMPLAINT.search(row) and not (row.strip() == "Call Trace:" and n - tolerated < 8):
            found.append(row)
    return found
