// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The functions of c.rs, for other modules, checked against the header that those see. */
#include <linux/export.h>

#include "jobqueue.h"

EXPORT_SYMBOL_GPL(jobqueue_device_create);
EXPORT_SYMBOL_GPL(jobqueue_device_destroy);
EXPORT_SYMBOL_GPL(jobqueue_create);
EXPORT_SYMBOL_GPL(jobqueue_close);
EXPORT_SYMBOL_GPL(jobqueue_put);
EXPORT_SYMBOL_GPL(jobqueue_prepare);
EXPORT_SYMBOL_GPL(jobqueue_abandon);
EXPORT_SYMBOL_GPL(jobqueue_commit);
EXPORT_SYMBOL_GPL(jobqueue_submit);
EXPORT_SYMBOL_GPL(jobqueue_complete);
