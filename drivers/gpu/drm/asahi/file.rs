// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A client: an open file, and the ioctls on it.
//!
//! All of them check every field that must be zero, before anything else.

mod params;

use crate::{
    bind::{
        kernel_range,
        Operation,
        Request, //
    },
    device::{
        AsahiDevice,
        AsahiDrmDriver,
        RegistrationData, //
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
        Quota,
        MAX_OBJECTS,
        MAX_QUEUES,
        MAX_TIMESTAMPS,
        MAX_VMS, //
    },
    timestamps::Timestamps,
    uapi,
    vm::Vm, //
};
use core::ffi::c_void;
use jobqueue::Clock;
use kernel::{
    drm::{
        self,
        gem::BaseObject,
        Registered, //
    },
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// What a client has.
#[pin_data(PinnedDrop)]
pub(crate) struct AsahiFile {
    #[pin]
    vms: Mutex<Handles<Arc<Vm>>>,
    #[pin]
    timestamps: Mutex<Handles<Arc<Timestamps>>>,
    #[pin]
    pub(crate) queues: Mutex<Handles<Arc<Queue>>>,
    /// Handles of buffer objects.
    objects: Quota,
    /// Addresses for timestamps.
    timestamp_quota: Arc<Quota>,
    /// Jobs that are not complete.
    pub(crate) jobs: Arc<Quota>,
    /// What the jobs of all of its queues have used.
    pub(crate) engines: Engines,
}

#[pinned_drop]
impl PinnedDrop for AsahiFile {
    fn drop(self: Pin<&mut Self>) {
        let queues = core::mem::replace(&mut *self.queues.lock(), Handles::new(0));
        ClosedQueues::close(queues);
    }
}

pub(crate) type File = drm::File<AsahiFile>;
pub(crate) type RegisteredDevice = AsahiDevice<Registered>;

impl drm::file::DriverFile for AsahiFile {
    type Driver = AsahiDrmDriver;

    fn open(_dev: &AsahiDevice) -> Result<Pin<KBox<Self>>> {
        let engines = Engines::new()?;
        let timestamp_quota = Quota::new_shared()?;
        let jobs = Quota::new_shared()?;
        KBox::pin_init(
            pin_init!(Self {
                engines,
                vms <- new_mutex!(Handles::new(MAX_VMS)),
                timestamps <- new_mutex!(Handles::new(MAX_TIMESTAMPS)),
                queues <- new_mutex!(Handles::new(MAX_QUEUES)),
                objects: Quota::new(),
                timestamp_quota,
                jobs,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }
}

/// Tells how long the engines have worked for a client, and how fast they may be clocked. Nothing
/// known of the firmware says how many cycles a command took.
///
/// # Safety
///
/// `printer` is a `struct drm_printer`, and `file` an open file of `dev`, which is a device of this
/// driver's that has been registered.
#[no_mangle]
unsafe extern "C" fn asahi_show_engines(printer: *mut c_void, dev: *mut c_void, file: *mut c_void) {
    // SAFETY: By the function's requirements.
    let dev: &drm::Device<AsahiDrmDriver, drm::Ioctl> =
        unsafe { drm::Device::from_raw(dev.cast()) };
    // SAFETY: By the function's requirements.
    let file: &File = unsafe { drm::File::from_raw(file.cast()) };
    // Of a device that has gone nothing is known any more.
    let khz = dev.registration_guard().and_then(|guard| {
        guard.registration_data_with(|reg| reg.gpu.firmware().max_frequency_khz())
    });
    let clock = khz.map(|khz| Clock::MaxHz(u64::from(khz) * 1000));
    for engine in file.inner().engines.all() {
        // SAFETY: By the function's requirements.
        unsafe { engine.show(printer, clock) };
    }
}

/// What fdinfo says of a client besides its handles.
///
/// # Safety
///
/// `file` is an open file of a device of this driver's, and `closed` and `busy` are places for
/// results.
#[no_mangle]
unsafe extern "C" fn asahi_file_usage(file: *mut c_void, closed: *mut u64, busy: *mut bool) {
    // SAFETY: By the function's requirements.
    let file: &File = unsafe { drm::File::from_raw(file.cast()) };
    // SAFETY: By the function's requirements.
    unsafe {
        closed.write(file.inner().closed_memory());
        busy.write(
            file.inner()
                .engines
                .all()
                .iter()
                .any(|engine| engine.is_busy()),
        );
    }
}

/// `EINVAL` unless all of `fields` are zero.
pub(crate) fn must_be_zero(fields: &[u64]) -> Result {
    if fields.iter().any(|&field| field != 0) {
        return Err(EINVAL);
    }
    Ok(())
}

impl AsahiFile {
    /// The VM with number `id`.
    pub(crate) fn vm(&self, id: u32) -> Result<Arc<Vm>> {
        self.vms.lock().get(id).cloned()
    }

    /// Ends all mappings of `object` in the VMs that the client can still reach.
    ///
    /// No list of them is made, as that would need memory, and no lock is held meanwhile.
    pub(crate) fn unbind_object(&self, object: &gem::Object) {
        let mut last = 0;
        loop {
            let next = {
                let vms = self.vms.lock();
                vms.after(last).map(|(id, vm)| (id, vm.clone()))
            };
            let Some((id, vm)) = next else { break };
            vm.unbind_object(object);
            last = id;
        }
        self.timestamps.lock().close_object(object);
        // A VM whose handle is gone lives on in its queues.
        let mut last = 0;
        loop {
            let next = {
                let queues = self.queues.lock();
                queues
                    .after(last)
                    .map(|(id, queue)| (id, queue.vm().clone()))
            };
            let Some((id, vm)) = next else { break };
            vm.unbind_object(object);
            last = id;
        }
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

    /// Bytes of buffer objects that the client has no handle of any more, but timestamps in.
    fn closed_memory(&self) -> u64 {
        self.timestamps.lock().closed_memory()
    }

    /// Returns the queue with number `id`, `ENOENT` if there is none.
    pub(crate) fn queue(&self, id: u32) -> Result<Arc<Queue>> {
        self.queues.lock().get(id).cloned()
    }

    /// The timestamp buffer with number `handle`.
    pub(crate) fn timestamps(&self, handle: u32) -> Result<Arc<Timestamps>> {
        self.timestamps.lock().get(handle).cloned()
    }

    pub(crate) fn vm_create(
        dev: &RegisteredDevice,
        reg: &RegistrationData<'_>,
        data: &mut uapi::VmCreate,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.pad.into()])?;
        file.inner().vms.lock().check_room()?;
        let range = kernel_range(data.kernel_start, data.kernel_end).map_err(|_| EINVAL)?;
        let vm = Vm::new(dev, reg.dev(), reg.gpu.uat(), range)?;
        data.vm_id = file.inner().vms.lock().insert(vm)?;
        Ok(())
    }

    pub(crate) fn vm_destroy(
        _dev: &RegisteredDevice,
        _reg: &RegistrationData<'_>,
        data: &mut uapi::VmDestroy,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.pad.into()])?;
        // Dropped behind the lock. Queues may have references to it.
        let vm = file.inner().vms.lock().remove(data.vm_id)?;
        drop(vm);
        Ok(())
    }

    pub(crate) fn vm_bind(
        _dev: &RegisteredDevice,
        reg: &RegistrationData<'_>,
        data: &mut uapi::VmBind,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.pad.into()])?;
        if data.stride == 0 {
            return Err(EINVAL);
        }
        let vm = file.inner().vm(data.vm_id)?;
        for index in 0..u64::from(data.num_binds) {
            // There may be four thousand million of them.
            // SAFETY: It looks at the current process only.
            if unsafe { ffi::asahi_killed() } {
                return Err(EINTR);
            }
            let at = data
                .userptr
                .checked_add(index * u64::from(data.stride))
                .ok_or(EFAULT)?;
            Self::bind_one(reg, &vm, &read_bind_op(at, data.stride)?, file)?;
        }
        Ok(())
    }

    fn bind_one(reg: &RegistrationData<'_>, vm: &Vm, op: &Request, file: &File) -> Result {
        let operation = Operation::new(op, vm.kernel_range()).map_err(|_| EINVAL)?;
        match &operation {
            Operation::Unbind { range } => vm.unbind(range.clone()),
            Operation::Bind { handle, .. } => {
                let object = gem::lookup(file, *handle)?;
                vm.bind(&object, reg.dev(), &operation)?;
                // If the handle was closed meanwhile that may have been before the bind: then
                // nothing but us would ever unbind the object.
                let still_open =
                    gem::lookup(file, *handle).is_ok_and(|now| core::ptr::eq(&*now, &*object));
                if !still_open {
                    vm.unbind_object(&object);
                    return Err(ENOENT);
                }
                Ok(())
            }
        }
    }

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
        let object = gem::create(dev, data.size, data.flags, root)?;
        data.handle = object.create_handle(file)?;
        Ok(())
    }

    pub(crate) fn gem_mmap_offset(
        _dev: &RegisteredDevice,
        _reg: &RegistrationData<'_>,
        data: &mut uapi::GemMmapOffset,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.flags.into()])?;
        data.offset = gem::lookup(file, data.handle)?.create_mmap_offset()?;
        Ok(())
    }

    pub(crate) fn gem_bind_object(
        dev: &RegisteredDevice,
        reg: &RegistrationData<'_>,
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
                let uat = reg.gpu.uat();
                this.timestamps.lock().check_room()?;
                let quota = &this.timestamp_quota;
                let (offset, range) = (data.offset, data.range);
                let mapped = Timestamps::new(dev, uat, reg.dev(), object, offset, range, quota)?;
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

/// Reads the bind operation at `at`. What `stride` leaves no room for is zero; what it has more
/// room for must be.
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
