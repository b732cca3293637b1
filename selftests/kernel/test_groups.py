# SPDX-License-Identifier: GPL-2.0
"""Which multicast a hub wants (kernel/groups.c): its own stack's, and what it hears of others'.

      peer 2 (Python) ---- veth ----+
                                    hub 1 (kernel; "behind" it: a tap on mesh0)
      peer 3 (Python) ---- veth ----+
"""

import contextlib
import socket
import struct

from lib import uapi
from lib.ktap import expect, expect_equal, quick, takes
from lib.lab import MARK, DropsExactly, Lab
from lib.membership import (ALL4, ALL6, ALLOW, BLOCK, IS_EXCLUDE, IS_INCLUDE, LEAVE, MLD2_REPORT,
                            MLD_DONE, MLD_QUERY, MLD_REPORT, QUERY, REPORT_V1, REPORT_V2,
                            REPORT_V3, TO_EXCLUDE, TO_INCLUDE, group_mac, groups_of, igmp, join,
                            mld, record)
from lib.mesh import run, wait_for
from lib.netlink import Genl, mac, mac_text, number
from lib.traffic import closing_all, udp_socket
from lib.trees import set_sender_key, tree, use_sender_key

G4, H4, G6, H6 = "239.1.2.3", "239.1.2.4", "ff15::1:2", "ff15::1:3"
lab = None


def setup():
    global lab
    lab = Lab()
    lab.up()


def teardown():
    if lab:
        lab.down()


def expect_groups(what, flags, *groups):
    wanted = flags, {group_mac(g) for g in groups}
    try:
        wait_for(what, lambda: groups_of(lab.hub)[:2] == wanted, 5)
    except TimeoutError:
        got = groups_of(lab.hub)
        raise AssertionError(f"{what}: flags {got[0]}, groups {sorted(map(mac_text, got[1]))}; "
                             f"wanted {flags}, {groups}") from None


@contextlib.contextmanager
def others_listen(asked=True):
    """As if mesh0 were in a bridge.  @asked: a querier has asked twice already."""
    run(f"ip -n {lab.hub.netns} link set mesh0 allmulticast on")
    try:
        expect_groups("before anybody asked", ALL4 | ALL6)
        if asked:
            ask(igmp(QUERY, code=1), mld(MLD_QUERY, response_ms=1))
            expect_groups("all have answered", 0)
        yield
    finally:
        # a new interface forgets what was heard
        lab.down()
        lab.up()


def ask(*queries):
    for query in queries * 2:
        lab.transmit(query)


def malformed():
    return groups_of(lab.hub)[2]


@quick
def test_groups_of_the_own_stack_are_wanted_exactly():
    expect_groups("nothing joined", 0)
    join4 = socket.inet_aton(G4) + socket.inet_aton(lab.hub.ipv4)
    with closing_all(Genl(lab.hub.netns), udp_socket(lab.hub.netns, lab.hub.ipv4)) as (listener, sock):
        listener.subscribe()
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, join4)
        expect_groups("joined", 0, G4)
        kinds = []
        while event := listener.event(0.3):
            kinds.append(number(event[1][uapi.HUBMESH_A_EVENT]))
        expect(uapi.HUBMESH_EVENT_GROUPS in kinds, f"no event: {kinds}")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, join4)
        expect_groups("left", 0)


def test_link_local_groups_and_solicited_nodes_are_not_listed():
    some = [mac("01:00:5e:00:00:fb"), mac("33:33:00:00:00:01"), mac("33:33:ff:00:00:01"),
            mac("01:80:c2:00:00:0e"), group_mac(G6)]
    join(lab.hub, *some)
    expect_groups("one of five", 0, G6)
    join(lab.hub, *some, leave=True)
    expect_groups("none", 0)


def test_more_groups_than_there_is_room_for_are_all():
    many = [mac(f"01:00:5e:07:00:{n:02x}") for n in range(uapi.HUBMESH_GROUPS_MAX + 1)]
    join(lab.hub, *many)
    wait_for("all", lambda: groups_of(lab.hub)[0] == ALL4 | ALL6)
    expect_equal(len(groups_of(lab.hub)[1]), uapi.HUBMESH_GROUPS_MAX, "groups listed")
    join(lab.hub, *many, leave=True)
    expect_groups("none", 0)


@quick
def test_everything_is_wanted_until_a_querier_has_asked_twice():
    with others_listen(asked=False):
        lab.transmit(igmp(REPORT_V2, G4))
        expect_groups("a report alone proves nothing", ALL4 | ALL6, G4)
        lab.transmit(igmp(QUERY, code=1))
        lab.transmit(mld(MLD_QUERY, response_ms=1))
        expect_groups("asked once", ALL4 | ALL6, G4)
        lab.transmit(igmp(QUERY, code=1))
        expect_groups("IGMP asked twice", ALL6, G4)
        lab.transmit(mld(MLD_QUERY, response_ms=1))
        expect_groups("MLD asked twice", 0, G4)


@quick
def test_querier_across_the_mesh_counts_as_well():
    with others_listen(asked=False):
        for query in (igmp(QUERY, code=1), mld(MLD_QUERY, response_ms=1)) * 2:
            lab[2].send(lab[2].build(query))
        expect_groups("asked", 0)


