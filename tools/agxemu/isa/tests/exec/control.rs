// SPDX-License-Identifier: MIT OR Apache-2.0

//! Execution mask, jumps, calls, ends, barriers, special registers.

use agx_isa::exec::assemble::{dalu, dalu64, float, imm, mul, word, Builder};
use agx_isa::exec::{Dispatch, FaultKind, Group, Stop};
use agx_isa::table::Op;

use super::support::{lanes, Bench, CODE};

/// r`register` = value, in the active lanes.
fn set(register: u64, value: u64) -> Builder {
    Builder::new(Op::MovImm32)
        .operands(&[dalu(register * 2, true)])
        .field("imm", value)
}

fn counter(value: u64) -> Builder {
    Builder::new(Op::MovImm16)
        .operands(&[dalu(0, false)])
        .field("imm", value)
}

fn compare(op: Op, a: u64, condition: u64, b: u64, n: u64) -> Builder {
    Builder::new(op)
        .operands(&[a, b])
        .field("icond", condition)
        .field("n", n)
}

fn always(op: Op, n: u64) -> Builder {
    Builder::new(op)
        .operands(&[float(0, 0, false, false); 2])
        .field("n", n)
}

fn pop(n: u64) -> Builder {
    Builder::new(Op::PopExec).field("n", n)
}

fn jump(op: Op, off: i32) -> Builder {
    Builder::new(op).field("off", u64::from(off as u32))
}

fn length(code: &[Builder]) -> i32 {
    code.iter().map(|inst| inst.bytes().len() as i32).sum()
}

/// The new counter, from the old one and the comparison.
type Change = fn(u32, bool) -> u32;

const ULT: u64 = 1;
const NOT: u64 = 8;

#[test]
fn if_else_nest() {
    let lane = word(2);
    let code = [
        counter(0),
        compare(Op::IfIcmp, lane, ULT, imm(8), 1),
        set(1, 10),
        compare(Op::IfIcmp, lane, ULT | NOT, imm(4), 1),
        set(1, 20),
        always(Op::ElseFcmp, 1),
        set(3, 30),
        pop(1),
        set(4, 40),
        always(Op::ElseFcmp, 1),
        set(1, 50),
        pop(1),
        set(5, 60),
    ];
    let bench = Bench::new(&code)
        .set(2, |lane| lane)
        .set(0, |_| 0xabcd_ffff)
        .done();
    let expect = lanes(|lane| match lane {
        0..4 => 10,
        4..8 => 20,
        _ => 50,
    });
    assert_eq!(*bench.get(1), expect);
    assert_eq!(*bench.get(3), lanes(|lane| if lane < 4 { 30 } else { 0 }));
    assert_eq!(*bench.get(4), lanes(|lane| if lane < 8 { 40 } else { 0 }));
    assert_eq!(*bench.get(5), [60; 32]);
    // The counter is the low half only.
    assert_eq!(*bench.get(0), [0xabcd_0000; 32]);
}

#[test]
fn loops_run_until_the_last_lane_leaves() {
    // while (true) { r1 += 1; if (r1 > lane) break; }
    let add = Builder::new(Op::Iadd).operands(&[dalu64(2, 1), mul(2, 9, false), mul(1, 0, false)]);
    let body = [add, compare(Op::WhileIcmp, word(1), 2 | NOT, word(2), 1)];
    let back = jump(Op::JmpExecAny, -length(&body));
    let code = [
        counter(0),
        always(Op::IfFcmp, 1),
        body[0],
        body[1],
        back,
        pop(1),
        set(3, 7),
    ];
    let bench = Bench::new(&code).set(2, |lane| lane).done();
    assert_eq!(*bench.get(1), lanes(|lane| lane + 1));
    assert_eq!(*bench.get(3), [7; 32]);
}

#[test]
fn the_mask_instructions_follow_the_table() {
    // Each lane starts with its own counter; the comparison holds for odd lanes.
    let cases: [(Builder, Change); 5] = [
        (compare(Op::IfIcmp, word(2), 0, imm(1), 2), |v, c| match v {
            0 => u32::from(!c),
            v => v + 2,
        }),
        (
            compare(Op::ElseIcmp, word(2), 0, imm(1), 2),
            |v, c| match v {
                0 => 2,
                1 => u32::from(!c),
                v => v,
            },
        ),
        (
            compare(Op::WhileIcmp, word(2), 0, imm(1), 2),
            |v, c| match v {
                0 | 1 if c => 0,
                0 | 1 => 2,
                v => v,
            },
        ),
        (pop(2), |v, _| v.saturating_sub(2)),
        (pop(0), |v, _| v),
    ];
    for (inst, expect) in cases {
        let bench = Bench::new(&[inst, set(1, 9)]);
        let mut bench = bench.set(0, |lane| lane / 2 % 4).set(2, |lane| lane & 1);
        // Lanes that wake up here end, the others reach the trap.
        assert!(matches!(bench.run(), Stop::Fault(fault) if fault.kind == FaultKind::Trap));
        let after = lanes(|lane| expect(lane / 2 % 4, lane & 1 == 1));
        assert_eq!(*bench.get(0), after, "{:02x?}", inst.bytes());
        assert_eq!(*bench.get(1), after.map(|v| if v == 0 { 9 } else { 0 }));
    }
}

