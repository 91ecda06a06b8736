// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The visible state of a queue: the time that it works, and its deadline.

use kernel::prelude::*;

#[kunit_tests(jobqueue_seen)]
mod tests {
    use core::ffi::c_void;
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

    unsafe extern "C" {
        fn jobqueue_test_printed(
            show: unsafe extern "C" fn(*mut c_void, *mut c_void),
            data: *mut c_void,
            to: *mut u8,
            size: usize,
        ) -> usize;
    }

    /// The usage and the frequency that the keys are to show.
    type Shown<'a> = (&'a EngineUsage, Option<u64>);

    /// # Safety
    ///
    /// A printer, and a [`Shown`].
    unsafe extern "C" fn show(printer: *mut c_void, data: *mut c_void) {
        // SAFETY: `data` is a [`Shown`] by the safety requirements.
        let (usage, max_hz) = unsafe { &*data.cast::<Shown<'_>>() };
        // SAFETY: `printer` is a printer by the safety requirements.
        unsafe { usage.show(printer, *max_hz) };
    }

    /// Returns whether this is what is printed, where `{}` stands for a number.
    fn prints(usage: &EngineUsage, max_hz: Option<u64>, want: &[&str]) -> Result<bool> {
        let mut shown: Shown<'_> = (usage, max_hz);
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
        check_eq!(usage.busy(), Delta::ZERO);

        let outer = Instant::<Monotonic>::now();
        let (one, two) = (usage.begin(), usage.begin());
        let inner = Instant::<Monotonic>::now();
        block_on(sleep(WHILE))?;
        drop(one);
        // Still at work; it is counted so far.
        let so_far = usage.busy();
        check!(so_far >= WHILE);
        block_on(sleep(WHILE))?;
        let at_least = inner.elapsed();
        drop(two);
        let at_most = outer.elapsed();
        let busy = usage.busy();
        check!(busy >= at_least && busy <= at_most && busy > so_far);

        block_on(sleep(WHILE))?;
        check_eq!(usage.busy(), busy);
        Ok(())
    }

    /// The keys and units of `drm-usage-stats.rst`.
    #[test]
    fn keys_are_those_of_the_rules() -> Result {
        let time = EngineUsage::new(c"test")?;
        check!(prints(&time, None, &["drm-engine-test:\t0 ns"])?);
        drop(time.begin());
        let max = "drm-maxfreq-test:\t1278000000 Hz";
        let want = ["drm-engine-test:\t{} ns", max];
        check!(prints(&time, Some(1_278_000_000), &want)?);
        Ok(())
    }

    #[test]
    fn priorities_have_an_order() -> Result {
        let mut last = None;
        for level in 0..4 {
            let priority = Priority::from_level(level)?;
            check_eq!((priority.level(), priority.rank()), (level, 3 - level));
            check!(last < Some(priority));
            last = Some(priority);
        }
        check_eq!(Priority::from_level(4), Err(EINVAL));
        check_eq!(Priority::default(), Priority::Medium);
        let urgent = |p: Priority| p.executor() == kasync::Priority::High;
        check!(urgent(Priority::High) && !urgent(Priority::Medium));
        Ok(())
    }
}
