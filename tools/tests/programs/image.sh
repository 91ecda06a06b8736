# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Programs of Debian's that "vm exec --graphics" does not have: a toolkit or two, and a game.

PROGRAMS_PACKAGES=weston,gtk-4-examples,qt6-base-examples,qt6-wayland,neverball,fonts-dejavu-core,libglib2.0-bin

# What the guest's images have is left out. Scripts of packages do not run: in-guest does what they would have done.
build_programs() {
	logged "guest programs" "$1/log" '^(Get:|Unpacking)' 400 \
		bootstrap "$1/root" extract arm64 "$GUEST_PACKAGES,$GRAPHICS_PACKAGES,$PROGRAMS_PACKAGES" \
		"--aptopt=APT::Default-Release \"$SUITE-backports\""
	(
		cd "$1/root/usr" || exit
		find . ! -type d -printf '%P\0' | while IFS= read -r -d '' file; do
			if [ -e "$GUEST_ROOT/usr/$file" ] || [ -L "$GUEST_ROOT/usr/$file" ]; then rm -f "$file"; fi
		done
		rm -rf share/doc share/man share/locale
		find . -mindepth 1 -type d -empty -delete
	)
	logged "guest programs image" "$1/log" '^' 100 \
		make_image "$1/image.new" "$1/root/usr"
	rm -rf "$1/root"
	mv "$1/image.new" "$1/image"
}

# The image that in-guest lays over the guest's /usr.
programs_image() {
	local dir
	dir=$(guest_image)
	GUEST_ROOT=$(dirname "$dir")/root
	dir=$(step programs "$(hash_of "$dir" "$GRAPHICS_PACKAGES" "$PROGRAMS_PACKAGES" 1)" build_programs)
	printf '%s\n' "$dir/image"
}
