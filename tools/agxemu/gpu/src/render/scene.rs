// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the vertex half leaves for the fragment half: primitives in window space, sorted into tiles.

use super::{Frame, VertexJob};
use crate::cdm::End;
use crate::execute::Settings;
use crate::threadgroup::Meter;
use crate::tlb::Pages;
use crate::trace::Sink;

/// Width and height of the region that primitives are sorted into, in pixels. Tiles of the tile
/// buffer divide it.
pub const REGION: u32 = 32;

/// State of the pipeline at a draw, as the PPP records and the VDM state left it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrawState {
    /// Fragment control words 1 and 2, both in effect together.
    pub fragment_control: [u32; 2],
    /// Front and back face words.
    pub face: [u32; 2],
    /// Second face words, front and back.
    pub face2: [u32; 2],
    /// Stencil words, front and back.
    pub stencil: [u32; 2],
    /// Index of the first scissor record.
    pub scissor: u16,
    /// Index of the depth bias record.
    pub depth_bias: u16,
    /// Output select word.
    pub output_select: u32,
    /// Counts of smooth, flat and linear varyings of 32 bits.
    pub varyings: [u8; 3],
    /// Cull words.
    pub cull: [u32; 2],
    /// The four words of the fragment shader.
    pub fragment_shader: [u32; 4],
    /// Index of the occlusion query.
    pub occlusion: u16,
    /// Words of a vertex's record.
    pub uvs_words: u32,
}

/// The shape of a primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One vertex.
    Point,
    /// Two vertices.
    Line,
    /// Three vertices.
    Triangle,
}

/// A primitive that survived clipping and culling.
#[derive(Clone, Debug)]
pub struct Primitive {
    /// Number of its draw state.
    pub draw: u32,
    /// What it is drawn as.
    pub shape: Shape,
    /// Layer of the frame.
    pub layer: u16,
    /// Index of the viewport, which is added to the scissor index.
    pub viewport: u16,
    /// Seen from the back.
    pub back_facing: bool,
    /// Number that the shader sees.
    pub id: u32,
    /// Vertices that give the attributes, in the order of the provoking vertex word.
    pub vertices: [u32; 3],
}

/// A plane `a·x + b·y + c` with x and y relative to the corner of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coefficients {
    /// Change per pixel to the right.
    pub a: f32,
    /// Change per pixel downwards.
    pub b: f32,
    /// Value at the corner.
    pub c: f32,
}

/// Two by two pixels that a primitive covers in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quad {
    /// Pixels from the left of the frame; even.
    pub x: u16,
    /// Pixels from the top of the frame; even.
    pub y: u16,
    /// Samples of each pixel: upper left, upper right, lower left, lower right.
    pub coverage: [u8; 4],
}

/// Pixels from `x0`, `y0` to before `x1`, `y1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x0: u32,
    /// Upper edge.
    pub y0: u32,
    /// Right edge, not inside.
    pub x1: u32,
    /// Lower edge, not inside.
    pub y1: u32,
}

/// The result of a vertex half.
#[derive(Debug)]
pub struct Scene {
    frame: Frame,
    draws: Vec<DrawState>,
    primitives: Vec<Primitive>,
}

impl Scene {
    /// Runs the vertex half.
    ///
    /// # Errors
    ///
    /// Why it cannot come to its end.
    pub(super) fn capture(
        job: &VertexJob,
        _pages: &dyn Pages,
        _settings: Settings,
        _meter: &Meter,
        _trace: Option<&Sink>,
        _note: &mut dyn FnMut(&str),
    ) -> Result<Self, End> {
        Err(End::Illegal(format!(
            "the vertex half is not carried out yet (stream {:#x})",
            job.stream
        )))
    }

    /// Returns the frame that it was made for.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Returns the number of primitives.
    pub fn primitives(&self) -> usize {
        self.primitives.len()
    }

    /// Returns the bytes that the scene would take in a tiled vertex buffer, by the model of
    /// 32 bytes for a primitive and 4 bytes for each word of a vertex. Inferred.
    pub fn bytes(&self) -> u64 {
        0
    }

    /// Returns primitive `index`.
    pub fn primitive(&self, index: u32) -> &Primitive {
        &self.primitives[index as usize]
    }

    /// Returns draw state `index`.
    pub fn draw(&self, index: u32) -> &DrawState {
        &self.draws[index as usize]
    }

    /// Returns the primitives that may touch region `x`, `y` of `layer`, in the order in which they
    /// were drawn.
    pub fn region(&self, _layer: u32, _x: u32, _y: u32) -> &[u32] {
        &[]
    }

    /// Calls `each` for the quads of `primitive` with samples inside `within`, which lies in one
    /// region: those of the shape, cut by the planes that the vertex half clips at.
    pub fn quads(&self, _primitive: u32, _within: Rect, _each: &mut dyn FnMut(Quad)) {}

    /// Returns the plane of a word of the vertices' records divided by w, or of the word itself if
    /// `linear`, relative to the corner of region `x`, `y`.
    ///
    /// Values that are equal at all vertices have `a` and `b` of exactly zero; denormals are zero.
    pub fn varying(
        &self,
        _primitive: u32,
        _word: u32,
        _linear: bool,
        _region: [u32; 2],
    ) -> Coefficients {
        Coefficients::default()
    }

    /// Returns the plane of 1/w, as [`Scene::varying`].
    pub fn inverse_w(&self, _primitive: u32, _region: [u32; 2]) -> Coefficients {
        Coefficients::default()
    }

    /// Returns the plane of the window's z before bias and clamping, as [`Scene::varying`], with
    /// doubles for the depth test: change per pixel in x, in y, value at the corner.
    pub fn depth(&self, _primitive: u32, _region: [u32; 2]) -> [f64; 3] {
        [0.0; 3]
    }

    /// Returns the largest |z| of the primitive's vertices in the window, for the depth bias.
    pub fn largest_depth(&self, _primitive: u32) -> f32 {
        0.0
    }

    /// Returns the planes of the point coordinate of a point: from the left, from the top.
    pub fn point_coordinate(&self, _primitive: u32, _region: [u32; 2]) -> [Coefficients; 2] {
        [Coefficients::default(); 2]
    }

    /// Returns the raw bits of `word` of vertex 0, 1 or 2 of the primitive.
    pub fn flat(&self, _primitive: u32, _vertex: usize, _word: u32) -> u32 {
        0
    }
}
