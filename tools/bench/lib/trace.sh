# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Plugins for QEMU that count instructions, and the measurement of SUBMIT. For sourcing after
# vm/lib/{common,packages,toolchain,guest}.sh.

BENCH=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")

# build_plugin NAME DIR: builds plugin NAME as DIR/NAME.so.
build_plugin() {
	in_root "$(toolchain)" clang -O2 -shared -fPIC -fvisibility=hidden -Wall -o "$2/$1.so" "$BENCH/$1.c"
}

# plugin NAME DIR: builds plugin NAME in DIR, and prints the options by which it writes to DIR/NAME.
plugin() {
	build_plugin "$1" "$2"
	printf '%s,out=%s\n' "$2/$1.so" "$2/$1"
}

# trace_submit DIR KERNEL [render]: the trace of SUBMITs of compute jobs, or of renders, in DIR/trace, and the kernel's symbols in
# DIR/submit-symbols. The firmware gets a doorbell after 10 ms, and jobs take 20 ms, so that all interrupts come when SUBMIT has returned:
# with the first doorbell, firmware writes lines to its log, for which it interrupts.
trace_submit() {
	local programs trace
	programs=$(guest_programs) || die "the guest's programs do not build"
	trace=$(plugin trace "$1") || die "the plugin does not build"
	cp "$programs/submit" "$1/"
	"$BENCH/../vm/vm" exec "$2" --plugin "$trace" --processors 1 --emu "--hardware slow-doorbell:10 --fault delay:20" \
		--share "$1" --timeout 300 --log "$1/submit-machine" -- sh -c 'cat /proc/kallsyms >/mnt/share/submit-symbols; /mnt/share/submit '"${3:-}" \
		>"$1/submit.log" 2>&1 || die "SUBMIT was not measured (status $?); see $1/submit.log"
}

# measure_submit DIR KERNEL [OPTION]: prints what submit.py makes, with OPTION, of the traces of both kinds of SUBMIT.
measure_submit() {
	local job
	for job in '' render; do
		trace_submit "$1" "$2" $job
		in_root "$(toolchain)" python3 "$BENCH/submit.py" "$1/trace" "$1/submit-symbols" "${job:+${job}_}" ${3:+"$3"} ||
			die "the trace of SUBMIT does not make sense"
		rm "$1/trace"
	done
}
