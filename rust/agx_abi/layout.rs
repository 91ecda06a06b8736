// SPDX-License-Identifier: MIT

//! Structures as declarations: [`layout!`](crate::layout) and the types that it makes.

use crate::columns::{
    Abi,
    Columns, //
};
use core::marker::PhantomData;

/// A value that can stand in a structure: an integer, a float, an array, or a structure.
pub trait Value: Copy {
    /// Its size in bytes, in each version.
    const SIZES: Columns;
    /// Whether its size, and the place of all that is in it, is the same in all versions.
    const IS_FIXED: bool;
    /// Its size in bytes, if that is the same in all versions. It is an error at compile time to
    /// use it if not.
    const SIZE: usize = Self::SIZES.fixed();
    /// Its size in bytes, where that is largest.
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

/// Type of a field that some version lacks in which its structure exists.
///
/// It is no [`Value`], so whoever uses such a field has to say what happens without it:
///
/// ```compile_fail
/// use agx_abi::{compute::RunCompute, Abi};
///
/// RunCompute::new(Abi::G13V12_3).set(RunCompute::COUNTER, 1);
/// ```
///
/// ```
/// use agx_abi::{compute::RunCompute, Abi};
///
/// let mut command = RunCompute::new(Abi::G13V12_3);
/// command.put(RunCompute::COUNTER, 1);
/// assert_eq!(command.find(RunCompute::COUNTER), None);
/// let mut command = RunCompute::new(Abi::G13V13_5);
/// command.put(RunCompute::COUNTER, 1);
/// assert_eq!(command.find(RunCompute::COUNTER), Some(1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Opt<T>(PhantomData<T>);

/// Type of a field: a [`Value`], or [`Opt`] of one.
pub trait FieldType {
    /// Its size in bytes in each version.
    const SIZES: Columns;
    /// Whether it is the same in all versions.
    const IS_FIXED: bool;
    /// Whether a version may lack it in which its structure exists.
    const IS_OPTIONAL: bool;
}

impl<T: Value> FieldType for T {
    const SIZES: Columns = <T as Value>::SIZES;
    const IS_FIXED: bool = <T as Value>::IS_FIXED;
    const IS_OPTIONAL: bool = false;
}

impl<T: Value> FieldType for Opt<T> {
    const SIZES: Columns = <T as Value>::SIZES;
    const IS_FIXED: bool = false;
    const IS_OPTIONAL: bool = true;
}

/// A field of type `T` in a structure `S`.
///
/// # Invariants
///
/// In each version that has both, all of the field is inside of the structure.
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
        // INVARIANT: `layout!` checks all that it declares; see there, and the functions here.
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
    /// Returns its distance from the start of the structure in version `abi`, in bytes.
    ///
    /// # Panics
    ///
    /// If the version lacks the structure.
    #[inline(always)]
    pub const fn offset_in(self, abi: Abi) -> usize {
        self.offsets.of(abi)
    }

    /// Returns the bytes of the structure that it takes in version `abi`.
    ///
    /// # Panics
    ///
    /// If the version lacks the structure.
    pub fn range_in(self, abi: Abi) -> core::ops::Range<usize> {
        let start = self.offset_in(abi);
        start..start + T::size_in(abi)
    }

    /// Returns the field `inner` of the structure that stands in this field.
    #[inline(always)]
    pub const fn then<U>(self, inner: Field<T, U>) -> Field<S, U> {
        // INVARIANT: It is inside of what is inside.
        Field::new(self.offsets.plus(inner.offsets))
    }

    /// Reads it from the bytes of a structure of version `abi`.
    ///
    /// # Panics
    ///
    /// If `structure` ends before the field does.
    #[inline(always)]
    pub fn read_in(self, abi: Abi, structure: &[u8]) -> T {
        T::read_in(abi, &structure[self.offset_in(abi)..])
    }

    /// Writes it to the bytes of a structure of version `abi`.
    ///
    /// # Panics
    ///
    /// If `structure` ends before the field does.
    #[inline(always)]
    pub fn write_in(self, abi: Abi, structure: &mut [u8], value: T) {
        value.write_in(abi, &mut structure[self.offset_in(abi)..]);
    }
}

