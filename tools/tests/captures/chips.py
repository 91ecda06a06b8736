# SPDX-License-Identifier: MIT OR Apache-2.0
"""What chips and firmware versions make different: numbers of m1n1's and of the driver in the field."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Clustering:
    """What a GPU of several clusters needs more, in bytes."""

    meta1_block: int
    meta2: int
    meta3: int
    meta4: int
    splits: int


@dataclass(frozen=True)
class Chip:
    """A chip."""

    gpu: str
    generation: str
    clusters: int
    tiling_control: int
    compute_preempt: int
    preempt: tuple = (0x540, 0x280, 0x20)
    clustering: Clustering = None

    @property
    def cores(self):
        """Cores of all clusters, those that are switched off included."""
        return self.clusters * (8 if self.generation == "G13" else 10)

    def copies(self):
        """How many parts the memory for preemption of renders has."""
        return self.clusters + 1 if self.clusters > 1 else 1


T600X = Clustering(0x44, 8 * 0xC0, 8 * 0x280, 16 * 0x30, 16)
T602X = Clustering(0x44, 16 * 0xC0, 16 * 0x280, 128 * 0x10, 64)


def _t600x(gpu, clusters):
    return Chip(gpu, "G13", clusters, 0xA540, 0x3BD00, clustering=T600X)


def _t602x(gpu, clusters, compute_preempt=0x25980):
    return Chip(gpu, "G14X", clusters, 0x180340, compute_preempt, (0x540, 0x280, 0x40), T602X)


CHIPS = {
    "t8103": Chip("G13G", "G13", 1, 0xA041, 0x7F80),
    "t8112": Chip("G14G", "G14", 1, 0xA041, 0x10000),
    "t6000": _t600x("G13S", 2),
    "t6001": _t600x("G13C", 4),
    "t6002": _t600x("G13D", 8),
    "t6020": _t602x("G14S", 2),
    "t6021": _t602x("G14C", 4),
    "t6022": _t602x("G14D", 8, 2 * 0x25980),
}

# Which table describes a generation's firmware: 12.4 is 12.3 as far as the GPU goes.
TABLES = {
    ("G13", "12.3"): "G13-V12_3",
    ("G13", "13.5"): "G13-V13_5",
    ("G14", "12.4"): "G14-V12_3",
    ("G14", "13.5"): "G14-V13_5",
    ("G14X", "13.5"): "G14X-V13_5",
}


class Machine:
    """A chip with a firmware, and the cores of it that work."""

    def __init__(self, chip, firmware, cores):
        self.name, self.chip, self.firmware, self.cores = chip, CHIPS[chip], firmware, cores
        self.generation = self.chip.generation
        self.has_registers = self.generation == "G14X"
        self.table = TABLES[self.generation, firmware]

    def of_generation(self, g13, later):
        """A value of G13, or of the generations behind it."""
        return g13 if self.generation == "G13" else later
