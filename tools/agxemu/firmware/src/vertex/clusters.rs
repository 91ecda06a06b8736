// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a vertex command says of the clusters of the GPU.
//!
//! A chip with several has memory for them in each command, whether they share the work of this one
//! or not.

use agx_abi::vertex::{JobParameters1 as P, RunVertex};
use agx_abi::{Field, Opt};

use super::TILER;
use crate::chip::Chip;
use crate::memory::{Memory, Record};
use crate::panic::{ensure, field, Fw};
use crate::tiling::Tiling;

/// Alignment of the metadata.
const ALIGN: u64 = 0x80;

/// Returns how many clusters share the work of the command `r`.
pub(super) fn sharing(chip: &Chip, r: &Record) -> Fw<u32> {
    let p = r.present("parameters 1", RunVertex::JOB_PARAMS1)?;
    // A generation whose chips have one cluster is not told.
    let Some(control) = r.find(p.then(P::TILING_CONTROL)) else {
        return Ok(1);
    };
    // On a chip with one cluster the bit is part of the constant.
    let alone = control & P::TILING_CONTROL_NO_CLUSTERING != 0;
    let want = match alone {
        true => chip.tiling_control | P::TILING_CONTROL_NO_CLUSTERING,
        false => chip.tiling_control,
    };
    field!(r, "tiling control", control, want);
    Ok(if alone { 1 } else { chip.clusters })
}

/// Checks the memory that clusters need.
pub(super) fn check(mem: &Memory, chip: &Chip, r: &Record, slot: u8, tiling: &Tiling) -> Fw<()> {
    let p = r.present("parameters 1", RunVertex::JOB_PARAMS1)?;
    let Some(sizes) = &chip.sharing else {
        for (name, field) in [
            ("cluster tile maps", P::TVB_CLUSTER_TILEMAPS),
            ("cluster metadata 1", P::TVB_CLUSTER_META1),
            ("cluster metadata 2", P::TVB_CLUSTER_META2),
            ("cluster metadata 3", P::TVB_CLUSTER_META3),
            ("cluster metadata 4", P::TVB_CLUSTER_META4),
            ("cluster layer metadata", P::TVB_CLUSTER_LAYERMETA),
        ] {
            r.want_if(name, p.then(field), 0)?;
        }
        return Ok(());
    };
    let get =
        |field: Field<P, Opt<u64>>| -> Fw<u64> { Ok(r.get(r.present("clusters", p.then(field))?)) };

    let word = get(P::TVB_CLUSTER_META1)?;
    let stride = word >> P::META1_STRIDE_SHIFT;
    field!(
        r,
        "stride of cluster metadata 1",
        stride,
        u64::from(tiling.layer_blocks())
    );
    let tagged = get(P::TVB_CLUSTER_META4)?;
    ensure!(
        tagged & P::META4_TAG == P::META4_TAG,
        "{r}: cluster metadata 4 is {tagged:#x}, without its tag"
    );
    let [second, third, fourth] = sizes.others;
    let first = u64::from(tiling.cluster_blocks()) * sizes.block;
    for (name, va, len) in [
        (
            "cluster tile maps",
            get(P::TVB_CLUSTER_TILEMAPS)?,
            sizes.parts * tiling.tile_map(),
        ),
        (
            "cluster layer metadata",
            get(P::TVB_CLUSTER_LAYERMETA)?,
            sizes.parts * tiling.layer_metadata(),
        ),
        (
            "cluster metadata 1",
            word & ((1 << P::META1_STRIDE_SHIFT) - 1),
            first,
        ),
        ("cluster metadata 2", get(P::TVB_CLUSTER_META2)?, second),
        ("cluster metadata 3", get(P::TVB_CLUSTER_META3)?, third),
        ("cluster metadata 4", tagged & !P::META4_TAG, fourth),
    ] {
        ensure!(
            va % ALIGN == 0,
            "{r}: {name} at {va:#x}, which is not aligned"
        );
        // What has no bytes is named nevertheless.
        if len != 0 {
            mem.expect_in(slot, name, va, len, TILER)?;
        }
    }
    Ok(())
}
