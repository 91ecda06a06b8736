// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Vectors that store few elements inline.

use core::{
    array,
    iter::{
        Chain,
        Flatten, //
    },
    option, //
};
use kernel::prelude::*;

/// A list whose first `N` elements need no memory of their own.
pub(crate) struct SmallVec<T, const N: usize> {
    few: [Option<T>; N],
    /// The elements after the first `N`. `None` while there are none: a vector would be freed, at
    /// some cost, even if it is empty.
    more: Option<KVVec<T>>,
}

impl<T, const N: usize> SmallVec<T, N> {
    /// Returns an empty list.
    pub(crate) const fn new() -> Self {
        Self {
            few: [const { None }; N],
            more: None,
        }
    }

    /// Returns the number of elements.
    pub(crate) fn len(&self) -> usize {
        self.few.iter().flatten().count() + self.more.as_ref().map_or(0, KVVec::len)
    }

    /// Appends an element.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, for an element behind the `N`th.
    pub(crate) fn push(&mut self, element: T) -> Result {
        match self.few.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(element),
            None => {
                let more = self.more.get_or_insert_with(KVVec::new);
                more.push(element, GFP_KERNEL_ACCOUNT)?;
            }
        }
        Ok(())
    }

    /// Returns the elements, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        Iterator::chain(self.few.iter().flatten(), self.more.iter().flatten())
    }
}

impl<T, const N: usize> IntoIterator for SmallVec<T, N> {
    type Item = T;
    type IntoIter =
        Chain<Flatten<array::IntoIter<Option<T>, N>>, Flatten<option::IntoIter<KVVec<T>>>>;

    fn into_iter(self) -> Self::IntoIter {
        Iterator::chain(
            self.few.into_iter().flatten(),
            self.more.into_iter().flatten(),
        )
    }
}
