// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The controller: brought up, reset and shut down by awaiting what it says.

use crate::{
    command::{
        Command,
        Completion,
        Feature, //
    },
    identify::Identity,
    queue::{
        Payload,
        Queue, //
    },
    regs::{
        Registers,
        AQA,
        CC,
        END, //
    },
    state::{
        At,
        State, //
    }, //
};
use core::future::ready;
use kasync::{
    select,
    sync::{
        watch,
        Notify,
        Semaphore, //
    },
    time::{
        sleep,
        timeout,
        Delta,
        Instant, //
    }, //
};
use kernel::{
    io::Io,
    pci,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc,
        Mutex, //
    }, //
};

/// The time that an admin command may take. The kernel's driver waits as long: a controller that
/// does not come up again is given up.
const ADMIN_LIMIT: Delta = Delta::from_secs(60);
/// The period in which a register is read which has no interrupt.
const STEP: Delta = Delta::from_millis(1);
/// Counters of events, for tests.
pub(crate) struct Counts {
    pub(crate) commands: Atomic<u64>,
    pub(crate) aborts: Atomic<u64>,
    pub(crate) aborted: Atomic<u64>,
    pub(crate) resets: Atomic<u64>,
    pub(crate) retries: Atomic<u64>,
    pub(crate) events: Atomic<u64>,
    /// Events that the stream had no room for, or of which the device did not say more.
    pub(crate) missed: Atomic<u64>,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            commands: Atomic::new(0),
            aborts: Atomic::new(0),
            aborted: Atomic::new(0),
            resets: Atomic::new(0),
            retries: Atomic::new(0),
            events: Atomic::new(0),
            missed: Atomic::new(0),
        }
    }
}

/// The controller.
#[pin_data]
pub(crate) struct Controller {
    pub(crate) registers: Arc<Registers>,
    pub(crate) admin: Arc<Queue>,
    /// One for each vector that is not the admin queue's.
    pub(crate) io: KVec<Arc<Queue>>,
    pub(crate) identity: Identity,
    /// The time that a command for the disk may take before the controller counts as dead.
    pub(crate) command_limit: Delta,
    /// Told when only a reset helps.
    pub(crate) trouble: Arc<Notify>,
    pub(crate) state: watch::Sender<At>,
    /// A channel without receivers keeps no value. With the lock the state is compared and changed.
    #[pin]
    pub(crate) states: Mutex<watch::Receiver<At>>,
    /// The number of aborts that the device takes at a time.
    pub(crate) aborts: Semaphore,
    pub(crate) counts: Counts,
}

/// Waits until CSTS says what is wanted.
async fn wait_ready(registers: &Registers, ready: bool) -> Result {
    let limit = registers.ready_limit();
    let begin = Instant::now();
    loop {
        let status = registers.status()?;
        if ready && status.cfs().get() != 0 {
            return Err(EIO);
        }
        if (status.rdy().get() != 0) == ready {
            return Ok(());
        }
        if begin.elapsed() > limit {
            return Err(ETIMEDOUT);
        }
        sleep(STEP).await;
    }
}

/// Stops the controller, and waits until it has. When this returns the device accesses no memory,
/// whatever it returns: one that does not stop is cut off from it. One that is not there any more
/// has stopped.
///
/// # Errors
///
/// `ETIMEDOUT` if it does not stop.
pub(crate) async fn disable(registers: &Registers) -> Result {
    let ask = |bar: &pci::Bar<'_, END>| {
        bar.update(CC, |cc| cc.with_const_en::<0>().with_const_shn::<0>());
    };
    let stopped = match registers.with(ask) {
        Ok(()) => wait_ready(registers, false).await,
        Err(e) => Err(e),
    };
    if stopped.is_err() {
        registers.cut_off();
    }
    match stopped {
        Err(ENODEV) => Ok(()),
        stopped => stopped,
    }
}

/// Starts the controller with its admin queue, and waits until it is ready.
///
/// # Errors
///
/// `EIO` if it fails, `ETIMEDOUT` if it is not ready in time, `ENODEV` if it is not there any more.
pub(crate) async fn enable(registers: &Registers, admin: &Queue) -> Result {
    admin.clear();
    registers.set_admin(admin.addresses())?;
    let entries = admin.entries() - 1;
    let written: Result = registers.with(|bar| {
        bar.write_reg(
            AQA::zeroed()
                .try_with_asqs(u32::from(entries))?
                .try_with_acqs(u32::from(entries))?,
        );
        // Entries of 64 and of 16 bytes, pages of 4 KiB.
        bar.write_reg(
            CC::zeroed()
                .with_const_iosqes::<6>()
                .with_const_iocqes::<4>()
                .with_const_en::<1>(),
        );
        Ok(())
    })?;
    written?;
    wait_ready(registers, true).await?;
    admin.raise();
    Ok(())
}

/// Has the device do an admin command, and returns its completion and the memory.
///
/// # Errors
///
/// `EAGAIN` if the controller is not up, `ETIMEDOUT` if it does not answer: then only a reset
/// helps, which was asked for.
pub(crate) async fn admin(
    queue: &Queue,
    trouble: &Notify,
    command: Command,
    payload: Payload,
) -> Result<(Payload, Completion)> {
    let answered = async {
        let tag = queue.in_flight.reserve().await?;
        let Ok(operation) = queue.submit(tag, command, payload) else {
            return Err(EAGAIN);
        };
        queue.ring_doorbell();
        Ok(operation.await)
    };
    timeout(ADMIN_LIMIT, answered).await.unwrap_or_else(|_| {
        pr_err!("an admin command takes too long\n");
        trouble.notify_one();
        Err(ETIMEDOUT)
    })
}

