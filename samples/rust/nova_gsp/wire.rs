// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Messages, and what the firmware may have made of them.
//!
//! There are two framings. Behind [`Header::new`] messages are the same: what is before the call is
//! as long as it is with v0.

use kernel::prelude::*;

/// The size of a page of a queue.
pub(crate) const PAGE: usize = 0x1000;
/// The headers: of the transport, 48 bytes, and of the call, 32.
pub(crate) const HEADERS: usize = 0x50;
/// The largest message.
pub(crate) const LARGEST: usize = 16 * PAGE;

const CALL: usize = 0x30;
const CALL_SIZE: usize = HEADERS - CALL;
/// The transport's header of v2: "MCTP", length of all, one packet that is all of version 1, a
/// message of the vendor's for its resource manager, length of the call, 0.
const V2: usize = 0x18;
const V2_MAGIC: u32 = 0x4d43_5450;
const V2_MCTP: u32 = 0xc000_0001;
const V2_NVDM: u32 = 0x2510_de7e;

/// The bytes of a buffer for the largest message, whose payload is copied to behind [`HEADERS`].
pub(crate) const COPIED: usize = LARGEST + CALL - V2;

/// The framing of messages, and the place of the queues' pointers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// The framing of firmware 570.144: pointers in memory, which count pages of a ring.
    V0,
    /// The framing of newer firmware: pointers in registers, which run freely, and no checksum.
    V2,
}

impl Framing {
    fn transport(self) -> usize {
        match self {
            Self::V0 => CALL,
            Self::V2 => V2,
        }
    }

    /// Returns the size of the headers.
    pub(crate) fn headers(self) -> usize {
        self.transport() + CALL_SIZE
    }

    /// Returns the largest payload of a message.
    pub(crate) fn payload(self) -> usize {
        LARGEST - self.headers()
    }

    /// Returns the number of pages for a message with that much payload.
    pub(crate) fn pages(self, payload: usize) -> u32 {
        (self.headers() + payload).div_ceil(PAGE) as u32
    }
}

const VERSION: u32 = 0x0300_0000;
/// The bytes "VRPC", as a number.
const SIGNATURE: u32 = 0x4350_5256;

pub(crate) mod function {
    //! Functions of the firmware that the driver calls.

    pub(crate) const NOP: u32 = 0;
    pub(crate) const FREE: u32 = 10;
    pub(crate) const UNLOADING: u32 = 47;
    pub(crate) const CONTINUATION: u32 = 71;
    pub(crate) const SYSTEM_INFO: u32 = 72;
    pub(crate) const REGISTRY: u32 = 73;
    pub(crate) const CONTROL: u32 = 76;
    pub(crate) const ALLOC: u32 = 103;
}

pub(crate) mod event {
    //! Events: messages that answer no call.

    pub(crate) const FIRST: u32 = 0x1000;
    pub(crate) const INIT_DONE: u32 = 0x1001;
    pub(crate) const SEQUENCER: u32 = 0x1002;
    pub(crate) const POST: u32 = 0x1003;
    /// RC_TRIGGERED: a channel has stopped, as something was wrong with it.
    pub(crate) const CHANNEL_FAULT: u32 = 0x1004;
}

/// The fault of a queue: nothing in it can be believed any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Poison {
    /// A pointer past the end of the ring, or one that went backwards.
    Pointer,
    /// A number of pages that no message has, or that were not written.
    Pages,
    /// A length that does not fit the pages.
    Length,
    Checksum,
    /// The transport's sequence number.
    Sequence,
    /// Version or signature.
    Header,
    /// A sequence of register accesses that is not to be run.
    Sequencer,
    /// The firmware answers, and does not stop a channel.
    Refusal,
}

/// Reads a word of `bytes`, 0 past the end.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..).and_then(|b| b.first_chunk()) {
        Some(word) => u32::from_le_bytes(*word),
        None => 0,
    }
}

/// Writes a word into `bytes`, if there is room.
pub(crate) fn put(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(word) = bytes.get_mut(at..).and_then(|b| b.first_chunk_mut()) {
        *word = value.to_le_bytes();
    }
}

