// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Calls: many at once, each of which waits for its own reply and for nothing else.
//!
//! ```text
//!           a slot, the turn, room            written, doorbell
//!  call() ────────────────────────► waits ──────────────────────► in flight
//!                                     │                             │     │
//!                                     │ dropped                     │     │ dropped, out of time
//!                                     ▼                             │     ▼
//!                                nothing happened                   │   abandoned: the slot stays
//!                                                                   │     │
//!                                       reply, reset, crash, poison ▼     ▼ late reply, reset …
//!                                                    the caller has it ──► the slot is free
//! ```
//!
//! A slot belongs to a call until the processor cannot answer it any more, whatever has become of
//! the caller: so no late reply is taken for that of another call. Slots have memory for replies,
//! so that a call allocates nothing: it may be made by a task, which must not.

use crate::{
    handles::Handles,
    queue::{
        Commands,
        Memory, //
    },
    regs::Registers,
    wire::{
        function,
        Poison, //
    }, //
};
use core::mem::take;
use kasync::{
    select,
    sync::{
        Notify,
        OwnedPermit,
        Semaphore, //
    },
    time::{
        sleep,
        Instant, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::Relaxed,
        Arc,
        SpinLock, //
    },
    time::Delta, //
};

mod answer;
mod counters;
mod reply;
mod slot;

pub(crate) use answer::Reply;
pub(crate) use counters::count;

use answer::Answer;
use counters::Counters;
use slot::{
    Slot,
    State, //
};

/// Calls that can be in flight.
pub(crate) const SLOTS: usize = 32;
/// The largest reply. A driver few of whose replies are large has slots of two sizes.
pub(crate) const REPLY: usize = 160 * 1024;

/// The state of the link: calls can be made, or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Link {
    Up,
    /// No call can be made, for this reason.
    Down(Error),
}

struct Table {
    link: Link,
    slots: KVec<Slot>,
    calls: u32,
    /// The server does not check for calls without an answer. The next call notifies `begun`.
    idle: bool,
    commands: Commands,
    /// The slot whose reply goes on in the next message.
    partial: Option<usize>,
    /// The error that a caller has found in the queues since the processor was started.
    distrust: Option<Poison>,
}

/// The callers' side of the queues.
#[pin_data]
pub(crate) struct Rpc {
    pub(crate) registers: Registers,
    pub(crate) memory: Memory,
    permits: Arc<Semaphore>,
    /// One writes commands at a time, in the order of coming.
    pub(crate) turn: Semaphore,
    room: Notify,
    /// A caller has found that something is wrong: see [`Rpc::distrusted`].
    pub(crate) trouble: Notify,
    /// A call was made after [`Rpc::is_idle`] had said that there are none.
    pub(crate) begun: Notify,
    pub(crate) handles: Handles,
    pub(crate) counters: Counters,
    #[pin]
    table: SpinLock<Table>,
}

impl Rpc {
    /// Returns the callers' side, which is down.
    pub(crate) fn new(registers: Registers, memory: Memory) -> Result<Arc<Self>> {
        let permits = Arc::new(Semaphore::new(SLOTS), GFP_KERNEL)?;
        let mut slots = KVec::with_capacity(SLOTS, GFP_KERNEL)?;
        for _ in 0..SLOTS {
            slots.push(Slot::new()?, GFP_KERNEL)?;
        }
        Arc::pin_init(
            pin_init!(Self {
                registers,
                memory,
                permits,
                turn: Semaphore::new(1),
                room: Notify::new(),
                trouble: Notify::new(),
                begun: Notify::new(),
                handles: Handles::new(),
                counters: Counters::new(),
                table <- new_spinlock!(Table {
                    link: Link::Down(EAGAIN),
                    slots,
                    calls: 0,
                    idle: false,
                    commands: Commands::default(),
                    partial: None,
                    distrust: None,
                }),
            }),
            GFP_KERNEL,
        )
    }

