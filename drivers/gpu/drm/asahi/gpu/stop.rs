// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The end of a GPU: the device is unbound, the system shuts down, or a probe has failed.
//!
//! ```text
//!   queues cancelled           no job is in flight          no task of a queue is left
//!   ─────────────────► draining ──────────────────► joining ──────────────────────────► asleep
//!                        │                             ▲
//!                        │ limit: clients cut off,     │
//!                        └─── their fences: ENODEV ────┘
//! ```
//!
//! The hardware cannot preempt a job, and what a job may still write to is not freed. So an
//! unbinding waits for jobs in flight, up to [`UNBIND_LIMIT`]: a shader that loops for ever would
//! keep the device locked for ever, and a reboot, which needs that lock, with it. Then the GPU is
//! cut off from clients' memory as after a crash of the firmware, and their fences fail. What runs
//! still does, and no job of a later driver would have its turn. So what the firmware was given
//! stays as if it had not gone to sleep, and later drivers are refused.
//!
//! A shutdown waits so short a time that its jobs need not be endless. They run on beside the next
//! kernel, whose jobs have their turn when those have ended. They have no memory any more, but the
//! roots that they were started with may be in registers [I]. These stay allocated, which the next
//! kernel does not know: it may use their pages for anything, and the GPU would take that for
//! tables. So the log warns of kexec.
//!
//! A job that has not begun is cancelled when the fences that it waits for have signalled, as its
//! own fence stands for them as well. An unbinding has no limit for those: they are other drivers',
//! and nothing but their signal allows what was waiting for them to go on. A shutdown leaves such
//! jobs as they are after [`SHUTDOWN_LIMIT`]. Their queues are cancelled, so none of them is
//! started, and nothing of theirs is freed before the kernel ends.

use super::Parts;
use crate::slots::Closing;
use kasync::{
    block_on,
    select,
    time,
    Either, //
};
use kernel::{
    prelude::*,
    time::Delta, //
};

/// Time limit of jobs in flight at a system shutdown.
const SHUTDOWN_LIMIT: Delta = Delta::from_millis(2000);

/// Time limit of jobs in flight at an unbinding. The kernel takes a thread for hung that sleeps as
/// long.
const UNBIND_LIMIT: Delta = Delta::from_millis(120_000);

/// Time after which the log says what an unbinding waits for.
const NOTICE_AFTER: Delta = Delta::from_millis(5000);

impl Parts {
    /// Stops the GPU for a shutdown or kexec. Jobs that exceed [`SHUTDOWN_LIMIT`] fail, and those
    /// that have not begun by then are left.
    pub(super) fn shut_down(&self) {
        self.uat.slots.close(Closing::Stop);
        let drained = self.is_drained(SHUTDOWN_LIMIT);
        match drained {
            Ok(true) => (),
            Ok(false) => self.firmware.give_up(fmt!(
                "jobs still run after {} s of shutdown",
                SHUTDOWN_LIMIT.as_millis() / 1000
            )),
            Err(e) => self
                .firmware
                .give_up(fmt!("jobs cannot be waited for at shutdown ({e:?})")),
        }
        self.queues.cancel();
        let sleeps = if self.has_ended_within(SHUTDOWN_LIMIT) {
            self.end()
        } else {
            // The workers and tasks stay, as what is left may still need them.
            self.put_to_sleep()
        };
        if drained != Ok(true) || !sleeps {
            dev_warn!(
                self.dev,
                "GPU is not at rest: it may damage a kernel that kexec starts; a reset is safe\n"
            );
        }
    }

    /// Waits up to `limit` until no task of a queue is left, and returns whether that is so.
    fn has_ended_within(&self, limit: Delta) -> bool {
        match block_on(select(self.queues.join(), time::sleep(limit))) {
            Ok(Either::Left(Ok(()))) => return true,
            Ok(Either::Right(())) => dev_notice!(
                self.dev,
                "queues do not end within {} s of shutdown: they are left as they are\n",
                limit.as_millis() / 1000
            ),
            Ok(Either::Left(Err(e))) | Err(e) => {
                dev_err!(self.dev, "queues cannot be waited for at shutdown: {e:?}\n");
            }
        }
        false
    }

    /// Stops the queues' tasks and the firmware. May be repeated.
    pub(super) fn stop(&self) {
        self.queues.cancel();
        self.uat.slots.close(Closing::Stop);
        // Without memory the waits have neither limit nor notice.
        let joined = self
            .wait_for_jobs()
            .and_then(|()| self.wait_for_fences())
            .or_else(|_| self.queues.join_blocking());
        if let Err(e) = joined {
            dev_err!(self.dev, "queues do not end: {e:?}\n");
        }
        self.end();
    }

    /// Stops the firmware, and returns whether it sleeps. Nothing is in flight.
    fn put_to_sleep(&self) -> bool {
        let sleeps = self.firmware.shutdown();
        self.uat.shutdown();
        self.domain.end(sleeps);
        sleeps
    }

    /// Stops the firmware, and returns whether it sleeps. Ends all workers and tasks; none is left
    /// of a queue.
    fn end(&self) -> bool {
        self.closing.close();
        self.vms.close();
        self.deferred.close();
        let sleeps = self.put_to_sleep();
        if let Err(e) = self.executor.shutdown() {
            dev_err!(self.dev, "tasks do not end: {e:?}\n");
        }
        sleeps
    }

    /// Waits until no job is in flight. Jobs that exceed [`UNBIND_LIMIT`] fail.
    fn wait_for_jobs(&self) -> Result {
        if self.is_drained(NOTICE_AFTER)? {
            return Ok(());
        }
        let limit = UNBIND_LIMIT.as_millis() / 1000;
        dev_notice!(
            self.dev,
            "waits for jobs in flight, {limit} s at most, before it is unbound\n"
        );
        if !self.is_drained(UNBIND_LIMIT)? {
            self.firmware
                .give_up(fmt!("jobs still run after {limit} s of unbinding"));
            self.uat.set_busy();
        }
        Ok(())
    }

    /// Waits until no task of a queue is left.
    fn wait_for_fences(&self) -> Result {
        let joined = block_on(select(self.queues.join(), time::sleep(NOTICE_AFTER)))?;
        if let Either::Left(joined) = joined {
            return joined;
        }
        dev_notice!(
            self.dev,
            "waits for fences that clients' jobs wait for, before it is unbound\n"
        );
        self.queues.join_blocking()
    }

    /// Waits up to `limit` until no job is in flight, and returns whether that is so. The pool of
    /// slots is closed.
    fn is_drained(&self, limit: Delta) -> Result<bool> {
        let drained = select(self.uat.slots.idle(), time::sleep(limit));
        match block_on(self.firmware.crash().or(drained))? {
            // The slots are free, or the firmware has crashed: no job is in flight.
            Ok(Either::Left(())) | Err(_) => Ok(true),
            Ok(Either::Right(())) => Ok(false),
        }
    }
}
