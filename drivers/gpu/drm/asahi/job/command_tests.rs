// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of the command buffer's reader. Buffers are put together from the UAPI header's offsets.

use super::*;
use crate::job::{
    barrier::Wait,
    payload::{
        BadTimestamp,
        Timestamp, //
    }, //
};
use agx_abi::uat::USER_END;

const NONE: u16 = 0xffff;

/// A command buffer in the making.
#[derive(Clone, Default)]
struct Buffer(Vec<u8>);

impl Buffer {
    fn command(mut self, kind: u16, barriers: [u16; 2], payload: &[u8]) -> Self {
        for word in [kind, payload.len() as u16, barriers[0], barriers[1]] {
            self.0.extend(word.to_le_bytes());
        }
        self.0.extend(payload);
        self
    }

    fn compute(self, barriers: [u16; 2]) -> Self {
        self.command(CMD_COMPUTE, barriers, &compute())
    }

    fn parse(&self) -> Result<Vec<Command<'_>>, Invalid> {
        Parser::new(&self.0).collect()
    }

    fn error(&self) -> Invalid {
        self.parse().expect_err("should be refused")
    }
}

fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    bytes[offset..offset + value.len()].copy_from_slice(value);
}

fn compute() -> [u8; 64] {
    let mut c = [0; 64];
    put(&mut c, 4, &7u32.to_le_bytes());
    put(&mut c, 8, &0x10_0000_0000u64.to_le_bytes());
    put(&mut c, 16, &0x10_0000_0100u64.to_le_bytes());
    put(&mut c, 24, &0x20_0000_0000u64.to_le_bytes());
    put(&mut c, 32, &0x1234u32.to_le_bytes());
    put(&mut c, 36, &0x5u32.to_le_bytes());
    put(&mut c, 40, &0xdead_beef_cafeu64.to_le_bytes());
    put(&mut c, 56, &9u32.to_le_bytes());
    put(&mut c, 60, &0x40u32.to_le_bytes());
    c
}

fn render() -> [u8; 240] {
    let mut r = [0; 240];
    put(&mut r, 0, &(1u32 << 18 | 7).to_le_bytes());
    put(&mut r, 8, &0x10000u64.to_le_bytes());
    put(&mut r, 148, &1920u16.to_le_bytes());
    put(&mut r, 150, &1080u16.to_le_bytes());
    put(&mut r, 152, &1u16.to_le_bytes());
    put(&mut r, 156, &[32, 16, 4, 8]);
    put(&mut r, 208, &3u32.to_le_bytes());
    put(&mut r, 232, &4u32.to_le_bytes());
    r
}

fn attachments(count: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|i| [(i as u64) << 20, 4096, 0])
        .flat_map(u64::to_le_bytes)
        .collect()
}

#[test]
fn a_compute_command() {
    let buffer = Buffer::default().compute([NONE; 2]);
    let commands = buffer.parse().unwrap();
    let [Command {
        barriers,
        work: Work::Compute(c),
    }] = commands[..]
    else {
        panic!("{commands:?}");
    };
    assert_eq!(
        (barriers.render, barriers.compute),
        (Wait::Nothing, Wait::Nothing)
    );
    assert_eq!((c.sampler_count, c.sampler_heap), (7, 0x20_0000_0000));
    assert_eq!(
        (c.cdm_ctrl_stream_base, c.cdm_ctrl_stream_end),
        (0x10_0000_0000, 0x10_0000_0100)
    );
    assert_eq!(
        (c.helper.binary, c.helper.cfg, c.helper.data),
        (0x1234, 5, 0xdead_beef_cafe)
    );
    assert_eq!(c.ts.start, None);
    let end = Timestamp {
        handle: 9,
        offset: 0x40,
    };
    assert_eq!(c.ts.end, Some(end));
    assert_eq!(c.ts.start, None);
}

