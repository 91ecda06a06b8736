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
//!
//! Only what takes the GPU's memory needs a device that is registered. Behind it the submit may
//! wait for room in the queue, and the device may go: then the queue is closed, and refuses the
//! commit.

use super::sync_records::{
    count_leaves,
    SyncRecords,
    FEW, //
};
use crate::{
    device::{
        while_registered,
        IoctlDevice, //
    },
    file::{
        must_be_zero,
        AsahiFile,
        File, //
    },
    job::{
        command::{
            Parser,
            Work, //
        },
        compute,
        payload::{
            BadTimestamp,
            Invalid,
            Timestamp,
            Timestamps, //
        },
        planned::{
            Charges,
            Job,
            Planned, //
        }, //
    },
    queue::Queue,
    quota::{
        Charge,
        Coming,
        Pinned,
        Share,
        COMMAND_BYTES,
        DEPENDENCY_BYTES,
        JOB_BYTES,
        MAX_JOBS,
        RESERVE_JOBS, //
    },
    small_vec::SmallVec,
    timestamps,
    uapi::{
        self,
        Submit, //
    }, //
};
use agx_abi::tiling::Tiling;
use kernel::{
    prelude::*,
    sync::Arc,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// Longest command buffer: far more than the maximum number of commands needs in the longest known
/// form.
const MAX_BUFFER: usize = 1 << 20;
/// Longest command buffer that is read to the stack: that of one command without attachments, and a
/// few bytes more.
const SHORT_BUFFER: usize = 256;

impl AsahiFile {
    /// `DRM_IOCTL_ASAHI_SUBMIT`: commits a job to a queue.
    pub(crate) fn submit(dev: &IoctlDevice, data: &mut uapi::Submit, file: &File) -> Result {
        must_be_zero(&[data.flags.into(), data.pad.into()])?;
        let queue = file.inner().queue(data.queue_id)?;
        submit(dev, &queue, file, data)
    }
}

/// Reads, checks and prepares what `request` says, and commits it to `queue`.
fn submit(dev: &IoctlDevice, queue: &Queue, file: &File, request: &Submit) -> Result {
    queue.gpu().firmware().crash().check()?;
    // This may wait for the firmware.
    queue.gpu().collect_garbage()?;

    let job = read_commands(request, |buffer| {
        while_registered(dev, |_, _| plan(queue, file, buffer))
    })?;

    let mut records = SyncRecords::new(request)?;
    let waits = records.waits(file, request.in_sync_count)?;
    let signals = records.signals(file, request.out_sync_count)?;

    if waits.len() > FEW || waits.iter().any(|fence| fence.is_container()) {
        // JOB_BYTES has room for a few fences. More are prepared only while the machine has memory
        // to spare. The check ends before the wait for room in the queue, which may be long.
        drop(Coming::new(
            count_leaves(&waits)? as u64 * DEPENDENCY_BYTES,
        )?);
    }
    let prepared = queue.prepare(job, waits)?;
    let fence = prepared.commit().map_err(|e| queue.gpu().reason(e))?;
    for signal in signals {
        signal.publish(&fence);
    }
    Ok(())
}

/// Calls `then` with the command buffer of `request`.
fn read_commands<T>(request: &Submit, then: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    let size = request.cmdbuf_size as usize;
    if size > MAX_BUFFER {
        return Err(EINVAL);
    }
    let address = UserPtr::from_addr(request.cmdbuf as usize);
    let user = UserSlice::new(address, size);
    if size <= SHORT_BUFFER {
        let mut buffer = [0; SHORT_BUFFER];
        let buffer = &mut buffer[..size];
        user.reader().read_slice(buffer)?;
        return then(buffer);
    }
    let mut buffer = KVVec::new();
    user.read_all(&mut buffer, GFP_KERNEL_ACCOUNT)?;
    then(&buffer)
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        pr_debug!("submit: {invalid:?}\n");
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

/// The facts about a job's commands that checking them has found.
#[derive(Default)]
struct Checked {
    /// Number of compute commands.
    computes: usize,
    /// The division of each render's frame into tiles; `None` without renders.
    renders: Option<SmallVec<Tiling, 1>>,
    /// The timestamp objects that the commands name, in that order.
    timestamps: KVec<Arc<timestamps::Timestamps>>,
}

/// Returns the job of the commands in `buffer`, which it writes to memory.
fn plan(queue: &Queue, file: &File, buffer: &[u8]) -> Result<Job> {
    let charge = Charge::new(file.inner().jobs.clone(), 1, MAX_JOBS).ok_or(ENOSPC)?;
    // Everything is checked first, so that errors are found before memory is allocated.
    let mut checked = Checked::default();
    checked.read(queue, file, buffer)?;
    let renders = checked.renders.as_ref();
    let commands = (checked.computes + renders.map_or(0, SmallVec::len)) as u64;
    let share = Share::of(file.inner().jobs.used(), RESERVE_JOBS + 1);
    let own = Pinned::count(JOB_BYTES + commands * COMMAND_BYTES, share)?;

    let compute = match checked.computes {
        0 => None,
        count => Some(queue.job_memory(count)?),
    };
    let renders = match renders {
        None => None,
        Some(tilings) => Some(queue.render_memory(tilings)?),
    };
    let mut job = Job {
        compute,
        renders,
        commands: SmallVec::new(),
        _timestamps: checked.timestamps,
        charges: Charges {
            job: Some(charge),
            _own: Some(own),
        },
    };
    describe(&mut job, queue, buffer)?;
    Ok(job)
}

impl Checked {
    /// Checks all commands in `buffer`, and looks up what they name.
    fn read(&mut self, queue: &Queue, file: &File, buffer: &[u8]) -> Result {
        // Commands are large, so they are looked at where the parser has put them.
        let mut parser = Parser::new(buffer);
        while let Some(command) = &parser.next() {
            match &command.as_ref().map_err(|e| *e)?.work {
                Work::Render(render) => {
                    let tiling = queue.tiling(render).ok_or(EINVAL)?;
                    let renders = self.renders.get_or_insert_with(SmallVec::new);
                    renders.push(tiling)?;
                    self.look_up(file, render.ts_vtx)?;
                    self.look_up(file, render.ts_frag)?;
                }
                Work::Compute(compute) => {
                    self.computes += 1;
                    self.look_up(file, compute.ts)?;
                }
            }
        }
        Ok(())
    }

    /// Adds the objects that `times` name.
    fn look_up(&mut self, file: &File, times: Timestamps) -> Result {
        for timestamp in times.all() {
            let object = file.inner().timestamps(timestamp.handle)?;
            timestamp.address(object.va(), object.size())?;
            self.timestamps.push(object, GFP_KERNEL_ACCOUNT)?;
        }
        Ok(())
    }
}

/// Writes the commands in `buffer`, which have been checked, to the memory of `job`.
fn describe(job: &mut Job, queue: &Queue, buffer: &[u8]) -> Result {
    let mut objects = job._timestamps.iter();
    let mut addresses = |times: Timestamps| -> Result<[u64; 2]> {
        let mut address = |timestamp: Option<Timestamp>| -> Result<u64> {
            let Some(timestamp) = timestamp else {
                return Ok(0);
            };
            let object = objects.next().ok_or(EINVAL)?;
            Ok(timestamp.address(object.va(), object.size())?)
        };
        Ok([address(times.start)?, address(times.end)?])
    };
    let (mut computes, mut renders) = (0, 0);
    let mut parser = Parser::new(buffer);
    while let Some(command) = &parser.next() {
        let command = command.as_ref().map_err(|e| *e)?;
        let planned = match &command.work {
            Work::Compute(compute) => {
                let memory = job.compute.as_ref().ok_or(EINVAL)?;
                let mut own = memory.command(computes)?;
                let place = memory.place(computes, &own, addresses(compute.ts)?);
                computes += 1;
                let common = queue.common();
                let sequence = compute::describe(compute, common, &place, &mut own)?;
                Planned::Compute(sequence)
            }
            Work::Render(render) => {
                let memory = job.renders.as_ref().ok_or(EINVAL)?;
                let times = [addresses(render.ts_vtx)?, addresses(render.ts_frag)?];
                let index = renders;
                renders += 1;
                Planned::Render(memory.describe(index, render, times)?)
            }
        };
        job.commands.push((command.barriers, planned))?;
    }
    Ok(())
}
