// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Reading and writing: one command for each buffer, as many at a time as there are buffers.

use crate::{
    buffer::Buffer,
    command::{
        Command,
        Completion, //
    },
    controller::Controller,
    queue::{
        InDevice,
        NotLive,
        Payload,
        Queue, //
    }, //
};
use core::mem::replace;
use kasync::time::Instant;
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

/// The number of times that a command is submitted again which the device has not answered in
/// time, that of the kernel's driver.
const RETRIES: u32 = 5;

/// The result of an operation: its memory, and its completion.
type Ended = (Payload, Completion);

/// A part of a request, of one buffer at most.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) write: bool,
    pub(crate) offset: u64,
    pub(crate) bytes: usize,
}

/// A part, and what it is at.
pub(crate) struct Entry {
    pub(crate) part: Part,
    at: At,
}

enum At {
    /// The part has a buffer, and the device does not have the command.
    Ready(Buffer),
    Device(InDevice),
    /// The part was done, with this buffer.
    Done(Buffer),
    /// The part has failed, and has no buffer.
    Failed,
}

impl Entry {
    pub(crate) fn new(part: Part, buffer: Buffer) -> Self {
        Self {
            part,
            at: At::Ready(buffer),
        }
    }

    /// Returns the buffer that the device does not have.
    pub(crate) fn buffer(&mut self) -> Option<&mut Buffer> {
        match &mut self.at {
            At::Ready(buffer) => Some(buffer),
            _ => None,
        }
    }

    /// Returns the buffer of a part that was done.
    pub(crate) fn done(&self) -> Option<&Buffer> {
        match &self.at {
            At::Done(buffer) => Some(buffer),
            _ => None,
        }
    }

    /// Returns the buffer, if the device does not have it.
    pub(crate) fn into_buffer(self) -> Option<Buffer> {
        match self.at {
            At::Ready(buffer) | At::Done(buffer) => Some(buffer),
            At::Device(_) | At::Failed => None,
        }
    }
}

impl Controller {
    /// Returns the queue of this processor, whose interrupt comes here, too.
    pub(crate) fn queue(&self) -> &Arc<Queue> {
        // CAST: Processors are few.
        let at = CpuId::current().as_u32() as usize % self.io.len();
        &self.io[at]
    }

    /// Returns the command for a part.
    ///
    /// # Errors
    ///
    /// Those of [`Disk::blocks`](crate::identify::Disk::blocks).
    fn command(&self, part: Part, buffer: &Buffer) -> Result<Command> {
        let (block, blocks) = self.identity.disk.blocks(part.offset, part.bytes)?;
        let command = Command::transfer(part.write, self.identity.disk.nsid, block, blocks);
        Ok(command.with_memory(buffer.pages(part.bytes)))
    }

    /// Adds the commands for as many parts as the device takes now, and rings the doorbell. The
    /// others stay as they are.
    ///
    /// # Errors
    ///
    /// Those of the first part of which there is no command: those before it were given.
    pub(crate) fn start(&self, queue: &Queue, entries: &mut [Entry]) -> Result {
        let Some(mut submitting) = queue.submitting() else {
            return Ok(());
        };
        let mut result = Ok(());
        let mut given = 0;
        for Entry { part, at } in entries {
            let At::Ready(buffer) = at else {
                continue;
            };
            let command = match self.command(*part, buffer) {
                Ok(command) => command,
                Err(e) => {
                    result = Err(e);
                    break;
                }
            };
            let Ok(tag) = queue.in_flight.try_reserve() else {
                break;
            };
            if let At::Ready(buffer) = replace(at, At::Failed) {
                *at = At::Device(submitting.push(tag, command, Some(buffer)));
                given += 1;
            }
        }
        submitting.ring_doorbell();
        self.counts.commands.add(given, Relaxed);
        result
    }

