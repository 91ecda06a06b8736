# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints what a read costs: nvme.py WHO DISK FIGURES PROFILE SYMBOLS [--functions].

DISK is part of the names. FIGURES are the lines of nvme-bench, one for each region of PROFILE; SYMBOLS is the guest's
/proc/kallsyms. Lines are "name who value": the instructions of the driver's own modules for each read, the same with what the block
layer does for C's driver and ours does itself, all that the guest executes for it, and interrupts and wakes of 1000 reads.
"""

import re
import sys

from profiled import Profile
from symbols import readable

# A driver's own part: ours with the executor, C's with its core. Neither with the block layer or what copies.
OWN = {"ours": {"nvme_async", "kasync"}, "c": {"nvme", "nvme_core"}}
# What the block layer does of that which ours does itself: numbers of commands, their lists, time limits and ends.
BLOCK = re.compile(r"(__)?(blk_mq_|sbitmap_)|blk_add_timer|blk_(start|finish)_plug|__blk_flush_plug")


def main(who, disk, figures, profile, symbols, functions=None):
    counted = Profile(profile, symbols)
    paths = dict(readable(counted.names())) if functions else {}
    for region, line in enumerate(open(figures)):
        depth, reads, interrupts, wakes = map(int, re.findall(r"\d+", line))
        of = counted.of(region)
        own = sum(count for (module, _), count in of.items() if module in OWN[who])
        kernel = sum(count for (module, _), count in of.items() if module != "user")
        if not own:
            sys.exit(f"error: {profile} has nothing of {who} in region {region}")
        block = sum(count for (module, name), count in of.items() if module == "kernel" and BLOCK.match(name))
        print(f"nvme_{disk}own_qd{depth} {who} {round(own / reads)}")
        print(f"nvme_{disk}same_qd{depth} {who} {round((own + block) / reads)}")
        print(f"nvme_{disk}kernel_qd{depth} {who} {round(kernel / reads)}")
        print(f"nvme_{disk}irqs_qd{depth} {who} {round(1000 * interrupts / reads)}")
        print(f"nvme_{disk}wakes_qd{depth} {who} {round(1000 * wakes / reads)}")
        if functions:
            for (module, name), count in sorted(of.items(), key=lambda item: -item[1])[:60]:
                print(f"  {count / reads:8.1f}  {module:12} {paths[name]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
