# SPDX-License-Identifier: GPL-2.0
"""A small generic netlink client on the standard library: enough to drive, and to
abuse, the hubmesh family from tests."""

import ctypes
import errno
import os
import socket
import struct

from .pace import scaled

NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP = 1, 2, 4, 0x300
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_ATTR_MCAST_GROUPS = 1, 2, 7
CTRL_ATTR_MCAST_GRP_NAME, CTRL_ATTR_MCAST_GRP_ID = 1, 2
NLMSGERR_ATTR_MSG = 1
NLA_F_NESTED = 0x8000
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 1, 10, 11
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)


class inside:
    """Context manager: this thread runs in the named network namespace."""

    def __init__(self, netns):
        self.netns = netns

    def __enter__(self):
        if self.netns:
            self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            fd = os.open(f"/run/netns/{self.netns}", os.O_RDONLY)
            self._set(fd)
            os.close(fd)
        return self

    def __exit__(self, *exc):
        if self.netns:
            self._set(self.home)
            os.close(self.home)

    @staticmethod
    def _set(fd):
        if libc.setns(fd, CLONE_NEWNET):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


class NetlinkError(OSError):
    """A refusal: errno and the kernel's extack sentence."""

    def __init__(self, code, text):
        super().__init__(code, f"{errno.errorcode.get(code, code)}: {text or '(no extack text)'}")
        self.extack = text


def attr(kind, payload):
    """One attribute: payload is bytes, or a list of attributes for a nest."""
    if isinstance(payload, (list, tuple)):
        payload = b"".join(payload)
        kind |= NLA_F_NESTED
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind) + payload + bytes(-length % 4)


def u8(v):
    return struct.pack("=B", v)


def u16(v):
    return struct.pack("=H", v)


def u32(v):
    return struct.pack("=I", v)


def u64(v):
    return struct.pack("=Q", v)


def mac(text):
    return bytes(int(x, 16) for x in text.split(":"))


def mac_text(raw):
    return ":".join(f"{b:02x}" for b in raw)


def parse(raw):
    """List of (type, payload); nests stay raw."""
    out = []
    while len(raw) >= 4:
        length, kind = struct.unpack_from("=HH", raw)
        if length < 4 or length > len(raw):
            raise ValueError("truncated attribute")
        out.append((kind & 0x3FFF, raw[4:length]))
        raw = raw[(length + 3) & ~3:]
    return out


def as_dict(raw):
    return dict(parse(raw))


def number(raw):
    return int.from_bytes(raw, "little")


class Genl:
    """One generic netlink socket in a namespace, bound to a family."""

    def __init__(self, netns=None, family="hubmesh", version=1, timeout=5.0):
        with inside(netns):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self.sock.bind((0, 0))
        self.sock.settimeout(scaled(timeout))
        self.seq = 0
        self.version = version
        self.family, self.groups = GENL_ID_CTRL, {}
        name = family.encode() + b"\0"
        reply = self.request(CTRL_CMD_GETFAMILY, [attr(CTRL_ATTR_FAMILY_NAME, name)], version=1)
        found = as_dict(reply[0][1])
        self.family = number(found[CTRL_ATTR_FAMILY_ID])
        for _, group in parse(found.get(CTRL_ATTR_MCAST_GROUPS, b"")):
            fields = as_dict(group)
            self.groups[fields[CTRL_ATTR_MCAST_GRP_NAME].rstrip(b"\0").decode()] = number(
                fields[CTRL_ATTR_MCAST_GRP_ID])

    def close(self):
        self.sock.close()

    def subscribe(self, group="events"):
        self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, self.groups[group])

    def send_raw(self, payload, flags, kind=None, seq=None):
        """Any bytes behind a correct (or given) netlink header."""
        self.seq += 1
        head = struct.pack("=IHHII", 16 + len(payload), self.family if kind is None else kind,
                           flags, self.seq if seq is None else seq, 0)
        self.sock.send(head + payload)
        return self.seq

    def request(self, cmd, attrs=(), dump=False, version=None):
        """Send and wait: list of (cmd, attribute bytes); raises NetlinkError."""
        flags = NLM_F_REQUEST | (NLM_F_DUMP if dump else NLM_F_ACK)
        head = struct.pack("=BBH", cmd, self.version if version is None else version, 0)
        seq = self.send_raw(head + b"".join(attrs), flags)
        return self.collect(seq)

    def collect(self, seq):
        out = []
        while True:
            data = self.sock.recv(1 << 17)
            while len(data) >= 16:
                length, kind, flags, got, _ = struct.unpack_from("=IHHII", data)
                body, data = data[16:length], data[(length + 3) & ~3:]
                if got != seq:
                    continue
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    self._finish(kind, flags, body)
                    return out
                out.append((body[0], body[4:]))

    @staticmethod
    def _finish(kind, flags, body):
        code = -struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
        if not code:
            return
        text = None
        if flags & NLM_F_ACK_TLVS:
            skip = 4 if kind == NLMSG_DONE else 20
            if not flags & NLM_F_CAPPED and kind == NLMSG_ERROR:
                inner = struct.unpack_from("=I", body, 4)[0]
                skip = 4 + ((inner + 3) & ~3)
            msg = as_dict(body[skip:]).get(NLMSGERR_ATTR_MSG)
            text = msg.rstrip(b"\0").decode() if msg else None
        raise NetlinkError(code, text)

    def event(self, timeout):
        """Next notification as (cmd, attributes dict), or None."""
        self.sock.settimeout(timeout)
        try:
            data = self.sock.recv(1 << 16)
        except (TimeoutError, socket.timeout, BlockingIOError):
            return None
        return data[16], as_dict(data[20:])


class Rtnl(Genl):
    """A socket for requests about links, for when no process may come between."""

    NEWLINK, DELLINK = 16, 17

    def __init__(self, netns=None, timeout=5.0):
        with inside(netns):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self.sock.bind((0, 0))
        self.sock.settimeout(scaled(timeout))
        self.seq, self.family = 0, self.NEWLINK

    def ask(self, kind, message, flags=0):
        return self.collect(self.send_raw(message, NLM_F_REQUEST | NLM_F_ACK | flags, kind=kind))
