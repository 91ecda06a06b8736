// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A DRM device beside the GPU's, as one that is on USB: when the module goes it is unplugged.
 * drm_dev_unplug() waits for what runs between drm_dev_enter() and drm_dev_exit() of any device.
 */
#include <linux/device/faux.h>
#include <linux/err.h>
#include <linux/module.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>

static struct faux_device *other_faux;
static struct drm_device *other_drm;

DEFINE_DRM_GEM_FOPS(other_fops);

static const struct drm_driver other_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER,
	.fops = &other_fops,
	.name = "other",
	.desc = "A device that is unplugged",
};

static int __init other_init(void)
{
	int ret;

	other_faux = faux_device_create("other_drm", NULL, NULL);
	if (!other_faux)
		return -ENODEV;
	other_drm = drm_dev_alloc(&other_driver, &other_faux->dev);
	if (IS_ERR(other_drm)) {
		ret = PTR_ERR(other_drm);
		goto destroy;
	}
	ret = drm_dev_register(other_drm, 0);
	if (ret)
		goto put;
	return 0;

put:
	drm_dev_put(other_drm);
destroy:
	faux_device_destroy(other_faux);
	return ret;
}
module_init(other_init);

static void __exit other_exit(void)
{
	drm_dev_unplug(other_drm);
	drm_dev_put(other_drm);
	faux_device_destroy(other_faux);
}
module_exit(other_exit);

MODULE_DESCRIPTION("A DRM device that is unplugged");
MODULE_LICENSE("Dual MIT/GPL");
