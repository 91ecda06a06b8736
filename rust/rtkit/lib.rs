// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! RTKit: the protocol that Apple's coprocessors speak over their mailbox.
//!
//! A safe layer over the kernel's own RTKit library, C header:
//! [`include/linux/soc/apple/rtkit.h`](srctree/include/linux/soc/apple/rtkit.h). The library does
//! the management dialogue (versions, endpoint map, power states) and serves the system endpoints
//! (crash log, syslog, ioreport, oslog) by itself; a driver supplies memory for them and talks to
//! the endpoints of its own.
//!
//! # Messages
//!
//! A message arrives in [`Operations::recv_message_early`], in the hard interrupt of the mailbox. A
//! driver that only wakes a task does it there: nothing is allocated, so nothing can be lost. What
//! it does not take is handed to [`Operations::recv_message`], on an ordered workqueue that also
//! runs the management dialogue. To wait there for another message is to wait for ever; nothing in
//! this crate offers a way to do so.
//!
//! # Doorbells
//!
//! Most of what a driver sends is a doorbell: "look at that ring". It says the same however often
//! it is sent, so it need not be queued: [`Rtkit::ring`] sets a bit, in any context, and a worker
//! sends one message for each bit. The thread that rings never waits for the mailbox, nor for
//! another thread that rings.
//!
//! # States
//!
//! ```text
//!           new()            boot()              shutdown()
//!   (none) ───────► stopped ────────► running ───────────────► stopped
//!                      │                 │ crash log message
//!                      │ crash           ▼
//!                      └────────────► crashed      nothing leads out of it but a reset of the SoC
//!
//!   any state ── drop, or unbinding of the device ──► closed: no callback runs, calls give ENODEV
//! ```

use core::{
    marker::PhantomData,
    num::NonZeroU64,
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

/// Memory that the coprocessor and the CPU share, for one of the system endpoints.
///
/// Dropped when RTKit is closed or shut down, in process context.
///
/// # Safety
///
/// `cpu_addr()` must be valid for reads of `size()` bytes for as long as the object lives, while
/// the coprocessor writes there.
pub unsafe trait SharedBuffer: Send + 'static {
    /// Returns where the CPU reads it.
    fn cpu_addr(&self) -> NonNull<u8>;

    /// Returns where the coprocessor writes it.
    fn iova(&self) -> u64;

    /// Returns its size in bytes: at least what was asked for.
    fn size(&self) -> usize;
}

/// What a driver does with the events of its coprocessor.
///
/// # Context
///
/// | function | context | may |
/// |---|---|---|
/// | `recv_message_early` | hard interrupt | wake tasks; not sleep, allocate or lock |
/// | `recv_message`, `shmem_setup`, `crashed` | RTKit's ordered workqueue | allocate, sleep (1) |
/// | `send_failed` | thread of the doorbells | sleep; not allocate with reclaim |
///
/// 1. But not wait for a message, which would be the next work item.
///
/// None of them may boot, shut down, close or drop [`Rtkit`], all of which wait for callbacks to
/// end.
pub trait Operations: Send + Sync + 'static {
    /// The memory that [`Operations::shmem_setup`] gives.
    type Buffer: SharedBuffer;

    /// The doorbells, at most 64. Of those that are rung at a time the first is sent first.
    const DOORBELLS: &'static [Message];

    /// Handles a message to one of the driver's endpoints, if it can. Returns whether it has.
    fn recv_message_early(&self, endpoint: u8, message: u64) -> bool;

    /// Handles a message that [`Operations::recv_message_early`] did not take.
    fn recv_message(&self, endpoint: u8, message: u64);

    /// Handles that a doorbell could not be sent: for half a second the mailbox has had no room.
    ///
    /// What it announced may stay unseen, so the coprocessor has to be given up.
    fn send_failed(&self, error: Error);

    /// Returns `size` bytes of memory that the coprocessor asks for. With `iova` it says that it
    /// has mapped them there already.
    fn shmem_setup(&self, size: usize, iova: Option<NonZeroU64>) -> Result<Self::Buffer>;

    /// Handles a crash of the coprocessor. `log` is its crash log, absent if there was no memory
    /// for a copy.
    ///
    /// Nothing will be received any more and nothing can be sent.
    fn crashed(&self, log: Option<&[u8]>);
}

/// Why a coprocessor did not boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootError {
    /// It does not answer: no greeting, no endpoint map, or no power state within a second.
    NoAnswer,
    /// It sent a crash log.
    Crashed,
    /// It answered, but with a version or a power state that is not usable.
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
/// | `new`, `boot`, `shutdown` | yes (some seconds at worst) | no | no | no |
/// | `close`, drop | yes (wait for callbacks) | no | no | no |
///
/// # Invariants
///
/// `raw` is a `struct rtkit` whose reference this object owns. Its cookie is `ops`.
pub struct Rtkit<T: Operations> {
    raw: NonNull<raw::RawRtkit>,
    ops: Arc<T>,
}

