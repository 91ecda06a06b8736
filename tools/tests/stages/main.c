// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What Vulkan draws with geometry and tessellation shaders, indirect draws, primitive restart,
 * several views and samples, and what queries count. Each pixel counts how often it is drawn, so
 * that holes and overlaps are seen.
 *
 * usage: vk-stages DEVICE
 *
 * DEVICE is a part of the device's name. Prints TAP.
 */
#include <stdio.h>
#include <string.h>

#include "stages.h"

#include "cell.geom.h"
#include "cell.tesc.h"
#include "cell.vert.h"
#include "colour.frag.h"
#include "grid.vert.h"
#include "quads_equal.tese.h"
#include "quads_fractional_even.tese.h"
#include "quads_fractional_odd.tese.h"
#include "sample.frag.h"
#include "triangles.tese.h"
#include "view.vert.h"

#define SHADER(name, kind)                                                                         \
	static const struct shader name = { kind, name##_code, sizeof(name##_code) }
SHADER(grid_vert, VK_SHADER_STAGE_VERTEX_BIT);
SHADER(cell_vert, VK_SHADER_STAGE_VERTEX_BIT);
SHADER(view_vert, VK_SHADER_STAGE_VERTEX_BIT);
SHADER(cell_geom, VK_SHADER_STAGE_GEOMETRY_BIT);
SHADER(cell_tesc, VK_SHADER_STAGE_TESSELLATION_CONTROL_BIT);
SHADER(quads_equal_tese, VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT);
SHADER(quads_fractional_even_tese, VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT);
SHADER(quads_fractional_odd_tese, VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT);
SHADER(triangles_tese, VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT);
SHADER(colour_frag, VK_SHADER_STAGE_FRAGMENT_BIT);
SHADER(sample_frag, VK_SHADER_STAGE_FRAGMENT_BIT);

#define SHADERS(...)                                                                               \
	.shaders = (const struct shader *const[]) { __VA_ARGS__ },                                 \
	.shader_count = COUNT(((const struct shader *const[]) { __VA_ARGS__ }))
#define LIST VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST
#define STRIP VK_PRIMITIVE_TOPOLOGY_TRIANGLE_STRIP

static int bad;

static void tap(bool good, const char *what, const char *more)
{
	printf("%sok stages: %s%s\n", good ? "" : "not ", what, more);
	fflush(stdout);
	bad |= !good;
}

/* Vertices, instances, first of each. */
static void draw_plain(struct bench *bench, const void *data)
{
	const uint32_t *numbers = data;

	vkCmdDraw(bench->gpu.commands, numbers[0], numbers[1], numbers[2], numbers[3]);
}

static const VkDrawIndirectCommand draws[] = {
	{ CELLS * 6, 1, 0, 0 },
	{ CELLS * 6, 2, 0, 0 },
	{ CELLS * 6, 1, 0, 5 },
};

static void draw_indirect(struct bench *bench, const void *data)
{
	(void)data;
	vkCmdDrawIndirect(bench->gpu.commands, bench->indirect.buffer, 0, COUNT(draws),
			  sizeof(draws[0]));
}

/* As many as the number behind the arguments says. */
static void draw_counted(struct bench *bench, const void *data)
{
	(void)data;
	vkCmdDrawIndirectCount(bench->gpu.commands, bench->indirect.buffer, 0,
			       bench->indirect.buffer, sizeof(draws), COUNT(draws),
			       sizeof(draws[0]));
}

struct indexed {
	VkIndexType type;
	uint32_t count;
	int32_t offset;
	bool indirect;
};

static void draw_indexed(struct bench *bench, const void *data)
{
	const struct indexed *indexed = data;

	vkCmdBindIndexBuffer(bench->gpu.commands, bench->indices.buffer, 0, indexed->type);
	if (indexed->indirect)
		vkCmdDrawIndexedIndirect(bench->gpu.commands, bench->indirect.buffer, 0, 1, 0);
	else
		vkCmdDrawIndexed(bench->gpu.commands, indexed->count, 1, 0, indexed->offset, 0);
}

static void test_draws(struct bench *bench)
{
	const struct setup setup = { SHADERS(&grid_vert, &colour_frag), .topology = LIST,
				     .samples = 1, .blend = true };
	const uint32_t plain[] = { CELLS * 6, 3, 0, 0 }, later[] = { CELLS * 6, 2, 0, 7 };
	uint32_t two = 2;

	render(bench, &setup, 0, draw_plain, plain, VK_NULL_HANDLE);
	tap(all_are(bench, 0, (uint8_t[]) { 3, 3, 0 }), "three instances", "");
	render(bench, &setup, 0, draw_plain, later, VK_NULL_HANDLE);
	tap(all_are(bench, 0, (uint8_t[]) { 2, 15, 0 }), "instances from the seventh on", "");
	memcpy(bench->indirect.map, draws, sizeof(draws));
	render(bench, &setup, 0, draw_indirect, NULL, VK_NULL_HANDLE);
	tap(all_are(bench, 0, (uint8_t[]) { 4, 6, 4 }), "three indirect draws", "");
	memcpy((char *)bench->indirect.map + sizeof(draws), &two, sizeof(two));
	render(bench, &setup, 0, draw_counted, NULL, VK_NULL_HANDLE);
	tap(all_are(bench, 0, (uint8_t[]) { 3, 1, 2 }), "two of three indirect draws", "");
	two = 0;
	memcpy((char *)bench->indirect.map + sizeof(draws), &two, sizeof(two));
	render(bench, &setup, 0, draw_counted, NULL, VK_NULL_HANDLE);
	tap(all_are(bench, 0, (uint8_t[]) { 0, 0, 0 }), "none of three indirect draws", "");
}

static void test_indices(struct bench *bench)
{
	/* A cell's corners as a strip. */
	static const uint32_t corners[] = { 0, 1, 2, 5 };
	const struct setup list = { SHADERS(&grid_vert, &colour_frag), .topology = LIST,
				    .samples = 1, .blend = true };
	const struct setup strip = { SHADERS(&grid_vert, &colour_frag), .topology = STRIP,
				     .samples = 1, .restart = true, .blend = true };
	VkDrawIndexedIndirectCommand command = { CELLS * 6 - 6, 2, 6, -100, 0 };
	struct indexed wide = { VK_INDEX_TYPE_UINT32, CELLS * 6, -100, false };
	struct indexed strips = { VK_INDEX_TYPE_UINT16, CELLS * 5, 0, false };
	uint16_t *narrow = bench->indices.map;
	uint32_t *indices = bench->indices.map;

	for (uint32_t i = 0; i < CELLS * 6; i++)
		indices[i] = i + 100;
	render(bench, &list, 0, draw_indexed, &wide, VK_NULL_HANDLE);
	tap(all_are(bench, 0, (uint8_t[]) { 1, 0, 0 }), "indices with an offset", "");
	/* Those of the first cell are left out. */
	wide.indirect = true;
	memcpy(bench->indirect.map, &command, sizeof(command));
	render(bench, &list, 0, draw_indexed, &wide, VK_NULL_HANDLE);
	tap(!pixel(bench, 0, 0, 0)[0] && pixel(bench, 0, 10, 0)[0] == 2 &&
		    pixel(bench, 0, 63, 63)[0] == 2,
	    "indirect indices but for the first six", "");
	for (uint32_t i = 0; i < CELLS * 5; i++)
		narrow[i] = i % 5 == 4 ? 0xffff : i / 5 * 6 + corners[i % 5];
	render(bench, &strip, 0, draw_indexed, &strips, VK_NULL_HANDLE);
	tap(all_are(bench, 0, (uint8_t[]) { 1, 0, 0 }), "strips with primitive restart", "");
}

static void test_geometry(struct bench *bench)
{
	const struct setup setup = { SHADERS(&cell_vert, &cell_geom, &colour_frag),
				     .topology = VK_PRIMITIVE_TOPOLOGY_POINT_LIST, .samples = 1,
				     .blend = true };
	const uint32_t plain[] = { CELLS, 1, 0, 0 };

	render(bench, &setup, 0, draw_plain, plain, VK_NULL_HANDLE);
	tap(all_are(bench, 0, (uint8_t[]) { 1, 1, 2 }), "a geometry shader with invocations", "");
}

static void test_tessellation(struct bench *bench)
{
	static const struct {
		const char *name;
		const struct shader *shader;
		uint32_t patches;
	} kinds[] = {
		{ "equal quads", &quads_equal_tese, CELLS },
		{ "fractional even quads", &quads_fractional_even_tese, CELLS },
		{ "fractional odd quads", &quads_fractional_odd_tese, CELLS },
		{ "triangles", &triangles_tese, 1 },
	};
	static const uint32_t levels[] = { 4, 6, 9, 17, 30 };

	for (uint32_t i = 0; i < COUNT(kinds); i++)
		for (uint32_t j = 0; j < COUNT(levels); j++) {
			const struct setup setup = {
				SHADERS(&cell_vert, &cell_tesc, kinds[i].shader, &colour_frag),
				.topology = VK_PRIMITIVE_TOPOLOGY_PATCH_LIST,
				.samples = 1,
				.blend = true,
			};
			const uint32_t plain[] = { kinds[i].patches, 1, 0, 0 };
			char level[32];

			snprintf(level, sizeof(level), " at level %u/4", levels[j]);
			render(bench, &setup, levels[j], draw_plain, plain, VK_NULL_HANDLE);
			tap(all_are(bench, 0, (uint8_t[]) { 1, 1, 0 }), kinds[i].name, level);
		}
}

static void test_views(struct bench *bench)
{
	const struct setup setup = { SHADERS(&view_vert, &colour_frag), .topology = STRIP,
				     .samples = 1, .view_mask = 3, .blend = true };
	const uint32_t plain[] = { 4, 1, 0, 0 };
	bool good;

	render(bench, &setup, 0, draw_plain, plain, VK_NULL_HANDLE);
	/* The first view: a quarter of each side. */
	good = pixel(bench, 0, 15, 15)[0] == 1 && !pixel(bench, 0, 16, 15)[0] &&
	       !pixel(bench, 0, 15, 16)[0];
	tap(good, "the first of two views", "");
	good = pixel(bench, 1, 31, 31)[0] == 1 && pixel(bench, 1, 31, 31)[1] == 1 &&
	       !pixel(bench, 1, 32, 31)[0] && !pixel(bench, 1, 31, 32)[0];
	tap(good, "the second of two views", "");
}

static void test_samples(struct bench *bench)
{
	const uint32_t plain[] = { CELLS * 6, 1, 0, 0 };

	for (uint32_t samples = 2; samples <= 4; samples *= 2) {
		struct setup setup = { SHADERS(&grid_vert, &colour_frag), .topology = LIST,
				       .samples = samples, .blend = true };
		struct setup each = { SHADERS(&grid_vert, &sample_frag), .topology = LIST,
				      .samples = samples };
		const char *more = samples == 2 ? " of two" : " of four";

		/* Lavapipe has no two. */
		if (!(bench->gpu.properties.limits.framebufferColorSampleCounts & samples))
			continue;
		render(bench, &setup, 0, draw_plain, plain, VK_NULL_HANDLE);
		tap(all_are(bench, 0, (uint8_t[]) { 1, 0, 0 }), "all samples", more);
		render(bench, &each, 0, draw_plain, plain, VK_NULL_HANDLE);
		tap(all_are(bench, 0, (uint8_t[]) { samples == 2 ? 6 : 15, 8, 16 }),
		    "a shader for each sample", more);
	}
}

static VkQueryPool make_query(struct bench *bench, VkQueryType type,
			      VkQueryPipelineStatisticFlags statistics)
{
	VkQueryPoolCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
		.queryType = type,
		.queryCount = 1,
		.pipelineStatistics = statistics,
	};
	VkQueryPool query;

	check(vkCreateQueryPool(bench->gpu.device, &info, NULL, &query), "query");
	return query;
}

