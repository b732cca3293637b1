#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Proxy bench: a web server through two proxies with mutual TLS 1.3 between them.

    wrk -> proxy -- mutual TLS 1.3 -- proxy -> nginx        two namespaces, a veth pair

Every system gets the same certificates (those of the two hubs), the same web server (one
nginx worker, 1 KB body) and its own defaults.  Runs on this machine; figures compare with
each other, in one run, and with nothing else.  The systems take turns, and the best of
the rounds counts: on a shared machine the others are noise.

--bulk measures a long download and nothing else, also in the virtual machine that counts
instructions, whose kernel has TLS.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "selftests", "kernel"))
from rows import Rows  # noqa: E402
from lib.daemon import DaemonMesh, MESHCTL  # noqa: E402
from lib.mesh import wait_for  # noqa: E402

BACKEND, WIRE, LOCAL = 8081, 8443, 9000  # ports: nginx, between the proxies, of the first proxy
PROVIDER = "192.168.1.2"
BULK_MB = 400  # unless --bulk says otherwise
WRK_LUA = """done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
           latency:percentile(50), latency:percentile(99),
           e.connect + e.read + e.write + e.status + e.timeout))
end
"""
NGINX = """daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.err warn;
worker_rlimit_nofile 4096; events {{ worker_connections 2048; }}
http {{ access_log off; keepalive_requests 1000000000; sendfile on; tcp_nopush off;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{ listen 127.0.0.1:{port}; root {dir}/www; }} }}
"""
NGINX_STREAM = """load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes auto; pid {dir}/{side}.pid; error_log {dir}/{side}.err warn;
worker_rlimit_nofile 8192; events {{ worker_connections 4096; }}
stream {{ server {{ {server} }} }}
"""
NGINX_CLIENT = """listen 127.0.0.1:{local}; proxy_pass {provider}:{wire}; proxy_ssl on;
  proxy_ssl_protocols TLSv1.3; proxy_ssl_certificate {a}/hub.crt; proxy_ssl_certificate_key {a}/hub.key;
  proxy_ssl_trusted_certificate {a}/roots/root.crt; proxy_ssl_verify on; proxy_ssl_name b;"""
NGINX_SERVER = """listen {provider}:{wire} ssl; proxy_pass 127.0.0.1:{backend};
  ssl_protocols TLSv1.3; ssl_certificate {b}/hub.crt; ssl_certificate_key {b}/hub.key;
  ssl_client_certificate {b}/roots/root.crt; ssl_verify_client on;"""
HAPROXY = """global
  maxconn 4000
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
defaults
  mode {mode}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  {more}
listen it
"""
HAPROXY_CLIENT = """  bind 127.0.0.1:{local}
  server b {provider}:{wire} ssl verify required crt {a}/both.pem ca-file {a}/roots/root.crt
"""
HAPROXY_SERVER = """  bind {provider}:{wire} ssl crt {b}/both.pem ca-file {b}/roots/root.crt verify required
  server web 127.0.0.1:{backend}
"""
STUNNEL = """foreground = yes
debug = 3
syslog = no
pid =
sslVersionMin = TLSv1.3
verifyChain = yes
[it]
"""
STUNNEL_CLIENT = """client = yes
accept = 127.0.0.1:{local}
connect = {provider}:{wire}
cert = {a}/hub.crt
key = {a}/hub.key
CAfile = {a}/roots/root.crt
"""
STUNNEL_SERVER = """accept = {provider}:{wire}
connect = 127.0.0.1:{backend}
cert = {b}/hub.crt
key = {b}/hub.key
CAfile = {b}/roots/root.crt
"""
SERVICE = f"""name: web
version: 1.0.0
protocol: {{protocol}}
endpoints: ["127.0.0.1:{BACKEND}"]
available: {{{{slots: 64}}}}
"""


