// SPDX-License-Identifier: MIT OR Apache-2.0

//! Channels without a processor.

use super::*;
use crate::wire::put;
use emulated_guest::ram::Anonymous;
use std::sync::Arc;

const BASE: u64 = 0x1_0000_0000;
const RING_AT: u64 = BASE;
const USERD_AT: u64 = BASE + 0x1000;
const WORDS: u64 = BASE + 0x2000;
const DATA: u64 = BASE + 0x4000;
const SEMAPHORE: u64 = BASE + 0x8000;
const LARGE: u64 = 0x2_0000_0000;

pub(crate) fn parameters(id: u32) -> Vec<u8> {
    let mut bytes = vec![0; ALLOCATION];
    for (at, value) in [
        (RING, RING_AT as u32),
        (RING + 4, (RING_AT >> 32) as u32),
        (ENTRIES, 8),
        (FLAGS, ((id / 8) << 12) | ((id % 8) << 8)),
        (ENGINE, ENGINE_COPY),
        (USERD, (USERD_AT + 512 * u64::from(id)) as u32),
        (USERD + 4, (USERD_AT >> 32) as u32),
        (USERD_SPACE, SPACE_SYSTEM),
    ] {
        put(&mut bytes, at, value);
    }
    bytes
}

struct Test {
    ram: Ram,
    channels: Channels,
    put: [u32; 2],
    words: u64,
}

impl Test {
    /// Channels 0 and 1, which share their ring: each test uses its entries once.
    fn new() -> Self {
        let ram = Ram::default();
        ram.map(BASE, Arc::new(Anonymous::new(16)));
        let mut channels = Channels::default();
        for id in 0..2 {
            assert_eq!(channels.allocate(&parameters(id)), Some(id));
            assert!(channels.schedule(id, true));
        }
        Self {
            ram,
            channels,
            put: [0; 2],
            words: WORDS,
        }
    }

    /// Gives a channel words, and has it run.
    fn give(&mut self, id: usize, words: &[u32]) -> Outcome {
        for (i, word) in words.iter().enumerate() {
            let at = self.words + 4 * i as u64;
            self.ram.store_u32(at, *word).expect("RAM");
        }
        let high = (self.words >> 32) as u32 | ((words.len() as u32) << 10);
        let entry = u64::from(self.words as u32) | (u64::from(high) << 32);
        self.words += 4 * words.len() as u64;
        self.entry(id, entry)
    }

    fn entry(&mut self, id: usize, entry: u64) -> Outcome {
        let at = RING_AT + 8 * u64::from(self.put[id]);
        self.ram.store_u64(at, entry).expect("RAM");
        self.put[id] = (self.put[id] + 1) % 8;
        let at = USERD_AT + 512 * id as u64 + GP_PUT;
        self.ram.store_u32(at, self.put[id]).expect("RAM");
        self.channels
            .ring((RUNLIST << 16) | id as u32, &self.ram)
            .expect("a channel");
        self.channels.run(&self.ram)
    }
}

fn methods(subchannel: u32, method: u32, words: &[u32]) -> Vec<u32> {
    let header = (1 << 29) | ((words.len() as u32) << 16) | (subchannel << 13) | (method >> 2);
    [&[header], words].concat()
}

fn semaphore(operation: u32, payload: u32) -> Vec<u32> {
    let (low, high) = (SEMAPHORE as u32, (SEMAPHORE >> 32) as u32);
    methods(0, host::SEM_ADDR_LO, &[low, high, payload, 0, operation])
}

fn copying(from: u64, to: u64, length: u32, how: u32) -> Vec<u32> {
    copying_lines(from, to, [length, 1], how)
}

fn copying_lines(from: u64, to: u64, size: [u32; 2], how: u32) -> Vec<u32> {
    let halves = |at: u64| [(at >> 32) as u32, at as u32];
    [
        methods(4, host::SET_OBJECT, &[crate::rm::class::COPY]),
        methods(4, copy::IN_UPPER, &[halves(from), halves(to)].concat()),
        methods(4, copy::LENGTH, &size),
        methods(4, copy::LAUNCH, &[how]),
    ]
    .concat()
}

#[test]
fn copies_and_says_so() {
    let mut test = Test::new();
    test.ram.write(DATA, b"what is to be copied").expect("RAM");
    let words = [
        copying(DATA, DATA + 0x1000, 20, 0x186),
        semaphore(host::RELEASE | host::WAIT_IDLE, 7),
        methods(0, host::NON_STALL_INTERRUPT, &[0]),
    ]
    .concat();
    let outcome = test.give(0, &words);
    assert!(outcome.interrupt && outcome.faults.is_empty() && !outcome.waits);
    let mut bytes = [0; 20];
    test.ram.read(DATA + 0x1000, &mut bytes).expect("RAM");
    assert_eq!(&bytes, b"what is to be copied");
    assert_eq!(test.ram.load_u32(SEMAPHORE).expect("RAM"), 7);
    assert_eq!(test.ram.load_u32(USERD_AT + GP_GET).expect("RAM"), 1);
}

#[test]
fn one_waits_for_the_other() {
    for (operation, payload) in [
        (host::ACQUIRE, 5),
        (host::ACQUIRE_STRICT, 4),
        (host::ACQUIRE_CIRCULAR, 5),
    ] {
        let mut test = Test::new();
        assert!(test.give(1, &semaphore(operation, payload)).waits);
        assert!(
            !test.give(0, &semaphore(host::RELEASE, 5)).waits,
            "{operation}"
        );
    }
}

