// SPDX-License-Identifier: MIT OR Apache-2.0

//! The queues: an area of the guest's RAM with two rings of pages.
//!
//! Each side writes to its own half of the area only, so that the position up to which it has read
//! the other's ring stands in its own half.

use emulated_guest::ram::Ram;

use crate::violation::Violation;
use crate::wire::{self, Framing, Message, PAGE};

/// Pages of a ring.
pub const COUNT: u32 = 63;
/// The size of a ring and its header.
pub const SIZE: u64 = (COUNT as u64 + 1) * PAGE as u64;
/// Pages of the area, the page table among them.
pub const AREA_PAGES: usize = 129;

const COMMANDS: u64 = 0x1000;
const STATUS: u64 = 0x4_1000;
const WRITE_POINTER: u64 = 0x10;
const READ_POINTER: u64 = 0x20;
const ENTRIES: u64 = 0x1000;

/// The area, by the pages of its table.
struct Area {
    pages: Vec<u64>,
}

impl Area {
    fn at(&self, offset: u64) -> u64 {
        self.pages[(offset / PAGE as u64) as usize] + offset % PAGE as u64
    }

    fn load(&self, ram: &Ram, what: &'static str, offset: u64) -> Result<u32, Violation> {
        let address = self.at(offset);
        ram.load_u32(address)
            .map_err(|_| Violation::Outside { what, address })
    }

    fn store(
        &self,
        ram: &Ram,
        what: &'static str,
        offset: u64,
        value: u32,
    ) -> Result<(), Violation> {
        let address = self.at(offset);
        ram.store_u32(address, value)
            .map_err(|_| Violation::Outside { what, address })
    }
}

/// Both queues, as the processor sees them.
pub struct Queues {
    framing: Framing,
    area: Area,
    /// The next page to be read of the commands.
    read: u32,
    /// How many pages of commands were written when last looked.
    written: u32,
    /// The next page to be written of the status queue.
    write: u32,
    /// How many pages of the status queue the driver had not read when last looked.
    unread: u32,
    /// The next sequence number of the transport, each way.
    received: u32,
    sent: u32,
}

/// The registers of v2 with the pointers, which count pages and run freely.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pointers {
    /// Commands that the driver has written, and that the processor has read.
    pub commands: [u32; 2],
    /// Messages that the processor has written, and that the driver has read.
    pub messages: [u32; 2],
}

/// How pointers count.
impl Framing {
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

    /// The pointer `pages` pages, fewer than a ring has, before `pointer`.
    fn before(self, pointer: u32, pages: u32) -> u32 {
        match self {
            Self::V0 => (pointer + COUNT - pages) % COUNT,
            Self::V2 => pointer.wrapping_sub(pages),
        }
    }

    /// How many pages are never in use.
    fn spare(self) -> u32 {
        match self {
            Self::V0 => 1,
            Self::V2 => 0,
        }
    }
}

impl Queues {
    /// Finds the queues, by what the driver says of them: the address of the area, the number of
    /// the entries of its table, where the queues begin in it.
    ///
    /// # Errors
    ///
    /// What the driver has done wrong.
    pub fn new(framing: Framing, ram: &Ram, arguments: [u64; 4]) -> Result<Self, Violation> {
        let [address, entries, commands, status] = arguments;
        let expect = |what, is, expected| match is == expected {
            true => Ok(()),
            false => Err(Violation::Argument { what, is, expected }),
        };
        expect(
            "the number of pages of the area",
            entries,
            AREA_PAGES as u64,
        )?;
        expect("the offset of the commands", commands, COMMANDS)?;
        expect("the offset of the status queue", status, STATUS)?;
        let mut pages = Vec::new();
        for index in 0..AREA_PAGES {
            let at = address.wrapping_add(8 * index as u64);
            let what = "the table of the area";
            let page = ram
                .load_u64(at)
                .map_err(|_| Violation::Outside { what, address: at })?;
            if page % PAGE as u64 != 0 || !ram.contains(page, PAGE) || pages.contains(&page) {
                let address = page;
                return Err(Violation::Page { index, address });
            }
            pages.push(page);
        }
        expect("the first page of the area", pages[0], address)?;
        let area = Area { pages };
        for (what, at, is) in [
            ("the queue's version", 0, 0),
            ("the queue's size", 4, SIZE),
            ("the size of a message", 8, PAGE as u64),
            ("the number of messages", 0xc, u64::from(COUNT)),
            ("the write pointer", 0x10, 0),
            ("the queue's flags", 0x14, 1),
            ("the offset of the read pointer", 0x18, READ_POINTER),
            ("the offset of the entries", 0x1c, ENTRIES),
            ("the read pointer", 0x20, 0),
        ] {
            // The driver may have written commands before it starts the processor.
            let value = area.load(ram, what, COMMANDS + at)?;
            if at != WRITE_POINTER {
                expect(what, u64::from(value), is)?;
            }
        }
        let this = Self {
            framing,
            area,
            read: 0,
            written: 0,
            write: 0,
            unread: 0,
            received: 0,
            sent: 0,
        };
        for (at, value) in [
            (0, 0),
            (4, SIZE as u32),
            (8, PAGE as u32),
            (0xc, COUNT),
            (0x10, 0),
            (0x14, 1),
            (0x18, READ_POINTER as u32),
            (0x1c, ENTRIES as u32),
            (0x20, 0),
        ] {
            this.area
                .store(ram, "the status queue's header", STATUS + at, value)?;
        }
        Ok(this)
    }

