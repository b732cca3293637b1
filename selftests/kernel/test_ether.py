# SPDX-License-Identifier: GPL-2.0
"""The Ethernet carrier: frames without IP on the segment itself.

      hub 1 ---- hub 2 ---- hub 3        veth pairs; ETHERTYPE 0x88b6
"""

import errno
import socket
import struct

from lib import uapi
from lib.ktap import expect, expect_equal, quick
from lib.lab import Lab
from lib.mesh import CHACHA, GCM, device, line, run, wait_for
from lib.netlink import NetlinkError, attr, inside, number, u16, u32
from lib.traffic import Stream, expect_mesh_connected, tcp_transfer

def ether_line(n=3, **kw):
    return line(n, family="ether", **kw)


def no_drops(mesh):
    for hub in mesh.hubs.values():
        expect_equal({r: n for r, n in hub.drops().items() if n and r != "tx-no-hub"}, {},
                     f"drops of hub {hub.number}")


@quick
def test_traffic_flows_over_ethernet_and_not_over_udp():
    with ether_line() as mesh:
        with inside(mesh[2].netns):
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        tap.settimeout(0.2)
        expect_mesh_connected(mesh)
        tcp_transfer(mesh[1], mesh[3], mesh[3].ipv4, 2 << 20)
        tcp_transfer(mesh[3], mesh[1], mesh[1].ula, 2 << 20)
        seen = set()
        try:
            while len(seen) < 10000:
                raw, where = tap.recvfrom(64)
                seen.add((where[0] in ("to1", "to3"), raw[12:14]))
        except TimeoutError:
            pass
        tap.close()
        ours = struct.pack(">H", uapi.HM_ETHERTYPE)
        expect((True, ours) in seen, f"no frame of our ethertype: {seen}")
        expect((True, b"\x08\x00") not in seen, f"IPv4 on the underlay: {seen}")
        no_drops(mesh)


def test_through_four_relays_with_either_cipher():
    for cipher in (GCM, CHACHA):
        with ether_line(6, cipher=cipher) as mesh:
            tcp_transfer(mesh[1], mesh[6], mesh[6].ipv4, 300000)
            no_drops(mesh)


def test_relay_between_ethernet_and_udp():
    """One link on Ethernet, the next on UDP, and back."""
    with line(3) as mesh:
        for x, y in ((1, 2), (2, 1)):
            mesh[x].request(uapi.HUBMESH_CMD_LINK_SET, attr(uapi.HUBMESH_A_LINK, [
                attr(uapi.HUBMESH_A_LINK_INDEX, u32(y)),
                attr(uapi.HUBMESH_A_LINK_OIF, u32(device(mesh[x].netns, f"to{y}")["ifindex"])),
                attr(uapi.HUBMESH_A_LINK_REMOTE_LLADDR,
                     bytes.fromhex(device(mesh[y].netns, f"to{x}")["address"].replace(":", "")))]))
        expect_mesh_connected(mesh)
        tcp_transfer(mesh[1], mesh[3], mesh[3].ipv4, 1 << 20)
        tcp_transfer(mesh[3], mesh[1], mesh[1].ipv4, 1 << 20)
        no_drops(mesh)


def test_super_packets_are_cut_for_devices_that_take_none():
    with ether_line() as mesh:
        for a, b in mesh.edges:
            for x, y in ((a, b), (b, a)):
                mesh[x].run(f"ethtool -K to{y} tso off gso off tx-sctp-segmentation off")
        tcp_transfer(mesh[1], mesh[3], mesh[3].ipv4, 2 << 20)
        with Stream(mesh[1], mesh[3], mesh[1].ipv4, mesh[3].ipv4) as stream:
            stream.wait_progress(50)
        expect_equal(stream.lost, [], "datagrams lost")
        no_drops(mesh)


def test_over_a_bridge_and_a_vlan():
    with ether_line(2) as mesh:
        for x, y in ((1, 2), (2, 1)):
            run(f"ip -n {mesh[x].netns} link add link to{y} name v7 type vlan id 7")
            run(f"ip -n {mesh[x].netns} link add br0 type bridge")
            run(f"ip -n {mesh[x].netns} link set v7 master br0")
            for dev in ("v7", "br0"):
                run(f"ip -n {mesh[x].netns} link set {dev} mtu 1500 up")
        for x, y in ((1, 2), (2, 1)):
            mesh[x].request(uapi.HUBMESH_CMD_LINK_SET, attr(uapi.HUBMESH_A_LINK, [
                attr(uapi.HUBMESH_A_LINK_INDEX, u32(y)),
                attr(uapi.HUBMESH_A_LINK_OIF, u32(device(mesh[x].netns, "br0")["ifindex"])),
                attr(uapi.HUBMESH_A_LINK_REMOTE_LLADDR,
                     bytes.fromhex(device(mesh[y].netns, "br0")["address"].replace(":", "")))]))
        tcp_transfer(mesh[1], mesh[2], mesh[2].ipv4, 1 << 20)
        expect_equal(number(mesh[1].links()[2][uapi.HUBMESH_A_LINK_FRAME_MAX]), 1500,
                     "the device's MTU is what a frame may have")


