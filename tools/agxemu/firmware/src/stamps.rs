// SPDX-License-Identifier: MIT OR Apache-2.0

//! Event slots, stamps, and the accounting that decides when the host hears of them.
//!
//! Each queue with work owns an event slot, and with it a host stamp and a firmware stamp. A
//! finished command raises both. The host is told with a Flag event, but not of each command: the
//! notifier of the user queue counts finished commands, and when the count reaches the threshold
//! that the host set, all bits collected so far are sent.

use std::collections::BTreeMap;

use agx_abi::event::{stamp_distance, Notifier};

use crate::memory::Memory;
use crate::panic::{bail, ensure, Fw};
use crate::work::Stamps;

/// Number of event slots.
pub const SLOTS: usize = agx_abi::event::SLOTS;

/// The owner of each slot, and the addresses of the stamps.
pub struct Slots {
    owners: [Option<u64>; SLOTS],
    /// Host and firmware stamp of each slot with open commands.
    places: [Option<(u64, u64)>; SLOTS],
    /// Event bits collected for each notifier.
    collected: BTreeMap<u64, u128>,
    /// Stamps were moved on.
    moved: bool,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            owners: [None; SLOTS],
            places: [None; SLOTS],
            collected: BTreeMap::new(),
            moved: false,
        }
    }
}

impl Slots {
    /// Returns the QueueInfo of the owner of `slot`.
    pub fn owner(&self, slot: u8) -> Option<u64> {
        self.owners[usize::from(slot)]
    }

    /// Gives `slot` to the queue at `info`, which gives up any other.
    pub fn assign(&mut self, slot: u8, info: u64) {
        self.release(info);
        self.owners[usize::from(slot)] = Some(info);
    }

    /// Takes all slots from the queue at `info`.
    pub fn release(&mut self, info: u64) {
        for owner in self.owners.iter_mut().filter(|owner| **owner == Some(info)) {
            *owner = None;
        }
    }

    /// Says if a firmware stamp that is waited for is not the one of its slot.
    ///
    /// The command carries the address as well, and the firmware reads that: nothing says that it
    /// looks at the slot too.
    pub fn check_wait(&self, mem: &Memory, stamp: u64, slot: u8) {
        if let Some((_, fw)) = self.places[usize::from(slot)].filter(|(_, fw)| *fw != stamp) {
            mem.remark(
                "barrier on a stamp that its slot does not use",
                &format!("{stamp:#x}, slot {slot} uses {fw:#x}"),
            );
        }
    }

    /// Takes the stamps of a command that begins.
    ///
    /// They may be anywhere, but those of one slot stay where they are while it has commands open.
    pub fn take(&mut self, stamps: &Stamps) -> Fw<()> {
        let place = &mut self.places[usize::from(stamps.slot)];
        let (host, fw) = *place.get_or_insert((stamps.host, stamps.fw));
        for (what, old, new) in [
            ("host stamp", host, stamps.host),
            ("firmware stamp", fw, stamps.fw),
        ] {
            ensure!(
                old == new,
                "{what} of slot {} moves from {old:#x} to {new:#x} with commands open",
                stamps.slot
            );
        }
        Ok(())
    }

    /// Has the stamps of all other slots go on from `value`, when the first command has shown where
    /// they are. They are taken to be in arrays by slot, as those of the driver of this tree are.
    pub fn move_on(&mut self, mem: &Memory, first: &Stamps, value: u32) -> Fw<()> {
        if std::mem::replace(&mut self.moved, true) {
            return Ok(());
        }
        for slot in (0..SLOTS as u64).filter(|slot| *slot != u64::from(first.slot)) {
            for stamp in [first.host, first.fw] {
                let array = stamp.wrapping_sub(4 * u64::from(first.slot));
                mem.set_u32(array.wrapping_add(4 * slot), value)?;
            }
        }
        Ok(())
    }

    /// Slot `slot` has no open commands any more: the next may have its stamps elsewhere.
    pub fn idle(&mut self, slot: u8) {
        self.places[usize::from(slot)] = None;
    }

    /// Counts one finished command of `slot` for the notifier at `va`.
    ///
    /// Returns the bits to send to the host, if it is to be told now.
    pub fn finished(&mut self, mem: &Memory, va: u64, slot: u8) -> Fw<Option<u128>> {
        let bits = self.collected.entry(va).or_default();
        *bits |= 1 << slot;
        let count = mem.u32(mem.at(va, Notifier::CUR_COUNT))?.wrapping_add(1);
        mem.set_u32(mem.at(va, Notifier::CUR_COUNT), count)?;
        let threshold = mem.u32(mem.u64(mem.at(va, Notifier::THRESHOLD))?)?;
        // Both only grow, and may wrap.
        let left = threshold.wrapping_sub(count);
        if left as i32 >= 0 {
            return Ok((left == 0).then(|| std::mem::take(bits)));
        }
        bail!(
            "notifier at {va:#x}: {count:#x} commands finished with a threshold of {threshold:#x}, \
             it was raised too late"
        )
    }

    /// Notifiers whose bits still wait for their threshold.
    pub fn withheld(&self) -> impl Iterator<Item = u64> + '_ {
        self.collected
            .iter()
            .filter(|(_, bits)| **bits != 0)
            .map(|(va, _)| *va)
    }
}

/// Returns whether stamp value `a` is at or after `b`.
pub fn reached(a: u32, b: u32) -> bool {
    stamp_distance(a, b) >= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamp_values_compare_in_a_circle() {
        assert!(reached(0x100, 0x100));
        assert!(!reached(0x100, 0x200));
        assert!(reached(0x0000_0100, 0xffff_ff00));
        assert!(!reached(0xffff_ff00, 0x0000_0100));
    }

    #[test]
    fn stamps_of_a_slot_stay_where_they_are() {
        let stamps = |slot, host, fw| Stamps {
            host,
            fw,
            value: 0x100,
            slot,
        };
        let mut slots = Slots::default();
        slots.take(&stamps(2, 0x1008, 0x5000)).unwrap();
        slots.take(&stamps(0, 0x9000, 0x1000)).unwrap();
        slots.take(&stamps(2, 0x1008, 0x5000)).unwrap();
        assert_eq!(
            slots.take(&stamps(2, 0x1008, 0x5004)).unwrap_err().0,
            "firmware stamp of slot 2 moves from 0x5000 to 0x5004 with commands open"
        );
        assert!(slots.take(&stamps(2, 0x100c, 0x5000)).is_err());
        slots.idle(2);
        slots.take(&stamps(2, 0x100c, 0x5004)).unwrap();
    }
}
