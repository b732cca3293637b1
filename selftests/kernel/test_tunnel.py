# SPDX-License-Identifier: GPL-2.0
r"""Repair by a tunnel, where no neighbour is a loop-free alternative (RFC 7490).

          hub 1 ----- hub 2
         /                 \            A ring of six.  Hub 1 reaches 2 and 3 over its
     hub 6                 hub 3        link to 2; if that is dead, by a tunnel over 6
         \                 /            to 4.  Hub 2 reaches 1 and 6 the other way
          hub 5 ----- hub 4             round, by a tunnel over 3 to 5.

Then one hub of the kernel alone among peers played by Python: as the hub that repairs,
as a relay of tunnels, and as their end.
"""

import contextlib
import time

from lib import frame, uapi
from lib.ktap import expect, expect_equal, quick
from lib.lab import MARK, DropsExactly, Lab, provokes
from lib.mesh import CHACHA, Mesh, material, run, wait_for
from lib.netlink import as_dict, attr, mac, number, u32
from lib.pace import scaled
from lib.traffic import Stream, reaches, tcp_transfer

PROBE_MS, MISSES = 50, 3
SLACK_S = scaled(3)
UP, DOWN = uapi.HUBMESH_LINK_UP, uapi.HUBMESH_LINK_DOWN
RING = [(n, n % 6 + 1) for n in range(1, 7)]
ring = lab = None


def setup():
    global ring, lab
    ring = Mesh(6, RING, prefix="tu", cipher=CHACHA, probe_ms=PROBE_MS)
    ring.up()
    repairs()
    lab = Lab()
    lab.up()
    wait_for("every link up", ring_is_up)


def teardown():
    for thing in (ring, lab):
        if thing:
            thing.down()


def ring_is_up():
    return all(ring[a].link_state(b) == UP for x, y in ring.edges for a, b in ((x, y), (y, x)))


def repairs():
    """Routes of the whole ring, with the tunnels of hubs 1 and 2."""
    ring.route()
    ring.generation += 1
    for hub, far, back, end in ((1, (2, 3), 6, 4), (2, (1, 6), 3, 5)):
        routes = {ring[n]: via for n, via in ring.first_hops(hub).items()}
        routes |= {ring[n]: ([3 - hub], back, ring[end]) for n in far}
        ring[hub].routes(routes, ring.generation)


@contextlib.contextmanager
def cut():
    """Hubs 1 and 2 do not hear each other; recovers at the end."""
    try:
        for x, y in ((1, 2), (2, 1)):
            run(f"tc -n {ring[x].netns} qdisc add dev {ring.veth(x, y)} root netem loss 100%")
        yield
    finally:
        for x, y in ((1, 2), (2, 1)):
            run(f"tc -n {ring[x].netns} qdisc del dev {ring.veth(x, y)} root", check=False)
        wait_for("links to recover", ring_is_up, 10)


def are_down():
    return ring[1].link_state(2) == ring[2].link_state(1) == DOWN


def forwarded(n):
    return number(as_dict(ring[n].device()[uapi.HUBMESH_A_DEVICE_STATS])[
        uapi.HUBMESH_A_STATS_FORWARDED])


# ---- the ring

@quick
def test_stream_goes_on_within_the_time_of_detection():
    with Stream(ring[1], ring[2], ring[1].ipv4, ring[2].ipv4, pause=0.005) as stream:
        stream.wait_progress()
        with cut():
            start = time.monotonic()
            stream.wait_progress(50)
            gap = stream.longest_gap(start)
            expect(gap < PROBE_MS * (MISSES + 1) / 1000 + SLACK_S, f"no traffic for {gap:.2f} s")
            before = [forwarded(n) for n in (6, 5, 4, 3)]
            stream.wait_progress(20)
            passed = [forwarded(n) - b for n, b in zip((6, 5, 4, 3), before)]
            expect(min(passed) >= 20, f"6, 5, 4 and 3 forwarded {passed}")
        before = forwarded(6)
        stream.wait_progress(20)
        expect(forwarded(6) - before < 20, "still through the tunnel after the repair")
    expect(len(set(stream.received)) == len(stream.received), "datagrams came twice")
    print(f"# {len(stream.lost)} of {stream.sent} lost, longest gap {gap * 1000:.0f} ms")


