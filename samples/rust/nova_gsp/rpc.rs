// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Calls: many at once, each of which waits for its own reply and for nothing else.
//!
//! ```text
//!             a slot, the turn, room            written, doorbell
//!  call() ──────────────────────────► waits ──────────────────────► in flight
//!                                       │                             │     │
//!                                       │ dropped                     │     │ dropped, out of time
//!                                       ▼                             │     ▼
//!                                  nothing happened                   │   abandoned: the slot stays
//!                                                                     │     │
//!                                         reply, reset, crash, poison ▼     ▼ late reply, reset …
//!                                                                    the slot is free
//! ```
//!
//! A slot belongs to a call until the processor cannot answer it any more, whatever has become of
//! the caller: so no late reply is taken for that of another call.

use crate::{
    queue::{
        Commands,
        Memory,
        COUNT, //
    },
    regs::Registers,
    wire::{
        function,
        pages,
        Header,
        Poison,
        HEADERS,
        PAYLOAD, //
    }, //
};
use core::mem::take;
use kasync::{
    select,
    sync::{
        oneshot,
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
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    },
    time::Delta, //
};

/// Calls that can be in flight.
pub(crate) const SLOTS: usize = 64;

/// A reply.
pub(crate) struct Reply {
    pub(crate) result: u32,
    pub(crate) payload: KVVec<u8>,
}

struct Slot {
    call: u32,
    function: u32,
    /// Room for the reply, which is filled as it comes.
    reply: KVVec<u8>,
    expects: usize,
    caller: oneshot::Sender<Result<Reply>>,
    since: Instant,
    _permit: OwnedPermit,
}

/// Whether calls can be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Link {
    Up,
    /// Why not.
    Down(Error),
}

struct Table {
    link: Link,
    slots: [Option<Slot>; SLOTS],
    calls: u32,
    commands: Commands,
    /// The slot whose reply goes on in the next message.
    partial: Option<usize>,
}

/// What has happened, for tests and measurements.
pub(crate) struct Counters {
    pub(crate) calls: Atomic<u64>,
    pub(crate) replies: Atomic<u64>,
    /// Replies whose caller had gone.
    pub(crate) late: Atomic<u64>,
    /// Replies to no call that is in flight.
    pub(crate) stray: Atomic<u64>,
    /// Replies that were larger than their caller expected.
    pub(crate) oversized: Atomic<u64>,
    /// How often a caller has waited for room.
    pub(crate) full: Atomic<u64>,
    /// How long the turn was held for writing, in nanoseconds: in all, and at most.
    pub(crate) held: Atomic<u64>,
    pub(crate) held_most: Atomic<u64>,
}

impl Counters {
    fn new() -> Self {
        let new = || Atomic::new(0);
        Self {
            calls: new(),
            replies: new(),
            late: new(),
            stray: new(),
            oversized: new(),
            full: new(),
            held: new(),
            held_most: new(),
        }
    }
}

pub(crate) fn count(counter: &Atomic<u64>) {
    counter.fetch_add(1, Relaxed);
}

/// The callers' side of the queues.
#[pin_data]
pub(crate) struct Rpc {
    pub(crate) registers: Registers,
    pub(crate) memory: Memory,
    slots: Arc<Semaphore>,
    /// One writes commands at a time, in the order of coming.
    pub(crate) turn: Semaphore,
    room: Notify,
    /// A caller has found that the queue is poisoned.
    pub(crate) trouble: Notify,
    pub(crate) counters: Counters,
    #[pin]
    table: SpinLock<Table>,
}

