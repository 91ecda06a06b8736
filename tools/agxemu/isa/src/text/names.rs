// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of what fields mean; empty where nothing is written. Whatever has no name is written as a
//! number, so that no two encodings look the same.

fn name(names: &[&str], value: u64) -> String {
    match names.get(value as usize) {
        Some(name) if *name != "?" => (*name).to_string(),
        _ => format!("?{value}"),
    }
}

pub(super) fn integer_condition(value: u64) -> String {
    const NAMES: [&str; 16] = [
        "ieq", "ult", "ugt", "?", "seq", "slt", "sgt", "?", "ine", "ugte", "ulte", "?", "nseq",
        "sgte", "slte", "?",
    ];
    name(&NAMES, value)
}

pub(super) fn float_condition(value: u64) -> String {
    const NAMES: [&str; 16] = [
        "feq", "flt", "fgt", "fltn", "?", "fgte", "flte", "fgtn", "fneq", "fnlt", "fngt", "fnltn",
        "?", "fngte", "fnlte", "fngtn",
    ];
    name(&NAMES, value)
}

pub(super) fn format(value: u64) -> String {
    const NAMES: [&str; 16] = [
        "i8",
        "i16",
        "i32",
        "f16",
        "u8norm",
        "s8norm",
        "u16norm",
        "s16norm",
        "rgb10a2",
        "?",
        "srgba8",
        "?",
        "rg11b10f",
        "rgb9e5",
        "rg11b10f_rtz",
        "rgb9e5_rtz",
    ];
    name(&NAMES, value)
}

pub(super) fn atomic(value: u64) -> String {
    const NAMES: [&str; 11] = [
        "add", "sub", "xchg", "cmpxchg", "umin", "imin", "umax", "imax", "and", "or", "xor",
    ];
    name(&NAMES, value)
}

/// Of a reduction.
pub(super) fn subgroup(value: u64) -> String {
    match value {
        16 => "iadd".into(),
        20 => "smin".into(),
        22 => "smax".into(),
        28 => "umin".into(),
        30 => "umax".into(),
        v => name(
            &["and", "fadd", "or", "fmul", "xor", "fmin", "?", "fmax"],
            v,
        ),
    }
}

pub(super) fn shuffle(value: u64) -> String {
    name(&["", "xor", "up", "down"], value)
}

pub(super) fn dimension(value: u64) -> String {
    const NAMES: [&str; 9] = [
        "1d",
        "1d_array",
        "2d",
        "2d_array",
        "2d_ms",
        "3d",
        "cube",
        "cube_array",
        "2d_ms_array",
    ];
    name(&NAMES, value)
}

pub(super) fn lod_mode(value: u64) -> String {
    match value {
        0 => "auto_lod".into(),
        1 | 5 => "auto_lod_bias".into(),
        2 | 6 => "lod_min".into(),
        4 => "lod_grad".into(),
        9 | 13 => "auto_lod_bias_min".into(),
        12 => "lod_grad_min".into(),
        v => format!("?{v}"),
    }
}

pub(super) fn gather(value: u64) -> String {
    const NAMES: [&str; 8] = [
        "", "gather_r", "?", "gather_g", "?", "gather_b", "?", "gather_a",
    ];
    name(&NAMES, value)
}

pub(super) fn coherency(value: u64) -> String {
    name(&["", "coherent1", "coherent2", "coherent"], value)
}

pub(super) fn interpolation(value: u64) -> String {
    name(&["", "sample", "centroid", "sample"], value)
}

/// Of an integer that is added.
pub(super) fn shift(value: u64) -> String {
    match value {
        0 => String::new(),
        v => format!("lsl {v}"),
    }
}

pub(super) fn wait_group(value: u64) -> String {
    name(&["a", "b"], value)
}

pub(super) fn round(value: u64) -> String {
    name(&["rtz", "rte"], value)
}

