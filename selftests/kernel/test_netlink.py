# SPDX-License-Identifier: GPL-2.0
"""The netlink ABI: every command, every refusal with its errno and its words.

      namespace nl1                         namespace nl2
      +------------------------------+     +---------------+
      |  mesh0 (up)   dummy0 (up)    |     |  (empty)      |
      |  lo 127.0.0.1                |     |               |
      +------------------------------+     +---------------+
"""

import ctypes
import errno
import functools
import os
import socket
import struct

from lib import uapi
from lib.ktap import expect, expect_equal, quick
from lib.lab import Lab
from lib.mesh import (CHACHA, GCM, hub_ref, ip_batch, link_ref, material, netns_add,
                      netns_del, run, wait_for)
from lib.requests import (BEGIN, COMMANDS, COMMIT, DEV_GET, DEV_SET, DUMPS_ONLY, FDB_DEL, FDB_FLUSH, FDB_GET, FDB_NEW, HUB_DEL,
                          HUB_GET, HUB_NEW, KEY_DEL, KEY_SET, KEY_USE, LINK_DEL, LINK_GET, LINK_NEW,
                          LINK_SET, ME, NAME, OTHER, PEER, QOS_GET, ROUTE_GET, ROUTE_REPLACE, RULE_GET, WHOLE,
                          device_nest, fdb, key, link, link_set, phase_of, route, routes,
                          valid_nests)
from lib.netlink import (CLONE_NEWNET, Genl, NetlinkError, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST,
                         as_dict, attr, mac, number, parse, u16, u32, u64, u8)

NS = "nl1"
genl = None


def setup():
    global genl
    for name in (NS, "nl2"):
        netns_del(name)
        netns_add(name)
    ip_batch(NS, ["link set lo up", "link add dummy0 type dummy", "link set dummy0 up",
                  "addr add 10.9.9.1/24 dev dummy0"])
    fresh_device()


def fresh_device():
    """A mesh0 with empty tables."""
    global genl
    if genl:
        genl.close()
        ip_batch(NS, ["link del mesh0"])
    ip_batch(NS, ["link add mesh0 address 02:00:00:00:00:01 type hubmesh", "link set mesh0 up"])
    genl = Genl(NS)


def teardown():
    if genl:
        genl.close()
    for name in (NS, "nl2"):
        netns_del(name)


def ask(cmd, *attrs, name=NAME, **kw):
    return genl.request(cmd, ([name] if name else []) + list(attrs), **kw)


def refused(code, cmd, *attrs, words="", **kw):
    """The command must fail with @code (or one of several) and say why in text."""
    codes = code if isinstance(code, tuple) else (code,)
    try:
        ask(cmd, *attrs, **kw)
    except NetlinkError as why:
        shown = "/".join(errno.errorcode[c] for c in codes)
        expect(why.errno in codes, f"wanted {shown}, got {why}")
        expect(why.extack, f"refusal without extack text: {why}")
        expect(words.lower() in why.extack.lower(), f"text {why.extack!r} lacks {words!r}")
        return
    raise AssertionError("was not refused")


def nest_of(reply, kind):
    return as_dict(as_dict(reply[1])[kind])


def device():
    return nest_of(ask(DEV_GET)[0], uapi.HUBMESH_A_DEVICE)


def dump(cmd, kind):
    return [nest_of(reply, kind) for reply in ask(cmd, dump=True)]


def generation():
    return number(device()[uapi.HUBMESH_A_DEVICE_GENERATION])


def route_table():
    """{hub id: [link indices]} in force."""
    table = {}
    for reply in ask(ROUTE_GET, dump=True):
        for kind, body in parse(as_dict(reply[1])[uapi.HUBMESH_A_ROUTES]):
            if kind != uapi.HUBMESH_A_ROUTES_ROUTE:
                continue
            fields = parse(body)
            table[as_dict(body)[uapi.HUBMESH_A_ROUTE_HUB]] = [
                number(as_dict(v)[uapi.HUBMESH_A_NEXTHOP_LINK]) for k, v in fields
                if k == uapi.HUBMESH_A_ROUTE_NEXTHOP]
    return table


# ---- naming the device

@quick
def test_device_is_found_by_name_or_index():
    reply = as_dict(ask(DEV_GET)[0][1])
    index = reply[uapi.HUBMESH_A_IFINDEX]
    same = as_dict(ask(DEV_GET, name=attr(uapi.HUBMESH_A_IFINDEX, index))[0][1])
    expect_equal(same[uapi.HUBMESH_A_IFNAME], b"mesh0\0", "name")


@quick
def test_every_command_refuses_a_missing_device():
    for cmd in COMMANDS:
        is_dump = cmd in DUMPS_ONLY
        nests = valid_nests(cmd)
        refused(errno.EINVAL, cmd, *nests, name=None, dump=is_dump)
        refused(errno.ENODEV, cmd, *nests, name=attr(uapi.HUBMESH_A_IFNAME, b"nope\0"), dump=is_dump)
        refused(errno.ENODEV, cmd, *nests, name=attr(uapi.HUBMESH_A_IFINDEX, u32(9999)),
                dump=is_dump)
        refused((errno.EOPNOTSUPP, errno.ENODEV), cmd, *nests,
                name=attr(uapi.HUBMESH_A_IFNAME, b"dummy0\0"), dump=is_dump)


def test_name_and_index_together_are_refused():
    refused(errno.EINVAL, DEV_GET, attr(uapi.HUBMESH_A_IFINDEX, u32(1)))


def test_device_of_another_namespace_is_not_found():
    other = Genl("nl2")
    try:
        other.request(DEV_GET, [NAME])
    except NetlinkError as why:
        expect_equal(why.errno, errno.ENODEV, "errno")
    else:
        raise AssertionError("found across namespaces")
    finally:
        other.close()