impl Rpc {
    /// Returns the callers' side, which is down.
    pub(crate) fn new(registers: Registers, memory: Memory) -> Result<Arc<Self>> {
        let slots = Arc::new(Semaphore::new(SLOTS), GFP_KERNEL)?;
        Arc::pin_init(
            pin_init!(Self {
                registers,
                memory,
                slots,
                turn: Semaphore::new(1),
                room: Notify::new(),
                trouble: Notify::new(),
                counters: Counters::new(),
                table <- new_spinlock!(Table {
                    link: Link::Down(EAGAIN),
                    slots: [const { None }; SLOTS],
                    calls: 0,
                    commands: Commands::default(),
                    partial: None,
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
    ) -> Result<Reply> {
        let needs = pieces(payload).map(|(_, piece)| pages(piece.len())).sum();
        if needs > COUNT - 1 {
            return Err(EMSGSIZE);
        }
        let reply = KVVec::with_capacity(expects, GFP_KERNEL)?;
        let (caller, answer) = oneshot::channel()?;
        let permit = Semaphore::acquire_owned(&self.slots, 1).await;
        let turn = self.turn.acquire(1).await;
        self.wait_for_room(needs).await?;
        // No await from here on: a call is made as a whole.
        let begin = Instant::now();
        let slot = Slot {
            call: 0,
            function,
            reply,
            expects,
            caller,
            since: begin,
            _permit: permit,
        };
        let call = self.enter(slot)?;
        self.write(function, call, payload)?;
        self.registers.ring()?;
        self.note_held(begin);
        drop(turn);
        count(&self.counters.calls);
        answer.await.map_err(|_| ENODEV)?
    }

    /// Sends a call that has no reply. The caller has the turn, and nobody else sends: it is how the
    /// processor is started.
    pub(crate) fn send(&self, function: u32, payload: &[u8]) -> Result {
        self.write(function, 0, payload)?;
        self.registers.ring()
    }

    fn write(&self, function: u32, call: u32, payload: &[u8]) -> Result {
        // Only who has the turn changes it, so that it can be copied out of the lock.
        let mut commands = self.table.lock().commands;
        for (i, piece) in pieces(payload) {
            let function = if i == 0 {
                function
            } else {
                function::CONTINUATION
            };
            commands.write(&self.memory, function, call, piece)?;
        }
        commands.publish(&self.memory)?;
        self.table.lock().commands = commands;
        Ok(())
    }

    /// Puts a slot into the table, and returns the number of the call.
    fn enter(&self, mut slot: Slot) -> Result<u32> {
        let mut table = self.table.lock();
        if let Link::Down(why) = table.link {
            drop(table);
            return Err(why);
        }
        // There is one, by the permit: the permit goes after the slot was taken out.
        let Some(free) = table.slots.iter().position(Option::is_none) else {
            drop(table);
            return Err(EBUSY);
        };
        table.calls = table.calls.wrapping_add(1);
        slot.call = table
            .calls
            .wrapping_mul(SLOTS as u32)
            .wrapping_add(free as u32);
        let call = slot.call;
        table.slots[free] = Some(slot);
        Ok(call)
    }

    /// Waits until so many pages can be written. The caller has the turn.
    async fn wait_for_room(&self, pages: u32) -> Result {
        loop {
            let room = self.room.notified();
            let link = {
                let mut table = self.table.lock();
                match table.link {
                    Link::Up => Ok(table.commands.room(&self.memory)),
                    Link::Down(why) => Err(why),
                }
            };
            match link? {
                Ok(free) if free >= pages => return Ok(()),
                Ok(_) => {}
                Err(_) => {
                    self.trouble.notify_one();
                    return Err(EIO);
                }
            }
            count(&self.counters.full);
            // Replies tell of room. Calls may have none, and the processor has no interrupt for
            // what it has read.
            select(room, sleep(Delta::from_millis(1))).await;
        }
    }

    /// Takes up from where calls have got the processor: at the beginning. The caller has the turn.
    pub(crate) fn begin(&self) {
        let mut table = self.table.lock();
        table.commands = Commands::default();
        table.partial = None;
    }

    /// Lets calls through.
    pub(crate) fn up(&self) {
        self.table.lock().link = Link::Up;
    }

    /// Lets no call through, and ends those that are in flight: for `why`. The processor must not
    /// be able to answer them any more, or its answers not be looked at.
    pub(crate) fn down(&self, why: Error) -> usize {
        let slots = {
            let mut table = self.table.lock();
            table.link = Link::Down(why);
            table.partial = None;
            core::mem::replace(&mut table.slots, [const { None }; SLOTS])
        };
        self.room.notify_waiters();
        let mut ended = 0;
        for slot in slots.into_iter().flatten() {
            // Its caller may have gone.
            ended += usize::from(slot.caller.send(Err(why)).is_ok());
        }
        ended
    }

    /// Returns whether calls can be made.
    pub(crate) fn link(&self) -> Link {
        self.table.lock().link
    }

    /// Returns the number of calls in flight, abandoned ones included, and the age of the oldest.
    pub(crate) fn in_flight(&self) -> (usize, Delta) {
        let table = self.table.lock();
        let slots = table.slots.iter().flatten();
        let count = slots.clone().count();
        let oldest = slots.map(|slot| slot.since.elapsed().as_nanos()).max();
        (count, Delta::from_nanos(oldest.unwrap_or(0)))
    }

    /// Takes a reply, which is in `message` with its headers.
    pub(crate) fn reply(&self, header: &Header, message: &[u8]) {
        self.room.notify_one();
        let payload = message.get(HEADERS..header.end).unwrap_or_default();
        let index = match header.function {
            function::CONTINUATION => self.table.lock().partial.take(),
            _ => Some(header.call as usize % SLOTS),
        };
        // Out of the lock while it is filled: this task alone takes slots out, but for `down()`,
        // which it calls itself.
        let slot = index.and_then(|index| {
            let mut table = self.table.lock();
            let slot = table.slots.get_mut(index)?;
            let is_its = slot.as_ref().is_some_and(|slot| {
                slot.call == header.call
                    && (slot.function == header.function
                        || header.function == function::CONTINUATION)
            });
            is_its.then(|| slot.take()).flatten()
        });
        let (Some(index), Some(mut slot)) = (index, slot) else {
            return count(&self.counters.stray);
        };
        let room = slot.expects - slot.reply.len();
        let fits = payload.len() <= room
            // Cannot fail: there is room for what is expected.
            && slot.reply.extend_from_slice(payload, GFP_NOWAIT).is_ok();
        if fits && payload.len() == PAYLOAD && slot.reply.len() < slot.expects {
            // As long as a message can be: the rest is in the next.
            let mut table = self.table.lock();
            table.slots[index] = Some(slot);
            table.partial = Some(index);
            return;
        }
        count(&self.counters.replies);
        let reply = if fits {
            Ok(Reply {
                result: header.result,
                payload: take(&mut slot.reply),
            })
        } else {
            count(&self.counters.oversized);
            Err(EMSGSIZE)
        };
        if slot.caller.send(reply).is_err() {
            count(&self.counters.late);
        }
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
fn pieces(payload: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let empty = payload.is_empty().then_some(payload);
    Iterator::chain(empty.into_iter(), payload.chunks(PAYLOAD)).enumerate()
}

/// What a poisoned queue is for callers.
impl From<Poison> for Error {
    fn from(_: Poison) -> Self {
        EIO
    }
}
