// SPDX-License-Identifier: MIT

//! Fields of structures, and what their types are.

use crate::{
    columns::{
        Abi,
        Columns, //
    },
    value::{
        Everywhere,
        Fixed,
        Value, //
    }, //
};
use core::marker::PhantomData;

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
    /// The size of the field in bytes in each version.
    const SIZES: Columns;
    /// True if it is the same in all versions.
    const IS_FIXED: bool;
    /// True if a version may lack it in which its structure exists.
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
    /// Returns its distance from the start of a structure of version `abi`, in bytes. That there is
    /// the structure means that the version has it, so this is not checked: if not, the result is
    /// [`u32::MAX`]. Without a structure there is [`Field::offset_in`].
    #[inline(always)]
    pub const fn place_in(self, abi: Abi) -> usize {
        self.offsets.known(abi)
    }

    /// Returns the field `inner` of the structure that stands in this field.
    #[inline(always)]
    pub const fn then<U>(self, inner: Field<T, U>) -> Field<S, U> {
        // INVARIANT: It is inside of what is inside.
        Field::new(self.offsets.plus(inner.offsets))
    }
}

impl<S: Everywhere, T: Value> Field<S, T> {
    /// Returns its distance from the start of the structure in version `abi`, in bytes.
    #[inline(always)]
    pub const fn offset_in(self, abi: Abi) -> usize {
        self.offsets.of(abi)
    }

    /// Returns the bytes of the structure that it takes in version `abi`.
    pub fn range_in(self, abi: Abi) -> core::ops::Range<usize> {
        let start = self.offset_in(abi);
        start..start + T::size_in(abi)
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
