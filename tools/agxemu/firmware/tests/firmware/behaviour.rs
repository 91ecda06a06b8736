// SPDX-License-Identifier: MIT OR Apache-2.0

//! What real firmware may do, and a driver has to live with.

use agx_abi::channel::event;
use agx_abi::channel::ChannelState;
use agx_abi::globals::{Globals, PendingStamp};
use agx_abi::init::{FwStatus, RuntimePointers as R, STATS_FRAGMENT_LARGE};
use agx_abi::uat::Protection;
use agxemu_firmware::behaviour::{Behaviour, STAMP_BITS};

use crate::support::abi::ABI;
use crate::support::boot::fill_fragment_statistics;
use crate::support::driver::Driver;
use crate::support::job::{user_context, Queue, STREAM};

fn driver(rules: &[&str], behaviour: Behaviour) -> Driver {
    let mut d = Driver::new(rules);
    d.fw.set_behaviour(behaviour);
    d
}

#[test]
fn initialize_takes_its_time_and_what_follows_waits() {
    let mut d = driver(
        &[],
        Behaviour {
            initialize_ms: 3000,
            ..Behaviour::default()
        },
    );
    d.boot().unwrap();
    let (state, _) = d.place(R::DEVICE_CONTROL);
    assert_eq!(d.mem.get(state, ChannelState::READ_PTR), 0);
    // A driver that does not wait for it submits at once.
    user_context(&mut d, 1);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.flags(), []);
    d.machine.advance(2900 * 24_000);
    d.run().unwrap();
    assert_eq!(d.mem.get(state, ChannelState::READ_PTR), 0);
    d.sleep().unwrap();
    assert_eq!(d.mem.get(state, ChannelState::READ_PTR), 1);
    assert_eq!(d.flags(), [1]);
}

#[test]
fn the_word_of_a_halt_comes_after_its_event() {
    let mut d = driver(
        &["mmu-fault:1"],
        Behaviour {
            halt_ms: 300,
            ..Behaviour::default()
        },
    );
    d.boot().unwrap();
    user_context(&mut d, 1);
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(d.events()[0].kind, event::FAULT);
    assert_eq!(d.mem.get(d.tree.status, FwStatus::HALTED), 0);
    d.machine.advance(200 * 24_000);
    d.run().unwrap();
    assert_eq!(d.mem.get(d.tree.status, FwStatus::HALTED), 0);
    d.sleep().unwrap();
    assert_eq!(d.mem.get(d.tree.status, FwStatus::HALTED), 1);
    d.mem.set(
        d.tree.globals,
        Globals::PENDING_STAMPS.at(0),
        PendingStamp::zeroed(),
    );
    d.mem.set(d.tree.status, FwStatus::HALTED, 0);
    d.mem.set(d.tree.status, FwStatus::RESUME, 1);
    d.sleep().unwrap();
    assert_eq!(d.flags(), [1 << 5]);
}

