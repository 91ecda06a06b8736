// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of compute commands: what is written is followed from the command on, as the firmware
//! does.

use super::*;
use crate::job::{
    command::{
        Parser,
        Work, //
    },
    image::{
        check_registers,
        Image,
        ABI,
        COMMON,
        TURN, //
    }, //
};
use agx_abi::{
    compute::{
        JobMeta,
        TimestampPointers, //
    },
    microsequence::{
        Attachment,
        RetireStamp,
        Timestamp,
        WaitForIdle, //
    }, //
    Value,
};

/// A command buffer with one compute command, which has `attachments` of growing size.
fn buffer(attachments: u64) -> Vec<u8> {
    let mut bytes = vec![4, 0, attachments as u8 * 24, 0, 0xff, 0xff, 0xff, 0xff];
    for i in 0..attachments {
        bytes.extend(
            [i << 20, 128 * i + 1, 0]
                .iter()
                .flat_map(|w| w.to_le_bytes()),
        );
    }
    bytes.extend([1, 0, 64, 0, 0xff, 0xff, 0xff, 0xff]);
    let helper = 0x5678_u64 << 32 | 0x1234;
    for word in [5 << 32, 0x1_0000, 0x2000, 0x3000, helper, 0xabcd, 0, 0_u64] {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

/// The addresses of all parts. A client wants a timestamp.
const PLACE: Place = Place {
    command: 0xffff_ffa6_0000_0000,
    sequence: 0xffff_ffa0_0001_0000,
    timestamps: 0xffff_ffa8_0000_0200,
    preemption: 0x70_0000_0000,
    preemption_tail: 0x70_0000_7f80,
    user_start: 8,
    user_end: 0,
};

/// The command, the end of its sequence, and what its place was.
fn build(attachments: u64, user: (u64, u64)) -> (RunCompute, Vec<u8>, Place) {
    build_for(ABI, attachments, user)
}

/// Does what [`build`] does, for firmware with interface `abi`.
fn build_for(abi: Abi, attachments: u64, user: (u64, u64)) -> (RunCompute, Vec<u8>, Place) {
    let common = Common { abi, ..COMMON };
    let bytes = buffer(attachments);
    let commands: Vec<_> = Parser::new(&bytes).collect::<Result<_, _>>().unwrap();
    let Work::Compute(compute) = commands[0].work else {
        panic!("{commands:?}");
    };
    let place = Place {
        user_start: user.0,
        user_end: user.1,
        ..PLACE
    };
    let mut image = Image {
        command: vec![0; RunCompute::size_in(abi)],
        sequence: vec![0; sequence(abi, true).size()],
    };
    let Ok(sequence) = describe(&compute, &common, &place, &mut image);
    let Ok(()) = write_turn(&TURN, sequence, &mut image);
    let command = <RunCompute as Value>::read_in(abi, &image.command);
    assert_eq!(
        command.get(RunCompute::MICROSEQUENCE_SIZE) as usize,
        sequence.size()
    );
    let unused = image.sequence.split_off(sequence.size());
    assert!(unused.iter().all(|&b| b == 0));
    (command, image.sequence, place)
}

fn opcodes(sequence: &[u8]) -> Vec<(usize, u32)> {
    let mut ops = Vec::new();
    let mut at = 0;
    while at < sequence.len() {
        let header = <u32 as Value>::read_in(ABI, &sequence[at..]);
        ops.push((at, header));
        at += match header & agx_abi::microsequence::OPCODE_MASK {
            StartCompute::OPCODE => StartCompute::size_in(ABI),
            Timestamp::OPCODE => Timestamp::size_in(ABI),
            wait if wait == WaitForIdle::OPCODE.of(ABI) as u32 => WaitForIdle::SIZE,
            FinalizeCompute::OPCODE => FinalizeCompute::size_in(ABI),
            RetireStamp::OPCODE => RetireStamp::SIZE,
            unknown => panic!("opcode {unknown:#x} at {at:#x}"),
        };
    }
    ops
}

#[test]
fn the_order_of_operations() {
    let headers = |user| {
        let (_, sequence, _) = build(0, user);
        let ops = opcodes(&sequence);
        ops.into_iter().map(|(_, h)| h).collect::<Vec<_>>()
    };
    assert_eq!(headers((0, 0)), [0x29, 0x80_0001, 0x2a, 0x4000_0018]);
    let with = [0x29, 0x8000_0019, 0x80_0001, 0x19, 0x2a, 0x4000_0018];
    for user in [(8, 0), (0, 8), (8, 16)] {
        assert_eq!(headers(user), with);
    }
    assert_eq!(build(0, (8, 8)).1.len(), sequence(ABI, true).size());
}

#[test]
fn the_command() {
    let (command, _, place) = build(0, (0x10, 0x20));
    assert_eq!(command.get(RunCompute::TAG), 3);
    assert_eq!(command.find(RunCompute::COUNTER), Some(TURN.counter));
    assert_eq!(command.get(RunCompute::VM_SLOT), 9);
    assert_eq!(command.get(RunCompute::NOTIFIER), COMMON.notifier);
    assert_eq!(command.get(RunCompute::MICROSEQUENCE), place.sequence);
    assert_eq!(command.get(RunCompute::CLIENT_SEQUENCE), 3);

    let p1 = command.find(RunCompute::JOB_PARAMS1).unwrap();
    assert_eq!(p1.get(JobParameters1::CDM_CTRL_STREAM_BASE), 0x1_0000);
    assert_eq!(p1.get(JobParameters1::USC_EXEC_BASE), 0x11_0000_0000);
    assert_eq!(p1.get(JobParameters1::HELPER_BINARY), 0x1234);
    assert_eq!(p1.get(JobParameters1::HELPER_CFG), 0x5678);
    assert_eq!(p1.get(JobParameters1::HELPER_DATA), 0xabcd);
    let preempt = [
        JobParameters1::PREEMPT1,
        JobParameters1::PREEMPT2,
        JobParameters1::PREEMPT3,
        JobParameters1::PREEMPT4,
        JobParameters1::PREEMPT5,
    ];
    assert_eq!(
        preempt.map(|field| p1.get(field) - place.preemption),
        [0, 0x7f80, 0x7f88, 0x7f90, 0x7f98]
    );

    let p2 = command.get(RunCompute::JOB_PARAMS2);
    assert_eq!(p2.get(JobParameters2::PREEMPT1), place.preemption);
    assert_eq!(p2.get(JobParameters2::CDM_CTRL_STREAM_END), 0x2000);

    let encoder = command.get(RunCompute::ENCODER_PARAMS);
    assert_eq!(encoder.get(EncoderParams::SAMPLER_HEAP), 0x3000);
    assert_eq!(encoder.get(EncoderParams::SAMPLER_COUNT), 5);
    assert_eq!(encoder.get(EncoderParams::SAMPLER_COUNT_PLUS_1), 6);

    let meta = command.get(RunCompute::META);
    assert_eq!(meta.get(JobMeta::STAMP), TURN.host_stamp);
    assert_eq!(meta.get(JobMeta::FW_STAMP), TURN.firmware_stamp);
    assert_eq!(meta.get(JobMeta::STAMP_VALUE), TURN.value);
    assert_eq!(meta.get(JobMeta::STAMP_SLOT), 77);
    assert_eq!(meta.get(JobMeta::EVENT_SEQ), 2);
    assert_eq!(meta.get(JobMeta::FLUSH_STAMPS), 0);

    let pair = |field| {
        let pointers: TimestampPointers = command.get(field);
        (
            pointers.get(TimestampPointers::START),
            pointers.get(TimestampPointers::END),
        )
    };
    let own = place.timestamps;
    assert_eq!(pair(RunCompute::TIMESTAMPS), (own, own + 8));
    assert_eq!(pair(RunCompute::USER_TIMESTAMPS), (0x10, 0x20));
}

#[test]
fn the_sequence_refers_to_the_command() {
    let (command, sequence, place) = build(2, (0x10, 0));
    let in_command = |va: u64| (va - place.command) as usize;
    let ops = opcodes(&sequence);

    let start = <StartCompute as Value>::read_in(ABI, &sequence);
    assert_eq!(
        in_command(start.get(StartCompute::JOB_PARAMS1)),
        RunCompute::JOB_PARAMS1.offset_in(ABI).unwrap()
    );
    assert_eq!(
        in_command(start.get(StartCompute::JOB_PARAMS2)),
        RunCompute::JOB_PARAMS2.offset_in(ABI)
    );
    assert_eq!(start.get(StartCompute::EVENT_SEQ), TURN.event_seq);
    assert_eq!(start.get(StartCompute::VM_SLOT), 9);
    assert_eq!(
        start.find(StartCompute::COUNTER),
        command.find(RunCompute::COUNTER)
    );
    assert_eq!(
        start.find(StartCompute::NOTIFIER_BUF),
        Some(COMMON.notifier_unk_buf)
    );

    for (index, field) in [(1, TimestampPointers::START), (3, TimestampPointers::END)] {
        let op = <Timestamp as Value>::read_in(ABI, &sequence[ops[index].0..]);
        assert_eq!(
            in_command(op.get(Timestamp::UPDATE)),
            RunCompute::TIMESTAMPS.then(field).offset_in(ABI)
        );
        assert_eq!(
            in_command(op.get(Timestamp::USER_TIMESTAMPS)),
            RunCompute::USER_TIMESTAMPS.offset_in(ABI)
        );
    }

    let at = ops[4].0;
    let finalize = <FinalizeCompute as Value>::read_in(ABI, &sequence[at..]);
    let back = finalize.get(FinalizeCompute::RESTART_BRANCH_OFFSET);
    assert_eq!(at as i32 + back, 0);
    assert_eq!(finalize.get(FinalizeCompute::STAMP_VALUE), TURN.value);
    assert_eq!(finalize.get(FinalizeCompute::FW_STAMP), TURN.firmware_stamp);
    assert_eq!(finalize.get(FinalizeCompute::VM_SLOT), 9);
    assert_eq!(finalize.get(FinalizeCompute::HAS_ATTACHMENTS), 1);
}

#[test]
fn attachments_are_counted_in_lines() {
    let (_, sequence, _) = build(10, (0, 0));
    let start = <StartCompute as Value>::read_in(ABI, &sequence);
    assert_eq!(start.get(StartCompute::ATTACHMENT_COUNT), 10);
    for i in 0..10 {
        let record = start.get(StartCompute::ATTACHMENTS.at(i));
        assert_eq!(record.get(Attachment::ADDRESS), (i as u64) << 20);
        assert_eq!(record.get(Attachment::LINES), i as u32 + 1);
    }
    let (_, sequence, _) = build(0, (0, 0));
    let start = <StartCompute as Value>::read_in(ABI, &sequence);
    assert_eq!(start.get(StartCompute::ATTACHMENT_COUNT), 0);
}

/// In each version that has parameters of this kind a command fits what it has there, and its
/// operations stand one behind the other.
#[test]
fn every_version_has_a_command() {
    for abi in Abi::ALL {
        let common = Common { abi, ..COMMON };
        let bytes = buffer(0);
        let commands: Vec<_> = Parser::new(&bytes).collect::<Result<_, _>>().unwrap();
        let Work::Compute(compute) = commands[0].work else {
            panic!("{commands:?}");
        };
        let mut image = Image {
            command: vec![0; RunCompute::size_in(abi)],
            sequence: vec![0; sequence(abi, true).size()],
        };
        let Ok(sequence) = describe(&compute, &common, &PLACE, &mut image);
        let Ok(()) = write_turn(&TURN, sequence, &mut image);
        let command = <RunCompute as Value>::read_in(abi, &image.command);
        assert_eq!(command.get(RunCompute::VM_SLOT), 9);
        let counter = RunCompute::COUNTER.present(abi).map(|_| TURN.counter);
        assert_eq!(command.find(RunCompute::COUNTER), counter);
        let wait = StartCompute::size_in(abi) + Timestamp::size_in(abi);
        assert_eq!(
            <u32 as Value>::read(&image.sequence[wait..]),
            WaitForIdle::header(abi, PipeKind::Compute)
        );
        let start = <StartCompute as Value>::read_in(abi, &image.sequence);
        assert_eq!(start.get(StartCompute::QUEUE), COMMON.queue_info);
        let parameters = RunCompute::JOB_PARAMS1.offset_in(abi);
        assert_eq!(
            start.get(StartCompute::JOB_PARAMS1),
            parameters.map_or(0, |offset| PLACE.command + offset as u64)
        );
    }
}

/// Firmware that takes registers: each once, in their order.
#[test]
fn a_list_of_registers() {
    let (command, sequence, _) = build_for(Abi::G14XV13_5, 0, (0, 0));
    let bytes = command.as_bytes();
    let tail = PLACE.preemption_tail;
    check_registers(
        bytes,
        0x20,
        0x720,
        PLACE.command,
        &[
            (0x1a510, PLACE.preemption),
            (0x1a420, 0x1_0000),
            (0x1a4d0, tail),
            (0x1a4d8, tail + 8),
            (0x1a4e0, tail + 16),
            (0x1a4e8, tail + 24),
            (0x10071, COMMON.usc_exec_base),
            (0x11841, 0x1234),
            (0x11849, 0xabcd),
            (0x11f81, 0x5678),
            (0x1a440, 0x2_4201),
            (0x12091, 0),
        ],
    );
    // In the parameters for the firmware as well.
    assert_eq!(bytes[0x75c + 0x58..][..4], 0x2_4201_u32.to_le_bytes());
    // No structures, but the list.
    assert_eq!(sequence[0x0c..0x14], [0; 8]);
    assert_eq!(sequence[0x14..0x1c], (PLACE.command + 0x20).to_le_bytes());
    assert_eq!(sequence[0x174..0x178], 2_u32.to_le_bytes());
}
