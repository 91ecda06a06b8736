// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Commands and their completions, as both sides have them in memory (NVMe 1.4, section 4).

use kernel::{
    prelude::*,
    transmute, //
};

/// An entry of a submission queue. Words are little endian.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes)]
pub(crate) struct Command {
    opcode: u8,
    flags: u8,
    cid: u16,
    nsid: u32,
    reserved: [u32; 2],
    metadata: u64,
    prp1: u64,
    prp2: u64,
    cdw10: u32,
    cdw11: u32,
    cdw12: u32,
    cdw13: u32,
    cdw14: u32,
    cdw15: u32,
}

const _: () = assert!(size_of::<Command>() == 64);

// SAFETY: There is no padding.
unsafe impl transmute::AsBytes for Command {}
// SAFETY: All bit patterns are commands.
unsafe impl transmute::FromBytes for Command {}

/// Which feature is set.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Feature {
    TemperatureThreshold = 0x4,
    NumberOfQueues = 0x7,
    AsyncEvents = 0xb,
}

/// The object of an Identify command.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Identify {
    Namespace = 0,
    Controller = 1,
    ActiveNamespaces = 2,
}

impl Command {
    #[inline]
    fn new(opcode: u8) -> Self {
        Self {
            opcode,
            ..Default::default()
        }
    }

    /// Flush: what was written is to last.
    pub(crate) fn flush(nsid: u32) -> Self {
        Self {
            nsid: nsid.to_le(),
            ..Self::new(0x0)
        }
    }

    /// Read or write `blocks` blocks, one or more.
    #[inline]
    pub(crate) fn transfer(write: bool, nsid: u32, block: u64, blocks: u16) -> Self {
        Self {
            nsid: nsid.to_le(),
            // CAST: The upper half has a word of its own.
            cdw10: (block as u32).to_le(),
            cdw11: ((block >> 32) as u32).to_le(),
            cdw12: u32::from(blocks - 1).to_le(),
            ..Self::new(if write { 0x1 } else { 0x2 })
        }
    }

    pub(crate) fn delete_sq(queue: u16) -> Self {
        Self {
            cdw10: u32::from(queue).to_le(),
            ..Self::new(0x0)
        }
    }

    /// Create I/O Submission Queue, which is contiguous, and completes to the queue of its number.
    pub(crate) fn create_sq(queue: u16, entries: u16, address: u64) -> Self {
        Self {
            prp1: address.to_le(),
            cdw10: (u32::from(entries - 1) << 16 | u32::from(queue)).to_le(),
            cdw11: (u32::from(queue) << 16 | 1).to_le(),
            ..Self::new(0x1)
        }
    }

    /// Get Log Page, all of it that fits; that the event was seen is retained no longer.
    pub(crate) fn get_log(page: u8, bytes: u32) -> Self {
        Self {
            nsid: u32::MAX,
            cdw10: ((bytes / 4 - 1) << 16 | u32::from(page)).to_le(),
            ..Self::new(0x2)
        }
    }

    pub(crate) fn delete_cq(queue: u16) -> Self {
        Self {
            cdw10: u32::from(queue).to_le(),
            ..Self::new(0x4)
        }
    }

    /// Create I/O Completion Queue, which is contiguous, and interrupts by `vector`.
    pub(crate) fn create_cq(queue: u16, entries: u16, address: u64, vector: u16) -> Self {
        Self {
            prp1: address.to_le(),
            cdw10: (u32::from(entries - 1) << 16 | u32::from(queue)).to_le(),
            cdw11: (u32::from(vector) << 16 | 0b11).to_le(),
            ..Self::new(0x5)
        }
    }

    pub(crate) fn identify(what: Identify, nsid: u32) -> Self {
        Self {
            nsid: nsid.to_le(),
            cdw10: u32::from(what as u8).to_le(),
            ..Self::new(0x6)
        }
    }

    /// Abort the command `cid` of `queue`.
    pub(crate) fn abort(queue: u16, cid: u16) -> Self {
        Self {
            cdw10: (u32::from(cid) << 16 | u32::from(queue)).to_le(),
            ..Self::new(0x8)
        }
    }

    pub(crate) fn set_feature(feature: Feature, value: u32) -> Self {
        Self {
            cdw10: u32::from(feature as u8).to_le(),
            cdw11: value.to_le(),
            ..Self::new(0x9)
        }
    }

