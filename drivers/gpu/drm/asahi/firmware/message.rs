// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The messages of the rings, decoded.

use super::stamp::Stamp;
pub(crate) use agx_abi::channel::PipeKind;
use agx_abi::channel::{
    self,
    device_control,
    event,
    ChannelErrorEvent,
    DeviceControlMessage,
    EventMessage,
    FlagEvent,
    FwLogPayload,
    GrowTvbEvent,
    TimeoutEvent, //
};
use agx_abi::{
    Abi,
    Numbers,
    Value, //
};

/// A message of the event ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The GPU accessed memory that it may not, and everything has been stopped.
    Fault,
    /// The stamps of these slots have grown.
    Flag([u32; 4]),
    /// A command made no progress, and everything has been stopped.
    Timeout {
        /// Number of earlier halts of the firmware.
        counter: u32,
        /// Slot of the command.
        slot: Option<u32>,
    },
    /// One work queue could not go on. Others are not affected.
    ChannelError {
        /// Reason of the error.
        error: u32,
        /// The pipe of the command.
        pipe: u32,
        /// The event slot of the command.
        slot: u32,
        /// The last command that is lost.
        value: Stamp,
    },
    /// A tiled vertex buffer has to grow.
    GrowTvb(GrowTvb),
    /// A message of an unknown type.
    Other(u32),
}

/// A request to grow a tiled vertex buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrowTvb {
    pub(crate) vm_slot: u32,
    pub(crate) buffer_slot: u32,
    pub(crate) counter: u32,
}

impl Event {
    /// Decodes an entry.
    pub(crate) fn decode(entry: EventMessage) -> Self {
        let bytes = *entry.as_bytes();
        match entry.get(EventMessage::KIND) {
            event::FAULT => Event::Fault,
            event::FLAG => Event::Flag(FlagEvent::from_bytes(bytes).get(FlagEvent::FIRING)),
            event::TIMEOUT => {
                let timeout = TimeoutEvent::from_bytes(bytes);
                Event::Timeout {
                    counter: timeout.get(TimeoutEvent::COUNTER),
                    slot: u32::try_from(timeout.get(TimeoutEvent::EVENT_SLOT)).ok(),
                }
            }
            event::CHANNEL_ERROR => {
                let error = ChannelErrorEvent::from_bytes(bytes);
                Event::ChannelError {
                    error: error.get(ChannelErrorEvent::ERROR),
                    pipe: error.get(ChannelErrorEvent::PIPE),
                    slot: error.get(ChannelErrorEvent::EVENT_SLOT),
                    value: Stamp(error.get(ChannelErrorEvent::EVENT_VALUE)),
                }
            }
            event::GROW_TVB => {
                let grow = GrowTvbEvent::from_bytes(bytes);
                Event::GrowTvb(GrowTvb {
                    vm_slot: grow.get(GrowTvbEvent::VM_SLOT),
                    buffer_slot: grow.get(GrowTvbEvent::BUFFER_SLOT),
                    counter: grow.get(GrowTvbEvent::COUNTER),
                })
            }
            other => Event::Other(other),
        }
    }
}

/// Returns the name of the error of an [`Event::ChannelError`].
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
    /// The first command, at boot.
    Initialize,
    /// Destroys a context.
    DestroyContext {
        /// The address of the context.
        address: u64,
        /// The firmware's indices in the context's data.
        ids: ContextIds,
    },
    /// Answers a request to grow: the firmware goes on with the buffer's present size.
    GrowTvbAck {
        /// The request.
        grow: GrowTvb,
        /// Number of halts of the firmware so far.
        halt_count: u64,
    },
    /// Resumes a work queue after [`Event::ChannelError`].
    RecoverChannel {
        /// The pipe that the event names.
        pipe: u32,
        /// Address of its QueueInfo.
        queue_info: u64,
        /// The stamp that the event names.
        value: Stamp,
    },
}

/// The firmware's indices into its own tables, which it keeps in the data of a context. The names
/// are those of [`agx_abi::queue::GpuContextData`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContextIds {
    pub(crate) queue_table_index: u8,
    pub(crate) pid_table_index: u8,
    pub(crate) unk_4: u8,
    pub(crate) unk_23: u8,
}

impl DeviceControl {
    /// Flushes the firmware's whole data cache, as a destroy command without a context.
    pub(crate) const FLUSH: Self = DeviceControl::DestroyContext {
        address: 0,
        ids: ContextIds {
            queue_table_index: 0xff,
            pid_table_index: 0xff,
            unk_4: 0,
            unk_23: 0,
        },
    };

