// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the host is asked for by texture and image instructions; the image block.

use agx_isa::exec::assemble::{mem, Builder};
use agx_isa::exec::format::Format;
use agx_isa::exec::host::{BlockPlace, Dim, LodMode, Sampler, TextureOp};
use agx_isa::exec::{FaultKind, Tile};
use agx_isa::table::Op;

use super::support::{lanes, Bench, DATA};

const SAMPLER: Sampler = Sampler {
    bytes: [3; 24],
    extended: true,
};

/// TS0 is a float texture, TS1 one of integers, SS0 a sampler.
fn bench(code: &[Builder]) -> Bench {
    let mut bench = Bench::new(code);
    bench.shared.textures[0] = Some([0; 24]);
    bench.shared.textures[1] = Some([1; 24]);
    bench.shared.samplers[0] = Some(SAMPLER);
    bench
}

/// A sample of a 2D texture at r16, to r4.
fn sample(op: Op, regs: u64) -> Builder {
    Builder::new(op)
        .operands(&[regs])
        .field("crd", 32)
        .field("dim", 2)
}

#[test]
fn results_go_to_the_registers_of_the_mask() {
    let code = [
        sample(Op::Smpf, mem(8, true, 0b1010)),
        sample(Op::Smpi, mem(24, false, 3)).field("tex", 1),
    ];
    let bench = bench(&code)
        .set(16, |lane| lane + 7)
        .set(17, |lane| lane + 9)
        .done();
    let [first, second] = &bench.host.textures[..] else {
        panic!("two requests")
    };
    assert_eq!(
        (first.op, first.dim, first.mask),
        (TextureOp::Sample, Dim::D2, !0)
    );
    assert_eq!((first.sampler, first.lod.mode), (SAMPLER, LodMode::Auto));
    assert_eq!(
        first.coordinates[..2],
        [lanes(|lane| lane + 7), lanes(|lane| lane + 9)]
    );
    assert_eq!(
        (first.compare, first.offset, first.gather),
        (None, None, None)
    );
    assert_eq!(*bench.get(4), lanes(|lane| ((100 + lane) as f32).to_bits()));
    assert_eq!(*bench.get(5), lanes(|lane| ((300 + lane) as f32).to_bits()));
    assert_eq!((second.op, second.texture), (TextureOp::Fetch, [1; 24]));
    assert_eq!(*bench.get(12), lanes(|lane| lane | (100 + lane) << 16));
    // Floats are rounded to half registers.
    let bench = self::bench(&[sample(Op::Smpf, mem(8, false, 1))]).done();
    assert_eq!(bench.get(4)[2], 0x4000);
}

#[test]
fn all_operands_reach_the_host() {
    let inst = sample(Op::Smpf, mem(8, true, 15))
        .field("sparse", 1)
        .field("dim", 1);
    let code = [
        inst.field("lodmode", 13)
            .field("lod", 40)
            .field("gather", 5),
        sample(Op::Smpf, mem(8, true, 1))
            .field("lodmode", 12)
            .field("lod", 60),
        sample(Op::Smpf, mem(8, true, 1))
            .field("lodmode", 2)
            .field("lod", 30)
            .field("querylod", 1),
        sample(Op::Smpf, mem(8, true, 1))
            .field("shadow", 1)
            .field("offset", 1)
            .field("cmpoff", 80),
        sample(Op::Smpf, mem(8, true, 1))
            .field("offset", 1)
            .field("cmpoff", 80),
    ];
    let mut bench = bench(&code)
        .set(20, |lane| 0x2222_0000 | lane)
        .set(40, |lane| lane * 3);
    for register in 30..35 {
        bench = bench.set(register, |lane| register as u32 * 100 + lane);
    }
    bench.shared.uniforms[30] = 0x3c00;
    let bench = bench.set(41, |lane| 0x77_0000 | lane).done();
    let [bias, gradient, query, shadow, offset] = &bench.host.textures[..] else {
        panic!("five requests")
    };
    assert_eq!(
        (bias.dim, bias.gather, bias.lod.mode),
        (Dim::D2Array, Some(2), LodMode::Bias)
    );
    assert_eq!(
        (bias.lod.value, bias.lod.min),
        (lanes(|lane| lane), Some([0x2222; 32]))
    );
    assert_eq!(bench.get(8), &[5; 32]);
    assert_eq!(gradient.lod.mode, LodMode::Gradient);
    let register = |n: u32| lanes(|lane| n * 100 + lane);
    assert_eq!(
        (gradient.lod.dx[0], gradient.lod.dy[0]),
        (register(30), register(31))
    );
    assert_eq!(
        (gradient.lod.dx[1], gradient.lod.dy[1]),
        (register(32), register(33))
    );
    assert_eq!(gradient.lod.min, Some(register(34)));
    assert_eq!((query.query_lod, query.lod.mode), (true, LodMode::Explicit));
    assert_eq!(query.lod.value, [0x3c00; 32]);
    assert_eq!(shadow.compare, Some(lanes(|lane| lane * 3)));
    assert_eq!(shadow.offset, Some(lanes(|lane| lane)));
    assert_eq!(
        (offset.compare, offset.offset),
        (None, Some(lanes(|lane| lane * 3)))
    );
}

