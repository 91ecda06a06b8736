// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The memory that is shared with the processor: two rings of 63 pages, and what leads it there.
//!
//! ```text
//!            driver writes                          processor writes
//!  0x01000 ┌──────────────────────────┐  0x41000 ┌──────────────────────────┐
//!          │ write pointer: commands  │          │ write pointer: messages  │
//!          │ read pointer: messages   │          │ read pointer: commands   │
//!  0x02000 ├──────────────────────────┤  0x42000 ├──────────────────────────┤
//!          │ commands, 63 pages       │          │ messages, 63 pages       │
//!          └──────────────────────────┘          └──────────────────────────┘
//! ```
//!
//! With newer firmware (v2) all four pointers are registers. They count pages as well, and run
//! freely, so that the ring may be full.
//!
//! Nothing that the processor writes is believed: pointers are looked at before they are used, and
//! a message is copied before anything is decided by it.

use crate::{
    regs::Registers,
    wire::{
        headers,
        Framing,
        Header,
        Poison,
        HEADERS,
        PAGE, //
    }, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::Coherent,
    io::{
        io_project,
        Io, //
    },
    prelude::*,
    sync::barrier::{
        dma_mb,
        Full,
        Read,
        Write, //
    }, //
};

/// Pages of a ring. One of them is always free with v0.
pub(crate) const COUNT: u32 = 63;
const AREA: usize = 129 * PAGE;
const COMMANDS: usize = 0x1000;
const STATUS: usize = 0x4_1000;
const WRITE_POINTER: usize = 0x10;
const READ_POINTER: usize = 0x20;
const ENTRIES: usize = 0x1000;
const LOG: usize = 16 * PAGE;

/// The arithmetic of the queues' pointers.
impl Framing {
    /// Returns the pages from `from` on that come before `to`.
    fn distance(self, from: u32, to: u32) -> u32 {
        match self {
            Self::V0 => (to + COUNT - from) % COUNT,
            Self::V2 => to.wrapping_sub(from),
        }
    }

    fn after(self, pointer: u32, pages: u32) -> u32 {
        match self {
            Self::V0 => (pointer + pages) % COUNT,
            Self::V2 => pointer.wrapping_add(pages),
        }
    }

    /// Returns how many pages of a ring can be in use.
    pub(crate) fn room(self) -> u32 {
        match self {
            Self::V0 => COUNT - 1,
            Self::V2 => COUNT,
        }
    }
}

/// The memory.
pub(crate) struct Memory {
    pub(crate) framing: Framing,
    area: Coherent<[u8]>,
    regions: Coherent<[u8]>,
    arguments: Coherent<[u8]>,
    logs: [Coherent<[u8]>; 3],
}

/// The driver's position in the ring of commands.
#[derive(Clone, Copy, Default)]
pub(crate) struct Commands {
    write: u32,
    /// Pages that the processor had not read when last looked.
    unread: u32,
    transport: u32,
}

/// The driver's position in the ring of messages.
#[derive(Clone, Copy, Default)]
pub(crate) struct Messages {
    read: u32,
    written: u32,
    transport: u32,
}

impl Memory {
    /// Allocates the memory. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(device: &Device<Bound>, framing: Framing) -> Result<Self> {
        let bytes = |size| Coherent::<u8>::zeroed_slice(device, size, GFP_KERNEL);
        Ok(Self {
            framing,
            area: bytes(AREA)?,
            regions: bytes(PAGE)?,
            arguments: bytes(PAGE)?,
            logs: [bytes(LOG)?, bytes(LOG)?, bytes(LOG)?],
        })
    }

    fn load(&self, at: usize) -> Result<u32> {
        let word = io_project!(&self.area, [try: at..at + 4]);
        Ok(word.try_cast::<u32>()?.read_val())
    }

    fn store(&self, at: usize, value: u32) -> Result {
        let word = io_project!(&self.area, [try: at..at + 4]);
        word.try_cast::<u32>()?.write_val(value);
        Ok(())
    }

    /// Writes all that the processor looks for when it starts, and returns where that begins. The
    /// processor must be in reset.
    pub(crate) fn prepare(&self) -> Result<u64> {
        for page in 0..AREA / PAGE {
            let address = self.area.dma_address() + (page * PAGE) as u64;
            let entry = io_project!(&self.area, [try: 8 * page..8 * page + 8]);
            entry.try_cast::<u64>()?.write_val(address);
        }
        let header = [
            0,
            0x4_0000,
            PAGE as u32,
            COUNT,
            0,
            1,
            READ_POINTER as u32,
            ENTRIES as u32,
            0,
        ];
        for (i, value) in header.into_iter().enumerate() {
            self.store(COMMANDS + 4 * i, value)?;
            // The processor does its own; until then nothing is written there.
            self.store(STATUS + 4 * i, 0)?;
        }
        let put = |memory: &Coherent<[u8]>, at: usize, value: u64| -> Result {
            let word = io_project!(memory, [try: at..at + 8]);
            word.try_cast::<u64>()?.write_val(value);
            Ok(())
        };
        for log in &self.logs {
            put(log, 0, 0)?;
            for page in 0..LOG / PAGE {
                put(log, 8 + 8 * page, log.dma_address() + (page * PAGE) as u64)?;
            }
        }
        let arguments = [
            self.area.dma_address(),
            (AREA / PAGE) as u64,
            COMMANDS as u64,
            STATUS as u64,
        ];
        for (i, value) in arguments.into_iter().enumerate() {
            put(&self.arguments, 8 * i, value)?;
        }
        let names: [&[u8]; 4] = [b"LOGINIT", b"LOGINTR", b"LOGRM", b"RMARGS"];
        let [init, intr, rm] = &self.logs;
        let memory = [init, intr, rm, &self.arguments];
        for (i, (name, memory)) in names.into_iter().zip(memory).enumerate() {
            let id = name.iter().fold(0, |id, byte| (id << 8) | u64::from(*byte));
            // Contiguous, in the system's memory.
            let kind = 0x0101;
            let entry = [id, memory.dma_address(), memory.size() as u64, kind];
            for (word, value) in entry.into_iter().enumerate() {
                put(&self.regions, 32 * i + 8 * word, value)?;
            }
        }
        dma_mb(Full);
        Ok(self.regions.dma_address())
    }

    /// Copies between a ring and `bytes`, from `position` on, which may go round.
    fn around(position: usize, length: usize) -> [(usize, usize); 2] {
        let ring = COUNT as usize * PAGE;
        let start = position % ring;
        let first = length.min(ring - start);
        [(start, first), (0, length - first)]
    }

    fn copy_in(&self, position: usize, mut bytes: &[u8]) -> Result {
        for (start, length) in Self::around(position, bytes.len()) {
            let (now, rest) = bytes.split_at(length);
            let start = COMMANDS + ENTRIES + start;
            io_project!(&self.area, [try: start..start + length]).copy_from_slice(now);
            bytes = rest;
        }
        Ok(())
    }

    fn copy_out(&self, position: usize, mut bytes: &mut [u8]) -> Result {
        for (start, length) in Self::around(position, bytes.len()) {
            let (now, rest) = bytes.split_at_mut(length);
            let start = STATUS + ENTRIES + start;
            io_project!(&self.area, [try: start..start + length]).copy_to_slice(now);
            bytes = rest;
        }
        Ok(())
    }
}

