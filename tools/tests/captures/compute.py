# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compute commands."""
from context import Context
from values import any_value, one_of

STREAM = 1 << 30  # bytes of a command stream, at most


class Compute(Context):
    """Rules of compute commands."""

    def compute(self, message, queue, command):
        """RunCompute."""
        job2, meta = "compute_info2.", "job_meta."
        if self.machine.has_registers:
            form, base, preempt = self.compute_registers(command)
        else:
            form, base, preempt = self.compute_fields(command)
        self.judge.structure(
            command,
            {
                "magic": 3,
                "counter": any_value,
                "context_id": lambda v: 0 < v < 64,
                "event_control_addr": self.mapped(),
                **form,
                "microsequence_ptr": self.mapped(),
                "microsequence_size": any_value,
                job2 + "iogpu_deflake_1": preempt,
                job2 + "encoder_end": lambda v: 0 < v - base < STREAM,
                job2 + "unk_g14x": 0x24201 if self.machine.has_registers else 0,
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

    def compute_fields(self, command):
        """The rules in versions with structures of parameters; the stream, and the memory for preemption."""
        in_vm, job = self.mapped(self.slot), "compute_info."
        preempt, size = command[job + "iogpu_deflake_1"], self.machine.chip.compute_preempt
        rules = {
            job + "iogpu_deflake_1": in_vm,
            job + "encoder": self.clients,
            **{job + f"iogpu_deflake_{i + 2}": preempt + size + 8 * i for i in range(4)},
            job + "pipeline_base": any_value,
            job + "unk_38": 0x8C60,
            job + "helper_program": any_value,
            job + "helper_arg": any_value,
            job + "helper_cfg": any_value,
            job + "unk_58": 1,
        }
        return rules, command[job + "encoder"], preempt
