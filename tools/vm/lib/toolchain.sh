# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The toolchain root: compilers for kernel, modules, emulator and guest programs, and QEMU.

TOOLCHAIN_PACKAGES=ca-certificates,clang,lld,llvm,rustc,rust-src,rustfmt,rust-clippy,cargo,bindgen,make,flex,bison,bc,libelf-dev,libssl-dev,python3,cpio,zstd,xz-utils,kmod,device-tree-compiler,gcc,libc6-dev,erofs-utils,pkg-config,glslang-tools,shellcheck,git,libclang-rt-19-dev
BACKPORTS=qemu-system-arm,linux-source-7.3

build_toolchain() {
	local before
	before=$(stat -c %s "$1/log" 2>/dev/null || echo 0)
	# In a shell of its own, which "logged" ends.
	(
		logged toolchain "$1/log" '^(Unpacking|Setting up)' 560 \
			bootstrap "$1/root" apt amd64 "$TOOLCHAIN_PACKAGES" \
			--customize-hook="chroot \"\$1\" apt-get install -y --no-install-recommends -t $SUITE-backports ${BACKPORTS//,/ }"
	) || {
		if_gone "$1/log" $((before + 1)) "$BACKPORTS"
		return 1
	}
}

toolchain_key() {
	hash_of "$TOOLCHAIN_PACKAGES" "$BACKPORTS" "$SUITE" 2
}

# The toolchain root's directory.
toolchain() {
	local dir
	dir=$(step toolchain "$(toolchain_key)" build_toolchain)
	printf '%s\n' "$dir/root"
}

# QEMU for x86_64 is in a root of its own: few need it.
QEMU_X86_PACKAGES=qemu-system-x86,coreutils

build_qemu_x86() {
	logged "QEMU for x86_64" "$1/log" '^(Get:|Unpacking)' 150 \
		bootstrap "$1/root" extract amd64 "$QEMU_X86_PACKAGES" "--aptopt=APT::Default-Release \"$SUITE-backports\""
	merge_usr "$1/root" && mkdir -p "$1"/root/{proc,sys,dev,etc,root,tmp}
}

# The directory of a root with qemu-system-x86_64.
qemu_x86() {
	local dir
	dir=$(step qemu-x86 "$(hash_of "$QEMU_X86_PACKAGES" "$SUITE" 2)" build_qemu_x86)
	printf '%s\n' "$dir/root"
}
