// SPDX-License-Identifier: MIT OR Apache-2.0

//! Fragment groups: what their lanes know of their pixels, and the instructions of their own.
//!
//! The samples of a pixel, as one lane sees them:
//!
//! ```text
//!                    sample_mask without it
//!            ┌────────────────────────────────────┐
//!            │                                    ▼
//!  covered ─► live ──sample_mask, zs_emit──► test ──fails──► dead
//!                                             │
//!                                          passes
//!                                             ▼
//!                                     live and tested: nothing changes it any more
//! ```
//!
//! A lane without a live sample is a helper. It goes on, as its neighbours take differences with
//! it, but writes nothing; that atomic accesses are among what it does not do is inferred.

use super::host::{bits, HostFault, LaneFault, SampleTest, TextureRequest, TextureResult};
use super::op::{Iterate, Place, Src};
use super::run::{unsupported, Flow, Machine, Outcome};
use super::{float, half, FaultKind, Group, Host, Lanes, Shared, LANES};

/// Quads of a group.
pub const QUADS: usize = LANES / 4;

/// Coefficient registers.
pub const COEFFICIENTS: usize = 256;

/// Width and height of the region that interpolation counts pixels in.
pub const REGION: u32 = 32;

/// A coefficient register: A, B and C of each quad as raw bits, for `A·x + B·y + C`.
pub type Coefficient = [[u32; QUADS]; 3];

/// What the lanes of a fragment group know of their pixels.
///
/// The lanes of a quad are the upper left, upper right, lower left and lower right pixel.
#[derive(Clone, Debug)]
pub struct Pixels {
    /// Pixels from the left of the frame.
    pub x: Lanes,
    /// Pixels from the top of the frame.
    pub y: Lanes,
    /// Samples that the primitive covers.
    pub covered: Lanes,
    /// Those of them that are neither killed nor have failed a test.
    pub live: Lanes,
    /// Those that no test is made of any more.
    pub tested: Lanes,
    /// Lanes that see the back of the primitive.
    pub back: u32,
    /// Samples of a pixel: 1, 2 or 4.
    pub samples: u32,
    /// Places of the samples in the pixel, from its upper left corner.
    pub places: [[f32; 2]; 4],
    /// Width and height of a tile, as the shader is told.
    pub tile: [u32; 2],
    /// Coefficient registers.
    pub coefficients: Box<[Coefficient; COEFFICIENTS]>,
}

impl Default for Pixels {
    fn default() -> Self {
        Self {
            x: [0; LANES],
            y: [0; LANES],
            covered: [0; LANES],
            live: [0; LANES],
            tested: [0; LANES],
            back: 0,
            samples: 1,
            places: [[0.5; 2]; 4],
            tile: [REGION; 2],
            coefficients: Box::new([[[0; QUADS]; 3]; COEFFICIENTS]),
        }
    }
}

impl Pixels {
    /// Returns the mask of all samples of a pixel.
    pub fn all(&self) -> u32 {
        (1 << self.samples) - 1
    }

    /// Returns the lanes with a live sample.
    fn real(&self) -> u32 {
        let live = self.live.iter().enumerate();
        live.fold(0, |real, (lane, &live)| real | u32::from(live != 0) << lane)
    }

    /// Returns the number of each lane's pixel in a tile, row after row.
    pub(super) fn in_tile(&self, width: u32, height: u32) -> Lanes {
        if width.is_power_of_two() && height.is_power_of_two() {
            // Those of renders: it takes no division.
            let (right, down) = (width - 1, height - 1);
            let number = |lane: usize| (self.y[lane] & down) * width + (self.x[lane] & right);
            return std::array::from_fn(number);
        }
        std::array::from_fn(|lane| self.y[lane] % height * width + self.x[lane] % width)
    }

    /// Returns where a lane is in its pixel for an interpolation.
    fn place(&self, lane: usize, place: Option<u32>) -> [f32; 2] {
        const CENTRE: [f32; 2] = [0.5; 2];
        let covered = self.covered[lane] & self.all();
        match place {
            // Numbers beyond the last sample are limited, which is inferred.
            Some(sample) => self.places[sample.min(self.samples - 1) as usize & 3],
            // Which covered sample stands for the pixel is inferred.
            None if covered == self.all() || covered == 0 => CENTRE,
            None => self.places[covered.trailing_zeros() as usize & 3],
        }
    }
}

impl Group {
    /// Returns what the lanes know of their pixels, to be filled before
    /// [`Group::reset_fragments`].
    pub fn pixels_mut(&mut self) -> &mut Pixels {
        self.pixels.get_or_insert_default()
    }

