// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Leaves QEMU's virtio devices out of system suspend, until the system is off.
 *
 * They are how a test talks to the outside, and not all of them come back: virtio resets a device
 * when it resumes, and the driver of 9p has no function that sets it up again.
 *
 * Makes the beginning of a suspend take long, too: a driver that registers for suspends meanwhile
 * is not told of this one.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/suspend.h>

static unsigned int prepare_ms;
module_param(prepare_ms, uint, 0644);
MODULE_PARM_DESC(prepare_ms, "Time that the beginning of a suspend takes, in milliseconds");

static int keep_awake_notify(struct notifier_block *nb, unsigned long event, void *unused)
{
	unsigned int ms = READ_ONCE(prepare_ms);

	if (event == PM_SUSPEND_PREPARE && ms) {
		pr_info("keep_awake: %u ms from here\n", ms);
		msleep(ms);
	}
	return NOTIFY_DONE;
}

static struct notifier_block keep_awake_nb = {
	.notifier_call = keep_awake_notify,
};

static int __init keep_awake_init(void)
{
	struct pci_dev *pdev = NULL;
	int count = 0;

	while ((pdev = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_ANY_ID, pdev))) {
		dev_pm_syscore_device(&pdev->dev, true);
		count++;
	}
	pr_info("keep_awake: %d devices\n", count);
	return count ? register_pm_notifier(&keep_awake_nb) : -ENODEV;
}
module_init(keep_awake_init);

MODULE_DESCRIPTION("Leaves virtio devices out of system suspend");
MODULE_LICENSE("Dual MIT/GPL");
