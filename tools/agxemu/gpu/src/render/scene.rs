// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the vertex half leaves for the fragment half: primitives in the window, by region.

use super::bin::Bins;
use super::plane::{relative, round, Plane, Setup, Sums};
use super::raster::{Mask, Part};
use super::{Frame, VertexJob};
use crate::cdm::End;
use crate::execute::Settings;
use crate::threadgroup::Meter;
use crate::tlb::Pages;
use crate::trace::Sink;

/// Width and height of the region that primitives are sorted into, in pixels. Tiles of the tile
/// buffer divide it.
pub const REGION: u32 = 32;

/// Bit of the first cull word: a pixel whose middle is covered has all its samples covered.
pub(super) const CULL_PRIMITIVE_MSAA: u32 = 1 << 15;

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
    /// Vertices that give the attributes, in the order of the provoking vertex word: where their
    /// records are, which only [`Scene`] looks at.
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

/// What a depth bias depends on. Of a polygon it is the same whether that is filled, or drawn as
/// lines or points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slope {
    /// How much z changes from pixel to pixel, in x or in y, whichever is more.
    pub(super) steepest: f64,
    /// The largest |z| of the vertices in the window.
    pub(super) largest: f32,
}

impl Slope {
    /// Returns that of a primitive with the plane `depth` and vertices at `windows`.
    pub(super) fn new(depth: &Plane, windows: &[[f64; 3]]) -> Self {
        let largest = windows.iter().fold(0.0, |most, at| at[2].abs().max(most));
        Self {
            steepest: depth[0].abs().max(depth[1].abs()),
            largest: largest as f32,
        }
    }
}

/// What is known of a primitive besides what shaders see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// How planes are made.
    pub(super) setup: Setup,
    /// The plane of the window's z.
    pub(super) depth: Plane,
    /// What its depth bias depends on.
    pub(super) slope: Slope,
    /// First of its parts, and their number.
    pub(super) parts: (u32, u32),
}

/// The result of a vertex half.
#[derive(Debug)]
pub struct Scene {
    pub(super) frame: Frame,
    pub(super) draws: Vec<DrawState>,
    pub(super) primitives: Vec<Primitive>,
    pub(super) geometry: Vec<Geometry>,
    pub(super) parts: Vec<Part>,
    pub(super) sums: Vec<Sums>,
    /// Records of the vertices, which are named by the place of their first word.
    pub(super) records: Vec<u32>,
    pub(super) bins: Bins,
    /// Positions of the samples, in sixteenths of a pixel.
    positions: Vec<[i64; 2]>,
}

impl Scene {
    /// Returns a scene without primitives.
    pub(super) fn new(frame: Frame) -> Self {
        let positions = (0..frame.samples).map(|sample| {
            let byte = frame.sample_positions >> (8 * sample) & 0xff;
            [byte as i64 & 15, byte as i64 >> 4]
        });
        Self {
            frame,
            draws: Vec::new(),
            primitives: Vec::new(),
            geometry: Vec::new(),
            parts: Vec::new(),
            sums: Vec::new(),
            records: Vec::new(),
            bins: Bins::new(&frame),
            positions: positions.collect(),
        }
    }

    /// Runs the vertex half.
    ///
    /// # Errors
    ///
    /// Why it cannot come to its end.
    pub(super) fn capture(
        job: &VertexJob,
        pages: &dyn Pages,
        settings: Settings,
        meter: &Meter,
        trace: Option<&Sink>,
        note: &mut dyn FnMut(&str),
    ) -> Result<Self, End> {
        super::capture::run(job, pages, settings, meter, trace, note)
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
        32 * self.primitives.len() as u64 + 4 * self.records.len() as u64
    }

