// SPDX-License-Identifier: MIT OR Apache-2.0

//! Elements of image blocks, and what they are as texels.

use agx_isa::exec::format::Format;
use agx_isa::exec::host::{HostFault, Numeric};

use super::descriptor::Image;

/// How an element of an image block becomes a texel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// Channels have the same bits in both; colours of sRGB are encoded in the block already.
    Raw(Format),
    /// One word has all channels, and its bits are those of the texel.
    Word(Format),
    /// As `Raw`, with the ten and two bits of a word.
    Fields,
    /// Channels are half floats, whatever the texel has.
    Half,
    /// Values are converted.
    Value(Format),
}

impl Element {
    /// Returns how an element of `format` becomes a texel of `image`.
    pub fn new(format: Format, image: &Image) -> Self {
        let float = image.codec.numeric() == Numeric::Float;
        let width = image.codec.width();
        match format {
            Format::I16 if float && width != Some(16) => Self::Half,
            Format::I8 | Format::I16 | Format::I32 => Self::Raw(format),
            Format::Rgb10A2 if image.codec.is_rgb10a2() => Self::Fields,
            format if format.channels() > 1 && image.codec.is_packed() => Self::Word(format),
            format if format.channels() == 1 && width == Some(8 * format.size() as u32) => {
                Self::Raw(format)
            }
            format => Self::Value(format),
        }
    }

    /// Returns where each byte of a texel is in the block, if none of them changes.
    pub fn order(self, image: &Image) -> Option<[u8; 16]> {
        let size = match self {
            Self::Raw(format) if image.codec.width() == Some(8 * format.size() as u32) => {
                format.size()
            }
            // All channels at once.
            Self::Fields if image.swizzle == [0, 1, 2, 3] => 16,
            Self::Word(_) => 16,
            _ => return None,
        };
        Some(std::array::from_fn(|n| {
            let channel = match size {
                16 => 0,
                _ => usize::from(image.swizzle[n / size & 3]) * size,
            };
            (channel + n % size) as u8
        }))
    }

    /// Returns the texel for memory of what is at `from` in the block.
    ///
    /// # Errors
    ///
    /// Where the block ends before it.
    pub fn convert(
        self,
        image: &Image,
        local: &[u8],
        from: usize,
        round_to_zero: bool,
    ) -> Result<[u8; 16], HostFault> {
        let word = |format: Format, n: usize| -> Result<u32, HostFault> {
            let at = from + n * format.size();
            let bytes = local.get(at..at + format.size()).ok_or_else(|| {
                HostFault::Unsupported(format!("image block beyond {} bytes", local.len()))
            })?;
            let word = bytes.iter().rev().fold(0, |w, &b| (w << 8) | u32::from(b));
            Ok(word)
        };
        let mut values = [0; 4];
        let channels = values.iter_mut().zip(image.swizzle);
        let channels = channels.take(image.codec.channels());
        match self {
            Self::Word(format) => {
                values[0] = word(format, 0)?;
                return Ok(image.codec.encode_raw(values));
            }
            Self::Raw(format) => {
                for (value, channel) in channels {
                    *value = word(format, channel.into())?;
                }
                return Ok(image.codec.encode_raw(values));
            }
            Self::Fields => {
                let all = word(Format::Rgb10A2, 0)?;
                for (value, channel) in channels {
                    *value = all >> (10 * u32::from(channel)) & 0x3ff;
                }
                return Ok(image.codec.encode_raw(values));
            }
            Self::Half => {
                for (value, channel) in channels {
                    *value = Format::F16.unpack(word(Format::I16, channel.into())?, 0, true);
                }
            }
            Self::Value(format) => {
                for (value, channel) in channels {
                    let at = if format.channels() > 1 { 0 } else { channel };
                    let word = word(format, at.into())?;
                    *value = format.unpack(word, channel.into(), true);
                }
            }
        }
        Ok(image.codec.encode(values, round_to_zero))
    }
}
