// SPDX-License-Identifier: MIT OR Apache-2.0

//! Changes of the execution mask, as [`crate::exec::run`] makes them.

use agx_lanes::{Compare, Value};

use super::translate::Translator;
use crate::exec::op::{Alu, Branch};

impl Translator<'_, '_> {
    /// Returns the nesting counter, the low half of the first register, of all lanes.
    fn counter(&mut self) -> Value {
        let word = self.settled(0);
        self.low(word)
    }

    /// Writes the counter in all lanes, and makes those active that have zero in it.
    fn set_counter(&mut self, counter: Value) {
        let word = self.settled(0);
        let mask = self.body.constant(0xffff);
        let counter = self.body.and(counter, mask);
        let high = self.body.and_not(word, mask);
        let word = self.body.or(high, counter);
        self.set_settled(0, word);
        let zero = self.body.constant(0);
        let none = self.body.compare(Compare::Equal, counter, zero);
        let launched = self.body.launched();
        let active = self.body.and(none, launched);
        self.set_active(active);
    }

    /// `if`, `else` and `while`.
    ///
    /// # Errors
    ///
    /// If there is no code for the condition.
    pub fn branch(&mut self, what: Branch, n: u32, condition: &Alu) -> Result<(), String> {
        // Lanes that are not active count as well.
        self.settle();
        let taken = self.alu(condition)?;
        let v = self.counter();
        let body = &mut *self.body;
        let [zero, one, n] = [0, 1, n].map(|number| body.constant(number));
        let new = match what {
            Branch::If => {
                let fresh = body.and_not(one, taken);
                let deeper = body.add(v, n);
                let open = body.compare(Compare::Equal, v, zero);
                body.select(open, fresh, deeper)
            }
            Branch::Else => {
                let fresh = body.and_not(one, taken);
                let (open, first) = (
                    body.compare(Compare::Equal, v, zero),
                    body.compare(Compare::Equal, v, one),
                );
                let other = body.select(first, fresh, v);
                body.select(open, n, other)
            }
            Branch::While => {
                let again = body.and_not(n, taken);
                let inner = body.compare(Compare::UnsignedLess, v, n);
                body.select(inner, again, v)
            }
        };
        self.set_counter(new);
        Ok(())
    }

    /// Leaves `n` levels of nesting.
    pub fn pop_exec(&mut self, n: u32) {
        self.settle();
        let v = self.counter();
        let body = &mut *self.body;
        let n = body.constant(n);
        let outside = body.compare(Compare::UnsignedLess, v, n);
        let less = body.sub(v, n);
        let new = body.and_not(less, outside);
        self.set_counter(new);
    }
}