static void results(struct bench *bench, VkQueryPool query, uint64_t *values, uint32_t count)
{
	check(vkGetQueryPoolResults(bench->gpu.device, query, 0, 1, count * sizeof(*values), values,
				    count * sizeof(*values),
				    VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT),
	      "results of a query");
	vkDestroyQueryPool(bench->gpu.device, query, NULL);
}

static void test_queries(struct bench *bench)
{
	struct setup setup = { SHADERS(&grid_vert, &colour_frag), .topology = LIST, .samples = 1,
			       .blend = true };
	const uint32_t plain[] = { CELLS * 6, 1, 0, 0 };
	VkQueryPool query;
	/* Vertices, primitives, vertex shaders, primitives clipped, fragment shaders. */
	uint64_t counts[5];

	for (uint32_t samples = 1; samples <= 4; samples *= 2) {
		char more[40];

		if (!(bench->gpu.properties.limits.framebufferColorSampleCounts & samples))
			continue;
		query = make_query(bench, VK_QUERY_TYPE_OCCLUSION, 0);
		setup.samples = samples;
		render(bench, &setup, 0, draw_plain, plain, query);
		results(bench, query, counts, 1);
		snprintf(more, sizeof(more), " with %u samples: %llu", samples,
			 (unsigned long long)counts[0]);
		tap(counts[0] == SIDE * SIDE * samples, "an occlusion query", more);
	}
	setup.samples = 1;
	query = make_query(bench, VK_QUERY_TYPE_PIPELINE_STATISTICS,
			   VK_QUERY_PIPELINE_STATISTIC_INPUT_ASSEMBLY_VERTICES_BIT |
				   VK_QUERY_PIPELINE_STATISTIC_INPUT_ASSEMBLY_PRIMITIVES_BIT |
				   VK_QUERY_PIPELINE_STATISTIC_VERTEX_SHADER_INVOCATIONS_BIT |
				   VK_QUERY_PIPELINE_STATISTIC_CLIPPING_PRIMITIVES_BIT |
				   VK_QUERY_PIPELINE_STATISTIC_FRAGMENT_SHADER_INVOCATIONS_BIT);
	render(bench, &setup, 0, draw_plain, plain, query);
	results(bench, query, counts, 5);
	printf("# %llu vertices, %llu primitives, %llu vertex shaders, %llu primitives clipped, "
	       "%llu fragment shaders\n",
	       (unsigned long long)counts[0], (unsigned long long)counts[1],
	       (unsigned long long)counts[2], (unsigned long long)counts[3],
	       (unsigned long long)counts[4]);
	tap(counts[0] == CELLS * 6 && counts[1] == CELLS * 2, "statistics of what is assembled",
	    "");
	tap(counts[2] >= CELLS * 4 && counts[4] >= SIDE * SIDE, "statistics of shaders", "");
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };

	if (argc != 2) {
		fputs("usage: vk-stages DEVICE\n", stderr);
		return 2;
	}
	bench_create(&bench, argv[1]);
	test_draws(&bench);
	test_indices(&bench);
	test_geometry(&bench);
	test_tessellation(&bench);
	test_views(&bench);
	test_samples(&bench);
	test_queries(&bench);
	bench_destroy(&bench);
	return bad;
}
