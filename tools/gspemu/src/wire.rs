// SPDX-License-Identifier: MIT OR Apache-2.0

//! Messages: what one looks like in the pages of a queue.
//!
//! A message takes whole pages. It begins with the transport's header (48 bytes: tag and additional
//! data, unused; checksum; sequence; number of pages), which is followed by the header of the
//! remote procedure call (32 bytes) and its payload.

use std::fmt;

/// The size of a page of a queue.
pub const PAGE: usize = 0x1000;
/// The transport's header.
pub const TRANSPORT: usize = 0x30;
/// The header of a call.
pub const CALL: usize = 0x20;
/// Both headers.
pub const HEADERS: usize = TRANSPORT + CALL;
/// The largest message, headers included.
pub const LARGEST: usize = 16 * PAGE;

const CHECKSUM: usize = 0x20;
const SEQUENCE: usize = 0x24;
const PAGES: usize = 0x28;
const VERSION: u32 = 0x0300_0000;
/// "VRPC".
const SIGNATURE: u32 = 0x4350_5256;

/// Functions that a driver calls.
pub mod function {
    pub const NOP: u32 = 0;
    pub const FREE: u32 = 10;
    pub const UNLOADING_GUEST_DRIVER: u32 = 47;
    pub const GET_GSP_STATIC_INFO: u32 = 65;
    pub const CONTINUATION_RECORD: u32 = 71;
    pub const GSP_SET_SYSTEM_INFO: u32 = 72;
    pub const SET_REGISTRY: u32 = 73;
    pub const GSP_RM_CONTROL: u32 = 76;
    pub const GSP_RM_ALLOC: u32 = 103;
}

/// Events: messages that nobody has asked for.
pub mod event {
    pub const GSP_INIT_DONE: u32 = 0x1001;
    pub const GSP_RUN_CPU_SEQUENCER: u32 = 0x1002;
    pub const POST_EVENT: u32 = 0x1003;
    pub const RC_TRIGGERED: u32 = 0x1004;
    pub const OS_ERROR_LOG: u32 = 0x1006;
}

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The number of pages is none that a message can have.
    Pages(u32),
    /// The length is none that fits into that many pages, or needs fewer.
    Length { length: u32, pages: u32 },
    /// The checksum over the message is not 0 but this.
    Checksum(u32),
    /// The version of the call's header.
    Version(u32),
    /// The signature of the call's header.
    Signature(u32),
    /// A driver fills in results.
    Result(u32, u32),
    /// The transport's sequence number.
    Sequence { is: u32, expected: u32 },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pages(n) => write!(f, "a message of {n} pages"),
            Self::Length { length, pages } => {
                write!(f, "a call of {length:#x} bytes in {pages} pages")
            }
            Self::Checksum(sum) => write!(f, "bad checksum: {sum:#x} is left"),
            Self::Version(v) => write!(f, "version {v:#x} of a call's header"),
            Self::Signature(s) => write!(f, "signature {s:#x} of a call's header"),
            Self::Result(a, b) => write!(f, "results {a:#x} and {b:#x} in a command"),
            Self::Sequence { is, expected } => {
                write!(f, "transport sequence {is}, expected {expected}")
            }
        }
    }
}

/// Reads a word.
///
/// # Panics
///
/// `bytes` is too short.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

/// Writes a word.
///
/// # Panics
///
/// `bytes` is too short.
pub fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// The checksum of `bytes`: all double words, and then both halves, by exclusive or. 0 over a good
/// message.
pub fn checksum(bytes: &[u8]) -> u32 {
    let sum = bytes.chunks(8).fold(0u64, |sum, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum ^ u64::from_le_bytes(word)
    });
    (sum >> 32) as u32 ^ sum as u32
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The transport's sequence number.
    pub sequence: u32,
    /// What is called, or has happened.
    pub function: u32,
    /// The call's sequence number, which its reply has, too.
    pub call: u32,
    /// The result.
    pub result: u32,
    /// What follows the headers.
    pub payload: Vec<u8>,
}

/// The number of pages that the message at the beginning of `first` claims to have.
///
/// # Errors
///
/// It is none.
pub fn pages(first: &[u8]) -> Result<usize, Malformed> {
    let pages = word(first, PAGES);
    match pages {
        1..=16 => Ok(pages as usize),
        _ => Err(Malformed::Pages(pages)),
    }
}

