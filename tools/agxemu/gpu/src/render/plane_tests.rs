// SPDX-License-Identifier: MIT OR Apache-2.0

use super::super::rig::{Rig, TRIANGLES};
use super::*;

struct Random(u64);

impl Random {
    /// Between 0 and 1.
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 40) as f64 / f64::from(1 << 24)
    }
}

fn at(plane: Coefficients, x: f64, y: f64) -> f64 {
    f64::from(plane.a) * x + f64::from(plane.b) * y + f64::from(plane.c)
}

/// Values at places inside, against sums of the vertices in clip space.
#[test]
fn planes_agree_with_interpolation_in_clip_space() {
    let mut random = Random(5);
    let mut crossing = 0;
    for round in 0..200 {
        let mut rig = Rig::new(128, 128, 2);
        let mut clip = [[0.0; 4]; 3];
        let mut values = [[0.0f32; 2]; 3];
        for n in 0..3 {
            // In every other round some vertices are behind the viewer.
            let w = if round % 2 == 0 {
                0.5 + 3.0 * random.next()
            } else {
                3.0 * random.next() - 1.0
            };
            let [x, y] = [0, 1].map(|_| (random.next() * 4.0 - 2.0) * w.abs());
            let z = random.next() * w.abs();
            // On a grid, so that nothing is lost where vertices are rounded to 1/256 pixel.
            let grid = |value: f64| (value * 16.0).round() / 16.0;
            let position = match round % 2 {
                0 => [grid(x / w) * w, grid(y / w) * w, z, w],
                _ => [x, y, z, w],
            };
            clip[n] = position.map(|value| f64::from(value as f32));
            values[n] = [0, 1].map(|_| (random.next() * 10.0 - 5.0) as f32);
            let words = clip[n].map(|value| (value as f32).to_bits());
            rig.raw(&[&words[..], &values[n].map(f32::to_bits)].concat());
        }
        // Without depth clipping.
        rig.set(21, &[0]);
        rig.draw(TRIANGLES, 0, 3);
        let scene = rig.scene();
        if scene.primitives() == 0 {
            continue;
        }
        let behind = clip.iter().filter(|position| position[3] <= 0.0).count();
        if round % 2 == 1 && behind == 0 {
            continue;
        }
        crossing += usize::from(behind != 0);
        let region = [2, 1];
        let planes = [4, 5].map(|word| scene.varying(0, word, false, region));
        let inverse = scene.inverse_w(0, region);
        let depth = scene.depth(0, region);
        for _ in 0..20 {
            // A place as a sum of the vertices.
            let mut weights = [0, 1, 2].map(|_| random.next());
            let total: f64 = weights.iter().sum();
            weights = weights.map(|weight| weight / total);
            let sum =
                |of: &dyn Fn(usize) -> f64| -> f64 { (0..3).map(|n| weights[n] * of(n)).sum() };
            let [x, y, z, w] = [0, 1, 2, 3].map(|axis| sum(&|n| clip[n][axis]));
            if w < 0.2 {
                continue;
            }
            let (px, py) = ((x / w + 1.0) * 64.0 - 64.0, (y / w + 1.0) * 64.0 - 32.0);
            let scale = (px.abs() + py.abs() + 50.0) * 1e-5;
            let rhw = at(inverse, px, py);
            assert!(
                (rhw - 1.0 / w).abs() < scale / w,
                "{round}: {rhw} {}",
                1.0 / w
            );
            for (i, plane) in planes.iter().enumerate() {
                let expected = sum(&|n| f64::from(values[n][i]));
                let found = at(*plane, px, py) / rhw;
                let near = 10.0 * scale / w.min(1.0);
                assert!(
                    (found - expected).abs() < near,
                    "{round}: {found} {expected}"
                );
            }
            let found = depth[0] * px + depth[1] * py + depth[2];
            assert!(
                (found - z / w).abs() < scale * 10.0,
                "{round}: {found} {}",
                z / w
            );
        }
    }
    assert!(crossing > 20, "{crossing}");
}

#[test]
fn equal_values_have_no_slope() {
    let mut random = Random(6);
    for round in 0..100 {
        let mut rig = Rig::new(64, 64, 2);
        rig.frame.width = 64;
        let value = (random.next() * 1e3) as f32;
        let w = if round % 2 == 0 {
            1.0
        } else {
            0.3 + random.next()
        };
        for n in 0..3 {
            let (x, y) = (random.next() * 200.0 - 60.0, random.next() * 200.0 - 60.0);
            // Of every third triangle a vertex is behind the viewer.
            let w = if round % 3 == 2 && n == 2 { -1.0 } else { w };
            rig.vertex(x, y, 0.5, w, &[value, n as f32]);
        }
        rig.draw(TRIANGLES, 0, 3);
        let scene = rig.scene();
        if scene.primitives() == 0 {
            continue;
        }
        let linear = scene.varying(0, 4, true, [1, 1]);
        assert_eq!((linear.a, linear.b, linear.c), (0.0, 0.0, value));
        if round % 3 != 2 {
            let plane = scene.varying(0, 4, false, [1, 1]);
            assert_eq!((plane.a, plane.b), (0.0, 0.0));
            let inverse = scene.inverse_w(0, [1, 1]);
            assert_eq!((inverse.a, inverse.b), (0.0, 0.0));
            assert_eq!(inverse.c, (1.0 / f64::from(w as f32)) as f32);
            let depth = scene.depth(0, [0, 1]);
            assert_eq!(depth[..2], [0.0; 2]);
        }
    }
}

#[test]
fn words_beyond_the_record_are_zero_and_denormals_vanish() {
    let mut rig = Rig::new(64, 64, 1);
    for (x, y) in [(0.0, 0.0), (64.0, 0.0), (0.0, 64.0)] {
        rig.vertex(x, y, 0.5, 1.0, &[f32::from_bits(0x7fff)]);
    }
    rig.draw(TRIANGLES, 0, 3);
    let scene = rig.scene();
    for word in [4, 5, 255, u32::MAX] {
        let plane = scene.varying(0, word, false, [0, 0]);
        assert_eq!(plane, Coefficients::default());
    }
    assert_eq!(scene.flat(0, 1, 4), 0x7fff);
    assert_eq!(scene.flat(0, 1, 5), 0);
}
