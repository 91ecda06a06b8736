// SPDX-License-Identifier: MIT OR Apache-2.0

//! Queues and compute jobs.

use crate::support::abi::{abi, find_at, part, set_registers};
use agx_abi::channel::{PipeKind, PipeMessage};
use agx_abi::compute::{EncoderParams, JobMeta, JobParameters1, JobParameters2, RunCompute};
use agx_abi::compute::{JobTimestamps, TimestampPointers};
use agx_abi::event::{Notifier, NotifierList, STAMP_STEP};
use agx_abi::init::RuntimePointers;
use agx_abi::message::pipe_doorbell;
use agx_abi::microsequence::{FinalizeCompute, RetireStamp, StartCompute, Timestamp, WaitForIdle};
use agx_abi::queue::{Barrier, GpuContextData, Priority, QueueInfo, RingState, RING_ENTRIES};
use agx_abi::registers::compute as r;
use agx_abi::uat::Protection;
use agx_abi::{Field, Value};
use agxemu_firmware::panic::Panic;
use agxemu_gpu::cdm::LONG_LAUNCH;

use super::driver::Driver;

/// A user queue with its compute queue.
pub struct Queue {
    pub uuid: u32,
    pub kind: PipeKind,
    pub priority: usize,
    pub vm_slot: u8,
    pub event_slot: u8,
    pub info: u64,
    pub state: u64,
    pub ring: u64,
    pub context: u64,
    pub list: u64,
    pub notifier: u64,
    pub threshold: u64,
    pub host_stamp: u64,
    pub fw_stamp: u64,
    pub write: u32,
    pub is_new: bool,
    pub value: u32,
    pub sequence: u64,
    pub counter: u64,
    /// Preemption buffer, made with the first job.
    pub preempt: Option<u64>,
}

/// What a job is made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Job {
    pub at: u64,
    pub microsequence: u64,
    /// Offset of the last op but one in it.
    pub finalize: u64,
    pub timestamps: u64,
    pub value: u32,
}

impl Queue {
    pub fn new(d: &mut Driver, uuid: u32, priority: usize, vm_slot: u8, event_slot: u8) -> Self {
        Self::of_kind(d, PipeKind::Compute, uuid, priority, vm_slot, event_slot)
    }

    pub fn of_kind(
        d: &mut Driver,
        kind: PipeKind,
        uuid: u32,
        priority: usize,
        vm_slot: u8,
        event_slot: u8,
    ) -> Self {
        let habits = d.habits;
        let private = habits.private;
        let shared = Protection::FW_SHARED_RW;
        let stamps = match habits.stamp_arrays {
            true => [d.host_stamps, d.fw_stamps].map(|base| base + 4 * u64::from(event_slot)),
            false => [shared, private].map(|protection| d.mem.alloc(protection, 4)),
        };
        let mem = &mut d.mem;
        let info = mem.alloc(private, QueueInfo::size_in(abi()));
        let state = mem.alloc(shared, <RingState as Value>::SIZE);
        let ring = mem.alloc(shared, RING_ENTRIES as usize * 8);
        let list = mem.alloc(shared, NotifierList::SIZE);
        let context = mem.alloc(shared, GpuContextData::SIZE);
        let notifier = mem.alloc(private, Notifier::size_in(abi()));
        let threshold = mem.alloc(shared, habits.threshold);
        let buffer = mem.alloc(private, agx_abi::queue::GPU_BUF_SIZE);
        let words = match kind {
            PipeKind::Compute => Priority::new_compute(priority),
            _ => Priority::new(priority),
        };
        mem.set(state, RingState::SIZE, RING_ENTRIES);
        mem.set(info, QueueInfo::STATE, state);
        mem.set(info, QueueInfo::RING, ring);
        mem.set(info, QueueInfo::NOTIFIER_LIST, list);
        mem.set(info, QueueInfo::GPU_BUF, buffer);
        mem.set(info, QueueInfo::EVENT_SLOT, -1);
        mem.set(info, QueueInfo::PRIORITY, words);
        mem.set(info, QueueInfo::UNK_4C, -1);
        mem.set(info, QueueInfo::UUID, uuid);
        mem.set(info, QueueInfo::UNK_54, -1);
        mem.set(info, QueueInfo::CONTEXT, context);
        mem.set(list, NotifierList::LAST, list);
        mem.set(context, GpuContextData::QUEUE_TABLE_INDEX, 0xff);
        mem.set(context, GpuContextData::PID_TABLE_INDEX, 0xff);
        mem.set(context, GpuContextData::UNK_5, 1);
        mem.set(context, GpuContextData::UNK_1E, 0xff);
        mem.set(context, GpuContextData::UNK_23, 2);
        mem.set(notifier, Notifier::THRESHOLD, threshold);
        // A driver that fills the other fields leaves this one empty.
        let generation = if habits.ids.is_some() { 0 } else { uuid };
        mem.set(notifier, Notifier::GENERATION, generation);
        mem.set(notifier, Notifier::UNK_10, Notifier::UNK_10_VALUE);
        if let Some(field) = Notifier::UNK_BUF.present(abi()) {
            mem.set(notifier, field, Notifier::UNK_BUF_VALUE);
        }
        let value = mem.u32(stamps[0]);
        Self {
            uuid,
            kind,
            priority,
            vm_slot,
            event_slot,
            info,
            state,
            ring,
            context,
            list,
            notifier,
            threshold,
            host_stamp: stamps[0],
            fw_stamp: stamps[1],
            write: 0,
            is_new: true,
            value,
            sequence: 0,
            counter: 0,
            preempt: None,
        }
    }

