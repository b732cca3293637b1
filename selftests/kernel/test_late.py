# SPDX-License-Identifier: GPL-2.0
"""Ciphers that finish later, in another context, or refuse: pcrypt in front of AES-GCM.

      hub 1 ---- hub 2 ---- hub 3
      source     relay      sink
"""

import contextlib
import os
import socket

from lib import uapi
from lib.ktap import Skip, expect, expect_equal, quick
from lib.lab import provokes
from lib.mesh import GCM, hub_ref, line, link_ref, run, wait_for
from lib.traffic import Sender, Stream, expect_mesh_connected, tcp_transfer

PCRYPT = "pcrypt(generic-gcm-aesni)"
PCRYPT_CPUS = "/sys/kernel/pcrypt/{}/parallel_cpumask"
PROVE_LOCKING = "/proc/sys/kernel/prove_locking"
IS_LAST = True  # where pcrypt is no module it stays the best AES-GCM there is
holder = None


def prove_locking(is_on):
    """The kernel's padata, under pcrypt, nests two locks of one class and does not annotate it.

    lockdep would say so and stop its work for every test that follows.
    """
    if os.path.exists(PROVE_LOCKING):
        with open(PROVE_LOCKING, "w", encoding="ascii") as knob:
            knob.write(str(int(is_on)))


def setup():
    """Instantiate pcrypt over the best AES-GCM: later users of gcm(aes) get it."""
    global holder
    prove_locking(False)
    run("modprobe -q -a pcrypt algif_aead aesni_intel", check=False)
    holder = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
    for name in (PCRYPT, "pcrypt(gcm(aes))"):
        try:
            holder.bind(("aead", name))
            return
        except FileNotFoundError:
            continue
    holder.close()
    holder = None


def teardown():
    """pcrypt's instances outlive their users: without them later tests get the usual cipher."""
    if holder:
        holder.close()
    run("modprobe -q -r pcrypt", check=False)
    prove_locking(True)


def users_of_pcrypt():
    """References on asynchronous instances of AES-GCM, from /proc/crypto."""
    with open("/proc/crypto", encoding="ascii") as rows:
        entries = [dict(part.split(":", 1) for part in entry.replace(" ", "").splitlines())
                   for entry in rows.read().split("\n\n") if entry.strip()]
    return sum(int(e["refcnt"]) for e in entries if e["driver"].startswith("pcrypt("))


def late_line(n=3):
    if not holder:
        raise Skip("this kernel has no pcrypt")
    return line(n, cipher=GCM)


def expect_late(before):
    expect(users_of_pcrypt() >= before + 2, "the keys did not take the late cipher")


@quick
def test_traffic_flows_with_a_cipher_that_finishes_later():
    before = users_of_pcrypt() if holder else 0
    with late_line() as mesh:
        expect_late(before)
        expect_mesh_connected(mesh)
        tcp_transfer(mesh[1], mesh[3], mesh[3].ipv4, 4 << 20)
        tcp_transfer(mesh[3], mesh[1], mesh[1].ula, 1 << 20)
        for hub in mesh.hubs.values():
            expect_equal({r: n for r, n in hub.drops().items() if n and r != "tx-no-hub"}, {},
                         f"drops of hub {hub.number}")


def test_datagrams_arrive_once_though_packets_overtake_each_other():
    with late_line() as mesh:
        with Stream(mesh[1], mesh[3], mesh[1].ipv4, mesh[3].ipv4, pause=0.0005) as stream:
            stream.wait_progress(200)
        expect_equal(stream.lost, [], "datagrams lost")
        expect_equal(len(stream.received), stream.sent, "datagrams, duplicates counted")


def test_hubs_links_and_keys_removed_while_frames_are_in_the_cipher():
    with late_line() as mesh:
        with Sender(mesh[1], mesh[1].ipv4, mesh[3].ipv4), \
                Sender(mesh[3], mesh[3].ipv4, mesh[1].ipv4):
            for _ in range(20):
                for hub, other in ((mesh[1], mesh[3]), (mesh[3], mesh[1])):
                    hub.hub_del(other)
                    hub.hub_new(other)
                for a, b in ((1, 3), (3, 1)):
                    mesh.seal(a, b)
                mesh.route()
        mesh[1].link_del(2)
        wait_for("link gone", lambda: 2 not in mesh[1].links())


def test_device_removed_while_frames_are_in_the_cipher():
    for _ in range(5):
        with late_line() as mesh:
            with Sender(mesh[1], mesh[1].ipv4, mesh[3].ipv4):
                received = lambda: mesh[3].drops() is not None
                wait_for("traffic", received)
                run(f"ip -n {mesh[1].netns} link del {mesh[1].dev}")
                run(f"ip -n {mesh[3].netns} link del {mesh[3].dev}")


@contextlib.contextmanager
def no_cpus_for(instance):
    """pcrypt's pencrypt or pdecrypt has no CPU to work on: it refuses what it is given."""
    path = PCRYPT_CPUS.format(instance)
    with open(path, encoding="ascii") as file:
        before = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write("0")
    try:
        yield
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(before)


def rise_of_crypto(hub, send):
    before = hub.drops().get("crypto", 0)
    send()
    return wait_for("drops", lambda: hub.drops().get("crypto", 0) - before)


@provokes("crypto")
def test_cipher_that_refuses_costs_the_frame_and_nothing_else():
    with late_line() as mesh:
        send = lambda: run(f"ip netns exec {mesh[1].netns} ping -c 1 -W 1 {mesh[3].ipv4}",
                           check=False)
        expect_mesh_connected(mesh)
        for instance, victim in (("pencrypt", mesh[1]), ("pdecrypt", mesh[3])):
            with no_cpus_for(instance):
                expect(rise_of_crypto(victim, send) >= 1, f"{instance}: no drop of reason crypto")
            expect_mesh_connected(mesh)
