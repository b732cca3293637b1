# SPDX-License-Identifier: GPL-2.0
"""The interface type: making, naming, moving and removing mesh interfaces.

      namespace dev1                     namespace dev2
      +--------------------------+       +-----------------+
      |  mesh0, mesh1, ...       |       |  (moved here)   |
      |  under0 -- under1 (veth) |       |                 |
      +--------------------------+       +-----------------+
"""

import contextlib
import json
import os
import socket

from lib import uapi
from lib.ktap import expect, expect_equal, quick
from lib.mesh import ip_batch, line, netns_add, netns_del, run, wait_for
from lib.netlink import Genl, NetlinkError, as_dict, attr, inside, mac, number, u16
from lib.traffic import Stream, expect_mesh_connected, reaches


@contextlib.contextmanager
def namespaces(*names):
    try:
        for name in names:
            netns_del(name)
            netns_add(name)
        yield
    finally:
        for name in names:
            netns_del(name)


def add(netns, name="mesh0", options=""):
    ip_batch(netns, [f"link add {name} {options} type hubmesh"])


def refused(call, *words):
    """Run @call, which must raise; its text must hold @words."""
    try:
        call()
    except (RuntimeError, NetlinkError) as why:
        for word in words:
            expect(word in str(why), f"refusal says {why}, not {word!r}")
        return str(why)
    raise AssertionError("was not refused")


def show(netns, name, *options):
    return json.loads(run(["ip", "-n", netns, *options, "-j", "link", "show", name]))[0]


def device_request(netns, name, cmd=uapi.HUBMESH_CMD_DEV_GET, *fields):
    genl = Genl(netns)
    try:
        attrs = [attr(uapi.HUBMESH_A_IFNAME, name.encode() + b"\0")]
        if fields:
            attrs.append(attr(uapi.HUBMESH_A_DEVICE, list(fields)))
        reply = genl.request(cmd, attrs)
        return as_dict(as_dict(reply[0][1])[uapi.HUBMESH_A_DEVICE]) if reply else None
    finally:
        genl.close()


def device_set(netns, name, *fields):
    return device_request(netns, name, uapi.HUBMESH_CMD_DEV_SET, *fields)


@quick
def test_add_gives_an_ethernet_interface_of_kind_hubmesh():
    with namespaces("dev1"):
        add("dev1")
        shown = show("dev1", "mesh0", "-d")
        expect_equal(shown["link_type"], "ether", "link type")
        expect_equal(shown["linkinfo"]["info_kind"], "hubmesh", "kind")
        expect_equal(shown["mtu"], 1380, "default MTU: an IPv6 underlay of 1500 carries it")


def test_add_without_address_picks_a_hub_id_unicast_and_local():
    with namespaces("dev1"):
        add("dev1", "mesh0")
        add("dev1", "mesh1")
        ids = [show("dev1", name)["address"] for name in ("mesh0", "mesh1")]
        for text in ids:
            expect_equal(mac(text)[0] & 3, 2, f"{text}: local and unicast bits")
        expect(ids[0] != ids[1], "two devices got one random id")


def test_add_with_explicit_address_uses_it_as_hub_id():
    with namespaces("dev1"):
        add("dev1", "mesh0", "address 02:11:22:33:44:55")
        expect_equal(device_request("dev1", "mesh0")[uapi.HUBMESH_A_DEVICE_ID],
                     mac("02:11:22:33:44:55"), "hub id")


@quick
def test_add_refuses_multicast_and_global_addresses():
    with namespaces("dev1"):
        for text in ("03:11:22:33:44:55", "00:11:22:33:44:55", "ff:ff:ff:ff:ff:ff",
                     "00:00:00:00:00:00"):
            refused(lambda: add("dev1", "mesh0", f"address {text}"), "locally administered")
        expect(not os.path.exists("/sys/class/net/mesh0"), "device exists")
        add("dev1", "mesh0", "address 06:11:22:33:44:55")


