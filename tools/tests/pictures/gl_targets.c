// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Scenes with more than one framebuffer or pass, of other sizes, and with much geometry.
 */
#include "gl.h"

static const float red[] = { 1, 0, 0, 1 }, green[] = { 0, 1, 0, 1 }, blue[] = { 0, 0, 1, 1 };

/* What was there when a pass begins is loaded. */
static void draw_reload(const struct scene *scene)
{
	uint8_t pixel[4];

	(void)scene;
	clear(0, 0, 0, 1);
	use_program(plain_vertex, colour_fragment);
	glEnable(GL_DEPTH_TEST);
	draw_colour(-0.8f, -0.8f, 0.3f, 0.3f, -0.5f, red);
	glReadPixels(0, 0, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
	draw_colour(-0.3f, -0.3f, 0.8f, 0.8f, 0, green);
	glFinish();
	draw_colour(0.5f, 0.5f, 0.95f, 0.95f, -0.9f, blue);
	glFlush();
}

/* The red rectangle is nearer than the green one. */
static const struct probe reload_probes[] = {
	{ 50, 100, { 255, 0, 0, 255 }, 0 }, { 100, 68, { 255, 0, 0, 255 }, 0 },
	{ 150, 60, { 0, 255, 0, 255 }, 0 }, { 170, 20, { 0, 0, 255, 255 }, 0 },
	{ 5, 5, { 0, 0, 0, 255 }, 0 },
};

/* A texture of 64 x 64 that was drawn, drawn twice. */
static void draw_texture(const struct scene *scene)
{
	GLuint target = bound_framebuffer(), texture = make_texture(GL_RGBA8, 64, 64, 1);
	GLuint framebuffer = make_framebuffer(texture, 64, 64, 1);
	static const struct vertex triangle[] = {
		{ { -0.9f, -0.9f, 0, 1 }, { 1, 0, 0, 1 } },
		{ { 0.9f, -0.9f, 0, 1 }, { 0, 1, 0, 1 } },
		{ { 0, 0.9f, 0, 1 }, { 0, 0, 1, 1 } },
	};

	glViewport(0, 0, 64, 64);
	clear(1, 1, 0, 1);
	use_program(plain_vertex, colour_fragment);
	draw(GL_TRIANGLES, triangle, 3);
	delete_framebuffer(framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, target);
	glViewport(0, 0, scene->width, scene->height);
	clear(0, 0, 0, 1);
	use_program(plain_vertex, texture_fragment);
	draw_rectangle(-0.9f, -0.9f, 0, 0, 0, 1, 1);
	/* At twice the texture, each fifth column would lie between two texels exactly. */
	draw_rectangle(0.1f, -0.5f, 0.9f, 0.9f, 0, 1.97f, 1.97f);
}

static const struct probe texture_probes[] = {
	{ 11, 72, { 255, 255, 0, 255 }, 0 },
	{ 5, 5, { 0, 0, 0, 255 }, 0 },
};

/* Two targets at once, shown side by side. */
static void draw_targets(const struct scene *scene)
{
	static const char fragment[] =
		"#version 300 es\n"
		"precision highp float;\n"
		"in vec4 v;\n"
		"layout(location = 0) out vec4 first;\n"
		"layout(location = 1) out vec4 second;\n"
		"void main() { first = v; second = vec4(1.0 - v.xyz, 0.5); }\n";
	static const GLenum both[] = { GL_COLOR_ATTACHMENT0, GL_COLOR_ATTACHMENT1 };
	GLuint target = bound_framebuffer(), textures[2], framebuffer;

	textures[0] = make_texture(GL_RGBA8, 100, 100, 1);
	textures[1] = make_texture(GL_RGBA8, 100, 100, 1);
	framebuffer = make_framebuffer(textures[0], 100, 100, 1);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT1, GL_TEXTURE_2D, textures[1], 0);
	glDrawBuffers(2, both);
	glViewport(0, 0, 100, 100);
	clear(0.2f, 0.2f, 0.2f, 1);
	use_program(plain_vertex, fragment);
	draw_rectangle(-0.5f, -0.5f, 0.5f, 0.5f, 0, 1, 1);
	delete_framebuffer(framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, target);
	glViewport(0, 0, scene->width, scene->height);
	use_program(plain_vertex, texture_fragment);
	glBindTexture(GL_TEXTURE_2D, textures[0]);
	draw_rectangle(-1, -1, 0, 1, 0, 1, 1);
	glBindTexture(GL_TEXTURE_2D, textures[1]);
	draw_rectangle(0, -1, 1, 1, 0, 1, 1);
}

