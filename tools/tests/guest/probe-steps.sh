# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# A probe without memory at one of its steps, of its own or of the workers that it waits for. What leaks is for the machine to find,
# and for the emulator whether the firmware uses memory that was freed.
# The steps of one function of DRM's are left out: Linux 7.3 itself has an oops at one of them. steps.c says why.
#
# All steps, one by one, take more than two hours, so they come in pieces, each in a machine of its own; in "make test" there is a sample.
# shellcheck disable=SC2154
poison=(--kernel-options page_poison=1 --emu "--hardware poison")
sample=41 last=500 piece=400 most=80
guest_tap probe-steps-sample "${poison[@]}" --timeout 900 --share "$programs" -- /mnt/share/probe-steps sample $sample $last
untouched probe-steps-sample

next=1
[ "$TIER" = test ] && next=''
for n in $(seq $most); do
	[ -n "$next" ] || break
	guest_tap "probe-steps-$n" "${poison[@]}" --timeout 1800 --share "$programs" -- /mnt/share/probe-steps thread 1 "$next" $piece
	untouched "probe-steps-$n"
	# Without this line it is through, or has failed.
	next=$(sed -nE 's/^# next ([0-9]+)$/\1/p' "$LOGS/probe-steps-$n.log")
done
[ -z "$next" ] || fail "probe-steps: $most pieces are not enough, the next step is $next"

if [ "$TIER" != test ]; then
	guest_tap probe-steps-workers "${poison[@]}" --timeout 3600 --share "$programs" -- /mnt/share/probe-steps workers 1024
	untouched probe-steps-workers
fi
