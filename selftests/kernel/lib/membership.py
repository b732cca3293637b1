# SPDX-License-Identifier: GPL-2.0
"""IGMP and MLD messages as Ethernet frames, right ones unless told otherwise."""

import fcntl
import ipaddress
import socket
import struct

from . import packet, uapi
from .netlink import as_dict, inside, number

QUERY, REPORT_V1, REPORT_V2, LEAVE, REPORT_V3 = 0x11, 0x12, 0x16, 0x17, 0x22
MLD_QUERY, MLD_REPORT, MLD_DONE, MLD2_REPORT = 130, 131, 132, 143
IS_INCLUDE, IS_EXCLUDE, TO_INCLUDE, TO_EXCLUDE, ALLOW, BLOCK = range(1, 7)
ALL4, ALL6 = uapi.HUBMESH_GROUPS_F_ALL4, uapi.HUBMESH_GROUPS_F_ALL6
LINK_LOCAL = "fe80::1"


def checksum(data):
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def group_mac(address):
    """Multicast MAC address of a group."""
    raw = ipaddress.ip_address(address).packed
    if len(raw) == 4:
        return bytes([0x01, 0x00, 0x5E, raw[1] & 0x7F]) + raw[2:]
    return b"\x33\x33" + raw[12:]


def record(kind, group, sources=(), aux=0, n_sources=None):
    """Group record of a version 3 or MLDv2 report; @n_sources may lie."""
    n_sources = len(sources) if n_sources is None else n_sources
    return struct.pack(">BBH", kind, aux, n_sources) + packet.raw(group) + b"".join(
        map(packet.raw, sources)) + bytes(4 * aux)


def igmp(kind, group="0.0.0.0", code=0, records=None, n_records=None, spoil=0, dst=None, ttl=1,
         src="10.77.0.1", src_mac=None, cut=0, vlans=()):
    """A frame with an IGMP message; @spoil is added to its checksum, @cut bytes are missing."""
    if records is not None:
        n_records = len(records) if n_records is None else n_records
        body = struct.pack(">BBHHH", kind, 0, 0, 0, n_records) + b"".join(records)
        dst = dst or "224.0.0.22"
    else:
        body = struct.pack(">BBH", kind, code, 0) + packet.raw(group)
        dst = dst or ("224.0.0.1" if group == "0.0.0.0" else
                      "224.0.0.2" if kind == LEAVE else group)
    body = body[:len(body) - cut]
    body = body[:2] + struct.pack(">H", (checksum(body) + spoil) & 0xFFFF) + body[4:]
    ip = bytearray(packet.ipv4(src, dst, 2, body, options=b"\x94\x04\0\0", ihl=6))
    ip[8] = ttl
    return packet.ethernet(group_mac(dst), src_mac or b"\x02hub\0\1", packet.IP, bytes(ip), *vlans)


def mld(kind, group="::", response_ms=0, records=None, n_records=None, spoil=0, dst=None,
        hop_limit=1, src=LINK_LOCAL, src_mac=None, cut=0):
    """As igmp(), of MLD."""
    if records is not None:
        n_records = len(records) if n_records is None else n_records
        body = struct.pack(">BBHHH", kind, 0, 0, 0, n_records) + b"".join(records)
        dst = dst or "ff02::16"
    else:
        body = struct.pack(">BBHHH", kind, 0, 0, response_ms, 0) + packet.raw(group)
        dst = dst or ("ff02::1" if group == "::" else "ff02::2" if kind == MLD_DONE else group)
    body = body[:len(body) - cut]
    pseudo = packet.raw(src) + packet.raw(dst) + struct.pack(">II", len(body), 58)
    body = body[:2] + struct.pack(">H", (checksum(pseudo + body) + spoil) & 0xFFFF) + body[4:]
    alert = b"\x3a\x00\x05\x02\0\0\x01\0"
    return packet.ethernet(group_mac(dst), src_mac or b"\x02hub\0\1", packet.IP6,
                           packet.ipv6(src, dst, 0, alert + body, hop_limit=hop_limit))


SIOCADDMULTI, SIOCDELMULTI = 0x8931, 0x8932


def join(hub, *macs, leave=False):
    """Add multicast addresses to the list of a hub's interface, or remove them."""
    with inside(hub.netns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for mac in macs:
            fcntl.ioctl(sock, SIOCDELMULTI if leave else SIOCADDMULTI,
                        struct.pack("16sH14s", hub.dev.encode(), 0, mac))


def groups_of(hub):
    """(flags, {MAC}, malformed) of what @hub wants."""
    reply = hub.request(uapi.HUBMESH_CMD_GROUP_GET)
    nest = as_dict(as_dict(reply[0][1])[uapi.HUBMESH_A_GROUPS])
    raw = nest.get(uapi.HUBMESH_A_GROUPS_LIST, b"")
    return (number(nest[uapi.HUBMESH_A_GROUPS_FLAGS]),
            {raw[at:at + 6] for at in range(0, len(raw), 6)},
            number(nest[uapi.HUBMESH_A_GROUPS_MALFORMED]))
