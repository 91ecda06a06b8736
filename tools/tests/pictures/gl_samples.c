// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Scenes of OpenGL 4.5 with several samples a pixel: which of them are covered, what they have,
 * and what becomes of them.
 */
#include <stdio.h>

#include "gl.h"

/* A quarter of the picture for each of four samples, or half of it for each of two. */
#define QUARTER_X (WIDTH / 2)
#define QUARTER_Y (HEIGHT / 2)

static const float red[] = { 1, 0, 0, 1 }, white[] = { 1, 1, 1, 1 };

static const struct vertex crossing[] = {
	{ { -0.9f, -0.9f, -0.9f, 1 }, { 1, 0, 0, 1 } },
	{ { 0.9f, -0.7f, 0.9f, 1 }, { 1, 0, 0, 1 } },
	{ { 0.1f, 0.9f, 0, 1 }, { 1, 1, 0, 1 } },
	{ { -0.9f, -0.6f, 0.9f, 1 }, { 0, 0, 1, 1 } },
	{ { 0.9f, -0.8f, -0.9f, 1 }, { 0, 0, 1, 1 } },
	{ { -0.1f, 0.95f, 0, 1 }, { 0, 1, 1, 1 } },
};

/* Shows each sample of @samples, whose size is a quarter of the picture's, by itself. */
static void show_samples(struct samples *samples)
{
	glBindFramebuffer(GL_FRAMEBUFFER, samples->target);
	glViewport(0, 0, WIDTH, HEIGHT);
	glDisable(GL_DEPTH_TEST);
	use_program(core_vertex, CORE
		    "uniform sampler2DMS image;\n"
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() {\n"
		    "	ivec2 at = ivec2(gl_FragCoord.xy), size = textureSize(image);\n"
		    "	ivec2 part = at / size;\n"
		    "	colour = texelFetch(image, at % size, part.x + 2 * part.y);\n"
		    "}\n");
	glBindTexture(GL_TEXTURE_2D_MULTISAMPLE, samples->colour);
	draw_rectangle(-1, -1, 1, 1, 0, 1, 1);
	samples_delete(samples);
}

/* Two samples, averaged. Llvmpipe has four instead, so that it is no judge of edges. */
static void draw_two(const struct scene *scene)
{
	struct samples samples;

	samples_create(&samples, GL_RGBA8, scene->width, scene->height, 2);
	clear(0, 0, 0, 1);
	use_program(core_vertex, core_fragment);
	glEnable(GL_DEPTH_TEST);
	draw(GL_TRIANGLES, crossing, 6);
	glDisable(GL_DEPTH_TEST);
	/* From a half of pixel 10 to three eighths of pixel 20, in x. */
	draw_colour(10.5f / 100 - 1, 0.8f, 20.375f / 100 - 1, 0.95f, 0, white);
	samples_average(&samples);
}

/*
 * Samples are at a quarter and three quarters in both directions: the first pixel of the bar has
 * one of them, the last one as well. Llvmpipe's four have two, and one at 1/8.
 */
static const struct probe two_probes[] = {
	{ 10, 8, { 128, 128, 128, 255 }, 1 },
	{ 11, 8, { 255, 255, 255, 255 }, 0 },
	{ 20, 8, { 128, 128, 128, 255 }, 64 },
	{ 21, 8, { 0, 0, 0, 255 }, 0 },
};

/* Depth and colour of four samples, each of which has its own. */
static void draw_four(const struct scene *scene)
{
	struct samples samples;

	(void)scene;
	samples_create(&samples, GL_RGBA8, QUARTER_X, QUARTER_Y, 4);
	clear(0, 0, 0, 1);
	use_program(core_vertex, core_fragment);
	glEnable(GL_DEPTH_TEST);
	draw(GL_TRIANGLES, crossing, 6);
	glDisable(GL_DEPTH_TEST);
	/* The left edge of the bar is at 0.5 of a pixel, the right one at 0.25. */
	draw_colour(10.5f / 50 - 1, 0.7f, 20.25f / 50 - 1, 0.9f, 0, white);
	show_samples(&samples);
}

/* Samples are at 3, 7, 1 and 5 eighths from the left; the first two are shown below. */
static const struct probe four_probes[] = {
	{ 10, 74, { 0, 0, 0, 255 }, 0 },      { 110, 74, { 255, 255, 255, 255 }, 0 },
	{ 10, 6, { 0, 0, 0, 255 }, 0 },	      { 110, 6, { 255, 255, 255, 255 }, 0 },
	{ 20, 74, { 0, 0, 0, 255 }, 0 },      { 120, 74, { 0, 0, 0, 255 }, 0 },
	{ 20, 6, { 255, 255, 255, 255 }, 0 }, { 120, 6, { 0, 0, 0, 255 }, 0 },
};

/* Depths of four samples, of which one becomes that of the pixel, as shades of grey. */
static void draw_depth_resolve(const struct scene *scene)
{
	struct samples samples;
	GLuint depth, framebuffer;

	samples_create(&samples, GL_RGBA8, scene->width, scene->height, 4);
	clear(0, 0, 0, 1);
	use_program(core_vertex, core_fragment);
	glEnable(GL_DEPTH_TEST);
	draw(GL_TRIANGLES, crossing, 6);
	glDisable(GL_DEPTH_TEST);
	depth = make_texture(GL_DEPTH_COMPONENT32F, scene->width, scene->height, 1);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_DRAW_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(GL_DRAW_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_TEXTURE_2D, depth, 0);
	glBlitFramebuffer(0, 0, scene->width, scene->height, 0, 0, scene->width, scene->height,
			  GL_DEPTH_BUFFER_BIT, GL_NEAREST);
	glDeleteFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, samples.target);
	use_program(core_vertex, CORE
		    "uniform sampler2D image;\n"
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() { colour = vec4(texture(image, v.xy).xxx, 1); }\n");
	draw_rectangle(-1, -1, 1, 1, 0, 1, 1);
	glDeleteTextures(1, &depth);
	samples_delete(&samples);
}

static const struct probe depth_resolve_probes[] = {
	{ 2, 2, { 255, 255, 255, 255 }, 0 },
	{ 16, 125, { 18, 18, 18, 255 }, 8 },
	{ 100, 70, { 127, 127, 127, 255 }, 6 },
};

/* A shader for each sample, which knows its number and its place. */
static void draw_sample_shading(const struct scene *scene)
{
	struct samples samples;

	(void)scene;
	samples_create(&samples, GL_RGBA8, QUARTER_X, QUARTER_Y, 4);
	clear(0, 0, 0, 1);
	glEnable(GL_SAMPLE_SHADING);
	glMinSampleShading(1);
	use_program(core_vertex, CORE
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() {\n"
		    "	colour = vec4(gl_SampleID / 3.0, gl_SamplePosition, 1);\n"
		    "}\n");
	draw_colour(-0.9f, -0.9f, 0, 0.9f, 0, white);
	/* Without a word of samples: what is interpolated is of each sample all the same. */
	use_program(core_vertex, CORE
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() { colour = vec4(fract(v.xy * vec2(100, 68)), 1, 1); }\n");
	draw_rectangle(0, -1, 1, 1, 0, 0.5f, 1);
	glDisable(GL_SAMPLE_SHADING);
	show_samples(&samples);
}

static const struct probe sample_shading_probes[] = {
	{ 25, 102, { 0, 96, 32, 255 }, 1 },    { 125, 102, { 85, 223, 96, 255 }, 1 },
	{ 25, 34, { 170, 32, 159, 255 }, 1 },  { 125, 34, { 255, 159, 223, 255 }, 1 },
	{ 75, 102, { 96, 32, 255, 255 }, 2 },  { 175, 102, { 223, 96, 255, 255 }, 2 },
	{ 75, 34, { 32, 159, 255, 255 }, 2 },  { 175, 34, { 159, 223, 255, 255 }, 2 },
};

/* A mask of the state, one of the shader, both, and the one that the shader is given. */
static void draw_sample_mask(const struct scene *scene)
{
	struct samples samples;

	(void)scene;
	samples_create(&samples, GL_RGBA8, QUARTER_X, QUARTER_Y, 4);
	clear(0, 0, 0, 1);
	glEnable(GL_SAMPLE_MASK);
	glSampleMaski(0, 5);
	use_program(core_vertex, core_fragment);
	draw_colour(-0.95f, -0.9f, -0.55f, 0.9f, 0, red);
	use_program(core_vertex, CORE
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() { colour = v; gl_SampleMask[0] = 12; }\n");
	draw_colour(-0.45f, -0.9f, -0.05f, 0.9f, 0, red);
	glDisable(GL_SAMPLE_MASK);
	draw_colour(0.05f, -0.9f, 0.45f, 0.9f, 0, red);
	use_program(core_vertex, CORE
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() { colour = vec4(gl_SampleMaskIn[0] / 15.0, 1, 0, 1); }\n");
	/* Half a pixel has the samples 0 and 2. */
	draw_colour(0.55f, -0.9f, 90.5f / 50 - 1, 0.9f, 0, white);
	show_samples(&samples);
}

/* Sample 0 is below on the left, 1 on the right of it, 2 and 3 are above. */
#define BLACK { 0, 0, 0, 255 }
#define RED { 255, 0, 0, 255 }
static const struct probe sample_mask_probes[] = {
	{ 12, 102, RED, 0 },   { 112, 102, BLACK, 0 }, { 12, 34, RED, 0 },   { 112, 34, BLACK, 0 },
	{ 37, 102, BLACK, 0 }, { 137, 102, BLACK, 0 }, { 37, 34, RED, 0 },   { 137, 34, BLACK, 0 },
	{ 62, 102, BLACK, 0 }, { 162, 102, BLACK, 0 }, { 62, 34, RED, 0 },   { 162, 34, RED, 0 },
	{ 85, 102, { 255, 255, 0, 255 }, 0 },	       { 90, 102, { 85, 255, 0, 255 }, 0 },
	{ 190, 102, BLACK, 0 },			       { 90, 34, { 85, 255, 0, 255 }, 0 },
};

/* Columns of alpha from none to all: which samples are taken is the implementation's choice. */
static void draw_coverage(const struct scene *scene)
{
	struct samples samples;

	samples_create(&samples, GL_RGBA8, scene->width, scene->height, 4);
	clear(0, 0, 0, 1);
	glEnable(GL_SAMPLE_ALPHA_TO_COVERAGE);
	use_program(core_vertex, CORE
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() { colour = vec4(1, 1, 1, v.w); }\n");
	for (int i = 0; i < 17; i++) {
		const float value[] = { 1, 1, 1, i / 16.0f };

		draw_colour(-0.95f + i * 0.11f, -0.9f, -0.85f + i * 0.11f, 0.9f, 0, value);
	}
	glDisable(GL_SAMPLE_ALPHA_TO_COVERAGE);
	samples_average(&samples);
}

/* As many samples as alpha says, but for one, and with more alpha not fewer. */
static int judge_coverage(const struct picture *picture)
{
	int before = 0;

	for (int i = 0; i < 17; i++) {
		int covered = (picture_at(picture, 10 + i * 11, 68)[0] + 32) / 64;

		if (covered >= before && 4 * covered > i - 4 && 4 * covered < i + 4 &&
		    (i < 16 || covered == 4)) {
			before = covered;
			continue;
		}
		printf("# with alpha %d / 16, %d samples are covered; %d before\n", i, covered,
		       before);
		return 1;
	}
	return 0;
}

#define BLIND(what, pixels)                                                                        \
	.name = #what, .width = WIDTH, .height = HEIGHT, .draw = draw_##what, .drawn = pixels
#define SCENE(what, pixels, list) BLIND(what, pixels), .probes = list, .count = COUNT(list)
#define JUDGED(what, pixels) BLIND(what, pixels), .judge = judge_##what

const struct scene sample_scenes[] = {
	{ SCENE(two, 7000, two_probes) },
	{ SCENE(four, 7000, four_probes) },
	{ SCENE(depth_resolve, 20000, depth_resolve_probes) },
	{ SCENE(sample_shading, 20000, sample_shading_probes) },
	{ SCENE(sample_mask, 8000, sample_mask_probes) },
	{ JUDGED(coverage, 12000) },
};
const uint32_t sample_count = COUNT(sample_scenes);
