# SPDX-License-Identifier: GPL-2.0
"""KTAP version 1 output, expectations, and the marks a test function can carry."""

import signal
import sys
import time
import traceback

from .pace import scaled

TEST_SECONDS_MAX = 90


class Skip(Exception):
    """Raise with a reason: the test cannot run here."""


class Overdue(BaseException):
    """A test passed its time limit; not an Exception, so no test swallows it."""


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def expect_equal(got, wanted, text):
    if got != wanted:
        raise AssertionError(f"{text}: got {got!r}, wanted {wanted!r}")


def quick(test):
    """Mark a test as part of `run.py --quick`."""
    test.quick = True
    return test


def leaps(test):
    """Mark a test that waits for minutes: only for `run.py --leap`, where waiting costs nothing."""
    test.leaps = True
    return test


def takes(seconds):
    """Mark a test that may run longer than TEST_SECONDS_MAX."""
    def mark(test):
        test.seconds = seconds
        return test
    return mark


def seconds_of(test):
    return getattr(test, "seconds", TEST_SECONDS_MAX)


def tests_of(module):
    """The functions test_* of a module, in the order they were written."""
    return [f for name, f in vars(module).items()
            if name.startswith("test_") and callable(f) and f.__module__ == module.__name__]


def _overdue(*_):
    raise Overdue("no end within its time limit")


def tell_failure():
    """The traceback of the exception in hand, from the test function on."""
    kind, value, trace = sys.exc_info()
    while trace and not trace.tb_frame.f_code.co_name.startswith(("test_", "check_", "setup")):
        trace = trace.tb_next
    return "".join(traceback.format_exception(kind, value, trace or sys.exc_info()[2]))


class Report:
    """Prints the plan, then one result per test."""

    def __init__(self, planned):
        self.done = self.failed = 0
        print("KTAP version 1", flush=True)
        print(f"1..{planned}", flush=True)

    def result(self, ok, name, remark=""):
        self.done += 1
        self.failed += not ok
        remark = f" # {remark}" if remark else ""
        print(f"{'ok' if ok else 'not ok'} {self.done} {name}{remark}", flush=True)

    @staticmethod
    def comment(text):
        for row in text.rstrip().splitlines():
            print(f"# {row}", flush=True)

    def run(self, name, test, seconds=TEST_SECONDS_MAX):
        """Call @test, for @seconds at most, and report how it went."""
        start = time.monotonic()
        signal.signal(signal.SIGALRM, _overdue)
        signal.alarm(round(scaled(seconds)))
        try:
            test()
            signal.alarm(0)
            self.result(True, name, f"{time.monotonic() - start:.1f} s")
        except Skip as why:
            self.result(True, name, f"SKIP {why}")
        except (Exception, Overdue):
            signal.alarm(0)
            self.comment(tell_failure())
            self.result(False, name, f"{time.monotonic() - start:.1f} s")
        finally:
            signal.alarm(0)


def run_file(module, names=()):
    """Run a file's tests, all or those named, as a program; returns the exit status."""
    tests = [t for t in tests_of(module) if not names or t.__name__ in names]
    report = Report(len(tests))
    for test in tests:
        report.run(test.__name__, test, seconds_of(test))
    return 1 if report.failed or not tests else 0
