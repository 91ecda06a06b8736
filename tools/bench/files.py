# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which files have code that runs for a SUBMIT: files.py TRACE SYMBOLS MODULES DIRECTORY.

TRACE and SYMBOLS are those of submit.py. MODULES is the directory of modules that were built with line tables, as they ran,
and DIRECTORY one for files that are made on the way. Prints "PHASE FILE", sorted, for this project's files, inlined functions
included: PHASE is "down" from the system call's entry to the first message for the firmware, and "up" from the interrupt that
says that the job is done until the waiting thread has seen the fence signal. What fewer than half of the jobs have run is left
out, as timers and other tasks run beside them.
"""

import bisect
import json
import re
import subprocess
import sys
from pathlib import Path

from submit import MARK, jobs, phases
from symbols import Symbols

MODULES = ("asahi", "rtkit", "jobqueue", "kasync", "agx_abi")
OURS = re.compile(r"((?:rust/(?:kasync|dma_fence|jobqueue|agx_abi|rtkit)|drivers/gpu/drm/asahi)/.*)$")


def loaded(symbols):
    """The functions of our modules: sorted addresses, and (module, name) of each."""
    table = []
    for line in open(symbols):
        fields = line.split()
        if len(fields) > 3 and fields[3].strip("[]") in MODULES and fields[1] in "tTwW" and not fields[2].startswith("$"):
            table.append((int(fields[0], 16), fields[3].strip("[]"), fields[2]))
    table.sort()
    return [entry[0] for entry in table], [entry[1:] for entry in table]


def run(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def linked(module, modules, directory):
    """Links a module, so that its sections have addresses of their own. Returns the program, and its functions."""
    program = Path(directory) / f"{module}.elf"
    run("ld.lld", "--unresolved-symbols=ignore-all", "--noinhibit-exec", "-z", "norelro", "-e", "0", "-o", str(program),
        f"{modules}/{module}.ko")
    functions = {}
    for line in run("llvm-nm", str(program)).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in "tTwW":
            functions.setdefault(fields[2], int(fields[0], 16))
    return program, functions


def files_of(program, addresses):
    """The files with a frame at one of these addresses."""
    text = "".join(f"{address:#x}\n" for address in addresses)
    for line in run("llvm-symbolizer", f"--obj={program}", "--inlines", "--output-style=JSON", text=text).splitlines():
        for frame in json.loads(line)["Symbol"]:
            found = OURS.search(frame["FileName"])
            if found:
                yield found[1]


def main(trace, symbols, modules, directory):
    addresses, functions = loaded(symbols)
    names = Symbols(symbols)
    ran = {"down": {}, "up": {}}
    count = 0
    for job in jobs(trace):
        found = phases(job, names)
        if not found:
            continue
        count += 1
        for phase, words in (("down", found["submit_doorbell"]), ("up", found["irq_seen"])):
            for address in set(words) - {MARK}:
                ran[phase][address] = ran[phase].get(address, 0) + 1
    if count < 20:
        sys.exit(f"error: {count} jobs have doorbell, interrupt and signal")
    programs = {module: linked(module, modules, directory) for module in MODULES if (Path(modules) / f"{module}.ko").exists()}
    for phase, times in ran.items():
        wanted = {}
        for address, jobs_with in times.items():
            at = bisect.bisect_right(addresses, address) - 1
            if 2 * jobs_with < count or at < 0 or address - addresses[at] > 1 << 16:
                continue
            module, name = functions[at]
            if name in programs[module][1]:
                wanted.setdefault(module, set()).add(programs[module][1][name] + address - addresses[at])
        found = set()
        for module, where in wanted.items():
            found.update(files_of(programs[module][0], sorted(where)))
        for file in sorted(found):
            print(phase, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
