// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Stamps: the numbers by which the firmware reports completion.
//!
//! Each event slot has one, which grows by 0x100 with every command that completes. The low byte
//! is not ours: it is ignored in comparisons.

use agx_abi::event::{
    stamp_distance,
    STAMP_STEP, //
};
use kernel::fmt;

/// Value of a stamp.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(pub(crate) u32);

impl Stamp {
    /// Returns the value of the command that follows.
    pub(crate) const fn next(self) -> Self {
        Self(self.0.wrapping_add(STAMP_STEP))
    }

    /// Returns the value of the command `count` places after.
    pub(crate) const fn forward(self, count: usize) -> Self {
        Self(self.0.wrapping_add(count as u32 * STAMP_STEP))
    }

    /// Returns the number of commands between `earlier` and this; negative if this is the earlier
    /// one.
    pub(crate) const fn since(self, earlier: Self) -> i32 {
        stamp_distance(self.0, earlier.0)
    }

    /// Returns whether a stamp with this value tells that the command with value `target` is
    /// complete.
    pub(crate) const fn has_reached(self, target: Self) -> bool {
        self.since(target) >= 0
    }

    /// Returns the place of the command among the last `count`; `count` is a power of two.
    pub(crate) const fn place(self, count: usize) -> usize {
        (self.0 / STAMP_STEP) as usize & (count - 1)
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order() {
        let s = Stamp(0x500);
        assert!(s.has_reached(s));
        assert!(s.next().has_reached(s));
        assert!(!s.has_reached(s.next()));
        assert_eq!(s.next(), Stamp(0x600));
        assert_eq!(s.forward(3), Stamp(0x800));
        assert_eq!(s.forward(1), s.next());
        assert_eq!(Stamp(0x900).since(s), 4);
        assert_eq!(s.since(Stamp(0x900)), -4);
    }

    #[test]
    fn low_byte_is_ignored() {
        assert!(Stamp(0x500).has_reached(Stamp(0x500)));
        assert!(Stamp(0x5ff).has_reached(Stamp(0x500)));
        assert_eq!(Stamp(0x5ff).since(Stamp(0x500)), 0);
        assert_eq!(Stamp(0x5ff).place(128), Stamp(0x500).place(128));
    }

    #[test]
    fn wraps() {
        let last = Stamp(0xffff_ff00);
        assert_eq!(last.next(), Stamp(0));
        assert!(last.next().has_reached(last));
        assert!(!last.has_reached(last.next()));
        assert_eq!(last.next().since(last), 1);
        assert_eq!(last.next().place(128), 0);
        assert_eq!(last.place(128), 127);
    }
}
