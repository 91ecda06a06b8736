// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Leaves QEMU's virtio devices out of system suspend, until the system is off.
 *
 * They are how a test talks to the outside, and not all of them come back: virtio resets a device
 * when it resumes, and the driver of 9p has no function that sets it up again.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>

static int __init keep_awake_init(void)
{
	struct pci_dev *pdev = NULL;
	int count = 0;

	while ((pdev = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_ANY_ID, pdev))) {
		dev_pm_syscore_device(&pdev->dev, true);
		count++;
	}
	pr_info("keep_awake: %d devices\n", count);
	return count ? 0 : -ENODEV;
}
module_init(keep_awake_init);

MODULE_DESCRIPTION("Leaves virtio devices out of system suspend");
MODULE_LICENSE("Dual MIT/GPL");
