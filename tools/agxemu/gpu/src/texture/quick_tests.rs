// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random samples: what is made of all lanes at once beside what is made lane by lane.

use agx_isa::exec::host::{
    Dim, Lod, LodMode, Numeric, Sampler as SamplerBytes, TextureOp, TextureRequest, TextureResult,
};
use agx_isa::exec::{Host, Lanes, LANES};

use super::descriptor::{Image, Sampler};
use super::tests::{descriptor, D2};
use super::{quick, sample};
use crate::host::GpuHost;
use crate::paged::Paged;

const AT: u64 = 0x10_0000;
const METADATA: u64 = 0x40_0000;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick(&mut self, from: &[u64]) -> u64 {
        from[self.below(from.len() as u64) as usize]
    }

    /// Returns a coordinate: inside, near an edge, far away, or no number.
    fn coordinate(&mut self, base: f32) -> u32 {
        let near = base + self.below(1000) as f32 / 4000.0;
        let value = match self.below(40) {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => -1e30,
            3 => -0.0,
            4 => 1.0,
            _ => near,
        };
        value.to_bits()
    }

    fn texture(&mut self) -> [u8; 24] {
        let (width, height) = (1 + self.below(150), 1 + self.below(150));
        let longest = width.max(height).ilog2();
        let levels = match self.below(2) {
            0 => 0,
            _ => self.below(u64::from(longest) + 1),
        };
        let order = self.pick(&[0, 1, 2]);
        let levels = if order == 0 { 0 } else { levels };
        let mut fields = vec![
            (0, 3, D2),
            (4, 5, order),
            (6, 12, self.pick(&[0x00, 0x0a, 0x28, 0x28])),
            (13, 15, self.pick(&[0, 0, 1])),
            (16, 18, self.below(6)),
            (19, 21, self.below(6)),
            (22, 24, self.below(6)),
            (25, 27, self.below(6)),
            (28, 41, width - 1),
            (42, 55, height - 1),
            (60, 63, levels),
            (66, 101, AT >> 4),
            (108, 108, self.below(2)),
        ];
        if order == 0 {
            fields.push((110, 126, 64 - 1));
        } else {
            fields.push((126, 126, 1));
        }
        if order != 0 && self.below(3) == 0 {
            fields.push((103, 103, 1));
            fields.push((128, 191, METADATA >> 4));
        }
        descriptor(&fields)
    }

    fn sampler(&mut self) -> SamplerBytes {
        let bytes = descriptor(&[
            (0, 9, self.pick(&[0, 0, 70])),
            (10, 19, self.pick(&[1023, 1023, 128])),
            (23, 24, self.below(2)),
            (25, 26, self.below(2)),
            (27, 28, self.below(3)),
            (29, 31, self.pick(&[0, 1, 1, 2])),
            (32, 34, self.pick(&[0, 1, 1, 3])),
            (38, 38, self.pick(&[0, 0, 0, 1])),
        ]);
        let extended = false;
        SamplerBytes { bytes, extended }
    }

    fn request(&mut self) -> TextureRequest {
        let half = |random: &mut Self| random.pick(&[0, 0x3c00, 0x3800, 0x4200, 0xbc00]) as u32;
        let mut coordinates = [[0; LANES]; 4];
        for axis in &mut coordinates {
            let base = self.below(5) as f32 - 2.0;
            *axis = std::array::from_fn(|_| self.coordinate(base));
        }
        let lanes = |random: &mut Self| -> Lanes { std::array::from_fn(|_| half(random)) };
        let modes = [LodMode::Auto, LodMode::Bias, LodMode::Explicit];
        let lod = Lod {
            mode: modes[self.below(3) as usize],
            value: lanes(self),
            min: (self.below(4) == 0).then(|| lanes(self)),
            dx: [[0; LANES]; 3],
            dy: [[0; LANES]; 3],
        };
        TextureRequest {
            op: TextureOp::Sample,
            dim: Dim::D2,
            texture: self.texture(),
            sampler: self.sampler(),
            mask: match self.below(3) {
                0 => !0,
                _ => self.next() as u32,
            },
            coordinates,
            lod,
            compare: None,
            offset: None,
            gather: None,
            query_lod: false,
        }
    }

    /// Returns a fetch; now and then some lanes look outside, or at another level.
    fn fetch(&mut self) -> TextureRequest {
        let mut request = self.request();
        request.op = TextureOp::Fetch;
        let size = self.pick(&[4, 16, 16, 64]);
        for axis in &mut request.coordinates {
            *axis = std::array::from_fn(|_| self.below(size) as u32);
        }
        let modes = [LodMode::Auto, LodMode::Explicit];
        request.lod.mode = modes[self.below(2) as usize];
        let level = self.below(3) as u32;
        request.lod.value = [level; LANES];
        if self.below(8) == 0 {
            request.lod.value[self.below(32) as usize] = 1;
            request.coordinates[0][self.below(32) as usize] = -1i32 as u32;
        }
        request
    }
}

