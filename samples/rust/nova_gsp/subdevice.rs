// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A client's objects in the firmware, and calls of the last of them.

use crate::{
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
const DEVICE: u32 = 1;
const SUBDEVICE: u32 = 2;
/// The headers of an allocation and of a control.
const ALLOC: usize = 32;
const CONTROL: usize = 24;
/// Where their results are.
const ALLOC_STATUS: usize = 16;
const CONTROL_STATUS: usize = 12;
const FREE_STATUS: usize = 12;

/// Controls that the emulated processor has for tests.
pub(crate) mod control {
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
}

/// What the firmware says of a call as errno.
fn status(status: u32) -> Result {
    match status {
        0 => Ok(()),
        0x55 | 0x66 => Err(EBUSY),
        0x51 => Err(ENOMEM),
        _ => Err(EINVAL),
    }
}

/// A subdevice of a client of its own.
pub(crate) struct Subdevice {
    rpc: Arc<Rpc>,
    client: u32,
}

impl Subdevice {
    /// Makes a client and what it needs.
    ///
    /// # Errors
    ///
    /// Those of [`Rpc::call`]; `EINVAL` and others if the firmware refuses.
    pub(crate) async fn open(rpc: &Arc<Rpc>) -> Result<Self> {
        static CLIENTS: Atomic<u32> = Atomic::new(0);
        let client = 0xc1d0_0000 | (CLIENTS.fetch_add(1, Relaxed) & 0xffff);
        let this = Self {
            rpc: rpc.clone(),
            client,
        };
        this.allocate(0, client, CLASS_CLIENT).await?;
        this.allocate(client, DEVICE, CLASS_DEVICE).await?;
        this.allocate(DEVICE, SUBDEVICE, CLASS_SUBDEVICE).await?;
        Ok(this)
    }

    async fn allocate(&self, parent: u32, handle: u32, class: u32) -> Result {
        let mut payload = [0; ALLOC];
        let fields = [self.client, parent, handle, class];
        for (i, value) in fields.into_iter().enumerate() {
            put(&mut payload, 4 * i, value);
        }
        let reply = self.rpc.call(function::ALLOC, &payload, ALLOC).await?;
        status(reply.result)?;
        if reply.payload.len() < ALLOC {
            return Err(EPROTO);
        }
        status(word(&reply.payload, ALLOC_STATUS))
    }

    /// Writes the header of a control before its parameters.
    fn header(&self, payload: &mut [u8], command: u32) {
        let parameters = payload.len() - CONTROL;
        for (at, value) in [
            (0, self.client),
            (4, SUBDEVICE),
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
        let mut payload = [0; CONTROL + 8];
        self.header(&mut payload, command);
        put(&mut payload, CONTROL, parameters[0]);
        put(&mut payload, CONTROL + 4, parameters[1]);
        self.control(&payload).await.map(|_| ())
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
        self.header(payload, control::ECHO);
        for (i, byte) in payload[CONTROL..].iter_mut().enumerate() {
            *byte = seed.wrapping_mul(0x9e37).wrapping_add(i as u32) as u8;
        }
        let back = self.control(payload).await?;
        let mut pairs = payload[CONTROL..].iter().zip(&back.payload[CONTROL..]);
        Ok(pairs.all(|(a, b)| *a == !*b))
    }

    /// As [`Self::echo_in`]. Allocates: not for tasks.
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
        let mut payload = [0; 16];
        put(&mut payload, 0, self.client);
        put(&mut payload, 8, self.client);
        let reply = self
            .rpc
            .call(function::FREE, &payload, payload.len())
            .await?;
        status(reply.result)?;
        status(word(&reply.payload, FREE_STATUS))
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
