// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The driver's background tasks: recovery, aborts, time limits, events.

use crate::{
    buffer::Buffer,
    command::{
        Command,
        Completion,
        Feature, //
    },
    controller::{
        admin,
        Controller, //
    },
    queue::{
        Payload,
        Queue, //
    },
    state::State, //
};
use kasync::{
    cancelled,
    in_flight::Abandoned,
    next,
    select,
    sync::mpsc,
    time::{
        sleep,
        timeout,
        Delta,
        Instant, //
    },
    Either, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Full,
        Arc, //
    }, //
};

/// The number of times in a row that a request of the driver's own for events may go unanswered,
/// each of which the controller is reset for, before there are none any more.
const ASKED: u32 = 5;
/// The time in which at most one line of events is logged: clients may have the device report many.
const LINES: Delta = Delta::from_secs(10);

/// Resets the controller when that is needed, until cancelled.
pub(crate) async fn recover(controller: Arc<Controller>) {
    loop {
        match select(cancelled(), controller.trouble.notified()).await {
            Either::Left(()) => return,
            Either::Right(()) => (),
        }
        controller.is_at(State::Resetting);
        match controller.reset().await {
            Ok(()) => controller.is_at(State::Live),
            Err((what, e)) => {
                pr_err!("the controller does not {what} ({e:?}): no more commands\n");
                controller.go();
                return;
            }
        }
    }
}

/// Has the device abort commands whose clients have gone, one after the other, until cancelled.
///
/// The client's end is not the command's: the buffer stays with it until the device has said that
/// it is over, with whichever status. The tag is held meanwhile, so that no other command is
/// aborted.
pub(crate) async fn abort(controller: Arc<Controller>, queue: Arc<Queue>) {
    loop {
        let mut abandoned = match select(cancelled(), queue.in_flight.abandoned()).await {
            Either::Left(()) => return,
            Either::Right(abandoned) => abandoned,
        };
        let aborting = abort_one(&controller, &queue, &mut abandoned);
        // The controller will be stopped, which ends the command and what asks for its abort.
        if let Either::Left(()) = select(cancelled(), aborting).await {
            return;
        }
    }
}

/// Has the device abort a command whose client has gone, and waits for its end if it has.
async fn abort_one(
    controller: &Controller,
    queue: &Queue,
    abandoned: &mut Abandoned<Payload, Completion>,
) {
    let _permit = controller.aborts.acquire(1).await;
    controller.counts.aborts.fetch_add(1, Full);
    let command = Command::abort(queue.id, abandoned.id());
    let asked = admin(&controller.admin, &controller.trouble, command, None).await;
    // Bit 0 is clear if the command was aborted.
    if asked.is_ok_and(|(_, completion)| matches!(completion.to_result(), Ok(r) if r & 1 == 0)) {
        controller.counts.aborted.fetch_add(1, Full);
        // As long as any other.
        let over = timeout(controller.command_limit, abandoned.over());
        if over.await.is_err() {
            pr_err!("queue {}: what was aborted does not end\n", queue.id);
            controller.trouble.notify_one();
        }
    }
    // Not aborted: it ends in its own time, of which `watch` is the judge.
}

/// Has the controller reset if a command takes too long, until cancelled.
///
/// This costs a command nothing: now and then the operations in flight are compared with those of
/// the time before. Tags would not do: they are used again, and may be so just then.
pub(crate) async fn watch(
    controller: Arc<Controller>,
    queue: Arc<Queue>,
    mut before: KVec<(u16, u64)>,
) {
    loop {
        if let Either::Left(()) = select(cancelled(), sleep(controller.command_limit)).await {
            return;
        }
        let mut now = queue.in_flight.operations();
        let late = now.find(|operation| before.contains(operation));
        before.clear();
        if let Some((id, _)) = late {
            pr_err!("queue {}: command {id:#x} takes too long\n", queue.id);
            controller.trouble.notify_one();
            continue;
        }
        for operation in queue.in_flight.operations() {
            // Cannot fail: there is room for one of each slot.
            let _room = before.push_within_capacity(operation);
        }
    }
}

/// An asynchronous event of the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    /// 0 error, 1 health, 2 notice.
    pub(crate) kind: u8,
    pub(crate) info: u8,
    /// The log page that says more.
    pub(crate) page: u8,
}

impl Event {
    fn new(word: u32) -> Self {
        // CAST: Each is a byte of the word.
        Self {
            kind: (word & 7) as u8,
            info: (word >> 8) as u8,
            page: (word >> 16) as u8,
        }
    }
}

/// Makes a stream of the device's events: asks for one after the other, until cancelled.
pub(crate) async fn ask_for_events(controller: Arc<Controller>, events: mpsc::Sender<Event>) {
    let wanted = Command::set_feature(Feature::AsyncEvents, controller.identity.events);
    let mut unanswered = 0;
    loop {
        let round = async {
            controller.live().await?;
            controller.admin(wanted).await?;
            loop {
                let completion = controller.event().await?;
                let event = Event::new(completion);
                // The device tells of the next event of a kind once the page has been read.
                let read = controller.read_log(event.page).await;
                if let Err(e @ (EAGAIN | ENODEV | ETIMEDOUT)) = read {
                    return Err(e);
                }
                unanswered = 0;
                controller.counts.events.fetch_add(1, Full);
                // The device may tell no more of this kind; those of others come. A reader that
                // does not keep up misses the newest.
                if read.is_err() || events.try_send(event).is_err() {
                    controller.counts.missed.fetch_add(1, Full);
                }
            }
        };
        let ended: Either<(), Result> = select(cancelled(), round).await;
        match ended {
            Either::Left(()) | Either::Right(Err(ENODEV)) => return,
            // The controller was reset, or is going to be, and forgets that it was asked.
            Either::Right(Err(EAGAIN)) => (),
            Either::Right(Err(ETIMEDOUT)) if unanswered < ASKED => unanswered += 1,
            Either::Right(result) => {
                pr_warn!("no more events: {result:?}\n");
                return;
            }
        }
    }
}

impl Controller {
    /// Waits for the next event, however long that takes.
    async fn event(&self) -> Result<u32> {
        let tag = self.admin.in_flight.reserve().await?;
        let asked = self.admin.submit(tag, Command::async_event(), None);
        let asked = asked.map_err(|_| EAGAIN)?;
        self.admin.ring_doorbell();
        let (_, completion) = asked.await;
        completion.to_result()
    }

    async fn read_log(&self, page: u8) -> Result<Option<Buffer>> {
        const BYTES: u32 = 512;
        let buffer = self.admin.pool.take().await?;
        let command = Command::get_log(page, BYTES).with_memory(buffer.pages(BYTES as usize));
        let (payload, completion) =
            admin(&self.admin, &self.trouble, command, Some(buffer)).await?;
        completion.to_result()?;
        Ok(payload)
    }
}

/// Logs the events that the device has reported, but not each of many. Ends with the stream.
pub(crate) async fn log_events(mut events: mpsc::Receiver<Event>) {
    let (mut logged_at, mut unlogged) = (None::<Instant>, 0);
    while let Some(event) = next(&mut events).await {
        if logged_at.is_some_and(|at| at.elapsed() < LINES) {
            unlogged += 1;
            continue;
        }
        pr_info!("event {event:?}, {unlogged} others since the last line\n");
        (logged_at, unlogged) = (Some(Instant::now()), 0);
    }
}
