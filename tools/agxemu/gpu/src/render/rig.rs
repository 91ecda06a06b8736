// SPDX-License-Identifier: MIT OR Apache-2.0

//! Vertex halves of tests: state, vertices in memory, draws.

use std::sync::atomic::Ordering;

use agx_isa::exec::assemble::{dalu64, index_word, mem, mul, uniform_base, Builder};
use agx_isa::table::Op;

use super::scene::{Quad, Rect, Scene, REGION};
use super::{capture, Frame, VertexJob};
use crate::cdm::End;
use crate::execute::{Engine, Settings};
use crate::job::Limits;
use crate::paged::Paged;
use crate::threadgroup::Meter;

const STREAM: u64 = 0x10_0000;
const RECORDS: u64 = 0x20_0000;
const USC: u64 = 0x11_0000_0000;
const CODE: u64 = USC + 0x1000;
const DATA: u64 = 0x12_0000_0000;
const INDICES: u64 = 0x13_0000_0000;
const ARGUMENTS: u64 = 0x14_0000_0000;
/// Instructions of a shader that copies its vertex from memory: four for each word, and `stop`.
const SIZE: usize = 1 << 16;

pub(crate) const POINTS: u32 = 0;
pub(crate) const LINES: u32 = 1;
pub(crate) const LINE_STRIP: u32 = 3;
pub(crate) const TRIANGLES: u32 = 6;
pub(crate) const STRIP: u32 = 9;
pub(crate) const FAN: u32 = 11;

/// A vertex half in the making: the shader copies the words of the vertex with its number.
pub(crate) struct Rig {
    pub(crate) frame: Frame,
    pub(crate) memory: Paged,
    pub(crate) threads: usize,
    /// Words of a vertex.
    pub(crate) words: u32,
    /// PPP structures that differ from the usual ones, by bit.
    pub(crate) changes: Vec<(u32, Vec<u32>)>,
    /// Provoking vertex.
    pub(crate) provoking: u32,
    pub(crate) job_limit: u64,
    pub(crate) max_bytes: u64,
    /// Reads where nothing is mapped are zeros.
    pub(crate) soft_faults: bool,
    /// What the last run was charged.
    pub(crate) charged: u64,
    stream: Vec<u32>,
    records: u64,
    vertices: Vec<u8>,
    indices: Vec<u8>,
    shader: Vec<u8>,
}

/// The counts of a draw, for both forms.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) count: u32,
    pub(crate) instances: u32,
    pub(crate) start: u32,
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Copies `words` words of a vertex.
pub(crate) fn copy_shader(words: u32) -> Vec<u8> {
    let register = |n: u64| mul(n * 2, 9, false);
    let value = |n: u64| mul(n, 0, false);
    let mut code = Vec::new();
    for word in 0..u64::from(words) {
        let parts = [
            Builder::new(Op::Imad).operands(&[
                dalu64(14, 1),
                register(5),
                value(words.into()),
                value(word),
            ]),
            Builder::new(Op::DeviceLoad)
                .operands(&[mem(16, true, 1), uniform_base(0), index_word(7, false)])
                .field("fmt", 2),
            Builder::new(Op::StVar)
                .operands(&[8])
                .field("uvs", word)
                .field("uvsimm", 1),
        ];
        code.extend(parts.iter().flat_map(|part| part.bytes()));
    }
    code.extend([0x88, 0x00]);
    code
}

/// Stores the position of vertex 0 and has no end.
pub(crate) fn copy_constant_position() -> Vec<u8> {
    use agx_isa::exec::assemble::index_imm;

    let mut code = Vec::new();
    for word in 0..4 {
        let load = Builder::new(Op::DeviceLoad)
            .operands(&[mem(16, true, 1), uniform_base(0), index_imm(word)])
            .field("fmt", 2);
        let store = Builder::new(Op::StVar).operands(&[8]);
        let store = store.field("uvs", word as u64).field("uvsimm", 1);
        code.extend([load, store].iter().flat_map(|part| part.bytes()));
    }
    code
}

impl Rig {
    /// Returns a frame of one layer with one sample in the middle of each pixel, and vertices of a
    /// position and `varyings` smooth words.
    pub(crate) fn new(width: u32, height: u32, varyings: u32) -> Self {
        let memory = Paged::default();
        let frame = Frame {
            width,
            height,
            layers: 1,
            samples: 1,
            utile: [32, 32],
            sample_size: 8,
            ppp_control: 0x202,
            sample_positions: 0x88,
        };
        Self {
            frame,
            memory,
            threads: 1,
            words: 4 + varyings,
            changes: vec![(18, vec![varyings])],
            provoking: 0,
            job_limit: 1 << 30,
            max_bytes: 1 << 30,
            soft_faults: false,
            charged: 0,
            stream: vec![0x2000_0008],
            records: RECORDS,
            vertices: Vec::new(),
            indices: Vec::new(),
            shader: copy_shader(4 + varyings),
        }
    }

    pub(crate) fn samples(mut self, samples: u32) -> Self {
        self.frame.samples = samples;
        self.frame.sample_positions = match samples {
            1 => 0x88,
            2 => 0x44cc,
            _ => 0xeaa2_6e26,
        };
        self
    }

