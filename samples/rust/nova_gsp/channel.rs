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
    method::{
        Methods,
        COUNT as WORDS, //
    },
    regs::Registers,
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
use kasync::sync::AtomicWaker;
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
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed, //
        },
        barrier::{
            dma_mb,
            Read,
            Write, //
        },
        Arc,
        SpinLock, //
    },
    time::Delta, //
};

/// Channels that there can be.
const COUNT: usize = 8;
/// Entries of a ring.
const ENTRIES: usize = 32;
/// Jobs that a channel has at a time.
pub(crate) const ROOM: usize = 16;
/// Where the driver writes how many entries there are, in words of the page.
const GP_PUT: usize = 0x8c / 4;
/// The list that the copy engine's channels run from. Inferred, as the emulator's: hardware has a
/// table that says which.
const RUNLIST: u32 = 1;
/// How long it is waited for a processor that does not stop a channel, before it is asked again.
const AGAIN: Delta = Delta::from_millis(500);

// What a channel is at.
const FREE: u32 = 0;
/// It has memory.
const TAKEN: u32 = 1;
/// The firmware has it, or is being told of it.
const RUNS: u32 = 2;
const FAULTED: u32 = 3;
/// By a call.
const STOPPED: u32 = 4;
/// With the processor.
const RESET: u32 = 5;

/// What is known of a channel outside of its queue.
struct Slot {
    at: Atomic<u32>,
    /// The waker of the queue's task.
    changed: AtomicWaker,
}

/// All channels of the processor.
#[pin_data]
pub(crate) struct Channels {
    slots: [Slot; COUNT],
    /// Whether the processor lives. With the lock a channel does not stop between a look at it and
    /// the doorbell, and none is made that the end of this life does not reset.
    #[pin]
    lives: SpinLock<bool>,
    /// Faults of channels that are not there.
    pub(crate) astray: Atomic<u32>,
}

impl Channels {
    pub(crate) fn new() -> impl PinInit<Self> {
        let new = |_| Slot {
            at: Atomic::new(FREE),
            changed: AtomicWaker::new(),
        };
        pin_init!(Self {
            slots: core::array::from_fn(new),
            lives <- new_spinlock!(false),
            astray: Atomic::new(0),
        })
    }

    fn take(&self) -> Result<usize> {
        let is_free = |slot: &Slot| slot.at.cmpxchg(FREE, TAKEN, Full).is_ok();
        self.slots.iter().position(is_free).ok_or(EBUSY)
    }

    /// Lets channels be made. The processor has started.
    pub(crate) fn begin(&self) {
        *self.lives.lock() = true;
    }

    /// Takes note that the firmware is being told of a channel.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if the processor does not live: it is told nothing.
    fn tell(&self, id: usize) -> Result {
        let lives = self.lives.lock();
        if !*lives {
            return Err(EAGAIN);
        }
        self.slots[id].at.xchg(RUNS, Full);
        Ok(())
    }

    /// Has the queue of a channel look what has become of its jobs.
    fn ends(&self, id: usize, from: &[u32], to: u32) -> bool {
        let slot = &self.slots[id];
        let changed = {
            let _lives = self.lives.lock();
            let is = from.contains(&slot.at.load(Relaxed));
            if is {
                slot.at.xchg(to, Full);
            }
            is
        };
        slot.changed.wake();
        changed
    }

    /// Takes note that a channel has faulted, and so has stopped: the firmware says so.
    pub(crate) fn faulted(&self, id: u32) {
        let id = usize::try_from(id).unwrap_or(COUNT);
        if id >= COUNT || !self.ends(id, &[RUNS], FAULTED) {
            self.astray.fetch_add(1, Relaxed);
        }
    }

    /// Takes note that the processor was reset, which has stopped all channels.
    pub(crate) fn reset(&self) {
        // No channel is made from here on: those that were are reset below.
        *self.lives.lock() = false;
        for id in 0..COUNT {
            self.ends(id, &[RUNS, FAULTED], RESET);
        }
    }

    /// Has all queues look what is done. Any context.
    pub(crate) fn progress(&self) {
        for slot in &self.slots {
            slot.changed.wake();
        }
    }

