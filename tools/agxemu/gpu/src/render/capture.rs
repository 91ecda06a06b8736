// SPDX-License-Identifier: MIT OR Apache-2.0

//! The vertex half of a render command: from the control stream to a scene.
//!
//! ```text
//!   stream ─► block ─► state, records ─► state
//!                 └──► draw ─► fetch ─► shade ─► assemble ─► project ─► scene
//! ```

use super::assemble::Assembler;
use super::blocks::{Arguments, Block, IndexList, StateUpdate};
use super::fetch::{Cursor, Draw, Element};
use super::ppp::State;
use super::project::Projector;
use super::scene::Scene;
use super::vdm;
use super::vertex::{Shader, Stage, Vertex};
use super::VertexJob;
use crate::cdm::End;
use crate::execute::Settings;
use crate::threadgroup::{Meter, SLICE};
use crate::tlb::{Cached, Pages};
use crate::trace::Sink;

/// Vertices that are fetched and shaded at once.
const CHUNK: u32 = 1 << 14;

/// Entries of the cache of shaded vertices.
const CACHE: usize = 1 << 12;

/// Bytes of the host that a scene may take. Hardware would render what there is so far; a scene of
/// this size is drawn by no program that is known.
const MAX_BYTES: u64 = 1 << 30;

/// What is done without a shader, in instructions of a group that take about as long: an index that
/// is fetched and numbered.
const INDEX: u64 = 1;
/// A vertex or a restart that goes into assembly.
const ELEMENT: u64 = 1;
/// A primitive that is looked up, clipped, culled and set up.
const PRIMITIVE: u64 = 8;
/// A region that a primitive may touch.
const REGION: u64 = 2;
/// So many words of records are made and dealt out while one is executed.
const WORDS: u64 = 16;

/// A draw, with its state and its line in the log.
const DRAW: u64 = 100;
/// A shader and its registers, before its preshader runs.
const SHADER: u64 = 500;

/// `ppp_ctrl` as programs set it, without the default size of points.
const CONTROL: u32 = 0x202;
const CONTROL_DEFAULT_SIZE: u32 = 1 << 8;

/// Bit of the first cull word: nothing is drawn.
const CULL_DISCARD: u32 = 1 << 17;

/// Structures that a draw needs: viewport, smallest w, outputs, counts, cull, size of the record.
const NEEDED: u32 = 1 << 11 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 21 | 1 << 27;

/// Runs the vertex half.
///
/// # Errors
///
/// Why it cannot come to its end.
pub fn run(
    job: &VertexJob,
    pages: &dyn Pages,
    settings: Settings,
    meter: &Meter,
    trace: Option<&Sink>,
    note: &mut dyn FnMut(&str),
) -> Result<Scene, End> {
    run_within(MAX_BYTES, job, pages, settings, meter, trace, note)
}

/// As [`run`], for a scene of at most `max_bytes`.
pub(super) fn run_within(
    max_bytes: u64,
    job: &VertexJob,
    pages: &dyn Pages,
    settings: Settings,
    meter: &Meter,
    trace: Option<&Sink>,
    note: &mut dyn FnMut(&str),
) -> Result<Scene, End> {
    let control = job.frame.ppp_control;
    if control & !CONTROL_DEFAULT_SIZE != CONTROL {
        return Err(End::Illegal(format!("ppp_ctrl {control:#x}")));
    }
    if !matches!(job.frame.samples, 1 | 2 | 4) {
        return Err(End::Illegal(format!("{} samples", job.frame.samples)));
    }
    let memory = Cached::new(pages);
    let mut capture = Capture {
        max_bytes,
        job,
        memory: &memory,
        meter,
        stage: Stage::new(pages, settings, meter, trace),
        vdm: Vdm::default(),
        ppp: State::new(),
        shader: None,
        cache: vec![(u64::MAX, 0); CACHE],
        runs: 0,
        scene: Scene::new(job.frame),
    };
    vdm::walk(&memory, job.stream, &mut |at, block| {
        meter.charge(1, 0, at)?;
        if let Some(sink) = trace {
            sink(&format!("vdm {at:#x}: {block}"));
        }
        match block {
            Block::Ppp { address, words } => {
                meter.spend(words.into())?;
                capture.ppp.record(&memory, address, words)?;
            }
            Block::Barrier(_) => {
                capture.shader = None;
                capture.stage.forget_code();
            }
            Block::State(update) => capture.vdm.update(&update),
            Block::Jump(_) => {}
            Block::Draw(list) => {
                meter.spend(DRAW)?;
                if let Some(sink) = trace {
                    sink(&format!("  {}", capture.ppp));
                }
                let draw = Draw::new(&memory, &list, capture.vdm.restart)?;
                note(&capture.line(at, &list, &draw));
                capture.draw(at, draw)?;
            }
        }
        Ok(())
    })?;
    Ok(capture.scene)
}

