# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Every chip with every firmware of it: what Mesa calls the GPU, the parameters, jobs, renders and faults through the UAPI, and
# compute shaders and pictures of GL and Vulkan beside llvmpipe's; and what is refused. In "make test" one that has dies, clusters and
# another firmware, and less of it.
# The results of all go to tools/tests/results/chips.txt, with the tree that they are of; with ASAHI_CHIPS, a list of CHIP,
# CHIP:FIRMWARE or CHIP:PART, only those are run, and their rows replaced there.
# shellcheck disable=SC2154
# shellcheck source=tools/vm/lib/chips.sh
. "$REPO/tools/vm/lib/chips.sh"

# unusual LOG: what the firmware finds unusual, but for the protection that the driver means to be another.
unusual() {
	grep 'unusual: ' "$1" | grep -v 'mapped as GPU_FW_SHARED_RW'
}

# Of each machine: "CHIP FIRMWARE PART SUITE PASSED FAILED".
results=$LOGS/chips-results
: >"$results"

# count_suites NAME CHIP FIRMWARE PART: adds the results of the suites in the log of a machine. Those that are missing have failed.
count_suites() {
	local suite
	for suite in $suites; do
		awk -v suite="$suite" -v what="$2 $3 ${4:-all} $suite" '
			/^# suite / { inside = $3 == suite }
			inside && /^ok / && !/# SKIP/ { good++ }
			inside && /^(not ok |Bail out!)/ { bad++ }
			END { if (!good && !bad) bad = 1; print what, good + 0, bad + 0 }' "$LOGS/$1.log" >>"$results"
	done
}

# on_chip CHIP FIRMWARE PART [OPTION…]: what each has to pass. The suites are those in $suites.
on_chip() {
	local chip=$1 firmware=$2 part=$3 name=chips-$1-$2${3:+-$3} memory=4096 run='' suite
	shift 3
	local faults='' first cores=''
	[ "${1:-}" != --cores ] || cores=$2
	for suite in $suites; do
		case $suite in
		probe) ;;
		# Machines of their own run them.
		faults | pictures) ;;
		# Clients that go with jobs in flight, of which the driver may say something.
		uapi-teardown) faults+="start $suite; run /mnt/share/uapi teardown"$'\n' ;;
		# Of a part they are told which cores work.
		uapi-params) run+="start $suite; run ${cores:+env ASAHI_CORES=$cores} /mnt/share/uapi params"$'\n' ;;
		uapi-*) run+="start $suite; run /mnt/share/uapi ${suite#uapi-}"$'\n' ;;
		# What clients reach of the kernel's half. The driver says what has faulted.
		# It is first, as the driver leaves lines out when it has much to say.
		kernel-half) first="start $suite; run /mnt/share/shader-faults \"\$ASAHI_GPU\" \$half"$'\n'
			first+="[ \$half = unmapped ] || check \"the kernel says what has faulted\" half_faulted"$'\n'
			faults=$first$faults ;;
		# Some of their renders are to fault, of which the driver has something to say.
		render-fields | render-faults) faults+="start $suite; run /mnt/share/render ${suite#render-}"$'\n' ;;
		render-*) run+="start $suite; run /mnt/share/render ${suite#render-}"$'\n' ;;
		shaders) run+="start $suite; run /mnt/share/shaders-test \"\$ASAHI_GPU\" llvmpipe"$'\n' ;;
		esac
	done
	run+=quiet$'\n'$faults
	guest_tap "$name" --plain-kernel --timeout 900 --memory "$memory" --chip "$chip" --firmware "$firmware" \
		--emu "--hardware image" --share "$programs" "$@" -- bash -c '
		# Only with several clusters of that generation do contexts of clients have it.
		case $ASAHI_CHIP in t602*) half=mapped ;; *) half=unmapped ;; esac
		start() { echo "# suite $1"; }
		# A program that ends before its last test has no test to say so.
		run() { "$@" || echo "not ok $* ended with status $?"; }
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		# Any group of its threads may be the first to write.
		half_faulted() { dmesg | grep -qE "asahi .*gpu: GPU fault: write of 0xffffffa000000[0-9a-f]{3} in context [0-9]+ by UL1C#0 "; }
		start probe
		check "the firmware is up" sh -c "dmesg | grep -q \"asahi .*gpu: G.* firmware $ASAHI_FIRMWARE is up\""
		check "RTKit names the firmware" sh -c "dmesg | grep -q \"AGX firmware $ASAHI_FIRMWARE, emulated\""
		check "Mesa names the GPU" sh -c "vulkaninfo --summary 2>/dev/null | grep -qF \"= $ASAHI_GPU \""
		# It is said before the firmware may fail for it.
		unknown_first() { dmesg | grep -E "asahi .*gpu: (not known for sure|RTKit:|firmware:)" | head -n 1 | grep -q "not known"; }
		unknown() { test "$(dmesg | grep -cF "not known for sure of this chip: $1")" = "$2"; }
		case $ASAHI_CHIP in
		t8112) check "what is not known is said once" unknown "size of the compute preemption buffer" 1
			check "what is not known is said first" unknown_first ;;
		t6022) check "what is not known is said once" unknown "all that two dies make different" 1
			check "what is not known is said first" unknown_first ;;
		*) check "nothing is said to be unknown" unknown "" 0 ;;
		esac
		check "compute jobs of Vulkan" /mnt/share/dispatch "$ASAHI_GPU" 20
		quiet() {
			start probe
			check "without a word" test -z "$(dmesg -l err,warn | grep "asahi .*gpu: " | grep -v RTKit:)"
		}
		'"$run"'
		start probe
		check unload rmmod asahi'
	(
		# What comes from here on is of the other machine.
		suites=" $suites "
		suites=${suites/ faults / }
		suites=${suites/ pictures / }
		count_suites "$name" "$chip" "$firmware" "$part"
	)
	# The firmware there is the emulator'"'"'s: what is unusual is no panic, but no mistake of ours either.
	if [ -e "$LOGS/$name/emulator.log" ]; then
		if unusual "$LOGS/$name/emulator.log" >/dev/null; then
			fail "$chip $firmware: $(unusual "$LOGS/$name/emulator.log")"
		else
			pass "$chip $firmware: nothing that the firmware finds unusual"
		fi
	fi
}

