# SPDX-License-Identifier: GPL-2.0
"""Trees (kernel/tree.c): what is for many is sealed once and copied by those it passes.

      peer 2 (Python) ---- veth ----+
      peer 3 (Python) ---- veth ---- hub 1 (kernel)
      peer 4 (Python) ---- veth ----+

Unless a test says otherwise, hub 1 is the root of a tree to all peers, and in the tree of
root 2 it has 2 as its parent and 3 and 4 as its children.
"""

import errno
import socket
import struct

from lib import frame, uapi
from lib.ktap import expect, expect_equal, quick
from lib.lab import MARK, DropsExactly, Lab, provokes
from lib.membership import group_mac, groups_of, join
from lib.mesh import hub_ref, ip_batch, line, link_ref, material, run, wait_for
from lib.netlink import Genl, NetlinkError, as_dict, attr, mac, number, u64
from lib.policy import pair, set_rules, zone
from lib.traffic import closing_all, udp_socket
from lib.trees import (BROADCAST, SENDER, del_sender_key, grow_trees, sender_key, sender_phase,
                       set_sender_key, tree, trees_of, use_sender_key)

OWN = frame.Material(material("lab-sender", 1)[:44])
GROUP, OTHER_GROUP = group_mac("239.1.2.3"), group_mac("239.1.2.4")
STRANGER = mac("00:16:3e:99:99:99")
TREE = uapi.HM_TYPE_TREE
lab = None


def setup():
    global lab
    lab = Lab(peers=(2, 3, 4))
    lab.up()
    join(lab.hub, GROUP)
    wait_for("joined", lambda: GROUP in groups_of(lab.hub)[1])


def teardown():
    if lab:
        lab.down()


def drops(**wanted):
    return DropsExactly(lab.hub, **wanted)


def grow(own=(2, 3, 4), through=(3, 4), groups=None, **kw):
    """Routes and both trees anew."""
    lab.route(trees=[tree(lab.hub.id, None, own, groups, **kw),
                     tree(lab[2].id, lab[2].id, through, groups)])


def share_keys(proved=(2, 3, 4)):
    """Fresh sender keys: ours, which @proved peers have, and that of peer 2."""
    for owner in (lab.hub, *lab.peers.values()):
        del_sender_key(lab.hub, owner)
    set_sender_key(lab.hub, lab.hub, OWN.raw, use=True)
    set_sender_key(lab.hub, lab[2], lab[2].sender.raw)
    for n in proved:
        use_sender_key(lab.hub, lab[n])
    lab.drain()


def ready(**kw):
    grow(**kw)
    share_keys()


def events(listener):
    """Attributes of the notifications that came, until none comes."""
    while True:
        event = listener.event(0.3)
        if not event:
            return
        yield event[1]


def to(dst, text=b"to many"):
    return dst + lab.hub.id + struct.pack(">H", MARK) + text


def from_2(dst, text=b"from 2"):
    return lab[2].inner(text, dst=dst)


def device_tx():
    stats = as_dict(lab.hub.device()[uapi.HUBMESH_A_DEVICE_STATS])
    return number(stats[uapi.HUBMESH_A_STATS_TX_FRAMES])


def received(n, key=None):
    """(header, plain) of the next frame to peer @n."""
    raw = lab[n].receive()
    expect(raw is not None, f"nothing came to peer {n}; drops {lab.hub.drops()}")
    return lab[n].open_frame(raw, key=key)


def nothing_to(*numbers):
    for n in numbers:
        raw = lab[n].receive(0.05)
        expect(raw is None, f"a frame came to peer {n}: {raw and vars(frame.Header.parse(raw))}")


# ---- from here

@quick
def test_frame_for_many_is_sealed_once_and_leaves_by_every_child():
    ready()
    before = device_tx()
    for dst in (BROADCAST, GROUP):
        with drops():
            lab.transmit(to(dst))
            got = [received(n, OWN) for n in (2, 3, 4)]
        for header, plain in got:
            expect_equal(plain, bytes(2) + to(dst), "zone 0 and the inner frame")
            expect_equal((header.type, header.dst, header.src, header.ttl),
                         (TREE, dst, lab.hub.id, uapi.HM_TTL_DEFAULT), "header")
        expect_equal(len({h.counter for h, _ in got}), 1, "seal counters of one frame")
        expect_equal(len({(h.lane, h.flow) for h, _ in got}), 1, "lane and flow")
    expect_equal(device_tx(), before + 2, "frames sealed")
    nothing_to(2, 3, 4)


