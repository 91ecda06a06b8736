// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The two work queues of a user queue's renders, and the slot of its buffer manager.
//!
//! ```text
//!                 occupy()                issue(), push()…, publish()            release_idle()
//!   dormant ───────────────────► occupying ──────────────────────────► busy ─────────────► dormant
//!               two event slots,                                        nothing in flight
//!               a buffer manager's
//! ```
//!
//! They are made with a user queue's first render, by the thread that submits it, and handed to the
//! queue's task through a [`RenderCell`].

use super::{
    fragment::{
        self,
        FragmentTurn, //
    },
    render_memory::{
        PlannedRender,
        RenderMemory,
        Which, //
    },
    sequence::Turn,
    tvb::Tvb,
    vertex::{
        self,
        VertexTurn, //
    },
    work_queue::{
        Numbers,
        Target,
        WorkQueue, //
    }, //
};
use crate::{
    firmware::{
        Room,
        RoomWait,
        Stamp, //
    },
    slots::{
        SlotPool,
        Tables, //
    }, //
};
use agx_abi::queue::InitBuffer;
use core::task::{
    self,
    ready,
    Poll, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

/// The slot of a buffer manager. Given back on drop.
struct BufferSlot {
    pool: Arc<SlotPool>,
    index: usize,
}

impl Drop for BufferSlot {
    fn drop(&mut self) {
        self.pool
            .release(|tables| tables.buffers.release(self.index, false));
    }
}

/// The work queues of a user queue's renders.
pub(crate) struct RenderQueues {
    pub(crate) vertex: WorkQueue,
    pub(crate) fragment: WorkQueue,
    tvb: Arc<Tvb>,
    pool: Arc<SlotPool>,
    slot: Option<BufferSlot>,
    /// The last slot, and the VM's slot at the last initialisation of the buffer manager.
    last_slot: Option<usize>,
    started_in: Option<u32>,
    /// The wait for room in the pipes.
    vertex_wait: RoomWait,
    fragment_wait: RoomWait,
}

/// Room in the two pipes.
pub(crate) struct RenderRooms {
    vertex: Room,
    fragment: Room,
}

impl RenderQueues {
    /// Returns the queues of a user queue whose buffer is `tvb`.
    pub(crate) fn new(
        vertex: WorkQueue,
        fragment: WorkQueue,
        tvb: &Arc<Tvb>,
        pool: &Arc<SlotPool>,
    ) -> Result<Self> {
        Ok(Self {
            vertex,
            fragment,
            tvb: tvb.clone(),
            pool: pool.clone(),
            slot: None,
            last_slot: None,
            started_in: None,
            vertex_wait: RoomWait::new()?,
            fragment_wait: RoomWait::new()?,
        })
    }

    /// Takes room in both pipes, or in none.
    pub(crate) fn poll_rooms(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<RenderRooms>> {
        let vertex = ready!(self.vertex_wait.poll(self.vertex.pipe(), cx))?;
        let fragment = ready!(self.fragment_wait.poll(self.fragment.pipe(), cx))?;
        Poll::Ready(Ok(RenderRooms { vertex, fragment }))
    }

    /// Returns whether the next render can be handed over: the firmware's lists of the buffer are
    /// up to date, or nothing is in flight that uses them. If not, the end of what is in flight
    /// changes that.
    pub(crate) fn may_start(&self) -> bool {
        self.is_idle() || !self.tvb.is_stale()
    }

    fn is_idle(&self) -> bool {
        self.vertex.in_flight().is_none() && self.fragment.in_flight().is_none()
    }

    /// Returns whether it has its slots.
    pub(crate) fn is_occupying(&self) -> bool {
        self.vertex.is_occupying() && self.fragment.is_occupying() && self.slot.is_some()
    }

    /// Returns whether `tables` have what it needs, and how many event slots that is.
    pub(crate) fn needs(&self, tables: &Tables) -> (bool, usize) {
        let events = [&self.vertex, &self.fragment]
            .iter()
            .filter(|queue| !queue.is_occupying())
            .count();
        (self.slot.is_some() || tables.buffers.has_free(), events)
    }

    /// Acquires the missing slots from `tables`. `vm_slot`: the slot of the VM.
    pub(crate) fn occupy(&mut self, tables: &mut Tables, vm_slot: u32) {
        for queue in [&mut self.vertex, &mut self.fragment] {
            if !queue.is_occupying() {
                queue.occupy(tables, vm_slot);
            }
        }
        if self.slot.is_some() {
            return;
        }
        let Some(index) = tables.buffers.take(self.last_slot) else {
            return;
        };
        let (requests, own) = (&mut tables.buffer_requests[index], self.tvb.requests());
        if !requests.as_ref().is_some_and(|last| Arc::ptr_eq(last, own)) {
            *requests = Some(own.clone());
            self.started_in = None;
        }
        self.last_slot = Some(index);
        self.slot = Some(BufferSlot {
            pool: self.pool.clone(),
            index,
        });
    }

    /// Releases the slots for which nothing is in flight, and returns whether these are all.
    pub(crate) fn release_idle(&mut self) -> bool {
        let idle = [self.vertex.release_idle(), self.fragment.release_idle()] == [true; 2];
        if idle {
            self.slot = None;
        }
        idle
    }

    /// Initialises the buffer manager before the next render, unless the firmware knows the buffer.
    fn start_buffer(&mut self, memory: &RenderMemory, slot: u32, vm_slot: u32) -> Result {
        // A buffer that has another slot, or whose address space has one, may be unknown [I]. What
        // was reserved for later jobs meanwhile waits for them.
        if self.started_in == Some(vm_slot) && (!self.tvb.is_stale() || !self.is_idle()) {
            return Ok(());
        }
        let mut start = InitBuffer::zeroed();
        start
            .set(InitBuffer::TAG, InitBuffer::TAG_VALUE)
            .set(InitBuffer::VM_SLOT, vm_slot)
            .set(InitBuffer::BUFFER_SLOT, slot)
            .set(InitBuffer::BLOCK_COUNT, self.tvb.link()?)
            .set(InitBuffer::BUFFER, self.tvb.info_va())
            .set(InitBuffer::STAMP_VALUE, self.vertex.next()?.0);
        self.vertex.push(memory.write_start(&start)?)?;
        self.started_in = Some(vm_slot);
        Ok(())
    }

    /// Writes render `index` to the rings. `barriers`: what the vertex half waits for. `counter`:
    /// the number of the fragment half in the user queue; the vertex half has the next one.
    pub(crate) fn push(
        &mut self,
        memory: &RenderMemory,
        index: usize,
        planned: &PlannedRender,
        barriers: [Option<Target>; 2],
        vm_slot: u32,
        counter: u64,
    ) -> Result {
        let slot = self.slot.as_ref().ok_or(EINVAL)?.index as u32;
        let mut vertex = memory.memory(index, Which::Vertex)?;
        let mut fragment = memory.memory(index, Which::Fragment)?;

        for (n, target) in barriers.into_iter().flatten().enumerate() {
            let barrier = self.vertex.barrier(&target)?;
            self.vertex.push(vertex.write_barrier(n, &barrier)?)?;
        }
        self.start_buffer(memory, slot, vm_slot)?;
        let target = self.vertex.target(self.vertex.next()?)?;
        let barrier = self.fragment.implicit_barrier(&target)?;
        self.fragment.push(fragment.write_barrier(0, &barrier)?)?;

        let numbers = [self.vertex.issue()?, self.fragment.issue()?];
        let turns = [1, 0].map(|more| counter + more);
        let [vertex_turn, fragment_turn] =
            core::array::from_fn(|i| turn(&numbers[i], vm_slot, turns[i]));
        let of_vertex = VertexTurn {
            fragment_slot: fragment_turn.slot,
            fragment_value: fragment_turn.value,
            turn: vertex_turn,
            buffer_slot: slot,
        };
        let of_fragment = FragmentTurn {
            turn: fragment_turn,
            buffer_slot: slot,
        };
        vertex::write_turn(&of_vertex, planned.vertex, &mut vertex)?;
        fragment::write_turn(&of_fragment, planned.fragment, &mut fragment)?;
        self.vertex.push(vertex.va())?;
        self.fragment.push(fragment.va())?;
        self.tvb.count_render();
        Ok(())
    }

    /// Publishes the pushed commands and sends their messages. The fragment halves, which wait for
    /// the vertex halves, come first.
    pub(crate) fn send(&mut self, rooms: RenderRooms) -> Result {
        let message = self.fragment.publish()?;
        rooms.fragment.send(message.encode().as_bytes())?;
        let message = self.vertex.publish()?;
        rooms.vertex.send(message.encode().as_bytes())
    }

    /// Returns what a barrier needs to wait for the render whose fragment half has `value`.
    pub(crate) fn target(&self, value: Stamp) -> Result<Target> {
        self.fragment.target(value)
    }
}

/// Returns what a command is told when its turn comes.
pub(crate) fn turn(numbers: &Numbers, vm_slot: u32, counter: u64) -> Turn {
    Turn {
        vm_slot,
        counter,
        event_seq: numbers.count,
        slot: numbers.slot,
        host_stamp: numbers.host_stamp,
        firmware_stamp: numbers.firmware_stamp,
        value: numbers.value.0,
    }
}

/// A cell by which the thread that creates the queues passes them to the queue's task.
#[pin_data]
pub(crate) struct RenderCell {
    #[pin]
    queues: SpinLock<Option<KBox<RenderQueues>>>,
}

impl RenderCell {
    /// Returns an empty cell.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                queues <- new_spinlock!(None),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Stores `queues`. Called once.
    pub(crate) fn put(&self, queues: KBox<RenderQueues>) {
        *self.queues.lock() = Some(queues);
    }

    /// Takes the queues, if they are there.
    pub(crate) fn take(&self) -> Option<KBox<RenderQueues>> {
        self.queues.lock().take()
    }
}
