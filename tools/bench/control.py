#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Control-plane bench: what meshd costs, measured on two hubs joined by one veth.

Prints, and writes as rows: time from starting both daemons to the first byte of a TCP
answer through the mesh, resident memory per hub, CPU share when idle.
"""

import argparse
import socket
import statistics
import sys
import threading
import time

from rows import Rows
from systems import hm, wait_for
from lib.daemon import DaemonMesh
from lib.netlink import inside

ROUNDS = 5
IDLE_S = 10


def answer_once(netns, address, stop):
    """A TCP server that sends one byte to whoever connects."""
    with inside(netns):
        server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND: the address comes later
    server.bind((address, 7777))
    server.listen(4)
    server.settimeout(0.2)
    while not stop.is_set():
        try:
            peer, _ = server.accept()
            peer.sendall(b"!")
            peer.close()
        except (TimeoutError, socket.timeout):
            pass
    server.close()


def first_byte(netns, address, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with inside(netns):
                client = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            client.settimeout(0.25)
            client.connect((address, 7777))
            client.settimeout(5)
            if client.recv(1) == b"!":
                return
        except OSError:
            time.sleep(0.01)
        finally:
            client.close()
    raise TimeoutError("no byte came through the mesh")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--module", required=True)
    parser.add_argument("--json")
    args = parser.parse_args()
    hm.insert_module(args.module)
    mesh = DaemonMesh("ab", ["ab"], start=False)
    mesh.up()
    hubs = mesh.hubs
    times, rows = [], Rows("control")

    def row(test, value, unit):
        rows.add("hubmesh", test, value, unit, 3)

    try:
        for _ in range(ROUNDS):
            begin = time.monotonic()
            for hub in hubs.values():
                hub.start()
            address = wait_for("a knows its own address", lambda: next(
                (h["ula"] for h in hubs["b"].hubs() if h.get("is_self")), None), 20, 0.02)
            stop = threading.Event()
            server = threading.Thread(target=answer_once, args=(hubs["b"].netns, address, stop))
            server.start()
            try:
                first_byte(hubs["a"].netns, address)
                times.append(time.monotonic() - begin)
            finally:
                stop.set()
                server.join()
            if len(times) < ROUNDS:
                for hub in hubs.values():
                    hub.stop()
        row("start-to-first-byte-median", statistics.median(times), "s")
        row("start-to-first-byte-worst", max(times), "s")
        time.sleep(2)
        cpu = {n: h.cpu_s() for n, h in hubs.items()}
        time.sleep(IDLE_S)
        row("rss", max(h.rss_kib() for h in hubs.values()) / 1024, "MiB")
        row("idle-cpu", max(h.cpu_s() - cpu[n] for n, h in hubs.items()) / IDLE_S * 100, "%")
    finally:
        mesh.down()
    rows.save(args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
