// SPDX-License-Identifier: MIT OR Apache-2.0

//! From assembled primitives to shapes in the window: clipping, projection, culling.
//!
//! ```text
//!   assembled ─► layer, viewport ─► clip ─► project, snap ─► cull ─► shape, planes ─► scene
//!                     │              │                        │            │
//!                     └──────────────┴──── dropped ◄──────────┴────────────┘
//! ```

use super::assemble::Assembled;
use super::clip::{self, Distances};
use super::plane::{Plane, Setup, Sums};
use super::ppp::State;
use super::raster::{area, Part, Place};
use super::scene::{Geometry, Primitive, Scene, Shape, Slope};
use super::work::{differences, line_sums, pixels, snap, triangle_sums, Work};

/// Window coordinates that are left after clipping, in pixels on each side of the origin. Inferred:
/// larger than any frame, and small enough for exact edge functions.
const GUARD: f64 = 32768.0;

/// Places beyond this cannot be seen. Those of points may be there; of what is clipped there are
/// none but by division by a w of 0.
const FAR: f64 = 65536.0;

/// Bits of the first cull word.
const CULL_FRONT: u32 = 1 << 0;
const CULL_BACK: u32 = 1 << 1;
const CULL_DEPTH_CLIP: u32 = 1 << 10;
const CULL_FRONT_IS_CCW: u32 = 1 << 16;

/// Bits of the output select word.
const OUTPUT_SIZE: u32 = 1 << 18;
const OUTPUT_VIEWPORT: u32 = 1 << 19;
const OUTPUT_LAYER: u32 = 1 << 20;
const OUTPUT_CLIP: u32 = 0xff;

/// `ppp_ctrl`: all points have the size 1.
const CONTROL_DEFAULT_SIZE: u32 = 1 << 8;

/// Largest point, in pixels: what drivers offer. That hardware limits sizes, to this and to 1, is
/// inferred.
const LARGEST_POINT: f32 = 511.9375;

/// Returns the place of window coordinates; `None` if it is far away, or no number.
fn place([x, y, _]: [f64; 3]) -> Option<Place> {
    (x.abs() < FAR && y.abs() < FAR).then(|| [snap(x), snap(y)])
}

/// How primitives of a draw become shapes.
pub struct Projector<'a> {
    state: &'a State,
    provoking: usize,
    layers: u32,
    /// Words of the record, where they are present.
    size: Option<usize>,
    target: Option<usize>,
    clip: usize,
}

/// What a primitive is drawn as.
struct Shaped {
    shape: Shape,
    back_facing: bool,
    setup: Setup,
    depth: Plane,
    slope: Slope,
}

impl<'a> Projector<'a> {
    /// Returns what makes shapes with this state, where `provoking` vertices give what all of a
    /// primitive has in common.
    pub fn new(state: &'a State, provoking: u32, layers: u32, ppp_control: u32) -> Self {
        let select = state.draw.output_select;
        // The record is laid out by the counts of varyings, whatever the fragment shader reads.
        let mut next = 4 + state
            .draw
            .varyings
            .iter()
            .map(|&n| usize::from(n))
            .sum::<usize>();
        let mut word = |present: bool| {
            present.then(|| {
                next += 1;
                next - 1
            })
        };
        let size = word(select & OUTPUT_SIZE != 0);
        let target = word(select & (OUTPUT_VIEWPORT | OUTPUT_LAYER) != 0);
        Self {
            state,
            provoking: provoking as usize,
            layers,
            size: size.filter(|_| ppp_control & CONTROL_DEFAULT_SIZE == 0),
            target,
            clip: next,
        }
    }

    /// Returns how many words the record of a vertex must have.
    pub fn words(&self) -> usize {
        let planes = self.state.draw.output_select & OUTPUT_CLIP;
        self.clip + (u32::BITS - planes.leading_zeros()) as usize
    }

