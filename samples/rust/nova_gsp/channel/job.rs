// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs of a channel, and the words in memory that order them.

use crate::method::Methods;
use kernel::{
    dma::{
        Coherent,
        DmaAddress, //
    },
    prelude::*,
    sync::Arc, //
};

/// A word in memory that channels write and wait for.
#[derive(Clone)]
pub(crate) struct Word {
    pub(crate) memory: Arc<Coherent<[u32]>>,
    pub(crate) index: usize,
    pub(crate) value: u32,
}

impl Word {
    fn address(&self) -> DmaAddress {
        self.memory.dma_address() + (self.index * size_of::<u32>()) as DmaAddress
    }
}

/// The mistake that a job is made to contain, for tests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    /// A method that the engine does not have.
    Method,
    /// An address behind all memory: at address 0 some machines have some.
    Address,
}

/// Memory that is copied from or to.
type Bytes = Arc<Coherent<[u8]>>;

/// A job. Its memory stays until the queue retires it.
pub(crate) struct Job {
    /// The channel waits for it first.
    pub(crate) acquire: Option<Word>,
    /// Bytes are copied: from, to, how many.
    pub(crate) copy: Option<(Bytes, Bytes, usize)>,
    pub(crate) wrong: Wrong,
    /// The channel writes it at the end.
    pub(crate) release: Option<Word>,
}

impl Job {
    /// Returns a job that does nothing.
    pub(crate) fn new() -> Self {
        Self {
            acquire: None,
            copy: None,
            wrong: Wrong::Nothing,
            release: None,
        }
    }

    /// Returns the methods for the job, which is the channel's `number`-th, as written to `at`.
    pub(super) fn methods(&self, number: u32, at: DmaAddress) -> Methods {
        let mut methods = Methods::new();
        if let Some(word) = &self.acquire {
            methods.acquire(word.address(), word.value);
        }
        if let Some((from, to, length)) = &self.copy {
            methods.copy(from.dma_address(), to.dma_address(), *length as u32);
        }
        match self.wrong {
            Wrong::Nothing => {}
            Wrong::Method => methods.unknown(),
            Wrong::Address => methods.copy(1 << 39, 1 << 39, 4),
        }
        if let Some(word) = &self.release {
            methods.release(word.address(), word.value);
        }
        methods.release(at, number);
        methods.interrupt();
        methods
    }
}
