#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The demo: five hubs that share no network, one encrypted mesh.

Runs inside the VM (tools/demo/run starts it).

        a -------- b          every line is a veth pair with a subnet of its own;
        |          | \\        no IP routing between them.  a-e is a slow radio
   slow |          |  \\       (30 ms each way), b-d the chord.
        e -------- d -- c

The first act is the mesh, the second (services.py) what it is for.
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "selftests", "kernel"))
from lib.daemon import DaemonMesh, MESHCTL, forge_frames, silent  # noqa: E402
from lib.mesh import insert_module, wait_for  # noqa: E402
import services  # noqa: E402

HUBS = "abcde"
EDGES = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "a"), ("b", "d")]
SLOW = ("e", "a")
CHORD = ("b", "d")
FILE_BYTES = 50 * 1000 * 1000
WORK = "/tmp/hubmesh-demo"
MARKER = b"THE-PATIENT-IN-ROOM-9-IS-ALLERGIC"

START = time.monotonic()


class Story:
    """Narrates, and counts what came of every step."""

    def __init__(self, tap):
        self.tap, self.results, self.facts = tap, [], []

    def say(self, text=""):
        stamp = f"[{time.monotonic() - START:6.1f}s] " if text else ""
        for row in (text or "").splitlines() or [""]:
            print(("# " if self.tap else "") + (stamp if row else "") + row, flush=True)

    def show(self, text):
        for row in text.rstrip().splitlines():
            print(("# " if self.tap else "") + "    " + row, flush=True)

    def fact(self, name, value):
        self.facts.append((name, value))
        self.say(f"{name}: {value}")

    @contextlib.contextmanager
    def step(self, name):
        self.say()
        self.say(f"== {name}")
        try:
            yield
            self.results.append((name, True))
            if self.tap:
                print(f"ok {len(self.results)} {name}", flush=True)
        except Exception as why:
            self.results.append((name, False))
            self.say(f"FAILED: {why}")
            if self.tap:
                print(f"not ok {len(self.results)} {name}", flush=True)
            raise

    def summary(self):
        self.say()
        self.say("Summary")
        width = max(len(name) for name, _ in self.facts)
        for name, value in self.facts:
            self.show(f"{name:{width}}  {value}")


def build(story, mesh):
    with story.step("Five hubs in a ring with a chord, identities from one root"):
        mesh.up()
        for x, y in (SLOW, SLOW[::-1]):
            mesh[x].run(f"tc qdisc add dev to-{y} root netem delay 30ms")
        story.show("a ----- b\n|       | \\\n| slow  |  c      each line its own subnet, no IP routing\n"
                   "|       | /\ne ----- d")


def discover(story, hubs):
    with story.step("Discovery: beacons, mutual TLS, keys, routes"):
        begin = time.monotonic()
        for hub in hubs.values():
            hub.start()
        first = None

        def whole():
            nonlocal first
            if not first and hubs["a"].sees(2):
                first = time.monotonic() - begin
            return all(h.sees(5) for h in hubs.values())
        wait_for("every hub reaches all five", whole, 60, 0.2)
        story.fact("all five hubs reach each other after", f"{time.monotonic() - begin:.1f} s")
        far = {h["name"]: h for h in hubs["a"].hubs()}
        wait_for("a's route to e leaves the slow radio", lambda: hubs["a"].path("e")
                 in (["a", "b", "d", "e"], ["a", "b", "c", "d", "e"]), 60, 0.3)
        for words in (["hubs"], ["links"], ["routes"], ["path", "e"]):
            story.say(f"$ meshctl {' '.join(words)}     (on hub a)")
            story.show(hubs["a"].ctl(*words))
        return far


def ping(story, hubs, far):
    with story.step("Ping from a to e, across two relays"):
        address = far["e"]["ula"]
        out = hubs["a"].run(f"ping -6 -c 5 -i 0.2 -W 5 {address}")
        story.show(out)
        story.show(hubs["a"].ctl("ping", "e", "-c", "3", "-i", "0.2"))
        rtt = re.search(r"= [\d.]+/([\d.]+)/", out)
        story.fact("ping a to e, two relays, average", f"{rtt.group(1)} ms")
        story.fact("path", " - ".join(hubs["a"].path("e")))