    /// Submits a command, as soon as the controller takes any. The caller rings the doorbell.
    async fn submit(
        &self,
        queue: &Queue,
        command: Command,
        mut payload: Option<Buffer>,
    ) -> Result<InDevice> {
        loop {
            let tag = match queue.in_flight.try_reserve() {
                Err(EBUSY) => {
                    // Room comes from what the device has done.
                    queue.ring_doorbell();
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

    /// Has the device do all parts that are not done, and waits for them; if nothing more `begins`,
    /// for those that it has.
    ///
    /// A command that ended because the controller was reset is given to it again: the driver has
    /// the buffer, so the caller need not know.
    ///
    /// # Errors
    ///
    /// Of the first that fails, after which no more begins: what the device says; `EIO` if it does
    /// not answer, however often it is asked; `ENODEV` if the controller has gone.
    pub(crate) async fn finish(
        &self,
        queue: &Queue,
        entries: &mut [Entry],
        mut begins: bool,
    ) -> Result {
        let mut result = Ok(());
        // In their order: those that are over before are no reason to wake.
        for entry in entries {
            let ended = match &mut entry.at {
                At::Device(operation) => operation.await,
                // The device had no room, or was not there.
                At::Ready(_) if begins => match self.submit_one(queue, entry).await {
                    Ok(operation) => operation.await,
                    Err(e) => {
                        result = result.and(Err(e));
                        begins = false;
                        continue;
                    }
                },
                _ => continue,
            };
            let over = if ended.1.status().is_stopped() {
                self.retry_stopped(queue, ended, entry.part).await
            } else {
                ended.1.to_result().map(|_| ended.0)
            };
            entry.at = match over {
                Ok(Some(buffer)) => At::Done(buffer),
                Ok(None) => At::Failed,
                Err(e) => {
                    result = result.and(Err(e));
                    begins = false;
                    At::Failed
                }
            };
        }
        result
    }

    /// Gives the device the command of an entry that has a buffer.
    async fn submit_one(&self, queue: &Queue, entry: &mut Entry) -> Result<InDevice> {
        let At::Ready(buffer) = replace(&mut entry.at, At::Failed) else {
            return Err(EINVAL);
        };
        let command = self.command(entry.part, &buffer)?;
        let operation = self.submit(queue, command, Some(buffer)).await?;
        queue.ring_doorbell();
        Ok(operation)
    }

    /// Returns the buffer of a command that was successful. One that ended with the controller is
    /// given to it again, but not for ever: it may be this command that the device does not answer,
    /// of which the controller is reset each time.
    ///
    /// # Errors
    ///
    /// `EIO` if the device did not answer it [`RETRIES`] times; what the device says; `ENODEV` if
    /// the controller has gone.
    async fn retry_stopped(&self, queue: &Queue, ended: Ended, part: Part) -> Result<Payload> {
        let (mut payload, mut completion) = ended;
        let mut unanswered = 0;
        while completion.status().is_stopped() {
            if unanswered == RETRIES {
                return Err(EIO);
            }
            self.live().await?;
            self.counts.retries.fetch_add(1, Full);
            let command = match &payload {
                Some(buffer) => self.command(part, buffer)?,
                None => Command::flush(self.identity.disk.nsid),
            };
            let operation = self.submit(queue, command, payload).await?;
            queue.ring_doorbell();
            let given = Instant::now();
            (payload, completion) = operation.await;
            // Other commands have the controller reset, too, and clients have. One that was in
            // flight for so long counts as late even if the reset was for another.
            if given.elapsed() * 2 >= self.command_limit {
                unanswered += 1;
            }
        }
        completion.to_result()?;
        Ok(payload)
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
        let command = Command::flush(self.identity.disk.nsid);
        let operation = self.submit(queue, command, None).await?;
        queue.ring_doorbell();
        let ended = operation.await;
        // A part of nothing: it is for commands with a buffer.
        let part = Part {
            write: true,
            offset: 0,
            bytes: 0,
        };
        self.retry_stopped(queue, ended, part).await.map(|_| ())
    }
}