@quick
def test_every_command_refuses_unknown_attributes_and_missing_nests():
    for cmd in COMMANDS:
        is_dump = cmd in DUMPS_ONLY
        refused(errno.EINVAL, cmd, *valid_nests(cmd), attr(77, u32(1)), dump=is_dump)
        if valid_nests(cmd) and cmd not in (LINK_GET, HUB_GET, QOS_GET):
            refused(errno.EINVAL, cmd)
    for cmd in (LINK_GET, HUB_GET, QOS_GET):
        refused(errno.EINVAL, cmd)


def test_commands_beyond_the_last_are_refused():
    for cmd in (0, uapi.HUBMESH_CMD_EVENT, uapi.HUBMESH_CMD_MAX + 1, 255):
        try:
            ask(cmd)
        except NetlinkError as why:
            expect_equal(why.errno, errno.EOPNOTSUPP, f"command {cmd}")
        else:
            raise AssertionError(f"command {cmd} was accepted")


# ---- DEV

@quick
def test_device_settings_are_kept_and_shown():
    wanted = {uapi.HUBMESH_A_DEVICE_CONTROL_PORT: u16(5000), uapi.HUBMESH_A_DEVICE_TTL: u8(9),
              uapi.HUBMESH_A_DEVICE_FDB_AGE_MS: u32(12345), uapi.HUBMESH_A_DEVICE_REKEY_FRAMES: u64(77),
              uapi.HUBMESH_A_DEVICE_HOP_RATE_PPS: u32(55), uapi.HUBMESH_A_DEVICE_PORT: u16(4999)}
    ask(DEV_SET, device_nest(*(attr(k, v) for k, v in wanted.items())))
    shown = device()
    for kind, value in wanted.items():
        expect_equal(shown[kind], value, f"device attribute {kind}")
    fresh_device()


def test_device_settings_out_of_range_are_refused_and_nothing_changes():
    before = device()
    bad = [(uapi.HUBMESH_A_DEVICE_PORT, u16(0)), (uapi.HUBMESH_A_DEVICE_CONTROL_PORT, u16(0)),
           (uapi.HUBMESH_A_DEVICE_TTL, u8(0)), (uapi.HUBMESH_A_DEVICE_TTL, u8(64)),
           (uapi.HUBMESH_A_DEVICE_REKEY_FRAMES, u64(0)), (uapi.HUBMESH_A_DEVICE_TTL, u32(5)),
           (uapi.HUBMESH_A_DEVICE_ID, b"\x02"), (uapi.HUBMESH_A_DEVICE_LINKS, u32(5)),
           (uapi.HUBMESH_A_DEVICE_GENERATION, u64(5)), (200, u32(1))]
    for kind, value in bad:
        refused((errno.ERANGE, errno.EINVAL), DEV_SET, device_nest(attr(kind, value)))
    after = device()
    for kind in (uapi.HUBMESH_A_DEVICE_PORT, uapi.HUBMESH_A_DEVICE_TTL, uapi.HUBMESH_A_DEVICE_ID):
        expect_equal(after[kind], before[kind], f"device attribute {kind}")


def test_device_id_change_refused_while_up_or_with_hubs():
    new_id = device_nest(attr(uapi.HUBMESH_A_DEVICE_ID, mac("06:00:00:00:00:01")))
    refused(errno.EBUSY, DEV_SET, new_id, words="down")
    ip_batch(NS, ["link set mesh0 down"])
    ask(HUB_NEW, hub_ref(PEER))
    refused(errno.EBUSY, DEV_SET, new_id, words="hub")
    ask(HUB_DEL, hub_ref(PEER))
    for bad in ("03:00:00:00:00:01", "00:00:00:00:00:01", "00:00:00:00:00:00"):
        refused(errno.EADDRNOTAVAIL, DEV_SET,
                device_nest(attr(uapi.HUBMESH_A_DEVICE_ID, mac(bad))))
    ask(DEV_SET, new_id)
    expect_equal(device()[uapi.HUBMESH_A_DEVICE_ID], mac("06:00:00:00:00:01"), "id")
    fresh_device()


def test_device_dump_lists_every_device_of_the_namespace():
    ip_batch(NS, [f"link add m{n} type hubmesh" for n in range(20)])
    names = {as_dict(reply[1])[uapi.HUBMESH_A_IFNAME].rstrip(b"\0").decode()
             for reply in genl.request(DEV_GET, [], dump=True)}
    expect_equal(names, {"mesh0"} | {f"m{n}" for n in range(20)}, "devices")
    ip_batch(NS, [f"link del m{n}" for n in range(20)])


# ---- LINK

@quick
def test_link_new_without_index_is_given_a_free_one():
    ask(LINK_NEW, link(index=1))
    reply = ask(LINK_NEW, link(index=None))
    index = number(nest_of(reply[0], uapi.HUBMESH_A_LINK)[uapi.HUBMESH_A_LINK_INDEX])
    expect(index not in (0, 1), f"index {index}")
    for n in (1, index):
        ask(LINK_DEL, link_ref(n))


