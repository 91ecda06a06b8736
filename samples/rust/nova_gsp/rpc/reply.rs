// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Replies: each goes to the slot of its call.

use super::{
    count,
    slot::State,
    Rpc,
    SLOTS, //
};
use crate::wire::{
    function,
    Header,
    HEADERS, //
};
use core::mem::take;
use kernel::prelude::*;

impl Rpc {
    /// Takes a reply, which is in `message` with its headers.
    pub(crate) fn reply(&self, header: &Header, message: &[u8]) {
        self.room.notify_one();
        let payload = message.get(HEADERS..header.end).unwrap_or_default();
        let is_rest = header.function == function::CONTINUATION;
        let found = {
            let mut table = self.table.lock();
            let partial = table.partial.take();
            let index = match is_rest {
                true => partial,
                false => Some(header.call as usize % SLOTS),
            };
            index.and_then(|index| {
                let slot = table.slots.get_mut(index)?;
                // One reply has one first message.
                let is_first = slot.function == header.function && slot.reply.is_empty();
                let is_its =
                    slot.is_in_flight() && slot.call == header.call && (is_first || is_rest);
                // Filled without the lock: the call remains in flight, and only this function
                // accesses the memory of its reply then.
                is_its.then(|| (index, slot.expects, take(&mut slot.reply)))
            })
        };
        let Some((index, expects, mut reply)) = found else {
            return count(&self.counters.stray);
        };
        let fits = payload.len() <= expects - reply.len()
            // Cannot fail: there is room for what may be expected.
            && reply.extend_from_slice(payload, GFP_NOWAIT).is_ok();
        // As long as a message can be: the rest is in the next.
        let goes_on =
            fits && payload.len() == self.memory.framing.payload() && reply.len() < expects;
        let (_freed, waker, late) = {
            let mut table = self.table.lock();
            let slot = &mut table.slots[index];
            slot.reply = reply;
            if goes_on {
                table.partial = Some(index);
                return;
            }
            match slot.state {
                State::Abandoned => (Some(slot.free()), None, true),
                _ => {
                    let result = if fits {
                        Ok(header.result)
                    } else {
                        Err(EMSGSIZE)
                    };
                    slot.state = State::Done(result);
                    (None, slot.waker.take(), false)
                }
            }
        };
        count(&self.counters.replies);
        if late {
            count(&self.counters.late);
        }
        if !fits {
            count(&self.counters.oversized);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Frees a slot, and the memory of its reply goes back into it.
    pub(super) fn free(&self, index: usize, reply: Option<KVVec<u8>>) {
        let _freed = {
            let mut table = self.table.lock();
            let slot = &mut table.slots[index];
            if let Some(reply) = reply {
                slot.reply = reply;
            }
            slot.free()
        };
    }
}
