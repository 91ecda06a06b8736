# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# What the driver wrote for the firmware, parsed by a table of the firmware's structures instead of agx_abi. The table is that of
# rust/agx_abi/tests/tables.rs: without it there is nothing to compare with.
# shellcheck disable=SC2154
table=${AGX_ABI_TABLES:-$REPO/../shared/agx-abi}/G13-V13_5.json
if [ ! -e "$table" ]; then
	skip captures "no table of structures at $table"
else
	root=$(toolchain)
	taken=$LOGS/captures
	# They are kept if something is wrong with them.
	[ "$failed" != 0 ] || rm -rf "$taken"
	mkdir -p "$taken/of"
	cp "$table" "$taken/table.json"
	guest_tap captures-taken --plain-kernel --timeout 900 --share "$programs" --capture "$taken/of" -- sh -c '
		mkdir /tmp/pictures
		for api in gl vk; do
			if /mnt/share/$api-pictures Apple /tmp/pictures; then echo "ok $api"; else echo "not ok $api"; fi
		done'
	# parse NAME OPTION…: judges the captures.
	parse() {
		local status=0 start=$SECONDS name=$1
		shift
		in_root "$root" python3 "$here/captures/parse" "$@" "$taken/table.json" "$taken/of" >"$LOGS/$name.log" 2>&1 || status=$?
		judge_tap "$name" $status $((SECONDS - start))
	}
	parse captures-parsed
	# Each field that has a rule is refused with other bits.
	parse captures-changed --change
	# They are kept if something is wrong with them.
	[ "$failed" != 0 ] || rm -rf "$taken"
fi
