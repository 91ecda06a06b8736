// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Commands of a submit, as a client writes them.
//!
//! A command buffer is a sequence of headers, each followed by a payload. Hardware commands have a
//! structure that may be shorter than ours, of an older client, or longer, of a newer one, if what
//! is more is zero. Software commands set the attachments of the hardware commands that follow
//! them.
//!
//! Nothing here is trusted: this is where every field that has a rule is held to it.

use super::{
    barrier::{
        Barriers,
        SubQueue, //
    },
    render::Render, //
};
use agx_abi::{
    microsequence::MAX_ATTACHMENTS,
    uat::{
        USER_END,
        USER_START, //
    }, //
};

/// Most hardware commands of a submit.
pub(crate) const MAX_COMMANDS: usize = 64;

/// Bytes of `drm_asahi_cmd_header`.
const HEADER_SIZE: usize = 8;
/// Bytes of `drm_asahi_cmd_compute`.
const COMPUTE_SIZE: usize = 64;
/// Bytes of `drm_asahi_attachment`.
const ATTACHMENT_SIZE: usize = 24;

const CMD_RENDER: u16 = 0;
const CMD_COMPUTE: u16 = 1;
const SET_VERTEX_ATTACHMENTS: u16 = 2;
const SET_FRAGMENT_ATTACHMENTS: u16 = 3;
const SET_COMPUTE_ATTACHMENTS: u16 = 4;

/// The client has broken a rule; which one. The errno is `EINVAL` for all of them.
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

/// A payload: a structure of `N` bytes, zero behind its end.
pub(super) struct Payload<const N: usize>([u8; N]);

impl<const N: usize> Payload<N> {
    /// `bytes` as such a structure.
    fn new(bytes: &[u8]) -> Result<Self, Invalid> {
        if let Some((known, more)) = bytes.split_first_chunk() {
            if more.iter().any(|&b| b != 0) {
                return Err(Invalid::UnknownFields);
            }
            return Ok(Self(*known));
        }
        let mut known = [0; N];
        known[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(known))
    }

    /// The bytes of a field. The offset is known when it is compiled, and so that it is inside.
    #[inline(always)]
    fn array<const W: usize>(&self, offset: usize) -> [u8; W] {
        core::array::from_fn(|i| self.0[offset + i])
    }

    #[inline(always)]
    pub(super) fn u8(&self, offset: usize) -> u8 {
        self.0[offset]
    }

    #[inline(always)]
    pub(super) fn u16(&self, offset: usize) -> u16 {
        u16::from_le_bytes(self.array(offset))
    }

    #[inline(always)]
    pub(super) fn u32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.array(offset))
    }

    #[inline(always)]
    pub(super) fn u64(&self, offset: usize) -> u64 {
        u64::from_le_bytes(self.array(offset))
    }

    /// An address that the GPU or the firmware is going to follow, or 0: never one of the kernel's
    /// half.
    #[inline(always)]
    pub(super) fn address(&self, offset: usize, name: &'static str) -> Result<u64, Invalid> {
        let address = self.u64(offset);
        if address > USER_END {
            return Err(Invalid::Range(name));
        }
        Ok(address)
    }

    /// The address of a control stream, which there has to be.
    #[inline(always)]
    pub(super) fn stream(&self, offset: usize, name: &'static str) -> Result<u64, Invalid> {
        let address = self.u64(offset);
        if !(USER_START..USER_END).contains(&address) {
            return Err(Invalid::Range(name));
        }
        Ok(address)
    }
}

/// Memory that a command is going to write: a hint for the firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// Its address.
    pub(crate) address: u64,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// Attachments that are set for the commands that follow: records in the command buffer that have
/// been checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attachments<'a>(&'a [u8]);

impl<'a> Attachments<'a> {
    /// Those of `drm_asahi_attachment` in `payload`.
    fn parse(payload: &'a [u8]) -> Result<Self, Invalid> {
        let count = payload.len() / ATTACHMENT_SIZE;
        if payload.len() % ATTACHMENT_SIZE != 0 || count > MAX_ATTACHMENTS {
            return Err(Invalid::Attachments);
        }
        for record in records(payload) {
            if record.u32(16) != 0 || record.u32(20) != 0 {
                return Err(Invalid::NotZero("attachment"));
            }
            let address = record.address(0, "attachment.pointer")?;
            if record.u64(8) > USER_END - address {
                return Err(Invalid::Range("attachment.size"));
            }
        }
        Ok(Self(payload))
    }

    /// The attachments: at most [`MAX_ATTACHMENTS`].
    pub(crate) fn iter(&self) -> impl Iterator<Item = Attachment> + 'a {
        records(self.0).map(|record| Attachment {
            address: record.u64(0),
            size: record.u64(8),
        })
    }

    /// Returns whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The whole records of `drm_asahi_attachment` in `payload`.
fn records(payload: &[u8]) -> impl Iterator<Item = Payload<ATTACHMENT_SIZE>> + '_ {
    let whole = payload.chunks_exact(ATTACHMENT_SIZE);
    whole.map(|record| Payload(core::array::from_fn(|i| record[i])))
}

/// Where a client wants a timestamp.
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
    /// It would be outside of the object. `ERANGE`.
    Range,
    /// It would not be aligned. `EINVAL`.
    Unaligned,
}

