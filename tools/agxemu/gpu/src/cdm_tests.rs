// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::fault::Reason;
use crate::flat::Flat;

const BASE: u64 = 0x10_0000;
const USC: u64 = 0x11_0000_0000;
const TERMINATE: [u32; 2] = [2 << 29, 0];
const BARRIER: u32 = (3 << 29) | 0xf_ffff;

fn link(target: u64, call: bool) -> [u32; 2] {
    [
        (1 << 29) | (u32::from(call) << 28) | (target >> 32) as u32,
        target as u32,
    ]
}

/// Returns a pipeline at USC+0x40 with its shader at USC+0x1000.
fn memory() -> Flat {
    Flat::default()
        .with(
            USC + 0x40,
            &[0x0d, 0x0c, 0x00, 0x10, 0x00, 0x00, 0x88, 0x00],
        )
        .with(USC + 0x1000, &[0x88, 0x00])
}

fn direct(grid: [u32; 3], local: [u32; 3]) -> Vec<u32> {
    [[1 << 1, 0x40].as_slice(), &grid, &local].concat()
}

fn run(mem: &Flat) -> (Vec<Step>, End) {
    let mut steps = Vec::new();
    let end = walk(
        mem,
        Stream {
            base: BASE,
            usc_base: USC,
            long_launches: false,
        },
        &mut |s| {
            if !matches!(s, Step::Jump(_)) {
                steps.push(s);
            }
            Ok(())
        },
    );
    (steps, end)
}

fn launch(step: &Step) -> &Launch {
    match step {
        Step::Launch(launch) => launch,
        other => panic!("{other:?}"),
    }
}

