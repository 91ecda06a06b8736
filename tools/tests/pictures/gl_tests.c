// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Scenes of what decides whether a fragment is drawn, and how it is combined with what is there.
 */
#include "gl.h"

static const float red[] = { 1, 0, 0, 1 }, green[] = { 0, 1, 0, 1 }, blue[] = { 0, 0, 1, 1 };
static const float white[] = { 1, 1, 1, 1 }, half[] = { 1, 1, 1, 0.5f };

/* Two triangles that go through each other. */
static void draw_depth(const struct scene *scene)
{
	static const struct vertex triangles[] = {
		{ { -0.9f, -0.9f, -0.9f, 1 }, { 1, 0, 0, 1 } },
		{ { 0.9f, -0.9f, 0.9f, 1 }, { 1, 0, 0, 1 } },
		{ { 0, 0.9f, 0, 1 }, { 1, 1, 0, 1 } },
		{ { -0.9f, -0.8f, 0.9f, 1 }, { 0, 0, 1, 1 } },
		{ { 0.9f, -0.8f, -0.9f, 1 }, { 0, 0, 1, 1 } },
		{ { 0, 0.95f, 0, 1 }, { 0, 1, 1, 1 } },
	};

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, colour_fragment);
	glEnable(GL_DEPTH_TEST);
	draw(GL_TRIANGLES, triangles, 6);
}

static const struct probe depth_probes[] = {
	{ 30, 126, { 255, 0, 0, 255 }, 12 },
	{ 170, 120, { 0, 0, 255, 255 }, 30 },
};

/* Each comparison against 0.5: a column each, with something nearer, equal, farther. */
static void draw_comparisons(const struct scene *scene)
{
	static const GLenum functions[] = { GL_NEVER, GL_LESS, GL_EQUAL, GL_LEQUAL,
					    GL_GREATER, GL_NOTEQUAL, GL_GEQUAL, GL_ALWAYS };
	static const float depths[] = { -0.5f, 0, 0.5f };

	(void)scene;
	glClearDepthf(0.5f);
	clear(0, 0, 0, 1);
	use_program(plain_vertex, colour_fragment);
	glEnable(GL_DEPTH_TEST);
	for (int i = 0; i < 8; i++) {
		glDepthFunc(functions[i]);
		for (int j = 0; j < 3; j++)
			draw_colour(-0.99f + i * 0.25f, -0.9f + j * 0.6f, -0.79f + i * 0.25f,
				    -0.4f + j * 0.6f, depths[j],
				    j == 0 ? red : j == 1 ? green : blue);
	}
}

/* Columns are 25 pixels wide; nearer is the lowest row. */
#define NONE { 0, 0, 0, 255 }
#define NEAR { 255, 0, 0, 255 }
#define SAME { 0, 255, 0, 255 }
#define FAR { 0, 0, 255, 255 }
static const struct probe comparison_probes[] = {
	{ 10, 110, NONE, 0 },  { 10, 69, NONE, 0 },  { 10, 28, NONE, 0 },
	{ 35, 110, NEAR, 0 },  { 35, 69, NONE, 0 },  { 35, 28, NONE, 0 },
	{ 60, 110, NONE, 0 },  { 60, 69, SAME, 0 },  { 60, 28, NONE, 0 },
	{ 85, 110, NEAR, 0 },  { 85, 69, SAME, 0 },  { 85, 28, NONE, 0 },
	{ 110, 110, NONE, 0 }, { 110, 69, NONE, 0 }, { 110, 28, FAR, 0 },
	{ 135, 110, NEAR, 0 }, { 135, 69, NONE, 0 }, { 135, 28, FAR, 0 },
	{ 160, 110, NONE, 0 }, { 160, 69, SAME, 0 }, { 160, 28, FAR, 0 },
	{ 185, 110, NEAR, 0 }, { 185, 69, SAME, 0 }, { 185, 28, FAR, 0 },
};

