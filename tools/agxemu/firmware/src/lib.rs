// SPDX-License-Identifier: MIT OR Apache-2.0

//! The firmware of the AGX coprocessor, as strict as the real one could be.
//!
//! ```text
//!              INIT, init data accepted            Initialize
//!   waiting ───────────────────────────► started ─────────────► up ◄────────┐
//!      │                                    │                    │ fault,   │ resume
//!      │ anything that cannot be accepted   │                    ▼ timeout  │
//!      └──────────────► crashed ◄───────────┴────────────────── halted ─────┘
//! ```
//!
//! The firmware is a state machine without a thread of its own. Its owner hands in the
//! messages of its two endpoints with [`Firmware::message`] and calls [`Firmware::run`] after that
//! and at the time that the last `run` asked for. Both end with a [`Panic`] when the host did what
//! firmware cannot accept; the owner makes the crash visible and calls neither again.
//!
//! Endpoints: 0x20 takes INIT and carries the doorbell to the host, 0x21 takes the host's
//! doorbells.
//!
//! # Captures
//!
//! With a capture directory, memory is written out at INIT and at each doorbell, before anything is
//! done about the message: see [`capture`].

pub mod behaviour;
mod cache;
pub mod capture;
pub mod channels;
pub mod chip;
pub mod compute;
pub mod control;
pub mod core;
pub mod flush;
pub mod fragment;
pub mod gpu;
pub mod init;
pub mod iomap;
pub mod machine;
pub mod memory;
pub mod microsequence;
pub mod panic;
pub mod parameters;
pub mod queue;
pub mod record;
pub mod report;
pub mod ring;
pub mod script;
pub mod stamps;
pub mod tiling;
pub mod tvb;
pub mod vertex;
pub mod work;

mod command;
mod engine;
mod halt;
mod objects;
mod power;
mod schedule;
mod start;
mod streams;
mod submit;

use std::sync::Arc;

use agx_abi::message;

use crate::behaviour::Behaviour;
use crate::capture::Capture;
use crate::channels::Doorbell;
use crate::chip::Part;
use crate::core::Core;
use crate::gpu::Renderer;
use crate::init::Init;
use crate::machine::{Level, Machine};
use crate::memory::Memory;
use crate::panic::{bail, Fw, Panic};
use crate::script::Script;

/// Endpoint of INIT.
pub const ENDPOINT: u8 = message::ENDPOINT_FIRMWARE;
/// Endpoint of the host's doorbells.
pub const DOORBELLS: u8 = message::ENDPOINT_DOORBELL;

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Doorbells of the host.
    pub doorbells: u64,
    /// Jobs started. Each half of a render is one.
    pub jobs: u64,
    /// Jobs whose stamps were written.
    pub completed: u64,
    /// Launches executed.
    pub launches: u64,
    /// Their threads.
    pub threads: u64,
    /// Instructions of SIMD groups.
    pub instructions: u64,
    /// Time that the GPU was at work, in ticks of the timer.
    pub gpu_ticks: u64,
    /// Event messages, those that were scripted to be lost included.
    pub events: u64,
    /// Flag events among them.
    pub flags: u64,
    /// Halts of the GPU.
    pub halts: u64,
    /// Scenes that did not fit their buffers.
    pub overflows: u64,
    /// The most blocks that a tiled vertex buffer was set up with.
    pub tvb_blocks: u64,
    /// Flushes of the whole cache.
    pub flushes: u64,
    /// Primitives that vertex halves have left for fragment halves.
    pub primitives: u64,
    /// Fragment halves of such primitives that came to their end.
    pub shaded: u64,
}

enum State {
    Waiting,
    Running(Box<Core>),
    Crashed,
}

/// The firmware.
pub struct Firmware {
    machine: Arc<dyn Machine>,
    part: Part,
    script: Script,
    gpu: gpu::Options,
    renderer: Arc<dyn Renderer>,
    behaviour: Behaviour,
    capture: Option<Capture>,
    state: State,
    counters: Counters,
}

impl Firmware {
    /// Firmware of `part` that was just started.
    pub fn new(machine: Arc<dyn Machine>, part: Part, script: Script) -> Self {
        let counters = Counters::default();
        Self {
            machine,
            part,
            script,
            gpu: gpu::Options::default(),
            renderer: Arc::new(gpu::Agx),
            behaviour: Behaviour::default(),
            capture: None,
            state: State::Waiting,
            counters,
        }
    }

    /// What to do about the GPU, before INIT.
    pub fn set_gpu(&mut self, options: gpu::Options) {
        self.gpu = options;
    }

    /// What renders, before INIT: by default the emulated GPU.
    pub fn set_renderer(&mut self, renderer: Arc<dyn Renderer>) {
        self.renderer = renderer;
    }

    /// What it does in its own way, before INIT.
    pub fn set_behaviour(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour;
    }

