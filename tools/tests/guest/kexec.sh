# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: jobs long-job foreign no-sleep
#
# A kernel that starts from another one without a reset, while jobs are in flight. The coprocessor runs on, so the first kernel
# has to have it come to an end with all that it was given before its memory is the second one's. Both kernels fill freed pages, and
# the emulator looks at each access.
# shellcheck disable=SC2154
kexec_share=$LOGS/kexec-$piece.share
rm -rf "$kexec_share"
mkdir -p "$kexec_share"
cp -r "$programs/." "$kexec_share/"
cp "$(kernel debug)/build/arch/arm64/boot/Image" "$kexec_share/"

# The client that has jobs at the end of the first kernel.
client="faults ok ok ok ok"

# kexec_with NAME FAULTS SECONDS FIRST SECOND [OPTION…]: the first kernel has said FIRST and ended within SECONDS of being told to
# start the second one, where the shell command SECOND prints TAP. The driver waits for 2 s; the rest is for a machine with much else to
# do.
kexec_with() {
	local name=$1 faults=$2 limit=$3 first=$4 second=$5 log took
	shift 5
	guest_tap "$name" --timeout 900 --gic2 --kernel-options "page_poison=1 printk.time=1" --share "$kexec_share" \
		--emu "--hardware poison --fault ${faults// / --fault }" "$@" -- bash -c '
		if grep -qw rig.second /proc/cmdline; then
			eval "$1"
			exit
		fi
		mkfifo /tmp/jobs
		/mnt/share/$2 >/tmp/jobs &
		exec 3</tmp/jobs
		while read -ru 3 line && [ "$line" != "# submitted" ]; do echo "$line"; done
		if kill -0 $!; then echo "ok jobs are in flight"; else echo "not ok jobs are in flight"; fi
		/mnt/share/kexec /mnt/share/Image rig.second earlycon=pl011,0x9000000
		echo "not ok the kernel starts another one"' sh "$second" "$client"
	log=$LOGS/$name/console.log
	if grep -q 'rig: the next kernel' "$log" && grep -q 'kexec_core: Starting new kernel' "$log"; then
		took=$(sed -nE 's/^\[ *([0-9]+)\.[0-9]+\].* (rig: the next kernel|kexec_core: Starting new kernel).*/\1/p' "$log" |
			awk 'NR == 1 { a = $1 } NR == 2 { print $1 - a }')
		if [ "$took" -le "$limit" ]; then
			pass "$name: the first kernel has ended after $took s"
		else
			fail "$name: the first kernel took $took s, more than $limit"
		fi
	else
		fail "$name: no second kernel"
	fi
	if [ -z "$first" ] || [ "$(grep -cE "$first" "$log")" = 1 ]; then
		pass "$name: the first kernel says what it has to"
	else
		fail "$name: the first kernel does not say \"$first\" once"
	fi
	untouched "$name"
}

# shellcheck disable=SC2016
again='/mnt/share/faults ok ok ok
	if rmmod asahi && insmod /mnt/rig/modules/asahi.ko; then echo ok reload; else echo not ok reload; fi
	/mnt/share/faults ok'
case $piece in
jobs) kexec_with kexec-jobs delay:300 60 '' "$again" ;;
# It takes longer than any wait for it, and than the first kernel may.
long-job) kexec_with kexec-long-job delay:1:40000 30 'asahi .*gpu: jobs still run after 2 s of shutdown' "$again" ;;
# Others' fences are not waited for as long as they take: nothing that the client has is freed before the kernel ends.
foreign)
	client=kexec-foreign
	kexec_with kexec-foreign delay:20 60 "asahi .*gpu: queues do not end within 2 s of shutdown: they are left as they are" "$again"
	;;
# A coprocessor that does not sleep loses what it has. The second kernel cannot use it, and is unharmed.
no-sleep)
	# shellcheck disable=SC2016
	kexec_with kexec-no-sleep no-sleep 60 'asahi .*gpu: firmware did not go to sleep .*: what it was given stays allocated until the next reboot' '
		if [ -e /dev/dri/renderD128 ]; then echo "not ok there is no device"; else echo "ok there is no device"; fi
		lines() { dmesg -l err,warn | grep "asahi .*gpu: " | grep -v RTKit: | grep -v "probe with driver asahi failed"; }
		if [ "$(lines | wc -l)" = 1 ]; then echo "ok one line names the cause"; else echo "not ok one line"; fi
		lines | sed "s/^/# /"' --gpu-may-fail
	;;
*) fail "kexec: there is no piece $piece" ;;
esac
rm -rf "$kexec_share"