/* Depth that is tested but not written, and depth that the shader writes. */
static void draw_depth_write(const struct scene *scene)
{
	static const char fragment[] =
		"#version 300 es\n"
		"precision highp float;\n"
		"in vec4 v;\n"
		"out vec4 colour;\n"
		"void main() { colour = v; gl_FragDepth = gl_FragCoord.x / 200.0; }\n";

	(void)scene;
	clear(0, 0, 0, 1);
	glEnable(GL_DEPTH_TEST);
	use_program(plain_vertex, fragment);
	draw_colour(-1, -1, 1, 1, 0, red);
	use_program(plain_vertex, colour_fragment);
	glDepthMask(0);
	/* Depth 0.25 and 0.75. */
	draw_colour(-1, 0, 1, 0.8f, -0.5f, green);
	glDepthMask(1);
	draw_colour(-1, 0.4f, 1, 0.6f, 0.5f, blue);
}

static const struct probe depth_write_probes[] = {
	{ 40, 60, { 255, 0, 0, 255 }, 0 },  { 60, 60, { 0, 255, 0, 255 }, 0 },
	{ 100, 34, { 0, 255, 0, 255 }, 0 }, { 160, 34, { 0, 0, 255, 255 }, 0 },
	{ 160, 100, { 255, 0, 0, 255 }, 0 },
};

/* A triangle's stencil, and what is drawn inside and outside of it. */
static void draw_stencil(const struct scene *scene)
{
	static const struct vertex triangle[] = {
		{ .position = { -0.8f, -0.8f, 0, 1 } },
		{ .position = { 0.8f, -0.8f, 0, 1 } },
		{ .position = { 0, 0.8f, 0, 1 } },
	};

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, colour_fragment);
	glEnable(GL_STENCIL_TEST);
	glColorMask(0, 0, 0, 0);
	glStencilFunc(GL_ALWAYS, 5, 255);
	glStencilOp(GL_KEEP, GL_KEEP, GL_REPLACE);
	draw(GL_TRIANGLES, triangle, 3);
	glStencilOp(GL_KEEP, GL_KEEP, GL_INCR);
	draw_colour(-1, -0.3f, 1, 0, 0, white);
	glColorMask(1, 1, 1, 1);
	glStencilOp(GL_KEEP, GL_KEEP, GL_KEEP);
	glStencilFunc(GL_EQUAL, 5, 255);
	draw_colour(-1, -1, 1, 1, 0, red);
	glStencilFunc(GL_EQUAL, 6, 255);
	draw_colour(-1, -1, 1, 1, 0, green);
	glStencilFunc(GL_EQUAL, 1, 255);
	draw_colour(-1, -1, 1, 1, 0, blue);
}

static const struct probe stencil_probes[] = {
	{ 100, 110, { 255, 0, 0, 255 }, 0 },
	{ 100, 78, { 0, 255, 0, 255 }, 0 },
	{ 10, 78, { 0, 0, 255, 255 }, 0 },
	{ 10, 10, { 0, 0, 0, 255 }, 0 },
};

/* Over, sum, product, difference, least, and a factor that is a constant. */
static void draw_blend(const struct scene *scene)
{
	static const float orange[] = { 1, 0.4f, 0, 0.6f };
	static const struct {
		GLenum equation, from, to;
	} blends[] = {
		{ GL_FUNC_ADD, GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA },
		{ GL_FUNC_ADD, GL_ONE, GL_ONE },
		{ GL_FUNC_ADD, GL_DST_COLOR, GL_ZERO },
		{ GL_FUNC_REVERSE_SUBTRACT, GL_ONE, GL_ONE },
		{ GL_MIN, GL_ONE, GL_ONE },
		{ GL_FUNC_ADD, GL_CONSTANT_COLOR, GL_ONE_MINUS_CONSTANT_ALPHA },
	};

	(void)scene;
	clear(0.2f, 0.4f, 0.6f, 1);
	use_program(plain_vertex, colour_fragment);
	glEnable(GL_BLEND);
	glBlendColor(0.2f, 0.6f, 1, 0.4f);
	for (int i = 0; i < 6; i++) {
		glBlendEquation(blends[i].equation);
		glBlendFunc(blends[i].from, blends[i].to);
		draw_colour(-0.96f + i / 3.0f, -0.8f, -0.7f + i / 3.0f, 0.8f, 0, orange);
	}
	glBlendEquation(GL_FUNC_ADD);
}

