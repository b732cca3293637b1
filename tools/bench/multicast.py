#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What one multicast stream to eight hubs costs: along a tree, and with a copy for each.

                      +--- 4, 5, 6, 7
           +--- 2 ----+
     1 ----+                            1 sends, 4 to 11 listen, 2 and 3 relay
           +--- 3 ----+
                      +--- 8, 9, 10, 11

Runs inside the VM that counts instructions (tools/bench/run starts it).  Datagrams of
1370 bytes to 239.1.1.1, by hub 1; system "tree" has trees and sender keys, system
"copies" has none and the seals of the eight listeners.

    seals           frames that hub 1 seals, per datagram
    source-insns    instructions of the source, per datagram: until what it sent is dropped
                    where it enters 2 and 3
    link-copies     bytes on the busiest link, in packets of one datagram
    link-copies-min the same of the link with the fewest
    all-links       the same of all ten links together
    pruned-copies   "tree" only: the same of the busiest link to a hub that does not listen,
                    when 4 and 8 alone do
"""

import argparse
import socket
import time

from rows import Rows
from systems import UDP_OR_TUNNEL, hm, run
from lib import uapi
from lib.membership import group_mac, groups_of
from lib.mesh import Mesh, hub_ref, wait_for
from lib.netlink import as_dict, number
from lib.traffic import closing_all, udp_socket
from lib.trees import grow_trees

EDGES = [(1, 2), (1, 3)] + [(2, n) for n in range(4, 8)] + [(3, n) for n in range(8, 12)]
LISTENERS = range(4, 12)
GROUP, PORT, SIZE = "239.1.1.1", 4444, 1370
WARM_UP, DATAGRAMS = 50, 2000
# Ethernet, IPv4 and UDP outside; Ethernet, IPv4 and UDP inside
PACKET = 14 + 28 + uapi.HM_HDR_LEN + uapi.HM_ZONE_LEN + 14 + 28 + SIZE + uapi.HM_SEAL_TAG_LEN


def sealed(hub):
    stats = as_dict(hub.device()[uapi.HUBMESH_A_DEVICE_STATS])
    return number(stats[uapi.HUBMESH_A_STATS_TX_FRAMES])


def sent_bytes(mesh, a, b):
    return int(run(f"ip netns exec {mesh[a].netns} cat "
                   f"/sys/class/net/{mesh.veth(a, b)}/statistics/tx_bytes"))


class Listener:
    """A member of the group on one hub, which counts."""

    def __init__(self, hub):
        self.sock = udp_socket(hub.netns, GROUP, PORT)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                             socket.inet_aton(GROUP) + socket.inet_aton(hub.ipv4))
        wait_for("joined", lambda: group_mac(GROUP) in groups_of(hub)[1])
        self.sock.setblocking(False)

    def count(self):
        n = 0
        while True:
            try:
                self.sock.recv(65535)
                n += 1
            except BlockingIOError:
                return n

    def close(self):
        self.sock.close()


def send(sock, datagrams):
    payload = bytes(SIZE)
    start = time.monotonic_ns()
    for _ in range(datagrams):
        sock.sendto(payload, (GROUP, PORT))
    return time.monotonic_ns() - start


def sender(mesh):
    run(f"ip -n {mesh[1].netns} route replace 239.0.0.0/8 dev {mesh[1].dev}")
    run(f"ip netns exec {mesh[1].netns} ethtool -C {mesh[1].dev} tx-usecs 0")
    return udp_socket(mesh[1].netns, mesh[1].ipv4)


def copies_on_links(mesh, sock, datagrams):
    """{edge: packets of one datagram that passed it}, all of them delivered."""
    with closing_all(*(Listener(mesh[n]) for n in LISTENERS)) as listeners:
        send(sock, WARM_UP)
        for one in listeners:
            one.count()
        before = {e: sent_bytes(mesh, *e) for e in EDGES}
        for done in range(0, datagrams, 50):  # what the listeners' sockets hold
            send(sock, 50)
            got = [one.count() for one in listeners]
            if got != [50] * len(listeners):
                raise RuntimeError(f"{got} of 50 datagrams arrived")
        return {e: (sent_bytes(mesh, *e) - before[e]) / PACKET / datagrams for e in EDGES}


def source_insns(mesh, sock):
    for n in (2, 3):
        run(f"tc -n {mesh[n].netns} qdisc add dev {mesh.veth(n, 1)} clsact")
        run(f"tc -n {mesh[n].netns} filter add dev {mesh.veth(n, 1)} ingress {UDP_OR_TUNNEL} "
            "action drop")
    send(sock, WARM_UP)
    took = send(sock, DATAGRAMS)
    for n in (2, 3):
        run(f"tc -n {mesh[n].netns} qdisc del dev {mesh.veth(n, 1)} clsact")
    return took / DATAGRAMS


def measure(rows, mesh, system):
    with closing_all(sender(mesh)) as (sock,):
        before = sealed(mesh[1])
        send(sock, 100)
        rows.add(system, "seals", (sealed(mesh[1]) - before) / 100, "per datagram")
        rows.add(system, "source-insns", source_insns(mesh, sock), "insns", 0)
        found = copies_on_links(mesh, sock, 500)
        rows.add(system, "link-copies", max(found.values()), "copies", 4)
        rows.add(system, "link-copies-min", min(found.values()), "copies", 4)
        rows.add(system, "all-links", sum(found.values()), "copies", 4)


def measure_pruned(rows, mesh):
    """4 and 8 listen: relays send to their first child alone, and 1 to both."""
    grow_trees(mesh, lambda i, root, children: {group_mac(GROUP): 1} if i in (2, 3) else None,
               with_keys=False)
    with closing_all(sender(mesh), Listener(mesh[4]), Listener(mesh[8])) as (sock, *listeners):
        quiet = [e for e in EDGES if e[1] in LISTENERS and e[1] not in (4, 8)]
        before = {e: sent_bytes(mesh, *e) for e in quiet}
        send(sock, 50)
        if [one.count() for one in listeners] != [50, 50]:
            raise RuntimeError("pruned away from listeners")
        worst = max(sent_bytes(mesh, *e) - before[e] for e in quiet)
        rows.add("tree", "pruned-copies", worst / PACKET / 50, "copies", 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--module", default="build/6.1/hubmesh.ko")
    args = parser.parse_args()
    hm.run_timeout_s = None
    hm.insert_module(args.module)
    rows = Rows("multicast")
    for system in ("tree", "copies"):
        with Mesh(11, EDGES) as mesh:
            if system == "tree":
                grow_trees(mesh)
            else:
                for n in (2, 3):  # not listeners: no copies for them
                    mesh[1].key_del(hub_ref(mesh[n].id), 0)
            measure(rows, mesh, system)
            if system == "tree":
                measure_pruned(rows, mesh)
    rows.table("multicast to 8 hubs", ("seals", "source-insns", "link-copies", "all-links"), "tree")
    rows.save(args.json)


if __name__ == "__main__":
    main()
