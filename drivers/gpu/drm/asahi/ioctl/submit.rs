// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The submit ioctl.
//!
//! ```text
//!   read and check the commands ─► timestamps ─► memory ─► in-syncs, out-syncs ─► prepare may fail
//!   ──────────────────────────────────────────────────────────────────────────────────────────────
//!   commit: the job's fence exists ─► out-syncs get it                                    cannot
//! ```
//!
//! Everything above the line leaves no trace when it fails.

use crate::{
    device::RegistrationData,
    ffi,
    file::{
        must_be_zero,
        AsahiFile,
        File,
        RegisteredDevice, //
    },
    job::{
        command::{
            BadTimestamp,
            Command,
            Invalid,
            Parser,
            Timestamp,
            Timestamps,
            Work, //
        },
        compute,
        ring::{
            Job,
            Planned, //
        },
        sync::{
            BadSync,
            Point,
            Sync, //
        }, //
    },
    queue::Queue,
    quota::{
        Charge,
        MAX_JOBS, //
    },
    timestamps,
    uapi::{
        self,
        Submit, //
    }, //
};
use dma_fence::{
    ChainNode,
    Fence,
    SyncObj, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    uaccess::{
        UserPtr,
        UserSlice,
        UserSliceReader, //
    }, //
};

/// Longest command buffer: far beyond what the most commands can take, in the longest form that we
/// know.
const MAX_BUFFER: usize = 1 << 20;
/// Most sync records of a submit, in and out. The fences behind them are limited by the job queue.
const MAX_SYNCS: usize = 1 << 12;

impl AsahiFile {
    pub(crate) fn submit(
        _dev: &RegisteredDevice,
        _reg: &RegistrationData<'_>,
        data: &mut uapi::Submit,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.flags.into(), data.pad.into()])?;
        let queue = file.inner().queue(data.queue_id)?;
        submit(&queue, file, data)
    }
}

/// Reads, checks and prepares what `request` says, and commits it to `queue`.
fn submit(queue: &Queue, file: &File, request: &Submit) -> Result {
    queue.gpu().firmware().crash().check()?;

    let mut buffer = KVVec::new();
    read_commands(request, &mut buffer)?;
    let job = plan(queue, file, &buffer)?;
    drop(buffer);

    let mut records = SyncRecords::new(request)?;
    let waits = records.waits(file, request.in_sync_count)?;
    let signals = records.signals(file, request.out_sync_count)?;

    let prepared = queue.prepare(job, waits)?;
    let fence = prepared.commit()?;
    for signal in signals {
        signal.publish(&fence);
    }
    Ok(())
}

fn read_commands(request: &Submit, buffer: &mut KVVec<u8>) -> Result {
    let size = request.cmdbuf_size as usize;
    if size > MAX_BUFFER {
        return Err(EINVAL);
    }
    let address = UserPtr::from_addr(request.cmdbuf as usize);
    UserSlice::new(address, size).read_all(buffer, GFP_KERNEL_ACCOUNT)
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        pr_debug!("submit: {invalid:?}\n");
        EINVAL
    }
}

impl From<BadSync> for Error {
    fn from(BadSync(why): BadSync) -> Self {
        pr_debug!("submit: {why}\n");
        EINVAL
    }
}

impl From<BadTimestamp> for Error {
    fn from(bad: BadTimestamp) -> Self {
        match bad {
            BadTimestamp::Range => ERANGE,
            BadTimestamp::Unaligned => EINVAL,
        }
    }
}

/// A command, and where its client wants timestamps: at the start and at the end, of renders for
/// each half.
struct Timed<'a> {
    command: Command<'a>,
    times: [[u64; 2]; 2],
}

/// Returns the job of the commands in `buffer`, which it writes to memory.
fn plan(queue: &Queue, file: &File, buffer: &[u8]) -> Result<Job> {
    let charge = Charge::new(file.inner().jobs.clone(), 1, MAX_JOBS).ok_or(ENOSPC)?;
    // First everything is looked at, so that what is wrong is found before memory is spent on it.
    let mut objects = KVec::new();
    let mut timed = KVVec::new();
    for command in Parser::new(buffer) {
        let command = command?;
        let mut pair = |times: Timestamps| -> Result<[u64; 2]> {
            Ok([
                resolve(file, times.start, &mut objects)?,
                resolve(file, times.end, &mut objects)?,
            ])
        };
        let times = match &command.work {
            Work::Render(render) => [pair(render.ts_vtx)?, pair(render.ts_frag)?],
            Work::Compute(compute) => [pair(compute.ts)?, [0; 2]],
        };
        timed.push(Timed { command, times }, GFP_KERNEL_ACCOUNT)?;
    }

    let renders = || {
        timed.iter().filter_map(|timed| match &timed.command.work {
            Work::Render(render) => Some(render),
            Work::Compute(_) => None,
        })
    };
    let render_count = renders().count();
    let compute_count = timed.len() - render_count;
    if render_count > 0 {
        return Err(EOPNOTSUPP);
    }
    let compute_memory = match compute_count {
        0 => None,
        count => Some(queue.job_memory(count)?),
    };
    let render_memory = match render_count {
        0 => None,
        _ => Some(queue.render_memory(renders())?),
    };

    let mut commands = KVec::with_capacity(timed.len(), GFP_KERNEL_ACCOUNT)?;
    let (mut computes, mut renders) = (0, 0);
    for Timed { command, times } in &timed {
        let planned = match &command.work {
            Work::Compute(compute) => {
                let memory = compute_memory.as_ref().ok_or(EINVAL)?;
                let place = memory.place(computes, times[0]);
                let mut own = memory.command(computes);
                computes += 1;
                let last = computes == compute_count;
                let common = queue.common();
                let sequence = compute::describe(compute, common, &place, last, &mut own)?;
                Planned::Compute(sequence)
            }
            Work::Render(render) => {
                let memory = render_memory.as_ref().ok_or(EINVAL)?;
                let index = renders;
                renders += 1;
                let last = renders == render_count;
                let planned = memory.describe(index, render, *times, last)?;
                Planned::Render(planned)
            }
        };
        commands.push((command.barriers, planned), GFP_KERNEL_ACCOUNT)?;
    }
    Ok(Job {
        compute: compute_memory,
        renders: render_memory,
        commands,
        _timestamps: objects,
        _charge: charge,
    })
}

