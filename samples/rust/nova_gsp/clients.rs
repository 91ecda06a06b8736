// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Clients: tasks that call, all at once, and go while others wait.

use crate::{
    gsp::Gsp,
    load::Left,
    rpc::Link,
    subdevice::{
        control,
        Scratch,
        Subdevice, //
    },
    wire::{
        event,
        function,
        word, //
    }, //
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
    yield_now,
    Either,
    FutureSet,
    Scope, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Relaxed,
        Arc, //
    },
    time::Delta, //
};

/// The time that a scenario may take.
const LIMIT: Delta = Delta::from_secs(120);

/// Says what has held, as a test does.
pub(crate) fn check(what: &str, held: bool) -> Result {
    pr_info!("{} {what}\n", if held { "ok" } else { "not ok" });
    if held {
        Ok(())
    } else {
        Err(EIO)
    }
}

/// The clients of a processor.
pub(crate) struct Clients {
    pub(crate) gsp: Arc<Gsp>,
    pub(crate) scope: Scope,
    /// The channels' queues: they end before the processor goes.
    pub(crate) channels: Scope,
    pub(crate) left: Arc<Left>,
}

impl Clients {
    /// Runs a scenario, and reports it if it takes too long.
    ///
    /// Its future is made here: it is on the stack until it is on the heap.
    #[inline(never)]
    pub(crate) fn run<'a, F: Future<Output = Result> + Send>(
        &'a self,
        what: &str,
        scenario: impl FnOnce(&'a Self) -> F,
    ) -> Result {
        match block_on(timeout(LIMIT, scenario(self)))? {
            Ok(result) => result.inspect_err(|e| pr_err!("not ok {what}: {e:?}\n")),
            Err(_) => check(what, false),
        }
    }

    /// Waits until the processor runs, and opens a client of it.
    pub(crate) async fn open(&self) -> Result<Subdevice> {
        self.gsp.is_up().await?;
        Subdevice::open(&self.gsp.rpc).await
    }

    /// Runs all scenarios.
    pub(crate) fn scenarios(&self) -> Result {
        self.run("start", Self::starts)?;
        self.run("many", Self::many)?;
        self.run("reverse", Self::reverse)?;
        self.run("events", Self::events)?;
        self.run("flood", Self::flood)?;
        self.run("time", Self::time)?;
        self.run("cancel", Self::cancel)?;
        self.run("strays", Self::strays)?;
        self.run("large", Self::large)?;
        self.run("given up", Self::given_up)?;
        for how in 0..6 {
            self.run("poison", |this| this.poison(how))?;
        }
        self.run("crash", Self::crash)?;
        self.run("hang", Self::hang)
    }

    async fn starts(&self) -> Result {
        self.gsp.is_up().await?;
        check("the processor has started", self.gsp.rpc.link() == Link::Up)
    }

    /// Many tasks call at once, and each has its own answers.
    async fn many(&self) -> Result {
        const TASKS: u32 = 32;
        const CALLS: u32 = 16;
        let mut tasks = KVec::new();
        for n in 0..TASKS {
            let rpc = self.gsp.rpc.clone();
            let mut scratch = Scratch::new(9000)?;
            let task = async move {
                let subdevice = Subdevice::open(&rpc).await?;
                let mut right = 0;
                for call in 0..CALLS {
                    let length = ((n * 131 + call * 977) % 9000) as usize;
                    let echo = subdevice.echo_in(&mut scratch, n * CALLS + call, length);
                    right += u32::from(echo.await?);
                }
                subdevice.close().await?;
                Ok::<_, Error>(right)
            };
            tasks.push(self.scope.spawn(c"caller", task)?, GFP_KERNEL)?;
        }
        let mut right = 0;
        while let Some(task) = tasks.pop() {
            right += task.await?;
        }
        check(
            "32 tasks have the answers to their 512 calls",
            right == TASKS * CALLS,
        )
    }

    /// Replies come in reverse.
    async fn reverse(&self) -> Result {
        let subdevice = self.open().await?;
        let mut answers = FutureSet::<_, 8>::new()?;
        for n in 0..8u32 {
            let subdevice = &subdevice;
            let answer = async move {
                match n {
                    0 => subdevice
                        .words(control::REVERSE, [8, 0])
                        .await
                        .map(|()| (n, true)),
                    _ => Ok::<_, Error>((n, subdevice.echo(n, 100).await?)),
                }
            };
            answers.push(answer).map_err(|_| EBUSY)?;
            // The first holds back the replies to those after it.
            while n == 0 && self.gsp.rpc.in_flight() == 0 {
                if let Either::Left(_) = select(next(&mut answers), yield_now()).await {
                    return check("a reply comes before the others", false);
                }
            }
        }
        let mut right = 0;
        while let Some(answer) = next(&mut answers).await {
            right += u32::from(answer?.1);
        }
        drop(answers);
        check("replies in reverse go to their callers", right == 8)?;
        subdevice.close().await
    }

