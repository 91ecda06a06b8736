// SPDX-License-Identifier: MIT OR Apache-2.0

//! The firmware's view of memory: context 0, with the coprocessor's rights.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use agx_abi::uat::{pte, Access, Protection, PAGE_SIZE};
use agx_abi::{Abi, Everywhere, Field, Layout, Opt, Value};

use crate::cache::Cache;
use crate::machine::{Level, Machine, OutsideRam, Role};
use crate::panic::{bail, Fw, Panic};

/// Size of a page.
pub const PAGE: u64 = PAGE_SIZE;

/// The protections that drivers make, with their names.
const NAMES: [(Protection, &str); 11] = [
    (Protection::FW_MMIO_RW, "FW_MMIO_RW"),
    (Protection::FW_MMIO_RO, "FW_MMIO_RO"),
    (Protection::FW_SHARED_RW, "FW_SHARED_RW"),
    (Protection::FW_SHARED_RO, "FW_SHARED_RO"),
    (Protection::FW_PRIV_RW, "FW_PRIV_RW"),
    (Protection::GPU_FW_SHARED_RW, "GPU_FW_SHARED_RW"),
    (Protection::GPU_FW_PRIV_RW, "GPU_FW_PRIV_RW"),
    (Protection::GPU_RO_FW_PRIV_RW, "GPU_RO_FW_PRIV_RW"),
    (Protection::GPU_SHARED_RW, "GPU_SHARED_RW"),
    (Protection::GPU_SHARED_RO, "GPU_SHARED_RO"),
    (Protection::GPU_SHARED_WO, "GPU_SHARED_WO"),
];

/// Returns the name of a protection.
pub fn protection_name(protection: Protection) -> String {
    match NAMES.iter().find(|(known, _)| *known == protection) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("unknown protection {:#x}", protection.bits()),
    }
}

/// Returns why a mapping as `got` does not do where the driver in the field maps as `usual`; `None`
/// if it does.
///
/// Rights count, not bits: a driver that has run on Macs gives more of them than the driver in the
/// field. Uncached memory does where cached memory does. The reverse is an error: the firmware
/// would go on with lines that the host has changed, or the host would not see what the firmware
/// has written.
fn shortfall(got: Protection, usual: Protection) -> Option<&'static str> {
    let less = |have: Access, need: Access| (need.read && !have.read, need.write && !have.write);
    let attribute = |p: Protection| (p.bits() & pte::ATTR_MASK) >> pte::ATTR_SHIFT;
    let is_device = |p: Protection| attribute(p) == pte::ATTR_DEVICE;
    if got.bits() & pte::AF == 0 {
        return Some("its access flag is not set");
    }
    match less(got.firmware(), usual.firmware()) {
        (true, _) => return Some("the firmware cannot read it"),
        (_, true) => return Some("the firmware cannot write it"),
        (false, false) => {}
    }
    match less(got.gpu(), usual.gpu()) {
        (true, _) => return Some("the GPU cannot read it"),
        (_, true) => return Some("the GPU cannot write it"),
        (false, false) => {}
    }
    match (is_device(got), is_device(usual)) {
        (true, false) => return Some("it is memory, mapped as device registers"),
        (false, true) => return Some("it is device registers, mapped as memory"),
        (true, true) | (false, false) => {}
    }
    (got.is_cached() && !usual.is_cached()).then_some("host and firmware share it, cached")
}

/// A copy of a structure in guest memory.
pub struct Record {
    /// Where it is.
    pub va: u64,
    abi: Abi,
    bytes: Vec<u8>,
    name: String,
}

impl Record {
    /// Returns what `field` holds.
    pub fn get<S: Everywhere, T: Value>(&self, field: Field<S, T>) -> T {
        field.read_in(self.abi, &self.bytes)
    }

    /// Returns what `field` holds; `None` if the version lacks it.
    pub fn find<S: Everywhere, T: Value>(&self, field: Field<S, Opt<T>>) -> Option<T> {
        field.present(self.abi).map(|field| self.get(field))
    }