def test_a_hub_on_the_way_repairs_by_sending_back_where_it_came_from():
    """6 -> 1 -> 2: hub 1 sends it back to 6, in a tunnel, and 6 passes that on to 5."""
    with cut():
        wait_for("both ends know", are_down)
        with DropsExactly(ring[1]), DropsExactly(ring[6]):
            expect(reaches(ring[6], ring[2], ring[6].ipv4, ring[2].ipv4), "there")
            expect(reaches(ring[2], ring[6], ring[2].ipv4, ring[6].ipv4), "back")
            expect(reaches(ring[1], ring[3], ring[1].ipv4, ring[3].ipv4), "beyond")


def test_streams_of_tcp_pass_the_tunnel_whole():
    """Super-packets are taken apart; what no longer fits is told to the sender."""
    with cut():
        wait_for("both ends know", are_down)
        for target in (ring[2].ipv4, ring[2].ula):
            tcp_transfer(ring[1], ring[2], target, 3 << 20)
        tcp_transfer(ring[2], ring[1], ring[1].ula, 3 << 20)
    tcp_transfer(ring[1], ring[2], ring[2].ipv4, 3 << 20)


def test_without_the_tunnel_the_same_cut_is_not_repaired():
    ring.route()
    try:
        with cut():
            wait_for("both ends know", are_down)
            expect(not reaches(ring[1], ring[2], ring[1].ipv4, ring[2].ipv4, seconds=0.1),
                   "reached")
    finally:
        repairs()
    expect(reaches(ring[1], ring[2], ring[1].ipv4, ring[2].ipv4), "not reached after the repair")


# ---- one hub among crafted frames

class Far:
    """A hub only known by its id."""

    def __init__(self, last):
        self.id_text = f"02:68:75:62:02:{last:02x}"
        self.id = mac(self.id_text)


END = Far(1)  # where hub 1's tunnels end


@contextlib.contextmanager
def dead_link(routes):
    """The link to peer 3 is down, and hub 1 has @routes."""
    hear = lambda: lab[3].send(lab[3].build(lab[3].inner()))
    probe = lambda ms: lab.hub.link_set(3, attr(uapi.HUBMESH_A_LINK_PROBE_MS, u32(ms)))
    lab.hub.hub_new(END)
    lab.route(routes)
    hear()  # what was never up does not go down
    wait_for("link 3 up", lambda: lab.hub.link_state(3) == UP)
    probe(10)
    try:
        wait_for("link 3 down", lambda: lab.hub.link_state(3) == DOWN)
        lab.drain()
        yield
    finally:
        probe(0)
        lab.route()
        lab.hub.hub_del(END)
        hear()
        wait_for("link 3 up", lambda: lab.hub.link_state(3) == UP)
        lab.drain()


def repaired():
    return dead_link({lab[3]: ([3], 2, END), lab[2]: 2, END: 2})


def tunnel(inside, peer=None, **fields):
    """A frame of type TUNNEL from @peer around @inside, to hub 1 unless @fields say otherwise."""
    peer = peer or lab[2]
    header = peer.header(type=uapi.HM_TYPE_TUNNEL, counter=0, **fields)
    return frame.tag(header, peer.link_tx).pack() + inside


def expect_in_tunnel(raw, ttl, src):
    """@raw is a tunnel from hub 1 to END around a frame from @src; return that frame."""
    outer, header = frame.Header.parse(raw), frame.Header.parse(raw[40:])
    expect_equal((outer.type, outer.flags, outer.phase), (uapi.HM_TYPE_TUNNEL, 0, 0), "outer type")
    expect_equal((outer.dst, outer.src, outer.ttl), (END.id, lab.hub.id, ttl), "outer ids and hops")
    expect_equal(frame.hop_tag(raw[:32], lab[2].link_rx.hop), outer.hop_tag, "outer hop tag")
    expect_equal((outer.lane, outer.cls, outer.flow), (header.lane, header.cls, header.flow), "copied")
    expect_equal((header.type, header.dst, header.src), (uapi.HM_TYPE_UNICAST, lab[3].id, src), "inside")
    return raw[40:]


