# SPDX-License-Identifier: GPL-2.0
"""Topologies of hubs in network namespaces, with static keys: what meshd would set
up, done by hand so that the kernel can be tested and measured alone."""

import ctypes
import hashlib
import os
import subprocess
import threading
import time

from . import uapi
from .netlink import CLONE_NEWNET, Genl, attr, inside, libc, mac, number, parse, as_dict, u8, u16, u32, u64
from .pace import scaled

GCM = uapi.HUBMESH_CIPHER_AES_256_GCM
CHACHA = uapi.HUBMESH_CIPHER_CHACHA20_POLY1305


# Seconds a command may take.  None where the clock leaps (scripts/vm --deterministic):
# there scripts/vm ends a run that hangs.
run_timeout_s = scaled(60)


def run(command, check=True, timeout=0, **kw):
    """Run a shell-free command line; returns stdout."""
    timeout = timeout or run_timeout_s
    words = command.split() if isinstance(command, str) else command
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, **kw)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def ip_batch(netns, rows):
    """Run lines of `ip` in one process; raises if any fails."""
    words = ["ip"] + (["-n", netns] if netns else []) + ["-batch", "-"]
    done = subprocess.run(words, input="\n".join(rows) + "\n", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"ip -n {netns} -batch: {rows}: {done.stdout.strip()}")
    return done.stdout


NETNS_DIR = "/run/netns"
MS_BIND, MNT_DETACH = 4096, 2


def netns_add(name):
    """What `ip netns add` does, without a process."""
    os.makedirs(NETNS_DIR, exist_ok=True)
    path = f"{NETNS_DIR}/{name}"
    open(path, "x").close()
    failure = []

    def make():
        if libc.unshare(CLONE_NEWNET) or libc.mount(
                b"/proc/thread-self/ns/net", path.encode(), b"none", MS_BIND, None):
            failure.append(os.strerror(ctypes.get_errno()))

    thread = threading.Thread(target=make, name="netns add")
    thread.start()
    thread.join()
    if failure:
        os.unlink(path)
        raise OSError(f"netns add {name}: {failure[0]}")


def netns_del(name):
    """Delete a namespace if it is there."""
    path = f"{NETNS_DIR}/{name}"
    if os.path.exists(path):
        libc.umount2(path.encode(), MNT_DETACH)
        os.unlink(path)


def set_sysctl(netns, **values):
    """Set net.* sysctls of a namespace; __ stands for /."""
    with inside(netns):
        for name, value in values.items():
            with open("/proc/sys/net/" + name.replace("__", "/"), "w") as f:
                f.write(str(value))


def insert_module(path):
    """insmod, after what the module depends on and the ciphers it likes best."""
    depends = run(f"modinfo -F depends {path}").strip().replace(",", " ")
    run(f"modprobe -q -a {depends} aesni_intel gcm ctr", check=False)
    run(f"insmod {path}")