    /// Returns the entry of the ring, of version `abi`.
    pub(crate) fn encode(&self, abi: Abi) -> DeviceControlMessage {
        let kind = |types: Numbers| types.of(abi) as u32;
        // All of them have the size of an entry.
        let any = |message: &[u8]| DeviceControlMessage::read_in(abi, message);
        match *self {
            DeviceControl::Initialize => {
                let mut message = DeviceControlMessage::new(abi);
                message.set(DeviceControlMessage::KIND, kind(device_control::INITIALIZE));
                message
            }
            DeviceControl::DestroyContext { address, ids } => {
                use channel::DestroyContext as Message;
                let mut message = Message::new(abi);
                message
                    .set(Message::KIND, kind(device_control::DESTROY_CONTEXT))
                    .set(Message::UNK_23, ids.unk_23)
                    .set(Message::QUEUE_TABLE_INDEX, ids.queue_table_index)
                    .set(Message::PID_TABLE_INDEX, ids.pid_table_index)
                    .set(Message::UNK_CONTEXT_4, ids.unk_4)
                    .set(Message::CONTEXT, address);
                any(message.as_bytes())
            }
            DeviceControl::GrowTvbAck { grow, halt_count } => {
                use channel::GrowTvbAck as Message;
                let mut message = Message::new(abi);
                message
                    .set(Message::KIND, kind(device_control::GROW_TVB_ACK))
                    .set(Message::UNK_4, 1)
                    .set(Message::BUFFER_SLOT, grow.buffer_slot)
                    .set(Message::VM_SLOT, grow.vm_slot)
                    .set(Message::COUNTER, grow.counter)
                    .set(Message::HALT_COUNT, halt_count);
                any(message.as_bytes())
            }
            DeviceControl::RecoverChannel {
                pipe,
                queue_info,
                value,
            } => {
                use channel::RecoverChannel as Message;
                let mut message = Message::new(abi);
                message
                    .set(Message::KIND, kind(device_control::RECOVER_CHANNEL))
                    .set(Message::PIPE, pipe)
                    .set(Message::QUEUE, queue_info)
                    .set(Message::EVENT_VALUE, value.0);
                any(message.as_bytes())
            }
        }
    }
}

/// A message to a pipe: "this queue has work".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PipeMessage {
    /// Version of the firmware's interface.
    pub(crate) abi: Abi,
    /// Which pipe.
    pub(crate) kind: PipeKind,
    /// Address of the QueueInfo.
    pub(crate) queue_info: u64,
    /// Write index of the queue's ring after this submission.
    pub(crate) write_index: u32,
    /// Event slot of the queue.
    pub(crate) slot: u32,
    /// True if this is the first message ever for the queue.
    pub(crate) is_new: bool,
}

impl PipeMessage {
    /// Returns the entry of the ring.
    pub(crate) fn encode(&self) -> channel::PipeMessage {
        use channel::PipeMessage as Message;
        let mut message = Message::new(self.abi);
        message
            .set(Message::KIND, self.kind as u32)
            .set(Message::QUEUE, self.queue_info)
            .set(Message::WRITE_PTR, self.write_index)
            .set(Message::EVENT_SLOT, self.slot)
            .set(Message::IS_NEW, self.is_new.into());
        message
    }
}