#[test]
fn coordinates_of_16_bits_follow_each_other_in_halves() {
    let narrow = |dim: u64| {
        let fetch = Builder::new(Op::Smpi).operands(&[mem(8, true, 1)]);
        let dim = fetch.field("dim", dim);
        // An odd half: they are not aligned.
        dim.field("crd", 33).field("crd16", 1)
    };
    let write = Builder::new(Op::ImageWrite).field("src", 40);
    let code = [
        narrow(2),
        narrow(3),
        narrow(4),
        narrow(8),
        write.field("crd", 33).field("crd16", 1).field("dim", 2),
    ];
    let bench = bench(&code)
        .set(16, |lane| (lane | 0xff00) << 16 | 0xdead)
        .set(17, |lane| (lane + 200) | (lane + 300) << 16)
        .set(18, |lane| (lane + 400) | 0xbeef_0000)
        .done();
    let [flat, layer, sample, both] = &bench.host.textures[..] else {
        panic!("four requests")
    };
    let [x, y] = [lanes(|lane| lane | 0xff00), lanes(|lane| lane + 200)];
    for request in [flat, layer, sample, both] {
        assert_eq!(request.coordinates[..2], [x, y], "{:?}", request.dim);
    }
    assert_eq!((layer.dim, sample.dim), (Dim::D2Array, Dim::D2Ms));
    assert_eq!(layer.coordinates[2], lanes(|lane| lane + 300));
    assert_eq!(sample.coordinates[2], lanes(|lane| lane + 300));
    // The sample below, the layer above, as in a register of 32 bits.
    assert_eq!(both.dim, Dim::D2MsArray);
    assert_eq!(
        both.coordinates[2],
        lanes(|lane| (lane + 300) | (lane + 400) << 16)
    );
    assert_eq!(bench.host.images[0].coordinates[..2], [x, y]);
}

#[test]
fn coordinates_of_16_bits_are_half_floats_where_a_texture_is_sampled() {
    let narrow = |dim: u64| {
        sample(Op::Smpf, mem(8, true, 1))
            .field("crd", 33)
            .field("crd16", 1)
            .field("dim", dim)
    };
    let bench = bench(&[narrow(2), narrow(3)])
        .set(16, |_| 0x3800_ffff)
        .set(17, |lane| (lane << 16) | 0xc100)
        .done();
    let [plain, array] = &bench.host.textures[..] else {
        panic!("two requests")
    };
    for request in [plain, array] {
        assert_eq!(request.coordinates[0], [0.5f32.to_bits(); 32]);
        assert_eq!(request.coordinates[1], [(-2.5f32).to_bits(); 32]);
    }
    // A layer is an integer.
    assert_eq!(array.coordinates[2], lanes(|lane| lane));
}

#[test]
fn lanes_with_different_descriptors_ask_separately() {
    // Bindless: base in the first uniform, offset in r10; sampler number in r11l.
    let inst = sample(Op::Smpf, mem(8, true, 1))
        .field("textype", 3)
        .field("tex", 20);
    let inst = inst.field("smp", 22).field("smpreg", 1);
    let mut bench = bench(&[inst])
        .set(10, |lane| lane % 2 * 24)
        .set(11, |lane| lane / 16 * 29);
    bench.shared.sampler_heap = DATA + 1024;
    bench.shared.sampler_count = 2;
    bench.data()[24..48].fill(0x42);
    bench.data()[1032..1040].fill(0x99);
    let bench = bench.done();
    let seen: Vec<_> = bench
        .host
        .textures
        .iter()
        .map(|r| (r.mask, r.texture[5], r.sampler.bytes[1]))
        .collect();
    let expect = [
        (0x5555, 0, 3),
        (0xaaaa, 0x42, 3),
        (0x5555_0000, 0, 0x99),
        (0xaaaa_0000, 0x42, 0x99),
    ];
    assert_eq!(seen, expect);
    assert_eq!(*bench.get(4), lanes(|lane| (lane as f32).to_bits()));
    // By number, in a half register.
    let inst = sample(Op::Smpi, mem(8, true, 1))
        .field("textype", 1)
        .field("tex", 21);
    let bench = self::bench(&[inst]).set(10, |lane| (lane & 1) << 16).done();
    let masks: Vec<_> = bench
        .host
        .textures
        .iter()
        .map(|r| (r.mask, r.texture[0]))
        .collect();
    assert_eq!(masks, [(0x5555_5555, 0), (0xaaaa_aaaa, 1)]);
}

