// SPDX-License-Identifier: MIT OR Apache-2.0
/* A display of vkms, by its ioctls. */
#define _GNU_SOURCE
#include "sharing.h"
#include "kms.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	CONNECTOR_CRTC, CRTC_ACTIVE, CRTC_MODE, PLANE_CRTC, PLANE_FB, PLANE_FENCE,
	SRC_X, SRC_Y, SRC_W, SRC_H, CRTC_X, CRTC_Y, CRTC_W, CRTC_H,
};

static const struct {
	uint32_t type;
	const char *name;
} properties[] = {
	[CONNECTOR_CRTC] = { DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID" },
	[CRTC_ACTIVE] = { DRM_MODE_OBJECT_CRTC, "ACTIVE" },
	[CRTC_MODE] = { DRM_MODE_OBJECT_CRTC, "MODE_ID" },
	[PLANE_CRTC] = { DRM_MODE_OBJECT_PLANE, "CRTC_ID" },
	[PLANE_FB] = { DRM_MODE_OBJECT_PLANE, "FB_ID" },
	[PLANE_FENCE] = { DRM_MODE_OBJECT_PLANE, "IN_FENCE_FD" },
	[SRC_X] = { DRM_MODE_OBJECT_PLANE, "SRC_X" },
	[SRC_Y] = { DRM_MODE_OBJECT_PLANE, "SRC_Y" },
	[SRC_W] = { DRM_MODE_OBJECT_PLANE, "SRC_W" },
	[SRC_H] = { DRM_MODE_OBJECT_PLANE, "SRC_H" },
	[CRTC_X] = { DRM_MODE_OBJECT_PLANE, "CRTC_X" },
	[CRTC_Y] = { DRM_MODE_OBJECT_PLANE, "CRTC_Y" },
	[CRTC_W] = { DRM_MODE_OBJECT_PLANE, "CRTC_W" },
	[CRTC_H] = { DRM_MODE_OBJECT_PLANE, "CRTC_H" },
};

static uint32_t object_of(const struct kms *kms, uint32_t type)
{
	switch (type) {
	case DRM_MODE_OBJECT_CONNECTOR:
		return kms->connector;
	case DRM_MODE_OBJECT_CRTC:
		return kms->crtc;
	default:
		return kms->plane;
	}
}

/* The number of a property of an object, and its value; false if it has none of that name. */
static bool property(int fd, uint32_t type, uint32_t object, const char *name, uint32_t *number,
		     uint64_t *value)
{
	uint32_t props[64];
	uint64_t values[64];
	struct drm_mode_obj_get_properties args = {
		.props_ptr = (uintptr_t)props, .prop_values_ptr = (uintptr_t)values,
		.count_props = ARRAY_SIZE(props), .obj_id = object, .obj_type = type,
	};

	need("properties", gpu_ioctl(fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &args));
	need("not too many properties", args.count_props > ARRAY_SIZE(props) ? -E2BIG : 0);
	for (uint32_t i = 0; i < args.count_props; i++) {
		struct drm_mode_get_property prop = { .prop_id = props[i] };

		need("a property", gpu_ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &prop));
		if (!strcmp(prop.name, name)) {
			*number = props[i];
			*value = values[i];
			return true;
		}
	}
	return false;
}

/* The smallest mode of the connector. */
static void pick_mode(struct kms *kms)
{
	struct drm_mode_get_connector args = { .connector_id = kms->connector };
	struct drm_mode_modeinfo *modes;

	need("the connector", gpu_ioctl(kms->fd, DRM_IOCTL_MODE_GETCONNECTOR, &args));
	need("modes", args.count_modes ? 0 : -ENOENT);
	modes = calloc(args.count_modes, sizeof(*modes));
	args.modes_ptr = (uintptr_t)modes;
	args.count_props = args.count_encoders = 0;
	need("its modes", gpu_ioctl(kms->fd, DRM_IOCTL_MODE_GETCONNECTOR, &args));
	kms->mode = modes[0];
	for (uint32_t i = 1; i < args.count_modes; i++)
		if (modes[i].hdisplay * modes[i].vdisplay <
		    kms->mode.hdisplay * kms->mode.vdisplay)
			kms->mode = modes[i];
	free(modes);
}

