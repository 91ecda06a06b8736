// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The C half of the rtkit crate: it uses the structures of include/linux/soc/apple/rtkit.h, so that
 * the Rust half does not have to repeat their layouts.
 *
 * There is one struct rtkit for each coprocessor. It has two owners: the Rust object, and a device
 * managed action that closes it when the device is unbound, whatever the Rust object does. After
 * the close every call fails with -ENODEV and no callback runs.
 */

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/soc/apple/rtkit.h>
#include <linux/workqueue.h>

/* A message that may be sent again at any time: "look at that ring". As in lib.rs. */
struct rtkit_message {
	u64 message;
	u8 endpoint;
};

struct rtkit {
	struct kref ref;
	/*
	 * One for being open, and one for each call that runs. The last one to go completes @idle.
	 */
	refcount_t users;
	struct completion idle;
	/* Set by the first closer. @closed completes when that one is through. */
	bool closing;
	struct completion closed;
	/* Serialises boot, shutdown, and messages that are no doorbells. */
	struct mutex boot_lock;
	struct apple_rtkit *rtk;
	struct apple_rtkit_ops ops;
	void *cookie;

	/* Doorbells that were rung and not yet sent, by their index in @doorbells. */
	atomic64_t rung;
	const struct rtkit_message *doorbells;
	struct kthread_work ring_work;
	struct kthread_worker *ring_worker;
	void (*send_failed)(void *cookie, int error);
	/* It reads no message: @send_failed was called. Until it was booted again none is sent. */
	bool deaf;
};

/* What Rust calls: the declarations are in raw.rs. */
struct rtkit *rtkit_create(struct device *dev, int mbox, void *cookie,
			   const struct rtkit_message *doorbells,
			   void (*crashed)(void *, const void *, size_t),
			   void (*recv)(void *, u8, u64),
			   bool (*recv_early)(void *, u8, u64),
			   void (*send_failed)(void *, int),
			   int (*shmem_setup)(void *, struct apple_rtkit_shmem *),
			   void (*shmem_destroy)(void *, struct apple_rtkit_shmem *));
void rtkit_close(struct rtkit *r);
void rtkit_put(struct rtkit *r);
int rtkit_boot(struct rtkit *r, bool wake);
int rtkit_shutdown(struct rtkit *r);
int rtkit_start_ep(struct rtkit *r, u8 ep);
int rtkit_send(struct rtkit *r, u8 ep, u64 msg);
void rtkit_ring(struct rtkit *r, u64 doorbells);
bool rtkit_is_crashed(struct rtkit *r);
int rtkit_shmem_request(const struct apple_rtkit_shmem *shmem, size_t *size);
void rtkit_shmem_fill(struct apple_rtkit_shmem *shmem, void *buffer, u64 iova, size_t size,
		      void *private);
void *rtkit_shmem_private(const struct apple_rtkit_shmem *shmem);

