// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The mock hardware, which a test and its ring share.

use super::WAIT;
use jobqueue::Timeline;
use kasync::{
    sync::{
        AtomicWaker,
        Notify, //
    },
    time::{
        sleep,
        Delta, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

/// The state of the hardware, and the calls of the ring so far.
pub(super) struct State {
    /// The ring is not ready for any job before this is cleared.
    pub(super) busy: bool,
    /// The error that readiness ends with.
    pub(super) refuses: Option<Error>,
    /// The error that a timeout ends with while no job is in flight.
    pub(super) fails: Option<Error>,
    /// The number of times in a row that a time limit has passed while the ring was not ready.
    pub(super) not_ready: u32,
    /// The number of times that the ring was told that nothing is in flight.
    pub(super) quiesced: u32,
    /// The thread whose callbacks are counted, how many there were, and how many of these could be
    /// preempted.
    pub(super) caller: i32,
    pub(super) called: Called,
    /// The number of times that this thread has asked for the label, and how often it could be
    /// preempted then.
    pub(super) labels: (u32, u32),
    /// The number of times that the ring was asked for readiness, and was not ready.
    pub(super) not_ready_polls: usize,
    pub(super) started: usize,
    pub(super) retired: usize,
    /// The sum of the numbers of the jobs that were discarded, and how many were.
    pub(super) discarded: (u32, usize),
    /// The number of times that the ring was told that the queue is closed with nothing in flight.
    pub(super) closed: u32,
    pub(super) timeouts: u32,
    /// The earliest deadline that the ring has been given.
    pub(super) earliest_deadline: Option<Delta>,
    /// Number of deadlines that the ring has been given.
    pub(super) deadlines: u32,
    /// The number of times that the ring was asked what a timeout leads to.
    pub(super) decisions: u32,
    /// The time that the ring asks to wait then.
    pub(super) wait: Delta,
    /// Number of resets, if the ring's timeout action is a reset.
    pub(super) resets: Option<u32>,
    /// True if the decision on a timeout is held back.
    pub(super) undecided: bool,
    /// True if a decision on a timeout is pending.
    pub(super) deciding: bool,
    pub(super) ended: bool,
    /// The timeline for which the ring reports jobs that complete, instead of its own.
    pub(super) stray: Option<Timeline>,
    /// True if the ring had no shared resource when it took a job, or had one at its end.
    pub(super) missing: bool,
    /// The number of the last job that hardware may complete by itself.
    pub(super) works_until: u32,
    /// True if the test has gone: see [`Mock::abandon`].
    pub(super) abandoned: bool,
    /// Number of the last completed job, and the result of those since the last completion.
    pub(super) done: u32,
    pub(super) result: Result,
}

/// Callbacks of the ring that ran in a certain thread.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Called {
    /// Number of the callbacks that a commit may run: readiness, submission, poll of completion.
    pub(crate) submits: u32,
    /// Number of all other callbacks.
    pub(crate) others: u32,
    /// Number of all these callbacks that could be preempted.
    pub(crate) preemptible: u32,
}

/// The mock hardware.
#[pin_data]
pub(crate) struct Mock {
    changed: Notify,
    /// The waker of the queue's task.
    pub(super) waker: AtomicWaker,
    pub(super) ready: AtomicWaker,
    #[pin]
    pub(super) state: SpinLock<State>,
}

impl Mock {
    pub(super) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                changed: Notify::new(),
                waker: AtomicWaker::new(),
                ready: AtomicWaker::new(),
                state <- new_spinlock!(State {
                    busy: false,
                    refuses: None,
                    fails: None,
                    not_ready: 0,
                    quiesced: 0,
                    caller: 0,
                    called: Called::default(),
                    labels: (0, 0),
                    not_ready_polls: 0,
                    started: 0,
                    retired: 0,
                    discarded: (0, 0),
                    closed: 0,
                    timeouts: 0,
                    earliest_deadline: None,
                    deadlines: 0,
                    decisions: 0,
                    wait: WAIT,
                    resets: None,
                    undecided: false,
                    deciding: false,
                    ended: false,
                    stray: None,
                    missing: false,
                    works_until: u32::MAX,
                    abandoned: false,
                    done: 0,
                    result: Ok(()),
                }),
            }),
            GFP_KERNEL,
        )
    }

    /// Completes all jobs up to number `id`, with `result`.
    pub(crate) fn complete(&self, id: u32, result: Result) {
        self.change(|state| {
            if !state.abandoned {
                state.done = id;
                state.result = result;
            }
        });
    }

    /// Ends all jobs, those to come included, after a test has failed.
    pub(super) fn abandon(&self) {
        self.change(|state| {
            state.abandoned = true;
            state.busy = false;
            state.refuses = Some(ECANCELED);
            state.undecided = false;
            state.stray = None;
            state.done = u32::MAX;
            state.result = Err(ECANCELED);
        });
    }

    /// Lets hardware that works by itself complete jobs up to number `id`.
    pub(crate) fn work_until(&self, id: u32) {
        self.change(|state| state.works_until = id);
    }

    /// Completes the job without a wake.
    pub(crate) fn complete_in_silence(&self, id: u32) {
        self.state.lock().done = id;
    }

    /// Sets whether the ring is busy from now on.
    pub(crate) fn set_busy(&self, busy: bool) {
        self.change(|state| state.busy = busy);
    }

    /// Sets the error that readiness ends with from now on.
    pub(crate) fn refuse(&self, e: Option<Error>) {
        self.change(|state| state.refuses = e);
    }

    /// A time limit that passes while nothing is in flight ends the wait for readiness.
    pub(crate) fn fail_when_not_ready(&self, e: Error) {
        self.change(|state| state.fails = Some(e));
    }

    /// The evidence for jobs that complete is for another timeline from now on, if there is one.
    pub(crate) fn report_for(&self, timeline: Option<Timeline>) {
        self.state.lock().stray = timeline;
    }

    /// Sets how long the ring asks to wait when something takes too long.
    pub(crate) fn set_wait(&self, wait: Delta) {
        self.state.lock().wait = wait;
    }

    pub(crate) fn quiesced(&self) -> u32 {
        self.state.lock().quiesced
    }

    /// Counts callbacks in the calling thread from now on.
    pub(crate) fn count_calls(&self) {
        let mut state = self.state.lock();
        state.caller = kernel::current!().pid();
        state.called = Called::default();
        state.labels = (0, 0);
    }

    pub(crate) fn called(&self) -> Called {
        self.state.lock().called
    }

    /// Returns how often the thread of [`Mock::count_calls`] has asked for the label, and how often
    /// it could be preempted then.
    pub(crate) fn labels(&self) -> (u32, u32) {
        self.state.lock().labels
    }

    /// The label is asked for.
    pub(super) fn note_label(&self) {
        let preemptible = crate::contexts::preemptible();
        let mut state = self.state.lock();
        if state.caller == kernel::current!().pid() {
            state.labels.0 += 1;
            state.labels.1 += u32::from(preemptible);
        }
    }

    /// A callback runs.
    pub(super) fn note_call(&self, submits: bool) {
        let mut state = self.state.lock();
        if state.caller != kernel::current!().pid() {
            return;
        }
        state.called.submits += u32::from(submits);
        state.called.others += u32::from(!submits);
        drop(state);
        if crate::contexts::preemptible() {
            self.state.lock().called.preemptible += 1;
        }
    }

    /// Returns how often the ring was asked for readiness, and was not ready.
    pub(crate) fn not_ready_polls(&self) -> usize {
        self.state.lock().not_ready_polls
    }

    pub(crate) fn started(&self) -> usize {
        self.state.lock().started
    }

    /// Number of the last job that is over.
    pub(crate) fn done(&self) -> u32 {
        self.state.lock().done
    }

    /// The sum of the numbers of the jobs that were discarded, and how many were.
    pub(crate) fn discarded(&self) -> (u32, usize) {
        self.state.lock().discarded
    }

    /// Returns how often the ring was told that the queue is closed with nothing in flight.
    pub(crate) fn closed(&self) -> u32 {
        self.state.lock().closed
    }

    pub(crate) fn retired(&self) -> usize {
        self.state.lock().retired
    }

    /// Has the ring reset once, when a job takes too long the next time.
    pub(crate) fn reset_when_stalled(&self) {
        self.state.lock().resets = Some(0);
    }

    /// Keeps decisions on time limits pending from now on if `undecided`.
    pub(crate) fn set_undecided(&self, undecided: bool) {
        self.change(|state| state.undecided = undecided);
    }

    pub(crate) fn resets(&self) -> Option<u32> {
        self.state.lock().resets
    }

    /// Returns how often in a row a time limit has passed while the ring was not ready.
    pub(crate) fn not_ready(&self) -> u32 {
        self.state.lock().not_ready
    }

    pub(crate) fn timeouts(&self) -> u32 {
        self.state.lock().timeouts
    }

    /// Returns how often the ring was told of a deadline.
    pub(crate) fn deadlines(&self) -> u32 {
        self.state.lock().deadlines
    }

    /// Waits until the ring was told of a deadline that is sooner.
    pub(crate) async fn deadline_within(&self, within: Delta) {
        self.wait(|state| state.earliest_deadline.filter(|d| *d <= within))
            .await;
    }

    /// Waits for a deadline, and returns the earliest one.
    pub(crate) async fn earliest_deadline(&self) -> Delta {
        self.wait(|state| state.earliest_deadline).await
    }

    /// Takes note that the ring is not ready. Wakes only the waiter for that, or it would be asked
    /// again at once.
    pub(super) fn note_not_ready(&self) {
        self.state.lock().not_ready_polls += 1;
        self.changed.notify_waiters();
    }

    pub(super) fn change(&self, f: impl FnOnce(&mut State)) {
        f(&mut self.state.lock());
        self.changed.notify_waiters();
        self.waker.wake();
        self.ready.wake();
    }

    /// Hardware that works by itself, until the queue has ended.
    pub(super) async fn work(self: Arc<Self>, duration: Delta) {
        let mut done = 0;
        loop {
            let more = self.wait(
                |s| match s.started > done && done < s.works_until as usize {
                    true => Some(true),
                    false => s.ended.then_some(false),
                },
            );
            if !more.await {
                return;
            }
            sleep(duration).await;
            done += 1;
            self.complete(u32::try_from(done).unwrap_or(u32::MAX), Ok(()));
        }
    }

    pub(super) async fn wait<T>(&self, f: impl Fn(&State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            let found = f(&self.state.lock());
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }
}
