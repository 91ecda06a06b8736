// SPDX-License-Identifier: MIT OR Apache-2.0

//! All that firmware thread and register accesses share.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use agx_abi::uat::{ttb_table, Handoff, TTB_VALID};
use agx_abi::{Field, Value};
use agxemu_firmware::machine::{Level, Machine, Mapping, OutsideRam, Page, Role};
use agxemu_gpu::backing::HostPage;
use agxemu_gpu::fault::AccessError;

use crate::book::Book;
use crate::boot;
use crate::freed::Freed;
use crate::hardware::Hardware;
use crate::interrupts::Raised;
use crate::mailbox::Mailbox;
use crate::options::Regions;
use crate::overlay::VECTOR_RECEIVE_NOT_EMPTY;
use crate::ram::Ram;
use crate::uat::Uat;

/// Interrupt lines to the host.
pub trait Lines: Send + Sync {
    /// An edge on `vector`.
    fn pulse(&self, vector: u32);
}

/// Ticks of the timer in a microsecond.
const TICKS_PER_US: u64 = 24;
/// How long the host may hold the handoff lock.
const LOCK_LIMIT: Duration = Duration::from_secs(1);

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
    regions: Regions,
    empty_region: Option<usize>,
    mailbox: Mutex<Mailbox>,
    pub(crate) lines: Box<dyn Lines>,
    /// Interrupts so far, and which of them is not to arrive.
    pub(crate) interrupts: AtomicU64,
    pub(crate) lost_interrupt: Option<u64>,
    /// When the lines were raised last, and how often again.
    pub(crate) raised: Mutex<[Option<Raised>; 2]>,
    pub(crate) again: AtomicU64,
    pub(crate) hardware: Hardware,
    /// The coprocessor is off, so that registers may read anything.
    off: AtomicBool,
    fault_info: AtomicU64,
    booted: AtomicBool,
    signal: Mutex<Signal>,
    changed: Condvar,
    start: Instant,
    clock: Mutex<Clock>,
    pub(crate) book: OnceLock<Book>,
    pub(crate) stale: AtomicU64,
    pub(crate) freed: Freed,
    log: Mutex<Box<dyn Write + Send>>,
}

/// The guest's clock, as far as it is known: on a Mac both sides look at one timer.
struct Clock {
    /// The guest's counter, and when the guest has read it.
    counter: u64,
    read_at: Instant,
    /// What the firmware's timer showed at that time.
    base: u64,
}

impl Soc {
    /// A system whose regions the boot loader has yet to fill.
    pub fn new(
        regions: Regions,
        empty_region: Option<usize>,
        lost_interrupt: Option<u64>,
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
            hardware: *hardware,
            off: AtomicBool::new(true),
            fault_info: AtomicU64::new(0),
            booted: AtomicBool::new(false),
            signal: Mutex::default(),
            changed: Condvar::new(),
            start: Instant::now(),
            clock: Mutex::new(Clock {
                counter: 0,
                read_at: Instant::now(),
                base: 0,
            }),
            book: OnceLock::new(),
            stale: AtomicU64::new(0),
            freed: Freed::default(),
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
        let image = self.hardware.image;
        match boot::write(&self.ram, &self.regions, self.empty_region, image) {
            Ok(()) => self.note(Level::Info, "boot loader: regions written"),
            Err(e) => self.note(Level::Warn, &format!("boot loader: {:#x} is no RAM", e.0)),
        }
    }

