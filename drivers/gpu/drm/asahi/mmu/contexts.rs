// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Contexts: the roots of the page tables that the firmware and the GPU use.

use super::{
    handoff::{
        Handoff,
        Stuck, //
    },
    memory::Pages,
    region::Region,
    table,
    tlb, //
};
use crate::quota::Share;
use agx_abi::{
    uat::{
        ttb,
        Handoff as HandoffLayout,
        TtbEntry,
        CONTEXTS,
        LEVEL_ENTRIES, //
    },
    Field,
    Value, //
};
use kasync::{
    sync::Notify,
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

/// Offset in the region of the contexts of a root without entries, behind the contexts, and its
/// size. A root is aligned to its size.
///
/// The region is the boot loader's, so no kernel uses it for anything else, also not one that is
/// started by kexec. Nothing is known to use the bytes behind the contexts [I].
const EMPTY_ROOT: usize = CONTEXTS * TtbEntry::SIZE;
const ROOT_SIZE: usize = LEVEL_ENTRIES[0] * size_of::<u64>();
const _: () = assert!(EMPTY_ROOT % ROOT_SIZE == 0);

/// Evidence that neither firmware nor GPU reaches memory of clients any more, nor ever will.
///
/// # Invariants
///
/// [`Contexts::cut_off_clients`] has returned.
#[must_use]
pub(crate) struct ClientsCutOff(());

/// The state that the lock guards besides the contexts in memory.
struct Locked {
    /// The lock that is shared with the firmware, taken by one thread of the driver at a time.
    handoff: Handoff,
    /// The roots of the lower halves that clients' contexts have, or had when they were cut off
    /// from a firmware that was alive; 0 for none.
    roots: [u64; CONTEXTS],
}

/// The table of contexts, and the lock that guards it against the firmware.
///
/// | call | context |
/// |---|---|
/// | [`Contexts::new`], [`Contexts::handshake`] | process, may sleep |
/// | all others | any |
///
/// The lock is the firmware's as well, so a firmware that keeps it makes calls fail.
///
/// ```text
///   `is_stuck`: false ──(1) the firmware has kept the lock: `stuck` notified──► true
///   `cut_off`: false ──(2) cut_off_clients(): the clients' roots are cleared──► true
/// ```
///
/// Neither goes back. The driver declares a stuck firmware dead, which leads to (2).
///
/// | `cut_off` | `is_stuck` | `bind` | `unbind` |
/// |---|---|---|---|
/// | no | no | stores both roots under the firmware's lock | clears them under it |
/// | no | yes | `ENODEV` | `ENODEV`; the firmware may go on walking |
/// | yes | any | `ENODEV` | forgets the root, which is cleared already |
#[pin_data]
pub(super) struct Contexts {
    dev: ARef<Device>,
    #[pin]
    locked: SpinLock<Locked>,
    /// True if the clients' contexts are cut off, for good. Changes with `locked` locked.
    cut_off: Atomic<bool>,
    /// True if the firmware has kept the lock. It is not asked for it again.
    is_stuck: Atomic<bool>,
    /// Notified when it has.
    stuck: Notify,
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
            locked <- new_spinlock!(Locked {
                handoff,
                roots: [0; CONTEXTS],
            }),
            cut_off: Atomic::new(false),
            is_stuck: Atomic::new(false),
            stuck: Notify::new(),
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
    /// clears those of all other contexts. Allocates nothing.
    ///
    /// # Errors
    ///
    /// `EIO` if the firmware does not answer, or does not give the lock back. The reason is in the
    /// log.
    pub(super) async fn handshake(&self, lower: u64, upper: u64) -> Result {
        self.locked.lock().handoff.announce();

        let start = Instant::<Monotonic>::now();
        while !self
            .locked
            .lock()
            .handoff
            .answered()
            .map_err(|e| self.no_handshake(e))?
        {
            if start.elapsed() > ANSWER_LIMIT {
                dev_err!(self.dev, "firmware does not answer the handoff\n");
                return Err(EIO);
            }
            time::sleep(ANSWER_PERIOD).await;
        }
        self.locked.lock().handoff.clear_flush_slots();

        tlb::publish();
        let locked = self.locked.lock();
        locked
            .handoff
            .locked(|| {
                self.put_kernel(TtbEntry::TTB0, lower);
                self.put_kernel(TtbEntry::TTB1, upper);
                self.clear_clients();
            })
            .map_err(|e| self.no_handshake(e))?;
        // The root of the kernel's half may have changed.
        tlb::invalidate_all();
        Ok(())
    }

    /// Sets the root of the lower half of context `context` to `lower`.
    ///
    /// # Errors
    ///
    /// `ENODEV` after [`Contexts::cut_off_clients`]; `EIO` if the firmware does not give the lock
    /// back, and `ENODEV` ever after. [`Contexts::stuck`] tells of it.
    pub(super) fn bind(&self, context: u64, lower: u64) -> Result {
        let upper = self.clients_upper.map_or(0, |root| ttb(root, context));
        // Orders the tables before the root that points to them.
        tlb::publish();
        let mut locked = self.locked.lock();
        if self.cut_off.load(Relaxed) {
            return Err(ENODEV);
        }
        self.store(&locked, context, ttb(lower, context), upper)?;
        locked.roots[context as usize] = lower;
        Ok(())
    }

    /// Clears the root of the lower half of context `context`, if it is `lower`.
    ///
    /// # Errors
    ///
    /// Those of [`Contexts::bind`]; the firmware may go on walking from `lower` then.
    pub(super) fn unbind(&self, context: u64, lower: u64) -> Result {
        let mut locked = self.locked.lock();
        if locked.roots[context as usize] != lower {
            return Ok(());
        }
        locked.roots[context as usize] = 0;
        if self.cut_off.load(Relaxed) {
            return Ok(());
        }
        self.store(&locked, context, 0, 0)
    }

    /// Cuts all clients' contexts off from memory, for good. When it returns the GPU reaches no
    /// memory of theirs any more, whether or not the firmware is alive.
    ///
    /// `is_dead`: the firmware may go on with roots that it has read [I]. They are cleared, and
    /// stay allocated.
    ///
    /// May be repeated.
    pub(super) fn cut_off_clients(&self, is_dead: bool) -> ClientsCutOff {
        let mut kept = 0;
        {
            // The lock of the firmware is not taken, as a dead firmware may hold it. A concurrent
            // read by the firmware returns the old root or none.
            let mut locked = self.locked.lock();
            if !self.cut_off.load(Relaxed) {
                // (2)
                self.cut_off.store(true, Relaxed);
                self.clear_clients();
            }
            if is_dead {
                for root in locked.roots.iter_mut().filter(|root| **root != 0) {
                    // SAFETY: The owner of a lower half calls `unbind()` before it drops that, and
                    // `unbind()` takes the root out with the lock held. So does this loop.
                    unsafe { table::cut_off(&Pages::for_client(Share::Clients), *root) };
                    *root = 0;
                    kept += 1;
                }
            }
            tlb::invalidate_all();
        }
        if kept != 0 {
            dev_notice!(
                self.dev,
                "{kept} roots of clients' page tables stay allocated until the next reboot\n"
            );
        }
        // INVARIANT: It returns now, after the invalidation.
        ClientsCutOff(())
    }

    /// Replaces the lower half of context 0, with root `lower`, by a table without entries, and
    /// cuts the clients' contexts off as [`Contexts::cut_off_clients`] does. Does nothing if
    /// context 0 has another root, since the handshake has not been completed then.
    ///
    /// The upper half stays, as it has the firmware's own image.
    pub(super) fn shutdown(&self, lower: u64, is_dead: bool) {
        if !self.has_lower(KERNEL_CONTEXT, lower) {
            return;
        }
        if let Some(empty) = self.empty_root() {
            self.put_kernel(TtbEntry::TTB0, empty);
        } else {
            dev_warn!(
                self.dev,
                "memory region 'ttbs' has no room for an empty root: context 0 has none now\n"
            );
            self.root(KERNEL_CONTEXT, TtbEntry::TTB0).store(0, Relaxed);
        }
        let _ = self.cut_off_clients(is_dead);
    }

    /// Returns the root without entries behind the contexts, if the region has room for it.
    fn empty_root(&self) -> Option<u64> {
        if self.ttbs.size() < EMPTY_ROOT + ROOT_SIZE {
            return None;
        }
        for at in (EMPTY_ROOT..EMPTY_ROOT + ROOT_SIZE).step_by(size_of::<u64>()) {
            self.word(at).store(0, Relaxed);
        }
        tlb::publish();
        Some(self.ttbs.base() + EMPTY_ROOT as u64)
    }

    /// Waits until the firmware has kept the lock.
    pub(super) async fn stuck(&self) {
        self.stuck.notified().await;
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
    fn store(&self, locked: &Locked, context: u64, lower: u64, upper: u64) -> Result {
        if self.is_stuck.load(Relaxed) {
            return Err(ENODEV);
        }
        let stored = locked.handoff.locked(|| {
            self.root(context, TtbEntry::TTB0).store(lower, Relaxed);
            self.root(context, TtbEntry::TTB1).store(upper, Relaxed);
        });
        if stored.is_err() {
            // (1)
            self.is_stuck.store(true, Relaxed);
            self.stuck.notify_one();
            return Err(EIO);
        }
        tlb::invalidate_context(context);
        Ok(())
    }

    fn no_handshake(&self, Stuck: Stuck) -> Error {
        dev_err!(self.dev, "firmware does not give back the handoff lock\n");
        EIO
    }

    fn root(&self, context: u64, field: Field<TtbEntry, u64>) -> &Atomic<u64> {
        self.word(context as usize * TtbEntry::SIZE + field.offset())
    }

    /// Returns the word at `offset`, which is a multiple of its size.
    fn word(&self, offset: usize) -> &Atomic<u64> {
        debug_assert!(offset + size_of::<u64>() <= self.ttbs.size());
        // SAFETY: All contexts' entries are inside of the region, which lives as long as `self`,
        // and the empty root is if it is used. They are aligned. Firmware and driver access them as
        // single words.
        unsafe { Atomic::from_ptr(self.ttbs.cpu_addr().add(offset).cast().as_ptr()) }
    }
}