    /// Uses event slot `slot` from now on, with its stamps as they are.
    pub fn move_to(&mut self, d: &Driver, slot: u8) {
        self.event_slot = slot;
        self.host_stamp = d.host_stamps + 4 * u64::from(slot);
        self.fw_stamp = d.fw_stamps + 4 * u64::from(slot);
        self.value = d.host_stamp(slot);
    }

    /// Makes a compute command with the value that is next.
    pub fn job(&mut self, d: &mut Driver, stream: u64, user: [u64; 2]) -> Job {
        let at = d.mem.alloc(d.habits.command, RunCompute::size_in(abi()));
        let timestamps = d.mem.alloc(Protection::FW_SHARED_RW, JobTimestamps::SIZE);
        let slot = self.vm_slot;
        // Where the parts behind the first begin.
        let rest = part().chip.compute_preempt;
        let preempt = *self.preempt.get_or_insert_with(|| {
            d.mem
                .alloc_in(slot, d.habits.preemption, rest as usize + 0x20)
        });
        self.value = self.value.wrapping_add(STAMP_STEP);
        let (value, slot) = (self.value, u64::from(self.event_slot));

        let mut c = RunCompute::new(abi());
        let p2 = RunCompute::JOB_PARAMS2;
        let e = RunCompute::ENCODER_PARAMS;
        let m = RunCompute::META;
        if let Some(p) = RunCompute::JOB_PARAMS1.present(abi()) {
            c.set(p.then(JobParameters1::PREEMPT1), preempt)
                .set(p.then(JobParameters1::CDM_CTRL_STREAM_BASE), stream)
                .set(p.then(JobParameters1::PREEMPT2), preempt + rest)
                .set(p.then(JobParameters1::PREEMPT3), preempt + rest + 8)
                .set(p.then(JobParameters1::PREEMPT4), preempt + rest + 16)
                .set(p.then(JobParameters1::PREEMPT5), preempt + rest + 24)
                .set(p.then(JobParameters1::USC_EXEC_BASE), USC)
                .set(p.then(JobParameters1::UNK_38), JobParameters1::UNK_38_VALUE)
                .set(p.then(JobParameters1::UNK_58), 1);
        }
        c.set(RunCompute::TAG, RunCompute::TAG_VALUE)
            .put(RunCompute::COUNTER, self.counter)
            .set(RunCompute::VM_SLOT, self.vm_slot.into())
            .set(RunCompute::NOTIFIER, self.notifier)
            .set(p2.then(JobParameters2::PREEMPT1), preempt)
            .set(p2.then(JobParameters2::CDM_CTRL_STREAM_END), stream + 0x28)
            .set(
                p2.then(JobParameters2::UNK_54),
                JobParameters2::UNK_54_VALUE.of(abi()) as u32,
            )
            .set(e.then(EncoderParams::MASK), u32::MAX)
            .set(e.then(EncoderParams::SAMPLER_COUNT_PLUS_1), 1)
            .set(m.then(JobMeta::STAMP), self.host_stamp)
            .set(m.then(JobMeta::FW_STAMP), self.fw_stamp)
            .set(m.then(JobMeta::STAMP_VALUE), value)
            .set(m.then(JobMeta::STAMP_SLOT), slot as u32)
            .set(m.then(JobMeta::EVENT_SEQ), self.sequence as u32)
            .set(
                RunCompute::TIMESTAMPS.then(TimestampPointers::START),
                timestamps,
            )
            .set(
                RunCompute::TIMESTAMPS.then(TimestampPointers::END),
                timestamps + 8,
            )
            .set(
                RunCompute::USER_TIMESTAMPS.then(TimestampPointers::START),
                user[0],
            )
            .set(
                RunCompute::USER_TIMESTAMPS.then(TimestampPointers::END),
                user[1],
            )
            .set(
                RunCompute::CLIENT_SEQUENCE,
                d.habits.ids.unwrap_or(self.uuid) as u8,
            );
        if let Some(id) = d.habits.ids {
            c.set(e.then(EncoderParams::ENCODER_ID), id)
                .set(m.then(JobMeta::UUID), id);
        }
        let job = Job {
            at,
            timestamps,
            value,
            ..Job::default()
        };
        let (job, ops) = self.microsequence(d, job, user != [0, 0]);
        c.set(RunCompute::MICROSEQUENCE, job.microsequence)
            .set(RunCompute::MICROSEQUENCE_SIZE, ops.len() as u32);
        d.mem.write(at, c.as_bytes());
        set_registers(
            &d.mem,
            at,
            RunCompute::REGISTERS,
            RunCompute::REGISTER_INFO,
            &[
                (r::PREEMPT1, preempt),
                (r::CDM_CTRL_STREAM_BASE, stream),
                (r::PREEMPT2, preempt + rest),
                (r::PREEMPT3, preempt + rest + 8),
                (r::PREEMPT4, preempt + rest + 16),
                (r::PREEMPT5, preempt + rest + 24),
                (r::USC_EXEC_BASE, USC),
                (r::HELPER_BINARY, 0),
                (r::HELPER_DATA, 0),
                (r::HELPER_CFG, 0),
                (r::UNK_1A440, r::UNK_1A440_VALUE.into()),
                (r::UNK_12091, 0),
            ],
        );
        d.mem.write(job.microsequence, &ops);
        self.sequence += 1;
        self.counter += 1;
        job
    }

