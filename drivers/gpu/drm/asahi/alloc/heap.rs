// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Heaps and their objects.

use super::buffer::Buffer;
use crate::{
    mmu::{
        AddressSpace,
        Ranges,
        Span,
        Uat, //
    },
    quota::{
        max_pinned,
        max_pinned_with_heaps,
        Charge,
        Quota,
        PINNED, //
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
    alloc::kvec::PushError,
    new_spinlock,
    prelude::*,
    sizes::SZ_64K,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    }, //
};

/// Smallest alignment of an object: a cache line of the coprocessor.
const MIN_ALIGN: usize = 0x80;

/// What kind of heap it is.
#[derive(Clone)]
pub(crate) struct HeapConfig {
    /// Its addresses.
    pub(crate) range: Range<u64>,
    pub(crate) protection: Protection,
    /// How much it grows by.
    pub(crate) grain: usize,
}

impl HeapConfig {
    const MIB: usize = 1 << 20;

    const PRIVATE: Self = Self {
        range: 0xffff_ffa0_0000_0000..0xffff_ffa6_0000_0000,
        protection: Protection::FW_PRIV_RW,
        grain: Self::MIB,
    };
    const GPU_RO: Self = Self {
        range: 0xffff_ffa6_0000_0000..0xffff_ffa8_0000_0000,
        protection: Protection::GPU_RO_FW_PRIV_RW,
        grain: Self::MIB,
    };
    const SHARED: Self = Self {
        range: 0xffff_ffa8_0000_0000..0xffff_ffaa_0000_0000,
        protection: Protection::FW_SHARED_RW,
        grain: Self::MIB,
    };
    const SHARED_RO: Self = Self {
        range: 0xffff_ffaa_0000_0000..0xffff_ffac_0000_0000,
        protection: Protection::FW_SHARED_RO,
        grain: SZ_64K,
    };
}

/// The half of an address space that a heap is in.
enum Target {
    Kernel(Arc<Uat>),
    Client(Arc<AddressSpace>),
}

impl Target {
    fn map(&self, va: u64, buffer: &Buffer, protection: Protection) -> Result {
        match self {
            Self::Kernel(uat) => uat.map_kernel(va, buffer.pages(), protection),
            Self::Client(space) => space.map(va, buffer.pages(), protection),
        }
    }

