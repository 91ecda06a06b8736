# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# OpenCL by rusticl, on the GPU and on llvmpipe.
# shellcheck disable=SC2154
guest_tap opencl --timeout 1800 --share "$programs" -- bash -c '
	export RUSTICL_ENABLE=asahi,llvmpipe
	if clinfo -l | grep -qF "$ASAHI_GPU"; then echo ok clinfo; else echo not ok clinfo; fi
	/mnt/share/opencl-test "$ASAHI_GPU" llvmpipe'
