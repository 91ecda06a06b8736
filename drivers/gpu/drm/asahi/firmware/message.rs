// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The messages of the rings: decoding of what the firmware writes, encoding of what it reads.
//!
//! Their fields are not aligned, so entries are put together and taken apart byte by byte.

use super::stamp::Stamp;
use crate::hw::FirmwareAbi;

/// The little-endian word at `at`; zero if the entry is too short for it.
pub(crate) fn word32(entry: &[u8], at: usize) -> u32 {
    entry
        .get(at..at + 4)
        .and_then(|b| b.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

/// The little-endian double word at `at`; zero if the entry is too short for it.
pub(crate) fn word64(entry: &[u8], at: usize) -> u64 {
    u64::from(word32(entry, at)) | u64::from(word32(entry, at + 4)) << 32
}

/// A message of the event ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The GPU accessed memory that it may not, and everything has been stopped.
    Fault,
    /// The stamps of these slots have grown.
    Flag([u32; 4]),
    /// A command made no progress, and everything has been stopped.
    Timeout {
        /// How often the firmware had stopped before.
        counter: u32,
        /// Slot of the command.
        slot: Option<u32>,
    },
    /// A tiled vertex buffer needs more memory.
    GrowTvb {
        /// Slot of the VM.
        vm_slot: u32,
        /// Slot of the buffer.
        buffer_slot: u32,
        /// To be given back in the acknowledgement.
        counter: u32,
    },
    /// One work queue could not go on. Others are not affected.
    ChannelError {
        /// Why.
        error: u32,
        /// Its pipe.
        pipe: u32,
        /// Its event slot.
        slot: u32,
        /// The last command that is lost.
        value: Stamp,
    },
    /// Of a type whose meaning is not known.
    Unknown(u32),
}

impl Event {
    /// Bytes of an entry.
    pub(crate) const SIZE: usize = 0x38;

    /// Decodes an entry.
    pub(crate) fn decode(entry: &[u8; Self::SIZE]) -> Self {
        let word = |at| word32(entry, at);
        match word(0) {
            0 => Event::Fault,
            1 => Event::Flag([word(4), word(8), word(0xc), word(0x10)]),
            4 => Event::Timeout {
                counter: word(4),
                slot: Some(word(0xc)).filter(|&slot| slot != !0),
            },
            7 => Event::GrowTvb {
                vm_slot: word(4),
                buffer_slot: word(8),
                counter: word(0xc),
            },
            8 => Event::ChannelError {
                error: word(4),
                pipe: word(8),
                slot: word(0xc),
                value: Stamp(word(0x10)),
            },
            other => Event::Unknown(other),
        }
    }
}

/// Name of a [`Event::ChannelError`].
pub(crate) const fn channel_error_name(error: u32) -> &'static str {
    match error {
        0 => "memory error",
        1 => "data master killed",
        2 => "aborted",
        _ => "unknown error",
    }
}

/// A message to the device control ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceControl {
    /// Come up.
    Initialize,
    /// Forget a context.
    DestroyContext {
        /// Its address.
        address: u64,
        /// The bytes 0x23, 0x00, 0x01 and 0x04 of it.
        ids: ContextIds,
    },
    /// Go on with a work queue after [`Event::ChannelError`].
    RecoverChannel {
        /// As in the event.
        pipe: u32,
        /// Address of its QueueInfo.
        queue_info: u64,
        /// As in the event.
        value: Stamp,
    },
}

/// What the firmware keeps in a context to find its own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContextIds {
    /// Byte 0x23.
    pub(crate) unk_23: u8,
    /// Bytes 0x00, 0x01, 0x04.
    pub(crate) unk_00: [u8; 3],
}

impl DeviceControl {
    /// Most bytes that any of them has.
    const LENGTH: usize = 0x30;

    /// No context, but destroying it makes the firmware clean its whole data cache.
    pub(crate) const FLUSH: Self = DeviceControl::DestroyContext {
        address: 0,
        ids: ContextIds {
            unk_23: 0,
            unk_00: [0xff, 0xff, 0],
        },
    };

