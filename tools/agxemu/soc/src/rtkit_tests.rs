// SPDX-License-Identifier: MIT OR Apache-2.0

//! Dialogues with RTKit.

use crate::hardware::Hardware;
use crate::rtkit::{Action, Rtkit};

/// Plays the host of Linux up to the application endpoints.
fn boot(r: &mut Rtkit) {
    assert_eq!(r.start(), (0x0010_0000_000c_000b, 0));
    let mut said = |m: u64| r.message((m, 0)).unwrap();
    let map0 = Action::Send((0x0080_0000_0000_0117, 0));
    let map1 = Action::Send((0x0088_0001_0000_0003, 0));
    assert_eq!(said(0x0020_0000_000c_000c), [map0]);
    assert_eq!(said(0x0080_0000_0000_0001), [map1]);
    let on = Action::Send((0x0070_0000_0000_0020, 0));
    assert_eq!(said(0x0088_0001_0000_0000), [on]);
    let crashlog = Action::Send((0x0012_0000_0000_0000, 1));
    assert_eq!(said(0x0050_0001_0000_0002), [crashlog]);
    let on = Action::Send((0x00b0_0000_0000_0020, 0));
    assert_eq!(said(0x00b0_0000_0000_0020), [on]);
    assert_eq!(said(0x0050_0020_0000_0002), []);
    assert_eq!(said(0x0050_0021_0000_0002), []);
}

#[test]
fn dialogue_of_linux() {
    let mut r = Rtkit::default();
    boot(&mut r);
    assert_eq!(r.crash(), None);
    // 0x20 pages at …ffae00000000, as the host masks it.
    r.message((0x0012_0fae_0000_0000, 1)).unwrap();
    let buffer = r.crashlog.unwrap();
    assert_eq!((buffer.va, buffer.size), (0xffff_ffae_0000_0000, 0x2_0000));
    assert_eq!(r.crash(), Some((0x0012_0fae_0000_0000, 1)));
    let init = (0x0081_0fa0_0000_0000, 0x20);
    assert_eq!(r.message(init).unwrap(), [Action::Deliver(init)]);
}

#[test]
fn sleep_and_wake() {
    let mut r = Rtkit::default();
    boot(&mut r);
    let leaves = (0x00b0_0000_0000_0010, 0);
    assert!(r.is_left_by(leaves));
    assert!(!r.is_left_by((0x00b0_0000_0000_0020, 0)));
    assert!(!r.is_left_by((0x0060_0000_0000_0010, 0)));
    r.message(leaves).unwrap();
    // Said again it is no news.
    assert!(!r.is_left_by(leaves));
    let acknowledged = [Action::Send((0x00b0_0000_0000_0010, 0))];
    assert_eq!(r.message(leaves).unwrap(), acknowledged);
    let slept = r.message((0x0060_0000_0000_0001, 0)).unwrap();
    assert_eq!(
        slept,
        [Action::Slept, Action::Send((0x0070_0000_0000_0001, 0))]
    );
    assert!(r.message((0x0081_0000_0000_0000, 0x20)).is_err());
    let woken = r.message((0x0060_0000_0000_0220, 0)).unwrap();
    assert_eq!(woken, [Action::Send((0x0010_0000_000c_000b, 0))]);
    boot(&mut r);
}

#[test]
fn a_wake_up_message_is_nothing_to_who_is_awake() {
    let mut r = Rtkit::default();
    let wake = |r: &mut Rtkit| {
        let actions = r.message((0x0060_0000_0000_0220, 0)).unwrap();
        assert!(matches!(actions[..], [Action::Note(_)]), "{actions:?}");
    };
    assert_eq!(r.start(), (0x0010_0000_000c_000b, 0));
    wake(&mut r);
    let map0 = Action::Send((0x0080_0000_0000_0117, 0));
    assert_eq!(r.message((0x0020_0000_000c_000c, 0)).unwrap(), [map0]);
    wake(&mut r);
    boot(&mut r);
    wake(&mut r);
    // Nothing was forgotten.
    assert_eq!(r.message((0x0050_0020_0000_0002, 0)).unwrap(), []);
}

