# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints what a call costs: nova.py WHO MESSAGES PROFILE SYMBOLS.

MESSAGES is the guest's kernel log, whose lines "figure: … callers …" are the regions of PROFILE, in this order; SYMBOLS is the
guest's /proc/kallsyms. Lines are "name who value": of each call the instructions of the driver's own modules, all that the kernel
executes for it, and its time in microseconds; the events heard of those sent; and for how many microseconds of a call the lock
or turn is held.
"""

import re
import sys

from profiled import Profile

# Ours with the executor.
OWN = {"ours": {"nova_gsp", "kasync", "jobqueue"}, "nova_core": {"nova_cmdq"}}
NAMES = {"short calls": "short", "calls of 5 ms": "5ms"}
CALLERS = re.compile(r"figure: (.*), (\d+) callers, (\d+) calls each: (\d+) us a call, \d+ at most, (\d+) in all")


def main(who, messages, profile, symbols):
    counted = Profile(profile, symbols)
    text = open(messages, errors="replace").read()
    held = re.search(r"figure: turn held (\d+) us a call", text)
    regions = CALLERS.findall(text)
    if len(regions) != 6:
        sys.exit(f"error: {messages} has {len(regions)} figures of callers")
    for region, (name, callers, calls, mean, in_all) in enumerate(regions):
        of = counted.of(region)
        total = int(callers) * int(calls)
        own = sum(count for (module, _), count in of.items() if module in OWN[who])
        kernel = sum(count for (module, _), count in of.items() if module != "user")
        if not own:
            sys.exit(f"error: {profile} has nothing of {who} in region {region}")
        row = f"{NAMES[name]}_{callers}"
        print(f"nova_own_{row} {who} {round(own / total)}")
        print(f"nova_kernel_{row} {who} {round(kernel / total)}")
        print(f"nova_us_{row} {who} {mean}")
        if not held and name == "short calls" and callers == "1":
            # A mutex that is held from the command to the reply.
            print(f"nova_held_us {who} {round(int(in_all) / total)}")
    if held:
        print(f"nova_held_us {who} {held[1]}")
    print(f"nova_events_heard {who} {re.search(r'figure: events, .*: ([0-9]+) heard', text)[1]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
