// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device control: messages that concern the firmware as a whole.
//!
//! A message counts as done for the host when the read pointer moves past it, so that happens last.

use agx_abi::channel::{device_control as dc, DestroyContext, DeviceControlMessage};
use agx_abi::channel::{GrowTvbAck, IdlePowerOff, RecoverChannel};
use agx_abi::queue::GpuContextData;
use agx_abi::{init, Field, Numbers, Value};

use crate::core::{Core, MS};
use crate::machine::Level;
use crate::memory::Record;
use crate::panic::{bail, ensure, Fw, Panic};
use crate::report::Log;

/// What an index is while there is none.
const NO_INDEX: u8 = 0xff;

impl Core {
    /// Handles everything in the ring.
    pub(crate) fn control(&mut self) -> Fw<()> {
        let initialize = dc::INITIALIZE.of(self.mem.abi) as u32;
        while let Some(r) = self.ch.device_control.peek(&self.mem)? {
            let kind = r.get(DeviceControlMessage::KIND);
            ensure!(
                self.up || kind == initialize,
                "{r}: type {kind:#x}, the first message must be Initialize"
            );
            if kind == initialize && !self.up && !self.is_initialized() {
                return Ok(());
            }
            self.control_message(&r, kind)?;
            self.ch.device_control.advance(&self.mem)?;
        }
        Ok(())
    }

    /// Returns whether the time that Initialize takes is over; it starts with the first question.
    fn is_initialized(&mut self) -> bool {
        let now = self.now();
        let ms = self.behaviour.initialize_ms;
        let done = *self.initialized_at.get_or_insert(now + ms * MS);
        if now < done {
            return false;
        }
        self.initialized_at = None;
        true
    }

    fn control_message(&mut self, r: &Record, kind: u32) -> Fw<()> {
        let abi = self.mem.abi;
        let is = |types: Numbers| types.of(abi) == kind as usize;
        match kind {
            _ if is(dc::INITIALIZE) => self.initialize(r),
            _ if is(dc::DESTROY_CONTEXT) => self.destroy_context(r),
            _ if is(dc::RECOVER_CHANNEL) => self.recover_channel(
                r.get(RecoverChannel::PIPE),
                r.get(RecoverChannel::QUEUE),
                r.get(RecoverChannel::EVENT_VALUE),
            ),
            _ if is(dc::GROW_TVB_ACK) => {
                r.want("word 4", GrowTvbAck::UNK_4, 1)?;
                r.want("sub-pipe", GrowTvbAck::SUBPIPE, 0)?;
                let slot = r.get(GrowTvbAck::BUFFER_SLOT);
                let vm_slot = r.get(GrowTvbAck::VM_SLOT);
                let counter = r.get(GrowTvbAck::COUNTER);
                // No driver has given another; what that would do is not known.
                let halts = self.mem.at(self.init.status, init::FwStatus::HALT_COUNT);
                let halts = self.mem.u64(halts)?;
                self.mem
                    .usual(r, "halts of GrowTVBAck", GrowTvbAck::HALT_COUNT, halts);
                self.tvb
                    .answer(&self.mem, slot, vm_slot, counter)
                    .map_err(|e| Panic(format!("{r}: {e}")))
            }
            _ if is(dc::IDLE_POWER_OFF) => {
                let line = format!("IdlePowerOff {:#x}", r.get(IdlePowerOff::VALUE));
                self.log(Log::Info, &line)
            }
            // Messages that macOS sends and whose effect is not known, at both ids that they may
            // have.
            0x09 | 0x0b..=0x0d | 0x13..=0x19 | 0x1e | 0x1f | 0x23 | 0x24 => {
                let line = format!("device control message {kind:#x} has no effect here");
                self.mem.machine().log(Level::Warn, &line);
                self.log(Log::Notice, &line)
            }
            other => bail!("{r}: unknown type {other:#x}"),
        }
    }

    fn initialize(&mut self, r: &Record) -> Fw<()> {
        ensure!(!self.up, "{r}: second Initialize");
        r.zero(r.end(DeviceControlMessage::KIND)..r.size())?;
        self.up = true;
        self.write_statistics()?;
        self.log(Log::Info, "globals taken over, GPU initialised")
    }

    /// Writes all of the fragment statistics, if they are large, but for the words that start with
    /// -1.
    pub(crate) fn write_statistics(&mut self) -> Fw<()> {
        if !self.behaviour.large_statistics {
            return Ok(());
        }
        let abi = self.mem.abi;
        let tail = init::STATS_FRAGMENT_SMALL.of(abi)..init::STATS_FRAGMENT_LARGE.of(abi);
        let bytes = vec![0x5a; tail.len()];
        let at = self.init.fragment_stats + tail.start as u64;
        self.mem.write(at, &bytes)
    }

    fn destroy_context(&mut self, r: &Record) -> Fw<()> {
        type D = DestroyContext;
        let context = r.get(D::CONTEXT);
        r.want("word 4", D::UNK_4, 0)?;
        r.zero_between(D::UNK_23, D::QUEUE_TABLE_INDEX)?;
        if context == 0 {
            r.want(
                "queue table index without a context",
                D::QUEUE_TABLE_INDEX,
                NO_INDEX,
            )?;
            r.want(
                "process table index without a context",
                D::PID_TABLE_INDEX,
                NO_INDEX,
            )?;
        } else {
            let c = self.mem.record("context", context, GpuContextData::SIZE)?;
            let want = |name: &str, field: Field<D, u8>, own: Field<GpuContextData, u8>| {
                r.want(name, field, c.get(own))
            };
            want("byte 0x23", D::UNK_23, GpuContextData::UNK_23)?;
            let (queues, processes) = (D::QUEUE_TABLE_INDEX, D::PID_TABLE_INDEX);
            want(
                "queue table index",
                queues,
                GpuContextData::QUEUE_TABLE_INDEX,
            )?;
            want(
                "process table index",
                processes,
                GpuContextData::PID_TABLE_INDEX,
            )?;
            want("byte 4", D::UNK_CONTEXT_4, GpuContextData::UNK_4)?;
            self.forget_context(context)?;
        }
        // Either way, the whole cache is cleaned.
        self.objects.flush();
        self.retired.clear();
        self.mem.flushed_all();
        self.counters.flushes += 1;
        self.log(
            Log::Debug,
            if context == 0 {
                "cache flushed"
            } else {
                "context destroyed"
            },
        )
    }

    fn forget_context(&mut self, context: u64) -> Fw<()> {
        let mut gone = Vec::new();
        for queue in self.queues.values().filter(|q| q.context == context) {
            ensure!(
                queue.is_idle(),
                "DestroyContext {context:#x}: {queue} has commands pending"
            );
            gone.push(queue.info);
        }
        for info in gone {
            self.slots.release(info);
            self.queues.remove(&info);
        }
        self.tvb.forget(context);
        Ok(())
    }

    /// Gives the context of a new queue its table indices.
    pub(crate) fn index_context(&mut self, context: u64) -> Fw<()> {
        let c = self.mem.record("context", context, GpuContextData::SIZE)?;
        if c.get(GpuContextData::QUEUE_TABLE_INDEX) == NO_INDEX {
            c.want(
                "process table index",
                GpuContextData::PID_TABLE_INDEX,
                NO_INDEX,
            )?;
            let index = self.contexts;
            self.contexts = (self.contexts + 1) % NO_INDEX;
            // Both indices, which are neighbours.
            self.mem.write(context, &[index, index])?;
        }
        Ok(())
    }
}
