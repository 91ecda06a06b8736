// SPDX-License-Identifier: MIT OR Apache-2.0

//! The processor: its states, and how it goes through commands.
//!
//! ```text
//!           start                SET_SYSTEM_INFO, SET_REGISTRY        says so
//!  ┌─────┐ ──────► ┌──────────┐ ─────────────────────────► ┌──────┐ ────────► ┌─────────┐
//!  │ off │         │ expects  │                            │ init │           │ running │
//!  └─────┘         └────┬─────┘                            └──┬───┘           └─┬─────┬─┘
//!     ▲                 │ violation, crash                    │                 │     │ UNLOADING
//!     │ reset of the    ▼                                     ▼                 ▼     ▼
//!     │ engine     ┌────────────────────────────────────────────────────────────┐ ┌───────────┐
//!     └────────────┤ halted                                                     │ │ suspended │
//!                  └────────────────────────────────────────────────────────────┘ └───────────┘
//! ```
//!
//! Any state is left for "off" by a reset. In "suspended" and in "halted" no command is looked at;
//! what a driver sends then is reported.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use emulated_guest::ram::Ram;
use emulated_guest::Lines;

use crate::boot::{find_queues, sequence};
use crate::counters::Counters;
use crate::lines::Lines as LogLines;
use crate::outgoing::{self, Outgoing};
use crate::queue::{Pointers, Queues};
use crate::registers::{self as regs, Tree};
use crate::rm::{self, Rm};
use crate::script::{Fate, Random, Rule, Script};
use crate::violation::Violation;
use crate::wire::{event, function, Framing, Message};

/// Microseconds.
pub type Time = u64;

pub(crate) const MS: Time = 1000;
/// How often it is looked whether the driver has made room.
const POLL: Time = 500;
const SYSTEM_INFO: usize = 0x3a0;
/// How many bytes of messages may wait for room or for their time before no command is taken. The
/// last one may lead to more.
const MOST_WAITING: usize = 4 << 20;
/// How many doorbells of channels may be on their way.
const MOST_POSTED: usize = 1 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Off,
    /// Expects the system's information.
    System,
    /// Expects the registry.
    Registry,
    /// Has all, and has not yet said that it has initialised.
    Init,
    Running,
    Suspended,
    Halted,
}

/// The processor and what is around it.
pub struct Machine {
    pub(crate) ram: Arc<Ram>,
    lines: Box<dyn Lines>,
    log: Box<dyn FnMut(&str) + Send>,
    log_lines: LogLines,
    /// When a register was written, or the processor has run, for the last time.
    now: Time,
    pub(crate) script: Script,
    pub(crate) random: Option<(Random, u64)>,
    /// What has happened.
    pub counters: Counters,
    pub(crate) mailboxes: [u32; 2],
    raised: u32,
    tree: Tree,
    pub(crate) state: State,
    pub(crate) framing: Framing,
    pub(crate) queues: Option<Queues>,
    pub(crate) pointers: Pointers,
    pub(crate) rm: Rm,
    /// The beginning of a call whose rest is to come.
    pieces: Option<(Message, usize)>,
    doorbell: bool,
    /// Doorbells of channels that are on their way, and when each arrives.
    posted: VecDeque<(Time, u32)>,
    /// No command is taken before.
    rest_until: Time,
    /// What is sent when its time has come, in the order of the calls.
    later: Vec<(Time, Outgoing)>,
    /// What waits for room.
    pub(crate) outbox: VecDeque<Outgoing>,
    /// How many bytes both of them have.
    pub(crate) waiting: usize,
    /// Replies that are held back until there are so many.
    pub(crate) held: Option<(u32, Vec<Outgoing>)>,
}

impl Machine {
    /// A processor that is off.
    pub fn new(
        ram: Arc<Ram>,
        lines: Box<dyn Lines>,
        log: Box<dyn FnMut(&str) + Send>,
        script: Script,
        framing: Framing,
    ) -> Self {
        Self {
            ram,
            lines,
            log,
            log_lines: LogLines::default(),
            now: 0,
            random: script.fuzz().map(|(seed, of)| (Random::new(seed), of)),
            script,
            counters: Counters::default(),
            mailboxes: [0; 2],
            raised: 0,
            tree: Tree::default(),
            state: State::Off,
            framing,
            queues: None,
            pointers: Pointers::default(),
            rm: Rm::default(),
            pieces: None,
            doorbell: false,
            posted: VecDeque::new(),
            rest_until: 0,
            later: Vec::new(),
            outbox: VecDeque::new(),
            waiting: 0,
            held: None,
        }
    }

