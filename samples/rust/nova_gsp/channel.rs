// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Channels: rings of entries in memory that the copy engine works through, each below a job queue.
//!
//! ```text
//!  jobqueue                         channel.rs                            the engine
//!  ────────                         ──────────                            ──────────
//!  submit() ──► methods, entry, put, doorbell ──────────────────────────► copies
//!                                                                           │
//!  poll_complete() ◄── waker ◄── interrupt ◄── non-stall interrupt ─────────┤
//!      │  reads the number in memory ◄── semaphore: the job's number ───────┘
//!      │
//!      ├── faulted ◄── RC_TRIGGERED, an event of the firmware: this channel has stopped
//!      └── stopped ◄── freed by a call, as a job took too long; or the processor was reset
//! ```
//!
//! | a channel is | its jobs in flight | those that wait |
//! |---|---|---|
//! | running | are over when the number in memory says so | run |
//! | faulted | the first has `EIO`, the others `ECANCELED` | `ENODEV` |
//! | stopped by a call | the first has `ETIME`, the others `ECANCELED` | `ENODEV` |
//! | stopped by a reset | `ENODEV` | `ENODEV` |
//!
//! An error ends one channel. The others hear nothing of it.

use crate::{
    gsp::Gsp,
    method::COUNT as WORDS,
    subdevice::Subdevice,
    wire::Poison, //
};
use core::{
    future::{
        poll_fn,
        Future, //
    },
    task::{
        Context,
        Poll, //
    }, //
};
use jobqueue::{
    HwDone,
    Ring,
    RingStopped,
    Timeline, //
    TimeoutAction,
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::{
        Coherent,
        DmaAddress, //
    },
    io::{
        io_project,
        Io, //
    },
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Full, //
        },
        barrier::{
            dma_mb,
            Read,
            Write, //
        },
        Arc, //
    },
    time::Delta, //
};

mod job;
mod table;

pub(crate) use job::{
    Job,
    Word,
    Wrong, //
};
pub(crate) use table::Channels;

use table::{
    Slot,
    FAULTED,
    FREE,
    RESET,
    RUNS,
    STOPPED,
    TAKEN, //
};

/// Entries of a ring.
const ENTRIES: usize = 32;
/// Jobs that a channel has at a time.
pub(crate) const ROOM: usize = 16;
/// The index of the word of the page to which the driver writes the number of entries.
const GP_PUT: usize = 0x8c / 4;
/// The time after which a processor that does not stop a channel is asked again.
const AGAIN: Delta = Delta::from_millis(500);

/// The memory of a channel, and its objects in the firmware.
///
/// # Invariants
///
/// The firmware knows of the memory only while the slot is [`RUNS`] or [`FAULTED`], and in the
/// latter it does not access it. The slot is at either only while the processor lives: the end of
/// each life makes it [`RESET`].
pub(crate) struct Hardware {
    gsp: Arc<Gsp>,
    id: usize,
    objects: Subdevice,
    entries: Coherent<[u64]>,
    /// The page with the pointers.
    userd: Coherent<[u32]>,
    methods: Coherent<[u32]>,
    /// The number of the last job that is done.
    done: Coherent<[u32]>,
}

impl Hardware {
    fn slot(&self) -> &Slot {
        &self.gsp.channels.slots[self.id]
    }

    fn is_done(&self, number: u32) -> bool {
        let done = io_project!(&self.done, [panic: 0]).read_val();
        // What the engine has written before is seen after this.
        dma_mb(Read);
        u32::from_le(done).wrapping_sub(number) < 1 << 31
    }

    /// Has the firmware make the channel. Whatever comes of it, the ring's end undoes it.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if the processor does not live; those of calls, and what the firmware says.
    pub(crate) async fn make(&self) -> Result {
        // INVARIANT: From here on the firmware may know of the memory, and the processor lives.
        self.gsp.channels.set_running(self.id)?;
        let ring = (self.entries.dma_address(), ENTRIES as u32);
        let userd = self.userd.dma_address();
        self.objects.make_channel(self.id as u32, ring, userd).await
    }

    /// Has the firmware stop the channel, which is known to have stopped when this is `Ok`.
    async fn stop(&self) -> Result {
        if matches!(self.slot().at.load(Acquire), TAKEN | STOPPED | RESET) {
            return Ok(());
        }
        // Doorbells are posted. One that came after the firmware has seen the command, which is in
        // memory, would be that of a channel which is not there, or of the next one of that number.
        // No job is submitted meanwhile: this is the queue's end, or a time limit's.
        let _flushed = self.gsp.rpc.registers.flush();
        match self.objects.free_channel().await {
            // The firmware does not have it, or not any more. No other error says that.
            Ok(()) | Err(ENOENT) => {
                self.gsp.channels.ends(self.id, &[RUNS, FAULTED], STOPPED);
                Ok(())
            }
            Err(e) => {
                // By the type invariants the processor still lives, if it is that of the call.
                if matches!(self.slot().at.load(Acquire), RUNS | FAULTED) {
                    self.gsp.rpc.distrust(Poison::Refusal);
                }
                Err(e)
            }
        }
    }

