# SPDX-License-Identifier: GPL-2.0
"""The demo's second act: a program that knows nothing of the mesh is served by it, and by the
cloud when there is nobody else.

      cloud ==== a          the program runs on a and always asks the cloud's address, or
    (its own     |          speech.mesh; b, c and d come to provide the same service
   namespace)  the mesh
"""

import collections
import contextlib
import os
import signal
import subprocess
import threading
import time

from lib.daemon import silent
from lib.mesh import ip_batch, netns_add, netns_del, run, wait_for

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SERVICE = "speech"
CLOUD_NETNS = "cloud"
CLOUD, CLOUD_PORT = "198.51.100.10", 80
URLS = (f"http://{CLOUD}/", f"http://{SERVICE}.mesh/")
CURL = ["curl", "-sS", "--max-time", "30"]
GOOD, BAD = "1.0.0", "1.1.0"
PORTS = {GOOD: 8080, BAD: 8081}
# Versions take one sample in 250 ms, and the machine is emulated.
RATE = "4/s"
REQUESTS_MAX = 5000  # at each URL
MARK = "answered:"
# A version is compared only with one of which there are 30 samples; so many that the bad moment of
# that one, just before, does not excuse the next.
SAMPLES_OF_PREDECESSOR = 96

MANIFEST = """name: {service}
version: {version}
protocol: http1
endpoints: ["127.0.0.1:{port}"]
available: {{slots: 8}}
digest: {digest}
health: {health}
"""
# The bad version has none: its author found it good.
HEALTH = {GOOD: "{kind: http, interval_ms: 500, failures: 2}", BAD: "{kind: none}"}
DIGEST = {GOOD: "10" * 32, BAD: "11" * 32}


def settings():
    """Of hub a, beside the usual ones."""
    return {"redirect": {"cgroup": "/sys/fs/cgroup"},
            "proxy": {"entries": [{"service": SERVICE, "service_port": 80,
                                   "shared": f"{CLOUD}:{CLOUD_PORT}"}]}}


