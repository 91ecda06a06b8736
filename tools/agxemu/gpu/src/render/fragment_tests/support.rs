// SPDX-License-Identifier: MIT OR Apache-2.0

//! Boxes, programs out of a few instructions, and memory for them.

use std::collections::HashMap;

use agx_isa::exec::assemble::{dalu, mem, Builder};
use agx_isa::table::Op;

use super::patches::{Patch, Patches};
use crate::cdm::End;
use crate::execute::{Engine, Settings};
use crate::job::Limits;
use crate::paged::Paged;
use crate::render::scene::{DrawState, Primitive, Rect, Shape};
use crate::render::tile::render_geometry;
use crate::render::{FragmentJob, Frame, Plane, Program, Zls};
use crate::threadgroup::Meter;

pub const USC: u64 = 0x11_0000_0000;
/// Offset of code from the USC base; pipeline words are before it.
const CODE: u64 = 0x1_0000;
pub const TARGET: u64 = 0x12_0000_0000;
pub const DATA: u64 = 0x13_0000_0000;
pub const DEPTH: u64 = 0x14_0000_0000;
pub const STENCIL: u64 = 0x15_0000_0000;

/// A frame, memory and what is drawn.
pub struct Bench {
    pub memory: Paged,
    pub job: FragmentJob,
    pub draws: Vec<DrawState>,
    pub patches: Vec<Patch>,
    pub threads: usize,
    pub limit: u64,
    lists: u64,
    code: u64,
}

pub fn frame(width: u32, height: u32) -> Frame {
    Frame {
        width,
        height,
        layers: 1,
        samples: 1,
        utile: [32, 32],
        sample_size: 8,
        ppp_control: 0x202,
        sample_positions: 0x88,
    }
}

/// Returns `frame` with more samples.
pub fn multisampled(frame: Frame, samples: u32) -> Frame {
    let sample_positions = match samples {
        2 => 0x44cc,
        _ => 0xeaa2_6e26,
    };
    Frame {
        samples,
        sample_positions,
        ..frame
    }
}

pub fn rect(x0: u32, y0: u32, x1: u32, y1: u32) -> Rect {
    Rect { x0, y0, x1, y1 }
}

/// Loads a constant into a 32-bit register.
pub fn constant(register: u64, value: u32) -> Builder {
    Builder::new(Op::MovImm32)
        .operands(&[dalu(register * 2, true)])
        .field("imm", value.into())
}

/// Stores r4 and so on as bytes to all samples that live.
pub fn store_colour() -> Builder {
    Builder::new(Op::StTile)
        .operands(&[mem(8, true, 15)])
        .field("fmt", 4)
        .field("smask", 0xff)
}

/// Stores a colour of bytes.
pub fn paint(colour: [u8; 4]) -> Vec<Builder> {
    let register = |n: usize| constant(4 + n as u64, (f32::from(colour[n]) / 255.0).to_bits());
    let mut code: Vec<_> = (0..4).map(register).collect();
    code.push(store_colour());
    code
}

/// Tests all samples, then paints.
pub fn test_and_paint(colour: [u8; 4]) -> Vec<Builder> {
    let test = Builder::new(Op::SampleMask)
        .field("targetimm", 1)
        .field("target", 255)
        .field("liveimm", 1)
        .field("live", 255);
    let mut code = vec![test];
    code.extend(paint(colour));
    code
}

impl Bench {
    /// Returns a frame that nothing is drawn to. Its end-of-tile program stores bytes to `TARGET`,
    /// row by row; its background is zero.
    pub fn new(frame: Frame) -> Self {
        let memory = Paged::default();
        memory.map(USC, 32, false);
        for base in [TARGET, DATA, DEPTH, STENCIL] {
            memory.map(base, 64, true);
        }
        let nothing = Program { usc: 0, counts: 0 };
        let job = FragmentJob {
            frame,
            usc_base: USC,
            scissors: DATA,
            depth_bias: DATA + 0x4000,
            depth_bias_is_int: false,
            occlusion: DATA + 0x8000,
            background_depth: 1.0f32.to_bits(),
            background_values: 0x300,
            zls: Zls::default(),
            background: nothing,
            end_of_tile: nothing,
            partial_background: nothing,
            partial_end_of_tile: nothing,
            process_empty_tiles: false,
            partial_after: None,
        };
        let mut bench = Self {
            memory,
            job,
            draws: Vec::new(),
            patches: Vec::new(),
            threads: 1,
            limit: 1 << 20,
            lists: 0,
            code: CODE,
        };
        bench.scissor(0, rect(0, 0, 0xffff, 0xffff), [0.0, 1.0]);
        let pbe = bench.target(0x28, 0);
        bench.memory.put(DATA + 0xc000, &pbe);
        let block = Builder::new(Op::ImageWriteBlock)
            .field("src", 8)
            .field("crd", 12)
            .field("lodimm", 1)
            .field("fmt", 4);
        let block = block.field("dim", bench.dimension());
        let layer = Builder::new(Op::GetSr)
            .operands(&[dalu(12, true)])
            .field("sr", 2);
        let code = [constant(4, 0), layer, block];
        bench.job.end_of_tile = bench.program(&code, None);
        bench.job.partial_end_of_tile = bench.job.end_of_tile;
        bench.job.background = bench.program(&paint([0; 4]), None);
        bench
    }

