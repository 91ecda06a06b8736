// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! RTKit: the protocol that Apple's coprocessors speak over their mailbox.
//!
//! A safe abstraction of the kernel's RTKit library. C header:
//! [`include/linux/soc/apple/rtkit.h`](srctree/include/linux/soc/apple/rtkit.h). The library
//! handles the management protocol (versions, endpoint map, power states) and the system endpoints
//! (crash log, syslog, ioreport, oslog). A driver supplies memory for the system endpoints and uses
//! its own endpoints.
//!
//! # Messages
//!
//! A message is passed to [`Operations::recv_message_early`] first, in the hard interrupt of the
//! mailbox. Drivers that only wake a task handle it there, without an allocation that could fail.
//! Others are passed to [`Operations::recv_message`], on an ordered workqueue that also runs the
//! management protocol. Waiting there for another message would be a deadlock.
//!
//! # Doorbells
//!
//! Most messages of a driver are doorbells, which tell the coprocessor to check a ring. Sending one
//! several times has the same effect as sending it once, so it need not be queued: [`Rtkit::ring`]
//! sets a bit, in any context, and a kernel thread sends one message for each bit. The caller never
//! waits for the mailbox, nor for another caller.
//!
//! # States
//!
//! ```text
//!           new()            boot()              shutdown()
//!   (none) ───────► stopped ────────► running ───────────────► stopped
//!                      │                 │ crash log message
//!                      │ crash           ▼
//!                      └────────────► crashed      until the SoC is reset
//!
//!   any state ── drop, or unbinding of the device ──► closed: no callback runs, calls fail
//! ```

use core::{
    marker::PhantomData,
    ptr::NonNull,
    slice, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    error::{
        from_err_ptr,
        from_result,
        to_result, //
    },
    prelude::*,
    sync::Arc, //
};

mod raw;

pub use raw::Message;

/// Memory for one of the system endpoints that the coprocessor and the CPU share.
///
/// # Context
///
/// | function | context |
/// |---|---|
/// | `cpu_addr`, `iova`, `size` | RTKit's ordered workqueue, after `shmem_setup` |
/// | drop | process, when RTKit is closed or shut down |
///
/// # Safety
///
/// `cpu_addr()` must be valid for reads of `size()` bytes for as long as the object lives, while
/// the coprocessor writes there.
pub unsafe trait SharedBuffer: Send + 'static {
    /// Returns the address at which the CPU reads it.
    fn cpu_addr(&self) -> NonNull<u8>;

    /// Returns the address at which the coprocessor writes it.
    fn iova(&self) -> u64;

    /// Returns its size in bytes, at least the requested size.
    fn size(&self) -> usize;
}

/// The callbacks of a driver for the events of its coprocessor.
///
/// # Context
///
/// | function | context | may |
/// |---|---|---|
/// | `recv_message_early` | hard interrupt (2) | wake tasks; not sleep, allocate or lock |
/// | `recv_message`, `shmem_setup`, `crashed` | RTKit's ordered workqueue | allocate, sleep (1) |
/// | `send_failed` | thread of the doorbells | sleep; not allocate with reclaim |
///
/// 1. They must not wait for a message, which a later work item would handle.
/// 2. On `PREEMPT_RT` the thread of that interrupt, with a lock held.
///
/// No callback may boot, shut down, close or drop the [`Rtkit`], since these functions wait for
/// callbacks to return.
pub trait Operations: Send + Sync + 'static {
    /// The memory that [`Operations::shmem_setup`] returns.
    type Buffer: SharedBuffer;

    /// The doorbells, at most 64. Doorbells that are rung at the same time are sent in this order.
    const DOORBELLS: &'static [Message];

    /// Handles a message to one of the driver's endpoints, or returns `false` to leave it to
    /// [`Operations::recv_message`].
    fn recv_message_early(&self, endpoint: u8, message: u64) -> bool;

    /// Handles a message that [`Operations::recv_message_early`] has not handled.
    fn recv_message(&self, endpoint: u8, message: u64);

    /// Handles a doorbell that was not sent, since the mailbox had no room for half a second. Not
    /// called for a coprocessor that is not running any more.
    ///
    /// The coprocessor may not see the announced work, so the driver has to stop using it. Until it
    /// has booted again nothing is sent to it, and this is not called again.
    fn send_failed(&self, error: Error);

    /// Returns `size` bytes of memory for the coprocessor. A coprocessor that has memory of its own
    /// for this is refused, and the driver is not asked.
    fn shmem_setup(&self, size: usize) -> Result<Self::Buffer>;

    /// Handles a crash of the coprocessor. `log` is its crash log, or `None` if there was no memory
    /// for a copy.
    ///
    /// From then on no message is received, and none can be sent.
    fn crashed(&self, log: Option<&[u8]>);
}

