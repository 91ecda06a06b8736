// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which samples a shape covers: exact integer edge functions.
//!
//! Vertices lie on a grid of 1/256 pixel, samples on one of 1/16 pixel, so an edge function is an
//! integer at every sample. A sample is inside when no edge function is negative; what lies on an
//! edge belongs to the shape whose upper or left edge it is, so shapes that share an edge share no
//! sample and leave none out. The rule is inferred: the APIs ask for one, and all that is known
//! agrees with this one.

use super::scene::{Quad, Rect, REGION};

/// Units of vertices in a pixel.
pub const UNITS: i64 = 256;
/// Units of samples in a pixel.
const STEPS: i64 = 16;
/// Rows of a region.
const ROWS: usize = REGION as usize;

/// A place in 1/256 pixel.
pub type Place = [i64; 2];

/// `a·i + b·j + c ≥ 0` for samples at `i`, `j` sixteenths of a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    a: i64,
    b: i64,
    c: i64,
}

impl Edge {
    /// Returns the edge `a·(x − x0) + b·(y − y0) ≥ 0`, or `> 0` if `open`, in 1/256 pixel.
    ///
    /// All factors are below 2²⁵, so nothing overflows.
    pub fn new(a: i64, b: i64, [x0, y0]: Place, open: bool) -> Self {
        let c = -a * x0 - b * y0 - i64::from(open);
        // At a sample the rest is a multiple of 16, so the sign does not change.
        let c = c.div_euclid(UNITS / STEPS);
        Self { a, b, c }
    }

    /// Returns the edge from `p` to `q` of a shape whose inside is to the right as seen along it,
    /// with y downwards: the way in which the corners of a shape of positive area follow each
    /// other.
    fn between(p: Place, q: Place) -> Self {
        let (a, b) = (p[1] - q[1], q[0] - p[0]);
        let open = !(a > 0 || a == 0 && b > 0);
        Self::new(a, b, p, open)
    }

    fn at(&self, i: i64, j: i64) -> i64 {
        self.a * i + self.b * j + self.c
    }

    /// Returns its largest and smallest value at samples of `rect`, or more and less.
    fn bounds(&self, rect: &Rect) -> (i64, i64) {
        let [x0, y0, x1, y1] =
            [rect.x0, rect.y0, rect.x1, rect.y1].map(|pixel| i64::from(pixel) * STEPS);
        let corner = self.at(x0, y0);
        let (right, down) = (self.a * (x1 - x0), self.b * (y1 - y0));
        let largest = corner + right.max(0) + down.max(0);
        (largest, corner + right.min(0) + down.min(0))
    }
}

/// A convex shape with at most four edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    edges: [Edge; 4],
    /// Pixels outside of this have no sample inside.
    pub bounds: [i64; 4],
}

impl Part {
    /// Returns the shape inside of `edges`, whose corners have these smallest and largest places.
    pub fn new(edges: &[Edge], low: Place, high: Place) -> Self {
        let mut part = Self::default();
        part.edges[..edges.len()].copy_from_slice(edges);
        let [x0, y0] = low.map(|place| place.div_euclid(UNITS));
        let [x1, y1] = high.map(|place| place.div_euclid(UNITS) + 1);
        part.bounds = [x0, y0, x1, y1];
        part
    }

    /// Returns a triangle, or `None` if it has no area.
    pub fn triangle(corners: [Place; 3]) -> Option<Self> {
        let [p, mut q, mut r] = corners;
        match area(corners) {
            0 => return None,
            area if area < 0 => std::mem::swap(&mut q, &mut r),
            _ => {}
        }
        let edges = [(p, q), (q, r), (r, p)].map(|(p, q)| Edge::between(p, q));
        let low = [0, 1].map(|axis| p[axis].min(q[axis]).min(r[axis]));
        let high = [0, 1].map(|axis| p[axis].max(q[axis]).max(r[axis]));
        Some(Self::new(&edges, low, high))
    }

