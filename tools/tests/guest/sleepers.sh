# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Calls that sleep in a page fault while the device is unbound and the client killed. What they wait for is a disk that is limited to a
# byte a second.
# shellcheck disable=SC2154
share=$LOGS/sleepers.share
mkdir -p "$share"
cp "$programs/sleepers" "$share/"
truncate -s 16M "$share/disk"
guest_tap sleepers --timeout 600 --share "$share" \
	--drive "id=slow,file=$share/disk,format=raw,throttling.bps-read=1,throttling.bps-read-max=262144" \
	--device virtio-blk-pci,drive=slow,serial=slow -- bash -c '
	disk=$(grep -lx slow /sys/block/*/serial)
	/mnt/share/sleepers "/dev/$(basename "${disk%/serial}")"
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
rm -rf "$share"
