# SPDX-License-Identifier: GPL-2.0
"""Zones, zone pairs and the ACL (kernel/filter.c), where frames are opened and where sealed.

      peer 2 (Python) ---- veth ----+
                                    hub 1 (kernel, mesh0)  [in one test: mesh0 and two
      peer 3 (Python) ---- veth ----+                       veths are ports of a bridge]
"""

import errno
import random
import socket
import struct

from lib import kernel_log, packet, uapi
from lib.inner_lab import InnerLab
from lib.ktap import expect, expect_equal, quick
from lib.lab import DropsExactly, provokes, unchanged_but
from lib.mesh import Mesh, ip_batch, run, set_sysctl, wait_for
from lib.netlink import NetlinkError, as_dict, attr, inside, mac, number, u8, u16
from lib.packet import (ARP, AUTH, DEST_OPTIONS, FRAGMENT, HOP_BY_HOP, ICMP6, IP, IP6, NO_NEXT,
                        QINQ, ROUTING, SCTP, TCP, UDP, VLAN)
from lib.policy import (ACCEPT, DENY, WHOLE, acl, acl_hits, pair, parts, rules, set_guard,
                        set_rules, zone)
from lib.traffic import reaches, tcp_transfer

MARK = 0x88B5
A, B, C = 10, 20, 30
MACHINE = mac("00:16:3e:00:00:05")     # behind some hub
FAR, NEAR = "10.99.2.1", "10.99.1.1"   # nobody answers them
FAR6, NEAR6 = "fd99:2::1", "fd99:1::1"
SHORT = b"payload of no type"
lab = None


def setup():
    global lab
    lab = InnerLab()
    lab.up()


def teardown():
    if lab:
        lab.down()


def drops(**wanted):
    return DropsExactly(lab.hub, **wanted)


def mark(text=SHORT, *vlans, **kw):
    return lab.frame(text, MARK, *vlans, **kw)


def mark_out(text=SHORT, *vlans, **kw):
    return lab.out(text, MARK, *vlans, **kw)


def hub_zones(*pairs):
    """Hub 1 in zone A, peer 2 in B, peer 3 in C, and these pairs."""
    set_rules(lab.hub, zone(A, hub=lab.hub.id), zone(B, hub=lab[2].id), zone(C, hub=lab[3].id),
              *(pair(*p) for p in pairs))


# ---- zones and pairs

@quick
def test_without_rules_every_zone_passes_and_zone_0_is_sealed():
    lab.open_up()
    for zone_ in (0, 1, A, 65535):
        lab.rx_passes(mark(), zone=zone_)
    lab.tx_passes(mark_out(), zone=0)


@quick
@provokes("rx-zone", "tx-zone")
def test_once_a_zone_is_defined_both_directions_are_denied_until_a_pair_allows():
    hub_zones()
    lab.rx_refused("rx_zone", mark(), zone=B, what="no pair")
    lab.tx_refused("tx_zone", mark_out(), what="no pair")
    hub_zones((B, A))
    lab.rx_passes(mark(), zone=B, what="pair B A")
    lab.tx_refused("tx_zone", mark_out(), what="pair is the other direction")
    hub_zones((A, B))
    lab.rx_refused("rx_zone", mark(), zone=B, what="pair is the other direction")
    lab.tx_passes(mark_out(), zone=A, what="pair A B")
    lab.tx_refused("tx_zone", mark_out(peer=3), peer=3, what="to another zone")
    hub_zones((A, B), (B, A))
    lab.rx_passes(mark(), zone=B)
    lab.tx_passes(mark_out(), zone=A)
    lab.rx_refused("rx_zone", mark(), zone=C, what="another zone")
    lab.open_up()


def test_no_zone_and_the_own_zone_are_zones_like_others():
    hub_zones((B, A))
    lab.rx_refused("rx_zone", mark(), zone=0, what="no zone")
    lab.rx_refused("rx_zone", mark(), zone=A, what="the own zone")
    hub_zones((0, A), (A, A))
    lab.rx_passes(mark(), zone=0)
    lab.rx_passes(mark(), zone=A)
    set_rules(lab.hub, zone(B, hub=lab[2].id), pair(0, B), pair(B, 0))
    lab.tx_passes(mark_out(), zone=0, what="this hub has no zone")
    lab.rx_passes(mark(), zone=B, what="this hub has no zone")
    lab.open_up()


@quick
def test_a_hub_that_claims_a_zone_its_certificate_lacks_is_refused():
    hub_zones((B, A), (C, A))
    set_guard(lab.hub, lab[2], zones=[B])
    lab.rx_passes(mark(), zone=B, what="its own")
    lab.rx_refused("rx_zone", mark(), zone=C, what="that of peer 3, which may send to A")
    lab.rx_refused("rx_zone", mark(), zone=0, what="none")
    lab.rx_passes(mark(peer=3), zone=C, peer=3, what="peer 3, any zone")
    set_guard(lab.hub, lab[2], zones=[7, C, B])
    lab.rx_passes(mark(), zone=C, what="now certified")
    set_guard(lab.hub, lab[2], zones=[])
    for zone_ in (0, A, B):
        lab.rx_refused("rx_zone", mark(), zone=zone_, what="no zone at all")
    set_guard(lab.hub, lab[2])
    lab.rx_passes(mark(), zone=C, what="no list, any zone")
    lab.open_up()


def test_certified_zones_are_checked_without_a_rule_set_too():
    lab.open_up()
    set_guard(lab.hub, lab[2], zones=[B])
    lab.rx_passes(mark(), zone=B)
    lab.rx_refused("rx_zone", mark(), zone=C)
    lab.open_up()


def test_source_zone_is_that_of_mac_then_vlan_then_hub():
    hub, vlan, machine = zone(A, hub=lab.hub.id), zone(B, vlan=7), zone(C, mac_=MACHINE)
    pairs = [pair(z, B) for z in (A, B, C)]  # by its tag the destination is in B
    for entries, wanted in (((hub,), A), ((hub, vlan), B), ((hub, vlan, machine), C),
                            ((vlan,), B), ((machine,), C), ((zone(9, vlan=8),), 0)):
        set_rules(lab.hub, *entries, *pairs)
        lab.tx_passes(lab.out(SHORT, MARK, 7, src=MACHINE), zone=wanted, what=f"{len(entries)} rules")
    set_rules(lab.hub, hub, vlan, machine, *pairs)
    lab.tx_passes(mark_out(), zone=A, what="no tag, own MAC")
    lab.tx_passes(lab.out(SHORT, MARK, (QINQ, 7), 9), zone=B, what="the outermost tag counts")
    lab.tx_passes(lab.out(SHORT, MARK, 9, 7), zone=A, what="an inner tag does not")
    lab.open_up()


