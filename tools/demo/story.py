#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The demo: five hubs that share no network, one encrypted mesh.

Runs inside the VM (tools/demo/run starts it).

        a -------- b          every line is a veth pair with a subnet of its own;
        |          | \\        no IP routing between them.  a-e is a slow radio
   slow |          |  \\       (30 ms each way), b-d the chord.
        e -------- d -- c
"""

import argparse
import contextlib
import hashlib
import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "selftests", "kernel"))
from lib import frame, uapi  # noqa: E402
from lib.mesh import insert_module, material, run, wait_for  # noqa: E402
from lib.netlink import inside, mac  # noqa: E402

HUBS = "abcde"
EDGES = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "a"), ("b", "d")]
SLOW = ("e", "a")
CHORD = ("b", "d")
FILE_BYTES = 50 * 1000 * 1000
WORK = "/tmp/hubmesh-demo"
MESHD, MESHCTL = os.path.join(TOP, "build/meshd"), os.path.join(TOP, "build/meshctl")
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


class DemoHub:
    """One hub: namespace, state directory, meshd."""

    def __init__(self, name, ca, mesh="demo"):
        self.name, self.ca, self.mesh = name, ca, mesh
        self.netns, self.dir = f"hub-{name}", f"{WORK}/{name}"
        self.socket = f"{self.dir}/meshd.sock"
        self.process = None

    def issue(self):
        out = run([MESHCTL, "ca", "issue", "--dir", self.ca, "--hub", self.name, "--out",
                   f"{self.dir}/state"])
        self.id = re.search(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", out).group(0)
        with open(f"{self.dir}/meshd.yaml", "w", encoding="utf-8") as conf:
            conf.write(f"mesh: {self.mesh}\nname: {self.name}\nstate: {self.dir}/state\n"
                       f"socket: {self.socket}\nunderlay:\n  include: [\"to-*\"]\n"
                       f"ipv4:\n  pool: 10.77.0.0/24\n")

    def start(self):
        self.log = open(f"{self.dir}/log", "ab")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.netns, MESHD, "-c", f"{self.dir}/meshd.yaml"],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        self.started = time.monotonic()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()

    def run(self, command, **kw):
        words = command.split() if isinstance(command, str) else command
        return run(["ip", "netns", "exec", self.netns] + words, **kw)

    def popen(self, command, **kw):
        return subprocess.Popen(["ip", "netns", "exec", self.netns] + command, **kw)

    def ctl(self, *words, **kw):
        return self.run([MESHCTL, "-s", self.socket, *words], **kw)

    def json(self, *words):
        done = subprocess.run([MESHCTL, "-s", self.socket, "-o", "json", *words], text=True,
                              capture_output=True, timeout=20)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else {}

    def hubs(self):
        return self.json("hubs").get("hubs", [])

    def sees(self, n):
        return sum(1 for h in self.hubs() if h.get("is_reachable")) >= n

    def address(self):
        own = [h for h in self.hubs() if h.get("is_self")]
        return own[0] if own else None

    def rss_kib(self):
        """Of meshd itself, not of the ip that started it (it has exec'd)."""
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def cpu_s(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def veth(x, y):
    return f"to-{y}"


def wire(hubs, x, y, number):
    nx, ny = hubs[x].netns, hubs[y].netns
    run(f"ip -n {nx} link add {veth(x, y)} type veth peer name {veth(y, x)} netns {ny}")
    for ns, dev, host in ((nx, veth(x, y), 1), (ny, veth(y, x), 2)):
        run(f"ip -n {ns} addr add 192.168.{number}.{host}/24 dev {dev}")
        run(f"ip -n {ns} link set {dev} up")


def build(story, hubs):
    with story.step("Five hubs in a ring with a chord, identities from one root"):
        shutil.rmtree(WORK, ignore_errors=True)
        os.makedirs(WORK, mode=0o700)
        run([MESHCTL, "ca", "init", "--mesh", "demo", "--dir", f"{WORK}/ca"])
        for hub in hubs.values():
            os.makedirs(hub.dir, mode=0o700)
            run(f"ip netns add {hub.netns}")
            run(f"ip -n {hub.netns} link set lo up")
            hub.issue()
        for number, (x, y) in enumerate(EDGES, 1):
            wire(hubs, x, y, number)
        for x, y in (SLOW, SLOW[::-1]):
            hubs[x].run(f"tc qdisc add dev {veth(x, y)} root netem delay 30ms")
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
        wait_for("a's route to e leaves the slow radio", lambda: path_names(hubs["a"], "e")
                 in (["a", "b", "d", "e"], ["a", "b", "c", "d", "e"]), 60, 0.3)
        for words in (["hubs"], ["links"], ["routes"], ["path", "e"]):
            story.say(f"$ meshctl {' '.join(words)}     (on hub a)")
            story.show(hubs["a"].ctl(*words))
        return far


def path_names(hub, to):
    found = hub.json("path", to).get("path", [])
    return [h["name"] for h in found]


def ping(story, hubs, far):
    with story.step("Ping from a to e, across two relays"):
        address = far["e"]["ula"]
        out = hubs["a"].run(f"ping -6 -c 5 -i 0.2 -W 5 {address}")
        story.show(out)
        story.show(hubs["a"].ctl("ping", "e", "-c", "3", "-i", "0.2"))
        rtt = re.search(r"= [\d.]+/([\d.]+)/", out)
        story.fact("ping a to e, two relays, average", f"{rtt.group(1)} ms")
        story.fact("path", " - ".join(path_names(hubs["a"], "e")))


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
    tool = hub.popen(["tcpdump", "-i", dev, "-U", "-s", "0", "-w", path, "udp"],
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
            for x, y in (CHORD, CHORD[::-1]):
                hubs[x].run(f"tc qdisc add dev {veth(x, y)} root netem loss 100%")
            story.say("every packet on b-d is lost from now on, silently")
            rows = pinger.stdout.read().splitlines()
            pinger.wait()
            out, _ = client.communicate()
        stamps = [float(m.group(1)) for m in (re.match(r"\[([\d.]+)\].*bytes from", r) for r in rows) if m]
        gap = max(b - a for a, b in zip(stamps, stamps[1:]))
        if sha256(f"{WORK}/fetched2") != sha256(f"{WORK}/fetched"):
            raise AssertionError("the file fetched across the cut differs")
        story.fact("longest gap in a 10 ms ping across a silent cut", f"{gap * 1000:.0f} ms")
        story.fact("path after the cut", " - ".join(path_names(hubs["a"], "e")))
        if gap > 5:
            raise AssertionError("the gap is longer than 5 s")
        for x, y in (CHORD, CHORD[::-1]):
            hubs[x].run(f"tc qdisc del dev {veth(x, y)} root")


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


def refused_count(hub):
    return hub.json("stats").get("transport", {}).get("certificates_refused", 0)


def intruder(story, hubs):
    with story.step("A hub with a certificate from another root, and forged frames"):
        run([MESHCTL, "ca", "init", "--mesh", "demo", "--dir", f"{WORK}/ca-x"])
        rogue = DemoHub("x", f"{WORK}/ca-x")
        os.makedirs(rogue.dir, mode=0o700)
        run(f"ip netns add {rogue.netns}")
        run(f"ip -n {rogue.netns} link set lo up")
        rogue.issue()
        wire({**hubs, "x": rogue}, "x", "c", 9)
        before = refused_count(hubs["c"]) + refused_count(rogue)
        rogue.start()
        try:
            wait_for("the handshake is refused", lambda: refused_count(hubs["c"])
                     + refused_count(rogue) > before, 30, 0.2)
            forge_frames(rogue, hubs["c"])
            drops = wait_for("forged frames are counted", lambda: forged_drops(hubs["c"]), 10)
            if any(h["id"] == rogue.id for h in hubs["c"].hubs()):
                raise AssertionError("the intruder is listed as a hub")
        finally:
            rogue.stop()
            run(f"ip netns del {rogue.netns}")
        story.show(hubs["c"].ctl("stats"))
        story.fact("handshakes with the intruder refused", refused_count(hubs["c"]) - before)
        story.fact("forged frames dropped and counted", ", ".join(f"{n} {v}" for n, v in drops.items()))


def forge_frames(rogue, target):
    """Frames that look right but carry tags made with a guessed key."""
    guess = frame.Material(material("guess"))
    with inside(rogue.netns):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for i in range(1, 51):
        header = frame.Header(link_index=i % 4, hop_seq=i, counter=i, dst=mac(target.id), src=mac(rogue.id))
        sock.sendto(frame.seal(header, guess, guess, bytes(64)), ("192.168.9.2", uapi.HM_PORT_DATA))
    sock.close()


def forged_drops(hub):
    drops = {d["reason"]: d["frames"] for d in hub.json("stats")["datapath"]["drops"]}
    names = ("rx-hop-tag", "rx-link-unknown")
    found = {n: drops[n] for n in names}
    return found if all(found.values()) else None


def restart(story, hubs):
    with story.step("Hub d is killed (SIGKILL) and started again"):
        hubs["d"].kill()
        begin = time.monotonic()
        hubs["d"].start()
        wait_for("d reaches all five again", lambda: hubs["d"].sees(5), 60, 0.2)
        wait_for("a reaches d again", lambda: "1 received" in hubs["a"].run(
            f"ping -6 -c 1 -W 1 {ula_of(hubs['a'], 'd')}", check=False), 60, 0.1)
        story.fact("killed hub rejoined and answers after", f"{time.monotonic() - begin:.1f} s")


def ula_of(hub, name):
    return next(h["ula"] for h in hub.hubs() if h["name"] == name)


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
    hubs = {name: DemoHub(name, f"{WORK}/ca") for name in HUBS}
    status = 0
    try:
        insert_module(args.module)
        build(story, hubs)
        far = discover(story, hubs)
        ping(story, hubs, far)
        transfer(story, hubs, far)
        throughput(story, hubs, far)
        cut(story, hubs, far)
        intruder(story, hubs)
        restart(story, hubs)
        footprint(story, hubs)
        story.summary()
    except Exception:
        status = 1
        for hub in hubs.values():
            with contextlib.suppress(OSError):
                story.say(f"last words of hub {hub.name}:")
                story.show("\n".join(open(f"{hub.dir}/log", errors="replace").read().splitlines()[-12:]))
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
