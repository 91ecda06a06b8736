// SPDX-License-Identifier: MIT OR Apache-2.0

//! Samples and fetches of the usual kind, all lanes at once. The image is 2D, and its channels are
//! bytes; samples are repeated or clamped to its edge, and fetches are inside.
//!
//! The values are those of [`super::sample`], which does everything else, and whatever here turns
//! out to be unusual: a page that is not there, a square of one colour.

use agx_isa::exec::host::{bits, Dim, LodMode, Numeric, TextureOp, TextureRequest, TextureResult};
use agx_isa::exec::LANES;

use super::descriptor::{Image, Mip, Sampler, Wrap};
use super::lod::{detail, Quads};
use super::metadata::{Metadata, State};
use super::texel::Table;

/// Memory that texels are in.
pub trait Texels {
    /// Reads `size` bytes (1, 2 or 4) at each address, which is aligned to them; `false` if one may
    /// not be read.
    fn texels(&mut self, at: &[u64], size: usize, out: &mut [u32]) -> bool;

    /// Reads eight bytes; none if they may not be read.
    fn metadata(&mut self, at: u64) -> Option<[u8; 8]>;
}

type Floats = [f32; LANES];

/// Places along an axis: two neighbours, and the share of the second.
struct Axis {
    at: [[u32; LANES]; 2],
    share: Floats,
}

/// Texels of one level.
struct Quick<'a, 'm> {
    request: &'a TextureRequest,
    image: &'a Image,
    /// Of a sample.
    sampler: Option<&'a Sampler>,
    table: &'static Table,
    memory: &'m mut dyn Texels,
}

/// Carries a request out if it is of the usual kind; `false` if it is not, and nothing is done. A
/// sample without a `sampler` is not.
pub fn run(
    request: &TextureRequest,
    image: &Image,
    sampler: Option<&Sampler>,
    result: &mut TextureResult,
    memory: &mut dyn Texels,
) -> bool {
    let Some(table) = image.codec.table_of_bytes() else {
        return false;
    };
    let usual = (request.op == TextureOp::Fetch) == sampler.is_none()
        && request.dim == Dim::D2
        && !request.query_lod
        && request.compare.is_none()
        && request.offset.is_none()
        && request.gather.is_none()
        && image.samples == 1
        && !image.sparse
        && image.codec.numeric() == Numeric::Float
        && matches!(image.codec.bytes(), 1 | 2 | 4)
        && sampler.is_none_or(|sampler| {
            let usual = |mode| matches!(mode, Wrap::Edge | Wrap::Repeat);
            usual(sampler.wrap[0]) && usual(sampler.wrap[1]) && sampler.max_anisotropy == 1
        });
    if !usual {
        return false;
    }
    let mut quick = Quick {
        request,
        image,
        sampler,
        table,
        memory,
    };
    let channels = match sampler {
        Some(sampler) => quick.sample(sampler),
        None => quick.fetch(),
    };
    let Some(channels) = channels else {
        return false;
    };
    result.numeric = Numeric::Float;
    result.residency = [0; LANES];
    for (to, from) in result.channels.iter_mut().zip(image.swizzle) {
        let values = match from {
            0..=3 => channels[usize::from(from)].map(f32::to_bits),
            4 => [1.0f32.to_bits(); LANES],
            _ => [0; LANES],
        };
        if request.mask == !0 {
            *to = values;
            continue;
        }
        for lane in bits(request.mask) {
            to[lane] = values[lane];
        }
    }
    true
}

