// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A task that asks in the order in which the queue's task does: see `rust/jobqueue/task.rs`.

use super::{
    Shared,
    COMMITTING, //
};
use crate::{
    submission::{
        Flags,
        Submission, //
    },
    submit_list::WaitList,
    world::job::Job, //
};
use kernel::alloc::KBox;
use loom::{
    sync::{
        atomic::Ordering,
        Arc, //
    },
    thread, //
};
use std::{
    cell::Cell,
    future::{
        poll_fn,
        Future, //
    },
    task::{
        Context,
        Poll, //
    }, //
};

/// The queue's task.
struct Task {
    shared: Arc<Shared>,
    waiting: WaitList<Job>,
    in_flight: bool,
    is_idle: bool,
    is_quiesced: bool,
}

/// The step that the first waiting job allows, see `rust/jobqueue/task.rs`.
#[derive(PartialEq)]
enum First {
    None,
    Waits,
    NotReady,
    Ready,
    Cancelled,
}

impl Task {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let passed = match self.is_idle {
            true => self.shared.take_passed(),
            false => None,
        };
        let ended = if let Some(job) = passed {
            self.poll_inline(job, cx);
            false
        } else {
            assert_eq!(
                COMMITTING.with(Cell::get),
                0,
                "a commit does a worker's work"
            );
            self.poll_in_worker(cx)
        };
        if ended {
            return Poll::Ready(());
        }
        if !self.waiting.is_empty() {
            self.shared.defer();
        }
        let is_idle = self.waiting.is_empty() && !self.in_flight;
        if is_idle != self.is_idle {
            self.shared.set_idle(is_idle);
        }
        self.is_idle = is_idle;
        Poll::Pending
    }

    fn poll_inline(&mut self, job: KBox<Job>, cx: &mut Context<'_>) {
        assert!(!self.in_flight, "something is in flight");
        assert!(self.waiting.is_empty(), "a job is before this one");
        assert_eq!(
            job.number(),
            COMMITTING.with(Cell::get),
            "not the committed job"
        );
        self.waiting.push(job);
        match self.poll_first(Flags::OPEN, cx) {
            First::Ready => {
                self.start();
                if self.is_over(cx) {
                    cx.waker().wake_by_ref();
                }
            }
            First::NotReady => {}
            _ => cx.waker().wake_by_ref(),
        }
    }

    fn poll_in_worker(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            if self.in_flight && self.is_over(cx) {
                self.in_flight = false;
                self.shared.with_hardware(|h| h.busy = false);
            }
            self.shared.receive(&mut self.waiting);
            if self.shared.pauses {
                thread::yield_now();
            }
            let flags = self.shared.flags();
            match self.poll_first(flags, cx) {
                First::Ready => self.start(),
                First::Cancelled => {
                    let number = self.waiting.pop().unwrap().number();
                    self.shared.with_hardware(|h| h.numbers.push(number));
                }
                first if !self.in_flight && first != First::NotReady => {
                    if !self.is_quiesced {
                        self.is_quiesced = true;
                        self.shared.with_hardware(|h| h.held = false);
                    }
                    if flags.is_parked() {
                        self.shared.mark_parked();
                    }
                    let over =
                        first == First::None && flags.is_closed() && self.shared.try_end(flags);
                    return over;
                }
                _ => return false,
            }
        }
    }

    fn is_over(&self, cx: &mut Context<'_>) -> bool {
        self.shared.interrupt.register(cx);
        self.shared.over.load(Ordering::Acquire)
    }

    fn poll_first(&mut self, flags: Flags, cx: &mut Context<'_>) -> First {
        if self.waiting.is_empty() {
            return First::None;
        }
        if flags.is_closed() {
            return if self.in_flight {
                First::Waits
            } else {
                First::Cancelled
            };
        }
        if flags.is_parked() || self.in_flight {
            return First::Waits;
        }
        self.is_quiesced = false;
        self.shared.with_hardware(|h| h.held = true);
        self.shared.readiness.register(cx);
        if self.shared.ready.load(Ordering::Acquire) {
            First::Ready
        } else {
            First::NotReady
        }
    }

    fn start(&mut self) {
        let number = self.waiting.pop().unwrap().number();
        self.in_flight = true;
        self.shared.with_hardware(|h| {
            assert!(!h.busy && h.held);
            h.numbers.push(number);
            h.busy = true;
        });
        self.shared.started.fetch_add(1, Ordering::Release);
        self.shared.start.wake();
    }
}

pub(super) fn run(shared: Arc<Shared>) -> impl Future<Output = ()> {
    let mut task = Task {
        shared,
        waiting: WaitList::new(),
        in_flight: false,
        is_idle: true,
        is_quiesced: true,
    };
    poll_fn(move |cx| task.poll_next(cx))
}
