# SPDX-License-Identifier: GPL-2.0
"""Who may send what, from YAML and certificates, between real daemons.

      a --------- b       zones by certificate and configuration; the streams are a -> b
"""

import contextlib
import signal
import socket
import struct

from lib.daemon import PATIENT, DaemonMesh
from lib.ktap import expect, expect_equal
from lib.mesh import run, wait_for
from lib.netlink import inside
from lib.traffic import Stream, closing_all, reaches, udp_socket



def policy_of(zone, allow=(), others=None, **more):
    """Section policy: of a hub that is in @zone and knows where @others, {id: zone}, are."""
    zones = [{"name": name, "hubs": (["self"] if name == zone else []) + [
        i for i, where in (others or {}).items() if where == name]} for name in ("shop", "office")]
    return {"zones": zones, "allow": [{"from": x, "to": y} for x, y in allow], **more}


@contextlib.contextmanager
def two(zones, a=None, b=None, **settings):
    """a and b with certificates for @zones and their own sections; whole and with their seal."""
    with DaemonMesh("ab", ["ab"], probe=PATIENT, zones=zones, start=False, **settings) as mesh:
        for hub, own in ((mesh["a"], a), (mesh["b"], b)):
            hub.write_settings(**(own or {}))
        mesh.start()
        mesh.wait_whole()
        wait_for("both share a seal", lambda: mesh["a"].hub("b")["has_seal"] and
                 mesh["b"].hub("a")["has_seal"], 30)
        yield mesh


def reload(hub, **settings):
    """SIGHUP with new sections, and wait until they are in force, or refused."""
    said = hub.log().count("event=reloaded") + hub.log().count("event=config-refused")
    hub.write_settings(**settings)
    hub.process.send_signal(signal.SIGHUP)
    wait_for("the file is read", lambda: hub.log().count("event=reloaded") + hub.log().count(
        "event=config-refused") > said, 10, 0.05)


def passes(src, dst, seconds=5):
    return reaches(src, dst, src.ula, dst.ula, b"hello", seconds)


def expect_refused(src, dst, at, reason, times=3):
    """Nothing that @src sends reaches @dst; each frame is counted under @reason at @at."""
    before = at.drops().get(reason, 0)
    with closing_all(udp_socket(src.netns, src.ula), udp_socket(dst.netns, dst.ula, 9)) as (tx, rx):
        rx.settimeout(0.5)
        for _ in range(times):
            tx.sendto(b"no", (dst.ula, 9))
        wait_for(f"{at.name} counts {reason}", lambda: at.drops().get(reason, 0) >= before + times, 10)
        try:
            raise AssertionError(f"{dst.name} got {rx.recv(99)}")
        except (TimeoutError, socket.timeout):
            pass


def test_a_hub_that_claims_another_zone_than_its_certificates_is_refused_at_the_destination():
    """a is certified for shop and says office; its twin says shop and passes."""
    mine = {"policy": policy_of("office", [("office", "office"), ("shop", "office")])}
    liar = {"policy": policy_of("office")}
    with two({"a": "shop", "b": "office"}, a=liar, b=mine) as mesh:
        a, b = mesh["a"], mesh["b"]
        expect_equal(b.hub("a")["zones"], ["shop"], "zones of a's certificate, as b knows them")
        expect("zone-not-certified zone=office" in a.log(), "a is not warned")
        guard = next(g for g in b.json("filter")["guards"] if g["hub_name"] == "a")
        expect_equal(guard["zones"], ["none", "shop"], "zones b lets a claim")
        expect_refused(a, b, b, "rx-zone")
        reload(a, policy=policy_of("shop", [("shop", "office"), ("office", "shop")]))
        expect(passes(a, b), "honest traffic does not pass")
        expect(passes(b, a), "traffic of the office does not pass")


def test_without_a_zone_in_its_certificate_a_hub_is_in_none():
    allow = [("none", "office"), ("office", "none")]
    with two({"b": "office"}, a={"policy": policy_of("shop", [("shop", "office")] + allow)},
             b={"policy": policy_of("office", [("shop", "office")] + allow)}) as mesh:
        a, b = mesh["a"], mesh["b"]
        expect_equal(b.hub("a")["zones"], [], "zones of a's certificate")
        expect_refused(a, b, b, "rx-zone")
        reload(a, policy=policy_of(None, allow))
        expect(passes(a, b), "unzoned traffic does not pass")


