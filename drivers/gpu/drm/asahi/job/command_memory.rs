// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The memory of one command: of the command, and of its microsequence and the barriers before it.

use super::{
    sequence::{
        Memory,
        Part, //
    },
    structure::{
        Room,
        Structure, //
    },
    work_queue::MAX_BARRIERS, //
};
use agx_abi::{
    queue::Barrier,
    Abi,
    Everywhere,
    Value, //
};
use kernel::prelude::*;

/// The alignment of the firmware's objects.
pub(crate) const ALIGN: usize = 0x80;

/// The memory of one command.
pub(crate) struct CommandMemory<'a> {
    command: Room<'a>,
    /// The microsequence, and the barriers from `barriers` on.
    sequence: Room<'a>,
    barriers: usize,
}

/// Returns where barriers stand behind a microsequence of at most `size` bytes.
pub(crate) const fn barriers_behind(size: usize) -> usize {
    size.next_multiple_of(ALIGN)
}

/// Returns the bytes of a microsequence of at most `size` bytes, and the barriers before a command.
pub(crate) const fn sequence_stride(size: usize) -> usize {
    (barriers_behind(size) + MAX_BARRIERS * Barrier::SIZE).next_multiple_of(ALIGN)
}

impl<'a> CommandMemory<'a> {
    /// Returns the memory of a command at `command`, with its microsequence at `sequence` and
    /// barriers `barriers` bytes behind the start of that.
    #[inline(always)]
    pub(crate) fn new(command: Room<'a>, sequence: Room<'a>, barriers: usize) -> Self {
        Self {
            command,
            sequence,
            barriers,
        }
    }

    /// Returns the address of the command.
    #[inline(always)]
    pub(crate) fn va(&self) -> u64 {
        self.command.va()
    }

    /// Returns the address of the microsequence.
    #[inline(always)]
    pub(crate) fn sequence_va(&self) -> u64 {
        self.sequence.va()
    }

    /// Writes the barrier with number `n` before the command; returns its address.
    pub(crate) fn write_barrier(&mut self, n: usize, barrier: &Barrier) -> Result<u64> {
        if n >= MAX_BARRIERS {
            return Err(EINVAL);
        }
        let offset = self.barriers + n * Barrier::SIZE;
        let written = self.sequence.write(offset, barrier.as_bytes());
        written.ok_or(EINVAL)?;
        Ok(self.sequence.va() + offset as u64)
    }
}

impl Memory for CommandMemory<'_> {
    type Error = Error;

    #[inline(always)]
    fn structure<S: Everywhere>(
        &mut self,
        abi: Abi,
        part: Part,
        offset: usize,
    ) -> Result<Structure<'_, S>> {
        let room = match part {
            Part::Command => &mut self.command,
            Part::Sequence => &mut self.sequence,
        };
        room.structure(abi, offset).ok_or(EINVAL)
    }
}
