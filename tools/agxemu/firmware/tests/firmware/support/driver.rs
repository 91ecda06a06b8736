// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver's side of the channels, and the firmware under test.

use crate::support::abi::{abi, part};
use std::sync::Arc;

use agx_abi::channel::{self, ChannelInfo, ChannelState, DeviceControlMessage, FwCtlState};
use agx_abi::channel::{device_control, FwLogPayload, PipeKind, PipeMessage};
use agx_abi::event::initial_stamp;
use agx_abi::globals::Globals;
use agx_abi::init::{FwStatus, RuntimePointers};
use agx_abi::message;
use agx_abi::uat::Protection;
use agx_abi::{Field, Value};
use agxemu_firmware::gpu::Options;
use agxemu_firmware::panic::Panic;
use agxemu_firmware::script::Script;
use agxemu_firmware::{Firmware, DOORBELLS, ENDPOINT};
use agxemu_gpu::job::Limits;

use super::boot::{self, Tree};
use super::habits::{Habits, LINUX};
use super::machine::TestMachine;
use super::memory::Memory;

/// A message of the event channel: its type and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub kind: u32,
    pub words: Vec<u32>,
}

pub struct Driver {
    pub machine: Arc<TestMachine>,
    pub mem: Memory,
    pub tree: Tree,
    pub fw: Firmware,
    /// Arrays of stamps.
    pub host_stamps: u64,
    pub fw_stamps: u64,
    pub habits: Habits,
    event_read: u32,
    log_read: [u32; 6],
    /// Time that the last `run` asked to be called at.
    pub wake: Option<u64>,
}

impl Driver {
    /// Memory prepared, nothing sent.
    pub fn new(rules: &[&str]) -> Self {
        Self::with(rules, &LINUX)
    }

    /// As [`Driver::new`], with habits of its own.
    pub fn with(rules: &[&str], habits: &Habits) -> Self {
        let machine = Arc::new(TestMachine::new());
        let mut mem = Memory::new(machine.clone(), habits);
        let tree = boot::build(&mut mem, habits);
        let host_stamps = mem.alloc(Protection::FW_SHARED_RW, 4 * 128);
        let fw_stamps = mem.alloc(habits.private, 4 * 128);
        for slot in 0..128 {
            mem.set_u32(host_stamps + 4 * slot, initial_stamp(slot as usize));
        }
        let script: Script = rules
            .iter()
            .map(|rule| rule.parse().expect("rule"))
            .collect();
        let mut fw = Firmware::new(machine.clone(), part(), script);
        fw.set_gpu(Options {
            threads: 2,
            limits: Limits {
                group: 1 << 12,
                job: 1 << 14,
            },
            ..Options::default()
        });
        Self {
            machine,
            mem,
            tree,
            fw,
            host_stamps,
            fw_stamps,
            habits: *habits,
            event_read: 0,
            log_read: [0; 6],
            wake: None,
        }
    }

    /// A driver whose firmware is up.
    pub fn up(rules: &[&str]) -> Self {
        let mut driver = Self::new(rules);
        driver.boot().expect("boot");
        driver
    }

    pub fn boot(&mut self) -> Result<(), Panic> {
        self.init()?;
        self.initialize()
    }

    pub fn init(&mut self) -> Result<(), Panic> {
        self.fw
            .message(ENDPOINT, message::init(self.tree.init_data))?;
        self.run()
    }

    pub fn initialize(&mut self) -> Result<(), Panic> {
        let mut m = DeviceControlMessage::new(abi());
        m.set(
            DeviceControlMessage::KIND,
            device_control::INITIALIZE.of(abi()) as u32,
        );
        self.control(m.as_bytes())
    }

    pub fn run(&mut self) -> Result<(), Panic> {
        self.wake = self.fw.run()?;
        Ok(())
    }

    /// Lets the time pass that the firmware waits for, once.
    pub fn sleep(&mut self) -> Result<(), Panic> {
        use agxemu_firmware::machine::Machine;
        if let Some(wake) = self.wake {
            self.machine
                .advance(wake.saturating_sub(self.machine.ticks()));
        }
        self.run()
    }

    pub fn place(&self, field: Field<RuntimePointers, ChannelInfo>) -> (u64, u64) {
        let info = self.mem.get(self.tree.pointers, field);
        (info.get(ChannelInfo::STATE), info.get(ChannelInfo::RING))
    }

    /// Puts a message into a ring.
    pub fn put(&self, (state, ring): (u64, u64), count: u32, entry: &[u8]) {
        let write = self.mem.get(state, ChannelState::WRITE_PTR);
        self.mem
            .write(ring + u64::from(write) * entry.len() as u64, entry);
        self.mem
            .set(state, ChannelState::WRITE_PTR, (write + 1) % count);
    }

    pub fn ring(&mut self, channel: u16) -> Result<(), Panic> {
        let m = message::message(message::TYPE_TX_DOORBELL, channel.into());
        self.fw.message(DOORBELLS, m)?;
        self.run()
    }

