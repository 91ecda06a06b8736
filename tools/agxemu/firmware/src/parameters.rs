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
use agx_abi::{Everywhere, Field, Opt, Value};

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
    pub fn read<S: Everywhere>(
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

impl<'a, S: Everywhere, P: Value> Parameters<'a, S, P> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use agx_abi::compute::{JobParameters1, RunCompute};
    use agx_abi::registers::compute as registers;
    use agx_abi::registers::vertex::PREEMPT1 as DOUBLE;
    use agx_abi::Abi;

    const ABI: Abi = Abi::G14XV13_5;
    const VA: u64 = 0xffff_ffa6_0000_1000;

    /// A command with these registers.
    fn command(list: &[(u32, u64)]) -> RunCompute {
        let mut command = RunCompute::new(ABI);
        for (i, &(number, value)) in list.iter().enumerate() {
            let entry = RunCompute::REGISTERS.present(ABI).unwrap().at(i);
            command
                .set(entry.then(RegisterEntry::NUMBER), number)
                .set(entry.then(RegisterEntry::VALUE), value);
        }
        let info = RunCompute::REGISTER_INFO;
        command
            .put(info.then(RegisterInfo::ADDRESS), VA + 0x20)
            .put(info.then(RegisterInfo::COUNT), list.len() as u16)
            .put(info.then(RegisterInfo::LENGTH), 12 * list.len() as u16);
        command
    }

    fn read(command: &RunCompute) -> Fw<Option<Registers>> {
        let r = Record::of(ABI, "command", VA, command.as_bytes().to_vec());
        Registers::read(&r, RunCompute::REGISTERS, RunCompute::REGISTER_INFO)
    }

    #[track_caller]
    fn refused<T>(result: Fw<T>, says: &str) {
        match result {
            Ok(_) => panic!("not refused: {says}"),
            Err(panic) => assert!(panic.0.contains(says), "{panic} does not say {says:?}"),
        }
    }

    #[test]
    fn registers_are_found_by_number() {
        let list = [(0x1a420, 0x1234_5678_9abc), (0x1a510, 7), (0x11841, 9)];
        let command = command(&list);
        let r = Record::of(ABI, "command", VA, command.as_bytes().to_vec());
        let list = read(&command).unwrap().unwrap();
        let name = "parameters 1";
        let p = Parameters::new(&r, name, RunCompute::JOB_PARAMS1, Some(&list)).unwrap();
        assert!(p.structure().is_none());
        type P = JobParameters1;
        let stream = registers::CDM_CTRL_STREAM_BASE;
        assert_eq!(
            p.get(P::CDM_CTRL_STREAM_BASE, stream).unwrap(),
            0x1234_5678_9abc
        );
        assert_eq!(p.get(P::PREEMPT1, registers::PREEMPT1).unwrap(), 7);
        refused(
            list.finish(),
            "unknown register 0x11841, which is given 0x9",
        );
        let word = p.word(P::HELPER_BINARY, registers::HELPER_BINARY);
        assert_eq!(word.unwrap(), 9);
        list.finish().unwrap();
    }

    #[test]
    fn structures_are_no_lists() {
        let abi = Abi::G13V13_5;
        let bytes = RunCompute::new(abi).as_bytes().to_vec();
        let r = Record::of(abi, "command", VA, bytes);
        let list = Registers::read(&r, RunCompute::REGISTERS, RunCompute::REGISTER_INFO);
        assert!(list.unwrap().is_none());
        let p = Parameters::new(&r, "parameters 1", RunCompute::JOB_PARAMS1, None).unwrap();
        assert!(p.structure().is_some() && p.list().is_none());
        refused(p.registers(&r), "no registers in this version");
    }

    #[test]
    fn a_bad_list_is_a_panic_with_its_reason() {
        let good = [(0x1a420, 1), (0x1a510, 2)];
        let twice = command(&[(0x1a420, 1), (0x1a510, 2), (0x1a420, 1)]);
        refused(read(&twice), "register 0x1a420 stands twice");

        let info = RunCompute::REGISTER_INFO;
        let mut bad = command(&good);
        bad.put(info.then(RegisterInfo::ADDRESS), VA);
        refused(read(&bad), "address of the registers is 0xffffffa600001000");
        let mut bad = command(&good);
        bad.put(info.then(RegisterInfo::COUNT), 129);
        refused(read(&bad), "129 registers");
        let mut bad = command(&good);
        bad.put(info.then(RegisterInfo::LENGTH), 12);
        refused(read(&bad), "bytes of the registers is 0xc, expected 0x18");
        let mut bad = command(&good);
        bad.put(info.then(RegisterInfo::UNK_C), 1);
        refused(read(&bad), "word behind that is 0x1");
        let mut bad = command(&good);
        let rest = RunCompute::REGISTERS.present(ABI).unwrap().at(2);
        bad.set(rest.then(RegisterEntry::NUMBER), 0x1a4d0);
        refused(read(&bad), "must be zero");
    }

    #[test]
    fn a_register_that_is_wrong_is_a_panic_with_its_reason() {
        let list = |registers: &[(u32, u64)]| read(&command(registers)).unwrap().unwrap();
        refused(list(&[]).get(registers::PREEMPT1), "no register 0x1a510");
        let half = list(&[(0x10111, 5)]);
        refused(half.get(DOUBLE), "no register 0x1c9b0");
        let both = list(&[(0x10111, 5), (0x1c9b0, 6)]);
        refused(both.get(DOUBLE), "register 0x1c9b0 is 0x6, expected 0x5");
        let large = list(&[(0x11841, 1 << 32)]);
        let word = large.word(registers::HELPER_BINARY);
        refused(word, "register 0x11841 is 0x100000000");
        let other = list(&[(0x1a440, 1)]);
        let want = other.want(&[(registers::UNK_1A440, 0x2_4201)]);
        refused(want, "register 0x1a440 is 0x1, expected 0x24201");
    }
}
