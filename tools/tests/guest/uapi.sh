# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The UAPI tests, one machine for each group.
# shellcheck disable=SC2154
for group in params vm bind-model gem timestamps queue submit submit-errors teardown fdinfo newcomers blocked; do
	guest_tap "uapi-$group" --share "$programs" -- /mnt/share/uapi "$group"
done
# Memory, and fences, of another device's: that has to be there.
for group in import fences memory; do
	guest_tap "uapi-$group" --share "$programs" --modules "kasync jobqueue agxemu_bridge asahi vgem" -- /mnt/share/uapi "$group"
done
