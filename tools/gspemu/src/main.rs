// SPDX-License-Identifier: MIT OR Apache-2.0

//! `gspemu`: a GPU system processor as a PCI function, for `-device vfio-user-pci` of QEMU.

#![forbid(unsafe_code)]

mod arguments;

use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use emulated_guest::ram::Ram;
use gspemu::machine::{Machine, Time};
use gspemu::registers;
use pci_function::{Identity, MsiLines, Socket};

use crate::arguments::Arguments;

/// A function of our own: never Nvidia's, whose drivers would bind to it. The numbers were not
/// assigned to it: the vendor is Apple's, as agxemu's is. A processing accelerator.
const IDENTITY: Identity = Identity {
    vendor: 0x106b,
    device: 0xa65b,
    class: 0x12_0000,
    bars: &[(0, registers::SIZE)],
};

struct State {
    machine: Machine,
    /// Something was written since the processor has looked.
    work: bool,
    quit: bool,
}

/// The processor, with the thread that it runs on.
struct Gsp {
    ram: Arc<Ram>,
    state: Mutex<State>,
    wake: Condvar,
    start: Instant,
}

impl Gsp {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn now(&self) -> Time {
        self.start.elapsed().as_micros() as Time
    }

    /// Runs the processor until [`State::quit`].
    fn run(&self) {
        let mut state = self.lock();
        while !state.quit {
            state.work = false;
            let next = state.machine.run(self.now());
            if state.work {
                continue;
            }
            let wait = next.map(|at| at.saturating_sub(self.now()).max(1));
            state = match wait {
                None => self.wake.wait(state).unwrap_or_else(|e| e.into_inner()),
                Some(us) => {
                    let limit = Duration::from_micros(us);
                    let woken = self.wake.wait_timeout(state, limit);
                    woken.unwrap_or_else(|e| e.into_inner()).0
                }
            };
        }
    }
}

impl pci_function::Device for Gsp {
    fn read(&self, bar: u32, offset: u64, data: &mut [u8]) {
        let mut state = self.lock();
        if bar != 0 || data.len() != 4 || offset % 4 != 0 {
            let length = data.len();
            let line = format!("BAR {bar}: {length} bytes are read at {offset:#x}");
            state.machine.warn(&line);
            return data.fill(0xff);
        }
        let arrive = state.machine.has_posted();
        data.copy_from_slice(&state.machine.read(offset).to_le_bytes());
        if arrive {
            state.work = true;
            self.wake.notify_one();
        }
    }

    fn write(&self, bar: u32, offset: u64, data: &[u8]) {
        let mut state = self.lock();
        match (bar, <[u8; 4]>::try_from(data)) {
            (0, Ok(word)) if offset % 4 == 0 => {
                let now = self.now();
                state.machine.write(offset, u32::from_le_bytes(word), now);
                state.work = true;
                self.wake.notify_one();
            }
            _ => {
                let length = data.len();
                let line = format!("BAR {bar}: {length} bytes are written at {offset:#x}");
                state.machine.warn(&line);
            }
        }
    }

    fn reset(&self) {
        self.lock().machine.reset();
    }

    fn ram(&self) -> &Ram {
        &self.ram
    }

    fn lines_connected(&self) {
        self.lock().machine.connected();
    }

    fn note(&self, line: &str) {
        self.lock().machine.note(line);
    }
}

fn main() -> ExitCode {
    pci_function::program("gspemu", arguments::USAGE, Arguments::parse, serve)
}

fn serve(arguments: Arguments) -> Result<(), String> {
    let mut log = arguments.open_log()?;
    let start = Instant::now();
    let lines = MsiLines::default();
    let ram = Arc::new(Ram::default());
    let machine = Machine::new(
        ram.clone(),
        Box::new(lines.clone()),
        Box::new(move |line| {
            // A log that cannot be written has nowhere to say so.
            let _ = writeln!(log, "{:6} gsp: {line}", start.elapsed().as_millis());
        }),
        arguments.script,
        arguments.framing,
    );
    let gsp = Arc::new(Gsp {
        ram,
        state: Mutex::new(State {
            machine,
            work: false,
            quit: false,
        }),
        wake: Condvar::new(),
        start,
    });
    let socket = Socket::new(&arguments.socket, &IDENTITY)?;
    let run = {
        let gsp = gsp.clone();
        move || gsp.run()
    };
    let (result, ()) = socket.serve_beside(IDENTITY, gsp.clone(), lines, ("gsp", run), || {
        gsp.lock().quit = true;
        gsp.wake.notify_one();
    })?;
    let json = format!("{}\n", gsp.lock().machine.counters);
    print!("gspemu: {json}");
    if let Some(path) = arguments.stats {
        std::fs::write(&path, json).map_err(|e| format!("statistics {}: {e}", path.display()))?;
    }
    result
}
