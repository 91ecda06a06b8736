// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory that a device accesses: it belongs to the operation until the device has done with it.
//!
//! A driver that starts DMA from a future has to answer what becomes of the memory when the future
//! is dropped: a task is cancelled, a time limit is over, a process is killed. The device knows
//! nothing of that, and goes on. Here the memory is moved away from the future when the operation
//! starts, and comes back with the result. In between there is no reference to it, and nothing that
//! happens to the future frees it.
//!
//! - [`InFlight`]: what a device works on, a number of operations at most.
//! - [`Tag`]: room for one operation, and the number that it is known to the device by.
//! - [`Operation`]: the future of the memory and of the result.
//! - [`Abandoned`]: an operation whose future has gone, for drivers that can stop it.
//!
//! # States of an operation
//!
//! ```text
//!        reserve()        start(memory)                    complete(id, result)
//!  free ──────────► Tag ────────────────► in flight ────────────────────────► over ──► free
//!    ▲               │                        │   the future has the memory and the result
//!    └── dropped ────┘                        │ the future is dropped
//!    ▲                                        ▼            complete(id, result)
//!    │                                    abandoned ─────────────────────────────────► free
//!    │                                        │   the completer has the memory
//!    │                                        │ abandoned().await
//!    │   the guard is dropped                 ▼            complete(id, result)
//!    └─────────────────────────────────── the driver asks the device to stop it
//! ```
//!
//! # Owners
//!
//! | state | the memory belongs to | it is freed by |
//! |---|---|---|
//! | before | the caller | the caller |
//! | in flight, abandoned or not | the operation: nobody has a reference to it | nobody |
//! | over | the future; unless that has gone, the completer | them |
//! | [`InFlight`] is gone, the device not done | nobody | nobody: it is leaked, and reported |
//!
//! # Cancelling
//!
//! Waiting for the device is what happens if a driver does nothing: the operation goes on without
//! its future, its tag is not given to others, and the memory is freed when the device is done. A
//! device that can be asked to stop is asked by the task that awaits [`InFlight::abandoned`]; it is
//! the answer of the device that ends the operation, not the request.
//!
//! Cancelling *and waiting* is a scope's work: a client that is to have its memory back awaits the
//! [`Operation`] in spite of the cancel, or the driver awaits [`InFlight::drain`].

mod abandoned;
mod operation;
mod slot;

pub use abandoned::Abandoned;
pub use operation::Operation;

use crate::{
    combine::select,
    report::api_violation,
    sync::{
        Notify,
        Permit,
        Semaphore, //
    },
    Either, //
};
use kernel::{
    prelude::*,
    processor,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc,
        SetOnce, //
    }, //
};
use slot::Slot;

/// The largest number of operations, so that their tags leave bits for the round.
pub const MAX_DEPTH: usize = 1 << 14;

/// What all handles share.
///
/// # Invariants
///
/// A bit of `free` is set if its slot is free and has no [`Tag`]. The number of these bits is that
/// of the permits in `credits`, apart from what is on the way.
struct Table<T, R> {
    slots: KVec<Slot<T, R>>,
    free: KVec<Atomic<u64>>,
    credits: Semaphore,
    closed: SetOnce<()>,
    /// Wakes those that wait for a tag when no more are given.
    closing: Notify,
    /// Wakes the task that awaits abandoned operations.
    abandoned: Notify,
    /// Wakes those that wait for operations to be over.
    over: Notify,
    /// The number of bits of a tag that are the slot's number; the others count rounds.
    index_bits: u32,
}

impl<T, R> Table<T, R> {
    /// The tag of the slot at `index` in that round. Never 0xffff, as all ones is no index.
    fn id(&self, index: usize, round: u64) -> u16 {
        // CAST: Both are cut to 16 bits, of which the index has the lower ones.
        ((round << self.index_bits) | index as u64) as u16
    }

