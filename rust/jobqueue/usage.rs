// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! How long engines work for a client: the keys of `Documentation/gpu/drm-usage-stats.rst`.
//!
//! ```text
//!  jobs in flight     0      1    2    1    0         1      0
//!  ─────────────────────────┬────┬────┬────┬─────────┬──────┬──────► time
//!  counted                  └──────────────┘         └──────┘
//! ```

use core::ffi::c_void;
use kasync::time::Delta;
use kernel::{
    ffi::c_char,
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};

unsafe extern "C" {
    fn jobqueue_print_usage(
        printer: *mut c_void,
        kind: *const c_char,
        name: *const c_char,
        number: u64,
        unit: *const c_char,
    );
}

/// What an engine's cycles are to be compared with. The rules allow for one of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// Its highest clock, in hertz: `drm-maxfreq-<name>`. It says something of an engine without cycles as well.
    MaxHz(u64),
    /// How many cycles there were so far, busy or not: `drm-total-cycles-<name>`. For an engine whose cycles are counted.
    TotalCycles(u64),
}

/// How long one kind of engine has worked for one client: the time in which it had anything in flight there. What overlaps counts once, and
/// as others may have been served as well it is the most that it can have been.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `with_cycles`, `show` | yes | no | no |
/// | `begin`, `busy`, `add_cycles`, drop of [`Work`] | yes | yes | no |
///
/// # Examples
///
/// ```ignore
/// // In Ring::start(), and what goes with the job until it is over:
/// let running = Running { hardware, _work: self.usage.begin() };
/// // In drm_driver.show_fdinfo:
/// unsafe { file.usage.show(printer, Some(Clock::MaxHz(1_278_000_000))) };
/// ```
#[pin_data]
pub struct EngineUsage {
    name: &'static CStr,
    #[pin]
    state: SpinLock<State>,
}

struct State {
    /// Until the last change.
    busy: Delta,
    /// Busy cycles, if anybody counts them.
    cycles: Option<u64>,
    in_flight: u32,
    last_change: Instant<Monotonic>,
}

impl State {
    /// Counts the time until now.
    fn advance(&mut self) {
        let now = Instant::now();
        if self.in_flight > 0 {
            let busy = self.busy.as_nanos() + (now - self.last_change).as_nanos();
            self.busy = Delta::from_nanos(busy);
        }
        self.last_change = now;
    }
}

impl EngineUsage {
    /// `name` goes into the keys, as `drm-engine-<name>`.
    pub fn new(name: &'static CStr) -> Result<Arc<Self>> {
        Self::make(name, None)
    }

    /// The same for an engine of which the hardware says how many cycles it was busy.
    pub fn with_cycles(name: &'static CStr) -> Result<Arc<Self>> {
        Self::make(name, Some(0))
    }

    fn make(name: &'static CStr, cycles: Option<u64>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                name,
                state <- new_spinlock!(State {
                    busy: Delta::ZERO,
                    cycles,
                    in_flight: 0,
                    last_change: Instant::now(),
                }),
            }),
            GFP_KERNEL,
        )
    }

    /// It works for the client until the result is dropped.
    pub fn begin(self: &Arc<Self>) -> Work {
        let mut state = self.state.lock();
        state.advance();
        state.in_flight += 1;
        drop(state);
        Work(self.clone())
    }

    /// How long it has worked so far; never less than before.
    pub fn busy(&self) -> Delta {
        let mut state = self.state.lock();
        state.advance();
        state.busy
    }

    /// Returns whether any work is in flight.
    pub fn is_busy(&self) -> bool {
        self.state.lock().in_flight != 0
    }

    /// The hardware says that it was busy for so many cycles. Does nothing to one that was not made by [`EngineUsage::with_cycles`].
    pub fn add_cycles(&self, n: u64) {
        if let Some(cycles) = &mut self.state.lock().cycles {
            *cycles = cycles.wrapping_add(n);
        }
    }

    /// Prints the keys: the time, the cycles if they are counted, and `clock`.
    ///
    /// # Safety
    ///
    /// `printer` is a `struct drm_printer` that may be used.
    pub unsafe fn show(&self, printer: *mut c_void, clock: Option<Clock>) {
        let (busy, cycles) = {
            let mut state = self.state.lock();
            state.advance();
            (state.busy.as_nanos().unsigned_abs(), state.cycles)
        };
        let print = |kind: &CStr, number, unit: &CStr| {
            let name = self.name.as_char_ptr();
            // SAFETY: By the safety requirements; the others are C strings.
            unsafe {
                jobqueue_print_usage(
                    printer,
                    kind.as_char_ptr(),
                    name,
                    number,
                    unit.as_char_ptr(),
                )
            };
        };
        print(c"engine", busy, c" ns");
        if let Some(cycles) = cycles {
            print(c"cycles", cycles, c"");
        }
        match clock {
            Some(Clock::MaxHz(hz)) => print(c"maxfreq", hz, c" Hz"),
            Some(Clock::TotalCycles(total)) if cycles.is_some() => {
                print(c"total-cycles", total, c"")
            }
            _ => (),
        }
    }
}

/// Something that an engine works on.
#[must_use = "it counts as over once it is dropped"]
pub struct Work(Arc<EngineUsage>);

impl Drop for Work {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.advance();
        state.in_flight -= 1;
    }
}
