// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a decoded instruction to an [`Op`]: textures, images, image block, state registers.

use super::host::{Dim, LodMode, TextureOp};
use super::lower_memory::{format, shaped};
use super::op::{Coordinates, Descriptor, Image, Index, Op, Src, Texture, TileAccess};
use super::operand::{self, Refusal};
use crate::decode::Instruction;
use crate::table;

/// Lowers a texture or image instruction.
pub fn lower(inst: &Instruction) -> Result<Option<Op>, Refusal> {
    Ok(Some(match inst.entry.op {
        table::Op::Smpf => Op::Texture(texture(inst, TextureOp::Sample)?),
        table::Op::Smpi => Op::Texture(texture(inst, TextureOp::Fetch)?),
        table::Op::ImageWrite => {
            let wide = inst.field("src32") == 1;
            let mut image = image(inst, true)?;
            let src = inst.field("src");
            if wide {
                operand::word(src)?;
            }
            operand::fits(src, wide, 4)?;
            image.wide = wide;
            Op::Image(image)
        }
        table::Op::ImageWriteBlock => {
            let explicit = inst.field("explicit") == 1;
            let mut image = image(inst, explicit)?;
            image.block = Some((format(inst)?, explicit));
            Op::Image(image)
        }
        table::Op::LdTile | table::Op::StTile => tile(inst)?,
        table::Op::TexStateStore => Op::TextureState {
            number: inst.field("ts") as u8,
            base: heap(inst.field("ubase")),
            offset: state_offset(inst)?,
        },
        table::Op::SamplerStateStore => Op::SamplerState {
            number: inst.field("ss") as u8,
            base: heap(inst.field("ubase")),
            offset: state_offset(inst)?,
        },
        _ => return Ok(None),
    }))
}

/// Returns 64-bit uniform that a field of 4 halves per step names.
fn heap(field: u64) -> u16 {
    (field * 4) as u16
}

fn state_offset(inst: &Instruction) -> Result<Index, Refusal> {
    let off = inst.field("off");
    if inst.field("immoff") == 1 {
        return Ok(Index::Immediate(off as i64));
    }
    if off > 255 {
        return Err(format!("offset register {off}"));
    }
    Ok(Index::Register {
        word: operand::word(off)?,
        signed: false,
    })
}

fn dim(inst: &Instruction) -> Result<Dim, Refusal> {
    let bits = inst.field("dim");
    Dim::from_bits(bits).ok_or_else(|| format!("dimension {bits}"))
}

fn descriptor(inst: &Instruction) -> Result<Descriptor, Refusal> {
    let tex = inst.field("tex");
    if tex > 255 {
        return Err(format!("texture register {tex}"));
    }
    Ok(match inst.field("textype") {
        0 => Descriptor::State(tex as u8),
        1 => Descriptor::Indexed(operand::half_register(tex)),
        3 => Descriptor::Bindless {
            base: heap(inst.field("heap")),
            offset: operand::word(tex)?,
        },
        kind => return Err(format!("texture reference {kind}")),
    })
}

/// Returns where the coordinates of `dim` are, or the last of them only.
fn coordinates(inst: &Instruction, dim: Dim, last: bool) -> Result<Coordinates, Refusal> {
    let first = inst.field("crd");
    let narrow = inst.field("crd16") == 1;
    let words = if last { 1 } else { dim.coordinates() };
    let coordinates = Coordinates {
        first: first as u8,
        narrow,
        words: words as u8,
        packed: dim == Dim::D2MsArray,
        floats: 0,
    };
    operand::fits(first, !narrow, coordinates.registers().into())?;
    if !narrow {
        operand::word(first)?;
    }
    Ok(coordinates)
}

/// Returns where the coordinates of an access are. Those of samples are floats, but for a layer.
/// That 16-bit ones are half floats is inferred.
fn position(inst: &Instruction, dim: Dim, op: TextureOp) -> Result<Coordinates, Refusal> {
    let mut coordinates = coordinates(inst, dim, false)?;
    if op == TextureOp::Sample && coordinates.narrow {
        coordinates.floats = dim.gradient() as u8;
    }
    Ok(coordinates)
}