@quick
def test_repairing_hub_puts_a_header_in_front_and_leaves_the_frame_alone():
    sent = lab[2].build(b"opaque to hub 1", dst=lab[3].id, ttl=9, cls=5, flow=77, lane=3)
    with repaired():
        with DropsExactly(lab.hub):
            lab[2].send(sent)
            got = expect_in_tunnel(lab[2].receive(), 8, lab[2].id)
        expect_equal(got[40:], sent[40:], "sealed part")
        expect_equal(frame.Header.parse(got).aad(), frame.Header.parse(sent).aad(), "its header")


@quick
def test_frames_of_the_repairing_hub_itself_are_sealed_as_ever():
    inner = lab[3].inner(b"to peer 3" * 10, dst=lab[3].id, src=lab.hub.id)
    with repaired():
        lab.transmit(inner)
        raw = expect_in_tunnel(lab[2].receive(), uapi.HM_TTL_DEFAULT, lab.hub.id)
    header, key = frame.Header.parse(raw), lab[3].seal_rx
    plain = frame.chacha20poly1305_open(key.key, header.nonce(key.salt), raw[40:], header.aad())
    expect_equal(plain, bytes(2) + inner, "what is in it")


def test_super_packet_is_repaired_frame_by_frame():
    frames = [lab[2].build(b"frame %d" % n, dst=lab[3].id) for n in range(8)]
    with repaired():
        lab.join_received()
        with DropsExactly(lab.hub):
            lab[2].send_super(frames)
            got = [expect_in_tunnel(lab[2].receive(), 31, lab[2].id)[40:] for _ in frames]
    expect_equal(got, [f[40:] for f in frames], "sealed parts in order")


def test_tunnels_and_hop_frames_are_not_put_into_a_tunnel():
    """A TUNNEL whose own way is dead, and a HOP frame, which the next hub must open."""
    control = lambda: lab[2].build_hop(control_segment(), dst=lab[3].id)
    with repaired():
        with DropsExactly(lab.hub, fwd_link_down=2):
            lab[2].send(tunnel(lab[2].build(dst=lab[3].id), dst=lab[3].id))
            lab[2].send(control())
        expect(lab[2].receive(0.1) is None, "something was sent")
    with DropsExactly(lab.hub):
        lab[2].send(tunnel(lab[2].build(dst=lab[3].id), dst=lab[3].id))
        lab[2].send(control())
        types = [frame.Header.parse(lab[3].receive()).type for _ in range(2)]
        expect_equal(types, [uapi.HM_TYPE_TUNNEL, uapi.HM_TYPE_HOP], "on the living link")


def control_segment():
    """An inner frame to the control port of peer 3."""
    tcp = bytes.fromhex("10e1") + uapi.HM_PORT_CONTROL.to_bytes(2, "big") + bytes(8) + b"\x50\x02" + bytes(6)
    ip6 = b"\x60\0\0\0" + len(tcp).to_bytes(2, "big") + b"\x06\x40" + bytes(32)
    return lab[3].id + lab[2].id + b"\x86\xdd" + ip6 + tcp


def test_frame_that_does_not_fit_into_a_tunnel_is_dropped_and_counted():
    overhead = uapi.HM_HDR_LEN + uapi.HM_ZONE_LEN + uapi.HM_SEAL_TAG_LEN
    longest = lab.underlay_mtu - 28 - uapi.HM_HDR_LEN - overhead
    with repaired():
        with DropsExactly(lab.hub):
            lab[2].send(lab[2].build(bytes(longest), dst=lab[3].id))
            expect_equal(len(lab[2].receive()), lab.underlay_mtu - 28, "longest")
        with DropsExactly(lab.hub, tx_mtu=1):
            lab[2].send(lab[2].build(bytes(longest + 1), dst=lab[3].id))
        expect(lab[2].receive(0.1) is None, "something was sent")


# ---- the end of a tunnel

