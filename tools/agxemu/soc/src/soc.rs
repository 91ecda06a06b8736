// SPDX-License-Identifier: MIT OR Apache-2.0

//! All that firmware thread and register accesses share.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use agxemu_firmware::chip::Part;
use agxemu_firmware::machine::Level;

use crate::book::Book;
use crate::boot;
use crate::clock::Clock;
use crate::freed::Freed;
use crate::handoff::{Keep, LockState};
use crate::hardware::Hardware;
use crate::interrupts::Raised;
use crate::mailbox::Mailbox;
use crate::options::Regions;
use crate::overlay::VECTOR_RECEIVE_NOT_EMPTY;
use crate::power::Power;
use crate::ram::Ram;
use crate::uat::Uat;

pub use emulated_guest::Lines;

/// What the firmware thread has to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signal {
    /// Counts resets: a thread that was started before the last one is to end.
    pub generation: u64,
    /// The CPU was started since then.
    pub running: bool,
    /// Something is to be done.
    pub work: bool,
    /// The emulator ends.
    pub quit: bool,
}

/// The system on chip.
pub struct Soc {
    /// The guest's memory.
    pub ram: Ram,
    pub(crate) regions: Regions,
    empty_region: Option<usize>,
    mailbox: Mutex<Mailbox>,
    pub(crate) lines: Box<dyn Lines>,
    /// Interrupts so far, and which of them is not to arrive.
    pub(crate) interrupts: AtomicU64,
    pub(crate) lost_interrupt: Option<u64>,
    /// When the lines were raised last, and how often again.
    pub(crate) raised: Mutex<[Option<Raised>; 2]>,
    pub(crate) again: AtomicU64,
    pub(crate) part: Part,
    pub(crate) hardware: Hardware,
    pub(crate) power: Power,
    pub(crate) fault_info: AtomicU64,
    booted: AtomicBool,
    signal: Mutex<Signal>,
    changed: Condvar,
    start: Instant,
    pub(crate) clock: Mutex<Clock>,
    pub(crate) book: OnceLock<Book>,
    pub(crate) stale: AtomicU64,
    pub(crate) freed: Freed,
    pub(crate) keep: OnceLock<Keep>,
    pub(crate) lock_state: LockState,
    log: Mutex<Box<dyn Write + Send>>,
}

impl Soc {
    /// Returns a system whose regions the boot loader has yet to fill.
    pub fn new(
        regions: Regions,
        empty_region: Option<usize>,
        lost_interrupt: Option<u64>,
        part: Part,
        hardware: &Hardware,
        lines: Box<dyn Lines>,
        log: Box<dyn Write + Send>,
    ) -> Arc<Self> {
        Arc::new(Self {
            ram: Ram::default(),
            regions,
            empty_region,
            mailbox: Mutex::new(new_mailbox(hardware.late_messages)),
            lines,
            interrupts: AtomicU64::new(0),
            lost_interrupt,
            raised: Mutex::default(),
            again: AtomicU64::new(0),
            part,
            hardware: *hardware,
            power: Power::default(),
            fault_info: AtomicU64::new(0),
            booted: AtomicBool::new(false),
            signal: Mutex::default(),
            changed: Condvar::new(),
            start: Instant::now(),
            clock: Mutex::new(Clock::new()),
            book: OnceLock::new(),
            stale: AtomicU64::new(0),
            freed: Freed::default(),
            keep: OnceLock::new(),
            lock_state: LockState::default(),
            log: Mutex::new(log),
        })
    }

    /// Memory has come or gone. Once all regions are there the boot loader does its part.
    pub fn memory_changed(&self) {
        if !boot::is_ready(&self.ram, &self.regions) {
            self.booted.store(false, Ordering::Relaxed);
        } else if !self.booted.swap(true, Ordering::Relaxed) {
            self.run_boot_loader();
        }
    }

