// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Waits for rare changes of a queue: room in a full one, the last job of a parked one.
//!
//! All queues share a few [`Notify`]s, as users of the kernel's `wait_var_event()` share wait
//! queues: with its own a queue would be a third larger.

use kasync::sync::Notify;
use kernel::{
    prelude::*,
    sync::SetOnce, //
};

const COUNT: usize = 16;

static NOTIFIES: SetOnce<[Notify; COUNT]> = SetOnce::new();

/// Initialises this, for the module's init function.
pub(crate) fn init() {
    NOTIFIES.populate(core::array::from_fn(|_| Notify::new()));
}

/// Returns what is notified when the object at `address` changes, and some others as well.
///
/// # Errors
///
/// `ENODEV` before [`init`].
pub(crate) fn of<T>(address: &T) -> Result<&'static Notify> {
    let notifies = NOTIFIES.as_ref().ok_or(ENODEV)?;
    // The lower bits are the same for all that is allocated alike.
    let address = core::ptr::from_ref(address) as usize;
    Ok(&notifies[(address >> 6 ^ address >> 10) % COUNT])
}

/// Wakes all waits for the object at `address`.
#[cold]
pub(crate) fn notify<T>(address: &T) {
    if let Ok(notify) = of(address) {
        notify.notify_waiters();
    }
}
