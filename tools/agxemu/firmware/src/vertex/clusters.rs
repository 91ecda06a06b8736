// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a vertex command says of the clusters of the GPU.
//!
//! A chip with several has memory for them in each command, whether they share the work of this one
//! or not.

use agx_abi::registers::{vertex as registers, Register};
use agx_abi::vertex::JobParameters1 as P;
use agx_abi::{Field, Opt};

use super::places::Places;
use super::{P1, TILER};
use crate::chip::Chip;
use crate::memory::Record;
use crate::panic::{bail, ensure, field, Fw};
use crate::tiling::Tiling;

/// Alignment of the metadata.
const ALIGN: u64 = 0x80;

/// Returns how many clusters share the work of the command `r`.
pub(super) fn sharing(chip: &Chip, r: &Record, p: &P1<'_>) -> Fw<u32> {
    // A generation whose chips have one cluster is not told.
    let Some(control) = p.find(P::TILING_CONTROL, registers::TILING_CONTROL)? else {
        return Ok(1);
    };
    // On a chip with one cluster the bit is part of the constant.
    let bit = u64::from(P::TILING_CONTROL_NO_CLUSTERING);
    let alone = control & bit != 0;
    let want = u64::from(chip.tiling_control) | if alone { bit } else { 0 };
    field!(r, "tiling control", control, want);
    Ok(if alone { 1 } else { chip.clusters })
}

/// The name of a buffer of clusters, its field in the structure, and its register.
type Buffer = (&'static str, Field<P, Opt<u64>>, Register);

/// Checks the memory that clusters need.
pub(super) fn check(
    places: &mut Places<'_>,
    chip: &Chip,
    r: &Record,
    p: &P1<'_>,
    tiling: &Tiling,
) -> Fw<()> {
    let all: [Buffer; 6] = [
        (
            "cluster tile maps",
            P::TVB_CLUSTER_TILEMAPS,
            registers::TVB_CLUSTER_TILEMAPS,
        ),
        (
            "cluster layer metadata",
            P::TVB_CLUSTER_LAYERMETA,
            registers::TVB_CLUSTER_LAYERMETA,
        ),
        (
            "cluster metadata 1",
            P::TVB_CLUSTER_META1,
            registers::TVB_CLUSTER_META1,
        ),
        (
            "cluster metadata 2",
            P::TVB_CLUSTER_META2,
            registers::TVB_CLUSTER_META2,
        ),
        (
            "cluster metadata 3",
            P::TVB_CLUSTER_META3,
            registers::TVB_CLUSTER_META3,
        ),
        (
            "cluster metadata 4",
            P::TVB_CLUSTER_META4,
            registers::TVB_CLUSTER_META4,
        ),
    ];
    let Some(sizes) = &chip.sharing else {
        for (name, field, register) in all {
            if let Some(value) = p.find(field, register)? {
                field!(r, name, value, 0);
            }
        }
        return Ok(());
    };
    let mut addresses = [0; 6];
    for (address, (name, field, register)) in addresses.iter_mut().zip(all) {
        let Some(value) = p.find(field, register)? else {
            bail!("{r}: no {name} in this version");
        };
        *address = value;
    }

    let [tilemaps, layermeta, mut meta1, meta2, meta3, mut meta4] = addresses;
    if sizes.is_of_layers {
        let stride = meta1 >> P::META1_STRIDE_SHIFT;
        field!(
            r,
            "stride of cluster metadata 1",
            stride,
            u64::from(tiling.layer_blocks())
        );
        ensure!(
            meta4 & P::META4_TAG == P::META4_TAG,
            "{r}: cluster metadata 4 is {meta4:#x}, without its tag"
        );
        meta1 &= (1 << P::META1_STRIDE_SHIFT) - 1;
        meta4 &= !P::META4_TAG;
    }
    let [second, third, fourth] = sizes.others;
    let first = u64::from(tiling.cluster_blocks(sizes.is_of_layers)) * sizes.block;
    let lengths = [
        sizes.parts * tiling.tile_map(),
        sizes.parts * tiling.layer_metadata(),
        first,
        second,
        third,
        fourth,
    ];
    let addresses = [tilemaps, layermeta, meta1, meta2, meta3, meta4];
    for (((name, ..), va), len) in all.into_iter().zip(addresses).zip(lengths) {
        ensure!(
            va % ALIGN == 0,
            "{r}: {name} at {va:#x}, which is not aligned"
        );
        // What has no bytes is named nevertheless.
        if len != 0 {
            places.take(name, va, len, TILER)?;
        }
    }
    Ok(())
}