    /// Makes the group a fragment group that starts at `pc` with these lanes, whose pixels have
    /// been filled in; the others have no samples. Only the first `registers` 32-bit registers
    /// start out as zeros: the others are not the program's.
    pub fn reset_fragments(&mut self, pc: u64, lanes: u32, registers: usize) {
        let registers = registers.min(self.regs.len());
        self.regs[..registers].fill([0; LANES]);
        self.restart(pc);
        self.index = 0;
        self.launched = lanes;
        self.set_exec(lanes);
        let pixels = self.pixels_mut();
        for lane in bits(!lanes) {
            (pixels.covered[lane], pixels.live[lane]) = (0, 0);
        }
        self.real = pixels.real();
    }

    /// Returns a special register that has a meaning of its own in fragment groups, to `self.out`;
    /// `false` for all others.
    pub(super) fn pixel_special(&mut self, sr: u8) -> bool {
        let Some(pixels) = &self.pixels else {
            return false;
        };
        self.out = match sr {
            12 => [pixels.tile[0]; LANES],
            13 => [pixels.tile[1]; LANES],
            14 => [pixels.samples.ilog2(); LANES],
            60 => pixels.live,
            62 => std::array::from_fn(|lane| pixels.back >> lane & 1),
            63 => std::array::from_fn(|lane| u32::from(pixels.live[lane] != 0)),
            80 => pixels.x,
            81 => pixels.y,
            124 => pixels.covered,
            _ => return false,
        };
        true
    }

    pub(super) fn pixels(&self) -> Result<&Pixels, Box<FaultKind>> {
        let pixels = self.pixels.as_deref();
        pixels.ok_or_else(|| unsupported("only fragment shaders have pixels"))
    }

    /// Returns the number of a coefficient register in each lane.
    fn coefficient(&self, shared: &Shared, src: Src) -> Lanes {
        match src {
            Src::Immediate(number) => [number; LANES],
            src => self.lanes(shared, src),
        }
    }

    /// Interpolates `count` coefficient registers from the one in `src` on.
    ///
    /// Whether hardware rounds between the steps is not known; doubles keep equal inputs equal.
    pub(super) fn iterate(&mut self, shared: &Shared, it: &Iterate) -> Result<(), Box<FaultKind>> {
        let first = self.coefficient(shared, it.coefficient);
        let sample = match it.place {
            Place::Sample(src) => Some(self.coefficient(shared, src)),
            Place::Centre | Place::Centroid => None,
        };
        let pixels = self.pixels()?;
        let mut x = [0.0; LANES];
        let mut y = [0.0; LANES];
        for lane in 0..LANES {
            let [right, down] = match (it.place, &sample) {
                (Place::Centroid, _) => pixels.place(lane, None),
                (_, Some(sample)) => pixels.place(lane, Some(sample[lane] & 0xffff)),
                _ => [0.5; 2],
            };
            x[lane] = f64::from((pixels.x[lane] % REGION) as f32 + right);
            y[lane] = f64::from((pixels.y[lane] % REGION) as f32 + down);
        }
        let at = |number: Result<u32, &Lanes>, more: u32| -> [f64; LANES] {
            let value = |lane: usize, register: &Coefficient| {
                let [a, b, c] = register.map(|part| f64::from(f32::from_bits(part[lane / 4])));
                a * x[lane] + (b * y[lane] + c)
            };
            match number {
                Ok(number) => {
                    let register = &pixels.coefficients[(number + more) as usize % COEFFICIENTS];
                    std::array::from_fn(|lane| value(lane, register))
                }
                Err(numbers) => std::array::from_fn(|lane| {
                    let number = numbers[lane].wrapping_add(more) as usize % COEFFICIENTS;
                    value(lane, &pixels.coefficients[number])
                }),
            }
        };
        let number = match it.coefficient {
            Src::Immediate(number) => Ok(number),
            _ => Err(&first),
        };
        let mut results = [[0; LANES]; 4];
        let divisor = it.divisor.map(|divisor| at(Ok(divisor.into()), 0));
        for (k, result) in results.iter_mut().enumerate().take(it.count.into()) {
            let mut value = at(number, k as u32);
            if let Some(divisor) = &divisor {
                for (value, divisor) in value.iter_mut().zip(divisor) {
                    *value /= divisor;
                }
            }
            for (result, value) in result.iter_mut().zip(value) {
                *result = float::finish::<false>(value as f32);
                if !it.dst.wide {
                    *result = half::narrow(*result);
                }
            }
        }
        for (k, result) in results.iter().enumerate().take(it.count.into()) {
            self.out = *result;
            self.commit(it.dst.dst(k as u32));
        }
        Ok(())
    }