    /// Adds what is seen of a primitive to the scene, whose last draw state is that of this draw.
    pub fn add(&self, scene: &mut Scene, from: &Assembled) {
        let Some(mut work) = self.work(scene, from) else {
            return;
        };
        if !self.clip(scene, &mut work) {
            return;
        }
        match from.shape {
            Shape::Point => self.point(scene, &work, 0, false, None),
            Shape::Line => self.line(scene, &work),
            Shape::Triangle => self.triangle(scene, &work),
        }
    }

    /// Looks up vertices, layer and viewport; `None` if the primitive is in no layer.
    fn work<'w>(&'w self, scene: &Scene, from: &'w Assembled) -> Option<Work<'w>> {
        let word =
            |vertex: usize, word: usize| scene.records[from.vertices[vertex] as usize + word];
        let target = self.target.map_or(0, |at| word(self.provoking, at));
        let select = self.state.draw.output_select;
        let layer = if select & OUTPUT_LAYER != 0 {
            target & 0xffff
        } else {
            0
        };
        // That nothing is drawn to a layer that is not there is inferred.
        if layer >= self.layers {
            return None;
        }
        let viewport = if select & OUTPUT_VIEWPORT != 0 {
            target >> 16
        } else {
            0
        };
        // What the index of a viewport that is not there does is not known.
        let viewport = viewport as usize;
        let viewport = if viewport < self.state.viewport_count {
            viewport
        } else {
            0
        };
        let component =
            |n: usize| [0, 1, 2].map(|vertex| f64::from(f32::from_bits(word(vertex, n))));
        let [x, y, z, w] = [0, 1, 2, 3].map(component);
        // That one vertex without a place has the whole primitive dropped is inferred.
        let finite = [x, y, z, w].iter().flatten().all(|value| value.is_finite());
        finite.then_some(Work {
            from,
            viewport: &self.state.viewports[viewport],
            layer: layer as u16,
            viewport_index: viewport as u16,
            x,
            y,
            z,
            w,
            planes: Vec::new(),
        })
    }

    /// Finds the planes that cut the primitive; `false` if all of it is outside of one.
    fn clip(&self, scene: &Scene, work: &mut Work<'_>) -> bool {
        let Work { x, y, z, w, .. } = *work;
        let smallest = f64::from(self.state.w_clamp);
        let mut all = true;
        let mut plane = |distances: Distances| {
            // What is no number is outside.
            let distances = distances.map(|d| if d.is_nan() { -1.0 } else { d });
            let inside = distances
                .iter()
                .filter(|&&distance| distance >= 0.0)
                .count();
            all &= inside != 0;
            if inside != 0 && inside != 3 {
                work.planes.push(distances);
            }
        };
        plane(w.map(|w| w - smallest));
        if self.state.draw.cull[0] & CULL_DEPTH_CLIP != 0 {
            plane(z);
            plane([0, 1, 2].map(|n| w[n] - z[n]));
        }
        if work.from.shape != Shape::Point {
            for (axis, values) in [x, y].iter().enumerate() {
                let scale = f64::from(work.viewport.scale[axis]);
                let offset = f64::from(work.viewport.offset[axis]);
                plane([0, 1, 2].map(|n| values[n] * scale + (offset + GUARD) * w[n]));
                plane([0, 1, 2].map(|n| (GUARD - offset) * w[n] - values[n] * scale));
            }
        }
        for n in (0..8).filter(|n| self.state.draw.output_select >> n & 1 == 1) {
            plane(work.from.vertices.map(|vertex| {
                let bits = scene.records[vertex as usize + self.clip + n];
                let distance = f64::from(f32::from_bits(bits));
                distance.clamp(f64::from(f32::MIN), f64::from(f32::MAX))
            }));
        }
        all
    }

