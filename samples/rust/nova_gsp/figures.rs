// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The cost of calls. `tools/gspemu/guest/figures.rs` measures the same of nova-core's own queue.

use crate::{
    clients::Clients,
    subdevice::{
        control,
        Subdevice, //
    },
    wire::event, //
};
use kasync::{
    join,
    time::{
        timeout,
        Instant, //
    }, //
};
use kernel::{
    prelude::*,
    sync::atomic::Relaxed,
    time::Delta, //
};

const EVENTS_SENT: u32 = 100;

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

/// Calls so often, and returns what that took, in nanoseconds: in all, and at most. The object is
/// returned, too.
async fn caller(
    subdevice: Subdevice,
    calls: u32,
    command: u32,
    ms: u32,
) -> Result<(Subdevice, i64, i64)> {
    let (mut sum, mut most) = (0, 0);
    for _ in 0..calls {
        let begin = Instant::now();
        subdevice.words(command, [ms, 0]).await?;
        let took = begin.elapsed().as_nanos();
        sum += took;
        most = most.max(took);
    }
    Ok((subdevice, sum, most))
}

impl Clients {
    /// Prints all figures.
    pub(crate) async fn figures(&self) -> Result {
        self.gsp.is_up().await?;
        for callers in [1, 4, 16] {
            self.callers("short calls", callers, 256 / callers, control::ECHO, 0)
                .await?;
        }
        for callers in [1, 4, 16] {
            self.callers("calls of 5 ms", callers, 64 / callers, control::LATE, 5)
                .await?;
        }
        self.events_heard().await?;
        let counters = &self.gsp.rpc.counters;
        let calls = counters.calls.load(Relaxed).max(1);
        let held = counters.held.load(Relaxed) / calls / 1000;
        let most = counters.held_most.load(Relaxed) / 1000;
        pr_info!("figure: turn held {held} us a call, {most} at most; {calls} calls\n");
        Ok(())
    }

    /// Has so many callers call so often, and prints what it takes.
    async fn callers(&self, name: &str, callers: u32, calls: u32, command: u32, ms: u32) -> Result {
        // Objects are made and freed by calls, too, which do not count.
        let mut subdevices = KVec::new();
        for _ in 0..callers {
            subdevices.push(Subdevice::open(&self.gsp.rpc).await?, GFP_KERNEL)?;
        }
        let mut tasks = KVec::with_capacity(subdevices.len(), GFP_KERNEL)?;
        region(true);
        let begin = Instant::now();
        while let Some(subdevice) = subdevices.pop() {
            let task = self
                .scope
                .spawn(c"caller", caller(subdevice, calls, command, ms))?;
            tasks.push(task, GFP_KERNEL)?;
        }
        let (mut sum, mut most) = (0, 0);
        let mut ended = KVec::with_capacity(tasks.len(), GFP_KERNEL)?;
        while let Some(task) = tasks.pop() {
            let (subdevice, took, longest) = task.await?;
            sum += took;
            most = most.max(longest);
            ended.push(subdevice, GFP_KERNEL)?;
        }
        let all = begin.elapsed().as_micros_ceil();
        region(false);
        while let Some(subdevice) = ended.pop() {
            subdevice.close().await?;
        }
        let mean = sum / i64::from(callers * calls) / 1000;
        pr_info!(
            "figure: {name}, {callers} callers, {calls} calls each: {mean} us a call, \
             {} at most, {all} in all\n",
            most / 1000
        );
        Ok(())
    }

    /// Has events come while commands wait, and counts those that are heard.
    async fn events_heard(&self) -> Result {
        let subdevice = Subdevice::open(&self.gsp.rpc).await?;
        let mut stream = self.gsp.events.subscribe(event::POST, 128)?;
        let calls = async {
            for _ in 0..10 {
                subdevice
                    .words(control::EVENTS, [EVENTS_SENT / 10, 0])
                    .await?;
            }
            Ok::<_, Error>(())
        };
        let mut heard = 0;
        let hears = timeout(Delta::from_secs(2), async {
            while heard < EVENTS_SENT && stream.recv().await.is_some() {
                heard += 1;
            }
        });
        let (calls, _) = join!(calls, hears);
        calls?;
        pr_info!("figure: events, {EVENTS_SENT} sent while commands wait: {heard} heard\n");
        subdevice.close().await
    }
}
