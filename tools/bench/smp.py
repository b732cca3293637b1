#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Eight TCP flows at once through A - R - B on several CPUs, hubmesh beside WireGuard.

Runs in the plain VM (tools/bench/run starts it with 2 and with 4 CPUs) by the real clock:
figures depend on the machine and on what else it does, so only their ratio in one run means
something.  The systems take turns; the value is the median of the turns.  A machine with fewer
CPUs than the VM shares them out, and the test then shows contention, not scaling.

    tcp8-Ncpu   sum of eight iperf3 processes, each with a server of its own
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

from rows import Rows
from systems import SYSTEMS, hm

NAMES = ("hubmesh", "hubmesh-chacha", "wireguard")
BASE = "wireguard"
FLOWS, SECONDS, TURNS = 8, 5, 3
PORT = 5201
CALL_S = 60


def iperf3(netns, *words):
    return subprocess.Popen(["ip", "netns", "exec", netns, "iperf3", *words], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def start_servers(path):
    servers = [iperf3(path.server, "-s", "-1", "--forceflush", "-p", str(PORT + n))
               for n in range(FLOWS)]
    for server in servers:
        for row in server.stdout:
            if "listening" in row:
                break
    return servers


def flows_mbps(path):
    """What arrived of all flows together, Mbit/s."""
    processes = start_servers(path)
    try:
        clients = [iperf3(path.client, "-c", path.target, "-p", str(PORT + n), "-J",
                          "-t", str(SECONDS)) for n in range(FLOWS)]
        processes += clients
        ends = [json.loads(client.communicate(timeout=CALL_S)[0])["end"] for client in clients]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
    return sum(end["sum_received"]["bits_per_second"] for end in ends) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--module", required=True)
    parser.add_argument("--json", help="write the rows here, beside those there")
    args = parser.parse_args()
    hm.insert_module(args.module)
    rows, test = Rows("datapath"), f"tcp8-{os.cpu_count()}cpu"
    found = {name: [] for name in NAMES}
    for turn in range(TURNS):
        for name in NAMES:
            with SYSTEMS[name](1) as path:
                path.wait(60)
                found[name].append(flows_mbps(path))
            print(f"#   turn {turn + 1}: {name} {found[name][-1]:.1f} Mbit/s", flush=True)
    for name in NAMES:
        rows.add(name, test, statistics.median(found[name]), "Mbit/s")
    rows.table(f"{FLOWS} flows", [test], BASE)
    rows.save(args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
