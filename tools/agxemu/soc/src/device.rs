// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registers: what the host reads and writes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use agxemu_firmware::chip::Chip;
use agxemu_firmware::machine::Level;

use crate::mailbox::Mailbox;
use crate::options::Regions;
use crate::overlay;
use crate::soc::Soc;

/// BAR of the block `asc`.
pub const BAR_ASC: u32 = 0;
/// BAR of the block `sgx`.
pub const BAR_SGX: u32 = 2;
/// BAR of the boot page.
pub const BAR_BOOT: u32 = 4;
/// BAR of the power manager.
pub const BAR_PMGR: u32 = 5;
/// Size of the block `asc`.
pub const ASC_SIZE: u64 = 0x4_0000;
/// Size of the block `sgx`.
pub const SGX_SIZE: u64 = 0x100_0000;
/// Size of the boot page.
pub const BOOT_SIZE: u64 = 0x1_0000;
/// Size of the power manager: one domain is the first word of it.
pub const PMGR_SIZE: u64 = 0x4000;

/// Where the mailbox is in `asc`.
pub const MAILBOX: u64 = 0x8000;
/// Size of the mailbox.
pub const MAILBOX_SIZE: u64 = 0x4000;

const BOOT_MAGIC: u32 = 0x4f58_4741;
const BOOT_VERSION: u32 = 1;
const BOOT_OVERLAY: usize = 0x10;
/// Here the guest writes what its counter shows, and the counter's frequency in Hz, 64 bits each.
const BOOT_COUNTER: u64 = 0xfff0;
const BOOT_FREQUENCY: u64 = 0xfff8;

const CPU_CONTROL: u64 = 0x44;
const CPU_STATUS: u64 = 0x48;
const CPU_RUN: u32 = 1 << 4;
const CPU_STOPPED: u32 = 1 << 1;

const A2I_CONTROL: u64 = MAILBOX + 0x110;
const I2A_CONTROL: u64 = MAILBOX + 0x114;
const CONTROL_FULL: u32 = 1 << 16;
const CONTROL_EMPTY: u32 = 1 << 17;
const A2I_SEND0: u64 = MAILBOX + 0x800;
const A2I_SEND1: u64 = MAILBOX + 0x808;
const I2A_RECV0: u64 = MAILBOX + 0x830;
const I2A_RECV1: u64 = MAILBOX + 0x838;

/// One driver that has run on Macs writes 0x70001 here when it starts, without knowing why.
const START_WORD: u64 = 0xd1_4000;

/// Places of the identification registers.
const IDENTIFICATION: [u64; 6] = [
    0xd0_4000, 0xd0_4008, 0xd0_4010, 0xd0_4014, 0xd0_4018, 0xd0_401c,
];
/// Bits of the fault register that are not the address.
const FAULT_BITS: u32 = 30;

/// What becomes of these while the coprocessor is off.
const GARBAGE: u32 = 0xa5a5_5a5a;

/// What the device tree says, whatever the hardware is.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    /// The chip.
    pub chip: &'static Chip,
    /// The firmware's interface.
    pub abi: &'a [u32],
    /// The memory region that it does not name, if there is one.
    pub omit: Option<usize>,
}

