# SPDX-License-Identifier: GPL-2.0
"""Keys replaced by the daemons while traffic runs: nothing may be lost.

      a --------- r --------- b       streams a -> b and b -> a, through r
"""

import contextlib

from lib import uapi
from lib.daemon import PATIENT, DaemonMesh
from lib.ktap import Report, expect_equal, takes
from lib.mesh import wait_for
from lib.netlink import Genl, attr, u64
from lib.traffic import Stream

EPOCHS = 4
FRAMES = 500  # per key and lane; a pair renews every 10 s at most
PAUSE_S = 0.01


def ask_for_keys_after(hub, frames):
    """A key wants a successor after so many frames: meshd has no setting for it, the module has."""
    genl = Genl(hub.netns)
    genl.request(uapi.HUBMESH_CMD_DEV_SET, [
        attr(uapi.HUBMESH_A_IFNAME, b"mesh0\0"),
        attr(uapi.HUBMESH_A_DEVICE, [attr(uapi.HUBMESH_A_DEVICE_REKEY_FRAMES, u64(frames))])])
    genl.close()


def seal_phase(hub, other):
    """Phase @hub seals with for the hub named @other."""
    return next(h["tx_phase"] for h in hub.api("stats")["hubs"] if h["name"] == other)


def renewals(hub):
    return hub.api("stats")["hub"]["rekeys"]


@contextlib.contextmanager
def streams(mesh, pause=PAUSE_S):
    """Datagrams at a steady rate both ways between a and b; a lost one fails the block."""
    a, b = mesh["a"], mesh["b"]
    at_a, at_b = a.hub("a")["ula"], a.hub("b")["ula"]
    with Stream(a, b, at_a, at_b, pause=pause) as there, \
            Stream(b, a, at_b, at_a, pause=pause) as back:
        there.wait_progress()
        back.wait_progress()
        yield there
        there.wait_progress()
        back.wait_progress()
    for stream in (there, back):
        expect_equal(stream.lost, [], f"datagrams lost of {stream.sent}; "
                     f"drops { {hub.name: hub.drops() for hub in mesh} }")
        expect_equal(len(stream.received), stream.sent, "datagrams, duplicates counted")
    Report.comment(f"{there.sent} + {back.sent} datagrams, none lost")


def wait_epochs(hub, other, n, seconds, step=0.2):
    """Wait until @hub has sealed for @other under @n more keys; the phases seen."""
    seen = [seal_phase(hub, other)]

    def moved():
        now = seal_phase(hub, other)
        if now != seen[-1]:
            seen.append(now)
        return len(seen) > n
    wait_for(f"{n} keys after the first", moved, seconds, step)
    return seen


def tell_renewals(seen, mesh):
    Report.comment(f"phases of a's seal for b: {seen}; renewals, links included: "
                   f"{ {hub.name: renewals(hub) for hub in mesh} }")


@takes(150)
def test_keys_renewed_by_frame_count_under_load_lose_nothing():
    """Twin: as many datagrams without the limit renew no key."""
    with DaemonMesh("arb", ["ar", "rb"], probe=PATIENT) as mesh:
        a = mesh["a"]
        mesh.wait_whole()
        with streams(mesh) as stream:
            before = seal_phase(a, "b")
            wait_for("more frames than the limit", lambda: stream.sent > FRAMES, 30)
            expect_equal((seal_phase(a, "b"), [renewals(hub) for hub in mesh]), (before, [0, 0, 0]),
                         "phase and renewals")
            for hub in mesh:
                ask_for_keys_after(hub, FRAMES)
            seen = wait_epochs(a, "b", EPOCHS, 100)
        tell_renewals(seen, mesh)


@takes(900)
def test_keys_renewed_by_age_under_load_lose_nothing():
    """The shortest age meshd takes is a minute: for the clock that leaps over waiting."""
    with DaemonMesh("arb", ["ar", "rb"], probe=PATIENT, crypto={"rekey_s": 60}) as mesh:
        mesh.wait_whole()
        with streams(mesh, pause=0.1):
            seen = wait_epochs(mesh["a"], "b", EPOCHS, 600, 2)
        tell_renewals(seen, mesh)
