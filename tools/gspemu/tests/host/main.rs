// SPDX-License-Identifier: MIT OR Apache-2.0

//! A driver by hand: the machine without a virtual machine.

mod channels;
mod limits;
mod support;

use std::sync::atomic::Ordering;

use gspemu::queue::COUNT;
use gspemu::registers as regs;
use gspemu::rm::{control, status, CONTROL};
use gspemu::script::Random;
use gspemu::wire::{self, event, function, put, word, Framing, Message};

use support::*;

const HEADERS: usize = Framing::V0.headers();

#[test]
fn boots_and_answers() {
    let mut host = Host::with_objects(&["sequencer"]);
    let reply = host.call(function::GET_GSP_STATIC_INFO, &[0; 0x678]);
    assert_eq!(&reply.payload[0x4ec..0x4f2], b"gspemu");
    let call = host.control(control::ECHO, &[1, 2, 3]);
    host.run();
    let reply = host.receive().expect("a reply");
    assert_eq!(
        (reply.call, &reply.payload[24..]),
        (call, &[254, 253, 252][..])
    );
    assert!(host.pulses.load(Ordering::Relaxed) > 0);
    assert_eq!(host.machine.counters.violations, 0, "{}", host.log());
    host.call(function::UNLOADING_GUEST_DRIVER, &[0; 8]);
    assert!(host.machine.read(regs::MAILBOX0) & regs::SUSPENDED != 0);
    // Its doorbell may come late; another command must not come.
    host.machine.write(regs::QUEUE_HEAD, 0, host.now);
    assert_eq!(host.machine.counters.violations, 0, "{}", host.log());
    host.send(function::NOP, &[]);
    assert_eq!(host.machine.counters.violations, 1, "{}", host.log());
}

#[test]
fn comes_back_after_a_reset() {
    let mut host = Host::with_objects(&[]);
    host.control(control::CRASH, &[]);
    host.run();
    assert!(host.machine.read(regs::IRQSTAT) & regs::IRQ_HALT != 0);
    host.restart();
    host.run();
    let message = host.receive().expect("a message");
    assert_eq!(message.function, event::GSP_INIT_DONE);
    assert_eq!(host.machine.counters.violations, 0, "{}", host.log());
}

#[test]
fn starts_once_and_then_halts() {
    let mut host = Host::boot(&["crash-boot:2"]);
    host.restart();
    host.run();
    assert!(host.machine.read(regs::CPUCTL) & regs::CPUCTL_HALTED != 0);
    assert!(host.receive().is_none());
}

#[test]
fn a_refused_call_is_not_done() {
    // The fourth: three make the objects.
    let mut host = Host::with_objects(&["refuse:4"]);
    let mut free = [0; 16];
    put(&mut free, 0, 1);
    put(&mut free, 8, 1);
    assert_eq!(
        host.call(function::FREE, &free).result,
        status::TIMEOUT_RETRY
    );
    host.control(control::CLIENTS, &[0; 8]);
    host.run();
    let reply = host.receive().expect("a reply");
    assert_eq!(word(&reply.payload, CONTROL), 1);
    host.call(function::UNLOADING_GUEST_DRIVER, &[0; 8]);
    assert_eq!(host.machine.counters.left, 1);
}

#[test]
fn events_do_not_end() {
    let mut host = Host::boot(&["event-storm"]);
    let mut events = 0;
    for _ in 0..10 {
        host.run();
        while let Some(message) = host.receive() {
            assert_eq!(message.function, event::POST_EVENT);
            events += 1;
        }
        host.now += 1000;
    }
    // The ring was full each time, but for the message that it began with.
    assert_eq!(events, 10 * (COUNT - 1));
    let call = host.send(function::NOP, &[]);
    host.run();
    let mut messages = std::iter::from_fn(|| host.receive());
    assert!(messages.any(|message| message.call == call));
    host.send(function::UNLOADING_GUEST_DRIVER, &[0; 8]);
    host.now += 1000;
    host.run();
    while host.receive().is_some() {}
    host.now += 1000;
    host.run();
    while host.receive().is_some() {}
    assert!(host.machine.read(regs::MAILBOX0) & regs::SUSPENDED != 0);
    host.now += 1000;
    host.run();
    assert!(host.receive().is_none());
}

