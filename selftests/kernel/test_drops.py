# SPDX-License-Identifier: GPL-2.0
"""Every reason for a drop, provoked from outside, counted exactly once and alone.

      peer 2 (Python) ---- veth ----+
                                    hub 1 (kernel)
      peer 3 (Python) ---- veth ----+

A test, here or in another file, names the reasons it provokes with @provokes; the last test
fails if a reason of the header has no test and no entry in UNREACHABLE.
"""

import importlib
import os
import socket
import struct
import threading

from lib import frame, uapi
from lib.ktap import expect, expect_equal, quick
from lib.lab import MARK, PROVOKED, DropsExactly, Lab, provokes, unchanged_but
from lib.mesh import CHACHA, hub_ref, ip_batch, link_ref, material, run, wait_for
from lib.netlink import as_dict, attr, mac, number, u32

UNREACHABLE = {
    "no-memory": "needs fault injection, which Debian's kernels are built without",
}

UNKNOWN_HUB = mac("02:68:75:62:00:ee")
lab = None


def setup():
    global lab
    lab = Lab()
    lab.up()


def teardown():
    if lab:
        lab.down()


def drops(**wanted):
    return DropsExactly(lab.hub, **wanted)


def expect_still_works():
    """The positive twin: an intact frame is delivered, and one is relayed."""
    lab.drain()
    with drops():
        lab[2].send(lab[2].build(lab[2].inner(b"intact")))
        got = lab.delivered()
        expect(got and got[14:20] == b"intact", f"intact frame was not delivered: {got}")
        lab[2].send(lab[2].build(b"blind", dst=lab[3].id))
        expect(lab[3].receive() is not None, "intact frame was not relayed")


class Stranger:
    """A hub only known by its id."""

    def __init__(self, last):
        self.id_text = f"02:68:75:62:01:{last:02x}"
        self.id = mac(self.id_text)


# ---- the second implementation and the kernel understand each other

@quick
def test_frame_crafted_in_python_is_delivered_unchanged():
    payload = bytes(range(256)) * 4
    lab.drain()
    with drops():
        lab[2].send(lab[2].build(lab[2].inner(payload)))
        expect_equal(lab.delivered(), lab[2].inner(payload), "delivered frame")


@quick
def test_frame_sealed_by_kernel_opens_in_python():
    inner = lab[2].id + lab.hub.id + struct.pack(">H", MARK) + b"to python" * 20
    lab.drain()
    lab.transmit(inner)
    raw = lab[2].receive()
    header, plain = lab[2].open_frame(raw)
    expect_equal(plain, bytes(2) + inner, "zone 0 and the inner frame")
    expect_equal((header.version, header.type, header.flags), (1, uapi.HM_TYPE_UNICAST, 0), "header")
    expect_equal((header.src, header.dst), (lab.hub.id, lab[2].id), "addresses")
    expect_equal((header.link_index, header.ttl), (1, uapi.HM_TTL_DEFAULT), "hop fields")
    expect(header.counter > 0 and header.hop_seq > 0 and header.lane < uapi.HM_LANES, "numbers")
    expect(b"to python" not in raw, "plaintext on the wire")


def test_frame_sealed_by_kernel_does_not_open_when_altered():
    lab.drain()
    lab.transmit(lab[2].inner(b"x" * 64, dst=lab[2].id, src=lab.hub.id))
    raw = lab[2].receive()
    for at in (2, 3, 6, 8, 14, 24, 40, len(raw) - 1):
        bad = bytearray(raw)
        bad[at] ^= 0x20 if at == 2 else 1
        header = frame.Header.parse(bytes(bad))
        plain = frame.chacha20poly1305_open(
            lab[2].seal_rx.key, header.nonce(lab[2].seal_rx.salt), bytes(bad[40:]), header.aad())
        expect(plain is None, f"opened though byte {at} was altered")


@quick
def test_relay_rewrites_only_the_hop_fields():
    lab.drain()
    with drops():
        sent = lab[2].build(b"opaque to hub 1", dst=lab[3].id, ttl=9, cls=5, flow=77, lane=3,
                            phase=2, key=frame.Material(material("somebody else")[:44]))
        lab[2].send(sent)
        raw = lab[3].receive()
    before, after = frame.Header.parse(sent), frame.Header.parse(raw)
    expect_equal(raw[40:], sent[40:], "sealed part")
    expect_equal(after.aad(), before.aad(), "bytes a relay may not change")
    expect_equal((after.ttl, after.link_index), (8, 1), "ttl and link index of the next hop")
    expect_equal(frame.hop_tag(raw[:32], lab[3].link_rx.hop), after.hop_tag, "hop tag of the relay")


