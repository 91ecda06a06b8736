// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! An async executor on kernel workqueues.
//!
//! A task is a future with a work item of its own, in one allocation. Waking a task only queues
//! its work item, so it is legal in any context, including hard interrupts that hold a fence's
//! lock. A worker polls the future inside a fence signalling section. Tasks never block.
//!
//! - [`Executor`]: a workqueue and the root of its scopes.
//! - [`Scope`]: a node of the tree that tasks belong to. Tasks are spawned, cancelled and joined
//!   through it.
//! - [`JoinHandle`]: a task that was started. [`Prepared`]: one that only needs to be started.
//! - [`time`]: sleeping and timeouts. [`sync`]: communication between tasks, threads and
//!   interrupts.
//! - [`select!`], [`join!`], [`FutureSet`], [`yield_now`]: several futures in one task.
//! - [`poll_budget`], [`consume_budget`]: limits on how much a task does in one poll.
//! - `irq`, in the kernel only: an interrupt line as a stream.
//! - [`in_flight`]: ownership of memory that a device accesses.
//! - [`block_on`]: waits for a future in a thread that may sleep.
//! - [`SignallingSection`]: proof that the caller is inside a fence signalling section.
//! - [`AwaitSite`]: the place in the source where a task waits, for debugging.
//!
//! # Debugging
//!
//! `kasync/tasks` in debugfs has a line for each task: state, polls, wakes, age, the place in the
//! source where it waits, and the path of its scope. Tracepoints are in the group `kasync`. With
//! the module's parameter `stall_ms`, a task that waits or is being polled for that long is
//! reported once. Idle job queues are such tasks, too, so the parameter is for debugging only.
//!
//! The documentation of the module `task` has the states of a task, and the owner of each field in
//! each state.
//!
//! # Rules for tasks
//!
//! 1. A poll never blocks: it waits for no fence, takes no lock whose holder may allocate
//!    with reclaim, and does not allocate itself. Lockdep checks this rule.
//! 2. Futures and their outputs are dropped in process context only: by the worker, or by the
//!    owner of the handle.
//! 3. Cancelling is a request. A task that cleans up asynchronously does so after `cancelled()` has
//!    resolved, and then returns. Joining its scope waits for that.
//! 4. A future owns all that it uses: tasks are `'static`, so forgetting a handle leaks at worst.
//!
//! # Outside the kernel
//!
//! The same source compiles for the host, against a crate `kernel` of its own (`rust/host`), for
//! tests and models.

/// Prefix of log messages of this crate, looked for by the macros of [`kernel::print`].
const __LOG_PREFIX: &[u8] = b"kasync\0";

mod await_site;
mod batch;
mod block_on;
mod budget;
mod cell;
mod combine;
mod counted;
mod current;
mod executor;
mod ffi;
pub mod in_flight;
#[doc(hidden)]
pub mod inspect;
pub mod irq;
mod list;
mod lock;
mod macros;
mod parker;
#[doc(hidden)]
pub mod relaxed;
mod report;
mod scope;
mod section;
mod set;
mod stat;
pub mod sync;
mod task;
mod thread;
pub mod time;
mod timer;
mod trace;
mod wait;
mod workqueue;

pub use await_site::AwaitSite;
pub use block_on::{
    block_on,
    block_on_interruptible, //
};
#[doc(hidden)]
pub use budget::budget_left as __budget_left;
#[doc(hidden)]
pub use budget::rotate as __rotate;
pub use budget::{
    consume_budget,
    poll_budget,
    ConsumeBudget, //
};
#[doc(hidden)]
pub use cell::OwnedCell as __OwnedCell;
#[doc(hidden)]
pub use combine::MaybeDone as __MaybeDone;
pub use combine::{
    select,
    yield_now,
    Either,
    Select,
    YieldNow, //
};
pub use executor::Executor;
#[doc(hidden)]
pub use macros::OptionFuture as __OptionFuture;
pub use scope::{
    cancelled,
    Cancelled,
    Join,
    Scope,
    TaskCancelled, //
};
pub use section::SignallingSection;
pub use set::{
    next,
    FutureSet,
    Next, //
};
#[doc(hidden)]
pub use task::Claim;
pub use task::{
    JoinHandle,
    Prepared,
    TaskRef, //
};
pub use workqueue::Priority;
