# SPDX-License-Identifier: GPL-2.0
r"""A ring of five, where no neighbour is a loop-free alternative: a dead link is repaired by a
tunnel, and no meshd has a hand in it.  Five, as every way is then a link shorter or longer than the
other, whatever the links' costs are measured to be.

      a --- b
     /       \        a -> b goes by e, b -> a by c, both in a tunnel to d
    e         c
     \       /
      `- d --'
"""

import contextlib
import os
import signal
import time

from lib.daemon import DaemonMesh
from lib.ktap import Report, expect, expect_equal
from lib.mesh import run, wait_for

RING = ["ab", "bc", "cd", "de", "ea"]
GAP_MAX_S = 2.0
mesh = None


def setup():
    global mesh
    mesh = DaemonMesh("abcde", RING, probe={"interval_ms": 50, "misses": 8})
    mesh.up()
    for x, y in RING:  # equal costs, whatever the machine does besides
        for near, far in ((x, y), (y, x)):
            run(f"tc -n {mesh[near].netns} qdisc add dev to-{far} root handle 1: netem delay 10ms")
    mesh.wait_whole()


def teardown():
    if mesh:
        mesh.down()


def route(name, to):
    return next((r for r in mesh[name].api("routes")["routes"] if r["hub_name"] == to), {})


def tunnel(name, to):
    """(next hop, neighbour of the backup, end of its tunnel)"""
    found = route(name, to)
    backup = found.get("backup") or {}
    via = [n["peer_name"] for n in found.get("via", [])]
    return via, backup.get("peer_name"), backup.get("tunnel_name")


def are_repaired():
    return tunnel("a", "b") == (["b"], "e", "d") and tunnel("b", "a") == (["a"], "c", "d")


@contextlib.contextmanager
def stopped():
    """No meshd does anything."""
    try:
        for hub in mesh:
            os.kill(hub.process.pid, signal.SIGSTOP)
        yield
    finally:
        for hub in mesh:
            os.kill(hub.process.pid, signal.SIGCONT)


@contextlib.contextmanager
def dead(x, y):
    """The wire between two hubs loses everything."""
    ends = ((x, y), (y, x))
    change = lambda near, far, how: run(f"tc -n {mesh[near].netns} qdisc change dev to-{far} root "
                                        f"handle 1: netem delay 10ms loss {how}")
    try:
        for near, far in ends:
            change(near, far, "100%")
        yield
    finally:
        for near, far in ends:
            change(near, far, "0%")


def test_stream_goes_through_the_tunnel_while_every_meshd_is_stopped():
    wait_for("a's and b's tunnels", are_repaired, 60, 0.1)
    with mesh.stream("a", "b", 0.01) as stream:
        stream.wait_progress()
        with contextlib.ExitStack() as cut:
            with stopped():
                begin = time.monotonic()
                cut.enter_context(dead("a", "b"))
                stream.wait_progress(100, 30)
                gap = stream.longest_gap(begin)
            Report.comment(f"longest gap in a 10 ms stream: {gap * 1000:.0f} ms")
            expect(gap < GAP_MAX_S, f"no traffic for {gap:.2f} s")
            wait_for("a computes", lambda: tunnel("a", "b")[0] == ["e"], 20, 0.1)
            stream.wait_progress()
        wait_for("the tunnels are back", are_repaired, 60, 0.1)
        stream.wait_progress()
    shown = next(r for r in mesh["a"].json("routes")["routes"] if r["hub_name"] == "b")
    expect_equal(shown["backup"]["tunnel"], mesh["d"].id, "what meshctl says")
    expect("tunnel to d" in mesh["a"].ctl("routes"), "what meshctl shows")
