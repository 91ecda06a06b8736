// SPDX-License-Identifier: MIT OR Apache-2.0

//! Commands and microsequences that cannot be accepted, each with the reason given.

use crate::support::abi::{Must, ABI};
use agx_abi::compute::TimestampPointers;
use agx_abi::compute::{EncoderParams, JobMeta, JobParameters1, JobParameters2, RunCompute};
use agx_abi::event::Notifier;
use agx_abi::microsequence::{Attachment, FinalizeCompute as F, StartCompute as S, Timestamp as T};
use agx_abi::uat::{pte, Protection, TIMESTAMP_BASE};
use agx_abi::{Everywhere, Field, Value};
use agxemu_firmware::panic::Panic;

use crate::support::driver::Driver;
use crate::support::job::{user_context, Job, Queue, STREAM};
use crate::support::machine::TTBS;

fn driver() -> Driver {
    let mut d = Driver::up(&[]);
    user_context(&mut d, 1);
    d.mem
        .map_fresh(0, TIMESTAMP_BASE, 0x4000, Protection::FW_SHARED_RW);
    d
}

/// A job with user timestamps, made but not submitted.
struct Made<'a> {
    d: &'a mut Driver,
    q: &'a mut Queue,
    job: Job,
}

impl Made<'_> {
    fn set<V: Value>(&self, field: Field<RunCompute, V>, value: V) {
        self.d.mem.set(self.job.at, field, value);
    }

    /// Changes a field of the op at `offset` of the microsequence.
    fn op<O: Everywhere, V: Value>(&self, offset: u64, field: Field<O, V>, value: V) {
        self.d
            .mem
            .set(self.job.microsequence + offset, field, value);
    }

    fn timestamp<V: Value>(&self, field: Field<T, V>, value: V) {
        self.op(S::size_in(ABI) as u64, field, value);
    }

    fn finalize<V: Value>(&self, field: Field<F, V>, value: V) {
        self.op(self.job.finalize, field, value);
    }

    fn start<V: Value>(&self, field: Field<S, V>, value: V) {
        self.op(0, field, value);
    }
}

fn submit(change: fn(&mut Made<'_>)) -> Result<(), Panic> {
    let mut d = driver();
    let mut q = Queue::new(&mut d, 0x107, 2, 1, 6);
    // A first job, so that there is something to follow.
    q.run(&mut d, STREAM)?;
    let job = q.job(&mut d, STREAM, [TIMESTAMP_BASE, TIMESTAMP_BASE + 8]);
    q.push(&d, job.at);
    q.raise(&d, 1);
    change(&mut Made {
        d: &mut d,
        q: &mut q,
        job,
    });
    q.submit(&mut d)
}

/// What is changed in a job that would be good, and the reason that must be given for the panic.
type Case = (&'static str, fn(&mut Made<'_>));

const P: Field<RunCompute, JobParameters1> = match RunCompute::JOB_PARAMS1.present(ABI) {
    Some(field) => field,
    None => panic!(),
};
const P2: Field<RunCompute, JobParameters2> = RunCompute::JOB_PARAMS2;
const E: Field<RunCompute, EncoderParams> = RunCompute::ENCODER_PARAMS;
const M: Field<RunCompute, JobMeta> = RunCompute::META;

