// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What those wait on who wait for a queue to change in a way that is rare: a place that becomes free in a full one, the last job of a parked
//! one. Queues share a few of these, as users of the kernel's `wait_var_event()` do: with its own a queue would be a third larger.

use kasync::sync::Notify;
use kernel::{
    prelude::*,
    sync::SetOnce, //
};

const COUNT: usize = 16;

static NOTIFIES: SetOnce<[Notify; COUNT]> = SetOnce::new();

/// To be called by the module's init function.
pub(crate) fn init() {
    NOTIFIES.populate(core::array::from_fn(|_| Notify::new()));
}

/// The one that serves whatever is at this address. Others are served as well, so who is notified looks again.
///
/// `ENODEV` before [`init`].
pub(crate) fn of<T>(address: &T) -> Result<&'static Notify> {
    let notifies = NOTIFIES.as_ref().ok_or(ENODEV)?;
    // The lower bits are the same for all that is allocated alike.
    let address = core::ptr::from_ref(address) as usize;
    Ok(&notifies[(address >> 6 ^ address >> 10) % COUNT])
}

/// Has who waits for what is at this address look.
#[cold]
pub(crate) fn notify<T>(address: &T) {
    if let Ok(notify) = of(address) {
        notify.notify_waiters();
    }
}