def test_frames_in_every_lane_and_class_are_delivered():
    lab.drain()
    with drops():
        for lane in range(uapi.HM_LANES):
            lab[2].send(lab[2].build(lab[2].inner(b"lane%d" % lane), lane=lane, cls=lane % 8))
            expect_equal(lab.delivered()[14:], b"lane%d" % lane, "lane")


# ---- malformed

@quick
@provokes("rx-short", "rx-seal-auth")
def test_truncated_at_every_length_is_counted_short_or_unauthentic():
    whole = lab[2].build(lab[2].inner(b"a" * 30))
    with drops(rx_short=uapi.HM_FRAME_MIN):
        for length in range(uapi.HM_FRAME_MIN):
            lab[2].send(whole[:length])
    for length in range(uapi.HM_FRAME_MIN, 61):
        with drops(rx_seal_auth=1):
            lab[2].send(lab[2].build(lab[2].inner(b"a" * 30))[:length])
    expect_still_works()


@provokes("rx-oversize")
def test_longer_than_the_largest_frame_is_refused():
    with drops(rx_oversize=2):
        for length in (uapi.HM_FRAME_MAX + 1, 65507):
            lab[2].send(lab[2].build(b"x" * 14)[:40].ljust(length, b"\0"))
    with drops(rx_seal_auth=1):
        lab[2].send(lab[2].build(b"x" * 14)[:40].ljust(uapi.HM_FRAME_MAX, b"\0"))
    expect_still_works()


@quick
@provokes("rx-version")
def test_other_versions_are_refused_though_tagged():
    versions = [v for v in range(16) if v != uapi.HM_WIRE_VERSION]
    with drops(rx_version=len(versions)):
        for version in versions:
            lab[2].send(lab[2].build(version=version))
    expect_still_works()


@provokes("rx-type")
def test_unknown_types_are_refused_though_tagged():
    known = (uapi.HM_TYPE_UNICAST, uapi.HM_TYPE_TREE, uapi.HM_TYPE_HOP, uapi.HM_TYPE_PROBE,
             uapi.HM_TYPE_TUNNEL)
    others = [t for t in range(16) if t not in known]
    with drops(rx_type=len(others)):
        for kind in others:
            lab[2].send(lab[2].build(type=kind))
    expect_still_works()


@provokes("rx-flags")
def test_reserved_flags_are_refused_though_tagged():
    unknown = [flags for flags in range(8) if flags & ~uapi.HM_FLAG_PACKED]
    with drops(rx_flags=len(unknown) + 2):
        for flags in unknown:
            lab[2].send(lab[2].build(flags=flags))
        lab[2].send(lab[2].build_hop(b"", flags=uapi.HM_FLAG_PACKED))
        lab[2].send(lab[2].build_probe(flags=uapi.HM_FLAG_PACKED))
    expect_still_works()


@provokes("rx-lane")
def test_lanes_out_of_range_are_refused_though_tagged():
    with drops(rx_lane=4):
        for lane in (uapi.HM_LANES, uapi.HM_LANES + 1, 128, 255):
            lab[2].send(lab[2].build(lane=lane))
    expect_still_works()


# ---- the hop

@quick
@provokes("rx-link-unknown")
def test_unknown_link_indices_are_refused():
    with drops(rx_link_unknown=4):
        for index in (0, 1, 4, 65535):
            lab[2].send(lab[2].build(link_index=index))
    expect_still_works()


@provokes("rx-hop-no-key")
def test_hop_phases_without_key_are_refused():
    with drops(rx_hop_no_key=3):
        for phase in (1, 2, 3):
            lab[2].send(lab[2].build(hop_phase=phase))
    expect_still_works()


@quick
@provokes("rx-hop-tag")
def test_every_altered_header_byte_breaks_the_hop_tag():
    """Bits that choose version, type, flags, lane, link or key fail earlier: left out."""
    keep = {1: 0x20, 2: 0x80}
    places = [1, 2] + [at for at in range(6, 40)]
    with drops(rx_hop_tag=len(places)):
        for at in places:
            raw = bytearray(lab[2].build())
            raw[at] ^= keep.get(at, 0x01)
            lab[2].send(bytes(raw))
    expect_still_works()


