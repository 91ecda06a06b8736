# SPDX-License-Identifier: MIT OR Apache-2.0
"""The fragment half of a render."""
from context import Context
from values import Tiling, any_value, one_of


class Fragment(Context):
    """Rules of fragment commands."""

    def fragment(self, message, queue, command):
        """RunFragment."""
        in_vm = self.mapped(self.slot)
        client = self.clients
        job, job2, job3 = "struct_2.", "struct_1.", "struct_3."
        flags = command[job + "unk_f8"]
        width, height = command[job + "aux_fb.width"], command[job + "aux_fb.height"]
        # The number of layers is the vertex half's; here only that there are several.
        tiling = Tiling(width, height, command[job + "unk_0"], 1)
        self.buffers(command)
        isp_ctl = one_of(0xC000, 0xC000 | 1 << 18)
        empty = flags >> 16 & 1
        depth, stencil = command[job + "depth_buffer_ptr1"], command[job + "stencil_buffer_ptr1"]
        strides = command[job + "unk_78"]
        z_stride, s_stride = strides & (1 << 64) - 1, strides >> 128 & (1 << 64) - 1
        values = command[job3 + "stencil_clear_val2"] | command[job3 + "unk_375"] << 8
        values |= command[job3 + "unk_376"] << 16
        bgobj = values | 0x400
        background = {
            f"{at}.{field}": any_value
            for at in (job + "clear_pipeline", job3 + "reload_pipeline")
            for field in ("pipeline_bind", "address")
        }
        self.judge.structure(
            command,
            {
                "magic": 1,
                "counter": any_value,
                "context_id": lambda v: 0 < v < 64,
                "microsequence_ptr": self.mapped(),
                "microsequence_size": any_value,
                "event_control_addr": self.mapped(),
                "buffer_mgr_addr": self.mapped(),
                "buf_thing_addr": self.mapped(),
                "unk_emptybuf_addr": self.mapped(),
                "tvb_tilemap": in_vm,
                "unk_40": any_value,  # ppp_multisamplectl
                "unk_48": tiling.samples,
                "tile_blocks_y": tiling.per_macro_y,
                "tile_blocks_x": tiling.per_macro_x,
                "merge_upper_x": any_value,
                "merge_upper_y": any_value,
                "tile_count": tiling.tiles_x * tiling.tiles_y,
                job + "unk_0": any_value,
                **background,
                job + "unk_18": command["unk_40"],
                job + "scissor_array": client,
                job + "depth_bias_array": client,
                job + "aux_fb.unk1": isp_ctl,
                job + "aux_fb.width": any_value,
                job + "aux_fb.height": any_value,
                job + "aux_fb.unk3": 0x100000,
                job + "depth_dimensions": any_value,
                job + "visibility_result_buffer": client,
                job + "depth_flags": any_value,
                job + "depth_buffer_ptr1": client,
                job + "depth_buffer_ptr2": depth,
                job + "stencil_buffer_ptr1": client,
                job + "stencil_buffer_ptr2": stencil,
                job + "unk_78": z_stride | z_stride << 64 | s_stride << 128 | s_stride << 192,
                job + "depth_aux_buffer_ptr1": client,
                job + "depth_aux_buffer_ptr2": command[job + "depth_aux_buffer_ptr1"],
                job + "unk_a0": any_value,
                job + "unk_b0": command[job + "unk_a0"],
                job + "stencil_aux_buffer_ptr1": client,
                job + "stencil_aux_buffer_ptr2": command[job + "stencil_aux_buffer_ptr1"],
                job + "unk_c0": any_value,
                job + "unk_d0": command[job + "unk_c0"],
                job + "tvb_tilemap": command["tvb_tilemap"],
                job + "tvb_heapmeta_addr": in_vm,
                job + "unk_e8": (4 * tiling.region) << 24,
                job + "tvb_heapmeta_addr2": command[job + "tvb_heapmeta_addr"] - 0x200,
                job + "unk_f8": lambda v: v & ~0x10001 == 0x280,
                job + "aux_fb_ptr": in_vm,
                job + "pipeline_base": any_value,
                job + "unk_140": 0x8C60,
                job + "helper_program": any_value,
                job + "helper_arg": any_value,
                job + "unk_158": 0x1C,
                job2 + "store_pipeline_bind": any_value,
                job2 + "store_pipeline_addr": any_value,
                job2 + "merge_upper_x": command["merge_upper_x"],
                job2 + "merge_upper_y": command["merge_upper_y"],
                job2 + "tile_blocks_y": tiling.per_macro_y * tiling.utiles_y,
                job2 + "tile_blocks_x": tiling.per_macro_x * tiling.utiles_x,
                job2 + "tile_counts": tiling.screen,
                job2 + "unk_2c": any_value,  # tib_blocks
                job2 + "depth_clear_val1": any_value,
                job2 + "stencil_clear_val1": bgobj & 0xFF,
                job2 + "unk_35": bgobj >> 8 & 0xFF,
                job2 + "unk_36": bgobj >> 16,
                job2 + "unk_3c": 1,
                job2 + "helper_cfg": any_value,
                job3 + "depth_bias_array.ptr": command[job + "depth_bias_array"],
                job3 + "scissor_array.ptr": command[job + "scissor_array"],
                job3 + "visibility_result_buffer": command[job + "visibility_result_buffer"],
                job3 + "unk_reload_pipeline.pipeline_bind": command[
                    job3 + "reload_pipeline.pipeline_bind"
                ],
                job3 + "unk_reload_pipeline.address": command[job3 + "reload_pipeline.address"],
                job3 + "depth_flags": command[job + "depth_flags"],
                job3 + "depth_buffer_ptr1": depth,
                job3 + "unk_2a0": z_stride,
                job3 + "unk_2a8": command[job + "unk_a0"],
                job3 + "depth_buffer_ptr2": depth,
                job3 + "depth_buffer_ptr3": depth,
                job3 + "depth_aux_buffer_ptr": command[job + "depth_aux_buffer_ptr1"],
                job3 + "stencil_buffer_ptr1": stencil,
                job3 + "unk_2d0": s_stride,
                job3 + "unk_2d8": command[job + "unk_c0"],
                job3 + "stencil_buffer_ptr2": stencil,
                job3 + "stencil_buffer_ptr3": stencil,
                job3 + "stencil_aux_buffer_ptr": command[job + "stencil_aux_buffer_ptr1"],
                job3 + "aux_fb_unk0": command[job2 + "unk_2c"],
                job3 + "aux_fb.unk1": command[job + "aux_fb.unk1"],
                job3 + "aux_fb.width": width,
                job3 + "aux_fb.height": height,
                job3 + "aux_fb.unk3": 0x100000,
                job3 + "s2_unk_f8": flags,
                job3 + "unk_partial_store_pipeline.pipeline_bind": any_value,
                job3 + "unk_partial_store_pipeline.address": any_value,
                job3 + "partial_store_pipeline.pipeline_bind": command[
                    job3 + "unk_partial_store_pipeline.pipeline_bind"
                ],
                job3 + "partial_store_pipeline.address": command[
                    job3 + "unk_partial_store_pipeline.address"
                ],
                job3 + "depth_clear_val2": command[job2 + "depth_clear_val1"],
                job3 + "stencil_clear_val2": any_value,
                job3 + "unk_375": any_value,
                job3 + "unk_376": any_value,
                job3 + "unk_378": lambda v: 0 < v <= 64,  # bytes of a sample
                job3 + "depth_dimensions": command[job + "depth_dimensions"],
                "struct_6.unk_1c": 0xFFFFFFFF,
                "struct_6.sampler_array": client,
                "struct_6.sampler_count": any_value,
                "struct_6.sampler_max": command["struct_6.sampler_count"] + 1,
                "struct_6.unk_30": empty,
                "struct_6.unk_34": 1,
                **self.stamps(message, "struct_7.", "stamp1_addr", "stamp2_addr", "ev_3d"),
                "struct_7.unk_24": one_of(0, 1),
                "struct_7.queue_cmd_count": any_value,
                "unk_buf2.unk_10": 1,
                **self.timestamps(),
                "client_sequence": queue["uuid"] & 0xFF,
            },
        )
