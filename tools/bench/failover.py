#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Failover bench: how long data stops when a line or a relay goes.

Every system gets a diamond of its own (diamond.py): A sends D one datagram every 2 ms over
either of two relays.  A fault strikes the line in use (told by counting what A sends on
each), and the gap is the longest interval between two arrivals at D, by the kernel's receive
time stamps, in which datagrams were lost, from the fault until data has flowed for a second.
Then all is repaired, and the next round begins when the system knows both ways again.

    silent-cut     all packets between A and its relay are lost, without a sign (netem)
    carrier-loss   the relay's end of that line goes down: A's end loses its carrier
    relay-killed   the relay's two interfaces go down, its daemon is killed (SIGKILL)

value: median of 7 rounds; TEST-max: the longest; TEST-lost: datagrams lost in it, median (on a
machine that stands still now and then a better measure than time); TEST-undisturbed: the median of the longest
interval between arrivals in the half second before each fault: what the machine itself does
to a stream, and to every gap.

Runs in the plain VM with a real clock; all systems in one boot.  Those whose rounds take
long (batman-adv, babeld with its default hello interval) run their three tests at the same
time in three diamonds.
"""

import argparse
import multiprocessing
import statistics
import sys
import time
import traceback

from diamond import Babel, Batman, Hubmesh, HubmeshKernel, R1
from faults import Port
from rows import Rows
from stream import INTERVAL_S, Stream, longest_gap, longest_pause, timestamps_on
from systems import batman_load, hm, run

ROUNDS = 7
BEFORE_S, FLOWING_S = 0.5, 1.0
FLOWING_SHARE = 0.2  # of the datagrams due in that time: a busy machine sends fewer
# The kernel tells of carriers at most once a second (net/core/link_watch.c): the events of the
# last repair are told within one, and the next may be told at once another one later.
CALM_S = 2.2
POLL_S = 0.1
WHOLE_S, RECOVERY_S = 120, 120
BABEL_FAST_S = 0.1
TESTS = ("silent-cut", "carrier-loss", "relay-killed")

# name: (its diamond, given the first letters of its namespaces' names; whether its tests run
# at the same time)
SYSTEMS = {
    "hubmesh": (lambda tag: Hubmesh(), False),
    "hubmesh-kernel": (lambda tag: HubmeshKernel(), False),
    "babel-wireguard-fast": (lambda tag: Babel(f"f{tag}", BABEL_FAST_S), False),
    "batman-adv": (lambda tag: Batman(f"m{tag}"), True),
    "babel-wireguard": (lambda tag: Babel(f"w{tag}"), True),
}


class Line:
    """The way over one relay, and what can happen to it."""

    def __init__(self, system, relay):
        self.system, self.relay = system, relay
        self.near, self.far, self.beyond = (Port(*end) for end in system.lines[relay - R1])
        self.near.prepare()
        self.far.prepare()

    def break_(self, test):
        if test == "silent-cut":
            self.near.lose(True)
            self.far.lose(True)
            return
        self.far.set_up(False)
        if test == "relay-killed":
            self.beyond.set_up(False)
            self.system.stop_daemon(self.relay)

    def repair(self, test):
        if test == "silent-cut":
            self.near.lose(False)
            self.far.lose(False)
            return
        self.far.set_up(True)
        if test == "relay-killed":
            self.beyond.set_up(True)
            self.system.start_daemon(self.relay)


class Trial:
    """One diamond and the stream through it."""

    def __init__(self, name, system, stream):
        self.name, self.system, self.stream = name, system, stream
        self.lines = [Line(system, relay) for relay in (R1, R1 + 1)]
        self.arrivals = []

    def look(self, seconds):
        time.sleep(seconds)
        self.arrivals += self.stream.arrivals()

    def flows(self):
        """Has nothing been lost among the datagrams of the last FLOWING_S?"""
        now = time.time()
        recent = [a for a in self.arrivals if a[0] > now - FLOWING_S]
        return (len(recent) > FLOWING_S / INTERVAL_S * FLOWING_SHARE and
                not longest_gap(recent, 0)[2])

    def wait(self, what, condition, seconds):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds} s for: {what}")
            self.look(POLL_S)

    def line_in_use(self):
        """Data flows; the line that carries it, and the longest interval meanwhile."""
        self.look(0)
        self.arrivals = []
        before = [line.near.sent() for line in self.lines]
        self.look(BEFORE_S)
        grown = [line.near.sent() - b for line, b in zip(self.lines, before)]
        return self.lines[grown[1] > grown[0]], longest_pause(self.arrivals)

    def round(self, test):
        """Gap in ms, datagrams lost in it, undisturbed in ms."""
        self.look(CALM_S)
        self.wait("both ways known", self.system.is_whole, WHOLE_S)
        self.wait("data to flow", self.flows, RECOVERY_S)
        line, floor = self.line_in_use()
        cut = time.time()
        line.break_(test)
        broken = time.time()
        self.look(FLOWING_S)
        self.wait("data to flow again", self.flows, RECOVERY_S)
        gap, began, lost = longest_gap(self.arrivals, cut)
        print(f"#   {self.name} {test}: {gap * 1000:.1f} ms from {(began - cut) * 1000:+.1f} ms on, "
              f"{lost} lost; breaking took {(broken - cut) * 1000:.1f} ms, undisturbed "
              f"{floor * 1000:.1f} ms{self.system.account(cut)}", flush=True)
        line.repair(test)
        return gap * 1000, lost, floor * 1000


def series(name, tests, rounds):
    """{test: [(gap, lost, undisturbed)]} in one diamond."""
    with SYSTEMS[name][0](tests[0][0]) as system:
        with Stream(system.source, system.sink, system.target) as stream:
            trial = Trial(name, system, stream)
            return {test: [trial.round(test) for _ in range(rounds)] for test in tests}


def _child(pipe, name, tests, rounds):
    try:
        pipe.send(series(name, tests, rounds))
    except BaseException:
        pipe.send(traceback.format_exc())


def start(name, tests, rounds):
    """Each diamond has a process of its own; [(process, pipe)]."""
    batches = [[test] for test in tests] if SYSTEMS[name][1] else [tests]
    jobs = []
    for batch in batches:
        mine, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=_child, args=(theirs, name, batch, rounds))
        process.start()
        jobs.append((process, mine))
    return jobs


def collect(name, jobs, rows):
    """False if a diamond failed."""
    ok = True
    for process, pipe in jobs:
        found = pipe.recv()
        process.join()
        if isinstance(found, str):
            print(f"# {name}: FAILED: {found}", flush=True)
            ok = False
            continue
        for test, results in found.items():
            gaps, lost, floors = zip(*results)
            rows.add(name, test, statistics.median(gaps), "ms", 1)
            rows.add(name, f"{test}-max", max(gaps), "ms", 1)
            rows.add(name, f"{test}-lost", statistics.median(lost), "datagrams", 0)
            rows.add(name, f"{test}-undisturbed", statistics.median(floors), "ms", 1)
    return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--module", required=True)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--tests", default=",".join(TESTS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", help="write the rows here")
    args = parser.parse_args()
    names, tests = args.systems.split(","), args.tests.split(",")
    if any("hubmesh" in name for name in names):
        hm.insert_module(args.module)
    run("modprobe -a sch_netem wireguard")
    if "batman-adv" in names:
        batman_load()
    keeper = timestamps_on()
    rows, ok = Rows("failover"), True
    for is_slow in (False, True):
        running = {}
        for name in (n for n in names if SYSTEMS[n][1] == is_slow):
            running[name] = start(name, tests, args.rounds)
            if not is_slow:
                ok &= collect(name, running.pop(name), rows)
        for name, jobs in running.items():
            ok &= collect(name, jobs, rows)
    rows.table("data gap, median", TESTS)
    keeper.close()
    rows.table("longest", [f"{t}-max" for t in TESTS])
    rows.table("lost in it, median", [f"{t}-lost" for t in TESTS])
    rows.table("undisturbed", [f"{t}-undisturbed" for t in TESTS])
    rows.save(args.json)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
