// SPDX-License-Identifier: MIT

//! Messages through the mailbox, on the endpoints that are the firmware's own.
//!
//! Below these endpoints RTKit speaks; its messages are the RTKit library's business.

/// The firmware: initialisation, and the doorbell of the channels that the firmware writes.
pub const ENDPOINT_FIRMWARE: u8 = 0x20;
/// The doorbell of the channels that the host writes.
pub const ENDPOINT_DOORBELL: u8 = 0x21;

/// Bits 63:48 of a message say its type.
const TYPE_SHIFT: u32 = 48;

/// Type, to the firmware: bits 43:0 are the address of [`crate::init::InitData`]. The firmware
/// extends its sign.
pub const TYPE_INIT: u16 = 0x81;
/// Type, from the firmware: some channel that the firmware writes has news. One message may stand
/// for any number of entries, or for none.
pub const TYPE_RX_DOORBELL: u16 = 0x42;
/// Type, doorbell: bits 15:0 are a channel, see [`pipe_doorbell`], [`DOORBELL_KICK`] and
/// [`DOORBELL_DEVICE_CONTROL`].
pub const TYPE_TX_DOORBELL: u16 = 0x83;
/// Type, doorbell: the firmware control channel has news.
pub const TYPE_FW_CTL_DOORBELL: u16 = 0x84;
/// Type, doorbell: halt [?]. Never sent.
pub const TYPE_HALT: u16 = 0x85;

/// The number of bits of an address that fit in a message.
const ADDRESS_BITS: u32 = 44;

/// Wakes the firmware. No channel is behind it.
pub const DOORBELL_KICK: u16 = 0x10;
/// The device control channel has news.
pub const DOORBELL_DEVICE_CONTROL: u16 = 0x11;

/// Returns the message of a type.
pub const fn message(kind: u16, payload: u64) -> u64 {
    ((kind as u64) << TYPE_SHIFT) | payload
}

/// Returns the type of a message.
pub const fn kind(message: u64) -> u16 {
    (message >> TYPE_SHIFT) as u16
}

/// Returns the message that names the init data.
pub const fn init(address: u64) -> u64 {
    message(TYPE_INIT, address & ((1 << ADDRESS_BITS) - 1))
}

/// Returns the address in an [`init`] message, its sign extended.
pub const fn init_address(message: u64) -> u64 {
    const SHIFT: u32 = 64 - ADDRESS_BITS;
    (((message << SHIFT) as i64) >> SHIFT) as u64
}

/// Returns the doorbell of the pipe for work of `kind` (see [`crate::channel::PipeKind`]) at
/// `priority`, 0 being the highest.
pub const fn pipe_doorbell(kind: u32, priority: u32) -> u16 {
    (kind | (priority << 2)) as u16
}
