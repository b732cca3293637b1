# SPDX-License-Identifier: GPL-2.0
r"""The systems of the failover bench, each over a diamond of its own:

            R1
          /    \         every line is a veth; A reaches D over either relay and
        A       D        over nothing else
          \    /
            R2

A system is a context manager.  It offers: source and sink (namespaces of A and D), target
(D's address), lines (for each relay the names (netns, device) of A's end, the relay's end
towards A, and the relay's end towards D), is_whole() (both ways known, nothing left of the
last fault), stop_daemon(relay) and start_daemon(relay), account(since) (what it says of a fault).
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time

from systems import batman_interface, enable_forwarding, hm, run, wireguard_interface, wireguard_keys
from lib import uapi
from lib.daemon import DaemonMesh
from lib.netlink import Genl, as_dict, attr, mac, number, parse, u32

A, R1, R2, D = 0, 1, 2, 3
EDGES = ((A, R1), (A, R2), (R1, D), (R2, D))
PROBE_MS = 50  # hubmesh's default


class Tables:
    """What the kernel of a hub with a meshd was told, read once."""

    def __init__(self, netns):
        genl, name = Genl(netns), [attr(uapi.HUBMESH_A_IFNAME, b"mesh0\0")]
        self.links = [as_dict(as_dict(body)[uapi.HUBMESH_A_LINK])
                      for _, body in genl.request(uapi.HUBMESH_CMD_LINK_GET, name, dump=True)]
        self.routes = [route for _, body in genl.request(uapi.HUBMESH_CMD_ROUTE_GET, name, dump=True)
                       for kind, route in parse(as_dict(body)[uapi.HUBMESH_A_ROUTES])
                       if kind == uapi.HUBMESH_A_ROUTES_ROUTE]
        genl.close()

    def all_links_up(self, n):
        states = [number(link[uapi.HUBMESH_A_LINK_STATE]) for link in self.links]
        return states == [uapi.HUBMESH_LINK_UP] * n

    def ways(self, hub_id):
        """Next hops and backup towards a hub."""
        return sum(kind in (uapi.HUBMESH_A_ROUTE_NEXTHOP, uapi.HUBMESH_A_ROUTE_BACKUP)
                   for route in self.routes if as_dict(route)[uapi.HUBMESH_A_ROUTE_HUB] == hub_id
                   for kind, _ in parse(route))


class Watch:
    """What hub A's kernel says of its links, and when."""

    def __init__(self, netns):
        self.sock, self.seen, self.stopping = Genl(netns), [], False
        self.sock.subscribe()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        while not self.stopping:
            got = self.sock.event(0.2)
            if got and number(got[1][uapi.HUBMESH_A_EVENT]) == uapi.HUBMESH_EVENT_LINK:
                link = as_dict(got[1][uapi.HUBMESH_A_LINK])
                self.seen.append((time.time(), number(link[uapi.HUBMESH_A_LINK_INDEX]),
                                  number(link[uapi.HUBMESH_A_LINK_STATE])))

    def close(self):
        self.stopping = True
        self.thread.join()
        self.sock.close()

    def account(self, since):
        """Links that went down after @since, as text."""
        return "".join(f"; kernel: link {index} down at {(at - since) * 1000:+.1f} ms"
                       for at, index, state in self.seen
                       if at > since and state == uapi.HUBMESH_LINK_DOWN)


class Veths:
    """Namespaces TAG0 (A), TAG1, TAG2 (relays), TAG3 (D); device toN leads to node N."""

    def __init__(self, tag):
        self.tag = tag
        self.netns = [f"{tag}{i}" for i in range(4)]
        self.source, self.sink = self.netns[A], self.netns[D]
        self.lines = [((self.netns[A], f"to{r}"), (self.netns[r], f"to{A}"),
                       (self.netns[r], f"to{D}")) for r in (R1, R2)]

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        self.stop()
        for netns in self.netns:
            hm.netns_del(netns)

    def up(self):
        for netns in self.netns:
            hm.netns_add(netns)
            run(f"ip -n {netns} link set lo up")
            enable_forwarding(netns)
        for n, (a, b) in enumerate(EDGES):
            hm.join_namespaces(self.netns[a], f"to{b}", f"10.1.{n}.1",
                               self.netns[b], f"to{a}", f"10.1.{n}.2")
        self.start()

    def stop(self):
        """End the system's processes."""

    def account(self, _since):
        """What the system itself says of a fault."""
        return ""

    def stop_daemon(self, relay):
        """None unless the system has one."""

    def start_daemon(self, relay):
        """None unless the system has one."""


class Batman(Veths):
    """batman-adv V, its defaults: OGM every 1 s, ELP every 0.5 s."""

    target = "10.70.0.4"

    def start(self):
        for i, netns in enumerate(self.netns):
            devices = [f"to{b if a == i else a}" for a, b in EDGES if i in (a, b)]
            batman_interface(netns, devices, f"10.70.0.{i + 1}/24")
        shown = json.loads(run(f"ip -n {self.sink} -j link show to{R1}"))
        self.far = shown[0]["address"]

    def is_whole(self):
        """D's originator is heard over both relays, just now, and answers."""
        rows = json.loads(run(["ip", "netns", "exec", self.source, "batctl", "meshif", "bat0",
                               "originators_json"]))
        fresh = {r["neigh_address"] for r in rows
                 if r["orig_address"] == self.far and r["last_seen_msecs"] < 1500}
        return len(fresh) == 2


