// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Polls are signalling sections, in which nothing blocks.

mod common;

use common::manual;
use kasync::{
    block_on,
    cancelled,
    yield_now,
    Executor,
    SignallingSection, //
};
use kernel::{
    error::code,
    host::World, //
};

/// R6: every poll is inside a section, nothing else is.
#[test]
fn polls_are_sections() {
    manual(|world, executor| {
        assert!(!World::in_section());
        let task = async {
            for _ in 0..2 {
                assert!(World::in_section());
                assert_eq!(SignallingSection::with(|_| 7), Ok(7));
                yield_now().await;
            }
        };
        let handle = executor.root().spawn(c"t", task).unwrap();
        world.run();
        assert!(handle.is_finished());
        assert!(!World::in_section());
        assert_eq!(SignallingSection::with(|_| 7), Err(code::EINVAL));
        assert_eq!(world.take_api_violations().len(), 1);
    });
}

/// R5, R6: a section of one's own gives the witness, and blocking in it is refused as in a poll.
#[test]
fn own_sections() {
    manual(|world, executor| {
        let outside = executor.root().clone();
        // SAFETY: Nothing is signalled here.
        unsafe {
            SignallingSection::enter(|_| {
                assert!(World::in_section());
                assert_eq!(SignallingSection::with(|_| 1), Ok(1));
                assert_eq!(block_on(async {}), Err(code::EDEADLK));
                assert_eq!(outside.join_blocking(), Err(code::EDEADLK));
                SignallingSection::enter(|_| ());
                assert_eq!(executor.shutdown(), Err(code::EDEADLK));
            });
        }
        assert_eq!(world.take_api_violations().len(), 3);
        assert_eq!(block_on(async { 2 }), Ok(2));
        // Inside a poll the task stays known.
        let task = async {
            // SAFETY: Nothing is signalled in the section.
            unsafe { SignallingSection::enter(|_| assert!(World::in_section())) };
            cancelled().await;
        };
        let handle = executor.root().spawn(c"t", task).unwrap();
        world.run();
        handle.cancel();
        world.run();
        assert!(handle.is_finished());
    });
}

/// H15: blocking inside a poll is refused, reported, and harmless.
#[test]
fn no_blocking_in_polls() {
    manual(|world, executor| {
        let scope = executor.root().child(c"other").unwrap();
        let task = async move {
            assert_eq!(block_on(async {}), Err(code::EDEADLK));
            assert_eq!(scope.join_blocking(), Err(code::EDEADLK));
            let own = Executor::new(c"inner").unwrap();
            assert_eq!(own.shutdown(), Err(code::EDEADLK));
            drop(scope);
            own
        };
        let handle = executor.root().spawn(c"t", task).unwrap();
        world.run();
        assert_eq!(world.take_api_violations().len(), 3);
        // The same executor can be shut down where blocking is legal.
        drop(block_on(handle).unwrap());
    });
}