/// Asks the device for that many pairs of queues, and returns how many it gives.
///
/// # Errors
///
/// Those of [`admin`] and of the command.
pub(crate) async fn set_queues(queue: &Queue, trouble: &Notify, wanted: u16) -> Result<u16> {
    let count = u32::from(wanted - 1);
    let command = Command::set_feature(Feature::NumberOfQueues, count << 16 | count);
    let (_, completion) = admin(queue, trouble, command, None).await?;
    let given = completion.to_result()?;
    // CAST: Each half is a count, less one.
    let given = (given as u16).min((given >> 16) as u16).saturating_add(1);
    Ok(given.min(wanted))
}

impl Controller {
    /// Has the device do an admin command without memory, and returns its result.
    ///
    /// # Errors
    ///
    /// Those of [`admin`] and of the command.
    pub(crate) async fn admin(&self, command: Command) -> Result<u32> {
        let (_, completion) = admin(&self.admin, &self.trouble, command, None).await?;
        completion.to_result()
    }

    /// Tells the device of the queues for I/O, which are live then.
    pub(crate) async fn create_queues(&self) -> Result {
        for queue in &self.io {
            queue.clear();
            let (sq, cq) = queue.addresses();
            let (id, entries) = (queue.id, queue.entries());
            self.admin(Command::create_cq(id, entries, cq, id)).await?;
            self.admin(Command::create_sq(id, entries, sq)).await?;
            queue.raise();
        }
        Ok(())
    }

    /// Deletes the queues for I/O. The commands in them end, with the status that says so.
    async fn delete_queues(&self) -> Result {
        for queue in &self.io {
            queue.take_down();
            self.admin(Command::delete_sq(queue.id)).await?;
            self.admin(Command::delete_cq(queue.id)).await?;
        }
        Ok(())
    }

    fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        Iterator::chain(core::iter::once(&self.admin), &self.io)
    }

    /// Stops the controller with everything in flight: all of that ends.
    ///
    /// # Errors
    ///
    /// `ETIMEDOUT` if it does not stop. All has ended then, too: the device is cut off from memory.
    async fn stop(&self) -> Result {
        for queue in self.queues() {
            queue.take_down();
        }
        let disabled = disable(&self.registers).await;
        for queue in self.queues() {
            // SAFETY: The controller has stopped, or has gone, or is cut off from memory. All
            // queues were taken down.
            unsafe { queue.stopped() };
        }
        disabled
    }

    /// Resets the controller, after which it is live.
    ///
    /// # Errors
    ///
    /// What the controller does not do, with `ETIMEDOUT` if it does not stop, the errors of
    /// [`enable`] and [`admin`], or `ENODEV` if it has fewer queues than before. What was in flight
    /// has ended in any case.
    pub(crate) async fn reset(&self) -> Result<(), (&'static str, Error)> {
        self.stop().await.map_err(|e| ("stop", e))?;
        // Trouble of the time before is over. A request from here on gets another reset.
        select(self.trouble.notified(), ready(())).await;
        let up = self.come_up().await;
        if up.is_err() {
            // Some queues may be live, with commands in them.
            let _stopped = self.stop().await;
        }
        up
    }

    /// Starts the controller again, with all queues.
    async fn come_up(&self) -> Result<(), (&'static str, Error)> {
        // CAST: As many as there were when the driver was bound.
        let count = self.io.len() as u16;
        let started = async {
            enable(&self.registers, &self.admin).await?;
            set_queues(&self.admin, &self.trouble, count).await
        };
        if started.await.map_err(|e| ("come up", e))? < count {
            return Err(("have as many queues as before", ENODEV));
        }
        self.create_queues().await.map_err(|e| ("take queues", e))?;
        self.counts.resets.fetch_add(1, Full);
        Ok(())
    }

    /// Shuts the controller down as the specification wants it, and stops it.
    ///
    /// # Errors
    ///
    /// `ETIMEDOUT` if it does not stop. What was in flight has ended in any case.
    pub(crate) async fn shut_down(&self) -> Result {
        // Neither is one asked that is not there any more, nor one that has not come up again.
        if self.registers.status().is_ok() && self.admin.is_live() {
            self.ask_to_shut_down().await;
        }
        self.stop().await
    }

    /// Has the controller delete its queues, and write what it has in caches of its own.
    async fn ask_to_shut_down(&self) {
        if let Err(e) = self.delete_queues().await {
            pr_warn!("the queues were not deleted: {e:?}\n");
        }
        let ask = |bar: &pci::Bar<'_, END>| bar.update(CC, |cc| cc.with_const_shn::<1>());
        if self.registers.with(ask).is_err() {
            return;
        }
        let begin = Instant::now();
        // An error: it was taken out meanwhile.
        while let Ok(status) = self.registers.status() {
            // Processing is complete.
            if status.shst().get() == 2 {
                return;
            }
            if begin.elapsed() > self.identity.shutdown_limit {
                break;
            }
            sleep(STEP).await;
        }
        pr_warn!("the controller does not shut down\n");
    }

    /// Takes no more commands, and says so to all that wait.
    pub(crate) fn go(&self) {
        self.is_at(State::Gone);
        for queue in self.queues() {
            if queue.id != 0 {
                queue.in_flight.close();
            }
        }
    }
}

impl Controller {
    /// Has the device warn from that temperature on, in kelvins.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the controller has gone, `ETIMEDOUT` if it does not answer; those of the
    /// command.
    pub(crate) async fn warn_from(&self, temperature: u32) -> Result {
        let value = temperature & 0xffff;
        let command = Command::set_feature(Feature::TemperatureThreshold, value);
        loop {
            self.live().await?;
            match self.admin(command).await {
                // It was reset meanwhile.
                Err(EAGAIN) => (),
                result => return result.map(|_| ()),
            }
        }
    }
}
