// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A user queue's context: what the firmware keeps about all its work queues together.

use crate::{
    alloc::Heaps,
    firmware::{
        shared::Shared,
        Client,
        ContextIds,
        Firmware,
        Notifier, //
    }, //
};
use agx_abi::{
    queue::GpuContextData,
    Value, //
};
use kernel::prelude::*;

/// Addresses of a context and of what belongs to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContextAddresses {
    pub(crate) context: u64,
    /// The notifier, the last word of it, and the list that it is to be in.
    pub(crate) notifier: u64,
    pub(crate) notifier_unk_buf: u64,
    pub(crate) notifier_list: u64,
    /// The client that it is of.
    pub(crate) client: Client,
}

/// The context of a user queue.
///
/// It may be dropped only after [`Context::destroy`], when the firmware is dead, or if the firmware
/// has never had a job of it.
pub(crate) struct Context {
    data: Shared,
    client: Client,
    pub(crate) notifier: Notifier,
}

impl Context {
    /// Returns the context of the user queue with number `queue`, of `client`.
    pub(crate) fn new(heaps: &Heaps, queue: u32, client: Client) -> Result<Self> {
        let mut data = GpuContextData::zeroed();
        data.set(GpuContextData::QUEUE_TABLE_INDEX, 0xff)
            .set(GpuContextData::PID_TABLE_INDEX, 0xff)
            .set(GpuContextData::UNK_5, 1)
            .set(GpuContextData::UNK_1E, 0xff)
            .set(GpuContextData::UNK_23, 2);
        Ok(Self {
            data: Shared::copy_of(&heaps.shared, data.as_bytes())?,
            client,
            notifier: Notifier::new(heaps, queue)?,
        })
    }

    /// Returns what its work queues refer to.
    pub(crate) fn addresses(&self) -> ContextAddresses {
        ContextAddresses {
            context: self.data.va(),
            notifier: self.notifier.va(),
            notifier_unk_buf: self.notifier.unk_buf_va(),
            notifier_list: self.notifier.list_va(),
            client: self.client,
        }
    }

    /// Waits until the firmware has destroyed the context. No command of its queues may be in
    /// flight.
    pub(crate) async fn destroy(&self, firmware: &Firmware) -> Result {
        let mut bytes = [0; GpuContextData::SIZE];
        self.data.read(0, &mut bytes)?;
        let data = GpuContextData::from_bytes(bytes);
        let ids = ContextIds {
            queue_table_index: data.get(GpuContextData::QUEUE_TABLE_INDEX),
            pid_table_index: data.get(GpuContextData::PID_TABLE_INDEX),
            unk_4: data.get(GpuContextData::UNK_4),
            unk_23: data.get(GpuContextData::UNK_23),
        };
        firmware
            .control()
            .destroy_context(self.data.va(), ids)
            .await
    }
}
