// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Engines: each works on one operation at a time, and cannot be stopped.

use kasync::{
    in_flight::InFlight,
    sync::watch,
    time::timeout, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Release, //
    },
    time::Delta, //
};

/// The time that the device may take for an operation before it counts as dead.
pub(crate) const LIMIT: Delta = Delta::from_secs(10);

/// The state of an engine.
///
/// ```text
///   IDLE ──(1) run(): an operation has the tag──► BUSY
///   BUSY ──(2) the device could not be started──► IDLE
///   BUSY ──(3) end(): the device is done, whether or not the client has gone──► IDLE
///   BUSY ──(4) run(): the time is over: closed for good──► DEAD
/// ```
///
/// A client that drops `run()` changes nothing: the engine is busy until (3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Idle,
    Busy,
    Dead,
}

/// An engine that accesses a `T`, and gives an `R`.
pub(crate) struct Engine<T: Send + 'static, R: Send + 'static> {
    work: InFlight<T, R>,
    /// The tag of what it is at: the device itself has no name for it.
    at: Atomic<u32>,
    /// True if an interrupt has said that it is done.
    raised: Atomic<bool>,
    /// The state, for all that want to know it.
    state: watch::Sender<State>,
    /// A channel without receivers keeps no value.
    _state: watch::Receiver<State>,
    /// The number of operations that ended after their client had gone.
    unclaimed: Atomic<u32>,
}

impl<T: Send + 'static, R: Send + 'static> Engine<T, R> {
    /// Makes an engine that is at nothing.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let (state, receiver) = watch::channel(State::Idle)?;
        Ok(Self {
            work: InFlight::new(1)?,
            at: Atomic::new(0),
            raised: Atomic::new(false),
            state,
            _state: receiver,
            unclaimed: Atomic::new(0),
        })
    }

    /// Waits until the engine is free, has it work on `memory`, and waits until it is done.
    ///
    /// `start` starts the device. If this is dropped after that, the device goes on with the
    /// memory.
    ///
    /// # Errors
    ///
    /// `ETIME` if the device has not said that it is done: it counts as dead. `ENODEV` if it does,
    /// or if it goes. Those of `start`: the device was not started then.
    pub(crate) async fn run(&self, memory: T, start: impl FnOnce() -> Result) -> Result<(T, R)>
    where
        R: Default,
    {
        let tag = self.work.reserve().await?;
        let id = tag.id();
        self.at.store(id.into(), Release);
        let operation = tag.start(memory);
        // (1)
        self.is_at(State::Busy);
        if let Err(e) = start() {
            // (2), before the room is free: the next client says that it is busy.
            self.is_at(State::Idle);
            // SAFETY: The device knows nothing of it.
            let _memory = unsafe { self.work.complete(id, R::default()) };
            return Err(e);
        }
        let result = timeout(LIMIT, operation).await;
        result.map_err(|_| {
            // (4)
            self.is_at(State::Dead);
            pr_err!("the device is dead\n");
            // Nobody waits for it any more.
            self.work.close();
            ETIME
        })
    }

    /// Takes note that the engine is done. Any context.
    pub(crate) fn raise(&self) {
        self.raised.store(true, Release);
    }

    /// Ends what the engine was at, if it is done. `result` is asked then.
    pub(crate) fn end(&self, result: impl FnOnce() -> R) {
        if !self.raised.xchg(false, Full) {
            return;
        }
        // CAST: It is a tag's.
        let id = self.at.load(Acquire) as u16;
        // (3). An engine that counts as dead stays so, however late it is done.
        if self.is_busy() {
            self.is_at(State::Idle);
        }
        // SAFETY: The device has said that it is done with what it was at.
        match unsafe { self.work.complete(id, result()) } {
            Ok(None) => (),
            // The client has gone. The memory is freed here, now that it may be.
            Ok(Some(_memory)) => {
                self.unclaimed.fetch_add(1, Full);
            }
            Err(_) => pr_err!("the device is done with nothing\n"),
        }
    }

    /// Refuses all that has not started.
    pub(crate) fn close(&self) {
        self.work.close();
    }

    /// Waits for what has started. If a client had gone, the interrupt handler may still be about
    /// to free the memory of the last: see [`Self::end`].
    ///
    /// # Errors
    ///
    /// `ETIME` if the device does not end it: it has the memory for ever.
    pub(crate) async fn drained(&self) -> Result {
        let drained = timeout(LIMIT, self.work.drain()).await;
        drained.map(|_| ()).map_err(|_| ETIME)
    }

    fn is_at(&self, state: State) {
        // Cannot fail: there is a receiver.
        let _sent = self.state.send(state);
    }

    /// Returns what the engine is at, and what it will be at.
    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Returns whether the engine works.
    pub(crate) fn is_busy(&self) -> bool {
        self.watch().get() == State::Busy
    }

    /// Returns how many operations ended whose client had gone.
    pub(crate) fn unclaimed(&self) -> u32 {
        self.unclaimed.load(Acquire)
    }
}
