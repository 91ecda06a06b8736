// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Slots: what is kept of a call.
//!
//! ```text
//!             enter                reply, or down
//!   Free ───────────────► Waits ───────────────────► Done
//!    ▲ ▲                    │ dropped                  │
//!    │ │ reply, or down     ▼                          │
//!    │ └─────────────── Abandoned                      │
//!    └─────────────────────────────────────────────────┘
//!                the reply, or its future, is dropped
//! ```

use super::REPLY;
use core::task::Waker;
use kasync::{
    sync::OwnedPermit,
    time::Instant, //
};
use kernel::prelude::*;

/// The state of a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Free,
    /// The call is in flight, its caller waits.
    Waits,
    /// The call is in flight, its caller has gone.
    Abandoned,
    /// The call has ended with this result.
    Done(Result<u32>),
}

/// A slot of the table of calls: room for one call and its reply.
pub(super) struct Slot {
    pub(super) state: State,
    pub(super) call: u32,
    pub(super) function: u32,
    pub(super) expects: usize,
    /// Memory for the reply, which is filled as it comes. Away while it is filled, and while the
    /// caller has it.
    pub(super) reply: KVVec<u8>,
    pub(super) waker: Option<Waker>,
    pub(super) since: Instant,
    pub(super) permit: Option<OwnedPermit>,
}

impl Slot {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            state: State::Free,
            call: 0,
            function: 0,
            expects: 0,
            reply: KVVec::with_capacity(REPLY, GFP_KERNEL)?,
            waker: None,
            since: Instant::now(),
            permit: None,
        })
    }

    pub(super) fn is_in_flight(&self) -> bool {
        matches!(self.state, State::Waits | State::Abandoned)
    }

    /// Frees the slot. What is returned is to be dropped without the lock.
    pub(super) fn free(&mut self) -> (Option<OwnedPermit>, Option<Waker>) {
        self.state = State::Free;
        self.reply.clear();
        (self.permit.take(), self.waker.take())
    }
}