const COMMAND: &[Case] = &[
    ("command with tag 0x5", |m| m.set(RunCompute::TAG, 5)),
    ("is mapped as FW_PRIV_RW, the GPU cannot read it", |m| {
        let copy =
            m.d.mem
                .alloc(Protection::FW_PRIV_RW, RunCompute::size_in(ABI));
        m.d.mem
            .write(copy, &m.d.mem.read(m.job.at, RunCompute::size_in(ABI)));
        m.d.mem.write(m.q.ring + 8, &copy.to_le_bytes());
    }),
    ("word 0xc is 0x1", |m| m.set(RunCompute::UNK_4, 1)),
    ("byte 0x1c is 0x1, must be zero", |m| {
        m.set(RunCompute::UNK_POINTEE, 1)
    }),
    ("vm slot 0", |m| m.set(RunCompute::VM_SLOT, 0)),
    ("vm slot 64", |m| m.set(RunCompute::VM_SLOT, 64)),
    ("vm slot 9 is not bound", |m| m.set(RunCompute::VM_SLOT, 9)),
    ("vm slot 1 is bound with ASID 2", |m| {
        let ttb = m.d.machine.get_u64(TTBS + 16);
        m.d.machine.set_u64(TTBS + 16, ttb + (1 << 48));
    }),
    ("vm slot 1 has an upper half", |m| {
        m.d.machine.set_u64(TTBS + 24, 1)
    }),
    ("notifier: null pointer", |m| m.set(RunCompute::NOTIFIER, 0)),
    ("word 0x10 is 0x51", |m| {
        m.d.mem.set(m.q.notifier, Notifier::UNK_10, 0x51)
    }),
    ("tail is 0x0", |m| {
        m.d.mem.set(m.q.notifier, Notifier::UNK_BUF.must(), 0)
    }),
    ("threshold: null pointer", |m| {
        m.d.mem.set(m.q.notifier, Notifier::THRESHOLD, 0)
    }),
    ("it was raised too late", |m| {
        m.d.mem.set_u32(m.q.threshold, 0)
    }),
    ("preemption buffer: null", |m| {
        m.set(P.then(JobParameters1::PREEMPT1), 0)
    }),
    ("preemption buffer part 3 is 0x1", |m| {
        m.set(P.then(JobParameters1::PREEMPT3), 1)
    }),
    ("parameter 0x38 is 0x0, expected 0x8c60", |m| {
        m.set(P.then(JobParameters1::UNK_38), 0)
    }),
    ("parameter 0x44 is 0x1", |m| {
        m.set(P.then(JobParameters1::UNK_44), 1)
    }),
    ("parameter 0x54 is 0x1", |m| {
        m.set(P.then(JobParameters1::UNK_54), 1)
    }),
    ("parameter 0x58 is 0x0, expected 0x1", |m| {
        m.set(P.then(JobParameters1::UNK_58), 0)
    }),
    ("parameter 0x5c is 0x1", |m| {
        m.set(P.then(JobParameters1::UNK_5C), 1)
    }),
    ("parameter 0x60 is 0x7", |m| {
        m.set(P.then(JobParameters1::UNK_40), 7)
    }),
    ("byte 0x1d8 is 0x1, must be zero", |m| {
        m.d.mem.write(m.job.at + 0x1d8, &[1]);
    }),
    ("no control stream", |m| {
        m.set(P.then(JobParameters1::CDM_CTRL_STREAM_BASE), 0)
    }),
    ("second preemption buffer is 0x1", |m| {
        m.set(P2.then(JobParameters2::PREEMPT1), 1)
    }),
    ("byte 0x254 is 0x1, must be zero", |m| {
        m.set(P2.then(JobParameters2::UNK_54), 1)
    }),
    ("encoder mask is 0x0", |m| {
        m.set(E.then(EncoderParams::MASK), 0)
    }),
    ("sampler count + 1 is 0x5, expected 0x1", |m| {
        m.set(E.then(EncoderParams::SAMPLER_COUNT_PLUS_1), 5);
    }),
    ("4 samplers without a heap", |m| {
        m.set(E.then(EncoderParams::SAMPLER_COUNT), 4);
        m.set(E.then(EncoderParams::SAMPLER_COUNT_PLUS_1), 5);
    }),
    ("byte 0x284 is 0x1, must be zero", |m| {
        m.set(M.then(JobMeta::UNK_0), 1)
    }),
    ("event control index is 0x1", |m| {
        m.set(M.then(JobMeta::EVENT_CONTROL_INDEX), 1)
    }),
    ("flush_stamps is 0x2", |m| {
        m.set(M.then(JobMeta::FLUSH_STAMPS), 2)
    }),
    ("event slot 128", |m| {
        m.set(M.then(JobMeta::STAMP_SLOT), 128)
    }),
    ("is of event slot 7, submitted with Some(6)", |m| {
        m.set(M.then(JobMeta::STAMP_SLOT), 7);
        m.set(M.then(JobMeta::STAMP), m.d.host_stamps + 28);
        m.set(M.then(JobMeta::FW_STAMP), m.d.fw_stamps + 28);
    }),
    ("host stamp: 0x0 is not mapped", |m| {
        m.set(M.then(JobMeta::STAMP), 8)
    }),
    ("firmware stamp: 0xffffffa", |m| {
        let page = m.d.mem.alloc(Protection::FW_SHARED_RO, 4);
        m.set(M.then(JobMeta::FW_STAMP), page);
    }),
    ("does not map the dummy page 0x7fffff8000", |m| {
        m.d.mem.unmap(1, m.d.habits.dummy_page)
    }),
    ("dummy page", |m| {
        let page = m.d.habits.dummy_page;
        let pa = m.d.mem.page();
        m.d.mem.map(1, page, pa, Protection::GPU_SHARED_RO);
    }),
    ("unaligned threshold", |m| {
        let threshold = Notifier::THRESHOLD;
        m.d.mem.set(m.q.notifier, threshold, m.q.threshold + 2);
    }),
    ("unaligned timestamp", |m| {
        let start = RunCompute::TIMESTAMPS.then(TimestampPointers::START);
        m.set(start, m.job.timestamps + 4);
    }),
    ("unaligned stamps", |m| {
        m.set(M.then(JobMeta::STAMP), m.d.host_stamps + 2)
    }),
    ("is not a whole event", |m| {
        m.set(M.then(JobMeta::STAMP_VALUE), 0x0600_0201)
    }),
    ("has stamp 0x6000300, expected 0x6000200", |m| {
        m.set(M.then(JobMeta::STAMP_VALUE), 0x0600_0300);
    }),
    ("is number 0, the one before Some(0)", |m| {
        m.set(M.then(JobMeta::EVENT_SEQ), 0)
    }),
    ("timestamp: null pointer", |m| {
        m.set(RunCompute::TIMESTAMPS.then(TimestampPointers::START), 0);
    }),
    ("the area starts at 0xffffffae10000000", |m| {
        m.set(
            RunCompute::USER_TIMESTAMPS.then(TimestampPointers::END),
            m.job.timestamps,
        );
    }),
    ("timestamp: 0xffffffae10004000 is not mapped", |m| {
        m.set(
            RunCompute::USER_TIMESTAMPS.then(TimestampPointers::END),
            TIMESTAMP_BASE + 0x4000,
        );
    }),
    ("byte 0x305 is 0x1, must be zero", |m| {
        m.set(RunCompute::UNK_FLAG.must(), 1)
    }),
    ("cached page", |m| {
        // The first job's queue structure, unmapped behind the firmware's back.
        let page = m.q.info & !0x3fff;
        m.d.mem.unmap(0, page);
    }),
    ("was mapped to other memory without a flush", |m| {
        let fresh = m.d.mem.page();
        m.d.mem
            .map(0, m.q.notifier & !0x3fff, fresh, Protection::FW_PRIV_RW);
    }),
    ("which is finished, but not flushed", |m| {
        // The first job's command once more.
        let first = m.d.mem.u64(m.q.ring);
        m.d.mem
            .write(first, &m.d.mem.read(m.job.at, RunCompute::size_in(ABI)));
        let micro = m.job.microsequence;
        let size = m.d.mem.get(first, RunCompute::MICROSEQUENCE_SIZE) as usize;
        // Its pointers into the command move with it.
        for at in (micro..micro + size as u64 - 7).step_by(1) {
            let value = m.d.mem.u64(at);
            if (m.job.at..m.job.at + RunCompute::size_in(ABI) as u64).contains(&value) {
                m.d.mem.write(at, &(value - m.job.at + first).to_le_bytes());
            }
        }
        m.d.mem.write(m.q.ring + 8, &first.to_le_bytes());
    }),
    ("is mapped as unknown protection", |m| {
        // A page of the firmware itself, which the GPU cannot read.
        let entry = m.d.mem.entry(0, m.job.at);
        let old = m.d.machine.get_u64(entry);
        m.d.machine.set_u64(entry, old & !pte::HOST);
    }),
];

