// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The part of the rtkit crate that has to be C: it knows the layouts of
 * include/linux/soc/apple/rtkit.h, so that the Rust side does not have to repeat them.
 *
 * One struct rtkit per coprocessor. It belongs to two owners: the Rust object, and a device managed
 * action that closes it when the device is unbound, whatever the Rust object does. After the close
 * every call fails with -ENODEV and no callback runs any more.
 */

#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/soc/apple/rtkit.h>
#include <linux/workqueue.h>

struct rtkit {
	struct kref ref;
	/* One for being open, and one for each call that runs: the last one to go completes @idle. */
	refcount_t users;
	struct completion idle;
	bool closed;
	/*
	 * Serialises boot and shutdown. Not taken to send: messages are sent where fences wait for
	 * it, and booting allocates.
	 */
	struct mutex boot_lock;
	/*
	 * Keeps senders apart: two of them that find the FIFO of the mailbox full at the same time
	 * would enable its interrupt twice (see apple_mbox_send()).
	 */
	struct mutex send_lock;
	struct apple_rtkit *rtk;
	struct apple_rtkit_ops ops;
};

/* What Rust calls: the declarations are in raw.rs. */
struct rtkit *rtkit_create(struct device *dev, int mbox, void *cookie,
			   void (*crashed)(void *, const void *, size_t),
			   void (*recv)(void *, u8, u64),
			   bool (*recv_early)(void *, u8, u64),
			   int (*shmem_setup)(void *, struct apple_rtkit_shmem *),
			   void (*shmem_destroy)(void *, struct apple_rtkit_shmem *));
void rtkit_close(struct rtkit *r);
void rtkit_put(struct rtkit *r);
int rtkit_boot(struct rtkit *r, bool wake);
int rtkit_shutdown(struct rtkit *r);
int rtkit_start_ep(struct rtkit *r, u8 ep);
int rtkit_send(struct rtkit *r, u8 ep, u64 msg);
bool rtkit_is_crashed(struct rtkit *r);
size_t rtkit_shmem_size(const struct apple_rtkit_shmem *shmem);
u64 rtkit_shmem_iova(const struct apple_rtkit_shmem *shmem);
void rtkit_shmem_fill(struct apple_rtkit_shmem *shmem, void *buffer, u64 iova, size_t size,
		      void *private);
void *rtkit_shmem_private(const struct apple_rtkit_shmem *shmem);

static void rtkit_release(struct kref *ref)
{
	kfree(container_of(ref, struct rtkit, ref));
}

void rtkit_put(struct rtkit *r)
{
	kref_put(&r->ref, rtkit_release);
}

static bool rtkit_get_open(struct rtkit *r)
{
	return refcount_inc_not_zero(&r->users);
}

static void rtkit_put_open(struct rtkit *r)
{
	if (refcount_dec_and_test(&r->users))
		complete(&r->idle);
}

DEFINE_FREE(rtkit_open, struct rtkit *, if (_T) rtkit_put_open(_T))

/*
 * May sleep. Waits for calls and callbacks that run, so it may not be called from a callback.
 * Idempotent, but a second caller may return before the first one is done: only the devres action
 * and the Rust object call it, and unbinding waits for both.
 */
void rtkit_close(struct rtkit *r)
{
	if (xchg(&r->closed, true))
		return;
	rtkit_put_open(r);
	wait_for_completion(&r->idle);
	apple_rtkit_free(r->rtk);
}

static void rtkit_devm_close(void *data)
{
	struct rtkit *r = data;

	rtkit_close(r);
	rtkit_put(r);
}

struct rtkit *rtkit_create(struct device *dev, int mbox, void *cookie,
			   void (*crashed)(void *, const void *, size_t),
			   void (*recv)(void *, u8, u64),
			   bool (*recv_early)(void *, u8, u64),
			   int (*shmem_setup)(void *, struct apple_rtkit_shmem *),
			   void (*shmem_destroy)(void *, struct apple_rtkit_shmem *))
{
	struct rtkit *r;
	int ret;

	r = kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return ERR_PTR(-ENOMEM);

	kref_init(&r->ref);
	refcount_set(&r->users, 1);
	init_completion(&r->idle);
	mutex_init(&r->boot_lock);
	mutex_init(&r->send_lock);
	r->ops.crashed = crashed;
	r->ops.recv_message = recv;
	r->ops.recv_message_early = recv_early;
	r->ops.shmem_setup = shmem_setup;
	r->ops.shmem_destroy = shmem_destroy;

	r->rtk = apple_rtkit_init(dev, cookie, NULL, mbox, &r->ops);
	if (IS_ERR(r->rtk)) {
		ret = PTR_ERR(r->rtk);
		rtkit_put(r);
		return ERR_PTR(ret);
	}

	kref_get(&r->ref);
	ret = devm_add_action_or_reset(dev, rtkit_devm_close, r);
	if (ret) {
		rtkit_put(r);
		return ERR_PTR(ret);
	}

	return r;
}

