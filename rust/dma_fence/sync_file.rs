// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sync files: fences as file descriptors.

use crate::{
    fence::Fence,
    ffi, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    fs::{
        file::FileDescriptorReservation,
        File, //
    },
    prelude::*,
    sync::aref::ARef, //
};

/// A sync file that is going to be, with the descriptor that it is going to have. Dropping it leaves no trace.
///
/// ```text
///  new(): file, descriptor ──────────────────► install(fence): the process has it
///     │ drop                                    cannot fail
///     ▼
///  nothing has happened
/// ```
///
/// So a job's fence can go out as a file although there is no fence before the job is committed, and nothing may fail afterwards.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `import` | yes | no (allocate) | no |
/// | `fd` | yes | yes | no |
/// | `install` | yes, of the process that has reserved it | yes | no |
/// | drop | yes, of that process | no (closes the file) | no |
///
/// # Examples
///
/// ```ignore
/// let out = SyncFile::new()?;                         // may fail
/// let fence = queue.commit(prepared)?;
/// args.fd = out.install(&fence);                      // cannot
/// ```
pub struct SyncFile {
    fd: FileDescriptorReservation,
    /// A sync file that nobody else has.
    file: ARef<File>,
}

impl SyncFile {
    /// Takes a descriptor of this process, and makes the file.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENOMEM`.
    pub fn new() -> Result<Self> {
        let fd = FileDescriptorReservation::get_unused_fd_flags(bindings::O_CLOEXEC)?;
        // Until there is the right one.
        let fence = Fence::stub()?;
        // SAFETY: The fence is valid; the function takes a reference of its own.
        let file = unsafe { ffi::dma_fence_shim_sync_file_new(fence.as_raw()) };
        let file = NonNull::new(file).ok_or(ENOMEM)?;
        // SAFETY: The function returns a reference to a file that is in no process's table, so nobody uses its position.
        let file = unsafe { ARef::from_raw(file.cast::<File>()) };
        Ok(Self { fd, file })
    }

    /// The descriptor that it will have.
    pub fn fd(&self) -> u32 {
        self.fd.reserved_fd()
    }

    /// Makes it that of `fence`, and gives it to the process; returns the descriptor.
    pub fn install(self, fence: &Fence) -> u32 {
        let fd = self.fd();
        // SAFETY: A sync file that nobody else has seen. The function takes a reference to the fence of its own.
        unsafe { ffi::dma_fence_shim_sync_file_set(self.file.as_ptr().cast(), fence.as_raw()) };
        self.fd.fd_install(self.file);
        fd
    }

    /// The fence of a sync file of this process.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the descriptor is none, or not one of a sync file.
    pub fn import(fd: i32) -> Result<ARef<Fence>> {
        // SAFETY: No requirements.
        let fence = NonNull::new(unsafe { ffi::sync_file_get_fence(fd) }).ok_or(EINVAL)?;
        // SAFETY: The function returns a reference.
        Ok(unsafe { Fence::from_raw(fence) })
    }
}
