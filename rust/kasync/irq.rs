// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Interrupt lines as streams.
//!
//! C header: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h)
//!
//! The handler acknowledges the interrupt at the device ([`Line::acknowledge`]), counts it, and
//! wakes the task that awaits the stream. An item of the stream is the number of interrupts since
//! the item before.
//!
//! | | where `acknowledge` runs | for |
//! |---|---|---|
//! | [`Kind::Hard`] | hard interrupt | devices whose registers are accessed directly |
//! | [`Kind::Shared`] | hard interrupt | such devices on a line that others may have, too |
//! | [`Kind::Threaded`] | a thread, the line masked meanwhile | devices behind a bus that sleeps |
//!
//! `samples/rust/edu_async` is a driver that uses it.

use crate::{
    await_site::AwaitSite,
    budget::poll_budget,
    sync::AtomicWaker, //
};
use core::{
    ffi::CStr,
    marker::PhantomData,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use futures_core::Stream;
use kernel::{
    bindings,
    error::to_result,
    ffi::{
        c_int,
        c_void, //
    },
    irq::IrqRequest,
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// A device that raises interrupts.
///
/// # Context
///
/// `acknowledge` runs in hard interrupt context, or in the thread of a [`Kind::Threaded`] line. On
/// a [`Kind::Shared`] line it is called for interrupts of other devices as well, and while the line
/// is released.
pub trait Line: Send + Sync + 'static {
    /// Acknowledges the interrupt at the device, and returns whether the device has raised one. The
    /// kernel counts an interrupt that no handler of the line acknowledges as spurious.
    fn acknowledge(&self) -> bool;
}

/// The context in which [`Line::acknowledge`] is called.
///
/// # Context
///
/// Any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The handler runs in hard interrupt context.
    Hard,
    /// The handler runs in hard interrupt context; the line may be that of other devices, too,
    /// whose drivers request it so (`IRQF_SHARED`). For PCI devices that signal by a pin.
    Shared,
    /// The handler runs in a thread; the line is masked until it returns.
    Threaded,
}

/// The flag, beside the count, that the registration was dropped.
const CLOSED: u64 = 1 << 63;

struct Shared {
    /// The number of interrupts since the last item of the stream, and [`CLOSED`].
    count: Atomic<u64>,
    waker: AtomicWaker,
}

impl Shared {
    fn update(&self, f: impl Fn(u64) -> u64) -> u64 {
        let mut cur = self.count.load(Relaxed);
        loop {
            match self.count.cmpxchg(cur, f(cur), Full) {
                Ok(_) => return cur,
                Err(now) => cur = now,
            }
        }
    }
}

struct Handler<L> {
    line: L,
    shared: Arc<Shared>,
}

/// Handles an interrupt of the line.
///
/// # Safety
///
/// `data` must be the address of a valid `Handler<L>`.
unsafe extern "C" fn handle<L: Line>(_irq: c_int, data: *mut c_void) -> bindings::irqreturn_t {
    // SAFETY: Valid by the safety requirements.
    let handler = unsafe { &*data.cast::<Handler<L>>() };
    if !handler.line.acknowledge() {
        return bindings::irqreturn::IRQ_NONE;
    }
    handler.shared.update(|count| count + 1);
    handler.shared.waker.wake();
    bindings::irqreturn::IRQ_HANDLED
}

/// A requested interrupt line.
///
/// Dropping it waits for a running handler, frees the line, and ends the stream.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | [`request`], drop | yes | no (they sleep) | no |
///
/// # Invariants
///
/// The line was requested with the address of `handler`.
pub struct Registration<'a, L: Line> {
    irq: u32,
    handler: Arc<Handler<L>>,
    _device: PhantomData<IrqRequest<'a>>,
}

