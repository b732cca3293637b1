# SPDX-License-Identifier: GPL-2.0
"""Queues of links (kernel/qos.c) and classification (kernel/classify.c).

Classes and order, frame by frame:

      peer 2 (Python) ---- veth ----+
                                    hub 1 (kernel)
      peer 3 (Python) ---- veth ----+

Load, shaped at the source or at the relay:

      hub 1 ---- hub 2 ---- hub 3
"""

import contextlib
import errno
import fcntl
import socket
import struct
import termios
import threading
import time

from lib import frame, packet, requests, uapi
from lib.ktap import expect, expect_equal, leaps, quick
from lib.lab import MARK, DropsExactly, Lab, unchanged_but
from lib.mesh import CHACHA, class_reports, ip_batch, line, link_ref, run, wait_for
from lib.netlink import NetlinkError, as_dict, attr, inside, number, parse, u8, u16, u32, u64
from lib.traffic import Stream, closing_all, tcp_transfer, udp_socket

CLASS_7 = 7
VOICE_TOS = 0xB8  # expedited forwarding: class 5
IP_TOS, SO_MARK, SO_PRIORITY, SO_TIMESTAMPNS, SO_SNDBUFFORCE = 1, 36, 12, 35, 32
NEVER_DROP = dict(limit_frames=16384, limit_bytes=64 << 20, target_us=1000000,
                  interval_us=10000000)
lab = None


def setup():
    global lab
    lab = big_lab("lab")
    lab.up()
    big_frames(lab)
    lab.hub.neighbours(lab.peers.values())
    tx_usecs(lab.hub, 0)


def teardown():
    if lab:
        lab.down()


def big_lab(prefix, **kw):
    return Lab(underlay_mtu=9100, prefix=prefix, **kw)


def big_frames(some_lab):
    """Frames of 8.8 kB fit: at 1 kB/s such a one keeps a link for 9 s."""
    ip_batch(some_lab.hub.netns, [f"link set {some_lab.hub.dev} mtu 8900"])


def stall(some_lab, index):
    """The link of hub 1 has just sent a frame of 9 s: what comes now waits."""
    some_lab.hub.link_rate(index, 1000)
    some_lab.transmit(some_lab[index].inner(bytes(8800), dst=some_lab[index].id,
                                            src=some_lab.hub.id))
    expect(some_lab[index].receive(), "the link does not send at all")


def tx_usecs(hub, value):
    run(f"ip netns exec {hub.netns} ethtool -C {hub.dev} tx-usecs {value}")


def drops(**wanted):
    return DropsExactly(lab.hub, **wanted)


def tos_of(cls):
    return cls << 5


# ---- order and accounts, frame by frame

def ip4(cls=0, proto=17, src="10.1.2.3", dst="10.4.5.6", sport=1000, dport=2000, dscp=None,
        fragment=0, text=b""):
    """An IPv4 packet with the head of a UDP or TCP segment; of class @cls by its DSCP."""
    tos = tos_of(cls) if dscp is None else dscp << 2
    body = struct.pack(">HHHH", sport, dport, 8 + len(text), 0) + text.ljust(12, b"\0")
    return struct.pack(">BBHHHBBH", 0x45, tos, 20 + len(body), 1, fragment, 64, proto, 0) + \
        socket.inet_aton(src) + socket.inet_aton(dst) + body


def ip6(proto=17, src="fd00:1::1", dst="fd00:2::2", sport=1000, dport=2000, dscp=0):
    body = struct.pack(">HHHH", sport, dport, 8, 0) + bytes(12)
    return struct.pack(">IHBB", 6 << 28 | dscp << 22, len(body), proto, 64) + \
        socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) + body


def ether(payload, kind, peer=2):
    return lab[peer].id + lab.hub.id + struct.pack(">H", kind) + payload


def of_class(cls, text):
    return ether(ip4(cls, text=text), 0x0800)


def received(peer=2, seconds=3.0):
    """(class, UDP payload) of the next frame to @peer, or None."""
    raw = lab[peer].receive(seconds)
    if raw is None:
        return None
    header, plain = lab[peer].open_frame(raw)
    return header.cls, plain[2 + 14 + 28:].rstrip(b"\0")


@contextlib.contextmanager
def stalled(index=2):
    """Frames for hub @index wait; they are sent at the end."""
    lab.drain()
    lab.hub.qos_set(index, {n: NEVER_DROP for n in range(8)})
    try:
        stall(lab, index)
        yield
    finally:
        lab.hub.link_rate(index, 0)
        wait_for("an empty queue", lambda: not backlog(lab.hub, index))
        defaults(lab.hub, index)
        lab.drain()


DEFAULT_WEIGHTS = (4, 1, 4, 8, 8, 16, 8, 8)


def defaults(hub, index):
    hub.qos_set(index, {n: dict(weight=w, limit_frames=1000, limit_bytes=2 << 20, target_us=5000,
                                interval_us=100000) for n, w in enumerate(DEFAULT_WEIGHTS)},
                strict_share=10)


def backlog(hub, index):
    return sum(c["backlog_frames"] for c in hub.qos(index).values())


@quick
def test_link_without_rate_queues_nothing():
    lab.drain()
    before = lab.hub.qos(2)
    with drops():
        for cls in range(8):
            lab.transmit(of_class(cls, b"x"))
            expect_equal(received(), (cls, b"x"), "frame")
    expect_equal(lab.hub.qos(2), before, "queue")
    expect_equal(tuple(before[n]["weight"] for n in range(8)), DEFAULT_WEIGHTS, "weights")