    pub(crate) fn async_event() -> Self {
        Self::new(0xc)
    }

    /// Returns the command with that number.
    #[inline]
    pub(crate) fn with_id(self, cid: u16) -> Self {
        Self {
            cid: cid.to_le(),
            ..self
        }
    }

    /// Returns the command with those pages of memory.
    #[inline]
    pub(crate) fn with_memory(self, (prp1, prp2): (u64, u64)) -> Self {
        Self {
            prp1: prp1.to_le(),
            prp2: prp2.to_le(),
            ..self
        }
    }
}

/// An entry of a completion queue. Words are little endian.
#[repr(C)]
#[derive(Clone, Copy, Default, FromBytes, IntoBytes)]
pub(crate) struct Completion {
    result: u32,
    reserved: u32,
    sq_head: u16,
    sq_id: u16,
    cid: u16,
    pub(crate) status: u16,
}

const _: () = assert!(size_of::<Completion>() == 16);

// SAFETY: There is no padding.
unsafe impl transmute::AsBytes for Completion {}
// SAFETY: All bit patterns are completions.
unsafe impl transmute::FromBytes for Completion {}

impl Completion {
    /// Returns the completion of a command that ended with the controller, as the host says: status
    /// type 3, code 0x71.
    pub(crate) fn stopped() -> Self {
        Self {
            status: ((Status::STOPPED.0) << 1).to_le(),
            ..Default::default()
        }
    }

    /// The word that is the command's own.
    pub(crate) fn result(self) -> u32 {
        u32::from_le(self.result)
    }

    pub(crate) fn sq_head(self) -> u16 {
        u16::from_le(self.sq_head)
    }

    pub(crate) fn sq_id(self) -> u16 {
        u16::from_le(self.sq_id)
    }

    pub(crate) fn cid(self) -> u16 {
        u16::from_le(self.cid)
    }

    pub(crate) fn phase(status: u16) -> bool {
        u16::from_le(status) & 1 != 0
    }

    pub(crate) fn status(self) -> Status {
        Status(u16::from_le(self.status) >> 1)
    }

    /// Returns the command's own word if it was successful.
    ///
    /// # Errors
    ///
    /// Those of [`Status::to_result`].
    pub(crate) fn to_result(self) -> Result<u32> {
        self.status().to_result().map(|()| self.result())
    }
}

/// The status of a completion, without the phase.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(u16);

impl Status {
    pub(crate) const STOPPED: Self = Self(0x371);
    const SUCCESS: Self = Self(0x0);
    const INVALID_OPCODE: Self = Self(0x1);
    const INVALID_FIELD: Self = Self(0x2);
    const ABORTED: Self = Self(0x7);
    const SQ_DELETED: Self = Self(0x8);
    const OUT_OF_RANGE: Self = Self(0x80);
    const CAPACITY_EXCEEDED: Self = Self(0x81);
    /// Type and code, without "more" and "do not retry".
    const KIND: u16 = 0x7ff;

    /// Returns type and code.
    pub(crate) fn kind(self) -> u16 {
        self.0 & Self::KIND
    }

    /// Returns whether the command ended with the controller, and may be given to it again.
    pub(crate) fn is_stopped(self) -> bool {
        Self(self.kind()) == Self::STOPPED
    }

    /// Returns whether the command was successful.
    ///
    /// # Errors
    ///
    /// What the device says has gone wrong: `ECANCELED` if the command was aborted, `ENODEV` if it
    /// ended with its queue, `EAGAIN` if it ended with the controller; `EOPNOTSUPP`, `EINVAL`,
    /// `ENOSPC`; `EIO` for all else.
    pub(crate) fn to_result(self) -> Result {
        match Self(self.kind()) {
            Self::SUCCESS => Ok(()),
            Self::INVALID_OPCODE => Err(EOPNOTSUPP),
            Self::INVALID_FIELD | Self::OUT_OF_RANGE => Err(EINVAL),
            Self::CAPACITY_EXCEEDED => Err(ENOSPC),
            Self::ABORTED => Err(ECANCELED),
            Self::SQ_DELETED => Err(ENODEV),
            Self::STOPPED => Err(EAGAIN),
            _ => Err(EIO),
        }
    }
}
