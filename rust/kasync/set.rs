// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sets of futures of which one task polls those that were woken.
//!
//! ```text
//!   push(): a free place ──► ready bit set ──► poll_next() takes bits, polls those children
//!                                ▲                 │ Pending         │ Ready
//!                                └── a child's waker sets its bit    ▼
//!                                    and wakes the task    place free, output is the item
//! ```
//!
//! | field | access |
//! |---|---|
//! | places, `used` | the owner of the set |
//! | `ready` | wakers set bits, the owner clears them |
//! | `parent` | the owner registers its waker, wakers wake it |
//!
//! Wakers of children own a reference to `ready` and `parent`, not to the futures. They may outlive
//! the set.

use crate::{
    await_site::AwaitSite,
    budget::{
        poll_budget,
        rotate, //
    },
    counted::Counted,
    sync::AtomicWaker,
    thread::NoPreempt, //
};
use core::{
    future::Future,
    mem::MaybeUninit,
    pin::Pin,
    ptr::NonNull,
    task::{
        Context,
        Poll,
        RawWaker,
        RawWakerVTable,
        Waker, //
    }, //
};
use futures_core::Stream;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// The state that the wakers of children share. Its alignment and size are such that an address
/// within it identifies a child.
#[repr(align(64))]
struct Shared {
    /// A bit for each child that has to be polled.
    ready: Atomic<u64>,
    parent: AtomicWaker,
}

const MAX: usize = 64;
const _: () = assert!(core::mem::size_of::<Shared>() >= MAX);

/// A set of up to `N` futures of one type, at most 64, each of which is polled when it was woken.
///
/// It is a [`Stream`] of their outputs, in the order in which they are ready, that ends when the
/// set is empty.
///
/// The memory for all futures is allocated with the set. Neither adding nor polling allocates.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `new` | yes | no (allocates) | no |
/// | `push`, `poll_next`, drop | yes | yes | no |
/// | wakers of children | yes | yes | yes |
///
/// Children that await [`cancelled()`](crate::cancelled) need a wake of their own for it: use
/// [`Scope::cancelled`](crate::Scope::cancelled) in them.
///
/// # Examples
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use kasync::{next, FutureSet};
///
/// let mut set = FutureSet::<_, 4>::new()?;
/// for n in 1..=3 {
///     assert!(set.push(async move { n * n }).is_ok());
/// }
/// let sum = async {
///     let mut sum = 0;
///     while let Some(n) = next(&mut set).await {
///         sum += n;
///     }
///     sum
/// };
/// assert_eq!(kasync::block_on(sum)?, 14);
/// # Ok::<(), kernel::error::Error>(())
/// ```
///
/// # Invariants
///
/// `places` is valid for `N` futures. Those whose bit in `used` is set are initialised, and do not
/// move until they are dropped.
pub struct FutureSet<F: Future, const N: usize> {
    places: NonNull<F>,
    used: u64,
    /// The place at which polling starts.
    first: usize,
    shared: Counted<Shared>,
}

// SAFETY: It owns the futures.
unsafe impl<F: Future + Send, const N: usize> Send for FutureSet<F, N> {}
// SAFETY: A shared reference gives no access to the futures.
unsafe impl<F: Future + Send, const N: usize> Sync for FutureSet<F, N> {}
/// The futures are in an allocation of their own.
impl<F: Future, const N: usize> Unpin for FutureSet<F, N> {}

impl<F: Future, const N: usize> FutureSet<F, N> {
    /// Allocates an empty set. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new() -> Result<Self> {
        const { assert!(N > 0 && N <= MAX, "1 to 64 futures") };
        let shared = Counted::new(Shared {
            ready: Atomic::new(0),
            parent: AtomicWaker::new(),
        })?;
        let places = KBox::<[MaybeUninit<F>; N]>::new_uninit(GFP_KERNEL)?;
        let places = NonNull::from(KBox::leak(places)).cast();
        // INVARIANT: Allocated with the layout of `N` futures, and no bit of `used` is set.
        Ok(Self {
            places,
            used: 0,
            first: 0,
            shared,
        })
    }

    /// Returns the number of futures.
    pub fn len(&self) -> usize {
        self.used.count_ones() as usize
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Adds a future. The next poll of the set polls it.
    ///
    /// # Errors
    ///
    /// Returns the future if the set is full.
    pub fn push(&mut self, future: F) -> core::result::Result<(), F> {
        let at = self.used.trailing_ones() as usize;
        if at >= N {
            return Err(future);
        }
        // SAFETY: `at` is less than `N`, and the place is free.
        unsafe { self.places.add(at).write(future) };
        // INVARIANT: It is initialised.
        self.used |= 1 << at;
        self.shared.set_ready(1 << at);
        Ok(())
    }

    /// Drops the future at the place `at`, and frees the place.
    fn remove(&mut self, at: usize) {
        // INVARIANT: The place is free before the future is dropped, so it is dropped once.
        self.used &= !(1 << at);
        // SAFETY: By the type invariant the future was initialised.
        unsafe { core::ptr::drop_in_place(self.places.add(at).as_ptr()) };
    }
}

impl<F: Future, const N: usize> Stream for FutureSet<F, N> {
    type Item = F::Output;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let site = AwaitSite::here();
        poll_budget(cx, |cx| self.get_mut().poll_children(cx, site))
    }
}