def test_destination_zone_is_that_of_mac_then_vlan_then_hub_on_both_sides():
    fdb = attr(uapi.HUBMESH_A_FDB, [attr(uapi.HUBMESH_A_FDB_MAC, MACHINE),
                                    attr(uapi.HUBMESH_A_FDB_HUB, lab[2].id)])
    lab.hub.request(uapi.HUBMESH_CMD_FDB_NEW, fdb)
    everything = [zone(A, hub=lab.hub.id), zone(1, hub=lab[2].id), zone(B, vlan=7),
                  zone(C, mac_=MACHINE)]
    for allowed, tagged, machine in ((1, False, False), (B, True, False), (C, True, True)):
        inner = lab.out(SHORT, MARK, *((7,) if tagged else ()), dst=MACHINE if machine else None)
        source = B if tagged else A
        for candidate in (1, B, C):
            set_rules(lab.hub, *everything, pair(source, candidate))
            if candidate == allowed:
                lab.tx_passes(inner, zone=source, what=f"to zone {candidate}")
            else:
                lab.tx_refused("tx_zone", inner, what=f"to zone {candidate}, is {allowed}")
            inbound = lab.frame(SHORT, MARK, *((7,) if tagged else ()),
                                dst=MACHINE if machine else None)
            set_rules(lab.hub, *everything, zone(5, hub=lab[3].id),
                      pair(5, A if allowed == 1 else candidate))
            if candidate == allowed:
                lab.rx_passes(inbound, zone=5, what=f"into zone {candidate}")
            elif allowed != 1:
                lab.rx_refused("rx_zone", inbound, zone=5, what=f"into zone {allowed}")
    lab.hub.request(uapi.HUBMESH_CMD_FDB_DEL, attr(uapi.HUBMESH_A_FDB, [
        attr(uapi.HUBMESH_A_FDB_MAC, MACHINE)]))
    lab.open_up()


def test_an_unknown_destination_zone_is_left_to_the_destination():
    set_rules(lab.hub, zone(A, hub=lab.hub.id), acl(DENY, dst_zone=B), acl(DENY))
    lab.tx_passes(mark_out(), zone=A, what="the first entry may match")
    set_rules(lab.hub, zone(A, hub=lab.hub.id), acl(DENY, ethertype=MARK), acl(ACCEPT, dst_zone=B))
    lab.tx_refused("tx_acl", mark_out(), what="decided before the zone is asked for")
    lab.open_up()


def test_interfaces_behind_a_bridge_are_zones_in_both_directions():
    """mesh0 and ports p1, p2 in br0; machine on p1 in zone B, on p2 in zone C, hub in A."""
    ns, ends = lab.hub.netns, {}
    machines = {1: mac("00:16:3e:00:01:01"), 2: mac("00:16:3e:00:01:02")}
    # They say nothing of their own (a bridge that snoops joins 224.0.0.106), which would be counted.
    set_sysctl(ns, ipv6__conf__default__disable_ipv6=1)
    ip_batch(ns, ["link add br0 type bridge mcast_snooping 0", "link set br0 up",
                  "link set mesh0 master br0"]
             + [row for n in (1, 2) for row in (
                 f"link add p{n} type veth peer name m{n}", f"link set p{n} master br0 up",
                 f"link set m{n} up")])
    set_sysctl(ns, ipv6__conf__default__disable_ipv6=0)
    try:
        index = {}
        with inside(ns):
            for n in (1, 2):
                index[n] = socket.if_nametoindex(f"p{n}")
                ends[n] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(MARK))
                ends[n].bind((f"m{n}", MARK))
                ends[n].settimeout(3)

        def out(n):
            return lab[2].id + machines[n] + struct.pack(">H", MARK) + b"out"

        zones = [zone(A, hub=lab.hub.id), zone(B, ifindex=index[1]), zone(C, ifindex=index[2]),
                 zone(5, hub=lab[2].id)]
        wait_for("ports forwarding", lambda: run(f"bridge -n {ns} link").count("forwarding") == 3)
        for n, zone_ in ((1, B), (2, C)):
            set_rules(lab.hub, *zones, pair(zone_, 5), pair(5, zone_))
            lab.drain()
            with drops():
                ends[n].send(out(n))
                plain = lab[2].open_frame(lab[2].receive())[1]
            expect_equal(struct.unpack_from(">H", plain)[0], zone_, "zone by ingress interface")
            with drops(tx_zone=1):
                ends[3 - n].send(out(3 - n))
            for m in (1, 2):
                inner = machines[m] + lab[2].id + struct.pack(">H", MARK) + b"in"
                if m == n:
                    with drops():
                        lab[2].send(lab[2].build(inner, zone=5))
                        while ends[m].recv(100) != inner:
                            pass
                else:
                    with drops(rx_zone=1):
                        lab[2].send(lab[2].build(inner, zone=5))
        lab.rx_refused("rx_zone", mark(), zone=5, what="to the hub itself, in zone A")
    finally:
        for end in ends.values():
            end.close()
        ip_batch(ns, ["link del br0", "link del p1", "link del p2"])
    lab.open_up()


@quick
def test_control_port_and_nd_of_hubs_pass_all_zones_and_others_do_not():
    hub_zones()
    set_guard(lab.hub, lab[2], zones=[B])
    here, there = "fd68:6d00::1", "fd68:6d00::2"
    port = uapi.HM_PORT_CONTROL

    def segment(sport, dport, flags=0x5010):
        return struct.pack(">HHIIHHHH", sport, dport, 1, 0, flags, 1024, 0, 0)

    def tcp(*args, **kw):
        return packet.ipv6(there, here, TCP, segment(*args), **kw)

    for zone_ in (0, B, C):
        lab.rx_passes(lab.frame(tcp(999, port, 0x5002), IP6), zone=zone_, what="to the port")
        lab.rx_passes(lab.frame(tcp(port, 999), IP6), zone=zone_, what="from the port")
    lab.rx_refused("rx_zone", lab.frame(tcp(port, 22, 0x5002), IP6), zone=B,
                   what="a connection from the control port")
    lab.rx_refused("rx_zone", lab.frame(tcp(999, 22), IP6), zone=B)
    lab.tx_passes(lab.out(packet.ipv6(here, there, TCP, segment(999, port)), IP6), zone=A)
    lab.tx_refused("tx_zone", lab.out(packet.ipv6(here, there, TCP, segment(999, 22)), IP6))
    for kind in (135, 136):
        message = packet.nd(kind, here)
        lab.rx_passes(lab.frame(packet.ipv6(there, here, ICMP6, message, 255), IP6), zone=B,
                      what="ND between hubs")
        lab.tx_passes(lab.out(packet.ipv6(here, there, ICMP6, message, 255), IP6), zone=A)
        for bad, what in ((packet.ipv6(there, here, ICMP6, message, 254), "was routed"),
                          (packet.ipv6(there, here, ICMP6, packet.nd(kind, here, code=1), 255), "code"),
                          (packet.ipv6(there, here, ICMP6, message[:20], 255), "cut"),
                          (packet.ipv6(there, here, DEST_OPTIONS,
                                       packet.extension(ICMP6, message), 255), "extension")):
            lab.rx_refused("rx_zone", lab.frame(bad, IP6), zone=B, what=what)
        lab.rx_refused("rx_zone", lab.frame(packet.ipv6(there, here, ICMP6, message, 255), IP6,
                                            src=MACHINE), zone=B, what="ND of a machine behind it")
    lab.open_up()


