// SPDX-License-Identifier: MIT OR Apache-2.0

//! What drivers that have run on Macs do in different ways is accepted, in all of them.
//!
//! What only the driver in the field does is not demanded: the log says once that it is missing.

use std::sync::Arc;

use agx_abi::event::STAMP_STEP;
use agx_abi::uat::{ttb, Protection};

use crate::support::driver::Driver;
use crate::support::gpu::StandIn;
use crate::support::habits::{Habits, LINUX, M1N1};
use crate::support::job::{user_context, Queue, STREAM};
use crate::support::machine::{ROOT, TTBS};
use crate::support::render::{shot, Render};

fn up(habits: &Habits) -> Driver {
    let mut d = Driver::with(&[], habits);
    d.boot().unwrap();
    user_context(&mut d, 1);
    d
}

/// Lines of the emulator's log about what is not usual.
fn remarks(d: &Driver) -> Vec<String> {
    let lines = d.machine.lines.lock().unwrap();
    let unusual = lines.iter().filter(|line| line.starts_with("unusual: "));
    unusual.cloned().collect()
}

#[test]
fn the_driver_in_the_field_is_not_remarked_on() {
    let mut d = up(&LINUX);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), [1]);
    assert_eq!(remarks(&d), [""; 0]);
}

#[test]
fn the_other_driver_runs_jobs_and_barriers() {
    let mut d = up(&M1N1);
    d.mem
        .map_fresh(0, M1N1.timestamp_base, 0x4000, Protection::FW_SHARED_RW);
    let mut a = Queue::new(&mut d, 7, 2, 1, 5);
    let mut b = Queue::new(&mut d, 8, 2, 1, 9);
    // B waits for A's second job.
    let barrier = b.barrier_on(&mut d, a.fw_stamp, 5, 2 * STAMP_STEP);
    b.push(&d, barrier);
    b.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), []);
    a.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), [1 << 5]);
    let user = [M1N1.timestamp_base, M1N1.timestamp_base + 8];
    let job = a.job(&mut d, STREAM, user);
    a.push(&d, job.at);
    a.raise(&d, 1);
    a.submit(&mut d).unwrap();
    assert_eq!(d.flags(), [1 << 5, 1 << 9]);
    assert_eq!(d.mem.u32(a.host_stamp), 2 * STAMP_STEP);
    assert_eq!(d.mem.u32(b.fw_stamp), STAMP_STEP);
    assert_ne!(d.mem.u64(user[1]), 0);
}

/// Renders with everything where either driver has it, and nothing mapped behind it.
#[test]
fn renders_of_either_driver_are_accepted() {
    let guarded = Habits {
        guards: true,
        ..LINUX
    };
    for habits in [LINUX, guarded, M1N1] {
        let mut d = Driver::with(&[], &habits);
        d.fw.set_renderer(Arc::new(StandIn::default()));
        d.boot().unwrap();
        user_context(&mut d, 1);
        let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
        for _ in 0..2 {
            r.run(&mut d, &shot()).unwrap();
            assert_eq!(d.flags(), [(1 << 4) | (1 << 5)]);
        }
        if habits.counts {
            assert_eq!(remarks(&d), [""; 0]);
        }
    }
}

#[test]
fn each_kind_of_habit_is_remarked_on_once() {
    let mut d = up(&M1N1);
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    q.run(&mut d, STREAM).unwrap();
    let first = remarks(&d);
    for what in [
        "init data mapped as FW_SHARED_RW",
        "init data region A mapped as FW_SHARED_RW",
        "io mapping 1 mapped as FW_MMIO_RW",
        "buffer manager control, GPU view mapped as GPU_FW_SHARED_RW",
        "compute command mapped as",
        "preemption buffer",
        "submission with pending_submissions 0",
        "submission id of a notifier",
        "encoder id",
        "client sequence",
        "uuid of a command",
        "uuid of StartCompute",
        "uuid of FinalizeCompute",
    ] {
        let of_kind = |line: &&String| line.contains(what);
        let expected = usize::from(what != "preemption buffer");
        assert_eq!(first.iter().filter(of_kind).count(), expected, "{what}");
    }
    for _ in 0..3 {
        q.run(&mut d, STREAM).unwrap();
    }
    assert_eq!(remarks(&d), first);
}