/// The reason for which a coprocessor did not boot.
///
/// # Context
///
/// Any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootError {
    /// The coprocessor has not sent its hello, endpoint map or power state in time.
    NoAnswer,
    /// The coprocessor has sent a crash log.
    Crashed,
    /// The coprocessor has answered with an unsupported version or power state.
    Refused(Error),
}

/// A coprocessor that speaks RTKit.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ | callbacks of [`Operations`] |
/// |---|---|---|---|---|
/// | `ring`, `is_crashed`, `operations` | yes | yes | yes | yes |
/// | `send_message`, `start_endpoint` | yes (sleep) | no | no | no |
/// | `new`, `boot` | yes (some seconds at worst) | no | no | no |
/// | `shutdown` | yes (12 seconds at worst) | no | no | no |
/// | `close`, drop | yes (wait for callbacks) | no | no | no |
///
/// # Invariants
///
/// `raw` points to a `struct rtkit`, to which this owns a reference. Its cookie is `ops`.
pub struct Rtkit<T: Operations> {
    raw: NonNull<raw::RawRtkit>,
    ops: Arc<T>,
}

// SAFETY: A `struct rtkit` has a lock of its own, and may be used and freed by any thread.
unsafe impl<T: Operations> Send for Rtkit<T> {}
// SAFETY: A `struct rtkit` has a lock of its own, and its functions may be called concurrently.
unsafe impl<T: Operations> Sync for Rtkit<T> {}

impl<T: Operations> Rtkit<T> {
    /// A mask of the doorbells' bits.
    const DOORBELLS: u64 = {
        assert!(T::DOORBELLS.len() <= 64);
        match T::DOORBELLS.len() {
            0 => 0,
            count => u64::MAX >> (64 - count),
        }
    };

