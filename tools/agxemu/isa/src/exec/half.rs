// SPDX-License-Identifier: MIT OR Apache-2.0

//! Conversion between half floats and 32-bit floats, with the CPU's own instructions if it has
//! them. They agree with [`float::widen`] and [`float::narrow`] but for NaN, of which the latter
//! knows one only.

use super::float;
use super::kernel::{kernels, Kernel};

kernels! {
    /// The 32-bit value of a half float, by arithmetic.
    from_half_plain |a, _, _, _, _| float::widen(a);
    /// The half float nearest to a, by arithmetic.
    to_half_plain |a, _, _, _, _| float::narrow(a);
    /// The half float next to a towards zero.
    to_half_zero |a, _, _, _, _| float::narrow_to_zero(a);
}

/// The 32-bit value of a half float.
pub fn from_half() -> Kernel {
    #[cfg(target_arch = "x86_64")]
    if super::kernel::wide_vectors() && is_x86_feature_detected!("f16c") {
        // SAFETY: The features have just been found.
        return unsafe { Kernel::new(x86::from_half) };
    }
    from_half_plain()
}

/// The half float nearest to the first source, ties to even.
pub fn to_half() -> Kernel {
    #[cfg(target_arch = "x86_64")]
    if super::kernel::wide_vectors() && is_x86_feature_detected!("f16c") {
        // SAFETY: The features have just been found.
        return unsafe { Kernel::new(x86::to_half) };
    }
    to_half_plain()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm256_blendv_epi8, _mm256_castps_si256, _mm256_castsi256_si128, _mm256_cmp_ps,
        _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_cvtps_ph, _mm256_extracti128_si256,
        _mm256_loadu_ps, _mm256_loadu_si256, _mm256_set1_epi32, _mm256_storeu_ps,
        _mm256_storeu_si256, _mm_packus_epi32, _CMP_UNORD_Q, _MM_FROUND_TO_NEAREST_INT,
    };

    use crate::exec::float::NAN16;
    use crate::exec::kernel::Args;
    use crate::exec::Lanes;

    /// # Safety
    ///
    /// The CPU has AVX2 and F16C.
    #[target_feature(enable = "avx2,f16c")]
    pub unsafe fn from_half(args: &Args<'_>, out: &mut Lanes) {
        for (from, to) in args.s[0].chunks_exact(8).zip(out.chunks_exact_mut(8)) {
            // SAFETY: Both chunks have eight lanes, which is what is read and written, and need
            // no alignment.
            unsafe {
                let wide = _mm256_loadu_si256(from.as_ptr().cast::<__m256i>());
                let low = _mm256_castsi256_si128(wide);
                let halves = _mm_packus_epi32(low, _mm256_extracti128_si256::<1>(wide));
                _mm256_storeu_ps(to.as_mut_ptr().cast::<f32>(), _mm256_cvtph_ps(halves));
            }
        }
    }

    /// # Safety
    ///
    /// The CPU has AVX2 and F16C.
    #[target_feature(enable = "avx2,f16c")]
    pub unsafe fn to_half(args: &Args<'_>, out: &mut Lanes) {
        for (from, to) in args.s[0].chunks_exact(8).zip(out.chunks_exact_mut(8)) {
            // SAFETY: As above.
            unsafe {
                let value = _mm256_loadu_ps(from.as_ptr().cast::<f32>());
                let halves = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value);
                let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(value, value));
                let one = _mm256_set1_epi32(NAN16 as i32);
                let bits = _mm256_blendv_epi8(_mm256_cvtepu16_epi32(halves), one, nan);
                _mm256_storeu_si256(to.as_mut_ptr().cast::<__m256i>(), bits);
            }
        }
    }
}
