// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Rings that the driver writes: pipes, device control, FwCtl.
//!
//! The firmware says nothing when it has dealt with an entry: it moves the read index. So whoever
//! waits for that looks again at each doorbell of the firmware, which is a sign of life and often
//! comes for the very reason, and after a pause, which grows from [`FIRST_PAUSE`] to [`LAST_PAUSE`].

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
    Value, //
};
use kasync::{
    select,
    time, //
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
    time::Delta, //
};

/// First pause between two looks at a read index.
const FIRST_PAUSE: Delta = Delta::from_micros(100);
/// Longest pause between two looks at a read index.
const LAST_PAUSE: Delta = Delta::from_millis(8);
/// How long the firmware may take for a control message.
pub(super) const LIMIT: Delta = Delta::from_millis(1000);

/// Geometry of a ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// Number of entries.
    entries: u32,
    /// Bytes of an entry.
    entry_size: usize,
    /// Bytes of the state block.
    state_size: usize,
    /// Where in the state block the read index is.
    read_index: usize,
    /// Where in the state block the write index is.
    write_index: usize,
}

impl Geometry {
    const fn new<E: Value>(entries: u32) -> Self {
        Self {
            entries,
            entry_size: E::SIZE,
            state_size: ChannelState::SIZE,
            read_index: ChannelState::READ_PTR.offset(),
            write_index: ChannelState::WRITE_PTR.offset(),
        }
    }

    /// A pipe.
    pub(super) const PIPE: Self = Self::new::<PipeMessage>(PIPE_ENTRIES);

    /// Device control.
    pub(super) const DEVICE_CONTROL: Self =
        Self::new::<DeviceControlMessage>(DEVICE_CONTROL_ENTRIES);

    /// FwCtl, whose state block is another.
    pub(super) const FWCTL: Self = Self {
        state_size: FwCtlState::SIZE,
        read_index: FwCtlState::READ_PTR.offset(),
        write_index: FwCtlState::WRITE_PTR.offset(),
        ..Self::new::<FwCtlMessage>(FW_CTL_ENTRIES)
    };
}

/// The memory of a ring and our place in it.
struct Ring {
    entry_size: usize,
    entries: Shared,
    read: Word<u32>,
    write: Word<u32>,
    producer: Producer,
}

/// A ring that the driver writes.
///
/// | call | context |
/// |---|---|
/// | [`TxChannel::try_send`] | process, signalling sections included |
/// | [`TxChannel::send`], [`TxChannel::finished`], [`TxChannel::room`] | task; cancel safe, except that a cancelled `send` may have sent or not |
#[pin_data]
pub(super) struct TxChannel {
    name: &'static CStr,
    doorbell: Doorbell,
    link: Arc<Link>,
    crash: Crash,
    addresses: RingAddresses,
    #[pin]
    ring: SpinLock<Ring>,
}

/// An entry that has been written: its place in the ring.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(super) struct Ticket(u32);

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
                addresses: RingAddresses {
                    state: state.va(),
                    entries: entries.va(),
                },
                ring <- new_spinlock!(Ring {
                    entry_size: geometry.entry_size,
                    read: state.word(geometry.read_index)?,
                    write: state.word(geometry.write_index)?,
                    entries,
                    producer: Producer::new(geometry.entries),
                }),
            }),
            GFP_KERNEL,
        )
    }

    /// Addresses of state block and entries, for the firmware.
    pub(super) fn addresses(&self) -> RingAddresses {
        self.addresses
    }

    /// Writes an entry without ringing. `EAGAIN` if the ring is full.
    pub(super) fn push(&self, entry: &[u8]) -> Result<Ticket> {
        self.crash.check()?;
        let mut ring = self.ring.lock();
        match ring.producer.room(ring.read.load(Acquire)) {
            Ok(0) => Err(EAGAIN),
            Ok(_) => ring.push(entry).map(Ticket),
            Err(bad) => {
                drop(ring);
                Err(self.broken(bad))
            }
        }
    }

    /// Writes an entry and rings. `EAGAIN` if the ring is full.
    pub(super) fn try_send(&self, entry: &[u8]) -> Result<Ticket> {
        let ticket = self.push(entry)?;
        self.link.ring(self.doorbell)?;
        Ok(ticket)
    }

    /// Writes an entry as soon as there is room, and rings.
    pub(super) async fn send(&self, entry: &[u8]) -> Result<Ticket> {
        loop {
            match self.try_send(entry) {
                Err(e) if e == EAGAIN => self.room().await?,
                done => return done,
            }
        }
    }

    /// Waits until there is room for an entry.
    pub(super) async fn room(&self) -> Result {
        self.look(|ring| Ok(ring.producer.room(ring.read.load(Acquire))? > 0))
            .await
    }

    /// Waits until the firmware has dealt with the entry of `ticket`; `ETIMEDOUT` if that takes it
    /// longer than a second.
    ///
    /// Not later than a round of the ring after it was written.
    pub(super) async fn finished(&self, ticket: Ticket) -> Result {
        let look = self.look(|ring| ring.producer.passed(ring.read.load(Acquire), ticket.0));
        match time::timeout(LIMIT, look).await {
            Ok(done) => done,
            Err(_) => Err(ETIMEDOUT),
        }
    }

    /// Looks at the ring until `ready`.
    async fn look(&self, ready: impl Fn(&Ring) -> Result<bool, BadIndex>) -> Result {
        let mut pause = FIRST_PAUSE;
        loop {
            let progress = self.link.wakes.progress.notified();
            self.crash.check()?;
            let state = ready(&self.ring.lock());
            match state {
                Ok(true) => return Ok(()),
                Ok(false) => (),
                Err(bad) => return Err(self.broken(bad)),
            }
            self.crash.or(select(progress, time::sleep(pause))).await?;
            pause = core::cmp::min(pause + pause, LAST_PAUSE);
        }
    }

    /// The firmware wrote nonsense over our memory.
    fn broken(&self, index: BadIndex) -> Error {
        self.link
            .give_up(fmt!("read index {} of the {:?} ring", index.0, self.name))
    }
}

impl Ring {
    /// Writes an entry, for which there is room, and publishes it.
    fn push(&mut self, entry: &[u8]) -> Result<u32> {
        if entry.len() > self.entry_size {
            return Err(EINVAL);
        }
        let at = self.producer.index() as usize * self.entry_size;
        self.entries.write(at, entry)?;
        // The firmware may see the index by itself, without a doorbell: the entry has to be there.
        barrier::mb(Write);
        let index = self.producer.advance();
        self.write.store(index, Release);
        Ok(index)
    }
}
