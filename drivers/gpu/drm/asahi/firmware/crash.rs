// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The crash of the firmware.
//!
//! Its image was loaded and locked by the bootloader, so a firmware that crashed stays dead until
//! the machine is reset. The driver then ends all waits for it: every wait for the firmware in this
//! driver goes through [`Crash::or`], and ends with `ENODEV`.

use self::flag::Flag;
use crate::mmu::Uat;
use core::future::Future;
use kasync::{
    select,
    Either,
    Scope, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The flag itself. Fences complete because of it, and clients then free the memory of their jobs.
/// So it takes evidence that the GPU does not reach that memory any more.
mod flag {
    use crate::mmu::ClientsCutOff;
    use kasync::{
        Cancelled,
        Scope, //
    };

    /// A scope without tasks, whose cancellation is the flag.
    #[derive(Clone)]
    pub(super) struct Flag(Scope);

    impl Flag {
        pub(super) fn new(scope: Scope) -> Self {
            Self(scope)
        }

        /// Sets the flag.
        pub(super) fn set(&self, _evidence: ClientsCutOff) {
            self.0.cancel();
        }

        /// Returns whether the flag is set. Any context.
        pub(super) fn is_set(&self) -> bool {
            self.0.is_cancelled()
        }

        /// Returns a future that is ready once the flag is set.
        pub(super) fn happened(&self) -> Cancelled<'_> {
            self.0.cancelled()
        }
    }
}

/// A flag that is set once, when the firmware crashes, and can be awaited.
///
/// | call | context |
/// |---|---|
/// | [`Crash::set`] | any but interrupts |
/// | [`Crash::is_set`], [`Crash::check`] | any |
/// | [`Crash::happened`], [`Crash::or`] | task; as cancel safe as its future is |
#[derive(Clone)]
pub(crate) struct Crash {
    flag: Flag,
    uat: Arc<Uat>,
}

impl Crash {
    /// Returns a flag that is not set. It is set when `scope` is cancelled, at the latest.
    pub(super) fn new(scope: &Scope, uat: &Arc<Uat>) -> Result<Self> {
        Ok(Self {
            flag: Flag::new(scope.child(c"alive")?),
            uat: uat.clone(),
        })
    }

    /// Sets the flag, after making the memory of all clients unreachable for the GPU.
    ///
    /// Fences complete because of the flag, and clients then free the memory of their jobs. The GPU
    /// has not been stopped and may still access it, so it is unmapped first.
    ///
    /// # Context
    ///
    /// Any but interrupts.
    pub(super) fn set(&self) {
        self.flag.set(self.uat.cut_off_clients());
    }

    /// Returns whether it is set.
    pub(crate) fn is_set(&self) -> bool {
        self.flag.is_set()
    }

    /// Returns `ENODEV` if it is set.
    pub(crate) fn check(&self) -> Result {
        if self.is_set() {
            Err(ENODEV)
        } else {
            Ok(())
        }
    }

    /// Waits until the flag is set.
    pub(super) async fn happened(&self) {
        self.flag.happened().await;
    }

    /// Returns what `future` gives, or `ENODEV` as soon as the firmware is dead.
    pub(crate) async fn or<F: Future>(&self, future: F) -> Result<F::Output> {
        match select(future, self.flag.happened()).await {
            Either::Left(output) => Ok(output),
            Either::Right(()) => Err(ENODEV),
        }
    }
}
