# SPDX-License-Identifier: MIT OR Apache-2.0
"""Messages, the queues that they name, and the commands in their rings."""
from context import Context
from values import any_value, one_of, whole_step

RING_SIZE = 0x500
EXPLICIT_BARRIER = 0xFFFFBBBB
QUEUES = 1 << 20  # more than there can be at once

# Commands by their first word.
COMMANDS = {
    0: "WorkCommandTA",
    1: "WorkCommand3D",
    3: "WorkCommandCP",
    4: "WorkCommandBarrier",
    6: "WorkCommandInitBM",
}
PRIORITY = {
    0: (0, 0, 0xFFFFFFFFFFFF0000, 1, 0, 1),
    1: (1, 1, 0xFFFFFFFF00000000, 0, 0, 0),
    2: (2, 2, 0xFFFF000000000000, 0, 0, 2),
    3: (3, 3, 0, 0, 0, 3),
}


def firmwares_words(queue):
    """Words of a queue that are the firmware's, as the table calls them."""
    # Where the table has two words more, it has these 4 bytes lower than the firmware.
    return ("unk_88", "unk_9c") if "unk_b0" in queue else ("has_commands", "inflight_commands")


class Queues(Context):
    """Rules of queues and commands."""

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
                **dict.fromkeys(firmwares_words(queue), own),
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
            # The driver in the field has a word behind what most tables have; one table has padding there.
            explicit = int(command["uuid"] == EXPLICIT_BARRIER)
            self.judge.say(self.memory.word(command.va + 0x20) == explicit, "the kind of a barrier")
            self.judge.structure(
                command,
                {
                    "magic": 4,
                    "stamp_addr": self.mapped(),
                    "wait_value": whole_step,
                    "event": lambda v: v < 128,
                    "stamp_self": whole_step,
                    "uuid": one_of(0, EXPLICIT_BARRIER),
                    "pad": explicit,
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
                    "stamp_value": whole_step,
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
