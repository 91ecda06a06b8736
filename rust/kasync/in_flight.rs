// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Ownership of memory that a device accesses.
//!
//! A future that starts DMA may be dropped before the device is done: its task is cancelled, a time
//! limit expires, a process is killed. The device does not know and continues its accesses. So the
//! memory is moved out of the future when the operation starts, and is returned with the result.
//! Between the two, no reference to the memory exists, and dropping the future does not free it.
//!
//! - [`InFlight`]: the operations that a device may have at a time.
//! - [`Tag`]: a reserved slot for one operation, and the number by which the device knows it.
//! - [`Operation`]: a future of the memory and of the result.
//! - [`Abandoned`]: an operation whose future was dropped, for drivers that can stop it.
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
//! | in flight, abandoned or not | the operation; there is no reference to it | – |
//! | over | the future or, if that was dropped, the caller of `complete` | the same |
//! | last [`InFlight`] dropped before the device is done | – | –: it is leaked, with a warning |
//!
//! # Cancelling
//!
//! By default the operation continues after its future was dropped: its tag stays in use, and the
//! memory is freed when the device is done. So it is the memory that waits for the device, and not
//! the client: the drop returns at once, and a scope is joined without the device. If the device
//! can stop operations, a task of the driver awaits [`InFlight::abandoned`] and asks it to. The
//! operation ends with the device's answer, not with the request.
//!
//! To cancel *and wait*, a client awaits the [`Operation`] in spite of the cancellation, or the
//! driver awaits [`InFlight::drain`]. Either ends the device's accesses. The memory of an abandoned
//! operation is freed by its completer, which may come after that.

mod abandoned;
mod operation;
mod slot;
mod table;
mod tag;

pub use abandoned::Abandoned;
pub use operation::Operation;
pub use tag::Tag;

