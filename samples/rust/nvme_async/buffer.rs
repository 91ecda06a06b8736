// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory that the device reads and writes: made once, and used again and again.

use kasync::sync::Semaphore;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::Coherent,
    io::{
        io_project,
        Io, //
    },
    new_spinlock_irq,
    prelude::*,
    sync::{
        Arc,
        SpinLockIrq, //
    }, //
};

/// A page of memory, as the device counts it.
pub(crate) const PAGE: usize = 4096;
/// The size of a buffer.
pub(crate) const SIZE: usize = 16 * PAGE;
/// The number of buffers of a pool for clients that want one, and wait for it.
pub(crate) const SPARE: usize = 16;

/// The memory of a buffer, and the list of its pages but the first for commands that need one.
///
/// # Invariants
///
/// The device does not access it, unless it is in flight: then there is no reference to it.
struct Memory {
    data: Coherent<[u8]>,
    list: Coherent<[u64]>,
}

impl Memory {
    fn new(device: &Device<Bound>) -> Result<Self> {
        // Both are contiguous for the device, and begin with a page of it.
        let data = Coherent::zeroed_slice(device, SIZE, GFP_KERNEL)?;
        let list = Coherent::zeroed_slice(device, PAGE / size_of::<u64>(), GFP_KERNEL)?;
        let first = data.dma_address();
        for page in 1..SIZE / PAGE {
            let address = first + (page * PAGE) as u64;
            io_project!(list, [panic: page - 1]).write_val(address.to_le());
        }
        // INVARIANT: The device knows nothing of it.
        Ok(Self { data, list })
    }
}

/// The buffers that nobody uses.
#[pin_data]
pub(crate) struct Pool {
    free: Semaphore,
    /// Returned to in interrupts, too.
    #[pin]
    buffers: SpinLockIrq<KVec<KBox<Memory>>>,
}

impl Pool {
    /// Makes that many buffers.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(device: &Device<Bound>, count: usize) -> Result<Arc<Self>> {
        let mut buffers = KVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            buffers.push(KBox::new(Memory::new(device)?, GFP_KERNEL)?, GFP_KERNEL)?;
        }
        Arc::pin_init(
            pin_init!(Self {
                free: Semaphore::new(count),
                buffers <- new_spinlock_irq!(buffers, "nvme_async::pool"),
            }),
            GFP_KERNEL,
        )
    }

    /// Gives as many buffers to `take` as there are beside the spare ones, `most` at most, if
    /// nobody waits for one. `take` runs with the pool's lock: it keeps them, and neither sleeps
    /// nor drops one.
    ///
    /// Clients keep buffers while their memory is paged in, for as long as it takes. The spare ones
    /// have others get on meanwhile.
    pub(crate) fn try_take(self: &Arc<Self>, most: usize, mut take: impl FnMut(Buffer)) {
        // Others may take some between the two. Then one is waited for, or the next time is
        // better.
        let count = self.free.available().saturating_sub(SPARE).min(most);
        let Some(permits) = self.free.try_acquire(count) else {
            return;
        };
        core::mem::forget(permits);
        let mut buffers = self.buffers.lock();
        for _ in 0..count {
            // There is one for each permit.
            let Some(memory) = buffers.pop() else {
                return;
            };
            take(self.buffer(memory));
        }
    }

    /// Waits for a buffer. Cancel safe.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Buffer> {
        core::mem::forget(self.free.acquire(1).await);
        // There is one for each permit.
        self.pop().ok_or(EIO)
    }

    fn pop(self: &Arc<Self>) -> Option<Buffer> {
        let memory = self.buffers.lock().pop();
        memory.map(|memory| self.buffer(memory))
    }

    fn buffer(self: &Arc<Self>, memory: KBox<Memory>) -> Buffer {
        Buffer {
            memory: Some(memory),
            pool: self.clone(),
        }
    }

    /// Takes buffers back, all at once. They are of this pool.
    pub(crate) fn give_back(&self, all: impl Iterator<Item = Buffer>) {
        let mut count = 0;
        {
            let mut buffers = self.buffers.lock();
            for mut buffer in all {
                if let Some(memory) = buffer.memory.take() {
                    // Cannot fail: there is room for all that were made.
                    let _room = buffers.push_within_capacity(memory);
                    count += 1;
                }
            }
        }
        self.free.add_permits(count);
    }
}

/// A buffer. Dropping it, which is legal in interrupts, gives it back.
pub(crate) struct Buffer {
    /// Taken by the drop.
    memory: Option<KBox<Memory>>,
    pool: Arc<Pool>,
}

impl Buffer {
    fn memory(&self) -> &Memory {
        // PANIC: Taken by the drop only.
        self.memory.as_deref().unwrap()
    }

    /// Returns where the first `bytes` are, as commands say it: the first page, and the second one
    /// or the list.
    pub(crate) fn pages(&self, bytes: usize) -> (u64, u64) {
        let first = self.memory().data.dma_address();
        let second = match bytes.div_ceil(PAGE) {
            0 | 1 => 0,
            2 => first + PAGE as u64,
            _ => self.memory().list.dma_address(),
        };
        (first, second)
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: There is a reference, so the device does not access it by the type invariants.
        unsafe { self.memory().data.as_ref() }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: There is a reference, so the device does not access it by the type invariants. It
        // is the only one.
        unsafe { self.memory().data.as_mut() }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(memory) = self.memory.take() else {
            return;
        };
        // Cannot fail: there is room for all that were made.
        let _room = self.pool.buffers.lock().push_within_capacity(memory);
        self.pool.free.add_permits(1);
    }
}
