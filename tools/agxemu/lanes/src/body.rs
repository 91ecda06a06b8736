// SPDX-License-Identifier: MIT OR Apache-2.0

//! A program in the making: places in the frame, and integers.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, types, Endianness, InstBuilder, MemFlags, Type};
use cranelift_frontend::FunctionBuilder;

use super::code::place;
use super::{LANES, PARTS, PLANES, REGISTERS, UNIFORMS, WIDTH};

/// Bytes of a register: one word for each lane.
const ROW: i64 = 4 * LANES as i64;

/// Bytes that a part has of a register.
const STEP: i64 = 4 * WIDTH as i64;

/// 32 bits of each lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value(pub(super) ir::Value);

/// A comparison of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// a = b
    Equal,
    /// a < b
    UnsignedLess,
    /// a < b as signed numbers
    SignedLess,
}

/// A program: each function adds an operation.
///
/// ```text
///  entry ──► part 0 … 7 ──► return
///              ▲   │
///              └───┘
/// ```
pub struct Body<'a> {
    pub(super) builder: FunctionBuilder<'a>,
    part: ir::Block,
    /// Bytes from the start of a register to the part.
    offset: ir::Value,
    /// What the frame points to.
    pointers: [ir::Value; 7],
    /// Rows, by number of the pointer: address of the part in the first one.
    bases: [ir::Value; 7],
    constants: HashMap<u32, Value>,
    /// Halves and words of the uniform file that were read, by place and number of bits.
    uniforms: HashMap<(usize, u32), Value>,
    operations: usize,
}

impl<'a> Body<'a> {
    pub(super) fn new(mut builder: FunctionBuilder<'a>) -> Self {
        let entry = builder.create_block();
        let part = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let frame = builder.block_params(entry)[0];
        let pointers = std::array::from_fn(|n| {
            let at = 8 * n as i32;
            builder.ins().load(types::I64, fixed(), frame, at)
        });
        let zero = builder.ins().iconst(types::I64, 0);
        builder.ins().jump(part, &[zero.into()]);
        let offset = builder.append_block_param(part, types::I64);
        builder.switch_to_block(part);
        let bases = pointers.map(|pointer| builder.ins().iadd(pointer, offset));
        Self {
            builder,
            part,
            offset,
            pointers,
            bases,
            constants: HashMap::new(),
            uniforms: HashMap::new(),
            operations: 0,
        }
    }

    /// Ends the loop over the parts, and the function.
    pub(super) fn finish(mut self) {
        let end = self.builder.create_block();
        let next = self.builder.ins().iadd_imm(self.offset, STEP);
        let more = self
            .builder
            .ins()
            .icmp_imm(IntCC::UnsignedLessThan, next, ROW);
        self.builder
            .ins()
            .brif(more, self.part, &[next.into()], end, &[]);
        self.builder.switch_to_block(end);
        self.builder.ins().return_(&[]);
        self.builder.seal_all_blocks();
        self.builder.finalize();
    }

    /// Returns how many operations there are so far, those that cost nothing included.
    pub fn operations(&self) -> usize {
        self.operations
    }

    /// Starts an operation.
    pub(super) fn ins(&mut self) -> cranelift_frontend::FuncInstBuilder<'_, 'a> {
        self.operations += 1;
        self.builder.ins()
    }

    pub(super) fn cast(&mut self, value: ir::Value, to: Type) -> ir::Value {
        let flags = MemFlags::new().with_endianness(Endianness::Little);
        self.builder.ins().bitcast(to, flags, value)
    }

    fn row(&mut self, pointer: i32, row: usize) -> Value {
        let base = self.bases[pointer as usize];
        let at = row as i32 * ROW as i32;
        Value(self.ins().load(types::I32X4, known(), base, at))
    }

    fn set_row(&mut self, pointer: i32, row: usize, value: Value) {
        let base = self.bases[pointer as usize];
        let at = row as i32 * ROW as i32;
        self.ins().store(known(), value.0, base, at);
    }

    /// Returns what a register holds.
    ///
    /// # Panics
    ///
    /// If there is no such register.
    pub fn register(&mut self, number: usize) -> Value {
        assert!(number < REGISTERS);
        self.row(place::REGISTERS, number)
    }

    /// Writes a register, in all lanes.
    ///
    /// # Panics
    ///
    /// If there is no such register.
    pub fn set_register(&mut self, number: usize, value: Value) {
        assert!(number < REGISTERS);
        self.set_row(place::REGISTERS, number, value);
    }

    /// Returns the mask of the active lanes.
    pub fn active(&mut self) -> Value {
        self.row(place::ACTIVE, 0)
    }

