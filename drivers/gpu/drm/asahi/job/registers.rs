// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Parameters of commands as lists of registers, for firmware that takes them so.

use super::structure::Structure;
use agx_abi::{
    registers::{
        Register,
        RegisterArray,
        RegisterEntry,
        RegisterInfo, //
    },
    Field,
    Opt,
    Value, //
};

/// A list of registers that is being written to a command `S`.
pub(crate) struct RegisterList<'a, S> {
    command: Structure<'a, S>,
    list: Field<S, RegisterArray>,
    count: usize,
}

impl<'a, S: Value> RegisterList<'a, S> {
    /// Returns the list in field `list` of `command`, without a register yet.
    pub(crate) fn new(command: Structure<'a, S>, list: Field<S, RegisterArray>) -> Self {
        Self {
            command,
            list,
            count: 0,
        }
    }

    /// Adds a register, or both that hold the same.
    ///
    /// # Panics
    ///
    /// If the list is full. How long a list becomes does not depend on the client.
    pub(crate) fn set(&mut self, register: Register, value: impl Into<u64>) -> &mut Self {
        let value = value.into();
        for number in register.numbers() {
            self.push(number, value);
        }
        self
    }

    #[inline(never)]
    fn push(&mut self, number: u32, value: u64) {
        let entry = self.list.at(self.count);
        self.command
            .set(entry.then(RegisterEntry::NUMBER), number)
            .set(entry.then(RegisterEntry::VALUE), value);
        self.count += 1;
    }

    /// Completes the list: it is at `address`, and what is known of it goes to field `info`.
    pub(crate) fn finish(mut self, info: Field<S, Opt<RegisterInfo>>, address: u64) {
        self.command
            .put(info.then(RegisterInfo::ADDRESS), address)
            .put(info.then(RegisterInfo::COUNT), self.count as u16)
            .put(
                info.then(RegisterInfo::LENGTH),
                (self.count * RegisterEntry::SIZE) as u16,
            );
    }
}