/// State of the vertex data master.
#[derive(Default)]
struct Vdm {
    restart: u32,
    /// Counts word and pipeline word of the vertex shader.
    counts: u32,
    shader: Option<u32>,
    outputs: u32,
    flags: u32,
}

impl Vdm {
    fn update(&mut self, update: &StateUpdate) {
        let set = |value: &mut u32, new: Option<u32>| *value = new.unwrap_or(*value);
        set(&mut self.restart, update.restart);
        set(&mut self.counts, update.shader_counts);
        set(&mut self.outputs, update.outputs);
        set(&mut self.flags, update.flags);
        self.shader = update.shader.or(self.shader);
    }

    fn provoking(&self) -> u32 {
        self.flags & 3
    }
}

/// A vertex half while it runs.
struct Capture<'a> {
    max_bytes: u64,
    job: &'a VertexJob,
    memory: &'a Cached<'a>,
    meter: &'a Meter,
    stage: Stage<'a>,
    vdm: Vdm,
    ppp: State,
    /// The shader that was used last, and the words that name it.
    shader: Option<([u32; 2], Shader)>,
    /// Vertices of indexed draws that were shaded last: run and index, and where the record is.
    cache: Vec<(u64, u32)>,
    /// Instances of draws so far, as far as they differ in the cache.
    runs: u64,
    scene: Scene,
}

