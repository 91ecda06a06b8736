# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints which functions the instructions of each measured scenario are in: profile.py FIGURES PROFILE SYMBOLS.

FIGURES are lines "scenario who value", PROFILE those of profile.c, SYMBOLS the guest's /proc/kallsyms. The nth region of the profile is
the nth figure that is not left out below.
"""

import re
import sys

from symbols import Symbols, readable

# Those that have no region, or are not in instructions.
APART = re.compile("bytes_|kthreads_|switches_|wakes_|submit_|irq_|spawn_|wake_|cancel_")


def main(figures, profile, symbols):
    regions = []
    for line in open(figures):
        scenario, who, value = line.split()
        if not APART.match(scenario):
            regions.append((scenario, who, int(value)))
    symbols = Symbols(symbols)
    counts = {}
    for line in open(profile):
        region, address, count = line.split()
        name = symbols.at(int(address, 16))
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


if __name__ == "__main__":
    main(*sys.argv[1:])
