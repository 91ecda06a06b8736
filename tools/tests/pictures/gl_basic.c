// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Scenes of clears, primitives, interpolation and textures.
 */
#include <math.h>
#include <string.h>

#include "gl.h"

static void draw_clear(const struct scene *scene)
{
	(void)scene;
	clear(0.2f, 0.4f, 0.6f, 0.8f);
}

static const struct probe clear_probes[] = {
	{ 0, 0, { 51, 102, 153, 204 }, 0 },
	{ 199, 135, { 51, 102, 153, 204 }, 0 },
	{ 100, 68, { 51, 102, 153, 204 }, 0 },
};

/* 70 x 50 pixels from 33, 17, counted from the bottom. */
static void draw_scissor(const struct scene *scene)
{
	(void)scene;
	clear(0, 0, 0, 1);
	glEnable(GL_SCISSOR_TEST);
	glScissor(33, 17, 70, 50);
	clear(1, 0, 0, 1);
}

static const struct probe scissor_probes[] = {
	{ 33, 118, { 255, 0, 0, 255 }, 0 }, { 32, 118, { 0, 0, 0, 255 }, 0 },
	{ 33, 119, { 0, 0, 0, 255 }, 0 },   { 102, 69, { 255, 0, 0, 255 }, 0 },
	{ 103, 69, { 0, 0, 0, 255 }, 0 },   { 102, 68, { 0, 0, 0, 255 }, 0 },
};

/* The channels that are masked keep what they had. */
static void draw_mask(const struct scene *scene)
{
	static const float white[] = { 1, 1, 1, 1 };

	(void)scene;
	clear(0, 0, 1, 1);
	use_program(plain_vertex, colour_fragment);
	glColorMask(1, 0, 0, 1);
	draw_colour(-0.5f, -0.5f, 0.5f, 0.5f, 0, white);
}

static const struct probe mask_probes[] = {
	{ 100, 68, { 255, 0, 255, 255 }, 0 },
	{ 10, 10, { 0, 0, 255, 255 }, 0 },
};

static void draw_triangle(const struct scene *scene)
{
	static const struct vertex triangle[] = {
		{ { -0.9f, -0.9f, 0, 1 }, { 1, 0, 0, 1 } },
		{ { 0.9f, -0.9f, 0, 1 }, { 0, 1, 0, 1 } },
		{ { 0, 0.9f, 0, 1 }, { 0, 0, 1, 1 } },
	};

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, colour_fragment);
	draw(GL_TRIANGLES, triangle, 3);
}

/* Its middle has a third of each. */
static const struct probe triangle_probes[] = {
	{ 0, 0, { 0, 0, 0, 255 }, 0 },
	{ 199, 0, { 0, 0, 0, 255 }, 0 },
	{ 100, 88, { 85, 85, 85, 255 }, 3 },
};

/* One triangle that covers everything, as a clear by drawing does. */
static void draw_cover(const struct scene *scene)
{
	static const struct vertex triangle[] = {
		{ { -1, -1, 0, 1 }, { 0, 1, 0.4f, 1 } },
		{ { 3, -1, 0, 1 }, { 0, 1, 0.4f, 1 } },
		{ { -1, 3, 0, 1 }, { 0, 1, 0.4f, 1 } },
	};

	(void)scene;
	clear(1, 0, 0, 1);
	use_program(plain_vertex, colour_fragment);
	draw(GL_TRIANGLES, triangle, 3);
}

static const struct probe cover_probes[] = {
	{ 0, 0, { 0, 255, 102, 255 }, 0 },
	{ 199, 0, { 0, 255, 102, 255 }, 0 },
	{ 0, 135, { 0, 255, 102, 255 }, 0 },
	{ 199, 135, { 0, 255, 102, 255 }, 0 },
	{ 99, 67, { 0, 255, 102, 255 }, 0 },
};