    /// Events come while a command waits.
    async fn events(&self) -> Result {
        let subdevice = self.open().await?;
        // On a machine on which they do not come within the first time: the second.
        for time in [2000, 20_000] {
            let (held, soon) = self.events_in(&subdevice, time).await?;
            if soon {
                check("200 events come, in order, while a command waits", held)?;
                return subdevice.close().await;
            }
        }
        check("200 events come while a command waits", false)
    }

    /// Returns whether all events come in order while a command waits for `time` milliseconds, and
    /// whether all come before its end.
    async fn events_in(&self, subdevice: &Subdevice, time: u32) -> Result<(bool, bool)> {
        const COUNT: u32 = 200;
        let mut stream = self.gsp.events.subscribe(event::POST, 256)?;
        let begin = Instant::now();
        let waits = async {
            let result = subdevice.words(control::LATE, [time, 0]).await;
            result.map(|()| begin.elapsed())
        };
        let hears = async {
            let sent = subdevice.words(control::EVENTS, [COUNT, 16]);
            let heard = async {
                let (mut heard, mut first, mut in_order) = (0, 0, true);
                while heard < COUNT {
                    let Some(event) = stream.recv().await else {
                        break;
                    };
                    let number = word(&event.payload, 12);
                    if heard == 0 {
                        first = number;
                    }
                    in_order &= number == first.wrapping_add(heard)
                        && event.length == 48
                        && event.lost == 0;
                    heard += 1;
                }
                (heard, in_order, begin.elapsed())
            };
            let (sent, heard) = join!(sent, heard);
            sent.map(|()| heard)
        };
        let (waited, heard) = join!(waits, hears);
        let (waited, (heard, in_order, after)) = (waited?, heard?);
        Ok((heard == COUNT && in_order, after < waited))
    }

    /// More events come than a stream keeps: it says how many it has lost.
    async fn flood(&self) -> Result {
        let subdevice = self.open().await?;
        let mut stream = self.gsp.events.subscribe(event::POST, 8)?;
        subdevice.words(control::EVENTS, [100, 0]).await?;
        let mut heard = 0;
        while stream.try_recv().is_some() {
            heard += 1;
        }
        subdevice.words(control::EVENTS, [1, 0]).await?;
        let lost = stream.recv().await.map(|event| event.lost);
        check(
            "a stream counts what it has lost",
            heard == 8 && lost == Some(92),
        )?;
        drop(stream);
        let before = self.gsp.events.unclaimed.load(Relaxed);
        subdevice.words(control::EVENTS, [3, 0]).await?;
        let unclaimed = self.gsp.events.unclaimed.load(Relaxed) - before;
        check("events that nobody wants are counted", unclaimed == 3)?;
        subdevice.close().await
    }

    /// A client is out of time, and the others are not.
    async fn time(&self) -> Result {
        let subdevice = self.open().await?;
        // On a machine on which others are not answered within the first time: the second.
        let mut times = [1000, 10_000].into_iter();
        let (late, time) = loop {
            let Some(time) = times.next() else {
                return check(
                    "a client is out of time, another is answered meanwhile",
                    false,
                );
            };
            let late = self.gsp.rpc.counters.late.load(Relaxed);
            let one = timeout(
                Delta::from_millis(20),
                subdevice.words(control::LATE, [time, 0]),
            );
            let other = async {
                let mut right = true;
                for n in 0..8 {
                    right &= subdevice.echo(n, 300).await?;
                }
                Ok::<_, Error>(right)
            };
            let (one, other) = join!(one, other);
            if one.is_err() && other? && self.gsp.rpc.in_flight() == 1 {
                break (late, time);
            }
        };
        check(
            "a client is out of time, another is answered meanwhile",
            true,
        )?;
        subdevice.words(control::LATE, [time + 100, 0]).await?;
        check(
            "the late reply is nobody's, and its slot free",
            self.gsp.rpc.counters.late.load(Relaxed) == late + 1 && self.gsp.rpc.in_flight() == 0,
        )?;
        subdevice.close().await
    }

    /// A client is cancelled.
    async fn cancel(&self) -> Result {
        let subdevice = self.open().await?;
        let scope = self.scope.child(c"cancelled")?;
        let rpc = self.gsp.rpc.clone();
        let before = rpc.counters.calls.load(Relaxed);
        let task = scope.spawn(c"caller", async move {
            let subdevice = Subdevice::open(&rpc).await?;
            let call = subdevice.words(control::LATE, [1000, 0]);
            match select(cancelled(), call).await {
                Either::Left(()) => Err(ECANCELED),
                Either::Right(result) => result,
            }
        })?;
        // The call is in flight.
        while self.gsp.rpc.counters.calls.load(Relaxed) < before + 4 {
            subdevice.echo(0, 8).await?;
            if self.gsp.rpc.in_flight() > 0 {
                break;
            }
        }
        scope.cancel();
        let result = task.await;
        let right = subdevice.echo(1, 100).await?;
        check(
            "a client is cancelled, and others are served",
            result == Err(ECANCELED) && right,
        )?;
        subdevice.words(control::LATE, [1100, 0]).await?;
        check("its slot is free at last", self.gsp.rpc.in_flight() == 0)?;
        subdevice.close().await
    }

