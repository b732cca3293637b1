# SPDX-License-Identifier: GPL-2.0
"""Topologies (kernel/peers.c): with which hubs frames are exchanged.

      peer 2 (Python, listed) ---- veth ----+
                                            hub 1 (kernel)
      peer 3 (Python) ------------- veth ----+
"""

import errno
import struct

from lib import packet, uapi
from lib.inner_lab import InnerLab
from lib.ktap import expect, expect_equal, quick
from lib.lab import MARK, DropsExactly, provokes
from lib.netlink import NetlinkError, as_dict, attr, mac, number, u32
from lib.trees import BROADCAST, set_sender_key, tree

UNICAST, FLOOD, RESOLUTION = (uapi.HUBMESH_PEERS_F_UNICAST, uapi.HUBMESH_PEERS_F_FLOOD,
                              uapi.HUBMESH_PEERS_F_RESOLUTION)
HUB_AND_SPOKE, TREE_ONLY, ISOLATED = UNICAST | FLOOD, UNICAST, UNICAST | FLOOD | RESOLUTION
lab = None


def setup():
    global lab
    lab = InnerLab()
    lab.up()


def teardown():
    if lab:
        lab.down()


def set_peers(flags, *ids):
    fields = [attr(uapi.HUBMESH_A_PEERS_FLAGS, u32(flags))]
    if ids:
        fields.append(attr(uapi.HUBMESH_A_PEERS_LIST, b"".join(ids)))
    lab.hub.device_set(attr(uapi.HUBMESH_A_DEVICE_PEERS, fields))


def peers():
    nest = as_dict(lab.hub.device()[uapi.HUBMESH_A_DEVICE_PEERS])
    raw = nest.get(uapi.HUBMESH_A_PEERS_LIST, b"")
    return (number(nest[uapi.HUBMESH_A_PEERS_FLAGS]),
            [raw[at:at + 6] for at in range(0, len(raw), 6)])


def drops(**wanted):
    return DropsExactly(lab.hub, **wanted)


def unicast_from(n):
    return lab[n].inner(b"to one")


def flood_from(n):
    return lab[n].inner(b"to many", dst=BROADCAST)


def rx(n, inner, passes):
    (lab.rx_passes if passes else lambda *a, **k: lab.rx_refused("rx_peer", *a, **k))(inner, peer=n)


def tx_unicast(n, passes):
    inner = lab.out(b"to one", MARK, peer=n)
    (lab.tx_passes if passes else lambda *a, **k: lab.tx_refused("tx_peer", *a, **k))(inner, peer=n)


def tx_flood(*numbers):
    """A broadcast reaches exactly these peers."""
    lab.drain()
    with drops():
        lab.transmit(lab.out(b"to many", MARK, dst=BROADCAST))
        for n in numbers:
            expect(lab[n].receive(), f"nothing came to peer {n}")
    for n in set(lab.peers) - set(numbers):
        expect(lab[n].receive(0.05) is None, f"a broadcast came to peer {n}")


@quick
def test_without_flags_frames_are_exchanged_with_all():
    set_peers(0, lab[2].id)
    for n in (2, 3):
        rx(n, unicast_from(n), True)
        rx(n, flood_from(n), True)
        tx_unicast(n, True)
    tx_flood(2, 3)


@quick
@provokes("tx-peer", "rx-peer")
def test_spoke_exchanges_frames_with_its_centres_alone():
    set_peers(HUB_AND_SPOKE, lab[2].id)
    expect_equal(peers(), (HUB_AND_SPOKE, [lab[2].id]), "as DEV_GET shows it")
    for n, passes in ((2, True), (3, False)):
        rx(n, unicast_from(n), passes)
        rx(n, flood_from(n), passes)
        tx_unicast(n, passes)
    tx_flood(2)
    set_peers(0)
    tx_flood(2, 3)


def test_tree_only_is_to_many_among_all_and_to_one_with_the_listed():
    set_peers(TREE_ONLY, lab[2].id)
    for n, passes in ((2, True), (3, False)):
        rx(n, unicast_from(n), passes)
        rx(n, flood_from(n), True)
        tx_unicast(n, passes)
    tx_flood(2, 3)
    set_peers(0)


