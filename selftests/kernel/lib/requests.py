# SPDX-License-Identifier: GPL-2.0
"""Requests of the hubmesh family as attribute bytes: ones the kernel takes, with
arguments to spoil them."""

from . import policy, uapi
from .mesh import CHACHA, hub_ref, link_ref, material
from .netlink import attr, mac, u8, u32, u64

ME, PEER, OTHER = (mac(f"02:00:00:00:00:0{n}") for n in (1, 2, 3))
NAME = attr(uapi.HUBMESH_A_IFNAME, b"mesh0\0")


def link(*more, index=5, peer=PEER, remote=(uapi.HUBMESH_A_LINK_REMOTE4, bytes((127, 0, 0, 1)))):
    """Nest of a link that is accepted, unless @more or a None spoils it."""
    fields = [attr(uapi.HUBMESH_A_LINK_REMOTE_INDEX, u32(1))]
    if index is not None:
        fields.append(attr(uapi.HUBMESH_A_LINK_INDEX, u32(index)))
    if peer is not None:
        fields.append(attr(uapi.HUBMESH_A_LINK_PEER, peer))
    if remote is not None:
        fields.append(attr(*remote))
    return attr(uapi.HUBMESH_A_LINK, fields + list(more))


def link_set(*fields, index=5):
    return attr(uapi.HUBMESH_A_LINK, [attr(uapi.HUBMESH_A_LINK_INDEX, u32(index)), *fields])


def key(phase=0, cipher=CHACHA, length=44, rx="rx", tx="tx", flags=0, without=()):
    fields = {uapi.HUBMESH_A_KEY_PHASE: u8(phase), uapi.HUBMESH_A_KEY_CIPHER: u32(cipher),
              uapi.HUBMESH_A_KEY_RX: material(rx, phase)[:length].ljust(length, b"x"),
              uapi.HUBMESH_A_KEY_TX: material(tx, phase)[:length].ljust(length, b"x"),
              uapi.HUBMESH_A_KEY_FLAGS: u32(flags)}
    return attr(uapi.HUBMESH_A_KEY, [attr(k, v) for k, v in fields.items() if k not in without])


def phase_of(phase):
    return attr(uapi.HUBMESH_A_KEY, [attr(uapi.HUBMESH_A_KEY_PHASE, u8(phase))])


def routes(generation, flags, *entries):
    fields = [attr(uapi.HUBMESH_A_ROUTES_GENERATION, u64(generation)),
              attr(uapi.HUBMESH_A_ROUTES_FLAGS, u32(flags))]
    return attr(uapi.HUBMESH_A_ROUTES, fields + list(entries))


def route(hub_id, *via, backup=None, weight=1, tunnel=None):
    body = [attr(uapi.HUBMESH_A_ROUTE_HUB, hub_id)] if hub_id is not None else []
    body += [attr(uapi.HUBMESH_A_ROUTE_NEXTHOP, [
        attr(uapi.HUBMESH_A_NEXTHOP_LINK, u32(v)), attr(uapi.HUBMESH_A_NEXTHOP_WEIGHT, u8(weight))])
        for v in via]
    if backup is not None:
        body.append(attr(uapi.HUBMESH_A_ROUTE_BACKUP,
                         [attr(uapi.HUBMESH_A_NEXTHOP_LINK, u32(backup))] +
                         ([] if tunnel is None else
                          [attr(uapi.HUBMESH_A_NEXTHOP_TUNNEL, tunnel)])))
    return attr(uapi.HUBMESH_A_ROUTES_ROUTE, body)


def fdb(mac_, hub_id=None, *more):
    fields = [attr(uapi.HUBMESH_A_FDB_MAC, mac_)] if mac_ is not None else []
    if hub_id is not None:
        fields.append(attr(uapi.HUBMESH_A_FDB_HUB, hub_id))
    return attr(uapi.HUBMESH_A_FDB, fields + list(more))