fn result() -> TextureResult {
    TextureResult {
        numeric: Numeric::Integer,
        channels: [[7; LANES]; 4],
        residency: [7; LANES],
    }
}

#[test]
fn all_lanes_at_once_give_what_each_gives() {
    let memory = Paged::default();
    let mut random = Random(3);
    for (at, pages) in [(AT, 24), (METADATA, 1)] {
        memory.map(at, pages, true);
        for word in (at..at + pages as u64 * 0x4000).step_by(8) {
            memory.put(word, &random.next().to_le_bytes());
        }
    }
    let mut host = GpuHost::new(&memory, false);
    let mut quickly = [0; 2];
    for n in 0..6000 {
        let request = match n % 3 {
            0 => random.fetch(),
            _ => random.request(),
        };
        // Squares of one colour, now and then.
        let square = METADATA + 8 * random.below(20);
        memory.put(square, &(0x0303_0303_0303_0303u64 << 2).to_le_bytes());
        if n % 8 == 0 {
            memory.put(square, &0x0303_0303_0303_0303u64.to_le_bytes());
        }
        let image = Image::texture(&request.texture).expect("a texture");
        let sampler = Sampler::new(&request.sampler, &image.codec).expect("a sampler");
        let sampler = (request.op == TextureOp::Sample).then_some(&sampler);
        let (mut seen, mut expect) = (result(), result());
        sample::run(&request, &image, &mut expect, &mut |va, out| {
            Host::load(&mut host, va, out)
        })
        .expect("a sample");
        if !quick::run(&request, &image, sampler, &mut seen, &mut host) {
            continue;
        }
        quickly[usize::from(sampler.is_none())] += 1;
        assert_eq!(seen.numeric, expect.numeric);
        assert_eq!(seen.residency, expect.residency);
        for channel in 0..4 {
            for lane in 0..LANES {
                let (seen, expect) = (seen.channels[channel][lane], expect.channels[channel][lane]);
                let (a, b) = (f32::from_bits(seen), f32::from_bits(expect));
                assert!(
                    seen == expect || a.is_nan() && b.is_nan(),
                    "sample {n}, lane {lane}, channel {channel}: {a} is not {b}: {request:?}"
                );
            }
        }
    }
    // Other wrap modes, and what is not raw.
    let enough = quickly[0] > 1200 && quickly[1] > 400;
    assert!(enough, "{quickly:?}");
}

#[test]
fn a_page_that_is_missing_is_left_to_the_lanes() {
    let memory = Paged::default();
    let mut random = Random(4);
    let mut request = random.request();
    request.mask = !0;
    request.texture = super::tests::texture(D2, 32, 1, 1);
    request.sampler.bytes = descriptor(&[(29, 31, 1), (32, 34, 1)]);
    let mut host = GpuHost::new(&memory, false);
    let image = Image::texture(&request.texture).expect("a texture");
    let sampler = Sampler::new(&request.sampler, &image.codec).expect("a sampler");
    let mut seen = result();
    let sampler = Some(&sampler);
    assert!(!quick::run(&request, &image, sampler, &mut seen, &mut host));
    assert_eq!(
        (seen.channels, seen.residency),
        (result().channels, result().residency)
    );
    assert!(host.texture(&request, &mut seen).is_err());
}
