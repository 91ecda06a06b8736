// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Timers and the clock, which stands still until [`World::advance`].

#![expect(non_camel_case_types, reason = "C's names")]

use super::World;
use crate::{
    bindings::{
        hrtimer_mode,
        hrtimer_restart, //
    },
    ffi::c_int, //
};
use std::sync::atomic::{
    AtomicU64,
    Ordering, //
};

type Function = unsafe extern "C" fn(*mut hrtimer) -> hrtimer_restart;

/// A timer that runs.
pub(super) struct Entry {
    id: u64,
    at: i64,
    firing: bool,
    timer: *mut hrtimer,
    function: Function,
}

// SAFETY: Callbacks of timers are called in any context.
unsafe impl Send for Entry {}

/// A timer.
pub struct hrtimer {
    function: Function,
    armed: Option<(World, u64)>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Returns the time of the calling thread's world, in nanoseconds.
///
/// # Safety
///
/// Can be called in any context.
pub unsafe fn ktime_get() -> i64 {
    World::current().now()
}

/// Initialises a timer.
///
/// # Safety
///
/// `timer` must be valid for writes, and not run.
pub unsafe fn hrtimer_setup(
    timer: *mut hrtimer,
    function: Option<Function>,
    _clock: c_int,
    _mode: hrtimer_mode,
) {
    let new = hrtimer {
        function: function.expect("a timer without a function"),
        armed: None,
    };
    // SAFETY: `timer` is valid for writes and does not run, by the safety requirements.
    unsafe { timer.write(new) }
}

/// Starts a timer, from now.
///
/// # Safety
///
/// `timer` must be set up, and stay where it is until [`hrtimer_cancel`].
pub unsafe fn hrtimer_start_range_ns(
    timer: *mut hrtimer,
    after_ns: i64,
    _range_ns: u64,
    _mode: hrtimer_mode,
) {
    let world = World::current();
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    // SAFETY: `timer` is set up by the safety requirements.
    let function = unsafe { (*timer).function };
    world.timers().push(Entry {
        id,
        at: world.now().saturating_add(after_ns),
        firing: false,
        timer,
        function,
    });
    // SAFETY: By the safety requirements; callbacks do not look at the timer.
    unsafe { (*timer).armed = Some((world, id)) };
}

/// Stops a timer, after its callback has ended if that is running.
///
/// # Safety
///
/// `timer` must be set up.
pub unsafe fn hrtimer_cancel(timer: *mut hrtimer) -> c_int {
    // SAFETY: By the safety requirements; callbacks do not look at the timer.
    let Some((world, id)) = (unsafe { (*timer).armed.take() }) else {
        return 0;
    };
    let mut timers = world.timers();
    let running = timers.len();
    timers.retain(|t| t.id != id || t.firing);
    let stopped = timers.len() < running;
    while timers.iter().any(|t| t.id == id) {
        timers = world.wait_for_timers(timers);
    }
    c_int::from(stopped)
}

/// Moves the clock, and fires the timers that expire in order of expiry.
pub(super) fn advance(world: &World, ns: i64) {
    let end = world.now() + ns;
    loop {
        let mut timers = world.timers();
        let due = timers
            .iter_mut()
            .filter(|t| t.at <= end && !t.firing)
            .min_by_key(|t| (t.at, t.id));
        let Some(due) = due else { break };
        due.firing = true;
        let (id, timer, function) = (due.id, due.timer, due.function);
        world.set_now(due.at);
        drop(timers);
        // SAFETY: The timer is there until `hrtimer_cancel()`, which waits while `firing` is set.
        let restart = unsafe { function(timer) };
        assert!(restart == hrtimer_restart::HRTIMER_NORESTART);
        world.timers().retain(|t| t.id != id);
        world.timers_changed();
    }
    world.set_now(end);
}
