# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a value may be, and the numbers that follow from the size of a picture."""

STAMP_STEP = 0x100


def any_value(_value):
    """The client's, or checked elsewhere."""
    return True


def one_of(*values):
    """One of some values."""

    def check(value):
        return value in values

    check.__name__ = " or ".join(hex(v) for v in values)
    return check


def whole_step(value):
    """A stamp, or the distance of two."""
    return value % STAMP_STEP == 0


def round_up(value, to):
    """The next multiple."""
    return -(-value // to) * to


class Tiling:
    """The numbers that follow from a picture's size; sizes of the buffers for it as well."""

    def __init__(self, width, height, utile_config, layers, clusters=1):
        utile_x = ((utile_config >> 12) & 3) * 16
        utile_y = ((utile_config >> 14) & 3) * 16
        self.width, self.height, self.layers = width, height, layers
        self.utile_config = utile_config
        self.samples = 1 << (utile_config & 0xFFF)
        self.tiles_x, self.tiles_y = -(-width // 32), -(-height // 32)
        self.utiles_x, self.utiles_y = 32 // utile_x, 32 // utile_y
        self.per_macro_x = round_up(-(-self.tiles_x // 4), 4)
        self.per_macro_y = round_up(-(-self.tiles_y // 4), 4)
        self.per_macro = self.per_macro_x * self.per_macro_y
        utiles = self.utiles_x * self.utiles_y
        self.region = round_up(5 * self.per_macro * utiles, 4) // 4
        self.tpc_stride = 8 * utiles * self.per_macro // 4
        self.tilemap_size = 4 * self.region * 16 * layers
        self.tpc_size = 4 * self.tpc_stride * 16 * layers * clusters
        self.layermeta_size = 0x100 if layers > 1 else 0
        self.screen = (self.tiles_y - 1) << 12 | (self.tiles_x - 1)
        self.min_blocks = round_up(-(-self.tiles_x * self.tiles_y // 128), 8)
        self.meta1_stride = 0
        if clusters > 1:
            self.min_blocks = max(self.min_blocks, 7 + 2 * layers)
            in_blocks = round_up(self.tiles_x, 2) * round_up(self.tiles_y, 4) * utiles
            self.meta1_stride = -(-in_blocks // 0x1980)


def macro_tile(count):
    """TE_MTILE1 and 2."""
    return 3 * count | (2 * count) << 9 | count << 18