    /// Takes a free slot. The caller has a permit for it.
    fn take(&self) -> usize {
        loop {
            for (word, bits) in self.free.iter().enumerate() {
                let mut now = bits.load(Relaxed);
                while now != 0 {
                    let bit = now.trailing_zeros();
                    match bits.cmpxchg(now, now & !(1 << bit), Full) {
                        Ok(_) => return word * 64 + bit as usize,
                        Err(other) => now = other,
                    }
                }
            }
            // The permit came with a bit, which others have taken, who have left theirs.
            processor::cpu_relax();
        }
    }

    /// Gives a slot back, which is free and the caller's.
    fn give_back(&self, index: usize) {
        // INVARIANT: The bit was clear, as the slot was taken. The permit comes after it.
        self.free[index / 64].fetch_add(1 << (index % 64), Full);
        self.credits.add_permits(1);
    }
}

impl<T, R> Drop for Table<T, R> {
    fn drop(&mut self) {
        // The memory in a slot is not dropped with it. Futures are gone, since they refer to this.
        if self.slots.iter().any(Slot::is_in_flight) {
            api_violation(c"memory is leaked, as nobody has said that the device has stopped");
        }
    }
}

/// What a device works on: a number of operations at most, each with its memory and a tag.
///
/// `T` is what has to stay until the device is done: the memory and its mapping, such as a
/// `kernel::dma::Coherent`. `R` is what the device says when it is. Cloning gives another handle.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new` | yes | no (it allocates) | no |
/// | `try_reserve`, [`Tag::start`], `complete`, `ids`, `close` | yes | yes | yes |
/// | `reserve`, `abandoned`, `settled`, `drain`, polling them, and [`Operation`] | yes | yes | no |
/// | drop of an [`Operation`] or of the last handle | as `T` and `R` allow | the same | no |
///
/// # Examples
///
/// A client is gone before the device is done. The memory is not:
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use kasync::{in_flight::InFlight, time::{sleep, timeout, Delta}};
///
/// let copies = InFlight::<Box<[u8]>, ()>::new(1)?;
/// let tag = copies.try_reserve()?;
/// let id = tag.id();
/// let copy = tag.start(vec![0; 4096].into());
/// // Here the device is told. The client has no time to wait for it.
/// drop(copy);
/// assert!(copies.try_reserve().is_err());
/// // The device says that it is done.
/// // SAFETY: So it accesses the memory no more.
/// let unclaimed = unsafe { copies.complete(id, ())? };
/// assert_eq!(unclaimed.map(|memory| memory.len()), Some(4096));
/// assert!(copies.try_reserve().is_ok());
/// # Ok::<(), kernel::error::Error>(())
/// ```
///
/// Nobody can have the memory while the device has it:
///
/// ```compile_fail,E0382
/// # fn f(tag: kasync::in_flight::Tag<Box<[u8]>, ()>, memory: Box<[u8]>) {
/// let copy = tag.start(memory);
/// drop(memory);
/// # }
/// ```
///
/// Nor say without `unsafe` that the device is done:
///
/// ```compile_fail,E0133
/// # fn f(copies: kasync::in_flight::InFlight<Box<[u8]>, ()>) {
/// let _ = copies.complete(0, ());
/// # }
/// ```
///
/// Borrowed memory could be gone before:
///
/// ```compile_fail,E0597
/// # fn f(tag: kasync::in_flight::Tag<&'static mut [u8], ()>) {
/// let mut memory = [0_u8; 4096];
/// let copy = tag.start(&mut memory);
/// # }
/// ```
pub struct InFlight<T: Send + 'static, R: Send + 'static>(Arc<Table<T, R>>);

