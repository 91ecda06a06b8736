// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Compute shaders on the GPU, each compared with what another device of the same machine (llvmpipe)
 * makes of the same random input, or with a model in C. Prints TAP.
 *
 * usage: shaders-test NAME REFERENCE [SEED]      NAME, REFERENCE: parts of the devices' names
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders.h"

#include "angles.h"
#include "atomics.h"
#include "bits.h"
#include "convert.h"
#include "float_exact.h"
#include "float_near.h"
#include "flow.h"
#include "grid.h"
#include "half.h"
#include "integer.h"
#include "local.h"
#include "memory.h"
#include "narrow.h"
#include "scratch.h"
#include "shuffle.h"
#include "subgroup.h"
#include "wide.h"

#define WORDS (1 << 17)

enum input { WORDS_WITH_EDGES, FLOATS_WITH_EDGES, FLOATS };

struct test {
	const char *name;
	const uint32_t *code;
	size_t size;
	uint32_t groups[3];
	enum input input;
	/* Words of a thread's result, and which of them are floats. */
	uint32_t stride, floats;
	/* How far floats may differ: relative, and in total. */
	float relative, absolute;
	/* Instead of the other device. */
	void (*model)(const uint32_t *in, uint32_t *out, uint32_t threads);
	uint32_t group_size;
};

#define CODE(NAME) #NAME, NAME##_code, sizeof(NAME##_code)

static const struct test tests[] = {
	{ CODE(integer), { 16, 1, 1 }, WORDS_WITH_EDGES, .stride = 24 },
	{ CODE(bits), { 16, 1, 1 }, WORDS_WITH_EDGES, .stride = 24 },
	{ CODE(wide), { 16, 1, 1 }, WORDS_WITH_EDGES, .stride = 32 },
	{ CODE(narrow), { 16, 1, 1 }, WORDS_WITH_EDGES, .stride = 16 },
	{ CODE(float_exact), { 16, 1, 1 }, FLOATS_WITH_EDGES, .stride = 24, .floats = ~(1u << 18) },
	{ CODE(float_near),
	  { 16, 1, 1 },
	  FLOATS,
	  .stride = 16,
	  .floats = ~0u,
	  .relative = 4e-6,
	  .absolute = 4e-6 },
	{ CODE(angles),
	  { 16, 1, 1 },
	  FLOATS,
	  .stride = 8,
	  .floats = ~0u,
	  .relative = 1e-3,
	  .absolute = 1e-3 },
	{ CODE(half), { 16, 1, 1 }, FLOATS, .stride = 16, .floats = 1u << 15 },
	{ CODE(convert),
	  { 16, 1, 1 },
	  FLOATS_WITH_EDGES,
	  .stride = 16,
	  .floats = 0x7c00,
	  .relative = 2e-7 },
	{ CODE(flow), { 16, 1, 1 }, WORDS_WITH_EDGES, .stride = 8 },
	{ CODE(local), { 16, 1, 1 }, WORDS_WITH_EDGES, .stride = 4 },
	{ CODE(atomics), { 16, 1, 1 }, WORDS_WITH_EDGES, .stride = 1 },
	{ CODE(scratch), { 16, 1, 1 }, WORDS_WITH_EDGES, .stride = 2 },
	{ CODE(grid), { 3, 7, 2 }, WORDS_WITH_EDGES, .stride = 4 },
	{ CODE(memory), { 16, 1, 1 }, WORDS_WITH_EDGES, .stride = 20 },
	{ CODE(subgroup),
	  { 8, 1, 1 },
	  WORDS_WITH_EDGES,
	  .stride = 32,
	  .model = model_subgroup,
	  .group_size = 128 },
	{ CODE(shuffle),
	  { 8, 1, 1 },
	  WORDS_WITH_EDGES,
	  .stride = 16,
	  .model = model_shuffle,
	  .group_size = 128 },
};

static uint64_t state = 1;
static int passed, failed;

uint32_t random_word(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return state >> 32 ^ state >> 13;
}

