# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: disk slow failing gone small unanswered cut-off outside allocations io-allocations long-1 long-2 long-3 long-4 long-5 long-6 long-7 long-8 long-9 long-10
#
# The executor under a driver for disks: samples/rust/nvme_async on QEMU's nvme. Data is verified while processes are killed,
# interrupted, and the controller is reset; disks are slow and fail; the driver is unbound under load. The long pieces are 10 GiB
# together.
# shellcheck disable=SC2154
# The suite x86-nvme-… runs this with programs and options of its own.
[ "$TIER" = all ] && rounds=100 mib=1024 || rounds=5 mib=32
share=${share:-$programs}
image=$share/nvme-$piece.img
rm -f "$image"
truncate -s 1G "$image"

# nvme NAME DRIVE COMMAND [OPTION…]: a machine with the disk, in which COMMAND runs as a shell's. What the driver has said comes last: why
# a controller is given up, which its clients know as ENODEV only. $properties are more of the disk's.
nvme() {
	local name=${prefix:-}sample-nvme-$1 drive=$2 command=$3
	command+=$'\n''		dmesg | sed -n "s/^.*nvme_async: /# nvme_async: /p" | tail -n 40'
	shift 3
	guest_tap "$name" "${arch_options[@]}" --no-emu --device "nvme,id=nvme0,serial=async,drive=disk${properties:-}" --drive "id=disk,$drive" --share "$share" \
		--modules "kasync nvme_async" "$@" -- sh -c "$command"
}

case $piece in
disk)
	nvme disk "format=raw,file=$image" '
		nvme=/mnt/share/nvme driver=/sys/bus/pci/drivers/nvme_async
		$nvme limits
		$nvme resets
		$nvme events
		# A client has the device warn as often as it pleases, which the log does not repeat each time.
		said() { dmesg | grep -c "nvme_async: event "; }
		lines=$(said) begin=$SECONDS
		$nvme warnings
		lines=$(($(said) - lines)) most=$(((SECONDS - begin) / 10 + 2))
		if [ $lines -le $most ]; then echo "ok $lines lines of them"; else echo "not ok $lines lines of them, not $most"; fi
		$nvme stress 4 '"$mib"'
		$nvme stress 4 '"$mib"' kill signal reset
		$nvme info
		# Interrupts of the disk that a processor has had.
		had() { awk "/nvme_async/ { sum += \$($1 + 2) } END { print sum + 0 }" /proc/interrupts; }
		for cpu in 0 1; do
			here=$(had $cpu) there=$(had $((1 - cpu)))
			taskset -c $cpu dd if=/dev/nvme_async0 of=/dev/null bs=4k count=500 2>/dev/null || echo not ok read on processor $cpu
			here=$(($(had $cpu) - here)) there=$(($(had $((1 - cpu))) - there))
			if [ $here -gt 100 ] && [ $there -lt 20 ]; then
				echo "ok interrupts come to processor $cpu, which has asked: $here, $there to the other"
			else
				echo "not ok processor $cpu has asked, and has had $here interrupts, and the other $there"
			fi
		done
		device=$(ls $driver | grep -m 1 :)
		$nvme held $device
		for i in $(seq '"$rounds"'); do
			file=$(echo /dev/nvme_async*)
			dd if=$file of=/dev/null bs=256k 2>/dev/null & a=$!
			dd if=/dev/zero of=$file bs=64k conv=nocreat 2>/dev/null & b=$!
			dd if=$file of=/dev/null bs=4k 2>/dev/null & c=$!
			sleep 0.$((i % 3))
			echo $device >$driver/unbind
			if wait $a || wait $b || wait $c; then echo not ok a reader of a disk that is gone; fi
			echo $device >$driver/bind || echo not ok bind $i
		done
		echo ok unbound under load '"$rounds"' times
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi
		if dmesg | grep "nvme_async: .*\(does not\|takes too long\|has completed\|not deleted\|no more\)"; then
			echo not ok the driver does not complain
		else
			echo ok the driver does not complain
		fi' \
		--timeout 1800
	;;
slow)
	# A disk on which a read takes three seconds: much more than a process takes to die.
	nvme slow "driver=null-co,size=1G,read-zeroes=on,latency-ns=3000000000" '/mnt/share/nvme killed
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi'
	;;
