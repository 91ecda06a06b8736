// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A semaphore with counted permits.
//!
//! # The word
//!
//! The word has the number of free permits and the flag [`WAITERS`].
//!
//! ```text
//!   CLEAR ──(1) poll finds too few permits: WAITERS set, waiter listed──► WAITERS
//!   WAITERS ──(2) permits are added, and serve the last waiter──► CLEAR
//!   WAITERS ──(3) the last waiter is dropped──► CLEAR
//! ```
//!
//! | | may write the word |
//! |---|---|
//! | `CLEAR` | any thread, by an exchange that fails if the flag is set meanwhile |
//! | `WAITERS`, and all transitions | the holder of the lock of the waiters |
//!
//! So permits come and go without the lock while nobody waits, and are given to waiters in their
//! order under the lock.

use crate::{
    await_site::AwaitSite,
    budget::poll_budget,
    lock::IrqLock,
    relaxed,
    wait::{
        WaitList,
        WaitState,
        Waiter,
        WakerBatch, //
    }, //
};
use core::{
    future::Future,
    ops::Deref,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Release, //
        },
        Arc, //
    }, //
};

/// The flag that there are waiters: only the holder of the lock changes the word.
const WAITERS: u64 = 1;
/// One permit, in the other bits of the word.
const PERMIT: u64 = 2;

/// A counting semaphore.
///
/// It is fair: requests are served in their order, whatever their size. So a request for more
/// permits than there ever are blocks all later requests until it is dropped.
///
/// # Context
///
/// See [the table of this module's parent](crate::sync#context).
///
/// # Examples
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use kasync::sync::Semaphore;
///
/// let ring = Semaphore::new(4);
/// let permit = kasync::block_on(ring.acquire(3))?;
/// assert!(ring.try_acquire(2).is_none());
/// drop(permit);
/// assert!(ring.try_acquire(2).is_some());
/// # Ok::<(), kernel::error::Error>(())
/// ```
pub struct Semaphore {
    /// The permits, and [`WAITERS`]. Without waiters, permits come and go without the lock.
    word: Atomic<u64>,
    /// The waiters. The key is the number of permits that are requested.
    waiters: IrqLock<WaitList>,
}

impl Semaphore {
    /// Returns a semaphore with `permits` permits: at most 2^63 - 1.
    pub fn new(permits: usize) -> Self {
        Self {
            word: Atomic::new((permits as u64).min(u64::MAX / PERMIT) * PERMIT),
            waiters: IrqLock::new(WaitList::new()),
        }
    }

    /// Returns the number of permits that are there. While requests wait, these are theirs.
    pub fn available(&self) -> usize {
        (relaxed::load(&self.word) / PERMIT) as usize
    }

    /// Replaces the word by what `next` returns for it, and returns the word before. If `next`
    /// returns `None`, the word is left as it is and is the error.
    #[inline]
    fn update(&self, next: impl Fn(u64) -> Option<u64>) -> Result<u64, u64> {
        // Relaxed, since a caller that fails accesses nothing.
        let mut now = relaxed::load(&self.word);
        while let Some(new) = next(now) {
            match self.word.cmpxchg(now, new, Full) {
                Ok(_) => return Ok(now),
                Err(other) => now = other,
            }
        }
        Err(now)
    }

    /// Adds permits, and wakes the waiters whose requests can be served. Any context but NMI. There
    /// may be at most 2^63 - 1 permits in all.
    pub fn add_permits(&self, n: usize) {
        let mut add = n as u64 * PERMIT;
        if self
            .update(|now| (now & WAITERS == 0).then_some(now + add))
            .is_err()
        {
            while self.serve(core::mem::take(&mut add)) {}
        }
    }

    /// Adds permits, and wakes a batch of waiters. Returns whether there may be more of them.
    #[cold]
    fn serve(&self, add: u64) -> bool {
        // The batch is made under the lock, where preemption is disabled already.
        let wakers = self.waiters.with(|waiters| {
            let mut permits = (self.word.fetch_add(add, Full) + add) / PERMIT;
            if waiters.is_empty() {
                return None;
            }
            let mut wakers = WakerBatch::new();
            waiters.notify_while(&mut wakers, |want| {
                let enough = want <= permits;
                if enough {
                    permits -= want;
                }
                enough
            });
            // (2) if the list is empty. Nobody else has changed the word, as there were waiters.
            let flag = if waiters.is_empty() { 0 } else { WAITERS };
            self.word.store(permits * PERMIT | flag, Release);
            Some(wakers)
        });
        wakers.is_some_and(WakerBatch::wake_all)
    }

    /// Takes `n` permits if there are as many and there is no waiter, and returns whether it did.
    #[inline]
    fn take_now(&self, n: usize) -> bool {
        let n = n as u64;
        self.update(|now| (now & WAITERS == 0 && now / PERMIT >= n).then(|| now - n * PERMIT))
            .is_ok()
    }