def test_tag_under_another_links_key_is_refused():
    with drops(rx_hop_tag=2):
        lab[2].send(lab[2].build(link_index=3))
        lab[2].send(lab[2].build(link_key=lab[3].link_tx))
    expect_still_works()


@quick
@provokes("rx-hop-replay")
def test_repeated_hop_frame_is_refused():
    lab.drain()
    raw = lab[2].build(lab[2].inner(b"once"))
    with drops(rx_hop_replay=3):
        for _ in range(4):
            lab[2].send(raw)
    expect(lab.delivered(), "the first was not delivered")
    expect(lab.delivered(0.05) is None, "delivered twice")
    relayed = lab[2].build(b"relay", dst=lab[3].id)
    with drops(rx_hop_replay=1):
        lab[2].send(relayed)
        lab[2].send(relayed)
    expect_still_works()


@provokes("rx-own-source")
def test_own_frame_coming_back_is_a_loop():
    with drops(rx_own_source=2):
        lab[2].send(lab[2].build(src=lab.hub.id))
        lab[2].send(lab[2].build(src=lab.hub.id, dst=lab[3].id))
    expect_still_works()


# ---- the seal

@provokes("rx-hub-unknown")
def test_frame_from_an_unknown_hub_is_refused():
    with drops(rx_hub_unknown=1):
        lab[2].send(lab[2].build(src=UNKNOWN_HUB))
    expect_still_works()


@quick
@provokes("rx-seal-no-key")
def test_seal_phases_without_key_are_refused():
    with drops(rx_seal_no_key=3):
        for phase in (1, 2, 3):
            lab[2].send(lab[2].build(phase=phase))
    stranger = Stranger(1)
    lab.hub.hub_new(stranger)
    with drops(rx_seal_no_key=1):
        lab[2].send(lab[2].build(src=stranger.id))
    lab.hub.hub_del(stranger)
    expect_still_works()


@quick
@provokes("rx-seal-replay")
def test_repeated_seal_counter_is_refused_on_a_fresh_hop():
    lab.drain()
    counter = lab[2].header().counter
    with drops(rx_seal_replay=2):
        for _ in range(3):
            lab[2].send(lab[2].build(counter=counter))
    expect(lab.delivered() and lab.delivered(0.05) is None, "not delivered exactly once")
    with drops(rx_seal_replay=1):
        lab[2].send(lab[2].build(counter=0))
    expect_still_works()


@provokes("rx-seal-auth")
def test_altered_ciphertext_and_wrong_seal_keys_are_refused():
    with drops(rx_seal_auth=4):
        for at in (40, 41, -17, -1):
            raw = bytearray(lab[2].build())
            raw[at] ^= 1
            lab[2].send(bytes(raw))
    with drops(rx_seal_auth=1):
        lab[2].send(lab[2].build(key=lab[3].seal_tx))
    expect_still_works()


def test_frame_of_one_hub_in_the_name_of_another_is_refused():
    """Peer 3 has a link, but no seal key of peer 2."""
    with drops(rx_seal_auth=1):
        lab[3].send(lab[3].build(src=lab[2].id, counter=lab[2].header().counter))
    expect_still_works()


def test_unauthentic_frames_do_not_move_the_windows():
    with drops(rx_hop_tag=1, rx_seal_auth=1):
        raw = bytearray(lab[2].build(hop_seq=1 << 31))
        raw[39] ^= 1
        lab[2].send(bytes(raw))
        raw = bytearray(lab[2].build(counter=1 << 60))
        raw[-1] ^= 1
        lab[2].send(bytes(raw))
    expect_still_works()


@provokes("rx-inner")
def test_sealed_part_too_short_for_zone_and_ethernet_is_refused():
    lengths = range(uapi.HM_ZONE_LEN + uapi.HM_INNER_MIN)
    with drops(rx_inner=len(lengths)):
        for length in lengths:
            lab[2].send(lab[2].build(plain=bytes(length)))
    expect_still_works()


@provokes("rx-inner")
def test_inner_frame_with_a_multicast_source_is_refused():
    with drops(rx_inner=2):
        for src in (b"\xff" * 6, mac("01:00:5e:00:00:01")):
            lab[2].send(lab[2].build(lab[2].inner(src=src)))
    expect_still_works()