// SAFETY: `struct rtkit` has a lock of its own and may be used and freed by any thread.
unsafe impl<T: Operations> Send for Rtkit<T> {}
// SAFETY: `struct rtkit` has a lock of its own, and all of its functions may be called at a time.
unsafe impl<T: Operations> Sync for Rtkit<T> {}

impl<T: Operations> Rtkit<T> {
    /// The bits of the doorbells that there are.
    const DOORBELLS: u64 = {
        assert!(T::DOORBELLS.len() <= 64);
        match T::DOORBELLS.len() {
            0 => 0,
            count => u64::MAX >> (64 - count),
        }
    };

    /// Connects to the coprocessor behind mailbox `mbox` of `dev`.
    ///
    /// From here on the callbacks may run.
    ///
    /// # Errors
    ///
    /// `EPROBE_DEFER` if the mailbox has no driver yet, `ENOMEM`, others of the library.
    pub fn new(dev: &Device<Bound>, mbox: u32, ops: Arc<T>) -> Result<Self> {
        let cookie = Arc::as_ptr(&ops).cast_mut().cast();
        // `Device` is a transparent wrapper of `struct device`.
        let dev: *const Device<Bound> = dev;
        // SAFETY: `dev` is bound. The functions of `Callbacks<T>` expect a cookie that points to a
        // `T`, and get it: `ops` lives until `drop()` has closed RTKit, after which none is called,
        // nor are the doorbells looked at, which are static anyway.
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
        // INVARIANT: `rtkit_create()` gave us a reference, and `cookie` points to `ops`.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
            ops,
        })
    }

    /// Returns the object that handles the events.
    pub fn operations(&self) -> &Arc<T> {
        &self.ops
    }

    /// Brings the coprocessor to the state *running*, after its CPU has been started.
    ///
    /// With `wake` it has been shut down before and has to be woken first.
    ///
    /// # Errors
    ///
    /// See [`BootError`].
    pub fn boot(&self, wake: bool) -> Result<(), BootError> {
        // SAFETY: By the type invariant.
        let ret = to_result(unsafe { raw::rtkit_boot(self.raw.as_ptr(), wake) });
        match ret {
            Ok(()) => Ok(()),
            Err(_) if self.is_crashed() => Err(BootError::Crashed),
            Err(e) if e == ETIME || e == ETIMEDOUT => Err(BootError::NoAnswer),
            Err(e) => Err(BootError::Refused(e)),
        }
    }

    /// Quiesces a running coprocessor, so that a later [`Rtkit::boot`] can wake it, and frees
    /// the shared buffers.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it is not running, others of the library.
    pub fn shutdown(&self) -> Result {
        // SAFETY: By the type invariant.
        to_result(unsafe { raw::rtkit_shutdown(self.raw.as_ptr()) })
    }

    /// Starts one of the driver's endpoints.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the coprocessor did not announce it, `ENODEV` if it is not running.
    pub fn start_endpoint(&self, endpoint: u8) -> Result {
        // SAFETY: By the type invariant.
        to_result(unsafe { raw::rtkit_start_ep(self.raw.as_ptr(), endpoint) })
    }

    /// Sends `message`, which is no doorbell. All writes to memory before it are visible to the
    /// coprocessor when it gets the message.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the coprocessor is not running, or has crashed. `ETIMEDOUT` if the mailbox has
    /// had no room for half a second.
    pub fn send_message(&self, endpoint: u8, message: u64) -> Result {
        // SAFETY: By the type invariant.
        to_result(unsafe { raw::rtkit_send(self.raw.as_ptr(), endpoint, message) })
    }

    /// Rings the doorbells whose bits are set, by their index in [`Operations::DOORBELLS`]. All
    /// writes to memory before it are visible to the coprocessor when it gets the messages.
    ///
    /// Those that were rung already and are not sent yet are sent once. Nothing is sent to a
    /// coprocessor that is not running, or has crashed.
    ///
    /// # Context
    ///
    /// Any; does not sleep.
    pub fn ring(&self, doorbells: u64) {
        // SAFETY: By the type invariant. There are no other bits than those of `T::DOORBELLS`.
        unsafe { raw::rtkit_ring(self.raw.as_ptr(), doorbells & Self::DOORBELLS) };
    }

    /// Returns whether a crash log has arrived.
    pub fn is_crashed(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { raw::rtkit_is_crashed(self.raw.as_ptr()) }
    }

    /// Ends all contact: when it returns no callback runs, and every call gives `ENODEV`. That
    /// holds for each of several callers, and also when the device is being unbound, which closes
    /// as well.
    pub fn close(&self) {
        // SAFETY: By the type invariant.
        unsafe { raw::rtkit_close(self.raw.as_ptr()) };
    }
}

