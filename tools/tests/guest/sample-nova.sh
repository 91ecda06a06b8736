# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
# tier: all
# pieces: allocations moments killed storms-v0 storms-v2 clients v2 core
#
# Calls to a GPU's firmware: samples/rust/nova_gsp on the emulated processor. Binding tries what clients can do, faults that they
# bring about included; then the driver is unbound at work, again and again. The processor reports what the driver does wrong by
# the protocol: nothing. In storms replies go wrong from outside, too: no answer may reach another than its caller, and after
# whatever happens calls are answered again.
# shellcheck source=tools/tests/lib/samples.sh
. "$here/lib/samples.sh"
[ "$TIER" = all ] && rounds=100 seeds=${seeds:-5} || rounds=10 seeds=1

# nova_violations NAME [HONEST]: nothing that the driver has done was wrong; and when it unloaded the processor, it had no clients
# there any more, unless answers were not those of the firmware.
nova_violations() {
	local violations left
	violations=$(sed -nE 's/.*"violations": ([0-9]+).*/\1/p' "$LOGS/$1/gsp.json" 2>/dev/null)
	left=$(sed -nE 's/.*"left": ([0-9]+).*/\1/p' "$LOGS/$1/gsp.json" 2>/dev/null)
	if [ "$violations" = 0 ]; then
		passed=$((passed + 1))
	else
		fail "$1: the processor reports ${violations:-nothing at all}"
		grep violation "$LOGS/$1/gsp.log" | head -n 10 >&2 || true
	fi
	if [ "$left" = 0 ] || [ "${2:-1}" = 0 ]; then
		passed=$((passed + 1))
	else
		fail "$1: ${left:-any number of} clients are left in the processor"
	fi
}

# nova_moment NAME NUMBER RULE [COMPLAINT]: the processor dies, or does not do what it has to, at just that moment; unbinding ends all the
# same. The driver complains of the firmware only as COMPLAINT says.
nova_moment() {
	# shellcheck disable=SC2016
	guest_tap "sample-nova-$1" --no-emu --gsp "--fault $3" --modules "kasync jobqueue" --carry nova_gsp --timeout 900 -- sh -c '
		insmod /mnt/rig/modules/nova_gsp.ko scenarios=0 moment='"$2"'
		driver=/sys/bus/pci/drivers/nova_gsp
		if ls $driver | grep -q :; then echo ok bound; else echo not ok bound; fi
		if rmmod nova_gsp jobqueue kasync; then echo ok unload; else echo not ok unload; fi
		if dmesg | grep "nova_gsp: the firmware does not" | grep -v "'"${4:-nothing}"'"; then echo not ok the firmware unloads; else echo ok the firmware unloads; fi
		dmesg | sed -nE "s/^.*nova_gsp: ((not )?ok .*)/\1/p"'
	nova_violations "sample-nova-$1"
}

# nova_storm [--v2] NAME RULE…: clients call for a while, with these faults, and unbinding ends it. The suite x86-nova-storms
# has a machine of its own.
nova_storm() {
	local rule rules='' honest=1 framing=0 name
	if [ "$1" = --v2 ]; then
		framing=2 rules='--framing v2 '
		shift
	fi
	name=${prefix:-}sample-nova-v$framing-$1
	[[ $1 != fuzz* ]] || honest=0
	shift
	for rule in "$@"; do
		rules+="--fault $rule "
	done
	# shellcheck disable=SC2016
	guest_tap "$name" "${arch_options[@]}" --no-emu --gsp "$rules" --modules "kasync jobqueue" --carry nova_gsp --timeout 900 -- sh -c '
		insmod /mnt/rig/modules/nova_gsp.ko scenarios=0 storm=10 honest='"$honest"' framing='"$framing"'
		driver=/sys/bus/pci/drivers/nova_gsp
		if ls $driver | grep -q :; then echo ok bound; else echo not ok bound; fi
		if rmmod nova_gsp jobqueue kasync; then echo ok unload; else echo not ok unload; fi
		'"$(sample_told nova_gsp)"
	nova_violations "$name" $honest
}

case $piece in
clients)
	# shellcheck disable=SC2016
	guest_tap sample-nova-clients --no-emu --gsp "" --modules "kasync jobqueue" --carry nova_gsp --timeout 900 -- sh -c '
		driver=/sys/bus/pci/drivers/nova_gsp
		told() { '"$(sample_told nova_gsp)"'; }
		insmod /mnt/rig/modules/nova_gsp.ko
		if ls $driver | grep -q :; then echo ok tried; else echo not ok tried; fi
		rmmod nova_gsp
		told
		dmesg -C
		insmod /mnt/rig/modules/nova_gsp.ko scenarios=0
		'"$(sample_rebound nova_gsp "$rounds" "nova_gsp: unbound with [1-9][0-9]* calls in flight")"'
		if rmmod nova_gsp jobqueue kasync; then echo ok unload; else echo not ok unload; fi
		told'
	nova_violations sample-nova-clients
	;;