/// Requests an interrupt line. One task may poll the stream.
///
/// # Context
///
/// See the table of [`Registration`].
///
/// # Errors
///
/// `EBUSY` if the line is taken, and either driver does not share it, `ENOMEM`, others of
/// `request_threaded_irq()`.
///
/// # Safety
///
/// As for [`kernel::irq::Registration::new`]: the registration must be dropped before `'a` ends. In
/// particular it must not be forgotten. Otherwise the handler may be called after the device was
/// unbound, and after the module with its code was unloaded.
pub unsafe fn request<'a, L: Line>(
    request: IrqRequest<'a>,
    name: &'static CStr,
    kind: Kind,
    line: L,
) -> Result<(Registration<'a, L>, Interrupts)> {
    // SAFETY: `request` proves that the line belongs to a device that is bound for `'a`. By the
    // safety requirements the registration is dropped before `'a` ends.
    unsafe { request_raw(request.irq(), name, kind, line) }
}

/// Requests the interrupt line with the number `irq`, as [`request`] does. For tests, whose lines
/// belong to no device.
///
/// # Errors
///
/// As [`request`].
///
/// # Safety
///
/// The line must be the caller's to request, and be there until the registration is dropped, which
/// must happen before `'a` ends.
#[doc(hidden)]
pub unsafe fn request_raw<'a, L: Line>(
    irq: u32,
    name: &'static CStr,
    kind: Kind,
    line: L,
) -> Result<(Registration<'a, L>, Interrupts)> {
    let shared = Arc::new(
        Shared {
            count: Atomic::new(0),
            waker: AtomicWaker::new(),
        },
        GFP_KERNEL,
    )?;
    let handler = Arc::new(
        Handler {
            line,
            shared: shared.clone(),
        },
        GFP_KERNEL,
    )?;
    let data = Arc::as_ptr(&handler).cast_mut().cast();
    let handle: bindings::irq_handler_t = Some(handle::<L>);
    let (hard, threaded, flags) = match kind {
        Kind::Hard => (handle, None, 0),
        Kind::Shared => (handle, None, bindings::IRQF_SHARED),
        Kind::Threaded => (None, handle, bindings::IRQF_ONESHOT),
    };
    let name = name.as_char_ptr();
    // SAFETY: The registration has a reference to the handler, and frees the line before it drops
    // that. The name is static.
    to_result(unsafe {
        bindings::request_threaded_irq(irq, hard, threaded, flags as usize, name, data)
    })?;
    // INVARIANT: Requested just now, with this address.
    let registration = Registration {
        irq,
        handler,
        _device: PhantomData,
    };
    Ok((registration, Interrupts(shared)))
}

impl<L: Line> Registration<'_, L> {
    /// Returns the device.
    pub fn line(&self) -> &L {
        &self.handler.line
    }
}

impl<L: Line> Drop for Registration<'_, L> {
    fn drop(&mut self) {
        let data = Arc::as_ptr(&self.handler).cast_mut().cast();
        // SAFETY: Requested with this address by the type invariant. This waits for the handler.
        unsafe { bindings::free_irq(self.irq, data) };
        let shared = &self.handler.shared;
        shared.update(|count| count | CLOSED);
        shared.waker.wake();
    }
}

/// A stream whose items are the number of interrupts since the item before.
///
/// It ends after the registration was dropped; interrupts before that are still counted. Cancel
/// safe: interrupts that no item has counted are in the next item.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | polling, drop | yes | yes | no |
pub struct Interrupts(Arc<Shared>);

impl Stream for Interrupts {
    type Item = u64;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        let site = AwaitSite::here();
        poll_budget(cx, |cx| self.poll_count(cx, site))
    }
}

impl Interrupts {
    fn poll_count(&self, cx: &mut Context<'_>, site: AwaitSite) -> Poll<Option<u64>> {
        // Before the count is read, so that each later interrupt wakes the task.
        self.0.waker.register(cx);
        let count = self.0.update(|count| count & CLOSED);
        match count & !CLOSED {
            0 if count & CLOSED != 0 => Poll::Ready(None),
            0 => {
                site.waits(cx);
                Poll::Pending
            }
            n => Poll::Ready(Some(n)),
        }
    }
}
