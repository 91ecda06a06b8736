// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * KUnit tests of the C half of the rtkit crate, on a library that does what a test says. What the
 * library does with a mailbox is the emulator's to test.
 */
#include <linux/soc/apple/rtkit.h>

#define apple_rtkit_init fake_init
#define apple_rtkit_free fake_free
#define apple_rtkit_boot fake_boot
#define apple_rtkit_wake fake_boot
#define apple_rtkit_quiesce fake_quiesce
#define apple_rtkit_start_ep fake_start_ep
#define apple_rtkit_send_message fake_send_message
#define apple_rtkit_is_running fake_is_running
#define apple_rtkit_is_crashed fake_is_crashed

/* If all is part of the kernel the driver has these as well. */
#define rtkit_create tested_create
#define rtkit_close tested_close
#define rtkit_put tested_put
#define rtkit_boot tested_boot
#define rtkit_shutdown tested_shutdown
#define rtkit_start_ep tested_start_ep
#define rtkit_send tested_send
#define rtkit_ring tested_ring
#define rtkit_is_crashed tested_is_crashed
#define rtkit_shmem_request tested_shmem_request
#define rtkit_shmem_fill tested_shmem_fill
#define rtkit_shmem_private tested_shmem_private

static struct apple_rtkit *fake_init(struct device *dev, void *cookie, const char *mbox_name,
				     int mbox_idx, const struct apple_rtkit_ops *ops);
static void fake_free(struct apple_rtkit *rtk);
static int fake_boot(struct apple_rtkit *rtk);
static int fake_quiesce(struct apple_rtkit *rtk);
static int fake_start_ep(struct apple_rtkit *rtk, u8 ep);
static int fake_send_message(struct apple_rtkit *rtk, u8 ep, u64 message,
			     struct completion *completion, bool atomic);
static bool fake_is_running(struct apple_rtkit *rtk);
static bool fake_is_crashed(struct apple_rtkit *rtk);

#include "../shim.c"

#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

/* How long something may take, and how long something that must not happen is waited for. */
#define LIMIT (60 * HZ)
#define SOON (HZ / 20)

/* The library. */
static struct {
	/* It is being freed, and may be: what its workqueue runs ends then. */
	struct completion freeing, may_free;
	unsigned int freed;
	int sent;
	/* What becomes of a message, and how often the driver was told that one was not sent. */
	int error;
	int failed;
	/* The coprocessor stops as it is sent a message. */
	bool stops;
	/* A thread rings while a message is sent. */
	struct rtkit *rings;
	/* How often it is asked to quiesce, and the first such call to which both answers come. */
	unsigned int quiesces, answered;
	/* The call by which the first answer has come. It counts as running until then. */
	unsigned int stopped;
} fake;

static struct apple_rtkit *fake_init(struct device *dev, void *cookie, const char *mbox_name,
				     int mbox_idx, const struct apple_rtkit_ops *ops)
{
	return (struct apple_rtkit *)&fake;
}

static void fake_free(struct apple_rtkit *rtk)
{
	complete(&fake.freeing);
	wait_for_completion(&fake.may_free);
	fake.freed++;
}

static int fake_boot(struct apple_rtkit *rtk)
{
	return 0;
}

static int fake_quiesce(struct apple_rtkit *rtk)
{
	fake.quiesces++;
	return fake.quiesces >= fake.answered ? 0 : -ETIME;
}

static int fake_start_ep(struct apple_rtkit *rtk, u8 ep)
{
	return 0;
}

static int fake_send_message(struct apple_rtkit *rtk, u8 ep, u64 message,
			     struct completion *completion, bool atomic)
{
	fake.sent++;
	if (fake.rings)
		rtkit_ring(fake.rings, 1);
	if (fake.stops)
		fake.stopped = 0;
	return fake.error;
}

static void send_failed(void *cookie, int error)
{
	fake.failed++;
}

static bool fake_is_running(struct apple_rtkit *rtk)
{
	return fake.quiesces < fake.stopped;
}

static bool fake_is_crashed(struct apple_rtkit *rtk)
{
	return false;
}

static int rtkit_test_init(struct kunit *test)
{
	memset(&fake, 0, sizeof(fake));
	fake.stopped = 1;
	init_completion(&fake.freeing);
	init_completion(&fake.may_free);
	return 0;
}

static const struct rtkit_message doorbells[] = { { .message = 1, .endpoint = 0x20 } };

/* A test that has failed has not let the library go on. */
static void put_rtkit(void *r)
{
	complete_all(&fake.may_free);
	rtkit_put(r);
}

