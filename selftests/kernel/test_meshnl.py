# SPDX-License-Identifier: GPL-2.0
"""meshnl against the real module: what it prints is what this folder's own client reads.

      peers 2, 3, 4 (Python) ---- veth ---- hub 1 (kernel)

setup() gives hub 1 some of everything that can be read: links of three kinds of address, hubs,
keys, routes with a backup through a tunnel, trees with groups, fdb entries, queues and rules,
a rule set with guards.
"""

import json
import os
import select
import socket
import subprocess

from lib import spec, uapi
from lib.ktap import Skip, expect, expect_equal, quick
from lib.lab import Lab
from lib.membership import group_mac
from lib.mesh import device, hub_ref, ip_batch, run, wait_for
from lib.netlink import attr, mac, u8, u16
from lib.pace import scaled
from lib.policy import ACCEPT, DENY, acl, pair, set_guard, set_rules, set_storm, zone
from lib.requests import FDB_DEL, FDB_NEW, HUB_DEL, HUB_NEW, fdb
from lib.trees import set_sender_key, tree, use_sender_key

MESHNL = os.environ.get("MESHNL", os.path.join(uapi.ROOT, "build/meshnl"))
NO, USAGE, DATA, UNAVAILABLE, NOPERM = 1, 64, 65, 69, 77
STATIC, STRANGER = mac("02:11:00:00:00:aa"), mac("02:11:00:00:00:bb")
lab = None


def setup():
    global lab
    if not os.path.exists(MESHNL):
        raise Skip(f"no {MESHNL} (make builds it)")
    lab = Lab(peers=(2, 3, 4), prefix="nl")
    lab.up()
    hub = lab.hub
    hub.link_new(index=7, peer=lab[2], remote="fd00::7", remote_index=9)
    hub.link_new(index=8, peer=lab[3], remote="02:00:00:00:00:08", remote_index=3,
                 oif=device(hub.netns, "to3")["ifindex"])
    set_sender_key(hub, hub, lab[4].sender.raw, phase=1, use=True)
    set_sender_key(hub, lab[2], lab[2].sender.raw)
    use_sender_key(hub, lab[3], phase=1)
    hub.key_set(hub_ref(lab[3].id), 2, uapi.HUBMESH_CIPHER_AES_256_GCM, lab[3].seal_rx.raw,
                lab[3].seal_tx.raw, use=False)
    groups = {group_mac("239.1.2.3"): 5, group_mac("ff05::1:3:1"): 2}
    lab.generation += 1
    hub.routes({lab[2]: ([2, 7], 3, lab[3]), lab[3]: ([3], 4), lab[4]: 4}, lab.generation,
               frame_max=1600, trees=[tree(hub.id, None, (2, 3, 4), groups, frame_max=1550),
                                      tree(lab[2].id, lab[2].id, (3, 4))])
    hub.request(FDB_NEW, fdb(STATIC, lab[2].id))
    hub.request(FDB_NEW, fdb(STRANGER, lab[3].id))
    hub.link_rate(2, 125000)
    hub.qos_set(2, {3: {"weight": 9, "limit_frames": 50}}, strict_share=30)
    hub.rules_replace(
        [attr(uapi.HUBMESH_A_RULE_CLASS, u8(5)), attr(uapi.HUBMESH_A_RULE_DSCP, u8(46)),
         attr(uapi.HUBMESH_A_RULE_SRC6, socket.inet_pton(socket.AF_INET6, "fd00::")),
         attr(uapi.HUBMESH_A_RULE_SRC_PREFIX, u8(8))],
        [attr(uapi.HUBMESH_A_RULE_CLASS, u8(1)), attr(uapi.HUBMESH_A_RULE_PROTOCOL, u8(17)),
         attr(uapi.HUBMESH_A_RULE_DPORT, u16(53))])
    set_rules(hub, zone(7, mac_=STATIC), zone(8, vlan=12), zone(9, hub=lab[3].id), pair(7, 8),
              pair(0, 9), acl(DENY, protocol=6, dst="10.0.0.0/8", dport=(1, 1023)),
              acl(ACCEPT, src="fd00::/16", log=10), hops=9)
    set_guard(hub, lab[2], zones=[0, 7], macs=[STATIC], learn=3, prefixes=["10.2.0.0/16", "fd02::/16"],
              scope=["10.0.0.0/8"], frames=1000, bytes_=10 ** 6, broadcast=5)
    set_storm(hub, broadcast=100)


