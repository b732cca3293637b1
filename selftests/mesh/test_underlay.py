# SPDX-License-Identifier: GPL-2.0
"""An underlay that has link-local IPv6 addresses and nothing else.

      a --------- b       one veth pair, no IPv4 address anywhere
"""

from lib.daemon import PATIENT, DaemonMesh
from lib.ktap import expect, expect_equal, takes
from lib.mesh import run, set_sysctl, wait_for
from lib.traffic import reaches


def test_mesh_forms_over_link_local_addresses_alone():
    """Twin: without them too the daemons run, find nobody, and begin when addresses come."""
    with DaemonMesh("ab", underlay_ipv4=False, start=False, ipv4=None, probe=PATIENT) as mesh:
        a, b = mesh["a"], mesh["b"]
        for hub in mesh:
            set_sysctl(hub.netns, ipv6__conf__default__disable_ipv6=1)
        mesh.wire(a, b)
        for hub in mesh:
            set_sysctl(hub.netns, ipv6__conf__default__disable_ipv6=0)
        mesh.start()
        wait_for("a sees itself", lambda: a.sees(1) and b.sees(1), 20, 0.2)
        expect_equal(a.json("stats")["hub"]["beacons_sent"], 0, "beacons without an address")
        for hub, other in ((a, b), (b, a)):
            set_sysctl(hub.netns, **{f"ipv6__conf__to-{other.name}__disable_ipv6": 0})
        mesh.wait_whole()
        for hub in mesh:
            expect_equal(hub.run("ip -4 -o addr show scope global"), "", "IPv4 addresses")
            link = hub.json("links")["links"][0]
            expect(link["local"].startswith("[fe80:") and link["remote"].startswith("[fe80:"), f"{link}")
        expect(", 0% packet loss" in a.run(["ping", "-6", "-c", "3", "-i", "0.2", "-W", "5",
                                          b.ula]), "ping from a to b")
        expect(reaches(b, a, b.ula, a.ula, seconds=10), "b to a")


def test_hosts_without_ipv6_have_it_in_the_mesh():
    with DaemonMesh("ab", start=False, probe=PATIENT) as mesh:
        a, b = mesh["a"], mesh["b"]
        for hub in mesh:
            set_sysctl(hub.netns, ipv6__conf__all__disable_ipv6=1, ipv6__conf__default__disable_ipv6=1)
        mesh.wire(a, b)
        mesh.start()
        mesh.wait_whole()
        expect(all(local.startswith("192.168.") for local in
                   [hub.json("links")["links"][0]["local"] for hub in mesh]), "links in IPv4")
        expect(reaches(a, b, a.ula, b.ula, seconds=10), "a to b in IPv6")
        expect(reaches(b, a, b.hub("b")["ipv4"], b.hub("a")["ipv4"], seconds=10), "b to a in IPv4")


@takes(150)
def test_interface_too_narrow_for_ethernet_uses_udp():
    """At start, and when it becomes so; 1280 bytes of IPv6 get through in either case."""
    def narrow(mesh, mtu):
        for hub, other in (("a", "b"), ("b", "a")):
            run(f"ip -n {mesh[hub].netns} link set to-{other} mtu {mtu}")

    def passes(mesh):
        a, b = mesh["a"], mesh["b"]
        return carriers(mesh) == ["udp", "udp"] and all(
            reaches(x, y, x.ula, y.ula, bytes(1232), seconds=1) for x, y in ((a, b), (b, a)))

    with DaemonMesh("ab", ["ab"], start=False, probe=PATIENT) as mesh:
        narrow(mesh, 1280)
        mesh.start()
        mesh.wait_whole()
        wait_for("UDP at 1280", lambda: passes(mesh), 30, 0.2)
        narrow(mesh, 1500)
        wait_for("Ethernet at 1500", lambda: carriers(mesh) == ["ethernet", "ethernet"], 60, 0.2)
        narrow(mesh, 1351)
        wait_for("UDP at 1351", lambda: passes(mesh), 30, 0.2)


def carriers(mesh):
    return [hub.json("links")["links"][0]["carrier"] for hub in mesh]


def test_neighbours_on_one_segment_use_ethernet_and_udp_where_it_does_not_get_through():
    """Twin: with underlay.carrier udp nobody tries."""
    with DaemonMesh("ab", ["ab"], start=False, probe=PATIENT) as mesh:
        a, b = mesh["a"], mesh["b"]
        for hub, other in ((a, b), (b, a)):
            run(f"tc -n {hub.netns} qdisc add dev to-{other.name} clsact")
            run(f"tc -n {hub.netns} filter add dev to-{other.name} ingress protocol 0x88b6 "
                "matchall action drop")
        mesh.start()
        mesh.wait_whole()
        wait_for("links in UDP", lambda: carriers(mesh) == ["udp", "udp"], 30, 0.2)
        expect(reaches(b, a, b.ula, a.ula, seconds=10), "b to a in UDP")
        for hub, other in ((a, b), (b, a)):
            run(f"tc -n {hub.netns} qdisc del dev to-{other.name} clsact")
            hub.stop()
            hub.start()
        mesh.wait_whole()
        wait_for("links in Ethernet", lambda: carriers(mesh) == ["ethernet", "ethernet"], 60, 0.2)
        expect(reaches(b, a, b.ula, a.ula, seconds=10), "b to a in Ethernet")
        for hub in mesh:
            hub.stop()
            hub.write_settings(underlay={**hub.settings["underlay"], "carrier": "udp"})
            hub.start()
        mesh.wait_whole()
        expect_equal(carriers(mesh), ["udp", "udp"], "carriers")
