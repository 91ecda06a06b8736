# SPDX-License-Identifier: MIT OR Apache-2.0
"""A capture, and what its rules have in common."""
from values import whole_step

PAGE = 0x4000
DRIVERS_PART = 0x70_0000_0000  # the driver's objects in an address space are above, as Mesa divides it


class Context:
    """The memory of a capture, judged by rules."""

    def __init__(self, machine, table, memory, judge, structure):
        self.machine, self.memory, self.judge = machine, memory, judge
        self.table, self.structure = table, structure
        self.slot = 0

    def get(self, name, va):
        """A structure in memory."""
        return self.structure(self.table, self.memory, name, va)

    def size(self, name):
        """Bytes of a structure."""
        return self.table[name]["size"]

    def mapped(self, slot=0, align=1, tag=0):
        """Accepts addresses that a context maps, with a tag above them."""

        def check(value):
            va = value & ~tag if tag else value
            return value & tag == tag and va % align == 0 and self.memory.is_mapped(va, slot)

        check.__name__ = f"an address in context {slot}"
        return check

    def optional(self, slot):
        """Accepts addresses that a context maps, and 0."""
        mapped = self.mapped(slot)

        def check(value):
            return value == 0 or mapped(value)

        check.__name__ = f"0, or an address in context {slot}"
        return check

    def spans(self, what, spans):
        """Judges parts of a context's memory: they are mapped from end to end, and none overlaps another."""
        wrong, behind = [], 0
        for start, size, name in sorted((va, size, name) for name, (va, size) in spans.items()):
            last = start + max(size, 1) - 1
            pages = range(start & ~(PAGE - 1), last + 1, PAGE)
            if not all(self.memory.is_mapped(page, self.slot) for page in pages):
                wrong.append(f"{name} at {start:#x}: {size:#x} bytes, not all mapped")
            if start < behind:
                wrong.append(f"{name} at {start:#x}: in the part before, which ends at {behind:#x}")
            behind = start + size
        for line in wrong:
            print(f"# {line}")
        self.judge.say(not wrong, f"{what}: {', '.join(spans)}")

    @staticmethod
    def clients(value):
        """Accepts addresses of a client's, and 0. A client that ends may have unmapped them meanwhile."""
        return value < DRIVERS_PART

    def stamps(self, message, prefix, address1, address2, slot):
        """Where the end of a command is written."""
        return {
            prefix + address1: self.mapped(),
            prefix + address2: self.mapped(),
            prefix + "stamp_value": whole_step,
            prefix + slot: message["event_number"],
        }

    def timestamps(self):
        """Where the firmware writes times."""
        return {
            "ts_pointers.start_addr": self.mapped(),
            "ts_pointers.end_addr": self.mapped(),
            "user_ts_pointers.start_addr": self.optional(0),
            "user_ts_pointers.end_addr": self.optional(0),
        }