static void rtkit_release(struct kref *ref)
{
	struct rtkit *r = container_of(ref, struct rtkit, ref);

	if (r->ring_worker)
		kthread_destroy_worker(r->ring_worker);
	kfree(r);
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
 * Sleeps until calls and callbacks that run have returned, so it may not be called from a callback.
 * Idempotent: every closer returns when the close is through, whichever began it. So neither the
 * device goes on being unbound nor the Rust object frees what the callbacks use while one of them
 * runs.
 */
void rtkit_close(struct rtkit *r)
{
	if (!xchg(&r->closing, true)) {
		rtkit_put_open(r);
		/* From here on rtkit_ring_work() does nothing, however often it is queued. */
		wait_for_completion(&r->idle);
		apple_rtkit_free(r->rtk);
		complete_all(&r->closed);
	}
	wait_for_completion(&r->closed);
}

static void rtkit_devm_close(void *data)
{
	struct rtkit *r = data;

	rtkit_close(r);
	rtkit_put(r);
}

/*
 * Sends the doorbells that were rung.
 *
 * "Atomic" is what the library calls the way to send that does not sleep. The other one, when the
 * FIFO of the mailbox is full, enables an interrupt and waits; two senders that do so at a time, or
 * one whose wait ends early, leave the depth of that interrupt wrong ("Unbalanced enable for IRQ"),
 * and the library's own worker sends like that. This one never touches the interrupt. What it
 * costs: while the FIFO is full it spins with interrupts off, for the microseconds until the
 * coprocessor takes a message, or for half a second if that never takes another one. The latter
 * happens once after each boot, since none is sent afterwards (@deaf), and the driver gives it up
 * in @send_failed. It happens here, in a thread of the kernel's, and in none of a user's.
 *
 * The thread is a real-time one, as that of drm/msm is for the same purpose: it needs a few hundred
 * instructions for what a job and all fences behind it wait for. Under PREEMPT_LAZY a workqueue's
 * thread, however low its nice value, would not run before the submitting one returns to user
 * space. It exists from the beginning, so no memory is needed for it when memory waits for fences.
 */
static void rtkit_ring_work(struct kthread_work *work)
{
	struct rtkit *r = container_of(work, struct rtkit, ring_work);
	struct rtkit *open __free(rtkit_open) = rtkit_get_open(r) ? r : NULL;
	u64 rung;

	if (!open || READ_ONCE(r->deaf))
		return;
	rung = atomic64_xchg(&r->rung, 0);
	for (; rung; rung &= rung - 1) {
		const struct rtkit_message *m = &r->doorbells[__ffs64(rung)];
		int ret;

		/* It has crashed, or was put to sleep: it looks at no ring any more. */
		if (!apple_rtkit_is_running(r->rtk))
			return;
		ret = apple_rtkit_send_message(r->rtk, m->endpoint, m->message, NULL, true);
		if (!ret)
			continue;
		/* If it stopped meanwhile, the library refused to send: that is no failure. */
		if (apple_rtkit_is_running(r->rtk)) {
			WRITE_ONCE(r->deaf, true);
			r->send_failed(r->cookie, ret);
		}
		return;
	}
}

/*
 * Any context. What was written to memory before is there for the coprocessor when it gets the
 * message: the exchange orders this before the worker's atomic64_xchg(), and the library has a
 * barrier before it sends.
 */
void rtkit_ring(struct rtkit *r, u64 doorbells)
{
	atomic64_fetch_or(doorbells, &r->rung);
	/*
	 * Queued also if the bits were set already: the thread that has set them may have been
	 * preempted before it got here, and other callers must not depend on it.
	 */
	kthread_queue_work(r->ring_worker, &r->ring_work);
}

struct rtkit *rtkit_create(struct device *dev, int mbox, void *cookie,
			   const struct rtkit_message *doorbells,
			   void (*crashed)(void *, const void *, size_t),
			   void (*recv)(void *, u8, u64),
			   bool (*recv_early)(void *, u8, u64),
			   void (*send_failed)(void *, int),
			   int (*shmem_setup)(void *, struct apple_rtkit_shmem *),
			   void (*shmem_destroy)(void *, struct apple_rtkit_shmem *))
{
	struct rtkit *r;
	int ret;

	r = kzalloc_obj(*r);
	if (!r)
		return ERR_PTR(-ENOMEM);

	kref_init(&r->ref);
	refcount_set(&r->users, 1);
	init_completion(&r->idle);
	init_completion(&r->closed);
	mutex_init(&r->boot_lock);
	r->cookie = cookie;
	r->ops.crashed = crashed;
	r->ops.recv_message = recv;
	r->ops.recv_message_early = recv_early;
	r->ops.shmem_setup = shmem_setup;
	r->ops.shmem_destroy = shmem_destroy;

	atomic64_set(&r->rung, 0);
	r->doorbells = doorbells;
	r->send_failed = send_failed;
	kthread_init_work(&r->ring_work, rtkit_ring_work);
	r->ring_worker = kthread_run_worker(0, "rtkit-ring-%s", dev_name(dev));
	if (IS_ERR(r->ring_worker)) {
		ret = PTR_ERR(r->ring_worker);
		r->ring_worker = NULL;
		rtkit_put(r);
		return ERR_PTR(ret);
	}
	sched_set_fifo_low(r->ring_worker->task);

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

/* A call of the library's that sends and waits. */
struct rtkit_call {
	struct work_struct work;
	int (*call)(struct rtkit_call *c);
	struct rtkit *r;
	u8 ep;
	u64 msg;
	int ret;
};

static void rtkit_call_work(struct work_struct *work)
{
	struct rtkit_call *c = container_of(work, struct rtkit_call, work);

	c->ret = c->call(c);
}

/*
 * The library waits interruptibly, some seconds at most. A signal for the thread that happens to
 * bind or unbind the device must not leave the coprocessor half way, nor the interrupt of the
 * mailbox enabled. So a worker does it: it gets no signals.
 */
static int rtkit_call(struct rtkit *r, struct rtkit_call c)
{
	struct rtkit *open __free(rtkit_open) = rtkit_get_open(r) ? r : NULL;

	if (!open)
		return -ENODEV;

	guard(mutex)(&r->boot_lock);
	c.r = r;
	INIT_WORK_ONSTACK(&c.work, rtkit_call_work);
	queue_work(system_dfl_wq, &c.work);
	flush_work(&c.work);
	destroy_work_on_stack(&c.work);
	return c.ret;
}

/* One that has booted has read messages. */
static int rtkit_booted(struct rtkit_call *c, int ret)
{
	if (!ret)
		WRITE_ONCE(c->r->deaf, false);
	return ret;
}

static int rtkit_do_boot(struct rtkit_call *c)
{
	return rtkit_booted(c, apple_rtkit_boot(c->r->rtk));
}

static int rtkit_do_wake(struct rtkit_call *c)
{
	return rtkit_booted(c, apple_rtkit_wake(c->r->rtk));
}

int rtkit_boot(struct rtkit *r, bool wake)
{
	return rtkit_call(r, (struct rtkit_call){ .call = wake ? rtkit_do_wake : rtkit_do_boot });
}

/* The time for the first answer on the way down: the coprocessor ends what it is at before. */
#define RTKIT_QUIESCE_LIMIT (10 * HZ)

/*
 * Quiesced, not asleep: of the two ways that RTKit has, this is the one of which it is known that
 * AGX comes back from it. The next one to come wakes it.
 *
 * The library tells the coprocessor the host's state, and then that of its own, and waits for a
 * second for each answer. While the library takes both for running the first answer has not come,
 * so the second message was not sent, and the first may be sent again [I]. A second message without
 * an answer must not be: the coprocessor may sleep. Nothing tells when that answer comes.
 */
static int rtkit_do_shutdown(struct rtkit_call *c)
{
	unsigned long end = jiffies + RTKIT_QUIESCE_LIMIT;
	int ret = -ENODEV;

	while (apple_rtkit_is_running(c->r->rtk)) {
		ret = apple_rtkit_quiesce(c->r->rtk);
		if (ret != -ETIME || time_after(jiffies, end))
			break;
	}
	return ret;
}

int rtkit_shutdown(struct rtkit *r)
{
	return rtkit_call(r, (struct rtkit_call){ .call = rtkit_do_shutdown });
}

static int rtkit_do_start_ep(struct rtkit_call *c)
{
	return apple_rtkit_start_ep(c->r->rtk, c->ep);
}

int rtkit_start_ep(struct rtkit *r, u8 ep)
{
	return rtkit_call(r, (struct rtkit_call){ .call = rtkit_do_start_ep, .ep = ep });
}

static int rtkit_do_send(struct rtkit_call *c)
{
	if (!apple_rtkit_is_running(c->r->rtk))
		return -ENODEV;
	if (READ_ONCE(c->r->deaf))
		return -ETIMEDOUT;
	return apple_rtkit_send_message(c->r->rtk, c->ep, c->msg, NULL, true);
}

int rtkit_send(struct rtkit *r, u8 ep, u64 msg)
{
	return rtkit_call(r, (struct rtkit_call){ .call = rtkit_do_send, .ep = ep, .msg = msg });
}

bool rtkit_is_crashed(struct rtkit *r)
{
	struct rtkit *open __free(rtkit_open) = rtkit_get_open(r) ? r : NULL;

	return open && apple_rtkit_is_crashed(r->rtk);
}

/*
 * Stores the size of the memory that is asked for. Memory of the coprocessor's own, as that of the
 * SMC has, is refused: it may be accessed as I/O memory only, and the answer for it differs.
 */
int rtkit_shmem_request(const struct apple_rtkit_shmem *shmem, size_t *size)
{
	if (shmem->iova)
		return -EOPNOTSUPP;
	*size = shmem->size;
	return 0;
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