@quick
def test_unknown_unicast_goes_along_the_tree_as_broadcast_does():
    ready()
    with drops():
        lab.transmit(to(STRANGER))
        for n in (2, 3, 4):
            header, plain = received(n, OWN)
            expect_equal((header.type, header.dst), (TREE, BROADCAST), "header")
            expect_equal(plain, bytes(2) + to(STRANGER), "inner frame")


def test_unicast_to_a_known_hub_does_not_go_along_the_tree():
    ready()
    with drops():
        lab.transmit(to(lab[3].id))
        header, plain = received(3)
        expect_equal((header.type, plain), (uapi.HM_TYPE_UNICAST, bytes(2) + to(lab[3].id)), "frame")
        nothing_to(2, 4)


@quick
def test_without_tree_or_key_in_use_a_copy_is_sealed_for_every_hub():
    """Nothing is lost before trees and keys are there."""
    def expect_copies(what):
        lab.drain()
        with drops():
            lab.transmit(to(BROADCAST))
            for n in (2, 3, 4):
                header, plain = received(n)
                expect_equal((header.type, plain), (uapi.HM_TYPE_UNICAST, bytes(2) + to(BROADCAST)),
                             what)
            nothing_to(2, 3, 4)

    lab.route()
    share_keys()
    expect_copies("no tree")
    grow()
    del_sender_key(lab.hub, lab.hub)
    expect_copies("no key")
    set_sender_key(lab.hub, lab.hub, OWN.raw)
    for n in (2, 3, 4):
        use_sender_key(lab.hub, lab[n])
    expect_copies("key not in use")


@quick
def test_hubs_not_known_to_have_the_key_get_copies_of_their_own():
    grow(own=(2, 3))
    share_keys(proved=(2, 3))
    with drops():
        lab.transmit(to(GROUP))
        expect_equal([received(n, OWN)[0].type for n in (2, 3)], [TREE] * 2, "types")
        header, plain = received(4)
        expect_equal((header.type, plain), (uapi.HM_TYPE_UNICAST, bytes(2) + to(GROUP)), "copy")
        nothing_to(2, 3, 4)
        use_sender_key(lab.hub, lab[4])
        lab.transmit(to(GROUP))
        expect_equal([received(n, OWN)[0].type for n in (2, 3)], [TREE] * 2, "types")
        nothing_to(2, 3, 4)
        del_sender_key(lab.hub, lab[4])     # it was restarted
        lab.transmit(to(GROUP))
        expect_equal(received(4)[0].type, uapi.HM_TYPE_UNICAST, "type of the copy")
        lab.drain()


def test_new_phase_is_used_from_key_use_on_and_must_be_proved_anew():
    ready()
    second = frame.Material(material("lab-sender", 1, "second")[:44])
    set_sender_key(lab.hub, lab.hub, second.raw, phase=1)
    with drops():
        lab.transmit(to(GROUP))
        expect_equal([received(n, OWN)[0].phase for n in (2, 3, 4)], [0] * 3, "phases before")
        for n in (2, 3):
            use_sender_key(lab.hub, lab[n], 1)
        use_sender_key(lab.hub, lab.hub, 1)
        lab.transmit(to(GROUP))
        for n in (2, 3):
            header, plain = received(n, second)
            expect_equal((header.phase, plain), (1, bytes(2) + to(GROUP)), "new phase")
        kinds = {frame.Header.parse(lab[4].receive()).type for _ in range(2)}
        expect_equal(kinds, {TREE, uapi.HM_TYPE_UNICAST}, "peer 4 gets a copy as well")
    del_sender_key(lab.hub, lab.hub, 0)
    hubs = lab.hub.hubs_known()
    proved = [number(hubs[lab[n].id][uapi.HUBMESH_A_HUB_SENDER_PROVED]) for n in (2, 3, 4)]
    expect_equal(proved, [2, 2, 0], "proved phases")


