# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# Compute shaders that Mesa compiles for the GPU, compared with llvmpipe.
# shellcheck disable=SC2154
guest_tap shaders --timeout 1800 --share "$programs" -- bash -c '/mnt/share/shaders-test "$ASAHI_GPU" llvmpipe'
