// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The C half of domain.rs: a device of ours in the GPU's power domain, which keeps it on.
 *
 * The GPU's own device does not: the driver core takes it out of the domain when it has no driver
 * any more, and turns the domain off then.
 */
#include <linux/device.h>
#include <linux/device/bus.h>
#include <linux/err.h>
#include <linux/platform_device.h>
#include <linux/pm_domain.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>

struct device *asahi_domain_hold(struct device *dev, bool *was_held);
void asahi_domain_keep(struct device *holder);
void asahi_domain_release(struct device *holder);

/* Adds a device of @name that keeps @domain on. */
static struct device *asahi_domain_add(struct generic_pm_domain *domain, const char *name)
{
	struct platform_device *pdev = platform_device_alloc(name, PLATFORM_DEVID_NONE);
	struct device *holder;
	int ret;

	if (!pdev)
		return ERR_PTR(-ENOMEM);
	holder = &pdev->dev;
	/*
	 * System suspend passes over it. The domain has a device then that is not suspended, and is
	 * not turned off either.
	 */
	dev_pm_syscore_device(holder, true);
	ret = platform_device_add(pdev);
	if (ret)
		goto put;
	ret = pm_genpd_add_device(domain, holder);
	if (ret)
		goto del;
	pm_runtime_enable(holder);
	ret = pm_runtime_resume_and_get(holder);
	if (!ret)
		return get_device(holder);

	pm_runtime_disable(holder);
	pm_genpd_remove_device(holder);
del:
	platform_device_del(pdev);
put:
	platform_device_put(pdev);
	return ERR_PTR(ret);
}

/*
 * Keeps the power domain of @dev, which is bound, on. Returns the device that does so, with a
 * reference, or NULL if there is no domain.
 *
 * An earlier driver may have left it, as it had left the coprocessor running: @was_held says so.
 */
struct device *asahi_domain_hold(struct device *dev, bool *was_held)
{
	struct device *holder;
	char *name;

	if (!IS_ENABLED(CONFIG_PM_GENERIC_DOMAINS) || !dev->pm_domain)
		return NULL;
	name = kasprintf(GFP_KERNEL, "asahi-power:%s", dev_name(dev));
	if (!name)
		return ERR_PTR(-ENOMEM);
	holder = bus_find_device_by_name(&platform_bus_type, NULL, name);
	*was_held = holder;
	if (!holder)
		holder = asahi_domain_add(pd_to_genpd(dev->pm_domain), name);
	kfree(name);
	return holder;
}

/* Leaves @holder as it is, for good or for a later driver. */
void asahi_domain_keep(struct device *holder)
{
	put_device(holder);
}

/* Removes @holder. The domain goes off when it has no other device either. */
void asahi_domain_release(struct device *holder)
{
	pm_runtime_put_sync(holder);
	pm_runtime_disable(holder);
	if (!WARN_ON(pm_genpd_remove_device(holder)))
		platform_device_unregister(to_platform_device(holder));
	put_device(holder);
}
