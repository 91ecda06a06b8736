// SPDX-License-Identifier: MIT OR Apache-2.0

//! Loads and stores of depth and stencil.

use super::depth::{DepthFormat, DepthStencil};
use super::scene::REGION;
use super::{Frame, Plane, Zls};
use crate::cdm::End;
use crate::fault::{Fault, Unit};
use crate::texture::layout::{Layout, Order, Shape, SQUARE, SQUARE_PLACES};
use crate::texture::metadata::{Metadata, State};
use crate::tlb::Tlb;

/// Bits of the control: order and compression of each plane, loads, stores, format. Those of
/// resolves, 56 and 58, are set by no program.
const KNOWN: u64 = 0x1fe | 3 << 14 | 3 << 18 | 3 << 25;

/// Samples that are loaded or stored in about the time of an instruction.
const SAMPLES_PER_INSTRUCTION: u64 = 4;

/// What an access is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aspect {
    Depth,
    Stencil,
}

/// A surface of depth or stencil as one access sees it.
struct Surface {
    plane: Plane,
    layout: Layout,
    bytes: u64,
    aspect: Aspect,
    metadata: Option<Metadata>,
}

/// The loads and stores of a command.
pub(super) struct Surfaces {
    loads: Vec<Surface>,
    stores: Vec<Surface>,
    /// The same between the parts of a frame that is rendered in parts: all that have a place.
    partial_loads: Vec<Surface>,
    partial_stores: Vec<Surface>,
    size: [u32; 2],
    samples: u32,
    pub format: DepthFormat,
}

/// When an access is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// At the start and end of the frame.
    Frame,
    /// Between parts of a frame.
    Part,
}

fn bit(word: u64, bit: u32) -> bool {
    word >> bit & 1 == 1
}

impl Surfaces {
    /// Returns what `zls` says for a frame.
    ///
    /// # Errors
    ///
    /// What of it has no known meaning.
    pub fn new(zls: &Zls, frame: &Frame) -> Result<Self, End> {
        let refused = |what: String| End::Illegal(format!("zls_ctrl {:#x}: {what}", zls.control));
        let format = match zls.control >> 25 & 3 {
            0 => DepthFormat::Float,
            2 => DepthFormat::Unorm16,
            other => return Err(refused(format!("depth format {other}"))),
        };
        let unknown = zls.control & !KNOWN;
        if unknown != 0 {
            let bit = unknown.trailing_zeros();
            return Err(refused(format!("bit {bit} has no known meaning")));
        }
        let size = [zls.pixels & 0x7fff, zls.pixels >> 15 & 0x7fff].map(|n| n + 1);
        // The bit that says that a surface is compressed follows the one of its order.
        let surface = |plane: Plane, twiddled: u32, aspect| {
            let bytes = match (aspect, format) {
                (Aspect::Stencil, _) => 1,
                (_, DepthFormat::Float) => 4,
                (_, DepthFormat::Unorm16) => 2,
            };
            let order = if bit(zls.control, twiddled) {
                Order::Twiddled
            } else {
                Order::Tiled
            };
            let shape = Shape {
                order,
                bytes: bytes * u64::from(frame.samples),
                width: size[0],
                height: size[1],
                block: [1, 1],
                mipmapped: false,
                page_aligned: true,
                depth: 1,
                named: 1,
            };
            let metadata = bit(zls.control, twiddled + 1).then(|| {
                let stride = (u64::from(plane.comp_stride >> 14) + 1) * 128;
                Metadata::new(plane.comp_base, size, frame.samples, bytes as usize, 1)
                    .with_layer_stride(stride)
            });
            Surface {
                plane,
                layout: shape.layout(),
                bytes,
                aspect,
                metadata,
            }
        };
        // Plane, bit of the order, bit that enables the access.
        let loads = [
            (zls.depth_load, 1, Aspect::Depth, 15),
            (zls.stencil_load, 3, Aspect::Stencil, 14),
        ];
        let stores = [
            (zls.depth_store, 5, Aspect::Depth, 19),
            (zls.stencil_store, 7, Aspect::Stencil, 18),
        ];
        let enabled = |list: &[(Plane, u32, Aspect, u32)]| {
            let on = list.iter().filter(|entry| bit(zls.control, entry.3));
            on.map(|&(plane, order, aspect, _)| surface(plane, order, aspect))
                .collect()
        };
        let placed = |list: &[(Plane, u32, Aspect, u32)]| {
            let there = list.iter().filter(|entry| entry.0.base != 0);
            there
                .map(|&(plane, order, aspect, _)| surface(plane, order, aspect))
                .collect()
        };
        Ok(Self {
            loads: enabled(&loads),
            stores: enabled(&stores),
            partial_loads: placed(&loads),
            partial_stores: placed(&stores),
            size,
            samples: frame.samples,
            format,
        })
    }

