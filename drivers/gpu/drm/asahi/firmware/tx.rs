// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Rings that the driver writes: pipes, device control, FwCtl.
//!
//! How to wait until the firmware has dealt with an entry: [`super::tx_wait`].

use super::{
    crash::Crash,
    initdata::RingAddresses,
    link::{
        Doorbell,
        Link, //
    },
    ring::{
        BadIndex,
        Producer, //
    },
    shared::{
        Shared,
        Word, //
    }, //
};
use crate::alloc::Heap;
use agx_abi::{
    channel::{
        ChannelState,
        DeviceControlMessage,
        FwCtlMessage,
        FwCtlState,
        PipeMessage,
        DEVICE_CONTROL_ENTRIES,
        FW_CTL_ENTRIES,
        PIPE_ENTRIES, //
    },
    Abi,
    Value, //
};
use core::{
    future::Future,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::{
    sync::Semaphore,
    time::{
        self,
        Sleep, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Release, //
        },
        barrier::{
            self,
            Write, //
        },
        Arc,
        SpinLock, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// First pause between two looks at a read index.
pub(super) const FIRST_PAUSE: Delta = Delta::from_micros(100);
/// Longest pause between two looks at a read index.
pub(super) const LAST_PAUSE: Delta = Delta::from_millis(8);
/// Time limit of the firmware for an entry: longer than for a halt, during which it reads none. If
/// a living firmware is taken for dead, the GPU is lost until the next reboot.
const LIMIT: Delta = Delta::from_millis(10_000);

/// Number of tasks that may wait at a time for the firmware to read their entries.
pub(super) const TURNS: usize = 16;

/// Geometry of a ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// Number of entries.
    entries: u32,
    /// Bytes of an entry.
    entry_size: usize,
    /// Bytes of the state block.
    state_size: usize,
    /// The offset of the read index in the state block.
    read_index: usize,
    /// The offset of the write index in the state block.
    write_index: usize,
}

impl Geometry {
    fn new<E: Value>(abi: Abi, entries: u32) -> Self {
        Self {
            entries,
            entry_size: E::size_in(abi),
            state_size: ChannelState::SIZE,
            read_index: const { ChannelState::READ_PTR.offset() },
            write_index: const { ChannelState::WRITE_PTR.offset() },
        }
    }

    /// A pipe.
    pub(super) fn pipe(abi: Abi) -> Self {
        Self::new::<PipeMessage>(abi, PIPE_ENTRIES)
    }

    /// Device control.
    pub(super) fn device_control(abi: Abi) -> Self {
        Self::new::<DeviceControlMessage>(abi, DEVICE_CONTROL_ENTRIES)
    }

    /// Returns the geometry of FwCtl, which has a state block of its own kind.
    pub(super) fn fwctl(abi: Abi) -> Self {
        Self {
            state_size: FwCtlState::SIZE,
            read_index: const { FwCtlState::READ_PTR.offset() },
            write_index: const { FwCtlState::WRITE_PTR.offset() },
            ..Self::new::<FwCtlMessage>(abi, FW_CTL_ENTRIES)
        }
    }
}

/// The memory of a ring and our place in it.
pub(super) struct Ring {
    entry_size: usize,
    entries: Shared,
    read: Word<u32>,
    write: Word<u32>,
    producer: Producer,
    /// Number of entries that are promised to [`Room`]s.
    reserved: u32,
}

/// A ring that the driver writes.
///
/// | call | context |
/// |---|---|
/// | [`TxChannel::push`] | process, also in signalling sections, with preemption disabled |
/// | [`TxChannel::reserve`] | the same |
/// | [`TxChannel::run`], [`TxChannel::finished`] | task, or `kasync::block_on` |
///
/// If one of the last two is cancelled, the entry may have been sent.
#[pin_data]
pub(crate) struct TxChannel {
    name: &'static CStr,
    pub(super) doorbell: Doorbell,
    pub(super) link: Arc<Link>,
    pub(super) crash: Crash,
    /// Version of the interface, for encoding entries.
    pub(super) abi: Abi,
    addresses: RingAddresses,
    /// Limits the tasks that wait for the firmware to read their entries, in order of arrival. Each
    /// doorbell of the firmware wakes all tasks that hold a permit.
    pub(super) turns: Semaphore,
    #[pin]
    pub(super) ring: SpinLock<Ring>,
}

/// An entry that has been written: its number, counted from 1.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(super) struct Ticket(pub(super) u64);

impl TxChannel {
    pub(super) fn new(
        name: &'static CStr,
        geometry: Geometry,
        state: &Heap,
        entries: &Heap,
        doorbell: Doorbell,
        link: &Arc<Link>,
        crash: &Crash,
    ) -> Result<Arc<Self>> {
        let state = Shared::new(state, geometry.state_size)?;
        let entries = Shared::new(entries, geometry.entry_size * geometry.entries as usize)?;
        Arc::pin_init(
            try_pin_init!(Self {
                name,
                doorbell,
                link: link.clone(),
                crash: crash.clone(),
                abi: entries.abi(),
                addresses: RingAddresses {
                    state: state.va(),
                    entries: entries.va(),
                },
                turns: Semaphore::new(TURNS),
                ring <- new_spinlock!(Ring {
                    entry_size: geometry.entry_size,
                    read: state.word(geometry.read_index)?,
                    write: state.word(geometry.write_index)?,
                    entries,
                    producer: Producer::new(geometry.entries),
                    reserved: 0,
                }),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns the addresses of state block and entries, for the firmware.
    pub(super) fn addresses(&self) -> RingAddresses {
        self.addresses
    }

    /// Writes an entry without ringing.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if the ring is full, `ENODEV` if the firmware is dead.
    pub(super) fn push(&self, entry: &[u8]) -> Result<Ticket> {
        self.crash.check()?;
        let mut ring = self.ring.lock();
        match ring.room() {
            Ok(0) => Err(EAGAIN),
            Ok(_) => ring.push(entry),
            Err(bad) => {
                drop(ring);
                Err(self.broken(bad))
            }
        }
    }

    /// Takes room for one entry. Returns `None` if the ring is full.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the firmware is dead.
    fn reserve(self: &Arc<Self>) -> Result<Option<Room>> {
        self.crash.check()?;
        let mut ring = self.ring.lock();
        match ring.room() {
            Ok(0) => Ok(None),
            Ok(_) => {
                ring.reserved += 1;
                drop(ring);
                Ok(Some(Room {
                    channel: Some(self.clone()),
                }))
            }
            Err(bad) => {
                drop(ring);
                Err(self.broken(bad))
            }
        }
    }

    /// Declares the firmware dead, as it wrote an impossible index.
    pub(super) fn broken(&self, index: BadIndex) -> Error {
        self.link
            .give_up(fmt!("read index {} of the {:?} ring", index.0, self.name))
    }
}

impl Ring {
    /// Returns the number of entries that fit and are not promised.
    pub(super) fn room(&self) -> Result<u32, BadIndex> {
        let room = self.producer.room(self.read.load(Acquire))?;
        Ok(room.saturating_sub(self.reserved))
    }

    /// Returns the number of entries that the firmware has dealt with.
    pub(super) fn done(&self) -> Result<u64, BadIndex> {
        self.producer.done(self.read.load(Acquire))
    }

    /// Returns the number of entries that the firmware has not dealt with.
    pub(super) fn unread(&self) -> Result<u64, BadIndex> {
        Ok(self.producer.written() - self.done()?)
    }

    /// Writes an entry, for which there is room, and publishes it.
    fn push(&mut self, entry: &[u8]) -> Result<Ticket> {
        if entry.len() > self.entry_size {
            return Err(EINVAL);
        }
        let at = self.producer.index() as usize * self.entry_size;
        self.entries.write(at, entry)?;
        // The firmware may poll the index without a doorbell, so the entry must be visible first.
        barrier::mb(Write);
        let index = self.producer.advance();
        self.write.store(index, Release);
        Ok(Ticket(self.producer.written()))
    }
}

/// The time since which the firmware has read no entry.
#[derive(Default)]
pub(super) struct Still(Option<(u64, Instant<Monotonic>)>);

impl Still {
    /// Returns whether it has dealt with nothing for too long. `done`: the number of entries so
    /// far. There is no limit for the first one, before which the firmware may have to calibrate
    /// the GPU.
    pub(super) fn is_too_long(&mut self, done: u64) -> bool {
        match self.0 {
            _ if done == 0 => false,
            Some((before, since)) if before == done => since.elapsed() > LIMIT,
            _ => {
                self.0 = Some((done, Instant::now()));
                false
            }
        }
    }
}

/// Room for one entry of a ring. Given back on drop.
#[must_use = "dropping it gives the room back"]
pub(crate) struct Room {
    /// `None` once the room has been used.
    channel: Option<Arc<TxChannel>>,
}

impl Room {
    /// Writes `entry`, and rings, with a kick: the firmware may be asleep.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the entry does not fit the ring.
    pub(crate) fn send(mut self, entry: &[u8]) -> Result {
        let Some(channel) = self.channel.take() else {
            return Err(EINVAL);
        };
        let mut ring = channel.ring.lock();
        ring.reserved -= 1;
        let _ticket = ring.push(entry)?;
        drop(ring);
        channel.link.ring(Doorbell::KICK.and(channel.doorbell));
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(channel) = &self.channel {
            channel.ring.lock().reserved -= 1;
        }
    }
}

/// The wait of one task for room in a ring.
pub(crate) struct RoomWait {
    pause: Pin<KBox<Sleep>>,
    next: Delta,
    still: Still,
}

impl RoomWait {
    /// Returns a wait that has not begun.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            pause: KBox::pin(time::sleep(FIRST_PAUSE), GFP_KERNEL_ACCOUNT)?,
            next: FIRST_PAUSE,
            still: Still::default(),
        })
    }

    /// Takes room for one entry of `channel`. If there is none, the task of `cx` is woken when that
    /// may have changed.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the firmware is dead. It is given up if it has dealt with no entry for ten
    /// seconds.
    pub(crate) fn poll(
        &mut self,
        channel: &Arc<TxChannel>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Room>> {
        loop {
            if let Some(room) = channel.reserve().transpose() {
                self.next = FIRST_PAUSE;
                self.still = Still::default();
                return Poll::Ready(room);
            }
            // A bad index is found by the next look.
            let done = channel.ring.lock().done().unwrap_or(0);
            if self.still.is_too_long(done) {
                return Poll::Ready(Err(channel.link.give_up(fmt!(
                    "firmware does not look at the {:?} ring",
                    channel.name
                ))));
            }
            self.pause.as_mut().reset(self.next);
            self.next = core::cmp::min(self.next + self.next, LAST_PAUSE);
            if self.pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