@quick
def test_address_resolution_passes_if_one_direction_is_allowed():
    request = packet.arp(lab[2].id, FAR, NEAR)
    solicit = packet.ipv6(FAR6, NEAR6, ICMP6, packet.nd(135, NEAR6), 255)
    router = packet.ipv6(FAR6, NEAR6, ICMP6, packet.nd(134, NEAR6), 255)
    frames = [lab.frame(request, ARP, src=MACHINE), lab.frame(solicit, IP6, src=MACHINE)]
    for pairs in (((A, B),), ((B, A),)):
        hub_zones(*pairs)
        for inner in frames:
            lab.rx_passes(inner, zone=B, what=str(pairs))
    hub_zones((A, B))
    lab.rx_refused("rx_zone", lab.frame(router, IP6), zone=B, what="not resolution")
    lab.rx_refused("rx_zone", lab.frame(packet.arp(MACHINE, FAR, NEAR, op=8), ARP), zone=B,
                   what="inverse ARP")
    hub_zones((A, C))
    for inner in frames:
        lab.rx_refused("rx_zone", inner, zone=B, what="neither direction")
    # The ACL: only what names it.
    set_rules(lab.hub, acl(DENY))
    for inner in frames:
        lab.rx_passes(inner, what="deny all")
    lab.rx_refused("rx_acl", mark())
    set_rules(lab.hub, acl(DENY, ethertype=ARP), acl(DENY, protocol=ICMP6))
    for inner in frames:
        lab.rx_refused("rx_acl", inner, what="named")
    lab.open_up()


# ---- the ACL, field by field

def udp4(src=FAR, dst=NEAR, sport=1000, dport=2000, protocol=UDP, **kw):
    return packet.ipv4(src, dst, protocol, packet.ports(sport, dport), **kw)


def udp6(src=FAR6, dst=NEAR6, sport=1000, dport=2000, protocol=UDP):
    return packet.ipv6(src, dst, protocol, packet.ports(sport, dport))


# what an entry names: frames it matches and frames it does not, as (payload, Ethernet type, VLANs)
FIELDS = [
    (dict(), [(SHORT, MARK), (udp4(), IP), (udp6(), IP6)], []),
    (dict(ethertype=MARK), [(SHORT, MARK), (SHORT, MARK, 5), (SHORT, MARK, (QINQ, 5), 6)],
     [(SHORT, MARK + 1), (udp4(), IP)]),
    (dict(ethertype=IP), [(udp4(), IP)], [(udp6(), IP6), (SHORT, MARK)]),
    (dict(ethertype=4), [(SHORT, 60), (SHORT, 0x5FF)], [(SHORT, 0x600)]),
    (dict(vlan=5), [(SHORT, MARK, 5), (SHORT, MARK, 5, 6), (udp4(), IP, 5)],
     [(SHORT, MARK), (SHORT, MARK, 6), (SHORT, MARK, 6, 5)]),
    (dict(vlan=0), [(SHORT, MARK), (SHORT, MARK, 0)], [(SHORT, MARK, 5)]),
    (dict(protocol=UDP), [(udp4(), IP), (udp6(), IP6), (udp4(), IP, 5)],
     [(udp4(protocol=TCP), IP), (udp6(protocol=TCP), IP6), (SHORT, MARK)]),
    (dict(protocol=0), [], [(SHORT, MARK), (udp4(), IP)]),
    (dict(src="10.99.2.0/24"), [(udp4(), IP)],
     [(udp4(src="10.99.3.1"), IP), (udp4(src=NEAR, dst=FAR), IP), (udp6(), IP6), (SHORT, MARK)]),
    (dict(dst="10.99.1.1/32"), [(udp4(), IP)], [(udp4(dst="10.99.1.2"), IP)]),
    (dict(src="0.0.0.0/0"), [(udp4(), IP), (udp4(src="1.2.3.4"), IP)], [(udp6(), IP6)]),
    (dict(src="fd99:2::/32"), [(udp6(), IP6)],
     [(udp6(src="fd99:3::1"), IP6), (udp6(src=NEAR6, dst=FAR6), IP6), (udp4(), IP)]),
    (dict(dst="fd99:1::/33"), [(udp6(), IP6)], [(udp6(dst="fd99:1:8000::1"), IP6)]),
    (dict(dst="::/0"), [(udp6(), IP6)], [(udp4(), IP)]),
    (dict(dport=2000), [(udp4(), IP), (udp6(), IP6), (udp4(protocol=TCP), IP),
                        (udp4(protocol=SCTP), IP)],
     [(udp4(dport=1999), IP), (udp4(sport=2000, dport=1), IP), (udp4(protocol=47), IP),
      (SHORT, MARK)]),
    (dict(dport=(1000, 2000)), [(udp4(dport=1000), IP), (udp4(dport=2000), IP)],
     [(udp4(dport=999), IP), (udp4(dport=2001), IP)]),
    (dict(sport=(0, 1000)), [(udp4(sport=0), IP), (udp4(), IP)], [(udp4(sport=1001), IP)]),
    (dict(sport=1000, dport=2000, protocol=TCP), [(udp4(protocol=TCP), IP)],
     [(udp4(), IP), (udp4(protocol=TCP, sport=1), IP), (udp4(protocol=TCP, dport=1), IP)]),
    (dict(ethertype=IP, protocol=UDP, src="10.99.0.0/16", dst=NEAR, dport=2000, vlan=0),
     [(udp4(), IP)], [(udp4(), IP, 5), (udp4(dst="10.99.1.2"), IP), (udp4(src="10.98.0.1"), IP)]),
]


