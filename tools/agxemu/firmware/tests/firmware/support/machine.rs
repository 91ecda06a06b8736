// SPDX-License-Identifier: MIT OR Apache-2.0

//! A machine of the tests: RAM, page tables walked from it, a mailbox that is a list.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use agx_abi::uat::{pte, ttb_table, Protection, LEVEL_ENTRIES, LEVEL_SHIFTS, PAGE_SIZE, TTB_VALID};
use agxemu_firmware::machine::{Level, Machine, Mapping, OutsideRam, Page, Role};
use agxemu_gpu::backing::{Anonymous, HostPage};
use agxemu_gpu::fault::{AccessError, Reason};

pub const RAM: u64 = 0x8_0000_0000;
pub const RAM_SIZE: usize = 48 << 20;
pub const TTBS: u64 = RAM;
pub const ROOT: u64 = RAM + PAGE_SIZE;
pub const HANDOFF: u64 = RAM + 2 * PAGE_SIZE;
/// First page that is free.
pub const FREE: u64 = RAM + 3 * PAGE_SIZE;

pub struct TestMachine {
    ram: Arc<Anonymous>,
    ticks: AtomicU64,
    fault_info: AtomicU64,
    pub sent: Mutex<VecDeque<(u8, u64)>>,
    pub lines: Mutex<Vec<String>>,
    pub selected: Mutex<Vec<u8>>,
    /// A page that changes after each look at all of it; 0 for none.
    pub restless: AtomicU64,
}

impl TestMachine {
    pub fn new() -> Self {
        Self {
            ram: Arc::new(Anonymous::new(RAM_SIZE / PAGE_SIZE as usize)),
            ticks: AtomicU64::new(1_000_000),
            fault_info: AtomicU64::new(0),
            sent: Mutex::default(),
            lines: Mutex::default(),
            selected: Mutex::default(),
            restless: AtomicU64::new(0),
        }
    }

    pub fn advance(&self, ticks: u64) {
        self.ticks.fetch_add(ticks, Ordering::Relaxed);
    }

    pub fn fault_info(&self) -> u64 {
        self.fault_info.load(Ordering::Relaxed)
    }

    /// Whether a line of the log contains `text`.
    pub fn logged(&self, text: &str) -> bool {
        self.lines
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.contains(text))
    }

    pub fn get_u64(&self, pa: u64) -> u64 {
        let mut bytes = [0; 8];
        self.read_phys(pa, &mut bytes).expect("RAM");
        u64::from_le_bytes(bytes)
    }

    pub fn set_u64(&self, pa: u64, value: u64) {
        self.write_phys(pa, &value.to_le_bytes()).expect("RAM");
    }

    /// Calls `part` for each stretch of `pa..pa+len` within one page, with its offset there.
    fn parts(
        &self,
        pa: u64,
        len: usize,
        mut part: impl FnMut(&HostPage, usize, std::ops::Range<usize>),
    ) -> Result<(), OutsideRam> {
        let mut done = 0;
        while done < len {
            let at = pa + done as u64;
            let offset = (at % PAGE_SIZE) as usize;
            let size = (len - done).min(PAGE_SIZE as usize - offset);
            let page = self
                .host_page(at - offset as u64)
                .map_err(|_| OutsideRam(at))?;
            part(&page, offset, done..done + size);
            done += size;
        }
        Ok(())
    }

    /// Table of the half that `va` is in.
    fn root(&self, slot: u8, va: u64) -> Option<u64> {
        let (ttb0, ttb1) = self.ttbs(slot);
        let ttb = match va >> 39 {
            0 => ttb0,
            0x1ff_ffff => ttb1,
            _ => return None,
        };
        (ttb & TTB_VALID != 0).then(|| ttb_table(ttb))
    }

    /// Entry of `va`, or the level at which the walk ended.
    fn walk(&self, slot: u8, va: u64) -> Result<Page, u8> {
        let mut table = self.root(slot, va).ok_or(1)?;
        for (level, shift) in LEVEL_SHIFTS.into_iter().enumerate() {
            let index = (va >> shift) as usize % LEVEL_ENTRIES[level];
            let at = table + 8 * index as u64;
            let entry = self.get_u64(at);
            if entry & pte::VALID != pte::VALID {
                return Err(level as u8 + 1);
            }
            table = entry & pte::ADDRESS_MASK;
            if level == 2 {
                return Ok(Page {
                    pa: table,
                    pte: entry,
                    pte_at: at,
                });
            }
        }
        Err(3)
    }

    fn list(&self, table: u64, level: usize, base: u64, out: &mut Vec<Mapping>) {
        for index in 0..LEVEL_ENTRIES[level] {
            let pte_at = table + 8 * index as u64;
            let entry = self.get_u64(pte_at);
            if entry & pte::VALID != pte::VALID {
                continue;
            }
            let va = base + ((index as u64) << LEVEL_SHIFTS[level]);
            let pa = entry & pte::ADDRESS_MASK;
            if level == 2 {
                out.push(Mapping {
                    va,
                    page: Page {
                        pa,
                        pte: entry,
                        pte_at,
                    },
                });
            } else {
                self.list(pa, level + 1, va, out);
            }
        }
    }
}