    /// Resets the function.
    pub fn reset(&mut self) {
        self.stop();
        self.tree = Tree::default();
    }

    /// Resets the processor.
    fn stop(&mut self) {
        self.state = State::Off;
        self.queues = None;
        self.pointers = Pointers::default();
        self.rm = Rm::default();
        self.pieces = None;
        self.doorbell = false;
        self.posted.clear();
        self.rest_until = 0;
        self.forget();
        self.raised = 0;
        self.mailboxes = [0; 2];
    }

    /// Reads a register. What was written before has arrived then.
    pub fn read(&mut self, offset: u64) -> u32 {
        self.arrive(Time::MAX);
        match offset {
            regs::IRQSTAT => self.raised,
            regs::MAILBOX0 => self.mailboxes[0],
            regs::MAILBOX1 => self.mailboxes[1],
            regs::QUEUE_HEAD if self.framing == Framing::V2 => self.pointers.commands[0],
            regs::QUEUE_TAIL if self.framing == Framing::V2 => self.pointers.commands[1],
            regs::MSGQ_HEAD if self.framing == Framing::V2 => self.pointers.messages[0],
            regs::MSGQ_TAIL if self.framing == Framing::V2 => self.pointers.messages[1],
            regs::QUEUE_HEAD | regs::ENGINE | regs::CHANNEL_DOORBELL => 0,
            regs::CPUCTL if self.state == State::Halted => regs::CPUCTL_HALTED,
            regs::CPUCTL => 0,
            regs::RISCV_CPUCTL => match self.state {
                State::Off | State::Halted => 0,
                _ => regs::RISCV_ACTIVE,
            },
            _ => self.tree.read(offset).unwrap_or_else(|| {
                self.warn(&format!("{offset:#x} is read: no such register"));
                0xbadf_1000
            }),
        }
    }

    /// Writes a register. Time is `now`.
    pub fn write(&mut self, offset: u64, value: u32, now: Time) {
        self.now = self.now.max(now);
        match offset {
            regs::IRQSCLR => self.raised &= !value,
            regs::MAILBOX0 => self.mailboxes[0] = value,
            regs::MAILBOX1 => self.mailboxes[1] = value,
            regs::CPUCTL if value & regs::CPUCTL_START != 0 => self.start(now),
            regs::CPUCTL => {}
            regs::ENGINE if value & regs::ENGINE_RESET != 0 => {
                self.note("reset");
                self.stop();
            }
            regs::ENGINE => {}
            regs::QUEUE_HEAD => {
                self.pointers.commands[0] = value;
                self.ring();
            }
            regs::MSGQ_TAIL if self.framing == Framing::V2 => self.pointers.messages[1] = value,
            regs::CHANNEL_DOORBELL => {
                if self.posted.len() == MOST_POSTED {
                    // The oldest are not as late as the others.
                    self.arrive(self.posted[0].0);
                }
                let ms = self.script.posted();
                self.posted.push_back((now + ms * MS, value));
                if ms == 0 {
                    self.arrive(now);
                }
            }
            _ => {
                if !self.tree.write(offset, value) {
                    self.warn(&Violation::Register { offset, value }.to_string());
                }
                self.interrupt();
            }
        }
    }

    /// Whether there are doorbells on their way, which a read of a register has arrive.
    pub fn has_posted(&self) -> bool {
        !self.posted.is_empty()
    }

    /// Doorbells of channels arrive whose time has come.
    fn arrive(&mut self, now: Time) {
        let ram = self.ram.clone();
        while let Some((_, token)) = self.posted.front().copied().filter(|(at, _)| *at <= now) {
            self.posted.pop_front();
            if let Err(what) = self.rm.channels.ring(token, &ram) {
                self.warn(&what);
            }
        }
    }

    /// Interrupts are connected: those that are raised come now.
    pub fn connected(&mut self) {
        self.interrupt();
    }

    /// Logs a line, unless there are too many of them.
    pub fn note(&mut self, line: &str) {
        let Some(left_out) = self.log_lines.admit(self.now) else {
            return;
        };
        if left_out > 0 {
            (self.log)(&format!("{left_out} lines are left out"));
        }
        (self.log)(line);
    }

    /// Reports what the driver does wrong, and goes on.
    pub fn warn(&mut self, what: &str) {
        self.counters.violations += 1;
        self.note(&format!("violation: {what}"));
    }

    /// Reports what the driver does wrong, of which the processor dies.
    fn violate(&mut self, what: &Violation) {
        self.warn(&what.to_string());
        self.halt();
    }