static struct rtkit *new_rtkit(struct kunit *test, struct device **dev)
{
	struct rtkit *r;

	/* That of the test before may still have its name (DEBUG_KOBJECT_RELEASE). */
	*dev = kunit_device_register(test, test->name);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, *dev);
	r = rtkit_create(*dev, 0, NULL, doorbells, NULL, NULL, NULL, send_failed, NULL,
			 NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, r);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_rtkit, r), 0);
	return r;
}

/* A thread that closes: by itself, or as the device is unbound. */
struct closer {
	struct rtkit *r;
	struct kunit *test;
	struct device *dev;
	struct completion begun, through;
	struct task_struct *thread;
};

static int closer_run(void *data)
{
	struct closer *closer = data;

	complete(&closer->begun);
	if (closer->dev)
		kunit_device_unregister(closer->test, closer->dev);
	else
		rtkit_close(closer->r);
	complete_all(&closer->through);
	return 0;
}

/* Also of a test that has failed: its threads use what it has made. */
static void end_closer(void *data)
{
	struct closer *closer = data;

	complete_all(&fake.may_free);
	kthread_stop_put(closer->thread);
}

/* Makes a thread that does not run before start(). */
static struct closer *new_closer(struct kunit *test, struct rtkit *r, struct device *dev)
{
	struct closer *closer = kunit_kzalloc(test, sizeof(*closer), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, closer);
	closer->r = r;
	closer->test = test;
	closer->dev = dev;
	init_completion(&closer->begun);
	init_completion(&closer->through);
	closer->thread = kthread_create(closer_run, closer, "rtkit-closer");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, closer->thread);
	get_task_struct(closer->thread);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_closer, closer), 0);
	return closer;
}

static void start(struct closer *closer)
{
	wake_up_process(closer->thread);
}

static bool is_through(struct closer *closer, unsigned long limit)
{
	return wait_for_completion_timeout(&closer->through, limit) > 0;
}

/* Waits until a thread that was started sleeps, or is through. Returns whether it does. */
static bool settles(struct closer *closer)
{
	unsigned long end = jiffies + LIMIT;

	if (!wait_for_completion_timeout(&closer->begun, LIMIT))
		return false;
	while (!completion_done(&closer->through) && task_is_running(closer->thread)) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(100, 200);
	}
	return true;
}

/*
 * One closes while the library still runs callbacks. The other one must not return before that is
 * over: it frees what these use, or the device goes.
 */
static void two_closers(struct kunit *test, bool unbinds_first)
{
	struct device *dev;
	struct rtkit *r = new_rtkit(test, &dev);
	struct closer *one = new_closer(test, r, unbinds_first ? dev : NULL);
	struct closer *other = new_closer(test, r, unbinds_first ? NULL : dev);

	start(one);
	KUNIT_ASSERT_GT(test, wait_for_completion_timeout(&fake.freeing, LIMIT), 0);
	start(other);
	KUNIT_ASSERT_TRUE(test, settles(other));
	KUNIT_EXPECT_FALSE(test, is_through(other, SOON));
	KUNIT_EXPECT_FALSE(test, is_through(one, 0));
	complete_all(&fake.may_free);
	KUNIT_ASSERT_TRUE(test, is_through(one, LIMIT));
	KUNIT_ASSERT_TRUE(test, is_through(other, LIMIT));
	KUNIT_EXPECT_EQ(test, fake.freed, 1);
}

static void dropped_while_unbound(struct kunit *test)
{
	two_closers(test, true);
}

static void unbound_while_dropped(struct kunit *test)
{
	two_closers(test, false);
}

/* What comes after the close is refused, and a doorbell is not sent. */
static void calls_after_close(struct kunit *test)
{
	struct device *dev;
	struct rtkit *r = new_rtkit(test, &dev);

	KUNIT_EXPECT_EQ(test, rtkit_boot(r, false), 0);
	KUNIT_EXPECT_EQ(test, rtkit_send(r, 0x20, 1), 0);
	rtkit_ring(r, 1);
	kthread_flush_work(&r->ring_work);
	KUNIT_EXPECT_EQ(test, fake.sent, 2);
	complete_all(&fake.may_free);
	rtkit_close(r);
	rtkit_close(r);
	KUNIT_EXPECT_EQ(test, rtkit_boot(r, false), -ENODEV);
	KUNIT_EXPECT_EQ(test, rtkit_shutdown(r), -ENODEV);
	KUNIT_EXPECT_EQ(test, rtkit_start_ep(r, 0x20), -ENODEV);
	KUNIT_EXPECT_EQ(test, rtkit_send(r, 0x20, 1), -ENODEV);
	KUNIT_EXPECT_FALSE(test, rtkit_is_crashed(r));
	rtkit_ring(r, 1);
	kthread_flush_work(&r->ring_work);
	KUNIT_EXPECT_EQ(test, fake.sent, 2);
	KUNIT_EXPECT_EQ(test, fake.freed, 1);
	kunit_device_unregister(test, dev);
}

