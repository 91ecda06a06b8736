// SPDX-License-Identifier: MIT OR Apache-2.0

//! Replays render commands that `agxemu --record` has written, without a machine: measures how long
//! they take, or compares what both engines leave in memory.
//!
//! usage: agx-replay [--engine NAME] [--threads N] [--rounds N] [--compare] DIR…

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agx_isa::exec::{statistics, Engine};
use agxemu_gpu::cdm::End;
use agxemu_gpu::execute::Settings;
use agxemu_gpu::job::Limits;
use agxemu_gpu::render::{RenderJob, Scene};
use agxemu_gpu::replay::{Memory, Recording};

const USAGE: &str = "usage: agx-replay [--engine NAME] [--threads N] [--rounds N] [--compare] DIR…";

/// What is asked for.
struct Arguments {
    engine: Engine,
    threads: usize,
    rounds: u32,
    compare: bool,
    directories: Vec<PathBuf>,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut this = Self {
            engine: Engine::COMPILED,
            threads: std::thread::available_parallelism().map_or(1, |n| n.get()),
            rounds: 5,
            compare: false,
            directories: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            let number = |text: String| match text.parse::<u32>() {
                Ok(number) if number != 0 => Ok(number),
                _ => Err(format!("{text:?} is no number of anything")),
            };
            match argument.as_str() {
                "--engine" => this.engine = value()?.parse()?,
                "--threads" => this.threads = number(value()?)? as usize,
                "--rounds" => this.rounds = number(value()?)?,
                "--compare" => this.compare = true,
                option if option.starts_with('-') => return Err(format!("no option {option}")),
                directory => this.directories.push(directory.into()),
            }
        }
        match this.directories.is_empty() {
            true => Err("no directory".into()),
            false => Ok(this),
        }
    }

    fn settings(&self, engine: Engine) -> Settings {
        Settings {
            threads: self.threads,
            soft_faults: false,
            vm_slot: 0,
            sampler_heap: (0, 0),
            engine,
        }
    }
}

/// Both halves of a command.
struct Command {
    vertex: Recording,
    fragment: Recording,
}

/// What a half has done.
struct Done {
    scene: Option<Arc<Scene>>,
    took: Duration,
    instructions: u64,
}

fn read(path: &Path) -> Result<Recording, String> {
    let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let recording = Recording::read(&mut BufReader::new(file));
    recording.map_err(|e| format!("{}: {e}", path.display()))
}

/// Runs a half on `memory`.
fn run(
    recording: &Recording,
    memory: &Memory,
    scene: Option<Arc<Scene>>,
    settings: Settings,
) -> Result<Done, String> {
    let (half, settings) = recording.half(scene, settings).map_err(|e| e.to_string())?;
    let job = RenderJob::new(half, settings, Limits::default());
    let start = Instant::now();
    job.run(memory, None, &mut |_| {});
    let took = start.elapsed();
    let outcome = job.outcome().ok_or("a half without an outcome")?;
    match outcome.end {
        End::Terminated => Ok(Done {
            scene: outcome.scene,
            took,
            instructions: outcome.instructions,
        }),
        end => Err(format!("it ends with {end:?}")),
    }
}

impl Command {
    /// Prints the shortest time that each half takes.
    fn measure(&self, name: &str, arguments: &Arguments) -> Result<(), String> {
        let settings = arguments.settings(arguments.engine);
        let memories = [&self.vertex, &self.fragment].map(Recording::memory);
        let mut best = [Duration::MAX; 2];
        let (mut instructions, mut primitives) = (0, 0);
        for _ in 0..arguments.rounds {
            let vertex = run(&self.vertex, &memories[0], None, settings)?;
            let scene = vertex.scene.ok_or("a vertex half without a scene")?;
            primitives = scene.primitives();
            let fragment = run(&self.fragment, &memories[1], Some(scene), settings)?;
            instructions = vertex.instructions + fragment.instructions;
            for (best, took) in best.iter_mut().zip([vertex.took, fragment.took]) {
                *best = took.min(*best);
            }
        }
        let [vertex, fragment] = best.map(|took| took.as_secs_f64() * 1e3);
        println!(
            "{name}\t{primitives} primitives\t{instructions} instructions\tvertex {vertex:.2} ms\t\
             fragment {fragment:.2} ms"
        );
        Ok(())
    }

    /// Returns what an engine leaves in memory.
    fn left(&self, settings: Settings) -> Result<BTreeMap<(u8, u64), Vec<u8>>, String> {
        let memories = [&self.vertex, &self.fragment].map(Recording::memory);
        let vertex = run(&self.vertex, &memories[0], None, settings)?;
        run(&self.fragment, &memories[1], vertex.scene, settings)?;
        let mut left = BTreeMap::new();
        for (half, memory) in (0..).zip(&memories) {
            memory.contents(|va, bytes| {
                left.insert((half, va), bytes.to_vec());
            });
        }
        Ok(left)
    }

    /// Compares what engines leave in memory; returns whether it is the same.
    fn compare(&self, name: &str, arguments: &Arguments) -> Result<bool, String> {
        let engines = [Engine::Interpreter, Engine::Compiled { threshold: 0 }];
        let [one, other] = engines.map(|engine| self.left(arguments.settings(engine)));
        let (one, other) = (one?, other?);
        let bytes = |a: &[u8], b: &[u8]| a.iter().zip(b).filter(|(a, b)| a != b).count();
        let differences = one.iter().map(|(page, held)| bytes(held, &other[page]));
        let count: usize = differences.sum();
        println!("{name}\t{} pages\t{count} bytes differ", one.len());
        Ok(count == 0)
    }
}

fn all(arguments: &Arguments) -> Result<bool, String> {
    let mut same = true;
    let mut commands = 0;
    for directory in &arguments.directories {
        let entries = directory.read_dir();
        let entries = entries.map_err(|e| format!("{}: {e}", directory.display()))?;
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix("-vertex").map(str::to_owned))
            .filter(|name| directory.join(format!("{name}-fragment")).exists())
            .collect();
        names.sort();
        for name in names {
            let file = |half: &str| read(&directory.join(format!("{name}-{half}")));
            let command = Command {
                vertex: file("vertex")?,
                fragment: file("fragment")?,
            };
            let name = directory.join(name).display().to_string();
            let failed = |e| format!("{name}: {e}");
            commands += 1;
            match arguments.compare {
                true => same &= command.compare(&name, arguments).map_err(failed)?,
                false => command.measure(&name, arguments).map_err(failed)?,
            }
        }
    }
    if commands == 0 {
        return Err("there is no command with both halves".into());
    }
    Ok(same)
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("agx-replay: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let result = all(&arguments);
    let engine = statistics();
    eprintln!(
        "{} instructions by compiled code, {} interpreted; {} runs compiled in {} ms, ended by {:?}",
        engine.compiled,
        engine.interpreted,
        engine.runs,
        engine.microseconds / 1000,
        engine.refused
    );
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("agx-replay: {error}");
            ExitCode::FAILURE
        }
    }
}
