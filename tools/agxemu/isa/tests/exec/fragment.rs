// SPDX-License-Identifier: MIT OR Apache-2.0

//! What only fragment groups have: interpolation, the tile at the pixel's place, tests of samples,
//! and helpers that write nothing.

use agx_isa::exec::assemble::{dalu, index_imm, index_word, mem, uniform_base, Builder};
use agx_isa::exec::host::BlockPlace;
use agx_isa::exec::{FaultKind, Pixels, Stop, Tile, LANES};
use agx_isa::table::Op;

use super::support::{lanes, Bench, DATA};

/// Eight quads in a row from pixel (64, 32) on, all of them covered.
fn row(pixels: &mut Pixels) {
    for lane in 0..LANES {
        let (quad, corner) = (lane as u32 / 4, lane as u32 % 4);
        pixels.x[lane] = 64 + 2 * quad + corner % 2;
        pixels.y[lane] = 32 + corner / 2;
        pixels.covered[lane] = 1;
        pixels.live[lane] = 1;
    }
}

/// The same with four samples in the standard places.
fn row_of_four(pixels: &mut Pixels) {
    row(pixels);
    pixels.samples = 4;
    pixels.places = [[6, 2], [14, 6], [2, 10], [10, 14]].map(|at| at.map(|n| n as f32 / 16.0));
    pixels.covered = [15; LANES];
    pixels.live = [15; LANES];
}

fn sr(number: u64, register: u64) -> Builder {
    Builder::new(Op::GetSr)
        .operands(&[dalu(register * 2, true)])
        .field("sr", number & 63 | number >> 6 << 6)
}

fn plane(pixels: &mut Pixels, register: usize, [a, b, c]: [f32; 3]) {
    pixels.coefficients[register] = [a, b, c].map(|v| [v.to_bits(); 8]);
}

#[test]
fn special_registers_of_pixels() {
    let code = [
        sr(80, 4),
        sr(81, 5),
        sr(60, 6),
        sr(62, 7),
        sr(63, 8),
        sr(124, 9),
        sr(14, 10),
    ];
    let bench = Bench::new(&code)
        .pixels(|pixels| {
            row_of_four(pixels);
            pixels.back = 0xf0;
            pixels.covered[3] = 6;
            pixels.live[3] = 2;
            pixels.live[5] = 0;
        })
        .done();
    assert_eq!(bench.get(4)[..6], [64, 65, 64, 65, 66, 67]);
    assert_eq!(bench.get(5)[..4], [32, 32, 33, 33]);
    assert_eq!(bench.get(6)[2..6], [15, 2, 15, 0]);
    assert_eq!(*bench.get(7), lanes(|lane| u32::from(lane / 4 == 1)));
    assert_eq!(*bench.get(8), lanes(|lane| u32::from(lane != 5)));
    assert_eq!(bench.get(9)[2..6], [15, 6, 15, 15]);
    assert_eq!(bench.get(10)[0], 2);
    // Compute groups have no coverage.
    let fault = Bench::new(&[sr(60, 4)]).fault();
    assert!(matches!(fault.kind, FaultKind::Unsupported(_)), "{fault}");
}

#[test]
fn planes_are_evaluated_at_centre_sample_and_centroid() {
    let iter = |to: u64| {
        Builder::new(Op::Iter)
            .field("dst", to * 2)
            .field("size32", 1)
            .field("count", 1)
    };
    let code = [
        iter(4).field("cf", 200),
        iter(5).field("cf", 200).field("interp", 1).field("smp", 2),
        iter(6).field("cf", 200).field("interp", 2),
        // The number of the sample in r10l, that of the register in r11l.
        iter(7).field("cf", 200).field("interp", 3).field("smp", 20),
        iter(8).field("cfreg", 1).field("cf", 22),
    ];
    let bench = Bench::new(&code)
        .pixels(|pixels| {
            row_of_four(pixels);
            plane(pixels, 200, [2.0, 32.0, 1000.0]);
            plane(pixels, 201, [0.0, 0.0, 7.0]);
            pixels.covered[1] = 0b1100;
        })
        .set(10, |lane| lane % 6)
        .set(11, |lane| 200 + lane % 2)
        .done();
    let value = |lane: usize, [right, down]: [f32; 2]| {
        // Relative to the corner at (64, 32).
        let (x, y) = (lane / 4 * 2 + lane % 2, lane % 4 / 2);
        (2.0 * (x as f32 + right) + 32.0 * (y as f32 + down) + 1000.0).to_bits()
    };
    let places = [[6, 2], [14, 6], [2, 10], [10, 14]].map(|at| at.map(|n| n as f32 / 16.0));
    for lane in 0..LANES {
        assert_eq!(bench.get(4)[lane], value(lane, [0.5; 2]), "{lane}");
        assert_eq!(bench.get(5)[lane], value(lane, places[2]));
        let centroid = if lane == 1 { places[2] } else { [0.5; 2] };
        assert_eq!(bench.get(6)[lane], value(lane, centroid));
        assert_eq!(bench.get(7)[lane], value(lane, places[(lane % 6).min(3)]));
        let by_number = [value(lane, [0.5; 2]), 7.0f32.to_bits()][lane % 2];
        assert_eq!(bench.get(8)[lane], by_number);
    }
}

