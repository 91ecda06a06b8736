// SPDX-License-Identifier: MIT OR Apache-2.0

//! Depth and stencil of a region, and the tests against them.
//!
//! ```text
//!              fails                  fails
//!  stencil ──────────► op `s_fail`  ┌───────► op `z_fail`
//!     │ passes                      │
//!     └──────────────────────► depth ──passes──► op `pass`, depth is written, sample counts
//! ```

use super::scene::{DrawState, Slope, REGION};

/// Pixels of a region.
pub(super) const PIXELS: usize = (REGION * REGION) as usize;

/// A stencil test and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stencil {
    function: u32,
    read: u8,
    write: u8,
    pass: u32,
    z_fail: u32,
    s_fail: u32,
    reference: u8,
}

impl Stencil {
    fn holds(&self, reference: u8, stored: u8) -> bool {
        let (a, b) = (reference & self.read, stored & self.read);
        compare(self.function, a, b)
    }

    fn update(&self, op: u32, reference: u8, stored: &mut u8) {
        let old = *stored;
        let new = match op {
            0 => return,
            1 => 0,
            2 => reference,
            3 => old.saturating_add(1),
            4 => old.saturating_sub(1),
            5 => !old,
            6 => old.wrapping_add(1),
            _ => old.wrapping_sub(1),
        };
        *stored = old & !self.write | new & self.write;
    }
}

fn compare<T: PartialOrd>(function: u32, new: T, old: T) -> bool {
    match function {
        0 => false,
        1 => new < old,
        2 => new == old,
        3 => new <= old,
        4 => new > old,
        5 => new != old,
        6 => new >= old,
        _ => true,
    }
}

/// The tests of a draw, for one side of its primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FaceTests {
    /// Both must hold.
    functions: [u32; 2],
    write: bool,
    stencil: Option<Stencil>,
}

impl FaceTests {
    /// Returns the tests of a draw for primitives that are seen from this side.
    pub fn new(draw: &DrawState, back: bool) -> Self {
        let control = draw.fragment_control[0] | draw.fragment_control[1];
        let side = usize::from(back);
        let function = |word: u32| word >> 24 & 7;
        let disabled = |word: u32| word >> 21 & 1 == 1;
        let (face, face2) = (draw.face[side], draw.face2[side]);
        let two_sided = control >> 19 & 1 == 1;
        let stencil_side = if two_sided { side } else { 0 };
        let word = draw.stencil[stencil_side];
        let stencil = (control >> 18 & 1 == 1).then(|| Stencil {
            function: word >> 25 & 7,
            read: (word >> 8) as u8,
            write: word as u8,
            pass: word >> 16 & 7,
            z_fail: word >> 19 & 7,
            s_fail: word >> 22 & 7,
            reference: draw.face[stencil_side] as u8,
        });
        Self {
            functions: [function(face), function(face2)],
            write: !(disabled(face) && disabled(face2)),
            stencil,
        }
    }

    /// Returns whether every sample passes and nothing changes, but for depths that are no numbers.
    pub fn are_trivial(&self) -> bool {
        self.functions == [7, 7] && !self.write && self.stencil.is_none()
    }
}

/// What the depth of a primitive is at each sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct DepthPlane {
    /// Change per pixel in x and in y, value at the corner of the region, bias included.
    pub plane: [f64; 3],
    /// What the depth is limited to.
    pub range: [f32; 2],
}

impl DepthPlane {
    fn at(&self, x: f64, y: f64) -> f32 {
        let [a, b, c] = self.plane;
        self.limited((a * x + (b * y + c)) as f32)
    }

    fn limited(&self, z: f32) -> f32 {
        if z.is_nan() {
            return z;
        }
        z.max(self.range[0]).min(self.range[1])
    }
}

/// How depth is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DepthFormat {
    Float,
    /// 16 bits; that they are rounded before the comparison is inferred.
    Unorm16,
}

impl DepthFormat {
    fn stored(self, z: f32) -> f32 {
        match self {
            Self::Float => z,
            Self::Unorm16 => (f64::from(z) * 65535.0)
                .round_ties_even()
                .clamp(0.0, 65535.0) as f32,
        }
    }
}

