// SPDX-License-Identifier: MIT OR Apache-2.0

//! Channels: each is a ring of entries in memory that lead to methods, for the engine that copies.
//!
//! ```text
//!            schedule                put, doorbell           acquire is not fulfilled
//!  ┌─────┐ ───────────► ┌────────┐ ──────────────► ┌──────┐ ────────────────────────► ┌───────┐
//!  │ off │              │  idle  │                 │ runs │                           │ waits │
//!  └─────┘ ◄─────────── └────────┘ ◄────────────── └──┬───┘ ◄──────────────────────── └───────┘
//!             stopped               get is put        │      memory has it, looked at now and then
//!                                                     │ method, address or entry is wrong
//!                                                     ▼
//!                                                ┌─────────┐
//!                                                │ faulted │  only freed from here
//!                                                └─────────┘
//! ```
//!
//! A fault ends its channel and no other: the firmware reports it, and the channel accesses no
//! memory from there on. Entries, methods and the copy engine's registers are those of the vendor's
//! classes c46f and c5b5, as nouveau uses them. Addresses are those of memory: this processor has
//! no address spaces.

use std::collections::{BTreeMap, VecDeque};

use emulated_guest::ram::Ram;

use crate::wire::word;

/// Channels that there can be.
pub const COUNT: u32 = 64;
/// The engine that copies, as allocations name it.
pub const ENGINE_COPY: u32 = 9;
/// The list that its channels run from. Inferred: hardware has a table that says which.
pub const RUNLIST: u32 = 1;
/// Where a channel's pointers are in its page: what it has fetched, and what there is.
const GP_GET: u64 = 0x88;
const GP_PUT: u64 = 0x8c;
const MOST_ENTRIES: u32 = 1 << 16;
/// Words of an entry: more than that is taken for nonsense.
const MOST_WORDS: u32 = 1 << 16;
/// Bytes that are copied at once.
const MOST_BYTES: u64 = 1 << 26;
/// Methods of one channel before others have their turn.
const TURN: usize = 256;
/// Bytes that one channel copies before others have their turn, and what a piece counts at least:
/// short lines take time, too.
const TURN_BYTES: u64 = 1 << 20;
const PIECE_LEAST: u64 = 64;
/// Methods of all channels before the processor does something else.
const TURN_OF_ALL: u64 = 1 << 14;

/// Parameters of an allocation: all of it, ring, entries, flags, engine, and the description of the
/// page with the pointers.
pub const ALLOCATION: usize = 360;
const RING: usize = 8;
const ENTRIES: usize = 16;
const FLAGS: usize = 20;
const ENGINE: usize = 128;
const USERD: usize = 168;
const USERD_SPACE: usize = 184;
const SPACE_SYSTEM: u32 = 1;

mod host {
    //! Methods of all channels.
    pub const SET_OBJECT: u32 = 0x0;
    pub const NOP: u32 = 0x8;
    pub const NON_STALL_INTERRUPT: u32 = 0x20;
    pub const SEM_ADDR_LO: u32 = 0x5c;
    pub const SEM_ADDR_HI: u32 = 0x60;
    pub const SEM_PAYLOAD_LO: u32 = 0x64;
    pub const SEM_PAYLOAD_HI: u32 = 0x68;
    pub const SEM_EXECUTE: u32 = 0x6c;
    /// Operations of a semaphore.
    pub const ACQUIRE: u32 = 0;
    pub const RELEASE: u32 = 1;
    pub const ACQUIRE_STRICT: u32 = 2;
    pub const ACQUIRE_CIRCULAR: u32 = 3;
    pub const OPERATION: u32 = 7;
    pub const WAIT_IDLE: u32 = 1 << 20;
}

mod copy {
    //! Methods of the engine that copies.
    pub const LAUNCH: u32 = 0x300;
    pub const IN_UPPER: u32 = 0x400;
    pub const LENGTH: u32 = 0x418;
    pub const LINES: u32 = 0x41c;
    /// Pipelined or not; flush; both sides pitch.
    pub const TRANSFER: u32 = 3;
    pub const FLUSH: u32 = 1 << 2;
    pub const PITCH: u32 = 3 << 7;
}

/// What has ended a channel, as the firmware reports it. The numbers are those of the vendor's
/// public list of errors; that reports of this kind have the same ones is inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An address that is no memory.
    Address = 31,
    /// An entry or a method of the host's.
    Host = 32,
    /// A method of the engine's.
    Engine = 39,
}

type Wrong = (Fault, String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off,
    /// Has nothing, or goes on.
    On,
    /// Waits for a word in memory.
    Waits,
    Faulted,
}