@quick
@provokes("rx-acl")
def test_every_acl_field_matches_what_it_names_on_receive():
    for fields, matching, others in FIELDS:
        set_rules(lab.hub, acl(DENY, **fields))
        for frame in matching:
            lab.rx_refused("rx_acl", lab.frame(*frame), what=f"{fields} {frame}")
        for frame in others:
            lab.rx_passes(lab.frame(*frame), what=f"{fields} {frame}")
        expect_equal(acl_hits(lab.hub), [len(matching)], f"hits of {fields}")
    lab.open_up()


@provokes("tx-acl")
def test_every_acl_field_matches_what_it_names_on_transmit():
    for fields, matching, others in FIELDS:
        set_rules(lab.hub, acl(DENY, **fields))
        for frame in matching:
            lab.tx_refused("tx_acl", lab.out(*frame), what=f"{fields} {frame}")
        for frame in others:
            lab.tx_passes(lab.out(*frame), what=f"{fields} {frame}")
        expect_equal(acl_hits(lab.hub), [len(matching)], f"hits of {fields}")
    lab.open_up()


def test_acl_zones_match_source_and_destination():
    both = [zone(A, hub=lab.hub.id), zone(B, hub=lab[2].id), zone(C, hub=lab[3].id),
            *(pair(x, y) for x in (A, B, C) for y in (A, B, C))]
    set_rules(lab.hub, *both, acl(DENY, src_zone=B, dst_zone=A, ethertype=MARK))
    lab.rx_refused("rx_acl", mark(), zone=B)
    lab.rx_passes(mark(), zone=C)
    lab.rx_passes(lab.frame(SHORT, MARK + 1), zone=B)
    lab.tx_passes(mark_out(), zone=A)
    set_rules(lab.hub, *both, acl(DENY, src_zone=A, dst_zone=B))
    lab.tx_refused("tx_acl", mark_out())
    lab.tx_passes(mark_out(peer=3), zone=A, peer=3)
    lab.rx_passes(mark(), zone=B)
    set_rules(lab.hub, *both, acl(DENY, dst_zone=C))
    lab.tx_refused("tx_acl", mark_out(peer=3), peer=3)
    lab.tx_passes(mark_out(), zone=A)
    lab.open_up()


@quick
def test_the_first_entry_that_matches_decides_and_counts_alone():
    set_rules(lab.hub, acl(DENY, protocol=UDP, dport=1), acl(ACCEPT, protocol=UDP),
              acl(DENY, protocol=TCP), acl(ACCEPT, src=FAR), acl(DENY))
    lab.rx_refused("rx_acl", lab.frame(udp4(dport=1), IP))
    for _ in range(3):
        lab.rx_passes(lab.frame(udp4(), IP))
    lab.rx_refused("rx_acl", lab.frame(udp4(protocol=TCP), IP))
    lab.rx_passes(lab.frame(udp4(protocol=47), IP))
    lab.rx_refused("rx_acl", lab.frame(udp4(src=NEAR, protocol=47), IP))
    lab.rx_refused("rx_acl", mark())
    expect_equal(acl_hits(lab.hub), [1, 3, 1, 1, 2], "hits")
    set_rules(lab.hub, acl(ACCEPT, ethertype=IP), acl(ACCEPT, ethertype=IP6), acl(DENY))
    lab.rx_passes(lab.frame(udp4(), IP), what="allowed protocols")
    lab.rx_passes(lab.frame(udp6(), IP6), what="allowed protocols")
    lab.rx_refused("rx_acl", mark(), what="allowed protocols")
    lab.open_up()


def test_counters_of_an_entry_survive_a_replace_wherever_it_moves():
    set_rules(lab.hub, acl(DENY, dport=1), acl(DENY, dport=2), acl(ACCEPT, dport=3))
    for dport, n in ((1, 2), (2, 4)):
        for _ in range(n):
            lab.rx_refused("rx_acl", lab.frame(udp4(dport=dport), IP))
    lab.rx_passes(lab.frame(udp4(dport=3), IP))
    set_rules(lab.hub, acl(ACCEPT, dport=3), acl(DENY, dport=9), acl(DENY, dport=2))
    expect_equal(acl_hits(lab.hub), [1, 0, 4], "hits after the replace")
    lab.rx_refused("rx_acl", lab.frame(udp4(dport=2), IP))
    set_rules(lab.hub, acl(DENY, dport=2, log=5), acl(ACCEPT, dport=3))
    expect_equal(acl_hits(lab.hub), [0, 1], "a changed entry starts at 0")
    lab.open_up()


def test_log_sampling_writes_the_fields_and_at_most_one_of_n():
    log = kernel_log.KernelLog()
    set_rules(lab.hub, acl(DENY, protocol=UDP, dport=53, log=50), acl(DENY, ethertype=MARK))
    inner = lab.frame(udp4(dport=53), IP)
    with drops(rx_acl=120 + 5):
        for _ in range(120):
            lab[2].send(lab[2].build(inner, zone=C))
        for _ in range(5):
            lab[2].send(lab[2].build(mark()))
    rows = [row for row in log.new_messages() if "acl generation=" in row]
    expect(1 <= len(rows) <= 3, f"{len(rows)} lines for 120 hits, one of 50: {rows}")
    for word in ("mesh0", "action=deny", "direction=rx", f"hub={lab[2].id_text}", f"src_zone={C}",
                 "ethertype=0x0800", "protocol=17", f"src={FAR}", f"dst={NEAR}", "sport=1000",
                 "dport=53", "entry=0"):
        expect(word in rows[0], f"{word} is not in {rows[0]}")
    expect("payload" not in rows[0], f"payload in {rows[0]}")
    set_rules(lab.hub, acl(DENY, protocol=UDP, log=1))
    with drops(tx_acl=1):
        lab.transmit(lab.out(udp6(), IP6))
    rows = [row for row in log.new_messages() if "acl generation=" in row]
    expect(len(rows) <= 1 and all(f"src={FAR6}" in r and "direction=tx" in r for r in rows),
           f"IPv6: {rows}")
    lab.open_up()


# ---- fragments, extension headers, malformed packets

