// SPDX-License-Identifier: MIT OR Apache-2.0

//! One half of a render command, as the firmware runs it.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::Arc;

use super::{FragmentJob, Scene, VertexJob};
use crate::cdm::End;
use crate::ending::Ending;
use crate::execute::Settings;
use crate::job::Limits;
use crate::replay::{Recorder, Recording};
use crate::threadgroup::Meter;
use crate::tlb::Pages;
use crate::trace::Sink;

/// Which half, and what it works on.
#[derive(Debug)]
pub enum Half {
    /// The vertex half.
    Vertex(VertexJob),
    /// The fragment half, of a scene that a vertex half has made.
    Fragment(FragmentJob, Arc<Scene>),
}

/// What came of a half.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// What the vertex half has made, if it came to its end.
    pub scene: Option<Arc<Scene>>,
    /// Instructions of SIMD groups.
    pub instructions: u64,
}

/// One half of a render command.
///
/// | | before `run` | while it runs | after it |
/// |---|---|---|---|
/// | [`RenderJob::run`], [`RenderJob::run_recorded`] | once | no | no |
/// | [`RenderJob::fail`] | instead | no | no |
/// | [`RenderJob::stop`] | yes | yes | yes |
/// | [`RenderJob::wait`] | if it is run | yes | yes |
/// | [`RenderJob::outcome`] | `None` | `None` | the outcome |
#[derive(Debug)]
pub struct RenderJob {
    half: Half,
    settings: Settings,
    meter: Meter,
    ending: Ending<Outcome>,
}

impl RenderJob {
    /// Returns a half that has not begun.
    pub fn new(half: Half, settings: Settings, limits: Limits) -> Self {
        Self {
            half,
            settings,
            meter: Meter::new(limits),
            ending: Ending::default(),
        }
    }

    /// Tells it to end soon, with [`End::Stopped`].
    pub fn stop(&self) {
        self.meter.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until it is over: from then on it does not touch memory any more.
    pub fn wait(&self) {
        self.ending.wait();
    }

    /// Returns what came of it, once it is over.
    pub fn outcome(&self) -> Option<Outcome> {
        self.ending.get()
    }

    /// Ends it without running it.
    pub fn fail(&self, reason: String) {
        self.end(End::Illegal(reason), None);
    }

    fn end(&self, end: End, scene: Option<Arc<Scene>>) {
        self.ending.set(Outcome {
            end,
            scene,
            instructions: self.meter.instructions.load(Ordering::Relaxed),
        });
    }

    /// Runs it as [`RenderJob::run`] does, and returns a recording of it.
    pub fn run_recorded(
        &self,
        pages: &dyn Pages,
        trace: Option<&Sink>,
        note: &mut dyn FnMut(&str),
    ) -> Recording {
        let recorder = Recorder::new(pages);
        self.run(&recorder, trace, note);
        recorder.finish(&self.half, &self.settings)
    }

    /// Runs it to its end; `note` is called with a line for each draw, `trace` for each
    /// instruction.
    pub fn run(&self, pages: &dyn Pages, trace: Option<&Sink>, note: &mut dyn FnMut(&str)) {
        // A mistake in the emulator must not leave the firmware waiting.
        let result = catch_unwind(AssertUnwindSafe(|| match &self.half {
            Half::Vertex(job) => {
                Scene::capture(job, pages, self.settings, &self.meter, trace, note)
                    .map(|scene| Some(Arc::new(scene)))
            }
            Half::Fragment(job, scene) => {
                super::tile::render(job, scene, pages, self.settings, &self.meter, trace, note)
                    .map(|()| None)
            }
        }));
        match result {
            Ok(Ok(scene)) => self.end(End::Terminated, scene),
            Ok(Err(end)) => self.end(end, None),
            Err(_) => {
                let reason = "the emulator failed (see its log)".to_owned();
                self.end(End::Illegal(reason), None);
            }
        }
    }
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