    /// Makes lanes active.
    pub fn set_active(&mut self, mask: Value) {
        self.set_row(place::ACTIVE, 0, mask);
    }

    /// Returns the mask of the lanes that may become active.
    pub fn launched(&mut self) -> Value {
        self.row(place::LAUNCHED, 0)
    }

    /// Returns where the pixels are from the left (0) or from the top (1).
    pub fn pixel(&mut self, axis: usize) -> Value {
        self.row([place::X, place::Y][axis], 0)
    }

    /// Returns a half of the uniform file, in all lanes.
    ///
    /// # Panics
    ///
    /// If there is no such half.
    pub fn uniform_half(&mut self, at: usize) -> Value {
        assert!(at < UNIFORMS);
        if let Some(&known) = self.uniforms.get(&(at, 16)) {
            return known;
        }
        let base = self.pointers[place::UNIFORMS as usize];
        let half = (self.ins()).uload16(types::I32, fixed(), base, 2 * at as i32);
        let value = Value(self.ins().splat(types::I32X4, half));
        self.uniforms.insert((at, 16), value);
        value
    }

    /// Returns 32 bits of the uniform file from a half on, in all lanes.
    ///
    /// # Panics
    ///
    /// If there is no such half, or no next one.
    pub fn uniform_word(&mut self, at: usize) -> Value {
        assert!(at + 1 < UNIFORMS);
        if let Some(&known) = self.uniforms.get(&(at, 32)) {
            return known;
        }
        let base = self.pointers[place::UNIFORMS as usize];
        let word = (self.ins()).load(types::I32, fixed(), base, 2 * at as i32);
        let value = Value(self.ins().splat(types::I32X4, word));
        self.uniforms.insert((at, 32), value);
        value
    }

    /// Returns A (0), B (1) or C (2) of a plane for the quad that the part is.
    ///
    /// # Panics
    ///
    /// If there is no such plane or part of it.
    pub fn plane(&mut self, number: usize, which: usize) -> Value {
        assert!(number < PLANES && which < 3);
        let quads = self.pointers[place::PLANES as usize];
        let offset = self.offset;
        let quad = self.ins().ushr_imm(offset, i64::from(STEP.ilog2()) - 2);
        let base = self.ins().iadd(quads, quad);
        let at = (number * 3 + which) * PARTS * 4;
        let word = self.ins().load(types::I32, fixed(), base, at as i32);
        Value(self.ins().splat(types::I32X4, word))
    }

    /// Returns a number, in all lanes.
    pub fn constant(&mut self, number: u32) -> Value {
        if let Some(&value) = self.constants.get(&number) {
            return value;
        }
        let bytes: Vec<u8> = (0..WIDTH).flat_map(|_| number.to_le_bytes()).collect();
        let constant = self.builder.func.dfg.constants.insert(bytes.into());
        let value = Value(self.ins().vconst(types::I32X4, constant));
        self.constants.insert(number, value);
        value
    }

    /// Returns a + b.
    pub fn add(&mut self, a: Value, b: Value) -> Value {
        Value(self.ins().iadd(a.0, b.0))
    }

    /// Returns a - b.
    pub fn sub(&mut self, a: Value, b: Value) -> Value {
        Value(self.ins().isub(a.0, b.0))
    }

    /// Returns the low 32 bits of a * b.
    pub fn mul(&mut self, a: Value, b: Value) -> Value {
        Value(self.ins().imul(a.0, b.0))
    }

    /// Returns `a` and `b`.
    pub fn and(&mut self, a: Value, b: Value) -> Value {
        Value(self.ins().band(a.0, b.0))
    }

    /// Returns `a` and not `b`.
    pub fn and_not(&mut self, a: Value, b: Value) -> Value {
        Value(self.ins().band_not(a.0, b.0))
    }

    /// Returns `a` or `b`.
    pub fn or(&mut self, a: Value, b: Value) -> Value {
        Value(self.ins().bor(a.0, b.0))
    }

    /// Returns `a` exclusive-or `b`.
    pub fn xor(&mut self, a: Value, b: Value) -> Value {
        Value(self.ins().bxor(a.0, b.0))
    }

    /// Returns all bits the other way round.
    pub fn not(&mut self, a: Value) -> Value {
        Value(self.ins().bnot(a.0))
    }

    /// Returns `a << by`, which is below 32.
    pub fn shift_left(&mut self, a: Value, by: u32) -> Value {
        match by & 31 {
            0 => a,
            by => Value(self.ins().ishl_imm(a.0, i64::from(by))),
        }
    }