    /// Calls a function, and waits for its reply, of at most `expects` bytes.
    ///
    /// May be dropped at any time: the call was made or not, and the reply goes to nobody. Bounded
    /// by [`timeout`](kasync::time::timeout), if at all.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if the processor is being started, `EIO` if the queues are poisoned, `ENODEV` if
    /// the processor has halted, `ESHUTDOWN` if the driver goes, `EMSGSIZE` if the call is too
    /// large or the reply is larger than expected, `ENOMEM`.
    pub(crate) async fn call(
        &self,
        function: u32,
        payload: &[u8],
        expects: usize,
    ) -> Result<Reply<'_>> {
        let framing = self.memory.framing;
        let pieces = pieces(payload, framing.payload());
        let needs = pieces.map(|(_, piece)| framing.pages(piece.len())).sum();
        if needs > framing.room() || expects > REPLY {
            return Err(EMSGSIZE);
        }
        let permit = Semaphore::acquire_owned(&self.permits, 1).await;
        let turn = self.turn.acquire(1).await;
        self.wait_for_room(needs).await?;
        // No await from here on: a call is made as a whole.
        let begin = Instant::now();
        let answer = self.enter(function, expects, permit)?;
        self.write(function, answer.call, payload)?;
        self.note_held(begin);
        drop(turn);
        count(&self.counters.calls);
        answer.await
    }

    /// Sends a call that has no reply. The caller has the turn, and nobody else sends: it is how
    /// the processor is started.
    pub(crate) fn send(&self, function: u32, payload: &[u8]) -> Result {
        self.write(function, 0, payload)
    }

    fn write(&self, function: u32, call: u32, payload: &[u8]) -> Result {
        // Only the owner of the turn changes it, so that it can be copied out of the lock.
        let mut commands = self.table.lock().commands;
        for (i, piece) in pieces(payload, self.memory.framing.payload()) {
            let function = if i == 0 {
                function
            } else {
                function::CONTINUATION
            };
            commands.write(&self.memory, function, call, piece)?;
        }
        commands.publish(&self.memory, &self.registers)?;
        self.table.lock().commands = commands;
        Ok(())
    }

    /// Takes a slot for a call, and returns the future of its reply.
    fn enter(&self, function: u32, expects: usize, permit: OwnedPermit) -> Result<Answer<'_>> {
        let mut guard = self.table.lock();
        let table = &mut *guard;
        if let Link::Down(why) = table.link {
            return Err(why);
        }
        // There is one, by the permit: that goes after the slot was freed.
        let mut slots = table.slots.iter_mut().enumerate();
        let free = slots.find(|(_, slot)| slot.state == State::Free);
        let Some((index, slot)) = free else {
            return Err(EBUSY);
        };
        table.calls = table.calls.wrapping_add(1);
        slot.call = table
            .calls
            .wrapping_mul(SLOTS as u32)
            .wrapping_add(index as u32);
        slot.state = State::Waits;
        slot.function = function;
        slot.expects = expects;
        slot.since = Instant::now();
        slot.permit = Some(permit);
        let call = slot.call;
        let wake = take(&mut table.idle);
        drop(guard);
        if wake {
            self.begun.notify_one();
        }
        Ok(Answer {
            rpc: self,
            index,
            call,
            over: false,
        })
    }

    /// Waits until `pages` pages can be written. The caller has the turn.
    async fn wait_for_room(&self, pages: u32) -> Result {
        loop {
            let room = self.room.notified();
            if let Link::Down(why) = self.link() {
                return Err(why);
            }
            match self.has_room(pages) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(poison) => {
                    self.distrust(poison);
                    return Err(EIO);
                }
            }
            count(&self.counters.full);
            // Replies tell of room. Calls may have none, and the processor has no interrupt for
            // what it has read.
            select(room, sleep(Delta::from_millis(1))).await;
        }
    }

    /// Returns whether `pages` pages can be written. The caller has the turn.
    ///
    /// # Errors
    ///
    /// The processor's pointer cannot be right.
    pub(crate) fn has_room(&self, pages: u32) -> Result<bool, Poison> {
        let mut table = self.table.lock();
        let free = table.commands.room(&self.memory, &self.registers)?;
        Ok(free >= pages)
    }

    /// Has the processor reset, unless calls are refused already.
    pub(crate) fn distrust(&self, why: Poison) {
        {
            let mut table = self.table.lock();
            if table.link != Link::Up {
                return;
            }
            table.distrust = Some(why);
        }
        self.trouble.notify_one();
    }

    /// Returns the error that a caller has found in the queues since the processor was started.
    pub(crate) fn distrusted(&self) -> Option<Poison> {
        self.table.lock().distrust
    }

    /// Sets the position in the queues to that of a processor that was just reset. The caller has
    /// the turn.
    pub(crate) fn begin(&self) {
        let mut table = self.table.lock();
        table.commands = Commands::default();
        table.partial = None;
        table.distrust = None;
    }

    /// Lets calls through.
    pub(crate) fn up(&self) {
        self.table.lock().link = Link::Up;
    }

    /// Lets no call through, and ends those that are in flight: for `why`. The processor must not
    /// be able to answer them any more, or its answers not be looked at. Returns how many calls
    /// were ended.
    pub(crate) fn down(&self, why: Error) -> u32 {
        {
            let mut table = self.table.lock();
            table.link = Link::Down(why);
            table.partial = None;
        }
        self.room.notify_waiters();
        let mut ended = 0;
        for index in 0..SLOTS {
            let (_freed, waker) = {
                let mut table = self.table.lock();
                let slot = &mut table.slots[index];
                match slot.state {
                    State::Waits => {
                        slot.state = State::Done(Err(why));
                        ended += 1;
                        (None, slot.waker.take())
                    }
                    State::Abandoned => (Some(slot.free()), None),
                    State::Free | State::Done(_) => (None, None),
                }
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        ended
    }

    /// Returns whether calls can be made.
    pub(crate) fn link(&self) -> Link {
        self.table.lock().link
    }

    /// Returns the number of calls in flight, abandoned ones included.
    pub(crate) fn in_flight(&self) -> usize {
        let table = self.table.lock();
        table
            .slots
            .iter()
            .filter(|slot| slot.is_in_flight())
            .count()
    }

    /// Returns the age of the oldest call in flight, 0 if there is none.
    pub(crate) fn oldest(&self) -> Delta {
        let table = self.table.lock();
        let slots = table.slots.iter().filter(|slot| slot.is_in_flight());
        let oldest = slots.map(|slot| slot.since.elapsed().as_nanos()).max();
        Delta::from_nanos(oldest.unwrap_or(0))
    }

    /// Returns whether there is no call in flight, and none was made since this was asked before:
    /// `made` is for that. If so, the next one notifies `begun`.
    pub(crate) fn is_idle(&self, made: &mut u32) -> bool {
        let mut table = self.table.lock();
        let were = core::mem::replace(made, table.calls);
        table.idle = were == table.calls && !table.slots.iter().any(Slot::is_in_flight);
        table.idle
    }

    fn note_held(&self, begin: Instant) {
        let held = begin.elapsed().as_nanos().unsigned_abs();
        self.counters.held.fetch_add(held, Relaxed);
        if held > self.counters.held_most.load(Relaxed) {
            self.counters.held_most.store(held, Relaxed);
        }
    }
}

/// A call in messages: the first, and what does not fit into it.
fn pieces(payload: &[u8], largest: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let empty = payload.is_empty().then_some(payload);
    Iterator::chain(empty.into_iter(), payload.chunks(largest)).enumerate()
}

/// The error that callers get of a poisoned queue.
impl From<Poison> for Error {
    fn from(_: Poison) -> Self {
        EIO
    }
}
