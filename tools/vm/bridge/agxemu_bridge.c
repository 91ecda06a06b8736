// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * PCI bridge to the emulated AGX.
 *
 * The AGX is a platform device described by a device tree. The emulator shows it to the guest as a
 * PCI function instead, because that is what a stock QEMU can attach to. This driver turns the
 * function back into what a Mac has:
 *
 *   - a device-tree node below the root whose "ranges" lead to the BARs (child address cell 0 is
 *     the BAR number, as the PCI core does for its own dynamic nodes);
 *   - an interrupt domain on that node, domain interrupt n being MSI vector n;
 *   - the emulator's device-tree overlay, read from its boot page, applied on top of the node.
 *
 * The upstream mailbox driver and asahi.ko then probe as they do on a Mac. Nothing here knows
 * about either of them.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <asm/arch_timer.h>

#define AGXEMU_VENDOR_ID	0x106b
#define AGXEMU_DEVICE_ID	0xa6c0	/* private to the emulator */

#define AGXEMU_VECTORS		4

/* The boot page: header, then the overlay. All words little endian. */
#define BOOT_BAR		4
#define BOOT_PAGE_SIZE		0x10000
#define BOOT_MAGIC		0x00
#define BOOT_VERSION		0x04
#define BOOT_OVERLAY_SIZE	0x08
#define BOOT_OVERLAY		0x10

/*
 * At the end of the page the guest tells the time: its counter and the counter's frequency. On a
 * Mac the GPU's timer is the CPU's; the emulator cannot see the guest's.
 */
#define BOOT_COUNTER		0xfff0
#define BOOT_FREQUENCY		0xfff8

#define BOOT_MAGIC_VALUE	0x4f584741	/* "AGXO" */
#define BOOT_VERSION_VALUE	1

/* Cells of the node's child addresses: BAR number, then a 64-bit offset; and of its sizes. */
#define CHILD_ADDRESS_CELLS	3
#define CHILD_SIZE_CELLS	2
#define ROOT_ADDRESS_CELLS	2
#define RANGE_CELLS		(CHILD_ADDRESS_CELLS + ROOT_ADDRESS_CELLS + CHILD_SIZE_CELLS)

struct agxemu_bridge {
	struct pci_dev *pdev;
	struct of_changeset changeset;
	struct device_node *np;
	struct irq_domain *domain;
	/* Linux's number of vector 0. MSI numbers its vectors in one run. */
	int irq;
	int overlay_id;
};

static int bridge_domain_map(struct irq_domain *domain, unsigned int virq, irq_hw_number_t hw)
{
	/*
	 * A vector is an edge at each transition of the line to active. handle_edge_irq keeps an
	 * edge that comes while the line is disabled, and one that comes on another CPU while the
	 * handler runs: an edge that was kept is replayed by a tasklet, on whatever CPU enables the
	 * line, and not where the vector goes.
	 */
	irq_set_chip_and_handler(virq, &dummy_irq_chip, handle_edge_irq);
	return 0;
}

static const struct irq_domain_ops bridge_domain_ops = {
	.map = bridge_domain_map,
	.xlate = irq_domain_xlate_onecell,
};

/*
 * Runs in hard interrupts, also where those of others have threads: in such a thread PREEMPT_RT has
 * interrupts enabled, and none may be passed on.
 */
static irqreturn_t bridge_irq(int irq, void *data)
{
	struct agxemu_bridge *bridge = data;
	int line = irq - bridge->irq;

	return generic_handle_domain_irq(bridge->domain, line) ? IRQ_NONE : IRQ_HANDLED;
}

static void bridge_remove_domain(void *data)
{
	struct agxemu_bridge *bridge = data;

	for (int line = 0; line < AGXEMU_VECTORS; line++)
		irq_dispose_mapping(irq_find_mapping(bridge->domain, line));
	irq_domain_remove(bridge->domain);
}

static void bridge_free_vectors(void *data)
{
	pci_free_irq_vectors(data);
}

