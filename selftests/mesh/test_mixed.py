# SPDX-License-Identifier: GPL-2.0
"""Hubs with the module beside hubs without: programs reach every service, frames go where they can.

    a --- n --- c            n has no module
    a --- b --- n
    a --- n --- c --- d --- a

A meshd without CAP_NET_ADMIN makes no mesh interface: to the others it is a hub without the module.
"""

import contextlib
import socket
import threading

from lib.daemon import PATIENT, DaemonMesh, silent
from lib.ktap import expect, expect_equal
from lib.mesh import wait_for
from lib.netlink import inside
from lib.pace import scaled
from lib.traffic import reaches

WITHOUT_MODULE = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]
FIRST_PORT = 9000
ENDPOINT = ("127.0.0.1", 8080)
MANIFEST = """name: {name}
version: 1.0.0
protocol: tcp
available: {{slots: 16}}
endpoints: ["127.0.0.1:8080"]
"""


class Answerer:
    """A service of @hub, named as the hub: it says its name and what it was told."""

    def __init__(self, hub):
        self.hub, self.name = hub, f"of-{hub.name}"
        with inside(hub.netns):
            self.listener = socket.create_server(ENDPOINT)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        path = f"{hub.dir}/{self.name}-in.yaml"
        with open(path, "w", encoding="utf-8") as out:
            out.write(MANIFEST.format(name=self.name))
        hub.ctl("service", "add", path)

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with client, contextlib.suppress(OSError):
                    client.sendall(f"{self.name} ".encode() + client.recv(100))

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


def entries(names):
    return {"entries": [{"service": f"of-{name}", "listen": f"127.0.0.1:{FIRST_PORT + i}",
                         "limits": {"connect_ms": 20000}} for i, name in enumerate(names)]}


@contextlib.contextmanager
def mixed(names, edges, without):
    """Every hub has a service and an entry for each other's; those of @without have no module."""
    with DaemonMesh(names, edges, start=False, probe=PATIENT) as mesh, contextlib.ExitStack() as stack:
        for hub in mesh:
            hub.write_settings(proxy=entries(names))
            hub.wrapper = WITHOUT_MODULE if hub.name in without else []
        mesh.start()
        mesh.wait_whole()
        for hub in mesh:
            stack.callback(Answerer(hub).close)
        yield mesh


def entry_of(hub, name):
    return next((e for e in hub.api("proxy").get("entries", []) if e["service"] == f"of-{name}"), {})


def ask(mesh, src, dst):
    port = FIRST_PORT + [hub.name for hub in mesh].index(dst)
    with inside(mesh[src].netns):
        client = socket.create_connection(("127.0.0.1", port), timeout=scaled(30))
    with client:
        client.sendall(b"hello")
        return client.recv(100)


def wait_leased(src, dst):
    wait_for(f"{src.name} has a lease of {dst.name}",
             lambda: entry_of(src, dst.name).get("provider"), 60, 0.1)


def everybody_reaches_everybody(mesh):
    for src in mesh:
        for dst in mesh:
            wait_leased(src, dst)
            expect_equal(ask(mesh, src.name, dst.name), f"of-{dst.name} hello".encode(),
                         f"from {src.name} to {dst.name}")


def answers(mesh, src, dst):
    try:
        return ask(mesh, src, dst) == f"of-{dst} hello".encode()
    except OSError:
        return False


def carried(hub):
    return hub.api("proxy")["totals"]["relayed_opened"]


def frames_to(mesh, src, dst):
    return mesh[src].hub(dst)["has_frames"]


def kernel_routes(hub):
    return {r["hub_name"] for r in hub.api("routes")["routes"] if r["has_frames"]}


def has_mesh0(hub):
    return "mesh0" in hub.run("ip -o link")


def pings(mesh, src, dst):
    return reaches(mesh[src], mesh[dst], mesh[src].ula, mesh[dst].ula, b"ping", 20)


