# SPDX-License-Identifier: GPL-2.0
"""Traffic between hubs from inside one process: sockets are opened in the hubs'
namespaces, so nothing has to be started and waited for."""

import contextlib
import hashlib
import random
import socket
import struct
import threading
import time

from .mesh import wait_for
from .netlink import inside
from .pace import scaled


SO_RCVBUFFORCE = 33


def udp_socket(netns, address, port=0, device=None):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with inside(netns):
        sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    if device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    sock.bind((address, port))
    sock.settimeout(scaled(5))
    return sock


@contextlib.contextmanager
def closing_all(*things):
    try:
        yield things
    finally:
        for thing in things:
            thing.close()


def reaches(src, dst, source, target, text=b"hello", seconds=3.0):
    """One UDP datagram from @source in hub @src to @target in hub @dst; True if it came."""
    with closing_all(udp_socket(src.netns, source), udp_socket(dst.netns, target)) as (tx, rx):
        tx.sendto(text, rx.getsockname()[:2])
        rx.settimeout(scaled(seconds))
        try:
            got, sender = rx.recvfrom(65535)
        except TimeoutError:
            return False
        if got != text:
            raise AssertionError("datagram arrived changed")
        if sender[0] != tx.getsockname()[0]:
            raise AssertionError(f"sender changed to {sender[0]}")
        return True


def expect_mesh_connected(mesh):
    """Every hub reaches every other over IPv4 and IPv6."""
    for a in mesh.hubs.values():
        for b in mesh.hubs.values():
            if a is not b:
                for x, y in ((a.ipv4, b.ipv4), (a.ula, b.ula)):
                    if not reaches(a, b, x, y):
                        raise AssertionError(f"{x} does not reach {y}; drops "
                                             f"{ {h.number: h.drops() for h in mesh.hubs.values()} }")


def tcp_transfer(src, dst, target, size, seed=1, seconds=60):
    """Send @size seeded bytes from hub @src to @target in hub @dst; returns seconds.

    Raises if the digest of what arrives differs.
    """
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    payload = random.Random(seed).randbytes(min(size, 1 << 20))
    wanted, got = hashlib.sha256(), hashlib.sha256()
    with inside(dst.netns):
        server = socket.socket(family)
    with inside(src.netns):
        client = socket.socket(family)
    failure = []

    def send():
        try:
            left = size
            while left:
                part = payload[:left]
                wanted.update(part)
                client.sendall(part)
                left -= len(part)
            client.shutdown(socket.SHUT_WR)
        except OSError as error:
            failure.append(error)

    with closing_all(server, client):
        server.bind((target, 0))
        server.listen()
        server.settimeout(scaled(seconds))
        client.settimeout(scaled(seconds))
        client.connect(server.getsockname()[:2])
        conn, _ = server.accept()
        conn.settimeout(scaled(seconds))
        start, count = time.monotonic(), 0
        sender = threading.Thread(target=send, name="tcp sender")
        sender.start()
        with conn:
            while True:
                part = conn.recv(1 << 18)
                if not part:
                    break
                count += len(part)
                got.update(part)
        took = time.monotonic() - start
        sender.join(scaled(seconds))
    if failure:
        raise failure[0]
    if count != size or got.digest() != wanted.digest():
        raise AssertionError(f"{count} of {size} bytes arrived, digest "
                             f"{'equal' if got.digest() == wanted.digest() else 'differs'}")
    return took


class Sender:
    """UDP datagrams from hub @src to an address where nobody need listen, until the end."""

    def __init__(self, src, source, target, size=500):
        self.sock, self.target, self.size = udp_socket(src.netns, source), target, size
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._send, name="sender")

    def _send(self):
        while not self.stopping.wait(0.0005):
            try:
                self.sock.sendto(bytes(self.size), (self.target, 9))
            except OSError:
                pass

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        self.thread.join(scaled(10))
        self.sock.close()


class Stream:
    """Numbered UDP datagrams from one hub to another until stopped.

    with Stream(...) as s: ...; afterwards s.sent, s.received (list of numbers in order of
    arrival), s.lost (sorted numbers).
    """

    def __init__(self, src, dst, source, target, size=100, pause=0.002):
        self.tx = udp_socket(src.netns, source)
        self.rx = udp_socket(dst.netns, target)
        self.size, self.pause = size, pause
        self.sent, self.received, self.errors, self.sent_at, self.got_at = 0, [], [], {}, {}
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._send, name="stream sender"),
                        threading.Thread(target=self._receive, name="stream receiver")]

    def _send(self):
        target, filler = self.rx.getsockname()[:2], bytes(self.size - 8)
        while not self.stopping.is_set():
            self.sent_at[self.sent] = time.monotonic()
            try:
                self.tx.sendto(struct.pack(">Q", self.sent) + filler, target)
                self.sent += 1
            except OSError as error:
                self.errors.append(error)
            self.stopping.wait(self.pause)

    def _receive(self):
        """Until told to stop, all is here and nothing more comes; or for longer, if not all is."""
        self.rx.settimeout(0.2)
        heard_at = time.monotonic()
        while True:
            try:
                number = struct.unpack_from(">Q", self.rx.recv(65535))[0]
            except TimeoutError:
                has_all = len(self.received) >= self.sent
                if self.stopping.is_set() and \
                        (has_all or time.monotonic() - heard_at > scaled(1)):
                    return
                continue
            except OSError:
                return
            heard_at = time.monotonic()
            self.received.append(number)
            self.got_at[number] = time.monotonic()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        for thread in self.threads:
            thread.join(scaled(10))
        self.tx.close()
        self.rx.close()

    @property
    def lost(self):
        return sorted(set(range(self.sent)) - set(self.received))

    def longest_gap(self, since):
        """Longest time without an arrival from @since to the newest one."""
        times = [since] + sorted(t for t in list(self.got_at.values()) if t > since)
        return max(b - a for a, b in zip(times, times[1:]))

    def wait_progress(self, n=20, seconds=10):
        """Wait until @n datagrams sent from now on have arrived."""
        first = self.sent
        wait_for("stream progress", lambda: sum(
            1 for number in self.received[-4 * n:] if number >= first) >= n, seconds)
