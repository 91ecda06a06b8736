// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The ioctls that create, destroy and fill address spaces.

use crate::{
    bind::{
        kernel_range,
        Operation,
        Request, //
    },
    device::{
        while_registered,
        IoctlDevice,
        RegistrationData, //
    },
    ffi,
    file::{
        must_be_zero,
        AsahiFile,
        File,
        RegisteredDevice, //
    },
    gem,
    quota::RESERVE_VMS,
    uapi,
    vm::Vm, //
};
use agx_abi::uat::PAGE_SIZE;
use kernel::{
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

impl AsahiFile {
    /// `DRM_IOCTL_ASAHI_VM_CREATE`: creates an address space.
    pub(crate) fn vm_create(
        dev: &RegisteredDevice,
        reg: &RegistrationData<'_>,
        data: &mut uapi::VmCreate,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.pad.into()])?;
        file.inner().vms.lock().check_room()?;
        let range = kernel_range(data.kernel_start, data.kernel_end).map_err(|_| EINVAL)?;
        let share = file.inner().vms.lock().next_share(RESERVE_VMS);
        let list = &file.inner().vm_list;
        let vm = Vm::new(dev, reg.dev(), &reg.gpu, list, range, share)?;
        data.vm_id = file.inner().vms.lock().insert(vm)?;
        Ok(())
    }

    /// `DRM_IOCTL_ASAHI_VM_DESTROY`: drops the file's handle of an address space, which its queues
    /// keep.
    pub(crate) fn vm_destroy(
        _dev: &RegisteredDevice,
        _reg: &RegistrationData<'_>,
        data: &mut uapi::VmDestroy,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.pad.into()])?;
        // Dropped behind the lock. Queues may have references to it. A worker empties it.
        let vm = file.inner().vms.lock().remove(data.vm_id)?;
        drop(vm);
        Ok(())
    }

    /// `DRM_IOCTL_ASAHI_VM_BIND`: maps and unmaps parts of buffer objects, in the order of the
    /// operations.
    pub(crate) fn vm_bind(dev: &IoctlDevice, data: &mut uapi::VmBind, file: &File) -> Result {
        must_be_zero(&[data.pad.into()])?;
        if data.stride == 0 {
            return Err(EINVAL);
        }
        // As with `copy_struct_from_user()`. All bytes of a stride are read, and a signal is looked
        // for only in between.
        if u64::from(data.stride) > PAGE_SIZE {
            return Err(E2BIG);
        }
        let vm = file.inner().vm(data.vm_id)?;
        for index in 0..u64::from(data.num_binds) {
            // There may be up to 2^32 operations, and the device may go in between.
            // SAFETY: It looks at the current process only.
            if unsafe { ffi::asahi_killed() } {
                return Err(EINTR);
            }
            let at = data
                .userptr
                .checked_add(index * u64::from(data.stride))
                .ok_or(EFAULT)?;
            let op = read_bind_op(at, data.stride)?;
            Self::bind_one(dev, &vm, &op, file)?;
        }
        Ok(())
    }

    fn bind_one(dev: &IoctlDevice, vm: &Vm, op: &Request, file: &File) -> Result {
        let operation = Operation::new(op, vm.kernel_range()).map_err(|_| EINVAL)?;
        match &operation {
            Operation::Unbind { range } => {
                let mut left = range.clone();
                while !left.is_empty() {
                    // SAFETY: It looks at the current process only.
                    if unsafe { ffi::asahi_killed() } {
                        return Err(EINTR);
                    }
                    left = while_registered(dev, |_, _| vm.unbind(left.clone()))?;
                }
                Ok(())
            }
            Operation::Bind { handle, .. } => {
                let object = while_registered(dev, |_, reg| {
                    let object = gem::lookup(file, *handle)?;
                    vm.bind(&object, reg.dev(), &operation)?;
                    Ok(object)
                })?;
                // If the handle was closed before the bind, the close has not seen the mapping. It
                // is ended here, unless there is another handle.
                if gem::is_still_open(file, *handle, &object) {
                    return Ok(());
                }
                vm.unbind_object(&object, &|| gem::has_handle(file, &object));
                Err(ENOENT)
            }
        }
    }
}

/// Reads the bind operation at `at`. Fields beyond `stride` are zero. Bytes of the stride beyond
/// the known fields must be zero.
fn read_bind_op(at: u64, stride: u32) -> Result<Request> {
    const SIZE: usize = size_of::<uapi::GemBindOp>();

    let stride = stride as usize;
    let mut reader = UserSlice::new(UserPtr::from_addr(at as usize), stride).reader();
    let mut bytes = [0; SIZE];
    reader.read_slice(&mut bytes[..stride.min(SIZE)])?;
    while !reader.is_empty() {
        let mut rest = [0; 64];
        let count = reader.len().min(rest.len());
        reader.read_slice(&mut rest[..count])?;
        if rest.iter().any(|&byte| byte != 0) {
            return Err(E2BIG);
        }
    }

    let word = |at: usize| u32::from_ne_bytes(core::array::from_fn(|i| bytes[at + i]));
    let long = |at: usize| u64::from_ne_bytes(core::array::from_fn(|i| bytes[at + i]));
    Ok(Request {
        flags: word(core::mem::offset_of!(uapi::GemBindOp, flags)),
        handle: word(core::mem::offset_of!(uapi::GemBindOp, handle)),
        offset: long(core::mem::offset_of!(uapi::GemBindOp, offset)),
        range: long(core::mem::offset_of!(uapi::GemBindOp, range)),
        addr: long(core::mem::offset_of!(uapi::GemBindOp, addr)),
    })
}
