# SPDX-License-Identifier: GPL-2.0
"""Random and mutated netlink messages and frames; the mesh must work afterwards.

      namespace fz1: fuzz0, fuzz1          peer 2 (Python) --- hub 1 (kernel) --- peer 3 (Python)
      (netlink messages)                   (frames)

The seed is printed; repeat a run with: env HUBMESH_FUZZ_SEED=N selftests/kernel/run.py ...
"""

import os
import random
import socket
import struct

from lib import frame, requests, uapi
from lib.ktap import expect, expect_equal, quick
from lib.lab import Lab, unchanged_but
from lib.mesh import GCM, hub_ref, ip_batch, link_ref, netns_add, netns_del, wait_for
from lib.traffic import SO_RCVBUFFORCE
from lib.netlink import Genl, as_dict, attr, number, u8, u16, u32, u64

NS = "fz1"
SEED = int(os.environ.get("HUBMESH_FUZZ_SEED", "20240607"))
IDS = [struct.pack(">HI", 0x0266, n) for n in range(8)]


def seeded(name):
    print(f"# fuzz seed {SEED} ({name})", flush=True)
    return random.Random(f"{SEED}/{name}")


# ---- netlink

def fuzz_device(rng):
    return attr(uapi.HUBMESH_A_IFNAME, b"fuzz%d\0" % (rng.random() < 0.2))


def random_value(rng):
    return rng.choice((b"", u8(rng.getrandbits(8)), u16(rng.getrandbits(16)),
                       u32(rng.choice((0, 1, 5, 255, 65535, 65536, 0x7FFFFFFF, 0xFFFFFFFF))),
                       u64(rng.getrandbits(64)), rng.choice(IDS), rng.randbytes(16),
                       rng.randbytes(rng.randrange(100))))


def random_nest(rng, depth=0):
    """Attributes of random types, random values, nests in nests."""
    out = []
    for _ in range(rng.randrange(8)):
        kind = rng.randrange(1, 24)
        if depth < 3 and rng.random() < 0.3:
            out.append(attr(kind, random_nest(rng, depth + 1)))
        else:
            out.append(attr(kind | (0x8000 if rng.random() < 0.05 else 0), random_value(rng)))
    return out


def sensible_nests(rng):
    """A command with nests it takes, about few objects so that they meet each other."""
    hub, index = rng.choice(IDS), rng.randrange(1, 6)
    cmd = rng.choice(requests.COMMANDS)
    owner = rng.choice((hub_ref(hub), link_ref(index)))
    length = 44 if owner == hub_ref(hub) else 60
    phase = requests.phase_of(rng.randrange(4))
    body = {
        requests.DEV_SET: [requests.device_nest(attr(rng.randrange(1, 9), random_value(rng)))],
        requests.LINK_NEW: [requests.link(index=index, peer=hub)],
        requests.LINK_SET: [requests.link_set(attr(rng.randrange(1, 23), random_value(rng)),
                                              index=index)],
        requests.LINK_DEL: [link_ref(index)], requests.LINK_GET: [link_ref(index)],
        requests.HUB_NEW: [hub_ref(hub)], requests.HUB_DEL: [hub_ref(hub)],
        requests.HUB_GET: [hub_ref(hub)],
        requests.KEY_SET: [owner, requests.key(rng.randrange(4), rng.choice((1, 2)), length,
                                               flags=rng.randrange(2))],
        requests.KEY_USE: [owner, phase], requests.KEY_DEL: [owner, phase],
        requests.ROUTE_REPLACE: [requests.routes(rng.randrange(1, 1 << 16), rng.randrange(4), *(
            requests.route(rng.choice(IDS), *rng.sample(range(1, 6), rng.randrange(1, 4)),
                           backup=rng.choice((None, 1, 2)),
                           tunnel=rng.choice((None, *IDS))) for _ in range(rng.randrange(4))))],
        requests.FDB_NEW: [requests.fdb(b"\0\1\2\3\4" + bytes([rng.randrange(8)]), hub)],
        requests.QOS_SET: [link_ref(index), requests.qos(*(
            requests.qos_class(rng.randrange(9), attr(rng.randrange(2, 7), random_value(rng)))
            for _ in range(rng.randrange(4))))],
        requests.QOS_GET: [link_ref(index)],
        requests.RULE_REPLACE: [requests.rules(*(
            requests.rule(attr(rng.randrange(2, 20), random_value(rng)), cls=rng.randrange(9))
            for _ in range(rng.randrange(4))))],
        requests.FDB_DEL: [requests.fdb(b"\0\1\2\3\4" + bytes([rng.randrange(8)]))],
    }.get(cmd, [])
    return cmd, b"".join([fuzz_device(rng), *body])


def mutated(rng, raw):
    """@raw with bits flipped, cut, stretched, repeated, or an attribute's length lied about."""
    data = bytearray(raw)
    for _ in range(rng.randrange(1, 4)):
        if not data:
            break
        at, kind = rng.randrange(len(data)), rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 40))
        elif kind == 3:
            data += data[at:]
        elif kind == 4:
            at &= ~3
            data[at:at + 2] = u16(rng.choice((0, 1, 3, 4, 5, len(data), 65535)))
        else:
            at = (at & ~3) + 2
            data[at:at + 2] = u16(rng.getrandbits(16))
    return bytes(data)