    /// Looks how far the driver has written: how many pages are to be read.
    ///
    /// # Errors
    ///
    /// What the driver has done wrong.
    pub fn look(&mut self, ram: &Ram, pointers: &Pointers) -> Result<u32, Violation> {
        let what = "the write pointer of the commands";
        let is = match self.framing {
            Framing::V0 => self.area.load(ram, what, COMMANDS + WRITE_POINTER)?,
            Framing::V2 => pointers.commands[0],
        };
        let written = self.distance(what, self.read, is)?;
        if written < self.written {
            let from = self.framing.after(self.read, self.written);
            return Err(Violation::Backwards { what, from, to: is });
        }
        self.written = written;
        Ok(written)
    }

    /// Takes the next command.
    ///
    /// # Errors
    ///
    /// What the driver has done wrong.
    pub fn receive(
        &mut self,
        ram: &Ram,
        pointers: &mut Pointers,
    ) -> Result<Option<Message>, Violation> {
        let written = self.look(ram, pointers)?;
        if written == 0 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.copy(ram, self.read, &mut bytes)?;
        let pages = wire::pages(self.framing, &bytes)?;
        if pages > written as usize {
            return Err(Violation::Partial { pages, written });
        }
        for page in 1..pages as u32 {
            self.copy(ram, self.framing.after(self.read, page), &mut bytes)?;
        }
        let message = Message::decode(self.framing, &bytes, self.received)?;
        self.received = self.received.wrapping_add(1);
        self.read = self.framing.after(self.read, pages as u32);
        self.written -= pages as u32;
        let what = "the read pointer of the commands";
        match self.framing {
            Framing::V0 => self
                .area
                .store(ram, what, STATUS + READ_POINTER, self.read)?,
            Framing::V2 => pointers.commands[1] = self.read,
        }
        Ok(Some(message))
    }

    fn copy(&self, ram: &Ram, page: u32, bytes: &mut Vec<u8>) -> Result<(), Violation> {
        let at = self
            .area
            .at(COMMANDS + ENTRIES + u64::from(page % COUNT) * PAGE as u64);
        let start = bytes.len();
        bytes.resize(start + PAGE, 0);
        ram.read(at, &mut bytes[start..])
            .map_err(|_| Violation::Outside {
                what: "a command",
                address: at,
            })
    }

    /// The number of pages that can be written without the driver reading any.
    ///
    /// # Errors
    ///
    /// What the driver has done wrong.
    pub fn room(&mut self, ram: &Ram, pointers: &Pointers) -> Result<u32, Violation> {
        let what = "the read pointer of the status queue";
        let is = match self.framing {
            Framing::V0 => self.area.load(ram, what, COMMANDS + READ_POINTER)?,
            Framing::V2 => pointers.messages[1],
        };
        let unread = self.distance(what, is, self.write)?;
        if unread > self.unread {
            let from = self.framing.before(self.write, self.unread);
            return Err(Violation::Backwards { what, from, to: is });
        }
        self.unread = unread;
        Ok(COUNT - self.framing.spare() - unread)
    }

    /// How many pages there are between two pointers, one of which is the driver's.
    fn distance(&self, what: &'static str, from: u32, to: u32) -> Result<u32, Violation> {
        // The processor's own is always right.
        let is = from.max(to);
        if self.framing == Framing::V0 && is >= COUNT {
            return Err(Violation::Pointer { what, is });
        }
        let distance = self.framing.distance(from, to);
        match self.framing {
            Framing::V2 if distance > COUNT => Err(Violation::Pointer { what, is }),
            _ => Ok(distance),
        }
    }

    /// The sequence number of the transport for the next message, which is used up.
    pub fn number(&mut self) -> u32 {
        let number = self.sent;
        self.sent = self.sent.wrapping_add(1);
        number
    }

    /// Writes a message, for which there has to be room, and then the write pointer: `wrong`
    /// instead of it, or so much past it if pointers run freely.
    ///
    /// # Errors
    ///
    /// The memory is gone.
    pub fn send(
        &mut self,
        ram: &Ram,
        pointers: &mut Pointers,
        bytes: &[u8],
        wrong: Option<u32>,
    ) -> Result<(), Violation> {
        for page in bytes.chunks(PAGE) {
            let at = self
                .area
                .at(STATUS + ENTRIES + u64::from(self.write % COUNT) * PAGE as u64);
            ram.write(at, page).map_err(|_| Violation::Outside {
                what: "a message",
                address: at,
            })?;
            self.write = self.framing.after(self.write, 1);
            self.unread += 1;
        }
        let what = "the write pointer of the status queue";
        match self.framing {
            Framing::V0 => {
                let value = wrong.unwrap_or(self.write);
                self.area.store(ram, what, STATUS + WRITE_POINTER, value)
            }
            Framing::V2 => {
                pointers.messages[0] = self.write.wrapping_add(wrong.unwrap_or(0));
                Ok(())
            }
        }
    }
}