@quick
def test_group_that_not_all_children_want_is_pruned_and_others_are_not():
    ready(groups={GROUP: 0b010})
    with drops():
        lab.transmit(to(GROUP))
        received(3, OWN)
        nothing_to(2, 3, 4)
        for dst in (OTHER_GROUP, BROADCAST, mac("33:33:ff:00:00:01"), group_mac("224.0.0.251")):
            lab.transmit(to(dst))
            for n in (2, 3, 4):
                expect_equal(received(n, OWN)[1], bytes(2) + to(dst), "frame")
    ready(groups={GROUP: 0, OTHER_GROUP: 0b101})
    with drops():
        lab.transmit(to(GROUP))
        nothing_to(2, 3, 4)
        lab.transmit(to(OTHER_GROUP))
        for n in (2, 4):
            received(n, OWN)
        nothing_to(3)


def test_frame_longer_than_the_tree_takes_is_refused():
    ready(frame_max=1400)
    longest = 1400 - uapi.HM_HDR_LEN - uapi.HM_ZONE_LEN - uapi.HM_SEAL_TAG_LEN - 14
    with drops():
        lab.transmit(to(GROUP, bytes(longest)))
        received(3, OWN)
    with drops(tx_mtu=1):
        lab.transmit(to(GROUP, bytes(longest + 1)))
    lab.drain()


def test_rules_about_hubs_make_copies_and_others_do_not():
    """Whom a frame may go to then depends on the hub: it cannot be sealed for all."""
    ready()
    set_rules(lab.hub, zone(7, hub=lab[2].id))
    with drops(tx_zone=1):
        lab.transmit(to(GROUP))
        expect_equal([received(n)[0].type for n in (3, 4)], [uapi.HM_TYPE_UNICAST] * 2, "types")
        nothing_to(2)
    set_rules(lab.hub, zone(7, mac_=STRANGER), pair(0, 0))
    with drops(tx_zone=1):
        lab.transmit(to(STRANGER))
        nothing_to(2, 3, 4)
    with drops():
        lab.transmit(to(GROUP))
        expect_equal([received(n, OWN)[0].type for n in (2, 3, 4)], [TREE] * 3, "types")
    set_rules(lab.hub)


@provokes("tx-link-down")
def test_child_behind_a_link_that_is_down_gets_nothing_and_the_others_do():
    with Lab(peers=(2, 3), prefix="labd") as other:
        for peer in other.peers.values():
            other.hub.link_del(peer.number)
            oif = int(run(f"ip netns exec {other.hub.netns} cat /sys/class/net/to{peer.number}/ifindex"))
            other.link(peer, oif=oif)
        other.route(trees=[tree(other.hub.id, None, (2, 3))])
        set_sender_key(other.hub, other.hub, OWN.raw, use=True)
        for peer in other.peers.values():
            use_sender_key(other.hub, peer)
        ip_batch(other.hub.netns, ["link set to2 down"])
        wait_for("link down", lambda: other.hub.link_state(2) == uapi.HUBMESH_LINK_DOWN)
        with DropsExactly(other.hub, tx_link_down=1):
            other.transmit(BROADCAST + other.hub.id + struct.pack(">H", MARK))
            expect(other[3].receive() is not None, "nothing came to the other child")


# ---- passing through

@quick
def test_frame_of_another_root_is_copied_to_the_children_and_delivered():
    ready()
    for dst in (BROADCAST, GROUP, STRANGER):
        inner = from_2(dst)
        with drops():
            sent = lab[2].build_tree(inner, ttl=9, cls=5, flow=77, lane=13)
            lab[2].send(sent)
            got = [lab[n].receive() for n in (3, 4)]
            expect_equal(lab.delivered(), inner, "delivered frame")
        before = frame.Header.parse(sent)
        for n, raw in zip((3, 4), got):
            after = frame.Header.parse(raw)
            expect_equal(raw[40:], sent[40:], "sealed part")
            expect_equal(after.aad(), before.aad(), "bytes a relay may not change")
            expect_equal((after.ttl, after.link_index), (8, 1), "hop fields")
            expect_equal(frame.hop_tag(raw[:32], lab[n].link_rx.hop), after.hop_tag, "hop tag")
        nothing_to(2, 3, 4)


