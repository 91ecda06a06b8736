// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A driver, as far as its end is concerned: a device, the files that processes have open, and
//! their queues.
//!
//! ```text
//!   device ── file ── queue        what goes, and what goes with it
//!      │        │        └ closed, dropped, its scope cancelled, its hardware gone, or left alone
//!      │        │          until all is over
//!      │        └ closed; or its process is killed wherever it is at that moment, which closes it
//!      └ unplugged: all hardware is gone, then the executor is shut down; each operation that
//!        begins afterwards returns ECANCELED
//! ```
//!
//! All of these happen at a random moment, in another thread than the one that submits.

use crate::{
    engine::Engine,
    failed,
    ring::{
        queue,
        CheckedRing, //
    },
    Random, //
};
use core::{
    ffi::c_void,
    ptr::NonNull, //
};
use jobqueue::{
    JobQueue,
    OnError, //
};
use kasync::{
    sync::Semaphore,
    time::{
        sleep,
        Delta, //
    },
    Executor,
    Priority,
    Scope, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc,
        SpinLock, //
    }, //
};

/// The time within which a job is over on hardware that hangs now and then.
const SOON: Delta = Delta::from_millis(5);
/// A time that no job takes on hardware that does not hang, however busy the machine is.
const NEVER: Delta = Delta::from_secs(60);
/// Engines of a device at a time, at most.
const ENGINES: usize = 16;

/// The C type `struct torture_later`.
#[repr(C)]
struct RawLater {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn torture_later(
        ns: u64,
        f: unsafe extern "C" fn(*mut c_void),
        data: *mut c_void,
    ) -> *mut RawLater;
    fn torture_later_wait(later: *mut RawLater);
}

/// A call that happens after a time, where it may block. Dropping this waits until it has.
pub(crate) struct Later<F> {
    raw: NonNull<RawLater>,
    _f: KBox<F>,
}

/// # Safety
///
/// `data` points to an `F` that may be called now.
unsafe extern "C" fn call<F: Fn()>(data: *mut c_void) {
    // SAFETY: `data` points to an `F` that may be called now, by the safety requirements.
    unsafe { (*data.cast::<F>())() }
}

impl<F: Fn() + Send + Sync + 'static> Later<F> {
    pub(crate) fn new(after: Delta, f: F) -> Result<Self> {
        let f = KBox::new(f, GFP_KERNEL)?;
        let data = core::ptr::from_ref::<F>(&f).cast_mut().cast();
        // SAFETY: `f` stays where it is until `drop` has waited for the call.
        let raw = unsafe { torture_later(after.as_nanos().unsigned_abs(), call::<F>, data) };
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
            _f: f,
        })
    }
}

impl<F> Drop for Later<F> {
    fn drop(&mut self) {
        // SAFETY: Valid, and not used any more.
        unsafe { torture_later_wait(self.raw.as_ptr()) }
    }
}

/// A device.
#[pin_data]
pub(crate) struct Device {
    executor: Executor,
    unplugged: Atomic<u32>,
    #[pin]
    engines: SpinLock<KVec<Arc<Engine>>>,
    /// The slots that the device's queues share while they have something in flight.
    slots: Arc<Semaphore>,
}

/// The number of queues of a device that may have something in flight.
const SLOTS: usize = 2;

impl Device {
    pub(crate) fn new(priority: Priority) -> Result<Arc<Self>> {
        let engines = KVec::with_capacity(ENGINES, GFP_KERNEL)?;
        let executor = Executor::with_priority(c"torture-device", priority)?;
        let slots = Arc::new(Semaphore::new(SLOTS), GFP_KERNEL)?;
        Arc::pin_init(
            pin_init!(Self {
                executor,
                unplugged: Atomic::new(0),
                slots,
                engines <- new_spinlock!(engines),
            }),
            GFP_KERNEL,
        )
    }

    /// The end of it, for whatever is going on. Blocks until all of its queues have ended.
    pub(crate) fn unplug(&self) {
        self.unplugged.store(1, Release);
        for engine in self.engines.lock().iter() {
            engine.stop(true);
        }
        if let Err(e) = self.executor.shutdown() {
            failed(
                c"a device cannot be unplugged",
                e.to_errno().unsigned_abs().into(),
                0,
            );
        }
    }

    pub(crate) fn is_unplugged(&self) -> bool {
        self.unplugged.load(Acquire) != 0
    }

    /// Returns its hardware for one more queue. There is none if it was unplugged.
    fn engine(&self, seed: u32, hangs: bool) -> Result<Arc<Engine>> {
        let engine = Engine::new(seed, hangs)?;
        let mut engines = self.engines.lock();
        if engines.push_within_capacity(engine.clone()).is_err() {
            drop(engines);
            return Err(ENOSPC);
        }
        drop(engines);
        if self.is_unplugged() {
            // It may have come too late for that.
            engine.stop(true);
        }
        Ok(engine)
    }