    fn microsequence(&self, d: &mut Driver, mut job: Job, timestamps: bool) -> (Job, Vec<u8>) {
        let stats = d.mem.get(d.tree.pointers, RuntimePointers::STATS_COMPUTE);
        let field = |offset: usize| job.at + offset as u64;
        let id = d.habits.ids.unwrap_or(0);
        let mut start = StartCompute::new(abi());
        start
            .set(StartCompute::HEADER, StartCompute::HEADER_VALUE)
            .set(
                StartCompute::UNK_POINTER,
                field(RunCompute::UNK_POINTEE.offset_in(abi())),
            )
            .set(
                StartCompute::JOB_PARAMS1,
                find_at(job.at, RunCompute::JOB_PARAMS1),
            )
            .put(
                StartCompute::REGISTERS,
                find_at(job.at, RunCompute::REGISTERS),
            )
            .set(StartCompute::STATS, stats)
            .set(StartCompute::QUEUE, self.info)
            .set(StartCompute::VM_SLOT, self.vm_slot.into())
            .set(StartCompute::UNK_28, 1)
            .set(
                StartCompute::EVENT_GENERATION,
                d.habits.ids.map_or(self.uuid, |_| 0),
            )
            .set(StartCompute::UUID, id)
            .set(StartCompute::EVENT_SEQ, self.sequence)
            .set(
                StartCompute::JOB_PARAMS2,
                field(RunCompute::JOB_PARAMS2.offset_in(abi())),
            )
            .put(
                StartCompute::UNK_FLAG,
                find_at(job.at, RunCompute::UNK_FLAG),
            )
            .put(StartCompute::COUNTER, self.counter)
            .put(
                StartCompute::NOTIFIER_BUF,
                find_at(self.notifier, Notifier::UNK_BUF),
            );
        let time = |header: u32, which: Field<TimestampPointers, u64>| {
            let mut op = Timestamp::new(abi());
            let update = RunCompute::TIMESTAMPS.then(which).offset_in(abi());
            op.set(Timestamp::HEADER, header)
                .set(Timestamp::UUID, id)
                .set(
                    Timestamp::COMMAND_TIME,
                    field(RunCompute::COMMAND_TIME.offset_in(abi())),
                )
                .set(
                    Timestamp::TIMESTAMPS,
                    field(RunCompute::TIMESTAMPS.offset_in(abi())),
                )
                .set(Timestamp::UPDATE, field(update))
                .set(Timestamp::QUEUE, self.info)
                .set(
                    Timestamp::USER_TIMESTAMPS,
                    field(RunCompute::USER_TIMESTAMPS.offset_in(abi())),
                )
                .put(
                    Timestamp::UNK_TS,
                    find_at(job.at, RunCompute::CONTEXT_STORE_REQ),
                );
            op.as_bytes().to_vec()
        };
        let mut ops = start.as_bytes().to_vec();
        if timestamps {
            ops.extend(time(Timestamp::HEADER_START, TimestampPointers::START));
        }
        ops.extend(WaitForIdle::header(abi(), PipeKind::Compute).to_le_bytes());
        if timestamps {
            ops.extend(time(Timestamp::HEADER_END, TimestampPointers::END));
        }
        let finalize = ops.len();
        let mut op = FinalizeCompute::new(abi());
        op.set(FinalizeCompute::HEADER, FinalizeCompute::HEADER_VALUE)
            .set(FinalizeCompute::STATS, stats)
            .set(FinalizeCompute::QUEUE, self.info)
            .set(FinalizeCompute::VM_SLOT, self.vm_slot.into())
            .set(
                FinalizeCompute::JOB_PARAMS2,
                field(RunCompute::JOB_PARAMS2.offset_in(abi())),
            )
            .set(FinalizeCompute::UUID, id)
            .set(FinalizeCompute::FW_STAMP, self.fw_stamp)
            .set(FinalizeCompute::STAMP_VALUE, job.value)
            .set(FinalizeCompute::RESTART_BRANCH_OFFSET, -(finalize as i32))
            .put(
                FinalizeCompute::UNK_FLAG,
                find_at(job.at, RunCompute::UNK_FLAG),
            );
        ops.extend(op.as_bytes());
        ops.extend(RetireStamp::HEADER_VALUE.to_le_bytes());
        job.microsequence = d.mem.alloc(d.habits.private, ops.len());
        job.finalize = finalize as u64;
        (job, ops)
    }

