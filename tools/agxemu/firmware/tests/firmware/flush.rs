// SPDX-License-Identifier: MIT OR Apache-2.0

//! The protocol by which the host takes cached pages away, and power.

use crate::support::abi::ABI;
use agx_abi::channel::{ChannelState, FwCtlMessage};
use agx_abi::globals::Globals;
use agx_abi::init::RuntimePointers;
use agx_abi::message;
use agx_abi::stats;
use agx_abi::uat::{pte, FlushSlot, Handoff, Protection, KERNEL_FLUSH_SLOT, PAGE_SIZE};
use agxemu_firmware::behaviour::Behaviour;
use agxemu_firmware::chip::{Part, T8103};
use agxemu_firmware::panic::Panic;
use agxemu_firmware::script::Script;
use agxemu_firmware::Firmware;

use crate::support::driver::Driver;
use crate::support::job::{user_context, Queue, STREAM};
use crate::support::machine::HANDOFF;

/// Makes a cached page uncached, as comes before its flush.
fn reprotect(d: &mut Driver, slot: u8, va: u64) {
    let at = d.mem.entry(slot, va);
    let entry = d.machine.get_u64(at);
    let uncached = Protection::from_entry(entry).uncached().bits();
    let kept = entry & (pte::ADDRESS_MASK | pte::VALID | pte::NG);
    d.machine.set_u64(at, kept | uncached);
}

fn slot_address(slot: usize) -> u64 {
    HANDOFF + Handoff::FLUSH.at(slot).offset_in(ABI) as u64
}

/// Fills a flush slot.
fn request(d: &Driver, slot: usize, va: u64, size: u64) {
    let at = slot_address(slot);
    d.machine
        .set_u64(at + FlushSlot::ADDRESS.offset_in(ABI) as u64, va);
    d.machine
        .set_u64(at + FlushSlot::SIZE.offset_in(ABI) as u64, size);
    d.machine.set_u64(
        at + FlushSlot::STATE.offset_in(ABI) as u64,
        FlushSlot::REQUESTED,
    );
}

fn message_for(slot: usize, va: u64, pages: u16) -> FwCtlMessage {
    let mut m = FwCtlMessage::zeroed();
    m.set(FwCtlMessage::ADDRESS, va)
        .set(FwCtlMessage::SLOT, slot as u32)
        .set(FwCtlMessage::PAGES, pages)
        .set(FwCtlMessage::UNK_12, FwCtlMessage::UNK_12_VALUE);
    m
}

/// A queue has run, and its private page is to go.
fn with_page() -> (Driver, u64) {
    let mut d = Driver::up(&[]);
    user_context(&mut d, 1);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, STREAM).unwrap();
    (d, q.info & !(PAGE_SIZE - 1))
}

#[test]
fn a_flushed_page_may_go() {
    let (mut d, va) = with_page();
    reprotect(&mut d, 0, va);
    request(&d, KERNEL_FLUSH_SLOT, va, PAGE_SIZE);
    d.fw_ctl(&message_for(KERNEL_FLUSH_SLOT, va, 1)).unwrap();
    let state = slot_address(KERNEL_FLUSH_SLOT);
    assert_eq!(d.machine.get_u64(state), FlushSlot::DONE);
    d.machine.set_u64(state, FlushSlot::IDLE);
    d.mem.unmap(0, va);
    d.ring(message::DOORBELL_KICK).unwrap();
}

#[test]
fn a_page_that_goes_without_a_flush_is_noticed() {
    let (mut d, va) = with_page();
    d.mem.unmap(0, va);
    let panic = d.ring(message::DOORBELL_KICK).unwrap_err().0;
    assert_eq!(
        panic,
        format!("cached page {va:#x} was unmapped without a flush")
    );
}

/// A queue has run, with a cache between the firmware and the memory that is its own. Returns also
/// what the host saw of the firmware's stamps before.
fn with_cache() -> (Driver, Vec<u8>) {
    let mut d = Driver::new(&[]);
    d.fw.set_behaviour(Behaviour {
        cache: true,
        ..Behaviour::default()
    });
    d.boot().unwrap();
    user_context(&mut d, 1);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    let before = stamps(&d);
    q.run(&mut d, STREAM).unwrap();
    (d, before)
}

/// The firmware's stamps, as the host sees them.
fn stamps(d: &Driver) -> Vec<u8> {
    d.mem.read(d.fw_stamps, 4 * 128)
}

fn flush_stamps(d: &mut Driver) {
    let page = d.fw_stamps & !(PAGE_SIZE - 1);
    reprotect(d, 0, page);
    request(d, KERNEL_FLUSH_SLOT, page, PAGE_SIZE);
    d.fw_ctl(&message_for(KERNEL_FLUSH_SLOT, page, 1)).unwrap();
}

#[test]
fn what_is_cached_is_late_until_it_is_flushed() {
    let (mut d, before) = with_cache();
    assert_eq!(stamps(&d), before);
    flush_stamps(&mut d);
    assert_ne!(stamps(&d), before);
}

#[test]
fn what_is_cached_is_in_memory_when_the_firmware_sleeps() {
    let (mut d, before) = with_cache();
    assert_eq!(stamps(&d), before);
    d.fw = Firmware::new(d.machine.clone(), Part::new(&T8103), Script::default());
    assert_ne!(stamps(&d), before);
}

