// SPDX-License-Identifier: MIT OR Apache-2.0

//! What all commands that do work have in common, checked field by field.

use agx_abi::channel::PipeKind;
use agx_abi::compute::{EncoderParams, JobMeta, TimestampPointers};
use agx_abi::event::{Notifier, SLOTS, STAMP_STEP};
use agx_abi::uat::{clients_have_kernel_half, ttb_asid, ttb_table, Protection};
use agx_abi::uat::{PAGE_SIZE, TTB_VALID};
use agx_abi::{Abi, Everywhere, Field, Opt, Value};

use crate::compute::Compute;
use crate::fragment::Fragment;
use crate::init::Init;
use crate::memory::{Memory, Record};
use crate::panic::{bail, ensure, Fw};
use crate::vertex::Vertex;

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

/// Addresses of fields of a command, for the operations that point to them.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// The firmware's time.
    pub command_time: u64,
    /// Pointers to internal times: both, and one by one.
    pub timestamps: [u64; 3],
    /// Pointers to user times.
    pub user_timestamps: u64,
    /// An unknown time.
    pub unk_ts: u64,
}

/// The common part of a command.
#[derive(Clone, Debug)]
pub struct Work {
    /// Version of the interface.
    pub abi: Abi,
    /// What pipe it is for.
    pub kind: PipeKind,
    /// Its address.
    pub va: u64,
    /// Its size.
    pub size: u64,
    /// Running number within the user queue, if the version has it.
    pub counter: Option<u64>,
    /// Context of the job.
    pub vm_slot: u8,
    /// Notifier of the user queue.
    pub notifier: u64,
    /// Microsequence and its size.
    pub microsequence: (u64, u32),
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
    /// Where some of its fields are.
    pub places: Places,
}

/// Where the common parts are in commands `S`.
pub struct Fields<S> {
    /// Running number.
    pub counter: Field<S, Opt<u64>>,
    /// Slot of the address space.
    pub vm_slot: Field<S, u32>,
    /// Notifier.
    pub notifier: Field<S, u64>,
    /// Microsequence.
    pub microsequence: Field<S, u64>,
    /// Its size.
    pub microsequence_size: Field<S, u32>,
    /// Encoder parameters.
    pub encoder: Field<S, EncoderParams>,
    /// Stamps.
    pub meta: Field<S, JobMeta>,
    /// The firmware's time.
    pub command_time: Field<S, u64>,
    /// Pointers to internal times.
    pub timestamps: Field<S, TimestampPointers>,
    /// Pointers to user times.
    pub user_timestamps: Field<S, TimestampPointers>,
    /// Low byte of the user queue's number.
    pub client_sequence: Field<S, u8>,
    /// An unknown time.
    pub unk_ts: Field<S, Opt<u64>>,
}

impl Work {
    /// Reads the common part of the command in `r` of the user queue `uuid`.
    pub fn read<S: Everywhere>(
        mem: &Memory,
        init: &Init,
        r: &Record,
        kind: PipeKind,
        uuid: u32,
        f: &Fields<S>,
    ) -> Fw<Self> {
        let vm_slot = bound(mem, r, r.get(f.vm_slot))?;
        ensure!(
            mem.machine().entry(vm_slot, init.dummy_page).is_some(),
            "{r}: context {vm_slot} does not map the dummy page {:#x} of hardware data B",
            init.dummy_page
        );
        let shared = &[Protection::GPU_SHARED_RW];
        mem.expect_in(vm_slot, "dummy page", init.dummy_page, PAGE_SIZE, shared)?;
        let samplers = encoder(mem, r, f.encoder)?;
        let stamps = meta(mem, r, f.meta)?;
        let timestamps = times(mem, r, f.timestamps, None)?;
        let user = Some(init.timestamp_base);
        let user_timestamps = times(mem, r, f.user_timestamps, user)?;
        mem.usual(r, "client sequence", f.client_sequence, uuid as u8);
        let notifier = r.get(f.notifier);
        self::notifier(mem, notifier, uuid)?;
        let sequence = r.get(f.microsequence);
        let len = r.get(f.microsequence_size);
        mem.expect(
            "microsequence",
            sequence,
            len.into(),
            &[Protection::FW_PRIV_RW],
        )?;
        let start = f.timestamps.then(TimestampPointers::START);
        let end = f.timestamps.then(TimestampPointers::END);
        Ok(Self {
            kind,
            va: r.va,
            size: r.size() as u64,
            abi: mem.abi,
            counter: r.find(f.counter),
            vm_slot,
            notifier,
            microsequence: (sequence, len),
            samplers,
            stamps,
            event_seq: r.get(f.meta.then(JobMeta::EVENT_SEQ)),
            timestamps,
            user_timestamps,
            places: Places {
                command_time: mem.at(r.va, f.command_time),
                timestamps: [
                    mem.at(r.va, f.timestamps),
                    mem.at(r.va, start),
                    mem.at(r.va, end),
                ],
                user_timestamps: mem.at(r.va, f.user_timestamps),
                unk_ts: mem.find_at(r.va, f.unk_ts),
            },
        })
    }

