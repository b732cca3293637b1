#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""run.py - the kernel tests, all in one process and one boot

usage: run.py MODULE.ko [--quick] [--list] [NAME...]

Runs inside the virtual machine (scripts/vm), as root.  Inserts the module, runs the
functions test_* of the files test_*.py, removes the module, and prints one KTAP plan.
After every file the kernel's log must hold no complaint, and no namespace, device or
thread of the file may be left.

NAME     a file (forward), or a test (forward.test_name)
--quick  only the tests marked @quick: a short look, for the second kernel
--list   print the names
"""

import importlib
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from lib import kernel_log, ktap  # noqa: E402
from lib.mesh import NETNS_DIR, netns_del, run, wait_for  # noqa: E402

NEEDED_MODULES = ("udp_tunnel ip6_udp_tunnel ipv6 veth bridge 8021q dummy sch_netem nf_tables "
                  "af_packet act_vlan act_pedit cls_matchall aesni_intel gcm ctr chacha20poly1305 chacha_x86_64 poly1305_x86_64")


def files(names):
    """[(short name, module)] of the test files that @names (or all) ask for."""
    found = []
    for name in sorted(os.listdir(HERE)):
        short = name[5:-3]
        if name.startswith("test_") and name.endswith(".py") and (
                not names or any(n.split(".")[0] == short for n in names)):
            found.append((short, importlib.import_module(name[:-3])))
    return found


def chosen_tests(short, module, names, only_quick):
    tests = ktap.tests_of(module)
    if only_quick:
        tests = [t for t in tests if getattr(t, "quick", False)]
    single = [n.partition(".")[2] for n in names if n.partition(".")[0] == short]
    if single and all(single):
        tests = [t for t in tests if t.__name__ in single]
    return tests


def insert(module_file):
    run(f"modprobe -q -a {NEEDED_MODULES}", check=False)
    run(f"insmod {module_file}")


def remove():
    """rmmod; its failure, and what it leaves behind, are errors."""
    run("rmmod hubmesh")
    ktap.expect("hubmesh " not in open("/proc/modules").read(), "still in /proc/modules")
    ktap.expect(not os.path.exists("/sys/module/hubmesh"), "left /sys/module/hubmesh")


def leftovers():
    """What a file that cleaned up after itself does not leave."""
    found = [f"namespace {n}" for n in os.listdir(NETNS_DIR)] if os.path.isdir(NETNS_DIR) else []
    found += [f"device {n}" for n in os.listdir("/sys/class/net") if n != "lo"]
    found += [f"thread {t.name}" for t in threading.enumerate() if t is not threading.main_thread()]
    return found


def check_leftovers():
    try:
        wait_for("no leftovers", lambda: not leftovers(), 5)
    except TimeoutError:
        left = leftovers()
        for row in left:
            if row.startswith("namespace "):
                netns_del(row.split()[1])
        raise AssertionError(f"left behind: {', '.join(left)}") from None


def check_log(report, log):
    rows = log.new_messages()
    bad = kernel_log.complaints(rows)
    if bad:
        report.comment("\n".join(rows[-80:]))
    ktap.expect(not bad, f"kernel log: {bad[:3]}")


def run_file(report, log, short, module, tests):
    """One file: its tests between its setup() and teardown(), then the checks."""
    setup_error = None
    try:
        getattr(module, "setup", lambda: None)()
    except Exception as error:
        setup_error = error

    def guarded(test):
        if setup_error:
            raise setup_error
        test()

    for test in tests:
        report.run(f"{short}.{test.__name__[5:]}", lambda: guarded(test))
    report.run(f"{short}.leaves_nothing_behind", lambda: (
        getattr(module, "teardown", lambda: None)(), check_leftovers()))
    report.run(f"{short}.kernel_log_is_clean", lambda: check_log(report, log))


def main(argv):
    only_quick, only_list = "--quick" in argv, "--list" in argv
    words = [a for a in argv if not a.startswith("--")]
    if set(a for a in argv if a.startswith("--")) - {"--quick", "--list"} or not (words or only_list):
        print(__doc__, file=sys.stderr)
        return 64
    module_file, names = (words or [None])[0], words[1:]
    os.environ["HUBMESH_KO"] = os.path.abspath(module_file or "")
    plan = [(short, module, chosen_tests(short, module, names, only_quick))
            for short, module in files(names)]
    plan = [row for row in plan if row[2]]
    known = {s for s, _, _ in plan} | {f"{s}.{t.__name__}" for s, _, tests in plan for t in tests}
    if set(names) - known:
        print(f"run.py: no such test: {', '.join(sorted(set(names) - known))} (see --list)",
              file=sys.stderr)
        return 64
    if only_list:
        print("\n".join(f"{s}.{t.__name__}" for s, _, tests in plan for t in tests))
        return 0
    log = kernel_log.KernelLog()
    report = ktap.Report(sum(len(tests) + 2 for _, _, tests in plan) + 3)
    report.run("module.inserts", lambda: insert(module_file))
    if not report.failed:
        for short, module, tests in plan:
            run_file(report, log, short, module, tests)
    report.run("module.removes", remove)
    report.run("module.kernel_log_is_clean", lambda: check_log(report, log))
    return 1 if report.failed else 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # a stuck background thread must not keep the VM up
