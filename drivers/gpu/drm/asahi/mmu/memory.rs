// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Page tables in the kernel's memory.

use super::table::{
    MapError,
    TableMemory, //
};
use crate::ffi;
use kernel::prelude::*;

/// Tables are single pages, which the CPU finds in its linear mapping.
#[derive(Clone, Copy)]
pub(crate) struct Pages;

// SAFETY: A table is a page of its own in the linear mapping, which is there for as long as the page is
// allocated. Everybody uses atomics: `PageTable` does, and the hardware's walks are single copies.
unsafe impl TableMemory for Pages {
    type Error = Error;

    fn allocate(&self) -> Result<u64> {
        // SAFETY: May be called in process context, where all callers are.
        match unsafe { ffi::asahi_table_alloc() } {
            0 => Err(ENOMEM),
            table => Ok(table),
        }
    }

    unsafe fn free(&self, table: u64) {
        // SAFETY: By the function's requirements.
        unsafe { ffi::asahi_table_free(table) };
    }

    fn entries(&self, table: u64) -> *mut u64 {
        // SAFETY: Computes an address.
        unsafe { ffi::asahi_table_entries(table) }.cast()
    }
}

impl From<MapError<Error>> for Error {
    fn from(e: MapError<Error>) -> Self {
        match e {
            MapError::Busy => EEXIST,
            MapError::Memory(e) => e,
        }
    }
}