#[test]
fn a_render_command() {
    let buffer = Buffer::default().command(CMD_RENDER, [NONE; 2], &render());
    let commands = buffer.parse().unwrap();
    let Work::Render(r) = commands[0].work else {
        panic!("{commands:?}");
    };
    assert_eq!((r.framebuffer.width, r.framebuffer.samples), (1920, 4));
    let handle = |t: Option<Timestamp>| t.map(|t| t.handle);
    assert_eq!(handle(r.ts_vtx.start), Some(3));
    assert_eq!(handle(r.ts_frag.end), Some(4));
}

#[test]
fn short_and_long_payloads() {
    // Every length of an older client: what is missing is zero.
    for len in 0..=64 {
        let mut payload = compute();
        // No samplers, so that they need no heap.
        payload[4..8].fill(0);
        let buffer = Buffer::default().command(CMD_COMPUTE, [NONE; 2], &payload[..len]);
        if len <= 12 {
            // Bits 39:32 of the address are in the fifth byte; without them it is not one.
            assert_eq!(buffer.error(), Invalid::Range("cdm_ctrl_stream_base"));
            continue;
        }
        let commands = buffer.parse().unwrap();
        let Work::Compute(c) = commands[0].work else {
            panic!("{commands:?}");
        };
        assert_eq!(c.cdm_ctrl_stream_end != 0, len > 17);
        assert_eq!(c.ts.end.is_some(), len > 56);
    }
    let mut long = compute().to_vec();
    long.extend([0; 100]);
    let buffer = |payload: &[u8]| Buffer::default().command(CMD_COMPUTE, [NONE; 2], payload);
    assert!(buffer(&long).parse().is_ok());
    *long.last_mut().unwrap() = 1;
    assert_eq!(buffer(&long).error(), Invalid::UnknownFields);
}

#[test]
fn every_truncation_is_seen() {
    let full = Buffer::default()
        .compute([NONE; 2])
        .command(SET_COMPUTE_ATTACHMENTS, [NONE; 2], &attachments(2))
        .compute([NONE; 2]);
    assert_eq!(full.parse().unwrap().len(), 2);
    let boundaries = [72, 72 + 56, 72 + 56 + 72];
    for len in 0..full.0.len() {
        let cut = Buffer(full.0[..len].to_vec());
        if len == 0 {
            assert_eq!(cut.error(), Invalid::Empty);
        } else if !boundaries.contains(&len) {
            assert!(
                matches!(
                    cut.error(),
                    Invalid::TruncatedHeader | Invalid::TruncatedPayload
                ),
                "{len}"
            );
        } else {
            assert_eq!(cut.parse().unwrap().len(), 1);
        }
    }
}

#[test]
fn fields_of_compute() {
    let refuse = |offset: usize, value: u8| {
        let mut bytes = compute();
        bytes[offset] = value;
        Buffer::default()
            .command(CMD_COMPUTE, [NONE; 2], &bytes)
            .error()
    };
    for offset in 0..4 {
        assert_eq!(refuse(offset, 1), Invalid::NotZero("compute.flags"));
    }
    assert_eq!(refuse(15, 0xff), Invalid::Range("cdm_ctrl_stream_base"));
    assert_eq!(refuse(20, 0x80), Invalid::Range("cdm_ctrl_stream_end"));
    assert_eq!(refuse(29, 0x01), Invalid::Range("sampler_heap"));
    let mut bytes = compute();
    put(&mut bytes, 4, &u32::MAX.to_le_bytes());
    let buffer = Buffer::default().command(CMD_COMPUTE, [NONE; 2], &bytes);
    assert_eq!(buffer.error(), Invalid::Range("sampler_count"));

    // Samplers need a heap, a command needs a stream.
    for (range, name) in [(24..32, "sampler_heap"), (8..16, "cdm_ctrl_stream_base")] {
        let mut bytes = compute();
        bytes[range].fill(0);
        let buffer = Buffer::default().command(CMD_COMPUTE, [NONE; 2], &bytes);
        assert_eq!(buffer.error(), Invalid::Range(name));
    }
}

