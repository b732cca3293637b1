#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""run.py - the kernel tests, all in one process and one boot

usage: run.py MODULE.ko [--quick] [--leap] [--list] [NAME...]

Runs inside the virtual machine (scripts/vm), as root.  Inserts the module, runs the
functions test_* of the files test_*.py, removes the module, and prints one KTAP plan.
After every file the kernel's log must hold no complaint, and no namespace, device,
process or thread of the file may be left.

NAME     a file (forward), or a test (forward.test_name)
--quick  only the tests marked @quick: a short look, for the second kernel
--leap   only the tests marked @leaps, which measure rates and delays: in scripts/vm
         --deterministic, whose clock counts instructions (env HUBMESH_TIME_SCALE=100)
--list   print the names
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from lib.suite import Suite  # noqa: E402

if __name__ == "__main__":
    Suite(HERE, __doc__).run_and_exit()
