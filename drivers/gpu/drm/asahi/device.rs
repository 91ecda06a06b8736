// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The DRM device.

use crate::{
    ffi,
    file::AsahiFile,
    gem::Object,
    gpu::Gpu,
    uapi, //
};
use kernel::{
    bindings,
    device::{
        Bound,
        Device,
        DeviceContext, //
    },
    drm::{
        self,
        ioctl::DrmIoctlDescriptor, //
    },
    error::to_result,
    platform,
    prelude::*,
    str::as_char_ptr_in_const_context,
    sync::Arc, //
};

/// The DRM driver.
pub(crate) struct AsahiDrmDriver;

/// A DRM device of this driver.
pub(crate) type AsahiDevice<Ctx = drm::Normal> = drm::Device<AsahiDrmDriver, Ctx>;

/// A DRM device of this driver in an ioctl. It has been registered, and may be unplugged by now.
pub(crate) type IoctlDevice = AsahiDevice<drm::Ioctl>;

/// The data that the ioctls of a registered device share.
pub(crate) struct RegistrationData<'a> {
    pub(crate) pdev: &'a platform::Device<Bound>,
    pub(crate) gpu: Arc<Gpu>,
}

impl RegistrationData<'_> {
    /// Returns the device that the memory is for.
    pub(crate) fn dev(&self) -> &Device<Bound> {
        self.pdev.as_ref()
    }
}

/// Creates the DRM device for `gpu` and registers it.
///
/// # Safety
///
/// The result must be dropped, not forgotten.
pub(crate) unsafe fn register<'a>(
    pdev: &'a platform::Device<Bound>,
    gpu: Arc<Gpu>,
) -> Result<drm::Registration<'a, AsahiDrmDriver>> {
    let device = drm::UnregisteredDevice::<AsahiDrmDriver>::new(pdev, Ok(()))?;
    extend(&device)?;
    let data = RegistrationData { pdev, gpu };
    // SAFETY: The result is dropped and not forgotten, by the safety requirements.
    unsafe { drm::Registration::new(pdev.as_ref(), device, Ok::<_, Error>(data), 0) }
}

/// Adds the features that the kernel's abstraction does not know.
fn extend(device: &drm::UnregisteredDevice<AsahiDrmDriver>) -> Result {
    // `Device` is laid out as in C, and begins with the `struct drm_device`.
    let raw: *const AsahiDevice = &**device;
    // SAFETY: The device is valid. It is not registered, so no other thread uses it.
    to_result(unsafe { ffi::asahi_drm_extend(raw.cast_mut().cast()) })
}

/// Calls `handler` with what the ioctls of a registered device share. The device stays registered
/// meanwhile.
///
/// The unplugging of any device of DRM's waits for `handler`, as there is one lock for all of them.
/// So it neither waits for jobs, nor accesses memory of the client, which may be a file of another
/// process's.
///
/// # Errors
///
/// `ENODEV` if the device has been unplugged, and those of `handler`.
pub(crate) fn while_registered<T>(
    dev: &IoctlDevice,
    handler: impl FnOnce(&AsahiDevice<drm::Registered>, &RegistrationData<'_>) -> Result<T>,
) -> Result<T> {
    let guard = dev.registration_guard().ok_or(ENODEV)?;
    guard.registration_data_with(|reg| handler(&guard, reg))
}

/// The entry of an ioctl in the driver's table. The device stays registered while a `registered`
/// handler runs. A `free` one calls [`while_registered`] where it needs that.
///
/// The kernel's `declare_drm_ioctls!` takes the types of the arguments from its `uapi` crate, which
/// does not have ours.
macro_rules! ioctl {
    ($ioctl:ident, $argument:ident, registered: $handler:expr) => {
        ioctl!($ioctl, $argument, free: |dev, data, file| {
            let handler: for<'a> fn(
                &'a AsahiDevice<drm::Registered>,
                &'a RegistrationData<'_>,
                &'a mut uapi::$argument,
                &'a drm::File<AsahiFile>,
            ) -> Result = $handler;
            while_registered(dev, |dev, reg| handler(dev, reg, data, file))
        })
    };
    ($ioctl:ident, $argument:ident, free: $handler:expr) => {{
        /// # Safety
        ///
        /// Only for DRM, as an entry of this driver's table.
        unsafe extern "C" fn call(
            dev: *mut bindings::drm_device,
            data: *mut c_void,
            file: *mut bindings::drm_file,
        ) -> c_int {
            // SAFETY: DRM calls us with a device of this driver's, which lives meanwhile and has
            // been registered.
            let dev: &IoctlDevice = unsafe { drm::Device::from_raw(dev) };
            // SAFETY: DRM has made room for as many bytes as the number of the ioctl says, which is
            // the argument's size, and no other reference to them exists. Any bytes are valid.
            let data = unsafe { &mut *data.cast::<uapi::$argument>() };
            // SAFETY: DRM calls us with a file of this device's.
            let file = unsafe { drm::File::<AsahiFile>::from_raw(file) };
            let handler: for<'a> fn(
                &'a IoctlDevice,
                &'a mut uapi::$argument,
                &'a drm::File<AsahiFile>,
            ) -> Result = $handler;
            match handler(dev, data, file) {
                Ok(()) => 0,
                Err(e) => e.to_errno(),
            }
        }
        DrmIoctlDescriptor {
            cmd: uapi::$ioctl,
            func: Some(call),
            flags: drm::ioctl::RENDER_ALLOW,
            name: as_char_ptr_in_const_context(kernel::c_str!(stringify!($ioctl))),
        }
    }};
}

