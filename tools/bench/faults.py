# SPDX-License-Identifier: GPL-2.0
"""What goes wrong with a line, done by one netlink message each: a process started for it
would take longer than what is measured."""

import socket
import struct

from systems import run
from lib.netlink import NLM_F_ACK, NLM_F_REQUEST, NetlinkError, attr, inside

NETLINK_ROUTE = 0
RTM_NEWLINK, RTM_NEWQDISC, NLMSG_ERROR = 16, 36, 2
TCA_KIND, TCA_OPTIONS, TC_H_ROOT = 1, 2, 0xFFFFFFFF
IFF_UP = 1
NETEM_LIMIT, LOSS_ALL = 1000, 0xFFFFFFFF


class Port:
    """One end of a veth, in a namespace."""

    def __init__(self, netns, dev):
        self.netns, self.dev = netns, dev
        with inside(netns):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
            self.index = socket.if_nametoindex(dev)

    def close(self):
        self.sock.close()

    def _request(self, kind, body):
        self.sock.send(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_ACK,
                                   1, 0) + body)
        code = -struct.unpack_from("=i", self.sock.recv(65536), 16)[0]
        if code:
            raise NetlinkError(code, f"{self.netns}/{self.dev}: message {kind}")

    def prepare(self):
        """A netem that does nothing yet: changing it is instant, adding it is not."""
        run(f"tc -n {self.netns} qdisc add dev {self.dev} root netem limit {NETEM_LIMIT}")

    def lose(self, everything):
        """Silently lose all that is sent here, or nothing."""
        options = struct.pack("=6I", 0, NETEM_LIMIT, LOSS_ALL if everything else 0, 0, 0, 0)
        self._request(RTM_NEWQDISC, struct.pack("=BBHiIII", 0, 0, 0, self.index, 0, TC_H_ROOT, 0)
                      + attr(TCA_KIND, b"netem\0") + attr(TCA_OPTIONS, options))

    def set_up(self, is_up):
        """Administratively up or down; down takes the carrier from the other end."""
        self._request(RTM_NEWLINK, struct.pack("=BBHiII", 0, 0, 0, self.index,
                                               IFF_UP if is_up else 0, IFF_UP))

    def sent(self):
        """Packets sent so far."""
        with inside(self.netns), open("/proc/thread-self/net/dev", encoding="ascii") as shown:
            for row in shown:
                name, _, numbers = row.partition(":")
                if name.strip() == self.dev:
                    return int(numbers.split()[9])
        raise RuntimeError(f"{self.netns} has no {self.dev}")
