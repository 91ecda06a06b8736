// SPDX-License-Identifier: MIT

//! Structures in commands that the table does not have: their fields are fields of others there.

use agx_abi::registers::RegisterInfo;
use agx_abi::{compute, fragment, vertex};
use agx_abi::{Columns, Field, Opt, Value};
use std::borrow::Cow;

/// A part of a command: the command, offset and size in it, and the path in the table.
type Nested = (&'static str, Columns, Columns, Cow<'static, str>);

/// Fields of structures in a command that the table has as fields of other structures.
pub fn nested() -> Vec<Nested> {
    use compute::RunCompute as Compute;
    use compute::{EncoderParams as Encoder, JobMeta as Meta};
    use fragment::RunFragment as Fragment;
    use vertex::{JobParameters2 as Parameters, RunVertex as Vertex};

    fn at<S, T: Value>(field: Field<S, T>) -> (Columns, Columns) {
        (field.offsets(), T::SIZES)
    }
    let (vertex, fragment) = ("WorkCommandTA", "WorkCommand3D");
    let lists = [
        registers("WorkCommandCP", Compute::REGISTER_INFO, ""),
        registers(vertex, Vertex::REGISTER_INFO, ""),
        registers(
            fragment,
            Fragment::JOB_PARAMS3.then(fragment::JobParameters3::REGISTER_INFO),
            "struct_3.",
        ),
    ];
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
            at(Vertex::ENCODER_PARAMS.then(Encoder::ENCODER_ID)),
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
            at(Fragment::ENCODER_PARAMS.then(Encoder::ENCODER_ID)),
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
    .map(|(command, (offsets, sizes), path)| (command, offsets, sizes, path.into()))
    .chain(lists.into_iter().flatten())
    .collect()
}

/// Returns what is known of a list of registers, in field `info` of a command.
fn registers<S>(
    command: &'static str,
    info: Field<S, Opt<RegisterInfo>>,
    inside: &str,
) -> Vec<Nested> {
    fn at<S, T: Value>(field: Field<S, Opt<T>>) -> (Columns, Columns) {
        (field.offsets(), <T as Value>::SIZES)
    }
    [
        (at(info.then(RegisterInfo::ADDRESS)), "registers_addr"),
        (at(info.then(RegisterInfo::COUNT)), "register_count"),
        (at(info.then(RegisterInfo::LENGTH)), "registers_length"),
    ]
    .map(|((offsets, sizes), path)| (command, offsets, sizes, format!("{inside}{path}").into()))
    .into()
}