#[test]
fn faults_end_one_channel() {
    let nowhere = 0x7777_0000;
    for (words, fault) in [
        (vec![0xe000_0000], Fault::Host),
        (methods(0, 0xfc, &[0]), Fault::Host),
        (semaphore(6, 0), Fault::Host),
        (methods(3, 0x300, &[0]), Fault::Engine),
        (copying(DATA, DATA, 4, 0x6), Fault::Engine),
        (copying_lines(DATA, DATA, [4, 0], 0x186), Fault::Engine),
        (copying_lines(DATA, DATA, [0, 1], 0x186), Fault::Engine),
        (
            copying_lines(DATA, DATA, [0, u32::MAX], 0x186),
            Fault::Engine,
        ),
        (methods(4, 0x500, &[0]), Fault::Engine),
        (copying(DATA, nowhere, 4, 0x186), Fault::Address),
        (
            methods(0, host::SEM_ADDR_LO, &[nowhere as u32, 0, 0, 0, 1]),
            Fault::Address,
        ),
    ] {
        let mut test = Test::new();
        let outcome = test.give(0, &words);
        let [(0, is, _)] = outcome.faults[..] else {
            panic!("{words:x?}: {:?}", outcome.faults);
        };
        assert_eq!(is, fault, "{words:x?}");
        // It does nothing more, and the other does.
        let outcome = test.give(0, &semaphore(host::RELEASE, 1));
        assert!(outcome.faults.is_empty() && outcome.methods == 0);
        assert_eq!(test.ram.load_u32(SEMAPHORE).expect("RAM"), 0);
        test.give(1, &semaphore(host::RELEASE, 2));
        assert_eq!(test.ram.load_u32(SEMAPHORE).expect("RAM"), 2);
        assert!(!test.channels.schedule(0, true));
    }
}

#[test]
fn entries() {
    for entry in [
        0,
        (1 << 42) | WORDS | 1,
        (1 << 42) | 0x7777_0000,
        0x7fff_fc00 << 32,
    ] {
        let mut test = Test::new();
        assert_eq!(test.entry(0, entry).faults.len(), 1, "{entry:#x}");
    }
    let mut test = Test::new();
    test.ram.store_u32(USERD_AT + GP_PUT, 9).expect("RAM");
    test.channels
        .ring(RUNLIST << 16, &test.ram)
        .expect("a channel");
    assert_eq!(test.channels.run(&test.ram).faults.len(), 1);
}

#[test]
fn what_is_refused() {
    let mut channels = Channels::default();
    for (at, value) in [
        (RING, 4),
        (ENTRIES, 1),
        (ENTRIES, 12),
        (FLAGS, 8 << 12),
        (ENGINE, 1),
        (USERD, 0x100),
        (USERD_SPACE, 2),
    ] {
        let mut bytes = parameters(0);
        put(&mut bytes, at, value);
        assert_eq!(channels.allocate(&bytes), None, "{at}");
    }
    assert_eq!(channels.allocate(&[0; 100]), None);
    assert_eq!(channels.allocate(&parameters(3)), Some(3));
    assert_eq!(channels.allocate(&parameters(3)), None);
    let ram = Ram::default();
    assert!(channels.ring((RUNLIST << 16) | 3, &ram).is_err());
    assert!(channels.ring(3, &ram).is_err() && !channels.schedule(4, true));
    channels.free(3);
    assert!(channels.is_empty() && channels.ring((RUNLIST << 16) | 3, &ram).is_err());
}

#[test]
fn long_copies_take_turns() {
    for size in [[1, 1 << 20], [1 << 20, 64]] {
        let mut test = Test::new();
        let pages = Arc::new(Anonymous::new(1024));
        test.ram.map(LARGE, pages);
        test.ram.write(LARGE, &[7; 100]).expect("RAM");
        let words = [
            copying_lines(LARGE, LARGE + (2 << 20), size, 0x182),
            semaphore(host::RELEASE, 1),
        ]
        .concat();
        let mut outcome = test.give(0, &words);
        let mut turns = 1;
        while outcome.more {
            assert_eq!(test.ram.load_u32(SEMAPHORE).expect("RAM"), 0);
            outcome = test.channels.run(&test.ram);
            turns += 1;
        }
        assert!(turns >= 16, "{turns} turns for {size:?}");
        assert!(outcome.faults.is_empty());
        assert_eq!(test.ram.load_u32(SEMAPHORE).expect("RAM"), 1);
        let mut byte = [0];
        test.ram.read(LARGE + (2 << 20), &mut byte).expect("RAM");
        assert_eq!(byte, [7]);
    }
}

#[test]
fn channels_that_wait_for_each_other_take_turns() {
    let mut test = Test::new();
    test.ram.map(LARGE, Arc::new(Anonymous::new(1024)));
    let mut methods = 0;
    let mut more = false;
    for (id, [mine, other]) in [[0, 1], [1, 0]].into_iter().enumerate() {
        let round = [
            semaphore(host::ACQUIRE, mine),
            semaphore(host::RELEASE, other),
        ];
        let words: Vec<_> = round.concat().into_iter().cycle().take(12 * 4000).collect();
        test.words = LARGE + 0x4_0000 * id as u64;
        let outcome = test.give(id, &words);
        methods += outcome.methods;
        more = outcome.more;
    }
    assert!(more && methods < 20_000, "{methods} methods in one turn");
    while more {
        let outcome = test.channels.run(&test.ram);
        methods += outcome.methods;
        more = outcome.more;
    }
    // The second one waits for a word that is not there any more.
    assert!(methods >= 2 * 10 * 3999, "{methods}");
}