use crate::{
    combine::select,
    sync::{
        Permit,
        Semaphore, //
    },
    Either, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use table::Table;

/// The largest number of operations. It leaves bits of a tag for the round.
pub const MAX_DEPTH: usize = 1 << 14;

/// The operations that a device may have at a time, each with its memory and a tag.
///
/// `T` is what has to stay until the device is done: the memory and its mapping, such as a
/// `kernel::dma::Coherent`. `R` is the result of an operation. Cloning returns another handle.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new` | yes | no (it allocates) | no |
/// | `try_reserve`, [`Tag::start`], `complete`, `ids`, `operations`, `close` | yes | yes | yes |
/// | `reserve`, `abandoned`, `settled`, `drain`, polling them, and [`Operation`] | yes | yes | no |
/// | `id`, `index`, `is_over`, drop of a [`Tag`], [`Abandoned`] or [`Drained`] | yes | yes | yes |
/// | polling [`Abandoned::over`] | yes | yes | no |
/// | drop of an [`Operation`] or of the last handle | as `T` and `R` allow | the same | no |
///
/// A [`Tag`], an [`Abandoned`] and an [`Operation`] are handles as well.
///
/// # Examples
///
/// Memory outlives a client that does not wait for the device:
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
/// // Here the operation is submitted to the device. The client does not wait for it.
/// drop(copy);
/// assert!(copies.try_reserve().is_err());
/// // The device reports that it is done.
/// // SAFETY: So it does not access the memory any more.
/// let unclaimed = unsafe { copies.complete(id, ())? };
/// assert_eq!(unclaimed.map(|memory| memory.len()), Some(4096));
/// assert!(copies.try_reserve().is_ok());
/// # Ok::<(), kernel::error::Error>(())
/// ```
///
/// The memory cannot be used while the device has it:
///
/// ```compile_fail,E0382
/// # fn f(tag: kasync::in_flight::Tag<Box<[u8]>, ()>, memory: Box<[u8]>) {
/// let copy = tag.start(memory);
/// drop(memory);
/// # }
/// ```
///
/// Completing takes `unsafe`:
///
/// ```compile_fail,E0133
/// # fn f(copies: kasync::in_flight::InFlight<Box<[u8]>, ()>) {
/// let _ = copies.complete(0, ());
/// # }
/// ```
///
/// Borrowed memory is refused, since the loan could end before the device is done:
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
    /// Allocates slots for `depth` operations. No other function allocates. May sleep.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `depth` is 0 or more than [`MAX_DEPTH`], `ENOMEM`.
    pub fn new(depth: usize) -> Result<Self> {
        if depth == 0 || depth > MAX_DEPTH {
            return Err(EINVAL);
        }
        Ok(Self(Arc::new(Table::new(depth)?, GFP_KERNEL)?))
    }

    /// Returns the number of operations that there can be at a time.
    pub fn depth(&self) -> usize {
        self.0.slots.len()
    }

    /// Returns the number of tags that could be taken now.
    pub fn available(&self) -> usize {
        self.0.credits.available()
    }

    /// Returns the tags of the operations in flight. Operations may start and end meanwhile.
    pub fn ids(&self) -> impl Iterator<Item = u16> + '_ {
        self.operations().map(|(id, _)| id)
    }

    /// Returns the tags of the operations in flight, each with the number of operations that its
    /// slot has had before. No other operation ever has the same pair, whereas tags are reused.
    pub fn operations(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        let slots = self.0.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| {
            let round = slot.round_in_flight()?;
            Some((self.0.id(index, round), round))
        })
    }

    /// Reserves a slot for an operation if one is free and no caller waits for one.
    ///
    /// # Errors
    ///
    /// `EBUSY` if there is none, `ENODEV` after [`InFlight::close`].
    pub fn try_reserve(&self) -> Result<Tag<T, R>> {
        if self.is_closed() {
            return Err(ENODEV);
        }
        let permit = self.0.credits.try_acquire(1).ok_or(EBUSY)?;
        Ok(self.tag(permit))
    }

    /// Waits for a slot for an operation. Callers are served in their order. Cancel safe.
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
        // `closing` does not see a call of `close()` that came before it was created.
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
        // SAFETY: Taken just now.
        unsafe { Tag::new(self.0.clone(), self.0.take()) }
    }

    /// Completes an operation that the device is done with, and passes its result to the future.
    ///
    /// If the future was dropped, returns the memory and drops `result`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if no operation with that tag is in flight: it was completed before, or never
    /// started. `result` is dropped then.
    ///
    /// # Safety
    ///
    /// If there is an operation with that tag, the device must not access its memory from now on.
    pub unsafe fn complete(&self, id: u16, result: R) -> Result<Option<T>> {
        let index = usize::from(id) & ((1 << self.0.index_bits) - 1);
        let slot = self.0.slots.get(index).ok_or(EINVAL)?;
        let is_round = |round| self.0.id(index, round) == id;
        // SAFETY: The device does not access the memory from now on, by the safety requirements.
        let completed = unsafe { slot.complete(is_round, result)? };
        if completed.is_free {
            // SAFETY: The slot is free since `complete()`, and was taken.
            unsafe { self.0.give_back(index) };
        }
        if completed.is_watched {
            self.0.over.notify_waiters();
        }
        Ok(completed.unclaimed)
    }

    /// Completes all operations in flight, after the device has stopped. Each gets the result that
    /// `result` returns for its tag. The memory of those whose futures were dropped is passed to
    /// `unclaimed`.
    ///
    /// # Safety
    ///
    /// The device must not access memory of any operation that has started. No operation may be
    /// submitted to it while this runs, including those that [`Tag::start`] has started before.
    pub unsafe fn stopped(&self, result: impl Fn(u16) -> R, mut unclaimed: impl FnMut(T)) {
        for id in self.ids() {
            // SAFETY: The device has stopped by the safety requirements.
            // An error: the operation was completed meanwhile.
            if let Ok(Some(memory)) = unsafe { self.complete(id, result(id)) } {
                unclaimed(memory);
            }
        }
    }

    /// Makes reservations fail from now on, including those that callers wait for. Operations that
    /// were reserved may still start. Idempotent.
    pub fn close(&self) {
        self.0.closed.populate(());
        self.0.closing.notify_waiters();
    }

    /// Returns whether [`InFlight::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.0.closed.as_ref().is_some()
    }

    /// Waits until all operations that are in flight now are over, including abandoned ones. New
    /// operations may start meanwhile. As with [`InFlight::drain`], the completer may still be
    /// about to free the memory of abandoned ones. Cancel safe.
    pub async fn settled(&self) {
        for slot in &self.0.slots {
            // Waits for one operation of each slot at most, so this ends.
            let mut round = None;
            loop {
                let over = self.0.over.notified();
                // Operations that complete after this notify `over`.
                round = slot.watch(round);
                if round.is_none() {
                    break;
                }
                over.await;
            }
        }
    }

    /// Waits until no slot is reserved or in use, and keeps it so until the result is dropped. A
    /// slot is in use until its future is ready or dropped. Cancel safe.
    ///
    /// Then the device has no memory of any operation. That of abandoned operations belongs to the
    /// callers of [`InFlight::complete`], which may still be about to free it. A caller that needs
    /// it to be freed waits for the completer too: for its task, or for the end of its interrupt
    /// line.
    ///
    /// It is served in order with [`InFlight::reserve`]: reservations that are requested later wait
    /// until the result is dropped. So a caller that has a [`Tag`], or an [`Operation`] that it
    /// does not poll, deadlocks with itself here.
    pub async fn drain(&self) -> Drained<'_> {
        Drained {
            _all: self.0.credits.acquire(self.depth()).await,
        }
    }

    /// Waits for an operation in flight whose future was dropped, and returns it. Cancel safe.
    ///
    /// Each is returned once. It is for drivers of devices that can stop operations; others need
    /// not call it. Only one task may await it at a time.
    pub async fn abandoned(&self) -> Abandoned<T, R> {
        loop {
            for (index, slot) in self.0.slots.iter().enumerate() {
                if let Some(round) = slot.try_abort() {
                    // SAFETY: The share was taken just now.
                    return unsafe { Abandoned::new(self.0.clone(), index, round) };
                }
            }
            self.0.abandoned.notified().await;
        }
    }
}

/// Proof that nothing is in flight, and all slots of an [`InFlight`]: the result of
/// [`InFlight::drain`]. It does not prove that the memory of abandoned operations was freed.
///
/// # Context
///
/// See the table of [`InFlight`].
#[must_use = "operations may start when it is dropped"]
pub struct Drained<'a> {
    _all: Permit<&'a Semaphore>,
}
