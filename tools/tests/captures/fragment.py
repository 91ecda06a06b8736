# SPDX-License-Identifier: MIT OR Apache-2.0
"""The fragment half of a render."""
from types import SimpleNamespace

from context import Context
from values import Tiling, any_value, one_of

AUX_FB_SIZE = 0x8000


class Fragment(Context):
    """Rules of fragment commands."""

    def fragment(self, message, queue, command):
        """RunFragment."""
        client, job3 = self.clients, "struct_3."
        if self.machine.has_registers:
            form, frame = self.fragment_registers(command)
        else:
            form, frame = self.fragment_fields(command)
        tiling = frame.tiling
        self.buffers(command)
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
                "tvb_tilemap": self.mapped(self.slot),
                "unk_40": any_value,  # ppp_multisamplectl
                "unk_48": tiling.samples,
                "tile_blocks_y": tiling.per_macro_y,
                "tile_blocks_x": tiling.per_macro_x,
                "merge_upper_x": any_value,
                "merge_upper_y": any_value,
                "tile_count": tiling.tiles_x * tiling.tiles_y,
                **form,
                **self.partial(command, frame),
                "struct_6.unk_1c": 0xFFFFFFFF,
                "struct_6.sampler_array": client,
                "struct_6.sampler_count": any_value,
                "struct_6.sampler_max": command["struct_6.sampler_count"] + 1,
                "struct_6.unk_30": frame.tile_config >> 16 & 1,
                "struct_6.unk_34": 1,
                **self.stamps(message, "struct_7.", "stamp1_addr", "stamp2_addr", "ev_3d"),
                "struct_7.unk_24": one_of(0, 1),
                "struct_7.queue_cmd_count": any_value,
                "unk_buf2.unk_10": 0 if self.machine.has_registers else 1,
                **self.timestamps(),
                "client_sequence": queue["uuid"] & 0xFF,
            },
        )

    def frame(self, size, utile_config, **values):
        """The values that several fields have in common."""
        # The number of layers is the vertex half's; here only that there are several.
        layers = 2 if values["tile_config"] & 1 else 1
        tiling = Tiling(size & 0xFFFFFFFF, size >> 32, utile_config, layers)
        return SimpleNamespace(tiling=tiling, **values)

    def fragment_memory(self, heapmeta, tilemap, aux_fb, frame):
        """The parts of memory that the fragment half is given."""
        tiling = frame.tiling
        self.spans(
            "memory of a fragment half",
            {
                "heap's metadata": (heapmeta, 0x200 + tiling.layermeta_size),
                "tilemap": (tilemap, tiling.tilemap_size),
                "frame": (aux_fb, AUX_FB_SIZE),
            },
        )

    def partial(self, command, frame):
        """The rules of the fields for partial renders: what a frame has in common with them."""
        job3, tiling = "struct_3.", frame.tiling
        aux = {job3 + "aux_fb.unk3": 0x100000} if job3 + "aux_fb.unk3" in command else {}
        return {
            job3 + "depth_bias_array.ptr": frame.depth_bias,
            job3 + "scissor_array.ptr": frame.scissor,
            job3 + "visibility_result_buffer": frame.visibility,
            job3 + "unk_reload_pipeline.pipeline_bind": any_value,
            job3 + "unk_reload_pipeline.address": any_value,
            job3 + "reload_pipeline.pipeline_bind": command[job3 + "unk_reload_pipeline.pipeline_bind"],
            job3 + "reload_pipeline.address": command[job3 + "unk_reload_pipeline.address"],
            job3 + "depth_flags": frame.zls,
            job3 + "unk_290": self.machine.of_generation(0, 0x4040404),
            job3 + "depth_buffer_ptr1": frame.depth,
            job3 + "unk_2a0": frame.depth_stride,
            job3 + "unk_2a8": frame.depth_aux_stride,
            job3 + "depth_buffer_ptr2": frame.depth,
            job3 + "depth_buffer_ptr3": frame.depth,
            job3 + "depth_aux_buffer_ptr": frame.depth_aux,
            job3 + "stencil_buffer_ptr1": frame.stencil,
            job3 + "unk_2d0": frame.stencil_stride,
            job3 + "unk_2d8": frame.stencil_aux_stride,
            job3 + "stencil_buffer_ptr2": frame.stencil,
            job3 + "stencil_buffer_ptr3": frame.stencil,
            job3 + "stencil_aux_buffer_ptr": frame.stencil_aux,
            job3 + "aux_fb_unk0": frame.tib_blocks,
            job3 + "aux_fb.unk1": frame.isp_ctl,
            job3 + "aux_fb.width": tiling.width,
            job3 + "aux_fb.height": tiling.height,
            **aux,
            job3 + "s2_unk_f8": frame.tile_config,
            job3 + "unk_partial_store_pipeline.pipeline_bind": any_value,
            job3 + "unk_partial_store_pipeline.address": any_value,
            job3 + "partial_store_pipeline.pipeline_bind": command[
                job3 + "unk_partial_store_pipeline.pipeline_bind"
            ],
            job3 + "partial_store_pipeline.address": command[
                job3 + "unk_partial_store_pipeline.address"
            ],
            job3 + "depth_clear_val2": frame.depth_clear,
            job3 + "stencil_clear_val2": frame.partial_background & 0xFF,
            job3 + "unk_375": frame.partial_background >> 8 & 0xFF,
            job3 + "unk_376": frame.partial_background >> 16,
            job3 + "unk_378": lambda v: 0 < v <= 64,  # bytes of a sample
            job3 + "depth_dimensions": frame.dimensions,
        }

    def fragment_fields(self, command):
        """The rules in versions with structures of parameters, and the frame."""
        client, in_vm = self.clients, self.mapped(self.slot)
        job, job2 = "struct_2.", "struct_1."
        strides = command[job + "unk_78"]
        word = (1 << 64) - 1
        isp_bgobjvals = (
            command[job2 + "stencil_clear_val1"]
            | command[job2 + "unk_35"] << 8
            | command[job2 + "unk_36"] << 16
        )
        frame = self.frame(
            size=command[job + "aux_fb.width"] | command[job + "aux_fb.height"] << 32,
            utile_config=command[job + "unk_0"],
            tile_config=command[job + "unk_f8"],
            depth=command[job + "depth_buffer_ptr1"],
            stencil=command[job + "stencil_buffer_ptr1"],
            depth_stride=strides & word,
            stencil_stride=strides >> 128 & word,
            depth_aux=command[job + "depth_aux_buffer_ptr1"],
            depth_aux_stride=command[job + "unk_a0"],
            stencil_aux=command[job + "stencil_aux_buffer_ptr1"],
            stencil_aux_stride=command[job + "unk_c0"],
            zls=command[job + "depth_flags"],
            isp_ctl=command[job + "aux_fb.unk1"],
            dimensions=command[job + "depth_dimensions"],
            scissor=command[job + "scissor_array"],
            depth_bias=command[job + "depth_bias_array"],
            visibility=command[job + "visibility_result_buffer"],
            tib_blocks=command[job2 + "unk_2c"],
            depth_clear=command[job2 + "depth_clear_val1"],
            # One bit is set in the whole frame's value only, and by one generation only.
            partial_background=isp_bgobjvals & ~self.machine.of_generation(0x400, 0),
        )
        tiling = frame.tiling
        self.fragment_memory(
            command[job + "tvb_heapmeta_addr2"], command["tvb_tilemap"], command[job + "aux_fb_ptr"], frame
        )
        # Fields that some versions lack.
        some = {
            job + "unk_58_g14_0": 0x4040404,
            job + "aux_fb.unk3": 0x100000,
        }
        z_stride, s_stride = frame.depth_stride, frame.stencil_stride
        rules = {
            **some,
            job + "unk_0": any_value,
            job + "clear_pipeline.pipeline_bind": any_value,
            job + "clear_pipeline.address": any_value,
            job + "unk_18": command["unk_40"],
            job + "scissor_array": client,
            job + "depth_bias_array": client,
            job + "aux_fb.unk1": one_of(0xC000, 0xC000 | 1 << 18),
            job + "aux_fb.width": any_value,
            job + "aux_fb.height": any_value,
            job + "depth_dimensions": any_value,
            job + "visibility_result_buffer": client,
            job + "depth_flags": any_value,
            job + "depth_buffer_ptr1": client,
            job + "depth_buffer_ptr2": frame.depth,
            job + "stencil_buffer_ptr1": client,
            job + "stencil_buffer_ptr2": frame.stencil,
            job + "unk_78": z_stride | z_stride << 64 | s_stride << 128 | s_stride << 192,
            job + "depth_aux_buffer_ptr1": client,
            job + "depth_aux_buffer_ptr2": frame.depth_aux,
            job + "unk_a0": any_value,
            job + "unk_b0": frame.depth_aux_stride,
            job + "stencil_aux_buffer_ptr1": client,
            job + "stencil_aux_buffer_ptr2": frame.stencil_aux,
            job + "unk_c0": any_value,
            job + "unk_d0": frame.stencil_aux_stride,
            job + "tvb_tilemap": command["tvb_tilemap"],
            job + "tvb_heapmeta_addr": command[job + "tvb_heapmeta_addr2"] + 0x200,
            job + "unk_e8": (4 * tiling.region) << 24,
            job + "tvb_heapmeta_addr2": in_vm,
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
            # The rest of the word is in the fields for partial renders.
            job2 + "stencil_clear_val1": any_value,
            job2 + "unk_35": self.background_byte(),
            job2 + "unk_36": any_value,
            job2 + "unk_3c": 1,
            job2 + "helper_cfg": any_value,
        }
        return rules, frame

    def background_byte(self):
        """The second byte of isp_bgobjvals: one generation has a bit of its own there."""
        if self.machine.generation != "G13":
            return any_value

        def check(value):
            return value & 4 == 4

        check.__name__ = "bit 2 set"
        return check
