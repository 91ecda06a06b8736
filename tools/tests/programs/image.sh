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

# Scripts of packages do not run: in-guest does what they would have done.
build_programs() {
	build_laid_over "$1" programs "$GRAPHICS_PACKAGES,$PROGRAMS_PACKAGES"
}

build_browser() {
	build_laid_over "$1" browser "$BROWSER_PACKAGES"
}

build_media() {
	build_laid_over "$1" media "$MEDIA_PACKAGES"
}

build_blas() {
	build_laid_over "$1" blas "$BLAS_PACKAGES"
}

# laid_over NAME PACKAGES: the image of what build_NAME unpacks.
laid_over() {
	local dir
	dir=$(guest_image)
	GUEST_ROOT=$(dirname "$dir")/root
	dir=$(step "$1" "$(hash_of "$dir" "$2" 1)" "build_$1")
	printf '%s\n' "$dir/image"
}

# The image that in-guest lays over the guest's /usr, that of webgl/in-guest, and that of media/in-guest.
programs_image() {
	laid_over programs "$GRAPHICS_PACKAGES,$PROGRAMS_PACKAGES"
}

browser_image() {
	laid_over browser "$BROWSER_PACKAGES"
}

media_image() {
	laid_over media "$MEDIA_PACKAGES"
}

blas_image() {
	laid_over blas "$BLAS_PACKAGES"
}

# run_programs [--continue] DIR NAME SECONDS VARIABLES OPTIONS FILE…: runs in-guest, the first FILE, over image NAME. DIR keeps results and
# pictures; what has a result there is not run again. With --continue it starts with the recorded results. VARIABLES are the guest's,
# OPTIONS those of "vm exec". Sets MACHINE to the machine's status.
run_programs() {
	local started='' dir name seconds variables options programs image
	[ "$1" != --continue ] || {
		started=1
		shift
	}
	dir=$1 name=$2 seconds=$3 variables=$4 options=$5
	shift 5
	mkdir -p "$dir"
	[ -z "$started" ] || [ -e "$dir/results" ] || sed '/^#/d' "$RECORDED" >"$dir/results"
	programs=$(guest_programs)
	image=$("${name}_image")
	ln -f "$image" "$dir/$name.image" 2>/dev/null || cp "$image" "$dir/$name.image"
	cp "$@" "$REPO/tools/tests/programs/over.sh" "$programs"/{libframes.so,compare-pictures} "$dir/"
	MACHINE=0
	# shellcheck disable=SC2086
	"$REPO/tools/vm/vm" exec --plain-kernel $options --memory 3072 --log "$dir" --timeout "$seconds" --share "$dir" \
		-- env $variables bash "/mnt/share/${1##*/}" >"$dir/output" 2>&1 || MACHINE=$?
}

RECORDED=$REPO/tools/tests/results/programs.txt

# end_programs DIR PATTERN: prints the results of run_programs whose lines match. Fails if the machine has, or if a program has another
# result, with llvmpipe or with asahi, than the recorded one. One that is new has none.
end_programs() {
	local failed=0
	grep -E "$2" "$1/results" || {
		say "error: there is no result"
		failed=1
	}
	awk -F '\t' '
		FNR == NR { if (!/^#/) recorded[$3] = $1 ", " $2; next }
		$3 in recorded && recorded[$3] != $1 ", " $2 { print "error: " $3 ": " $1 ", " $2 "; recorded are " recorded[$3]; bad = 1 }
		END { exit bad }' "$RECORDED" "$1/results" >&2 || failed=1
	[ "$MACHINE" = 0 ] || {
		say "error: the machine's status is $MACHINE. The end of $1/output is"
		tail -n 5 "$1/output" >&2
		failed=1
	}
	return $failed
}

# arguments ARGUMENT…, those of the script: sets START to the options of run_programs, and DIR.
arguments() {
	START=()
	[ "${1:-}" != --continue ] || {
		START=(--continue)
		shift
	}
	case $#-${1:-} in
	1-[!-]*) ;;
	*) die "usage: run [--continue] DIR" ;;
	esac
	DIR=$1
}