    /// Returns `field` as one that is there.
    ///
    /// # Errors
    ///
    /// The version lacks it.
    pub fn present<S: Everywhere, T: Value>(
        &self,
        name: &str,
        field: Field<S, Opt<T>>,
    ) -> Fw<Field<S, T>> {
        match field.present(self.abi) {
            Some(field) => Ok(field),
            None => bail!("{self}: no {name} in this version"),
        }
    }

    /// Returns the version of the interface.
    pub fn abi(&self) -> Abi {
        self.abi
    }

    /// Returns where `field` is.
    pub fn offset<S: Everywhere, T: Value>(&self, field: Field<S, T>) -> usize {
        field.offset_in(self.abi)
    }

    /// Returns the first offset behind `field`.
    pub fn end<S: Everywhere, T: Value>(&self, field: Field<S, T>) -> usize {
        field.range_in(self.abi).end
    }

    /// Returns the byte at `offset`.
    pub fn byte(&self, offset: usize) -> u8 {
        self.bytes[offset]
    }

    /// Returns its size.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Panics unless `field` holds `want`.
    pub fn want<S: Everywhere, T>(&self, name: &str, field: Field<S, T>, want: T) -> Fw<()>
    where
        T: Value + PartialEq + fmt::LowerHex,
    {
        let got = self.get(field);
        if got != want {
            bail!("{self}: {name} is {got:#x}, expected {want:#x}");
        }
        Ok(())
    }

    /// Panics unless `field` holds `want`, or the version lacks it.
    pub fn want_if<S: Everywhere, T>(&self, name: &str, field: Field<S, Opt<T>>, want: T) -> Fw<()>
    where
        T: Value + PartialEq + fmt::LowerHex,
    {
        match field.present(self.abi) {
            Some(field) => self.want(name, field, want),
            None => Ok(()),
        }
    }

    /// Panics unless all of `range` is zero.
    pub fn zero(&self, range: std::ops::Range<usize>) -> Fw<()> {
        match self.bytes[range.clone()].iter().position(|&b| b != 0) {
            None => Ok(()),
            Some(i) => {
                let at = range.start + i;
                bail!(
                    "{self}: byte {at:#x} is {:#x}, must be zero",
                    self.bytes[at]
                )
            }
        }
    }

    /// Panics unless all of the structure at `base` is zero but its declared fields.
    pub fn zero_gaps<S: Layout>(&self, base: usize) -> Fw<()> {
        let size = self.size().min(base + S::size_in(self.abi));
        let mut from = base;
        for field in S::FIELDS {
            let Some(range) = field.range(self.abi) else {
                continue;
            };
            self.zero(from..base + range.start)?;
            from = base + range.end;
        }
        self.zero(from..size)
    }

    /// Panics unless all of `fields` are zero.
    pub fn zeros<S: Everywhere, T: Value>(&self, fields: &[Field<S, T>]) -> Fw<()> {
        fields
            .iter()
            .try_for_each(|field| self.zero(field.range_in(self.abi)))
    }

    /// Panics unless all of `fields` are zero that the version has.
    pub fn zeros_if<S: Everywhere, T: Value>(&self, fields: &[Field<S, Opt<T>>]) -> Fw<()> {
        let mut present = fields.iter().filter_map(|field| field.present(self.abi));
        present.try_for_each(|field| self.zero(field.range_in(self.abi)))
    }

    /// Panics unless everything from behind `first` up to `next` is zero.
    pub fn zero_between<S: Everywhere, T: Value, U: Value>(
        &self,
        first: Field<S, T>,
        next: Field<S, U>,
    ) -> Fw<()> {
        self.zero(self.end(first)..self.offset(next))
    }
}

