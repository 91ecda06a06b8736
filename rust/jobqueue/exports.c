// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Exports the module's Rust symbols to other modules, in the way of the kernel's rust/exports.c.
 */
#include <linux/export.h>

#define EXPORT_SYMBOL_RUST_GPL(sym) extern int sym; EXPORT_SYMBOL_GPL(sym)

#include "exports_generated.h"
