// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine that the driver here drives, and the version of the interface that it speaks.

use std::cell::Cell;

use agx_abi::registers::{Register, RegisterArray, RegisterEntry, RegisterInfo};
use agx_abi::{Abi, Everywhere, Field, Opt, Value};
use agxemu_firmware::chip::{Part, T8103};

use super::memory::Memory;

/// M1 with firmware 13.5: what the tests drive that say nothing else.
pub const ABI: Abi = Abi::G13V13_5;

thread_local! {
    /// Each test has a thread.
    static PART: Cell<Part> = const { Cell::new(Part::new(&T8103)) };
}

/// Has the drivers of this test drive `part` from now on.
pub fn drive(part: Part) {
    PART.set(part);
}

/// What the drivers of this test drive.
pub fn part() -> Part {
    PART.get()
}

/// The version of the interface that they speak.
pub fn abi() -> Abi {
    part().firmware.abi
}

/// Puts `registers` into the list of the command at `at`, in versions that have one.
pub fn set_registers<S: Everywhere>(
    mem: &Memory,
    at: u64,
    list: Field<S, Opt<RegisterArray>>,
    info: Field<S, Opt<RegisterInfo>>,
    registers: &[(Register, u64)],
) {
    let (Some(list), Some(info)) = (list.present(abi()), info.present(abi())) else {
        return;
    };
    let mut count = 0;
    for &(register, value) in registers {
        for number in register.numbers() {
            let entry = list.at(count);
            mem.set(at, entry.then(RegisterEntry::NUMBER), number);
            mem.set(at, entry.then(RegisterEntry::VALUE), value);
            count += 1;
        }
    }
    let address = at + list.offset_in(abi()) as u64;
    mem.set(at, info.then(RegisterInfo::ADDRESS), address);
    mem.set(at, info.then(RegisterInfo::COUNT), count as u16);
    let length = (count * <RegisterEntry as Value>::SIZE) as u16;
    mem.set(at, info.then(RegisterInfo::LENGTH), length);
}

/// Returns the address of a field of the structure at `base`, 0 if the version lacks the field.
pub fn find_at<S: Value, T: Value>(base: u64, field: Field<S, Opt<T>>) -> u64 {
    field
        .offset_in(abi())
        .map_or(0, |offset| base + offset as u64)
}

/// A field that some versions lack, and this one has.
pub trait Must {
    /// The field as one that is there.
    type Field;

    /// Returns it.
    fn must(self) -> Self::Field;
}

impl<S, T: Value> Must for Field<S, Opt<T>> {
    type Field = Field<S, T>;

    fn must(self) -> Field<S, T> {
        self.present(abi()).expect("the version has the field")
    }
}
