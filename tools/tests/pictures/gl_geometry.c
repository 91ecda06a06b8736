// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Scenes of OpenGL 4.5: how vertices become primitives, and where those go.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "gl.h"

static const char flat_vertex[] = CORE "layout(location = 0) in vec4 position;\n"
				       "layout(location = 1) in vec4 value;\n"
				       "flat out vec4 v;\n"
				       "void main() { gl_Position = position; v = value; }\n";
static const char flat_fragment[] = CORE "flat in vec4 v;\n"
					 "out vec4 colour;\n"
					 "void main() { colour = v; }\n";

static struct vertex numbered(int i, float x, float y)
{
	return (struct vertex) {
		{ x, y, 0, 1 },
		{ 0.3f + 0.7f * (i % 2), 0.3f + 0.35f * (i % 3), 0.3f + 0.1f * (i % 8), 1 },
	};
}

/*
 * Lists and strips of triangles and lines, whose last vertices give colours on the left, and
 * whose first ones do on the right. A fan whose first vertices do is in vk-pictures: Mesa's driver
 * for OpenGL is known to take the second ones, and says so where it makes them.
 */
static void draw_provoking(const struct scene *scene)
{
	struct vertex vertices[9];

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(flat_vertex, flat_fragment);
	for (int side = 0; side < 2; side++) {
		float left = side - 0.95f;

		desktop.ProvokingVertex(side ? GL_FIRST_VERTEX_CONVENTION :
					       GL_LAST_VERTEX_CONVENTION);
		for (int i = 0; i < 9; i++)
			vertices[i] = numbered(i, left + 0.1f * i, i % 2 ? 0.9f : 0.5f);
		draw(GL_TRIANGLE_STRIP, vertices, 9);
		for (int i = 0; i < 9; i++)
			vertices[i].position[1] -= 0.6f;
		draw(GL_TRIANGLES, vertices, 9);
		for (int i = 0; i < 9; i++)
			vertices[i] = numbered(i, left + 0.1f * i, -0.3f - 0.25f * (i / 2 % 2));
		draw(GL_LINE_STRIP, vertices, 9);
		for (int i = 0; i < 8; i++)
			vertices[i].position[1] = -0.7f - 0.03f * i;
		draw(GL_LINES, vertices, 8);
	}
	desktop.ProvokingVertex(GL_LAST_VERTEX_CONVENTION);
}

/* The strip's second triangle, of vertices 1, 2 and 3, and the list's of 3, 4 and 5. */
static const struct probe provoking_probes[] = {
	{ 25, 14, { 255, 77, 153, 255 }, 1 },
	{ 125, 14, { 255, 166, 102, 255 }, 1 },
	{ 45, 57, { 255, 255, 204, 255 }, 1 },
	{ 145, 57, { 255, 77, 153, 255 }, 1 },
};

/* The last vertex gives the colour in a fan as well. */
static void draw_fan(const struct scene *scene)
{
	struct vertex vertices[10];

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(flat_vertex, flat_fragment);
	vertices[0] = numbered(0, 0, 0);
	for (int i = 1; i < 10; i++) {
		float angle = (i - 1) * 0.785398f;

		vertices[i] = numbered(i, 0.8f * cosf(angle), 0.8f * sinf(angle));
	}
	draw(GL_TRIANGLE_FAN, vertices, 10);
}

/* The first, third and fifth triangle. */
static const struct probe fan_probes[] = {
	{ 137, 58, { 77, 255, 128, 255 }, 1 },
	{ 85, 43, { 77, 166, 179, 255 }, 1 },
	{ 63, 78, { 77, 77, 230, 255 }, 1 },
};

/*
 * Strips, fans and loops that the largest index of each size ends, and so does a small one on the
 * right.
 */