/// The exclusive or of all double words.
///
/// All parts of a message but the last are a multiple of 8 bytes long.
fn sum(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    let mut sum = 0;
    for chunk in &mut words {
        if let Some(word) = chunk.first_chunk() {
            sum ^= u64::from_le_bytes(*word);
        }
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(words.remainder()) {
        *to = *from;
    }
    sum ^ u64::from_le_bytes(last)
}

fn fold(sum: u64) -> u32 {
    (sum >> 32) as u32 ^ sum as u32
}

/// The headers of a command: the first [`Framing::headers`] bytes of what is returned.
pub(crate) fn headers(
    framing: Framing,
    transport: u32,
    function: u32,
    call: u32,
    payload: &[u8],
) -> [u8; HEADERS] {
    let mut bytes = [0; HEADERS];
    let length = (CALL_SIZE + payload.len()) as u32;
    match framing {
        Framing::V0 => {
            put(&mut bytes, 0x24, transport);
            put(&mut bytes, 0x28, framing.pages(payload.len()));
        }
        Framing::V2 => {
            let words = [V2_MAGIC, V2 as u32 + length, V2_MCTP, V2_NVDM, length];
            for (i, value) in words.into_iter().enumerate() {
                put(&mut bytes, 4 * i, value);
            }
        }
    }
    for (i, value) in [
        VERSION,
        SIGNATURE,
        length,
        function,
        u32::MAX,
        u32::MAX,
        call,
    ]
    .into_iter()
    .enumerate()
    {
        put(&mut bytes, framing.transport() + 4 * i, value);
    }
    if framing == Framing::V0 {
        let checksum = fold(sum(&bytes) ^ sum(payload));
        put(&mut bytes, 0x20, checksum);
    }
    bytes
}

/// The headers of a message, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) pages: u32,
    /// The offset at which the message ends, if it is copied to behind [`HEADERS`].
    pub(crate) end: usize,
    pub(crate) function: u32,
    pub(crate) call: u32,
    pub(crate) result: u32,
}

impl Header {
    /// Looks at the headers of a message, `available` pages of which were written.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn new(
        framing: Framing,
        bytes: &[u8; HEADERS],
        available: u32,
        transport: u32,
    ) -> Result<Self, Poison> {
        let at = framing.transport();
        let length = word(bytes, at + 8) as usize;
        let pages = match framing {
            Framing::V0 => word(bytes, 0x28),
            Framing::V2 => {
                let known = [V2_MAGIC, V2_MCTP, V2_NVDM];
                if [0, 8, 12].map(|at| word(bytes, at)) != known {
                    return Err(Poison::Header);
                }
                word(bytes, 4).div_ceil(PAGE as u32)
            }
        };
        if pages == 0 || pages as usize * PAGE > LARGEST || pages > available {
            return Err(Poison::Pages);
        }
        if !(CALL_SIZE..=LARGEST).contains(&length) {
            return Err(Poison::Length);
        }
        if (at + length).div_ceil(PAGE) != pages as usize {
            return Err(Poison::Length);
        }
        match framing {
            Framing::V0 if word(bytes, 0x24) != transport => return Err(Poison::Sequence),
            // A message that is longer than its call is padded, which this firmware does not do.
            Framing::V2 if word(bytes, 4) as usize != at + length => return Err(Poison::Length),
            Framing::V2 if word(bytes, 0x10) as usize != length => return Err(Poison::Length),
            _ => {}
        }
        if word(bytes, at) != VERSION || word(bytes, at + 4) != SIGNATURE {
            return Err(Poison::Header);
        }
        Ok(Self {
            pages,
            end: CALL + length,
            function: word(bytes, at + 12),
            call: word(bytes, at + 24),
            result: word(bytes, at + 16),
        })
    }

    /// Checks the checksum of the whole message, if there is one.
    pub(crate) fn check(framing: Framing, message: &[u8]) -> Result<(), Poison> {
        match fold(sum(message)) {
            _ if framing == Framing::V2 => Ok(()),
            0 => Ok(()),
            _ => Err(Poison::Checksum),
        }
    }
}
