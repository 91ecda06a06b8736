// SPDX-License-Identifier: MIT OR Apache-2.0

//! Formats of memory accesses.

/// How an element lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    I8,
    I16,
    I32,
    F16,
    Unorm8,
    Snorm8,
    Unorm16,
    Snorm16,
    Rgb10A2,
    Srgba8,
    Rg11B10,
    Rgb9E5,
    /// As `Rg11B10`, stores round towards zero.
    Rg11B10Zero,
    /// As `Rgb9E5`, stores round towards zero.
    Rgb9E5Zero,
}

impl Format {
    /// The format with this number in the encoding.
    pub fn from_bits(bits: u64) -> Option<Self> {
        Some(match bits {
            0 => Self::I8,
            1 => Self::I16,
            2 => Self::I32,
            3 => Self::F16,
            4 => Self::Unorm8,
            5 => Self::Snorm8,
            6 => Self::Unorm16,
            7 => Self::Snorm16,
            8 => Self::Rgb10A2,
            10 => Self::Srgba8,
            12 => Self::Rg11B10,
            13 => Self::Rgb9E5,
            14 => Self::Rg11B10Zero,
            15 => Self::Rgb9E5Zero,
            _ => return None,
        })
    }

    /// Bytes of one element in memory; packed formats are one element of all channels.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::Unorm8 | Self::Snorm8 | Self::Srgba8 => 1,
            Self::I16 | Self::F16 | Self::Unorm16 | Self::Snorm16 => 2,
            _ => 4,
        }
    }

    /// Channels that one element holds.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb10A2 => 4,
            Self::Rg11B10 | Self::Rgb9E5 | Self::Rg11B10Zero | Self::Rgb9E5Zero => 3,
            _ => 1,
        }
    }
}
