// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Notifications of rare changes, as `rust/jobqueue/waits.rs` has them.

use kasync::sync::Notify;
use kernel::error::Result;

loom::lazy_static! {
    /// One for all, as it happens in the kernel if addresses are alike.
    static ref NOTIFY: Notify = Notify::new();
}

pub(crate) fn of<T>(_: &T) -> Result<&'static Notify> {
    Ok(&NOTIFY)
}

pub(crate) fn notify<T>(_: &T) {
    NOTIFY.notify_waiters();
}
