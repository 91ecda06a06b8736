// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Address translation of the GPU and its coprocessor (the "UAT").
//!
//! ```text
//!   region ttbs         64 contexts × {lower root, upper root}     written under the handoff lock
//!   region pagetables   root of the upper half: entries 0, 1 the firmware's, 2 ours
//!   region handoff      lock, handshake, current context
//!
//!   context 0      the kernel: upper half shared with the firmware, lower half one page
//!   context 1..63  slots, lent to clients' address spaces while these have work ([`slots`])
//! ```

mod contexts;
pub(crate) mod handoff;
mod memory;
mod range;
mod region;
mod slots;
pub(crate) mod table;
mod tlb;
mod uat;

pub(crate) use self::{
    contexts::ClientsCutOff,
    range::{
        Ranges,
        Span, //
    },
    region::Region,
    slots::{
        AddressSpace,
        SlotGuard, //
    },
    uat::Uat, //
};