BEGIN, COMMIT = uapi.HUBMESH_ROUTES_F_BEGIN, uapi.HUBMESH_ROUTES_F_COMMIT
WHOLE = BEGIN | COMMIT
DEV_GET, DEV_SET = uapi.HUBMESH_CMD_DEV_GET, uapi.HUBMESH_CMD_DEV_SET
LINK_NEW, LINK_SET, LINK_DEL, LINK_GET = (getattr(uapi, f"HUBMESH_CMD_LINK_{n}")
                                          for n in ("NEW", "SET", "DEL", "GET"))
HUB_NEW, HUB_DEL, HUB_GET = (getattr(uapi, f"HUBMESH_CMD_HUB_{n}") for n in ("NEW", "DEL", "GET"))
KEY_SET, KEY_USE, KEY_DEL = (getattr(uapi, f"HUBMESH_CMD_KEY_{n}") for n in ("SET", "USE", "DEL"))
ROUTE_REPLACE, ROUTE_GET = uapi.HUBMESH_CMD_ROUTE_REPLACE, uapi.HUBMESH_CMD_ROUTE_GET
FDB_NEW, FDB_DEL, FDB_GET, FDB_FLUSH = (getattr(uapi, f"HUBMESH_CMD_FDB_{n}")
                                        for n in ("NEW", "DEL", "GET", "FLUSH"))
HUB_SET = uapi.HUBMESH_CMD_HUB_SET
FILTER_REPLACE, FILTER_GET = uapi.HUBMESH_CMD_FILTER_REPLACE, uapi.HUBMESH_CMD_FILTER_GET
QOS_SET, QOS_GET = uapi.HUBMESH_CMD_QOS_SET, uapi.HUBMESH_CMD_QOS_GET
RULE_REPLACE, RULE_GET = uapi.HUBMESH_CMD_RULE_REPLACE, uapi.HUBMESH_CMD_RULE_GET
COMMANDS = [cmd for cmd in range(1, uapi.HUBMESH_CMD_MAX + 1) if cmd != uapi.HUBMESH_CMD_EVENT]
DUMPS_ONLY = (ROUTE_GET, FDB_GET, RULE_GET, FILTER_GET)


def qos(*fields):
    return attr(uapi.HUBMESH_A_QOS, list(fields))


def qos_class(number=0, *more):
    """Nest of one class; None leaves its number out."""
    fields = [attr(uapi.HUBMESH_A_CLASS_NUMBER, u8(number))] if number is not None else []
    return attr(uapi.HUBMESH_A_QOS_CLASS, fields + list(more))


def rules(*entries):
    return attr(uapi.HUBMESH_A_RULES, list(entries))


def rule(*fields, cls=1):
    """Nest of one rule; None leaves its class out."""
    head = [attr(uapi.HUBMESH_A_RULE_CLASS, u8(cls))] if cls is not None else []
    return attr(uapi.HUBMESH_A_RULES_RULE, head + list(fields))


def device_nest(*fields):
    return attr(uapi.HUBMESH_A_DEVICE, list(fields))


def valid_nests(cmd):
    """What a command needs, naming objects that are not there."""
    owner, which = hub_ref(OTHER), phase_of(0)
    return {DEV_SET: [device_nest(attr(uapi.HUBMESH_A_DEVICE_TTL, u8(9)))], LINK_NEW: [link()],
            LINK_SET: [link_set()], LINK_DEL: [link_ref(5)], LINK_GET: [link_ref(5)],
            HUB_NEW: [owner], HUB_SET: [owner], HUB_DEL: [owner], HUB_GET: [owner],
            FILTER_REPLACE: [policy.rules(1, WHOLE)], KEY_SET: [owner, key()],
            KEY_USE: [owner, which], KEY_DEL: [owner, which],
            ROUTE_REPLACE: [routes(1, WHOLE)], FDB_NEW: [fdb(OTHER, PEER)],
            FDB_DEL: [fdb(OTHER)], QOS_SET: [link_ref(5), qos(qos_class())],
            QOS_GET: [link_ref(5)], RULE_REPLACE: [rules(rule())]}.get(cmd, [])
