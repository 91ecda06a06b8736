// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The C half of suspend.rs: the notifier, and the platform driver's suspend function, which
 * kernel::platform of 7.3 does not have.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/pm.h>
#include <linux/pm_domain.h>
#include <linux/slab.h>
#include <linux/suspend.h>

struct asahi_suspend {
	struct notifier_block nb;
	struct device *dev;
	void *cookie;
};

/* In suspend.rs. */
bool asahi_suspend_is_alive(void *cookie);
bool asahi_suspend_is_parked(void *cookie);
int asahi_suspend_prepare(void *cookie);
void asahi_suspend_end(void *cookie);

struct asahi_suspend *asahi_suspend_register(struct device *dev, void *cookie);
void asahi_suspend_unregister(struct asahi_suspend *s);

static int asahi_suspend_notify(struct notifier_block *nb, unsigned long event, void *unused)
{
	struct asahi_suspend *s = container_of(nb, struct asahi_suspend, nb);

	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		if (!asahi_suspend_is_alive(s->cookie))
			return NOTIFY_DONE;
		dev_warn(s->dev,
			 "hibernation would replace a running coprocessor's memory: refused\n");
		return notifier_from_errno(-EBUSY);
	case PM_SUSPEND_PREPARE:
		/* The power stays on: domain.c has a device in the domain that is not suspended. */
		return notifier_from_errno(asahi_suspend_prepare(s->cookie));
	case PM_POST_SUSPEND:
		asahi_suspend_end(s->cookie);
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static void asahi_suspend_forget(struct device *dev, void *res)
{
}

static int asahi_suspend_match(struct device *dev, void *res, void *s)
{
	return *(struct asahi_suspend **)res == s;
}

/*
 * A second look, when all processes are frozen: the notifier has missed the beginning of a suspend
 * if the device was being bound then.
 *
 * The device is locked, so it is not being bound or unbound.
 */
static int asahi_suspend_device(struct device *dev)
{
	struct asahi_suspend **s = devres_find(dev, asahi_suspend_forget, NULL, NULL);

	if (!s || !asahi_suspend_is_alive((*s)->cookie) || asahi_suspend_is_parked((*s)->cookie))
		return 0;
	dev_warn(dev, "firmware was booted while the system began to suspend: refused\n");
	return -EBUSY;
}

static const struct dev_pm_ops asahi_pm_ops = {
	.suspend = asahi_suspend_device,
	.freeze = asahi_suspend_device,
};

/*
 * A notifier, as it is called while user processes still run: they may go on submitting jobs, and
 * those that sleep in a submit are woken by the freezer.
 *
 * The caller is binding the device.
 */
struct asahi_suspend *asahi_suspend_register(struct device *dev, void *cookie)
{
	struct asahi_suspend **res = devres_alloc(asahi_suspend_forget, sizeof(*res), GFP_KERNEL);
	struct asahi_suspend *s = kzalloc_obj(*s);
	int ret = -ENOMEM;

	if (!res || !s)
		goto free;
	s->dev = get_device(dev);
	s->cookie = cookie;
	s->nb.notifier_call = asahi_suspend_notify;
	ret = register_pm_notifier(&s->nb);
	if (ret) {
		put_device(s->dev);
		goto free;
	}
	*res = s;
	devres_add(dev, res);
	/* The same for all devices; looked at with one of them locked. */
	WRITE_ONCE(dev->driver->pm, &asahi_pm_ops);
	return s;
free:
	kfree(s);
	devres_free(res);
	return ERR_PTR(ret);
}

/* Waits for calls that run. */
void asahi_suspend_unregister(struct asahi_suspend *s)
{
	/* Nothing is there to be found any more when the device has been unbound. */
	devres_destroy(s->dev, asahi_suspend_forget, asahi_suspend_match, s);
	unregister_pm_notifier(&s->nb);
	put_device(s->dev);
	kfree(s);
}
