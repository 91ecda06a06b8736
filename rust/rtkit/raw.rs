// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The functions of `shim.c`. Nothing outside this crate sees them.

use kernel::prelude::*;

/// `struct rtkit` of `shim.c`.
#[repr(C)]
pub(crate) struct RawRtkit {
    _opaque: [u8; 0],
}

/// The C type `struct apple_rtkit_shmem`.
///
/// It has the name that it has in C: RTKit calls functions with a pointer to it, and kCFI compares
/// the types of such functions by the names of `#[repr(C)]` structures.
#[repr(C)]
pub(crate) struct apple_rtkit_shmem {
    _opaque: [u8; 0],
}

pub(crate) use apple_rtkit_shmem as RawShmem;

/// A message, and the endpoint that it goes to: `struct rtkit_message` of `shim.c`.
///
/// # Context
///
/// Any.
#[repr(C)]
pub struct Message {
    message: u64,
    endpoint: u8,
}

impl Message {
    /// Returns `message` for `endpoint`.
    pub const fn new(endpoint: u8, message: u64) -> Self {
        Self { message, endpoint }
    }
}

/// `crashed` of `struct apple_rtkit_ops`, with the cookie, and the crash log and its size.
pub(crate) type CrashedFn = unsafe extern "C" fn(*mut c_void, *const c_void, usize);
/// `recv_message`, with the cookie, the endpoint and the message.
pub(crate) type RecvFn = unsafe extern "C" fn(*mut c_void, u8, u64);
/// `recv_message_early`, which returns whether it has handled the message.
pub(crate) type RecvEarlyFn = unsafe extern "C" fn(*mut c_void, u8, u64) -> bool;
/// The function that is told of a message that could not be sent, with the cookie and the error.
pub(crate) type SendFailedFn = unsafe extern "C" fn(*mut c_void, c_int);
/// `shmem_setup`, with the cookie and the buffer.
pub(crate) type ShmemSetupFn = unsafe extern "C" fn(*mut c_void, *mut RawShmem) -> c_int;
/// `shmem_destroy`, with the cookie and the buffer.
pub(crate) type ShmemDestroyFn = unsafe extern "C" fn(*mut c_void, *mut RawShmem);

extern "C" {
    pub(crate) fn rtkit_create(
        dev: *mut c_void,
        mbox: c_int,
        cookie: *mut c_void,
        doorbells: *const Message,
        crashed: CrashedFn,
        recv: RecvFn,
        recv_early: RecvEarlyFn,
        send_failed: SendFailedFn,
        shmem_setup: ShmemSetupFn,
        shmem_destroy: ShmemDestroyFn,
    ) -> *mut RawRtkit;
    pub(crate) fn rtkit_close(r: *mut RawRtkit);
    pub(crate) fn rtkit_put(r: *mut RawRtkit);
    pub(crate) fn rtkit_boot(r: *mut RawRtkit, wake: bool) -> c_int;
    pub(crate) fn rtkit_shutdown(r: *mut RawRtkit) -> c_int;
    pub(crate) fn rtkit_start_ep(r: *mut RawRtkit, ep: u8) -> c_int;
    pub(crate) fn rtkit_send(r: *mut RawRtkit, ep: u8, msg: u64) -> c_int;
    pub(crate) fn rtkit_ring(r: *mut RawRtkit, doorbells: u64);
    pub(crate) fn rtkit_is_crashed(r: *mut RawRtkit) -> bool;
    pub(crate) fn rtkit_shmem_request(shmem: *const RawShmem, size: *mut usize) -> c_int;
    pub(crate) fn rtkit_shmem_fill(
        shmem: *mut RawShmem,
        buffer: *mut c_void,
        iova: u64,
        size: usize,
        private: *mut c_void,
    );
    pub(crate) fn rtkit_shmem_private(shmem: *const RawShmem) -> *mut c_void;
}
