// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random programs: the interpreter against a slow reference.
//!
//! The reference runs lane by lane on whole numbers and floats made of whole numbers, and shares no
//! code with the interpreter. `AGX_ISA_SEED` chooses the programs, `AGX_ISA_PROGRAMS` how many.

mod encode;
mod generate;
mod group;
mod program;
mod reference;
mod soft;

use std::sync::Mutex;

use agx_isa::exec::assemble::{dalu, Builder};
use agx_isa::exec::{prefer_baseline, statistics, Stop};
use agx_isa::table::Op;
pub use program::Random;
use program::{D, F, I, S};
use reference::{State, MEMORY};

use super::support::{Bench, DATA};

/// Registers, memories and uniforms to start with.
fn start(random: &mut Random) -> State {
    let mut halves = vec![[0; 32]; 32];
    for lane in &mut halves {
        for word in 1..14 {
            let value = random.value();
            lane[word * 2] = value as u16;
            lane[word * 2 + 1] = (value >> 16) as u16;
        }
        // Indices: 32-bit r14 for device memory, r15l for threadgroup memory.
        lane[28] = random.below(MEMORY as u64 / 4 - 4) as u16;
        lane[30] = random.below(MEMORY as u64 / 4 - 4) as u16;
    }
    if random.coin() {
        // Lanes that follow each other, for the paths that move all of them at once.
        for (lane, halves) in halves.iter_mut().enumerate() {
            halves[28] = lane as u16;
            halves[30] = lane as u16;
        }
    }
    let bytes = |random: &mut Random| (0..MEMORY).map(|_| random.next() as u8).collect();
    let mut uniforms: Vec<u16> = (0..512).map(|_| random.value() as u16).collect();
    uniforms[..4].copy_from_slice(&[DATA as u16, 0, 0, 0]);
    let (device, local) = (bytes(random), bytes(random));
    State {
        halves,
        uniforms,
        device,
        local,
        on: vec![true; 32],
    }
}

/// What the interpreter makes of it.
fn interpret(program: &[I], state: &State) -> Result<State, String> {
    let mut code = Vec::new();
    for inst in program {
        inst.encode(&mut code);
    }
    code.extend(Builder::new(Op::Stop).bytes());
    // The counter of the nesting starts at zero.
    let mut bench = Bench::new(&[Builder::new(Op::MovImm16).operands(&[dalu(0, false)])]);
    let at = Builder::new(Op::MovImm16).bytes().len();
    bench.host.memory[at..at + code.len()].copy_from_slice(&code);
    bench.shared.uniforms.copy_from_slice(&state.uniforms);
    bench.local.copy_from_slice(&state.local);
    bench.data()[..MEMORY].copy_from_slice(&state.device);
    for (lane, halves) in state.halves.iter().enumerate() {
        for word in 0..16 {
            let value = u32::from(halves[word * 2]) | u32::from(halves[word * 2 + 1]) << 16;
            bench.group.register_mut(word)[lane] = value;
        }
    }
    let stop = bench.run();
    if stop != Stop::Done {
        return Err(format!("{stop:?}"));
    }
    let mut out = state.clone();
    for (lane, halves) in out.halves.iter_mut().enumerate() {
        for word in 0..16 {
            let value = bench.get(word)[lane];
            halves[word * 2] = value as u16;
            halves[word * 2 + 1] = (value >> 16) as u16;
        }
    }
    out.local.clone_from(&bench.local);
    out.device = bench.data()[..MEMORY].to_vec();
    Ok(out)
}

/// What differs, if anything.
fn difference(program: &[I], state: &State) -> Option<String> {
    let mut expect = state.clone();
    expect.run(program);
    let seen = match interpret(program, state) {
        Ok(seen) => seen,
        Err(stop) => return Some(stop),
    };
    for (lane, (seen, expect)) in seen.halves.iter().zip(&expect.halves).enumerate() {
        for half in 0..32 {
            if seen[half] != expect[half] {
                let (seen, expect) = (seen[half], expect[half]);
                return Some(format!(
                    "half {half} of lane {lane}: {seen:04x}, not {expect:04x}"
                ));
            }
        }
    }
    for (name, seen, expect) in [
        ("device", &seen.device, &expect.device),
        ("local", &seen.local, &expect.local),
    ] {
        if let Some(at) = (0..MEMORY).find(|&at| seen[at] != expect[at]) {
            return Some(format!(
                "{name} byte {at}: {:02x}, not {:02x}",
                seen[at], expect[at]
            ));
        }
    }
    None
}

/// Takes instructions away as long as the rest still differs.
fn smallest(mut program: Vec<I>, state: &State) -> Vec<I> {
    let mut at = 0;
    while at < program.len() {
        let mut less = program.clone();
        less.remove(at);
        match difference(&less, state) {
            Some(_) => program = less,
            None => at += 1,
        }
    }
    program
}

