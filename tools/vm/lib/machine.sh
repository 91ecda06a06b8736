# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The virtual machine: QEMU, the emulator, and what both share.

# QEMU's "virt" has its memory here.
MEMORY_BASE=$((0x40000000))
# The boot loader's regions, from the end of memory downwards, with the sizes that they have at least.
REGIONS="uat-ttbs:0x4000 uat-pagetables:0x400000 uat-handoff:0x4000 hw-cal-a:0x8000 hw-cal-b:0x4000 globals:0x18000"

# What in the kernel's log is a complaint; of KCSAN's reports those that kcsan.awk lets pass.
COMPLAINTS='WARNING: |BUG: |BUG [^ ]+ \(|KASAN: |Kernel panic|Internal error: |Oops|possible recursive locking|possible circular locking|inconsistent lock state|suspicious RCU usage|CFI failure|INFO: task .* blocked|rcu: INFO: .* stall|kmemleak: unreferenced|new suspected memory leaks|kmemleak: .*disabled|refcount_t: |pagealloc: memory corruption|UBSAN: |ODEBUG: |scheduling while atomic|sleeping function called|irq [0-9]+: nobody cared|hogged CPU for |pagealloc: single bit error|DMA-API: (debugging out of memory|cacheline tracking ENOMEM)'

DEFAULT_MODULES="kasync jobqueue agxemu_bridge asahi"

