// SPDX-License-Identifier: MIT

//! Structures as declarations: [`layout!`](crate::layout) and the types that it makes.

use crate::{
    columns::{
        Abi,
        Columns, //
    },
    value::Value, //
};

/// The declaration of a field, as data.
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
    /// True if a version may lack it in which the structure exists.
    pub is_optional: bool,
    /// True if all that is in it is the same in all versions.
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
    /// The name of the structure.
    const NAME: &'static str;
    /// The name of m1n1's structure; empty where there is none.
    const TABLE: &'static str;
    /// The fields of the structure, ascending.
    const FIELDS: &'static [FieldInfo];

    /// Returns the structure in `bytes`, which have it as version `abi` does.
    ///
    /// # Panics
    ///
    /// If `bytes` is too short, or the version lacks it.
    fn from_slice(abi: Abi, bytes: &[u8]) -> Self;
}

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
                T::read_in(self.abi(), &self.bytes[field.place_in(self.abi())..])
            }

            /// Sets `field` to `value`.
            #[inline(always)]
            pub fn set<T: $crate::Value>(
                &mut self,
                field: $crate::Field<Self, T>,
                value: T,
            ) -> &mut Self {
                let at = field.place_in(self.abi());
                value.write_in(self.abi(), &mut self.bytes[at..]);
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
            fn write_in(self, abi: $crate::Abi, bytes: &mut [u8]) {
                assert!(
                    Self::IS_FIXED || self.abi() as usize == abi as usize,
                    "the structure is of another version"
                );
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
                    sizes: <$type as $crate::FieldType>::SIZES,
                    is_optional: <$type as $crate::FieldType>::IS_OPTIONAL,
                    is_fixed: <$type as $crate::FieldType>::IS_FIXED,
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
        impl $crate::Everywhere for $name {}

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
    // One that versions lack which take registers instead.
    ([$($doc:tt)*] $name:ident $a:tt $(/ $x:tt)? | $b:tt $(/ $y:tt)? | -) => {
        structure! { @versions [$($doc)*] $name $a $(/ $x)? | $b $(/ $y)? | - }

        impl $name {
            /// Returns the structure of version `abi` with all bytes zero, or `None` if the version
            /// lacks it.
            #[inline]
            pub fn new(abi: $crate::Abi) -> Option<Self> {
                <Self as $crate::Value>::SIZES.get(abi)?;
                Some(Self::empty(abi))
            }
        }
    };
    ([$($doc:tt)*] $name:ident $($sizes:tt)+) => {
        structure! { @versions [$($doc)*] $name $($sizes)+ }

        const _: () = assert!(
            <$name as $crate::Value>::SIZES.is_everywhere(),
            "only the last version may lack a structure"
        );

        impl $crate::Everywhere for $name {}

        impl $name {
            /// Returns the structure of version `abi` with all bytes zero.
            #[inline]
            pub fn new(abi: $crate::Abi) -> Self {
                Self::empty(abi)
            }
        }
    };
    (@versions [$($doc:tt)*] $name:ident $($sizes:tt)+) => {
        $($doc)*
        #[derive(Clone, Copy)]
        pub struct $name {
            abi: $crate::Abi,
            bytes: [u8; columns!($($sizes)+).max()],
        }

        impl $name {
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
