// SPDX-License-Identifier: MIT OR Apache-2.0

//! The running firmware: its state, and the loop that does what can be done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agx_abi::globals::Globals;

use crate::behaviour::Behaviour;
use crate::channels::{Channels, Doorbell, PIPES};
use crate::chip::Part;
use crate::gpu::{Epoch, Options, Renderer};
use crate::halt::Halt;
use crate::init::Init;
use crate::memory::Memory;
use crate::objects::Objects;
use crate::panic::{ensure, Fw};
use crate::power::Power;
use crate::queue::Queue;
use crate::report::{Log, Report};
use crate::script::Script;
use crate::stamps::Slots;
use crate::streams::{Active, Streams};
use crate::tvb::Tvb;
use crate::Counters;

/// Ticks of the timer in a millisecond.
pub const MS: u64 = 24_000;

/// Everything that exists between INIT and the end.
pub struct Core {
    pub(crate) mem: Memory,
    pub(crate) part: Part,
    pub(crate) script: Script,
    pub(crate) gpu: Options,
    pub(crate) renderer: Arc<dyn Renderer>,
    pub(crate) behaviour: Behaviour,
    /// Advances with each message of the host.
    pub(crate) epoch: Epoch,
    /// What the host handed over.
    pub init: Init,
    pub(crate) ch: Channels,
    pub(crate) report: Report,
    /// Whether Initialize was handled.
    pub(crate) up: bool,
    /// When Initialize is done, while it is under way.
    pub(crate) initialized_at: Option<u64>,
    /// By address of their QueueInfo.
    pub(crate) queues: BTreeMap<u64, Queue>,
    /// QueueInfos whose memory the firmware has not let go of since the last flush.
    pub(crate) retired: BTreeSet<u64>,
    pub(crate) slots: Slots,
    pub(crate) objects: Objects,
    /// The commands being run.
    pub(crate) streams: Streams,
    /// Tiled vertex buffers.
    pub(crate) tvb: Tvb,
    /// Commands that failed with a channel error, by QueueInfo.
    pub(crate) failed: BTreeMap<u64, Active>,
    pub(crate) halt: Option<Halt>,
    /// Channels rung while halted or not looked at yet.
    pub(crate) rung: BTreeSet<usize>,
    /// Device control was rung.
    pub(crate) control_rung: bool,
    pub(crate) power: Power,
    /// What happened so far.
    pub counters: Counters,
    /// Numbers given out to take turns.
    pub(crate) turn: u64,
    /// Next index to give to a context.
    pub(crate) contexts: u8,
}

impl Core {
    /// Returns the firmware after INIT.
    pub fn new(
        mem: Memory,
        part: Part,
        script: Script,
        gpu: Options,
        renderer: Arc<dyn Renderer>,
        behaviour: Behaviour,
        init: Init,
    ) -> Fw<Self> {
        let ch = Channels::new(&mem, &init.places)?;
        let report = Report::new(init.log_payloads, init.globals);
        let power = Power::new(&mem);
        let mut core = Self {
            mem,
            part,
            script,
            gpu,
            renderer,
            behaviour,
            epoch: Epoch::default(),
            init,
            ch,
            report,
            up: false,
            initialized_at: None,
            queues: BTreeMap::new(),
            retired: BTreeSet::new(),
            slots: Slots::default(),
            objects: Objects::default(),
            streams: Streams::default(),
            tvb: Tvb::new(gpu.tvb_pages),
            failed: BTreeMap::new(),
            halt: None,
            rung: BTreeSet::new(),
            control_rung: false,
            power,
            counters: Counters::default(),
            turn: 0,
            contexts: 0,
        };
        let line = format!(
            "agxemu firmware {} for {} started",
            part.firmware.name, part.chip.gpu
        );
        core.log(Log::Info, &line)?;
        Ok(core)
    }

    pub(crate) fn log(&mut self, level: Log, line: &str) -> Fw<()> {
        self.report.log(&self.mem, &mut self.ch, level, line)
    }

    pub(crate) fn now(&self) -> u64 {
        self.mem.machine().ticks()
    }

    /// Returns the count of submissions that the host has under way.
    pub(crate) fn pending_submissions(&self) -> Fw<u32> {
        let pending = self
            .mem
            .u32(self.mem.at(self.init.globals, Globals::PENDING_SUBMISSIONS))?;
        ensure!(
            pending < 1 << 31,
            "pending_submissions is {pending:#x}: lowered too often"
        );
        Ok(pending)
    }

    /// Takes a doorbell of the host.
    pub fn doorbell(&mut self, what: Doorbell) -> Fw<()> {
        self.mem.check_cached()?;
        self.epoch.advance();
        match what {
            Doorbell::Pipe(index) => drop(self.rung.insert(index)),
            Doorbell::DeviceControl => self.control_rung = true,
            // The host waits for it with a context's pages in between: done even while halted.
            Doorbell::FwCtl => self.flush_requests()?,
            Doorbell::Kick => self.power_on()?,
            Doorbell::Unknown => {}
        }
        Ok(())
    }

    /// Does everything that can be done now; returns when there will be more.
    pub fn run(&mut self) -> Fw<Option<u64>> {
        let mut next = loop {
            if let Some(deadline) = self.halted()? {
                break Some(deadline);
            }
            if std::mem::take(&mut self.control_rung) {
                self.control()?;
            }
            if let Some(deadline) = self.initialized_at {
                // What came behind it waits for it.
                self.control_rung = true;
                break Some(deadline);
            }
            for index in std::mem::take(&mut self.rung) {
                debug_assert!(index < PIPES);
                self.submissions(index)?;
            }
            match self.step()? {
                Step::Progress => {}
                Step::Until(deadline) => break Some(deadline),
                Step::Idle => break None,
            }
        };
        if self.halt.is_none() {
            let housekeeping = self.housekeeping()?;
            next = [next, housekeeping].into_iter().flatten().min();
        }
        self.report.ring(&self.mem);
        Ok(next)
    }

    /// Returns whether there is work that is not finished.
    pub fn is_busy(&self) -> bool {
        !self.streams.are_idle() || self.halt.is_some() || !self.queues.values().all(Queue::is_idle)
    }

    /// Tells the host's log why the firmware ends.
    pub fn last_words(&mut self, reason: &str) {
        // The panic may be about the log itself, so a second failure is of no interest.
        let _ = self.log(Log::Critical, reason);
        self.report.ring(&self.mem);
    }
}

/// What came of an attempt to do something.
pub(crate) enum Step {
    /// Something was done.
    Progress,
    /// Nothing can be done before this time.
    Until(u64),
    /// Nothing can be done before the host does something, or the GPU is done.
    Idle,
}