@quick
def test_fragments_match_entries_without_ports_and_the_first_those_with():
    first = packet.ipv4(FAR, NEAR, UDP, packet.ports(dport=53), more=True)
    later = packet.ipv4(FAR, NEAR, UDP, packet.ports(dport=53), offset=1480)
    first6 = packet.ipv6(FAR6, NEAR6, FRAGMENT, packet.fragment(UDP, packet.ports(dport=53),
                                                                more=True))
    later6 = packet.ipv6(FAR6, NEAR6, FRAGMENT, packet.fragment(UDP, packet.ports(dport=53),
                                                                offset=1480))
    set_rules(lab.hub, acl(DENY, dport=53))
    for payload, kind in ((first, IP), (first6, IP6)):
        lab.rx_refused("rx_acl", lab.frame(payload, kind), what="first")
    for payload, kind in ((later, IP), (later6, IP6)):
        lab.rx_passes(lab.frame(payload, kind), what="later, no ports to match")
    set_rules(lab.hub, acl(DENY, protocol=UDP))
    for payload, kind in ((first, IP), (first6, IP6), (later, IP), (later6, IP6)):
        lab.rx_refused("rx_acl", lab.frame(payload, kind), what="protocol")
    set_rules(lab.hub, acl(DENY, dst=NEAR), acl(DENY, dst=NEAR6))
    for payload, kind in ((first, IP), (first6, IP6), (later, IP), (later6, IP6)):
        lab.rx_refused("rx_acl", lab.frame(payload, kind), what="prefix")
    # An accept with ports does not let later fragments through what follows.
    set_rules(lab.hub, acl(ACCEPT, dport=53), acl(DENY))
    for payload, kind in ((first, IP), (first6, IP6)):
        lab.rx_passes(lab.frame(payload, kind), what="first")
    for payload, kind in ((later, IP), (later6, IP6)):
        lab.rx_refused("rx_acl", lab.frame(payload, kind), what="later")
    lab.open_up()


@quick
def test_extension_headers_do_not_hide_the_protocol():
    udp = packet.ports(dport=53)
    chains = {
        "hop by hop": (HOP_BY_HOP, packet.extension(UDP, udp)),
        "routing, options": (ROUTING, packet.extension(DEST_OPTIONS, packet.extension(UDP, udp, 2))),
        "authentication": (AUTH, packet.authentication(UDP, udp)),
        "atomic fragment": (FRAGMENT, packet.fragment(UDP, udp)),
        "mobility": (135, packet.extension(UDP, udp)),
        "eight of them": (DEST_OPTIONS, b"".join(
            packet.extension(DEST_OPTIONS, b"") for _ in range(7)) + packet.extension(UDP, udp)),
    }
    set_rules(lab.hub, acl(DENY, protocol=UDP, dport=53))
    for name, (next_header, payload) in chains.items():
        inner = lab.frame(packet.ipv6(FAR6, NEAR6, next_header, payload), IP6)
        lab.rx_refused("rx_acl", inner, what=name)
    lab.rx_passes(lab.frame(packet.ipv6(FAR6, NEAR6, NO_NEXT, b""), IP6), what="no next header")
    lab.rx_passes(lab.frame(packet.ipv6(FAR6, NEAR6, HOP_BY_HOP, packet.extension(TCP, udp)), IP6))
    lab.open_up()


def malformed():
    """{what: (payload, Ethernet type, VLANs)} that rules cannot judge."""
    udp, whole, whole6 = packet.ports(), udp4(), udp6()
    nine = b"".join(packet.extension(DEST_OPTIONS, b"") for _ in range(8))
    found = {
        "IPv4 version": (packet.ipv4(FAR, NEAR, version=5), IP),
        "IPv4 version 6": (whole6, IP),
        "IPv4 total beyond the frame": (packet.ipv4(FAR, NEAR, total=200), IP),
        "IPv4 total below the header": (packet.ipv4(FAR, NEAR, total=19), IP),
        "IPv4 total cuts the ports": (packet.ipv4(FAR, NEAR, total=23), IP),
        "IPv4 ihl beyond the packet": (packet.ipv4(FAR, NEAR, UDP, b"", ihl=15), IP),
        "IPv4 ihl beyond the total": (packet.ipv4(FAR, NEAR, UDP, bytes(60), ihl=15, total=40), IP),
        "IPv4 tiny first fragment": (packet.ipv4(FAR, NEAR, TCP, b"\0\1", more=True), IP),
        "IPv6 version": (packet.ipv6(FAR6, NEAR6, version=4), IP6),
        "IPv6 version 4": (whole, IP6),
        "IPv6 length beyond the frame": (packet.ipv6(FAR6, NEAR6, length=300), IP6),
        "IPv6 length cuts the ports": (packet.ipv6(FAR6, NEAR6, length=3), IP6),
        "IPv6 jumbo": (packet.ipv6(FAR6, NEAR6, HOP_BY_HOP, packet.extension(UDP, udp), length=0), IP6),
        "IPv6 extension beyond the packet": (packet.ipv6(
            FAR6, NEAR6, HOP_BY_HOP, struct.pack(">BB", UDP, 200) + bytes(30)), IP6),
        "IPv6 extension cut": (packet.ipv6(FAR6, NEAR6, DEST_OPTIONS, b"\x11\0\0"), IP6),
        "IPv6 first fragment without ports": (packet.ipv6(
            FAR6, NEAR6, FRAGMENT, packet.fragment(UDP, b"", more=True)), IP6),
        "IPv6 first fragment cuts the chain": (packet.ipv6(
            FAR6, NEAR6, FRAGMENT, packet.fragment(DEST_OPTIONS, b"", more=True)), IP6),
        "IPv6 nine extensions": (packet.ipv6(FAR6, NEAR6, DEST_OPTIONS,
                                             nine + packet.extension(UDP, udp)), IP6),
        "IPv6 protocol beyond 256 bytes": (packet.ipv6(
            FAR6, NEAR6, DEST_OPTIONS, packet.extension(UDP, udp, 30)), IP6),
        "ARP of another length": (packet.arp(MACHINE, FAR, NEAR, plen=16), ARP),
        "ARP of another medium": (packet.arp(MACHINE, FAR, NEAR, htype=6), ARP),
        "ARP cut": (packet.arp(MACHINE, FAR, NEAR)[:27], ARP),
        "three VLAN tags": (whole, IP, 5, 6, 7),
        "VLAN tag cut": (b"\0", VLAN),
        # The stack gives them to the interface of VLAN 5, and a bridge to its own VLAN.
        "VLAN tag behind a priority tag": (whole, IP, 0, 5),
        "VLAN tag behind a provider's priority tag": (whole, IP, (QINQ, 0), 5),
    }
    found |= {f"IPv4 ihl {n}": (packet.ipv4(FAR, NEAR, ihl=n), IP) for n in range(5)}
    found |= {f"IPv4 cut at {n}": (whole[:n], IP) for n in (0, 1, 19, 20, 23, 27)}
    found |= {f"IPv6 cut at {n}": (whole6[:n], IP6) for n in (0, 1, 39, 40, 43, 47)}
    return found


