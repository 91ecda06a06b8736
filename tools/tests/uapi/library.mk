# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What tests in C share: TAP, and the ioctls.
UAPI := $(addprefix $(dir $(lastword $(MAKEFILE_LIST))),tap.c device.c sync.c context.c files.c process.c)
