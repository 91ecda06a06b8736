// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The task that starts the processor, serves it, and resets it. It alone takes messages out of
//! their queue.

use crate::{
    gsp::{
        Gsp,
        Life,
        Why, //
    },
    queue::{
        Messages,
        COUNT, //
    },
    sequencer,
    wire::{
        event,
        function,
        put,
        Poison,
        COPIED,
        HEADERS, //
    }, //
};
use core::pin::pin;
use kasync::{
    cancelled,
    consume_budget,
    irq,
    next,
    time::{
        sleep,
        timeout, //
    },
    yield_now, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Full,
            Release, //
        },
        Arc, //
    },
    time::Delta, //
};

/// The time that the processor may take to start.
const START: Delta = Delta::from_secs(5);
/// The time that it may take for an answer before it counts as dead.
const ANSWER: Delta = Delta::from_secs(5);
/// The period in which the server checks that the processor answers and that no interrupt was lost,
/// while there are calls in flight.
const LOOK: Delta = Delta::from_millis(500);
/// The number of times in a row that it may fail to start.
pub(crate) const STARTS: u32 = 3;
/// The time that it may take to unload, with all that is before the command for that.
const UNLOAD: Delta = ANSWER;
/// The period in which the server looks for room then: the processor has no interrupt for what it
/// has read.
const ROOM: Delta = Delta::from_millis(1);
const SYSTEM_INFO: usize = 0x3a0;

/// The task.
pub(crate) struct Server {
    pub(crate) gsp: Arc<Gsp>,
    pub(crate) interrupts: irq::Interrupts,
    messages: Messages,
    buffer: KVec<u8>,
    initialised: bool,
}

impl Server {
    /// Returns what the task is made of. May sleep.
    pub(crate) fn new(gsp: Arc<Gsp>, interrupts: irq::Interrupts) -> Result<Self> {
        Ok(Self {
            gsp,
            interrupts,
            messages: Messages::default(),
            buffer: KVec::from_elem(0, COPIED, GFP_KERNEL)?,
            initialised: false,
        })
    }

    /// Serves the processor until this is cancelled.
    pub(crate) async fn run(mut self) {
        let mut epoch = 0;
        let mut failures = 0;
        loop {
            let why = match self.start().await {
                Ok(()) => {
                    failures = 0;
                    epoch += 1;
                    *self.gsp.scopes.lock() = Some(KVec::new());
                    self.gsp.channels.begin();
                    self.gsp.rpc.up();
                    self.gsp.is_at(Life::Up(epoch));
                    // Never done.
                    self.serve(|_| false).await.unwrap_or(Why::Cancelled)
                }
                Err(why) => {
                    failures += 1;
                    why
                }
            };
            self.end(why, failures).await;
            if why != Why::Cancelled && failures == STARTS {
                pr_err!("the processor does not start: {why:?}\n");
            }
            if why == Why::Cancelled || failures == STARTS {
                self.gsp.events.close();
                return self.gsp.is_at(Life::Dead);
            }
            self.gsp.is_at(Life::Starts);
        }
    }

    /// Ends what the processor has to do with, and the processor.
    async fn end(&mut self, why: Why, failures: u32) {
        let gsp = self.gsp.clone();
        if why == Why::Cancelled && failures == 0 {
            self.unload().await;
        }
        gsp.is_at(Life::Ends);
        let ended = gsp.rpc.down(why.error());
        gsp.events.end();
        let scopes = gsp.scopes.lock().take();
        let mut scopes = scopes.unwrap_or_default();
        while let Some(scope) = scopes.pop() {
            // Cannot fail: this task is no part of it.
            let _joined = scope.end().await;
        }
        // With the turn, no task is writing a call any more.
        let _turn = gsp.rpc.turn.acquire(1).await;
        let registers = &gsp.rpc.registers;
        match registers.enable(false).and_then(|()| registers.reset()) {
            Ok(()) => {
                gsp.channels.reset();
                gsp.rpc.handles.reset();
            }
            Err(e) => pr_err!("the processor is out of reach: {e:?}\n"),
        }
        if why != Why::Cancelled {
            gsp.deaths.fetch_add(1, Full);
            pr_info!("the processor is reset: {why:?}; {ended} callers told\n");
        }
    }