    /// Returns the dimension of the target.
    fn dimension(&self) -> u64 {
        let frame = &self.job.frame;
        match (frame.samples > 1, frame.layers > 1) {
            (false, false) => 2,
            (false, true) => 3,
            (true, false) => 4,
            (true, true) => 8,
        }
    }

    /// Returns the descriptor of the target.
    pub fn target(&self, channels: u64, kind: u64) -> [u8; 24] {
        let frame = &self.job.frame;
        let dim = self.dimension();
        let linear = dim == 2;
        let mut fields = vec![
            (0, 3, dim),
            (4, 5, if linear { 0 } else { 2 }),
            (6, 12, channels),
            (13, 15, kind),
            (16, 23, 0b11_10_01_00),
            (24, 37, u64::from(frame.width) - 1),
            (38, 51, u64::from(frame.height) - 1),
            (56, 56, u64::from(frame.samples == 4)),
            (64, 99, TARGET >> 4),
        ];
        match linear {
            true => fields.push((104, 124, self.pitch() - 4)),
            false => fields.extend([(108, 121, u64::from(frame.layers) - 1), (124, 124, 1)]),
        }
        crate::texture::tests::descriptor(&fields)
    }

    fn pitch(&self) -> u64 {
        u64::from(self.job.frame.width * 4).next_multiple_of(16)
    }

