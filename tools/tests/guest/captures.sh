# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# What the driver wrote for the firmware, parsed by tables of the firmware's structures instead of agx_abi, for each generation with each
# firmware, with clusters and without. The tables are those of rust/agx_abi/tests/tables.rs: without them there is nothing to compare
# with. With ASAHI_CHIPS, a list of CHIP or CHIP:FIRMWARE, only those are run.
# shellcheck disable=SC2154
tables=$(beside AGX_ABI_TABLES agx-abi)

# parse NAME OPTION…: judges captures.
parse() {
	local status=0 start=$SECONDS name=$1
	shift
	in_root "$root" python3 "$here/captures/parse" "$@" >"$LOGS/$name.log" 2>&1 || status=$?
	judge_tap "$name" $status $((SECONDS - start))
}

# capture CHIP FIRMWARE CORES MEMORY
capture() {
	local name=captures-$1-$2 taken=$LOGS/captures/$1-$2 before=$failed
	rm -rf "$taken"
	mkdir -p "$taken"
	guest_tap "$name" --plain-kernel --timeout 900 --chip "$1" --firmware "$2" --cores "$3" --memory "$4" --share "$programs" \
		--capture "$taken" -- sh -c '
		mkdir /tmp/pictures
		for api in gl vk; do
			if /mnt/share/$api-pictures Apple /tmp/pictures; then echo "ok $api"; else echo "not ok $api"; fi
		done'
	parse "$name-parsed" "$LOGS/captures/tables" "$1" "$2" "$3" "$taken"
	# Each field that has a rule is refused with other bits.
	parse "$name-changed" --change "$LOGS/captures/tables" "$1" "$2" "$3" "$taken"
	# They are kept if something is wrong with them.
	[ "$failed" != "$before" ] || rm -rf "$taken"
}

if [ ! -e "$tables/G13-V13_5.json" ]; then
	skip captures "no tables of structures at $tables"
else
	root=$(toolchain)
	mkdir -p "$LOGS/captures/tables"
	cp "$tables"/*.json "$LOGS/captures/tables"
	while read -r chip firmware cores memory; do
		case " ${ASAHI_CHIPS:-$chip} " in *" $chip "* | *" $chip:$firmware "*) ;; *) continue ;; esac
		capture "$chip" "$firmware" "$cores" "$memory"
	done <<-end
		t8103 13.5 fe 2048
		t8103 12.3 ff 2048
		t8112 13.5 3ff 2048
		t8112 12.4 ff 2048
		t6002 13.5 ff7f3fff3f3f7f3f 4096
		t6021 13.5 ffffffffff 4096
	end
fi