#[cfg(test)]
impl Record {
    /// Returns a structure of version `abi` with these bytes at `va`.
    pub(crate) fn of(abi: Abi, name: &str, va: u64, bytes: Vec<u8>) -> Self {
        Self {
            va,
            abi,
            bytes,
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:#x}", self.name, self.va)
    }
}

/// Memory as the firmware accesses it.
///
/// Remembers each page that it touched through a cached mapping: the firmware may hold lines of it
/// until the host has it flushed, so the page must not go away before. If it has a cache it does
/// hold those that it has written.
pub struct Memory {
    /// The version of the interface.
    pub abi: Abi,
    machine: Arc<dyn Machine>,
    cached: RefCell<BTreeMap<u64, u64>>,
    cache: Option<RefCell<Cache>>,
    /// Cached memory of which the host sees all at once nevertheless.
    coherent: RefCell<std::ops::Range<u64>>,
    /// What [`Memory::remark`] has logged.
    remarks: RefCell<BTreeSet<String>>,
}

impl Memory {
    /// Returns memory of `machine`, with structures of version `abi`. `has_cache`: others see what
    /// is written through cached mappings only when it is flushed.
    pub fn new(machine: Arc<dyn Machine>, abi: Abi, has_cache: bool) -> Self {
        Self {
            abi,
            machine,
            cached: RefCell::new(BTreeMap::new()),
            cache: has_cache.then(RefCell::default),
            coherent: RefCell::new(0..0),
            remarks: RefCell::new(BTreeSet::new()),
        }
    }

    /// From now on the host sees at once what is written to `len` bytes at `va`, cached or not.
    pub fn make_coherent(&self, va: u64, len: u64) {
        *self.coherent.borrow_mut() = va..va + len;
    }

    /// Logs, once for each `kind`, that the host does what only the driver in the field does not.
    ///
    /// Nothing says that the firmware minds, so it is not a panic.
    pub fn remark(&self, kind: &str, detail: &str) {
        if self.remarks.borrow_mut().insert(kind.to_owned()) {
            let line = format!("unusual: {kind}: {detail}");
            self.machine.log(Level::Warn, &line);
        }
    }

    /// Logs, once for each `name`, that `field` of `r` does not hold what the driver in the field
    /// writes.
    pub fn usual<S: Everywhere, T>(&self, r: &Record, name: &str, field: Field<S, T>, usual: T)
    where
        T: Value + PartialEq + fmt::LowerHex,
    {
        let got = r.get(field);
        if got != usual {
            self.remark(name, &format!("{r}: {got:#x}, usually {usual:#x}"));
        }
    }

    /// Returns the machine.
    pub fn machine(&self) -> &dyn Machine {
        &*self.machine
    }

    /// Returns the machine, to be kept.
    pub(crate) fn machine_handle(&self) -> &Arc<dyn Machine> {
        &self.machine
    }

    /// Returns the physical address of `va`, and whether the cache is between.
    fn place(&self, va: u64, write: bool) -> Fw<(u64, Option<&RefCell<Cache>>)> {
        let page = self
            .machine
            .translate(0, va, Role::Firmware, write)
            .map_err(|e| {
                let verb = if write { "write to" } else { "read of" };
                Panic(format!(
                    "data abort: {verb} {va:#x}: {:?} at level {}",
                    e.reason, e.level
                ))
            })?;
        let protection = Protection::from_entry(page.pte);
        if protection.is_cached() {
            self.cached.borrow_mut().insert(va & !(PAGE - 1), page.pa);
        }
        // How the GPU sees such lines is not known: what it can read is never late.
        let is_late = protection.is_cached()
            && !protection.gpu().read
            && !self.coherent.borrow().contains(&va);
        let cache = self.cache.as_ref().filter(|_| is_late);
        Ok((page.pa + va % PAGE, cache))
    }

    /// Calls `part` for each stretch of `va..va+len` that lies in one page.
    fn parts(
        &self,
        va: u64,
        len: usize,
        write: bool,
        mut part: impl FnMut(
            u64,
            Option<&RefCell<Cache>>,
            std::ops::Range<usize>,
        ) -> Result<(), OutsideRam>,
    ) -> Fw<()> {
        let mut done = 0;
        while done < len {
            let at = va.wrapping_add(done as u64);
            let n = (len - done).min((PAGE - at % PAGE) as usize);
            let (pa, cache) = self.place(at, write)?;
            part(pa, cache, done..done + n).map_err(|e| bus_error(at, e))?;
            done += n;
        }
        Ok(())
    }