#[test]
fn memory_that_is_used_again_without_a_flush_is_overwritten() {
    let (mut d, _) = with_cache();
    d.mem.write(d.fw_stamps, &[0; 4 * 128]);
    flush_stamps(&mut d);
    assert!(stamps(&d).iter().any(|&byte| byte != 0));
}

#[test]
fn user_pages_are_flushed_in_their_slot() {
    let (mut d, _) = with_page();
    let va = 0x50_0000_0000;
    d.mem
        .map_fresh(1, va, 2 * PAGE_SIZE, Protection::GPU_FW_PRIV_RW);
    reprotect(&mut d, 1, va);
    reprotect(&mut d, 1, va + PAGE_SIZE);
    request(&d, 1, va, 2 * PAGE_SIZE);
    d.fw_ctl(&message_for(1, va, 2)).unwrap();
    assert_eq!(d.machine.get_u64(slot_address(1)), FlushSlot::DONE);
}

#[test]
fn anything_wrong_is_a_panic_with_its_reason() {
    type Case = (&'static str, fn(&mut Driver, u64) -> Result<(), Panic>);
    const K: usize = KERNEL_FLUSH_SLOT;
    let cases: [Case; 12] = [
        ("flush slot 64: state is 0x0, expected 0x1", |d, va| {
            d.fw_ctl(&message_for(K, va, 1))
        }),
        ("flush slot 64: address is", |d, va| {
            request(d, K, va + PAGE_SIZE, PAGE_SIZE);
            d.fw_ctl(&message_for(K, va, 1))
        }),
        ("flush slot 64: size is 0x8000, expected 0x4000", |d, va| {
            request(d, K, va, 2 * PAGE_SIZE);
            d.fw_ctl(&message_for(K, va, 1))
        }),
        ("has attribute 0, it must be uncached first", |d, va| {
            request(d, K, va, PAGE_SIZE);
            d.fw_ctl(&message_for(K, va, 1))
        }),
        ("was unmapped before it was flushed", |d, _| {
            let va = 0xffff_ffac_0000_0000;
            request(d, K, va, PAGE_SIZE);
            d.fw_ctl(&message_for(K, va, 1))
        }),
        ("flush slot 65", |d, va| d.fw_ctl(&message_for(65, va, 1))),
        ("0 pages from", |d, va| d.fw_ctl(&message_for(K, va, 0))),
        ("1 pages from", |d, va| d.fw_ctl(&message_for(K, va + 8, 1))),
        ("in flush slot 3", |d, va| d.fw_ctl(&message_for(3, va, 1))),
        ("in flush slot 64", |d, _| {
            d.fw_ctl(&message_for(K, 0x4000, 1))
        }),
        ("word 8 is 0x1", |d, va| {
            let mut m = message_for(K, va, 1);
            m.set(FwCtlMessage::UNK_8, 1);
            d.fw_ctl(&m)
        }),
        ("word 0x12 is 0x3, expected 0x2", |d, va| {
            let mut m = message_for(K, va, 1);
            m.set(FwCtlMessage::UNK_12, 3);
            d.fw_ctl(&m)
        }),
    ];
    for (reason, run) in cases {
        let (mut d, va) = with_page();
        let panic = run(&mut d, va).unwrap_err().0;
        assert!(panic.contains(reason), "{panic:?} does not say {reason:?}");
    }
}

/// Types of the statistics messages so far.
fn statistics(d: &Driver) -> Vec<u32> {
    let (state, ring) = d.place(RuntimePointers::STATS);
    let write = d.mem.get(state, ChannelState::WRITE_PTR);
    (0..u64::from(write))
        .map(|i| d.mem.u32(ring + i * 0x40))
        .collect()
}

#[test]
fn the_gpu_goes_off_when_nothing_is_pending() {
    let mut d = Driver::up(&[]);
    user_context(&mut d, 1);
    assert_eq!(statistics(&d), []);
    let mut q = Queue::new(&mut d, 1, 2, 1, 0);
    q.run(&mut d, STREAM).unwrap();
    assert_eq!(statistics(&d), [stats::POWER_ON]);
    // A job is announced: it stays on, and reports now and then.
    d.sleep().unwrap();
    let round = [stats::UTILISATION, stats::POWER_STATE, stats::POWER];
    let expected = [[stats::POWER_ON].as_slice(), &round].concat();
    assert_eq!(statistics(&d), expected);
    d.pending(-1);
    d.sleep().unwrap();
    assert_eq!(statistics(&d).last(), Some(&stats::POWER_OFF));
    assert_eq!(d.wake, None);
    assert_ne!(d.mem.get(d.tree.globals, Globals::IDLE_TS), 0);
    d.ring(message::DOORBELL_KICK).unwrap();
    assert_eq!(statistics(&d).last(), Some(&stats::POWER_ON));
}

#[test]
fn a_full_statistics_ring_loses_messages_with_one_complaint() {
    let mut d = Driver::up(&[]);
    d.pending(1);
    d.ring(message::DOORBELL_KICK).unwrap();
    for _ in 0..100 {
        d.sleep().unwrap();
    }
    assert_eq!(statistics(&d).len(), 0xff);
    let complaints = d
        .log_lines()
        .iter()
        .filter(|(_, line)| line.contains("statistics ring full"))
        .count();
    assert_eq!(complaints, 1);
}
