// SPDX-License-Identifier: MIT OR Apache-2.0

//! A run in the making: registers, sources, destinations.
//!
//! A register has up to two values while a run is translated:
//!
//! ```text
//!             read                     write
//!   memory ─────────► settled ───────────────────► settled, pending
//!                        ▲                               │  lanes change, or neighbours look
//!                        └───────── active ? pending : settled
//! ```
//!
//! The pending value is right in active lanes only, which is all that operations of one lane need.

use std::collections::HashMap;

use agx_lanes::{Body, Value, REGISTERS};

use crate::exec::op::{Dst, Src};

/// What is known of a register.
#[derive(Clone, Copy, Default)]
struct Register {
    /// What it holds in all lanes.
    settled: Option<Value>,
    /// What it holds in active lanes.
    pending: Option<Value>,
    /// It does not hold in memory what it holds.
    changed: bool,
}

/// The halves of a word, where they are known.
#[derive(Clone, Copy, Default)]
struct Halves {
    low: Option<Value>,
    high: Option<Value>,
    /// The 32-bit floats of low and high half as half floats.
    wide: [Option<Value>; 2],
}

/// The state of a translation.
pub(super) struct Translator<'b, 'a> {
    pub body: &'b mut Body<'a>,
    registers: [Register; REGISTERS],
    /// The mask of active lanes; `None` if all are active.
    active: Option<Value>,
    active_changed: bool,
    halves: HashMap<Value, Halves>,
    /// Values without denormals, by what they were made of.
    pub(super) flushed: HashMap<Value, Value>,
    /// 32-bit floats, by the half floats in the high half that they were made of.
    pub(super) widened: HashMap<(Value, u32), Value>,
    /// 32-bit floats, by the half floats that were made of them and have no other bits.
    pub(super) rounded: HashMap<Value, Value>,
    /// Words, by what was shifted to the left by so much.
    pub(super) shifted: HashMap<(Value, u32), Value>,
    doubles: HashMap<usize, agx_lanes::Double>,
}

impl<'b, 'a> Translator<'b, 'a> {
    /// Starts a run; `full` if all lanes are active in the beginning.
    pub fn new(body: &'b mut Body<'a>, full: bool) -> Self {
        let active = match full {
            true => None,
            false => Some(body.active()),
        };
        Self {
            body,
            registers: [Register::default(); REGISTERS],
            active,
            active_changed: false,
            halves: HashMap::new(),
            flushed: HashMap::new(),
            widened: HashMap::new(),
            rounded: HashMap::new(),
            shifted: HashMap::new(),
            doubles: HashMap::new(),
        }
    }

    /// Writes back what has changed.
    pub fn finish(mut self) {
        self.settle_all();
        for (number, register) in self.registers.iter().enumerate() {
            if let (true, Some(value)) = (register.changed, register.settled) {
                self.body.set_register(number, value);
            }
        }
        if let (true, Some(active)) = (self.active_changed, self.active) {
            self.body.set_active(active);
        }
    }

    /// Returns what a register holds in active lanes.
    pub fn word(&mut self, number: u8) -> Value {
        let register = self.registers[usize::from(number) % REGISTERS];
        match register.pending.or(register.settled) {
            Some(value) => value,
            None => self.settled(number),
        }
    }

    /// Returns what a register holds in all lanes.
    pub fn settled(&mut self, number: u8) -> Value {
        let number = usize::from(number) % REGISTERS;
        let register = self.registers[number];
        let value = match (register.settled, register.pending, self.active) {
            (_, Some(pending), None) => pending,
            (settled, Some(pending), Some(active)) => {
                let old = settled.unwrap_or_else(|| self.body.register(number));
                self.body.select(active, pending, old)
            }
            (Some(settled), None, _) => settled,
            (None, None, _) => self.body.register(number),
        };
        let register = &mut self.registers[number];
        (register.settled, register.pending) = (Some(value), None);
        value
    }

    fn settle_all(&mut self) {
        for number in 0..REGISTERS as u8 {
            if self.registers[usize::from(number)].pending.is_some() {
                self.settled(number);
            }
        }
    }

    fn set_word(&mut self, number: u8, value: Value) {
        let register = &mut self.registers[usize::from(number) % REGISTERS];
        register.pending = Some(value);
        register.changed = true;
    }

    /// Returns the low half of a word.
    pub fn low(&mut self, word: Value) -> Value {
        if let Some(low) = self.halves.get(&word).and_then(|halves| halves.low) {
            return low;
        }
        let mask = self.body.constant(0xffff);
        let low = self.body.and(word, mask);
        self.halves.entry(word).or_default().low = Some(low);
        low
    }

