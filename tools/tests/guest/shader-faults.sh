# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Shaders that access what they may not, or never end: the job stops, the kernel says why, others go on.
# shellcheck disable=SC2154
guest_tap shader-faults --share "$programs" --emu "--budget 3000000" -- bash -c '
	/mnt/share/shader-faults "$ASAHI_GPU"
	says() { if dmesg | grep -qE "asahi .*gpu: $1"; then echo "ok the kernel says: $1"; else echo "not ok $1"; fi; }
	# Any group of its threads may be the first to write.
	says "GPU fault: write of 0x100000[0-9a-f]{3} in context [0-9]+ by UL1C.*ReadOnly, level 3"
	says "GPU stopped: Timeout"
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
# Again and again; the suites endless-N do more of it. The plain kernel, as most of the time is the emulator's.
guest_tap shader-faults-again --plain-kernel --timeout 1200 --share "$programs" --emu "--budget 300000" -- bash -c '
	/mnt/share/shader-faults "$ASAHI_GPU" 10
	/mnt/share/shader-faults "$ASAHI_GPU" together
	stops=$(dmesg | grep -c "asahi .*gpu: GPU stopped: Timeout")
	echo "# $stops in the log of the kernel"
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
# Bindings that change under a job.
# A job goes on until it is told to stop, however late that is.
guest_tap stale-bindings --share "$programs" --emu "--budget 1000000000000 --job-budget 1000000000000" -- bash -c '
	/mnt/share/stale-bindings
	pattern="asahi .*gpu: GPU fault: write of 0x1000400000 in context [0-9]+ by UL1C.*ReadOnly, level 3"
	if dmesg | grep -qE "$pattern"; then echo "ok the kernel says what and where"; else echo not ok the kernel does not say it; fi
	faults=$(dmesg | grep -c "gpu: GPU fault:")
	if [ "$faults" = 1 ]; then echo ok one fault; else echo "not ok $faults faults"; fi'