/// Words to one method or to those that follow.
#[derive(Debug)]
struct Burst {
    method: u32,
    subchannel: u32,
    left: u32,
    /// 0, always; 1, after the first; never.
    increments: u32,
}

#[derive(Debug)]
struct Channel {
    ring: u64,
    entries: u32,
    userd: u64,
    get: u32,
    put: u32,
    state: State,
    words: VecDeque<u32>,
    burst: Option<Burst>,
    /// The class of each subchannel.
    classes: [u32; 8],
    /// Address and payload, low and high.
    semaphore: [u32; 4],
    /// From [`copy::IN_UPPER`] on.
    copy: [u32; 8],
    /// The line that is being copied, and how much of it was, while there are such.
    copying: Option<(u64, u64)>,
}

/// What channels have come to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// An interrupt was asked for.
    pub interrupt: bool,
    /// Channels that have faulted, and why.
    pub faults: Vec<(u32, Fault, String)>,
    /// One waits for a word in memory.
    pub waits: bool,
    /// One has more to do.
    pub more: bool,
    /// Methods that were done.
    pub methods: u64,
}

/// All channels.
#[derive(Debug, Default)]
pub struct Channels(BTreeMap<u32, Channel>);

impl Channels {
    /// Makes a channel, which is off, from the parameters of an allocation, and returns its number.
    /// `None` if they are wrong.
    pub fn allocate(&mut self, parameters: &[u8]) -> Option<u32> {
        if parameters.len() != ALLOCATION {
            return None;
        }
        let long =
            |at| u64::from(word(parameters, at)) | (u64::from(word(parameters, at + 4)) << 32);
        let flags = word(parameters, FLAGS);
        // The page of pointers, eight to a page, and which of it.
        let id = ((flags >> 12) & 0x1ff) * 8 + ((flags >> 8) & 7);
        let entries = word(parameters, ENTRIES);
        let (ring, userd) = (long(RING), long(USERD));
        let right = id < COUNT
            && !self.0.contains_key(&id)
            && (2..=MOST_ENTRIES).contains(&entries)
            && entries.is_power_of_two()
            && ring % 8 == 0
            && userd % 512 == 0
            && word(parameters, ENGINE) == ENGINE_COPY
            && word(parameters, USERD_SPACE) == SPACE_SYSTEM;
        if !right {
            return None;
        }
        let channel = Channel {
            ring,
            entries,
            userd,
            get: 0,
            put: 0,
            state: State::Off,
            words: VecDeque::new(),
            burst: None,
            classes: [0; 8],
            semaphore: [0; 4],
            copy: [0; 8],
            copying: None,
        };
        self.0.insert(id, channel);
        Some(id)
    }

    /// Frees a channel: it accesses no memory from here on.
    pub fn free(&mut self, id: u32) {
        self.0.remove(&id);
    }

