// SPDX-License-Identifier: MIT OR Apache-2.0

//! The translations that GPU and coprocessor may still have, beside the page tables as they are.
//!
//! A Mac's GPU keeps what it has looked up until the host broadcasts an invalidation that covers
//! it. The emulator itself always looks at the tables; this keeps a book of what hardware would
//! have. A translation whose entry has changed, and that no invalidation has covered by the time
//! that the host has nothing left to do, is one that hardware could still use: the host forgot an
//! invalidation, or chose one that does not reach it.
//!
//! ```text
//!              used                          entry changed                 host idle
//!   nothing ─────────► kept: as in the table ─────────────► kept: suspect ──────────► reported
//!      ▲                  │                                    │
//!      └──────────────────┴────────── invalidation ◄───────────┘
//! ```
//!
//! How long the host takes from the change to the invalidation does not matter: a processor in
//! between is not idle.
//!
//! Entries without nG are global: an invalidation by ASID does not reach them.

use std::collections::BTreeMap;

use agx_abi::uat::{pte, PAGE_SIZE};

/// An invalidation that the host has broadcast in the outer shareable domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalidation {
    /// Everything.
    All,
    /// What is of an ASID, and not global.
    Asid(u16),
    /// A range of addresses, of an ASID or global; of all ASIDs without one.
    Range {
        /// The ASID.
        asid: Option<u16>,
        /// First address.
        start: u64,
        /// Bytes.
        len: u64,
    },
}

/// Extends the sign of an address of `bits` bits.
fn sign_extend(va: u64, bits: u32) -> u64 {
    ((va << (64 - bits)) as i64 >> (64 - bits)) as u64
}

impl Invalidation {
    /// Returns what the instruction `TLBI …1OS` with the operand `operand` invalidates.
    pub fn decode(instruction: u64, operand: u64) -> Option<Self> {
        let (crm, op2) = (instruction >> 8 & 0xf, instruction >> 5 & 7);
        let asid = (operand >> 48) as u16;
        // Last-level forms reach all that is kept here, which is leaves.
        let asid_of = |op2: u64| (op2 & 3 == 1).then_some(asid);
        match (crm, op2) {
            (1, 0) => Some(Self::All),
            (1, 2) => Some(Self::Asid(asid)),
            (1, 1 | 3 | 5 | 7) => Some(Self::Range {
                asid: asid_of(op2),
                start: sign_extend(operand << 12 & ((1 << 56) - 1), 56) & !(PAGE_SIZE - 1),
                len: PAGE_SIZE,
            }),
            (5, 1 | 3 | 5 | 7) => {
                let granule = match operand >> 46 & 3 {
                    1 => 12,
                    2 => 14,
                    3 => 16,
                    _ => return None,
                };
                let (scale, number) = (operand >> 44 & 3, operand >> 39 & 0x1f);
                let base = operand & ((1 << 37) - 1);
                Some(Self::Range {
                    asid: asid_of(op2),
                    start: sign_extend(base << granule, 37 + granule),
                    len: ((number + 1) << (5 * scale + 1)) << granule,
                })
            }
            _ => None,
        }
    }
}

/// Where the invalidations are heard of.
pub trait Invalidations: Send + Sync {
    /// Calls `each` for those since the last call, in their order.
    fn take(&self, each: &mut dyn FnMut(Invalidation));

    /// Returns how often all processors of the host have become idle, or one of them has ceased to
    /// be, so far: odd while all are idle. A processor that changes page tables is not idle before
    /// the invalidation that belongs to the change.
    fn idle(&self) -> u64;
}

/// A translation that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Context that it was used in; `None` if it is global.
    pub asid: Option<u16>,
    /// The page.
    pub va: u64,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    pte: u64,
    /// What [`Invalidations::idle`] was once it was seen to differ.
    suspect: Option<u64>,
}

/// A translation that should have been invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Which.
    pub key: Key,
    /// The entry that hardware may still use.
    pub old: u64,
    /// The entry as it is, if there is one.
    pub new: Option<u64>,
}

/// The book.
#[derive(Debug, Default)]
pub struct Shadow {
    kept: BTreeMap<Key, Kept>,
    counts: Counts,
}

