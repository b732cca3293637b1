# SPDX-License-Identifier: GPL-2.0
"""Memory that is not there: every allocation of every request fails once, and those of the
data path fail below each of its functions in turn.  Whatever was refused must have changed
nothing, nothing may leak (kmemleak looks at the end of the file), and the mesh must work
afterwards.

      requests    namespace af1: mesh0, dummy0; this thread asks by itself
      data path   hub 1 ---- hub 2 ---- hub 3 (kernel), peer 2 -- hub 1 -- peer 3 (lab)

Needs scripts/vm --debug; per-CPU memory also selftests/debug/hm_fail_percpu.ko beside hubmesh.ko.
"""

import contextlib
import ctypes
import errno
import os
import random
import socket
import struct
import time

from lib import faults, requests as rq, uapi
from lib.ktap import Skip, expect, expect_equal, takes
from lib.lab import Lab
from lib.mesh import (CHACHA, GCM, hub_ref, ip_batch, line, link_ref, netns_add, netns_del, run,
                      set_sysctl, wait_for)
from lib.netlink import Genl, NetlinkError, Rtnl, as_dict, attr, inside, mac, u8, u32
from lib.traffic import expect_mesh_connected

NS = "af1"
MODULE = os.environ.get("HUBMESH_KO", "")
PERCPU_KO = os.path.join(os.path.dirname(MODULE), "hm_fail_percpu.ko")
OUT_OF_MEMORY = {errno.ENOMEM, errno.ENOBUFS, errno.ENFILE}  # the last is sock_create()'s
# What the kernel around us makes of a failing allocation: a device without a name in sysfs
# (device_add()), a module notifier that only says no.
ODD_ANSWERS = {"link add": {errno.EINVAL}, "finit_module": {errno.EPERM}}
SYS_FINIT_MODULE = 313
genl = rtnl = listener = None


def setup():
    """Nothing when the tests will only skip."""
    try:
        faults.require_injection()
    except Skip:
        return
    faults.arm()
    netns_del(NS)
    netns_add(NS)
    # no traffic of its own: tables are compared
    set_sysctl(NS, ipv6__conf__default__disable_ipv6=1)
    ip_batch(NS, ["link set lo up", "link add dummy0 type dummy", "link set dummy0 up",
                  "addr add 10.9.9.1/24 dev dummy0"])


def teardown():
    netns_del(NS)


@contextlib.contextmanager
def device():
    """mesh0 in NS, up, with a socket for requests, one for links and one that hears events."""
    global genl, rtnl, listener
    faults.require_injection()
    ip_batch(NS, ["link add mesh0 address 02:00:00:00:00:01 type hubmesh", "link set mesh0 up"])
    genl, rtnl, listener = Genl(NS), Rtnl(NS), Genl(NS)
    listener.subscribe()
    try:
        yield
    finally:
        for sock in (genl, rtnl, listener):
            sock.close()
        genl = rtnl = listener = None
        run(f"ip -n {NS} link del mesh0", check=False)


def ask(cmd, *attrs, **kw):
    return genl.request(cmd, [rq.NAME, *attrs], **kw)


def quietly(call):
    """For clearing up: what is not there need not be removed."""
    with contextlib.suppress(NetlinkError):
        call()


def tables():
    """Everything the dumps tell, but for the time an fdb entry has been idle."""
    dumps = [sorted(body for _, body in ask(cmd, dump=True))
             for cmd in (rq.HUB_GET, rq.LINK_GET, rq.ROUTE_GET)]
    stations = [as_dict(as_dict(body)[uapi.HUBMESH_A_FDB]) for _, body in ask(rq.FDB_GET, dump=True)]
    return dumps + [sorted((one[uapi.HUBMESH_A_FDB_MAC], one[uapi.HUBMESH_A_FDB_HUB])
                           for one in stations)]


def empty(sock):
    """Read what a request that was broken off may have left."""
    sock.sock.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            sock.sock.recv(1 << 17)
    sock.sock.setblocking(True)
    sock.sock.settimeout(10)


