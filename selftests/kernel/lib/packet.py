# SPDX-License-Identifier: GPL-2.0
"""Inner packets for tests of rules: IPv4, IPv6, ARP, ND, whole and broken, as bytes.

Checksums are zero: nothing that is tested here looks at them.
"""

import ipaddress
import struct

TCP, UDP, ICMP6, DCCP, SCTP = 6, 17, 58, 33, 132
HOP_BY_HOP, ROUTING, FRAGMENT, AUTH, DEST_OPTIONS, NO_NEXT = 0, 43, 44, 51, 60, 59
IP, IP6, ARP, VLAN, QINQ = 0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8


def raw(address):
    return ipaddress.ip_address(address).packed


def ethernet(dst, src, kind, payload, *vlans):
    """A frame; @vlans are tags, outermost first, as (Ethernet type, VLAN id) or VLAN id."""
    tags = b""
    for tag in vlans:
        tpid, vid = tag if isinstance(tag, tuple) else (VLAN, tag)
        tags += struct.pack(">HH", tpid, vid)
    return dst + src + tags + struct.pack(">H", kind) + payload


def ports(sport=1000, dport=2000, text=b"payload."):
    """The begin of TCP and others, which is all of UDP."""
    return struct.pack(">HHHH", sport, dport, 8 + len(text), 0) + text


def ipv4(src, dst, protocol=UDP, payload=None, offset=0, more=False, ihl=5, version=4, total=None,
         options=b""):
    """@offset in bytes; @ihl and @total may lie."""
    payload = ports() if payload is None else payload
    total = 20 + len(options) + len(payload) if total is None else total
    return struct.pack(">BBHHHBBH4s4s", version << 4 | ihl, 0, total, 7,
                       (0x2000 if more else 0) | offset // 8, 64, protocol, 0, raw(src),
                       raw(dst)) + options + payload


def ipv6(src, dst, protocol=UDP, payload=None, hop_limit=64, version=6, length=None):
    payload = ports() if payload is None else payload
    length = len(payload) if length is None else length
    return struct.pack(">IHBB16s16s", version << 28, length, protocol, hop_limit, raw(src),
                       raw(dst)) + payload


def extension(next_header, payload, units=0):
    """Options or routing header of 8 + 8 * @units bytes, and what follows."""
    return struct.pack(">BBHI", next_header, units, 0x0104, 0) + bytes(8 * units) + payload


def authentication(next_header, payload):
    return struct.pack(">BBHIII", next_header, 2, 0, 1, 1, 0) + payload


def fragment(next_header, payload, offset=0, more=False):
    return struct.pack(">BBHI", next_header, 0, offset // 8 << 3 | more, 9) + payload


def arp(mac, sender, target, op=1, htype=1, plen=4):
    return struct.pack(">HHBBH6s4s6s4s", htype, IP, 6, plen, op, mac, raw(sender), bytes(6),
                       raw(target))


def lladdr(kind, mac):
    """ND option: source (1) or target (2) link-layer address."""
    return struct.pack(">BB6s", kind, 1, mac)


def nd(kind, target, options=b"", code=0):
    """Neighbour solicitation (135) or advertisement (136)."""
    return struct.pack(">BBHI16s", kind, code, 0, 0, raw(target)) + options
