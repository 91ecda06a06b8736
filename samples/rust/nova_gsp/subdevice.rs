// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A client's objects in the firmware, and calls of the last of them.

use crate::{
    method::CLASS_COPY,
    rpc::{
        Reply,
        Rpc, //
    },
    wire::{
        function,
        put,
        word, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

const CLASS_CLIENT: u32 = 0;
const CLASS_DEVICE: u32 = 0x80;
const CLASS_SUBDEVICE: u32 = 0x2080;
const CLASS_CHANNEL: u32 = 0xc46f;
/// The copy engine, as channels are bound to it.
const ENGINE_COPY: u32 = 9;
/// Parameters of a channel: its ring, number, engine, and the page of its pointers.
const CHANNEL_SIZE: usize = 360;
const CHANNEL_RING: usize = 8;
const CHANNEL_ENTRIES: usize = 16;
const CHANNEL_FLAGS: usize = 20;
const CHANNEL_ENGINE: usize = 128;
const CHANNEL_USERD: usize = 168;
const PAGE: u32 = 4096;
/// Memory of the system's.
const SPACE_SYSTEM: u32 = 1;
const DEVICE: u32 = 1;
const SUBDEVICE: u32 = 2;
const CHANNEL: u32 = 3;
const COPY: u32 = 4;
/// The headers of an allocation and of a control.
const ALLOC: usize = 32;
const CONTROL: usize = 24;
/// The offset of the status in the reply to an allocation.
const ALLOC_STATUS: usize = 16;
const CONTROL_STATUS: usize = 12;
const FREE_STATUS: usize = 12;

/// Controls that the emulated processor has for tests.
pub(crate) mod control {
    pub(super) const SCHEDULE: u32 = 0xa06f_0103;
    pub(super) const BIND: u32 = 0xa06f_0104;
    pub(crate) const ECHO: u32 = 0x2080_ff01;
    /// {number, size}
    pub(crate) const EVENTS: u32 = 0x2080_ff02;
    /// {milliseconds}
    pub(crate) const LATE: u32 = 0x2080_ff03;
    pub(crate) const CRASH: u32 = 0x2080_ff04;
    /// {how}
    pub(crate) const BREAK: u32 = 0x2080_ff05;
    pub(crate) const LOSE: u32 = 0x2080_ff06;
    pub(crate) const TWICE: u32 = 0x2080_ff07;
    /// {number}
    pub(crate) const REVERSE: u32 = 0x2080_ff08;
    pub(crate) const ASTRAY: u32 = 0x2080_ff09;
    /// {number}
    pub(super) const CLIENTS: u32 = 0x2080_ff0a;
}

/// Returns what the firmware says of a call as errno: `EINVAL` for what has no meaning here.
fn status(status: u32) -> Result {
    match status {
        0 => Ok(()),
        // The object is not there. Inferred, as all results but 0 are.
        0x33 => Err(ENOENT),
        0x55 | 0x66 => Err(EBUSY),
        0x51 => Err(ENOMEM),
        _ => Err(EINVAL),
    }
}

/// The handle of the client of that index.
fn client(index: usize) -> u32 {
    // CAST: There are fewer.
    0xc1d0_0000 | index as u32
}

/// A subdevice of a client of its own, which does not outlive it in the firmware: if it is dropped,
/// a task has it freed ([`handles`](crate::handles)).
pub(crate) struct Subdevice {
    rpc: Arc<Rpc>,
    index: usize,
    client: u32,
    /// The firmware does not have it any more.
    freed: Atomic<bool>,
}

impl Drop for Subdevice {
    fn drop(&mut self) {
        match self.freed.load(Relaxed) {
            true => self.rpc.handles.give_back(self.index),
            false => self.rpc.handles.orphan(self.index),
        }
    }
}

impl Subdevice {
    /// Makes a client and what it needs. If this is dropped or fails, nothing is left of it.
    ///
    /// # Errors
    ///
    /// Those of [`Rpc::call`]; `EBUSY` if there are too many, `EINVAL` and others if the firmware
    /// refuses.
    pub(crate) async fn open(rpc: &Arc<Rpc>) -> Result<Self> {
        let index = rpc.handles.take()?;
        let client = client(index);
        let this = Self {
            rpc: rpc.clone(),
            index,
            client,
            freed: Atomic::new(false),
        };
        this.allocate(0, client, CLASS_CLIENT, [0; ALLOC]).await?;
        this.allocate(client, DEVICE, CLASS_DEVICE, [0; ALLOC])
            .await?;
        this.allocate(DEVICE, SUBDEVICE, CLASS_SUBDEVICE, [0; ALLOC])
            .await?;
        Ok(this)
    }

    /// Makes an object. `payload` has room for the header, and the parameters after it.
    async fn allocate<const SIZE: usize>(
        &self,
        parent: u32,
        handle: u32,
        class: u32,
        mut payload: [u8; SIZE],
    ) -> Result {
        let size = (SIZE - ALLOC) as u32;
        let fields = [self.client, parent, handle, class, 0, size];
        for (i, value) in fields.into_iter().enumerate() {
            put(&mut payload, 4 * i, value);
        }
        let reply = self.rpc.call(function::ALLOC, &payload, SIZE).await?;
        status(reply.result)?;
        if reply.payload.len() < ALLOC {
            return Err(EPROTO);
        }
        status(word(&reply.payload, ALLOC_STATUS))
    }

    /// Writes the header of a control before its parameters.
    fn header(&self, payload: &mut [u8], object: u32, command: u32) {
        let parameters = payload.len() - CONTROL;
        for (at, value) in [
            (0, self.client),
            (4, object),
            (8, command),
            (16, parameters as u32),
        ] {
            put(payload, at, value);
        }
    }

    /// Calls a control with a payload that has a header, and returns its reply.
    async fn control(&self, payload: &[u8]) -> Result<Reply<'_>> {
        let reply = self
            .rpc
            .call(function::CONTROL, payload, payload.len())
            .await?;
        status(reply.result)?;
        if reply.payload.len() != payload.len() || word(&reply.payload, 8) != word(payload, 8) {
            return Err(EPROTO);
        }
        status(word(&reply.payload, CONTROL_STATUS))?;
        Ok(reply)
    }

    /// Calls a control with words as parameters.
    ///
    /// # Errors
    ///
    /// Those of [`Rpc::call`]; `EPROTO` if the reply is none to that; what the firmware says.
    pub(crate) async fn words(&self, command: u32, parameters: [u32; 2]) -> Result {
        self.words_of(SUBDEVICE, command, parameters).await
    }

    async fn words_of(&self, object: u32, command: u32, parameters: [u32; 2]) -> Result {
        let mut payload = [0; CONTROL + 8];
        self.header(&mut payload, object, command);
        put(&mut payload, CONTROL, parameters[0]);
        put(&mut payload, CONTROL + 4, parameters[1]);
        self.control(&payload).await.map(|_| ())
    }

    /// Returns how many clients the firmware has.
    ///
    /// # Errors
    ///
    /// As [`Self::words`].
    pub(crate) async fn clients(&self) -> Result<u32> {
        let mut payload = [0; CONTROL + 8];
        self.header(&mut payload, SUBDEVICE, control::CLIENTS);
        let reply = self.control(&payload).await?;
        Ok(word(&reply.payload, CONTROL))
    }

    /// Has bytes inverted, and returns whether they were. They are made in `scratch`.
    ///
    /// # Errors
    ///
    /// As [`Self::words`].
    pub(crate) async fn echo_in(
        &self,
        scratch: &mut Scratch,
        seed: u32,
        length: usize,
    ) -> Result<bool> {
        let payload = scratch.0.get_mut(..CONTROL + length).ok_or(EMSGSIZE)?;
        payload.fill(0);
        self.header(payload, SUBDEVICE, control::ECHO);
        for (i, byte) in payload[CONTROL..].iter_mut().enumerate() {
            *byte = seed.wrapping_mul(0x9e37).wrapping_add(i as u32) as u8;
        }
        let back = self.control(payload).await?;
        let mut pairs = payload[CONTROL..].iter().zip(&back.payload[CONTROL..]);
        Ok(pairs.all(|(a, b)| *a == !*b))
    }

    /// Does what [`Self::echo_in`] does, with memory of its own. Allocates: not for tasks.
    pub(crate) async fn echo(&self, seed: u32, length: usize) -> Result<bool> {
        let mut scratch = Scratch::new(length)?;
        self.echo_in(&mut scratch, seed, length).await
    }

    /// Frees the client and all below it.
    ///
    /// # Errors
    ///
    /// As [`Self::words`].
    pub(crate) async fn close(self) -> Result {
        self.free().await
    }

    /// Does what [`Self::close`] does, for an owner that has been told of no end.
    pub(crate) async fn free(&self) -> Result {
        free_object(&self.rpc, self.client, self.client).await?;
        self.freed.store(true, Relaxed);
        Ok(())
    }
}

async fn free_object(rpc: &Rpc, client: u32, object: u32) -> Result {
    let mut payload = [0; 16];
    put(&mut payload, 0, client);
    put(&mut payload, 8, object);
    let reply = rpc.call(function::FREE, &payload, payload.len()).await?;
    status(reply.result)?;
    if reply.payload.len() != payload.len() {
        return Err(EPROTO);
    }
    status(word(&reply.payload, FREE_STATUS))
}

/// Frees the client of an index, and all below it.
///
/// # Errors
///
/// Those of [`Rpc::call`]: the client goes with the processor. `ENOENT` if there is none; `EBUSY`,
/// `EINVAL`, `EMSGSIZE`, `ENOMEM` or `EPROTO` if the firmware does not say that it has freed it.
pub(crate) async fn free_client(rpc: &Rpc, index: usize) -> Result {
    free_object(rpc, client(index), client(index)).await
}

impl Subdevice {
    /// Makes the client's channel, the `id`-th of the processor, with a copy engine, and has it
    /// run. `ring` is where its entries are, and how many; `userd` where its pointers are.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub(crate) async fn make_channel(&self, id: u32, ring: (u64, u32), userd: u64) -> Result {
        let mut payload = [0; ALLOC + CHANNEL_SIZE];
        let parameters = &mut payload[ALLOC..];
        // CAST: Both halves of an address are wanted.
        for (at, value) in [
            (CHANNEL_RING, ring.0 as u32),
            (CHANNEL_RING + 4, (ring.0 >> 32) as u32),
            (CHANNEL_ENTRIES, ring.1),
            // Pointers of eight channels are in a page, which here are pages of their own.
            (CHANNEL_FLAGS, (id / 8) << 12 | (id % 8) << 8),
            (CHANNEL_ENGINE, ENGINE_COPY),
            (CHANNEL_USERD, userd as u32),
            (CHANNEL_USERD + 4, (userd >> 32) as u32),
            (CHANNEL_USERD + 8, PAGE),
            (CHANNEL_USERD + 16, SPACE_SYSTEM),
        ] {
            put(parameters, at, value);
        }
        self.allocate(DEVICE, CHANNEL, CLASS_CHANNEL, payload)
            .await?;
        // {version, engine}
        let mut payload = [0; ALLOC + 8];
        put(&mut payload, ALLOC, 1);
        put(&mut payload, ALLOC + 4, ENGINE_COPY);
        self.allocate(CHANNEL, COPY, CLASS_COPY, payload).await?;
        self.words_of(CHANNEL, control::BIND, [ENGINE_COPY, 0])
            .await?;
        self.words_of(CHANNEL, control::SCHEDULE, [1, 0]).await
    }

    /// Frees the client's channel, which accesses no memory when this is over.
    ///
    /// # Errors
    ///
    /// As [`Self::open`]: `ENOENT` if there is none, with any other it may still access memory.
    pub(crate) async fn free_channel(&self) -> Result {
        free_object(&self.rpc, self.client, CHANNEL).await
    }
}

/// Memory for calls of a task, which must not allocate.
pub(crate) struct Scratch(KVec<u8>);

impl Scratch {
    /// Returns memory for so many bytes of parameters. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(length: usize) -> Result<Self> {
        Ok(Self(KVec::from_elem(0, CONTROL + length, GFP_KERNEL)?))
    }
}
