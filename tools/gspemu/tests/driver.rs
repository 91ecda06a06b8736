// SPDX-License-Identifier: MIT OR Apache-2.0

//! What `samples/rust/nova_gsp` makes of messages, and the emulator of its own: the same format,
//! written twice.

#[path = "../../../samples/rust/nova_gsp/wire.rs"]
#[allow(dead_code)]
mod wire;

use gspemu::script::Random;
use gspemu::wire::{seal, Damage, Framing, Message, PAGE};
use wire::{Header, Poison, HEADERS, LARGEST};

fn message(length: usize) -> Message {
    Message {
        sequence: 5,
        function: wire::function::NOP,
        call: 0x4321,
        result: 0,
        payload: (0..length).map(|i| (i * 7) as u8).collect(),
    }
}

/// The driver's name of a framing.
fn driver(framing: Framing) -> wire::Framing {
    match framing {
        Framing::V0 => wire::Framing::V0,
        Framing::V2 => wire::Framing::V2,
    }
}

/// What the driver does with a message in a ring, `available` pages of which were written.
fn take(framing: Framing, bytes: &[u8], available: u32) -> Result<Header, Poison> {
    let first = bytes.first_chunk().expect("a page");
    let header = Header::new(driver(framing), first, available, 5)?;
    Header::check(driver(framing), &bytes[..header.end])?;
    Ok(header)
}

#[test]
fn both_ways() {
    for framing in [Framing::V0, Framing::V2] {
        let headers = framing.headers();
        assert_eq!(driver(framing).headers(), headers);
        for length in [0, 1, 8, 100, PAGE - headers, PAGE, framing.payload()] {
            let sent = message(length);
            let mut bytes = sent.encode(framing);
            // There is more in the ring.
            bytes.resize(LARGEST + PAGE, 0xa5);
            let header = take(framing, &bytes, 16).expect("a message");
            assert_eq!((header.function, header.call), (sent.function, sent.call));
            assert_eq!((header.result, header.end), (0, HEADERS + length));

            let all = wire::headers(driver(framing), 9, 76, 3, &sent.payload);
            let mut bytes = all[..headers].to_vec();
            bytes.extend(&sent.payload);
            let pages = driver(framing).pages(length) as usize;
            bytes.resize(pages * PAGE, 0);
            let received = Message::decode(framing, &bytes, 9).expect("a command");
            assert_eq!((received.function, received.call), (76, 3));
            assert_eq!(received.payload, sent.payload);
        }
    }
}

#[test]
fn damage() {
    for framing in [Framing::V0, Framing::V2] {
        let taken = |damage: Damage| {
            let mut bytes = message(5000).encode(framing);
            damage.apply(framing, &mut bytes);
            take(framing, &bytes, 2).map(|_| ())
        };
        let sum = match framing {
            Framing::V0 => Poison::Checksum,
            Framing::V2 => Poison::Header,
        };
        assert_eq!(taken(Damage::Checksum), Err(sum));
        assert_eq!(taken(Damage::Length), Err(Poison::Length));
        assert_eq!(taken(Damage::Short), Err(Poison::Length));
        assert_eq!(taken(Damage::Signature), Err(Poison::Header));
        assert_eq!(taken(Damage::Pages), Err(Poison::Pages));
        let one = take(framing, &message(5000).encode(framing), 1);
        assert!(one.is_err_and(|p| p == Poison::Pages));
    }
}

#[test]
fn fuzz_from_the_processor() {
    fuzz_by(Framing::V0);
}

#[test]
fn fuzz_from_the_processor_by_v2() {
    fuzz_by(Framing::V2);
}

/// Whatever is in the ring: a message that is taken lies in pages that were written; one that was
/// changed is only taken if its checksum is right again, if there is one.
fn fuzz_by(framing: Framing) {
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let length = random.below(3 * PAGE as u64) as usize;
        let mut bytes = message(length).encode(framing);
        let available = (bytes.len() / PAGE) as u32;
        // There is more in the ring.
        bytes.resize(LARGEST, 0xa5);
        let at = random.below(framing.headers() as u64) as usize;
        let value = random.number() as u8;
        let is_changed = bytes[at] != value;
        bytes[at] = value;
        let is_sealed = random.below(2) == 0;
        if is_sealed {
            let first = bytes.first_chunk().expect("a page");
            let end = Header::new(driver(framing), first, available, 5)
                .map_or(HEADERS, |header| header.end);
            seal(framing, &mut bytes, end);
        }
        match take(framing, &bytes, available) {
            Ok(header) => {
                taken += 1;
                // Where it ends in the ring: it is copied to behind headers of the older framing.
                let end = header.end - HEADERS + framing.headers();
                assert!(end <= available as usize * PAGE && header.pages <= available);
                // An exclusive or is no strong checksum: another length may leave out what makes
                // up for it.
                let is_length = (0x38..0x3c).contains(&at);
                let has_sum = framing == Framing::V0;
                assert!(
                    is_sealed || !is_changed || is_length || !has_sum,
                    "{seed}: {at:#x}"
                );
            }
            Err(_) => refused += 1,
        }
    }
    assert!(taken > 1000 && refused > 1000, "{taken} {refused}");
}