void report(bool good, const char *format, ...)
{
	va_list arguments;

	if (good)
		passed++;
	else
		failed++;
	printf("%sok %d - ", good ? "" : "not ", passed + failed);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

static float float_of(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static uint32_t bits_of(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static uint32_t input_word(enum input input)
{
	static const uint32_t words[] = { 0,	      1,	  2,	  31,	  32,  0x7fffffff,
					  0x80000000, 0xffffffff, 0xffff, 0x8000, 0x80 };
	static const float floats[] = { 0,    -0.0f, 1,	     -1,       0.5,	  1.5,	2.5,
					-2.5, 1e30,  -1e-30, INFINITY, -INFINITY, 65504 };
	uint32_t n = random_word();

	if (input != FLOATS && n % 8 == 0) {
		if (input == WORDS_WITH_EDGES)
			return words[n / 8 % (sizeof(words) / sizeof(*words))];
		return bits_of(floats[n / 8 % (sizeof(floats) / sizeof(*floats))]);
	}
	if (input == WORDS_WITH_EDGES)
		return n;
	return bits_of(((int32_t)n >> 8) / 1048576.0f + (n & 1 ? 0.01f : 0));
}

static void run(struct gpu *gpu, const struct test *test, const uint32_t *in, uint32_t *out)
{
	struct buffer source, result;
	struct binding bindings[] = {
		{ .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .buffer = &source },
		{ .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .buffer = &result },
	};
	struct program program;

	buffer_create(gpu, &source, WORDS * 4);
	buffer_create(gpu, &result, WORDS * 4);
	memcpy(source.map, in, WORDS * 4);
	program_create(gpu, &program, test->code, test->size, bindings, 2, 0);
	begin(gpu);
	dispatch(gpu, &program, NULL, 0, test->groups[0], test->groups[1], test->groups[2]);
	finish(gpu);
	memcpy(out, result.map, WORDS * 4);
	program_destroy(gpu, &program);
	buffer_destroy(gpu, &source);
	buffer_destroy(gpu, &result);
}

static bool is_near(const struct test *test, uint32_t got, uint32_t want)
{
	float g = float_of(got), w = float_of(want);

	if (got == want || (isnan(g) && isnan(w)))
		return true;
	/* Denormal results are zero on the GPU; the sign of a zero is left to min and max. */
	if (fabsf(g) < 1.2e-38f && fabsf(w) < 1.2e-38f)
		return true;
	return fabsf(g - w) <= test->absolute + test->relative * fabsf(w);
}

static void compare(const struct test *test, const uint32_t *in, const uint32_t *got,
		    const uint32_t *want)
{
	uint32_t wrong = 0, written = 0;

	for (uint32_t i = 0; i < WORDS; i++) {
		uint32_t word = i % test->stride;
		bool is_float = word < 32 && test->floats >> word & 1;

		written += want[i] != 0;
		if (is_float ? is_near(test, got[i], want[i]) : got[i] == want[i])
			continue;
		if (wrong++ < 6) {
			uint32_t thread = i / test->stride;
			const uint32_t *a = in + thread * 4 % WORDS;

			printf("# thread %u, word %u: %08x, wanted %08x (%g, %g)", thread, word,
			       got[i], want[i], float_of(got[i]), float_of(want[i]));
			printf(", of %08x %08x %08x %08x\n", a[0], a[1], a[2], a[3]);
		}
	}
	report(!wrong && written > 100, "%s: %u of %u words differ", test->name, wrong, written);
}

static const VkSamplerCreateInfo samplers[] = {
	{ .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO, .maxLod = VK_LOD_CLAMP_NONE },
	{ .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO, .magFilter = VK_FILTER_LINEAR,
	  .minFilter = VK_FILTER_LINEAR, .addressModeU = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE,
	  .maxLod = VK_LOD_CLAMP_NONE },
	{ .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO, .magFilter = VK_FILTER_LINEAR,
	  .addressModeU = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_BORDER,
	  .addressModeV = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_BORDER,
	  .borderColor = VK_BORDER_COLOR_FLOAT_OPAQUE_WHITE, .maxLod = VK_LOD_CLAMP_NONE },
};

static void test_images(struct gpu *gpu, struct gpu *reference, uint32_t *in, uint32_t *got,
			uint32_t *want)
{
	static const struct {
		const char *name;
		struct block block;
	} formats[] = {
		{ "rgba8", { VK_FORMAT_R8G8B8A8_UNORM, 4, 1, 1 } },
		{ "r8", { VK_FORMAT_R8_UNORM, 1, 1, 1 } },
		{ "bgra8", { VK_FORMAT_B8G8R8A8_UNORM, 4, 1, 1 } },
		{ "rg16", { VK_FORMAT_R16G16_UINT, 4, 1, 1 } },
		{ "rgba16f", { VK_FORMAT_R16G16B16A16_SFLOAT, 8, 1, 1 } },
		{ "rgb10a2", { VK_FORMAT_A2B10G10R10_UNORM_PACK32, 4, 1, 1 } },
		{ "rgba32", { VK_FORMAT_R32G32B32A32_UINT, 16, 1, 1 } },
		{ "bc1", { VK_FORMAT_BC1_RGBA_UNORM_BLOCK, 8, 4, 4 } },
		{ "bc3", { VK_FORMAT_BC3_UNORM_BLOCK, 16, 4, 4 } },
	};
	const struct test storage = { .name = "storage images", .stride = 8 };
	/* The share of a texel has eight bits on hardware, and on llvmpipe. */
	const struct test sampling = {
		.name = "sampling", .stride = 16, .floats = 0xffff, .absolute = 6e-3
	};

	for (uint32_t i = 0; i < WORDS; i++)
		in[i] = random_word();
	run_storage_images(gpu, in, got, WORDS);
	run_storage_images(reference, in, want, WORDS);
	compare(&storage, in, got, want);
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		const struct block *block = &formats[i].block;
		uint32_t wrong = 0, bytes = 0;

		/* No half float that is no number: those may change on their way. */
		for (uint32_t j = 0; j < WORDS; j++)
			in[j] = random_word() & 0x7bff7bff;
		for (uint32_t level = 0; level < 3; level++)
			bytes += ((96 >> level) + block->width - 1) / block->width *
				 (((72 >> level) + block->height - 1) / block->height) * 3 *
				 block->bytes;
		run_copies(gpu, block, in, got, WORDS);
		for (uint32_t j = 0; j < bytes / 4; j++)
			wrong += got[j] != in[j];
		report(!wrong, "copies of %s: %u of %u words differ", formats[i].name, wrong,
		       bytes / 4);
	}
	for (size_t i = 0; i < sizeof(samplers) / sizeof(*samplers); i++) {
		for (uint32_t j = 0; j < WORDS; j++)
			in[j] = input_word(FLOATS);
		run_sampling(gpu, &samplers[i], &formats[0].block, in, got, WORDS);
		run_sampling(reference, &samplers[i], &formats[0].block, in, want, WORDS);
		compare(&sampling, in, got, want);
	}
}

/* Formats that both devices have; random bits are valid blocks of all of them. */
static void test_compressed(struct gpu *gpu, struct gpu *reference, uint32_t *in, uint32_t *got,
			    uint32_t *want)
{
	/*
	 * What lies between the two colours of a block is not said to the last bit: thirds are
	 * rounded. Floats of BC6H reach 65504, so they are only compared as they are, not mixed.
	 */
	static const struct {
		const char *name;
		struct block block;
		float absolute;
		bool filtered;
	} formats[] = {
		{ "bc1", { VK_FORMAT_BC1_RGBA_UNORM_BLOCK, 8, 4, 4 }, 1.2e-2, true },
		{ "bc1 rgb", { VK_FORMAT_BC1_RGB_UNORM_BLOCK, 8, 4, 4 }, 1.2e-2, true },
		{ "bc1 srgb", { VK_FORMAT_BC1_RGBA_SRGB_BLOCK, 8, 4, 4 }, 2e-2, true },
		{ "bc2", { VK_FORMAT_BC2_UNORM_BLOCK, 16, 4, 4 }, 1.2e-2, true },
		{ "bc3", { VK_FORMAT_BC3_UNORM_BLOCK, 16, 4, 4 }, 1.2e-2, true },
		{ "bc4", { VK_FORMAT_BC4_UNORM_BLOCK, 8, 4, 4 }, 1.2e-2, true },
		{ "bc4 signed", { VK_FORMAT_BC4_SNORM_BLOCK, 8, 4, 4 }, 2.4e-2, true },
		{ "bc5", { VK_FORMAT_BC5_UNORM_BLOCK, 16, 4, 4 }, 1.2e-2, true },
		{ "bc5 signed", { VK_FORMAT_BC5_SNORM_BLOCK, 16, 4, 4 }, 2.4e-2, true },
		{ "bc6h", { VK_FORMAT_BC6H_UFLOAT_BLOCK, 16, 4, 4 }, 0, false },
		{ "bc6h signed", { VK_FORMAT_BC6H_SFLOAT_BLOCK, 16, 4, 4 }, 0, false },
		{ "bc7", { VK_FORMAT_BC7_UNORM_BLOCK, 16, 4, 4 }, 6e-3, true },
		{ "bc7 srgb", { VK_FORMAT_BC7_SRGB_BLOCK, 16, 4, 4 }, 1.2e-2, true },
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		const VkSamplerCreateInfo *sampler = &samplers[formats[i].filtered];
		const struct test test = { .name = formats[i].name, .stride = 16, .floats = 0xffff,
					   .absolute = formats[i].absolute, .relative = 1e-5 };

		for (uint32_t j = 0; j < WORDS; j++)
			in[j] = input_word(FLOATS);
		run_sampling(gpu, sampler, &formats[i].block, in, got, WORDS);
		run_sampling(reference, sampler, &formats[i].block, in, want, WORDS);
		compare(&test, in, got, want);
	}
}

int main(int argc, char **argv)
{
	uint32_t *in = calloc(WORDS, 4), *got = calloc(WORDS, 4), *want = calloc(WORDS, 4);
	struct gpu gpu, reference;

	if (argc < 3 || !in || !got || !want)
		fail("usage: shaders-test NAME REFERENCE [SEED]");
	if (argc > 3)
		state = strtoull(argv[3], NULL, 0);
	gpu_open(&gpu, argv[1]);
	gpu_open(&reference, argv[2]);
	printf("# %s, compared with %s\n", gpu.properties.deviceName,
	       reference.properties.deviceName);
	test_transfers(&gpu);
	test_indirect(&gpu, grid_code, sizeof(grid_code));
	test_sparse(&gpu);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		const struct test *test = &tests[i];

		for (size_t j = 0; j < WORDS; j++)
			in[j] = input_word(test->input);
		run(&gpu, test, in, got);
		memset(want, 0, WORDS * 4);
		if (test->model)
			test->model(in, want, test->groups[0] * test->group_size);
		else
			run(&reference, test, in, want);
		compare(test, in, got, want);
	}
	test_images(&gpu, &reference, in, got, want);
	test_compressed(&gpu, &reference, in, got, want);
	gpu_close(&gpu);
	gpu_close(&reference);
	printf("1..%d\n", passed + failed);
	return failed ? 1 : 0;
}
