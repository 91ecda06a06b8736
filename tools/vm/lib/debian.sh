# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Debian's own binary kernel, and what modules for it are built with. Its headers package has nothing for Rust, so that is made
# from Debian's source with the configuration of the binary, and the symbols come from the package.

DEBIAN_RELEASE=7.3.4+deb13-arm64-16k
# Its configuration is gcc's; with BTF Rust wants pahole to be there.
DEBIAN_TOOLS=gcc-aarch64-linux-gnu,pahole
# What the kernel has as modules: what the guest needs for its root, and DRM.
DEBIAN_MODULES="virtio_blk erofs 9p 9pnet_virtio virtio-rng overlay drm"

# in_debian_root DIR COMMAND…: runs a command in the toolchain root with Debian's compiler, which is kept in DIR as what differs.
in_debian_root() {
	local dir=$1 lower
	shift
	lower=$(toolchain)
	mkdir -p "$dir"/{changed,work,root}
	export -f exec_in_root
	REPO=$REPO CACHE=$CACHE unshare --mount --propagation private bash -c '
		set -e
		mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/changed,workdir=$2/work" "$2/root"
		root=$2/root
		shift 2
		exec_in_root "$root" "$@"' bash "$lower" "$dir" "$@"
}

build_debian_tools() {
	local before
	before=$(stat -c %s "$1/log" 2>/dev/null || echo 0)
	apt_options | sed -E 's/^--aptopt=(.*)$/\1;/' >"$1/apt.conf" || return 1
	# In a shell of its own, which "logged" ends.
	# shellcheck disable=SC2016
	(
		logged "Debian's kernel and compiler" "$1/log" '^(Get:|Unpacking|Setting up)' 60 \
			in_debian_root "$1" bash -exc '
				cp "$1/apt.conf" /etc/apt/apt.conf.d/50rig
				dpkg --add-architecture arm64
				apt-get update
				apt-get install -y --no-install-recommends ${2//,/ }
				rm -rf "$1/packages" "$1/kernel"
				mkdir "$1/packages"
				cd "$1/packages"
				for part in binary modules headers; do apt-get download "linux-$part-$3:arm64"; done
				for package in *.deb; do dpkg -x "$package" "$1/kernel"; done
				rm -r "$1/packages"' bash "$1" "$DEBIAN_TOOLS" "$DEBIAN_RELEASE"
	) || {
		if_gone "$1/log" $((before + 1)) "linux-binary-$DEBIAN_RELEASE"
		return 1
	}
}

# The directory with kernel/, of the packages; a root for in_debian_root.
debian_tools() {
	step debian-tools "$(hash_of "$(basename "$(dirname "$(toolchain)")")" "$DEBIAN_TOOLS" "$DEBIAN_RELEASE" 1)" build_debian_tools
}

# What "make" is called with for this kernel.
DEBIAN_MAKE=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- "LOCALVERSION=${DEBIAN_RELEASE#7.3.4}")

build_debian_headers() {
	local headers=$TOOLS/kernel/usr/src/linux-headers-$DEBIAN_RELEASE
	mkdir -p "$1/build" && cp "$headers/.config" "$1/build/" || return 1
	logged "headers of Debian's kernel" "$1/log" '^  (CC|RUSTC|AS|HOSTCC|GEN|BINDGEN|UPD|EXPORTS)' 150 \
		in_debian_root "$TOOLS" bash -exc '
			cd "$1"
			shift
			make "$@" olddefconfig
			make "$@" prepare modules_prepare' bash "$SOURCE_DIR" O="$1/build" -j"$JOBS" "${DEBIAN_MAKE[@]}"
	[ "$(cat "$1/build/include/config/kernel.release")" = "$DEBIAN_RELEASE" ] || return 1
	cp "$headers/Module.symvers" "$1/build/"
}

# The directory with build/, for which modules can be built.
debian_headers() {
	TOOLS=$(debian_tools)
	SOURCE_DIR=$(kernel_source)
	step debian-headers "$(hash_of "$TOOLS" "$SOURCE_DIR" 1)" build_debian_headers
}

# A root file system for the first moments: the modules that the guest's own is reached by, in the order in which they need each other.
build_debian_boot() {
	local file n=100 modules=$TOOLS/kernel/usr/lib/modules guest
	guest=$(guest_image) || return 1
	guest=$(dirname "$guest")/root
	rm -rf "$1/initrd.d" && mkdir -p "$1"/initrd.d/{modules,proc,sys,dev,mnt} "$1/arch/arm64/boot" || return 1
	# Newer packages have all in /usr.
	[ -e "$modules/$DEBIAN_RELEASE" ] || modules=$TOOLS/kernel/lib/modules
	in_root "$ROOT_DIR" depmod -b "${modules%/lib/modules}" "$DEBIAN_RELEASE" || return 1
	# shellcheck disable=SC2086
	while read -r file; do
		n=$((n + 1))
		case $file in
		*.xz) in_root "$ROOT_DIR" xz -dc "$file" >"$1/initrd.d/modules/$n-$(basename "$file" .xz)" ;;
		*.zst) in_root "$ROOT_DIR" zstd -qdc "$file" >"$1/initrd.d/modules/$n-$(basename "$file" .zst)" ;;
		*) cp "$file" "$1/initrd.d/modules/$n-$(basename "$file")" ;;
		esac || return 1
	done < <(for file in $DEBIAN_MODULES; do
		in_root "$ROOT_DIR" modprobe -d "${modules%/lib/modules}" -S "$DEBIAN_RELEASE" --show-depends "$file" || exit 1
	done | sed -nE 's/^insmod ([^ ]+).*/\1/p' | awk '!seen[$0]++')
	wait $! && [ "$n" != 100 ] || return 1
	cp "$guest/usr/bin/busybox" "$1/initrd.d/" && cp "$REPO/tools/vm/guest/initrd" "$1/initrd.d/init" || return 1
	(cd "$1/initrd.d" && in_root "$ROOT_DIR" sh -c 'find . | cpio -o -H newc -R 0:0 --quiet') >"$1/initrd" || return 1
	file=$(find "$TOOLS/kernel" -name "vmlinuz*" -type f -print -quit)
	cp "$file" "$1/arch/arm64/boot/Image"
}

# The directory that "vm exec --kernel" takes, but for modules of ours.
debian_boot() {
	TOOLS=$(debian_tools)
	ROOT_DIR=$(toolchain)
	step debian-boot "$(hash_of "$TOOLS" "$(guest_image)" "$DEBIAN_MODULES" "$REPO/tools/vm/guest/initrd" 1)" build_debian_boot
}
