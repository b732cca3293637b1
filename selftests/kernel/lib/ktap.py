# SPDX-License-Identifier: GPL-2.0
"""KTAP version 1 output for a file of test functions."""

import os
import sys
import time
import traceback


class Skip(Exception):
    """Raise with a reason: the test cannot run here."""


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def expect_equal(got, wanted, text):
    if got != wanted:
        raise AssertionError(f"{text}: got {got!r}, wanted {wanted!r}")


def main(tests, argv=None):
    """Run the functions (all, or those named on the command line)."""
    names = (argv if argv is not None else sys.argv[1:])
    chosen = [t for t in tests if not names or t.__name__ in names]
    print("KTAP version 1", flush=True)
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for i, test in enumerate(chosen, 1):
        start = time.monotonic()
        try:
            test()
            took = time.monotonic() - start
            print(f"ok {i} {test.__name__} # {took:.1f} s", flush=True)
        except Skip as why:
            print(f"ok {i} {test.__name__} # SKIP {why}", flush=True)
        except Exception:
            failed += 1
            for row in traceback.format_exc().rstrip().splitlines():
                print(f"# {row}")
            print(f"not ok {i} {test.__name__}", flush=True)
    sys.stdout.flush()
    os._exit(1 if failed else 0)
