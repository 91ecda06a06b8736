// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Handles that are dropped where their contents cannot be.

use kernel::prelude::*;

#[kunit_tests(kasync_drops)]
mod tests {
    use crate::contexts::{
        atomic,
        in_hardirq,
        irq,
        LIMIT, //
    };
    use core::{
        future::poll_fn,
        task::{
            Poll,
            Waker, //
        }, //
    };
    use kasync::{
        block_on,
        cancelled,
        next,
        sync::{
            mpsc,
            oneshot,
            watch, //
        },
        time::{
            sleep,
            timeout, //
        },
        Executor,
        FutureSet, //
    };
    use kernel::prelude::*;

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
            check!(handle.is_finished());
            if shut {
                executor.shutdown()?;
            }
            let mut handle = Some(handle);
            irq(|| drop(handle.take()));
            check_eq!(dropped(rx)?, Some(false));
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
        check_eq!(dropped(rx)?, Some(false));
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
        check!(block_on(timeout(LIMIT, handle))?.is_ok());
        Ok(())
    }

    /// An output that has the last handle of an executor is dropped by a thread that has others to
    /// drop as well. It waits for none of that executor's tasks: this one waits for the other
    /// output.
    #[test]
    fn output_with_an_executor_delays_no_other() -> Result {
        let executor = Executor::new(c"outer")?;
        let inner = Executor::new(c"inner")?;
        let root = inner.root().clone();
        let (witness, rx) = Witness::new()?;
        let waits = inner.root().spawn(c"waits", timeout(LIMIT, rx))?;
        let first = executor.root().spawn(c"first", async move { inner })?;
        let other = executor.root().spawn(c"other", async move { witness })?;
        block_on(timeout(LIMIT, executor.root().join()))?.map_err(|_| ETIME)??;
        let (mut first, mut other) = (Some(first), Some(other));
        atomic(|| drop(first.take()));
        // The drop has begun.
        block_on(timeout(LIMIT, root.cancelled()))?.map_err(|_| ETIME)?;
        atomic(|| drop(other.take()));
        check_eq!(block_on(waits)?, Ok(Ok(false)));
        executor.shutdown()
    }

    /// Drops what `make` returns in a hard interrupt, and once more with preemption disabled.
    fn drop_in_both<T: Send>(make: impl Fn() -> Result<T>) -> Result {
        let mut value = Some(make()?);
        irq(|| drop(value.take()));
        value = Some(make()?);
        atomic(|| drop(value.take()));
        Ok(())
    }

    /// H5: the last reference to memory of this crate goes where none may be freed on PREEMPT_RT.
    /// It is the kernel that complains, not the test that fails.
    #[test]
    fn last_references_go_anywhere() -> Result {
        drop_in_both(|| Ok(oneshot::channel::<u32>()?.0))?;
        drop_in_both(|| {
            let (tx, rx) = mpsc::channel(4)?;
            check!(tx.try_send(1).is_ok());
            drop(rx);
            Ok(tx)
        })?;
        drop_in_both(|| watch::channel(1))?;
        // Of a thread that does not wait any more.
        drop_in_both(|| block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone()))))?;
        // Of a set that is gone.
        drop_in_both(|| {
            let mut set = FutureSet::<_, 1>::new()?;
            let child = poll_fn(|cx| Poll::Ready(cx.waker().clone()));
            check!(set.push(child).is_ok());
            block_on(next(&mut set))?.ok_or(EIO)
        })?;
        let executor = Executor::new(c"last")?;
        drop_in_both(|| executor.root().child(c"scope"))?;
        // Of a task that has ended.
        drop_in_both(|| -> Result<Waker> {
            let task = poll_fn(|cx| Poll::Ready(cx.waker().clone()));
            block_on(executor.root().spawn(c"t", task)?)
        })?;
        executor.shutdown()?;
        drop_in_both(|| Executor::new(c"last"))
    }

    /// A value is sent, and not received, in a hard interrupt.
    #[test]
    fn refused_in_hard_irq() -> Result {
        let (tx, rx) = oneshot::channel()?;
        drop(rx);
        let mut tx = Some(tx);
        let mut refused = None;
        irq(|| refused = tx.take().and_then(|tx| tx.send(7).err()));
        check_eq!(refused, Some(7));
        Ok(())
    }
}