    /// Ends the mapping of `range`. Returns whether the memory may be freed: otherwise it is still
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

/// What chunks and objects need of their heap, when the heap itself is gone.
#[pin_data]
struct Shared {
    target: Target,
    protection: Protection,
    #[pin]
    garbage: SpinLock<Pile>,
    /// Notified when there is garbage where none was.
    has_garbage: Option<Arc<Notify>>,
    /// Oldest first. The lock is held only to look at one, or to add or remove one: what takes
    /// long, and what may wait, is done without it, since all clients need the heaps of the
    /// kernel's half, and the scheduler may keep the thread away that is in here.
    #[pin]
    chunks: SpinLock<KVVec<Arc<Chunk>>>,
}

impl Shared {
    /// Takes `chunk`, in which there is no object any more, out of the list, unless it is the only
    /// empty one: that is kept for what comes next.
    ///
    /// An allocation that has found it meanwhile has a reference, and may still use it.
    fn retire(&self, chunk: &Arc<Chunk>) {
        let retired = {
            let mut chunks = self.chunks.lock();
            let is_empty = |chunk: &Arc<Chunk>| chunk.objects.load(Relaxed) == 0;
            let place = chunks.iter().position(|other| Arc::ptr_eq(other, chunk));
            let mut empty = chunks.iter().filter(|other| is_empty(other));
            match place {
                Some(place) if is_empty(chunk) && empty.nth(1).is_some() => {
                    chunks.remove(place).ok()
                }
                _ => None,
            }
        };
        // Behind the lock.
        drop(retired);
    }
}

/// Some pages, mapped.
struct Chunk {
    shared: Arc<Shared>,
    /// How many objects there are in it.
    objects: Atomic<usize>,
    /// The addresses in it that are free.
    free: Arc<Ranges>,
    buffer: Buffer,
    /// Its addresses.
    span: Span,
    // Behind the buffer: fields are dropped in order.
    _charge: Charge<&'static Quota>,
}

impl Chunk {
    /// A chunk of `size` bytes at least, whose first address is aligned to `align` and to pages.
    /// `is_large`: it is for a single object, which has no part in the heaps' reserve.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there is as much memory that cannot be reclaimed as may be; `ENOSPC`.
    fn new(
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
        let limit = if is_large {
            max_pinned()
        } else {
            max_pinned_with_heaps()
        };
        let charge = Charge::new(&PINNED, bytes, limit).ok_or(ENOMEM)?;
        let buffer = Buffer::new(size)?;
        let align = PAGE_SIZE.max(align as u64);
        let span = addresses.allocate(buffer.size() as u64, align)?;
        let free = Ranges::new(span.range())?;
        shared
            .target
            .map(span.start(), &buffer, shared.protection)?;
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
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if !self.shared.target.unmap(self.span.range()) {
            self.buffer.keep();
        }
    }
}

/// Memory for objects of one protection, in one address space.
///
/// | call | context |
/// |---|---|
/// | all | process, allocates; not in signalling sections |
#[pin_data(PinnedDrop)]
pub(crate) struct Heap {
    shared: Arc<Shared>,
    addresses: Arc<Ranges>,
    grain: usize,
}

impl Heap {
    fn with_target(
        target: Target,
        config: HeapConfig,
        has_garbage: Option<&Arc<Notify>>,
    ) -> Result<Arc<Self>> {
        let shared = Arc::pin_init(
            pin_init!(Shared {
                target,
                protection: config.protection,
                garbage <- new_spinlock!(Pile::new()),
                has_garbage: has_garbage.cloned(),
                chunks <- new_spinlock!(KVVec::new()),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;
        let addresses = Ranges::new(config.range)?;
        Arc::pin_init(
            pin_init!(Self {
                shared,
                addresses,
                grain: config.grain,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// A heap in the kernel's half. `has_garbage` is notified when there is garbage where none was.
    fn new(uat: &Arc<Uat>, config: HeapConfig, has_garbage: &Arc<Notify>) -> Result<Arc<Self>> {
        Self::with_target(Target::Kernel(uat.clone()), config, Some(has_garbage))
    }

    /// A heap in a client's half.
    pub(crate) fn new_client(space: &Arc<AddressSpace>, config: HeapConfig) -> Result<Arc<Self>> {
        Self::with_target(Target::Client(space.clone()), config, None)
    }

    /// Allocates a zeroed object of `size` bytes, aligned to `align` and at least to what the
    /// firmware wants.
    pub(crate) fn alloc(&self, size: usize, align: usize) -> Result<GpuBox> {
        let align = align.max(MIN_ALIGN);
        if size == 0 || !align.is_power_of_two() {
            return Err(EINVAL);
        }
        let size = size.checked_next_multiple_of(MIN_ALIGN).ok_or(EINVAL)?;

        // Others may add one meanwhile. Then one is looked at twice, or the new one is not.
        let mut place = self.shared.chunks.lock().len();
        while place > 0 {
            place -= 1;
            let Some(chunk) = self.shared.chunks.lock().get(place).cloned() else {
                continue;
            };
            match chunk.free.allocate(size as u64, align as u64) {
                Ok(span) => return GpuBox::new(chunk, span),
                Err(e) if e == ENOSPC => (),
                Err(e) => return Err(e),
            }
        }

        // Several threads that find the heap full at a time make a chunk each.
        let (size_of_chunk, is_large) = (size.max(self.grain), size > self.grain);
        let (shared, addresses) = (&self.shared, &self.addresses);
        let chunk = Chunk::new(shared, addresses, size_of_chunk, align, is_large)?;
        let span = chunk.free.allocate(size as u64, align as u64)?;
        self.add(chunk.clone())?;
        GpuBox::new(chunk, span)
    }

    /// Adds `chunk`. The list grows without the lock.
    fn add(&self, mut chunk: Arc<Chunk>) -> Result {
        let mut larger = KVVec::new();
        loop {
            let room = {
                let mut chunks = self.shared.chunks.lock();
                if larger.capacity() > chunks.capacity() {
                    for old in chunks.drain_all() {
                        // It is larger.
                        let _ = larger.push_within_capacity(old);
                    }
                    mem::swap(&mut larger, &mut *chunks);
                }
                match chunks.push_within_capacity(chunk) {
                    Ok(()) => return Ok(()),
                    Err(PushError(back)) => chunk = back,
                }
                chunks.capacity().max(8) * 2
            };
            // Also drops the one that was too small.
            larger = KVVec::with_capacity(room, GFP_KERNEL_ACCOUNT)?;
        }
    }
}

#[pinned_drop]
impl PinnedDrop for Heap {
    fn drop(self: Pin<&mut Self>) {
        // Nobody will clean the cache for it any more: there is nobody left who has it in his.
        let pile = self.shared.garbage.lock().close();
        drop(pile);
        // They refer to what has them in its list.
        let chunks = mem::replace(&mut *self.shared.chunks.lock(), KVVec::new());
        drop(chunks);
    }
}

/// An object: memory of the firmware's or GPU's, zeroed when it was allocated.
///
/// May be dropped in any process context, signalling sections included.
pub(crate) struct GpuBox {
    /// Absent only while it is dropped.
    object: Option<KBox<Object>>,
}

struct Object {
    span: Span,
    at: NonNull<u8>,
    chunk: Arc<Chunk>,
    /// The next one of a [`Pile`].
    next: Option<KBox<Object>>,
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
    fn new(chunk: Arc<Chunk>, span: Span) -> Result<Self> {
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
        // SAFETY: In bounds as just computed, and nobody else has this span.
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

    /// Its address, for the firmware and the GPU.
    pub(crate) fn va(&self) -> u64 {
        self.object().span.start()
    }

    /// Its size in bytes: at least what was asked for.
    pub(crate) fn size(&self) -> usize {
        span_size(&self.object().span)
    }

    /// Where the CPU has it.
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
        let (rejected, is_first) = {
            let mut pile = shared.garbage.lock();
            (pile.push(object), pile.count == 1)
        };
        // What comes back belongs to a heap that is gone; dropped behind the lock.
        drop(rejected);
        if let (true, Some(has_garbage)) = (is_first, &shared.has_garbage) {
            has_garbage.notify_one();
        }
    }
}

/// Objects that wait to be freed.
struct Pile {
    first: Option<KBox<Object>>,
    count: usize,
    bytes: usize,
    closed: bool,
}

impl Pile {
    const fn new() -> Self {
        Self {
            first: None,
            count: 0,
            bytes: 0,
            closed: false,
        }
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

    fn take(&mut self) -> Self {
        let mut empty = Self::new();
        empty.closed = self.closed;
        mem::replace(self, empty)
    }

    fn close(&mut self) -> Self {
        self.closed = true;
        self.take()
    }
}

impl Drop for Pile {
    fn drop(&mut self) {
        // One by one: the list may be long, and the stack is not.
        let mut next = self.first.take();
        while let Some(mut object) = next {
            next = object.next.take();
        }
    }
}

/// Objects that the firmware may still have in its cache.
///
/// To be dropped when the firmware has cleaned its cache after they were taken.
#[must_use = "dropping it says that the firmware has cleaned its cache"]
pub(crate) struct Garbage {
    piles: [Pile; 2],
}

impl Garbage {
    /// Returns whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.piles.iter().all(|pile| pile.count == 0)
    }
}

/// The heaps in the kernel's half.
#[derive(Clone)]
pub(crate) struct Heaps {
    /// The firmware's own, cached by it.
    pub(crate) private: Arc<Heap>,
    /// Shared with the firmware.
    pub(crate) shared: Arc<Heap>,
    /// For the firmware to read.
    pub(crate) shared_ro: Arc<Heap>,
    /// The firmware's, cached by it, and for the GPU to read.
    pub(crate) gpu_ro: Arc<Heap>,
    /// Notified when there is garbage where none was.
    pub(crate) has_garbage: Arc<Notify>,
}

impl Heaps {
    /// How much garbage may pile up in a heap before the firmware should be asked to clean its
    /// cache.
    const MAX_BYTES: usize = 16 << 20;
    const MAX_COUNT: usize = 2048;

    pub(crate) fn new(uat: &Arc<Uat>) -> Result<Self> {
        let has_garbage = Arc::new(Notify::new(), GFP_KERNEL)?;
        let heap = |config| Heap::new(uat, config, &has_garbage);
        Ok(Self {
            private: heap(HeapConfig::PRIVATE)?,
            shared: heap(HeapConfig::SHARED)?,
            shared_ro: heap(HeapConfig::SHARED_RO)?,
            gpu_ro: heap(HeapConfig::GPU_RO)?,
            has_garbage,
        })
    }

    /// Whether there is so much garbage that it should be collected.
    pub(crate) fn is_garbage_due(&self) -> bool {
        [&self.private, &self.gpu_ro].iter().any(|heap| {
            let pile = heap.shared.garbage.lock();
            pile.count > Self::MAX_COUNT || pile.bytes > Self::MAX_BYTES
        })
    }

    /// All garbage so far.
    pub(crate) fn take_garbage(&self) -> Garbage {
        Garbage {
            piles: [&self.private, &self.gpu_ro].map(|heap| heap.shared.garbage.lock().take()),
        }
    }

    /// Puts garbage back that the firmware has not cleaned its cache of: it is not used again
    /// before that. It goes with the heaps, whose memory stays if the firmware never says that it
    /// sleeps.
    pub(crate) fn put_back(&self, garbage: Garbage) {
        for (heap, mut pile) in [&self.private, &self.gpu_ro].into_iter().zip(garbage.piles) {
            while let Some(mut object) = pile.first.take() {
                pile.first = object.next.take();
                let rejected = heap.shared.garbage.lock().push(object);
                // The heap is being dropped, which is not done with garbage under way; better to
                // lose it than to free it.
                mem::forget(rejected);
            }
        }
    }
}