def test_time_to_answer_is_waited_for():
    with others_listen(asked=False):
        ask(igmp(QUERY, code=10), mld(MLD_QUERY, response_ms=1))
        expect_groups("IGMP is still answered", ALL4)
        expect_groups("answered", 0)


@quick
def test_every_version_of_report_makes_a_member():
    with others_listen():
        for what, frame_, group in (
                ("v1", igmp(REPORT_V1, "239.2.0.1"), "239.2.0.1"),
                ("v2", igmp(REPORT_V2, "239.2.0.2"), "239.2.0.2"),
                ("v2 in a VLAN", igmp(REPORT_V2, "239.2.0.9", vlans=(7,)), "239.2.0.9"),
                ("v3 exclude", igmp(REPORT_V3, records=[record(TO_EXCLUDE, "239.2.0.3")]), "239.2.0.3"),
                ("v3 still", igmp(REPORT_V3, records=[record(IS_EXCLUDE, "239.2.0.4")]), "239.2.0.4"),
                ("v3 from", igmp(REPORT_V3, records=[record(ALLOW, "232.2.0.5", ["10.0.0.1"])]),
                 "232.2.0.5"),
                ("v3 include", igmp(REPORT_V3, records=[
                    record(IS_INCLUDE, "232.2.0.6", ["10.0.0.1", "10.0.0.2"], aux=1)]), "232.2.0.6"),
                ("MLDv1", mld(MLD_REPORT, "ff15::2:1"), "ff15::2:1"),
                ("MLDv2", mld(MLD2_REPORT, records=[record(TO_EXCLUDE, "ff15::2:2")]), "ff15::2:2"),
                ("MLDv2 from", mld(MLD2_REPORT, records=[
                    record(TO_INCLUDE, "ff35::2:3", ["2001:db8::1"])]), "ff35::2:3")):
            lab.transmit(frame_)
            wait_for(what, lambda: group_mac(group) in groups_of(lab.hub)[1], 5)
        lab.transmit(igmp(REPORT_V3, records=[record(TO_EXCLUDE, "239.3.0.1"),
                                              record(BLOCK, "239.3.0.2", ["10.0.0.1"]),
                                              record(TO_EXCLUDE, "239.3.0.3")]))
        wait_for("several", lambda: group_mac("239.3.0.3") in groups_of(lab.hub)[1], 5)
        flags, groups, bad = groups_of(lab.hub)
        expect_equal((flags, len(groups), bad), (0, 12, 0), "flags, groups, malformed")
        expect(group_mac("239.3.0.1") in groups and group_mac("239.3.0.2") not in groups, "records")


@takes(30)
def test_who_leaves_is_forgotten_when_nobody_answers_for_the_others():
    with others_listen():
        lab.transmit(igmp(REPORT_V2, G4))
        lab.transmit(igmp(REPORT_V2, H4))
        lab.transmit(mld(MLD_REPORT, G6))
        lab.transmit(mld(MLD_REPORT, H6))
        expect_groups("joined", 0, G4, H4, G6, H6)
        lab.transmit(igmp(LEAVE, G4))
        lab.transmit(igmp(REPORT_V3, records=[record(TO_INCLUDE, H4)]))
        lab.transmit(igmp(REPORT_V2, H4))   # another one stays
        lab.transmit(mld(MLD_DONE, G6))
        lab.transmit(mld(MLD2_REPORT, records=[record(TO_INCLUDE, H6)]))
        expect_groups("left", 0, H4)


def test_old_reports_from_the_mesh_count_and_leaves_and_new_ones_do_not():
    """Who hears an old report is silent about its own membership."""
    with others_listen():
        for frame_ in (igmp(REPORT_V2, G4), mld(MLD_REPORT, G6),
                       igmp(REPORT_V3, records=[record(TO_EXCLUDE, H4)]),
                       mld(MLD2_REPORT, records=[record(TO_EXCLUDE, H6)])):
            lab[2].send(lab[2].build(frame_))
        expect_groups("members", 0, G4, G6)
        lab[2].send(lab[2].build(igmp(LEAVE, G4)))
        lab.transmit(igmp(REPORT_V2, H4))
        expect_groups("still", 0, G4, G6, H4)