def teardown():
    if lab:
        lab.down()


def meshnl(*words, netns=None, code=0, prefix=()):
    """Standard output of meshnl, which must end with @code."""
    done = subprocess.run([*prefix, MESHNL, "-n", netns or lab.hub.netns, *words], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=scaled(30))
    expect_equal(done.returncode, code, f"exit code of meshnl {words}: {done.stdout}{done.stderr}")
    return done


def asked(command, **kw):
    answer = json.loads(meshnl("-o", "json", command, "mesh0", **kw).stdout)
    expect_equal(answer.pop("version"), 1, "version of the object")
    expect_equal(answer.pop("device"), "mesh0", "device")
    return answer


def by_reason(drops):
    return {drop["reason"]: drop["frames"] for drop in drops}


def nests(cmd, member, is_dump=True):
    return [message[member] for message in spec.dump(lab.hub, cmd, is_dump)]


def joined(parts, member):
    return [entry for part in parts for entry in part.get(member, [])]


# ---- the same as the Python client

@quick
def test_links_are_what_the_kernel_has():
    wanted = nests(uapi.HUBMESH_CMD_LINK_GET, "link")
    expect_equal(sorted(link["index"] for link in wanted), [2, 3, 4, 7, 8], "links of setup()")
    expect_equal(asked("links"), {"links": wanted}, "links")


def test_hubs_are_what_the_kernel_has():
    expect_equal(asked("hubs"), {"hubs": nests(uapi.HUBMESH_CMD_HUB_GET, "hub")}, "hubs")


@quick
def test_routes_show_the_tunnel_of_a_backup():
    sets = nests(uapi.HUBMESH_CMD_ROUTE_GET, "routes")
    answer = asked("routes")
    expect_equal(answer, {"generation": lab.generation, "routes": joined(sets, "route")}, "routes")
    backups = {route["hub"]: route.get("backup") for route in answer["routes"]}
    expect_equal(backups[lab[2].id_text], {"link": 3, "tunnel": lab[3].id_text}, "backup")
    expect(f"link 3, tunnel to {lab[3].id_text}" in meshnl("routes", "mesh0").stdout, "in the table")


def test_trees_show_their_groups():
    sets = nests(uapi.HUBMESH_CMD_ROUTE_GET, "routes")
    answer = asked("trees")
    expect_equal(answer, {"generation": lab.generation, "trees": joined(sets, "tree"),
                          "groups": nests(uapi.HUBMESH_CMD_GROUP_GET, "groups", False)[0]}, "trees")
    own = next(one for one in answer["trees"] if one["root"] == lab.hub.id_text)
    expect_equal(dict(zip(own["groups"], own["masks"])),
                 {"01:00:5e:01:02:03": [0, 2], "33:33:00:03:00:01": [1]}, "children by group")
    expect("01:00:5e:01:02:03 by link 2,4" in meshnl("trees", "mesh0").stdout, "in the table")


def test_fdb_is_what_the_kernel_has():
    def without_idle(rows):
        return sorted((row["mac"], row["hub"], *row.get("flags", [])) for row in rows)
    answer = without_idle(asked("fdb")["fdb"])
    expect_equal(answer, without_idle(nests(uapi.HUBMESH_CMD_FDB_GET, "fdb")), "fdb")
    expect_equal(len(answer), 2, "entries of setup()")


def test_keys_show_phases_and_no_key():
    hubs = {hub["id"]: hub for hub in asked("keys")["hubs"]}
    expect_equal((hubs[lab[3].id_text]["tx_phase"], hubs[lab[3].id_text]["rx_phases"]),
                 (0, [0, 2]), "phases of hub 3")
    expect_equal((hubs[lab[2].id_text]["sender_phases"], hubs[lab[3].id_text]["sender_proved"]),
                 ([0], [1]), "sender keys")
    expect_equal({frozenset(link) for link in asked("keys")["links"]},
                 {frozenset(("index", "peer", "tx_phase", "rx_phases")),
                  frozenset(("index", "peer", "rx_phases"))}, "members of links")