    pub(crate) fn halt(&mut self) {
        self.note("halted");
        self.counters.halts += 1;
        self.state = State::Halted;
        self.forget();
        self.raise(regs::IRQ_HALT);
    }

    /// Forgets what was to be sent.
    fn forget(&mut self) {
        self.later.clear();
        self.outbox.clear();
        self.waiting = 0;
        self.held = None;
    }

    /// Sends a message when its time has come.
    pub(crate) fn send_at(&mut self, at: Time, outgoing: Outgoing) {
        self.waiting += outgoing.bytes();
        self.later.push((at, outgoing));
    }

    /// Whether so much waits that no command is taken.
    fn is_full(&self) -> bool {
        self.waiting > MOST_WAITING
    }

    pub(crate) fn raise(&mut self, bit: u32) {
        // The tree has edges.
        if self.raised & bit == 0 {
            self.raised |= bit;
            self.tree.raise(regs::VECTOR);
        }
        self.interrupt();
    }

    fn interrupt(&mut self) {
        if self.tree.take_message() {
            self.counters.interrupts += 1;
            if self
                .script
                .has(Rule::LostInterrupt(self.counters.interrupts))
            {
                return self.note("an interrupt is lost");
            }
            self.lines.pulse(0);
        }
    }

    fn ring(&mut self) {
        self.counters.doorbells += 1;
        match self.state {
            State::Off => self.warn("doorbell of a processor that is off"),
            State::Suspended => {
                // That of the command to suspend may come after what it says was done.
                let ram = self.ram.clone();
                let commands = self
                    .queues
                    .as_mut()
                    .map(|queues| queues.look(&ram, &self.pointers));
                match commands {
                    Some(Ok(0)) | None => {}
                    Some(Ok(_)) => self.warn("a command for a processor that is suspended"),
                    Some(Err(what)) => self.violate(&what),
                }
            }
            // It is only heard of by its interrupt, which may be on its way.
            State::Halted => {}
            _ => self.doorbell = true,
        }
    }

    fn start(&mut self, now: Time) {
        if self.state != State::Off {
            return self.violate(&Violation::State("started, though it is not off".into()));
        }
        self.counters.starts += 1;
        let arguments = u64::from(self.mailboxes[0]) | (u64::from(self.mailboxes[1]) << 32);
        match find_queues(self.framing, &self.ram, arguments) {
            Ok(queues) => {
                self.queues = Some(queues);
                self.state = State::System;
                // Commands may be there before.
                self.doorbell = true;
                self.rest_until = now;
            }
            Err(what) => self.violate(&what),
        }
    }

    /// Does what there is to do by `now`, and returns when there is more.
    pub fn run(&mut self, now: Time) -> Option<Time> {
        self.now = self.now.max(now);
        self.arrive(now);
        let arrives = self.posted.front().map(|(at, _)| *at);
        let waits = [self.run_channels(now), arrives];
        let waits = waits.into_iter().flatten().min();
        if let Err(what) = self.work(now) {
            self.violate(&what);
        }
        if matches!(self.state, State::Off | State::Halted) {
            return waits;
        }
        let pending = [
            waits,
            (!self.outbox.is_empty()).then_some(now + POLL),
            self.has_storm().then_some(now + POLL / 4),
            self.later.iter().map(|(at, _)| *at).min(),
            // If it is full, it goes on when one of the above is sent.
            (self.doorbell && !self.is_full()).then_some(self.rest_until.max(now + 1)),
        ];
        pending.into_iter().flatten().min()
    }

    /// Runs the channels, which go on if the processor has halted. Returns when there is more.
    fn run_channels(&mut self, now: Time) -> Option<Time> {
        let ram = self.ram.clone();
        let outcome = self.rm.channels.run(&ram);
        self.counters.methods += outcome.methods;
        for (id, fault, why) in outcome.faults {
            self.counters.faults += 1;
            self.note(&format!("channel {id} faults: {why}"));
            if self.is_working() {
                let payload = outgoing::fault(id, fault as u32);
                self.event(event::RC_TRIGGERED, payload, now);
            }
        }
        if outcome.interrupt {
            self.tree.raise(regs::CHANNEL_VECTOR);
            self.interrupt();
        }
        match (outcome.more, outcome.waits) {
            (true, _) => Some(now + 1),
            (_, true) => Some(now + POLL),
            _ => None,
        }
    }