@quick
def test_malformed_packets_are_refused_once_anything_is_configured_and_not_before():
    bad = malformed()
    lab.open_up()
    for what, frame in bad.items():
        if what != "VLAN tag cut":  # the stack drops that one
            lab.rx_passes(lab.frame(*frame), what=what)
    for configure in (lambda: set_rules(lab.hub, acl(ACCEPT)),
                      lambda: set_guard(lab.hub, lab[2], frames=1000000)):
        lab.open_up()
        configure()
        for what, frame in bad.items():
            lab.rx_refused("rx_inner", lab.frame(*frame), what=what)
        for frame in ((udp4(), IP), (udp6(), IP6), (packet.arp(MACHINE, FAR, NEAR), ARP),
                      (udp4() + bytes(30), IP), (udp4(), IP, 5, 6)):
            lab.rx_passes(lab.frame(*frame), what="whole")
    lab.open_up()


def test_malformed_packets_from_the_stack_are_refused():
    set_rules(lab.hub, acl(ACCEPT))
    for what, frame in malformed().items():
        lab.tx_refused("tx_malformed", lab.out(*frame), what=what)
    lab.tx_passes(lab.out(udp4(), IP))
    lab.open_up()


def test_random_packets_are_each_dropped_or_delivered():
    """Intact packets with bits flipped and tails cut: no crash, and every one accounted for."""
    rng = random.Random(5)
    set_rules(lab.hub, acl(DENY, protocol=UDP, dport=2000), acl(DENY, src="fd99:3::/32"),
              acl(ACCEPT, protocol=TCP), acl(DENY, dst_zone=9))
    set_guard(lab.hub, lab[2], prefixes=["10.0.0.0/8", "fd99::/16", "0.0.0.0/32"], learn=50)
    pool = [lab.frame(udp4(), IP), lab.frame(udp6(), IP6), lab.frame(udp4(), IP, 5),
            lab.frame(packet.arp(lab[2].id, FAR, NEAR), ARP),
            lab.frame(packet.ipv6(FAR6, NEAR6, ICMP6, packet.nd(136, FAR6, packet.lladdr(
                2, lab[2].id)), 255), IP6),
            lab.frame(packet.ipv6(FAR6, NEAR6, ROUTING, packet.extension(
                FRAGMENT, packet.fragment(TCP, packet.ports()))), IP6)]
    stats = lambda: (sum(lab.hub.drops().values()), number(as_dict(lab.hub.device()[
        uapi.HUBMESH_A_DEVICE_STATS])[uapi.HUBMESH_A_STATS_RX_FRAMES]))
    before, names = stats(), lab.hub.drops()
    for n in range(400):
        inner = bytearray(rng.choice(pool))
        for _ in range(rng.randrange(4)):
            inner[rng.randrange(6, len(inner))] ^= 1 << rng.randrange(8)
        inner[6] &= 0xFE
        length = rng.choice((len(inner), rng.randrange(14, len(inner))))
        lab[2].send(lab[2].build(bytes(inner[:length])))
    wait_for("all accounted for", lambda: sum(stats()) - sum(before) >= 400)
    expect_equal(sum(stats()) - sum(before), 400, "frames")
    rose = set(unchanged_but(names, lab.hub.drops()))
    expect(rose == {"rx-inner", "rx-acl", "rx-guard"}, f"rose: {rose}")
    lab.open_up()
    lab.hub.request(uapi.HUBMESH_CMD_FDB_FLUSH)
    lab.rx_passes(mark())


# ---- packed frames and trains

def packed(*inners, zone_=0, padding=0):
    plain = struct.pack(">H", zone_) + b"".join(struct.pack(">H", len(i)) + i for i in inners)
    return lab[2].build(plain=plain + bytes(padding), flags=uapi.HM_FLAG_PACKED)


@quick
def test_of_a_packed_frame_only_the_bad_inner_frames_are_dropped():
    set_rules(lab.hub, acl(DENY, dport=53))
    good = [lab.frame(udp4(dport=n), IP) for n in range(1, 5)]
    denied, broken = lab.frame(udp4(dport=53), IP), lab.frame(udp4()[:15], IP)
    for padding in (0, 1, 9):
        for mix in ([good[0], denied, good[1]], [denied, good[0]], [good[0], denied],
                    [denied, broken, good[2], denied, good[3], broken], good):
            bad = {"rx_acl": mix.count(denied), "rx_inner": mix.count(broken)}
            lab.drain()
            with drops(**{why: n for why, n in bad.items() if n}):
                lab[2].send(packed(*mix, padding=padding))
                for wanted in (inner for inner in mix if inner in good):
                    expect_equal(lab.delivered_any(), wanted, "inner frame")
            expect(lab.delivered_any(0) is None, "a refused inner frame was delivered")
    with drops(rx_acl=2, rx_inner=1):
        lab[2].send(packed(denied, broken, denied))
    expect(lab.delivered_any(0) is None, "all were refused")
    hub_zones((B, A))
    with drops(rx_zone=3):
        lab[2].send(packed(*good[:3], zone_=C))
    lab.open_up()


def test_many_frames_in_one_packet_are_judged_each():
    lab.join_received()
    set_rules(lab.hub, acl(DENY, dport=53), acl(ACCEPT, dport=80))
    mix = [lab.frame(udp4(dport=dport), IP) for dport in (80, 80, 53, 80, 53, 9, 80, 80)]
    lab.drain()
    before = acl_hits(lab.hub)
    with drops(rx_acl=2):
        lab[2].send_super([lab[2].build(inner) for inner in mix])
        for wanted in (inner for inner in mix if inner != mix[2]):
            expect_equal(lab.delivered_any(), wanted, "inner frame")
    expect_equal([b - a for a, b in zip(before, acl_hits(lab.hub))], [2, 5], "hits")
    lab.open_up()


