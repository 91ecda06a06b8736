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
#define apple_rtkit_quiesce fake_boot
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
#define rtkit_shmem_size tested_shmem_size
#define rtkit_shmem_iova tested_shmem_iova
#define rtkit_shmem_fill tested_shmem_fill
#define rtkit_shmem_private tested_shmem_private

static struct apple_rtkit *fake_init(struct device *dev, void *cookie, const char *mbox_name,
				     int mbox_idx, const struct apple_rtkit_ops *ops);
static void fake_free(struct apple_rtkit *rtk);
static int fake_boot(struct apple_rtkit *rtk);
static int fake_start_ep(struct apple_rtkit *rtk, u8 ep);
static int fake_send_message(struct apple_rtkit *rtk, u8 ep, u64 message,
			     struct completion *completion, bool atomic);
static bool fake_is_running(struct apple_rtkit *rtk);
static bool fake_is_crashed(struct apple_rtkit *rtk);

#include "../shim.c"

#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/task.h>

/* How long something may take, and how long something that must not happen is waited for. */
#define LIMIT (10 * HZ)
#define SOON (HZ / 20)

/* The library. */
static struct {
	/* It is being freed, and may be: what its workqueue runs ends then. */
	struct completion freeing, may_free;
	unsigned int freed;
	int sent;
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

static int fake_start_ep(struct apple_rtkit *rtk, u8 ep)
{
	return 0;
}

static int fake_send_message(struct apple_rtkit *rtk, u8 ep, u64 message,
			     struct completion *completion, bool atomic)
{
	fake.sent++;
	return 0;
}

static bool fake_is_running(struct apple_rtkit *rtk)
{
	return true;
}

static bool fake_is_crashed(struct apple_rtkit *rtk)
{
	return false;
}

static int rtkit_test_init(struct kunit *test)
{
	memset(&fake, 0, sizeof(fake));
	init_completion(&fake.freeing);
	init_completion(&fake.may_free);
	return 0;
}

static const struct rtkit_message doorbells[] = { { .message = 1, .endpoint = 0x20 } };

static struct rtkit *new_rtkit(struct kunit *test, struct device **dev)
{
	struct rtkit *r;

	/* That of the test before may still have its name (DEBUG_KOBJECT_RELEASE). */
	*dev = kunit_device_register(test, test->name);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, *dev);
	r = rtkit_create(*dev, 0, NULL, doorbells, NULL, NULL, NULL, NULL, NULL, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, r);
	return r;
}

/* A thread that closes: by itself, or as the device is unbound. */
struct closer {
	struct rtkit *r;
	struct kunit *test;
	struct device *dev;
	struct completion through;
	struct task_struct *thread;
};

static int closer_run(void *data)
{
	struct closer *closer = data;

	if (closer->dev)
		kunit_device_unregister(closer->test, closer->dev);
	else
		rtkit_close(closer->r);
	complete(&closer->through);
	return 0;
}

static void start(struct kunit *test, struct closer *closer)
{
	closer->test = test;
	init_completion(&closer->through);
	closer->thread = kthread_create(closer_run, closer, "rtkit-closer");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, closer->thread);
	get_task_struct(closer->thread);
	wake_up_process(closer->thread);
}

static bool is_through(struct closer *closer, unsigned long limit)
{
	return wait_for_completion_timeout(&closer->through, limit) > 0;
}

/*
 * One closes while the library still runs callbacks. The other one must not return before that is
 * over: it frees what these use, or the device goes.
 */
static void two_closers(struct kunit *test, bool unbinds_first)
{
	struct device *dev;
	struct rtkit *r = new_rtkit(test, &dev);
	struct closer one = { .r = r }, other = { .r = r };
	bool early;

	if (unbinds_first)
		one.dev = dev;
	else
		other.dev = dev;
	start(test, &one);
	KUNIT_EXPECT_GT(test, wait_for_completion_timeout(&fake.freeing, LIMIT), 0);
	start(test, &other);
	early = is_through(&other, SOON);
	KUNIT_EXPECT_FALSE(test, is_through(&one, 0));
	complete_all(&fake.may_free);
	KUNIT_EXPECT_TRUE(test, is_through(&one, LIMIT));
	if (!early)
		KUNIT_EXPECT_TRUE(test, is_through(&other, LIMIT));
	kthread_stop_put(one.thread);
	kthread_stop_put(other.thread);
	KUNIT_EXPECT_FALSE(test, early);
	KUNIT_EXPECT_EQ(test, fake.freed, 1);
	rtkit_put(r);
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
	rtkit_put(r);
}

static struct kunit_case rtkit_cases[] = {
	KUNIT_CASE(dropped_while_unbound),
	KUNIT_CASE(unbound_while_dropped),
	KUNIT_CASE(calls_after_close),
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