# faults_on_chip CHIP FIRMWARE: jobs that fault and hang, each generation's and firmware's in its own way.
faults_on_chip() {
	local suites=faults
	guest_tap "chips-$1-$2-faults" --plain-kernel --chip "$1" --firmware "$2" --share "$programs" \
		--emu "--fault mmu-fault:2 --fault hang:4" -- bash -c '
		echo "# suite faults"
		/mnt/share/faults ok EIO ok ETIMEDOUT ok
		# That is the access that the emulator makes up.
		line="asahi .*gpu: GPU fault: read of 0xdead0000 in context [0-9]+ by UL1C#0 .*: Unmapped, level 3 .*: 1 commands have failed"
		if [ "$(dmesg | grep "gpu: GPU fault:" | grep -cE "$line")" = 1 ]; then
			echo ok the kernel says what has faulted
		else
			echo not ok the kernel says what has faulted
			dmesg | grep "gpu: GPU fault:"
		fi
		if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
	count_suites "chips-$1-$2-faults" "$1" "$2" ""
}

# pictures_on_chip CHIP FIRMWARE: the scenes of suite render.
pictures_on_chip() {
	local suites=pictures name=chips-$1-$2-pictures before=$failed
	local share=$LOGS/$name-share
	rm -rf "$share"
	mkdir -p "$share"
	cp "$programs"/{gl-pictures,vk-pictures,compare-pictures} "$here/pictures/in-guest" "$share/"
	guest_tap "$name" --plain-kernel --timeout 900 --memory 4096 --chip "$1" --firmware "$2" --share "$share" \
		--emu "--budget 3000000" -- bash -c '
		echo "# suite pictures"
		bash /mnt/share/in-guest "$ASAHI_GPU" quick || echo "not ok pictures ended with status $?"
		if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
	count_suites "$name" "$1" "$2" ""
	# They are kept if something is wrong with them.
	[ "$failed" != "$before" ] || rm -rf "$share"
}

# refused CHIP FAULT LINE: the driver says LINE, and nothing else, and there is no device.
refused() {
	local suites=probe firmware=${2#abi:}
	guest_tap "chips-refused-$1-${2//[:.]/-}" --plain-kernel --chip "$1" --emu "--fault $2" --gpu-may-fail -- bash -c '
		lines() {
			dmesg -l err,warn | grep "asahi .*gpu: " | grep -v RTKit: | grep -v "probe with driver asahi failed"
		}
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; lines; fi; }
		echo "# suite probe"
		check "one line says why" test "$(lines | wc -l)" = 1
		check "that is: $1" grep -qF "$1" <<<"$(lines)"
		check "there is no device" test ! -e /dev/dri/renderD128' bash "$3"
	count_suites "chips-refused-$1-${2//[:.]/-}" "$1" "${firmware/tree:/as-}" refused
}