impl<F: Future, const N: usize> FutureSet<F, N> {
    fn poll_children(&mut self, cx: &mut Context<'_>, site: AwaitSite) -> Poll<Option<F::Output>> {
        let this = self;
        if this.is_empty() {
            return Poll::Ready(None);
        }
        // Before the bits are read, so that each thread that sets one later wakes this task.
        this.shared.parent.register(cx);
        let mut ready = this.shared.take_ready() & this.used;
        while ready != 0 {
            // The first place from `first` on, or else the first one before it.
            let later = ready & (u64::MAX << this.first);
            let at = if later != 0 { later } else { ready }.trailing_zeros() as usize;
            ready &= !(1 << at);
            let waker = child_waker(&this.shared, at);
            // SAFETY: By the type invariant the future is initialised and does not move.
            let future = unsafe { Pin::new_unchecked(this.places.add(at).as_mut()) };
            if let Poll::Ready(output) = future.poll(&mut Context::from_waker(&waker)) {
                this.remove(at);
                // The next poll polls the others.
                this.shared.set_ready(ready);
                return Poll::Ready(Some(output));
            }
        }
        // A child that uses up the budget each time does not starve the others.
        this.first = rotate(cx, this.first, N);
        site.waits(cx);
        Poll::Pending
    }
}

impl<F: Future, const N: usize> Drop for FutureSet<F, N> {
    fn drop(&mut self) {
        while self.used != 0 {
            self.remove(self.used.trailing_zeros() as usize);
        }
        // The owner's waker may be a reference to the task that contains this set.
        drop(self.shared.parent.take());
        let places = self.places.cast::<MaybeUninit<[MaybeUninit<F>; N]>>();
        // SAFETY: The memory was leaked by `new()`. All futures in it were dropped.
        drop(unsafe { KBox::from_raw(places.as_ptr()) });
    }
}

impl Shared {
    fn set_ready(&self, bits: u64) -> u64 {
        self.update(|ready| ready | bits)
    }

    fn take_ready(&self) -> u64 {
        self.update(|_| 0)
    }

    /// Replaces the bits by what `f` returns for them, and returns those before.
    fn update(&self, f: impl Fn(u64) -> u64) -> u64 {
        let mut cur = self.ready.load(Relaxed);
        loop {
            match self.ready.cmpxchg(cur, f(cur), Full) {
                Ok(_) => return cur,
                Err(now) => cur = now,
            }
        }
    }

    fn wake(&self, at: usize) {
        let _preempt = NoPreempt::new();
        // If the bit was set, the thread that has set it wakes the task.
        if self.set_ready(1 << at) & (1 << at) == 0 {
            self.parent.wake();
        }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// Returns a waker of the child `at`. Its data is the address of byte `at` of `shared`.
fn child_waker(shared: &Counted<Shared>, at: usize) -> Waker {
    let base = Counted::into_raw(shared.clone()).cast::<u8>();
    // SAFETY: The vtable fulfils the contract of `RawWaker`. The data is of the form that it
    // expects, and owns a reference.
    unsafe { Waker::from_raw(RawWaker::new(base.wrapping_add(at).cast(), &VTABLE)) }
}

/// Returns the shared state and the child of a waker's data.
///
/// # Safety
///
/// `data` must be that of a waker of [`child_waker`].
unsafe fn parts(data: *const ()) -> (NonNull<Shared>, usize) {
    let at = data as usize % MAX;
    let base = data.cast::<u8>().wrapping_sub(at).cast_mut();
    // SAFETY: The address is that of the data of a [`Counted`], so it is not null.
    (unsafe { NonNull::new_unchecked(base.cast()) }, at)
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: The cloned waker owns a reference and keeps it, since this one is not dropped.
    let shared = unsafe { Counted::from_raw(parts(data).0.as_ptr()) };
    let shared = core::mem::ManuallyDrop::new(shared);
    core::mem::forget(Counted::clone(&shared));
    RawWaker::new(data, &VTABLE)
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn wake(data: *const ()) {
    // SAFETY: `data` is that of a waker of `child_waker()`, as it comes with this vtable.
    let (shared, at) = unsafe { parts(data) };
    // SAFETY: The waker is consumed, so its reference is this function's.
    unsafe { Counted::from_raw(shared.as_ptr()) }.wake(at);
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: `data` is that of a waker of `child_waker()`, as it comes with this vtable.
    let (shared, at) = unsafe { parts(data) };
    // SAFETY: The waker's reference keeps it valid.
    unsafe { shared.as_ref() }.wake(at);
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: The waker is dropped, so its reference is this function's.
    drop(unsafe { Counted::from_raw(parts(data).0.as_ptr()) });
}

/// The future of [`next`].
///
/// # Context
///
/// Polling and dropping: as those of the stream.
#[must_use = "futures do nothing unless awaited"]
pub struct Next<'a, S>(&'a mut S);

impl<S: Stream + Unpin> Future for Next<'_, S> {
    type Output = Option<S::Item>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        Pin::new(&mut *self.0).poll_next(cx)
    }
}

/// Returns a future of the next item of a stream, or of `None` at its end. It is as cancel safe as
/// polling the stream is: streams of this crate remove an item only when they return it.
pub fn next<S: Stream + Unpin>(stream: &mut S) -> Next<'_, S> {
    Next(stream)
}
