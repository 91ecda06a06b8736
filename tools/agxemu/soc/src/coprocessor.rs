// SPDX-License-Identifier: MIT OR Apache-2.0

//! The coprocessor: a thread that runs RTKit and the firmware.
//!
//! ```text
//!   off ── run bit ──► greeting ──► messages, timers ──► dead
//!    ▲                                    │
//!    └──────────────── reset ◄────────────┘
//! ```
//!
//! The handoff is answered whenever the host gets to it: before RTKit's dialogue, as Linux does, or
//! in its midst, with the first buffer that is mapped. What goes to the firmware waits for it.

mod buffers;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agx_abi::message;
use agxemu_firmware::capture::Capture;
use agxemu_firmware::gpu;
use agxemu_firmware::machine::{Level, Machine};
use agxemu_firmware::script::Script;
use agxemu_firmware::{Counters, Firmware};

use crate::hardware::Hardware;
use crate::mailbox::Message;
use crate::options::Trouble;
use crate::rtkit::{self, Action, Rtkit};
use crate::soc::Soc;

/// How often the handoff is looked at: nothing tells that the host has written it.
const HANDOFF_PERIOD: Duration = Duration::from_millis(1);
/// How often the firmware's image is looked at: real firmware would notice with the next
/// instruction.
const IMAGE_PERIOD: Duration = Duration::from_millis(20);
/// How often a coprocessor that was left behind looks whether it has other memory.
const LEFT_PERIOD: Duration = Duration::from_millis(5);
/// How often stale translations are looked for.
const STALE_PERIOD: Duration = Duration::from_millis(100);
/// The doorbell of the device control ring.
const DEVICE_CONTROL: Message = (
    message::message(
        message::TYPE_TX_DOORBELL,
        message::DOORBELL_DEVICE_CONTROL as u64,
    ),
    message::ENDPOINT_DOORBELL,
);

/// What the coprocessor runs.
#[derive(Clone)]
pub struct Config {
    /// What the user decides about the GPU.
    pub gpu: gpu::Options,
    /// What goes wrong in the firmware.
    pub script: Script,
    /// What goes wrong around it.
    pub trouble: Vec<Trouble>,
    /// What hardware and firmware do.
    pub hardware: Hardware,
    /// What renders, if it is not the emulated GPU as it is.
    pub renderer: Option<Arc<dyn gpu::Renderer>>,
}

/// Runs until the emulator ends; returns what the firmware did in all its lives.
///
/// They go on with the same `capture`, which is returned, too: what it has still to write holds up
/// no start.
pub fn run(
    soc: &Arc<Soc>,
    config: &Config,
    mut capture: Option<Capture>,
) -> (Counters, Option<Capture>) {
    let mut total = Counters::default();
    for trouble in &config.trouble {
        if let Trouble::KeepHandoff(keep) = trouble {
            soc.keep_handoff(*keep);
        }
    }
    while !soc.signal().quit {
        let mut life = Life::new(soc.clone(), config);
        life.firmware.set_capture(capture);
        life.run();
        total = sum(total, life.total());
        capture = life.firmware.take_capture();
    }
    (total, capture)
}

fn sum(a: Counters, b: Counters) -> Counters {
    Counters {
        doorbells: a.doorbells + b.doorbells,
        jobs: a.jobs + b.jobs,
        completed: a.completed + b.completed,
        launches: a.launches + b.launches,
        threads: a.threads + b.threads,
        instructions: a.instructions + b.instructions,
        gpu_ticks: a.gpu_ticks + b.gpu_ticks,
        events: a.events + b.events,
        flags: a.flags + b.flags,
        halts: a.halts + b.halts,
        overflows: a.overflows + b.overflows,
        tvb_blocks: a.tvb_blocks.max(b.tvb_blocks),
        flushes: a.flushes + b.flushes,
        primitives: a.primitives + b.primitives,
        shaded: a.shaded + b.shaded,
    }
}

/// Takes the time for an answer.
fn take_time(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Firmware that was just started.
fn firmware(soc: &Arc<Soc>, config: &Config) -> Firmware {
    let mut firmware = Firmware::new(soc.clone(), soc.part, config.script.clone());
    firmware.set_gpu(config.gpu);
    firmware.set_behaviour(config.hardware.firmware);
    if let Some(renderer) = &config.renderer {
        firmware.set_renderer(renderer.clone());
    }
    firmware
}

/// From one reset to the next.
struct Life<'a> {
    soc: Arc<Soc>,
    config: &'a Config,
    generation: u64,
    rtkit: Rtkit,
    firmware: Firmware,
    /// What it did before it was last put to sleep.
    before: Counters,
    dead: bool,
    syslog_index: u64,
    /// The handoff was answered.
    handed_off: bool,
    /// Context 0 was seen to lead to the firmware's image.
    bound: bool,
    /// When stale translations were looked for.
    looked_at: Option<Instant>,
    /// What was taken out of the mailbox and not handled yet.
    inbox: VecDeque<Message>,
    /// What the firmware gets after that.
    held: VecDeque<Message>,
    /// It was told to sleep and has not, or has crashed with what the host has given it: whether
    /// that was still mapped when it was looked at last.
    left: Option<bool>,
    /// Doorbells of the device control ring since it was started.
    commands: u64,
}

