# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Debian's own binary kernel, as its package has it, with modules that are built for it by "make modules CORE=1": its configuration, its
# compiler, its symbols. It has no KUnit, so the samples say whether they work.
# shellcheck disable=SC2154
# shellcheck source=tools/vm/lib/debian.sh
. "$here/../vm/lib/debian.sh"
# shellcheck source=tools/tests/lib/samples.sh
. "$here/lib/samples.sh"

# Modules that "make modules" refuses are not installed.
debian_modules() {
	local headers tools
	headers=$(debian_headers) && tools=$(debian_tools) && vendor || return 1
	in_debian_root "$tools" make -C "$REPO" modules KDIR="$headers/build" CORE=1 SAMPLES=1 CROSS_COMPILE=aarch64-linux-gnu-
}

debian=$LOGS/debian.kernel
rm -rf "$debian"
mkdir -p "$debian/drivers/async"
status=0
(
	debian_modules &&
		cp -r "$(debian_boot)/." "$debian/" &&
		cp "$REPO/build/modules-$DEBIAN_RELEASE"/*.ko "$debian/drivers/async/"
) >"$LOGS/debian-modules.log" 2>&1 </dev/null || status=$?
if [ $status = 0 ]; then
	pass "modules for Debian's kernel"
	# Their package, by dpkg.
	tools=$(debian_tools)
	lines=0
	while IFS= read -r line; do
		lines=$((lines + 1))
		case $line in
		"ok "*) pass "${line#ok }" ;;
		"not ok "*) fail "${line#not ok }" ;;
		*) printf '%s\n' "$line" >&2 ;;
		esac
	done < <(in_debian_root "$tools" bash "$REPO/tools/tests/package" "$(debian_headers)/build" "$tools/kernel" 2>&1 </dev/null || true)
	[ $lines -ge 11 ] || fail "the package's test does not come to its end"
	guest_tap debian --kernel "$debian" --no-emu --device edu,dma_mask=0xffffffff --modules "kasync jobqueue" --timeout 600 \
		--carry "edu_async ring_sample jobqueue_sample" -- sh -c '
		if [ "$(uname -r)" = "$1" ]; then echo ok its own kernel; else echo not ok its own kernel; fi
		for sample in edu_async ring_sample jobqueue_sample; do
			options=
			[ $sample != edu_async ] || options=dma_bits=32
			if insmod /mnt/rig/modules/$sample.ko $options; then echo "ok load $sample"; else echo "not ok load $sample"; fi
		done
		'"$(sample_rebound edu_async 10)"'
		if rmmod edu_async ring_sample jobqueue_sample jobqueue kasync; then echo ok unload; else echo not ok unload; fi
		'"$(sample_told "edu_async|ring_sample|jobqueue_sample")" sh "$DEBIAN_RELEASE"
	# shellcheck disable=SC2154
	image=$programs/debian.img
	rm -f "$image"
	truncate -s 64M "$image"
	guest_tap debian-nvme --kernel "$debian" --no-emu --device nvme,serial=async,drive=disk --drive "id=disk,format=raw,file=$image" \
		--share "$programs" --modules "kasync nvme_async" --timeout 600 -- sh -c '
		/mnt/share/nvme limits
		/mnt/share/nvme stress 4 32 kill signal reset
		if rmmod nvme_async kasync; then echo ok unload; else echo not ok unload; fi'
	rm -f "$image"
	guest_tap debian-nova --kernel "$debian" --no-emu --gsp "" --modules "kasync jobqueue" --carry nova_gsp --timeout 600 -- sh -c '
		if insmod /mnt/rig/modules/nova_gsp.ko; then echo ok load; else echo not ok load; fi
		if rmmod nova_gsp jobqueue kasync; then echo ok unload; else echo not ok unload; fi
		'"$(sample_told nova_gsp)"
else
	fail "modules for Debian's kernel do not build"
	tail -n 40 "$LOGS/debian-modules.log" >&2
fi
rm -rf "$debian"
