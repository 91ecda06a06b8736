// SPDX-License-Identifier: MIT OR Apache-2.0

//! A primitive between assembly and the scene: its vertices, and the planes that they make.

use super::assemble::Assembled;
use super::clip::{Corner, Distances};
use super::plane::{Plane, Setup, Sums};
use super::ppp::Viewport;
use super::raster::Place;

/// A primitive on its way.
pub(super) struct Work<'a> {
    pub(super) from: &'a Assembled,
    pub(super) viewport: &'a Viewport,
    pub(super) layer: u16,
    pub(super) viewport_index: u16,
    /// Clip coordinates, component by component.
    pub(super) x: [f64; 3],
    pub(super) y: [f64; 3],
    pub(super) z: [f64; 3],
    pub(super) w: [f64; 3],
    /// Planes that cut it.
    pub(super) planes: Vec<Distances>,
}

/// Rounds to the nearest 1/256 pixel, which is inferred from the eight bits that drivers announce;
/// for values below 2⁴⁰.
pub(super) fn snap(value: f64) -> i64 {
    // From here on doubles have no room for a fraction.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    let bits = (value * 256.0 + SHIFT).to_bits();
    bits.wrapping_sub(SHIFT.to_bits()) as i64
}

pub(super) fn pixels(place: Place) -> [f64; 2] {
    place.map(|units| units as f64 / 256.0)
}

fn cross([a, b, c]: Plane, [x, y, z]: Plane) -> Plane {
    [b * z - c * y, c * x - a * z, a * y - b * x]
}

/// The columns of the inverse of a matrix of three rows; `None` if it has none.
fn inverse(rows: [Plane; 3]) -> Option<[Plane; 3]> {
    let [r0, r1, r2] = rows;
    let columns = [cross(r1, r2), cross(r2, r0), cross(r0, r1)];
    let determinant: f64 = (0..3).map(|i| r0[i] * columns[0][i]).sum();
    let inverse = columns.map(|column| column.map(|value| value / determinant));
    let finite = inverse.iter().flatten().all(|value| value.is_finite());
    finite.then_some(inverse)
}

impl Work<'_> {
    /// Returns the window coordinates of what is so much of each vertex.
    pub(super) fn window(&self, corner: &Corner) -> [f64; 3] {
        let w = corner.value(&self.w);
        let v = self.viewport;
        let at = |values: &[f64; 3], axis: usize| {
            corner.value(values) / w * f64::from(v.scale[axis]) + f64::from(v.offset[axis])
        };
        [at(&self.x, 0), at(&self.y, 1), at(&self.z, 2)]
    }

    /// Returns the window coordinates of a vertex in front of the viewer.
    pub(super) fn vertex(&self, n: usize) -> [f64; 3] {
        self.project(n, self.w[n])
    }

    fn project(&self, n: usize, w: f64) -> [f64; 3] {
        let v = self.viewport;
        let at = |value: f64, axis: usize| {
            value / w * f64::from(v.scale[axis]) + f64::from(v.offset[axis])
        };
        [at(self.x[n], 0), at(self.y[n], 1), at(self.z[n], 2)]
    }

    /// Returns the vertex multiplied by its w: in the window, homogeneous.
    pub(super) fn homogeneous(&self, n: usize) -> Plane {
        let v = self.viewport;
        let at = |value: f64, axis: usize| {
            value * f64::from(v.scale[axis]) + f64::from(v.offset[axis]) * self.w[n]
        };
        [at(self.x[n], 0), at(self.y[n], 1), self.w[n]]
    }

    /// Returns the projection of a vertex that may be behind the viewer.
    pub(super) fn projection(&self, n: usize) -> [f64; 3] {
        let w = self.w[n];
        let least = 1e-10;
        let w = if w.abs() < least { least } else { w };
        self.project(n, w)
    }

    pub(super) fn inside(&self, n: usize) -> bool {
        self.planes.iter().all(|distances| distances[n] >= 0.0)
    }
}

/// Returns the setup of a triangle that is not cut.
pub(super) fn differences(places: &[Place], work: &Work<'_>) -> Setup {
    let [p, q, r] = [0, 1, 2].map(|n| pixels(places[n]));
    let e1 = [q[0] - p[0], q[1] - p[1]];
    let e2 = [r[0] - p[0], r[1] - p[1]];
    let determinant = e1[0] * e2[1] - e2[0] * e1[1];
    Setup::Differences {
        origin: p,
        slopes: [
            [e2[1] / determinant, -e2[0] / determinant],
            [-e1[1] / determinant, e1[0] / determinant],
        ],
        inverse_w: work.w.map(|w| 1.0 / w),
    }
}

pub(super) fn triangle_sums(work: &Work<'_>) -> Option<Sums> {
    let perspective = inverse([0, 1, 2].map(|n| work.homogeneous(n)))?;
    let projections = [0, 1, 2].map(|n| {
        let [x, y, _] = work.projection(n);
        [x, y, 1.0]
    });
    // Without a plane of its own a value is that of the first vertex.
    let linear = inverse(projections).unwrap_or([[0.0, 0.0, 1.0], [0.0; 3], [0.0; 3]]);
    Some(Sums {
        perspective,
        linear,
    })
}

/// Returns what the planes of a line that is cut take of its vertices; they have a slope along
/// `axis` only.
pub(super) fn line_sums(work: &Work<'_>, axis: usize) -> Option<Sums> {
    let plane = |slope: f64, value: f64| {
        let mut plane = [0.0, 0.0, value];
        plane[axis] = slope;
        plane
    };
    let mut sums = Sums::default();
    // Both v/w = slope·x + c at x = X/w, so v = slope·X + c·w at both ends.
    let [first, last] = [work.homogeneous(0), work.homogeneous(1)];
    let determinant = first[axis] * last[2] - last[axis] * first[2];
    sums.perspective[0] = plane(last[2] / determinant, -last[axis] / determinant);
    sums.perspective[1] = plane(-first[2] / determinant, first[axis] / determinant);
    let [from, to] = [0, 1].map(|n| work.projection(n)[axis]);
    let length = to - from;
    sums.linear[0] = plane(-1.0 / length, to / length);
    sums.linear[1] = plane(1.0 / length, -from / length);
    let all = sums.perspective.iter().chain(&sums.linear).flatten();
    let finite = all.into_iter().all(|value| value.is_finite());
    finite.then_some(sums)
}
