// SPDX-License-Identifier: MIT

//! Where the declarations and the table do not say the same, and why.

use agx_abi::{compute, fragment, vertex};
use agx_abi::{Field, Value};

/// Where declaration and table differ, and why the declaration is right.
///
/// `(structure, field, reason)`; the field is empty where the size differs.
pub const DIFFERENCES: &[(&str, &str, &str)] = &[
    // Sizes.
    (
        "Barrier",
        "",
        "the driver in the field gives it 0x40 bytes and uses a word past the table's end",
    ),
    (
        "FlagEvent",
        "",
        "an entry of the event ring, which has 0x38 bytes; the table's is cut short",
    ),
    // Fields.
    (
        "Timestamp",
        "HEADER",
        "the table splits the word into opcode and flags",
    ),
    (
        "WaitForIdle",
        "HEADER",
        "the table splits the word into opcode and flags",
    ),
    (
        "RetireStamp",
        "HEADER",
        "the table splits the word into opcode and flags",
    ),
    (
        "QueueInfo",
        "PRIORITY",
        "the table has its words one by one",
    ),
    (
        "QueueInfo",
        "UNK_84",
        "this firmware's extra word: here in the driver, at 0xa0 in the table",
    ),
    (
        "QueueInfo",
        "HAS_COMMANDS",
        "behind the extra word of this firmware, so 4 up from the table",
    ),
    ("QueueInfo", "ERROR_COUNT", "the table does not name it"),
    (
        "QueueInfo",
        "IN_FLIGHT",
        "behind the extra word of this firmware, so 4 up from the table",
    ),
    (
        "GpuContextData",
        "UNK_4",
        "part of an unnamed run in the table",
    ),
    (
        "Barrier",
        "INTERNAL_TYPE",
        "past the end of the table's structure",
    ),
    (
        "JobMeta",
        "UNK_0",
        "the table has one word for this and the next two",
    ),
    ("JobMeta", "UNK_2", "the table has one word"),
    ("JobMeta", "NO_PREEMPTION", "the table has one word"),
    (
        "EncoderParams",
        "SAMPLER_COUNT",
        "the table has one u64 for both counts",
    ),
    (
        "EncoderParams",
        "SAMPLER_COUNT_PLUS_1",
        "the table has one u64 for both counts",
    ),
    (
        "RunCompute",
        "CONTEXT_STORE_COMPL",
        "part of an unnamed run in the table",
    ),
    (
        "StartCompute",
        "EVENT_SEQ",
        "64 bits in the driver; the table has two words",
    ),
    ("GrowTvbAck", "SUBPIPE", "the table ends before"),
    ("GrowTvbAck", "HALT_COUNT", "the table ends before"),
    (
        "DestroyContext",
        "UNK_23",
        "the table keeps the layout of firmware 12.3; 13.5 packs the message",
    ),
    (
        "DestroyContext",
        "UNK_9",
        "the table keeps the layout of firmware 12.3; 13.5 packs the message",
    ),
    (
        "DestroyContext",
        "UNK_D",
        "the table keeps the layout of firmware 12.3; 13.5 packs the message",
    ),
    (
        "DestroyContext",
        "QUEUE_TABLE_INDEX",
        "the table keeps the layout of firmware 12.3",
    ),
    (
        "DestroyContext",
        "PID_TABLE_INDEX",
        "the table keeps the layout of firmware 12.3",
    ),
    (
        "DestroyContext",
        "UNK_CONTEXT_4",
        "the table keeps the layout of firmware 12.3",
    ),
    (
        "DestroyContext",
        "CONTEXT",
        "the table keeps the layout of firmware 12.3",
    ),
    (
        "TimeoutEvent",
        "COUNTER",
        "the table has one u64 for the counter and the unknown word",
    ),
    (
        "TimeoutEvent",
        "UNK_8",
        "the table has one u64 for the counter and the unknown word",
    ),
    (
        "ChannelErrorEvent",
        "ERROR",
        "the table does not name the payload",
    ),
    (
        "ChannelErrorEvent",
        "PIPE",
        "the table does not name the payload",
    ),
    (
        "ChannelErrorEvent",
        "EVENT_SLOT",
        "the table does not name the payload",
    ),
    (
        "ChannelErrorEvent",
        "EVENT_VALUE",
        "the table does not name the payload",
    ),
    (
        "RuntimePointers",
        "PIPES",
        "the table has the channels in a structure of their own",
    ),
    (
        "RuntimePointers",
        "DEVICE_CONTROL",
        "the table has the channels in a structure of their own",
    ),
    (
        "RuntimePointers",
        "EVENT",
        "the table has the channels in a structure of their own",
    ),
    (
        "RuntimePointers",
        "FW_LOG",
        "the table has the channels in a structure of their own",
    ),
    (
        "RuntimePointers",
        "KTRACE",
        "the table has the channels in a structure of their own",
    ),
    (
        "RuntimePointers",
        "STATS",
        "the table has the channels in a structure of their own",
    ),
    (
        "FwStatus",
        "HALT_COUNT",
        "64 bits in the driver, 32 in the table",
    ),
    (
        "RunVertex",
        "JOB_PARAMS2",
        "part of the table's struct_3: see `nested`",
    ),
    (
        "RunVertex",
        "ENCODER_PARAMS",
        "part of the table's struct_3: see `nested`",
    ),
    (
        "RunVertex",
        "META",
        "part of the table's struct_3: see `nested`",
    ),
    (
        "JobParameters1",
        "IOGPU_UNK_54",
        "64 bits in the driver; the table has two words",
    ),
    (
        "RunFragment",
        "ENCODER_PARAMS",
        "part of the table's struct_6: see `nested`",
    ),
    (
        "RunFragment",
        "META",
        "part of the table's struct_7: see `nested`",
    ),
    (
        "JobParameters2",
        "ISP_BGOBJVALS",
        "32 bits in the driver; the table splits the word",
    ),
    (
        "JobParameters3",
        "ISP_BGOBJVALS",
        "32 bits in the driver; the table splits the word",
    ),
    (
        "JobParameters3",
        "TILE_CONFIG",
        "64 bits in the driver, 32 in the table",
    ),
    (
        "StartVertex",
        "ATTACHMENTS",
        "the table names the words of two traces; the driver has attachments, as in the others",
    ),
    (
        "HwDataB",
        "TIMER_OFFSET",
        "part of an unnamed run in the table",
    ),
];

