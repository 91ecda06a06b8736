// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The rings that no fence depends on: the firmware's log, traces and statistics.

use super::{
    log_limit::LogLimit,
    message::log_text,
    ring::BadIndex,
    rx::{
        RxMemory,
        RxRing, //
    },
    shared::Shared, //
};
use crate::alloc::Heap;
use agx_abi::{
    channel::{
        FwLogMessage,
        FwLogPayload,
        KTraceMessage,
        FW_LOG_ENTRIES,
        FW_LOG_LEVELS,
        KTRACE_ENTRIES,
        STATS_ENTRIES, //
    },
    stats,
    Value, //
};
use kernel::{
    device::Device,
    prelude::*,
    sync::aref::ARef, //
};

/// Size in bytes of the texts of a level.
const LEVEL_PAYLOADS: usize = FW_LOG_ENTRIES as usize * FwLogPayload::SIZE;

/// The lowest level whose lines are not only for debugging.
const FIRST_TOLD: usize = 2;

/// The memory of the rings, for the init data.
pub(super) struct LogMemory {
    pub(super) log: RxMemory,
    /// The texts, to which the entries of the rings refer by index.
    pub(super) payloads: Shared,
    pub(super) trace: RxMemory,
    pub(super) stats: RxMemory,
}

impl LogMemory {
    pub(super) fn new(heap: &Heap) -> Result<Self> {
        Ok(Self {
            log: RxMemory::new(heap, FW_LOG_LEVELS, FW_LOG_ENTRIES, FwLogMessage::SIZE)?,
            payloads: Shared::new(heap, FW_LOG_LEVELS * LEVEL_PAYLOADS)?,
            trace: RxMemory::new(heap, 1, KTRACE_ENTRIES, KTraceMessage::SIZE)?,
            stats: RxMemory::new(heap, 1, STATS_ENTRIES, stats::Power::size_in(heap.abi))?,
        })
    }
}

/// The reading side.
pub(super) struct Logs {
    dev: ARef<Device>,
    log: [RxRing<FwLogMessage>; FW_LOG_LEVELS],
    payloads: Shared,
    trace: RxRing<KTraceMessage>,
    stats: RxRing<stats::Power>,
    /// Limit of the lines that are not for debugging: a client can cause them again and again.
    pub(super) limit: LogLimit,
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
            limit: LogLimit::new(dev, "lines of the firmware's were left out"),
        })
    }

    /// Reads at most one round of each ring, and returns whether all rings are empty then.
    pub(super) fn drain(&mut self) -> Result<bool, BadIndex> {
        let mut all = true;
        for level in 0..FW_LOG_LEVELS {
            for left in (0..FW_LOG_ENTRIES).rev() {
                let Some(entry) = self.log[level].next()? else {
                    break;
                };
                self.print(level, entry.get(FwLogMessage::INDEX));
                all &= left > 0;
            }
        }
        // The firmware sends traces only if the globals ask for them, and statistics always. The
        // driver uses neither.
        self.trace.skip()?;
        self.stats.skip()?;
        Ok(all)
    }

    /// Prints text `index` of `level`, unless there have been too many.
    fn print(&mut self, level: usize, index: u64) {
        // Messages of normal operation, such as a new queue of a client, are for debugging.
        if level >= FIRST_TOLD && !self.limit.tells() {
            return;
        }
        let mut payload = FwLogPayload::zeroed();
        if let Some(at) = usize::try_from(index)
            .ok()
            .filter(|&index| index < FW_LOG_ENTRIES as usize)
            .map(|index| level * LEVEL_PAYLOADS + index * FwLogPayload::SIZE)
        {
            let mut bytes = *payload.as_bytes();
            // An index out of bounds leaves the text empty.
            let _ = self.payloads.read(at, &mut bytes);
            payload = FwLogPayload::from_bytes(bytes);
        }
        let Some(text) = log_text(&payload) else {
            dev_dbg!(
                self.dev,
                "firmware log entry {index} of level {level} has no text\n"
            );
            return;
        };
        match level {
            ..FIRST_TOLD => dev_dbg!(self.dev, "firmware: {text}\n"),
            2 => dev_notice!(self.dev, "firmware: {text}\n"),
            3 => dev_warn!(self.dev, "firmware: {text}\n"),
            4 => dev_err!(self.dev, "firmware: {text}\n"),
            _ => dev_crit!(self.dev, "firmware: {text}\n"),
        }
    }
}