    /// Changes a PPP structure from the next state on.
    pub(crate) fn set(&mut self, bit: u32, words: &[u32]) {
        self.changes.retain(|(old, _)| *old != bit);
        self.changes.push((bit, words.to_vec()));
    }

    /// Takes another shader.
    pub(crate) fn shader(&mut self, code: Vec<u8>) {
        self.shader = code;
    }

    /// Adds a vertex of these words; returns its number.
    pub(crate) fn raw(&mut self, words: &[u32]) -> u32 {
        assert_eq!(words.len(), self.words as usize);
        self.vertices.extend(bytes(words));
        (self.vertices.len() / 4) as u32 / self.words - 1
    }

    /// Adds a vertex at a place of the window, with w = 1 and z = 0.
    pub(crate) fn at(&mut self, x: f64, y: f64) -> u32 {
        self.vertex(x, y, 0.0, 1.0, &[])
    }

    pub(crate) fn at_with(&mut self, x: f64, y: f64, varyings: &[f32]) -> u32 {
        self.vertex(x, y, 0.0, 1.0, varyings)
    }

    /// Adds a vertex at a place of the window with this z and w.
    pub(crate) fn vertex(&mut self, x: f64, y: f64, z: f64, w: f64, varyings: &[f32]) -> u32 {
        let (width, height) = (f64::from(self.frame.width), f64::from(self.frame.height));
        let x = (x / width * 2.0 - 1.0) * w;
        let y = (y / height * 2.0 - 1.0) * w;
        let position = [x, y, z * w, w].map(|value| (value as f32).to_bits());
        let varyings = varyings.iter().map(|value| value.to_bits());
        let words: Vec<u32> = position.into_iter().chain(varyings).collect();
        self.raw(&words)
    }

    /// Adds the state as it is now to the stream.
    pub(crate) fn state(&mut self) {
        let half = [self.frame.width, self.frame.height].map(|size| size as f32 / 2.0);
        let float = |value: f32| value.to_bits();
        let viewport = [half[0], half[0], half[1], half[1], 0.0, 1.0].map(float);
        let mut record = vec![
            (2, vec![15 << 8]),
            (5, vec![15 << 8]),
            (11, [&[0][..], &viewport].concat()),
            (16, vec![float(1e-10)]),
            (17, vec![0]),
            (18, vec![0]),
            (21, vec![1 << 10]),
            (27, vec![self.words]),
        ];
        record.retain(|(bit, _)| self.changes.iter().all(|(changed, _)| changed != bit));
        record.extend(self.changes.iter().cloned());
        record.sort();
        let mut header = record.iter().fold(0, |all, (bit, _)| all | 1 << bit);
        // The viewports say how many they are.
        let viewports = record.iter().find(|(bit, _)| *bit == 11);
        header |= (viewports.map_or(0, |(_, words)| words.len() as u32 - 1) / 6 - 1) << 12;
        let words = record.into_iter().flat_map(|(_, words)| words);
        let words: Vec<u32> = [header].into_iter().chain(words).collect();
        self.memory.map_if_new(self.records);
        self.memory.put(self.records, &bytes(&words));
        self.stream
            .extend([(words.len() as u32) << 8, self.records as u32]);
        self.records += 0x400;
        self.stream.extend([
            0x4000_002e,
            0,
            0x40,
            self.words << 8 | self.words,
            self.provoking,
            0,
        ]);
    }

    /// Adds words to the stream.
    pub(crate) fn words(&mut self, words: &[u32]) {
        self.stream.extend(words);
    }

    /// Returns the last words of the stream.
    pub(crate) fn stream_tail(&self, count: usize) -> Vec<u32> {
        self.stream[self.stream.len() - count..].to_vec()
    }

    /// Writes other words to the end of the stream.
    pub(crate) fn replace_tail(&mut self, words: &[u32]) {
        let at = self.stream.len() - words.len();
        self.stream[at..].copy_from_slice(words);
    }

    /// Adds the state and a draw of vertices that follow each other.
    pub(crate) fn draw(&mut self, primitive: u32, start: u32, count: u32) {
        let instances = 1;
        self.draw_all(
            primitive,
            Counts {
                count,
                instances,
                start,
            },
        );
    }

    pub(crate) fn draw_all(&mut self, primitive: u32, counts: Counts) {
        self.state();
        let Counts {
            count,
            instances,
            start,
        } = counts;
        self.stream
            .extend([0x61c0_0000 | primitive << 8, count, instances, start]);
    }

    /// Adds the state and a draw of indices of `size` bytes.
    pub(crate) fn indexed(&mut self, primitive: u32, size: u32, restart: bool, indices: &[u32]) {
        self.state();
        let offset = self.indices.len() as u32;
        for index in indices {
            self.indices.extend(&index.to_le_bytes()[..size as usize]);
        }
        let used = self.indices.len() as u32 - offset;
        self.indices
            .resize(self.indices.len().next_multiple_of(4), 0xee);
        let flags = u32::from(restart) << 16 | size.ilog2() << 17 | primitive << 8;
        self.stream.extend([
            0x61f0_0013 | flags,
            offset,
            indices.len() as u32,
            1,
            0,
            used.div_ceil(4),
        ]);
    }

