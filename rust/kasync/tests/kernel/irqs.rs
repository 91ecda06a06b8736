// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Interrupt lines as streams.

use kernel::prelude::*;

#[kunit_tests(kasync_irqs)]
mod tests {
    use crate::contexts::{
        counter,
        in_hardirq,
        Counter,
        TestLine,
        LIMIT, //
    };
    use core::{
        future::Future,
        pin::Pin,
        task::{
            Context,
            Waker, //
        }, //
    };
    use kasync::{
        block_on,
        irq::{
            self,
            Kind,
            Line, //
        },
        next,
        sync::mpsc,
        time::timeout,
        Executor, //
    };
    use kernel::{
        prelude::*,
        sync::atomic::{
            Full,
            Relaxed, //
        }, //
    };

    /// A device that counts where it was asked; it has raised those interrupts that it is told of.
    struct Device {
        hard: Counter,
        other: Counter,
        raised: Counter,
    }

    impl Line for Device {
        fn acknowledge(&self) -> bool {
            if self.raised.load(Relaxed) == 0 {
                return false;
            }
            let counter = if in_hardirq() {
                &self.hard
            } else {
                &self.other
            };
            counter.fetch_add(1, Full);
            true
        }
    }

    /// Returns how often the device was asked in hard interrupt context, and how often elsewhere.
    /// Whether the handler runs in a thread.
    fn line(kind: Kind) -> Result<(usize, usize, bool)> {
        let executor = Executor::new(c"irqs")?;
        let test_line = TestLine::new()?;
        let (hard, other, raised) = (counter()?, counter()?, counter()?);
        let device = Device {
            hard: hard.clone(),
            other: other.clone(),
            raised: raised.clone(),
        };
        // SAFETY: The line is ours, and is there until after the registration was dropped.
        let (registration, mut interrupts) =
            unsafe { irq::request_raw(test_line.number(), c"kasync_test", kind, device)? };
        let (tx, mut rx) = mpsc::channel(16)?;
        let task = async move {
            while let Some(count) = next(&mut interrupts).await {
                let _ = tx.try_send(count);
            }
        };
        let task = executor.root().spawn(c"interrupts", task)?;

        // An interrupt of another device on a shared line: no item is sent.
        test_line.raise();
        raised.fetch_add(1, Full);
        for _ in 0..3 {
            test_line.raise();
            let count = block_on(timeout(LIMIT, rx.recv()))?.map_err(|_| ETIME)?;
            if count != Some(1) {
                return Err(EINVAL);
            }
        }
        if task.is_finished() {
            return Err(EPIPE);
        }
        let in_thread = test_line.has_thread()?;
        drop(registration);
        block_on(timeout(LIMIT, task))?.map_err(|_| ETIME)?;
        executor.shutdown()?;
        Ok((hard.load(Relaxed), other.load(Relaxed), in_thread))
    }

    /// Acknowledged in hard interrupt context, or in a thread where the kernel has all handlers in
    /// threads; the stream ends with the registration.
    #[test]
    fn hard() -> Result {
        let (hard, other, in_thread) = line(Kind::Hard)?;
        check_eq!((hard, other), if in_thread { (0, 3) } else { (3, 0) });
        Ok(())
    }

    /// Acknowledged in a thread.
    #[test]
    fn threaded() -> Result {
        check_eq!(line(Kind::Threaded)?, (0, 3, true));
        Ok(())
    }

    /// Interrupts that come before the stream is polled are one item, also if the line is released
    /// before.
    #[test]
    fn coalesced() -> Result {
        let test_line = TestLine::new()?;
        let (hard, other, raised) = (counter()?, counter()?, counter()?);
        raised.fetch_add(1, Full);
        let device = Device {
            hard,
            other,
            raised,
        };
        // SAFETY: The line is ours, and is there until after the registration was dropped.
        let (registration, mut interrupts) =
            unsafe { irq::request_raw(test_line.number(), c"kasync_test", Kind::Hard, device)? };
        for _ in 0..5 {
            test_line.raise();
        }
        let device = registration.line();
        let counter = if test_line.has_thread()? {
            &device.other
        } else {
            &device.hard
        };
        check_eq!(counter.load(Relaxed), 5);
        drop(registration);
        check_eq!(block_on(next(&mut interrupts))?, Some(5));
        check_eq!(block_on(next(&mut interrupts))?, None);
        Ok(())
    }

