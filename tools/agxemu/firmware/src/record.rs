// SPDX-License-Identifier: MIT OR Apache-2.0

//! A renderer that records render commands, for `agx-replay`.

use std::any::Any;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use agxemu_gpu::execute::Settings;
use agxemu_gpu::job::Limits;
use agxemu_gpu::render::{FragmentJob, Half, RenderJob, Scene, VertexJob};
use agxemu_gpu::tlb::Pages;
use agxemu_gpu::trace::Sink;

use crate::gpu::{Binned, HalfOutcome, RenderHalf, Renderer};

/// Writes the halves of each `step`th render command to files `<number>-vertex` and
/// `<number>-fragment`.
pub struct Recorder {
    directory: PathBuf,
    step: u64,
    commands: AtomicU64,
}

/// The scene of a command with a number.
struct Numbered {
    number: u64,
    scene: Arc<Scene>,
}

/// A half of a command with a number.
struct Recorded {
    number: u64,
    job: RenderJob,
    /// Where it is recorded, if it is.
    file: Option<PathBuf>,
}

impl Recorder {
    /// Returns a renderer that records into `directory`, which is made.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    ///
    /// # Panics
    ///
    /// If `step` is zero.
    pub fn new(directory: PathBuf, step: u64) -> io::Result<Self> {
        assert!(step != 0);
        fs::create_dir_all(&directory)?;
        Ok(Self {
            directory,
            step,
            commands: AtomicU64::new(0),
        })
    }

    fn half(
        &self,
        number: u64,
        kind: &str,
        half: Half,
        settings: Settings,
        limits: Limits,
    ) -> Arc<dyn RenderHalf> {
        let wanted = number % self.step == 0;
        let file = || self.directory.join(format!("{number:06}-{kind}"));
        Arc::new(Recorded {
            number,
            job: RenderJob::new(half, settings, limits),
            file: wanted.then(file),
        })
    }
}

impl Renderer for Recorder {
    fn vertex(&self, job: VertexJob, settings: Settings, limits: Limits) -> Arc<dyn RenderHalf> {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        self.half(number, "vertex", Half::Vertex(job), settings, limits)
    }

    fn fragment(
        &self,
        job: FragmentJob,
        binned: &Binned,
        settings: Settings,
        limits: Limits,
    ) -> Arc<dyn RenderHalf> {
        let numbered = binned.scene.clone().downcast::<Numbered>();
        let numbered = numbered.expect("it was made by this renderer");
        let half = Half::Fragment(job, numbered.scene.clone());
        self.half(numbered.number, "fragment", half, settings, limits)
    }
}

impl RenderHalf for Recorded {
    fn run(&self, pages: &dyn Pages, trace: Option<&Sink>, note: &mut dyn FnMut(&str)) {
        let Some(file) = &self.file else {
            return self.job.run(pages, trace, note);
        };
        let recording = self.job.run_recorded(pages, trace, note);
        let written = write(file, &mut |to| recording.write(to));
        if let Err(error) = written {
            note(&format!("not recorded in {}: {error}", file.display()));
        }
    }

    fn fail(&self, reason: String) {
        self.job.fail(reason);
    }

    fn stop(&self) {
        self.job.stop();
    }

    fn wait(&self) {
        self.job.wait();
    }

    fn outcome(&self) -> Option<HalfOutcome> {
        let outcome = self.job.outcome()?;
        let binned = outcome.scene.map(|scene| Binned {
            bytes: scene.bytes(),
            host_bytes: scene.host_bytes(),
            primitives: scene.primitives() as u64,
            scene: Arc::new(Numbered {
                number: self.number,
                scene,
            }) as Arc<dyn Any + Send + Sync>,
        });
        Some(HalfOutcome {
            end: outcome.end,
            binned,
            instructions: outcome.instructions,
        })
    }
}

/// Writes a file that is complete when it has its name.
fn write(
    path: &Path,
    contents: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = BufWriter::new(File::create(&new)?);
    contents(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?;
    fs::rename(&new, path)
}