impl Timestamp {
    /// Its address, in an object of `size` bytes at address `base`.
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
    #[inline(always)]
    pub(super) fn parse<const N: usize>(payload: &Payload<N>, offset: usize) -> Self {
        let one = |at| match payload.u32(at) {
            // None; what the offset is does not matter then.
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

/// A helper program, see the UAPI header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Helper {
    pub(crate) binary: u32,
    pub(crate) cfg: u32,
    pub(crate) data: u64,
}

impl Helper {
    #[inline(always)]
    pub(super) fn parse<const N: usize>(payload: &Payload<N>, offset: usize) -> Self {
        Self {
            binary: payload.u32(offset),
            cfg: payload.u32(offset + 4),
            data: payload.u64(offset + 8),
        }
    }
}

/// `drm_asahi_cmd_compute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compute<'a> {
    pub(crate) sampler_count: u32,
    pub(crate) sampler_heap: u64,
    pub(crate) cdm_ctrl_stream_base: u64,
    pub(crate) cdm_ctrl_stream_end: u64,
    pub(crate) helper: Helper,
    pub(crate) ts: Timestamps,
    pub(crate) attachments: Attachments<'a>,
}

impl<'a> Compute<'a> {
    fn parse(
        payload: &Payload<COMPUTE_SIZE>,
        attachments: Attachments<'a>,
    ) -> Result<Self, Invalid> {
        if payload.u32(0) != 0 {
            return Err(Invalid::NotZero("compute.flags"));
        }
        let sampler_count = payload.u32(4);
        // The firmware is given one more than it, in as many bits.
        if sampler_count == u32::MAX {
            return Err(Invalid::Range("sampler_count"));
        }
        let sampler_heap = payload.address(24, "sampler_heap")?;
        if sampler_count != 0 && sampler_heap == 0 {
            return Err(Invalid::Range("sampler_heap"));
        }
        Ok(Self {
            sampler_count,
            sampler_heap,
            cdm_ctrl_stream_base: payload.stream(8, "cdm_ctrl_stream_base")?,
            cdm_ctrl_stream_end: payload.address(16, "cdm_ctrl_stream_end")?,
            helper: Helper::parse(payload, 32),
            ts: Timestamps::parse(payload, 48),
            attachments,
        })
    }
}

/// What a hardware command is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work<'a> {
    Render(Render<'a>),
    Compute(Compute<'a>),
}

/// A hardware command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Command<'a> {
    /// What it has to wait for.
    pub(crate) barriers: Barriers,
    pub(crate) work: Work<'a>,
}

/// Reads a command buffer: an iterator over its hardware commands. After an error it ends.
pub(crate) struct Parser<'a> {
    rest: &'a [u8],
    /// Hardware commands so far on the render and on the compute subqueue.
    counts: [usize; 2],
    vertex: Attachments<'a>,
    fragment: Attachments<'a>,
    compute: Attachments<'a>,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(buffer: &'a [u8]) -> Self {
        Self {
            rest: buffer,
            counts: [0; 2],
            vertex: Attachments::default(),
            fragment: Attachments::default(),
            compute: Attachments::default(),
        }
    }

    fn take(&mut self, count: usize, otherwise: Invalid) -> Result<&'a [u8], Invalid> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(otherwise)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next hardware command, or `None` at the end.
    fn parse_next(&mut self) -> Result<Option<Command<'a>>, Invalid> {
        while !self.rest.is_empty() {
            let header = self.take(HEADER_SIZE, Invalid::TruncatedHeader)?;
            let header = Payload::<HEADER_SIZE>::new(header)?;
            let size = usize::from(header.u16(2));
            let barriers = [header.u16(4), header.u16(6)];
            let payload = self.take(size, Invalid::TruncatedPayload)?;
            let subqueue = match header.u16(0) {
                CMD_RENDER => SubQueue::Render,
                CMD_COMPUTE => SubQueue::Compute,
                set => {
                    self.set_attachments(set, barriers, payload)?;
                    continue;
                }
            };

            if self.counts.iter().sum::<usize>() == MAX_COMMANDS {
                return Err(Invalid::TooMany);
            }
            let barriers = Barriers::parse(barriers, self.counts).ok_or(Invalid::Barrier)?;
            let work = match subqueue {
                SubQueue::Render => Work::Render(Render::parse(
                    &Payload::new(payload)?,
                    self.vertex,
                    self.fragment,
                )?),
                SubQueue::Compute => {
                    Work::Compute(Compute::parse(&Payload::new(payload)?, self.compute)?)
                }
            };
            self.counts[subqueue as usize] += 1;
            return Ok(Some(Command { barriers, work }));
        }
        if self.counts == [0; 2] {
            return Err(Invalid::Empty);
        }
        Ok(None)
    }

    fn set_attachments(
        &mut self,
        command: u16,
        barriers: [u16; 2],
        payload: &'a [u8],
    ) -> Result<(), Invalid> {
        let set = match command {
            SET_VERTEX_ATTACHMENTS => &mut self.vertex,
            SET_FRAGMENT_ATTACHMENTS => &mut self.fragment,
            SET_COMPUTE_ATTACHMENTS => &mut self.compute,
            unknown => return Err(Invalid::UnknownCommand(unknown)),
        };
        if barriers != Barriers::NONE_IN_HEADER {
            return Err(Invalid::Barrier);
        }
        *set = Attachments::parse(payload)?;
        Ok(())
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Command<'a>, Invalid>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.parse_next();
        if next.is_err() {
            // Nothing more, and no complaint that there was nothing.
            self.rest = &[];
            self.counts[0] = 1;
        }
        next.transpose()
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