@quick
def test_end_of_the_tunnel_delivers_or_relays_what_was_in_it():
    lab.drain()
    with DropsExactly(lab.hub):
        lab[2].send(tunnel(lab[3].build(lab[3].inner(b"from afar"), link_index=999, ttl=1)))
        expect_equal(lab.delivered()[14:], b"from afar", "delivered")
        sent = lab[2].build(b"opaque", dst=lab[3].id, ttl=33, hop_phase=3, link_index=77)
        lab[2].send(tunnel(sent, ttl=7))
        raw = lab[3].receive()
        back = lab[3].build(b"opaque", dst=lab[2].id)
        lab[2].send(tunnel(back))
        expect_equal(lab[2].receive()[40:], back[40:], "back the way the tunnel came")
    header = frame.Header.parse(raw)
    expect_equal((header.ttl, header.type), (6, uapi.HM_TYPE_UNICAST), "hops of the outer header")
    expect_equal((raw[40:], header.aad()), (sent[40:], frame.Header.parse(sent).aad()), "frame")


def test_relay_passes_tunnels_on_by_their_own_destination():
    sent = tunnel(lab[2].build(dst=END.id), dst=lab[3].id, ttl=5)
    with DropsExactly(lab.hub):
        lab[2].send(sent)
        raw = lab[3].receive()
    expect_equal((raw[40:], frame.Header.parse(raw).ttl), (sent[40:], 4), "what came")


def test_tunnels_that_come_as_one_packet_are_opened_one_by_one():
    lab.drain()
    lab.join_received()
    frames = [tunnel(lab[2].build(lab[2].inner(b"n%d" % n)), flow=7) for n in range(6)]
    with DropsExactly(lab.hub):
        lab[2].send_super(frames)
        got = [lab.delivered()[14:] for _ in frames]
    expect_equal(got, [b"n%d" % n for n in range(6)], "delivered")


@quick
@provokes("rx-tunnel", "fwd-ttl", "rx-flags", "rx-own-source", "rx-seal-auth", "rx-hop-tag")
def test_what_is_no_whole_frame_is_refused_at_the_end_of_a_tunnel():
    whole = lab[2].build(lab[2].inner(b"x"))
    lab.drain()
    with DropsExactly(lab.hub, rx_tunnel=40):
        for length in range(16, uapi.HM_FRAME_MIN):
            lab[2].send(tunnel(whole[:length]))
    with DropsExactly(lab.hub, rx_short=16):
        for length in range(16):
            lab[2].send(tunnel(whole[:length]))
    bad = [tunnel(whole), lab[2].build_hop(lab[2].inner()), lab[2].build_probe(),
           lab[2].build(type=uapi.HM_TYPE_TREE), lab[2].build(version=2), lab[2].build(flags=2),
           lab[2].build(lane=16), lab[2].build(type=0), lab[2].build(type=15)]
    with DropsExactly(lab.hub, rx_tunnel=len(bad)):
        for inside in bad:
            lab[2].send(tunnel(inside))
    with DropsExactly(lab.hub, rx_flags=1):
        lab[2].send(tunnel(whole, flags=uapi.HM_FLAG_PACKED))
    with DropsExactly(lab.hub, rx_own_source=2):
        lab[2].send(tunnel(whole, src=lab.hub.id))
        lab[2].send(tunnel(lab[2].build(src=lab.hub.id, dst=lab[3].id)))
    with DropsExactly(lab.hub, rx_seal_auth=1):
        lab[2].send(tunnel(lab[2].build(key=frame.Material(material("wrong")[:44]))))
    with DropsExactly(lab.hub, fwd_ttl=1):
        lab[2].send(tunnel(lab[2].build(dst=lab[3].id), ttl=1))
    with DropsExactly(lab.hub, rx_hop_tag=1):
        raw = bytearray(tunnel(whole))
        raw[8] ^= 1
        lab[2].send(bytes(raw))
    expect(lab.delivered(0.1) is None, "one was delivered")
    with DropsExactly(lab.hub):
        lab[2].send(tunnel(lab[2].build(lab[2].inner(b"intact"))))
        expect_equal(lab.delivered()[14:], b"intact", "delivered")


def test_tunnel_to_a_hub_without_a_route_is_refused():
    with DropsExactly(lab.hub, fwd_no_route=1):
        lab[2].send(tunnel(lab[2].build(), dst=END.id))