static const struct probe target_probes[] = {
	{ 5, 5, { 51, 51, 51, 255 }, 0 },
	{ 195, 130, { 51, 51, 51, 255 }, 0 },
	{ 50, 68, { 128, 128, 0, 255 }, 8 },
	{ 150, 68, { 128, 128, 255, 128 }, 8 },
};

/* A target of half floats takes what is below 0 and above 1. */
static void draw_floats(const struct scene *scene)
{
	static const char add[] = "#version 300 es\n"
				  "precision highp float;\n"
				  "uniform sampler2D image;\n"
				  "in vec4 v;\n"
				  "out vec4 colour;\n"
				  "void main() { colour = texture(image, v.xy) * 0.25 + 0.5; }\n";
	static const float large[] = { 2, -2, -1, 1 };
	GLuint target = bound_framebuffer(), texture = make_texture(GL_RGBA16F, 64, 64, 1);
	GLuint framebuffer = make_framebuffer(texture, 64, 64, 0);

	glViewport(0, 0, 64, 64);
	clear(-1, 0.4f, 1.6f, 0.8f);
	use_program(plain_vertex, colour_fragment);
	draw_colour(-0.5f, -0.5f, 0.5f, 0.5f, 0, large);
	delete_framebuffer(framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, target);
	glViewport(0, 0, scene->width, scene->height);
	use_program(plain_vertex, add);
	draw_rectangle(-1, -1, 1, 1, 0, 1, 1);
}

static const struct probe float_probes[] = {
	{ 5, 5, { 64, 153, 230, 179 }, 1 },
	{ 100, 68, { 255, 0, 64, 191 }, 1 },
};

/* Four samples a pixel, resolved. */
static void draw_samples(const struct scene *scene)
{
	GLuint target = bound_framebuffer(), framebuffer, buffer;
	static const struct vertex triangle[] = {
		{ { -0.9f, -0.7f, 0, 1 }, { 1, 1, 1, 1 } },
		{ { 0.9f, -0.9f, 0, 1 }, { 1, 1, 1, 1 } },
		{ { 0.1f, 0.9f, 0, 1 }, { 1, 1, 1, 1 } },
	};

	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glGenRenderbuffers(1, &buffer);
	glBindRenderbuffer(GL_RENDERBUFFER, buffer);
	glRenderbufferStorageMultisample(GL_RENDERBUFFER, 4, GL_RGBA8, scene->width, scene->height);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, buffer);
	clear(0, 0, 0.4f, 1);
	use_program(plain_vertex, colour_fragment);
	draw(GL_TRIANGLES, triangle, 3);
	glBindFramebuffer(GL_DRAW_FRAMEBUFFER, target);
	glBlitFramebuffer(0, 0, scene->width, scene->height, 0, 0, scene->width, scene->height,
			  GL_COLOR_BUFFER_BIT, GL_NEAREST);
	glDeleteFramebuffers(1, &framebuffer);
	glDeleteRenderbuffers(1, &buffer);
}

static const struct probe sample_probes[] = {
	{ 5, 5, { 0, 0, 102, 255 }, 0 },
	{ 100, 90, { 255, 255, 255, 255 }, 0 },
};

