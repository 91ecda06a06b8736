// SPDX-License-Identifier: MIT OR Apache-2.0

//! A PCI function for `-device vfio-user-pci` of QEMU: what every emulated device needs, whatever
//! it is.
//!
//! A [`Device`] has registers, and reaches the guest's RAM; [`Function`] is its face to QEMU.

mod backend;
mod config;
mod lines;
mod memory;

use std::path::Path;
use std::sync::Arc;

use agxemu_soc::ram::Ram;
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
}
