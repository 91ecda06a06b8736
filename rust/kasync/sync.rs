// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Synchronisation primitives for tasks, threads and interrupts.
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
//! The last reference to a channel may be dropped in a hard interrupt on `PREEMPT_RT` as well. An
//! [`OwnedPermit`] has an `Arc` of its owner's, which must not be the last one there.
//!
//! All futures of this module are cancel safe (H24): they take what they wait for when they return
//! `Ready`. A permit or notification assigned to a future that is dropped passes to the next
//! waiter.

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
