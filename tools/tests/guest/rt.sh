# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: none
#
# Suites of the guest once more, on the kernel that is preemptible everywhere (PREEMPT_RT), with lockdep and with KASAN by tags of the
# hardware's. The kernel was not built to its end yet: by name only until it was seen.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
again rt --rt-kernel kasync dma_fence jobqueue jobqueue-c rtkit torture uapi faults render-uapi sharing fail-nth lives teardown wedge \
	probe repeat shaders fuzz suspend sample-rust
