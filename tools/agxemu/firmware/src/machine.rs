// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware needs from the machine it runs in.

use std::sync::Arc;

use agxemu_gpu::backing::HostPage;

use agxemu_gpu::fault::AccessError;
pub use emulated_guest::OutsideRam;

/// The party that an access has the rights of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The coprocessor.
    Firmware,
    /// The GPU proper.
    Gpu,
}

/// A page that an access may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Physical address of the page.
    pub pa: u64,
    /// The entry that maps it.
    pub pte: u64,
    /// Physical address of that entry.
    pub pte_at: u64,
}

/// One mapping of a context, as [`Machine::mappings`] lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Address of the page in the context, sign extended.
    pub va: u64,
    /// The page.
    pub page: Page,
}

/// Importance of a line in the emulator's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Detail.
    Debug,
    /// What happens.
    Info,
    /// What should not happen.
    Warn,
}

/// Memory, page tables, mailbox and clock.
///
/// Nothing is cached: each call looks at guest memory as it is at that moment.
pub trait Machine: Send + Sync {
    /// Translates `va` in context `slot` for an access with the rights of `role`.
    ///
    /// # Errors
    ///
    /// Why the access is not allowed.
    fn translate(&self, slot: u8, va: u64, role: Role, write: bool) -> Result<Page, AccessError>;

    /// Returns the entry that maps `va` in context `slot`, whatever rights it gives.
    fn entry(&self, slot: u8, va: u64) -> Option<Page>;

    /// Returns everything mapped in context `slot`, in order of address; for context 0, both
    /// halves.
    fn mappings(&self, slot: u8) -> Vec<Mapping>;

    /// Returns the two table bases of context `slot`.
    fn ttbs(&self, slot: u8) -> (u64, u64);

    /// Makes `slot` the coprocessor's current user context, under the handoff lock.
    ///
    /// # Errors
    ///
    /// The lock could not be taken; the text says why.
    fn select_context(&self, slot: u8) -> Result<(), String>;

    /// Reads physical memory.
    ///
    /// # Errors
    ///
    /// The first address that is not RAM.
    fn read_phys(&self, pa: u64, buf: &mut [u8]) -> Result<(), OutsideRam>;

    /// Writes physical memory.
    ///
    /// # Errors
    ///
    /// As [`Machine::read_phys`].
    fn write_phys(&self, pa: u64, bytes: &[u8]) -> Result<(), OutsideRam>;

    /// Reads an aligned word, before anything read after it (acquire).
    ///
    /// # Errors
    ///
    /// As [`Machine::read_phys`].
    fn load_u32(&self, pa: u64) -> Result<u32, OutsideRam>;

    /// Writes an aligned word, after anything written before it (release).
    ///
    /// # Errors
    ///
    /// As [`Machine::read_phys`].
    fn store_u32(&self, pa: u64, value: u32) -> Result<(), OutsideRam>;

    /// Returns the page of RAM at `pa`, for direct access.
    ///
    /// # Errors
    ///
    /// As [`Machine::read_phys`].
    fn host_page(&self, pa: u64) -> Result<HostPage, OutsideRam>;

    /// Does `work` beside the firmware, and has [`Firmware::run`](crate::Firmware::run) called
    /// after it.
    ///
    /// # Errors
    ///
    /// Why that is not possible; `work` is lost then.
    fn background(self: Arc<Self>, work: Box<dyn FnOnce() + Send>) -> std::io::Result<()>;

    /// Returns the physical base of the handoff region.
    fn handoff(&self) -> u64;

    /// Returns the physical base of the ttbs region.
    fn ttbs_base(&self) -> u64;

    /// Puts a message into the mailbox towards the host.
    fn send(&self, endpoint: u8, message: u64);

    /// Returns the 24 MHz timer.
    fn ticks(&self) -> u64;

    /// Sets the fault information register.
    fn set_fault_info(&self, value: u64);

    /// Adds a line to the emulator's log.
    fn log(&self, level: Level, line: &str);
}
