// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <linux/export.h>
#include <linux/types.h>

#include <drm/drm_print.h>

void jobqueue_print_usage(struct drm_printer *printer, const char *kind, const char *name,
			  u64 number, const char *unit);

/* As Documentation/gpu/drm-usage-stats.rst has it. The unit begins with a space. */
void jobqueue_print_usage(struct drm_printer *printer, const char *kind, const char *name,
			  u64 number, const char *unit)
{
	drm_printf(printer, "drm-%s-%s:\t%llu%s\n", kind, name, number, unit);
}
EXPORT_SYMBOL_GPL(jobqueue_print_usage);
