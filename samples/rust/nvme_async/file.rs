// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The disk as a file: threads that read and write, and wait.
//!
//! A system call is given to the device as many commands at once, and its thread is woken when they
//! are over. A signal ends the waiting: the commands are abandoned, their buffers are not.

use crate::{
    buffer::Buffer,
    controller::Controller,
    door::Door,
    io::{
        Entry,
        Part, //
    }, //
};
use kasync::block_on_interruptible;
use kernel::{
    fs::{
        file::flags::{
            O_ACCMODE,
            O_RDONLY,
            O_WRONLY, //
        },
        File,
        Kiocb, //
    },
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    },
};

/// The largest number of commands of one system call that are with the device at a time.
pub(crate) const PARTS: usize = 64;

/// The files' names, of as many disks as there can be.
const NAMES: [&CStr; 4] = [
    c"nvme_async0",
    c"nvme_async1",
    c"nvme_async2",
    c"nvme_async3",
];
/// Which of them are taken, a bit for each.
static TAKEN: Atomic<u32> = Atomic::new(0);

/// A name that is taken, until this is dropped.
struct Name(usize);

impl Name {
    fn take() -> Result<Self> {
        let mut now = TAKEN.load(Relaxed);
        loop {
            let free = now.trailing_ones() as usize;
            if free >= NAMES.len() {
                return Err(ENOSPC);
            }
            match TAKEN.cmpxchg(now, now | 1 << free, Full) {
                Ok(_) => return Ok(Self(free)),
                Err(other) => now = other,
            }
        }
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1 << self.0, Full);
    }
}

/// The device's file, which users open.
#[pin_data]
pub(crate) struct Node {
    // Gone before the name is free.
    #[pin]
    misc: MiscDeviceRegistration<Opened>,
    _name: Name,
    door: Arc<Door>,
}

impl Node {
    /// Makes the file.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there are as many as there are names.
    pub(crate) fn new(door: Arc<Door>) -> Result<impl PinInit<Self, Error>> {
        let taken = Name::take()?;
        let options = MiscDeviceOptions {
            name: NAMES[taken.0],
        };
        // The door first: the file may be opened as soon as it is there.
        Ok(try_pin_init!(Self {
            door,
            _name: taken,
            misc <- MiscDeviceRegistration::register(options),
        }))
    }
}

/// The accesses that a file was opened for.
#[derive(Clone, Copy)]
pub(crate) struct For {
    pub(crate) reading: bool,
    pub(crate) writing: bool,
}

/// The disk as one who has opened it sees it. Nothing of the device is in it.
pub(crate) struct Opened {
    door: Arc<Door>,
}

#[vtable]
impl MiscDevice for Opened {
    type Ptr = KBox<Self>;

    fn open(_file: &File, misc: &MiscDeviceRegistration<Self>) -> Result<KBox<Self>> {
        // SAFETY: All registrations of this type are part of a `Node`, which stays while it is
        // registered; that is not undone while a file is being opened.
        let node = unsafe { &*kernel::container_of!(core::ptr::from_ref(misc), Node, misc) };
        let door = node.door.clone();
        Ok(KBox::new(Self { door }, GFP_KERNEL)?)
    }

    fn read_iter(mut kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let bytes = kiocb.file().door.enter()?.read(kiocb.ki_pos(), iov)?;
        *kiocb.ki_pos_mut() += bytes as i64;
        Ok(bytes)
    }

    fn write_iter(mut kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterSource<'_>) -> Result<usize> {
        let bytes = kiocb.file().door.enter()?.write(kiocb.ki_pos(), iov)?;
        *kiocb.ki_pos_mut() += bytes as i64;
        Ok(bytes)
    }

    fn ioctl(this: &Self, file: &File, cmd: u32, arg: usize) -> Result<isize> {
        let mode = file.flags() & O_ACCMODE;
        let opened = For {
            reading: mode != O_WRONLY,
            writing: mode != O_RDONLY,
        };
        this.door.enter()?.ioctl(cmd, arg, opened)
    }
}