def test_link_get_shows_what_was_set():
    ask(LINK_NEW, link(attr(uapi.HUBMESH_A_LINK_REMOTE_PORT, u16(99)),
                       attr(uapi.HUBMESH_A_LINK_LOCAL4, bytes((127, 0, 0, 1))),
                       attr(uapi.HUBMESH_A_LINK_MTU, u32(1400)),
                       attr(uapi.HUBMESH_A_LINK_PROBE_MS, u32(0)),
                       attr(uapi.HUBMESH_A_LINK_PROBE_MISSES, u32(7))))
    shown = nest_of(ask(LINK_GET, link_ref(5))[0], uapi.HUBMESH_A_LINK)
    for kind, value in ((uapi.HUBMESH_A_LINK_PEER, PEER), (uapi.HUBMESH_A_LINK_REMOTE_PORT, u16(99)),
                        (uapi.HUBMESH_A_LINK_REMOTE4, bytes((127, 0, 0, 1))),
                        (uapi.HUBMESH_A_LINK_LOCAL4, bytes((127, 0, 0, 1))),
                        (uapi.HUBMESH_A_LINK_MTU, u32(1400)), (uapi.HUBMESH_A_LINK_PROBE_MS, u32(0)),
                        (uapi.HUBMESH_A_LINK_PROBE_MISSES, u32(7)),
                        (uapi.HUBMESH_A_LINK_STATE, u32(uapi.HUBMESH_LINK_NEW))):
        expect_equal(shown[kind], value, f"link attribute {kind}")
    expect(uapi.HUBMESH_A_LINK_TX_PHASE not in shown, "a transmit phase without a key")
    ask(LINK_DEL, link_ref(5))


@quick
def test_link_new_refusals():
    a4, a6 = uapi.HUBMESH_A_LINK_REMOTE4, uapi.HUBMESH_A_LINK_REMOTE6
    six = lambda text: socket.inet_pton(socket.AF_INET6, text)
    mesh0 = u32(number(as_dict(ask(DEV_GET)[0][1])[uapi.HUBMESH_A_IFINDEX]))
    inval, range_, noaddr = errno.EINVAL, (errno.ERANGE, errno.EINVAL), errno.EADDRNOTAVAIL
    refused(inval, LINK_NEW, link(peer=None))
    refused(inval, LINK_NEW, link(remote=None), words="remote")
    refused(inval, LINK_NEW, link(attr(a6, six("fd00::1"))), words="one kind")
    refused(noaddr, LINK_NEW, link(peer=ME), words="itself")
    refused((noaddr, *range_), LINK_NEW, link(peer=mac("01:00:00:00:00:05")))
    refused(range_, LINK_NEW, link(peer=b"\x02"))
    refused(range_, LINK_NEW, link(index=0))
    refused(range_, LINK_NEW, link(index=65536))
    refused(noaddr, LINK_NEW, link(remote=(a4, bytes((224, 0, 0, 1)))))
    refused(noaddr, LINK_NEW, link(remote=(a4, bytes(4))))
    refused(noaddr, LINK_NEW, link(remote=(a4, b"\xff" * 4)))
    refused(noaddr, LINK_NEW, link(remote=(a4, bytes((10, 9, 9, 255)))))
    refused(noaddr, LINK_NEW, link(remote=(a6, six("ff02::1"))))
    refused(noaddr, LINK_NEW, link(remote=(a6, bytes(16))))
    refused(noaddr, LINK_NEW, link(remote=(a6, six("::ffff:10.0.0.1"))))
    refused(inval, LINK_NEW, link(remote=(a6, six("fe80::1"))), words="OIF")
    refused(range_, LINK_NEW, link(remote=(a4, b"\x7f\0\0")))
    refused(inval, LINK_NEW, link(attr(uapi.HUBMESH_A_LINK_LOCAL6, six("fd00::2"))))
    refused(errno.ENODEV, LINK_NEW, link(attr(uapi.HUBMESH_A_LINK_OIF, u32(9999))))
    refused(errno.ELOOP, LINK_NEW, link(attr(uapi.HUBMESH_A_LINK_OIF, mesh0)))
    refused(range_, LINK_NEW, link(attr(uapi.HUBMESH_A_LINK_REMOTE_PORT, u16(0))))
    for ms in (1, 9, 1001):
        refused(range_, LINK_NEW, link(attr(uapi.HUBMESH_A_LINK_PROBE_MS, u32(ms))))
    for misses in (0, 1, 101):
        refused(range_, LINK_NEW, link(attr(uapi.HUBMESH_A_LINK_PROBE_MISSES, u32(misses))))
    for mtu in (1, 575, 65536):
        refused(range_, LINK_NEW, link(attr(uapi.HUBMESH_A_LINK_MTU, u32(mtu))))
    for kind in (uapi.HUBMESH_A_LINK_STATE, uapi.HUBMESH_A_LINK_RTT_US, 200):
        refused(inval, LINK_NEW, link(attr(kind, u32(1))))
    expect_equal(dump(LINK_GET, uapi.HUBMESH_A_LINK), [], "links made by refused commands")


def test_link_index_in_use_is_refused():
    ask(LINK_NEW, link())
    refused(errno.EEXIST, LINK_NEW, link(), words="in use")
    ask(LINK_DEL, link_ref(5))
    refused(errno.ENOENT, LINK_DEL, link_ref(5))
    refused(errno.ENOENT, LINK_GET, link_ref(5))
    refused(errno.ENOENT, LINK_SET, link_set())


def test_link_set_changes_addresses_and_family():
    ask(LINK_NEW, link(attr(uapi.HUBMESH_A_LINK_LOCAL4, bytes((127, 0, 0, 1)))))
    six = socket.inet_pton(socket.AF_INET6, "fd00::9")
    ask(LINK_SET, link_set(attr(uapi.HUBMESH_A_LINK_REMOTE6, six)))
    shown = nest_of(ask(LINK_GET, link_ref(5))[0], uapi.HUBMESH_A_LINK)
    expect_equal(shown[uapi.HUBMESH_A_LINK_REMOTE6], six, "remote")
    expect(uapi.HUBMESH_A_LINK_REMOTE4 not in shown, "two families")
    refused(errno.EINVAL, LINK_SET, link_set(attr(uapi.HUBMESH_A_LINK_LOCAL4, bytes((127, 0, 0, 1)))))
    refused(errno.EADDRNOTAVAIL, LINK_SET,
            link_set(attr(uapi.HUBMESH_A_LINK_REMOTE4, b"\xff" * 4)))
    same = nest_of(ask(LINK_GET, link_ref(5))[0], uapi.HUBMESH_A_LINK)
    expect_equal(same[uapi.HUBMESH_A_LINK_REMOTE6], six, "remote after a refusal")
    ask(LINK_DEL, link_ref(5))


