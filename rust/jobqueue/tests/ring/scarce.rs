// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A resource that rings of tests share, such as a slot of the hardware. The torture test compiles
//! this file as well.

use core::{
    future::Future,
    pin::Pin,
    task::{
        ready,
        Context,
        Poll, //
    }, //
};
use kasync::sync::{
    Acquire,
    OwnedPermit,
    Semaphore, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A ring's share of a resource: one permit, or the wait for one, or neither.
pub(crate) struct Scarce {
    permits: Arc<Semaphore>,
    acquire: Pin<KBox<Option<Acquire<Arc<Semaphore>>>>>,
    held: Option<OwnedPermit>,
}

impl Scarce {
    /// Returns a share without a permit.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(permits: Arc<Semaphore>) -> Result<Self> {
        Ok(Self {
            permits,
            acquire: KBox::pin(None, GFP_KERNEL)?,
            held: None,
        })
    }

    /// Polls for a permit. It is ready at once if there is one already.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.held.is_some() {
            return Poll::Ready(());
        }
        if self.acquire.is_none() {
            self.acquire
                .set(Some(Semaphore::acquire_owned(&self.permits, 1)));
        }
        let Some(acquire) = self.acquire.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let permit = ready!(acquire.poll(cx));
        self.acquire.set(None);
        self.held = Some(permit);
        Poll::Ready(())
    }

    /// Ends the wait for a permit, if there is one. A permit that the ring has is kept.
    pub(crate) fn leave(&mut self) {
        self.acquire.set(None);
    }

    /// Gives back the permit, and ends the wait for one.
    pub(crate) fn release(&mut self) {
        self.leave();
        self.held = None;
    }

    /// Returns whether there is a permit.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Returns whether there is neither a permit nor a wait for one.
    pub(crate) fn is_idle(&self) -> bool {
        self.held.is_none() && self.acquire.is_none()
    }
}
