# SPDX-License-Identifier: GPL-2.0
r"""Links and hubs that fail under traffic: it goes the other way round.

      a --------- b
      | 100 ms    |       the stream is a -> c, by b; d is the backup, as a - d is slow
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
    for x, y in ("ad", "da"):
        run(f"tc -n {mesh[x].netns} qdisc add dev to-{y} root netem delay 100ms")
    mesh.wait_whole()


def teardown():
    if mesh:
        mesh.down()


@contextlib.contextmanager
def stream_a_to_c():
    wait_for("a sends by b and has a backup", lambda: ways("a", "c") == ["b", "d"], 60, 0.1)
    with mesh.stream("a", "c", PAUSE_S) as stream:
        stream.wait_progress()
        yield stream


def route(name, to):
    return next((r for r in mesh[name].api("routes")["routes"] if r["hub_name"] == to), None)


def ways(name, to):
    """Neighbours the hub @name may send to for @to, the backup last."""
    found = route(name, to)
    return [n["peer_name"] for n in found["via"] + [found["backup"]] if n] if found else []


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
    b, c, d = mesh["b"], mesh["c"], mesh["d"]
    with stream_a_to_c() as stream:
        first = stream.sent
        with silent(*both_ends(d, c)):
            wait_for("a knows", lambda: ways("a", "c") == ["b"], 20, 0.1)
            stream.wait_progress()
            expect_equal([n for n in range(first, stream.received[-1]) if n not in stream.got_at], [],
                         "lost though the link was not in use")
        wait_for("the backup is back", lambda: ways("a", "c") == ["b", "d"], 40, 0.1)
        begin = time.monotonic()
        with silent(*both_ends(b, c)):
            expect_short_gap(stream, begin)
            wait_for("a knows", lambda: ways("a", "c") == ["d"], 20, 0.1)


def test_link_without_carrier_is_left_for_the_other_way():
    b = mesh["b"]
    with stream_a_to_c() as stream:
        begin = time.monotonic()
        run(f"ip -n {b.netns} link set to-c down")
        try:
            expect_short_gap(stream, begin)
            wait_for("a knows", lambda: ways("a", "c") == ["d"], 20, 0.1)
        finally:
            run(f"ip -n {b.netns} link set to-c up")
        wait_for("a sends by b again", lambda: ways("a", "c") == ["b", "d"], 40, 0.1)


def test_routes_to_a_stopped_hub_vanish_and_those_through_it_move():
    """Twin: the routes between the others stay."""
    with stream_a_to_c() as stream:
        begin = time.monotonic()
        mesh["b"].stop()
        wait_for("routes to b vanish", lambda: not any(route(n, "b") for n in "acd"), 10)
        Report.comment(f"no route to the stopped hub after {time.monotonic() - begin:.2f} s")
        expect_short_gap(stream, begin)
        wait_for("the others find the way round", lambda: all(
            ways(n, to) for n in "acd" for to in "acd" if n != to), 10, 0.1)
        for n in "acd":
            routes = mesh[n].json("routes")["routes"]
            expect_equal({r["hub_name"] for r in routes}, set("acd") - {n}, f"routes of {n}")
            expect(all(v["peer_name"] != "b" for r in routes for v in r["via"] + [r["backup"]] if v),
                   f"{n} still sends by b")
        mesh["b"].start()
        mesh.wait_whole()
