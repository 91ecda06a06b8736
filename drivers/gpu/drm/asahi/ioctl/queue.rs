// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The ioctls that create and destroy queues.

use crate::{
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
    firmware::Client,
    queue::{
        Owner,
        Queue, //
    },
    quota::RESERVE_QUEUES,
    uapi, //
};
use agx_abi::uat::USER_END;
use jobqueue::{
    Label,
    Priority, //
};
use kernel::{
    bindings,
    prelude::*,
    str::CString,
    sync::Arc, //
};

/// The highest priority that is open to clients. The two above are reserved.
const MAX_PRIORITY: Priority = Priority::Medium;

/// Returns the number by which a client is known outside.
fn client_id(file: &File) -> u64 {
    // `drm::File` is a transparent wrapper of it.
    let raw: *const bindings::drm_file = core::ptr::from_ref(file).cast();
    // SAFETY: The file is open, and this never changes.
    unsafe { (*raw).client_id }
}

/// Returns the current process.
fn current_process() -> Client {
    let mut name = [0; 16];
    // SAFETY: It writes `TASK_COMM_LEN` bytes, which is 16, and looks at the current process only.
    let pid = unsafe { ffi::asahi_current_process(name.as_mut_ptr()) };
    Client { pid, name }
}

impl AsahiFile {
    /// `DRM_IOCTL_ASAHI_QUEUE_CREATE`: creates a queue of a VM.
    pub(crate) fn queue_create(
        dev: &IoctlDevice,
        data: &mut uapi::QueueCreate,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.flags.into()])?;
        // This may wait for the firmware.
        while_registered(dev, |_, reg| Ok(reg.gpu.clone()))?.collect_garbage()?;
        while_registered(dev, |_, reg| Self::queue_create_on(reg, data, file))
    }

    fn queue_create_on(
        reg: &RegistrationData<'_>,
        data: &mut uapi::QueueCreate,
        file: &File,
    ) -> Result {
        let priority = Priority::from_level(data.priority)?;
        if priority > MAX_PRIORITY || data.usc_exec_base > USER_END {
            return Err(EINVAL);
        }
        file.inner().queues.lock().check_room()?;
        let share = file.inner().queues.lock().next_share(RESERVE_QUEUES);
        let vm = file.inner().vm(data.vm_id)?;
        let device = CString::try_from(reg.dev().name())?;
        let label = Label {
            device: Some(Arc::new(device, GFP_KERNEL_ACCOUNT)?),
            client_id: client_id(file),
        };
        let engines = file.inner().engines.clone();
        let base = data.usc_exec_base;
        let owner = Owner {
            client: current_process(),
            share,
        };
        let queue = Queue::new(&reg.gpu, vm, priority, base, engines, label, owner)?;
        data.queue_id = file.inner().queues.lock().insert(queue)?;
        Ok(())
    }

    /// `DRM_IOCTL_ASAHI_QUEUE_DESTROY`: closes a queue. Its jobs in flight end by themselves.
    pub(crate) fn queue_destroy(
        _dev: &RegisteredDevice,
        _reg: &RegistrationData<'_>,
        data: &mut uapi::QueueDestroy,
        file: &File,
    ) -> Result {
        must_be_zero(&[data.pad.into()])?;
        let queue = file.inner().queues.lock().remove(data.queue_id)?;
        // Closed also for threads that have looked the queue up and are about to submit.
        queue.close();
        Ok(())
    }
}