impl<T: Send + 'static, R: Send + 'static> Clone for InFlight<T, R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static, R: Send + 'static> InFlight<T, R> {
    /// Makes room for `depth` operations. This is all that is ever allocated. May sleep.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `depth` is 0 or more than [`MAX_DEPTH`], `ENOMEM`.
    pub fn new(depth: usize) -> Result<Self> {
        if depth == 0 || depth > MAX_DEPTH {
            return Err(EINVAL);
        }
        let mut slots = KVec::with_capacity(depth, GFP_KERNEL)?;
        for _ in 0..depth {
            slots.push(Slot::new(), GFP_KERNEL)?;
        }
        let mut free = KVec::with_capacity(depth.div_ceil(64), GFP_KERNEL)?;
        for first in (0..depth).step_by(64) {
            let bits = u64::MAX >> (64 - (depth - first).min(64));
            free.push(Atomic::new(bits), GFP_KERNEL)?;
        }
        // INVARIANT: All slots are free.
        let table = Table {
            slots,
            free,
            credits: Semaphore::new(depth),
            closed: SetOnce::new(),
            closing: Notify::new(),
            abandoned: Notify::new(),
            over: Notify::new(),
            index_bits: usize::BITS - depth.leading_zeros(),
        };
        Ok(Self(Arc::new(table, GFP_KERNEL)?))
    }

    /// Returns how many operations there can be at a time.
    pub fn depth(&self) -> usize {
        self.0.slots.len()
    }

    /// Returns how many tags could be had now.
    pub fn available(&self) -> usize {
        self.0.credits.available()
    }

    /// Returns the tags of what is in flight. An operation may start, or be over, meanwhile.
    pub fn ids(&self) -> impl Iterator<Item = u16> + '_ {
        let slots = self.0.slots.iter().enumerate();
        let in_flight = slots.filter(|(_, slot)| slot.is_in_flight());
        in_flight.map(|(index, slot)| self.0.id(index, slot.round()))
    }

    /// Takes room for an operation if there is some, and nobody waits for it.
    ///
    /// # Errors
    ///
    /// `EBUSY` if there is not, `ENODEV` after [`InFlight::close`].
    pub fn try_reserve(&self) -> Result<Tag<T, R>> {
        if self.is_closed() {
            return Err(ENODEV);
        }
        let permit = self.0.credits.try_acquire(1).ok_or(EBUSY)?;
        Ok(self.tag(permit))
    }

    /// Waits for room for an operation. Those that wait get it in their order. Cancel safe.
    ///
    /// # Errors
    ///
    /// `ENODEV` after [`InFlight::close`], which ends the waiting.
    pub async fn reserve(&self) -> Result<Tag<T, R>> {
        match self.try_reserve() {
            Err(e) if e == EBUSY => (),
            taken => return taken,
        }
        let closing = self.0.closing.notified();
        // Closed before the line above, of which that knows nothing.
        if self.is_closed() {
            return Err(ENODEV);
        }
        match select(closing, self.0.credits.acquire(1)).await {
            Either::Right(permit) if !self.is_closed() => Ok(self.tag(permit)),
            _ => Err(ENODEV),
        }
    }

    fn tag(&self, permit: Permit<&Semaphore>) -> Tag<T, R> {
        // Given back with the slot.
        core::mem::forget(permit);
        let index = self.0.take();
        // INVARIANT: Taken just now.
        Tag {
            table: self.0.clone(),
            index,
        }
    }

    /// Says that the device is done with an operation, and gives its result to the future.
    ///
    /// Returns the memory if the future has gone. `R` is dropped here then.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the device has no operation of that tag: it has said so before, or never had it.
    /// `result` is dropped then.
    ///
    /// # Safety
    ///
    /// If there is an operation of that tag, the device must not access its memory from now on.
    pub unsafe fn complete(&self, id: u16, result: R) -> Result<Option<T>> {
        let index = usize::from(id) & ((1 << self.0.index_bits) - 1);
        let slot = self.0.slots.get(index).ok_or(EINVAL)?;
        let is_round = |round| self.0.id(index, round) == id;
        // SAFETY: By the safety requirements.
        let completed = unsafe { slot.complete(is_round, result)? };
        if completed.is_free {
            self.0.give_back(index);
        }
        if completed.is_watched {
            self.0.over.notify_waiters();
        }
        Ok(completed.unclaimed)
    }

    /// Says that the device has stopped, and ends all that it had: with the result that `result`
    /// makes of the tag. The memory of futures that have gone is given to `unclaimed`.
    ///
    /// # Safety
    ///
    /// The device must not access memory of any operation that has started, nor be told of one
    /// while this runs: not by a thread that has called [`Tag::start`] before.
    pub unsafe fn stopped(&self, result: impl Fn(u16) -> R, mut unclaimed: impl FnMut(T)) {
        for id in self.ids() {
            // SAFETY: The device has stopped by the safety requirements.
            // An error: the operation was completed meanwhile.
            if let Ok(Some(memory)) = unsafe { self.complete(id, result(id)) } {
                unclaimed(memory);
            }
        }
    }

    /// Gives no more tags, and ends the waiting for them. What was reserved may start. Idempotent.
    pub fn close(&self) {
        self.0.closed.populate(());
        self.0.closing.notify_waiters();
    }

    /// Returns whether [`InFlight::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.0.closed.as_ref().is_some()
    }

    /// Waits until the device has done with all that it has now, whether futures have gone or not.
    /// Others go on meanwhile. Cancel safe.
    pub async fn settled(&self) {
        for slot in &self.0.slots {
            // Of each slot one operation at most, so this comes to an end.
            let mut round = None;
            loop {
                let over = self.0.over.notified();
                // What is completed after this notifies.
                round = slot.watch(round);
                if round.is_none() {
                    break;
                }
                over.await;
            }
        }
    }

    /// Waits until nothing is reserved or in flight, and each future has what it waited for, or has
    /// gone. While the result is there nothing can be; reservations that are asked for after this
    /// get their turn after it. Cancel safe.
    ///
    /// So a caller that has reserved room, or has a future that it does not poll, waits for itself
    /// here; and behind this, in [`InFlight::reserve`], for the one who waits here. Where callers
    /// have several operations at a time this is for when there are no more callers.
    pub async fn drain(&self) -> Drained<'_> {
        Drained {
            _all: self.0.credits.acquire(self.depth()).await,
        }
    }

    /// Waits for an operation whose future has gone while the device has the memory. Cancel safe.
    ///
    /// Each is returned once. For drivers of devices that can be asked to stop; others need not
    /// call this. One task does.
    pub async fn abandoned(&self) -> Abandoned<T, R> {
        loop {
            for (index, slot) in self.0.slots.iter().enumerate() {
                if let Some(round) = slot.try_abort() {
                    // INVARIANT: The share was taken just now.
                    return Abandoned::new(self.0.clone(), index, round);
                }
            }
            self.0.abandoned.notified().await;
        }
    }
}

