// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Holds references to fences of modules that are unloaded, as other drivers do. A read of
 * torture_keeper in debugfs checks the fences. Unloading this module releases them.
 */
#include <linux/debugfs.h>
#include <linux/dma-fence.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/sync_file.h>

#include "helpers.h"

#define KEPT 256

static DEFINE_SPINLOCK(lock);
static struct dma_fence *fences[KEPT];
static unsigned int count;
static struct dentry *file;

/* Takes a reference of its own, if there is room. */
void torture_keep(struct dma_fence *fence)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	if (count < KEPT)
		fences[count++] = dma_fence_get(fence);
	spin_unlock_irqrestore(&lock, flags);
}
EXPORT_SYMBOL_GPL(torture_keep);

static void must_not_run(struct dma_fence *fence, struct dma_fence_cb *cb)
{
}

/* All that others may ask of a fence. Says what is not as it has to be. */
static const char *check_fence(struct dma_fence *fence, bool *well)
{
	struct dma_fence_cb cb;
	struct sync_file *sync_file;
	const char *wrong = NULL;
	int status = dma_fence_get_status(fence);

	*well = status == 1;
	if (!dma_fence_is_signaled(fence) || !status)
		return "has not signalled";
	if (status != 1 && status != -ECANCELED && status != -EIO && status != -ETIME &&
	    status != -ENODEV)
		return "has an unknown error";
	if (ktime_to_ns(dma_fence_timestamp(fence)) <= 0)
		return "has no time";
	if (dma_fence_add_callback(fence, &cb, must_not_run) != -ENOENT)
		return "takes a callback";
	if (dma_fence_wait_timeout(fence, false, 1) <= 0)
		return "is waited for";
	dma_fence_set_deadline(fence, ktime_get());
	rcu_read_lock();
	if (strcmp((__force const char *)dma_fence_driver_name(fence), "detached-driver") ||
	    strcmp((__force const char *)dma_fence_timeline_name(fence), "signaled-timeline"))
		wrong = "refers to its driver";
	rcu_read_unlock();
	if (wrong)
		return wrong;
	sync_file = sync_file_create(fence);
	if (!sync_file)
		return "makes no sync file";
	fput(sync_file->file);
	return NULL;
}

static int kept_show(struct seq_file *seq, void *data)
{
	unsigned int well = 0, bad = 0, n = READ_ONCE(count);

	/* No fence is added concurrently: the module that adds them has been unloaded. */
	for (unsigned int i = 0; i < n; i++) {
		bool fine = false;
		const char *wrong = check_fence(fences[i], &fine);

		well += fine;
		if (wrong) {
			bad++;
			seq_printf(seq, "fence %llu:%llu %s\n", fences[i]->context,
				   fences[i]->seqno, wrong);
		}
	}
	seq_printf(seq, "%u fences, %u of them well, %u not as they have to be\n", n, well, bad);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(kept);

static int __init keeper_init(void)
{
	file = debugfs_create_file("torture_keeper", 0400, NULL, NULL, &kept_fops);
	return 0;
}

static void __exit keeper_exit(void)
{
	debugfs_remove(file);
	for (unsigned int i = 0; i < count; i++)
		dma_fence_put(fences[i]);
}

module_init(keeper_init);
module_exit(keeper_exit);
MODULE_DESCRIPTION("Holds fences of modules that go");
MODULE_LICENSE("Dual MIT/GPL");