def test_inner_header_without_payload_is_delivered():
    lab.drain()
    with drops():
        lab[2].send(lab[2].build(lab[2].inner(b"")))
        expect(lab.delivered() is not None, "14-byte inner frame was not delivered")


# ---- HOP and PROBE

SYN, SYN_ACK, ACK = 0x5002, 0x5012, 0x5010


def control_segment(sport, dport, proto=6, kind=0x86DD, flags=ACK):
    """An inner frame: IPv6 and the head of a TCP or UDP segment, from peer 2."""
    segment = struct.pack(">HHIIHHHH", sport, dport, 1, 0, flags, 1024, 0, 0)
    ip6 = struct.pack(">IHBB", 6 << 28, len(segment), proto, 64) + socket.inet_pton(
        socket.AF_INET6, lab[2].ula) + socket.inet_pton(socket.AF_INET6, lab.hub.ula)
    return lab[2].inner(ip6 + segment, kind=kind)


@provokes("rx-hop-policy")
def test_hop_frames_with_other_than_the_control_port_are_refused():
    port = uapi.HM_PORT_CONTROL
    bad = [control_segment(1000, 1001), control_segment(1000, port + 1),
           control_segment(port, 22, flags=SYN), control_segment(1000, port, proto=17), control_segment(1000, port, kind=0x0800),
           lab[2].inner(b"not IP at all"), lab[2].inner(b""),
           control_segment(1000, port)[:-18]]
    with drops(rx_hop_policy=len(bad)):
        for inner in bad:
            lab[2].send(lab[2].build_hop(inner))
    expect_still_works()


def test_hop_frames_of_the_control_port_are_delivered():
    accepted = lambda: number(as_dict(lab.hub.device()[uapi.HUBMESH_A_DEVICE_STATS])[
        uapi.HUBMESH_A_STATS_RX_FRAMES])
    before = accepted()
    with drops():
        lab[2].send(lab[2].build_hop(control_segment(1000, uapi.HM_PORT_CONTROL)))
        lab[2].send(lab[2].build_hop(control_segment(1000, uapi.HM_PORT_CONTROL, flags=SYN)))
        for flags in (SYN_ACK, ACK):
            lab[2].send(lab[2].build_hop(control_segment(uapi.HM_PORT_CONTROL, 1000,
                                                         flags=flags)))
        wait_for("four frames accepted", lambda: accepted() == before + 4)
    expect_still_works()


def test_hop_frame_is_opened_and_sealed_again_by_the_relay():
    lab.drain()
    inner = lab[3].inner(control_segment(1000, uapi.HM_PORT_CONTROL)[14:], dst=lab[3].id,
                         src=lab[2].id, kind=0x86DD)
    with drops():
        lab[2].send(lab[2].build_hop(inner, dst=lab[3].id, ttl=5))
        header, plain = lab[3].open_frame(lab[3].receive(), key=lab[3].link_rx)
    expect_equal((header.type, header.ttl, header.src), (uapi.HM_TYPE_HOP, 4, lab[2].id), "header")
    expect_equal(plain, bytes(2) + inner, "opened under the next link's key")


@provokes("rx-hop-rate")
def test_hop_frames_above_the_rate_are_refused_and_data_is_not():
    # The link's burst is 256; at 1 frame per second nothing refills meanwhile.
    lab.hub.device_set(attr(uapi.HUBMESH_A_DEVICE_HOP_RATE_PPS, u32(1)))
    before = lab.hub.drops()
    inner = control_segment(1000, uapi.HM_PORT_CONTROL)
    for _ in range(300):
        lab[2].send(lab[2].build_hop(inner))
    expect_still_works()
    rose = unchanged_but(before, lab.hub.drops())
    expect_equal(set(rose), {"rx-hop-rate"}, "reasons")
    expect(30 <= rose["rx-hop-rate"] <= 100, f"{rose} of 300 refused, burst is 256")
    with drops():
        lab[3].send(lab[3].build_hop(control_segment(1000, uapi.HM_PORT_CONTROL)))
    lab.hub.device_set(attr(uapi.HUBMESH_A_DEVICE_HOP_RATE_PPS, u32(1000)))


