// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Handles that are dropped where their contents cannot be.

use kernel::prelude::*;

#[kunit_tests(kasync_drops)]
mod tests {
    use crate::contexts::{
        atomic,
        in_hardirq,
        irq, //
    };
    use kasync::{
        block_on,
        cancelled,
        sync::oneshot,
        time::{
            sleep,
            timeout,
            Delta, //
        },
        Executor, //
    };
    use kernel::prelude::*;

    const LIMIT: Delta = Delta::from_secs(20);

    /// Reports whether it is dropped in hard interrupt context.
    struct Witness(Option<oneshot::Sender<bool>>);

    impl Witness {
        fn new() -> Result<(Self, oneshot::Receiver<bool>)> {
            let (tx, rx) = oneshot::channel()?;
            Ok((Self(Some(tx)), rx))
        }
    }

    impl Drop for Witness {
        fn drop(&mut self) {
            if let Some(tx) = self.0.take() {
                let _ = tx.send(in_hardirq());
            }
        }
    }

    /// Waits for the drop of a witness; `Some(true)` if that was in hard interrupt context.
    fn dropped(rx: oneshot::Receiver<bool>) -> Result<Option<bool>> {
        Ok(block_on(timeout(LIMIT, rx))?.ok().and_then(|r| r.ok()))
    }

    /// The output of a complete task is dropped in process context when the handle goes in a hard
    /// interrupt, even if its executor has been shut down before.
    #[test]
    fn output_is_dropped_in_process_context() -> Result {
        for shut in [false, true] {
            let executor = Executor::new(c"output")?;
            let (witness, rx) = Witness::new()?;
            let handle = executor.root().spawn(c"t", async move { witness })?;
            block_on(timeout(LIMIT, executor.root().join()))?.map_err(|_| ETIME)??;
            assert!(handle.is_finished());
            if shut {
                executor.shutdown()?;
            }
            let mut handle = Some(handle);
            irq(|| drop(handle.take()));
            assert_eq!(dropped(rx)?, Some(false));
            executor.shutdown()?;
        }
        Ok(())
    }

    /// The future of a task that was never started is dropped in process context when the
    /// reservation goes in a hard interrupt. A scope that is joined waits for it.
    #[test]
    fn future_is_dropped_in_process_context() -> Result {
        let executor = Executor::new(c"future")?;
        let scope = executor.root().child(c"scope")?;
        let (witness, rx) = Witness::new()?;
        let mut prepared = Some(scope.reserve(c"t", async move {
            sleep(LIMIT).await;
            drop(witness);
        })?);
        irq(|| drop(prepared.take()));
        block_on(timeout(LIMIT, scope.join()))?.map_err(|_| ETIME)??;
        assert_eq!(dropped(rx)?, Some(false));
        executor.shutdown()
    }

    /// The last handle of an executor is dropped with preemption disabled: the shutdown, which
    /// sleeps, is left to another thread.
    #[test]
    fn executor_is_dropped_in_atomic_context() -> Result {
        let executor = Executor::new(c"atomic")?;
        let handle = executor.root().spawn(c"t", cancelled())?;
        let mut last = Some(executor);
        atomic(|| drop(last.take()));
        assert!(block_on(timeout(LIMIT, handle))?.is_ok());
        Ok(())
    }
}