# ---- HUB

@quick
def test_hub_lifecycle_and_refusals():
    ask(HUB_NEW, hub_ref(PEER))
    refused(errno.EEXIST, HUB_NEW, hub_ref(PEER), words="known")
    refused(errno.EADDRNOTAVAIL, HUB_NEW, hub_ref(ME), words="itself")
    for bad in ("03:00:00:00:00:01", "00:00:00:00:00:07", "00:00:00:00:00:00"):
        refused(errno.EADDRNOTAVAIL, HUB_NEW, hub_ref(mac(bad)))
    refused((errno.EINVAL, errno.ERANGE), HUB_NEW, hub_ref(b"\x02\0"))
    refused(errno.EINVAL, HUB_NEW, attr(uapi.HUBMESH_A_HUB, []))
    refused(errno.EINVAL, HUB_NEW, attr(uapi.HUBMESH_A_HUB, [
        attr(uapi.HUBMESH_A_HUB_ID, OTHER), attr(uapi.HUBMESH_A_HUB_HELD, u32(1))]))
    shown = nest_of(ask(HUB_GET, hub_ref(PEER))[0], uapi.HUBMESH_A_HUB)
    expect_equal(shown[uapi.HUBMESH_A_HUB_ID], PEER, "id")
    expect_equal(number(shown[uapi.HUBMESH_A_HUB_RX_PHASES]), 0, "phases")
    ask(HUB_DEL, hub_ref(PEER))
    for cmd in (HUB_DEL, HUB_GET):
        refused(errno.ENOENT, cmd, hub_ref(PEER))


# ---- KEY

def with_hub_and_link(test):
    """Run @test with hub PEER and link 5 in the tables."""
    @functools.wraps(test)
    def wrapped():
        ask(HUB_NEW, hub_ref(PEER))
        ask(LINK_NEW, link())
        try:
            test()
        finally:
            ask(HUB_DEL, hub_ref(PEER))
            ask(LINK_DEL, link_ref(5))
    return wrapped


def phases(owner, cmd, kind):
    shown = nest_of(ask(cmd, owner)[0], kind)
    tx, rx = ((uapi.HUBMESH_A_HUB_TX_PHASE, uapi.HUBMESH_A_HUB_RX_PHASES)
              if kind == uapi.HUBMESH_A_HUB else
              (uapi.HUBMESH_A_LINK_TX_PHASE, uapi.HUBMESH_A_LINK_RX_PHASES))
    return number(shown[tx]) if tx in shown else None, number(shown[rx])


OWNERS = ((hub_ref(PEER), 44, HUB_GET, uapi.HUBMESH_A_HUB),
          (link_ref(5), 60, LINK_GET, uapi.HUBMESH_A_LINK))


@quick
@with_hub_and_link
def test_key_phases_follow_set_use_and_del():
    for owner, length, get, kind in OWNERS:
        state = lambda: phases(owner, get, kind)
        for cipher in (GCM, CHACHA):
            ask(KEY_SET, owner, key(0, cipher, length))
            expect_equal(state(), (None, 0b0001), "pending transmit")
            ask(KEY_USE, owner, phase_of(0))
            expect_equal(state(), (0, 0b0001), "after KEY_USE")
            ask(KEY_SET, owner, key(1, cipher, length, flags=uapi.HUBMESH_KEY_F_USE))
            expect_equal(state(), (1, 0b0011), "after KEY_SET with F_USE")
            ask(KEY_SET, owner, key(3, cipher, length))
            expect_equal(state(), (1, 0b1011), "third phase pending")
            refused(errno.ENOSPC, KEY_SET, owner, key(2, cipher, length), words="three")
            refused(errno.EEXIST, KEY_SET, owner, key(1, cipher, length), words="transmit")
            ask(KEY_DEL, owner, phase_of(0))
            ask(KEY_SET, owner, key(2, cipher, length))
            expect_equal(state(), (1, 0b1110), "fourth phase in the first's place")
            ask(KEY_DEL, owner, phase_of(1))
            expect_equal(state(), (None, 0b1100), "phase in use deleted")
            ask(KEY_DEL, owner)
            expect_equal(state(), (None, 0), "all deleted")


@quick
@with_hub_and_link
def test_key_refusals():
    bad_value = (errno.EINVAL, errno.ERANGE)
    for owner, length, _, _ in OWNERS:
        for kind in (uapi.HUBMESH_A_KEY_PHASE, uapi.HUBMESH_A_KEY_CIPHER, uapi.HUBMESH_A_KEY_RX,
                     uapi.HUBMESH_A_KEY_TX):
            refused(errno.EINVAL, KEY_SET, owner, key(length=length, without=(kind,)))
        refused(bad_value, KEY_SET, owner, key(phase=4, length=length))
        for cipher in (0, 3, 1 << 31):
            refused((*bad_value, errno.EOPNOTSUPP), KEY_SET, owner, key(cipher=cipher, length=length))
        for wrong in (0, 1, 32, length - 1, length + 1, 104 - length, 1000):
            refused(bad_value, KEY_SET, owner, key(length=wrong))
        refused((*bad_value, errno.EOPNOTSUPP), KEY_SET, owner, key(length=length, flags=2))
        refused(bad_value, KEY_USE, owner, phase_of(4))
        refused(errno.ENOENT, KEY_USE, owner, phase_of(0))
        refused(errno.ENOENT, KEY_DEL, owner, phase_of(0))
        refused(errno.EINVAL, KEY_USE, owner)
    refused(errno.EINVAL, KEY_SET, key(), words="")
    refused(errno.EINVAL, KEY_SET, hub_ref(PEER), link_ref(5), key())
    refused(errno.ENOENT, KEY_SET, hub_ref(OTHER), key())
    refused(errno.ENOENT, KEY_SET, link_ref(6), key(length=60))