    /// The entry of the ring. Ring entries may be longer: the rest is zero.
    pub(crate) fn encode(&self, abi: FirmwareAbi) -> [u8; Self::LENGTH] {
        let mut entry = [0; Self::LENGTH];
        let mut put = |at: usize, bytes: &[u8]| entry[at..at + bytes.len()].copy_from_slice(bytes);

        // One type was inserted at 0x0d with 13.3.
        let id = match self {
            DeviceControl::RecoverChannel { .. } => 0x0e,
            DeviceControl::DestroyContext { .. } => 0x17,
            DeviceControl::Initialize => 0x19,
        } + match abi {
            FirmwareAbi::V12 => 0u32,
            FirmwareAbi::V13 => 1,
        };
        put(0, &id.to_le_bytes());

        match (self, abi) {
            (DeviceControl::Initialize, _) => (),
            (DeviceControl::DestroyContext { address, ids }, FirmwareAbi::V12) => {
                put(0x8, &[ids.unk_23]);
                put(0x14, &ids.unk_00);
                put(0x1c, &address.to_le_bytes());
            }
            (DeviceControl::DestroyContext { address, ids }, FirmwareAbi::V13) => {
                put(0x8, &[ids.unk_23]);
                put(0x11, &ids.unk_00);
                put(0x14, &address.to_le_bytes());
            }
            (
                DeviceControl::RecoverChannel {
                    pipe,
                    queue_info,
                    value,
                },
                _,
            ) => {
                put(0x4, &pipe.to_le_bytes());
                put(0x8, &queue_info.to_le_bytes());
                put(0x10, &value.0.to_le_bytes());
            }
        }
        entry
    }
}

/// A message to a pipe: "this queue has work".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PipeMessage {
    /// Pipe: 0 vertex, 1 fragment, 2 compute.
    pub(crate) pipe: u32,
    /// Address of the QueueInfo.
    pub(crate) queue_info: u64,
    /// Write index of the queue's ring after this submission.
    pub(crate) write_index: u32,
    /// Event slot of the queue.
    pub(crate) slot: u32,
    /// Whether this is the first message ever for the queue.
    pub(crate) is_new: bool,
}

impl PipeMessage {
    /// The entry of the ring. Ring entries may be longer: the rest is zero.
    pub(crate) fn encode(&self) -> [u8; 0x30] {
        let mut entry = [0; 0x30];
        let mut put = |at: usize, bytes: &[u8]| entry[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x00, &self.pipe.to_le_bytes());
        put(0x04, &self.queue_info.to_le_bytes());
        put(0x0c, &self.write_index.to_le_bytes());
        put(0x10, &self.slot.to_le_bytes());
        put(0x14, &u32::from(self.is_new).to_le_bytes());
        entry
    }
}

/// A message to the FwCtl ring: "this range is about to be unmapped, let go of it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unmap {
    /// Where it begins.
    pub(crate) address: u64,
    /// Flush slot: a VM slot, or 64 for the kernel half.
    pub(crate) slot: u32,
    /// Its length in pages.
    pub(crate) pages: u16,
}

impl Unmap {
    /// The entry of the ring.
    pub(crate) fn encode(&self) -> [u8; 0x14] {
        let mut entry = [0; 0x14];
        let mut put = |at: usize, bytes: &[u8]| entry[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x00, &self.address.to_le_bytes());
        put(0x0c, &self.slot.to_le_bytes());
        put(0x10, &self.pages.to_le_bytes());
        put(0x12, &2u16.to_le_bytes());
        entry
    }
}

/// Bytes of a log payload.
pub(crate) const LOG_PAYLOAD_SIZE: usize = 0xd8;

