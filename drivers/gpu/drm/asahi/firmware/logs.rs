// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What the firmware says that nobody waits for: its log, traces and statistics.

use super::{
    message::{
        log_text,
        word64,
        LOG_PAYLOAD_SIZE, //
    },
    ring::BadIndex,
    rx::{
        RxMemory,
        RxRing, //
    },
    shared::Shared, //
};
use crate::alloc::Heap;
use kernel::{
    device::Device,
    prelude::*,
    sync::aref::ARef, //
};

/// One log ring for each level.
pub(super) const LEVELS: usize = 6;
/// Entries of a log ring.
const LOG_ENTRIES: u32 = 0x100;
/// Bytes of an entry of the log and trace rings.
const ENTRY_SIZE: usize = 0x38;
/// Entries of the trace ring.
const TRACE_ENTRIES: u32 = 0x200;
/// Entries of the statistics ring.
const STATS_ENTRIES: u32 = 0x100;

/// The memory of the rings, for the init data.
pub(super) struct LogMemory {
    pub(super) log: RxMemory,
    /// The texts: an entry of the rings only names one.
    pub(super) payloads: Shared,
    pub(super) trace: RxMemory,
    pub(super) stats: RxMemory,
}

impl LogMemory {
    pub(super) fn new(heap: &Heap, stats_size: usize) -> Result<Self> {
        Ok(Self {
            log: RxMemory::new(heap, LEVELS, LOG_ENTRIES, ENTRY_SIZE)?,
            payloads: Shared::new(heap, LEVELS * LOG_ENTRIES as usize * LOG_PAYLOAD_SIZE)?,
            trace: RxMemory::new(heap, 1, TRACE_ENTRIES, ENTRY_SIZE)?,
            stats: RxMemory::new(heap, 1, STATS_ENTRIES, stats_size)?,
        })
    }
}

/// The reading side.
pub(super) struct Logs {
    dev: ARef<Device>,
    log: [RxRing<0x10>; LEVELS],
    payloads: Shared,
    trace: RxRing<0>,
    stats: RxRing<0>,
}

impl Logs {
    pub(super) fn new(dev: &Device, memory: &LogMemory) -> Result<Self> {
        let log = |level| memory.log.reader(level);
        Ok(Self {
            dev: dev.into(),
            log: [log(0)?, log(1)?, log(2)?, log(3)?, log(4)?, log(5)?],
            payloads: memory.payloads.clone(),
            trace: memory.trace.reader(0)?,
            stats: memory.stats.reader(0)?,
        })
    }

    /// Reads what there is, at most one round of each ring. Returns whether that was all.
    pub(super) fn drain(&mut self) -> Result<bool, BadIndex> {
        let mut all = true;
        for level in 0..LEVELS {
            for left in (0..LOG_ENTRIES).rev() {
                let Some((_, entry)) = self.log[level].next()? else {
                    break;
                };
                self.print(level, word64(&entry, 8));
                all &= left > 0;
            }
        }
        // Traces come only if asked for in the globals, statistics always; nobody uses either.
        self.trace.skip()?;
        self.stats.skip()?;
        Ok(all)
    }

    /// Prints text `index` of `level`.
    fn print(&self, level: usize, index: u64) {
        let mut payload = [0; LOG_PAYLOAD_SIZE];
        let text = usize::try_from(index)
            .ok()
            .filter(|&index| index < LOG_ENTRIES as usize)
            .map(|index| (level * LOG_ENTRIES as usize + index) * LOG_PAYLOAD_SIZE)
            .and_then(|at| self.payloads.read(at, &mut payload).ok())
            .and_then(|()| log_text(&payload));
        let Some(text) = text else {
            dev_warn!(
                self.dev,
                "firmware log entry {index} of level {level} has no text\n"
            );
            return;
        };
        match level {
            0 => dev_dbg!(self.dev, "firmware: {text}\n"),
            1 => dev_info!(self.dev, "firmware: {text}\n"),
            2 => dev_notice!(self.dev, "firmware: {text}\n"),
            3 => dev_warn!(self.dev, "firmware: {text}\n"),
            4 => dev_err!(self.dev, "firmware: {text}\n"),
            _ => dev_crit!(self.dev, "firmware: {text}\n"),
        }
    }
}
