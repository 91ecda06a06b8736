// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the fragment half asks of a scene.

use super::scene::{Coefficients, DrawState, Primitive, Quad, Rect, Slope};
use super::{Frame, Scene};

/// Primitives, sorted into regions; see the methods of [`Scene`] of the same names.
pub(super) trait Geometry: Sync {
    fn frame(&self) -> &Frame;
    fn primitives(&self) -> usize;
    fn primitive(&self, index: u32) -> &Primitive;
    fn draw(&self, index: u32) -> &DrawState;
    fn region(&self, layer: u32, x: u32, y: u32) -> &[u32];
    fn quads(&self, primitive: u32, within: Rect, each: &mut dyn FnMut(Quad));
    fn varying(&self, primitive: u32, word: u32, linear: bool, region: [u32; 2]) -> Coefficients;
    fn inverse_w(&self, primitive: u32, region: [u32; 2]) -> Coefficients;
    fn depth(&self, primitive: u32, region: [u32; 2]) -> [f64; 3];
    fn slope(&self, primitive: u32) -> Slope;
    fn point_coordinate(&self, primitive: u32, region: [u32; 2]) -> [Coefficients; 2];
    fn flat(&self, primitive: u32, vertex: usize, word: u32) -> u32;
}

impl Geometry for Scene {
    fn frame(&self) -> &Frame {
        Scene::frame(self)
    }

    fn primitives(&self) -> usize {
        Scene::primitives(self)
    }

    fn primitive(&self, index: u32) -> &Primitive {
        Scene::primitive(self, index)
    }

    fn draw(&self, index: u32) -> &DrawState {
        Scene::draw(self, index)
    }

    fn region(&self, layer: u32, x: u32, y: u32) -> &[u32] {
        Scene::region(self, layer, x, y)
    }

    fn quads(&self, primitive: u32, within: Rect, each: &mut dyn FnMut(Quad)) {
        Scene::quads(self, primitive, within, each);
    }

    fn varying(&self, primitive: u32, word: u32, linear: bool, region: [u32; 2]) -> Coefficients {
        Scene::varying(self, primitive, word, linear, region)
    }

    fn inverse_w(&self, primitive: u32, region: [u32; 2]) -> Coefficients {
        Scene::inverse_w(self, primitive, region)
    }

    fn depth(&self, primitive: u32, region: [u32; 2]) -> [f64; 3] {
        Scene::depth(self, primitive, region)
    }

    fn slope(&self, primitive: u32) -> Slope {
        Scene::slope(self, primitive)
    }

    fn point_coordinate(&self, primitive: u32, region: [u32; 2]) -> [Coefficients; 2] {
        Scene::point_coordinate(self, primitive, region)
    }

    fn flat(&self, primitive: u32, vertex: usize, word: u32) -> u32 {
        Scene::flat(self, primitive, vertex, word)
    }
}