def test_key_is_not_asked_for_because_of_what_nobody_joined():
    grow()
    share_keys()
    del_sender_key(lab.hub, lab[2])
    with closing_all(Genl(lab.hub.netns)) as (listener,):
        listener.subscribe()
        with drops(rx_seal_no_key=2):
            for dst in (mac("33:33:00:00:00:02"), mac("33:33:00:00:00:16")):
                lab[2].send(lab[2].build_tree(from_2(dst)))
        kinds = {number(fields[uapi.HUBMESH_A_EVENT]) for fields in events(listener)}
    expect(uapi.HUBMESH_EVENT_NEED_SESSION not in kinds, "asked for a session")
    lab.drain()


def test_relay_without_the_key_copies_blindly_and_asks_for_it():
    ready()
    del_sender_key(lab.hub, lab[2])
    with closing_all(Genl(lab.hub.netns)) as (listener,):
        listener.subscribe()
        with drops(rx_seal_no_key=2):
            for _ in range(2):
                lab[2].send(lab[2].build_tree(from_2(GROUP)))
                for n in (3, 4):
                    expect(lab[n].receive() is not None, "not relayed")
        asked = [as_dict(fields[uapi.HUBMESH_A_HUB])[uapi.HUBMESH_A_HUB_ID]
                 for fields in events(listener)
                 if number(fields[uapi.HUBMESH_A_EVENT]) == uapi.HUBMESH_EVENT_NEED_SESSION]
    expect_equal(asked, [lab[2].id], "asked for, once in a second")
    expect(lab.delivered(0.05) is None, "delivered without a key")


def test_pruned_children_get_no_copy_and_the_hub_itself_does():
    ready(groups={GROUP: 0b01})
    with drops():
        lab[2].send(lab[2].build_tree(from_2(GROUP)))
        expect(lab[3].receive() is not None, "not relayed to who wants it")
        expect_equal(lab.delivered(), from_2(GROUP), "delivered frame")
        nothing_to(4)


def test_frames_of_one_super_packet_are_all_copied():
    ready()
    lab.join_received()
    inners = [from_2(GROUP, b"%04d" % n + bytes(500)) for n in range(20)]
    with drops():
        lab[2].send_super([lab[2].build_tree(inner) for inner in inners])
        for n in (3, 4):
            bodies = [lab[n].receive() for _ in inners]
            expect(all(bodies), "one is missing")
            numbers = [frame.Header.parse(raw).counter for raw in bodies]
            expect_equal(numbers, sorted(numbers), "order")
        expect_equal([lab.delivered() for _ in inners], inners, "delivered frames")


def test_packed_frames_are_copied_and_unpacked():
    ready()
    inners = [from_2(GROUP, b"one"), from_2(GROUP, b"two")]
    plain = bytes(2) + b"".join(struct.pack(">H", len(i)) + i for i in inners)
    with drops():
        lab[2].send(lab[2].build_tree(inners[0], plain=plain, flags=uapi.HM_FLAG_PACKED))
        expect(all(lab[n].receive() for n in (3, 4)), "not relayed")
        expect_equal([lab.delivered() for _ in inners], inners, "delivered frames")


def test_kernel_hubs_in_a_line_deliver_everywhere_what_was_sealed_once():
    """1 -- 2 -- 3, each the root of a tree."""
    with line(3) as mesh:
        grow_trees(mesh)
        for hub in mesh.hubs.values():
            others = [other for other in mesh.hubs.values() if other is not hub]
            run(f"ip netns exec {hub.netns} ip route add 239.0.0.0/8 dev {hub.dev}")
            check_multicast(hub, others)


def check_multicast(src, receivers):
    group, port = "239.1.1.1", 4444
    socks = []
    for hub in receivers:
        socks.append(udp_socket(hub.netns, group, port))
        socks[-1].setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                             socket.inet_aton(group) + socket.inet_aton(hub.ipv4))
        wait_for("joined", lambda: group_mac(group) in groups_of(hub)[1])
    with closing_all(udp_socket(src.netns, src.ipv4), *socks) as (tx, *rx):
        with DropsExactly(src):
            for size in (10, 1000):
                tx.sendto(bytes(size), (group, port))
                for sock in rx:
                    expect_equal(len(sock.recv(65535)), size, "datagram")


