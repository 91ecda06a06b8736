// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The memory of a job's renders: the firmware's objects of both halves, and the scenes.
//!
//! | block | kind | for each render |
//! |---|---|---|
//! | commands | read by the GPU, private to the firmware | `RunVertex`, `RunFragment` |
//! | sequences | private to the firmware | two microsequences, barriers before each half |
//! | | | at the end one `InitBuffer` for the job |
//! | scenes | shared | `Scene`, two `JobTimestamps` |
//! | tiles | of the client's VM | what [`Layout`] says |
//!
//! To allocate a block takes longer than to write what is in it, so what has the same kind is in
//! one block.

use super::{
    command_memory::{
        barriers_behind,
        sequence_stride,
        CommandMemory,
        ALIGN, //
    },
    fragment,
    render::Render,
    scene::{
        Layout,
        Machine,
        ScenePlace,
        ALIGN as TILES_ALIGN, //
    },
    sequence::{
        Common,
        Sequence, //
    },
    tvb::{
        Tvb,
        TvbUse, //
    },
    tvb_memory::{
        exhausted,
        Tpc, //
    },
    vertex::{
        self,
        Half, //
    }, //
};
use crate::{
    alloc::{
        GpuBox,
        Heaps, //
    },
    firmware::shared::SharedBox,
    small_vec::SmallVec,
    vm::Vm, //
};
use agx_abi::{
    buffer::{
        Scene,
        CONTROL_WORD_SIZE, //
    },
    compute::JobTimestamps,
    fragment::RunFragment,
    microsequence::{
        FinalizeFragment,
        FinalizeVertex,
        StartFragment,
        StartVertex, //
    },
    queue::InitBuffer,
    tiling::Tiling,
    vertex::RunVertex,
    Abi,
    Value, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Bytes of the longest microsequence. Barriers stand behind the longer of the two.
const SEQUENCE: usize = Sequence::max::<StartFragment, FinalizeFragment>();
const HALF_STRIDE: usize = sequence_stride(SEQUENCE);
const SEQUENCE_STRIDE: usize = 2 * HALF_STRIDE;

const _: () = assert!(Sequence::max::<StartVertex, FinalizeVertex>() <= SEQUENCE);

/// Returns the bytes that the scene and the timestamps of a render take.
fn scene_stride(abi: Abi) -> usize {
    (Scene::size_in(abi) + 2 * JobTimestamps::SIZE).next_multiple_of(ALIGN)
}

/// Returns the bytes that a `RunVertex` takes.
fn vertex_size(abi: Abi) -> usize {
    RunVertex::size_in(abi).next_multiple_of(ALIGN)
}

/// Returns the bytes that a `RunFragment` takes.
fn fragment_size(abi: Abi) -> usize {
    RunFragment::size_in(abi).next_multiple_of(ALIGN)
}

/// Returns the bytes that the commands of a render take.
fn command_stride(abi: Abi) -> usize {
    vertex_size(abi) + fragment_size(abi)
}

/// One of the halves of a render.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Vertex = 0,
    Fragment = 1,
}

/// The microsequences of a render that is ready to run.
pub(crate) struct PlannedRender {
    pub(crate) vertex: Sequence,
    pub(crate) fragment: Sequence,
}

/// Parameters that all renders of a user queue share.
pub(crate) struct RenderCommon {
    pub(crate) vertex: Common,
    pub(crate) fragment: Common,
    pub(crate) machine: Machine,
    pub(crate) tvb: Arc<Tvb>,
}

/// The memory of one scene, without the firmware's `Scene`.
struct SceneMemory {
    /// The words that the GPU writes about the scene, in versions that have it do so.
    control_word: Option<SharedBox>,
    tiles: GpuBox,
    tpc: Arc<Tpc>,
    tiling: Tiling,
    layout: Layout,
}

impl SceneMemory {
    fn new(heaps: &Heaps, vm: &Vm, common: &RenderCommon, tiling: Tiling) -> Result<Self> {
        let layout = Layout::new(&tiling, &common.machine);
        let tpc = common.tvb.tpc(vm.shared_heap(), tiling.tpc_size())?;
        let size = usize::try_from(layout.size)?;
        let tiles = vm.heap().alloc(size, TILES_ALIGN as usize);
        let tiles = tiles.map_err(exhausted)?;

        let control_word = match &heaps.gpu_shared {
            Some(heap) => Some(SharedBox::new(heap, CONTROL_WORD_SIZE)?),
            None => None,
        };
        Ok(Self {
            control_word,
            tiles,
            tpc,
            tiling,
            layout,
        })
    }

    /// Returns the `Scene` of version `abi`. `stats`: address of the statistics of its buffers.
    fn scene(&self, abi: Abi, stats: u64) -> Scene {
        let control_word = self.control_word.as_ref().map_or(0, SharedBox::va);
        let mut scene = Scene::new(abi);
        scene
            .put(Scene::CONTROL_WORD, control_word)
            .put(Scene::CONTROL_WORD_2, control_word)
            .set(
                Scene::USER_BUFFER,
                self.layout.user_buffer.at(self.tiles.va()),
            )
            .set(Scene::STATS, stats);
        scene
    }
}

