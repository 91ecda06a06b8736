// SPDX-License-Identifier: MIT OR Apache-2.0

//! Streams, records, vertices and indices of random bits: a vertex half ends in one of the ways in
//! which it can end, and whatever scene it leaves can be asked everything. `AGX_GPU_SEED` chooses
//! the bits.

use super::rig::{quads, Counts, Rig};
use crate::cdm::End;
use crate::fault::Unit;

struct Random(u64);

impl Random {
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

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// Returns a float that is mostly usual, and sometimes anything.
    fn float(&mut self) -> u32 {
        match self.below(40) {
            0 => self.next() as u32,
            1 => self.one_of(&[0, 1, 0x7f7f_ffff, 0xff80_0000, 0x7fc0_0000, 0x8000_0000]),
            2 => ((self.below(2000) as f32 - 1000.0) * 1e6).to_bits(),
            _ => (self.below(4000) as f32 / 1000.0 - 2.0).to_bits(),
        }
    }
}

const PRIMITIVES: [u32; 9] = [0, 1, 3, 5, 6, 9, 11, 14, 15];

/// Changes the state. Returns whether a view has a number that is none, or infinite: so may depths
/// be then, which fail each test.
fn change(rig: &mut Rig, random: &mut Random) -> bool {
    let bit = random.one_of(&[0, 2, 5, 11, 16, 17, 18, 21, 21, 21]);
    let words = match bit {
        11 => {
            let count = 1 + random.below(3) as usize;
            let mut words = vec![0];
            words.extend((0..count * 6).map(|_| match random.below(10) {
                0 => random.float(),
                _ => (random.below(200) as f32 - 20.0).to_bits(),
            }));
            words
        }
        16 => vec![random.one_of(&[1e-10f32, 1e-3, 1.0, 1e30]).to_bits()],
        17 => vec![random.next() as u32 & 0x003d_00ff & random.next() as u32],
        18 => vec![random.below(3) as u32],
        // A polygon mode of the three that there are.
        2 | 5 => vec![random.next() as u32 & 0x0720_ffff | (random.below(3) as u32) << 18],
        21 => vec![random.next() as u32 & 0x0001_8d83],
        _ => vec![0x200],
    };
    rig.set(bit, &words);
    bit == 11 && words.iter().any(|&word| !f32::from_bits(word).is_finite())
}

fn draw(rig: &mut Rig, random: &mut Random) {
    let primitive = random.one_of(&PRIMITIVES);
    let count = random.below(40) as u32;
    let start = random.below(8) as u32;
    match random.below(4) {
        0 => {
            let size = random.one_of(&[1, 2, 4]);
            let indices: Vec<u32> = (0..count)
                .map(|_| {
                    if random.below(8) == 0 {
                        u32::MAX
                    } else {
                        random.below(60) as u32
                    }
                })
                .collect();
            rig.words(&[0x4000_0001, u32::MAX >> (32 - 8 * size)]);
            rig.indexed(primitive, size, random.below(2) == 0, &indices);
        }
        1 => rig.indirect(primitive, &[count, random.below(3) as u32, start, 0]),
        _ => {
            let instances = random.below(4) as u32;
            rig.draw_all(
                primitive,
                Counts {
                    count,
                    instances,
                    start,
                },
            );
        }
    }
}