static int bridge_add_domain(struct agxemu_bridge *bridge)
{
	struct pci_dev *pdev = bridge->pdev;
	int ret;

	bridge->domain = irq_domain_create_linear(of_fwnode_handle(bridge->np), AGXEMU_VECTORS,
						  &bridge_domain_ops, bridge);
	if (!bridge->domain)
		return -ENOMEM;

	ret = devm_add_action_or_reset(&pdev->dev, bridge_remove_domain, bridge);
	if (ret)
		return ret;

	ret = pci_alloc_irq_vectors(pdev, AGXEMU_VECTORS, AGXEMU_VECTORS, PCI_IRQ_MSI);
	if (ret < 0)
		return dev_err_probe(&pdev->dev, ret, "no %d MSI vectors\n", AGXEMU_VECTORS);

	ret = devm_add_action_or_reset(&pdev->dev, bridge_free_vectors, pdev);
	if (ret)
		return ret;

	bridge->irq = pci_irq_vector(pdev, 0);
	for (int line = 0; line < AGXEMU_VECTORS; line++) {
		ret = devm_request_irq(&pdev->dev, bridge->irq + line, bridge_irq, IRQF_NO_THREAD,
				       "agxemu", bridge);
		if (ret)
			return dev_err_probe(&pdev->dev, ret, "cannot take vector %d\n", line);
	}

	return 0;
}

static void bridge_remove_node(void *data)
{
	struct agxemu_bridge *bridge = data;

	of_changeset_revert(&bridge->changeset);
	of_changeset_destroy(&bridge->changeset);
	of_node_put(bridge->np);
}

/* Appends one BAR to @ranges and says how many cells that took. */
static int bridge_range(struct pci_dev *pdev, int bar, u32 *ranges)
{
	u64 start = pci_resource_start(pdev, bar);
	u64 size = pci_resource_len(pdev, bar);

	if (!(pci_resource_flags(pdev, bar) & IORESOURCE_MEM))
		return 0;

	ranges[0] = bar;
	ranges[1] = 0;
	ranges[2] = 0;
	ranges[3] = upper_32_bits(start);
	ranges[4] = lower_32_bits(start);
	ranges[5] = upper_32_bits(size);
	ranges[6] = lower_32_bits(size);
	return RANGE_CELLS;
}

