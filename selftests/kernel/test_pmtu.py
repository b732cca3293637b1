# SPDX-License-Identifier: GPL-2.0
"""Path MTU: what gets through a link is found out, and ingress refuses the rest with ICMP.

      hub 1 ---- hub 2 ---- hub 3 ---- hub 4        probes every 20 ms

A narrow place is a rule that drops long packets silently, as a tunnel in an underlay would.
"""

import contextlib
import errno
import socket
import time

from lib import uapi
from lib.ktap import expect, expect_equal, quick
from lib.mesh import Mesh, ip_batch, line, run, wait_for
from lib.netlink import number
from lib.traffic import closing_all, reaches, tcp_transfer, udp_socket

PROBE_MS = 20
OUTER4, OUTER6 = 28, 48
STEP = 16
INNER = uapi.HM_HDR_LEN + uapi.HM_ZONE_LEN + 14 + uapi.HM_SEAL_TAG_LEN  # frame beyond the inner IP packet
FLOOR = 1280 + INNER
VLAN_TAG = 4
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14
IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, IPV6_MTU, IPV6_DONTFRAG = 23, 2, 24, 62


def frame_max(hub, link):
    return number(hub.links()[link][uapi.HUBMESH_A_LINK_FRAME_MAX])


@contextlib.contextmanager
def narrow(hub, length):
    """Carrier packets to @hub with more than @length bytes of IP vanish."""
    hub.run("nft add table inet narrow")
    hub.run(["nft", "add chain inet narrow in { type filter hook prerouting priority -300; }"])
    hub.run(["nft", f"add rule inet narrow in udp dport {uapi.HM_PORT_DATA} meta length > {length} "
             "drop"])
    try:
        yield
    finally:
        hub.run("nft delete table inet narrow", check=False)


def links_up(mesh):
    for a, b in mesh.edges:
        for x, y in ((a, b), (b, a)):
            wait_for(f"link {x}-{y}", lambda: mesh[x].link_state(y) == uapi.HUBMESH_LINK_UP)


@quick
def test_without_a_narrow_place_the_route_decides():
    with line(2, probe_ms=PROBE_MS) as mesh:
        links_up(mesh)
        wait_for("probes", lambda: frame_max(mesh[1], 2))
        expect_equal(frame_max(mesh[1], 2), 1600 - OUTER4, "frame max")
        run(f"ip -n {mesh[1].netns} link set to2 mtu 1400")
        wait_for("the route's new MTU", lambda: frame_max(mesh[1], 2) == 1400 - OUTER4)
        run(f"ip -n {mesh[1].netns} link set to2 mtu 1600")
        wait_for("the route's old MTU", lambda: frame_max(mesh[1], 2) == 1600 - OUTER4)


@quick
def test_narrow_place_is_found_to_a_step_and_traffic_flows():
    with line(2, probe_ms=PROBE_MS) as mesh:
        with narrow(mesh[2], 1400):
            links_up(mesh)
            fits = 1400 - OUTER4
            wait_for("the search", lambda: fits - STEP <= frame_max(mesh[1], 2) <= fits, 20)
            expect_equal(frame_max(mesh[2], 1), 1600 - OUTER4, "the other direction is wide")
            tcp_transfer(mesh[1], mesh[2], mesh[2].ipv4, 300000)
            tcp_transfer(mesh[1], mesh[2], mesh[2].ula, 300000)
            expect_equal(mesh[1].link_state(2), uapi.HUBMESH_LINK_UP, "a lost length is no dead link")


def test_narrow_place_that_appears_later_is_noticed():
    with line(2, probe_ms=PROBE_MS) as mesh:
        links_up(mesh)
        wait_for("probes", lambda: frame_max(mesh[1], 2) == 1600 - OUTER4)
        with narrow(mesh[2], 1420):
            fits = 1420 - OUTER4
            wait_for("the verification", lambda: fits - STEP <= frame_max(mesh[1], 2) <= fits, 30)
            tcp_transfer(mesh[1], mesh[2], mesh[2].ipv4, 100000)


@quick
def test_ipv6_of_1280_bytes_crosses_narrower_underlays_in_fragments():
    """An underlay of 700 bytes: the mesh still is an IPv6 link, and not one byte wider."""
    with line(3, probe_ms=PROBE_MS) as mesh:
        for hub, dev in ((mesh[2], "to3"), (mesh[3], "to2")):
            run(f"ip -n {hub.netns} link set {dev} mtu 700")
        links_up(mesh)
        wait_for("the route", lambda: frame_max(mesh[2], 3) == FLOOR)
        mesh[1].routes({mesh[2]: 2, mesh[3]: 2}, 100, frame_max=FLOOR)
        mesh[3].routes({mesh[2]: 2, mesh[1]: 2}, 100, frame_max=FLOOR)
        expect_equal(refused_size(mesh[1], mesh[3], mesh[1].ula, mesh[3].ula, 1280 - 48, tries=3), None,
                     "1280 bytes")
        expect_equal(refused_size(mesh[1], mesh[3], mesh[1].ula, mesh[3].ula, 1281 - 48), 1280,
                     "1281 bytes")
        tcp_transfer(mesh[1], mesh[3], mesh[3].ula, 100000)
        tcp_transfer(mesh[3], mesh[1], mesh[1].ipv4, 100000)


