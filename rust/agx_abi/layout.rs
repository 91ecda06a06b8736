// SPDX-License-Identifier: MIT

//! Structures as declarations: [`layout!`](crate::layout) and the types that it makes.

use crate::columns::{
    Abi,
    Columns, //
};
use core::marker::PhantomData;

/// A value that can stand in a structure: an integer, a float, an array, or a structure.
pub trait Value: Copy {
    /// Its size in bytes.
    const SIZES: Columns;
    /// Its size in bytes in [`Abi::IN_USE`].
    const SIZE: usize = Self::SIZES.of(Abi::IN_USE);

    /// Reads it from the start of `bytes`.
    ///
    /// # Panics
    ///
    /// If `bytes` is shorter than [`Value::SIZE`].
    fn read(bytes: &[u8]) -> Self;

    /// Writes it to the start of `bytes`.
    ///
    /// # Panics
    ///
    /// If `bytes` is shorter than [`Value::SIZE`].
    fn write(self, bytes: &mut [u8]);
}

macro_rules! number {
    ($($t:ty),*) => {$(
        impl Value for $t {
            const SIZES: Columns = Columns::same(core::mem::size_of::<$t>());

            #[inline(always)]
            fn read(bytes: &[u8]) -> Self {
                let mut raw = [0; core::mem::size_of::<$t>()];
                raw.copy_from_slice(&bytes[..Self::SIZE]);
                <$t>::from_le_bytes(raw)
            }

            #[inline(always)]
            fn write(self, bytes: &mut [u8]) {
                bytes[..Self::SIZE].copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

number!(u8, u16, u32, u64, i16, i32, f32);

impl<T: Value, const N: usize> Value for [T; N] {
    const SIZES: Columns = T::SIZES.times(N);

    #[inline]
    fn read(bytes: &[u8]) -> Self {
        core::array::from_fn(|i| T::read(&bytes[i * T::SIZE..]))
    }

    #[inline]
    fn write(self, bytes: &mut [u8]) {
        for (i, value) in self.into_iter().enumerate() {
            value.write(&mut bytes[i * T::SIZE..]);
        }
    }
}

/// A field of type `T` in a structure `S`.
///
/// A version may lack it: [`Field::present`] is for such fields.
pub struct Field<S, T> {
    offsets: Columns,
    types: PhantomData<fn(S) -> T>,
}

impl<S, T> Clone for Field<S, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, T> Copy for Field<S, T> {}

impl<S, T> Field<S, T> {
    /// Returns the field at `offsets`.
    pub(crate) const fn new(offsets: Columns) -> Self {
        Self {
            offsets,
            types: PhantomData,
        }
    }

    /// Returns its distance from the start of the structure in each version, in bytes.
    pub const fn offsets(self) -> Columns {
        self.offsets
    }
}

impl<S, T: Value> Field<S, T> {
    /// Returns the field, or `None` if the version lacks it.
    #[inline(always)]
    pub const fn present(self) -> Option<Self> {
        match self.offsets.get(Abi::IN_USE) {
            Some(_) => Some(self),
            None => None,
        }
    }

    /// Returns its distance from the start of the structure, in bytes.
    ///
    /// # Panics
    ///
    /// If the version lacks it.
    #[inline(always)]
    pub const fn offset(self) -> usize {
        self.offsets.of(Abi::IN_USE)
    }

    /// Returns its size in bytes.
    #[inline(always)]
    pub const fn size(self) -> usize {
        T::SIZE
    }

    /// Returns the field `inner` of the structure that stands in this field.
    #[inline(always)]
    pub const fn then<U: Value>(self, inner: Field<T, U>) -> Field<S, U> {
        Field::new(self.offsets.plus(inner.offsets))
    }

    /// Reads it from the bytes of a structure.
    ///
    /// # Panics
    ///
    /// If `structure` ends before the field does.
    #[inline(always)]
    pub fn read(self, structure: &[u8]) -> T {
        T::read(&structure[self.offset()..])
    }

    /// Writes it to the bytes of a structure.
    ///
    /// # Panics
    ///
    /// If `structure` ends before the field does.
    #[inline(always)]
    pub fn write(self, structure: &mut [u8], value: T) {
        value.write(&mut structure[self.offset()..]);
    }
}

impl<S, T: Value, const N: usize> Field<S, [T; N]> {
    /// Returns the number of elements.
    pub const fn count(self) -> usize {
        N
    }

    /// Returns the element `index` of the array in this field.
    ///
    /// # Panics
    ///
    /// If there is no such element.
    #[inline(always)]
    pub const fn at(self, index: usize) -> Field<S, T> {
        assert!(index < N);
        Field::new(self.offsets.plus(T::SIZES.times(index)))
    }
}

/// What the declaration of a field says.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// The name of the constant.
    pub name: &'static str,
    /// The name in m1n1's structure; empty where that has no such field.
    pub table: &'static str,
    /// Distance from the start in each version, in bytes.
    pub offsets: Columns,
    /// Size in each version, in bytes.
    pub sizes: Columns,
}

impl FieldInfo {
    /// Returns the bytes of the structure that the field takes in version `abi`, or `None` if it is
    /// absent.
    pub fn range(&self, abi: Abi) -> Option<core::ops::Range<usize>> {
        let start = self.offsets.get(abi)?;
        Some(start..start + self.sizes.of(abi))
    }
}

/// A structure that was declared by `layout!`.
pub trait Layout: Value {
    /// Its name.
    const NAME: &'static str;
    /// The name of m1n1's structure; empty where there is none.
    const TABLE: &'static str;
    /// All its fields, ascending.
    const FIELDS: &'static [FieldInfo];
}

/// Returns the fields of a structure of `sizes`: in each version they ascend, do not overlap, and
/// end in it.
///
/// # Panics
///
/// If they do not: at compile time, since [`layout!`](crate::layout) calls it there.
pub(crate) const fn checked(fields: &'static [FieldInfo], sizes: Columns) -> &'static [FieldInfo] {
    let mut version = 0;
    while version < Abi::COUNT {
        let abi = Abi::ALL[version];
        let mut end = 0;
        let mut i = 0;
        while i < fields.len() {
            if let Some(offset) = fields[i].offsets.get(abi) {
                assert!(offset >= end, "fields overlap or are not in order");
                end = offset + fields[i].sizes.of(abi);
            }
            i += 1;
        }
        match sizes.get(abi) {
            Some(size) => assert!(end <= size, "the last field ends outside the structure"),
            None => assert!(end == 0, "a version lacks the structure of a field"),
        }
        version += 1;
    }
    fields
}

/// Declares structures: their size, and the offset and type of every field that has a name. Sizes
/// and offsets are written as in [`columns!`](crate::columns).
///
/// What is between the fields is zero.
macro_rules! layout {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident($table:literal): $($a:tt $(/ $x:tt)?)|+ {
            $(
                $(#[$field_doc:meta])*
                $field:ident($field_table:literal): $type:ty = $($fa:tt $(/ $fx:tt)?)|+,
            )*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub struct $name([u8; columns!($($a $(/ $x)?)|+).of($crate::Abi::IN_USE)]);

        impl $name {
            $(
                $(#[$field_doc])*
                pub const $field: $crate::Field<Self, $type> =
                    $crate::Field::new(columns!($($fa $(/ $fx)?)|+));
            )*

            /// Returns the structure with all bytes zero.
            #[inline]
            pub const fn zeroed() -> Self {
                Self([0; <Self as $crate::Value>::SIZE])
            }

            /// Returns the structure in `bytes`.
            #[inline]
            pub const fn from_bytes(bytes: [u8; <Self as $crate::Value>::SIZE]) -> Self {
                Self(bytes)
            }

            /// Returns its bytes.
            #[inline]
            pub const fn as_bytes(&self) -> &[u8; <Self as $crate::Value>::SIZE] {
                &self.0
            }

            /// Returns what `field` holds.
            #[inline(always)]
            pub fn get<T: $crate::Value>(&self, field: $crate::Field<Self, T>) -> T {
                field.read(&self.0)
            }

            /// Sets `field` to `value`.
            #[inline(always)]
            pub fn set<T: $crate::Value>(
                &mut self,
                field: $crate::Field<Self, T>,
                value: T,
            ) -> &mut Self {
                field.write(&mut self.0, value);
                self
            }
        }

        impl $crate::Value for $name {
            const SIZES: $crate::Columns = columns!($($a $(/ $x)?)|+);

            #[inline]
            fn read(bytes: &[u8]) -> Self {
                let mut it = Self::zeroed();
                it.0.copy_from_slice(&bytes[..<Self as $crate::Value>::SIZE]);
                it
            }

            #[inline]
            fn write(self, bytes: &mut [u8]) {
                bytes[..<Self as $crate::Value>::SIZE].copy_from_slice(&self.0);
            }
        }

        impl $crate::Layout for $name {
            const NAME: &'static str = stringify!($name);
            const TABLE: &'static str = $table;
            const FIELDS: &'static [$crate::FieldInfo] = $crate::layout::checked(&[$(
                $crate::FieldInfo {
                    name: stringify!($field),
                    table: $field_table,
                    offsets: Self::$field.offsets(),
                    sizes: <$type as $crate::Value>::SIZES,
                },
            )*], <Self as $crate::Value>::SIZES);
        }

        const _: &[$crate::FieldInfo] = <$name as $crate::Layout>::FIELDS;
    )*};
}