/// What a book has had so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Translations that were kept.
    pub kept: u64,
    /// Those of them that an invalidation has reached.
    pub invalidated: u64,
}

impl Shadow {
    /// An access in context `asid` has used the entry `pte` for `va`.
    ///
    /// If another one is kept for it that stays: hardware would have used that one.
    pub fn used(&mut self, asid: u8, va: u64, pte: u64) {
        let global = pte & pte::NG == 0;
        let key = Key {
            asid: (!global).then_some(asid.into()),
            va: va & !(PAGE_SIZE - 1),
        };
        self.kept.entry(key).or_insert_with(|| {
            self.counts.kept += 1;
            Kept { pte, suspect: None }
        });
    }

    /// The host has invalidated.
    pub fn invalidate(&mut self, what: Invalidation) {
        let before = self.kept.len();
        self.kept.retain(|key, _| match what {
            Invalidation::All => false,
            Invalidation::Asid(asid) => key.asid != Some(asid),
            Invalidation::Range { asid, start, len } => {
                let of_it = key.asid.is_none() || asid.is_none() || key.asid == asid;
                !(of_it && key.va.wrapping_sub(start) < len)
            }
        });
        self.counts.invalidated += (before - self.kept.len()) as u64;
    }

    /// Returns the translations that differ from the tables, and that no invalidation has covered
    /// although the host was idle after the change.
    ///
    /// `before` is what `idle` was before the invalidations so far were taken; `idle` says what it
    /// is. See [`Invalidations::idle`].
    ///
    /// `entry` is the entry of a page in a context, `None` if there is none. A context that is not
    /// bound has none at all: what was used through it stays in hardware, and is used again by the
    /// next one of that number.
    pub fn find_stale(
        &mut self,
        before: u64,
        idle: impl Fn() -> u64,
        entry: impl Fn(Key) -> Option<u64>,
    ) -> Vec<Stale> {
        let mut stale = Vec::new();
        self.kept.retain(|key, kept| {
            let new = entry(*key);
            if new == Some(kept.pte) {
                kept.suspect = None;
                return true;
            }
            let since = *kept.suspect.get_or_insert_with(&idle);
            // It was idle in between, or is.
            let was_idle = before > since || (before == since && before % 2 == 1);
            if !was_idle {
                return true;
            }
            stale.push(Stale {
                key: *key,
                old: kept.pte,
                new,
            });
            false
        });
        stale
    }

    /// Nothing is kept any more.
    pub fn clear(&mut self) {
        self.kept.clear();
    }