    /// Returns the bytes of a pixel of the target.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let at = TARGET + u64::from(y) * self.pitch() + u64::from(x) * 4;
        self.memory.get(at, 4).try_into().expect("four bytes")
    }

    /// Returns all of the target.
    pub fn picture(&self) -> Vec<u8> {
        let bytes = self.pitch() * u64::from(self.job.frame.height);
        self.memory.get(TARGET, bytes as usize)
    }

    /// Returns a program with the image of the target in its first texture register. `early` is
    /// that of a draw's shader, `None` for programs without a draw.
    pub fn program(&mut self, code: &[Builder], early: Option<bool>) -> Program {
        self.with_texture(code, early, DATA + 0xc000)
    }

    /// As [`Bench::program`], with the descriptor at `texture` in its first texture register.
    pub fn with_texture(&mut self, code: &[Builder], early: Option<bool>, texture: u64) -> Program {
        let mut bytes = Vec::new();
        for inst in code
            .iter()
            .chain(&[Builder::new(Op::Stop), Builder::new(Op::Trap)])
        {
            bytes.extend(inst.bytes());
        }
        let shader = self.code;
        self.memory.put(USC + shader, &bytes);
        self.code = (self.code + bytes.len() as u64).next_multiple_of(128);
        let frame = &self.job.frame;
        let layout = match frame.utile {
            [32, 32] => 0x2f,
            [32, 16] => 0x3f,
            _ => 0x36,
        };
        let total = frame.utile[0] * frame.utile[1] * frame.samples * frame.sample_size;
        let shared = 0x4d
            | 1 << 8
            | layout << 10
            | frame.samples.ilog2() << 16
            | frame.sample_size / 8 << 20
            | total.div_ceil(256) << 24;
        let texture = 0xdd_u64 | 1 << 20 | texture >> 3 << 27;
        let sampler = 0x9d_u64 | 1 << 20 | (DATA + 0xf000) >> 3 << 27;
        let uniform = 0x1d_u64 | 4 << 20 | (DATA + 0xe000) >> 2 << 26;
        let mut list = Vec::new();
        list.extend(uniform.to_le_bytes());
        list.extend(texture.to_le_bytes());
        list.extend(sampler.to_le_bytes());
        list.extend(shared.to_le_bytes());
        list.extend([
            0x0d,
            0,
            shader as u8,
            (shader >> 8) as u8,
            (shader >> 16) as u8,
            0,
        ]);
        list.extend((0x8d_u32 | 4 << 8 | 1 << 24).to_le_bytes());
        if let Some(early) = early {
            list.extend((0x58_u32 | u32::from(early) << 8 | 0x0002_f200).to_le_bytes());
        }
        list.extend([0x88, 0]);
        let usc = self.lists as u32;
        self.memory.put(USC + self.lists, &list);
        self.lists += 64;
        assert!(self.lists < CODE);
        Program {
            usc: usc | 4,
            counts: 0,
        }
    }

    /// Writes a scissor record.
    pub fn scissor(&self, index: u64, rect: Rect, depth: [f32; 2]) {
        let mut bytes = Vec::new();
        for side in [rect.x1, rect.x0, rect.y1, rect.y0] {
            bytes.extend((side as u16).to_le_bytes());
        }
        bytes.extend(depth.iter().flat_map(|v| v.to_le_bytes()));
        self.memory.put(DATA + 16 * index, &bytes);
    }

    /// Returns a draw with this shader, that always passes and writes no depth.
    pub fn draw(&mut self, code: &[Builder], early: bool) -> u32 {
        let program = self.program(code, Some(early));
        self.draws.push(DrawState {
            fragment_control: [1 << 16, 1 << 9],
            face: [7 << 24 | 1 << 21; 2],
            face2: [7 << 24 | 1 << 21; 2],
            fragment_shader: [program.counts, program.usc, 0, 0],
            uvs_words: 8,
            ..DrawState::default()
        });
        self.draws.len() as u32 - 1
    }

    /// Returns the state of a draw.
    pub fn state(&mut self, draw: u32) -> &mut DrawState {
        &mut self.draws[draw as usize]
    }

    /// Makes a draw test depth, and write it.
    pub fn depth_test(&mut self, draw: u32, function: u32) {
        self.state(draw).face = [function << 24; 2];
    }

    /// Loads and stores depth and stencil, of 32 and 8 bits.
    pub fn keep_depth(&mut self) {
        let plane = |base| Plane {
            base,
            ..Plane::default()
        };
        let frame = &self.job.frame;
        self.job.zls = Zls {
            control: 1 << 14 | 1 << 15 | 1 << 18 | 1 << 19,
            pixels: (frame.width - 1) | (frame.height - 1) << 15,
            depth_load: plane(DEPTH),
            depth_store: plane(DEPTH),
            stencil_load: plane(STENCIL),
            stencil_store: plane(STENCIL),
        };
    }

    /// Returns the memory of depth and stencil.
    pub fn depth_and_stencil(&self) -> (Vec<u8>, Vec<u8>) {
        (
            self.memory.get(DEPTH, 0x20000),
            self.memory.get(STENCIL, 0x20000),
        )
    }

    /// Adds a box of constant depth.
    pub fn patch(&mut self, draw: u32, rect: Rect, z: f64) -> &mut Patch {
        self.patches.push(Patch {
            rect,
            samples: ((1u32 << self.job.frame.samples) - 1) as u8,
            depth: [0.0, 0.0, z],
            words: vec![0.0; 8],
            inverse_w: 1.0,
            primitive: Primitive {
                draw,
                shape: Shape::Triangle,
                layer: 0,
                viewport: 0,
                back_facing: false,
                id: self.patches.len() as u32,
                vertices: [0; 3],
            },
        });
        self.patches.last_mut().expect("a patch")
    }

    /// Renders; returns how it ended and the instructions of its groups.
    pub fn try_run(&self) -> (Result<(), End>, u64) {
        let mut scene = Patches {
            frame: self.job.frame,
            draws: self.draws.clone(),
            patches: self.patches.clone(),
            regions: HashMap::new(),
        };
        for (n, patch) in self.patches.iter().enumerate() {
            let Rect { x0, y0, x1, y1 } = patch.rect;
            for y in y0 / 32..y1.div_ceil(32) {
                for x in x0 / 32..x1.div_ceil(32) {
                    let key = (patch.primitive.layer.into(), x, y);
                    scene.regions.entry(key).or_default().push(n as u32);
                }
            }
        }
        let settings = Settings {
            threads: self.threads,
            soft_faults: false,
            vm_slot: 3,
            sampler_heap: (0, 0),
            engine: Engine::Compiled { threshold: 0 },
        };
        let meter = Meter::new(Limits {
            group: self.limit,
            job: self.limit.saturating_mul(16),
        });
        let end = render_geometry(
            &self.job,
            &scene,
            &self.memory,
            settings,
            &meter,
            None,
            &mut |_| {},
        );
        (end, meter.instructions.into_inner())
    }

    pub fn run(&self) -> u64 {
        let (end, instructions) = self.try_run();
        assert_eq!(end, Ok(()));
        instructions
    }

    /// Runs what cannot be carried out; returns how it ended.
    pub fn end(&self) -> End {
        self.try_run().0.expect_err("an error")
    }
}