    /// H24: a wait that is dropped, before or after interrupts have come, takes none of them with
    /// it.
    #[test]
    fn dropped() -> Result {
        let test_line = TestLine::new()?;
        let (hard, other, raised) = (counter()?, counter()?, counter()?);
        raised.fetch_add(1, Full);
        let device = Device {
            hard,
            other,
            raised,
        };
        // SAFETY: The line is ours, and is there until after the registration was dropped.
        let (registration, mut interrupts) =
            unsafe { irq::request_raw(test_line.number(), c"kasync_test", Kind::Hard, device)? };
        for _ in 0..3 {
            let mut cx = Context::from_waker(Waker::noop());
            let mut wait = next(&mut interrupts);
            check!(Pin::new(&mut wait).poll(&mut cx).is_pending());
            test_line.raise();
            drop(wait);
            test_line.raise();
            check_eq!(
                block_on(timeout(LIMIT, next(&mut interrupts)))?,
                Ok(Some(2))
            );
        }
        drop(registration);
        check_eq!(block_on(next(&mut interrupts))?, None);
        Ok(())
    }

    /// A request for a line that is in use fails, and leaves nothing behind.
    #[test]
    fn refused() -> Result {
        let test_line = TestLine::new()?;
        let device = || -> Result<Device> {
            Ok(Device {
                hard: counter()?,
                other: counter()?,
                raised: counter()?,
            })
        };
        let number = test_line.number();
        // SAFETY: The line is ours, and is there until after the registration was dropped.
        let first = unsafe { irq::request_raw(number, c"kasync_test", Kind::Hard, device()?)? };
        // SAFETY: The line is ours, and is there until after the registration was dropped.
        let second = unsafe { irq::request_raw(number, c"kasync_test", Kind::Hard, device()?) };
        check_eq!(second.err(), Some(EBUSY));
        drop(first);
        Ok(())
    }

    /// Devices that share a line are each asked for each interrupt, and only those that have raised
    /// one have it in their streams. A line is shared only if all want it.
    #[test]
    fn shared() -> Result {
        let test_line = TestLine::new()?;
        let number = test_line.number();
        let device = |raised: &Counter| -> Result<Device> {
            Ok(Device {
                hard: counter()?,
                other: counter()?,
                raised: raised.clone(),
            })
        };
        let request = |kind, raised: &Counter| {
            // SAFETY: The line is ours, and is there until after the registration was dropped.
            unsafe { irq::request_raw(number, c"kasync_test", kind, device(raised)?) }
        };
        let (one, other) = (counter()?, counter()?);
        let (first, mut firsts) = request(Kind::Shared, &one)?;
        check_eq!(request(Kind::Hard, &other).err(), Some(EBUSY));
        let (second, mut seconds) = request(Kind::Shared, &other)?;
        one.fetch_add(1, Full);
        test_line.raise();
        other.fetch_add(1, Full);
        test_line.raise();
        // A kernel with CONFIG_DEBUG_SHIRQ asks the device once more while a line is released.
        one.store(0, Relaxed);
        drop(first);
        test_line.raise();
        other.store(0, Relaxed);
        drop(second);
        check_eq!(block_on(next(&mut firsts))?, Some(2));
        check_eq!(block_on(next(&mut firsts))?, None);
        check_eq!(block_on(next(&mut seconds))?, Some(2));
        check_eq!(block_on(next(&mut seconds))?, None);
        Ok(())
    }
}