    /// A barrier on `value` of `slot`, before the command that is next.
    pub fn barrier(&mut self, d: &mut Driver, slot: u8, value: u32) -> u64 {
        let stamp = d.fw_stamps + 4 * u64::from(slot);
        self.barrier_on(d, stamp, slot, value)
    }

    /// A barrier on `value` of the firmware stamp at `stamp`, before the command that is next.
    pub fn barrier_on(&mut self, d: &mut Driver, stamp: u64, slot: u8, value: u32) -> u64 {
        let size = d.habits.barrier;
        let at = d.mem.alloc(d.habits.private, size);
        let mut b = Barrier::zeroed();
        b.set(Barrier::TAG, Barrier::TAG_VALUE)
            .set(Barrier::WAIT_STAMP, stamp)
            .set(Barrier::WAIT_VALUE, value)
            .set(Barrier::WAIT_SLOT, slot.into())
            .set(Barrier::STAMP_SELF, self.value.wrapping_add(STAMP_STEP))
            .set(
                Barrier::UUID,
                d.habits.ids.unwrap_or(Barrier::UUID_EXPLICIT),
            )
            .set(Barrier::INTERNAL_TYPE, Barrier::INTERNAL_TYPE_EXPLICIT);
        d.mem.write(at, &b.as_bytes()[..size]);
        at
    }

