# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# What suites of sample drivers share.

# sample_told DRIVERS: what a guest's shell runs to print as TAP what drivers have said of themselves, each line once, and how often. More
# than one name is NAME|NAME.
sample_told() {
	printf 'dmesg | sed -nE "s/^.*(%s): ((not )?ok .*)/\\2/p" | sort | uniq -c | %s\n' "$1" \
		'sed -E "s/^ *([0-9]+) ((not )?ok) (.*)/\2 \4 (\1 times)/"'
}

# sample_rebound DRIVER ROUNDS [BUSY]: what a guest's shell runs to unbind and bind the device of a driver, again and again. With BUSY, that
# is a line of its log whenever it was at work then. Whether it is depends on how soon the shell has its turn, so this goes on until more
# than half of ROUNDS have found it so, up to ten times ROUNDS.
sample_rebound() {
	printf "driver=/sys/bus/pci/drivers/%s rounds=%s busy='%s'\n" "$1" "$2" "${3:-}"
	cat <<'T'
	device=$(ls $driver | grep -m 1 :)
	if [ -n "$device" ]; then echo ok bound; else echo not ok bound; fi
	found_busy() { dmesg | grep -c "$busy"; }
	i=0
	while [ $i -lt $rounds ] || { [ -n "$busy" ] && [ $(found_busy) -le $((rounds / 2)) ] && [ $i -lt $((10 * rounds)) ]; }; do
		i=$((i + 1))
		echo $device >$driver/unbind && [ ! -e $driver/$device ] || echo not ok unbind $i
		echo $device >$driver/bind && [ -e $driver/$device ] || echo not ok bind $i
	done
	if [ -n "$busy" ]; then
		count=$(found_busy)
		if [ $count -gt $((rounds / 2)) ]; then echo "ok busy in $count of $i rounds"; else echo "not ok busy in $count of $i rounds"; fi
	fi
T
}

# sample_marked: what a guest's shell runs so that allocations from marked caches fail, and those of pages, of which memory for DMA is, when
# failures are asked for.
#
# Entries of /proc are left out: an interrupt's are made by register_irq_proc(), which does not look whether they are there, and removed
# by unregister_irq_proc(), which warns of those that are not. So are nodes of radix trees: irq_domain_set_mapping() does not look
# whether it had one, and an interrupt that it has lost is one that nobody knows. So each other cache is marked.
sample_marked() {
	cat <<'T'
	for cache in /sys/kernel/slab/*; do
		case $cache in
		*/proc_dir_entry | */radix_tree_node) echo 0 >$cache/failslab || echo "not ok left out: $cache" ;;
		*) echo 1 >$cache/failslab || echo "not ok marked: $cache" ;;
		esac
	done
	echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
	echo 0 >/sys/kernel/debug/failslab/verbose
	pages=/sys/kernel/debug/fail_page_alloc
	if [ -d $pages ]; then
		echo N >$pages/ignore-gfp-wait
		echo 0 >$pages/min-order
		echo 0 >$pages/verbose
	fi
T
}

