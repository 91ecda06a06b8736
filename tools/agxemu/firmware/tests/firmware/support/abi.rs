// SPDX-License-Identifier: MIT OR Apache-2.0

//! The version of the interface that the driver here speaks.

use agx_abi::{Abi, Field, Opt, Value};

/// M1 with firmware 13.5.
pub const ABI: Abi = Abi::G13V13_5;

/// A field that some versions lack, and this one has.
pub trait Must {
    /// The field as one that is there.
    type Field;

    /// Returns it.
    fn must(self) -> Self::Field;
}

impl<S, T: Value> Must for Field<S, Opt<T>> {
    type Field = Field<S, T>;

    fn must(self) -> Field<S, T> {
        self.present(ABI).expect("the version has the field")
    }
}