def exhaust(name, prepare, call, undo, injector, state=None, first=1, limit=3000):
    """Run @call with its first, second, ... allocation failing until none is left to fail."""
    refused = survived = 0
    for n in range(first, limit):
        prepare()
        before = state and state()
        left, error = injector.try_call(n, call)
        for sock in (genl, rtnl, listener):
            if sock:
                empty(sock)
        if isinstance(error, NetlinkError) and state:
            expect_equal(state(), before, f"{name}: tables after a refusal (allocation {n})")
        undo()
        if left:
            expect(error is None, f"{name}: fails without a failing allocation: {error!r}")
            break
        expect(error is None or error.errno in OUT_OF_MEMORY | ODD_ANSWERS.get(name, set()),
               f"{name}: allocation {n} failed, the answer was {error!r}")
        refused += error is not None
        survived += error is None
    else:
        raise AssertionError(f"{name}: still failing after {limit} allocations")
    print(f"# {name}: {refused + survived} allocations, {refused} refused, "
          f"{survived} survived", flush=True)
    return refused + survived


def nothing():
    pass


# ---- requests

SILENT = attr(uapi.HUBMESH_A_LINK_PROBE_MS, u32(0))


def hub(n):
    return mac(f"02:00:00:00:01:{n:02x}")


def fill():
    """Objects that requests need: hub 1 with link 1, keys and a route."""
    for n in (1, 2):
        ask(rq.HUB_NEW, hub_ref(hub(n)))
        ask(rq.LINK_NEW, rq.link(SILENT, index=n, peer=hub(n)))
        ask(rq.KEY_SET, link_ref(n), rq.key(0, CHACHA, 60, flags=1))
        ask(rq.KEY_SET, hub_ref(hub(n)), rq.key(0, CHACHA, 44, flags=1))
    replace(hub(1), hub(2))()


generations = 0


def replace(*ids, flags=rq.WHOLE):
    def call():
        global generations
        generations += 1
        ask(rq.ROUTE_REPLACE, rq.routes(generations, flags, *(
            rq.route(one, 1, backup=2) for one in ids)))
    return call


def many_hubs(count):
    """So that a dump takes several messages."""
    for n in range(count):
        ask(rq.HUB_NEW, hub_ref(mac(f"02:00:00:00:02:{n:02x}")))
        ask(rq.FDB_NEW, rq.fdb(mac(f"02:00:00:00:03:{n:02x}"), hub(1)))


