# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Faults that were reported of other drivers: Documentation/reports.rst lists them.
# shellcheck disable=SC2154
guest_tap reports --timeout 900 --share "$programs" -- bash -c '
	/mnt/share/reports held-up walks beyond opens timelines between
	dmesg -C
	/mnt/share/reports flood
	# Of a hundred faults there are ten lines of a kind in five seconds, at most. Each fault has one of the driver and one of the
	# firmware, and a client may have no other.
	# What is for debugging goes to nobody whose kernel is not for that.
	dmesg -l emerg,alert,crit,err,warn,notice,info | grep -E "asahi .*gpu: " | tee /tmp/lines | sed -nE "s/^\[ *([0-9]+)\..*/\1/p" >/tmp/times
	sed -E "s/^\[[^]]*\] //; s/[0-9a-fx]{2,}/N/g" /tmp/lines | sort | uniq -c | sort -nr | sed "s/^/# /" | head -n 20
	lines=$(grep -c . /tmp/times) span=$(($(tail -n 1 /tmp/times) - $(head -n 1 /tmp/times)))
	echo "# $lines lines in $span s"
	if [ "$lines" -gt 0 ] && [ "$lines" -le $((2 * 10 * (span / 5 + 2))) ]; then echo ok lines of a client; else echo not ok lines of a client; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'

# Buffers that come and go, on the plain kernel: whether the last ones take longer than the first is no question with checkers.
guest_tap reports-churn --plain-kernel --timeout 900 --share "$programs" -- bash -c '
	/mnt/share/reports churn
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'

# Another driver's device, which has timelines, too.
guest_tap reports-elsewhere --checks-kernel --timeout 1800 --share "$programs" --device virtio-gpu-pci \
	--carry "drm_kms_helper virtio_dma_buf virtio-gpu" -- bash -c '
	# What is built in is no module.
	for module in drm_client_lib drm_kms_helper virtio_dma_buf virtio-gpu; do
		[ ! -e "/mnt/rig/modules/$module.ko" ] || insmod "/mnt/rig/modules/$module.ko" || echo "not ok $module"
	done
	/mnt/share/reports elsewhere
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
