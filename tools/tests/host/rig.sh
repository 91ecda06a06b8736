# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2030,SC2031
#
# The rig itself: what "vm exec" passes on, notices and says; and the modules for kernels of others.

# modules_for NAME DIR STATUS PATTERN [VARIABLE=VALUE…]: "make modules" and "make modules_install" for the kernel in DIR, in the toolchain
# root as a machine with compilers.
modules_for() {
	local name=$1 dir=$2 want=$3 pattern=$4 target status=0
	shift 4
	for target in modules modules_install; do
		in_root "$(toolchain)" env INSTALL_MOD_PATH="$LOGS/installed" \
			make -C "$REPO" "$target" KDIR="$dir" "$@" >"$RIG_LOG" 2>&1 || status=$?
	done
	judge "$name" $status "$want" "$pattern"
}

# Captures in a directory that neither the checkout nor the cache has.
captures() {
	local dir
	dir=$(mktemp -d)
	expect "takes captures" 0 '' --capture "$dir/of" -- true
	if grep -q '"ring": "init"' "$dir"/of/000000/meta.json && [ -s "$dir"/of/000000/0/pages.txt ]; then
		pass "rig: captures are there"
	else
		fail "rig: captures are there"
	fi
	rm -rf "$dir"
}

# Kernel and image in a directory that neither the checkout nor the cache has, by a link.
elsewhere() {
	local dir
	dir=$(mktemp -d)
	mkdir -p "$dir/real/arch/arm64/boot"
	ln -s real "$dir/link"
	cp "$(kernel plain)/build/$(kernel_image plain)" "$dir/real/arch/arm64/boot/"
	cp "$(guest_image)" "$dir/real/image"
	expect "boots a kernel and an image from elsewhere" 0 '^aarch64$' --no-emu --no-modules --kernel "$dir/link" --image "$dir/link/image" -- uname -m
	rm -rf "$dir"
}

# A checkout whose modules do not build: an old one must not be taken for it.
broken_modules() {
	local tree=$LOGS/broken status=0
	mkdir -p "$tree"/{tools,rust} "$tree"/build/{vendor,modules-plain}
	cp -r "$here/../vm" "$tree/tools/"
	cp "$REPO/rust/Cargo.lock" "$tree/rust/"
	echo '$(error broken)' >"$tree/Kbuild"
	vendor_key >"$tree/build/vendor/.key"
	cp "$(modules plain)/kasync.ko" "$tree/build/modules-plain/"
	ASAHI_BUILT='' "$tree/tools/vm/vm" exec --no-emu --modules kasync -- true >"$RIG_LOG" 2>&1 </dev/null || status=$?
	judge "does not go on with modules that do not build" $status 122 'the modules do not build'
	rm -rf "$tree"
}

# A mirror that does not answer: what was not fetched must not be taken for done, now or later.
no_mirror() {
	local cache=$LOGS/no-mirror status time
	for time in first second; do
		status=0
		ASAHI_CACHE=$cache ASAHI_MIRROR=http://127.0.0.1:1/ "$here/../vm/vm" build >"$RIG_LOG" 2>&1 </dev/null || status=$?
		judge "does not go on without packages, the $time time" $status 1 '^error: toolchain failed'
	done
	rm -rf "$cache"
}

