// SPDX-License-Identifier: MIT OR Apache-2.0

//! Guest RAM: a file that QEMU hands over, mapped.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;

use emulated_guest::ram::Backing;

/// A part of a file, mapped shared.
///
/// # Invariants
///
/// `base` is a mapping of `len` bytes that only `Drop` unmaps.
pub struct Mapping {
    base: *mut u8,
    len: usize,
}

// SAFETY: By the type invariant this owns the mapping, which any thread may access and unmap.
unsafe impl Send for Mapping {}
// SAFETY: By the type invariant the mapping stays, and all access is by copies and atomics.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `file` from `offset` on.
    pub fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        let bad = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let offset = libc::off_t::try_from(offset).map_err(bad)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: A new mapping, placed by the kernel, touches nothing that exists.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                access,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                offset,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // INVARIANT: Just mapped.
        Ok(Self {
            base: base.cast(),
            len,
        })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: By the type invariant only this unmaps the `len` bytes at `base`.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}

// SAFETY: By the type invariant the mapping is as long as that, and page aligned.
unsafe impl Backing for Mapping {
    fn base(&self) -> *mut u8 {
        self.base
    }

    fn len(&self) -> usize {
        self.len
    }
}