@quick
def test_class_7_overtakes_what_waits_and_others_keep_their_order():
    """100 frames of class 0 wait; one of class 7 comes last and leaves first."""
    with stalled(), drops():
        for n in range(100):
            lab.transmit(of_class(0, b"bulk %d" % n))
        lab.transmit(of_class(CLASS_7, b"control"))
        wait_for("a backlog", lambda: backlog(lab.hub, 2) == 101)
        lab.hub.link_rate(2, 10_000_000)
        expect_equal(received(), (CLASS_7, b"control"), "first")
        for n in range(100):
            expect_equal(received(), (0, b"bulk %d" % n), "frame")


def test_class_7_waits_its_turn_without_a_strict_share():
    """The twin: no share, and the least weight: bulk of 100 times the weight goes first."""
    with stalled(), drops():
        lab.hub.qos_set(2, {0: dict(weight=100), CLASS_7: dict(weight=1)}, strict_share=0)
        for n in range(20):
            lab.transmit(of_class(CLASS_7, b"control %d" % n))
        for n in range(20):
            lab.transmit(of_class(0, b"bulk %d" % n))
        lab.hub.link_rate(2, 10_000_000)
        order = [received()[0] for _ in range(40)]
    expect(order[:10].count(CLASS_7) < 8 and order.index(0) < 5, f"order of classes: {order}")


@quick
def test_seal_counters_and_hop_sequences_survive_overtaking():
    """Every class waits; all frames open, hop sequences of a lane come in order."""
    with stalled(), drops():
        for n in range(160):
            lab.transmit(of_class(n % 8, b"%d" % n))
        wait_for("a backlog", lambda: backlog(lab.hub, 2) == 160)
        lab.hub.link_rate(2, 0)
        headers = [lab[2].open_frame(lab[2].receive())[0] for _ in range(160)]
    for lane in {h.lane for h in headers}:
        numbers = [h.hop_seq for h in headers if h.lane == lane]
        expect_equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), f"lane {lane}")
        counters = [h.counter for h in headers if h.lane == lane]
        expect_equal(counters, sorted(counters), f"seal counters of lane {lane}")


def test_accounts_of_a_class_add_up():
    before, totals = lab.hub.qos(2)[3], lab.hub.links()[2]
    sent = lambda link: number(as_dict(link[uapi.HUBMESH_A_LINK_STATS])[
        uapi.HUBMESH_A_STATS_TX_FRAMES])
    with stalled():
        lab.hub.qos_set(2, {3: dict(limit_frames=30)})
        with drops(tx_queue_full=20):
            for n in range(50):
                lab.transmit(of_class(3, b"x"))
        shown = lab.hub.qos(2)[3]
        expect_equal(shown["backlog_frames"], 30, "frames that wait")
        expect(shown["backlog_bytes"] == 30 * (14 + 40 + uapi.HM_HDR_LEN + uapi.HM_ZONE_LEN
                                               + uapi.HM_SEAL_TAG_LEN), f"bytes that wait: {shown}")
        wait_for("time passes", lambda: lab.hub.qos(2)[3]["sojourn_us"] > 1000)
    after = lab.hub.qos(2)[3]
    expect_equal(after["sent_frames"] - before["sent_frames"], 30, "sent")
    expect_equal(after["drops_full"] - before["drops_full"], 20, "dropped")
    expect_equal((after["backlog_frames"], after["backlog_bytes"], after["sojourn_us"]), (0, 0, 0),
                 "nothing waits")
    expect(after["sojourn_peak_us"] >= 1000, f"peak sojourn: {after}")
    expect_equal(sent(lab.hub.links()[2]) - sent(totals), 31, "frames sent by the link")


def test_byte_limit_bounds_a_class():
    with stalled():
        lab.hub.qos_set(2, {0: dict(limit_bytes=5000)})
        with drops(tx_queue_full=6):
            for _ in range(10):
                lab.transmit(ether(bytes(1300), MARK))
        expect_equal(lab.hub.qos(2)[0]["backlog_frames"], 4, "frames of 1.4 kB within 5 kB")


def test_relayed_frames_wait_beside_own_ones_in_the_class_of_their_header():
    with stalled(3), drops():
        for n in range(3):
            lab[2].send(lab[2].build(b"relayed %d" % n, dst=lab[3].id, cls=6, flow=9))
            lab.transmit(ether(ip4(6, text=b"own %d" % n), 0x0800, 3))
        wait_for("a backlog", lambda: lab.hub.qos(3)[6]["backlog_frames"] == 6)
        lab.hub.link_rate(3, 0)
        headers = [frame.Header.parse(lab[3].receive()) for _ in range(6)]
    expect_equal([h.cls for h in headers], [6] * 6, "classes")
    expect_equal(sorted(h.src for h in headers), sorted([lab[2].id, lab.hub.id] * 3), "sources")
    expect(all(h.ttl == uapi.HM_TTL_DEFAULT - (h.src == lab[2].id) for h in headers), "ttl")


def test_relayed_super_packets_are_cut_and_arrive_whole():
    """40 frames of one packet; 1 ms of the rate is three of them."""
    lab.join_received()
    with stalled(3), drops():
        lab.hub.link_rate(3, 1_000_000)
        frames = [lab[2].build(b"%04d" % n + bytes(200), dst=lab[3].id, flow=11)
                  for n in range(40)]
        lab[2].send_super(frames)
        got = [lab[3].receive() for _ in range(40)]
    expect_equal([raw[40:] for raw in got], [raw[40:] for raw in frames], "sealed parts, in order")
    numbers = [frame.Header.parse(raw).hop_seq for raw in got]
    expect_equal(numbers, list(range(numbers[0], numbers[0] + 40)), "hop sequences")
    for raw in got:
        expect_equal(frame.hop_tag(raw[:32], lab[3].link_rx.hop),
                     frame.Header.parse(raw).hop_tag, "hop tag")


