# SPDX-License-Identifier: GPL-2.0
r"""Links and hubs that fail under traffic: it goes the other way round.

      a --------- b
      |           |       the stream is a -> c, by b or by d
      d --------- c
"""

import contextlib
import time

from lib.daemon import DaemonMesh, silent
from lib.ktap import Report, expect, expect_equal
from lib.mesh import run, wait_for

# More than the usual 150 ms of silence: a machine that shares its CPUs stalls for longer.
PROBE = {"interval_ms": 50, "misses": 8}
GAP_MAX_S = 2.0
PAUSE_S = 0.01
mesh = None


def setup():
    global mesh
    mesh = DaemonMesh("abcd", ["ab", "bc", "cd", "da"], probe=PROBE)
    mesh.up()
    mesh.wait_whole()


def teardown():
    if mesh:
        mesh.down()


@contextlib.contextmanager
def stream_a_to_c():
    wait_for("a has two ways to c", lambda: len(ways("a", "c")) == 2, 40, 0.1)
    with mesh.stream("a", "c", PAUSE_S) as stream:
        stream.wait_progress()
        yield stream


def route(name, to):
    return next((r for r in mesh[name].api("routes")["routes"] if r["hub_name"] == to), None)


def ways(name, to):
    """Neighbours the hub @name may send to for @to, the backup included."""
    found = route(name, to)
    if not found:
        return set()
    return {n["peer_name"] for n in found["via"] + [found["backup"]] if n}


def relays(stream):
    """(the hub the stream goes through, the hub on the other way)"""
    forwarded = lambda: {n: mesh[n].api("stats")["datapath"]["forwarded"] for n in "bd"}
    before = forwarded()
    stream.wait_progress(30)
    after = forwarded()
    return [mesh[n] for n in sorted("bd", key=lambda n: before[n] - after[n])]


def both_ends(x, y):
    return (x, y), (y, x)


def expect_short_gap(stream, begin):
    """The stream goes on, and paused for less than GAP_MAX_S since @begin."""
    stream.wait_progress(50, 30)
    gap = stream.longest_gap(begin)
    Report.comment(f"longest gap in a {PAUSE_S * 1000:.0f} ms stream: {gap * 1000:.0f} ms")
    expect(gap < GAP_MAX_S, f"no traffic for {gap:.2f} s")


def test_silent_link_is_left_for_the_other_way():
    """Twin: silence on the way that is not in use loses nothing."""
    with stream_a_to_c() as stream:
        through, beside = relays(stream)
        first = stream.sent
        with silent(*both_ends(beside, mesh["c"])):
            wait_for("a knows", lambda: ways("a", "c") == {through.name}, 20, 0.1)
            stream.wait_progress()
            expect_equal([n for n in range(first, stream.received[-1]) if n not in stream.got_at], [],
                         "lost though the link was not in use")
        wait_for("two ways again", lambda: len(ways("a", "c")) == 2, 40, 0.1)
        through, beside = relays(stream)
        begin = time.monotonic()
        with silent(*both_ends(through, mesh["c"])):
            expect_short_gap(stream, begin)
            wait_for("a knows", lambda: ways("a", "c") == {beside.name}, 20, 0.1)


def test_link_without_carrier_is_left_for_the_other_way():
    with stream_a_to_c() as stream:
        through, beside = relays(stream)
        begin = time.monotonic()
        run(f"ip -n {through.netns} link set to-c down")
        try:
            expect_short_gap(stream, begin)
            wait_for("a knows", lambda: ways("a", "c") == {beside.name}, 20, 0.1)
        finally:
            run(f"ip -n {through.netns} link set to-c up")
        wait_for("two ways again", lambda: len(ways("a", "c")) == 2, 40, 0.1)


def test_routes_to_a_stopped_hub_vanish_and_those_through_it_move():
    """Twin: the routes between the others stay."""
    with stream_a_to_c() as stream:
        through, beside = relays(stream)
        others = "".join(n for n in "abcd" if n != through.name)
        begin = time.monotonic()
        through.stop()
        wait_for("routes to it vanish", lambda: not any(route(n, through.name) for n in others), 10)
        Report.comment(f"no route to the stopped hub after {time.monotonic() - begin:.2f} s")
        expect_short_gap(stream, begin)
        wait_for("the others find the way round", lambda: all(
            ways(n, to) for n in others for to in others if n != to), 10, 0.1)
        for n in others:
            routes = mesh[n].json("routes")["routes"]
            expect_equal({r["hub_name"] for r in routes}, set(others) - {n}, f"routes of {n}")
            expect(all(v["peer_name"] != through.name for r in routes
                       for v in r["via"] + [r["backup"]] if v), f"{n} still uses {through.name}")
        through.start()
        mesh.wait_whole()
