// SPDX-License-Identifier: MIT OR Apache-2.0

//! State of the geometry pipeline, which arrives in records.
//!
//! The first word of a record says which structures follow; what is not there keeps its value.

use std::fmt;

use super::scene::DrawState;
use super::vdm::only;
use crate::cdm::End;
use crate::fault::Unit;
use crate::{read, GpuMemory};

/// Viewports that there can be.
pub const VIEWPORTS: usize = 16;

/// Bits of the presence word that stand for structures.
const KNOWN: u32 = 0x1fff_ffff & !(1 << 9 | 1 << 20);

/// Bits of the presence word that count viewports, less one.
const COUNT: u32 = 15 << 12;

/// From normalised device coordinates to the window: `window = ndc * scale + offset`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Viewport {
    /// In x, y, z.
    pub offset: [f32; 3],
    /// In x, y, z.
    pub scale: [f32; 3],
}

/// What the records have said so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// What is handed on to the fragment half.
    pub draw: DrawState,
    /// Viewports.
    pub viewports: [Viewport; VIEWPORTS],
    /// How many of them are in use.
    pub viewport_count: usize,
    /// Smallest w that is drawn.
    pub w_clamp: f32,
    /// Structures that have been there, by their bit.
    pub seen: u32,
}

/// Returns words of the structure that `bit` stands for.
fn words(bit: u32, viewports: u32) -> u32 {
    match bit {
        10 => 2 * viewports,
        11 => 1 + 6 * viewports,
        23 => 4,
        28 => 2,
        _ => 1,
    }
}

/// Refuses a value of a field of the word at `va` that is none of `known`.
fn one_of(va: u64, what: &str, value: u32, known: &[u32]) -> Result<(), End> {
    match known.contains(&value) {
        true => Ok(()),
        false => Err(End::Illegal(format!("{what} {value} at {va:#x}"))),
    }
}

/// A record as its words, for their addresses.
struct Record {
    va: u64,
    words: Vec<u32>,
    at: usize,
}

impl Record {
    /// Returns the next word, in which only `known` bits may be set.
    fn next(&mut self, known: u32) -> Result<u32, End> {
        let (at, word) = (self.at, self.words[self.at]);
        self.at += 1;
        only(self.va + at as u64 * 4, word, known)?;
        Ok(word)
    }

    fn float(&mut self) -> Result<f32, End> {
        self.next(!0).map(f32::from_bits)
    }

    fn skip(&mut self, known: &[u32]) -> Result<(), End> {
        known
            .iter()
            .try_for_each(|&known| self.next(known).map(drop))
    }
}