# The mirror that this machine's apt has: what is Debian's own by what it says of itself, not by its name, out of a file of mirrors and
# without lists. Configuration and archives are made up.
mirror_tests() {
	local dir=$LOGS/mirrors of packages
	rm -rf "$dir"
	mkdir -p "$dir"/apt/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d}
	: >"$dir/apt/status"
	# Of another, with a name that ends like Debian's, of Debian's but for security, and Debian's own, with another name.
	for of in of-another/debian:Other:Other security/debian:Debian:Debian-Security own/archive:Debian:Debian; do
		mkdir -p "$dir/${of%%:*}/dists/stable/main/binary-amd64"
		# One that is empty is none.
		packages=$dir/${of%%:*}/dists/stable/main/binary-amd64/Packages
		printf 'Package: made-up\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody\nFilename: none\nSize: 0\nSHA256: %064d\n' 0 >"$packages"
		printf 'Origin: %s\nLabel: %s\nSuite: stable\nCodename: stable\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nArchitectures: amd64\nComponents: main\nSHA256:\n %s %s main/binary-amd64/Packages\n' \
			"$(cut -d: -f2 <<<"$of")" "$(cut -d: -f3 <<<"$of")" "$(sha256sum <"$packages" | cut -d' ' -f1)" "$(stat -c %s "$packages")" >"$dir/${of%%:*}/dists/stable/Release"
	done
	cat >"$dir/apt.conf" <<-T
		Dir::State "$dir/apt"; Dir::State::status "$dir/apt/status"; Dir::Cache "$dir/apt/cache"; Dir::Etc "$dir/apt/etc";
		Dir::Etc::sourceparts "/dev/null"; APT::Architecture "amd64"; APT::Architectures {"amd64";};
	T
	# finds NAME STATUS PATTERN URI…: with these archives and no lists of them.
	finds() {
		local name=$1 want=$2 pattern=$3 status=0
		shift 3
		rm -rf "$dir/apt/lists"
		mkdir -p "$dir/apt/lists/partial"
		printf 'deb [trusted=yes] %s stable main\n' "$@" >"$dir/apt/etc/sources.list"
		# As scripts use it.
		# shellcheck disable=SC2016
		env -u ASAHI_MIRROR APT_CONFIG="$dir/apt.conf" ASAHI_CACHE="$dir/cache" bash -c '
			. "$1/tools/vm/lib/all.sh"
			uri=$(mirror)
			echo "mirror: $uri"' bash "$REPO" >"$RIG_LOG" 2>&1 </dev/null || status=$?
		judge "a mirror: $name" $status "$want" "$pattern"
	}
	finds "what is Debian's own" 0 "^mirror: file:/*${dir#/}/own/archive\$" "file:$dir/of-another/debian" "file:$dir/security/debian" "file:$dir/own/archive"
	printf '# Made up.\nfile:%s\tpriority:1\nfile:%s\n' "$dir/own/archive" "$dir/of-another/debian" >"$dir/list"
	finds "the first of a file of mirrors" 0 "^mirror: file:$dir/own/archive\$" "mirror+file://$dir/list"
	finds "none is Debian's" 1 '^error: no mirror of Debian .*ASAHI_MIRROR to the URI of one' "file:$dir/of-another/debian"
	rm -rf "$dir"
}

# Two checkouts with files of the same time: what is built of one is not taken for the other's.
checkout_tests() {
	local dir=$LOGS/checkouts target=$LOGS/checkouts/target of root said=
	root=$(toolchain)
	mkdir -p "$target"
	for of in one two; do
		mkdir -p "$dir/$of/src"
		printf '[package]\nname = "told"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n' >"$dir/$of/Cargo.toml"
		printf 'fn main() {\n    print!("%s {} ", env!("CARGO_MANIFEST_DIR").ends_with("/%s"));\n}\n' $of $of >"$dir/$of/src/main.rs"
		(cd "$dir/$of" && in_root "$root" cargo generate-lockfile --quiet --offline)
		find "$dir/$of" -exec touch -d yesterday {} +
	done
	for of in one two one one; do
		said+=$(
			cd "$dir/$of" || exit
			of_this_checkout "$target"
			in_root "$root" cargo run --quiet --locked --offline --target-dir "$target"
		)
	done
	printf '%s\n' "$said" >"$RIG_LOG"
	judge "builds each checkout's own" 0 0 '^one true two true one true one true $'
	rm -rf "$dir"
}