/// The table of ioctls. None of them needs authentication on the primary node, as with panthor and
/// xe: a client reaches nothing there that is not its own, or that the render node would not give
/// it.
const IOCTLS: &[DrmIoctlDescriptor] = in_order(&[
    ioctl!(IOCTL_GET_PARAMS, GetParams, free: AsahiFile::get_params),
    ioctl!(IOCTL_GET_TIME, GetTime, registered: AsahiFile::get_time),
    ioctl!(IOCTL_VM_CREATE, VmCreate, registered: AsahiFile::vm_create),
    ioctl!(IOCTL_VM_DESTROY, VmDestroy, registered: AsahiFile::vm_destroy),
    ioctl!(IOCTL_VM_BIND, VmBind, free: AsahiFile::vm_bind),
    ioctl!(IOCTL_GEM_CREATE, GemCreate, registered: AsahiFile::gem_create),
    ioctl!(IOCTL_GEM_MMAP_OFFSET, GemMmapOffset, registered: AsahiFile::gem_mmap_offset),
    ioctl!(IOCTL_GEM_BIND_OBJECT, GemBindObject, free: AsahiFile::gem_bind_object),
    ioctl!(IOCTL_QUEUE_CREATE, QueueCreate, free: AsahiFile::queue_create),
    ioctl!(IOCTL_QUEUE_DESTROY, QueueDestroy, registered: AsahiFile::queue_destroy),
    ioctl!(IOCTL_SUBMIT, Submit, free: AsahiFile::submit),
]);

/// Returns `table` after checking, at compile time, that every ioctl is at its index.
///
/// # Panics
///
/// If an ioctl is not at its index, by which DRM finds it.
const fn in_order(table: &[DrmIoctlDescriptor]) -> &[DrmIoctlDescriptor] {
    let mut i = 0;
    while i < table.len() {
        assert!(uapi::index(table[i].cmd) == i);
        i += 1;
    }
    table
}

#[vtable]
impl drm::Driver for AsahiDrmDriver {
    type Data = ();
    type RegistrationData<'a> = RegistrationData<'a>;
    type File = AsahiFile;
    type Object = Object;
    type ParentDevice<Ctx: DeviceContext> = platform::Device<Ctx>;

    const INFO: drm::DriverInfo = drm::DriverInfo {
        major: 0,
        minor: 0,
        patchlevel: 0,
        name: c"asahi",
        desc: c"Apple AGX Graphics",
    };
    const FEAT_RENDER: bool = true;
    const IOCTLS: &'static [DrmIoctlDescriptor] = IOCTLS;
}
