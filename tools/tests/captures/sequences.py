# SPDX-License-Identifier: MIT OR Apache-2.0
"""The operations of a run command."""
import re

from context import Context
from values import any_value, one_of

# Operations of a microsequence by opcode, and those of one job in order; timestamps come in pairs or not at all.
OPERATIONS = {
    0x01: "WaitForInterruptCmd",
    0x02: "Wait2Cmd",
    0x18: "EndCmd",
    0x19: "TimestampCmd",
    0x22: "StartTACmd",
    0x23: "FinalizeTACmd",
    0x24: "Start3DCmd",
    0x25: "Finalize3DCmd",
    0x29: "StartComputeCmd",
    0x2A: "FinalizeComputeCmd",
}
SEQUENCES = {False: r"S(TWT|W)FE$", True: r"S(TVT|V)FE$"}  # by whether the version has registers
LETTERS = {"WaitForInterruptCmd": "W", "Wait2Cmd": "V", "EndCmd": "E", "TimestampCmd": "T"}
# Words in the sequence that names the pipe to wait for.
WAITS = {"vertex": 0x101, "fragment": 0x10001, "compute": 0x800001}


class Sequences(Context):
    """Rules of microsequences."""

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
            at == end and re.match(SEQUENCES[self.machine.has_registers], letters) is not None,
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
        if name == "Wait2Cmd":
            self.judge.structure(operation, {"magic": 2})
            return

        def own(field):
            return command.va + command.offsets[field]

        def parameters(part):
            # None where registers are in their place.
            return 0 if self.machine.has_registers else command.start(part)

        registers = own("registers") if self.machine.has_registers else 0

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
        # Versions before 13 have none of these words.
        counter = {"counter": command["counter"]} if "counter" in command else {}

        def flag(field):
            return {field: own("unk_flag")} if "unk_flag" in command else {}

        rules = {
            "StartTACmd": lambda: {
                "magic": 0x22,
                "tiling_params_addr": parameters("tiling_params"),
                "struct2_addr": parameters("struct_2"),
                "registers_addr": registers,
                "stats_ptr": stats,
                "unk_38": 1,
                "submission_id": queue["uuid"],
                "buffer_mgr_slot": command["buffer_mgr_slot"],
                "unk_48": command["struct_3.queue_cmd_count"],
                "struct3_addr": own("stamp_value") + 4,
                "unkptr_5c": own("unk_594"),
                **self.attachments_of_vertex(operation),
                **counter,
                "unkptr_180": command["event_control_addr"] + 0xA8,
                "unk_178": lambda v: v == (self.unclustered and self.machine.firmware == "13.5"),
            },
            "FinalizeTACmd": lambda: {
                "magic": 0x23,
                "stats_ptr": stats,
                "struct3_addr": own("stamp_value") + 4,
                "stamp_addr": command["struct_3.stamp2_addr"],
                "stamp_value": command["struct_3.stamp_value"],
                "restart_branch_offset": back,
                "unk_70": one_of(0, 1),
            },
            "Start3DCmd": lambda: {
                "magic": 0x24,
                "struct1_addr": parameters("struct_1"),
                "struct2_addr": parameters("struct_2"),
                "registers_addr": registers,
                "stats_ptr": stats,
                "busy_flag_ptr": own("busy_flag"),
                "struct6_addr": own("struct_6.tvb_overflow_count"),
                "struct7_addr": command.start("struct_7"),
                "workitem_ptr": command.va,
                "unk_50": 1,
                "submission_id": queue["uuid"],
                "buffer_mgr_slot": lambda v: v < 127,
                "queue_cmd_count": command["struct_7.queue_cmd_count"],
                "unk_buf_ptr": own("unk_758"),
                "unk_buf2_ptr": command.start("unk_buf2"),
                "attachments": any_value,
                "num_attachments": lambda v: v <= 16,
                **counter,
                "unkptr_19c": command["event_control_addr"] + 0xA8,
            },
            "Finalize3DCmd": lambda: {
                "magic": 0x25,
                "stamp_addr": command["struct_7.stamp2_addr"],
                "stamp_value": command["struct_7.stamp_value"],
                "unk_2c": 1,
                "stats_ptr": stats,
                "struct7_addr": command.start("struct_7"),
                "busy_flag_ptr": own("busy_flag"),
                "workitem_ptr": command.va,
                # The table calls the slot so; an operation has no other field for it.
                "unk_5c": command["context_id"],
                "unk_buf_ptr": own("unk_758"),
                "restart_branch_offset": back,
                "unk_98": one_of(0, 1),
            },
            "StartComputeCmd": lambda: {
                "magic": 0x29,
                "unk_buf_addr": own("unk_2c"),
                "computeinfo_addr": parameters("compute_info"),
                "registers_addr": registers,
                "stats_ptr": stats,
                "unk_28": 1,
                "counter1": queue["uuid"],
                "counter2": command["job_meta.queue_cmd_count"],
                "computeinfo2_addr": command.start("compute_info2"),
                "attachments": any_value,
                "num_attachments": lambda v: v <= 16,
                **flag("unk_flag_addr"),
                **counter,
                "event_ctrl_buf_addr": command["event_control_addr"] + 0xA8,
            },
            "FinalizeComputeCmd": lambda: {
                "magic": 0x2A,
                "unkptr_4": stats,
                "computeinfo2_addr": command.start("compute_info2"),
                "stamp": command["job_meta.fw_stamp_addr"],
                "stamp_value": command["job_meta.stamp_value"],
                "restart_branch_offset": back,
                "unk_60": one_of(0, 1),
                **flag("unkptr_71"),
            },
        }[name]()
        rules = {**{k: v for k, v in common.items() if k in operation.fields}, **rules}
        self.judge.structure(operation, rules)

    def attachments_of_vertex(self, operation):
        """The table has no names for a vertex operation's attachments."""
        fields = ("unk_70", "unk_74", "unk_15c", "unk_160", "unk_168", "unk_16c", "unk_170")
        return {field: any_value for field in fields if field in operation.fields}