# The directory that mutations are built in is shared by all checkouts: while a program of one runs there, it is locked, and noted as of
# that checkout. A model that is made up notices its mutation only then.
mutation_tests() {
	local dir=$LOGS/mutated status=0
	rm -rf "$dir"
	mkdir -p "$dir"/{tools/tests,drivers/gpu/drm/asahi/firmware,rust/kasync/loom/{src,tests}}
	cp -r "$here/../vm" "$dir/tools/"
	cp "$here/mutations" "$dir/tools/tests/"
	: >"$dir/drivers/gpu/drm/asahi/firmware/ring.rs"
	: >"$dir/rust/kasync/loom/src/lib.rs"
	echo '// once' >"$dir/rust/kasync/value.rs"
	printf 'value.rs\ttold/told\ts/once/twice/\n' >"$dir/rust/kasync/loom/mutations"
	printf '[package]\nname = "told"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n' >"$dir/rust/kasync/loom/Cargo.toml"
	cat >"$dir/rust/kasync/loom/tests/told.rs" <<-'T'
		#[test]
		fn told() {
		    let program = std::env::current_exe().unwrap();
		    let target = program.ancestors().nth(3).unwrap();
		    let free = std::process::Command::new("flock").arg("-n").arg(target.join("lock")).arg("true").status().unwrap().success();
		    let of = std::fs::read_to_string(target.join(".checkout")).unwrap_or_default();
		    assert!(free || of.trim() != env!("CARGO_MANIFEST_DIR"), "locked, and of this checkout");
		}
	T
	(cd "$dir/rust/kasync/loom" && in_root "$(toolchain)" cargo generate-lockfile --quiet --offline)
	ASAHI_TARGET=$$-mutated ASAHI_JOBS=1 "$dir/tools/tests/mutations" >"$RIG_LOG" 2>&1 </dev/null || status=$?
	judge "mutations: where they are built is of one checkout at a time" $status 0 '^mutations: 1 noticed, 0 not, 0 apply$'
	status=0
	ASAHI_TARGET=$$-mutated ASAHI_JOBS=1 "$dir/tools/tests/mutations" nonesuch >"$RIG_LOG" 2>&1 </dev/null || status=$?
	judge "mutations: a pattern that none has" $status 1 '^error: no mutation matches "nonesuch"$'
	# shellcheck disable=SC2153
	rm -rf "$dir" "$CACHE"/target-$$-mutated
}

module_tests() {
	local dir=$LOGS/kernel config
	config=$(kernel plain)/build/.config
	mkdir -p "$dir/include/config"
	modules_for "no kernel" "$dir/none" 2 'no directory'
	modules_for "a kernel that is not configured" "$dir" 2 'is not configured'
	sed '/CONFIG_APPLE_RTKIT=/d; /CONFIG_SYNC_FILE=/d' "$config" >"$dir/.config"
	modules_for "a kernel that is not built" "$dir" 2 'is not built'
	touch "$dir/Module.symvers"
	echo 6.12.0 >"$dir/include/config/kernel.release"
	modules_for "a kernel of another version" "$dir" 2 'is kernel 6.12.0'
	echo 7.3.0 >"$dir/include/config/kernel.release"
	modules_for "a kernel that lacks an option" "$dir" 2 'CONFIG_APPLE_RTKIT is not set'
	modules_for "a kernel without what the core needs" "$dir" 2 'CONFIG_SYNC_FILE is not set' CORE=1
	cp "$config" "$dir/.config"
	modules_for "headers without those for Rust" "$dir" 2 'has no rust/libkernel.rmeta'
	mkdir "$dir/rust"
	touch "$dir/rust/libkernel.rmeta"
	sed -i 's/^CONFIG_RUSTC_VERSION_TEXT=.*/CONFIG_RUSTC_VERSION_TEXT="rustc 1.99.0"/' "$dir/.config"
	modules_for "a kernel of another compiler" "$dir" 2 "was built with rustc 1.99.0, this machine's compiler is rustc 1"
	echo CONFIG_DRM_ASAHI=y >>"$dir/.config"
	modules_for "a kernel with a driver of the name" "$dir" 2 'has a driver "asahi" of its own, built in'
	modules_for "such a kernel, without ours" "$dir" 2 'was built with rustc 1.99.0' CORE=1
	sed -i 's/^CONFIG_DRM_ASAHI=.*/CONFIG_DRM_ASAHI=m/' "$dir/.config"
	modules_for "a kernel with a module of the name" "$dir" 2 'REPLACE=1 ours is installed in updates/'
	modules_for "such a kernel, with ours in its place" "$dir" 2 '^note: .*updates/' REPLACE=1
	echo CONFIG_KASYNC=m >>"$dir/.config"
	modules_for "a kernel that has the tree" "$dir" 2 'has these modules itself'
	# These are built for a kernel that they were built for before: what is the same is taken from there.
	cp -a "$(modules plain)/." "$REPO/build/modules-$(cat "$(kernel plain)/build/include/config/kernel.release")"
	modules_for "builds and installs the modules" "$(kernel plain)/build" 0 'INSTALL .*/asahi\.ko'
}