/// Fields of structures in a command that the table has as fields of other structures: the
/// command, offset and size in it, and the path.
pub fn nested() -> Vec<(&'static str, usize, usize, &'static str)> {
    use compute::{EncoderParams as Encoder, JobMeta as Meta};
    use fragment::RunFragment as Fragment;
    use vertex::{JobParameters2 as Parameters, RunVertex as Vertex};

    fn at<S, T: Value>(field: Field<S, T>) -> (usize, usize) {
        (field.offset(), field.size())
    }
    let (vertex, fragment) = ("WorkCommandTA", "WorkCommand3D");
    [
        (
            vertex,
            at(Vertex::JOB_PARAMS2.then(Parameters::PREEMPT1)),
            "struct_3.iogpu_deflake_1",
        ),
        (
            vertex,
            at(Vertex::ENCODER_PARAMS.then(Encoder::UNK_0)),
            "struct_3.unk_528",
        ),
        (
            vertex,
            at(Vertex::ENCODER_PARAMS.then(Encoder::SYNC_GROW)),
            "struct_3.encoder_id",
        ),
        (
            vertex,
            at(Vertex::ENCODER_PARAMS.then(Encoder::MASK)),
            "struct_3.unk_53c",
        ),
        (
            vertex,
            at(Vertex::ENCODER_PARAMS.then(Encoder::SAMPLER_HEAP)),
            "struct_3.sampler_array",
        ),
        (
            vertex,
            at(Vertex::ENCODER_PARAMS.then(Encoder::SAMPLER_COUNT)),
            "struct_3.sampler_count",
        ),
        (
            vertex,
            at(Vertex::ENCODER_PARAMS.then(Encoder::SAMPLER_COUNT_PLUS_1)),
            "struct_3.sampler_max",
        ),
        (
            vertex,
            at(Vertex::META.then(Meta::STAMP)),
            "struct_3.stamp1_addr",
        ),
        (
            vertex,
            at(Vertex::META.then(Meta::FW_STAMP)),
            "struct_3.stamp2_addr",
        ),
        (
            vertex,
            at(Vertex::META.then(Meta::STAMP_VALUE)),
            "struct_3.stamp_value",
        ),
        (
            vertex,
            at(Vertex::META.then(Meta::STAMP_SLOT)),
            "struct_3.ev_ta",
        ),
        (
            vertex,
            at(Vertex::META.then(Meta::EVENT_CONTROL_INDEX)),
            "struct_3.evctl_index",
        ),
        (
            vertex,
            at(Vertex::META.then(Meta::FLUSH_STAMPS)),
            "struct_3.unk_584",
        ),
        (vertex, at(Vertex::META.then(Meta::UUID)), "struct_3.uuid2"),
        (
            vertex,
            at(Vertex::META.then(Meta::EVENT_SEQ)),
            "struct_3.queue_cmd_count",
        ),
        (
            fragment,
            at(Fragment::ENCODER_PARAMS.then(Encoder::UNK_0)),
            "struct_6.unk_8",
        ),
        (
            fragment,
            at(Fragment::ENCODER_PARAMS.then(Encoder::SYNC_GROW)),
            "struct_6.encoder_id+0",
        ),
        (
            fragment,
            at(Fragment::ENCODER_PARAMS.then(Encoder::MASK)),
            "struct_6.unk_1c",
        ),
        (
            fragment,
            at(Fragment::ENCODER_PARAMS.then(Encoder::SAMPLER_HEAP)),
            "struct_6.sampler_array",
        ),
        (
            fragment,
            at(Fragment::ENCODER_PARAMS.then(Encoder::SAMPLER_COUNT)),
            "struct_6.sampler_count",
        ),
        (
            fragment,
            at(Fragment::ENCODER_PARAMS.then(Encoder::SAMPLER_COUNT_PLUS_1)),
            "struct_6.sampler_max",
        ),
        (
            fragment,
            at(Fragment::META.then(Meta::STAMP)),
            "struct_7.stamp1_addr",
        ),
        (
            fragment,
            at(Fragment::META.then(Meta::FW_STAMP)),
            "struct_7.stamp2_addr",
        ),
        (
            fragment,
            at(Fragment::META.then(Meta::STAMP_VALUE)),
            "struct_7.stamp_value",
        ),
        (
            fragment,
            at(Fragment::META.then(Meta::STAMP_SLOT)),
            "struct_7.ev_3d",
        ),
        (
            fragment,
            at(Fragment::META.then(Meta::EVENT_CONTROL_INDEX)),
            "struct_7.evctl_index",
        ),
        (
            fragment,
            at(Fragment::META.then(Meta::FLUSH_STAMPS)),
            "struct_7.unk_24",
        ),
        (
            fragment,
            at(Fragment::META.then(Meta::UUID)),
            "struct_7.uuid",
        ),
        (
            fragment,
            at(Fragment::META.then(Meta::EVENT_SEQ)),
            "struct_7.queue_cmd_count",
        ),
    ]
    .into_iter()
    .map(|(command, (offset, size), path)| (command, offset, size, path))
    .collect()
}