    /// Waits until the channel has stopped. If the call for that fails, the processor is reset, as
    /// it dies or does not do what it has to, which stops the channel.
    async fn stopped(&self) {
        if self.stop().await.is_ok() {
            return;
        }
        let slot = self.slot();
        poll_fn(|cx| {
            slot.changed.register(cx);
            match slot.at.load(Acquire) {
                STOPPED | RESET => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
    }
}

impl Drop for Hardware {
    fn drop(&mut self) {
        // The ring was destroyed, after the channel had stopped, or there was never a queue.
        self.slot().at.xchg(FREE, Full);
    }
}

/// A channel, as its queue sees it.
pub(crate) struct Channel {
    hardware: Arc<Hardware>,
    number: u32,
    put: usize,
    /// A job in flight has got the error of the channel's fault.
    blamed: bool,
}

/// A job that the engine has.
pub(crate) struct InFlightJob {
    number: u32,
    /// The result that was reported to the queue.
    over: Option<Result>,
}

impl Channel {
    /// Returns a channel that the firmware does not know yet: [`Hardware::make`] tells it, once
    /// there is a queue. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` if there are as many as there can be, `ENOMEM`.
    pub(crate) fn new(gsp: &Arc<Gsp>, device: &Device<Bound>, objects: Subdevice) -> Result<Self> {
        let words = |count| Coherent::<u32>::zeroed_slice(device, count, GFP_KERNEL);
        let entries = Coherent::zeroed_slice(device, ENTRIES, GFP_KERNEL)?;
        let (userd, done) = (words(1024)?, words(1)?);
        let methods = words(ROOM * WORDS)?;
        let hardware = Hardware {
            id: gsp.channels.take()?,
            gsp: gsp.clone(),
            objects,
            entries,
            userd,
            methods,
            done,
        };
        Ok(Self {
            hardware: Arc::new(hardware, GFP_KERNEL)?,
            number: 0,
            put: 0,
            blamed: false,
        })
    }

    /// Returns the channel's hardware, by which it is made.
    pub(crate) fn hardware(&self) -> Arc<Hardware> {
        self.hardware.clone()
    }
}

impl Ring for Channel {
    type Job = Job;
    type InFlight = InFlightJob;

    /// Ready: credits are room in the ring. A channel that has ended takes no more jobs.
    fn poll_ready(&mut self, _job: &mut Job, _cx: &mut Context<'_>) -> Poll<Result> {
        match self.hardware.slot().at.load(Acquire) {
            RUNS => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err(ENODEV)),
        }
    }

    fn submit(&mut self, job: &mut Job) -> InFlightJob {
        let hardware = &*self.hardware;
        self.number = self.number.wrapping_add(1);
        // As many as are in flight have room, and this is one of them.
        let first = self.number as usize % ROOM * WORDS;
        let methods = job.methods(self.number, hardware.done.dma_address());
        for (i, word) in methods.words().iter().enumerate() {
            io_project!(&hardware.methods, [panic: first + i]).write_val(word.to_le());
        }
        let at = hardware.methods.dma_address() + (first * size_of::<u32>()) as DmaAddress;
        let entry = methods.entry(at);
        io_project!(&hardware.entries, [panic: self.put]).write_val(entry.to_le());
        self.put = (self.put + 1) % ENTRIES;
        // Methods and entry before the pointer, that before the doorbell, which orders by itself.
        dma_mb(Write);
        io_project!(&hardware.userd, [panic: GP_PUT]).write_val((self.put as u32).to_le());
        hardware
            .gsp
            .channels
            .ring(hardware.id, &hardware.gsp.rpc.registers);
        InFlightJob {
            number: self.number,
            over: None,
        }
    }

    fn poll_complete(
        &mut self,
        job: &mut InFlightJob,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone> {
        let slot = self.hardware.slot();
        slot.changed.register(cx);
        if job.over.is_none() {
            // First what the channel is at: what it has done by its end it has done before.
            let at = slot.at.load(Acquire);
            job.over = match at {
                _ if self.hardware.is_done(job.number) => Some(Ok(())),
                FAULTED if self.blamed => Some(Err(ECANCELED)),
                FAULTED => Some(Err(EIO)),
                RESET => Some(Err(ENODEV)),
                // When it was stopped by a call the queue learns what that means by the time limit
                // that has made the call.
                _ => None,
            };
            self.blamed |= job.over == Some(Err(EIO));
        }
        match job.over {
            // SAFETY: The channel has written the number of the job or of a later one after it had
            // done it; or it has stopped, as the firmware says or as it was reset.
            Some(result) => Poll::Ready(unsafe { HwDone::new(timeline, result) }),
            None => Poll::Pending,
        }
    }

    /// Has the firmware stop the channel. The processor answers, or it dies and is reset.
    fn timed_out(
        &mut self,
        job: Option<&InFlightJob>,
        _n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        let hardware = job.is_some().then(|| self.hardware.clone());
        async move {
            match hardware {
                // It is always ready.
                None => TimeoutAction::Fail(EIO),
                Some(hardware) if hardware.stop().await.is_ok() => {
                    // SAFETY: The firmware has said that the channel is gone, or was reset.
                    TimeoutAction::Stopped(unsafe { RingStopped::new(timeline) })
                }
                Some(_) => TimeoutAction::Wait(AGAIN),
            }
        }
    }

    fn retire(&mut self, job: Job) {
        drop(job);
    }

    fn quiesced(&mut self) {}

    /// Frees the channel, and its client.
    async fn destroy(self) {
        self.hardware.stopped().await;
        // If the processor is not there for that, its reset has done it.
        let _freed = self.hardware.objects.free().await;
    }
}
