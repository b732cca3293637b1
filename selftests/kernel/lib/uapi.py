# SPDX-License-Identifier: GPL-2.0
"""Constants of include/uapi/linux/hubmesh.h and include/hubmesh/wire.h, read from
the headers themselves so that there is no second copy to keep in step."""

import os
import re

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
UAPI = os.path.join(ROOT, "include/uapi/linux/hubmesh.h")
WIRE = os.path.join(ROOT, "include/hubmesh/wire.h")


def _strip_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def _enums(text):
    values = {}
    for body in re.findall(r"enum\s+\w+\s*\{(.*?)\}", text, flags=re.S):
        if "HUBMESH_DROP_REASONS" in body:
            continue
        n = 0
        for item in body.split(","):
            item = item.strip()
            if not item:
                continue
            name, _, value = (part.strip() for part in item.partition("="))
            n = int(value, 0) if value else n
            values[name] = n
            n += 1
    return values


def _defines(text, known):
    values = dict(known)
    for name, value in re.findall(r"^#define[ \t]+(\w+)[ \t]+(.+?)[ \t]*$", text, flags=re.M):
        value = value.strip()
        if re.fullmatch(r"[\w\s()<|+*-]+", value) and not value.endswith("\\"):
            try:
                values[name] = eval(value, {"__builtins__": {}}, dict(values))
            except (NameError, SyntaxError, TypeError):
                pass
    return values


def _drops(text):
    table = re.search(r"#define HUBMESH_DROP_REASONS\(X\)(.*?)\n\n", text, flags=re.S).group(1)
    names = re.findall(r'X\((\w+),\s*"([\w-]+)"', table)
    return {i + 1: shown for i, (_, shown) in enumerate(names)}


_uapi = _strip_comments(open(UAPI).read())
_wire = _strip_comments(open(WIRE).read())
globals().update(_defines(_wire, _defines(_uapi, _enums(_uapi))))
DROP_NAMES = _drops(_uapi)