def test_outer_dscp_is_the_class():
    for cls in range(8):
        with inside(lab.peer_ns):
            lab[2].sock.setsockopt(socket.IPPROTO_IP, 13, 1)  # IP_RECVTOS
        for rate in (0, 1_000_000):
            lab.hub.link_rate(2, rate)
            lab.transmit(of_class(cls, b"x"))
            _, control, _, _ = lab[2].sock.recvmsg(2048, 64)
            expect_equal(control[0][2][0], tos_of(cls), f"DS field at rate {rate}")
    lab.hub.link_rate(2, 0)
    lab[2].sock.setsockopt(socket.IPPROTO_IP, 13, 0)


# ---- life

def outq(sock):
    """Bytes that a socket has under way (SIOCOUTQ)."""
    return struct.unpack("=i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]


def removal_frees_what_waits(remove):
    """Frames of a packet socket wait; @remove() ends that, and every one is freed."""
    with big_lab("qlife", peers=(2,)) as mine:
        big_frames(mine)
        mine.tap.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20)
        stall(mine, 2)
        for _ in range(40):
            mine.transmit(mine[2].id + mine.hub.id + struct.pack(">H", MARK) + bytes(1000))
        expect_equal(backlog(mine.hub, 2), 40, "frames that wait")
        expect(outq(mine.tap), "the frames that wait are not the socket's")
        remove(mine)
        wait_for("freed frames", lambda: not outq(mine.tap))


@quick
def test_link_removed_with_a_backlog_frees_it():
    def remove(mine):
        with DropsExactly(mine.hub, tx_queue_flushed=40):
            mine.hub.link_del(2)
    removal_frees_what_waits(remove)


def test_interface_removed_with_a_backlog_frees_it():
    removal_frees_what_waits(lambda mine: ip_batch(mine.hub.netns, ["link del mesh0"]))


def test_interface_down_with_a_backlog_frees_it_and_sends_again_when_up():
    def bounce(mine):
        with DropsExactly(mine.hub, tx_queue_flushed=40):
            ip_batch(mine.hub.netns, ["link set mesh0 down"])
        expect_equal(mine.hub.qos(2)[0]["drops_flushed"], 40, "drops of the class")
        ip_batch(mine.hub.netns, ["link set mesh0 up"])
        mine.hub.link_rate(2, 1_000_000)
        mine.drain()
        mine.transmit(mine[2].id + mine.hub.id + struct.pack(">H", MARK) + b"again")
        expect(mine[2].receive(), "nothing is sent any more")
    removal_frees_what_waits(bounce)


def test_links_come_and_go_under_load():
    """Senders on both CPUs while the shaped link is removed and made, thirty times."""
    with line(2, prefix="qgo") as net:
        tx_usecs(net[1], 0)
        with flood(net[1], net[2], (0, 5)):
            for n in range(30):
                net[1].link_rate(2, 200_000 if n % 3 else 0)
                net[1].link_del(2)
                rejoin(net)
        net[1].link_rate(2, 0)


def rejoin(net):
    net[1].link_new(index=2, peer=net[2], remote=net.address(2, 1), remote_index=1)
    net.link_key(1, 2)
    net.generation += 1
    net[1].routes({net[2]: 2}, net.generation)


@leaps
def test_rate_changes_under_load_lose_and_reorder_nothing():
    with line(2, prefix="qrate") as net:
        tx_usecs(net[1], 0)
        net[1].qos_set(2, {0: NEVER_DROP})
        with Stream(net[1], net[2], net[1].ipv4, net[2].ipv4) as stream:
            for rate in (2_000_000, 30_000, 500_000, 0, 20_000, 0, 1_000_000, 0):
                net[1].link_rate(2, rate)
                stream.wait_progress(20)
            wait_for("an empty queue", lambda: not backlog(net[1], 2))
            stream.wait_progress(20)
        expect_equal(stream.lost, [], "lost")
        expect_equal(stream.received, sorted(stream.received), "order")
        expect(net[1].qos(2)[0]["sent_frames"] > 50, "nothing went through the queue")


# ---- load

class flood:
    """Datagrams of several classes, each from a socket of its own, @burst every 2 ms."""

    def __init__(self, src, dst, classes, sizes=None, burst=2):
        self.burst = burst
        self.socks = []
        for cls in classes:
            sock = udp_socket(src.netns, src.ipv4)
            sock.setsockopt(socket.IPPROTO_IP, IP_TOS, tos_of(cls))
            sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 2 << 20)
            sock.setblocking(False)
            self.socks.append((sock, bytes((sizes or {}).get(cls, 1000))))
        self.target = (dst.ipv4, 9)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._send, name="flood")

    def _send(self):
        while not self.stopping.is_set():
            for sock, payload in self.socks:
                try:
                    for _ in range(self.burst):
                        sock.sendto(payload, self.target)
                except OSError:
                    pass  # BlockingIOError: enough waits; others: the link is away
            self.stopping.wait(0.002)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        self.thread.join(10)
        for sock, _ in self.socks:
            sock.close()


OUTER = 28  # IPv4 and UDP


def shares_of(hub, index, classes, seconds):
    """{class: share} of the outer bytes @hub sends on a link while all @classes have a backlog,
    and bytes per second of all."""
    wait_for("a backlog of every class", lambda: all(
        hub.qos(index)[c]["backlog_frames"] > 20 for c in classes), 20)
    first, start = hub.qos(index), time.monotonic()
    while time.monotonic() < start + seconds:
        shown = hub.qos(index)
        expect(all(shown[c]["backlog_frames"] for c in classes), f"a class ran dry: {shown}")
        time.sleep(0.05)
    last, took = hub.qos(index), time.monotonic() - start
    grew = {c: last[c]["sent_bytes"] - first[c]["sent_bytes"]
            + OUTER * (last[c]["sent_frames"] - first[c]["sent_frames"]) for c in classes}
    total = sum(grew.values())
    return {c: grew[c] / total for c in classes}, total / took