/* The plane that the display cannot be without. */
static void pick_plane(struct kms *kms)
{
	uint32_t planes[16], number;
	uint64_t type;
	struct drm_mode_get_plane_res args = {
		.plane_id_ptr = (uintptr_t)planes, .count_planes = ARRAY_SIZE(planes),
	};

	need("planes", gpu_ioctl(kms->fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &args));
	for (uint32_t i = 0; i < args.count_planes; i++)
		if (property(kms->fd, DRM_MODE_OBJECT_PLANE, planes[i], "type", &number, &type) &&
		    type == 1 /* DRM_PLANE_TYPE_PRIMARY */)
			kms->plane = planes[i];
	need("a primary plane", kms->plane ? 0 : -ENOENT);
}

/* Finds the file of its checksums: no other device has one. */
static void find_crc(struct kms *kms)
{
	glob_t found;
	char path[sizeof(kms->crc)];

	need("files of checksums",
	     glob("/sys/kernel/debug/dri/*/crtc-0/crc", 0, NULL, &found) ? -ENOENT : 0);
	snprintf(path, sizeof(path), "%s/control", found.gl_pathv[0]);
	need("checksums of all frames", write_file(path, "auto"));
	snprintf(kms->crc, sizeof(kms->crc), "%s/data", found.gl_pathv[0]);
	globfree(&found);
}

bool kms_open(struct kms *kms)
{
	struct drm_set_client_cap cap = { DRM_CLIENT_CAP_ATOMIC, 1 };
	uint32_t crtcs[4], connectors[4];
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = ARRAY_SIZE(crtcs),
		.connector_id_ptr = (uintptr_t)connectors,
		.count_connectors = ARRAY_SIZE(connectors),
	};
	struct drm_mode_create_blob blob = { .length = sizeof(kms->mode) };
	uint64_t value;

	*kms = (struct kms){ .fd = card_open("vkms") };
	if (kms->fd < 0)
		return false;
	need("atomic", gpu_ioctl(kms->fd, DRM_IOCTL_SET_CLIENT_CAP, &cap));
	need("resources", gpu_ioctl(kms->fd, DRM_IOCTL_MODE_GETRESOURCES, &res));
	need("a display", res.count_crtcs && res.count_connectors ? 0 : -ENOENT);
	kms->crtc = crtcs[0];
	kms->connector = connectors[0];
	pick_mode(kms);
	pick_plane(kms);
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
		need(properties[i].name,
		     property(kms->fd, properties[i].type, object_of(kms, properties[i].type),
			      properties[i].name, &kms->props[i], &value) ? 0 : -ENOENT);
	blob.data = (uintptr_t)&kms->mode;
	need("a blob", gpu_ioctl(kms->fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob));
	kms->mode_blob = blob.blob_id;
	find_crc(kms);
	return true;
}

void kms_close(struct kms *kms)
{
	close(kms->fd);
}

uint64_t kms_size(const struct kms *kms)
{
	return 4ull * kms->mode.hdisplay * kms->mode.vdisplay;
}

uint32_t kms_fb(struct kms *kms, uint32_t handle)
{
	struct drm_mode_fb_cmd2 args = {
		.width = kms->mode.hdisplay, .height = kms->mode.vdisplay,
		.pixel_format = 'X' | 'R' << 8 | '2' << 16 | '4' << 24,
		.handles = { handle }, .pitches = { 4u * kms->mode.hdisplay },
	};

	need("a frame buffer", gpu_ioctl(kms->fd, DRM_IOCTL_MODE_ADDFB2, &args));
	return args.fb_id;
}

void kms_rmfb(struct kms *kms, uint32_t fb)
{
	need("remove a frame buffer", gpu_ioctl(kms->fd, DRM_IOCTL_MODE_RMFB, &fb));
}

struct dumb kms_dumb(struct kms *kms)
{
	struct drm_mode_create_dumb create = {
		.width = kms->mode.hdisplay, .height = kms->mode.vdisplay, .bpp = 32,
	};
	struct drm_mode_map_dumb map = { 0 };
	struct dumb dumb;

