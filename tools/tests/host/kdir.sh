# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# "make modules KDIR=…" says why it does not build for a kernel: what is no kernel, lacks something, or has a driver for Apple's GPUs of its
# own, as the Asahi project's have.
kdir=$LOGS/kdir

# A kernel as far as it is looked at, without what Rust modules are built with.
made_up_kernel() {
	rm -rf "$kdir"
	mkdir -p "$kdir/include/config"
	echo 7.3.4-made-up >"$kdir/include/config/kernel.release"
	touch "$kdir/Module.symvers"
	printf 'CONFIG_%s\n' RUST=y MODULES=y DRM=y SYNC_FILE=y ARM64=y ARM64_16K_PAGES=y PM=y RUST_DRM_GPUVM=y \
		RUST_DRM_GEM_SHMEM_HELPER=y APPLE_MAILBOX=m APPLE_RTKIT=m >"$kdir/.config"
}

# says NAME PATTERN [VARIABLE=VALUE…]: make fails, and says that.
says() {
	local name=$1 pattern=$2 status=0
	shift 2
	env "$@" "$REPO/tools/vm/modules" "$kdir" modules >"$LOGS/kdir.log" 2>&1 || status=$?
	if [ $status = 1 ] && grep -qE "$pattern" "$LOGS/kdir.log"; then
		pass "kdir: $name"
	else
		fail "kdir: $name (status $status)"
		cat "$LOGS/kdir.log" >&2
	fi
}
# What comes after all that is looked at in the configuration.
LAST='has no rust/libkernel.rmeta'

rm -rf "$kdir"
says "no directory" 'KDIR: no directory'
made_up_kernel
says "a kernel that is not prepared for Rust modules" "$LAST"
rm "$kdir/.config"
says "one that is not configured" 'is not configured'
made_up_kernel
rm "$kdir/Module.symvers"
says "one that is not built" 'is not built'
made_up_kernel
echo 7.2.0 >"$kdir/include/config/kernel.release"
says "another version" 'is kernel 7.2.0; these modules are for 7.3'
made_up_kernel
sed -i '/APPLE_RTKIT/d; s/CONFIG_PM=y/CONFIG_PM=n/' "$kdir/.config"
says "options that the driver needs" 'CONFIG_APPLE_RTKIT is not set: what it speaks'
says "and others, without it" "$LAST" CORE=1
sed -i '/CONFIG_RUST=/d' "$kdir/.config"
says "options that all need" 'CONFIG_RUST is not set' CORE=1
made_up_kernel
echo CONFIG_KASYNC=m >>"$kdir/.config"
says "the tree is in the kernel" 'has these modules itself'
made_up_kernel
echo CONFIG_DRM_ASAHI=m >>"$kdir/.config"
says "Asahi's own module" 'has a module "asahi" of its own. CORE=1 leaves ours out; with REPLACE=1'
says "ours left out" "$LAST" CORE=1
says "ours beside it" 'note: .* ours is installed in updates/' REPLACE=1
says "ours beside it, as is asked for" "$LAST" REPLACE=1
sed -i 's/CONFIG_DRM_ASAHI=m/CONFIG_DRM_ASAHI=y/' "$kdir/.config"
says "Asahi's own, built in" 'built in: CORE=1 leaves ours out' REPLACE=1

# Of two modules of a name modprobe takes that which is where "make package" puts ours. What is in the files does not matter to it.
root=$(toolchain)
release=7.3.4-made-up
rm -rf "$kdir"
for dir in kernel/drivers/gpu/drm/asahi updates/asahi-async; do
	mkdir -p "$kdir/lib/modules/$release/$dir"
	cp "$(find -L "$(kernel plain)/build/drivers" -name '*.ko' -print -quit)" "$kdir/lib/modules/$release/$dir/asahi.ko"
done
if in_root "$root" depmod -b "$kdir" "$release" >"$LOGS/kdir.log" 2>&1 &&
	in_root "$root" modprobe -d "$kdir" -S "$release" --show-depends asahi >"$LOGS/kdir.log" 2>&1 &&
	grep -q "/updates/asahi-async/asahi.ko" "$LOGS/kdir.log" && ! grep -q /kernel/drivers/gpu "$LOGS/kdir.log"; then
	pass "kdir: ours is loaded, of two of the name"
else
	fail "kdir: ours is not loaded, of two of the name"
	cat "$LOGS/kdir.log" >&2
fi
rm -rf "$kdir"
