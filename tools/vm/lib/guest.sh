# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The guest's root file system, and what programs for the guest are compiled against.

GUEST_PACKAGES=base-files,busybox-static,bash,coreutils,util-linux,mount,kmod,procps,grep,sed,strace,trace-cmd,mesa-vulkan-drivers,libgl1-mesa-dri,libvulkan1,vulkan-tools,mesa-utils,mesa-opencl-icd,ocl-icd-libopencl1,clinfo
# The guest on x86_64 has only what tests of modules need.
GUEST_X86_PACKAGES=base-files,busybox-static,bash,coreutils,util-linux,mount,kmod,procps,grep,sed
# What is drawn with, in an image of its own that only those have that ask for it.
GRAPHICS_PACKAGES=weston,glmark2-es2-wayland,vkmark,mesa-utils-bin,waffle-utils,libwaffle-1-0
SYSROOT_PACKAGES=libc6-dev,libgcc-14-dev,libvulkan-dev,linux-libc-dev,ocl-icd-opencl-dev,libegl-dev,libgles-dev
INIT=$REPO/tools/vm/guest/init

# What a shell's user expects beside the packages: applets of busybox, where no package has the program.
APPLETS="awk cmp clear diff find free gzip gunzip zcat hexdump less more nc sh tar time top vi watch which xargs xxd"

link_applets() {
	local applet
	for applet in $APPLETS; do
		[ -e "$1/usr/bin/$applet" ] || [ -e "$1/usr/sbin/$applet" ] || ln -s busybox "$1/usr/bin/$applet" || return 1
	done
	ln -sf bash "$1/usr/bin/sh"
}

# make_image FILE DIR: an image of a directory. Its last page has to be whole: a kernel without buffer heads cannot read half a page
# of a disk.
make_image() {
	in_root "$(toolchain)" mkfs.erofs -x-1 "$1" "$2" && truncate -s %64K "$1"
}

# build_guest_root DIR ARCHITECTURE PACKAGES
build_guest_root() {
	# Unpacked only: the packages' scripts are for another processor.
	logged "guest root" "$1/log" '^(Get:|Unpacking)' 150 \
		bootstrap "$1/root" extract "$2" "$3" \
		"--aptopt=APT::Default-Release \"$SUITE-backports\""
	finish_guest_root "$1"
}

# finish_guest_root DIR: makes the image of what was unpacked in DIR/root.
finish_guest_root() {
	merge_usr "$1/root" && mkdir -p "$1"/root/{proc,sys,dev,run,tmp,mnt/share,mnt/rig,mnt/overlay} && link_applets "$1/root" &&
		install -m755 "$INIT" "$1/root/init" || return 1
	logged "guest image" "$1/log" '^' 100 \
		make_image "$1/image.new" "$1/root"
	mv "$1/image.new" "$1/image"
}

build_guest() {
	build_guest_root "$1" arm64 "$GUEST_PACKAGES"
}

build_guest_x86() {
	build_guest_root "$1" amd64 "$GUEST_X86_PACKAGES"
}

# That of the guest on x86_64.
guest_x86_image() {
	local dir
	dir=$(step guest-x86 "$(hash_of "$GUEST_X86_PACKAGES" "$SUITE" "$INIT" "$APPLETS" 2)" build_guest_x86)
	printf '%s\n' "$dir/image"
}

# The guest's root file system image.
guest_image() {
	local dir
	dir=$(step guest "$(hash_of "$GUEST_PACKAGES" "$SUITE" "$INIT" "$APPLETS" 3)" build_guest)
	printf '%s\n' "$dir/image"
}

# build_laid_over DIR NAME PACKAGES: the packages with all that they need, without what the guest's root has already, as an image that is
# laid over its /usr. Scripts of packages do not run.
build_laid_over() {
	logged "guest $2" "$1/log" '^(Get:|Unpacking)' 400 \
		bootstrap "$1/root" extract arm64 "$GUEST_PACKAGES,$3" \
		"--aptopt=APT::Default-Release \"$SUITE-backports\""
	less_than "$1/root/usr" "$GUEST_ROOT/usr" || return 1
	logged "guest $2 image" "$1/log" '^' 100 \
		make_image "$1/image.new" "$1/root/usr"
	rm -rf "$1/root" && mv "$1/image.new" "$1/image"
}

# less_than DIR OTHER: removes what OTHER has from DIR, and what nobody reads in a guest.
less_than() {
	local file
	(cd "$1" && find . ! -type d -printf '%P\0') >"$1.files" || return 1
	while IFS= read -r -d '' file; do
		if [ -e "$2/$file" ] || [ -L "$2/$file" ]; then rm -f "$1/$file" || return 1; fi
	done <"$1.files"
	rm -rf "$1.files" "$1"/share/{doc,man,locale} && find "$1" -mindepth 1 -type d -empty -delete
}

build_graphics() {
	build_laid_over "$1" graphics "$GRAPHICS_PACKAGES"
}

# The image that the guest lays over its /usr, of programs that draw.
graphics_image() {
	local dir
	dir=$(guest_image)
	GUEST_ROOT=$(dirname "$dir")/root
	dir=$(step graphics "$(hash_of "$dir" "$GRAPHICS_PACKAGES" 2)" build_graphics)
	printf '%s\n' "$dir/image"
}

build_sysroot() {
	logged sysroot "$1/log" '^(Get:|Unpacking)' 40 \
		bootstrap "$1/root" extract arm64 "$SYSROOT_PACKAGES"
	merge_usr "$1/root"
}

# Headers and libraries for guest programs.
sysroot() {
	local dir
	dir=$(step sysroot "$(hash_of "$SYSROOT_PACKAGES" "$SUITE")" build_sysroot)
	printf '%s\n' "$dir/root"
}