/// Nothing is in flight: the result of [`InFlight::drain`].
#[must_use = "operations may start when it is dropped"]
pub struct Drained<'a> {
    _all: Permit<&'a Semaphore>,
}

/// Room for an operation. Dropping it gives the room back.
///
/// # Invariants
///
/// The slot at `index` is free, and its bit in the table is clear, for this tag's sake.
#[must_use = "dropping it gives the room back"]
pub struct Tag<T: Send + 'static, R: Send + 'static> {
    table: Arc<Table<T, R>>,
    index: usize,
}

impl<T: Send + 'static, R: Send + 'static> Tag<T, R> {
    /// Returns the number of the operation, to be told to the device. It is no other operation's
    /// until many more have had the same room, and never `0xffff`.
    pub fn id(&self) -> u16 {
        self.table
            .id(self.index, self.table.slots[self.index].round())
    }

    /// Returns the number of the room, less than the depth, for what the driver has for each.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Starts the operation: from here on the memory belongs to it. To be called before the device
    /// is told. Its address has to be known by now, and does not change by moving `T`.
    ///
    /// An operation of which the device is not told is for the caller to complete.
    #[track_caller]
    pub fn start(self, memory: T) -> Operation<T, R> {
        // SAFETY: The slot is free, and ours, by the type invariants.
        unsafe { self.table.slots[self.index].start(memory) };
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: Read once, as `this` is not dropped.
        let table = unsafe { core::ptr::read(&this.table) };
        // INVARIANT: Started just now.
        Operation::new(table, this.index)
    }
}

impl<T: Send + 'static, R: Send + 'static> Drop for Tag<T, R> {
    fn drop(&mut self) {
        self.table.give_back(self.index);
    }
}
