// SPDX-License-Identifier: MIT OR Apache-2.0

//! The classes of instructions.

use agx_isa::exec::assemble as asm;
use agx_isa::exec::assemble::Builder;
use agx_isa::exec::host::Sampler;
use agx_isa::exec::Shared;
use agx_isa::table::Op;

/// What a class has to do with.
#[derive(Clone, Copy)]
pub enum Kind {
    Arithmetic,
    Memory,
    /// Instructions in which lanes see each other.
    Group,
}

/// A class: name, kind, the instructions of the loop.
pub type Class = (&'static str, Kind, Vec<u8>);

/// 32-bit register as float source.
fn f(number: u64) -> u64 {
    asm::float(number * 2, 9, false, false)
}

/// Low half of a register as source of a 32-bit float operation.
fn f16(number: u64) -> u64 {
    asm::float(number * 2, 1, false, false)
}

/// Low half of a register as source of a 16-bit float operation.
fn h(number: u64) -> u64 {
    asm::half_float(number * 2, 1, false, false)
}

/// 32-bit destination.
fn d(number: u64) -> u64 {
    asm::dalu(number * 2, true)
}

/// 16-bit destination.
fn d16(number: u64) -> u64 {
    asm::dalu(number * 2, false)
}

/// Source of a sum or product.
fn m(number: u64) -> u64 {
    asm::mul(number * 2, 9, false)
}

/// What a select yields.
fn c(number: u64) -> u64 {
    asm::cmpsel(number * 2, 1, true)
}

/// A state whose fields are these: first bit, last bit, value.
fn state(fields: &[(u32, u32, u64)]) -> [u8; 24] {
    let mut bytes = [0; 24];
    for &(low, high, value) in fields {
        for bit in low..=high {
            bytes[bit as usize / 8] |= ((value >> (bit - low) & 1) as u8) << (bit % 8);
        }
    }
    bytes
}

/// Makes texture state 0 a tiled image of 64x64 pixels of four bytes, and 1 the same with all
/// levels; sampler state 0 takes the nearest texel, 1 filters, 2 filters between levels as well.
pub fn fill_states(shared: &mut Shared, address: u64) {
    for levels in [1, 7] {
        shared.textures[usize::from(levels > 1)] = Some(state(&[
            (0, 3, 2),
            (4, 5, 2),
            (6, 12, 0x28),
            (16, 27, 0o3210),
            (28, 41, 63),
            (42, 55, 63),
            (60, 63, levels - 1),
            (66, 101, address >> 4),
            (126, 126, 1),
        ]));
    }
    for (number, filter, mip) in [(0, 0, 0), (1, 1, 0), (2, 1, 2)] {
        let bytes = state(&[
            (10, 19, 1023),
            (23, 24, filter),
            (25, 26, filter),
            (27, 28, mip),
            (29, 31, 1),
            (32, 34, 1),
        ]);
        let extended = false;
        shared.samplers[number] = Some(Sampler { bytes, extended });
    }
}

/// A sample of a 2D image at r24.
fn sample(texture: u64, sampler: u64) -> Vec<u8> {
    let one = Builder::new(Op::Smpf)
        .operands(&[asm::mem(16, true, 15)])
        .field("crd", 48)
        .field("dim", 2)
        .field("tex", texture)
        .field("smp", sampler);
    one.bytes().repeat(4)
}

/// The same instruction with different registers.
fn varied(build: impl Fn(u64, u64, u64) -> Builder) -> Vec<u8> {
    (0..24)
        .flat_map(|n| build(8 + n % 8, 16 + n % 7, 24 + n % 5).bytes())
        .collect()
}

/// An operation on three registers.
fn three(op: Op, dst: fn(u64) -> u64, src: fn(u64) -> u64) -> Vec<u8> {
    varied(|x, y, z| Builder::new(op).operands(&[dst(x), src(y), src(z)]))
}

/// One on four.
fn four(op: Op, dst: fn(u64) -> u64, src: fn(u64) -> u64) -> Vec<u8> {
    varied(|x, y, z| Builder::new(op).operands(&[dst(x), src(y), src(z), src(x)]))
}

fn function_of(op: u64, source: fn(u64, u64) -> u64) -> Vec<u8> {
    varied(|x, y, z| {
        Builder::new(Op::Funop)
            .operands(&[d(x), f(source(y, z))])
            .field("op", op)
    })
}

fn function(op: u64) -> Vec<u8> {
    function_of(op, |y, _| y)
}

fn conversion(mode: u64) -> Vec<u8> {
    varied(|x, y, _| {
        Builder::new(Op::Convert)
            .operands(&[d(x), asm::word(y)])
            .field("mode", mode)
            .field("round", 1)
    })
}

fn integer() -> Vec<Class> {
    let b = Builder::new;
    let wide = |n: u64| asm::dalu64(n * 2, 2);
    let single = |n: u64| asm::dalu64(n * 2, 1);
    let pair = |n: u64| asm::mul(n * 2, 13, false);
    let word = |n: u64| asm::mul(n * 2, 9, true);
    [
        ("iadd", three(Op::Iadd, single, m)),
        (
            "iadd, saturating",
            varied(|x, y, z| {
                b(Op::Iadd)
                    .operands(&[single(x), word(y), word(z)])
                    .field("sat", 1)
            }),
        ),
        (
            "iadd 64",
            varied(|x, y, z| b(Op::Iadd).operands(&[wide(x), pair(y), m(z)])),
        ),
        ("imad", four(Op::Imad, single, m)),
        ("imad 64", four(Op::Imad, wide, word)),
        (
            "bitop",
            varied(|x, y, z| {
                b(Op::Bitop)
                    .operands(&[d(x), asm::word(y), asm::word(z)])
                    .field("tt", 6)
            }),
        ),
        (
            "shift",
            varied(|x, y, z| b(Op::Bfi).operands(&[d(x), asm::imm(0), asm::word(y), asm::word(z)])),
        ),
        ("extr", four(Op::Extr, d, asm::word)),
        ("asr", three(Op::Asr, d, asm::word)),
        (
            "bitrev",
            varied(|x, y, _| b(Op::Bitrev).operands(&[d(x), asm::word(y)])),
        ),
        (
            "popcount",
            varied(|x, y, _| b(Op::Popcount).operands(&[d(x), asm::word(y)])),
        ),
        (
            "ffs",
            varied(|x, y, _| b(Op::Ffs).operands(&[d(x), asm::word(y)])),
        ),
        (
            "icmpsel",
            varied(|x, y, z| {
                b(Op::Icmpsel)
                    .operands(&[d(x), asm::word(y), asm::word(z), c(y), c(z)])
                    .field("icond", 1)
            }),
        ),
    ]
    .map(|(name, code)| (name, Kind::Arithmetic, code))
    .into()
}

fn float() -> Vec<Class> {
    let b = Builder::new;
    [
        ("fadd", three(Op::Fadd, d, f)),
        ("fadd, 16-bit operands", three(Op::Fadd, d16, f16)),
        ("fmul", three(Op::Fmul, d, f)),
        ("ffma", four(Op::Ffma, d, f)),
        (
            "ffma, uniform",
            varied(|x, y, _| {
                b(Op::Ffma).operands(&[d(x), f(y), asm::float(4, 6, false, false), f(x)])
            }),
        ),
        ("ffma, 16-bit operands", four(Op::Ffma, d16, f16)),
        ("hadd", three(Op::Hadd, d16, h)),
        ("hmul", three(Op::Hmul, d16, h)),
        ("hfma", four(Op::Hfma, d16, h)),
        (
            "fcmpsel",
            varied(|x, y, z| {
                b(Op::Fcmpsel)
                    .operands(&[d(x), f(y), f(z), c(y), c(z)])
                    .field("fcond", 1)
            }),
        ),
        ("float of u32", conversion(10)),
        ("float of s32", conversion(11)),
        ("u32 of float", conversion(8)),
        ("s32 of float", conversion(9)),
        ("s16 of float", conversion(5)),
        ("floor", function(0)),
        ("round", function(48)),
        ("rcp", function(8)),
        ("rsqrt", function(9)),
        ("sine, first part", function(10)),
        ("sine, second part", function_of(14, |_, z| z)),
        ("log2", function(12)),
        ("exp2", function(13)),
    ]
    .map(|(name, code)| (name, Kind::Arithmetic, code))
    .into()
}

fn memory() -> Vec<Class> {
    let access = |op, mask, shift| {
        varied(move |n, _, _| {
            Builder::new(op)
                .operands(&[
                    asm::mem(n * 8, true, mask),
                    asm::uniform_base(0),
                    asm::index_word(4, false),
                ])
                .field("fmt", 2)
                .field("shift", shift)
        })
    };
    let local = |op| {
        varied(move |x, _, _| {
            Builder::new(op)
                .operands(&[asm::mem(x * 2, true, 1), 10, 1 << 16])
                .field("fmt", 2)
        })
    };
    [
        ("load 32", access(Op::DeviceLoad, 1, 0)),
        ("load 4x32", access(Op::DeviceLoad, 15, 2)),
        ("store 32", access(Op::DeviceStore, 1, 0)),
        ("store 4x32", access(Op::DeviceStore, 15, 2)),
        ("load 32, scattered", access(Op::DeviceLoad, 1, 1)),
        ("store 32, scattered", access(Op::DeviceStore, 1, 1)),
        ("local load", local(Op::LocalLoad)),
        ("local store", local(Op::LocalStore)),
        ("sample, nearest", sample(0, 0)),
        ("sample, linear", sample(0, 1)),
        ("sample, trilinear", sample(1, 2)),
    ]
    .map(|(name, code)| (name, Kind::Memory, code))
    .into()
}

fn group() -> Vec<Class> {
    let b = Builder::new;
    let reduce = |op| {
        varied(move |x, y, _| {
            b(Op::Reduce)
                .operands(&[d(x), asm::word(y)])
                .field("simd", 1)
                .field("op", op)
        })
    };
    [
        (
            "if/pop",
            (0..12)
                .flat_map(|_| {
                    let mut code = b(Op::IfIcmp)
                        .operands(&[asm::word(9), asm::word(10)])
                        .field("n", 1)
                        .field("icond", 1)
                        .bytes();
                    code.extend(b(Op::PopExec).field("n", 1).bytes());
                    code
                })
                .collect(),
        ),
        (
            "ballot",
            varied(|x, y, z| {
                b(Op::IcmpBallot)
                    .operands(&[d(x), asm::word(y), asm::word(z)])
                    .field("icond", 1)
                    .field("simd", 1)
            }),
        ),
        (
            "shuffle",
            varied(|x, y, _| {
                b(Op::Shuffle)
                    .operands(&[d(x), asm::word(y), asm::imm(5)])
                    .field("simd", 1)
            }),
        ),
        ("difference", function(4)),
        ("reduce, integer sum", reduce(16)),
        ("reduce, float sum", reduce(1)),
    ]
    .map(|(name, code)| (name, Kind::Group, code))
    .into()
}

/// Returns all classes.
pub fn all() -> Vec<Class> {
    [integer(), float(), memory(), group()].concat()
}