/// The text of a log payload, up to its end or to the first byte that is not ASCII.
///
/// `None` if it is not a log payload.
pub(crate) fn log_text(payload: &[u8; LOG_PAYLOAD_SIZE]) -> Option<&str> {
    if word32(payload, 0) != 3 {
        return None;
    }
    let text = &payload[0x10..];
    let end = text
        .iter()
        .position(|&b| b == 0 || !b.is_ascii() || (b.is_ascii_control() && b != b'\n'))
        .unwrap_or(text.len());
    core::str::from_utf8(&text[..end]).ok().map(str::trim_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(words: &[u32]) -> Event {
        let mut entry = [0; Event::SIZE];
        for (i, w) in words.iter().enumerate() {
            entry[i * 4..][..4].copy_from_slice(&w.to_le_bytes());
        }
        Event::decode(&entry)
    }

    #[test]
    fn events() {
        assert_eq!(event(&[0]), Event::Fault);
        assert_eq!(event(&[1, 1, 2, 3, 4]), Event::Flag([1, 2, 3, 4]));
        assert_eq!(
            event(&[4, 7, 99, 127]),
            Event::Timeout {
                counter: 7,
                slot: Some(127)
            }
        );
        assert_eq!(
            event(&[4, 7, 99, !0]),
            Event::Timeout {
                counter: 7,
                slot: None
            }
        );
        assert_eq!(
            event(&[8, 1, 2, 3, 0x500]),
            Event::ChannelError {
                error: 1,
                pipe: 2,
                slot: 3,
                value: Stamp(0x500)
            }
        );
        assert_eq!(event(&[6]), Event::Unknown(6));
    }

    #[test]
    fn types_moved_with_13_3() {
        let id = |m: DeviceControl, abi| word32(&m.encode(abi), 0);
        let recover = DeviceControl::RecoverChannel {
            pipe: 2,
            queue_info: 0xffff_ffa0_1234_5678,
            value: Stamp(0x1_0200),
        };
        for (message, v12, v13) in [
            (DeviceControl::Initialize, 0x19, 0x1a),
            (DeviceControl::FLUSH, 0x17, 0x18),
            (recover, 0x0e, 0x0f),
        ] {
            assert_eq!(id(message, FirmwareAbi::V12), v12);
            assert_eq!(id(message, FirmwareAbi::V13), v13);
        }
        let entry = recover.encode(FirmwareAbi::V13);
        assert_eq!(word32(&entry, 4), 2);
        assert_eq!(word64(&entry, 8), 0xffff_ffa0_1234_5678);
        assert_eq!(word32(&entry, 0x10), 0x1_0200);
    }

    #[test]
    fn destroy_context_is_packed_since_13() {
        let message = DeviceControl::DestroyContext {
            address: 0xffff_ffa8_0000_0080,
            ids: ContextIds {
                unk_23: 2,
                unk_00: [3, 4, 5],
            },
        };
        let v12 = message.encode(FirmwareAbi::V12);
        assert_eq!((v12[0x8], &v12[0x14..0x17]), (2, &[3, 4, 5][..]));
        assert_eq!(word64(&v12, 0x1c), 0xffff_ffa8_0000_0080);
        let v13 = message.encode(FirmwareAbi::V13);
        assert_eq!((v13[0x8], &v13[0x11..0x14]), (2, &[3, 4, 5][..]));
        assert_eq!(word64(&v13, 0x14), 0xffff_ffa8_0000_0080);
        assert_eq!(&v13[0x1c..], &[0; 0x14]);
    }

    #[test]
    fn pipe_and_unmap() {
        let entry = PipeMessage {
            pipe: 2,
            queue_info: 0xffff_ffa0_0000_0100,
            write_index: 5,
            slot: 9,
            is_new: true,
        }
        .encode();
        assert_eq!(word64(&entry, 4), 0xffff_ffa0_0000_0100);
        assert_eq!(
            [0, 0xc, 0x10, 0x14].map(|at| word32(&entry, at)),
            [2, 5, 9, 1]
        );

        let entry = Unmap {
            address: 0xffff_ffa0_0010_0000,
            slot: 64,
            pages: 0x40,
        }
        .encode();
        assert_eq!(word64(&entry, 0), 0xffff_ffa0_0010_0000);
        assert_eq!(
            [8, 0xc, 0x10].map(|at| word32(&entry, at)),
            [0, 64, 0x2_0040]
        );
    }

    #[test]
    fn log_texts() {
        let mut payload = [0; LOG_PAYLOAD_SIZE];
        assert_eq!(log_text(&payload), None);
        payload[0] = 3;
        assert_eq!(log_text(&payload), Some(""));
        payload[0x10..0x17].copy_from_slice(b"hello\n\0");
        assert_eq!(log_text(&payload), Some("hello"));
        payload[0x12] = 0xff;
        assert_eq!(log_text(&payload), Some("he"));
        payload[0x10..].fill(b'x');
        assert_eq!(log_text(&payload).map(str::len), Some(0xc8));
    }
}
