# SPDX-License-Identifier: MIT OR Apache-2.0
"""The devices that the firmware gets mapped: index, address, size of an element, elements, their distance, of each die, writable."""

DIE = 0x20_0000_0000
BANK = 0x100_0000

_T8103 = (
    (0, 0x2_04D0_0000, 0x1C000, True),
    (1, 0x2_0E10_0000, 0x4000, False),
    (2, 0x2_3B10_4000, 0x4000, True),
    (3, 0x2_0400_0000, 0x20000, True),
    (7, 0x2_3B2E_8000, 0x1000, False),
    (8, 0x2_3BC0_0000, 0x1000, True),
    (9, 0x2_04D8_0000, 0x5000, True),
    (10, 0x2_04D6_1000, 0x1000, True),
    (11, 0x2_0000_0000, 0xD6400, True),
    (13, 0x2_3B73_8000, 0x1000, True),
)
_T8112 = (
    (0, 0x2_04D0_0000, 0x14000, True),
    (1, 0x2_0E10_0000, 0x4000, False),
    (2, 0x2_3B0C_4000, 0x4000, True),
    (3, 0x2_0400_0000, 0x20000, True),
    (7, 0x2_3B2C_0000, 0x1000, False),
    (9, 0x2_04D8_0000, 0x8000, True),
    (10, 0x2_04D6_1000, 0x1000, True),
    (11, 0x2_0000_0000, 0xD6400, True),
    (16, 0x2_04E0_0000, 0x10000, True),
    (17, 0x2_7D05_0000, 0x4000, True),
    (18, 0x2_3B3D_0000, 0x1000, True),
    (19, 0x2_3B3C_0000, 0x1000, False),
)
_T600X = (
    (0, 0x4_04D0_0000, 0x1C000, True),
    (1, 0x2_0E10_0000, 0x4000, False),
    (2, 0x2_8E10_4000, 0x4000, True),
    (3, 0x4_0400_0000, 0x20000, True),
    (9, 0x4_04D8_0000, 0x8000, True),
    (10, 0x2_04D6_1000, 0x1000, True),
    (14, 0x2_643C_4000, 0x1000, True),
    (18, 0x2_8E3D_0000, 0x1000, True),
    (19, 0x2_8E3C_0000, 0x2000, False),
)
_T602X = (
    (0, 0x4_04D0_0000, 0x14_4000, True),
    (1, 0x2_0E10_0000, 0x4000, False),
    (2, 0x2_8E10_6000, 0x4000, True),
    (3, 0x4_0400_0000, 0x20000, True),
    (9, 0x4_04E0_8000, 0x8000, True),
    (12, 0x2_8E11_8000, 0x4000, False),
    (18, 0x2_8E3D_0000, 0x4000, True),
    (19, 0x2_8E3C_0000, 0x4000, False),
    (20, 0x2_8E3D_8000, 0x4000, True),
)


class Device:
    """One entry of the list: its parts are one behind the other for the firmware."""

    def __init__(self, base, element, writable, count=1, dies=1):
        self.element, self.writable = element, writable
        self.parts = [base + DIE * die + BANK * i for die in range(dies) for i in range(count)]
        self.size = element * len(self.parts)


def _single(*lists):
    return {index: Device(base, size, rw) for entries in lists for index, base, size, rw in entries}


def _t600x(caches, dies=1):
    more = {
        7: Device(0x2_8E49_4000, 0x4000, False, dies=dies),
        11: Device(0x2_0000_0000, 0xD8000, True, caches, dies),
    }
    if dies > 1:
        more[15] = Device(0x22_643C_4000, 0x1000, True)
    return _single(_T600X) | more


def _t602x(temperature, caches, dies=1):
    return _single(_T602X) | {
        7: Device(temperature, 0x4000, False, dies=dies),
        11: Device(0x2_0000_0000, 0xD8000, True, caches, dies),
        21: Device(0x4_04EA_C000, 0x4000, True, dies=dies),
    }


DEVICES = {
    "t8103": _single(_T8103),
    "t8112": _single(_T8112),
    "t6000": _t600x(4),
    "t6001": _t600x(8),
    "t6002": _t600x(8, 2),
    "t6020": _t602x(0x2_8E46_0000, 4),
    "t6021": _t602x(0x2_8E47_8000, 8),
    "t6022": _t602x(0x2_8E47_8000, 8, 2),
}
