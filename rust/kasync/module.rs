// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The module: a watch over modules that use it, `kasync/tasks` in debugfs, and a watch over tasks that stall.

use crate::{
    ffi,
    platform::registry::{
        self,
        StallWatch,
        Watch, //
    }, //
};
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    error::to_result,
    fmt,
    prelude::*, //
};

#[pin_data]
struct Kasync {
    #[pin]
    _tasks: File<()>,
    _dir: Dir,
    _stall_watch: StallWatch,
    // What the file shows is there until the file is gone.
    _watch: Watch,
    // Last: closes what is still to be closed.
    _reaper: Reaper,
}

/// The thread that closes executors whose last handle was dropped where one cannot block.
struct Reaper(());

impl Reaper {
    fn new() -> Result<Self> {
        // SAFETY: Called once, by the module's init function.
        to_result(unsafe { ffi::kasync_reaper_start() })?;
        Ok(Self(()))
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        // SAFETY: Started in `new()`. No user of this module is left that could drop an executor.
        unsafe { ffi::kasync_reaper_stop() };
    }
}

module! {
    type: Kasync,
    name: "kasync",
    authors: ["The asahi-async authors"],
    description: "Async executor on kernel workqueues",
    license: "Dual MIT/GPL",
    params: {
        stall_ms: u32 {
            default: 0,
            description: "Report tasks that wait, or are being polled, for so many milliseconds; 0: none",
        },
    },
}

fn write_tasks(_: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    registry::write_tasks(f)
}

impl kernel::InPlaceModule for Kasync {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let dir = Dir::new(c"kasync");
        try_pin_init!(Self {
            _reaper: Reaper::new()?,
            _watch: Watch::new()?,
            _tasks <- dir.read_callback_file(c"tasks", (), &write_tasks),
            _dir: dir.clone(),
            _stall_watch: StallWatch::new(module_parameters::stall_ms.value()),
        })
    }
}