@quick
@with_hub_and_link
def test_keys_cannot_be_read_back_by_any_command():
    secrets = []
    for owner, length, _, _ in OWNERS:
        for phase in (0, 1, 2):
            ask(KEY_SET, owner, key(phase, GCM if phase else CHACHA, length, flags=phase & 1))
            secrets += [material(side, phase)[:length] for side in ("rx", "tx")]
    seen = []
    for cmd in COMMANDS:
        for args in ({"dump": True}, {}):
            for attrs in ([NAME], [NAME, hub_ref(PEER)], [NAME, link_ref(5)], []):
                if cmd in (DEV_GET, LINK_GET, HUB_GET, ROUTE_GET, FDB_GET, QOS_GET, RULE_GET):
                    try:
                        seen += [body for _, body in genl.request(cmd, attrs, **args)]
                    except NetlinkError:
                        pass
    blob = b"".join(seen)
    expect(PEER in blob, "nothing was dumped")
    for secret in secrets:
        for at in range(0, len(secret) - 8, 4):
            expect(secret[at:at + 8] not in blob, "key bytes in a dump")


# ---- ROUTE

@quick
@with_hub_and_link
def test_route_transaction_replaces_the_whole_set():
    ask(HUB_NEW, hub_ref(OTHER))
    base = generation()
    ask(ROUTE_REPLACE, routes(base + 1, WHOLE, route(PEER, 5), route(OTHER, 5)))
    expect_equal(route_table(), {PEER: [5], OTHER: [5]}, "routes")
    expect_equal(generation(), base + 1, "generation")
    ask(ROUTE_REPLACE, routes(base + 5, WHOLE, route(OTHER, 5)))
    expect_equal(route_table(), {OTHER: [5]}, "routes")
    ask(ROUTE_REPLACE, routes(base + 6, WHOLE))
    expect_equal(route_table(), {}, "routes after an empty set")
    ask(HUB_DEL, hub_ref(OTHER))


@with_hub_and_link
def test_route_transaction_over_messages_takes_force_at_commit():
    ask(HUB_NEW, hub_ref(OTHER))
    base = generation()
    ask(ROUTE_REPLACE, routes(base + 1, WHOLE, route(PEER, 5)))
    ask(ROUTE_REPLACE, routes(base + 2, BEGIN, route(OTHER, 5)))
    expect_equal(route_table(), {PEER: [5]}, "routes before commit")
    ask(ROUTE_REPLACE, routes(base + 2, 0, route(PEER, 5)))
    expect_equal((route_table(), generation()), ({PEER: [5]}, base + 1), "before commit")
    ask(ROUTE_REPLACE, routes(base + 2, COMMIT))
    expect_equal((route_table(), generation()), ({PEER: [5], OTHER: [5]}, base + 2), "committed")
    ask(HUB_DEL, hub_ref(OTHER))
    expect_equal(route_table(), {PEER: [5]}, "a hub's route goes with it")


@quick
@with_hub_and_link
def test_failed_route_transaction_leaves_the_old_set_in_force():
    base = generation()
    ask(ROUTE_REPLACE, routes(base + 1, WHOLE, route(PEER, 5)))
    inval = (errno.EINVAL, errno.ERANGE)
    whole = lambda *entries: routes(base + 2, WHOLE, *entries)
    refused(errno.ESTALE, ROUTE_REPLACE, routes(base + 1, WHOLE), words="generation")
    refused(errno.ESTALE, ROUTE_REPLACE, routes(0, WHOLE))
    refused(errno.ENOENT, ROUTE_REPLACE, whole(route(OTHER, 5)))
    refused(errno.ENOENT, ROUTE_REPLACE, whole(route(PEER, 6)))
    refused(errno.ENOENT, ROUTE_REPLACE, whole(route(PEER, 5, backup=6)))
    refused(inval, ROUTE_REPLACE, whole(route(PEER, 5, 5)), words="twice")
    refused(inval, ROUTE_REPLACE, whole(route(PEER, 5, backup=5)))
    for index in range(6, 10):
        ask(LINK_NEW, link(index=index))
    refused(errno.E2BIG, ROUTE_REPLACE, whole(route(PEER, 5, 6, 7, 8, 9)))
    for index in range(6, 10):
        ask(LINK_DEL, link_ref(index))
    refused(inval, ROUTE_REPLACE, whole(route(PEER)))
    refused(inval, ROUTE_REPLACE, whole(route(None, 5)))
    refused(inval, ROUTE_REPLACE, whole(route(PEER, 5, weight=0)))
    refused((*inval, errno.EEXIST), ROUTE_REPLACE, whole(route(PEER, 5), route(PEER, 5)))
    refused(inval, ROUTE_REPLACE, whole(route(b"\x02", 5)))
    refused(inval, ROUTE_REPLACE, routes(base + 2, 4))
    expect_equal((route_table(), generation()), ({PEER: [5]}, base + 1), "set in force")
    ask(ROUTE_REPLACE, routes(base + 2, WHOLE))


