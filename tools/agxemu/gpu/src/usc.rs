// SPDX-License-Identifier: MIT OR Apache-2.0

//! The words that describe a shader and what it is given ("USC words").
//!
//! A byte stream of tagged records, packed without padding, which ends at one of the two preshader
//! records.

use crate::fault::{Fault, Unit};
use crate::{read, GpuMemory};

/// Longest list that is followed, in records.
///
/// The register files bound any useful list: 512 uniform halves, 256 texture registers and 16
/// samplers make fewer than 1024 records even at one register each.
const MAX_RECORDS: usize = 1024;

/// The fragment properties as programs set them: what most of it says is not known, two bits of it
/// would discard each fragment.
const FRAGMENT: u32 = 0x0002_f258;
/// Tests before the shader.
const FRAGMENT_EARLY: u32 = 1 << 8;

/// Why a list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Part of it cannot be read.
    Fault(Fault),
    /// It makes no sense; the text says where and why.
    Malformed(String),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Error::Fault(fault)
    }
}

/// A range of registers filled from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// First register: a half for uniforms, a descriptor for textures and samplers.
    pub start: u16,
    /// Number of registers.
    pub count: u16,
    /// Where the contents come from.
    pub address: u64,
}

/// Threadgroup memory, and the image block in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedMemory {
    /// Bytes of a threadgroup.
    pub bytes: u32,
    /// Width and height of the image block in pixels; `None` for the layout without one.
    pub block: Option<[u32; 2]>,
    /// Samples of a pixel.
    pub samples: u32,
    /// Bytes of a sample.
    pub stride: u32,
}

/// A decoded list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pipeline {
    /// Uniform registers, in halves.
    pub uniforms: Vec<Binding>,
    /// Texture state registers.
    pub textures: Vec<Binding>,
    /// Sampler state registers.
    pub samplers: Vec<Binding>,
    /// Offset of the shader from the USC base.
    pub shader: Option<u32>,
    /// Offset of the preshader from the USC base, when there is one.
    pub preshader: Option<u32>,
    /// General purpose registers of a thread, in halves.
    pub gprs: Option<u16>,
    /// Threadgroup memory, when the shader uses any.
    pub shared: Option<SharedMemory>,
    /// The fragment properties word, which only fragment shaders of draws have.
    pub fragment: Option<u32>,
}

fn bits(value: u64, low: u32, high: u32) -> u64 {
    (value >> low) & (u64::MAX >> (63 - (high - low)))
}

/// Returns a count whose largest value is stored as zero.
fn count(value: u64, max: u16) -> u16 {
    if value == 0 {
        max
    } else {
        value as u16
    }
}

impl Pipeline {
    /// Decodes the list at `va`.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] if a record cannot be read, [`Error::Malformed`] for an unknown tag, a list
    /// without end or one that names no shader.
    pub fn decode(mem: &dyn GpuMemory, va: u64) -> Result<Self, Error> {
        let mut pipeline = Self::default();
        let mut at = va;
        for _ in 0..MAX_RECORDS {
            let mut tag = [0];
            read(mem, at, &mut tag, Unit::Ipp)?;
            let len = match tag[0] {
                0x1d | 0x3d | 0xdd | 0x9d | 0x38 => 8,
                0x4d | 0x8d | 0x58 => 4,
                0x0d => 6,
                0x88 => 2,
                other => {
                    return Err(Error::Malformed(format!(
                        "unknown USC word {other:#04x} at {at:#x}"
                    )))
                }
            };
            let mut bytes = [0; 8];
            read(mem, at, &mut bytes[..len], Unit::Ipp)?;
            let word = u64::from_le_bytes(bytes);
            let last = pipeline
                .word(tag[0], word)
                .map_err(|text| Error::Malformed(format!("USC word at {at:#x}: {text}")))?;
            if last {
                return match pipeline.shader {
                    Some(_) => Ok(pipeline),
                    None => Err(Error::Malformed(format!(
                        "USC words at {va:#x} name no shader"
                    ))),
                };
            }
            at += len as u64;
        }
        Err(Error::Malformed(format!("USC words at {va:#x} do not end")))
    }

    /// Returns whether depth and stencil are tested before the shader, and not by it.
    pub fn early_z(&self) -> bool {
        self.fragment.is_some_and(|word| word & FRAGMENT_EARLY != 0)
    }

    /// Takes one record in; `true` if it ends the list.
    fn word(&mut self, tag: u8, word: u64) -> Result<bool, String> {
        match tag {
            0x1d | 0x3d => {
                let high = if tag == 0x3d { 256 } else { 0 };
                self.uniforms.push(Binding {
                    start: bits(word, 8, 15) as u16 + high,
                    count: count(bits(word, 20, 25), 64),
                    address: bits(word, 26, 63) << 2,
                });
            }
            0xdd | 0x9d => {
                let binding = Binding {
                    start: bits(word, 8, 15) as u16,
                    count: bits(word, 20, 26) as u16,
                    address: bits(word, 27, 62) << 3,
                };
                if tag == 0xdd {
                    self.textures.push(binding);
                } else {
                    self.samplers.push(binding);
                }
            }
            0x4d => {
                let layout = bits(word, 10, 15);
                let block = match layout {
                    0x24 => None,
                    0x2f => Some([32, 32]),
                    0x3f => Some([32, 16]),
                    0x36 => Some([16, 16]),
                    other => return Err(format!("threadgroup memory layout {other:#x}")),
                };
                let memory = SharedMemory {
                    bytes: u32::from(count(bits(word, 24, 31), 256)) * 256,
                    block,
                    samples: 1 << bits(word, 16, 17),
                    stride: bits(word, 20, 23) as u32 * 8,
                };
                self.shared = (bits(word, 8, 8) != 0).then_some(memory);
            }
            0x0d => self.shader = Some(bits(word, 16, 47) as u32),
            0x8d => self.gprs = Some(count(bits(word, 8, 12), 32) * 8),
            0x38 => {
                self.preshader = Some(bits(word, 32, 63) as u32);
                return Ok(true);
            }
            0x88 => return Ok(true),
            // 0x58: fragment properties.
            _ => {
                let word = word as u32;
                if word & !FRAGMENT_EARLY != FRAGMENT {
                    return Err(format!("fragment properties {word:#x}"));
                }
                self.fragment = Some(word);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
#[path = "usc_tests.rs"]
mod tests;
