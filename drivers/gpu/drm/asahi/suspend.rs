// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! System suspend.
//!
//! The coprocessor stays as it is, awake and with power, and has nothing to do meanwhile:
//!
//! ```text
//!           PM_SUSPEND_PREPARE             nothing is in flight
//!   running ──────────────────► draining ────────────────────────► parked
//!      ▲  ▲                       │ not within DRAIN_LIMIT: EBUSY     │
//!      │  └───────────────────────┘                                   │ PM_POST_SUSPEND:
//!      └──────────────────────────────────────────────────────────────┘ it answers
//!                                      it does not answer: the firmware is given up
//! ```
//!
//! Jobs may be submitted at any time. Those that the firmware does not have wait, as if all slots
//! were taken. So neither fences nor waits notice anything but the time that it takes.
//!
//! A firmware that has come up after `PM_SUSPEND_PREPARE` is not parked. Such a suspend ends with
//! EBUSY when it comes to the device.
//!
//! The coprocessor's power domain stays on, as the way to start it again is not known: a device of
//! the driver's is in it that is not suspended; see `domain.c`.

use crate::{
    ffi,
    firmware::Firmware,
    slots::{
        Closing,
        SlotPool, //
    }, //
};
use core::{
    ffi::{
        c_int,
        c_void, //
    },
    ptr::NonNull, //
};
use kasync::{
    block_on,
    select,
    time,
    Either, //
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
            Relaxed, //
        },
        Arc, //
    },
    time::Delta, //
};

/// Time limit of jobs in flight, after which the suspend is refused.
const DRAIN_LIMIT: Delta = Delta::from_millis(10_000);

/// The parts of the GPU that a suspend needs.
struct Target {
    dev: ARef<Device>,
    firmware: Arc<Firmware>,
    slots: Arc<SlotPool>,
    /// The firmware has been booted.
    booted: Atomic<bool>,
    /// [`Target::prepare`] has succeeded. The system's suspends are one after another.
    parked: Atomic<bool>,
}

impl Target {
    /// Closes the pool of slots, and waits for the jobs in flight to complete.
    ///
    /// # Errors
    ///
    /// `EBUSY` if they take longer than [`DRAIN_LIMIT`]. The pool is opened again then, unless the
    /// GPU is being stopped. `EBUSY` also while the firmware boots: its first command is that of
    /// the boot, and no question may come before.
    fn prepare(&self) -> Result {
        if !self.is_alive() {
            return Ok(());
        }
        if !self.booted.load(Relaxed) || !self.firmware.control().has_begun() {
            dev_warn!(self.dev, "firmware boots: system suspend is refused\n");
            return Err(EBUSY);
        }
        self.slots.close(Closing::Suspend);
        let drained = select(self.slots.idle(), time::sleep(DRAIN_LIMIT));
        match block_on(self.firmware.crash().or(drained)) {
            // The slots are free, or the firmware has crashed: no job is in flight.
            Ok(Ok(Either::Left(())) | Err(_)) => {
                self.parked.store(true, Relaxed);
                Ok(())
            }
            Ok(Ok(Either::Right(()))) => {
                self.slots.open();
                dev_warn!(
                    self.dev,
                    "jobs still run after {} s: system suspend is refused\n",
                    DRAIN_LIMIT.as_millis() / 1000
                );
                Err(EBUSY)
            }
            Err(e) => {
                self.slots.open();
                dev_warn!(self.dev, "system suspend is refused: {e:?}\n");
                Err(e)
            }
        }
    }

    /// Checks that the firmware has survived the suspend, and resumes.
    fn end(&self) {
        if !self.parked.load(Relaxed) {
            return;
        }
        self.parked.store(false, Relaxed);
        if self.is_alive() && !self.slots.is_stopping() {
            match block_on(self.firmware.control().is_alive()) {
                Ok(true) => dev_info!(self.dev, "firmware answers after system suspend\n"),
                // It is put to sleep meanwhile, and need not answer.
                Ok(false) if self.slots.is_stopping() => (),
                Ok(false) => self
                    .firmware
                    .give_up(fmt!("firmware does not answer after system suspend")),
                Err(e) => dev_warn!(
                    self.dev,
                    "firmware was not asked whether it is alive after system suspend: {e:?}\n"
                ),
            }
        }
        self.slots.open();
    }