@provokes("rx-probe")
def test_malformed_probes_and_probes_of_others_are_refused():
    with drops(rx_probe=4):
        for length in (0, 1, 48, 55):
            lab[2].send(lab[2].build_probe(plain=bytes(length)))
    with drops(rx_probe=1):
        lab[2].send(lab[2].build_probe(probe_flags=2))
    with drops(rx_probe=1):
        lab[2].send(lab[2].build_probe(src=lab[3].id))
    expect_still_works()


def test_intact_probe_is_accepted():
    with drops():
        lab[2].send(lab[2].build_probe(seq=1))
    expect_still_works()


@provokes("rx-device-down")
def test_frames_arriving_while_the_interface_goes_down_are_counted():
    """The sockets close a moment after the interface stops running: frames in between."""
    before, stop = lab.hub.drops(), threading.Event()

    def blast():
        while not stop.is_set():
            try:
                lab[2].send(b"x")
            except ConnectionRefusedError:
                pass

    sender = threading.Thread(target=blast, name="blast")
    sender.start()
    try:
        def toggled():
            ip_batch(lab.hub.netns, ["link set mesh0 down", "link set mesh0 up"])
            return "rx-device-down" in unchanged_but(before, lab.hub.drops())
        wait_for("a frame while going down", toggled, 20, step=0)
    finally:
        stop.set()
        sender.join()
    rose = set(unchanged_but(before, lab.hub.drops()))
    expect(rose <= {"rx-short", "rx-device-down"}, f"rose: {rose}")
    expect_still_works()


def test_interface_down_delivers_nothing():
    ip_batch(lab.hub.netns, ["link set mesh0 down"])
    try:
        with drops():
            lab[2].send(lab[2].build())
            expect(lab.delivered(0.05) is None, "delivered through an interface that is down")
    finally:
        ip_batch(lab.hub.netns, ["link set mesh0 up"])
    expect_still_works()


# ---- forwarding

@quick
@provokes("fwd-ttl")
def test_ttl_0_and_1_are_not_relayed_and_2_is():
    lab.drain()
    with drops(fwd_ttl=2):
        for ttl in (0, 1):
            lab[2].send(lab[2].build(b"x", dst=lab[3].id, ttl=ttl))
    expect(lab[3].receive(0.05) is None, "relayed without hops left")
    with drops():
        lab[2].send(lab[2].build(b"x", dst=lab[3].id, ttl=2))
        expect_equal(frame.Header.parse(lab[3].receive()).ttl, 1, "ttl after one hop")
        for ttl in (0, 1):
            lab[2].send(lab[2].build(lab[2].inner(b"mine"), ttl=ttl))
            expect(lab.delivered(), f"ttl {ttl}: not delivered at the destination")


@provokes("fwd-no-route")
def test_relay_without_route_refuses():
    stranger = Stranger(2)
    with drops(fwd_no_route=1):
        lab[2].send(lab[2].build(b"x", dst=UNKNOWN_HUB))
    lab.hub.hub_new(stranger)
    with drops(fwd_no_route=1):
        lab[2].send(lab[2].build(b"x", dst=stranger.id))
    lab.hub.hub_del(stranger)
    expect_still_works()


@provokes("fwd-split-horizon")
def test_relay_does_not_send_back_where_it_came_from():
    lab.drain()
    with drops(fwd_split_horizon=1):
        lab[3].send(lab[3].build(b"x", dst=lab[3].id))
    expect(lab[3].receive(0.05) is None, "came back")
    expect_still_works()


def link_down(index, probe_ms=10, misses=2):
    """Probes that nobody answers take the link down."""
    lab.hub.request(uapi.HUBMESH_CMD_LINK_SET, attr(uapi.HUBMESH_A_LINK, [
        attr(uapi.HUBMESH_A_LINK_INDEX, u32(index)),
        attr(uapi.HUBMESH_A_LINK_PROBE_MISSES, u32(misses)),
        attr(uapi.HUBMESH_A_LINK_PROBE_MS, u32(probe_ms))]))
    wait_for("link down", lambda: lab.hub.link_state(index) == uapi.HUBMESH_LINK_DOWN)
    lab.hub.request(uapi.HUBMESH_CMD_LINK_SET, attr(uapi.HUBMESH_A_LINK, [
        attr(uapi.HUBMESH_A_LINK_INDEX, u32(index)),
        attr(uapi.HUBMESH_A_LINK_PROBE_MS, u32(0))]))


