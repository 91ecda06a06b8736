# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a SUBMIT costs: submit.py TRACE SYMBOLS PREFIX [--profile].

TRACE is what trace.c writes while submit/submit.c runs, SYMBOLS the guest's /proc/kallsyms. Prints "bench: NAME ours VALUE" for the
kernel's instructions
  PREFIXsubmit_doorbell  from the system call's entry to the first message for the firmware
  PREFIXsubmit_return    from its entry to its return
  PREFIXirq_signal       from the interrupt that says that the job is done to the first fence that signals
each the first decile over the jobs: on a loaded machine, timer interrupts and other threads of the guest add to more than half
of them. With --profile also which groups of functions, and which functions, they are in, on average.
"""

import array
import re
import statistics
import sys

from symbols import Symbols, demangled, readable

BEGIN, MARK, END = 1, 2, 3
# Where the processor goes on an interrupt, in the kernel and in a program.
IRQ_VECTORS = (0x280, 0x480)
PHASES = ("submit_doorbell", "submit_return", "irq_signal")

# Each function is of the first group that its path matches. What is inlined counts for the function that it is inlined into.
GROUPS = (
    ("ticks and interrupts of the clock",
     r"timekeeping|hrtimer|^tick_|_tick$|tick_nohz|jiffies|update_vsyscall|handle_percpu|^vectors|el1h|irq_resolve|sched_clock_irq"
     r"|clockevents|timerqueue|account_system_time|update_process_times|add_interrupt|radix_tree|^gic_|handle_irq|irq_(enter|exit)"),
    ("job queue, executor's poll of the task", r"jobqueue::|kasync|drop_in_place"),
    ("scheduler: the thread that sends",
     r"^kthread_|wake|ttwu|sched|enqueue|dequeue|(task|entity)_(rt|fair|dl|stop|idle)|^pick_|^put_prev|update_(se|curr|rq|rt|load|cfs|min"
     r"|deadline|entity)|__update_load|__switch_to|finish_task_switch|cpu_switch_to|fpsimd|cpupri|resched|dl_server|^plist|pelt"
     r"|place_entity|task_tick|task_woken|__rb_insert|^rb_|rcu_qs|context_switch|preempt_schedule|push_rt|pull_rt|balance"),
    ("mailbox: RTKit's thread, ring and message", r"^(rtkit|apple_rtkit|apple_mbox)|^<?rtkit::"),
    ("allocations, C", r"alloc|kfree|kvfree|kmem|slab|is_vmalloc"),
    ("DRM's memory manager, of a batch of commands", r"drm_mm|_hole"),
    ("system call, DRM's dispatch, copies from the client",
     r"el0|ret_to_user|xa_load|__arm64_sys|invoke_syscall|^fd(get|put)|fget|drm_ioctl|drm_dev_|IOCTLS|copy_from_user|copy_to_user|uaccess|srcu|file_update"
     r"|vfs_ioctl|security_"),
    ("sync objects and fences", r"dma_fence|syncobj|drm_syncobj|sync_records"),
    ("locks, reference counts, small copies, clock",
     r"^rust_helper_|spin_(un)?lock|mutex_|rcu_|preempt_|^mem(set|move|cpy|cmp)|__mem|arch_counter|ktime_get|cntvct|sched_clock|nsecs_to"),
    ("command: reading it, writing it for the firmware",
     r"parser|Parser|command::|compute::|render|fragment::|vertex::|tiling|tvb|attachments|columns::|usage|^<?asahi::(uapi|submit)"
     r"|submit::submit|::Checked|command_memory"),
    ("queue's slots, rings and stamps", r"asahi"),
    ("other", r""),
)


def jobs(path):
    """The lists of the kernel's instructions of each job, with MARK where the system call has returned."""
    words = array.array("Q")
    with open(path, "rb") as file:
        words.frombytes(file.read())
    job = None
    for word in words:
        if word == BEGIN:
            job = []
        elif word == END:
            if job is not None:
                yield job
            job = None
        elif job is not None and (word == MARK or word >> 63):
            job.append(word)


def first(job, wanted, start=0):
    return next((i for i in range(start, len(job)) if job[i] in wanted), None)


def last(job, wanted, end):
    return next((i for i in range(end - 1, -1, -1) if job[i] in wanted), None)


def phases(job, symbols):
    """The instructions of each phase, or None if the job has not gone through all of them. "irq_seen" goes on until the thread that
    waits has returned."""
    vectors = symbols.entry("vectors")
    irq = {vectors + offset for offset in IRQ_VECTORS}
    signals = {a for n, a in symbols.by_name.items() if re.match(r"dma_fence_signal", n)}
    doorbell = first(job, {symbols.entry("apple_mbox_send")})
    returned = job.index(MARK)
    if doorbell is None:
        return None
    signalled = first(job, signals, doorbell)
    handler = last(job, {symbols.entry("apple_mbox_recv_irq")}, signalled or 0)
    interrupt = last(job, irq, handler or 0)
    if interrupt is None:
        return None
    return dict(zip((*PHASES, "irq_seen"), (job[:doorbell], job[:returned], job[interrupt:signalled], job[interrupt:])))


def main(trace, symbols, prefix, profile):
    symbols = Symbols(symbols)
    all_jobs = list(jobs(trace))
    measured = [found for found in (phases(job, symbols) for job in all_jobs) if found]
    if len(measured) < 20:
        sys.exit(f"error: of {len(all_jobs)} jobs, {len(measured)} have doorbell, interrupt and signal")
    for phase in PHASES:
        lengths = [sum(1 for word in job[phase] if word != MARK) for job in measured]
        print(f"bench: {prefix}{phase} ours {round(statistics.quantiles(lengths, n=10)[0])}")
        if not profile:
            continue
        counts = {}
        for job in measured:
            for word in job[phase]:
                if word != MARK:
                    name = symbols.at(word)
                    counts[name] = counts.get(name, 0) + 1
        names = sorted(counts)
        paths = dict(readable(names))
        print(f"  from {min(lengths)} to {max(lengths)}")
        groups = dict.fromkeys((group for group, _ in GROUPS), 0)
        for name, path in zip(names, demangled(names)):
            groups[next(group for group, pattern in GROUPS if re.search(pattern, path))] += counts[name]
        for group, count in groups.items():
            print(f"{count / len(measured):8.0f}  {group}")
        print("  of which")
        for name, count in sorted(counts.items(), key=lambda item: -item[1]):
            if count / len(measured) >= 4:
                print(f"{count / len(measured):8.0f}  {paths[name]}")


if __name__ == "__main__":
    main(*sys.argv[1:4], "--profile" in sys.argv[4:])
