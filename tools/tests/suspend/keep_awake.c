// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Leaves QEMU's virtio devices out of system suspend, until the system is off.
 *
 * They are how a test talks to the outside, and not all of them come back: virtio resets a device
 * when it resumes, and the driver of 9p has no function that sets it up again.
 *
 * Has the beginning of a suspend last for as long as it is told to, too: a driver that registers
 * for suspends meanwhile is not told of this one.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/suspend.h>

static bool holds;
module_param(holds, bool, 0644);
MODULE_PARM_DESC(holds, "The beginning of a suspend lasts as long as this is set");

static int keep_awake_notify(struct notifier_block *nb, unsigned long event, void *unused)
{
	if (event == PM_SUSPEND_PREPARE && READ_ONCE(holds)) {
		pr_info("keep_awake: the suspend is held\n");
		while (READ_ONCE(holds))
			msleep(20);
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
