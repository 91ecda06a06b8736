// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The two tasks that read what the firmware writes.
//!
//! Both sleep until the firmware rings the doorbell. One task handles events, which fences depend
//! on. The other handles logs, traces and statistics, so that a long log delays no fence.

use super::{
    control::Control,
    crash::Crash,
    events::Events,
    link::Link,
    log_limit::LogLimit,
    logs::Logs,
    message::{
        channel_error_name,
        DeviceControl,
        Event,
        GrowTvb, //
    },
    outcome::{
        Cause,
        Failure,
        Of, //
    },
    recovery::Recovery,
    rx::RxRing, //
};
use agx_abi::channel::EventMessage;
use kasync::yield_now;
use kernel::{
    device::Device,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// Number of events that are handled before the task yields to others.
const BATCH: usize = 64;

/// The task that handles events.
pub(super) struct EventTask {
    pub(super) dev: ARef<Device>,
    pub(super) link: Arc<Link>,
    pub(super) crash: Crash,
    pub(super) ring: RxRing<EventMessage>,
    pub(super) events: Arc<Events>,
    pub(super) recovery: Recovery,
    pub(super) control: Arc<Control>,
    /// Limit of messages about failed jobs, which a client can cause again.
    pub(super) limit: LogLimit,
}

impl EventTask {
    /// Runs until the firmware is dead, or the scope of `crash` is cancelled.
    pub(super) async fn run(mut self) {
        let link = self.link.clone();
        let crash = self.crash.clone();
        loop {
            let rung = link.wakes.events.notified();
            match self.drain().await {
                Ok(true) => {
                    let alive = match self.limit.has_left_out() {
                        true => self.limit.during(crash.or(rung)).await,
                        false => crash.or(rung).await,
                    };
                    if alive.is_err() {
                        break;
                    }
                }
                Ok(false) => yield_now().await,
                // The reason is in the log.
                Err(_) => break,
            }
        }
    }

    /// Handles pending events, up to [`BATCH`], and returns whether these were all.
    async fn drain(&mut self) -> Result<bool> {
        for _ in 0..BATCH {
            let entry = self.ring.next().map_err(|bad| {
                self.link
                    .give_up(fmt!("write index {} of the event ring", bad.0))
            })?;
            let Some(entry) = entry else {
                return Ok(true);
            };
            self.event(Event::decode(entry)).await?;
        }
        Ok(false)
    }

    async fn event(&mut self, event: Event) -> Result {
        match event {
            Event::Flag(bits) => {
                self.events.flag(bits);
                Ok(())
            }
            Event::Fault => self.halt(Cause::Fault).await,
            Event::Timeout { counter, slot } => {
                if self.recovery.is_stale(counter) {
                    dev_dbg!(self.dev, "timeout of halt {counter} again: ignored\n");
                    return Ok(());
                }
                self.halt(Cause::Timeout(slot)).await
            }
            Event::ChannelError {
                error,
                pipe,
                slot,
                value,
            } => {
                let owner = self.events.owner(slot);
                if self.limit.tells() {
                    dev_err!(
                        self.dev,
                        "channel error: {} ({error}) on pipe {pipe}, event slot {slot}, value {value:?}{}\n",
                        channel_error_name(error),
                        Of(owner.map(|owner| owner.client))
                    );
                }
                self.events.fail(slot, value, |_| Failure::ChannelError);
                let Some(owner) = owner else {
                    dev_dbg!(self.dev, "event slot {slot} has no owner: ignored\n");
                    return Ok(());
                };
                let recover = DeviceControl::RecoverChannel {
                    pipe,
                    queue_info: owner.queue_info,
                    value,
                };
                self.control
                    .post(recover)
                    .await
                    .map_err(|e| self.link.give_up(fmt!("no recovery of a channel: {e:?}")))
            }
            Event::GrowTvb(grow) => self.grow(grow).await,
            Event::Other(_) => {
                if self.limit.tells() {
                    dev_warn!(self.dev, "unexpected firmware event {event:?}: ignored\n");
                }
                Ok(())
            }
        }
    }

    /// Answers that the buffer has not grown, as this task may not wait for memory.
    ///
    /// The firmware then makes room by a partial render [I]. The buffer is larger for the next job
    /// that is submitted to the driver.
    ///
    /// The request is not expected: it is for memoryless render targets, which clients cannot use.
    async fn grow(&mut self, grow: GrowTvb) -> Result {
        if self.limit.tells() {
            dev_warn!(self.dev, "a tiled vertex buffer is too small: {grow:?}\n");
        }
        self.events.grow_requested(grow.buffer_slot);
        let halt_count = self.recovery.halt_count();
        self.control
            .post(DeviceControl::GrowTvbAck { grow, halt_count })
            .await
            .map_err(|e| {
                self.link
                    .give_up(fmt!("no end of a buffer's growth: {e:?}"))
            })
    }

    async fn halt(&mut self, cause: Cause) -> Result {
        let tells = self.limit.tells();
        self.recovery
            .halt(cause, tells)
            .await
            .map_err(|e| self.link.give_up(fmt!("no halt after {cause:?}: {e:?}")))
    }
}

/// Prints logs until the firmware is dead or the scope of `crash` is cancelled. The last messages
/// are printed in either case.
pub(super) async fn print_logs(mut logs: Logs, link: Arc<Link>, crash: Crash) {
    loop {
        let rung = link.wakes.logs.notified();
        match logs.drain() {
            Ok(true) => {
                let alive = match logs.limit.has_left_out() {
                    true => logs.limit.during(crash.or(rung)).await,
                    false => crash.or(rung).await,
                };
                if alive.is_err() {
                    let _ = logs.drain();
                    return;
                }
            }
            Ok(false) => yield_now().await,
            Err(bad) => {
                link.give_up(fmt!("write index {} of a log ring", bad.0));
                return;
            }
        }
    }
}