    /// Returns about how many bytes of the host it takes.
    pub fn host_bytes(&self) -> u64 {
        fn size<T>(of: &[T]) -> u64 {
            std::mem::size_of_val(of) as u64
        }
        let sides = size(&self.draws) + size(&self.parts) + size(&self.sums);
        let primitives = size(&self.primitives) + size(&self.geometry);
        primitives + sides + size(&self.records) + self.bins.bytes()
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
    pub fn region(&self, layer: u32, x: u32, y: u32) -> &[u32] {
        self.bins.region(layer, x, y)
    }

    /// Returns the regions of `layer` with primitives, row by row.
    pub fn regions(&self, layer: u32) -> Vec<[u32; 2]> {
        self.bins.regions(layer)
    }

    /// Calls `each` for the quads of `primitive` with samples inside `within`, which lies in one
    /// region: those of the shape, cut by the planes that the vertex half clips at.
    pub fn quads(&self, primitive: u32, within: Rect, each: &mut dyn FnMut(Quad)) {
        let (first, count) = self.geometry[primitive as usize].parts;
        let parts = &self.parts[first as usize..][..count as usize];
        // That the middle decides for all samples is inferred from what drivers draw so.
        let whole = self.state_of(primitive).cull[0] & CULL_PRIMITIVE_MSAA != 0;
        let all = whole.then(|| ((1u32 << self.frame.samples) - 1) as u8);
        let positions = if whole {
            &[[8, 8]]
        } else {
            &self.positions[..]
        };
        if let Some(mask) = Mask::new(parts, &within, positions) {
            mask.quads(&within, positions.len(), all, each);
        }
    }

    fn state_of(&self, primitive: u32) -> &DrawState {
        &self.draws[self.primitives[primitive as usize].draw as usize]
    }

    fn plane(&self, primitive: u32, values: [f64; 3], linear: bool, region: [u32; 2]) -> Plane {
        let setup = &self.geometry[primitive as usize].setup;
        relative(setup.plane(&self.sums, values, linear), corner(region))
    }

    /// Returns the plane of a word of the vertices' records divided by w, or of the word itself if
    /// `linear`, relative to the corner of region `x`, `y`. Words beyond the record are zero.
    ///
    /// Values that are equal at all vertices have `a` and `b` of exactly zero if the vertices have
    /// the same w, or `linear`; denormals are zero.
    pub fn varying(
        &self,
        primitive: u32,
        word: u32,
        linear: bool,
        region: [u32; 2],
    ) -> Coefficients {
        let values = [0, 1, 2].map(|vertex| {
            let bits = self.flat(primitive, vertex, word);
            f64::from(f32::from_bits(bits))
        });
        round(self.plane(primitive, values, linear, region))
    }

    /// Returns the plane of 1/w, as [`Scene::varying`].
    pub fn inverse_w(&self, primitive: u32, region: [u32; 2]) -> Coefficients {
        round(self.plane(primitive, [1.0; 3], false, region))
    }

    /// Returns the plane of the window's z before bias and clamping, as [`Scene::varying`], with
    /// doubles for the depth test: change per pixel in x, in y, value at the corner.
    pub fn depth(&self, primitive: u32, region: [u32; 2]) -> [f64; 3] {
        let depth = self.geometry[primitive as usize].depth;
        relative(depth, corner(region))
    }

    /// Returns what the depth bias of the primitive depends on.
    pub(super) fn slope(&self, primitive: u32) -> Slope {
        self.geometry[primitive as usize].slope
    }

    /// Returns the planes of the point coordinate of a point: from the left, from the top.
    pub fn point_coordinate(&self, primitive: u32, region: [u32; 2]) -> [Coefficients; 2] {
        let planes = self.geometry[primitive as usize].setup.point_coordinate();
        planes.map(|plane| round(relative(plane, corner(region))))
    }

    /// Returns the raw bits of `word` of vertex 0, 1 or 2 of the primitive; zero beyond the record.
    pub fn flat(&self, primitive: u32, vertex: usize, word: u32) -> u32 {
        let of = &self.primitives[primitive as usize];
        if word >= self.draws[of.draw as usize].uvs_words {
            return 0;
        }
        let at = of.vertices[vertex] as usize + word as usize;
        self.records[at]
    }
}

fn corner([x, y]: [u32; 2]) -> [f64; 2] {
    [x, y].map(|region| f64::from(region * REGION))
}
