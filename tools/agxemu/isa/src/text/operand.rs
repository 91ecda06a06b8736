// SPDX-License-Identifier: MIT OR Apache-2.0

//! How operands are written.

use crate::table::Kind;

/// Where a register is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    General,
    Uniform,
}

/// How wide a register is, in halves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Half,
    Word,
    Double,
}

impl Size {
    pub(super) fn word_if(wide: bool) -> Self {
        if wide {
            Self::Word
        } else {
            Self::Half
        }
    }

    fn halves(self) -> u64 {
        match self {
            Self::Half => 1,
            Self::Word => 2,
            Self::Double => 4,
        }
    }
}

/// Returns a register, by the number of its first half.
pub(super) fn register(file: File, half: u64, size: Size) -> String {
    let name = match file {
        File::General => 'r',
        File::Uniform => 'u',
    };
    let number = half / 2;
    match size {
        Size::Double => format!("d{name}{number}"),
        Size::Word => format!("{name}{number}"),
        Size::Half if half & 1 == 1 => format!("{name}{number}h"),
        Size::Half => format!("{name}{number}l"),
    }
}

/// Returns registers in a row.
pub(super) fn registers(file: File, half: u64, size: Size, count: u64) -> String {
    let name = |i| register(file, half + i * size.halves(), size);
    (0..count).map(name).collect::<Vec<_>>().join("_")
}

/// Returns the value of an 8-bit float immediate: sign, three bits of exponent, four of mantissa.
fn float_immediate(bits: u64) -> f32 {
    let (exponent, mantissa) = ((bits >> 4 & 7) as i32, (bits & 15) as f32);
    let size = match exponent {
        0 => mantissa / 64.0,
        e => (16.0 + mantissa) * f32::powi(2.0, e - 7),
    };
    if bits & 0x80 != 0 {
        -size
    } else {
        size
    }
}

fn bit(value: u64, at: u32) -> bool {
    value >> at & 1 == 1
}

/// Returns a general register that is read: it may be kept in the cache, or be read for the last
/// time.
fn read(hint: u64, half: u64, size: Size) -> String {
    let mark = match hint & 3 {
        2 => "$",
        3 => "^",
        _ => "",
    };
    format!("{mark}{}", register(File::General, half, size))
}

fn destination(kind: Kind, v: u64) -> String {
    let mark = if bit(v, 0) { "$" } else { "" };
    let half = v >> 2 & 0xff;
    let name = match kind {
        Kind::Dhalf => register(File::General, half, Size::Half),
        Kind::Dalu64 if bit(v, 1) => {
            let size = if bit(v, 2) { Size::Double } else { Size::Word };
            register(File::General, half & !1, size)
        }
        _ => register(File::General, half, Size::word_if(bit(v, 1))),
    };
    format!("{mark}{name}")
}

fn source(kind: Kind, v: u64) -> String {
    let high = match kind {
        Kind::Alu => 10,
        Kind::Mul | Kind::Add => 11,
        _ => 12,
    };
    let value = v & 63 | (v >> high & 3) << 6;
    let mut text = if v >> 6 & 15 == 0 {
        match kind {
            Kind::Float => format!("{:?}", float_immediate(value)),
            _ => value.to_string(),
        }
    } else if bit(v, 8) && !bit(v, 9) {
        let half = value + (v >> 6 & 1) * 256;
        register(File::Uniform, half, Size::word_if(bit(v, 7)))
    } else if bit(v, 8) {
        read(v >> 6, value, Size::Double)
    } else {
        read(v >> 6, value, Size::word_if(bit(v, 9)))
    };
    match kind {
        Kind::Mul | Kind::Add if bit(v, 10) => text += ".sx",
        Kind::Float => modifiers(&mut text, bit(v, 10), bit(v, 11)),
        _ => {}
    }
    text
}

fn modifiers(text: &mut String, absolute: bool, negated: bool) {
    if absolute {
        *text += ".abs";
    }
    if negated {
        *text += ".neg";
    }
}

fn half_source(v: u64) -> String {
    let value = v & 63 | (v >> 11 & 3) << 6;
    let mut text = match v >> 6 & 7 {
        0 => format!("{:?}", float_immediate(value)),
        k if k & 4 != 0 => register(File::Uniform, value + (k & 1) * 256, Size::Half),
        k => read(k, value, Size::Half),
    };
    modifiers(&mut text, bit(v, 9), bit(v, 10));
    text
}

/// Returns what a select yields.
fn selected(v: u64) -> String {
    let value = v & 63 | (v >> 9 & 3) << 6;
    let size = Size::word_if(bit(v, 11));
    match v >> 6 & 7 {
        4 => value.to_string(),
        k if k & 4 != 0 => register(File::Uniform, value + (k & 1) * 256, size),
        k => read(k, value, size),
    }
}

/// Returns an index: a register or an immediate.
fn index(v: u64) -> String {
    match (bit(v, 16), bit(v, 17)) {
        (true, false) => (v as u16 as i16).to_string(),
        (true, true) => (v as u16).to_string(),
        (false, zero) => {
            let sign = if zero { "" } else { ".sx" };
            format!("{}{sign}", register(File::General, v & 0xff, Size::Word))
        }
    }
}

/// Returns the text of an operand. None for the base of threadgroup memory that is not there.
pub(super) fn operand(kind: Kind, v: u64) -> Option<String> {
    Some(match kind {
        Kind::Dalu | Kind::Dhalf | Kind::Dalu64 => destination(kind, v),
        Kind::Alu | Kind::Mul | Kind::Add | Kind::Float => source(kind, v),
        Kind::Half => half_source(v),
        Kind::Cmpsel => selected(v),
        Kind::Mem => {
            // Also where no channel is named there is a register.
            let count = u64::from((v >> 9 & 15).count_ones()).max(1);
            registers(File::General, v & 0xff, Size::word_if(bit(v, 8)), count)
        }
        Kind::Membase if bit(v, 8) => register(File::Uniform, v & 0xff, Size::Double),
        Kind::Membase => register(File::General, v & 0xff, Size::Double),
        Kind::Memindex => index(v),
        Kind::Lbase if bit(v, 8) => {
            register(File::Uniform, v & 0xff | (v >> 9 & 1) << 8, Size::Half)
        }
        Kind::Lbase if bit(v, 9) => return None,
        Kind::Lbase => register(File::General, v & 0xff, Size::Half),
        Kind::Lindex if bit(v, 16) => (v as u16 as i16).to_string(),
        Kind::Lindex => register(File::General, v & 0xff, Size::Half),
        Kind::R32x => register(File::General, v * 2, Size::Word),
    })
}