fn texture(inst: &Instruction, op: TextureOp) -> Result<Texture, Refusal> {
    let dim = dim(inst)?;
    let dst = operand::mem(inst, 0)?;
    let sparse = inst.field("sparse") == 1;
    if sparse && !dst.wide {
        return Err("residency in a 16-bit register".into());
    }
    if sparse {
        operand::fits(dst.first.into(), true, u64::from(dst.mask.count_ones()) + 1)?;
    }
    let (lod, lod_min, lod_uniform) = match inst.field("lodmode") {
        0 => (LodMode::Auto, false, false),
        1 => (LodMode::Bias, false, true),
        5 => (LodMode::Bias, false, false),
        2 => (LodMode::Explicit, false, true),
        6 => (LodMode::Explicit, false, false),
        4 => (LodMode::Gradient, false, false),
        12 => (LodMode::Gradient, true, false),
        9 => (LodMode::Bias, true, true),
        13 => (LodMode::Bias, true, false),
        mode => return Err(format!("level of detail {mode}")),
    };
    let lod_at = inst.field("lod");
    if lod == LodMode::Gradient {
        operand::word(lod_at)?;
        operand::fits(lod_at, true, dim.gradient() as u64 * 2)?;
    }
    let min_at = match lod {
        LodMode::Gradient => lod_at + dim.gradient() as u64 * 4,
        _ => lod_at + 1,
    };
    if lod_min && !lod_uniform {
        operand::fits(min_at, false, 1)?;
    }
    let smp = inst.field("smp");
    let sampler = match inst.field("smpreg") {
        0 => Src::Immediate(smp as u32),
        _ => operand::half_register(smp),
    };
    let (compare, offset) = (inst.field("shadow") == 1, inst.field("offset") == 1);
    let extra = inst.field("cmpoff");
    if compare {
        operand::word(extra)?;
    }
    operand::fits(extra, false, u64::from(compare) * 2 + u64::from(offset))?;
    let gather = match inst.field("gather") {
        0 => None,
        1 => Some(0),
        3 => Some(1),
        5 => Some(2),
        7 => Some(3),
        channel => return Err(format!("gather of channel {channel}")),
    };
    Ok(Texture {
        op,
        dim,
        dst,
        texture: descriptor(inst)?,
        sampler,
        coordinates: position(inst, dim, op)?,
        lod,
        lod_min,
        lod_at: lod_at as u16,
        lod_uniform,
        extra: extra as u8,
        compare,
        offset,
        gather,
        query_lod: inst.field("querylod") == 1,
        sparse,
    })
}

/// Returns the place is that of the current tile unless it is `explicit`; then a layer is stated at
/// most.
fn image(inst: &Instruction, explicit: bool) -> Result<Image, Refusal> {
    let dim = dim(inst)?;
    let lod = inst.field("lod");
    Ok(Image {
        dim,
        image: descriptor(inst)?,
        coordinates: coordinates(inst, dim, !explicit)?,
        lod: match inst.field("lodimm") {
            1 => Src::Immediate(lod as u32),
            _ => operand::half_register(lod),
        },
        src: inst.field("src") as u8,
        wide: false,
        round_to_zero: inst.field("rtz") == 1,
        block: None,
    })
}

fn tile(inst: &Instruction) -> Result<Op, Refusal> {
    let store = inst.entry.op == table::Op::StTile;
    let explicit = inst.field("crdreg") == 1;
    if store && explicit != (inst.field("explicit") == 1) {
        return Err("position that is stated in part".into());
    }
    let format = format(inst)?;
    let position = inst.field("crd");
    operand::fits(position, false, if explicit { 2 } else { 0 })?;
    let smask = inst.field("smask");
    let access = TileAccess {
        regs: shaped(operand::mem(inst, 0)?, format)?,
        format,
        position: explicit.then_some(position as u8),
        samples: match inst.field("smaskreg") {
            1 => operand::half_register(smask),
            _ => Src::Immediate(smask as u32),
        },
        offset: inst.field("off") as u16,
    };
    Ok(Op::Tile { store, access })
}