impl Controller {
    /// Splits what begins at `offset` into parts that the disk has.
    fn parts(
        &self,
        write: bool,
        offset: i64,
        bytes: usize,
    ) -> Result<impl ExactSizeIterator<Item = Part>> {
        let offset = u64::try_from(offset).map_err(|_| EINVAL)?;
        let left = self.identity.disk.bytes()?.saturating_sub(offset);
        let bytes = bytes.min(usize::try_from(left).unwrap_or(usize::MAX));
        let size = self.identity.disk.block_size;
        if offset % size as u64 != 0 || bytes % size != 0 {
            return Err(EINVAL);
        }
        let step = self.identity.transfer;
        Ok((0..bytes).step_by(step).map(move |done| Part {
            write,
            offset: offset + done as u64,
            bytes: step.min(bytes - done),
        }))
    }

    fn read(&self, offset: i64, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let mut done = 0;
        let mut parts = self.parts(false, offset, iov.len())?.peekable();
        while parts.peek().is_some() {
            let taken = self.run(
                &mut parts,
                |_, _| Ok(()),
                |part, buffer| {
                    let copied = iov.copy_to_iter(&buffer.as_slice()[..part.bytes]);
                    done += copied;
                    if copied == part.bytes {
                        Ok(())
                    } else {
                        Err(EFAULT)
                    }
                },
            );
            match taken {
                Err(_) if done != 0 => break,
                taken => taken?,
            }
        }
        Ok(done)
    }

    fn write(&self, offset: i64, iov: &mut IovIterSource<'_>) -> Result<usize> {
        let mut done = 0;
        let mut parts = self.parts(true, offset, iov.len())?.peekable();
        if parts.peek().is_none() && !iov.is_empty() {
            return Err(ENOSPC);
        }
        while parts.peek().is_some() {
            let fill = |part: Part, buffer: &mut Buffer| {
                let copied = iov.copy_from_iter(&mut buffer.as_mut_slice()[..part.bytes]);
                if copied == part.bytes {
                    Ok(())
                } else {
                    Err(EFAULT)
                }
            };
            let taken = self.run(&mut parts, fill, |part, _| {
                done += part.bytes;
                Ok(())
            });
            match taken {
                Err(_) if done != 0 => break,
                taken => taken?,
            }
        }
        Ok(done)
    }

    /// Has the device do as many parts as there are buffers for, one at least, and waits for them.
    ///
    /// `fill` is called for each before, and `drain` in their order for those that were done.
    ///
    /// # Errors
    ///
    /// Those of the first that fails, after those before it were drained; `ERESTARTSYS` if there is
    /// a signal: then none of them is drained.
    pub(crate) fn run(
        &self,
        parts: &mut impl ExactSizeIterator<Item = Part>,
        mut fill: impl FnMut(Part, &mut Buffer) -> Result,
        mut drain: impl FnMut(Part, &Buffer) -> Result,
    ) -> Result {
        let queue = self.queue();
        let count = parts.len().min(PARTS);
        let mut entries = KVec::with_capacity(count, GFP_KERNEL)?;
        let mut take = |buffer| {
            if let Some(part) = parts.next() {
                // Cannot fail: there is room for `count` entries.
                let _room = entries.push_within_capacity(Entry::new(part, buffer));
            }
        };
        queue.pool.try_take(count, &mut take);
        if entries.is_empty() {
            // One is waited for, with no other at hand: so all get on.
            let buffer = block_on_interruptible(queue.pool.take())??;
            let part = parts.next().ok_or(EINVAL)?;
            entries.push(Entry::new(part, buffer), GFP_KERNEL)?;
        }
        for entry in &mut entries {
            let part = entry.part;
            if let Some(buffer) = entry.buffer() {
                fill(part, buffer)?;
            }
        }
        let started = self.start(queue, &mut entries);
        let result = block_on_interruptible(async {
            let finished = self.finish(queue, &mut entries, started.is_ok()).await;
            finished.and(started)
        })?;
        for entry in &entries {
            let Some(buffer) = entry.done() else {
                break;
            };
            drain(entry.part, buffer)?;
        }
        let buffers = entries.into_iter().filter_map(Entry::into_buffer);
        queue.pool.give_back(buffers);
        result
    }
}
