// SPDX-License-Identifier: MIT OR Apache-2.0

//! The host of fragment groups: memory as for all shaders, and the tests of samples.

use agx_isa::exec::fragment::QUADS;
use agx_isa::exec::host::{
    bits, AtomicOp, BlockWrite, HostFault, ImageWrite, SampleTest, TextureRequest, TextureResult,
};
use agx_isa::exec::{Dispatch, Host, LaneFault, Lanes, MemoryFault, LANES};

use super::depth::{DepthPlane, DepthStencil, Emitted, FaceTests};
use super::scene::REGION;
use crate::host::Refresh;

/// What the group that runs is tested with.
#[derive(Clone, Copy, Default)]
pub(super) struct GroupTests {
    /// Front and back.
    pub faces: Option<[FaceTests; 2]>,
    pub planes: [DepthPlane; QUADS],
    /// Quads that are seen from the back.
    pub back: u32,
    /// Pixels of each lane.
    pub pixels: [[u8; 2]; LANES],
}

/// A host with depth and stencil of the region that is rendered.
pub(super) struct TileHost<H> {
    pub host: H,
    pub target: DepthStencil,
    pub group: GroupTests,
    /// Samples that have passed the tests of the draw.
    pub passed: u64,
}

impl<H> TileHost<H> {
    /// Tests samples of the group.
    pub fn test_group(&mut self, test: &SampleTest) -> Lanes {
        let mut passed = [0; LANES];
        let Some(faces) = &self.group.faces else {
            return test.samples;
        };
        let asked = test.samples.iter().enumerate();
        let lanes = asked.fold(0, |all, (lane, &samples)| {
            all | u32::from(samples != 0) << lane
        });
        for lane in bits(lanes) {
            let quad = lane / 4;
            let face = &faces[(self.group.back >> quad & 1) as usize];
            let emitted = Emitted {
                depth: test.depth.map(|depth| f32::from_bits(depth[lane])),
                stencil: test.stencil.map(|stencil| stencil[lane] as u8),
            };
            let pixel = self.group.pixels[lane].map(u32::from);
            let plane = &self.group.planes[quad];
            passed[lane] = self
                .target
                .test(pixel, test.samples[lane], face, plane, emitted);
            self.passed += u64::from(passed[lane].count_ones());
        }
        passed
    }

    /// Remembers where the lanes of the group are.
    pub fn set_pixels(&mut self, x: &Lanes, y: &Lanes) {
        for (lane, pixel) in self.group.pixels.iter_mut().enumerate() {
            *pixel = [(x[lane] % REGION) as u8, (y[lane] % REGION) as u8];
        }
    }
}

impl<H: Refresh> Refresh for TileHost<H> {
    fn refresh(&mut self) {
        self.host.refresh();
    }

    fn cost(&mut self) -> u64 {
        self.host.cost()
    }
}

impl<H: Host> Host for TileHost<H> {
    const TRACE: bool = H::TRACE;

    #[inline]
    fn load(&mut self, va: u64, out: &mut [u8]) -> Result<(), MemoryFault> {
        self.host.load(va, out)
    }

    #[inline]
    fn store(&mut self, va: u64, data: &[u8]) -> Result<(), MemoryFault> {
        self.host.store(va, data)
    }

    fn fetch(&mut self, va: u64, out: &mut [u8]) -> Result<usize, MemoryFault> {
        self.host.fetch(va, out)
    }

    fn atomic(
        &mut self,
        va: u64,
        width: u8,
        op: AtomicOp,
        operand: u64,
        compare: u64,
    ) -> Result<u64, MemoryFault> {
        self.host.atomic(va, width, op, operand, compare)
    }

    fn load_lanes(
        &mut self,
        va: &[u64; LANES],
        mask: u32,
        size: usize,
        out: &mut [u8; LANES * 16],
    ) -> Result<(), LaneFault> {
        self.host.load_lanes(va, mask, size, out)
    }

    fn store_lanes(
        &mut self,
        va: &[u64; LANES],
        mask: u32,
        size: usize,
        data: &[u8; LANES * 16],
    ) -> Result<(), LaneFault> {
        self.host.store_lanes(va, mask, size, data)
    }

    fn texture(
        &mut self,
        request: &TextureRequest,
        result: &mut TextureResult,
    ) -> Result<(), HostFault> {
        self.host.texture(request, result)
    }

    fn image_write(&mut self, request: &ImageWrite) -> Result<(), HostFault> {
        self.host.image_write(request)
    }

    fn block_write(
        &mut self,
        request: &BlockWrite,
        dispatch: &Dispatch,
        local: &[u8],
    ) -> Result<(), HostFault> {
        self.host.block_write(request, dispatch, local)
    }

    fn test(&mut self, test: &SampleTest) -> Result<Lanes, HostFault> {
        Ok(self.test_group(test))
    }

    fn special(&mut self, sr: u8) -> Option<u32> {
        self.host.special(sr)
    }

    fn trace(&mut self, pc: u64, bytes: &[u8], exec: u32) {
        self.host.trace(pc, bytes, exec);
    }
}