static void draw_restart(const struct scene *scene)
{
	static const GLenum modes[] = { GL_TRIANGLE_STRIP, GL_TRIANGLE_FAN, GL_LINE_LOOP };
	static const GLenum types[] = { GL_UNSIGNED_BYTE, GL_UNSIGNED_SHORT, GL_UNSIGNED_INT };
	struct vertex vertices[13];
	uint8_t bytes[64];

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(core_vertex, core_fragment);
	for (int cell = 0; cell < 18; cell++) {
		int mode = cell / 6, type = cell % 3;
		bool small = cell % 6 > 2;
		uint32_t size = 1u << type, end = small ? 12 : UINT32_MAX >> (32 - 8 * size);
		uint32_t count = 0;

		for (int i = 0; i < 13; i++)
			vertices[i] = numbered(i, -0.95f + cell % 6 * 0.33f + i / 2 * 0.04f,
					       0.4f - mode * 0.65f + (i % 2 ? 0.5f : 0.1f));
		use_vertices(vertices, 13);
		for (uint32_t i = 0; i < 12; i++) {
			uint32_t index = i;

			memcpy(bytes + size * count++, &index, size);
			/* Runs of 1, 4 and 7: the first is no primitive. */
			if (i == 0 || i == 4)
				memcpy(bytes + size * count++, &end, size);
		}
		use_indices(bytes, size * count);
		if (small)
			desktop.PrimitiveRestartIndex(end);
		glEnable(small ? GL_PRIMITIVE_RESTART : GL_PRIMITIVE_RESTART_FIXED_INDEX);
		glDrawElements(modes[mode], count, types[type], NULL);
		glDisable(GL_PRIMITIVE_RESTART);
		glDisable(GL_PRIMITIVE_RESTART_FIXED_INDEX);
	}
}

/* What an index ends and what it does not, with the largest ones and with a small one. */
static const struct probe restart_probes[] = {
	{ 11, 10, { 0, 0, 0, 255 }, 0 },      { 110, 10, { 0, 0, 0, 255 }, 0 },
	{ 17, 53, { 239, 247, 183, 255 }, 8 }, { 116, 53, { 239, 247, 183, 255 }, 8 },
	{ 183, 76, { 0, 0, 0, 255 }, 0 },
};

/* Arguments from memory: plain, more than one draw, with indices, from an index and instance on. */
static void draw_indirect(const struct scene *scene)
{
	static const char vertex[] = CORE
		"layout(location = 0) in vec4 position;\n"
		"layout(location = 1) in vec4 value;\n"
		"layout(location = 2) in vec4 each;\n"
		"out vec4 v;\n"
		"void main() {\n"
		"	gl_Position = position + vec4(each.xy + gl_InstanceID * vec2(0.3, 0), 0, 0);\n"
		"	v = value * each.z;\n"
		"}\n";
	static const uint32_t arguments[] = {
		/* Vertices, instances, first vertex, first instance. */
		3, 2, 0, 0, 3, 1, 3, 1, 0, 1, 0, 0, 3, 0, 0, 0,
		/* Indices, instances, first index, added to it, first instance. */
		3, 2, 2, 1, 2, 3, 1, 0, 0, 3,
	};
	static const uint16_t indices[] = { 0, 1, 2, 3, 4 };
	static const float each[][4] = { { 0, 0, 1, 0 }, { 0.8f, 0, 0.8f, 0 },
					 { 0, -1, 0.6f, 0 }, { 0.9f, -0.9f, 1, 0 } };
	struct vertex vertices[9];
	GLuint buffer, instances;

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(vertex, core_fragment);
	for (int i = 0; i < 9; i++)
		vertices[i] = numbered(i / 3, -0.9f + 0.12f * (i % 3),
				       0.2f + (i % 3 == 1 ? 0.5f + 0.1f * (i / 3) : 0));
	use_vertices(vertices, 9);
	glGenBuffers(1, &instances);
	glBindBuffer(GL_ARRAY_BUFFER, instances);
	glBufferData(GL_ARRAY_BUFFER, sizeof(each), each, GL_STREAM_DRAW);
	glVertexAttribPointer(2, 4, GL_FLOAT, GL_FALSE, 0, NULL);
	glVertexAttribDivisor(2, 1);
	glEnableVertexAttribArray(2);
	use_indices(indices, sizeof(indices));
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_DRAW_INDIRECT_BUFFER, buffer);
	glBufferData(GL_DRAW_INDIRECT_BUFFER, sizeof(arguments), arguments, GL_STREAM_DRAW);
	desktop.MultiDrawArraysIndirect(GL_TRIANGLES, NULL, 4, 16);
	desktop.MultiDrawElementsIndirect(GL_TRIANGLES, GL_UNSIGNED_SHORT, (void *)64, 2, 20);
	glDisableVertexAttribArray(2);
	glVertexAttribDivisor(2, 0);
	glDeleteBuffers(1, &buffer);
	glDeleteBuffers(1, &instances);
}

