# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# How much work it is to take back what a killed client had, of each kind as much as a small machine has room for: in
# instructions, as the time says more about the host. A processor of an M1 executes more than a thousand million of them a second,
# so where it takes fewer, memory is back within a second. There is one processor: two would spin while the host runs neither.
# shellcheck disable=SC2154
cost_limit=1000000000
cost_dir=$LOGS/oom-cost.plugin
mkdir -p "$cost_dir"
in_root "$(toolchain)" clang -O2 -shared -fPIC -fvisibility=hidden -Wall -Werror -o "$cost_dir/count.so" \
	"$here/oom/plugin/count.c"
guest_tap oom-cost --plain-kernel --processors 1 --memory 512 --timeout 900 --share "$programs" \
	--plugin "$cost_dir/count.so,out=$cost_dir/counts" -- /mnt/share/oom cost
mapfile -t cost_names < <(sed -nE 's/^# cost of (.*): [0-9]+\r?$/\1/p' "$LOGS/oom-cost.log")
mapfile -t cost_counts <"$cost_dir/counts"
if [ ${#cost_names[@]} -lt 8 ] || [ ${#cost_names[@]} != ${#cost_counts[@]} ]; then
	fail "oom-cost: ${#cost_names[@]} kinds of clients, ${#cost_counts[@]} counts"
fi
for i in "${!cost_names[@]}"; do
	if [ "${cost_counts[$i]:-$cost_limit}" -lt $cost_limit ]; then
		pass "oom-cost: ${cost_names[$i]}: ${cost_counts[$i]} instructions"
	else
		fail "oom-cost: ${cost_names[$i]}: ${cost_counts[$i]:-unknown} instructions, more than $cost_limit"
	fi
done