#[test]
fn jumps_look_at_the_whole_group() {
    let over = set(1, 1);
    let skip = |op| jump(op, 6 + over.bytes().len() as i32);
    let none = [counter(0), compare(Op::IfIcmp, imm(0), 0, imm(1), 1)];
    let end = [pop(1), over];
    let run = |op, dead: bool| {
        let mut code = vec![counter(0), always(Op::IfFcmp, 1)];
        if dead {
            code = none.to_vec();
        }
        // The skipped instruction writes without a mask: the counter of the nesting.
        code.extend([skip(op), set(3, 5)]);
        code.extend(end);
        let bench = Bench::new(&code).done();
        assert_eq!(*bench.get(1), [1; 32]);
        bench.get(3)[0]
    };
    assert_eq!(run(Op::JmpExecAny, false), 0);
    assert_eq!(run(Op::JmpExecNone, false), 5);
    assert_eq!(run(Op::JmpExecNone, true), 0);
}

#[test]
fn lanes_that_were_not_launched_never_wake() {
    let code = [counter(0), always(Op::IfFcmp, 1), pop(1), set(1, 5)];
    let bench = Bench::sized(&code, [5, 2, 1]).done();
    assert_eq!(*bench.get(1), lanes(|lane| if lane < 10 { 5 } else { 0 }));
}

#[test]
fn some_lanes_may_stop_early() {
    let code = [
        counter(0),
        compare(Op::IfIcmp, word(2), ULT, imm(8), 1),
        Builder::new(Op::Stop),
        pop(1),
        set(1, 5),
    ];
    let bench = Bench::new(&code).set(2, |lane| lane).done();
    assert_eq!(*bench.get(1), lanes(|lane| if lane < 8 { 0 } else { 5 }));
}

#[test]
fn calls_return_behind_themselves() {
    let call = jump(Op::Call, 6 + 8 + 2);
    let ret = Builder::new(Op::Ret).operands(&[1]);
    let code = [call, set(4, 4), Builder::new(Op::Stop), set(3, 3), ret];
    let bench = Bench::new(&code).done();
    assert_eq!((bench.get(3)[0], bench.get(4)[0]), (3, 4));
    assert_eq!(*bench.get(1), [CODE as u32 + 6; 32]);
    let code = [
        Builder::new(Op::CallReg).operands(&[5]),
        Builder::new(Op::Stop),
        set(3, 3),
        ret,
    ];
    let bench = Bench::new(&code).set(5, |_| CODE as u32 + 4).done();
    assert_eq!((bench.get(3)[0], bench.get(1)[0]), (3, CODE as u32 + 2));
    let fault = Bench::new(&code).set(5, |lane| CODE as u32 + lane).fault();
    assert!(matches!(fault.kind, FaultKind::Unsupported(_)), "{fault}");
}

#[test]
fn a_barrier_and_an_empty_budget_can_be_resumed() {
    let code = [set(1, 1), Builder::new(Op::ThreadgroupBarrier), set(2, 2)];
    let mut bench = Bench::new(&code);
    assert_eq!(bench.run(), Stop::Barrier);
    assert_eq!((bench.get(1)[0], bench.get(2)[0]), (1, 0));
    assert_eq!(bench.run(), Stop::Done);
    assert_eq!(bench.get(2)[0], 2);

    let mut bench = Bench::new(&[jump(Op::JmpExecAny, 0)]);
    assert_eq!(bench.run(), Stop::Budget);
    assert_eq!(bench.group.pc(), CODE);
    assert_eq!(bench.run(), Stop::Budget);
}

#[test]
fn waits_do_nothing() {
    let code = [
        Builder::new(Op::Wait),
        Builder::new(Op::Wait).field("group", 1),
        Builder::new(Op::MemoryBarrier)
            .field("c", 9)
            .field("a", 1)
            .field("b", 1),
    ];
    let mut bench = Bench::new(&code);
    assert_eq!(bench.run(), Stop::Done);
}

#[test]
fn special_registers_say_where_a_thread_is() {
    let read = |dispatch: Dispatch, index: u32, sr: u64| {
        let code = [Builder::new(Op::GetSr)
            .operands(&[dalu(2, true)])
            .field("sr", sr)];
        let mut bench = Bench::new(&code);
        bench.dispatch = dispatch;
        bench.group = Group::new(CODE, &dispatch, index);
        bench.host.clock = Some(77);
        *bench.done().get(1)
    };
    let dispatch = Dispatch {
        position: [3, 4, 5],
        nominal: [8, 4, 4],
        size: [7, 4, 3],
        core: 6,
        vm_slot: 9,
        ..Dispatch::default()
    };
    assert_eq!((dispatch.threads(), dispatch.groups()), (84, 3));
    let r = |sr| read(dispatch, 1, sr);
    for axis in 0..3 {
        let at = axis as usize;
        assert_eq!(r(axis), [dispatch.position[at]; 32]);
        assert_eq!(r(4 + axis), [dispatch.size[at]; 32]);
        assert_eq!(r(8 + axis), [dispatch.nominal[at]; 32]);
        let local = lanes(|lane| {
            let thread = lane + 32;
            [thread % 7, thread / 7 % 4, thread / 28][at]
        });
        assert_eq!(r(48 + axis), local);
        let first = dispatch.position[at] * dispatch.nominal[at];
        assert_eq!(r(80 + axis), local.map(|n| n + first));
    }
    assert_eq!(r(51), lanes(|lane| lane + 32));
    assert_eq!((r(52), r(53)), (lanes(|lane| lane), [1; 32]));
    assert_eq!((r(20), r(21), r(63)), ([6; 32], [9; 32], [1; 32]));
    assert_eq!(r(100), [77; 32]);
    // The last group has 20 lanes.
    let active = |value: fn(u32) -> u32| lanes(|lane| if lane < 20 { value(lane) } else { 0 });
    assert_eq!(read(dispatch, 2, 58), active(|lane| lane));
    assert_eq!(read(dispatch, 2, 59), active(|_| 20));
    assert_eq!(read(dispatch, 2, 56), active(|lane| lane % 4));
    assert_eq!(read(dispatch, 2, 57), active(|_| 4));
}