/* Waits until the doorbells were sent that were rung, meanwhile included. */
static void flush(struct rtkit *r)
{
	kthread_flush_worker(r->ring_worker);
	kthread_flush_worker(r->ring_worker);
}

/*
 * The coprocessor reads no message. The wait for it has interrupts off, so there is one, and the
 * driver is told once, however often a doorbell is rung. After another boot it reads them again.
 */
static void deaf(struct kunit *test)
{
	struct device *dev;
	struct rtkit *r = new_rtkit(test, &dev);

	fake.error = -ETIMEDOUT;
	fake.rings = r;
	rtkit_ring(r, 1);
	flush(r);
	rtkit_ring(r, 1);
	flush(r);
	KUNIT_EXPECT_EQ(test, fake.sent, 1);
	KUNIT_EXPECT_EQ(test, fake.failed, 1);
	KUNIT_EXPECT_EQ(test, rtkit_send(r, 0x20, 1), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, fake.sent, 1);
	fake.error = 0;
	fake.rings = NULL;
	KUNIT_EXPECT_EQ(test, rtkit_boot(r, true), 0);
	rtkit_ring(r, 1);
	flush(r);
	KUNIT_EXPECT_EQ(test, fake.sent, 2);
	KUNIT_EXPECT_EQ(test, fake.failed, 1);
}

/* It has crashed, or was shut down, as a message was to be sent. That is no failure of sending. */
static void stops_meanwhile(struct kunit *test)
{
	struct device *dev;
	struct rtkit *r = new_rtkit(test, &dev);

	fake.error = -EINVAL;
	fake.stops = true;
	rtkit_ring(r, 1);
	flush(r);
	KUNIT_EXPECT_EQ(test, fake.sent, 1);
	KUNIT_EXPECT_EQ(test, fake.failed, 0);
}

/* Returns what a shutdown does with answers that come in those calls. */
static int shut_down(struct kunit *test, unsigned int stopped, unsigned int answered)
{
	struct device *dev;
	struct rtkit *r = new_rtkit(test, &dev);

	fake.stopped = stopped;
	fake.answered = answered;
	return rtkit_shutdown(r);
}

/* It answers at the third time that it is asked, and is asked until then. */
static void answers_late(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, shut_down(test, 3, 3), 0);
	KUNIT_EXPECT_EQ(test, fake.quiesces, 3);
}

/* It may sleep after that, so it is asked no more. */
static void answers_half(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, shut_down(test, 2, 4), -ETIME);
	KUNIT_EXPECT_EQ(test, fake.quiesces, 2);
}

static void does_not_run(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, shut_down(test, 0, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, fake.quiesces, 0);
}

/* Memory that the coprocessor has mapped is refused: the library would take it for ours. */
static void memory_of_its_own(struct kunit *test)
{
	struct apple_rtkit_shmem shmem = { .size = 0x4000 };
	size_t size = 0;

	KUNIT_EXPECT_EQ(test, rtkit_shmem_request(&shmem, &size), 0);
	KUNIT_EXPECT_EQ(test, size, 0x4000);
	shmem.iova = 0x10000;
	KUNIT_EXPECT_EQ(test, rtkit_shmem_request(&shmem, &size), -EOPNOTSUPP);
}

static struct kunit_case rtkit_cases[] = {
	KUNIT_CASE(dropped_while_unbound),
	KUNIT_CASE(unbound_while_dropped),
	KUNIT_CASE(calls_after_close),
	KUNIT_CASE(deaf),
	KUNIT_CASE(stops_meanwhile),
	KUNIT_CASE(answers_late),
	KUNIT_CASE(answers_half),
	KUNIT_CASE(does_not_run),
	KUNIT_CASE(memory_of_its_own),
	{}
};

static struct kunit_suite rtkit_suite = {
	.name = "rtkit",
	.init = rtkit_test_init,
	.test_cases = rtkit_cases,
};

kunit_test_suite(rtkit_suite);

MODULE_AUTHOR("The asahi-async authors");
MODULE_DESCRIPTION("Tests of RTKit's C half");
MODULE_LICENSE("Dual MIT/GPL");
