// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Subgroups in C: what subgroup.comp and shuffle.comp write when a subgroup has 32 lanes.
 */
#include <string.h>

#include "shaders.h"

#define LANES 32
#define GROUP 128

static uint32_t bits_of(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

struct reduction {
	uint32_t sum, min, max, and, or, xor, product, ones, sevens, ballot, twos;
	int32_t smin, smax;
	float float_sum, float_max;
	uint32_t lanes;
};

static bool is_away(uint32_t a)
{
	return a % 5 == 0;
}

/* Over the lanes of @in that have not left, up to @end. */
static struct reduction reduce(const uint32_t *in, uint32_t end)
{
	struct reduction r = {
		.min = ~0u, .and = ~0u, .product = 1, .smin = INT32_MAX, .smax = INT32_MIN
	};

	for (uint32_t lane = 0; lane < end; lane++) {
		uint32_t a = in[lane];
		float f = (float)(int32_t)a;

		if (is_away(a))
			continue;
		r.sum += a;
		r.min = a < r.min ? a : r.min;
		r.max = a > r.max ? a : r.max;
		r.smin = (int32_t)a < r.smin ? (int32_t)a : r.smin;
		r.smax = (int32_t)a > r.smax ? (int32_t)a : r.smax;
		r.and &= a | 0xff;
		r.or |= a & 0xff00ff;
		r.xor ^= a;
		r.product *= a | 1;
		r.ones += a % 5 == 1;
		r.sevens += a % 7 == 0;
		r.ballot |= (a & 1) << lane;
		r.twos += (a & 2) == 2;
		r.float_sum += a & 63;
		r.float_max = !r.lanes || f > r.float_max ? f : r.float_max;
		r.lanes |= 1u << lane;
	}
	return r;
}

void model_subgroup(const uint32_t *in, uint32_t *out, uint32_t threads)
{
	for (uint32_t i = 0; i < threads; i++) {
		uint32_t lane = i % LANES, *o = out + i * 32, a = in[i];
		const uint32_t *group = in + i - lane;
		struct reduction all = reduce(group, LANES), before = reduce(group, lane);
		uint32_t first = __builtin_ctz(all.lanes), signs = 0,
			 count = __builtin_popcount(all.lanes);

		if (is_away(a))
			continue;
		for (uint32_t j = 0; j < LANES; j++)
			signs += all.lanes >> j & 1 & group[j] >> 31;
		*o++ = LANES | lane << 8 | i % GROUP / LANES << 16 |
		       (uint32_t)(GROUP / LANES) << 24;
		*o++ = lane == first;
		*o++ = (all.sevens > 0) | (uint32_t)(all.sevens == 0) << 1;
		*o++ = signs == 0 || signs == count;
		*o++ = all.sum;
		*o++ = all.min;
		*o++ = all.max;
		*o++ = all.smin;
		*o++ = all.smax;
		*o++ = all.and;
		*o++ = all.or;
		*o++ = all.xor;
		*o++ = before.sum;
		*o++ = before.sum + a;
		*o++ = before.max;
		*o++ = before.xor ^ a;
		*o++ = all.ballot;
		*o++ = all.twos;
		*o++ = before.twos;
		*o++ = group[first];
		*o++ = all.ones;
		*o++ = bits_of(all.float_sum);
		*o++ = bits_of(all.float_max);
		*o++ = all.product;
	}
}

void model_shuffle(const uint32_t *in, uint32_t *out, uint32_t threads)
{
	for (uint32_t i = 0; i < threads; i++) {
		uint32_t lane = i % LANES, *o = out + i * 16, sum = 0, xor = 0, max = 0;
		const uint32_t *group = in + i - lane, *quad = group + lane / 4 * 4;

		for (uint32_t j = 0; j < 4; j++)
			sum += quad[j];
		for (uint32_t j = 0; j < 8; j++)
			xor ^= group[lane / 8 * 8 + j];
		for (uint32_t j = 0; j < 16; j++)
			max = group[lane / 16 * 16 + j] > max ? group[lane / 16 * 16 + j] : max;
		*o++ = group[11];
		*o++ = group[in[i] >> 3 & 31];
		*o++ = group[lane ^ 13];
		*o++ = group[lane ^ 2];
		*o++ = lane >= 3 ? group[lane - 3] : 0;
		*o++ = lane < 25 ? group[lane + 7] : 0;
		*o++ = quad[2];
		*o++ = group[lane ^ 1];
		*o++ = group[lane ^ 2];
		*o++ = group[lane ^ 3];
		*o++ = sum;
		*o++ = xor;
		*o++ = max;
	}
}