def expect_shares(got, wanted, within=0.05):
    for cls, share in wanted.items():
        expect(abs(got[cls] - share) <= within * share,
               f"class {cls} got {got[cls]:.4f}, wanted {share:.4f}; all: {got}")


WEIGHTS = {0: 1, 2: 2, 4: 4}
SIZES = {0: 1200, 2: 500, 4: 900}
RATE = 500_000


def weights_hold(net, at, to_index, seconds=3):
    shaper = net[at]
    shaper.qos_set(to_index, {c: dict(weight=w) for c, w in WEIGHTS.items()})
    shaper.link_rate(to_index, RATE)
    with flood(net[1], net[len(net.hubs)], WEIGHTS, SIZES):
        got, rate = shares_of(shaper, to_index, WEIGHTS, seconds)
    print(f"# shares 1:2:4 shaped at hub {at}: "
          + " ".join(f"{c}:{s:.4f}" for c, s in got.items()) + f", {rate:.0f} of {RATE} B/s")
    expect_shares(got, {c: w / 7 for c, w in WEIGHTS.items()})
    expect(0.3 * RATE < rate < 1.03 * RATE, f"sent {rate:.0f} of {RATE} bytes/s")


@leaps
def test_shares_follow_weights_within_5_percent():
    """Datagrams of different sizes: shares are of bytes, not of frames."""
    with line(2, prefix="qw") as net:
        tx_usecs(net[1], 0)
        weights_hold(net, 1, 2)


@leaps
def test_shares_at_a_relay_follow_weights_within_5_percent():
    with line(3, prefix="qr") as net:
        weights_hold(net, 2, 3)


@leaps
def test_received_bytes_follow_weights_within_5_percent():
    """The same, counted by who receives them: peer 2 takes 1200 frames, all classes busy."""
    lab.hub.qos_set(2, {c: dict(weight=w) for c, w in WEIGHTS.items()})
    lab.hub.link_rate(2, RATE)
    lab.drain()
    got = dict.fromkeys(WEIGHTS, 0)
    try:
        with flood(lab.hub, lab[2], WEIGHTS, SIZES):
            wait_for("a backlog of every class", lambda: all(
                lab.hub.qos(2)[c]["backlog_frames"] > 20 for c in WEIGHTS), 20)
            lab.drain()
            for _ in range(1200):
                raw = lab[2].receive()
                expect(raw, "the link stopped")
                got[frame.Header.parse(raw).cls] += len(raw) + OUTER
    finally:
        lab.hub.link_rate(2, 0)
        wait_for("an empty queue", lambda: not backlog(lab.hub, 2))
        defaults(lab.hub, 2)
        lab.drain()
    total = sum(got.values())
    expect_shares({c: n / total for c, n in got.items()}, {c: w / 7 for c, w in WEIGHTS.items()})


@leaps
def test_class_7_is_strict_up_to_its_share_and_by_weight_above():
    """Weights 1 and 4.  Of what the strict share leaves, class 7 has a fifth.

    Its strict share is at most that of the rate, at least that of what was sent: a busy machine
    sends less than the rate."""
    with line(2, prefix="qs") as net:
        tx_usecs(net[1], 0)
        net[1].link_rate(2, RATE)
        net[1].qos_set(2, {0: dict(weight=4), CLASS_7: dict(weight=1)})
        with flood(net[1], net[2], (0, CLASS_7)):
            for share in (0, 10, 50):
                net[1].qos_set(2, strict_share=share)
                got, rate = shares_of(net[1], 2, (0, CLASS_7), 2)
                strict = share / 100, min(share / 100 * RATE / rate, 1)
                low, high = (s + (1 - s) / 5 for s in strict)
                print(f"# class 7 with a strict share of {share} %: {got[CLASS_7]:.4f}, wanted "
                      f"{low:.4f} to {high:.4f}")
                expect(0.95 * low < got[CLASS_7] < 1.05 * high, f"class 7 has {got[CLASS_7]:.4f}")


def tcp_through(net, shaper, index, rate, size):
    shaper.link_rate(index, rate)
    took = tcp_transfer(net[1], net[len(net.hubs)], net[len(net.hubs)].ipv4, size)
    print(f"# TCP {size >> 10} KiB at {rate} B/s, shaped at hub {shaper.number}: "
          f"{size / took:.0f} B/s")
    expect(size / took < rate, "faster than the rate")
    expect(size / took > 0.1 * rate, f"{size / took:.0f} of {rate} bytes/s")
    shaper.link_rate(index, 0)


@leaps
def test_super_packets_of_tcp_are_cut_and_arrive_whole_at_the_rate():
    """1 ms is one frame, then several, then more than a super-packet."""
    with line(3, prefix="qt") as net:
        for at, index in ((1, 2), (2, 3)):
            for rate, size in ((500_000, 1 << 20), (4_000_000, 6 << 20)):
                tcp_through(net, net[at], index, rate, size)
            net[at].link_rate(index, 200_000_000)
            tcp_transfer(net[1], net[3], net[3].ipv4, 4 << 20)
            net[at].link_rate(index, 0)
            shown = net[at].qos(index)[0]
            expect(shown["sent_frames"] > 4000, f"TCP went past the queue: {shown}")


