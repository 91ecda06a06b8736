// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Scenes of OpenGL 4.5: where what a fragment shader gets is interpolated, and of what.
 */
#include <stdio.h>

#include "gl.h"

/* A rectangle from the left to the right, at whose right side w is 4. */
static void draw_far_right(float bottom, float top)
{
	const struct vertex corners[] = {
		{ { -0.8f, bottom, 0, 1 }, { 0, 0, 0, 1 } },
		{ { 3.2f, bottom * 4, 0, 4 }, { 1, 0, 0.5f, 1 } },
		{ { -0.8f, top, 0, 1 }, { 0, 0, 0, 1 } },
		{ { 3.2f, top * 4, 0, 4 }, { 1, 0, 0.5f, 1 } },
	};

	draw(GL_TRIANGLE_STRIP, corners, 4);
}

/* Above with the division by w, below without. */
static void draw_noperspective(const struct scene *scene)
{
	(void)scene;
	clear(0, 0, 0, 1);
	use_program(core_vertex, core_fragment);
	draw_far_right(0.1f, 0.9f);
	use_program(CORE "layout(location = 0) in vec4 position;\n"
			 "layout(location = 1) in vec4 value;\n"
			 "noperspective out vec4 v;\n"
			 "void main() { gl_Position = position; v = value; }\n",
		    CORE "noperspective in vec4 v;\n"
			 "out vec4 colour;\n"
			 "void main() { colour = v; }\n");
	draw_far_right(-0.9f, -0.1f);
}

/* At t = 80.5 / 160 of the way from w = 1 to w = 4: t, and t / 4 of 1 - t + t / 4. */
static const struct probe noperspective_probes[] = {
	{ 100, 34, { 51, 0, 26, 255 }, 2 },
	{ 100, 102, { 128, 0, 64, 255 }, 2 },
	{ 19, 102, { 0, 0, 0, 255 }, 0 },
};

/* The triangles of a fan, whose vertices have 1 in one of the three each. */
static void draw_shares(float bottom, float top)
{
	struct vertex fan[3 * 12];

	for (int i = 0; i < 12; i++)
		for (int j = 0; j < 3; j++) {
			float x = j == 0 ? 0.03f : -0.93f + (i + (j == 2 ? 0.7f : 0)) * 0.16f;
			struct vertex *vertex = &fan[i * 3 + j];

			*vertex = (struct vertex) { { x, j ? top : bottom, 0, 1 }, { 0 } };
			vertex->value[j] = 1;
		}
	draw(GL_TRIANGLES, fan, COUNT(fan));
}

/* What is outside of the triangle is red: a pixel's middle may be, a sample that is covered not. */
#define SHARES(kind)                                                                               \
	CORE kind " in vec4 v;\n"                                                                  \
		  "out vec4 colour;\n"                                                             \
		  "void main() {\n"                                                                \
		  "	bool outside = min(v.x, min(v.y, v.z)) < -0.001;\n"                        \
		  "	colour = outside ? vec4(1, 0, 0, 1) : vec4(0, 1, v.x, 1);\n"               \
		  "}\n"
#define PASSED(kind)                                                                               \
	CORE "layout(location = 0) in vec4 position;\n"                                            \
	     "layout(location = 1) in vec4 value;\n" kind " out vec4 v;\n"                         \
	     "void main() { gl_Position = position; v = value; }\n"

static void draw_centroid(const struct scene *scene)
{
	struct samples samples;

	samples_create(&samples, GL_RGBA8, scene->width, scene->height, 4);
	clear(0, 0, 0, 1);
	use_program(PASSED("centroid"), SHARES("centroid"));
	draw_shares(0.05f, 0.95f);
	use_program(PASSED("smooth"), SHARES("smooth"));
	draw_shares(-0.05f, -0.95f);
	samples_average(&samples);
}

static int judge_centroid(const struct picture *picture)
{
	uint32_t red[2] = { 0, 0 };

	for (uint32_t y = 0; y < picture->height; y++)
		for (uint32_t x = 0; x < picture->width; x++)
			red[y >= picture->height / 2] += picture_at(picture, x, y)[0] > 0;
	if (!red[0] && red[1] > 100)
		return 0;
	printf("# %u red pixels with centroid, %u without\n", red[0], red[1]);
	return 1;
}

/* Values are pixels from the left and from the bottom. */
static void draw_pixels(float left, float right)
{
	const struct vertex corners[] = {
		{ { left, -0.9f, 0, 1 }, { (left + 1) * WIDTH / 2, 0.05f * HEIGHT, 0, 1 } },
		{ { right, -0.9f, 0, 1 }, { (right + 1) * WIDTH / 2, 0.05f * HEIGHT, 0, 1 } },
		{ { left, 0.9f, 0, 1 }, { (left + 1) * WIDTH / 2, 0.95f * HEIGHT, 0, 1 } },
		{ { right, 0.9f, 0, 1 }, { (right + 1) * WIDTH / 2, 0.95f * HEIGHT, 0, 1 } },
	};

	draw(GL_TRIANGLE_STRIP, corners, 4);
}

#define STEP " out vec4 colour;\n" \
	     "void main() { colour = vec4(fract(v.x) > 0.3, fract(v.y) > 0.7, 0, 1); }\n"

/* Three of four samples are beyond 0.3 of a pixel from the left, one is above 0.7 of it. */
static void draw_sample_in(const struct scene *scene)
{
	struct samples samples;

	samples_create(&samples, GL_RGBA8, scene->width, scene->height, 4);
	clear(0, 0, 0, 1);
	use_program(PASSED("smooth"), CORE "smooth in vec4 v;\n" STEP);
	draw_pixels(-0.9f, -0.1f);
	use_program(PASSED("sample"), CORE "sample in vec4 v;\n" STEP);
	draw_pixels(0.1f, 0.9f);
	samples_average(&samples);
}

