# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The crates from the registry that the modules are made of, as rust/Cargo.lock pins them, in build/vendor. Needs $REPO only, and
# functions that die() and say().

VENDOR=$REPO/build/vendor

vendor_key() {
	sha256sum <"$REPO/rust/Cargo.lock" | cut -c1-16
}

# Whether they are all there: the key comes last.
vendor_is_there() {
	local key
	key=$(vendor_key) && [ -n "$key" ] && [ "$(cat "$VENDOR/.key" 2>/dev/null)" = "$key" ]
}

# cargo_vendor DIR COMMAND…: has cargo fetch them into DIR, by COMMAND… if that has to come before.
cargo_vendor() {
	local dir=$1
	shift
	"$@" cargo vendor --quiet --locked --versioned-dirs --manifest-path "$REPO/rust/Cargo.toml" "$dir" >/dev/null
}

# vendored_by COMMAND…: COMMAND… DIR makes the directory $VENDOR, if it does not have them yet.
vendored_by() {
	local key
	! vendor_is_there || return 0
	# Nor does "set -e" hold where callers look at what this returns.
	key=$(vendor_key) && [ -n "$key" ] && rm -rf "$VENDOR" && mkdir -p "$REPO/build" && "$@" "$VENDOR" && printf '%s\n' "$key" >"$VENDOR/.key"
}

# vendored_here: makes it with this machine's cargo.
vendored_here() {
	command -v cargo >/dev/null || vendor_is_there ||
		die "cargo is needed, to fetch the two crates that Cargo.lock names"
	vendored_by cargo_vendor
}