@provokes("fwd-link-down", "tx-link-down")
def test_link_down_refuses_relayed_and_own_frames_until_heard_again():
    link_down(3)
    with drops(fwd_link_down=1):
        lab[2].send(lab[2].build(b"x", dst=lab[3].id))
    with drops(tx_link_down=1):
        lab.transmit(lab[3].inner(dst=lab[3].id, src=lab.hub.id))
    lab[3].send(lab[3].build())
    wait_for("link up", lambda: lab.hub.link_state(3) == uapi.HUBMESH_LINK_UP)
    expect_still_works()


# ---- transmit

def to(peer, text=b"out"):
    return lab[2].inner(text, dst=peer.id, src=lab.hub.id)


@provokes("tx-no-hub")
def test_unicast_to_an_unknown_mac_is_flooded_and_dropped_if_no_hub_is_there():
    lab.drain()
    with drops():
        lab.transmit(lab[2].inner(b"anyone?", dst=UNKNOWN_HUB, src=lab.hub.id))
        for peer in lab.peers.values():
            expect(peer.receive(), "unknown unicast was not flooded")
    with Lab(peers=(), prefix="alone") as alone:
        for dst in (UNKNOWN_HUB, b"\xff" * 6):
            with DropsExactly(alone.hub, tx_no_hub=1):
                alone.transmit(dst + alone.hub.id + struct.pack(">H", MARK) + b"anyone?")
    expect_still_works()


def session_stranger(last, route=None, key=True):
    """Hub known to hub 1, with a seal key and a route if wanted."""
    stranger = Stranger(last)
    lab.hub.hub_new(stranger)
    if key:
        lab.hub.key_set(hub_ref(stranger.id), 0, CHACHA, material("r", last)[:44],
                        material("t", last)[:44])
    if route:
        lab.route({lab[2]: 2, lab[3]: 3, stranger: route})
    return stranger


@provokes("tx-no-session")
def test_frames_without_session_are_held_then_dropped_from_the_seventeenth():
    stranger = session_stranger(3, route=2, key=False)
    lab.drain()
    with drops(tx_no_session=4):
        for n in range(20):
            lab.transmit(to(stranger, b"held %d" % n))
    held = number(lab.hub.hubs_known()[stranger.id][uapi.HUBMESH_A_HUB_HELD])
    expect_equal(held, 16, "frames held")
    with drops():
        lab.hub.key_set(hub_ref(stranger.id), 0, CHACHA, material("r", 3)[:44],
                        material("t", 3)[:44])
        key = frame.Material(material("t", 3)[:44])
        texts = [lab[2].open_frame(lab[2].receive(), key)[1][16:] for _ in range(16)]
    expect_equal(texts, [b"held %d" % n for n in range(16)], "held frames, in order")
    lab.hub.hub_del(stranger)
    lab.route()


@provokes("tx-no-session")
def test_held_frames_are_dropped_when_no_session_comes():
    stranger = session_stranger(4, route=2, key=False)
    with drops(tx_no_session=3, seconds=12):
        for _ in range(3):
            lab.transmit(to(stranger))
    lab.hub.hub_del(stranger)
    lab.route()


@provokes("tx-no-route")
def test_own_frame_without_route_is_dropped():
    stranger = session_stranger(5)
    with drops(tx_no_route=1):
        lab.transmit(to(stranger))
    lab.hub.hub_del(stranger)
    expect_still_works()


@provokes("tx-no-link-key")
def test_next_hop_without_link_key_is_refused_for_own_and_relayed_frames():
    lab.hub.key_del(link_ref(3), 0)
    with drops(tx_no_link_key=2):
        lab.transmit(to(lab[3]))
        lab[2].send(lab[2].build(b"x", dst=lab[3].id))
    lab.hub.key_set(link_ref(3), 0, CHACHA, material("fresh", 3), material("fresh", 1))
    lab[3].link_tx = frame.Material(material("fresh", 3))
    lab[3].link_rx = frame.Material(material("fresh", 1))
    expect_still_works()


KEY_START = "/sys/module/hubmesh/parameters/key_start"  # test builds only


def keys_start_at(number_):
    """Keys made from now on have used up this many numbers in every lane."""
    with open(KEY_START, "w", encoding="ascii") as param:
        param.write(str(number_))


