# SPDX-License-Identifier: MIT OR Apache-2.0
"""Registers, which are in place of parameters in some versions: numbers in a fixed order, and values."""
from context import Context
from values import any_value, macro_tile, one_of
from vertex import Place, render_targets

ENTRY = 12


class Registers:
    """A command's registers, as a structure with a field for each; its names are the numbers."""

    def __init__(self, command, count):
        self.name, self.va = f"registers of {command.name}", command.va + command.offsets["registers"]
        self.numbers = [number for number, _ in command.registers[:count]]
        self.fields = {f"{number:#x}": value for number, value in command.registers[:count]}
        self.offsets = {f"{number:#x}": ENTRY * i for i, number in enumerate(self.numbers)}
        self.sizes = dict.fromkeys(self.fields, 8)
        self.behind = command.registers[count:]

    def __getitem__(self, number):
        return self.fields[f"{number:#x}"]

    def has(self, field, _names):
        """Whether there is such a register."""
        return field in self.fields


class RegisterRules(Context):
    """Rules of registers."""

    def registers(self, command, prefix=""):
        """A command's registers, and the rules of the fields that say where and how many they are."""
        count = command[prefix + "register_count"]
        registers = Registers(command, count)
        self.judge.say(
            count <= len(command.registers) and registers.behind == [(0, 0)] * len(registers.behind),
            f"{registers.name}: nothing behind {count}",
        )
        rules = {
            prefix + "registers_addr": registers.va,
            prefix + "register_count": len(registers.fields),
            prefix + "registers_length": ENTRY * count,
        }
        return registers, rules

    def listed(self, registers, rules):
        """Judges registers by rules of numbers, each of one or several, in the order that they have to have."""
        numbers = [number for these, _ in rules for number in these]
        self.judge.say(registers.numbers == numbers, f"{registers.name}: {len(numbers)}, in order")
        fields = {f"{number:#x}": rule for these, rule in rules for number in these}
        self.judge.structure(registers, fields)

    def compute_registers(self, command):
        """As compute_fields()."""
        in_vm = self.mapped(self.slot)
        registers, rules = self.registers(command)
        preempt, size = registers[0x1A510], self.machine.chip.compute_preempt
        self.listed(
            registers,
            [
                ((0x1A510,), in_vm),
                ((0x1A420,), self.clients),
                *(((n,), preempt + size + 8 * i) for i, n in enumerate((0x1A4D0, 0x1A4D8, 0x1A4E0, 0x1A4E8))),
                ((0x10071,), any_value),
                ((0x11841, 0x11849, 0x11F81), any_value),  # the helper
                ((0x1A440,), 0x24201),
                ((0x12091,), 0),
            ],
        )
        return rules, registers[0x1A420], preempt

    def vertex_registers(self, command):
        """As vertex_fields()."""
        in_vm, chip = self.mapped(self.slot), self.machine.chip
        r, rules = self.registers(command)
        self.set_tiling(r[0x10129], r[0x10149], r[0x10169], r[0x1C890])
        tiling = self.tiling
        parts = [size * chip.copies() for size in chip.preempt]
        heapmeta, tilemap, preempt = r[0x1C079] - 0x200, r[0x1C039], r[0x10111]
        place = Place(rules, heapmeta, tilemap, r[0x1C0A1], preempt)
        place.clusters = tuple(r[n] for n in (0x1C041, 0x1C089, 0x1C920, 0x1C948, 0x1C888, 0x16C41))
        tilemaps, layermeta, _, _, _, meta4 = place.clusters
        layers = render_targets(tiling.layers)
        self.listed(
            r,
            [
                ((0x10141,), 0x200),
                ((0x1C039, 0x1C9C8), tilemap),
                ((0x1C041, 0x1C9D0), tilemaps),
                ((0x1C0A1,), in_vm),
                ((0x1C031, 0x1C9C0), heapmeta | 1 << 63),
                ((0x1C051,), 0x3A0012006B0003),
                ((0x1C061,), 1),
                ((0x10149,), any_value),
                ((0x10139,), any_value),  # ppp_multisamplectl
                ((0x10111, 0x1C9B0), preempt),
                ((0x10119, 0x1C9B8), preempt + parts[0]),
                ((0x1C958,), 1),
                ((0x1C950,), preempt + parts[0] + parts[1] | 1 << 50),
                ((0x1C930,), 0),
                ((0x1C880,), self.clients),
                ((0x1C898,), 0),
                ((0x1C948,), in_vm),
                ((0x1C888,), in_vm),
                ((0x1C890,), self.tiling_controls()),
                ((0x1C918,), 4),
                ((0x1C079, 0x1C9D8), heapmeta + 0x200),
                ((0x1C089, 0x1C9E0), layermeta),
                ((0x16C41, 0x1CA40), meta4),
                ((0x1C9A8,), 0x1C),
                ((0x1C920,), in_vm),
                ((0x10151, 0x1C199, 0x1C1A1, 0x1C1A9, 0x1C1B1, 0x1C1B9), 0),
                ((0x10061,), any_value),
                ((0x11801, 0x11809, 0x11F71), any_value),  # the helper
                ((0x1C0B1, 0x1C850), tiling.region),
                ((0x10131,), 0x88),
                ((0x10121,), any_value),  # ppp_ctrl
                ((0x10129,), tiling.width - 1 | (tiling.height - 1) << 16),
                ((0x101B9,), tiling.screen),
                ((0x1C069,), macro_tile(tiling.per_macro_x)),
                ((0x1C071,), macro_tile(tiling.per_macro_y)),
                ((0x1C081,), tiling.per_macro),
                ((0x1C0A9,), tiling.tpc_stride),
                ((0x10171,), 0x100),
                ((0x10169,), layers),
                ((0x12099,), 0x1C),
                ((0x1C9E8,), layers & 0x4FFF),
            ],
        )
        return place

    def fragment_registers(self, command):
        """As fragment_fields()."""
        client, in_vm = self.clients, self.mapped(self.slot)
        r, rules = self.registers(command, "struct_3.")
        frame = self.frame(
            size=r[0x15211],
            utile_config=r[0x10009],
            tile_config=r[0x10039],
            depth=r[0x15329],
            stencil=r[0x15339],
            depth_stride=r[0x15401],
            stencil_stride=r[0x15409],
            depth_aux=r[0x153C1],
            depth_aux_stride=r[0x15411],
            stencil_aux=r[0x153D1],
            stencil_aux_stride=r[0x15419],
            zls=r[0x15319],
            isp_ctl=r[0x15021],
            dimensions=r[0x15321],
            scissor=r[0x15109],
            depth_bias=r[0x15101],
            visibility=r[0x15311],
            tib_blocks=r[0x10051],
            depth_clear=r[0x15301],
            partial_background=r[0x15309],
        )
        tiling = frame.tiling
        mtile = tiling.per_macro_y * tiling.utiles_y | (tiling.per_macro_x * tiling.utiles_x) << 16
        layers = 1 << 32 if frame.tile_config & 1 else 0
        tiles = 0x2000036011 | layers | (tiling.utile_config & 0xF000) << 28
        tiles |= (tiling.tiles_x - 1) << 44 | (tiling.tiles_y - 1) << 53
        self.listed(
            r,
            [
                ((0x1739,), 1),
                ((0x10009,), any_value),
                ((0x15379, 0x15381), any_value),  # the program at the end of a tile
                ((0x15369, 0x15371), any_value),  # and at its begin
                ((0x15131,), command["merge_upper_x"]),
                ((0x15139,), command["merge_upper_y"]),
                ((0x100A1, 0x15069, 0x15071, 0x16058), 0),
                ((0x10019,), command["unk_40"]),
                ((0x100B1, 0x16030), mtile),
                ((0x100D9,), tiling.screen),
                ((0x16098,), in_vm),
                ((0x15109, 0x15101), client),
                ((0x15021,), one_of(0xC000, 0xC000 | 1 << 18)),
                ((0x15211,), tiling.height << 32 | tiling.width),
                ((0x15049,), 0x100000),
                ((0x10051,), any_value),  # tib_blocks
                ((0x15321,), any_value),
                ((0x15301,), any_value),
                ((0x15309,), any_value),
                ((0x15311,), client),
                ((0x15319,), any_value),
                ((0x15349,), 0x4040404),
                ((0x15351,), 0),
                ((0x15329, 0x15331), frame.depth),
                ((0x15339, 0x15341), frame.stencil),
                ((0x15231, 0x15221, 0x15239, 0x15229), 0),
                ((0x15401, 0x15421), frame.depth_stride),
                ((0x15409, 0x15429), frame.stencil_stride),
                ((0x153C1,), client),
                ((0x15411,), any_value),
                ((0x153C9,), frame.depth_aux),
                ((0x15431,), frame.depth_aux_stride),
                ((0x153D1,), client),
                ((0x15419,), any_value),
                ((0x153D9,), frame.stencil_aux),
                ((0x15439,), frame.stencil_aux_stride),
                ((0x16429,), command["tvb_tilemap"]),
                ((0x16060,), r[0x16098] + 0x200),
                ((0x16431,), (4 * tiling.region) << 24),
                ((0x10039,), lambda v: v & ~0x10001 == 0x280),
                ((0x16451,), 0),
                ((0x11821, 0x11829, 0x11F79), any_value),  # the helper
                ((0x15359,), 0),
                ((0x10069,), any_value),
                ((0x16020,), 0),
                ((0x16461, 0x16090), in_vm),
                ((0x120A1,), 0x1C),
                ((0x160A8,), 0),
                ((0x16068,), tiles),
                ((0x160B8,), 0),
            ],
        )
        self.fragment_memory(r[0x16098], command["tvb_tilemap"], r[0x16461], frame)
        return rules, frame