def test_hub_without_module_between_two_with_it_carries_their_trunks_and_no_frames():
    with mixed("anc", ["an", "nc"], "n") as mesh:
        a, n, c = mesh["a"], mesh["n"], mesh["c"]
        expect_equal([has_mesh0(hub) for hub in mesh], [True, False, True], "mesh interfaces")
        everybody_reaches_everybody(mesh)
        expect(carried(n) >= 2, f"n carries a's and c's trunks: {carried(n)}")
        expect_equal([frames_to(mesh, "a", x) for x in "anc"], [True, False, False], "frames of a")
        expect_equal(a.hub("n")["has_datapath"], False, "n says that it has no data path")
        expect_equal(a.hub("c")["has_datapath"], True, "c says that it has one")
        expect_equal((kernel_routes(a), kernel_routes(c)), (set(), set()), "routes in the kernel")
        expect_equal(a.path("c"), ["a", "n", "c"], "the way of trunks")
        shown = a.ctl("hubs")
        expect("no module" in shown, shown)


def test_hub_with_module_reaches_one_without_behind_a_hub_with_it_and_the_other_way_round():
    with mixed("abn", ["ab", "bn"], "n") as mesh:
        a, b = mesh["a"], mesh["b"]
        everybody_reaches_everybody(mesh)
        expect(carried(b) >= 2, f"b carries a's trunk to n and n's to a: {carried(b)}")
        expect_equal((kernel_routes(a), kernel_routes(b)), ({"b"}, {"a"}), "routes in the kernel")
        expect(pings(mesh, "a", "b"), "a datagram from a to b over the mesh interface")
        expect_equal(frames_to(mesh, "a", "n"), False, "frames from a to n")


def test_frames_go_round_a_hub_without_module():
    with mixed("ancd", ["an", "nc", "cd", "da"], "n") as mesh:
        a = mesh["a"]
        wait_for("a's frames to c go by d", lambda: kernel_routes(a) == {"c", "d"} and
                 a.path("c") == ["a", "d", "c"], 60, 0.1)
        expect(pings(mesh, "a", "c"), "a datagram from a to c over the mesh interface")
        expect(pings(mesh, "c", "a"), "a datagram from c to a")
        everybody_reaches_everybody(mesh)
        relayed = carried(mesh["n"])
        ask(mesh, "a", "c")
        expect_equal(carried(mesh["n"]), relayed, "trunks that n carries for a")
        by_neighbours = carried(a) + carried(mesh["c"])
        expect(by_neighbours >= 2, f"a or c carry d's trunk to n, and n's to d: {by_neighbours}")
        with silent((a, mesh["d"]), (mesh["d"], a)):
            wait_for("a has no way for frames", lambda: not kernel_routes(a), 60, 0.1)
            wait_for("a reaches c past n", lambda: answers(mesh, "a", "c"), 60)
            expect(carried(mesh["n"]) > relayed, "n carries a's trunk to c now")
            expect_equal(a.path("c"), ["a", "n", "c"], "the way of trunks")
        wait_for("frames go by d again", lambda: kernel_routes(a) == {"c", "d"}, 60, 0.1)
        expect(answers(mesh, "a", "c") and pings(mesh, "a", "c"), "and so does what is new")


def test_hub_that_gets_its_module_relays_frames_and_carries_no_trunks():
    with mixed("anc", ["an", "nc"], "n") as mesh:
        a, n = mesh["a"], mesh["n"]
        wait_leased(a, mesh["c"])
        expect(answers(mesh, "a", "c"), "by n")
        n.stop()
        n.wrapper = []
        n.start()
        wait_for("frames go by n", lambda: kernel_routes(a) == {"n", "c"} and
                 kernel_routes(mesh["c"]) == {"n", "a"}, 60, 0.1)
        expect(pings(mesh, "a", "c"), "a datagram from a to c over the mesh interface")
        wait_for("a reaches c", lambda: answers(mesh, "a", "c"), 60)
        expect_equal(carried(n), 0, "trunks that n carries")
        expect_equal([h["has_datapath"] for h in a.hubs()], [True] * 3, "who has a data path")
