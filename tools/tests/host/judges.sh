# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# What judges the output of machines: what is no success must not count as one.

# judged NAME LINE FAILURES [STATUS]: a machine whose program prints "ok one" and ends with STATUS, and whose emulator logs LINE, has so many
# failures.
judged() {
	local dir=$LOGS/judged status=${4:-0} got
	mkdir -p "$dir"
	echo 'ok one' >"$LOGS/judged.log"
	echo "$2" >"$dir/emulator.log"
	got=$(
		passed=0 failed=0 skipped=0 reasons='' failures=''
		judge_tap judged "$status" 1 >/dev/null 2>&1
		echo "$failed"
	)
	if [ "$got" = "$3" ]; then
		pass "judges: $1"
	else
		fail "judges: $1: $got failures, not $3"
	fi
}

# counts NAME STATISTICS FAILURES: so many failures where none may be asleep, and 5 jobs have to be there.
counts() {
	local dir=$LOGS/judged got
	mkdir -p "$dir"
	: >"$dir/emulator.log"
	rm -f "$dir/stats.json"
	[ -z "$2" ] || echo "$2" >"$dir/stats.json"
	got=$(
		passed=0 failed=0
		none_of judged asleep >/dev/null 2>&1
		at_least judged jobs 5 >/dev/null 2>&1
		echo "$failed"
	)
	if [ "$got" = "$3" ]; then
		pass "judges: $1"
	else
		fail "judges: $1: $got failures, not $3"
	fi
}

judged "an emulator that is well" '[1.0] INFO job 1: 4 launches' 0
judged "a panic that a job ends with" '[1.0] WARN job 1: the emulator failed (see its log)' 1
judged "a panic of any thread" "[1.0] WARN the emulator itself: panicked at gpu/src/lib.rs:1:2" 1
judged "a status without a line" '[1.0] INFO job 1: 4 launches' 1 1

# planned NAME OUTPUT FAILURES: a machine whose programs print OUTPUT, and which ends well.
planned() {
	local got
	mkdir -p "$LOGS/judged"
	: >"$LOGS/judged/emulator.log"
	printf '%b\n' "$2" >"$LOGS/judged.log"
	got=$(
		passed=0 failed=0 skipped=0 reasons='' failures=''
		judge_tap judged 0 1 >/dev/null 2>&1
		echo "$failed"
	)
	if [ "$got" = "$3" ]; then
		pass "judges: $1"
	else
		fail "judges: $1: $got failures, not $3"
	fi
}
planned "a program that comes to its end" 'ok 1 - a\nok 2 - b\n1..2\nok unload' 0
planned "one that is killed half-way" 'ok 1 - a\nok 2 - b\nok unload' 1
planned "a second one that is killed" 'ok 1 - a\n1..1\nok 1 - c\nok unload' 1
planned "children that number their own" 'ok 1 - a\nok 1 - c\nok 2 - b\n1..2' 0
planned "a plan before the tests" '1..2\nok 1 a\nok 2 b\n1..1\nok 1 c\nok tests ran' 0
planned "a plan that is not kept" '1..3\nok 1 a\nok 2 b\nok tests ran' 1
planned "a program that is not there" 'sh: 3: /mnt/share/nothing: not found\nok unload' 1
planned "one that is not there, for bash" 'bash: line 3: /mnt/share/nothing: No such file or directory\nok unload' 1
planned "one that dies before its first test" 'Segmentation fault\nok unload' 1
planned "one that dies, for bash" 'bash: line 2:   345 Aborted                 (core dumped) /mnt/share/a\nok unload' 1
planned "one that says so itself" '# sh: 3: a: not found\nok Segmentation fault\nok unload' 0
planned "tests without numbers" 'ok one\nok 2 times' 0