failing)
	nvme failing \
		"driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename=$image,$(
		)file.inject-error.0.event=read_aio,file.inject-error.0.errno=5,file.inject-error.0.sector=800,$(
		)file.inject-error.1.event=write_aio,file.inject-error.1.errno=5,file.inject-error.1.sector=1600,$(
		)file.inject-error.2.event=flush_to_disk,file.inject-error.2.errno=5" \
		'/mnt/share/nvme failing
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi'
	;;
gone)
	# A disk that is taken out while it is read.
	nvme gone "driver=null-co,size=1G,read-zeroes=on,latency-ns=100000" '
		driver=/sys/bus/pci/drivers/nvme_async
		/mnt/share/nvme gone $(ls $driver | grep -m 1 :)
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi'
	;;
small)
	# Its queues for I/O have two entries, and so one command at a time. The admin queue has as many as with any other disk: the request for
	# events stays in one of them.
	properties=,mqes=1 nvme small "format=raw,file=$image" '
		driver=/sys/bus/pci/drivers/nvme_async
		device=$(ls $driver | grep -m 1 :)
		if [ -n "$device" ]; then echo ok bound; else echo not ok bound; fi
		/mnt/share/nvme events
		/mnt/share/nvme stress 4 4 kill reset
		if echo $device >$driver/unbind && [ ! -e $driver/$device ]; then echo ok unbound; else echo not ok unbound; fi
		if echo $device >$driver/bind && [ -e $driver/$device ]; then echo ok bound again; else echo not ok bound again; fi
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi
		if dmesg | grep "nvme_async: .*\(does not\|takes too long\|not deleted\|no more\)"; then
			echo not ok the driver does not complain
		else
			echo ok the driver does not complain
		fi' --timeout 400
	;;
unanswered)
	# A disk that never answers some reads, however often it is reset. Commands may take five seconds in place of thirty.
	nvme unanswered "driver=null-co,size=1G,read-zeroes=on" 'insmod /mnt/rig/modules/nvme_async.ko command_limit=5
		/mnt/share/nvme unanswered
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi' \
		--modules kasync --carry nvme_async --qmp
	;;
cut-off)
	# A disk that may not access memory: it is reset, does not come up, and has been said to be given up when it is unbound.
	nvme cut-off "driver=null-co,size=1G,read-zeroes=on" '
		driver=/sys/bus/pci/drivers/nvme_async
		device=$(ls $driver | grep -m 1 :)
		printf "\002" | dd of=/sys/bus/pci/devices/$device/config bs=1 seek=4 conv=notrunc 2>/dev/null || echo not ok cut off
		/mnt/share/nvme lost
		dmesg | grep -c "nvme_async: " >/tmp/before
		if echo $device >$driver/unbind && [ ! -e $driver/$device ]; then echo ok unbound; else echo not ok unbound; fi
		if [ "$(dmesg | grep -c "nvme_async: ")" = "$(cat /tmp/before)" ]; then
			echo ok no more is said of it
		else
			echo not ok no more is said of it
		fi
		if echo $device >$driver/bind && [ -e $driver/$device ]; then echo ok bound again; else echo not ok bound again; fi
		if [ "$(dd if=/dev/nvme_async0 bs=4k count=100 2>/dev/null | wc -c)" = 409600 ]; then echo ok read; else echo not ok read; fi
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi'
	;;
outside)
	# Its health gets worse, and it hangs, as QEMU's monitor says.
	nvme outside "format=raw,file=$image" '/mnt/share/nvme monitored
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi' --qmp
	;;
allocations)
	# shellcheck source=tools/tests/lib/samples.sh
	. "$here/lib/samples.sh"
	nvme allocations "format=raw,file=$image" "$(sample_allocations nvme_async)
		/mnt/share/nvme stress 4 8 kill reset
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi" --timeout 3600
	nvme ends "format=raw,file=$image" "$(sample_ends nvme_async msi)
		/mnt/share/nvme stress 4 8 kill reset
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi" --gic2 --timeout 1800
	;;
io-allocations)
	nvme io-allocations "format=raw,file=$image" '/mnt/share/nvme allocations
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi' --timeout 900
	;;
long-*)
	# Checkers make operations so long that few of them are over before the next signal.
	nvme "$piece" "format=raw,file=$image" "/mnt/share/nvme stress 8 $mib kill signal reset"'
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi' --plain-kernel --timeout 3600
	;;
esac
rm -f "$image"