#[test]
fn projection_and_raw_coefficients() {
    let project = Builder::new(Op::Iterproj)
        .field("dst", 8)
        .field("count", 2)
        .field("cf", 3)
        .field("cfw", 1);
    let raw = Builder::new(Op::Ldcf)
        .field("dst", 20)
        .field("size32", 1)
        .field("count", 1)
        .field("cf", 5);
    let bench = Bench::new(&[project, raw])
        .pixels(|pixels| {
            row(pixels);
            plane(pixels, 1, [0.125, 0.0, 1.0]);
            plane(pixels, 3, [0.0, 0.0, 3.0]);
            plane(pixels, 4, [0.0625, 0.0, 0.5]);
            pixels.coefficients[5] = [
                [0; 8],
                std::array::from_fn(|n| 0x7f80_0001 + n as u32),
                [9; 8],
            ];
        })
        .done();
    // 3 / (1 + 0.5 / 8) in the first pixel; the second value is half of the divisor everywhere.
    let half = |v: f32| agx_isa::exec::format::Format::F16.pack(v.to_bits(), 0, true);
    assert_eq!(bench.get(4)[0] & 0xffff, half(3.0 / 1.0625));
    assert_eq!(
        *bench.get(4),
        lanes(|lane| bench.get(4)[lane as usize] & 0xffff | half(0.5) << 16)
    );
    assert_eq!(bench.get(10), &[0; LANES]);
    assert_eq!(*bench.get(11), lanes(|lane| 0x7f80_0001 + lane / 4));
    assert_eq!(bench.get(12), &[9; LANES]);
    // Neither exists outside of fragment groups.
    for inst in [project, raw] {
        let fault = Bench::new(&[inst]).fault();
        assert!(matches!(fault.kind, FaultKind::Unsupported(_)), "{fault}");
    }
}

#[test]
fn equal_values_stay_equal() {
    // A constant varying of a primitive in perspective: v/w and 1/w, both with the same slope.
    let project = Builder::new(Op::Iterproj)
        .field("dst", 8)
        .field("size32", 1)
        .field("count", 1)
        .field("cf", 3)
        .field("cfw", 1);
    let bench = Bench::new(&[project])
        .pixels(|pixels| {
            row(pixels);
            plane(pixels, 1, [0.001, 0.003, 0.7]);
            plane(pixels, 3, [0.001, 0.003, 0.7]);
        })
        .done();
    assert_eq!(bench.get(4), &[1.0f32.to_bits(); LANES]);
}

fn tile(op: Op, register: u64) -> Builder {
    Builder::new(op)
        .operands(&[mem(register * 2, true, 3)])
        .field("fmt", 1)
        .field("off", 2)
}

const BLOCK: Tile = Tile {
    width: 32,
    height: 32,
    samples: 4,
    stride: 8,
};

