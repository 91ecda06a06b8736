// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver by hand: its memory, and messages.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use emulated_guest::ram::{Anonymous, Ram};
use emulated_guest::Lines;
use gspemu::machine::{Machine, Time};
use gspemu::queue::COUNT;
use gspemu::registers as regs;
use gspemu::rm::{class, status, ALLOC, CONTROL};
use gspemu::script::Script;
use gspemu::wire::{self, event, function, put, word, Framing, Message, PAGE};

pub const BASE: u64 = 0x4000_0000;
/// The tables are at the beginning, and the pages of the area after them, in reverse.
pub const LIBOS: u64 = BASE;
pub const ARGUMENTS: u64 = BASE + 0x1000;
pub const LOGS: u64 = BASE + 0x2000;
pub const AREA: u64 = BASE + 0x10_0000;
pub const PAGES: u64 = 129;

pub struct Pulses(Arc<AtomicU64>);

impl Lines for Pulses {
    fn pulse(&self, _vector: u32) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub struct Host {
    pub ram: Arc<Ram>,
    pub machine: Machine,
    pub pulses: Arc<AtomicU64>,
    pub log: Arc<Mutex<Vec<String>>>,
    pub now: Time,
    pub write: u32,
    pub read: u32,
    pub sequence: u32,
    pub call: u32,
    pub framing: Framing,
}

impl Host {
    /// A machine with its memory as a driver sets it up, not started.
    pub fn new(rules: &[&str]) -> Self {
        Self::with_framing(rules, Framing::V0)
    }

    pub fn with_framing(rules: &[&str], framing: Framing) -> Self {
        let ram = Arc::new(Ram::default());
        ram.map(BASE, Arc::new(Anonymous::new(1024)));
        let pulses = Arc::new(AtomicU64::new(0));
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut script = Script::default();
        for rule in rules {
            script.add(rule.parse().expect("a rule"));
        }
        let lines = log.clone();
        let machine = Machine::new(
            ram.clone(),
            Box::new(Pulses(pulses.clone())),
            Box::new(move |line| lines.lock().expect("log").push(line.to_owned())),
            script,
            framing,
        );
        let mut this = Self {
            ram,
            machine,
            pulses,
            log,
            now: 1,
            write: 0,
            read: 0,
            sequence: 0,
            call: 0,
            framing,
        };
        this.set_up();
        this
    }

    /// The physical address of `offset` of the area, whose pages lie in reverse but for the first.
    pub fn at(&self, offset: u64) -> u64 {
        let page = offset / PAGE as u64;
        let page = if page == 0 { 0 } else { PAGES - page };
        AREA + page * PAGE as u64 + offset % PAGE as u64
    }

    pub fn set_up(&mut self) {
        let ram = &self.ram;
        let write = |at: u64, bytes: &[u8]| ram.write(at, bytes).expect("RAM");
        write(AREA, &vec![0; PAGES as usize * PAGE]);
        for page in 0..PAGES {
            let at = self.at(page * PAGE as u64);
            write(AREA + 8 * page, &at.to_le_bytes());
        }
        for (i, name) in ["LOGINIT", "LOGINTR", "LOGRM", "RMARGS"].iter().enumerate() {
            let mut id: Vec<u8> = name.bytes().rev().collect();
            id.resize(8, 0);
            let (address, size) = match *name {
                "RMARGS" => (ARGUMENTS, 0x1000u64),
                _ => (LOGS + 0x1_0000 * i as u64, 0x1_0000),
            };
            let entry = LIBOS + 32 * i as u64;
            write(entry, &id);
            write(entry + 8, &address.to_le_bytes());
            write(entry + 16, &size.to_le_bytes());
            write(entry + 24, &[1, 1]);
        }
        for (at, value) in [(0, AREA), (8, PAGES), (16, 0x1000), (24, 0x4_1000)] {
            write(ARGUMENTS + at, &value.to_le_bytes());
        }
        for (i, value) in [0, 0x4_0000, 0x1000, 63, 0, 1, 0x20, 0x1000]
            .iter()
            .enumerate()
        {
            ram.store_u32(self.at(0x1000 + 4 * i as u64), *value)
                .expect("RAM");
        }
    }

    pub fn start(&mut self) {
        self.machine.write(regs::MAILBOX0, LIBOS as u32, self.now);
        self.machine.write(regs::MAILBOX1, 0, self.now);
        self.machine
            .write(regs::CPUCTL, regs::CPUCTL_START, self.now);
        // Leaf and subtree of the vector.
        self.machine.write(0xb8_1200 + 16, 1 << 27, self.now);
        self.machine.write(0xb8_1608, 1 << 2, self.now);
    }

    /// As [`Self::start`], with the commands that the processor waits for.
    pub fn start_with_commands(&mut self) {
        self.start();
        self.send(function::GSP_SET_SYSTEM_INFO, &[0; 0x3a0]);
        self.send(function::SET_REGISTRY, &[8, 0, 0, 0, 0, 0, 0, 0]);
    }

    /// Resets the processor, and starts it again.
    pub fn restart(&mut self) {
        self.machine.write(regs::ENGINE, regs::ENGINE_RESET, 0);
        self.machine.write(regs::ENGINE, 0, 0);
        (self.write, self.read, self.sequence) = (0, 0, 0);
        self.set_up();
        self.start_with_commands();
    }

