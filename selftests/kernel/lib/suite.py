# SPDX-License-Identifier: GPL-2.0
"""A folder of test files run in one process and one boot: what run.py of a suite needs.

Inserts the module, runs the functions test_* of the files test_*.py, removes the module,
and prints one KTAP plan.  After every file (or every test) the kernel's log must hold no
complaint, and no namespace, device, process or thread may be left.
"""

import importlib
import os
import signal
import sys
import threading

from . import faults, kernel_log, ktap
from .mesh import NETNS_DIR, netns_del, run, wait_for
from .pace import scaled

NEEDED_MODULES = ("udp_tunnel ip6_udp_tunnel ipv6 veth bridge 8021q dummy sch_netem nf_tables "
                  "af_packet act_vlan act_pedit cls_matchall aesni_intel gcm ctr chacha20poly1305 chacha_x86_64 poly1305_x86_64")


class Suite:
    """The test files of @folder; @checks_each_test: the checks end every test, not every file."""

    def __init__(self, folder, usage, checks_each_test=False):
        self.folder, self.usage, self.checks_each_test = folder, usage, checks_each_test
        sys.path.insert(0, folder)

    def files(self, names):
        """[(short name, module)] of the test files that @names (or all) ask for.

        In order of their names; files that say IS_LAST leave the kernel as others do not expect it.
        """
        found = []
        for name in sorted(os.listdir(self.folder)):
            short = name[5:-3]
            if name.startswith("test_") and name.endswith(".py") and (
                    not names or any(n.split(".")[0] == short for n in names)):
                found.append((short, importlib.import_module(name[:-3])))
        return sorted(found, key=lambda row: getattr(row[1], "IS_LAST", False))

    def run_file(self, report, log, short, module, tests):
        """One file: its tests between its setup() and teardown(), then the checks."""
        setup_error = None
        try:
            getattr(module, "setup", lambda: None)()
        except Exception as error:
            setup_error = error
        of_setup = set(leftovers())

        def guarded(test):
            if setup_error:
                raise setup_error
            test()
            if self.checks_each_test:
                check_leftovers(of_setup)
                check_log(report, log)

        for test in tests:
            report.run(f"{short}.{test.__name__[5:]}", lambda: guarded(test), ktap.seconds_of(test))
        report.run(f"{short}.leaves_nothing_behind", lambda: (
            getattr(module, "teardown", lambda: None)(), check_leftovers()))
        report.run(f"{short}.kernel_log_is_clean", lambda: (check_log(report, log),
                                                           check_leaks(report)))

    def main(self, argv):
        """Exit status of the run that the arguments ask for."""
        options = {a for a in argv if a.startswith("--")}
        words = [a for a in argv if a not in options]
        only_list = "--list" in options
        if options - {"--quick", "--leap", "--list"} or not (words or only_list):
            print(self.usage, file=sys.stderr)
            return 64
        module_file, names = (words or [None])[0], words[1:]
        os.environ["HUBMESH_KO"] = os.path.abspath(module_file or "")
        plan = [(short, module, chosen_tests(short, module, names, options))
                for short, module in self.files(names)]
        plan = [row for row in plan if row[2]]
        known = {s for s, _, _ in plan} | {f"{s}.{t.__name__}" for s, _, tests in plan
                                           for t in tests}
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
                self.run_file(report, log, short, module, tests)
        report.run("module.removes", remove)
        report.run("module.kernel_log_is_clean", lambda: check_log(report, log))
        return 1 if report.failed else 0

    def run_and_exit(self):
        status = self.main(sys.argv[1:])
        sys.stdout.flush()
        os._exit(status)  # a stuck background thread must not keep the VM up


def chosen_tests(short, module, names, options):
    tests = [t for t in ktap.tests_of(module)
             if getattr(t, "leaps", False) == ("--leap" in options)]
    if "--quick" in options:
        tests = [t for t in tests if getattr(t, "quick", False)]
    single = [n.partition(".")[2] for n in names if n.partition(".")[0] == short]
    if single and all(single):
        tests = [t for t in tests if t.__name__ in single]
    return tests


def insert(module_file):
    # Patiently: a modprobe killed in a cipher's self-test makes the kernel complain.
    run(f"modprobe -q -a {NEEDED_MODULES}", check=False, timeout=scaled(300))
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
    found += [f"process {command_line(pid)}" for pid in children()]
    return found


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as words:
            return words.read().replace("\0", " ").strip() or f"{pid} (a zombie)"
    except FileNotFoundError:
        return f"{pid} (gone)"


def children():
    """Process ids of what was started and not waited for."""
    found = []
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/children") as rows:
                found += map(int, rows.read().split())
        except FileNotFoundError:
            pass  # a thread that ended
    return found


def clear_leftovers():
    """So that the next test does not fail for this one's."""
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    for name in os.listdir(NETNS_DIR) if os.path.isdir(NETNS_DIR) else []:
        netns_del(name)


def check_leftovers(allowed=frozenset()):
    """@allowed: of setup(), until teardown()."""
    try:
        wait_for("no leftovers", lambda: not set(leftovers()) - allowed, 20)
    except TimeoutError:
        left = sorted(set(leftovers()) - allowed)
        if not allowed:
            clear_leftovers()
        raise AssertionError(f"left behind: {', '.join(left)}") from None


def check_leaks(report):
    """While the module is there, so that its functions have names."""
    found = faults.leaks()
    if found:
        report.comment("\n".join(found.splitlines()[:120]))
        faults.write(faults.KMEMLEAK, "clear")
    ktap.expect(not found, f"kmemleak: {found.count('unreferenced object')} objects leaked")


def check_log(report, log):
    rows = log.new_messages()
    bad = kernel_log.complaints(rows)
    if bad:
        report.comment("\n".join(rows[-80:]))
    ktap.expect(not bad, f"kernel log: {bad[:3]}")