    /// Loads what is loaded of region `region` in `layer`.
    ///
    /// # Errors
    ///
    /// Where memory cannot be read.
    pub fn load(
        &self,
        when: When,
        layer: u32,
        region: [u32; 2],
        target: &mut DepthStencil,
        tlb: &mut Tlb<'_>,
    ) -> Result<(), End> {
        let list = match when {
            When::Frame => &self.loads,
            When::Part => &self.partial_loads,
        };
        for surface in list {
            let mut solid = Solid::default();
            self.each(surface, layer, region, |texel, sample, index| {
                let at = match &surface.metadata {
                    Some(metadata) => {
                        let first = solid.first(metadata, layer, texel, tlb)?;
                        first.map_or(texel.sample(sample, surface.bytes), |[x, y]| {
                            let corner = surface.layout.offset(0, x, y);
                            texel.base.wrapping_add(corner)
                        })
                    }
                    None => texel.sample(sample, surface.bytes),
                };
                let mut bytes = [0; 4];
                let len = surface.bytes as usize;
                tlb.read(at, &mut bytes[..len]).map_err(fault)?;
                match surface.aspect {
                    Aspect::Stencil => target.stencil[index] = bytes[0],
                    Aspect::Depth => {
                        let word = u32::from_le_bytes(bytes);
                        target.depth[index] = match self.format {
                            DepthFormat::Float => f32::from_bits(word),
                            DepthFormat::Unorm16 => word as f32,
                        };
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Stores what is stored of region `region` in `layer`.
    ///
    /// # Errors
    ///
    /// Where memory cannot be written.
    pub fn store(
        &self,
        when: When,
        layer: u32,
        region: [u32; 2],
        target: &DepthStencil,
        tlb: &mut Tlb<'_>,
    ) -> Result<(), End> {
        let list = match when {
            When::Frame => &self.stores,
            When::Part => &self.partial_stores,
        };
        for surface in list {
            if let Some(metadata) = &surface.metadata {
                self.mark(metadata, layer, region, tlb)?;
            }
            let word = |index: usize| match (surface.aspect, self.format) {
                (Aspect::Stencil, _) => target.stencil[index].into(),
                (_, DepthFormat::Float) => target.depth[index].to_bits(),
                (_, DepthFormat::Unorm16) => target.depth[index] as u32,
            };
            if self.is_whole(region) && surface.layout.has_squares(0) {
                self.store_squares(surface, layer, region, word, tlb)?;
                continue;
            }
            self.each(surface, layer, region, |texel, sample, index| {
                let at = texel.sample(sample, surface.bytes);
                let bytes = &word(index).to_le_bytes()[..surface.bytes as usize];
                tlb.write(at, bytes).map_err(fault)
            })?;
        }
        Ok(())
    }

    /// Returns what loads and stores of a region cost, in instructions.
    pub fn work(&self, when: When) -> u64 {
        let surfaces = match when {
            When::Frame => self.loads.len() + self.stores.len(),
            When::Part => self.partial_loads.len() + self.partial_stores.len(),
        };
        let samples = u64::from(REGION * REGION * self.samples);
        surfaces as u64 * samples / SAMPLES_PER_INSTRUCTION
    }

    /// Whether all of a region is in the surfaces.
    fn is_whole(&self, region: [u32; 2]) -> bool {
        let inside = |axis: usize| (region[axis] + 1) * REGION <= self.size[axis];
        inside(0) && inside(1)
    }

    /// Stores a whole region, square after square: the texels of each follow each other in memory.
    /// `word` is what is stored of a sample of the region.
    fn store_squares(
        &self,
        surface: &Surface,
        layer: u32,
        [x0, y0]: [u32; 2],
        word: impl Fn(usize) -> u32,
        tlb: &mut Tlb<'_>,
    ) -> Result<(), End> {
        let size = surface.bytes as usize;
        // Four samples of four bytes are the most.
        let mut buffer = [0; (SQUARE * SQUARE * 16) as usize];
        for (down, right) in squares() {
            let mut samples = buffer.chunks_exact_mut(size);
            for [x, y] in &SQUARE_PLACES {
                let (x, y) = (right + u32::from(*x), down + u32::from(*y));
                let first = (y * REGION + x) * self.samples;
                for (index, to) in (first..first + self.samples).zip(&mut samples) {
                    let bytes = word(index as usize).to_le_bytes();
                    match to {
                        [a, b, c, d] => [*a, *b, *c, *d] = bytes,
                        to => to.copy_from_slice(&bytes[..size]),
                    }
                }
            }
            let place = (surface.layout).offset(0, x0 * REGION + right, y0 * REGION + down);
            let at = self.layer(surface, layer).wrapping_add(place);
            let bytes = size * (SQUARE * SQUARE * self.samples) as usize;
            tlb.write(at, &buffer[..bytes]).map_err(fault)?;
        }
        Ok(())
    }

    /// Returns the address of a layer.
    fn layer(&self, surface: &Surface, layer: u32) -> u64 {
        let stride = (u64::from(surface.plane.stride >> 14) + 1) * crate::backing::PAGE;
        // With a single layer the stride means nothing.
        let layers = u64::from(layer).wrapping_mul(stride);
        surface.plane.base.wrapping_add(layers)
    }

    /// Says of all squares of a region that they are raw: all of them are written.
    fn mark(
        &self,
        metadata: &Metadata,
        layer: u32,
        place: [u32; 2],
        tlb: &mut Tlb<'_>,
    ) -> Result<(), End> {
        let [x0, y0] = place.map(|n| n * REGION);
        let [width, height] = self.size;
        let [across, down] = metadata.square();
        for y in (y0..height.min(y0 + REGION)).step_by(down as usize) {
            for x in (x0..width.min(x0 + REGION)).step_by(across as usize) {
                if let Some(entry) = metadata.entry(0, layer, x, y) {
                    tlb.write(entry, &metadata.raw()).map_err(fault)?;
                }
            }
        }
        Ok(())
    }

    /// Calls `access` with place, sample and number of each sample of a region that is in the
    /// surface.
    fn each(
        &self,
        surface: &Surface,
        layer: u32,
        [x0, y0]: [u32; 2],
        mut access: impl FnMut(Texel, u32, usize) -> Result<(), End>,
    ) -> Result<(), End> {
        let base = self.layer(surface, layer);
        let [x0, y0] = [x0 * REGION, y0 * REGION];
        let [width, height] = self.size;
        let layout = &surface.layout;
        let start = base.wrapping_add(layout.offset(0, 0, 0));
        let columns: [u64; REGION as usize] =
            std::array::from_fn(|n| layout.column(0, x0 + n as u32));
        for y in y0..height.min(y0 + REGION) {
            let row = start.wrapping_add(layout.row(0, y));
            for (x, column) in (x0..width.min(x0 + REGION)).zip(columns) {
                let at = row.wrapping_add(column);
                let texel = Texel { base, at, x, y };
                let first = ((y - y0) * REGION + x - x0) * self.samples;
                for sample in 0..self.samples {
                    access(texel, sample, (first + sample) as usize)?;
                }
            }
        }
        Ok(())
    }
}

/// Returns the upper and left edge of each square of a region.
fn squares() -> impl Iterator<Item = (u32, u32)> {
    let edges = || (0..REGION).step_by(SQUARE as usize);
    edges().flat_map(move |down| edges().map(move |right| (down, right)))
}

/// A pixel of a surface.
#[derive(Clone, Copy)]
struct Texel {
    /// Address of the layer.
    base: u64,
    /// Address of the pixel.
    at: u64,
    x: u32,
    y: u32,
}

impl Texel {
    fn sample(&self, sample: u32, bytes: u64) -> u64 {
        self.at.wrapping_add(u64::from(sample) * bytes)
    }
}

/// The square that was looked at last.
#[derive(Default)]
struct Solid(Option<(u64, State)>);

impl Solid {
    /// Returns where the square of a pixel starts, if it is of one colour.
    fn first(
        &mut self,
        metadata: &Metadata,
        layer: u32,
        texel: Texel,
        tlb: &mut Tlb<'_>,
    ) -> Result<Option<[u32; 2]>, End> {
        let Some(entry) = metadata.entry(0, layer, texel.x, texel.y) else {
            return Ok(None);
        };
        let state = match self.0 {
            Some((at, state)) if at == entry => state,
            _ => {
                let mut bytes = [0; 8];
                tlb.read(entry, &mut bytes).map_err(fault)?;
                let state = metadata.state(bytes);
                self.0 = Some((entry, state));
                state
            }
        };
        let [across, down] = metadata.square();
        let first = [texel.x & !(across - 1), texel.y & !(down - 1)];
        Ok((state == State::Solid).then_some(first))
    }
}

fn fault(access: crate::fault::AccessError) -> End {
    End::Fault(Fault {
        access,
        unit: Unit::Zls,
    })
}
