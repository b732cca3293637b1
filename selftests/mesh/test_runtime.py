# SPDX-License-Identifier: GPL-2.0
"""Programs under cgroup v2: limits of all a program's processes together, and OCI bundles.

What needs no cgroup is in selftests/net/test_runtime.
"""

import contextlib
import json
import os
import shutil
import subprocess

from lib.daemon import DaemonMesh, MESHCTL, MESHD
from lib.ktap import Skip, expect, expect_equal
from lib.mesh import run, wait_for

HOG = "import time\nx = []\nwhile True:\n x.append(bytearray(1 << 20))\n"
BUSYBOX = "/bin/busybox"


@contextlib.contextmanager
def hub(**runtime):
    """One hub whose meshd sees the machine's cgroups: `ip netns exec` would hide them."""
    with DaemonMesh("a", start=False, runtime={"users": ["nobody"], **runtime}) as mesh:
        one = mesh["a"]
        os.chmod(mesh.work, 0o755)
        with open(f"{one.dir}/log", "ab") as log:
            one.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{one.netns}", MESHD, "-c", one.conf], stdout=log,
                stderr=log, stdin=subprocess.DEVNULL)
        wait_for("a answers", one.hubs, 20)
        yield one


def add(one, name, argv=None, **keys):
    settings = {"name": name, "version": "1.0.0", "protocol": "udp", "endpoints": ["127.0.0.1:9"],
                "run": {**({"argv": argv} if argv else {}), **keys}}
    path = f"{one.dir}/in.yaml"
    with open(path, "w", encoding="utf-8") as out:
        out.write("".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items()))
    run([MESHCTL, "-s", one.socket, "service", "add", path])


def program(one, name):
    files = one.json("service", "list").get("files", [])
    return next((f["program"] for f in files if f["name"] == name and f["program"]), {})


def log_of(one, name):
    return [line["text"] for line in one.json("service", "logs", name).get("lines", [])]


def groups(one, name):
    base = f"/sys/fs/cgroup/hubmesh-{one.process.pid}"
    return [f"{base}/{d}" for d in os.listdir(base) if d.startswith(f"{name}-")] \
        if os.path.isdir(base) else []


def read(path):
    with open(path, encoding="utf-8") as text:
        return text.read().strip()


def test_each_program_has_a_group_with_its_limits_and_it_goes_with_it():
    with hub() as one:
        add(one, "quiet", ["/bin/sleep", "1000"], memory_mib=64, pids=20, cpu_milli=500)
        wait_for("it runs", lambda: program(one, "quiet").get("state") == "running", 20)
        (group,) = groups(one, "quiet")
        expect_equal([read(f"{group}/memory.max"), read(f"{group}/pids.max"),
                      read(f"{group}/cpu.max")], [str(64 << 20), "21", "50000 100000"], "limits")
        expect_equal(len(read(f"{group}/cgroup.procs").splitlines()), 2, "shim and program")
        one.ctl("service", "stop", "quiet")
        wait_for("its group is gone", lambda: not groups(one, "quiet"), 20)
        one.stop()
        base = f"/sys/fs/cgroup/hubmesh-{one.process.pid}"
        try:
            wait_for("and so is meshd's", lambda: not os.path.isdir(base), 20)
        except TimeoutError:
            left = run(["find", base, "-name", "cgroup.procs", "-print", "-exec", "cat", "{}", ";"])
            raise AssertionError(f"left: {left}") from None


def test_memory_hog_is_ended_as_a_whole_and_others_are_unharmed():
    with hub() as one:
        add(one, "quiet", ["/bin/sleep", "1000"])
        wait_for("it runs", lambda: program(one, "quiet").get("state") == "running", 20)
        before = program(one, "quiet")["pid"]
        add(one, "hog", ["/usr/bin/python3", "-c", HOG], memory_mib=64, restarts=1)
        wait_for("it is ended", lambda: program(one, "hog").get("last_end") == "out of memory", 60)
        expect_equal(program(one, "quiet")["pid"], before, "the other one runs on")


def test_fork_bomb_is_bounded_whoever_it_is():
    with hub(users=["nobody", "root"]) as one:
        add(one, "bomb", ["/bin/sh", "-c", "f() { f | f & }; f; sleep 1000"], pids=30, user="root")
        wait_for("it is at its bound", lambda: any(
            "max " in row and row != "max 0" for g in groups(one, "bomb")
            for row in read(f"{g}/pids.events").splitlines()), 30)
        one.ctl("service", "stop", "bomb")
        wait_for("none of it is left", lambda: not groups(one, "bomb"), 30)


def test_bundle_runs_in_a_container_of_crun():
    if not os.path.exists("/usr/bin/crun") or not os.path.exists(BUSYBOX):
        raise Skip("crun or busybox is not installed (scripts/deps)")
    with hub(bundles="/tmp/bundles") as one:
        bundle = "/tmp/bundles/box"
        os.makedirs(f"{bundle}/rootfs/bin")
        shutil.copy(BUSYBOX, f"{bundle}/rootfs/bin/sh")
        run(["crun", "spec"], cwd=bundle)
        with open(f"{bundle}/config.json", encoding="utf-8") as text:
            config = json.load(text)
        config["process"].update(terminal=False, args=["/bin/sh", "-c", "echo hello from $$; "
                                                       "while :; do sleep 1; done"])
        with open(f"{bundle}/config.json", "w", encoding="utf-8") as out:
            json.dump(config, out)
        add(one, "box", bundle=bundle)
        try:
            wait_for("it speaks", lambda: any("hello from 1" in row for row in log_of(one, "box")), 30)
        finally:
            print("".join(f"# {row}\n" for row in log_of(one, "box")), end="")
        one.ctl("service", "stop", "box")
        wait_for("it is stopped", lambda: program(one, "box").get("state") == "stopped", 30)
        add(one, "out", bundle="/tmp/bundles/../elsewhere", restarts=1)
        wait_for("one elsewhere is refused", lambda: "runtime.bundles" in
                 program(one, "out").get("last_end", ""), 20)
