// SPDX-License-Identifier: MIT OR Apache-2.0

//! The fragment half: tiles are run on several host threads.

use super::{FragmentJob, Scene};
use crate::cdm::End;
use crate::execute::Settings;
use crate::threadgroup::Meter;
use crate::tlb::Pages;
use crate::trace::Sink;

/// Runs the fragment half.
///
/// # Errors
///
/// Why it cannot come to its end.
pub(super) fn render(
    _job: &FragmentJob,
    scene: &Scene,
    _pages: &dyn Pages,
    _settings: Settings,
    _meter: &Meter,
    _trace: Option<&Sink>,
    _note: &mut dyn FnMut(&str),
) -> Result<(), End> {
    Err(End::Illegal(format!(
        "the fragment half is not carried out yet ({} primitives)",
        scene.primitives()
    )))
}
