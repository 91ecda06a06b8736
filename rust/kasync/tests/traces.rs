// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tracepoints name a task only until it has ended: afterwards the module that has the name may be
//! gone.

mod common;

use common::manual;

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
