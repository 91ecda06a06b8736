// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The sync records of a submit: fences that the job waits for, and sync objects that get its own.

use crate::{
    ffi,
    file::File,
    job::command::{
        BadSync,
        Point,
        Sync, //
    },
    small_vec::SmallVec,
    uapi::Submit, //
};
use core::{
    mem,
    ops::Range,
    ptr::NonNull, //
};
use dma_fence::{
    ChainNode,
    Fence,
    FenceSet,
    SyncObj, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::aref::ARef,
    uaccess::{
        UserPtr,
        UserSlice,
        UserSliceReader, //
    }, //
};

/// Most sync records of a submit, in and out. The fences behind them are limited by the job queue.
const MAX_SYNCS: usize = 1 << 12;
/// The number of sync records, in or out, that few submits exceed.
pub(super) const FEW: usize = 4;

impl From<BadSync> for Error {
    fn from(BadSync(why): BadSync) -> Self {
        pr_debug!("submit: {why}\n");
        EINVAL
    }
}

/// Returns the file as C knows it.
fn as_raw(file: &File) -> *mut bindings::drm_file {
    // `drm::File` is a transparent wrapper of it.
    core::ptr::from_ref(file).cast_mut().cast()
}

/// Returns the sync object with number `handle`.
fn lookup(file: &File, handle: u32) -> Result<SyncObj> {
    // SAFETY: The file is open: we are in an ioctl on it.
    unsafe { SyncObj::lookup(as_raw(file), handle) }
}

/// Returns the fence of `point` of the timeline whose last point is `head`, or `None` if that has
/// signalled. Visits `left` points at most, and counts them there.
fn find_point(head: ARef<Fence>, point: u64, left: &mut u32) -> Result<Option<ARef<Fence>>> {
    let mut fence = head.as_raw();
    // SAFETY: The pointer is that of a fence. On success the function takes our reference over.
    to_result(unsafe { ffi::asahi_find_point(&mut fence, point, left) })?;
    mem::forget(head);
    // SAFETY: The function returns a reference, or null.
    Ok(NonNull::new(fence).map(|fence| unsafe { Fence::from_raw(fence) }))
}

/// Sorts `pairs` by the first number, and by the second one where that is the same.
fn sort(pairs: &mut [[u64; 2]]) {
    // Code of `core` that sorts is several KiB for each type, and few submits need it.
    if pairs.len() > 1 {
        // SAFETY: The pairs are those of a slice, and any numbers are valid.
        unsafe { ffi::asahi_sort(pairs.as_mut_ptr(), pairs.len()) };
    }
}

/// Returns the number of fences that a job with the dependencies `fences` waits for, leaves of
/// containers included. Containers that were named twice count once.
///
/// # Errors
///
/// `E2BIG` if there are more than [`FenceSet::MAX_LEAVES`], `ENOMEM`.
pub(super) fn count_leaves(fences: &[ARef<Fence>]) -> Result<usize> {
    let mut places = KVVec::with_capacity(fences.len(), GFP_KERNEL_ACCOUNT)?;
    for (i, fence) in fences.iter().enumerate() {
        places.push([fence.as_raw() as u64, i as u64], GFP_KERNEL_ACCOUNT)?;
    }
    sort(&mut places);
    let mut count = 0;
    let mut before = 0;
    for &[address, i] in &places {
        if mem::replace(&mut before, address) == address {
            continue;
        }
        let fence = &fences[i as usize];
        let most = FenceSet::MAX_LEAVES - count;
        // SAFETY: The fence is valid by its type invariant.
        count += unsafe { ffi::asahi_count_leaves(fence.as_raw(), most as u32) } as usize;
        if count > FenceSet::MAX_LEAVES {
            return Err(E2BIG);
        }
    }
    Ok(count)
}

/// The number of sync records that are copied from the client at a time.
const AT_ONCE: usize = 2 * FEW;

/// The sync records of a submit, read one after the other.
pub(super) struct SyncRecords {
    reader: UserSliceReader,
    /// The records that were copied last, and the range of those not yet returned.
    block: [[u8; Sync::SIZE]; AT_ONCE],
    next: Range<usize>,
}

