# SPDX-License-Identifier: GPL-2.0
"""meshd stops, dies, starts and reloads; the kernel's traffic goes on.

      a --------- r --------- b       the stream is a -> b, the daemon that changes is r's
"""

import contextlib
import os
import signal
import time

from lib.daemon import PATIENT, DaemonMesh
from lib.ktap import Report, expect, expect_equal
from lib.mesh import ip_batch, wait_for
from lib.traffic import reaches

GRACE_S = 10  # a link without a session carries on for so long (sessions.rst)
GAP_MAX_S = 5.0  # emulated CPU, shared with other work; under 1 s by itself
PAUSE_S = 0.01


@contextlib.contextmanager
def relayed(**settings):
    """The line under a stream: (mesh, stream)."""
    with DaemonMesh("arb", ["ar", "rb"], probe=PATIENT, **settings) as mesh:
        mesh.wait_whole()
        with mesh.stream("a", "b", PAUSE_S) as stream:
            stream.wait_progress()
            yield mesh, stream


def shown(hub):
    """What the kernel has of the hub's interface: addresses, neighbours; empty if it is gone."""
    rows = hub.run("ip -o addr show dev mesh0", check=False)
    return "" if "does not exist" in rows else rows + hub.run("ip neigh show dev mesh0")


def expect_lossless(stream, first, n=200):
    """From number @first on, everything arrives until @n more were sent."""
    last = stream.sent + n
    wait_for("the next datagrams are sent", lambda: stream.sent > last, GRACE_S + 20, 0.1)
    wait_for("the last of them arrives", lambda: last in stream.got_at, 5)
    expect_equal([i for i in range(first, last) if i not in stream.got_at], [],
                 f"datagrams lost of {last - first}")


def restart_and_measure(mesh, stream, hub):
    """Start @hub's meshd again; the longest gap in the stream until the mesh is whole."""
    begin = time.monotonic()
    hub.start()
    mesh.wait_whole()
    stream.wait_progress(50, 30)
    gap = stream.longest_gap(begin)
    Report.comment(f"longest gap in a {PAUSE_S * 1000:.0f} ms stream over the restart: {gap * 1000:.0f} ms")
    expect(gap < GAP_MAX_S, f"no traffic for {gap:.2f} s")


def test_interface_that_was_down_or_lost_its_addresses_gets_them_again():
    with DaemonMesh("ab", ["ab"], probe=PATIENT) as mesh:
        mesh.wait_whole()
        a, b = mesh["a"], mesh["b"]
        ula = a.ula
        for rows in (["link set mesh0 down", "link set mesh0 up"], ["addr flush dev mesh0"]):
            ip_batch(a.netns, rows)
            wait_for("the address is back", lambda: ula in a.run("ip -6 addr show dev mesh0"), 20, 0.2)
            wait_for("a reaches b", lambda: a.sees(2), 30, 0.1)
            expect(reaches(a, b, ula, b.ula, seconds=10), "a to b")


def test_stop_takes_the_interface_and_the_traffic_along_unless_kept():
    """The twin of keep: nothing is left, the neighbours know at once, a start brings it back."""
    with relayed() as (mesh, stream):
        r = mesh["r"]
        r.stop()
        expect_equal(r.process.returncode, 0, "exit status")
        expect_equal(shown(r), "", "mesh0 after the stop")
        wait_for("the neighbours know", lambda: not mesh["a"].sees(2) and not mesh["b"].sees(2), 5)
        r.start()
        mesh.wait_whole()
        stream.wait_progress(50, 30)
        expect(shown(r), "no mesh0 after the start")


def test_deleted_interface_ends_the_daemon_and_a_start_mends_it():
    with relayed() as (mesh, stream):
        r = mesh["r"]
        r.run("ip link del mesh0")
        wait_for("its end", lambda: r.process.poll() is not None, 20)
        expect_equal(r.process.returncode, os.EX_UNAVAILABLE, "exit status")
        r.start()
        mesh.wait_whole()
        stream.wait_progress(50, 30)


def test_kept_interface_carries_traffic_between_two_daemons():
    with relayed(interface={"keep": True}) as (mesh, stream):
        r = mesh["r"]
        wait_for("both neighbours, either family", lambda: shown(r).count("PERMANENT") == 4)
        before, first = shown(r), stream.sent
        r.stop()
        expect_equal(r.process.returncode, 0, "exit status")
        expect_equal(shown(r), before, "addresses and neighbours of mesh0")
        expect_lossless(stream, first)
        restart_and_measure(mesh, stream, r)
        expect_equal(sorted(shown(r).splitlines()), sorted(before.splitlines()), "mesh0 adopted")


def test_killed_daemon_leaves_forwarding_to_the_kernel_until_the_neighbours_give_up():
    """Killed and started again: no loss but at the start.  Killed for good: the links end."""
    with relayed() as (mesh, stream):
        a, r = mesh["a"], mesh["r"]
        first = stream.sent
        r.kill()
        expect_lossless(stream, first)
        restart_and_measure(mesh, stream, r)
        first, died = stream.sent, time.monotonic()
        r.kill()
        expect_lossless(stream, first)
        wait_for("a gives up its link", lambda: not a.sees(2), GRACE_S + 10)
        took = time.monotonic() - died
        expect(took >= GRACE_S - 1, f"the link was given up after {took:.1f} s")
        Report.comment(f"neighbours gave up after {took:.1f} s")


def sessions(hub):
    return sorted((s["session"], s["peer"]) for s in hub.json("sessions")["sessions"])


def test_reload_under_traffic_keeps_sessions_and_loses_nothing():
    """Twin: a file with an error changes nothing either."""
    with relayed() as (mesh, stream):
        r = mesh["r"]
        interval = lambda: r.json("config")["config"]["probe"]["interval_ms"]
        before, first = sessions(r), stream.sent
        r.write_settings(probe={**PATIENT, "interval_ms": 100}, beacon={"interval_min_ms": 500})
        r.process.send_signal(signal.SIGHUP)
        wait_for("the new interval", lambda: interval() == 100, 10, 0.1)
        r.write_settings(probe={**PATIENT, "interval_ms": 1})
        r.process.send_signal(signal.SIGHUP)
        wait_for("the refusal is logged", lambda: "config-refused" in r.log(), 10, 0.1)
        expect_equal(interval(), 100, "interval after the refused file")
        expect_lossless(stream, first)
        expect_equal(sessions(r), before, "sessions")