impl<'a> Life<'a> {
    fn new(soc: Arc<Soc>, config: &'a Config) -> Self {
        let generation = soc.signal().generation;
        let firmware = firmware(&soc, config);
        Self {
            soc,
            config,
            generation,
            rtkit: Rtkit::new(&config.hardware),
            firmware,
            before: Counters::default(),
            dead: false,
            syslog_index: 0,
            handed_off: false,
            bound: false,
            looked_at: None,
            inbox: VecDeque::new(),
            held: VecDeque::new(),
            left: None,
            commands: 0,
        }
    }

    fn total(&self) -> Counters {
        sum(self.before, self.firmware.counters())
    }

    fn has(&self, trouble: &Trouble) -> bool {
        self.config.trouble.contains(trouble)
    }

    /// Returns whether this life is over.
    fn is_over(&self) -> bool {
        let signal = self.soc.signal();
        signal.quit || signal.generation != self.generation
    }

    fn run(&mut self) {
        // Until the CPU is started.
        while !self.soc.signal().running {
            self.soc.wait(self.generation, None);
            if self.is_over() {
                return;
            }
        }
        if !self.has(&Trouble::NoHello) {
            self.soc.set_off(false);
            self.soc.set_asleep(false);
            take_time(self.config.hardware.boot_ms);
            if self.is_over() {
                return;
            }
            let hello = self.rtkit.start();
            self.send(hello);
        }
        while !self.is_over() {
            self.look_at_image();
            self.answer_handoff();
            while let Some(message) = self.next_message() {
                self.handle(message);
            }
            // Behind the messages: with one of them it may begin.
            let left = self.look_whether_remapped();
            let next = self.run_firmware();
            let look = match (self.handed_off, self.config.hardware.image) {
                (false, _) => Some(HANDOFF_PERIOD),
                (true, true) => Some(IMAGE_PERIOD),
                (true, false) => None,
            };
            let again = self.soc.raise_again();
            let book = self.look_for_stale();
            let limit = [next, look, again, book, left].into_iter().flatten().min();
            self.soc.wait(self.generation, limit);
        }
    }

    /// Looks for stale translations now and then; returns when to do it again.
    fn look_for_stale(&mut self) -> Option<Duration> {
        if !self.soc.watches() {
            return None;
        }
        if self.looked_at.is_none_or(|at| at.elapsed() >= STALE_PERIOD) {
            self.looked_at = Some(Instant::now());
            self.soc.look_for_stale();
        }
        Some(STALE_PERIOD)
    }

    /// Looks whether a coprocessor that was left behind is given other memory; returns when to do
    /// it again.
    fn look_whether_remapped(&mut self) -> Option<Duration> {
        let before = self.left?;
        let now = self.soc.is_host_mapped();
        if now && !before {
            self.soc.remapped();
        }
        self.left = Some(now);
        Some(LEFT_PERIOD)
    }

    /// A host that takes away the firmware's image kills it: there is no code left to say so.
    fn look_at_image(&mut self) {
        if self.dead || !self.config.hardware.image {
            return;
        }
        // Linux makes the handoff first, and context 0 lead to the image after that.
        let what = match self.soc.firmware_image(self.bound) {
            Ok(bound) => {
                self.bound = bound;
                return;
            }
            Err(what) => what,
        };
        self.dead = true;
        let line = format!("coprocessor crashed: the firmware's own memory is gone: {what}");
        self.soc.note(Level::Warn, &line);
        self.soc.set_off(true);
    }

    /// Answers the host's side of the handoff once that is there, and hands the firmware what has
    /// waited.
    fn answer_handoff(&mut self) {
        if self.handed_off || self.dead || self.has(&Trouble::NoHandoff) {
            return;
        }
        match self.soc.answer_handoff() {
            Ok(false) => return,
            Ok(true) => self.soc.note(Level::Info, "handoff answered"),
            Err(e) => return self.soc.note(Level::Warn, &e),
        }
        self.handed_off = true;
        while let Some(message) = self.held.pop_front() {
            self.deliver(message);
        }
    }