parse_options() {
	FLAVOUR_WANTED=plain SHARE='' EMU_OPTIONS='' PLUGIN='' DEVICES=() DRIVES=() WITH_EMU=1 ICOUNT='' TIMEOUT='' LOG_DIR='' PROCESSORS=2
	MEMORY_MIB=2048 MODULES=$DEFAULT_MODULES CARRIED='' GPU_MAY_FAIL='' KERNEL_OPTIONS='' GSP='' GSP_OPTIONS=''
	CAPTURE='' GRAPHICS='' QEMU_MACHINE="virt,gic-version=3,its=on" NO_MAP='' PORTS=() GUEST_ARCH=arm64 KERNEL_BUILD='' OWN_MODULES=''
	CHIP=${ASAHI_CHIP:-t8103} FIRMWARE=${ASAHI_FIRMWARE:-13.5} CORES='' OTHER_IMAGE='' QMP='' MOUNTED=''
	COMMAND=()
	while [ $# -gt 0 ]; do
		case $1 in
		--plain-kernel) FLAVOUR_WANTED=plain ;;
		--inline-kernel) FLAVOUR_WANTED=inline ;;
		--debug-kernel) FLAVOUR_WANTED=debug ;;
		--kcsan-kernel) FLAVOUR_WANTED=kcsan ;;
		--checks-kernel) FLAVOUR_WANTED=checks ;;
		--rt-kernel) FLAVOUR_WANTED=rt ;;
		--no-emu) WITH_EMU= ;;
		--no-modules) MODULES= ;;
		--icount) ICOUNT=shift=0,sleep=off ;;
		--icount-sleep) ICOUNT=shift=0,sleep=on ;;
		--gpu-may-fail) GPU_MAY_FAIL=1 ;;
		--graphics) GRAPHICS=1 ;;
		--qmp) QMP=1 ;;
		--gic2) QEMU_MACHINE="virt,gic-version=2" ;;
		--capture)
			[ $# -gt 1 ] || die "$1 needs a value"
			CAPTURE=$(realpath -m "$2")
			shift
			;;
		--arch)
			[ $# -gt 1 ] || die "$1 needs a value"
			GUEST_ARCH=$2
			shift
			;;
		--share | --chip | --firmware | --cores | --emu | --gsp | --plugin | --device | --drive | --modules | --carry | --timeout | --log | --processors | --memory | --kernel-options | --no-map | --port | --kernel | --image)
			[ $# -gt 1 ] || die "$1 needs a value"
			case $1 in
			--share) SHARE=$(realpath "$2") ;;
			--chip) CHIP=$2 ;;
			--firmware) FIRMWARE=$2 ;;
			--cores) CORES=$2 ;;
			--emu) EMU_OPTIONS=$2 ;;
			--gsp) GSP=1 GSP_OPTIONS=$2 ;;
			--plugin) PLUGIN=$2 ;;
			--device) DEVICES+=(-device "$2") ;;
			--drive) DRIVES+=(-drive "if=none,$2") ;;
			--modules) MODULES=$2 ;;
			--carry) CARRIED=$2 ;;
			--timeout) TIMEOUT=$2 ;;
			--processors) PROCESSORS=$2 ;;
			--memory) MEMORY_MIB=$2 ;;
			--no-map) NO_MAP=$2 ;;
			--kernel-options) KERNEL_OPTIONS+="${KERNEL_OPTIONS:+ }$2" ;;
			--kernel) KERNEL_BUILD=$(realpath "$2") ;;
			--port) PORTS+=("$2") ;;
			--image) OTHER_IMAGE=$(realpath "$2") ;;
			--log) LOG_DIR=$(realpath -m "$2") ;;
			esac
			shift
			;;
		--)
			shift
			COMMAND=("$@")
			break
			;;
		*) die "unknown option $1 (\"vm help\" lists them)" ;;
		esac
		shift
	done
	case $GUEST_ARCH in
	arm64) ;;
	x86_64)
		# The one kernel has some checkers, and does for those who want few and who want all.
		[ "$FLAVOUR_WANTED" != kcsan ] || die "--arch x86_64: there is no kernel with KCSAN"
		[ "$FLAVOUR_WANTED" != rt ] || die "--arch x86_64: there is no kernel with PREEMPT_RT"
		[ -z "$CAPTURE$GRAPHICS$NO_MAP$EMU_OPTIONS" ] || die "--arch x86_64: there is no emulated GPU"
		FLAVOUR_WANTED=x86 WITH_EMU=
		[ "$MODULES" != "$DEFAULT_MODULES" ] || MODULES="kasync jobqueue"
		;;
	*) die "--arch: there are arm64 and x86_64" ;;
	esac
	# shellcheck disable=SC2153
	check_chip "$CHIP" "$FIRMWARE"
	GPU_NAME=$(chip_gpu "$CHIP")
	whole_number --processors "$PROCESSORS"
	whole_number --memory "$MEMORY_MIB"
	[ -z "$KERNEL_BUILD" ] || plain_path --kernel "$KERNEL_BUILD"
	[ -z "$OTHER_IMAGE" ] || plain_path --image "$OTHER_IMAGE"
	[ -z "$OTHER_IMAGE" ] || [ -f "$OTHER_IMAGE" ] || die "--image: no file $OTHER_IMAGE"
	[ -z "$TIMEOUT" ] || whole_number --timeout "$TIMEOUT"
	[ -z "$SHARE" ] || [ -d "$SHARE" ] || die "--share: no directory $SHARE"
	[[ $SHARE != *[,$'\n']* ]] || die "--share: QEMU's options have no directory with a comma or a line break in its name"
	if [ -n "$CAPTURE" ]; then
		[ -n "$WITH_EMU" ] || die "--capture: there is no emulator"
		capture_directory
	fi
	# Its KASAN has the tags of memory that the processor knows.
	[ "$FLAVOUR_WANTED" != rt ] || QEMU_MACHINE+=",mte=on"
	if [ -z "$TIMEOUT" ]; then
		TIMEOUT=120
		[ "$FLAVOUR_WANTED" = plain ] || TIMEOUT=600
	fi
}