def wait_for(what, condition, seconds=10.0, step=0.02):
    """Wait until condition() is true and return its value; raise after the deadline."""
    deadline = time.monotonic() + scaled(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {scaled(seconds)} s for: {what}")
        time.sleep(step)


def material(*words):
    """60 bytes of key material, the same for the same words on both ends."""
    return hashlib.sha512("/".join(map(str, words)).encode()).digest()[:60]


class Hub:
    """One hub: a namespace with a mesh interface in it."""

    def __init__(self, mesh, number_):
        self.mesh, self.number = mesh, number_
        self.netns = f"{mesh.prefix}{number_}"
        self.id_text = f"02:68:75:62:00:{number_:02x}"
        self.id = mac(self.id_text)
        self.ula = f"fd68:6d00::{number_:x}"
        self.ipv4 = f"10.77.0.{number_}"
        self.dev = mesh.ifname
        self.genl = None
        self.quiet = False

    def run(self, command, **kw):
        words = command.split() if isinstance(command, str) else command
        return run(["ip", "netns", "exec", self.netns] + words, **kw)

    def popen(self, command, **kw):
        words = command.split() if isinstance(command, str) else command
        return subprocess.Popen(["ip", "netns", "exec", self.netns] + words, **kw)

    def create(self, mtu=None, quiet=False):
        """@quiet: no IPv6, so that the interface sends nothing of its own."""
        self.quiet = quiet
        netns_add(self.netns)
        conf = "ipv6__conf__default__"
        set_sysctl(self.netns, **{conf + "accept_dad": 0, conf + "accept_ra": 0,
                                  conf + "router_solicitations": 0,
                                  conf + "disable_ipv6": int(quiet)})
        rows = ["link set lo up",
                f"link add {self.dev} {f'mtu {mtu} ' if mtu else ''}address {self.id_text} "
                "type hubmesh",
                f"addr add {self.ipv4}/24 dev {self.dev}"]
        if not quiet:
            rows.append(f"addr add {self.ula}/64 dev {self.dev} nodad")
        ip_batch(self.netns, rows + [f"link set {self.dev} up"])
        self.genl = Genl(self.netns)

    def name(self):
        return attr(uapi.HUBMESH_A_IFNAME, self.dev.encode() + b"\0")

    def request(self, cmd, *attrs, **kw):
        return self.genl.request(cmd, [self.name(), *attrs], **kw)

    # tables

    def device_set(self, *fields):
        self.request(uapi.HUBMESH_CMD_DEV_SET, attr(uapi.HUBMESH_A_DEVICE, list(fields)))

    def link_new(self, index, peer, remote, remote_index, port=None, oif=0, probe_ms=0, misses=3):
        """@remote: IPv4, IPv6 or Ethernet address; the last needs @oif."""
        import ipaddress
        if remote.count(":") == 5 and "::" not in remote and len(remote) == 17:
            where = attr(uapi.HUBMESH_A_LINK_REMOTE_LLADDR, mac(remote))
        else:
            address = ipaddress.ip_address(remote)
            where = attr(uapi.HUBMESH_A_LINK_REMOTE4 if address.version == 4 else
                         uapi.HUBMESH_A_LINK_REMOTE6, address.packed)
        fields = [attr(uapi.HUBMESH_A_LINK_INDEX, u32(index)),
                  attr(uapi.HUBMESH_A_LINK_PEER, peer.id),
                  attr(uapi.HUBMESH_A_LINK_REMOTE_INDEX, u32(remote_index)), where,
                  attr(uapi.HUBMESH_A_LINK_REMOTE_PORT, u16(port or uapi.HM_PORT_DATA)),
                  attr(uapi.HUBMESH_A_LINK_PROBE_MS, u32(probe_ms)),
                  attr(uapi.HUBMESH_A_LINK_PROBE_MISSES, u32(misses))]
        if oif:
            fields.append(attr(uapi.HUBMESH_A_LINK_OIF, u32(oif)))
        self.request(uapi.HUBMESH_CMD_LINK_NEW, attr(uapi.HUBMESH_A_LINK, fields))

    def link_del(self, index):
        self.request(uapi.HUBMESH_CMD_LINK_DEL, link_ref(index))

    def hub_new(self, other):
        self.request(uapi.HUBMESH_CMD_HUB_NEW, hub_ref(other.id))

    def neighbours(self, others):
        """Permanent neighbour entries: tests need no address resolution unless they want it."""
        ip_batch(self.netns, [f"neigh replace {address} lladdr {other.id_text} dev {self.dev} "
                              "nud permanent" for other in others
                              for address in ((other.ipv4,) if self.quiet else
                                              (other.ula, other.ipv4))])

    def hub_del(self, other):
        self.request(uapi.HUBMESH_CMD_HUB_DEL, hub_ref(other.id))

    def key_set(self, owner, phase, cipher, rx, tx, use=True):
        self.request(uapi.HUBMESH_CMD_KEY_SET, owner, attr(uapi.HUBMESH_A_KEY, [
            attr(uapi.HUBMESH_A_KEY_PHASE, u8(phase)), attr(uapi.HUBMESH_A_KEY_CIPHER, u32(cipher)),
            attr(uapi.HUBMESH_A_KEY_RX, rx), attr(uapi.HUBMESH_A_KEY_TX, tx),
            attr(uapi.HUBMESH_A_KEY_FLAGS, u32(uapi.HUBMESH_KEY_F_USE if use else 0))]))

    def key_use(self, owner, phase):
        self.request(uapi.HUBMESH_CMD_KEY_USE, owner,
                     attr(uapi.HUBMESH_A_KEY, [attr(uapi.HUBMESH_A_KEY_PHASE, u8(phase))]))

    def key_del(self, owner, phase):
        self.request(uapi.HUBMESH_CMD_KEY_DEL, owner,
                     attr(uapi.HUBMESH_A_KEY, [attr(uapi.HUBMESH_A_KEY_PHASE, u8(phase))]))

    def routes(self, routes, generation, frame_max=0, trees=()):
        """routes: {hub: link index, or (via list, backup)}; one whole transaction.

        A third entry behind the backup is the hub where its tunnel ends.
        @trees: attributes made by lib.trees.
        """
        nests = list(trees)
        for other, how in routes.items():
            via, backup, *end = how if isinstance(how, tuple) else ([how], 0)
            body = [attr(uapi.HUBMESH_A_ROUTE_HUB, other.id)]
            body += [attr(uapi.HUBMESH_A_ROUTE_NEXTHOP, [
                attr(uapi.HUBMESH_A_NEXTHOP_LINK, u32(index)),
                attr(uapi.HUBMESH_A_NEXTHOP_WEIGHT, u8(1))]) for index in via]
            if backup:
                body.append(attr(uapi.HUBMESH_A_ROUTE_BACKUP, [
                    attr(uapi.HUBMESH_A_NEXTHOP_LINK, u32(backup)),
                    *(attr(uapi.HUBMESH_A_NEXTHOP_TUNNEL, hub.id) for hub in end)]))
            if frame_max:
                body.append(attr(uapi.HUBMESH_A_ROUTE_FRAME_MAX, u32(frame_max)))
            nests.append(attr(uapi.HUBMESH_A_ROUTES_ROUTE, body))
        flags = uapi.HUBMESH_ROUTES_F_BEGIN | uapi.HUBMESH_ROUTES_F_COMMIT
        self.request(uapi.HUBMESH_CMD_ROUTE_REPLACE, attr(uapi.HUBMESH_A_ROUTES, [
            attr(uapi.HUBMESH_A_ROUTES_GENERATION, u64(generation)),
            attr(uapi.HUBMESH_A_ROUTES_FLAGS, u32(flags)), *nests]))

    # queues

    def link_set(self, index, *fields):
        self.request(uapi.HUBMESH_CMD_LINK_SET, attr(uapi.HUBMESH_A_LINK, [
            attr(uapi.HUBMESH_A_LINK_INDEX, u32(index)), *fields]))

    def link_rate(self, index, bytes_per_s):
        self.link_set(index, attr(uapi.HUBMESH_A_LINK_RATE, u64(bytes_per_s)))

    def qos_set(self, index, classes=None, strict_share=None):
        """@classes: {number: {setting: value}}, named as in enum hubmesh_class_attr."""
        fields = [] if strict_share is None else [
            attr(uapi.HUBMESH_A_QOS_STRICT_SHARE, u8(strict_share))]
        for number_, settings in (classes or {}).items():
            fields.append(attr(uapi.HUBMESH_A_QOS_CLASS, [
                attr(uapi.HUBMESH_A_CLASS_NUMBER, u8(number_)),
                *(attr(getattr(uapi, f"HUBMESH_A_CLASS_{name.upper()}"),
                       u8(value) if name == "weight" else u32(value))
                  for name, value in settings.items())]))
        self.request(uapi.HUBMESH_CMD_QOS_SET, link_ref(index), attr(uapi.HUBMESH_A_QOS, fields))

    def qos(self, index):
        """{class: {name: number}} of a link's queue, names as weight, sent_bytes, ..."""
        reply = self.request(uapi.HUBMESH_CMD_QOS_GET, link_ref(index))
        return class_reports(reply[0][1])

    def rules_replace(self, *rules):
        """@rules: lists of attributes HUBMESH_A_RULE_*."""
        self.request(uapi.HUBMESH_CMD_RULE_REPLACE, attr(uapi.HUBMESH_A_RULES, [
            attr(uapi.HUBMESH_A_RULES_RULE, rule) for rule in rules]))

    # reading

    def device(self):
        reply = self.request(uapi.HUBMESH_CMD_DEV_GET)
        return as_dict(as_dict(reply[0][1])[uapi.HUBMESH_A_DEVICE])

    def drops(self):
        """{reason name: count}, zero counts left out."""
        raw = self.device()[uapi.HUBMESH_A_DEVICE_DROPS]
        return {uapi.DROP_NAMES[kind]: number(value) for kind, value in parse(raw)
                if kind in uapi.DROP_NAMES and number(value)}

    def hubs_known(self):
        """{hub id: attributes} of the hub table."""
        found = {}
        for _, body in self.request(uapi.HUBMESH_CMD_HUB_GET, dump=True):
            other = as_dict(as_dict(body)[uapi.HUBMESH_A_HUB])
            found[other[uapi.HUBMESH_A_HUB_ID]] = other
        return found

    def fdb(self):
        """{MAC: (hub id, flags)}"""
        found = {}
        for _, body in self.request(uapi.HUBMESH_CMD_FDB_GET, dump=True):
            entry = as_dict(as_dict(body)[uapi.HUBMESH_A_FDB])
            flags = number(entry.get(uapi.HUBMESH_A_FDB_FLAGS, b""))
            found[entry[uapi.HUBMESH_A_FDB_MAC]] = entry[uapi.HUBMESH_A_FDB_HUB], flags
        return found

    def links(self):
        found = {}
        for _, body in self.request(uapi.HUBMESH_CMD_LINK_GET, dump=True):
            link = as_dict(as_dict(body)[uapi.HUBMESH_A_LINK])
            found[number(link[uapi.HUBMESH_A_LINK_INDEX])] = link
        return found

    def link_state(self, index):
        return number(self.links()[index][uapi.HUBMESH_A_LINK_STATE])


def device(netns, name):
    """What `ip link` knows of an interface."""
    import json
    return json.loads(run(f"ip -n {netns} -j link show {name}"))[0]


CLASS_NAMES = {getattr(uapi, name): name[len("HUBMESH_A_CLASS_"):].lower() for name in vars(uapi)
               if name.startswith("HUBMESH_A_CLASS_")
               and not name.endswith(("_UNSPEC", "_PAD", "_MAX"))}


def class_reports(body):
    """{class: {name: number}} of a QOS_GET message."""
    found = {}
    for kind, nest in parse(as_dict(body)[uapi.HUBMESH_A_QOS]):
        if kind == uapi.HUBMESH_A_QOS_CLASS:
            fields = {CLASS_NAMES[k]: number(v) for k, v in parse(nest) if k in CLASS_NAMES}
            found[fields.pop("number")] = fields
    return found


def link_ref(index):
    return attr(uapi.HUBMESH_A_LINK, [attr(uapi.HUBMESH_A_LINK_INDEX, u32(index))])


def hub_ref(hub_id):
    return attr(uapi.HUBMESH_A_HUB, [attr(uapi.HUBMESH_A_HUB_ID, hub_id)])


def join_namespaces(ns_a, dev_a, addr_a, ns_b, dev_b, addr_b, mtu=1600):
    """A veth pair between two namespaces, with one address (text) on each side."""
    def own(dev, addr):
        six = ":" in addr
        return [f"addr add {addr}/{64 if six else 24} dev {dev}" + (" nodad" if six else ""),
                f"link set {dev} up"]
    ip_batch(ns_a, [f"link add {dev_a} mtu {mtu} type veth peer name {dev_b} netns {ns_b} "
                    f"mtu {mtu}"] + own(dev_a, addr_a))
    ip_batch(ns_b, own(dev_b, addr_b))


class Mesh:
    """Hubs 1..n joined by veth pairs along edges; static keys and routes.

    edges: list of (a, b) hub numbers.  Link index on hub a of the edge to b is b,
    and the other way round, so that tests can name links by their far end.

    family: what links ride on: 4 or 6 (UDP), or "ether"
    """

    def __init__(self, n, edges, prefix="hm", ifname="mesh0", underlay_mtu=1600, mesh_mtu=None,
                 cipher=GCM, family=4, probe_ms=0):
        self.prefix, self.ifname, self.cipher, self.family = prefix, ifname, cipher, family
        self.edges = [tuple(sorted(e)) for e in edges]
        self.underlay_mtu, self.mesh_mtu, self.probe_ms = underlay_mtu, mesh_mtu, probe_ms
        self.hubs = {i: Hub(self, i) for i in range(1, n + 1)}
        self.generation = 0

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *exc):
        self.down()

    def __getitem__(self, i):
        return self.hubs[i]

    def address(self, a, b):
        """Underlay address of hub a on its edge to b."""
        lo, hi = sorted((a, b))
        last = 1 if a == lo else 2
        if self.family != 6:
            return f"10.{lo}.{hi}.{last}"
        return f"fd00:{lo:x}:{hi:x}::{last}"

    def veth(self, a, b):
        """Name of hub a's underlay interface towards b."""
        return f"to{b}"

    def up(self):
        self.down()
        for hub in self.hubs.values():
            hub.create(self.mesh_mtu or self.underlay_mtu - uapi.HM_OVERHEAD_V6)
        for a, b in self.edges:
            self.wire(a, b)
        for a, b in self.edges:
            self.join(a, b)
        for i, hub in self.hubs.items():
            for j, other in self.hubs.items():
                if i != j:
                    hub.hub_new(other)
                    self.seal(i, j)
            hub.neighbours(other for other in self.hubs.values() if other is not hub)
        self.route()

    def down(self):
        for hub in self.hubs.values():
            if hub.genl:
                hub.genl.close()
                hub.genl = None
            netns_del(hub.netns)

    def wire(self, a, b):
        join_namespaces(self.hubs[a].netns, self.veth(a, b), self.address(a, b),
                        self.hubs[b].netns, self.veth(b, a), self.address(b, a),
                        self.underlay_mtu)

    def join(self, a, b):
        for x, y in ((a, b), (b, a)):
            remote, oif = self.address(y, x), 0
            if self.family == "ether":
                remote = device(self.hubs[y].netns, self.veth(y, x))["address"]
                oif = device(self.hubs[x].netns, self.veth(x, y))["ifindex"]
            self.hubs[x].link_new(index=y, peer=self.hubs[y], remote=remote, oif=oif,
                                  remote_index=x, probe_ms=self.probe_ms)
            self.link_key(x, y)

    def link_material(self, a, b, phase=0, epoch=0):
        """What hub a transmits with on its link to b."""
        return material("link", a, b, phase, epoch)

    def seal_material(self, a, b, phase=0, epoch=0):
        """What hub a seals with for b."""
        return material("seal", a, b, phase, epoch)[:44]

    def link_key(self, x, y, phase=0, epoch=0, use=True):
        self.hubs[x].key_set(link_ref(y), phase, self.cipher, self.link_material(y, x, phase, epoch),
                             self.link_material(x, y, phase, epoch), use)

    def seal(self, x, y, phase=0, epoch=0, use=True):
        self.hubs[x].key_set(hub_ref(self.hubs[y].id), phase, self.cipher,
                             self.seal_material(y, x, phase, epoch),
                             self.seal_material(x, y, phase, epoch), use)

    def first_hops(self, start, without=frozenset()):
        """{hub number: first hop} by breadth first search."""
        near = {i: set() for i in self.hubs}
        for a, b in self.edges:
            if (a, b) not in without and (b, a) not in without:
                near[a].add(b)
                near[b].add(a)
        first, queue = {}, [(n, n) for n in sorted(near[start])]
        while queue:
            at, via = queue.pop(0)
            if at == start or at in first:
                continue
            first[at] = via
            queue += [(n, via) for n in sorted(near[at])]
        return first

    def route(self, without=frozenset()):
        self.generation += 1
        for i, hub in self.hubs.items():
            first = self.first_hops(i, without)
            hub.routes({self.hubs[j]: via for j, via in first.items()}, self.generation)


def line(n, **kw):
    return Mesh(n, [(i, i + 1) for i in range(1, n)], **kw)