def requests_about_tables():
    """(name, prepare, call, undo) of every request; each leaves what it found."""
    owner, link = hub_ref(hub(1)), link_ref(1)
    station = mac("00:01:02:03:04:05")
    add_third = lambda: ask(rq.HUB_NEW, hub_ref(hub(3)))
    drop_third = lambda: quietly(lambda: ask(rq.HUB_DEL, hub_ref(hub(3))))
    add_link = lambda: ask(rq.LINK_NEW, rq.link(SILENT, index=9, peer=hub(1)))
    drop_link = lambda: quietly(lambda: ask(rq.LINK_DEL, link_ref(9)))
    other = attr(uapi.HUBMESH_A_LINK_REMOTE4, bytes((10, 9, 9, 7)))
    same = attr(uapi.HUBMESH_A_LINK_REMOTE4, bytes((127, 0, 0, 1)))
    add_fdb = lambda: ask(rq.FDB_NEW, rq.fdb(station, hub(1)))
    drop_fdb = lambda: quietly(lambda: ask(rq.FDB_DEL, rq.fdb(station)))
    yield "HUB_NEW", nothing, add_third, drop_third
    yield "HUB_DEL", add_third, lambda: ask(rq.HUB_DEL, hub_ref(hub(3))), drop_third
    yield "HUB_GET", nothing, lambda: ask(rq.HUB_GET, owner), nothing
    yield "LINK_NEW with index", nothing, add_link, drop_link
    yield ("LINK_NEW without index", nothing,
           lambda: ask(rq.LINK_NEW, rq.link(SILENT, index=None, peer=hub(1))),
           lambda: [quietly(lambda: ask(rq.LINK_DEL, link_ref(n))) for n in (3, 4)])
    yield "LINK_SET remote", nothing, lambda: ask(rq.LINK_SET, rq.link_set(other, index=1)), \
        lambda: ask(rq.LINK_SET, rq.link_set(same, index=1))
    yield "LINK_DEL", add_link, lambda: ask(rq.LINK_DEL, link_ref(9)), drop_link
    yield "LINK_GET", nothing, lambda: ask(rq.LINK_GET, link), nothing
    for who, where, length in (("hub", owner, 44), ("link", link, 60)):
        for cipher, what in ((GCM, "AES-GCM"), (CHACHA, "ChaCha20")):
            set_key = lambda where=where, cipher=cipher, length=length: ask(
                rq.KEY_SET, where, rq.key(1, cipher, length))
            drop_key = lambda where=where: quietly(
                lambda: ask(rq.KEY_DEL, where, rq.phase_of(1)))
            yield f"KEY_SET {who} {what}", nothing, set_key, drop_key
        yield (f"KEY_USE {who}", set_key, lambda where=where: ask(
            rq.KEY_USE, where, rq.phase_of(1)),
            lambda where=where: (ask(rq.KEY_USE, where, rq.phase_of(0)),
                                 ask(rq.KEY_DEL, where, rq.phase_of(1))))
        yield f"KEY_DEL {who}", set_key, lambda where=where: ask(
            rq.KEY_DEL, where, rq.phase_of(1)), drop_key
    yield "ROUTE_REPLACE whole", replace(hub(1), hub(2)), replace(hub(1)), replace(hub(1), hub(2))
    yield "ROUTE_REPLACE begun", nothing, replace(hub(1), flags=rq.BEGIN), replace(hub(1), hub(2))
    yield "FDB_NEW", nothing, add_fdb, drop_fdb
    yield "FDB_DEL", add_fdb, lambda: ask(rq.FDB_DEL, rq.fdb(station)), drop_fdb
    yield "FDB_FLUSH", add_fdb, lambda: ask(rq.FDB_FLUSH), drop_fdb
    yield "DEV_GET", nothing, lambda: ask(rq.DEV_GET), nothing
    yield "DEV_SET ttl", nothing, lambda: ask(rq.DEV_SET, rq.device_nest(
        attr(uapi.HUBMESH_A_DEVICE_TTL, u8(9)))), nothing


def exhaust_requests(injector, only=None):
    """Allocations that failed, by name of request."""
    found = {}
    for name, prepare, call, undo in requests_about_tables():
        if only and not name.startswith(only):
            continue
        found[name] = exhaust(name, prepare, call, undo, injector, state=tables)
    return found


@contextlib.contextmanager
def injecting(kind):
    injector = kind()
    try:
        yield injector
    finally:
        injector.close()


@takes(600)
def test_every_request_about_tables_survives_every_failing_allocation():
    with device(), injecting(faults.Nth) as injector:
        fill()
        found = exhaust_requests(injector)
    expect(found["LINK_NEW with index"] >= 6 and found["KEY_SET hub AES-GCM"] >= 6,
           f"hardly an allocation failed: {found}")


@takes(300)
def test_every_dump_survives_every_failing_allocation():
    with device(), injecting(faults.Nth) as injector:
        fill()
        many_hubs(60)
        for name, cmd in (("HUB_GET", rq.HUB_GET), ("LINK_GET", rq.LINK_GET),
                          ("FDB_GET", rq.FDB_GET), ("ROUTE_GET", rq.ROUTE_GET)):
            exhaust(f"{name} dump", nothing, lambda cmd=cmd: ask(cmd, dump=True), nothing, injector)


# ---- devices

UP, CREATE = 1, 0x600


def link_message(index=0, flags=0, change=0, *attrs):
    return struct.pack("=BxHiII", 0, 0, index, flags, change) + b"".join(attrs)


