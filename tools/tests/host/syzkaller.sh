# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# The description of the ioctls for syzkaller: that it says what the kernel's header does, and that something else is noticed.
header=$(kernel_source)/include/uapi/drm/asahi_drm.h
# described NAME STATUS PATTERN SED-SCRIPT: judges the description, changed by a script.
described() {
	local status=0
	sed "$4" "$here/../syzkaller/dev_dri_asahi.txt" >"$LOGS/syzkaller.txt"
	in_root "$(toolchain)" python3 "$here/../syzkaller/check" "$header" "$LOGS/syzkaller.txt" >"$RIG_LOG" 2>&1 || status=$?
	judge "syzkaller: $1" $status "$2" "$3"
}
described "it is the header's" 0 '^[0-9]+ structures, 11 ioctls, 0 differ' ''
described "another field" 1 '^drm_asahi_params_global: ' 's/vm_kernel_min_size/vm_kernel_size/'
described "another size" 1 '^drm_asahi_cmd_render: ' 's/asahi_samples, int8/asahi_samples, int16/'
described "a constant that there is not" 1 '^DRM_ASAHI_CMD_OTHER: not in the header' 's/DRM_ASAHI_CMD_COMPUTE/DRM_ASAHI_CMD_OTHER/'
described "a list that there is not" 1 '^asahi_other: declared nowhere' 's/asahi_utile, int8/asahi_other, int8/'
described "another direction" 1 '^DRM_IOCTL_ASAHI_SUBMIT: ' 's/\[DRM_IOCTL_ASAHI_SUBMIT\], arg ptr\[in/[DRM_IOCTL_ASAHI_SUBMIT], arg ptr[inout/'