impl State {
    /// Returns the state at the start of a stream: nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the record of `count` words at `va`.
    ///
    /// # Errors
    ///
    /// A fault if it cannot be read, [`End::Illegal`] for bits without known meaning and for a size
    /// that is not that of its structures.
    pub fn record(&mut self, mem: &dyn GpuMemory, va: u64, count: u32) -> Result<(), End> {
        let mut bytes = vec![0; count as usize * 4];
        read(mem, va, &mut bytes, Unit::Ppp)?;
        let words_of = bytes.chunks_exact(4);
        let words_of = words_of.map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]));
        let mut record = Record {
            va,
            words: words_of.collect(),
            at: 0,
        };
        if count == 0 {
            return Err(End::Illegal(format!("empty PPP record at {va:#x}")));
        }
        let present = record.next(KNOWN)?;
        let viewports = (present >> 12 & 15) + 1;
        let structures = present & !COUNT;
        let bits = || (0..29).filter(|bit| structures >> bit & 1 == 1);
        let size = bits().fold(1, |size, bit| size + words(bit, viewports));
        if size != count {
            return Err(End::Illegal(format!(
                "PPP record at {va:#x} of {count} words has structures of {size} ({present:#010x})"
            )));
        }
        for bit in bits() {
            self.structure(bit, viewports as usize, &mut record)?;
        }
        self.seen |= structures;
        Ok(())
    }

    fn structure(&mut self, bit: u32, viewports: usize, r: &mut Record) -> Result<(), End> {
        let draw = &mut self.draw;
        let va = r.va + r.at as u64 * 4;
        match bit {
            0 | 1 => draw.fragment_control[bit as usize] = r.next(0xe62f_c200)?,
            2 | 5 => {
                let word = r.next(0x072c_ffff)?;
                draw.face[usize::from(bit == 5)] = word;
                one_of(va, "polygon mode", word >> 18 & 3, &[0, 1, 2])?;
            }
            3 | 6 => {
                let word = r.next(0xf7e0_0000)?;
                draw.face2[usize::from(bit == 6)] = word;
                one_of(va, "object type", word >> 28, &[0, 1, 2, 4])?;
            }
            4 | 7 => draw.stencil[usize::from(bit == 7)] = r.next(0x0fff_ffff)?,
            8 => {
                let word = r.next(!0)?;
                draw.scissor = word as u16;
                draw.depth_bias = (word >> 16) as u16;
            }
            // The fine scissor lies inside the region.
            10 => (0..viewports).try_for_each(|_| r.skip(&[0x81ff_01ff, 0x01ff_01ff]))?,
            11 => {
                r.skip(&[0])?;
                self.viewport_count = viewports;
                for viewport in &mut self.viewports[..viewports] {
                    for axis in 0..3 {
                        viewport.offset[axis] = r.float()?;
                        viewport.scale[axis] = r.float()?;
                    }
                }
            }
            16 => {
                self.w_clamp = r.float()?;
                if !(self.w_clamp > 0.0 && self.w_clamp.is_finite()) {
                    let text = format!("smallest w {} at {va:#x}", self.w_clamp);
                    return Err(End::Illegal(text));
                }
            }
            // Clip planes from 8 on and barycentric coordinates are not in use.
            17 => draw.output_select = r.next(0x003d_00ff)?,
            18 => {
                let [smooth, flat, linear, _] = r.next(0x00ff_ffff)?.to_le_bytes();
                draw.varyings = [smooth, flat, linear];
            }
            19 => r.skip(&[0])?,
            21 => draw.cull[0] = r.next(0x0003_8d83)?,
            // Discard is said by the first word.
            22 => draw.cull[1] = r.next(1 << 5 | 1 << 12)?,
            23 => {
                for (word, known) in [0x007f_ffff, !0x3c, !3, 15].into_iter().enumerate() {
                    draw.fragment_shader[word] = r.next(known)?;
                }
            }
            24 => draw.occlusion = (r.next(!0x1_ffff)? >> 17) as u16,
            25 | 26 => r.skip(&[0])?,
            27 => {
                draw.uvs_words = r.next(!0)?;
                if draw.uvs_words > 255 {
                    let text = format!("record of {} words at {va:#x}", draw.uvs_words);
                    return Err(End::Illegal(text));
                }
            }
            28 => r.skip(&[0, 0])?,
            other => return Err(End::Illegal(format!("PPP structure {other} at {va:#x}"))),
        }
        Ok(())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let d = &self.draw;
        write!(
            f,
            "fragment control {:#x?}, face {:#x?} {:#x?}, stencil {:#x?}",
            d.fragment_control, d.face, d.face2, d.stencil
        )?;
        write!(f, ", scissor {}, bias {}", d.scissor, d.depth_bias)?;
        write!(
            f,
            ", outputs {:#x}, varyings {:?}, cull {:#x?}, fragment shader {:#x?}",
            d.output_select, d.varyings, d.cull, d.fragment_shader
        )?;
        write!(f, ", query {}, record {} words", d.occlusion, d.uvs_words)?;
        for (i, v) in self.viewports[..self.viewport_count].iter().enumerate() {
            write!(f, ", viewport {i} {:?}+{:?}", v.scale, v.offset)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "ppp_tests.rs"]
mod tests;
