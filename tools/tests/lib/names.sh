# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The names of suites, and where they are.
# shellcheck disable=SC2154

# header FILE KEY: the value of a suite's header line.
header() {
	sed -nE "/^[^#]/q; s/^# $2: *(.*)/\1/p" "$1" | head -n 1
}

# The script of each suite, and which piece of it the suite is.
declare -A script=() piece_of=()

# list DIR: prints the names of the suites in DIR: of each script its own or, if it has pieces, those of its pieces.
list() {
	local file name piece pieces
	for file in "$here/$1"/*.sh; do
		[ -e "$file" ] || continue
		name=$(basename "$file" .sh)
		read -ra pieces <<<"$(header "$file" pieces)"
		for piece in "${pieces[@]}"; do
			echo "$file $name-$piece $piece"
		done
		[ ${#pieces[@]} != 0 ] || echo "$file $name"
	done
}

# is_called FILE SUITE NAME: whether NAME is that of SUITE, or of FILE, which it is a piece of.
is_called() {
	[ "$2" = "$3" ] || [ "$(basename "$1" .sh)" = "$3" ]
}

# name_suites DIR…: fills in script and piece_of. A suite's results go by its name, so there is one of each.
name_suites() {
	local dir file suite piece
	while read -r file suite piece; do
		[ -z "${script[$suite]:-}" ] || die "there are two suites $suite"
		script[$suite]=$file piece_of[$suite]=$piece
	done < <(for dir in "$@"; do list "$dir"; done)
	wait $!
}