#[test]
fn draws_of_random_state_leave_scenes_that_answer() {
    let mut random = Random::new();
    let (mut done, mut primitives, mut pixels) = (0, 0, 0);
    for round in 0..150 {
        let samples = random.one_of(&[1, 2, 4]);
        let (width, height) = (1 + random.below(150) as u32, 1 + random.below(150) as u32);
        let mut rig = Rig::new(width, height, 8).samples(samples);
        rig.frame.layers = 1 + random.below(3) as u32;
        rig.frame.ppp_control = random.one_of(&[0x202, 0x302]);
        rig.threads = 1 + round % 2;
        rig.provoking = random.below(3) as u32;
        rig.job_limit = 1 << 18;
        for _ in 0..64 {
            let mut words: Vec<u32> = (0..12).map(|_| random.float()).collect();
            // Mostly in front of the viewer, and sometimes for a layer that is there.
            if random.below(4) != 0 {
                words[3] = (1.0 + random.below(100) as f32 / 50.0).to_bits();
            }
            if random.below(2) == 0 {
                words[4 + random.below(3) as usize] = random.below(4) as u32;
            }
            rig.raw(&words);
        }
        let mut odd = false;
        for _ in 0..=random.below(4) {
            for _ in 0..random.below(4) {
                odd |= change(&mut rig, &mut random);
            }
            draw(&mut rig, &mut random);
        }
        match rig.run() {
            Ok(scene) => {
                done += 1;
                primitives += scene.primitives();
                for layer in 0..rig.frame.layers {
                    for (primitive, quad) in quads(&scene, layer) {
                        assert_eq!(u32::from(scene.primitive(primitive).layer), layer);
                        let region = [u32::from(quad.x) / 32, u32::from(quad.y) / 32];
                        for word in [4, 11, 12] {
                            let plane = scene.varying(primitive, word, word == 4, region);
                            let all = [plane.a, plane.b, plane.c];
                            assert!(!all.iter().any(|value| value.is_subnormal()));
                        }
                        let depth = scene.depth(primitive, region);
                        assert!(
                            odd || !depth.iter().any(|value| value.is_nan()),
                            "{depth:?}"
                        );
                        scene.inverse_w(primitive, region);
                        scene.point_coordinate(primitive, region);
                        pixels += 1;
                    }
                }
            }
            Err(End::Illegal(text)) => assert!(text.contains("are in use"), "{text}"),
            Err(End::Fault(fault)) => assert_eq!(fault.unit, Unit::Ul1c, "{fault:?}"),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(
        done > 50 && primitives > 1000 && pixels > 10_000,
        "{done} {primitives} {pixels}"
    );
}

/// Where an edge passes the viewer's place nothing is left of it but what is no number.
#[test]
fn primitives_cut_at_no_distance_leave_nothing() {
    for (primitive, count) in [(6, 3), (1, 2), (3, 3), (11, 3)] {
        for depth_clip in [0, 1 << 10] {
            let mut rig = Rig::new(64, 64, 0);
            for w in [1e30, -1e30, -1e30f32] {
                rig.raw(&[0, 0, 0, w.to_bits()]);
            }
            rig.set(21, &[depth_clip]);
            rig.draw(primitive, 0, count);
            assert_eq!(rig.scene().primitives(), 0, "primitive {primitive}");
        }
    }
}

#[test]
fn streams_of_random_words_end() {
    let mut random = Random::new();
    let mut drawn = 0;
    for _ in 0..300 {
        let mut rig = Rig::new(64, 64, 0);
        rig.job_limit = 1 << 16;
        for _ in 0..8 {
            let position = [0, 1, 2].map(|_| random.float());
            rig.raw(&[position[0], position[1], position[2], 1.0f32.to_bits()]);
        }
        rig.draw(6, 0, 6);
        for _ in 0..20 {
            let high = random.next() as u32;
            let words = match random.below(40) {
                0 => vec![high],
                1 => vec![1 << 29 | high & 0x0d10_0978],
                2 => vec![
                    2 << 29 | high & 0x2f,
                    random.below(4) as u32,
                    0x40,
                    0x0404,
                    2,
                ],
                // Links into the stream, to its start, and beyond it.
                3 => vec![4 << 29 | high & 1 << 28, 0x10_0000 + (high & 0x7fc)],
                4 => vec![(high & 0xff) << 8, 0x20_0000],
                _ => vec![
                    0x61c0_0000 | random.one_of(&PRIMITIVES) << 8,
                    if random.below(8) == 0 {
                        high >> random.below(32)
                    } else {
                        high & 15
                    },
                    high & 3,
                    high & 7,
                ],
            };
            rig.words(&words);
        }
        match rig.run() {
            Ok(scene) => drawn += scene.primitives(),
            Err(End::Illegal(text)) => assert!(!text.contains("panick"), "{text}"),
            Err(End::Fault(_) | End::Hang(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(drawn > 10, "{drawn}");
}