#[test]
fn number_of_commands() {
    let many = |n| (0..n).fold(Buffer::default(), |b, _| b.compute([NONE; 2]));
    assert_eq!(many(0).error(), Invalid::Empty);
    assert_eq!(many(64).parse().unwrap().len(), 64);
    assert_eq!(many(65).error(), Invalid::TooMany);
    // Both kinds count together.
    let mixed = many(64).command(CMD_RENDER, [NONE; 2], &render());
    assert_eq!(mixed.error(), Invalid::TooMany);
    // Attachments do not count.
    let with = many(64).command(SET_VERTEX_ATTACHMENTS, [NONE; 2], &[]);
    assert_eq!(with.parse().unwrap().len(), 64);
}

#[test]
fn unknown_commands() {
    for kind in [5, 6, 0x100, 0xffff] {
        let buffer = Buffer::default().command(kind, [NONE; 2], &[]);
        assert_eq!(buffer.error(), Invalid::UnknownCommand(kind));
    }
}

#[test]
fn barriers_count_per_submit() {
    let buffer = Buffer::default()
        .compute([0, 0])
        .compute([NONE, 1])
        .command(CMD_RENDER, [NONE, 2], &render())
        .compute([1, 2]);
    let commands = buffer.parse().unwrap();
    let waits: Vec<_> = commands
        .iter()
        .map(|c| (c.barriers.render, c.barriers.compute))
        .collect();
    use Wait::{Before, Command, Nothing};
    assert_eq!(
        waits,
        [
            (Before, Before),
            (Nothing, Command(0)),
            (Nothing, Command(1)),
            (Command(0), Command(1))
        ]
    );
    assert_eq!(
        Buffer::default().compute([NONE, 1]).error(),
        Invalid::Barrier
    );
    assert_eq!(
        Buffer::default().compute([1, NONE]).error(),
        Invalid::Barrier
    );
}

#[test]
fn attachment_lists() {
    let set =
        |payload: &[u8]| Buffer::default().command(SET_COMPUTE_ATTACHMENTS, [NONE; 2], payload);
    let last = |buffer: Buffer| {
        let buffer = buffer.compute([NONE; 2]);
        let commands = buffer.parse().unwrap();
        match commands.last().unwrap().work {
            Work::Compute(c) => c.attachments.iter().collect::<Vec<_>>(),
            Work::Render(_) => panic!("not a render"),
        }
    };
    assert_eq!(last(set(&attachments(16))).len(), 16);
    assert_eq!(last(set(&[])), []);
    let two = last(set(&attachments(2)));
    assert_eq!((two[1].address, two[1].size), (1 << 20, 4096));
    // A new list replaces the old one, and lists of other stages are others.
    let other = set(&attachments(3))
        .command(SET_COMPUTE_ATTACHMENTS, [NONE; 2], &attachments(1))
        .command(SET_FRAGMENT_ATTACHMENTS, [NONE; 2], &attachments(5));
    assert_eq!(last(other).len(), 1);

    assert_eq!(set(&attachments(17)).error(), Invalid::Attachments);
    assert_eq!(set(&attachments(2)[..47]).error(), Invalid::Attachments);
    for at in [16, 23] {
        let mut bytes = attachments(2);
        bytes[24 + at] = 1;
        assert_eq!(set(&bytes).error(), Invalid::NotZero("attachment"));
    }
    let mut bytes = attachments(1);
    put(&mut bytes, 0, &USER_END.to_le_bytes());
    assert_eq!(set(&bytes).error(), Invalid::Range("attachment.size"));
    put(&mut bytes, 0, &u64::MAX.to_le_bytes());
    assert_eq!(set(&bytes).error(), Invalid::Range("attachment.pointer"));

    assert_eq!(set(&attachments(1)).error(), Invalid::Empty);
    for barriers in [[0, NONE], [NONE, 0]] {
        let buffer = Buffer::default().command(SET_VERTEX_ATTACHMENTS, barriers, &[]);
        assert_eq!(buffer.error(), Invalid::Barrier);
    }
}