# names NAME STATUS FAILURE LINE…: a machine that prints LINE… and ends with STATUS has FAILURE as its only one, and what it says of that is
# quoted from the first line to the last.
names() {
	local got log=$LOGS/judged.log
	printf '%s\n' 'ok one' "${@:4}" >"$log"
	got=$(
		passed=0 failed=0 skipped=0 reasons='' failures=''
		judge_tap judged "$2" 1 2>"$LOGS/judged/said"
		sed '/^$/d' <<<"$failures"
	)
	if [ "$got" = "$3" ] && grep -qxF "$4" "$LOGS/judged/said" && grep -qxF "${!#}" "$LOGS/judged/said"; then
		pass "judges: $1"
	else
		fail "judges: $1: $got"
	fi
}
mapfile -t rest < <(seq 60)
names "the first complaint, and all that comes with it" 125 'judged: status 125: [   93.1] WARNING: made up' \
	'error: the kernel complained:' $'[   93.1] WARNING: made up\r' "${rest[@]}" 'BUG: made up'
names "what a machine waited for" 124 'judged: status 124: 600 seconds are over. The end of the console:' \
	'error: 600 seconds are over. The end of the console:' '[  599.0] made up'
names "a status without the runner's error" 126 'judged: status 126' 'insmod: made up' 'rig: made up'

counts "what is counted" '{"jobs": 5, "asleep": 0}' 0
counts "too few" '{"jobs": 4, "asleep": 0}' 1
counts "what may not be" '{"jobs": 5, "asleep": 1}' 1
counts "no statistics" '' 2

# costs NAME MODULE FIGURE: what a read from a disk is said to cost, of a profile with 100 instructions of MODULE for 10 reads. "error" for no
# figure.
costs() {
	local dir=$LOGS/judged got
	mkdir -p "$dir"
	printf 'ffffffc008000000 t reads\t[%s]\n' "$2" >"$dir/symbols"
	echo '0 ffffffc008000010 100' >"$dir/profile"
	echo 'depth 8 reads 10 interrupts 1 wakes 1' >"$dir/figures"
	got=$(in_root "$(toolchain)" env PYTHONPATH="$here/../bench" python3 "$here/../bench/nvme/nvme.py" ours slow_ \
		"$dir"/{figures,profile,symbols} 2>&1) || got=error
	if grep -qxF "$3" <<<"$got"; then
		pass "judges: $1"
	else
		fail "judges: $1: $got"
	fi
}
# pictures NAME WHEN FAILURES: the comparison of pictures has so many failures if llvmpipe ends before its second scene in as many processes
# as WHEN says.
pictures() {
	local dir=$LOGS/judged/pictures got
	rm -rf "$dir"
	mkdir -p "$dir"
	cp "$here/pictures/in-guest" "$dir/"
	cat >"$dir/gl-pictures" <<-'P'
		#!/bin/bash
		api=$(basename "$0" -pictures)
		for scene in one two; do
			if [ "$1$scene" = llvmpipetwo ] && [ "$(cat ends)" -gt 0 ]; then
				echo $(($(cat ends) - 1)) >ends
				kill -9 $$
			fi
			echo picture >"$2/$api-$scene.pam"
			echo "ok $api $scene"
		done
	P
	printf '#!/bin/bash\ncmp "$1" "$2"\n' >"$dir/compare-pictures"
	chmod +x "$dir"/{gl,compare}-pictures
	cp "$dir/gl-pictures" "$dir/vk-pictures"
	echo "$2" >"$dir/ends"
	got=$(SHARE=$dir bash "$dir/in-guest" Apple 2>&1 | grep -c '^not ok' || true)
	if [ "$got" = "$3" ]; then
		pass "judges: $1"
	else
		fail "judges: $1: $got failures, not $3"
	fi
}
pictures "pictures that are all there" 0 0
pictures "a reference that is drawn again" 1 0
pictures "a reference that is not whole" 2 1

costs "the instructions of a driver" nvme_async 'nvme_slow_own_qd8 ours 10'
costs "a profile in which the driver is not" nvme error

# What is left out of a kernel's log, and what the rest is taken for. The last part of a pipeline counts, so it runs in this shell.
shopt -s lastpipe
# shellcheck source=tools/vm/lib/machine.sh
. "$REPO/tools/vm/lib/machine.sh"