    /// Returns whether the firmware runs.
    fn is_alive(&self) -> bool {
        !self.firmware.crash().is_set()
    }
}

/// A registration of the GPU for system suspend; dropping it ends the registration.
///
/// # Invariants
///
/// `raw` is a registration of `asahi_suspend_register()`, whose cookie is `target`.
pub(crate) struct SuspendNotifier {
    raw: NonNull<c_void>,
    target: KBox<Target>,
}

// SAFETY: The registration may be ended by any thread, and `Target` may be used by any.
unsafe impl Send for SuspendNotifier {}
// SAFETY: There is nothing that a shared reference allows.
unsafe impl Sync for SuspendNotifier {}

impl SuspendNotifier {
    /// Registers the GPU for system suspend.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(
        dev: &Device<Bound>,
        firmware: &Arc<Firmware>,
        slots: &Arc<SlotPool>,
    ) -> Result<Self> {
        let target = KBox::new(
            Target {
                dev: dev.into(),
                firmware: firmware.clone(),
                slots: slots.clone(),
                booted: Atomic::new(false),
                parked: Atomic::new(false),
            },
            GFP_KERNEL,
        )?;
        let cookie: *const Target = &*target;
        // `Device` is a transparent wrapper of `struct device`.
        let raw: *const Device<Bound> = dev;
        // SAFETY: The device is valid. The callbacks below take a `Target`, which lives until the
        // registration has ended.
        let raw = from_err_ptr(unsafe {
            ffi::asahi_suspend_register(raw.cast_mut().cast(), cookie.cast_mut().cast())
        })?;
        // INVARIANT: By the call above.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
            target,
        })
    }

    /// Notes that the firmware has been booted. Until then suspends are refused.
    pub(crate) fn set_booted(&self) {
        self.target.booted.store(true, Relaxed);
    }
}

impl Drop for SuspendNotifier {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; it is not used afterwards.
        unsafe { ffi::asahi_suspend_unregister(self.raw.as_ptr()) };
    }
}

/// # Safety
///
/// `cookie` is that of a [`SuspendNotifier`] which lives.
#[no_mangle]
unsafe extern "C" fn asahi_suspend_is_alive(cookie: *const c_void) -> bool {
    // SAFETY: `cookie` is the `Target` of a notifier that lives, by the safety requirements.
    unsafe { &*cookie.cast::<Target>() }.is_alive()
}

/// # Safety
///
/// `cookie` is that of a [`SuspendNotifier`] which lives.
#[no_mangle]
unsafe extern "C" fn asahi_suspend_is_parked(cookie: *const c_void) -> bool {
    // SAFETY: `cookie` is the `Target` of a notifier that lives, by the safety requirements.
    unsafe { &*cookie.cast::<Target>() }.parked.load(Relaxed)
}

/// # Safety
///
/// `cookie` is that of a [`SuspendNotifier`] which lives.
#[no_mangle]
unsafe extern "C" fn asahi_suspend_prepare(cookie: *const c_void) -> c_int {
    // SAFETY: `cookie` is the `Target` of a notifier that lives, by the safety requirements.
    match unsafe { &*cookie.cast::<Target>() }.prepare() {
        Ok(()) => 0,
        Err(e) => e.to_errno(),
    }
}

/// # Safety
///
/// `cookie` is that of a [`SuspendNotifier`] which lives.
#[no_mangle]
unsafe extern "C" fn asahi_suspend_end(cookie: *const c_void) {
    // SAFETY: `cookie` is the `Target` of a notifier that lives, by the safety requirements.
    unsafe { &*cookie.cast::<Target>() }.end();
}
