// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The commands of one event slot that are in flight, and how those that failed did so.
//!
//! ```text
//!    complete       pending          not issued
//!   ───────────┬───────────────────┬────────────► stamp values
//!            seen               issued            at most 127 apart
//! ```

use super::{
    outcome::Failure,
    stamp::Stamp, //
};

/// Most commands in flight, plus one: a power of two.
const SIZE: usize = 128;

/// The commands of a slot.
pub(crate) struct Window {
    /// Value of the last command issued.
    issued: Stamp,
    /// Last value that the firmware has flagged.
    seen: Stamp,
    /// The failure of each command in the window, if it failed, indexed by [`Stamp::place`].
    failures: [Option<Failure>; SIZE],
    /// Number of watches: of those that have yet to learn what became of their commands.
    watches: u32,
}

/// The stamp has a value that it cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadStamp {
    pub(crate) found: Stamp,
    pub(crate) seen: Stamp,
    pub(crate) issued: Stamp,
}

impl Window {
    /// Returns a window with nothing in flight, whose stamp stands at `stamp`.
    pub(crate) const fn new(stamp: Stamp) -> Self {
        Self {
            issued: stamp,
            seen: stamp,
            failures: [None; SIZE],
            watches: 0,
        }
    }

    /// Returns whether nothing is in flight.
    pub(crate) const fn is_idle(&self) -> bool {
        self.seen.has_reached(self.issued)
    }

    /// Adds a watch.
    pub(crate) fn watch(&mut self) {
        self.watches += 1;
    }

    /// Ends a watch.
    pub(crate) fn unwatch(&mut self) {
        self.watches -= 1;
    }

    /// Returns whether the slot can go to another owner: nothing is in flight, and the result of
    /// each command was read.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_idle() && self.watches == 0
    }

    /// Returns how many commands can be issued before one has to complete.
    pub(crate) const fn room(&self) -> usize {
        SIZE - 1 - self.issued.since(self.seen) as usize
    }

    /// Numbers the next command. Returns `None` if there is no room.
    pub(crate) fn issue(&mut self) -> Option<Stamp> {
        if self.room() == 0 {
            return None;
        }
        self.issued = self.issued.next();
        self.failures[self.issued.place(SIZE)] = None;
        Some(self.issued)
    }

    /// Updates the window by `value`, which was read from the stamp.
    pub(crate) fn update(&mut self, value: Stamp) -> Result<(), BadStamp> {
        if !value.has_reached(self.seen) || !self.issued.has_reached(value) {
            return Err(BadStamp {
                found: value,
                seen: self.seen,
                issued: self.issued,
            });
        }
        self.seen = value;
        Ok(())
    }

    /// Notes that the commands in flight up to `value` have failed. The first failure of a command
    /// counts. Returns how many commands that were.
    pub(crate) fn fail(&mut self, value: Stamp, failure: Failure) -> usize {
        let mut count = 0;
        let mut at = self.seen;
        while !at.has_reached(self.issued) && !at.has_reached(value) {
            at = at.next();
            self.failures[at.place(SIZE)].get_or_insert(failure);
            count += 1;
        }
        count
    }

    /// Returns what became of a command; `None` as long as it is in flight.
    ///
    /// To be asked before 127 more are issued.
    pub(crate) fn outcome(&self, value: Stamp) -> Option<Result<(), Failure>> {
        if !self.seen.has_reached(value) {
            return None;
        }
        Some(match self.failures[value.place(SIZE)] {
            None => Ok(()),
            Some(failure) => Err(failure),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_complete_in_order() {
        let mut w = Window::new(Stamp(0x500_0000));
        assert!(w.is_idle());
        let a = w.issue().unwrap();
        let b = w.issue().unwrap();
        assert_eq!((a, b), (Stamp(0x500_0100), Stamp(0x500_0200)));
        assert_eq!((w.outcome(a), w.outcome(b)), (None, None));
        assert_eq!(w.update(a), Ok(()));
        assert_eq!((w.outcome(a), w.outcome(b)), (Some(Ok(())), None));
        assert!(!w.is_idle());
        // Twice the same is no news, but no mistake.
        assert_eq!(w.update(a), Ok(()));
        assert_eq!(w.update(b), Ok(()));
        assert!(w.is_idle());
    }

    /// The commands of a job in one slot are complete before those in another one.
    #[test]
    fn it_is_not_over_before_all_know() {
        let mut w = Window::new(Stamp(0));
        assert!(w.is_over());
        let a = w.issue().unwrap();
        w.watch();
        w.watch();
        assert!(!w.is_over());
        w.fail(a, Failure::Fault);
        w.update(a).unwrap();
        assert!(w.is_idle() && !w.is_over());
        w.unwatch();
        assert!(!w.is_over());
        assert_eq!(w.outcome(a), Some(Err(Failure::Fault)));
        w.unwatch();
        assert!(w.is_over());
    }

    #[test]
    fn impossible_stamps() {
        let mut w = Window::new(Stamp(0xffff_ff00));
        let a = w.issue().unwrap();
        assert_eq!(a, Stamp(0));
        for found in [Stamp(0xffff_fe00), a.next(), Stamp(0x8000_0000)] {
            let bad = BadStamp {
                found,
                seen: Stamp(0xffff_ff00),
                issued: a,
            };
            assert_eq!(w.update(found), Err(bad));
        }
        assert_eq!(w.update(a), Ok(()));
    }

    #[test]
    fn no_more_than_127() {
        let mut w = Window::new(Stamp(0));
        let all: Vec<_> = core::iter::from_fn(|| w.issue()).collect();
        assert_eq!((all.len(), w.room()), (127, 0));
        w.update(all[0]).unwrap();
        assert_eq!(w.room(), 1);
        assert_eq!(w.issue(), Some(all[126].next()));
        assert_eq!(w.issue(), None);
    }

    #[test]
    fn failures_are_told_on_completion() {
        let mut w = Window::new(Stamp(0));
        let c: Vec<_> = (0..5).map(|_| w.issue().unwrap()).collect();
        w.update(c[0]).unwrap();
        // Complete commands do not fail any more, those beyond the value not yet.
        assert_eq!(w.fail(c[2], Failure::Timeout), 2);
        assert_eq!(w.fail(c[3], Failure::Killed), 3);
        assert_eq!(w.outcome(c[1]), None);
        w.update(c[4]).unwrap();
        let outcomes: Vec<_> = c.iter().map(|&v| w.outcome(v).unwrap()).collect();
        assert_eq!(
            outcomes,
            [
                Ok(()),
                Err(Failure::Timeout),
                Err(Failure::Timeout),
                Err(Failure::Killed),
                Ok(())
            ]
        );
        // A value from nowhere fails what there is and no more.
        assert_eq!(w.fail(Stamp(0x7fff_0000), Failure::Unknown), 0);
        let next = w.issue().unwrap();
        assert_eq!(w.fail(Stamp(0x7fff_0000), Failure::Unknown), 1);
        w.update(next).unwrap();
        assert_eq!(w.outcome(next), Some(Err(Failure::Unknown)));
    }

    #[test]
    fn a_place_is_clean_when_it_is_used_again() {
        let mut w = Window::new(Stamp(0));
        for round in 0..300 {
            let c = w.issue().unwrap();
            if round < 128 {
                w.fail(c, Failure::Fault);
            }
            w.update(c).unwrap();
            assert_eq!(
                w.outcome(c),
                Some(if round < 128 {
                    Err(Failure::Fault)
                } else {
                    Ok(())
                })
            );
        }
    }
}
