# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# A guest with the newest Mesa: that of Debian's unstable, and all else from there, too.

# next_version: prints the version of Mesa in unstable. Status 2 if the mirror has no unstable, 1 if that is not known, as lists were not
# all fetched: $CACHE/next-apt/log says why. All checkouts share the lists.
next_version() {
	local apt=$CACHE/next-apt uri
	uri=$(mirror) || return 1
	mkdir -p "$apt"/{lists/partial,cache/archives/partial}
	(
		flock 9 || exit 1
		: >"$apt/status"
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri unstable main" >"$apt/sources.list"
		{
			apt_options | sed -E 's/^--aptopt=(.*)$/\1;/' || exit 1
			cat <<-E
				Dir::State "$apt";
				Dir::State::status "$apt/status";
				Dir::Cache "$apt/cache";
				Dir::Etc::sourcelist "$apt/sources.list";
				Dir::Etc::sourceparts "/dev/null";
				Dir::Etc::preferencesparts "/dev/null";
				APT::Architecture "arm64";
				APT::Architectures {"arm64";};
				APT::Update::Error-Mode "any";
			E
		} >"$apt/apt.conf"
		export APT_CONFIG=$apt/apt.conf
		apt-get update >"$apt/log" 2>&1 || {
			! grep -qE '^E: The repository .* does not have a Release file' "$apt/log" || exit 2
			exit 1
		}
		apt-cache show mesa-vulkan-drivers 2>>"$apt/log" | sed -nE 's/^Version: //p' | sed q | grep .
	) 9>>"$apt/lock"
}

build_next() {
	# In a shell of its own: all else is of the suite that it was.
	(
		SUITE=unstable
		logged "guest root with the newest Mesa" "$1/log" '^(Get:|Unpacking)' 150 \
			bootstrap "$1/root" extract arm64 "$GUEST_PACKAGES"
	) || return 1
	finish_guest_root "$1"
}

# The image of the guest with Mesa of VERSION.
next_image() {
	local dir
	dir=$(step guest-next "$(hash_of "$GUEST_PACKAGES" "$1" "$INIT" "$APPLETS" 1)" build_next)
	printf '%s\n' "$dir/image"
}