# ---- refused

@quick
@provokes("rx-tree-parent")
def test_frame_from_other_than_the_parent_is_refused():
    """Peer 3 has a link to us and the sender key of 2, as every hub has."""
    ready()
    raw = lambda: lab[3].build_tree(from_2(GROUP), key=lab[2].sender, src=lab[2].id,
                                    counter=lab[2].header().counter)
    with drops(rx_tree_parent=1):
        lab[3].send(raw())
        nothing_to(2, 3, 4)
    expect(lab.delivered(0.05) is None, "delivered")
    lab.route(trees=[tree(lab[2].id, lab[3].id, (4,))])
    with drops():
        lab[3].send(raw())
        expect(lab[4].receive() is not None, "not relayed from the new parent")
        expect_equal(lab.delivered(), from_2(GROUP), "delivered frame")


@quick
@provokes("fwd-no-tree")
def test_frame_of_a_root_without_a_tree_is_refused():
    ready()
    with drops(fwd_no_tree=1):
        lab[3].send(lab[3].build_tree(lab[3].inner(dst=GROUP)))
    lab.route()
    with drops(fwd_no_tree=1):
        lab[2].send(lab[2].build_tree(from_2(GROUP)))
    nothing_to(2, 3, 4)


@provokes("rx-hub-unknown")
def test_frame_of_an_unknown_root_is_refused():
    ready()
    with drops(rx_hub_unknown=1):
        lab[2].send(lab[2].build_tree(from_2(GROUP), src=mac("02:68:75:62:00:ee")))
    nothing_to(3, 4)


@quick
@provokes("rx-seal-replay")
def test_repeated_frame_is_neither_copied_nor_delivered_again():
    """What came round in a circle, or was recorded, on a fresh hop."""
    ready()
    counter = lab[2].header().counter
    with drops(rx_seal_replay=1):
        for _ in range(2):
            lab[2].send(lab[2].build_tree(from_2(GROUP), counter=counter))
        expect_equal(lab.delivered(), from_2(GROUP), "delivered frame")
        expect(lab.delivered(0.05) is None, "delivered twice")
    for n in (3, 4):
        expect(lab[n].receive() is not None, "the first was not relayed")
    nothing_to(3, 4)


@provokes("rx-own-source")
def test_own_frame_coming_back_is_refused():
    ready()
    with drops(rx_own_source=1):
        lab[2].send(lab[2].build_tree(from_2(GROUP), src=lab.hub.id, key=OWN))
    nothing_to(3, 4)


@provokes("fwd-ttl")
def test_frame_without_hops_left_is_delivered_and_not_copied():
    ready()
    for ttl in (0, 1):
        with drops(fwd_ttl=1):
            lab[2].send(lab[2].build_tree(from_2(GROUP), ttl=ttl))
            expect_equal(lab.delivered(), from_2(GROUP), "delivered frame")
    nothing_to(3, 4)
    grow(through=())
    with drops():
        lab[2].send(lab[2].build_tree(from_2(GROUP), ttl=1))
        expect_equal(lab.delivered(), from_2(GROUP), "delivered at a leaf")


@provokes("rx-seal-auth")
def test_altered_frame_is_not_delivered_and_moves_no_window():
    ready()
    header_counter = lab[2].header().counter
    raw = bytearray(lab[2].build_tree(from_2(GROUP), counter=header_counter))
    raw[-1] ^= 1
    with drops(rx_seal_auth=1):
        lab[2].send(bytes(raw))
    with drops():
        lab[2].send(lab[2].build_tree(from_2(GROUP), counter=header_counter))
        expect_equal(lab.delivered(), from_2(GROUP), "delivered frame")
    lab.drain()