def test_narrow_place_below_the_floor_is_crossed_in_fragments():
    with line(2, probe_ms=PROBE_MS) as mesh:
        with narrow(mesh[2], 900):
            links_up(mesh)
            wait_for("the search", lambda: frame_max(mesh[1], 2) == FLOOR, 30)
            wait_for("a transfer", lambda: reaches(mesh[1], mesh[2], mesh[1].ula, mesh[2].ula,
                                                   bytes(1200), 1), 30)
            tcp_transfer(mesh[1], mesh[2], mesh[2].ula, 50000)


def refused_size(hub, far, source, target, size, tries=100):
    """The path MTU one of @tries unfragmented datagrams of @size is refused with, or None."""
    with closing_all(udp_socket(hub.netns, source), udp_socket(far.netns, target)) as (sock, rx):
        v6 = ":" in source
        level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
        sock.setsockopt(level, IPV6_MTU_DISCOVER if v6 else IP_MTU_DISCOVER, 2)
        sock.connect(rx.getsockname()[:2])
        try:
            for n in range(tries):  # the first is refused by the mesh, its ICMP comes back
                sock.send(bytes(size))
                time.sleep(0 if n < 2 else 0.02)  # at once, unless ksoftirqd has it
        except OSError as error:
            expect_equal(error.errno, errno.EMSGSIZE, "errno")
            return sock.getsockopt(level, IPV6_MTU if v6 else IP_MTU)
    return None


@quick
def test_what_does_not_fit_a_later_link_is_refused_at_ingress():
    """The first link takes 1600, the way 1450: the route says so."""
    with line(3, probe_ms=PROBE_MS) as mesh:
        fits = 1450 - OUTER4 - INNER
        mesh[1].routes({mesh[2]: 2, mesh[3]: 2}, 100, frame_max=1450 - OUTER4)
        for source, target, headers in (
                (mesh[1].ipv4, mesh[3].ipv4, 28), (mesh[1].ula, mesh[3].ula, 48)):
            expect_equal(refused_size(mesh[1], mesh[3], source, target, fits - headers, tries=3),
                         None, "fits")
            expect_equal(refused_size(mesh[1], mesh[3], source, target, fits - headers + 1),
                         fits, "told by ICMP")
        tcp_transfer(mesh[1], mesh[3], mesh[3].ipv4, 200000)
        drops = mesh[1].drops()
        expect(drops["tx-mtu"] >= 1, "counted")


@quick
def test_senders_on_a_vlan_are_told_what_fits():
    """The VLAN's interface is as wide as the mesh's: its tag is too much, or the way is narrower."""
    with line(2) as mesh:
        for n, hub in mesh.hubs.items():
            ip_batch(hub.netns, [f"link add link {hub.dev} name v7 type vlan id 7",
                                 "link set v7 up", f"addr add 10.88.0.{n}/24 dev v7",
                                 f"addr add fd88::{n}/64 dev v7 nodad"] + [
                                     f"neigh replace {far} lladdr {mesh[3 - n].id_text} dev v7 nud "
                                     "permanent" for far in (f"10.88.0.{3 - n}", f"fd88::{3 - n}")])
        for generation, less in ((100, 0), (101, 90)):
            way = 1600 - uapi.HM_OVERHEAD_V6 - less
            for n, hub in mesh.hubs.items():
                hub.routes({mesh[3 - n]: 3 - n}, generation, frame_max=way + INNER)
            for source, target, headers in (("10.88.0.1", "10.88.0.2", 28),
                                            ("fd88::1", "fd88::2", 48)):
                expect_equal(refused_size(mesh[1], mesh[2], source, target, way - VLAN_TAG - headers + 1),
                             way - VLAN_TAG, f"told by ICMP to {source}")
                tcp_transfer(mesh[1], mesh[2], target, 200000, seconds=10)


def mixed(mtus):
    """A line with one underlay MTU per edge."""
    mesh = Mesh(len(mtus) + 1, [(i, i + 1) for i in range(1, len(mtus) + 1)], probe_ms=PROBE_MS,
                underlay_mtu=max(mtus), mesh_mtu=max(mtus) - uapi.HM_OVERHEAD_V6)
    return mesh


def test_mixed_underlays_from_1280_to_9000_have_no_black_hole():
    """TCP and datagrams of every kind of size, IPv4 and IPv6, between all ends."""
    mtus = (9000, 1280, 1500)
    with mixed(mtus) as mesh:
        for (a, b), mtu in zip(mesh.edges, mtus):
            for x, y in ((a, b), (b, a)):
                run(f"ip -n {mesh[x].netns} link set to{y} mtu {mtu}")
        links_up(mesh)
        least = max(min(mtus) - OUTER4, FLOOR)
        for i, hub in mesh.hubs.items():
            first = mesh.first_hops(i)
            hub.routes({mesh[j]: via for j, via in first.items()}, 100, frame_max=least)
        for a, b in ((1, 4), (4, 1), (2, 4)):
            tcp_transfer(mesh[a], mesh[b], mesh[b].ipv4, 100000)
            tcp_transfer(mesh[a], mesh[b], mesh[b].ula, 100000)
        for size in (10, 1000, 1200, 1400, 4000, 8000):
            # Not every size fits: what does not is fragmented by the sender once ICMP told it.
            wait_for(f"a datagram of {size} bytes",
                     lambda: reaches(mesh[1], mesh[4], mesh[1].ipv4, mesh[4].ipv4, bytes(size), 1), 10)
            wait_for(f"a datagram of {size} bytes over IPv6",
                     lambda: reaches(mesh[1], mesh[4], mesh[1].ula, mesh[4].ula, bytes(size), 1), 10)