/// The memory of a job's renders.
///
/// The firmware may use it until the job is complete, or the firmware is dead. Dropping frees it,
/// in process context.
pub(crate) struct RenderMemory {
    commands: SharedBox,
    sequences: SharedBox,
    /// The shared parts of all scenes: [`scene_stride`] bytes for each of `scenes`.
    shared: SharedBox,
    scenes: KVec<SceneMemory>,
    common: Arc<RenderCommon>,
    // Behind the scenes: fields are dropped in order.
    _use: TvbUse,
}

impl RenderMemory {
    /// Returns memory for renders whose frames are cut into tiles by `tilings`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if a client wants more than a part of the machine's memory.
    #[inline(never)]
    pub(crate) fn new(
        heaps: &Heaps,
        vm: &Vm,
        common: &Arc<RenderCommon>,
        tilings: &SmallVec<Tiling, 1>,
    ) -> Result<Self> {
        let (abi, count) = (heaps.abi, tilings.len());
        let mut scenes = KVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;
        let mut least = 0;
        for tiling in tilings.iter() {
            least = least.max(tiling.min_tvb_blocks());
            let scene = SceneMemory::new(heaps, vm, common, *tiling)?;
            scenes.push(scene, GFP_KERNEL_ACCOUNT)?;
        }
        let shared = SharedBox::new(&heaps.shared, count * scene_stride(abi))?;
        for (i, scene) in scenes.iter().enumerate() {
            let scene = scene.scene(abi, common.tvb.stats_va());
            shared.write(i * scene_stride(abi), scene.as_bytes())?;
        }
        let sequences = count * SEQUENCE_STRIDE + InitBuffer::SIZE;
        Ok(Self {
            commands: SharedBox::new(&heaps.gpu_ro, count * command_stride(abi))?,
            sequences: SharedBox::new(&heaps.private, sequences)?,
            shared,
            scenes,
            common: common.clone(),
            _use: TvbUse::new(&common.tvb, vm.heap(), least)?,
        })
    }

    /// Writes `render`, number `index`, as far as it is known before its turn. `times`: where its
    /// client wants timestamps of the vertex and of the fragment half.
    #[inline(never)]
    pub(crate) fn describe(
        &self,
        index: usize,
        render: &Render<'_>,
        times: [[u64; 2]; 2],
    ) -> Result<PlannedRender> {
        let memory = self.scenes.get(index).ok_or(EINVAL)?;
        let tvb = &self.common.tvb;
        let abi = self.shared.abi();
        let scene_va = self.shared.va() + (index * scene_stride(abi)) as u64;
        let timestamps = scene_va + Scene::size_in(abi) as u64;
        let scene = ScenePlace {
            scene: scene_va,
            buffer: tvb.info_va(),
            kernel_buffer: tvb.kernel_buffer_va(),
            block: memory.tiles.va(),
            tpc: memory.tpc.va(),
        };
        let half = |which: Which,
                    own: &CommandMemory<'_>,
                    common,
                    [user_start, user_end]: [u64; 2]| Half {
            render,
            common,
            machine: &self.common.machine,
            tiling: &memory.tiling,
            layout: &memory.layout,
            scene: &scene,
            command: own.va(),
            sequence: own.sequence_va(),
            timestamps: timestamps + (which as usize * JobTimestamps::SIZE) as u64,
            user_start,
            user_end,
        };
        let [vertex_times, fragment_times] = times;
        let mut vertex = self.memory(index, Which::Vertex)?;
        let mut fragment = self.memory(index, Which::Fragment)?;
        let of_vertex = &self.common.vertex;
        let of_fragment = &self.common.fragment;
        let vertex_half = half(Which::Vertex, &vertex, of_vertex, vertex_times);
        let fragment_half = half(Which::Fragment, &fragment, of_fragment, fragment_times);
        Ok(PlannedRender {
            vertex: vertex::describe(&vertex_half, &mut vertex)?,
            fragment: fragment::describe(&fragment_half, &mut fragment)?,
        })
    }

    /// Returns the memory of one half of render `index`. `EINVAL` if there is none.
    pub(crate) fn memory(&self, index: usize, which: Which) -> Result<CommandMemory<'_>> {
        let abi = self.commands.abi();
        let start = index * command_stride(abi);
        let (command, size) = match which {
            Which::Vertex => (start, vertex_size(abi)),
            Which::Fragment => (start + vertex_size(abi), fragment_size(abi)),
        };
        let sequence = index * SEQUENCE_STRIDE + which as usize * HALF_STRIDE;
        Ok(CommandMemory::new(
            self.commands.room(command, size)?,
            self.sequences.room(sequence, HALF_STRIDE)?,
            barriers_behind(SEQUENCE),
        ))
    }

    /// Writes the command that initialises the buffer manager, and returns its address.
    pub(crate) fn write_start(&self, start: &InitBuffer) -> Result<u64> {
        let offset = self.scenes.len() * SEQUENCE_STRIDE;
        self.sequences.write(offset, start.as_bytes())?;
        Ok(self.sequences.va() + offset as u64)
    }
}
