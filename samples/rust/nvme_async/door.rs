// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The way to the controller for files, which may stay open when the device has gone.
//!
//! ```text
//!         enter(): a guest has the controller          enter(): ENODEV
//!  open ───────────────────────────────────── shut() ─────────────────── the last guest leaves
//!                                                                                  │
//!                                                                                  ▼
//!                                                    empty: no file has anything of the device
//! ```
//!
//! Memory for DMA has to be freed before the device is unbound, when its mappings go. So a file has
//! the door, and the controller only for as long as a system call takes.

use crate::controller::Controller;
use core::ops::Deref;
use kernel::{
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        Mutex, //
    }, //
};

struct Inside {
    /// `None` when the door is shut.
    controller: Option<Arc<Controller>>,
    guests: usize,
}

/// The way to a controller.
///
/// # Invariants
///
/// `guests` counts the [`Guest`]s: references to the controller that were had from here.
#[pin_data]
pub(crate) struct Door {
    #[pin]
    inside: Mutex<Inside>,
    /// The door is shut, and no guest is left.
    #[pin]
    empty: CondVar,
}

impl Door {
    /// Makes a door that is open.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(controller: Arc<Controller>) -> Result<Arc<Self>> {
        let inside = Inside {
            controller: Some(controller),
            guests: 0,
        };
        Arc::pin_init(
            pin_init!(Self {
                inside <- new_mutex!(inside, "nvme_async::door"),
                empty <- new_condvar!("nvme_async::empty"),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns the controller for a system call. May sleep.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device has gone.
    pub(crate) fn enter(&self) -> Result<Guest<'_>> {
        let mut inside = self.inside.lock();
        let controller = inside.controller.clone().ok_or(ENODEV)?;
        // INVARIANT: One more.
        inside.guests += 1;
        Ok(Guest {
            door: self,
            controller: Some(controller),
        })
    }

    /// Lets nobody in any more.
    pub(crate) fn shut(&self) {
        let controller = self.inside.lock().controller.take();
        drop(controller);
    }

    /// Waits until all guests have left: whoever waits for the device has to be told before. May
    /// sleep, and needs no memory.
    pub(crate) fn wait_until_empty(&self) {
        let mut inside = self.inside.lock();
        while inside.guests > 0 {
            self.empty.wait(&mut inside);
        }
    }
}

/// The controller, for a system call.
pub(crate) struct Guest<'a> {
    door: &'a Door,
    /// Taken by the drop.
    controller: Option<Arc<Controller>>,
}

impl Deref for Guest<'_> {
    type Target = Controller;

    fn deref(&self) -> &Controller {
        // PANIC: Taken by the drop only.
        self.controller.as_deref().unwrap()
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        // Before it does not count any more.
        drop(self.controller.take());
        let mut inside = self.door.inside.lock();
        // INVARIANT: One less.
        inside.guests -= 1;
        if inside.guests == 0 && inside.controller.is_none() {
            self.door.empty.notify_all();
        }
    }
}
