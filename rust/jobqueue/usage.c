// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <linux/export.h>
#include <linux/types.h>

#include <drm/drm_print.h>

void jobqueue_print_engine(struct drm_printer *printer, const char *name, u64 ns);

/* As Documentation/gpu/drm-usage-stats.rst has it. */
void jobqueue_print_engine(struct drm_printer *printer, const char *name, u64 ns)
{
	drm_printf(printer, "drm-engine-%s:\t%llu ns\n", name, ns);
}
EXPORT_SYMBOL_GPL(jobqueue_print_engine);
