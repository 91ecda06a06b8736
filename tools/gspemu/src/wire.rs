// SPDX-License-Identifier: MIT OR Apache-2.0

//! Messages: what one looks like in the pages of a queue.
//!
//! A message takes whole pages. It begins with the transport's header, which is followed by the
//! header of the remote procedure call (32 bytes) and its payload.
//!
//! | framing | the transport's header |
//! |---|---|
//! | v0 | 48 bytes: tag and additional data, unused; checksum; sequence; number of pages |
//! | v2 | 24 bytes: "MCTP", length of all, headers of MCTP and NVDM, length of the call, 0 |

use std::fmt;
use std::str::FromStr;

/// The size of a page of a queue.
pub const PAGE: usize = 0x1000;
/// The header of a call.
pub const CALL: usize = 0x20;
/// The largest message, headers included.
pub const LARGEST: usize = 16 * PAGE;

/// "MCTP".
const MAGIC: u32 = 0x4d43_5450;
/// One packet that is the whole message, of version 1.
const MCTP: u32 = 0xc000_0001;
/// A message of the vendor's for its resource manager. The vendor's number is part of the format,
/// whoever makes the device.
const NVDM: u32 = 0x2510_de7e;
const ELEMENT_LENGTH: usize = 4;
const MESSAGE_LENGTH: usize = 0x10;

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
    /// A word of the header of v2.
    Element { at: usize, is: u32, expected: u32 },
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
            Self::Element { at, is, expected } => {
                write!(
                    f,
                    "{is:#x} at {at:#x} of an element, expected {expected:#x}"
                )
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

/// How messages are framed, and where the pointers of the queues are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// As firmware 570.144 does: pointers in memory.
    #[default]
    V0,
    /// As newer firmware does: pointers in registers, and no checksum.
    V2,
}

impl Framing {
    /// The size of the transport's header.
    pub const fn transport(self) -> usize {
        match self {
            Self::V0 => 0x30,
            Self::V2 => 0x18,
        }
    }

    /// The size of both headers.
    pub const fn headers(self) -> usize {
        self.transport() + CALL
    }

    /// The largest payload of a message.
    pub const fn payload(self) -> usize {
        LARGEST - self.headers()
    }
}

impl FromStr for Framing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "v0" => Ok(Self::V0),
            "v2" => Ok(Self::V2),
            _ => Err(format!("{text:?} is no framing: v0, v2")),
        }
    }
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
pub fn pages(framing: Framing, first: &[u8]) -> Result<usize, Malformed> {
    let pages = match framing {
        Framing::V0 => word(first, PAGES),
        Framing::V2 => {
            for (at, expected) in [(0, MAGIC), (8, MCTP), (12, NVDM)] {
                let is = word(first, at);
                if is != expected {
                    return Err(Malformed::Element { at, is, expected });
                }
            }
            word(first, ELEMENT_LENGTH).div_ceil(PAGE as u32)
        }
    };
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
    pub fn decode(framing: Framing, bytes: &[u8], expected: u32) -> Result<Self, Malformed> {
        let pages = pages(framing, bytes)? as u32;
        let call = &bytes[framing.transport()..];
        let length = word(call, 8);
        let end = framing.transport() + length as usize;
        if (length as usize) < CALL || end > LARGEST || end.div_ceil(PAGE) != pages as usize {
            return Err(Malformed::Length { length, pages });
        }
        let is = match framing {
            Framing::V0 => {
                let sum = checksum(&bytes[..end]);
                if sum != 0 {
                    return Err(Malformed::Checksum(sum));
                }
                let is = word(bytes, SEQUENCE);
                if is != expected {
                    return Err(Malformed::Sequence { is, expected });
                }
                is
            }
            Framing::V2 => {
                let all = framing.transport() as u32 + length;
                for (at, expected) in [(ELEMENT_LENGTH, all), (MESSAGE_LENGTH, length), (0x14, 0)] {
                    let is = word(bytes, at);
                    if is != expected {
                        return Err(Malformed::Element { at, is, expected });
                    }
                }
                expected
            }
        };
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
            payload: bytes[framing.headers()..end].to_vec(),
        })
    }

    /// The message in whole pages.
    pub fn encode(&self, framing: Framing) -> Vec<u8> {
        let end = framing.headers() + self.payload.len();
        let mut bytes = vec![0; end.next_multiple_of(PAGE)];
        match framing {
            Framing::V0 => {
                put(&mut bytes, SEQUENCE, self.sequence);
                put(&mut bytes, PAGES, end.div_ceil(PAGE) as u32);
            }
            Framing::V2 => {
                let message = (CALL + self.payload.len()) as u32;
                for (i, value) in [MAGIC, end as u32, MCTP, NVDM, message]
                    .into_iter()
                    .enumerate()
                {
                    put(&mut bytes, 4 * i, value);
                }
            }
        }
        let call = &mut bytes[framing.transport()..];
        put(call, 0, VERSION);
        put(call, 4, SIGNATURE);
        put(call, 8, (CALL + self.payload.len()) as u32);
        put(call, 12, self.function);
        put(call, 16, self.result);
        put(call, 20, self.result);
        put(call, 24, self.call);
        call[CALL..CALL + self.payload.len()].copy_from_slice(&self.payload);
        seal(framing, &mut bytes, end);
        bytes
    }
}