# The package of what module_tests has built: its script lets it be installed, or says why not, for systems that are made up.
package_tests() {
	local dir=$LOGS/package release build file status=0
	build=$(kernel plain)/build
	release=$(cat "$build/include/config/kernel.release")
	# packs NAME DIR STATUS PATTERN
	packs() {
		local status=0
		in_root "$(toolchain)" make -C "$REPO" package KDIR="$2" >"$RIG_LOG" 2>&1 || status=$?
		judge "$1" $status "$3" "$4"
	}
	# installs NAME STATUS PATTERN
	installs() {
		local status=0
		in_root "$(toolchain)" env DPKG_ROOT="$dir/root" sh "$dir/preinst" install >"$RIG_LOG" 2>&1 || status=$?
		judge "a package: $1" $status "$2" "$3"
	}
	mkdir -p "$dir/root/usr/lib/modules" "$dir/kernel/include/config"
	packs "no package without a kernel" "$dir/none" 2 'is not a kernel that is built'
	echo 7.3.99 >"$dir/kernel/include/config/kernel.release"
	packs "no package without modules" "$dir/kernel" 2 'there are no modules for 7.3.99'
	# As an earlier build may have left one.
	cp "$REPO/build/modules-$release/asahi.ko" "$REPO/build/modules-$release/earlier.ko"
	packs "makes a package" "$build" 0 "^package: .*_arm64\.deb\$"
	file=$(sed -nE 's/^package: //p' "$RIG_LOG")
	in_root "$(toolchain)" bash -c 'dpkg-deb -c "$1" && dpkg-deb -I "$1" preinst >"$2/preinst"' bash "$file" "$dir" \
		>"$RIG_LOG" 2>&1 || status=$?
	judge "a package: has the modules" $status 0 "/usr/lib/modules/$release/updates/asahi-async/asahi\.ko"
	if [ $status = 0 ] && ! grep -q earlier "$RIG_LOG"; then
		pass "rig: a package: has no other modules"
	else
		fail "rig: a package: has no other modules"
	fi
	rm "$REPO/build/modules-$release/earlier.ko"
	installs "without the kernel" 1 'that kernel is not installed'
	mkdir -p "$dir/root/usr/lib/modules/$release"/{kernel,build}
	installs "nothing says what the kernel has" 0 'nothing says which symbols'
	cp "$build/Module.symvers" "$dir/root/usr/lib/modules/$release/build/"
	installs "the kernel that it is for" 0 ''
	sed -i '/5errorNt.*5Error/d' "$dir/root/usr/lib/modules/$release/build/Module.symvers"
	installs "a kernel that was built otherwise" 1 'the kernel lacks [0-9]+ of the [0-9]+ symbols'
}

