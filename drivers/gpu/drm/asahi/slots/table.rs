// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Assignment of slots to queues and VMs.
//!
//! The assignment is sticky: an owner gets its last slot again if that is free. Otherwise it gets
//! the slot that has been free for longest, so that other owners find their last slots free.
//!
//! ```text
//!            take()              release(idle)
//!   free ───────────► taken ──────────────────────► free
//!                       │ release(busy)               ▲
//!                       └──────────► draining ────────┘
//!                                             drained()
//! ```

/// State of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Free since this turn.
    Free(u64),
    Taken,
    /// Released before the firmware had finished with it.
    Draining,
}

/// The slots.
pub(crate) struct SlotTable<const N: usize> {
    slots: [State; N],
    /// Number of those that are free.
    free: usize,
    turn: u64,
}

impl<const N: usize> SlotTable<N> {
    /// Returns a table all slots of which are free.
    pub(crate) const fn new() -> Self {
        Self {
            slots: [State::Free(0); N],
            free: N,
            turn: 0,
        }
    }

    /// Returns whether a slot is free.
    pub(crate) const fn has_free(&self) -> bool {
        self.free > 0
    }

    /// Returns whether all slots are free.
    pub(crate) const fn is_idle(&self) -> bool {
        self.free == N
    }

    /// Returns how many slots are free.
    pub(crate) const fn free_count(&self) -> usize {
        self.free
    }

    /// Takes a slot: `last` if that is free, else another one. Returns its index.
    pub(crate) fn take(&mut self, last: Option<usize>) -> Option<usize> {
        let free_since = |i: usize| match self.slots.get(i) {
            Some(State::Free(turn)) => Some(*turn),
            _ => None,
        };
        let index = last.filter(|&i| free_since(i).is_some()).or_else(|| {
            (0..N)
                .filter_map(|i| free_since(i).map(|turn| (turn, i)))
                .min()
                .map(|(_, i)| i)
        })?;
        self.slots[index] = State::Taken;
        self.free -= 1;
        Some(index)
    }

    /// Releases slot `index`. `busy`: the firmware may still write its stamp.
    pub(crate) fn release(&mut self, index: usize, busy: bool) {
        if busy {
            self.slots[index] = State::Draining;
        } else {
            self.free(index);
        }
    }

    /// Notes that the firmware has finished with `index`. Returns whether that makes it free.
    pub(crate) fn drained(&mut self, index: usize) -> bool {
        let draining = self.slots[index] == State::Draining;
        if draining {
            self.free(index);
        }
        draining
    }

    fn free(&mut self, index: usize) {
        self.turn += 1;
        self.free += 1;
        self.slots[index] = State::Free(self.turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sticky() {
        let mut t = SlotTable::<4>::new();
        let (a, b) = (t.take(None).unwrap(), t.take(None).unwrap());
        assert_ne!(a, b);
        t.release(b, false);
        t.release(a, false);
        assert_eq!(t.take(Some(b)), Some(b));
        // It is taken: any other one.
        let c = t.take(Some(b)).unwrap();
        assert_ne!(c, b);
        // A hint from nowhere does no harm.
        assert!(t.take(Some(77)).is_some());
    }

    #[test]
    fn has_free_says_whether_take_succeeds() {
        let mut t = SlotTable::<3>::new();
        let mut taken = Vec::new();
        while t.has_free() {
            assert_eq!(t.free_count(), 3 - taken.len());
            taken.push(t.take(None).unwrap());
        }
        assert_eq!((taken.len(), t.take(None)), (3, None));
        t.release(taken[0], true);
        assert!(!t.has_free());
        assert!(t.drained(taken[0]) && t.has_free());
        assert_eq!(t.take(None), Some(taken[0]));
        t.release(taken[1], false);
        assert!(t.has_free());
    }

    #[test]
    fn idle_when_all_are_free() {
        let mut t = SlotTable::<2>::new();
        assert!(t.is_idle());
        let (a, b) = (t.take(None).unwrap(), t.take(None).unwrap());
        t.release(a, false);
        assert!(!t.is_idle());
        t.release(b, true);
        // The firmware may still write its stamp.
        assert!(!t.is_idle());
        assert!(t.drained(b));
        assert!(t.is_idle());
    }

    #[test]
    fn longest_free_first() {
        let mut t = SlotTable::<3>::new();
        let all: Vec<_> = (0..3).map(|_| t.take(None).unwrap()).collect();
        assert_eq!(t.take(None), None);
        for i in [2, 0, 1] {
            t.release(all[i], false);
        }
        for i in [2, 0, 1] {
            assert_eq!(t.take(None), Some(all[i]));
        }
        assert_eq!(t.take(Some(0)), None);
    }

    #[test]
    fn busy_slots_are_not_handed_out() {
        let mut t = SlotTable::<1>::new();
        assert_eq!(t.take(None), Some(0));
        t.release(0, true);
        assert_eq!(t.take(Some(0)), None);
        assert!(t.drained(0));
        assert!(!t.drained(0));
        assert_eq!(t.take(None), Some(0));
        assert!(!t.drained(0));
    }
}