/// A pipe that is halted late takes nothing up before the host's answer, and all of it after that;
/// so it does the next time.
#[test]
fn a_pipe_that_is_halted_late_goes_on_when_it_is_resumed() {
    let behaviour = Behaviour {
        halt_ms: 300,
        ..Behaviour::default()
    };
    let mut d = driver(&["mmu-fault:1", "mmu-fault:3"], behaviour);
    d.boot().unwrap();
    user_context(&mut d, 1);
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    for halts in 1..=2 {
        let before = d.host_stamp(5);
        q.run(&mut d, STREAM).unwrap();
        assert_eq!(d.events()[0].kind, event::FAULT);
        // Submitted before the host can know of the halt by its word.
        let next = q.run(&mut d, STREAM).unwrap();
        d.machine.advance(200 * 24_000);
        d.run().unwrap();
        assert_eq!(d.mem.get(d.tree.status, FwStatus::HALTED), 0);
        for _ in 0..3 {
            d.sleep().unwrap();
            assert_eq!(d.mem.get(d.tree.status, FwStatus::HALTED), 1);
            assert_eq!(d.host_stamp(5), before);
            assert_eq!(d.events(), []);
        }
        let place = Globals::PENDING_STAMPS.at(0);
        d.mem.set(d.tree.globals, place, PendingStamp::zeroed());
        d.mem.set(d.tree.status, FwStatus::HALTED, 0);
        d.mem.set(d.tree.status, FwStatus::RESUME, 1);
        d.sleep().unwrap();
        assert_eq!(d.mem.get(d.tree.status, FwStatus::RESUME), 0);
        assert_eq!(d.mem.get(d.tree.status, FwStatus::HALT_COUNT), halts);
        assert_eq!(d.host_stamp(5), next.value);
        // The notifier counts both, and says so once.
        assert_eq!(d.flags(), [1 << 5]);
        assert_eq!(d.mem.get(d.tree.status, FwStatus::HALTED), 0);
    }
    assert_eq!(d.fw.counters().jobs, 4);
}

#[test]
fn pending_stamps_have_bits_of_unknown_meaning() {
    let mut d = driver(
        &["mmu-fault:1"],
        Behaviour {
            stamp_bits: true,
            ..Behaviour::default()
        },
    );
    d.boot().unwrap();
    user_context(&mut d, 1);
    let mut q = Queue::new(&mut d, 7, 2, 1, 5);
    q.run(&mut d, STREAM).unwrap();
    let stamp = d.mem.get(d.tree.globals, Globals::PENDING_STAMPS.at(0));
    assert_eq!(stamp.get(PendingStamp::INFO), STAMP_BITS | 0x51);
}

#[test]
fn large_statistics_need_their_room() {
    let behaviour = Behaviour {
        large_statistics: true,
        ..Behaviour::default()
    };
    // In a small buffer they run into what lies behind it.
    let mut d = driver(&[], behaviour);
    let at = d.mem.alloc(Protection::FW_PRIV_RW, 0x748);
    let behind = d.mem.alloc(Protection::FW_PRIV_RW, 0x3000);
    fill_fragment_statistics(&d.mem, at);
    d.mem.set(d.tree.pointers, R::STATS_FRAGMENT, at);
    d.mem.set(d.tree.pointers, R::STATS_COMPUTE, behind);
    let panic = d.boot().unwrap_err().0;
    assert!(panic.contains("something else is at"), "{panic}");

    let mut d = driver(&[], behaviour);
    let size = STATS_FRAGMENT_LARGE.of(ABI) as u64;
    let at = d.mem.alloc(Protection::FW_PRIV_RW, size as usize + 4);
    fill_fragment_statistics(&d.mem, at);
    d.mem.set(d.tree.pointers, R::STATS_FRAGMENT, at);
    d.boot().unwrap();
    assert_eq!(d.mem.u32(at + size - 4), 0x5a5a_5a5a);
    assert_eq!(d.mem.u32(at + size), 0);
    assert_eq!(d.mem.u32(at + 0x108), u32::MAX);
}

#[test]
fn stamps_go_on_near_their_wrap() {
    let mut d = driver(
        &[],
        Behaviour {
            stamps: Some(0xffff_fe00),
            ..Behaviour::default()
        },
    );
    d.boot().unwrap();
    user_context(&mut d, 1);
    let mut first = Queue::new(&mut d, 1, 2, 1, 5);
    let job = first.run(&mut d, STREAM).unwrap();
    // That of the first command is where it was.
    assert_eq!(d.host_stamp(5), job.value);
    assert_eq!(d.host_stamp(6), 0xffff_fe00);
    let mut second = Queue::new(&mut d, 2, 2, 1, 6);
    for value in [0xffff_ff00, 0, 0x100] {
        assert_eq!(second.run(&mut d, STREAM).unwrap().value, value);
        assert_eq!(d.host_stamp(6), value);
    }
}
