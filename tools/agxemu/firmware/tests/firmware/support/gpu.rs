// SPDX-License-Identifier: MIT OR Apache-2.0

//! A stand-in for the part of the GPU that renders: it does what the test tells it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use agxemu_firmware::gpu::{Binned, HalfOutcome, RenderHalf, Renderer};
use agxemu_gpu::cdm::End;
use agxemu_gpu::execute::Settings;
use agxemu_gpu::job::Limits;
use agxemu_gpu::render::{FragmentJob, VertexJob};
use agxemu_gpu::tlb::Pages;
use agxemu_gpu::trace::Sink;

/// What a half does.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It ends so.
    Ends(End),
    /// A vertex half leaves so many bytes and primitives.
    Bins(u64, u64),
    /// It runs until it is stopped.
    Runs,
}

/// The stand-in.
#[derive(Default)]
pub struct StandIn {
    /// What the next halves do; those behind the last end well.
    pub answers: Mutex<VecDeque<Answer>>,
    /// Vertex halves so far.
    pub vertex: Mutex<Vec<(VertexJob, Settings)>>,
    /// Fragment halves so far, with what their scenes have to say.
    pub fragment: Mutex<Vec<(FragmentJob, Settings, u64)>>,
    /// Halves that were stopped.
    pub stopped: Arc<Mutex<u32>>,
}

struct Half {
    answer: Answer,
    is_vertex: bool,
    number: u64,
    outcome: Mutex<Option<HalfOutcome>>,
    stopped: Arc<Mutex<u32>>,
}

impl StandIn {
    pub fn answer(&self, answers: &[Answer]) {
        self.answers.lock().unwrap().extend(answers.iter().cloned());
    }

    fn half(&self, is_vertex: bool, number: u64) -> Arc<dyn RenderHalf> {
        let next = self.answers.lock().unwrap().pop_front();
        Arc::new(Half {
            answer: next.unwrap_or(Answer::Bins(1000, 10)),
            is_vertex,
            number,
            outcome: Mutex::new(None),
            stopped: self.stopped.clone(),
        })
    }
}

impl Renderer for StandIn {
    fn vertex(&self, job: VertexJob, settings: Settings, _: Limits) -> Arc<dyn RenderHalf> {
        let mut seen = self.vertex.lock().unwrap();
        seen.push((job, settings));
        self.half(true, seen.len() as u64)
    }

    fn fragment(
        &self,
        job: FragmentJob,
        binned: &Binned,
        settings: Settings,
        _: Limits,
    ) -> Arc<dyn RenderHalf> {
        let number = *binned.scene.clone().downcast::<u64>().unwrap();
        let mut seen = self.fragment.lock().unwrap();
        seen.push((job, settings, number));
        self.half(false, number)
    }
}

impl Half {
    fn end(&self, end: End, bins: Option<(u64, u64)>) {
        let binned = bins.filter(|_| self.is_vertex);
        *self.outcome.lock().unwrap() = Some(HalfOutcome {
            end,
            binned: binned.map(|(bytes, primitives)| Binned {
                scene: Arc::new(self.number),
                bytes,
                host_bytes: bytes,
                primitives,
            }),
            instructions: 7,
        });
    }
}

impl RenderHalf for Half {
    fn run(&self, _: &dyn Pages, _: Option<&Sink>, note: &mut dyn FnMut(&str)) {
        note("of the stand-in");
        match &self.answer {
            Answer::Ends(end) => self.end(end.clone(), None),
            Answer::Bins(bytes, primitives) => {
                self.end(End::Terminated, Some((*bytes, *primitives)));
            }
            Answer::Runs => {}
        }
    }

    fn fail(&self, reason: String) {
        self.end(End::Illegal(reason), None);
    }

    fn stop(&self) {
        if self.outcome().is_none() {
            *self.stopped.lock().unwrap() += 1;
            self.end(End::Stopped, None);
        }
    }

    fn wait(&self) {
        assert!(self.outcome().is_some(), "it would wait forever");
    }

    fn outcome(&self) -> Option<HalfOutcome> {
        self.outcome.lock().unwrap().clone()
    }
}
