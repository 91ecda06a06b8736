// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Notifications of rare changes of a queue: room in a full one, the last job of a parked one.
//!
//! All queues share a few [`Notify`]s, as users of `wait_var_event()` share wait queues. With a
//! [`Notify`] of its own a queue would be a third larger.

use kasync::sync::Notify;
use kernel::{
    prelude::*,
    sync::SetOnce, //
};

const COUNT: usize = 16;

static NOTIFIES: SetOnce<[Notify; COUNT]> = SetOnce::new();

/// Initialises the shared notifications. Called by the module's init function.
pub(crate) fn init() {
    NOTIFIES.populate(core::array::from_fn(|_| Notify::new()));
}

/// Returns the [`Notify`] for changes of the object at `address`, which other objects may share.
///
/// # Errors
///
/// `ENODEV` before [`init`].
pub(crate) fn of<T>(address: &T) -> Result<&'static Notify> {
    let notifies = NOTIFIES.as_ref().ok_or(ENODEV)?;
    // The lowest bits are the same for all objects of one type.
    let address = core::ptr::from_ref(address) as usize;
    Ok(&notifies[(address >> 6 ^ address >> 10) % COUNT])
}

/// Wakes all waiters for changes of the object at `address`.
#[cold]
pub(crate) fn notify<T>(address: &T) {
    if let Ok(notify) = of(address) {
        notify.notify_waiters();
    }
}
