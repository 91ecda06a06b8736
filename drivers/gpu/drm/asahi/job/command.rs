// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Commands and sync records of a submit, as a client writes them.
//!
//! A command buffer is a sequence of headers, each followed by a payload. Hardware commands have a
//! structure that may be shorter than ours, of an older client, or longer, of a newer one, if what
//! is more is zero. Software commands set the attachments of the hardware commands that follow
//! them.
//!
//! Nothing here is trusted: this is where every field that has a rule is held to it.

use super::{
    attachments::Attachments,
    barrier::{
        Barriers,
        SubQueue, //
    },
    payload::{
        Helper,
        Invalid,
        Payload,
        Timestamps, //
    },
    render::Render, //
};

/// Most hardware commands of a submit.
pub(crate) const MAX_COMMANDS: usize = 64;

/// Bytes of `drm_asahi_cmd_header`.
const HEADER_SIZE: usize = 8;
/// Bytes of `drm_asahi_cmd_compute`.
const COMPUTE_SIZE: usize = 64;

const CMD_RENDER: u16 = 0;
const CMD_COMPUTE: u16 = 1;
const SET_VERTEX_ATTACHMENTS: u16 = 2;
const SET_FRAGMENT_ATTACHMENTS: u16 = 3;
const SET_COMPUTE_ATTACHMENTS: u16 = 4;

/// The UAPI's `drm_asahi_cmd_compute`.
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
    #[inline(always)]
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
        Ok(Self {
            sampler_count,
            sampler_heap: payload.sampler_heap(24, sampler_count)?,
            cdm_ctrl_stream_base: payload.stream(8, "cdm_ctrl_stream_base")?,
            cdm_ctrl_stream_end: payload.address(16, "cdm_ctrl_stream_end")?,
            helper: Helper::parse(payload, 32),
            ts: Timestamps::parse(payload, 48),
            attachments,
        })
    }
}

/// The work of a hardware command: a render or a compute dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work<'a> {
    Render(Render<'a>),
    Compute(Compute<'a>),
}

/// A hardware command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Command<'a> {
    /// The commands before it that it waits for.
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

    fn take(&mut self, count: usize) -> Result<&'a [u8], Invalid> {
        let taken = self.rest.split_at_checked(count);
        let (taken, rest) = taken.ok_or(Invalid::TruncatedPayload)?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_header(&mut self) -> Result<Payload<HEADER_SIZE>, Invalid> {
        let (header, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(Invalid::TruncatedHeader)?;
        self.rest = rest;
        Ok(Payload::of(header))
    }

    /// Returns the next hardware command, without having read its payload, or `None` at the end.
    #[inline]
    fn find(&mut self) -> Result<Option<Found<'a>>, Invalid> {
        while !self.rest.is_empty() {
            let header = self.take_header()?;
            let size = usize::from(header.u16(2));
            let barriers = [header.u16(4), header.u16(6)];
            let payload = self.take(size)?;
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
            return Ok(Some(Found {
                subqueue,
                barriers,
                payload,
            }));
        }
        if self.counts == [0; 2] {
            return Err(Invalid::Empty);
        }
        Ok(None)
    }

    /// Ends the iteration: there is nothing more, and no complaint that there was nothing.
    #[cold]
    fn end(&mut self, error: Invalid) -> Invalid {
        self.rest = &[];
        self.counts[0] = 1;
        error
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

    // The result is large, so it is made where the caller has it.
    fn next(&mut self) -> Option<Self::Item> {
        let found = match self.find() {
            Ok(Some(found)) => found,
            Ok(None) => return None,
            Err(e) => return Some(Err(self.end(e))),
        };
        let barriers = found.barriers;
        let command = match found.subqueue {
            SubQueue::Render => match found.render(self.vertex, self.fragment) {
                Ok(render) => Command {
                    barriers,
                    work: Work::Render(render),
                },
                Err(e) => return Some(Err(self.end(e))),
            },
            SubQueue::Compute => match found.compute(self.compute) {
                Ok(compute) => Command {
                    barriers,
                    work: Work::Compute(compute),
                },
                Err(e) => return Some(Err(self.end(e))),
            },
        };
        self.counts[found.subqueue as usize] += 1;
        Some(Ok(command))
    }
}

/// A hardware command whose payload has not been read yet.
struct Found<'a> {
    subqueue: SubQueue,
    barriers: Barriers,
    payload: &'a [u8],
}

impl<'a> Found<'a> {
    #[inline(never)]
    fn render(
        &self,
        vertex: Attachments<'a>,
        fragment: Attachments<'a>,
    ) -> Result<Render<'a>, Invalid> {
        Render::parse(&Payload::new(self.payload)?, vertex, fragment)
    }

    #[inline(always)]
    fn compute(&self, attachments: Attachments<'a>) -> Result<Compute<'a>, Invalid> {
        Compute::parse(&Payload::new(self.payload)?, attachments)
    }
}

/// The rule that a record breaks. The errno is `EINVAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadSync(pub(crate) &'static str);

/// The fence of a sync object that a record refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The one fence of a binary object.
    Binary,
    /// A point of a timeline; never 0.
    Timeline(u64),
}

/// The UAPI's `drm_asahi_sync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sync {
    pub(crate) handle: u32,
    /// The fence; `None` for point 0 of a timeline, which has always signalled.
    pub(crate) point: Option<Point>,
}

const SYNCOBJ: u32 = 0;
const TIMELINE_SYNCOBJ: u32 = 1;

impl Sync {
    /// Bytes of a record.
    pub(crate) const SIZE: usize = 16;

    /// Reads a record.
    pub(crate) fn parse(bytes: &[u8; Self::SIZE]) -> Result<Self, BadSync> {
        let [t0, t1, t2, t3, h0, h1, h2, h3, value @ ..] = *bytes;
        let value = u64::from_le_bytes(value);
        let point = match u32::from_le_bytes([t0, t1, t2, t3]) {
            SYNCOBJ if value != 0 => return Err(BadSync("a binary object has no points")),
            SYNCOBJ => Some(Point::Binary),
            TIMELINE_SYNCOBJ if value == 0 => None,
            TIMELINE_SYNCOBJ => Some(Point::Timeline(value)),
            _ => return Err(BadSync("no such type")),
        };
        Ok(Self {
            handle: u32::from_le_bytes([h0, h1, h2, h3]),
            point,
        })
    }

    /// Returns the point to be signalled, which is not one that has been reached from the start.
    pub(crate) fn out(&self) -> Result<Point, BadSync> {
        self.point
            .ok_or(BadSync("point 0 of a timeline cannot be signalled"))
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
