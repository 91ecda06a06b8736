# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# A million random calls, in each fourth of which an allocation of the kernel's fails. In pieces, each in a machine and with a seed of its own.
# shellcheck disable=SC2154
wanted=1000000 piece=400 most=60 calls=0
for n in $(seq $most); do
	[ $calls -lt $wanted ] || break
	guest_tap "fuzz-faults-$n" --timeout 900 --share "$programs" -- sh -c '
		/mnt/share/fuzz "$2" 4 "$1" faults
		rmmod asahi && echo ok the module is unloaded || echo not ok the module is unloaded' sh $((${ASAHI_SEED:-1000} + n)) $piece
	more=$(sed -nE 's/^# ([0-9]+) calls,.*/\1/p' "$LOGS/fuzz-faults-$n.log")
	# A piece that was cut off has failed, and says nothing of the next.
	[ -n "$more" ] || break
	calls=$((calls + more))
done
say "fuzz-faults: $calls calls"
[ $calls -ge $wanted ] || fail "fuzz-faults: $calls calls, $wanted are wanted"
