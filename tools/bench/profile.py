# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints which groups of functions, and which functions, the instructions of each measured scenario are in: profile.py FIGURES
PROFILE SYMBOLS.

FIGURES are lines "scenario who value", PROFILE those of profile.c, SYMBOLS the guest's /proc/kallsyms. The nth region of the profile is
the nth figure that is not left out below.
"""

import re
import sys

from symbols import Symbols, demangled, readable

# Those that have no region, or are not in instructions.
APART = re.compile("bytes_|kthreads_|switches_|wakes_|spawn_|wake_|cancel_|frame")

# Each function is of the first group that its path matches. What is inlined counts for the function that it is inlined into, so
# the benchmark's own functions have much of a queue's.
GROUPS = (
    ("queue, ring, submission", r"jobqueue::|asahi_bench::|^bench_(ours|direct|floor|drm)|^asahi_bench|^(direct|floor)_"),
    ("fences and sets, in Rust", r"dma_fence::"),
    ("executor: claim, poll, wake, batches", r"kasync::|^kasync_(?!preempt)"),
    ("fences, in C", r"dma_fence"),
    ("memory", r"alloc|kfree|kvfree|kmem|slab|sheaf|refill_objects|vmalloc"),
    ("atomics, locks, RCU and preemption as calls", r"^rust_helper_|spin_(un)?lock|rcu_|preempt_(en|dis)able|^mutex_"),
    ("interrupt, IPI and clock of the benchmark",
     r"irq|gic_|ipi|^el1_|^el1h|cntvct|arch_counter|arch_timer|ktime_get|interrupt|radix_tree|^vectors|to_kernel|kernel_mode"
     r"|smp_cross|cpu_logical|counter|run_jobs|^signal_one"),
    ("workqueue, scheduler and others", r""),
)


def group_of(path):
    return next(group for group, pattern in GROUPS if re.search(pattern, path))


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
    if sorted(counts) != list(range(len(regions))):
        sys.exit(f"error: {len(regions)} figures, and {len(counts)} regions")
    names = sorted({name for per_name in counts.values() for name in per_name})
    paths = dict(readable(names))
    groups = {name: group_of(path) for name, path in zip(names, demangled(names))}
    for region, (scenario, who, value) in enumerate(regions):
        per_name = counts.get(region, {})
        total = sum(per_name.values()) or 1
        print(f"\n{scenario} {who}: {value}")
        for group, _ in GROUPS:
            share = value * sum(count for name, count in per_name.items() if groups[name] == group) / total
            print(f"{share:8.0f}  {group}")
        print("  of which")
        for name, count in sorted(per_name.items(), key=lambda item: -item[1])[:90]:
            share = value * count / total
            if share >= 4:
                print(f"{share:8.0f}  {paths[name]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
