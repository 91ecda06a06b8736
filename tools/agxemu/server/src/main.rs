// SPDX-License-Identifier: MIT OR Apache-2.0

//! `agxemu`: an AGX as a PCI function, for `-device vfio-user-pci` of QEMU.

mod arguments;
mod function;
mod tlbi;

use std::process::ExitCode;
use std::sync::Arc;

use agx_isa::exec::{statistics, Engine};
use agxemu_firmware::capture::{Capture, Figures};
use agxemu_firmware::chip::Chip;
use agxemu_firmware::core::MS;
use agxemu_firmware::gpu::Renderer;
use agxemu_firmware::machine::Level;
use agxemu_firmware::record::Recorder;
use agxemu_soc::coprocessor::{self, Config};
use agxemu_soc::device::{Device, Tree};
use agxemu_soc::options::Trouble;
use agxemu_soc::soc::Soc;
use pci_function::{MsiLines, Socket};

use crate::arguments::Arguments;
use crate::function::{Agx, IDENTITY};
use crate::tlbi::Ring;

fn main() -> ExitCode {
    pci_function::program("agxemu", &arguments::usage(), Arguments::parse, serve)
}

fn serve(arguments: Arguments) -> Result<(), String> {
    let log = arguments.open_log()?;
    let trouble = &arguments.trouble;
    let find = |f: fn(&Trouble) -> Option<u64>| trouble.iter().find_map(f);
    let empty = find(|t| match t {
        Trouble::EmptyRegion(i) => Some(*i as u64),
        _ => None,
    });
    let omit = find(|t| match t {
        Trouble::NoRegion(i) => Some(*i as u64),
        _ => None,
    });
    let lost = find(|t| match t {
        Trouble::DropIrq(n) => Some(*n),
        _ => None,
    });
    let abi = trouble.iter().find_map(|t| match t {
        Trouble::Abi(abi) => Some(abi.as_slice()),
        _ => None,
    });
    let other = trouble.iter().find_map(|t| match t {
        Trouble::Tree(name) => Chip::find(name).ok(),
        _ => None,
    });

    let capture = match arguments.capture {
        Some(directory) => {
            let named = |e| format!("--capture {}: {e}", directory.display());
            Some(Capture::new(directory.clone(), arguments.part).map_err(named)?)
        }
        None => None,
    };
    let stats = arguments.stats;
    let mut gpu = arguments.gpu;
    let engine = gpu.engine.check();
    if engine.is_err() {
        gpu.engine = Engine::Interpreter;
    }
    let renderer = match arguments.record {
        None => None,
        Some((directory, step)) => {
            let recorder = Recorder::new(directory.clone(), step);
            let recorder = recorder.map_err(|e| format!("{}: {e}", directory.display()))?;
            Some(Arc::new(recorder) as Arc<dyn Renderer>)
        }
    };
    let lines = MsiLines::default();
    let soc = Soc::new(
        arguments.regions,
        empty.map(|i| i as usize),
        lost,
        arguments.part,
        &arguments.hardware,
        Box::new(lines.clone()),
        log,
    );
    log_panics(soc.clone());
    soc.note(Level::Info, &format!("the machine is a {}", arguments.part));
    if let Err(error) = engine {
        soc.note(Level::Info, &format!("shaders are interpreted: {error}"));
    }
    if let Some(path) = &arguments.tlbi {
        let ring = Ring::create(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let misheard = trouble.iter().find_map(|t| match t {
            Trouble::Tlbi(misheard) => Some(*misheard),
            _ => None,
        });
        soc.watch(match misheard {
            Some(misheard) => misheard.of(ring),
            None => Box::new(ring),
        });
    }
    let tree = Tree {
        chip: other.unwrap_or(arguments.part.chip),
        abi: abi.unwrap_or(&arguments.part.firmware.numbers),
        omit: omit.map(|i| i as usize),
    };
    let device = Arc::new(Device::new(soc.clone(), &arguments.regions, tree));
    let config = Config {
        gpu,
        script: arguments.script,
        trouble: arguments.trouble,
        hardware: arguments.hardware,
        renderer,
    };

    let socket = Socket::new(&arguments.socket, &IDENTITY)?;
    let agx = Agx {
        soc: soc.clone(),
        device: device.clone(),
    };
    let run = {
        let soc = soc.clone();
        move || coprocessor::run(&soc, &config, capture)
    };
    let (result, (counters, capture)) =
        socket.serve_beside(IDENTITY, Arc::new(agx), lines, ("firmware", run), || {
            soc.quit()
        })?;
    let (reads, writes) = device.accesses();
    let summary = format!(
        "{} jobs started, {} completed, {} doorbells, {} events, {} interrupts and {} again, \
         {reads} register reads, {writes} register writes",
        counters.jobs,
        counters.completed,
        counters.doorbells,
        counters.events,
        soc.interrupts(),
        soc.raised_again(),
    );
    soc.note(Level::Info, &summary);
    if soc.watches() {
        let counts = soc.translations();
        let line = format!(
            "{} translations, {} of them invalidated; {} times idle; {} stale translations",
            counts.kept,
            counts.invalidated,
            soc.idles(),
            soc.stale()
        );
        soc.note(Level::Info, &line);
    }
    println!("agxemu: {summary}");
    let engine = statistics();
    let refused: Vec<_> = engine.refused.iter().collect();
    soc.note(
        Level::Info,
        &format!(
            "shaders: {} instructions by compiled code, {} interpreted; {} runs of {} instructions \
             compiled to {} bytes in {} ms, ended by {refused:?}",
            engine.compiled,
            engine.interpreted,
            engine.runs,
            engine.instructions,
            engine.bytes,
            engine.microseconds / 1000,
        ),
    );
    let (captures, written) = finish(capture);
    if let Some(path) = stats {
        let translations = soc.translations();
        let json = format!(
            "{{\"jobs\": {}, \"interrupts\": {}, \"mmio_reads\": {reads}, \"mmio_writes\": {writes}, \
             \"launches\": {}, \"threads\": {}, \"instructions\": {}, \"gpu_ms\": {}, \
             \"raised_again\": {}, \"idles\": {}, \"stale\": {}, \
             \"handoff_waits\": {}, \"translations\": {}, \"invalidated\": {}, \"freed\": {}, \
             \"asleep\": {}, \"gated\": {}, \"cuts\": {}, \"remapped\": {}, \"overflows\": {}, \
             \"tvb_blocks\": {}, \"primitives\": {}, \"shaded\": {}, \
             \"compiled\": {}, \"interpreted\": {}, \"runs\": {}, \"compile_ms\": {}, \
             \"captures\": {}, \"captures_left_out\": {}, \"captures_held_ms\": {}, \
             \"capture_longest_ms\": {}}}\n",
            counters.completed,
            soc.interrupts(),
            counters.launches,
            counters.threads,
            counters.instructions,
            counters.gpu_ticks / MS,
            soc.raised_again(),
            soc.idles(),
            soc.stale(),
            soc.handoff_waits(),
            translations.kept,
            translations.invalidated,
            soc.freed(),
            soc.asleep_accesses(),
            soc.gated_accesses(),
            soc.power_cuts(),
            soc.remappings(),
            counters.overflows,
            counters.tvb_blocks,
            counters.primitives,
            counters.shaded,
            engine.compiled,
            engine.interpreted,
            engine.runs,
            engine.microseconds / 1000,
            captures.taken,
            captures.left_out,
            captures.held.as_millis(),
            captures.longest.as_millis(),
        );
        std::fs::write(&path, json).map_err(|e| format!("statistics {}: {e}", path.display()))?;
    }
    result.and(written)
}

/// Has panics of the emulator in its log as well, those among them that end no more than a job.
fn log_panics(soc: Arc<Soc>) {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        print(info);
        soc.note(Level::Warn, &format!("the emulator itself: {info}"));
    }));
}

/// Waits until captures are written; returns their figures, and why some are not there.
fn finish(capture: Option<Capture>) -> (Figures, Result<(), String>) {
    let Some(mut capture) = capture else {
        return (Figures::default(), Ok(()));
    };
    let written = capture.finish();
    let figures = capture.figures();
    if figures.left_out != 0 {
        let all = figures.taken + figures.left_out;
        println!(
            "agxemu: {} of {all} captures were left out, as the disk was behind",
            figures.left_out
        );
    }
    (
        figures,
        written.map_err(|e| format!("the captures are not complete: {e}")),
    )
}
