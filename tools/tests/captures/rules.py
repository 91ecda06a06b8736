# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the structures of a job have to be when its message arrives: chip t8103, firmware 13.5.

Fields have the table's names. A field that is not named here has to be zero, be it reserved or the firmware's own. Values come
from the UAPI's fields by the formulas of m1n1's and the driver in the field's render path; constants without an explanation are
what those two write.
"""
import re

RING_SIZE = 0x500
PAGE_LIST_SHIFT = 15
BLOCK = 0x20000
PAGES_PER_BLOCK = 4
STAMP_STEP = 0x100
CORE_MASK = 0xFE  # 7 of 8 cores
SOME_F32 = 0x1E3CE508  # 1e-20
EXPLICIT_BARRIER = 0xFFFFBBBB
QUEUES = 1 << 20  # more than there can be at once
DRIVERS_PART = 0x70_0000_0000  # the driver's objects in an address space are above, as Mesa divides it
STREAM = 1 << 30  # bytes of a command stream, at most

# Commands by their first word.
COMMANDS = {
    0: "WorkCommandTA",
    1: "WorkCommand3D",
    3: "WorkCommandCP",
    4: "WorkCommandBarrier",
    6: "WorkCommandInitBM",
}
# Operations of a microsequence by opcode, and those of one job in order; timestamps come in pairs or not at all.
OPERATIONS = {
    0x01: "WaitForInterruptCmd",
    0x18: "EndCmd",
    0x19: "TimestampCmd",
    0x22: "StartTACmd",
    0x23: "FinalizeTACmd",
    0x24: "Start3DCmd",
    0x25: "Finalize3DCmd",
    0x29: "StartComputeCmd",
    0x2A: "FinalizeComputeCmd",
}
SEQUENCE = r"S(TWT|W)FE$"
LETTERS = {"WaitForInterruptCmd": "W", "EndCmd": "E", "TimestampCmd": "T"}
# Words in the sequence that names the pipe to wait for.
WAITS = {"vertex": 0x101, "fragment": 0x10001, "compute": 0x800001}
PRIORITY = {
    0: (0, 0, 0xFFFFFFFFFFFF0000, 1, 0, 1),
    1: (1, 1, 0xFFFFFFFF00000000, 0, 0, 0),
    2: (2, 2, 0xFFFF000000000000, 0, 0, 2),
    3: (3, 3, 0, 0, 0, 3),
}


def any_value(_value):
    """The client's, or checked elsewhere."""
    return True


def one_of(*values):
    """One of some values."""

    def check(value):
        return value in values

    check.__name__ = " or ".join(hex(v) for v in values)
    return check