moments)
	nova_moment dead 1 crash-boot:2
	nova_moment starting 2 slow:60
	nova_moment refused 3 refuse:8
	nova_moment event-storm 4 event-storm
	nova_moment silent 5 no-init
	nova_moment posted 6 posted:2000
	# A result that the driver knows nothing of, 0x56, is no word of a channel that has gone.
	nova_moment unknown-result 3 refuse:8:86
	nova_moment cut-fault 7 cut-fault:8:4
	nova_moment kept 8 refuse:4:86 "does not free a client"
	nova_moment stutter 9 stutter:4
	;;
core)
	# nova-core's own queue, from the source of the kernel, on the same processor. It logs each message.
	# shellcheck disable=SC2016
	ASAHI_NOVA=1 guest_tap sample-nova-core --no-emu --gsp "" --modules "nova_cmdq" --kernel-options log_buf_len=8M --timeout 900 -- sh -c '
		dmesg | sed -nE "s/^.*nova_cmdq: ((not )?ok .*)/\1/p" >/tmp/said
		cat /tmp/said
		line="own queue starts the processor, and asks it for its name"
		if grep -q "^ok .*$line" /tmp/said; then echo "ok said: $line"; else echo "not ok said: $line"; fi
		if dmesg | grep -q "nova_cmdq: figure: "; then echo ok figures; else echo not ok figures; fi
		if rmmod nova_cmdq; then echo ok unload; else echo not ok unload; fi'
	nova_violations sample-nova-core
	;;
v2)
	# The same by the framing of newer firmware.
	# shellcheck disable=SC2016
	guest_tap sample-nova-v2 --no-emu --gsp "--framing v2" --modules "kasync jobqueue" --carry nova_gsp --timeout 900 -- sh -c '
		driver=/sys/bus/pci/drivers/nova_gsp
		insmod /mnt/rig/modules/nova_gsp.ko framing=2
		if ls $driver | grep -q :; then echo ok bound; else echo not ok bound; fi
		if rmmod nova_gsp jobqueue kasync; then echo ok unload; else echo not ok unload; fi
		'"$(sample_told nova_gsp)"
	nova_violations sample-nova-v2
	;;
allocations)
	guest_tap sample-nova-allocations --no-emu --gsp "" --modules "kasync jobqueue" --carry nova_gsp --timeout 3600 -- \
		sh -c "insmod /mnt/rig/modules/nova_gsp.ko scenarios=0
		$(sample_allocations nova_gsp)
		if rmmod nova_gsp jobqueue kasync; then echo ok unload; else echo not ok unload; fi"
	nova_violations sample-nova-allocations
	guest_tap sample-nova-ends --gic2 --no-emu --gsp "" --modules "kasync jobqueue" --carry nova_gsp --timeout 1800 -- \
		sh -c "insmod /mnt/rig/modules/nova_gsp.ko scenarios=0
		$(sample_ends nova_gsp msi)
		if rmmod nova_gsp jobqueue kasync; then echo ok unload; else echo not ok unload; fi"
	nova_violations sample-nova-ends
	;;
killed)
	guest_tap sample-nova-killed --no-emu --gsp "" --modules "kasync jobqueue" --carry nova_gsp --timeout 1800 -- \
		sh -c "insmod /mnt/rig/modules/nova_gsp.ko scenarios=0
		$(sample_killed nova_gsp "$rounds" 40)
		if rmmod nova_gsp jobqueue kasync; then echo ok unload; else echo not ok unload; fi"
	nova_violations sample-nova-killed
	;;
storms-*)
	# Only the framing of old firmware has a checksum; lengths are what newer firmware may get wrong.
	framing='' broken=checksum
	[ "$piece" = storms-v0 ] || framing=--v2 broken=length
	for seed in $(seq "$seeds"); do
		nova_storm $framing "fuzz-$seed" "fuzz:$seed:40"
	done
	nova_storm $framing lost drop:40 drop:80 drop:90 lost-irq:20 lost-irq:60
	nova_storm $framing order reorder:50:8 twice:70 astray:90 delay:120:300 reorder:200:30
	nova_storm $framing dead crash:60 crash:300 poison:500:$broken poison:700:pointer sequencer
	nova_storm $framing broken poison:100:short poison:200:signature poison:300:pages poison:400:$broken
	nova_storm $framing slow slow:2 event-flood:40:2000
	;;
esac
