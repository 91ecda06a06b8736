# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Programs of Debian's that the guest does not have, in images that are laid over its /usr, and how they run there. For sourcing after
# vm/lib/{common,packages,toolchain,kernel,guest,build}.sh.

# What draws, beside what "vm exec --graphics" has: a toolkit or two, and a game.
PROGRAMS_PACKAGES=weston,gtk-4-examples,qt6-base-examples,qt6-wayland,neverball,fonts-dejavu-core,libglib2.0-bin
# A browser: chromium's for pages that nobody looks at, which is two thirds of the whole one.
BROWSER_PACKAGES=chromium-headless-shell,fonts-dejavu-core
# What filters pictures with a GPU.
MEDIA_PACKAGES=ffmpeg,gstreamer1.0-tools,gstreamer1.0-plugins-base,gstreamer1.0-gl,weston
# Tests of a library for OpenCL.
BLAS_PACKAGES=clblast-tests

# The sets of programs: name, packages, seconds for all, seconds for one ("-": the programs' own), options of "vm exec", files, of which the
# first is what runs in the guest, and a pattern of the programs' names. Programs of the first have names that no other pattern has.
SETS="programs|$GRAPHICS_PACKAGES,$PROGRAMS_PACKAGES|7200|-|--graphics|in-guest|.
browser|$BROWSER_PACKAGES|2400|400||webgl/in-guest webgl/page.html webgl/scene.js webgl/gpu.html webgl/gpu.js|^Chromium
media|$MEDIA_PACKAGES|3600|60||media/in-guest|^(ffmpeg|GStreamer)
blas|$BLAS_PACKAGES|7200|300||blas/in-guest|^CLBlast"

# choose_set NAME: sets SET to the line of the table, and OTHERS to the patterns of those after it.
choose_set() {
	local line
	SET=() OTHERS=
	while IFS= read -r line; do
		if [ ${#SET[@]} = 0 ]; then
			[ "${line%%|*}" != "$1" ] || mapfile -d '|' -t -n 6 SET <<<"$line"
			[ ${#SET[@]} = 0 ] || SET[6]=$(cut -d'|' -f7- <<<"$line")
		else
			OTHERS+="${OTHERS:+|}$(cut -d'|' -f7- <<<"$line")"
		fi
	done <<<"$SETS"
	[ ${#SET[@]} != 0 ] || die "there is no set \"$1\" of programs: there are $(cut -d'|' -f1 <<<"$SETS" | xargs)"
}

# Scripts of packages do not run: what runs in the guest does what they would have done.
build_set() {
	build_laid_over "$1" "${SET[0]}" "${SET[1]}"
}

# The image of the set, which is laid over the guest's /usr.
set_image() {
	local dir
	dir=$(guest_image)
	GUEST_ROOT=$(dirname "$dir")/root
	dir=$(step "${SET[0]}" "$(hash_of "$dir" "${SET[1]}" 1)" build_set)
	printf '%s\n' "$dir/image"
}

RECORDED=$REPO/tools/tests/results/programs.txt

# run_programs START DIR: runs the set. DIR keeps results and pictures; what has a result there is not run again. It starts with the recorded
# results if START says something. Sets MACHINE to the machine's status.
run_programs() {
	local dir=$2 name=${SET[0]} programs image files variables=()
	mkdir -p "$dir"
	[ -z "$1" ] || [ -e "$dir/results" ] || sed '/^#/d' "$RECORDED" >"$dir/results"
	programs=$(guest_programs)
	image=$(set_image)
	ln -f "$image" "$dir/$name.image" 2>/dev/null || cp "$image" "$dir/$name.image"
	read -ra files <<<"${SET[5]}"
	cp "${files[@]/#/$REPO/tools/tests/programs/}" "$REPO/tools/tests/programs/over.sh" "$programs"/{libframes.so,compare-pictures} "$dir/"
	[ "${SET[3]}" = - ] || variables=("LIMIT=${LIMIT:-${SET[3]}}")
	MACHINE=0
	# shellcheck disable=SC2086
	heeding "$REPO/tools/vm/vm" exec --plain-kernel ${SET[4]} --memory 3072 --log "$dir" --timeout "${BUDGET:-${SET[2]}}" --share "$dir" \
		-- env "${variables[@]}" bash "/mnt/share/${files[0]##*/}" >"$dir/output" 2>&1 || MACHINE=$?
}

# end_programs DIR: prints the results of the set. Fails if the machine has, or if a program has no result, or another one than is recorded.
end_programs() {
	local failed=0
	touch "$1/results"
	awk -F '\t' -v wanted="${SET[6]}" -v others="$OTHERS" '
		function ours(name) { return name ~ wanted && (others == "" || name !~ others) }
		function wrong(text) { print "error: " text | "cat >&2"; bad = 1 }
		FNR == NR { if (!/^#/ && ours($3)) recorded[$3] = $1 ", " $2; next }
		!ours($3) { next }
		{ print; seen[$3] = 1; n++ }
		!($3 in recorded) { if ($1 == "pass" && $2 != "pass") wrong($3 ": " $1 ", " $2 "; none are recorded"); next }
		recorded[$3] != $1 ", " $2 { wrong($3 ": " $1 ", " $2 "; recorded are " recorded[$3]) }
		END {
			if (!n) wrong("there is no result")
			for (name in recorded) if (!(name in seen)) wrong(name ": no result; recorded are " recorded[name])
			exit bad
		}' "$RECORDED" "$1/results" || failed=1
	[ "$MACHINE" = 0 ] || {
		say "error: the machine's status is $MACHINE. The end of $1/output is"
		tail -n 5 "$1/output" >&2
		failed=1
	}
	return $failed
}
