# SPDX-License-Identifier: GPL-2.0
"""Messages of the family as objects, by Documentation/netlink/specs/hubmesh.yaml: a second
implementation of what `meshnl -o json` prints."""

import ipaddress
import os

import yaml

from . import uapi
from .netlink import mac_text, number, parse

_SPEC = yaml.safe_load(open(os.path.join(uapi.ROOT, "Documentation/netlink/specs/hubmesh.yaml"),
                            encoding="utf-8"))
_SETS = {group["name"]: {item.get("value", n): item
                         for n, item in enumerate(group["attributes"], 1)}
         for group in _SPEC["attribute-sets"]}
_ENUMS = {entry["name"]: entry for entry in _SPEC["definitions"]}

# What the specification calls binary and means otherwise.
_BITS = {("link", "rx-phases"), ("hub", "rx-phases"), ("hub", "sender-phases"),
         ("hub", "sender-proved")}
_MACS = {("guard", "macs"), ("tree", "groups"), ("groups", "list"), ("peers", "list")}
_PREFIXES = {("prefixes", "prefix"), ("acl", "src"), ("acl", "dst")}


def _names(enum):
    return [entry["name"] if isinstance(entry, dict) else entry
            for entry in _ENUMS[enum]["entries"]]


def _cut(raw, size):
    return [raw[at:at + size] for at in range(0, len(raw), size)]


def _bits(mask):
    return [bit for bit in range(64) if mask >> bit & 1]


def _prefix(raw):
    return f"{ipaddress.ip_address(raw[:-1])}/{raw[-1]}"


def _enum(item, value):
    names = _names(item["enum"])
    if item.get("enum-as-flags"):
        return [names[bit] for bit in _bits(value)]
    first = _ENUMS[item["enum"]].get("value-start", 0)
    return names[value - first]


def _value(group, item, raw):
    key = group, item["name"]
    if item["type"] == "nest":
        nested = item["nested-attributes"]
        return drops(raw) if nested == "drops" else decode(raw, nested)
    if "enum" in item:
        return _enum(item, number(raw))
    if key in _BITS:
        return _bits(number(raw))
    if key in _MACS:
        return [mac_text(one) for one in _cut(raw, 6)]
    if key in _PREFIXES:
        return _prefix(raw)
    if item["type"] == "string":
        return raw.rstrip(b"\0").decode()
    if item["type"] != "binary":
        return number(raw)
    if "sub-type" in item:
        numbers = [number(one) for one in _cut(raw, int(item["sub-type"][1:]) // 8)]
        return [_bits(n) for n in numbers] if item["name"] == "masks" else numbers
    return mac_text(raw) if len(raw) == 6 else str(ipaddress.ip_address(raw))


def drops(raw):
    """{reason: frames}, by the header."""
    return {uapi.DROP_NAMES[kind]: number(value) for kind, value in parse(raw) if kind}


def decode(raw, group="hubmesh"):
    """{member: value} of one nest, members named as meshnl names them."""
    found = {}
    for kind, payload in parse(raw):
        item = _SETS[group].get(kind)
        if not item or item["type"] == "pad":
            continue
        name, value = item["name"].replace("-", "_"), _value(group, item, payload)
        if item.get("multi-attr"):
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def dump(hub, cmd, is_dump=True):
    """Decoded messages of an answer to a Hub's request."""
    return [decode(body) for _, body in hub.request(cmd, dump=is_dump)]