    fn run_boot_loader(&self) {
        let (part, image) = (&self.part, self.hardware.image);
        match boot::write(&self.ram, &self.regions, part, self.empty_region, image) {
            Ok(()) => self.note(Level::Info, "boot loader: regions written"),
            Err(e) => self.note(Level::Warn, &format!("boot loader: {:#x} is no RAM", e.0)),
        }
    }

    /// Everything as at power-on.
    pub fn reset(&self) {
        self.forget();
        self.lock_state.reset();
        if self.booted.load(Ordering::Relaxed) {
            self.run_boot_loader();
        }
    }

    /// Everything but RAM as at power-on.
    pub(crate) fn forget(&self) {
        self.update(|s| {
            *s = Signal {
                generation: s.generation + 1,
                quit: s.quit,
                ..Signal::default()
            };
        });
        *lock(&self.mailbox) = new_mailbox(self.hardware.late_messages);
        *lock(&self.raised) = [None; 2];
        self.fault_info.store(0, Ordering::Relaxed);
        self.set_off(true);
        if let Some(book) = self.book.get() {
            book.open().clear();
        }
    }

    /// The host sets the run bit.
    pub fn start_cpu(&self) {
        self.note(Level::Info, "coprocessor started");
        self.update(|s| {
            s.running = true;
            s.work = true;
        });
    }

    /// There is something to do for the firmware thread.
    pub fn work(&self) {
        self.update(|s| s.work = true);
    }

    /// The emulator ends.
    pub fn quit(&self) {
        self.update(|s| s.quit = true);
    }

    fn update(&self, f: impl FnOnce(&mut Signal)) {
        f(&mut lock(&self.signal));
        self.changed.notify_all();
    }

    /// Waits until there is work, a reset since `generation`, or `limit` is over. Takes the work.
    pub fn wait(&self, generation: u64, limit: Option<Duration>) -> Signal {
        let mut signal = lock(&self.signal);
        let deadline = limit.map(|limit| Instant::now() + limit);
        while !signal.quit && signal.generation == generation && !(signal.running && signal.work) {
            let left = match deadline {
                None => Duration::from_secs(3600),
                Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                    Some(left) => left,
                    None => break,
                },
            };
            let (guard, _) = self
                .changed
                .wait_timeout(signal, left)
                .unwrap_or_else(|e| e.into_inner());
            signal = guard;
        }
        let taken = *signal;
        signal.work = false;
        taken
    }

    /// The signal as it is.
    pub fn signal(&self) -> Signal {
        *lock(&self.signal)
    }

    /// Does something with the mailbox.
    pub fn mailbox<R>(&self, f: impl FnOnce(&mut Mailbox) -> R) -> R {
        f(&mut lock(&self.mailbox))
    }

    /// The host can take interrupts now: lines that are active already are seen.
    pub fn lines_connected(&self) {
        if !self.mailbox(|m| m.is_receive_empty()) {
            self.lines.pulse(VECTOR_RECEIVE_NOT_EMPTY);
        }
    }

    /// Interrupts so far.
    pub fn interrupts(&self) -> u64 {
        self.interrupts.load(Ordering::Relaxed)
    }

    /// Returns the fault information register.
    pub fn fault_info(&self) -> u64 {
        self.fault_info.load(Ordering::Relaxed)
    }

    /// Adds a line to the log.
    pub fn note(&self, level: Level, line: &str) {
        let ms = self.start.elapsed().as_millis();
        let mark = match level {
            Level::Debug => "debug",
            Level::Info => "info ",
            Level::Warn => "WARN ",
        };
        // A log that cannot be written is no reason to stop the guest.
        let _ = writeln!(lock(&self.log), "[{ms:>8}] {mark} {line}");
    }

    pub(crate) fn uat(&self) -> Uat<'_> {
        Uat {
            ram: &self.ram,
            ttbs: self.regions.ttbs(),
        }
    }
}

fn new_mailbox(late: bool) -> Mailbox {
    match late {
        true => Mailbox::late(),
        false => Mailbox::default(),
    }
}

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}