    /// Puts a command into the ring.
    pub fn push(&mut self, d: &Driver, command: u64) {
        d.mem.write(
            self.ring + 8 * u64::from(self.write),
            &command.to_le_bytes(),
        );
        self.write = (self.write + 1) % RING_ENTRIES;
        d.mem.set(self.state, RingState::CPU_WRITE_PTR, self.write);
    }

    /// Announces `events` more events, as is done when jobs are started.
    pub fn raise(&self, d: &Driver, events: u32) {
        let old = d.mem.u32(self.threshold);
        d.mem.set_u32(self.threshold, old + events);
    }

    /// The message that submits what is in the ring.
    pub fn message(&mut self) -> PipeMessage {
        let mut m = PipeMessage::new(abi());
        m.set(PipeMessage::KIND, self.kind as u32)
            .set(PipeMessage::QUEUE, self.info)
            .set(PipeMessage::WRITE_PTR, self.write)
            .set(PipeMessage::EVENT_SLOT, self.event_slot.into())
            .set(PipeMessage::IS_NEW, self.is_new.into());
        self.is_new = false;
        m
    }

    /// Puts the submission into its pipe without ringing.
    pub fn post(&mut self, d: &Driver) {
        let m = self.message();
        d.put_pipe(self.kind, self.priority, &m);
    }

    pub fn doorbell(&self) -> u16 {
        pipe_doorbell(self.kind as u32, self.priority as u32)
    }

    pub fn submit(&mut self, d: &mut Driver) -> Result<(), Panic> {
        self.post(d);
        d.ring(self.doorbell())
    }

    /// Makes, announces and submits one job.
    pub fn run(&mut self, d: &mut Driver, stream: u64) -> Result<Job, Panic> {
        let job = self.job(d, stream, [0, 0]);
        self.push(d, job.at);
        self.raise(d, 1);
        d.pending(1);
        self.submit(d)?;
        Ok(job)
    }
}

/// Base of the shaders of all test jobs.
pub const USC: u64 = 0x11_0000_0000;
/// A control stream with one launch.
pub const STREAM: u64 = 0x12_0000_0000;

/// Binds context `slot` and puts a control stream with its pipeline and shader into it.
pub fn user_context(d: &mut Driver, slot: u8) {
    d.mem.bind(slot);
    d.mem
        .map_fresh(slot, USC, 0x8000, Protection::GPU_SHARED_RO);
    d.mem
        .map_fresh(slot, STREAM, 0x4000, Protection::GPU_SHARED_RW);
    d.mem.write_in(
        slot,
        USC + 0x40,
        &[0x0d, 0x0c, 0x00, 0x10, 0x00, 0x00, 0x88, 0x00],
    );
    d.mem.write_in(slot, USC + 0x1000, &[0x88, 0x00]);
    let more: &[u32] = match part().chip.long_launches {
        true => &LONG_LAUNCH,
        false => &[],
    };
    let stream = [&[1 << 1, 0x40], more, &[64, 1, 1, 32, 1, 1, 2 << 29, 0]].concat();
    let bytes: Vec<u8> = stream.into_iter().flat_map(u32::to_le_bytes).collect();
    d.mem.write_in(slot, STREAM, &bytes);
}
