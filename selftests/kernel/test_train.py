# SPDX-License-Identifier: GPL-2.0
"""Trains (kernel/train.c) and packed frames: datagrams that leave together.

      peer 2 (Python) ---- veth ----+
                                    hub 1 (kernel)
      peer 3 (Python) ---- veth ----+
"""

import contextlib
import os
import struct
import time

from lib import frame, uapi
from lib.ktap import expect, expect_equal, quick
from lib.lab import DropsExactly, Lab
from lib.mesh import ip_batch, run
from lib.netlink import inside
from lib.traffic import udp_socket

PACKED = uapi.HM_FLAG_PACKED
BURST = 300
LONG_WAIT_US = 10000
lab = None


def setup():
    global lab
    lab = Lab()
    lab.up()
    lab.hub.neighbours(lab.peers.values())


def teardown():
    if lab:
        lab.down()


def drops(**wanted):
    return DropsExactly(lab.hub, **wanted)


def tx_usecs(value, check=True):
    return run(f"ip netns exec {lab.hub.netns} ethtool -C {lab.hub.dev} tx-usecs {value}",
               check=check)


@contextlib.contextmanager
def sender():
    """A UDP socket on hub 1."""
    sock = udp_socket(lab.hub.netns, lab.hub.ipv4)
    try:
        yield sock
    finally:
        sock.close()


def inner_frames(raw):
    """Inner frames of one frame from hub 1; raises if the list is malformed."""
    header, plain = lab[2].open_frame(raw)
    expect(plain is not None, "does not open")
    rest = plain[2:]
    if not header.flags & PACKED:
        return header, [rest]
    found = []
    while len(rest) >= 2:
        length = struct.unpack_from(">H", rest)[0]
        if not length:
            expect(not any(rest), "padding is not zero")
            break
        expect(len(rest) >= 2 + length, "entry is longer than the frame")
        found.append(rest[2:2 + length])
        rest = rest[2 + length:]
    return header, found


