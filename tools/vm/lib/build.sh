# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# What is built from this repository. Make and cargo know by themselves what has to be done anew.

# shellcheck source=tools/vm/lib/vendor.sh
. "$REPO/tools/vm/lib/vendor.sh"

# The crates from the registry. They are in the cache, as cargo waits for all other builds before it takes any out of its own.
vendor() {
	vendored_by vendor_copy
}

# vendor_copy DIR
vendor_copy() {
	local key from
	key=$(vendor_key) && from=$(step vendor "$key" vendor_crates) && cp -r "$from/crates" "$1"
}

vendor_crates() {
	local root
	root=$(toolchain) && rm -rf "$1/crates" && cargo_vendor "$1/crates" in_root "$root"
}

# modules FLAVOUR [ARGUMENT…]: builds the modules, and prints where they are. Machines may be started side by side. Those for x86_64, and
# those with KCSAN, which looks at nothing else, are without the driver for Apple's GPUs. $ASAHI_SOURCE is a tree other than the checkout;
# with ASAHI_NOVA=1 there is nova-core's queue as well.
modules() {
	local flavour=$1 root kernel out with=(NOVA="${ASAHI_NOVA:-}") source=${ASAHI_SOURCE:-$REPO}
	shift
	[[ $flavour != x86 && $flavour != kcsan ]] || with=(CORE=1)
	root=$(toolchain)
	kernel=$(kernel "$flavour")
	out=$source/build/modules-$flavour
	mkdir -p "$out"
	(
		flock 9 || exit 1
		vendor || {
			say "error: the crates that the modules are made of are not there"
			exit 1
		}
		in_root "$root" make -C "$kernel/build" LLVM=1 ARCH="$(kernel_arch "$flavour")" M="$source" MO="$out" -j"$JOBS" \
			AGXEMU_BRIDGE=1 BENCH="${ASAHI_BENCH:-}" "${with[@]}" "$@" modules >"$out/log" 2>&1 || {
			say "error: the modules do not build. From $out/log:"
			grep -E -A8 '^(error|.*error:)' "$out/log" | head -n 40 >&2 || tail -n 20 "$out/log" >&2
			exit 1
		}
	) 9>"$REPO/build/modules.lock" || return 1
	printf '%s\n' "$out"
}

# processor_level: what rustc calls the level of this machine's processor, if it is one with wide vectors.
processor_level() {
	local flag
	[ "$(uname -m)" = x86_64 ] || return 0
	for flag in avx2 bmi1 bmi2 f16c fma abm movbe; do
		grep -qw -m 1 "^flags.*$flag" /proc/cpuinfo || return 0
	done
	echo x86-64-v3
}

# of_this_checkout TARGET: removes from the directory TARGET, in which cargo builds and which all checkouts share, what is of another
# checkout's own packages. Cargo knows a package by its place in the workspace, and a change by the time of a file, and so would take one
# checkout's programs for another's. Called in the workspace, with TARGET/lock held until what is built there was used.
of_this_checkout() {
	local target=$1 root names name
	[ "$(cat "$target/.checkout" 2>/dev/null)" != "$PWD" ] || return 0
	root=$(toolchain) &&
		names=$(in_root "$root" cargo metadata --no-deps --locked --format-version 1 | grep -o '"name":"[^"]*","version"' | cut -d'"' -f4) ||
		return 1
	for name in $names; do
		find "$target" -path '*/.fingerprint/*' -prune -name "$name-*" -exec rm -r {} + || return 1
	done
	printf '%s\n' "$PWD" >"$target/.checkout"
}

# emulator [gspemu]: the emulators' programs, beside the programs that judge results, or that of the GSP alone, which is built sooner. The
# directory that cargo builds in is shared by all checkouts, the programs are not.
emulator() {
	local root target level only=() programs=(agxemu gspemu mandelbrot-check)
	[ $# = 0 ] || only=(--package "$1") programs=("$1")
	# Programs are for the processor that compiles them: loops over lanes are faster with its vectors. Those of each level have a
	# directory, so that it is no harm if the cache moves.
	level=$(processor_level)
	# shellcheck disable=SC2153
	target=$TARGET/agxemu${level:+-${level##*-}}
	root=$(toolchain)
	mkdir -p "$target" "$REPO/build"
	(
		# "set -e" does not hold here.
		flock 9 && cd "$REPO/tools/agxemu" && of_this_checkout "$target" || exit 1
		in_root "$root" env ${level:+RUSTFLAGS="-C target-cpu=$level"} \
			cargo build --quiet --release --locked "${only[@]}" --target-dir "$target" >&2 || exit 1
		for program in "${programs[@]}"; do
			cmp -s "$target/release/$program" "$REPO/build/$program" && continue
			cp "$target/release/$program" "$REPO/build/$program.new" &&
				mv "$REPO/build/$program.new" "$REPO/build/$program" || exit 1
		done
	) 9>"$target/lock" || die "the emulator does not build"
	printf '%s\n' "$REPO/build/agxemu"
}

# Programs for the guest: every directory of tools/tests and tools/bench with a Makefile.
guest_programs() {
	local root sysroot kernel out=$REPO/build/guest dir
	root=$(toolchain)
	sysroot=$(sysroot)
	kernel=$(kernel plain)
	mkdir -p "$out"
	for dir in "$REPO"/tools/{tests,bench}/*/Makefile; do
		dir=$(dirname "$dir")
		in_root "$root" make -s -C "$dir" OUT="$out" UAPI_HEADERS="$kernel/build/usr/include" \
			CC="clang --target=aarch64-linux-gnu --sysroot=$sysroot -fuse-ld=lld" >&2 ||
			die "$dir does not build"
	done
	printf '%s\n' "$out"
}