struct rtkit_call {
	struct work_struct work;
	int (*call)(struct apple_rtkit *rtk);
	struct apple_rtkit *rtk;
	int ret;
};

static void rtkit_call_work(struct work_struct *work)
{
	struct rtkit_call *c = container_of(work, struct rtkit_call, work);

	c->ret = c->call(c->rtk);
}

/*
 * The library waits interruptibly, some seconds at most. A signal for whoever happens to bind or
 * unbind the device must not leave the coprocessor half way, so a worker does it: it gets none.
 */
static int rtkit_call(struct apple_rtkit *rtk, int (*call)(struct apple_rtkit *rtk))
{
	struct rtkit_call c = { .call = call, .rtk = rtk };

	INIT_WORK_ONSTACK(&c.work, rtkit_call_work);
	queue_work(system_dfl_wq, &c.work);
	flush_work(&c.work);
	destroy_work_on_stack(&c.work);
	return c.ret;
}

int rtkit_boot(struct rtkit *r, bool wake)
{
	struct rtkit *open __free(rtkit_open) = rtkit_get_open(r) ? r : NULL;

	if (!open)
		return -ENODEV;

	guard(mutex)(&r->boot_lock);
	return rtkit_call(r->rtk, wake ? apple_rtkit_wake : apple_rtkit_boot);
}

int rtkit_shutdown(struct rtkit *r)
{
	struct rtkit *open __free(rtkit_open) = rtkit_get_open(r) ? r : NULL;

	if (!open)
		return -ENODEV;

	guard(mutex)(&r->boot_lock);
	if (!apple_rtkit_is_running(r->rtk))
		return -ENODEV;
	return rtkit_call(r->rtk, apple_rtkit_shutdown);
}

int rtkit_start_ep(struct rtkit *r, u8 ep)
{
	struct rtkit *open __free(rtkit_open) = rtkit_get_open(r) ? r : NULL;

	if (!open)
		return -ENODEV;
	return apple_rtkit_start_ep(r->rtk, ep);
}

int rtkit_send(struct rtkit *r, u8 ep, u64 msg)
{
	struct rtkit *open __free(rtkit_open) = rtkit_get_open(r) ? r : NULL;
	int ret;

	if (!open)
		return -ENODEV;

	guard(mutex)(&r->send_lock);
	/* Behind the lock: it may have crashed while we waited. */
	if (!apple_rtkit_is_running(r->rtk))
		return -ENODEV;

	ret = apple_rtkit_send_message(r->rtk, ep, msg, NULL, false);
	/*
	 * The FIFO is full and a signal is pending for this thread. The message has to go out
	 * nevertheless, since the ring entry that it announces is written.
	 */
	if (ret == -ERESTARTSYS)
		ret = apple_rtkit_send_message(r->rtk, ep, msg, NULL, true);
	return ret;
}

bool rtkit_is_crashed(struct rtkit *r)
{
	struct rtkit *open __free(rtkit_open) = rtkit_get_open(r) ? r : NULL;

	return open && apple_rtkit_is_crashed(r->rtk);
}

size_t rtkit_shmem_size(const struct apple_rtkit_shmem *shmem)
{
	return shmem->size;
}

u64 rtkit_shmem_iova(const struct apple_rtkit_shmem *shmem)
{
	return shmem->iova;
}

void rtkit_shmem_fill(struct apple_rtkit_shmem *shmem, void *buffer, u64 iova, size_t size,
		      void *private)
{
	shmem->buffer = buffer;
	shmem->iova = iova;
	shmem->size = size;
	shmem->private = private;
}

void *rtkit_shmem_private(const struct apple_rtkit_shmem *shmem)
{
	return shmem->private;
}
