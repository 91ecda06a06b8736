// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The GPU's power domain, which stays on while its coprocessor may run.
//!
//! A coprocessor that loses its power in the middle of something is not known to come up again, and
//! one that was given up may still use memory. So the domain is held from before the coprocessor is
//! started until it is known to sleep, whatever becomes of the driver:
//!
//! ```text
//!            hold()             start()                 end(): it sleeps
//!   not held ──────► held, off ─────────► held, running ────────────────► not held
//!      ▲               │                        │
//!      └───────────────┘                        │ end(): it does not
//!        end(), dropped                         └──────────────────► held until the next reboot
//! ```
//!
//! A later driver that finds the domain held takes that over, as if it had started the coprocessor
//! itself, and may bring it to its end.

use crate::ffi;
use core::{
    ffi::c_void,
    ptr, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    error::from_err_ptr,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        }, //
    }, //
};

/// The power domain of a GPU.
///
/// | call | context |
/// |---|---|
/// | [`PowerDomain::hold`] | process, allocates |
/// | [`PowerDomain::start`] | any |
/// | [`PowerDomain::end`], drop | process, may sleep |
///
/// # Invariants
///
/// `holder` is what `asahi_domain_hold()` has returned, with its reference, or null.
pub(crate) struct PowerDomain {
    dev: ARef<Device>,
    holder: Atomic<*mut c_void>,
    /// True if the coprocessor was started, by this driver or by one that has left it running.
    is_started: Atomic<bool>,
}

impl PowerDomain {
    /// Keeps the domain of `dev` on, if it has one.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, and those of the domain's driver.
    pub(crate) fn hold(dev: &Device<Bound>) -> Result<Self> {
        // `Device` is a transparent wrapper of `struct device`.
        let raw: *const Device<Bound> = dev;
        let mut was_held = false;
        // SAFETY: The device is bound, and stays so during the call, which writes the variable.
        let holder = unsafe { ffi::asahi_domain_hold(raw.cast_mut().cast(), &mut was_held) };
        // INVARIANT: By the call above.
        Ok(Self {
            dev: dev.into(),
            holder: Atomic::new(from_err_ptr(holder)?),
            is_started: Atomic::new(was_held),
        })
    }

    /// Notes that the coprocessor is about to be started.
    pub(crate) fn start(&self) {
        self.is_started.store(true, Relaxed);
    }

    /// Lets the domain go off if the coprocessor is not running: it was never started, or
    /// `sleeps`. Otherwise the domain stays on. May be repeated.
    pub(crate) fn end(&self, sleeps: bool) {
        // INVARIANT: Null.
        let holder = self.holder.xchg(ptr::null_mut(), Full);
        if holder.is_null() {
            return;
        }
        if sleeps || !self.is_started.load(Relaxed) {
            // SAFETY: By the type invariant; it is not used afterwards.
            unsafe { ffi::asahi_domain_release(holder) };
        } else {
            dev_notice!(
                self.dev,
                "coprocessor may still run: its power domain stays on until the next reboot\n"
            );
            // SAFETY: By the type invariant; it is not used afterwards.
            unsafe { ffi::asahi_domain_keep(holder) };
        }
    }
}

impl Drop for PowerDomain {
    fn drop(&mut self) {
        self.end(false);
    }
}
