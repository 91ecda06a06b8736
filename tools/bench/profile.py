# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints which functions the instructions of each measured scenario are in: profile.py FIGURES PROFILE SYMBOLS.

FIGURES are lines "scenario who value", PROFILE those of profile.c, SYMBOLS the guest's /proc/kallsyms. The nth region of the profile is
the nth figure that is measured at one go.
"""

import bisect
import re
import subprocess
import sys

# Those that are not, or not in instructions.
APART = re.compile("deps4|bytes_|kthreads_|spawn_|wake_|cancel_")


def readable(names):
    """Rust's paths, shortened."""
    text = subprocess.run(["llvm-cxxfilt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    for name, path in zip(names, text.split("\n")):
        path = re.sub(r"\[[0-9a-f]+\]", "", path)
        path = re.sub(r"(\w+::)*(\w+)::(\w+)", r"\2::\3", path)
        yield name, path[:100]


def main(figures, profile, symbols):
    regions = []
    for line in open(figures):
        scenario, who, value = line.split()
        if not APART.match(scenario):
            regions.append((scenario, who, int(value)))
    table = []
    for line in open(symbols):
        address, kind, name = line.split()[:3]
        if kind in "tTwW" and not name.startswith("$"):
            table.append((int(address, 16), name))
    table.sort()
    addresses = [address for address, _ in table]

    counts = {}
    for line in open(profile):
        region, address, count = line.split()
        at = bisect.bisect_right(addresses, int(address, 16)) - 1
        name = table[at][1] if at >= 0 else "?"
        per_name = counts.setdefault(int(region), {})
        per_name[name] = per_name.get(name, 0) + int(count)
    names = sorted({name for per_name in counts.values() for name in per_name})
    paths = dict(readable(names))
    for region, (scenario, who, value) in enumerate(regions):
        per_name = counts.get(region, {})
        total = sum(per_name.values()) or 1
        print(f"\n{scenario} {who}: {value}")
        for name, count in sorted(per_name.items(), key=lambda item: -item[1])[:90]:
            share = value * count / total
            if share >= 4:
                print(f"{share:8.0f}  {paths[name]}")


main(*sys.argv[1:])
