// SPDX-License-Identifier: MIT OR Apache-2.0
#include <math.h>
#include <string.h>

#include "samplers.h"

static uint32_t bits(const uint8_t *bytes, uint32_t low, uint32_t count)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < count; i++)
		value |= (uint32_t)(bytes[(low + i) / 8] >> (low + i) % 8 & 1) << i;
	return value;
}

static double unorm(const uint8_t *bytes, uint32_t low, uint32_t count)
{
	return bits(bytes, low, count) / (double)((1ull << count) - 1);
}

static double snorm(const uint8_t *bytes, uint32_t low, uint32_t count)
{
	int32_t value = (int32_t)(bits(bytes, low, count) << (32 - count)) >> (32 - count);

	return fmax(value / (double)((1u << (count - 1)) - 1), -1);
}

static double srgb(double x)
{
	return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

/* A float of five bits of exponent. Images have none that are infinite or NaN. */
static double small_float(uint32_t value, uint32_t mantissa)
{
	uint32_t exponent = value >> mantissa & 31, part = value & ((1u << mantissa) - 1);
	double magnitude = exponent ? ldexp(1 + ldexp(part, -(int)mantissa), (int)exponent - 15) :
				      ldexp(part, -14 - (int)mantissa);

	return value >> (mantissa + 5) & 1 ? -magnitude : magnitude;
}

static void decode_r8(const uint8_t *bytes, struct texel *texel)
{
	texel->channels[0] = unorm(bytes, 0, 8);
}

static void decode_rg8(const uint8_t *bytes, struct texel *texel)
{
	for (int i = 0; i < 2; i++)
		texel->channels[i] = unorm(bytes, 8 * i, 8);
}

static void decode_rgba8(const uint8_t *bytes, struct texel *texel)
{
	for (int i = 0; i < 4; i++)
		texel->channels[i] = unorm(bytes, 8 * i, 8);
}

static void decode_bgra8(const uint8_t *bytes, struct texel *texel)
{
	static const int low[] = { 16, 8, 0, 24 };

	for (int i = 0; i < 4; i++)
		texel->channels[i] = unorm(bytes, low[i], 8);
}

static void decode_srgba8(const uint8_t *bytes, struct texel *texel)
{
	decode_rgba8(bytes, texel);
	for (int i = 0; i < 3; i++)
		texel->channels[i] = srgb(texel->channels[i]);
}

static void decode_snorm8(const uint8_t *bytes, struct texel *texel)
{
	for (int i = 0; i < 4; i++)
		texel->channels[i] = snorm(bytes, 8 * i, 8);
}

static void decode_rgb565(const uint8_t *bytes, struct texel *texel)
{
	texel->channels[0] = unorm(bytes, 11, 5);
	texel->channels[1] = unorm(bytes, 5, 6);
	texel->channels[2] = unorm(bytes, 0, 5);
}

static void decode_argb1555(const uint8_t *bytes, struct texel *texel)
{
	texel->channels[0] = unorm(bytes, 10, 5);
	texel->channels[1] = unorm(bytes, 5, 5);
	texel->channels[2] = unorm(bytes, 0, 5);
	texel->channels[3] = unorm(bytes, 15, 1);
}

static void decode_rgba4(const uint8_t *bytes, struct texel *texel)
{
	for (int i = 0; i < 4; i++)
		texel->channels[i] = unorm(bytes, 12 - 4 * i, 4);
}

static void decode_rgb10a2(const uint8_t *bytes, struct texel *texel)
{
	for (int i = 0; i < 3; i++)
		texel->channels[i] = unorm(bytes, 10 * i, 10);
	texel->channels[3] = unorm(bytes, 30, 2);
}

static void decode_rg11b10(const uint8_t *bytes, struct texel *texel)
{
	texel->channels[0] = small_float(bits(bytes, 0, 11), 6);
	texel->channels[1] = small_float(bits(bytes, 11, 11), 6);
	texel->channels[2] = small_float(bits(bytes, 22, 10), 5);
}

static void decode_rgb9e5(const uint8_t *bytes, struct texel *texel)
{
	for (int i = 0; i < 3; i++)
		texel->channels[i] = ldexp(bits(bytes, 9 * i, 9), (int)bits(bytes, 27, 5) - 24);
}

static void decode_r16(const uint8_t *bytes, struct texel *texel)
{
	texel->channels[0] = unorm(bytes, 0, 16);
}

static void decode_rgba16_snorm(const uint8_t *bytes, struct texel *texel)
{
	for (int i = 0; i < 4; i++)
		texel->channels[i] = snorm(bytes, 16 * i, 16);
}

static void decode_r16f(const uint8_t *bytes, struct texel *texel)
{
	texel->channels[0] = small_float(bits(bytes, 0, 16), 10);
}

static void decode_rgba16f(const uint8_t *bytes, struct texel *texel)
{
	for (int i = 0; i < 4; i++)
		texel->channels[i] = small_float(bits(bytes, 16 * i, 16), 10);
}

static double wide_float(const uint8_t *bytes)
{
	float value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static void decode_r32f(const uint8_t *bytes, struct texel *texel)
{
	texel->channels[0] = wide_float(bytes);
}

static void decode_rgba32f(const uint8_t *bytes, struct texel *texel)
{
	for (int i = 0; i < 4; i++)
		texel->channels[i] = wide_float(bytes + 4 * i);
}

#define FORMAT(name, bytes, decode, channels)                                                      \
	{ #name, VK_FORMAT_##name, bytes, decode, channels, false }
#define DEPTH(name, bytes, decode) { #name, VK_FORMAT_##name, bytes, decode, 1, true }
const struct format formats[] = {
	FORMAT(R8_UNORM, 1, decode_r8, 1),
	FORMAT(R8G8_UNORM, 2, decode_rg8, 2),
	FORMAT(R8G8B8A8_UNORM, 4, decode_rgba8, 4),
	FORMAT(B8G8R8A8_UNORM, 4, decode_bgra8, 4),
	FORMAT(R8G8B8A8_SRGB, 4, decode_srgba8, 4),
	FORMAT(R8G8B8A8_SNORM, 4, decode_snorm8, 4),
	FORMAT(R5G6B5_UNORM_PACK16, 2, decode_rgb565, 3),
	FORMAT(A1R5G5B5_UNORM_PACK16, 2, decode_argb1555, 4),
	FORMAT(R4G4B4A4_UNORM_PACK16, 2, decode_rgba4, 4),
	FORMAT(A2B10G10R10_UNORM_PACK32, 4, decode_rgb10a2, 4),
	FORMAT(B10G11R11_UFLOAT_PACK32, 4, decode_rg11b10, 3),
	FORMAT(E5B9G9R9_UFLOAT_PACK32, 4, decode_rgb9e5, 3),
	FORMAT(R16_UNORM, 2, decode_r16, 1),
	FORMAT(R16G16B16A16_SNORM, 8, decode_rgba16_snorm, 4),
	FORMAT(R16_SFLOAT, 2, decode_r16f, 1),
	FORMAT(R16G16B16A16_SFLOAT, 8, decode_rgba16f, 4),
	FORMAT(R32_SFLOAT, 4, decode_r32f, 1),
	FORMAT(R32G32B32A32_SFLOAT, 16, decode_rgba32f, 4),
	DEPTH(D16_UNORM, 2, decode_r16),
	DEPTH(D32_SFLOAT, 4, decode_r32f),
};
const uint32_t format_count = COUNT(formats);
