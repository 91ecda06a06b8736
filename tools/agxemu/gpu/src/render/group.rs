// SPDX-License-Identifier: MIT OR Apache-2.0

//! Quads on their way into a fragment group.
//!
//! Quads of consecutive primitives of a draw share a group. Fragments of one pixel run in the order
//! of their primitives, so a group never has a pixel twice.
//!
//! ```text
//!  empty ──push──► filling ──eight quads, same pixel again, another draw, end of tile──► run
//!    ▲                                                                                     │
//!    └─────────────────────────────────────────────────────────────────────────────────────┘
//! ```

use agx_isa::exec::fragment::QUADS;
use agx_isa::exec::Pixels;

use super::depth::DepthPlane;
use super::scene::{Quad, REGION};

/// Quads in a row of a region.
const ROW: u32 = REGION / 2;

/// What the quads of a group do not share.
#[derive(Default)]
pub(super) struct Pending {
    count: usize,
    /// Quads of the region that are in the group.
    places: [u64; (ROW * ROW / 64) as usize],
    /// Depth of each quad's primitive.
    pub planes: [DepthPlane; QUADS],
    /// Quads whose primitives are seen from the back.
    pub back: u32,
}

impl Pending {
    /// Returns the number of quads.
    pub fn len(&self) -> usize {
        self.count
    }

    fn place(quad: &Quad) -> (usize, u64) {
        let (x, y) = (
            u32::from(quad.x) % REGION / 2,
            u32::from(quad.y) % REGION / 2,
        );
        let number = y * ROW + x;
        (number as usize / 64, 1 << (number % 64))
    }

    /// Returns whether the group has to run before it can take a quad in.
    pub fn must_run(&self, quad: &Quad) -> bool {
        let (word, bit) = Self::place(quad);
        self.count == QUADS || self.places[word] & bit != 0
    }

    /// Takes a quad in; `live` are its samples that have not failed an earlier test, `tested` says
    /// that no test follows.
    pub fn push(
        &mut self,
        pixels: &mut Pixels,
        quad: &Quad,
        live: [u8; 4],
        tested: bool,
        back: bool,
        plane: DepthPlane,
        coefficients: &[(u8, [u32; 3])],
    ) {
        let (word, bit) = Self::place(quad);
        self.places[word] |= bit;
        let slot = self.count;
        self.count += 1;
        self.planes[slot] = plane;
        let all = if tested { 0xff } else { 0 };
        for corner in 0..4 {
            let lane = slot * 4 + corner;
            pixels.x[lane] = u32::from(quad.x) + (corner as u32 & 1);
            pixels.y[lane] = u32::from(quad.y) + (corner as u32 >> 1);
            pixels.covered[lane] = quad.coverage[corner].into();
            pixels.live[lane] = live[corner].into();
            pixels.tested[lane] = all;
        }
        if slot == 0 {
            pixels.back = 0;
            self.back = 0;
        }
        if back {
            pixels.back |= 15 << (4 * slot);
            self.back |= 1 << slot;
        }
        for &(register, value) in coefficients {
            let to = &mut pixels.coefficients[usize::from(register)];
            for (to, value) in to.iter_mut().zip(value) {
                to[slot] = value;
            }
        }
    }

    /// Empties the group; returns its lanes.
    pub fn take(&mut self) -> u32 {
        let lanes = match self.count {
            QUADS => !0,
            count => (1 << (4 * count)) - 1,
        };
        self.count = 0;
        self.places = [0; 4];
        lanes
    }
}
