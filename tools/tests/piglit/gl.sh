# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Piglit's tests of drawing for the guest: the profiles quick_gl and quick_shader of Debian's package, of which a sample is drawn.
#
# The order of all tests is shuffled with a seed: a sample is the first of them, and a larger sample has the smaller one in it.

PIGLIT_PACKAGES="piglit libwaffle-1-0 libxcb-dri2-0"
PIGLIT_DIR=usr/lib/aarch64-linux-gnu/piglit
PIGLIT_SEED=${PIGLIT_SEED:-14}

# The package as it is: it has two gigabytes when it is unpacked. The profiles are unpacked.
fetch_piglit_gl() {
	local apt=$1/apt options
	mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d}
	: >"$apt/state/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $SUITE main" >"$apt/etc/sources.list"
	options=(-q -o "Dir::State=$apt/state" -o "Dir::State::status=$apt/state/status" -o "Dir::Cache=$apt/cache"
		-o "Dir::Etc=$apt/etc" -o "Dir::Etc::sourcelist=$apt/etc/sources.list"
		-o APT::Architecture=arm64 -o APT::Architectures=arm64)
	apt-get "${options[@]}" update || return 1
	# shellcheck disable=SC2086
	(cd "$1" && apt-get "${options[@]}" download $PIGLIT_PACKAGES) || return 1
	mkdir -p "$1/profiles"
	dpkg-deb --fsys-tarfile "$1"/piglit_*.deb | tar -x -C "$1/profiles" --strip-components=6 \
		"./$PIGLIT_DIR/tests/quick_gl.xml.gz" "./$PIGLIT_DIR/tests/quick_shader.xml.gz" || return 1
	rm -r "$apt"
}

piglit_gl() {
	step piglit-gl "$(hash_of "$SUITE" "$PIGLIT_PACKAGES" 1)" fetch_piglit_gl
}

# Piglit and Mesa as the guest has them, for this machine's processor: llvmpipe takes long in the guest.
NATIVE_PACKAGES=base-files,bash,coreutils,util-linux,grep,sed,findutils,mawk,tar,procps,piglit
NATIVE_PACKAGES+=,libgl1-mesa-dri,libegl-mesa0,libegl1,libgl1,libgles2,libglx-mesa0

build_piglit_host() {
	bootstrap "$1/root" extract amd64 "$NATIVE_PACKAGES" "--aptopt=APT::Default-Release \"$SUITE-backports\"" >"$1/log" 2>&1 || return 1
	merge_usr "$1/root" && ln -s mawk "$1/root/usr/bin/awk" && mkdir -p "$1/root/mnt/share"
}

# piglit_gl_runner: the runner for this machine.
piglit_gl_runner() {
	local here out=$REPO/build/host
	here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
	mkdir -p "$out"
	in_root "$(toolchain)" make -s -C "$here" CC=clang OUT="$out" >&2 || return 1
	printf '%s\n' "$out/piglit-runner"
}

# piglit_gl_host SHARE PARALLEL BUDGET: runs what is in SHARE/list with llvmpipe outside of the guest.
piglit_gl_host() {
	local root
	[ "$(uname -m)" = x86_64 ] || die "piglit outside of the guest: only on x86-64"
	root=$(step piglit-host "$(hash_of "$SUITE" "$NATIVE_PACKAGES" 1)" build_piglit_host)/root
	cp "$(piglit_gl_runner)" "$(dirname "${BASH_SOURCE[0]}")/in-guest-gl" "$1/"
	unshare --mount --propagation private bash -c '
		mount --bind "$1" "$2/mnt/share" && mount -t proc proc "$2/proc" && mount -t tmpfs run "$2/run" &&
		mount -t tmpfs tmp "$2/tmp" && mount --rbind /dev "$2/dev" &&
		exec chroot "$2" env -i PATH=/usr/bin:/bin PIGLIT=/usr/lib/x86_64-linux-gnu/piglit BUDGET="$4" \
			bash /mnt/share/in-guest-gl "$3" host
	' bash "$1" "$root" "$2" "$3"
}

