// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The kernel module: `kasync/tasks` in debugfs, the notifier for modules that use the executor,
//! and the check for stalled tasks.

use kasync::inspect::{
    self,
    ModuleWatch,
    Reaper,
    StallWatch, //
};
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    fmt,
    prelude::*, //
};

#[pin_data]
struct Kasync {
    #[pin]
    _tasks: File<()>,
    _dir: Dir,
    _stall_watch: StallWatch,
    // Dropped after the file, which shows the list that this owns.
    _watch: ModuleWatch,
    // Last, since it closes executors.
    _reaper: Reaper,
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
            description: "Report tasks that wait, or are being polled, for this many milliseconds; 0: none",
        },
    },
}

fn write_tasks(_: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    inspect::write_tasks(f)
}

impl kernel::InPlaceModule for Kasync {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let dir = Dir::new(c"kasync");
        try_pin_init!(Self {
            // SAFETY: Called once, by the module's init function, and dropped by its exit function.
            _reaper: unsafe { Reaper::new()? },
            // SAFETY: Called once, by the module's init function, before any executor is made.
            _watch: unsafe { ModuleWatch::new()? },
            _tasks <- dir.read_callback_file(c"tasks", (), &write_tasks),
            _dir: dir.clone(),
            // SAFETY: Called once, by the module's init function, after the reaper was started.
            _stall_watch: unsafe { StallWatch::new(module_parameters::stall_ms.value()) },
        })
    }
}
