# SPDX-License-Identifier: MIT OR Apache-2.0
"""The vertex half of a render, and the buffer that both halves use."""
from context import Context
from values import Tiling, any_value, macro_tile, one_of, round_up, whole_step

PAGE_LIST_SHIFT = 15
BLOCK = 0x20000
PAGES_PER_BLOCK = 4
SOME_F32 = 0x1E3CE508  # 1e-20
META1_STRIDE_SHIFT = 50
META4_TAG = 3 << 60


class Vertex(Context):
    """Rules of vertex commands."""

    def buffers(self, command):
        """The buffer manager and the scene of a render, and what they point to."""
        info_va, scene_va = command["buffer_mgr_addr"], command["buf_thing_addr"]
        info = self.get("BufferManagerInfo", info_va)
        in_vm = self.mapped(self.slot)
        self.judge.structure(
            info,
            {
                "cur_id": any_value,  # the firmware replaces -1
                "gpu_counter": any_value,
                "last_id": any_value,
                "gpu_counter2": any_value,
                "page_list_addr": in_vm,
                "page_list_size": 4 * info["unk_84"],
                "page_count": info["block_count"] * PAGES_PER_BLOCK,
                "unk_30": info["unk_84"] // PAGES_PER_BLOCK,
                "block_count": lambda v: 0 < v <= info["unk_30"],
                "block_list_addr": in_vm,
                "block_ctl_addr": self.mapped(),
                "last_page": info["page_count"] - 1,
                "gpu_page_ptr1": any_value,
                "gpu_page_ptr2": any_value,
                "block_size": BLOCK,
                "counter_addr": self.mapped(),
                "unk_80": 1,
                "unk_84": lambda v: v % PAGES_PER_BLOCK == 0,
                "unk_88": lambda v: info["unk_84"] // 3 - PAGES_PER_BLOCK < v <= info["unk_84"] // 3,
            },
        )
        blocks, pages = info["block_count"], info["page_count"]
        control = self.get("BufferManagerBlockControl", info["block_ctl_addr"])
        self.judge.structure(
            control,
            {
                "total": lambda v: blocks <= v <= info["unk_30"],
                "wptr": lambda v: blocks <= v <= info["unk_30"],
                "unk": any_value,
            },
        )
        self.judge.structure(
            self.get("BufferManagerCounter", info["counter_addr"]), {"count": any_value}
        )
        in_blocks, in_pages = (
            [self.memory.word(info[field] + step * i, 4, self.slot) for i in range(count)]
            for field, step, count in (("block_list_addr", 8, blocks), ("page_list_addr", 4, pages))
        )
        listed = [block + page for block in in_blocks for page in range(PAGES_PER_BLOCK)]
        self.judge.say(in_pages == listed, f"page list: {pages} pages of {blocks} blocks, in order")
        self.judge.say(
            all(in_vm(page << PAGE_LIST_SHIFT) for page in in_pages), "page list: all are mapped"
        )
        scene = self.get("BufferThing", scene_va)
        control_word = {}
        if "unk0_addr" in scene:
            # What the GPU itself writes, with the kernel's half of its own context.
            control_word = {"unk0_addr": self.mapped(), "unk0_addr2": scene["unk0_addr"]}
        self.judge.structure(
            scene,
            {
                **control_word,
                "unk_0": any_value,  # pages of the pass, the firmware's
                "unkptr_18": in_vm,
                "bm_misc_addr": self.mapped(),
                "unk_2c": any_value,  # pages in all, the firmware's
            },
        )
        self.judge.structure(
            self.get("BufferManagerMisc", scene["bm_misc_addr"]),
            {**dict.fromkeys(("gpu_0", "gpu_4", "gpu_8"), any_value), "cpu_flag": one_of(0, 1)},
        )
        return info

    def vertex(self, message, queue, command):
        """RunVertex."""
        client = self.clients
        place = self.vertex_registers(command) if self.machine.has_registers else self.vertex_fields(command)
        tiling, info = self.tiling, self.buffers(command)
        self.judge.say(info["block_count"] >= tiling.min_blocks, "blocks for each tile")
        self.vertex_memory(command, place)
        self.judge.structure(
            command,
            {
                "counter": any_value,
                "context_id": lambda v: 0 < v < 64,
                "event_control_addr": self.mapped(),
                "buffer_mgr_slot": lambda v: v < 127,
                "buffer_mgr_addr": self.mapped(),
                "buf_thing_addr": self.mapped(),
                "unk_emptybuf_addr": self.mapped(),
                **place.rules,
                "unkptr_45c": place.tpc,
                "tvb_size": tiling.tpc_size,
                "microsequence_ptr": self.mapped(),
                "microsequence_size": any_value,
                "ev_3d": lambda v: v < 128 and v != message["event_number"],
                "stamp_value": whole_step,
                "struct_3.iogpu_deflake_1": place.preempt,
                "struct_3.unk_53c": 0xFFFFFFFF,
                "struct_3.sampler_array": client,
                "struct_3.sampler_count": any_value,
                "struct_3.sampler_max": command["struct_3.sampler_count"] + 1,
                "struct_3.unk_550": one_of(0, 1 << 64),  # uses_scratch is its third word
                **self.stamps(message, "struct_3.", "stamp1_addr", "stamp2_addr", "ev_ta"),
                "struct_3.unk_584": one_of(0, 1),  # flush of the stamps
                "struct_3.queue_cmd_count": any_value,
                **self.timestamps(),
                "client_sequence": queue["uuid"] & 0xFF,
            },
        )

    def set_tiling(self, screen, utile_config, layers_word, tiling_control):
        """Notes how the frame is cut, and whether clusters share the work."""
        self.unclustered = tiling_control & 1 == 1
        self.tiling = Tiling(
            (screen & 0xFFFF) + 1,
            (screen >> 16) + 1,
            utile_config,
            (layers_word & 0x7FF) + 1,
            1 if self.unclustered else self.machine.chip.clusters,
        )

    def tiling_controls(self):
        """The words that the chip has for tiling: bit 0 keeps clusters out of it."""
        control = self.machine.chip.tiling_control
        return one_of(control, control | 1)

    def vertex_memory(self, command, place):
        """The parts of memory that the vertex half is given."""
        chip, tiling = self.machine.chip, self.tiling
        parts = [size * chip.copies() for size in chip.preempt]
        scene = self.get("BufferThing", command["buf_thing_addr"])
        spans = {
            "user buffer": (scene["unkptr_18"], 0x10080 if chip.clustering else 0x80),
            "heap's metadata": (place.heapmeta, 0x200 + tiling.layermeta_size),
            "tilemap": (place.tilemap, tiling.tilemap_size),
            "tile pointers": (place.tpc, tiling.tpc_size),
            "preemption": (place.preempt, sum(parts)),
        }
        if chip.clustering:
            sizes = chip.clustering
            blocks = tiling.meta1_stride * (1 if self.machine.has_registers else tiling.layers)
            tilemaps, layermeta, meta1, meta2, meta3, meta4 = place.clusters
            spans.update(
                {
                    "clusters' tilemaps": (tilemaps, sizes.splits * tiling.tilemap_size),
                    "clusters' layers": (layermeta, sizes.splits * tiling.layermeta_size),
                    "meta 1": (meta1, round_up(blocks * sizes.meta1_block, 0x80)),
                    "meta 2": (meta2, sizes.meta2),
                    "meta 3": (meta3, round_up(sizes.meta3, 0x80)),
                    "meta 4": (meta4, sizes.meta4),
                }
            )
        self.spans("memory of a vertex half", spans)

    def vertex_fields(self, command):
        """Where memory is, and the rules, in versions with structures of parameters."""
        in_vm, chip = self.mapped(self.slot), self.machine.chip
        job, params = "struct_2.", "tiling_params."
        screen = command[params + "x_max"] | command[params + "y_max"] << 16
        layers_word = command[params + "unk_28"]
        has_clusters = job + "tiling_control" in command
        control = command[job + "tiling_control"] if has_clusters else 1
        self.set_tiling(screen, command[job + "unk_48"], layers_word, control)
        tiling = self.tiling
        heapmeta = command[job + "tvb_heapmeta_addr2"] - 0x200
        preempt = command[job + "iogpu_deflake_1"]
        parts = [size * chip.copies() for size in chip.preempt]
        rules = {
            job + "unk_0": 0x200,
            job + "unk_8": SOME_F32,
            job + "unk_c": SOME_F32,
            job + "tvb_tilemap": in_vm,
            job + "tpc": in_vm,
            job + "tvb_heapmeta_addr": heapmeta | 1 << 63,
            job + "iogpu_unk_54": 0x6B0003,
            job + "iogpu_unk_55": 0x3A0012,
            job + "iogpu_unk_56": 1,
            job + "unk_48": any_value,
            job + "unk_50": any_value,  # ppp_multisamplectl
            job + "tvb_heapmeta_addr2": in_vm,
            job + "iogpu_deflake_1": in_vm,
            job + "iogpu_deflake_2": preempt + parts[0],
            job + "unk_80": 1,
            job + "iogpu_deflake_3": preempt + parts[0] + parts[1] | 1 << 50,
            job + "encoder_addr": self.clients,
            job + "pipeline_base": any_value,
            job + "unk_f8": 0x8C60,
            job + "helper_program": any_value,
            job + "helper_arg": any_value,
            job + "unk_118": 0x1C,
            params + "size1": tiling.region,
            params + "unk_4": 0x88,
            params + "unk_8": any_value,  # ppp_ctrl
            params + "x_max": any_value,
            params + "y_max": any_value,
            params + "tile_count": tiling.screen,
            params + "x_blocks": macro_tile(tiling.per_macro_x),
            params + "y_blocks": macro_tile(tiling.per_macro_y),
            params + "size2": tiling.per_macro,
            params + "size3": tiling.tpc_stride,
            params + "unk_24": 0x100,
            params + "unk_28": render_targets(tiling.layers),
            params + "helper_cfg": any_value,
        }
        place = Place(rules, heapmeta, command[job + "tvb_tilemap"], command[job + "tpc"], preempt)
        if has_clusters:
            rules.update(self.cluster_fields(command, job, place))
        return place

    def cluster_fields(self, command, job, place):
        """The rules of fields for clusters, and where those are."""
        in_vm, tiling = self.mapped(self.slot), self.tiling
        blocks = tiling.meta1_stride * tiling.layers
        names = [f"{job}tvb_cluster_{part}" for part in ("tilemaps", "meta1", "meta2", "meta3", "meta4")]
        tilemaps, meta1, meta2, meta3, meta4 = names
        rules = {
            job + "core_mask": self.machine.cores,
            job + "tiling_control": self.tiling_controls(),
            job + "unk_f0": 0x1C + round_up(blocks, 4),
        }
        if self.machine.chip.clustering:
            stride = tiling.meta1_stride << META1_STRIDE_SHIFT
            address1 = command[meta1] - stride
            address4 = command[meta4] - META4_TAG
            rules.update(
                {
                    tilemaps: in_vm,
                    meta1: self.mapped(self.slot, tag=stride),
                    job + "unk_60": in_vm,
                    meta2: in_vm,
                    meta3: in_vm,
                    meta4: self.mapped(self.slot, tag=META4_TAG),
                }
            )
            place.clusters = (
                command[tilemaps],
                command[job + "unk_60"],
                address1,
                command[meta2],
                command[meta3],
                address4,
            )
        return rules


class Place:
    """Where the memory of a vertex half is, and the rules of the fields that say so."""

    def __init__(self, rules, heapmeta, tilemap, tpc, preempt):
        self.rules = rules
        self.heapmeta, self.tilemap, self.tpc, self.preempt = heapmeta, tilemap, tpc, preempt
        self.clusters = None


def render_targets(layers):
    """TA_RENDER_TARGET_MAX."""
    return 0xE000 | (layers - 1) if layers > 1 else 0x8000
