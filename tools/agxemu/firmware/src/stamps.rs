// SPDX-License-Identifier: MIT OR Apache-2.0

//! Event slots, stamps, and the accounting that decides when the host hears of them.
//!
//! Each queue with work owns an event slot, and with it a host stamp and a firmware stamp. A finished
//! command raises both. The host is told with a Flag event, but not of each command: the notifier of
//! the user queue counts finished commands, and when the count reaches the threshold that the host
//! set, all bits collected so far are sent.

use std::collections::BTreeMap;

use agx_abi::event::{stamp_distance, Notifier};

use crate::compute::Stamps;
use crate::memory::{at, Memory};
use crate::panic::{bail, ensure, Fw};

/// Number of event slots.
pub const SLOTS: usize = agx_abi::event::SLOTS;

/// Who owns which slot, and where the stamps are.
pub struct Slots {
    owners: [Option<u64>; SLOTS],
    host: Option<u64>,
    fw: Option<u64>,
    /// Event bits collected for each notifier.
    collected: BTreeMap<u64, u128>,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            owners: [None; SLOTS],
            host: None,
            fw: None,
            collected: BTreeMap::new(),
        }
    }
}

impl Slots {
    /// QueueInfo of the owner of `slot`.
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

    /// Checks that a firmware stamp is the one of its slot.
    pub fn check_fw(&mut self, stamp: u64, slot: u8) -> Fw<()> {
        same(&mut self.fw, "firmware stamp", stamp, slot)
    }

    /// Checks that both stamps of a command are those of its slot.
    pub fn check(&mut self, stamps: &Stamps) -> Fw<()> {
        same(&mut self.host, "host stamp", stamps.host, stamps.slot)?;
        self.check_fw(stamps.fw, stamps.slot)
    }

    /// Counts one finished command of `slot` for the notifier at `va`.
    ///
    /// Returns the bits to send to the host, if it is to be told now.
    pub fn finished(&mut self, mem: &Memory, va: u64, slot: u8) -> Fw<Option<u128>> {
        let bits = self.collected.entry(va).or_default();
        *bits |= 1 << slot;
        let count = mem.u32(at(va, Notifier::CUR_COUNT))?.wrapping_add(1);
        mem.set_u32(at(va, Notifier::CUR_COUNT), count)?;
        let threshold = mem.u64(mem.u64(at(va, Notifier::THRESHOLD))?)? as u32;
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

/// All stamps of a kind form one array: once its base is known, each must lie in it.
fn same(base: &mut Option<u64>, what: &str, va: u64, slot: u8) -> Fw<()> {
    let own = va.wrapping_sub(4 * u64::from(slot));
    let base = *base.get_or_insert(own);
    ensure!(
        base == own,
        "{what} {va:#x} of slot {slot} is not in the array at {base:#x}"
    );
    Ok(())
}

/// Whether stamp value `a` is at or after `b`.
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
    fn stamps_of_one_kind_share_an_array() {
        let mut slots = Slots::default();
        slots.check_fw(0x1008, 2).unwrap();
        slots.check_fw(0x1000, 0).unwrap();
        let text = slots.check_fw(0x1008, 3).unwrap_err().0;
        assert_eq!(
            text,
            "firmware stamp 0x1008 of slot 3 is not in the array at 0x1000"
        );
    }
}
