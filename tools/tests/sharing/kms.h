/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A display of vkms: one plane that fills it, and what its CRC says is shown. */
#ifndef KMS_H
#define KMS_H

#include <stdbool.h>
#include <stdint.h>

#include <drm/drm_mode.h>

struct kms {
	int fd;
	/* The debug file of its checksums. */
	char crc[128];
	uint32_t crtc, connector, plane;
	struct drm_mode_modeinfo mode;
	uint32_t mode_blob;
	/* Numbers of properties, in the order of their names in kms.c. */
	uint32_t props[14];
};

/* A buffer of the display's own, of any number of whole lines, and its frame buffer. */
struct dumb {
	uint32_t handle, fb;
	uint32_t *map;
	uint64_t size;
};

/* Opens the display and picks its smallest mode; false if there is none. */
bool kms_open(struct kms *kms);
void kms_close(struct kms *kms);
/* Bytes of a picture of 32 bits a pixel, without gaps between lines. */
uint64_t kms_size(const struct kms *kms);
/* A frame buffer of a picture in that buffer of the display's. */
uint32_t kms_fb(struct kms *kms, uint32_t handle);
void kms_rmfb(struct kms *kms, uint32_t fb);
struct dumb kms_dumb(struct kms *kms);
void kms_dumb_free(struct kms *kms, struct dumb *dumb);
/* Shows a picture. Waits until it is there. */
void kms_show(struct kms *kms, uint32_t fb);
/* Asks for a picture once that fence (a sync file) has signalled; 0 or a negative errno. */
int kms_flip(struct kms *kms, uint32_t fb, int fence);
/*
 * Waits for the end of a flip; 0 or -ETIME. Frames after @frame are of the new picture, if it has
 * ended.
 */
int kms_flipped(struct kms *kms, int ms, uint32_t *frame);
/* The checksum of what is shown in a frame after @after; 0 is before all. */
uint32_t kms_crc(struct kms *kms, uint32_t after);

#endif