#[test]
fn one_habit_at_a_time_is_accepted() {
    type Change = fn(&mut Habits);
    let changes: [Change; 17] = [
        |h| h.private = M1N1.private,
        |h| h.region_a = M1N1.region_a,
        |h| h.registers_to_read = M1N1.registers_to_read,
        |h| h.buffer_manager = M1N1.buffer_manager,
        |h| h.buffer_manager_offset = M1N1.buffer_manager_offset,
        |h| h.command = M1N1.command,
        |h| h.preemption = M1N1.preemption,
        |h| h.vertex_statistics = M1N1.vertex_statistics,
        |h| h.compute_statistics = M1N1.compute_statistics,
        |h| h.threshold = M1N1.threshold,
        |h| h.barrier = M1N1.barrier,
        |h| h.dummy_page = M1N1.dummy_page,
        |h| h.timestamp_base = M1N1.timestamp_base,
        |h| h.upper_half = M1N1.upper_half,
        |h| h.stamp_arrays = M1N1.stamp_arrays,
        |h| h.counts = M1N1.counts,
        |h| h.ids = M1N1.ids,
    ];
    for (i, change) in changes.into_iter().enumerate() {
        // Guards, so that what is smaller is noticed if more of it is touched.
        let mut habits = Habits {
            guards: true,
            ..LINUX
        };
        change(&mut habits);
        let mut d = up(&habits);
        let mut q = Queue::new(&mut d, 7, 2, 1, 0);
        let barrier = q.barrier_on(&mut d, q.fw_stamp, 0, 0);
        q.push(&d, barrier);
        q.run(&mut d, STREAM)
            .unwrap_or_else(|e| panic!("habit {i}: {e}"));
        assert_eq!(d.flags(), [1], "habit {i}");
    }
}

#[test]
fn any_asid_of_the_kernels_half_is_its_upper_half() {
    let mut d = up(&LINUX);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    for upper in [ttb(ROOT, 0), ttb(ROOT, 1), 0] {
        d.machine.set_u64(TTBS + 16 + 8, upper);
        q.run(&mut d, STREAM).unwrap();
    }
    for upper in [ttb(ROOT + 0x4000, 1), ROOT] {
        d.machine.set_u64(TTBS + 16 + 8, upper);
        let panic = q.run(&mut d, STREAM).unwrap_err().0;
        assert!(panic.contains("is not the kernel's"), "{panic}");
        d = up(&LINUX);
        q = Queue::new(&mut d, 1, 2, 1, 0);
    }
}

#[test]
fn stamps_move_only_between_commands() {
    let mut d = up(&LINUX);
    let mut q = Queue::new(&mut d, 1, 2, 1, 3);
    q.run(&mut d, STREAM).unwrap();
    // Idle: the next command has its stamps elsewhere, and goes on from what is there.
    q.host_stamp = d.mem.alloc(Protection::FW_SHARED_RW, 4);
    q.fw_stamp = d.mem.alloc(Protection::FW_PRIV_RW, 4);
    d.mem.set_u32(q.host_stamp, 0x4000);
    q.value = 0x4000;
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.mem.u32(q.fw_stamp), 0x4100);
    // Two at once, the second with another stamp.
    let first = q.job(&mut d, STREAM, [0, 0]);
    q.push(&d, first.at);
    q.fw_stamp = d.mem.alloc(Protection::FW_PRIV_RW, 4);
    let second = q.job(&mut d, STREAM, [0, 0]);
    q.push(&d, second.at);
    q.raise(&d, 2);
    d.pending(2);
    let panic = q.submit(&mut d).unwrap_err().0;
    assert!(
        panic.contains("firmware stamp of slot 3 moves from"),
        "{panic}"
    );
}

#[test]
fn a_barrier_on_a_stamp_of_no_slot_is_remarked_on() {
    let mut d = up(&LINUX);
    let mut a = Queue::new(&mut d, 1, 2, 1, 0);
    let mut b = Queue::new(&mut d, 2, 2, 1, 1);
    // A has a command open that waits, so that the place of its stamps is known.
    let first = a.job(&mut d, STREAM, [0, 0]);
    a.push(&d, first.at);
    let barrier = a.barrier(&mut d, 9, 0x100);
    a.push(&d, barrier);
    let second = a.job(&mut d, STREAM, [0, 0]);
    a.push(&d, second.at);
    a.raise(&d, 2);
    d.pending(3);
    a.submit(&mut d).unwrap();
    let stamp = d.fw_stamps + 4 * 77;
    let barrier = b.barrier_on(&mut d, stamp, 0, 0);
    b.push(&d, barrier);
    b.run(&mut d, STREAM).unwrap();
    let all = remarks(&d);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].contains("barrier on a stamp that its slot does not use"));
}
