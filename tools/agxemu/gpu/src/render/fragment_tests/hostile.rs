// SPDX-License-Identifier: MIT OR Apache-2.0

//! What no driver would send: nothing panics, nothing takes for ever.

use super::pictures::random;
use super::support::{frame, paint, rect, Bench, DATA, DEPTH, USC};
use crate::cdm::End;

/// Numbers by chance, reproducible. `AGX_GPU_SEED` chooses others.
struct Random(u64);

impl Random {
    /// Returns the usual series, or that of `AGX_GPU_SEED`.
    fn new(usual: u64) -> Self {
        let seed = std::env::var("AGX_GPU_SEED");
        let seed = seed.map_or(0, |text| text.parse::<u64>().expect("a number"));
        Self(usual ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 29) as u32
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }

    /// Few bits set, all of them, or any.
    fn word(&mut self) -> u32 {
        match self.below(4) {
            0 => 1 << self.below(32),
            1 => !0,
            2 => 0,
            _ => self.next(),
        }
    }
}

#[test]
fn draw_states_by_chance() {
    let mut random = Random::new(11);
    let mut ended = 0;
    for _ in 0..20 {
        let mut bench = self::random(random.next().into(), 1);
        bench.limit = 1 << 12;
        for draw in &mut bench.draws {
            for _ in 0..random.below(4) {
                let word = random.word();
                match random.below(9) {
                    0 => draw.fragment_control[0] = word,
                    1 => draw.fragment_control[1] = word,
                    2 => draw.face[0] = word,
                    3 => draw.face2[1] = word,
                    4 => draw.stencil[0] = word,
                    5 => draw.scissor = word as u16,
                    6 => draw.depth_bias = word as u16,
                    7 => draw.fragment_shader[random.below(4) as usize] = word,
                    _ => draw.output_select = word,
                }
            }
        }
        for patch in &mut bench.patches {
            if random.below(5) == 0 {
                patch.depth = [f64::NAN, f64::INFINITY, -1e300];
            }
            patch.primitive.viewport = random.below(16) as u16;
        }
        let (end, _) = bench.try_run();
        ended += u32::from(end.is_ok());
    }
    // Both happen.
    assert!((1..20).contains(&ended), "{ended}");
}

#[test]
fn commands_by_chance() {
    let mut random = Random::new(5);
    let mut ended = 0;
    for _ in 0..30 {
        let mut bench = self::random(random.next().into(), 1 + random.below(3) as usize);
        bench.limit = 1 << 12;
        let job = &mut bench.job;
        for _ in 0..1 + random.below(3) {
            let word = random.word();
            let address = u64::from(random.word()) << 8 | u64::from(word);
            match random.below(12) {
                0 => job.zls.control = address,
                1 => job.zls.pixels = word,
                2 => job.zls.depth_load.base = address,
                3 => job.zls.depth_store.comp_base = address,
                4 => job.zls.stencil_store.stride = word,
                5 => job.scissors = address,
                6 => job.depth_bias = address,
                7 => job.occlusion = address,
                8 => job.background.usc = word,
                9 => job.end_of_tile.counts = word,
                10 => job.partial_after = Some(word.max(9)),
                _ => (job.background_depth, job.background_values) = (word, word),
            }
        }
        let (end, _) = bench.try_run();
        ended += u32::from(end.is_ok());
    }
    assert!((1..30).contains(&ended), "{ended}");
}

#[test]
fn frames_without_meaning_are_refused() {
    let change: [fn(&mut crate::render::Frame); 8] = [
        |frame| frame.width = 0,
        |frame| frame.height = 1 << 20,
        |frame| frame.layers = 0,
        |frame| frame.layers = 1 << 31,
        |frame| frame.samples = 3,
        |frame| frame.samples = 0,
        |frame| frame.utile = [0, 0],
        |frame| frame.sample_size = 1 << 30,
    ];
    for change in change {
        let mut bench = Bench::new(frame(32, 32));
        change(&mut bench.job.frame);
        let End::Illegal(text) = bench.end() else {
            panic!("another end")
        };
        assert!(text.contains("without meaning"), "{text}");
    }
}

#[test]
fn code_and_lists_by_chance() {
    let mut random = Random::new(3);
    for _ in 0..100 {
        let mut bench = Bench::new(frame(40, 40));
        bench.limit = 1 << 10;
        let draw = bench.draw(&paint([1, 2, 3, 4]), random.below(2) == 0);
        bench.state(draw).fragment_shader[0] = random.word();
        bench.state(draw).fragment_shader[2] = 0x8000;
        bench.patch(draw, rect(0, 0, 33, 5), 0.5);
        // Lists, bindings and code share pages; something of each is overwritten.
        for _ in 0..1 + random.below(6) {
            let at = match random.below(3) {
                0 => random.below(256),
                1 => 0x8000 + random.below(64),
                _ => 0x1_0000 + random.below(0x300),
            };
            let word = random.word().to_le_bytes();
            bench.memory.put(USC + u64::from(at), &word);
        }
        let _ = bench.try_run();
    }
}

#[test]
fn descriptors_by_chance() {
    let mut random = Random::new(8);
    let mut ended = 0;
    for _ in 0..80 {
        let mut bench = Bench::new(frame(64, 32));
        bench.job.process_empty_tiles = true;
        bench.limit = 1 << 10;
        let mut pbe = bench.target(0x28, 0);
        for _ in 0..1 + random.below(3) {
            let at = random.below(24) as usize;
            pbe[at] = random.next() as u8;
        }
        bench.memory.put(DATA + 0xc000, &pbe);
        ended += u32::from(bench.try_run().0.is_ok());
    }
    assert!((1..80).contains(&ended), "{ended}");
}

#[test]
fn many_large_primitives_run_into_the_limit() {
    let mut bench = Bench::new(frame(512, 512));
    bench.limit = 1 << 10;
    let draw = bench.draw(&paint([0; 4]), true);
    bench.state(draw).fragment_control[0] |= 1 << 21;
    for _ in 0..100 {
        bench.patch(draw, rect(0, 0, 512, 512), 0.5);
    }
    assert!(matches!(bench.end(), End::Hang(_)));
}

/// A frame as large as may be, of nothing but layers, with or without work in each tile.
#[test]
fn empty_tiles_run_into_the_limit() {
    let mut bench = Bench::new(crate::render::Frame {
        layers: 2048,
        ..frame(16384, 16384)
    });
    bench.limit = 1 << 10;
    let (end, instructions) = bench.try_run();
    // Without work in them they are only passed.
    assert!(matches!(end, Err(End::Hang(_))), "{end:?}");
    assert_eq!(instructions, 0);
    bench.job.process_empty_tiles = true;
    bench.job.background = bench.program(&[], None);
    bench.job.end_of_tile = bench.job.background;
    let depth = crate::render::Plane {
        base: DEPTH,
        ..bench.job.zls.depth_load
    };
    // Depth is loaded and stored.
    bench.job.zls = crate::render::Zls {
        control: 1 << 15 | 1 << 19,
        pixels: 0x3fff | 0x3fff << 15,
        depth_load: depth,
        depth_store: depth,
        ..bench.job.zls
    };
    let (end, instructions) = bench.try_run();
    assert!(matches!(end, Err(End::Hang(_))), "{end:?}");
    // Most of what they cost is not the programs of background and end of tile.
    assert!(instructions < 1 << 12, "{instructions}");
}
