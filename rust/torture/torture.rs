// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Stress tests: the executor and the job queue under random load on all processors, with hardware
//! that checks the rules.
//!
//! Loading the module runs the tests that its parameters select. It fails if a test fails.

mod device;
mod engine;
mod executor;
mod failures;
mod many;
mod ring;
mod rounds;

use core::{
    ffi::{
        c_int,
        c_uint,
        c_void,
        CStr, //
    },
    ptr, //
};
use kasync::Priority;
use kernel::{
    error::to_result,
    prelude::*, //
};

struct Torture;

module! {
    type: Torture,
    name: "torture",
    authors: ["The asahi-async authors"],
    description: "Long tests of kasync and of the job queue",
    license: "Dual MIT/GPL",
    params: {
        soak_ms: u32 {
            default: 0,
            description: "Tasks are spawned, woken, cancelled and dropped for this many milliseconds",
        },
        rounds: u32 {
            default: 0,
            description: "So many times queues, files, processes and devices go at a random moment",
        },
        jobs: u32 {
            default: 0,
            description: "So many jobs run, on 512 queues, with dependencies between them",
        },
        failures: u32 {
            default: 0,
            description: "1: each allocation fails, one after the other",
        },
        seed: u32 {
            default: 1,
            description: "Of the random numbers",
        },
    },
}

impl kernel::Module for Torture {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let done = run();
        // Fences of ours call back into this module: they have to be gone in any case.
        engine::settle()?;
        done.and_then(|()| verdict()).map(|()| Self)
    }
}

fn run() -> Result {
    let seed = module_parameters::seed.value();
    let soak = module_parameters::soak_ms.value();
    if soak != 0 {
        executor::run(soak, seed)?;
    }
    let count = module_parameters::rounds.value();
    if count != 0 {
        rounds::run(count, seed)?;
    }
    let jobs = module_parameters::jobs.value();
    if jobs != 0 {
        many::run(jobs, seed)?;
    }
    if module_parameters::failures.value() != 0 {
        failures::run()?;
    }
    Ok(())
}

/// The number of threads.
const THREADS: u32 = 4;

unsafe extern "C" {
    fn torture_threads(
        n: c_uint,
        f: unsafe extern "C" fn(*mut c_void, c_uint) -> c_int,
        data: *mut c_void,
    ) -> c_int;
    fn torture_failed(what: *const kernel::ffi::c_char, a: u64, b: u64);
    fn torture_failures() -> c_uint;
}

/// # Safety
///
/// `data` points to an `F` that may be called now, by several threads.
unsafe extern "C" fn call<F: Fn(u32) -> Result + Sync>(data: *mut c_void, n: c_uint) -> c_int {
    // SAFETY: `data` points to an `F` that may be called now, by the safety requirements.
    match unsafe { (*data.cast::<F>())(n) } {
        Ok(()) => 0,
        Err(e) => e.to_errno(),
    }
}

/// Calls `f` in [`THREADS`] threads at once, with their numbers, and waits.
fn threads<F: Fn(u32) -> Result + Sync>(f: F) -> Result {
    // SAFETY: `f` is there until all threads have ended, which this waits for, and may be shared.
    to_result(unsafe { torture_threads(THREADS, call::<F>, ptr::from_ref(&f).cast_mut().cast()) })
}

/// Counts, and says, that something is not as it has to be.
fn failed(what: &CStr, a: u64, b: u64) {
    // SAFETY: The string is only read.
    unsafe { torture_failed(what.as_char_ptr(), a, b) }
}

/// Fails if anything was not as it has to be.
fn verdict() -> Result {
    // SAFETY: Only reads a counter, which is atomic.
    match unsafe { torture_failures() } {
        0 => Ok(()),
        n => {
            pr_err!("{n} failures\n");
            Err(EIO)
        }
    }
}

/// Random numbers (xorshift), the same ones for the same seed.
struct Random(u32);

impl Random {
    fn new(seed: u32, n: u32) -> Self {
        let mut this = Self(seed.wrapping_mul(0x9e37_79b9) ^ n.wrapping_mul(0x85eb_ca6b) | 1);
        for _ in 0..8 {
            this.next();
        }
        this
    }

    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// Returns a random number below `n`.
    fn below(&mut self, n: u32) -> u32 {
        self.next() % n
    }

    /// The priority of an executor.
    fn priority(&mut self) -> Priority {
        match self.below(3) {
            0 => Priority::Normal,
            1 => Priority::High,
            _ => Priority::Realtime,
        }
    }

    /// Returns true once in `n` times.
    fn once_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }
}
