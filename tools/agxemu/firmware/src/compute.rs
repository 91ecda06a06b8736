// SPDX-License-Identifier: MIT OR Apache-2.0

//! The RunCompute command, checked field by field.

use agx_abi::compute::TimestampPointers;
use agx_abi::compute::{EncoderParams, JobMeta, JobParameters1, JobParameters2, RunCompute};
use agx_abi::event::{Notifier, SLOTS, STAMP_STEP};
use agx_abi::uat::{ttb_asid, ttb_table, Protection, TTB_VALID};
use agx_abi::{Field, Value};

use crate::chip::Chip;
use crate::init::Init;
use crate::memory::{end, Memory, Record};
use crate::panic::{bail, ensure, Fw};

/// Tag of the command.
pub const TAG: u32 = RunCompute::TAG_VALUE;

/// Stamps of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Host stamp.
    pub host: u64,
    /// Firmware stamp.
    pub fw: u64,
    /// Value that both get.
    pub value: u32,
    /// Event slot.
    pub slot: u8,
}

/// A compute command.
#[derive(Clone, Debug)]
pub struct Compute {
    /// Its address.
    pub va: u64,
    /// Running number within the user queue.
    pub counter: u64,
    /// Context of the job.
    pub vm_slot: u8,
    /// Notifier of the user queue.
    pub notifier: u64,
    /// Microsequence and its size.
    pub microsequence: (u64, u32),
    /// Control stream.
    pub stream: u64,
    /// Base of shader code.
    pub usc_base: u64,
    /// Address of the sampler heap, and its length in descriptors.
    pub samplers: (u64, u32),
    /// Stamps.
    pub stamps: Stamps,
    /// Low half of the running number within the firmware queue.
    pub event_seq: u32,
    /// Where internal start and end times go.
    pub timestamps: [u64; 2],
    /// Where user start and end times go, or 0.
    pub user_timestamps: [u64; 2],
}

impl Compute {
    /// Reads the command at `va` of the user queue `uuid`.
    pub fn read(mem: &Memory, chip: &Chip, init: &Init, va: u64, uuid: u32) -> Fw<Self> {
        let what = "compute command";
        let size = RunCompute::SIZE;
        // The GPU fetches parameters from the command itself, so it has to be able to read it.
        mem.expect(what, va, size as u64, &[Protection::GPU_RO_FW_PRIV_RW])?;
        let r = mem.record(what, va, size)?;
        r.want("tag", RunCompute::TAG, TAG)?;
        r.want("word 0xc", RunCompute::UNK_4, 0)?;
        r.zero(RunCompute::UNK_POINTEE.offset()..RunCompute::JOB_PARAMS1.offset())?;
        let vm_slot = bound(mem, &r, r.get(RunCompute::VM_SLOT))?;
        ensure!(
            mem.machine().entry(vm_slot, init.dummy_page).is_some(),
            "{r}: context {vm_slot} does not map the dummy page {:#x} of hardware data B",
            init.dummy_page
        );

        let (preempt, stream, usc_base) = parameters1(mem, chip, &r, vm_slot)?;
        parameters2(&r, preempt)?;
        let samplers = encoder(mem, &r)?;
        let stamps = meta(mem, &r)?;
        let timestamps = times(mem, &r, RunCompute::TIMESTAMPS, None)?;
        let user = Some(init.timestamp_base);
        let user_timestamps = times(mem, &r, RunCompute::USER_TIMESTAMPS, user)?;
        mem.usual(
            &r,
            "client sequence",
            RunCompute::CLIENT_SEQUENCE,
            uuid as u8,
        );
        r.zero(end(RunCompute::CLIENT_SEQUENCE)..size)?;

        let notifier = r.get(RunCompute::NOTIFIER);
        self::notifier(mem, notifier, uuid)?;
        let at = r.get(RunCompute::MICROSEQUENCE);
        let len = r.get(RunCompute::MICROSEQUENCE_SIZE);
        mem.expect("microsequence", at, len.into(), &[Protection::FW_PRIV_RW])?;
        Ok(Self {
            va,
            counter: r.get(RunCompute::COUNTER),
            vm_slot,
            notifier,
            microsequence: (at, len),
            stream,
            usc_base,
            samplers,
            stamps,
            event_seq: r.get(RunCompute::META.then(JobMeta::EVENT_SEQ)),
            timestamps,
            user_timestamps,
        })
    }