impl Commands {
    /// Returns how many pages can be written.
    ///
    /// # Errors
    ///
    /// The processor's pointer cannot be right.
    pub(crate) fn room(&mut self, memory: &Memory, registers: &Registers) -> Result<u32, Poison> {
        let framing = memory.framing;
        let read = match framing {
            Framing::V0 => memory.load(STATUS + READ_POINTER),
            Framing::V2 => registers.commands_read(),
        };
        let read = read.map_err(|_| Poison::Pointer)?;
        if framing == Framing::V0 && read >= COUNT {
            return Err(Poison::Pointer);
        }
        let unread = framing.distance(read, self.write);
        if unread > self.unread {
            return Err(Poison::Pointer);
        }
        // What is overwritten from here on was read before.
        dma_mb(Full);
        self.unread = unread;
        Ok(framing.room() - unread)
    }

    /// Writes a message, for which there has to be room.
    pub(crate) fn write(
        &mut self,
        memory: &Memory,
        function: u32,
        call: u32,
        payload: &[u8],
    ) -> Result {
        let framing = memory.framing;
        let headers = headers(framing, self.transport, function, call, payload);
        let position = (self.write % COUNT) as usize * PAGE;
        let size = framing.headers();
        memory.copy_in(position, headers.get(..size).ok_or(EINVAL)?)?;
        memory.copy_in(position + size, payload)?;
        self.transport = self.transport.wrapping_add(1);
        let pages = framing.pages(payload.len());
        self.write = framing.after(self.write, pages);
        self.unread += pages;
        Ok(())
    }

    /// Lets the processor see what was written, and rings the doorbell.
    pub(crate) fn publish(&self, memory: &Memory, registers: &Registers) -> Result {
        dma_mb(Write);
        if memory.framing == Framing::V0 {
            memory.store(COMMANDS + WRITE_POINTER, self.write)?;
        }
        // With v0 the firmware ignores the value of the doorbell.
        registers.ring(self.write)
    }
}

impl Messages {
    /// Copies the next message into `buffer`, if there is one, and lets the processor have its
    /// pages again.
    ///
    /// # Errors
    ///
    /// What cannot be right.
    pub(crate) fn next(
        &mut self,
        memory: &Memory,
        registers: &Registers,
        buffer: &mut [u8],
    ) -> Result<Option<Header>, Poison> {
        let framing = memory.framing;
        let write = match framing {
            Framing::V0 => memory.load(STATUS + WRITE_POINTER),
            Framing::V2 => registers.messages_written(),
        };
        let write = write.map_err(|_| Poison::Pointer)?;
        if framing == Framing::V0 && write >= COUNT {
            return Err(Poison::Pointer);
        }
        let written = framing.distance(self.read, write);
        if written < self.written || written > framing.room() {
            return Err(Poison::Pointer);
        }
        self.written = written;
        if written == 0 {
            return Ok(None);
        }
        dma_mb(Read);
        let position = (self.read % COUNT) as usize * PAGE;
        let mut headers = [0; HEADERS];
        memory
            .copy_out(position, &mut headers)
            .map_err(|_| Poison::Length)?;
        let header = Header::new(framing, &headers, written, self.transport)?;
        // The headers as they were checked, not as they may be by now.
        let (first, rest) = buffer
            .get_mut(..header.end)
            .and_then(|b| b.split_at_mut_checked(HEADERS))
            .ok_or(Poison::Length)?;
        first.copy_from_slice(&headers);
        memory
            .copy_out(position + framing.headers(), rest)
            .map_err(|_| Poison::Length)?;
        Header::check(framing, &buffer[..header.end])?;
        self.transport = self.transport.wrapping_add(1);
        self.read = framing.after(self.read, header.pages);
        self.written = written - header.pages;
        dma_mb(Full);
        match framing {
            Framing::V0 => memory.store(COMMANDS + READ_POINTER, self.read),
            Framing::V2 => registers.set_messages_read(self.read),
        }
        .map_err(|_| Poison::Pointer)?;
        Ok(Some(header))
    }
}