static int bridge_fill_node(struct agxemu_bridge *bridge)
{
	struct of_changeset *ocs = &bridge->changeset;
	struct device_node *np = bridge->np;
	u32 ranges[PCI_STD_NUM_BARS * RANGE_CELLS];
	int cells = 0;
	int ret;

	for (int bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		cells += bridge_range(bridge->pdev, bar, ranges + cells);

	ret = of_changeset_add_prop_u32(ocs, np, "#address-cells", CHILD_ADDRESS_CELLS);
	if (!ret)
		ret = of_changeset_add_prop_u32(ocs, np, "#size-cells", CHILD_SIZE_CELLS);
	if (!ret)
		ret = of_changeset_add_prop_u32_array(ocs, np, "ranges", ranges, cells);
	if (!ret)
		ret = of_changeset_add_prop_bool(ocs, np, "interrupt-controller");
	if (!ret)
		ret = of_changeset_add_prop_u32(ocs, np, "#interrupt-cells", 1);
	if (!ret)
		ret = of_changeset_add_prop_bool(ocs, np, "dma-coherent");
	return ret;
}

static int bridge_add_node(struct agxemu_bridge *bridge)
{
	struct pci_dev *pdev = bridge->pdev;
	char name[32];
	int ret;

	if (of_n_addr_cells(of_root) != ROOT_ADDRESS_CELLS)
		return dev_err_probe(&pdev->dev, -EINVAL,
				     "the root node has no 64-bit addresses\n");

	snprintf(name, sizeof(name), "agxemu@%x,%x", PCI_SLOT(pdev->devfn), PCI_FUNC(pdev->devfn));

	of_changeset_init(&bridge->changeset);
	bridge->np = of_changeset_create_node(&bridge->changeset, of_root, name);
	if (!bridge->np) {
		of_changeset_destroy(&bridge->changeset);
		return -ENOMEM;
	}

	ret = bridge_fill_node(bridge);
	if (!ret)
		ret = of_changeset_apply(&bridge->changeset);
	if (ret) {
		of_changeset_destroy(&bridge->changeset);
		of_node_put(bridge->np);
		return ret;
	}

	return devm_add_action_or_reset(&pdev->dev, bridge_remove_node, bridge);
}

static void bridge_remove_overlay(void *data)
{
	struct agxemu_bridge *bridge = data;

	of_overlay_remove(&bridge->overlay_id);
}

static int bridge_apply_overlay(struct agxemu_bridge *bridge)
{
	struct pci_dev *pdev = bridge->pdev;
	void __iomem *page;
	__le32 *overlay;
	u32 size;
	int ret;

	page = pcim_iomap(pdev, BOOT_BAR, 0);
	if (!page || pci_resource_len(pdev, BOOT_BAR) < BOOT_PAGE_SIZE)
		return dev_err_probe(&pdev->dev, -ENXIO, "no boot page\n");

	if (ioread32(page + BOOT_MAGIC) != BOOT_MAGIC_VALUE ||
	    ioread32(page + BOOT_VERSION) != BOOT_VERSION_VALUE)
		return dev_err_probe(&pdev->dev, -ENODEV, "no boot page of version %d\n",
				     BOOT_VERSION_VALUE);

	/* The counter last: the emulator takes it for the moment of the write. */
	writeq(arch_timer_get_cntfrq(), page + BOOT_FREQUENCY);
	writeq(read_sysreg(cntpct_el0), page + BOOT_COUNTER);

	size = ioread32(page + BOOT_OVERLAY_SIZE);
	if (!size || size > BOOT_COUNTER - BOOT_OVERLAY || size % sizeof(u32))
		return dev_err_probe(&pdev->dev, -EINVAL, "overlay of %u bytes\n", size);

	overlay = kmalloc(size, GFP_KERNEL);
	if (!overlay)
		return -ENOMEM;

	for (u32 word = 0; word < size / sizeof(u32); word++)
		overlay[word] = cpu_to_le32(ioread32(page + BOOT_OVERLAY + word * sizeof(u32)));

	ret = of_overlay_fdt_apply(overlay, size, &bridge->overlay_id, bridge->np);
	kfree(overlay);
	if (ret) {
		/* A failed apply can leave an overlay behind, which the identifier then names. */
		if (bridge->overlay_id)
			of_overlay_remove(&bridge->overlay_id);
		return dev_err_probe(&pdev->dev, ret, "overlay refused\n");
	}

	return devm_add_action_or_reset(&pdev->dev, bridge_remove_overlay, bridge);
}

/* Whether nobody but the overlay has references to the nodes below @np. */
static bool bridge_unused(struct device_node *np)
{
	for_each_child_of_node_scoped(np, child)
		/* One reference is the loop's. */
		if (kref_read(&child->kobj.kref) > 2 || !bridge_unused(child))
			return false;
	return true;
}

static void bridge_depopulate(void *data)
{
	struct agxemu_bridge *bridge = data;

	/* of_platform_depopulate() goes by the parent's own node, which @np is not. */
	device_for_each_child_reverse(&bridge->pdev->dev, NULL, of_platform_device_destroy);
	of_node_clear_flag(bridge->np, OF_POPULATED_BUS);
	/*
	 * Devices that are gone are released, and give up their nodes, some seconds later there. An
	 * overlay may only be removed when that is over: nobody says when that is.
	 */
	for (int i = 0; IS_ENABLED(CONFIG_DEBUG_KOBJECT_RELEASE) && i < 600; i++) {
		if (bridge_unused(bridge->np))
			return;
		msleep(100);
	}
	if (IS_ENABLED(CONFIG_DEBUG_KOBJECT_RELEASE))
		dev_err(&bridge->pdev->dev, "devices of the overlay are not released\n");
}

static int bridge_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct agxemu_bridge *bridge;
	int ret;

	bridge = devm_kzalloc(&pdev->dev, sizeof(*bridge), GFP_KERNEL);
	if (!bridge)
		return -ENOMEM;
	bridge->pdev = pdev;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);

	ret = bridge_add_node(bridge);
	if (ret)
		return ret;

	ret = bridge_add_domain(bridge);
	if (ret)
		return ret;

	ret = bridge_apply_overlay(bridge);
	if (ret)
		return ret;

	ret = devm_add_action_or_reset(&pdev->dev, bridge_depopulate, bridge);
	if (ret)
		return ret;

	return of_platform_default_populate(bridge->np, NULL, &pdev->dev);
}

static const struct pci_device_id bridge_ids[] = {
	{ PCI_DEVICE(AGXEMU_VENDOR_ID, AGXEMU_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, bridge_ids);

static struct pci_driver bridge_driver = {
	.name = "agxemu_bridge",
	.id_table = bridge_ids,
	.probe = bridge_probe,
};
module_pci_driver(bridge_driver);

MODULE_DESCRIPTION("Bridge from the emulated AGX's PCI function to device-tree devices");
MODULE_LICENSE("Dual MIT/GPL");