#[test]
fn state_that_was_never_set_is_a_fault() {
    let code = [sample(Op::Smpf, mem(8, true, 1)).field("tex", 9)];
    assert!(matches!(
        bench(&code).fault().kind,
        FaultKind::Unsupported(_)
    ));
    let code = [sample(Op::Smpf, mem(8, true, 1)).field("smp", 3)];
    assert!(matches!(
        bench(&code).fault().kind,
        FaultKind::Unsupported(_)
    ));
    let code = [sample(Op::Smpf, mem(8, true, 1))
        .field("smp", 22)
        .field("smpreg", 1)];
    let fault = bench(&code).set(11, |_| 30).fault();
    assert!(
        fault.to_string().contains("sampler 2 is outside the heap"),
        "{fault}"
    );
    let inst = sample(Op::Smpf, mem(8, true, 1))
        .field("textype", 3)
        .field("tex", 20);
    let fault = bench(&[inst]).set(10, |_| 0x10_0000).fault();
    assert!(matches!(fault.kind, FaultKind::Memory(_)), "{fault}");
}

#[test]
fn image_writes() {
    let write = Builder::new(Op::ImageWrite)
        .field("crd", 32)
        .field("dim", 3)
        .field("rtz", 1);
    let code = [
        write
            .field("src", 8)
            .field("src32", 1)
            .field("lodimm", 1)
            .field("lod", 2),
        write.field("src", 9).field("lod", 21).field("tex", 1),
    ];
    let mut bench = bench(&code);
    for register in [4, 5, 6, 7, 10, 16, 17, 18] {
        bench = bench.set(register, |lane| (register as u32) << 20 | lane);
    }
    let bench = bench.done();
    let [first, second] = &bench.host.images[..] else {
        panic!("two writes")
    };
    let register = |n: u32| lanes(|lane| n << 20 | lane);
    assert_eq!(
        first.data,
        [register(4), register(5), register(6), register(7)]
    );
    assert_eq!(
        first.coordinates[..3],
        [register(16), register(17), register(18)]
    );
    assert_eq!(
        (first.dim, first.wide, first.round_to_zero),
        (Dim::D2Array, true, true)
    );
    assert_eq!((first.lod, first.mask, first.image), ([2; 32], !0, [0; 24]));
    assert_eq!(second.data[0], [0x40; 32]);
    assert_eq!(second.data[1], lanes(|lane| lane));
    assert_eq!(
        (second.lod, second.wide, second.image),
        ([0xa0; 32], false, [1; 24])
    );
}

#[test]
fn the_image_block_is_written_read_and_handed_over() {
    let place = |op| {
        let inst = Builder::new(op).operands(&[mem(8, true, 3)]);
        inst.field("fmt", 1)
            .field("crd", 20)
            .field("crdreg", 1)
            .field("smask", 1)
            .field("off", 2)
    };
    let block = Builder::new(Op::ImageWriteBlock)
        .field("src", 24)
        .field("crd", 40)
        .field("dim", 2);
    let code = [
        place(Op::StTile).field("explicit", 1),
        place(Op::LdTile).operands(&[30]),
        block.field("explicit", 1).field("fmt", 4),
    ];
    let mut bench = Bench::sized(&code, [8, 4, 1]);
    bench.shared.textures[0] = Some([7; 24]);
    bench.dispatch.tile = Tile {
        width: 8,
        height: 4,
        samples: 1,
        stride: 8,
    };
    let bench = bench
        .set(10, |lane| lane % 8 | (lane / 8) << 16)
        .set(4, |lane| 500 + lane);
    let bench = bench
        .set(5, |lane| 900 + lane)
        .set(12, |_| 6)
        .set(20, |_| 32)
        .set(21, |_| 64);
    let bench = bench.done();
    for lane in 0..32usize {
        let at = lane * 8 + 2;
        let half = |n: usize| u16::from_le_bytes([bench.local[at + n], bench.local[at + n + 1]]);
        assert_eq!((half(0), half(2)), (500 + lane as u16, 900 + lane as u16));
    }
    assert_eq!(*bench.get(15), lanes(|lane| 500 + lane));
    let block = &bench.host.blocks;
    assert_eq!(
        (block.len(), block[3].offset, block[3].format),
        (32, 6, Format::Unorm8)
    );
    assert_eq!(
        (block[3].place, block[3].image),
        (BlockPlace::Explicit([32, 64, 0, 0]), [7; 24])
    );
    // What a sample has no room for is lost.
    let wide = Builder::new(Op::StTile)
        .operands(&[mem(8, true, 15)])
        .field("fmt", 2)
        .field("crd", 20)
        .field("crdreg", 1)
        .field("smask", 1)
        .field("explicit", 1);
    let mut bench = Bench::sized(&[wide], [8, 4, 1]);
    bench.dispatch.tile = Tile {
        width: 8,
        height: 4,
        samples: 1,
        stride: 8,
    };
    bench.local = vec![0; 8 * 32];
    let bench = bench
        .set(10, |lane| lane % 8 | (lane / 8) << 16)
        .set(4, |lane| 500 + lane)
        .set(5, |lane| 900 + lane)
        .set(6, |_| 1)
        .set(7, |_| 2)
        .done();
    for lane in 0..32usize {
        let word = |n: usize| bench.local[lane * 8 + 4 * n];
        assert_eq!((word(0), word(1)), ((500 + lane) as u8, (900 + lane) as u8));
    }
    // Without an image block there is no place to write to.
    let fault = Bench::new(&code).fault();
    assert!(matches!(fault.kind, FaultKind::Unsupported(_)), "{fault}");
}
