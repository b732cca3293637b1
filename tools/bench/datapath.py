#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Data-plane bench: A - R - B, hubmesh beside its peers in one run.

Runs inside the VM (tools/bench/run starts it, deterministic by default, so that one
virtual nanosecond is one guest instruction and the figures are instruction counts in
disguise).  Every system gets fresh namespaces, the same veth underlay (MTU 1600) and the
same iperf3 calls.  Prints a table and writes a JSON array of
{"suite","system","test","value","unit"}.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "selftests", "kernel"))
from lib import mesh as hm, policy  # noqa: E402
from lib.mesh import insert_module, run, wait_for  # noqa: E402

UNDERLAY_MTU = 1600
TESTS = {"tcp": [], "udp1370": ["-u", "-b", "0", "-l", "1370"], "udp64": ["-u", "-b", "0", "-l", "64"]}
NODES = ("A", "R", "B")


def ns(node, command, **kw):
    words = command.split() if isinstance(command, str) else command
    return run(["ip", "netns", "exec", f"b{node}"] + words, **kw)


def shell(node, script):
    return ns(node, ["sh", "-ec", script])


@contextlib.contextmanager
def underlay():
    """Namespaces bA, bR, bB; A-R is 10.1.0.0/24, R-B is 10.2.0.0/24."""
    try:
        for node in NODES:
            run(f"ip netns add b{node}")
            run(f"ip -n b{node} link set lo up")
        for left, right, net in (("A", "R", "10.1.0"), ("R", "B", "10.2.0")):
            run(f"ip -n b{left} link add to{right} mtu {UNDERLAY_MTU} type veth "
                f"peer name to{left} netns b{right} mtu {UNDERLAY_MTU}")
            for node, dev, host in ((left, f"to{right}", 1), (right, f"to{left}", 2)):
                run(f"ip -n b{node} addr add {net}.{host}/24 dev {dev}")
                run(f"ip -n b{node} link set {dev} up")
        yield
    finally:
        for node in NODES:
            run(f"ip netns del b{node}", check=False)