/// Returns the text of a log payload, up to its end or to the first byte that cannot be printed.
///
/// `None` if it is not a log payload.
pub(crate) fn log_text(payload: &FwLogPayload) -> Option<&str> {
    if payload.get(FwLogPayload::KIND) != FwLogPayload::KIND_VALUE {
        return None;
    }
    let text = payload.as_bytes().get(FwLogPayload::TEXT.offset()..)?;
    let printable = |b: &u8| b.is_ascii() && !b.is_ascii_control();
    let end = text
        .iter()
        .position(|b| !printable(b))
        .unwrap_or(text.len());
    core::str::from_utf8(&text[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABI: Abi = Abi::G13V13_5;

    fn event(words: &[u32]) -> Event {
        let mut entry = [0; 0x38];
        for (i, w) in words.iter().enumerate() {
            entry[i * 4..][..4].copy_from_slice(&w.to_le_bytes());
        }
        Event::decode(EventMessage::from_bytes(entry))
    }

    fn words<const N: usize>(entry: &[u8], at: [usize; N]) -> [u32; N] {
        at.map(|at| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap()))
    }

    #[test]
    fn events() {
        assert_eq!(event(&[0]), Event::Fault);
        assert_eq!(event(&[1, 1, 2, 3, 4]), Event::Flag([1, 2, 3, 4]));
        for (raw, slot) in [(127, Some(127)), (!0, None)] {
            assert_eq!(event(&[4, 7, 99, raw]), Event::Timeout { counter: 7, slot });
        }
        assert_eq!(
            event(&[8, 1, 2, 3, 0x500]),
            Event::ChannelError {
                error: 1,
                pipe: 2,
                slot: 3,
                value: Stamp(0x500)
            }
        );
        assert_eq!(
            event(&[7, 1, 2, 3]),
            Event::GrowTvb(GrowTvb {
                vm_slot: 1,
                buffer_slot: 2,
                counter: 3
            })
        );
        assert_eq!(event(&[6]), Event::Other(6));
    }

    #[test]
    fn device_control() {
        let entry = DeviceControl::Initialize.encode(ABI);
        assert_eq!(words(entry.as_bytes(), [0, 4, 8]), [0x1a, 0, 0]);

        let entry = DeviceControl::RecoverChannel {
            pipe: 2,
            queue_info: 0xffff_ffa0_1234_5678,
            value: Stamp(0x1_0200),
        }
        .encode(ABI);
        assert_eq!(
            words(entry.as_bytes(), [0, 4, 8, 0xc, 0x10]),
            [0x0f, 2, 0x1234_5678, 0xffff_ffa0, 0x1_0200]
        );

        let grow = GrowTvb {
            vm_slot: 9,
            buffer_slot: 126,
            counter: 77,
        };
        let halt_count = 0x1_0000_0002;
        let entry = DeviceControl::GrowTvbAck { grow, halt_count }.encode(ABI);
        assert_eq!(
            words(
                entry.as_bytes(),
                [0, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c, 0x20]
            ),
            [0x0e, 1, 126, 9, 77, 0, 2, 1, 0]
        );

        let entry = DeviceControl::DestroyContext {
            address: 0xffff_ffa8_0000_0080,
            ids: ContextIds {
                queue_table_index: 3,
                pid_table_index: 4,
                unk_4: 5,
                unk_23: 2,
            },
        }
        .encode(ABI);
        let bytes = entry.as_bytes();
        assert_eq!(
            words(bytes, [0, 4, 0x14, 0x18]),
            [0x18, 0, 0x80, 0xffff_ffa8]
        );
        assert_eq!((bytes[0x8], &bytes[0x11..0x14]), (2, &[3, 4, 5][..]));

        // Firmware 12.3 has other types, and the context at other places.
        let entry = DeviceControl::Initialize.encode(Abi::G13V12_3);
        assert_eq!(words(entry.as_bytes(), [0, 4]), [0x19, 0]);
        let entry = DeviceControl::DestroyContext {
            address: 0xffff_ffa8_0000_0080,
            ids: ContextIds {
                queue_table_index: 3,
                pid_table_index: 4,
                unk_4: 5,
                unk_23: 2,
            },
        }
        .encode(Abi::G13V12_3);
        let bytes = entry.as_bytes();
        assert_eq!(
            words(bytes, [0, 4, 0x1c, 0x20]),
            [0x17, 0, 0x80, 0xffff_ffa8]
        );
        assert_eq!((bytes[0x8], &bytes[0x14..0x17]), (2, &[3, 4, 5][..]));
        let wide = DeviceControl::FLUSH.encode(Abi::G14V13_5);
        assert_eq!(wide.as_bytes().len(), 0x40);

        let flush = DeviceControl::FLUSH.encode(ABI);
        assert_eq!(&flush.as_bytes()[0x8..0x1c][9..12], &[0xff, 0xff, 0]);
        assert_eq!(words(flush.as_bytes(), [0x14, 0x18]), [0, 0]);
    }

    #[test]
    fn pipe() {
        let entry = PipeMessage {
            abi: ABI,
            kind: PipeKind::Compute,
            queue_info: 0xffff_ffa0_0000_0100,
            write_index: 5,
            slot: 9,
            is_new: true,
        }
        .encode();
        assert_eq!(
            words(entry.as_bytes(), [0, 4, 8, 0xc, 0x10, 0x14]),
            [2, 0x100, 0xffff_ffa0, 5, 9, 1]
        );
    }

    #[test]
    fn log_texts() {
        let text = |kind: u8, bytes: &[u8]| {
            let mut payload = [0; 0xd8];
            payload[0] = kind;
            payload[0x10..][..bytes.len()].copy_from_slice(bytes);
            log_text(&FwLogPayload::from_bytes(payload)).map(String::from)
        };
        assert_eq!(text(2, b"hello"), None);
        assert_eq!(text(3, b""), Some("".into()));
        assert_eq!(text(3, b"hello\nworld"), Some("hello".into()));
        assert_eq!(text(3, b"he\xffllo"), Some("he".into()));
        assert_eq!(text(3, &[b'x'; 0xc8]).map(|t| t.len()), Some(0xc8));
    }
}