impl Message {
    /// Reads a message from a driver, from all its pages.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn decode(bytes: &[u8], expected: u32) -> Result<Self, Malformed> {
        let pages = word(bytes, PAGES);
        let call = &bytes[TRANSPORT..];
        let length = word(call, 8);
        let end = TRANSPORT + length as usize;
        if (length as usize) < CALL || end > LARGEST || end.div_ceil(PAGE) != pages as usize {
            return Err(Malformed::Length { length, pages });
        }
        let sum = checksum(&bytes[..end]);
        if sum != 0 {
            return Err(Malformed::Checksum(sum));
        }
        let is = word(bytes, SEQUENCE);
        if is != expected {
            return Err(Malformed::Sequence { is, expected });
        }
        if word(call, 0) != VERSION {
            return Err(Malformed::Version(word(call, 0)));
        }
        if word(call, 4) != SIGNATURE {
            return Err(Malformed::Signature(word(call, 4)));
        }
        let (result, private) = (word(call, 16), word(call, 20));
        if (result, private) != (u32::MAX, u32::MAX) {
            return Err(Malformed::Result(result, private));
        }
        Ok(Self {
            sequence: is,
            function: word(call, 12),
            call: word(call, 24),
            result,
            payload: bytes[HEADERS..end].to_vec(),
        })
    }

    /// The message in whole pages.
    pub fn encode(&self) -> Vec<u8> {
        let end = HEADERS + self.payload.len();
        let mut bytes = vec![0; end.next_multiple_of(PAGE)];
        put(&mut bytes, SEQUENCE, self.sequence);
        put(&mut bytes, PAGES, end.div_ceil(PAGE) as u32);
        let call = &mut bytes[TRANSPORT..];
        put(call, 0, VERSION);
        put(call, 4, SIGNATURE);
        put(call, 8, (CALL + self.payload.len()) as u32);
        put(call, 12, self.function);
        put(call, 16, self.result);
        put(call, 20, self.result);
        put(call, 24, self.call);
        call[CALL..CALL + self.payload.len()].copy_from_slice(&self.payload);
        seal(&mut bytes, end);
        bytes
    }
}

/// Sets the checksum of a message that ends at `end`.
pub fn seal(bytes: &mut [u8], end: usize) {
    put(bytes, CHECKSUM, 0);
    let sum = checksum(&bytes[..end]);
    put(bytes, CHECKSUM, sum);
}

/// How a message is broken on its way to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A bit of the payload or of the headers is another.
    Checksum,
    /// The length goes past the pages that were written.
    Length,
    /// The length is shorter than the header.
    Short,
    /// The signature.
    Signature,
    /// The number of pages is 0.
    Pages,
    /// The write pointer is out of range.
    Pointer,
}

impl Damage {
    /// Breaks the message in `bytes`. [`Self::Pointer`] is no matter of the message.
    pub fn apply(self, bytes: &mut [u8]) {
        match self {
            Self::Checksum => bytes[TRANSPORT + 12] ^= 0x40,
            Self::Length => put(bytes, TRANSPORT + 8, 0x00ff_fff0),
            Self::Short => put(bytes, TRANSPORT + 8, 4),
            Self::Signature => put(bytes, TRANSPORT + 4, 0x4350_5257),
            Self::Pages => put(bytes, PAGES, 0),
            Self::Pointer => return,
        }
        if !matches!(self, Self::Checksum) {
            let end = (HEADERS).min(bytes.len());
            seal(bytes, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Message {
        Message {
            sequence: 7,
            function: function::NOP,
            call: 0x1234,
            result: u32::MAX,
            payload: (0..length).map(|i| i as u8).collect(),
        }
    }

    #[test]
    fn there_and_back() {
        for length in [
            0,
            1,
            7,
            PAGE - HEADERS,
            PAGE - HEADERS + 1,
            LARGEST - HEADERS,
        ] {
            let message = message(length);
            let bytes = message.encode();
            assert_eq!(bytes.len() % PAGE, 0);
            assert_eq!(pages(&bytes), Ok(bytes.len() / PAGE));
            assert_eq!(Message::decode(&bytes, 7), Ok(message));
        }
    }

    /// Made by hand from the description of the format.
    #[test]
    fn layout() {
        let bytes = message(3).encode();
        assert_eq!(word(&bytes, 0x24), 7);
        assert_eq!(word(&bytes, 0x28), 1);
        assert_eq!(&bytes[0x34..0x38], b"VRPC");
        assert_eq!(word(&bytes, 0x38), 35);
        assert_eq!(word(&bytes, 0x48), 0x1234);
        assert_eq!(bytes[0x50..0x54], [0, 1, 2, 0]);
        assert_eq!(checksum(&[1, 0, 0, 0, 2, 0, 0, 0, 4]), 7);
    }

    #[test]
    fn damage_is_noticed() {
        let good = message(100).encode();
        let decode = |damage: Damage| {
            let mut bytes = good.clone();
            damage.apply(&mut bytes);
            pages(&bytes).and_then(|_| Message::decode(&bytes, 7))
        };
        assert!(matches!(
            decode(Damage::Checksum),
            Err(Malformed::Checksum(_))
        ));
        assert!(matches!(
            decode(Damage::Length),
            Err(Malformed::Length { .. })
        ));
        assert!(matches!(
            decode(Damage::Short),
            Err(Malformed::Length { length: 4, .. })
        ));
        assert!(decode(Damage::Signature).is_err());
        assert_eq!(decode(Damage::Pages), Err(Malformed::Pages(0)));
        let wrong = Message::decode(&good, 8);
        assert_eq!(wrong, Err(Malformed::Sequence { is: 7, expected: 8 }));
    }
}
