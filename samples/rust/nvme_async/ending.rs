// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The end of what the device does: a task that waits for it, since unbinding must not fail for
//! want of memory, and neither must the end of a binding that has failed.
//!
//! ```text
//!             Ending::new()               set_controller()
//!  no memory ──────────────► the admin queue ────────► all queues
//!                                   │                      │
//!                                   │ end(), drop          │ end(), drop: deletes them, shuts down
//!                                   ▼                      ▼
//!                                stopped ◄─────────────────┘
//! ```

use crate::{
    controller::{
        disable,
        Controller, //
    },
    queue::Queue,
    regs::Registers, //
};
use kasync::{
    cancelled,
    sync::oneshot,
    Scope, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Stops the controller when it is dropped, and waits until it has. That needs no memory.
///
/// Its owner drops it before the queues, their lines and the executor.
pub(crate) struct Ending {
    scope: Scope,
    /// The sender of the controller with all of its queues.
    whole: Option<oneshot::Sender<Arc<Controller>>>,
}

impl Ending {
    /// Makes the task, in a scope of its own. The device does not know of the admin queue yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(scope: Scope, registers: Arc<Registers>, admin: Arc<Queue>) -> Result<Self> {
        let (whole, receiver) = oneshot::channel()?;
        scope
            .spawn(c"end", stop(registers, admin, receiver))?
            .detach();
        Ok(Self {
            scope,
            whole: Some(whole),
        })
    }

    /// Notes that all queues are the device's: it is shut down in order from now on.
    pub(crate) fn set_controller(&mut self, controller: &Arc<Controller>) {
        if let Some(whole) = self.whole.take() {
            // Cannot fail: the task has the receiver until it is cancelled.
            let _sent = whole.send(controller.clone());
        }
    }

    /// Stops the controller. What it had is over when this returns. May be repeated.
    pub(crate) fn end(&mut self) {
        self.whole = None;
        self.scope.cancel();
        // Cannot fail: this is neither in a poll nor in a signalling section.
        let _joined = self.scope.join_blocking();
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until it is cancelled, and stops the controller.
async fn stop(
    registers: Arc<Registers>,
    admin: Arc<Queue>,
    whole: oneshot::Receiver<Arc<Controller>>,
) {
    cancelled().await;
    let stopped = match whole.await {
        Ok(controller) => controller.shut_down().await,
        Err(oneshot::Closed) => {
            admin.take_down();
            let disabled = disable(&registers).await;
            // SAFETY: The controller has stopped, or has gone, or is cut off from memory. The queue
            // was taken down. The others, if there are any, have had no command.
            unsafe { admin.stopped() };
            disabled
        }
    };
    if let Err(e) = stopped {
        pr_err!("the controller does not stop: {e:?}\n");
    }
}
