# SPDX-License-Identifier: GPL-2.0
"""The module comes after meshd, and goes before it: meshd ends with 69, for systemd to start it.

      a --------- b
"""

import sys

from lib.daemon import DaemonMesh
from lib.ktap import expect, expect_equal
from lib.mesh import run, wait_for

UNAVAILABLE = 69
MODULE = next((word for word in sys.argv[1:] if word.endswith(".ko")), None)


def insert():
    run(f"insmod {MODULE}")


def test_module_that_comes_late_is_noticed_and_taken_at_the_next_start():
    with DaemonMesh("ab", ["ab"]) as mesh:
        mesh.wait_whole()
        for hub in mesh:
            hub.stop()
        run("rmmod hubmesh")
        try:
            for hub in mesh:
                hub.start()
            wait_for("they run without it", lambda: all(
                "event=started" in hub.log().split("event=stopped")[-1] for hub in mesh), 20)
            codes = [w["code"] for w in mesh["a"].api("status")["warnings"]]
            expect("no_module" in codes, f"and say so: {codes}")
            # Another module's family is not ours.
            run("modprobe wireguard")
            expect_equal([hub.process.poll() for hub in mesh], [None, None], "they go on")
        finally:
            insert()
        for hub in mesh:
            expect_equal(hub.process.wait(timeout=20), UNAVAILABLE, f"{hub.name} ends for a restart")
            expect("event=datapath-came" in hub.log(), "and says why")
            hub.start()
        mesh.wait_whole()
        expect("mesh0" in mesh["a"].run("ip -o link show mesh0"), "the interface is there")


def test_module_that_goes_ends_meshd_likewise():
    with DaemonMesh("ab", ["ab"]) as mesh:
        mesh.wait_whole()
        mesh["b"].stop()
        mesh["a"].run("ip link del mesh0")
        expect_equal(mesh["a"].process.wait(timeout=20), UNAVAILABLE, "it ends")
        mesh["a"].start()
        mesh["b"].start()
        mesh.wait_whole()
