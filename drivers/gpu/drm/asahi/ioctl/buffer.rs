// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The ioctls that create buffer objects and make them known, to the process or the firmware.

use crate::{
    device::{
        while_registered,
        IoctlDevice,
        RegistrationData, //
    },
    file::{
        must_be_zero,
        AsahiFile,
        File,
        RegisteredDevice, //
    },
    gem,
    quota::Share,
    timestamps::{
        Place,
        Timestamps, //
    },
    uapi, //
};
use kernel::{
    drm::gem::BaseObject,
    prelude::*,
    sync::Arc, //
};

impl AsahiFile {
    /// `DRM_IOCTL_ASAHI_GEM_CREATE`: creates a buffer object, for all VMs of the file or for one of
    /// them.
    pub(crate) fn gem_create(
        dev: &RegisteredDevice,
        _reg: &RegistrationData<'_>,
        data: &mut uapi::GemCreate,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.pad.into()])?;
        if data.flags & !(uapi::GEM_WRITEBACK | uapi::GEM_VM_PRIVATE) != 0 {
            return Err(EINVAL);
        }
        let vm = if data.flags & uapi::GEM_VM_PRIVATE != 0 {
            Some(file.inner().vm(data.vm_id)?)
        } else {
            must_be_zero(&[data.vm_id.into()])?;
            None
        };
        let root = vm.as_ref().map(|vm| vm.root());
        let object = gem::create(dev, data.size, data.flags, root, Share::Clients)?;
        data.handle = object.create_handle(file)?;
        Ok(())
    }

    /// `DRM_IOCTL_ASAHI_GEM_MMAP_OFFSET`: gives the offset at which a client maps a buffer object
    /// by `mmap()` of the file.
    pub(crate) fn gem_mmap_offset(
        _dev: &RegisteredDevice,
        _reg: &RegistrationData<'_>,
        data: &mut uapi::GemMmapOffset,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.flags.into()])?;
        let object = gem::lookup(file, data.handle)?;
        data.offset = gem::mmap_offset(&object)?;
        Ok(())
    }

    /// `DRM_IOCTL_ASAHI_GEM_BIND_OBJECT`: maps a part of a buffer object for the firmware's
    /// timestamps, or unmaps it.
    pub(crate) fn gem_bind_object(
        dev: &IoctlDevice,
        data: &mut uapi::GemBindObject,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.pad.into(), data.vm_id.into()])?;
        let this = file.inner();
        match data.op {
            uapi::BIND_OBJECT_OP_BIND => {
                if data.flags != uapi::BIND_OBJECT_USAGE_TIMESTAMPS {
                    return Err(EINVAL);
                }
                let object = gem::lookup(file, data.handle)?;
                this.timestamps.lock().check_room()?;
                let gpu = while_registered(dev, |_, reg| Ok(reg.gpu.clone()))?;
                let share = &this.timestamp_share;
                let place = Place::new(&gpu, object, data.offset, data.range, share)?;
                let mapped =
                    while_registered(dev, |dev, reg| Timestamps::new(dev, reg.dev(), &gpu, place))?;
                let mapped = Arc::new(mapped, GFP_KERNEL_ACCOUNT)?;
                data.object_handle = this.timestamps.lock().insert(mapped)?;
                Ok(())
            }
            uapi::BIND_OBJECT_OP_UNBIND => {
                let unused = [
                    data.flags.into(),
                    data.handle.into(),
                    data.offset,
                    data.range,
                ];
                must_be_zero(&unused)?;
                // Dropped behind the lock. Jobs may have references to it.
                let mapped = this.timestamps.lock().unbind(data.object_handle)?;
                drop(mapped);
                Ok(())
            }
            _ => Err(EINVAL),
        }
    }
}
