# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# What runs stock programs in the guest, in a copy whose machine is made up: what is run, and what is a failure.
tree=$LOGS/stock
rm -rf "$tree"
mkdir -p "$tree"/{tools/tests/results,build/guest}
cp -r "$here/programs" "$tree/tools/tests/"
cp -r "$here/../vm" "$tree/tools/"
touch "$tree"/build/guest/{libframes.so,compare-pictures}
printf '# Made up.\npass\tpass\tone\t0 of 9\npass\tdiffers\ttwo\t3 of 9\npass\tpass\tChromium three\t\n' >"$tree/tools/tests/results/programs.txt"
cat >>"$tree/tools/vm/lib/build.sh" <<'B'
toolchain() { :; }
guest_image() { echo "$REPO/build/image"; }
step() { echo "$REPO/build"; }
guest_programs() { echo "$REPO/build/guest"; }
B
touch "$tree/build/image"
cat >"$tree/tools/vm/vm" <<'V'
#!/bin/bash
while [ "$1" != -- ]; do
	[ "$1" != --share ] || share=$2
	shift
done
build=$(dirname "$(readlink -f "$0")")/../../build
while IFS= read -r line; do
	cut -f 3 "$share/results" 2>/dev/null | grep -qxF "$(cut -f 3 <<<"$line")" || printf '%s\n' "$line" >>"$share/results"
done <"$build/drawn"
echo "what the machine says"
exit "$(cat "$build/status")"
V

# runs NAME STATUS PATTERN MACHINE-STATUS RUN ARGUMENT…
runs() {
	local name=$1 want=$2 pattern=$3 status=0
	echo "$4" >"$tree/build/status"
	shift 4
	"$tree/tools/tests/programs/$1" "${@:2}" >"$RIG_LOG" 2>&1 </dev/null || status=$?
	if [ $status = "$want" ] && grep -qP "$pattern" "$RIG_LOG"; then
		pass "programs: $name"
	else
		fail "programs: $name (status $status, want $want)"
		cat "$RIG_LOG" >&2
	fi
}
same='pass\tpass\tone\t1 of 9\npass\tdiffers\ttwo\t4 of 9\npass\tpass\tChromium three\t\n'
printf %b "$same" >"$tree/build/drawn"
runs "all is run again" 0 '^pass\tpass\tone\t1 of 9$' 0 run "$LOGS/stock.1"
runs "a directory that has results keeps them" 0 '^pass\tpass\tone\t1 of 9$' 0 run "$LOGS/stock.1"
runs "what is recorded is not run again" 0 '^pass\tpass\tone\t0 of 9$' 0 run --continue "$LOGS/stock.2"
runs "a machine that fails" 1 "^error: the machine's status is 124" 124 run "$LOGS/stock.3"
runs "its results are there" 1 '^pass\tpass\tone\t1 of 9$' 124 run "$LOGS/stock.3"
printf %b "${same/pass\\tpass\\tone/pass\\tcrash\\tone}" >"$tree/build/drawn"
runs "a result that is another" 1 '^error: one: pass, crash; recorded are pass, pass$' 0 run "$LOGS/stock.4"
printf %b "${same/pass\\tdiffers\\ttwo/pass\\tpass\\ttwo}" >"$tree/build/drawn"
runs "one that is better is another, too" 1 '^error: two: pass, pass; recorded are pass, differs$' 0 run "$LOGS/stock.5"
printf %b "${same}pass\tpass\tfour\t\n" >"$tree/build/drawn"
runs "one that is new is none" 0 '^pass\tpass\tfour\t$' 0 run "$LOGS/stock.6"
printf %b "${same/pass\\tpass\\tChromium/pass\\tcrash\\tChromium}" >"$tree/build/drawn"
runs "those of the browser" 1 '^error: Chromium three: pass, crash' 0 run browser "$LOGS/stock.7"
runs "not those of others" 0 '^pass\tpass\tone\t1 of 9$' 0 run programs "$LOGS/stock.8"
runs "those of filters, of which there are none" 1 '^error: there is no result$' 0 run media "$LOGS/stock.9"
printf 'pass\tpass\tone\t1 of 9\n' >"$tree/build/drawn"
runs "one that has no result" 1 '^error: two: no result; recorded are pass, differs$' 0 run "$LOGS/stock.10"
printf 'pass\tfail\tCLBlast axpy\t\n' >"$tree/build/drawn"
runs "one that is not recorded, and does not pass" 1 '^error: CLBlast axpy: pass, fail; none are recorded$' 0 run blas "$LOGS/stock.11"
printf 'fail\tfail\tCLBlast axpy\t\n' >"$tree/build/drawn"
runs "one that passes with neither" 0 '^fail\tfail\tCLBlast axpy\t$' 0 run blas "$LOGS/stock.12"
runs "no directory" 1 '^error: usage: run ' 0 run
runs "a set that there is not" 1 '^error: there is no set "a" of programs: there are programs browser media blas$' 0 run a b
runs "three" 1 '^error: usage: run ' 0 run media a b