/* A strip, a fan, and indexed triangles with a restart. */
static void draw_strips(const struct scene *scene)
{
	static const uint16_t indices[] = { 0, 1, 2, 3, 0xffff, 3, 4, 5 };
	struct vertex vertices[12];

	(void)scene;
	clear(0.1f, 0.1f, 0.1f, 1);
	use_program(plain_vertex, colour_fragment);
	for (int i = 0; i < 10; i++)
		vertices[i] = (struct vertex) {
			{ -0.9f + 0.2f * i, i % 2 ? 0.9f : 0.5f, 0, 1 },
			{ i % 2, 1 - i % 2, i / 10.0f, 1 },
		};
	draw(GL_TRIANGLE_STRIP, vertices, 10);
	for (int i = 0; i < 10; i++) {
		float angle = i ? (i - 1) * 0.785398f : 0, r = i ? 0.4f : 0;

		vertices[i] = (struct vertex) {
			{ -0.5f + r * cosf(angle), -0.4f + r * sinf(angle), 0, 1 },
			{ i ? 1 : 0, 1, i % 2, 1 },
		};
	}
	draw(GL_TRIANGLE_FAN, vertices, 10);
	for (int i = 0; i < 6; i++)
		vertices[i] = (struct vertex) {
			{ 0.1f + 0.15f * i, i % 2 ? 0 : -0.8f, 0, 1 }, { 1, i / 6.0f, 0, 1 }
		};
	glEnable(GL_PRIMITIVE_RESTART_FIXED_INDEX);
	use_vertices(vertices, 6);
	glDrawElements(GL_TRIANGLE_STRIP, 8, GL_UNSIGNED_SHORT, indices);
}

static const struct probe strips_probes[] = {
	{ 2, 2, { 26, 26, 26, 255 }, 1 },
	{ 50, 95, { 0, 255, 0, 255 }, 20 },
};

/* The last vertex of a triangle gives its colour. */
static void draw_flat(const struct scene *scene)
{
	static const char vertex[] = "#version 300 es\n"
				     "layout(location = 0) in vec4 position;\n"
				     "layout(location = 1) in vec4 value;\n"
				     "flat out highp vec4 v;\n"
				     "void main() { gl_Position = position; v = value; }\n";
	static const char fragment[] = "#version 300 es\n"
				       "precision highp float;\n"
				       "flat in vec4 v;\n"
				       "out vec4 colour;\n"
				       "void main() { colour = v; }\n";
	static const struct vertex square[] = {
		{ { -0.8f, -0.8f, 0, 1 }, { 1, 0, 0, 1 } },
		{ { 0.8f, -0.8f, 0, 1 }, { 0, 1, 0, 1 } },
		{ { -0.8f, 0.8f, 0, 1 }, { 0, 0, 1, 1 } },
		{ { 0.8f, 0.8f, 0, 1 }, { 1, 1, 0, 1 } },
	};

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(vertex, fragment);
	draw(GL_TRIANGLE_STRIP, square, 4);
}

static const struct probe flat_probes[] = {
	{ 40, 100, { 0, 0, 255, 255 }, 0 },
	{ 160, 36, { 255, 255, 0, 255 }, 0 },
};

/* A floor that goes to the horizon: interpolation is linear only after the division by w. */
static void draw_perspective(const struct scene *scene)
{
	static const char fragment[] =
		"#version 300 es\n"
		"precision highp float;\n"
		"in vec4 v;\n"
		"out vec4 colour;\n"
		"void main() {\n"
		"	vec2 cell = floor(v.xy);\n"
		"	float odd = mod(cell.x + cell.y, 2.0);\n"
		"	colour = vec4(odd, v.z, 1.0 - odd, 1.0);\n"
		"}\n";
	static const struct vertex floor_of[] = {
		{ { -1.5f, -1, 0, 1 }, { 0, 0, 0, 0 } },
		{ { 1.5f, -1, 0, 1 }, { 8, 0, 0, 0 } },
		{ { -1.5f, 2, 3, 8 }, { 0, 16, 1, 0 } },
		{ { 1.5f, 2, 3, 8 }, { 8, 16, 1, 0 } },
	};

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, fragment);
	draw(GL_TRIANGLE_STRIP, floor_of, 4);
}