    /// Address of a field of the command.
    pub fn field<T: Value>(&self, field: Field<RunCompute, T>) -> u64 {
        crate::memory::at(self.va, field)
    }

    /// Whether it has any user timestamp.
    pub fn has_user_timestamps(&self) -> bool {
        self.user_timestamps != [0, 0]
    }
}

/// Checks that `slot` is a user context whose page tables are in place.
pub fn bound(mem: &Memory, r: &Record, slot: u32) -> Fw<u8> {
    ensure!((1..64).contains(&slot), "{r}: vm slot {slot}");
    let (ttb0, ttb1) = mem.machine().ttbs(slot as u8);
    ensure!(ttb0 & TTB_VALID != 0, "{r}: vm slot {slot} is not bound");
    ensure!(
        ttb_asid(ttb0) == u64::from(slot),
        "{r}: vm slot {slot} is bound with ASID {}",
        ttb_asid(ttb0)
    );
    // No GPU but the G14X needs the kernel's half in user contexts, and it does no harm to the
    // others.
    let (_, kernel) = mem.machine().ttbs(0);
    ensure!(
        ttb1 == 0 || ttb1 & TTB_VALID != 0 && ttb_table(ttb1) == ttb_table(kernel),
        "{r}: vm slot {slot} has an upper half ({ttb1:#x}) that is not the kernel's ({kernel:#x})"
    );
    Ok(slot as u8)
}

fn parameters1(mem: &Memory, chip: &Chip, r: &Record, slot: u8) -> Fw<(u64, u64, u64)> {
    let p = RunCompute::JOB_PARAMS1;
    let preempt = r.get(p.then(JobParameters1::PREEMPT1));
    let size = chip.compute_preempt;
    let usual = &[Protection::GPU_SHARED_RW, Protection::GPU_FW_PRIV_RW];
    mem.expect_in(slot, "preemption buffer", preempt, size + 0x20, usual)?;
    let parts = [
        JobParameters1::PREEMPT2,
        JobParameters1::PREEMPT3,
        JobParameters1::PREEMPT4,
        JobParameters1::PREEMPT5,
    ];
    for (i, part) in parts.into_iter().enumerate() {
        let name = format!("preemption buffer part {}", i + 2);
        r.want(&name, p.then(part), preempt + size + 8 * i as u64)?;
    }
    // Constants of unknown meaning, as every driver writes them.
    let unk_38 = JobParameters1::UNK_38_VALUE;
    r.want("parameter 0x38", p.then(JobParameters1::UNK_38), unk_38)?;
    r.want("parameter 0x44", p.then(JobParameters1::UNK_44), 0)?;
    r.want("parameter 0x54", p.then(JobParameters1::UNK_54), 0)?;
    r.want("parameter 0x58", p.then(JobParameters1::UNK_58), 1)?;
    r.want("parameter 0x5c", p.then(JobParameters1::UNK_5C), 0)?;
    let helper = r.get(p.then(JobParameters1::UNK_40));
    ensure!(
        matches!(helper, 0 | 0x1c),
        "{r}: parameter 0x60 is {helper:#x}"
    );
    r.zero(end(p.then(JobParameters1::UNK_40))..RunCompute::MICROSEQUENCE.offset())?;
    let stream = r.get(p.then(JobParameters1::CDM_CTRL_STREAM_BASE));
    ensure!(stream != 0, "{r}: no control stream");
    Ok((
        preempt,
        stream,
        r.get(p.then(JobParameters1::USC_EXEC_BASE)),
    ))
}

fn parameters2(r: &Record, preempt: u64) -> Fw<()> {
    let p = RunCompute::JOB_PARAMS2;
    r.zero(p.offset()..p.then(JobParameters2::PREEMPT1).offset())?;
    r.want(
        "second preemption buffer",
        p.then(JobParameters2::PREEMPT1),
        preempt,
    )?;
    r.zero(end(p.then(JobParameters2::CDM_CTRL_STREAM_END))..end(p))
}

