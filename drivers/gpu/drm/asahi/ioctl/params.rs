// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The ioctls that return parameters of the device and its time.

use crate::{
    bind::KERNEL_MIN_SIZE,
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
    gpu::Gpu,
    uapi, //
};
use agx_abi::{
    microsequence::MAX_ATTACHMENTS,
    uat::{
        USER_END,
        USER_START, //
    }, //
};
use kernel::{
    prelude::*,
    transmute::AsBytes,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// Most hardware commands of a submit.
const MAX_COMMANDS: u32 = 64;
/// The firmware writes timestamps in nanoseconds.
const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

impl AsahiFile {
    /// `DRM_IOCTL_ASAHI_GET_PARAMS`: writes the parameters of the GPU to the client's memory.
    pub(crate) fn get_params(
        dev: &IoctlDevice,
        data: &mut uapi::GetParams,
        _file: &File,
    ) -> Result {
        must_be_zero(&[data.param_group.into(), data.pad.into()])?;
        let params = while_registered(dev, |_, reg| {
            // Userspace treats a GPU that returns parameters as usable.
            reg.gpu.firmware().crash().check()?;
            Ok(params(&reg.gpu))
        })?;
        let bytes = params.as_bytes();
        let size = bytes
            .len()
            .min(usize::try_from(data.size).unwrap_or(usize::MAX));
        UserSlice::new(UserPtr::from_addr(data.pointer as usize), size)
            .writer()
            .write_slice(&bytes[..size])
    }

    /// `DRM_IOCTL_ASAHI_GET_TIME`: gives the time of the GPU's clock, in nanoseconds.
    pub(crate) fn get_time(
        _dev: &RegisteredDevice,
        _reg: &RegistrationData<'_>,
        data: &mut uapi::GetTime,
        _file: &File,
    ) -> Result {
        must_be_zero(&[data.flags])?;
        // SAFETY: The function has no requirements: it reads the CPU's counter.
        data.gpu_timestamp = unsafe { ffi::asahi_time_ns() };
        Ok(())
    }
}

fn params(gpu: &Gpu) -> uapi::ParamsGlobal {
    let (chip, id) = (gpu.chip(), gpu.id());
    let mut core_masks = [0; 64];
    for (to, from) in core_masks.iter_mut().zip(id.core_masks) {
        *to = from.into();
    }
    uapi::ParamsGlobal {
        features: if gpu.has_soft_faults() {
            uapi::FEATURE_SOFT_FAULTS
        } else {
            0
        },
        gpu_generation: id.generation.number(),
        gpu_variant: id.variant.letter().into(),
        gpu_revision: id.revision,
        chip_id: chip.chip_id,
        num_dies: chip.dies,
        num_clusters_total: id.clusters,
        num_cores_per_cluster: id.cores,
        // 0 means that the frequency is not known.
        max_frequency_khz: gpu.firmware().max_frequency_khz().unwrap_or(0),
        core_masks,
        vm_start: USER_START,
        vm_end: USER_END,
        vm_kernel_min_size: KERNEL_MIN_SIZE,
        max_commands_per_submission: MAX_COMMANDS,
        max_attachments: MAX_ATTACHMENTS as u32,
        command_timestamp_frequency_hz: NANOSECONDS_PER_SECOND,
    }
}