impl<T: Operations> Drop for Rtkit<T> {
    fn drop(&mut self) {
        self.close();
        // SAFETY: By the type invariant we own the reference, and `raw` is not used afterwards.
        unsafe { raw::rtkit_put(self.raw.as_ptr()) };
    }
}

/// The callbacks, as C wants them.
struct Callbacks<T>(PhantomData<T>);

impl<T: Operations> Callbacks<T> {
    /// # Safety
    ///
    /// `cookie` must point to a `T` that lives for `'a`.
    unsafe fn ops<'a>(cookie: *mut c_void) -> &'a T {
        // SAFETY: By the function's requirements. `T: Sync`, and nobody has it exclusively since it
        // is in an `Arc`.
        unsafe { &*cookie.cast::<T>() }
    }

    /// # Safety
    ///
    /// Only for RTKit to call, with the cookie that it got from [`Rtkit::new`] and `log` null or
    /// `size` bytes long.
    unsafe extern "C" fn crashed(cookie: *mut c_void, log: *const c_void, size: usize) {
        // SAFETY: `Rtkit::new()` passed a `T` as cookie, which lives until RTKit is closed.
        let ops = unsafe { Self::ops(cookie) };
        let log = (!log.is_null()).then(|| {
            // SAFETY: If not null, `log` is a private copy of `size` bytes that lives until we
            // return.
            unsafe { slice::from_raw_parts(log.cast::<u8>(), size) }
        });
        ops.crashed(log);
    }

    /// # Safety
    ///
    /// Only for RTKit to call, with the cookie that it got from [`Rtkit::new`].
    unsafe extern "C" fn recv_message(cookie: *mut c_void, endpoint: u8, message: u64) {
        // SAFETY: `Rtkit::new()` passed a `T` as cookie, which lives until RTKit is closed.
        unsafe { Self::ops(cookie) }.recv_message(endpoint, message);
    }

    /// # Safety
    ///
    /// Only for `rtkit_ring_work()` to call, with the cookie that RTKit got from [`Rtkit::new`].
    unsafe extern "C" fn send_failed(cookie: *mut c_void, error: c_int) {
        // SAFETY: `Rtkit::new()` passed a `T` as cookie, which lives until RTKit is closed.
        unsafe { Self::ops(cookie) }.send_failed(Error::from_errno(error));
    }

    /// # Safety
    ///
    /// Only for RTKit to call, with the cookie that it got from [`Rtkit::new`].
    unsafe extern "C" fn recv_message_early(
        cookie: *mut c_void,
        endpoint: u8,
        message: u64,
    ) -> bool {
        // SAFETY: `Rtkit::new()` passed a `T` as cookie, which lives until RTKit is closed.
        unsafe { Self::ops(cookie) }.recv_message_early(endpoint, message)
    }

    /// # Safety
    ///
    /// Only for RTKit to call, with the cookie that it got from [`Rtkit::new`] and a valid `shmem`.
    unsafe extern "C" fn shmem_setup(cookie: *mut c_void, shmem: *mut raw::RawShmem) -> c_int {
        // SAFETY: `Rtkit::new()` passed a `T` as cookie, which lives until RTKit is closed.
        let ops = unsafe { Self::ops(cookie) };
        from_result(|| {
            // SAFETY: `shmem` is valid while we run.
            let (size, iova) =
                unsafe { (raw::rtkit_shmem_size(shmem), raw::rtkit_shmem_iova(shmem)) };
            let buffer = ops.shmem_setup(size, NonZeroU64::new(iova))?;
            let (addr, iova, size) = (buffer.cpu_addr(), buffer.iova(), buffer.size());
            let buffer = KBox::into_raw(KBox::new(buffer, GFP_KERNEL)?);
            // SAFETY: `shmem` is valid while we run. By the contract of `SharedBuffer` the memory
            // can be read until `shmem_destroy()` drops `buffer`.
            unsafe {
                raw::rtkit_shmem_fill(shmem, addr.as_ptr().cast(), iova, size, buffer.cast())
            };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Only for RTKit to call, once for each `shmem` that [`Self::shmem_setup`] filled.
    unsafe extern "C" fn shmem_destroy(_cookie: *mut c_void, shmem: *mut raw::RawShmem) {
        // SAFETY: `shmem` is valid while we run.
        let buffer = unsafe { raw::rtkit_shmem_private(shmem) }.cast::<T::Buffer>();
        // SAFETY: `shmem_setup()` left the pointer there, and this is called once for each of its
        // successes.
        drop(unsafe { KBox::from_raw(buffer) });
    }
}
