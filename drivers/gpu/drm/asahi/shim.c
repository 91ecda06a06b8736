// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the driver needs of the kernel that has no Rust abstraction in 7.3 and is neither memory nor
 * DRM. Only pointers and integers cross over; the declarations on the other side are in ffi.rs.
 */
#include <linux/device.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/math64.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sort.h>

#include <asm/arch_timer.h>
#include <asm/barrier.h>

/*
 * The mailbox
 */

int asahi_mailbox_check(struct device *dev);

/* Exported by drivers/soc/apple/mailbox.c, whose header is not among the public ones. */
struct apple_mbox;
struct apple_mbox *apple_mbox_get(struct device *dev, int index);

/* Whether RTKit will find the mailbox: -EPROBE_DEFER if that has no driver yet. */
int asahi_mailbox_check(struct device *dev)
{
	int ret = PTR_ERR_OR_ZERO(apple_mbox_get(dev, 0));

	/* There was no memory for the link between the devices. The driver core logs no -ENODEV. */
	if (ret == -ENODEV)
		dev_err(dev, "no link to the mailbox\n");
	return ret;
}

/*
 * Memory
 */

void asahi_no_alloc_begin(void);
void asahi_no_alloc_end(void);

/* Up to asahi_no_alloc_end() the thread allocates nothing. Lockdep reports it if it does. */
void asahi_no_alloc_begin(void)
{
	fs_reclaim_acquire(GFP_KERNEL);
}

void asahi_no_alloc_end(void)
{
	fs_reclaim_release(GFP_KERNEL);
}

/*
 * DMA
 */

bool asahi_dma_is_bounced(struct device *dev);

/* Whether DMA may be to copies of memory, whose size is the only limit that a mapping can have. */
bool asahi_dma_is_bounced(struct device *dev)
{
	return dma_max_mapping_size(dev) != SIZE_MAX;
}

/*
 * The timer that CPU and GPU share. The firmware turns its ticks into nanoseconds.
 */

u64 asahi_time_ns(void);

u64 asahi_time_ns(void)
{
	isb();
	return mul_u64_u64_div_u64(read_sysreg(cntpct_el0), NSEC_PER_SEC, arch_timer_get_cntfrq());
}

/* Whether the process of an ioctl is to die, and waits for the ioctl's end. */
bool asahi_killed(void);

bool asahi_killed(void)
{
	return fatal_signal_pending(current);
}

/* The process of an ioctl: its name, of TASK_COMM_LEN bytes, and its number. */
int asahi_current_process(char *name);

int asahi_current_process(char *name)
{
	BUILD_BUG_ON(TASK_COMM_LEN != 16);
	/* The thread group does not lose its leader before this thread is gone. */
	strscpy_pad(name, current->group_leader->comm, TASK_COMM_LEN);
	return task_tgid_nr(current);
}

/*
 * Sorting
 */

struct asahi_pair {
	u64 first;
	u64 second;
};

void asahi_sort(struct asahi_pair *pairs, size_t count);

static int compare_pairs(const void *a, const void *b)
{
	const struct asahi_pair *x = a, *y = b;

	return x->first != y->first ? cmp_int(x->first, y->first) : cmp_int(x->second, y->second);
}

/* Sorts by the first number, and by the second one where that is the same. */
void asahi_sort(struct asahi_pair *pairs, size_t count)
{
	sort(pairs, count, sizeof(*pairs), compare_pairs, NULL);
}

/*
 * Fences
 */

int asahi_find_point(struct dma_fence **fence, u64 point, u32 *left);
u32 asahi_count_leaves(struct dma_fence *fence, u32 most);

/*
 * Replaces @fence, the last point of a timeline, by the point that signals when @point is reached,
 * or by NULL if that has signalled, as dma_fence_chain_find_seqno() does; but counts down @left for
 * each point that it passes, and returns -E2BIG when that is 0. A failure leaves @fence alone.
 */
int asahi_find_point(struct dma_fence **fence, u64 point, u32 *left)
{
	struct dma_fence *last = *fence, *at;

	if (!to_dma_fence_chain(last) || last->seqno < point)
		return -EINVAL;

	at = dma_fence_get(last);
	/* What is of another context is no point, but what the first one had replaced. */
	while (at && at->context == last->context && to_dma_fence_chain(at)->prev_seqno >= point) {
		if (!*left) {
			dma_fence_put(at);
			return -E2BIG;
		}
		--*left;
		at = dma_fence_chain_walk(at);
	}
	dma_fence_put(last);
	*fence = at;
	return 0;
}

/* The number of fences in @fence, which may be a chain or an array; @most + 1 if there are more. */
u32 asahi_count_leaves(struct dma_fence *fence, u32 most)
{
	struct dma_fence_unwrap cursor;
	struct dma_fence *leaf;
	u32 count = 0;

	dma_fence_unwrap_for_each(leaf, &cursor, fence) {
		if (count++ == most) {
			/* What the end of the loop would have dropped. */
			dma_fence_put(cursor.chain);
			break;
		}
	}
	return count;
}