impl<S: Fixed, T: Value> Field<S, T> {
    /// Returns its distance from the start of the structure, in bytes.
    #[inline(always)]
    pub const fn offset(self) -> usize {
        self.offsets.fixed()
    }

    /// Returns its size in bytes.
    #[inline(always)]
    pub const fn size(self) -> usize {
        T::SIZE
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

impl<S, T: Value> Field<S, Opt<T>> {
    /// Returns the field as one that is there, or `None` if version `abi` lacks it.
    ///
    /// The result is for that version only: others may lack it.
    #[inline(always)]
    pub const fn present(self, abi: Abi) -> Option<Field<S, T>> {
        match self.offsets.get(abi) {
            Some(_) => Some(Field::new(self.offsets)),
            None => None,
        }
    }

    /// Returns its distance from the start of the structure in version `abi`, in bytes, or `None`
    /// if the version lacks it.
    #[inline(always)]
    pub const fn offset_in(self, abi: Abi) -> Option<usize> {
        self.offsets.get(abi)
    }

    /// Returns the field `inner` of the structure that stands in this field.
    #[inline(always)]
    pub const fn then<U: Value>(self, inner: Field<T, U>) -> Field<S, Opt<U>> {
        // INVARIANT: It is inside of what is inside.
        Field::new(self.offsets.plus(inner.offsets))
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
        // INVARIANT: The element is inside of the array.
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
    /// Whether a version may lack it in which the structure exists.
    pub is_optional: bool,
    /// Whether all that is in it is the same in all versions.
    pub is_fixed: bool,
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

    /// Returns the structure in `bytes`, which have it as version `abi` does.
    ///
    /// # Panics
    ///
    /// If `bytes` is too short, or the version lacks it.
    fn from_slice(abi: Abi, bytes: &[u8]) -> Self;
}

/// A structure that is the same in all versions.
pub trait Fixed: Layout {}

/// Returns the fields of a structure of `sizes`: in each version they ascend, do not overlap, and
/// end in it. Those that are not optional are there wherever it is, optional ones may be missing.
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
            let field = &fields[i];
            match field.offsets.get(abi) {
                Some(offset) => {
                    assert!(offset >= end, "fields overlap or are not in order");
                    end = offset + field.sizes.of(abi);
                }
                None => assert!(
                    field.is_optional || sizes.get(abi).is_none(),
                    "a version lacks a field that is not `Opt`"
                ),
            }
            i += 1;
        }
        match sizes.get(abi) {
            Some(size) => assert!(end <= size, "the last field ends outside the structure"),
            None => assert!(end == 0, "a version lacks the structure of a field"),
        }
        version += 1;
    }
    let mut i = 0;
    while i < fields.len() {
        let field = &fields[i];
        assert!(
            !field.is_optional || field.offsets.is_partial(sizes),
            "no version lacks a field that is `Opt`"
        );
        i += 1;
    }
    fields
}

/// Returns whether `fields`, and a structure of `sizes`, are the same in all versions.
pub(crate) const fn is_fixed(fields: &[FieldInfo], sizes: Columns) -> bool {
    let mut i = 0;
    while i < fields.len() {
        if !fields[i].is_fixed || !fields[i].offsets.is_same() {
            return false;
        }
        i += 1;
    }
    sizes.is_same()
}

