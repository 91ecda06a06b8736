# SPDX-License-Identifier: MIT OR Apache-2.0
"""The vertex half of a render, and the buffer that both halves use."""
from context import Context
from values import Tiling, any_value, macro_tile, one_of, whole_step

PAGE_LIST_SHIFT = 15
BLOCK = 0x20000
PAGES_PER_BLOCK = 4
CORE_MASK = 0xFE  # 7 of 8 cores
SOME_F32 = 0x1E3CE508  # 1e-20


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
        self.judge.structure(
            scene,
            {
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
        in_vm = self.mapped(self.slot)
        client = self.clients
        params = "tiling_params."
        layers_word = command[params + "unk_28"]
        layers = (layers_word & 0x7FF) + 1
        tiling = Tiling(
            command[params + "x_max"] + 1,
            command[params + "y_max"] + 1,
            command["struct_2.unk_48"],
            layers,
        )
        info = self.buffers(command)
        self.judge.say(info["block_count"] >= tiling.min_blocks, "blocks for each tile")
        job = "struct_2."
        heapmeta = command[job + "tvb_heapmeta_addr2"] - 0x200
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
                job + "core_mask": CORE_MASK,
                job + "iogpu_deflake_1": in_vm,
                job + "iogpu_deflake_2": in_vm,
                job + "unk_80": 1,
                job + "iogpu_deflake_3": self.mapped(self.slot, tag=1 << 50),
                job + "encoder_addr": self.clients,
                # The same for all jobs but for bit 0, which keeps clusters out of it.
                job + "tiling_control": one_of(0xA040, 0xA041),
                job + "pipeline_base": any_value,
                job + "unk_f0": 0x1C,
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
                params + "unk_28": 0xE000 | (layers - 1) if layers > 1 else 0x8000,
                params + "helper_cfg": any_value,
                "unkptr_45c": command[job + "tpc"],
                "tvb_size": tiling.tpc_size,
                "microsequence_ptr": self.mapped(),
                "microsequence_size": any_value,
                "ev_3d": lambda v: v < 128 and v != message["event_number"],
                "stamp_value": whole_step,
                "struct_3.iogpu_deflake_1": command[job + "iogpu_deflake_1"],
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
