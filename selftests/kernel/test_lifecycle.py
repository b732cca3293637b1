# SPDX-License-Identifier: GPL-2.0
"""Things end while traffic runs: namespaces, devices, the module; nothing may leak.

      hub 1 ---- hub 2 ---- hub 3          streams 1 <-> 3 through the relay
"""

import contextlib
import errno
import os
import re
import threading

from lib import faults, requests as rq, uapi
from lib.ktap import Skip, expect, expect_equal, quick
from lib.mesh import (CHACHA, GCM, hub_ref, ip_batch, line, link_ref, netns_add, netns_del, run,
                      wait_for)
from lib.netlink import Genl, NetlinkError
from lib.traffic import Sender, Stream, expect_mesh_connected, reaches

MODULE = os.environ.get("HUBMESH_KO")


@contextlib.contextmanager
def load(mesh, a, b):
    """UDP both ways between hubs @a and @b until the end of the block."""
    a, b = mesh[a], mesh[b]
    with Stream(a, b, a.ipv4, b.ipv4, size=1200, pause=0) as there, \
            Stream(b, a, b.ula, a.ula, size=300, pause=0.001) as back:
        there.wait_progress()
        back.wait_progress()
        yield there, back


def module_is_loaded():
    return os.path.exists("/sys/module/hubmesh")


def underlay_is_gone(mesh, a, b):
    """Hub @a's veth towards @b goes when the namespace of @b is really taken down."""
    return mesh.veth(a, b) not in run(f"ip -n {mesh[a].netns} link")


@quick
def test_module_unloads_and_loads_five_times():
    for _ in range(5):
        run("rmmod hubmesh")
        expect(not module_is_loaded(), "still loaded")
        run(f"insmod {MODULE}")
        expect(module_is_loaded(), "not loaded")


@quick
def test_module_unloads_under_load_and_takes_every_device_with_it():
    for cipher in (GCM, CHACHA):
        with line(3, cipher=cipher, probe_ms=10) as mesh:
            with load(mesh, 1, 3):
                run("rmmod hubmesh")
            expect(not module_is_loaded(), "still loaded")
            shown = run(f"ip -n {mesh[1].netns} link")
            expect("mesh0" not in shown, "device left")
        run(f"insmod {MODULE}")


def test_insert_refused_twice_and_device_types_appear_and_go():
    try:
        run(f"insmod {MODULE}")
    except RuntimeError as why:
        expect("exists" in str(why), str(why))
    else:
        raise AssertionError("inserted twice")
    run("rmmod hubmesh")
    netns_del("lc1")
    netns_add("lc1")
    try:
        ip_batch("lc1", ["link add x type hubmesh"])
    except RuntimeError:
        pass
    else:
        raise AssertionError("type exists without the module")
    finally:
        run(f"insmod {MODULE}")
        netns_del("lc1")


@quick
def test_namespaces_deleted_under_load():
    """No socket of ours is in the victims, so that nothing keeps them alive."""
    for victim in (2, 3):
        with line(3, cipher=GCM if victim == 2 else CHACHA, probe_ms=10) as mesh:
            with Sender(mesh[1], mesh[1].ipv4, mesh[3].ipv4), \
                    Sender(mesh[1], mesh[1].ipv4, mesh[2].ipv4):
                mesh[victim].genl.close()
                netns_del(mesh[victim].netns)
                neighbour = 1 if victim == 2 else 2
                wait_for("namespace to go", lambda: underlay_is_gone(mesh, neighbour, victim), 20)


def test_devices_deleted_under_load():
    for victim in (1, 2, 3):
        with line(3, probe_ms=10) as mesh:
            with load(mesh, 1, 3):
                ip_batch(mesh[victim].netns, ["link del mesh0"])
                expect("mesh0" not in run(f"ip -n {mesh[victim].netns} link"), "device left")


def test_device_moves_between_namespaces_under_load():
    with line(3) as mesh:
        far, other = mesh[3], "lc2"
        netns_del(other)
        netns_add(other)
        try:
            with load(mesh, 1, 3):
                for _ in range(4):
                    ip_batch(far.netns, [f"link set {far.dev} netns {other}"])
                    ip_batch(other, [f"link set {far.dev} up",
                                     f"link set {far.dev} netns {far.netns}"])
            ip_batch(far.netns, [f"addr add {far.ipv4}/24 dev {far.dev}",
                                 f"link set {far.dev} up"])
            far.run(["sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{far.dev}/disable_ipv6"])
            ip_batch(far.netns, [f"neigh replace {mesh[1].ipv4} lladdr {mesh[1].id_text} "
                                 f"dev {far.dev} nud permanent"])
            expect(reaches(mesh[1], far, mesh[1].ipv4, far.ipv4), "not reached after the moves")
        finally:
            netns_del(other)


def rejoin(mesh, epoch):
    """Hub 2 forgets its link to hub 1 and makes it again, both ends with a key never used."""
    mesh[2].link_del(1)
    mesh[2].link_new(index=1, peer=mesh[1], remote=mesh.address(1, 2), remote_index=2, probe_ms=10)
    mesh[1].request(rq.KEY_DEL, link_ref(2))
    mesh.link_key(1, 2, epoch=epoch)
    mesh.link_key(2, 1, epoch=epoch)


def churn(mesh, stop, failures):
    """Links, keys, hubs and routes of the relay come and go."""
    epoch = 0
    while not stop.wait(0.05):
        epoch += 1
        try:
            rejoin(mesh, epoch)
            mesh[2].hub_del(mesh[1])
            mesh[2].hub_new(mesh[1])
            mesh.route()
        except Exception as error:
            failures.append(error)
            return