    /// Adds the state and a draw whose arguments are in memory.
    pub(crate) fn indirect(&mut self, primitive: u32, arguments: &[u32]) {
        self.state();
        self.memory.map_if_new(ARGUMENTS);
        self.memory.put(ARGUMENTS, &bytes(arguments));
        self.stream.extend([0x6400_0000 | primitive << 8, 0x14, 0]);
    }

    /// Writes what was added to memory; returns the job.
    pub(crate) fn job(&mut self) -> (VertexJob, Settings) {
        let mut stream = self.stream.clone();
        stream.extend([6 << 29, 0, 0, 0]);
        let place = |va: u64, bytes: &[u8]| {
            let pages = bytes.len().div_ceil(0x4000).max(1);
            (0..pages).for_each(|page| self.memory.map_if_new(va + page as u64 * 0x4000));
            self.memory.put(va, bytes);
        };
        place(STREAM, &bytes(&stream));
        place(DATA, &self.vertices);
        place(INDICES, &self.indices);
        let uniforms = 0x1d_u64 | 4 << 20 | ((USC + 0x100) >> 2) << 26;
        let mut code = vec![0; SIZE];
        code[0x100..0x108].copy_from_slice(&DATA.to_le_bytes());
        code[0x40..0x48].copy_from_slice(&uniforms.to_le_bytes());
        code[0x48..0x50].copy_from_slice(&[0x0d, 0x0c, 0x00, 0x10, 0, 0, 0x88, 0]);
        let at = (CODE - USC) as usize;
        code[at..at + self.shader.len()].copy_from_slice(&self.shader);
        place(USC, &code);
        let job = VertexJob {
            frame: self.frame,
            stream: STREAM,
            usc_base: USC,
        };
        let settings = Settings {
            threads: self.threads,
            soft_faults: self.soft_faults,
            vm_slot: 1,
            sampler_heap: (0, 0),
            engine: Engine::Compiled { threshold: 0 },
        };
        (job, settings)
    }

    /// Runs what was added.
    pub(crate) fn run(&mut self) -> Result<Scene, End> {
        let (job, settings) = self.job();
        let meter = Meter::new(Limits {
            group: 1 << 20,
            job: self.job_limit,
        });
        let max = self.max_bytes;
        let end = capture::run_within(max, &job, &self.memory, settings, &meter, None, &mut |_| {});
        let parts = [&meter.instructions, &meter.other];
        self.charged = parts.map(|part| part.load(Ordering::Relaxed)).iter().sum();
        end
    }

    /// Runs what was added to its end.
    pub(crate) fn scene(&mut self) -> Scene {
        self.run().expect("it comes to its end")
    }

    /// Returns the text with which it is refused.
    pub(crate) fn refusal(&mut self) -> String {
        match self.run() {
            Err(End::Illegal(text)) => text,
            other => panic!("{:?}", other.map(|scene| scene.primitives())),
        }
    }
}

/// Returns all quads of all primitives of a layer, region by region.
pub(crate) fn quads(scene: &Scene, layer: u32) -> Vec<(u32, Quad)> {
    let frame = *scene.frame();
    let mut all = Vec::new();
    for y in 0..frame.height.div_ceil(REGION) {
        for x in 0..frame.width.div_ceil(REGION) {
            let within = Rect {
                x0: x * REGION,
                y0: y * REGION,
                x1: ((x + 1) * REGION).min(frame.width),
                y1: ((y + 1) * REGION).min(frame.height),
            };
            for &primitive in scene.region(layer, x, y) {
                scene.quads(primitive, within, &mut |quad| all.push((primitive, quad)));
            }
        }
    }
    all
}

/// Returns how often each sample of a layer is covered: pixel by pixel, sample by sample.
pub(crate) fn coverage(scene: &Scene, layer: u32) -> Vec<u32> {
    let frame = *scene.frame();
    let samples = frame.samples as usize;
    let mut count = vec![0; (frame.width * frame.height) as usize * samples];
    for (_, quad) in quads(scene, layer) {
        for (pixel, mask) in quad.coverage.into_iter().enumerate() {
            let x = usize::from(quad.x) + pixel % 2;
            let y = usize::from(quad.y) + pixel / 2;
            for sample in (0..samples).filter(|sample| mask >> sample & 1 == 1) {
                count[(y * frame.width as usize + x) * samples + sample] += 1;
            }
        }
    }
    count
}

/// Returns the covered pixels of one sample, as rows of text.
pub(crate) fn picture(scene: &Scene) -> Vec<String> {
    let width = scene.frame().width as usize;
    let counts = coverage(scene, 0);
    let digit = |&n: &u32| char::from_digit(n, 36).filter(|_| n != 0).unwrap_or('.');
    counts
        .chunks(width)
        .map(|row| row.iter().map(digit).collect())
        .collect()
}