impl Machine for TestMachine {
    fn translate(&self, slot: u8, va: u64, role: Role, write: bool) -> Result<Page, AccessError> {
        let error = |reason, level| AccessError {
            va,
            reason,
            level,
            write,
        };
        let page = self
            .walk(slot, va)
            .map_err(|level| error(Reason::Unmapped, level))?;
        let protection = Protection::from_entry(page.pte);
        let access = match role {
            Role::Firmware => protection.firmware(),
            Role::Gpu => protection.gpu(),
        };
        match (write, access.read, access.write) {
            (false, true, _) | (true, _, true) => Ok(page),
            (true, true, _) => Err(error(Reason::ReadOnly, 3)),
            (false, _, true) => Err(error(Reason::WriteOnly, 3)),
            _ => Err(error(Reason::NoAccess, 3)),
        }
    }

    fn entry(&self, slot: u8, va: u64) -> Option<Page> {
        self.walk(slot, va).ok()
    }

    fn mappings(&self, slot: u8) -> Vec<Mapping> {
        let mut out = Vec::new();
        for half in [0, 0xffff_ff80_0000_0000] {
            if let Some(root) = self.root(slot, half) {
                self.list(root, 0, half, &mut out);
            }
        }
        out
    }

    fn ttbs(&self, slot: u8) -> (u64, u64) {
        let at = TTBS + 16 * u64::from(slot);
        (self.get_u64(at), self.get_u64(at + 8))
    }

    fn select_context(&self, slot: u8) -> Result<(), String> {
        self.selected.lock().unwrap().push(slot);
        Ok(())
    }

    fn read_phys(&self, pa: u64, buf: &mut [u8]) -> Result<(), OutsideRam> {
        self.parts(pa, buf.len(), |page, offset, range| {
            page.window().read(offset, &mut buf[range]);
        })?;
        if pa == self.restless.load(Ordering::Relaxed) && buf.len() as u64 == PAGE_SIZE {
            self.set_u64(pa, self.get_u64(pa) + 1);
        }
        Ok(())
    }

    fn write_phys(&self, pa: u64, bytes: &[u8]) -> Result<(), OutsideRam> {
        self.parts(pa, bytes.len(), |page, offset, range| {
            page.window().write(offset, &bytes[range]);
        })
    }

    fn load_u32(&self, pa: u64) -> Result<u32, OutsideRam> {
        let mut bytes = [0; 4];
        self.read_phys(pa, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn store_u32(&self, pa: u64, value: u32) -> Result<(), OutsideRam> {
        self.write_phys(pa, &value.to_le_bytes())
    }

    fn host_page(&self, pa: u64) -> Result<HostPage, OutsideRam> {
        let offset = pa.checked_sub(RAM).ok_or(OutsideRam(pa))? as usize;
        HostPage::new(self.ram.clone(), offset).ok_or(OutsideRam(pa))
    }

    /// Done at once, so that tests see what comes of it after each call.
    fn background(self: Arc<Self>, work: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        work();
        Ok(())
    }

    fn handoff(&self) -> u64 {
        HANDOFF
    }

    fn ttbs_base(&self) -> u64 {
        TTBS
    }

    fn send(&self, endpoint: u8, message: u64) {
        self.sent.lock().unwrap().push_back((endpoint, message));
    }

    fn ticks(&self) -> u64 {
        // Rises with each look, so that times can be told apart.
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }

    fn set_fault_info(&self, value: u64) {
        self.fault_info.store(value, Ordering::Relaxed);
    }

    fn log(&self, _level: Level, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
}
