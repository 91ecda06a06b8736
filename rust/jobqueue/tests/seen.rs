// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The visible state of a queue: the time that it works, and its deadline.

use kernel::prelude::*;

#[kunit_tests(jobqueue_seen)]
mod tests {
    use core::ffi::c_void;
    use jobqueue::{
        Clock,
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

    unsafe extern "C" {
        fn jobqueue_test_printed(
            show: unsafe extern "C" fn(*mut c_void, *mut c_void),
            data: *mut c_void,
            to: *mut u8,
            size: usize,
        ) -> usize;
    }

    /// The usage and the clock that the keys are to show.
    type Shown<'a> = (&'a EngineUsage, Option<Clock>);

    /// # Safety
    ///
    /// A printer, and a [`Shown`].
    unsafe extern "C" fn show(printer: *mut c_void, data: *mut c_void) {
        // SAFETY: By the safety requirements.
        let (usage, clock) = unsafe { &*data.cast::<Shown<'_>>() };
        // SAFETY: By the safety requirements.
        unsafe { usage.show(printer, *clock) };
    }

    /// Whether this is what is printed, where `{}` stands for a number.
    fn prints(usage: &EngineUsage, clock: Option<Clock>, want: &[&str]) -> Result<bool> {
        let mut shown: Shown<'_> = (usage, clock);
        let mut bytes = [0; 256];
        // SAFETY: `show` is called with `shown` while it is there, and there is so much room.
        let length = unsafe {
            jobqueue_test_printed(
                show,
                (&raw mut shown).cast(),
                bytes.as_mut_ptr(),
                bytes.len(),
            )
        };
        let text = bytes.get(..length).ok_or(EOVERFLOW)?;
        let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
        let fits = |line: &str, want: &str| match want.split_once("{}") {
            None => line == want,
            Some((before, after)) => line
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(|number| number.parse::<u64>().is_ok()),
        };
        let same = text.ends_with('\n')
            && text.lines().count() == want.len()
            && text.lines().zip(want).all(|(line, want)| fits(line, want));
        if !same {
            pr_err!("printed: {text}\n");
        }
        Ok(same)
    }

    const WHILE: Delta = Delta::from_millis(20);

    /// Overlapping work counts once, and idle time does not count. Both bounds are measured, and
    /// hold however late threads are.
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

    /// The keys and units of `drm-usage-stats.rst`: time always, cycles if they are counted, and
    /// either of the two to compare them with.
    #[test]
    fn keys_are_those_of_the_rules() -> Result {
        let time = EngineUsage::new(c"test")?;
        assert!(prints(&time, None, &["drm-engine-test:\t0 ns"])?);
        drop(time.begin());
        let hz = Clock::MaxHz(1_278_000_000);
        let max = "drm-maxfreq-test:\t1278000000 Hz";
        assert!(prints(&time, Some(hz), &["drm-engine-test:\t{} ns", max])?);
        // The ring counts no cycles, so none are reported.
        time.add_cycles(5);
        let total = Clock::TotalCycles(1000);
        assert!(prints(&time, Some(total), &["drm-engine-test:\t{} ns"])?);

        let cycles = EngineUsage::with_cycles(c"test")?;
        let (engine, none) = ("drm-engine-test:\t0 ns", "drm-cycles-test:\t0");
        assert!(prints(&cycles, None, &[engine, none])?);
        cycles.add_cycles(300);
        cycles.add_cycles(42);
        let some = "drm-cycles-test:\t342";
        assert!(prints(&cycles, Some(hz), &[engine, some, max])?);
        let all = "drm-total-cycles-test:\t1000";
        assert!(prints(&cycles, Some(total), &[engine, some, all])?);
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