#[test]
fn a_smaller_buffer_is_taken_as_it_is() {
    let mut r = Rtkit::default();
    boot(&mut r);
    let actions = r.message((0x0010_1fae_0000_0000, 1)).unwrap();
    assert!(matches!(actions[..], [Action::Note(_)]), "{actions:?}");
    assert_eq!(r.crashlog.unwrap().size, 0x1000);
    assert_eq!(r.crash(), Some((0x0010_1fae_0000_0000, 1)));
}

#[test]
fn sleep_states_differ() {
    let sleep = |state: u64| {
        let mut r = Rtkit::new(&Hardware {
            sleep: true,
            ..Hardware::default()
        });
        boot(&mut r);
        r.message((0x00b0_0000_0000_0000 | (state & 0xfff), 0))
            .unwrap();
        let actions = r.message((0x0060_0000_0000_0000 | state, 0)).unwrap();
        let ack = Action::Send((0x0070_0000_0000_0000 | state, 0));
        assert_eq!(actions[1], ack);
        let woken = r.message((0x0060_0000_0000_0220, 0)).unwrap();
        (r, actions[0], woken)
    };
    let (mut r, action, woken) = sleep(0x10);
    assert_eq!(action, Action::Slept);
    assert_eq!(woken, [Action::Send((0x0010_0000_000c_000b, 0))]);
    boot(&mut r);
    let (mut r, action, woken) = sleep(0x201);
    assert_eq!(action, Action::Idled);
    assert_eq!(woken, [Action::Send((0x0070_0000_0000_0020, 0))]);
    // The endpoints are still started.
    let kick = (0x0083_0000_0000_0010, 0x21);
    assert_eq!(r.message(kick).unwrap(), [Action::Deliver(kick)]);
    for state in [0, 1] {
        let (r, action, woken) = sleep(state);
        assert_eq!(action, Action::Slept);
        assert!(matches!(woken[..], [Action::Note(_)]), "{woken:?}");
        assert!(r.is_off());
    }
}

#[test]
fn more_endpoints_in_three_maps() {
    let mut r = Rtkit::new(&Hardware {
        endpoints: true,
        ..Hardware::default()
    });
    r.start();
    let mut said = |m: u64| r.message((m, 0)).unwrap();
    let maps = [
        0x0080_0000_0000_051f,
        0x0080_0001_0000_000b,
        0x0088_0002_0000_0020,
    ]
    .map(|m| [Action::Send((m, 0))]);
    assert_eq!(said(0x0020_0000_000c_000c), maps[0]);
    assert_eq!(said(0x0080_0000_0000_0001), maps[1]);
    assert_eq!(said(0x0080_0001_0000_0001), maps[2]);
    let on = Action::Send((0x0070_0000_0000_0020, 0));
    assert_eq!(said(0x0088_0002_0000_0000), [on]);
    // Of those that Linux knows, nothing is asked for.
    assert_eq!(said(0x0050_0003_0000_0002), []);
    assert_eq!(said(0x0050_000a_0000_0002), []);
}

#[test]
fn what_the_host_may_not_say() {
    let mut r = Rtkit::default();
    r.start();
    for (message, ep) in [
        (0x0020_0000_000d_000d, 0),
        (0x0080_0000_0000_0001, 0),
        (0x0081_0000_0000_0000, 0x20),
    ] {
        assert!(r.message((message, ep)).is_err(), "{message:#x}");
    }
    boot(&mut r);
    for (message, ep) in [
        (0x0050_0003_0000_0002, 0),
        (0x0050_0022_0000_0002, 0),
        (0x0060_0000_0000_0001, 0),
        (0x0010_0000_0000_0000, 1),
        (0x0010_0fae_0000_0000, 2),
    ] {
        assert!(r.message((message, ep)).is_err(), "{message:#x}");
    }
}
