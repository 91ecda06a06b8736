# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Piglit for the guest: Debian's package, as much of it as has to do with compute.

PIGLIT_PACKAGES="piglit libwaffle-1-0 libxcb-dri2-0"
LIBRARIES=usr/lib/aarch64-linux-gnu

# The whole of it has two gigabytes.
unpack_piglit() {
	local apt=$1/apt options path=./$LIBRARIES/piglit
	mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d} "$1/root"
	: >"$apt/state/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $SUITE main" >"$apt/etc/sources.list"
	options=(-q -o "Dir::State=$apt/state" -o "Dir::State::status=$apt/state/status" -o "Dir::Cache=$apt/cache"
		-o "Dir::Etc=$apt/etc" -o "Dir::Etc::sourcelist=$apt/etc/sources.list"
		-o APT::Architecture=arm64 -o APT::Architectures=arm64)
	apt-get "${options[@]}" update || return 1
	# shellcheck disable=SC2086
	(cd "$1" && apt-get "${options[@]}" download $PIGLIT_PACKAGES) || return 1
	dpkg-deb --fsys-tarfile "$1"/piglit_*.deb | tar -x -C "$1/root" --wildcards \
		"$path/bin/cl-program-tester" "$path/bin/shader_runner*" "$path/bin/glslparsertest" "$path/bin/arb_compute_*" \
		"$path/lib/libpiglitutil*" "$path/tests/cl/*" "$path/generated_tests/cl/*" "$path/tests/spec/*.shader_test" \
		"$path/tests/spec/arb_compute_*" "$path/tests/spec/nv_compute_*" "$path/generated_tests/spec/*/cs-*" || return 1
	rm "$1"/piglit_*.deb
	for package in "$1"/*.deb; do
		dpkg-deb -x "$package" "$1/root" || return 1
	done
	# The first clear a window that they then do not look at, which would be a render job.
	rm -r "$1"/*.deb "$apt" && find "$1/root/$LIBRARIES/piglit/generated_tests" -name 'cs-*.shader_test' -exec sed -i '/^clear/d' {} + &&
		find "$1/root" -name '*.shader_test' -print0 |
		{ xargs -0 grep -L --null '^\[compute shader\]' || true; } | xargs -0 -r rm
}

# piglit_share DIR: makes DIR what in-guest expects, but for its list.
piglit_share() {
	local dir
	dir=$(step piglit "$(hash_of "$SUITE" "$PIGLIT_PACKAGES" 3)" unpack_piglit)
	mkdir -p "$1"
	cp -r "$dir/root/." "$1/"
	cp "$(dirname "${BASH_SOURCE[0]}")/in-guest" "$1/"
}

# All tests, by name: OpenCL programs, shader tests with a compute shader, compilations, programs.
piglit_names() {
	(
		cd "$1/$LIBRARIES/piglit" || exit
		find tests/cl/program/execute generated_tests/cl -name '*.cl' -o -name '*.program_test'
		find tests/spec generated_tests/spec -name '*.shader_test' -o -name '*.comp'
		ls -d bin/arb_compute_*
	) | sort
}