/* In the middle of what is drawn: two instances, one, two, one. */
static const struct probe indirect_probes[] = {
	{ 22, 44, { 77, 77, 77, 255 }, 1 },    { 132, 44, { 61, 61, 61, 204 }, 1 },
	{ 102, 44, { 204, 133, 82, 204 }, 1 }, { 22, 109, { 153, 99, 61, 153 }, 1 },
	{ 142, 102, { 255, 166, 102, 255 }, 1 }, { 112, 104, { 77, 77, 77, 255 }, 1 },
	{ 52, 44, { 0, 0, 0, 255 }, 0 },
};

static const char pass_on_vertex[] = CORE "layout(location = 0) in vec4 position;\n"
					  "layout(location = 1) in vec4 value;\n"
					  "out vec4 g;\n"
					  "void main() { gl_Position = position; g = value; }\n";
/*
 * Each invocation has the values in another order, and goes to @where. llvmpipe of Mesa 26.1 has
 * zeros where the index of an input is what an invocation computes, so each is named.
 */
#define EACH(more, where)                                                                          \
	CORE more "layout(triangles, invocations = 4) in;\n"                                       \
		  "layout(triangle_strip, max_vertices = 3) out;\n"                                \
		  "in vec4 g[];\n"                                                                 \
		  "out vec4 v;\n"                                                                  \
		  "void main() {\n"                                                                \
		  "	for (int i = 0; i < 3; i++) {\n"                                           \
		  "		" where " = gl_InvocationID;\n"                                    \
		  "		gl_Position = gl_in[i].gl_Position;\n"                             \
		  "		int n = (i + gl_InvocationID) % 3;\n"                              \
		  "		v = n == 0 ? g[0] : n == 1 ? g[1] : g[2];\n"                       \
		  "		if (gl_InvocationID == 3)\n"                                       \
		  "			gl_Position.x *= 0.5;\n"                                   \
		  "		EmitVertex();\n"                                                   \
		  "	}\n"                                                                       \
		  "}\n"
static const char layer_geometry[] = EACH("", "gl_Layer");
static const char viewport_geometry[] =
	EACH("#extension GL_ARB_viewport_array : require\n", "gl_ViewportIndex");
/* Each instance goes to one of its own. */
#define INSTANCE(where)                                                                            \
	CORE "#extension GL_ARB_shader_viewport_layer_array : require\n"                           \
	     "layout(location = 0) in vec4 position;\n"                                            \
	     "layout(location = 1) in vec4 value;\n"                                               \
	     "out vec4 v;\n"                                                                       \
	     "void main() {\n"                                                                     \
	     "	gl_Position = position;\n"                                                         \
	     "	v = value * (0.4 + 0.2 * gl_InstanceID);\n"                                        \
	     "	" where " = gl_InstanceID;\n"                                                      \
	     "}\n"

static const struct vertex triangle[] = {
	{ { -0.9f, -0.9f, -0.2f, 1 }, { 1, 0, 0, 1 } },
	{ { 0.9f, -0.9f, 0, 1 }, { 0, 1, 0, 1 } },
	{ { 0, 0.9f, 0.2f, 1 }, { 0, 0, 1, 1 } },
};

/* An array of layers with depth, all of which are one attachment. */
static GLuint make_layers(GLuint *texture, GLuint *depth, uint32_t side, uint32_t count)
{
	GLuint framebuffer;

	glGenTextures(1, texture);
	glBindTexture(GL_TEXTURE_2D_ARRAY, *texture);
	glTexStorage3D(GL_TEXTURE_2D_ARRAY, 1, GL_RGBA8, side, side, count);
	glTexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glGenTextures(1, depth);
	glBindTexture(GL_TEXTURE_2D_ARRAY, *depth);
	glTexStorage3D(GL_TEXTURE_2D_ARRAY, 1, GL_DEPTH_COMPONENT32F, side, side, count);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, *texture, 0);
	glFramebufferTexture(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, *depth, 0);
	glBindTexture(GL_TEXTURE_2D_ARRAY, *texture);
	glViewport(0, 0, side, side);
	return framebuffer;
}