    /// Reads `buf.len()` bytes.
    pub fn read(&self, va: u64, buf: &mut [u8]) -> Fw<()> {
        let len = buf.len();
        self.parts(va, len, false, |pa, cache, range| match cache {
            Some(cache) => cache.borrow().read(&*self.machine, pa, &mut buf[range]),
            None => self.machine.read_phys(pa, &mut buf[range]),
        })
    }

    /// Writes `bytes`.
    pub fn write(&self, va: u64, bytes: &[u8]) -> Fw<()> {
        self.parts(va, bytes.len(), true, |pa, cache, range| match cache {
            Some(cache) => {
                let mut cache = cache.borrow_mut();
                cache.write(&*self.machine, pa, &bytes[range])
            }
            None => self.machine.write_phys(pa, &bytes[range]),
        })
    }

    /// Returns the address of `field` in the structure at `base`.
    pub fn at<S: Everywhere, T: Value>(&self, base: u64, field: Field<S, T>) -> u64 {
        base.wrapping_add(field.offset_in(self.abi) as u64)
    }

    /// Returns the address of `field` in the structure at `base`; 0 if the version lacks it.
    pub fn find_at<S: Everywhere, T: Value>(&self, base: u64, field: Field<S, Opt<T>>) -> u64 {
        match field.offset_in(self.abi) {
            Some(offset) => base.wrapping_add(offset as u64),
            None => 0,
        }
    }

    /// Copies the structure `name` of `len` bytes.
    pub fn record(&self, name: &str, va: u64, len: usize) -> Fw<Record> {
        let mut bytes = vec![0; len];
        self.read(va, &mut bytes)
            .map_err(|e| Panic(format!("{name}: {e}")))?;
        Ok(Record {
            va,
            abi: self.abi,
            bytes,
            name: name.to_owned(),
        })
    }

    /// Reads a word; aligned ones are read at once and before anything read later.
    pub fn u32(&self, va: u64) -> Fw<u32> {
        if va % 4 != 0 {
            let mut bytes = [0; 4];
            self.read(va, &mut bytes)?;
            return Ok(u32::from_le_bytes(bytes));
        }
        let (pa, cache) = self.place(va, false)?;
        let word = match cache {
            Some(cache) => {
                let mut bytes = [0; 4];
                let read = cache.borrow().read(&*self.machine, pa, &mut bytes);
                read.map(|()| u32::from_le_bytes(bytes))
            }
            None => self.machine.load_u32(pa),
        };
        word.map_err(|e| bus_error(va, e))
    }

