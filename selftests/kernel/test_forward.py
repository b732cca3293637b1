# SPDX-License-Identifier: GPL-2.0
"""Forwarding of inner traffic between hubs, over one hop and over relays.

      hub 1 ---- hub 2 ---- hub 3 ---- ...        one line of hubs per cipher and underlay

      host A -- br0 -- hub 1 ---- hub 2 -- br0 -- host B        bridged (mesh0 in br0)
"""

import contextlib
import errno
import os
import socket
import struct

from lib import pace, uapi
from lib.ktap import expect, expect_equal, quick
from lib.lab import DropsExactly, Lab, unchanged_but
from lib.mesh import CHACHA, GCM, Mesh, ip_batch, line, netns_add, netns_del, run, wait_for
from lib.netlink import NetlinkError, as_dict, attr, inside, mac, number, u16, u32
from lib.traffic import (SO_RCVBUFFORCE, closing_all, expect_mesh_connected, reaches, tcp_transfer, udp_socket)

MEBI = 1 << 20


def forwarded(hub):
    return number(as_dict(hub.device()[uapi.HUBMESH_A_DEVICE_STATS])[
        uapi.HUBMESH_A_STATS_FORWARDED])


@contextlib.contextmanager
def no_drops(mesh):
    """The block makes no hub of @mesh drop anything."""
    before = {i: hub.drops() for i, hub in mesh.hubs.items()}
    yield
    rose = {i: unchanged_but(before[i], hub.drops()) for i, hub in mesh.hubs.items()}
    expect(not any(rose.values()), f"drops by hub: {rose}")


def exercise(mesh, a, b, size=MEBI):
    """Small and large datagrams, ping and TCP both ways between hubs @a and @b."""
    a, b = mesh[a], mesh[b]
    for x, y in ((a.ipv4, b.ipv4), (a.ula, b.ula)):
        for length in (1, 1200, 20000):
            expect(reaches(a, b, x, y, os.urandom(length)), f"{length} bytes {x} -> {y}")
        expect("1 received" in a.run(f"ping -c 1 -W 5 {y}"), f"ping {y}")
        tcp_transfer(a, b, y, size)
        tcp_transfer(b, a, x, size)


@quick
def test_neighbours_over_ipv4_with_chacha():
    with line(2, cipher=CHACHA) as mesh, no_drops(mesh):
        exercise(mesh, 1, 2)


@quick
def test_one_relay_over_ipv4_with_gcm():
    with line(3, cipher=GCM) as mesh, no_drops(mesh):
        exercise(mesh, 1, 3)
        expect(forwarded(mesh[2]) > 100, "the relay forwarded nothing")


def test_neighbours_over_ipv6_with_gcm():
    with line(2, cipher=GCM, family=6) as mesh:
        exercise(mesh, 1, 2)


