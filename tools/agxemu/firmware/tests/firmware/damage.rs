// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random damage: whatever the host writes, the firmware accepts it or panics with a reason. It
//! never takes the emulator with it, and never loses itself in a loop.

use crate::support::abi::ABI;
use std::panic::{catch_unwind, AssertUnwindSafe};

use agx_abi::buffer::{BufferInfo, Scene};
use agx_abi::compute::RunCompute;
use agx_abi::event::Notifier;
use agx_abi::fragment::RunFragment;
use agx_abi::globals::Globals;
use agx_abi::hwdata::{HwDataB, IoMapping};
use agx_abi::init::{FwStatus, InitData, RuntimePointers};
use agx_abi::queue::{InitBuffer, QueueInfo};
use agx_abi::vertex::RunVertex;
use agx_abi::Value;
use agxemu_firmware::panic::Panic;

use crate::support::driver::Driver;
use crate::support::job::{user_context, Queue, STREAM, USC};
use crate::support::render::{driver, shot, Render};

/// Xorshift, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Numbers at the edges of what code handles, or any.
    fn number(&mut self) -> u64 {
        let edges = [
            0,
            1,
            u64::MAX,
            u64::MAX - 0x3fff,
            1 << 63,
            1 << 39,
            0xffff_ffff,
            0x3fff,
        ];
        match self.below(3) {
            0 => edges[self.below(edges.len() as u64) as usize],
            1 => self.next(),
            // An address near those in use.
            _ => 0xffff_ffa0_0000_0000 + self.below(8) * 0x1_0000_0000 + self.below(0x8000),
        }
    }

    /// Overwrites a part of `len` bytes at `va` of context `slot`.
    fn damage(&mut self, d: &Driver, slot: u8, va: u64, len: usize) {
        let size = [1, 2, 4, 8][self.below(4) as usize];
        let at = va + self.below((len - size) as u64 + 1);
        d.mem
            .write_in(slot, at, &self.number().to_le_bytes()[..size]);
    }
}

fn boot(random: &mut Random) -> Result<(), Panic> {
    let mut d = Driver::new(&[]);
    let t = &d.tree;
    let parts = [
        (t.init_data, InitData::size_in(ABI)),
        // The interesting parts of the larger structures.
        (t.pointers, 0x230),
        (t.status, FwStatus::SIZE),
        (t.globals, 0x40),
        (
            t.hw_data_b + HwDataB::IO_MAPPINGS.offset_in(ABI) as u64,
            HwDataB::io_mapping_count(ABI) * <IoMapping as Value>::SIZE,
        ),
        (
            t.globals + Globals::PENDING_STAMPS.offset_in(ABI) as u64,
            0x40,
        ),
    ];
    for _ in 0..=random.below(3) {
        let (va, len) = parts[random.below(parts.len() as u64) as usize];
        random.damage(&d, 0, va, len);
    }
    d.boot()
}

fn job(random: &mut Random) -> Result<(), Panic> {
    let mut d = Driver::up(&[]);
    user_context(&mut d, 1);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    let barrier = q.barrier(&mut d, 0, 0);
    let job = q.job(&mut d, STREAM, [0, 0]);
    q.push(&d, barrier);
    q.push(&d, job.at);
    q.raise(&d, 1);
    d.pending(1);
    q.post(&d);
    let size = d.mem.get(job.at, RunCompute::MICROSEQUENCE_SIZE) as usize;
    let (pipe, _) = d.place(RuntimePointers::PIPES.at(8));
    let parts = [
        (0, q.info, QueueInfo::size_in(ABI)),
        (0, q.state, 0x60),
        (0, q.ring, 0x20),
        (0, q.list, 0x18),
        (0, q.context, 0x40),
        (0, q.notifier, Notifier::size_in(ABI)),
        (0, barrier, 0x24),
        (0, job.at, RunCompute::size_in(ABI)),
        (0, job.microsequence, size),
        (0, pipe, 0x30),
        (1, STREAM, 40),
        (1, USC + 0x40, 8),
    ];
    for _ in 0..=random.below(3) {
        let (slot, va, len) = parts[random.below(parts.len() as u64) as usize];
        random.damage(&d, slot, va, len);
    }
    d.ring(q.doorbell())?;
    for _ in 0..3 {
        d.sleep()?;
    }
    Ok(())
}

/// A render, with the stand-in for the GPU: what the GPU makes of damage is tested where it is.
fn render(random: &mut Random) -> Result<(), Panic> {
    let (mut d, _) = driver(&[]);
    let mut r = Render::new(&mut d, 1, 2, 1, [4, 5]);
    let made = r.make(&mut d, &shot());
    r.push(&d, &made);
    d.pending(1);
    r.fragment.post(&d);
    r.vertex.post(&d);
    let sizes = [
        d.mem.get(made.vertex.at, RunVertex::MICROSEQUENCE_SIZE),
        d.mem.get(made.fragment.at, RunFragment::MICROSEQUENCE_SIZE),
    ];
    let parts = [
        (0, r.vertex.info, QueueInfo::size_in(ABI)),
        (0, r.fragment.ring, 0x20),
        (0, made.barrier, 0x24),
        (0, made.set_up.unwrap_or_default(), InitBuffer::SIZE),
        (0, made.vertex.at, RunVertex::USED.of(ABI)),
        (0, made.vertex.at, RunVertex::USED.of(ABI)),
        (0, made.fragment.at, RunFragment::USED.of(ABI)),
        (0, made.fragment.at, RunFragment::USED.of(ABI)),
        (0, made.vertex.microsequence, sizes[0] as usize),
        (0, made.fragment.microsequence, sizes[1] as usize),
        (0, made.scene, Scene::size_in(ABI)),
        (0, r.buffer.info, BufferInfo::size_in(ABI)),
        (0, r.buffer.control, 0x40),
        (0, r.buffer.stats, 0x40),
        (1, r.buffer.page_list, 128),
        (1, r.buffer.block_list, 64),
    ];
    for _ in 0..=random.below(3) {
        let (slot, va, len) = parts[random.below(parts.len() as u64) as usize];
        random.damage(&d, slot, va, len);
    }
    d.ring(r.fragment.doorbell())?;
    d.ring(r.vertex.doorbell())?;
    for _ in 0..3 {
        d.sleep()?;
    }
    Ok(())
}

fn survive(name: &str, seeds: u64, run: fn(&mut Random) -> Result<(), Panic>) {
    let mut refused = 0;
    for seed in 1..=seeds {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        match catch_unwind(AssertUnwindSafe(|| run(&mut random))) {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => {
                assert!(!panic.0.is_empty());
                refused += 1;
            }
            Err(_) => panic!("{name}: seed {seed} takes the emulator down"),
        }
    }
    // Most damage is noticed; what is not hits bytes that have no meaning yet.
    assert!(
        refused > seeds / 3,
        "{name}: only {refused} of {seeds} were refused"
    );
}

#[test]
fn damaged_init_data_never_takes_the_emulator_down() {
    survive("boot", 600, boot);
}

#[test]
fn damaged_jobs_never_take_the_emulator_down() {
    survive("job", 600, job);
}

#[test]
fn damaged_renders_never_take_the_emulator_down() {
    survive("render", 300, render);
}
