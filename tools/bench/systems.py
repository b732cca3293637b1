# SPDX-License-Identifier: GPL-2.0
"""The systems that are compared, each set up over the same chain of namespaces:

    A --- R1 --- ... --- Rn --- B        veth, underlay MTU 1600, 10.N.0.0/24 on hop N

A system is a context manager that takes the number of relays and yields a Path.
"""

import contextlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "selftests", "kernel"))
from lib import mesh as hm, policy  # noqa: E402
from lib.mesh import run, wait_for  # noqa: E402

UNDERLAY_MTU = 1600
WG_OVERHEAD, VXLAN_OVERHEAD = 60, 50
PING_S = 3600  # of a clock that leaps; scripts/vm ends a run that hangs

# tc matches for the packets that carry the traffic of a system on the underlay
UDP_OR_TUNNEL = "protocol ip u32 match ip protocol 17 0xff"
HUBMESH_ETHER = "protocol 0x88b6 u32 match u8 0x11 0xff at 0"  # UNICAST frames
BATMAN_UNICAST = "protocol 0x4305 u32 match u8 0x40 0xff at 0"


class Path:
    """Where traffic goes in, where it comes out, and what is between.

    netns: of A, the relays, B.  hops: (device on the left, on the right) of each hop.
    target: B's address inside the system.  carried: tc match of its packets on the underlay.
    """

    def __init__(self, netns, hops, target, carried=UDP_OR_TUNNEL):
        self.netns, self.hops, self.target, self.carried = netns, hops, target, carried

    @property
    def client(self):
        return self.netns[0]

    @property
    def server(self):
        return self.netns[-1]

    def reaches(self):
        return subprocess.run(["ip", "netns", "exec", self.client, "ping", "-c1", "-W1", "-q",
                               self.target], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def wait(self, seconds=PING_S):
        wait_for(f"{self.target} answers", self.reaches, seconds, 0.1)


def ns_run(netns, command, **kw):
    words = command.split() if isinstance(command, str) else command
    return run(["ip", "netns", "exec", netns] + words, **kw)


def enable_forwarding(netns):
    ns_run(netns, ["sh", "-ec", "echo 1 > /proc/sys/net/ipv4/ip_forward"])


class Chain:
    """Namespaces b0 (A) ... bn (B); on hop i device r of b(i) meets device l of b(i+1)."""

    def __init__(self, relays):
        self.netns = [f"b{i}" for i in range(relays + 2)]
        self.devices = [([f"l{i}"] if i else []) + ([f"r{i}"] if i <= relays else [])
                        for i in range(relays + 2)]
        self.hops = [(f"r{i}", f"l{i + 1}") for i in range(relays + 1)]

    def address(self, i, side):
        """Of the node left (1) or right (2) of hop @i."""
        return f"10.{i + 1}.0.{side}"

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        for netns in self.netns:
            hm.netns_del(netns)

    def up(self):
        self.__exit__()
        for netns in self.netns:
            hm.netns_add(netns)
            run(f"ip -n {netns} link set lo up")
        for i, (left, right) in enumerate(self.hops):
            hm.join_namespaces(self.netns[i], left, self.address(i, 1),
                               self.netns[i + 1], right, self.address(i, 2), UNDERLAY_MTU)

    def route(self):
        """Plain IPv4 routes between the subnets of A and B."""
        last = len(self.hops) - 1
        for i, netns in enumerate(self.netns):
            if i > 1:
                run(f"ip -n {netns} route add 10.1.0.0/24 via {self.address(i - 1, 1)}")
            if i < last:
                run(f"ip -n {netns} route add {self.address(last, 0)}/24 "
                    f"via {self.address(i, 2)}")
            enable_forwarding(netns)

    def path(self, target, carried=UDP_OR_TUNNEL):
        return Path(self.netns, self.hops, target, carried)

    @property
    def far_end(self):
        return self.address(len(self.hops) - 1, 2)


@contextlib.contextmanager
def ipfwd(relays):
    with Chain(relays) as chain:
        chain.route()
        yield chain.path(chain.far_end)


def wireguard_keys():
    private = run("wg genkey").strip()
    public = subprocess.run(["wg", "pubkey"], input=private, text=True, capture_output=True,
                            check=True).stdout.strip()
    return private, public


def wireguard_interface(netns, dev, address, private, peer_public, endpoint, port=51820):
    """@dev in @netns, its one peer at @endpoint (same port), allowed to send anything."""
    run(f"ip -n {netns} link add {dev} type wireguard")
    ns_run(netns, ["wg", "set", dev, "listen-port", str(port), "private-key", "/dev/stdin",
                   "peer", peer_public, "allowed-ips", "0.0.0.0/0,::/0",
                   "endpoint", f"{endpoint}:{port}"], input=private)
    run(f"ip -n {netns} addr add {address} dev {dev}")
    run(f"ip -n {netns} link set {dev} mtu {UNDERLAY_MTU - WG_OVERHEAD} up")


def wireguard_ends(chain):
    chain.route()
    keys = wireguard_keys(), wireguard_keys()
    ends = (chain.netns[0], chain.address(0, 1)), (chain.netns[-1], chain.far_end)
    for me, far in ((0, 1), (1, 0)):
        wireguard_interface(ends[me][0], "wg0", f"10.90.0.{me + 1}/24", keys[me][0], keys[far][1],
                            ends[far][1])


@contextlib.contextmanager
def wireguard(relays):
    """WireGuard from A to B; the relays forward its packets as plain IPv4."""
    with Chain(relays) as chain:
        wireguard_ends(chain)
        yield chain.path("10.90.0.2")


@contextlib.contextmanager
def vxlan_wireguard(relays):
    with Chain(relays) as chain:
        wireguard_ends(chain)
        for netns, me, far in ((chain.netns[0], 1, 2), (chain.netns[-1], 2, 1)):
            run(f"ip -n {netns} link add vx0 type vxlan id 7 local 10.90.0.{me} "
                f"remote 10.90.0.{far} dstport 4789 dev wg0")
            run(f"ip -n {netns} link set vx0 mtu {UNDERLAY_MTU - WG_OVERHEAD - VXLAN_OVERHEAD} up")
            run(f"ip -n {netns} addr add 10.80.0.{me}/24 dev vx0")
        yield chain.path("10.80.0.2")


def batman_load():
    """The module, with new interfaces running algorithm V."""
    run("modprobe batman_adv")
    run("batctl ra BATMAN_V")


def batman_interface(netns, devices, address=None):
    run(f"ip -n {netns} link add bat0 type batadv")
    for dev in devices:
        run(f"ip -n {netns} link set {dev} master bat0")
    run(f"ip -n {netns} link set bat0 up")
    if address:
        run(f"ip -n {netns} addr add {address} dev bat0")


def batman_over(chain, prefix=""):
    """batman-adv V on the chain's devices, or on those stacked on them named with @prefix."""
    last = len(chain.netns) - 1
    for i, netns in enumerate(chain.netns):
        address = {0: "10.70.0.1/24", last: "10.70.0.2/24"}.get(i)
        batman_interface(netns, [prefix + dev for dev in chain.devices[i]], address)
    return chain.path("10.70.0.2", BATMAN_UNICAST)


@contextlib.contextmanager
def batman(relays):
    batman_load()
    with Chain(relays) as chain:
        yield batman_over(chain)


def macsec_hop(ends):
    """A MACsec channel between ((netns, device), (netns, device)), static keys."""
    addresses = []
    for netns, dev in ends:
        addresses.append(json.loads(run(f"ip -n {netns} -j link show {dev}"))[0]["address"])
        run(f"ip -n {netns} link add link {dev} ms{dev} type macsec cipher gcm-aes-256 encrypt on")
    keys = "11" * 32, "22" * 32
    for me, far in ((0, 1), (1, 0)):
        netns, dev = ends[me]
        run(f"ip -n {netns} macsec add ms{dev} tx sa 0 pn 1 on key 01 {keys[me]}")
        run(f"ip -n {netns} macsec add ms{dev} rx address {addresses[far]} port 1")
        run(f"ip -n {netns} macsec add ms{dev} rx address {addresses[far]} port 1 sa 0 pn 1 on "
            f"key 02 {keys[far]}")
        run(f"ip -n {netns} link set ms{dev} up")


@contextlib.contextmanager
def batman_macsec(relays):
    batman_load()
    with Chain(relays) as chain:
        for i, (left, right) in enumerate(chain.hops):
            macsec_hop(((chain.netns[i], left), (chain.netns[i + 1], right)))
        yield batman_over(chain, "ms")


def hubmesh_path(net):
    n = len(net.hubs)
    carried = HUBMESH_ETHER if net.family == "ether" else UDP_OR_TUNNEL
    return Path([net[i].netns for i in range(1, n + 1)],
                [(net.veth(i, i + 1), net.veth(i + 1, i)) for i in range(1, n)],
                net[n].ipv4, carried)


def hubmesh(cipher, **kw):
    @contextlib.contextmanager
    def system(relays):
        with hm.line(relays + 2, underlay_mtu=UNDERLAY_MTU, cipher=cipher, **kw) as net:
            yield hubmesh_path(net)
    return system


@contextlib.contextmanager
def hubmesh_rules(relays):
    """Zones, a guard, and 100 ACL entries at A and B, of which the last lets the flow pass."""
    entries = [policy.acl(policy.DENY, src=f"192.0.{n}.0/24", protocol=6 + 11 * (n % 2), dport=n)
               for n in range(33)]
    entries += [policy.acl(policy.DENY, protocol=6 + 11 * (n % 2), dport=n) for n in range(1, 34)]
    entries += [policy.acl(policy.DENY, dst=f"198.51.{n}.0/24") for n in range(33)]
    with hm.line(relays + 2, underlay_mtu=UNDERLAY_MTU, cipher=hm.GCM) as net:
        zone_of = {n: 10 + n for n in (1, relays + 2)}
        zones = [policy.zone(zone_of[n], hub=net[n].id) for n in zone_of]
        pairs = [policy.pair(a, b) for a in zone_of.values() for b in zone_of.values() if a != b]
        for n, far in ((1, relays + 2), (relays + 2, 1)):
            policy.set_rules(net[n], *zones, *pairs, *entries, policy.acl(policy.ACCEPT))
            policy.set_guard(net[n], net[far], zones=[zone_of[far]])
        yield hubmesh_path(net)


SYSTEMS = {
    "hubmesh": hubmesh(hm.GCM),
    "hubmesh-ether": hubmesh(hm.GCM, family="ether"),
    "hubmesh-rules": hubmesh_rules,
    "hubmesh-chacha": hubmesh(hm.CHACHA),
    "ipfwd": ipfwd,
    "batman-adv": batman,
    "wireguard": wireguard,
    "vxlan-wireguard": vxlan_wireguard,
    "batman-macsec": batman_macsec,
}

# Systems by what they encrypt with: each cipher suite of hubmesh stands beside its own.
CIPHERS = {
    "AES-GCM": ("hubmesh", ("batman-macsec",)),
    "ChaCha20-Poly1305": ("hubmesh-chacha", ("wireguard", "vxlan-wireguard")),
}
