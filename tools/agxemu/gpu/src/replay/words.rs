// SPDX-License-Identifier: MIT OR Apache-2.0

//! Jobs as words of a file.

use crate::execute::Settings;
use crate::render::{FragmentJob, Frame, Plane, Program, VertexJob, Zls};

/// A value that is a fixed number of words.
pub(super) trait Words: Sized {
    /// Appends the words.
    fn put(&self, out: &mut Vec<u64>);
    /// Returns the value of the next words; `None` if they are none.
    fn take(from: &mut dyn Iterator<Item = u64>) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Words for $type {
            fn put(&self, out: &mut Vec<u64>) {
                out.push((*self).into());
            }

            fn take(from: &mut dyn Iterator<Item = u64>) -> Option<Self> {
                from.next()?.try_into().ok()
            }
        }
    )*};
}

integers!(u8, u32, u64);

impl Words for bool {
    fn put(&self, out: &mut Vec<u64>) {
        out.push((*self).into());
    }

    fn take(from: &mut dyn Iterator<Item = u64>) -> Option<Self> {
        match from.next()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Words for [u32; 2] {
    fn put(&self, out: &mut Vec<u64>) {
        self.iter().for_each(|word| word.put(out));
    }

    fn take(from: &mut dyn Iterator<Item = u64>) -> Option<Self> {
        Some([Words::take(from)?, Words::take(from)?])
    }
}

impl Words for Option<u32> {
    fn put(&self, out: &mut Vec<u64>) {
        self.is_some().put(out);
        self.unwrap_or_default().put(out);
    }

    fn take(from: &mut dyn Iterator<Item = u64>) -> Option<Self> {
        let (some, value) = (bool::take(from)?, Words::take(from)?);
        Some(some.then_some(value))
    }
}

macro_rules! structures {
    ($($type:ident { $($field:ident),* $(,)? })*) => {$(
        impl Words for $type {
            fn put(&self, out: &mut Vec<u64>) {
                $(self.$field.put(out);)*
            }

            fn take(from: &mut dyn Iterator<Item = u64>) -> Option<Self> {
                Some(Self { $($field: Words::take(from)?),* })
            }
        }
    )*};
}

structures! {
    Frame { width, height, layers, samples, utile, sample_size, ppp_control, sample_positions }
    VertexJob { frame, stream, usc_base }
    Program { usc, counts }
    Plane { base, stride, comp_base, comp_stride }
    Zls { control, pixels, depth_load, depth_store, stencil_load, stencil_store }
    FragmentJob {
        frame, usc_base, scissors, depth_bias, depth_bias_is_int, occlusion, background_depth,
        background_values, zls, background, end_of_tile, partial_background, partial_end_of_tile,
        process_empty_tiles, partial_after,
    }
}

/// What of the settings shaders can tell.
pub(super) fn put_settings(settings: &Settings, out: &mut Vec<u64>) {
    settings.soft_faults.put(out);
    settings.vm_slot.put(out);
    settings.sampler_heap.0.put(out);
    settings.sampler_heap.1.put(out);
}

/// Returns recorded settings; the rest is that of `host`.
pub(super) fn take_settings(
    from: &mut dyn Iterator<Item = u64>,
    host: Settings,
) -> Option<Settings> {
    Some(Settings {
        soft_faults: Words::take(from)?,
        vm_slot: Words::take(from)?,
        sampler_heap: (Words::take(from)?, Words::take(from)?),
        ..host
    })
}
