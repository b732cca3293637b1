# SPDX-License-Identifier: GPL-2.0
"""One kernel hub among hubs played by Python: every byte it receives is crafted
here, every byte it sends is looked at here.

      peer 2 (Python) ---- veth ----+
                                    hub 1 (kernel, mesh0, no traffic of its own)
      peer 3 (Python) ---- veth ----+

Peers live in one namespace; each has its own veth, address, UDP socket, link and
seal key (ChaCha20-Poly1305).  Hub 1 calls its link to peer N by index N; the peer
calls it 1.  MARK is the Ethernet type of inner test frames.
"""

import errno
import select
import socket
import struct

from . import frame, uapi
from .mesh import (CHACHA, Hub, hub_ref, join_namespaces, link_ref, material, netns_add,
                   netns_del, run, wait_for)
from .netlink import inside, u16
from .pace import scaled

MARK = 0x88B5
UDP_SEGMENT, UDP_GRO = 103, 104


PROVOKED = {}


def provokes(*reasons):
    """Mark a test as one that makes these drop counters rise; see the end of test_drops.py."""
    def note(test):
        for reason in reasons:
            PROVOKED.setdefault(reason, []).append(test.__name__)
        return test
    return note


class Peer(Hub):
    """A hub without a kernel: socket, keys and counters."""

    def __init__(self, lab, number):
        super().__init__(lab, number)
        self.lab, self.hub = lab, lab.hub
        self.address, self.hub_address = f"10.5.{number}.2", f"10.5.{number}.1"
        self.sock = None
        self.hop_seq = self.counter = 0
        self.link_tx = frame.Material(material("lab-link", number, 1))
        self.link_rx = frame.Material(material("lab-link", 1, number))
        self.seal_tx = frame.Material(material("lab-seal", number, 1)[:44])
        self.seal_rx = frame.Material(material("lab-seal", 1, number)[:44])
        self.sender = frame.Material(material("lab-sender", number)[:44])

    def open(self):
        join_namespaces(self.hub.netns, f"to{self.number}", self.hub_address,
                        self.lab.peer_ns, f"from{self.number}", self.address, self.lab.underlay_mtu)
        with inside(self.lab.peer_ns):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind((self.address, uapi.HM_PORT_DATA))

    def close(self):
        if self.sock:
            self.sock.close()

    def header(self, **fields):
        """Header of the next frame to hub 1, fresh numbers, @fields over the defaults."""
        self.hop_seq += 1
        self.counter += 1
        values = dict(link_index=self.number, dst=self.hub.id, src=self.id, hop_seq=self.hop_seq,
                      counter=self.counter, flow=7)
        values.update(fields)
        return frame.Header(**values)

    def build(self, inner=None, zone=0, plain=None, key=None, link_key=None, **fields):
        """A complete frame; @plain replaces zone and inner frame, @key the seal key."""
        header = self.header(**fields)
        if plain is None:
            plain = struct.pack(">H", zone) + (inner if inner is not None else self.inner())
        key = key or self.seal_tx
        body = frame.chacha20poly1305_seal(key.key, header.nonce(key.salt), plain, header.aad())
        return frame.tag(header, link_key or self.link_tx).pack() + body

    def build_hop(self, inner, **fields):
        """A HOP frame: sealed with the link's own key."""
        return self.build(inner, key=self.link_tx, type=uapi.HM_TYPE_HOP, **fields)

    def build_tree(self, inner, **fields):
        """A TREE frame with this peer as its root: for the group of @inner unless told."""
        fields.setdefault("dst", inner[:6] if inner[0] & 1 else b"\xff" * 6)
        fields.setdefault("key", self.sender)
        return self.build(inner, type=uapi.HM_TYPE_TREE, **fields)

    def build_probe(self, seq=1, tx_ns=1, echo_seq=0, echo_ns=0, held_ns=0, padded_seq=0,
                    probe_flags=0, plain=None, **fields):
        if plain is None:
            plain = struct.pack(">7Q", seq, tx_ns, echo_seq, echo_ns, held_ns, padded_seq,
                                probe_flags)
        return self.build(plain=plain, key=self.link_tx, type=uapi.HM_TYPE_PROBE, **fields)

    def inner(self, text=b"marker", dst=None, src=None, kind=MARK):
        """An inner Ethernet frame of the test type."""
        return (dst or self.hub.id) + (src or self.id) + struct.pack(">H", kind) + text

    def send(self, raw):
        self.sock.sendto(raw, (self.hub_address, uapi.HM_PORT_DATA))

    def send_super(self, frames):
        """Frames of one length (the last may be shorter) as one UDP-GSO super-packet."""
        control = [(socket.SOL_UDP, UDP_SEGMENT, u16(len(frames[0])))]
        self.sock.sendmsg([b"".join(frames)], control, 0, (self.hub_address, uapi.HM_PORT_DATA))

    def receive(self, seconds=3.0):
        """Next datagram hub 1 sent to this peer, or None."""
        if not select.select([self.sock], [], [], scaled(seconds))[0]:
            return None
        return self.sock.recv(1 << 16)

    def drain(self):
        while self.receive(0) is not None:
            pass

    def open_frame(self, raw, key=None):
        """(header, plain) of a frame that hub 1 sealed; checks its hop tag."""
        header = frame.Header.parse(raw)
        if frame.hop_tag(raw[:uapi.HM_HOP_TAGGED_LEN], self.link_rx.hop) != header.hop_tag:
            raise AssertionError("hop tag does not verify")
        key = key or self.seal_rx
        plain = frame.chacha20poly1305_open(key.key, header.nonce(key.salt),
                                            raw[uapi.HM_HDR_LEN:], header.aad())
        return header, plain


