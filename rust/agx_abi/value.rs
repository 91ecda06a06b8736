// SPDX-License-Identifier: MIT

//! Values that can stand in a structure.

use crate::columns::{
    Abi,
    Columns, //
};

/// A value that can stand in a structure: an integer, a float, an array, or a structure.
pub trait Value: Copy {
    /// The size of the value in bytes, in each version.
    const SIZES: Columns;
    /// True if its size, and the place of all that is in it, is the same in all versions.
    const IS_FIXED: bool;
    /// The size of the value in bytes, if that is the same in all versions. It is an error at
    /// compile time to use it if not.
    const SIZE: usize = Self::SIZES.fixed();
    /// The size of the value in bytes, where that is largest.
    const MAX_SIZE: usize = Self::SIZES.max();

    /// Returns its size in bytes in version `abi`.
    ///
    /// # Panics
    ///
    /// If the version lacks it.
    #[inline(always)]
    fn size_in(abi: Abi) -> usize {
        Self::SIZES.of(abi)
    }

    /// Reads it from the start of `bytes`, which have it as version `abi` does.
    ///
    /// # Panics
    ///
    /// If `bytes` is too short.
    fn read_in(abi: Abi, bytes: &[u8]) -> Self;

    /// Writes it to the start of `bytes`, as version `abi` has it.
    ///
    /// # Panics
    ///
    /// If `bytes` is too short.
    fn write_in(self, abi: Abi, bytes: &mut [u8]);

    /// Reads it from the start of `bytes`, if it is the same in all versions.
    ///
    /// # Panics
    ///
    /// If `bytes` is too short.
    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        const { assert!(Self::IS_FIXED) };
        Self::read_in(Abi::ANY, bytes)
    }

    /// Writes it to the start of `bytes`, if it is the same in all versions.
    ///
    /// # Panics
    ///
    /// If `bytes` is too short.
    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        const { assert!(Self::IS_FIXED) };
        self.write_in(Abi::ANY, bytes);
    }
}

macro_rules! number {
    ($($t:ty),*) => {$(
        impl Value for $t {
            const SIZES: Columns = Columns::same(core::mem::size_of::<$t>());
            const IS_FIXED: bool = true;

            #[inline(always)]
            fn read_in(_abi: Abi, bytes: &[u8]) -> Self {
                let mut raw = [0; core::mem::size_of::<$t>()];
                raw.copy_from_slice(&bytes[..core::mem::size_of::<$t>()]);
                <$t>::from_le_bytes(raw)
            }

            #[inline(always)]
            fn write_in(self, _abi: Abi, bytes: &mut [u8]) {
                bytes[..core::mem::size_of::<$t>()].copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

number!(u8, u16, u32, u64, i16, i32, f32);

impl<T: Value, const N: usize> Value for [T; N] {
    const SIZES: Columns = T::SIZES.times(N);
    const IS_FIXED: bool = T::IS_FIXED;

    #[inline]
    fn read_in(abi: Abi, bytes: &[u8]) -> Self {
        core::array::from_fn(|i| T::read_in(abi, &bytes[i * T::size_in(abi)..]))
    }

    #[inline]
    fn write_in(self, abi: Abi, bytes: &mut [u8]) {
        for (i, value) in self.into_iter().enumerate() {
            value.write_in(abi, &mut bytes[i * T::size_in(abi)..]);
        }
    }
}

/// A structure that is the same in all versions.
pub trait Fixed: Value {}

/// A structure that all versions have: what is in it is somewhere in each of them.
///
/// The fields of one that a version lacks are reached by way of the field that it stands in, which
/// is [`Opt`](crate::Opt), so that what happens without it has to be said:
///
/// ```compile_fail
/// use agx_abi::{vertex::JobParameters1, Abi};
///
/// JobParameters1::new(Abi::G14XV13_5).set(JobParameters1::UNK_0, 1);
/// ```
///
/// ```compile_fail
/// use agx_abi::{vertex::JobParameters1, Abi};
///
/// JobParameters1::UNK_0.read_in(Abi::G14XV13_5, &[0; 0x20]);
/// ```
///
/// ```
/// use agx_abi::{vertex::{JobParameters1, RunVertex}, Abi};
///
/// let field = RunVertex::JOB_PARAMS1.then(JobParameters1::UNK_0);
/// assert!(field.present(Abi::G14XV13_5).is_none());
/// let field = field.present(Abi::G13V13_5).unwrap();
/// assert_eq!(field.read_in(Abi::G13V13_5, &[0; 0x100]), 0);
/// assert!(JobParameters1::new(Abi::G14XV13_5).is_none());
/// ```
pub trait Everywhere: Value {}
