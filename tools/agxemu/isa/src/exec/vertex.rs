// SPDX-License-Identifier: MIT OR Apache-2.0

//! The record that a vertex program writes.

use super::op::Src;
use super::run::Machine;
use super::texture::host_fault;
use super::{FaultKind, Group, Host};

impl Group {
    /// Stores register `word` to a word of each active lane's record.
    #[inline(never)]
    pub(super) fn store_output<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        word: u8,
        index: Src,
    ) -> Result<(), Box<FaultKind>> {
        let indices = match index {
            Src::Immediate(index) => [index; super::LANES],
            _ => std::array::from_fn(|lane| self.lane_value(m.shared.get(), index, lane)),
        };
        let values = &self.regs[usize::from(word)];
        let stored = m.host.store_outputs(&indices, values, self.exec);
        stored.map_err(host_fault)
    }
}
