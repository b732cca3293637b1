# SPDX-License-Identifier: GPL-2.0
"""Two hubs that share no network, and the relay between them that cannot read.

      a --------- r --------- b       a veth pair each, a subnet each
"""

from lib import uapi
from lib.capture import Capture
from lib.daemon import PATIENT, DaemonMesh
from lib.ktap import expect, expect_equal
from lib.mesh import wait_for
from lib.netlink import mac
from lib.traffic import reaches

MARKER = b"THE-PATIENT-IN-ROOM-9-IS-ALLERGIC"


def sealed(hub, other):
    """(frames sealed to @other, frames opened from it), or None while it is unknown."""
    found = next((h for h in hub.json("stats")["hubs"] if h["name"] == other.name), None)
    return found and (found["tx_frames"], found["rx_frames"])


def between(capture, x, y, kind):
    """Sealed parts of the frames of a type that @x sent to @y."""
    return {raw[uapi.HM_HDR_LEN:] for header, raw in capture.frames()
            if header.src == mac(x.id) and header.dst == mac(y.id) and header.type == kind}


def test_hubs_without_a_common_network_agree_on_a_key_through_a_relay_that_cannot_read():
    """Before the seal only HOP frames pass the relay, after it only UNICAST frames."""
    with DaemonMesh("arb", ["ar", "rb"], probe=PATIENT) as mesh:
        a, r, b = mesh["a"], mesh["r"], mesh["b"]
        mesh.wait_whole()
        expect(not a.hub("b")["has_seal"], "a and b share a seal nobody asked for")
        expect_equal(sealed(a, b), (0, 0), "frames sealed between a and b")
        source, target = a.ula, b.ula
        with Capture(r.netns, "to-a") as near, Capture(r.netns, "to-b") as far, \
                Capture(b.netns, "mesh0") as inner:
            expect(reaches(a, b, source, target, MARKER, 10), "b did not get a's datagram")
            wait_for("both know their seal", lambda: a.hub("b")["has_seal"] and b.hub("a")["has_seal"])
            hops = between(near, a, b, uapi.HM_TYPE_HOP)
            expect(hops, "no HOP frame from a to b")
            expect(not hops & between(far, a, b, uapi.HM_TYPE_HOP), "HOP frames are sealed anew by r")
            before, passed = sealed(a, b), len(hops)
            for _ in range(10):
                expect(reaches(a, b, source, target, MARKER, 10), "b did not get a's datagram")
            expect(sealed(a, b)[0] >= before[0] + 10, f"sealed frames: {before} {sealed(a, b)}")
            expect_equal(len(between(near, a, b, uapi.HM_TYPE_HOP)), passed, "HOP frames after the seal")
            unicast = between(near, a, b, uapi.HM_TYPE_UNICAST)
            expect(len(unicast) >= 11, f"{len(unicast)} UNICAST frames")
            wait_for("r passes them on unchanged", lambda: unicast <= between(
                far, a, b, uapi.HM_TYPE_UNICAST))
            expect(MARKER in b"".join(inner.read()), "the capture at b shows no plain text")
            for capture in (near, far):
                expect(MARKER not in b"".join(capture.read()), "plain text at the relay")
