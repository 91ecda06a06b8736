// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::cdm::End;
use crate::job::Limits;
use crate::render::rig::{Rig, TRIANGLES};
use crate::render::RenderJob;

const LIMITS: Limits = Limits {
    group: 1 << 20,
    job: 1 << 20,
};

/// Returns the vertex half of a triangle, and its memory.
fn triangle() -> (Rig, Half, Settings) {
    let mut rig = Rig::new(64, 64, 0);
    rig.at(1.0, 1.0);
    rig.at(60.0, 1.0);
    rig.at(1.0, 60.0);
    rig.draw(TRIANGLES, 0, 3);
    let (job, settings) = rig.job();
    (rig, Half::Vertex(job), settings)
}

fn file() -> (Vec<u8>, Settings) {
    let (rig, half, settings) = triangle();
    let job = RenderJob::new(half, settings, LIMITS);
    let recording = job.run_recorded(&rig.memory, None, &mut |_| {});
    let mut file = Vec::new();
    recording.write(&mut file).expect("a vector takes all");
    (file, settings)
}

#[test]
fn a_replay_makes_the_same_scene() {
    let (file, settings) = file();
    let recording = Recording::read(&mut &file[..]).expect("a recording");
    assert!(recording.pages() > 2, "{}", recording.pages());
    let (half, settings) = recording.half(None, settings).expect("a vertex half");
    let memory = recording.memory();
    let job = RenderJob::new(half, settings, LIMITS);
    job.run(&memory, None, &mut |_| {});
    let outcome = job.outcome().expect("it is over");
    assert_eq!(outcome.end, End::Terminated);
    let scene = outcome.scene.expect("a scene");
    assert_eq!(scene.primitives(), 1);
    assert_eq!(scene.region(0, 1, 0), [0]);
}

#[test]
fn pages_that_were_not_recorded_are_not_mapped() {
    let (file, settings) = file();
    let mut recording = Recording::read(&mut &file[..]).expect("a recording");
    recording.pages.clear();
    let (half, settings) = recording.half(None, settings).expect("a vertex half");
    let job = RenderJob::new(half, settings, LIMITS);
    job.run(&recording.memory(), None, &mut |_| {});
    let outcome = job.outcome().expect("it is over");
    assert!(matches!(outcome.end, End::Fault(_)), "{:?}", outcome.end);
}

#[test]
fn what_is_no_recording_is_refused() {
    let (file, settings) = file();
    let refused = |bytes: &[u8]| match Recording::read(&mut &bytes[..]) {
        Ok(_) => panic!("it is no recording"),
        Err(error) => error.kind(),
    };
    let end = io::ErrorKind::UnexpectedEof;
    assert_eq!(refused(&[]), end);
    assert_eq!(refused(&file[..file.len() - 1]), end);
    let put = |at: usize, value: u64| {
        let mut file = file.clone();
        file[8 * at..8 * at + 8].copy_from_slice(&value.to_le_bytes());
        file
    };
    let bad = io::ErrorKind::InvalidData;
    assert_eq!(refused(&put(0, 1)), bad);
    assert_eq!(refused(&put(2, MAX_WORDS + 1)), bad);
    let words = u64::from_le_bytes(file[16..24].try_into().expect("eight bytes")) as usize;
    assert_eq!(refused(&put(3 + words, MAX_PAGES + 1)), bad);
    assert_eq!(refused(&put(4 + words, 1)), bad);
    assert_eq!(refused(&put(5 + words, 4)), bad);
    // What can be read, and is no job.
    for (at, value) in [(1, 2), (1, FRAGMENT), (3, 1 << 32)] {
        let recording = Recording::read(&mut &put(at, value)[..]).expect("words");
        let job = recording.half(None, settings);
        assert_eq!(job.err().map(|error| error.kind()), Some(bad), "{at}");
    }
}
