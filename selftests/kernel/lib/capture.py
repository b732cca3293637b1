# SPDX-License-Identifier: GPL-2.0
"""What passes an interface of a namespace, byte for byte."""

import socket
import struct

from . import frame, uapi
from .netlink import inside
from .traffic import SO_RCVBUFFORCE

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
ETH_HLEN, UDP_HLEN = 14, 8


class Capture:
    """Packets in and out of @dev since the capture began; a context manager."""

    def __init__(self, netns, dev):
        with inside(netns):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        self.sock.bind((dev, ETH_P_ALL))
        self.sock.setblocking(False)
        self.packets = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def read(self):
        """Every packet so far."""
        while True:
            try:
                self.packets.append(self.sock.recv(65535))
            except BlockingIOError:
                return self.packets

    def frames(self):
        """(header, bytes) of every data frame so far."""
        return [(frame.Header.parse(raw), raw) for raw in map(_carried, self.read())
                if len(raw) >= uapi.HM_HDR_LEN]


def _carried(packet):
    """What a packet of either carrier carries, or nothing."""
    kind = struct.unpack_from(">H", packet, 12)[0]
    if kind == uapi.HM_ETHERTYPE:
        return packet[ETH_HLEN:]
    if kind == ETH_P_IP and packet[23] == socket.IPPROTO_UDP:
        at = ETH_HLEN + (packet[14] & 15) * 4
    elif kind == ETH_P_IPV6 and packet[20] == socket.IPPROTO_UDP:
        at = ETH_HLEN + 40
    else:
        return b""
    if struct.unpack_from(">H", packet, at + 2)[0] != uapi.HM_PORT_DATA:
        return b""
    return packet[at + UDP_HLEN:]