    /// Until the processor has initialised.
    pub fn boot(rules: &[&str]) -> Self {
        Self::boot_with(rules, Framing::V0)
    }

    pub fn boot_with(rules: &[&str], framing: Framing) -> Self {
        let mut host = Self::with_framing(rules, framing);
        host.start_with_commands();
        host.run();
        let mut first = host.receive().expect("a message");
        if first.function == event::GSP_RUN_CPU_SEQUENCER {
            first = host.receive().expect("a message");
        }
        assert_eq!(first.function, event::GSP_INIT_DONE);
        host
    }

    /// With a client, a device and a subdevice.
    pub fn with_objects(rules: &[&str]) -> Self {
        Self::boot(rules).make_objects()
    }

    pub fn make_objects(self) -> Self {
        let mut host = self;
        for (parent, handle, class) in [
            (0, 1, class::CLIENT),
            (1, 2, class::DEVICE),
            (2, 3, class::SUBDEVICE),
        ] {
            let mut payload = vec![0; ALLOC];
            for (i, value) in [1, parent, handle, class].into_iter().enumerate() {
                put(&mut payload, 4 * i, value);
            }
            let reply = host.call(function::GSP_RM_ALLOC, &payload);
            assert_eq!(word(&reply.payload, 16), status::OK);
        }
        host
    }

    pub fn run(&mut self) {
        while let Some(next) = self.machine.run(self.now) {
            if next > self.now + 100 {
                break;
            }
            self.now = next;
        }
    }

    pub fn post(&mut self, bytes: &[u8]) {
        for page in bytes.chunks(PAGE) {
            let at = self.at(0x2000 + u64::from(self.write % COUNT) * PAGE as u64);
            self.ram.write(at, page).expect("RAM");
            self.write = self.after(self.write, 1);
        }
        self.sequence += 1;
        if self.framing == Framing::V2 {
            return self.machine.write(regs::QUEUE_HEAD, self.write, self.now);
        }
        self.ram
            .store_u32(self.at(0x1010), self.write)
            .expect("RAM");
        self.machine.write(regs::QUEUE_HEAD, 0, self.now);
    }

    fn after(&self, pointer: u32, pages: u32) -> u32 {
        match self.framing {
            Framing::V0 => (pointer + pages) % COUNT,
            Framing::V2 => pointer + pages,
        }
    }

    pub fn send(&mut self, function: u32, payload: &[u8]) -> u32 {
        self.call += 1;
        let message = Message {
            sequence: self.sequence,
            function,
            call: self.call,
            result: u32::MAX,
            payload: payload.to_vec(),
        };
        self.post(&message.encode(self.framing));
        self.call
    }

    pub fn control(&mut self, command: u32, parameters: &[u8]) -> u32 {
        let mut payload = vec![0; CONTROL];
        put(&mut payload, 0, 1);
        put(&mut payload, 4, 3);
        put(&mut payload, 8, command);
        put(&mut payload, 16, parameters.len() as u32);
        payload.extend(parameters);
        self.send(function::GSP_RM_CONTROL, &payload)
    }

    /// The next message. What the processor sends has results, unlike commands.
    pub fn receive(&mut self) -> Option<Message> {
        let written = match self.framing {
            Framing::V0 => self.ram.load_u32(self.at(0x4_1010)).expect("RAM"),
            Framing::V2 => self.machine.read(regs::MSGQ_HEAD),
        };
        if written == self.read {
            return None;
        }
        let mut bytes = vec![0; 16 * PAGE];
        let count = match self.framing {
            Framing::V0 => (written + COUNT - self.read) % COUNT,
            Framing::V2 => written - self.read,
        };
        for page in 0..count.min(16) {
            let n = u64::from((self.read + page) % COUNT);
            let start = page as usize * PAGE;
            self.ram
                .read(
                    self.at(0x4_2000 + n * PAGE as u64),
                    &mut bytes[start..start + PAGE],
                )
                .expect("RAM");
        }
        let pages = wire::pages(self.framing, &bytes).expect("pages");
        let call = &bytes[self.framing.transport()..];
        let end = self.framing.transport() + word(call, 8) as usize;
        self.read = self.after(self.read, pages as u32);
        match self.framing {
            Framing::V0 => {
                assert_eq!(wire::checksum(&bytes[..end]), 0);
                self.ram.store_u32(self.at(0x1020), self.read).expect("RAM");
            }
            Framing::V2 => self.machine.write(regs::MSGQ_TAIL, self.read, self.now),
        }
        Some(Message {
            sequence: word(&bytes, 0x24),
            function: word(call, 12),
            call: word(call, 24),
            result: word(call, 16),
            payload: bytes[self.framing.headers()..end].to_vec(),
        })
    }

    pub fn call(&mut self, function: u32, payload: &[u8]) -> Message {
        let call = self.send(function, payload);
        self.run();
        let reply = self.receive().expect("a reply");
        assert_eq!((reply.function, reply.call), (function, call));
        reply
    }

    /// Whether the processor has halted, of what is wrong by the log.
    pub fn has_died_of(&mut self, reason: &str) -> bool {
        self.run();
        let log = self.log.lock().expect("log");
        let said = log.iter().any(|line| line.contains(reason));
        drop(log);
        said && self.machine.read(regs::CPUCTL) & regs::CPUCTL_HALTED != 0
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("log").join("\n")
    }
}
