# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# A probe without memory at one of its steps, of its own or of the workers that it waits for. What leaks is for the machine to find.
# The steps of one function of DRM's are left out: Linux 7.3 itself has an oops at one of them. steps.c says why.
#
# All steps take more than an hour, so they come in pieces, each in a machine of its own; in "make test" there is a sample.
# shellcheck disable=SC2154
sample=41 last=500 piece=400 most=40
guest_tap probe-steps-sample --timeout 900 --share "$programs" -- /mnt/share/probe-steps sample $sample $last

next=1
[ "$TIER" = test ] && next=''
for n in $(seq $most); do
	[ -n "$next" ] || break
	guest_tap "probe-steps-$n" --timeout 1800 --share "$programs" -- /mnt/share/probe-steps thread 2 "$next" $piece
	# Without this line it is through, or has failed.
	next=$(sed -nE 's/^# next ([0-9]+)$/\1/p' "$LOGS/probe-steps-$n.log")
done
[ -z "$next" ] || fail "probe-steps: $most pieces are not enough, the next step is $next"

[ "$TIER" = test ] || guest_tap probe-steps-workers --timeout 3600 --share "$programs" -- /mnt/share/probe-steps workers 1024
