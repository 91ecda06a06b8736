// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The tiled vertex buffer of a user queue: pages that the tiler puts primitives in.
//!
//! ```text
//!   ioctl                             the queue's task                       worker
//!   ─────                             ────────────────                       ──────
//!   TvbUse::new()
//!   reserve(): blocks are allocated   link(): the firmware's lists get       drop of the last
//!              │                      them, while there is no scene          TvbUse: shrinks
//!              └──────────────────────────► │                                      │
//!                                           ▼                                      ▼
//!   blocks:   ├───────── linked ───────────┼── not yet ──┤                ├── linked: none ──┤
//! ```
//!
//! The firmware owns lists and counts while a scene uses the buffer. So they are changed only while
//! none does, which the queue's task waits for when there is something to change; the firmware is
//! told by an `InitBuffer` command before the next render. What it would do with lists that change
//! under a scene is not known: the driver in the field does that nevertheless.

use super::{
    growth::{
        Growth,
        REQUESTED, //
    },
    tvb_memory::{
        exhausted,
        Block,
        Tpc, //
    }, //
};
use crate::{
    alloc::{
        Heap,
        Heaps, //
    },
    firmware::shared::{
        Shared,
        Word, //
    },
    quota::{
        max_pinned,
        Pinned,
        Share, //
    },
    vm::Vm, //
};
use agx_abi::{
    buffer::{
        BlockControl,
        BufferInfo,
        BufferStats,
        Counter,
        BLOCK_PAGES,
        KERNEL_BUFFER_SIZE, //
    },
    Value, //
};
use core::mem;
use kernel::{
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex,
        SpinLock, //
    }, //
};

/// The divisor of the limit on all clients' memory that gives the share of one buffer.
const SHARE: u64 = 8;
/// The largest tile pointer cache that is kept while no render needs it.
const SMALL_TPC: usize = 1 << 20;

struct State {
    blocks: KVVec<Block>,
    /// Number of blocks in the firmware's lists.
    linked: usize,
    growth: Growth,
}

/// A tiled vertex buffer.
///
/// | call | context |
/// |---|---|
/// | [`Tvb::new`], [`Tvb::reserve`] | process, may sleep; not in a signalling section |
/// | [`Tvb::tpc`], drop of [`TvbUse`] | the same |
/// | all others | process, signalling sections and disabled preemption included |
#[pin_data]
pub(crate) struct Tvb {
    info: Shared,
    /// Entries of four bytes, one for each page.
    page_list: Shared,
    /// Entries of eight bytes, one for each block.
    block_list: Shared,
    block_control: Shared,
    stats: Shared,
    kernel_buffer: Shared,
    max_pages: Word<u32>,
    reset: Word<u32>,
    renders: Word<u32>,
    _counter: Shared,
    /// Number of the firmware's requests to grow it, which [`Tvb::reserve`] has not yet granted.
    requests: Arc<Atomic<u32>>,
    /// Number of jobs that have reserved blocks.
    users: Atomic<u32>,
    /// Held while blocks are added or removed.
    #[pin]
    resizing: Mutex<()>,
    #[pin]
    tpc: Mutex<Option<Arc<Tpc>>>,
    #[pin]
    state: SpinLock<State>,
}

