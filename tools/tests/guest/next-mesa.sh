# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# The guest programs with the newest Mesa, that of Debian's unstable: a driver of its own time has to do for the next one.
# shellcheck disable=SC2154,SC1091
. "$here/../vm/lib/next.sh"
status=0
version=$(next_version) || status=$?
if [ $status = 2 ]; then
	skip next-mesa "the mirror has no unstable"
elif [ $status != 0 ]; then
	fail "next-mesa: what unstable has is not known"
	tail -n 5 "$CACHE/next-apt/log" >&2
elif ! image=$(next_image "$version"); then
	# Packages of unstable may be at odds with each other for a day.
	skip next-mesa "packages of unstable do not unpack, Mesa $version among them"
else
	say "Mesa $version"
	# shellcheck disable=SC2016
	guest_tap next-mesa --plain-kernel --timeout 1800 --image "$image" --share "$programs" -- bash -c '
		check() { if "${@:2}" >/tmp/out 2>&1; then echo "ok $1"; else echo "not ok $1"; sed "s/^/# /" /tmp/out; fi; }
		is_next() { vulkaninfo --summary | grep -F "$1"; }
		check "Mesa $1" is_next "${1%%-*}"
		check "jobs" /mnt/share/dispatch "$ASAHI_GPU" 100
		check "a picture" /mnt/share/mandelbrot "$ASAHI_GPU" 1024 256 /tmp/picture
		/mnt/share/shaders-test "$ASAHI_GPU" llvmpipe
		mkdir /tmp/pictures
		for api in gl vk; do check "pictures by $api" /mnt/share/$api-pictures Apple /tmp/pictures; done
		export RUSTICL_ENABLE=asahi,llvmpipe
		# The reference is asked first. Where Rusticl finds a function in no library, it builds the kernels for no device.
		/mnt/share/opencl-test "$ASAHI_GPU" llvmpipe >/tmp/opencl 2>&1
		if grep -q "the reference agrees with itself too seldom" /tmp/opencl && grep -q "nir_shader not fully linked" /tmp/opencl; then
			echo "ok OpenCL # SKIP Rusticl of this Mesa does not build the kernels for llvmpipe: what its library lacks is not linked"
		else
			cat /tmp/opencl
		fi
		check unload rmmod asahi' sh "$version"
fi
