# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Debian packages: from where, and into what.

SUITE=trixie

# Installs what the rig needs of the machine it runs on.
host_packages() {
	local missing=()
	[ "$(id -u)" = 0 ] || die "needs root, to install packages, and to mount and make file systems"
	command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
	command -v flock >/dev/null || missing+=(util-linux)
	[ ${#missing[@]} = 0 ] && return
	say "installing ${missing[*]}"
	mkdir -p "$CACHE/log"
	{
		apt-get update
		apt-get install -y --no-install-recommends "${missing[@]}" ca-certificates
	} >>"$CACHE/log/apt.log" 2>&1 || die "apt-get failed: see $CACHE/log/apt.log"
}

# The mirror of this machine's own apt configuration.
mirror() {
	if [ -n "${ASAHI_MIRROR:-}" ]; then
		printf '%s\n' "$ASAHI_MIRROR"
		return
	fi
	local uri
	uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		awk '$1 ~ /\/debian\/?$/ && $2 !~ /security/ { print $1; exit }')
	[ -n "$uri" ] || die "no Debian mirror in this machine's apt configuration: set ASAHI_MIRROR"
	printf '%s\n' "${uri%/}"
}

# The settings of this machine's apt that a download depends on.
apt_options() {
	apt-config dump --no-empty |
		grep -E '^Acquire::(https?::|Check-Valid-Until|Check-Date|Retries)' |
		sed -E 's/^([^ ]+) (".*");$/--aptopt=\1 \2/' || true
}

# bootstrap DIR VARIANT ARCHITECTURE PACKAGES EXTRA…: unpacks packages, newest first from the backports if
# EXTRA says so. Unstable has none.
bootstrap() {
	local dir=$1 variant=$2 arch=$3 packages=$4 uri
	shift 4
	uri=$(mirror) || return 1
	local options=() sources=("deb $uri $SUITE main")
	[ "$SUITE" = unstable ] || sources+=("deb $uri $SUITE-backports main")
	mapfile -t options < <(apt_options)
	rm -rf "$dir.new"
	mmdebstrap --verbose --mode=root --variant="$variant" --architectures="$arch" --include="$packages" \
		"${options[@]}" "$@" "$SUITE" "$dir.new" "${sources[@]}" || return 1
	rm -rf "$dir" && mv "$dir.new" "$dir"
}

# A directory and its link, where packages that were only unpacked have not made it.
merge_usr() {
	local dir
	for dir in bin sbin lib; do
		[ -e "$1/$dir" ] || ln -s "usr/$dir" "$1/$dir" || return 1
	done
	# The dynamic linker of x86-64.
	[ ! -d "$1/usr/lib64" ] || [ -e "$1/lib64" ] || ln -s usr/lib64 "$1/lib64"
}
