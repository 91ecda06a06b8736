// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The example of Documentation/kasync.rst, which includes the parts between the markers.

mod common;

use common::Count;
use kasync::{
    block_on,
    cancelled,
    sync::mpsc,
    time::{
        sleep,
        Delta, //
    },
    yield_now,
    Executor, //
};
use kernel::{
    host::World,
    prelude::*, //
};

/// An event that the interrupt handler has read from the device.
struct Event(usize);

/// A device that counts what is done with it.
#[derive(Clone, Default)]
struct Device {
    handled: Count,
    idle: Count,
    quiet: Count,
}

impl Device {
    fn handle(&self, event: Event) {
        for _ in 0..event.0 {
            self.handled.add();
        }
    }

    fn enter_idle(&self) {
        self.idle.add();
    }

    async fn quiesce(&self) {
        yield_now().await;
        self.quiet.add();
    }
}

#[test]
fn driver() -> Result {
    let world = World::manual();
    let _world = world.enter();
    let seen = Device::default();
    let device = seen.clone();

    // probe {
    let executor = Executor::new(c"mydriver")?;
    let scope = executor.root().child(c"engine")?;
    let (events, mut inbox) = mpsc::channel::<Event>(16)?;

    let task = async move {
        loop {
            kasync::select! {
                () = cancelled() => break,
                event = inbox.recv() => match event {
                    Some(event) => device.handle(event),
                    None => break,
                },
                () = sleep(Delta::from_millis(100)) => device.enter_idle(),
            }
        }
        device.quiesce().await;
    };
    scope.spawn(c"events", task)?.detach();
    // } probe

    world.run();
    // interrupt {
    if events.try_send(Event(3)).is_err() {
        // Full, or the task has ended: the event is given back.
    }
    // } interrupt
    world.run();
    assert_eq!(seen.handled.get(), 3);
    world.advance(Delta::from_millis(100));
    world.run();
    assert_eq!(seen.idle.get(), 1);

    // remove {
    block_on(scope.end())??;
    executor.shutdown()?;
    // } remove
    assert_eq!(seen.quiet.get(), 1);
    drop((executor, events));
    assert_eq!(world.live_allocations(), 0);
    Ok(())
}
