// SPDX-License-Identifier: MIT OR Apache-2.0

//! A host that only has registers and memory.

// Not all tests use all of it.
#![allow(dead_code)]

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use agx_abi::uat::{pte, ttb, Handoff, Protection, LEVEL_ENTRIES, LEVEL_SHIFTS};
use agxemu_firmware::chip::{Part, T8103};
use agxemu_firmware::script::Script;
use agxemu_firmware::Counters;
use agxemu_soc::coprocessor::{self, Config};
use agxemu_soc::device::{Device, Tree, BAR_ASC, MAILBOX};
use agxemu_soc::hardware::Hardware;
use agxemu_soc::options::{Region, Regions, Trouble};
use agxemu_soc::ram::Anonymous;
use agxemu_soc::soc::{Lines, Soc};

pub const RAM: u64 = 0x8000_0000;
pub const PAGE: u64 = 0x4000;
/// Pages behind the regions, for tables and buffers.
pub const FREE: u64 = RAM + 0x10_0000;
pub const VA: u64 = 0xffff_ffae_0000_0000;

#[derive(Default)]
pub struct Edges(pub [AtomicU32; 4]);

struct Counting(Arc<Edges>);

impl Lines for Counting {
    fn pulse(&self, vector: u32) {
        self.0 .0[vector as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

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
    pub fn has(&self, text: &str) -> bool {
        self.count(text) > 0
    }

    pub fn count(&self, text: &str) -> usize {
        let bytes = self.0.lock().unwrap();
        String::from_utf8_lossy(&bytes).matches(text).count()
    }
}

/// A host.
pub struct Host {
    pub soc: Arc<Soc>,
    pub device: Device,
    pub edges: Arc<Edges>,
    pub log: Log,
    pub regions: Regions,
    firmware: Option<JoinHandle<Counters>>,
}

impl Host {
    pub fn new(trouble: Vec<Trouble>) -> Self {
        Self::with(trouble, Hardware::default())
    }

    pub fn with(trouble: Vec<Trouble>, hardware: Hardware) -> Self {
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
        let soc = Soc::new(
            regions,
            None,
            lost,
            Part::default(),
            &hardware,
            lines,
            Box::new(log.clone()),
        );
        soc.ram
            .map(RAM, Arc::new(Anonymous::new(0x20_0000 / PAGE as usize)));
        soc.memory_changed();
        let device = Device::new(
            soc.clone(),
            &regions,
            Tree {
                chip: &T8103,
                abi: &[13, 5, 0],
                omit: None,
            },
        );
        let config = Config {
            gpu: agxemu_firmware::gpu::Options::default(),
            script: Script::default(),
            trouble,
            hardware,
            renderer: None,
        };
        let firmware = std::thread::spawn({
            let soc = soc.clone();
            move || coprocessor::run(&soc, &config, None).0
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

    pub fn read(&self, bar: u32, offset: u64) -> u64 {
        let mut data = [0; 8];
        self.device.read(bar, offset, &mut data);
        u64::from_le_bytes(data)
    }

    pub fn write(&self, bar: u32, offset: u64, value: u64) {
        self.device.write(bar, offset, &value.to_le_bytes());
    }

    pub fn start(&self) {
        self.write(BAR_ASC, 0x44, 0x10);
    }

    pub fn announce(&self) {
        let at = self.regions.handoff() + Handoff::MAGIC_AP.offset() as u64;
        self.soc.ram.store_u64(at, Handoff::MAGIC).unwrap();
    }

    pub fn send(&self, message: u64, endpoint: u64) {
        assert_eq!(self.read(BAR_ASC, MAILBOX + 0x110) & 1 << 16, 0, "full");
        self.write(BAR_ASC, MAILBOX + 0x800, message);
        self.write(BAR_ASC, MAILBOX + 0x808, endpoint);
    }

    pub fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            // Long enough for a machine that has much else to do.
            assert!(start.elapsed() < Duration::from_secs(120), "no {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn receive(&self) -> (u64, u64) {
        self.wait("message", || {
            let empty = self.read(BAR_ASC, MAILBOX + 0x114) & 1 << 17 != 0;
            (!empty).then(|| {
                let message = self.read(BAR_ASC, MAILBOX + 0x830);
                (message, self.read(BAR_ASC, MAILBOX + 0x838))
            })
        })
    }

    pub fn expect(&self, message: u64, endpoint: u64) {
        let (got, ep) = self.receive();
        assert_eq!((got, ep), (message, endpoint), "{got:#x} on {ep:#x}");
    }

    /// Maps a page at `VA` for the firmware, as a driver would.
    pub fn map_page(&self, page: u64) {
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
    pub fn boot(&self) {
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

    /// As [`Host::boot`], with the maps of strict hardware.
    pub fn boot_strict(&self) {
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

    pub fn set_iop(&self, state: u64) {
        self.send(0x00b0_0000_0000_0000 | state, 0);
        self.expect(0x00b0_0000_0000_0000 | state, 0);
        self.send(0x0060_0000_0000_0000 | state, 0);
        self.expect(0x0070_0000_0000_0000 | state, 0);
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