/// Declares structures: their size, and the offset and type of every field that has a name. Sizes
/// and offsets are written as in [`columns!`](crate::columns). A structure whose size is written as
/// one number is the same in all versions; others know the version that they are of.
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
        structure! { [$(#[$doc])*] $name $($a $(/ $x)?)|+ }

        impl $name {
            $(
                $(#[$field_doc])*
                pub const $field: $crate::Field<Self, $type> =
                    $crate::Field::new(columns!($($fa $(/ $fx)?)|+));
            )*

            /// Returns what `field` holds.
            #[inline(always)]
            pub fn get<T: $crate::Value>(&self, field: $crate::Field<Self, T>) -> T {
                field.read_in(self.abi(), &self.bytes)
            }

            /// Sets `field` to `value`.
            #[inline(always)]
            pub fn set<T: $crate::Value>(
                &mut self,
                field: $crate::Field<Self, T>,
                value: T,
            ) -> &mut Self {
                field.write_in(self.abi(), &mut self.bytes, value);
                self
            }

            /// Returns what `field` holds; `None` if the version lacks it.
            #[inline(always)]
            pub fn find<T: $crate::Value>(
                &self,
                field: $crate::Field<Self, $crate::Opt<T>>,
            ) -> Option<T> {
                field.present(self.abi()).map(|field| self.get(field))
            }

            /// Sets `field` to `value` if the version has it.
            #[inline(always)]
            pub fn put<T: $crate::Value>(
                &mut self,
                field: $crate::Field<Self, $crate::Opt<T>>,
                value: T,
            ) -> &mut Self {
                if let Some(field) = field.present(self.abi()) {
                    self.set(field, value);
                }
                self
            }
        }

        impl $crate::Value for $name {
            const SIZES: $crate::Columns = columns!($($a $(/ $x)?)|+);
            const IS_FIXED: bool = $crate::layout::is_fixed(
                <Self as $crate::Layout>::FIELDS,
                <Self as $crate::Value>::SIZES,
            );

            #[inline]
            fn read_in(abi: $crate::Abi, bytes: &[u8]) -> Self {
                <Self as $crate::Layout>::from_slice(abi, bytes)
            }

            #[inline]
            fn write_in(self, _abi: $crate::Abi, bytes: &mut [u8]) {
                let own = self.as_bytes();
                bytes[..own.len()].copy_from_slice(own);
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
                    sizes: <$type as $crate::layout::FieldType>::SIZES,
                    is_optional: <$type as $crate::layout::FieldType>::IS_OPTIONAL,
                    is_fixed: <$type as $crate::layout::FieldType>::IS_FIXED,
                },
            )*], <Self as $crate::Value>::SIZES);

            #[inline]
            fn from_slice(abi: $crate::Abi, bytes: &[u8]) -> Self {
                let mut it = Self::empty(abi);
                let size = <Self as $crate::Value>::size_in(abi);
                it.bytes[..size].copy_from_slice(&bytes[..size]);
                it
            }
        }

        const _: &[$crate::FieldInfo] = <$name as $crate::Layout>::FIELDS;
    )*};
}

/// The part of [`layout!`](crate::layout) that depends on whether a structure is the same in all
/// versions.
macro_rules! structure {
    ([$($doc:tt)*] $name:ident $size:tt) => {
        $($doc)*
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub struct $name {
            bytes: [u8; $size],
        }

        const _: () = assert!(
            <$name as $crate::Value>::IS_FIXED,
            "a version has a field at another place: write the size for each version"
        );

        impl $crate::Fixed for $name {}

        impl $name {
            /// Returns the structure with all bytes zero.
            #[inline]
            pub const fn zeroed() -> Self {
                Self { bytes: [0; $size] }
            }

            /// Returns the structure in `bytes`.
            #[inline]
            pub const fn from_bytes(bytes: [u8; $size]) -> Self {
                Self { bytes }
            }

            /// Returns its bytes.
            #[inline]
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.bytes
            }

            const fn empty(_abi: $crate::Abi) -> Self {
                Self::zeroed()
            }

            const fn abi(&self) -> $crate::Abi {
                $crate::Abi::ANY
            }
        }
    };
    ([$($doc:tt)*] $name:ident $($sizes:tt)+) => {
        $($doc)*
        #[derive(Clone, Copy)]
        pub struct $name {
            abi: $crate::Abi,
            bytes: [u8; columns!($($sizes)+).max()],
        }

        impl $name {
            /// Returns the structure of version `abi` with all bytes zero.
            ///
            /// # Panics
            ///
            /// If the version lacks it.
            #[inline]
            pub fn new(abi: $crate::Abi) -> Self {
                assert!(<Self as $crate::Value>::SIZES.get(abi).is_some());
                Self::empty(abi)
            }

            /// Returns its bytes.
            #[inline]
            pub fn as_bytes(&self) -> &[u8] {
                &self.bytes[..<Self as $crate::Value>::size_in(self.abi)]
            }

            /// Returns the version that it is of.
            #[inline]
            pub const fn abi(&self) -> $crate::Abi {
                self.abi
            }

            const fn empty(abi: $crate::Abi) -> Self {
                Self {
                    abi,
                    bytes: [0; columns!($($sizes)+).max()],
                }
            }
        }
    };
}
