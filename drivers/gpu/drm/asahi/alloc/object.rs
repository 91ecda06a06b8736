// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Parts of a heap: chunks, the objects in them, and piles of objects that wait to be freed.
//!
//! # States of a chunk
//!
//! ```text
//!   (1) allocated, mapped and listed, with its first object──► USED
//!   USED ──(2) the last object goes, and no other chunk is empty, and this one is small──► SPARE
//!   SPARE ──(3) an object is allocated in it──► USED
//!   USED ──(4) the last object goes otherwise: taken off the list──► RETIRED
//!   USED or SPARE ──(5) the heap goes: taken off the list──► RETIRED
//!   RETIRED ──(6) the last reference goes──► unmapped, then freed; or, where the firmware may use
//!                                            it for ever, neither
//! ```
//!
//! An allocation that has found a chunk before (4) or (5) has a reference, and may still make an
//! object in it.

use super::buffer::Buffer;
use crate::{
    mmu::{
        AddressSpace,
        Ranges,
        Span,
        Uat, //
    },
    quota::{
        Pinned,
        Share, //
    }, //
};
use agx_abi::uat::{
    Protection,
    PAGE_SIZE, //
};
use core::{
    mem,
    ops::Range,
    ptr::NonNull, //
};
use kasync::sync::Notify;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    }, //
};

/// The half of an address space that a heap is in.
pub(super) enum Target {
    Kernel(Arc<Uat>),
    Client(Arc<AddressSpace>),
}

impl Target {
    /// Maps `buffer` at `va`. The tables that a client's half needs for it are of `share`, too: a
    /// client that has taken all that clients may have does not keep another from its first job.
    fn map(&self, va: u64, buffer: &Buffer, protection: Protection, share: Share) -> Result {
        match self {
            Self::Kernel(uat) => uat.map_kernel(va, buffer.pages(), protection),
            Self::Client(space) => {
                space.prepare(va..va + buffer.size() as u64, share)?;
                space.map(va, buffer.pages(), protection)
            }
        }
    }

    /// Ends the mapping of `range`, and returns whether the memory may be freed. If not it is still
    /// mapped, since the firmware may use it for ever.
    fn unmap(&self, range: Range<u64>) -> bool {
        match self {
            Self::Kernel(uat) if uat.is_abandoned() => return false,
            Self::Kernel(uat) => uat.unmap_kernel(range),
            Self::Client(space) => space.unmap(range),
        }
        true
    }
}

/// The largest chunk that is kept without objects: scenes of usual frames fit in it.
const MAX_SPARE: usize = 16 << 20;

/// The part of a heap that its chunks and objects need, which outlives the heap.
#[pin_data]
pub(super) struct Shared {
    target: Target,
    protection: Protection,
    #[pin]
    pub(super) garbage: SpinLock<Pile>,
    /// True if that is so much that it should be collected. Changed under its lock.
    is_due: Atomic<bool>,
    /// Notified when there is garbage where none was.
    has_garbage: Option<Arc<Notify>>,
    /// The chunks, oldest first.
    ///
    /// The lock is held only to inspect, add or remove one chunk. Allocation and mapping are done
    /// without it: all clients need the heaps of the kernel's half, and a thread that holds the
    /// lock for long could be preempted.
    #[pin]
    pub(super) chunks: SpinLock<KVVec<Arc<Chunk>>>,
}

impl Shared {
    /// Returns the shared part of a heap without chunks.
    pub(super) fn new(
        target: Target,
        protection: Protection,
        has_garbage: Option<&Arc<Notify>>,
    ) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                target,
                protection,
                garbage <- new_spinlock!(Pile::new()),
                is_due: Atomic::new(false),
                has_garbage: has_garbage.cloned(),
                chunks <- new_spinlock!(KVVec::new()),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns whether there is so much garbage that it should be collected.
    #[inline]
    pub(super) fn is_garbage_due(&self) -> bool {
        self.is_due.load(Relaxed)
    }

    /// Adds `object` to the garbage. Gives it back if the heap is gone. Returns whether it is the
    /// only object there, too.
    pub(super) fn discard(&self, object: KBox<Object>) -> (Option<KBox<Object>>, bool) {
        let mut pile = self.garbage.lock();
        let rejected = pile.push(object);
        if pile.is_due() {
            self.is_due.store(true, Relaxed);
        }
        (rejected, pile.count == 1)
    }