	need("a buffer of the display", gpu_ioctl(kms->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create));
	need("of lines without gaps", create.pitch == 4u * kms->mode.hdisplay ? 0 : -EINVAL);
	map.handle = create.handle;
	need("where it is mapped", gpu_ioctl(kms->fd, DRM_IOCTL_MODE_MAP_DUMB, &map));
	dumb.handle = create.handle;
	dumb.size = create.size;
	dumb.map = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, kms->fd, map.offset);
	need("map it", dumb.map == MAP_FAILED ? -errno : 0);
	dumb.fb = kms_fb(kms, dumb.handle);
	return dumb;
}

void kms_dumb_free(struct kms *kms, struct dumb *dumb)
{
	struct drm_mode_destroy_dumb args = { .handle = dumb->handle };

	munmap(dumb->map, dumb->size);
	kms_rmfb(kms, dumb->fb);
	need("free it", gpu_ioctl(kms->fd, DRM_IOCTL_MODE_DESTROY_DUMB, &args));
}

static int commit(struct kms *kms, uint32_t fb, int fence, uint32_t flags)
{
	const uint64_t width = kms->mode.hdisplay, height = kms->mode.vdisplay;
	const uint64_t values[ARRAY_SIZE(properties)] = {
		[CONNECTOR_CRTC] = kms->crtc, [CRTC_ACTIVE] = 1, [CRTC_MODE] = kms->mode_blob,
		[PLANE_CRTC] = kms->crtc, [PLANE_FB] = fb, [PLANE_FENCE] = (uint64_t)(int64_t)fence,
		[SRC_W] = width << 16, [SRC_H] = height << 16, [CRTC_W] = width, [CRTC_H] = height,
	};
	uint32_t objects[ARRAY_SIZE(properties)], counts[ARRAY_SIZE(properties)];
	struct drm_mode_atomic args = {
		.flags = flags, .count_objs = ARRAY_SIZE(properties),
		.objs_ptr = (uintptr_t)objects, .count_props_ptr = (uintptr_t)counts,
		.props_ptr = (uintptr_t)kms->props, .prop_values_ptr = (uintptr_t)values,
	};

	/* An object may be named more than once. */
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		objects[i] = object_of(kms, properties[i].type);
		counts[i] = 1;
	}
	return gpu_ioctl(kms->fd, DRM_IOCTL_MODE_ATOMIC, &args);
}

void kms_show(struct kms *kms, uint32_t fb)
{
	need("show a picture", commit(kms, fb, -1, DRM_MODE_ATOMIC_ALLOW_MODESET));
}

int kms_flip(struct kms *kms, uint32_t fb, int fence)
{
	return commit(kms, fb, fence, DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT);
}

int kms_flipped(struct kms *kms, int ms, uint32_t *frame)
{
	struct pollfd poller = { .fd = kms->fd, .events = POLLIN };
	struct drm_event_vblank event;

	if (poll(&poller, 1, ms) != 1)
		return -ETIME;
	need("an event", read(kms->fd, &event, sizeof(event)) == sizeof(event) ? 0 : -EIO);
	need("of a flip", event.base.type == DRM_EVENT_FLIP_COMPLETE ? 0 : -EIO);
	*frame = event.sequence;
	return 0;
}

uint32_t kms_crc(struct kms *kms, uint32_t after)
{
	uint32_t frame, crc;
	char line[64];
	int file = open(kms->crc, O_RDONLY | O_CLOEXEC);

	need("read checksums", file < 0 ? -errno : 0);
	/*
	 * Of a picture that has gone there may be some left: one that was composed late stands for
	 * all frames that it was late for.
	 */
	do {
		ssize_t size = read(file, line, sizeof(line) - 1);

		need("a checksum", size < 0 ? -errno : 0);
		line[size] = 0;
		need("its line", sscanf(line, "%x %x", &frame, &crc) == 2 ? 0 : -EIO);
	} while ((int32_t)(frame - after) <= 0);
	close(file);
	return crc;
}