# piglit_gl_tests DIR: all tests of the two profiles that need no other window system, in the profiles' order: name, tab,
# command in the shell's quoting.
piglit_gl_tests() {
	zcat "$1/profiles/quick_gl.xml.gz" "$1/profiles/quick_shader.xml.gz" | sed 's/<Test /\n&/g' | awk '
		!/^<Test / || /require_platforms/ { next }
		{
			match($0, / name="[^"]*"/)
			name = substr($0, RSTART + 7, RLENGTH - 8)
			match($0, /name="command" value="\[[^"]*\]"/)
			command = substr($0, RSTART + 23, RLENGTH - 25)
			gsub("\047, \047", "\047 \047", command)
			gsub(/&lt;/, "<", name); gsub(/&gt;/, ">", name); gsub(/&amp;/, "\\&", name)
			if (/type="gl_builtin"/)
				sub(/\047spec/, "\047tests/spec", command)
			else
				command = command " -auto"
			if (/type="shader"/ || (/type="gl"/ && /run_concurrent" value="True"/))
				command = command " -fbo"
			print name "\t" command
		}'
}

# piglit_gl_sample DIR SEED COUNT: the first COUNT tests after a shuffle. The generator is the "minimal standard" one, whose
# products a double holds exactly: each awk gives the same.
piglit_gl_sample() {
	piglit_gl_tests "$1" | awk -v seed="$2" -v count="$3" '
		{ line[NR] = $0 }
		END {
			state = seed
			for (i = NR; i > 1; i--) {
				state = (state * 16807) % 2147483647
				j = int(state / 2147483647 * i) + 1
				t = line[i]; line[i] = line[j]; line[j] = t
			}
			for (i = 1; i <= NR && i <= count; i++) print line[i]
		}'
}

# piglit_gl_left LIST RESULTS DRIVER…: the list's tests that have no result of one of the DRIVERs.
piglit_gl_left() {
	awk -F '\t' -v drivers="${*:3}" '
		BEGIN { n = split(drivers, driver, " ") }
		FILENAME == ARGV[1] { result[$1, $3] = 1; next }
		{ for (i = 1; i <= n; i++) if (!((driver[i], $1) in result)) { print; next } }' "$2" "$1"
}

# piglit_gl_share DIR SHARE [DRIVER…]: makes SHARE what in-guest-gl expects for the tests in SHARE/list that have no result of the
# DRIVERs in SHARE/results, without DRIVERs for all: an image with programs, the tests' files, and what tests read beside them.
piglit_gl_share() {
	local path=./$PIGLIT_DIR here package
	here=$(dirname "${BASH_SOURCE[0]}")
	if [ $# -gt 2 ]; then
		piglit_gl_left "$2/list" "$2/results" "${@:3}" >"$2/left"
	else
		cp "$2/list" "$2/left"
	fi
	{
		cut -f 2 "$2/left" | sed -E "s/^'([^']*)'.*/bin\/\1/" | sort -u
		# In a list without any, there is nothing to be found.
		cut -f 2 "$2/left" | grep -oE "'(generated_)?tests/[^']*'" | tr -d "'" || true
	} | sed "s,^,$path/," >"$2/files"
	# Unpacking takes a minute or two. What was unpacked for a longer list is good for a shorter one.
	if [ -e "$2/piglit.image" ] && [ -z "$(sort "$2/files" | comm -23 - "$2/piglit.files")" ]; then
		cp "$here/in-guest-gl" "$2/"
		return
	fi
	dpkg-deb --fsys-tarfile "$1"/piglit_*.deb | tar -x -C "$2" --strip-components=4 \
		--wildcards "$path/lib/*.so*" "$path/tests/*.txt" "$path/tests/*.ktx" "$path/tests/*.spv" "$path/tests/*.tes[ce]" \
		"$path/tests/*.vert" "$path/tests/*.frag" "$path/tests/*.geom" "$path/tests/*.inc" "$path/tests/*.ddf" \
		--no-wildcards --files-from="$2/files" 2>"$2/tar.log" ||
		! grep -v -e 'Not found in archive' -e 'Exiting with failure' "$2/tar.log" >&2 || return 1
	for package in "$1"/lib*.deb; do
		dpkg-deb --fsys-tarfile "$package" |
			tar -x -C "$2/piglit/lib" --strip-components=4 --wildcards './usr/lib/aarch64-linux-gnu/*' || return 1
	done
	ASAHI_MOUNT=$(realpath "$2") make_image "$2/piglit.image.new" "$2/piglit" >"$2/image.log" || return 1
	mv "$2/piglit.image.new" "$2/piglit.image"
	sort "$2/files" >"$2/piglit.files"
	rm -r "$2/piglit"
	cp "$here/in-guest-gl" "$2/"
}

# piglit_gl_table OLD RESULTS LIST: lines "llvmpipe's result, asahi's, name, cause" of the list's tests, with tabs; the causes
# are those of the old table. Where llvmpipe did not run in the guest, "(host)" is behind what it had outside.
piglit_gl_table() {
	[ -e "$1" ] || set -- /dev/null "$2" "$3"
	awk -F '\t' -v OFS='\t' '
		FILENAME == ARGV[1] { if (!/^#/ && $4 != "") cause[$3] = $4; next }
		FILENAME == ARGV[2] { result[$1, $3] = $2; next }
		{
			there = result["llvmpipe", $1]; here = result["asahi", $1]
			if (there == "" && result["host", $1] != "") there = result["host", $1] "(host)"
			print there == "" ? "-" : there, here == "" ? "-" : here, $1, substr(there, 1, 4) == here ? "" : cause[$1]
		}' "$1" "$2" "$3"
}

# The figures of a table that comes in.
piglit_gl_figures() {
	awk -F '\t' '
		/^#/ || $1 == "-" || $2 == "-" { next }
		{ both++ }
		$1 ~ /^pass/ { there++; if ($2 == "pass") here++ }
		$2 == "pass" && $1 !~ /^pass/ { only++ }
		END {
			printf "%d tests with both results; %d pass with llvmpipe, of which %d (%.1f %%) pass with asahi;", both, there, here,
				there ? 100 * here / there : 0
			printf " %d pass with asahi only\n", only
		}'
}

# piglit_gl_shorten SEED: the table that comes in, which is of the sample of SEED from its first test on, without the names of tests
# that pass or are skipped with both: lines "result, result, @SEED:PLACES" have their places in the sample, as "1-20,22".
piglit_gl_shorten() {
	awk -F '\t' -v OFS='\t' -v seed="$1" '
		function flush(group) {
			if (first[group])
				places[group] = places[group] (places[group] == "" ? "" : ",") first[group] \
					(last[group] == first[group] ? "" : "-" last[group])
			first[group] = 0
			if (length(places[group]) > 100) line(group)
		}
		function line(group) {
			if (places[group] != "") print group, "@" seed ":" places[group]
			places[group] = ""
		}
		/^#/ { next }
		{ place++ }
		$1 == "-" || $2 == "-" { next }
		$4 == "" && $1 ~ "^" $2 && ($2 == "pass" || $2 == "skip") {
			group = $1 OFS $2
			if (!(group in first)) order[n++] = group
			if (first[group] && last[group] == place - 1) { last[group] = place; next }
			flush(group)
			first[group] = last[group] = place
			next
		}
		{ other[others++] = $0 }
		END {
			for (i = 0; i < n; i++) { flush(order[i]); line(order[i]) }
			for (i = 0; i < others; i++) print other[i]
		}'
}

# piglit_gl_expand DIR TABLE: the table with the names that piglit_gl_shorten has left out.
piglit_gl_expand() {
	local seed
	[ -e "$2" ] || return 0
	seed=$(sed -nE '/^#/d; s/^[^\t]*\t[^\t]*\t@([0-9]+):.*/\1/p' "$2" | sort -u)
	case $seed in
	'') cat "$2" ;;
	*[!0-9]*) die "$2 has samples of more than one seed" ;;
	*)
		awk -F '\t' -v OFS='\t' '
			FILENAME == ARGV[1] { name[FNR] = $1; next }
			/^#/ || $3 !~ /^@/ { print; next }
			{
				sub(/^@[0-9]+:/, "", $3)
				n = split($3, part, ",")
				for (i = 1; i <= n; i++) {
					if (split(part[i], range, "-") == 1) range[2] = range[1]
					for (place = range[1]; place <= range[2] + 0; place++) print $1, $2, name[place], ""
				}
			}' <(piglit_gl_sample "$1" "$seed" 1000000) "$2"
		;;
	esac
}

# piglit_gl_results TABLE: the results that a table has, as lines of the runner's.
piglit_gl_results() {
	[ ! -e "$1" ] || awk -F '\t' -v OFS='\t' '
		/^#/ { next }
		$1 != "-" { there = sub(/\(host\)$/, "", $1) ? "host" : "llvmpipe"; print there, $1, $3 }
		$2 != "-" { print "asahi", $2, $3 }' "$1"
}

# piglit_gl_record TABLE: the text of results/piglit-gl.txt: what a table has both results of, with figures.
piglit_gl_record() {
	cat <<T
# Piglit's tests of drawing, profiles quick_gl and quick_shader of Debian's piglit 0.0~git20250409.af62c0dea-2, with Mesa 26.1.6:
# result with llvmpipe, result with asahi on the emulated GPU, name, cause where they differ. Both in the guest, but for "(host)":
# llvmpipe of the same version on an x86-64 host. Where both of llvmpipe's results are known, 101 of 101 are the same.
# "@SEED:PLACES" stands for the tests at these places of the order that SEED gives: they pass, or are skipped, with both.
#
# Of 28793 tests that need no other window system, a random sample: the first in the order of seed $PIGLIT_SEED.
# "tools/tests/piglit/gl COUNT DIR asahi" goes on with it, "gl COUNT DIR host" gives llvmpipe's results, and "gl record DIR" writes
# this file. "gl names" prints it with all names.
#
# $(piglit_gl_figures <"$1")
#
# There is no window: tests that cannot do without one crash with both.
T
	piglit_gl_shorten "$PIGLIT_SEED" <"$1"
}