@contextlib.contextmanager
def web_server(hub, address):
    """nginx on a hub, serving a directory with one large file."""
    root = f"{hub.dir}/www"
    os.makedirs(root)
    os.chmod(root, 0o755)
    for part in (WORK, hub.dir):
        os.chmod(part, 0o711)
    digest = hashlib.sha256()
    with open(f"{root}/image", "wb") as out:
        block = (MARKER + b" ") * 3000
        for i in range(FILE_BYTES // 100000):
            piece = (str(i).encode() + block)[:100000]
            out.write(piece)
            digest.update(piece)
    conf = f"{hub.dir}/nginx.conf"
    with open(conf, "w", encoding="utf-8") as out:
        out.write(f"pid {hub.dir}/nginx.pid; error_log {hub.dir}/nginx.log; user root; daemon off;"
                  f"events {{}} http {{ access_log off; sendfile on; "
                  f"server {{ listen [{address}]:80; root {root}; }} }}")
    server = hub.popen(["nginx", "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("nginx listens", lambda: "LISTEN" in hub.run("ss -ltn"), 10)
        yield digest.hexdigest()
    finally:
        server.terminate()
        server.wait()


def fetch(hub, url, out):
    return hub.popen(["curl", "-s", "-S", "-g", "--max-time", "150", "-o", out, "-w",
                      "%{size_download} %{time_total}", url],
                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        for piece in iter(lambda: data.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def capture(hub, dev, path):
    tool = hub.popen(["tcpdump", "-i", dev, "-U", "-s", "0", "-w", path,
                      "udp or ether proto 0x88b6"],
                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for row in tool.stderr:
        if "listening" in row:
            return tool
    raise RuntimeError("tcpdump did not start")


def transfer(story, hubs, far):
    with story.step("A real web server on e, 50 MB fetched on a, wiretapped at relay b"):
        address = far["e"]["ula"]
        with web_server(hubs["e"], address) as wanted:
            pcap = f"{WORK}/relay-b.pcap"
            tap = capture(hubs["b"], "any", pcap)
            got = f"{WORK}/fetched"
            client = fetch(hubs["a"], f"http://[{address}]/image", got)
            wait_for("a megabyte is captured", lambda: os.path.getsize(pcap) > 1000000, 30)
            tap.terminate()
            tap.wait()
            out, _ = client.communicate()
            size, seconds = out.split()
            if sha256(got) != wanted:
                raise AssertionError(f"checksums differ (curl said {out})")
            raw = open(pcap, "rb").read()
            if MARKER in raw or b"HTTP/1.1" in raw:
                raise AssertionError("plaintext found at the relay")
            story.say(f"{len(raw)} bytes captured at relay b; neither the file's text nor HTTP in them:")
            story.show(hubs["b"].run(["tcpdump", "-r", pcap, "-n", "-c", "2", "-X"], check=False)[:1500])
            story.say(f"{size} bytes; sha256 on both ends: {wanted[:32]}...")
            story.fact("50 MB over HTTP, a to e", f"{float(seconds):.1f} s, checksums equal")
            story.fact("plaintext at the relay", f"none in {len(raw)} captured bytes")


def throughput(story, hubs, far):
    with story.step("iperf3 from a to e"):
        server = hubs["e"].popen(["iperf3", "-s", "-1", "--forceflush"], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        for row in server.stdout:
            if "listening" in row:
                break
        out = hubs["a"].run(f"iperf3 -c {far['e']['ula']} -t 3 -J", timeout=60)
        server.wait(timeout=20)
        story.fact("iperf3 TCP, a to e (emulated CPU)",
                   f"{json.loads(out)['end']['sum_received']['bits_per_second'] / 1e6:.0f} Mbit/s")


def cut(story, hubs, far):
    with story.step("The chord b-d is cut while in use"):
        address = far["e"]["ula"]
        pinger = hubs["a"].popen(["ping", "-6", "-D", "-i", "0.01", "-w", "8", address],
                                 stdout=subprocess.PIPE, text=True)
        with web_server_again(hubs["e"], address):
            client = fetch(hubs["a"], f"http://[{address}]/image", f"{WORK}/fetched2")
            time.sleep(2.0)
            x, y = (hubs[n] for n in CHORD)
            with silent((x, y), (y, x)):
                story.say("every packet on b-d is lost from now on, silently")
                rows = pinger.stdout.read().splitlines()
                pinger.wait()
                out, _ = client.communicate()
                path = hubs["a"].path("e")
        stamps = [float(m.group(1)) for m in (re.match(r"\[([\d.]+)\].*bytes from", r) for r in rows) if m]
        gap = max(b - a for a, b in zip(stamps, stamps[1:]))
        if sha256(f"{WORK}/fetched2") != sha256(f"{WORK}/fetched"):
            raise AssertionError("the file fetched across the cut differs")
        story.fact("longest gap in a 10 ms ping across a silent cut", f"{gap * 1000:.0f} ms")
        story.fact("path after the cut", " - ".join(path))
        if gap > 5:
            raise AssertionError("the gap is longer than 5 s")


@contextlib.contextmanager
def web_server_again(hub, address):
    server = hub.popen(["nginx", "-c", f"{hub.dir}/nginx.conf"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    try:
        wait_for("nginx listens", lambda: ":80 " in hub.run("ss -ltn"), 10)
        yield
    finally:
        server.terminate()
        server.wait()


def intruder(story, mesh):
    with story.step("A hub with a certificate from another root, and forged frames"):
        mesh.new_authority(f"{WORK}/other/ca")
        rogue, target = mesh.hub("x", f"{WORK}/other/ca"), mesh["c"]
        before = target.refused()
        try:
            rogue.create()
            at = mesh.wire(rogue, target)
            rogue.start()
            wait_for("the handshake is refused", lambda: target.refused() + rogue.refused() > before,
                     30, 0.2)
            forge_frames(rogue, target, at, 50)
            drops = wait_for("forged frames are counted", lambda: forged_drops(target), 10)
            if target.hub("x"):
                raise AssertionError("the intruder is listed as a hub")
            refused = target.refused() + rogue.refused() - before
        finally:
            rogue.destroy()
        story.show(target.ctl("stats"))
        story.fact("handshakes with the intruder refused", refused)
        story.fact("forged frames dropped and counted", ", ".join(f"{n} {v}" for n, v in drops.items()))


def forged_drops(hub):
    drops = hub.drops()
    names = ("rx-hop-tag", "rx-link-unknown")
    return {n: drops[n] for n in names} if all(n in drops for n in names) else None


def restart(story, hubs):
    with story.step("Hub d is killed (SIGKILL) and started again"):
        hubs["d"].kill()
        begin = time.monotonic()
        hubs["d"].start()
        wait_for("d reaches all five again", lambda: hubs["d"].sees(5), 60, 0.2)
        wait_for("a reaches d again", lambda: "1 received" in hubs["a"].run(
            f"ping -6 -c 1 -W 1 {hubs['d'].ula}", check=False), 60, 0.1)
        story.fact("killed hub rejoined and answers after", f"{time.monotonic() - begin:.1f} s")


def footprint(story, hubs):
    with story.step("What it costs"):
        before = {n: h.cpu_s() for n, h in hubs.items()}
        begin = time.monotonic()
        time.sleep(5)
        spent = time.monotonic() - begin
        share = max((h.cpu_s() - before[n]) / spent for n, h in hubs.items())
        story.fact("largest meshd resident memory", f"{max(h.rss_kib() for h in hubs.values()) / 1024:.1f} MiB")
        story.fact("largest idle meshd CPU share (emulated CPU)", f"{share * 100:.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--module", required=True)
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    story = Story(args.tap)
    mesh = DaemonMesh(HUBS, EDGES, work=WORK, start=False)
    hubs = mesh.hubs
    hubs["a"].settings.update(services.settings())
    status = 0
    try:
        insert_module(args.module)
        build(story, mesh)
        far = discover(story, hubs)
        ping(story, hubs, far)
        transfer(story, hubs, far)
        throughput(story, hubs, far)
        cut(story, hubs, far)
        intruder(story, mesh)
        restart(story, hubs)
        footprint(story, hubs)
        services.second_act(story, hubs, EDGES, WORK)
        story.summary()
    except Exception:
        status = 1
        for hub in hubs.values():
            story.say(f"last words of hub {hub.name}:")
            story.show("\n".join(hub.log().splitlines()[-12:]))
        if not args.tap:
            raise
    finally:
        if args.keep:
            story.say("The mesh stays up. Try:  ip netns exec hub-a "
                      f"{MESHCTL} -s {hubs['a'].socket} status")
            subprocess.run(["bash", "-i"])
        for hub in hubs.values():
            hub.stop()
    if args.tap:
        print(f"1..{len(story.results)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
