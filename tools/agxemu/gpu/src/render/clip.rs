// SPDX-License-Identifier: MIT OR Apache-2.0

//! Clipping: what of a primitive is in front of all planes.
//!
//! Corners are sums of the vertices, so no plane of a value changes because of clipping.

/// Planes that a primitive can be cut at: w, z at both ends, four sides, clip distances.
pub const MAX_PLANES: usize = 7 + 8;
/// Corners of a triangle that all of them have cut.
pub const MAX_CORNERS: usize = 3 + MAX_PLANES;

/// A corner of what is left of a primitive.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Corner {
    /// How much of each vertex it is.
    pub weights: [f64; 3],
    /// The edge of the triangle that leads on from here; `None` if clipping made it.
    pub edge: Option<u8>,
}

impl Corner {
    /// The sum of the values at the vertices.
    pub fn value(&self, values: &[f64; 3]) -> f64 {
        // What is no part of the corner may be infinite.
        let parts = self
            .weights
            .iter()
            .zip(values)
            .filter(|(weight, _)| **weight != 0.0);
        parts.fold(0.0, |sum, (weight, value)| sum + weight * value)
    }

    /// Returns the corner at which the way from `self`, which is inside of a plane, to `other`
    /// leaves it.
    fn leave(&self, other: &Self, inside: f64, outside: f64) -> [f64; 3] {
        let t = inside / (inside - outside);
        std::array::from_fn(|i| self.weights[i] + (other.weights[i] - self.weights[i]) * t)
    }
}

/// Distances of the vertices from a plane, negative outside.
pub type Distances = [f64; 3];

fn vertex(n: usize) -> [f64; 3] {
    std::array::from_fn(|i| if i == n { 1.0 } else { 0.0 })
}

/// Returns the corners of what is left of a triangle inside of all planes.
///
/// A way across a plane is always gone from its inside, so two triangles that share an edge are cut
/// at the same place of it. A plane adds one corner at most, and more only by rounding: such
/// corners are left out.
pub fn triangle(planes: &[Distances]) -> Vec<Corner> {
    let mut polygon = Vec::with_capacity(MAX_CORNERS);
    let mut next = Vec::with_capacity(MAX_CORNERS);
    polygon.extend((0..3).map(|n| Corner {
        weights: vertex(n),
        edge: Some(n as u8),
    }));
    for distances in planes {
        next.clear();
        for (i, corner) in polygon.iter().enumerate() {
            let following = &polygon[(i + 1) % polygon.len()];
            let (here, there) = (corner.value(distances), following.value(distances));
            let (inside, follows_inside) = (here >= 0.0, there >= 0.0);
            if inside {
                next.push(*corner);
            }
            if inside && !follows_inside {
                next.push(Corner {
                    weights: corner.leave(following, here, there),
                    edge: None,
                });
            }
            if !inside && follows_inside {
                next.push(Corner {
                    weights: following.leave(corner, there, here),
                    edge: corner.edge,
                });
            }
        }
        next.truncate(MAX_CORNERS);
        std::mem::swap(&mut polygon, &mut next);
        if polygon.len() < 3 {
            polygon.clear();
            break;
        }
    }
    polygon
}

/// Returns the ends of what is left of a line inside of all planes.
pub fn line(planes: &[Distances]) -> Option<[Corner; 2]> {
    let mut ends = [0, 1].map(|n| Corner {
        weights: vertex(n),
        edge: None,
    });
    for distances in planes {
        let [first, last] = ends;
        let (here, there) = (first.value(distances), last.value(distances));
        match (here >= 0.0, there >= 0.0) {
            (true, true) => {}
            (true, false) => ends[1].weights = first.leave(&last, here, there),
            (false, true) => ends[0].weights = last.leave(&first, there, here),
            (false, false) => return None,
        }
    }
    Some(ends)
}

#[cfg(test)]
#[path = "clip_tests.rs"]
mod tests;