@provokes("tx-key-exhausted")
def test_keys_that_reach_their_limit_send_nothing_more():
    """One frame before the limit of the link's key, then of the seal's."""
    limits = {"hop": (1 << 32) - (1 << 16), "seal": 1 << 34}
    for which, limit in limits.items():
        keys_start_at(limit - 1)
        try:
            if which == "hop":
                lab.hub.key_set(link_ref(3), 1, CHACHA, lab[3].link_tx.raw, lab[3].link_rx.raw)
            else:
                lab.key_seal(lab[3], phase=1)
        finally:
            keys_start_at(0)
        lab.drain()
        with drops():
            lab.transmit(to(lab[3], b"last"))
            header = frame.Header.parse(lab[3].receive())
        expect_equal(header.hop_seq if which == "hop" else header.counter, limit, "number")
        with drops(tx_key_exhausted=3):
            for _ in range(3):
                lab.transmit(to(lab[3]))
        expect(lab[3].receive(0.05) is None, "sent beyond the limit")
        owner = link_ref(3) if which == "hop" else hub_ref(lab[3].id)
        lab.hub.key_use(owner, 0)
        lab.hub.key_del(owner, 1)
        with drops():
            lab.transmit(to(lab[3], b"after"))
            expect(lab[3].receive(), "another key does not help")
    expect_still_works()


def link_mtu(index, mtu):
    lab.hub.request(uapi.HUBMESH_CMD_LINK_SET, attr(uapi.HUBMESH_A_LINK, [
        attr(uapi.HUBMESH_A_LINK_INDEX, u32(index)), attr(uapi.HUBMESH_A_LINK_MTU, u32(mtu))]))


@provokes("tx-mtu")
def test_frame_larger_than_the_underlay_is_refused_and_the_largest_is_sent():
    overhead = 20 + 8 + uapi.HM_HDR_LEN + uapi.HM_ZONE_LEN + 14 + uapi.HM_SEAL_TAG_LEN
    link_mtu(2, 1450)
    lab.drain()
    with drops():
        lab.transmit(to(lab[2], b"m" * (1450 - overhead)))
        expect_equal(len(lab[2].receive()), 1450 - 28, "largest frame")
    with drops(tx_mtu=1):
        lab.transmit(to(lab[2], b"m" * (1450 - overhead + 1)))
    link_mtu(2, 0)
    with drops():
        lab.transmit(to(lab[2], b"m" * (1450 - overhead + 1)))
        expect(lab[2].receive(), "refused though the link's MTU is the route's again")


@provokes("tx-flood-limit")
def test_broadcast_beyond_the_flood_limit_is_counted():
    lab.drain()
    with drops():
        lab.transmit(lab[2].inner(b"to all", dst=b"\xff" * 6, src=lab.hub.id))
        for peer in lab.peers.values():
            expect(b"to all" in peer.open_frame(peer.receive())[1], "broadcast not received")
    strangers = [session_stranger(0x40 + n) for n in range(63)]
    lab.route({lab[2]: 2, lab[3]: 3, **{s: 2 for s in strangers}})
    before = lab.hub.drops()
    lab.transmit(lab[2].inner(b"to all", dst=b"\xff" * 6, src=lab.hub.id))
    wait_for("flood limit", lambda: lab.hub.drops().get("tx-flood-limit", 0)
             == before.get("tx-flood-limit", 0) + 1)
    for stranger in strangers:
        lab.hub.hub_del(stranger)
    lab.route()
    expect_still_works()


@provokes("tx-underlay")
def test_underlay_without_route_to_the_remote_is_counted():
    stranger = Stranger(6)
    lab.hub.link_new(index=60, peer=stranger, remote="192.0.2.1", remote_index=1)
    lab.hub.key_set(link_ref(60), 0, CHACHA, material("u", 1), material("u", 2))
    stranger = session_stranger(6, route=60)
    with drops(tx_underlay=1):
        lab.transmit(to(stranger))
    lab.hub.link_del(60)
    lab.hub.hub_del(stranger)
    lab.route()
    expect_still_works()


@provokes("tx-malformed")
def test_frame_without_ethernet_header_is_refused():
    """A traffic control action takes the Ethernet header away before the driver."""
    tc = f"tc -n {lab.hub.netns} "
    run(tc + "qdisc add dev mesh0 clsact")
    try:
        run(tc + "filter add dev mesh0 egress matchall action vlan pop_eth")
        with drops(tx_malformed=1):
            lab.transmit(to(lab[2], b"short"))
    finally:
        run(tc + "qdisc del dev mesh0 clsact")
    expect_still_works()


