// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Reading and writing: one command for each buffer, as many at a time as there are buffers.

use crate::{
    buffer::Buffer,
    command::Command,
    controller::Controller,
    queue::{
        InDevice,
        NotLive,
        Queue, //
    }, //
};
use kernel::{
    cpu::CpuId,
    prelude::*,
    sync::{
        atomic::{
            Full,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// A part of a request, of one buffer at most.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) write: bool,
    pub(crate) offset: u64,
    pub(crate) bytes: usize,
}

/// A command that was given to the device, and what is needed to give it again.
pub(crate) struct Started {
    operation: InDevice,
    command: Command,
}

impl Controller {
    /// Returns the queue of this processor, whose interrupt comes here, too.
    pub(crate) fn queue(&self) -> &Arc<Queue> {
        // CAST: Processors are few.
        let at = CpuId::current().as_u32() as usize % self.io.len();
        &self.io[at]
    }

    /// Gives the device the command for a part, of which the caller has it told.
    ///
    /// # Errors
    ///
    /// Those of [`Disk::blocks`](crate::identify::Disk::blocks), `ENODEV` if the controller has
    /// gone.
    pub(crate) async fn start(&self, queue: &Queue, part: Part, buffer: Buffer) -> Result<Started> {
        let (block, blocks) = self.disk.blocks(part.offset, part.bytes)?;
        let command = Command::transfer(part.write, self.disk.nsid, block, blocks)
            .with_memory(buffer.pages(part.bytes));
        let operation = self.give(queue, command, Some(buffer)).await?;
        Ok(Started { operation, command })
    }

    /// Gives the device a command, as soon as the controller takes any. The caller has it told.
    async fn give(
        &self,
        queue: &Queue,
        command: Command,
        mut payload: Option<Buffer>,
    ) -> Result<InDevice> {
        loop {
            let tag = match queue.in_flight.try_reserve() {
                Err(EBUSY) => {
                    // Room comes from what the device has done.
                    queue.tell();
                    queue.in_flight.reserve().await?
                }
                tag => tag?,
            };
            match queue.submit(tag, command, payload) {
                Ok(operation) => {
                    self.counts.commands.add(1, Relaxed);
                    return Ok(operation);
                }
                Err(NotLive(back)) => payload = back,
            }
            self.live().await?;
        }
    }

    /// Waits until a command is over, and returns its buffer.
    ///
    /// A command that ended because the controller was reset is given to it again: the driver has
    /// the buffer, so the caller need not know.
    ///
    /// # Errors
    ///
    /// What the device says; `ENODEV` if the controller has gone.
    pub(crate) async fn finish(&self, queue: &Queue, started: Started) -> Result<Option<Buffer>> {
        let Started {
            mut operation,
            command,
        } = started;
        loop {
            let (payload, completion) = operation.await;
            if !completion.status().is_stopped() {
                completion.to_result()?;
                return Ok(payload);
            }
            self.live().await?;
            self.counts.retries.fetch_add(1, Full);
            operation = self.give(queue, command, payload).await?;
            queue.tell();
        }
    }

    /// Waits for all that the device has, commands whose clients have gone included, and makes what
    /// was written last.
    ///
    /// # Errors
    ///
    /// Those of [`Controller::finish`].
    pub(crate) async fn flush(&self) -> Result {
        for queue in &self.io {
            queue.in_flight.settled().await;
        }
        let queue = self.queue();
        let command = Command::flush(self.disk.nsid);
        let operation = self.give(queue, command, None).await?;
        queue.tell();
        let started = Started { operation, command };
        self.finish(queue, started).await.map(|_| ())
    }
}