const MICROSEQUENCE: &[Case] = &[
    ("microsequence: null pointer", |m| {
        m.set(RunCompute::MICROSEQUENCE, 0)
    }),
    ("no end within", |m| {
        let size = m.d.mem.get(m.job.at, RunCompute::MICROSEQUENCE_SIZE);
        m.set(RunCompute::MICROSEQUENCE_SIZE, size - 4);
    }),
    ("StartCompute at", |m| {
        m.set(RunCompute::MICROSEQUENCE_SIZE, 8)
    }),
    ("0x4 bytes after its end", |m| {
        let size = m.d.mem.get(m.job.at, RunCompute::MICROSEQUENCE_SIZE);
        m.set(RunCompute::MICROSEQUENCE_SIZE, size + 4);
    }),
    ("unknown op 0x3f", |m| m.start(S::HEADER, 0x3f)),
    ("header is 0x129", |m| m.start(S::HEADER, 0x129)),
    ("unk_pointer is 0x0", |m| m.start(S::UNK_POINTER, 0)),
    ("parameters 1 is 0x0", |m| m.start(S::JOB_PARAMS1, 0)),
    ("statistics is 0x0", |m| m.start(S::STATS, 0)),
    ("queue is 0x0", |m| m.start(S::QUEUE, 0)),
    ("vm slot is 0x2, expected 0x1", |m| m.start(S::VM_SLOT, 2)),
    ("word 0x28 is 0x0", |m| m.start(S::UNK_28, 0)),
    ("event sequence 0x9, the command has 0x1", |m| {
        m.start(S::EVENT_SEQ, 9)
    }),
    ("word 0x38 is 0x1", |m| m.start(S::UNK_38, 1)),
    ("parameters 2 is 0x0", |m| m.start(S::JOB_PARAMS2, 0)),
    ("word 0x44 is 0x1", |m| m.start(S::UNK_44, 1)),
    ("17 attachments", |m| m.start(S::ATTACHMENT_COUNT, 17)),
    ("attachment 0 has words 0x0, 0x0", |m| {
        m.start(S::ATTACHMENT_COUNT, 1)
    }),
    ("byte 0x4c is 0x1, must be zero", |m| {
        m.start(S::ATTACHMENTS.at(0).then(Attachment::ADDRESS), 1);
    }),
    ("flag is 0x0", |m| m.start(S::UNK_FLAG.must(), 0)),
    ("counter is 0x0, expected 0x1", |m| {
        m.start(S::COUNTER.must(), 0)
    }),
    ("notifier tail is 0x0", |m| {
        m.start(S::NOTIFIER_BUF.must(), 0)
    }),
    ("command time is 0x0", |m| m.timestamp(T::COMMAND_TIME, 0)),
    ("timestamp pointers is 0x0", |m| {
        m.timestamp(T::TIMESTAMPS, 0)
    }),
    ("pointer to update is 0x0", |m| m.timestamp(T::UPDATE, 0)),
    ("queue is 0x0", |m| m.timestamp(T::QUEUE, 0)),
    ("user timestamp pointers is 0x0", |m| {
        m.timestamp(T::USER_TIMESTAMPS, 0)
    }),
    ("context store time is 0x0", |m| {
        m.timestamp(T::UNK_TS.must(), 0)
    }),
    ("byte 0x38 is 0x1, must be zero", |m| {
        m.timestamp(T::UNK_30, 1)
    }),
    // The end where the start belongs.
    ("pointer to update is", |m| {
        m.timestamp(T::HEADER, T::HEADER_END)
    }),
    (
        "expected [StartCompute, WaitForIdle, FinalizeCompute, RetireStamp]",
        |m| {
            m.d.mem.write(
                m.job.at + RunCompute::USER_TIMESTAMPS.offset_in(ABI) as u64,
                &[0; 16],
            );
        },
    ),
    ("statistics is 0x0", |m| m.finalize(F::STATS, 0)),
    ("queue is 0x0", |m| m.finalize(F::QUEUE, 0)),
    ("vm slot is 0x2", |m| m.finalize(F::VM_SLOT, 2)),
    ("parameters 2 is 0x0", |m| m.finalize(F::JOB_PARAMS2, 0)),
    ("firmware stamp is 0x0", |m| m.finalize(F::FW_STAMP, 0)),
    ("stamp value is 0x0, expected 0x6000200", |m| {
        m.finalize(F::STAMP_VALUE, 0)
    }),
    ("byte 0x34 is 0x1, must be zero", |m| {
        m.d.mem
            .write(m.job.microsequence + m.job.finalize + 0x34, &[1]);
    }),
    ("restarts at", |m| m.finalize(F::RESTART_BRANCH_OFFSET, 0)),
    ("has_attachments 0x1 with 0 attachments", |m| {
        m.finalize(F::HAS_ATTACHMENTS, 1)
    }),
    ("flag is 0x0", |m| m.finalize(F::UNK_FLAG.must(), 0)),
];