@with_hub_and_link
def test_route_steps_without_or_against_the_open_transaction_are_refused():
    base = generation()
    refused(errno.ENOENT, ROUTE_REPLACE, routes(base + 1, 0, route(PEER, 5)), words="BEGIN")
    refused(errno.ENOENT, ROUTE_REPLACE, routes(base + 1, COMMIT))
    ask(ROUTE_REPLACE, routes(base + 1, BEGIN, route(PEER, 5)))
    refused(errno.ESTALE, ROUTE_REPLACE, routes(base + 2, COMMIT))
    ask(ROUTE_REPLACE, routes(base + 3, BEGIN))
    ask(ROUTE_REPLACE, routes(base + 3, COMMIT))
    expect_equal((route_table(), generation()), ({}, base + 3), "second BEGIN starts afresh")


@with_hub_and_link
def test_removed_link_leaves_the_routes_and_an_open_transaction():
    base = generation()
    ask(LINK_NEW, link(index=6))
    ask(ROUTE_REPLACE, routes(base + 1, WHOLE, route(PEER, 6, backup=5)))
    ask(ROUTE_REPLACE, routes(base + 2, BEGIN, route(PEER, 5, 6)))
    ask(LINK_DEL, link_ref(6))
    expect_equal(route_table(), {PEER: [5]}, "the backup takes over")
    ask(ROUTE_REPLACE, routes(base + 2, COMMIT))
    expect_equal(route_table(), {PEER: [5]}, "staged without the removed link")


def tunnels():
    """{hub id: (links, backup link, tunnel end)} in force."""
    table = {}
    for reply in ask(ROUTE_GET, dump=True):
        body = as_dict(as_dict(reply[1])[uapi.HUBMESH_A_ROUTES])[uapi.HUBMESH_A_ROUTES_ROUTE]
        backup = as_dict(as_dict(body).get(uapi.HUBMESH_A_ROUTE_BACKUP, b""))
        hub = as_dict(body)[uapi.HUBMESH_A_ROUTE_HUB]
        table[hub] = (route_table()[hub], number(backup.get(uapi.HUBMESH_A_NEXTHOP_LINK, b"")),
                      backup.get(uapi.HUBMESH_A_NEXTHOP_TUNNEL))
    return table


@quick
@with_hub_and_link
def test_backup_through_a_tunnel_is_checked_shown_and_outlives_the_next_hop():
    base = generation()
    ask(LINK_NEW, link(index=6))
    ask(HUB_NEW, hub_ref(OTHER))
    inval = (errno.EINVAL, errno.ERANGE)
    whole = lambda entry: routes(base + 1, WHOLE, entry)
    for end, code, words in ((ME, inval, "this hub"), (PEER, inval, "destination"),
                             (mac("02:00:00:00:00:77"), errno.ENOENT, "not known")):
        refused(code, ROUTE_REPLACE, whole(route(PEER, 5, backup=6, tunnel=end)), words=words)
    refused(inval, ROUTE_REPLACE, whole(route(PEER, 5, backup=6, tunnel=OTHER[:5])))
    hop = attr(uapi.HUBMESH_A_ROUTE_NEXTHOP, [attr(uapi.HUBMESH_A_NEXTHOP_LINK, u32(5)),
                                              attr(uapi.HUBMESH_A_NEXTHOP_TUNNEL, OTHER)])
    refused(inval, ROUTE_REPLACE, whole(attr(uapi.HUBMESH_A_ROUTES_ROUTE, [
        attr(uapi.HUBMESH_A_ROUTE_HUB, PEER), hop])))
    ask(ROUTE_REPLACE, whole(route(PEER, 5, backup=6, tunnel=OTHER)))
    expect_equal(tunnels(), {PEER: ([5], 6, OTHER)}, "in force")
    ask(LINK_DEL, link_ref(5))
    expect_equal(tunnels(), {PEER: ([], 6, OTHER)}, "no next hop without its tunnel")
    ask(LINK_DEL, link_ref(6))
    expect_equal(tunnels(), {}, "without any link")
    ask(HUB_DEL, hub_ref(OTHER))
    ask(LINK_NEW, link())


# ---- FDB

@quick
@with_hub_and_link
def test_fdb_static_entries_and_refusals():
    m = mac("00:11:22:33:44:55")
    ask(FDB_NEW, fdb(m, PEER))
    refused(errno.EEXIST, FDB_NEW, fdb(m, PEER))
    entries = {e[uapi.HUBMESH_A_FDB_MAC]: e for e in dump(FDB_GET, uapi.HUBMESH_A_FDB)}
    expect_equal(entries[m][uapi.HUBMESH_A_FDB_HUB], PEER, "hub")
    expect_equal(number(entries[m][uapi.HUBMESH_A_FDB_FLAGS]), uapi.HUBMESH_FDB_F_STATIC, "flags")
    for bad in ("01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"):
        refused((errno.EADDRNOTAVAIL, errno.EINVAL), FDB_NEW, fdb(mac(bad), PEER))
    refused(errno.EADDRNOTAVAIL, FDB_NEW, fdb(ME, PEER))
    refused(errno.EADDRNOTAVAIL, FDB_NEW, fdb(PEER, PEER))
    refused(errno.ENOENT, FDB_NEW, fdb(mac("00:11:22:33:44:66"), OTHER))
    refused(errno.EINVAL, FDB_NEW, fdb(None, PEER))
    refused(errno.EINVAL, FDB_NEW, fdb(m))
    refused((errno.EINVAL, errno.ERANGE), FDB_NEW, fdb(b"\0\1", PEER))
    ask(FDB_FLUSH)
    expect_equal(len(dump(FDB_GET, uapi.HUBMESH_A_FDB)), 1, "flush keeps static entries")
    ask(FDB_DEL, fdb(m))
    refused(errno.ENOENT, FDB_DEL, fdb(m))


