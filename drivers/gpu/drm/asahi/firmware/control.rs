// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Commands to the firmware itself, as opposed to the GPU.

use super::{
    message::{
        ContextIds,
        DeviceControl, //
    },
    tx::{
        Ticket,
        TxChannel, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The device control ring and the FwCtl ring.
///
/// | call | context |
/// |---|---|
/// | all async functions | task, or `kasync::block_on` in process context |
///
/// If such a function is cancelled, the command may have been sent.
pub(crate) struct Control {
    pub(super) device_control: Arc<TxChannel>,
    /// The FwCtl ring, which the firmware requires. It has no user yet: chunks of heaps that the
    /// firmware caches are unmapped after a flush [I], and all else that it caches stays mapped
    /// until it sleeps.
    pub(super) fwctl: Arc<TxChannel>,
}

impl Control {
    /// Queues a command without ringing the doorbell, for the one that the firmware finds at boot.
    pub(super) fn queue(&self, command: DeviceControl) -> Result<Ticket> {
        self.device_control
            .push(command.encode(self.device_control.abi).as_bytes())
    }

    /// Runs a device control command to its end.
    pub(super) async fn run(&self, command: DeviceControl) -> Result {
        self.device_control
            .run(command.encode(self.device_control.abi).as_bytes())
            .await
    }

    /// Sends a device control command to the firmware without waiting for its completion.
    ///
    /// The firmware runs no command while it is halted, and the caller may be what ends the halt.
    pub(super) async fn post(&self, command: DeviceControl) -> Result {
        self.device_control
            .post(command.encode(self.device_control.abi).as_bytes())
            .await
    }

    /// Waits until the firmware has destroyed the context at `address` and flushed its caches. The
    /// context's memory, and garbage taken before the call, may be reused afterwards.
    ///
    /// `ids`: the firmware's indices in the context's data.
    pub(crate) async fn destroy_context(&self, address: u64, ids: ContextIds) -> Result {
        self.run(DeviceControl::DestroyContext { address, ids })
            .await
    }

    /// Returns whether the firmware still runs commands, which it does beside the GPU's work [I].
    /// The time limit is that of any command.
    pub(crate) async fn is_alive(&self) -> bool {
        self.flush().await.is_ok()
    }

    /// Returns whether the firmware has taken its first command. Before, commands have no time
    /// limit.
    pub(crate) fn has_begun(&self) -> bool {
        self.device_control.has_begun()
    }

    /// Returns whether other tasks already wait for commands that flush the firmware's caches.
    /// There may be thousands of them.
    pub(crate) fn is_crowded(&self) -> bool {
        self.device_control.is_crowded()
    }

    /// Waits until the firmware has flushed its caches. Garbage taken before the call may be reused
    /// afterwards.
    pub(crate) async fn flush(&self) -> Result {
        self.run(DeviceControl::FLUSH).await
    }
}
