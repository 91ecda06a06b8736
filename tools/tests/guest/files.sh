# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# All files of the driver, of DRM for it, of the executor and of the job queue in sysfs and debugfs are read, as IGT's core_sysfs and
# core_debugfs do: at once, by 7 bytes, and beyond their ends; with nothing to do, with jobs in flight, and while the device comes and goes.
# shellcheck disable=SC2154
guest_tap files --timeout 900 --share "$programs" --emu "--fault delay:20" -- bash -c '
	device=$(readlink -f /sys/bus/platform/devices/11000000.gpu)
	files() {
		find "$device" /sys/module/{asahi,jobqueue,kasync}/parameters /sys/bus/platform/drivers/asahi /sys/kernel/debug/{dri,kasync} \
			-type f -perm /0444 2>/dev/null
	}
	# reads FILE: says what there is to say. A file may have nothing to tell while its feature is not in use, and says EIO.
	reads() {
		local status=0
		{
			timeout 60 cat "$1" && timeout 60 dd if="$1" bs=7 && timeout 60 dd if="$1" bs=4096 skip=64
		} >/dev/null 2>/tmp/error || status=$?
		if [ $status = 124 ]; then
			echo "not ok $1 waits"
		elif [ $status != 0 ] && [ "$2" != anything ] && [ "${1##*/}" != autosuspend_delay_ms ]; then
			echo "not ok $1: $(grep -vm 1 record /tmp/error)"
		fi
	}
	# round NAME [anything]: reads each once. "anything": a file may be gone, or be of a device that goes.
	round() {
		local count=0 file
		while read -r file; do
			reads "$file" "$2"
			count=$((count + 1))
		done < <(files)
		[ "$2" = anything ] || if [ $count -ge 20 ]; then echo "ok $1: $count files"; else echo "not ok $1: only $count files"; fi
	}
	[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
	for path in /sys/kernel/debug/dri/ /sys/kernel/debug/kasync/tasks "$device/drm/"; do
		if files | grep -q "^$path"; then echo "ok there is $path"; else echo "not ok there is $path"; fi
	done
	round "with nothing to do"
	(until [ -e /tmp/over ]; do /mnt/share/faults ok ok ok ok ok ok ok ok || echo not ok; done) >/tmp/jobs &
	round "with jobs in flight"
	: >/tmp/over
	wait
	if grep -q "^not ok" /tmp/jobs; then cat /tmp/jobs; else echo ok jobs beside; fi
	rm /tmp/over
	driver=/sys/bus/platform/drivers/asahi
	(binds=0
	until [ -e /tmp/over ]; do
		echo 11000000.gpu >$driver/unbind || echo not ok unbind
		echo 11000000.gpu >$driver/bind || echo not ok bind
		binds=$((binds + 1))
	done
	if [ $binds -gt 2 ]; then echo "ok it comes and goes $binds times"; else echo "not ok it comes and goes $binds times"; fi) >/tmp/binds &
	for n in 1 2 3; do round "while it comes and goes" anything; done
	: >/tmp/over
	wait
	cat /tmp/binds
	round "as before"
	/mnt/share/faults ok
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