#[test]
fn large_calls_come_in_pieces() {
    let mut host = Host::with_objects(&[]);
    let parameters: Vec<u8> = (0..150_000).map(|i| i as u8).collect();
    let mut payload = vec![0; CONTROL];
    put(&mut payload, 0, 1);
    put(&mut payload, 4, 3);
    put(&mut payload, 8, control::ECHO);
    put(&mut payload, 16, parameters.len() as u32);
    payload.extend(&parameters);
    for (i, piece) in payload.chunks(Framing::V0.payload()).enumerate() {
        let function = match i {
            0 => function::GSP_RM_CONTROL,
            _ => function::CONTINUATION_RECORD,
        };
        host.send(function, piece);
        host.run();
    }
    let mut whole = Vec::new();
    while let Some(piece) = host.receive() {
        whole.extend(piece.payload);
        host.now += 1000;
        host.run();
    }
    assert_eq!(whole.len(), payload.len());
    assert!(whole[24..].iter().zip(&parameters).all(|(a, b)| *a == !*b));
    assert_eq!(host.machine.counters.violations, 0, "{}", host.log());
}

#[test]
fn faults_of_replies() {
    let calls = |host: &mut Host| {
        let mut calls = Vec::new();
        while let Some(reply) = host.receive() {
            calls.push(reply.call);
        }
        calls
    };
    // Three replies come before, those for the objects.
    let mut host =
        Host::with_objects(&["reorder:4:3", "drop:7", "twice:8", "astray:9", "delay:10:5"]);
    let first = host.call;
    for _ in 0..7 {
        host.send(function::NOP, &[]);
    }
    host.run();
    let expected = [3, 2, 1, 5, 5, 6 ^ 0x8000_0000].map(|n| first.wrapping_add(n));
    let mut got = calls(&mut host);
    got[5] = (got[5] ^ 0x8000_0000).wrapping_sub(6);
    assert_eq!(got[..5], expected[..5]);
    assert_eq!(got[5], first);
    host.now += 5000;
    host.run();
    assert_eq!(calls(&mut host), [first + 7]);

    let mut host = Host::with_objects(&["event-flood:4:100"]);
    host.send(function::NOP, &[]);
    host.run();
    let mut events = 0;
    loop {
        match host.receive() {
            Some(message) if message.function == event::POST_EVENT => {
                assert_eq!(word(&message.payload, 12), events);
                events += 1;
            }
            Some(message) => break assert_eq!(message.function, function::NOP),
            None => {
                host.now += 1000;
                host.run();
            }
        }
    }
    assert_eq!(events, 100);
    assert!(host.machine.counters.full > 0);
}

#[test]
fn lost_interrupts_and_no_boot() {
    let mut host = Host::new(&["lost-irq:1", "no-init"]);
    host.start_with_commands();
    host.run();
    assert!(host.receive().is_none());
    let mut host = Host::new(&["crash-boot", "lost-irq:1"]);
    host.start_with_commands();
    assert!(host.has_died_of("halted"));
    assert_eq!(host.pulses.load(Ordering::Relaxed), 0);
    assert_eq!(host.machine.counters.violations, 0);
}

