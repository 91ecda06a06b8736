// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A pair of queues: commands go to the device by one, and come back by the other.
//!
//! ```text
//!  submit(): tag, memory ─► in flight ─► entry at the tail ─► doorbell
//!                                                                │ the device
//!  the command's future ◄── complete() ◄── reap(): entry at the head ◄── interrupt
//! ```
//!
//! A command is in flight from before its entry is written until its completion is read, or the
//! controller has stopped. There are fewer tags than entries, and a command that is over has been
//! fetched; so there is always an entry for a tag.
//!
//! # States
//!
//! ```text
//!  down ──── raise(), once the device has the queue ───► live
//!   ▲                                                     │ take_down(): no more commands
//!   └── stopped(), once the device has none any more ── going
//! ```

use crate::{
    buffer::{
        Buffer,
        Pool, //
    },
    command::{
        Command,
        Completion, //
    },
    regs::{
        Doorbell,
        Registers, //
    }, //
};
use kasync::{
    in_flight::{
        InFlight,
        Operation,
        Tag, //
    },
    irq,
    sync::Notify, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::Coherent,
    io::{
        io_project,
        io_read,
        Io, //
    },
    new_spinlock,
    new_spinlock_irq,
    prelude::*,
    sync::{
        barrier,
        Arc,
        SpinLock,
        SpinLockGuard,
        SpinLockIrq, //
    }, //
};

/// The memory that a command owns while it is in flight.
pub(crate) type Payload = Option<Buffer>;
pub(crate) type CommandTag = Tag<Payload, Completion>;
pub(crate) type InDevice = Operation<Payload, Completion>;

/// The side of submissions.
struct Submit {
    live: bool,
    tail: u16,
    /// The tail that the doorbell was rung with last.
    rung: u16,
}

/// The side of completions.
struct Reap {
    head: u16,
    phase: bool,
    /// True if an impossible completion was logged since the device has the queue.
    said: bool,
}

/// The error of a command that was not submitted. The memory is given back.
pub(crate) struct NotLive(pub(crate) Payload);

/// A queue that takes commands of this thread, and of no other.
pub(crate) struct Submitting<'a> {
    queue: &'a Queue,
    submit: SpinLockGuard<'a, Submit>,
}

impl Submitting<'_> {
    /// Adds a command to the ring, with the memory that it accesses. The doorbell is not rung.
    #[track_caller]
    pub(crate) fn push(&mut self, tag: CommandTag, command: Command, payload: Payload) -> InDevice {
        let id = tag.id();
        // Before the device is told.
        let operation = tag.start(payload);
        let entry = usize::from(self.submit.tail);
        io_project!(self.queue.sq, [panic: entry]).copy_write(command.with_id(id));
        self.submit.tail = self.queue.after(self.submit.tail);
        operation
    }

    /// Rings the doorbell for the commands that were added since the last time.
    pub(crate) fn ring_doorbell(&mut self) {
        if self.submit.rung != self.submit.tail {
            self.submit.rung = self.submit.tail;
            let (queue, tail) = (self.queue, self.submit.tail);
            // An error: the device goes, and takes no command; it will have stopped soon.
            let _rung = queue.registers.ring(queue.tail, tail.into());
        }
    }
}

/// A pair of queues of the same number.
#[pin_data]
pub(crate) struct Queue {
    pub(crate) id: u16,
    entries: u16,
    registers: Arc<Registers>,
    sq: Coherent<[Command]>,
    cq: Coherent<[Completion]>,
    tail: Doorbell,
    head: Doorbell,
    #[pin]
    submit: SpinLock<Submit>,
    #[pin]
    reap: SpinLockIrq<Reap>,
    pub(crate) in_flight: InFlight<Payload, Completion>,
    pub(crate) pool: Arc<Pool>,
    /// Told when the device has said what cannot be.
    trouble: Arc<Notify>,
}

impl Queue {
    /// Makes a pair of queues with their buffers, of which the device knows nothing. Those for I/O
    /// have as many entries as the device takes.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device has no such doorbells, `ENOMEM`.
    pub(crate) fn new(
        device: &Device<Bound>,
        registers: &Arc<Registers>,
        trouble: &Arc<Notify>,
        id: u16,
        entries: usize,
        buffers: usize,
    ) -> Result<Arc<Self>> {
        // The device's limit is none of the admin queue, which has room for what stays there: the
        // request for events.
        let count = match id {
            0 => entries,
            _ => entries.min(registers.max_entries()),
        };
        let (tail, head) = registers.doorbells(id)?;
        let queue = try_pin_init!(Self {
            id,
            entries: u16::try_from(count)?,
            registers: registers.clone(),
            sq: Coherent::zeroed_slice(device, count, GFP_KERNEL)?,
            cq: Coherent::zeroed_slice(device, count, GFP_KERNEL)?,
            tail,
            head,
            submit <- new_spinlock!(Submit { live: false, tail: 0, rung: 0 }, "nvme_async::submit"),
            reap <- new_spinlock_irq!(
                Reap { head: 0, phase: true, said: false }, "nvme_async::reap"),
            in_flight: InFlight::new(count - 1)?,
            pool: Pool::new(device, buffers)?,
            trouble: trouble.clone(),
        });
        Arc::pin_init(queue, GFP_KERNEL)
    }

