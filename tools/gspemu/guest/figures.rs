// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What calls cost by nova-core's queue. `samples/rust/nova_gsp/figures.rs` measures the same of
//! the queue there.

use crate::{
    driver::Bar0,
    gsp::{
        cmdq::{
            Cmdq,
            CommandToGsp,
            MessageFromGsp, //
        },
        fw::MsgFunction, //
    },
    sbuffer::SBufferIter, //
};
use core::{
    array,
    convert::Infallible,
    ptr::from_ref, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc,
        Completion, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    },
    workqueue, //
};

const CLIENT: u32 = 0xc1e0_0001;
const SUBDEVICE: u32 = 0xc1e0_0003;
const ECHO: u32 = 0x2080_ff01;
const EVENTS: u32 = 0x2080_ff02;
const LATE: u32 = 0x2080_ff03;
const EVENTS_SENT: u32 = 100;

/// A control of the subdevice that is there from the beginning, with two words of parameters.
struct Control([u32; 8]);

impl Control {
    fn new(command: u32, parameters: [u32; 2]) -> Self {
        Self([
            CLIENT,
            SUBDEVICE,
            command,
            0,
            8,
            0,
            parameters[0],
            parameters[1],
        ])
    }
}

impl CommandToGsp for Control {
    const FUNCTION: MsgFunction = MsgFunction::GspRmControl;
    type Command = [u32; 8];
    type Reply = Controlled;
    type InitError = Infallible;

    fn init(&self) -> impl Init<Self::Command, Self::InitError> {
        self.0
    }
}

/// Its reply.
struct Controlled([u32; 8]);

impl MessageFromGsp for Controlled {
    const FUNCTION: MsgFunction = MsgFunction::GspRmControl;
    type InitError = Infallible;
    type Message = [u32; 8];

    fn read(
        message: &Self::Message,
        _rest: &mut SBufferIter<array::IntoIter<&[u8], 2>>,
    ) -> Result<Self, Self::InitError> {
        Ok(Self(*message))
    }
}

/// An event.
struct Post;

impl MessageFromGsp for Post {
    const FUNCTION: MsgFunction = MsgFunction::PostEvent;
    type InitError = Infallible;
    type Message = [u32; 8];

    fn read(
        _message: &Self::Message,
        _rest: &mut SBufferIter<array::IntoIter<&[u8], 2>>,
    ) -> Result<Self, Self::InitError> {
        Ok(Self)
    }
}

/// What threads that call at once have in common.
#[pin_data]
struct Round {
    left: Atomic<u32>,
    failed: Atomic<u32>,
    sum: Atomic<u64>,
    most: Atomic<u64>,
    #[pin]
    done: Completion,
}

/// What threads have for as long as [`Round::done`] is awaited.
#[derive(Clone, Copy)]
struct Borrowed(*const Cmdq, *const ());

// SAFETY: Both are shared references, of types that threads may share.
unsafe impl Send for Borrowed {}

