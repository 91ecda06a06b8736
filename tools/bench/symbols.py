# SPDX-License-Identifier: MIT OR Apache-2.0
"""The guest's functions, from its /proc/kallsyms."""

import bisect
import re
import subprocess
import sys


class Symbols:
    def __init__(self, path):
        table = []
        for line in open(path):
            address, kind, name = line.split()[:3]
            if kind in "tTwW" and not name.startswith("$"):
                table.append((int(address, 16), name))
        table.sort()
        self.addresses = [address for address, _ in table]
        self.names = [name for _, name in table]
        self.by_name = {name: address for address, name in table}

    def at(self, address):
        at = bisect.bisect_right(self.addresses, address) - 1
        return self.names[at] if at >= 0 else "?"

    def entry(self, name):
        if name not in self.by_name:
            sys.exit(f"error: the kernel has no function {name}")
        return self.by_name[name]


def demangled(names):
    """Rust's paths."""
    text = subprocess.run(["llvm-cxxfilt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return text.split("\n")[: len(names)]


def readable(names):
    """Rust's paths, shortened."""
    for name, path in zip(names, demangled(names)):
        path = re.sub(r"\[[0-9a-f]+\]", "", path)
        path = re.sub(r"(\w+::)*(\w+)::(\w+)", r"\2::\3", path)
        yield name, path[:100]