    fn work(&mut self, now: Time) -> Result<(), Violation> {
        while self.doorbell && now >= self.rest_until && self.is_working() && !self.is_full() {
            let ram = self.ram.clone();
            let Some(queues) = &mut self.queues else {
                break;
            };
            match queues.receive(&ram, &mut self.pointers)? {
                None => self.doorbell = false,
                Some(message) => {
                    self.counters.commands += 1;
                    self.rest_until = now + self.script.pause() * MS;
                    self.gather(message, now)?;
                }
            }
        }
        // A stable sort: what is due at once keeps its order.
        self.later.sort_by_key(|(at, _)| *at);
        let due = self.later.partition_point(|(at, _)| *at <= now);
        let due = self.later.drain(..due).map(|(_, outgoing)| outgoing);
        self.outbox.extend(due);
        self.flush()?;
        while self.has_storm() && self.outbox.is_empty() {
            let payload = self.rm.event(16);
            self.event(event::POST_EVENT, payload, now);
            let event = self.later.pop().map(|(_, outgoing)| outgoing);
            self.outbox.extend(event);
            self.flush()?;
        }
        Ok(())
    }

    /// Whether there is no end of events.
    fn has_storm(&self) -> bool {
        self.state == State::Running && self.script.has(Rule::EventStorm)
    }

    fn is_working(&self) -> bool {
        !matches!(self.state, State::Off | State::Halted | State::Suspended)
    }

    /// Puts calls together that come in pieces.
    fn gather(&mut self, message: Message, now: Time) -> Result<(), Violation> {
        let is_full = message.payload.len() == self.framing.payload();
        let (mut whole, claimed) = match (self.pieces.take(), message.function) {
            (Some((mut first, claimed)), function::CONTINUATION_RECORD) => {
                first.payload.extend(message.payload);
                (first, claimed)
            }
            (Some((first, _)), function) => {
                let of = first.function;
                let what = format!("call {function} comes within the pieces of call {of}");
                return Err(Violation::Call(what));
            }
            (None, function::CONTINUATION_RECORD) => {
                return Err(Violation::Call("a piece of no call".into()));
            }
            (None, function) => {
                let claimed = rm::claimed(function, &message.payload).map_err(Violation::Call)?;
                let claimed = claimed.unwrap_or(message.payload.len());
                (message, claimed)
            }
        };
        let is = whole.payload.len();
        if is < claimed && is_full {
            self.pieces = Some((whole, claimed));
            return Ok(());
        }
        if is != claimed {
            let function = whole.function;
            let what = format!("call {function} has {is} bytes and says {claimed}");
            return Err(Violation::Call(what));
        }
        let payload = mem::take(&mut whole.payload);
        self.execute(whole, payload, now)
    }

    fn execute(&mut self, call: Message, payload: Vec<u8>, now: Time) -> Result<(), Violation> {
        match (self.state, call.function) {
            (State::System, function::GSP_SET_SYSTEM_INFO) => {
                if payload.len() != SYSTEM_INFO {
                    let what = format!("system information of {} bytes", payload.len());
                    return Err(Violation::Call(what));
                }
                self.state = State::Registry;
                Ok(())
            }
            (State::Registry, function::SET_REGISTRY) => {
                self.state = State::Init;
                self.initialise(now);
                Ok(())
            }
            (State::Running, function::UNLOADING_GUEST_DRIVER) => {
                if !self.rm.channels.is_empty() {
                    self.warn("unloading, and there are channels");
                }
                let left = self.rm.clients();
                if left > 0 {
                    self.counters.left += u64::from(left);
                    self.note(&format!("unloading, and {left} clients are left"));
                }
                // The reply first: the processor is suspended once it is there.
                self.reply(&call, payload, None, now);
                Ok(())
            }
            (State::Running, f) if Rm::knows(f) => {
                let next = self.counters.replies + 1;
                let is_refused = |fate| matches!(fate, Fate::Refused(_));
                let answer = match self.script.fates(next).any(is_refused) {
                    true => payload.into(),
                    false => self.rm.call(f, payload).map_err(Violation::Call)?,
                };
                for payload in answer.events {
                    self.event(event::POST_EVENT, payload, now);
                }
                self.reply(&call, answer.payload, answer.fate, now);
                Ok(())
            }
            (state, f) => {
                let what = format!("call {f} in state {state:?}");
                Err(Violation::State(what))
            }
        }
    }

    fn initialise(&mut self, now: Time) {
        if self.script.crashes_at(self.counters.starts) {
            return self.halt();
        }
        if self.script.has(Rule::Sequencer) {
            self.event(event::GSP_RUN_CPU_SEQUENCER, sequence(), now);
        }
        if !self.script.has(Rule::NoInit) {
            self.event(event::GSP_INIT_DONE, Vec::new(), now);
        }
    }
}
