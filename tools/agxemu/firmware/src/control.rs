// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device control: messages that concern the firmware as a whole.
//!
//! A message counts as done for the host when the read pointer moves past it, so that happens last.

use crate::abi::{context_data, device_control as dc, grow_tvb_ack, recover_channel};
use crate::core::Core;
use crate::machine::Level;
use crate::memory::Record;
use crate::panic::{bail, ensure, field, Fw};
use crate::report::Log;

impl Core {
    /// Handles everything in the ring.
    pub(crate) fn control(&mut self) -> Fw<()> {
        while let Some(r) = self.ch.device_control.peek(&self.mem)? {
            let kind = r.u32(0);
            ensure!(
                self.up || kind == dc::INITIALIZE,
                "{r}: type {kind:#x}, the first message must be Initialize"
            );
            self.control_message(&r, kind)?;
            self.ch.device_control.advance(&self.mem)?;
        }
        Ok(())
    }

    fn control_message(&mut self, r: &Record, kind: u32) -> Fw<()> {
        match kind {
            dc::INITIALIZE => self.initialize(r),
            dc::DESTROY_CONTEXT => self.destroy_context(r),
            dc::RECOVER_CHANNEL => self.recover_channel(
                r.u32(recover_channel::TYPE),
                r.u64(recover_channel::QUEUE),
                r.u32(recover_channel::VALUE),
            ),
            dc::GROW_TVB_ACK => {
                r.word("word 4", 4, 1)?;
                let slot = r.u32(grow_tvb_ack::BUFFER_SLOT);
                bail!("{r}: GrowTVBAck for buffer slot {slot}, which did not ask to grow")
            }
            dc::IDLE_POWER_OFF => {
                let line = format!("IdlePowerOff {:#x}", r.u32(4));
                self.log(Log::Info, &line)
            }
            // Messages that macOS sends and whose effect is not known, at both ids that they may have.
            dc::WRITE32 | 0x09 | 0x0b..=0x0d | 0x13..=0x17 | 0x1e | 0x1f | 0x23 | 0x24 => {
                let line = format!("device control message {kind:#x} has no effect here");
                self.mem.machine().log(Level::Warn, &line);
                self.log(Log::Notice, &line)
            }
            other => bail!("{r}: unknown type {other:#x}"),
        }
    }

    fn initialize(&mut self, r: &Record) -> Fw<()> {
        ensure!(!self.up, "{r}: second Initialize");
        r.zero(4..r.size())?;
        self.up = true;
        self.log(Log::Info, "globals taken over, GPU initialised")
    }

    fn destroy_context(&mut self, r: &Record) -> Fw<()> {
        let context = r.u64(dc::DESTROY_CONTEXT_VA);
        let (index, process) = (
            r.u8(dc::DESTROY_CONTEXT_CTX),
            r.u8(dc::DESTROY_CONTEXT_CTX + 1),
        );
        r.zero(4..8)?;
        r.zero(9..dc::DESTROY_CONTEXT_CTX)?;
        if context == 0 {
            ensure!(
                (index, process) == (0xff, 0xff),
                "{r}: DestroyContext without context, for indices {index:#x}, {process:#x}"
            );
        } else {
            let c = self.mem.record("context", context, 0x40)?;
            field!(r, "context byte 0x23", r.u8(8), c.u8(context_data::UNK_23));
            field!(r, "context byte 0", index, c.u8(0));
            field!(r, "context byte 1", process, c.u8(1));
            field!(
                r,
                "context byte 4",
                r.u8(dc::DESTROY_CONTEXT_CTX + 2),
                c.u8(4)
            );
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
        Ok(())
    }

    /// Gives the context of a new queue its table indices.
    pub(crate) fn index_context(&mut self, context: u64) -> Fw<()> {
        let c = self.mem.record("context", context, 0x40)?;
        if c.u8(0) == 0xff {
            ensure!(
                c.u8(1) == 0xff,
                "{c}: only one of two table indices is free"
            );
            let index = self.contexts;
            // 0xff stands for "none".
            self.contexts = (self.contexts + 1) % 0xff;
            self.mem.write(context, &[index, index])?;
        }
        Ok(())
    }
}
