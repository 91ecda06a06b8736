// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Clients of channels: what jobs come to, on a channel that is right, wrong, or stuck.

use crate::{
    channel::{
        Channel,
        Hardware,
        Job,
        Word,
        Wrong,
        ROOM, //
    },
    clients::{
        check,
        Clients, //
    },
    subdevice::{
        control,
        Subdevice, //
    }, //
};
use dma_fence::Fence;
use jobqueue::{
    Config,
    JobQueue,
    Names,
    OnError, //
};
use kasync::{
    block_on,
    time::timeout,
    Scope, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::Coherent,
    io::{
        io_project,
        Io, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Relaxed,
        Arc, //
    },
    time::Delta, //
};

static NAMES: Names = Names::new(c"nova_gsp", c"channel");

/// The time that a fence may take.
const LIMIT: Delta = Delta::from_secs(60);
/// The time limit of channels whose jobs end.
const LONG: Delta = Delta::from_secs(30);
/// The time limit of channels with a job that does not end.
const SHORT: Delta = Delta::from_millis(100);
const SIZE: usize = 4096;
/// Jobs after one that goes wrong: fewer than a channel has at a time.
const AFTER: usize = 5;

/// A channel and its queue.
pub(crate) struct Client {
    queue: JobQueue<Channel>,
    scope: Scope,
}

impl Client {
    /// Makes a channel whose jobs may take that long. May sleep.
    fn new(clients: &Clients, device: &Device<Bound>, timeout: Delta) -> Result<Self> {
        let objects = block_on(clients.open())??;
        // Dropped if making it fails, which ends the channel.
        let (this, hardware) = Self::queue(clients, device, timeout, objects)?;
        block_on(hardware.make())??;
        Ok(this)
    }

    /// Makes the queue of a channel that is yet to be made. May sleep.
    pub(crate) fn queue(
        clients: &Clients,
        device: &Device<Bound>,
        timeout: Delta,
        objects: Subdevice,
    ) -> Result<(Self, Arc<Hardware>)> {
        let ring = Channel::new(&clients.gsp, device, objects)?;
        let hardware = ring.hardware();
        let config = Config {
            names: &NAMES,
            credits: ROOM,
            jobs: 4 * ROOM,
            memory: usize::MAX,
            timeout,
            on_error: OnError::Ignore,
        };
        let scope = clients.channels.child(c"channel")?;
        let queue = JobQueue::new(&scope, c"channel", ring, &config)?;
        Ok((Self { queue, scope }, hardware))
    }

    fn submit(&self, job: Job) -> Result<ARef<Fence>> {
        self.queue.prepare(job, 1, KVVec::new())?.commit()
    }

    /// Ends the channel, and waits until it has.
    fn end(self) -> Result {
        drop(self.queue);
        self.scope.join_blocking()
    }

    /// Does what [`Self::end`] does, in a task.
    pub(crate) async fn ended(self) -> Result {
        drop(self.queue);
        self.scope.join().await
    }
}

/// Waits for a fence, and returns what the job has come to.
fn result(fence: &ARef<Fence>) -> Result {
    block_on(timeout(LIMIT, fence.wait()))?.map_err(|_| ETIMEDOUT)?
}

/// The results of all fences, in their order.
fn results(fences: &[ARef<Fence>]) -> impl Iterator<Item = Result> + '_ {
    fences.iter().map(result)
}

/// Returns whether a job was lost with its channel: it was in flight, or it was not yet.
fn is_lost(result: Result) -> bool {
    matches!(result, Err(ECANCELED | ENODEV))
}

fn word(device: &Device<Bound>, value: u32) -> Result<Word> {
    let memory = Coherent::zeroed_slice(device, 1, GFP_KERNEL)?;
    Ok(Word {
        memory: Arc::new(memory, GFP_KERNEL)?,
        index: 0,
        value,
    })
}

fn bytes(device: &Device<Bound>, size: usize) -> Result<Arc<Coherent<[u8]>>> {
    let memory = Coherent::zeroed_slice(device, size, GFP_KERNEL)?;
    Ok(Arc::new(memory, GFP_KERNEL)?)
}

fn byte(memory: &Coherent<[u8]>, at: usize) -> u8 {
    io_project!(memory, [panic: at]).read_val()
}

impl Clients {
    /// Runs all scenarios of channels.
    pub(crate) fn channel_scenarios(&self, device: &Device<Bound>) -> Result {
        self.copies(device)?;
        self.semaphore(device)?;
        self.fault(device, Wrong::Method)?;
        self.fault(device, Wrong::Address)?;
        self.stuck(device)?;
        self.reset(device)
    }

    /// Jobs copy one after the other: each what the one before it has written.
    fn copies(&self, device: &Device<Bound>) -> Result {
        const JOBS: usize = 3 * ROOM;
        let client = Client::new(self, device, LONG)?;
        let mut memory = KVec::new();
        for _ in 0..=JOBS {
            memory.push(bytes(device, SIZE)?, GFP_KERNEL)?;
        }
        for at in 0..SIZE {
            io_project!(&memory[0], [panic: at]).write_val((at * 7 + 1) as u8);
        }
        let mut fences = KVec::new();
        for (from, to) in memory.iter().zip(&memory[1..]) {
            let job = Job {
                copy: Some((from.clone(), to.clone(), SIZE)),
                ..Job::new()
            };
            fences.push(client.submit(job)?, GFP_KERNEL)?;
        }
        let all = results(&fences).all(|result| result == Ok(()));
        let right = (0..SIZE).all(|at| byte(&memory[JOBS], at) == (at * 7 + 1) as u8);
        client.end()?;
        check("a channel's jobs copy in their order", all && right)
    }

