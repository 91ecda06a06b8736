// SPDX-License-Identifier: MIT OR Apache-2.0

//! Occlusion queries: samples that pass, counted for each tile and added at its end.

use std::collections::BTreeMap;

use super::scene::DrawState;
use crate::cdm::End;
use crate::fault::{Fault, Unit};
use crate::tlb::Tlb;

/// What a draw counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Query {
    /// All samples that pass.
    Count(u16),
    /// Whether there are any.
    Any(u16),
}

impl Query {
    /// Returns what a draw counts.
    ///
    /// # Errors
    ///
    /// For the mode without a known meaning.
    pub fn of(draw: &DrawState) -> Result<Option<Self>, End> {
        let control = draw.fragment_control[0] | draw.fragment_control[1];
        Ok(match control >> 14 & 3 {
            0 => None,
            2 => Some(Self::Count(draw.occlusion)),
            3 => Some(Self::Any(draw.occlusion)),
            other => return Err(End::Illegal(format!("visibility test mode {other}"))),
        })
    }
}

/// Counters of a tile.
#[derive(Default)]
pub(super) struct Counters(BTreeMap<Query, u64>);

impl Counters {
    /// Adds samples of a draw.
    pub fn add(&mut self, query: Option<Query>, samples: u64) {
        if let (Some(query), true) = (query, samples != 0) {
            *self.0.entry(query).or_default() += samples;
        }
    }

    /// Adds the counters to those in memory, of which the first is at `base`. That hardware adds,
    /// and sets the lowest bit for [`Query::Any`], is inferred from drivers, which clear them
    /// first.
    ///
    /// # Errors
    ///
    /// Where memory cannot be read and written, and for a base that is not that of counters.
    pub fn flush(&mut self, base: u64, tlb: &mut Tlb<'_>) -> Result<(), End> {
        if base % 8 != 0 && !self.0.is_empty() {
            let text = format!("counters at {base:#x}, which is not aligned");
            return Err(End::Illegal(text));
        }
        while let Some((query, samples)) = self.0.pop_first() {
            let at = |index: u16| base.wrapping_add(8 * u64::from(index));
            let done = match query {
                Query::Count(index) => tlb.update_u64(at(index), |old| old.wrapping_add(samples)),
                Query::Any(index) => tlb.update_u64(at(index), |old| old | 1),
            };
            done.map_err(|access| {
                End::Fault(Fault {
                    access,
                    unit: Unit::Ras,
                })
            })?;
        }
        Ok(())
    }
}