@quick
def test_isolated_member_floods_address_resolution_alone():
    set_peers(ISOLATED, lab[2].id)
    ask = packet.arp(lab.hub.id, "10.77.0.1", "10.77.0.2")
    with drops(tx_peer=1):
        lab.transmit(lab.out(b"to many", MARK, dst=BROADCAST))
    lab.drain()
    with drops():
        lab.transmit(lab.out(ask, packet.ARP, dst=BROADCAST))
        expect(lab[2].receive(), "ARP did not come to the gateway")
        expect(lab[3].receive(0.05) is None, "ARP came to another spoke")
    rx(2, flood_from(2), False)
    rx(2, unicast_from(2), True)
    ask = packet.arp(lab[2].id, "10.77.0.2", "10.77.0.1")
    rx(2, packet.ethernet(BROADCAST, lab[2].id, packet.ARP, ask), True)
    rx(3, packet.ethernet(BROADCAST, lab[3].id, packet.ARP, ask), False)
    set_peers(0)


def test_control_port_and_relaying_are_not_concerned():
    set_peers(ISOLATED)
    port = uapi.HM_PORT_CONTROL
    segment = struct.pack(">HHIIHHHH", 1000, port, 1, 0, 0x5010, 1024, 0, 0)
    there = packet.ipv6(lab[3].ula, lab.hub.ula, 6, segment)
    back = packet.ipv6(lab.hub.ula, lab[3].ula, 6, segment)
    rx(3, lab.frame(there, packet.IP6, peer=3), True)
    lab.tx_passes(lab.out(back, packet.IP6, peer=3), peer=3)
    lab.drain()
    with drops():
        lab[2].send(lab[2].build(b"blind", dst=lab[3].id))
        expect(lab[3].receive() is not None, "not relayed")
    set_peers(0)


def test_hub_that_comes_later_is_barred_as_well():
    set_peers(HUB_AND_SPOKE, lab[2].id)
    for n in (2, 3):
        lab.hub.hub_del(lab[n])
        lab.hub.hub_new(lab[n])
        lab.key_seal(lab[n])
        lab[n].counter = 0
    lab.route()
    rx(2, unicast_from(2), True)
    rx(3, unicast_from(3), False)
    set_peers(0)


def test_tree_frames_of_a_barred_root_are_passed_on_and_not_opened():
    lab.route(trees=[tree(lab[3].id, lab[3].id, (2,))])
    set_sender_key(lab.hub, lab[3], lab[3].sender.raw)
    set_peers(HUB_AND_SPOKE, lab[2].id)
    lab.drain()
    with drops(rx_peer=1):
        lab[3].send(lab[3].build_tree(flood_from(3)))
        expect(lab[2].receive() is not None, "not passed on")
    expect(lab.delivered(0.05) is None, "delivered")
    set_peers(0)
    with drops():
        lab[3].send(lab[3].build_tree(flood_from(3)))
        expect(lab.delivered() is not None, "not delivered without a policy")
    lab.route()


def test_lists_of_the_wrong_shape_are_refused():
    set_peers(HUB_AND_SPOKE, lab[2].id)
    for fields in ([attr(uapi.HUBMESH_A_PEERS_FLAGS, u32(8))],
                   [attr(uapi.HUBMESH_A_PEERS_LIST, bytes(7))],
                   [attr(uapi.HUBMESH_A_PEERS_LIST, bytes(6 * (uapi.HUBMESH_PEERS_MAX + 1)))]):
        try:
            lab.hub.device_set(attr(uapi.HUBMESH_A_DEVICE_PEERS, fields))
        except NetlinkError as error:
            expect(error.errno in (errno.EINVAL, errno.ERANGE), f"errno of {error}")
        else:
            raise AssertionError(f"accepted: {fields}")
        expect_equal(peers(), (HUB_AND_SPOKE, [lab[2].id]), "what is in force")
    many = [mac(f"02:00:00:00:01:{n:02x}") for n in range(uapi.HUBMESH_PEERS_MAX)]
    set_peers(UNICAST, *many)
    expect_equal(peers(), (UNICAST, many), "the longest list")
    set_peers(0)
