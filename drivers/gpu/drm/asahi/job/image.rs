// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory that tests have commands written to, and what all commands there have in common.

use super::{
    sequence::{
        Common,
        Memory,
        Part,
        Turn, //
    },
    structure::Structure, //
};
use agx_abi::{
    Abi,
    Everywhere, //
};
use std::convert::Infallible;

/// The version of the interface.
pub(crate) const ABI: Abi = Abi::G13V13_5;

/// Parameters that the commands of a queue share.
pub(crate) const COMMON: Common = Common {
    abi: ABI,
    queue: 0x1_0003,
    usc_exec_base: 0x11_0000_0000,
    queue_info: 0xffff_ffa0_0000_1000,
    notifier: 0xffff_ffa0_0000_2000,
    notifier_unk_buf: 0xffff_ffa0_0000_20a8,
    stats: 0xffff_ffa0_0000_3004,
};

/// Parameters that are known only when a command is submitted to the firmware.
pub(crate) const TURN: Turn = Turn {
    vm_slot: 9,
    counter: 0x1_0000_0001,
    event_seq: 0x1_0000_0002,
    slot: 77,
    host_stamp: 0xffff_ffa8_0000_0100,
    firmware_stamp: 0xffff_ffa0_0000_4100,
    value: 0x4d00_0300,
};

/// Memory that keeps to its bounds.
pub(crate) struct Image {
    pub(crate) command: Vec<u8>,
    pub(crate) sequence: Vec<u8>,
}

impl Memory for Image {
    type Error = Infallible;

    fn structure<S: Everywhere>(
        &mut self,
        abi: Abi,
        part: Part,
        offset: usize,
    ) -> Result<Structure<'_, S>, Infallible> {
        let memory = match part {
            Part::Command => &mut self.command,
            Part::Sequence => &mut self.sequence,
        };
        Ok(Structure::of(abi, &mut memory[offset..]))
    }
}

/// Checks that the command `bytes`, at address `at`, has exactly `expected` in the list of
/// registers at offset `list`, and what is known of that at `info`.
#[track_caller]
pub(crate) fn check_registers(
    bytes: &[u8],
    list: usize,
    info: usize,
    at: u64,
    expected: &[(u32, u64)],
) {
    let u16_at = |at: usize| usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());

    let count = u16_at(info + 8);
    assert_eq!(u64_at(info), at + list as u64);
    assert_eq!(u16_at(info + 0xa), count * 12);
    assert_eq!(bytes[info + 0xc..info + 0x10], [0; 4]);
    let found: Vec<_> = bytes[list..list + count * 12]
        .chunks_exact(12)
        .map(|entry| {
            let (number, value) = entry.split_at(4);
            (
                u32::from_le_bytes(number.try_into().unwrap()),
                u64::from_le_bytes(value.try_into().unwrap()),
            )
        })
        .collect();
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "register {i}: {found:x?}");
    }
    assert_eq!(found.len(), expected.len());
    let mut numbers: Vec<_> = found.iter().map(|(number, _)| number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "a register stands twice");
    assert!(bytes[list + count * 12..info].iter().all(|&b| b == 0));
}