    /// Returns `a >> by`, which is below 32.
    pub fn shift_right(&mut self, a: Value, by: u32) -> Value {
        match by & 31 {
            0 => a,
            by => Value(self.ins().ushr_imm(a.0, i64::from(by))),
        }
    }

    /// Returns `a >> by`, which is below 32, with copies of the sign.
    pub fn shift_right_signed(&mut self, a: Value, by: u32) -> Value {
        match by & 31 {
            0 => a,
            by => Value(self.ins().sshr_imm(a.0, i64::from(by))),
        }
    }

    /// Returns all ones where the comparison holds, zero elsewhere.
    pub fn compare(&mut self, what: Compare, a: Value, b: Value) -> Value {
        let code = match what {
            Compare::Equal => IntCC::Equal,
            Compare::UnsignedLess => IntCC::UnsignedLessThan,
            Compare::SignedLess => IntCC::SignedLessThan,
        };
        Value(self.ins().icmp(code, a.0, b.0))
    }

    /// Returns the bits of a where `mask` has ones, those of b elsewhere.
    pub fn select(&mut self, mask: Value, a: Value, b: Value) -> Value {
        Value(self.ins().bitselect(mask.0, a.0, b.0))
    }

    /// Returns the same of each lane, by an operation on numbers.
    fn each(
        &mut self,
        a: Value,
        b: Value,
        f: impl Fn(&mut FunctionBuilder<'a>, ir::Value, ir::Value) -> ir::Value,
    ) -> Value {
        let mut out = a.0;
        for lane in 0..WIDTH as u8 {
            let [a, b] = [a, b].map(|from| self.builder.ins().extractlane(from.0, lane));
            let value = f(&mut self.builder, a, b);
            out = self.ins().insertlane(out, value, lane);
        }
        Value(out)
    }

    /// Returns `a << b`, of which the low five bits count.
    pub fn shift_left_by(&mut self, a: Value, b: Value) -> Value {
        self.each(a, b, |builder, a, b| builder.ins().ishl(a, b))
    }

    /// Returns `a >> b`, of which the low five bits count.
    pub fn shift_right_by(&mut self, a: Value, b: Value) -> Value {
        self.each(a, b, |builder, a, b| builder.ins().ushr(a, b))
    }

    /// Returns `a >> b`, of which the low five bits count, with copies of the sign.
    pub fn shift_right_signed_by(&mut self, a: Value, b: Value) -> Value {
        self.each(a, b, |builder, a, b| builder.ins().sshr(a, b))
    }

    /// Returns the number of bits that are set.
    pub fn count_ones(&mut self, a: Value) -> Value {
        self.each(a, a, |builder, a, _| builder.ins().popcnt(a))
    }

    /// Returns the number of zeros above the highest bit that is set.
    pub fn leading_zeros(&mut self, a: Value) -> Value {
        self.each(a, a, |builder, a, _| builder.ins().clz(a))
    }

    /// Returns the bits in the other order.
    pub fn reverse_bits(&mut self, a: Value) -> Value {
        self.each(a, a, |builder, a, _| builder.ins().bitrev(a))
    }

    /// Returns the high 32 bits of a * b without sign.
    pub fn mul_high(&mut self, a: Value, b: Value) -> Value {
        self.each(a, b, |builder, a, b| {
            let [a, b] = [a, b].map(|from| builder.ins().uextend(types::I64, from));
            let product = builder.ins().imul(a, b);
            let high = builder.ins().ushr_imm(product, 32);
            builder.ins().ireduce(types::I32, high)
        })
    }

    /// The values of the lanes `from` of the quad.
    ///
    /// # Panics
    ///
    /// If a lane is none of the quad's.
    pub fn quad(&mut self, a: Value, from: [u8; WIDTH]) -> Value {
        assert!(from.iter().all(|&lane| usize::from(lane) < WIDTH));
        let bytes: Vec<u8> = (from.iter())
            .flat_map(|lane| (0..4).map(move |byte| lane * 4 + byte))
            .collect();
        let mask = self.builder.func.dfg.immediates.push(bytes.into());
        let bytes = self.cast(a.0, types::I8X16);
        let moved = self.ins().shuffle(bytes, bytes, mask);
        Value(self.cast(moved, types::I32X4))
    }
}

/// Returns accesses to what the program may change. Rows are aligned to words only.
fn known() -> MemFlags {
    let flags = MemFlags::new().with_endianness(Endianness::Little);
    flags.with_notrap()
}

/// Returns accesses to what does not change while the program runs.
fn fixed() -> MemFlags {
    known().with_readonly()
}