# Amber's scripts.
cp -r "$here/amber" "$tree/tools/tests/"
mkdir -p "$tree/amber" "$tree/scripts"
touch "$tree/amber/amber" "$tree/scripts"/{one,two}.amber
printf '# Made up.\nfail\ttwo.amber\tfor a reason\n' >"$tree/tools/tests/results/amber.txt"
# ambers NAME STATUS PATTERN MACHINE-STATUS RESULT-OF-ONE RESULT-OF-TWO
ambers() {
	rm -rf "$LOGS/stock.13"
	: >"$tree/build/drawn"
	[ -z "$5" ] || printf 'asahi\t%s\t1\tone.amber\tsays so\nlvp\tpass\t2\tone.amber\t\n' "$5" >>"$tree/build/drawn"
	printf 'asahi\t%s\t3\ttwo.amber\tsays so\nlvp\tpass\t4\ttwo.amber\t\n' "$6" >>"$tree/build/drawn"
	mkdir -p "$LOGS/stock.13"
	runs "amber: $1" "$2" "$3" "$4" ../amber/run "$LOGS/stock.13" "$tree/amber" "$tree/scripts"
}
ambers "as it was" 0 '^ +1 asahi\tpass$' 0 pass fail
ambers "a machine that fails" 1 "^error: the machine's status is 125" 125 pass fail
ambers "one that fails" 1 '^error: one.amber: fail, and nothing of it is recorded$' 0 fail fail
ambers "one without a result" 1 '^error: 2 results are missing, of one.amber ' 0 '' fail

# Piglit's tests of drawing.
cp -r "$here/piglit" "$tree/tools/tests/"
touch "$tree/build/guest/piglit-runner"
: >"$tree/tools/tests/results/piglit-gl.txt"
cat >>"$tree/tools/tests/piglit/gl.sh" <<'G'
piglit_gl() { echo "$REPO/build"; }
piglit_gl_expand() { :; }
piglit_gl_results() { :; }
piglit_gl_sample() { printf 'one\tcommand\ntwo\tcommand\n'; }
piglit_gl_share() { :; }
G
printf 'asahi\tpass\tone\nllvmpipe\tpass\tone\t\n' >"$tree/build/drawn"
sed -i 's/^\tcut .*results.*||/\tgrep -qxF "$line" "$share\/results" ||/' "$tree/tools/vm/vm"
runs "piglit: a machine that fails" 1 "^error: the machine's status is 124" 124 ../piglit/gl 2 "$LOGS/stock.14"
runs "piglit: a machine that ends" 0 '^2 results are missing: time was too short, or a runner has failed$' 0 ../piglit/gl 2 "$LOGS/stock.15"

# A program that draws, and goes on without a word. Tail that does not see that nobody reads on stands for any.
dir=$tree/draws
mkdir -p "$dir/bin"
printf '#!/bin/bash\nuntil [ -s "%s" ]; do sleep 0.1; done\ncat "$2"\nexec sleep 100\n' "$dir/picture" >"$dir/bin/tail"
cat >"$dir/drawing" <<'D'
#!/bin/bash
echo "frames: frame 2 is by Apple"
echo picture >"$FRAME_FILE"
exec sleep "$1"
D
chmod +x "$dir/bin/tail" "$dir/drawing"
{
	echo 'failed() { cat "$1" >&2; }'
	sed -n '/^frame() {/,/^}/p' "$here/programs/in-guest" | sed "s|/run/|$dir/|g; s|LD_PRELOAD=[^ ]*||"
	echo 'frame "$@"'
} >"$dir/frame"
# draws NAME COMMAND…
draws() {
	local name=$1 status=0
	shift
	PATH=$dir/bin:$PATH timeout 20 bash "$dir/frame" "$dir/picture" Apple "$@" >"$RIG_LOG" 2>&1 </dev/null || status=$?
	if [ $status = 0 ] && grep -qx pass "$RIG_LOG"; then
		pass "programs: $name"
	else
		fail "programs: $name: status $status"
		cat "$RIG_LOG" >&2
	fi
}
rm -f "$dir/picture"
draws "one that goes on until it is ended" "$dir/drawing" 100
ln -s drawing "$dir/glmark2"
draws "one that is not to be ended" "$dir/glmark2" 2
rm -rf "$tree" "$LOGS"/stock.*