class Lab:
    """Hub 1 and @peers; hub 1 can relay between them."""

    ifname = "mesh0"

    def __init__(self, peers=(2, 3), underlay_mtu=1600, prefix="lab"):
        self.underlay_mtu, self.prefix = underlay_mtu, prefix
        self.peer_ns = f"{prefix}peers"
        self.hub = Hub(self, 1)
        self.peers = {n: Peer(self, n) for n in peers}
        self.generation = 0
        self.tap = None

    def __getitem__(self, n):
        return self.peers[n]

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *exc):
        self.down()

    def up(self):
        self.down()
        netns_add(self.peer_ns)
        self.hub.create(quiet=True)
        for peer in self.peers.values():
            peer.open()
            self.link(peer)
            self.hub.hub_new(peer)
            self.key_seal(peer)
        self.route()
        with inside(self.hub.netns):
            self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(MARK))
        self.tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.tap.bind((self.hub.dev, MARK))

    def down(self):
        if self.hub.genl:
            self.hub.genl.close()
            self.hub.genl = None
        for peer in self.peers.values():
            peer.close()
        if self.tap:
            self.tap.close()
        netns_del(self.hub.netns)
        netns_del(self.peer_ns)

    def link(self, peer, **kw):
        self.hub.link_new(index=peer.number, peer=peer, remote=peer.address, remote_index=1, **kw)
        self.key_link(peer)

    def key_link(self, peer, phase=0, use=True):
        self.hub.key_set(link_ref(peer.number), phase, CHACHA, peer.link_tx.raw, peer.link_rx.raw,
                         use)

    def key_seal(self, peer, phase=0, use=True):
        self.hub.key_set(hub_ref(peer.id), phase, CHACHA, peer.seal_tx.raw, peer.seal_rx.raw, use)

    def join_received(self):
        """Make hub 1's interfaces join (GRO) what send_super() sends; the sender's device cuts it."""
        for n in self.peers:
            run(f"ip netns exec {self.peer_ns} ethtool -K from{n} tso off "
                "tx-udp-segmentation off")
            run(f"ip netns exec {self.hub.netns} ethtool -K to{n} gro on")

    def route(self, routes=None, trees=()):
        self.generation += 1
        self.hub.routes(routes if routes is not None else
                        {p: p.number for p in self.peers.values()}, self.generation, trees=trees)

    def transmit(self, inner):
        """Hand an Ethernet frame to hub 1's interface, as a program on it would."""
        self.tap.send(inner)

    def delivered(self, seconds=3.0):
        """Next inner test frame that came out of hub 1's interface, or None."""
        while select.select([self.tap], [], [], scaled(seconds))[0]:
            try:
                raw, where = self.tap.recvfrom(1 << 16)
            except OSError as error:
                if error.errno != errno.ENETDOWN:  # told once after the interface went down
                    raise
                continue
            if where[2] != socket.PACKET_OUTGOING:
                return raw
        return None

    def drain(self):
        while self.delivered(0) is not None:
            pass
        for peer in self.peers.values():
            peer.drain()


def unchanged_but(before, after):
    """Differences of two counter dicts, those that are zero left out."""
    return {name: after.get(name, 0) - before.get(name, 0) for name in set(before) | set(after)
            if after.get(name, 0) != before.get(name, 0)}


class DropsExactly:
    """Context manager: the block makes exactly these drop counters rise by these numbers."""

    def __init__(self, hub, seconds=5.0, **wanted):
        self.hub, self.seconds = hub, seconds
        self.wanted = {name.replace("_", "-"): n for name, n in wanted.items()}

    def __enter__(self):
        self.before = self.hub.drops()
        return self

    def __exit__(self, kind, *exc):
        if kind:
            return
        change = lambda: unchanged_but(self.before, self.hub.drops())
        try:
            wait_for("drop counters", lambda: all(
                change().get(name, 0) >= n for name, n in self.wanted.items()), self.seconds)
        except TimeoutError:
            pass
        got = change()
        if got != self.wanted:
            raise AssertionError(f"drop counters rose by {got}, wanted {self.wanted}")
