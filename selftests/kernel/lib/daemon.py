# SPDX-License-Identifier: GPL-2.0
"""Hubs that run a real meshd: a namespace, a state directory, a configuration and a
process each.  The demo, the benches and the tests of the daemon build on them."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from . import frame, uapi
from .mesh import ip_batch, material, netns_add, netns_del, run, wait_for
from .netlink import inside, mac
from .pace import scaled
from .traffic import Stream, closing_all, udp_socket

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BUILD = os.environ.get("HUBMESH_BUILD", os.path.join(TOP, "build"))
MESHD, MESHCTL = os.path.join(BUILD, "meshd"), os.path.join(BUILD, "meshctl")
LAST_WORDS = 25
# Settings of `probe` for tests that may lose nothing: an emulated machine that shares its CPUs
# stalls for longer than the 150 ms after which a silent link is down.
PATIENT = {"interval_ms": 200, "misses": 20}


class DaemonHub:
    """One hub: namespace, state directory, meshd."""

    def __init__(self, name, ca, mesh="demo", zones=None, **settings):
        """@zones: of its certificate, text with commas; @settings: sections of meshd.yaml added to
        the usual ones, or replacing them."""
        self.name, self.ca, self.mesh, self.zones = name, ca, mesh, zones
        self.netns, self.dir = f"hub-{name}", f"{os.path.dirname(ca)}/{name}"
        self.socket = f"{self.dir}/meshd.sock"
        self.settings = {"mesh": mesh, "name": name, "state": f"{self.dir}/state",
                         "socket": self.socket, "underlay": {"include": ["to-*"]},
                         "ipv4": {"pool": "10.77.0.0/24"},
                         # no programs in the kernel of the machine that builds
                         "redirect": {"cgroup": "none"}, **settings}
        self.process, self.wrapper = None, []  # a program that becomes meshd

    def create(self):
        """Everything but the process."""
        os.makedirs(self.dir, mode=0o700)
        netns_add(self.netns)
        ip_batch(self.netns, ["link set lo up"])
        out = run([MESHCTL, "ca", "issue", "--dir", self.ca, "--hub", self.name, "--out",
                   f"{self.dir}/state", *(["--zone", self.zones] if self.zones else [])])
        self.id = re.search(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", out).group(0)
        self.write_settings()

    def destroy(self):
        self.stop()
        netns_del(self.netns)
        shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def conf(self):
        return f"{self.dir}/meshd.yaml"

    def write_settings(self, **settings):
        """Sections that are None are left out."""
        self.settings.update(settings)
        with open(self.conf, "w", encoding="utf-8") as out:
            for section, value in self.settings.items():
                if value is not None:
                    out.write(f"{section}: {json.dumps(value)}\n")

    # life

    def start(self):
        # ip netns exec hides cgroup2, where connections are redirected; but it alone mounts what
        # a test wants of /etc to look otherwise
        prefix = ["nsenter", f"--net=/run/netns/{self.netns}"]
        if os.path.isdir(f"/etc/netns/{self.netns}"):
            prefix = ["ip", "netns", "exec", self.netns]
        with open(f"{self.dir}/log", "ab") as log:
            self.process = subprocess.Popen([*prefix, *self.wrapper, MESHD, "-c", self.conf],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.started = time.monotonic()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=scaled(10))
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self):
        try:
            with open(f"{self.dir}/log", errors="replace") as text:
                return text.read()
        except FileNotFoundError:
            return ""

    def rss_kib(self):
        """Of meshd itself, not of the ip that started it (it has exec'd)."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # commands

    def run(self, command, **kw):
        words = command.split() if isinstance(command, str) else command
        return run(["ip", "netns", "exec", self.netns] + words, **kw)

    def popen(self, command, **kw):
        return subprocess.Popen(["ip", "netns", "exec", self.netns] + command, **kw)

    def ctl(self, *words, **kw):
        return self.run([MESHCTL, "-s", self.socket, *words], **kw)

    # what it says

    def json(self, *words):
        """What `meshctl -o json` prints; empty while meshd does not answer."""
        done = subprocess.run([MESHCTL, "-s", self.socket, "-o", "json", *words], text=True,
                              capture_output=True, timeout=scaled(20))
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else {}

    def api(self, resource):
        """The same objects without a process, for what is asked again and again."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(scaled(20))
            try:
                client.connect(self.socket)
                client.sendall(f"GET /v1/{resource} HTTP/1.0\r\n\r\n".encode())
                answer = b"".join(iter(lambda: client.recv(65536), b""))
            except (ConnectionError, FileNotFoundError):
                return {}
        head, _, body = answer.partition(b"\r\n\r\n")
        return json.loads(body) if b" 200 " in head.split(b"\r\n")[0] else {}

    def hubs(self):
        return self.api("hubs").get("hubs", [])

    def hub(self, name):
        """What it knows of the hub @name, or None."""
        return next((h for h in self.hubs() if h["name"] == name), None)

    @property
    def ula(self):
        return self.hub(self.name)["ula"]

    def sees(self, n):
        return sum(1 for h in self.hubs() if h.get("is_reachable")) >= n

    def path(self, to):
        return [h["name"] for h in self.api(f"path?to={to}").get("path", [])]

    def drops(self):
        """{reason: frames}, zero counts left out."""
        return {d["reason"]: d["frames"] for d in self.api("stats")["datapath"]["drops"]
                if d["frames"]}

    def refused(self):
        """Handshakes it ended for the other's certificate."""
        return self.api("stats").get("transport", {}).get("certificates_refused", 0)


class DaemonMesh:
    """Hubs of one certificate authority in one directory, joined by veth pairs.

    @edges: pairs of names, or one pair of letters ("ab"); number n, counted from 1, is
    the subnet 192.168.n.0/24.  @zones: {name: zones of its certificate}.  @settings go to every hub.  As a context manager it builds
    them, starts them unless told otherwise, and leaves nothing; after a failure it prints
    the last words of every hub.
    """

    def __init__(self, names, edges=(), work=None, start=True, mesh="demo", underlay_ipv4=True,
                 zones=None, **settings):
        self.zones = zones or {}
        self.work = work or tempfile.mkdtemp(prefix="hubmesh-")
        self.mesh, self.edges, self.does_start = mesh, list(edges), start
        self.underlay_ipv4, self.settings = underlay_ipv4, settings
        self.ca = f"{self.work}/ca"
        self.hubs = {name: self.hub(name) for name in names}
        self.wires = 0

    def hub(self, name, ca=None, **settings):
        """A hub that is not one of the mesh yet."""
        return DaemonHub(name, ca or self.ca, self.mesh, self.zones.get(name),
                         **{**self.settings, **settings})

    def __getitem__(self, name):
        return self.hubs[name]

    def __iter__(self):
        return iter(self.hubs.values())

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, kind, *exc):
        if kind:
            self.tell()
        self.down()

    def up(self):
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work, mode=0o700)
        self.new_authority(self.ca)
        for hub in self:
            hub.create()
        for x, y in self.edges:
            self.wire(self[x], self[y])
        if self.does_start:
            self.start()

    def down(self):
        for hub in self:
            hub.destroy()
        shutil.rmtree(self.work, ignore_errors=True)

    def tell(self):
        for hub in self:
            for row in hub.log().splitlines()[-LAST_WORDS:]:
                print(f"# {hub.name}: {row}", file=sys.stdout, flush=True)

    def new_authority(self, path):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        run([MESHCTL, "ca", "init", "--mesh", self.mesh, "--dir", path])

    def start(self):
        for hub in self:
            hub.start()

    def wire(self, x, y):
        """A veth pair between two hubs, to-<other's name> on each side; returns @y's address."""
        self.wires += 1
        for hub, other, host in ((x, y, 1), (y, x, 2)):
            dev = f"to-{other.name}"
            rows = [f"link set {dev} up"]
            if host == 1:
                rows.insert(0, f"link add {dev} type veth peer name to-{hub.name} "
                               f"netns {other.netns}")
            if self.underlay_ipv4:
                rows.insert(-1, f"addr add 192.168.{self.wires}.{host}/24 dev {dev}")
            ip_batch(hub.netns, rows)
        return f"192.168.{self.wires}.2"

    def is_whole(self):
        return all(hub.sees(len(self.hubs)) for hub in self)

    def wait_whole(self, seconds=60):
        wait_for("every hub reaches every other", self.is_whole, seconds, 0.05)

    def stream(self, src, dst, pause=0.01):
        """A Stream between the hubs of these names, which get their seal first: nothing waits."""
        tx, rx = self[src], self[dst]
        with closing_all(udp_socket(tx.netns, tx.ula)) as (first,):
            first.sendto(b"hello", (rx.ula, 9))
        wait_for("both have the seal", lambda: tx.hub(dst)["has_seal"] and rx.hub(src)["has_seal"], 30)
        return Stream(tx, rx, tx.ula, rx.ula, pause=pause)


@contextlib.contextmanager
def silent(*ends):
    """What goes out at @ends, pairs (hub, other hub), is lost without a trace."""
    try:
        for hub, other in ends:
            run(f"tc -n {hub.netns} qdisc add dev to-{other.name} root netem loss 100%")
        yield
    finally:
        for hub, other in ends:
            run(f"tc -n {hub.netns} qdisc del dev to-{other.name} root", check=False)


def forge_frames(rogue, target, address, n):
    """@n frames of the right form from @rogue to @target, tagged with a key it does not have, for
    links that are there and are not, and each phase their keys may have come to."""
    guess = frame.Material(material("guess"))
    with inside(rogue.netns):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        for i in range(1, n + 1):
            header = frame.Header(link_index=i % 8, hop_phase=i // 8 % 4, hop_seq=i, counter=i,
                                  dst=mac(target.id), src=mac(rogue.id))
            sock.sendto(frame.seal(header, guess, guess, bytes(64)), (address, uapi.HM_PORT_DATA))
