// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Structures of a command buffer, and the rules that their fields have in common.

use agx_abi::uat::{
    USER_END,
    USER_START, //
};

/// The rule that a client's command breaks. The errno is `EINVAL` for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// The buffer ends inside a header.
    TruncatedHeader,
    /// The buffer ends inside a payload.
    TruncatedPayload,
    /// No such type of command.
    UnknownCommand(u16),
    /// A payload goes on behind what we know, and not with zeros.
    UnknownFields,
    /// A field that must be zero is not, or an unknown flag is set.
    NotZero(&'static str),
    /// A value is out of its range.
    Range(&'static str),
    /// A barrier waits for a command that is not there, or stands where none may be.
    Barrier,
    /// Not a whole number of attachments, or too many.
    Attachments,
    /// Too many hardware commands.
    TooMany,
    /// No hardware command at all.
    Empty,
}

/// A payload: a structure of `N` bytes. Aligned, so that its fields can be read in one piece.
#[repr(align(8))]
pub(super) struct Payload<const N: usize>([u8; N]);

impl<const N: usize> Payload<N> {
    /// Returns the structure in `bytes`, which is zero behind their end.
    #[inline(always)]
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Invalid> {
        let (known, more) = bytes.split_at(N.min(bytes.len()));
        if more.iter().any(|&b| b != 0) {
            return Err(Invalid::UnknownFields);
        }
        let mut this = Self([0; N]);
        this.0[..known.len()].copy_from_slice(known);
        Ok(this)
    }

    /// Returns the structure in `bytes`.
    #[inline(always)]
    pub(super) fn of(bytes: &[u8; N]) -> Self {
        Self(*bytes)
    }

    /// Returns the bytes of a field. The offset is known when it is compiled, and so that it is
    /// inside.
    #[inline(always)]
    fn array<const W: usize>(&self, offset: usize) -> [u8; W] {
        let mut bytes = [0; W];
        bytes.copy_from_slice(&self.0[offset..offset + W]);
        bytes
    }

    /// Returns the byte at `offset`.
    #[inline(always)]
    pub(super) fn u8(&self, offset: usize) -> u8 {
        self.0[offset]
    }

    /// Returns the little-endian number of 16 bits at `offset`.
    #[inline(always)]
    pub(super) fn u16(&self, offset: usize) -> u16 {
        u16::from_le_bytes(self.array(offset))
    }

    /// Returns the little-endian number of 32 bits at `offset`.
    #[inline(always)]
    pub(super) fn u32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.array(offset))
    }

    /// Returns the little-endian number of 64 bits at `offset`.
    #[inline(always)]
    pub(super) fn u64(&self, offset: usize) -> u64 {
        u64::from_le_bytes(self.array(offset))
    }

    /// Returns an address that the GPU or the firmware is going to follow, or 0: never one of the
    /// kernel's half.
    #[inline(always)]
    pub(super) fn address(&self, offset: usize, name: &'static str) -> Result<u64, Invalid> {
        let address = self.u64(offset);
        if address > USER_END {
            return Err(Invalid::Range(name));
        }
        Ok(address)
    }

    /// Returns the address of a sampler heap, which there has to be if there are samplers in it.
    #[inline(always)]
    pub(super) fn sampler_heap(&self, offset: usize, count: u32) -> Result<u64, Invalid> {
        let address = self.address(offset, "sampler_heap")?;
        if count != 0 && address == 0 {
            return Err(Invalid::Range("sampler_heap"));
        }
        Ok(address)
    }

    /// Returns the address of a control stream, which there has to be.
    #[inline(always)]
    pub(super) fn stream(&self, offset: usize, name: &'static str) -> Result<u64, Invalid> {
        let address = self.u64(offset);
        if !(USER_START..USER_END).contains(&address) {
            return Err(Invalid::Range(name));
        }
        Ok(address)
    }
}

/// A helper program, see the UAPI header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Helper {
    pub(crate) binary: u32,
    pub(crate) cfg: u32,
    pub(crate) data: u64,
}

impl Helper {
    /// Returns the part of a command at `offset`. Its values are checked where they are used.
    #[inline(always)]
    pub(super) fn parse<const N: usize>(payload: &Payload<N>, offset: usize) -> Self {
        Self {
            binary: payload.u32(offset),
            cfg: payload.u32(offset + 4),
            data: payload.u64(offset + 8),
        }
    }
}

/// The destination of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp {
    /// Handle of the object; never 0.
    pub(crate) handle: u32,
    /// Offset into it.
    pub(crate) offset: u32,
}

/// Bytes of a timestamp.
const TIMESTAMP_SIZE: u64 = 8;

/// A timestamp that cannot be written where a client wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadTimestamp {
    /// Outside of the object: `ERANGE`.
    Range,
    /// Not aligned: `EINVAL`.
    Unaligned,
}

impl Timestamp {
    /// Returns its address, in an object of `size` bytes at address `base`.
    pub(crate) fn address(self, base: u64, size: u64) -> Result<u64, BadTimestamp> {
        let offset = u64::from(self.offset);
        if offset + TIMESTAMP_SIZE > size {
            return Err(BadTimestamp::Range);
        }
        if offset % TIMESTAMP_SIZE != 0 {
            return Err(BadTimestamp::Unaligned);
        }
        Ok(base + offset)
    }
}

/// The timestamps of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timestamps {
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
}

impl Timestamps {
    /// Returns those that there are, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Timestamp> {
        self.start.into_iter().chain(self.end)
    }

    /// Returns the part of a command at `offset`. Its values are checked where they are used.
    #[inline(always)]
    pub(super) fn parse<const N: usize>(payload: &Payload<N>, offset: usize) -> Self {
        let one = |at| match payload.u32(at) {
            // No timestamp. The offset is not used.
            0 => None,
            handle => Some(Timestamp {
                handle,
                offset: payload.u32(at + 4),
            }),
        };
        Self {
            start: one(offset),
            end: one(offset + 8),
        }
    }
}
