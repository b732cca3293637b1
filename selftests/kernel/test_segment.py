# SPDX-License-Identifier: GPL-2.0
"""A bridge between two hubs that gives every packet to a third port, too.

      hub 1 ---- bridge ---- hub 2       "lan"; it forgets addresses at once
                    |
                    + port with a queue ---- tap       who listens sees what was sealed

The port's queue cuts super-packets into packets that share the pages of the one that hub 2 gets.
"""

import contextlib
import socket
import threading

from lib.ktap import expect, expect_equal, quick
from lib.mesh import Mesh, ip_batch, netns_add, netns_del, run
from lib.netlink import inside
from lib.traffic import SO_RCVBUFFORCE, closing_all

LAN, TAP, MTU = "lan", "tap", 1600
SECRET = b"what nobody on this segment may read. "
TIMES = 20000


class Segment(Mesh):
    """Two hubs on one bridge; @queue of the third port: words of tc."""

    def __init__(self, queue, **kw):
        super().__init__(2, [(1, 2)], underlay_mtu=MTU, **kw)
        self.queue = queue

    def wire(self, a, b):
        for netns in (LAN, TAP):
            netns_add(netns)
        ip_batch(LAN, [f"link add lan0 mtu {MTU} type bridge ageing_time 0", "link set lan0 up",
                       f"link add third mtu {MTU} type veth peer name tap0 netns {TAP} mtu {MTU}",
                       "link set third master lan0 up"])
        ip_batch(TAP, [f"link set tap0 mtu {MTU} up"])
        run(f"tc -n {LAN} qdisc add dev third root {self.queue}")
        for x, y in ((a, b), (b, a)):
            six = ":" in self.address(x, y)
            ip_batch(self[x].netns, [
                f"link add to{y} mtu {MTU} type veth peer name hub{x} netns {LAN} mtu {MTU}",
                f"addr add {self.address(x, y)}/{64 if six else 24} dev to{y}" +
                (" nodad" if six else ""), f"link set to{y} up"])
            ip_batch(LAN, [f"link set hub{x} master lan0 up"])

    def down(self):
        super().down()
        for netns in (LAN, TAP):
            netns_del(netns)


@contextlib.contextmanager
def listening():
    with inside(TAP):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    tap.bind(("tap0", 0))
    tap.settimeout(1)
    with tap:
        yield tap


def send_secret(mesh):
    """Much of it at once, by TCP from hub 1 to hub 2."""
    with inside(mesh[2].netns):
        server = socket.socket()
    with inside(mesh[1].netns):
        client = socket.socket()
    with closing_all(server, client):
        for sock in (server, client):
            sock.settimeout(30)
        server.bind((mesh[2].ipv4, 0))
        server.listen()
        client.connect(server.getsockname())
        conn, _ = server.accept()
        sender = threading.Thread(target=client.sendall, args=(SECRET * TIMES,), name="secret")
        sender.start()
        with conn:
            conn.settimeout(30)
            left = len(SECRET) * TIMES
            while left:
                left -= len(conn.recv(left))
        sender.join()


def expect_sealed(queue, hub2_takes_super_packets=True, **kw):
    with Segment(queue, **kw) as mesh, listening() as tap:
        if not hub2_takes_super_packets:
            run(f"ip netns exec {LAN} ethtool -K hub2 tso off tx-udp-segmentation off "
                "tx-sctp-segmentation off")
        send_secret(mesh)
        seen = readable = 0
        with contextlib.suppress(TimeoutError):
            while True:
                packet = tap.recv(1 << 17)
                seen += len(packet)
                readable += SECRET in packet
        expect(seen >= len(SECRET) * TIMES, f"only {seen} bytes were seen")
        expect_equal(readable, 0, "packets with plain text")
        for hub in mesh.hubs.values():
            expect_equal({r: n for r, n in hub.drops().items() if r != "tx-no-hub"}, {}, "drops")


SHAPED = "tbf rate 30mbit burst 1700 limit 4000000"


@quick
def test_copies_that_wait_for_another_port_stay_sealed():
    expect_sealed(SHAPED)


def test_copies_of_ethernet_frames_stay_sealed():
    expect_sealed(SHAPED, family="ether")


def test_a_super_packet_that_waits_stays_sealed_where_the_hub_got_its_frames_singly():
    expect_sealed("netem delay 100ms limit 10000", hub2_takes_super_packets=False, family=6)