def ip_routes():
    shell("R", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    ns("A", "ip route add 10.2.0.0/24 via 10.1.0.2")
    ns("B", "ip route add 10.1.0.0/24 via 10.2.0.1")


@contextlib.contextmanager
def ipfwd():
    with underlay():
        ip_routes()
        yield "bA", "bB", "10.2.0.2"


@contextlib.contextmanager
def wireguard():
    with underlay():
        ip_routes()
        keys = {}
        for node in "AB":
            private = run("wg genkey").strip()
            public = subprocess.run(["wg", "pubkey"], input=private, text=True,
                                    capture_output=True, check=True).stdout.strip()
            keys[node] = private, public
        for node, peer, far in (("A", "B", "10.2.0.2"), ("B", "A", "10.1.0.1")):
            ns(node, "ip link add wg0 type wireguard")
            subprocess.run(["ip", "netns", "exec", f"b{node}", "wg", "set", "wg0", "listen-port",
                            "51820", "private-key", "/dev/stdin", "peer", keys[peer][1],
                            "allowed-ips", "0.0.0.0/0", "endpoint", f"{far}:51820"],
                           input=keys[node][0], text=True, check=True)
            ns(node, f"ip link set wg0 mtu {UNDERLAY_MTU - 60} up")
            ns(node, f"ip addr add 10.9.0.{1 if node == 'A' else 2}/24 dev wg0")
        yield "bA", "bB", "10.9.0.2"


@contextlib.contextmanager
def vxlan_wireguard():
    with wireguard():
        for node, mine, far in (("A", "10.9.0.1", "10.9.0.2"), ("B", "10.9.0.2", "10.9.0.1")):
            ns(node, f"ip link add vx0 type vxlan id 7 local {mine} remote {far} dstport 4789 dev wg0")
            ns(node, f"ip link set vx0 mtu {UNDERLAY_MTU - 60 - 50} up")
            ns(node, f"ip addr add 10.8.0.{1 if node == 'A' else 2}/24 dev vx0")
        yield "bA", "bB", "10.8.0.2"


def batman_over(devices):
    """batman-adv V on the given {node: [interfaces]}; addresses on A and B."""
    for node in NODES:
        ns(node, "ip link add bat0 type batadv")
        for dev in devices[node]:
            ns(node, f"ip link set {dev} master bat0")
        ns(node, "ip link set bat0 up")
    for node, host in (("A", 1), ("B", 2)):
        ns(node, f"ip addr add 10.7.0.{host}/24 dev bat0")


VETHS = {"A": ["toR"], "R": ["toA", "toB"], "B": ["toR"]}


@contextlib.contextmanager
def batman():
    run("modprobe batman_adv")
    run("batctl ra BATMAN_V", check=False)
    with underlay():
        batman_over(VETHS)
        yield "bA", "bB", "10.7.0.2"


def macsec_pair(left, right):
    """A MACsec channel on the veth between two nodes, static keys."""
    addresses = {}
    for node, dev in ((left, f"to{right}"), (right, f"to{left}")):
        shown = json.loads(ns(node, f"ip -j link show {dev}"))
        addresses[node] = shown[0]["address"]
        ns(node, f"ip link add link {dev} ms{dev} type macsec cipher gcm-aes-256 encrypt on")
    for node, dev, peer in ((left, f"to{right}", right), (right, f"to{left}", left)):
        key = {left: "11" * 32, right: "22" * 32}
        ns(node, f"ip macsec add ms{dev} tx sa 0 pn 1 on key 01 {key[node]}")
        ns(node, f"ip macsec add ms{dev} rx address {addresses[peer]} port 1")
        ns(node, f"ip macsec add ms{dev} rx address {addresses[peer]} port 1 sa 0 pn 1 on "
                 f"key 02 {key[peer]}")
        ns(node, f"ip link set ms{dev} up")


@contextlib.contextmanager
def batman_macsec():
    run("modprobe batman_adv")
    run("batctl ra BATMAN_V", check=False)
    with underlay():
        macsec_pair("A", "R")
        macsec_pair("R", "B")
        batman_over({node: [f"ms{dev}" for dev in devs] for node, devs in VETHS.items()})
        yield "bA", "bB", "10.7.0.2"


def hubmesh(cipher):
    @contextlib.contextmanager
    def system():
        with hm.line(3, underlay_mtu=UNDERLAY_MTU, cipher=cipher) as net:
            yield net[1].netns, net[3].netns, net[3].ipv4
    return system


@contextlib.contextmanager
def hubmesh_rules():
    """Zones, a guard, and 100 ACL entries at A and B, of which the last lets the flow pass."""
    entries = [policy.acl(policy.DENY, src=f"192.0.{n}.0/24", protocol=6 + 11 * (n % 2), dport=n)
               for n in range(33)]
    entries += [policy.acl(policy.DENY, protocol=6 + 11 * (n % 2), dport=n) for n in range(1, 34)]
    entries += [policy.acl(policy.DENY, dst=f"198.51.{n}.0/24") for n in range(33)]
    with hm.line(3, underlay_mtu=UNDERLAY_MTU, cipher=hm.GCM) as net:
        zones = [policy.zone(10 + n, hub=hub.id) for n, hub in net.hubs.items()]
        pairs = [policy.pair(11, 13), policy.pair(13, 11)]
        for n in (1, 3):
            policy.set_rules(net[n], *zones, *pairs, *entries, policy.acl(policy.ACCEPT))
            policy.set_guard(net[n], net[4 - n], zones=[14 - n])
        yield net[1].netns, net[3].netns, net[3].ipv4


SYSTEMS = {
    "hubmesh": hubmesh(hm.GCM),
    "hubmesh-rules": hubmesh_rules,
    "hubmesh-chacha": hubmesh(hm.CHACHA),
    "ipfwd": ipfwd,
    "batman-adv": batman,
    "wireguard": wireguard,
    "vxlan-wireguard": vxlan_wireguard,
    "batman-macsec": batman_macsec,
}


def reachable(netns, address):
    return subprocess.run(["ip", "netns", "exec", netns, "ping", "-c1", "-W1", "-q", address],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def iperf3_mbps(client, server, address, options, seconds):
    """One iperf3 call; what arrived at the server, Mbit/s."""
    daemon = subprocess.Popen(["ip", "netns", "exec", server, "iperf3", "-s", "-1", "--forceflush"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for row in daemon.stdout:
            if "listening" in row:
                break
        text = run(["ip", "netns", "exec", client, "iperf3", "-c", address, "-J", "-t",
                    str(seconds), *options])
        end = json.loads(text)["end"]
        daemon.wait()
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()
        daemon.stdout.close()
    if "sum_received" in end:
        return end["sum_received"]["bits_per_second"] / 1e6
    got = end["sum"]
    return got["bits_per_second"] * (1 - got["lost_percent"] / 100) / 1e6


def measure(name, seconds, tests):
    rows = []
    with SYSTEMS[name]() as (client, server, address):
        wait_for(f"{name}: B answers A", lambda: reachable(client, address), 3600, 0.1)
        for test in tests:
            value = iperf3_mbps(client, server, address, TESTS[test], seconds)
            rows.append({"suite": "datapath", "system": name, "test": test,
                         "value": round(value, 2), "unit": "Mbit/s"})
            print(f"# {name:16} {test:8} {value:10.2f} Mbit/s", flush=True)
    return rows


def table(rows):
    tests = list(dict.fromkeys(r["test"] for r in rows))
    systems = list(dict.fromkeys(r["system"] for r in rows))
    value = {(r["system"], r["test"]): r["value"] for r in rows}
    base = "vxlan-wireguard"
    print(f"\n{'A - R - B':18}" + "".join(f"{t + ' Mbit/s':>18}{'x ' + base[:8]:>12}" for t in tests))
    for system in systems:
        cells = ""
        for test in tests:
            v, b = value.get((system, test)), value.get((base, test))
            cells += f"{v:18.1f}" if v is not None else f"{'-':>18}"
            cells += f"{v / b:12.2f}" if v is not None and b else f"{'-':>12}"
        print(f"{system:18}{cells}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--tests", default=",".join(TESTS))
    parser.add_argument("--seconds", type=float, default=1.0, help="virtual seconds per iperf3 run")
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--module", default="build/6.1/hubmesh.ko")
    args = parser.parse_args()
    hm.run_timeout_s = None
    if "hubmesh" in args.systems:
        insert_module(args.module)
    rows, failed = [], []
    for name in args.systems.split(","):
        start = time.monotonic()
        try:
            rows += measure(name, args.seconds, args.tests.split(","))
        except Exception as why:
            failed.append(name)
            print(f"# {name}: FAILED: {why}", flush=True)
        print(f"# {name}: {time.monotonic() - start:.1f} virtual s", flush=True)
    table(rows)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump(rows, out, indent=1)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