    pub(crate) fn entries(&self) -> u16 {
        self.entries
    }

    /// Returns where the queues are: that of submissions, and that of completions.
    pub(crate) fn addresses(&self) -> (u64, u64) {
        (self.sq.dma_address(), self.cq.dma_address())
    }

    /// Empties the queues, of which the device must know nothing.
    pub(crate) fn clear(&self) {
        let mut reap = self.reap.lock();
        for entry in 0..usize::from(self.entries) {
            io_project!(self.cq, [panic: entry]).copy_write(Completion::default());
        }
        *reap = Reap {
            head: 0,
            phase: true,
            said: false,
        };
        drop(reap);
        let mut submit = self.submit.lock();
        (submit.tail, submit.rung) = (0, 0);
    }

    /// Takes commands from now on. The device has the queue.
    pub(crate) fn raise(&self) {
        self.submit.lock().live = true;
    }

    /// Takes no more commands. When this returns nobody writes to the queue.
    pub(crate) fn take_down(&self) {
        self.submit.lock().live = false;
    }

    /// Returns true if it takes commands.
    pub(crate) fn is_live(&self) -> bool {
        self.submit.lock().live
    }

    /// Adds a command, with the memory that it accesses. [`Queue::ring_doorbell`] shows it to the
    /// device.
    ///
    /// # Errors
    ///
    /// [`NotLive`] if the device does not have the queue now.
    #[track_caller]
    pub(crate) fn submit(
        &self,
        tag: CommandTag,
        command: Command,
        payload: Payload,
    ) -> Result<InDevice, NotLive> {
        match self.submitting() {
            Some(mut submitting) => Ok(submitting.push(tag, command, payload)),
            None => Err(NotLive(payload)),
        }
    }

    /// Locks the queue for commands of this thread, unless the device does not have it now.
    pub(crate) fn submitting(&self) -> Option<Submitting<'_>> {
        let submit = self.submit.lock();
        submit.live.then_some(Submitting {
            queue: self,
            submit,
        })
    }

    /// Rings the doorbell for the commands that were added since the last time.
    pub(crate) fn ring_doorbell(&self) {
        if let Some(mut submitting) = self.submitting() {
            submitting.ring_doorbell();
        }
    }

    fn after(&self, entry: u16) -> u16 {
        if entry + 1 == self.entries {
            0
        } else {
            entry + 1
        }
    }

    /// Reads the device's completions, rings the doorbell for them if `ring`, and returns whether
    /// that was anything. Any context.
    fn reap(&self, ring: bool) -> bool {
        let mut reap = self.reap.lock();
        let first = reap.head;
        loop {
            let entry = io_project!(self.cq, [panic: usize::from(reap.head)]);
            if Completion::phase(io_read!(entry, .status)) != reap.phase {
                break;
            }
            // The rest was written before the phase.
            barrier::dma_mb(barrier::Read);
            let completion = entry.copy_read();
            reap.head = self.after(reap.head);
            reap.phase ^= reap.head == 0;
            if !self.is_sane(completion) {
                // Once: there may be a ring of them, and this is the interrupt.
                if !core::mem::replace(&mut reap.said, true) {
                    pr_err!(
                        "queue {}: the device has completed {:#x} of queue {}, head {}\n",
                        self.id,
                        completion.cid(),
                        completion.sq_id(),
                        completion.sq_head(),
                    );
                }
                self.trouble.notify_one();
            }
        }
        if reap.head == first {
            return false;
        }
        if ring {
            // An error: the device goes.
            let _rung = self.registers.ring(self.head, reap.head.into());
        }
        true
    }

    /// Ends the command of a completion. Returns false if the device cannot have completed it.
    fn is_sane(&self, completion: Completion) -> bool {
        if completion.sq_id() != self.id || completion.sq_head() >= self.entries {
            return false;
        }
        // SAFETY: The device has said that it is done with the command.
        match unsafe { self.in_flight.complete(completion.cid(), completion) } {
            // If the client has gone, its buffer goes back to the pool here.
            Ok(_unclaimed) => true,
            Err(_) => false,
        }
    }

    /// Ends all commands, as the controller has stopped. Those that wait may be given to it again.
    ///
    /// # Safety
    ///
    /// The controller does not access memory, and the queue was taken down before.
    pub(crate) unsafe fn stopped(&self) {
        // What it has completed before is over with what it has said. The interrupt may come late,
        // and finds nothing then.
        self.reap(false);
        // SAFETY: By the safety requirements. No thread is between `start()` and the doorbell, as
        // that is done under the lock which `take_down()` has taken.
        unsafe { self.in_flight.stopped(|_| Completion::stopped(), drop) };
    }
}

/// The interrupt of a pair of queues.
pub(crate) struct Line(pub(crate) Arc<Queue>);

impl irq::Line for Line {
    fn acknowledge(&self) -> bool {
        self.0.reap(true)
    }
}
