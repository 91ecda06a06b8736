// SPDX-License-Identifier: MIT OR Apache-2.0

//! The handoff lock, and firmware that does not give it back as it should.

mod host;

use std::time::{Duration, Instant};

use agx_abi::uat::Handoff;
use agxemu_firmware::machine::Machine;
use agxemu_soc::handoff::Keep;
use agxemu_soc::options::Trouble;

use host::Host;

/// Returns a host whose coprocessor runs, so that what goes wrong is known.
fn host(keep: Keep) -> Host {
    let host = Host::new(vec![Trouble::KeepHandoff(keep)]);
    host.start();
    host.announce();
    host.wait("answer", || host.log.has("handoff answered").then_some(()));
    host
}

fn is_locked(host: &Host) -> bool {
    let lock = host.regions.handoff() + Handoff::LOCK_FW.offset() as u64;
    host.soc.ram.load_u8(lock) != Ok(0)
}

fn context(host: &Host) -> u32 {
    let at = host.regions.handoff() + Handoff::CUR_SLOT.offset() as u64;
    host.soc.ram.load_u32(at).unwrap()
}

#[test]
fn a_lock_that_is_kept_is_kept_for_ever() {
    let host = host(Keep { nth: 2, time: None });
    assert_eq!(host.soc.select_context(1), Ok(()));
    assert!(!is_locked(&host));
    for slot in 2..5 {
        assert_eq!(host.soc.select_context(slot), Ok(()));
        assert!(is_locked(&host));
        assert_eq!(context(&host), slot.into());
    }
    assert!(host.log.has("keeps the handoff lock"));
}

#[test]
fn a_lock_that_is_kept_for_a_while_is_given_back() {
    let time = Duration::from_millis(80);
    let host = host(Keep {
        nth: 1,
        time: Some(time),
    });
    let start = Instant::now();
    assert_eq!(host.soc.select_context(1), Ok(()));
    assert!(start.elapsed() >= time && !is_locked(&host));
    assert_eq!(host.log.count("keeps the handoff lock"), 1);
    // Only that once.
    assert_eq!(host.soc.select_context(2), Ok(()));
    assert!(!is_locked(&host));
    assert_eq!(host.log.count("keeps the handoff lock"), 1);
    // The host did not ask for it.
    assert_eq!(host.soc.handoff_waits(), 0);
}

#[test]
fn a_host_that_waits_for_a_lock_that_is_late_is_seen() {
    let host = host(Keep {
        nth: 1,
        // The host comes in its second half, however late this thread runs.
        time: Some(Duration::from_secs(6)),
    });
    let ours = host.regions.handoff() + Handoff::LOCK_AP.offset() as u64;
    let turn = host.regions.handoff() + Handoff::TURN.offset() as u64;
    host.soc.ram.store_u32(turn, 1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| host.soc.select_context(1));
        host.wait("lock", || is_locked(&host).then_some(()));
        // As hosts do: the flag goes up when it is their turn.
        host.wait("turn", || {
            (host.soc.ram.load_u32(turn) == Ok(0)).then_some(())
        });
        host.soc.ram.store_u8(ours, 1).unwrap();
        host.wait("end of the lock", || (!is_locked(&host)).then_some(()));
        host.soc.ram.store_u8(ours, 0).unwrap();
    });
    assert_eq!(host.soc.handoff_waits(), 1);
}