#[test]
fn the_job_that_they_start_from_is_good() {
    submit(|_| ()).unwrap();
    // Attachments as they should be, and an error handling bit.
    submit(|m| {
        let first = S::ATTACHMENTS.at(0);
        m.start(S::ATTACHMENT_COUNT, 1);
        m.start(first.then(Attachment::LINES), 8);
        m.start(first.then(Attachment::UNK_C), Attachment::UNK_C_VALUE);
        m.start(first.then(Attachment::UNK_E), Attachment::UNK_E_VALUE);
        m.finalize(F::HAS_ATTACHMENTS, 5);
    })
    .unwrap();
    // A flush hint is accepted.
    submit(|m| m.set(M.then(JobMeta::FLUSH_STAMPS), 1)).unwrap();
}

fn check(cases: &[Case]) {
    for (i, (reason, change)) in cases.iter().enumerate() {
        let panic = match submit(*change) {
            Err(panic) => panic.0,
            Ok(()) => panic!("case {i} ({reason}): accepted"),
        };
        assert!(
            panic.contains(reason),
            "case {i}: {panic:?} does not say {reason:?}"
        );
    }
}

#[test]
fn a_bad_command_is_a_panic_with_its_reason() {
    check(COMMAND);
}

#[test]
fn a_bad_microsequence_is_a_panic_with_its_reason() {
    check(MICROSEQUENCE);
}
