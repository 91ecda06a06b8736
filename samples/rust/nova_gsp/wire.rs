// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Messages, and what the firmware may have made of them.

use kernel::prelude::*;

/// The size of a page of a queue.
pub(crate) const PAGE: usize = 0x1000;
/// The headers: of the transport, 48 bytes, and of the call, 32.
pub(crate) const HEADERS: usize = 0x50;
/// The largest message, and what that leaves for its payload.
pub(crate) const LARGEST: usize = 16 * PAGE;
pub(crate) const PAYLOAD: usize = LARGEST - HEADERS;

const CALL: usize = 0x30;
const CALL_SIZE: usize = HEADERS - CALL;
const VERSION: u32 = 0x0300_0000;
/// "VRPC".
const SIGNATURE: u32 = 0x4350_5256;

pub(crate) mod function {
    //! What a driver calls.

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
    //! What comes unasked.

    pub(crate) const FIRST: u32 = 0x1000;
    pub(crate) const INIT_DONE: u32 = 0x1001;
    pub(crate) const SEQUENCER: u32 = 0x1002;
    pub(crate) const POST: u32 = 0x1003;
}

/// What is wrong with a queue: nothing in it can be believed any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Poison {
    /// A pointer past the end of the ring, or one that went backwards.
    Pointer,
    /// A message of so many pages, or of more than were written.
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

/// The headers of a command.
pub(crate) fn headers(transport: u32, function: u32, call: u32, payload: &[u8]) -> [u8; HEADERS] {
    let mut bytes = [0; HEADERS];
    put(&mut bytes, 0x24, transport);
    put(&mut bytes, 0x28, pages(payload.len()));
    for (i, value) in [
        VERSION,
        SIGNATURE,
        (CALL_SIZE + payload.len()) as u32,
        function,
        u32::MAX,
        u32::MAX,
        call,
    ]
    .into_iter()
    .enumerate()
    {
        put(&mut bytes, CALL + 4 * i, value);
    }
    let checksum = fold(sum(&bytes) ^ sum(payload));
    put(&mut bytes, 0x20, checksum);
    bytes
}

/// Returns the number of pages for a message with that much payload.
pub(crate) fn pages(payload: usize) -> u32 {
    (HEADERS + payload).div_ceil(PAGE) as u32
}

/// What the headers of a message say, as far as it has been found to be possible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) pages: u32,
    /// Where the message ends.
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
        bytes: &[u8; HEADERS],
        available: u32,
        transport: u32,
    ) -> Result<Self, Poison> {
        let pages = word(bytes, 0x28);
        if pages == 0 || pages as usize * PAGE > LARGEST || pages > available {
            return Err(Poison::Pages);
        }
        let length = word(bytes, CALL + 8) as usize;
        if !(CALL_SIZE..=LARGEST).contains(&length) {
            return Err(Poison::Length);
        }
        let end = CALL + length;
        if end.div_ceil(PAGE) != pages as usize {
            return Err(Poison::Length);
        }
        if word(bytes, 0x24) != transport {
            return Err(Poison::Sequence);
        }
        if word(bytes, CALL) != VERSION || word(bytes, CALL + 4) != SIGNATURE {
            return Err(Poison::Header);
        }
        Ok(Self {
            pages,
            end,
            function: word(bytes, CALL + 12),
            call: word(bytes, CALL + 24),
            result: word(bytes, CALL + 16),
        })
    }

    /// Checks the checksum of the whole message.
    pub(crate) fn check(message: &[u8]) -> Result<(), Poison> {
        match fold(sum(message)) {
            0 => Ok(()),
            _ => Err(Poison::Checksum),
        }
    }
}