    fn send(&self, (message, endpoint): Message) {
        self.soc.send(endpoint, message);
    }

    /// Returns the next message of the host.
    ///
    /// With captures, which take their time, all are taken out of the mailbox first: a host may
    /// give up a coprocessor whose mailbox stays full.
    fn next_message(&mut self) -> Option<Message> {
        if self.firmware.captures() {
            let rest = std::iter::from_fn(|| self.receive());
            let rest: Vec<Message> = rest.collect();
            self.inbox.extend(rest);
            return self.inbox.pop_front();
        }
        self.receive()
    }

    fn receive(&self) -> Option<Message> {
        let (message, lines) = self.soc.mailbox(|m| m.firmware_receive());
        self.soc.raise(lines);
        message
    }

    fn handle(&mut self, message: Message) {
        if self.dead || self.has(&Trouble::NoHello) {
            return;
        }
        if self.has(&Trouble::NoSleep) && rtkit::puts_to_sleep(message) {
            let line = "the host's message to sleep is ignored, as scripted";
            self.left = Some(self.soc.is_host_mapped());
            return self.soc.note(Level::Info, line);
        }
        let hardware = &self.config.hardware;
        if self.rtkit.is_starting() {
            take_time(hardware.boot_ms);
        } else if self.rtkit.is_left_by(message) {
            take_time(hardware.quiesce_ms);
        } else if rtkit::puts_to_sleep(message) {
            take_time(hardware.sleep_ms);
        } else if message.1 == message::ENDPOINT_DOORBELL {
            take_time(hardware.doorbell_ms);
        }
        // It may have been reset meanwhile. What comes next is of its successor.
        if self.is_over() {
            return;
        }
        match self.rtkit.message(message) {
            Ok(actions) => actions.into_iter().for_each(|action| self.act(action)),
            Err(reason) => self.crash(&format!("RTKit: {reason}")),
        }
        self.soc.set_off(self.dead || self.rtkit.is_off());
        self.soc.set_asleep(self.rtkit.is_off());
        if message.1 == rtkit::CRASHLOG && self.has(&Trouble::CrashBoot) {
            self.crash("scripted crash at boot");
        }
        if message.1 == rtkit::SYSLOG && self.syslog_index == 0 && self.rtkit.syslog.is_some() {
            let version = self.soc.part.firmware.name;
            self.syslog(&format!("AGX firmware {version}, emulated"));
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send(message) => self.send(message),
            Action::Deliver(message) if self.handed_off => self.deliver(message),
            Action::Deliver(message) => self.held.push_back(message),
            Action::Note(line) => self.soc.note(Level::Info, line),
            Action::Idled => {
                self.complain_if_busy();
                self.soc.note(Level::Info, "coprocessor idle");
            }
            Action::Slept => {
                self.complain_if_busy();
                self.soc.note(Level::Info, "coprocessor asleep");
                self.before = self.total();
                self.commands = 0;
                let capture = self.firmware.take_capture();
                self.firmware = firmware(&self.soc, self.config);
                self.firmware.set_capture(capture);
            }
        }
    }

    fn complain_if_busy(&self) {
        if self.firmware.is_busy() {
            let line = "the coprocessor is put to sleep with commands open";
            self.soc.note(Level::Warn, line);
        }
    }

    fn deliver(&mut self, (message, endpoint): Message) {
        if (message, endpoint) == DEVICE_CONTROL {
            self.commands += 1;
        }
        if self.dead || self.is_deaf() {
            return;
        }
        if endpoint == message::ENDPOINT_FIRMWARE && self.has(&Trouble::CrashInit) {
            return self.crash("scripted crash on the init data");
        }
        if let Err(panic) = self.firmware.message(endpoint, message) {
            self.crash(&panic.0);
        }
    }

    /// Returns whether the firmware does nothing any more, as scripted.
    fn is_deaf(&self) -> bool {
        let after = |trouble: &Trouble| match trouble {
            Trouble::Deaf(n) => self.commands >= *n,
            _ => false,
        };
        self.config.trouble.iter().any(after)
    }

    /// Lets the firmware do what it can; returns when it wants to be called again.
    fn run_firmware(&mut self) -> Option<Duration> {
        if self.dead || self.is_deaf() {
            return None;
        }
        match self.firmware.run() {
            Ok(None) => None,
            Ok(Some(at)) => {
                let ticks = at.saturating_sub(self.soc.ticks());
                Some(Duration::from_nanos(ticks * 1000 / 24))
            }
            Err(panic) => {
                self.crash(&panic.0);
                None
            }
        }
    }
}