/// The address of a timestamp, or 0 if there is none; its object is kept in `objects`.
fn resolve(
    file: &File,
    timestamp: Option<Timestamp>,
    objects: &mut KVec<Arc<timestamps::Timestamps>>,
) -> Result<u64> {
    let Some(timestamp) = timestamp else {
        return Ok(0);
    };
    let object = file.inner().timestamps(timestamp.handle)?;
    let address = timestamp.address(object.va(), object.size())?;
    objects.push(object, GFP_KERNEL_ACCOUNT)?;
    Ok(address)
}

/// The file, as C knows it.
fn as_raw(file: &File) -> *mut bindings::drm_file {
    // `drm::File` is a transparent wrapper of it.
    core::ptr::from_ref(file).cast_mut().cast()
}

fn lookup(file: &File, handle: u32) -> Result<SyncObj> {
    // SAFETY: The file is open: we are in an ioctl on it.
    unsafe { SyncObj::lookup(as_raw(file), handle) }
}

/// The sync records of a submit, read one after the other.
struct SyncRecords(UserSliceReader);

impl SyncRecords {
    fn new(request: &Submit) -> Result<Self> {
        let (waits, signals) = (request.in_sync_count, request.out_sync_count);
        let count = waits.checked_add(signals).ok_or(EINVAL)? as usize;
        if count > MAX_SYNCS {
            return Err(EINVAL);
        }
        let address = UserPtr::from_addr(request.syncs as usize);
        Ok(Self(UserSlice::new(address, count * Sync::SIZE).reader()))
    }

    fn next(&mut self) -> Result<Sync> {
        let mut bytes = [0; Sync::SIZE];
        self.0.read_slice(&mut bytes)?;
        Ok(Sync::parse(&bytes)?)
    }

    /// Returns the fences of the next `count` records. Records that say the same are looked up
    /// once.
    ///
    /// # Errors
    ///
    /// `EINTR` if the thread is being killed: finding a point of a timeline may take long, if a
    /// client has put very many on it.
    fn waits(&mut self, file: &File, count: u32) -> Result<KVVec<ARef<Fence>>> {
        let mut wanted = KVVec::with_capacity(count as usize, GFP_KERNEL_ACCOUNT)?;
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
            wanted.push((sync.handle, point), GFP_KERNEL_ACCOUNT)?;
        }
        // The order of what a job waits for means nothing.
        wanted.sort_unstable();

        let mut fences = KVVec::new();
        let mut before = None;
        for &(handle, point) in &wanted {
            if before.replace((handle, point)) == Some((handle, point)) {
                continue;
            }
            // SAFETY: It looks at the current process only.
            if unsafe { ffi::asahi_killed() } {
                return Err(EINTR);
            }
            // SAFETY: The file is open: we are in an ioctl on it.
            let fence = unsafe { SyncObj::find_fence(as_raw(file), handle, point)? };
            fences.push(fence, GFP_KERNEL_ACCOUNT)?;
        }
        Ok(fences)
    }

    /// What the next `count` records want to be signalled.
    fn signals(&mut self, file: &File, count: u32) -> Result<KVVec<Signal>> {
        let mut signals = KVVec::with_capacity(count as usize, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..count {
            let sync = self.next()?;
            let object = lookup(file, sync.handle)?;
            let point = match sync.out()? {
                Point::Binary => None,
                Point::Timeline(point) => Some((ChainNode::new()?, point)),
            };
            signals.push(Signal { object, point }, GFP_KERNEL_ACCOUNT)?;
        }
        Ok(signals)
    }
}

/// A sync object that is going to be signalled.
struct Signal {
    object: SyncObj,
    /// The point, if it is a timeline.
    point: Option<(ChainNode, u64)>,
}

impl Signal {
    /// Cannot fail.
    fn publish(self, fence: &Fence) {
        match self.point {
            None => self.object.replace_fence(fence),
            Some((node, point)) => {
                // Fails for chains, and a job's fence is none.
                let _ = self.object.add_point(node, fence, point);
            }
        }
    }
}