    /// Lets a channel run, or not. False if it has faulted, or is not there.
    pub fn schedule(&mut self, id: u32, on: bool) -> bool {
        match self.0.get_mut(&id) {
            Some(channel) if channel.state != State::Faulted => {
                channel.state = if on { State::On } else { State::Off };
                true
            }
            _ => false,
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A doorbell: the channel looks for entries.
    ///
    /// # Errors
    ///
    /// The token is nobody's.
    pub fn ring(&mut self, token: u32, ram: &Ram) -> Result<(), String> {
        let channel = match token >> 16 {
            RUNLIST => self.0.get_mut(&(token & 0xffff)),
            _ => None,
        };
        let channel = channel.ok_or(format!("doorbell {token:#x} of no channel"))?;
        match channel.state {
            State::Off => Err(format!("doorbell {token:#x} of a channel that is off")),
            // The driver cannot have heard of it.
            State::Faulted => Ok(()),
            State::On | State::Waits => {
                // An address that is no memory is found when it runs.
                channel.put = ram.load_u32(channel.userd + GP_PUT).unwrap_or(u32::MAX);
                Ok(())
            }
        }
    }

    /// Runs all channels until they have nothing, wait, or have had their turn.
    pub fn run(&mut self, ram: &Ram) -> Outcome {
        let mut outcome = Outcome::default();
        // Again when any got on: one may wait for what another has released.
        let mut got_on = true;
        while got_on && !outcome.more {
            got_on = false;
            outcome.waits = false;
            for (id, channel) in &mut self.0 {
                let before = outcome.methods;
                if let Err((fault, why)) = channel.run(ram, &mut outcome) {
                    channel.state = State::Faulted;
                    outcome.faults.push((*id, fault, why));
                }
                got_on |= outcome.methods != before;
            }
            // They may go on for as long as their rings have it.
            outcome.more |= got_on && outcome.methods >= TURN_OF_ALL;
        }
        outcome
    }
}

impl Channel {
    fn run(&mut self, ram: &Ram, outcome: &mut Outcome) -> Result<(), Wrong> {
        if matches!(self.state, State::Off | State::Faulted) {
            return Ok(());
        }
        let mut bytes = TURN_BYTES;
        for _ in 0..TURN {
            if !self.copy_lines(&mut bytes, ram)? {
                outcome.more = true;
                return Ok(());
            }
            if self.words.is_empty() && self.get == self.put {
                return Ok(());
            }
            if self.words.is_empty() {
                self.fetch(ram)?;
                continue;
            }
            if !self.step(ram, outcome)? {
                self.state = State::Waits;
                outcome.waits = true;
                return Ok(());
            }
            self.state = State::On;
        }
        outcome.more = true;
        Ok(())
    }

    /// Fetches the next entry's words.
    fn fetch(&mut self, ram: &Ram) -> Result<(), Wrong> {
        let outside = |at: u64| (Fault::Address, format!("{at:#x} is no memory"));
        if self.put >= self.entries {
            return Err((
                Fault::Host,
                format!("put is {} of {}", self.put, self.entries),
            ));
        }
        let at = self.ring + 8 * u64::from(self.get);
        let entry = ram.load_u64(at).map_err(|_| outside(at))?;
        let (low, high) = (entry as u32, (entry >> 32) as u32);
        // The lower two bits are flags, which nobody here uses.
        let address = u64::from(low) | (u64::from(high & 0xff) << 32);
        let words = (high >> 10) & 0x1f_ffff;
        if low & 3 != 0 || words == 0 || words > MOST_WORDS {
            return Err((Fault::Host, format!("entry {entry:#x}")));
        }
        let mut bytes = vec![0; 4 * words as usize];
        ram.read(address, &mut bytes)
            .map_err(|_| outside(address))?;
        self.words = bytes
            .chunks_exact(4)
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        self.get = (self.get + 1) % self.entries;
        let at = self.userd + GP_GET;
        ram.store_u32(at, self.get).map_err(|_| outside(at))
    }

    /// Does the next word. False if it has to wait: then nothing was done.
    fn step(&mut self, ram: &Ram, outcome: &mut Outcome) -> Result<bool, Wrong> {
        let Some(&value) = self.words.front() else {
            return Ok(true);
        };
        let Some(burst) = &self.burst else {
            self.words.pop_front();
            return self.header(value, ram, outcome).map(|()| true);
        };
        let (method, subchannel) = (burst.method, burst.subchannel);
        if !self.method(subchannel, method, value, ram, outcome)? {
            return Ok(false);
        }
        self.words.pop_front();
        let Some(burst) = &mut self.burst else {
            return Ok(true);
        };
        burst.left -= 1;
        if burst.increments != 0 {
            burst.method += 4;
            burst.increments -= 1;
        }
        if burst.left == 0 {
            self.burst = None;
        }
        Ok(true)
    }

    fn header(&mut self, header: u32, ram: &Ram, outcome: &mut Outcome) -> Result<(), Wrong> {
        let method = (header & 0xfff) << 2;
        let subchannel = (header >> 13) & 7;
        let count = (header >> 16) & 0x1fff;
        let increments = match header >> 29 {
            // Increasing, not increasing, increasing once.
            1 => u32::MAX,
            3 => 0,
            5 => 1,
            // The word is in the header.
            4 => {
                let done = self.method(subchannel, method, count, ram, outcome)?;
                return match done {
                    true => Ok(()),
                    false => Err((Fault::Host, "waits by an immediate word".into())),
                };
            }
            _ => return Err((Fault::Host, format!("header {header:#x}"))),
        };
        self.burst = (count > 0).then_some(Burst {
            method,
            subchannel,
            left: count,
            increments,
        });
        Ok(())
    }

    fn method(
        &mut self,
        subchannel: u32,
        method: u32,
        value: u32,
        ram: &Ram,
        outcome: &mut Outcome,
    ) -> Result<bool, Wrong> {
        match method {
            host::SET_OBJECT => self.classes[subchannel as usize] = value & 0xffff,
            host::NOP => {}
            host::NON_STALL_INTERRUPT => outcome.interrupt = true,
            host::SEM_ADDR_LO | host::SEM_ADDR_HI | host::SEM_PAYLOAD_LO | host::SEM_PAYLOAD_HI => {
                self.semaphore[((method - host::SEM_ADDR_LO) / 4) as usize] = value;
            }
            host::SEM_EXECUTE => {
                if !self.semaphore(value, ram)? {
                    return Ok(false);
                }
            }
            0..0x100 => return Err((Fault::Host, format!("method {method:#x}"))),
            _ if self.classes[subchannel as usize] == crate::rm::class::COPY => {
                self.copies(method, value)?;
            }
            _ => {
                let class = self.classes[subchannel as usize];
                return Err((
                    Fault::Engine,
                    format!("method {method:#x} of class {class:#x}"),
                ));
            }
        }
        outcome.methods += 1;
        Ok(true)
    }

    fn semaphore(&self, execute: u32, ram: &Ram) -> Result<bool, Wrong> {
        let [low, high, payload, _] = self.semaphore;
        let at = u64::from(low) | (u64::from(high) << 32);
        if at % 4 != 0 || execute & !(host::OPERATION | host::WAIT_IDLE) != 0 {
            return Err((Fault::Host, format!("semaphore {at:#x}, {execute:#x}")));
        }
        let outside = |_| (Fault::Address, format!("semaphore {at:#x}"));
        let operation = execute & host::OPERATION;
        if operation == host::RELEASE {
            ram.store_u32(at, payload).map_err(outside)?;
            return Ok(true);
        }
        let is = ram.load_u32(at).map_err(outside)?;
        match operation {
            host::ACQUIRE => Ok(is == payload),
            host::ACQUIRE_STRICT => Ok(is >= payload),
            host::ACQUIRE_CIRCULAR => Ok(is.wrapping_sub(payload) < 1 << 31),
            _ => Err((Fault::Host, format!("operation {operation} of a semaphore"))),
        }
    }

    fn copies(&mut self, method: u32, value: u32) -> Result<(), Wrong> {
        match method {
            copy::IN_UPPER..=copy::LINES => {
                self.copy[((method - copy::IN_UPPER) / 4) as usize] = value;
                Ok(())
            }
            copy::LAUNCH => self.launch(value),
            _ => Err((
                Fault::Engine,
                format!("method {method:#x} of the copy engine"),
            )),
        }
    }

    fn launch(&mut self, how: u32) -> Result<(), Wrong> {
        let [length, lines] = self.size();
        let wrong = how & !(copy::TRANSFER | copy::FLUSH | copy::PITCH) != 0
            || how & copy::PITCH != copy::PITCH
            || !matches!(how & copy::TRANSFER, 1 | 2)
            // Inferred: a copy of no bytes is taken for a mistake of the driver's.
            || length == 0
            || lines == 0
            || u64::from(length) * u64::from(lines) > MOST_BYTES;
        if wrong {
            return Err((
                Fault::Engine,
                format!("launch {how:#x}: {lines} of {length}"),
            ));
        }
        self.copying = Some((0, 0));
        Ok(())
    }

    /// The length of a line, and how many there are.
    fn size(&self) -> [u32; 2] {
        [copy::LENGTH, copy::LINES].map(|at| self.copy[((at - copy::IN_UPPER) / 4) as usize])
    }

    /// Goes on with what was launched, for so many bytes. False if there is more.
    fn copy_lines(&mut self, budget: &mut u64, ram: &Ram) -> Result<bool, Wrong> {
        let [in_high, in_low, out_high, out_low, in_pitch, out_pitch, ..] = self.copy;
        let [length, lines] = self.size().map(u64::from);
        let mut bytes = Vec::new();
        while let Some((line, done)) = self.copying {
            if *budget == 0 {
                return Ok(false);
            }
            let piece = (length - done).min(*budget);
            let place = |high, low, pitch| {
                let base = (u64::from(high) << 32) | u64::from(low);
                base.wrapping_add(line * u64::from(pitch) + done)
            };
            let (from, to) = (
                place(in_high, in_low, in_pitch),
                place(out_high, out_low, out_pitch),
            );
            let outside = |_| (Fault::Address, format!("copy from {from:#x} to {to:#x}"));
            bytes.resize(piece as usize, 0);
            ram.read(from, &mut bytes).map_err(outside)?;
            ram.write(to, &bytes).map_err(outside)?;
            *budget = budget.saturating_sub(piece.max(PIECE_LEAST));
            self.copying = match (line + 1 < lines, done + piece < length) {
                (_, true) => Some((line, done + piece)),
                (true, false) => Some((line + 1, 0)),
                (false, false) => None,
            };
        }
        Ok(true)
    }
}

#[cfg(test)]
pub(crate) mod tests;
