/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The scenes of gl-pictures, and what they are drawn with. Positions are in clip coordinates; the
 * rows of GL's pictures are from the bottom, those of probes from the top. Some scenes are of
 * OpenGL ES 3, and some of OpenGL 4.5, of which libGLESv2 has the most.
 */
#ifndef TESTS_PICTURES_GL_H
#define TESTS_PICTURES_GL_H

#include <stddef.h>

#include <GLES3/gl32.h>
#include <GLES2/gl2ext.h>

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
	/* So many pixels are not black. */
	uint32_t drawn;
	/* What probes cannot say, or NULL: 1 if the picture is wrong. */
	int (*judge)(const struct picture *picture);
	/* Without this extension it is not drawn; or NULL. */
	const char *extension;
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

/* The same for OpenGL 4.5. */
#define CORE "#version 450 core\n"
extern const char core_vertex[], core_fragment[];

/* Compiles, links and uses a program, until the scene is over. */
GLuint use_program(const char *vertex, const char *fragment);
/* With a geometry shader, unless it is NULL. */
GLuint use_stages(const char *vertex, const char *geometry, const char *fragment);
/* Makes @data the indices of the next draws of OpenGL 4.5, until the scene is over. */
void use_indices(const void *data, size_t size);
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
GLuint bound_framebuffer(void);

/* A framebuffer with textures of several samples, with depth, in the place of another one. */
struct samples {
	GLuint framebuffer, colour, depth, target;
	uint32_t width, height;
};

/* Makes it, and binds it. */
void samples_create(struct samples *samples, GLenum format, uint32_t width, uint32_t height,
		    uint32_t count);
/* Binds what was bound before it, to which the samples are averaged, and deletes it. */
void samples_average(struct samples *samples);
void samples_delete(struct samples *samples);

/* Functions of OpenGL 4.5 that are none of OpenGL ES. */
#define DESKTOP(X)                                                                                 \
	X(DepthRangeIndexed, (GLuint index, double near, double far))                              \
	X(LogicOp, (GLenum op))                                                                    \
	X(MultiDrawArraysIndirect, (GLenum mode, const void *at, GLsizei count, GLsizei stride))   \
	X(MultiDrawElementsIndirect,                                                               \
	  (GLenum mode, GLenum type, const void *at, GLsizei count, GLsizei stride))               \
	X(PointParameteri, (GLenum name, GLint value))                                             \
	X(PolygonMode, (GLenum face, GLenum mode))                                                 \
	X(PolygonOffsetClampEXT, (float factor, float units, float clamp))                         \
	X(PrimitiveRestartIndex, (GLuint index))                                                   \
	X(ProvokingVertex, (GLenum mode))                                                          \
	X(ScissorIndexed, (GLuint index, GLint x, GLint y, GLsizei width, GLsizei height))         \
	X(ViewportIndexedf, (GLuint index, float x, float y, float width, float height))

struct desktop {
#define MEMBER(name, arguments) void (GL_APIENTRY *name) arguments;
	DESKTOP(MEMBER)
#undef MEMBER
};

extern struct desktop desktop;

/* Of these OpenGL ES knows nothing. */
#define GL_CLEAR 0x1500
#define GL_CLIP_DISTANCE0 0x3000
#define GL_COLOR_LOGIC_OP 0x0bf2
#define GL_DEPTH_CLAMP 0x864f
#define GL_FILL 0x1b02
#define GL_FRAMEBUFFER_SRGB 0x8db9
#define GL_LINE 0x1b01
#define GL_LOWER_LEFT 0x8ca1
#define GL_POINT 0x1b00
#define GL_POINT_SPRITE_COORD_ORIGIN 0x8ca0
#define GL_POLYGON_OFFSET_LINE 0x2a02
#define GL_POLYGON_OFFSET_POINT 0x2a01
#define GL_PRIMITIVE_RESTART 0x8f9d
#define GL_PROGRAM_POINT_SIZE 0x8642
#define GL_UPPER_LEFT 0x8ca2

/* A number below @below, from the same series in each scene. */
uint32_t random_below(uint32_t below);
float random_float(void);

/* Of OpenGL ES 3. */
extern const struct scene basic_scenes[], test_scenes[], target_scenes[];
extern const uint32_t basic_count, test_count, target_count;
/* Of OpenGL 4.5. */
extern const struct scene interpolation_scenes[], geometry_scenes[], sample_scenes[];
extern const struct scene fragment_scenes[];
extern const uint32_t interpolation_count, geometry_count, sample_count, fragment_count;

#endif
