// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Synchronisation between tasks, interrupts and threads.
//!
//! # Context
//!
//! | call | process | poll, signalling section | hard IRQ, under a fence's lock |
//! |---|---|---|---|
//! | [`Notify::notify_one`], [`Notify::notify_waiters`] | yes | yes | yes |
//! | [`Semaphore::try_acquire`], [`Semaphore::add_permits`] | yes | yes | yes |
//! | drop of a [`Permit`] | yes | yes | yes |
//! | [`mpsc::Sender::try_send`], clone and drop of a sender | yes | yes | yes |
//! | [`oneshot::Sender::send`], drop of a sender | yes | yes | yes |
//! | all of a [`watch::Sender`] and of a [`watch::Receiver`] but awaiting | yes | yes | yes |
//! | polling and dropping of the futures and receivers | yes | yes | no |
//! | [`mpsc::channel`], [`oneshot::channel`], [`watch::channel`] | yes | no (they allocate) | no |
//!
//! All futures here are cancel safe (H24): what they wait for changes hands at the moment of
//! `Ready`, and what was given to a future that is dropped instead goes to the next in line.

mod atomic_waker;
pub mod mpsc;
mod notify;
pub mod oneshot;
mod semaphore;
pub mod watch;

pub use atomic_waker::AtomicWaker;
pub use notify::{
    Notified,
    Notify, //
};
pub use semaphore::{
    Acquire,
    OwnedPermit,
    Permit,
    Semaphore, //
};