    /// Draws the vertex `n` as a square; of a polygon with `slope`, if it is a corner of one.
    fn point(
        &self,
        scene: &mut Scene,
        work: &Work<'_>,
        n: usize,
        back_facing: bool,
        slope: Option<Slope>,
    ) {
        let window = work.vertex(n);
        let (Some(place), [_, _, z]) = (place(window), window) else {
            return;
        };
        let size = self.size.map_or(1.0, |word| {
            let bits = scene.records[work.from.vertices[n] as usize + word];
            match f32::from_bits(bits) {
                size if size > 1.0 => size.min(LARGEST_POINT),
                // Also what is no number.
                _ => 1.0,
            }
        });
        let units = snap(size.into());
        let depth = [0.0, 0.0, z];
        let shaped = Shaped {
            shape: Shape::Point,
            back_facing,
            setup: Setup::Point {
                middle: pixels(place),
                size: units as f64 / 256.0,
                vertex: n as u8,
                inverse_w: 1.0 / work.w[n],
            },
            depth,
            slope: slope.unwrap_or_else(|| Slope::new(&depth, &[window])),
        };
        let first = scene.parts.len();
        scene.parts.push(Part::square(place, units));
        self.push(scene, work, &shaped, first);
    }

    /// Returns the width of lines, in 1/256 pixel.
    fn width(&self, back_facing: bool) -> i64 {
        let face = self.state.draw.face[usize::from(back_facing)];
        (i64::from(face >> 8 & 0xff) + 1) * 16
    }

    fn line(&self, scene: &mut Scene, work: &Work<'_>) {
        let cut = !work.planes.is_empty();
        let ends = match cut {
            false => [work.vertex(0), work.vertex(1)],
            true => match clip::line(&work.planes) {
                Some(ends) => ends.map(|end| work.window(&end)),
                None => return,
            },
        };
        let [Some(p), Some(q)] = ends.map(place) else {
            return;
        };
        let Some(part) = Part::line(p, q, self.width(false)) else {
            return;
        };
        // Values change along the axis in which the line is longer.
        let axis = usize::from((q[1] - p[1]).abs() > (q[0] - p[0]).abs());
        let depths = ends.map(|end| end[2]);
        let (setup, depth);
        if cut {
            let Some(sums) = line_sums(work, axis) else {
                return;
            };
            setup = Setup::Sums(scene.sums.len() as u32);
            depth = self.depth_of(work, &sums);
            scene.sums.push(sums);
        } else {
            let (p, q) = (pixels(p), pixels(q));
            let mut slopes = [[0.0; 2]; 2];
            slopes[0][axis] = 1.0 / (q[axis] - p[axis]);
            setup = Setup::Differences {
                origin: p,
                slopes,
                inverse_w: work.w.map(|w| 1.0 / w),
            };
            depth = setup.plane(&[], [depths[0], depths[1], depths[1]], true);
        }
        let shaped = Shaped {
            shape: Shape::Line,
            back_facing: false,
            setup,
            depth,
            slope: Slope::new(&depth, &ends),
        };
        let first = scene.parts.len();
        scene.parts.push(part);
        self.push(scene, work, &shaped, first);
    }

    /// Returns the plane of the window's z, of a primitive that is cut.
    fn depth_of(&self, work: &Work<'_>, sums: &Sums) -> Plane {
        let [a, b, c] = Setup::Sums(0).plane(std::slice::from_ref(sums), work.z, false);
        let (scale, offset) = (work.viewport.scale[2], work.viewport.offset[2]);
        let (scale, offset) = (f64::from(scale), f64::from(offset));
        [a * scale, b * scale, c * scale + offset]
    }

