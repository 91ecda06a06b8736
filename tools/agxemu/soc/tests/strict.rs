// SPDX-License-Identifier: MIT OR Apache-2.0

//! The whole system without a virtual machine: hardware that does all that it may.

mod host;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agx_abi::uat::{LEVEL_ENTRIES, LEVEL_SHIFTS};
use agxemu_soc::device::{BAR_ASC, BAR_PMGR, BAR_SGX, MAILBOX};
use agxemu_soc::hardware::Hardware;
use agxemu_soc::misheard::Misheard;
use agxemu_soc::shadow::{Invalidation, Invalidations};

use host::{Host, FREE, PAGE, VA};

fn strict() -> Host {
    let host = Host::with(vec![], Hardware::STRICT);
    host.write(BAR_PMGR, 0, 0xf);
    host
}

#[test]
fn strict_hardware_quiesces_and_starts_anew() {
    let host = strict();
    // While it is off its ID registers are no good.
    assert_ne!(host.read(BAR_SGX, 0xd0_4000), 0x402_1100);
    assert!(host
        .log
        .has("read of sgx+0xd04000 while the coprocessor is off"));
    host.start();
    host.map_page(FREE + 8 * PAGE);
    host.announce();
    host.boot_strict();
    assert_eq!(host.read(BAR_SGX, 0xd0_4000), 0x402_1100);
    host.set_iop(0x10);
    assert_ne!(host.read(BAR_SGX, 0xd0_4000), 0x402_1100);
    host.send(0x0060_0000_0000_0220, 0);
    host.boot_strict();
    host.set_iop(0x1);
    host.send(0x0060_0000_0000_0220, 0);
    host.wait("note", || {
        host.log.has("only a reset brings back").then_some(())
    });
    assert_ne!(host.read(BAR_ASC, MAILBOX + 0x114) & 1 << 17, 0);
}

#[test]
fn whoever_takes_the_image_away_kills_the_firmware() {
    type Deed = fn(&Host);
    let deeds: [(Deed, &str); 3] = [
        (
            |host| {
                host.soc
                    .ram
                    .store_u64(host.regions.pagetables(), 0)
                    .unwrap()
            },
            "root entry 0 of the upper half is 0x0",
        ),
        (
            |host| {
                let at = host.regions.pagetables() + 8;
                host.soc.ram.store_u64(at, 0).unwrap();
            },
            "root entry 1 of the upper half is 0x0",
        ),
        (
            |host| host.soc.ram.store_u64(host.regions.ttbs() + 8, 0).unwrap(),
            "context 0 has the upper half 0x0",
        ),
    ];
    for (deed, reason) in deeds {
        let host = strict();
        host.start();
        host.announce();
        host.boot_strict();
        // Linux binds context 0 only now.
        assert!(!host.log.has("crashed"));
        host.map_page(FREE + 8 * PAGE);
        std::thread::sleep(Duration::from_millis(100));
        assert!(!host.log.has("crashed"));
        deed(&host);
        host.wait("crash", || host.log.has(reason).then_some(()));
        // It does not answer any more.
        host.send(0x0030_0000_0000_0000, 0);
        std::thread::sleep(Duration::from_millis(50));
        assert_ne!(host.read(BAR_ASC, MAILBOX + 0x114) & 1 << 17, 0);
    }
}

/// Invalidations as the test broadcasts them, and whether the host is idle.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Invalidation>>>, Arc<AtomicU64>);

impl Invalidations for Heard {
    fn take(&self, each: &mut dyn FnMut(Invalidation)) {
        self.0.lock().unwrap().drain(..).for_each(each);
    }

    fn idle(&self) -> u64 {
        self.1.load(Ordering::Acquire)
    }
}

#[test]
fn a_forgotten_invalidation_is_reported() {
    let range = Some(Invalidation::Range {
        asid: Some(0),
        start: VA,
        len: PAGE,
    });
    let invalidations = [
        (None, None, true),
        // The kernel's half is global: by ASID it is not reached.
        (Some(Invalidation::Asid(0)), None, true),
        (range, None, false),
        (range, Some(Misheard::Global), false),
        (range, Some(Misheard::Page), true),
        (range, Some(Misheard::Lost), true),
        (Some(Invalidation::All), Some(Misheard::Page), false),
        (Some(Invalidation::All), Some(Misheard::Global), true),
    ];
    // The page's entry goes, or the root of its context: hardware keeps what it has in both cases.
    let all = invalidations
        .into_iter()
        .flat_map(|(i, m, s)| [(i, m, s, false), (i, m, s, true)]);
    for (invalidation, misheard, is_stale, root) in all {
        let host = Host::new(vec![]);
        let heard = Heard::default();
        host.soc.watch(match misheard {
            Some(misheard) => misheard.of(heard.clone()),
            None => Box::new(heard.clone()),
        });
        host.start();
        host.announce();
        host.map_page(FREE + 8 * PAGE);
        host.boot();
        // The crash log goes there: the coprocessor has the translation.
        host.send(0x0081_0fa0_0000_0000, 0x20);
        host.expect(0x0012_0fae_0000_0000, 1);
        let table = FREE + 2 * PAGE;
        let at = match root {
            true => host.regions.ttbs() + 8,
            false => table + 8 * ((VA >> LEVEL_SHIFTS[2]) % LEVEL_ENTRIES[2] as u64),
        };
        {
            // Nothing is looked at in between: that takes what was heard first.
            let mut heard = heard.0.lock().unwrap();
            host.soc.ram.store_u64(at, 0).unwrap();
            heard.extend(invalidation);
        }
        // The host may still be about to invalidate, however often this is looked at.
        for _ in 0..3 {
            host.soc.look_for_stale();
        }
        assert_eq!(host.soc.stale(), 0);
        heard.1.store(1, Ordering::Release);
        if is_stale {
            // The coprocessor looks by itself.
            let line = "stale translation: 0xffffffae00000000";
            host.wait("report", || host.log.has(line).then_some(()));
            assert_eq!(host.soc.stale(), 1);
        } else {
            host.soc.look_for_stale();
            assert_eq!(host.soc.stale(), 0);
        }
    }
}

#[test]
fn a_slow_doorbell_is_late_and_not_lost() {
    let mut slow = Hardware::default();
    slow.add("slow-doorbell:300").unwrap();
    let host = Host::with(vec![], slow);
    host.start();
    host.announce();
    host.map_page(FREE + 8 * PAGE);
    host.boot();
    let rung = Instant::now();
    // Without init data a doorbell is the firmware's end.
    host.send(0x0083_0000_0000_0011, 0x21);
    host.wait("note", || host.log.has("before INIT").then_some(()));
    assert!(rung.elapsed() >= Duration::from_millis(300));
}

#[test]
fn what_was_reset_says_nothing_to_its_successor() {
    let mut slow = Hardware::default();
    slow.add("slow-boot:300").unwrap();
    let host = Host::with(vec![], slow);
    host.write(BAR_ASC, 0x44, 0x10);
    std::thread::sleep(Duration::from_millis(50));
    host.device.reset();
    std::thread::sleep(Duration::from_millis(600));
    // The mailbox to the host is empty.
    assert_ne!(host.read(BAR_ASC, MAILBOX + 0x114) & 1 << 17, 0);
}