# log_of NAME FILTER…: the log on standard input, passed through filters of tools/vm/lib, has to be what comes after the line "becomes".
log_of() {
	local name=$1 filter dir=$LOGS/judged
	shift
	mkdir -p "$dir"
	tee "$dir/all" | sed '/^becomes$/,$d' >"$dir/log"
	sed '1,/^becomes$/d' "$dir/all" >"$dir/wanted"
	for filter; do
		COMPLAINTS=$COMPLAINTS awk -f "$REPO/tools/vm/lib/$filter.awk" "$dir/log" >"$dir/next"
		mv "$dir/next" "$dir/log"
	done
	if cmp -s "$dir/log" "$dir/wanted"; then
		pass "judges: $name"
	else
		fail "judges: $name"
		diff "$dir/wanted" "$dir/log" >&2 || true
	fi
}

# Reports as Linux 7.3 prints them; what there is of stacks is shortened. report LINE…: one.
report() {
	printf '%s\n' '------------[ cut here ]------------' "$@" '---[ end trace 0000000000000000 ]---'
}
warning() {
	printf 'WARNING: %s at %s+0x64/0x108, CPU#1: %s\n' "$@"
}
hint='ODEBUG: free active (active state 0) object: 0000000012345678 object type: timer_list hint: '
by_debugobjects=$(warning lib/debugobjects.c:615 debug_print_object kworker/1:2/57)
late_disk() {
	report "${hint}kobject_delayed_cleanup+0x0/0x70" "$by_debugobjects" 'Modules linked in:' 'Call trace:' \
		' debug_check_no_obj_freed+0x1d0/0x2a8' ' bdev_free_inode+0x60/0xa8' "$@"
}
# link_names WHO LINE…
link_names() {
	report 'Unable to properly free device link symlinks!' "$(warning drivers/base/core.c:712 devlink_remove_symlinks "$1")" \
		'Call trace:' ' devlink_remove_symlinks+0x64/0x108' "${@:2}"
}
disks='rig: left out: 1 reports of disks whose objects are released late'
links='rig: left out: 1 reports of device links whose names had no memory'

# passes_through NAME, of others.awk, with the log on standard input: it has nothing that is left out.
passes_through() {
	local log
	log=$(cat)
	printf '%s\n' "$log" becomes "$log" | log_of "$1" others
}

{ echo before; late_disk; echo after; printf '%s\n' becomes before after "$disks"; } | log_of "a disk that is released late" others
{ echo before; link_names fail-nth/93; echo after; printf '%s\n' becomes before after "$links"; } |
	log_of "a link's names that a program has had fail" others
{
	late_disk; link_names fail-nth/93; late_disk
	printf '%s\n' becomes "${disks/ 1 / 2 }" "$links"
} | log_of "reports of both kinds are counted" others
{ late_disk; report "$(warning kernel/fork.c:1 made_up a/1)"; printf '%s\n' becomes; report "$(warning kernel/fork.c:1 made_up a/1)"; echo "$disks"; } |
	log_of "what comes after one is another report" others
printf '%s\n' before after | passes_through "a log without reports"
report "$(warning kernel/fork.c:1 made_up a/1)" | passes_through "a warning of another kind"
report "${hint}delayed_work_timer_fn+0x0/0x70" "$by_debugobjects" ' bdev_free_inode+0x60/0xa8' |
	passes_through "a disk that is freed with another timer of its own"
report "${hint}kobject_delayed_cleanup+0x0/0x70" "$by_debugobjects" ' asahi_buffer_free+0x60/0xa8' |
	passes_through "an object that is released late, of another owner"
link_names rmmod/93 | passes_through "a link's names without memory that nobody had fail"
link_names xfail-nth/93 | passes_through "a link's names, with a program of a longer name"
report "${hint}kobject_delayed_cleanup+0x0/0x70" "$(warning drivers/base/core.c:712 devlink_remove_symlinks fail-nth/93)" |
	passes_through "a half of each kind"
{ report "${hint}kobject_delayed_cleanup+0x0/0x70" "$by_debugobjects"; report ' bdev_free_inode+0x60/0xa8'; } |
	passes_through "halves in two reports"
