// SPDX-License-Identifier: MIT

//! The differences between the declarations and the table, and their reasons.

use agx_abi::Abi;

/// The list of all versions.
const ALL: &[Abi] = &Abi::ALL;
/// Firmware of macOS 12.
const V12: &[Abi] = &[Abi::G13V12_3, Abi::G14V12_4];
/// M1 and M2 with firmware of macOS 13.
const V13_BUT_G14X: &[Abi] = &[Abi::G13V13_5, Abi::G14V13_5];
/// The list of all versions but G14X.
const BUT_G14X: &[Abi] = &[Abi::G13V12_3, Abi::G14V12_4, Abi::G13V13_5, Abi::G14V13_5];
/// Firmware of macOS 13.
const V13: &[Abi] = &[Abi::G13V13_5, Abi::G14V13_5, Abi::G14XV13_5];
/// The list of the versions for G14X.
const G14X: &[Abi] = &[Abi::G14XV13_5];

/// The fields in which declaration and table differ, in which versions, and why the declaration is
/// right.
///
/// `(structure, field, versions, reason)`; the field is empty where the size differs.
pub const DIFFERENCES: &[(&str, &str, &[Abi], &str)] = &[
    (
        "RunCompute",
        "REGISTER_INFO",
        G14X,
        "the table has its parts as fields of their own",
    ),
    (
        "RunVertex",
        "REGISTER_INFO",
        G14X,
        "the table has its parts as fields of their own",
    ),
    (
        "JobParameters3",
        "REGISTER_INFO",
        G14X,
        "the table has its parts as fields of their own",
    ),
    // Sizes.
    (
        "Barrier",
        "",
        BUT_G14X,
        "the driver in the field gives it 0x40 bytes and uses a word past the table's end",
    ),
    (
        "FlagEvent",
        "",
        ALL,
        "an entry of the event ring, which has 0x38 bytes; the table's is cut short",
    ),
    (
        "RunCompute",
        "",
        V12,
        "the driver in the field gives it 4 bytes more",
    ),
    (
        "RunFragment",
        "",
        V12,
        "the driver in the field gives it 8 bytes more",
    ),
    (
        "RunFragment",
        "UNK_POINTEE",
        V12,
        "of the two words of 13.5 the driver has the first in 12, the table the second",
    ),
    (
        "RunFragment",
        "UNK_V13_3",
        V12,
        "of the two words of 13.5 the driver has the first in 12, the table the second",
    ),
    (
        "StartVertex",
        "NO_CLUSTERING",
        V12,
        "the driver in the field writes it from 13 on only",
    ),
    ("HwDataA", "", V12, "4 bytes more, see its field UNK_163C"),
    (
        "HwDataA",
        "UNK_163C",
        V12,
        "the word at 0x1638 has 64 bits in the driver, 32 in the table",
    ),
    (
        "HwDataA",
        "HWS1",
        V12,
        "the word at 0x1638 has 64 bits in the driver, 32 in the table",
    ),
    (
        "HwDataA",
        "HWS2",
        V12,
        "the word at 0x1638 has 64 bits in the driver, 32 in the table",
    ),
    (
        "HwDataA",
        "HWS3",
        V12,
        "the word at 0x1638 has 64 bits in the driver, 32 in the table",
    ),
    (
        "HwDataA",
        "UNK_3CE8",
        V12,
        "the word at 0x1638 has 64 bits in the driver, 32 in the table",
    ),
    (
        "HwDataA",
        "CORE_LEAK_COEF",
        V12,
        "the word at 0x1638 has 64 bits in the driver, 32 in the table",
    ),
    (
        "HwDataA",
        "SRAM_LEAK_COEF",
        V12,
        "the word at 0x1638 has 64 bits in the driver, 32 in the table",
    ),
    (
        "Notifier",
        "IN_LIST",
        &[Abi::G14V12_4],
        "in front of it the driver has the bytes that the table has behind",
    ),
    // Fields.
    (
        "Timestamp",
        "HEADER",
        ALL,
        "the table splits the word into opcode and flags",
    ),
    (
        "WaitForIdle",
        "HEADER",
        ALL,
        "the table splits the word into opcode and flags",
    ),
    (
        "RetireStamp",
        "HEADER",
        ALL,
        "the table splits the word into opcode and flags",
    ),
    (
        "QueueInfo",
        "PRIORITY",
        ALL,
        "the table has its words one by one",
    ),
    (
        "QueueInfo",
        "UNK_84",
        V13_BUT_G14X,
        "this firmware's extra word: here in the driver, at 0xa0 in the table",
    ),
    (
        "QueueInfo",
        "HAS_COMMANDS",
        V13_BUT_G14X,
        "behind the extra word of this firmware, so 4 up from the table",
    ),
    (
        "QueueInfo",
        "ERROR_COUNT",
        ALL,
        "the table does not name it",
    ),
    (
        "QueueInfo",
        "IN_FLIGHT",
        V13_BUT_G14X,
        "behind the extra word of this firmware, so 4 up from the table",
    ),
    (
        "GpuContextData",
        "UNK_4",
        ALL,
        "part of an unnamed run in the table",
    ),
    (
        "Barrier",
        "INTERNAL_TYPE",
        ALL,
        "past the end of the table's structure",
    ),
    (
        "JobMeta",
        "UNK_0",
        ALL,
        "the table has one word for this and the next two",
    ),
    ("JobMeta", "UNK_2", ALL, "the table has one word"),
    ("JobMeta", "NO_PREEMPTION", ALL, "the table has one word"),
    (
        "EncoderParams",
        "SAMPLER_COUNT",
        ALL,
        "the table has one u64 for both counts",
    ),
    (
        "EncoderParams",
        "SAMPLER_COUNT_PLUS_1",
        ALL,
        "the table has one u64 for both counts",
    ),
    (
        "RunCompute",
        "CONTEXT_STORE_COMPL",
        V13,
        "part of an unnamed run in the table",
    ),
    (
        "StartCompute",
        "EVENT_SEQ",
        ALL,
        "64 bits in the driver; the table has two words",
    ),
    ("GrowTvbAck", "SUBPIPE", ALL, "the table ends before"),
    ("GrowTvbAck", "HALT_COUNT", ALL, "the table ends before"),
    (
        "DestroyContext",
        "UNK_9",
        V13,
        "the table keeps the layout of firmware 12.3; 13.5 packs the message",
    ),
    (
        "DestroyContext",
        "UNK_D",
        V13,
        "the table keeps the layout of firmware 12.3; 13.5 packs the message",
    ),
    (
        "DestroyContext",
        "QUEUE_TABLE_INDEX",
        V13,
        "the table keeps the layout of firmware 12.3; 13.5 packs the message",
    ),
    (
        "DestroyContext",
        "PID_TABLE_INDEX",
        V13,
        "the table keeps the layout of firmware 12.3; 13.5 packs the message",
    ),
    (
        "DestroyContext",
        "UNK_CONTEXT_4",
        V13,
        "the table keeps the layout of firmware 12.3; 13.5 packs the message",
    ),
    (
        "DestroyContext",
        "CONTEXT",
        V13,
        "the table keeps the layout of firmware 12.3; 13.5 packs the message",
    ),
    (
        "TimeoutEvent",
        "COUNTER",
        ALL,
        "the table has one u64 for the counter and the unknown word",
    ),
    (
        "TimeoutEvent",
        "UNK_8",
        ALL,
        "the table has one u64 for the counter and the unknown word",
    ),
    (
        "ChannelErrorEvent",
        "ERROR",
        ALL,
        "the table does not name the payload",
    ),
    (
        "ChannelErrorEvent",
        "PIPE",
        ALL,
        "the table does not name the payload",
    ),
    (
        "ChannelErrorEvent",
        "EVENT_SLOT",
        ALL,
        "the table does not name the payload",
    ),
    (
        "ChannelErrorEvent",
        "EVENT_VALUE",
        ALL,
        "the table does not name the payload",
    ),
    (
        "RuntimePointers",
        "PIPES",
        ALL,
        "the table has the channels in a structure of their own",
    ),
    (
        "RuntimePointers",
        "DEVICE_CONTROL",
        ALL,
        "the table has the channels in a structure of their own",
    ),
    (
        "RuntimePointers",
        "EVENT",
        ALL,
        "the table has the channels in a structure of their own",
    ),
    (
        "RuntimePointers",
        "FW_LOG",
        ALL,
        "the table has the channels in a structure of their own",
    ),
    (
        "RuntimePointers",
        "KTRACE",
        ALL,
        "the table has the channels in a structure of their own",
    ),
    (
        "RuntimePointers",
        "STATS",
        ALL,
        "the table has the channels in a structure of their own",
    ),
    (
        "FwStatus",
        "HALT_COUNT",
        ALL,
        "64 bits in the driver, 32 in the table",
    ),
    (
        "RunVertex",
        "JOB_PARAMS2",
        ALL,
        "part of the table's struct_3: see `nested`",
    ),
    (
        "RunVertex",
        "ENCODER_PARAMS",
        ALL,
        "part of the table's struct_3: see `nested`",
    ),
    (
        "RunVertex",
        "META",
        ALL,
        "part of the table's struct_3: see `nested`",
    ),
    (
        "JobParameters1",
        "IOGPU_UNK_54",
        BUT_G14X,
        "64 bits in the driver; the table has two words",
    ),
    (
        "RunFragment",
        "ENCODER_PARAMS",
        ALL,
        "part of the table's struct_6: see `nested`",
    ),
    (
        "RunFragment",
        "META",
        ALL,
        "part of the table's struct_7: see `nested`",
    ),
    (
        "JobParameters2",
        "ISP_BGOBJVALS",
        BUT_G14X,
        "32 bits in the driver; the table splits the word",
    ),
    (
        "JobParameters3",
        "ISP_BGOBJVALS",
        ALL,
        "32 bits in the driver; the table splits the word",
    ),
    (
        "JobParameters3",
        "TILE_CONFIG",
        ALL,
        "64 bits in the driver, 32 in the table",
    ),
    (
        "StartVertex",
        "ATTACHMENTS",
        ALL,
        "the table names the words of two traces; the driver has attachments, as in the others",
    ),
    (
        "HwDataB",
        "UNK_534",
        V13,
        "13 has one more word here: in front in the boot loader, which fills it; behind in the table",
    ),
    (
        "HwDataB",
        "TIMER_OFFSET",
        ALL,
        "part of an unnamed run in the table",
    ),
];
