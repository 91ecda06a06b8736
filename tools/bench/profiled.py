# SPDX-License-Identifier: MIT OR Apache-2.0
"""What profile.c has counted, by function."""

import bisect


class Profile:
    """Counts of a file that profile.c has written, with the guest's /proc/kallsyms."""

    def __init__(self, profile, symbols):
        table = []
        for line in open(symbols):
            fields = line.split()
            if fields[1] in "tTwW" and not fields[2].startswith("$"):
                table.append((int(fields[0], 16), fields[2], fields[3].strip("[]") if len(fields) > 3 else "kernel"))
        table.sort()
        addresses = [address for address, _, _ in table]
        self.counts = {}
        for line in open(profile):
            region, address, count = line.split()
            address = int(address, 16)
            at = bisect.bisect_right(addresses, address) - 1
            # Below the kernel's half of addresses is the program.
            name, module = (table[at][1], table[at][2]) if address >> 63 else ("user", "user")
            key = (int(region), module, name)
            self.counts[key] = self.counts.get(key, 0) + int(count)

    def of(self, region):
        """The counts of a region, by module and function."""
        return {key[1:]: count for key, count in self.counts.items() if key[0] == region}

    def names(self):
        """All functions."""
        return sorted({name for _, _, name in self.counts})