impl Tvb {
    /// Returns a buffer without blocks in `vm`.
    pub(crate) fn new(heaps: &Heaps, vm: &Vm) -> Result<Arc<Self>> {
        let growth = Growth::new(max_pinned(), max_pinned() / SHARE);
        let (blocks, pages) = (growth.limit(), growth.limit() * BLOCK_PAGES);
        let block_list = Shared::new(vm.shared_heap(), blocks as usize * 8).map_err(exhausted)?;
        let page_list = Shared::new(vm.shared_heap(), pages as usize * 4).map_err(exhausted)?;
        let block_control = Shared::new(&heaps.shared, BlockControl::SIZE)?;
        let counter = Shared::new(&heaps.shared, Counter::SIZE)?;
        let stats = Shared::new(&heaps.shared, BufferStats::SIZE)?;

        let mut info = BufferInfo::new(heaps.abi);
        info.set(BufferInfo::CUR_ID, -1)
            .set(BufferInfo::PAGE_LIST, page_list.va())
            .set(BufferInfo::PAGE_LIST_SIZE, pages * 4)
            .set(BufferInfo::MAX_BLOCKS, blocks)
            .set(BufferInfo::BLOCK_LIST, block_list.va())
            .set(BufferInfo::BLOCK_CTL, block_control.va())
            .set(BufferInfo::BLOCK_SIZE, BufferInfo::BLOCK_SIZE_VALUE)
            .set(BufferInfo::COUNTER, counter.va())
            .set(BufferInfo::UNK_80, 1)
            .set(BufferInfo::MAX_PAGES, pages)
            .set(BufferInfo::MAX_PAGES_NOMEMLESS, blocks / 3 * BLOCK_PAGES);

        Arc::pin_init(
            try_pin_init!(Self {
                info: Shared::copy_of(&heaps.private, info.as_bytes())?,
                page_list,
                block_list,
                block_control,
                max_pages: stats.field(BufferStats::MAX_PAGES)?,
                reset: stats.field(BufferStats::RESET)?,
                stats,
                kernel_buffer: Shared::new(&heaps.shared, KERNEL_BUFFER_SIZE)?,
                renders: counter.field(Counter::COUNT)?,
                _counter: counter,
                requests: Arc::new(Atomic::new(0), GFP_KERNEL_ACCOUNT)?,
                users: Atomic::new(0),
                resizing <- new_mutex!(()),
                tpc <- new_mutex!(None),
                state <- new_spinlock!(State {
                    blocks: KVVec::new(),
                    linked: 0,
                    growth,
                }),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the address of its [`BufferInfo`].
    pub(crate) fn info_va(&self) -> u64 {
        self.info.va()
    }

    /// Returns the address of its statistics.
    pub(crate) fn stats_va(&self) -> u64 {
        self.stats.va()
    }

    /// Returns the address of the buffer whose purpose is not known.
    pub(crate) fn kernel_buffer_va(&self) -> u64 {
        self.kernel_buffer.va()
    }

    /// Allocates blocks from `heap` until there are as many as the next render should have, at
    /// least `least`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there cannot be as many as it needs.
    fn reserve(&self, heap: &Heap, least: u32) -> Result {
        let _resizing = self.resizing.lock();
        let pages = self.max_pages.load(Relaxed);
        self.reset.store(1, Relaxed);
        let (have, wanted, lent) = {
            let mut state = self.state.lock();
            let have = state.blocks.len() as u32;
            let wanted = state.growth.before_render(have, pages, least);
            let (limit, share) = (state.growth.limit(), state.growth.share());
            if wanted > limit {
                return Err(ENOMEM);
            }
            let requests = self.requests.xchg(0, Relaxed);
            let requested = have.saturating_add(requests.saturating_mul(REQUESTED));
            (have, wanted.max(requested.min(share)), least > share)
        };
        if lent {
            // Blocks are small, and would take the heaps' reserve. What is not a client's share is
            // refused before it takes anything.
            let more = u64::from(wanted.saturating_sub(have));
            let bytes = more * u64::from(BufferInfo::BLOCK_SIZE_VALUE);
            drop(Pinned::reserve(bytes, Share::Clients)?);
        }
        if wanted <= have {
            return Ok(());
        }

        let mut new = KVVec::with_capacity((wanted - have) as usize, GFP_KERNEL_ACCOUNT)?;
        for count in have..wanted {
            match Block::new(heap) {
                Ok(block) => new.push(block, GFP_KERNEL_ACCOUNT)?,
                // The job can run with `least` blocks. More would only make it faster.
                Err(_) if count > 0 && count >= least => break,
                Err(e) => return Err(e),
            }
        }
        self.add(new, wanted as usize)
    }

    /// Adds `new` blocks, for which `room` is enough. The list grows without the lock.
    fn add(&self, mut new: KVVec<Block>, room: usize) -> Result {
        if new.is_empty() {
            return Ok(());
        }
        let mut larger = KVVec::with_capacity(room, GFP_KERNEL_ACCOUNT)?;
        let mut state = self.state.lock();
        for blocks in [&mut state.blocks, &mut new] {
            for block in blocks.drain_all() {
                // Cannot fail: the list has room, and no other thread adds blocks meanwhile.
                let _ = larger.push_within_capacity(block);
            }
        }
        mem::swap(&mut larger, &mut state.blocks);
        drop(state);
        Ok(())
    }

    /// Returns a tile pointer cache of at least `size` bytes from `heap`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn tpc(&self, heap: &Heap, size: u64) -> Result<Arc<Tpc>> {
        let size = usize::try_from(size)?;
        let mut current = self.tpc.lock();
        if let Some(tpc) = current.as_ref().filter(|tpc| tpc.size() >= size) {
            return Ok(tpc.clone());
        }
        let tpc = Arc::new(Tpc::new(heap, size)?, GFP_KERNEL_ACCOUNT)?;
        *current = Some(tpc.clone());
        Ok(tpc)
    }

    /// Returns whether there are blocks that the firmware's lists do not have, or the other way
    /// round.
    pub(crate) fn is_stale(&self) -> bool {
        let state = self.state.lock();
        state.linked != state.blocks.len()
    }

    /// Brings the firmware's lists up to date. Returns how many blocks they have. No scene uses the
    /// buffer.
    pub(crate) fn link(&self) -> Result<u32> {
        let mut state = self.state.lock();
        let count = state.blocks.len();
        for (i, block) in state.blocks.iter().enumerate().skip(state.linked) {
            let (entry, pages) = block.entries();
            let mut bytes = [0; 16];
            entry.write(&mut bytes);
            self.block_list.write(i * 8, &bytes[..8])?;
            pages.write(&mut bytes);
            self.page_list.write(i * 16, &bytes)?;
        }
        state.linked = count;
        drop(state);

        let count = count as u32;
        self.block_control.put(BlockControl::TOTAL, count)?;
        self.block_control.put(BlockControl::WPTR, count)?;
        let pages = count * BLOCK_PAGES;
        self.info.put(BufferInfo::PAGE_COUNT, pages)?;
        self.info.put(BufferInfo::BLOCK_COUNT, count)?;
        self.info
            .put(BufferInfo::LAST_PAGE, pages.saturating_sub(1))?;
        Ok(count)
    }

    /// Counts a render that is submitted to the firmware.
    pub(crate) fn count_render(&self) {
        let count = self.renders.load(Relaxed).wrapping_add(1);
        self.renders.store(count, Relaxed);
    }

    /// Returns where requests of the firmware for more blocks are counted. The next job that is
    /// submitted to the driver reserves more.
    pub(crate) fn requests(&self) -> &Arc<Atomic<u32>> {
        &self.requests
    }

    /// Frees blocks that have not been needed for long, if no job has reserved them.
    fn shrink(&self) {
        let _resizing = self.resizing.lock();
        // A job that reserves blocks meanwhile waits for the lock.
        while self.users.load(Relaxed) == 0 {
            let block = {
                let mut state = self.state.lock();
                let keep = state.growth.at_rest(state.blocks.len() as u32);
                if state.blocks.len() <= keep as usize {
                    break;
                }
                // The firmware may have put the lists into another order: they are written anew.
                state.linked = 0;
                state.blocks.pop()
            };
            // Behind the lock.
            drop(block);
        }
        let large = {
            let mut tpc = self.tpc.lock();
            let large = tpc.as_ref().is_some_and(|t| t.size() > SMALL_TPC);
            if large {
                tpc.take()
            } else {
                None
            }
        };
        drop(large);
    }
}

/// A job's share of a buffer: while it lives the buffer has what the job's renders need.
pub(crate) struct TvbUse(Arc<Tvb>);

impl TvbUse {
    /// Reserves at least `least` blocks of `heap` in `tvb`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(tvb: &Arc<Tvb>, heap: &Heap, least: u32) -> Result<Self> {
        tvb.users.add(1, Relaxed);
        let this = Self(tvb.clone());
        tvb.reserve(heap, least)?;
        Ok(this)
    }
}

impl Drop for TvbUse {
    fn drop(&mut self) {
        if self.0.users.fetch_sub(1, Relaxed) == 1 {
            self.0.shrink();
        }
    }
}