    /// Returns the high half of a word.
    pub fn high(&mut self, word: Value) -> Value {
        if let Some(high) = self.halves.get(&word).and_then(|halves| halves.high) {
            return high;
        }
        let high = self.body.shift_right(word, 16);
        self.halves.entry(word).or_default().high = Some(high);
        high
    }

    /// Returns the 32-bit float of the low (0) or high (1) half of a word, if it was made of one.
    pub fn half_made_of(&self, word: Value, half: usize) -> Option<Value> {
        self.halves.get(&word).and_then(|halves| halves.wide[half])
    }

    /// Returns the value of a source in active lanes.
    pub fn source(&mut self, src: Src) -> Value {
        match src {
            Src::Word(word) | Src::Pair(word) => self.word(word),
            Src::Low(word) => {
                let word = self.word(word);
                self.low(word)
            }
            Src::High(word) => {
                let word = self.word(word);
                self.high(word)
            }
            Src::LowSigned(word) => {
                let word = self.word(word);
                let high = self.body.shift_left(word, 16);
                self.body.shift_right_signed(high, 16)
            }
            Src::HighSigned(word) => {
                let word = self.word(word);
                self.body.shift_right_signed(word, 16)
            }
            Src::UniformWord(at) => {
                let at = usize::from(at) & 511;
                // The last word ends beyond the file, where it starts anew.
                match at {
                    511 => {
                        let (low, high) = (self.body.uniform_half(511), self.body.uniform_half(0));
                        let high = self.body.shift_left(high, 16);
                        self.body.or(low, high)
                    }
                    at => self.body.uniform_word(at),
                }
            }
            Src::UniformHalf(at) => self.body.uniform_half(usize::from(at) & 511),
            Src::UniformSigned(at) => {
                let half = self.body.uniform_half(usize::from(at) & 511);
                let high = self.body.shift_left(half, 16);
                self.body.shift_right_signed(high, 16)
            }
            Src::Immediate(value) => self.body.constant(value),
        }
    }

    /// Returns the value of a source in all lanes.
    pub fn settled_source(&mut self, src: Src) -> Value {
        if let Src::Word(word)
        | Src::Pair(word)
        | Src::Low(word)
        | Src::High(word)
        | Src::LowSigned(word)
        | Src::HighSigned(word) = src
        {
            self.settled(word);
        }
        self.source(src)
    }

    /// Writes a destination in active lanes.
    pub fn write(&mut self, dst: Dst, value: Value) {
        match dst {
            Dst::Word(word) | Dst::Pair(word) => self.set_word(word, value),
            Dst::Low(word) => {
                let old = self.word(word);
                let mask = self.body.constant(0xffff);
                let low = self.body.and(value, mask);
                let rest = self.body.and_not(old, mask);
                let new = self.body.or(rest, low);
                let halves = self.halves.get(&old).copied().unwrap_or_default();
                let wide = [self.rounded.get(&value).copied(), halves.wide[1]];
                let (low, high) = (Some(low), halves.high);
                self.halves.insert(new, Halves { low, high, wide });
                self.set_word(word, new);
            }
            Dst::High(word) => {
                let old = self.word(word);
                let low = self.low(old);
                let high = self.body.shift_left(value, 16);
                let new = self.body.or(low, high);
                let halves = self.halves.get(&old).copied().unwrap_or_default();
                let wide = [halves.wide[0], self.rounded.get(&value).copied()];
                let (low, high) = (Some(low), None);
                self.halves.insert(new, Halves { low, high, wide });
                self.set_word(word, new);
            }
        }
    }

    /// Makes the lanes active whose mask this is; all values so far belong to those before.
    pub fn set_active(&mut self, mask: Value) {
        self.settle_all();
        self.active = Some(mask);
        self.active_changed = true;
    }

    /// Writes a register in all lanes.
    pub fn set_settled(&mut self, number: u8, value: Value) {
        let register = &mut self.registers[usize::from(number) % REGISTERS];
        *register = Register {
            settled: Some(value),
            pending: None,
            changed: true,
        };
    }

    /// Settles all registers, before the active lanes change.
    pub fn settle(&mut self) {
        self.settle_all();
    }

    /// Returns a 64-bit value that is made once.
    pub fn double_once(
        &mut self,
        key: usize,
        make: impl FnOnce(&mut Self) -> agx_lanes::Double,
    ) -> agx_lanes::Double {
        if let Some(&known) = self.doubles.get(&key) {
            return known;
        }
        let made = make(self);
        self.doubles.insert(key, made);
        made
    }
}