/* Where clip coordinates are outside on each side: the triangle comes near to the eye as well. */
static void draw_clip(const struct scene *scene)
{
	static const struct vertex triangles[] = {
		{ { -3, -2, 0, 1 }, { 1, 0, 0, 1 } },
		{ { 3, -2, 0.5f, 1 }, { 0, 1, 0, 1 } },
		{ { 0, 4, 0, 2 }, { 0, 0, 1, 1 } },
		{ { -0.8f, 0.2f, -2, 1 }, { 1, 1, 0, 1 } },
		{ { 0.8f, 0.2f, 0, 1 }, { 0, 1, 1, 1 } },
		{ { 0, -0.9f, 0.5f, -1 }, { 1, 0, 1, 1 } },
	};

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, colour_fragment);
	draw(GL_TRIANGLES, triangles, 6);
}

static void fill_texture(uint32_t size, uint32_t levels)
{
	uint8_t texels[64 * 64 * 4];

	for (uint32_t level = 0; level < levels; level++, size /= 2) {
		for (uint32_t i = 0; i < size * size; i++) {
			uint32_t x = i % size, y = i / size;

			texels[i * 4] = x * 255 / (size > 1 ? size - 1 : 1);
			texels[i * 4 + 1] = y * 255 / (size > 1 ? size - 1 : 1);
			texels[i * 4 + 2] = level * 40;
			texels[i * 4 + 3] = (x + y) % 2 ? 255 : 128;
		}
		glTexSubImage2D(GL_TEXTURE_2D, level, 0, 0, size, size, GL_RGBA, GL_UNSIGNED_BYTE,
				texels);
	}
}

/* Four texels of known colour, each 50 x 34 pixels. */
static void draw_nearest(const struct scene *scene)
{
	static const uint8_t texels[] = { 255, 0, 0, 255, 0, 255, 0, 128,
					  0, 0, 255, 64, 10, 20, 30, 0 };

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, texture_fragment);
	make_texture(GL_RGBA8, 2, 2, 1);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 2, 2, GL_RGBA, GL_UNSIGNED_BYTE, texels);
	draw_rectangle(-0.5f, -0.5f, 0.5f, 0.5f, 0, 1, 1);
}

static const struct probe nearest_probes[] = {
	{ 75, 85, { 255, 0, 0, 255 }, 0 },  { 125, 85, { 0, 255, 0, 128 }, 0 },
	{ 75, 50, { 0, 0, 255, 64 }, 0 },   { 125, 50, { 10, 20, 30, 0 }, 0 },
	{ 10, 10, { 0, 0, 0, 255 }, 0 },
};

static void draw_linear(const struct scene *scene)
{
	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, texture_fragment);
	make_texture(GL_RGBA8, 8, 8, 1);
	fill_texture(8, 1);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_MIRRORED_REPEAT);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
	draw_rectangle(-0.9f, -0.9f, 0.9f, 0.9f, 0, 2.5f, 1.2f);
}

/* Levels are chosen by derivatives: nearest level, then between levels. */
static void draw_mipmap(const struct scene *scene)
{
	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, texture_fragment);
	make_texture(GL_RGBA8, 64, 64, 7);
	fill_texture(64, 7);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR_MIPMAP_NEAREST);
	draw_rectangle(-0.95f, 0.1f, -0.2f, 0.9f, 0, 1.5f, 1.5f);
	draw_rectangle(-0.1f, 0.1f, 0.2f, 0.9f, 0, 1, 1);
	draw_rectangle(0.3f, 0.1f, 0.4f, 0.3f, 0, 1, 1);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR_MIPMAP_LINEAR);
	draw_rectangle(-0.95f, -0.9f, -0.2f, -0.1f, 0, 1.5f, 1.5f);
	draw_rectangle(-0.1f, -0.9f, 0.2f, -0.1f, 0, 2.5f, 2.5f);
	draw_rectangle(0.3f, -0.9f, 0.9f, -0.1f, 0, 5, 7);
}