@with_hub_and_link
def test_fdb_entries_of_a_hub_go_with_it():
    for n in range(5):
        ask(FDB_NEW, fdb(bytes((0, 17, 0, 0, 0, n)), PEER))
    ask(HUB_DEL, hub_ref(PEER))
    expect_equal(dump(FDB_GET, uapi.HUBMESH_A_FDB), [], "fdb")
    ask(HUB_NEW, hub_ref(PEER))


# ---- many

def many_ids(n):
    return [struct.pack(">HI", 0x0268, i) for i in range(n)]


def pipelined(cmd, bodies):
    """Send many requests, collecting acknowledgements as they come."""
    head = struct.pack("=BBH", cmd, 1, 0)
    for at in range(0, len(bodies), 50):
        last = [genl.send_raw(head + NAME + body, NLM_F_REQUEST | NLM_F_ACK)
                for body in bodies[at:at + 50]]
        for seq in last:
            genl.collect(seq)


def test_dumps_of_many_objects_are_split_and_complete():
    ids = many_ids(1200)
    pipelined(HUB_NEW, [hub_ref(i) for i in ids])
    shown = [h[uapi.HUBMESH_A_HUB_ID] for h in dump(HUB_GET, uapi.HUBMESH_A_HUB)]
    expect_equal((len(shown), set(shown)), (len(ids), set(ids)), "hubs")
    pipelined(LINK_NEW, [link(index=n, peer=ids[n]) for n in range(1, 401)])
    indices = [number(l[uapi.HUBMESH_A_LINK_INDEX]) for l in dump(LINK_GET, uapi.HUBMESH_A_LINK)]
    expect_equal(sorted(indices), list(range(1, 401)), "links")
    macs = [struct.pack(">HI", 0x0011, n) for n in range(500)]
    pipelined(FDB_NEW, [fdb(m, ids[n]) for n, m in enumerate(macs)])
    shown = [e[uapi.HUBMESH_A_FDB_MAC] for e in dump(FDB_GET, uapi.HUBMESH_A_FDB)]
    expect_equal((len(shown), set(shown)), (500, set(macs)), "fdb")
    base = generation()
    for at in range(0, 1200, 300):
        flags = (BEGIN if at == 0 else 0) | (COMMIT if at == 900 else 0)
        ask(ROUTE_REPLACE, routes(base + 1, flags, *(route(i, 1 + n % 400, 1 + (n + 1) % 400,
                                                          backup=1 + (n + 2) % 400)
                                                    for n, i in enumerate(ids[at:at + 300]))))
    expect_equal(set(route_table()), set(ids), "routes")
    pipelined(HUB_DEL, [hub_ref(i) for i in ids])
    expect_equal((route_table(), dump(FDB_GET, uapi.HUBMESH_A_FDB)), ({}, []), "after the hubs went")
    fresh_device()


def test_abandoned_dump_does_not_block_changes_or_removal():
    pipelined(HUB_NEW, [hub_ref(i) for i in many_ids(300)])
    lazy = Genl(NS)
    lazy.send_raw(struct.pack("=BBH", HUB_GET, 1, 0) + NAME, NLM_F_REQUEST | NLM_F_DUMP)
    lazy.sock.recv(1 << 16)
    ask(HUB_DEL, hub_ref(many_ids(1)[0]))
    fresh_device()
    try:
        while True:
            data = lazy.sock.recv(1 << 16)
            if struct.unpack_from("=H", data, 4)[0] in (2, 3):
                break
    finally:
        lazy.close()


# ---- permissions

def in_child(check):
    """Run check() in a forked child; it returns text on failure, None on success."""
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        try:
            text = check() or ""
        except BaseException as error:  # noqa: B902 - the parent reports it
            text = f"{type(error).__name__}: {error}"
        os.write(writable, text.encode()[:4000])
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    expect(not text, text)


def all_refused_but_dev_get(allowed=(DEV_GET,)):
    """Every command but @allowed ends in EPERM; text for the first that does not."""
    mine = Genl(None)
    for cmd in COMMANDS:
        for dump_it in (False, True):
            try:
                mine.request(cmd, [NAME, *valid_nests(cmd)], dump=dump_it)
                code = 0
            except NetlinkError as why:
                code = why.errno
            if cmd in allowed:
                if code == errno.EPERM:
                    return f"command {cmd} refused"
            elif code not in (errno.EPERM, errno.EOPNOTSUPP):
                return f"command {cmd} dump={dump_it}: errno {code}, not EPERM"
    try:
        mine.subscribe()
    except OSError:
        return None
    return "may join the group of events"


def enter(netns):
    fd = os.open(f"/run/netns/{netns}", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@quick
def test_unprivileged_user_may_only_read_devices():
    def check():
        enter(NS)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        return all_refused_but_dev_get()
    in_child(check)


def test_root_of_another_user_namespace_may_only_read_devices():
    """CAP_NET_ADMIN of a user namespace that does not own the network namespace."""
    def check():
        enter(NS)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x10000000):  # CLONE_NEWUSER
            return "unshare: " + os.strerror(ctypes.get_errno())
        return all_refused_but_dev_get()
    in_child(check)


