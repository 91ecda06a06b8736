// SPDX-License-Identifier: MIT OR Apache-2.0

//! The whole system without a virtual machine: how it starts, and what gets lost.

mod host;

use std::sync::atomic::Ordering;
use std::time::Duration;

use agx_abi::uat::Handoff;
use agxemu_soc::device::{BAR_ASC, BAR_BOOT, BAR_SGX, MAILBOX};
use agxemu_soc::hardware::Hardware;
use agxemu_soc::options::Trouble;

use host::{Host, FREE, PAGE};

#[test]
fn boot_page_and_identification() {
    let host = Host::new(vec![]);
    assert_eq!(host.read(BAR_BOOT, 0) as u32, 0x4f58_4741);
    assert_eq!(
        host.read(BAR_BOOT, 0x10) as u32,
        0xd00d_feed_u32.swap_bytes()
    );
    assert_eq!(host.read(BAR_SGX, 0xd0_4000), 0x402_1100);
    assert_eq!(host.read(BAR_SGX, 0xd0_1500), 0xfe);
    assert_eq!(host.read(BAR_ASC, 0x44), 0);
    host.start();
    assert_eq!(host.read(BAR_ASC, 0x44), 0x10);
}

#[test]
fn handoff_is_answered_only_when_the_cpu_runs() {
    let host = Host::new(vec![]);
    let answer = host.regions.handoff() + Handoff::MAGIC_FW.offset() as u64;
    host.announce();
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(host.soc.ram.load_u64(answer), Ok(0));
    host.start();
    host.wait("answer", || {
        (host.soc.ram.load_u64(answer) == Ok(Handoff::MAGIC)).then_some(())
    });
}

/// The dialogue of m1n1: the wake-up message behind the run bit, the handoff in the midst of
/// RTKit's dialogue, with the lock held until the answer is there.
#[test]
fn the_handoff_may_come_with_the_first_buffer() {
    let host = Host::new(vec![]);
    host.start();
    host.send(0x0060_0000_0000_0220, 0);
    host.expect(0x0010_0000_000c_000b, 0);
    host.send(0x0020_0000_000c_000c, 0);
    host.expect(0x0080_0000_0000_0117, 0);
    host.send(0x0080_0000_0000_0001, 0);
    host.expect(0x0088_0001_0000_0003, 0);
    host.send(0x0088_0001_0000_0000, 0);
    host.expect(0x0070_0000_0000_0020, 0);
    host.send(0x0050_0001_0000_0002, 0);
    host.expect(0x0012_0000_0000_0000, 1);
    let answer = host.regions.handoff() + Handoff::MAGIC_FW.offset() as u64;
    let lock = host.regions.handoff() + Handoff::LOCK_AP.offset() as u64;
    assert_eq!(host.soc.ram.load_u64(answer), Ok(0));
    host.soc.ram.store_u8(lock, 1).unwrap();
    host.announce();
    host.wait("answer", || {
        (host.soc.ram.load_u64(answer) == Ok(Handoff::MAGIC)).then_some(())
    });
    host.soc.ram.store_u8(lock, 0).unwrap();
    let page = FREE + 8 * PAGE;
    host.map_page(page);
    host.send(0x0012_0fae_0000_0000, 1);
    host.send(0x00b0_0000_0000_0020, 0);
    host.expect(0x00b0_0000_0000_0020, 0);
    host.send(0x0050_0020_0000_0002, 0);
    // INIT with nothing behind it: it has reached the firmware.
    host.send(0x0081_0fa0_0000_0000, 0x20);
    host.expect(0x0012_0fae_0000_0000, 1);
}

#[test]
fn what_goes_to_the_firmware_waits_for_the_handoff() {
    let host = Host::new(vec![]);
    host.start();
    host.map_page(FREE + 8 * PAGE);
    host.boot();
    host.send(0x0081_0fa0_0000_0000, 0x20);
    // The firmware would crash at it: RTKit goes on, so it has not seen it.
    host.send(0x0030_0000_0000_0000, 0);
    host.expect(0x0040_0000_0000_0000, 0);
    host.announce();
    host.expect(0x0012_0fae_0000_0000, 1);
}