    /// Takes `n` permits if there are as many, and returns whether it did. Else there are waiters
    /// from now on. The lock must be held, and there be no waiter yet.
    fn take_or_wait(&self, n: usize) -> bool {
        let n = n as u64;
        // (1) if there are not.
        let old = self.update(|now| {
            Some(match now / PERMIT >= n {
                true => now - n * PERMIT,
                false => now | WAITERS,
            })
        });
        old.is_ok_and(|now| now / PERMIT >= n)
    }

    /// Takes `n` permits if there are as many and there is no waiter. Any context but NMI.
    pub fn try_acquire(&self, n: usize) -> Option<Permit<&Self>> {
        let taken = self.take_now(n);
        taken.then(|| Permit { semaphore: self, n })
    }

    /// Returns a future of `n` permits.
    #[track_caller]
    pub fn acquire(&self, n: usize) -> Acquire<&Self> {
        Acquire::new(self, n)
    }

    /// Returns a future of `n` permits that own a reference to the semaphore.
    #[track_caller]
    pub fn acquire_owned(this: &Arc<Self>, n: usize) -> Acquire<Arc<Self>> {
        Acquire::new(this.clone(), n)
    }
}

/// Permits of a semaphore. Dropping gives them back, in any context but NMI.
///
/// # Context
///
/// See [the table of this module's parent](crate::sync#context).
#[must_use = "dropping permits gives them back"]
pub struct Permit<S: Deref<Target = Semaphore>> {
    semaphore: S,
    n: usize,
}

/// Permits that own a reference to their semaphore.
pub type OwnedPermit = Permit<Arc<Semaphore>>;

impl<S: Deref<Target = Semaphore>> Permit<S> {
    /// Returns the number of permits.
    pub fn count(&self) -> usize {
        self.n
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Permit<S> {
    fn drop(&mut self) {
        if self.n > 0 {
            self.semaphore.add_permits(self.n);
        }
    }
}

/// The future of [`Semaphore::acquire`]. Cancel safe: permits that were assigned to it and that it
/// has not returned are given back.
///
/// # Context
///
/// See [the table of this module's parent](crate::sync#context).
#[must_use = "futures do nothing unless awaited"]
pub struct Acquire<S: Deref<Target = Semaphore>> {
    /// `None` after it was ready.
    semaphore: Option<S>,
    n: usize,
    site: AwaitSite,
    waiter: Waiter,
    registered: bool,
}

impl<S: Deref<Target = Semaphore>> Acquire<S> {
    #[track_caller]
    fn new(semaphore: S, n: usize) -> Self {
        Self {
            semaphore: Some(semaphore),
            n,
            site: AwaitSite::here(),
            waiter: Waiter::new(),
            registered: false,
        }
    }
}

impl<S: Deref<Target = Semaphore>> Future for Acquire<S> {
    type Output = Permit<S>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<S>> {
        poll_budget(cx, |cx| self.poll_permit(cx))
    }
}

impl<S: Deref<Target = Semaphore>> Acquire<S> {
    fn poll_permit(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<S>> {
        // SAFETY: The waiter, the only field that is pinned, is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        let Some(semaphore) = &this.semaphore else {
            // Polled after it was ready (H12).
            return Poll::Pending;
        };
        let waker = cx.waker().clone();
        let (waiter, n) = (&this.waiter, this.n);
        let result = semaphore.waiters.with(|waiters| {
            // SAFETY: The waiter belongs to this list, is pinned, and `Drop` removes it.
            unsafe {
                match waiters.state(waiter) {
                    // `add_permits()` has taken the permits for this waiter.
                    WaitState::Notified | WaitState::NotifiedOne => Err(waker),
                    WaitState::Idle if waiters.is_empty() && semaphore.take_or_wait(n) => {
                        Err(waker)
                    }
                    _ => Ok(waiters.wait(waiter, waker, n as u64)),
                }
            }
        });
        match result {
            Ok(_old) => {
                this.registered = true;
                this.site.waits(cx);
                Poll::Pending
            }
            Err(_waker) => {
                this.registered = false;
                match this.semaphore.take() {
                    Some(semaphore) => Poll::Ready(Permit { semaphore, n }),
                    None => Poll::Pending,
                }
            }
        }
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Acquire<S> {
    fn drop(&mut self) {
        let Some(semaphore) = self.semaphore.take().filter(|_| self.registered) else {
            return;
        };
        let waiter = &self.waiter;
        let (state, _waker) = semaphore.waiters.with(|waiters| {
            // SAFETY: The waiter belongs to this list, and the lock is held.
            let removed = unsafe { waiters.remove(waiter) };
            if waiters.is_empty() {
                // (3). An error: there was none, so the list was empty before.
                let _ended = semaphore.update(|now| (now & WAITERS != 0).then_some(now & !WAITERS));
            }
            removed
        });
        let given = state != WaitState::Waiting;
        // Called even without permits to give back: there may be enough for the next request.
        let n = if given { self.n } else { 0 };
        semaphore.add_permits(n);
    }
}
