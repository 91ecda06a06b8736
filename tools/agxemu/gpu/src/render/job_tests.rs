// SPDX-License-Identifier: MIT OR Apache-2.0

use std::sync::Mutex;

use super::super::rig::{Counts, Rig, POINTS};
use super::*;

/// Returns a job of `instances` points, and its memory.
fn points(instances: u32) -> (Rig, RenderJob) {
    let mut rig = Rig::new(8, 8, 0);
    rig.at(0.5, 0.5);
    // Nothing is kept, so it may take for ever.
    rig.set(21, &[1 << 17]);
    let counts = Counts {
        count: 1,
        instances,
        start: 0,
    };
    rig.draw_all(POINTS, counts);
    let (job, settings) = rig.job();
    let limits = Limits {
        group: 1 << 20,
        job: u64::MAX,
    };
    (rig, RenderJob::new(Half::Vertex(job), settings, limits))
}

#[test]
fn a_half_has_an_outcome_when_it_is_over() {
    let (rig, job) = points(40);
    assert!(job.outcome().is_none());
    let mut notes = Vec::new();
    job.run(&rig.memory, None, &mut |line| notes.push(line.to_owned()));
    job.wait();
    let outcome = job.outcome().expect("it is over");
    assert_eq!(outcome.end, End::Terminated);
    assert_eq!(outcome.scene.expect("a scene").primitives(), 0);
    // Two groups of twelve instructions and a stop each, and blocks.
    assert!(outcome.instructions >= 26, "{}", outcome.instructions);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("draw Points, 1 from 0x0, 40 instances"),
        "{notes:?}"
    );
}

#[test]
fn a_half_that_is_told_to_stop_stops() {
    let (rig, job) = points(u32::MAX);
    std::thread::scope(|scope| {
        scope.spawn(|| job.run(&rig.memory, None, &mut |_| {}));
        while job.meter.instructions.load(Ordering::Relaxed) < 1000 {
            std::thread::yield_now();
        }
        job.stop();
        job.wait();
    });
    let outcome = job.outcome().expect("it is over");
    assert_eq!(outcome.end, End::Stopped);
    assert!(outcome.scene.is_none());
    // Before it has begun.
    let (rig, job) = points(1);
    job.stop();
    job.run(&rig.memory, None, &mut |_| panic!("nothing is drawn"));
    assert_eq!(job.outcome().expect("it is over").end, End::Stopped);
}

#[test]
fn a_half_that_cannot_be_run_has_failed() {
    let (_, job) = points(1);
    job.fail("no memory".to_owned());
    job.wait();
    let outcome = job.outcome().expect("it is over");
    assert_eq!(outcome.end, End::Illegal("no memory".to_owned()));
    assert_eq!(outcome.instructions, 0);
}

#[test]
fn a_trace_tells_blocks_state_and_what_is_stored() {
    let (rig, job) = points(1);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let told = lines.clone();
    let sink = move |line: &str| told.lock().unwrap().push(line.to_owned());
    job.run(&rig.memory, Some(&sink), &mut |_| {});
    assert_eq!(job.outcome().expect("over").end, End::Terminated);
    let lines = lines.lock().unwrap();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("vdm 0x100000: barrier 0x8"), "{lines:?}");
    assert!(has("PPP record 0x200000"), "{lines:?}");
    assert!(has("lane 0: word 3 = 0x3f800000"), "{lines:?}");
}