/* Part of a picture, larger and with a filter. */
static void draw_blit(const struct scene *scene)
{
	GLuint target = bound_framebuffer(), texture = make_texture(GL_RGBA8, 40, 30, 1);
	GLuint framebuffer = make_framebuffer(texture, 40, 30, 0);

	glViewport(0, 0, 40, 30);
	use_program(plain_vertex, colour_fragment);
	draw_rectangle(-1, -1, 1, 1, 0, 1, 1);
	glBindFramebuffer(GL_DRAW_FRAMEBUFFER, target);
	clear(0.2f, 0.2f, 0.2f, 1);
	glBlitFramebuffer(0, 0, 40, 30, 10, 10, 90, 70, GL_COLOR_BUFFER_BIT, GL_LINEAR);
	glBlitFramebuffer(10, 5, 30, 25, 190, 120, 110, 60, GL_COLOR_BUFFER_BIT, GL_NEAREST);
	glViewport(0, 0, scene->width, scene->height);
	glDeleteFramebuffers(1, &framebuffer);
}

/* @count triangles of up to @size, at random depths. */
static void draw_many(uint32_t count, float size)
{
	struct vertex vertices[3 * 100];

	clear(0.1f, 0.1f, 0.2f, 1);
	use_program(plain_vertex, colour_fragment);
	glEnable(GL_DEPTH_TEST);
	for (uint32_t done = 0; done < count; done += 100) {
		for (uint32_t i = 0; i < 300; i++) {
			struct vertex *vertex = &vertices[i], *first = vertex - i % 3;
			float x = i % 3 ? first->position[0] : random_float() * 2 - 1;
			float y = i % 3 ? first->position[1] : random_float() * 2 - 1;

			*vertex = (struct vertex) {
				{ x, y, random_float() * 2 - 1, 1 },
				{ random_float(), random_float(), random_float(), 1 },
			};
			if (i % 3) {
				vertex->position[0] += (random_float() - 0.5f) * size;
				vertex->position[1] += (random_float() - 0.5f) * size;
			}
		}
		draw(GL_TRIANGLES, vertices, 300);
	}
}

static void draw_crowd(const struct scene *scene)
{
	(void)scene;
	draw_many(1000, 0.5f);
}

/* Enough for the vertex buffers to grow. */
static void draw_dust(const struct scene *scene)
{
	(void)scene;
	draw_many(60000, 0.02f);
}

static void draw_tiny(const struct scene *scene)
{
	(void)scene;
	clear(0, 1, 0, 1);
	use_program(plain_vertex, colour_fragment);
	draw_colour(0, -1, 1, 1, 0, blue);
}

static const struct probe tiny_probes[] = {
	{ 0, 0, { 0, 255, 0, 255 }, 0 },
	{ 4, 2, { 0, 0, 255, 255 }, 0 },
};

static const struct probe single_probes[] = {
	{ 0, 0, { 255, 0, 0, 255 }, 0 },
};

static void draw_single(const struct scene *scene)
{
	(void)scene;
	clear(0, 1, 0, 1);
	use_program(plain_vertex, colour_fragment);
	draw_colour(-1, -1, 1, 1, 0, red);
}

#define BLIND(what, x, y) .name = #what, .width = x, .height = y, .draw = draw_##what
#define SCENE(what, x, y, list) BLIND(what, x, y), .probes = list, .count = COUNT(list)

const struct scene target_scenes[] = {
	{ SCENE(reload, WIDTH, HEIGHT, reload_probes) },
	{ SCENE(texture, WIDTH, HEIGHT, texture_probes) },
	{ SCENE(targets, WIDTH, HEIGHT, target_probes) },
	{ SCENE(floats, WIDTH, HEIGHT, float_probes) },
	{ SCENE(samples, WIDTH, HEIGHT, sample_probes) },
	{ BLIND(blit, WIDTH, HEIGHT) },
	{ BLIND(crowd, 640, 480) },
	{ BLIND(dust, 1024, 768) },
	{ SCENE(tiny, 5, 3, tiny_probes) },
	{ SCENE(single, 1, 1, single_probes) },
};
const uint32_t target_count = COUNT(target_scenes);