def test_datagrams_of_two_zones_never_share_a_frame_or_train():
    """Alike in flow and hub, but for the VLAN that gives them another zone."""
    run(f"ip netns exec {lab.hub.netns} ethtool -C {lab.hub.dev} tx-usecs 10000")
    try:
        set_rules(lab.hub, zone(A, mac_=MACHINE), zone(B, hub=lab.hub.id))
        frames = [packet.ethernet(lab[2].id, MACHINE if n % 3 else lab.hub.id, IP,
                                  udp4(FAR, NEAR) + bytes([n])) for n in range(120)]
        lab.drain()
        with drops():
            for inner in frames:
                lab.transmit(inner)
            got = []
            while len(got) < len(frames):
                header, plain = lab[2].open_frame(lab[2].receive())
                zone_, rest, inners = struct.unpack_from(">H", plain)[0], plain[2:], []
                if not header.flags & uapi.HM_FLAG_PACKED:
                    inners = [rest]
                while header.flags & uapi.HM_FLAG_PACKED and len(rest) > 2 and any(rest[:2]):
                    length = struct.unpack_from(">H", rest)[0]
                    inners.append(rest[2:2 + length])
                    rest = rest[2 + length:]
                for inner in inners:
                    wanted = A if inner[6:12] == MACHINE else B
                    expect_equal(zone_, wanted, "zone of an inner frame")
                got += inners
        expect_equal(sorted(got), sorted(frames), "frames")
    finally:
        run(f"ip netns exec {lab.hub.netns} ethtool -C {lab.hub.dev} tx-usecs 100")
    lab.open_up()


# ---- hops

@quick
@provokes("rx-hops")
def test_frames_that_came_over_too_many_hops_are_refused():
    ttl = uapi.HM_TTL_DEFAULT
    set_rules(lab.hub, hops=3)
    for left in (63, ttl, ttl - 1, ttl - 2):
        lab.rx_passes(mark(), ttl=left, what=f"{left} left")
    for left in (ttl - 3, 1, 0):
        lab.rx_refused("rx_hops", mark(), ttl=left, what=f"{left} left")
    lab.drain()
    with drops():
        lab[2].send(lab[2].build(b"opaque", dst=lab[3].id, ttl=5))
        expect(lab[3].receive(), "relayed frames are the destination's to judge")
    set_rules(lab.hub, hops=1)
    lab.rx_passes(mark(), ttl=ttl)
    lab.rx_refused("rx_hops", mark(), ttl=ttl - 1)
    set_rules(lab.hub, hops=0)
    lab.rx_passes(mark(), ttl=1)
    lab.open_up()


# ---- rule sets

def generation():
    return number(lab.hub.device()[uapi.HUBMESH_A_DEVICE_FILTER_GENERATION])


def step(gen, flags, *entries, hops=None):
    lab.hub.request(uapi.HUBMESH_CMD_FILTER_REPLACE, rules(gen, flags, *entries, hops=hops))


def refused(code, words, gen, flags, *entries, **kw):
    try:
        step(gen, flags, *entries, **kw)
    except NetlinkError as why:
        expect_equal(why.errno, code, f"errno of {why}")
        expect(why.extack and words.lower() in why.extack.lower(), f"{why.extack!r} lacks {words!r}")
        return
    raise AssertionError(f"was not refused: {words}")


BEGIN, COMMIT = uapi.HUBMESH_FILTER_F_BEGIN, uapi.HUBMESH_FILTER_F_COMMIT


@quick
def test_a_rule_set_is_in_force_as_a_whole_or_not_at_all():
    lab.open_up()
    gen = generation()
    refused(errno.ESTALE, "generation", gen, WHOLE)
    refused(errno.ENOENT, "BEGIN", gen + 1, 0, acl(DENY))
    step(gen + 1, BEGIN, acl(DENY, dport=1))
    step(gen + 1, 0, acl(DENY, ethertype=MARK), pair(1, 2))
    refused(errno.ESTALE, "another", gen + 2, 0)
    lab.rx_passes(mark(), what="not committed")
    expect_equal((generation(), acl_hits(lab.hub)), (gen, []), "before the commit")
    step(gen + 1, COMMIT, zone(A, vlan=9), pair(0, 0), hops=5)
    expect_equal(generation(), gen + 1, "generation")
    lab.rx_refused("rx_acl", mark())
    # A message that is refused ends the transaction; the set in force stays.
    step(gen + 2, BEGIN)
    refused(errno.EINVAL, "action", gen + 2, 0, acl(None))
    refused(errno.ENOENT, "BEGIN", gen + 2, COMMIT)
    refused(errno.EEXIST, "two rules", gen + 2, WHOLE, zone(A, vlan=9), zone(B, vlan=9))
    refused(errno.ENOENT, "BEGIN", gen + 2, COMMIT)
    lab.rx_refused("rx_acl", mark(), what="still in force")
    step(gen + 2, BEGIN, acl(DENY))
    step(gen + 2, WHOLE)
    expect_equal(acl_hits(lab.hub), [], "an empty set")
    lab.rx_passes(mark())


def test_filter_get_shows_the_set():
    entries = [zone(A, hub=lab.hub.id), zone(B, vlan=5), zone(C, mac_=MACHINE), zone(9, ifindex=77),
               pair(A, B), pair(0, 65535),
               acl(ACCEPT, A, B, IP, 5, UDP, "10.0.0.0/8", "10.1.2.3/32", (1, 2), (0, 65535), 9),
               acl(DENY, src="fd00::/8", dst="::/0"), acl(DENY)]
    set_rules(lab.hub, *entries, hops=7)
    shown = parts(lab.hub)
    plain = lambda raw: sorted(row for row in raw.items())
    skip = (uapi.HUBMESH_A_ACL_HITS, uapi.HUBMESH_A_ACL_PAD)
    got = [(kind, plain({k: v for k, v in as_dict(value).items()
                         if kind != uapi.HUBMESH_A_FILTER_ACL or k not in skip}))
           for kind, value in shown if kind != uapi.HUBMESH_A_FILTER_HOPS_LIMIT]
    wanted = []
    for entry in entries:
        (kind, value), = as_dict(entry).items()
        wanted.append((kind, plain(as_dict(value))))
    acl_rows = [row for row in got if row[0] == uapi.HUBMESH_A_FILTER_ACL]
    expect_equal(acl_rows, wanted[-3:], "ACL, in order")
    expect_equal(sorted(got), sorted(wanted), "everything")
    expect_equal(dict(shown)[uapi.HUBMESH_A_FILTER_HOPS_LIMIT], u8(7), "hops")
    lab.open_up()
    expect_equal(parts(lab.hub), [(uapi.HUBMESH_A_FILTER_HOPS_LIMIT, u8(0))], "empty set")


