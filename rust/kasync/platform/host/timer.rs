// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Timers of a world. A callback runs on the thread that moves the clock, outside of all locks, and
//! disarming waits for it, as with hrtimers.

use super::World;
use crate::platform::Timer;
use core::sync::atomic::{
    AtomicU64,
    Ordering, //
};

/// An armed timer.
pub(super) struct Entry {
    id: u64,
    at: i64,
    firing: bool,
    fire: unsafe fn(*const ()),
    data: *const (),
}

// SAFETY: Whoever arms the timer says that `fire(data)` may be called from any context.
unsafe impl Send for Entry {}

/// A timer.
pub struct HostTimer {
    armed: Option<(World, u64)>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Timer for HostTimer {
    fn new() -> Self {
        Self { armed: None }
    }

    unsafe fn arm(this: *mut Self, after_ns: i64, fire: unsafe fn(*const ()), data: *const ()) {
        let world = World::current();
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let at = world.0.now.load(Ordering::SeqCst).saturating_add(after_ns);
        world.0.timers.lock().unwrap().push(Entry {
            id,
            at,
            firing: false,
            fire,
            data,
        });
        // SAFETY: Valid and not armed by the safety requirements.
        unsafe { (*this).armed = Some((world, id)) };
    }

    unsafe fn disarm(this: *mut Self) {
        // SAFETY: Valid by the safety requirements; callbacks do not look at the timer.
        let Some((world, id)) = (unsafe { (*this).armed.take() }) else {
            return;
        };
        let mut timers = world.0.timers.lock().unwrap();
        timers.retain(|t| t.id != id || t.firing);
        while timers.iter().any(|t| t.id == id) {
            timers = world.0.timer_idle.wait(timers).unwrap();
        }
    }
}

pub(super) fn advance(world: &World, ns: i64) {
    let end = world.0.now.load(Ordering::SeqCst) + ns;
    loop {
        let mut timers = world.0.timers.lock().unwrap();
        let due = timers
            .iter_mut()
            .filter(|t| t.at <= end && !t.firing)
            .min_by_key(|t| (t.at, t.id));
        let Some(due) = due else { break };
        due.firing = true;
        let (id, fire, data) = (due.id, due.fire, due.data);
        world.0.now.fetch_max(due.at, Ordering::SeqCst);
        drop(timers);
        // SAFETY: `data` is valid until `disarm()`, which waits while `firing` is set.
        unsafe { fire(data) };
        world.0.timers.lock().unwrap().retain(|t| t.id != id);
        world.0.timer_idle.notify_all();
    }
    world.0.now.fetch_max(end, Ordering::SeqCst);
}