    /// One channel waits for the other, and no processor has a part in it.
    fn semaphore(&self, device: &Device<Bound>) -> Result {
        let one = Client::new(self, device, LONG)?;
        let other = Client::new(self, device, LONG)?;
        let (from, to) = (bytes(device, SIZE)?, bytes(device, SIZE)?);
        let end = bytes(device, SIZE)?;
        io_project!(&from, [panic: 5]).write_val(0x55);
        let semaphore = word(device, 1)?;
        let second = other.submit(Job {
            acquire: Some(semaphore.clone()),
            copy: Some((to.clone(), end.clone(), SIZE)),
            ..Job::new()
        })?;
        let waits = !second.test_signaled_flag();
        let first = one.submit(Job {
            copy: Some((from, to, SIZE)),
            release: Some(semaphore),
            ..Job::new()
        })?;
        let over = result(&first) == Ok(()) && result(&second) == Ok(());
        let right = byte(&end, 5) == 0x55;
        one.end()?;
        other.end()?;
        check("a channel waits for another", waits && over && right)
    }

    /// A job is wrong: its channel ends, and another that is at work does not.
    fn fault(&self, device: &Device<Bound>, wrong: Wrong) -> Result {
        let bad = Client::new(self, device, LONG)?;
        let good = Client::new(self, device, LONG)?;
        // Nothing of the bad channel is done before all of it is there.
        let begin = word(device, 1)?;
        let before = bad.submit(Job {
            acquire: Some(begin.clone()),
            ..Job::new()
        })?;
        let fault = bad.submit(Job {
            wrong,
            ..Job::new()
        })?;
        let mut after = KVec::new();
        let mut others = KVec::new();
        for n in 0..AFTER {
            after.push(bad.submit(Job::new())?, GFP_KERNEL)?;
            let release = (n + 1 == AFTER).then(|| begin.clone());
            let job = Job {
                release,
                ..Job::new()
            };
            others.push(good.submit(job)?, GFP_KERNEL)?;
        }
        let ended =
            result(&before) == Ok(()) && result(&fault) == Err(EIO) && results(&after).all(is_lost);
        let late = result(&bad.submit(Job::new())?);
        let mut rest = results(&others);
        let others_are_right = rest.all(|result| result == Ok(())) && {
            let more = good.submit(Job::new())?;
            result(&more) == Ok(())
        };
        bad.end()?;
        good.end()?;
        let again = Client::new(self, device, LONG)?;
        let works = result(&again.submit(Job::new())?) == Ok(());
        again.end()?;
        check("an error ends its channel: jobs in flight are told", ended)?;
        check("those that come later are refused", late == Err(ENODEV))?;
        check("and no other channel", others_are_right && works)
    }

    /// A job does not end: its channel is stopped by a call.
    fn stuck(&self, device: &Device<Bound>) -> Result {
        let stuck = Client::new(self, device, SHORT)?;
        let good = Client::new(self, device, LONG)?;
        let first = stuck.submit(Job {
            acquire: Some(word(device, 1)?),
            ..Job::new()
        })?;
        let second = stuck.submit(Job::new())?;
        let ended = result(&first) == Err(ETIME) && is_lost(result(&second));
        let works = result(&good.submit(Job::new())?) == Ok(());
        stuck.end()?;
        good.end()?;
        check(
            "a job that does not end is stopped, with its channel",
            ended,
        )?;
        check("which is no other's matter", works)
    }

    /// The processor dies, with jobs in flight.
    fn reset(&self, device: &Device<Bound>) -> Result {
        let client = Client::new(self, device, LONG)?;
        let deaths = self.gsp.deaths.load(Relaxed);
        let fence = client.submit(Job {
            acquire: Some(word(device, 1)?),
            ..Job::new()
        })?;
        let crash = async { self.open().await?.words(control::CRASH, [0, 0]).await };
        let failed = block_on(crash)? == Err(ENODEV);
        let ended = result(&fence) == Err(ENODEV);
        client.end()?;
        let again = Client::new(self, device, LONG)?;
        let works = result(&again.submit(Job::new())?) == Ok(());
        again.end()?;
        let died = self.gsp.deaths.load(Relaxed) == deaths + 1;
        check(
            "a reset ends what channels have, and makes room for new ones",
            failed && ended && works && died,
        )
    }

    /// The firmware says that a channel has faulted, and not which: it is reset, and none has.
    pub(crate) fn cut_fault(&self, device: &Device<Bound>) -> Result {
        let client = Client::new(self, device, LONG)?;
        let fence = client.submit(Job {
            acquire: Some(word(device, 1)?),
            ..Job::new()
        })?;
        let echo = block_on(async { self.open().await?.echo(1, 10).await })?;
        let ended = result(&fence);
        client.end()?;
        block_on(self.gsp.is_up())??;
        check(
            "a fault of no channel is none of a channel that runs",
            ended == Err(ENODEV) && echo == Err(EIO) && self.gsp.deaths.load(Relaxed) == 1,
        )
    }

    /// Leaves a channel with a job that never ends, and others behind it.
    pub(crate) fn leave_stuck(&self, device: &Device<Bound>) -> Result<Client> {
        let client = Client::new(self, device, SHORT)?;
        let stuck = Job {
            acquire: Some(word(device, 1)?),
            ..Job::new()
        };
        client.submit(stuck)?;
        for _ in 0..2 * ROOM {
            client.submit(Job::new())?;
        }
        Ok(client)
    }
}
