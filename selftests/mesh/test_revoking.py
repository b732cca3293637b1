# SPDX-License-Identifier: GPL-2.0
"""A hub is revoked under traffic: the kernels of all others forget it.

      a --------- r --------- b       the stream is a -> b, b is revoked at a
"""

from lib.daemon import MESHCTL, PATIENT, DaemonMesh
from lib.ktap import expect, expect_equal
from lib.mesh import run, wait_for


def kernel_hubs(hub):
    """Names of the hubs its kernel has."""
    return sorted(h["name"] for h in hub.api("stats").get("hubs", []))


def kernel_links(hub):
    return [link["peer_name"] for link in hub.api("stats").get("links", [])]


def test_revoked_hub_and_its_keys_leave_every_kernel():
    with DaemonMesh("arb", ["ar", "rb"], probe=PATIENT) as mesh:
        a, r, b = mesh
        mesh.wait_whole()
        with mesh.stream("a", "b") as stream:
            stream.wait_progress()
            expect_equal((kernel_hubs(a), kernel_hubs(r)), (["b", "r"], ["a", "b"]), "before")
            run([MESHCTL, "ca", "revoke", "--dir", mesh.ca, b.id])
            a.ctl("ca", "revocations", "install", f"{mesh.ca}/root.crl")
            wait_for("both kernels forget it",
                     lambda: (kernel_hubs(a), kernel_hubs(r)) == (["r"], ["a"]), 10)
            expect_equal(kernel_links(r), ["a"], "r's links")
            expect(not b.hub("b") or "event=own-certificate-revoked" in b.log(), "b knows why")
            first, arrived = stream.sent, len(stream.got_at)
            wait_for("more is sent", lambda: stream.sent > first + 50, 20, 0.1)
            expect(len(stream.got_at) <= arrived + 1, "nothing more arrives")
        with mesh.stream("a", "r") as stream:
            stream.wait_progress()
