// SPDX-License-Identifier: MIT OR Apache-2.0

//! The whole system without a virtual machine: power, and what is lost without it.

mod host;

use std::time::Duration;

use agx_abi::uat::KERNEL_ROOT_INDEX;
use agxemu_soc::device::{BAR_ASC, BAR_PMGR, BAR_SGX, MAILBOX};
use agxemu_soc::hardware::{Domain, Hardware};
use agxemu_soc::options::Trouble;

use host::{Host, FREE, PAGE};

fn with_domain() -> Host {
    let hardware = Hardware {
        domain: Domain::Switched,
        ..Hardware::default()
    };
    Host::with(vec![], hardware)
}

#[test]
fn registers_without_power_do_not_answer() {
    let host = with_domain();
    assert_eq!(host.read(BAR_ASC, 0x44), u64::MAX);
    host.start();
    assert_eq!(host.soc.gated_accesses(), 2);
    assert!(host.log.has("read of asc+0x44, which has no power"));
    host.write(BAR_PMGR, 0, 0xf);
    assert_eq!(host.read(BAR_PMGR, 0), 0xff);
    // What was written without power has gone nowhere.
    assert_eq!(host.read(BAR_ASC, 0x44), 0);
    assert_eq!(host.read(BAR_SGX, 0xd0_4000), 0x402_1100);
    assert_eq!(host.soc.gated_accesses(), 2);
}

#[test]
fn without_power_all_but_ram_is_lost() {
    let host = with_domain();
    let kept = FREE + 8 * PAGE;
    host.write(BAR_PMGR, 0, 0xf);
    host.start();
    host.announce();
    host.boot();
    host.soc.ram.store_u32(kept, 7).unwrap();
    let state = host.soc.ram.load_u32(host.regions.handoff());
    assert_ne!(state, Ok(0));
    host.write(BAR_PMGR, 0, 0);
    assert_eq!(host.soc.power_cuts(), 1);
    host.write(BAR_PMGR, 0, 0xf);
    assert_eq!(host.read(BAR_ASC, 0x44), 0);
    assert_ne!(host.read(BAR_ASC, MAILBOX + 0x114) & 1 << 17, 0);
    assert_eq!(host.soc.ram.load_u32(kept), Ok(7));
    // The boot loader has not come again.
    assert_eq!(host.soc.ram.load_u32(host.regions.handoff()), state);
    // It starts as it did the first time.
    host.start();
    host.boot();
}

#[test]
fn whoever_sleeps_may_lose_its_power() {
    let host = with_domain();
    host.write(BAR_PMGR, 0, 0xf);
    host.start();
    host.announce();
    host.boot();
    host.set_iop(0x10);
    host.write(BAR_PMGR, 0, 0);
    assert_eq!(host.soc.power_cuts(), 0);
}

#[test]
fn a_coprocessor_that_does_not_sleep_goes_on() {
    let host = Host::new(vec![Trouble::NoSleep]);
    host.start();
    host.announce();
    host.boot();
    host.send(0x00b0_0000_0000_0010, 0);
    host.expect(0x00b0_0000_0000_0010, 0);
    host.send(0x0060_0000_0000_0010, 0);
    // The next answer is that to a ping.
    host.send(0x0030_0000_0000_0000, 0);
    host.expect(0x0040_0000_0000_0000, 0);
}

#[test]
fn one_that_was_left_behind_sees_other_memory() {
    let host = Host::new(vec![Trouble::NoSleep]);
    host.start();
    host.announce();
    host.map_page(FREE);
    host.boot();
    let entry = host.regions.pagetables() + 8 * KERNEL_ROOT_INDEX as u64;
    let ours = host.soc.ram.load_u64(entry).unwrap();
    assert_ne!(ours, 0);
    host.send(0x00b0_0000_0000_0010, 0);
    host.expect(0x00b0_0000_0000_0010, 0);
    host.send(0x0060_0000_0000_0010, 0);
    // It has taken that when it answers what comes behind.
    host.send(0x0030_0000_0000_0000, 0);
    host.expect(0x0040_0000_0000_0000, 0);
    // Nobody tells it of anything from here on. What it had before is not what it is given, and it
    // has to look in between, which is seen by nothing but what it reports.
    let mut given = 0;
    host.wait("it is noticed", || {
        host.soc.ram.store_u64(entry, 0).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        assert!(host.soc.remappings() <= given);
        host.soc.ram.store_u64(entry, ours).unwrap();
        given += 1;
        std::thread::sleep(Duration::from_millis(100));
        (host.soc.remappings() > 0).then_some(())
    });
    assert!(host.log.has("remapped"));
}