static const struct probe sample_in_probes[] = {
	{ 50, 68, { 255, 0, 0, 255 }, 0 },
	{ 150, 68, { 191, 64, 0, 255 }, 1 },
	{ 151, 31, { 191, 64, 0, 255 }, 1 },
	{ 100, 68, { 0, 0, 0, 255 }, 0 },
};

#define AT(place)                                                                                  \
	CORE "in vec4 v;\n"                                                                        \
	     "out vec4 colour;\n"                                                                  \
	     "void main() { colour = vec4(fract(" place ".xy), 0.5, 1); }\n"

/* What the shader asks for: an offset from the middle, a sample, the centroid. */
static void draw_interpolate_at(const struct scene *scene)
{
	struct samples samples;

	samples_create(&samples, GL_RGBA8, scene->width, scene->height, 4);
	clear(0, 0, 0, 1);
	use_program(core_vertex, AT("interpolateAtOffset(v, vec2(0.25, -0.25))"));
	draw_pixels(-0.95f, -0.55f);
	use_program(core_vertex, AT("interpolateAtSample(v, 2)"));
	draw_pixels(-0.45f, -0.05f);
	use_program(core_vertex, AT("interpolateAtSample(v, gl_SampleID)"));
	draw_pixels(0.05f, 0.45f);
	use_program(core_vertex, AT("interpolateAtCentroid(v)"));
	draw_pixels(0.55f, 0.95f);
	samples_average(&samples);
}

/* The third sample is 2 and 10 sixteenths from the corner; all four have the middle in common. */
static const struct probe interpolate_at_probes[] = {
	{ 25, 68, { 191, 64, 128, 255 }, 1 },
	{ 75, 68, { 32, 159, 128, 255 }, 1 },
	{ 125, 68, { 128, 128, 128, 255 }, 1 },
	{ 175, 68, { 128, 128, 128, 255 }, 1 },
	{ 100, 68, { 0, 0, 0, 255 }, 0 },
};

/* Coordinates in points of several sizes, from above and, in the lower half, from below. */
static void draw_sprites(const struct scene *scene)
{
	static const char vertex[] = CORE "layout(location = 0) in vec4 position;\n"
					  "layout(location = 1) in vec4 value;\n"
					  "void main() {\n"
					  "	gl_Position = position;\n"
					  "	gl_PointSize = value.x;\n"
					  "}\n";
	static const char fragment[] = CORE
		"out vec4 colour;\n"
		"void main() { colour = vec4(gl_PointCoord, 1, 1); }\n";
	static const struct vertex above[] = {
		{ { -0.7f, 0.5f, 0, 1 }, { 20 } },
		{ { -0.2f, 0.5f, 0, 1 }, { 50 } },
		/* w is not 1: the size is in pixels all the same. */
		{ { 1.4f, 1, 0, 2 }, { 32 } },
	};
	struct vertex below[COUNT(above)];

	(void)scene;
	clear(0, 0, 0, 1);
	glEnable(GL_PROGRAM_POINT_SIZE);
	use_program(vertex, fragment);
	draw(GL_POINTS, above, COUNT(above));
	desktop.PointParameteri(GL_POINT_SPRITE_COORD_ORIGIN, GL_LOWER_LEFT);
	for (uint32_t i = 0; i < COUNT(above); i++) {
		below[i] = above[i];
		below[i].position[1] *= -1;
	}
	draw(GL_POINTS, below, COUNT(below));
	desktop.PointParameteri(GL_POINT_SPRITE_COORD_ORIGIN, GL_UPPER_LEFT);
	glDisable(GL_PROGRAM_POINT_SIZE);
}

/* Points of 20 x 20 from 20, 24 and from 20, 92; of 50 x 50 from 55, 9; of 32 x 32 from 154, 18. */
static const struct probe sprite_probes[] = {
	{ 20, 24, { 6, 6, 255, 255 }, 1 },    { 39, 24, { 249, 6, 255, 255 }, 1 },
	{ 20, 43, { 6, 249, 255, 255 }, 1 },  { 19, 24, { 0, 0, 0, 255 }, 0 },
	{ 20, 92, { 6, 249, 255, 255 }, 1 },  { 20, 111, { 6, 6, 255, 255 }, 1 },
	{ 55, 9, { 3, 3, 255, 255 }, 1 },     { 104, 58, { 252, 252, 255, 255 }, 1 },
	{ 154, 18, { 4, 4, 255, 255 }, 1 },   { 185, 49, { 251, 251, 255, 255 }, 1 },
	{ 100, 68, { 0, 0, 0, 255 }, 0 },
};

#define BLIND(what, pixels)                                                                        \
	.name = #what, .width = WIDTH, .height = HEIGHT, .draw = draw_##what, .drawn = pixels
#define SCENE(what, pixels, list) BLIND(what, pixels), .probes = list, .count = COUNT(list)
#define JUDGED(what, pixels) BLIND(what, pixels), .judge = judge_##what

const struct scene interpolation_scenes[] = {
	{ SCENE(noperspective, 15000, noperspective_probes) },
	{ JUDGED(centroid, 7000) },
	{ SCENE(sample_in, 18000, sample_in_probes) },
	{ SCENE(interpolate_at, 18000, interpolate_at_probes) },
	{ SCENE(sprites, 7500, sprite_probes) },
};
const uint32_t interpolation_count = COUNT(interpolation_scenes);