impl Round {
    fn new(threads: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                left: Atomic::new(threads),
                failed: Atomic::new(0),
                sum: Atomic::new(0),
                most: Atomic::new(0),
                done <- Completion::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Runs `f` on as many threads as the round is for, and waits for them.
    fn run(
        self: &Arc<Self>,
        threads: u32,
        cmdq: &Cmdq,
        bar: Bar0<'_>,
        f: impl Fn(&Self, u32, &Cmdq, Bar0<'_>) + Copy + Send + 'static,
    ) -> Result {
        for n in 0..threads {
            let round = self.clone();
            let borrowed = Borrowed(from_ref(cmdq), from_ref(bar).cast());
            let thread = move || {
                let Borrowed(cmdq, bar) = { borrowed };
                // SAFETY: `run()` borrows both until all threads have come to the end of this.
                let (cmdq, bar) = unsafe { (&*cmdq, &*bar.cast()) };
                f(&round, n, cmdq, bar);
                if round.left.fetch_sub(1, Full) == 1 {
                    round.done.complete_all();
                }
            };
            if workqueue::system_unbound()
                .try_spawn(GFP_KERNEL, thread)
                .is_err()
            {
                self.failed.fetch_add(1, Relaxed);
                if self.left.fetch_sub(1, Full) == 1 {
                    self.done.complete_all();
                }
            }
        }
        self.done.wait_for_completion();
        match self.failed.load(Relaxed) {
            0 => Ok(()),
            _ => Err(EIO),
        }
    }

    /// Calls, and notes what it took.
    fn call(&self, cmdq: &Cmdq, bar: Bar0<'_>, command: u32, parameters: [u32; 2]) {
        let begin = Instant::<Monotonic>::now();
        let result = cmdq.send_command(bar, Control::new(command, parameters));
        let took = begin.elapsed().as_nanos().unsigned_abs();
        if !result.is_ok_and(|reply| reply.0[3] == 0) {
            self.failed.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(took, Relaxed);
        if took > self.most.load(Relaxed) {
            self.most.store(took, Relaxed);
        }
    }
}

/// Begins or ends a region of a profile: hints without an effect (tools/bench/plugin.h).
fn region(begins: bool) {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: Hints of these numbers do nothing.
    unsafe {
        if begins {
            core::arch::asm!("hint #0x60");
        } else {
            core::arch::asm!("hint #0x61");
        }
    }
    #[cfg(not(target_arch = "aarch64"))]
    let _ = begins;
}

/// Has so many callers call so often, and prints what it takes.
fn callers(
    cmdq: &Cmdq,
    bar: Bar0<'_>,
    name: &str,
    threads: u32,
    calls: u32,
    command: u32,
    ms: u32,
) -> Result {
    let round = Round::new(threads)?;
    region(true);
    let begin = Instant::<Monotonic>::now();
    round.run(threads, cmdq, bar, move |round, _, cmdq, bar| {
        for _ in 0..calls {
            round.call(cmdq, bar, command, [ms, 0]);
        }
    })?;
    let all = begin.elapsed().as_micros_ceil();
    region(false);
    let mean = round.sum.load(Relaxed) / u64::from(threads * calls) / 1000;
    let most = round.most.load(Relaxed) / 1000;
    pr_info!(
        "figure: {name}, {threads} callers, {calls} calls each: {mean} us a call, \
         {most} at most, {all} in all\n"
    );
    Ok(())
}

/// Has events come while commands wait, and counts those that a thread receives which polls for
/// them all the time.
fn events(cmdq: &Cmdq, bar: Bar0<'_>) -> Result {
    let round = Round::new(2)?;
    round.run(2, cmdq, bar, |round, n, cmdq, bar| {
        if n == 0 {
            for _ in 0..10 {
                round.call(cmdq, bar, EVENTS, [EVENTS_SENT / 10, 0]);
            }
            return;
        }
        let begin = Instant::<Monotonic>::now();
        let mut heard = 0u32;
        while begin.elapsed() < Delta::from_secs(2) {
            match cmdq.receive_msg::<Post>(Delta::from_millis(5)) {
                Ok(_) => heard += 1,
                // None, or a message of another kind, which is lost now.
                Err(_) => continue,
            }
        }
        pr_info!("figure: events, {EVENTS_SENT} sent while commands wait: {heard} heard\n");
    })
}

/// Prints all figures.
pub(crate) fn print(cmdq: &Cmdq, bar: Bar0<'_>) -> Result {
    for threads in [1, 4, 16] {
        callers(cmdq, bar, "short calls", threads, 256 / threads, ECHO, 0)?;
    }
    for threads in [1, 4, 16] {
        callers(cmdq, bar, "calls of 5 ms", threads, 64 / threads, LATE, 5)?;
    }
    if let Err(e) = events(cmdq, bar) {
        // A reply that the listener has taken is lost to its caller.
        pr_info!("figure: events, a caller fails: {e:?}\n");
    }
    Ok(())
}