@quick
def test_qos_and_rules_are_what_the_kernel_has():
    answer = asked("qos")
    wanted = spec.dump(lab.hub, uapi.HUBMESH_CMD_QOS_GET)
    expect_equal(answer["queues"], [{**one["qos"], "link": one["link"]["index"]} for one in wanted],
                 "queues")
    classes = {one["number"]: one for queue in answer["queues"] if queue["link"] == 2
               for one in queue["class"]}
    expect_equal((classes[3]["weight"], classes[3]["limit_frames"]), (9, 50), "what setup() set")
    expect_equal(answer["rules"], joined(nests(uapi.HUBMESH_CMD_RULE_GET, "rules"), "rule"), "rules")
    expect_equal(answer["rules"][1], {"class": 1, "protocol": 17, "dport": 53, "dport_last": 53},
                 "second rule")


def test_filter_and_guards_are_what_the_kernel_has():
    sets = nests(uapi.HUBMESH_CMD_FILTER_GET, "filter")
    answer = asked("filter")
    guards = [{"id": hub["id"], "guard": hub["guard"]}
              for hub in nests(uapi.HUBMESH_CMD_HUB_GET, "hub") if "guard" in hub]
    expect_equal(answer, {
        "generation": sets[0]["generation"], "hops_limit": 9, "zones": joined(sets, "zone"),
        "pairs": joined(sets, "pair"), "acl": joined(sets, "acl"), "guards": guards}, "filter")
    expect_equal((len(answer["zones"]), len(answer["pairs"]), answer["acl"][0]["dst"],
                  guards[0]["guard"]["prefixes"]["prefix"]),
                 (3, 2, "10.0.0.0/8", ["10.2.0.0/16", "fd02::/16"]), "what setup() set")


def test_stats_and_drops_are_what_the_kernel_counts():
    lab[2].send(b"short")
    wait_for("a drop", lambda: lab.hub.drops().get("rx-short"))
    wanted = nests(uapi.HUBMESH_CMD_DEV_GET, "device", False)[0]
    expect_equal(asked("stats")["stats"], wanted["stats"], "stats")
    drops = asked("drops")["drops"]
    expect_equal(by_reason(drops), wanted["drops"], "drops")
    seen = [drop["frames"] > 0 for drop in drops]
    expect_equal(seen, sorted(seen, reverse=True), "those seen come first")
    expect("shorter than a header and a tag" in meshnl("drops", "mesh0").stdout, "in the table")


def test_show_has_everything_of_each_interface():
    ip_batch(lab.hub.netns, ["link add mesh1 type hubmesh"])
    both = json.loads(meshnl("-o", "json", "show").stdout)
    one = json.loads(meshnl("-o", "json", "show", "mesh0").stdout)["devices"]
    expect_equal([entry["device"] for entry in both["devices"]], ["mesh0", "mesh1"], "interfaces")
    expect_equal([entry["restricted"] for entry in both["devices"]], [False, False], "restricted")
    for name, command in (("links", "links"), ("hubs", "hubs")):
        expect_equal(one[0][name], asked(command)[name], name)
    for name in ("routes", "trees", "qos", "filter"):
        expect_equal(one[0][name], asked(name), name)
    shown = one[0]["settings"]
    shown["drops"] = by_reason(shown["drops"])
    expect_equal(shown, nests(uapi.HUBMESH_CMD_DEV_GET, "device", False)[0], "settings")
    expect(lab[4].id_text in meshnl("show").stdout, "in the table")
    meshnl("dev", "del", "mesh1")


# ---- interfaces

@quick
def test_dev_adds_and_removes_interfaces_of_its_kind_only():
    meshnl("dev", "add", "mesh9")
    kind = json.loads(run(f"ip -n {lab.hub.netns} -d -j link show mesh9"))[0]["linkinfo"]
    expect_equal(kind["info_kind"], "hubmesh", "kind")
    expect("File exists" in meshnl("dev", "add", "mesh9", code=NO).stderr, "added twice")
    meshnl("dev", "del", "mesh9")
    expect("no interface mesh9" in meshnl("dev", "del", "mesh9", code=NO).stderr, "removed twice")
    expect("is of kind veth" in meshnl("dev", "del", "to2", code=NO).stderr, "another kind")
    expect_equal(device(lab.hub.netns, "to2")["ifname"], "to2", "the other interface stays")


