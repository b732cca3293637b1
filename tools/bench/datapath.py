#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Data-plane bench: hubmesh beside its peers in one run.

Runs inside the VM that counts instructions (tools/bench/run starts it): one virtual
nanosecond is one guest instruction, and Mbit/s are instruction counts in disguise.  Every
system gets fresh namespaces, the same veth underlay (systems.py) and the same traffic.

    tcp, udp1370, udp64   iperf3 through one relay
    tcp-4relays           iperf3 TCP through four relays in a line
    relay-insns*          instructions of the relay alone, per datagram (relay.py)
"""

import argparse
import json
import subprocess
import sys
import time

import relay
from rows import Rows
from systems import CIPHERS, SYSTEMS, hm, run

# test: (relays, options of iperf3)
THROUGHPUT = {
    "tcp": (1, []),
    "udp1370": (1, ["-u", "-b", "0", "-l", "1370"]),
    "udp64": (1, ["-u", "-b", "0", "-l", "64"]),
    "tcp-4relays": (4, []),
}
TESTS = list(THROUGHPUT) + list(relay.TESTS)
BASE = "vxlan-wireguard"


def iperf3_mbps(path, options, seconds):
    """One iperf3 call; what arrived at the server, Mbit/s."""
    daemon = subprocess.Popen(["ip", "netns", "exec", path.server, "iperf3", "-s", "-1",
                               "--forceflush"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    try:
        for row in daemon.stdout:
            if "listening" in row:
                break
        text = run(["ip", "netns", "exec", path.client, "iperf3", "-c", path.target, "-J", "-t",
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


def measure_throughput(rows, name, tests, seconds):
    for relays in sorted({THROUGHPUT[t][0] for t in tests}):
        with SYSTEMS[name](relays) as path:
            path.wait()
            for test in tests:
                if THROUGHPUT[test][0] == relays:
                    rows.add(name, test, iperf3_mbps(path, THROUGHPUT[test][1], seconds), "Mbit/s")


def measure_relay(rows, name, tests):
    with SYSTEMS[name](1) as path:
        path.wait()
        for test, value in relay.costs(path, tests, is_hubmesh=name.startswith("hubmesh")):
            rows.add(name, test, value, "instructions", 0)


def measure(rows, name, tests, seconds):
    measure_throughput(rows, name, [t for t in tests if t in THROUGHPUT], seconds)
    counted = [t for t in tests if t in relay.TESTS]
    if counted and name in relay.SYSTEMS:
        measure_relay(rows, name, counted)


def show(rows):
    rows.table("A - R - B", ["tcp", "udp1370", "udp64"], BASE)
    for cipher, (ours, peers) in CIPHERS.items():
        for peer in peers:
            ratios = [f"{t} {rows.value(ours, t) / rows.value(peer, t):.2f}x" for t in THROUGHPUT
                      if rows.value(ours, t) and rows.value(peer, t)]
            if ratios:
                print(f"{cipher}: {ours} beside {peer}: {', '.join(ratios)}")
    rows.table("A - R R R R - B", ["tcp-4relays"], BASE)
    for system in rows.systems(["tcp-4relays"]):
        if rows.value(system, "tcp"):
            share = 100 * rows.value(system, "tcp-4relays") / rows.value(system, "tcp")
            print(f"{system}: {share:.0f} % of its throughput through one relay")
    rows.table("relay alone", relay.TESTS, "batman-adv")


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
        hm.insert_module(args.module)
    rows, failed = Rows("datapath"), []
    for name in args.systems.split(","):
        start = time.monotonic()
        try:
            measure(rows, name, args.tests.split(","), args.seconds)
        except Exception as why:
            failed.append(name)
            print(f"# {name}: FAILED: {why}", flush=True)
        print(f"# {name}: {time.monotonic() - start:.1f} virtual s", flush=True)
    show(rows)
    rows.save(args.json)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
