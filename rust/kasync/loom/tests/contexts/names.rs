// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Names of contexts.

pub struct Names;
pub struct TimelineNames;

impl Names {
    pub(crate) fn copied(&self) -> kernel::error::Result<&'static TimelineNames> {
        Ok(&TimelineNames)
    }
}