fn mix(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

impl Quick<'_, '_> {
    /// Fetches texels, all of one level and inside of it.
    fn fetch(&mut self) -> Option<[Floats; 4]> {
        let (request, image) = (self.request, self.image);
        let mask = request.mask;
        let level = |lane: usize| match request.lod.mode {
            LodMode::Auto => 0,
            _ => request.lod.value[lane] & 0xffff,
        };
        let first = level(mask.trailing_zeros() as usize % LANES);
        if bits(mask).any(|lane| level(lane) != first) {
            return None;
        }
        let level = image.first_level.checked_add(first)?;
        if level > image.last_level {
            return None;
        }
        let [width, height, _] = image.size(level);
        let [x, y, ..] = request.coordinates;
        if bits(mask).any(|lane| x[lane] >= width || y[lane] >= height) {
            return None;
        }
        let axis = |at| Axis {
            at: [at; 2],
            share: [0.0; LANES],
        };
        self.texels(level, mask, false, &axis(x), &axis(y))
    }

    fn sample(&mut self, sampler: &Sampler) -> Option<[Floats; 4]> {
        let (image, mask) = (self.image, self.request.mask);
        let levels = image.last_level - image.first_level;
        if levels == 0 && sampler.min_linear == sampler.mag_linear {
            return self.level(image.first_level, mask, sampler.min_linear);
        }
        // As the sampler wants it: levels, share of the second, whether texels are mixed.
        let mut quads = Quads::default();
        let (mut near, mut far) = ([0; LANES], [0; LANES]);
        let mut share = [0.0; LANES];
        let mut linear = 0;
        for lane in bits(mask) {
            let lod = detail(self.request, image, sampler, &mut quads, lane).limited;
            let filter = match lod > 0.0 {
                true => sampler.min_linear,
                false => sampler.mag_linear,
            };
            linear |= u32::from(filter) << lane;
            let limited = lod.clamp(0.0, levels as f32);
            near[lane] = match sampler.mip {
                Mip::None => 0,
                Mip::Nearest => ((limited + 0.5).ceil() - 1.0) as u32,
                Mip::Linear => limited.floor() as u32,
            };
            far[lane] = near[lane];
            if sampler.mip == Mip::Linear {
                share[lane] = limited - limited.floor();
                far[lane] += u32::from(share[lane] != 0.0);
            }
        }
        let first = self.levels(&near, linear)?;
        let between = bits(mask).fold(0, |all, lane| all | u32::from(share[lane] != 0.0) << lane);
        if between == 0 {
            return Some(first);
        }
        let second = self.levels(&far, linear)?;
        let mut out = first;
        for (out, second) in out.iter_mut().zip(&second) {
            for lane in bits(between) {
                out[lane] = mix(out[lane], second[lane], share[lane]);
            }
        }
        Some(out)
    }

    /// Samples, each lane its level, counted from the first one.
    fn levels(&mut self, levels: &[u32; LANES], linear: u32) -> Option<[Floats; 4]> {
        let mut out = [[0.0; LANES]; 4];
        let mut left = self.request.mask;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            let key = |lane: usize| (levels[lane], linear >> lane & 1);
            let same = bits(left).filter(|&other| key(other) == key(lane));
            let lanes = same.fold(0, |all, lane| all | 1 << lane);
            left &= !lanes;
            let level = self.image.first_level + levels[lane];
            let found = self.level(level, lanes, key(lane).1 == 1)?;
            if lanes == self.request.mask {
                return Some(found);
            }
            for (out, found) in out.iter_mut().zip(&found) {
                for lane in bits(lanes) {
                    out[lane] = found[lane];
                }
            }
        }
        Some(out)
    }

    /// Returns where lanes look along an axis, as [`super::filter::taps`] has it.
    fn axis(&self, sampler: &Sampler, axis: usize, size: u32, linear: bool) -> Axis {
        let scale = match sampler.pixel_coordinates {
            true => 1.0,
            false => size as f32,
        };
        let last = size as i32 - 1;
        let back = if linear { 0.5 } else { 0.0 };
        let mut out = Axis {
            at: [[0; LANES]; 2],
            share: [0.0; LANES],
        };
        let mut first = [0; LANES];
        for (lane, &at) in self.request.coordinates[axis].iter().enumerate() {
            let u = f32::from_bits(at) * scale;
            let low = if u >= -1e9 { u } else { -1e9 };
            let both = if low < 1e9 { low } else { 1e9 };
            let u = if u.is_nan() { 0.0 } else { both } - back;
            // Rounded down: the cast is towards zero.
            let whole = u as i32;
            let above = i32::from(whole as f32 > u);
            first[lane] = whole - above;
            out.share[lane] = if linear { u - first[lane] as f32 } else { 0.0 };
        }
        for (n, out) in (0..).zip(&mut out.at) {
            match sampler.wrap[axis] {
                Wrap::Repeat if size.is_power_of_two() => {
                    for (out, &first) in out.iter_mut().zip(&first) {
                        *out = (first + n) as u32 & last as u32;
                    }
                }
                Wrap::Repeat => {
                    for (out, &first) in out.iter_mut().zip(&first) {
                        *out = (first + n).rem_euclid(size as i32) as u32;
                    }
                }
                _ => {
                    for (out, &first) in out.iter_mut().zip(&first) {
                        *out = (first + n).clamp(0, last) as u32;
                    }
                }
            }
        }
        out
    }

    /// Samples one level, in these lanes.
    fn level(&mut self, level: u32, lanes: u32, linear: bool) -> Option<[Floats; 4]> {
        let [width, height, _] = self.image.size(level);
        let sampler = self.sampler?;
        let x = self.axis(sampler, 0, width, linear);
        let y = self.axis(sampler, 1, height, linear);
        self.texels(level, lanes, linear, &x, &y)
    }

    /// The texels at these places of a level, mixed if `linear`.
    fn texels(
        &mut self,
        level: u32,
        lanes: u32,
        linear: bool,
        x: &Axis,
        y: &Axis,
    ) -> Option<[Floats; 4]> {
        let image = self.image;
        let corners: &[[usize; 2]] = match linear {
            true => &[[0, 0], [1, 0], [0, 1], [1, 1]],
            false => &[[0, 0]],
        };
        if let Some(metadata) = &image.metadata {
            self.all_raw(metadata, level, lanes, corners, x, y)?;
        }
        let start = image.address + image.layout.offset(level, 0, 0);
        // Loops are faster than to map arrays of arrays.
        let (mut columns, mut rows) = ([[0; LANES]; 2], [[0; LANES]; 2]);
        for n in 0..if linear { 2 } else { 1 } {
            for lane in 0..LANES {
                columns[n][lane] = image.layout.column(level, x.at[n][lane]);
                rows[n][lane] = image.layout.row(level, y.at[n][lane]);
            }
        }
        // Lanes that do not sample look where one does that samples.
        let spare = lanes.trailing_zeros() as usize % LANES;
        for n in 0..if linear { 2 } else { 1 } {
            let (column, row) = (columns[n][spare], rows[n][spare]);
            for lane in 0..LANES {
                if lanes >> lane & 1 == 0 {
                    (columns[n][lane], rows[n][lane]) = (column, row);
                }
            }
        }
        let size = image.codec.bytes();
        let mut addresses = [0; LANES];
        let mut words = [0; LANES];
        let mut channels = [[[0.0; LANES]; 4]; 4];
        for (corner, channels) in corners.iter().zip(&mut channels) {
            let (columns, rows) = (&columns[corner[0]], &rows[corner[1]]);
            for lane in 0..LANES {
                addresses[lane] = start + columns[lane] + rows[lane];
            }
            let texels = self.memory.texels(&addresses, size, &mut words);
            texels.then_some(())?;
            for (n, channel) in channels.iter_mut().enumerate() {
                if n >= size {
                    *channel = [f32::from(u8::from(n == 3)); LANES];
                    continue;
                }
                let table = &self.table[n];
                for (value, word) in channel.iter_mut().zip(&words) {
                    *value = f32::from_bits(table[(word >> (8 * n) & 0xff) as usize]);
                }
            }
        }
        let [a, b, c, d] = &channels;
        if !linear {
            return Some(*a);
        }
        let mut out = [[0.0; LANES]; 4];
        for (n, out) in out.iter_mut().enumerate() {
            for (lane, out) in out.iter_mut().enumerate() {
                let upper = mix(a[n][lane], b[n][lane], x.share[lane]);
                let lower = mix(c[n][lane], d[n][lane], x.share[lane]);
                *out = mix(upper, lower, y.share[lane]);
            }
        }
        Some(out)
    }

    /// Looks whether all texels lie in memory as they are.
    fn all_raw(
        &mut self,
        metadata: &Metadata,
        level: u32,
        lanes: u32,
        corners: &[[usize; 2]],
        x: &Axis,
        y: &Axis,
    ) -> Option<()> {
        let [width, height] = metadata.square().map(u32::ilog2);
        let mut last = None;
        for lane in bits(lanes) {
            for corner in corners {
                let (x, y) = (x.at[corner[0]][lane], y.at[corner[1]][lane]);
                let square = Some((x >> width, y >> height));
                if square == last {
                    continue;
                }
                last = square;
                let Some(entry) = metadata.entry(level, 0, x, y) else {
                    continue;
                };
                let bytes = self.memory.metadata(entry)?;
                (metadata.state(bytes) == State::Raw).then_some(())?;
            }
        }
        Some(())
    }
}