/// Sets the checksum of a message that ends at `end`.
pub fn seal(framing: Framing, bytes: &mut [u8], end: usize) {
    if framing == Framing::V2 {
        return;
    }
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
    pub fn apply(self, framing: Framing, bytes: &mut [u8]) {
        let call = framing.transport();
        match (self, framing) {
            (Self::Checksum, Framing::V0) => bytes[call + 12] ^= 0x40,
            // There is none: what stands for it is the first word.
            (Self::Checksum, Framing::V2) => bytes[0] ^= 0x40,
            (Self::Length, _) => put(bytes, call + 8, 0x00ff_fff0),
            (Self::Short, _) => put(bytes, call + 8, 4),
            (Self::Signature, _) => put(bytes, call + 4, 0x4350_5257),
            (Self::Pages, Framing::V0) => put(bytes, PAGES, 0),
            (Self::Pages, Framing::V2) => put(bytes, ELEMENT_LENGTH, 0),
            (Self::Pointer, _) => return,
        }
        if !matches!(self, Self::Checksum) {
            let end = framing.headers().min(bytes.len());
            seal(framing, bytes, end);
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
        for framing in [Framing::V0, Framing::V2] {
            let headers = framing.headers();
            for length in [
                0,
                1,
                7,
                PAGE - headers,
                PAGE - headers + 1,
                framing.payload(),
            ] {
                let message = message(length);
                let bytes = message.encode(framing);
                assert_eq!(bytes.len() % PAGE, 0);
                assert_eq!(pages(framing, &bytes), Ok(bytes.len() / PAGE));
                assert_eq!(Message::decode(framing, &bytes, 7), Ok(message));
            }
        }
    }

    #[test]
    fn layout_of_v2() {
        let bytes = message(3).encode(Framing::V2);
        assert_eq!(&bytes[..4], b"PTCM");
        let words: Vec<_> = (0..6).map(|i| word(&bytes, 4 * i)).collect();
        assert_eq!(words[1..], [59, 0xc000_0001, 0x2510_de7e, 35, 0]);
        assert_eq!(&bytes[0x1c..0x20], b"VRPC");
        assert_eq!((word(&bytes, 0x20), word(&bytes, 0x30)), (35, 0x1234));
        assert_eq!(bytes[0x38..0x3c], [0, 1, 2, 0]);
    }

    /// Made by hand from the description of the format.
    #[test]
    fn layout() {
        let bytes = message(3).encode(Framing::V0);
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
        for framing in [Framing::V0, Framing::V2] {
            let good = message(100).encode(framing);
            let decode = |damage: Damage| {
                let mut bytes = good.clone();
                damage.apply(framing, &mut bytes);
                Message::decode(framing, &bytes, 7)
            };
            assert!(matches!(
                (framing, decode(Damage::Checksum)),
                (Framing::V0, Err(Malformed::Checksum(_)))
                    | (Framing::V2, Err(Malformed::Element { at: 0, .. }))
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
        }
        let good = message(100).encode(Framing::V0);
        let wrong = Message::decode(Framing::V0, &good, 8);
        assert_eq!(wrong, Err(Malformed::Sequence { is: 7, expected: 8 }));
    }
}
