// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What others see of a queue: how long it works, and how urgent it is.

use kernel::prelude::*;

#[kunit_tests(jobqueue_seen)]
mod tests {
    use jobqueue::{
        EngineUsage,
        Priority, //
    };
    use kasync::{
        block_on,
        time::{
            sleep,
            Delta, //
        }, //
    };
    use kernel::{
        prelude::*,
        time::{
            Instant,
            Monotonic, //
        }, //
    };

    const WHILE: Delta = Delta::from_millis(20);

    /// What overlaps counts once, and what is idle not at all: both bounds are measured, and hold however late threads are.
    #[test]
    fn busy_time_is_that_with_work() -> Result {
        let usage = EngineUsage::new(c"test")?;
        block_on(sleep(WHILE))?;
        assert_eq!(usage.busy(), Delta::ZERO);

        let outer = Instant::<Monotonic>::now();
        let (one, two) = (usage.begin(), usage.begin());
        let inner = Instant::<Monotonic>::now();
        block_on(sleep(WHILE))?;
        drop(one);
        // Still at work; it is counted so far.
        let so_far = usage.busy();
        assert!(so_far >= WHILE);
        block_on(sleep(WHILE))?;
        let at_least = inner.elapsed();
        drop(two);
        let at_most = outer.elapsed();
        let busy = usage.busy();
        assert!(busy >= at_least && busy <= at_most && busy > so_far);

        block_on(sleep(WHILE))?;
        assert_eq!(usage.busy(), busy);
        Ok(())
    }

    #[test]
    fn priorities_have_an_order() -> Result {
        let mut last = None;
        for level in 0..4 {
            let priority = Priority::from_level(level)?;
            assert_eq!((priority.level(), priority.rank()), (level, 3 - level));
            assert!(last < Some(priority));
            last = Some(priority);
        }
        assert_eq!(Priority::from_level(4), Err(EINVAL));
        assert_eq!(Priority::default(), Priority::Medium);
        let urgent = |p: Priority| p.executor() == kasync::Priority::High;
        assert!(urgent(Priority::High) && !urgent(Priority::Medium));
        Ok(())
    }
}
