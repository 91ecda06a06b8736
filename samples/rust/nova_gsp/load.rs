// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Load: clients that call as long as the driver is there, whatever becomes of the processor.

use crate::{
    clients::{
        check,
        Clients, //
    },
    gsp::Gsp,
    subdevice::{
        Scratch,
        Subdevice, //
    }, //
};
use kasync::{
    block_on,
    cancelled,
    select,
    time::{
        sleep,
        timeout, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::Delta, //
};

const CLIENTS: u32 = 8;
/// The bytes that most calls echo at most. One of [`ONE_OF`] echoes up to [`LARGEST`], whose reply
/// comes in several messages.
const SMALL: usize = 5000;
const LARGEST: usize = 150_000;
const ONE_OF: u32 = 64;
/// The time that a call may take.
const LIMIT: Delta = Delta::from_secs(1);

/// The clients' results, as unbinding finds them.
pub(crate) struct Left {
    pub(crate) right: Atomic<u32>,
    pub(crate) wrong: Atomic<u32>,
    /// Calls that had no answer in time.
    pub(crate) late: Atomic<u32>,
    /// Calls that were ended, or that the firmware has refused.
    pub(crate) refused: Atomic<u32>,
}

impl Left {
    pub(crate) fn new() -> Self {
        Self {
            right: Atomic::new(0),
            wrong: Atomic::new(0),
            late: Atomic::new(0),
            refused: Atomic::new(0),
        }
    }
}

fn count(counter: &Atomic<u32>) {
    counter.fetch_add(1, Relaxed);
}

/// Calls until the processor is not started again.
async fn client(gsp: Arc<Gsp>, left: Arc<Left>, mut scratch: Scratch, mut seed: u32) {
    while gsp.is_up().await.is_ok() {
        let Ok(Ok(subdevice)) = timeout(LIMIT, Subdevice::open(&gsp.rpc)).await else {
            count(&left.refused);
            continue;
        };
        loop {
            seed = seed.wrapping_add(CLIENTS);
            let length = match seed % ONE_OF {
                0 => seed as usize * 97 % LARGEST,
                _ => seed as usize % SMALL,
            };
            let call = subdevice.echo_in(&mut scratch, seed, length);
            match timeout(LIMIT, call).await {
                Ok(Ok(true)) => count(&left.right),
                Ok(Ok(false)) => count(&left.wrong),
                Err(_) => count(&left.late),
                Ok(Err(_)) => break count(&left.refused),
            }
        }
    }
}

impl Clients {
    /// Leaves clients that go on calling until the driver goes.
    pub(crate) fn leave_some(&self) -> Result {
        for n in 0..CLIENTS {
            let load = client(
                self.gsp.clone(),
                self.left.clone(),
                Scratch::new(LARGEST)?,
                n,
            );
            let task = async move {
                let _ended = select(cancelled(), load).await;
            };
            self.scope.spawn(c"load", task)?.detach();
        }
        Ok(())
    }

    /// Leaves them calling for a while, and then calls until there is an answer.
    pub(crate) fn storm(&self, seconds: u32) -> Result {
        self.leave_some()?;
        block_on(sleep(Delta::from_secs(i64::from(seconds))))?;
        self.run("storm", |this| async {
            loop {
                let call = async { this.open().await?.echo(1, 100).await };
                if timeout(LIMIT, call).await == Ok(Ok(true)) {
                    break;
                }
            }
            let load = |counter: &Atomic<u32>| counter.load(Relaxed);
            let left = &this.left;
            pr_info!(
                "storm: {} right, {} wrong, {} late, {} refused; {} deaths\n",
                load(&left.right),
                load(&left.wrong),
                load(&left.late),
                load(&left.refused),
                load(&this.gsp.deaths)
            );
            check("calls are answered after the storm", load(&left.right) > 0)
        })
    }
}