    /// Tells the firmware to go, and waits until it says so.
    async fn unload(&mut self) {
        let _ended = self.gsp.rpc.down(ESHUTDOWN);
        match timeout(UNLOAD, self.unloaded()).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => pr_warn!("the firmware does not unload: {why:?}\n"),
            Err(_) => pr_warn!("the firmware does not unload in time\n"),
        }
    }

    async fn unloaded(&mut self) -> Result<(), Why> {
        /// Full unload: {in transition, entering GC6, level}.
        const FULL: [u8; 8] = [0; 8];
        let gsp = self.gsp.clone();
        let turn = gsp.rpc.turn.acquire(1).await;
        // What callers have left in the queue comes first.
        while !gsp.rpc.has_room(gsp.rpc.memory.framing.pages(FULL.len()))? {
            self.drain(&mut |_| ()).await?;
            sleep(ROOM).await;
        }
        gsp.rpc.send(function::UNLOADING, &FULL)?;
        drop(turn);
        let mut unloaded = false;
        loop {
            let seen = &mut |f| unloaded |= f == function::UNLOADING;
            let more = self.drain(seen).await?;
            if unloaded {
                return Ok(());
            }
            if !more && next(&mut self.interrupts).await.is_none() {
                return Err(Why::Cancelled);
            }
        }
    }

    /// Starts the processor, until it has initialised.
    async fn start(&mut self) -> Result<(), Why> {
        let gsp = self.gsp.clone();
        let fail = |e: Error| Why::Failed(e);
        let _turn = gsp.rpc.turn.acquire(1).await;
        let rpc = &gsp.rpc;
        rpc.registers.reset().map_err(fail)?;
        let table = rpc.memory.prepare().map_err(fail)?;
        rpc.begin();
        self.messages = Messages::default();
        self.initialised = false;
        gsp.halted.store(false, Release);
        rpc.registers.enable(true).map_err(fail)?;
        rpc.registers.start(table).map_err(fail)?;
        rpc.send(function::SYSTEM_INFO, &[0; SYSTEM_INFO])
            .map_err(fail)?;
        // No entries: {size, number}.
        let mut registry = [0; 8];
        put(&mut registry, 0, 8);
        rpc.send(function::REGISTRY, &registry).map_err(fail)?;
        match timeout(START, self.serve(|server| server.initialised)).await {
            Ok(None) => Ok(()),
            Ok(Some(why)) => Err(why),
            Err(_) => Err(Why::NoAnswer),
        }
    }

    /// Takes messages until one has made `done` true, for which it returns `None`, or until there
    /// is a reason to stop.
    async fn serve(&mut self, done: fn(&Self) -> bool) -> Option<Why> {
        let gsp = self.gsp.clone();
        // One timer goes on from call to call. Without calls it does not: the next one says so.
        let mut look = pin!(sleep(LOOK));
        let mut looks = true;
        let mut made = 0;
        loop {
            let more = match self.drain(&mut |_| ()).await {
                Ok(more) => more,
                Err(why) => return Some(why),
            };
            if done(self) {
                return None;
            }
            kasync::select! {
                () = cancelled() => return Some(Why::Cancelled),
                count = next(&mut self.interrupts) => if count.is_none() {
                    return Some(Why::Cancelled);
                },
                () = gsp.rpc.trouble.notified() => if let Some(why) = gsp.rpc.distrusted() {
                    return Some(Why::Poison(why));
                },
                () = yield_now(), if more => (),
                () = gsp.rpc.begun.notified(), if !looks => {
                    looks = true;
                    look.set(sleep(LOOK));
                },
                () = look.as_mut(), if looks => {
                    gsp.acknowledge();
                    if gsp.rpc.oldest() > ANSWER {
                        return Some(Why::NoAnswer);
                    }
                    looks = !gsp.rpc.is_idle(&mut made);
                    look.set(sleep(LOOK));
                },
            }
        }
    }

    /// Takes messages that are there, as many as the ring has room for, and tells `seen` of each.
    /// Returns whether there may be more: a processor that always has one more does not keep the
    /// task from all else.
    async fn drain(&mut self, seen: &mut (impl FnMut(u32) + Send)) -> Result<bool, Why> {
        let gsp = self.gsp.clone();
        let mut taken = 0;
        while taken < COUNT {
            let (memory, registers) = (&gsp.rpc.memory, &gsp.rpc.registers);
            let next = self.messages.next(memory, registers, &mut self.buffer)?;
            let Some(header) = next else {
                break;
            };
            taken += 1;
            let message = &self.buffer[..header.end];
            match header.function {
                event::INIT_DONE => self.initialised = true,
                event::SEQUENCER if !self.initialised => {
                    let payload = &message[HEADERS..];
                    sequencer::run(&gsp.rpc.registers, payload).await?;
                }
                event::CHANNEL_FAULT => {
                    // {engine, channel, kind, scope, partition}
                    let id = message[HEADERS..].get(4..).and_then(|b| b.first_chunk());
                    let id = id.ok_or(Poison::Length)?;
                    gsp.channels.faulted(u32::from_le_bytes(*id));
                    gsp.events.publish(&header, message);
                }
                f if f >= event::FIRST => gsp.events.publish(&header, message),
                _ => gsp.rpc.reply(&header, message),
            }
            seen(header.function);
            consume_budget().await;
        }
        if gsp.halted.load(Acquire) {
            return Err(Why::Halt);
        }
        Ok(taken == COUNT)
    }
}
