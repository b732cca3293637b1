# SPDX-License-Identifier: GPL-2.0
"""A steady stream of numbered datagrams from one namespace to another, and when each arrived.

The sender is a process of its own with a real-time priority; arrival times are the
kernel's (SO_TIMESTAMPNS), so it does not matter when the receiver looks.
"""

import os
import signal
import socket
import struct
import time

from lib.netlink import inside

INTERVAL_S = 0.002
FILLER = bytes(56)
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33
RECEIVE_BYTES = 64 << 20  # what arrives in half a minute nobody looks
PRIORITY = 10


def _send(sock, target):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    due, count = time.monotonic(), 0
    while True:
        count += 1
        try:
            sock.sendto(struct.pack("=Q", count) + FILLER, target)
        except OSError:
            pass  # no route for the moment: the gap shows it
        now = time.monotonic()
        due = max(due + INTERVAL_S, now)  # what was missed is not made up for
        time.sleep(due - now)


class Stream:
    """with Stream(from netns, to netns, address) as s: ...; s.arrivals() drains it."""

    def __init__(self, source, sink, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with inside(sink):
            self.rx = socket.socket(family, socket.SOCK_DGRAM)
        self.rx.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
        self.rx.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.rx.setblocking(False)
        self.rx.bind((address, 0))
        with inside(source):
            self.tx = socket.socket(family, socket.SOCK_DGRAM)
        self.child = None

    def __enter__(self):
        self.child = os.fork()
        if not self.child:
            try:
                _send(self.tx, self.rx.getsockname()[:2])
            finally:
                os._exit(1)
        return self

    def __exit__(self, *exc):
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        self.tx.close()
        self.rx.close()

    def arrivals(self):
        """[(seconds of CLOCK_REALTIME, number)] of what came since the last call."""
        found = []
        while True:
            try:
                payload, control, _, _ = self.rx.recvmsg(256, 64)
            except BlockingIOError:
                return found
            seconds, nanoseconds = struct.unpack("=qq", control[0][2])
            found.append((seconds + nanoseconds / 1e9, struct.unpack_from("=Q", payload)[0]))


def longest_pause(arrivals):
    """Seconds of the longest interval between two arrivals."""
    return max((b[0] - a[0] for a, b in zip(arrivals, arrivals[1:])), default=0.0)


def longest_gap(arrivals, since):
    """(seconds, when it began, datagrams lost): the longest interval between two arrivals that
    ends after @since and in which datagrams were lost; a machine that stands still for a moment
    loses none, and overtaking is no loss."""
    came = {number for _, number in arrivals}
    longest = 0.0, since, 0
    for (begin, before), (end, after) in zip(arrivals, arrivals[1:]):
        if end >= since and after > before + 1 and end - begin > longest[0]:
            lost = sum(n not in came for n in range(before + 1, after))
            if lost:
                longest = end - begin, begin, lost
    return longest


def timestamps_on():
    """A socket that keeps the kernel's time stamps switched on.  Switching rewrites code that
    other CPUs are running, which QEMU's TCG was seen not to survive under load."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return sock
