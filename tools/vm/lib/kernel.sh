# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The kernel for arm64, in six flavours: "plain", "inline", which is that with the C helpers of Rust code inlined, "debug" with
# lockdep, KASAN and kmemleak, "checks", which is that with all other checkers that go together, and exporters of buffers, "rt" with
# PREEMPT_RT, lockdep and KASAN by tags of the hardware's, and "kcsan" with the detector of data races. And one for x86_64, "x86",
# with lockdep and kmemleak.

KERNEL_CONFIG=$REPO/tools/vm/kernel

kernel_fragments() {
	case $1 in
	plain) printf '%s\n' "$KERNEL_CONFIG/base.config" ;;
	x86) printf '%s\n' "$KERNEL_CONFIG/x86.config" ;;
	checks) printf '%s\n' "$KERNEL_CONFIG"/{base,debug,checks}.config ;;
	*) printf '%s\n' "$KERNEL_CONFIG/base.config" "$KERNEL_CONFIG/$1.config" ;;
	esac
}

# kernel_arch FLAVOUR: what make calls its processor.
kernel_arch() {
	case $1 in
	x86) echo x86_64 ;;
	*) echo arm64 ;;
	esac
}

# kernel_image FLAVOUR: what is booted, in the directory that it is built in.
kernel_image() {
	case $1 in
	x86) echo arch/x86/boot/bzImage ;;
	*) echo arch/arm64/boot/Image ;;
	esac
}

# Every option asked for has to be there in the end: kconfig drops silently what it cannot have.
check_config() {
	local config=$1 file line missing=0
	shift
	for file in "$@"; do
		while read -r line; do
			case $line in
			CONFIG_*=n) grep -qE "^${line%=n}=" "$config" || continue ;;
			CONFIG_*) ! grep -qxF "$line" "$config" || continue ;;
			*) continue ;;
			esac
			say "kernel configuration: $line did not stick"
			missing=1
		done <"$file"
	done
	[ $missing = 0 ]
}

kernel_source() {
	local root
	root=$(toolchain)
	unpack_source() {
		in_root "$root" tar -C "$1" --strip-components=1 -xf /usr/src/linux-source-7.3.tar.xz
	}
	step kernel-source "$(hash_of "$(basename "$(dirname "$root")")")" unpack_source
}

# kernel_make ROOT SOURCE OUT ARGUMENT…: make for the kernel of $FLAVOUR.
kernel_make() {
	local root=$1 source=$2 out=$3
	shift 3
	in_root "$root" make -C "$source" LLVM=1 ARCH="$(kernel_arch "$FLAVOUR")" O="$out" -j"$JOBS" "$@"
}

build_kernel() {
	local out=$1/build fragments
	mkdir -p "$out" || return 1
	mapfile -t fragments < <(kernel_fragments "$FLAVOUR")
	configure() {
		kernel_make "$ROOT_DIR" "$SOURCE_DIR" "$out" allnoconfig &&
			(
				cd "$SOURCE_DIR" &&
					in_root "$ROOT_DIR" scripts/kconfig/merge_config.sh -m -O "$out" "$out/.config" "${fragments[@]}"
			) &&
			kernel_make "$ROOT_DIR" "$SOURCE_DIR" "$out" olddefconfig &&
			check_config "$out/.config" "${fragments[@]}"
	}
	[ -e "$1/.configured" ] || logged "kernel configuration" "$1/log" '^' 300 configure
	touch "$1/.configured" || return 1
	logged "kernel ($FLAVOUR)" "$1/log" '^  (CC|RUSTC|AS|LD|AR) ' 1500 \
		kernel_make "$ROOT_DIR" "$SOURCE_DIR" "$out" "$(basename "$(kernel_image "$FLAVOUR")")" modules
	# Guest programs are compiled against those of one flavour.
	[ "$FLAVOUR" != plain ] || logged "kernel headers" "$1/log" '^  HDRINST' 1000 \
		kernel_make "$ROOT_DIR" "$SOURCE_DIR" "$out" headers
}

# kernel FLAVOUR: the directory with build/. That of the plain kernel has the UAPI headers in usr/include.
kernel() {
	local fragments
	FLAVOUR=$1
	ROOT_DIR=$(toolchain)
	SOURCE_DIR=$(kernel_source)
	mapfile -t fragments < <(kernel_fragments "$FLAVOUR")
	step "kernel-$FLAVOUR" "$(hash_of "$SOURCE_DIR" "${fragments[@]}")" build_kernel
}
