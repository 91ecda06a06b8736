// SPDX-License-Identifier: MIT OR Apache-2.0

//! The RunCompute command, checked field by field.

use crate::abi::{encoder, meta, notifier, params1, params2, run_compute as rc};
use crate::chip::Chip;
use crate::init::{TIMESTAMPS, TIMESTAMPS_END};
use crate::machine::Role;
use crate::memory::{Kind, Memory, Record, PAGE};
use crate::panic::{bail, ensure, Fw, Panic};

/// Tag of the command.
pub const TAG: u32 = 3;

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
    pub fn read(mem: &Memory, chip: &Chip, va: u64, uuid: u32) -> Fw<Self> {
        let what = "compute command";
        mem.expect(what, va, rc::SIZE as u64, &[Kind::GpuRoFwPrivRw])?;
        gpu_readable(mem, va, rc::SIZE as u64)?;
        let r = mem.record(what, va, rc::SIZE)?;
        r.word("tag", 0, TAG)?;
        r.zero(rc::UNK..rc::UNK + 4)?;
        r.zero(rc::UNK_POINTEE..rc::PARAMS1)?;
        r.zero(rc::PAD2..rc::MICROSEQ)?;
        let vm_slot = bound(mem, &r, r.u32(rc::VM_SLOT))?;

        let (preempt, stream, usc_base) = self::params1(mem, chip, &r, vm_slot)?;
        self::params2(&r, preempt)?;
        self::encoder(&r)?;
        let stamps = self::meta(mem, &r)?;
        let timestamps = times(mem, &r, rc::TIMESTAMPS, false)?;
        let user_timestamps = times(mem, &r, rc::USER_TIMESTAMPS, true)?;
        let client = u32::from(r.u8(rc::CLIENT_SEQUENCE));
        ensure!(
            client == uuid & 0xff,
            "{r}: client sequence {client:#x} in queue {uuid:#x}"
        );
        r.zero(rc::CLIENT_SEQUENCE + 1..rc::SIZE)?;

        let notifier = r.u64(rc::NOTIFIER);
        self::notifier(mem, notifier, uuid)?;
        let microsequence = (r.u64(rc::MICROSEQ), r.u32(rc::MICROSEQ_SIZE));
        let (at, len) = microsequence;
        mem.expect("microsequence", at, len.into(), &[Kind::FwPrivRw])?;
        Ok(Self {
            va,
            counter: r.u64(rc::COUNTER),
            vm_slot,
            notifier,
            microsequence,
            stream,
            usc_base,
            stamps,
            event_seq: r.u32(rc::META + meta::EVENT_SEQ),
            timestamps,
            user_timestamps,
        })
    }

    /// Address of a field of the command.
    pub fn field(&self, offset: usize) -> u64 {
        self.va + offset as u64
    }

    /// Whether it has any user timestamp.
    pub fn has_user_timestamps(&self) -> bool {
        self.user_timestamps != [0, 0]
    }
}

/// The GPU fetches parameters from the command itself.
fn gpu_readable(mem: &Memory, va: u64, len: u64) -> Fw<()> {
    let mut at = va & !(PAGE - 1);
    while at < va + len {
        mem.machine()
            .translate(0, at, Role::Gpu, false)
            .map_err(|e| {
                Panic(format!(
                    "compute command at {va:#x}: GPU cannot read {at:#x}: {:?}",
                    e.reason
                ))
            })?;
        at += PAGE;
    }
    Ok(())
}

/// Checks that `slot` is a user context whose page tables are in place.
pub fn bound(mem: &Memory, r: &Record, slot: u32) -> Fw<u8> {
    ensure!((1..64).contains(&slot), "{r}: vm slot {slot}");
    let (ttb0, ttb1) = mem.machine().ttbs(slot as u8);
    ensure!(ttb0 & 1 != 0, "{r}: vm slot {slot} is not bound");
    ensure!(
        ttb0 >> 48 == u64::from(slot),
        "{r}: vm slot {slot} is bound with ASID {}",
        ttb0 >> 48
    );
    // Only the G14X GPU needs the kernel half in user contexts.
    ensure!(
        ttb1 == 0,
        "{r}: vm slot {slot} has an upper half ({ttb1:#x})"
    );
    Ok(slot as u8)
}