    /// Replies come twice, or are too large.
    async fn strays(&self) -> Result {
        let subdevice = self.open().await?;
        let counters = &self.gsp.rpc.counters;
        let before = counters.stray.load(Relaxed);
        subdevice.words(control::TWICE, [0, 0]).await?;
        let right = subdevice.echo(2, 50).await?;
        check(
            "a second reply is no one's",
            right && counters.stray.load(Relaxed) == before + 1,
        )?;
        let reply = self.gsp.rpc.call(function::NOP, &[1; 100], 10).await;
        check(
            "a reply larger than expected is cut off",
            matches!(reply, Err(EMSGSIZE)) && subdevice.echo(4, 50).await?,
        )?;
        subdevice.close().await
    }

    /// A call that takes three messages there and back, among others.
    async fn large(&self) -> Result {
        let subdevice = self.open().await?;
        let (large, small) = join!(subdevice.echo(1, 150_000), subdevice.echo(2, 10));
        check("a call in pieces", large? && small?)?;
        let refused = subdevice.echo(1, 300_000).await;
        check("a call larger than the queue", refused == Err(EMSGSIZE))?;
        subdevice.close().await
    }

    /// Has the processor die by `control`, with calls in flight, a stream and a task in its scope.
    async fn death(&self, control: u32, how: u32, error: Error) -> Result<bool> {
        self.gsp.is_up().await?;
        let scope = self.gsp.scope(c"watchers")?;
        let deaths = self.gsp.deaths.load(Relaxed);
        let subdevice = self.open().await?;
        let mut stream = self.gsp.events.subscribe(event::POST, 4)?;
        let watcher = scope.spawn(c"watcher", async {
            cancelled().await;
            true
        })?;
        let mut calls = FutureSet::<_, 9>::new()?;
        for n in 0..9u32 {
            let subdevice = &subdevice;
            let call = async move {
                match n {
                    8 => subdevice.words(control, [how, 0]).await,
                    _ => subdevice.words(control::LATE, [60_000, 0]).await,
                }
            };
            calls.push(call).map_err(|_| EBUSY)?;
        }
        let mut failed = 0;
        while let Some(result) = next(&mut calls).await {
            failed += u32::from(result == Err(error));
        }
        let ended = stream.recv().await.is_none() && watcher.await;
        // And it is there again.
        let again = self.open().await?;
        let right = again.echo(5, 1000).await?;
        again.close().await?;
        let died = self.gsp.deaths.load(Relaxed) == deaths + 1;
        Ok(failed == 9 && ended && right && died && self.gsp.rpc.in_flight() == 0)
    }

    /// The queue is poisoned.
    async fn poison(&self, how: u32) -> Result {
        let held = self.death(control::BREAK, how, EIO).await?;
        check(
            "poison: all callers are told, the scope ends, and it goes on",
            held,
        )
    }

    /// The processor halts.
    async fn crash(&self) -> Result {
        let held = self.death(control::CRASH, 0, ENODEV).await?;
        check(
            "a crash: all callers are told, the scope ends, and it goes on",
            held,
        )
    }

    /// A reply is lost, and one goes astray: at last the processor counts as dead.
    async fn hang(&self) -> Result {
        let deaths = self.gsp.deaths.load(Relaxed);
        let subdevice = self.open().await?;
        let limit = Delta::from_millis(20);
        let lost = timeout(limit, subdevice.words(control::LOSE, [0, 0])).await;
        let stray = self.gsp.rpc.counters.stray.load(Relaxed);
        let astray = timeout(limit, subdevice.words(control::ASTRAY, [0, 0])).await;
        let right = subdevice.echo(6, 100).await?;
        check(
            "a reply is lost, and one astray: their slots are taken, others are served",
            lost.is_err()
                && astray.is_err()
                && right
                && self.gsp.rpc.in_flight() == 2
                && self.gsp.rpc.counters.stray.load(Relaxed) == stray + 1,
        )?;
        let mut life = self.gsp.life.subscribe();
        // The processor is up again after its death, if that was missed.
        while self.gsp.deaths.load(Relaxed) == deaths && life.changed().await.is_ok() {}
        let again = self.open().await?;
        let right = again.echo(7, 100).await?;
        check(
            "a processor that does not answer is reset",
            right && self.gsp.rpc.in_flight() == 0,
        )?;
        again.close().await
    }
}