def test_mac_change_refused_while_up_or_with_hubs_and_allowed_after():
    with namespaces("dev1"):
        add("dev1", "mesh0", "address 02:00:00:00:00:01")
        change = lambda to="02:00:00:00:00:02": ip_batch(
            "dev1", [f"link set mesh0 address {to}"])
        change()
        ip_batch("dev1", ["link set mesh0 up"])
        refused(lambda: change("02:00:00:00:00:03"), "busy")
        ip_batch("dev1", ["link set mesh0 down"])
        refused(lambda: change("01:00:00:00:00:03"))
        refused(lambda: change("00:00:00:00:00:03"))
        genl = Genl("dev1")
        name = attr(uapi.HUBMESH_A_IFNAME, b"mesh0\0")
        other = attr(uapi.HUBMESH_A_HUB, [attr(uapi.HUBMESH_A_HUB_ID, mac("02:00:00:00:00:09"))])
        genl.request(uapi.HUBMESH_CMD_HUB_NEW, [name, other])
        refused(lambda: change("02:00:00:00:00:03"), "busy")
        genl.request(uapi.HUBMESH_CMD_HUB_DEL, [name, other])
        genl.close()
        change("02:00:00:00:00:03")
        expect_equal(show("dev1", "mesh0")["address"], "02:00:00:00:00:03", "address")


def test_mtu_limits_accept_the_ends_and_refuse_beyond():
    with namespaces("dev1"):
        add("dev1")
        shown = show("dev1", "mesh0", "-d")
        lowest, highest = shown["min_mtu"], shown["max_mtu"]
        expect_equal(lowest, 1280, "lowest MTU is what IPv6 needs")
        largest = uapi.HM_FRAME_MAX - uapi.HM_HDR_LEN - uapi.HM_ZONE_LEN - 14 - uapi.HM_SEAL_TAG_LEN
        expect(highest <= largest, f"MTU {highest} makes frames above HM_FRAME_MAX")
        for mtu in (lowest, highest):
            ip_batch("dev1", [f"link set mesh0 mtu {mtu}"])
        for mtu in (lowest - 1, highest + 1):
            refused(lambda: ip_batch("dev1", [f"link set mesh0 mtu {mtu}"]))


@quick
def test_ethtool_statistics_are_the_table_of_drop_reasons():
    with namespaces("dev1"):
        add("dev1")
        rows = run("ip netns exec dev1 ethtool -S mesh0").splitlines()[1:]
        names = [row.split(":")[0].strip() for row in rows]
        wanted = [uapi.DROP_NAMES[i] for i in sorted(uapi.DROP_NAMES)]
        expect_equal(names[-len(wanted):], wanted, "names of the drop reasons, in order")
        expect(len(wanted) > 30, "the table of reasons was not found in the header")
        expect_equal(names[:-len(wanted)], ["rx_frames", "rx_bytes", "tx_frames", "tx_bytes",
                                            "rx_drops", "tx_drops", "forwarded"], "counters")
        expect(all(row.split(":")[1].strip() == "0" for row in rows), "a fresh device counted")


def test_ethtool_driver_names_the_module():
    with namespaces("dev1"):
        add("dev1")
        expect("driver: hubmesh" in run("ip netns exec dev1 ethtool -i mesh0"), "driver name")


def test_several_devices_in_one_namespace_need_different_ports():
    with namespaces("dev1"):
        add("dev1", "mesh0")
        add("dev1", "mesh1")
        ip_batch("dev1", ["link set mesh0 up"])
        refused(lambda: ip_batch("dev1", ["link set mesh1 up"]), "in use")
        device_set("dev1", "mesh1", attr(uapi.HUBMESH_A_DEVICE_PORT, u16(4900)))
        ip_batch("dev1", ["link set mesh1 up"])
        for name, port in (("mesh0", uapi.HM_PORT_DATA), ("mesh1", 4900)):
            expect_equal(number(device_request("dev1", name)[uapi.HUBMESH_A_DEVICE_PORT]), port,
                         f"port of {name}")


def test_port_change_to_a_taken_port_refused_and_old_port_kept():
    with namespaces("dev1"):
        add("dev1")
        ip_batch("dev1", ["link set lo up", "link set mesh0 up"])
        with inside("dev1"):
            taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("0.0.0.0", 4901))
        refused(lambda: device_set("dev1", "mesh0", attr(uapi.HUBMESH_A_DEVICE_PORT, u16(4901))),
                "port")
        try:
            probe.bind(("0.0.0.0", uapi.HM_PORT_DATA))
        except OSError:
            pass
        else:
            raise AssertionError("the old port is not open any more")
        device_set("dev1", "mesh0", attr(uapi.HUBMESH_A_DEVICE_PORT, u16(4902)))
        probe.bind(("0.0.0.0", uapi.HM_PORT_DATA))
        taken.close()
        probe.close()