    /// Connects to the coprocessor at mailbox `mbox` of `dev`.
    ///
    /// The callbacks may run from this call on.
    ///
    /// # Errors
    ///
    /// `EPROBE_DEFER` if the mailbox has no driver yet, `ENOMEM`, and others of the library.
    pub fn new(dev: &Device<Bound>, mbox: u32, ops: Arc<T>) -> Result<Self> {
        let cookie = Arc::as_ptr(&ops).cast_mut().cast();
        // `Device` is a transparent wrapper of `struct device`.
        let dev: *const Device<Bound> = dev;
        // SAFETY: `dev` is bound. The functions of `Callbacks<T>` require a cookie that points to a
        // `T`: `ops` lives until `drop()` has closed RTKit, after which none is called. The
        // doorbells are static.
        let raw = from_err_ptr(unsafe {
            raw::rtkit_create(
                dev.cast_mut().cast(),
                c_int::try_from(mbox)?,
                cookie,
                T::DOORBELLS.as_ptr(),
                Callbacks::<T>::crashed,
                Callbacks::<T>::recv_message,
                Callbacks::<T>::recv_message_early,
                Callbacks::<T>::send_failed,
                Callbacks::<T>::shmem_setup,
                Callbacks::<T>::shmem_destroy,
            )
        })?;
        // INVARIANT: `rtkit_create()` returns a reference, and `cookie` points to `ops`.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
            ops,
        })
    }

    /// Returns the driver's callbacks.
    pub fn operations(&self) -> &Arc<T> {
        &self.ops
    }

    /// Boots RTKit, after the coprocessor's CPU was started.
    ///
    /// `wake` has to be set if the coprocessor was shut down before, so that it is woken first.
    ///
    /// # Errors
    ///
    /// See [`BootError`].
    pub fn boot(&self, wake: bool) -> Result<(), BootError> {
        // SAFETY: By the type invariant `raw` is valid.
        let ret = to_result(unsafe { raw::rtkit_boot(self.raw.as_ptr(), wake) });
        match ret {
            Ok(()) => Ok(()),
            Err(_) if self.is_crashed() => Err(BootError::Crashed),
            Err(e) if e == ETIME || e == ETIMEDOUT => Err(BootError::NoAnswer),
            Err(e) => Err(BootError::Refused(e)),
        }
    }

    /// Quiesces a running coprocessor, so that a later [`Rtkit::boot`] can wake it, and frees the
    /// shared buffers.
    ///
    /// The coprocessor has 10 s for its first answer, and 1 s for the second, for which the library
    /// has no longer wait.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it is not running, `ETIME` if it does not answer in time, and others of the
    /// library. After `ETIME` it may go to sleep yet.
    pub fn shutdown(&self) -> Result {
        // SAFETY: By the type invariant `raw` is valid.
        to_result(unsafe { raw::rtkit_shutdown(self.raw.as_ptr()) })
    }

    /// Starts one of the driver's endpoints.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the coprocessor did not announce it, `ENODEV` if it is not running.
    pub fn start_endpoint(&self, endpoint: u8) -> Result {
        // SAFETY: By the type invariant `raw` is valid.
        to_result(unsafe { raw::rtkit_start_ep(self.raw.as_ptr(), endpoint) })
    }

    /// Sends `message`, which must not be a doorbell. All writes to memory before it are visible to
    /// the coprocessor when it receives the message.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the coprocessor is not running, or has crashed. `ETIMEDOUT` if the mailbox has
    /// had no room for half a second, or at once after [`Operations::send_failed`].
    pub fn send_message(&self, endpoint: u8, message: u64) -> Result {
        // SAFETY: By the type invariant `raw` is valid.
        to_result(unsafe { raw::rtkit_send(self.raw.as_ptr(), endpoint, message) })
    }

    /// Rings the doorbells whose bits are set. Bit `n` is that of `DOORBELLS[n]`. All writes to
    /// memory before it are visible to the coprocessor when it receives the messages.
    ///
    /// A doorbell that was rung before and was not sent yet is sent once. Nothing is sent to a
    /// coprocessor that is not running, has crashed, or takes no messages
    /// ([`Operations::send_failed`]).
    ///
    /// # Context
    ///
    /// Any. Does not sleep.
    pub fn ring(&self, doorbells: u64) {
        // SAFETY: By the type invariant `raw` is valid. Each bit is that of one of `T::DOORBELLS`.
        unsafe { raw::rtkit_ring(self.raw.as_ptr(), doorbells & Self::DOORBELLS) };
    }

    /// Returns whether a crash log has arrived.
    pub fn is_crashed(&self) -> bool {
        // SAFETY: By the type invariant `raw` is valid.
        unsafe { raw::rtkit_is_crashed(self.raw.as_ptr()) }
    }

    /// Closes the connection. When it returns no callback runs, and all other calls fail with
    /// `ENODEV`. This holds for each of several concurrent callers, including the unbinding of the
    /// device.
    pub fn close(&self) {
        // SAFETY: By the type invariant `raw` is valid.
        unsafe { raw::rtkit_close(self.raw.as_ptr()) };
    }
}

impl<T: Operations> Drop for Rtkit<T> {
    fn drop(&mut self) {
        self.close();
        // SAFETY: By the type invariant this owns a reference. `raw` is not used afterwards.
        unsafe { raw::rtkit_put(self.raw.as_ptr()) };
    }
}

/// The C functions that call the callbacks of `T`.
struct Callbacks<T>(PhantomData<T>);

impl<T: Operations> Callbacks<T> {
    /// Returns the `T` that `cookie` points to.
    ///
    /// # Safety
    ///
    /// `cookie` must point to a `T` in an `Arc` that lives for `'a`.
    unsafe fn ops<'a>(cookie: *mut c_void) -> &'a T {
        // SAFETY: By the safety requirements the `T` is valid, and there are only shared references
        // to it.
        unsafe { &*cookie.cast::<T>() }
    }

