// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A client's objects in the firmware, and calls of the last of them.

use crate::{
    rpc::Rpc,
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
        for (i, value) in [self.client, parent, handle, class].into_iter().enumerate() {
            put(&mut payload, 4 * i, value);
        }
        let reply = self.rpc.call(function::ALLOC, &payload, ALLOC).await?;
        status(reply.result)?;
        if reply.payload.len() < ALLOC {
            return Err(EPROTO);
        }
        status(word(&reply.payload, ALLOC_STATUS))
    }

    /// Calls a control, and returns its parameters as the firmware has left them.
    ///
    /// # Errors
    ///
    /// Those of [`Rpc::call`]; `EPROTO` if the reply is none to that; what the firmware says.
    pub(crate) async fn control(&self, command: u32, parameters: &[u8]) -> Result<KVVec<u8>> {
        let size = CONTROL + parameters.len();
        let mut payload = KVVec::from_elem(0, size, GFP_KERNEL)?;
        for (at, value) in [
            (0, self.client),
            (4, SUBDEVICE),
            (8, command),
            (16, parameters.len() as u32),
        ] {
            put(&mut payload, at, value);
        }
        payload[CONTROL..].copy_from_slice(parameters);
        let reply = self.rpc.call(function::CONTROL, &payload, size).await?;
        status(reply.result)?;
        if reply.payload.len() != size || word(&reply.payload, 8) != command {
            return Err(EPROTO);
        }
        status(word(&reply.payload, CONTROL_STATUS))?;
        payload.clear();
        payload.extend_from_slice(&reply.payload[CONTROL..], GFP_KERNEL)?;
        Ok(payload)
    }

    /// Calls a control with words as parameters.
    ///
    /// # Errors
    ///
    /// As [`Self::control`].
    pub(crate) async fn words(&self, command: u32, parameters: [u32; 2]) -> Result {
        let mut bytes = [0; 8];
        put(&mut bytes, 0, parameters[0]);
        put(&mut bytes, 4, parameters[1]);
        self.control(command, &bytes).await.map(|_| ())
    }

    /// Has bytes inverted, and returns whether they were.
    ///
    /// # Errors
    ///
    /// As [`Self::control`].
    pub(crate) async fn echo(&self, seed: u32, length: usize) -> Result<bool> {
        let mut bytes = KVVec::with_capacity(length, GFP_KERNEL)?;
        for i in 0..length {
            let byte = seed.wrapping_mul(0x9e37).wrapping_add(i as u32) as u8;
            bytes.push(byte, GFP_KERNEL)?;
        }
        let back = self.control(control::ECHO, &bytes).await?;
        let mut pairs = bytes.iter().zip(back.iter());
        Ok(back.len() == length && pairs.all(|(a, b)| *a == !*b))
    }

    /// Frees the client and all below it.
    ///
    /// # Errors
    ///
    /// As [`Self::control`].
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
