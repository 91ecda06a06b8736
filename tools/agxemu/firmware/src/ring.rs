// SPDX-License-Identifier: MIT OR Apache-2.0

//! Message rings between host and firmware.
//!
//! A ring is empty when both pointers are equal and full when one more entry would make them so.
//! Each side trusts only the pointer that the other one writes; its own it keeps for itself, and a
//! value in memory that differs from it is a bug of the other side.

use agx_abi::uat::Protection;

use crate::memory::{Memory, Record};
use crate::panic::{bail, ensure, Fw};

/// Layout of a ring.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Entries.
    pub count: u32,
    /// Size of an entry.
    pub entry: usize,
    /// Offset of the write pointer in the state block; the read pointer is at 0.
    pub wptr: u64,
    /// Size of the state block.
    pub state: u64,
}

/// Addresses of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// State block.
    pub state: u64,
    /// Entries.
    pub ring: u64,
}

impl Place {
    /// Checks that both parts are mapped as they must be.
    pub fn check(&self, mem: &Memory, name: &str, g: &Geometry, ring: Protection) -> Fw<()> {
        mem.expect(
            &format!("{name} state"),
            self.state,
            g.state,
            &[Protection::FW_SHARED_RW],
        )?;
        let len = u64::from(g.count) * g.entry as u64;
        mem.expect(&format!("{name} ring"), self.ring, len, &[ring])?;
        ensure!(
            self.state % 4 == 0,
            "{name} state {:#x} is not aligned",
            self.state
        );
        Ok(())
    }
}

/// A ring from the host.
pub struct HostRing {
    name: String,
    g: Geometry,
    place: Place,
    read: u32,
}

impl HostRing {
    /// The ring at `place`, read from where its read pointer stands.
    pub fn new(mem: &Memory, name: String, g: Geometry, place: Place) -> Fw<Self> {
        let read = mem.u32(place.state)?;
        ensure!(read == 0, "{name}: read pointer starts at {read:#x}");
        Ok(Self {
            name,
            g,
            place,
            read,
        })
    }

    /// Returns the next message, if there is one. It stays in the ring until [`HostRing::advance`].
    pub fn peek(&self, mem: &Memory) -> Fw<Option<Record>> {
        let write = mem.u32(self.place.state + self.g.wptr)?;
        ensure!(
            write < self.g.count,
            "{}: write pointer {write:#x} outside the ring",
            self.name
        );
        let read = mem.u32(self.place.state)?;
        if read != self.read {
            bail!(
                "{}: the host changed the read pointer from {:#x} to {read:#x}",
                self.name,
                self.read
            );
        }
        if write == self.read {
            return Ok(None);
        }
        let va = self.place.ring + u64::from(self.read) * self.g.entry as u64;
        Ok(Some(mem.record(
            &format!("{} message {}", self.name, self.read),
            va,
            self.g.entry,
        )?))
    }

    /// Gives the entry of the current message back to the host.
    pub fn advance(&mut self, mem: &Memory) -> Fw<()> {
        self.read = (self.read + 1) % self.g.count;
        mem.set_u32(self.place.state, self.read)
    }

    /// Messages that wait, without taking them.
    pub fn waiting(&self, mem: &Memory) -> Fw<Vec<Record>> {
        let write = mem.u32(self.place.state + self.g.wptr)?;
        let mut out = Vec::new();
        let mut at = self.read;
        while at != write && write < self.g.count {
            let va = self.place.ring + u64::from(at) * self.g.entry as u64;
            out.push(mem.record(&self.name, va, self.g.entry)?);
            at = (at + 1) % self.g.count;
        }
        Ok(out)
    }
}

/// A ring to the host.
pub struct FirmwareRing {
    name: String,
    g: Geometry,
    place: Place,
    write: u32,
    /// Messages lost because the ring was full.
    pub dropped: u64,
}

impl FirmwareRing {
    /// The ring at `place`.
    pub fn new(mem: &Memory, name: String, g: Geometry, place: Place) -> Fw<Self> {
        let write = mem.u32(place.state + g.wptr)?;
        ensure!(write == 0, "{name}: write pointer starts at {write:#x}");
        Ok(Self {
            name,
            g,
            place,
            write,
            dropped: 0,
        })
    }

    /// Returns the index that the next message will have, or `None` if the ring is full.
    pub fn next(&self, mem: &Memory) -> Fw<Option<u32>> {
        let read = mem.u32(self.place.state)?;
        ensure!(
            read < self.g.count,
            "{}: read pointer {read:#x} outside the ring",
            self.name
        );
        Ok(((self.write + 1) % self.g.count != read).then_some(self.write))
    }

    /// Appends `message`, padded with zeroes; `false`, and it is lost, if the ring is full.
    pub fn push(&mut self, mem: &Memory, message: &[u8]) -> Fw<bool> {
        if self.next(mem)?.is_none() {
            self.dropped += 1;
            return Ok(false);
        }
        let mut entry = vec![0; self.g.entry];
        entry[..message.len()].copy_from_slice(message);
        mem.write(
            self.place.ring + u64::from(self.write) * self.g.entry as u64,
            &entry,
        )?;
        self.write = (self.write + 1) % self.g.count;
        mem.set_u32(self.place.state + self.g.wptr, self.write)?;
        Ok(true)
    }
}
