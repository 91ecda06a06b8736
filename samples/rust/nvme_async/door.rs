// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The way to the controller for files, which may stay open when the device has gone.
//!
//! ```text
//!         enter(): a reference to the controller       enter(): ENODEV
//!  open ───────────────────────────────────── shut() ────────────── the last reference goes
//!                                                                              │
//!                                                                              ▼
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
    references: usize,
}

/// The way to a controller.
///
/// # Invariants
///
/// `references` counts the [`ControllerRef`]s that were made here.
#[pin_data]
pub(crate) struct Door {
    #[pin]
    inside: Mutex<Inside>,
    /// The door is shut, and no reference is left.
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
            references: 0,
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
    pub(crate) fn enter(&self) -> Result<ControllerRef<'_>> {
        let mut inside = self.inside.lock();
        let controller = inside.controller.clone().ok_or(ENODEV)?;
        // INVARIANT: One more.
        inside.references += 1;
        Ok(ControllerRef {
            door: self,
            controller: Some(controller),
        })
    }

    /// Makes [`Door::enter`] fail from now on.
    pub(crate) fn shut(&self) {
        let controller = self.inside.lock().controller.take();
        drop(controller);
    }

    /// Waits until all references have gone: calls that wait for the device have to be told before.
    /// May sleep, and needs no memory.
    pub(crate) fn wait_until_empty(&self) {
        let mut inside = self.inside.lock();
        while inside.references > 0 {
            self.empty.wait(&mut inside);
        }
    }
}

/// A reference to the controller, for a system call.
pub(crate) struct ControllerRef<'a> {
    door: &'a Door,
    /// Taken by the drop.
    controller: Option<Arc<Controller>>,
}

impl Deref for ControllerRef<'_> {
    type Target = Controller;

    fn deref(&self) -> &Controller {
        // PANIC: Taken by the drop only.
        self.controller.as_deref().unwrap()
    }
}

impl Drop for ControllerRef<'_> {
    fn drop(&mut self) {
        // Before it does not count any more.
        drop(self.controller.take());
        let mut inside = self.door.inside.lock();
        // INVARIANT: One less.
        inside.references -= 1;
        if inside.references == 0 && inside.controller.is_none() {
            self.door.empty.notify_all();
        }
    }
}
