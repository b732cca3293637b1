# SPDX-License-Identifier: GPL-2.0
"""How far lines are indented, against clang-format.

clang-format undoes the kernel's aligned tables and macros, so for kernel code its word counts
only where it and the source agree on the line's content: there the indentation must be the
same.  What it would break or join is left to the author, and so is the first line after such
a place.  `/* clang-format off */` works as usual.
"""

import difflib
import subprocess


def _content(rows):
    return ["".join(row.split()) for row in rows]


def _indentation(row):
    return len(row[:len(row) - len(row.lstrip())].expandtabs(8))


def misindented(path):
    """[(line number, columns found, columns wanted)] of one file."""
    with open(path, encoding="utf-8") as file:
        have = file.read().split("\n")
    want = subprocess.run(["clang-format", path], capture_output=True, text=True,
                          check=True).stdout.split("\n")
    found = []
    matcher = difflib.SequenceMatcher(None, _content(have), _content(want), autojunk=False)
    for at, to, length in matcher.get_matching_blocks():
        for i in range(1 if at else 0, length):
            if any(row.endswith("\\") for row in have[max(at + i - 1, 0):at + i + 1]):
                continue  # in a macro
            columns = _indentation(have[at + i]), _indentation(want[to + i])
            if columns[0] != columns[1]:
                found.append((at + i + 1, *columns))
    return found