/// The function's registers.
pub struct Device {
    soc: Arc<Soc>,
    boot_page: Vec<u8>,
    /// The two words that the guest writes there.
    guest_clock: Mutex<[u64; 2]>,
    running: AtomicBool,
    start_word: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Device {
    /// Returns the registers of `soc`.
    pub fn new(soc: Arc<Soc>, regions: &Regions, tree: Tree<'_>) -> Self {
        let Tree { chip, abi, omit } = tree;
        let blob = overlay::build(regions, chip, abi, omit, soc.hardware.domain);
        let header = [BOOT_MAGIC, BOOT_VERSION, blob.len() as u32, 0];
        let mut boot_page: Vec<u8> = header.iter().flat_map(|w| w.to_le_bytes()).collect();
        debug_assert_eq!(boot_page.len(), BOOT_OVERLAY);
        boot_page.extend(blob);
        boot_page.resize(BOOT_SIZE as usize, 0);
        Self {
            soc,
            boot_page,
            guest_clock: Mutex::default(),
            running: AtomicBool::new(false),
            start_word: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        }
    }

    /// Reads and writes of registers so far, the boot page apart.
    pub fn accesses(&self) -> (u64, u64) {
        let load = |a: &AtomicU64| a.load(Ordering::Relaxed);
        (load(&self.reads), load(&self.writes))
    }

    /// The function is reset.
    pub fn reset(&self) {
        self.running.store(false, Ordering::Relaxed);
        self.soc.reset();
    }

    /// The host reads.
    pub fn read(&self, bar: u32, offset: u64, data: &mut [u8]) {
        if bar == BAR_BOOT {
            let at = offset as usize;
            match self.boot_page.get(at..at + data.len()) {
                Some(bytes) => data.copy_from_slice(bytes),
                None => data.fill(0),
            }
            return;
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        let value = match bar {
            BAR_ASC | BAR_SGX if self.soc.is_gated() => {
                self.soc.gated_access("read of", block(bar), offset);
                u64::MAX
            }
            BAR_ASC => self.read_asc(offset),
            BAR_SGX => self.read_sgx(offset),
            BAR_PMGR if offset == 0 => self.soc.power_state().into(),
            _ => 0,
        };
        let bytes = value.to_le_bytes();
        let n = data.len().min(bytes.len());
        data.fill(0);
        data[..n].copy_from_slice(&bytes[..n]);
    }

    fn read_asc(&self, offset: u64) -> u64 {
        let control = |full: bool, empty: bool| {
            u64::from(if full { CONTROL_FULL } else { 0 } | if empty { CONTROL_EMPTY } else { 0 })
        };
        let running = self.running.load(Ordering::Relaxed);
        match offset {
            CPU_CONTROL => u64::from(if running { CPU_RUN } else { 0 }),
            CPU_STATUS => u64::from(if running { 0 } else { CPU_STOPPED }),
            A2I_CONTROL => self
                .soc
                .mailbox(|m| control(m.host_sees_full(), m.is_send_empty())),
            I2A_CONTROL => {
                let (empty, lines) = self.soc.mailbox(Mailbox::host_sees_receive_empty);
                if lines.receive {
                    self.soc.raise(lines);
                    // The firmware's thread looks after the line from now on.
                    self.soc.work();
                }
                control(false, empty)
            }
            I2A_RECV0 => self.soc.mailbox(|m| m.host_peek().0),
            I2A_RECV1 => self.soc.mailbox(|m| {
                let (_, endpoint) = m.host_peek();
                m.host_pop();
                u64::from(endpoint)
            }),
            _ => {
                self.unknown("read of", "asc", offset);
                0
            }
        }
    }

    /// Returns the identification register at `offset`, if it is one.
    fn identification(&self, offset: u64) -> Option<u32> {
        let part = &self.soc.part;
        let find = |places: &[u64], values: &[u32]| {
            let place = places.iter().position(|at| *at == offset)?;
            values.get(place).copied()
        };
        find(&IDENTIFICATION, &part.chip.identification)
            .or_else(|| find(part.chip.places.core_mask, &part.mask_words()))
    }

    fn read_sgx(&self, offset: u64) -> u64 {
        if let Some(value) = self.identification(offset) {
            if self.soc.are_ids_garbage() {
                let line = format!("read of sgx+{offset:#x} while the coprocessor is off: garbage");
                self.soc.note(Level::Warn, &line);
                return u64::from(value ^ GARBAGE);
            }
            return u64::from(value);
        }
        let places = self.soc.part.chip.places;
        let fault = self.soc.fault_info();
        match offset {
            at if Some(at) == places.fault_address => fault >> FAULT_BITS,
            at if at == places.fault && places.fault_address.is_some() => {
                fault & ((1 << FAULT_BITS) - 1)
            }
            at if at == places.fault => fault,
            START_WORD => self.start_word.load(Ordering::Relaxed),
            _ => {
                self.unknown("read of", "sgx", offset);
                0
            }
        }
    }

    /// The host writes.
    pub fn write(&self, bar: u32, offset: u64, data: &[u8]) {
        if bar == BAR_BOOT && (BOOT_COUNTER..BOOT_SIZE).contains(&offset) {
            self.write_guest_clock(offset, data);
            return;
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        let value = data
            .iter()
            .take(8)
            .rev()
            .fold(0, |v, &b| (v << 8) | u64::from(b));
        match (bar, offset) {
            (BAR_ASC | BAR_SGX, _) if self.soc.is_gated() => {
                self.soc.gated_access("write to", block(bar), offset);
            }
            (BAR_PMGR, 0) => {
                if self.soc.set_power_state(value as u32) {
                    self.running.store(false, Ordering::Relaxed);
                    self.soc.cut_power();
                }
            }
            (BAR_ASC, CPU_CONTROL) => {
                let run = value as u32 & CPU_RUN != 0;
                // The real one cannot be stopped either.
                if run && !self.running.swap(true, Ordering::Relaxed) {
                    self.soc.start_cpu();
                }
            }
            (BAR_ASC, A2I_SEND0) => self.soc.mailbox(|m| m.host_payload(value)),
            (BAR_ASC, A2I_SEND1) => {
                if self.soc.mailbox(|m| m.host_send(value)) {
                    self.soc.work();
                } else {
                    self.soc.note(
                        Level::Warn,
                        "the host sent into a full mailbox: message lost",
                    );
                }
            }
            (BAR_SGX, START_WORD) => self.start_word.store(value, Ordering::Relaxed),
            (BAR_ASC, _) => self.unknown("write to", "asc", offset),
            (BAR_SGX, _) => self.unknown("write to", "sgx", offset),
            _ => self.unknown("write to", "read-only BAR", offset),
        }
    }

    /// The guest says what time it is: both words, in halves or whole, in any order.
    fn write_guest_clock(&self, offset: u64, data: &[u8]) {
        let mut words = self.guest_clock.lock().unwrap_or_else(|e| e.into_inner());
        for (at, &byte) in (offset..).zip(data) {
            let at = at - BOOT_COUNTER;
            if let Some(word) = words.get_mut(at as usize / 8) {
                let shift = at % 8 * 8;
                *word = (*word & !(0xff << shift)) | (u64::from(byte) << shift);
            }
        }
        let [counter, frequency] = *words;
        if offset < BOOT_FREQUENCY {
            self.soc.guest_counter(counter);
        }
        if frequency > 0 {
            self.soc.guest_frequency(frequency);
        }
    }

    fn unknown(&self, what: &str, block: &str, offset: u64) {
        let line = format!("{what} {block}+{offset:#x}, which no driver is known to use");
        self.soc.note(Level::Warn, &line);
    }
}

/// Returns what a BAR is called in the log.
fn block(bar: u32) -> &'static str {
    match bar {
        BAR_ASC => "asc",
        BAR_SGX => "sgx",
        _ => "another BAR",
    }
}