@provokes("rx-inner")
def test_sender_key_does_not_vouch_for_frames_to_this_hub_alone():
    """Every member has the key: with it nobody may speak to us in the root's name."""
    ready()
    with drops(rx_inner=1):
        lab[2].send(lab[2].build_tree(lab[2].inner(b"believe me"), dst=BROADCAST))
    two = [from_2(GROUP), lab[2].inner(b"believe me")]
    plain = bytes(2) + b"".join(struct.pack(">H", len(i)) + i for i in two)
    with drops(rx_inner=1):
        lab[2].send(lab[2].build_tree(two[0], plain=plain, flags=uapi.HM_FLAG_PACKED))
    expect(lab.delivered(0.05) is None, "delivered")
    lab.drain()


def test_pair_key_does_not_open_tree_frames_nor_the_other_way_round():
    ready()
    with drops(rx_seal_auth=2):
        lab[2].send(lab[2].build_tree(from_2(GROUP), key=lab[2].seal_tx))
        lab[2].send(lab[2].build(key=lab[2].sender))
    lab.drain()


# ---- netlink

@quick
def test_trees_are_shown_as_they_were_set():
    grow(groups={GROUP: 1, OTHER_GROUP: 2})
    expect_equal(trees_of(lab.hub), {
        lab.hub.id: (None, [2, 3, 4], {GROUP: 1, OTHER_GROUP: 2}),
        lab[2].id: (lab[2].id, [3, 4], {GROUP: 1, OTHER_GROUP: 2})}, "trees")
    lab.route()
    expect_equal(trees_of(lab.hub), {}, "trees after a set without")


def test_largest_tree_fits_and_is_shown():
    groups = {mac(f"01:00:5e:01:00:{n:02x}"): n % 8 for n in range(uapi.HUBMESH_TREE_GROUPS_MAX)}
    grow(groups=groups)
    expect_equal(trees_of(lab.hub)[lab.hub.id], (None, [2, 3, 4], groups), "tree")
    groups[mac("01:00:5e:02:00:00")] = 1
    refused(errno.ERANGE, tree(lab.hub.id, None, (2,), groups))
    expect_equal(len(trees_of(lab.hub)), 2, "trees of the set in force")


def refused(code, *trees):
    try:
        lab.route(trees=trees)
    except NetlinkError as error:
        expect_equal(error.errno, code, f"errno of {error}")
        expect(error.extack, "no text")
        return
    raise AssertionError("accepted")


@quick
def test_trees_that_are_none_are_refused_and_the_set_in_force_stays():
    grow()
    before = trees_of(lab.hub)
    own, two = lab.hub.id, lab[2].id
    for code, bad in (
            (errno.EINVAL, [tree(own, two, (3,))]),
            (errno.EINVAL, [tree(two, None, (3,))]),
            (errno.ENOENT, [tree(mac("02:68:75:62:00:ee"), two, (3,))]),
            (errno.ENOENT, [tree(own, None, (2, 77))]),
            (errno.EINVAL, [tree(own, None, (2, 2))]),
            (errno.ELOOP, [tree(two, two, (2, 3))]),
            (errno.EEXIST, [tree(own, None, (2,)), tree(own, None, (3,))]),
            (errno.EADDRNOTAVAIL, [tree(own, None, (2,), {STRANGER: 1})]),
            (errno.EINVAL, [attr(uapi.HUBMESH_A_ROUTES_TREE, [
                attr(uapi.HUBMESH_A_TREE_ROOT, own),
                attr(uapi.HUBMESH_A_TREE_CHILDREN, bytes(6))])]),
            (errno.EINVAL, [attr(uapi.HUBMESH_A_ROUTES_TREE, [
                attr(uapi.HUBMESH_A_TREE_ROOT, own),
                attr(uapi.HUBMESH_A_TREE_GROUPS, GROUP)])]),
            (errno.EINVAL, [attr(uapi.HUBMESH_A_ROUTES_TREE, [])])):
        refused(code, *bad)
        expect_equal(trees_of(lab.hub), before, "trees in force")


def test_removed_link_is_no_child_any_more():
    ready()
    lab.hub.link_del(4)
    try:
        with drops(tx_link_down=1):
            lab.transmit(to(GROUP))
            for n in (2, 3):
                received(n, OWN)
        expect_equal(trees_of(lab.hub)[lab.hub.id][1], [2, 3, 0], "children")
    finally:
        lab.link(lab[4])
        lab[4].hop_seq = 0
        lab.route()


