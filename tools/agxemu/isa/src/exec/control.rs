// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which lanes are active, and where they go.

use super::host::bits;
use super::op::{Branch, Inst};
use super::run::{unsupported, Flow, Outcome};
use super::{FaultKind, Group, Lanes, LANES};

/// Returns all ones for each lane that is set, zero for the others.
pub(super) fn masks(lanes: u32) -> Lanes {
    let mut masks = [0; LANES];
    for (lane, mask) in masks.iter_mut().enumerate() {
        *mask = 0u32.wrapping_sub(lanes >> lane & 1);
    }
    masks
}

impl Group {
    /// Makes these lanes active.
    #[inline]
    pub(super) fn set_exec(&mut self, exec: u32) {
        self.exec = exec;
        self.active = masks(exec);
    }

    /// Changes the nesting counter, the low half of the first register, for all lanes, and makes
    /// those active that have zero in it.
    #[inline]
    fn nest(&mut self, change: impl Fn(u32, bool) -> u32) {
        let counter = &mut self.regs[0];
        let mut zero = 0;
        for (lane, (counter, &taken)) in counter.iter_mut().zip(&self.out).enumerate() {
            let new = change(*counter & 0xffff, taken != 0) & 0xffff;
            *counter = *counter & !0xffff | new;
            zero |= u32::from(new == 0) << lane;
        }
        self.set_exec(zero & self.launched);
    }

    #[inline]
    pub(super) fn branch(&mut self, what: Branch, n: u32) {
        match what {
            Branch::If => self.nest(|v, taken| {
                let fresh = u32::from(!taken);
                if v == 0 {
                    fresh
                } else {
                    v + n
                }
            }),
            Branch::Else => self.nest(|v, taken| match v {
                0 => n,
                1 => u32::from(!taken),
                v => v,
            }),
            Branch::While => self.nest(|v, taken| {
                let again = if taken { 0 } else { n };
                if v < n {
                    again
                } else {
                    v
                }
            }),
        }
    }

    #[inline]
    pub(super) fn pop_exec(&mut self, n: u32) {
        self.nest(|v, _| v.saturating_sub(n));
    }

    /// Returns the address in a register, which active lanes must agree on. The register holds the
    /// low half of the address; the high half is that of the program counter.
    pub(super) fn target(&self, word: u8) -> Result<u64, Box<FaultKind>> {
        let lanes = &self.regs[usize::from(word)];
        let mut targets = bits(self.exec).map(|lane| lanes[lane]);
        let Some(first) = targets.next() else {
            return Err(unsupported("jump to a register without active lanes"));
        };
        if targets.any(|target| target != first) {
            return Err(unsupported("lanes jump to different addresses"));
        }
        Ok(self.pc & !0xffff_ffff | u64::from(first))
    }

    /// Goes to `pc` and leaves the address behind the call in the second register.
    pub(super) fn call(&mut self, inst: &Inst, pc: u64) -> Outcome {
        let back = self.pc.wrapping_add(inst.length.into()) as u32;
        for lane in bits(self.exec) {
            self.regs[1][lane] = back;
        }
        Ok(Flow::To(pc))
    }
}