# What ends "make desktop", in a copy whose machine is made up: it comes up, and does not hear that it is to end, or not before.
desktop_signals() {
	local dir=$LOGS/desk
	rm -rf "$dir"
	mkdir -p "$dir/build/guest" "$dir/tools"
	cp -r "$here/../vm" "$dir/tools/"
	touch "$dir"/build/guest/{relay,libunixvnc.so}
	cat >>"$dir/tools/vm/lib/build.sh" <<-'T'
		toolchain() { :; }
		guest_programs() { echo "$REPO/build/guest"; }
		in_root() { :; }
	T
	cat >"$dir/tools/vm/vm" <<-'T'
		#!/bin/bash
		build=$(dirname "$(readlink -f "$0")")/../../build
		hears=$(cat "$build/hears")
		trap "" INT
		echo $$ >"$build/machine"
		[ "$hears" != nothing ] || trap "" TERM
		[ "$hears" = early ] || echo "desktop: up"
		[ "$hears" != early ] || echo "early"
		if [ "$hears" = end ]; then
			read -r <"$build/desktop/control.in"
			echo "told: $REPLY"
			exit 0
		fi
		while :; do timeout 1 tail -f /dev/null; done
	T
	# ended NAME HEARS STATUS PATTERN SECONDS PATIENCE LINE…: interrupted at each line of its output, it ends so, within SECONDS.
	ended() {
		local name=$1 want=$3 pattern=$4 seconds=$5 patience=$6 status=0 pid line left
		echo "$2" >"$dir/build/hears"
		: >"$RIG_LOG"
		shift 6
		DESKTOP_PATIENCE=$patience setsid env --default-signal=INT "$dir/tools/vm/desktop" >"$RIG_LOG" 2>&1 </dev/null &
		pid=$!
		for line; do
			left=300
			until grep -q "$line" "$RIG_LOG" || [ $((left -= 1)) = 0 ]; do timeout 0.1 tail --pid=$pid -f /dev/null || true; done
			kill -INT -- -$pid || true
		done
		timeout "$seconds" tail --pid=$pid -f /dev/null || kill -KILL -- -$pid
		wait $pid || status=$?
		judge "make desktop: $name" $status "$want" "$pattern"
		# In a session of its own.
		kill -KILL -- -"$(cat "$dir/build/machine")" 2>/dev/null || true
	}
	ended "Ctrl-C" end 0 '^told: end$' 50 600 'Ctrl-C ends it'
	ended "Ctrl-C before it is up" early 130 '^the desktop is shut down$' 50 600 '^early$'
	ended "a guest that does not end" guest 1 '^error: the desktop failed' 50 600 'Ctrl-C ends it' 'is shut down'
	ended "one that nobody helps" guest 1 '^error: the desktop failed' 50 2 'Ctrl-C ends it'
	ended "a machine that does not end either" nothing 1 '^error: the desktop failed' 50 600 'Ctrl-C ends it' 'is shut down' 'is ended before'
	rm -rf "$dir"
}

# "make desktop", and what a VNC client sees of it.
desktop_test() {
	local status=0
	"$here/../vm/desktop" --once >"$RIG_LOG" 2>&1 </dev/null || status=$?
	judge "a desktop" $status 0 '^.*: 1024x640 pixels, [0-9]{3,} colours$'
	judge "it is shut down in order" $status 0 '^done: kernel log clean$'
}

# What "make run" compares pictures with.
picture_tests() {
	local dir=$LOGS/pictures
	mkdir -p "$dir"
	# pam NAME COLOURS: two pixels.
	pam() {
		printf 'P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n%b' "$2" >"$dir/$1.pam"
	}
	# compares NAME STATUS PATTERN ARGUMENT…
	compares() {
		local name=$1 want=$2 pattern=$3 status=0
		shift 3
		in_root "$(toolchain)" python3 "$here/../vm/lib/pictures.py" "$@" >"$RIG_LOG" 2>&1 || status=$?
		judge "pictures: $name" $status "$want" "$pattern"
	}
	pam two '\x01\x02\x03\xff\x0a\x14\x1e\xff'
	pam near '\x01\x02\x03\x00\x0a\x16\x1e\xff'
	pam one '\x01\x02\x03\xff\x01\x02\x03\xff'
	compares "the same" 0 '^2 of 2 pixels \(100.00 %\) are the same, 0 differ' compare "$dir/two.pam" "$dir/two.pam"
	compares "not quite the same" 1 '^1 of 2 .* 1 differ by more than 0, the most by 2 of 255' compare "$dir/two.pam" "$dir/near.pam"
	compares "close enough" 0 ' 0 differ by more than 2' compare "$dir/two.pam" "$dir/near.pam" 2
	compares "few enough" 0 ' 1 differ by more than 1' compare "$dir/two.pam" "$dir/near.pam" 1 50
	compares "too many" 1 ' 1 differ by more than 1' compare "$dir/two.pam" "$dir/near.pam" 1 49
	compares "a reference without a drawing" 1 'only one colour' compare "$dir/one.pam" "$dir/one.pam"
	compares "are joined" 0 '' join "$dir/both.png" "$dir/two.pam" "$dir/near.pam"
	compares "of another size" 1 '^2x1 pixels, not 4x1' compare "$dir/both.png" "$dir/two.pam"
	compares "as PNG" 0 '^4 of 4 pixels' compare "$dir/both.png" "$dir/both.png"
	compares "no picture" 1 'neither PNG nor PAM' compare "$here/run" "$dir/two.pam"
}