fn encoder(mem: &Memory, r: &Record) -> Fw<(u64, u32)> {
    let p = RunCompute::ENCODER_PARAMS;
    let id = p.then(EncoderParams::SYNC_GROW);
    r.zero(p.offset()..id.offset())?;
    mem.usual(r, "encoder id", id, 0);
    r.zero(end(id)..p.then(EncoderParams::MASK).offset())?;
    r.want("encoder mask", p.then(EncoderParams::MASK), u32::MAX)?;
    let samplers = r.get(p.then(EncoderParams::SAMPLER_COUNT));
    let more = p.then(EncoderParams::SAMPLER_COUNT_PLUS_1);
    r.want("sampler count + 1", more, samplers.wrapping_add(1))?;
    let heap = r.get(p.then(EncoderParams::SAMPLER_HEAP));
    ensure!(
        samplers == 0 || heap != 0,
        "{r}: {samplers} samplers without a heap"
    );
    Ok((heap, samplers))
}

fn meta(mem: &Memory, r: &Record) -> Fw<Stamps> {
    let m = RunCompute::META;
    r.zero(m.offset()..m.then(JobMeta::STAMP).offset())?;
    r.want(
        "event control index",
        m.then(JobMeta::EVENT_CONTROL_INDEX),
        0,
    )?;
    mem.usual(r, "uuid of a command", m.then(JobMeta::UUID), 0);
    let flush = r.get(m.then(JobMeta::FLUSH_STAMPS));
    ensure!(flush <= 1, "{r}: flush_stamps is {flush:#x}");
    let slot = r.get(m.then(JobMeta::STAMP_SLOT));
    ensure!((slot as usize) < SLOTS, "{r}: event slot {slot}");
    let stamps = Stamps {
        host: r.get(m.then(JobMeta::STAMP)),
        fw: r.get(m.then(JobMeta::FW_STAMP)),
        value: r.get(m.then(JobMeta::STAMP_VALUE)),
        slot: slot as u8,
    };
    mem.expect("host stamp", stamps.host, 4, &[Protection::FW_SHARED_RW])?;
    mem.expect("firmware stamp", stamps.fw, 4, &[Protection::FW_PRIV_RW])?;
    ensure!(
        stamps.host % 4 == 0 && stamps.fw % 4 == 0,
        "{r}: unaligned stamps {stamps:x?}"
    );
    ensure!(
        stamps.value % STAMP_STEP == 0,
        "{r}: stamp value {:#x} is not a whole event",
        stamps.value
    );
    Ok(stamps)
}

/// The addresses at `field`. Those of the user, which may be 0, lie behind `user`.
fn times(
    mem: &Memory,
    r: &Record,
    field: Field<RunCompute, TimestampPointers>,
    user: Option<u64>,
) -> Fw<[u64; 2]> {
    let pointers = r.get(field);
    let times = [
        pointers.get(TimestampPointers::START),
        pointers.get(TimestampPointers::END),
    ];
    for va in times {
        if user.is_some() && va == 0 {
            continue;
        }
        if let Some(base) = user.filter(|base| va < *base) {
            bail!("{r}: user timestamp at {va:#x}, the area starts at {base:#x}");
        }
        ensure!(va % 8 == 0, "{r}: unaligned timestamp at {va:#x}");
        mem.expect("timestamp", va, 8, &[Protection::FW_SHARED_RW])?;
    }
    Ok(times)
}

fn notifier(mem: &Memory, va: u64, uuid: u32) -> Fw<()> {
    mem.expect(
        "notifier",
        va,
        Notifier::SIZE as u64,
        &[Protection::FW_PRIV_RW],
    )?;
    let n = mem.record("notifier", va, Notifier::SIZE)?;
    mem.usual(
        &n,
        "submission id of a notifier",
        Notifier::GENERATION,
        uuid,
    );
    n.want("word 0x10", Notifier::UNK_10, Notifier::UNK_10_VALUE)?;
    n.want("tail", Notifier::UNK_BUF, Notifier::UNK_BUF_VALUE)?;
    let threshold = n.get(Notifier::THRESHOLD);
    ensure!(
        threshold % 4 == 0,
        "{n}: unaligned threshold {threshold:#x}"
    );
    // One driver that has run on Macs has 4 bytes there, with nothing mapped behind them.
    mem.expect("threshold", threshold, 4, &[Protection::FW_SHARED_RW])
}
