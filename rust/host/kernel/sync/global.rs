// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Global locks. What is global is global to a machine, of which tests have several.

use crate::host::{
    self,
    locks::{
        Mutex,
        MutexGuard, //
    }, //
};
use core::ops::{
    Deref,
    DerefMut, //
};
use std::sync::Arc;

/// Type used for global locks.
pub struct GlobalLock<T: 'static> {
    init: fn() -> T,
}

impl<T: Send + 'static> GlobalLock<T> {
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> Self {
        Self { init }
    }

    /// Initializes a global lock.
    ///
    /// # Safety
    ///
    /// Must not be called more than once on a given lock.
    pub unsafe fn init(&'static self) {}

    /// Locks this global lock.
    pub fn lock(&'static self) -> GlobalGuard<T> {
        let lock = host::global(core::ptr::from_ref(self) as usize, self.init);
        let guard = lock.lock().unwrap();
        // SAFETY: The guard is dropped before the reference to the lock.
        let guard =
            unsafe { core::mem::transmute::<MutexGuard<'_, T>, MutexGuard<'static, T>>(guard) };
        GlobalGuard { guard, _lock: lock }
    }
}

/// A guard for a [`GlobalLock`].
pub struct GlobalGuard<T: 'static> {
    guard: MutexGuard<'static, T>,
    _lock: Arc<Mutex<T>>,
}

impl<T> Deref for GlobalGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for GlobalGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// Defines a global lock.
#[macro_export]
macro_rules! global_lock {
    {
        $(#[$meta:meta])* $pub:vis
        unsafe(uninit) static $name:ident: Mutex<$valuety:ty> = $value:expr;
    } => {
        $(#[$meta])*
        $pub static $name: $crate::sync::GlobalLock<$valuety> =
            $crate::sync::GlobalLock::new(|| $value);
    };
}