    /// Returns what it has had.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns how many translations are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Returns whether none is.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

/// Returns the context whose tables map `key`.
pub fn context(key: Key) -> u8 {
    match key.asid {
        Some(asid) => asid as u8,
        // Global entries are the kernel's.
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: u64 = 0x12_0000_0000;
    const KERNEL: u64 = 0xffff_ffa0_0004_0000;
    const OLD: u64 = 0x8000_0000 | pte::VALID;
    const NG: u64 = pte::NG;

    /// Returns a user page in contexts 1 and 2 and a page of the kernel.
    fn shadow() -> Shadow {
        let mut s = Shadow::default();
        s.used(1, USER + 0x123, OLD | NG);
        s.used(2, USER, OLD | NG);
        s.used(0, KERNEL, OLD);
        // One that is kept already.
        s.used(0, KERNEL + 8, OLD);
        assert_eq!(s.len(), 3);
        s
    }

    /// The host is awake, and was idle before.
    const AWAKE: u64 = 4;

    /// Returns what is stale when every page has gone, in order.
    fn stale(s: &mut Shadow) -> Vec<Key> {
        for _ in 0..3 {
            assert_eq!(s.find_stale(AWAKE, || AWAKE, |_| None), []);
        }
        let late = s.find_stale(AWAKE + 1, || AWAKE + 1, |_| None);
        assert!(s.is_empty());
        late.iter().map(|s| s.key).collect()
    }

    fn key(asid: Option<u16>, va: u64) -> Key {
        Key { asid, va }
    }

    fn page(asid: u64, va: u64) -> Invalidation {
        let operand = asid << 48 | (va >> 12 & ((1 << 44) - 1));
        Invalidation::decode(0xd508_8120, operand).unwrap()
    }

    #[test]
    fn what_is_not_invalidated_is_stale() {
        let all = [key(None, KERNEL), key(Some(1), USER), key(Some(2), USER)];
        assert_eq!(stale(&mut shadow()), all);
    }

    #[test]
    fn an_invalidation_by_asid_does_not_reach_the_kernel() {
        let mut s = shadow();
        // TLBI ASIDE1OS.
        for asid in [0, 1] {
            s.invalidate(Invalidation::decode(0xd508_8140, asid << 48).unwrap());
        }
        let counts = Counts {
            kept: 3,
            invalidated: 1,
        };
        assert_eq!(s.counts(), counts);
        assert_eq!(stale(&mut s), [key(None, KERNEL), key(Some(2), USER)]);
        assert_eq!(s.counts(), counts);
    }

    #[test]
    fn an_invalidation_by_address_reaches_its_page_and_no_other() {
        let mut s = shadow();
        s.used(1, USER + PAGE_SIZE, OLD | NG);
        s.invalidate(page(1, USER));
        s.invalidate(page(0, KERNEL));
        assert_eq!(
            stale(&mut s),
            [key(Some(1), USER + PAGE_SIZE), key(Some(2), USER)]
        );
        // TLBI VAAE1OS: of all ASIDs.
        let mut s = shadow();
        s.invalidate(Invalidation::decode(0xd508_8160, USER >> 12).unwrap());
        assert_eq!(stale(&mut s), [key(None, KERNEL)]);
    }

    #[test]
    fn an_invalidation_of_a_range_reaches_all_of_it() {
        let mut s = Shadow::default();
        for i in 0..5 {
            s.used(0, KERNEL + i * PAGE_SIZE, OLD);
        }
        // RVAE1OS: granule of 16 KiB, scale 0, number 1: four pages.
        let base = KERNEL >> 14 & ((1 << 37) - 1);
        let operand = 2 << 46 | 1 << 39 | base;
        s.invalidate(Invalidation::decode(0xd508_8520, operand).unwrap());
        assert_eq!(stale(&mut s), [key(None, KERNEL + 4 * PAGE_SIZE)]);
    }

    #[test]
    fn everything_and_what_has_not_changed() {
        let mut s = shadow();
        s.invalidate(Invalidation::decode(0xd508_8100, 0).unwrap());
        assert!(s.is_empty());
        let mut s = shadow();
        let same = |k: Key| Some(if k.asid.is_some() { OLD | NG } else { OLD });
        assert_eq!(s.find_stale(AWAKE, || AWAKE, same), []);
        assert_eq!(s.find_stale(AWAKE + 1, || AWAKE + 1, same), []);
        assert_eq!(s.len(), 3);
        // A change that is taken back in time was none.
        let awake = AWAKE + 2;
        assert_eq!(s.find_stale(awake, || awake, |_| None), []);
        assert_eq!(s.find_stale(awake, || awake, same), []);
        assert_eq!(s.find_stale(awake + 2, || awake + 2, |_| None), []);
        // Another entry in its place is as bad as none.
        let other = |_| Some(OLD + PAGE_SIZE);
        assert_eq!(s.find_stale(awake + 4, || awake + 4, other).len(), 3);
    }

    #[test]
    fn idle_is_what_comes_after_the_change() {
        let gone = |_| None;
        // Idle all the while: whoever made the change has done all that belongs to it.
        assert_eq!(shadow().find_stale(5, || 5, gone).len(), 3);
        // Idle before, and the change may be of what comes after.
        let mut s = shadow();
        assert_eq!(s.find_stale(5, || 6, gone), []);
        assert_eq!(s.find_stale(6, || 6, gone), []);
        // Idle, and what was invalidated before that may not have been taken yet.
        assert_eq!(s.find_stale(6, || 7, gone), []);
        // Idle in between, whether or not it is now.
        assert_eq!(s.find_stale(8, || 8, gone).len(), 3);
    }

    #[test]
    fn others_are_no_invalidations() {
        for instruction in [0xd508_8180, 0xd508_85e0 & !0x20] {
            assert_eq!(Invalidation::decode(instruction, 0), None);
        }
    }
}
