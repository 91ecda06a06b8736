// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware tells the host on its own: events, log lines, trace, statistics.

use crate::abi::globals;
use crate::channels::Channels;
use crate::machine::Level;
use crate::memory::Memory;
use crate::panic::Fw;

/// Endpoint of the messages.
pub const ENDPOINT: u8 = 0x20;
/// "Some ring has news."
pub const RX_DOORBELL: u64 = 0x42 << 48;

/// Levels of the log, each with a ring of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    Debug = 0,
    Info = 1,
    Notice = 2,
    Warning = 3,
    Error = 4,
    Critical = 5,
}

/// Codes of trace entries: channel and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    StartCp = 0x0007,
    FinishCp = 0x0008,
    StampUpdateCl = 0x000e,
    EvtNotify = 0x0028,
    EvtComplete = 0x010b,
}

/// Messages to the host.
pub struct Report {
    payloads: u64,
    globals: u64,
    sequence: u32,
    /// Whether a ring changed since the last doorbell.
    news: bool,
}

const PAYLOAD: u64 = 0xd8;
const TEXT: usize = 0xc8;

impl Report {
    /// Reports with log payloads at `payloads`.
    pub fn new(payloads: u64, globals: u64) -> Self {
        Self {
            payloads,
            globals,
            sequence: 0,
            news: false,
        }
    }

    /// Adds a line to the log of the host, and to that of the emulator.
    ///
    /// A line for which there is no room is dropped; lines longer than an entry are cut.
    pub fn log(&mut self, mem: &Memory, ch: &mut Channels, level: Log, line: &str) -> Fw<()> {
        let own = if level as usize >= Log::Warning as usize {
            Level::Warn
        } else {
            Level::Debug
        };
        mem.machine().log(own, line);
        let ring = &mut ch.logs[level as usize];
        let Some(index) = ring.next(mem)? else {
            ring.dropped += 1;
            return Ok(());
        };
        let mut payload = [0; PAYLOAD as usize];
        payload[..4].copy_from_slice(&3u32.to_le_bytes());
        payload[4..8].copy_from_slice(&self.sequence.to_le_bytes());
        payload[8..16].copy_from_slice(&mem.machine().ticks().to_le_bytes());
        let mut end = line.len().min(TEXT - 1);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        payload[16..16 + end].copy_from_slice(&line.as_bytes()[..end]);
        let slot = level as u64 * 0x100 + u64::from(index);
        mem.write(self.payloads + slot * PAYLOAD, &payload)?;
        let mut entry = [0; 16];
        entry[..4].copy_from_slice(&2u32.to_le_bytes());
        entry[8..16].copy_from_slice(&u64::from(index).to_le_bytes());
        ring.push(mem, &entry)?;
        self.sequence = self.sequence.wrapping_add(1);
        self.news = true;
        Ok(())
    }

    /// Adds an event and tells the host at once.
    pub fn event(&mut self, mem: &Memory, ch: &mut Channels, kind: u32, payload: &[u8]) -> Fw<()> {
        let mut entry = kind.to_le_bytes().to_vec();
        entry.extend(payload);
        if !ch.event.push(mem, &entry)? {
            mem.machine().log(
                Level::Warn,
                &format!("event ring full: event {kind} dropped"),
            );
        }
        self.news = true;
        self.ring(mem);
        Ok(())
    }

    /// Adds a trace entry, if the host enabled tracing.
    pub fn trace(
        &mut self,
        mem: &Memory,
        ch: &mut Channels,
        what: Trace,
        args: [u64; 4],
    ) -> Fw<()> {
        if mem.u32(self.globals + globals::KTRACE_ENABLE as u64)? == 0 {
            return Ok(());
        }
        let mut entry = 5u32.to_le_bytes().to_vec();
        entry.extend(mem.machine().ticks().to_le_bytes());
        entry.extend(args.iter().flat_map(|a| a.to_le_bytes()));
        // Thread 1: background.
        entry.extend([what as u16 as u8, (what as u16 >> 8) as u8, 0, 1]);
        ch.ktrace.push(mem, &entry)?;
        self.news = true;
        Ok(())
    }

    /// Adds a statistics message: `(offset, word)` pairs.
    pub fn stats(
        &mut self,
        mem: &Memory,
        ch: &mut Channels,
        kind: u32,
        words: &[(usize, u32)],
    ) -> Fw<()> {
        let mut entry = [0; 0x30];
        entry[..4].copy_from_slice(&kind.to_le_bytes());
        for (offset, word) in words {
            entry[*offset..offset + 4].copy_from_slice(&word.to_le_bytes());
        }
        let before = ch.stats.dropped;
        if !ch.stats.push(mem, &entry)? && before == 0 {
            self.log(
                mem,
                ch,
                Log::Warning,
                "statistics ring full, messages are dropped",
            )?;
        }
        self.news = true;
        Ok(())
    }

    /// Rings the host's doorbell if there is anything that it was not told of.
    pub fn ring(&mut self, mem: &Memory) {
        if std::mem::take(&mut self.news) {
            mem.machine().send(ENDPOINT, RX_DOORBELL);
        }
    }

    /// Rings the doorbell although nothing happened.
    pub fn ring_spurious(&mut self, mem: &Memory) {
        self.news = true;
        self.ring(mem);
    }
}
