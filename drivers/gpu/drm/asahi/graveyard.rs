// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Freeing what must not be freed where it ends.
//!
//! Tasks run in fence signalling sections, where nothing may be waited for that waits for memory in turn. But
//! the last reference to an address space or to the firmware's memory often goes in a task, when a job
//! completes, and freeing those takes locks under which others allocate. So it is handed over to a
//! worker, which is on no fence's way.
//!
//! What may end like that lives in a [`Grave`] from its beginning, so that handing it over takes no
//! memory and cannot fail.

use core::ops::{
    Deref,
    DerefMut, //
};
use kernel::{
    bindings,
    impl_has_work,
    new_spinlock,
    new_work,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    },
    workqueue::{
        self,
        Work,
        WorkItem, //
    }, //
};

/// A value that can be buried.
pub(crate) struct Grave<T: ?Sized> {
    next: Option<KBox<Grave<dyn Send>>>,
    remains: T,
}

impl<T> Grave<T> {
    /// With `value` in it, which is as alive as before.
    pub(crate) fn new(value: T) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                next: None,
                remains: value,
            },
            GFP_KERNEL,
        )?)
    }
}

impl<T: ?Sized> Deref for Grave<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.remains
    }
}

impl<T: ?Sized> DerefMut for Grave<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.remains
    }
}

/// Frees what is buried in it.
///
/// | call | context |
/// |---|---|
/// | [`Graveyard::new`], [`Graveyard::flush`] | process, may sleep; not in a signalling section |
/// | [`Graveyard::bury`] | process, signalling sections included |
#[pin_data]
pub(crate) struct Graveyard {
    #[pin]
    work: Work<Graveyard>,
    #[pin]
    graves: SpinLock<Option<KBox<Grave<dyn Send>>>>,
}

impl_has_work! {
    impl HasWork<Self> for Graveyard { self.work }
}

impl Graveyard {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                work <- new_work!("asahi::Graveyard::work"),
                graves <- new_spinlock!(None),
            }),
            GFP_KERNEL,
        )
    }

    /// Drops `grave` soon, where it can do no harm.
    pub(crate) fn bury<T: Send + 'static>(self: &Arc<Self>, grave: KBox<Grave<T>>) {
        let mut grave: KBox<Grave<dyn Send>> = grave;
        {
            let mut graves = self.graves.lock();
            grave.next = graves.take();
            *graves = Some(grave);
        }
        // If it is queued already it has not looked yet.
        let _ = workqueue::system_long().enqueue(self.clone());
    }

    /// Returns when everything that was buried before is gone.
    pub(crate) fn flush(&self) {
        // SAFETY: `self.work` is initialised, and stays while `self` is borrowed.
        unsafe { bindings::flush_work(Work::raw_get(&raw const self.work)) };
    }

    fn clear(&self) {
        loop {
            // The lock is not held while something is dropped.
            let mut graves = self.graves.lock().take();
            if graves.is_none() {
                return;
            }
            while let Some(mut grave) = graves {
                graves = grave.next.take();
            }
        }
    }
}

impl WorkItem for Graveyard {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.clear();
    }
}