def test_tables_change_under_load():
    with line(3, probe_ms=10) as mesh:
        stop, failures = threading.Event(), []
        with load(mesh, 1, 3) as (there, _):
            worker = threading.Thread(target=churn, args=(mesh, stop, failures), name="churn")
            worker.start()
            try:
                for _ in range(3):
                    there.wait_progress(50, 20)
            finally:
                stop.set()
                worker.join(20)
        expect_equal(failures, [], "changes that failed")
        for hub, other in ((2, 1), (1, 2)):
            mesh.seal(hub, other, phase=1, epoch=1)
        wait_for("link up", lambda: mesh[1].link_state(2) == mesh[2].link_state(1)
                 == uapi.HUBMESH_LINK_UP)
        expect_mesh_connected(mesh)


def test_netlink_readers_and_writers_while_devices_come_and_go():
    """Dumps and changes from two threads race with link add and del."""
    netns_del("lc3")
    netns_add("lc3")
    stop, seen = threading.Event(), set()

    def reader():
        genl = Genl("lc3")
        while not stop.is_set():
            for cmd in (rq.HUB_GET, rq.LINK_GET, rq.FDB_GET, rq.ROUTE_GET):
                try:
                    genl.request(cmd, [rq.NAME], dump=True)
                except NetlinkError as why:
                    seen.add(why.errno)
        genl.close()

    def writer():
        genl = Genl("lc3")
        n = 0
        while not stop.is_set():
            n += 1
            try:
                genl.request(rq.HUB_NEW, [rq.NAME, hub_ref(b"\2\0\0" + n.to_bytes(3, "big"))])
            except NetlinkError as why:
                seen.add(why.errno)
        genl.close()

    threads = [threading.Thread(target=f, name=f.__name__) for f in (reader, writer)]
    try:
        for thread in threads:
            thread.start()
        for _ in range(15):
            ip_batch("lc3", ["link add mesh0 type hubmesh", "link set mesh0 up", "link del mesh0"])
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
        netns_del("lc3")
    expect(seen <= {errno.ENODEV}, f"unexpected errors {sorted(seen)}")


# ---- memory

def memory_kib():
    """Kernel memory that only a leak keeps: slab that cannot be reclaimed, and per-CPU."""
    for _ in range(2):
        with open("/proc/sys/vm/drop_caches", "w") as text:
            text.write("3")
    with open("/proc/meminfo") as text:
        found = dict(re.findall(r"^(\w+):\s+(\d+) kB", text.read(), flags=re.M))
    return int(found["SUnreclaim"]) + int(found["Percpu"])


def expect_memory_back(start, slack_kib):
    if os.path.exists(faults.KMEMLEAK):
        raise Skip("KASAN keeps freed memory for a while; kmemleak looks for leaks here")
    wait_for("memory to come back", lambda: memory_kib() - start < slack_kib, 15, step=0.5)


def cipher_users():
    """{driver: references} of the ciphers in use; a leaked key keeps one."""
    with open("/proc/crypto") as text:
        blocks = text.read().split("\n\n")
    users = {}
    for block in blocks:
        fields = dict(re.findall(r"^(\w+)\s*: (.*)$", block, flags=re.M))
        if fields.get("name") == "gcm(aes)":
            users[fields["driver"]] = int(fields["refcnt"])
    return users


def fill_and_empty(netns):
    """A device with hubs, links, keys, routes and an fdb; then it is deleted."""
    ip_batch(netns, ["link add mesh0 type hubmesh", "link set mesh0 up"])
    genl = Genl(netns)
    ids = [b"\2\0\0\0\0" + bytes([n]) for n in range(2, 42)]
    for n, one in enumerate(ids, 1):
        genl.request(rq.HUB_NEW, [rq.NAME, hub_ref(one)])
        genl.request(rq.LINK_NEW, [rq.NAME, rq.link(index=n, peer=one)])
        cipher = GCM if n % 8 == 0 else CHACHA
        genl.request(rq.KEY_SET, [rq.NAME, hub_ref(one), rq.key(0, cipher, 44, flags=1)])
        genl.request(rq.KEY_SET, [rq.NAME, link_ref(n), rq.key(1, cipher, 60, flags=1)])
        genl.request(rq.FDB_NEW, [rq.NAME, rq.fdb(b"\0\1\0\0\0" + bytes([n]), one)])
    genl.request(rq.ROUTE_REPLACE, [rq.NAME, rq.routes(1, rq.WHOLE, *(
        rq.route(one, n) for n, one in enumerate(ids, 1)))])
    genl.request(rq.ROUTE_REPLACE, [rq.NAME, rq.routes(2, rq.BEGIN, *(
        rq.route(one, n) for n, one in enumerate(ids, 1)))])
    genl.close()
    ip_batch(netns, ["link del mesh0"])


def test_filling_and_deleting_devices_leaks_no_memory_and_no_cipher():
    netns_del("lc4")
    netns_add("lc4")
    ip_batch("lc4", ["link set lo up"])
    try:
        for _ in range(3):
            fill_and_empty("lc4")
        ciphers, start = cipher_users(), memory_kib()
        for _ in range(8):
            fill_and_empty("lc4")
        wait_for("references on ciphers to go", lambda: cipher_users() == ciphers, 15)
        # One round holds about 2 MB: 80 keys of some 20 kB, 80 per-CPU counters.
        expect_memory_back(start, 2048)
    finally:
        netns_del("lc4")


def test_traffic_leaks_no_memory():
    with line(2) as mesh:
        def burst():
            with load(mesh, 1, 2) as (there, back):
                there.wait_progress(200, 20)
        burst()
        start = memory_kib()
        for _ in range(3):
            burst()
        expect_memory_back(start, 1024)