#[test]
fn where_timestamps_go() {
    let at = |offset| Timestamp { handle: 1, offset }.address(0x1000, 0x4000);
    assert_eq!(at(0), Ok(0x1000));
    assert_eq!(at(0x3ff8), Ok(0x4ff8));
    for offset in [0x3ffc, 0x4000, 0xffff_fff8, 0xffff_ffff] {
        assert_eq!(at(offset), Err(BadTimestamp::Range));
    }
    assert_eq!(at(4), Err(BadTimestamp::Unaligned));
    let nowhere = Timestamp {
        handle: 1,
        offset: 0,
    };
    assert_eq!(nowhere.address(0x1000, 7), Err(BadTimestamp::Range));
}

#[test]
fn an_error_ends_the_iterator() {
    let buffer = Buffer::default()
        .command(9, [NONE; 2], &[])
        .compute([NONE; 2]);
    let mut parser = Parser::new(&buffer.0);
    assert_eq!(parser.next(), Some(Err(Invalid::UnknownCommand(9))));
    assert_eq!(parser.next(), None);
    assert_eq!(parser.next(), None);
}

/// Parses random bytes. The parser does not panic, and its results keep their invariants.
#[test]
fn any_bytes() {
    // xorshift: the same bytes in every run.
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut parsed = 0;
    for _ in 0..20_000 {
        let mut buffer = Buffer::default();
        for _ in 0..random() % 5 {
            let payload = compute();
            let len = (random() % 80) as usize;
            let kind = (random() % 6) as u16;
            let barriers =
                [random(), random()].map(|r| if r % 3 == 0 { r as u16 % 4 } else { NONE });
            buffer = buffer.command(kind, barriers, &payload[..len.min(64)]);
        }
        if random() % 2 == 0 && !buffer.0.is_empty() {
            let at = random() as usize % buffer.0.len();
            buffer.0[at] = random() as u8;
        }
        let Ok(commands) = buffer.parse() else {
            continue;
        };
        parsed += 1;
        assert!((1..=MAX_COMMANDS).contains(&commands.len()));
        for command in commands {
            if let Work::Compute(c) = command.work {
                assert!(c.cdm_ctrl_stream_base <= USER_END && c.cdm_ctrl_stream_end <= USER_END);
            }
        }
    }
    assert!(parsed > 100, "{parsed}");
}

fn parse_sync(kind: u32, handle: u32, value: u64) -> Result<Sync, BadSync> {
    let mut bytes = [0; Sync::SIZE];
    bytes[..4].copy_from_slice(&kind.to_le_bytes());
    bytes[4..8].copy_from_slice(&handle.to_le_bytes());
    bytes[8..].copy_from_slice(&value.to_le_bytes());
    Sync::parse(&bytes)
}

#[test]
fn sync_records() {
    let binary = parse_sync(0, 7, 0).unwrap();
    assert_eq!((binary.handle, binary.out()), (7, Ok(Point::Binary)));
    let timeline = parse_sync(1, 8, u64::MAX).unwrap();
    assert_eq!(timeline.point, Some(Point::Timeline(u64::MAX)));
    assert!(parse_sync(0, 7, 1).is_err());
    assert!(parse_sync(0, 7, 1 << 63).is_err());
    assert!(parse_sync(2, 7, 0).is_err());
    assert!(parse_sync(!0, 7, 0).is_err());
}

#[test]
fn point_zero() {
    let zero = parse_sync(1, 8, 0).unwrap();
    assert_eq!(zero.point, None);
    assert!(zero.out().is_err());
}
