// SPDX-License-Identifier: MIT OR Apache-2.0

//! The whole system without a virtual machine: a host that only has registers and memory.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use agx_abi::uat::{pte, ttb, Handoff, Protection, LEVEL_ENTRIES, LEVEL_SHIFTS};
use agxemu_firmware::chip::T8103_V13_5;
use agxemu_firmware::script::Script;
use agxemu_firmware::Counters;
use agxemu_soc::coprocessor::{self, Config};
use agxemu_soc::device::{Device, BAR_ASC, BAR_BOOT, BAR_SGX, MAILBOX};
use agxemu_soc::hardware::Hardware;
use agxemu_soc::options::{Region, Regions, Trouble};
use agxemu_soc::ram::Anonymous;
use agxemu_soc::shadow::{Invalidation, Invalidations, PATIENCE};
use agxemu_soc::soc::{Lines, Soc};

const RAM: u64 = 0x8000_0000;
const PAGE: u64 = 0x4000;
/// Pages behind the regions, for tables and buffers.
const FREE: u64 = RAM + 0x10_0000;
const VA: u64 = 0xffff_ffae_0000_0000;

#[derive(Default)]
struct Edges([AtomicU32; 4]);

struct Counting(Arc<Edges>);

impl Lines for Counting {
    fn pulse(&self, vector: u32) {
        self.0 .0[vector as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn has(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.0.lock().unwrap()).contains(text)
    }
}

struct Host {
    soc: Arc<Soc>,
    device: Device,
    edges: Arc<Edges>,
    log: Log,
    regions: Regions,
    firmware: Option<JoinHandle<Counters>>,
}

impl Host {
    fn new(trouble: Vec<Trouble>) -> Self {
        Self::with(trouble, Hardware::default())
    }

    fn with(trouble: Vec<Trouble>, hardware: Hardware) -> Self {
        let mut regions = Regions::default();
        for (i, region) in regions.0.iter_mut().enumerate() {
            let start = RAM + i as u64 * 0x2_0000;
            *region = Region {
                start,
                size: 0x1_c000,
            };
        }
        let edges = Arc::new(Edges::default());
        let log = Log::default();
        let lost = trouble.iter().find_map(|t| match t {
            Trouble::DropIrq(n) => Some(*n),
            _ => None,
        });
        let lines = Box::new(Counting(edges.clone()));
        let soc = Soc::new(regions, None, lost, &hardware, lines, Box::new(log.clone()));
        soc.ram
            .map(RAM, Arc::new(Anonymous::new(0x20_0000 / PAGE as usize)));
        soc.memory_changed();
        let device = Device::new(soc.clone(), &regions, [13, 5, 0], None);
        let config = Config {
            gpu: agxemu_firmware::gpu::Options::default(),
            chip: &T8103_V13_5,
            script: Script::default(),
            trouble,
            capture: None,
            hardware,
        };
        let firmware = std::thread::spawn({
            let soc = soc.clone();
            move || coprocessor::run(&soc, &config)
        });
        Self {
            soc,
            device,
            edges,
            log,
            regions,
            firmware: Some(firmware),
        }
    }

    fn read(&self, bar: u32, offset: u64) -> u64 {
        let mut data = [0; 8];
        self.device.read(bar, offset, &mut data);
        u64::from_le_bytes(data)
    }

    fn write(&self, bar: u32, offset: u64, value: u64) {
        self.device.write(bar, offset, &value.to_le_bytes());
    }

    fn start(&self) {
        self.write(BAR_ASC, 0x44, 0x10);
    }

    fn announce(&self) {
        let at = self.regions.handoff() + Handoff::MAGIC_AP.offset() as u64;
        self.soc.ram.store_u64(at, Handoff::MAGIC).unwrap();
    }

    fn send(&self, message: u64, endpoint: u64) {
        assert_eq!(self.read(BAR_ASC, MAILBOX + 0x110) & 1 << 16, 0, "full");
        self.write(BAR_ASC, MAILBOX + 0x800, message);
        self.write(BAR_ASC, MAILBOX + 0x808, endpoint);
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "no {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn receive(&self) -> (u64, u64) {
        self.wait("message", || {
            let empty = self.read(BAR_ASC, MAILBOX + 0x114) & 1 << 17 != 0;
            (!empty).then(|| {
                let message = self.read(BAR_ASC, MAILBOX + 0x830);
                (message, self.read(BAR_ASC, MAILBOX + 0x838))
            })
        })
    }

    fn expect(&self, message: u64, endpoint: u64) {
        let (got, ep) = self.receive();
        assert_eq!((got, ep), (message, endpoint), "{got:#x} on {ep:#x}");
    }

    /// Maps a page at `VA` for the firmware, as a driver would.
    fn map_page(&self, page: u64) {
        let roots = self.regions.ttbs();
        let table = |n: u64| match n {
            0 => self.regions.pagetables(),
            n => FREE + n * PAGE,
        };
        self.soc.ram.store_u64(roots + 8, ttb(table(0), 0)).unwrap();
        for (level, shift) in LEVEL_SHIFTS.into_iter().enumerate() {
            let index = (VA >> shift) % LEVEL_ENTRIES[level] as u64;
            let target = if level == 2 {
                page | Protection::FW_SHARED_RW.bits()
            } else {
                table(level as u64 + 1)
            };
            let at = table(level as u64) + 8 * index;
            self.soc.ram.store_u64(at, target | pte::VALID).unwrap();
        }
    }