    /// Takes all garbage so far.
    pub(super) fn take_garbage(&self) -> Pile {
        let mut pile = self.garbage.lock();
        self.is_due.store(false, Relaxed);
        pile.take()
    }

    /// Removes `chunk`, which has no object any more, from the list, unless it is the only empty
    /// chunk and not large: that is kept for later allocations.
    ///
    /// An allocation that has found the chunk meanwhile has a reference, and may still use it.
    fn retire(&self, chunk: &Arc<Chunk>) {
        let retired = {
            let mut chunks = self.chunks.lock();
            let is_empty = |chunk: &Arc<Chunk>| chunk.objects.load(Relaxed) == 0;
            let place = chunks.iter().position(|other| Arc::ptr_eq(other, chunk));
            let mut empty = chunks.iter().filter(|other| is_empty(other));
            match place {
                Some(place) if is_empty(chunk) => {
                    let is_spare = empty.nth(1).is_none() && chunk.buffer.size() <= MAX_SPARE;
                    if is_spare {
                        // (2)
                        None
                    } else {
                        // (4)
                        chunks.remove(place).ok()
                    }
                }
                _ => None,
            }
        };
        // Behind the lock.
        drop(retired);
    }
}

/// A chunk: pages that are mapped together, from which objects are allocated.
pub(super) struct Chunk {
    shared: Arc<Shared>,
    /// Number of objects in it.
    objects: Atomic<usize>,
    /// The addresses in it that are free.
    free: Arc<Ranges>,
    buffer: Buffer,
    /// The addresses of the chunk.
    span: Span,
    // Behind the buffer: fields are dropped in order.
    _charge: Pinned,
}

impl Chunk {
    /// Returns a chunk of `size` bytes at least, whose first address is aligned to `align` and to
    /// pages. `is_large`: it is for a single object, which has no part in the heaps' reserve.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there is as much memory that cannot be reclaimed as may be, or too little
    /// left; `ENOSPC`.
    pub(super) fn new(
        shared: &Arc<Shared>,
        addresses: &Arc<Ranges>,
        size: usize,
        align: usize,
        is_large: bool,
    ) -> Result<Arc<Self>> {
        // Before anything is allocated: a client can ask for more than any machine has.
        let bytes = (size as u64)
            .checked_next_multiple_of(PAGE_SIZE)
            .ok_or(ENOMEM)?;
        let share = if is_large {
            Share::Clients
        } else {
            Share::Driver
        };
        let (charge, _coming) = Pinned::reserve(bytes, share)?;
        let buffer = Buffer::new(size)?;
        let align = PAGE_SIZE.max(align as u64);
        let span = addresses.allocate(buffer.size() as u64, align)?;
        let free = Ranges::new(span.range())?;
        shared
            .target
            .map(span.start(), &buffer, shared.protection, share)?;
        let chunk = Self {
            shared: shared.clone(),
            objects: Atomic::new(0),
            free,
            buffer,
            span,
            _charge: charge,
        };
        Ok(Arc::new(chunk, GFP_KERNEL_ACCOUNT)?)
    }

    /// Returns its size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.buffer.size() as u64
    }

    /// Takes `size` bytes of it, aligned to `align`. `ENOSPC` if there is no room.
    pub(super) fn allocate(&self, size: usize, align: usize) -> Result<Span> {
        self.free.allocate(size as u64, align as u64)
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // (6)
        if !self.shared.target.unmap(self.span.range()) {
            self.buffer.keep();
        }
    }
}

/// An object: memory for the firmware or the GPU, zeroed when it is allocated.
///
/// May be dropped in any process context, signalling sections included.
pub(crate) struct GpuBox {
    /// The object; `None` only while the box is dropped.
    object: Option<KBox<Object>>,
}

/// A part of a chunk, in use or on a [`Pile`].
pub(super) struct Object {
    span: Span,
    at: NonNull<u8>,
    chunk: Arc<Chunk>,
    /// The next object of a [`Pile`].
    pub(super) next: Option<KBox<Object>>,
}