def huge(rng):
    """A nest near the 64 KiB an attribute can hold, and many small attributes."""
    kind = rng.choice((uapi.HUBMESH_A_DEVICE, uapi.HUBMESH_A_LINK, uapi.HUBMESH_A_HUB,
                       uapi.HUBMESH_A_KEY, uapi.HUBMESH_A_ROUTES, uapi.HUBMESH_A_FDB,
                       uapi.HUBMESH_A_QOS, uapi.HUBMESH_A_RULES))
    one = attr(rng.randrange(1, 8), random_value(rng))
    return fuzz_device(rng) + attr(kind, one * (60000 // len(one)))


def one_message(rng):
    """(command, attribute bytes, flags)"""
    cmd, body = sensible_nests(rng)
    chance = rng.random()
    if chance < 0.35:
        body = mutated(rng, body)
    elif chance < 0.55:
        body = fuzz_device(rng) + b"".join(random_nest(rng))
    elif chance < 0.57:
        body = huge(rng)
    elif chance < 0.60:
        body = rng.randbytes(rng.randrange(300))
    flags = 5 | (0x300 if rng.random() < 0.08 else 0) | (0x100 if rng.random() < 0.1 else 0)
    if rng.random() < 0.03:
        cmd = rng.randrange(256)
    return cmd, body, flags


class Flood:
    """Sends messages and reads whatever comes back."""

    def __init__(self, netns):
        self.genl = Genl(netns)
        self.genl.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        self.errors, self.good, self.silent = {}, 0, []

    def send(self, cmd, body, flags):
        sock = self.genl.sock
        self.genl.send_raw(struct.pack("=BBH", cmd, 1, 0) + body, flags)
        sock.setblocking(False)
        try:
            while True:
                self.note(sock.recv(1 << 17), cmd)
        except BlockingIOError:
            pass
        except OSError:
            pass  # ENOBUFS: answers were lost, which is allowed
        sock.setblocking(True)

    def note(self, data, cmd):
        while len(data) >= 20:
            length, kind, flags = struct.unpack_from("=IHH", data)
            if kind == 2:
                code = -struct.unpack_from("=i", data, 16)[0]
                self.good += code == 0
                self.errors[code] = self.errors.get(code, 0) + 1
                # The core says EOPNOTSUPP, without words, to a dump of what has none.
                if code not in (0, 95) and not flags & 0x200 and cmd in requests.COMMANDS:
                    self.silent.append((cmd, code))
            data = data[(length + 3) & ~3:]

    def close(self):
        self.genl.close()


def expect_family_works(netns):
    """Tables of a fresh device can still be filled, read and emptied."""
    ip_batch(netns, ["link add mesh0 type hubmesh", "link set mesh0 up"])
    genl = Genl(netns)
    for cmd, body in ((requests.HUB_NEW, [hub_ref(requests.PEER)]),
                      (requests.LINK_NEW, [requests.link()]),
                      (requests.KEY_SET, [hub_ref(requests.PEER), requests.key(0, GCM)]),
                      (requests.ROUTE_REPLACE, [requests.routes(1, 3, requests.route(
                          requests.PEER, 5))]),
                      (requests.HUB_DEL, [hub_ref(requests.PEER)])):
        genl.request(cmd, [requests.NAME, *body])
    genl.close()
    ip_batch(netns, ["link del mesh0"])


def netlink_fuzz(name, count):
    rng = seeded(name)
    netns_del(NS)
    netns_add(NS)
    try:
        ip_batch(NS, ["link set lo up", "link add fuzz0 type hubmesh", "link add fuzz1 type hubmesh",
                      "link set fuzz0 up"])
        flood = Flood(NS)
        for _ in range(count):
            flood.send(*one_message(rng))
        print(f"# {flood.good} accepted; refused by errno: "
              f"{dict(sorted(flood.errors.items()))}", flush=True)
        flood.close()
        expect(flood.good > count // 20, "hardly a message was accepted: the fuzz is shallow")
        expect(len(flood.errors) > 4, "hardly a check was reached")
        expect(not flood.silent, f"refused without text: {sorted(set(flood.silent))}")
        ip_batch(NS, ["link del fuzz0", "link del fuzz1"])
        expect_family_works(NS)
    finally:
        netns_del(NS)


@quick
def test_netlink_survives_800_random_messages():
    netlink_fuzz("short", 800)


def test_netlink_survives_6000_random_messages():
    netlink_fuzz("long", 6000)


# ---- frames

class FrameFuzzer:
    """Crafts frames from a pool of intact ones, so that the cipher runs rarely in Python."""

    def __init__(self, lab, rng):
        self.lab, self.rng, self.peer = lab, rng, lab[2]

    def intact(self):
        return self.peer.build(self.rng.choice((None, b"", self.rng.randbytes(40))) or
                               self.peer.inner(), dst=self.rng.choice((self.lab.hub.id,
                                                                       self.lab[3].id)))

    def retagged(self):
        """Past the hop: random header under a right tag, random sealed part."""
        rng = self.rng
        ids = (self.lab.hub.id, self.lab[2].id, self.lab[3].id, rng.randbytes(6), b"\xff" * 6)
        header = self.peer.header(
            type=rng.choice((1, 1, 1, 2, 3, 4, rng.randrange(16))), ttl=rng.randrange(64),
            cls=rng.randrange(8), phase=rng.choice((0, 0, rng.randrange(4))),
            flags=rng.choice((0, 0, 0, rng.randrange(8))),
            lane=rng.choice((0, rng.randrange(uapi.HM_LANES), rng.randrange(256))), flow=rng.getrandbits(16),
            dst=rng.choice(ids), src=rng.choice(ids), counter=rng.getrandbits(64),
            hop_phase=rng.choice((0, 0, 0, rng.randrange(4))))
        return frame.tag(header, self.peer.link_tx).pack() + rng.randbytes(rng.randrange(16, 200))

    def mutated(self, pool):
        data = bytearray(self.rng.choice(pool))
        for _ in range(self.rng.randrange(1, 4)):
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        return bytes(data[:self.rng.choice((len(data), len(data), self.rng.randrange(len(data)))) + 1])

    def one(self, pool):
        chance = self.rng.random()
        if chance < 0.1:
            return self.rng.randbytes(self.rng.randrange(0, 1400))
        if chance < 0.4:
            return self.retagged()
        if chance < 0.45:
            return self.rng.choice(pool)
        return self.mutated(pool)

    def super_packet(self, pool):
        """Frames of one length, some intact, some not, a shorter one at the end."""
        length = self.rng.choice((100, 200, 56, 57, 300))
        frames = [self.one(pool).ljust(length, b"\0")[:length]
                  for _ in range(self.rng.randrange(2, 12))]
        for i in range(len(frames)):
            if self.rng.random() < 0.4:
                frames[i] = self.exact(length)
        frames[-1] = frames[-1][:self.rng.randrange(1, length + 1)]
        return frames

    def exact(self, length):
        """An intact frame of @length bytes."""
        overhead = uapi.HM_HDR_LEN + uapi.HM_SEAL_TAG_LEN
        plain = (bytes(2) + self.peer.inner()).ljust(length - overhead, b"\0")[:length - overhead]
        return self.peer.build(plain=plain, flow=self.rng.choice((7, 8)),
                               dst=self.rng.choice((self.lab.hub.id, self.lab[3].id)))


def accounted(hub):
    """Frames that the hub has dropped, delivered, or relayed."""
    stats = as_dict(hub.device()[uapi.HUBMESH_A_DEVICE_STATS])
    return (sum(hub.drops().values()) + number(stats[uapi.HUBMESH_A_STATS_RX_FRAMES])
            + number(stats[uapi.HUBMESH_A_STATS_FORWARDED]))


def expect_lab_works(lab):
    lab.drain()
    lab[2].send(lab[2].build(lab[2].inner(b"after")))
    expect_equal(lab.delivered(), lab[2].inner(b"after"), "intact frame after the fuzz")
    lab[2].send(lab[2].build(b"relay", dst=lab[3].id))
    expect(lab[3].receive(), "intact frame not relayed after the fuzz")


def frame_fuzz(name, datagrams, supers, joined=False):
    rng = seeded(name)
    with Lab() as lab:
        if joined:
            lab.join_received()
        fuzzer = FrameFuzzer(lab, rng)
        pool = [fuzzer.intact() for _ in range(60)]
        before, drops, sent = accounted(lab.hub), lab.hub.drops(), 0
        for _ in range(datagrams):
            lab[2].send(fuzzer.one(pool))
            sent += 1
        for _ in range(supers):
            frames = fuzzer.super_packet(pool)
            lab[2].send_super(frames)
            sent += len(frames)
        wait_for("every frame to be dropped, delivered or relayed",
                 lambda: accounted(lab.hub) - before >= sent)
        expect_equal(accounted(lab.hub) - before, sent, "frames accounted for")
        rose = unchanged_but(drops, lab.hub.drops())
        print(f"# {sent} frames, dropped: {rose}", flush=True)
        expect(len(rose) >= 8, f"few checks reached: {rose}")
        expect_lab_works(lab)


@quick
def test_receive_survives_600_random_frames_and_accounts_for_each():
    frame_fuzz("frames short", 600, 0)


@quick
def test_receive_survives_super_packets_of_mixed_frames_and_accounts_for_each():
    frame_fuzz("super", 0, 100)


@quick
def test_receive_survives_packets_joined_by_gro_and_accounts_for_each_frame():
    frame_fuzz("joined", 0, 300, joined=True)


def test_receive_survives_5000_random_frames_and_accounts_for_each():
    frame_fuzz("frames long", 5000, 300)
