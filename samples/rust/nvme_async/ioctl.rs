// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The requests to the file beside reading and writing.

use crate::{
    buffer::Buffer,
    controller::Controller,
    file::{
        For,
        PARTS, //
    },
    io::Part, //
};
use kasync::block_on_interruptible;
use kernel::{
    ioctl::{
        _IO,
        _IOC_SIZE,
        _IOR,
        _IOW, //
    },
    prelude::*,
    sync::atomic::Relaxed,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// The arguments of the ioctls. `tools/tests/nvme` has the same in C.
mod uapi {
    /// The disk, and what was counted.
    #[repr(C)]
    pub(super) struct Info {
        pub(super) bytes: u64,
        pub(super) block_size: u64,
        pub(super) queues: u64,
        pub(super) in_flight: u64,
        pub(super) commands: u64,
        pub(super) aborts: u64,
        pub(super) aborted: u64,
        pub(super) resets: u64,
        pub(super) retries: u64,
        pub(super) events: u64,
        pub(super) missed: u64,
    }

    /// A request of many.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    pub(super) struct Request {
        pub(super) address: u64,
        pub(super) offset: u64,
        pub(super) bytes: u32,
        pub(super) write: u32,
    }

    /// Many requests.
    #[repr(C)]
    pub(super) struct Batch {
        pub(super) requests: u64,
        pub(super) count: u64,
    }
}

// SAFETY: There is no padding.
unsafe impl AsBytes for uapi::Info {}
// SAFETY: There is no padding.
unsafe impl AsBytes for uapi::Request {}
// SAFETY: All bit patterns are requests.
unsafe impl FromBytes for uapi::Request {}
// SAFETY: All bit patterns are batches.
unsafe impl FromBytes for uapi::Batch {}

const INFO: u32 = _IOR::<uapi::Info>('N' as u32, 0xa0);
const RESET: u32 = _IO('N' as u32, 0xa1);
const FLUSH: u32 = _IO('N' as u32, 0xa2);
const BATCH: u32 = _IOW::<uapi::Batch>('N' as u32, 0xa3);
const TEMPERATURE: u32 = _IOW::<u32>('N' as u32, 0xa4);

impl Controller {
    /// # Errors
    ///
    /// `EBADF` if the file was not opened for that, as what changes the device is writing.
    pub(crate) fn ioctl(&self, cmd: u32, arg: usize, opened: For) -> Result<isize> {
        if matches!(cmd, RESET | TEMPERATURE) && !opened.writing {
            return Err(EBADF);
        }
        let user = UserSlice::new(UserPtr::from_addr(arg), _IOC_SIZE(cmd));
        match cmd {
            INFO => user.writer().write(&self.info()?)?,
            RESET => block_on_interruptible(self.ask_for_reset())??,
            FLUSH => block_on_interruptible(self.flush())??,
            BATCH => return self.batch(user.reader().read()?, opened),
            TEMPERATURE => block_on_interruptible(self.warn_from(user.reader().read()?))??,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn info(&self) -> Result<uapi::Info> {
        let counts = &self.counts;
        Ok(uapi::Info {
            bytes: self.identity.disk.bytes()?,
            block_size: self.identity.disk.block_size as u64,
            queues: self.io.len() as u64,
            in_flight: self
                .io
                .iter()
                .map(|q| q.in_flight.ids().count() as u64)
                .sum(),
            commands: counts.commands.load(Relaxed),
            aborts: counts.aborts.load(Relaxed),
            aborted: counts.aborted.load(Relaxed),
            resets: counts.resets.load(Relaxed),
            retries: counts.retries.load(Relaxed),
            events: counts.events.load(Relaxed),
            missed: counts.missed.load(Relaxed),
        })
    }

    /// Has the device do many requests, and returns how many, from the first on, it has done.
    fn batch(&self, batch: uapi::Batch, opened: For) -> Result<isize> {
        let count = usize::try_from(batch.count)?;
        if count > PARTS {
            return Err(EINVAL);
        }
        let mut requests = KVec::from_elem(uapi::Request::default(), count, GFP_KERNEL)?;
        let bytes = requests.as_bytes_mut();
        let user = UserPtr::from_addr(usize::try_from(batch.requests)?);
        UserSlice::new(user, bytes.len())
            .reader()
            .read_slice(bytes)?;
        let is_large = |request: &uapi::Request| request.bytes as usize > self.identity.transfer;
        if requests.iter().any(is_large) {
            return Err(EINVAL);
        }
        // Most files are opened for both.
        let both = opened.reading && opened.writing;
        let may = |request: &uapi::Request| match request.write {
            0 => opened.reading,
            _ => opened.writing,
        };
        if !both && !requests.iter().all(may) {
            return Err(EBADF);
        }
        let memory = |request: uapi::Request| {
            let address = usize::try_from(request.address)?;
            let bytes = request.bytes as usize;
            Ok::<_, Error>(UserSlice::new(UserPtr::from_addr(address), bytes))
        };
        let (mut filled, mut done) = (0, 0);
        let part = |request: &uapi::Request| Part {
            write: request.write != 0,
            offset: request.offset,
            bytes: request.bytes as usize,
        };
        let mut parts = requests.iter().map(part).peekable();
        while parts.peek().is_some() {
            let fill = |part: Part, buffer: &mut Buffer| {
                let user = memory(requests[filled])?;
                filled += 1;
                if part.write {
                    user.reader()
                        .read_slice(&mut buffer.as_mut_slice()[..part.bytes])?;
                }
                Ok(())
            };
            let taken = self.run(&mut parts, fill, |part, buffer| {
                if !part.write {
                    let user = memory(requests[done])?;
                    user.writer()
                        .write_slice(&buffer.as_slice()[..part.bytes])?;
                }
                done += 1;
                Ok(())
            });
            match taken {
                Err(_) if done != 0 => break,
                taken => taken?,
            }
        }
        Ok(done as isize)
    }
}
