// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Crate root for the unit tests of the modules that need no kernel. `cargo test` in `rust/` runs
//! them.

#![expect(dead_code, reason = "only tests use it here; the driver uses the rest")]

pub(crate) mod bind;
pub(crate) mod hw;

/// The parts of the driver's `mmu` module that need no kernel.
pub(crate) mod mmu {
    pub(crate) mod handoff;
    pub(crate) mod table;
}

/// The part of the driver's `slots` module that needs no kernel.
pub(crate) mod slots {
    pub(crate) mod table;
}

/// The parts of the driver's `firmware` module that need no kernel.
pub(crate) mod firmware {
    pub(crate) mod blobs;
    pub(crate) mod message;
    pub(crate) mod outcome;
    pub(crate) mod rate;
    pub(crate) mod ring;
    pub(crate) mod stamp;
    pub(crate) mod window;
}

/// The parts of the driver's `job` module that need no kernel.
pub(crate) mod job {
    pub(crate) mod attachments;
    pub(crate) mod barrier;
    pub(crate) mod batch_entries;
    pub(crate) mod command;
    pub(crate) mod compute;
    pub(crate) mod fragment;
    pub(crate) mod growth;
    #[cfg(test)]
    pub(crate) mod half_image;
    #[cfg(test)]
    pub(crate) mod image;
    pub(crate) mod payload;
    pub(crate) mod registers;
    pub(crate) mod render;
    pub(crate) mod scene;
    pub(crate) mod sequence;
    pub(crate) mod structure;
    pub(crate) mod vertex;
}
