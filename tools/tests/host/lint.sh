# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# The lint itself, in a copy whose programs are made up: a check whose command fails must not have found nothing.
tree=$LOGS/linted
rm -rf "$tree"
mkdir -p "$tree"/tools/{tests,docs,agxemu} "$tree"/{rust,bin,drivers,Documentation}
cp "$here"/{lint,long-lines} "$tree/tools/tests/"
cp -r "$here/../vm" "$tree/tools/"
for script in tests/{checkpatch,modgraph,path,names,figures,inferred} docs/build; do
	printf '#!/bin/sh\n' >"$tree/tools/$script"
	chmod +x "$tree/tools/$script"
done
printf '// SPDX-License-Identifier: MIT\n' | tee "$tree/rust/a.rs" >"$tree/drivers/b.c"
printf 'A page.\n' >"$tree/Documentation/page.rst"
# What fails is in the file "fails"; all else does as it should, or nothing.
cat >>"$tree/tools/vm/lib/build.sh" <<'T2'
toolchain() { echo "$REPO"; }
kernel_source() { echo "$REPO"; }
kernel() { echo "$REPO"; }
modules() { mkdir -p "$REPO/build"; echo "$REPO/build"; }
host_packages() { :; }
of_this_checkout() { fails checkout; }
fails() { [ "$(cat "$REPO/fails")" != "$1" ]; }
in_root() {
	shift
	case "$*" in
	make*) fails make && { fails log || rm -f "$REPO/build/lint/clippy.log"; } ;;
	xargs*) fails perl && "$@" ;;
	*) fails "${1##*/}" ;;
	esac
}
T2
git=$(command -v git)
cat >"$tree/bin/git" <<T2
#!/bin/bash
fails=\$(cat "$tree/fails")
[ "\$fails" != "git \$1" ] || exit 128
[ "\$fails \$1 \$2" != "git ls-files *.rs ls-files *.rs" ] || exit 128
exec "$git" "\$@"
T2
chmod +x "$tree/bin/git"
printf '/bin/\n/build/\n/fails\n' >"$tree/.gitignore"
"$git" -C "$tree" init -q
"$git" -C "$tree" add -A

# lints NAME STATUS PATTERN FAILING: with what fails.
lints() {
	local status=0
	echo "$4" >"$tree/fails"
	PATH=$tree/bin:$PATH ASAHI_CACHE=$tree/build/cache "$tree/tools/tests/lint" >"$RIG_LOG" 2>&1 </dev/null || status=$?
	if [ $status = "$2" ] && { [ -z "$3" ] || grep -qE "$3" "$RIG_LOG"; }; then
		pass "lint: $1"
	else
		fail "lint: $1 (status $status, want $2)"
		cat "$RIG_LOG" >&2
	fi
}
lints "a tree in order" 0 '^lint: shell scripts: ok$' nothing
lints "git that does not search" 1 '^lint: wording: FAILED$' 'git grep'
lints "git that lists no files for lines" 1 '^lint: (widths of lines|licence headers): FAILED$' 'git ls-files *.rs'
lints "git that lists nothing" 128 '' 'git ls-files'
lints "perl that does not run" 1 '^lint: widths of lines: FAILED$' perl
lints "rustfmt that finds something" 1 '^lint: kernel crates: rustfmt: FAILED$' rustfmt
lints "a compiler that does not run" 1 '^lint: kernel crates: clippy: FAILED$' make
lints "one without a log" 1 '^lint: kernel crates: clippy: FAILED$' log
lints "a checkout that is not another's" 1 '^lint: rust/: clippy: FAILED$' checkout
"$git" -C "$tree" rm -q --cached tools/tests/long-lines
rm "$tree/tools/tests/long-lines"
lints "no list of lines that may be long" 1 '^lint: widths of lines: FAILED$' nothing
cp "$here/long-lines" "$tree/tools/tests/"
printf 'code\n' >"$tree/drivers/b.c"
lints "a file without a licence" 1 '^lint: licence headers: FAILED$' nothing
printf '// SPDX-License-Identifier: MIT\n// %s reads this\n' Who >"$tree/drivers/b.c"
lints "a sentence" 1 '^lint: wording: FAILED$' nothing
printf '// SPDX-License-Identifier: MIT\n//%0100d\n' 0 >"$tree/drivers/b.c"
lints "a long line" 1 '^lint: widths of lines: FAILED$' nothing
printf '// SPDX-License-Identifier: MIT\n' >"$tree/drivers/b.c"
printf 'rmmod it %s echo ok gone\n' '&&' >"$tree/tools/tests/made-up.sh"
"$git" -C "$tree" add tools/tests/made-up.sh
lints "a result that has no other branch" 1 '^lint: tests: branches: FAILED$' nothing
mv "$tree/.git" "$tree/bin/no-git"
lints "a tree that is no repository" 1 '^error: lint looks at the files that git lists, and git does not: ' nothing
rm -rf "$tree"