    /// Returns whether it has work that is not finished.
    pub fn is_busy(&self) -> bool {
        matches!(&self.state, State::Running(core) if core.is_busy())
    }

    /// Captures memory from now on.
    pub fn set_capture(&mut self, capture: Option<Capture>) {
        self.capture = capture;
    }

    /// Returns whether it captures memory.
    pub fn captures(&self) -> bool {
        self.capture.is_some()
    }

    /// Takes no more captures; returns what took them, for another firmware to go on with.
    pub fn take_capture(&mut self) -> Option<Capture> {
        self.capture.take()
    }

    /// Returns what happened so far.
    pub fn counters(&self) -> Counters {
        match &self.state {
            State::Running(core) => Counters {
                doorbells: self.counters.doorbells,
                ..core.counters
            },
            _ => self.counters,
        }
    }

    /// Returns whether it ended with a panic.
    pub fn has_crashed(&self) -> bool {
        matches!(self.state, State::Crashed)
    }

    /// Takes a message of the host.
    ///
    /// # Errors
    ///
    /// The reason of a panic. There is nothing to be done with the firmware after that.
    pub fn message(&mut self, endpoint: u8, message: u64) -> Fw<()> {
        let result = match endpoint {
            ENDPOINT => self.init(message),
            DOORBELLS => self.doorbell(message),
            other => {
                self.warn(&format!(
                    "message {message:#018x} for unknown endpoint {other:#x}"
                ));
                Ok(())
            }
        };
        self.settle(result)
    }

    /// Does everything that can be done now; returns when to be called again, in timer ticks.
    ///
    /// # Errors
    ///
    /// As [`Firmware::message`].
    pub fn run(&mut self) -> Fw<Option<u64>> {
        let State::Running(core) = &mut self.state else {
            return Ok(None);
        };
        let result = core.run();
        self.settle(result)
    }

    fn settle<T>(&mut self, result: Fw<T>) -> Fw<T> {
        if let Err(Panic(reason)) = &result {
            self.warn(&format!("firmware panic: {reason}"));
            self.counters = self.counters();
            if let State::Running(core) = &mut self.state {
                core.last_words(reason);
            }
            self.state = State::Crashed;
        }
        result
    }

    fn warn(&self, line: &str) {
        self.machine.log(Level::Warn, line);
    }

    fn init(&mut self, message: u64) -> Fw<()> {
        if message::kind(message) != message::TYPE_INIT || (message >> 44) & 0xf != 0 {
            self.warn(&format!(
                "unknown message {message:#018x} on endpoint {ENDPOINT:#x}"
            ));
            return Ok(());
        }
        if !matches!(self.state, State::Waiting) {
            bail!("INIT sent twice");
        }
        let va = message::init_address(message);
        self.capture_memory("init", message, va);
        let mem = Memory::new(
            self.machine.clone(),
            self.part.firmware.abi,
            self.behaviour.cache,
        );
        let init = Init::walk(&mem, self.part.chip, va)?;
        if self.behaviour.large_statistics {
            init.check_large_statistics(&mem)?;
        }
        self.machine
            .log(Level::Info, &format!("init data at {va:#x} accepted"));
        self.state = State::Running(Box::new(Core::new(
            mem,
            self.part,
            self.script.clone(),
            self.gpu,
            self.renderer.clone(),
            self.behaviour,
            init,
        )?));
        Ok(())
    }

    fn doorbell(&mut self, message: u64) -> Fw<()> {
        self.counters.doorbells += 1;
        let what = Doorbell::decode(message);
        let va = match &self.state {
            State::Running(core) => core.init.va,
            State::Waiting => match what {
                // Nothing is behind these.
                Doorbell::Kick | Doorbell::Unknown => 0,
                _ => bail!("doorbell {message:#x} ({}) before INIT", what.name()),
            },
            State::Crashed => return Ok(()),
        };
        self.capture_memory(&what.name(), message, va);
        match (&mut self.state, what) {
            (_, Doorbell::Unknown) => self.warn(&format!("unknown doorbell {message:#018x}")),
            (State::Running(core), what) => core.doorbell(what)?,
            _ => {}
        }
        Ok(())
    }

    fn capture_memory(&mut self, ring: &str, message: u64, init_data: u64) {
        let Some(capture) = &mut self.capture else {
            return;
        };
        let slots = match &self.state {
            State::Running(core) => core.submitting_contexts(),
            _ => Vec::new(),
        };
        let io = match &self.state {
            State::Running(core) => &core.init.io[..],
            _ => &[],
        };
        let event = capture::Event {
            ring,
            message,
            init_data,
            slots: &slots,
            io,
        };
        if let Err(error) = capture.take(&*self.machine, &event) {
            self.warn(&format!("no more captures: {error}"));
        }
    }
}
