/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Pictures: four bytes a pixel (red, green, blue, alpha), rows from the top. Files are in the
 * format PAM, which has alpha and needs no library; PNG is written for people to look at.
 */
#ifndef TESTS_PICTURES_PICTURE_H
#define TESTS_PICTURES_PICTURE_H

#include <stdint.h>

#define MAX_PICTURE_SIDE 8192

struct picture {
	uint32_t width, height;
	uint8_t *pixels;
};

/* A pixel of known colour: each channel may differ by @within. */
struct probe {
	uint32_t x, y;
	uint8_t colour[4];
	uint8_t within;
};

/*
 * Ends the program with a message, which is a failure in TAP, and status 2. Programs with Vulkan
 * have that of ../vulkan.
 */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* All pixels are zero. */
void picture_create(struct picture *picture, uint32_t width, uint32_t height);
void picture_destroy(struct picture *picture);
uint8_t *picture_at(const struct picture *picture, uint32_t x, uint32_t y);
void picture_flip(struct picture *picture);

/* Errors end the program with a message. */
void picture_read(struct picture *picture, const char *path);
void picture_write(const struct picture *picture, const char *path);
void picture_write_png(const struct picture *picture, const char *path);

/* Prints those of @count probes that are not as they have to be; returns how many. */
uint32_t picture_probe(const struct picture *picture, const struct probe *probes, uint32_t count);

#endif
