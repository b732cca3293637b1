# SPDX-License-Identifier: GPL-2.0
"""Hubs with real meshd's for the benches: the demo's, in any shape."""

import os
import shutil
import sys

from systems import run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "demo"))
import story  # noqa: E402


def make(names, edges):
    """{name: DemoHub}, wired along @edges, with identities from one root; not started."""
    shutil.rmtree(story.WORK, ignore_errors=True)
    os.makedirs(story.WORK, mode=0o700)
    run([story.MESHCTL, "ca", "init", "--mesh", "demo", "--dir", f"{story.WORK}/ca"])
    hubs = {n: story.DemoHub(n, f"{story.WORK}/ca") for n in names}
    for hub in hubs.values():
        os.makedirs(hub.dir, mode=0o700)
        run(f"ip netns add {hub.netns}")
        run(f"ip -n {hub.netns} link set lo up")
        hub.issue()
    for number, (x, y) in enumerate(edges, 1):
        story.wire(hubs, x, y, number)
    return hubs


def remove(hubs):
    """Stop the daemons, delete the namespaces."""
    for hub in hubs.values():
        hub.stop()
        run(f"ip netns del {hub.netns}", check=False)
