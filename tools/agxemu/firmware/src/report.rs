// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the firmware tells the host on its own: events, log lines, trace, statistics.

use agx_abi::channel::{FwLogMessage, FwLogPayload, KTraceMessage, FW_LOG_ENTRIES};
use agx_abi::globals::Globals;
use agx_abi::message::{message, ENDPOINT_FIRMWARE, TYPE_RX_DOORBELL};
use agx_abi::Value;

use crate::channels::Channels;
use crate::machine::Level;
use crate::memory::Memory;
use crate::panic::Fw;

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
    StartTa = 0x0000,
    FinishTa = 0x0001,
    Start3d = 0x0004,
    Finish3d = 0x0005,
    StartCp = 0x0007,
    FinishCp = 0x0008,
    StampUpdateTa = 0x000a,
    StampUpdate3d = 0x000c,
    StampUpdateCl = 0x000e,
    EvtNotify = 0x0028,
    EvtComplete = 0x010b,
}

/// The firmware thread that trace entries name.
const BACKGROUND: u8 = 1;

/// Messages to the host.
pub struct Report {
    payloads: u64,
    globals: u64,
    sequence: u32,
    /// Whether a ring changed since the last doorbell.
    news: bool,
}

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
        // The text ends with a zero byte.
        let mut text = [0; FwLogPayload::TEXT.size()];
        let mut len = line.len().min(text.len() - 1);
        while !line.is_char_boundary(len) {
            len -= 1;
        }
        text[..len].copy_from_slice(&line.as_bytes()[..len]);
        let mut payload = FwLogPayload::zeroed();
        payload
            .set(FwLogPayload::KIND, FwLogPayload::KIND_VALUE)
            .set(FwLogPayload::SEQUENCE, self.sequence)
            .set(FwLogPayload::TIMESTAMP, mem.machine().ticks())
            .set(FwLogPayload::TEXT, text);
        let slot = level as u64 * u64::from(FW_LOG_ENTRIES) + u64::from(index);
        mem.write(
            self.payloads + slot * FwLogPayload::SIZE as u64,
            payload.as_bytes(),
        )?;
        let mut entry = FwLogMessage::zeroed();
        entry
            .set(FwLogMessage::KIND, FwLogMessage::KIND_VALUE)
            .set(FwLogMessage::INDEX, index.into());
        ring.push(mem, entry.as_bytes())?;
        self.sequence = self.sequence.wrapping_add(1);
        self.news = true;
        Ok(())
    }

    /// Adds an event and tells the host at once.
    pub fn event(&mut self, mem: &Memory, ch: &mut Channels, message: &[u8]) -> Fw<()> {
        if !ch.event.push(mem, message)? {
            mem.machine()
                .log(Level::Warn, "event ring full: an event is lost");
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
        if mem.u32(mem.at(self.globals, Globals::KTRACE_ENABLE))? == 0 {
            return Ok(());
        }
        let mut entry = KTraceMessage::zeroed();
        entry
            .set(KTraceMessage::KIND, KTraceMessage::KIND_VALUE)
            .set(KTraceMessage::TIMESTAMP, mem.machine().ticks())
            .set(KTraceMessage::ARGS, args)
            .set(KTraceMessage::CODE, what as u16 as u8)
            .set(KTraceMessage::CHANNEL, (what as u16 >> 8) as u8)
            .set(KTraceMessage::THREAD, BACKGROUND);
        ch.ktrace.push(mem, entry.as_bytes())?;
        self.news = true;
        Ok(())
    }

    /// Adds a statistics message.
    pub fn stats(&mut self, mem: &Memory, ch: &mut Channels, message: &[u8]) -> Fw<()> {
        let before = ch.stats.dropped;
        if !ch.stats.push(mem, message)? && before == 0 {
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
            mem.machine()
                .send(ENDPOINT_FIRMWARE, message(TYPE_RX_DOORBELL, 0));
        }
    }
}