    /// Sends a device control message and rings.
    pub fn control(&mut self, entry: &[u8]) -> Result<(), Panic> {
        let place = self.place(RuntimePointers::DEVICE_CONTROL);
        self.put(place, channel::DEVICE_CONTROL_ENTRIES, entry);
        self.ring(message::DOORBELL_DEVICE_CONTROL)
    }

    /// Puts a submission into its pipe.
    pub fn put_pipe(&self, kind: PipeKind, priority: usize, m: &PipeMessage) {
        let index = RuntimePointers::pipe(kind, priority);
        let place = self.place(RuntimePointers::PIPES.at(index));
        self.put(place, channel::PIPE_ENTRIES, m.as_bytes());
    }

    pub fn fw_ctl(&mut self, m: &channel::FwCtlMessage) -> Result<(), Panic> {
        let info = self.mem.get(self.tree.status, FwStatus::FW_CTL);
        let (state, ring) = (info.get(ChannelInfo::STATE), info.get(ChannelInfo::RING));
        let write = self.mem.get(state, FwCtlState::WRITE_PTR);
        self.mem.write(
            ring + u64::from(write) * m.as_bytes().len() as u64,
            m.as_bytes(),
        );
        let next = (write + 1) % channel::FW_CTL_ENTRIES;
        self.mem.set(state, FwCtlState::WRITE_PTR, next);
        self.fw.message(
            DOORBELLS,
            message::message(message::TYPE_FW_CTL_DOORBELL, 0),
        )?;
        self.run()?;
        assert_eq!(self.mem.get(state, FwCtlState::READ_PTR), next);
        Ok(())
    }

    /// Events that were not read yet, in order.
    pub fn events(&mut self) -> Vec<Event> {
        let (state, ring) = self.place(RuntimePointers::EVENT);
        let write = self.mem.get(state, ChannelState::WRITE_PTR);
        let mut events = Vec::new();
        while self.event_read != write {
            let size = channel::EventMessage::SIZE;
            let bytes = self
                .mem
                .read(ring + u64::from(self.event_read) * size as u64, size);
            let words: Vec<u32> = bytes.chunks(4).map(u32::read).collect();
            events.push(Event {
                kind: words[0],
                words: words[1..].to_vec(),
            });
            self.event_read = (self.event_read + 1) % channel::EVENT_ENTRIES;
        }
        self.mem.set(state, ChannelState::READ_PTR, self.event_read);
        events
    }

    /// Event bits of all Flag messages that were not read yet; other events are an error.
    pub fn flags(&mut self) -> Vec<u128> {
        let bits = |event: Event| {
            assert_eq!(event.kind, channel::event::FLAG, "{event:x?}");
            (0..4).fold(0, |bits, i| bits | (u128::from(event.words[i]) << (32 * i)))
        };
        self.events().into_iter().map(bits).collect()
    }

    /// Lines of the log that were not read yet, by level.
    pub fn log_lines(&mut self) -> Vec<(usize, String)> {
        let (states, _) = self.place(RuntimePointers::FW_LOG);
        let mut lines = Vec::new();
        for level in 0..6 {
            let state = states + (level * ChannelState::SIZE) as u64;
            let write = self.mem.get(state, ChannelState::WRITE_PTR);
            while self.log_read[level] != write {
                let slot = level as u64 * 0x100 + u64::from(self.log_read[level]);
                let at = self.tree.log_payloads + slot * FwLogPayload::SIZE as u64;
                let text = self.mem.get(at, FwLogPayload::TEXT);
                let end = text.iter().position(|b| *b == 0).expect("zero byte");
                lines.push((
                    level,
                    String::from_utf8(text[..end].to_vec()).expect("text"),
                ));
                self.log_read[level] = (self.log_read[level] + 1) % 0x100;
            }
            self.mem
                .set(state, ChannelState::READ_PTR, self.log_read[level]);
        }
        lines
    }

    /// Messages to the host since the last call.
    pub fn messages(&self) -> Vec<(u8, u64)> {
        self.machine.sent.lock().unwrap().drain(..).collect()
    }

    pub fn host_stamp(&self, slot: u8) -> u32 {
        self.mem.u32(self.host_stamps + 4 * u64::from(slot))
    }

    pub fn fw_stamp(&self, slot: u8) -> u32 {
        self.mem.u32(self.fw_stamps + 4 * u64::from(slot))
    }

    /// Changes the count of jobs that are under way, if this driver counts.
    pub fn pending(&self, change: i32) {
        if !self.habits.counts {
            return;
        }
        let old = self
            .mem
            .get(self.tree.globals, Globals::PENDING_SUBMISSIONS);
        let new = old.wrapping_add_signed(change);
        self.mem
            .set(self.tree.globals, Globals::PENDING_SUBMISSIONS, new);
    }
}
