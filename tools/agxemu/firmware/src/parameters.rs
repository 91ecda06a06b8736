// SPDX-License-Identifier: MIT OR Apache-2.0

//! The parameters of a command for the hardware, which stand in structures of the command or in a
//! list of registers.
//!
//! A list is taken apart by number, in any order. One that stands twice is an error, as is one that
//! nobody has asked for: the firmware would give the GPU something that no command needs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use agx_abi::registers::{Register, RegisterArray, RegisterEntry, RegisterInfo, MAX};
use agx_abi::{Field, Opt, Value};

use crate::memory::Record;
use crate::panic::{bail, ensure, field, Fw};

/// A register of a list.
#[derive(Clone, Copy, Debug)]
struct Entry {
    value: u64,
    /// Whether somebody has asked for it.
    known: bool,
}

/// A list of registers.
pub struct Registers {
    /// The command, for messages.
    command: String,
    entries: RefCell<BTreeMap<u32, Entry>>,
}

impl Registers {
    /// Reads the list in fields `list` and `info` of the command `r`; `None` if the version has
    /// structures instead.
    pub fn read<S>(
        r: &Record,
        list: Field<S, Opt<RegisterArray>>,
        info: Field<S, Opt<RegisterInfo>>,
    ) -> Fw<Option<Self>> {
        let Some(list) = list.present(r.abi()) else {
            return Ok(None);
        };
        let info = r.present("register information", info)?;
        r.want(
            "address of the registers",
            info.then(RegisterInfo::ADDRESS),
            r.va + r.offset(list) as u64,
        )?;
        let count = r.get(info.then(RegisterInfo::COUNT));
        ensure!(usize::from(count) <= MAX, "{r}: {count} registers");
        let length = info.then(RegisterInfo::LENGTH);
        r.want("bytes of the registers", length, count * 12)?;
        r.want("word behind that", info.then(RegisterInfo::UNK_C), 0)?;
        let mut entries = BTreeMap::new();
        for i in 0..usize::from(count) {
            let entry = list.at(i);
            let number = r.get(entry.then(RegisterEntry::NUMBER));
            let value = r.get(entry.then(RegisterEntry::VALUE));
            let known = false;
            let before = entries.insert(number, Entry { value, known });
            ensure!(before.is_none(), "{r}: register {number:#x} stands twice");
        }
        let used = usize::from(count) * RegisterEntry::SIZE;
        r.zero(r.offset(list) + used..r.end(list))?;
        Ok(Some(Self {
            command: r.to_string(),
            entries: RefCell::new(entries),
        }))
    }

    /// Returns what `register` holds: both registers, if there are two.
    pub fn get(&self, register: Register) -> Fw<u64> {
        let mut found = None;
        let mut entries = self.entries.borrow_mut();
        for number in register.numbers() {
            let Some(entry) = entries.get_mut(&number) else {
                bail!("{self}: no register {number:#x}");
            };
            entry.known = true;
            if let Some(first) = found.replace(entry.value) {
                let name = format!("register {number:#x}");
                field!(self, name, entry.value, first);
            }
        }
        Ok(found.unwrap_or_default())
    }

    /// Returns what `register` holds, which has to fit into a word.
    pub fn word(&self, register: Register) -> Fw<u32> {
        let value = self.get(register)?;
        match u32::try_from(value) {
            Ok(word) => Ok(word),
            Err(_) => bail!("{self}: {} is {value:#x}", name(register)),
        }
    }

    /// Panics unless all of `registers` hold what stands beside them.
    pub fn want(&self, registers: &[(Register, u64)]) -> Fw<()> {
        for &(register, want) in registers {
            field!(self, name(register), self.get(register)?, want);
        }
        Ok(())
    }

    /// Panics if there is a register that nobody has asked for.
    pub fn finish(&self) -> Fw<()> {
        let entries = self.entries.borrow();
        match entries.iter().find(|(_, entry)| !entry.known) {
            Some((number, entry)) => {
                let value = entry.value;
                bail!("{self}: unknown register {number:#x}, which is given {value:#x}")
            }
            None => Ok(()),
        }
    }
}

fn name(register: Register) -> String {
    let numbers: Vec<_> = register.numbers().map(|n| format!("{n:#x}")).collect();
    format!("register {}", numbers.join(" and "))
}

impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.command)
    }
}

/// The parameters that are a structure `P` of a command `S`, or a list of registers.
pub struct Parameters<'a, S, P> {
    r: &'a Record,
    place: Place<'a, S, P>,
}

enum Place<'a, S, P> {
    Structure(Field<S, P>),
    List(&'a Registers),
}

impl<'a, S, P: Value> Parameters<'a, S, P> {
    /// Returns the parameters `name` of the command `r`: those of `registers`, if there is a list,
    /// or else the structure in `field`.
    pub fn new(
        r: &'a Record,
        name: &str,
        field: Field<S, Opt<P>>,
        registers: Option<&'a Registers>,
    ) -> Fw<Self> {
        let place = match registers {
            Some(list) => Place::List(list),
            None => Place::Structure(r.present(name, field)?),
        };
        Ok(Self { r, place })
    }

    /// Returns the structure, if it is one.
    pub fn structure(&self) -> Option<Field<S, P>> {
        match self.place {
            Place::Structure(field) => Some(field),
            Place::List(_) => None,
        }
    }

    /// Returns the list of registers, if it is one.
    pub fn list(&self) -> Option<&'a Registers> {
        match self.place {
            Place::Structure(_) => None,
            Place::List(list) => Some(list),
        }
    }

    /// As [`Parameters::list`], where it must be one.
    ///
    /// # Errors
    ///
    /// It is a structure.
    pub fn registers(&self, r: &Record) -> Fw<&'a Registers> {
        match self.place {
            Place::Structure(_) => bail!("{r}: no registers in this version"),
            Place::List(list) => Ok(list),
        }
    }

    /// Returns the parameter that is `field` of the structure, or `register`.
    pub fn get<T: Value + Into<u64>>(&self, field: Field<P, T>, register: Register) -> Fw<u64> {
        match &self.place {
            Place::Structure(p) => Ok(self.r.get(p.then(field)).into()),
            Place::List(list) => list.get(register),
        }
    }

    /// As [`Parameters::get`], of a parameter that is a word.
    pub fn word(&self, field: Field<P, u32>, register: Register) -> Fw<u32> {
        match &self.place {
            Place::Structure(p) => Ok(self.r.get(p.then(field))),
            Place::List(list) => list.word(register),
        }
    }

    /// As [`Parameters::get`]; `None` if the version lacks it.
    pub fn find<T: Value + Into<u64>>(
        &self,
        field: Field<P, Opt<T>>,
        register: Register,
    ) -> Fw<Option<u64>> {
        match &self.place {
            Place::Structure(p) => Ok(self.r.find(p.then(field)).map(Into::into)),
            Place::List(list) => list.get(register).map(Some),
        }
    }

    /// Panics unless a parameter, called `name` in a structure, has the value `want`.
    pub fn want<T: Value + Into<u64>>(
        &self,
        name: &str,
        field: Field<P, T>,
        register: Register,
        want: impl Into<u64>,
    ) -> Fw<()> {
        field!(self.r, name, self.get(field, register)?, want.into());
        Ok(())
    }
}