    /// Copies A, B and C of coefficient registers.
    pub(super) fn load_coefficients(
        &mut self,
        shared: &Shared,
        it: &Iterate,
    ) -> Result<(), Box<FaultKind>> {
        let first = self.coefficient(shared, it.coefficient);
        for k in 0..u32::from(it.count) {
            for part in 0..3 {
                let pixels = self.pixels()?;
                let value = |lane: usize| {
                    let number = first[lane].wrapping_add(k) as usize % COEFFICIENTS;
                    pixels.coefficients[number][part][lane / 4]
                };
                self.out = std::array::from_fn(value);
                self.commit(it.dst.dst(3 * k + part as u32));
            }
        }
        Ok(())
    }

    /// Tests the samples of `target` that are in `live`, and kills those that are not.
    pub(super) fn sample_mask<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        target: Src,
        live: Src,
    ) -> Outcome {
        let shared = m.shared.get();
        let target = self.lanes(shared, target);
        let live = self.lanes(shared, live);
        let exec = self.exec;
        let Some(pixels) = &mut self.pixels else {
            return Err(unsupported("only fragment shaders have pixels"));
        };
        let mut samples = [0; LANES];
        for lane in bits(exec) {
            let open = target[lane] & pixels.live[lane] & !pixels.tested[lane];
            pixels.live[lane] &= !(open & !live[lane]);
            samples[lane] = open & live[lane];
        }
        self.test(m, samples, None, None)
    }

    /// Tests the samples of `target` with depth or stencil reference out of registers.
    pub(super) fn depth_stencil<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        target: Src,
        [depth, stencil]: [Option<Src>; 2],
    ) -> Outcome {
        let shared = m.shared.get();
        let target = self.lanes(shared, target);
        let depth = depth.map(|src| self.lanes(shared, src));
        let stencil = stencil.map(|src| self.lanes(shared, src).map(|reference| reference & 0xff));
        let exec = self.exec;
        let pixels = self.pixels()?;
        let mut samples = [0; LANES];
        for lane in bits(exec) {
            samples[lane] = target[lane] & pixels.live[lane] & !pixels.tested[lane];
        }
        self.test(m, samples, depth, stencil)
    }

    fn test<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        samples: Lanes,
        depth: Option<Lanes>,
        stencil: Option<Lanes>,
    ) -> Outcome {
        let test = SampleTest {
            samples,
            depth,
            stencil,
        };
        if samples != [0; LANES] {
            let passed = m.host.test(&test).map_err(super::texture::host_fault)?;
            if let Some(pixels) = &mut self.pixels {
                for lane in 0..LANES {
                    pixels.tested[lane] |= samples[lane];
                    pixels.live[lane] &= !samples[lane] | passed[lane];
                }
            }
        }
        self.real = self.pixels()?.real();
        // Nobody would see what a group of helpers does.
        Ok(if self.real == 0 {
            Flow::Done
        } else {
            Flow::Next
        })
    }

    /// A load that was refused as a whole: what helpers cannot read is zero, as their addresses may
    /// be anything. That hardware does so without soft faults is inferred.
    #[cold]
    pub(super) fn load_for_helpers<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        size: usize,
    ) -> Result<(), LaneFault> {
        let (real, helpers) = (self.exec & self.real, self.exec & !self.real);
        m.host.load_lanes(&self.va, real, size, &mut self.buffer)?;
        for lane in bits(helpers) {
            let out = &mut self.buffer[lane * size..][..size];
            if m.host.load(self.va[lane], out).is_err() {
                out.fill(0);
            }
        }
        Ok(())
    }
}

/// A texture access that was refused as a whole, as [`Group::load_for_helpers`].
#[cold]
pub(super) fn texture_for_helpers<H: Host>(
    host: &mut H,
    request: &mut TextureRequest,
    result: &mut TextureResult,
    real: u32,
) -> Result<(), HostFault> {
    let all = request.mask;
    request.mask = all & real;
    if request.mask != 0 {
        host.texture(request, result)?;
    }
    for lane in bits(all & !real) {
        request.mask = 1 << lane;
        match host.texture(request, result) {
            Ok(()) => {}
            Err(HostFault::Memory(_)) => {
                for channel in &mut result.channels {
                    channel[lane] = 0;
                }
            }
            Err(fault) => return Err(fault),
        }
    }
    request.mask = all;
    Ok(())
}
