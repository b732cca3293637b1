# SPDX-License-Identifier: GPL-2.0
"""A hub with a certificate of another root beside the mesh.

      x . . . . . a --------- b       the stream is a -> b; x knows the mesh's name only
"""

from lib.daemon import PATIENT, DaemonMesh, forge_frames
from lib.ktap import expect, expect_equal
from lib.mesh import wait_for

FRAMES = 50


def test_stranger_is_refused_and_counted_and_disturbs_nobody():
    with DaemonMesh("ab", ["ab"], probe=PATIENT) as mesh:
        a, b = mesh["a"], mesh["b"]
        mesh.wait_whole()
        mesh.new_authority(f"{mesh.work}/other/ca")
        rogue = mesh.hub("x", f"{mesh.work}/other/ca")
        expect_equal((a.refused(), b.refused()), (0, 0), "refused before")
        sessions = a.json("sessions")["sessions"]
        with mesh.stream("a", "b") as stream:
            stream.wait_progress()
            try:
                rogue.create()
                at = mesh.wire(rogue, a)
                rogue.start()
                wait_for("a or x refuses", lambda: a.refused() + rogue.refused() > 0, 30, 0.2)
                before = a.drops()
                forge_frames(rogue, a, at, FRAMES)
                counted = lambda: sum(a.drops().get(n, 0) - before.get(n, 0)
                                      for n in ("rx-hop-tag", "rx-hop-no-key", "rx-link-unknown"))
                wait_for("forged frames are counted", lambda: counted() >= FRAMES, 10, 0.1)
                expect(a.drops().get("rx-hop-tag"), "no forged frame met a hop tag")
                expect_equal(counted(), FRAMES, "frames counted")
                expect_equal([h["name"] for h in rogue.hubs()], ["x"], "hubs the stranger knows")
            finally:
                rogue.destroy()
            stream.wait_progress()
        expect_equal(stream.lost, [], "datagrams of the mesh lost")
        for hub in mesh:
            expect_equal(sorted(h["name"] for h in hub.hubs()), ["a", "b"], "hubs listed")
        expect_equal([s["session"] for s in a.json("sessions")["sessions"]],
                     [s["session"] for s in sessions], "sessions")
        expect_equal(b.refused(), 0, "b, where x cannot be heard, refused")
