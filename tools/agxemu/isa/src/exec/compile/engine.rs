// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which engine runs shaders, and what they have done.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

use agx_lanes::{Compiler, Error};

/// What carries instructions out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The interpreter, instruction by instruction.
    Interpreter,
    /// Runs that have been reached so often are compiled, the rest is interpreted.
    Compiled {
        /// How often a run is interpreted before it is compiled.
        threshold: u32,
    },
}

/// Reached so often, a run is worth the time that its compilation takes.
const WORTHWHILE: u32 = 200;

impl Engine {
    /// The compiled engine as it is fast.
    pub const COMPILED: Self = Self::Compiled {
        threshold: WORTHWHILE,
    };

    /// Returns whether the host can run what the engine makes.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub fn check(self) -> Result<(), Error> {
        match self {
            Self::Interpreter => Ok(()),
            Self::Compiled { .. } => compiler().map(|_| ()),
        }
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "interpreted" => Ok(Self::Interpreter),
            "compiled" => Ok(Self::COMPILED),
            _ => Err(format!("no engine is called {name}")),
        }
    }
}

/// Returns the compiler of the process.
pub(super) fn compiler() -> Result<&'static Compiler, Error> {
    static COMPILER: OnceLock<Result<Compiler, Error>> = OnceLock::new();
    COMPILER
        .get_or_init(Compiler::new)
        .as_ref()
        .map_err(Error::clone)
}

/// What engines have done since the process was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Instructions of SIMD groups that compiled code has carried out.
    pub compiled: u64,
    /// Instructions that the interpreter has carried out.
    pub interpreted: u64,
    /// Pieces of code that were compiled, and the instructions in them.
    pub runs: u64,
    pub instructions: u64,
    /// Bytes of the host's code.
    pub bytes: u64,
    /// Microseconds that this took.
    pub microseconds: u64,
    /// What ended runs although it is arithmetic, and how often it was met by the compiler.
    pub refused: BTreeMap<String, u64>,
}

static COMPILED: AtomicU64 = AtomicU64::new(0);
static INTERPRETED: AtomicU64 = AtomicU64::new(0);
static REST: Mutex<Statistics> = Mutex::new(Statistics {
    compiled: 0,
    interpreted: 0,
    runs: 0,
    instructions: 0,
    bytes: 0,
    microseconds: 0,
    refused: BTreeMap::new(),
});

/// Changes what is counted by the compiler.
pub(super) fn count(change: impl FnOnce(&mut Statistics)) {
    change(&mut REST.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Returns what engines have done. Threads that still run add what they have counted when they end.
pub fn statistics() -> Statistics {
    let rest = REST.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Statistics {
        compiled: COMPILED.load(Relaxed),
        interpreted: INTERPRETED.load(Relaxed),
        ..rest
    }
}

/// Counts of one thread, which the statistics get in the end.
#[derive(Default)]
pub(in crate::exec) struct Counts {
    pub compiled: u64,
    pub interpreted: u64,
}

impl Drop for Counts {
    fn drop(&mut self) {
        COMPILED.fetch_add(self.compiled, Relaxed);
        INTERPRETED.fetch_add(self.interpreted, Relaxed);
    }
}
