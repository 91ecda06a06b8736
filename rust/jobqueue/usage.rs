// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Accounting of the time that engines work for a client, for the keys of
//! `Documentation/gpu/drm-usage-stats.rst`.
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

/// The time that one kind of engine has worked for one client.
///
/// It is the time in which at least one job of the client was in flight. It is an upper bound,
/// since jobs of other clients may have run meanwhile.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `show` | yes | no | no |
/// | `begin`, `busy`, drop of [`Work`] | yes | yes | no |
///
/// # Examples
///
/// ```
/// # use core::ffi::c_void;
/// # use jobqueue::{EngineUsage, Work};
/// # use kernel::sync::Arc;
/// /// The state of a job in flight.
/// pub struct InFlight {
///     number: u64,
///     _work: Work,
/// }
///
/// // What `Ring::submit()` returns.
/// # pub fn submit(number: u64, usage: &Arc<EngineUsage>) -> InFlight {
/// InFlight { number, _work: usage.begin() }
/// # }
///
/// // In `drm_driver.show_fdinfo`, for an engine of 1278 MHz.
/// # /// # Safety
/// # ///
/// # /// `printer` must be a valid `struct drm_printer`.
/// # pub unsafe fn show_fdinfo(usage: &EngineUsage, printer: *mut c_void) {
/// // SAFETY: The DRM core has passed a valid printer.
/// unsafe { usage.show(printer, Some(1_278_000_000)) };
/// # }
/// ```
#[pin_data]
pub struct EngineUsage {
    name: &'static CStr,
    #[pin]
    state: SpinLock<State>,
}

struct State {
    /// The busy time until the last change.
    busy: Delta,
    in_flight: u32,
    last_change: Instant<Monotonic>,
}

impl State {
    /// Adds the time since the last change, if it was busy.
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
    /// Returns the usage of an engine. The name is part of the keys: `drm-engine-<name>`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
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
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Records that work for the client begins. It ends when the result is dropped.
    pub fn begin(self: &Arc<Self>) -> Work {
        let mut state = self.state.lock();
        state.advance();
        state.in_flight += 1;
        drop(state);
        Work(self.clone())
    }

    /// Returns the busy time so far, which never decreases.
    pub fn busy(&self) -> Delta {
        let mut state = self.state.lock();
        state.advance();
        state.busy
    }

    /// Returns whether any work is in flight.
    pub fn is_busy(&self) -> bool {
        self.state.lock().in_flight != 0
    }

    /// Prints the keys: the time, and the engine's maximum frequency in hertz, if it is known.
    ///
    /// # Safety
    ///
    /// `printer` must be a valid `struct drm_printer`.
    pub unsafe fn show(&self, printer: *mut c_void, max_hz: Option<u64>) {
        let busy = self.busy().as_nanos().unsigned_abs();
        let print = |kind: &CStr, number, unit: &CStr| {
            let name = self.name.as_char_ptr();
            // SAFETY: The printer is valid by the safety requirements. The strings end with NUL.
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
        if let Some(hz) = max_hz {
            print(c"maxfreq", hz, c" Hz");
        }
    }
}

/// Work of an engine that is in flight.
///
/// # Context
///
/// See the table of [`EngineUsage`].
#[must_use = "the work ends when this is dropped"]
pub struct Work(Arc<EngineUsage>);

impl Drop for Work {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.advance();
        state.in_flight -= 1;
    }
}