    /// Returns the address of a field of the command.
    pub fn field<S: Everywhere, T: Value>(&self, field: Field<S, T>) -> u64 {
        self.va.wrapping_add(field.offset_in(self.abi) as u64)
    }

    /// Returns the address of a field of the command; 0 if the version lacks it.
    pub fn find<S: Everywhere, T: Value>(&self, field: Field<S, Opt<T>>) -> u64 {
        let offset = field.offset_in(self.abi);
        offset.map_or(0, |offset| self.va.wrapping_add(offset as u64))
    }

    /// Returns whether it has any user timestamp.
    pub fn has_user_timestamps(&self) -> bool {
        self.user_timestamps != [0, 0]
    }

    /// Returns what it is called.
    pub fn name(&self) -> String {
        format!("{} command", kind_name(self.kind))
    }
}

/// A command that does work.
#[derive(Clone, Debug)]
pub enum Command {
    /// A compute command.
    Compute(Compute),
    /// The vertex half of a render.
    Vertex(Box<Vertex>),
    /// The fragment half of a render.
    Fragment(Box<Fragment>),
}

impl Command {
    /// The part that all of them have.
    pub fn work(&self) -> &Work {
        match self {
            Self::Compute(compute) => &compute.work,
            Self::Vertex(vertex) => &vertex.work,
            Self::Fragment(fragment) => &fragment.work,
        }
    }
}

/// Returns the name of a kind of work.
pub fn kind_name(kind: PipeKind) -> &'static str {
    match kind {
        PipeKind::Vertex => "vertex",
        PipeKind::Fragment => "fragment",
        PipeKind::Compute => "compute",
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
    // Where the GPU does not need the kernel's half in user contexts, it does no harm.
    let (_, kernel) = mem.machine().ttbs(0);
    let is_there = ttb1 & TTB_VALID != 0;
    let is_kernels = is_there && ttb_table(ttb1) == ttb_table(kernel) && asid_fits(ttb1, slot);
    ensure!(
        is_kernels || ttb1 == 0 && !clients_have_kernel_half(mem.abi),
        "{r}: vm slot {slot} has an upper half ({ttb1:#x}) that is not the kernel's ({kernel:#x})"
    );
    Ok(slot as u8)
}

/// Returns whether the upper half `ttb1` of context `slot` has its number, or none: where it is not
/// needed one driver that has run on Macs has none.
fn asid_fits(ttb1: u64, slot: u32) -> bool {
    [u64::from(slot), 0].contains(&ttb_asid(ttb1))
}

fn encoder<S: Everywhere>(mem: &Memory, r: &Record, p: Field<S, EncoderParams>) -> Fw<(u64, u32)> {
    let id = p.then(EncoderParams::ENCODER_ID);
    r.zero(r.offset(p)..r.offset(id))?;
    mem.usual(r, "encoder id", id, 0);
    r.zero(r.end(id)..r.offset(p.then(EncoderParams::MASK)))?;
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

fn meta<S: Everywhere>(mem: &Memory, r: &Record, m: Field<S, JobMeta>) -> Fw<Stamps> {
    r.zero(r.offset(m)..r.offset(m.then(JobMeta::STAMP)))?;
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

/// Returns the addresses at `field`. Those of the user, which may be 0, lie behind `user`.
fn times<S: Everywhere>(
    mem: &Memory,
    r: &Record,
    field: Field<S, TimestampPointers>,
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
        Notifier::size_in(mem.abi) as u64,
        &[Protection::FW_PRIV_RW],
    )?;
    let n = mem.record("notifier", va, Notifier::size_in(mem.abi))?;
    mem.usual(
        &n,
        "submission id of a notifier",
        Notifier::GENERATION,
        uuid,
    );
    n.want("word 0x10", Notifier::UNK_10, Notifier::UNK_10_VALUE)?;
    n.want_if("tail", Notifier::UNK_BUF, Notifier::UNK_BUF_VALUE)?;
    let threshold = n.get(Notifier::THRESHOLD);
    ensure!(
        threshold % 4 == 0,
        "{n}: unaligned threshold {threshold:#x}"
    );
    // One driver that has run on Macs has 4 bytes there, with nothing mapped behind them.
    mem.expect("threshold", threshold, 4, &[Protection::FW_SHARED_RW])
}