#[test]
fn a_crash_reaches_the_host_with_its_reason() {
    let host = Host::new(vec![]);
    host.start();
    host.announce();
    let page = FREE + 8 * PAGE;
    host.map_page(page);
    host.boot();
    assert!(host.edges.0[0].load(Ordering::Relaxed) > 0);
    // No init data there.
    host.send(0x0081_0fa0_0000_0000, 0x20);
    host.expect(0x0012_0fae_0000_0000, 1);
    let mut log = vec![0; 0x200];
    host.soc.ram.read(page, &mut log).unwrap();
    assert_eq!(&log[..4], b"EHLC");
    let text = String::from_utf8_lossy(&log);
    assert!(text.contains("init data"), "{text}");
}

#[test]
fn sleep_wake_and_reset() {
    let host = Host::new(vec![]);
    host.start();
    host.announce();
    host.boot();
    host.send(0x00b0_0000_0000_0010, 0);
    host.expect(0x00b0_0000_0000_0010, 0);
    host.send(0x0060_0000_0000_0001, 0);
    host.expect(0x0070_0000_0000_0001, 0);
    host.send(0x0060_0000_0000_0220, 0);
    host.boot();

    host.device.reset();
    assert_eq!(host.read(BAR_ASC, 0x44), 0);
    assert_eq!(host.read(BAR_ASC, MAILBOX + 0x114) & 1 << 17, 1 << 17);
    host.start();
    host.announce();
    host.boot();
}

#[test]
fn scripted_silence() {
    let host = Host::new(vec![Trouble::NoHello]);
    host.start();
    host.announce();
    std::thread::sleep(Duration::from_millis(50));
    assert_ne!(host.read(BAR_ASC, MAILBOX + 0x114) & 1 << 17, 0);
}

/// A line that stays active is signalled until the host has taken what is there.
#[test]
fn a_lost_interrupt_is_signalled_again() {
    let host = Host::new(vec![Trouble::DropIrq(1)]);
    host.start();
    let edge = |n: u32| (host.edges.0[0].load(Ordering::Relaxed) >= n).then_some(());
    host.wait("second signal", || edge(1));
    assert!(host.log.has("interrupt 1 is lost"));
    // Nobody reads: again, and again.
    host.wait("third signal", || edge(2));
    assert!(host.soc.raised_again() >= 2);
    host.expect(0x0010_0000_000c_000b, 0);
    // The emulator may just have been about to.
    let before = host.soc.raised_again();
    std::thread::sleep(Duration::from_millis(300));
    assert!(host.soc.raised_again() <= before + 1);
}

#[test]
fn a_lost_interrupt_is_lost_if_lines_are_signalled_once() {
    let hardware = Hardware {
        once: true,
        ..Hardware::default()
    };
    let host = Host::with(vec![Trouble::DropIrq(1)], hardware);
    host.start();
    host.wait("loss", || host.log.has("interrupt 1 is lost").then_some(()));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(host.edges.0[0].load(Ordering::Relaxed), 0);
    assert_eq!(host.soc.raised_again(), 0);
}

/// A host whose handler loses an edge that comes while it runs gets to everything all the same.
#[test]
fn a_handler_that_loses_edges_misses_nothing() {
    let host = Host::with(
        vec![],
        Hardware {
            late_messages: true,
            ..Hardware::default()
        },
    );
    host.start();
    host.announce();
    let edges = || host.edges.0[0].load(Ordering::Relaxed);
    let (mut seen, mut runs) = (0, 0);
    let mut got = Vec::new();
    let mut answers = vec![
        0x00b0_0000_0000_0020,
        0x0088_0001_0000_0000,
        0x0080_0000_0000_0001,
        0x0020_0000_000c_000c,
    ];
    loop {
        // Sleeps until there is an edge that it has not seen.
        host.wait("edge", || (edges() != seen).then_some(()));
        runs += 1;
        let before = edges();
        while host.read(BAR_ASC, MAILBOX + 0x114) & 1 << 17 == 0 {
            got.push(host.read(BAR_ASC, MAILBOX + 0x830));
            host.read(BAR_ASC, MAILBOX + 0x838);
            if let Some(answer) = answers.pop() {
                host.send(answer, 0);
            }
        }
        if got.len() >= 5 {
            break;
        }
        // The handler runs until the next message's edge has come, which is lost.
        host.wait("next edge", || (edges() != before).then_some(()));
        seen = edges();
    }
    assert_eq!(got[4], 0x00b0_0000_0000_0020);
    // Each run but the first was for a line that was signalled again.
    let again = host.soc.raised_again();
    assert!(runs > 2 && again >= runs - 1, "{again} of {runs}");
}