# Programs that are told what they do not know say so before they build, take away or boot anything.
usage_tests() {
	local kept=$REPO/build/run/kept-of-a-run status name share=$LOGS/with,comma
	mkdir -p "$share"
	# says NAME STATUS PATTERN COMMAND…
	says() {
		local name=$1 want=$2 pattern=$3 status=0
		shift 3
		timeout 300 "$@" >"$RIG_LOG" 2>&1 </dev/null || status=$?
		judge "$name" $status "$want" "$pattern"
	}
	says "a chip that there is not" 122 'no chip is called "t8130"' "$here/../vm/vm" exec --chip t8130 -- true
	says "a firmware that the chip does not have" 122 'no firmware of t6021 is "12.3"' "$here/../vm/vm" exec --chip t6021 --firmware 12.3 -- true
	says "two firmwares" 122 'no firmware of t8103 is "13.5 12.3"' "$here/../vm/vm" exec --firmware '13.5 12.3' -- true
	for name in run desktop bench-gpu; do
		says "make $name with a firmware that the chip does not have" 2 'no firmware of t6021 is "12.3": there are 13.5' \
			make -C "$REPO" "$name" CHIP=t6021 FIRMWARE=12.3
		says "make $name with two chips" 2 'no chip is called "t6001 t6002"' make -C "$REPO" "$name" CHIP='t6001 t6002'
	done
	says "make with a chip for what has none" 2 'CHIP and FIRMWARE are for run shell desktop bench-gpu only' \
		make -C "$REPO" lint CHIP=t6021
	says "an option that there is not" 122 'unknown option --nonesuch' "$here/../vm/vm" exec --nonesuch -- true
	says "no command" 122 'no command' "$here/../vm/vm" exec --no-emu
	for name in timeout memory processors; do
		says "--$name that is no number" 122 "error: --$name: \"x\" is not a whole number" "$here/../vm/vm" exec "--$name" x -- true
	done
	says "an image that there is not" 122 '^error: --image: no file /$' "$here/../vm/vm" exec --image / -- true
	says "a share that QEMU cannot have" 122 '^error: --share: .* comma' "$here/../vm/vm" exec --share "$share" -- true
	says "a build that there is not" 2 '^usage: ' "$here/../vm/vm" build --anything
	mkdir -p "${kept%/*}"
	touch "$kept"
	says "the main job on a chip that there is not" 1 'no chip is called "t8130"' env ASAHI_CHIP=t8130 "$here/../vm/run"
	if [ -e "$kept" ]; then pass "rig: it takes nothing away"; else fail "rig: it takes nothing away"; fi
	rm -f "$kept"
	(
		flock 9
		says "the main job beside another" 1 'another run runs in this checkout' "$here/../vm/run"
		printf '%s %s\n' "$passed" "$failed" >"$LOGS/rig-counts"
	) 9>>"$REPO/build/run.lock"
	read -r passed failed <"$LOGS/rig-counts"
	rmdir "$share"
	# In a copy whose measurements only say that they were run.
	local tree=$LOGS/benches
	mkdir -p "$tree"/tools/bench/{nvme,nova}
	cp "$REPO/Makefile" "$tree/"
	printf '#!/bin/sh\necho "$0"\nexit 1\n' | tee "$tree"/tools/bench/{run,nvme/run} >"$tree/tools/bench/nova/run"
	sed -i 's/exit 1/exit 0/' "$tree/tools/bench/nova/run"
	chmod +x "$tree"/tools/bench/{,nvme/,nova/}run
	status=0
	in_root "$(toolchain)" make -C "$tree" bench >"$RIG_LOG" 2>&1 </dev/null || status=$?
	judge "all is measured if one part is slower" $status 2 '^tools/bench/nova/run$'
	rm -rf "$tree"
}

# A shell on a terminal of script(1)'s.
shell_tests() {
	local status=0
	timeout 300 "$here/../vm/vm" shell --no-emu --no-modules >"$RIG_LOG" 2>&1 </dev/null || status=$?
	judge "a shell without a terminal" $status 122 'a shell needs a terminal'
	# on_terminal NAME STATUS PATTERN COMMAND: by a shell on a terminal.
	on_terminal() {
		local status=0
		VM=$here/../vm/vm timeout 600 script -qefc "$4" /dev/null >"$RIG_LOG" 2>&1 </dev/null || status=$?
		judge "$1" $status "$2" "$3"
	}
	on_terminal "a shell that is told to end gives the terminal back" 7 'as it was' '
		before=$(stty -g)
		"$VM" shell --no-emu --no-modules </dev/tty &
		while kill -0 $! && [ "$(stty -g)" = "$before" ]; do read -t 0.1 nothing; done
		[ "$(stty -g)" != "$before" ] || exit 1
		kill $!
		wait $!
		[ $? = 143 ] || exit 2
		[ "$(stty -g)" = "$before" ] || exit 3
		echo as it was
		exit 7'
	on_terminal "a shell whose QEMU does not start" 127 'QEMU ends with status 1' \
		'exec "$VM" shell --no-emu --no-modules --device nonesuch'
}