class Requests:
    """One request after the other on a hub by one unmodified curl, without --retry, to the cloud's
    address and to the name in turn.  No connection is used twice: the servers close them."""

    def __init__(self, hub):
        self.hub, self.process = hub, None
        self.sent, self.slowest_s = 0, 0.0
        self.failures, self.answers = [], collections.Counter()
        self.recent = collections.deque(maxlen=len(URLS))
        self.thread = threading.Thread(target=self.read)

    def start(self):
        path = f"{self.hub.dir}/urls"
        with open(path, "w", encoding="ascii") as out:
            out.writelines(f'url = "{url}"\n' for url in URLS * REQUESTS_MAX)
        # stdbuf: a pipe would give us its lines by the page
        self.process = self.hub.popen(["stdbuf", "-oL", *CURL, "--rate", RATE, "-w",
                                       f"{MARK} %{{exitcode}} %{{time_total}} %{{url}}\n", "-K", path],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
        self.thread.start()

    def read(self):
        page = ""
        for row in self.process.stdout:
            if row.startswith(MARK):
                self.take(page.strip(), *row.split()[1:])
                page = ""
            else:
                page += row

    def take(self, page, status, seconds, url):
        self.sent += 1
        self.slowest_s = max(self.slowest_s, float(seconds))
        if status != "0" or not page.startswith(SERVICE):
            self.failures.append(f"{url}: curl exit {status}: {page!r}")
            page = "failed"
        self.answers[page] += 1
        self.recent.append(page)

    def wait_served_by(self, who, seconds):
        """Until both ways have been served anew by one whose page is @who's; the page."""
        def served():
            last = list(self.recent)
            return last[0] if len(last) == len(URLS) and all(who(p) for p in last) else None
        self.recent.clear()
        return wait_for("the right one serves", served, seconds, 0.05)

    def stop(self):
        if self.process:
            self.process.kill()
            self.thread.join()
            self.process.wait()
            self.process = None


def from_cloud(page):
    return "the cloud" in page


def from_hub(name):
    return lambda page: f"hub {name}," in page


def from_others_than(name):
    return lambda page: "hub " in page and not from_hub(name)(page)


def hub_of(page):
    return page.split("hub ")[1].split(",")[0]


def page_of(hub, version):
    return f"{SERVICE} by hub {hub.name}, version {version}"


def nginx(popen, directory, listen, text):
    """A web server with one page."""
    os.makedirs(directory, exist_ok=True)
    conf = f"{directory}/speech.conf"
    with open(conf, "w", encoding="utf-8") as out:
        out.write(f"pid {directory}/speech.pid; error_log {directory}/speech.log; user root; "
                  f"daemon off; master_process off; events {{}} "
                  f"http {{ access_log off; keepalive_timeout 0; server {{ listen {listen}; "
                  f"location / {{ return 200 '{text}\\n'; }} }} }}")
    return popen(["nginx", "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Providers:
    """The programs that serve; none outlives it."""

    def __init__(self):
        self.running = {}

    def cloud(self, hub, work):
        """A network of its own behind hub @hub's uplink."""
        netns_add(CLOUD_NETNS)
        ip_batch(hub.netns, [f"link add uplink type veth peer name eth0 netns {CLOUD_NETNS}",
                             "addr add 198.51.100.1/24 dev uplink", "link set uplink up"])
        ip_batch(CLOUD_NETNS, ["link set lo up", f"addr add {CLOUD}/24 dev eth0",
                               "link set eth0 up"])
        self.running["cloud"] = nginx(
            lambda words, **kw: subprocess.Popen(["ip", "netns", "exec", CLOUD_NETNS, *words], **kw),
            f"{work}/cloud", f"{CLOUD}:{CLOUD_PORT}", f"{SERVICE} by the cloud")
        wait_for("the cloud listens",
                 lambda: "LISTEN" in run(f"ss -ltnHN {CLOUD_NETNS}"), 20)

    def start(self, hub, version):
        """The program, not yet offered to the mesh."""
        port = PORTS[version]
        if version == GOOD:
            process = nginx(hub.popen, f"{hub.dir}/speech", f"127.0.0.1:{port}",
                            page_of(hub, version))
        else:
            process = hub.popen([f"{TOP}/tools/demo/crashing.py", str(port), page_of(hub, version)])
        self.running[hub.name, version] = process

    def offer(self, story, hub, version):
        """Offer it as soon as it listens: a first check that fails would be told to all."""
        wait_for(f"{version} listens on {hub.name}",
                 lambda: f"127.0.0.1:{PORTS[version]} " in hub.run("ss -ltnH"), 20)
        path = f"{hub.dir}/{SERVICE}.yaml"
        with open(path, "w", encoding="utf-8") as out:
            out.write(MANIFEST.format(service=SERVICE, version=version, port=PORTS[version],
                                      digest=DIGEST[version], health=HEALTH[version]))
        story.say(f"$ meshctl service add {SERVICE}.yaml     (on hub {hub.name}, version {version})")
        hub.ctl("service", "add", path)

    def stop(self, hub, version):
        """In order: what it has begun, it ends."""
        process = self.running.pop((hub.name, version))
        process.send_signal(signal.SIGQUIT)
        process.wait()

    def close(self):
        for process in self.running.values():
            process.kill()
            process.wait()
        netns_del(CLOUD_NETNS)


def show(story, hub, *words):
    story.say(f"$ meshctl {' '.join(words)}     (on hub {hub.name})")
    story.show(hub.ctl(*words, check=False))


@contextlib.contextmanager
def resolver(hub):
    """Programs on @hub ask its meshd for names."""
    directory = f"/etc/netns/{hub.netns}"
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/resolv.conf", "w", encoding="ascii") as out:
        out.write("nameserver 127.77.0.1\n")
    try:
        yield
    finally:
        os.unlink(f"{directory}/resolv.conf")
        os.rmdir(directory)


def ask(story, hub, url, who):
    """One request of its own, for all to see."""
    words = [*CURL, url]
    story.say(f"$ {' '.join(words)}     (on hub a)")
    page = hub.run(words)
    story.show(page)
    if not who(page):
        raise AssertionError(f"served by another than expected: {page}")


def override(story, hubs, requests, providers):
    """Returns who serves at the end."""
    with story.step("A program on a uses a cloud service; a hub offers the same, and it is served there"):
        for url in URLS:
            ask(story, hubs["a"], url, from_cloud)
        requests.start()
        begin = time.monotonic()
        providers.offer(story, hubs["c"], GOOD)
        requests.wait_served_by(from_hub("c"), 30)
        story.fact("the same curl is served by the mesh after", f"{time.monotonic() - begin:.1f} s")
        ask(story, hubs["a"], URLS[0], from_hub("c"))
        for name in "bd":
            providers.offer(story, hubs[name], GOOD)
        wait_for("a knows all three", lambda: len(
            [s for s in hubs["a"].api("services").get("services", [])
             if s["state"] == "available"]) == 3, 30, 0.2)
        show(story, hubs["a"], "proxy")
        show(story, hubs["a"], "resolve", SERVICE, "--explain")


def health(story, hubs, requests, providers):
    with story.step("The provider's web server goes away"):
        bad = hubs[hub_of(requests.wait_served_by(from_others_than("nobody"), 30))]
        begin = time.monotonic()
        providers.stop(bad, GOOD)
        story.say(f"nginx on {bad.name} has stopped; nobody has told meshd")
        page = requests.wait_served_by(from_others_than(bad.name), 40)
        story.fact(f"another hub serves after {bad.name}'s server is gone",
                   f"{time.monotonic() - begin:.1f} s: {hub_of(page)}")
        show(story, hubs["a"], "resolve", SERVICE, "--explain")
        providers.start(bad, GOOD)
        wait_for(f"{bad.name} is well again", lambda: all(
            s["state"] == "available" for s in hubs["a"].api("services")["services"]), 30, 0.2)
        story.say(f"nginx on {bad.name} is back, and found healthy")


def versions_of(hub):
    return {v["version"]: v for v in hub.api(f"versions?name={SERVICE}").get("versions", [])}


def upgrade_who_serves(story, hubs, requests, providers):
    """Offer the bad version where the lease is.  One that has just moved stays where it is: then
    the hub it has left goes back, and the other is next."""
    for _ in range(3):
        hub = hubs[hub_of(requests.wait_served_by(from_others_than("nobody"), 30))]
        providers.offer(story, hub, BAD)
        with contextlib.suppress(TimeoutError):
            wait_for("the bad version has answered",
                     lambda: any(BAD in page for page in list(requests.answers)), 20, 0.05)
            return
        providers.offer(story, hub, GOOD)
    raise AssertionError("nobody took the bad version")


def rollback(story, hubs, requests, providers):
    with story.step("A hub gets a bad version, which is rolled back by itself"):
        wait_for("the old version is known", lambda: versions_of(hubs["a"])[GOOD]["samples"] >=
                 SAMPLES_OF_PREDECESSOR, 150, 0.2)
        for name in "bcd":
            providers.start(hubs[name], BAD)
        hubs["a"].ctl("canary", SERVICE, BAD, "1000")
        story.say(f"$ meshctl canary {SERVICE} {BAD} 1000     (on hub a: take it wherever it is)")
        upgrade_who_serves(story, hubs, requests, providers)
        begin = time.monotonic()
        story.say(f"{BAD} serves; it crashes with every answer")
        try:
            wait_for("it is rolled back",
                     lambda: versions_of(hubs["a"])[BAD]["state"] == "rolled back", 120, 0.2)
        finally:
            show(story, hubs["a"], "versions", SERVICE)
        page = requests.wait_served_by(lambda page: GOOD in page, 20)
        story.fact("the bad version was rolled back after",
                   f"{time.monotonic() - begin:.1f} s; then {hub_of(page)} served {GOOD}")


@contextlib.contextmanager
def unplugged(hub, others):
    def change(state):
        ip_batch(hub.netns, [f"link set to-{other} {state}" for other in others])
    change("down")
    try:
        yield
    finally:
        change("up")


def alone(story, hubs, requests, edges):
    def ends(name):
        pairs = [(x, y) for x, y in edges if name in (x, y)]
        return [(hubs[x], hubs[y]) for x, y in pairs + [(y, x) for x, y in pairs]]

    with story.step("The provider is cut off; then hub a itself"), contextlib.ExitStack() as cuts:
        lost = hub_of(requests.wait_served_by(from_others_than("nobody"), 30))
        cuts.enter_context(silent(*ends(lost)))
        begin = time.monotonic()
        story.say(f"every packet from and to {lost} is lost from now on, silently")
        page = requests.wait_served_by(lambda page: not from_hub(lost)(page), 40)
        story.fact("another serves after the provider is cut off",
                   f"{time.monotonic() - begin:.1f} s: {page}")
        page = requests.wait_served_by(from_others_than(lost), 40)
        show(story, hubs["a"], "resolve", SERVICE, "--explain")
        cuts.enter_context(unplugged(hubs["a"], [y.name for x, y in ends("a") if x is hubs["a"]]))
        begin = time.monotonic()
        story.say("hub a's lines to b and e are unplugged: it is alone")
        requests.wait_served_by(from_cloud, 40)
        story.fact("the cloud serves after hub a is cut off", f"{time.monotonic() - begin:.1f} s")
        show(story, hubs["a"], "proxy")


def count(story, hubs, requests):
    with story.step("Every request was answered"):
        for page, n in requests.answers.most_common():
            story.show(f"{n:5}  {page}")
        for failure in requests.failures[:10]:
            story.show(failure)
        story.fact("requests by curl, without --retry", f"{requests.sent} sent, "
                   f"{len(requests.failures)} failed, slowest {requests.slowest_s:.1f} s")
        story.fact("attempts that failed and the proxy made again",
                   hubs["a"].api("proxy")["entries"][0]["retries"])
        if requests.failures:
            raise AssertionError(f"{len(requests.failures)} requests failed")


def second_act(story, hubs, edges, work):
    """Steps 10 to 14."""
    providers, requests = Providers(), Requests(hubs["a"])
    try:
        with resolver(hubs["a"]):
            providers.cloud(hubs["a"], work)
            for name in "bcd":
                providers.start(hubs[name], GOOD)
            try:
                override(story, hubs, requests, providers)
                health(story, hubs, requests, providers)
                rollback(story, hubs, requests, providers)
                alone(story, hubs, requests, edges)
            finally:
                requests.stop()
            count(story, hubs, requests)
    finally:
        providers.close()
