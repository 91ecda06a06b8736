// SPDX-License-Identifier: MIT OR Apache-2.0

//! Coefficient registers: which values of a primitive a fragment shader is given.

use super::geometry::Geometry;
use super::scene::{Coefficients, DrawState, Shape};
use crate::cdm::End;
use crate::fault::Unit;
use crate::{read, GpuMemory};
use agx_isa::exec::fragment::COEFFICIENTS;

/// Returns a and B of zero, and C twice: shaders take a flat value from either.
fn flat(value: u32) -> [u32; 3] {
    [0, value, value]
}

fn plane(c: Coefficients) -> [u32; 3] {
    [c.a, c.b, c.c].map(normal)
}

/// Returns the plane of what is left to 1.
fn from_below(Coefficients { a, b, c }: Coefficients) -> Coefficients {
    Coefficients {
        a: -a,
        b: -b,
        c: 1.0 - c,
    }
}

/// Returns `plane` times `factor`.
fn times(plane: Coefficients, factor: f32) -> Coefficients {
    Coefficients {
        a: plane.a * factor,
        b: plane.b * factor,
        c: plane.c * factor,
    }
}

/// Shaders look at the bits of coefficients, and expect no denormals.
fn normal(value: f32) -> u32 {
    if value.is_subnormal() {
        return 0;
    }
    value.to_bits()
}

/// How the words of the vertices become a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Model {
    /// That of the vertex of this number.
    Flat(usize),
    Linear,
    Perspective,
}

/// What a coefficient register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    InverseW,
    Depth,
    /// A word of the vertices' records.
    Word(u32, Model),
    /// Component of the point coordinate, divided by w or not.
    Point(u32, bool),
    Primitive,
    /// A word that vertices do not have.
    Nothing,
}

/// The bindings of a draw: registers and what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bindings(Vec<(u8, Source)>);

/// Words of a vertex's record that come before the first slot of a user's varying.
const POSITION: u32 = 4;

impl Bindings {
    /// Reads the list of a draw.
    ///
    /// # Errors
    ///
    /// A fault where it cannot be read, and what of it has no known meaning.
    pub fn read(memory: &dyn GpuMemory, usc_base: u64, draw: &DrawState) -> Result<Self, End> {
        let count = draw.fragment_shader[0] >> 16 & 0x7f;
        let offset = draw.fragment_shader[2] & !3;
        if count == 0 || offset == 0 {
            return Ok(Self::default());
        }
        // A header comes first; what it counts is known from the bindings.
        let at = usc_base.wrapping_add(offset.into());
        let mut bytes = vec![0; 4 * count as usize];
        read(memory, at.wrapping_add(4), &mut bytes, Unit::Ipp)?;
        let mut out = Vec::new();
        for (n, word) in bytes.chunks_exact(4).enumerate() {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            let refused =
                |what: String| End::Illegal(format!("coefficient binding {n} at {at:#x}: {what}"));
            let first = word >> 16 & 0xff;
            for k in 0..=word & 3 {
                let source = source(draw, word, k).map_err(refused)?;
                let register = first + k;
                if register >= COEFFICIENTS as u32 {
                    return Err(refused(format!("register {register}")));
                }
                out.push((register as u8, source));
            }
        }
        Ok(Self(out))
    }

    /// Appends the registers of a primitive to `out`, relative to region `region`. The point
    /// coordinate goes from the bottom to the top if `upwards`.
    pub fn fill<G: Geometry + ?Sized>(
        &self,
        scene: &G,
        primitive: u32,
        region: [u32; 2],
        upwards: bool,
        out: &mut Vec<(u8, [u32; 3])>,
    ) {
        for &(register, source) in &self.0 {
            let value = match source {
                Source::InverseW => plane(scene.inverse_w(primitive, region)),
                Source::Depth => scene.depth(primitive, region).map(|v| normal(v as f32)),
                Source::Word(word, Model::Flat(vertex)) => {
                    flat(scene.flat(primitive, vertex, word))
                }
                Source::Word(word, model) => {
                    plane(scene.varying(primitive, word, model == Model::Linear, region))
                }
                Source::Point(n, divided) => {
                    let of = point(scene, primitive, region, n, upwards);
                    plane(match divided {
                        true => times(of, scene.inverse_w(primitive, region).c),
                        false => of,
                    })
                }
                Source::Nothing => flat(0),
                Source::Primitive => flat(scene.primitive(primitive).id),
            };
            out.push((register, value));
        }
    }
}

/// Returns component `n` of a point's coordinate, which other shapes do not have. The third and
/// fourth are 0 and 1, which is inferred.
fn point<G: Geometry + ?Sized>(
    scene: &G,
    primitive: u32,
    region: [u32; 2],
    n: u32,
    upwards: bool,
) -> Coefficients {
    let constant = |c| Coefficients { a: 0.0, b: 0.0, c };
    match n {
        0 | 1 if scene.primitive(primitive).shape == Shape::Point => {
            let of = scene.point_coordinate(primitive, region)[n as usize];
            if n == 1 && upwards {
                from_below(of)
            } else {
                of
            }
        }
        3 => constant(1.0),
        _ => constant(0.0),
    }
}

/// Returns what component `k` of a binding is.
fn source(draw: &DrawState, word: u32, k: u32) -> Result<Source, String> {
    let slot = (word >> 8 & 0xff) + k;
    let with_depth = draw.output_select >> 21 & 1;
    match word >> 5 & 7 {
        0 => {}
        1 => return Ok(Source::Depth),
        // As of a varying, the shader multiplies by w what it takes with perspective.
        2 => return Ok(Source::Point(k, word >> 2 & 7 == 7)),
        3 => return Ok(Source::Primitive),
        other => return Err(format!("source {other}")),
    }
    let model = match word >> 2 & 7 {
        0 => Model::Flat(0),
        6 => Model::Flat(1),
        2 => Model::Flat(2),
        3 => Model::Linear,
        7 => Model::Perspective,
        other => return Err(format!("shade model {other}")),
    };
    Ok(match slot {
        0 => Source::InverseW,
        1 if with_depth == 1 => Source::Depth,
        _ => match slot - 1 - with_depth + POSITION {
            word if word < draw.uvs_words => Source::Word(word, model),
            _ => Source::Nothing,
        },
    })
}
