// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory in flight, with a device that is an interrupt line.

use kernel::prelude::*;

#[kunit_tests(kasync_in_flight)]
mod tests {
    use crate::contexts::{
        counter,
        in_hardirq,
        unless_cancelled,
        Counter,
        TestLine,
        LIMIT, //
    };
    use kasync::{
        block_on,
        cancelled,
        in_flight::InFlight,
        irq::{
            self,
            Kind,
            Line, //
        },
        next,
        select,
        time::timeout,
        Either,
        Executor, //
    };
    use kernel::{
        prelude::*,
        sync::atomic::{
            Atomic,
            Full,
            Relaxed, //
        }, //
    };

    /// Memory that counts when it is freed. As that of DMA it is not freed in interrupts.
    struct Memory {
        _memory: KBox<[u8; 64]>,
        freed: Counter,
        freed_in_irq: Counter,
    }

    impl Drop for Memory {
        fn drop(&mut self) {
            self.freed.fetch_add(1, Full);
            if in_hardirq() {
                self.freed_in_irq.fetch_add(1, Full);
            }
        }
    }

    /// Stops the device when it is dropped, so that a test that has failed leaks no memory.
    struct Stopped(InFlight<Memory, bool>);

    impl Drop for Stopped {
        fn drop(&mut self) {
            // SAFETY: There is no device that accesses memory.
            unsafe { self.0.stopped(|_| false, drop) };
        }
    }

    /// A device that is done, when it interrupts, with all that it was told of.
    struct Device {
        work: InFlight<Memory, bool>,
        /// The tags, and one: 0 is none.
        told: [Atomic<u32>; 4],
        refused: Counter,
    }

    impl Line for Device {
        fn acknowledge(&self) -> bool {
            for told in &self.told {
                let Some(id) = told.xchg(0, Full).checked_sub(1) else {
                    continue;
                };
                // SAFETY: There is no device that accesses it.
                let unclaimed = unsafe { self.work.complete(id as u16, in_hardirq()) };
                if !matches!(unclaimed, Ok(None)) {
                    self.refused.fetch_add(1, Full);
                }
            }
            true
        }
    }

    /// Completed by the handler of a line, from where the task is woken: in hard interrupt context,
    /// unless the kernel has all handlers in threads.
    #[test]
    fn completed_by_the_handler() -> Result {
        let executor = Executor::new(c"in-flight")?;
        let test_line = TestLine::new()?;
        let (freed, freed_in_irq, refused) = (counter()?, counter()?, counter()?);
        let work = InFlight::new(4)?;
        let _stopped = Stopped(work.clone());
        let device = Device {
            work: work.clone(),
            told: [const { Atomic::new(0) }; 4],
            refused: refused.clone(),
        };
        // SAFETY: The line is ours, and is there until after the registration was dropped.
        let (registration, _interrupts) =
            unsafe { irq::request_raw(test_line.number(), c"kasync_test", Kind::Hard, device)? };
        let mut tasks = KVec::new();
        for round in 0..8 {
            for told in &registration.line().told {
                let tag = work.try_reserve()?;
                let id = tag.id();
                let operation = tag.start(memory(&freed, &freed_in_irq)?);
                let task = executor
                    .root()
                    .spawn(c"client", unless_cancelled(operation))?;
                tasks.push(task, GFP_KERNEL)?;
                told.xchg(u32::from(id) + 1, Full);
            }
            check!(work.try_reserve().is_err());
            test_line.raise();
            for task in tasks.drain_all() {
                let ended = block_on(timeout(LIMIT, task))?.map_err(|_| ETIME)?;
                let (_memory, in_irq) = ended.ok_or(ECANCELED)?;
                check_eq!(in_irq, !test_line.has_thread()?);
            }
            check_eq!(freed.load(Relaxed), 4 * (round + 1));
        }
        // The last handler may still be about to count what was refused.
        drop(registration);
        check_eq!((freed_in_irq.load(Relaxed), refused.load(Relaxed)), (0, 0));
        executor.shutdown()
    }

