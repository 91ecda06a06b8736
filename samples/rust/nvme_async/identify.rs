// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The controller's description of itself and of its disk (NVMe 1.4, section 5.15).

use crate::{
    buffer::{
        self,
        Buffer,
        PAGE, //
    },
    command::{
        Command,
        Identify, //
    },
    controller::admin,
    queue::Queue, //
};
use kasync::{
    sync::Notify,
    time::Delta, //
};
use kernel::prelude::*;

/// The offset at which the formats of a namespace begin, a word each.
const FORMATS: usize = 128;

/// The properties of the controller that the driver uses.
pub(crate) struct Identity {
    /// The number of aborts that it takes at a time.
    pub(crate) aborts: usize,
    /// The largest transfer of a command, in bytes.
    pub(crate) transfer: usize,
    /// The time that a shutdown may take.
    pub(crate) shutdown_limit: Delta,
    /// The asynchronous events that it tells of, as Set Features has them.
    pub(crate) events: u32,
    pub(crate) disk: Disk,
}

/// A namespace: what users call a disk.
#[derive(Clone, Copy)]
pub(crate) struct Disk {
    pub(crate) nsid: u32,
    pub(crate) blocks: u64,
    pub(crate) block_size: usize,
}

/// A page that the device has written, of which fields are read by their offsets.
struct Page<'a>(&'a [u8]);

impl Page<'_> {
    fn field<const N: usize>(&self, offset: usize) -> Result<[u8; N]> {
        let bytes = self.0.get(offset..offset + N).ok_or(EINVAL)?;
        bytes.try_into().map_err(|_| EINVAL)
    }

    fn u8(&self, offset: usize) -> Result<u8> {
        self.field::<1>(offset).map(|[byte]| byte)
    }

    fn u32(&self, offset: usize) -> Result<u32> {
        self.field(offset).map(u32::from_le_bytes)
    }

    fn u64(&self, offset: usize) -> Result<u64> {
        self.field(offset).map(u64::from_le_bytes)
    }
}

/// Has the device describe one thing.
async fn identify(queue: &Queue, trouble: &Notify, what: Identify, nsid: u32) -> Result<Buffer> {
    let buffer = queue.pool.take().await?;
    let command = Command::identify(what, nsid).with_memory(buffer.pages(PAGE));
    let (payload, completion) = admin(queue, trouble, command, Some(buffer)).await?;
    completion.to_result()?;
    payload.ok_or(EIO)
}

/// Returns the largest transfer in bytes, as the controller says it (MDTS): a power of two of
/// pages, or no limit.
const fn largest_transfer(mdts: u8) -> usize {
    if mdts == 0 {
        return usize::MAX;
    }
    let Some(pages) = 1_usize.checked_shl(mdts as u32) else {
        return usize::MAX;
    };
    match pages.checked_mul(PAGE) {
        Some(bytes) => bytes,
        None => usize::MAX,
    }
}

// Any byte may be there: none of them is a limit below two pages.
const _: () = {
    let mut mdts = 0;
    while mdts < u8::MAX {
        assert!(largest_transfer(mdts) >= 2 * PAGE);
        mdts += 1;
    }
    assert!(largest_transfer(u8::MAX) == usize::MAX);
    assert!(largest_transfer(1) == 2 * PAGE && largest_transfer(4) == 16 * PAGE);
    assert!(largest_transfer(0) == usize::MAX && largest_transfer(52) == usize::MAX);
};

/// Returns how many seconds a shutdown may take, as the controller says it in microseconds (RTD3E):
/// 5 at least, and 60 at most, as with the kernel's driver. Zero says nothing.
const fn shutdown_seconds(rtd3e: u32) -> u32 {
    match rtd3e / 1_000_000 {
        0..=5 => 5,
        seconds @ 6..=60 => seconds,
        61.. => 60,
    }
}

const _: () = {
    assert!(shutdown_seconds(0) == 5 && shutdown_seconds(5_999_999) == 5);
    assert!(shutdown_seconds(6_000_000) == 6 && shutdown_seconds(60_000_000) == 60);
    assert!(shutdown_seconds(u32::MAX) == 60);
};