// SAFETY: `at` points into the chunk, which may be sent.
unsafe impl Send for Object {}
// SAFETY: It only gives out a pointer and numbers that never change; accesses are up to its users.
unsafe impl Sync for Object {}

impl Drop for Object {
    fn drop(&mut self) {
        if self.chunk.objects.fetch_sub(1, Relaxed) == 1 {
            // The reference here keeps the chunk until the span in it has gone.
            self.chunk.shared.retire(&self.chunk);
        }
    }
}

impl GpuBox {
    /// Makes the object that `span` of `chunk` is for, and zeroes it.
    pub(super) fn new(chunk: Arc<Chunk>, span: Span) -> Result<Self> {
        let offset = (span.start() - chunk.span.start()) as usize;
        // SAFETY: The span is part of the chunk's, which is as long as its buffer.
        let at = unsafe { chunk.buffer.cpu_addr().add(offset) };
        let size = span_size(&span);
        // Counted down when the object is dropped, which an allocation that fails does as well.
        chunk.objects.add(1, Relaxed);
        let object = KBox::new(
            Object {
                span,
                at,
                chunk,
                next: None,
            },
            GFP_KERNEL_ACCOUNT,
        )?;
        // SAFETY: In bounds as just computed, and no other object has this span.
        unsafe { at.write_bytes(0, size) };
        Ok(Self {
            object: Some(object),
        })
    }

    fn object(&self) -> &Object {
        // PANIC: It is absent only while it is dropped.
        self.object
            .as_ref()
            .expect("the object is there until it is dropped")
    }

    /// Returns its address for the firmware and the GPU.
    pub(crate) fn va(&self) -> u64 {
        self.object().span.start()
    }

    /// Returns its size in bytes: at least what was asked for.
    pub(crate) fn size(&self) -> usize {
        span_size(&self.object().span)
    }

    /// Returns its address for the CPU.
    pub(crate) fn cpu_addr(&self) -> NonNull<u8> {
        self.object().at
    }
}

fn span_size(span: &Span) -> usize {
    let range = span.range();
    (range.end - range.start) as usize
}

impl Drop for GpuBox {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        let shared = object.chunk.shared.clone();
        if !shared.protection.is_cached() {
            return;
        }
        let (rejected, is_first) = shared.discard(object);
        // An object that the pile rejects belongs to a heap that is gone. It is dropped unlocked.
        drop(rejected);
        if let (true, Some(has_garbage)) = (is_first, &shared.has_garbage) {
            has_garbage.notify_one();
        }
    }
}

/// Objects that wait to be freed.
pub(super) struct Pile {
    pub(super) first: Option<KBox<Object>>,
    pub(super) count: usize,
    pub(super) bytes: usize,
    closed: bool,
}

impl Pile {
    /// The amount of garbage in a heap above which the firmware's cache should be flushed.
    const MAX_BYTES: usize = 16 << 20;
    const MAX_COUNT: usize = 2048;

    const fn new() -> Self {
        Self {
            first: None,
            count: 0,
            bytes: 0,
            closed: false,
        }
    }

    fn is_due(&self) -> bool {
        self.count > Self::MAX_COUNT || self.bytes > Self::MAX_BYTES
    }

    /// Adds an object. Gives it back if the pile is closed.
    fn push(&mut self, mut object: KBox<Object>) -> Option<KBox<Object>> {
        if self.closed {
            return Some(object);
        }
        self.count += 1;
        self.bytes += span_size(&object.span);
        object.next = self.first.take();
        self.first = Some(object);
        None
    }

    /// Takes all objects off the pile, which stays open or closed.
    pub(super) fn take(&mut self) -> Self {
        let mut empty = Self::new();
        empty.closed = self.closed;
        mem::replace(self, empty)
    }

    /// Closes the pile for good and takes all objects off it.
    pub(super) fn close(&mut self) -> Self {
        self.closed = true;
        self.take()
    }
}

impl Drop for Pile {
    fn drop(&mut self) {
        // Iterative: the drop of a long list by recursion would overflow the stack.
        let mut next = self.first.take();
        while let Some(mut object) = next {
            next = object.next.take();
        }
    }
}
