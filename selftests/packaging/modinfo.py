# SPDX-License-Identifier: GPL-2.0
"""What modinfo must say of hubmesh.ko."""

import os
import re
import subprocess

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PATTERNS = {"description": r"\S.*", "author": r"\S.*", "license": "GPL", "srcversion": r"[0-9A-F]+"}
# ip link add type hubmesh, and a request to the netlink family, load the module by these.
ALIASES = {"rtnl-link-hubmesh", "net-pf-16-proto-16-family-hubmesh"}


def version():
    """The one in include/hubmesh/version.h."""
    with open(f"{TOP}/include/hubmesh/version.h", encoding="ascii") as text:
        return re.search(r'^#define HUBMESH_VERSION "(.+)"', text.read(), re.M).group(1)


def fields(module, name):
    out = subprocess.run(["modinfo", "-F", name, module], stdout=subprocess.PIPE, text=True,
                         check=True).stdout
    return out.splitlines()


def complaints(module):
    found = []
    for name, pattern in {**PATTERNS, "version": re.escape(version())}.items():
        said = fields(module, name)
        if len(said) != 1 or not re.fullmatch(pattern, said[0]):
            found.append(f"{module}: modinfo says {name} {said}")
    found += [f"{module}: no alias {alias}" for alias in sorted(ALIASES - set(fields(module, "alias")))]
    # name:description (type); of a parameter without a description modinfo says name:(type)
    found += [f"{module}: parameter without a description: {row}" for row in fields(module, "parm")
              if not re.fullmatch(r"\w+:[^(\s].* ?\(\w+( \w+)*\)", row)]
    return found