/// Returns the events that are asked for, as Set Features has them: all critical warnings, which
/// each controller knows, and notices that a namespace has changed, if the controller has those
/// (OAES).
const fn events(oaes: u32) -> u32 {
    0x1f | oaes & 0x100
}

const _: () = assert!(events(0) == 0x1f && events(0x100) == 0x11f && events(u32::MAX) == 0x11f);

/// Returns which of its formats a namespace has (FLBAS). NVMe 2.0 has up to 64 of them, and two
/// more bits for the number, which are zero before.
const fn format_number(flbas: u8) -> usize {
    // CAST: A byte is an index.
    (flbas & 0xf | (flbas & 0x60) >> 1) as usize
}

const _: () = {
    assert!(format_number(0x0) == 0 && format_number(0xf) == 15);
    // Bit 4 says where metadata is, and bit 7 is reserved.
    assert!(format_number(0x90) == 0);
    assert!(format_number(0x20) == 16 && format_number(0xff) == 63);
    // All of them are in the page.
    assert!(FORMATS + 4 * format_number(u8::MAX) + 4 <= PAGE);
};

impl Identity {
    /// Asks the device for all of it. The disk is its first active namespace.
    ///
    /// # Errors
    ///
    /// `ENXIO` if there is no namespace, or none with blocks that this driver can read; those of
    /// [`admin`] and of the command.
    pub(crate) async fn ask(queue: &Queue, trouble: &Notify) -> Result<Self> {
        let page = identify(queue, trouble, Identify::Controller, 0).await?;
        let controller = Page(page.as_slice());
        let aborts = controller.u8(258)?;
        let transfer = largest_transfer(controller.u8(77)?);
        let shutdown_limit = Delta::from_secs(shutdown_seconds(controller.u32(88)?).into());
        let events = events(controller.u32(92)?);
        drop(page);

        let page = identify(queue, trouble, Identify::ActiveNamespaces, 0).await?;
        let nsid = Page(page.as_slice()).u32(0)?;
        drop(page);
        if nsid == 0 {
            return Err(ENXIO);
        }

        let page = identify(queue, trouble, Identify::Namespace, nsid).await?;
        let namespace = Page(page.as_slice());
        let format = namespace.u32(FORMATS + 4 * format_number(namespace.u8(26)?))?;
        // No metadata; blocks of 512 bytes up to a page.
        let (metadata, shift) = (format & 0xffff, format >> 16 & 0xff);
        if metadata != 0 || !(9..=12).contains(&shift) {
            return Err(ENXIO);
        }
        let disk = Disk {
            nsid,
            blocks: namespace.u64(0)?,
            block_size: 1 << shift,
        };
        disk.bytes()?;
        Ok(Self {
            aborts: usize::from(aborts) + 1,
            transfer: transfer.min(buffer::SIZE),
            shutdown_limit,
            events,
            disk,
        })
    }
}

impl Disk {
    /// Returns the size in bytes.
    ///
    /// # Errors
    ///
    /// `ENXIO` if files cannot be as large.
    pub(crate) fn bytes(&self) -> Result<u64> {
        let bytes = self.blocks.checked_mul(self.block_size as u64);
        bytes.filter(|&n| n <= i64::MAX as u64).ok_or(ENXIO)
    }

    /// Returns the blocks of a transfer, by its place and its number of bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL` if these are no whole blocks, or more than a command can have; `ENXIO` if they are
    /// not all on the disk.
    pub(crate) fn blocks(&self, offset: u64, bytes: usize) -> Result<(u64, u16)> {
        let size = self.block_size as u64;
        if offset % size != 0 || bytes == 0 || bytes % self.block_size != 0 {
            return Err(EINVAL);
        }
        let (first, count) = (offset / size, bytes / self.block_size);
        if first
            .checked_add(count as u64)
            .is_none_or(|end| end > self.blocks)
        {
            return Err(ENXIO);
        }
        Ok((first, u16::try_from(count).map_err(|_| EINVAL)?))
    }
}
