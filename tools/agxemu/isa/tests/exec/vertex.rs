// SPDX-License-Identifier: MIT OR Apache-2.0

//! The record that a vertex program writes.

use agx_isa::exec::assemble::{imm, word, Builder};
use agx_isa::exec::{FaultKind, LANES};
use agx_isa::table::Op;

use super::support::Bench;

/// Register `value` to the word that `uvs` names.
fn store(value: u64, uvs: u64, immediate: bool) -> Builder {
    Builder::new(Op::StVar)
        .operands(&[value])
        .field("uvs", uvs)
        .field("uvsimm", immediate.into())
}

fn bench(code: &[Builder]) -> Bench {
    let mut bench = Bench::new(code);
    bench.host.words = 200;
    bench
}

#[test]
fn a_word_of_the_record_is_named_by_a_number() {
    let code = [
        Builder::new(Op::NoVar),
        // All eight bits of the number are in use.
        store(77, 0x5a + 0x40, true).field("last", 1),
    ];
    let bench = bench(&code).set(77, |lane| 1000 + lane).done();
    let expected: Vec<_> = (0..LANES).map(|l| (l, 0x9a, 1000 + l as u32)).collect();
    assert_eq!(bench.host.outputs, expected);
}

#[test]
fn a_word_of_the_record_is_named_by_a_register() {
    // The high half of r3 says which, each lane another one.
    let bench = bench(&[store(9, 7, false)]);
    let bench = bench.set(3, |lane| (lane * 5) << 16 | 0xffff);
    let bench = bench.set(9, |lane| !lane).done();
    let expected: Vec<_> = (0..32).map(|l| (l as usize, l * 5, !l)).collect();
    assert_eq!(bench.host.outputs, expected);
}

#[test]
fn only_active_lanes_store() {
    // if r2 < 4: only four lanes.
    let condition = Builder::new(Op::IfIcmp)
        .operands(&[word(2), imm(4)])
        .field("icond", 1)
        .field("n", 1);
    let end = Builder::new(Op::PopExec).field("n", 1);
    let bench = bench(&[condition, store(2, 6, true), end]);
    let bench = bench.set(0, |_| 0).set(2, |lane| lane).done();
    let expected: Vec<_> = (0..4).map(|l| (l as usize, 6, l)).collect();
    assert_eq!(bench.host.outputs, expected);
}

#[test]
fn what_the_host_refuses_is_a_fault() {
    let fault = bench(&[store(2, 200, true)]).fault();
    assert_eq!(
        fault.kind,
        FaultKind::Unsupported("beyond the record".into())
    );
    assert!(fault.text.contains("st_var"), "{}", fault.text);
}