#[test]
fn the_tile_is_accessed_at_the_pixel() {
    let code = [
        // r10l has the samples.
        tile(Op::StTile, 4).field("smaskreg", 1).field("smask", 20),
        tile(Op::LdTile, 6).field("smask", 4),
        tile(Op::LdTile, 8).field("smask", 0xff),
    ];
    let mut bench = Bench::new(&code).pixels(|pixels| {
        row_of_four(pixels);
        pixels.live[1] = 0b0101;
        pixels.live[2] = 0;
    });
    bench.dispatch.tile = BLOCK;
    bench.local = vec![0; 32 * 32 * 4 * 8];
    let bench = bench
        .set(4, |lane| 500 + lane)
        .set(5, |lane| 900 + lane)
        .set(10, |lane| if lane == 3 { 1 } else { 0xfffe })
        .done();
    for lane in 0..LANES {
        let (x, y) = (lane / 4 * 2 + lane % 2, lane % 4 / 2);
        let expected = match lane {
            1 => 0b0100,
            2 => 0,
            3 => 1,
            _ => 0b1110,
        };
        for sample in 0..4 {
            let at = ((y * 32 + x) * 4 + sample) * 8;
            let half =
                |n: usize| u16::from_le_bytes([bench.local[at + n], bench.local[at + n + 1]]);
            let written = expected >> sample & 1;
            assert_eq!(
                (half(2), half(4)),
                ((500 + lane as u16) * written, (900 + lane as u16) * written)
            );
            assert_eq!((half(0), half(6)), (0, 0));
        }
        let sample = |n: u32| (expected as u32 >> n & 1) * (500 + lane as u32);
        assert_eq!(bench.get(6)[lane], sample(2), "{lane}");
        // Of all samples the first is read.
        assert_eq!(bench.get(8)[lane], sample(0));
    }
    let fault = Bench::new(&code[..1]).fault();
    assert!(matches!(fault.kind, FaultKind::Unsupported(_)), "{fault}");
}

#[test]
fn a_tile_that_memory_does_not_hold_is_a_fault() {
    let mut bench = Bench::new(&[tile(Op::StTile, 4).field("smask", 0xff)]).pixels(row);
    bench.dispatch.tile = BLOCK;
    assert!(matches!(
        bench.fault().kind,
        FaultKind::Local { lane: 2, .. }
    ));
}

#[test]
fn blocks_at_the_tile_state_the_layer_only() {
    let block = Builder::new(Op::ImageWriteBlock)
        .field("src", 24)
        .field("crd", 254)
        .field("dim", 3)
        .field("fmt", 4);
    let mut bench = Bench::sized(&[block], [1, 1, 1]).set(127, |_| 5);
    bench.shared.textures[0] = Some([7; 24]);
    let bench = bench.done();
    assert_eq!(bench.host.blocks[0].place, BlockPlace::Tile(5));
}

#[test]
fn samples_are_tested_once_and_killed_by_the_mask() {
    let mask = Builder::new(Op::SampleMask);
    let (targets, live) = (mask.field("target", 20), mask.field("live", 22));
    let code = [
        // Of the first two samples, those in r11l.
        live.field("targetimm", 1).field("target", 3),
        sr(60, 4),
        // All samples pass: but those that were tested or are dead are not asked for.
        targets.field("liveimm", 1).field("live", 255),
        sr(60, 5),
        // Tested samples cannot be killed.
        targets.field("liveimm", 1).field("live", 0),
        sr(60, 6),
        sr(124, 7),
        sr(63, 8),
    ];
    let mut bench = Bench::new(&code)
        .pixels(|pixels| {
            row_of_four(pixels);
            pixels.live[4] = 0b0100;
        })
        .set(10, |_| 0xff)
        .set(11, |lane| if lane == 0 { 2 } else { 0x103 });
    bench.host.passes = 0b0110;
    let bench = bench.done();
    let [first, second] = &bench.host.tests[..] else {
        panic!("two tests")
    };
    assert_eq!(first.samples[..5], [2, 3, 3, 3, 0]);
    assert_eq!(bench.get(4)[..5], [0b1110, 0b1110, 0b1110, 0b1110, 0b0100]);
    assert_eq!(
        second.samples[..5],
        [0b1100, 0b1100, 0b1100, 0b1100, 0b0100]
    );
    assert_eq!((&second.depth, &second.stencil), (&None, &None));
    assert_eq!(bench.get(5)[..5], [0b0110, 0b0110, 0b0110, 0b0110, 0b0100]);
    assert_eq!(bench.get(6), bench.get(5));
    assert_eq!(bench.get(7), &[15; LANES]);
    assert_eq!(bench.get(8), &[1; LANES]);
}