/// Depth and stencil of all samples of a region.
pub(super) struct DepthStencil {
    pub format: DepthFormat,
    pub samples: usize,
    /// Places of the samples in a pixel.
    pub places: [[f32; 2]; 4],
    /// By pixel and sample: the float itself, or the number of 16 bits.
    pub depth: Vec<f32>,
    pub stencil: Vec<u8>,
}

/// What replaces values of the primitive or the draw in a test.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Emitted {
    pub depth: Option<f32>,
    pub stencil: Option<u8>,
}

impl DepthStencil {
    /// Returns depth and stencil for `samples` samples at these places.
    pub fn new(format: DepthFormat, samples: u32, places: [[f32; 2]; 4]) -> Self {
        let samples = samples as usize;
        Self {
            format,
            samples,
            places,
            depth: vec![0.0; PIXELS * samples],
            stencil: vec![0; PIXELS * samples],
        }
    }

    /// Sets everything to the values of the background.
    pub fn clear(&mut self, depth: u32, stencil: u8) {
        self.depth.fill(match self.format {
            DepthFormat::Float => f32::from_bits(depth),
            DepthFormat::Unorm16 => (depth & 0xffff) as f32,
        });
        self.stencil.fill(stencil);
    }

    /// Tests the samples of `mask` in the pixel at `x`, `y` of the region, updates depth and
    /// stencil, and returns those that pass.
    pub fn test(
        &mut self,
        [x, y]: [u32; 2],
        mask: u32,
        tests: &FaceTests,
        plane: &DepthPlane,
        emitted: Emitted,
    ) -> u32 {
        if tests.are_trivial() && emitted.depth.is_none() {
            return mask;
        }
        let pixel = (y % REGION * REGION + x % REGION) as usize;
        let mut passed = 0;
        for sample in 0..self.samples {
            if mask >> sample & 1 == 0 {
                continue;
            }
            let z = match emitted.depth {
                Some(z) => plane.limited(z),
                None => {
                    let [right, down] = self.places[sample & 3];
                    let (x, y) = ((x % REGION) as f32 + right, (y % REGION) as f32 + down);
                    plane.at(x.into(), y.into())
                }
            };
            let at = pixel * self.samples + sample;
            if self.sample(at, z, tests, emitted.stencil) {
                passed |= 1 << sample;
            }
        }
        passed
    }

    fn sample(&mut self, at: usize, z: f32, tests: &FaceTests, reference: Option<u8>) -> bool {
        let stored = &mut self.stencil[at];
        let stencil = tests.stencil.as_ref();
        let stencil = stencil.map(|test| (test, reference.unwrap_or(test.reference)));
        if let Some((test, reference)) = stencil {
            if !test.holds(reference, *stored) {
                test.update(test.s_fail, reference, stored);
                return false;
            }
        }
        let old = &mut self.depth[at];
        let new = self.format.stored(z);
        // A depth that is no number fails always: the driver needs it for what shaders emit. That
        // it is so for an interpolated one, too, is inferred; draws without any test pass it.
        let holds = !z.is_nan() && tests.functions.iter().all(|&f| compare(f, new, *old));
        if let Some((test, reference)) = stencil {
            let op = if holds { test.pass } else { test.z_fail };
            test.update(op, reference, stored);
        }
        if holds && tests.write {
            *old = new;
        }
        holds
    }
}

/// Returns what a depth bias adds to the depth of a primitive.
///
/// The arithmetic is inferred from relatives of this GPU and from the factors of drivers.
pub(super) fn bias(
    [constant, slope, clamp]: [f32; 3],
    Slope { steepest, largest }: Slope,
    constant_is_int: bool,
) -> f64 {
    let unit = if constant_is_int {
        1.0
    } else {
        // One unit in the last place of the largest depth.
        let exponent = (largest.to_bits() >> 23 & 0xff) as i32 - 127;
        f64::powi(2.0, exponent - 23)
    };
    let bias = f64::from(constant) * unit + f64::from(slope) * steepest;
    let clamp = f64::from(clamp);
    let bias = if clamp > 0.0 {
        bias.min(clamp)
    } else if clamp < 0.0 {
        bias.max(clamp)
    } else {
        bias
    };
    if bias.is_nan() {
        0.0
    } else {
        bias
    }
}
