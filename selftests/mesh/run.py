#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""run.py - real meshd's with the real kernel module, all in one process and one boot

usage: run.py MODULE.ko [--leap] [--list] [NAME...]

Runs inside the virtual machine (scripts/vm), as root.  Inserts the module, runs the
functions test_* of the files test_*.py, removes the module, and prints one KTAP plan.
After every test the kernel's log must hold no complaint, and no namespace, device,
process or thread may be left.

NAME     a file (rekey), or a test (rekey.test_name)
--leap   only the tests marked @leaps, which wait for minutes: in scripts/vm --deterministic,
         whose clock leaps over waiting (and over reading files, so scale the time limits:
         env HUBMESH_TIME_SCALE=100)
--list   print the names
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "kernel"))

from lib.suite import Suite  # noqa: E402

if __name__ == "__main__":
    Suite(HERE, __doc__, checks_each_test=True).run_and_exit()