# sample_allocations DRIVER: what a guest's shell runs to bind the device of a driver again and again, each time with the next of the
# allocations failing that the binding thread makes, until there are no more. The thread is told what was not to be had, or the driver
# does without; and binding at once succeeds. The device is bound before and afterwards.
sample_allocations() {
	sample_marked
	printf 'driver=/sys/bus/pci/drivers/%s\n' "$1"
	cat <<'T'
	device=$(ls $driver | grep -m 1 :)
	echo Y >/sys/kernel/debug/failslab/cache-filter
	n=0 failed=0 wrong=0 again=0 left=
	echo $device >$driver/unbind
	while [ $n -lt 5000 ]; do
		n=$((n + 1))
		# In one process, whose allocations are counted. It says how many are left, if it gets that far.
		left=$(bash -c "echo $n >/proc/self/fail-nth; echo $device >$driver/bind; read left </proc/self/fail-nth
			echo 0 >/proc/self/fail-nth; echo \$left" 2>/tmp/said)
		if [ -e $driver/$device ]; then
			# 0: one has failed, and the driver did without. Nothing: one has failed that came after.
			[ "${left:-0}" = 0 ] || break
		else
			failed=$((failed + 1))
			# Where the kernel does not say why: a region that pci_request_region() has no memory for is busy, and of a vector that is not
			# had pci_alloc_irq_vectors() says that there is no space.
			grep -qE "Cannot allocate memory|Device or resource busy|No space left on device" /tmp/said || {
				wrong=$((wrong + 1))
				echo "# allocation $n: $(cat /tmp/said)"
			}
			echo $device >$driver/bind || again=$((again + 1))
		fi
		[ ! -e $driver/$device ] || echo $device >$driver/unbind
	done
	echo N >/sys/kernel/debug/failslab/cache-filter
	if [ $failed -gt 10 ] && [ $n -lt 5000 ]; then
		echo "ok each of $n allocations fails once, $failed end the binding"
	else
		echo "not ok allocations: $n tried, $failed ended the binding"
	fi
	if [ $wrong = 0 ]; then echo ok each says what was not to be had; else echo "not ok $wrong times another error"; fi
	if [ $again = 0 ]; then echo ok each time binding at once succeeds; else echo "not ok $again times it fails again"; fi
T
}

# sample_ends DRIVER [MSI]: what a guest's shell runs to unbind the device of a driver again and again, each time with the next of the
# allocations failing that the unbinding thread makes, until there are no more. An unbinding has no way to fail: the driver must not
# say more often than before that something is not ok, or does not do what it has to. The device is bound before and afterwards. Without
# MSI it has none meanwhile: its_msi_teardown() of the kernel, which a GICv3 has, warns of the want of memory.
sample_ends() {
	sample_marked
	printf 'driver=/sys/bus/pci/drivers/%s name=%s msi=%s\n' "$1" "$1" "${2:-}"
	cat <<'T'
	complaints() {
		dmesg | grep -cE "$name: (not ok|.* does not )"
	}
	device=$(ls $driver | grep -m 1 :)
	echo $device >$driver/unbind
	[ -n "$msi" ] || echo 0 >/sys/bus/pci/devices/$device/msi_bus
	echo $device >$driver/bind
	echo Y >/sys/kernel/debug/failslab/cache-filter
	n=0 left=0 before=$(complaints)
	while [ "${left:-0}" = 0 ] && [ $n -lt 1000 ]; do
		n=$((n + 1))
		left=$(bash -c "echo $n >/proc/self/fail-nth; echo $device >$driver/unbind; read left </proc/self/fail-nth
			echo 0 >/proc/self/fail-nth; echo \$left" 2>/tmp/said)
		if [ ! -e $driver/$device ]; then
			echo $device >$driver/bind || echo not ok binding after unbinding $n
		# The write itself needs memory before the driver is told.
		elif ! grep -q "Cannot allocate memory" /tmp/said; then
			echo "not ok unbinding with allocation $n: $(cat /tmp/said)"
		fi
	done
	echo N >/sys/kernel/debug/failslab/cache-filter
	if [ $n -gt 1 ] && [ $n -lt 1000 ] && [ "$(complaints)" = "$before" ]; then
		echo "ok each of $n allocations of the unbinding fails once, and it ends all"
	else
		echo "not ok allocations of the unbinding: $n tried, $(($(complaints) - before)) complaints"
		dmesg | grep -E "$name: (not ok|.* does not )" | tail -n 3 | sed "s/^/# /"
	fi
T
}

# sample_killed DRIVER ROUNDS SPAN: what a guest's shell runs to have processes bind and unbind the device of a driver, and to kill each
# at a random moment of the first SPAN hundredths of a second. What a killed one has begun is done or undone as a whole: the device is
# bound or it is not, and binding it then succeeds.
sample_killed() {
	printf 'driver=/sys/bus/pci/drivers/%s rounds=%s span=%s\n' "$@"
	cat <<'T'
	device=$(ls $driver | grep -m 1 :)
	mkfifo /tmp/never
	exec 9<>/tmp/never
	killed=0 gone=0 undone=0 again=0
	for i in $(seq $rounds); do
		for what in unbind bind; do
			hundredths=$((RANDOM % span))
			(echo $device >$driver/$what) 2>/dev/null &
			process=$!
			# Without a process, whose start takes longer than what is to be interrupted.
			read -r -t $((hundredths / 100)).$((hundredths / 10 % 10))$((hundredths % 10)) -u 9
			kill -KILL $process 2>/dev/null
			wait $process
			[ $? != 137 ] || killed=$((killed + 1))
			[ -e $driver/$device ] || gone=$((gone + 1))
		done
		[ -e $driver/$device ] || {
			undone=$((undone + 1))
			echo $device >$driver/bind || again=$((again + 1))
		}
	done
	if [ $killed -gt $((rounds / 5)) ] && [ $gone -gt $((rounds / 5)) ]; then
		echo "ok $killed processes are killed, of $((2 * rounds)); $undone times the device is not bound afterwards"
	else
		echo "not ok of $((2 * rounds)) processes $killed are killed, and $gone times the device is gone"
	fi
	if [ $again = 0 ]; then echo ok each time binding succeeds; else echo "not ok binding fails $again times"; fi
T
}
