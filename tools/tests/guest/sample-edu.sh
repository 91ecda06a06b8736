# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# The executor under a driver for a device that is not ours: samples/rust/edu_async on QEMU's edu. The driver is unbound in the
# middle of a transfer, again and again, and at last goes with its module. With "all", each allocation of the binding thread fails once,
# and each of the unbinding thread.
# shellcheck source=tools/tests/lib/samples.sh
. "$here/lib/samples.sh"
[ "$TIER" = all ] && rounds=100 || rounds=10
# Busy: it was, but for a moment between two transfers, and requests were refused.
guest_tap sample-edu --no-emu --device edu,dma_mask=0xffffffff --modules "kasync edu_async" -- sh -c '
	'"$(sample_rebound edu_async "$rounds" "edu_async: unbound, device busy: true; [0-9]* over, [1-9]")"'
	if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi
	'"$(sample_told edu_async)"

if [ "$TIER" = all ]; then
	# The binding thread is the device's client, too: what it asks for is asked for while it binds.
	guest_tap sample-edu-allocations --no-emu --device edu,dma_mask=0xffffffff --modules "kasync edu_async" --timeout 3600 -- \
		sh -c "$(sample_allocations edu_async)
		$(sample_ends edu_async)
		if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi"
	guest_tap sample-edu-killed --no-emu --device edu,dma_mask=0xffffffff --modules "kasync edu_async" --timeout 1800 -- \
		sh -c "$(sample_killed edu_async "$rounds" 300)
		if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi"
fi