    /// The dialogue of Linux, up to the application endpoints.
    fn boot(&self) {
        self.expect(0x0010_0000_000c_000b, 0);
        self.send(0x0020_0000_000c_000c, 0);
        self.expect(0x0080_0000_0000_0117, 0);
        self.send(0x0080_0000_0000_0001, 0);
        self.expect(0x0088_0001_0000_0003, 0);
        self.send(0x0088_0001_0000_0000, 0);
        self.expect(0x0070_0000_0000_0020, 0);
        self.send(0x0050_0001_0000_0002, 0);
        self.expect(0x0012_0000_0000_0000, 1);
        self.send(0x0012_0fae_0000_0000, 1);
        self.send(0x00b0_0000_0000_0020, 0);
        self.expect(0x00b0_0000_0000_0020, 0);
        self.send(0x0050_0020_0000_0002, 0);
        self.send(0x0050_0021_0000_0002, 0);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.soc.quit();
        if let Some(firmware) = self.firmware.take() {
            let _ = firmware.join();
        }
    }
}

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
    let before = host.soc.raised_again();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(host.soc.raised_again(), before);
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
    let mut seen = 0;
    let mut got = Vec::new();
    let mut answers = vec![
        0x00b0_0000_0000_0020,
        0x0088_0001_0000_0000,
        0x0080_0000_0000_0001,
        0x0020_0000_000c_000c,
    ];
    while got.len() < 5 {
        // Sleeps until there is an edge that it has not seen.
        host.wait("edge", || {
            let edges = host.edges.0[0].load(Ordering::Relaxed);
            (edges != seen).then_some(())
        });
        while host.read(BAR_ASC, MAILBOX + 0x114) & 1 << 17 == 0 {
            got.push(host.read(BAR_ASC, MAILBOX + 0x830));
            host.read(BAR_ASC, MAILBOX + 0x838);
            if let Some(answer) = answers.pop() {
                host.send(answer, 0);
            }
            // The answer's answer is there before the handler looks again.
            std::thread::sleep(Duration::from_millis(3));
        }
        // Edges up to here came while the handler ran, and are lost.
        seen = host.edges.0[0].load(Ordering::Relaxed);
    }
    assert_eq!(got[4], 0x00b0_0000_0000_0020);
    assert!(host.soc.raised_again() >= 3, "{}", host.soc.raised_again());
}

fn strict() -> Host {
    Host::with(vec![], Hardware::STRICT)
}

impl Host {
    /// As [`Host::boot`], with the maps of strict hardware.
    fn boot_strict(&self) {
        self.expect(0x0010_0000_000c_000b, 0);
        self.send(0x0020_0000_000c_000c, 0);
        self.expect(0x0080_0000_0000_051f, 0);
        self.send(0x0080_0000_0000_0001, 0);
        self.expect(0x0080_0001_0000_000b, 0);
        self.send(0x0080_0001_0000_0001, 0);
        self.expect(0x0088_0002_0000_0020, 0);
        self.send(0x0088_0002_0000_0000, 0);
        self.expect(0x0070_0000_0000_0020, 0);
        self.send(0x00b0_0000_0000_0020, 0);
        self.expect(0x00b0_0000_0000_0020, 0);
    }

    fn set_iop(&self, state: u64) {
        self.send(0x00b0_0000_0000_0000 | state, 0);
        self.expect(0x00b0_0000_0000_0000 | state, 0);
        self.send(0x0060_0000_0000_0000 | state, 0);
        self.expect(0x0070_0000_0000_0000 | state, 0);
    }
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

/// Invalidations as the test broadcasts them.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Invalidation>>>);

impl Invalidations for Heard {
    fn take(&self, each: &mut dyn FnMut(Invalidation)) {
        self.0.lock().unwrap().drain(..).for_each(each);
    }
}

#[test]
fn a_forgotten_invalidation_is_reported() {
    let invalidations = [
        (None, true),
        // The kernel's half is global: by ASID it is not reached.
        (Some(Invalidation::Asid(0)), true),
        (
            Some(Invalidation::Range {
                asid: Some(0),
                start: VA,
                len: PAGE,
            }),
            false,
        ),
    ];
    for (invalidation, is_stale) in invalidations {
        let host = Host::new(vec![]);
        let heard = Heard::default();
        host.soc.watch(Box::new(heard.clone()));
        host.start();
        host.announce();
        host.map_page(FREE + 8 * PAGE);
        host.boot();
        // The crash log goes there: the coprocessor has the translation.
        host.send(0x0081_0fa0_0000_0000, 0x20);
        host.expect(0x0012_0fae_0000_0000, 1);
        let table = FREE + 2 * PAGE;
        let at = table + 8 * ((VA >> LEVEL_SHIFTS[2]) % LEVEL_ENTRIES[2] as u64);
        host.soc.ram.store_u64(at, 0).unwrap();
        heard.0.lock().unwrap().extend(invalidation);
        if is_stale {
            host.wait("report", || (host.soc.stale() == 1).then_some(()));
            assert!(host.log.has("stale translation: 0xffffffae00000000"));
        } else {
            std::thread::sleep(PATIENCE + Duration::from_millis(300));
            assert_eq!(host.soc.stale(), 0);
        }
    }
}
