// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The state of the controller, as the driver's tasks and its clients see it.
//!
//! # States
//!
//! ```text
//!            bound                      trouble, or a client asks
//!  Down ──────────────► Live ─────────────────────────────────────► Resetting
//!                        │ ▲                                         │     │
//!                        │ └──── what was in flight has ended ───────┘     │ does not stop, or
//!                        │                                                 │ does not come up
//!                        │ unbound                                         ▼
//!                        └────────────────────────────────────────────► Gone
//! ```

use crate::controller::Controller;
use kernel::{
    prelude::*,
    sync::atomic::Acquire, //
};

/// The state of the controller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// The device has no queue yet.
    Down,
    Live,
    Resetting,
    /// The controller takes no more commands.
    Gone,
}

/// The state of the controller, and the number of its resets.
#[derive(Clone, Copy)]
pub(crate) struct At {
    pub(crate) state: State,
    pub(crate) resets: u64,
}

impl Controller {
    /// Says what the controller is at. From [`State::Gone`] it does not come back.
    pub(crate) fn is_at(&self, state: State) {
        // With the lock the check and the change are one step.
        let mut states = self.states.lock();
        if states.get().state == State::Gone {
            return;
        }
        let resets = self.counts.resets.load(Acquire);
        // Cannot fail: there is a receiver.
        let _sent = self.state.send(At { state, resets });
    }

    /// Waits until the controller takes commands.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it has gone.
    pub(crate) async fn live(&self) -> Result {
        let mut state = self.state.subscribe();
        loop {
            match state.get().state {
                State::Live => return Ok(()),
                State::Gone => return Err(ENODEV),
                State::Down | State::Resetting => state.changed().await.map_err(|_| ENODEV)?,
            }
        }
    }

    /// Has the controller reset, and waits until that is done.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it does not come up again.
    pub(crate) async fn ask_for_reset(&self) -> Result {
        let mut state = self.state.subscribe();
        let before = state.get().resets;
        self.trouble.notify_one();
        loop {
            match state.get() {
                At {
                    state: State::Gone, ..
                } => return Err(ENODEV),
                At {
                    state: State::Live,
                    resets,
                } if resets != before => return Ok(()),
                _ => state.changed().await.map_err(|_| ENODEV)?,
            }
        }
    }
}
