// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A client: an open file, and what it has. Its ioctls are in [`ioctl`](crate::ioctl).

use crate::{
    deferred_drop::DeferredDrop,
    device::{
        AsahiDevice,
        AsahiDrmDriver, //
    },
    ffi,
    gem,
    handles::Handles,
    job::in_flight::Engines,
    queue::{
        ClosedQueues,
        Queue, //
    },
    quota::{
        Charge,
        Pinned,
        Quota,
        Share,
        FILE_BYTES,
        MAX_OBJECTS,
        MAX_QUEUES,
        MAX_TIMESTAMPS,
        MAX_VMS, //
    },
    timestamps::{
        self,
        Timestamps, //
    },
    vm::{
        Vm,
        VmList, //
    }, //
};
use core::ffi::c_void;
use kernel::{
    drm::{
        self,
        gem::IntoGEMObject,
        Registered, //
    },
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};

/// State of an open file: the handles and quotas of a client.
#[pin_data(PinnedDrop)]
pub(crate) struct AsahiFile {
    #[pin]
    pub(crate) vms: Mutex<Handles<Arc<Vm>>>,
    /// The VMs of the file, also those without a handle.
    pub(crate) vm_list: Arc<VmList>,
    #[pin]
    pub(crate) timestamps: Mutex<Handles<Arc<Timestamps>>>,
    #[pin]
    pub(crate) queues: Mutex<Handles<Arc<Queue>>>,
    /// The place for the queues when the file is closed.
    #[pin]
    closed: Mutex<Option<KBox<DeferredDrop<ClosedQueues>>>>,
    /// Quota of handles of buffer objects.
    objects: Quota,
    /// The client's share of the addresses for timestamps.
    pub(crate) timestamp_share: Arc<timestamps::Share>,
    /// Quota of jobs that are not complete.
    pub(crate) jobs: Arc<Quota>,
    /// Usage of the GPU's engines by the jobs of all of its queues.
    pub(crate) engines: Engines,
    /// The charge for the file itself.
    _own: Pinned,
}

#[pinned_drop]
impl PinnedDrop for AsahiFile {
    fn drop(self: Pin<&mut Self>) {
        let queues = core::mem::replace(&mut *self.queues.lock(), Handles::new(0));
        if let Some(closed) = self.closed.lock().take() {
            ClosedQueues::close(queues, closed);
        }
    }
}

/// A DRM file of this driver.
pub(crate) type File = drm::File<AsahiFile>;
/// A device that is registered with DRM.
pub(crate) type RegisteredDevice = AsahiDevice<Registered>;

impl drm::file::DriverFile for AsahiFile {
    type Driver = AsahiDrmDriver;