def test_root_of_the_owning_user_namespace_may_do_everything():
    """A container: user and network namespace made together, device made inside."""
    def check():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x10000000 | CLONE_NEWNET):
            return "unshare: " + os.strerror(ctypes.get_errno())
        for name, text in (("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
            with open(f"/proc/self/{name}", "w") as out:
                out.write(text)
        run("ip link add mesh0 type hubmesh")
        run("ip link set lo up")
        mine = Genl(None)
        mine.request(HUB_NEW, [NAME, hub_ref(PEER)])
        mine.request(LINK_NEW, [NAME, link()])
        mine.request(KEY_SET, [NAME, link_ref(5), key(length=60)])
        mine.request(HUB_GET, [NAME], dump=True)
        mine.subscribe()
        mine.close()
        return None
    in_child(check)


# ---- events

def collect_events(sock, wanted, seconds=5):
    """Wait for an event of kind @wanted; returns its attributes."""
    def next_one():
        got = sock.event(0.2)
        return got and number(got[1][uapi.HUBMESH_A_EVENT]) == wanted and got[1]
    return wait_for(f"event {wanted}", next_one, seconds)


def event_lab(run_in):
    with Lab() as lab:
        sock = Genl(lab.hub.netns)
        sock.subscribe()
        try:
            run_in(lab, sock)
        finally:
            sock.close()


def test_event_need_session_names_the_hub_once_per_second():
    class Stranger:
        id = mac("02:68:75:62:02:01")

    def body(lab, sock):
        lab.hub.hub_new(Stranger)
        lab.route({lab[2]: 2, Stranger: 2})
        for _ in range(5):
            lab.transmit(lab[2].inner(dst=Stranger.id, src=lab.hub.id))
        got = collect_events(sock, uapi.HUBMESH_EVENT_NEED_SESSION)
        expect_equal(as_dict(got[uapi.HUBMESH_A_HUB])[uapi.HUBMESH_A_HUB_ID], Stranger.id, "hub")
        expect(sock.event(0.3) is None, "a second event within the second")
    event_lab(body)


@quick
def test_event_link_tells_up_and_down():
    def body(lab, sock):
        lab[2].send(lab[2].build())
        got = as_dict(collect_events(sock, uapi.HUBMESH_EVENT_LINK)[uapi.HUBMESH_A_LINK])
        expect_equal((number(got[uapi.HUBMESH_A_LINK_INDEX]), number(got[uapi.HUBMESH_A_LINK_STATE])),
                     (2, uapi.HUBMESH_LINK_UP), "link and state")
        lab.hub.request(LINK_SET, link_set(attr(uapi.HUBMESH_A_LINK_PROBE_MS, u32(10)), index=2))
        got = as_dict(collect_events(sock, uapi.HUBMESH_EVENT_LINK)[uapi.HUBMESH_A_LINK])
        expect_equal(number(got[uapi.HUBMESH_A_LINK_STATE]), uapi.HUBMESH_LINK_DOWN, "state")
    event_lab(body)


def test_event_key_needed_once_per_key_of_hub_and_link():
    def body(lab, sock):
        lab.hub.device_set(attr(uapi.HUBMESH_A_DEVICE_REKEY_FRAMES, u64(5)))
        for _ in range(12):
            lab.transmit(lab[2].inner(dst=lab[2].id, src=lab.hub.id))
        owners = set()
        for _ in range(2):
            got = collect_events(sock, uapi.HUBMESH_EVENT_KEY_NEEDED)
            expect_equal(number(as_dict(got[uapi.HUBMESH_A_KEY])[uapi.HUBMESH_A_KEY_PHASE]), 0, "phase")
            owners |= {k for k in (uapi.HUBMESH_A_HUB, uapi.HUBMESH_A_LINK) if k in got}
        expect_equal(owners, {uapi.HUBMESH_A_HUB, uapi.HUBMESH_A_LINK}, "owners")
        expect(sock.event(0.2) is None, "asked twice for one key")
    event_lab(body)


def test_event_key_in_use_after_the_peers_proof():
    def body(lab, sock):
        lab.key_seal(lab[2], phase=1, use=False)
        lab.key_link(lab[2], phase=1, use=False)
        expect(sock.event(0.1) is None, "in use before any proof")
        lab[2].send(lab[2].build(phase=1, hop_phase=1))
        owners = set()
        for _ in range(2):
            got = collect_events(sock, uapi.HUBMESH_EVENT_KEY_IN_USE)
            expect_equal(number(as_dict(got[uapi.HUBMESH_A_KEY])[uapi.HUBMESH_A_KEY_PHASE]), 1, "phase")
            owners |= {k for k in (uapi.HUBMESH_A_HUB, uapi.HUBMESH_A_LINK) if k in got}
        expect_equal(owners, {uapi.HUBMESH_A_HUB, uapi.HUBMESH_A_LINK}, "owners")
    event_lab(body)


def test_event_fdb_tells_learned_moved_and_removed():
    def body(lab, sock):
        far = mac("00:aa:bb:cc:dd:01")
        for peer in (lab[2], lab[3]):
            peer.send(peer.build(peer.inner(src=far)))
            got = as_dict(collect_events(sock, uapi.HUBMESH_EVENT_FDB_NEW)[uapi.HUBMESH_A_FDB])
            expect_equal((got[uapi.HUBMESH_A_FDB_MAC], got[uapi.HUBMESH_A_FDB_HUB]),
                         (far, peer.id), "entry")
        lab.hub.request(FDB_FLUSH)
        got = as_dict(collect_events(sock, uapi.HUBMESH_EVENT_FDB_DEL)[uapi.HUBMESH_A_FDB])
        expect_equal(got[uapi.HUBMESH_A_FDB_MAC], far, "removed entry")
    event_lab(body)


def test_events_stay_in_their_namespace():
    other = Genl("nl2")
    other.subscribe()
    with Lab() as lab:
        lab[2].send(lab[2].build())
        wait_for("link up", lambda: lab.hub.link_state(2) == uapi.HUBMESH_LINK_UP)
        expect(other.event(0.1) is None, "event seen in another namespace")
    other.close()