late_disk | sed '$d' | passes_through "a report that is cut off"
{ late_disk | sed '$d'; report "$(warning kernel/fork.c:1 made_up a/1)"; } | passes_through "a report that another interrupts"
printf '%s\n' "${hint}kobject_delayed_cleanup+0x0/0x70" "$by_debugobjects" ' bdev_free_inode+0x60/0xa8' |
	passes_through "such lines without a report"
# Another processor may say something in the midst of a report.
late_disk 'BUG: KASAN: slab-use-after-free in made_up+0x1/0x2' | passes_through "what is worse, within a disk's report"
link_names fail-nth/93 'BUG: sleeping function called from invalid context at made_up.c:1' |
	passes_through "what is worse, within a link's report"
late_disk "$(warning kernel/fork.c:1 made_up a/1)" | passes_through "a warning within a disk's report"
link_names fail-nth/93 'refcount_t: underflow; use-after-free.' | passes_through "a count within a link's report"

blocked='INFO: task kunit_try_catch:93 blocked for more than 60 seconds.'
{
	printf '%s\n' before "$blocked" '      Not tainted 7.3.0' '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.' \
		'task:kunit_try_catch state:D stack:0 pid:93' 'Call trace:' ' schedule+0x1/0x2' ' kunit_try_catch_run+0x1/0x2' after becomes before \
		after 'rig: left out: 1 reports of threads that wait for tests of KUnit'"'s"
} | log_of "a thread that waits for a test" kunit
log=$(printf '%s\n' before "$blocked" 'Call trace:' ' schedule+0x1/0x2' ' made_up+0x1/0x2' after)
printf '%s\n' "$log" becomes "$log" | log_of "a thread that waits for something else" kunit

line=$(printf '=%.0s' {1..66})
# race FUNCTION: between two writes, one of them in FUNCTION, by a helper.
race() {
	printf '%s\n' "$line" 'BUG: KCSAN: data-race in made_up / made_up' '' 'write to 0xffff00000 of 8 bytes by task 1 on cpu 0:' ' of_kernel+0x1/0x2' '' \
		'read to 0xffff00000 of 8 bytes by task 2 on cpu 1:' ' rust_helper_made_up+0x1/0x2' " $1" ' caller+0x1/0x2 [asahi]' '' "$line"
}
{ echo before; race 'of_kernel+0x1/0x2'; echo after; printf '%s\n' becomes before after; } >"$LOGS/judged/race"
echo 'rig: left out: 1 reports of KCSAN of races that none of our modules have part in' >>"$LOGS/judged/race"
log_of "a race of the kernel's own" kcsan <"$LOGS/judged/race"
for ours in 'wake+0x1/0x2 [kasync]' 'dma_fence_signal+0x1/0x2'; do
	{ race "$ours"; echo becomes; race "$ours"; } | log_of "a race with ours: $ours" kcsan
done

# At the end of a stack, and where the next line is the one that tells who made the access.
for before in ' caller.*' 'write to .*'; do
	race 'of_kernel+0x1/0x2' | sed "s|^$before|&\\n$(warning kernel/fork.c:1 made_up a/1)|" >"$LOGS/judged/race"
	{ cat "$LOGS/judged/race"; echo becomes; cat "$LOGS/judged/race"; } | log_of "a warning in a race of the kernel's own, after $before" kcsan
done

# complains NAME YES: whether the log on standard input is one of a kernel that complains.
complains() {
	local name=$1 got
	got=$(
		RUN=$LOGS/judged
		cat >"$RUN/console.log"
		if machine_complaints >/dev/null 2>&1; then echo yes; else echo no; fi
	)
	if [ "$got" = "$2" ]; then pass "judges: $name"; else fail "judges: $name: $got, not $2"; fi
}
late_disk | complains "no complaint is what is left out" no
{ late_disk; link_names fail-nth/93; } | complains "nor are all kinds" no
link_names rmmod/93 | complains "a complaint is what is not" yes
late_disk 'BUG: KASAN: slab-use-after-free in made_up+0x1/0x2' | complains "or comes in the midst" yes

