// SPDX-License-Identifier: MIT OR Apache-2.0

//! The outcome of a job, for threads that wait for it.

use std::sync::{Condvar, Mutex, MutexGuard};

/// The outcome of a job, once it is over.
#[derive(Debug)]
pub(crate) struct Ending<T> {
    outcome: Mutex<Option<T>>,
    over: Condvar,
}

impl<T> Default for Ending<T> {
    fn default() -> Self {
        Self {
            outcome: Mutex::new(None),
            over: Condvar::new(),
        }
    }
}

impl<T: Clone> Ending<T> {
    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.outcome.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Sets the outcome, and wakes the threads that wait for it.
    pub(crate) fn set(&self, outcome: T) {
        *self.lock() = Some(outcome);
        self.over.notify_all();
    }

    /// Waits until there is an outcome.
    pub(crate) fn wait(&self) {
        let outcome = self.lock();
        let over = self.over.wait_while(outcome, |outcome| outcome.is_none());
        drop(over.unwrap_or_else(|e| e.into_inner()));
    }

    /// Returns the outcome; `None` before the end.
    pub(crate) fn get(&self) -> Option<T> {
        self.lock().clone()
    }
}
