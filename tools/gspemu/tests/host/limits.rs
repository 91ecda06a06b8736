// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a driver says does not decide how much the processor keeps.

use gspemu::queue::COUNT;
use gspemu::registers as regs;
use gspemu::rm::{control, status};
use gspemu::wire::{function, put, word};

use crate::support::Host;

/// The result of a control with two parameters.
fn result(host: &mut Host, command: u32, parameters: [u32; 2]) -> u32 {
    let mut bytes = [0; 8];
    put(&mut bytes, 0, parameters[0]);
    put(&mut bytes, 4, parameters[1]);
    let call = host.control(command, &bytes);
    host.run();
    let reply = host.receive().expect("a message");
    assert_eq!(reply.call, call);
    word(&reply.payload, 12)
}

#[test]
fn commands_wait_while_answers_do() {
    let mut host = Host::with_objects(&[]);
    let before = host.machine.counters.commands;
    let mut asked = Vec::new();
    // Of 15 pages each. There is always room for one if the processor has taken those before.
    let taken = loop {
        asked.push(host.control(control::ECHO, &[1; 14 * 4096]));
        host.run();
        let taken = host.machine.counters.commands - before;
        if taken < asked.len() as u64 {
            break taken;
        }
        assert!(taken < 1000, "the processor keeps {taken} answers");
    };
    assert!(taken > u64::from(COUNT) / 15, "{taken}");
    let mut answered = Vec::new();
    while answered.len() < asked.len() {
        while let Some(reply) = host.receive() {
            answered.push(reply.call);
        }
        host.now += 1000;
        host.run();
    }
    assert_eq!(answered, asked);
    assert_eq!(host.machine.counters.violations, 0, "{}", host.log());
}

#[test]
fn commands_wait_while_late_answers_do() {
    let mut host = Host::with_objects(&[]);
    let before = host.machine.counters.commands;
    let mut late = [0; 4096];
    put(&mut late, 0, 10_000);
    let mut asked = 0;
    while host.machine.counters.commands - before == asked {
        host.control(control::LATE, &late);
        host.run();
        asked += 1;
        assert!(asked < 10_000, "the processor keeps {asked} answers");
    }
    assert!(host.receive().is_none());
    // All of them come, also that of which the command has waited.
    let mut answers = 0;
    while answers < asked {
        host.now += 10_000_000;
        host.run();
        while host.receive().is_some() {
            answers += 1;
        }
    }
    assert_eq!(host.machine.counters.violations, 0, "{}", host.log());
}

#[test]
fn events_are_so_many_at_most() {
    let mut host = Host::with_objects(&[]);
    for parameters in [[1 << 16, 0x1000], [u32::MAX, 0], [1, 0x1001], [1, u32::MAX]] {
        let result = result(&mut host, control::EVENTS, parameters);
        assert_eq!(result, status::INVALID_STRUCTURE, "{parameters:x?}");
    }
    let none = [0; 2];
    assert_eq!(result(&mut host, control::EVENTS, none), status::OK);
}

#[test]
fn answers_are_so_late_at_most() {
    let mut host = Host::with_objects(&[]);
    let result = result(&mut host, control::LATE, [u32::MAX, 0]);
    assert_eq!(result, status::INVALID_STRUCTURE);
}

#[test]
fn calls_are_so_long_at_most() {
    for claimed in [2 << 20, u32::MAX] {
        let mut host = Host::with_objects(&[]);
        let mut payload = vec![0; host.framing.payload()];
        put(&mut payload, 16, claimed);
        host.send(function::GSP_RM_CONTROL, &payload);
        assert!(host.has_died_of("bytes at most"), "{}", host.log());
    }
}

#[test]
fn lines_are_so_many_at_most() {
    let mut host = Host::boot(&[]);
    let before = host.log.lock().expect("log").len();
    let violations = host.machine.counters.violations;
    for _ in 0..100_000 {
        host.machine.read(0x4);
    }
    assert_eq!(host.machine.counters.violations, violations + 100_000);
    let lines = host.log.lock().expect("log").len() - before;
    assert!((1..1000).contains(&lines), "{lines} lines");
    // It says so later.
    host.now += 2_000_000;
    host.machine
        .write(regs::ENGINE, regs::ENGINE_RESET, host.now);
    let left = 100_000 - lines;
    assert!(host.log().contains(&format!("{left} lines are left out")));
    assert!(host.log().ends_with("reset"));
}