@quick
def test_probes_carrier_loss_and_mtu_work_as_over_udp():
    with ether_line(2, probe_ms=20) as mesh:
        wait_for("link up", lambda: mesh[1].link_state(2) == uapi.HUBMESH_LINK_UP)
        wait_for("frame max", lambda: number(
            mesh[1].links()[2][uapi.HUBMESH_A_LINK_FRAME_MAX]) == mesh.underlay_mtu)
        run(f"ip -n {mesh[2].netns} link set to1 down")
        wait_for("link down", lambda: mesh[1].link_state(2) == uapi.HUBMESH_LINK_DOWN)
        run(f"ip -n {mesh[2].netns} link set to1 up")
        wait_for("link up again", lambda: mesh[1].link_state(2) == uapi.HUBMESH_LINK_UP)
        run(f"ip -n {mesh[1].netns} link set to2 mtu 1400")
        wait_for("frame max", lambda: number(
            mesh[1].links()[2][uapi.HUBMESH_A_LINK_FRAME_MAX]) == 1400)


@quick
def test_frames_crafted_in_python_are_delivered_and_garbage_is_counted():
    with Lab(peers=(2,)) as lab:
        with inside(lab.peer_ns):
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(uapi.HM_ETHERTYPE))
        wire.bind(("from2", uapi.HM_ETHERTYPE))
        there = device(lab.hub.netns, "to2")["address"].replace(":", "")
        here = device(lab.peer_ns, "from2")["address"].replace(":", "")
        head = bytes.fromhex(there + here) + struct.pack(">H", uapi.HM_ETHERTYPE)
        inner = lab[2].inner(b"over ethernet")
        wire.send(head + lab[2].build(inner))
        expect_equal(lab.delivered(), inner, "inner frame")
        shorts = lambda: lab.hub.drops().get("rx-short", 0)
        before = shorts()
        for length in range(1, 56):
            wire.send(head + bytes(length))
        # Ethernet pads short packets on real wires; a veth does not.
        wait_for("garbage counted", lambda: shorts() == before + 55)
        for kind in (b"\xff" * 6, bytes.fromhex("010203040506")):  # to others: not looked at
            wire.send(kind + head[6:] + lab[2].build(inner))
        wire.send(head + lab[2].build(lab[2].inner(b"marker")))
        expect_equal(lab.delivered()[14:], b"marker", "only what is addressed to us counts")
        wire.close()


def refused(wanted, hub, **fields):
    kinds = {"lladdr": uapi.HUBMESH_A_LINK_REMOTE_LLADDR, "oif": uapi.HUBMESH_A_LINK_OIF,
             "remote4": uapi.HUBMESH_A_LINK_REMOTE4}
    try:
        hub.request(uapi.HUBMESH_CMD_LINK_NEW, attr(uapi.HUBMESH_A_LINK, [
            attr(uapi.HUBMESH_A_LINK_PEER, bytes.fromhex("026875620077")),
            *(attr(kinds[k], v) for k, v in fields.items())]))
    except NetlinkError as error:
        expect_equal(error.errno, wanted, f"errno of {fields}")
        expect("LINK_" in str(error) or "link" in str(error), f"no text: {error}")
        return
    raise AssertionError(f"accepted: {fields}")


@quick
def test_bad_ethernet_endpoints_are_refused_with_a_reason():
    with Lab(peers=(2,)) as lab:
        good = bytes.fromhex("021122334455")
        oif = u32(device(lab.hub.netns, "to2")["ifindex"])
        refused(errno.EINVAL, lab.hub, lladdr=good)
        refused(errno.EADDRNOTAVAIL, lab.hub, lladdr=b"\xff" * 6, oif=oif)
        refused(errno.EADDRNOTAVAIL, lab.hub, lladdr=bytes(6), oif=oif)
        refused(errno.ENODEV, lab.hub, lladdr=good, oif=u32(9999))
        refused(errno.EINVAL, lab.hub, lladdr=good, oif=u32(1))  # lo is no Ethernet
        refused(errno.EINVAL, lab.hub, lladdr=good, oif=oif, remote4=bytes((10, 0, 0, 1)))
        refused(errno.ELOOP, lab.hub, lladdr=good,
                oif=u32(device(lab.hub.netns, lab.hub.dev)["ifindex"]))
        run(f"ip -n {lab.hub.netns} link set to2 mtu 1300")
        refused(errno.EINVAL, lab.hub, lladdr=good, oif=oif)


def test_several_devices_on_one_segment_take_their_own_frames():
    """A second device listens beside the first, behind it in the list and then before it."""
    with ether_line(2) as mesh:
        hub = mesh[1]
        run(f"ip -n {hub.netns} link add mesh9 type hubmesh")
        hub.genl.request(uapi.HUBMESH_CMD_DEV_SET, [
            attr(uapi.HUBMESH_A_IFNAME, b"mesh9\0"),
            attr(uapi.HUBMESH_A_DEVICE, [attr(uapi.HUBMESH_A_DEVICE_PORT, u16(4900))])])
        run(f"ip -n {hub.netns} link set mesh9 up")
        for port in (4901, 4902):
            tcp_transfer(mesh[2], hub, hub.ipv4, 300000)
            tcp_transfer(hub, mesh[2], mesh[2].ipv4, 300000)
            no_drops(mesh)
            # A device that changes its port closes its carriers and opens them anew.
            hub.device_set(attr(uapi.HUBMESH_A_DEVICE_PORT, u16(port)))
        run(f"ip -n {hub.netns} link del mesh9")
