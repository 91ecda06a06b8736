// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a draw's state means for its fragments, worked out once by each thread.

use std::sync::Arc;

use agx_isa::exec::Cache;

use super::bindings::Bindings;
use super::depth::{bias, FaceTests};
use super::occlusion::Query;
use super::program::{Context, Prepared, Programs};
use super::scene::{DrawState, Primitive, Rect, Slope};
use super::FragmentJob;
use crate::cdm::End;
use crate::fault::{Fault, Unit};
use crate::read;
use crate::tlb::{Tlb, Uncached};

/// Bits of the fragment control words.
const SCISSOR: u32 = 1 << 16;
const DEPTH_BIAS: u32 = 1 << 17;
const NO_SHADING: u32 = 1 << 21;

/// Object types: triangles, and points whose coordinate goes from the bottom to the top.
const TRIANGLE: u32 = 0;
const POINT_UV10: u32 = 2;

/// A draw as its fragments see it.
pub(super) struct Plan {
    /// Tests of primitives that are seen from the front and from the back.
    pub faces: [FaceTests; 2],
    pub query: Option<Query>,
    /// The fragment shader, if there is anything to shade.
    pub program: Option<Arc<Prepared>>,
    pub bindings: Bindings,
    /// The tests come before the shader.
    pub early: bool,
    /// Index of the first scissor.
    pub scissor: Option<u16>,
    /// Constant, slope and limit of the depth bias, for each kind of object.
    bias: Option<[f32; 3]>,
    constant_is_int: bool,
    /// Object types of front and back.
    objects: [u32; 2],
}

impl Plan {
    /// Returns the plan of a draw.
    ///
    /// # Errors
    ///
    /// Where its state cannot be read, and what of it has no known meaning.
    pub fn new(
        draw: &DrawState,
        job: &FragmentJob,
        context: &Context<'_>,
        programs: &Programs,
        cache: &mut Cache,
    ) -> Result<Self, End> {
        // That both words hold together is inferred.
        let control = draw.fragment_control[0] | draw.fragment_control[1];
        let memory = Uncached(context.pages);
        let [counts, usc, ..] = draw.fragment_shader;
        let shaded = control & NO_SHADING == 0 && usc & !0x3f != 0;
        let (mut program, mut bindings) = (None, Bindings::default());
        if shaded {
            program = Some(programs.get(context, cache, usc, counts)?);
            bindings = Bindings::read(&memory, context.usc_base, draw)?;
        }
        let bias = match control & DEPTH_BIAS {
            0 => None,
            _ => {
                let at = 12 * u64::from(draw.depth_bias);
                let mut bytes = [0; 12];
                read(
                    &memory,
                    job.depth_bias.wrapping_add(at),
                    &mut bytes,
                    Unit::Ras,
                )?;
                let word = |n: usize| f32::from_le_bytes(std::array::from_fn(|k| bytes[4 * n + k]));
                Some([word(0), word(1), word(2)])
            }
        };
        Ok(Self {
            faces: [false, true].map(|back| FaceTests::new(draw, back)),
            query: Query::of(draw)?,
            early: program.as_ref().is_none_or(|program| program.early_z),
            program,
            bindings,
            scissor: (control & SCISSOR != 0).then_some(draw.scissor),
            bias,
            constant_is_int: job.depth_bias_is_int,
            objects: draw.face2.map(|word| word >> 28),
        })
    }

    fn object(&self, primitive: &Primitive) -> u32 {
        self.objects[usize::from(primitive.back_facing)]
    }

    /// Returns whether the point coordinate of a primitive goes from the bottom to the top.
    pub fn upwards(&self, primitive: &Primitive) -> bool {
        self.object(primitive) == POINT_UV10
    }

    /// Returns what is added to the depth of a primitive.
    pub fn bias(&self, primitive: &Primitive, slope: impl FnOnce() -> Slope) -> f64 {
        let triangle = self.object(primitive) == TRIANGLE;
        match self.bias {
            Some(record) if triangle => bias(record, slope(), self.constant_is_int),
            _ => 0.0,
        }
    }
}

/// A scissor record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scissor {
    pixels: Rect,
    /// What depth is limited to.
    pub depth: [f32; 2],
}

impl Scissor {
    /// What no record limits.
    pub const EVERYTHING: Self = Self {
        pixels: Rect {
            x0: 0,
            y0: 0,
            x1: u32::MAX,
            y1: u32::MAX,
        },
        depth: [0.0, 1.0],
    };

    /// Reads record `index` of those at `base`.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn read(tlb: &mut Tlb<'_>, base: u64, index: u32) -> Result<Self, End> {
        let mut bytes = [0; 16];
        let at = base.wrapping_add(16 * u64::from(index));
        tlb.read(at, &mut bytes).map_err(|access| {
            End::Fault(Fault {
                access,
                unit: Unit::Ras,
            })
        })?;
        let half = |n: usize| u16::from_le_bytes([bytes[2 * n], bytes[2 * n + 1]]).into();
        let float = |n: usize| f32::from_le_bytes(std::array::from_fn(|k| bytes[4 * n + k]));
        Ok(Self {
            pixels: Rect {
                x0: half(1),
                y0: half(3),
                x1: half(0),
                y1: half(2),
            },
            depth: [float(2), float(3)],
        })
    }

    /// Returns the part of a rectangle that is inside.
    pub fn cut(&self, rect: Rect) -> Rect {
        let p = &self.pixels;
        Rect {
            x0: rect.x0.max(p.x0),
            y0: rect.y0.max(p.y0),
            x1: rect.x1.min(p.x1),
            y1: rect.y1.min(p.y1),
        }
    }
}
