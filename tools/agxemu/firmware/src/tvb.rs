// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tiled vertex buffers and the scenes in them.
//!
//! ```text
//!            RunVertex            vertex half done             RunFragment done
//!  no scene ──────────► begun ───────────────────────► binned ─────────────────► no scene
//!                         │ fault, timeout, abort                                    ▲
//!                         └──────────► empty ── RunFragment ends with an error ──────┘
//! ```
//!
//! The primitives that a vertex half leaves are kept in the emulator's own memory. How many pages
//! of the buffer they would take is a model, see [`agxemu_gpu::render::Scene::bytes`]; the
//! statistics that the host sees are made from that. Inferred: nobody knows what the tiler writes.
//!
//! A scene that takes more pages than its buffer has is an overflow. What then happens is said by
//! [`Overflow`].

use std::collections::BTreeMap;
use std::str::FromStr;

use agx_abi::buffer::{BufferStats, Scene as SceneAbi, BLOCK_PAGES, PAGE_SIZE};
use agxemu_gpu::render::Frame;

use crate::command::{Buffer, SetUp};
use crate::gpu::Binned;
use crate::memory::Memory;
use crate::panic::{bail, ensure, Fw};
use crate::vertex::{Setup, Target, Vertex};
use crate::work::Stamps;

/// What a full buffer leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The frame is shaded in parts, with the programs that the client has for that.
    #[default]
    Partial,
    /// The host is asked for more blocks, and the frame shaded in parts if it gives none.
    Grow,
}

impl FromStr for Overflow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "partial" => Ok(Self::Partial),
            "grow" => Ok(Self::Grow),
            _ => Err(format!("{text:?} is nothing that a full buffer leads to")),
        }
    }
}

/// A scene between the begin of its vertex half and the end of its fragment half.
#[derive(Debug)]
pub(crate) struct Scene {
    /// GpuContextData of its user queue.
    context: u64,
    /// Stamps of the vertex half.
    pub vertex: Stamps,
    /// Event slot and stamp value of the fragment half.
    pub fragment: (u32, u32),
    /// Slot of the buffer manager.
    pub buffer_slot: u32,
    /// Its structures.
    pub target: Target,
    /// Where the tiler puts it.
    pub setup: Setup,
    /// The frame.
    pub frame: Frame,
    /// What the vertex half has left.
    pub binned: Option<Binned>,
}

impl Scene {
    /// Returns the scene that `vertex` makes, for a queue with `context`.
    pub fn new(vertex: &Vertex, context: u64) -> Self {
        Self {
            context,
            vertex: vertex.work.stamps,
            fragment: vertex.fragment,
            buffer_slot: vertex.buffer_slot,
            target: vertex.target,
            setup: vertex.setup,
            frame: vertex.job.frame,
            binned: None,
        }
    }

    /// Returns the pages of the buffer that it takes.
    pub fn pages(&self) -> u32 {
        let bytes = self.binned.as_ref().map_or(0, |binned| binned.bytes);
        // The tiler takes its first page before it knows whether there is anything to put there.
        u32::try_from(bytes.div_ceil(PAGE_SIZE).max(1)).unwrap_or(u32::MAX)
    }
}

/// A context's scene: its slot, and the address of the scene.
pub(crate) type Key = (u8, u64);

/// Bytes of the host that scenes may take together when a vertex half begins, which may add one of
/// the largest size.
const MAX_HOST_BYTES: u64 = 2 << 30;

/// All buffers and scenes.
#[derive(Debug, Default)]
pub(crate) struct Tvb {
    /// By buffer slot.
    buffers: BTreeMap<u32, Buffer>,
    scenes: BTreeMap<Key, Scene>,
    /// Pages that a buffer has at most, whatever it really has.
    limit: Option<u32>,
    /// Counters of the questions for more blocks that the host has not answered, by buffer slot.
    questions: BTreeMap<u32, u32>,
    asked: u32,
}