def link_index(name):
    with inside(NS):
        return socket.if_nametoindex(name)


def new_device(name=b"mesh1\0"):
    rtnl.ask(Rtnl.NEWLINK, link_message(0, 0, 0, attr(3, name),
                                        attr(18, [attr(1, b"hubmesh\0")])), CREATE)


def drop_device(name="mesh1"):
    """By hand: a process takes a second here, and this is done some thousand times."""
    with contextlib.suppress(OSError):
        rtnl.ask(Rtnl.DELLINK, link_message(link_index(name)))


def set_device(flags, change=UP):
    rtnl.ask(Rtnl.NEWLINK, link_message(link_index("mesh0"), flags, change))


def requests_about_devices():
    down = lambda: ip_batch(NS, ["link set mesh0 down"])
    up = lambda: ip_batch(NS, ["link set mesh0 up"])
    yield "link up", down, lambda: set_device(UP), up
    yield "link down", up, lambda: set_device(0), up
    yield "link mtu", nothing, lambda: rtnl.ask(Rtnl.NEWLINK, link_message(
        link_index("mesh0"), 0, 0, attr(4, u32(1300)))), nothing
    yield "DEV_SET port", up, lambda: ask(rq.DEV_SET, rq.device_nest(
        attr(uapi.HUBMESH_A_DEVICE_PORT, struct.pack("=H", 5000 + random.randrange(1000))))), up
    yield "link add", drop_device, new_device, drop_device
    yield "link del", lambda: (drop_device(), new_device()), lambda: rtnl.ask(
        Rtnl.DELLINK, link_message(link_index("mesh1"))), drop_device
    # Not a move to another namespace: the kernel's __dev_change_net_namespace() WARNs when memory
    # for a new name in sysfs is missing, whatever the device.


@takes(900)
def test_devices_come_change_and_go_whatever_allocation_fails():
    with device(), injecting(faults.Nth) as injector:
        for name, prepare, call, undo in requests_about_devices():
            exhaust(name, prepare, call, undo, injector)
        ask(rq.DEV_GET)


# ---- per-CPU memory

@takes(300)
def test_requests_survive_failing_per_cpu_allocations():
    faults.require_injection()
    if not os.path.exists(PERCPU_KO):
        raise Skip(f"no {PERCPU_KO} (selftests/debug/run builds it)")
    run(f"insmod {PERCPU_KO}")
    try:
        with device(), injecting(faults.NthPercpu) as injector:
            fill()
            found = exhaust_requests(injector, ("HUB_NEW", "LINK_NEW"))
            found["link add"] = exhaust("link add", drop_device, new_device, drop_device, injector)
        wanted = {"HUB_NEW": 1, "LINK_NEW with index": 2, "LINK_NEW without index": 2}
        for name, least in wanted.items():
            expect(found[name] >= least, f"{name}: only {found[name]} allocations failed")
        expect(found["link add"] >= 4, f"link add: only {found['link add']} allocations failed")
    finally:
        run("rmmod hm_fail_percpu")


# ---- the module

def finit_module(fd):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(SYS_FINIT_MODULE, fd, b"", 0):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@takes(900)
def test_module_inserts_or_is_refused_whatever_allocation_fails():
    """From the first allocation of the module's own init on: the loader's are not ours."""
    faults.require_injection()
    run("rmmod hubmesh")
    fd = os.open(MODULE, os.O_RDONLY)
    gone = lambda: run("rmmod hubmesh", check=False)
    try:
        with injecting(faults.Nth) as injector:
            left, error = injector.try_call(faults.FAR, lambda: finit_module(fd))
            expect(error is None, f"does not load: {error!r}")
            total = faults.FAR - left
            gone()
            print(f"# {total} allocations to load the module", flush=True)
            exhaust("finit_module", nothing, lambda: finit_module(fd), gone, injector,
                    first=max(1, total - 250))
    finally:
        os.close(fd)
        if not os.path.exists("/sys/module/hubmesh"):
            run(f"insmod {MODULE}")


