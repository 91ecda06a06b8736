// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of the state word by itself.

use super::*;

/// H40: a count that ran over never comes down again.
#[test]
fn saturated_count_is_immortal() {
    let state = State::new();
    state.saturate();
    for _ in 0..1000 {
        state.get_ref();
    }
    for _ in 0..10_000 {
        assert!(!state.put_refs(1));
    }
    assert!(state.load().refs() >= SATURATED / REF);
    assert!(state.load().has_handle());
}

/// Contract 3: the right to poll has one holder.
#[test]
fn one_poller() {
    let state = State::new();
    assert!(state.claim().is_none(), "not started");
    state.start();
    assert!(state.run().is_ok());
    assert!(state.claim().is_none(), "a worker polls");
    state.idle();
    assert!(!state.set_rerun(), "there is no poller to leave it to");
    assert!(state.claim().is_some());
    assert!(state.claim().is_none());
    assert!(state.run().is_err(), "a claim polls");
    assert!(state.take_rerun());
    assert!(!state.take_rerun());
    assert!(!state.release());
    assert!(state.claim().is_some());
    assert!(state.set_rerun());
    assert!(state.release());
    assert!(state.claim().is_some());
    state.complete();
    assert!(state.claim().is_none());
    assert!(!state.set_rerun());
    assert!(state.run().is_err());
}

/// A batch has one place, and one reference, for a task; a task whose turn it is, is polled by
/// one thread.
#[test]
fn turns_in_a_batch() {
    let refs = |state: &State| state.load().refs();
    let state = State::new();
    assert!(!state.list(), "not started");
    state.start();
    assert!(state.list());
    assert!(!state.list(), "listed");
    assert_eq!(refs(&state), 3);
    let Turn::Claimed(word) = state.take_turn() else {
        panic!("the task is not polled");
    };
    assert!(!word.is_listed());
    assert!(!state.list(), "a claim polls, which is left a note");
    assert!(!state.release_guessed(word) && !state.release_idle());
    assert!(state.release());

    assert!(state.list());
    assert!(state.run().is_ok(), "a worker may be first");
    assert!(matches!(state.take_turn(), Turn::Running));
    assert!(state.list(), "in the middle of that poll");
    state.idle();

    let word = state.claim().unwrap();
    assert!(word.is_listed());
    assert!(matches!(state.take_turn(), Turn::Nothing));
    assert!(state.release(), "the claim was left a note");

    assert!(state.list());
    state.complete();
    assert!(matches!(state.take_turn(), Turn::Nothing));
    assert!(!state.list(), "complete");
    assert_eq!(refs(&state), 6, "each place in a batch has had a reference");
}

/// H40: a batch takes no reference of an immortal task.
#[test]
fn saturated_count_in_a_batch() {
    let state = State::new();
    state.start();
    state.saturate();
    let refs = state.load().refs();
    assert!(state.list());
    assert_eq!(state.load().refs(), refs);
    assert!(!state.put_refs(1));
    assert_eq!(state.load().refs(), refs);
}

#[test]
fn join_waker_slot_has_one_owner() {
    let state = State::new();
    assert!(state.publish_join_waker().is_ok());
    assert!(state.load().has_join_waker());
    assert!(state.retract_join_waker().is_ok());
    assert!(!state.load().has_join_waker());
    assert!(state.publish_join_waker().is_ok());
    assert!(state.complete().has_join_waker());
    assert!(state.retract_join_waker().is_err());
    assert!(state.publish_join_waker().is_err());
    assert!(state.drop_handle().is_complete());
    assert!(!state.load().has_handle());
}
