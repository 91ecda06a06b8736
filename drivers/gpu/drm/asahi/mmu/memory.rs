// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Page tables in the kernel's memory.

use super::{
    region::Region,
    table::{
        MapError,
        TableMemory, //
    },
    tlb, //
};
use crate::{
    ffi,
    quota::{
        unpin,
        Pinned,
        Share, //
    }, //
};
use agx_abi::uat::PAGE_SIZE;
use core::{
    mem,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// Memory for tables: pages of the linear mapping, except for a root in a region.
#[derive(Clone, Copy)]
pub(crate) struct Pages {
    /// A root that the boot loader has set up, and where the CPU has it.
    region: Option<(u64, NonNull<u64>)>,
    /// The share of unreclaimable memory that tables count in, if they do: a client can cause the
    /// allocation of a table for each page that it binds.
    counted: Option<Share>,
}

// SAFETY: The pointer is only handed out, to users that keep the rules of `TableMemory`.
unsafe impl Send for Pages {}
// SAFETY: It never changes.
unsafe impl Sync for Pages {}

impl Pages {
    /// Returns memory for the tables of an address space of the driver's own.
    pub(super) const fn new() -> Self {
        Self {
            region: None,
            counted: None,
        }
    }

    /// Returns memory for the tables of a client's address space. `share` says what needs a table.
    pub(super) const fn for_client(share: Share) -> Self {
        Self {
            region: None,
            counted: Some(share),
        }
    }

    /// Returns memory for tables below a root that is at the start of `region`.
    ///
    /// The region need not be part of the kernel's linear mapping: its own mapping is used.
    ///
    /// # Safety
    ///
    /// `region` must live as long as the result.
    pub(super) unsafe fn with_root(region: &Region) -> Self {
        Self {
            region: Some((region.base(), region.cpu_addr().cast())),
            counted: None,
        }
    }
}

// SAFETY: A table is a page of its own in the linear mapping, which is there for as long as the
// page is allocated, or the root in a region that is mapped as long as `self` lives. Everybody uses
// atomics: `PageTable` does, and the hardware's walks are single copies.
unsafe impl TableMemory for Pages {
    type Error = Error;

    fn allocate(&self) -> Result<u64> {
        let charge = match self.counted {
            Some(share) => Some(Pinned::reserve(PAGE_SIZE, share)?),
            None => None,
        };
        // SAFETY: May be called in process context, where all callers are.
        match unsafe { ffi::asahi_table_alloc() } {
            0 => Err(ENOMEM),
            table => {
                // `free()` takes it back.
                if let Some((charge, _coming)) = charge {
                    mem::forget(charge);
                }
                Ok(table)
            }
        }
    }

    unsafe fn free(&self, table: u64) {
        // SAFETY: `table` is from `alloc()` and unused by the safety requirements of the trait.
        unsafe { ffi::asahi_table_free(table) };
        if self.counted.is_some() {
            unpin(PAGE_SIZE);
        }
    }

    fn entries(&self, table: u64) -> *mut u64 {
        match self.region {
            Some((root, at)) if root == table => at.as_ptr(),
            // SAFETY: Computes an address.
            _ => unsafe { ffi::asahi_table_entries(table) }.cast(),
        }
    }

    fn invalidate_all(&self) {
        tlb::invalidate_all();
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