# ---- data path

def ethernet(dst, src, kind, payload):
    return dst + src + struct.pack(">H", kind) + payload


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(src, dst, protocol, payload, number=1):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, 0x4000, 64, protocol,
                       0, socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def udp(sport, dport, payload):
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def tcp_super(src, dst, size):
    """(virtio_net_hdr, IPv4 packet) of one TCP super-frame, its checksum left to the device."""
    segment = struct.pack(">HHIIBBHHH", 7001, 7002, 1, 1, 0x50, 0x10, 500, 0, 0) + bytes(size)
    pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack(">BBH", 0, 6, len(segment))
    start = checksum(pseudo) ^ 0xFFFF
    segment = segment[:16] + struct.pack(">H", start) + segment[18:]
    # NEEDS_CSUM, GSO_TCPV4, header length, segment size, checksum start and offset
    return (struct.pack("=BBHHHH", 1, 1, 14 + 20 + 20, 1000, 14 + 20, 16),
            ipv4(src, dst, 6, segment))


class PacketSocket:
    """Frames of any kind out of an interface; with @vnet, super-frames."""

    def __init__(self, netns, device, kind=0, vnet=False):
        with inside(netns):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        if vnet:
            self.sock.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
        self.sock.bind((device, kind))
        self.sock.setblocking(False)

    def send(self, raw):
        with contextlib.suppress(OSError):  # no memory, or full: what this is about
            self.sock.send(raw)

    def drain(self):
        with contextlib.suppress(OSError):
            while True:
                self.sock.recv(1)

    def close(self):
        self.sock.close()


class Load:
    """Some of everything that passes through hubmesh, in short bursts."""

    def __init__(self, mesh, lab):
        self.mesh, self.lab = mesh, lab
        self.rng = random.Random(1)
        one, three = mesh[1], mesh[3]
        self.mesh_out = PacketSocket(one.netns, one.dev)
        self.supers = PacketSocket(one.netns, one.dev, vnet=True)
        self.back = PacketSocket(three.netns, three.dev)
        # a socket that hears the underlay makes every packet shared: receive must copy
        self.snoop = PacketSocket(mesh[2].netns, "to1", 3)
        with inside(one.netns):
            self.ping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ping.setblocking(False)
        self.listeners = [Genl(h.netns) for h in (mesh[1], mesh[2], lab.hub)]
        for listener in self.listeners:
            listener.subscribe()
        self.pool = [lab[2].build() for _ in range(40)] + [
            lab[2].build(b"relay", dst=lab[3].id) for _ in range(10)]

    def close(self):
        for one in (self.mesh_out, self.supers, self.back, self.snoop, self.ping, *self.listeners):
            one.close()

    def through_mesh(self):
        one, three, stranger = self.mesh[1], self.mesh[3], mac("02:68:75:62:00:77")
        header, packet = tcp_super(one.ipv4, three.ipv4, 20000)
        for _ in range(3):
            self.supers.send(header + ethernet(three.id, one.id, 0x800, packet))
        for n in range(60):     # on each other's heels, so that they leave as a train
            self.mesh_out.send(ethernet(three.id, one.id, 0x800, ipv4(
                one.ipv4, three.ipv4, 17, udp(5000, 9, bytes(200)), n)))
        for n in range(10):
            self.mesh_out.send(ethernet(three.id, one.id, 0x88B5, bytes(self.rng.randrange(46, 1300))))
            self.back.send(ethernet(one.id, three.id, 0x88B5, bytes(100)))
        self.mesh_out.send(ethernet(b"\xff" * 6, one.id, 0x88B5, bytes(60)))
        self.mesh_out.send(ethernet(stranger, one.id, 0x88B5, bytes(60)))
        # behind a bridge: addresses to learn
        station = b"\0\1\2" + self.rng.randbytes(3)
        self.mesh_out.send(ethernet(three.id, station, 0x88B5, bytes(60)))
        with contextlib.suppress(OSError):
            self.ping.sendto(bytes(3000), (three.ipv4, 9))

    def through_lab(self):
        lab, peer = self.lab, self.lab[2]
        with contextlib.suppress(OSError):
            for _ in range(3):
                peer.send(peer.build(peer.inner()))
                peer.send(peer.build(b"relay", dst=lab[3].id))
            same = [peer.build(plain=bytes(2) + peer.inner().ljust(60, b"\0"),
                               dst=(lab.hub.id, lab[3].id)[n % 2], flow=n % 3) for n in range(6)]
            peer.send_super(same)
            peer.send_super([peer.build(plain=bytes(2) + peer.inner().ljust(60, b"\0"))
                             for _ in range(6)])
            peer.send(peer.build_probe())
            lab.transmit(ethernet(lab[2].id, lab.hub.id, 0x88B5, bytes(80)))
        lab.drain()

    def burst(self):
        self.snoop.drain()  # full, it would share nothing
        self.through_mesh()
        self.through_lab()
        time.sleep(0.15)    # softirqs, timers and trains


