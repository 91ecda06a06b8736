// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The interface for drivers in C.
//!
//! C header: `jobqueue.h`, which documents the rules for callers. The functions of this module rely
//! on these rules. Those that create or prepare something check for null pointers, and for the
//! ranges of values. Those that end something ignore null pointers and `ERR_PTR`s, as `kfree()`
//! ignores null. `jobqueue_complete()` and `jobqueue_ready()`, which interrupt handlers call, check
//! nothing; see [`handle`].

mod handle;
mod ring;

use crate::{
    Config,
    JobQueue,
    OnError,
    Prepared, //
};
use core::{
    ffi::c_void,
    ptr::NonNull, //
};
use dma_fence::{
    Fence,
    Names, //
};
use handle::CQueue;
use kasync::{
    time::Delta,
    Executor, //
};
use kernel::{
    bindings,
    ffi::{
        c_char,
        c_int,
        c_uint, //
    },
    prelude::*,
    sync::{
        atomic::Atomic,
        Arc, //
    }, //
};
use ring::{
    CJob,
    CRing,
    RawJob,
    RawOps,
    Shared,
    WAITING, //
};

/// The C type `struct jobqueue_names`.
#[repr(C)]
struct RawNames {
    driver: *const c_char,
    ring: *const c_char,
    _copy: *const c_void,
}

/// The C type `struct jobqueue_config`.
#[repr(C)]
struct RawConfig {
    names: *mut RawNames,
    credits: c_uint,
    jobs: c_uint,
    memory: usize,
    timeout_ms: c_uint,
    on_error: c_uint,
}

// `c_exports.c` asserts the same numbers.
const _: () = {
    const POINTER: usize = size_of::<usize>();
    assert!(size_of::<RawNames>() == size_of::<Names>());
    assert!(size_of::<RawJob>() == POINTER + 8);
    assert!(core::mem::offset_of!(RawJob, state) == POINTER);
    assert!(size_of::<RawOps>() == 7 * POINTER);
    assert!(core::mem::offset_of!(RawConfig, memory) == POINTER + 8);
    assert!(core::mem::offset_of!(RawConfig, on_error) == 2 * POINTER + 12);
};

/// The C type `struct jobqueue_device`.
struct CDevice(Executor);

/// The C type `struct jobqueue_prepared`.
struct CPrepared(Prepared<'static, CRing>);

/// Returns a pointer to the value, or an `ERR_PTR`.
fn pass<T>(result: Result<KBox<T>>) -> *mut T {
    match result {
        Ok(value) => KBox::into_raw(value),
        Err(e) => e.to_ptr(),
    }
}

/// Returns `pointer`, or an error if it is null or an `ERR_PTR`.
fn take<T>(pointer: *mut T) -> Result<NonNull<T>> {
    // SAFETY: The function looks at the value of the pointer only.
    if unsafe { bindings::IS_ERR(pointer.cast_const().cast()) } {
        // SAFETY: The function looks at the value of the pointer only.
        let errno = unsafe { bindings::PTR_ERR(pointer.cast_const().cast()) };
        return Err(Error::from_errno(errno as c_int));
    }
    NonNull::new(pointer).ok_or(EINVAL)
}

fn device_create(name: *const c_char, workers: c_uint) -> Result<KBox<CDevice>> {
    let priority = kasync::Priority::try_from(workers)?;
    if name.is_null() {
        return Err(EINVAL);
    }
    // SAFETY: As `jobqueue_device_create()` in jobqueue.h says, `name` ends with NUL, and stays as
    // long as the module.
    let name = unsafe { CStr::from_char_ptr(name) };
    Ok(KBox::new(
        CDevice(Executor::with_priority(name, priority)?),
        GFP_KERNEL,
    )?)
}

/// `jobqueue_device_create()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_device_create()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_device_create(name: *const c_char, workers: c_uint) -> *mut CDevice {
    pass(device_create(name, workers))
}

/// `jobqueue_device_destroy()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_device_destroy()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_device_destroy(device: *mut CDevice) {
    let Ok(device) = take(device) else {
        return;
    };
    // SAFETY: From `jobqueue_device_create()`, and not used any more.
    let device = unsafe { KBox::from_raw(device.as_ptr()) };
    // Cannot fail in process context. Waits until the last task has ended.
    let _ = device.0.shutdown();
}

/// Returns the configuration at `raw`.
///
/// # Safety
///
/// `raw` must be null or valid, as jobqueue.h says.
unsafe fn config(raw: *const RawConfig) -> Result<Config> {
    // SAFETY: `raw` is null or valid by the safety requirements.
    let raw = unsafe { raw.as_ref() }.ok_or(EINVAL)?;
    // SAFETY: `names` of a valid configuration is null or valid, as jobqueue.h says.
    let names = unsafe { raw.names.as_ref() }.ok_or(EINVAL)?;
    if names.driver.is_null() || names.ring.is_null() {
        return Err(EINVAL);
    }
    Ok(Config {
        // SAFETY: By the safety requirements; both strings are there. The layouts are the same.
        names: unsafe { &*raw.names.cast_const().cast::<Names>() },
        credits: raw.credits as usize,
        jobs: raw.jobs as usize,
        memory: match raw.memory {
            0 => usize::MAX,
            memory => memory,
        },
        timeout: Delta::from_millis(raw.timeout_ms.into()),
        on_error: match raw.on_error {
            0 => OnError::Ignore,
            1 => OnError::Propagate,
            2 => OnError::Poison,
            _ => return Err(EINVAL),
        },
    })
}

