# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints what a read costs: nvme.py WHO FIGURES PROFILE SYMBOLS [--functions].

FIGURES are the lines of nvme-bench, one for each region of PROFILE; SYMBOLS is the guest's /proc/kallsyms. Lines are "name who value":
the instructions of the driver's own modules for each read, all that the guest executes for it, and interrupts and wakes of 1000 reads.
"""

import bisect
import re
import sys

from symbols import readable

# A driver's own part: ours with the executor, C's with its core. Neither with the block layer or what copies.
OWN = {"ours": {"nvme_async", "kasync"}, "c": {"nvme", "nvme_core"}}


def main(who, figures, profile, symbols, functions=None):
    table = []
    for line in open(symbols):
        fields = line.split()
        if fields[1] in "tTwW" and not fields[2].startswith("$"):
            table.append((int(fields[0], 16), fields[2], fields[3].strip("[]") if len(fields) > 3 else "kernel"))
    table.sort()
    addresses = [address for address, _, _ in table]
    counts = {}
    for line in open(profile):
        region, address, count = line.split()
        address = int(address, 16)
        at = bisect.bisect_right(addresses, address) - 1
        # Below the kernel's half of addresses is the program.
        name, module = (table[at][1], table[at][2]) if address >> 63 else ("user", "user")
        key = (int(region), module, name)
        counts[key] = counts.get(key, 0) + int(count)
    names = sorted({name for _, _, name in counts})
    paths = dict(readable(names)) if functions else {}
    for region, line in enumerate(open(figures)):
        depth, reads, interrupts, wakes = map(int, re.findall(r"\d+", line))
        of = {key[1:]: count for key, count in counts.items() if key[0] == region}
        own = sum(count for (module, _), count in of.items() if module in OWN[who])
        kernel = sum(count for (module, _), count in of.items() if module != "user")
        print(f"nvme_own_qd{depth} {who} {round(own / reads)}")
        print(f"nvme_kernel_qd{depth} {who} {round(kernel / reads)}")
        print(f"nvme_irqs_qd{depth} {who} {round(1000 * interrupts / reads)}")
        print(f"nvme_wakes_qd{depth} {who} {round(1000 * wakes / reads)}")
        if functions:
            for (module, name), count in sorted(of.items(), key=lambda item: -item[1])[:60]:
                print(f"  {count / reads:8.1f}  {module:12} {paths[name]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
