# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The toolchain root: compilers for kernel, modules, emulator and guest programs, and QEMU.

TOOLCHAIN_PACKAGES=ca-certificates,clang,lld,llvm,rustc,rust-src,rustfmt,rust-clippy,cargo,bindgen,make,flex,bison,bc,libelf-dev,libssl-dev,python3,cpio,zstd,xz-utils,kmod,device-tree-compiler,gcc,libc6-dev,erofs-utils,pkg-config,glslang-tools,shellcheck,git,libclang-rt-19-dev
BACKPORTS=qemu-system-arm,linux-source-7.3

build_toolchain() {
	logged toolchain "$1/log" '^(Unpacking|Setting up)' 560 \
		bootstrap "$1/root" apt amd64 "$TOOLCHAIN_PACKAGES" \
		--customize-hook="chroot \"\$1\" apt-get install -y --no-install-recommends -t $SUITE-backports ${BACKPORTS//,/ }"
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