    fn triangle(&self, scene: &mut Scene, work: &Work<'_>) {
        let cut = !work.planes.is_empty();
        let polygon = match cut {
            false => Vec::new(),
            true => clip::triangle(&work.planes),
        };
        // Most triangles are not cut; they need no memory.
        let mut room = [[0.0; 3]; clip::MAX_CORNERS];
        let mut places = [[0; 2]; clip::MAX_CORNERS];
        let count = if cut { polygon.len() } else { 3 };
        for n in 0..count {
            room[n] = match polygon.get(n) {
                Some(corner) => work.window(corner),
                None => work.vertex(n),
            };
            let Some(place) = place(room[n]) else {
                return;
            };
            places[n] = place;
        }
        let (windows, places) = (&room[..count], &places[..count]);
        let fan = || (2..places.len()).map(|i| [places[0], places[i - 1], places[i]]);
        let whole: i64 = fan().map(area).sum();
        if whole == 0 {
            return;
        }
        let cull = self.state.draw.cull[0];
        // Which sign is which side is inferred from what drivers set.
        let counterclockwise = (whole < 0) != work.from.flipped;
        let back_facing = counterclockwise != (cull & CULL_FRONT_IS_CCW != 0);
        if cull & if back_facing { CULL_BACK } else { CULL_FRONT } != 0 {
            return;
        }
        let mode = self.state.draw.face[usize::from(back_facing)] >> 18 & 3;
        let z_plane = |setup: &Setup| {
            let z = [windows[0][2], windows[1][2], windows[2][2]];
            setup.plane(&[], z, true)
        };
        if mode == 2 {
            let depth = match cut {
                true => triangle_sums(work).map(|sums| self.depth_of(work, &sums)),
                false => Some(z_plane(&differences(places, work))),
            };
            let slope = depth.map(|depth| Slope::new(&depth, windows));
            for n in (0..3).filter(|&n| work.from.corners >> n & 1 == 1 && work.inside(n)) {
                self.point(scene, work, n, back_facing, slope);
            }
            return;
        }
        let first = scene.parts.len();
        let mut add = |part: Option<Part>| scene.parts.extend(part);
        match mode {
            // Rounding may turn small parts of a cut polygon over.
            0 => fan()
                .filter(|&corners| area(corners).signum() == whole.signum())
                .for_each(|corners| add(Part::triangle(corners))),
            _ => (0..places.len())
                .filter(|&i| {
                    let edge = if cut { polygon[i].edge } else { Some(i as u8) };
                    edge.is_some_and(|edge| work.from.edges >> edge & 1 == 1)
                })
                .for_each(|i| {
                    let next = places[(i + 1) % places.len()];
                    add(Part::line(places[i], next, self.width(back_facing)));
                }),
        }
        let (setup, depth);
        if cut {
            let Some(sums) = triangle_sums(work) else {
                scene.parts.truncate(first);
                return;
            };
            setup = Setup::Sums(scene.sums.len() as u32);
            depth = self.depth_of(work, &sums);
            scene.sums.push(sums);
        } else {
            setup = differences(places, work);
            depth = z_plane(&setup);
        }
        let shaped = Shaped {
            shape: if mode == 0 {
                Shape::Triangle
            } else {
                Shape::Line
            },
            back_facing,
            setup,
            depth,
            slope: Slope::new(&depth, windows),
        };
        self.push(scene, work, &shaped, first);
    }

    /// Adds a primitive whose parts are those of the scene from `first` on.
    fn push(&self, scene: &mut Scene, work: &Work<'_>, shaped: &Shaped, first: usize) {
        let index = scene.primitives.len() as u32;
        let parts = &scene.parts[first..];
        let count = parts.len() as u32;
        if scene.bins.add(index, work.layer.into(), parts) == 0 {
            scene.parts.truncate(first);
            if let Setup::Sums(index) = shaped.setup {
                scene.sums.truncate(index as usize);
            }
            return;
        }
        scene.geometry.push(Geometry {
            setup: shaped.setup,
            depth: shaped.depth,
            slope: shaped.slope,
            parts: (first as u32, count),
        });
        scene.primitives.push(Primitive {
            draw: scene.draws.len() as u32 - 1,
            shape: shaped.shape,
            layer: work.layer,
            viewport: work.viewport_index,
            back_facing: shaped.back_facing,
            id: work.from.id,
            vertices: work.from.vertices,
        });
    }
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
