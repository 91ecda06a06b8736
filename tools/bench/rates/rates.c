// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * How many triangles, and how many pixels, a second. Part of "make bench-gpu".
 *
 * usage: gl-rates RENDERER [SECONDS]
 *
 * RENDERER is a part of GL_RENDERER. Prints lines "name, tab, millions a second": small
 * triangles; pixels of layers that are blended; those of layers with a texture. SECONDS, 2 unless
 * stated, is how long each is measured, after a frame that is not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <EGL/egl.h>
#include <GLES3/gl3.h>

#include "../../tests/pictures/picture.h"
#include "../../tests/pictures/surfaceless.h"

#define WIDTH 800
#define HEIGHT 600
/* Cells of four by four pixels, with two triangles each. */
#define CELLS_X (WIDTH / 4)
#define CELLS_Y (HEIGHT / 4)
#define LAYERS 10

struct vertex {
	float x, y, u, v;
};

static const char vertex_text[] = "#version 300 es\n"
				  "layout(location = 0) in vec4 at;\n"
				  "out highp vec2 place;\n"
				  "void main() {\n"
				  "	gl_Position = vec4(at.xy, 0.0, 1.0);\n"
				  "	place = at.zw;\n"
				  "}\n";
static const char plain_text[] = "#version 300 es\n"
				 "precision highp float;\n"
				 "in vec2 place;\n"
				 "out vec4 colour;\n"
				 "void main() { colour = vec4(place, 0.5, 0.1); }\n";
static const char texture_text[] = "#version 300 es\n"
				   "precision highp float;\n"
				   "uniform sampler2D image;\n"
				   "in vec2 place;\n"
				   "out vec4 colour;\n"
				   "void main() { colour = texture(image, place); }\n";

static struct vertex cells[CELLS_X * CELLS_Y * 6], layer[6];

static void make_framebuffer(void)
{
	GLuint framebuffer, buffer;

	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glGenRenderbuffers(1, &buffer);
	glBindRenderbuffer(GL_RENDERBUFFER, buffer);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, WIDTH, HEIGHT);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, buffer);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		fail("the framebuffer is not complete");
	glViewport(0, 0, WIDTH, HEIGHT);
}

static void make_texture(void)
{
	static uint8_t texels[256 * 256][4];
	GLuint texture;

	for (int i = 0; i < 256 * 256; i++)
		memcpy(texels[i], (uint8_t[]) { i, i >> 8, i * 7, 25 }, 4);
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, 256, 256, 0, GL_RGBA, GL_UNSIGNED_BYTE, texels);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
}

/* Two triangles from @left, @top on. */
static void put_rectangle(struct vertex *to, float left, float top, float width, float height)
{
	static const int corners[] = { 0, 1, 2, 2, 1, 3 };

	for (int i = 0; i < 6; i++) {
		float u = corners[i] & 1, v = corners[i] >> 1;

		to[i] = (struct vertex) { left + u * width, top + v * height, u, v };
	}
}

static GLuint make_vertices(const struct vertex *vertices, size_t size)
{
	GLuint array, buffer;

	glGenVertexArrays(1, &array);
	glBindVertexArray(array);
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, size, vertices, GL_STATIC_DRAW);
	glEnableVertexAttribArray(0);
	glVertexAttribPointer(0, 4, GL_FLOAT, GL_FALSE, sizeof(struct vertex), NULL);
	return array;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Draws frames of @draws draws; each counts @each. */
static void measure(const char *name, GLuint program, GLuint array, GLsizei vertices, int draws,
		    double each, double seconds)
{
	double start = 0, took;
	int frames = -1;

	glUseProgram(program);
	glBindVertexArray(array);
	do {
		glClear(GL_COLOR_BUFFER_BIT);
		for (int i = 0; i < draws; i++)
			glDrawArrays(GL_TRIANGLES, 0, vertices);
		glFinish();
		/* Shaders are compiled in the first one. */
		if (!++frames)
			start = now();
		took = now() - start;
	} while (took < seconds);
	if (glGetError())
		fail("GL reports an error");
	printf("%s\t%.3f\n", name, frames * draws * each / took / 1e6);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	GLuint plain, textured, small, whole;
	double seconds = argc > 2 ? atof(argv[2]) : 2;

	if (argc < 2 || seconds <= 0) {
		fputs("usage: gl-rates RENDERER [SECONDS]\n", stderr);
		return 2;
	}
	open_surfaceless(argv[1]);
	make_framebuffer();
	make_texture();
	for (int i = 0; i < CELLS_X * CELLS_Y; i++)
		put_rectangle(&cells[6 * i], (i % CELLS_X) * 2.0f / CELLS_X - 1,
			      (i / CELLS_X) * 2.0f / CELLS_Y - 1, 2.0f / CELLS_X, 2.0f / CELLS_Y);
	put_rectangle(layer, -1, -1, 2, 2);
	plain = link_program(vertex_text, plain_text);
	textured = link_program(vertex_text, texture_text);
	small = make_vertices(cells, sizeof(cells));
	whole = make_vertices(layer, sizeof(layer));
	glDisable(GL_DITHER);
	measure("triangles", plain, small, CELLS_X * CELLS_Y * 6, 1, CELLS_X * CELLS_Y * 2,
		seconds);
	glEnable(GL_BLEND);
	glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
	measure("pixels, blended", plain, whole, 6, LAYERS, WIDTH * HEIGHT, seconds);
	measure("pixels, textured and blended", textured, whole, 6, LAYERS, WIDTH * HEIGHT,
		seconds);
	return 0;
}