    fn memory(freed: &Counter, freed_in_irq: &Counter) -> Result<Memory> {
        Ok(Memory {
            _memory: KBox::new([0; 64], GFP_KERNEL)?,
            freed: freed.clone(),
            freed_in_irq: freed_in_irq.clone(),
        })
    }

    /// A task is cancelled, and ends. Its memory is there until a task hears that the device is
    /// done, which frees it. Draining waits until nothing is in flight.
    #[test]
    fn cancelled_it_is_freed_by_the_completer() -> Result {
        let executor = Executor::new(c"in-flight")?;
        let (freed, freed_in_irq) = (counter()?, counter()?);
        let work = InFlight::<Memory, bool>::new(1)?;
        let _stopped = Stopped(work.clone());
        let tag = work.try_reserve()?;
        let id = tag.id();
        let operation = tag.start(memory(&freed, &freed_in_irq)?);
        let scope = executor.root().child(c"clients")?;
        let task = async move { matches!(select(cancelled(), operation).await, Either::Left(())) };
        let task = scope.spawn(c"client", task)?;
        let (abandoned, aborter) = (work.clone(), work.clone());
        let abort = async move {
            let mut abandoned = abandoned.abandoned().await;
            // SAFETY: There is no device that accesses it.
            let unclaimed = unsafe { aborter.complete(abandoned.id(), false) };
            abandoned.over().await;
            matches!(unclaimed, Ok(Some(_)))
        };
        let aborter = executor.root().spawn(c"abort", unless_cancelled(abort))?;
        check_eq!(freed.load(Relaxed), 0);
        check!(work.try_reserve().is_err());
        scope.cancel();
        check!(block_on(task)?);
        let aborted = block_on(timeout(LIMIT, aborter))?.map_err(|_| ETIME)?;
        check_eq!(aborted, Some(true));
        let drained = block_on(timeout(LIMIT, work.drain()))?.map_err(|_| ETIME)?;
        check_eq!(freed.load(Relaxed), 1);
        drop(drained);
        check!(work.try_reserve()?.id() != id);
        executor.shutdown()
    }

    /// An interrupt line whose stream ends what is in flight: as drivers do whose memory is not
    /// freed in interrupts.
    #[test]
    fn completed_by_the_stream() -> Result {
        struct Plain;
        impl Line for Plain {
            fn acknowledge(&self) -> bool {
                true
            }
        }
        let executor = Executor::new(c"in-flight")?;
        let test_line = TestLine::new()?;
        let (freed, freed_in_irq) = (counter()?, counter()?);
        let work = InFlight::<Memory, bool>::new(1)?;
        let _stopped = Stopped(work.clone());
        // SAFETY: The line is ours, and is there until after the registration was dropped.
        let (registration, mut interrupts) =
            unsafe { irq::request_raw(test_line.number(), c"kasync_test", Kind::Hard, Plain)? };
        let tag = work.try_reserve()?;
        let id = tag.id();
        drop(tag.start(memory(&freed, &freed_in_irq)?));
        let completer = work.clone();
        let task = executor.root().spawn(c"interrupts", async move {
            while next(&mut interrupts).await.is_some() {
                // SAFETY: There is no device that accesses it.
                let _unclaimed = unsafe { completer.complete(id, false) };
            }
        })?;
        test_line.raise();
        drop(block_on(timeout(LIMIT, work.drain()))?.map_err(|_| ETIME)?);
        // The memory is the completer's: nothing is in flight, but it may be about to be freed.
        drop(registration);
        block_on(timeout(LIMIT, task))?.map_err(|_| ETIME)?;
        check_eq!((freed.load(Relaxed), freed_in_irq.load(Relaxed)), (1, 0));
        executor.shutdown()
    }
}
