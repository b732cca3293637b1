# SPDX-License-Identifier: GPL-2.0
"""Allocations that fail when told to, and memory that nobody points to any more; both
need the debug kernel (scripts/vm --debug)."""

import os
import re
import threading
import time

from . import kernel_log
from .ktap import Skip

DEBUGFS = "/sys/kernel/debug"
FAIL_NTH = "/proc/thread-self/fail-nth"
KMEMLEAK = DEBUGFS + "/kmemleak"
PERCPU = "/sys/module/hm_fail_percpu/parameters"
FAR = 1 << 30  # more allocations than any request makes


def write(path, value):
    with open(path, "w", encoding="ascii") as out:
        out.write(str(value))


def read(path):
    with open(path, encoding="ascii") as text:
        return text.read().strip()


def require_injection():
    if not os.path.exists(FAIL_NTH) or not os.path.isdir(f"{DEBUGFS}/failslab"):
        raise Skip("this kernel cannot make allocations fail (scripts/vm --debug can)")


# ---- the nth allocation of one request

def arm():
    """Let fail-nth reach allocations that may sleep, too, and keep the log for what is wrong."""
    kernel_log.tolerates_no_memory = True
    for kind in ("failslab", "fail_page_alloc"):
        base = f"{DEBUGFS}/{kind}"
        for name, value in (("ignore-gfp-wait", "N"), ("verbose", 0), ("probability", 0),
                            ("interval", 1), ("times", -1), ("space", 0), ("task-filter", "N"),
                            ("require-start", 0), ("require-end", 0xFFFFFFFFFFFFFFFF)):
            write(f"{base}/{name}", value)
    write(f"{DEBUGFS}/fail_page_alloc/ignore-gfp-highmem", "N")
    write(f"{DEBUGFS}/fail_page_alloc/min-order", 0)


class Nth:
    """Makes the nth allocation of slab or page memory fail that a call of this thread makes."""

    def __init__(self):
        self.fd = os.open(FAIL_NTH, os.O_RDWR)

    def close(self):
        os.close(self.fd)

    def try_call(self, n, call):
        """(allocations left of @n, 0 if one has failed; the OSError raised, or None)"""
        error = None
        os.write(self.fd, b"%d" % n)
        try:
            call()
        except OSError as why:
            error = why
        left = int(os.pread(self.fd, 32, 0))
        os.write(self.fd, b"0")
        return left, error


class NthPercpu:
    """The same for per-CPU memory, by selftests/debug/hm_fail_percpu.ko."""

    def __init__(self):
        write(f"{PERCPU}/task", threading.get_native_id())

    def close(self):
        write(f"{PERCPU}/task", 0)

    @staticmethod
    def try_call(n, call):
        error = None
        write(f"{PERCPU}/nth", n)
        try:
            call()
        except OSError as why:
            error = why
        left = int(read(f"{PERCPU}/nth"))
        write(f"{PERCPU}/nth", 0)
        return left, error


# ---- allocations below a function of the module, whoever calls it

def functions(module):
    """[(name, start, end)] of a module's code, in order of address."""
    rows = []
    with open("/proc/kallsyms", encoding="ascii") as text:
        for row in text:
            match = re.match(rf"([0-9a-f]+) [tT] (\S+)\t\[{module}\]", row)
            if match:
                rows.append((int(match.group(1), 16), match.group(2)))
    rows = sorted({address: name for address, name in rows}.items())
    ends = [address for address, _ in rows[1:]] + [rows[-1][0] + 4096]
    return [(name, start, end) for (start, name), end in zip(rows, ends)]


class Below:
    """While in force, @percent of the allocations fail that have [start, end) on their stack."""

    MANY = 1000000

    def __init__(self, start, end, percent):
        self.start, self.end, self.percent = start, end, percent
        self.failed = 0

    def __enter__(self):
        for kind in ("failslab", "fail_page_alloc"):
            base = f"{DEBUGFS}/{kind}"
            write(f"{base}/stacktrace-depth", 32)
            write(f"{base}/require-start", hex(self.start))
            write(f"{base}/require-end", hex(self.end))
            write(f"{base}/times", self.MANY)
            write(f"{base}/probability", self.percent)
        return self

    def __exit__(self, *exc):
        for kind in ("failslab", "fail_page_alloc"):
            base = f"{DEBUGFS}/{kind}"
            write(f"{base}/probability", 0)
            self.failed += self.MANY - int(read(f"{base}/times"))
        arm()


# ---- leaks

def leaks():
    """What kmemleak tells of objects that nothing points to; "" without kmemleak."""
    if not os.path.exists(KMEMLEAK):
        return ""
    # An object counts when it is older than 5 s and two scans in a row found no pointer
    # to it and its contents unchanged; the third finds the ones only in motion.
    time.sleep(6)
    write(KMEMLEAK, "scan")
    write(KMEMLEAK, "scan")
    if not read(KMEMLEAK):
        return ""
    time.sleep(2)
    write(KMEMLEAK, "scan")
    return read(KMEMLEAK)
