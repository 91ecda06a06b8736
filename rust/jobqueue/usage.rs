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
    fn jobqueue_print_engine(printer: *mut c_void, name: *const c_char, ns: u64);
}

/// How long one kind of engine has worked for one client: the time in which it had anything in flight there. What overlaps counts once, and
/// as others may have been served as well it is the most that it can have been.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `show` | yes | no | no |
/// | `begin`, `busy`, drop of [`Work`] | yes | yes | no |
///
/// # Examples
///
/// ```ignore
/// // In Ring::start(), and what goes with the job until it is over:
/// let running = Running { hardware, _work: self.usage.begin() };
/// // In drm_driver.show_fdinfo:
/// unsafe { file.usage.show(printer) };
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
        Arc::pin_init(
            pin_init!(Self {
                name,
                state <- new_spinlock!(State {
                    busy: Delta::ZERO,
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

    /// Prints the keys.
    ///
    /// # Safety
    ///
    /// `printer` is a `struct drm_printer` that may be used.
    pub unsafe fn show(&self, printer: *mut c_void) {
        let ns = self.busy().as_nanos();
        // SAFETY: By the safety requirements; the name is a C string.
        unsafe { jobqueue_print_engine(printer, self.name.as_char_ptr(), ns.unsigned_abs()) };
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
