// SPDX-License-Identifier: MIT OR Apache-2.0

//! The compiled engine: what it compiles, when, and what it leaves to the interpreter. That its
//! results are those of the interpreter all other tests check, as each of them runs with both.

use agx_isa::exec::assemble::{alu, dalu, imm, index_word, mem, uniform_base, word, Builder};
use agx_isa::exec::{statistics, Cache, Engine, Stop};
use agx_isa::table::Op;

use super::support::{Bench, COMPILED};

/// r1 = r2 & r3 and so on, `count` times.
fn arithmetic(count: u64) -> Vec<Builder> {
    (0..count)
        .map(|n| {
            Builder::new(Op::Bitop)
                .operands(&[dalu(2 + 2 * (n % 4), true), word(2 + n % 3), word(3)])
                .field("tt", 6)
        })
        .collect()
}

/// Instructions that the engines of a cache have carried out: compiled, interpreted.
fn counted(run: impl FnOnce(&mut Cache) -> Stop, engine: Engine) -> [u64; 2] {
    let mut cache = Cache::with_engine(engine);
    assert_eq!(run(&mut cache), Stop::Done);
    cache.carried_out()
}

fn run(bench: &mut Bench, cache: &mut Cache) -> Stop {
    let mut budget = 10_000;
    bench.group.run(
        &mut bench.host,
        &bench.shared,
        &bench.dispatch,
        &mut bench.local,
        cache,
        &mut budget,
    )
}

#[test]
fn arithmetic_is_compiled_and_the_rest_is_not() {
    let mut code = arithmetic(5);
    code.push(
        Builder::new(Op::DeviceLoad)
            .operands(&[mem(8, true, 1), uniform_base(0), index_word(6, false)])
            .field("fmt", 2),
    );
    code.extend(arithmetic(7));
    let both = [COMPILED, Engine::Interpreter].map(|engine| {
        let mut bench = Bench::new(&code);
        counted(|cache| run(&mut bench, cache), engine)
    });
    // The load and `stop` are left.
    assert_eq!(both, [[12, 2], [0, 14]]);
}

#[test]
fn runs_are_compiled_when_they_are_worth_it() {
    // Code that no other test has.
    let mut code = arithmetic(9);
    code.push(Builder::new(Op::Bitop).operands(&[dalu(2, true), word(2), imm(77)]));
    let mut cache = Cache::with_engine(Engine::Compiled { threshold: 3 });
    let mut seen = Vec::new();
    for _ in 0..5 {
        let mut bench = Bench::new(&code);
        assert_eq!(run(&mut bench, &mut cache), Stop::Done);
        seen.push(cache.carried_out()[0]);
    }
    // An instruction inside a run that is interpreted starts a run as well, and is as often met.
    assert_eq!(seen, [0, 0, 0, 10, 20]);
}

#[test]
fn changed_code_is_another_run() {
    let mut cache = Cache::with_engine(COMPILED);
    for value in [3, 4] {
        let code = [Builder::new(Op::MovImm32)
            .operands(&[dalu(2, true)])
            .field("imm", value)];
        let mut bench = Bench::new(&code);
        cache.clear();
        assert_eq!(run(&mut bench, &mut cache), Stop::Done);
        assert_eq!(bench.get(1)[5], value as u32);
    }
}

#[test]
fn a_run_is_not_carried_out_beyond_the_budget() {
    let mut bench = Bench::new(&arithmetic(20));
    for left in [7, 5, 8] {
        assert_eq!(bench.run_within(left), Stop::Budget);
    }
    assert_eq!(bench.run_within(1), Stop::Done);
}

#[test]
fn what_has_no_code_is_counted_by_its_name() {
    // A saturating sum of integers.
    let code = [Builder::new(Op::Iadd)
        .operands(&[dalu(2, true), alu(4, 9), alu(6, 9)])
        .field("sat", 1)];
    let before = statistics();
    Bench::new(&code).done();
    let after = statistics();
    let of = |s: &agx_isa::exec::Statistics| s.refused.get("clamped sum").copied().unwrap_or(0);
    assert!(of(&after) > of(&before), "{after:?}");
}
