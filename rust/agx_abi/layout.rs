// SPDX-License-Identifier: MIT

//! Structures as declarations: [`layout!`](crate::layout) and the types that it makes.

use core::marker::PhantomData;

/// A value that can stand in a structure: an integer, a float, an array, or a structure.
pub trait Value: Copy {
    /// Its size in bytes.
    const SIZE: usize;

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
            const SIZE: usize = core::mem::size_of::<$t>();

            #[inline(always)]
            fn read(bytes: &[u8]) -> Self {
                let mut raw = [0; Self::SIZE];
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
    const SIZE: usize = T::SIZE * N;

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
pub struct Field<S, T> {
    offset: usize,
    types: PhantomData<fn(S) -> T>,
}

impl<S, T> Clone for Field<S, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, T> Copy for Field<S, T> {}

impl<S, T: Value> Field<S, T> {
    /// Returns the field at `offset`.
    pub(crate) const fn new(offset: usize) -> Self {
        Self {
            offset,
            types: PhantomData,
        }
    }

    /// Returns its distance from the start of the structure, in bytes.
    #[inline(always)]
    pub const fn offset(self) -> usize {
        self.offset
    }

    /// Returns its size in bytes.
    #[inline(always)]
    pub const fn size(self) -> usize {
        T::SIZE
    }

    /// Returns the field `inner` of the structure that stands in this field.
    #[inline(always)]
    pub const fn then<U: Value>(self, inner: Field<T, U>) -> Field<S, U> {
        Field::new(self.offset + inner.offset)
    }

    /// Reads it from the bytes of a structure.
    ///
    /// # Panics
    ///
    /// If `structure` ends before the field does.
    #[inline(always)]
    pub fn read(self, structure: &[u8]) -> T {
        T::read(&structure[self.offset..])
    }

    /// Writes it to the bytes of a structure.
    ///
    /// # Panics
    ///
    /// If `structure` ends before the field does.
    #[inline(always)]
    pub fn write(self, structure: &mut [u8], value: T) {
        value.write(&mut structure[self.offset..]);
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
        Field::new(self.offset + index * T::SIZE)
    }
}

/// What the declaration of a field says.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// The name of the constant.
    pub name: &'static str,
    /// The name in m1n1's structure; empty where that has no such field.
    pub table: &'static str,
    /// Distance from the start, in bytes.
    pub offset: usize,
    /// Size in bytes.
    pub size: usize,
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

/// Returns the fields of a structure of `size` bytes, which ascend, do not overlap, and end in it.
///
/// # Panics
///
/// If they do not: at compile time, since [`layout!`](crate::layout) calls it there.
pub(crate) const fn checked(fields: &'static [FieldInfo], size: usize) -> &'static [FieldInfo] {
    let mut end = 0;
    let mut i = 0;
    while i < fields.len() {
        assert!(
            fields[i].offset >= end,
            "fields overlap or are not in order"
        );
        end = fields[i].offset + fields[i].size;
        i += 1;
    }
    assert!(end <= size, "the last field ends outside the structure");
    fields
}

/// Declares structures: their size, and the offset and type of every field that has a name.
///
/// What is between the fields is zero.
macro_rules! layout {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident($table:literal): $size:literal {
            $(
                $(#[$field_doc:meta])*
                $field:ident($field_table:literal): $type:ty = $offset:literal,
            )*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub struct $name([u8; $size]);

        impl $name {
            $(
                $(#[$field_doc])*
                pub const $field: $crate::Field<Self, $type> = $crate::Field::new($offset);
            )*

            /// Returns the structure with all bytes zero.
            #[inline]
            pub const fn zeroed() -> Self {
                Self([0; $size])
            }

            /// Returns the structure in `bytes`.
            #[inline]
            pub const fn from_bytes(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// Returns its bytes.
            #[inline]
            pub const fn as_bytes(&self) -> &[u8; $size] {
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
            const SIZE: usize = $size;

            #[inline]
            fn read(bytes: &[u8]) -> Self {
                let mut raw = [0; $size];
                raw.copy_from_slice(&bytes[..$size]);
                Self(raw)
            }

            #[inline]
            fn write(self, bytes: &mut [u8]) {
                bytes[..$size].copy_from_slice(&self.0);
            }
        }

        impl $crate::Layout for $name {
            const NAME: &'static str = stringify!($name);
            const TABLE: &'static str = $table;
            const FIELDS: &'static [$crate::FieldInfo] = $crate::layout::checked(&[$(
                $crate::FieldInfo {
                    name: stringify!($field),
                    table: $field_table,
                    offset: $offset,
                    size: <$type as $crate::Value>::SIZE,
                },
            )*], $size);
        }

        const _: &[$crate::FieldInfo] = <$name as $crate::Layout>::FIELDS;
    )*};
}
