// SPDX-License-Identifier: MIT OR Apache-2.0

//! State of a launch, of a threadgroup and of a SIMD group.

use super::host::Sampler;
use super::{Lanes, LANES};

/// 32-bit registers of a lane.
pub const REGISTERS: usize = 128;

/// Words of scratch memory that stay allocated when a group starts anew.
const MAX_KEPT: usize = 4096;

/// What all threads of a launch read: uniforms, texture state and sampler state.
///
/// | | preamble | main program |
/// |---|---|---|
/// | [`Group::run_preamble`] | reads and writes | – |
/// | [`Group::run`] | – | reads |
#[derive(Clone)]
pub struct Shared {
    /// The uniform file, in units of 16 bits.
    pub uniforms: [u16; 512],
    /// Texture state registers; `None` was never written, and reading it is a fault.
    pub textures: [Option<[u8; 24]>; 256],
    /// Sampler state registers, as `textures`.
    pub samplers: [Option<Sampler>; 32],
    /// Address and length (in samplers of 8 bytes) of the sampler heap.
    pub sampler_heap: u64,
    pub sampler_count: u32,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            uniforms: [0; 512],
            textures: [None; 256],
            samplers: [None; 32],
            sampler_heap: 0,
            sampler_count: 0,
        }
    }
}

/// The image block in threadgroup memory, from the launch's `Shared` word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tile {
    pub width: u32,
    pub height: u32,
    /// At least 1 when there is an image block.
    pub samples: u32,
    /// Bytes of one sample.
    pub stride: u32,
}

impl Tile {
    /// Returns where the part of a sample starts in threadgroup memory; `None` outside the block.
    ///
    /// The order inside the block is inferred; it cannot be observed as long as all accesses
    /// go through this function.
    pub fn address(&self, x: u32, y: u32, sample: u32) -> Option<usize> {
        if x >= self.width || y >= self.height || sample >= self.samples {
            return None;
        }
        let texel = y as usize * self.width as usize + x as usize;
        Some((texel * self.samples as usize + sample as usize) * self.stride as usize)
    }
}

/// What the threads of one threadgroup read through special registers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dispatch {
    /// Position of the threadgroup in the grid, in threadgroups.
    pub position: [u32; 3],
    /// Size of a whole threadgroup, in threads.
    pub nominal: [u32; 3],
    /// Size of this one, smaller at the upper edges of the grid.
    pub size: [u32; 3],
    /// Number of the core.
    pub core: u32,
    /// Number of the address space.
    pub vm_slot: u32,
    pub tile: Tile,
    /// Where the image block lies in the frame, for programs that render.
    pub corner: Option<[u32; 2]>,
}

impl Dispatch {
    /// Returns threads in this threadgroup.
    pub fn threads(&self) -> u64 {
        self.size.iter().map(|&n| u64::from(n)).product()
    }

    /// Returns SIMD groups that it takes to run them.
    pub fn groups(&self) -> u32 {
        self.threads().div_ceil(LANES as u64) as u32
    }
}

/// A SIMD group: registers, masks and program counter of 32 lanes.
///
/// | | before the first run | after `Barrier`, `Budget` | after `Done`, `Fault` |
/// |---|---|---|---|
/// | [`Group::reset`] | yes | yes | yes |
/// | [`Group::run`] | yes | yes | returns the same again |
#[derive(Clone)]
pub struct Group {
    /// 32-bit registers; the low half of word `n` is half `2n`.
    pub(super) regs: Box<[Lanes; REGISTERS]>,
    /// Address of the next instruction.
    pub(super) pc: u64,
    /// Lanes that are active.
    pub(super) exec: u32,
    /// Lanes that were launched and have not ended.
    pub(super) launched: u32,
    /// Number of the group in its threadgroup.
    pub(super) index: u32,
    /// Position of each lane in the threadgroup.
    pub(super) local: [Lanes; 3],
    /// Private memory, word by word: word `n` of lane `l` is `scratch[n][l]`.
    pub(super) scratch: Vec<Lanes>,
    /// Words of `scratch` that belong to the program, by its own statement.
    pub(super) stack: i64,
    pub(super) stopped: Option<super::Stop>,
    /// All ones for each active lane, zero for the others.
    pub(super) active: Lanes,
    /// Result of the instruction before it is written.
    pub(super) out: Lanes,
    /// Sources that do not lie in the registers as they are wanted.
    pub(super) temps: Box<[Lanes; 4]>,
    /// Addresses of a memory access.
    pub(super) va: [u64; LANES],
    /// Bytes of a memory access.
    pub(super) buffer: Box<[u8; LANES * 16]>,
    /// Lanes whose writes are carried out: all but the helpers of a fragment group.
    pub(super) real: u32,
    /// What a fragment group has in addition.
    pub(super) pixels: Option<Box<super::Pixels>>,
}

impl Group {
    /// Returns a group that starts at `pc`: lanes are the threads `index * 32 ..` of the
    /// threadgroup.
    pub fn new(pc: u64, dispatch: &Dispatch, index: u32) -> Self {
        let mut group = Self {
            regs: Box::new([[0; LANES]; REGISTERS]),
            pc: 0,
            exec: 0,
            launched: 0,
            index: 0,
            local: [[0; LANES]; 3],
            scratch: Vec::new(),
            stack: 0,
            stopped: None,
            active: [0; LANES],
            out: [0; LANES],
            temps: Box::new([[0; LANES]; 4]),
            va: [0; LANES],
            buffer: Box::new([0; LANES * 16]),
            real: !0,
            pixels: None,
        };
        group.reset(pc, dispatch, index);
        group
    }

    /// Makes the group what [`Group::new`] returns, without a new allocation.
    ///
    /// Threads follow each other in the order x, y, z inside the threadgroup as it really is at
    /// this place of the grid; for partial threadgroups that is inferred.
    pub fn reset(&mut self, pc: u64, dispatch: &Dispatch, index: u32) {
        self.regs.fill([0; LANES]);
        self.restart(pc);
        self.real = !0;
        self.pixels = None;
        self.index = index;
        self.launched = 0;
        let first = u64::from(index) * LANES as u64;
        let [x, y, _] = dispatch.size.map(|n| u64::from(n.max(1)));
        for lane in 0..LANES {
            let thread = first + lane as u64;
            self.local[0][lane] = (thread % x) as u32;
            self.local[1][lane] = (thread / x % y) as u32;
            self.local[2][lane] = (thread / (x * y)) as u32;
            if thread < dispatch.threads() {
                self.launched |= 1 << lane;
            }
        }
        self.set_exec(self.launched);
    }

    /// What all kinds of groups forget when they start at `pc`.
    pub(super) fn restart(&mut self, pc: u64) {
        // Much of it is not kept for those who need little.
        if self.scratch.capacity() > MAX_KEPT {
            self.scratch = Vec::new();
        }
        self.scratch.clear();
        self.stack = 0;
        self.stopped = None;
        self.pc = pc;
    }

    /// Returns the address of the instruction that is next, or that stopped the group.
    pub fn pc(&self) -> u64 {
        self.pc
    }

    /// Returns lanes that are active.
    pub fn exec(&self) -> u32 {
        self.exec
    }

    /// Returns the 32-bit register `number` of all lanes.
    ///
    /// # Panics
    ///
    /// If there is no such register.
    pub fn register(&self, number: usize) -> &Lanes {
        &self.regs[number]
    }

    /// As [`Group::register`], to preload values.
    ///
    /// # Panics
    ///
    /// If there is no such register.
    pub fn register_mut(&mut self, number: usize) -> &mut Lanes {
        &mut self.regs[number]
    }
}
