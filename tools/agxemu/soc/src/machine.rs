// SPDX-License-Identifier: MIT OR Apache-2.0

//! The system on chip as the firmware sees it.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use agx_abi::uat::Handoff;
use agxemu_firmware::machine::{Level, Machine, Mapping, OutsideRam, Page, Role};
use agxemu_gpu::backing::HostPage;
use agxemu_gpu::fault::AccessError;

use crate::soc::Soc;

impl Machine for Soc {
    fn translate(&self, slot: u8, va: u64, role: Role, write: bool) -> Result<Page, AccessError> {
        let Some(book) = self.book.get() else {
            return self.uat().translate(slot, va, role, write);
        };
        // With the book open: an invalidation that follows is one of what is kept here.
        let mut shadow = book.open();
        let page = self.uat().translate(slot, va, role, write)?;
        shadow.used(slot, va, page.pte);
        Ok(page)
    }

    fn entry(&self, slot: u8, va: u64) -> Option<Page> {
        self.uat().walk(slot, va).ok()
    }

    fn mappings(&self, slot: u8) -> Vec<Mapping> {
        self.uat().mappings(slot)
    }

    fn ttbs(&self, slot: u8) -> (u64, u64) {
        self.uat().roots(slot)
    }

    fn select_context(&self, slot: u8) -> Result<(), String> {
        let at = self.handoff_at(Handoff::CUR_SLOT);
        self.locked(|| self.ram.store_u32(at, u32::from(slot)))?
            .map_err(|e| format!("handoff at {:#x} is no RAM", e.0))
    }

    fn read_phys(&self, pa: u64, buf: &mut [u8]) -> Result<(), OutsideRam> {
        self.look_at_access(pa, buf.len(), "read of");
        self.ram.read(pa, buf)
    }

    fn write_phys(&self, pa: u64, bytes: &[u8]) -> Result<(), OutsideRam> {
        self.look_at_access(pa, bytes.len(), "write to");
        self.ram.write(pa, bytes)
    }

    fn load_u32(&self, pa: u64) -> Result<u32, OutsideRam> {
        self.look_at_access(pa, 4, "load from");
        self.ram.load_u32(pa)
    }

    fn store_u32(&self, pa: u64, value: u32) -> Result<(), OutsideRam> {
        self.look_at_access(pa, 4, "store to");
        self.ram.store_u32(pa, value)
    }

    fn host_page(&self, pa: u64) -> Result<HostPage, OutsideRam> {
        self.look_at_access(pa, 1, "GPU access to");
        self.ram.page(pa)
    }

    fn background(self: Arc<Self>, work: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        let soc = self.clone();
        let thread = std::thread::Builder::new().name("gpu".to_owned());
        let done = move || {
            work();
            soc.work();
        };
        thread.spawn(done).map(drop)
    }

    fn handoff(&self) -> u64 {
        self.regions.handoff()
    }

    fn ttbs_base(&self) -> u64 {
        self.regions.ttbs()
    }

    fn send(&self, endpoint: u8, message: u64) {
        let lines = self.mailbox(|m| m.firmware_send((message, endpoint)));
        self.raise(lines);
    }

    fn ticks(&self) -> u64 {
        self.timer()
    }

    fn set_fault_info(&self, value: u64) {
        self.fault_info.store(value, Ordering::Relaxed);
    }

    fn log(&self, level: Level, line: &str) {
        self.note(level, line);
    }
}
