// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;

struct Random(u64);

impl Random {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 33) as i64) % n
    }
}

const FOUR: [[i64; 2]; 4] = [[6, 2], [14, 6], [2, 10], [10, 14]];

/// Samples of `rect` in `parts`: x, y, sample.
fn covered(parts: &[Part], rect: Rect, positions: &[[i64; 2]]) -> Vec<(i64, i64, usize)> {
    let mut all = Vec::new();
    let Some(mask) = Mask::new(parts, &rect, positions) else {
        return all;
    };
    mask.quads(&rect, positions.len(), None, &mut |quad| {
        assert!(quad.x % 2 == 0 && quad.y % 2 == 0 && quad.coverage != [0; 4]);
        for (pixel, bits) in quad.coverage.into_iter().enumerate() {
            for sample in (0..4).filter(|sample| bits >> sample & 1 == 1) {
                let x = i64::from(quad.x) + pixel as i64 % 2;
                let y = i64::from(quad.y) + pixel as i64 / 2;
                all.push((x, y, sample));
            }
        }
    });
    all.sort_unstable();
    all
}

/// The same by `inside` at each sample, in 1/256 pixel.
fn expected(
    rect: Rect,
    positions: &[[i64; 2]],
    inside: impl Fn(i64, i64) -> bool,
) -> Vec<(i64, i64, usize)> {
    let mut all = Vec::new();
    for x in i64::from(rect.x0)..rect.x1.into() {
        for y in i64::from(rect.y0)..rect.y1.into() {
            for (sample, [sx, sy]) in positions.iter().enumerate() {
                if inside(x * 256 + sx * 16, y * 256 + sy * 16) {
                    all.push((x, y, sample));
                }
            }
        }
    }
    all
}

fn rect(random: &mut Random) -> Rect {
    let (left, top) = (random.below(4) as u32 * 32, random.below(4) as u32 * 32);
    let [x0, x1, y0, y1] = std::array::from_fn(|_| random.below(33) as u32);
    Rect {
        x0: left + x0.min(x1),
        y0: top + y0.min(y1),
        x1: left + x0.max(x1),
        y1: top + y0.max(y1),
    }
}

/// Inside by the rule in its plain form, with 128-bit numbers.
fn in_triangle(mut corners: [Place; 3], x: i64, y: i64) -> bool {
    if area(corners) < 0 {
        corners.swap(1, 2);
    }
    (0..3).all(|i| {
        let ([px, py], [qx, qy]) = (corners[i], corners[(i + 1) % 3]);
        let wide = |a: i64, b: i64| i128::from(a) * i128::from(b);
        let side = wide(qx - px, y - py) - wide(qy - py, x - px);
        let top = py == qy && qx > px;
        let left = qy < py;
        side > 0 || side == 0 && (top || left)
    })
}

#[test]
fn triangles_cover_what_the_rule_says() {
    let mut random = Random(1);
    let mut samples = 0;
    for round in 0..3000 {
        let size = [40, 256, 4096, 1 << 23][round % 4];
        // On the grid of the samples, so that edges go through them.
        let grid = [1, 16, 128][round % 3];
        let near = [random.below(128), random.below(128)];
        let corners: [Place; 3] = std::array::from_fn(|_| {
            near.map(|at| {
                let place = at * 256 + random.below(2 * size) - size;
                place.div_euclid(grid) * grid
            })
        });
        let rect = rect(&mut random);
        let positions = if round % 2 == 0 { &FOUR[..] } else { &[[8, 8]] };
        let expected = match area(corners) {
            0 => Vec::new(),
            _ => expected(rect, positions, |x, y| in_triangle(corners, x, y)),
        };
        let part = Part::triangle(corners);
        assert_eq!(part.is_none(), area(corners) == 0);
        let found = covered(part.as_slice(), rect, positions);
        assert_eq!(found, expected, "{corners:?} {rect:?}");
        samples += found.len();
    }
    assert!(samples > 20_000, "{samples}");
}

#[test]
fn lines_cover_a_parallelogram_with_one_end() {
    let mut random = Random(2);
    let mut samples = 0;
    for round in 0..2000 {
        let ends: [Place; 2] =
            std::array::from_fn(|_| std::array::from_fn(|_| random.below(130 * 16) * 16 - 256));
        let [p, q] = ends;
        let width = (random.below(256) + 1) * 16;
        let rect = rect(&mut random);
        let positions = if round % 2 == 0 { &FOUR[..] } else { &[[8, 8]] };
        let [dx, dy] = [q[0] - p[0], q[1] - p[1]];
        let inside = |x: i64, y: i64| {
            // Along the longer axis, then across.
            let (along, across, length, rise) = match dy.abs() > dx.abs() {
                true => (y - p[1], x - p[0], dy, dx),
                false => (x - p[0], y - p[1], dx, dy),
            };
            let (along, length, rise) = match length < 0 {
                true => (-along, -length, rise),
                false => (along, length, rise),
            };
            // Twice the distance from the line, times its length.
            let distance = 2 * (across * length - rise * along);
            let half = width * length;
            (0..length).contains(&along) && distance >= -half && distance < half
        };
        let expected = expected(rect, positions, inside);
        let part = Part::line(p, q, width);
        assert_eq!(part.is_none(), p == q);
        let found = covered(part.as_slice(), rect, positions);
        assert_eq!(found, expected, "{ends:?} {width} {rect:?}");
        samples += found.len();
    }
    assert!(samples > 10_000, "{samples}");
}

#[test]
fn points_cover_a_square_with_two_edges() {
    let mut random = Random(3);
    for _ in 0..500 {
        let middle = [random.below(128 * 256), random.below(128 * 256)];
        let size = random.below(40 * 256) + 1;
        let rect = rect(&mut random);
        let low = middle.map(|at| at - size / 2);
        let inside = |x: i64, y: i64| {
            (low[0]..low[0] + size).contains(&x) && (low[1]..low[1] + size).contains(&y)
        };
        let found = covered(&[Part::square(middle, size)], rect, &FOUR);
        assert_eq!(found, expected(rect, &FOUR, inside));
    }
}

#[test]
fn parts_that_overlap_cover_a_sample_once() {
    let square = [[0, 0], [1024, 0], [0, 1024]];
    let other = [[1024, 1024], [0, 1024], [1024, 0]];
    let part = |corners| Part::triangle(corners).expect("an area");
    let parts = [part(square), part(other), part(square)];
    let rect = Rect {
        x0: 0,
        y0: 0,
        x1: 32,
        y1: 32,
    };
    assert_eq!(covered(&parts, rect, &FOUR).len(), 16 * 4);
}

#[test]
fn a_pixel_whose_middle_is_covered_can_have_all_its_samples() {
    let part = Part::triangle([[0, 0], [512, 0], [0, 512]]).expect("an area");
    let rect = Rect {
        x0: 0,
        y0: 0,
        x1: 32,
        y1: 32,
    };
    let mask = Mask::new(&[part], &rect, &[[8, 8]]).expect("samples");
    let mut quads = Vec::new();
    mask.quads(&rect, 1, Some(15), &mut |quad| quads.push(quad));
    let quad = Quad {
        x: 0,
        y: 0,
        coverage: [15, 0, 0, 0],
    };
    assert_eq!(quads, [quad]);
}