#[test]
fn violations_have_reasons() {
    let wrong = |change: &dyn Fn(&mut Host), reason: &str| {
        let mut host = Host::with_objects(&[]);
        change(&mut host);
        assert!(host.has_died_of(reason), "{reason}: {}", host.log());
        assert_eq!(host.machine.counters.violations, 1, "{reason}");
    };
    let element = |host: &Host| {
        let (function, result, payload) = (function::NOP, u32::MAX, Vec::new());
        let (sequence, call) = (host.sequence, 1);
        Message {
            sequence,
            function,
            call,
            result,
            payload,
        }
        .encode(Framing::V0)
    };
    let changed = |at: usize, value: u32, seal: bool| {
        move |host: &mut Host| {
            let mut bytes = element(host);
            put(&mut bytes, at, value);
            if seal {
                wire::seal(Framing::V0, &mut bytes, HEADERS);
            }
            host.post(&bytes);
        }
    };
    wrong(&changed(0x48, 5, false), "bad checksum");
    wrong(
        &changed(0x24, 99, true),
        "transport sequence 99, expected 5",
    );
    wrong(&changed(0x28, 0, true), "a message of 0 pages");
    wrong(&changed(0x28, 17, true), "a message of 17 pages");
    wrong(&changed(0x28, 2, true), "2 pages, 1 of which are written");
    wrong(&changed(0x30, 1, true), "version 0x1");
    wrong(&changed(0x34, 1, true), "signature 0x1");
    wrong(&changed(0x38, 31, true), "a call of 0x1f bytes");
    wrong(
        &changed(0x38, 0x2000, true),
        "a call of 0x2000 bytes in 1 pages",
    );
    wrong(&changed(0x40, 0, true), "results 0x0");
    wrong(&changed(0x3c, 5, true), "call 5 in state Running");
    wrong(&changed(0x3c, 71, true), "a piece of no call");
    wrong(&changed(0x3c, 76, true), "0 bytes of call 76");
    let pointer = |at: u64, value: u32| {
        move |host: &mut Host| {
            host.send(function::NOP, &[]);
            host.run();
            host.ram.store_u32(host.at(at), value).expect("RAM");
            host.send(function::NOP, &[]);
            host.ram.store_u32(host.at(at), value).expect("RAM");
        }
    };
    wrong(
        &pointer(0x1010, 63),
        "the write pointer of the commands is 63",
    );
    wrong(
        &pointer(0x1020, 77),
        "the read pointer of the status queue is 77",
    );
    wrong(
        &pointer(0x1020, 30),
        "the read pointer of the status queue goes from 4 to 30",
    );
    wrong(
        &|host: &mut Host| {
            // The processor's pointer has gone round, and the driver's has not.
            for read in 4..66 {
                host.send(function::NOP, &[]);
                host.run();
                assert!(read >= 62 || host.receive().is_some());
            }
            host.ram.store_u32(host.at(0x1020), 30).expect("RAM");
            host.send(function::NOP, &[]);
        },
        "the read pointer of the status queue goes from 62 to 30",
    );
    wrong(
        &|host: &mut Host| {
            let mut payload = vec![0; CONTROL + 5];
            put(&mut payload, 16, 4);
            host.send(function::GSP_RM_CONTROL, &payload);
        },
        "has 29 bytes and says 28",
    );
    wrong(
        &|host: &mut Host| host.start(),
        "started, though it is not off",
    );
}

#[test]
fn arguments_are_looked_at() {
    let wrong = |at: u64, value: u32, reason: &str| {
        let mut host = Host::new(&[]);
        host.ram.store_u32(at, value).expect("RAM");
        host.start();
        assert!(host.has_died_of(reason), "{reason}: {}", host.log());
    };
    let host = Host::new(&[]);
    wrong(LIBOS, 0, "no region LOGINIT");
    wrong(LIBOS + 3 * 32 + 8, 0, "a memory region at 0x0");
    wrong(LIBOS + 24, 0, "kind and place of a region");
    wrong(
        ARGUMENTS + 8,
        128,
        "the number of pages of the area is 0x80",
    );
    wrong(ARGUMENTS + 16, 0, "the offset of the commands");
    wrong(AREA + 8, 8, "page 1 of the area");
    wrong(
        AREA + 16,
        (AREA + 128 * 0x1000) as u32,
        "page 2 of the area",
    );
    wrong(host.at(0x1000 + 0xc), 64, "the number of messages is 0x40");
    wrong(host.at(0x1000 + 0x14), 0, "the queue's flags");
}

/// Whatever a driver writes: the processor halts with a reason, or goes on; it does not panic.
#[test]
fn fuzz_from_the_driver() {
    fuzz_by(Framing::V0);
}

#[test]
fn fuzz_from_the_driver_by_v2() {
    fuzz_by(Framing::V2);
}

