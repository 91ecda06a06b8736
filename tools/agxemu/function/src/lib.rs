// SPDX-License-Identifier: MIT OR Apache-2.0

//! A PCI function for `-device vfio-user-pci` of QEMU: what every emulated device needs, whatever
//! it is.
//!
//! A [`Device`] has registers, and reaches the guest's RAM; [`Function`] is its face to QEMU.

mod backend;
mod config;
mod lines;
mod memory;

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use emulated_guest::ram::Ram;
use vfio_user::Server;

pub use crate::backend::Function;
pub use crate::config::Identity;
pub use crate::lines::{MsiLines, VECTORS};
pub use crate::memory::Mapping;

/// A device behind the BARs of a PCI function.
pub trait Device: Send + Sync {
    /// Reads registers.
    fn read(&self, bar: u32, offset: u64, data: &mut [u8]);

    /// Writes registers.
    fn write(&self, bar: u32, offset: u64, data: &[u8]);

    /// Resets the device: what a reset of the function does.
    fn reset(&self);

    /// Returns the guest's RAM.
    fn ram(&self) -> &Ram;

    /// The guest's RAM has changed.
    fn memory_changed(&self) {}

    /// Interrupts reach the guest from now on.
    fn lines_connected(&self) {}

    /// Logs a line that nobody needs but who looks for it.
    fn note(&self, line: &str);
}

/// The socket that QEMU connects to.
pub struct Socket(Server);

impl Socket {
    /// Makes the socket at `path`.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn new(path: &Path, identity: &Identity) -> Result<Self, String> {
        let server = Server::new(path, true, config::irqs(), identity.regions());
        server
            .map(Self)
            .map_err(|e| format!("socket {}: {e}", path.display()))
    }

    /// Serves one virtual machine, until it hangs up.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub fn serve<D: Device>(
        &self,
        identity: Identity,
        device: Arc<D>,
        lines: MsiLines,
    ) -> Result<(), String> {
        self.0
            .run(&mut Function::new(identity, device, lines))
            .map_err(|e| format!("connection to the virtual machine: {e}"))
    }

    /// Serves one virtual machine, as [`Socket::serve`] does, beside a thread that runs what the
    /// device does by itself. `stop` has to end it. Returns what both came to.
    ///
    /// # Errors
    ///
    /// The thread could not be started, or panicked.
    pub fn serve_beside<D: Device, R: Send + 'static>(
        &self,
        identity: Identity,
        device: Arc<D>,
        lines: MsiLines,
        (name, run): (&str, impl FnOnce() -> R + Send + 'static),
        stop: impl FnOnce(),
    ) -> Result<(Result<(), String>, R), String> {
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|e| format!("thread {name}: {e}"))?;
        let result = self.serve(identity, device, lines);
        stop();
        let ran = thread
            .join()
            .map_err(|_| format!("the thread {name} panicked"))?;
        Ok((result, ran))
    }
}

/// What the program of a device is: by its arguments it serves one virtual machine. Prints what is
/// wrong, and how it is used.
pub fn program<A>(
    name: &str,
    usage: &str,
    parse: impl FnOnce(env::Args) -> Result<A, String>,
    serve: impl FnOnce(A) -> Result<(), String>,
) -> ExitCode {
    if env::args().any(|argument| argument == "--help") {
        println!("{usage}");
        return ExitCode::SUCCESS;
    }
    let mut arguments = env::args();
    // The program's own name.
    arguments.next();
    let arguments = match parse(arguments) {
        Ok(arguments) => arguments,
        Err(e) => {
            eprintln!("{name}: {e}\n\n{usage}");
            return ExitCode::from(2);
        }
    };
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{name}: {e}");
            ExitCode::FAILURE
        }
    }
}