def test_a_zone_pair_is_denied_and_allowed_by_sighup_and_other_traffic_does_not_notice():
    """The stream runs within a pair that stays; the other direction's pair comes and goes."""
    both = [("shop", "office"), ("office", "shop")]
    with two({"a": "shop", "b": "office"}, a={"policy": policy_of("shop", both)},
             b={"policy": policy_of("office", both)}) as mesh:
        a, b = mesh["a"], mesh["b"]
        sessions = sorted(s["session"] for s in b.json("sessions")["sessions"])
        with Stream(a, b, a.ula, b.ula, pause=0.01) as stream:
            stream.wait_progress()
            first = stream.sent
            expect(passes(b, a), "office to shop, allowed")
            reload(b, policy=policy_of("office", both[:1]))
            expect(passes(b, a), "office to a hub that b does not know to be in the shop")
            reload(b, policy=policy_of("office", both[:1], {a.id: "shop"}))
            expect_refused(b, a, b, "tx-zone")
            reload(a, policy=policy_of("shop", both[:1]))
            reload(b, policy=policy_of("office", both))
            expect_refused(b, a, a, "rx-zone")
            reload(a, policy=policy_of("shop", both))
            expect(passes(b, a), "office to shop, allowed again")
            # What cannot be meant changes nothing.
            generation = a.json("filter")["generation"]
            reload(a, policy=policy_of("shop", [("shop", "offic")]))
            expect("'offic' is not a zone" in a.log(), "the refusal does not say what is wrong")
            expect_equal(a.json("filter")["generation"], generation, "generation")
            last = stream.sent
            wait_for("the stream arrives", lambda: last in stream.got_at, 5)
            lost = [i for i in range(first, last) if i not in stream.got_at]
            expect_equal(lost, [], f"datagrams lost of {last - first}")
        expect_equal(sorted(s["session"] for s in b.json("sessions")["sessions"]), sessions, "sessions")


def test_acl_entries_count_hits_and_go_on_counting_after_a_reload():
    deny = {"action": "deny", "protocol": "udp", "ports": "5000-5009", "log_every": 1000}
    with two({}, b={"policy": {"acl": [deny]}}) as mesh:
        a, b = mesh["a"], mesh["b"]
        hits = lambda: [(e["action"], e.get("ports"), e["hits_frames"]) for e in b.json("filter")["acl"]]
        with closing_all(udp_socket(a.netns, a.ula)) as (tx,):
            for port in (5000, 5009, 5010):
                tx.sendto(b"x", (b.ula, port))
            wait_for("two hits", lambda: hits() == [("deny", "5000-5009", 2)], 10)
            expect_equal(b.drops().get("rx-acl"), 2, "rx-acl")
            expect(passes(a, b), "another port does not pass")
            reload(b, policy={"acl": [{"action": "accept", "protocol": "icmpv6"}, deny], "max_hops": 3})
            tx.sendto(b"x", (b.ula, 5001))
            wait_for("a third hit", lambda: hits()[1][2] == 3, 10)
        expect_equal(b.json("filter")["max_hops"], 3, "max_hops")
        reload(b, policy=None)
        expect_equal(b.json("filter")["acl"], [], "entries without the section")


def raw_ipv6(hub, src, dst, text):
    """A UDP datagram from any source address, out of mesh0."""
    with inside(hub.netns):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    length = 8 + len(text)
    pseudo = socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) + \
        struct.pack(">IHBB", length, 0, 0, 17)
    head = struct.pack(">HHHH", 9, 9, length, 0)
    words = pseudo + head + text + b"\0" * (len(text) % 2)
    total = sum(struct.unpack(f">{len(words) // 2}H", words))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    with sock:
        sock.sendto(struct.pack(">IHBB", 6 << 28, length, 17, 64) + pseudo[:32] +
                    struct.pack(">HHHH", 9, 9, length, ~total & 0xFFFF) + text, (dst, 0))