class Babel(Veths):
    """babeld over a WireGuard link on each veth; hello interval in seconds, None the default."""

    target = "10.90.0.4"

    def __init__(self, tag, hello_s=None):
        super().__init__(tag)
        self.hello_s = hello_s
        self.daemons = [None] * 4
        self.work = tempfile.mkdtemp(prefix="babel-")

    def start(self):
        for n, (a, b) in enumerate(EDGES):
            keys = {a: wireguard_keys(), b: wireguard_keys()}
            for me, far, host in ((a, b, 1), (b, a, 2)):
                dev, netns = f"wg{far}", self.netns[me]
                wireguard_interface(netns, dev, f"10.91.{n}.{host}/24", keys[me][0], keys[far][1],
                                    f"10.1.{n}.{3 - host}", port=51820 + n)
                run(f"ip -n {netns} addr add fe80::{n + 1}:{host}/64 dev {dev}")
        for i in range(4):
            run(f"ip -n {self.netns[i]} addr add 10.90.0.{i + 1}/32 dev lo")
            self.start_daemon(i)

    def start_daemon(self, i):
        devices = [f"wg{b if a == i else a}" for a, b in EDGES if i in (a, b)]
        settings = ["redistribute local ip 10.90.0.0/24", "redistribute local deny"]
        if self.hello_s:
            settings.append(f"default hello-interval {self.hello_s}")
        words = [word for text in settings for word in ("-C", text)]
        # What a killed one left: babeld does not start where its socket is already.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.control(i))
        self.daemons[i] = subprocess.Popen(
            ["ip", "netns", "exec", self.netns[i], "babeld", *words, "-c", "/dev/null", "-I", "",
             "-S", f"{self.work}/state{i}", "-G", self.control(i), *devices],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(f"{self.work}/log{i}", "ab"))

    def stop_daemon(self, i):
        self.daemons[i].send_signal(signal.SIGKILL)
        self.daemons[i].wait()

    def stop(self):
        for i, daemon in enumerate(self.daemons):
            if daemon:
                self.stop_daemon(i)

    def control(self, i):
        return f"{self.work}/control{i}"

    def is_whole(self):
        """A's babeld knows two live routes to D."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(2)
            try:
                sock.connect(self.control(A))
                sock.sendall(b"dump\n")
                text = b""
                while text.count(b"\nok\n") < 2:
                    text += sock.recv(65536)
            except OSError:
                return False
        routes = [row.split() for row in text.decode().splitlines() if row.startswith("add route")]
        live = [r for r in routes if f"{self.target}/32" in r
                and int(r[r.index("metric") + 1]) < 65535]
        return len(live) == 2


class HubmeshKernel(hm.Mesh):
    """hubmesh.ko alone: static tables with a backup, links bound to their interfaces."""

    def __init__(self):
        self.watch = None
        super().__init__(4, [(a + 1, b + 1) for a, b in EDGES], probe_ms=PROBE_MS)
        self.source, self.sink = self[A + 1].netns, self[D + 1].netns
        self.target = self[D + 1].ipv4
        self.lines = [((self.source, f"to{r + 1}"), (self[r + 1].netns, f"to{A + 1}"),
                       (self[r + 1].netns, f"to{D + 1}")) for r in (R1, R2)]

    def join(self, a, b):
        super().join(a, b)
        for x, y in ((a, b), (b, a)):
            shown = json.loads(run(f"ip -n {self[x].netns} -j link show {self.veth(x, y)}"))
            self[x].request(uapi.HUBMESH_CMD_LINK_SET, attr(uapi.HUBMESH_A_LINK, [
                attr(uapi.HUBMESH_A_LINK_INDEX, u32(y)),
                attr(uapi.HUBMESH_A_LINK_OIF, u32(shown[0]["ifindex"]))]))

    def route(self, without=frozenset()):
        super().route(without)
        self.generation += 1
        for near, far in ((A + 1, D + 1), (D + 1, A + 1)):
            self[near].routes({self[far]: ([R1 + 1], R2 + 1), self[R1 + 1]: R1 + 1,
                               self[R2 + 1]: R2 + 1}, self.generation)

    def up(self):
        super().up()
        self.watch = Watch(self.source)

    def down(self):
        if self.watch:
            self.watch.close()
            self.watch = None
        super().down()

    def account(self, since):
        return self.watch.account(since)

    def is_whole(self):
        return all(self[x].link_state(y) == uapi.HUBMESH_LINK_UP
                   for a, b in self.edges for x, y in ((a, b), (b, a)))

    def stop_daemon(self, relay):
        """There is none."""

    def start_daemon(self, relay):
        """There is none."""


class Hubmesh(DaemonMesh):
    """Four meshd's with their defaults."""

    NAMES = "abcd"

    def __init__(self):
        super().__init__(self.NAMES, [(self.NAMES[x], self.NAMES[y]) for x, y in EDGES])
        self.watch = None
        self.source, self.sink = self["a"].netns, self["d"].netns
        self.lines = [((self.source, f"to-{r}"), (self[r].netns, "to-a"), (self[r].netns, "to-d"))
                      for r in (self.NAMES[R1], self.NAMES[R2])]

    def start(self):
        super().start()
        hm.wait_for("d knows its address", lambda: self["d"].hub("d"), 60, 0.1)
        self.target, self.far = self["d"].ula, mac(self["d"].id)
        self.watch = Watch(self.source)

    def down(self):
        if self.watch:
            self.watch.close()
            self.watch = None
        super().down()

    def account(self, since):
        return self.watch.account(since)

    def is_whole(self):
        """All lines are up, and A's kernel holds two ways to D."""
        return (all(Tables(netns).all_links_up(2) for netns in (self.source, self.sink)) and
                Tables(self.source).ways(self.far) >= 2)

    def stop_daemon(self, relay):
        self[self.NAMES[relay]].kill()

    def start_daemon(self, relay):
        self[self.NAMES[relay]].start()
