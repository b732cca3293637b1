# SPDX-License-Identifier: GPL-2.0
"""Keys replaced by the daemons while traffic runs: nothing may be lost.

      a --------- r --------- b       streams a -> b and b -> a, through r
"""

import contextlib

from lib import uapi
from lib.daemon import PATIENT, DaemonMesh
from lib.ktap import Report, expect, expect_equal, leaps, takes
from lib.mesh import wait_for
from lib.netlink import Genl, attr, u64

EPOCHS = 4
FRAMES = 500  # per key and lane; a pair renews every 10 s at most


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


@contextlib.contextmanager
def streams(mesh, pause=0.01):
    """Datagrams at a steady rate both ways between a and b; a lost one fails the block."""
    with mesh.stream("a", "b", pause) as there, mesh.stream("b", "a", pause) as back:
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
    told = {hub.name: hub.json("stats")["hub"]["rekeys"] for hub in mesh}
    Report.comment(f"phases of a's seal for b: {seen}; renewals, links included: {told}")
    expect(all(n >= EPOCHS for n in told.values()), "meshctl tells fewer renewals than there were")


@takes(150)
def test_keys_renewed_by_frame_count_under_load_lose_nothing():
    """Twin: as many datagrams without the limit renew no key."""
    with DaemonMesh("arb", ["ar", "rb"], probe=PATIENT) as mesh:
        a = mesh["a"]
        mesh.wait_whole()
        with streams(mesh) as stream:
            before = seal_phase(a, "b")
            wait_for("more frames than the limit", lambda: stream.sent > FRAMES, 30)
            expect_equal((seal_phase(a, "b"), a.api("stats")["hub"]["rekeys"]), (before, 0),
                         "phase and renewals")
            for hub in mesh:
                ask_for_keys_after(hub, FRAMES)
            seen = wait_epochs(a, "b", EPOCHS, 100)
        tell_renewals(seen, mesh)


@leaps
@takes(900)
def test_keys_renewed_by_age_under_load_lose_nothing():
    """The shortest age meshd takes is a minute: for the clock that leaps over waiting."""
    with DaemonMesh("arb", ["ar", "rb"], probe=PATIENT, crypto={"rekey_s": 60}) as mesh:
        mesh.wait_whole()
        with streams(mesh, pause=0.1):
            seen = wait_epochs(mesh["a"], "b", EPOCHS, 600, 2)
        tell_renewals(seen, mesh)