impl SyncRecords {
    /// Returns the records of `request`, of which none has been read yet.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there are too many.
    pub(super) fn new(request: &Submit) -> Result<Self> {
        let (waits, signals) = (request.in_sync_count, request.out_sync_count);
        let count = waits.checked_add(signals).ok_or(EINVAL)? as usize;
        if count > MAX_SYNCS {
            return Err(EINVAL);
        }
        let address = UserPtr::from_addr(request.syncs as usize);
        Ok(Self {
            reader: UserSlice::new(address, count * Sync::SIZE).reader(),
            block: [[0; Sync::SIZE]; AT_ONCE],
            next: 0..0,
        })
    }

    /// Returns the next record.
    fn next(&mut self) -> Result<Sync> {
        if self.next.is_empty() {
            let count = AT_ONCE.min(self.reader.len() / Sync::SIZE);
            let block = self.block[..count].as_flattened_mut();
            self.reader.read_slice(block)?;
            self.next = 0..count;
        }
        let record = self.next.next().and_then(|at| self.block.get(at));
        Ok(Sync::parse(record.ok_or(EINVAL)?)?)
    }

    /// Returns the fences of the next `count` records. Of the records that name points of one
    /// timeline, only the last point is looked up: it signals after all others.
    ///
    /// # Errors
    ///
    /// `E2BIG` if the points are so far from the ends of their timelines that more than
    /// [`FenceSet::MAX_LEAVES`] others would be visited on the way to them. `EINTR` if the thread
    /// is being killed.
    pub(super) fn waits(&mut self, file: &File, count: u32) -> Result<KVVec<ARef<Fence>>> {
        let mut few = [[0, 0]; FEW];
        let mut many = KVVec::new();
        let count = count as usize;
        let places = match few.get_mut(..count) {
            Some(places) => places,
            None => {
                many.resize(count, [0, 0], GFP_KERNEL_ACCOUNT)?;
                &mut many[..]
            }
        };
        let mut wanted = 0;
        for _ in 0..count {
            let sync = self.next()?;
            let point = match sync.point {
                Some(Point::Binary) => 0,
                Some(Point::Timeline(point)) => point,
                None => {
                    // There has to be an object, but there is nothing to wait for.
                    lookup(file, sync.handle)?;
                    continue;
                }
            };
            places[wanted] = [u64::from(sync.handle), point];
            wanted += 1;
        }
        let wanted = &mut places[..wanted];
        // The order of a job's dependencies is irrelevant.
        sort(wanted);

        let mut fences = KVVec::new();
        let mut left = FenceSet::MAX_LEAVES as u32;
        for (i, &[handle, point]) in wanted.iter().enumerate() {
            // Point 0 is the object's fence itself, whatever that is.
            let covered = |&[next_handle, next]: &[u64; 2]| {
                next_handle == handle && (point != 0 || next == 0)
            };
            if wanted.get(i + 1).is_some_and(covered) {
                continue;
            }
            // SAFETY: It looks at the current process only.
            if unsafe { ffi::asahi_killed() } {
                return Err(EINTR);
            }
            // SAFETY: The file is open: we are in an ioctl on it.
            let head = unsafe { SyncObj::find_fence(as_raw(file), handle as u32, 0)? };
            let fence = match point {
                0 => Some(head),
                _ => find_point(head, point, &mut left)?,
            };
            // A job waits for the fence whatever its result, so a signalled one is left out.
            if let Some(fence) = fence.filter(|fence| fence.result().is_none()) {
                fences.push(fence, GFP_KERNEL_ACCOUNT)?;
            }
        }
        Ok(fences)
    }

    /// Returns what the next `count` records want to be signalled.
    pub(super) fn signals(&mut self, file: &File, count: u32) -> Result<SmallVec<Signal, FEW>> {
        let mut signals = SmallVec::new();
        for _ in 0..count {
            let sync = self.next()?;
            let object = lookup(file, sync.handle)?;
            let point = match sync.out()? {
                Point::Binary => None,
                Point::Timeline(point) => Some((ChainNode::new()?, point)),
            };
            signals.push(Signal { object, point })?;
        }
        Ok(signals)
    }
}

/// A sync object that gets the fence of the job.
pub(super) struct Signal {
    object: SyncObj,
    /// The point, if it is a timeline.
    point: Option<(ChainNode, u64)>,
}

impl Signal {
    /// Attaches `fence` to the object. Cannot fail.
    pub(super) fn publish(self, fence: &Fence) {
        match self.point {
            None => self.object.replace_fence(fence),
            Some((node, point)) => {
                // Cannot fail: only chains are refused, and a job's fence is none.
                let _ = self.object.add_point(node, fence, point);
            }
        }
    }
}