static const struct probe blend_probes[] = {
	{ 15, 68, { 173, 102, 61, 194 }, 1 },  { 49, 68, { 255, 204, 153, 255 }, 1 },
	{ 82, 68, { 51, 41, 0, 153 }, 1 },     { 115, 68, { 0, 0, 153, 102 }, 1 },
	{ 149, 68, { 51, 102, 0, 153 }, 1 },   { 182, 68, { 82, 122, 92, 214 }, 1 },
};

/* Layers in the order in which they are drawn. */
static void draw_layers(const struct scene *scene)
{
	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, colour_fragment);
	glEnable(GL_BLEND);
	glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
	for (int i = 0; i < 24; i++) {
		const float colour[] = { i % 3 == 0, i % 3 == 1, i % 3 == 2, 0.4f };

		draw_colour(-0.95f + i * 0.05f, -0.95f + i * 0.05f, -0.2f + i * 0.05f,
			    -0.2f + i * 0.05f, 0, colour);
	}
}

static void draw_cull(const struct scene *scene)
{
	static const struct vertex triangles[] = {
		{ { -0.9f, -0.8f, 0, 1 }, { 1, 0, 0, 1 } },
		{ { -0.1f, -0.8f, 0, 1 }, { 1, 0, 0, 1 } },
		{ { -0.5f, 0.8f, 0, 1 }, { 1, 0, 0, 1 } },
		{ { 0.1f, -0.8f, 0, 1 }, { 0, 1, 0, 1 } },
		{ { 0.5f, 0.8f, 0, 1 }, { 0, 1, 0, 1 } },
		{ { 0.9f, -0.8f, 0, 1 }, { 0, 1, 0, 1 } },
	};
	static const char fragment[] =
		"#version 300 es\n"
		"precision highp float;\n"
		"in vec4 v;\n"
		"out vec4 colour;\n"
		"void main() { colour = gl_FrontFacing ? v : vec4(0, 0, 1, 1); }\n";

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, fragment);
	draw(GL_TRIANGLES, triangles, 6);
	glEnable(GL_CULL_FACE);
	glEnable(GL_SCISSOR_TEST);
	glScissor(0, 0, WIDTH, HEIGHT / 2);
	glCullFace(GL_BACK);
	clear(0, 0, 0, 1);
	draw(GL_TRIANGLES, triangles, 6);
}

static const struct probe cull_probes[] = {
	{ 50, 50, { 255, 0, 0, 255 }, 0 },
	{ 150, 50, { 0, 0, 255, 255 }, 0 },
	{ 50, 100, { 255, 0, 0, 255 }, 0 },
	{ 150, 100, { 0, 0, 0, 255 }, 0 },
};

/* Fragments that are thrown away write neither colour nor depth. */
static void draw_discard(const struct scene *scene)
{
	static const char fragment[] =
		"#version 300 es\n"
		"precision highp float;\n"
		"in vec4 v;\n"
		"out vec4 colour;\n"
		"void main() {\n"
		"	ivec2 cell = ivec2(gl_FragCoord.xy) / 10;\n"
		"	if ((cell.x + cell.y) % 2 == 0) discard;\n"
		"	colour = v;\n"
		"}\n";

	(void)scene;
	clear(0, 0, 0, 1);
	glEnable(GL_DEPTH_TEST);
	use_program(plain_vertex, fragment);
	draw_colour(-1, -1, 1, 1, 0, red);
	use_program(plain_vertex, colour_fragment);
	draw_colour(-1, -1, 1, 1, 0.5f, green);
}