impl Capture<'_> {
    fn line(&self, at: u64, list: &IndexList, draw: &Draw) -> String {
        let mut line = format!("vdm {at:#x}: {list}");
        if matches!(list.arguments, Arguments::Indirect(_)) {
            line += &format!(
                " = {} from {:#x}, {} instances",
                draw.count, draw.start, draw.instances
            );
        }
        let shader = self.vdm.shader.unwrap_or_default();
        line + &format!(", shader {shader:#x}")
    }

    fn draw(&mut self, at: u64, draw: Draw) -> Result<(), End> {
        if draw.count == 0 || draw.instances == 0 {
            return Ok(());
        }
        let words = self.check(at)?;
        let names = [self.vdm.counts, self.vdm.shader.unwrap_or_default()];
        let shader = match self.shader.take() {
            Some((old, shader)) if old == names => shader,
            _ => {
                self.meter.spend(SHADER)?;
                self.stage.shader(self.job.usc_base, names[0], names[1])?
            }
        };
        let result = self.vertices(at, draw, words, &shader);
        self.shader = Some((names, shader));
        result
    }

    /// Checks the state of a draw; returns the words of a vertex's record.
    fn check(&self, at: u64) -> Result<usize, End> {
        let refuse = |what: String| Err(End::Illegal(format!("draw at {at:#x}: {what}")));
        if self.vdm.shader.is_none() {
            return refuse("no vertex shader".into());
        }
        let missing = NEEDED & !self.ppp.seen;
        if missing != 0 {
            let bit = missing.trailing_zeros();
            return refuse(format!("PPP structure {bit} was never there"));
        }
        if self.draws() && self.vdm.flags & vdm::DISCARD != 0 {
            return refuse("discard in the vertex state only".into());
        }
        let (outputs, words) = (self.vdm.outputs, self.ppp.draw.uvs_words);
        if outputs != words {
            return refuse(format!("records of {outputs} and of {words} words"));
        }
        let needed = self.projector().words();
        if self.draws() && (words as usize) < needed {
            return refuse(format!("record of {words} words, {needed} are in use"));
        }
        Ok(words as usize)
    }

    fn projector(&self) -> Projector<'_> {
        let frame = &self.job.frame;
        let provoking = self.vdm.provoking();
        Projector::new(&self.ppp, provoking, frame.layers, frame.ppp_control)
    }

    fn draws(&self) -> bool {
        self.ppp.draw.cull[0] & CULL_DISCARD == 0
    }

    fn vertices(&mut self, at: u64, draw: Draw, words: usize, shader: &Shader) -> Result<(), End> {
        let (start, primitives) = (self.scene.records.len(), self.scene.primitives.len());
        let draws = self.draws();
        if draws && self.scene.draws.last() != Some(&self.ppp.draw) {
            self.scene.draws.push(self.ppp.draw.clone());
        }
        let mut assembler = Assembler::new(draw.topology, self.vdm.provoking());
        let mut cursor = Cursor::new(draw);
        let (mut elements, mut vertices) = (Vec::new(), Vec::new());
        self.runs += 1;
        loop {
            elements.clear();
            vertices.clear();
            let first = self.scene.records.len();
            let mut more = true;
            while more && elements.len() < CHUNK as usize {
                let from = elements.len();
                let instance = cursor.instance();
                more = cursor.next(self.memory, CHUNK - from as u32, &mut elements)?;
                self.number(&draw, instance, words, &mut elements[from..], &mut vertices);
            }
            if elements.is_empty() {
                break;
            }
            let made = vertices.len() * words;
            self.charge(at, elements.len() as u64 * INDEX + made as u64 / WORDS)?;
            self.scene.records.resize(first + made, 0);
            let records = &mut self.scene.records[first..];
            self.stage.run(shader, words, &vertices, records)?;
            if !draws {
                self.scene.records.truncate(start);
                self.runs += 1;
                continue;
            }
            let frame = &self.job.frame;
            let provoking = self.vdm.provoking();
            let projector = Projector::new(&self.ppp, provoking, frame.layers, frame.ppp_control);
            let mut work = 0;
            for element in &elements {
                let scene = &mut self.scene;
                let before = scene.bins.entries();
                let emit = &mut |primitive| {
                    work += PRIMITIVE;
                    projector.add(scene, &primitive);
                };
                match *element {
                    Element::Index(record) => assembler.vertex(record, emit),
                    Element::Restart => assembler.restart(emit),
                    Element::EndOfInstance => assembler.end_of_instance(emit),
                }
                work += ELEMENT + REGION * (self.scene.bins.entries() - before);
                if work >= SLICE {
                    self.charge(at, std::mem::take(&mut work))?;
                }
            }
            self.charge(at, work)?;
        }
        if self.scene.primitives.len() == primitives {
            self.scene.records.truncate(start);
        }
        Ok(())
    }

    /// Charges what is done without a shader, and checks how large the scene has become.
    fn charge(&self, at: u64, work: u64) -> Result<(), End> {
        self.meter.spend(work)?;
        match self.scene.host_bytes() {
            bytes if bytes > self.max_bytes => Err(End::Illegal(format!(
                "draw at {at:#x}: the scene takes {bytes} bytes"
            ))),
            _ => Ok(()),
        }
    }

    /// Replaces indices by the places of records, and adds those vertices that are to be shaded.
    fn number(
        &mut self,
        draw: &Draw,
        instance: u32,
        words: usize,
        elements: &mut [Element],
        vertices: &mut Vec<Vertex>,
    ) {
        let first = self.scene.records.len();
        for element in elements {
            let index = match element {
                Element::Index(index) => *index,
                Element::EndOfInstance => {
                    self.runs += 1;
                    continue;
                }
                Element::Restart => continue,
            };
            let key = self.runs << 32 | u64::from(index);
            let slot = &mut self.cache[index as usize % CACHE];
            if draw.indices.is_none() || slot.0 != key {
                let place = (first + vertices.len() * words) as u32;
                vertices.push(Vertex {
                    id: index.wrapping_add(draw.start),
                    instance,
                });
                *slot = (key, place);
            }
            *element = Element::Index(slot.1);
        }
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