# A machine's process that does not hear the first signal, as it has only just been started, and whose number is not known.
end_tests() {
	local status=0
	# shellcheck disable=SC2016
	timeout 300 bash -c '
		set -euo pipefail
		. "$1"
		RUN=$2 LOG_DIR="" PREPARED=1 JUDGED=1
		trap machine_cleanup EXIT
		mkdir -p "$RUN"
		mkfifo "$RUN/up" "$RUN/pause"
		bash -c "trap \"trap - TERM\" TERM; echo up >\"$RUN/up\"; while :; do read -r -t 1 <>\"$RUN/pause\" || true; done" &
		read -r <"$RUN/up"
		exit 7' bash "$here/../vm/lib/machine.sh" "$LOGS/deaf" >"$RIG_LOG" 2>&1 </dev/null || status=$?
	judge "a process that does not hear the first signal ends with its machine" $status 7 ''
}

# A shared machine: suites that are made up run in turn, each of one line of shell.
shared_tests() {
	local records=$LOGS/of-shared counts
	mkdir -p "$records/suites" "$records/programs"
	counts=$(
		KERNEL=--plain-kernel LOGS=$records RECORDS=$records/records programs=$records/programs passed=0 failed=0
		mkdir -p "$RECORDS"
		# shared NAME MODULES SHELL
		shared() {
			# shellcheck disable=SC2016
			printf 'guest_tap "$suite" --no-emu --modules "%s" --timeout 60 -- bash -c %q\n' "$2" "$3" >"$LOGS/suites/$1"
			script[$1]=$LOGS/suites/$1
		}
		shared 1-marks '' 'touch /tmp/mark; echo ok here'
		shared 2-holds-a-module vgem 'if [ -e /tmp/mark ]; then echo ok here; else echo not ok here; fi; exec 3</dev/dri/renderD128; sleep 1000 &'
		shared 3-says-so '' '[ -e /tmp/mark ] || echo ok here; touch /tmp/mark; echo not ok made up'
		shared 4-takes-the-machine-down '' '[ -e /tmp/mark ] || echo ok here; busybox poweroff -f; sleep 50'
		shared 5-makes-the-kernel-complain '' '[ -e /tmp/mark ] || echo ok here; echo "WARNING: CPU: 0 made up" >/dev/kmsg'
		collect 1-marks 2-holds-a-module 3-says-so 4-takes-the-machine-down 5-makes-the-kernel-complain
		shared_machine bare >"$LOGS/said" 2>&1
		echo "$passed $failed"
	)
	# counted_as NAME PASSED FAILED
	counted_as() {
		local got
		got=$(RECORDS=$records/records && echo "$(value "$1" passed) $(value "$1" failed)")
		if [ "$got" = "$2 $3" ]; then
			pass "shared machine: ${1#*-}"
		else
			fail "shared machine: ${1#*-}: $got, not $2 $3"
			cat "$records/said" >&2
		fi
	}
	counted_as 1-marks 1 0
	counted_as 2-holds-a-module 1 1
	counted_as 3-says-so 1 1
	counted_as 4-takes-the-machine-down 1 1
	counted_as 5-makes-the-kernel-complain 1 0
	# The third stops too early, and the kernel of the fourth complains.
	if [ "$counts" = "2 2" ]; then pass "shared machines: four"; else fail "shared machines: $counts, not 2 2"; fi
}

