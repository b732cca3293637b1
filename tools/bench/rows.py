# SPDX-License-Identifier: GPL-2.0
"""Results: rows of {"suite","system","test","value","unit"}, printed as they come, shown as
aligned tables at the end, kept as a JSON array."""

import json
import os

KEYS = ("suite", "system", "test", "value", "unit")


class Rows:
    """The rows of one suite."""

    def __init__(self, suite):
        self.suite, self.list = suite, []

    def add(self, system, test, value, unit, digits=2):
        self.list.append(dict(zip(KEYS, (self.suite, system, test, round(value, digits), unit))))
        print(f"# {system:18} {test:22} {value:12.{digits}f} {unit}", flush=True)

    def value(self, system, test):
        """None if it was not measured."""
        return next((r["value"] for r in self.list if (r["system"], r["test"]) == (system, test)),
                    None)

    def systems(self, tests):
        """Those with a row of @tests, in the order they were measured."""
        return list(dict.fromkeys(r["system"] for r in self.list if r["test"] in tests))

    def table(self, title, tests, base=None):
        """One line a system, one column a test; with @base each as a multiple of it too."""
        tests = [t for t in tests if any(r["test"] == t for r in self.list)]
        if not tests:
            return
        units = {r["test"]: r["unit"] for r in self.list}
        heads = [f"{t} {units[t]}" for t in tests]
        wide = [max(len(h), 10) + 2 for h in heads]
        beside = f"x {base}" if base else ""
        print(f"\n{title:20}" + "".join(f"{h:>{w}}" + (f"{beside:>{len(beside) + 2}}" if base else "")
                                        for h, w in zip(heads, wide)))
        for system in self.systems(tests):
            cells = ""
            for test, w in zip(tests, wide):
                v, b = self.value(system, test), self.value(base, test)
                cells += f"{v:{w}.1f}" if v is not None else f"{'-':>{w}}"
                if base:
                    ratio = f"{v / b:.2f}" if v is not None and b else "-"
                    cells += f"{ratio:>{len(beside) + 2}}"
            print(f"{system:20}{cells}")

    def save(self, path):
        """Write the array; rows already there stay unless they are the same system and test."""
        if not path:
            return
        kept = []
        if os.path.exists(path):
            with open(path, encoding="utf-8") as old:
                mine = {(r["system"], r["test"]) for r in self.list}
                kept = [r for r in json.load(old) if (r["system"], r["test"]) not in mine]
        with open(path, "w", encoding="utf-8") as out:
            json.dump(kept + self.list, out, indent=1)
            out.write("\n")
