// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Engines: each is a task that owns the operation that the device works on.

use crate::edu::Edu;
use core::{
    future::Future,
    mem::forget, //
};
use kasync::{
    cancelled,
    sync::{
        mpsc,
        oneshot, //
    },
    Scope, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Full,
        Arc, //
    }, //
};

/// What an engine can do.
pub(crate) trait Operation: Send + 'static {
    /// Has the device do it, and waits until it is done.
    ///
    /// # Errors
    ///
    /// `ETIME` if the device has not said that it is done: it may still be at it.
    fn run(&mut self, edu: &Edu) -> impl Future<Output = Result> + Send;
}

/// A request to an engine.
struct Request<O: Operation> {
    operation: O,
    reply: oneshot::Sender<(O, Result)>,
}

/// Serves an engine, one request at a time, until it is cancelled.
async fn serve<O: Operation>(edu: Arc<Edu>, mut requests: mpsc::Receiver<Request<O>>) {
    loop {
        // The only place at which a cancel is heard. The requests that wait are dropped, and their
        // clients told so.
        let request = kasync::select! {
            () = cancelled() => break,
            request = requests.recv() => request,
        };
        let Some(mut request) = request else {
            break;
        };
        // From here on the device has the operation, and this task goes nowhere without it.
        let result = request.operation.run(&edu).await;
        if result == Err(ETIME) {
            pr_err!("the device is dead\n");
            // It may come back to life, and write. So the memory is nobody's any more.
            forget(request.operation);
            break;
        }
        if request.reply.send((request.operation, result)).is_err() {
            edu.unclaimed.fetch_add(1, Full);
        }
    }
}

/// What clients have of an engine.
pub(crate) struct Engine<O: Operation>(mpsc::Sender<Request<O>>);

impl<O: Operation> Engine<O> {
    /// Starts an engine.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `ECANCELED` if the scope is cancelled.
    pub(crate) fn new(scope: &Scope, name: &'static CStr, edu: &Arc<Edu>) -> Result<Self> {
        let (requests, inbox) = mpsc::channel(64)?;
        scope.spawn(name, serve(edu.clone(), inbox))?.detach();
        Ok(Self(requests))
    }

    /// Sends a request, and returns the future of its answer. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EBUSY` if the engine has too many requests. The future has those of the
    /// operation, and `ENODEV` if the engine has ended.
    pub(crate) fn ask(
        &self,
        operation: O,
    ) -> Result<impl Future<Output = Result<O>> + Send + 'static> {
        let (reply, answer) = oneshot::channel()?;
        let request = Request { operation, reply };
        self.0.try_send(request).map_err(|_| EBUSY)?;
        Ok(async move {
            let (operation, result) = answer.await.map_err(|_| ENODEV)?;
            result.map(|()| operation)
        })
    }
}