rig_tests() {
	local bare=(--no-emu --no-modules) share
	share=$(mktemp -d "$LOGS/share.XXXXXX")
	echo here >"$share/file"
	expect "passes the status through" 7 '' "${bare[@]}" --share "$share" -- sh -c '
		uname -m
		printf "<%s> <%s>\n" "$@"
		cat /mnt/share/file
		echo back >/mnt/share/new
		exit 7' sh 'a  b' "\$c"
	judge "runs a command" 0 0 '^aarch64$'
	judge "quotes arguments" 0 0 '^<a  b> <\$c>$'
	judge "shares a directory" 0 0 '^here$'
	if [ "$(cat "$share/new" 2>/dev/null)" = back ]; then pass "rig: share is writable"; else fail "rig: share is writable"; fi
	expect "has all of the guest's files" 0 '' "${bare[@]}" -- sh -c 'find / -xdev -type f -exec stat -c "" {} +'
	expect "gives up in time" 124 'seconds are over' "${bare[@]}" --timeout 15 -- sleep 1000
	expect "notices a kernel warning" 125 'kernel complained' "${bare[@]}" -- sh -c 'echo "WARNING: CPU: 0 made up" >/dev/kmsg'
	expect "notices an object of the slab's that was overwritten" 125 'kernel complained' "${bare[@]}" -- \
		sh -c 'echo "BUG kmalloc-64 (Not tainted): made up" >/dev/kmsg'
	expect "notices an interrupt that nobody takes" 125 'kernel complained' "${bare[@]}" -- \
		sh -c 'echo "irq 23: nobody cared (try booting with the \"irqpoll\" option)" >/dev/kmsg'
	expect "notices work that holds a processor" 125 'kernel complained' "${bare[@]}" -- \
		sh -c 'echo "workqueue: made_up hogged CPU for >1000000us 4 times, consider switching to WQ_UNBOUND" >/dev/kmsg'
	expect "notices a panic" 125 'Kernel panic' "${bare[@]}" -- sh -c 'echo c >/proc/sysrq-trigger; sleep 100'
	expect "notices a leak" 125 'unreferenced' "${bare[@]}" -- sh -c 'echo "kmemleak: unreferenced object made up" >/dev/kmsg'
	expect "says when a module does not load" 126 'rig: asahi.ko: ' --no-emu --modules asahi -- true
	expect "says why the emulator does not start" 127 'no fault rule' --emu "--fault nonsense" -- true
	expect "says when the GPU does not come up" 123 'firmware does not answer' --emu "--fault no-hello" -- true
	captures
	elsewhere
	# The image takes a minute to build, and suites of "make test" do without.
	[ "$TIER" = test ] || expect "has programs that draw" 0 '^weston 1' "${bare[@]}" --graphics -- weston --version
	# Time is instructions, so the same loop always takes the same time, however busy the host is.
	expect "counts instructions" 0 '^equal$' "${bare[@]}" --icount -- bash -c '
		now() { echo $((10#$(date +%s%N))); }
		take() { t=$(now); for ((i = 0; i < 20000; i++)); do :; done; t=$(($(now) - t)); }
		take; take; least=$t most=$t
		for round in 1 2 3 4 5 6; do
			take
			[ $t -ge $least ] || least=$t
			[ $t -le $most ] || most=$t
		done
		[ $(((most - least) * 100)) -lt $most ] && echo equal || echo "from $least to $most ns"'
	expect "says which module there is not" 122 'no module nonesuch' --no-emu --modules nonesuch -- true
	expect "says which processors there are" 122 'there are arm64 and x86_64' --arch riscv64 -- true
	expect "says that x86_64 has no GPU" 122 'no emulated GPU' --arch x86_64 --emu "--fault no-hello" -- true
	expect "says that x86_64 has no KCSAN" 122 'no kernel with KCSAN' --arch x86_64 --kcsan-kernel -- true
	expect "says that a kernel is not built" 122 'nothing is built in' --kernel "$share" -- true
	expect "boots the debug kernel" 0 'lockdep' "${bare[@]}" --debug-kernel -- sh -c 'zcat /proc/config.gz | grep -q PROVE_LOCKING=y && echo lockdep'
	shared_tests
	usage_tests
	shell_tests
	end_tests
	broken_modules
	no_mirror
	mirror_tests
	checkout_tests
	mutation_tests
	module_tests
	package_tests
	picture_tests
	desktop_signals
	[ "$TIER" = test ] || desktop_test
}

rig_tests