impl Tvb {
    /// Buffers that have at most `limit` pages.
    pub fn new(limit: Option<u32>) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Takes the buffer of a set-up into use.
    pub fn set_up(&mut self, set_up: &SetUp) -> Fw<()> {
        let slot = set_up.buffer_slot;
        let old = self
            .buffers
            .get(&slot)
            .filter(|old| old.info != set_up.buffer.info);
        if let Some(old) = old {
            let used = self.scenes.values().any(|scene| scene.buffer_slot == slot);
            ensure!(
                !used,
                "buffer slot {slot} given to {:#x} while scenes of {:#x} are in use",
                set_up.buffer.info,
                old.info
            );
        }
        self.buffers.insert(slot, set_up.buffer);
        Ok(())
    }

    /// Begins a scene with `vertex`, whose frame needs so many blocks at least.
    pub fn begin(&mut self, mem: &Memory, vertex: &Vertex, context: u64, least: u32) -> Fw<()> {
        let what = format!("vertex command at {:#x}", vertex.work.va);
        let (slot, target) = (vertex.buffer_slot, vertex.target);
        let Some(buffer) = self.buffers.get_mut(&slot) else {
            bail!("{what}: buffer slot {slot} was never set up");
        };
        ensure!(
            buffer.info == target.info,
            "{what}: buffer slot {slot} was set up for {:#x}, not for {:#x}",
            buffer.info,
            target.info
        );
        let listed = buffer.listed(mem)?;
        ensure!(
            listed >= buffer.blocks,
            "{what}: buffer at {:#x} has {listed:#x} blocks, set up with {:#x}",
            buffer.info,
            buffer.blocks
        );
        let counted = buffer.counted(mem)?;
        ensure!(
            counted <= buffer.blocks,
            "{what}: buffer at {:#x} counts {counted:#x} blocks, set up with {:#x}",
            buffer.info,
            buffer.blocks
        );
        ensure!(
            buffer.blocks >= least,
            "{what}: buffer of {} blocks, the frame needs {least}",
            buffer.blocks
        );
        // The lists may be in a context that has another slot by now.
        buffer.vm_slot = vertex.work.vm_slot;
        let key = (vertex.work.vm_slot, target.scene);
        ensure!(
            !self.scenes.contains_key(&key),
            "{what}: scene at {:#x} is in use, its fragment half is not done",
            target.scene
        );
        self.scenes.insert(key, Scene::new(vertex, context));
        Ok(())
    }

    /// Returns the scene at `key`.
    pub fn scene(&self, key: Key) -> Option<&Scene> {
        self.scenes.get(&key)
    }

    /// The vertex half of the scene at `key` has left `binned`.
    pub fn bin(&mut self, key: Key, binned: Binned) {
        if let Some(scene) = self.scenes.get_mut(&key) {
            scene.binned = Some(binned);
        }
    }

    /// Returns why no vertex half may begin: the scenes whose fragment halves are not done take too
    /// much of the host's memory.
    pub fn refusal(&self) -> Option<String> {
        let binned = self
            .scenes
            .values()
            .filter_map(|scene| scene.binned.as_ref());
        let bytes: u64 = binned.map(|binned| binned.host_bytes).sum();
        let count = self.scenes.len();
        (bytes > MAX_HOST_BYTES).then(|| format!("{count} scenes take {bytes} bytes"))
    }

    /// The scene at `key` is not needed any more.
    pub fn end(&mut self, key: Key) {
        self.scenes.remove(&key);
    }

    /// A user queue is gone, with its scenes and the buffers that it has set up. That the firmware
    /// forgets those is inferred: drivers have always set a new queue's buffer up.
    pub fn forget(&mut self, context: u64) {
        self.scenes.retain(|_, scene| scene.context != context);
        self.buffers.retain(|_, buffer| buffer.context != context);
    }

    /// Returns the pages of the buffer that `scene` is in.
    pub fn capacity(&self, scene: &Scene) -> u32 {
        let blocks = self.buffers.get(&scene.buffer_slot).map_or(0, |b| b.blocks);
        let pages = blocks.saturating_mul(BLOCK_PAGES);
        self.limit.map_or(pages, |limit| limit.min(pages)).max(1)
    }

