// SPDX-License-Identifier: MIT OR Apache-2.0

//! What no driver writes: streams, pipelines, code and descriptors of random bits. A job of them
//! ends in one of the ways in which jobs end, and only writes to what is mapped for writing.
//! `AGX_GPU_SEED` chooses the bits.

use agx_isa::exec::host::{
    Dim, ImageWrite, Lod, LodMode, Sampler, TextureOp, TextureRequest, TextureResult,
};
use agx_isa::exec::{Host, Lanes};

use super::*;
use crate::host::GpuHost;
use crate::paged::Paged;

const STREAM: u64 = 0x10_0000;
const USC: u64 = 0x11_0000_0000;
const DATA: u64 = 0x12_0000_0000;
/// The channels of a descriptor, at bit 6.
const RGBA8: u8 = 0x28;

/// Numbers out of a seed.
struct Random(u64);

impl Random {
    /// Returns `AGX_GPU_SEED` chooses others.
    fn new() -> Self {
        let seed = std::env::var("AGX_GPU_SEED");
        Self(seed.map_or(4, |text| text.parse().expect("a number")))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn word(&mut self) -> u32 {
        match self.below(4) {
            0 => self.below(70) as u32,
            1 => u32::MAX << self.below(32),
            _ => self.next() as u32,
        }
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }

    fn lanes(&mut self) -> Lanes {
        let same = self.word();
        let one = self.below(2) == 0;
        std::array::from_fn(|_| if one { same } else { self.word() })
    }
}

/// Mostly blocks that mean something, with fields at random.
fn stream(random: &mut Random) -> Vec<u8> {
    let mut words = Vec::new();
    while words.len() < 200 {
        match random.below(40) {
            0 => words.push(random.next() as u32),
            1 => words.extend([
                1 << 29 | (random.below(2) as u32) << 28,
                STREAM as u32 + random.below(200) as u32 * 4,
            ]),
            2 => {
                words.push(3 << 29 | random.below(1 << 20) as u32 | (random.below(2) as u32) << 27)
            }
            3 => words.push(4 << 29),
            n => {
                let mode = if n < 12 { random.below(4) as u32 } else { 0 };
                words.extend([
                    mode << 27 | random.below(1 << 16) as u32,
                    random.below(64) as u32 * 0x40,
                ]);
                let small = random.below(8) != 0;
                words.extend(std::array::from_fn::<u32, 3, _>(|_| match small {
                    true => random.below(30) as u32,
                    false => random.word(),
                }));
                words.extend(std::array::from_fn::<u32, 3, _>(|_| {
                    1 + random.below(12) as u32
                }));
            }
        }
    }
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Returns records of a pipeline.
fn pipeline(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    let code = 0x1000 + random.below(0x1000) as u32 * 2;
    bytes.extend([0x0d, 0x0c]);
    bytes.extend(code.to_le_bytes());
    for _ in 0..random.below(3) {
        let tag = [0x1d_u64, 0x3d, 0xdd, 0x9d, 0x4d][random.below(5) as usize];
        let address = DATA + random.below(0x4000) * 8;
        let fields = random.next() & 0x3f_ff00;
        let record = match tag {
            0x1d | 0x3d => tag | fields | (address >> 2) << 26,
            0xdd | 0x9d => tag | fields | (address >> 3) << 27,
            _ => tag | random.next() & 0xfff3_ff00 & !(0x3f << 10) | 0x24 << 10,
        };
        let size = if tag == 0x4d { 4 } else { 8 };
        bytes.extend(&record.to_le_bytes()[..size]);
    }
    match random.below(3) {
        0 => {
            bytes.extend((0xc0_8000_u32 << 8 | 0x38).to_le_bytes());
            bytes.extend((0x1000 + random.below(0x1000) as u32 * 2).to_le_bytes());
        }
        _ => bytes.extend([0x88, 0]),
    }
    bytes.resize(0x40, 0x88);
    bytes
}

/// Returns instructions of the table with random operands; most are refused, so a stop is likely
/// first.
fn code(random: &mut Random) -> Vec<u8> {
    let table = agx_isa::table::TABLE;
    let mut bytes = Vec::new();
    while bytes.len() < 0x2000 {
        if random.below(2) == 0 {
            bytes.extend([0x88, 0x00]);
            continue;
        }
        let entry = &table[random.below(table.len() as u64) as usize];
        let mut word = u128::from(random.next()) | u128::from(random.next()) << 64;
        for &(low, high, value) in entry.pattern {
            let mask: u128 = ((1 << (high - low + 1)) - 1) << low;
            word = word & !mask | u128::from(value) << low;
        }
        let long = word >> entry.long_bit & 1 == 1;
        let length = if long { entry.long } else { entry.short };
        bytes.extend(&word.to_le_bytes()[..length.into()]);
    }
    bytes
}

#[test]
fn jobs_of_random_bits_end() {
    let mut random = Random::new();
    let mut ended = 0;
    for _ in 0..600 {
        let memory = Paged::default();
        memory.map(STREAM, 1, false);
        memory.map(USC, 2, false);
        memory.map(DATA, 2, true);
        memory.put(STREAM, &stream(&mut random));
        for at in 0..64 {
            memory.put(USC + at * 0x40, &pipeline(&mut random));
        }
        let code = code(&mut random);
        memory.put(USC + 0x1000, &code[..0x2000]);
        let data: Vec<u8> = (0..0x1000)
            .flat_map(|_| random.word().to_le_bytes())
            .collect();
        memory.put(DATA, &data);
        let settings = Settings {
            threads: 2,
            soft_faults: random.below(2) == 0,
            vm_slot: 1,
            sampler_heap: (DATA, 8),
            engine: crate::execute::Engine::Compiled { threshold: 0 },
        };
        let limits = Limits {
            group: 3000,
            job: 30_000,
        };
        let stream = Stream {
            base: STREAM,
            usc_base: USC,
            long_launches: false,
        };
        let job = Job::new(stream, settings, limits);
        job.run(&memory, None, &mut |_| {});
        let outcome = job.outcome().expect("an outcome");
        if let End::Illegal(text) = &outcome.end {
            assert!(!text.contains("the emulator failed"), "{outcome:?}");
        }
        ended += outcome.launches;
        // What is not to be written is as it was.
        assert_eq!(memory.get(USC + 0x1000, 0x2000), code[..0x2000]);
    }
    assert!(ended > 30, "only {ended} launches came to their ends");
}

#[test]
fn descriptors_of_random_bits_are_carried_out_or_refused() {
    let mut random = Random::new();
    let memory = Paged::default();
    memory.map(DATA, 4, true);
    let mut host = GpuHost::new(&memory, true);
    let (mut read, mut written) = (0, 0);
    for _ in 0..4000 {
        let dim = Dim::from_bits(random.below(9)).expect("a shape");
        let mut texture: [u8; 24] = random.bytes();
        // Fields that would be refused nearly always, when they are not what they should be.
        texture[0] = texture[0] & 0xcf | 0x20;
        texture[13] &= !3;
        if random.below(2) == 0 {
            texture[0] &= 0x3f;
            texture[1] = RGBA8 >> 2;
        }
        let lod = Lod {
            mode: [
                LodMode::Auto,
                LodMode::Bias,
                LodMode::Explicit,
                LodMode::Gradient,
            ][random.below(4) as usize],
            value: random.lanes(),
            min: (random.below(4) == 0).then(|| random.lanes()),
            dx: [random.lanes(), random.lanes(), random.lanes()],
            dy: [random.lanes(), random.lanes(), random.lanes()],
        };
        let request = TextureRequest {
            op: [TextureOp::Sample, TextureOp::Fetch][random.below(2) as usize],
            dim,
            texture,
            sampler: Sampler {
                bytes: random.bytes(),
                extended: random.below(2) == 0,
            },
            mask: random.next() as u32,
            coordinates: std::array::from_fn(|_| random.lanes()),
            lod,
            compare: (random.below(4) == 0).then(|| random.lanes()),
            offset: (random.below(4) == 0).then(|| random.lanes()),
            gather: (random.below(8) == 0).then(|| random.below(4) as u8),
            query_lod: random.below(8) == 0,
        };
        let mut result = TextureResult {
            numeric: Default::default(),
            channels: [[0; 32]; 4],
            residency: [0; 32],
        };
        read += u32::from(host.texture(&request, &mut result).is_ok());
        let mut image: [u8; 24] = random.bytes();
        image[0] = image[0] & 0x0f | 0x20;
        image[1] = RGBA8 >> 2;
        image[6] &= !0x60;
        image[7] &= !0x30;
        let write = ImageWrite {
            dim,
            image,
            mask: random.next() as u32,
            coordinates: std::array::from_fn(|_| random.lanes()),
            lod: random.lanes(),
            data: std::array::from_fn(|_| random.lanes()),
            wide: random.below(2) == 0,
            round_to_zero: random.below(2) == 0,
        };
        written += u32::from(host.image_write(&write).is_ok());
    }
    assert!(read > 200 && written > 200, "{read} {written}");
}
