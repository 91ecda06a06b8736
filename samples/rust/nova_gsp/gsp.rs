// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The processor's life: started, served, and when it dies, reset and started again.
//!
//! ```text
//!             ┌───────────────────────────────────────────────────────────────┐
//!             ▼                                                               │
//!  reset ── starts ──────────────► up: calls, events ──────────────► dies ── ends
//!             │ poison, halt,        │ cancelled          halt, poison,  calls, streams,
//!             │ out of time          ▼                    no answer      the life's scopes
//!             ▼                    unloads
//!          dead, for good            │
//!                                    ▼
//!                                  reset, and dead: nothing is accessed any more
//! ```
//!
//! What has to be undone of a life is undone by the reset that ends it, and only of a life that
//! there is: a channel is made while the processor lives, or not at all. All of it is one task, in
//! [`server`](crate::server).

use crate::{
    channel::Channels,
    events::Events,
    rpc::Rpc,
    wire::Poison, //
};
use kasync::{
    irq,
    sync::watch,
    Scope, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Release, //
        },
        Arc,
        SpinLock, //
    }, //
};

/// The reason why the processor is not served any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// The driver goes.
    Cancelled,
    /// The processor has halted.
    Halt,
    /// The queues are poisoned.
    Poison(Poison),
    /// A call was not answered, or the start was not.
    NoAnswer,
    /// A register or memory could not be accessed.
    Failed(Error),
}

impl Why {
    /// Returns the error that callers get.
    pub(crate) fn error(self) -> Error {
        match self {
            Self::Cancelled => ESHUTDOWN,
            Self::Halt => ENODEV,
            Self::Poison(_) => EIO,
            Self::NoAnswer => ETIMEDOUT,
            Self::Failed(e) => e,
        }
    }
}

impl From<Poison> for Why {
    fn from(poison: Poison) -> Self {
        Self::Poison(poison)
    }
}

impl From<Error> for Why {
    fn from(e: Error) -> Self {
        Self::Failed(e)
    }
}

/// The state of the processor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// The processor has died: its tasks and calls are ended, then it is reset.
    Ends,
    /// The processor was reset, and is started.
    Starts,
    /// The processor runs, in the life with this number.
    Up(u32),
    /// The processor is not started again.
    Dead,
}

/// The processor.
#[pin_data]
pub(crate) struct Gsp {
    pub(crate) rpc: Arc<Rpc>,
    #[pin]
    pub(crate) events: Events,
    #[pin]
    pub(crate) channels: Channels,
    /// The handler has seen that it has halted.
    pub(crate) halted: Atomic<bool>,
    pub(crate) life: watch::Sender<Life>,
    /// A channel without receivers keeps no value.
    pub(crate) _life: watch::Receiver<Life>,
    /// The scopes of what is to end when the processor dies. `None` while it does not live.
    #[pin]
    pub(crate) scopes: SpinLock<Option<KVec<Scope>>>,
    /// The scope in which those scopes are made.
    lives: Scope,
    pub(crate) deaths: Atomic<u32>,
}

impl Gsp {
    pub(crate) fn new(rpc: Arc<Rpc>, lives: Scope) -> Result<Arc<Self>> {
        let (life, receiver) = watch::channel(Life::Starts)?;
        Arc::pin_init(
            pin_init!(Self {
                rpc,
                events <- Events::new(),
                channels <- Channels::new(),
                halted: Atomic::new(false),
                life,
                _life: receiver,
                scopes <- new_spinlock!(None),
                lives,
                deaths: Atomic::new(0),
            }),
            GFP_KERNEL,
        )
    }

    /// Waits until the processor is up.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it will not be.
    pub(crate) async fn is_up(&self) -> Result {
        let mut life = self.life.subscribe();
        loop {
            match life.get() {
                Life::Up(_) => return Ok(()),
                Life::Dead => return Err(ENODEV),
                Life::Ends | Life::Starts => {}
            }
            if life.changed().await.is_err() {
                return Err(ENODEV);
            }
        }
    }

    /// Makes a scope for tasks that are to end when the processor dies. May sleep: not for tasks.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if the processor does not live, `ENOMEM`.
    pub(crate) fn scope(&self, name: &'static CStr) -> Result<Scope> {
        let scope = self.lives.child(name)?;
        match &mut *self.scopes.lock() {
            Some(scopes) => scopes.push(scope.clone(), GFP_ATOMIC)?,
            None => return Err(EAGAIN),
        }
        Ok(scope)
    }

    /// Takes an interrupt back that the handler has not been told of, so that the next one comes.
    pub(crate) fn acknowledge(&self) {
        let _raised = Line::take_back(self);
    }

    /// Says what the processor is at.
    pub(crate) fn is_at(&self, life: Life) {
        // Cannot fail: there is a receiver.
        let _sent = self.life.send(life);
    }
}

/// The processor's interrupt.
pub(crate) struct Line(pub(crate) Arc<Gsp>);

impl Line {
    /// Takes an interrupt of `gsp` back, and remembers a halt. Returns whether there was one.
    fn take_back(gsp: &Gsp) -> bool {
        let raised = gsp.rpc.registers.acknowledge();
        if raised.halt {
            gsp.halted.store(true, Release);
        }
        if raised.channels {
            gsp.channels.progress();
        }
        raised.messages || raised.channels
    }
}

impl irq::Line for Line {
    /// Runs in the interrupt.
    fn acknowledge(&self) -> bool {
        Self::take_back(&self.0)
    }
}
