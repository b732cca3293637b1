# SPDX-License-Identifier: GPL-2.0
"""Lab of rules: inner frames of any kind go in and are expected to come out, or to be refused.

      peer 2 (Python) ---- veth ----+
                                    hub 1 (kernel, mesh0 in a quiet namespace)
      peer 3 (Python) ---- veth ----+
"""

import select
import socket
import struct

from . import packet, policy
from .ktap import expect, expect_equal
from .lab import DropsExactly, Lab
from .netlink import inside

ETH_P_ALL = 3


class InnerLab(Lab):
    """Lab with a second tap, which sees every inner frame that hub 1 delivers."""

    def up(self):
        super().up()
        with inside(self.hub.netns):
            self.all = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.all.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.all.bind((self.hub.dev, ETH_P_ALL))

    all = None

    def down(self):
        if self.all:
            self.all.close()
            self.all = None
        super().down()

    def open_up(self):
        """No rules, no guards, no storm limits."""
        policy.set_rules(self.hub)
        for peer in self.peers.values():
            policy.set_guard(self.hub, peer)
        policy.set_storm(self.hub)

    def delivered_any(self, seconds=3.0):
        """Next frame of any type that came out of hub 1's interface, or None."""
        while select.select([self.all], [], [], seconds)[0]:
            raw, where = self.all.recvfrom(1 << 16)
            if where[2] != socket.PACKET_OUTGOING:
                return raw
        return None

    def drain(self):
        super().drain()
        while self.delivered_any(0) is not None:
            pass

    # received: from peer 2, unless another

    def frame(self, payload, kind, *vlans, dst=None, src=None, peer=2):
        return packet.ethernet(dst or self.hub.id, src or self[peer].id, kind, payload, *vlans)

    def rx_passes(self, inner, zone=0, peer=2, what="", **fields):
        self.drain()
        with DropsExactly(self.hub):
            self[peer].send(self[peer].build(inner, zone=zone, **fields))
            got = self.delivered_any()
        # The stack takes the outermost VLAN tag off before a tap sees the frame.
        expect(got in (inner, inner[:12] + inner[16:]), f"{what}: came out as {got}")

    def rx_refused(self, reason, inner, zone=0, peer=2, what="", **fields):
        self.drain()
        try:
            with DropsExactly(self.hub, **{reason: 1}):
                self[peer].send(self[peer].build(inner, zone=zone, **fields))
        except AssertionError as why:
            raise AssertionError(f"{what}: {why}") from None
        expect(self.delivered_any(0) is None, f"{what}: delivered though counted as dropped")

    # sent: to peer 2, unless another

    def out(self, payload, kind, *vlans, dst=None, src=None, peer=2):
        return packet.ethernet(dst or self[peer].id, src or self.hub.id, kind, payload, *vlans)

    def tx_passes(self, inner, zone=0, peer=2, what=""):
        self.drain()
        with DropsExactly(self.hub):
            self.transmit(inner)
            raw = self[peer].receive()
        expect(raw, f"{what}: was not sent")
        _, plain = self[peer].open_frame(raw)
        expect_equal(struct.unpack_from(">H", plain)[0], zone, f"{what}: zone in the sealed part")
        expect_equal(plain[2:], inner, f"{what}: inner frame")

    def tx_refused(self, reason, inner, peer=2, what=""):
        self.drain()
        try:
            with DropsExactly(self.hub, **{reason: 1}):
                self.transmit(inner)
        except AssertionError as why:
            raise AssertionError(f"{what}: {why}") from None
        expect(self[peer].receive(0) is None, f"{what}: sent though counted as dropped")
