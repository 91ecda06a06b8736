# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Compute and renders while what they use is unbound, replaced and given to others, in machines whose TLB invalidations the emulator
# hears of (tools/agxemu/tlbi): nothing is left that hardware could still use. Then all invalidations are lost, or those of one kind
# misheard, and that is reported. In "make test" on the plain kernel, and only lost ones; in "make test-all" renders of Mesa's as well.
# shellcheck disable=SC2154
tlbi_dir=$LOGS/tlbi.plugin
mkdir -p "$tlbi_dir"
in_root "$(toolchain)" clang -O2 -shared -fPIC -fvisibility=hidden -Wall -Werror -o "$tlbi_dir/plugin.so" \
	"$here/../agxemu/tlbi/plugin.c"
kernel=--plain-kernel rounds=4 kinds="lost"
if [ "$TIER" != test ]; then
	kernel=--debug-kernel rounds=40 kinds="lost context page global"
fi

# translations NAME EMULATOR-OPTIONS SHELL: runs SHELL, which prints TAP, in such a machine. The driver goes at the end, and what was not
# invalidated by then is reported once the machine is idle.
translations() {
	guest_tap "$1" $kernel --timeout 1800 --share "$programs" --plugin "$tlbi_dir/plugin.so,ring=$tlbi_dir/$1.ring" \
		--emu "--tlbi $tlbi_dir/$1.ring $2" -- bash -c "$3"'
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		check unload rmmod asahi
		check load insmod /mnt/rig/modules/asahi.ko
		check "unload again" rmmod asahi
		sleep 1'
	# The GPU has used mappings, and the emulator has looked at what became of them.
	at_least "$1" translations 300
	at_least "$1" idles 10
	rm -f "$tlbi_dir/$1.ring"
}

translations tlbi '' "/mnt/share/translations $rounds"
at_least tlbi invalidated 300
none_of tlbi stale
if [ "$TIER" != test ]; then
	translations tlbi-pictures '' '/mnt/share/gl-many Apple 4; /mnt/share/translations 2; /mnt/share/gl-many Apple 1'
	at_least tlbi-pictures invalidated 300
	none_of tlbi-pictures stale
fi
for kind in $kinds; do
	translations "tlbi-$kind" "--fault tlbi:$kind" '/mnt/share/translations 2'
	at_least "tlbi-$kind" stale 1
done