fn fuzz_by(framing: Framing) {
    let mut died = 0;
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let mut host = Host::boot_with(&[], framing).make_objects();
        for _ in 0..20 {
            let mut payload = vec![0; CONTROL + random.below(6000) as usize];
            put(&mut payload, 0, 1);
            put(&mut payload, 4, 3);
            put(&mut payload, 8, control::ECHO + random.below(9) as u32);
            let length = payload.len() - CONTROL;
            put(&mut payload, 16, length as u32);
            let message = Message {
                sequence: host.sequence,
                function: [76, 76, 76, 0, 10, 103, 71][random.below(7) as usize],
                call: random.number() as u32,
                result: u32::MAX,
                payload,
            };
            let mut bytes = message.encode(framing);
            let end = framing.headers() + message.payload.len();
            for _ in 0..random.below(3) {
                let at = random.below(200.min(end as u64)) as usize;
                bytes[at] = random.number() as u8;
            }
            if random.below(4) != 0 {
                wire::seal(framing, &mut bytes, end);
            }
            host.post(&bytes);
            if random.below(8) == 0 {
                let value = random.below(70) as u32;
                if framing == Framing::V2 {
                    let at = [regs::QUEUE_HEAD, regs::MSGQ_TAIL][random.below(2) as usize];
                    host.machine.write(at, value, host.now);
                } else {
                    let at = [0x1010, 0x1020, 0x1000][random.below(3) as usize];
                    host.ram.store_u32(host.at(at), value).expect("RAM");
                }
            }
            if random.below(8) == 0 {
                let offset = 0x11_0000 + 4 * random.below(0x400);
                host.machine.write(offset, random.number() as u32, host.now);
                host.machine.read(offset);
            }
            host.run();
            host.now += 300;
        }
        // Of nothing else than what it is told to, or what it reports.
        let counters = host.machine.counters;
        let told = host.log().matches("crash, as it is told").count() as u64;
        assert!(
            counters.halts <= counters.violations + told,
            "{}",
            host.log()
        );
        died += u32::from(counters.violations > 0);
    }
    assert!(died > 300, "{died}");
}

/// By pointers in registers: more messages than there are pages, and calls that take all of them.
#[test]
fn the_same_by_v2() {
    let mut host = Host::boot_with(&["sequencer"], Framing::V2).make_objects();
    for n in 0..200 {
        let parameters = vec![n as u8; 20 + n * 50];
        let call = host.control(control::ECHO, &parameters);
        host.run();
        let reply = host.receive().expect("a reply");
        assert_eq!(reply.call, call);
        assert!(reply.payload[24..].iter().all(|byte| *byte == !(n as u8)));
    }
    // All pages may be in use.
    let mut payload = vec![0; 64];
    for _ in 0..COUNT {
        host.send(function::NOP, &payload);
    }
    host.run();
    for _ in 0..COUNT {
        assert!(host.receive().is_some());
    }
    payload[0] = 1;
    assert_eq!(host.call(function::NOP, &payload).payload, payload);
    assert_eq!(host.machine.counters.violations, 0, "{}", host.log());
}

#[test]
fn violations_by_v2() {
    let pointer = |to: u32| {
        let mut host = Host::boot_with(&[], Framing::V2);
        host.machine.write(regs::QUEUE_HEAD, to, host.now);
        host.has_died_of("the write pointer of the commands")
    };
    assert!(pointer(COUNT + 10) && pointer(0x8000_0000));
    for (at, value) in [
        (0, 1),
        (4, 0),
        (4, 0x800),
        (8, 0xc000_0000),
        (12, 0x2610_de7e),
        (16, 9),
    ] {
        let mut host = Host::boot_with(&[], Framing::V2);
        let message = Message {
            sequence: 0,
            function: function::NOP,
            call: 1,
            result: u32::MAX,
            payload: vec![0; 100],
        };
        let mut bytes = message.encode(Framing::V2);
        put(&mut bytes, at, value);
        host.post(&bytes);
        assert!(host.has_died_of("violation"), "{at}: {}", host.log());
    }
}