fn hang(mem: &Flat) -> String {
    match run(mem).1 {
        End::Hang(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_direct_launch_is_reported() {
    let mut stream = direct([100, 2, 1], [32, 1, 1]);
    stream.push(BARRIER);
    stream.extend(TERMINATE);
    let (steps, end) = run(&memory().words(BASE, &stream));
    assert_eq!(end, End::Terminated);
    assert_eq!(steps.len(), 2);
    let l = launch(&steps[0]);
    assert_eq!(l.grid, Size::Threads([100, 2, 1]));
    assert_eq!(l.local, [32, 1, 1]);
    assert_eq!(l.shader, USC + 0x1000);
    assert_eq!(l.uniforms, 64);
    assert_eq!(steps[1], Step::Barrier(BARRIER));
    assert!(l
        .to_string()
        .contains("100x2x1 threads in groups of 32x1x1, shader 0x1100001000"));
}

#[test]
fn indirect_sizes_come_from_memory() {
    let global = [1 << 27, 0x40, 0x12, 0x3000_0000, 8, 8, 1];
    let local = [2 << 27, 0x40, 0x12, 0x3000_0010];
    let stream = [global.as_slice(), &local, &TERMINATE].concat();
    let mem = memory()
        .words(BASE, &stream)
        .words(0x12_3000_0000, &[3, 4, 5, 0, 640, 1, 1, 64, 1, 1]);
    let (steps, end) = run(&mem);
    assert_eq!(end, End::Terminated);
    assert_eq!(launch(&steps[0]).grid, Size::Groups([3, 4, 5]));
    assert_eq!(launch(&steps[0]).local, [8, 8, 1]);
    assert_eq!(launch(&steps[1]).grid, Size::Threads([640, 1, 1]));
    assert_eq!(launch(&steps[1]).local, [64, 1, 1]);
}

#[test]
fn links_calls_and_returns_are_followed() {
    let sub = 0x7e_0000_1000;
    let last = 0x20_0000;
    let main = [
        link(sub, true).as_slice(),
        &link(sub, true),
        &link(last, false),
    ]
    .concat();
    let mut body = direct([1, 1, 1], [1, 1, 1]);
    body.push(4 << 29);
    let mem = memory()
        .words(BASE, &main)
        .words(sub, &body)
        .words(last, &TERMINATE);
    let (steps, end) = run(&mem);
    assert_eq!(end, End::Terminated);
    assert_eq!(steps.len(), 2);
}

#[test]
fn a_barrier_may_return() {
    let mem = memory()
        .words(BASE, &[link(0x5000, true), TERMINATE].concat())
        .words(0x5000, &[(3 << 29) | (1 << 27)]);
    assert_eq!(run(&mem).1, End::Terminated);
}

#[test]
fn an_empty_grid_needs_no_threadgroup() {
    let stream = [direct([0, 1, 1], [0, 0, 0]).as_slice(), &TERMINATE].concat();
    let (steps, end) = run(&memory().words(BASE, &stream));
    assert_eq!(end, End::Terminated);
    assert!(launch(&steps[0]).grid.is_empty());
}

#[test]
fn unmapped_memory_faults_with_its_unit() {
    let missing_pipeline = {
        let mut stream = direct([1, 1, 1], [1, 1, 1]);
        stream[1] = 0x4000;
        stream
    };
    let missing_code = Flat::default().with(USC + 0x40, &[0x0d, 0x0c, 0, 0x10, 0, 0, 0x88, 0]);
    let cases: [(Flat, u64, Unit); 5] = [
        (memory(), BASE, Unit::Cdm),
        (memory().words(BASE, &[2 << 29]), BASE + 4, Unit::Cdm),
        (
            memory().words(BASE, &[1 << 27, 0x40, 0x12, 0, 1, 1, 1]),
            0x12_0000_0000,
            Unit::Cdm,
        ),
        (
            memory().words(BASE, &missing_pipeline),
            USC + 0x4000,
            Unit::Ipp,
        ),
        (
            missing_code.words(BASE, &direct([1, 1, 1], [1, 1, 1])),
            USC + 0x1000,
            Unit::Ul1c,
        ),
    ];
    for (mem, va, unit) in cases {
        match run(&mem).1 {
            End::Fault(fault) => {
                assert_eq!((fault.access.va, fault.unit), (va, unit));
                assert_eq!(fault.access.reason, Reason::Unmapped);
            }
            other => panic!("{va:#x}: {other:?}"),
        }
    }
}

#[test]
fn streams_that_never_end_are_hangs() {
    // A block that links to itself.
    assert_eq!(
        hang(&memory().words(BASE, &link(BASE, false))),
        "endless stream: comes back to 0x100000"
    );
    // A longer loop, entered after a prefix.
    let mem = memory()
        .words(BASE, &link(0x1000, false))
        .words(
            0x1000,
            &[&[BARRIER], link(0x2000, false).as_slice()].concat(),
        )
        .words(0x2000, &link(0x3000, false))
        .words(0x3000, &link(0x1000, false));
    assert!(hang(&mem).starts_with("endless stream"));
    // Recursion fills the return stack.
    assert_eq!(
        hang(&memory().words(BASE, &link(BASE, true))),
        "call at 0x100000 deeper than 16"
    );
}

#[test]
fn calls_at_the_depth_limit_are_fine() {
    let mut mem = memory().words(BASE, &[link(0x1_0000, true), TERMINATE].concat());
    for i in 1..RETURN_STACK as u64 {
        let body = [link(0x1_0000 + i * 0x100, true).as_slice(), &[4 << 29]].concat();
        mem = mem.words(0x1_0000 + (i - 1) * 0x100, &body);
    }
    mem = mem.words(0x1_0000 + (RETURN_STACK as u64 - 1) * 0x100, &[4 << 29]);
    assert_eq!(run(&mem).1, End::Terminated);
}

#[test]
fn nonsense_is_a_hang_with_its_reason() {
    let mut wide = direct([1, 1, 1], [1, 1, 1]);
    wide[0] = 3 << 27;
    let cases: [(Vec<u32>, &str); 7] = [
        (
            vec![5 << 29],
            "undefined block type 5 (0xa0000000) at 0x100000",
        ),
        (
            vec![7 << 29],
            "undefined block type 7 (0xe0000000) at 0x100000",
        ),
        (vec![4 << 29], "return at 0x100000 without a call"),
        (
            link(0x1002, false).to_vec(),
            "jump from 0x100000 to unaligned 0x1002",
        ),
        (wide, "undefined launch mode 3 at 0x100000"),
        (
            direct([1, 1, 1], [1, 0, 1]),
            "launch at 0x100000: threadgroup of 1x0x1 threads",
        ),
        (
            direct([1, 1, 1], [32, 32, 2]),
            "launch at 0x100000: threadgroup of 32x32x2 threads",
        ),
    ];
    for (stream, text) in cases {
        assert_eq!(hang(&memory().words(BASE, &stream)), text);
    }
    let end = walk(
        &memory(),
        Stream {
            base: BASE + 2,
            usc_base: USC,
            long_launches: false,
        },
        &mut |_| Ok(()),
    );
    assert_eq!(
        end,
        End::Hang("control stream base 0x100002 is not word aligned".into())
    );
}

#[test]
fn a_stream_of_jumps_can_be_stopped() {
    // 64 links, each to the next.
    let words: Vec<u32> = (1..=64u32)
        .flat_map(|n| [1 << 29 | (BASE >> 32) as u32, BASE as u32 + 8 * n])
        .chain(TERMINATE)
        .collect();
    let memory = memory().words(BASE, &words);
    assert_eq!(run(&memory).1, End::Terminated);
    let mut jumps = 0;
    let stream = Stream {
        base: BASE,
        usc_base: USC,
        long_launches: false,
    };
    let end = walk(&memory, stream, &mut |step| {
        assert_eq!(step, Step::Jump(BASE + 8 * (jumps + 1)));
        jumps += 1;
        if jumps == 10 {
            return Err(End::Stopped);
        }
        Ok(())
    });
    assert_eq!((end, jumps), (End::Stopped, 10));
}

/// A chip on which launches are longer reads the sizes behind the two more words, which have to be
/// what they always are.
#[test]
fn long_launches() {
    for (words, ends_well) in [(LONG_LAUNCH, true), ([0, 0], false), ([1, 1 << 30], false)] {
        let launch = direct([4, 5, 6], [1, 2, 3]);
        let stream = [&launch[..2], &words, &launch[2..], &[2 << 29, 0]].concat();
        let mem = memory().words(BASE, &stream);
        let mut steps = Vec::new();
        let end = walk(
            &mem,
            Stream {
                base: BASE,
                usc_base: USC,
                long_launches: true,
            },
            &mut |step| {
                steps.push(step);
                Ok(())
            },
        );
        assert_eq!(matches!(end, End::Terminated), ends_well, "{end:?}");
        if ends_well {
            let [Step::Launch(launch)] = &steps[..] else {
                panic!("{steps:?}");
            };
            assert_eq!(launch.grid, Size::Threads([4, 5, 6]));
            assert_eq!(launch.local, [1, 2, 3]);
        } else {
            assert!(steps.is_empty());
        }
    }
}
