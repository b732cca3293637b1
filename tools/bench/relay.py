# SPDX-License-Identifier: GPL-2.0
"""What a relay costs: guest instructions per datagram of the relay alone.

A program on A sends the same datagrams twice, A and its system being the same in both
turns; what differs is where their packets end:

    (1)  A --- |x  R      dropped as they enter R
    (2)  A ------- R --- |x  B    dropped as they enter B

"x" is one tc filter on the ingress of the veth, the same rule in both turns, which lets
the system's own packets (ARP, OGMs, handshakes) pass.  Cost = ((2) - (1)) / datagrams: all
that R does with a packet from behind its ingress hook to the veth of B, one crossing of a
veth included, for every system alike.  Sending, sealing, and dropping cancel out.  The
filter's counter must say that every datagram ended there.

    relay-insns       datagrams of 1370 B, one at a time: single frames
    relay-insns-64    the same of 64 B
    relay-insns-gso   40 datagrams of 1370 B in one send (UDP_SEGMENT); a system whose
                      interface cannot take that gets them one at a time, as a program would
                      send them then

hubmesh has its trains switched off (ethtool -C mesh0 tx-usecs 0), or single datagrams
would not stay single.  WireGuard has no row: its relay forwards UDP over IPv4 and nothing
else, which is ipfwd's figure.
"""

import errno
import json
import socket
import statistics
import time

from systems import run
from lib.netlink import inside

SYSTEMS = ("hubmesh", "hubmesh-ether", "batman-adv", "ipfwd")
# test: (bytes of a datagram, datagrams in one send)
TESTS = {"relay-insns": (1370, 1), "relay-insns-64": (64, 1), "relay-insns-gso": (1370, 40)}
WARM_UP, DATAGRAMS = 200, 8000
ROUNDS = 3
STRAYS_MAX = 40  # ARP and neighbour discovery between the ends, while the clock leaps
SOL_UDP, UDP_SEGMENT = 17, 103
SINK_PORT = 9


class Sink:
    """Drops a system's packets where they come in; counts them."""

    def __init__(self, netns, dev, match):
        self.netns, self.dev = netns, dev
        run(f"tc -n {netns} qdisc add dev {dev} clsact")
        run(f"tc -n {netns} filter add dev {dev} ingress {match} action drop")

    def dropped(self):
        shown = json.loads(run(f"tc -n {self.netns} -s -j filter show dev {self.dev} ingress"))
        return sum(action["stats"]["packets"] for rule in shown
                   for action in rule.get("options", {}).get("actions", []))

    def close(self):
        run(f"tc -n {self.netns} qdisc del dev {self.dev} clsact")


def can_segment(path, size, per_send):
    """Does A's interface take @per_send datagrams in one send?"""
    with inside(path.client), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(SOL_UDP, UDP_SEGMENT, size)
        try:
            sock.sendto(bytes(size * per_send), (path.target, SINK_PORT))
        except OSError as why:
            if why.errno != errno.EIO:
                raise
            return False
        return True


class Sender:
    """Datagrams from A to B."""

    def __init__(self, path, size, per_send):
        with inside(path.client):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect((path.target, SINK_PORT))
        self.per_send = per_send if can_segment(path, size, per_send) else 1
        if self.per_send > 1:
            self.sock.setsockopt(SOL_UDP, UDP_SEGMENT, size)
        self.payload = bytes(size * self.per_send)

    def send(self, datagrams):
        """Instructions until all have left."""
        send, payload = self.sock.send, self.payload
        start = time.monotonic_ns()
        for _ in range(datagrams // self.per_send):
            send(payload)
        return time.monotonic_ns() - start


def turn(path, sender, hop):
    """Instructions per datagram if the packets end behind @hop."""
    path.wait()
    sink = Sink(path.netns[hop + 1], path.hops[hop][1], path.carried)
    try:
        sender.send(WARM_UP)
        before = sink.dropped()
        took = sender.send(DATAGRAMS)
        counted = sink.dropped() - before
    finally:
        sink.close()
    if not DATAGRAMS <= counted <= DATAGRAMS + STRAYS_MAX:
        raise RuntimeError(f"{counted} of {DATAGRAMS} datagrams reached the sink behind hop {hop}")
    return took / DATAGRAMS


def costs(path, tests, is_hubmesh):
    """(test, instructions per datagram) of each of @tests."""
    if is_hubmesh:
        run(f"ip netns exec {path.client} ethtool -C mesh0 tx-usecs 0")
    for test in tests:
        size, per_send = TESTS[test]
        sender = Sender(path, size, per_send)
        found = [turn(path, sender, 1) - turn(path, sender, 0) for _ in range(ROUNDS)]
        print(f"#   {test}: {', '.join(f'{v:.0f}' for v in found)}", flush=True)
        yield test, statistics.median(found)
        sender.sock.close()