def test_two_relays_over_ipv6_with_chacha():
    with line(4, cipher=CHACHA, family=6) as mesh:
        exercise(mesh, 1, 4, MEBI // 2)


def test_four_relays_over_ipv4_with_gcm_and_every_pair():
    with line(6, cipher=GCM) as mesh:
        exercise(mesh, 1, 6, MEBI // 2)
        for a, b in ((1, 2), (2, 5), (3, 6), (5, 1)):
            expect(reaches(mesh[a], mesh[b], mesh[a].ula, mesh[b].ula), f"{a} -> {b}")


def silence(mesh):
    """No IPv6 on the mesh interfaces: multicast of the stack's own would be flooded and counted."""
    for hub in mesh.hubs.values():
        hub.run(["sh", "-ec", f"echo 1 > /proc/sys/net/ipv6/conf/{hub.dev}/disable_ipv6"])


def test_ttl_of_the_device_limits_the_hops():
    with line(3) as mesh:
        silence(mesh)
        mesh[1].device_set(attr(uapi.HUBMESH_A_DEVICE_TTL, b"\1"))
        before = mesh[2].drops().get("fwd-ttl", 0)
        expect(not reaches(mesh[1], mesh[3], mesh[1].ipv4, mesh[3].ipv4, seconds=0.2), "arrived")
        expect_equal(mesh[2].drops().get("fwd-ttl", 0), before + 1, "fwd-ttl at the relay")
        mesh[1].device_set(attr(uapi.HUBMESH_A_DEVICE_TTL, b"\2"))
        expect(reaches(mesh[1], mesh[3], mesh[1].ipv4, mesh[3].ipv4), "two hops are enough")


@contextlib.contextmanager
def sniffer(netns, device):
    """AF_PACKET socket that sees everything on @device."""
    with inside(netns):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    sock.bind((device, 3))
    sock.settimeout(1)
    try:
        yield sock
    finally:
        sock.close()


def captured(sock):
    frames = []
    sock.setblocking(False)
    while True:
        try:
            frames.append(sock.recv(1 << 17))
        except BlockingIOError:
            return frames


@quick
def test_relay_sees_no_plaintext():
    secret = b"plaintext marker " * 8
    for cipher in (GCM, CHACHA):
        with line(3, cipher=cipher) as mesh:
            with sniffer(mesh[2].netns, "to3") as wire, sniffer(mesh[3].netns, "mesh0") as inner:
                for x, y in ((mesh[1].ipv4, mesh[3].ipv4), (mesh[1].ula, mesh[3].ula)):
                    expect(reaches(mesh[1], mesh[3], x, y, secret), "not reached")
                outer = b"".join(captured(wire))
                expect(len(outer) > 2 * len(secret), "nothing was captured")
                expect(b"marker" not in outer, "plaintext on the wire")
                expect(b"marker" in b"".join(captured(inner)), "the capture cannot see the marker")
                for address in (mesh[1].ipv4, mesh[3].ipv4):
                    expect(socket.inet_aton(address) not in outer, "inner address on the wire")


def test_tampering_relay_is_noticed_at_the_destination():
    """A relay that changes a byte of the sealed part (traffic control pedit) gains nothing."""
    with line(2) as mesh:
        tc = f"tc -n {mesh[1].netns} "
        before = mesh[2].drops()
        run(tc + "qdisc add dev to2 clsact")
        run(tc + "filter add dev to2 egress matchall action pedit munge offset 80 u8 invert")
        expect(not reaches(mesh[1], mesh[2], mesh[1].ipv4, mesh[2].ipv4, b"x" * 200, 0.3), "arrived")
        rose = unchanged_but(before, mesh[2].drops())
        expect_equal(set(rose), {"rx-seal-auth"}, "reasons at the destination")
        run(tc + "qdisc del dev to2 clsact")
        expect(reaches(mesh[1], mesh[2], mesh[1].ipv4, mesh[2].ipv4, b"x" * 200), "not repaired")


def test_arp_and_neighbour_discovery_by_broadcast():
    with line(3) as mesh:
        for hub in mesh.hubs.values():
            run(f"ip -n {hub.netns} neigh flush dev {hub.dev} nud permanent")
        expect(reaches(mesh[1], mesh[3], mesh[1].ipv4, mesh[3].ipv4), "no ARP")
        expect(reaches(mesh[3], mesh[1], mesh[3].ula, mesh[1].ula), "no neighbour discovery")
        shown = run(f"ip -n {mesh[1].netns} neigh show {mesh[3].ipv4}")
        expect(mesh[3].id_text in shown, f"neighbour is {shown}")


def test_vlan_tagged_inner_frames_pass_with_their_tag():
    with line(3, underlay_mtu=1700) as mesh:
        ends = (mesh[1], mesh[3])
        for n, hub in enumerate(ends, 1):
            ip_batch(hub.netns, [f"link add link {hub.dev} name v7 type vlan id 7",
                                 f"addr add 10.88.0.{n}/24 dev v7", "link set v7 up"])
        expect(reaches(*ends, "10.88.0.1", "10.88.0.2", b"tagged" * 100), "UDP in a VLAN")
        tcp_transfer(*ends, "10.88.0.2", MEBI // 2)
        ip_batch(mesh[3].netns, ["link del v7", f"link add link {mesh[3].dev} name v8 type vlan id 8",
                                 "addr add 10.88.0.2/24 dev v8", "link set v8 up"])
        expect(not reaches(*ends, "10.88.0.1", "10.88.0.2", seconds=0.2), "VLANs 7 and 8 mix")


def test_gso_udp_is_cut_and_arrives_in_order():
    with line(3) as mesh:
        with closing_all(udp_socket(mesh[1].netns, mesh[1].ipv4),
                         udp_socket(mesh[3].netns, mesh[3].ipv4)) as (tx, rx):
            parts = [bytes([n]) * 1000 for n in range(40)] + [b"tail"]
            tx.sendmsg([b"".join(parts)], [(socket.SOL_UDP, 103, u16(1000))], 0,
                       rx.getsockname())
            got = [rx.recv(65535) for _ in parts]
            expect_equal(got, parts, "datagrams")


def super_packet(lab, n=10):
    """Intact frames of one length: even ones for hub 1, odd ones for peer 3."""
    return [lab[2].build(lab[2].inner(b"frame %02d" % i), dst=(lab.hub, lab[3])[i % 2].id)
            for i in range(n)]


def expect_each_once(lab, n=10):
    own = [lab.delivered() for _ in range(n // 2)]
    expect_equal(own, [lab[2].inner(b"frame %02d" % i) for i in range(0, n, 2)], "delivered")
    for _ in range(n // 2):
        expect(lab[3].receive(), "one was not relayed")
    expect(lab.delivered(0.1) is None and lab[3].receive(0) is None, "one came twice")


@quick
def test_super_packet_of_a_program_goes_frame_by_frame():
    """UDP_SEGMENT from a socket: the stack hands us the pieces one by one, but chained."""
    with Lab() as lab, DropsExactly(lab.hub):
        lab[2].send_super(super_packet(lab))
        expect_each_once(lab)


@quick
def test_frames_joined_by_gro_are_each_taken_once():
    with Lab() as lab, sniffer(lab.hub.netns, "to2") as wire, DropsExactly(lab.hub):
        lab.join_received()
        frames = super_packet(lab)
        lab[2].send_super(frames)
        expect_each_once(lab)
        longest = max(len(f) for f in captured(wire))
        expect(longest > 2 * len(frames[0]), f"nothing was joined: longest packet {longest}")


def test_bulk_tcp_uses_super_packets_on_the_underlay():
    with line(2) as mesh, sniffer(mesh[2].netns, "to1") as wire:
        tcp_transfer(mesh[1], mesh[2], mesh[2].ipv4, 4 * MEBI)
        lengths = [len(f) for f in captured(wire)]
        # the slower the path, the fewer segments TCP puts in one: two on a debug kernel
        full = 2 if pace.TIME_SCALE == 1 else 1
        expect(max(lengths) > full * mesh.underlay_mtu, f"largest packet {max(lengths)} bytes")


def test_path_with_smaller_mtu_refuses_by_icmp_and_tcp_adapts():
    with line(2) as mesh:
        for hub, dev in ((mesh[1], "to2"), (mesh[2], "to1")):
            ip_batch(hub.netns, [f"link set {dev} mtu 1450"])
        for target in (mesh[2].ipv4, mesh[2].ula):
            tcp_transfer(mesh[1], mesh[2], target, MEBI // 2)
        expect(reaches(mesh[1], mesh[2], mesh[1].ipv4, mesh[2].ipv4, b"f" * 5000), "fragments")


def test_two_devices_in_one_namespace_with_ports_of_their_own():
    """Two meshes side by side on the same hubs and veth."""
    with Mesh(2, [(1, 2)], ifname="mesh0") as one:
        second = Mesh(2, [(1, 2)], ifname="mesh1")
        for i, hub in second.hubs.items():
            hub.genl = one[i].genl
            hub.ipv4, hub.ula = f"10.78.0.{i}", f"fd78::{i}"
            ip_batch(hub.netns, [f"link add mesh1 address {hub.id_text} type hubmesh"])
            hub.device_set(attr(uapi.HUBMESH_A_DEVICE_PORT, u16(4900)))
            ip_batch(hub.netns, [f"addr add {hub.ipv4}/24 dev mesh1",
                                 f"addr add {hub.ula}/64 dev mesh1 nodad", "link set mesh1 up"])
        for x, y in ((1, 2), (2, 1)):
            hub = second[x]
            hub.link_new(index=y, peer=second[y], remote=second.address(y, x), remote_index=x,
                         port=4900)
            second.link_key(x, y)
            hub.hub_new(second[y])
            second.seal(x, y)
            hub.neighbours([second[y]])
        second.route()
        exercise(second, 1, 2, MEBI // 4)
        expect_mesh_connected(one)


# ---- MACs behind hubs

@contextlib.contextmanager
def bridged(mesh):
    """A host behind each hub of a line of two: namespaces hostA and hostB on bridges."""
    names = {1: "hostA", 2: "hostB"}
    try:
        for i, name in names.items():
            hub = mesh[i]
            netns_del(name)
            netns_add(name)
            ip_batch(hub.netns, ["link add br0 type bridge", "link set br0 up",
                                 f"link add port0 type veth peer name eth0 netns {name}",
                                 f"link set {hub.dev} master br0", "link set port0 master br0",
                                 "link set port0 up"])
            ip_batch(name, [f"link set eth0 address 00:16:3e:00:00:0{i} mtu 1400",
                            f"addr add 10.99.0.{i}/24 dev eth0",
                            "link set eth0 up", "link set lo up"])
        yield tuple(type("Host", (), {"netns": name}) for name in names.values())
    finally:
        for name in names.values():
            netns_del(name)


HOST_A, HOST_B = mac("00:16:3e:00:00:01"), mac("00:16:3e:00:00:02")


@quick
def test_hosts_behind_bridged_hubs_are_learned_and_reached():
    with line(2) as mesh, bridged(mesh) as (a, b):
        expect(reaches(a, b, "10.99.0.1", "10.99.0.2", b"x" * 1000), "host A does not reach host B")
        expect(reaches(b, a, "10.99.0.2", "10.99.0.1", b"x" * 1000), "host B does not reach host A")
        expect_equal(mesh[1].fdb().get(HOST_B), (mesh[2].id, 0), "entry of host B at hub 1")
        expect_equal(mesh[2].fdb().get(HOST_A), (mesh[1].id, 0), "entry of host A at hub 2")
        tcp_transfer(a, b, "10.99.0.2", MEBI // 2)


def test_learned_mac_moves_to_the_newest_hub_and_static_does_not():
    far = mac("00:16:3e:00:00:77")
    with Lab() as lab:
        def heard(peer):
            peer.send(peer.build(peer.inner(src=far)))
            expect(lab.delivered(), "frame was not delivered")
        heard(lab[2])
        expect_equal(lab.hub.fdb(), {far: (lab[2].id, 0)}, "learned")
        heard(lab[3])
        expect_equal(lab.hub.fdb(), {far: (lab[3].id, 0)}, "moved")
        lab.transmit(lab[2].inner(b"to far", dst=far, src=lab.hub.id))
        expect(lab[3].receive(), "not sent to the hub it is behind")
        lab.hub.request(uapi.HUBMESH_CMD_FDB_DEL, fdb_entry(far))
        lab.hub.request(uapi.HUBMESH_CMD_FDB_NEW, fdb_entry(far, lab[3].id))
        heard(lab[2])
        expect_equal(lab.hub.fdb(), {far: (lab[3].id, uapi.HUBMESH_FDB_F_STATIC)}, "static stays")


def fdb_entry(address, hub_id=None):
    fields = [attr(uapi.HUBMESH_A_FDB_MAC, address)]
    if hub_id:
        fields.append(attr(uapi.HUBMESH_A_FDB_HUB, hub_id))
    return attr(uapi.HUBMESH_A_FDB, fields)


def test_hub_ids_and_own_address_are_never_learned_behind_another_hub():
    with Lab() as lab:
        for src in (lab[3].id, lab.hub.id):
            lab[2].send(lab[2].build(lab[2].inner(src=src)))
            lab.delivered(0.2)
        expect_equal(lab.hub.fdb(), {}, "fdb")


def test_learned_mac_ages_out_and_static_does_not():
    far, fixed = mac("00:16:3e:00:00:78"), mac("00:16:3e:00:00:79")
    with Lab() as lab:
        lab.hub.device_set(attr(uapi.HUBMESH_A_DEVICE_FDB_AGE_MS, u32(300)))
        lab.hub.request(uapi.HUBMESH_CMD_FDB_NEW, fdb_entry(fixed, lab[3].id))
        lab[2].send(lab[2].build(lab[2].inner(src=far)))
        wait_for("learned", lambda: far in lab.hub.fdb())
        wait_for("aged out", lambda: far not in lab.hub.fdb(), 12)
        expect(fixed in lab.hub.fdb(), "static entry aged out")


def fill_fdb(lab, n):
    """@n static entries, many requests to a datagram, answers only to refusals."""
    head = struct.pack("=BBH", uapi.HUBMESH_CMD_FDB_NEW, 1, 0) + lab.hub.name()
    genl, first = lab.hub.genl, fdb_entry(bytes(6), lab[2].id)
    at = first.index(bytes(6))
    body = head + first[:at] + b"%s" + first[at + 6:]
    message = struct.pack("=IHHII", 16 + len(head) + len(first), genl.family, 1, 1 << 30, 0) + body
    for start in range(0, n, 200):
        genl.sock.send(b"".join(message.replace(b"%s", struct.pack(">HI", 0x0016, i))
                                for i in range(start, min(n, start + 200))))


def test_learning_stops_at_the_limit_and_traffic_does_not():
    """The table holds 32768; filled by netlink, then one more is heard."""
    with Lab(peers=(2,)) as lab:
        fill_fdb(lab, uapi.HUBMESH_FDB_MAX)
        far = mac("00:16:3e:00:00:80")
        with DropsExactly(lab.hub):
            lab[2].send(lab[2].build(lab[2].inner(src=far)))
            expect(lab.delivered(), "frame was not delivered though only learning is full")
        try:
            lab.hub.request(uapi.HUBMESH_CMD_FDB_NEW, fdb_entry(far, lab[2].id))
        except NetlinkError as why:
            expect_equal((why.errno, "full" in why.extack), (errno.ENOSPC, True), str(why))
        else:
            raise AssertionError("learned, or the table was not full")


# ---- quality of service and flows

def test_class_of_the_inner_packet_is_on_the_outer_packet_and_kept_by_the_relay():
    with line(3) as mesh, sniffer(mesh[2].netns, "to1") as first, \
            sniffer(mesh[3].netns, "to2") as second:
        with closing_all(udp_socket(mesh[1].netns, mesh[1].ipv4),
                         udp_socket(mesh[3].netns, mesh[3].ipv4)) as (tx, rx):
            tx.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 5 << 5)
            tx.sendto(b"voice", rx.getsockname())
            rx.recv(100)
        for wire in (first, second):
            packets = [f for f in captured(wire) if f[12:14] == b"\x08\0" and f[23] == 17]
            expect(any(f[15] == 5 << 5 for f in packets), "outer DSCP is not the class")
            expect(any(f[14 + 28 + 2] >> 5 == 5 for f in packets), "class in the header")


def test_weighted_next_hops_share_flows_and_keep_each_flow_on_one_path():
    with Mesh(4, [(1, 2), (1, 3), (2, 4), (3, 4)], cipher=CHACHA) as mesh:
        mesh.generation += 1
        mesh[1].routes({mesh[4]: ([2, 3], 0), mesh[2]: 2, mesh[3]: 3}, mesh.generation)
        silence(mesh)
        before = forwarded(mesh[2]), forwarded(mesh[3])
        paths = []
        for _ in range(24):
            with closing_all(udp_socket(mesh[1].netns, mesh[1].ipv4),
                             udp_socket(mesh[4].netns, mesh[4].ipv4)) as (tx, rx):
                start = forwarded(mesh[2])
                for _ in range(3):
                    tx.sendto(b"x", rx.getsockname())
                    rx.recv(10)
                paths.append(forwarded(mesh[2]) - start)
        expect(set(paths) <= {0, 3}, f"a flow was split: {paths}")
        rose = forwarded(mesh[2]) - before[0], forwarded(mesh[3]) - before[1]
        expect(min(rose) > 0, f"one path was never used: {rose}")