def test_ports_are_free_again_when_the_device_is_down_or_gone():
    with namespaces("dev1"):
        add("dev1")
        for last in (["link set mesh0 down"], ["link set mesh0 up", "link del mesh0"]):
            ip_batch("dev1", ["link set mesh0 up"] + last)
            for family, any_ in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                with inside("dev1"):
                    sock = socket.socket(family, socket.SOCK_DGRAM)
                sock.bind((any_, uapi.HM_PORT_DATA))
                sock.close()


@quick
def test_move_to_another_namespace_keeps_the_underlay():
    """The far hub's device moves away from its veth and still is reached through it."""
    with line(2) as mesh, namespaces("dev2"):
        far = mesh[2]
        ip_batch(far.netns, [f"link set {far.dev} netns dev2"])
        ip_batch("dev2", [f"addr add {far.ipv4}/24 dev {far.dev}",
                          f"link set {far.dev} up",
                          f"neigh replace {mesh[1].ipv4} lladdr {mesh[1].id_text} dev {far.dev}"])
        moved = type("Moved", (), {"netns": "dev2"})
        expect(reaches(mesh[1], moved, mesh[1].ipv4, far.ipv4), "moved device is not reached")
        expect(reaches(moved, mesh[1], far.ipv4, mesh[1].ipv4), "moved device does not reach")
        shown = show("dev2", far.dev)
        expect("link_netnsid" in shown, "ip link does not show where the underlay is")


def test_underlay_namespace_deleted_leaves_a_device_without_carrier():
    with namespaces("dev2"):
        with line(2) as mesh:
            far = mesh[2]
            ip_batch(far.netns, [f"link set {far.dev} netns dev2"])
            ip_batch("dev2", [f"addr add {far.ipv4}/24 dev {far.dev}", f"link set {far.dev} up",
                              f"neigh replace {mesh[1].ipv4} lladdr {mesh[1].id_text} "
                              f"dev {far.dev}"])
        # LOWER_UP is the carrier itself; NO-CARRIER also shows before linkwatch has run.
        wait_for("carrier off", lambda: "LOWER_UP" not in show("dev2", "mesh0")["flags"], 10)
        refused(lambda: ip_batch("dev2", ["link set mesh0 down", "link set mesh0 up"]))
        ip_batch("dev2", ["link del mesh0"])


def test_namespace_deleted_takes_its_devices_with_it():
    """The veth to the outside tells when the namespace is really gone."""
    with namespaces("dev1", "dev2"):
        for name in ("mesh0", "mesh1"):
            add("dev1", name)
        ip_batch("dev1", ["link set mesh0 up", "link add v type veth peer name w netns dev2"])
        netns_del("dev1")
        wait_for("namespace to go", lambda: "w@" not in run("ip -n dev2 link"), 15)


def test_rtnl_down_up_under_traffic_stops_and_resumes():
    with line(2) as mesh:
        far = mesh[2]
        with Stream(mesh[1], far, mesh[1].ipv4, far.ipv4) as stream:
            stream.wait_progress()
            for _ in range(5):
                ip_batch(far.netns, [f"link set {far.dev} down", f"link set {far.dev} up"])
                ip_batch(far.netns, [f"neigh replace {mesh[1].ipv4} lladdr {mesh[1].id_text} "
                                     f"dev {far.dev} nud permanent"])
            stream.wait_progress()
            for mtu in (1300, 1400, 1480):
                ip_batch(mesh[1].netns, [f"link set {mesh[1].dev} mtu {mtu}"])
            stream.wait_progress()
        expect(stream.lost != list(range(stream.sent)), "nothing arrived")


def test_interface_counters_equal_the_frames_sent():
    with line(2) as mesh:
        before = show(mesh[2].netns, "mesh0", "-s")["stats64"]["rx"]["packets"]
        for _ in range(10):
            expect(reaches(mesh[1], mesh[2], mesh[1].ipv4, mesh[2].ipv4), "not reached")
        rose = show(mesh[2].netns, "mesh0", "-s")["stats64"]["rx"]["packets"] - before
        expect(10 <= rose < 20, f"10 datagrams counted as {rose}")


@quick
def test_two_hubs_reach_each_other():
    with line(2) as mesh:
        expect_mesh_connected(mesh)
