// SPDX-License-Identifier: MIT OR Apache-2.0

//! `agxemu`: an AGX as a PCI function, for `-device vfio-user-pci` of QEMU.

mod arguments;
mod function;
mod tlbi;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use agx_isa::exec::{statistics, Engine};
use agxemu_firmware::core::MS;
use agxemu_firmware::machine::Level;
use agxemu_soc::coprocessor::{self, Config};
use agxemu_soc::device::Device;
use agxemu_soc::options::Trouble;
use agxemu_soc::soc::Soc;
use pci_function::{MsiLines, Socket};

use crate::arguments::Arguments;
use crate::function::{Agx, IDENTITY};
use crate::tlbi::Ring;

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{}", arguments::USAGE);
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(e) => {
            eprintln!("agxemu: {e}\n\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("agxemu: {e}");
            ExitCode::FAILURE
        }
    }
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
        Trouble::Abi(abi) => Some(*abi),
        _ => None,
    });

    let stats = arguments.stats;
    let mut gpu = arguments.gpu;
    let engine = gpu.engine.check();
    if engine.is_err() {
        gpu.engine = Engine::Interpreter;
    }
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
    soc.note(Level::Info, &format!("the machine is a {}", arguments.part));
    if let Err(error) = engine {
        soc.note(Level::Info, &format!("shaders are interpreted: {error}"));
    }
    if let Some(path) = &arguments.tlbi {
        let ring = Ring::create(path).map_err(|e| format!("{}: {e}", path.display()))?;
        soc.watch(Box::new(ring));
    }
    let abi = abi.unwrap_or(arguments.part.firmware.numbers);
    let device = Arc::new(Device::new(
        soc.clone(),
        &arguments.regions,
        abi,
        omit.map(|i| i as usize),
    ));
    let config = Config {
        gpu,
        script: arguments.script,
        trouble: arguments.trouble,
        capture: arguments.capture,
        hardware: arguments.hardware,
    };

    let socket = Socket::new(&arguments.socket, &IDENTITY)?;
    let agx = Agx {
        soc: soc.clone(),
        device: device.clone(),
    };
    let firmware = thread::Builder::new()
        .name("firmware".to_owned())
        .spawn({
            let soc = soc.clone();
            move || coprocessor::run(&soc, &config)
        })
        .map_err(|e| format!("firmware thread: {e}"))?;

    let result = socket.serve(IDENTITY, Arc::new(agx), lines);
    soc.quit();
    let counters = firmware
        .join()
        .map_err(|_| "the firmware thread panicked".to_owned())?;
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
        soc.note(Level::Info, &format!("{} stale translations", soc.stale()));
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
    if let Some(path) = stats {
        let json = format!(
            "{{\"jobs\": {}, \"interrupts\": {}, \"mmio_reads\": {reads}, \"mmio_writes\": {writes}, \
             \"launches\": {}, \"threads\": {}, \"instructions\": {}, \"gpu_ms\": {}, \
             \"raised_again\": {}, \"stale\": {}, \"freed\": {}, \
             \"asleep\": {}, \"gated\": {}, \"cuts\": {}, \"remapped\": {}, \"overflows\": {}, \
             \"compiled\": {}, \"interpreted\": {}, \"runs\": {}, \"compile_ms\": {}}}\n",
            counters.completed,
            soc.interrupts(),
            counters.launches,
            counters.threads,
            counters.instructions,
            counters.gpu_ticks / MS,
            soc.raised_again(),
            soc.stale(),
            soc.freed(),
            soc.asleep_accesses(),
            soc.gated_accesses(),
            soc.power_cuts(),
            soc.remappings(),
            counters.overflows,
            engine.compiled,
            engine.interpreted,
            engine.runs,
            engine.microseconds / 1000,
        );
        std::fs::write(&path, json).map_err(|e| format!("statistics {}: {e}", path.display()))?;
    }
    result
}