def round_up(value, to):
    """The next multiple."""
    return -(-value // to) * to


class Tiling:
    """The numbers that follow from a picture's size; sizes of the buffers for it as well."""

    def __init__(self, width, height, utile_config, layers):
        utile_x = ((utile_config >> 12) & 3) * 16
        utile_y = ((utile_config >> 14) & 3) * 16
        self.width, self.height, self.layers = width, height, layers
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
        self.tpc_size = 4 * self.tpc_stride * 16 * layers
        self.screen = (self.tiles_y - 1) << 12 | (self.tiles_x - 1)
        self.min_blocks = round_up(-(-self.tiles_x * self.tiles_y // 128), 8)


def macro_tile(count):
    """TE_MTILE1 and 2."""
    return 3 * count | (2 * count) << 9 | count << 18


class Capture:
    """A capture of the message of a pipe, judged from the message on."""

    def __init__(self, table, memory, judge, structure):
        self.memory, self.judge = memory, judge
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

    @staticmethod
    def clients(value):
        """Accepts addresses of a client's, and 0. A client that ends may have unmapped them meanwhile."""
        return value < DRIVERS_PART

    def pipe(self, kind, priority):
        """The newest message in the ring of a pipe, and all that belongs to it."""
        init = int(self.memory.meta["init_data"], 0)
        region_b = self.get("InitData", init)["regionB_addr"]
        channels = self.get("ChannelInfoSet", region_b)
        name = {"vertex": "TA", "fragment": "3D", "compute": "CL"}[kind] + f"_{priority}"
        state, ring = channels[name + ".state_addr"], channels[name + ".ringbuffer_addr"]
        read, write = self.memory.word(state), self.memory.word(state + 0x20)
        if read == write:
            print("# nothing is left of it: an earlier doorbell was for this message too")
        while read != write:
            at = ring + read * self.size("RunCmdQueueMsg")
            self.message(kind, priority, self.get("RunCmdQueueMsg", at))
            read = (read + 1) % 0x100

    def message(self, kind, priority, message):
        """A message, its queue, and the commands that it brings."""
        self.judge.structure(
            message,
            {
                "queue_type": ("vertex", "fragment", "compute").index(kind),
                "cmdqueue_addr": self.mapped(),
                "head": lambda v: 0 < v < RING_SIZE,
                "event_number": lambda v: v < 128,
                "new_queue": one_of(0, 1),
            },
        )
        queue = self.get("CommandQueueInfo", message["cmdqueue_addr"])
        self.queue(kind, priority, message, queue)
        pointers = self.get("CommandQueuePointers", queue["pointers_addr"])
        # The firmware moves these; what is between them is what this message and later ones bring.
        done, rptr, wptr = (pointers[f] for f in ("gpu_doneptr", "gpu_rptr", "cpu_wptr"))
        self.judge.structure(
            pointers,
            {
                "gpu_doneptr": any_value,
                "gpu_rptr": any_value,
                "cpu_wptr": lambda v: v < RING_SIZE
                and (v - message["head"]) % RING_SIZE < RING_SIZE // 2,
                "rb_size": RING_SIZE,
                # Words of the firmware's.
                "unk_10": any_value,
                "unk_20": any_value,
            },
        )
        self.judge.say(done < RING_SIZE and rptr < RING_SIZE and wptr < RING_SIZE, "ring pointers")
        stamp = None
        for index in range(rptr, message["head"] + RING_SIZE * (message["head"] < rptr)):
            va = self.memory.word(queue["rb_addr"] + index % RING_SIZE * 8, 8)
            name = COMMANDS.get(self.memory.word(va))
            if name is None:
                self.judge.say(False, f"a command at {va:#x} with a known tag")
                continue
            command = self.get(name, va)
            stamp = self.command(kind, name, message, queue, command) or stamp
        self.judge.say(stamp is not None, "a run command among the message's")

    def queue(self, kind, priority, message, queue):
        """A firmware queue."""
        block = list(PRIORITY[priority])
        if kind == "compute":
            block[0], block[5] = 0, 1
        new = message["new_queue"]
        # Of a queue that the firmware knows already, its own fields are as it left them.
        own = 0 if new else any_value
        self.judge.structure(
            queue,
            {
                "pointers_addr": self.mapped(),
                "rb_addr": self.mapped(),
                "job_list_addr": self.mapped(),
                "gpu_buf_addr": self.mapped(),
                "gpu_rptr1": own,
                "gpu_rptr2": own,
                "gpu_rptr3": own,
                "event_id": 0xFFFFFFFF if new else message["event_number"],
                "priority": block[0],
                "unk_34": block[1],
                "unk_38": block[2],
                "unk_40": block[3],
                "unk_44": block[4],
                "prio5": block[5],
                "unk_4c": 0xFFFFFFFF,
                "uuid": lambda v: 0 < v < QUEUES,
                "unk_54": 0xFFFFFFFF,
                "busy": own,
                # The table has the firmware's words 4 bytes lower than 13.5 has them.
                "unk_88": own,
                "unk_9c": own,
                "gpu_context_addr": self.mapped(),
            },
        )
        context = self.get("GPUContextData", queue["gpu_context_addr"])
        table_index = any_value  # the firmware replaces 0xff
        self.judge.structure(
            context,
            {
                "queue_table_index": table_index,
                "pid_table_index": table_index,
                "unk_2": any_value,  # the firmware's from the first message on
                "unk_5": 1,
                "unk_1e": 0xFF,
                "unk_23": 2,
            },
        )
        self.judge.structure(
            self.get("JobList", queue["job_list_addr"]),
            {"first_job": any_value, "last_head": self.mapped()},
        )

    def command(self, kind, name, message, queue, command):
        """A command of the ring; returns a run command's stamp value."""
        if name == "WorkCommandBarrier":
            self.judge.structure(
                command,
                {
                    "magic": 4,
                    "stamp_addr": self.mapped(),
                    "wait_value": lambda v: v % STAMP_STEP == 0,
                    "event": lambda v: v < 128,
                    "stamp_self": lambda v: v % STAMP_STEP == 0,
                    "uuid": one_of(0, EXPLICIT_BARRIER),
                },
            )
            return None
        if name == "WorkCommandInitBM":
            info = self.get("BufferManagerInfo", command["buffer_mgr_addr"])
            self.judge.structure(
                command,
                {
                    "magic": 6,
                    "context_id": lambda v: 0 < v < 64,
                    "buffer_mgr_slot": lambda v: v < 127,
                    "unk_10": info["block_count"],
                    "buffer_mgr_addr": self.mapped(),
                    "stamp_value": lambda v: v % STAMP_STEP == 0,
                },
            )
            return None
        wanted = {"vertex": "WorkCommandTA", "fragment": "WorkCommand3D", "compute": "WorkCommandCP"}
        if name != wanted[kind]:
            self.judge.say(False, f"{name} in a queue of {kind} work")
            return None
        self.slot = command["context_id"]
        stamps = {
            "vertex": "struct_3.",
            "fragment": "struct_7.",
            "compute": "job_meta.",
        }[kind]
        {"vertex": self.vertex, "fragment": self.fragment, "compute": self.compute}[kind](
            message, queue, command
        )
        self.notifier(queue, command["event_control_addr"])
        self.microsequence(kind, queue, command)
        return command[stamps + "stamp_value"]

    def notifier(self, queue, va):
        """The notifier of a user queue: what the firmware counts its jobs with."""
        self.judge.structure(
            self.get("EventControl", va),
            {
                "event_count_addr": self.mapped(),
                "submission_id": queue["uuid"],
                "cur_count": any_value,
                "unk_10": 0x50,
                # The firmware's from here on.
                **dict.fromkeys(("unk_20", "vm_slot", "has_ta", "has_3d", "has_cp"), any_value),
                **dict.fromkeys(("pstamp_ta", "pstamp_3d", "pstamp_cp", "in_list"), any_value),
                "list_head.prev": any_value,
                "list_head.next": any_value,
                "unk_buf": any_value,
            },
        )

    def stamps(self, message, prefix, address1, address2, slot):
        """Where the end of a command is written."""
        return {
            prefix + address1: self.mapped(),
            prefix + address2: self.mapped(),
            prefix + "stamp_value": lambda v: v % STAMP_STEP == 0,
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
                "stamp_value": lambda v: v % STAMP_STEP == 0,
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

    def compute(self, message, queue, command):
        """RunCompute."""
        in_vm = self.mapped(self.slot)
        job, job2, meta = "compute_info.", "compute_info2.", "job_meta."
        self.judge.structure(
            command,
            {
                "magic": 3,
                "counter": any_value,
                "context_id": lambda v: 0 < v < 64,
                "event_control_addr": self.mapped(),
                job + "iogpu_deflake_1": in_vm,
                job + "encoder": self.clients,
                **{job + f"iogpu_deflake_{i}": in_vm for i in (2, 3, 4, 5)},
                job + "pipeline_base": any_value,
                job + "unk_38": 0x8C60,
                job + "helper_program": any_value,
                job + "helper_arg": any_value,
                job + "helper_cfg": any_value,
                job + "unk_58": 1,
                "microsequence_ptr": self.mapped(),
                "microsequence_size": any_value,
                job2 + "iogpu_deflake_1": command[job + "iogpu_deflake_1"],
                job2 + "encoder_end": lambda v: 0 < v - command[job + "encoder"] < STREAM,
                "encoder_params.iogpu_compute_unk44": 0xFFFFFFFF,
                "encoder_params.seq_buffer": self.clients,
                "encoder_params.unk_1c": lambda v: v >> 32 == (v & 0xFFFFFFFF) + 1,
                **self.stamps(message, meta, "stamp_addr", "fw_stamp_addr", "stamp_slot"),
                meta + "unk_20": one_of(0, 1),
                meta + "queue_cmd_count": any_value,
                **self.timestamps(),
                "client_sequence": queue["uuid"] & 0xFF,
            },
        )

    def microsequence(self, kind, queue, command):
        """The operations of a run command."""
        at, size = command["microsequence_ptr"], command["microsequence_size"]
        end, start, letters, operations = at + size, at, "", []
        while at < end:
            name = OPERATIONS.get(self.memory.word(at) & 0x3F)
            if name is None:
                break
            letters += LETTERS.get(name, "S" if name.startswith("Start") else "F")
            operations.append(self.get(name, at))
            at += self.size(name)
        self.judge.say(
            at == end and re.match(SEQUENCE, letters) is not None,
            f"microsequence of {size} bytes: {letters}",
        )
        for operation in operations:
            self.operation(kind, queue, command, operation, start)

    def operation(self, kind, queue, command, operation, start):
        """One operation."""
        name = operation.name
        if name == "EndCmd":
            self.judge.structure(operation, {"magic": 0x18, "flags": 0x40})
            return
        if name == "WaitForInterruptCmd":
            words = WAITS[kind].to_bytes(4, "little")
            fields = ("magic", "unk_1", "unk_2", "unk_3")
            self.judge.structure(operation, dict(zip(fields, words)))
            return

        def own(field):
            return command.va + command.offsets[field]

        common = {"context_id": command["context_id"]}
        if name == "TimestampCmd":
            user = (own("user_ts_pointers.start_addr"), own("ts_pointers.start_addr"))
            self.judge.structure(
                operation,
                {
                    "magic": 0x19,
                    "unk_3": one_of(0, 0x80),
                    "ts0_addr": own("ts1"),
                    "ts_pointers_addr": user[1],
                    "unk_addr": one_of(user[1], user[1] + 8),
                    "cmdqueue_ptr": queue.va,
                    "user_ts_pointers_addr": user[0],
                    "unk_ts_addr": lambda v: command.va < v < command.va + self.size(command.name),
                },
            )
            return
        back = (start - operation.va) & 0xFFFFFFFF
        same = {
            field: command[field]
            for field in ("buf_thing_addr", "buffer_mgr_addr")
            if field in operation.fields and field in command.fields
        }
        common.update(same, cmdqueue_ptr=queue.va)
        stats = self.mapped()
        rules = {
            "StartTACmd": lambda: {
                "magic": 0x22,
                "tiling_params_addr": own("tiling_params.size1"),
                "struct2_addr": own("struct_2.unk_0"),
                "stats_ptr": stats,
                "unk_38": 1,
                "submission_id": queue["uuid"],
                "buffer_mgr_slot": command["buffer_mgr_slot"],
                "unk_48": command["struct_3.queue_cmd_count"],
                "struct3_addr": lambda v: own("struct_3.unk_480") - 8 <= v <= own("struct_3.unk_480"),
                "unkptr_5c": own("unk_594"),
                **self.attachments_of_vertex(operation),
                "counter": command["counter"],
                "unkptr_180": command["event_control_addr"] + 0xA8,
                "unk_178": command["struct_2.tiling_control"] & 1,
            },
            "FinalizeTACmd": lambda: {
                "magic": 0x23,
                "stats_ptr": stats,
                "struct3_addr": lambda v: own("struct_3.unk_480") - 8 <= v <= own("struct_3.unk_480"),
                "stamp_addr": command["struct_3.stamp2_addr"],
                "stamp_value": command["struct_3.stamp_value"],
                "restart_branch_offset": back,
                "unk_70": one_of(0, 1),
            },
            "Start3DCmd": lambda: {
                "magic": 0x24,
                "struct1_addr": own("struct_1.store_pipeline_bind"),
                "struct2_addr": own("struct_2.unk_0"),
                "stats_ptr": stats,
                "busy_flag_ptr": lambda v: v == command.va + 0x888,
                "struct6_addr": own("struct_6.tvb_overflow_count"),
                "struct7_addr": own("struct_7.unk_0_0"),
                "workitem_ptr": command.va,
                "unk_50": 1,
                "submission_id": queue["uuid"],
                "buffer_mgr_slot": lambda v: v < 127,
                "queue_cmd_count": command["struct_7.queue_cmd_count"],
                "unk_buf_ptr": command.va + 0x770,
                "unk_buf2_ptr": own("unk_buf2.unk_0"),
                "attachments": any_value,
                "num_attachments": lambda v: v <= 16,
                "counter": command["counter"],
                "unkptr_19c": command["event_control_addr"] + 0xA8,
            },
            "Finalize3DCmd": lambda: {
                "magic": 0x25,
                "stamp_addr": command["struct_7.stamp2_addr"],
                "stamp_value": command["struct_7.stamp_value"],
                "unk_2c": 1,
                "stats_ptr": stats,
                "struct7_addr": own("struct_7.unk_0_0"),
                "busy_flag_ptr": command.va + 0x888,
                "workitem_ptr": command.va,
                # The table calls the slot so; an operation has no other field for it.
                "unk_5c": command["context_id"],
                "unk_buf_ptr": command.va + 0x770,
                "restart_branch_offset": back,
                "unk_98": one_of(0, 1),
            },
            "StartComputeCmd": lambda: {
                "magic": 0x29,
                "unk_buf_addr": own("unk_2c"),
                "computeinfo_addr": own("compute_info.iogpu_deflake_1"),
                "stats_ptr": stats,
                "unk_28": 1,
                "counter1": queue["uuid"],
                "counter2": command["job_meta.queue_cmd_count"],
                "computeinfo2_addr": own("compute_info2.unk_0_0"),
                "attachments": any_value,
                "num_attachments": lambda v: v <= 16,
                "unk_flag_addr": own("unk_flag"),
                "counter": command["counter"],
                "event_ctrl_buf_addr": command["event_control_addr"] + 0xA8,
            },
            "FinalizeComputeCmd": lambda: {
                "magic": 0x2A,
                "unkptr_4": stats,
                "computeinfo2_addr": own("compute_info2.unk_0_0"),
                "stamp": command["job_meta.fw_stamp_addr"],
                "stamp_value": command["job_meta.stamp_value"],
                "restart_branch_offset": back,
                "unk_60": one_of(0, 1),
                "unkptr_71": own("unk_flag"),
            },
        }[name]()
        rules = {**{k: v for k, v in common.items() if k in operation.fields}, **rules}
        self.judge.structure(operation, rules)

    def attachments_of_vertex(self, operation):
        """The table has no names for a vertex operation's attachments."""
        fields = ("unk_70", "unk_74", "unk_15c", "unk_160", "unk_168", "unk_16c", "unk_170")
        return {field: any_value for field in fields if field in operation.fields}
