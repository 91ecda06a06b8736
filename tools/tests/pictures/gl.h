/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The scenes of gl-pictures, and what they are drawn with. Positions are in clip coordinates; the
 * rows of GL's pictures are from the bottom, those of probes from the top.
 */
#ifndef TESTS_PICTURES_GL_H
#define TESTS_PICTURES_GL_H

#include <GLES3/gl3.h>

#include "picture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Not a multiple of a tile's size in either direction. */
#define WIDTH 200
#define HEIGHT 136

struct scene {
	const char *name;
	uint32_t width, height;
	/* Draws into the framebuffer that is bound, which has depth and stencil. */
	void (*draw)(const struct scene *scene);
	const struct probe *probes;
	uint32_t count;
};

struct vertex {
	float position[4], value[4];
};

/* Position and value are passed on. */
extern const char plain_vertex[];
/* The value is the colour. */
extern const char colour_fragment[];
/* The value's first two are the coordinates in the texture "image". */
extern const char texture_fragment[];

/* Compiles, links and uses a program, until the scene is over. */
GLuint use_program(const char *vertex, const char *fragment);
/* Makes @count vertices those of the next draws. */
void use_vertices(const struct vertex *vertices, uint32_t count);
void draw(GLenum mode, const struct vertex *vertices, uint32_t count);
/* Draws a rectangle at depth @z, from the texture coordinates 0, 0 to @u, @v. */
void draw_rectangle(float left, float bottom, float right, float top, float z, float u, float v);
/* Draws a rectangle of one colour at depth @z. */
void draw_colour(float left, float bottom, float right, float top, float z, const float colour[4]);
void clear(float red, float green, float blue, float alpha);

/* Makes a texture of bytes, bound to the unit that is active. */
GLuint make_texture(GLenum format, uint32_t width, uint32_t height, uint32_t levels);
/* A framebuffer with @texture, and depth if that is wanted; bound. */
GLuint make_framebuffer(GLuint texture, uint32_t width, uint32_t height, int depth);
/* Deletes it with its depth; none is bound then. */
void delete_framebuffer(GLuint framebuffer);

/* A number below @below, from the same series in each scene. */
uint32_t random_below(uint32_t below);
float random_float(void);

extern const struct scene basic_scenes[], test_scenes[], target_scenes[];
extern const uint32_t basic_count, test_count, target_count;

#endif
