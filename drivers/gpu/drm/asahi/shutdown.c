// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The C half of shutdown.rs: the platform driver's shutdown function, which kernel::platform of 7.3
 * does not have.
 */
#include <linux/device.h>
#include <linux/platform_device.h>

/* Of a bound device whose GPU is up. */
struct asahi_shutdown {
	void *cookie;
};

/* In shutdown.rs. */
void asahi_shutdown_gpu(void *cookie);

int asahi_shutdown_register(struct device *dev, void *cookie);
void asahi_shutdown_unregister(struct device *dev);

static void asahi_shutdown_release(struct device *dev, void *res)
{
}

/* The device is locked, so it is not being bound or unbound. */
static void asahi_shutdown(struct platform_device *pdev)
{
	struct asahi_shutdown *s = devres_find(&pdev->dev, asahi_shutdown_release, NULL, NULL);

	if (s)
		asahi_shutdown_gpu(s->cookie);
}

/*
 * Not a reboot notifier: those are called while devices are still being bound, and a GPU that came
 * up after the call would be left running.
 *
 * The caller is binding the device.
 */
int asahi_shutdown_register(struct device *dev, void *cookie)
{
	struct asahi_shutdown *s = devres_alloc(asahi_shutdown_release, sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	s->cookie = cookie;
	devres_add(dev, s);
	/* The same for all devices; looked at with one of them locked. */
	WRITE_ONCE(to_platform_driver(dev->driver)->shutdown, asahi_shutdown);
	return 0;
}

/* The device is being unbound, or its probe fails. */
void asahi_shutdown_unregister(struct device *dev)
{
	WARN_ON(devres_destroy(dev, asahi_shutdown_release, NULL, NULL));
}