# A filter that is not there, and no room for what it leaves.
complains_unfiltered() {
	local REPO=$LOGS/judged/tree filter
	mkdir -p "$REPO/tools/vm/lib"
	cp "$here"/../vm/lib/*.awk "$REPO/tools/vm/lib/"
	for filter in kcsan others kunit; do
		mv "$REPO/tools/vm/lib/$filter.awk" "$REPO/tools/vm/lib/$filter.gone"
		printf 'BUG: KASAN: made up\n' | complains "a log without the filter $filter is not taken for clean" yes
		echo nothing | complains "nor is one in which there is nothing: $filter" yes
		mv "$REPO/tools/vm/lib/$filter.gone" "$REPO/tools/vm/lib/$filter.awk"
	done
	rm -r "$REPO"
}
complains_unfiltered
rm -f "$LOGS/judged/judged.log"
ln -s /dev/full "$LOGS/judged/judged.log"
link_names rmmod/93 | complains "a log for which there is no room" yes
rm "$LOGS/judged/judged.log"

# machine_ends NAME STATUS PATTERN COMMAND-STATUS AGXEMU GSPEMU: a machine whose command ends with COMMAND-STATUS, and whose emulators are
# these commands of the shell, ends with STATUS and says PATTERN. What the emulators say is kept.
machine_ends() {
	local name=$1 want=$2 pattern=$3 status=0 kept=$LOGS/judged/kept
	rm -rf "$kept"
	(
		RUN=$LOGS/judged/run LOG_DIR=$kept CAPTURE='' TIMEOUT=60 SHARE='' MOUNTED='' QEMU_ROOT='' PREPARED=1 PATIENCE=4 OF=$4 AGX=$5 GSP=$6
		rm -rf "$RUN"
		mkdir -p "$RUN/rig"
		trap machine_cleanup EXIT
		exec_in_root() {
			shift
			exec "$@"
		}
		machine_command() {
			cd "$RUN" || exit
			bash -c "$AGX" >"$RUN/emulator.out" 2>&1 &
			EMULATOR_PID=$!
			bash -c "$GSP" >"$RUN/gsp.out" 2>&1 &
			GSP_PID=$!
			QEMU=(bash -c "echo up >console.log; echo out >output; echo $OF >rig/status")
			[ "$OF" != none ] || QEMU=(bash -c "echo no such device >&2; exit 1")
			[ "$OF" != unready ] || return 3
		}
		machine_exec
	) >"$RIG_LOG" 2>&1 </dev/null &
	wait $! || status=$?
	if [ $status = "$want" ] && grep -qE "$pattern" "$RIG_LOG" && [ -e "$kept/emulator.out" ] && [ -e "$kept/gsp.out" ]; then
		pass "judges: $name"
	else
		fail "judges: $name: status $status, not $want"
		cat "$RIG_LOG" >&2
	fi
}
machine_ends "emulators that end well" 0 '^out$' 0 true true
machine_ends "and have nothing to do with the command's status" 7 '^out$' 7 true true
machine_ends "an emulator that ends with an error" 127 '^error: the emulator ended with status 3' 0 'echo made up; exit 3' true
machine_ends "its words are quoted" 127 '^made up$' 0 'echo made up; exit 3' true
machine_ends "one that a signal ends" 127 '^error: the emulator ended with status 139' 7 'kill -SEGV $$' true
machine_ends "one that does not end" 127 '^error: the emulator does not end by itself' 0 'sleep 100' true
machine_ends "nor when it is told to" 127 '^error: the emulator does not end by itself' 0 'trap "" TERM; while :; do sleep 1; done' true
machine_ends "a GSP that ends with an error" 127 "^error: the GSP's emulator ended with status 3" 0 true 'exit 3'
machine_ends "a GSP that does not end" 127 "^error: the GSP's emulator does not end by itself" 0 true 'sleep 100'
machine_ends "the GPU that does not come up is the cause" 123 '^error: the emulator ended' 123 'exit 3' true
machine_ends "a QEMU that does not start, for which an emulator waits" 127 '^no such device$' none 'sleep 100' true
if grep -q 'by itself' "$RIG_LOG"; then fail "judges: it is not the emulator's fault"; else pass "judges: it is not the emulator's fault"; fi
machine_ends "a command of the rig's own that fails" 127 '^error: .*\(status 3\)' unready true true
