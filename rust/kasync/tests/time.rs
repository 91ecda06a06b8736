// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sleeping, time limits, and awaiting one of several futures.

mod common;

use common::{
    counting,
    manual,
    poll, //
};
use kasync::{
    block_on,
    select,
    time::{
        sleep,
        timeout,
        Delta,
        Elapsed, //
    },
    yield_now,
    Either, //
};
use std::{
    future::{
        pending,
        ready, //
    },
    pin::pin, //
};

const MS: Delta = Delta::from_millis(1);

#[test]
fn sleep_fires_in_time() {
    manual(|world, _| {
        let (waker, woken) = counting();
        let mut s = pin!(sleep(MS));
        assert!(poll(s.as_mut(), &waker).is_pending());
        world.advance(Delta::from_nanos(999_999));
        assert_eq!(woken.get(), 0);
        world.advance(Delta::from_nanos(1));
        assert_eq!(woken.get(), 1);
        assert!(poll(s.as_mut(), &waker).is_ready());
        assert!(poll(s.as_mut(), &waker).is_ready());
        // Time counts from the call, not from the first poll.
        let mut s = pin!(sleep(MS));
        world.advance(MS);
        assert!(poll(s.as_mut(), &waker).is_ready());
        // A sleep for ever does not overflow.
        let mut s = pin!(sleep(Delta::from_nanos(i64::MAX)));
        assert!(poll(s.as_mut(), &waker).is_pending());
    });
}

/// H9: a sleep wakes the waker of the last poll, once. H33: a dropped sleep wakes no task.
#[test]
fn sleep_wakers() {
    manual(|world, _| {
        let ((first, woken1), (second, woken2)) = (counting(), counting());
        let mut s = Box::pin(sleep(MS));
        assert!(poll(s.as_mut(), &first).is_pending());
        assert!(poll(s.as_mut(), &second).is_pending());
        let mut dropped = Box::pin(sleep(MS));
        assert!(poll(dropped.as_mut(), &first).is_pending());
        drop(dropped);
        world.advance(MS);
        assert_eq!((woken1.get(), woken2.get()), (0, 1));
    });
}

/// A sleep that is used again: before it is due, when it is, and when it was never polled.
#[test]
fn sleep_again() {
    manual(|world, _| {
        let (waker, woken) = counting();
        let mut s = pin!(sleep(MS));
        s.as_mut().reset(MS);
        assert!(poll(s.as_mut(), &waker).is_pending());
        world.advance(Delta::from_nanos(500_000));
        // From here: so not at the end of the first millisecond.
        s.as_mut().reset(MS);
        assert!(poll(s.as_mut(), &waker).is_pending());
        world.advance(Delta::from_nanos(999_999));
        assert_eq!(woken.get(), 0);
        assert!(poll(s.as_mut(), &waker).is_pending());
        world.advance(Delta::from_nanos(1));
        assert_eq!(woken.get(), 1);
        assert!(poll(s.as_mut(), &waker).is_ready());
        s.as_mut().reset(MS);
        assert!(poll(s.as_mut(), &waker).is_pending());
        world.advance(MS);
        assert_eq!(woken.get(), 2);
        assert!(poll(s.as_mut(), &waker).is_ready());
    });
}

#[test]
fn timeouts() {
    manual(|world, executor| {
        let task = async {
            (
                timeout(MS, pending::<()>()).await,
                timeout(MS, ready(1)).await,
                timeout(MS, async { sleep(Delta::from_millis(5)).await }).await,
            )
        };
        let handle = executor.root().spawn(c"t", task).unwrap();
        for _ in 0..3 {
            world.run();
            world.advance(MS);
        }
        let all = (Err(Elapsed), Ok(1), Err(Elapsed));
        assert_eq!(block_on(handle), Ok(all));
    });
}

#[test]
fn select_and_join() {
    manual(|_, _| {
        let both = select(ready(1), ready("x"));
        assert_eq!(block_on(both), Ok(Either::Left(1)));
        let right = select(pending::<()>(), ready("x"));
        assert_eq!(block_on(right), Ok(Either::Right("x")));
        let task = async {
            let late = async {
                yield_now().await;
                1
            };
            kasync::join!(late, ready(2))
        };
        assert_eq!(block_on(task), Ok((1, 2)));
    });
}
