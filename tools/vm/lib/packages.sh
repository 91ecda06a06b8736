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
	# Its files are those of a tree, for lint and for the tests' results.
	command -v git >/dev/null || missing+=(git)
	[ ${#missing[@]} = 0 ] && return
	say "installing ${missing[*]}"
	mkdir -p "$CACHE/log"
	{
		apt-get update
		apt-get install -y --no-install-recommends "${missing[@]}" ca-certificates
	} >>"$CACHE/log/apt.log" 2>&1 || die "apt-get failed: see $CACHE/log/apt.log"
}

# debian_index: the URI of Debian's own archive in this machine's apt configuration, as apt has found it when it last fetched its lists.
debian_index() {
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F '|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

# The mirror of this machine's own apt configuration.
mirror() {
	if [ -n "${ASAHI_MIRROR:-}" ]; then
		printf '%s\n' "${ASAHI_MIRROR%/}"
		return
	fi
	local uri file
	uri=$(debian_index)
	if [ -z "$uri" ]; then
		# Without lists, as in images of containers, nothing says whose an archive is.
		mkdir -p "$CACHE/log"
		apt-get update >>"$CACHE/log/apt.log" 2>&1 || die "apt-get update failed: see $CACHE/log/apt.log"
		uri=$(debian_index)
	fi
	# A file with mirrors, as images of clouds have: the first one.
	case $uri in
	mirror+file:*)
		file=${uri#mirror+file:}
		file=/${file##/}
		while [[ $file = //* ]]; do file=${file#/}; done
		uri=$(sed -nE 's/^[[:space:]]*([^#[:space:]]+).*/\1/p' "${file%/}" | sed q)
		;;
	esac
	case $uri in
	'' | mirror*) die "no mirror of Debian in this machine's apt configuration. Set ASAHI_MIRROR to the URI of one, as sources.list has it before the suite" ;;
	esac
	printf '%s\n' "${uri%/}"
}

# proxy_found SCHEME URI: what the program that this machine's apt asks for proxies says of URI. Nothing if there is none, or if it fails, when
# apt goes without.
proxy_found() {
	local program=''
	eval "$(apt-config shell program "Acquire::$1::Proxy-Auto-Detect")"
	[ -n "$program" ] || eval "$(apt-config shell program "Acquire::$1::ProxyAutoDetect")"
	[ -z "$program" ] || "$program" "$2" 2>/dev/null | sed -n 1p || true
}

# The settings of this machine's apt that a download depends on. A root does not have the program that finds proxies, so it is asked here.
# Lists of an archive of earlier states are not valid any more, which it has by the time in its URI.
apt_options() {
	local uri scheme proxy
	uri=$(mirror) || return 1
	{
		apt-config dump --no-empty |
			grep -E '^Acquire::(https?::|Check-Valid-Until|Check-Date|Retries)' |
			grep -viE '^[^ ]*::Proxy-?Auto-?Detect ' || true
		for scheme in http https; do
			[[ $uri = "$scheme:"* ]] || continue
			proxy=$(proxy_found "$scheme" "$uri")
			[ -z "$proxy" ] || printf 'Acquire::%s::Proxy "%s";\n' "$scheme" "$proxy"
		done
		[[ ! $uri =~ /[0-9]{8}T[0-9]{6}Z(/|$) ]] || echo 'Acquire::Check-Valid-Until "false";'
	} | sed -nE 's/^([^ ]+) (".*");$/--aptopt=\1 \2/p'
}

# if_gone LOG BYTE PACKAGES: says what to do if apt has not found a package, as LOG has it from BYTE on.
if_gone() {
	! tail -c "+$2" "$1" | grep -qE "^E: (Unable to locate package|Version '.*' for '.*' was not found|Can't find a source to download)" ||
		say "error: the mirror does not have $3 any more. Set ASAHI_MIRROR to an archive of its earlier states, of a time when it had: URI/YYYYMMDDThhmmssZ"
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
