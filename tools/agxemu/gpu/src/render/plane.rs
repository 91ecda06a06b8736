// SPDX-License-Identifier: MIT OR Apache-2.0

//! Planes of values over the window.

use super::scene::Coefficients;

/// A plane `a·x + b·y + c` in the window.
pub type Plane = [f64; 3];

/// How the values at the vertices of a primitive make a plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setup {
    /// From the differences to the value at the first vertex: values that are equal make a plane
    /// without slope.
    Differences {
        /// Place of the first vertex.
        origin: [f64; 2],
        /// What the differences of the second and the third vertex add to the slope in x, in y.
        slopes: [[f64; 2]; 2],
        /// 1/w of each vertex.
        inverse_w: [f64; 3],
    },
    /// As sums over all vertices, for primitives that reach behind the viewer.
    Sums(u32),
    /// The value at one vertex everywhere.
    Point {
        /// Place of the vertex.
        middle: [f64; 2],
        /// Width of the square, in pixels.
        size: f64,
        /// The vertex: 0, 1 or 2.
        vertex: u8,
        /// Its 1/w.
        inverse_w: f64,
    },
}

/// What a plane takes of the value at each vertex.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// For values divided by w.
    pub perspective: [Plane; 3],
    /// For values that are not.
    pub linear: [Plane; 3],
}

fn sum(planes: &[Plane; 3], values: [f64; 3]) -> Plane {
    let part = |i: usize| {
        // A vertex without a part in it may have any value.
        let parts = planes
            .iter()
            .zip(values)
            .filter(|(plane, _)| plane[i] != 0.0);
        parts.map(|(plane, value)| plane[i] * value).sum()
    };
    [part(0), part(1), part(2)]
}

impl Setup {
    /// Returns the plane of values at the vertices, divided by w unless `linear`.
    pub fn plane(&self, sums: &[Sums], values: [f64; 3], linear: bool) -> Plane {
        match self {
            Self::Differences {
                origin,
                slopes,
                inverse_w,
            } => {
                let [v0, v1, v2] = match linear {
                    true => values,
                    false => std::array::from_fn(|i| values[i] * inverse_w[i]),
                };
                let (d1, d2) = (v1 - v0, v2 - v0);
                let slope = |axis: usize| d1 * slopes[0][axis] + d2 * slopes[1][axis];
                let (a, b) = (slope(0), slope(1));
                [a, b, v0 - a * origin[0] - b * origin[1]]
            }
            Self::Sums(index) => {
                let sums = &sums[*index as usize];
                let [v0, v1, v2] = values;
                match linear {
                    true if v0 == v1 && v0 == v2 => [0.0, 0.0, v0],
                    true => sum(&sums.linear, values),
                    false => sum(&sums.perspective, values),
                }
            }
            Self::Point {
                vertex, inverse_w, ..
            } => {
                let value = values[usize::from(*vertex)];
                [0.0, 0.0, if linear { value } else { value * inverse_w }]
            }
        }
    }

    /// Returns the planes of the point coordinate: from the left, from the top. That it is 0 and 1
    /// at the sides of the square, and not at the middles of the outer pixels, is inferred from the
    /// APIs.
    pub fn point_coordinate(&self) -> [Plane; 2] {
        let Self::Point { middle, size, .. } = self else {
            return [[0.0; 3]; 2];
        };
        let slope = 1.0 / size;
        let corner = middle.map(|at| -(at - size / 2.0) * slope);
        [[slope, 0.0, corner[0]], [0.0, slope, corner[1]]]
    }
}

/// Returns `plane` relative to a place of the window.
pub fn relative([a, b, c]: Plane, [x, y]: [f64; 2]) -> Plane {
    // A slope of zero must not make a number of an infinity.
    let add = |slope: f64, at: f64| if slope == 0.0 { 0.0 } else { slope * at };
    [a, b, c + add(a, x) + add(b, y)]
}

/// Rounds to what shaders see: no denormals, as they look at the bits.
pub fn round(plane: Plane) -> Coefficients {
    let [a, b, c] = plane.map(|value| {
        let value = value as f32;
        if value.is_subnormal() {
            0.0
        } else {
            value
        }
    });
    Coefficients { a, b, c }
}

#[cfg(test)]
#[path = "plane_tests.rs"]
mod tests;