def test_removed_root_takes_its_tree_and_key_with_it():
    ready()
    lab.hub.hub_del(lab[2])
    try:
        expect_equal(set(trees_of(lab.hub)), {lab.hub.id}, "roots")
        with drops(rx_hub_unknown=1):
            lab[2].send(lab[2].build_tree(from_2(GROUP)))
    finally:
        lab.hub.hub_new(lab[2])
        lab.key_seal(lab[2])
        lab[2].counter = 0
        lab.route()
    lab.drain()


@quick
def test_sender_keys_of_the_wrong_shape_are_refused():
    raw = OWN.raw
    own, two = hub_ref(lab.hub.id), hub_ref(lab[2].id)
    del_sender_key(lab.hub, lab.hub)
    del_sender_key(lab.hub, lab[2])
    for code, cmd, owner, nest in (
            (errno.EINVAL, "SET", own, sender_key(0, raw, False)),
            (errno.EINVAL, "SET", two, sender_key(0, raw, True)),
            (errno.EINVAL, "SET", own, sender_key(0, raw, True, more=[
                attr(uapi.HUBMESH_A_KEY_RX, raw)])),
            (errno.EINVAL, "SET", two, sender_key(0, raw, False, use=True)),
            (errno.EINVAL, "SET", own, sender_key(0, bytes(44), True)),
            (errno.EINVAL, "SET", own, sender_key(0, raw.ljust(60, b"x"), True)),
            (errno.EINVAL, "SET", link_ref(2), sender_key(0, raw, True)),
            (errno.ENOENT, "SET", hub_ref(mac("02:68:75:62:00:ee")), sender_key(0, raw, False)),
            (errno.ENOENT, "USE", own, sender_phase(0)),
            (errno.ENOENT, "USE", two, sender_phase(0)),
            (errno.ENOENT, "DEL", own, sender_phase(0))):
        try:
            lab.hub.request(getattr(uapi, f"HUBMESH_CMD_KEY_{cmd}"), owner, nest)
        except NetlinkError as error:
            expect_equal(error.errno, code, f"errno of {error}")
            expect(error.extack, "no text")
        else:
            raise AssertionError(f"accepted: {cmd} {nest}")
    set_sender_key(lab.hub, lab.hub, raw, use=True)
    try:
        set_sender_key(lab.hub, lab.hub, raw)
    except NetlinkError as error:
        expect_equal(error.errno, errno.EEXIST, "phase in use")
    else:
        raise AssertionError("replaced the phase in use: counters would start again")


@quick
def test_events_tell_when_the_sender_key_is_in_use_and_when_it_wears_out():
    ready()
    listener = Genl(lab.hub.netns)
    listener.subscribe()
    try:
        set_sender_key(lab.hub, lab.hub, frame.Material(material("third")[:44]).raw, phase=2)
        lab.hub.device_set(attr(uapi.HUBMESH_A_DEVICE_REKEY_FRAMES, u64(3)))
        use_sender_key(lab.hub, lab.hub, 2)
        for _ in range(5):
            lab.transmit(to(GROUP))
        seen = []
        for fields in events(listener):
            if uapi.HUBMESH_A_KEY not in fields or uapi.HUBMESH_A_HUB not in fields:
                continue
            one = as_dict(fields[uapi.HUBMESH_A_KEY])
            if number(one.get(uapi.HUBMESH_A_KEY_SCOPE, b"")) == SENDER:
                seen.append((number(fields[uapi.HUBMESH_A_EVENT]),
                             number(one[uapi.HUBMESH_A_KEY_PHASE]),
                             as_dict(fields[uapi.HUBMESH_A_HUB])[uapi.HUBMESH_A_HUB_ID]))
        expect_equal(seen, [(uapi.HUBMESH_EVENT_KEY_IN_USE, 2, lab.hub.id),
                            (uapi.HUBMESH_EVENT_KEY_NEEDED, 2, lab.hub.id)], "events")
    finally:
        listener.close()
        lab.hub.device_set(attr(uapi.HUBMESH_A_DEVICE_REKEY_FRAMES, u64(1 << 29)))
        del_sender_key(lab.hub, lab.hub)
        lab.drain()
