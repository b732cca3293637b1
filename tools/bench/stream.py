# SPDX-License-Identifier: GPL-2.0
"""A steady stream of datagrams from one namespace to another, and when each arrived.

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
PAYLOAD = bytes(64)
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33
RECEIVE_BYTES = 64 << 20  # what arrives in half a minute nobody looks
PRIORITY = 10


def _send(sock, target):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    due = time.monotonic()
    while True:
        try:
            sock.sendto(PAYLOAD, target)
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
        """Seconds (CLOCK_REALTIME) at which datagrams came since the last call."""
        found = []
        while True:
            try:
                _, control, _, _ = self.rx.recvmsg(256, 64)
            except BlockingIOError:
                return found
            seconds, nanoseconds = struct.unpack("=qq", control[0][2])
            found.append(seconds + nanoseconds / 1e9)


def longest_gap(times, since=0.0):
    """(seconds, when it began) of the longest interval that ends after @since."""
    return max(((b - a, a) for a, b in zip(times, times[1:]) if b >= since), default=(0.0, since))
