// SPDX-License-Identifier: MIT OR Apache-2.0

//! Channels by calls, doorbells and events.

use gspemu::channel::{Fault, ALLOCATION, ENGINE_COPY, RUNLIST};
use gspemu::registers as regs;
use gspemu::rm::{channel_control, class, status, ALLOC, CONTROL};
use gspemu::wire::{event, function, put, word};

use crate::support::Host;

const MEMORY: u64 = 0x4080_0000;
const SEMAPHORE: u64 = MEMORY + 0xf_0000;
const LEAF: u64 = 0xb8_1000;

/// Makes the n-th channel as the object 10 + n, and has it run. Its ring, pointers and words are in
/// pages of their own.
fn channel(host: &mut Host, n: u32) {
    let at = MEMORY + 0x1_0000 * u64::from(n);
    let mut payload = vec![0; ALLOC + ALLOCATION];
    let header = [1, 2, 10 + n, class::CHANNEL, 0, ALLOCATION as u32];
    for (i, value) in header.into_iter().enumerate() {
        put(&mut payload, 4 * i, value);
    }
    let parameters = &mut payload[ALLOC..];
    for (offset, value) in [
        (8, at as u32),
        (16, 16),
        (20, ((n / 8) << 12) | ((n % 8) << 8)),
        (128, ENGINE_COPY),
        (168, at as u32 + 0x1000),
        (184, 1),
    ] {
        put(parameters, offset, value);
    }
    let reply = host.call(function::GSP_RM_ALLOC, &payload);
    assert_eq!(word(&reply.payload, 16), status::OK);
    assert_eq!(schedule(host, n), status::OK);
}

fn schedule(host: &mut Host, n: u32) -> u32 {
    let mut payload = vec![0; CONTROL + 2];
    let header = [1, 10 + n, channel_control::SCHEDULE, 0, 2];
    for (i, value) in header.into_iter().enumerate() {
        put(&mut payload, 4 * i, value);
    }
    payload[CONTROL] = 1;
    let reply = host.call(function::GSP_RM_CONTROL, &payload);
    word(&reply.payload, 12)
}

/// Gives the n-th channel its first entry, with these words.
fn give(host: &mut Host, n: u32, words: &[u32]) {
    let at = MEMORY + 0x1_0000 * u64::from(n);
    for (i, word) in words.iter().enumerate() {
        let at = at + 0x2000 + 4 * i as u64;
        host.ram.store_u32(at, *word).expect("RAM");
    }
    let entry = ((words.len() as u64) << 42) | (at + 0x2000);
    host.ram.store_u64(at, entry).expect("RAM");
    host.ram.store_u32(at + 0x1000 + 0x8c, 1).expect("RAM");
    ring(host, n);
    host.run();
}

fn ring(host: &mut Host, n: u32) {
    let token = (RUNLIST << 16) | n;
    host.machine.write(regs::CHANNEL_DOORBELL, token, host.now);
}

/// The release of a semaphore, and an interrupt.
fn release(value: u32) -> Vec<u32> {
    let semaphore = [
        (1 << 29) | (5 << 16) | (0x5c >> 2),
        SEMAPHORE as u32,
        0,
        value,
        0,
        1,
    ];
    [&semaphore[..], &[(1 << 29) | (1 << 16) | (0x20 >> 2), 0]].concat()
}

#[test]
fn work_and_say_so() {
    let mut host = Host::with_objects(&[]);
    channel(&mut host, 0);
    give(&mut host, 0, &release(7));
    assert_eq!(host.ram.load_u32(SEMAPHORE).expect("RAM"), 7);
    let vector = 1 << regs::CHANNEL_VECTOR;
    assert_eq!(host.machine.read(LEAF) & vector, vector);
    assert!(host.receive().is_none());
    assert_eq!(host.machine.counters.violations, 0, "{}", host.log());
}

#[test]
fn doorbells_are_late_until_a_register_is_read() {
    let mut host = Host::with_objects(&["posted:1000"]);
    channel(&mut host, 0);
    give(&mut host, 0, &release(7));
    assert_eq!(host.ram.load_u32(SEMAPHORE).expect("RAM"), 0);
    assert!(host.machine.has_posted());
    let _flushed = host.machine.read(LEAF);
    host.run();
    assert_eq!(host.ram.load_u32(SEMAPHORE).expect("RAM"), 7);
    // One that nothing makes arrive in time is one of no channel.
    ring(&mut host, 0);
    let mut payload = [0; 16];
    put(&mut payload, 0, 1);
    put(&mut payload, 8, 10);
    host.call(function::FREE, &payload);
    assert_eq!(host.machine.counters.violations, 0, "{}", host.log());
    host.now += 1_000_000;
    host.run();
    assert_eq!(host.machine.counters.violations, 1, "{}", host.log());
}

#[test]
fn a_fault_is_an_event_and_ends_one() {
    let mut host = Host::with_objects(&[]);
    channel(&mut host, 0);
    channel(&mut host, 9);
    // A method that no class has.
    give(&mut host, 9, &[(1 << 29) | (1 << 16) | (0xfc >> 2), 0]);
    let message = host.receive().expect("an event");
    assert_eq!(message.function, event::RC_TRIGGERED);
    let words: Vec<_> = (0..3).map(|i| word(&message.payload, 4 * i)).collect();
    assert_eq!(words, [ENGINE_COPY, 9, Fault::Host as u32]);
    assert_eq!(schedule(&mut host, 9), status::INVALID_ARGUMENT);
    give(&mut host, 0, &release(3));
    assert_eq!(host.ram.load_u32(SEMAPHORE).expect("RAM"), 3);
    // The driver may not have heard of it yet.
    ring(&mut host, 9);
    assert_eq!(host.machine.counters.violations, 0, "{}", host.log());
}

#[test]
fn freed_with_their_client() {
    let mut host = Host::with_objects(&[]);
    channel(&mut host, 0);
    let mut free = vec![0; 16];
    put(&mut free, 0, 1);
    put(&mut free, 8, 1);
    host.call(function::FREE, &free);
    ring(&mut host, 0);
    assert_eq!(host.machine.counters.violations, 1, "{}", host.log());
}

#[test]
fn must_be_gone_before_unloading() {
    let mut host = Host::with_objects(&[]);
    channel(&mut host, 0);
    host.call(function::UNLOADING_GUEST_DRIVER, &[0; 8]);
    assert_eq!(host.machine.counters.violations, 1, "{}", host.log());
}

/// They go on when the processor has halted, and stop with its reset.
#[test]
fn stop_with_a_reset() {
    let mut host = Host::with_objects(&[]);
    channel(&mut host, 0);
    host.control(gspemu::rm::control::CRASH, &[]);
    host.run();
    give(&mut host, 0, &release(5));
    assert_eq!(host.ram.load_u32(SEMAPHORE).expect("RAM"), 5);
    host.machine
        .write(regs::ENGINE, regs::ENGINE_RESET, host.now);
    ring(&mut host, 0);
    assert_eq!(host.machine.counters.violations, 1, "{}", host.log());
}
