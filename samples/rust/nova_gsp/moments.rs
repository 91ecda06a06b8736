// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Moments at which the processor dies, or does not do what it has to: `--fault` of the emulator
//! brings each about.

use crate::{
    channels::Client,
    clients::{
        check,
        Clients, //
    },
    gsp::Life,
    rpc::Link,
    server::STARTS,
    subdevice::{
        control,
        Subdevice, //
    },
    wire::{
        event,
        function, //
    }, //
};
use core::future::Future;
use kasync::{
    block_on,
    select,
    time::{
        timeout,
        Instant, //
    },
    yield_now,
    Either, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    sync::atomic::Relaxed,
    time::Delta, //
};

/// The time that a channel's end may take.
const LIMIT: Delta = Delta::from_secs(20);
/// The time within which a processor is given up: each of its starts has its own limit.
const GIVEN_UP: Delta = Delta::from_secs(60);
/// The time within which the task that takes events has to be free of them.
const SOON: Delta = Delta::from_secs(2);

// What is scripted outside, as the module's parameter says it.
const DEAD: u8 = 1;
/// Unbinding is to find the queue full, too.
pub(crate) const STARTING: u8 = 2;
const REFUSED: u8 = 3;
const STORM: u8 = 4;
const SILENT: u8 = 5;
const POSTED: u8 = 6;
const CUT: u8 = 7;
const KEPT: u8 = 8;
const STUTTER: u8 = 9;

impl Clients {
    /// Runs what goes with a fault.
    pub(crate) fn moment(&self, device: &Device<Bound>, which: u8) -> Result {
        match which {
            DEAD => self.dead(device),
            STARTING => self.starting(device),
            REFUSED => self.refused(device),
            STORM => self.event_storm(),
            SILENT => self.silent(),
            POSTED => self.posted(device),
            CUT => self.cut_fault(device),
            KEPT => self.kept(),
            STUTTER => self.stutter(),
            _ => Err(EINVAL),
        }
    }

    /// Has the processor halt, and waits until it is at what `at` says.
    fn crash_until(&self, at: fn(Life) -> bool) -> Result {
        let deaths = self.gsp.deaths.load(Relaxed);
        let mut life = self.gsp.life.subscribe();
        block_on(async {
            let subdevice = self.open().await?;
            let result = subdevice.words(control::CRASH, [0, 0]).await;
            while self.gsp.deaths.load(Relaxed) == deaths || !at(life.get()) {
                life.changed().await.map_err(|_| ENODEV)?;
            }
            Ok::<_, Error>(result)
        })?
        .and_then(|result| check("a crash is told", result == Err(ENODEV)))
    }

    /// Returns whether a channel's queue ends, in time.
    fn ends(&self, client: Client) -> bool {
        matches!(block_on(timeout(LIMIT, client.ended())), Ok(Ok(Ok(()))))
    }

    /// The processor dies between a client's opening and its channel, and does not start again.
    fn dead(&self, device: &Device<Bound>) -> Result {
        let objects = block_on(self.open())??;
        let (client, hardware) = Client::queue(self, device, LIMIT, objects)?;
        self.crash_until(|life| life == Life::Dead)?;
        let made = block_on(hardware.make())?;
        drop(hardware);
        check(
            "no channel is made when the processor is dead",
            made.is_err(),
        )?;
        check("and what was to be one ends", self.ends(client))?;
        let up = block_on(self.gsp.is_up())?;
        check(
            "a client that waits for the processor is told",
            up == Err(ENODEV),
        )?;
        let stream = self.gsp.events.subscribe(event::POST, 4);
        let refused = matches!(stream, Err(ENODEV));
        check("streams of its events are refused", refused)
    }

    /// Does what [`Self::dead`] does, while the processor is just being started again.
    fn starting(&self, device: &Device<Bound>) -> Result {
        let objects = block_on(self.open())??;
        let (client, hardware) = Client::queue(self, device, LIMIT, objects)?;
        self.crash_until(|life| life == Life::Starts)?;
        let made = block_on(hardware.make())?;
        drop(hardware);
        let down = self.gsp.rpc.link() != Link::Up;
        check(
            "no channel is made while the processor starts",
            down && made.is_err(),
        )?;
        check("and what was to be one ends", self.ends(client))?;
        // Made in one life, and its channel in the next: the firmware knows nothing of it.
        let objects = block_on(self.open())??;
        let (client, hardware) = Client::queue(self, device, LIMIT, objects)?;
        self.crash_until(|life| matches!(life, Life::Up(_)))?;
        let made = block_on(hardware.make())?;
        drop(hardware);
        check("nor for a client of an earlier life", made == Err(EINVAL))?;
        check("which ends, too", self.ends(client))
    }

