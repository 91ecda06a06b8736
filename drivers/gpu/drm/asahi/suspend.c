// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The C half of suspend.rs: the notifier, and what the power domain would do.
 */
#include <linux/device.h>
#include <linux/err.h>
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
int asahi_suspend_prepare(void *cookie);
void asahi_suspend_end(void *cookie);

struct asahi_suspend *asahi_suspend_register(struct device *dev, void *cookie);
void asahi_suspend_unregister(struct asahi_suspend *s);

/*
 * Whether the device's power domain is turned off in a suspend, as every domain is that is not
 * always on. Without a domain of its own nothing turns the device off.
 */
static bool asahi_is_gated(struct device *dev)
{
	/* Without the device's lock: a probe that fails sets it to NULL. */
	struct dev_pm_domain *domain = READ_ONCE(dev->pm_domain);

	if (!IS_ENABLED(CONFIG_PM_GENERIC_DOMAINS_SLEEP) || !domain)
		return false;
	return !(pd_to_genpd(domain)->flags & GENPD_FLAG_ALWAYS_ON);
}

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
		if (asahi_suspend_is_alive(s->cookie) && asahi_is_gated(s->dev)) {
			dev_warn(s->dev,
				 "system suspend would cut the power of a running coprocessor: refused\n");
			return notifier_from_errno(-EBUSY);
		}
		return notifier_from_errno(asahi_suspend_prepare(s->cookie));
	case PM_POST_SUSPEND:
		asahi_suspend_end(s->cookie);
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

/*
 * A notifier, as it is called while user processes still run: they may go on submitting jobs, and
 * those that sleep in a submit are woken by the freezer.
 */
struct asahi_suspend *asahi_suspend_register(struct device *dev, void *cookie)
{
	struct asahi_suspend *s = kzalloc_obj(*s);
	int ret;

	if (!s)
		return ERR_PTR(-ENOMEM);
	s->dev = get_device(dev);
	s->cookie = cookie;
	s->nb.notifier_call = asahi_suspend_notify;
	ret = register_pm_notifier(&s->nb);
	if (ret) {
		put_device(s->dev);
		kfree(s);
		return ERR_PTR(ret);
	}
	return s;
}

/* Waits for calls that run. */
void asahi_suspend_unregister(struct asahi_suspend *s)
{
	unregister_pm_notifier(&s->nb);
	put_device(s->dev);
	kfree(s);
}