/* Each of 12 x 8 copies has its place and colour from gl_InstanceID. */
static void draw_instances(const struct scene *scene)
{
	static const char vertex[] =
		"#version 300 es\n"
		"layout(location = 0) in vec4 position;\n"
		"out highp vec4 v;\n"
		"void main() {\n"
		"	int x = gl_InstanceID % 12, y = gl_InstanceID / 12;\n"
		"	vec2 at = vec2(float(x) + 0.5, float(y) + 0.5) / vec2(6, 4) - 1.0;\n"
		"	gl_Position = vec4(position.xy * 0.1 + at, 0, 1);\n"
		"	v = vec4(float(x) / 11.0, float(y) / 7.0, float(gl_VertexID) / 2.0, 1);\n"
		"}\n";
	static const struct vertex triangle[] = {
		{ .position = { -0.7f, -0.7f, 0, 1 } },
		{ .position = { 0.7f, -0.7f, 0, 1 } },
		{ .position = { 0, 0.7f, 0, 1 } },
	};

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(vertex, colour_fragment);
	use_vertices(triangle, 3);
	glDrawArraysInstanced(GL_TRIANGLES, 0, 3, 96);
}

static void draw_derivatives(const struct scene *scene)
{
	static const char fragment[] =
		"#version 300 es\n"
		"precision highp float;\n"
		"in vec4 v;\n"
		"out vec4 colour;\n"
		"void main() { colour = vec4(dFdx(v.x), dFdy(v.y), fwidth(v.x + v.y), 1.0); }\n";

	(void)scene;
	clear(1, 1, 1, 1);
	use_program(plain_vertex, fragment);
	draw_rectangle(-1, -1, 1, 1, 0, 40, 54.4f);
}

/* 40 over 200 pixels, 54.4 over 136. */
static const struct probe derivative_probes[] = {
	{ 20, 20, { 51, 102, 153, 255 }, 1 },
	{ 151, 99, { 51, 102, 153, 255 }, 1 },
};

/* The middle 16 x 16 pixels of a point, and lines of one pixel. */
static void draw_points(const struct scene *scene)
{
	static const char vertex[] =
		"#version 300 es\n"
		"layout(location = 0) in vec4 position;\n"
		"layout(location = 1) in vec4 value;\n"
		"out highp vec4 v;\n"
		"void main() { gl_Position = position; gl_PointSize = 16.0; v = value; }\n";
	static const struct vertex points[] = {
		{ { -0.5f, 0.5f, 0, 1 }, { 1, 0, 0, 1 } },
		{ { 0.5f, 0.5f, 0, 1 }, { 0, 1, 0, 1 } },
		{ { 0.5f, -0.5f, 0, 1 }, { 0, 0, 1, 1 } },
		{ { -0.5f, -0.5f, 0, 1 }, { 1, 1, 0, 1 } },
	};

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(vertex, colour_fragment);
	draw(GL_POINTS, points, 4);
	draw(GL_LINE_LOOP, points, 4);
}

static const struct probe points_probes[] = {
	{ 45, 29, { 255, 0, 0, 255 }, 0 },
	{ 155, 29, { 0, 255, 0, 255 }, 0 },
	{ 155, 106, { 0, 0, 255, 255 }, 0 },
	{ 45, 106, { 255, 255, 0, 255 }, 0 },
	{ 100, 68, { 0, 0, 0, 255 }, 0 },
	{ 60, 20, { 0, 0, 0, 255 }, 0 },
};

#define BLIND(what) .name = #what, .width = WIDTH, .height = HEIGHT, .draw = draw_##what
#define SCENE(what, list) BLIND(what), .probes = list, .count = COUNT(list)

const struct scene basic_scenes[] = {
	{ SCENE(clear, clear_probes) },
	{ SCENE(scissor, scissor_probes) },
	{ SCENE(mask, mask_probes) },
	{ SCENE(triangle, triangle_probes) },
	{ SCENE(cover, cover_probes) },
	{ SCENE(strips, strips_probes) },
	{ SCENE(flat, flat_probes) },
	{ BLIND(perspective) },
	{ BLIND(clip) },
	{ SCENE(nearest, nearest_probes) },
	{ BLIND(linear) },
	{ BLIND(mipmap) },
	{ BLIND(instances) },
	{ SCENE(derivatives, derivative_probes) },
	{ SCENE(points, points_probes) },
};
const uint32_t basic_count = COUNT(basic_scenes);