/* Rows from the bottom: 135 from the top is the first. */
static const struct probe discard_probes[] = {
	{ 5, 130, { 0, 255, 0, 255 }, 0 },
	{ 15, 130, { 255, 0, 0, 255 }, 0 },
	{ 9, 126, { 0, 255, 0, 255 }, 0 },
	{ 10, 126, { 255, 0, 0, 255 }, 0 },
	{ 10, 125, { 0, 255, 0, 255 }, 0 },
};

/* Decals on a slope: without an offset the same depth does not pass. */
static void draw_offset(const struct scene *scene)
{
	struct vertex slope[] = {
		{ { -0.8f, -0.8f, -0.5f, 1 }, { 1, 0, 0, 1 } },
		{ { 0.8f, -0.8f, 0.5f, 1 }, { 1, 0, 0, 1 } },
		{ { 0, 0.8f, 0, 1 }, { 1, 0, 0, 1 } },
	};

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, colour_fragment);
	glEnable(GL_DEPTH_TEST);
	draw(GL_TRIANGLES, slope, 3);
	for (int i = 0; i < 3; i++)
		slope[i].value[1] = 1;
	draw(GL_TRIANGLES, slope, 3);
	for (int i = 0; i < 3; i++)
		slope[i].value[0] = 0;
	glEnable(GL_POLYGON_OFFSET_FILL);
	glEnable(GL_SCISSOR_TEST);
	glScissor(0, 0, WIDTH / 2, HEIGHT);
	glPolygonOffset(-1, -2);
	draw(GL_TRIANGLES, slope, 3);
}

static const struct probe offset_probes[] = {
	{ 90, 80, { 0, 255, 0, 255 }, 0 },
	{ 110, 80, { 255, 0, 0, 255 }, 0 },
};

/* Viewports and depth ranges. */
static void draw_viewports(const struct scene *scene)
{
	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, colour_fragment);
	glEnable(GL_DEPTH_TEST);
	glViewport(20, 20, 60, 40);
	glDepthRangef(0, 0.5f);
	draw_colour(-1, -1, 1, 1, 1, red);
	glViewport(50, 40, 100, 80);
	glDepthRangef(0.5f, 1);
	draw_colour(-1, -1, 1, 1, 0.5f, green);
	glViewport(-30, -30, 80, 80);
	glDepthRangef(1, 0);
	draw_colour(-1, -1, 1, 1, 0.9f, half);
}

/*
 * Red is 20 to 79 and 20 to 59 from the bottom, green 50 to 149 and 40 to 119; white goes out of
 * the picture.
 */
static const struct probe viewport_probes[] = {
	{ 60, 85, { 255, 0, 0, 255 }, 0 },   { 100, 40, { 0, 255, 0, 255 }, 0 },
	{ 10, 130, { 255, 255, 255, 128 }, 1 }, { 190, 10, { 0, 0, 0, 255 }, 0 },
	{ 30, 110, { 255, 255, 255, 128 }, 1 }, { 150, 40, { 0, 0, 0, 255 }, 0 },
};

#define BLIND(what) .name = #what, .width = WIDTH, .height = HEIGHT, .draw = draw_##what
#define SCENE(what, list) BLIND(what), .probes = list, .count = COUNT(list)

const struct scene test_scenes[] = {
	{ SCENE(depth, depth_probes) },
	{ SCENE(comparisons, comparison_probes) },
	{ SCENE(stencil, stencil_probes) },
	{ SCENE(depth_write, depth_write_probes) },
	{ SCENE(blend, blend_probes) },
	{ BLIND(layers) },
	{ SCENE(cull, cull_probes) },
	{ SCENE(discard, discard_probes) },
	{ SCENE(offset, offset_probes) },
	{ SCENE(viewports, viewport_probes) },
};
const uint32_t test_count = COUNT(test_scenes);