    /// Reads a 64-bit number.
    pub fn u64(&self, va: u64) -> Fw<u64> {
        let mut bytes = [0; 8];
        self.read(va, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes a word; aligned ones are written at once and after anything written before.
    pub fn set_u32(&self, va: u64, value: u32) -> Fw<()> {
        if va % 4 != 0 {
            return self.write(va, &value.to_le_bytes());
        }
        let (pa, cache) = self.place(va, true)?;
        let written = match cache {
            Some(cache) => {
                let mut cache = cache.borrow_mut();
                cache.write(&*self.machine, pa, &value.to_le_bytes())
            }
            None => self.machine.store_u32(pa, value),
        };
        written.map_err(|e| bus_error(va, e))
    }

    /// Writes a 64-bit number.
    pub fn set_u64(&self, va: u64, value: u64) -> Fw<()> {
        self.write(va, &value.to_le_bytes())
    }

    /// Reads an aligned word in user context `slot`.
    pub fn user_u32(&self, slot: u8, va: u64) -> Fw<u32> {
        if va % 4 != 0 {
            bail!("data abort: unaligned read of {va:#x} in context {slot}");
        }
        let page = self
            .machine
            .translate(slot, va, Role::Firmware, false)
            .map_err(|e| {
                let at = format!("{va:#x} in context {slot}");
                Panic(format!(
                    "data abort: read of {at}: {:?} at level {}",
                    e.reason, e.level
                ))
            })?;
        self.machine
            .load_u32(page.pa + va % PAGE)
            .map_err(|e| bus_error(va, e))
    }

    /// Panics unless all of `va..va+len` is mapped with the rights of one of `usual`.
    ///
    /// A protection that has these rights and is none of them is logged, once for each `what`.
    pub fn expect(&self, what: &str, va: u64, len: u64, usual: &[Protection]) -> Fw<()> {
        self.expect_in(0, what, va, len, usual)
    }

    /// As [`Memory::expect`], in context `slot`.
    pub fn expect_in(
        &self,
        slot: u8,
        what: &str,
        va: u64,
        len: u64,
        usual: &[Protection],
    ) -> Fw<()> {
        if va == 0 {
            bail!("{what}: null pointer");
        }
        let mut at = va & !(PAGE - 1);
        let end = va.checked_add(len);
        while end.is_none_or(|end| at < end) {
            let Some(page) = self.machine.entry(slot, at) else {
                bail!("{what}: {at:#x} is not mapped ({va:#x}, {len:#x} bytes)");
            };
            let protection = Protection::from_entry(page.pte);
            if !usual.contains(&protection) {
                self.unusual(what, at, protection, usual)?;
            }
            at = match at.checked_add(PAGE) {
                Some(at) => at,
                None => break,
            };
        }
        Ok(())
    }

    /// Panics unless `protection` does for one of `usual`.
    fn unusual(&self, what: &str, at: u64, protection: Protection, usual: &[Protection]) -> Fw<()> {
        let shortfalls: Vec<_> = usual.iter().map(|u| shortfall(protection, *u)).collect();
        let got = protection_name(protection);
        let names: Vec<String> = usual.iter().map(|p| protection_name(*p)).collect();
        let names = names.join(" or ");
        match shortfalls.iter().flatten().next() {
            Some(why) if !shortfalls.contains(&None) => {
                bail!("{what}: {at:#x} is mapped as {got}, {why} (usually {names})")
            }
            _ => self.remark(
                &format!("{what} mapped as {got}"),
                &format!("{at:#x}, usually {names}"),
            ),
        }
        Ok(())
    }

    /// The host cleaned `pages` pages from `va`: the firmware holds nothing of them any more.
    pub fn flushed(&self, va: u64, pages: u64) {
        let mut cached = self.cached.borrow_mut();
        for i in 0..pages {
            if let Some(pa) = cached.remove(&va.wrapping_add(i * PAGE)) {
                self.clean(pa..pa + PAGE);
            }
        }
    }

    fn clean(&self, range: std::ops::Range<u64>) {
        if let Some(cache) = &self.cache {
            cache.borrow_mut().clean(&*self.machine, range);
        }
    }

    /// The whole cache was cleaned.
    pub fn flushed_all(&self) {
        self.cached.borrow_mut().clear();
        self.clean(0..u64::MAX);
    }

    /// Panics if a page that the firmware may still hold lines of is no longer where it was.
    pub fn check_cached(&self) -> Fw<()> {
        for (&va, &pa) in self.cached.borrow().iter() {
            match self.machine.entry(0, va) {
                Some(page) if page.pa == pa => {}
                Some(_) => bail!("cached page {va:#x} was mapped to other memory without a flush"),
                None => bail!("cached page {va:#x} was unmapped without a flush"),
            }
        }
        Ok(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // A coprocessor that goes to sleep cleans its cache first.
        self.clean(0..u64::MAX);
    }
}

fn bus_error(va: u64, OutsideRam(pa): OutsideRam) -> Panic {
    Panic(format!(
        "data abort: {va:#x} is mapped to {pa:#x}, which is not RAM"
    ))
}