@quick
def test_malformed_messages_are_counted_and_change_nothing():
    with others_listen():
        lab.transmit(igmp(REPORT_V2, G4))
        expect_groups("a good one", 0, G4)
        bad = [igmp(REPORT_V2, H4, spoil=1), igmp(REPORT_V2, H4, ttl=2), igmp(REPORT_V2, H4, cut=1),
               igmp(REPORT_V2, "10.0.0.1", dst=H4), igmp(LEAVE, "0.0.0.0"), igmp(LEAVE, G4, spoil=1),
               igmp(QUERY, "10.0.0.1", dst=H4), igmp(REPORT_V3, records=[], cut=1),
               igmp(REPORT_V3, records=[record(TO_EXCLUDE, H4)], n_records=2),
               igmp(REPORT_V3, records=[record(TO_EXCLUDE, H4), record(TO_EXCLUDE, "10.0.0.1")]),
               igmp(REPORT_V3, records=[record(ALLOW, H4, ["10.0.0.1"], n_sources=2)]),
               igmp(REPORT_V3, records=[record(ALLOW, H4, ["10.0.0.1"], aux=1)], cut=1),
               igmp(REPORT_V3, records=[record(ALLOW, H4)], n_records=65535),
               mld(MLD_REPORT, H6, spoil=1), mld(MLD_REPORT, H6, hop_limit=2),
               mld(MLD_REPORT, H6, src="fd00::1"), mld(MLD_REPORT, H6, cut=1),
               mld(MLD_REPORT, "fd00::1", dst=H6), mld(MLD_DONE, "::", dst="ff02::2"),
               mld(MLD2_REPORT, records=[], cut=1),
               mld(MLD2_REPORT, records=[record(TO_EXCLUDE, H6)], n_records=2),
               mld(MLD2_REPORT, records=[record(ALLOW, H6, n_sources=65535)])]
        with DropsExactly(lab.hub):
            for n, frame_ in enumerate(bad, 1):
                lab.transmit(frame_)
                expect_equal(malformed(), n, f"malformed after {frame_[14:].hex()}")
        lab.transmit(igmp(REPORT_V2, "239.9.9.9"))
        expect_groups("nothing of them", 0, G4, "239.9.9.9")


def test_what_is_not_a_membership_message_is_not_looked_at():
    with others_listen():
        for kind in (0x13, 0x14, 0x30, 0xFF):
            lab.transmit(igmp(kind, G4))
        lab.transmit(mld(133, G6, dst="ff02::2"))
        lab.transmit(group_mac(G4) + lab.hub.id + struct.pack(">H", MARK) + bytes(50))
        lab.transmit(igmp(REPORT_V2, H4))
        expect_groups("one", 0, H4)
        expect_equal(malformed(), 0, "malformed")


def test_more_heard_groups_than_there_is_room_for_are_all():
    with others_listen():
        for n in range(0, uapi.HUBMESH_GROUPS_MAX + 1, 43):
            lab.transmit(igmp(REPORT_V3, records=[record(TO_EXCLUDE, f"239.7.0.{n + k}")
                                                  for k in range(43)]))
        wait_for("all", lambda: groups_of(lab.hub)[0] == ALL4 | ALL6)


def test_without_others_reports_of_them_are_not_listened_to():
    lab.transmit(igmp(REPORT_V2, G4))
    lab.transmit(igmp(REPORT_V2, H4, spoil=1))
    join(lab.hub, group_mac(G6))
    expect_groups("only the own one", 0, G6)
    expect_equal(malformed(), 0, "malformed")
    join(lab.hub, group_mac(G6), leave=True)


# ---- with trees

@quick
def test_relay_that_does_not_want_a_group_passes_it_on_unopened():
    """Without a key it would count what it cannot open."""
    lab.route(trees=[tree(lab[2].id, lab[2].id, (3,))])
    expect_groups("nothing joined", 0)
    inner = lab[2].inner(dst=group_mac(G4))
    with DropsExactly(lab.hub):
        lab[2].send(lab[2].build_tree(inner))
        expect(lab[3].receive() is not None, "not passed on")
    with DropsExactly(lab.hub, rx_seal_no_key=1):
        lab[2].send(lab[2].build_tree(lab[2].inner(dst=group_mac("224.0.0.251"))))
        expect(lab[3].receive() is not None, "not passed on")
    join(lab.hub, group_mac(G4))
    expect_groups("joined", 0, G4)
    set_sender_key(lab.hub, lab[2], lab[2].sender.raw)
    with DropsExactly(lab.hub):
        lab[2].send(lab[2].build_tree(inner))
        expect(lab[3].receive() is not None, "not passed on")
        expect_equal(lab.delivered(), inner, "delivered frame")
    join(lab.hub, group_mac(G4), leave=True)
    lab.route()


@quick
def test_membership_messages_go_to_all_though_their_group_is_pruned():
    own = lab[2].sender
    lab.route(trees=[tree(lab.hub.id, None, (2, 3), {group_mac(G4): 0b01, group_mac(G6): 0b01})])
    set_sender_key(lab.hub, lab.hub, own.raw, use=True)
    for peer in lab.peers.values():
        use_sender_key(lab.hub, peer)
    lab.drain()
    with DropsExactly(lab.hub):
        for frame_ in (igmp(REPORT_V2, G4), mld(MLD_REPORT, G6), igmp(QUERY, G4, code=1)):
            lab.transmit(frame_)
            for n in (2, 3):
                raw = lab[n].receive()
                expect(raw is not None, f"nothing came to peer {n}")
                header, plain = lab[n].open_frame(raw, key=own)
                expect_equal((header.dst, plain[2:]), (b"\xff" * 6, frame_), "frame")
        lab.transmit(group_mac(G4) + lab.hub.id + struct.pack(">H", MARK) + bytes(50))
        expect(lab[2].receive() is not None and lab[3].receive(0.05) is None, "data was not pruned")
    lab.route()