/// A number from the environment.
pub fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Held by tests that choose the set of loops.
static CHOICE: Mutex<()> = Mutex::new(());

#[test]
fn random_programs_agree_with_the_reference() {
    let _choice = CHOICE.lock().expect("the other test has not failed");
    let seed = number("AGX_ISA_SEED", 1);
    for n in 0..number("AGX_ISA_PROGRAMS", 3000) {
        let mut random = Random(seed << 32 | n);
        let state = start(&mut random);
        let program = random.program();
        // Both sets of loops, in turn.
        prefer_baseline(n % 2 == 1);
        if difference(&program, &state).is_some() {
            let program = smallest(program, &state);
            let what = difference(&program, &state).expect("a difference");
            panic!("seed {seed} program {n}: {what}\n{program:#?}");
        }
    }
    prefer_baseline(false);
    // All of their arithmetic has code, but for these.
    let statistics = statistics();
    let known = [
        "clamped sum",
        "convert::u_to_f[false, false]",
        "convert::s_to_f[false, false]",
    ];
    for name in statistics.refused.keys() {
        assert!(known.contains(&name.as_str()), "{name} has no code");
    }
    assert!(statistics.compiled > 0);
}

/// The reference does without these functions; but both sets of loops give the same bits.
#[test]
fn functions_do_not_depend_on_the_cpu() {
    let _choice = CHOICE.lock().expect("the other test has not failed");
    let mut random = Random(7);
    for n in 0..3000 {
        let state = start(&mut random);
        let program: Vec<I> = [1, 9, 10, 12, 13, 14]
            .into_iter()
            .enumerate()
            .map(|(i, op)| {
                let (abs, neg) = (random.coin(), random.coin());
                let src = S::Word(7 + i as u64);
                let a = F { src, abs, neg };
                let dst = D::Word(1 + i as u64);
                let sat = random.below(8) == 0;
                I::Function { op, dst, a, sat }
            })
            .collect();
        let [wide, base] = [false, true].map(|baseline| {
            prefer_baseline(baseline);
            interpret(&program, &state).expect("the end")
        });
        assert!(wide == base, "program {n}: {program:?}");
    }
    prefer_baseline(false);
}

/// Products of half floats near half a place of what is added: rounding twice would show.
#[test]
fn half_products_round_once() {
    let half = |n| F {
        src: S::Half(n),
        abs: false,
        neg: false,
    };
    let src = vec![half(4), half(6), half(8)];
    let program = [I::Float {
        op: Op::Hfma,
        dst: D::Half(2),
        src,
        sat: false,
    }];
    let mut random = Random(99);
    let mut state = start(&mut random);
    for _ in 0..3000 {
        for halves in &mut state.halves {
            let mut mantissa = || (random.next() & 0x83ff) as u16;
            let (a, b, c) = (mantissa(), mantissa() | 0x3fe, mantissa());
            let near = random.below(3) as u16;
            halves[4] = a | 10 << 10;
            halves[6] = b & !(random.below(4) as u16) | 8 << 10;
            halves[8] = c | (13 + near) << 10;
        }
        if let Some(what) = difference(&program, &state) {
            panic!("{what}");
        }
    }
}

/// Products near half a place of what is added, and near what makes the smallest normal number of
/// it, with both sets of loops.
#[test]
fn products_round_once() {
    let _choice = CHOICE.lock().expect("the other test has not failed");
    let word = |n| F {
        src: S::Word(n),
        abs: false,
        neg: false,
    };
    let program = [I::Float {
        op: Op::Ffma,
        dst: D::Word(1),
        src: vec![word(2), word(3), word(4)],
        sat: false,
    }];
    let mut random = Random(5);
    let mut state = start(&mut random);
    for n in 0..3000 {
        for halves in &mut state.halves {
            // (1 + i)(1 - i) or (1 + i)(1 + i), at most 2^-17 away from one.
            let near = random.below(64) as u32;
            let other = if random.coin() { 0 } else { near };
            let (mut a, mut b) = (0x3f80_0000 + near, 0x3f80_0000 + other);
            if other == 0 {
                b -= 2 * near;
            }
            let mut c = random.next() as u32 & 0x807f_ffff;
            if random.below(4) == 0 {
                // 2^-126 and 2^-150.
                c = c & 0x8000_0000 | 0x0080_0000;
                a -= 75 << 23;
                b -= 75 << 23;
            } else {
                let exponent = 100 + random.below(50) as u32;
                c |= exponent << 23;
                a = a & 0x007f_ffff | (exponent - 24 + random.below(2) as u32) << 23;
            }
            a |= (random.next() as u32) & 0x8000_0000;
            for (register, value) in [(2, a), (3, b), (4, c)] {
                halves[register * 2] = value as u16;
                halves[register * 2 + 1] = (value >> 16) as u16;
            }
        }
        prefer_baseline(n % 2 == 1);
        if let Some(what) = difference(&program, &state) {
            panic!("{what}");
        }
    }
    prefer_baseline(false);
}