    /// Returns a line of `width` units from `p` to `q`, or `None` if it has no length.
    ///
    /// The shape is a parallelogram: `width` is measured along the axis in which the line is
    /// shorter, and of the two ends along the other axis the first belongs to the line. Inferred.
    pub fn line(p: Place, q: Place, width: i64) -> Option<Self> {
        let [dx, dy] = [q[0] - p[0], q[1] - p[1]];
        if dx == 0 && dy == 0 {
            return None;
        }
        // As if it were longer in x; `turn` puts it back.
        let steep = dy.abs() > dx.abs();
        let turn = |[x, y]: Place| if steep { [y, x] } else { [x, y] };
        let ([along, across], start, end) = (turn([dx, dy]), turn(p), turn(q));
        let edge = |a, b, at, open| {
            let ([a, b], at) = (turn([a, b]), turn(at));
            Edge::new(a, b, at, open)
        };
        let sign = along.signum();
        let side = |offset: i64| [start[0], start[1] + offset];
        let (low, high) = (side(-(width / 2)), side(width - width / 2));
        let edges = [
            edge(sign, 0, start, false),
            edge(-sign, 0, end, true),
            edge(-across * sign, along.abs(), low, false),
            edge(across * sign, -along.abs(), high, true),
        ];
        let least = [0, 1].map(|axis| p[axis].min(q[axis]) - width);
        let most = [0, 1].map(|axis| p[axis].max(q[axis]) + width);
        Some(Self::new(&edges, least, most))
    }

    /// Returns a square of `size` units around `middle`, without its lower and right edges, which
    /// is inferred.
    pub fn square(middle: Place, size: i64) -> Self {
        let low = middle.map(|place| place - size / 2);
        let high = low.map(|place| place + size);
        let edges = [
            Edge::new(1, 0, low, false),
            Edge::new(0, 1, low, false),
            Edge::new(-1, 0, high, true),
            Edge::new(0, -1, high, true),
        ];
        Self::new(&edges, low, high)
    }

    /// Returns whether there may be samples inside in `rect`.
    pub fn touches(&self, rect: &Rect) -> bool {
        let [x0, y0, x1, y1] = self.bounds;
        x0 < rect.x1.into()
            && y0 < rect.y1.into()
            && x1 > rect.x0.into()
            && y1 > rect.y0.into()
            && self.edges.iter().all(|edge| edge.bounds(rect).0 >= 0)
    }
}

/// Twice the area of a triangle, positive if the corners follow each other clockwise as seen with y
/// downwards.
pub fn area([p, q, r]: [Place; 3]) -> i64 {
    (q[0] - p[0]) * (r[1] - p[1]) - (r[0] - p[0]) * (q[1] - p[1])
}

/// Covered samples of a region: for each sample and row the pixels, the leftmost in bit 0.
pub struct Mask {
    rows: [[u32; ROWS]; 4],
}

impl Mask {
    /// Returns the samples of `parts` in `within`, which lies in one region; `None` if there are
    /// none. Positions are sixteenths of a pixel.
    pub fn new(parts: &[Part], within: &Rect, positions: &[[i64; 2]]) -> Option<Self> {
        let mut mask = Self {
            rows: [[0; ROWS]; 4],
        };
        let mut any = 0;
        for part in parts {
            if part.touches(within) {
                for (rows, &position) in mask.rows.iter_mut().zip(positions) {
                    any |= cover(part, within, position, rows);
                }
            }
        }
        (any != 0).then_some(mask)
    }

