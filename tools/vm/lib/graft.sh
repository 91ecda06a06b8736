# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The tree in a kernel's source, without a copy of that: source and build directory of a kernel of the cache, with what is changed in them
# in the checkout, in build/graft. Nothing of the kernel has to be built anew, as all is at its old place.
# shellcheck disable=SC2153

# on_layers NAME FLAVOUR COMMAND…: runs a command that sees changes to source and build directory of the kernel, in build/graft/NAME, and
# that nobody else sees. $GRAFT_SOURCE and $GRAFT_BUILD are the directories; without the changes they are at
# $GRAFT_LAYERS/{source,build}.original, and what was changed is in *.changed there.
on_layers() {
	local layers=$REPO/build/graft/$1 flavour=$2
	shift 2
	GRAFT_SOURCE=$(kernel_source)
	GRAFT_BUILD=$(kernel "$flavour")/build
	export GRAFT_SOURCE GRAFT_BUILD GRAFT_LAYERS=$layers
	mkdir -p "$layers"
	# What an overlay was made of may not change below it.
	if [ "$(cat "$layers/of" 2>/dev/null)" != "$GRAFT_BUILD" ]; then
		rm -rf "$layers"
		mkdir -p "$layers"
		printf '%s\n' "$GRAFT_BUILD" >"$layers/of"
	fi
	mkdir -p "$layers"/{source,build}.{changed,work,original}
	unshare --mount --propagation private bash -c '
		set -e
		layer() {
			mount --bind "$1" "$GRAFT_LAYERS/$2.original"
			mount -t overlay overlay -o "lowerdir=$1,upperdir=$GRAFT_LAYERS/$2.changed,workdir=$GRAFT_LAYERS/$2.work" "$1"
		}
		layer "$GRAFT_SOURCE" source
		layer "$GRAFT_BUILD" build
		exec "$@"' bash "$@"
}

# graft_config OPTION=VALUE…: sets options in the build directory; all have to be there in the end.
graft_config() {
	local option config=$GRAFT_BUILD/.config
	for option in "$@"; do
		sed -i -E "/^(# )?${option%%=*}[= ]/d" "$config"
		printf '%s\n' "$option" >>"$config"
	done
	kernel_make "$ROOT_DIR" "$GRAFT_SOURCE" "$GRAFT_BUILD" olddefconfig
	check_config "$config" <(printf '%s\n' "$@")
}

# graft_options VALUE: all of the tree's options for arm64, as y or m.
graft_options() {
	local option
	for option in KASYNC KASYNC_KUNIT_TEST DRM_JOBQUEUE DRM_JOBQUEUE_{KUNIT,TORTURE,TEARDOWN}_TEST DRM_JOBQUEUE_BENCH \
		DRM_ASAHI DRM_ASAHI_{KUNIT_TEST,EMULATOR} SAMPLE_RUST_{KASYNC_EDU,KASYNC_NVME,KASYNC_GSP,JOBQUEUE} SAMPLE_JOBQUEUE_C; do
		printf 'CONFIG_%s=%s\n' "$option" "$1"
	done
}