    /// Parts in which the scene at `key` is shaded.
    pub fn parts(&self, key: Key) -> u32 {
        self.scenes.get(&key).map_or(1, |scene| {
            scene.pages().div_ceil(self.capacity(scene)).max(1)
        })
    }

    /// Primitives of a part, if the scene at `key` is shaded in several.
    pub fn part(&self, key: Key) -> Option<u32> {
        let parts = self.parts(key);
        let primitives = self.scenes.get(&key)?.binned.as_ref()?.primitives;
        (parts > 1).then(|| {
            let part = primitives.div_ceil(u64::from(parts)).max(1);
            u32::try_from(part).unwrap_or(u32::MAX)
        })
    }

    /// Writes what the tiler says of the scene at `key` when its vertex half is done.
    pub fn account(&self, mem: &Memory, key: Key) -> Fw<()> {
        let Some(scene) = self.scenes.get(&key).filter(|scene| scene.binned.is_some()) else {
            return Ok(());
        };
        let (pages, parts) = (scene.pages(), self.parts(key));
        let stats = scene.target.stats;
        let mut most = mem.u32(mem.at(stats, BufferStats::MAX_PAGES))?;
        if mem.u32(mem.at(stats, BufferStats::RESET))? != 0 {
            most = 0;
            mem.set_u32(mem.at(stats, BufferStats::RESET), 0)?;
        }
        mem.set_u32(mem.at(stats, BufferStats::MAX_PAGES), most.max(pages))?;
        let overflows = mem.u32(mem.at(stats, BufferStats::OVERFLOW_COUNT))?;
        let more = overflows.wrapping_add(parts - 1);
        mem.set_u32(mem.at(stats, BufferStats::OVERFLOW_COUNT), more)?;
        let pass = pages.min(self.capacity(scene));
        let place = scene.target.scene;
        mem.set_u32(mem.at(place, SceneAbi::PASS_PAGE_COUNT), pass)?;
        mem.set_u32(mem.at(place, SceneAbi::TOTAL_PAGE_COUNT), pages)
    }

    /// Returns whether the scene at `key` does not fit its buffer.
    pub fn overflows(&self, key: Key) -> bool {
        self.parts(key) > 1
    }

    /// Asks for more blocks for `slot`; returns the counter of the question, or `None` if there is
    /// one that was not answered.
    pub fn ask(&mut self, slot: u32) -> Option<u32> {
        if self.questions.contains_key(&slot) {
            return None;
        }
        self.asked = self.asked.wrapping_add(1);
        self.questions.insert(slot, self.asked);
        Some(self.asked)
    }

    /// Returns whether the host has not answered a question for `slot`.
    pub fn is_asked(&self, slot: u32) -> bool {
        self.questions.contains_key(&slot)
    }

    /// Takes the host's answer, and the blocks that it has added.
    pub fn answer(&mut self, mem: &Memory, slot: u32, vm_slot: u32, counter: u32) -> Fw<()> {
        let Some(asked) = self.questions.get(&slot) else {
            bail!("GrowTVBAck for buffer slot {slot}, which did not ask to grow");
        };
        ensure!(
            *asked == counter,
            "GrowTVBAck for buffer slot {slot} with counter {counter:#x}, asked with {asked:#x}"
        );
        let Some(buffer) = self.buffers.get_mut(&slot) else {
            bail!("GrowTVBAck for buffer slot {slot}, which was never set up");
        };
        ensure!(
            u32::from(buffer.vm_slot) == vm_slot,
            "GrowTVBAck for buffer slot {slot} of vm slot {vm_slot}, it is in {}",
            buffer.vm_slot
        );
        let listed = buffer.listed(mem)?;
        let grown = Buffer {
            blocks: listed.max(buffer.blocks),
            ..*buffer
        };
        grown.check(mem)?;
        *buffer = grown;
        self.questions.remove(&slot);
        Ok(())
    }
}
