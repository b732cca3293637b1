# SPDX-License-Identifier: GPL-2.0
"""Rule sets and guards as attribute bytes, and hubs that get them."""

import ipaddress

from . import uapi
from .mesh import hub_ref
from .netlink import as_dict, attr, number, u8, u16, u32, u64

WHOLE = uapi.HUBMESH_FILTER_F_BEGIN | uapi.HUBMESH_FILTER_F_COMMIT


def prefix(text):
    """Binary form of 10.0.0.0/8 or fd00::/8; an address alone is a prefix of all its bits."""
    net = ipaddress.ip_network(text)
    return net.network_address.packed + bytes([net.prefixlen])


def zone(zone_id, mac_=None, vlan=None, ifindex=None, hub=None):
    """A zone rule, with whatever of the four is given."""
    fields = [attr(uapi.HUBMESH_A_ZONE_ID, u16(zone_id))] if zone_id is not None else []
    for kind, value in ((uapi.HUBMESH_A_ZONE_MAC, mac_), (uapi.HUBMESH_A_ZONE_HUB, hub),
                        (uapi.HUBMESH_A_ZONE_VLAN, vlan and u16(vlan)),
                        (uapi.HUBMESH_A_ZONE_IFINDEX, ifindex and u32(ifindex))):
        if value is not None:
            fields.append(attr(kind, value))
    return attr(uapi.HUBMESH_A_FILTER_ZONE, fields)


def pair(src, dst):
    return attr(uapi.HUBMESH_A_FILTER_PAIR, [attr(uapi.HUBMESH_A_PAIR_SRC, u16(src)),
                                             attr(uapi.HUBMESH_A_PAIR_DST, u16(dst))])


ACCEPT, DENY = uapi.HUBMESH_ACL_ACCEPT, uapi.HUBMESH_ACL_DENY


def acl(action, src_zone=None, dst_zone=None, ethertype=None, vlan=None, protocol=None, src=None,
        dst=None, sport=None, dport=None, log=None, raw=()):
    """An ACL entry; ports are a number or (first, last), prefixes text, @raw further attributes."""
    fields = [attr(uapi.HUBMESH_A_ACL_ACTION, u32(action))] if action is not None else []
    for name, value, pack in (
            ("SRC_ZONE", src_zone, u16), ("DST_ZONE", dst_zone, u16),
            ("ETHERTYPE", ethertype, u16), ("VLAN", vlan, u16), ("PROTOCOL", protocol, u8),
            ("SRC", src, prefix), ("DST", dst, prefix), ("LOG", log, u32)):
        if value is not None:
            fields.append(attr(getattr(uapi, f"HUBMESH_A_ACL_{name}"), pack(value)))
    for name, value in (("SPORT", sport), ("DPORT", dport)):
        if value is not None:
            first, last = value if isinstance(value, tuple) else (value, value)
            fields += [attr(getattr(uapi, f"HUBMESH_A_ACL_{name}_FIRST"), u16(first)),
                       attr(getattr(uapi, f"HUBMESH_A_ACL_{name}_LAST"), u16(last))]
    return attr(uapi.HUBMESH_A_FILTER_ACL, fields + list(raw))


def rules(generation, flags, *entries, hops=None):
    """A step of a rule set transaction."""
    fields = [attr(uapi.HUBMESH_A_FILTER_GENERATION, u64(generation)),
              attr(uapi.HUBMESH_A_FILTER_FLAGS, u32(flags))]
    if hops is not None:
        fields.append(attr(uapi.HUBMESH_A_FILTER_HOPS_LIMIT, u8(hops)))
    return attr(uapi.HUBMESH_A_FILTER, fields + list(entries))


def storm(kind, broadcast=0, multicast=0, unknown=0):
    return attr(kind, [attr(uapi.HUBMESH_A_STORM_BROADCAST_PPS, u32(broadcast)),
                       attr(uapi.HUBMESH_A_STORM_MULTICAST_PPS, u32(multicast)),
                       attr(uapi.HUBMESH_A_STORM_UNKNOWN_PPS, u32(unknown))])


def prefix_list(prefixes):
    return [attr(uapi.HUBMESH_A_PREFIXES_PREFIX, prefix(p)) for p in prefixes]


def guard(hub_id, zones=None, macs=None, learn=None, prefixes=None, scope=None, frames=None,
          bytes_=None, **storms):
    """HUB nest of HUB_SET; what is None is absent."""
    fields = []
    for kind, value, pack in (
            ("ZONES", zones, lambda v: b"".join(map(u16, v))),
            ("MACS", macs, b"".join), ("MACS_LEARN", learn, u32),
            ("PREFIXES", prefixes, prefix_list), ("SCOPE", scope, prefix_list),
            ("FRAMES_PPS", frames, u32), ("BYTES_PS", bytes_, u64)):
        if value is not None:
            fields.append(attr(getattr(uapi, f"HUBMESH_A_GUARD_{kind}"), pack(value)))
    if storms:
        fields.append(storm(uapi.HUBMESH_A_GUARD_STORM, **storms))
    return attr(uapi.HUBMESH_A_HUB, [attr(uapi.HUBMESH_A_HUB_ID, hub_id),
                                     attr(uapi.HUBMESH_A_HUB_GUARD, fields)])


def set_rules(hub, *entries, hops=None):
    """Replace the rule set of @hub by @entries, one whole transaction."""
    generation = number(hub.device()[uapi.HUBMESH_A_DEVICE_FILTER_GENERATION]) + 1
    hub.request(uapi.HUBMESH_CMD_FILTER_REPLACE, rules(generation, WHOLE, *entries, hops=hops))


def set_guard(hub, other, **fields):
    """Set what is allowed to @other; without fields, everything."""
    hub.request(uapi.HUBMESH_CMD_HUB_SET, guard(other.id, **fields) if fields else
                hub_ref(other.id))


def set_storm(hub, **limits):
    hub.device_set(storm(uapi.HUBMESH_A_DEVICE_STORM, **limits))


def parts(hub):
    """FILTER_GET: [(attribute type, content)] without generation and padding."""
    found = []
    for _, body in hub.request(uapi.HUBMESH_CMD_FILTER_GET, dump=True):
        found += list(as_dict(as_dict(body)[uapi.HUBMESH_A_FILTER]).items())
    return [(kind, value) for kind, value in found
            if kind not in (uapi.HUBMESH_A_FILTER_GENERATION, uapi.HUBMESH_A_FILTER_PAD)]


def acl_hits(hub):
    """Hits of the ACL's entries, in order."""
    return [number(as_dict(value)[uapi.HUBMESH_A_ACL_HITS]) for kind, value in parts(hub)
            if kind == uapi.HUBMESH_A_FILTER_ACL]