# Makes the directory of captures, before anything is built. It is mounted in the toolchain root where it is outside, so it cannot be what
# that root is made of.
capture_directory() {
	local why probe
	case $CAPTURE in
	*$'\n'*) die "--capture: a directory with a line break in its name" ;;
	/ | /usr | /usr/bin | /usr/lib | /usr/sbin | /bin | /etc | /lib | /lib64 | /sbin | /proc | /proc/* | /sys | /sys/* | /dev | /dev/*)
		die "--capture: $CAPTURE is the system's own directory"
		;;
	esac
	why=$(mkdir -p "$CAPTURE" 2>&1) || die "--capture: ${why#mkdir: }"
	probe=$(mktemp -d "$CAPTURE/.probe.XXXXXX" 2>&1) || die "--capture: ${probe#mktemp: }"
	rmdir "$probe"
}

# Everything that the machine is made of; nothing is left to build once it runs.
machine_prepare() {
	ROOT=$(toolchain)
	OWN_KERNEL=$KERNEL_BUILD
	if [ -n "$KERNEL_BUILD" ]; then
		[ -e "$KERNEL_BUILD/$(kernel_image "$FLAVOUR_WANTED")" ] || die "--kernel: nothing is built in $KERNEL_BUILD"
	else
		KERNEL_BUILD=$(kernel "$FLAVOUR_WANTED")/build
		OWN_MODULES=1
	fi
	if [ "$GUEST_ARCH" = x86_64 ]; then
		IMAGE=$(guest_x86_image)
		QEMU_ROOT=$(qemu_x86)
	else
		IMAGE=$(guest_image)
		QEMU_ROOT=$ROOT
	fi
	[ -z "$OTHER_IMAGE" ] || IMAGE=$OTHER_IMAGE
	# What QEMU has beside the checkout and the cache, where it is outside.
	MOUNTED=$(printf '%s\n' ${SHARE:+"$SHARE"} ${OTHER_IMAGE:+"$OTHER_IMAGE"} ${OWN_KERNEL:+"$OWN_KERNEL"})
	[ -z "$GRAPHICS" ] || GRAPHICS_IMAGE=$(graphics_image)
	# The tests have built these once for all machines.
	if [ -z "$OWN_MODULES" ]; then
		MODULE_DIR=$KERNEL_BUILD/drivers/async EMULATOR=$REPO/build/agxemu
		[ -z "$WITH_EMU$GSP" ] || [ -n "${ASAHI_BUILT:-}" ] || EMULATOR=$(emulator)
	elif [ -n "${ASAHI_BUILT:-}" ] && [[ $FLAVOUR_WANTED = plain || $FLAVOUR_WANTED = debug ]]; then
		MODULE_DIR=$REPO/build/modules-$FLAVOUR_WANTED EMULATOR=$REPO/build/agxemu
	else
		# tools/bench/between runs modules of other commits.
		MODULE_DIR=${ASAHI_MODULES:-$(modules "$FLAVOUR_WANTED")}
		if [ -n "$WITH_EMU" ]; then
			EMULATOR=$(emulator)
		elif [ -n "$GSP" ]; then
			EMULATOR=$(emulator gspemu)
		fi
	fi

	mkdir -p "$CACHE/run"
	RUN=$(mktemp -d "$CACHE/run/vm.XXXXXX")
	trap machine_cleanup EXIT
	mkdir "$RUN/rig" "$RUN/rig/modules"
	cp "$REPO/tools/vm/guest/boot" "$RUN/rig/boot"
	local module file
	for module in $MODULES $CARRIED; do
		file=$MODULE_DIR/$module.ko
		[ -e "$file" ] || file=$(find "$KERNEL_BUILD"/{drivers,fs} -name "$module.ko" -print -quit)
		[ -n "$file" ] || die "no module $module"
		cp "$file" "$RUN/rig/modules/"
	done
	PREPARED=1
}

# Ends all processes of this shell. One that has just been started does not hear a signal until it runs its own program, and a signal to
# this shell may come before it has the number of one that it starts.
end_children() {
	local pids left=100 signal=TERM
	while mapfile -t pids < <(jobs -pr) && [ ${#pids[@]} != 0 ]; do
		[ $((left -= 1)) -gt 0 ] || signal=KILL
		kill -s $signal "${pids[@]}" 2>/dev/null || true
		timeout 0.2 tail --pid="${pids[0]}" -f /dev/null || true
	done
	wait 2>/dev/null || true
}

# machine_exit STATUS: what the machine is judged by. A script that ends otherwise has failed itself.
machine_exit() {
	JUDGED=1
	exit "$1"
}

machine_cleanup() {
	local status=$?
	trap - EXIT
	if [ -z "${PREPARED:-}" ]; then
		[ $status != 1 ] || status=122
	elif [ -z "${JUDGED:-}" ] && [ $status -lt 128 ]; then
		say "error: a command of the runner's own has failed (status $status)"
		status=127
	fi
	end_children
	[ -z "${TERMINAL:-}" ] || stty "$TERMINAL" <&3 || true
	if [ -n "$LOG_DIR" ]; then
		mkdir -p "$LOG_DIR"
		cp "$RUN"/console.log "$RUN"/{emulator.log,emulator.out,stats.json,gsp.log,gsp.out,gsp.json} "$LOG_DIR/" 2>/dev/null || true
	fi
	rm -rf "$RUN"
	[ -z "${INTERRUPTED:-}" ] || end_interrupted
	exit "$status"
}

# QEMU's own device tree with the boot loader's regions, which have to be in the tree that the kernel boots
# with.
machine_tree() {
	local region size at=$((MEMORY_BASE + MEMORY_MIB * 1024 * 1024)) nodes='' more
	EMULATOR_REGIONS=()
	for region in $REGIONS; do
		size=$((${region#*:}))
		at=$((at - size))
		more=
		[ "${region%:*}" != "$NO_MAP" ] || more='no-map;'
		nodes+=$(printf '%s@%x { reg = <0x%x 0x%x 0 0x%x>; %s };' "${region%:*}" $at $((at >> 32)) $((at & 0xffffffff)) $size "$more")
		EMULATOR_REGIONS+=(--region "$(printf '%s=0x%x,0x%x' "${region%:*}" $at $size)")
	done
	in_root "$ROOT" qemu-system-aarch64 -M "$QEMU_MACHINE,dumpdtb=$RUN/qemu.dtb" \
		-cpu max -smp "$1" -m "$MEMORY_MIB" -display none 2>"$RUN/tree.log" || {
		cat "$RUN/tree.log" >&2
		return 1
	}
	in_root "$ROOT" dtc -q -I dtb -O dts -o "$RUN/tree.dts" "$RUN/qemu.dtb"
	printf '/ { reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; %s }; };\n' \
		"$nodes" >>"$RUN/tree.dts"
	in_root "$ROOT" dtc -q -I dts -O dtb -o "$RUN/tree.dtb" "$RUN/tree.dts"
}

machine_start_emulator() {
	# shellcheck disable=SC2086
	ASAHI_MOUNT=$CAPTURE exec_in_root "$ROOT" "$EMULATOR" --socket "$RUN/socket" --chip "$CHIP" --firmware "$FIRMWARE" \
		${CORES:+--cores "$CORES"} \
		"${EMULATOR_REGIONS[@]}" --log "$RUN/emulator.log" --stats "$RUN/stats.json" \
		${CAPTURE:+--capture "$CAPTURE"} $EMU_OPTIONS >"$RUN/emulator.out" 2>&1 &
	EMULATOR_PID=$!
	machine_await_socket $EMULATOR_PID "$RUN/socket" "$RUN/emulator.out"
}

# The other emulator, that of a GSP.
machine_start_gsp() {
	# shellcheck disable=SC2086
	exec_in_root "$ROOT" "${EMULATOR%/*}/gspemu" --socket "$RUN/gsp.socket" --log "$RUN/gsp.log" --stats "$RUN/gsp.json" \
		$GSP_OPTIONS >"$RUN/gsp.out" 2>&1 &
	GSP_PID=$!
	machine_await_socket $GSP_PID "$RUN/gsp.socket" "$RUN/gsp.out"
}

# machine_await_socket PID SOCKET OUTPUT
machine_await_socket() {
	local left=3000
	until [ -S "$2" ]; do
		if ! kill -0 "$1" 2>/dev/null || [ $((left -= 1)) = 0 ]; then
			say "error: the emulator does not start:"
			cat "$3" >&2
			machine_exit 127
		fi
		await 0.1 "$1" || true
	done
}

# How long an emulator has to end, when QEMU has hung up.
PATIENCE=120

# machine_end_emulators: they end when QEMU hangs up, and write their statistics and what is left of captures then. False if one does not,
# or not well.
machine_end_emulators() {
	local failed=0
	if [ -n "${GSP_PID:-}" ]; then
		machine_end "the GSP's emulator" "$GSP_PID" "$PATIENCE" "$RUN/gsp.out" || failed=1
		GSP_PID=
	fi
	[ -n "${EMULATOR_PID:-}" ] || return $failed
	# What is left of captures may be much.
	[ -z "$CAPTURE" ] || PATIENCE=600
	machine_end "the emulator" "$EMULATOR_PID" "$PATIENCE" "$RUN/emulator.out" || failed=1
	EMULATOR_PID=
	if [ -n "$CAPTURE" ]; then
		grep -E '^agxemu: (the captures|[0-9]+ of [0-9]+ captures)' "$RUN/emulator.out" >&2 || true
		[ $failed = 0 ] || say "error: the captures in $CAPTURE are not complete"
	fi
	return $failed
}

# machine_end NAME PID SECONDS OUTPUT
machine_end() {
	local status=0
	if await "$3" "$2"; then
		wait "$2" || status=$?
		[ $status != 0 ] || return 0
		say "error: $1 ended with status $status. The end of what it has said:"
	else
		say "error: $1 does not end by itself in $3 s, and is stopped. The end of what it has said:"
		kill "$2" 2>/dev/null || true
		await 10 "$2" || kill -KILL "$2" 2>/dev/null || true
	fi
	tail -n 20 "$4" >&2
	return 1
}

# machine_command INTERACTIVE: sets QEMU to the command line.
machine_command() {
	local processors=$PROCESSORS
	[ -z "$ICOUNT" ] || processors=1
	local gpu=
	[ -z "$WITH_EMU" ] || [ -n "$GPU_MAY_FAIL" ] || [[ " $MODULES " != *" asahi "* ]] || gpu=1
	printf 'SHARE=%s\nINTERACTIVE=%s\nMODULES="%s"\nGPU=%s\n' "${SHARE:+1}" "$1" "$MODULES" "$gpu" >"$RUN/rig/options"
	printf 'export ASAHI_%s="%s"\n' CHIP "$CHIP" FIRMWARE "$FIRMWARE" GPU "$GPU_NAME" >>"$RUN/rig/options"
	printf '%q ' "${COMMAND[@]}" >"$RUN/rig/command"
	local console=ttyAMA0 emulated root=vda
	# Devices are probed, removed and probed again, and the first disk's name is still in use then.
	[ "$FLAVOUR_WANTED" != checks ] || root=vdb
	if [ "$GUEST_ARCH" = x86_64 ]; then
		console=ttyS0
		emulated=(qemu-system-x86_64 -M q35 -cpu max)
	else
		machine_tree "$processors"
		emulated=(qemu-system-aarch64 -M "$QEMU_MACHINE" -cpu max -dtb "$RUN/tree.dtb")
	fi
	# Linux 7.3's own rust_spinlock_irq_condvar expects a lock to disable interrupts, which it does not on PREEMPT_RT, and examples of its
	# Rust (rust_doctests_kernel) have timers on their stack, of which debug objects are not told and KASAN makes reports. They run at
	# boot, and a pattern is all that the kernel has to choose: it names what is to run, so it cannot leave out some of a suite's tests.
	# So none of the kernel's own examples are run: "ru" is how suites of Linux's Rust begin. A pattern that is given wins.
	if [[ $FLAVOUR_WANTED = rt || $FLAVOUR_WANTED = checks ]] && [[ $KERNEL_OPTIONS != *kunit.filter_glob=* ]]; then
		KERNEL_OPTIONS+="${KERNEL_OPTIONS:+ }kunit.filter_glob=?[!u]*"
	fi
	# A worker's time of 10 ms at a stretch is too much on a processor. This kernel takes about 5 times as long for its checkers, on
	# a processor that is emulated and shared, which is 20 times as slow: 1 s, the most that the kernel itself ever takes. The kernel
	# looks at workers that are bound to a processor, so not at those of kasync: suite checks-polls does.
	[ "$FLAVOUR_WANTED" != checks ] || KERNEL_OPTIONS+="${KERNEL_OPTIONS:+ }workqueue.cpu_intensive_thresh_us=1000000"
	# A processor that its host does not run for the kernel's 21 s has not stalled by itself.
	KERNEL_OPTIONS="rcupdate.rcu_cpu_stall_timeout=60${KERNEL_OPTIONS:+ $KERNEL_OPTIONS}"
	[ -z "$WITH_EMU" ] || machine_start_emulator
	[ -z "$GSP" ] || machine_start_gsp

	QEMU=("${emulated[@]}" -smp "$processors"
		-object "memory-backend-memfd,id=mem,size=${MEMORY_MIB}M,share=on" -machine memory-backend=mem
		-m "$MEMORY_MIB" -nodefaults -display none -no-reboot
		-kernel "$KERNEL_BUILD/$(kernel_image "$FLAVOUR_WANTED")"
		-append "root=/dev/$root rootfstype=erofs ro init=/init console=$console loglevel=7 panic=-1 printk.devkmsg=on kmemleak=on${KERNEL_OPTIONS:+ $KERNEL_OPTIONS}"
		-serial "file:$RUN/console.log"
		-drive "if=none,id=root,format=raw,readonly=on,file=$IMAGE" -device virtio-blk-pci,drive=root
		-fsdev "local,id=rig,path=$RUN/rig,security_model=none" -device virtio-9p-pci,fsdev=rig,mount_tag=rig
		-device virtio-rng-pci -device virtio-serial-pci)
	[ ! -e "$KERNEL_BUILD/initrd" ] || QEMU+=(-initrd "$KERNEL_BUILD/initrd")
	[ -z "$GRAPHICS" ] || QEMU+=(-drive "if=none,id=graphics,format=raw,readonly=on,file=$GRAPHICS_IMAGE"
		-device virtio-blk-pci,drive=graphics,serial=graphics)
	[ -z "$ICOUNT" ] || QEMU+=(-icount "$ICOUNT")
	[ -z "$PLUGIN" ] || QEMU+=(-plugin "$PLUGIN")
	local port
	for port in "${PORTS[@]}"; do
		QEMU+=(-chardev "${port#*,},id=${port%%,*}" -device "virtserialport,chardev=${port%%,*},name=${port%%,*}")
	done
	# QEMU is both ends of the socket.
	[ -z "$QMP" ] || QEMU+=(-chardev "socket,id=monitor,path=$RUN/qmp,server=on,wait=off" -mon chardev=monitor,mode=control
		-chardev "socket,id=qmp,path=$RUN/qmp" -device virtserialport,chardev=qmp,name=qmp)
	QEMU+=("${DRIVES[@]}")
	QEMU+=("${DEVICES[@]}")
	[ -z "$SHARE" ] || QEMU+=(-fsdev "local,id=share,path=$SHARE,security_model=none"
		-device virtio-9p-pci,fsdev=share,mount_tag=share)
	[ -z "$WITH_EMU" ] || QEMU+=(-device
		"{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"$RUN/socket\"}}")
	[ -z "$GSP" ] || QEMU+=(-device
		"{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"$RUN/gsp.socket\"}}")
	if [ "$1" = 1 ]; then
		QEMU+=(-chardev stdio,id=output,signal=off -device virtconsole,chardev=output)
	else
		QEMU+=(-chardev "file,id=output,path=$RUN/output" -device virtserialport,chardev=output,name=output)
	fi
}

# Quotes what the kernel complained about. True if it did, or if nobody can tell. Data races between functions of the kernel itself, which
# it has some of by its own strict rules, are left out and counted.
machine_complaints() {
	local found=0
	[ -e "$RUN/console.log" ] || return 1
	COMPLAINTS=$COMPLAINTS awk -f "$REPO/tools/vm/lib/kcsan.awk" "$RUN/console.log" |
		COMPLAINTS=$COMPLAINTS awk -f "$REPO/tools/vm/lib/others.awk" |
		awk -f "$REPO/tools/vm/lib/kunit.awk" >"$RUN/judged.log" || found=2
	[ $found != 0 ] || grep -qE "$COMPLAINTS" "$RUN/judged.log" || found=$?
	case $found in
	0) ;;
	1) return 1 ;;
	*)
		say "error: the kernel's log cannot be judged"
		return 0
		;;
	esac
	say "error: the kernel complained:"
	# "head" may end before "grep" does, which is no failure.
	grep -E -A25 "$COMPLAINTS" "$RUN/judged.log" | head -n 80 >&2 || true
}

machine_exec() {
	machine_command 0
	# A chardev on QEMU's own output would end with its input.
	mkfifo "$RUN/output"
	cat "$RUN/output" &
	OUTPUT_PID=$!
	ASAHI_MOUNT=$MOUNTED exec_in_root "$QEMU_ROOT" timeout "$TIMEOUT" "${QEMU[@]}" </dev/null 2>"$RUN/qemu.log" &
	QEMU_PID=$!
	local qemu=0
	wait $QEMU_PID || qemu=$?
	QEMU_PID=
	# If QEMU has not opened it, somebody has to, when "cat" has come to it: for reading as well, which does not wait for "cat".
	while kill -0 "$OUTPUT_PID" 2>/dev/null; do
		: <>"$RUN/output"
		timeout 0.1 tail --pid="$OUTPUT_PID" -f /dev/null || true
	done
	wait "$OUTPUT_PID" || true
	OUTPUT_PID=
	local failed=0
	# If it has not started, nobody has called the emulators, which wait.
	[ $qemu != 0 ] && [ ! -s "$RUN/console.log" ] || machine_end_emulators || failed=1

	! machine_complaints || machine_exit 125
	if [ $qemu = 124 ]; then
		say "error: $TIMEOUT seconds are over. The end of the console:"
		tail -n 20 "$RUN/console.log" >&2
		machine_exit 124
	fi
	if [ ! -s "$RUN/rig/status" ]; then
		say "error: the machine stopped before the command did (QEMU: $qemu). The end of the console:"
		tail -n 20 "$RUN/qemu.log" "$RUN/console.log" >&2 || true
		machine_exit 127
	fi
	local status
	status=$(cat "$RUN/rig/status")
	case $status in
	123) grep -E 'rig: |asahi .*gpu: ' "$RUN/console.log" >&2 || true ;;
	126) grep 'rig: ' "$RUN/console.log" >&2 || true ;;
	*) [ $failed = 0 ] || machine_exit 127 ;;
	esac
	machine_exit "$status"
}

machine_shell() {
	machine_command 1
	say "the console's output is in $RUN/console.log; \"exit\" ends the machine"
	# What ends this script ends the machine, and gives the terminal back.
	trap 'exit 129' HUP
	trap 'exit 143' TERM
	exec 3<&0
	TERMINAL=$(stty -g)
	stty raw -echo
	ASAHI_MOUNT=$MOUNTED exec_in_root "$QEMU_ROOT" "${QEMU[@]}" <&3 &
	QEMU_PID=$!
	local qemu=0
	wait $QEMU_PID || qemu=$?
	QEMU_PID=
	stty "$TERMINAL" <&3
	TERMINAL=
	machine_complaints || true
	[ $qemu = 0 ] || {
		say "error: QEMU ends with status $qemu"
		machine_exit 127
	}
	machine_exit 0
}
