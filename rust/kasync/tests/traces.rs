// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tracepoints name a task only until it has ended: afterwards the module that has the name may be
//! gone.

mod common;

use common::manual;
use std::{
    future::{
        poll_fn,
        Future, //
    },
    pin::Pin,
    sync::{
        Arc,
        Mutex, //
    },
    task::Waker, //
};

/// Calls `act` on a task's handle before the task has ended, and after. Returns what was traced
/// before and after, but for polls and starts.
fn traced(act: impl Fn(&kasync::JoinHandle<()>)) -> [Vec<&'static str>; 2] {
    let mut traces = [Vec::new(), Vec::new()];
    manual(|world, executor| {
        world.trace();
        let task = executor.root().spawn(c"task", kasync::cancelled()).unwrap();
        world.run();
        world.take_traces();
        act(&task);
        traces[0] = world.take_traces();
        task.cancel();
        world.run();
        assert!(task.is_finished());
        world.take_traces();
        act(&task);
        traces[1] = world.take_traces();
    });
    traces
}

#[test]
fn wake() {
    let wake = "kasync_trace_wake";
    assert_eq!(traced(|task| task.wake()), [vec![wake], vec![]]);
}

/// As channels and [`kasync::sync::Notify`] wake: the waker is used up.
#[test]
fn wake_by_value() {
    manual(|world, executor| {
        world.trace();
        let wakers = Arc::new(Mutex::new(Vec::new()));
        let (given, mut asked) = (wakers.clone(), kasync::cancelled());
        let future = poll_fn(move |cx| {
            given.lock().unwrap().push(cx.waker().clone());
            Pin::new(&mut asked).poll(cx)
        });
        let task = executor.root().spawn(c"task", future).unwrap();
        let wake = || wakers.lock().unwrap().pop().map(Waker::wake).unwrap();
        world.run();
        world.take_traces();
        wake();
        assert_eq!(world.take_traces(), ["kasync_trace_wake"]);
        task.cancel();
        world.run();
        assert!(task.is_finished());
        world.take_traces();
        wake();
        assert_eq!(world.take_traces(), Vec::<&str>::new());
        wakers.lock().unwrap().clear();
    });
}

#[test]
fn wake_batched() {
    let wake = "kasync_trace_wake";
    assert_eq!(traced(|task| task.wake_batched()), [vec![wake], vec![]]);
}

#[test]
fn cancel() {
    let both = vec!["kasync_trace_cancel", "kasync_trace_wake"];
    assert_eq!(traced(|task| task.cancel()), [both, vec![]]);
}