# matrix FILE: prints the table of results, with the rows that FILE has of others.
matrix() {
	echo '# Suites on each emulated chip with each firmware: tests passed/failed. Parts with cores switched off have a name.'
	echo '# "refused": the driver says why, as it does not know such a firmware, or the device tree is of another chip. "-": not run.'
	echo '# "tools/tests/run --all --guest chips" writes it; with ASAHI_CHIPS="t6021:13.5" only the rows of that.'
	awk -v columns="tree $all_suites" -v tree="$TREE" '
		BEGIN {
			m = split(columns, column, " ")
			printf "%-6s %-8s %-7s", "chip", "firmware", "part"
			for (j = 1; j <= m; j++) {
				width[j] = length(column[j])
				if (column[j] == "tree") width[j] = length(tree)
				printf " %*s", width[j], column[j]
			}
			print ""
		}
		FILENAME == ARGV[1] {
			row = sprintf("%-6s %-8s %-7s", $1, $2, $3)
			cell[row, $4] = $5 "/" $6
			cell[row, "tree"] = tree
			if (!(row in rows)) { rows[row] = 1; order[n++] = row }
			next
		}
		/^chip / { for (j = 4; j <= NF; j++) kept[j] = $j }
		!/^(#|chip )/ {
			row = sprintf("%-6s %-8s %-7s", $1, $2, $3)
			if (!(row in rows)) {
				rows[row] = 1; order[n++] = row
				for (j = 4; j <= NF; j++) cell[row, kept[j]] = $j
			}
		}
		END {
			for (i = 0; i < n; i++) {
				printf "%s", order[i]
				for (j = 1; j <= m; j++)
					printf " %*s", width[j], ((order[i], column[j]) in cell) ? cell[order[i], column[j]] : "-"
				print ""
			}
		}' "$results" "$1" | awk '/^(#|chip )/ { print; fflush(); next } { print | "sort" }'
}

# wanted CHIP FIRMWARE-OR-PART: whether it is to be run.
wanted() {
	case " ${ASAHI_CHIPS:-$1} " in *" $1 "* | *" $1:$2 "*) ;; *) return 1 ;; esac
}

# differing: reads a table, and says of which columns rows of whole chips have totals that no row of the tree has which most rows are of: what
# the suite tests has changed in between.
differing() {
	awk '
		/^#/ { next }
		/^chip / { for (j = 5; j <= NF; j++) name[j] = $j; n = NF; next }
		$3 == "all" {
			if (++rows[$4] > rows[most]) most = $4
			for (j = 5; j <= NF; j++) if (split($j, part, "/") == 2) seen[j, $4, part[1] + part[2]] = 1
		}
		END {
			for (j = 5; j <= n; j++)
				for (key in seen) {
					split(key, of, SUBSEP)
					if (of[1] == j && !((j, most, of[3]) in seen))
						print name[j] ": " of[3] " tests of tree " of[2] ", which tree " most " does not have"
				}
		}' | sort
}

all_suites='probe uapi-params uapi-vm uapi-bind-model uapi-gem uapi-queue uapi-submit uapi-submit-errors uapi-teardown uapi-fdinfo faults render-fields render-jobs render-sizes render-layers shaders pictures render-faults kernel-half'
if [ "$TIER" = test ]; then
	# What no device tree of a boot loader says together.
	refused t8103 tree:t6001 'bootloader set chip_id to 0x8103 instead of 0x6001'
	suites='probe uapi-params render-jobs render-layers kernel-half'
	on_chip t6002 12.3 ""
	on_chip t6021 13.5 ""
else
	if [ -z "${ASAHI_CHIPS:-}" ]; then
		refused t8103 tree:t6001 'bootloader set chip_id to 0x8103 instead of 0x6001'
		refused t8103 abi:14.5.0 'firmware interface 14.5.0 is not supported, only 12.3 and 13.5'
		refused t8112 abi:12.3.0 'firmware interface 12.3.0 is not supported, only 12.4 and 13.5'
		# A test release, of a version that is known.
		refused t8103 abi:13.5.0.1 'firmware interface 13.5.0 of a test release is not supported, only 12.3 and 13.5'
		refused t6021 abi:12.4.0 'firmware interface 12.4.0 is not supported, only 13.5'
	fi
	suites=$all_suites
	for chip in $CHIPS; do
		for firmware in $(chip_firmwares "$chip"); do
			wanted "$chip" "$firmware" || continue
			on_chip "$chip" "$firmware" ""
			faults_on_chip "$chip" "$firmware"
			pictures_on_chip "$chip" "$firmware"
		done
	done
	# Parts with cores switched off.
	suites='probe uapi-params render-fields'
	while read -r chip part mask; do
		! wanted "$chip" "$part" || on_chip "$chip" 13.5 "$part" --cores "$mask"
	done <<-end
		t8103 full ff
		t8112 binned 3f3
		t6000 binned 7f7f
		t6001 binned 3f3f3f3f
		t6002 binned ff7f3fff3f3f7f3f
		t6021 binned 7f9fffffff
	end
	kept=$REPO/tools/tests/results/chips.txt
	touch "$kept"
	for word in ${ASAHI_CHIPS:-}; do
		[ -n "$(awk -v word="$word" '$1 == word || $1 ":" $2 == word || $1 ":" $3 == word' "$results" | sed q)" ] ||
			fail "ASAHI_CHIPS: there is no $word"
	done
	matrix "$kept" >"$LOGS/chips.txt"
	differing <"$LOGS/chips.txt" | sed 's/^/warning: chips.txt: /' >&2
	cp "$LOGS/chips.txt" "$kept"
fi