    /// Calls `each` for the quads with covered samples, row by row.
    ///
    /// `samples` is how many samples the mask has; with `all`, each pixel whose first sample is
    /// covered has that many.
    pub fn quads(
        &self,
        within: &Rect,
        samples: usize,
        all: Option<u8>,
        each: &mut dyn FnMut(Quad),
    ) {
        let (left, top) = (within.x0 & !(REGION - 1), within.y0 & !(REGION - 1));
        let first = (within.y0 - top) as usize & !1;
        let end = (within.y1 - top) as usize;
        for row in (first..end).step_by(2) {
            let pairs = &self.rows[..samples];
            let union = pairs.iter().fold(0, |all, r| all | r[row] | r[row + 1]);
            // Bit 2n for each two pixels.
            let mut quads = (union | union >> 1) & 0x5555_5555;
            while quads != 0 {
                let x = quads.trailing_zeros();
                quads &= quads - 1;
                let mut coverage = [0; 4];
                for (sample, rows) in pairs.iter().enumerate() {
                    for (pixel, coverage) in coverage.iter_mut().enumerate() {
                        let bits = rows[row + pixel / 2] >> x >> (pixel & 1);
                        *coverage |= (bits as u8 & 1) << sample;
                    }
                }
                if let Some(all) = all {
                    coverage = coverage.map(|one| if one != 0 { all } else { 0 });
                }
                each(Quad {
                    x: (left + x) as u16,
                    y: (top + row as u32) as u16,
                    coverage,
                });
            }
        }
    }
}

/// Returns pixels from `low` to before `high`, both clamped to a row.
fn span(low: i64, high: i64) -> u32 {
    let (low, high) = (low.clamp(0, 32), high.clamp(0, 32));
    let below = |end: i64| ((1u64 << end) - 1) as u32;
    below(high) & !below(low)
}

/// Adds the pixels of `within` to `rows` whose sample at `position` is inside `part`; returns all
/// of them in one row.
fn cover(part: &Part, within: &Rect, position: [i64; 2], rows: &mut [u32; ROWS]) -> u32 {
    let (left, top) = (within.x0 & !(REGION - 1), within.y0 & !(REGION - 1));
    let [x0, y0, x1, y1] = part.bounds;
    let (x0, y0) = (x0.max(within.x0.into()), y0.max(within.y0.into()));
    let (x1, y1) = (x1.min(within.x1.into()), y1.min(within.y1.into()));
    if x0 >= x1 || y0 >= y1 {
        return 0;
    }
    let (left, top) = (i64::from(left), i64::from(top));
    let (first, end) = ((y0 - top) as usize, (y1 - top) as usize);
    let mut inside = [0; ROWS];
    inside[first..end].fill(span(x0 - left, x1 - left));
    let rect = Rect {
        x0: x0 as u32,
        y0: y0 as u32,
        x1: x1 as u32,
        y1: y1 as u32,
    };
    for edge in &part.edges {
        // Most edges do not cross the rectangle.
        if edge.bounds(&rect).1 >= 0 {
            continue;
        }
        let (i, j) = (left * STEPS + position[0], y0 * STEPS + position[1]);
        let mut value = edge.at(i, j);
        let down = edge.b * STEPS;
        let right = edge.a * STEPS;
        if right == 0 {
            for row in &mut inside[first..end] {
                *row &= if value >= 0 { !0 } else { 0 };
                value += down;
            }
            continue;
        }
        // The edge crosses a row where `value + right·x` changes its sign. Quotient and remainder
        // are carried from row to row, without a division.
        let step = right.abs();
        let (mut quotient, mut rest) = (value.div_euclid(step), value.rem_euclid(step));
        let (more, more_rest) = (down.div_euclid(step), down.rem_euclid(step));
        for row in &mut inside[first..end] {
            *row &= match right > 0 {
                true => span(-quotient, 32),
                false => span(0, quotient.saturating_add(1)),
            };
            quotient += more;
            rest += more_rest;
            if rest >= step {
                rest -= step;
                quotient += 1;
            }
        }
    }
    let mut all = 0;
    for (row, inside) in rows[first..end].iter_mut().zip(&inside[first..end]) {
        *row |= inside;
        all |= inside;
    }
    all
}

#[cfg(test)]
#[path = "raster_tests.rs"]
mod tests;