/* Shows the four layers side by side. */
static void show_layers(const struct scene *scene, float bottom, float top)
{
	use_program(core_vertex, CORE
		    "uniform sampler2DArray image;\n"
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() {\n"
		    "	colour = texture(image, vec3(fract(v.x), v.y, floor(v.x)));\n"
		    "}\n");
	glViewport(0, 0, scene->width, scene->height);
	draw_rectangle(-1, bottom, 1, top, 0, 4, 1);
}

/* Above by a geometry shader, below by a vertex shader. */
static void draw_layered(const struct scene *scene)
{
	static const float grey[] = { 0.5f, 0.5f, 0.5f, 1 };
	GLuint target = bound_framebuffer(), texture, depth, framebuffer;

	for (int way = 0; way < 2; way++) {
		framebuffer = make_layers(&texture, &depth, 50, 4);
		clear(0, 0, 0.2f, 1);
		glEnable(GL_DEPTH_TEST);
		if (way)
			use_program(INSTANCE("gl_Layer"), core_fragment);
		else
			use_stages(pass_on_vertex, layer_geometry, core_fragment);
		use_vertices(triangle, 3);
		glDrawArraysInstanced(GL_TRIANGLES, 0, 3, way ? 4 : 1);
		/* Behind it where that is nearer than 0; below it in the first layer only. */
		draw_colour(-1, -0.4f, 1, 0, 0, grey);
		glDisable(GL_DEPTH_TEST);
		glDeleteFramebuffers(1, &framebuffer);
		glBindFramebuffer(GL_FRAMEBUFFER, target);
		show_layers(scene, way ? -1 : 0.02f, way ? -0.02f : 1);
		glDeleteTextures(1, &texture);
		glDeleteTextures(1, &depth);
	}
}

/* The second and fourth layer by the geometry shader, all but the first by the vertex shader. */
static const struct probe layered_probes[] = {
	{ 74, 8, { 232, 14, 9, 255 }, 10 },    { 74, 34, { 128, 128, 128, 255 }, 1 },
	{ 176, 38, { 128, 128, 128, 255 }, 1 }, { 75, 110, { 46, 49, 58, 153 }, 6 },
	{ 125, 110, { 61, 66, 77, 204 }, 6 },  { 175, 110, { 76, 82, 96, 255 }, 6 },
};

/* Four views that overlap, each with a scissor and a range of depth of its own. */
static void set_views(float y)
{
	for (GLuint i = 0; i < 4; i++) {
		desktop.ViewportIndexedf(i, 4 + 44 * i, y + 4 * i, 60, 50 - 5 * i);
		desktop.ScissorIndexed(i, 8 + 44 * i, y, 48, 40);
		desktop.DepthRangeIndexed(i, 0.5 - 0.1 * i, 1 - 0.1 * i);
		glEnablei(GL_SCISSOR_TEST, i);
	}
}

static void draw_views(const struct scene *scene)
{
	static const float back[] = { 0.1f, 0.1f, 0.1f, 1 };

	clear(0, 0, 0, 1);
	glEnable(GL_DEPTH_TEST);
	use_program(core_vertex, core_fragment);
	draw_colour(-1, -1, 1, 1, 0.4f, back);
	use_program(INSTANCE("gl_ViewportIndex"), core_fragment);
	set_views(6);
	use_vertices(triangle, 3);
	glDrawArraysInstanced(GL_TRIANGLES, 0, 3, 4);
	use_stages(pass_on_vertex, viewport_geometry, core_fragment);
	set_views(74);
	draw(GL_TRIANGLES, triangle, 3);
	for (GLuint i = 0; i < 4; i++)
		glDisablei(GL_SCISSOR_TEST, i);
	glViewport(0, 0, scene->width, scene->height);
	glDepthRangef(0, 1);
}

/* The first view's triangle is behind the grey, the second one's is not. */
static const struct probe view_probes[] = {
	{ 2, 2, { 26, 26, 26, 255 }, 1 },
	{ 37, 118, { 26, 26, 26, 255 }, 1 },
	{ 78, 110, { 51, 51, 51, 153 }, 4 },
	{ 74, 23, { 203, 42, 9, 255 }, 10 },
	{ 125, 32, { 75, 138, 42, 255 }, 10 },
};

/* Two distances that cut and one that culls: the right third is not there, nor what is below. */
static void draw_distances(const struct scene *scene)
{
	static const char vertex[] = CORE
		"layout(location = 0) in vec4 position;\n"
		"layout(location = 1) in vec4 value;\n"
		"out gl_PerVertex {\n"
		"	vec4 gl_Position;\n"
		"	float gl_ClipDistance[2], gl_CullDistance[1];\n"
		"};\n"
		"out vec4 v;\n"
		"void main() {\n"
		"	gl_Position = position;\n"
		"	gl_ClipDistance[0] = 0.4 - position.x;\n"
		"	gl_ClipDistance[1] = 1.2 + position.x + position.y;\n"
		"	gl_CullDistance[0] = position.y + 0.5;\n"
		"	v = value;\n"
		"}\n";

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(vertex, core_fragment);
	glEnable(GL_CLIP_DISTANCE0);
	glEnable(GL_CLIP_DISTANCE0 + 1);
	for (int row = 0; row < 5; row++)
		draw_rectangle(-0.9f, -0.95f + row * 0.4f, 0.9f, -0.65f + row * 0.4f, 0, 1, 1);
	glDisable(GL_CLIP_DISTANCE0);
	glDisable(GL_CLIP_DISTANCE0 + 1);
}

/* The lowest row is culled; 0.4 is 140 pixels from the left. */
static const struct probe distance_probes[] = {
	{ 100, 125, { 0, 0, 0, 255 }, 0 },
	{ 139, 70, { 183, 96, 0, 255 }, 4 },
	{ 140, 70, { 0, 0, 0, 255 }, 0 },
	{ 16, 90, { 9, 186, 0, 255 }, 6 },
	{ 16, 100, { 0, 0, 0, 255 }, 0 },
};

/* Window coordinates of a scene as those of a clip volume with w = 1. */
static float at_x(float x)
{
	return x / (WIDTH / 2) - 1;
}

static float at_y(float y)
{
	return y / (HEIGHT / 2) - 1;
}

static void wide_line(float width, float x0, float y0, float x1, float y1)
{
	const struct vertex ends[] = {
		{ { at_x(x0), at_y(y0), 0, 1 }, { 1, 0.4f, 0.2f, 1 } },
		{ { at_x(x1), at_y(y1), 0, 1 }, { 0.2f, 0.4f, 1, 1 } },
	};

	glLineWidth(width);
	draw(GL_LINES, ends, 2);
}

/*
 * Lines of several widths: across, upwards, of two slopes, and cut where the view ends and where
 * w is 0.
 */
static void draw_wide(const struct scene *scene)
{
	static const struct {
		float width, at;
	} lines[] = { { 1, 8.5f }, { 2, 16 }, { 3, 24.5f }, { 5, 34.5f }, { 8, 48 } };
	const float behind = at_y(20);
	const struct vertex ends[] = {
		{ { 0.4f, behind, 0, 1 }, { 1, 1, 0, 1 } },
		{ { 2, -0.5f * behind, 0, -0.5f }, { 1, 1, 0, 1 } },
	};

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(core_vertex, core_fragment);
	for (uint32_t i = 0; i < COUNT(lines); i++) {
		float width = lines[i].width, at = lines[i].at;

		wide_line(width, 10.5f, at, 60.5f, at);
		wide_line(width, 72 + at, 10.5f, 72 + at, 50.5f);
	}
	wide_line(4, 10, 66, 70, 96);
	wide_line(5, 90, 60, 110, 125);
	wide_line(5, -50, 120.5f, 60, 120.5f);
	wide_line(6, 150, 90, 260, 150);
	glLineWidth(4);
	draw(GL_LINES, ends, 2);
	glLineWidth(1);
}

/* Rows and columns from the first to the last one, and those beside them. */
#define NOTHING { 0, 0, 0, 255 }
#define ACROSS(row, colour, within) { 34, 135 - (row), colour, within }
#define UPWARDS(column, colour, within) { 72 + (column), 135 - 30, colour, within }
#define MIDDLE { 157, 102, 149, 255 }
#define ROWS(first, last)                                                                          \
	ACROSS(first - 1, NOTHING, 0), ACROSS(first, MIDDLE, 6), ACROSS(last, MIDDLE, 6),          \
		ACROSS(last + 1, NOTHING, 0), UPWARDS(first - 1, NOTHING, 0),                      \
		UPWARDS(first, MIDDLE, 6), UPWARDS(last, MIDDLE, 6), UPWARDS(last + 1, NOTHING, 0)
static const struct probe wide_probes[] = {
	ROWS(8, 8), ROWS(15, 16), ROWS(23, 25), ROWS(32, 36), ROWS(44, 51),
	/* The ends: one is drawn and the other is not. */
	{ 10, 135 - 34, { 255, 102, 51, 255 }, 8 }, { 9, 135 - 34, NOTHING, 0 },
	{ 59, 135 - 34, { 51, 102, 255, 255 }, 8 }, { 60, 135 - 34, NOTHING, 0 },
	/* Cut on the left, and behind the eye. */
	{ 0, 135 - 118, { 162, 102, 144, 255 }, 8 }, { 0, 135 - 117, NOTHING, 0 },
	{ 199, 135 - 18, { 255, 255, 0, 255 }, 1 }, { 199, 135 - 21, { 255, 255, 0, 255 }, 1 },
	{ 199, 135 - 17, NOTHING, 0 }, { 199, 135 - 22, NOTHING, 0 },
	{ 138, 135 - 20, NOTHING, 0 },
};

/*
 * Polygons drawn as lines of three pixels and as points of five, farther than what is there or
 * nearer, but for their bias: that of the polygon, whose depth changes by 1/200 a pixel.
 */
static void draw_modes(const struct scene *scene)
{
	static const char vertex[] = CORE "layout(location = 0) in vec4 position;\n"
					  "layout(location = 1) in vec4 value;\n"
					  "out vec4 v;\n"
					  "void main() {\n"
					  "	gl_Position = position;\n"
					  "	gl_PointSize = 5.0;\n"
					  "	v = value;\n"
					  "}\n";
	/* Seen are the first and the third one. */
	static const struct {
		float farther, factor;
	} bands[] = { { 0.004f, -1 }, { 0.006f, -1 }, { -0.006f, 1 }, { -0.004f, 1 } };

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(vertex, core_fragment);
	glEnable(GL_DEPTH_TEST);
	glEnable(GL_PROGRAM_POINT_SIZE);
	glLineWidth(3);
	for (int i = 0; i < 8; i++) {
		struct vertex corners[2][4];
		float z = 2 * bands[i % 4].farther;

		for (int n = 0; n < 4; n++) {
			float x = at_x(n % 2 ? 189.5f : 10.5f);
			float y = at_y(i * 17 + (n / 2 ? 12.5f : 4.5f));
			float side = n % 2 ? 1 : -1, end = at_y(i * 17 + n / 2 * 17);

			corners[0][n] = (struct vertex) { { side, end, side, 1 }, { 1, 0, 0, 1 } };
			corners[1][n] = (struct vertex) { { x, y, x + z, 1 }, { 0, 1, 0, 1 } };
		}
		draw(GL_TRIANGLE_STRIP, corners[0], 4);
		desktop.PolygonMode(GL_FRONT_AND_BACK, i < 4 ? GL_LINE : GL_POINT);
		glEnable(i < 4 ? GL_POLYGON_OFFSET_LINE : GL_POLYGON_OFFSET_POINT);
		glPolygonOffset(bands[i % 4].factor, 0);
		draw(GL_TRIANGLE_STRIP, corners[1], 4);
		glDisable(GL_POLYGON_OFFSET_LINE);
		glDisable(GL_POLYGON_OFFSET_POINT);
		desktop.PolygonMode(GL_FRONT_AND_BACK, GL_FILL);
	}
	glLineWidth(1);
	glDisable(GL_PROGRAM_POINT_SIZE);
}

/* An edge of each band, a corner, and what is inside. */
#define SEEN { 0, 255, 0, 255 }
#define UNSEEN { 255, 0, 0, 255 }
#define BAND(i, edge, corner)                                                                      \
	{ 100, 135 - 4 - 17 * i, edge, 0 }, { 10, 135 - 4 - 17 * i, corner, 0 },                   \
	{ 189, 135 - 12 - 17 * i, corner, 0 }, { 150, 135 - 10 - 17 * i, UNSEEN, 0 }
static const struct probe modes_probes[] = {
	BAND(0, SEEN, SEEN),	 BAND(1, UNSEEN, UNSEEN), BAND(2, SEEN, SEEN),
	BAND(3, UNSEEN, UNSEEN), BAND(4, UNSEEN, SEEN),	  BAND(5, UNSEEN, UNSEEN),
	BAND(6, UNSEEN, SEEN),	 BAND(7, UNSEEN, UNSEEN),
};

#define BLIND(what, pixels)                                                                        \
	.name = #what, .width = WIDTH, .height = HEIGHT, .draw = draw_##what, .drawn = pixels
#define SCENE(what, pixels, list) BLIND(what, pixels), .probes = list, .count = COUNT(list)

const struct scene geometry_scenes[] = {
	{ SCENE(provoking, 4500, provoking_probes) },
	{ SCENE(fan, 10000, fan_probes) },
	{ SCENE(restart, 3000, restart_probes) },
	{ SCENE(indirect, 1500, indirect_probes) },
	{ SCENE(layered, 20000, layered_probes) },
	{ SCENE(views, 25000, view_probes) },
	{ SCENE(distances, 6000, distance_probes) },
	{ SCENE(wide, 2500, wide_probes) },
	{ SCENE(modes, 27000, modes_probes) },
};
const uint32_t geometry_count = COUNT(geometry_scenes);
