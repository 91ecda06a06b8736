// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The callers' ends: the future of a reply, and the reply.
//!
//! Both have the slot of their call. Dropping the future gives up the call, which may be in flight;
//! dropping the reply frees the slot.

use super::{
    slot::State,
    Rpc, //
};
use core::{
    future::Future,
    mem::take,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use kernel::prelude::*;

/// The future of a reply.
pub(super) struct Answer<'a> {
    pub(super) rpc: &'a Rpc,
    pub(super) index: usize,
    pub(super) call: u32,
    /// The slot is another's: that of the reply, or free.
    pub(super) over: bool,
}

impl<'a> Future for Answer<'a> {
    type Output = Result<Reply<'a>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let rpc = self.rpc;
        let waker = cx.waker().clone();
        let (result, reply, _waker) = {
            let mut table = rpc.table.lock();
            let slot = &mut table.slots[self.index];
            match slot.state {
                State::Done(result) => (result, take(&mut slot.reply), Some(waker)),
                _ => {
                    let before = slot.waker.replace(waker);
                    drop(table);
                    drop(before);
                    return Poll::Pending;
                }
            }
        };
        self.over = true;
        let mut reply = Reply {
            rpc,
            index: self.index,
            result: 0,
            payload: reply,
        };
        // An error drops it.
        Poll::Ready(result.map(|result| {
            reply.result = result;
            reply
        }))
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let _freed = {
            let mut table = self.rpc.table.lock();
            let slot = &mut table.slots[self.index];
            match slot.state {
                State::Done(_) => Some(slot.free()),
                _ => {
                    slot.state = State::Abandoned;
                    Some((None, slot.waker.take()))
                }
            }
        };
    }
}

/// A reply. Dropping it frees the slot.
pub(crate) struct Reply<'a> {
    rpc: &'a Rpc,
    index: usize,
    pub(crate) result: u32,
    pub(crate) payload: KVVec<u8>,
}

impl Drop for Reply<'_> {
    fn drop(&mut self) {
        self.rpc.free(self.index, Some(take(&mut self.payload)));
    }
}
