# SPDX-License-Identifier: GPL-2.0
"""Trees, sender keys and groups as the daemons make them.

      a --------- r --------- b       a sends to a group, b and d listen, c does not
                  | \\
                  c   d
"""

import socket
import struct

from lib import uapi
from lib.daemon import PATIENT, DaemonMesh
from lib.ktap import expect, expect_equal
from lib.membership import group_mac
from lib.mesh import wait_for
from lib.netlink import Genl, as_dict, attr, inside, mac, number
from lib.traffic import closing_all, udp_socket
from lib.trees import trees_of

GROUP, PORT = "ff15::1:42", 4444
NAME = attr(uapi.HUBMESH_A_IFNAME, b"mesh0\0")


class Tables:
    """The kernel's tables of a hub."""

    def __init__(self, hub):
        self.hub, self.genl = hub, Genl(hub.netns)

    def request(self, cmd, *attrs, **kw):
        return self.genl.request(cmd, [NAME, *attrs], **kw)

    def close(self):
        self.genl.close()

    def sealed(self):
        reply = as_dict(as_dict(self.request(uapi.HUBMESH_CMD_DEV_GET)[0][1])[uapi.HUBMESH_A_DEVICE])
        return number(as_dict(reply[uapi.HUBMESH_A_DEVICE_STATS])[uapi.HUBMESH_A_STATS_TX_FRAMES])

    def proved(self):
        """Ids of the hubs that are known to have a sender key of this one."""
        found = set()
        for _, body in self.request(uapi.HUBMESH_CMD_HUB_GET, dump=True):
            other = as_dict(as_dict(body)[uapi.HUBMESH_A_HUB])
            if number(other[uapi.HUBMESH_A_HUB_SENDER_PROVED]):
                found.add(other[uapi.HUBMESH_A_HUB_ID])
        return found

    def own_tree(self):
        return trees_of(self).get(mac(self.hub.id))


def ifindex(hub):
    return int(hub.run("cat /sys/class/net/mesh0/ifindex"))


def listener(hub):
    with inside(hub.netns):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind((GROUP, PORT))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                    socket.inet_pton(socket.AF_INET6, GROUP) + struct.pack("@I", ifindex(hub)))
    sock.settimeout(0.3)
    return sock


def test_stream_to_a_group_is_sealed_once_and_pruned_to_its_members():
    with DaemonMesh("arbcd", ["ar", "rb", "rc", "rd"], probe=PATIENT) as mesh:
        mesh.wait_whole()
        a, r = mesh["a"], mesh["r"]
        with closing_all(Tables(a), Tables(r), udp_socket(a.netns, a.ula), listener(mesh["b"]),
                         listener(mesh["d"])) as (at, relay, tx, *rx):
            tx.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, ifindex(a))
            tx.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)

            def arrives(text):
                tx.sendto(text, (GROUP, PORT))
                got = []
                for sock in rx:
                    try:
                        got.append(sock.recv(2000))
                    except TimeoutError:
                        return False
                return got == [text] * len(rx)

            wait_for("every hub has a tree of its own", lambda: at.own_tree() and relay.own_tree())
            members = {mac(mesh[name].id) for name in "rbd"}
            wait_for("members and the relay have a's key",
                     lambda: arrives(b"ask for it") and members <= at.proved(), 30, 0.2)
            pruned = lambda: group_mac(GROUP) in trees_of(relay)[mac(a.id)][2]
            wait_for("the relay prunes the group", pruned, 30, 0.2)
            wait_for("all is quiet", lambda: arrives(b"once more") and not leftovers(rx), 10, 0.2)

            quiet = "cat /sys/class/net/to-c/statistics/tx_bytes"
            before, bytes_before, drops = at.sealed(), int(r.run(quiet)), mesh["c"].drops()
            for n in range(50):
                expect(arrives(b"%04d" % n + bytes(1000)), f"datagram {n} did not arrive")
            sealed, sent = at.sealed() - before, int(r.run(quiet)) - bytes_before
            expect(50 <= sealed < 70, f"a sealed {sealed} frames for 50 datagrams")
            expect(sent < 30000, f"{sent} bytes to c, who does not listen")
            expect_equal(leftovers(rx), 0, "duplicates")
            expect_equal(mesh["c"].drops(), drops, "what c dropped")


def leftovers(socks):
    n = 0
    for sock in socks:
        try:
            sock.recv(2000)
            n += 1
        except TimeoutError:
            pass
    return n
