// SPDX-License-Identifier: MIT OR Apache-2.0
#include "picture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t bytes_of(const struct picture *picture)
{
	return (size_t)picture->width * picture->height * 4;
}

void picture_create(struct picture *picture, uint32_t width, uint32_t height)
{
	if (!width || !height || width > MAX_PICTURE_SIDE || height > MAX_PICTURE_SIDE)
		fail("a picture of %u x %u pixels", width, height);
	picture->width = width;
	picture->height = height;
	picture->pixels = calloc(1, bytes_of(picture));
	if (!picture->pixels)
		fail("no memory for a picture");
}

void picture_destroy(struct picture *picture)
{
	free(picture->pixels);
	picture->pixels = NULL;
}

uint8_t *picture_at(const struct picture *picture, uint32_t x, uint32_t y)
{
	return picture->pixels + ((size_t)y * picture->width + x) * 4;
}

void picture_flip(struct picture *picture)
{
	size_t row = (size_t)picture->width * 4;
	uint8_t *swap = malloc(row);

	if (!swap)
		fail("no memory for a row");
	for (uint32_t y = 0; y < picture->height / 2; y++) {
		uint8_t *above = picture_at(picture, 0, y);
		uint8_t *below = picture_at(picture, 0, picture->height - 1 - y);

		memcpy(swap, above, row);
		memcpy(above, below, row);
		memcpy(below, swap, row);
	}
	free(swap);
}

static FILE *open_file(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (!file)
		fail("%s: %s", path, strerror(errno));
	return file;
}

static void close_file(FILE *file, const char *path)
{
	int bad = ferror(file);

	if (fclose(file) || bad)
		fail("%s: cannot be written", path);
}

void picture_read(struct picture *picture, const char *path)
{
	FILE *file = open_file(path, "rb");
	uint32_t width, height;
	char end;

	if (fscanf(file, "P7 WIDTH %u HEIGHT %u DEPTH 4 MAXVAL 255 TUPLTYPE RGB_ALPHA ENDHDR%c",
		   &width, &height, &end) != 3 ||
	    end != '\n')
		fail("%s: not a picture of this format", path);
	picture_create(picture, width, height);
	if (fread(picture->pixels, bytes_of(picture), 1, file) != 1 || fgetc(file) != EOF)
		fail("%s: has not %u x %u pixels", path, width, height);
	fclose(file);
}

void picture_write(const struct picture *picture, const char *path)
{
	FILE *file = open_file(path, "wb");

	fprintf(file,
		"P7\nWIDTH %u\nHEIGHT %u\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n",
		picture->width, picture->height);
	fwrite(picture->pixels, bytes_of(picture), 1, file);
	close_file(file, path);
}

static uint32_t crc_of(uint32_t crc, const uint8_t *bytes, size_t count)
{
	crc = ~crc;
	while (count--) {
		crc ^= *bytes++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void put_word(uint8_t *to, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		to[i] = word >> (24 - 8 * i);
}

static void write_chunk(FILE *file, const char *type, const uint8_t *data, uint32_t size)
{
	uint8_t word[4];

	put_word(word, size);
	fwrite(word, 4, 1, file);
	fwrite(type, 4, 1, file);
	fwrite(data, 1, size, file);
	put_word(word, crc_of(crc_of(0, (const uint8_t *)type, 4), data, size));
	fwrite(word, 4, 1, file);
}

/* The pixels as a zlib stream of stored blocks, one a row. */
void picture_write_png(const struct picture *picture, const char *path)
{
	FILE *file = open_file(path, "wb");
	uint32_t row = picture->width * 4 + 1, a = 1, b = 0;
	uint8_t header[13] = { [8] = 8, [9] = 6 }, *data, *at;

	data = malloc((size_t)(row + 5) * picture->height + 6);
	if (!data)
		fail("no memory for a file");
	at = data;
	*at++ = 0x78;
	*at++ = 0x01;
	for (uint32_t y = 0; y < picture->height; y++) {
		*at++ = y == picture->height - 1;
		*at++ = row;
		*at++ = row >> 8;
		*at++ = ~row;
		*at++ = ~row >> 8;
		*at = 0;
		memcpy(at + 1, picture_at(picture, 0, y), row - 1);
		for (uint32_t i = 0; i < row; i++) {
			a = (a + *at++) % 65521;
			b = (b + a) % 65521;
		}
	}
	put_word(at, b << 16 | a);
	put_word(header, picture->width);
	put_word(header + 4, picture->height);
	fwrite("\x89PNG\r\n\x1a\n", 8, 1, file);
	write_chunk(file, "IHDR", header, sizeof(header));
	write_chunk(file, "IDAT", data, at + 4 - data);
	write_chunk(file, "IEND", NULL, 0);
	free(data);
	close_file(file, path);
}

uint32_t picture_probe(const struct picture *picture, const struct probe *probes, uint32_t count)
{
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct probe *probe = &probes[i];
		const uint8_t *pixel = picture_at(picture, probe->x, probe->y);

		for (int c = 0; c < 4; c++) {
			if (abs(pixel[c] - probe->colour[c]) <= probe->within)
				continue;
			printf("# pixel %u, %u is %u %u %u %u, not %u %u %u %u\n", probe->x,
			       probe->y, pixel[0], pixel[1], pixel[2], pixel[3], probe->colour[0],
			       probe->colour[1], probe->colour[2], probe->colour[3]);
			wrong++;
			break;
		}
	}
	return wrong;
}
