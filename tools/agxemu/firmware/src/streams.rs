// SPDX-License-Identifier: MIT OR Apache-2.0

//! The commands that are being run: one of each kind at most.

use agx_abi::channel::PipeKind;
use agxemu_gpu::fault::Fault;

use crate::gpu::Running;
use crate::microsequence::Op;
use crate::work::{Command, Work};

/// State of the GPU part of a command.
#[derive(Debug)]
pub(crate) enum Gpu {
    Idle,
    /// Executes.
    Runs(Running),
    /// Waits for the host to add blocks to a buffer; done since this time.
    Grows(u64),
    /// Done, but not before this time.
    Busy(u64),
    Faulted(Fault),
    /// At something that cannot be executed.
    Illegal(String),
    /// Since this time.
    Hung(u64),
}

/// A command that is being run.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) queue: u64,
    pub(crate) uuid: u32,
    /// Number of its GPU part, once that was started.
    pub(crate) job: u64,
    pub(crate) cmd: Command,
    pub(crate) ops: Vec<Op>,
    pub(crate) at: usize,
    pub(crate) gpu: Gpu,
    /// The GPU part is left out.
    pub(crate) aborted: bool,
}

impl Active {
    /// From now on the GPU part is left out.
    pub(crate) fn abort(&mut self) {
        self.aborted = true;
        self.gpu = Gpu::Idle;
    }

    /// The part that all commands have.
    pub(crate) fn work(&self) -> &Work {
        self.cmd.work()
    }
}

/// The commands, by kind.
#[derive(Debug, Default)]
pub(crate) struct Streams([Option<Active>; 3]);

impl Streams {
    /// Returns the command of `kind`.
    pub(crate) fn get(&self, kind: PipeKind) -> Option<&Active> {
        self.0[kind as usize].as_ref()
    }

    /// Returns the command of `kind`, to be changed.
    pub(crate) fn get_mut(&mut self, kind: PipeKind) -> Option<&mut Active> {
        self.0[kind as usize].as_mut()
    }

    /// Takes the command of `kind` away.
    pub(crate) fn take(&mut self, kind: PipeKind) -> Option<Active> {
        self.0[kind as usize].take()
    }

    /// Puts a command in the place of that of its kind, and returns the old one.
    pub(crate) fn replace(&mut self, kind: PipeKind, new: Option<Active>) -> Option<Active> {
        std::mem::replace(&mut self.0[kind as usize], new)
    }

    /// Returns whether there is a command of `kind`.
    pub(crate) fn is_busy(&self, kind: PipeKind) -> bool {
        self.0[kind as usize].is_some()
    }

    /// Returns whether there is none at all.
    pub(crate) fn are_idle(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Returns all commands.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Active> {
        self.0.iter_mut().flatten()
    }
}