PATIENT = dict(target_us=1000000, interval_us=10000000)  # CoDel drops nothing


def queued_at(rate, **settings):
    """Hub 1's link to peer 2 gets a rate and @settings for class 0, and one frame is sent on it:
    what comes now waits."""
    lab.hub.qos_set(2, {0: settings})
    lab.hub.link_rate(2, rate)
    lab.drain()
    lab.transmit(to(lab[2], b"first"))
    expect(lab[2].receive(), "the link does not send at all")


def queue_is_default():
    """Without a rate, and what waits sent."""
    lab.hub.link_rate(2, 0)
    wait_for("an empty queue", lambda: not any(
        c["backlog_frames"] for c in lab.hub.qos(2).values()))
    lab.hub.qos_set(2, {0: dict(limit_frames=1000, limit_bytes=2 << 20, target_us=5000,
                                interval_us=100000)})


@provokes("tx-queue-full")
def test_frames_beyond_the_limit_of_their_class_are_dropped_and_others_are_not():
    """Four may wait, and one leaves in 1.4 s."""
    queued_at(1000, limit_frames=4)
    before = lab.hub.drops()
    for n in range(20):
        lab.transmit(to(lab[2], b"%04d" % n + bytes(1300)))
    full = lab.hub.qos(2)[0]["drops_full"]
    expect_equal(unchanged_but(before, lab.hub.drops()), {"tx-queue-full": full}, "drop counters")
    with drops():
        lab.transmit(to(lab[3], b"another link"))
        expect(lab[3].receive(), "another link waits")
        queue_is_default()
        got = [lab[2].open_frame(lab[2].receive())[1][16:20] for _ in range(20 - full)]
    expect(10 < full <= 16, f"{full} of 20 were dropped")
    expect_equal(got[:4], [b"%04d" % n for n in range(4)], "frames that waited, in order")
    expect(lab[2].receive(0.05) is None, "a dropped frame came")
    expect_still_works()


@provokes("tx-codel")
def test_frames_that_wait_too_long_all_the_time_are_dropped_by_codel():
    queued_at(40000, target_us=100, interval_us=1000)
    before = lab.hub.drops()
    for _ in range(200):
        lab.transmit(to(lab[2], bytes(1000)))
    wait_for("an empty queue", lambda: not lab.hub.qos(2)[0]["backlog_frames"], 30)
    rose = unchanged_but(before, lab.hub.drops())
    dropped = lab.hub.qos(2)[0]["drops_codel"]
    expect(dropped > 5, f"CoDel dropped {dropped} of 200")
    expect_equal(rose, {"tx-codel": dropped}, "drop counters")
    queue_is_default()
    with drops():
        for _ in range(200):
            lab.transmit(to(lab[2], bytes(1000)))
    expect_still_works()


@provokes("tx-queue-flushed")
def test_frames_that_wait_when_interface_or_link_goes_are_counted():
    removals = (lambda: ip_batch(lab.hub.netns, ["link set mesh0 down", "link set mesh0 up"]),
                lambda: lab.hub.link_del(2))
    for remove in removals:
        queued_at(1000, **PATIENT)
        before = lab.hub.drops()
        for _ in range(20):
            lab.transmit(to(lab[2], bytes(1300)))
        remove()
        sent = 0
        while lab[2].receive(0.1):
            sent += 1
        expect(sent < 10, f"{sent} frames left, one in 1.4 s may")
        expect_equal(unchanged_but(before, lab.hub.drops()), {"tx-queue-flushed": 20 - sent},
                     "drop counters")
    lab.link(lab[2])
    lab[2].hop_seq = 0
    lab.route()
    expect_still_works()


def test_every_reason_is_provoked_or_excused():
    for name in os.listdir(os.path.dirname(os.path.abspath(__file__))):
        if name.startswith("test_") and name.endswith(".py"):
            importlib.import_module(name[:-3])
    names = set(uapi.DROP_NAMES.values())
    expect(names, "no reasons found")
    missing = names - set(PROVOKED) - set(UNREACHABLE)
    expect(not missing, f"no test provokes {sorted(missing)}")
    expect(not set(PROVOKED) & set(UNREACHABLE), "excused though provoked")
    expect(set(PROVOKED) | set(UNREACHABLE) <= names, "unknown reason named")