class Voice:
    """200 bytes every 20 ms; the one-way delay of each, by the kernel's receive time stamp."""

    def __init__(self, src, dst, tos):
        self.tx, self.rx = udp_socket(src.netns, src.ipv4), udp_socket(dst.netns, dst.ipv4)
        self.tx.setsockopt(socket.IPPROTO_IP, IP_TOS, tos)
        self.rx.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.rx.settimeout(2)

    def delays_ms(self, n):
        """Sorted delays of @n datagrams; a lost one counts as infinite."""
        target = self.rx.getsockname()[:2]
        next_at = time.monotonic()
        for i in range(n):
            self.tx.sendto(struct.pack(">QQ", i, time.time_ns()) + bytes(184), target)
            next_at += 0.02
            time.sleep(max(next_at - time.monotonic(), 0))
        delays = {}
        while len(delays) < n:
            try:
                raw, control, _, _ = self.rx.recvmsg(2048, 128)
            except TimeoutError:
                break
            i, sent_ns = struct.unpack_from(">QQ", raw)
            s, ns = struct.unpack("=qq", control[0][2])
            delays[i] = (s * 10**9 + ns - sent_ns) / 1e6
        return sorted(delays.values()) + [float("inf")] * (n - len(delays))

    def close(self):
        self.tx.close()
        self.rx.close()


class Bulk:
    """Class 0 at @bytes_per_s, in UDP-GSO super-datagrams: cheap for the sender, however late it
    is woken."""

    SEGMENT, SEGMENTS = 1200, 20

    def __init__(self, src, dst, bytes_per_s):
        self.sock, self.rate = udp_socket(src.netns, src.ipv4), bytes_per_s
        self.sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20)
        self.sock.setsockopt(socket.IPPROTO_UDP, 103, self.SEGMENT)  # UDP_SEGMENT
        self.target = (dst.ipv4, 9)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._send, name="bulk")

    def _send(self):
        payload, start, sent = bytes(self.SEGMENT * self.SEGMENTS), time.monotonic(), 0
        while not self.stopping.wait(0.004):
            while sent < (time.monotonic() - start) * self.rate:
                self.sock.sendto(payload, self.target)
                sent += len(payload)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        self.thread.join(10)
        self.sock.close()


BOTTLENECK_MBIT = 22
SHAPED = 20_000_000 // 8
VOICE_P99_MS = 5


