# SPDX-License-Identifier: GPL-2.0
"""A service of a hub that is no neighbour: its proxy is reached over the mesh.

    a --- b --- c        a has the entry, c the service
"""

import contextlib
import socket
import threading

from lib.daemon import DaemonMesh
from lib.ktap import expect_equal
from lib.mesh import wait_for
from lib.netlink import inside
from lib.pace import scaled

ENTRY, ENDPOINT = ("127.0.0.1", 9000), ("127.0.0.1", 8080)
MANIFEST = """name: speech
version: 1.0.0
protocol: tcp
endpoints: ["127.0.0.1:8080"]
"""


def answer_one(listener):
    client, _ = listener.accept()
    with client:
        client.sendall(client.recv(100).upper())


def test_first_connection_to_a_far_hub_brings_its_keys():
    proxy = {"entries": [{"service": "speech", "listen": "%s:%u" % ENTRY,
                          "limits": {"connect_ms": 20000}}]}
    with DaemonMesh("abc", ["ab", "bc"], start=False) as mesh:
        a, c = mesh["a"], mesh["c"]
        a.write_settings(proxy=proxy)
        mesh.start()
        mesh.wait_whole()
        with inside(c.netns):
            listener = socket.create_server(ENDPOINT)
        with listener:
            server = threading.Thread(target=answer_one, args=(listener,))
            server.start()
            path = f"{c.dir}/speech-in.yaml"
            with open(path, "w", encoding="utf-8") as out:
                out.write(MANIFEST)
            c.ctl("service", "add", path)
            wait_for("a has a provider", lambda: a.api("proxy")["entries"][0].get("provider"), 30)
            with inside(a.netns):
                client = socket.create_connection(ENTRY, timeout=scaled(30))
            with client:
                client.sendall(b"hello")
                expect_equal(client.recv(100), b"HELLO", "over two lines")
            server.join()
        expect_equal(a.api("proxy")["entries"][0]["via_mesh"], 1, "by the mesh")


SHARED = ("198.51.100.1", 5300)  # nobody has it
CLOCK = """name: clock
version: 1.0.0
protocol: udp
endpoints: ["127.0.0.1:8080"]
"""


def answer_datagrams(sock):
    try:
        while True:
            data, peer = sock.recvfrom(2000)
            if peer is None:
                return
            sock.sendto(data.upper(), peer)
    except OSError:
        pass


def ask_shared(hub):
    """What a program gets that connects a UDP socket to the shared provider; and whom it takes for it."""
    with inside(hub.netns):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.settimeout(scaled(5))
        try:
            sock.connect(SHARED)
            sock.send(b"hello")
            return sock.recv(100), sock.getpeername()
        except OSError:
            return None


def test_connected_datagram_sockets_reach_the_mesh_in_place_of_the_shared_provider():
    proxy = {"entries": [{"service": "clock", "protocol": "udp", "listen": "127.0.0.1:9000",
                          "shared": "%s:%u" % SHARED, "limits": {"connect_ms": 20000}}]}
    with DaemonMesh("abc", ["ab", "bc"], start=False) as mesh:
        a, c = mesh["a"], mesh["c"]
        a.write_settings(proxy=proxy, redirect={"cgroup": "/sys/fs/cgroup"})
        mesh.start()
        mesh.wait_whole()
        expect_equal(ask_shared(a), None, "nobody serves, and there is no way to the shared one")
        with inside(c.netns):
            service = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        service.bind(ENDPOINT)
        server = threading.Thread(target=answer_datagrams, args=(service,))
        server.start()
        path = f"{c.dir}/clock-in.yaml"
        with open(path, "w", encoding="utf-8") as out:
            out.write(CLOCK)
        c.ctl("service", "add", path)
        wait_for("it is redirected", lambda: "event=redirected protocol=udp" in a.log(), 30)
        wait_for("the service of c answers in its name",
                 lambda: ask_shared(a) == (b"HELLO", SHARED), 30)
        expect_equal(a.api("proxy")["entries"][0]["via_mesh"] >= 1, True, "by the mesh")
        c.ctl("service", "remove", "clock")
        wait_for("it ends with the lease", lambda: "event=redirection-ended protocol=udp" in a.log(), 30)
        with contextlib.suppress(OSError):
            service.shutdown(socket.SHUT_RDWR)  # not connected, but it wakes who reads
        server.join()
        service.close()