/// Creates a queue.
///
/// # Safety
///
/// See `jobqueue_create()` in jobqueue.h.
unsafe fn create(
    device: *mut CDevice,
    raw: *const RawConfig,
    ops: *const RawOps,
    ring: *mut c_void,
) -> Result<KBox<CQueue>> {
    // SAFETY: Null or valid, by the safety requirements.
    let (config, ops) = unsafe { (config(raw)?, ops.as_ref().ok_or(EINVAL)?.check()?) };
    // SAFETY: From `jobqueue_device_create()`, and valid.
    let device = unsafe { take(device)?.as_ref() };
    let shared = Arc::new(Shared::new(), GFP_KERNEL)?;
    let scope = device.0.root().child(c"queue")?;
    let memory = CQueue::memory()?;
    let ring = CRing {
        ops,
        ring,
        shared: shared.clone(),
    };
    // The last step that can fail. After it the driver's ring is in use.
    let queue = JobQueue::new(&scope, c"queue", ring, &config)?;
    Ok(CQueue::write(memory, queue, shared))
}

/// `jobqueue_create()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_create()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_create(
    device: *mut CDevice,
    config: *const RawConfig,
    ops: *const RawOps,
    ring: *mut c_void,
) -> *mut CQueue {
    // SAFETY: The arguments are as jobqueue.h requires them, which is what `create()` requires.
    pass(unsafe { create(device, config, ops, ring) })
}

/// `jobqueue_close()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_close()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_close(queue: *mut CQueue) {
    if let Ok(queue) = take(queue) {
        // SAFETY: From `jobqueue_create()`, and valid.
        unsafe { queue.as_ref() }.queue().close();
    }
}

/// `jobqueue_put()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_put()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_put(queue: *mut CQueue) {
    if let Ok(queue) = take(queue) {
        // SAFETY: From `jobqueue_create()`, and not used any more, except by calls of
        // `jobqueue_complete()` and `jobqueue_ready()` that began before.
        unsafe { CQueue::put(queue) };
    }
}

/// Prepares a job.
///
/// # Safety
///
/// See `jobqueue_prepare()` in jobqueue.h.
unsafe fn prepare(
    queue: *mut CQueue,
    job: *mut RawJob,
    credits: c_uint,
    dependencies: *const *mut bindings::dma_fence,
    count: usize,
) -> Result<Prepared<'static, CRing>> {
    let queue = take(queue)?;
    let job = take(job)?;
    if count != 0 && dependencies.is_null() {
        return Err(EINVAL);
    }
    let fences: &[&Fence] = match count {
        0 => &[],
        // SAFETY: There are `count` fences, each of which is valid, or null or an `ERR_PTR`, which
        // this excludes. A `Fence` is a transparent wrapper of `dma_fence`.
        _ => unsafe {
            let pointers = core::slice::from_raw_parts(dependencies, count);
            for &fence in pointers {
                take(fence)?;
            }
            core::slice::from_raw_parts(dependencies.cast(), count)
        },
    };
    // SAFETY: The job is valid, and nothing else uses it yet. The queue is valid until the result
    // is gone.
    unsafe {
        (&raw mut (*job.as_ptr()).state).write(Atomic::new(WAITING));
        (&raw mut (*job.as_ptr()).error).write(0);
        (*queue.as_ptr())
            .queue()
            .prepare(CJob(job), credits as usize, fences)
    }
}

/// `jobqueue_prepare()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_prepare()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_prepare(
    queue: *mut CQueue,
    job: *mut RawJob,
    credits: c_uint,
    dependencies: *const *mut bindings::dma_fence,
    count: usize,
) -> *mut CPrepared {
    let memory = KBox::<CPrepared>::new_uninit(GFP_KERNEL).map_err(Error::from);
    // SAFETY: The arguments are as jobqueue.h requires them, which is what `prepare()` requires.
    let prepare = || unsafe { prepare(queue, job, credits, dependencies, count) };
    let prepared = memory.and_then(|memory| {
        let prepared = prepare()?;
        Ok(KBox::write(memory, CPrepared(prepared)))
    });
    pass(prepared)
}

/// `jobqueue_abandon()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_abandon()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_abandon(prepared: *mut CPrepared) {
    if let Ok(prepared) = take(prepared) {
        // SAFETY: From `jobqueue_prepare()`, and not used any more.
        drop(unsafe { KBox::from_raw(prepared.as_ptr()) });
    }
}

/// Returns the fence of a job that is committed, or an `ERR_PTR`.
fn commit(prepared: Result<Prepared<'_, CRing>>) -> *mut bindings::dma_fence {
    match prepared.and_then(Prepared::commit) {
        Ok(fence) => Fence::into_raw(fence),
        Err(e) => e.to_ptr(),
    }
}

/// `jobqueue_commit()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_commit()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_commit(prepared: *mut CPrepared) -> *mut bindings::dma_fence {
    // SAFETY: From `jobqueue_prepare()`, and not used any more.
    commit(take(prepared).map(|prepared| unsafe {
        let CPrepared(prepared) = KBox::into_inner(KBox::from_raw(prepared.as_ptr()));
        prepared
    }))
}

/// `jobqueue_submit()` of jobqueue.h.
///
/// # Safety
///
/// See `jobqueue_submit()` in jobqueue.h.
#[no_mangle]
unsafe extern "C" fn jobqueue_submit(
    queue: *mut CQueue,
    job: *mut RawJob,
    credits: c_uint,
    dependencies: *const *mut bindings::dma_fence,
    count: usize,
) -> *mut bindings::dma_fence {
    // SAFETY: The arguments are as jobqueue.h requires them, which is what `prepare()` requires.
    commit(unsafe { prepare(queue, job, credits, dependencies, count) })
}