    fn open(_dev: &AsahiDevice) -> Result<Pin<KBox<Self>>> {
        let (own, _coming) = Pinned::reserve(FILE_BYTES, Share::Driver)?;
        let engines = Engines::new()?;
        let timestamp_share = timestamps::Share::new()?;
        let jobs = Quota::new_shared()?;
        let closed = ClosedQueues::prepare()?;
        let vm_list = VmList::new()?;
        KBox::pin_init(
            pin_init!(Self {
                engines,
                vms <- new_mutex!(Handles::new(MAX_VMS)),
                vm_list,
                timestamps <- new_mutex!(Handles::new(MAX_TIMESTAMPS)),
                queues <- new_mutex!(Handles::new(MAX_QUEUES)),
                closed <- new_mutex!(Some(closed)),
                objects: Quota::new(),
                timestamp_share,
                jobs,
                _own: own,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }
}

/// Prints the time that the engines have worked for a client, and their maximum frequency.
///
/// The firmware has no known means to report the cycles of a command.
///
/// # Safety
///
/// `printer` is a `struct drm_printer`, and `file` an open file of `dev`, which is a device of this
/// driver's that has been registered.
#[no_mangle]
unsafe extern "C" fn asahi_show_engines(printer: *mut c_void, dev: *mut c_void, file: *mut c_void) {
    // SAFETY: `dev` is a registered device of this driver by the safety requirements.
    let dev: &drm::Device<AsahiDrmDriver, drm::Ioctl> =
        unsafe { drm::Device::from_raw(dev.cast()) };
    // SAFETY: `file` is an open file of this driver by the safety requirements.
    let file: &File = unsafe { drm::File::from_raw(file.cast()) };
    // The frequency of a device that is unbound is not known any more.
    let khz = dev.registration_guard().and_then(|guard| {
        guard.registration_data_with(|reg| reg.gpu.firmware().max_frequency_khz())
    });
    let max_hz = khz.map(|khz| u64::from(khz) * 1000);
    for engine in file.inner().engines.all() {
        // SAFETY: `printer` is a `struct drm_printer` by the safety requirements.
        unsafe { engine.show(printer, max_hz) };
    }
}

/// Returns the part of fdinfo that does not come from the file's handles: the bytes of closed
/// objects that the client still uses, those of the driver's own memory in its VMs, and whether it
/// has jobs in flight.
///
/// # Safety
///
/// `file` is an open file of a device of this driver's, and `closed`, `internal` and `busy` are
/// places for results.
#[no_mangle]
unsafe extern "C" fn asahi_file_usage(
    file: *mut c_void,
    closed: *mut u64,
    internal: *mut u64,
    busy: *mut bool,
) {
    // SAFETY: `file` is an open file of this driver by the safety requirements.
    let this = unsafe { drm::File::<AsahiFile>::from_raw(file.cast()) }.inner();
    // SAFETY: The file is open, and the object valid.
    let is_open = |object| unsafe { ffi::asahi_file_may_map(file, object) };
    // SAFETY: `closed`, `internal` and `busy` are places for results by the safety requirements.
    unsafe {
        internal.write(this.vm_list.internal_memory());
        closed.write(this.timestamp_share.closed_memory(is_open));
        busy.write(this.engines.all().iter().any(|engine| engine.is_busy()));
    }
}

/// Returns whether the root object `root` of a VM is of one of the VMs of `file`.
///
/// # Safety
///
/// `file` is an open file of a device of this driver's, and `root` an object of it.
#[no_mangle]
unsafe extern "C" fn asahi_file_has_root(file: *mut c_void, root: *mut c_void) -> bool {
    // SAFETY: `file` is an open file of this driver by the safety requirements.
    let file: &File = unsafe { drm::File::from_raw(file.cast()) };
    // SAFETY: `root` is an object of this driver by the safety requirements.
    let root: &gem::Object = unsafe { IntoGEMObject::from_raw(root.cast()) };
    root.is_root_of(file.inner().vm_list.address())
}

/// Returns `EINVAL` unless all of `fields` are zero.
pub(crate) fn must_be_zero(fields: &[u64]) -> Result {
    if fields.iter().any(|&field| field != 0) {
        return Err(EINVAL);
    }
    Ok(())
}

impl AsahiFile {
    /// Returns the VM with number `id`.
    pub(crate) fn vm(&self, id: u32) -> Result<Arc<Vm>> {
        self.vms.lock().get(id).cloned()
    }

    /// Counts another handle of a buffer object. `ENOSPC` if there are too many.
    pub(crate) fn add_handle(&self) -> Result {
        let charge = Charge::new(&self.objects, 1, MAX_OBJECTS).ok_or(ENOSPC)?;
        // `remove_handle()` takes it back.
        core::mem::forget(charge);
        Ok(())
    }

    /// Counts a handle of a buffer object less.
    pub(crate) fn remove_handle(&self) {
        self.objects.give_back(1);
    }

    /// Returns the queue with number `id`, `ENOENT` if there is none.
    pub(crate) fn queue(&self, id: u32) -> Result<Arc<Queue>> {
        self.queues.lock().get(id).cloned()
    }

    /// Returns the timestamp buffer with number `handle`.
    pub(crate) fn timestamps(&self, handle: u32) -> Result<Arc<Timestamps>> {
        self.timestamps.lock().get(handle).cloned()
    }
}