    /// No queue has hardware any more.
    pub(crate) fn forget_engines(&self) {
        while let Some(engine) = self.pop_engine() {
            // Waits for its interrupt: not under the lock.
            drop(engine);
        }
    }

    fn pop_engine(&self) -> Option<Arc<Engine>> {
        self.engines.lock().pop()
    }
}

/// The way in which a queue ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Close,
    Drop,
    Cancel,
    Unplug,
    Finish,
}

/// A queue whose ring checks what it is told.
pub(crate) type Queue = Arc<JobQueue<CheckedRing>>;

/// A queue with its hardware, and how both will end.
pub(crate) struct TestedQueue {
    pub(crate) scope: Scope,
    pub(crate) engine: Arc<Engine>,
    pub(crate) queue: Option<Queue>,
    pub(crate) how: End,
    pub(crate) on_error: OnError,
    /// True if its hardware hangs now and then.
    pub(crate) hangs: bool,
    /// True if its hardware was told to stop, and go on.
    pub(crate) stopped: bool,
}

impl TestedQueue {
    fn new(device: &Device, file: &Scope, random: &mut Random) -> Result<Self> {
        let scope = file.child(c"queue")?;
        let hangs = random.once_in(4);
        let engine = device.engine(random.next(), hangs)?;
        let on_error = [OnError::Ignore, OnError::Propagate, OnError::Poison];
        let on_error = on_error[random.below(3) as usize];
        let credits = 2 + random.below(7) as usize;
        let timeout = if hangs { SOON } else { NEVER };
        let queue = queue(&scope, &engine, &device.slots, credits, timeout, on_error)?;
        let how = [End::Close, End::Drop, End::Cancel, End::Unplug, End::Finish];
        let tested = Self {
            scope,
            engine,
            queue: Some(Arc::new(queue, GFP_KERNEL)?),
            how: how[random.below(5) as usize],
            on_error,
            hangs,
            stopped: random.once_in(8),
        };
        if tested.stopped {
            tested.engine.stop(false);
        }
        Ok(tested)
    }

    /// Ends the queue, as [`Self::how`] says, after a time.
    fn end_later(&self, world: &Scope, after: Delta) -> Result {
        let engine = self.engine.clone();
        let scope = self.scope.clone();
        // The submitting thread has another reference.
        let queue = self.queue.clone();
        let how = self.how;
        let task = async move {
            sleep(after).await;
            match how {
                End::Close => {
                    if let Some(queue) = &queue {
                        queue.close();
                    }
                }
                End::Cancel => scope.cancel(),
                End::Unplug => {
                    engine.stop(true);
                    scope.cancel();
                }
                End::Drop | End::Finish => {}
            }
        };
        world.spawn(c"end", task)?.detach();
        Ok(())
    }
}

/// The way in which a file ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FileEnd {
    /// The file's queues all go at once.
    Close,
    /// The submitting thread drops what it is at, and then closes it.
    Kill,
    Stay,
}

/// An open file.
pub(crate) struct File {
    pub(crate) scope: Scope,
    pub(crate) queues: KVec<TestedQueue>,
    how: FileEnd,
    killed: Arc<Atomic<u32>>,
}

impl File {
    /// Opens a file with some queues, all of which will end at a random moment. Jobs take
    /// about that much time.
    pub(crate) fn open(
        device: &Device,
        world: &Scope,
        time: Delta,
        random: &mut Random,
    ) -> Result<Self> {
        let moment = |random: &mut Random| {
            let us = u32::try_from(time.as_micros_ceil()).unwrap_or(u32::MAX);
            Delta::from_micros(random.below(us).into())
        };
        let mut this = Self {
            scope: device.executor.root().child(c"file")?,
            queues: KVec::new(),
            how: match random.below(8) {
                0 | 1 => FileEnd::Close,
                2 | 3 => FileEnd::Kill,
                _ => FileEnd::Stay,
            },
            killed: Arc::new(Atomic::new(0), GFP_KERNEL)?,
        };
        for _ in 0..1 + random.below(3) {
            let tested = TestedQueue::new(device, &this.scope, random)?;
            let after = moment(random);
            tested.end_later(world, after)?;
            this.queues.push(tested, GFP_KERNEL)?;
        }
        let (scope, killed, how) = (this.scope.clone(), this.killed.clone(), this.how);
        let after = moment(random);
        let end = async move {
            sleep(after).await;
            match how {
                FileEnd::Close => scope.cancel(),
                FileEnd::Kill => killed.store(1, Relaxed),
                FileEnd::Stay => {}
            }
        };
        world.spawn(c"end-of-file", end)?.detach();
        Ok(this)
    }

    /// Returns whether the submitting thread is to do nothing more.
    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Relaxed) != 0
    }

    /// Returns whether jobs of `tested` may be cancelled for another reason than one of their own.
    pub(crate) fn may_cancel(&self, tested: &TestedQueue) -> bool {
        self.how != FileEnd::Stay || tested.how != End::Finish || self.scope.is_cancelled()
    }
}