    /// Rings the doorbell of a channel, unless it has stopped.
    fn ring(&self, id: usize, registers: &Registers) {
        let _lives = self.lives.lock();
        if self.slots[id].at.load(Relaxed) == RUNS {
            // Cannot fail: queues end before the device goes. If it did, the time limit passes.
            let _rung = registers.ring_channel(RUNLIST << 16 | id as u32);
        }
    }
}

/// A word in memory that channels write and wait for.
#[derive(Clone)]
pub(crate) struct Word {
    pub(crate) memory: Arc<Coherent<[u32]>>,
    pub(crate) index: usize,
    pub(crate) value: u32,
}

impl Word {
    fn address(&self) -> DmaAddress {
        self.memory.dma_address() + (self.index * size_of::<u32>()) as DmaAddress
    }
}

/// What a job is made to do wrong, for tests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    /// A method that the engine does not have.
    Method,
    /// An address that is no memory.
    Address,
}

/// Memory that is copied from or to.
type Bytes = Arc<Coherent<[u8]>>;

/// A job. Its memory stays until the queue retires it.
pub(crate) struct Job {
    /// The channel waits for it first.
    pub(crate) acquire: Option<Word>,
    /// Bytes are copied: from, to, how many.
    pub(crate) copy: Option<(Bytes, Bytes, usize)>,
    pub(crate) wrong: Wrong,
    /// The channel writes it at the end.
    pub(crate) release: Option<Word>,
}

impl Job {
    /// Returns a job that does nothing.
    pub(crate) fn new() -> Self {
        Self {
            acquire: None,
            copy: None,
            wrong: Wrong::Nothing,
            release: None,
        }
    }

    /// Returns what the channel is told for the job, which is its `number`-th, as written to `at`.
    fn methods(&self, number: u32, at: DmaAddress) -> Methods {
        let mut methods = Methods::new();
        if let Some(word) = &self.acquire {
            methods.acquire(word.address(), word.value);
        }
        if let Some((from, to, length)) = &self.copy {
            methods.copy(from.dma_address(), to.dma_address(), *length as u32);
        }
        match self.wrong {
            Wrong::Nothing => {}
            Wrong::Method => methods.unknown(),
            Wrong::Address => methods.copy(0, 0, 4),
        }
        if let Some(word) = &self.release {
            methods.release(word.address(), word.value);
        }
        methods.release(at, number);
        methods.interrupt();
        methods
    }
}

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
        self.gsp.channels.tell(self.id)?;
        let ring = (self.entries.dma_address(), ENTRIES as u32);
        let userd = self.userd.dma_address();
        self.objects.make_channel(self.id as u32, ring, userd).await
    }

    /// Has the firmware stop the channel, which is known to have stopped when this is `Ok`.
    async fn stop(&self) -> Result {
        if matches!(self.slot().at.load(Acquire), TAKEN | STOPPED | RESET) {
            return Ok(());
        }
        match self.objects.free_channel().await {
            // The firmware does not have it, or not any more.
            Ok(()) | Err(EINVAL) => {
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
    /// A job in flight has been told that the channel has faulted.
    blamed: bool,
}

/// A job that the engine has.
pub(crate) struct Flight {
    number: u32,
    /// What the queue was told.
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

    pub(crate) fn hardware(&self) -> Arc<Hardware> {
        self.hardware.clone()
    }
}

impl Ring for Channel {
    type Job = Job;
    type InFlight = Flight;

    /// Ready: credits are room in the ring. A channel that has ended takes no more jobs.
    fn poll_ready(&mut self, _job: &mut Job, _cx: &mut Context<'_>) -> Poll<Result> {
        match self.hardware.slot().at.load(Acquire) {
            RUNS => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err(ENODEV)),
        }
    }

    fn submit(&mut self, job: &mut Job) -> Flight {
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
        Flight {
            number: self.number,
            over: None,
        }
    }

    fn poll_complete(
        &mut self,
        job: &mut Flight,
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
                // When it was stopped by a call the queue is told what that means by the time limit
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
        job: Option<&Flight>,
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
