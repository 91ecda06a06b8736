// SPDX-License-Identifier: MIT OR Apache-2.0

//! Invalidations that do not reach what they should, as scripted: with them a test finds out that
//! a forgotten invalidation is reported.

use std::str::FromStr;

use agx_abi::uat::PAGE_SIZE;

use crate::shadow::{Invalidation, Invalidations};

/// What becomes of the invalidations of one kind. Others are heard as they are.
///
/// | name | effect |
/// |---|---|
/// | `lost` | none is heard, whatever its kind |
/// | `context` | those of a context reach the next one |
/// | `page` | those of a page or range reach what is one page behind |
/// | `global` | those of everything do not reach what is global |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misheard {
    /// `lost`
    Lost,
    /// `context`
    Context,
    /// `page`
    Page,
    /// `global`
    Global,
}

impl FromStr for Misheard {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "lost" => Ok(Self::Lost),
            "context" => Ok(Self::Context),
            "page" => Ok(Self::Page),
            "global" => Ok(Self::Global),
            _ => Err(()),
        }
    }
}

/// Contexts that there are.
const CONTEXTS: u16 = 64;

impl Misheard {
    /// Calls `each` for what is heard of `what`.
    fn hear(self, what: Invalidation, each: &mut dyn FnMut(Invalidation)) {
        match (self, what) {
            (Self::Lost, _) => (),
            (Self::Context, Invalidation::Asid(asid)) => each(Invalidation::Asid(asid + 1)),
            (Self::Page, Invalidation::Range { asid, start, len }) => each(Invalidation::Range {
                asid,
                start: start.wrapping_add(PAGE_SIZE),
                len,
            }),
            (Self::Global, Invalidation::All) => {
                for asid in 0..CONTEXTS {
                    each(Invalidation::Asid(asid));
                }
            }
            _ => each(what),
        }
    }

    /// Returns what is heard of `all`.
    pub fn of(self, all: impl Invalidations + 'static) -> Box<dyn Invalidations> {
        Box::new(Bad(self, all))
    }
}

struct Bad<I>(Misheard, I);

impl<I: Invalidations> Invalidations for Bad<I> {
    fn take(&self, each: &mut dyn FnMut(Invalidation)) {
        self.1.take(&mut |what| self.0.hear(what, each));
    }

    fn idle(&self) -> u64 {
        self.1.idle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Said(Vec<Invalidation>);

    impl Invalidations for Said {
        fn take(&self, each: &mut dyn FnMut(Invalidation)) {
            self.0.iter().copied().for_each(each);
        }

        fn idle(&self) -> u64 {
            7
        }
    }

    fn heard(name: &str, what: Invalidation) -> Vec<Invalidation> {
        let mut all = Vec::new();
        let misheard: Misheard = name.parse().expect("name");
        let said = misheard.of(Said(vec![what]));
        assert_eq!(said.idle(), 7);
        said.take(&mut |what| all.push(what));
        all
    }

    #[test]
    fn each_kind_and_no_other() {
        let range = |start| Invalidation::Range {
            asid: Some(3),
            start,
            len: PAGE_SIZE,
        };
        let (all, context) = (Invalidation::All, Invalidation::Asid(3));
        for what in [all, context, range(0x8000)] {
            assert_eq!(heard("lost", what), []);
        }
        assert_eq!(heard("context", context), [Invalidation::Asid(4)]);
        assert_eq!(heard("context", all), [all]);
        assert_eq!(heard("page", range(0x8000)), [range(0xc000)]);
        assert_eq!(heard("page", context), [context]);
        assert_eq!(heard("global", range(0)), [range(0)]);
        let contexts: Vec<_> = (0..64).map(Invalidation::Asid).collect();
        assert_eq!(heard("global", all), contexts);
        assert!("all".parse::<Misheard>().is_err());
    }
}