class Bench:
    """Two hubs, a web server at the second, and what wants to be measured between them."""

    def __init__(self, hubs, bulk_mb):
        self.bulk_mb = bulk_mb
        self.hubs, self.a, self.b, self.dir = hubs, hubs["a"], hubs["b"], hubs.work
        self.words = {"dir": self.dir, "local": LOCAL, "wire": WIRE, "backend": BACKEND,
                      "provider": PROVIDER, "a": f"{self.a.dir}/state/identity",
                      "b": f"{self.b.dir}/state/identity"}

    def prepare(self):
        os.mkdir(f"{self.dir}/www")
        with open(f"{self.dir}/www/1k", "wb") as out:
            out.write(os.urandom(512).hex().encode())
        with open(f"{self.dir}/www/bulk", "wb") as out:
            out.truncate(self.bulk_mb << 20)
        self.write("wrk.lua", WRK_LUA)
        for hub in (self.a, self.b):
            base = f"{hub.dir}/state/identity"
            with open(f"{base}/both.pem", "wb") as out:
                for part in ("hub.crt", "hub.key"):
                    out.write(open(f"{base}/{part}", "rb").read())

    def write(self, name, text):
        path = f"{self.dir}/{name}"
        with open(path, "w") as out:
            out.write(text)
        return path

    @contextlib.contextmanager
    def running(self, *commands):
        """Processes, each (hub, words); yields them; ends them with their children."""
        children = []
        try:
            for hub, words in commands:
                log = open(f"{self.dir}/bench.log", "ab")
                children.append(hub.popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
            yield children
        finally:
            for child in children:
                child.terminate()
            for child in children:
                try:
                    child.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def web_server(self):
        return self.running((self.b, ["nginx", "-c", self.write("nginx.conf",
                                      NGINX.format(port=BACKEND, **self.words))]))

    def pair(self, name, program, client, server):
        """Two processes of another proxy."""
        paths = [self.write(f"{name}-{side}.conf", text) for side, text in
                 (("client", client), ("server", server))]
        return self.running((self.a, program + [paths[0]]), (self.b, program + [paths[1]]))

    # systems: context managers that yield (hub of wrk, port, processes)

    @contextlib.contextmanager
    def direct(self):
        yield self.b, BACKEND, []

    @contextlib.contextmanager
    def hubmesh(self, protocol):
        self.hubs.start()
        try:
            self.hubs.wait_whole(30)
            self.b.run([MESHCTL, "-s", self.b.socket, "service", "add",
                        self.write("web.yaml", SERVICE.format(protocol=protocol))])
            wait_for("the entry has its provider", lambda: next(
                (e["provider"] for e in self.a.api("proxy").get("entries", [])), None), 20)
            yield self.a, LOCAL, [self.a.process, self.b.process]
        finally:
            self.a.stop()
            self.b.stop()

    @contextlib.contextmanager
    def haproxy(self, mode):
        head = HAPROXY.format(mode=mode, more="http-reuse always" if mode == "http" else "")
        with self.pair(f"haproxy-{mode}", ["haproxy", "-db", "-f"],
                       head + HAPROXY_CLIENT.format(**self.words),
                       head + HAPROXY_SERVER.format(**self.words)) as children:
            yield self.a, LOCAL, children

    @contextlib.contextmanager
    def nginx_stream(self):
        confs = [NGINX_STREAM.format(dir=self.dir, side=side, server=text.format(**self.words))
                 for side, text in (("s-client", NGINX_CLIENT), ("s-server", NGINX_SERVER))]
        with self.pair("nginx-stream", ["nginx", "-c"], *confs) as children:
            yield self.a, LOCAL, children

    @contextlib.contextmanager
    def stunnel(self):
        with self.pair("stunnel", ["stunnel4"], STUNNEL + STUNNEL_CLIENT.format(**self.words),
                       STUNNEL + STUNNEL_SERVER.format(**self.words)) as children:
            yield self.a, LOCAL, children

    def systems(self):
        return {"direct": self.direct, "hubmesh": lambda: self.hubmesh("tcp"),
                "hubmesh-http": lambda: self.hubmesh("http1"),
                "haproxy-tcp": lambda: self.haproxy("tcp"),
                "haproxy-http": lambda: self.haproxy("http"),
                "nginx-stream": self.nginx_stream, "stunnel": self.stunnel}

    # measurements

    def wrk(self, hub, port, connections, seconds, *more):
        """requests/s, p50 and p99 in us, failures"""
        out = hub.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s",
                       f"{self.dir}/wrk.lua", *more, f"http://127.0.0.1:{port}/1k"])
        found = [int(n) for n in re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", out).groups()]
        requests, us, p50, p99, failed = found
        if failed > requests / 100:
            raise RuntimeError(f"{failed} of {requests} requests failed")
        return requests * 1e6 / us, p50, p99

    def bulk(self, hub, port):
        out = hub.run(["curl", "-s", "-o", "/dev/null", "-w", "%{speed_download} %{size_download}",
                       f"http://127.0.0.1:{port}/bulk"])
        speed, size = (float(n) for n in out.split())
        if size != self.bulk_mb << 20:
            raise RuntimeError(f"{size} bytes of {self.bulk_mb} MiB came")
        return speed / 1e6

    def measure_bulk(self, hub, port, children):
        """Speed, and what a MiB costs both proxies, the kernel's work for them included."""
        before = cpu_s(children)
        found = {"bulk-mb-s": self.bulk(hub, port)}
        if children:
            found["cpu-us-mib"] = (cpu_s(children) - before) * 1e6 / self.bulk_mb
        return found

    def measure(self, start, seconds, bulk_only):
        """{test: value} of one round."""
        with start() as (hub, port, children):
            wait_for("it answers", lambda: subprocess.run(
                ["ip", "netns", "exec", hub.netns, "curl", "-sf", "-o", "/dev/null", "-m", "2",
                 f"http://127.0.0.1:{port}/1k"]).returncode == 0, 15, 0.1)
            if bulk_only:
                return self.measure_bulk(hub, port, children)
            self.wrk(hub, port, 64, 1)  # warm
            found, before = {}, cpu_s(children)
            found["rps-c64"], found["p50-us-c64"], found["p99-us-c64"] = \
                self.wrk(hub, port, 64, seconds)
            if children:
                found["cpu-us-request"] = (cpu_s(children) - before) / seconds / found["rps-c64"] * 1e6
            _, found["p50-us-c1"], found["p99-us-c1"] = self.wrk(hub, port, 1, seconds)
            before = cpu_s(children)
            found["conn-s"], _, _ = self.wrk(hub, port, 64, seconds, "-H", "Connection: close")
            if children:
                found["cpu-us-conn"] = (cpu_s(children) - before) / seconds / found["conn-s"] * 1e6
            found["bulk-mb-s"] = self.bulk(hub, port)
            if children:
                found["rss-mb"] = max(rss_mb(c.pid) for c in children)
            return found


def family(pid):
    """A process and its children."""
    with contextlib.suppress(FileNotFoundError):
        with open(f"/proc/{pid}/task/{pid}/children") as text:
            return [pid] + [int(n) for n in text.read().split()]
    return [pid]


def cpu_s(children):
    """Of both proxies: what a request costs does not depend on who else is busy."""
    ticks = 0
    for pid in (pid for child in children for pid in family(child.pid)):
        with open(f"/proc/{pid}/stat") as stat:
            ticks += sum(int(n) for n in stat.read().rsplit(")", 1)[1].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    """Resident memory of a process and its children, the largest of them."""
    found = []
    for one in family(pid):
        with open(f"/proc/{one}/status") as status:
            found.append(int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024)
    return max(found)


UNITS = {"cpu-us-request": "us", "cpu-us-conn": "us", "cpu-us-mib": "us", "rps-c64": "1/s", "conn-s": "1/s", "bulk-mb-s": "MB/s", "rss-mb": "MB",
         "p50-us-c1": "us", "p99-us-c1": "us", "p50-us-c64": "us", "p99-us-c64": "us"}
LESS_IS_BETTER = {"cpu-us-request", "cpu-us-conn", "cpu-us-mib", "p50-us-c1", "p99-us-c1", "p50-us-c64", "p99-us-c64"}


def best(test, values):
    if test == "rss-mb":
        return max(values)
    return min(values) if test in LESS_IS_BETTER else max(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", nargs="*")
    parser.add_argument("--bulk", type=int, metavar="MIB", help="a download of MIB, nothing else")
    args = parser.parse_args()
    if args.bulk is not None:  # udev does this where there is one
        subprocess.run(["modprobe", "-q", "aesni_intel"])
    work = tempfile.mkdtemp(prefix="hubmesh-bench-", dir="/var/tmp")
    hubs = DaemonMesh("ab", [("a", "b")], work=work, start=False)
    rows, values = Rows("proxy"), {}
    with hubs:
        hubs["a"].write_settings(log={"level": "warning"}, proxy={"entries": [
            {"service": "web", "listen": f"127.0.0.1:{LOCAL}"}]})
        bench = Bench(hubs, args.bulk or BULK_MB)
        bench.prepare()
        with bench.web_server():
            for number in range(args.rounds):
                for name, start in bench.systems().items():
                    if args.systems and name not in args.systems:
                        continue
                    print(f"# round {number + 1}: {name}", flush=True)
                    for test, value in bench.measure(start, args.seconds, args.bulk is not None).items():
                        values.setdefault((name, test), []).append(value)
    for (name, test), found in values.items():
        rows.add(name, test, best(test, found), UNITS[test], 1)
    rows.table("throughput", ["rps-c64", "conn-s", "bulk-mb-s", "cpu-us-request", "cpu-us-conn", "cpu-us-mib"],
               "haproxy-tcp")
    rows.table("latency, memory", ["p50-us-c1", "p99-us-c1", "p50-us-c64", "p99-us-c64", "rss-mb"])
    rows.save(args.json)


if __name__ == "__main__":
    main()