def test_no_hub_may_use_another_ones_mesh_address_but_what_is_bridged_passes():
    """The default: nothing is configured.  Twin: addresses: any lets everything through."""
    with two({}) as mesh:
        a, b = mesh["a"], mesh["b"]
        third = b.ula.rsplit(":", 1)[0] + ":77"
        with closing_all(udp_socket(b.netns, b.ula, 9)) as (rx,):
            rx.settimeout(5)
            for src, may in ((a.ula, True), (third, False), ("2001:db8::9", True)):
                before = b.drops().get("rx-guard", 0)
                raw_ipv6(a, src, b.ula, b"from " + src.encode())
                if may:
                    expect_equal(rx.recv(99), b"from " + src.encode(), "datagram")
                else:
                    wait_for("rx-guard", lambda: b.drops().get("rx-guard", 0) > before, 10)
            reload(b, policy={"addresses": "any"})
            raw_ipv6(a, third, b.ula, b"spoofed")
            expect_equal(rx.recv(99), b"spoofed", "datagram with addresses: any")
            reload(b, policy={"addresses": "own"})
            before = b.drops().get("rx-guard", 0)
            raw_ipv6(a, "2001:db8::9", b.ula, b"bridged")
            wait_for("rx-guard", lambda: b.drops().get("rx-guard", 0) > before, 10)
            raw_ipv6(a, a.ula, b.ula, b"own")
            expect_equal(rx.recv(99), b"own", "datagram with addresses: own")


def queue_of(hub):
    return hub.json("qos")["links"][0]


def test_a_marked_flow_shows_in_its_class_and_rates_come_and_go_with_the_file():
    qos = {"links": [{"interface": "to-*", "kbit_per_s": 80000}],
           "classes": [{"class": 5, "weight": 50}],
           "rules": [{"class": 2, "protocol": "udp", "ports": "7000"}]}
    with two({}, a={"qos": qos}) as mesh:
        a, b = mesh["a"], mesh["b"]
        expect_equal(queue_of(a)["rate_bytes_per_s"], 10000000, "rate of a's link")
        expect_equal(queue_of(b)["rate_bytes_per_s"], None, "rate of b's link")
        sent = lambda: [c["sent_frames"] for c in queue_of(a)["classes"]]
        before = sent()
        with closing_all(udp_socket(a.netns, a.ula)) as (tx,):
            for port, tos, n in ((9, 46 << 2, 20), (7000, 0, 10)):
                tx.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
                for _ in range(n):
                    tx.sendto(b"marked", (b.ula, port))
        wait_for("classes 5 and 2", lambda: sent()[5] >= before[5] + 20 and sent()[2] >= before[2] + 10)
        expect(sent()[2] < before[2] + 15, "more than the flow in class 2")
        expect_equal(queue_of(a)["classes"][5]["weight"], 50, "weight of class 5")
        expect("80" in a.ctl("qos"), "the table lacks the rate")
        reload(a, qos=None)
        shown, fresh = queue_of(a), queue_of(b)
        expect_equal(shown["rate_bytes_per_s"], None, "rate without the section")
        settings = ("weight", "limit_frames", "limit_bytes", "target_us", "interval_us")
        for mine, theirs in zip(shown["classes"], fresh["classes"]):
            expect_equal([mine[s] for s in settings], [theirs[s] for s in settings],
                         f"class {mine['class']} against a link nobody touched")
        expect_equal(shown["strict_percent"], fresh["strict_percent"], "strict_percent")


def test_an_interface_named_in_a_zone_may_come_later():
    zones = {"zones": [{"name": "shop", "interfaces": ["late0"], "hubs": ["self"]}]}
    with two({"a": "shop", "b": "shop"}, a={"policy": zones}, b={"policy": zones}) as mesh:
        a = mesh["a"]
        kinds = lambda: sorted(m["kind"] for m in a.json("filter")["members"])
        expect_equal(kinds(), ["hub"], "members")
        expect(passes(a, mesh["b"]), "traffic within the zone")
        run(f"ip -n {a.netns} link add late0 type dummy")
        wait_for("late0 is in its zone", lambda: kinds() == ["hub", "interface"], 10, 0.1)


def test_a_kept_interface_gets_the_new_rules_at_the_next_start():
    deny = {"acl": [{"action": "deny", "protocol": "tcp"}]}
    with two({}, b={"policy": deny, "interface": {"keep": True}}) as mesh:
        b = mesh["b"]
        before = b.json("filter")
        expect_equal(len(before["acl"]), 1, "entries")
        b.stop()
        b.write_settings(policy=None)
        b.start()
        mesh.wait_whole()
        expect_equal(b.json("filter")["acl"], [], "entries after the start")
        expect(b.json("filter")["generation"] > before["generation"], "generation")
