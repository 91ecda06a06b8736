// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sync files: fences as file descriptors.
//!
//! C header: [`include/linux/sync_file.h`](srctree/include/linux/sync_file.h)

use crate::{
    fence::{
        ARef,
        Fence, //
    },
    ffi, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    fs::{
        file::FileDescriptorReservation,
        File, //
    },
    prelude::*, //
};

/// A sync file and a file descriptor, both reserved. Dropping it leaves no trace.
///
/// ```text
///  reserve(): file, descriptor ──────────────► install(fence): the process has it
///     │ drop                                    cannot fail
///     ▼
///  nothing has happened
/// ```
///
/// So a job's fence can be returned as a file although there is no fence before the job is
/// committed, and nothing may fail afterwards.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `reserve`, `import` | yes | no (allocate) | no |
/// | `fd` | yes | yes | no |
/// | `install` | yes, of the process that reserved it | yes | no |
/// | drop | yes, of that process | no (closes the file) | no |
///
/// # Examples
///
/// ```
/// # use dma_fence::{Fence, SyncFile};
/// # use kernel::{prelude::*, sync::aref::ARef};
/// # pub fn f(commit: impl FnOnce() -> Result<ARef<Fence>>) -> Result<u32> {
/// let out = SyncFile::reserve()?;                     // may fail
/// let fence = commit()?;
/// Ok(out.install(&fence))                             // cannot
/// # }
/// ```
pub struct SyncFile {
    fd: FileDescriptorReservation,
    /// A sync file that is in no table of files.
    file: ARef<File>,
}

impl SyncFile {
    /// Reserves a descriptor of this process, and creates the file.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENOMEM`.
    pub fn reserve() -> Result<Self> {
        let fd = FileDescriptorReservation::get_unused_fd_flags(bindings::O_CLOEXEC)?;
        // A placeholder.
        let fence = Fence::stub()?;
        // SAFETY: The fence is valid by its type invariant; the function takes its own reference.
        let file = unsafe { ffi::dma_fence_shim_sync_file_new(fence.as_raw()) };
        let file = NonNull::new(file).ok_or(ENOMEM)?;
        // SAFETY: The function returns a reference to a file that is in no process's table, so that
        // its position is not used.
        let file = unsafe { ARef::from_raw(file.cast::<File>()) };
        Ok(Self { fd, file })
    }

    /// Returns the descriptor that the file will have.
    pub fn fd(&self) -> u32 {
        self.fd.reserved_fd()
    }

    /// Makes it the file of `fence`, installs it in the process, and returns the descriptor.
    pub fn install(self, fence: &Fence) -> u32 {
        let fd = self.fd();
        // SAFETY: The file is a sync file that is in no table. The function takes its own reference
        // to the fence.
        unsafe { ffi::dma_fence_shim_sync_file_set(self.file.as_ptr().cast(), fence.as_raw()) };
        self.fd.fd_install(self.file);
        fd
    }

    /// Returns the fence of a sync file of this process.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `fd` is not a descriptor of a sync file.
    pub fn import(fd: i32) -> Result<ARef<Fence>> {
        // SAFETY: The function looks `fd` up, whatever it is.
        let fence = NonNull::new(unsafe { ffi::sync_file_get_fence(fd) }).ok_or(EINVAL)?;
        // SAFETY: The function returns a reference.
        Ok(unsafe { Fence::from_raw(fence) })
    }
}