#[test]
fn emitted_depth_and_stencil_reach_the_test() {
    let emit = |which: u64| {
        Builder::new(Op::ZsEmit)
            .field("which", which)
            .field("targetimm", 1)
    };
    let code = [
        emit(1).field("target", 1).field("zs", 8),
        emit(2).field("target", 2).field("zs", 11),
        emit(3).field("target", 4).field("zs", 8),
    ];
    let bench = Bench::new(&code)
        .pixels(row_of_four)
        .set(4, |lane| lane)
        .set(5, |lane| (0x1_0100 + lane) | (0xab00 + lane) << 16)
        .done();
    let tests = &bench.host.tests;
    let seen: Vec<_> = tests
        .iter()
        .map(|t| (t.samples[9], t.depth.map(|d| d[9]), t.stencil.map(|s| s[9])))
        .collect();
    assert_eq!(
        seen,
        [
            (1, Some(9), None),
            (2, None, Some(9)),
            (4, Some(9), Some(9))
        ]
    );
    let fault = Bench::new(&[emit(0)]).pixels(row).fault();
    assert!(
        fault.to_string().contains("neither depth nor stencil"),
        "{fault}"
    );
}

#[test]
fn a_group_of_helpers_ends() {
    let code = [
        Builder::new(Op::SampleMask)
            .field("targetimm", 1)
            .field("target", 255)
            .field("liveimm", 1),
        Builder::new(Op::Trap),
    ];
    let mut bench = Bench::new(&code).pixels(row);
    assert_eq!(bench.run(), Stop::Done);
    assert_eq!(bench.host.tests.len(), 0);
}

#[test]
fn helpers_write_nothing() {
    let operands = [mem(8, true, 1), uniform_base(0), index_word(2, true)];
    let code = [
        Builder::new(Op::DeviceStore)
            .operands(&operands)
            .field("fmt", 2),
        Builder::new(Op::Atomic)
            .operands(&[uniform_base(0), index_imm(100)])
            .field("src", 12),
        Builder::new(Op::ImageWrite)
            .field("crd", 32)
            .field("dim", 2)
            .field("src32", 1),
    ];
    let mut bench = Bench::new(&code).pixels(|pixels| {
        row(pixels);
        pixels.live[7] = 0;
        pixels.live[31] = 0;
    });
    bench.shared.textures[0] = Some([0; 24]);
    let mut bench = bench
        .set(2, |lane| lane)
        .set(4, |lane| 100 + lane)
        .set(6, |_| 1)
        .done();
    for lane in 0..32 {
        let expected = if lane == 7 || lane == 31 {
            0
        } else {
            100 + lane as u32
        };
        assert_eq!(bench.word(lane * 4), expected);
    }
    assert_eq!(bench.word(400), 30);
    assert_eq!(bench.host.images[0].mask, 0x7fff_ff7f);
}

#[test]
fn helpers_may_read_anywhere() {
    let operands = [mem(8, true, 1), uniform_base(0), index_word(2, true)];
    let load = Builder::new(Op::DeviceLoad)
        .operands(&operands)
        .field("fmt", 2);
    let bindless = Builder::new(Op::Smpi)
        .operands(&[mem(12, true, 1)])
        .field("crd", 32)
        .field("dim", 2)
        .field("textype", 3)
        .field("tex", 4);
    let bench = |live: u32| {
        let mut bench = Bench::new(&[load, bindless]).pixels(|pixels| {
            row(pixels);
            pixels.live[7] = live;
        });
        bench.shared.samplers[0] = Some(agx_isa::exec::host::Sampler {
            bytes: [0; 24],
            extended: false,
        });
        bench.data()[..128].fill(5);
        bench.set(2, |lane| if lane == 7 { 0x0fff_0000 } else { lane })
    };
    let helper = bench(0).done();
    assert_eq!(
        *helper.get(4),
        lanes(|lane| if lane == 7 { 0 } else { 0x0505_0505 })
    );
    assert_eq!(helper.get(6)[7], 0);
    assert_ne!(helper.get(6)[8], 0);
    let FaultKind::Memory(fault) = bench(1).fault().kind else {
        panic!("no fault")
    };
    assert_eq!((fault.lane, fault.fault.va), (7, DATA + 4 * 0x0fff_0000));
}