fn params1(mem: &Memory, chip: &Chip, r: &Record, slot: u8) -> Fw<(u64, u64, u64)> {
    let at = rc::PARAMS1;
    let preempt = r.u64(at + params1::PREEMPT1);
    let size = chip.compute_preempt;
    mem.expect_in(
        slot,
        "preemption buffer",
        preempt,
        size + 0x20,
        &[Kind::GpuSharedRw],
    )?;
    for i in 0..4 {
        let name = format!("preemption buffer part {}", i + 2);
        r.pointer(
            &name,
            at + params1::PREEMPT2 + 8 * i,
            preempt + size + 8 * i as u64,
        )?;
    }
    // Constants of unknown meaning, as every driver writes them.
    r.pointer("parameter 0x38", at + params1::UNK_38, 0x8c60)?;
    r.word("parameter 0x58", at + params1::UNK_58, 1)?;
    r.zero(at + params1::HELPER_BINARY + 4..at + params1::HELPER_DATA)?;
    r.zero(at + params1::HELPER_CFG + 4..at + params1::UNK_58)?;
    r.zero(at + params1::UNK_58 + 4..at + params1::IOGPU_UNK_40)?;
    let helper = r.u32(at + params1::IOGPU_UNK_40);
    ensure!(
        matches!(helper, 0 | 0x1c),
        "{r}: parameter 0x60 is {helper:#x}"
    );
    r.zero(at + params1::IOGPU_UNK_40 + 4..at + params1::SIZE)?;
    let stream = r.u64(at + params1::STREAM);
    ensure!(stream != 0, "{r}: no control stream");
    Ok((preempt, stream, r.u64(at + params1::USC_BASE)))
}

fn params2(r: &Record, preempt: u64) -> Fw<()> {
    let at = rc::PARAMS2;
    r.zero(at..at + params2::PREEMPT1)?;
    r.pointer("second preemption buffer", at + params2::PREEMPT1, preempt)?;
    r.zero(at + params2::STREAM_END + 8..at + params2::SIZE)
}

fn encoder(r: &Record) -> Fw<()> {
    let at = rc::ENCODER;
    r.zero(at..at + encoder::MASK)?;
    r.word("encoder mask", at + encoder::MASK, u32::MAX)?;
    let samplers = r.u32(at + encoder::SAMPLERS);
    r.word(
        "sampler count + 1",
        at + encoder::SAMPLERS_1,
        samplers.wrapping_add(1),
    )?;
    let heap = r.u64(at + encoder::SAMPLER_HEAP);
    ensure!(
        samplers == 0 || heap != 0,
        "{r}: {samplers} samplers without a heap"
    );
    Ok(())
}

fn meta(mem: &Memory, r: &Record) -> Fw<Stamps> {
    let at = rc::META;
    r.zero(at..at + meta::HOST_STAMP)?;
    r.zero(at + meta::UNK_1C..at + meta::FLUSH_STAMPS)?;
    r.zero(at + meta::UUID..at + meta::EVENT_SEQ)?;
    let flush = r.u32(at + meta::FLUSH_STAMPS);
    ensure!(flush <= 1, "{r}: flush_stamps is {flush:#x}");
    let slot = r.u32(at + meta::SLOT);
    ensure!(slot < 128, "{r}: event slot {slot}");
    let stamps = Stamps {
        host: r.u64(at + meta::HOST_STAMP),
        fw: r.u64(at + meta::FW_STAMP),
        value: r.u32(at + meta::VALUE),
        slot: slot as u8,
    };
    mem.expect("host stamp", stamps.host, 4, &[Kind::FwSharedRw])?;
    mem.expect("firmware stamp", stamps.fw, 4, &[Kind::FwPrivRw])?;
    ensure!(
        stamps.host % 4 == 0 && stamps.fw % 4 == 0,
        "{r}: unaligned stamps {stamps:x?}"
    );
    ensure!(
        stamps.value & 0xff == 0,
        "{r}: stamp value {:#x} is not a whole event",
        stamps.value
    );
    Ok(stamps)
}

fn times(mem: &Memory, r: &Record, offset: usize, user: bool) -> Fw<[u64; 2]> {
    let times = [r.u64(offset), r.u64(offset + 8)];
    for va in times {
        if user && va == 0 {
            continue;
        }
        if user && !(TIMESTAMPS..=TIMESTAMPS_END - 8).contains(&va) {
            bail!("{r}: user timestamp at {va:#x}, outside the timestamp area");
        }
        mem.expect("timestamp", va, 8, &[Kind::FwSharedRw])?;
    }
    Ok(times)
}

fn notifier(mem: &Memory, va: u64, uuid: u32) -> Fw<()> {
    mem.expect("notifier", va, notifier::SIZE as u64, &[Kind::FwPrivRw])?;
    let n = mem.record("notifier", va, notifier::SIZE)?;
    n.word("generation", notifier::GENERATION, uuid)?;
    n.word("word 0x10", notifier::UNK_10, 0x50)?;
    n.pointer("tail", notifier::UNK_BUF, u64::MAX)?;
    mem.expect(
        "threshold",
        n.u64(notifier::THRESHOLD),
        8,
        &[Kind::FwSharedRw],
    )
}
