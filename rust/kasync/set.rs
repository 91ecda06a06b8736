// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sets of futures that one task polls as they are woken.
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
//! | `ready` | wakers set bits, the owner takes them |
//! | `parent` | the owner leaves its waker, wakers take it |
//!
//! Wakers of children own a reference to `ready` and `parent`, not to the futures: they may outlive
//! the set.

use crate::{
    await_site::AwaitSite,
    budget::{
        poll_budget,
        rotate, //
    },
    sync::AtomicWaker, //
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
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// What wakers of children share. It is aligned, and large enough, for an address within it to tell
/// the child.
#[repr(align(64))]
struct Shared {
    /// The bits of children that are to be polled.
    ready: Atomic<u64>,
    parent: AtomicWaker,
}

const MAX: usize = 64;
const _: () = assert!(core::mem::size_of::<Shared>() >= MAX);

/// A set of up to `N` futures of one type, at most 64, that are polled as they are woken.
///
/// It is a [`Stream`] of their outputs in the order in which they are ready, which ends when the
/// set is empty.
///
/// Memory for all is allocated with the set; neither adding nor polling allocates.
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
/// `places` is valid for `N` futures; those whose bit in `used` is set are initialised, and do not
/// move until they are dropped.
pub struct FutureSet<F: Future, const N: usize> {
    places: NonNull<F>,
    used: u64,
    /// At which place to begin.
    first: usize,
    shared: Arc<Shared>,
}

// SAFETY: It owns the futures.
unsafe impl<F: Future + Send, const N: usize> Send for FutureSet<F, N> {}
// SAFETY: Nothing can be done with a shared set.
unsafe impl<F: Future + Send, const N: usize> Sync for FutureSet<F, N> {}
/// The futures are elsewhere.
impl<F: Future, const N: usize> Unpin for FutureSet<F, N> {}

impl<F: Future, const N: usize> FutureSet<F, N> {
    /// Makes an empty set. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new() -> Result<Self> {
        const { assert!(N > 0 && N <= MAX, "1 to 64 futures") };
        let shared = Arc::new(
            Shared {
                ready: Atomic::new(0),
                parent: AtomicWaker::new(),
            },
            GFP_KERNEL,
        )?;
        let places = KBox::<[MaybeUninit<F>; N]>::new_uninit(GFP_KERNEL)?;
        let places = NonNull::from(KBox::leak(places)).cast();
        // INVARIANT: Allocated with the layout of `N` futures, none of which is there.
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

    /// Adds a future. It is polled when the set is, the next time.
    ///
    /// # Errors
    ///
    /// Gives the future back if the set is full.
    pub fn push(&mut self, future: F) -> core::result::Result<(), F> {
        let at = self.used.trailing_ones() as usize;
        if at >= N {
            return Err(future);
        }
        // SAFETY: Within the memory, and the place is free.
        unsafe { self.places.add(at).write(future) };
        // INVARIANT: It is initialised.
        self.used |= 1 << at;
        self.shared.set_ready(1 << at);
        Ok(())
    }

    /// Drops the future in a place, which is free then.
    fn remove(&mut self, at: usize) {
        // INVARIANT: The place is free before the future is dropped, so that this happens once.
        self.used &= !(1 << at);
        // SAFETY: It was initialised.
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
        // First, so that each thread that sets a bit from here on wakes this task.
        this.shared.parent.register(cx);
        let mut ready = this.shared.take_ready() & this.used;
        while ready != 0 {
            // The first from `first` on, or else the first of those before.
            let later = ready & (u64::MAX << this.first);
            let at = if later != 0 { later } else { ready }.trailing_zeros() as usize;
            ready &= !(1 << at);
            let waker = child_waker(&this.shared, at);
            // SAFETY: By the type invariant there is a future, which does not move.
            let future = unsafe { Pin::new_unchecked(this.places.add(at).as_mut()) };
            if let Poll::Ready(output) = future.poll(&mut Context::from_waker(&waker)) {
                this.remove(at);
                // The others' turn is the next time.
                this.shared.set_ready(ready);
                return Poll::Ready(Some(output));
            }
        }
        // Nobody keeps the others from their turn by using up the budget each time.
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
        // A waker of the owner that is left would be a reference to the task that this may be part
        // of.
        drop(self.shared.parent.take());
        let places = self.places.cast::<MaybeUninit<[MaybeUninit<F>; N]>>();
        // SAFETY: Leaked by `new()`; no future is left in it.
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

    /// Returns what was there before.
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
        // The first that sets the bit wakes the task, which has not taken it yet.
        if self.set_ready(1 << at) & (1 << at) == 0 {
            self.parent.wake();
        }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// Returns a waker of child `at`: the address of byte `at` of `shared`.
fn child_waker(shared: &Arc<Shared>, at: usize) -> Waker {
    let base = Arc::into_raw(shared.clone()).cast::<u8>();
    // SAFETY: The data is as the functions of the table expect it, and owns a reference.
    unsafe { Waker::from_raw(RawWaker::new(base.wrapping_add(at).cast(), &VTABLE)) }
}

/// Returns what a waker's address is made of: see [`child_waker`].
fn parts(data: *const ()) -> (NonNull<Shared>, usize) {
    let at = data as usize % MAX;
    let base = data.cast::<u8>().wrapping_sub(at).cast_mut();
    // SAFETY: It comes from an `Arc`, so it is not null.
    (unsafe { NonNull::new_unchecked(base.cast()) }, at)
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: The waker that is cloned owns a reference, which stays its own; the new one owns
    // another.
    let shared = core::mem::ManuallyDrop::new(unsafe { Arc::from_raw(parts(data).0.as_ptr()) });
    core::mem::forget(Arc::clone(&shared));
    RawWaker::new(data, &VTABLE)
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn wake(data: *const ()) {
    let (shared, at) = parts(data);
    // SAFETY: The reference is the waker's, which is used up.
    unsafe { Arc::from_raw(shared.as_ptr()) }.wake(at);
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn wake_by_ref(data: *const ()) {
    let (shared, at) = parts(data);
    // SAFETY: The waker's reference keeps it valid.
    unsafe { shared.as_ref() }.wake(at);
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: The reference is the waker's.
    drop(unsafe { Arc::from_raw(parts(data).0.as_ptr()) });
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

/// Waits for the next item of a stream, or `None` at its end. As cancel safe as the stream's
/// polling: the streams of this crate take an item at the moment at which they return it.
pub fn next<S: Stream + Unpin>(stream: &mut S) -> Next<'_, S> {
    Next(stream)
}
