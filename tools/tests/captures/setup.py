# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the firmware is started with, and what all its work uses: the same in each capture."""
from context import PAGE, Context
from devices import DEVICES
from values import any_value

RINGS = 0x100  # entries of a ring
DUMMY_PAGE = 0x7F_FFFF_8000
TIMESTAMPS = 0xFFFF_FFAE_1000_0000
LOGS = 6
SRAM = 0x404D60000, 0x20000
# What the firmware compares: a layout's own, and the same for all.
VERSION = {"G13": (0x6BA0, 0x1F28), "G14": (0x6BA0, 0x1F28), "G14X": (0xB390, 0x70F8)}
VERSION_TAIL = (0x0601, 0x00B0)
# Levels of page tables: lowest bit of the index, entries.
LEVELS = ((36, 8), (25, 2048), (14, 2048))


class Setup(Context):
    """Rules of the structures that the firmware is started with."""

    def setup(self):
        """Judges all of them."""
        init = self.get("InitData", int(self.memory.meta["init_data"], 0))
        levels = b"".join(self.level(*level) for level in LEVELS)
        version = {}
        if "ver_info" in init:
            words = VERSION[self.machine.generation] + VERSION_TAIL
            version = {"ver_info": sum(word << 16 * i for i, word in enumerate(words))}
        self.judge.structure(
            init,
            {
                **version,
                "regionA_addr": self.mapped(align=0x80),
                "regionB_addr": self.mapped(align=0x80),
                "regionC_addr": self.mapped(align=0x80),
                "fw_status_addr": self.mapped(align=0x80),
                "uat_page_size": PAGE,
                "uat_page_bits": 14,
                "uat_num_levels": len(LEVELS),
                "uat_level_info": int.from_bytes(levels, "little"),
                "host_mapped_fw_allocations": 1,
            },
        )
        region_b = self.get("InitData_RegionB", init["regionB_addr"])
        status = self.get("InitData_FWStatus", init["fw_status_addr"])
        self.region_b(region_b)
        self.status(status)
        self.global_data(self.get("InitData_RegionC", init["regionC_addr"]))
        self.hardware_data(self.get("AGXHWDataB", region_b["hwdata_b_addr"]))
        self.slot = 0
        self.spans(
            "memory that the firmware is started with",
            {
                "init data": (init.va, self.size("InitData")),
                "region A": (init["regionA_addr"], PAGE),
                "region B": (region_b.va, self.size("InitData_RegionB")),
                "region C": (init["regionC_addr"], self.size("InitData_RegionC")),
                "status": (status.va, self.size("InitData_FWStatus")),
                "data A": (region_b["hwdata_a_addr"], self.size("AGXHWDataA")),
                "data B": (region_b["hwdata_b_addr"], self.size("AGXHWDataB")),
                "vertex statistics": (region_b["stats_ta_addr"], 4 + 0x3000),
                "fragment statistics": (
                    region_b["stats_3d_addr"],
                    0x1A34 if self.machine.has_registers else 0x1124,
                ),
                "compute statistics": (region_b["stats_cp_addr"], 0x3000),
                "fault": (region_b["fault_info_addr"], 0x80),
                "unknown 198": (region_b["unkptr_198"], 0xC0),
                "unknown 1b8": (region_b["unkptr_1b8"], 0x1000),
                "control of buffers": (region_b["buffer_mgr_ctl_addr"], 127 * 16),
                **self.unknown(region_b),
                **self.rings(region_b, status),
            },
        )

    def level(self, shift, entries):
        """The description of a level of page tables."""
        oas = 40 if self.machine.chip.clustering is None else 42
        head = bytes([8, 14, 14, shift]) + entries.to_bytes(2, "little") + PAGE.to_bytes(2, "little")
        words = (1, ((1 << oas) - 1) & ~(PAGE - 1), (entries - 1) << shift)
        return head + b"".join(word.to_bytes(8, "little") for word in words)

    def unknown(self, region_b):
        """Two buffers that some versions do not have."""
        sizes = {"unkptr_1c0": 0x300, "unkptr_1c8": 0x1000}
        return {name: (region_b[name], size) for name, size in sizes.items() if name in region_b}

    def region_b(self, region_b):
        """Pointers of all kinds, and the firmware's own words."""
        pointers = ("stats_ta_addr", "stats_3d_addr", "stats_cp_addr", "hwdata_a_addr", "fault_info_addr")
        pointers += ("unkptr_198", "hwdata_b_addr", "fwlog_ring2", "unkptr_1b8", "unkptr_1c0", "unkptr_1c8")
        channels = [name for name in region_b.fields if name.startswith("channels.")]
        self.judge.structure(
            region_b,
            {
                **dict.fromkeys(channels, self.mapped(align=0x20)),
                **dict.fromkeys(pointers, self.mapped()),
                "hwdata_b_addr2": region_b["hwdata_b_addr"],
                "buffer_mgr_ctl_gpu_addr": lambda v: v >> 39 == 0 and self.memory.is_mapped(v),
                "buffer_mgr_ctl_addr": lambda v: v >> 39 != 0 and self.memory.is_mapped(v),
                # The firmware's.
                "gpu_idle": any_value,
                "unk_6b38": 0xFF,
            },
        )

    def status(self, status):
        """What driver and firmware tell each other when it is halted."""
        self.judge.structure(
            status,
            {
                "fwctl_channel.state_addr": self.mapped(align=0x20),
                "fwctl_channel.ringbuffer_addr": self.mapped(align=0x20),
                "halt_count": any_value,
                "halted": 0,
                "resume": any_value,
            },
        )

    def rings(self, region_b, status):
        """All rings and their states."""
        message = self.size("RunCmdQueueMsg")
        stats = 0x30 if self.machine.firmware.startswith("12.") else 0x40
        spans = {}
        for field in region_b.fields:
            if not field.startswith("channels.") or not field.endswith(".state_addr"):
                continue
            name = field.split(".")[1]
            entry, count, states = {
                "DevCtrl": (message, RINGS, 1),
                "Event": (0x38, RINGS, 1),
                "FWLog": (0x38, LOGS * RINGS, LOGS),
                "KTrace": (0x38, 0x200, 1),
                "Stats": (stats, RINGS, 1),
            }.get(name, (message, RINGS, 1))
            spans[f"{name}'s state"] = (region_b[field], 0x30 * states)
            spans[f"{name}'s ring"] = (region_b[f"channels.{name}.ringbuffer_addr"], entry * count)
        spans["control's state"] = (status["fwctl_channel.state_addr"], 0x20)
        spans["control's ring"] = (status["fwctl_channel.ringbuffer_addr"], 0x14 * RINGS)
        return spans

    def global_data(self, region_c):
        """What the driver adds to what the boot loader has filled."""
        self.judge.some(
            region_c,
            {
                "ktrace_enable": 0,
                "unk_atomic": any_value,  # submissions that are not complete
                "fault_control": 0xB,
                "do_init": lambda v: v in (0, 1),
                "idle_to_off_delay_ms": lambda v: 0 < v < 10000,
                "pending_stamps": 0,
                "unkpad_ps": 0,
            },
        )

    def hardware_data(self, data):
        """As with global data; and the devices that the firmware finds there."""
        sram = {}
        if "sgx_sram_ptr" in data:
            sram = {"sgx_sram_ptr": self.sram if self.machine.has_registers else 0}
        self.judge.some(
            data,
            {
                "unk_30": DUMMY_PAGE,
                "timestamp_region_base": TIMESTAMPS,
                "chip_id": int(self.machine.name[1:], 16),
                "base_clock_khz": 24000,
                "gpu_region_base": int(self.memory.meta["ttbs"], 0),
                "num_cores": self.machine.chip.cores,
                **sram,
                **dict.fromkeys((field for field in data.fields if field.startswith("pad_")), 0),
            },
        )
        devices, mappings = DEVICES[self.machine.name], data["io_mappings"]
        size = data.sizes["io_mappings"] // 32
        spans = {}
        for index in range(size):
            entry = mappings >> 256 * index & ((1 << 256) - 1)
            spans.update(self.device(index, entry, devices.get(index)))
        self.spans("devices", spans)

    def device(self, index, entry, device):
        """One entry of the list. Returns where it is, up to the page behind it."""
        if device is None:
            self.judge.say(entry == 0, f"device {index}: there is none")
            return {}
        words = entry.to_bytes(32, "little")
        phys, va, size, element, writable = (
            int.from_bytes(words[at:to], "little") for at, to in ((0, 8), (8, 16), (16, 20), (20, 24), (24, 32))
        )
        want = device.parts[0], device.size, device.element, device.writable
        self.judge.say(
            (phys, size, element, writable) == want and va % PAGE == phys % PAGE, f"device {index}: what it is"
        )
        pages = {}
        for part, base in enumerate(device.parts):
            first = va + part * element
            for at in range(first & ~(PAGE - 1), first + element, PAGE):
                pages[at] = base + (at - first) & ~(PAGE - 1)
        mapped = {at: self.devices().get(at) for at in pages}
        self.judge.say(mapped == pages, f"device {index}: where it is mapped")
        start = va & ~(PAGE - 1)
        behind = start + len(pages) * PAGE
        self.judge.say(not self.memory.is_mapped(behind), f"device {index}: nothing behind it")
        return {f"device {index}": (start, len(pages) * PAGE)}

    def devices(self):
        """The devices' pages that context 0 maps."""
        return {
            int(run["va"], 0) + PAGE * i: int(run["phys"], 0) + PAGE * i
            for run in self.memory.meta["mmio"]
            if run["context"] == 0
            for i in range(run["pages"])
        }

    def sram(self, va):
        """Whether that is mapped at an address."""
        phys, size = SRAM
        return all(self.devices().get(va + at) == phys + at for at in range(0, size, PAGE))