# ---- refusals

def test_a_missing_device_is_told_in_the_kernels_words():
    said = meshnl("links", "mesh77", code=NO).stderr
    expect("mesh77" in said and "no such" in said.lower(), said)
    error = json.loads(meshnl("-o", "json", "links", "mesh77", code=NO).stdout)["error"]
    expect_equal(error["code"], NO, "code in JSON")
    expect(len(meshnl("links", "a-name-that-is-too-long", code=NO).stderr) > 20, "too long a name")
    meshnl("show", netns="no-such-namespace", code=NO)


@quick
def test_without_privilege_settings_are_shown_and_tables_are_not():
    """In the namespace, with no capability left."""
    inside_ns = ["ip", "netns", "exec", lab.hub.netns, "setpriv", "--reuid", "65534", "--regid",
                 "65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]

    def ask(*words):
        return subprocess.run([*inside_ns, MESHNL, *words], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=scaled(30))
    shown = ask("-o", "json", "show", "mesh0")
    entry = json.loads(shown.stdout)["devices"][0]
    expect_equal((shown.returncode, entry["restricted"], "links" in entry), (0, True, False), "show")
    expect_equal(entry["settings"]["id"], lab.hub.id_text, "settings")
    expect("CAP_NET_ADMIN" in ask("show", "mesh0").stdout, "show says why")
    expect_equal(ask("drops", "mesh0").returncode, 0, "drops are for everybody")
    for words in (("links", "mesh0"), ("fdb", "mesh0"), ("monitor",), ("dev", "add", "mesh5"),
                  ("dev", "del", "mesh0")):
        refused = ask(*words)
        expect_equal(refused.returncode, NOPERM, f"{words}: {refused.stderr}")
        expect("CAP_NET_ADMIN" in refused.stderr, f"{words}: {refused.stderr}")


# ---- events

class Monitor:
    """`meshnl monitor`, line by line; read without a buffer that select() cannot see."""

    def __init__(self, *words):
        self.child = subprocess.Popen([MESHNL, "-n", lab.hub.netns, *words],
                                      stdout=subprocess.PIPE)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.child.terminate()
        self.child.wait()
        self.child.stdout.close()

    def line(self, seconds):
        """Next line, or None if none comes in time."""
        out = self.child.stdout.fileno()
        while b"\n" not in self.pending:
            if not select.select([out], [], [], scaled(seconds))[0]:
                return None
            got = os.read(out, 1 << 16)
            expect(got, "monitor ended")
            self.pending += got
        row, _, self.pending = self.pending.partition(b"\n")
        return row.decode()

    def until(self, provoke, accept):
        """Provoke again and again, as it is not known when it listens."""
        for _ in range(50):
            provoke()
            while row := self.line(0.2):
                if accept(row):
                    return row
        raise AssertionError("the event never came")


def flap_fdb():
    lab.hub.request(FDB_DEL, fdb(STRANGER))
    lab.hub.request(FDB_NEW, fdb(STRANGER, lab[3].id))


def test_monitor_tells_events_as_they_come():
    with Monitor("-o", "json", "monitor", "mesh0") as monitor:
        row = json.loads(monitor.until(flap_fdb, lambda row: "fdb-new" in row))
        expect_equal((row["version"], row["device"], row["event"], row["fdb"]["mac"]),
                     (1, "mesh0", "fdb-new", "02:11:00:00:00:bb"), "fdb event")
        lab.hub.request(HUB_DEL, hub_ref(lab[4].id))
        lab.hub.request(HUB_NEW, hub_ref(lab[4].id))
        row = json.loads(monitor.until(
            lambda: lab.transmit(lab[4].id + lab.hub.id + b"\x88\xb5frame"),
            lambda row: "need-session" in row))
        expect_equal(row["hub"]["id"], lab[4].id_text, "hub that needs a session")
        row = json.loads(monitor.until(
            lambda: lab[3].send(lab[3].build()), lambda row: '"event":"link"' in row))
        expect_equal((row["link"]["index"], row["link"]["state"]), (3, "up"), "link")
    with Monitor("monitor") as monitor:
        row = monitor.until(flap_fdb, lambda row: "fdb-new" in row)
        expect(row.startswith("mesh0 fdb-new") and "02:11:00:00:00:bb" in row, row)