def test_entries_that_cannot_be_meant_are_refused_with_words():
    gen = generation() + 1
    zone_id = attr(uapi.HUBMESH_A_ZONE_ID, u16(A))
    port = lambda name, value: attr(getattr(uapi, f"HUBMESH_A_ACL_{name}"), u16(value))
    binary = lambda data: attr(uapi.HUBMESH_A_ACL_SRC, data)
    cases = [
        (errno.EINVAL, "one MAC", attr(uapi.HUBMESH_A_FILTER_ZONE, [zone_id])),
        (errno.EINVAL, "one MAC", zone(A, vlan=5, hub=lab.hub.id)),
        (errno.EINVAL, "which zone", zone(None, vlan=5)),
        (errno.EADDRNOTAVAIL, "unicast", zone(A, mac_=b"\xff" * 6)),
        (errno.EINVAL, "to which", attr(uapi.HUBMESH_A_FILTER_PAIR, [
            attr(uapi.HUBMESH_A_PAIR_SRC, u16(1))])),
        (errno.EINVAL, "accept or deny", acl(None, protocol=6)),
        (errno.EINVAL, "address", acl(DENY, raw=[binary(bytes(6))])),
        (errno.EINVAL, "length", acl(DENY, raw=[binary(bytes(4) + b"\x21")])),
        (errno.EINVAL, "behind the prefix", acl(DENY, raw=[binary(b"\x0a\0\0\1\x08")])),
        (errno.EINVAL, "IPv4 and one IPv6", acl(DENY, src="10.0.0.0/8", dst="fd00::/8")),
        (errno.EINVAL, "ETHERTYPE", acl(DENY, ethertype=IP6, src="10.0.0.0/8")),
        (errno.EINVAL, "ETHERTYPE", acl(DENY, ethertype=ARP, protocol=6)),
        (errno.EINVAL, "above the last", acl(DENY, dport=(2, 1))),
        (errno.EINVAL, "needs a first", acl(DENY, raw=[port("SPORT_LAST", 5)])),
    ]
    for code, words, entry in cases:
        refused(code, words, gen, WHOLE, entry)
    for entry in (zone(0, vlan=5), zone(A, vlan=4095), acl(7), acl(DENY, vlan=4095)):
        refused(errno.ERANGE, "", gen, WHOLE, entry)
    expect_equal(generation(), gen - 1, "generation after refusals")


def test_the_limits_of_a_rule_set_are_reached_and_not_passed():
    gen = generation() + 1

    def fill(entries, chunk=400):
        step(gen, BEGIN)
        for at in range(0, len(entries), chunk):
            step(gen, 0, *entries[at:at + chunk])

    most = uapi.HUBMESH_FILTER_ACL_MAX
    fill([acl(DENY, dport=n) for n in range(most)])
    refused(errno.E2BIG, "1024", gen, 0, acl(DENY))
    fill([acl(DENY, protocol=UDP, dport=n) for n in range(most)])
    step(gen, COMMIT)
    expect_equal(len(acl_hits(lab.hub)), most, "entries in force")
    lab.rx_refused("rx_acl", lab.frame(udp4(dport=most - 1), IP), what="the last entry")
    lab.rx_passes(lab.frame(udp4(dport=most), IP))
    expect_equal(acl_hits(lab.hub)[-1], 1, "hits of the last")
    gen += 1
    fill([pair(n // 100, n % 100) for n in range(uapi.HUBMESH_FILTER_PAIRS_MAX)], 1000)
    refused(errno.E2BIG, "4096", gen, 0, pair(1, 1))
    fill([zone(A, mac_=struct.pack(">HI", 0x0200, n)) for n in range(
        uapi.HUBMESH_FILTER_ZONES_MAX)], 1500)
    refused(errno.E2BIG, "32768", gen, 0, zone(1, vlan=1))
    fill([zone(1 + n % 9, mac_=struct.pack(">HI", 0x0200, n)) for n in range(30000)], 1500)
    step(gen, COMMIT, pair(5, 4))
    for n in (0, 3, 9 * 1111 + 3, 29999):
        inner = lab.frame(SHORT, MARK, dst=struct.pack(">HI", 0x0200, n))
        if n % 9 == 3:
            lab.rx_passes(inner, zone=5, what=f"to machine {n}")
        else:
            lab.rx_refused("rx_zone", inner, zone=5, what=f"to machine {n}")
    lab.open_up()


def test_a_set_replaced_under_traffic_leaves_no_gap():
    """Two sets that both deny port 53 and accept port 80 alternate; nothing leaks, nothing is lost."""
    denied, passed = lab.frame(udp4(dport=53), IP), lab.frame(udp4(dport=80), IP)
    sets = ([acl(DENY, protocol=UDP, dport=53), acl(ACCEPT)],
            [acl(ACCEPT, dport=80), acl(DENY, dport=(50, 60)), pair(0, 0)])
    set_rules(lab.hub, *sets[0])
    lab.drain()
    rounds, burst = 40, 4
    frames = [lab[2].build(inner) for _ in range(rounds * burst) for inner in (denied, passed)]
    with drops(rx_acl=rounds * burst, seconds=20):
        for n in range(rounds):
            for raw in frames[2 * burst * n:2 * burst * (n + 1)]:
                lab[2].send(raw)
            set_rules(lab.hub, *sets[n % 2])
        got = [lab.delivered_any() for _ in range(rounds * burst)]
    expect(set(got) == {passed}, "something else than port 80 was delivered")
    expect(lab.delivered_any(0) is None, "more than was sent")
    lab.open_up()


def test_two_kernels_enforce_pairs_for_programs_and_super_frames():
    """Kernel hubs 1 (zone A) and 2 (zone B): TCP of programs needs both pairs."""
    with Mesh(2, [(1, 2)], prefix="zn") as net:
        zones = [zone(A, hub=net[1].id), zone(B, hub=net[2].id)]

        def allow(*pairs):
            for hub in (net[1], net[2]):
                set_rules(hub, *zones, *(pair(*p) for p in pairs), acl(DENY, protocol=17, dport=9))
                set_guard(hub, net[3 - hub.number], zones=[A if hub.number == 2 else B])

        allow((A, B), (B, A))
        tcp_transfer(net[1], net[2], net[2].ipv4, 4 << 20)
        tcp_transfer(net[2], net[1], net[1].ula, 4 << 20)
        for hub in (net[1], net[2]):
            expect_equal([n for n in hub.drops() if "zone" in n or "acl" in n], [], "drops")
        allow((A, B))
        expect(reaches(net[1], net[2], net[1].ipv4, net[2].ipv4), "A to B is allowed")
        expect(not reaches(net[2], net[1], net[2].ipv4, net[1].ipv4, seconds=0.3), "B to A is not")
        expect(net[2].drops().get("tx-zone", 0) > 0, "not refused at the source")
        # The source knows nothing: the destination refuses.
        set_rules(net[2], zones[1])
        expect(not reaches(net[2], net[1], net[2].ipv4, net[1].ipv4, seconds=0.3), "B to A is not")
        expect(net[1].drops().get("rx-zone", 0) > 0, "not refused at the destination")