/// Returns the channels of a mask.
pub(super) fn channels(mask: u64) -> String {
    if mask == 0 {
        return "none".into();
    }
    let set = |(i, _): &(usize, char)| mask >> i & 1 == 1;
    "xyzw"
        .chars()
        .enumerate()
        .filter(set)
        .map(|(_, c)| c)
        .collect()
}

pub(super) fn special_register(value: u64) -> String {
    let axes = |what: &str, n: u64| format!("{what}_{}", ["x", "y", "z"][n as usize]);
    match value {
        0..=2 => axes("threadgroup_in_grid", value),
        4..=6 => axes("threads_per_threadgroup", value - 4),
        8..=10 => axes("dispatch_threads_per_threadgroup", value - 8),
        12 => "threadgroup_width".into(),
        13 => "threadgroup_height".into(),
        14 => "samples_log2".into(),
        20 => "core_index".into(),
        21 => "vm_slot".into(),
        48..=50 => axes("thread_in_threadgroup", value - 48),
        51 => "thread_index_in_threadgroup".into(),
        52 => "thread_index_in_simdgroup".into(),
        53 => "simdgroup_index_in_threadgroup".into(),
        56 => "active_thread_index_in_quadgroup".into(),
        57 => "total_active_threads_in_quadgroup".into(),
        58 => "active_thread_index_in_simdgroup".into(),
        59 => "total_active_threads_in_simdgroup".into(),
        60 => "internal_coverage_mask".into(),
        62 => "backfacing".into(),
        63 => "is_active_thread".into(),
        80..=82 => axes("thread_in_grid", value - 80),
        124 => "input_sample_mask".into(),
        144 => "helper_op".into(),
        146 => "helper_arg_l".into(),
        147 => "helper_arg_h".into(),
        v => format!("sr{v}"),
    }
}

/// By the second byte.
pub(super) fn memory_barrier(byte: u64) -> String {
    match byte {
        0x96 => "memory_barrier".into(),
        0x9a => "memory_barrier_2".into(),
        0x99 => "memory_barrier_3".into(),
        0xaa => "image_barrier_1".into(),
        0xae => "image_barrier_2".into(),
        0xa9 => "image_barrier_3".into(),
        0xad => "image_barrier_4".into(),
        0x40 => "flush_memory_to_texture".into(),
        0x33 => "unknown_barrier_1".into(),
        0x03 => "unknown_barrier_2".into(),
        0x9d => "device_barrier_1".into(),
        0x9e => "device_barrier_2".into(),
        v => format!("barrier_{v:#04x}"),
    }
}

/// Returns what a truth table of two inputs is called, and whether only the first counts.
pub(super) fn bit_operation(table: u64) -> (&'static str, bool) {
    const NAMES: [&str; 16] = [
        "zero", "nor", "andn2", "mov_a", "andn1", "not", "xor", "nand", "and", "xnor", "mov",
        "orn2", "not_a", "orn1", "or", "one",
    ];
    let one = matches!(table, 3 | 5 | 10 | 12);
    (NAMES[table as usize & 15], one)
}

pub(super) fn conversion(mode: u64) -> String {
    match mode {
        0 => "u8_to_f".into(),
        1 => "s8_to_f".into(),
        4 => "f_to_u16".into(),
        5 => "f_to_s16".into(),
        6 => "u16_to_f".into(),
        7 => "s16_to_f".into(),
        8 => "f_to_u32".into(),
        9 => "f_to_s32".into(),
        10 => "u32_to_f".into(),
        11 => "s32_to_f".into(),
        v => format!("convert?{v}"),
    }
}

pub(super) fn float_function(op: u64) -> String {
    match op {
        0 => "floor".into(),
        1 => "rsqrts".into(),
        4 => "dfdx".into(),
        6 => "dfdy".into(),
        8 => "rcp".into(),
        9 => "rsqrt".into(),
        10 => "sinr".into(),
        12 => "log2".into(),
        13 => "exp2".into(),
        14 => "sinc".into(),
        16 => "ceil".into(),
        32 => "trunc".into(),
        48 => "rint".into(),
        v => format!("funop?{v}"),
    }
}
