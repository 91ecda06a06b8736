// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The end of the system: reboot, power-off, or another kernel by kexec.
//!
//! Nothing resets the coprocessor on the way to another kernel, and it would go on writing to
//! memory that is that kernel's. So it is put to sleep as it is when the device is unbound:
//!
//! ```text
//!             shutdown()            nothing is in flight
//!   running ──────────────► drain ───────────────────────────► stop ──► asleep
//!                             │ not within SHUTDOWN_LIMIT        ▲ │
//!                             └─► clients cut off, ENODEV ───────┘ │ it does not answer
//!                                                                  └─► abandoned: what it
//!                                                                      has is out of reach
//! ```
//!
//! What waits for fences of other drivers is left as it is, see `gpu/stop.rs`.
//!
//! A kernel that starts after a panic does not come this way; it has memory of its own, which was
//! never given to the coprocessor.

use crate::{
    ffi,
    gpu::Gpu, //
};
use core::ffi::c_void;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    error::to_result,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// A registration that stops a GPU when the system shuts down; dropping it ends the registration.
///
/// # Invariants
///
/// `dev` has a registration of `asahi_shutdown_register()`, whose cookie is `_gpu`.
pub(crate) struct ShutdownHook {
    dev: ARef<Device>,
    _gpu: Arc<Gpu>,
}

impl ShutdownHook {
    /// Registers `gpu` to be stopped when the system shuts down.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Safety
    ///
    /// `dev` is being bound, and the result is dropped by a probe that fails or by the unbinding of
    /// `dev`.
    pub(crate) unsafe fn new(dev: &Device<Bound>, gpu: &Arc<Gpu>) -> Result<Self> {
        // `Device` is a transparent wrapper of `struct device`.
        let raw: *const Device<Bound> = dev;
        // SAFETY: The device is valid and being bound, by the function's requirements. The callback
        // takes a `Gpu`, which the result keeps until the registration has ended.
        to_result(unsafe {
            ffi::asahi_shutdown_register(raw.cast_mut().cast(), Arc::as_ptr(gpu).cast_mut().cast())
        })?;
        // INVARIANT: By the call above.
        Ok(Self {
            dev: dev.into(),
            _gpu: gpu.clone(),
        })
    }
}

impl Drop for ShutdownHook {
    fn drop(&mut self) {
        let raw: *const Device = &*self.dev;
        // SAFETY: By the type invariant there is a registration. By `new()`'s requirements the
        // device is locked, and its managed resources are still there.
        unsafe { ffi::asahi_shutdown_unregister(raw.cast_mut().cast()) };
    }
}

/// Stops the GPU of a hook. Called by the C half.
///
/// # Safety
///
/// `cookie` is that of a [`ShutdownHook`] which lives.
#[no_mangle]
unsafe extern "C" fn asahi_shutdown_gpu(cookie: *const c_void) {
    // SAFETY: `cookie` is the `Gpu` of a hook that lives, by the safety requirements.
    unsafe { &*cookie.cast::<Gpu>() }.shut_down();
}
