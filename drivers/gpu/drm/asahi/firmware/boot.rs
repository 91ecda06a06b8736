// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Boot and shutdown of the firmware.
//!
//! ```text
//!   driver                                       firmware
//!   mailbox open; CPU started ─────────────────► says hello
//!   handshake of the translation unit ◄───────►
//!   RTKit's dialogue ◄─────────────────────────► up, knows nothing of ours but RTKit's buffers
//!   who is it? do the blobs fit?
//!   ring: Initialize; INIT, doorbells ─────────► reads the init data: its own from here on
//!   wait until the ring is read ◄──────────────  index moves
//!
//!   RTKit: quiesce ────────────────────────────► forgets all
//!   tasks end; mailbox closed ◄────────────────  says that it sleeps
//! ```

use super::{
    link::Doorbell,
    message::DeviceControl,
    tx,
    Firmware, //
};
use crate::{
    ffi,
    hw::ident::GpuId, //
};
use agx_abi::globals::Globals;
use core::future::Future;
use kasync::{
    select,
    time,
    Either, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    sync::atomic::Relaxed,
    time::Delta, //
};

/// Time after which the log reports that the firmware has not yet run its first command. At the
/// first power-up the command may include calibration.
const INITIALIZE_LIMIT: Delta = Delta::from_millis(10_000);

/// Time after which the firmware powers the idle GPU off.
const IDLE_OFF_DELAY_MS: u32 = 2;

/// Awaits `future`, which allocates nothing: lockdep reports it if it does. Nor does it wait for
/// workers that allocate.
///
/// Only for what [`kasync::block_on`] polls, which is one thread, to its end.
pub(crate) async fn without_allocation<T>(future: impl Future<Output = T>) -> T {
    // SAFETY: `block_on()` polls this to its end, in this thread.
    unsafe { ffi::asahi_no_alloc_begin() };
    let output = future.await;
    // SAFETY: The call above came before, in the same thread, as `block_on()` polls all of this.
    unsafe { ffi::asahi_no_alloc_end() };
    output
}

impl Firmware {
    /// Opens the mailbox, with all that has to be allocated for it. The coprocessor need not run.
    ///
    /// # Errors
    ///
    /// `EPROBE_DEFER` if the mailbox has no driver yet, `ENOMEM`.
    pub(crate) fn open(&self, dev: &Device<Bound>) -> Result {
        self.link.open(dev)
    }

    /// Boots the firmware after [`Firmware::open`] and the handshake, and returns when it has taken
    /// its first command, or lives and takes its time. Allocates nothing. Sleeps while RTKit's
    /// workers do, which allocate the buffers that RTKit asks for.
    ///
    /// `was_running`: the coprocessor's CPU was running when the driver came. `identify` tells
    /// which GPU it is; it is asked when the coprocessor is awake for sure.
    ///
    /// # Errors
    ///
    /// The reason is in the log. [`Firmware::shutdown`] ends what was begun.
    pub(crate) async fn boot(
        &self,
        dev: &Device<Bound>,
        was_running: bool,
        identify: impl FnOnce() -> Result<GpuId>,
    ) -> Result<GpuId> {
        self.link.boot(was_running)?;
        // The command must be in the ring when the firmware reads the init data.
        let (id, ticket) = without_allocation(async {
            let id = identify()?;
            self.cores.check(&id).map_err(|e| {
                dev_err!(dev, "{e}\n");
                EINVAL
            })?;
            let ticket = self.control.queue(DeviceControl::Initialize)?;
            Ok::<_, Error>((id, ticket))
        })
        .await?;
        self.link.hand_over(self.init_data.va())?;
        self.link.ring(Doorbell::DEVICE_CONTROL.and(Doorbell::KICK));
        without_allocation(self.wait_initialized(ticket)).await?;
        self.init_data
            .globals
            .field(Globals::IDLE_OFF_DELAY_MS)?
            .store(IDLE_OFF_DELAY_MS, Relaxed);
        Ok(id)
    }

    /// Waits until the firmware has taken the command of `ticket`, its first one.
    ///
    /// Nothing acknowledges the init data; that this command is done shows that they were taken. A
    /// firmware that takes longer than [`INITIALIZE_LIMIT`] is left alone with them: they are its
    /// memory then, and it may still come up. No other command has a time limit before.
    async fn wait_initialized(&self, ticket: tx::Ticket) -> Result {
        let taken = self.control.device_control.finished(ticket);
        match select(taken, time::sleep(INITIALIZE_LIMIT)).await {
            // If it has failed the log says why already.
            Either::Left(result) => result,
            Either::Right(()) => {
                dev_warn!(
                    self.dev,
                    "firmware has not taken its first command for {} s: going on without\n",
                    INITIALIZE_LIMIT.as_millis() / 1000
                );
                Ok(())
            }
        }
    }

    /// Puts the firmware to sleep and closes the mailbox, so that its memory can be freed.
    ///
    /// A firmware that does not confirm that it sleeps may go on using the memory, and so may a GPU
    /// that a job is left on. All of it then stays allocated and is made unreachable, and a line is
    /// logged.
    ///
    /// The caller has closed the queues; other waits for the firmware end with `ENODEV`. May be
    /// repeated.
    ///
    /// Returns whether the firmware has gone to sleep now, and the GPU has nothing to do.
    pub(crate) fn shutdown(&self) -> bool {
        let slept = self.link.sleep();
        let is_still = slept.is_ok() && !self.uat.is_busy();
        // A firmware that never got any memory of the driver, or sleeps already, needs no report.
        if is_still {
            self.uat.set_lent(false);
        } else if self.uat.is_lent() && !self.uat.is_abandoned() {
            self.uat.abandon();
            match slept {
                Ok(()) => dev_err!(
                    self.dev,
                    "a job still runs: what firmware was given stays allocated until the next reboot\n"
                ),
                Err(e) => dev_err!(
                    self.dev,
                    "firmware did not go to sleep ({e:?}): what it was given stays allocated until the next reboot\n"
                ),
            }
        }
        self.scope.cancel();
        if let Err(e) = self.scope.join_blocking() {
            dev_err!(self.dev, "firmware tasks do not end: {e:?}\n");
        }
        self.link.close();
        is_still
    }
}
