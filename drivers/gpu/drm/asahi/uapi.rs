// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The arguments of the ioctls: `include/uapi/drm/asahi_drm.h`, which the kernel's `uapi` crate
//! does not have in 7.3. `drm.c` checks their sizes against the header.

use kernel::{
    ioctl::{
        _IOC_NR,
        _IOW,
        _IOWR, //
    },
    transmute::{
        AsBytes,
        FromBytes, //
    }, //
};

/// The ioctls of drivers begin here.
const COMMAND_BASE: u32 = 0x40;
/// The ioctls of DRM have this letter.
const LETTER: u32 = b'd' as u32;

macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident: $size:literal { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub(crate) struct $name {
            $(pub(crate) $field: $type,)*
        }

        // SAFETY: All fields are integers, for which any bytes are valid.
        unsafe impl FromBytes for $name {}

        const _: () = assert!(size_of::<$name>() == $size);
    )*};
}

structures! {
    /// The UAPI's `struct drm_asahi_params_global`.
    ParamsGlobal: 592 {
        features: u64,
        gpu_generation: u32,
        gpu_variant: u32,
        gpu_revision: u32,
        chip_id: u32,
        num_dies: u32,
        num_clusters_total: u32,
        num_cores_per_cluster: u32,
        max_frequency_khz: u32,
        core_masks: [u64; 64],
        vm_start: u64,
        vm_end: u64,
        vm_kernel_min_size: u64,
        max_commands_per_submission: u32,
        max_attachments: u32,
        command_timestamp_frequency_hz: u64,
    }

    /// The UAPI's `struct drm_asahi_get_params`.
    GetParams: 24 {
        param_group: u32,
        pad: u32,
        pointer: u64,
        size: u64,
    }

    /// The UAPI's `struct drm_asahi_get_time`.
    GetTime: 16 {
        flags: u64,
        gpu_timestamp: u64,
    }

    /// The UAPI's `struct drm_asahi_vm_create`.
    VmCreate: 24 {
        kernel_start: u64,
        kernel_end: u64,
        vm_id: u32,
        pad: u32,
    }

    /// The UAPI's `struct drm_asahi_vm_destroy`.
    VmDestroy: 8 {
        vm_id: u32,
        pad: u32,
    }

    /// The UAPI's `struct drm_asahi_vm_bind`.
    VmBind: 24 {
        vm_id: u32,
        num_binds: u32,
        stride: u32,
        pad: u32,
        userptr: u64,
    }

    /// The UAPI's `struct drm_asahi_gem_bind_op`.
    GemBindOp: 32 {
        flags: u32,
        handle: u32,
        offset: u64,
        range: u64,
        addr: u64,
    }

    /// The UAPI's `struct drm_asahi_gem_create`.
    GemCreate: 24 {
        size: u64,
        flags: u32,
        vm_id: u32,
        handle: u32,
        pad: u32,
    }

    /// The UAPI's `struct drm_asahi_gem_mmap_offset`.
    GemMmapOffset: 16 {
        handle: u32,
        flags: u32,
        offset: u64,
    }

    /// The UAPI's `struct drm_asahi_gem_bind_object`.
    GemBindObject: 40 {
        op: u32,
        flags: u32,
        handle: u32,
        vm_id: u32,
        offset: u64,
        range: u64,
        object_handle: u32,
        pad: u32,
    }

    /// The UAPI's `struct drm_asahi_queue_create`.
    QueueCreate: 24 {
        flags: u32,
        vm_id: u32,
        priority: u32,
        queue_id: u32,
        usc_exec_base: u64,
    }

    /// The UAPI's `struct drm_asahi_queue_destroy`.
    QueueDestroy: 8 {
        queue_id: u32,
        pad: u32,
    }

    /// The UAPI's `struct drm_asahi_submit`.
    Submit: 40 {
        syncs: u64,
        cmdbuf: u64,
        flags: u32,
        queue_id: u32,
        in_sync_count: u32,
        out_sync_count: u32,
        cmdbuf_size: u32,
        pad: u32,
    }
}

// SAFETY: It has no padding: its fields are at multiples of their sizes.
unsafe impl AsBytes for ParamsGlobal {}

/// The value of `DRM_ASAHI_FEATURE_SOFT_FAULTS`.
pub(crate) const FEATURE_SOFT_FAULTS: u64 = 1;

/// The value of `DRM_ASAHI_GEM_WRITEBACK`.
pub(crate) const GEM_WRITEBACK: u32 = 1;
/// The value of `DRM_ASAHI_GEM_VM_PRIVATE`.
pub(crate) const GEM_VM_PRIVATE: u32 = 2;

/// The value of `DRM_ASAHI_BIND_OBJECT_OP_BIND`.
pub(crate) const BIND_OBJECT_OP_BIND: u32 = 0;
/// The value of `DRM_ASAHI_BIND_OBJECT_OP_UNBIND`.
pub(crate) const BIND_OBJECT_OP_UNBIND: u32 = 1;
/// The value of `DRM_ASAHI_BIND_OBJECT_USAGE_TIMESTAMPS`.
pub(crate) const BIND_OBJECT_USAGE_TIMESTAMPS: u32 = 1;

const fn write<T>(index: u32) -> u32 {
    _IOW::<T>(LETTER, COMMAND_BASE + index)
}

const fn read_write<T>(index: u32) -> u32 {
    _IOWR::<T>(LETTER, COMMAND_BASE + index)
}

// The numbers of the ioctls, `DRM_IOCTL_ASAHI_*` in C.
pub(crate) const IOCTL_GET_PARAMS: u32 = write::<GetParams>(0);
pub(crate) const IOCTL_GET_TIME: u32 = read_write::<GetTime>(1);
pub(crate) const IOCTL_VM_CREATE: u32 = read_write::<VmCreate>(2);
pub(crate) const IOCTL_VM_DESTROY: u32 = write::<VmDestroy>(3);
pub(crate) const IOCTL_VM_BIND: u32 = write::<VmBind>(4);
pub(crate) const IOCTL_GEM_CREATE: u32 = read_write::<GemCreate>(5);
pub(crate) const IOCTL_GEM_MMAP_OFFSET: u32 = read_write::<GemMmapOffset>(6);
pub(crate) const IOCTL_GEM_BIND_OBJECT: u32 = read_write::<GemBindObject>(7);
pub(crate) const IOCTL_QUEUE_CREATE: u32 = read_write::<QueueCreate>(8);
pub(crate) const IOCTL_QUEUE_DESTROY: u32 = write::<QueueDestroy>(9);
pub(crate) const IOCTL_SUBMIT: u32 = write::<Submit>(10);

/// Returns the index of an ioctl in the driver's table.
pub(crate) const fn index(ioctl: u32) -> usize {
    (_IOC_NR(ioctl) - COMMAND_BASE) as usize
}