def find_failing(load, functions, found):
    """Halve a run of functions until each that allocates stands alone."""
    with faults.Below(functions[0][1], functions[-1][2], percent=100) as below:
        load.burst()
    if not below.failed:
        return
    if len(functions) == 1:
        # what comes after an allocation that fails shows only when some do not
        with faults.Below(*functions[0][1:], percent=50) as half:
            load.burst()
        found[functions[0][0]] = below.failed + half.failed
        return
    middle = len(functions) // 2
    find_failing(load, functions[:middle], found)
    find_failing(load, functions[middle:], found)


def no_memory_drops(*hubs):
    return sum(one.drops().get("no-memory", 0) for one in hubs)


@contextlib.contextmanager
def all_paths(cipher):
    with line(3, cipher=cipher, probe_ms=50) as mesh, Lab(prefix="aflab") as lab:
        lab.join_received()
        load = Load(mesh, lab)
        try:
            yield mesh, lab, load
        finally:
            load.close()


def exhaust_data_path(cipher, wanted):
    faults.require_injection()
    with all_paths(cipher) as (mesh, lab, load):
        expect_mesh_connected(mesh)
        load.burst()
        hubs = [*mesh.hubs.values(), lab.hub]
        before, found = no_memory_drops(*hubs), {}
        find_failing(load, faults.functions("hubmesh"), found)
        print(f"# {sum(found.values())} allocations failed below {len(found)} functions: "
              + ", ".join(f"{name} {n}" for name, n in sorted(found.items())), flush=True)
        expect(no_memory_drops(*hubs) > before, "no frame was dropped for want of memory")
        there = {name for name, _, _ in faults.functions("hubmesh")}
        missing = [name for name in wanted if name in there and name not in found]
        expect(not missing, f"no allocation failed below {missing}: {sorted(found)}")
        wait_for("links to recover", lambda: all(
            mesh[a].link_state(b) == uapi.HUBMESH_LINK_UP for x, y in mesh.edges
            for a, b in ((x, y), (y, x))))
        expect_mesh_connected(mesh)
        lab.drain()
        lab[2].send(lab[2].build(lab[2].inner(b"after")))
        expect_equal(lab.delivered(), lab[2].inner(b"after"), "frame after the failures")


# Functions that allocate, or their callers where the compiler has put them; a build with
# -fno-inline-functions-called-once -fno-inline-small-functions (make check-debug) has all.
COMMON = ("copy_inner", "super_new", "split", "hm_join_add", "send_probe", "entry_insert",
          "event_begin", "batch_new", "own_memory", "inner_skb", "hm_carrier_xmit")


@takes(900)
def test_chacha20_data_path_survives_failing_allocations():
    exhaust_data_path(CHACHA, COMMON)


@takes(900)
def test_aes_gcm_data_path_survives_failing_allocations():
    exhaust_data_path(GCM, COMMON)