    /// Fills the queue with calls whose callers have gone, while the processor takes some.
    pub(crate) fn fill(&self) -> Result {
        let rpc = &self.gsp.rpc;
        let framing = rpc.memory.framing;
        let payload = KVVec::from_elem(0, framing.payload(), GFP_KERNEL)?;
        let mut pages = framing.pages(payload.len());
        while pages > 0 {
            let has_room = block_on(async {
                let _turn = rpc.turn.acquire(1).await;
                rpc.has_room(pages)
            })?;
            if !has_room? {
                pages -= 1;
                continue;
            }
            let length = pages as usize * crate::wire::PAGE - framing.headers();
            let call = rpc.call(function::NOP, &payload[..length], length);
            block_on(self.written(call))?;
        }
        Ok(())
    }

    /// Polls a call until it is in flight, and drops it.
    async fn written<T>(&self, call: impl Future<Output = T> + Send) {
        let before = self.gsp.rpc.counters.calls.load(Relaxed);
        let written = async {
            while self.gsp.rpc.counters.calls.load(Relaxed) == before {
                yield_now().await;
            }
        };
        select(call, written).await;
    }

    /// The firmware does not free a channel: the processor is reset, which does.
    fn refused(&self, device: &Device<Bound>) -> Result {
        let objects = block_on(self.open())??;
        let (client, hardware) = Client::queue(self, device, LIMIT, objects)?;
        block_on(hardware.make())??;
        drop(hardware);
        check(
            "a channel ends that the firmware does not free",
            self.ends(client) && self.gsp.deaths.load(Relaxed) == 1,
        )?;
        let works = block_on(async { self.open().await?.echo(1, 10).await })?;
        check("and calls are answered", works == Ok(true))
    }

    /// The firmware does not free a client without an owner: its handle is not used again.
    fn kept(&self) -> Result {
        let again = block_on(async {
            drop(self.open().await?);
            self.gsp.rpc.handles.settled().await;
            self.open().await?.close().await
        })?;
        check(
            "a client that the firmware does not free keeps its handle",
            again == Ok(()),
        )?;
        // It goes with the processor.
        self.crash_until(|life| matches!(life, Life::Up(_)))
    }

    /// The first message of an answer comes twice, and the second never: that is no answer.
    fn stutter(&self) -> Result {
        let answer = block_on(async { self.open().await?.echo(1, 150_000).await })?;
        check("an answer in the wrong pieces is none", answer.is_err())
    }

    /// There is always one more event: calls are answered, and unbinding is to be noticed.
    fn event_storm(&self) -> Result {
        let begin = Instant::now();
        let mut right = 0;
        block_on(async {
            let subdevice = self.open().await?;
            while begin.elapsed() < SOON {
                right += u32::from(subdevice.echo(right, 100).await?);
            }
            subdevice.close().await
        })??;
        check("calls are answered among events that do not end", right > 0)
    }

    /// The processor never says that it has started: after some resets it counts as dead.
    fn silent(&self) -> Result {
        let up = block_on(timeout(GIVEN_UP, self.gsp.is_up()))?;
        check(
            "a processor that does not say that it has started is given up",
            up == Ok(Err(ENODEV)) && self.gsp.deaths.load(Relaxed) == STARTS,
        )?;
        let opened = block_on(Subdevice::open(&self.gsp.rpc))?;
        check("and callers are told", opened.is_err())
    }

    /// Doorbells arrive late: that of a channel which is freed must not come after that.
    fn posted(&self, device: &Device<Bound>) -> Result {
        let client = self.leave_stuck(device)?;
        check("a channel ends whose doorbells are late", self.ends(client))
    }

    /// Clients are given up at each call of their opening: none is left in the firmware.
    pub(crate) async fn given_up(&self) -> Result {
        let asks = self.open().await?;
        let before = asks.clients().await?;
        for calls in 1..=3 {
            let first = self.gsp.rpc.counters.calls.load(Relaxed);
            let made = async {
                while self.gsp.rpc.counters.calls.load(Relaxed) < first + calls {
                    yield_now().await;
                }
            };
            let open = Subdevice::open(&self.gsp.rpc);
            if let Either::Left(opened) = select(open, made).await {
                // All was there before it could be given up: it is dropped instead.
                drop(opened?);
            }
        }
        drop(self.open().await?);
        self.gsp.rpc.handles.settled().await;
        let after = asks.clients().await?;
        check(
            "clients that were given up are freed",
            before == 1 && after == 1,
        )?;
        asks.close().await
    }
}