    /// Calls [`Operations::crashed`].
    ///
    /// # Safety
    ///
    /// Only RTKit may call this, with the cookie that it got from [`Rtkit::new`] and `log` null or
    /// `size` bytes long.
    unsafe extern "C" fn crashed(cookie: *mut c_void, log: *const c_void, size: usize) {
        // SAFETY: `Rtkit::new()` has passed a `T` as cookie, which lives until RTKit is closed.
        let ops = unsafe { Self::ops(cookie) };
        let log = (!log.is_null()).then(|| {
            // SAFETY: If it is not null, `log` is a copy of `size` bytes that is valid for the time
            // of the call.
            unsafe { slice::from_raw_parts(log.cast::<u8>(), size) }
        });
        ops.crashed(log);
    }

    /// Calls [`Operations::recv_message`].
    ///
    /// # Safety
    ///
    /// Only RTKit may call this, with the cookie that it got from [`Rtkit::new`].
    unsafe extern "C" fn recv_message(cookie: *mut c_void, endpoint: u8, message: u64) {
        // SAFETY: `Rtkit::new()` has passed a `T` as cookie, which lives until RTKit is closed.
        unsafe { Self::ops(cookie) }.recv_message(endpoint, message);
    }

    /// Calls [`Operations::send_failed`].
    ///
    /// # Safety
    ///
    /// Only `rtkit_ring_work()` may call this, with the cookie that RTKit got from
    /// [`Rtkit::new`].
    unsafe extern "C" fn send_failed(cookie: *mut c_void, error: c_int) {
        // SAFETY: `Rtkit::new()` has passed a `T` as cookie, which lives until RTKit is closed.
        unsafe { Self::ops(cookie) }.send_failed(Error::from_errno(error));
    }

    /// Calls [`Operations::recv_message_early`].
    ///
    /// # Safety
    ///
    /// Only RTKit may call this, with the cookie that it got from [`Rtkit::new`].
    unsafe extern "C" fn recv_message_early(
        cookie: *mut c_void,
        endpoint: u8,
        message: u64,
    ) -> bool {
        // SAFETY: `Rtkit::new()` has passed a `T` as cookie, which lives until RTKit is closed.
        unsafe { Self::ops(cookie) }.recv_message_early(endpoint, message)
    }

    /// Calls [`Operations::shmem_setup`].
    ///
    /// # Safety
    ///
    /// Only RTKit may call this, with the cookie that it got from [`Rtkit::new`] and a valid
    /// `shmem`.
    unsafe extern "C" fn shmem_setup(cookie: *mut c_void, shmem: *mut raw::RawShmem) -> c_int {
        // SAFETY: `Rtkit::new()` has passed a `T` as cookie, which lives until RTKit is closed.
        let ops = unsafe { Self::ops(cookie) };
        from_result(|| {
            let mut size = 0;
            // SAFETY: `shmem` is valid for the time of the call, and `size` for writes.
            to_result(unsafe { raw::rtkit_shmem_request(shmem, &mut size) })?;
            let buffer = ops.shmem_setup(size)?;
            let (addr, iova, size) = (buffer.cpu_addr(), buffer.iova(), buffer.size());
            let buffer = KBox::into_raw(KBox::new(buffer, GFP_KERNEL)?);
            // SAFETY: `shmem` is valid for the time of the call. By the contract of `SharedBuffer`
            // the memory may be read until `shmem_destroy()` drops `buffer`.
            unsafe {
                raw::rtkit_shmem_fill(shmem, addr.as_ptr().cast(), iova, size, buffer.cast())
            };
            Ok(0)
        })
    }

    /// Drops a buffer.
    ///
    /// # Safety
    ///
    /// Only RTKit may call this, once for each `shmem` that [`Self::shmem_setup`] filled.
    unsafe extern "C" fn shmem_destroy(_cookie: *mut c_void, shmem: *mut raw::RawShmem) {
        // SAFETY: `shmem` is valid for the time of the call.
        let buffer = unsafe { raw::rtkit_shmem_private(shmem) }.cast::<T::Buffer>();
        // SAFETY: `shmem_setup()` has stored the pointer of a box, which is taken once.
        drop(unsafe { KBox::from_raw(buffer) });
    }
}
