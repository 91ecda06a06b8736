// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Clients: tasks and threads that ask the engines, and go while these work.

use crate::{
    engine::State,
    memory::Memory,
    Driver, //
};
use core::future::Future;
use kasync::{
    block_on,
    cancelled,
    join,
    next,
    select,
    time::{
        timeout,
        Instant, //
    },
    Either,
    FutureSet, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    sync::atomic::Full,
    time::Delta, //
};

/// The number of requests that are left for unbinding to find.
pub(crate) const LEFT: usize = 8;

/// The number of times that a client may be slower than the device, which copies in a tenth of a
/// second, before that is no accident of a busy host any more.
const RACES: u32 = 20;

/// Returns whether the answer came, and the copy is right.
async fn is_right(answer: impl Future<Output = Result<Memory>>) -> bool {
    match answer.await {
        Ok(copy) => copy.is_copied().await,
        Err(_) => false,
    }
}

/// Says what has held, as a test does.
pub(crate) fn check(what: &str, held: bool) -> Result {
    pr_info!("{} {what}\n", if held { "ok" } else { "not ok" });
    if held {
        Ok(())
    } else {
        Err(EIO)
    }
}

impl Driver<'_> {
    /// Many tasks ask both engines at once.
    pub(crate) fn many_tasks(&self, device: &Device<Bound>) -> Result {
        let mut tasks = KVec::new();
        for n in 1..=8u8 {
            let of = u32::from(n);
            let (edu, memory) = (self.edu.clone(), Memory::new(device, n)?);
            let task = async move {
                let (factorial, memory) = join!(edu.factorial(of), edu.round_trip(memory));
                let (factorial, memory) = (factorial?, memory?);
                Ok::<_, Error>(factorial == (1..=of).product() && memory.is_copied().await)
            };
            tasks.push(self.clients.spawn(c"client", task)?, GFP_KERNEL)?;
        }
        let mut right = 0;
        for task in tasks {
            right += i32::from(block_on(task)? == Ok(true));
        }
        check("eight tasks have their factorials and copies", right == 8)
    }

    /// Has a client give up, until the device still has the copy when it has. Returns when that
    /// began, and how many copies had ended before whose client had gone.
    fn gives_up(&self, client: impl Fn() -> Result<bool>) -> Result<Option<(Instant, u32)>> {
        let copying = &self.edu.copying;
        for _ in 0..RACES {
            let (begin, before) = (Instant::now(), copying.unclaimed());
            if client()? && copying.is_busy() && copying.unclaimed() == before {
                return Ok(Some((begin, before)));
            }
        }
        Ok(None)
    }

    /// A client has less time than the device needs.
    pub(crate) fn out_of_time(&self, device: &Device<Bound>) -> Result {
        let copying = &self.edu.copying;
        let given_up = self.gives_up(|| {
            let copy = self.edu.round_trip(Memory::new(device, 0)?);
            Ok(block_on(timeout(Delta::from_millis(20), copy))?.is_err())
        })?;
        check(
            "a client is out of time, the device goes on",
            given_up.is_some(),
        )?;
        let (begin, before) = given_up.ok_or(EIO)?;
        let copy = self.edu.round_trip(Memory::new(device, 1)?);
        check("the next copy is right", block_on(is_right(copy))?)?;
        // Three times the device was at work, for a tenth of a second each: it counts milliseconds.
        check(
            "and came after the one that nobody waited for",
            copying.unclaimed() == before + 1 && begin.elapsed() >= Delta::from_millis(3 * 99),
        )
    }

    /// A client is cancelled. It ends at once, its operation does not.
    pub(crate) fn cancelled(&self, device: &Device<Bound>) -> Result {
        let copying = &self.edu.copying;
        let given_up = self.gives_up(|| {
            let scope = self.clients.child(c"cancelled")?;
            let mut state = copying.watch();
            let (edu, memory) = (self.edu.clone(), Memory::new(device, 2)?);
            let task = scope.spawn(c"client", async move {
                match select(cancelled(), edu.round_trip(memory)).await {
                    Either::Left(()) => Err(ECANCELED),
                    Either::Right(result) => result.map(|_| ()),
                }
            })?;
            block_on(async {
                while state.get() != State::Busy && state.changed().await.is_ok() {}
            })?;
            scope.cancel();
            Ok(block_on(task)? == Err(ECANCELED))
        })?;
        check(
            "a client is cancelled, the device goes on",
            given_up.is_some(),
        )?;
        let (_, before) = given_up.ok_or(EIO)?;
        let copy = self.edu.round_trip(Memory::new(device, 3)?);
        check(
            "and the next copy comes after its",
            block_on(is_right(copy))? && copying.unclaimed() == before + 1,
        )
    }

    /// Asks for more than is done before the device is unbound.
    ///
    /// One task has all the answers, and hears of them as they come.
    pub(crate) fn leave_some(&self, device: &Device<Bound>) -> Result {
        let mut state = self.edu.copying.watch();
        let mut copies = FutureSet::<_, LEFT>::new()?;
        for n in 0..LEFT {
            let (edu, memory) = (self.edu.clone(), Memory::new(device, n as u8)?);
            let copy = async move { edu.round_trip(memory).await };
            copies.push(copy).map_err(|_| EBUSY)?;
        }
        let (over, refused) = (self.over.clone(), self.refused.clone());
        let task = async move {
            while let Some(copy) = next(&mut copies).await {
                match copy {
                    Ok(memory) if memory.is_copied().await => over.fetch_add(1, Full),
                    Err(ENODEV) => refused.fetch_add(1, Full),
                    _ => 0,
                };
            }
        };
        self.clients.spawn(c"left", task)?.detach();
        // Unbinding is to find the device at it.
        block_on(async { while state.get() != State::Busy && state.changed().await.is_ok() {} })
    }
}
