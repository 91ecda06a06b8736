// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Contexts: the roots of the page tables that the firmware and the GPU use.

use super::{
    handoff::{
        Handoff,
        Stuck, //
    },
    region::Region,
    tlb, //
};
use agx_abi::{
    uat::{
        ttb,
        Handoff as HandoffLayout,
        TtbEntry,
        CONTEXTS, //
    },
    Field,
    Value, //
};
use kasync::{
    block_on,
    time, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        SpinLock, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// The context of the kernel and the firmware. The others are clients'.
pub(super) const KERNEL_CONTEXT: u64 = 0;

/// Time limit of the firmware for the handshake, and the interval of polling. No event announces
/// the answer.
const ANSWER_LIMIT: Delta = Delta::from_millis(10_000);
const ANSWER_PERIOD: Delta = Delta::from_millis(10);

/// The table of contexts, and the lock that guards it against the firmware.
///
/// | call | context |
/// |---|---|
/// | [`Contexts::new`], [`Contexts::handshake`] | process, may sleep |
/// | all others | any |
///
/// The lock is the firmware's as well, so a firmware that keeps it makes calls fail.
#[pin_data]
pub(super) struct Contexts {
    dev: ARef<Device>,
    /// The lock that is shared with the firmware, taken by one thread of the driver at a time.
    #[pin]
    handoff: SpinLock<Handoff>,
    /// Whether the clients' contexts are cut off, for good. Changes with `handoff` locked.
    cut_off: Atomic<bool>,
    /// Root of the upper half of clients' contexts, if they have one.
    clients_upper: Option<u64>,
    ttbs: Region,
    // Behind the lock, which points into it: fields are dropped in order.
    _handoff: Region,
}

impl Contexts {
    /// Takes over the boot loader's regions. `clients_upper`: root of the upper half of clients'
    /// contexts, if they have one.
    pub(super) fn new(
        dev: &Device<Bound>,
        clients_upper: Option<u64>,
    ) -> Result<impl PinInit<Self>> {
        let ttbs = Region::find(dev, c"ttbs", CONTEXTS * TtbEntry::SIZE)?;
        let region = Region::find(dev, c"handoff", HandoffLayout::SIZE)?;
        // SAFETY: `Region::find()` has made sure of the size; mappings of regions are aligned to
        // more than 8, and live as long as the object.
        let handoff = unsafe { Handoff::new(region.cpu_addr()) };
        let dev = dev.into();
        Ok(pin_init!(Self {
            dev,
            handoff <- new_spinlock!(handoff),
            cut_off: Atomic::new(false),
            clients_upper,
            ttbs,
            _handoff: region,
        }))
    }

    /// Returns the physical address of the table.
    pub(super) fn base(&self) -> u64 {
        self.ttbs.base()
    }

    /// Does the handshake that enables the shared lock. Then sets the roots of context 0, and
    /// clears those of all other contexts.
    ///
    /// # Errors
    ///
    /// `EIO` if the firmware does not answer, or does not give the lock back. The reason is in the
    /// log.
    pub(super) fn handshake(&self, lower: u64, upper: u64) -> Result {
        self.handoff.lock().announce();

        let start = Instant::<Monotonic>::now();
        while !self.handoff.lock().answered().map_err(|e| self.stuck(e))? {
            if start.elapsed() > ANSWER_LIMIT {
                dev_err!(self.dev, "firmware does not answer the handoff\n");
                return Err(EIO);
            }
            block_on(time::sleep(ANSWER_PERIOD))?;
        }
        self.handoff.lock().clear_flush_slots();

        tlb::publish();
        let handoff = self.handoff.lock();
        handoff
            .locked(|| {
                self.put_kernel(TtbEntry::TTB0, lower);
                self.put_kernel(TtbEntry::TTB1, upper);
                self.clear_clients();
            })
            .map_err(|e| self.stuck(e))?;
        // The root of the kernel's half may have changed.
        tlb::invalidate_all();
        Ok(())
    }

    /// Sets the root of the lower half of context `context` to `lower`.
    ///
    /// # Errors
    ///
    /// `ENODEV` after [`Contexts::cut_off_clients`]; `EIO` if the firmware does not give the lock
    /// back.
    pub(super) fn bind(&self, context: u64, lower: u64) -> Result {
        let upper = self.clients_upper.map_or(0, |root| ttb(root, context));
        self.store(context, ttb(lower, context), upper)
    }

    /// Clears the root of the lower half of context `context`, if it is `lower`.
    ///
    /// # Errors
    ///
    /// Those of [`Contexts::bind`].
    pub(super) fn unbind(&self, context: u64, lower: u64) -> Result {
        if self.has_lower(context, lower) {
            self.store(context, 0, 0)?;
        }
        Ok(())
    }

    /// Cuts all clients' contexts off from memory, for good. When it returns the GPU reaches no
    /// memory of theirs any more, whether or not the firmware is alive.
    ///
    /// May be repeated.
    pub(super) fn cut_off_clients(&self) {
        // The lock of the firmware is not taken, as a dead firmware may hold it. A concurrent read
        // by the firmware returns the old root or none.
        let _handoff = self.handoff.lock();
        if !self.cut_off.load(Relaxed) {
            self.cut_off.store(true, Relaxed);
            self.clear_clients();
        }
        tlb::invalidate_all();
    }

    /// Replaces the lower half of context 0, with root `lower`, by the table without entries
    /// `empty`, and cuts the clients' contexts off. Does nothing if context 0 has another root,
    /// since the handshake has not been completed then.
    ///
    /// The upper half stays, as it has the firmware's own image.
    pub(super) fn shutdown(&self, lower: u64, empty: u64) {
        if self.has_lower(KERNEL_CONTEXT, lower) {
            self.put_kernel(TtbEntry::TTB0, empty);
            self.cut_off_clients();
        }
    }

    /// Stores a root of context 0. The caller holds the lock, or knows that it is not held.
    fn put_kernel(&self, field: Field<TtbEntry, u64>, root: u64) {
        self.root(KERNEL_CONTEXT, field)
            .store(ttb(root, KERNEL_CONTEXT), Relaxed);
    }

    /// Clears all roots of the clients' contexts. The caller holds the lock, or knows that it is
    /// not held, and invalidates.
    fn clear_clients(&self) {
        for context in 1..CONTEXTS as u64 {
            for field in [TtbEntry::TTB0, TtbEntry::TTB1] {
                self.root(context, field).store(0, Relaxed);
            }
        }
    }

    /// Returns whether context `context` has the lower half with root `lower`.
    fn has_lower(&self, context: u64, lower: u64) -> bool {
        self.root(context, TtbEntry::TTB0).load(Relaxed) == ttb(lower, context)
    }

    /// Stores the roots of both halves of a client's context.
    fn store(&self, context: u64, lower: u64, upper: u64) -> Result {
        // Orders the tables before the root that points to them.
        tlb::publish();
        let handoff = self.handoff.lock();
        if self.cut_off.load(Relaxed) {
            return Err(ENODEV);
        }
        handoff
            .locked(|| {
                self.root(context, TtbEntry::TTB0).store(lower, Relaxed);
                self.root(context, TtbEntry::TTB1).store(upper, Relaxed);
            })
            .map_err(|e| self.stuck(e))?;
        tlb::invalidate_context(context);
        Ok(())
    }

    fn stuck(&self, Stuck: Stuck) -> Error {
        dev_err!(self.dev, "firmware does not give back the handoff lock\n");
        EIO
    }

    fn root(&self, context: u64, field: Field<TtbEntry, u64>) -> &Atomic<u64> {
        let offset = context as usize * TtbEntry::SIZE + field.offset();
        // SAFETY: All contexts' entries are inside of the region, which lives as long as `self`,
        // and aligned. Firmware and driver access them as single words.
        unsafe { Atomic::from_ptr(self.ttbs.cpu_addr().add(offset).cast().as_ptr()) }
    }
}
