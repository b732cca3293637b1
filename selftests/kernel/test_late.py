# SPDX-License-Identifier: GPL-2.0
"""Ciphers that finish later, in another context: pcrypt in front of AES-GCM.

      hub 1 ---- hub 2 ---- hub 3
      source     relay      sink
"""

import socket

from lib import uapi
from lib.ktap import Skip, expect, expect_equal, quick
from lib.mesh import GCM, hub_ref, line, link_ref, run, wait_for
from lib.traffic import Sender, Stream, expect_mesh_connected, tcp_transfer

PCRYPT = "pcrypt(generic-gcm-aesni)"
holder = None


def setup():
    """Instantiate pcrypt over the best AES-GCM: later users of gcm(aes) get it."""
    global holder
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