def udp_checksum_is_right(inner):
    ip, udp = inner[14:34], inner[34:]
    pseudo = ip[12:20] + b"\0\x11" + udp[4:6] + udp
    total = sum(struct.unpack(f">{(len(pseudo) + 1) // 2}H", pseudo + bytes(len(pseudo) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def collect(want):
    """(headers, UDP payloads) of what reaches peer 2, until @want payloads came."""
    headers, payloads = [], []
    while len(payloads) < want:
        raw = lab[2].receive(3.0)
        if raw is None:
            break
        header, inners = inner_frames(raw)
        headers.append(header)
        for inner in inners:
            expect(udp_checksum_is_right(inner), "UDP checksum")
            payloads.append(inner[42:42 + struct.unpack_from(">H", inner, 38)[0] - 8])
    return headers, payloads


@contextlib.contextmanager
def on_one_cpu():
    """Trains are each CPU's own: between those of two CPUs nothing keeps the order."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    yield
    os.sched_setaffinity(0, cpus)


def send_burst(sizes):
    """Numbered datagrams of @sizes, as fast as they go; their payloads."""
    payloads = [struct.pack(">I", n).ljust(size, b".") for n, size in enumerate(sizes)]
    lab.drain()
    with sender() as sock, on_one_cpu():
        for payload in payloads:
            sock.sendto(payload, (lab[2].ipv4, 9))
    return payloads


@quick
def test_burst_of_small_datagrams_leaves_packed_in_order_and_once():
    tx_usecs(LONG_WAIT_US)
    with drops():
        sent = send_burst([64] * BURST)
        headers, got = collect(BURST)
    expect_equal(got, sent, "datagrams")
    expect(any(h.flags & PACKED for h in headers), "nothing was packed")
    expect(len(headers) < BURST / 2, f"{len(headers)} frames for {BURST} datagrams")
    numbers = [(h.lane, h.counter) for h in headers]
    expect_equal(len(set(numbers)), len(numbers), "seal counters, each used once")


def test_large_datagrams_are_not_packed_and_none_is_lost():
    tx_usecs(LONG_WAIT_US)
    with drops():
        sent = send_burst([1200] * 100)
        headers, got = collect(100)
    expect_equal(got, sent, "datagrams")
    expect_equal([h.flags for h in headers], [0] * 100, "flags")


def test_datagrams_of_changing_size_keep_their_order():
    tx_usecs(LONG_WAIT_US)
    sizes = [(16, 700, 64, 1200, 64, 65, 63, 300)[n % 8] for n in range(200)]
    with drops():
        sent = send_burst(sizes)
        headers, got = collect(len(sizes))
    expect_equal(got, sent, "datagrams")


@quick
def test_tx_usecs_0_sends_each_at_once_and_alone():
    tx_usecs(0)
    try:
        with drops():
            sent = send_burst([64] * 50)
            headers, got = collect(50)
    finally:
        tx_usecs(100)
    expect_equal(got, sent, "datagrams")
    expect_equal([h.flags for h in headers], [0] * 50, "flags")


def test_datagrams_far_apart_do_not_wait():
    """At the longest wait, five datagrams each answered before the next leaves."""
    tx_usecs(LONG_WAIT_US)
    lab.drain()
    with sender() as sock:
        for n in range(5):
            sock.sendto(b"ping %d" % n, (lab[2].ipv4, 9))
            headers, got = collect(1)
            expect_equal(got, [b"ping %d" % n], "datagram")
            expect_equal(headers[0].flags, 0, "flags")
            time.sleep(2.5e-6 * LONG_WAIT_US)  # the point of the test: nobody is behind


def test_longer_waits_than_the_limit_are_refused():
    tx_usecs(100)
    got = tx_usecs(LONG_WAIT_US + 1, check=False)
    expect("at most 10000" in got, f"refusal does not say the limit: {got}")
    shown = run(f"ip netns exec {lab.hub.netns} ethtool -c {lab.hub.dev}")
    expect("100" in shown.split("tx-usecs:")[1].split("\n")[0], f"changed: {shown}")


def test_interface_going_down_sends_what_waits():
    tx_usecs(LONG_WAIT_US)
    for _ in range(5):
        with drops():
            sent = send_burst([64] * 40)
            ip_batch(lab.hub.netns, [f"link set {lab.hub.dev} down"])
            headers, got = collect(40)
        ip_batch(lab.hub.netns, [f"link set {lab.hub.dev} up"])
        lab.hub.neighbours(lab.peers.values())
        expect_equal(got, sent, "datagrams")


def packed(*inners, padding=0):
    plain = bytes(2) + b"".join(struct.pack(">H", len(i)) + i for i in inners) + bytes(padding)
    return lab[2].build(plain=plain, flags=PACKED)


@quick
def test_packed_frame_crafted_in_python_delivers_each_inner_frame():
    lab.drain()
    texts = [b"one", b"two" * 100, b"", b"four"]
    for padding in (0, 1, 2, 3, 50):
        with drops():
            lab[2].send(packed(*(lab[2].inner(t) for t in texts), padding=padding))
            for text in texts:
                expect_equal(lab.delivered(), lab[2].inner(text), "inner frame")
    with drops():
        lab[2].send_super([packed(lab[2].inner(b"a%d" % n), lab[2].inner(b"b%d" % n))
                           for n in range(5)])
        got = [lab.delivered()[14:16] for _ in range(10)]
    expect_equal(got, [b"%c%d" % (c, n) for n in range(5) for c in b"ab"], "inner frames")


@quick
def test_malformed_packed_frames_are_refused_whole():
    lab.drain()
    good = lab[2].inner(b"good")
    entry = struct.pack(">H", len(good)) + good
    bad = [b"", b"\0", b"\0\0", bytes(60),                      # no entry at all
           entry + struct.pack(">H", 13) + bytes(13),             # shorter than Ethernet
           entry + struct.pack(">H", 1),                          # beyond the end
           entry + struct.pack(">H", len(good) + 1) + good,
           entry + b"\xff\xff" + good,
           entry + struct.pack(">H", 14) + b"\xff" * 14]          # multicast source
    with drops(rx_inner=len(bad)):
        for rest in bad:
            lab[2].send(lab[2].build(plain=bytes(2) + rest, flags=PACKED))
    expect(lab.delivered(0.05) is None, "part of a malformed frame was delivered")
    with drops():
        lab[2].send(packed(good))
        expect_equal(lab.delivered(), good, "intact twin")


def test_packed_flag_is_sealed():
    """An inner frame that looks like a list must not be read as one, nor the reverse."""
    with drops(rx_seal_auth=2):
        for flags in (0, PACKED):
            header = lab[2].header(flags=flags)
            body = frame.chacha20poly1305_seal(
                lab[2].seal_tx.key, header.nonce(lab[2].seal_tx.salt),
                bytes(2) + lab[2].inner(b"x"), header.aad())
            header.flags ^= PACKED
            lab[2].send(frame.tag(header, lab[2].link_tx).pack() + body)


def test_packed_frames_are_relayed_unopened():
    lab.drain()
    with drops():
        sent = lab[2].build(b"opaque", dst=lab[3].id, flags=PACKED)
        lab[2].send(sent)
        raw = lab[3].receive()
    expect_equal(raw[40:], sent[40:], "sealed part")
    expect_equal(frame.Header.parse(raw).flags, PACKED, "flags")


def test_sockets_with_udp_segmentation_are_not_delayed_behind_small_datagrams():
    """A super-datagram of the same flow sends the waiting ones before it."""
    tx_usecs(LONG_WAIT_US)
    lab.drain()
    sent = []
    with drops(), sender() as sock, inside(lab.hub.netns), on_one_cpu():
        for n in range(60):
            if n % 6 == 5:
                sent += [b"seg%05d" % n, b"SEG%05d" % n]
                sock.sendmsg([b"".join(sent[-2:])], [(17, 103, struct.pack("=H", 8))], 0,
                             (lab[2].ipv4, 9))
            else:
                sent.append(b"one%05d" % n)
                sock.sendto(sent[-1], (lab[2].ipv4, 9))
        headers, got = collect(len(sent))
    expect_equal(got, sent, "datagrams")