    /// Everything as at power-on.
    pub fn reset(&self) {
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
        if self.booted.load(Ordering::Relaxed) {
            self.run_boot_loader();
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

    /// Says whether the coprocessor is off.
    pub fn set_off(&self, off: bool) {
        self.off.store(off, Ordering::Relaxed);
    }

    /// Whether the ID registers read garbage now.
    pub fn are_ids_garbage(&self) -> bool {
        self.hardware.ids && self.off.load(Ordering::Relaxed)
    }

    /// Looks whether the firmware's image is where the boot loader has put it, and whether context
    /// 0 leads to it. It has to once it has; `bound` says whether it has.
    ///
    /// # Errors
    ///
    /// What the host has done.
    pub fn firmware_image(&self, bound: bool) -> Result<bool, String> {
        let root = self.regions.pagetables();
        for (index, want) in boot::image_entries(&self.regions).into_iter().enumerate() {
            let got = self.ram.load_u64(root + 8 * index as u64).unwrap_or(0);
            if got != want {
                return Err(format!(
                    "root entry {index} of the upper half is {got:#x}, was {want:#x}"
                ));
            }
        }
        let (_, upper) = self.uat().roots(0);
        let leads = upper & TTB_VALID != 0 && ttb_table(upper) == root;
        if bound && !leads {
            return Err(format!(
                "context 0 has the upper half {upper:#x}, the firmware's is at {root:#x}"
            ));
        }
        Ok(leads)
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

    /// The guest has just read its counter.
    pub fn guest_counter(&self, counter: u64) {
        let mut clock = lock(&self.clock);
        clock.counter = counter;
        clock.read_at = Instant::now();
    }

    /// The guest's counter runs with `hz`: from now on the firmware's timer shows the same time.
    pub fn guest_frequency(&self, hz: u64) {
        let mut clock = lock(&self.clock);
        let ticks = u128::from(clock.counter) * u128::from(TICKS_PER_US * 1_000_000);
        clock.base = (ticks / u128::from(hz)) as u64;
    }

    /// Interrupts so far.
    pub fn interrupts(&self) -> u64 {
        self.interrupts.load(Ordering::Relaxed)
    }

    /// The fault information register.
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

    fn handoff_at<T: Value>(&self, field: Field<Handoff, T>) -> u64 {
        self.regions.handoff() + field.offset() as u64
    }

    /// Answers the handoff if the host has said that it is there. Returns whether it has.
    ///
    /// Without the lock: there are hosts that hold it while they wait for the answer, and some that
    /// do not.
    ///
    /// # Errors
    ///
    /// The handoff region is no RAM.
    pub fn answer_handoff(&self) -> Result<bool, String> {
        let outside = |e: OutsideRam| format!("handoff at {:#x} is no RAM", e.0);
        let ap = self.ram.load_u64(self.handoff_at(Handoff::MAGIC_AP));
        if ap.map_err(outside)? != Handoff::MAGIC {
            return Ok(false);
        }
        self.ram
            .store_u64(self.handoff_at(Handoff::MAGIC_FW), Handoff::MAGIC)
            .map_err(outside)?;
        Ok(true)
    }

    /// Runs `f` with the handoff lock held: the mirror image of the host's side.
    fn locked<R>(&self, f: impl FnOnce() -> R) -> Result<R, String> {
        let outside = |e: OutsideRam| format!("handoff at {:#x} is no RAM", e.0);
        let ours = self.handoff_at(Handoff::LOCK_FW);
        let theirs = self.handoff_at(Handoff::LOCK_AP);
        let turn = self.handoff_at(Handoff::TURN);
        let deadline = Instant::now() + LOCK_LIMIT;
        let pause = || {
            std::thread::yield_now();
            if Instant::now() > deadline {
                let _ = self.ram.store_u8(ours, 0);
                return Err("the host does not give back the handoff lock".to_owned());
            }
            Ok(())
        };

        self.ram.store_u8(ours, 1).map_err(outside)?;
        while self.ram.load_u8(theirs).map_err(outside)? != 0 {
            if self.ram.load_u32(turn).map_err(outside)? == 0 {
                self.ram.store_u8(ours, 0).map_err(outside)?;
                while self.ram.load_u32(turn).map_err(outside)? == 0
                    && self.ram.load_u8(theirs).map_err(outside)? != 0
                {
                    pause()?;
                }
                self.ram.store_u8(ours, 1).map_err(outside)?;
            }
            pause()?;
        }
        let result = f();
        self.ram.store_u32(turn, 0).map_err(outside)?;
        self.ram.store_u8(ours, 0).map_err(outside)?;
        Ok(result)
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

impl Machine for Soc {
    fn translate(&self, slot: u8, va: u64, role: Role, write: bool) -> Result<Page, AccessError> {
        let Some(book) = self.book.get() else {
            return self.uat().translate(slot, va, role, write);
        };
        // With the book open: an invalidation that follows is one of what is kept here.
        let mut shadow = book.open();
        let page = self.uat().translate(slot, va, role, write)?;
        shadow.used(slot, va, page.pte);
        Ok(page)
    }

    fn entry(&self, slot: u8, va: u64) -> Option<Page> {
        self.uat().walk(slot, va).ok()
    }

    fn mappings(&self, slot: u8) -> Vec<Mapping> {
        self.uat().mappings(slot)
    }

    fn ttbs(&self, slot: u8) -> (u64, u64) {
        self.uat().roots(slot)
    }

    fn select_context(&self, slot: u8) -> Result<(), String> {
        let at = self.handoff_at(Handoff::CUR_SLOT);
        self.locked(|| self.ram.store_u32(at, u32::from(slot)))?
            .map_err(|e| format!("handoff at {:#x} is no RAM", e.0))
    }

    fn read_phys(&self, pa: u64, buf: &mut [u8]) -> Result<(), OutsideRam> {
        self.look_for_freed(pa, buf.len(), "read of");
        self.ram.read(pa, buf)
    }

    fn write_phys(&self, pa: u64, bytes: &[u8]) -> Result<(), OutsideRam> {
        self.look_for_freed(pa, bytes.len(), "write to");
        self.ram.write(pa, bytes)
    }

    fn load_u32(&self, pa: u64) -> Result<u32, OutsideRam> {
        self.look_for_freed(pa, 4, "load from");
        self.ram.load_u32(pa)
    }

    fn store_u32(&self, pa: u64, value: u32) -> Result<(), OutsideRam> {
        self.look_for_freed(pa, 4, "store to");
        self.ram.store_u32(pa, value)
    }

    fn host_page(&self, pa: u64) -> Result<HostPage, OutsideRam> {
        self.look_for_freed(pa, 1, "GPU access to");
        self.ram.page(pa)
    }

    fn background(self: Arc<Self>, work: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        let soc = self.clone();
        let thread = std::thread::Builder::new().name("gpu".to_owned());
        let done = move || {
            work();
            soc.work();
        };
        thread.spawn(done).map(drop)
    }

    fn handoff(&self) -> u64 {
        self.regions.handoff()
    }

    fn ttbs_base(&self) -> u64 {
        self.regions.ttbs()
    }

    fn send(&self, endpoint: u8, message: u64) {
        let lines = self.mailbox(|m| m.firmware_send((message, endpoint)));
        self.raise(lines);
    }

    fn ticks(&self) -> u64 {
        let clock = lock(&self.clock);
        clock.base + clock.read_at.elapsed().as_nanos() as u64 * TICKS_PER_US / 1000
    }

    fn set_fault_info(&self, value: u64) {
        self.fault_info.store(value, Ordering::Relaxed);
    }

    fn log(&self, level: Level, line: &str) {
        self.note(level, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoLines;

    impl Lines for NoLines {
        fn pulse(&self, _vector: u32) {}
    }

    #[test]
    fn the_timer_shows_the_guests_time() {
        let regions = Regions::default();
        let soc = Soc::new(
            regions,
            None,
            None,
            &Hardware::default(),
            Box::new(NoLines),
            Box::new(std::io::sink()),
        );
        assert!(soc.ticks() < 24_000_000);
        // 100 seconds, at 62.5 MHz.
        soc.guest_counter(6_250_000_000);
        soc.guest_frequency(62_500_000);
        let ticks = soc.ticks();
        assert!((2_400_000_000..2_424_000_000).contains(&ticks), "{ticks}");
        assert!(soc.ticks() >= ticks);
    }
}