def voice_delays(net, tos, n=200):
    """(p99, p50) in ms of voice beside bulk of 1.5 times what the link is shaped to."""
    with closing_all(Voice(net[1], net[2], tos)) as (voice,), \
            Bulk(net[1], net[2], SHAPED * 3 // 2):
        voice.delays_ms(50)  # until the queues are full
        delays = voice.delays_ms(n)
    return delays[int(n * 0.99) - 1], delays[n // 2]


@leaps
def test_voice_under_bulk_saturation_keeps_its_p99():
    """A bottleneck of 22 Mbit/s (netem), bulk of 30.  Shaped to 20 Mbit/s below it, voice of class 5
    has a p99 one-way delay under 5 ms; unshaped, it stands in the bottleneck's queue."""
    with line(2, prefix="qv") as net:
        run(f"tc -n {net[1].netns} qdisc add dev {net.veth(1, 2)} root netem "
            f"rate {BOTTLENECK_MBIT}mbit limit 1000")
        unshaped = voice_delays(net, VOICE_TOS)
        net[1].link_rate(2, SHAPED)
        plain = voice_delays(net, 0)
        before = net[1].qos(2)[0]
        shaped = voice_delays(net, VOICE_TOS)
        bulk = {name: n - before[name] for name, n in net[1].qos(2)[0].items()}
        net[1].link_rate(2, 0)
    print("# voice p99/p50 in ms: unshaped {:.1f}/{:.1f}, shaped in class 0 {:.1f}/{:.1f}, "
          "shaped in class 5 {:.1f}/{:.1f}".format(*unshaped, *plain, *shaped))
    expect(bulk["drops_full"] + bulk["drops_codel"], f"bulk did not saturate the link: {bulk}")
    expect(shaped[0] < VOICE_P99_MS, f"p99 {shaped[0]:.1f} ms")
    expect(shaped[0] < unshaped[1] / 2, f"unshaped, the median is {unshaped[1]:.1f} ms")
    expect(shaped[0] < plain[1], f"in the class of the bulk the median is {plain[1]:.1f} ms")


# ---- classification

def rule(cls, **fields):
    """Attributes of a rule; bytes as they are, numbers by the width of their attribute."""
    width = {"vlan_pcp": u8, "dscp": u8, "protocol": u8, "src_prefix": u8, "dst_prefix": u8,
             "mark": u32, "mark_mask": u32, "priority": u32}
    return [attr(uapi.HUBMESH_A_RULE_CLASS, u8(cls))] + [
        attr(getattr(uapi, f"HUBMESH_A_RULE_{name.upper()}"),
             value if isinstance(value, bytes) else width.get(name, u16)(value))
        for name, value in fields.items()]


def a4(text):
    return socket.inet_aton(text)


def a6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def vlan(tci, payload, kind=0x0800, tpid=0x8100):
    return ether(struct.pack(">HH", tci, kind) + payload, tpid)


def v4(**kw):
    return ether(ip4(**kw), 0x0800)


def v6(**kw):
    return ether(ip6(**kw), 0x86DD)


def v6_hidden(headers=3):
    """UDP to port 2000 behind so many headers of IPv6 options."""
    payload = struct.pack(">HHHH", 1000, 2000, 8, 0)
    for n in range(headers):
        payload = packet.extension(60 if n else 17, payload)
    return ether(packet.ipv6("fd00:1::1", "fd00:2::2", 60, payload), 0x86DD)


def v6_hidden_deep():
    return v6_hidden(9)  # one more than is followed


def class_of(inner, mark=0, priority=0):
    lab.tap.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
    lab.tap.setsockopt(socket.SOL_SOCKET, SO_PRIORITY, priority)
    lab.transmit(inner)
    return received()[0]


def without_rules(test):
    """Decorator: no rule is in force afterwards."""
    def wrapped():
        lab.drain()
        try:
            test()
        finally:
            lab.hub.rules_replace()
            class_of(v4())
    wrapped.__name__, wrapped.__module__, wrapped.__doc__ = test.__name__, __name__, test.__doc__
    return wrapped


# (what a rule names, frames it hits, frames it does not; each of class 0 without the rule)
FIELDS = [
    (dict(ethertype=0x0800), [v4, lambda: vlan(5, ip4())], [v6, lambda: ether(b"x", MARK)]),
    (dict(ethertype=MARK), [lambda: ether(b"x", MARK), lambda: vlan(5, b"x", MARK)], [v4, v6]),
    (dict(vlan_id=100), [lambda: vlan(100, ip4()), lambda: vlan(100, ip4(), tpid=0x88A8),
                         lambda: vlan(100, struct.pack(">HH", 7, 0x0800) + ip4(), 0x8100)],
     [lambda: vlan(101, ip4()), v4]),
    (dict(vlan_id=0), [lambda: vlan(0, ip4())], [lambda: vlan(1, ip4()), v4]),
    (dict(vlan_pcp=0), [lambda: vlan(100, ip4())], [v4]),
    (dict(dscp=3), [lambda: v4(dscp=3), lambda: v6(dscp=3), lambda: vlan(1, ip4(dscp=3))],
     [lambda: v4(dscp=2), lambda: v6(dscp=4), lambda: ether(ip4(dscp=3), MARK)]),
    (dict(protocol=6), [lambda: v4(proto=6), lambda: v6(proto=6)], [v4, v6]),
    (dict(protocol=0), [lambda: v4(proto=0)], [v4, v6_hidden, lambda: ether(b"x", MARK)]),
    (dict(protocol=17, dport=2000), [v6, v6_hidden], [lambda: v6(proto=60), v6_hidden_deep]),
    (dict(src4=a4("10.1.0.0"), src_prefix=16), [v4], [lambda: v4(src="10.2.2.3"), v6]),
    (dict(src4=a4("10.1.2.3")), [v4], [lambda: v4(src="10.1.2.2")]),
    (dict(dst4=a4("10.4.5.4"), dst_prefix=30), [v4, lambda: v4(dst="10.4.5.7")],
     [lambda: v4(dst="10.4.5.8"), lambda: v4(src="10.4.5.6", dst="1.2.3.4")]),
    (dict(src4=a4("0.0.0.0"), src_prefix=0), [v4], [v6]),
    (dict(src6=a6("fd00:1::"), src_prefix=33), [v6, lambda: v6(src="fd00:1:7fff::")],
     [lambda: v6(src="fd00:1:8000::"), v4]),
    (dict(dst6=a6("fd00:2::2")), [v6], [lambda: v6(dst="fd00:2::3")]),
    (dict(sport=1000), [v4, v6, lambda: v4(proto=6)],
     [lambda: v4(sport=1001), lambda: v4(proto=1), lambda: v4(fragment=185)]),
    (dict(sport=900, sport_last=1000), [v4, lambda: v4(sport=900)],
     [lambda: v4(sport=899), lambda: v4(sport=1001)]),
    (dict(dport=2000), [v4, lambda: v4(proto=132), lambda: v4(fragment=0x2000)],
     [lambda: v4(dport=1000), lambda: v6(sport=2000, dport=1)]),
    (dict(dport=0, dport_last=65535), [v4], [lambda: v4(proto=47), lambda: ether(b"x", MARK)]),
]


@quick
@without_rules
def test_every_field_of_a_rule_hits_and_misses():
    for fields, hits, misses in FIELDS:
        lab.hub.rules_replace(rule(6, **fields))
        for make in hits:
            expect_equal(class_of(make()), 6, f"class of a frame that {fields} hits")
        for make in misses:
            expect_equal(class_of(make()), 0, f"class of a frame that {fields} does not hit")


@without_rules
def test_marks_and_priorities_hit_and_miss():
    plain = ether(b"x", MARK)
    lab.hub.rules_replace(rule(6, mark=5))
    expect_equal([class_of(plain, mark=m) for m in (0, 5, 7)], [0, 6, 0], "classes by mark")
    lab.hub.rules_replace(rule(6, mark=0x10, mark_mask=0xF0))
    expect_equal([class_of(plain, mark=m) for m in (0, 0x10, 0x1F, 0x20)], [0, 6, 6, 0], "masked")
    lab.hub.rules_replace(rule(6, priority=4))
    expect_equal([class_of(plain, priority=p) for p in (0, 4, 5)], [0, 6, 5], "classes by priority")


@quick
@without_rules
def test_first_rule_that_hits_decides_and_all_its_fields_must():
    lab.hub.rules_replace(rule(3, protocol=17, dport=2000, src4=a4("10.1.0.0"), src_prefix=16),
                          rule(2, protocol=17), rule(4))
    expect_equal(class_of(v4()), 3, "first rule")
    expect_equal(class_of(v4(dport=2001)), 2, "one field differs: second rule")
    expect_equal(class_of(v4(src="11.1.2.3")), 2, "one field differs: second rule")
    expect_equal(class_of(v4(proto=6)), 4, "the rule that names nothing")
    expect_equal(class_of(ether(b"x", MARK)), 4, "the rule that names nothing")
    lab.hub.rules_replace()
    expect_equal(class_of(v4(cls=5)), 5, "without rules")


@quick
def test_without_rules_vlan_priority_dscp_or_priority_decide():
    lab.drain()
    for cls in range(8):
        expect_equal(class_of(v4(cls=cls)), cls, "by DSCP of IPv4")
        expect_equal(class_of(v6(dscp=cls << 3 | 6)), cls, "by DSCP of IPv6")
        expect_equal(class_of(vlan(cls << 13 | 9, ip4(cls=3))), cls, "by VLAN priority")
        expect_equal(class_of(ether(b"x", MARK), priority=cls), cls, "by priority")
    expect_equal(class_of(ether(b"x", MARK), priority=100), 7, "high priority")
    class_of(v4())


def rules_shown():
    found = []
    for _, body in lab.hub.request(uapi.HUBMESH_CMD_RULE_GET, dump=True):
        for _, nest in parse(as_dict(body)[uapi.HUBMESH_A_RULES]):
            found.append(as_dict(nest))
    return found


@without_rules
def test_rules_are_shown_as_they_were_set_in_order():
    full = dict(ethertype=0x0800, vlan_id=9, vlan_pcp=1, dscp=10, protocol=17,
                src4=a4("10.0.0.0"), src_prefix=8, dst4=a4("10.1.2.3"), dst_prefix=32, sport=1,
                sport_last=2, dport=3, dport_last=4, mark=1, mark_mask=3, priority=5)
    six = dict(src6=a6("fd00::"), src_prefix=8, dst6=a6("fd00::1"), dst_prefix=128)
    wanted = [rule(1, **full), rule(2, **six)] + [rule(n % 8, dport=n, dport_last=n)
                                                  for n in range(62)]
    lab.hub.rules_replace(*wanted)
    expect_equal(rules_shown(), [as_dict(b"".join(r)) for r in wanted], "rules")
    lab.hub.rules_replace()
    expect_equal(rules_shown(), [], "after all were taken away")


@without_rules
def test_rules_are_replaced_under_traffic_as_one():
    """Two sets, either of which gives every frame class 2 or 3: never another."""
    stop, sent = threading.Event(), []

    def send():
        while not stop.is_set() and len(sent) < 5000:
            lab.transmit(v4(dport=len(sent) % 2))
            sent.append(1)

    sets = ([rule(2, dport=0), rule(3)], [rule(3, dport=1), rule(2)])
    lab.hub.rules_replace(*sets[0])
    sender = threading.Thread(target=send, name="rules sender")
    sender.start()
    try:
        for n in range(200):
            lab.hub.rules_replace(*sets[n % 2])
    finally:
        stop.set()
        sender.join()
    seen = set()
    while (raw := lab[2].receive(0.3)):
        seen.add(frame.Header.parse(raw).cls)
    expect_equal(seen, {2, 3}, "classes")


def test_datagrams_that_ride_together_are_of_one_class():
    """One flow, DSCP and mark changing from datagram to datagram: each frame carries its own."""
    tx_usecs(lab.hub, 10000)
    lab.drain()
    lab.hub.rules_replace(rule(1, mark=1))
    try:
        with drops(), closing_all(udp_socket(lab.hub.netns, lab.hub.ipv4)) as (sock,):
            wanted, got = [], []
            for n in range(240):
                cls = (0, 0, 3, 3, 3, 5)[n % 6]
                mark = n % 30 == 29
                sock.setsockopt(socket.SOL_SOCKET, SO_MARK, int(mark))
                sock.setsockopt(socket.IPPROTO_IP, IP_TOS, tos_of(cls))
                sock.sendto(b"%03d" % n, (lab[2].ipv4, 9))
                wanted.append((b"%03d" % n, 1 if mark else cls))
                if n % 60 == 59:  # before the receiver's socket is full
                    got += frames_of(len(wanted) - len(got))
    finally:
        lab.hub.rules_replace()
        tx_usecs(lab.hub, 0)
    expect_equal(sorted(got), wanted, "datagrams and classes")


def frames_of(datagrams):
    """(payload, class of the frame it came in) of so many datagrams."""
    got = []
    while len(got) < datagrams:
        raw = lab[2].receive()
        expect(raw, f"{len(got)} of {datagrams} datagrams came")
        header, plain = lab[2].open_frame(raw)
        got += [(text, header.cls) for text in texts_of(header, plain[2:])]
    return got


def texts_of(header, rest):
    """UDP payloads of three bytes in a frame, packed or not."""
    if not header.flags & uapi.HM_FLAG_PACKED:
        return [rest[42:45]]
    found = []
    while len(rest) >= 2 and (length := struct.unpack_from(">H", rest)[0]):
        found.append(rest[2 + 42:2 + 45])
        rest = rest[2 + length:]
    return found


# ---- netlink

def refused(code, words, cmd, *attrs):
    try:
        lab.hub.request(cmd, *attrs)
    except NetlinkError as why:
        expect_equal(errno.errorcode[why.errno], errno.errorcode[code], f"refusal of {words!r}")
        expect(words.lower() in (why.extack or "").lower(), f"text {why.extack!r} lacks {words!r}")
        return
    raise AssertionError(f"was not refused: {words}")


def cls_attr(name, value):
    return attr(getattr(uapi, f"HUBMESH_A_CLASS_{name}"), value)


@quick
def test_settings_out_of_range_are_refused_and_change_nothing():
    before = lab.hub.qos(2)
    bad = [("WEIGHT", u8(0)), ("WEIGHT", u8(101)), ("LIMIT_FRAMES", u32(0)),
           ("LIMIT_FRAMES", u32(16385)), ("LIMIT_BYTES", u32(0)), ("LIMIT_BYTES", u32(1 << 27)),
           ("TARGET_US", u32(99)), ("TARGET_US", u32(1000001)), ("INTERVAL_US", u32(999)),
           ("INTERVAL_US", u32(10000001)), ("NUMBER", u8(8))]
    for name, value in bad:
        refused(errno.ERANGE, "out of range", requests.QOS_SET, link_ref(2),
                requests.qos(requests.qos_class(0, cls_attr("WEIGHT", u8(9))),
                             requests.qos_class(1, cls_attr(name, value))))
    refused(errno.ERANGE, "out of range", requests.QOS_SET, link_ref(2), requests.qos(
        attr(uapi.HUBMESH_A_QOS_STRICT_SHARE, u8(101))))
    refused(errno.EINVAL, "read only", requests.QOS_SET, link_ref(2), requests.qos(
        requests.qos_class(0, cls_attr("SENT_FRAMES", u64(1)))))
    refused(errno.EINVAL, "which class", requests.QOS_SET, link_ref(2), requests.qos(
        requests.qos_class(None, cls_attr("WEIGHT", u8(9)))))
    refused(errno.EEXIST, "twice", requests.QOS_SET, link_ref(2), requests.qos(
        requests.qos_class(1), requests.qos_class(1)))
    refused(errno.ENOENT, "no link", requests.QOS_SET, link_ref(77), requests.qos())
    refused(errno.EINVAL, "missing", requests.QOS_SET, link_ref(2))
    refused(errno.ENOENT, "no link", requests.QOS_GET, link_ref(77))
    expect_equal(lab.hub.qos(2), before, "settings")


@quick
def test_rates_are_checked_and_shown():
    rate = lambda: number(lab.hub.links()[2][uapi.HUBMESH_A_LINK_RATE])
    for bad in (1, 999):
        refused(errno.ERANGE, "at least 1000", requests.LINK_SET, attr(uapi.HUBMESH_A_LINK, [
            attr(uapi.HUBMESH_A_LINK_INDEX, u32(2)), attr(uapi.HUBMESH_A_LINK_RATE, u64(bad))]))
    refused(errno.ERANGE, "out of range", requests.LINK_SET, attr(uapi.HUBMESH_A_LINK, [
        attr(uapi.HUBMESH_A_LINK_INDEX, u32(2)), attr(uapi.HUBMESH_A_LINK_RATE, u64(1 << 60))]))
    expect_equal(rate(), 0, "rate")
    for good in (1000, 10**12, 0):
        lab.hub.link_rate(2, good)
        expect_equal(rate(), good, "rate")


@quick
def test_settings_are_kept_and_dumped_for_every_link():
    lab.hub.qos_set(2, {1: dict(weight=7, limit_frames=11, limit_bytes=12345, target_us=2000,
                                interval_us=30000)}, strict_share=33)
    try:
        shown = lab.hub.qos(2)
        expect_equal({k: shown[1][k] for k in ("weight", "limit_frames", "limit_bytes", "target_us",
                                               "interval_us")},
                     dict(weight=7, limit_frames=11, limit_bytes=12345, target_us=2000,
                          interval_us=30000), "class 1")
        expect_equal(shown[2]["weight"], 4, "class 2, untouched")
        dumped = lab.hub.request(requests.QOS_GET, dump=True)
        found = {number(as_dict(as_dict(b)[uapi.HUBMESH_A_LINK])[uapi.HUBMESH_A_LINK_INDEX]): b
                 for _, b in dumped}
        expect_equal(set(found), {2, 3}, "links")
        expect_equal(class_reports(found[2])[1]["weight"], 7, "weight in the dump")
        share = as_dict(as_dict(found[2])[uapi.HUBMESH_A_QOS])[uapi.HUBMESH_A_QOS_STRICT_SHARE]
        expect_equal(number(share), 33, "strict share")
    finally:
        defaults(lab.hub, 2)


def rule_attr(name, value):
    return attr(getattr(uapi, f"HUBMESH_A_RULE_{name}"), value)


BAD_RULES = [
    (errno.EINVAL, "which class", requests.rule(cls=None)),
    (errno.ERANGE, "range", requests.rule(cls=8)),
    (errno.ERANGE, "range", requests.rule(rule_attr("ETHERTYPE", u16(0x5FF)))),
    (errno.ERANGE, "range", requests.rule(rule_attr("VLAN_ID", u16(4095)))),
    (errno.ERANGE, "range", requests.rule(rule_attr("VLAN_PCP", u8(8)))),
    (errno.ERANGE, "range", requests.rule(rule_attr("DSCP", u8(64)))),
    (errno.ERANGE, "", requests.rule(rule_attr("SRC4", bytes(5)))),
    (errno.EINVAL, "not both", requests.rule(rule_attr("SRC4", bytes(4)),
                                             rule_attr("SRC6", bytes(16)))),
    (errno.EINVAL, "needs an address", requests.rule(rule_attr("DST_PREFIX", u8(8)))),
    (errno.ERANGE, "longer than the address", requests.rule(rule_attr("DST4", bytes(4)),
                                                            rule_attr("DST_PREFIX", u8(33)))),
    (errno.ERANGE, "range", requests.rule(rule_attr("DST6", bytes(16)),
                                          rule_attr("DST_PREFIX", u8(129)))),
    (errno.EINVAL, "behind its prefix", requests.rule(rule_attr("SRC4", a4("10.1.0.1")),
                                                      rule_attr("SRC_PREFIX", u8(16)))),
    (errno.EINVAL, "first port", requests.rule(rule_attr("SPORT_LAST", u16(1)))),
    (errno.ERANGE, "below the first", requests.rule(rule_attr("DPORT", u16(2)),
                                                    rule_attr("DPORT_LAST", u16(1)))),
    (errno.EINVAL, "needs a mark", requests.rule(rule_attr("MARK_MASK", u32(1)))),
    (errno.EINVAL, "leaves out", requests.rule(rule_attr("MARK", u32(3)),
                                               rule_attr("MARK_MASK", u32(1)))),
]


@quick
@without_rules
def test_bad_rules_are_refused_with_reason_and_the_old_ones_stay():
    lab.hub.rules_replace(rule(4))
    good = requests.rule()
    for code, words, bad in BAD_RULES:
        refused(code, words, requests.RULE_REPLACE, requests.rules(good, bad))
    refused(errno.E2BIG, "more than 64", requests.RULE_REPLACE, requests.rules(*[good] * 65))
    refused(errno.EINVAL, "missing", requests.RULE_REPLACE)
    expect_equal(class_of(v4()), 4, "class by the rule in force")
    lab.hub.rules_replace(*[rule(4)] * 64)
