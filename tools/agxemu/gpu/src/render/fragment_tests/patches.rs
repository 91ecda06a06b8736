// SPDX-License-Identifier: MIT OR Apache-2.0

//! Primitives whose coverage is stated.

use std::collections::HashMap;

use crate::render::geometry::Geometry;
use crate::render::scene::{Coefficients, DrawState, Primitive, Quad, Rect, Slope};
use crate::render::Frame;

/// A primitive that covers whole pixels.
#[derive(Clone)]
pub struct Patch {
    pub rect: Rect,
    /// Samples that it covers of each pixel.
    pub samples: u8,
    /// Depth: change per pixel in x and y, value at the corner of the frame.
    pub depth: [f64; 3],
    /// Words of all vertices, position included.
    pub words: Vec<f32>,
    /// 1/w of all vertices.
    pub inverse_w: f32,
    pub primitive: Primitive,
}

/// The primitives of a test.
pub struct Patches {
    pub frame: Frame,
    pub draws: Vec<DrawState>,
    pub patches: Vec<Patch>,
    pub regions: HashMap<(u32, u32, u32), Vec<u32>>,
}

impl Geometry for Patches {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn primitives(&self) -> usize {
        self.patches.len()
    }

    fn primitive(&self, index: u32) -> &Primitive {
        &self.patches[index as usize].primitive
    }

    fn draw(&self, index: u32) -> &DrawState {
        &self.draws[index as usize]
    }

    fn region(&self, layer: u32, x: u32, y: u32) -> &[u32] {
        self.regions.get(&(layer, x, y)).map_or(&[], |list| list)
    }

    fn quads(&self, primitive: u32, within: Rect, each: &mut dyn FnMut(Quad)) {
        let patch = &self.patches[primitive as usize];
        let rect = Rect {
            x0: patch.rect.x0.max(within.x0),
            y0: patch.rect.y0.max(within.y0),
            x1: patch.rect.x1.min(within.x1),
            y1: patch.rect.y1.min(within.y1),
        };
        for y in (rect.y0 & !1..rect.y1).step_by(2) {
            for x in (rect.x0 & !1..rect.x1).step_by(2) {
                let corner = |n: u32| {
                    let (x, y) = (x + (n & 1), y + (n >> 1));
                    let inside = x >= rect.x0 && x < rect.x1 && y >= rect.y0 && y < rect.y1;
                    if inside {
                        patch.samples
                    } else {
                        0
                    }
                };
                let coverage = [0, 1, 2, 3].map(corner);
                if coverage != [0; 4] {
                    let (x, y) = (x as u16, y as u16);
                    each(Quad { x, y, coverage });
                }
            }
        }
    }

    fn varying(&self, primitive: u32, word: u32, _: bool, _: [u32; 2]) -> Coefficients {
        let c = self.patches[primitive as usize].words[word as usize];
        Coefficients { a: 0.0, b: 0.0, c }
    }

    fn inverse_w(&self, primitive: u32, _: [u32; 2]) -> Coefficients {
        Coefficients {
            a: 0.0,
            b: 0.0,
            c: self.patches[primitive as usize].inverse_w,
        }
    }

    fn depth(&self, primitive: u32, [x, y]: [u32; 2]) -> [f64; 3] {
        let [a, b, c] = self.patches[primitive as usize].depth;
        [a, b, c + a * f64::from(32 * x) + b * f64::from(32 * y)]
    }

    fn slope(&self, primitive: u32) -> Slope {
        let depth = self.patches[primitive as usize].depth;
        Slope::new(&depth, &[depth])
    }

    fn point_coordinate(&self, _: u32, _: [u32; 2]) -> [Coefficients; 2] {
        [[0.5, 0.0, 0.25], [0.0, 0.5, 0.75]].map(|[a, b, c]| Coefficients { a, b, c })
    }

    fn flat(&self, primitive: u32, vertex: usize, word: u32) -> u32 {
        let words = &self.patches[primitive as usize].words;
        words[word as usize].to_bits() + vertex as u32
    }
}
