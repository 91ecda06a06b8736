// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Scenes of OpenGL 4.5: what is done with fragments, in which order, and how much a pixel may have.
 */
#include <stdio.h>
#include <string.h>

#include "gl.h"

static const float red[] = { 1, 0, 0, 1 }, green[] = { 0, 1, 0, 1 }, blue[] = { 0, 0, 1, 1 };

/* The shader's own stencil value: of cells of 20 x 20 pixels. */
static void draw_stencil_export(const struct scene *scene)
{
	(void)scene;
	clear(0, 0, 0, 1);
	glEnable(GL_STENCIL_TEST);
	glStencilFunc(GL_ALWAYS, 0, 255);
	glStencilOp(GL_KEEP, GL_KEEP, GL_REPLACE);
	glColorMask(0, 0, 0, 0);
	use_program(core_vertex, CORE
		    "#extension GL_ARB_shader_stencil_export : require\n"
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() {\n"
		    "	ivec2 cell = ivec2(gl_FragCoord.xy) / 20;\n"
		    "	colour = v;\n"
		    "	gl_FragStencilRefARB = (cell.x + cell.y) % 4 + 250;\n"
		    "}\n");
	draw_colour(-0.9f, -1, 0.9f, 1, 0, red);
	glColorMask(1, 1, 1, 1);
	glStencilOp(GL_KEEP, GL_KEEP, GL_KEEP);
	use_program(core_vertex, core_fragment);
	glStencilFunc(GL_EQUAL, 250, 255);
	draw_colour(-1, -1, 1, 1, 0, red);
	glStencilFunc(GL_EQUAL, 251, 255);
	draw_colour(-1, -1, 1, 1, 0, green);
	/* Larger than 251: the last two. */
	glStencilFunc(GL_LESS, 251, 255);
	draw_colour(-1, -1, 1, 1, 0, blue);
}

static const struct probe stencil_export_probes[] = {
	{ 15, 130, { 255, 0, 0, 255 }, 0 }, { 25, 130, { 0, 255, 0, 255 }, 0 },
	{ 45, 130, { 0, 0, 255, 255 }, 0 }, { 65, 130, { 0, 0, 255, 255 }, 0 },
	{ 85, 130, { 255, 0, 0, 255 }, 0 }, { 15, 110, { 0, 255, 0, 255 }, 0 },
	{ 5, 130, { 0, 0, 0, 255 }, 0 },
};

/* A framebuffer of the scene's size whose depth is a float, as that of "24 bits" is here. */
static GLuint make_float_depth(const struct scene *scene, GLuint *texture)
{
	GLuint buffer, framebuffer;

	*texture = make_texture(GL_RGBA8, scene->width, scene->height, 1);
	framebuffer = make_framebuffer(*texture, scene->width, scene->height, 0);
	glGenRenderbuffers(1, &buffer);
	glBindRenderbuffer(GL_RENDERBUFFER, buffer);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH_COMPONENT32F, scene->width, scene->height);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_RENDERBUFFER, buffer);
	return framebuffer;
}

/* A band from the left to the right whose depth, from 0 to 1, goes up by 1/200 a pixel. */
static void draw_slope(float bottom, float top, float farther, const float colour[4])
{
	struct vertex corners[] = {
		{ .position = { -1, bottom, -1 + 2 * farther, 1 } },
		{ .position = { 1, bottom, 1 + 2 * farther, 1 } },
		{ .position = { -1, top, -1 + 2 * farther, 1 } },
		{ .position = { 1, top, 1 + 2 * farther, 1 } },
	};

	for (int i = 0; i < 4; i++)
		memcpy(corners[i].value, colour, sizeof(corners[i].value));
	draw(GL_TRIANGLE_STRIP, corners, 4);
}

/*
 * Green is farther than red by so much, but for the bias: it is seen in each other band. How much a
 * unit is llvmpipe does not say: Mesa's driver for OpenGL asks for twice as many as its caller, so
 * that bands have room for both.
 */
static void draw_bias(const struct scene *scene)
{
	static const struct {
		float farther, factor, units, clamp;
	} bands[] = {
		{ 0.004f, -1, 0, 0 },
		{ 0.006f, -1, 0, 0 },
		/* Of a largest depth from 1 to 2 a unit is 2^-23, or 2^-22. */
		{ 0.006f, 0, -60000, 0 },
		{ 0.016f, 0, -60000, 0 },
		{ 0.002f, -1, 0, -0.003f },
		{ 0.004f, -1, 0, -0.003f },
		{ -0.004f, 0.5f, 8388, 0 },
		{ -0.002f, 0.5f, 8388, 0 },
	};
	GLuint target = bound_framebuffer(), texture;
	GLuint framebuffer = make_float_depth(scene, &texture);

	clear(0, 0, 0, 1);
	use_program(core_vertex, core_fragment);
	glEnable(GL_DEPTH_TEST);
	glEnable(GL_DEPTH_CLAMP);
	for (uint32_t i = 0; i < COUNT(bands); i++) {
		float bottom = -1 + i * 0.25f;

		draw_slope(bottom, bottom + 0.2f, 0, red);
		glEnable(GL_POLYGON_OFFSET_FILL);
		desktop.PolygonOffsetClampEXT(bands[i].factor, bands[i].units, bands[i].clamp);
		draw_slope(bottom, bottom + 0.2f, bands[i].farther, green);
		glDisable(GL_POLYGON_OFFSET_FILL);
	}
	glDisable(GL_DEPTH_CLAMP);
	glBindFramebuffer(GL_DRAW_FRAMEBUFFER, target);
	glBlitFramebuffer(0, 0, scene->width, scene->height, 0, 0, scene->width, scene->height,
			  GL_COLOR_BUFFER_BIT, GL_NEAREST);
	delete_framebuffer(framebuffer);
	glDeleteTextures(1, &texture);
}

/* Bands of 17 pixels, from below. */
static const struct probe bias_probes[] = {
	{ 100, 128, { 0, 255, 0, 255 }, 0 }, { 100, 111, { 255, 0, 0, 255 }, 0 },
	{ 100, 94, { 0, 255, 0, 255 }, 0 },  { 100, 77, { 255, 0, 0, 255 }, 0 },
	{ 100, 60, { 0, 255, 0, 255 }, 0 },  { 100, 43, { 255, 0, 0, 255 }, 0 },
	{ 100, 26, { 0, 255, 0, 255 }, 0 },  { 100, 9, { 255, 0, 0, 255 }, 0 },
};

/* What is nearer or farther than the range is cut off above, and is at its ends below. */
static void draw_clamp(const struct scene *scene)
{
	(void)scene;
	clear(0, 0, 0, 1);
	use_program(core_vertex, core_fragment);
	glEnable(GL_DEPTH_TEST);
	glDepthFunc(GL_LEQUAL);
	glDepthRangef(0.25f, 0.75f);
	for (int row = 0; row < 2; row++) {
		const struct vertex corners[] = {
			{ { -0.9f, row - 0.9f, -2, 1 }, { 1, 0, 0, 1 } },
			{ { 0.9f, row - 0.9f, 2, 1 }, { 1, 0, 1, 1 } },
			{ { -0.9f, row - 0.1f, -2, 1 }, { 1, 1, 0, 1 } },
			{ { 0.9f, row - 0.1f, 2, 1 }, { 1, 1, 1, 1 } },
		};

		glEnable(row ? GL_DEPTH_TEST : GL_DEPTH_CLAMP);
		draw(GL_TRIANGLE_STRIP, corners, 4);
		/* At the nearest and at the farthest depth that there can be. */
		draw_colour(-1, row - 0.8f, 1, row - 0.6f, -1, green);
		draw_colour(-1, row - 0.4f, 1, row - 0.2f, 1, blue);
		glDisable(GL_DEPTH_CLAMP);
	}
}

/* A quarter of the width is cut off on each side, if it is. */
static const struct probe clamp_probes[] = {
	{ 30, 34, { 0, 0, 0, 255 }, 0 },     { 170, 34, { 0, 0, 0, 255 }, 0 },
	{ 100, 34, { 255, 125, 128, 255 }, 3 }, { 15, 102, { 255, 125, 8, 255 }, 3 },
	{ 15, 116, { 0, 255, 0, 255 }, 0 },  { 180, 88, { 0, 0, 255, 255 }, 0 },
	{ 15, 88, { 255, 191, 8, 255 }, 3 },
};

/* Sixteen columns: each bit of the source with each of what is there. */
static void draw_logic(const struct scene *scene)
{
	static const float there[] = { 0xcc / 255.0f, 0x0f / 255.0f, 0xf0 / 255.0f, 1 };
	static const float source[] = { 0xaa / 255.0f, 0x33 / 255.0f, 0x3c / 255.0f, 1 };

	clear(0, 0, 0, 1);
	use_program(core_vertex, core_fragment);
	draw_colour(-1, -1, 1, 0.8f, 0, there);
	glEnable(GL_COLOR_LOGIC_OP);
	glScissor(0, 0, scene->width, scene->height);
	glEnable(GL_SCISSOR_TEST);
	for (GLenum op = 0; op < 16; op++) {
		desktop.LogicOp(GL_CLEAR + op);
		glScissor(op * 12, 0, 12, scene->height);
		draw_colour(-1, -0.8f, 1, 1, 0, source);
	}
	glDisable(GL_SCISSOR_TEST);
	glDisable(GL_COLOR_LOGIC_OP);
}

/* The bits of an operation's number say what comes of 1 and 1, 1 and 0, 0 and 1, 0 and 0. */
static int judge_logic(const struct picture *picture)
{
	static const uint8_t there[] = { 0xcc, 0x0f, 0xf0, 255 };
	static const uint8_t source[] = { 0xaa, 0x33, 0x3c, 255 };

	for (uint32_t op = 0; op < 16; op++)
		for (int c = 0; c < 4; c++) {
			uint8_t s = source[c], d = there[c], wanted = 0;
			const uint8_t got = picture_at(picture, op * 12 + 6, 68)[c];

			wanted |= op & 1 ? s & d : 0;
			wanted |= op & 2 ? s & ~d : 0;
			wanted |= op & 4 ? ~s & d : 0;
			wanted |= op & 8 ? ~s & ~d : 0;
			if (got == wanted)
				continue;
			printf("# operation %u, channel %d: 0x%x, not 0x%x\n", op, c, got, wanted);
			return 1;
		}
	return 0;
}

/* A target of sRGB: what is drawn and blended is linear, and what a sampler gives is too. */
static void draw_srgb(const struct scene *scene)
{
	static const float half[] = { 0.5f, 0.25f, 0.1f, 0.5f };
	GLuint target = bound_framebuffer();
	GLuint texture = make_texture(GL_SRGB8_ALPHA8, scene->width, scene->height, 1);
	GLuint framebuffer = make_framebuffer(texture, scene->width, scene->height, 0);

	glEnable(GL_FRAMEBUFFER_SRGB);
	clear(0.2f, 0.4f, 0.6f, 1);
	use_program(core_vertex, core_fragment);
	draw_colour(-0.9f, -0.9f, 0.3f, 0.3f, 0, half);
	glEnable(GL_BLEND);
	glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
	draw_colour(-0.3f, -0.3f, 0.9f, 0.9f, 0, half);
	glDisable(GL_BLEND);
	glDisable(GL_FRAMEBUFFER_SRGB);
	delete_framebuffer(framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, target);
	clear(0, 0, 0, 1);
	use_program(core_vertex, CORE
		    "uniform sampler2D image;\n"
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() { colour = texture(image, v.xy); }\n");
	glBindTexture(GL_TEXTURE_2D, texture);
	draw_rectangle(-1, 0, 1, 1, 0, 1, 1);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_SRGB_DECODE_EXT, GL_SKIP_DECODE_EXT);
	draw_rectangle(-1, -1, 1, 0, 0, 1, 1);
	glDeleteTextures(1, &texture);
}

/* Linear values above, with what the rounding to 8 bits of sRGB makes of them; sRGB below. */
static const struct probe srgb_probes[] = {
	{ 3, 3, { 51, 102, 153, 255 }, 1 },	{ 3, 133, { 124, 170, 203, 255 }, 1 },
	{ 30, 50, { 128, 64, 26, 128 }, 1 },	{ 30, 118, { 188, 137, 89, 128 }, 1 },
	{ 170, 15, { 89, 83, 89, 191 }, 2 },	{ 170, 83, { 159, 155, 159, 191 }, 2 },
};

/* 24 rectangles of one draw, each of which makes 3 n + i of a pixel's number n. */
#define RECTANGLES 24

static void draw_interlock(const struct scene *scene)
{
	static const char vertex[] = CORE
		"layout(location = 0) in vec4 position;\n"
		"flat out uint number;\n"
		"void main() {\n"
		"	gl_Position = position;\n"
		"	gl_Position.xy += vec2(gl_InstanceID * 0.03);\n"
		"	number = uint(gl_InstanceID);\n"
		"}\n";
	static const char fragment[] = CORE
		"#extension GL_ARB_fragment_shader_interlock : require\n"
		"layout(pixel_interlock_ordered) in;\n"
		"layout(binding = 0, r32ui) uniform coherent uimage2D image;\n"
		"flat in uint number;\n"
		"out vec4 colour;\n"
		"void main() {\n"
		"	ivec2 at = ivec2(gl_FragCoord.xy);\n"
		"	beginInvocationInterlockARB();\n"
		"	uint n = imageLoad(image, at).x;\n"
		"	imageStore(image, at, uvec4((n * 3u + number) & 0xffffffu));\n"
		"	endInvocationInterlockARB();\n"
		"	colour = vec4(1);\n"
		"}\n";
	static const GLuint zero[4];
	GLuint image = make_texture(GL_R32UI, scene->width, scene->height, 1);
	GLuint target = bound_framebuffer(), framebuffer;

	framebuffer = make_framebuffer(image, scene->width, scene->height, 0);
	glClearBufferuiv(GL_COLOR, 0, zero);
	delete_framebuffer(framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, target);
	clear(0, 0, 0, 1);
	glBindImageTexture(0, image, 0, GL_FALSE, 0, GL_READ_WRITE, GL_R32UI);
	use_program(vertex, fragment);
	{
		const struct vertex corners[] = {
			{ .position = { -0.9f, -0.9f, 0, 1 } },
			{ .position = { 0.2f, -0.9f, 0, 1 } },
			{ .position = { -0.9f, 0.2f, 0, 1 } },
			{ .position = { 0.2f, 0.2f, 0, 1 } },
		};

		use_vertices(corners, 4);
	}
	glDrawArraysInstanced(GL_TRIANGLE_STRIP, 0, 4, RECTANGLES);
	glMemoryBarrier(GL_ALL_BARRIER_BITS);
	use_program(core_vertex, CORE
		    "uniform usampler2D image;\n"
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() {\n"
		    "	uint n = texelFetch(image, ivec2(gl_FragCoord.xy), 0).x;\n"
		    "	colour = vec4(n & 255u, n >> 8 & 255u, n >> 16, 255) / 255.0;\n"
		    "}\n");
	draw_rectangle(-1, -1, 1, 1, 0, 1, 1);
	glDeleteTextures(1, &image);
}

/* Each of the rectangles moves by 3 pixels to the right, and by 2.04 upwards. */
static int judge_interlock(const struct picture *picture)
{
	uint32_t wrong = 0;

	for (uint32_t y = 0; y < HEIGHT; y++)
		for (uint32_t x = 0; x < WIDTH; x++) {
			const uint8_t *pixel = picture_at(picture, x, HEIGHT - 1 - y);
			uint32_t got = pixel[0] | pixel[1] << 8 | pixel[2] << 16, wanted = 0;

			for (int i = 0; i < RECTANGLES; i++) {
				double left = (-0.9 + i * 0.03 + 1) * WIDTH / 2;
				double bottom = (-0.9 + i * 0.03 + 1) * HEIGHT / 2;

				if (x + 0.5 > left && x + 0.5 < left + 110 && y + 0.5 > bottom &&
				    y + 0.5 < bottom + 74.8)
					wanted = (wanted * 3 + i) & 0xffffff;
			}
			if (got != wanted && !wrong++)
				printf("# pixel %u, %u from below has 0x%x, not 0x%x\n", x, y, got,
				       wanted);
		}
	return wrong != 0;
}

/* How many fragments of small triangles there were, without those that are only helpers. */
static void draw_helpers(const struct scene *scene)
{
	static const char fragment[] = CORE
		"layout(binding = 0, r32ui) uniform uimage2D image;\n"
		"in vec4 v;\n"
		"out vec4 colour;\n"
		"void main() {\n"
		"	colour = vec4(dFdx(v.x));\n"
		"	imageAtomicAdd(image, ivec2(gl_FragCoord.xy), 1u);\n"
		"}\n";
	static const GLuint zero[4];
	GLuint image = make_texture(GL_R32UI, scene->width, scene->height, 1);
	GLuint target = bound_framebuffer(), framebuffer;
	struct vertex vertices[300];

	framebuffer = make_framebuffer(image, scene->width, scene->height, 0);
	glClearBufferuiv(GL_COLOR, 0, zero);
	delete_framebuffer(framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, target);
	for (uint32_t i = 0; i < COUNT(vertices); i++) {
		const float *first = vertices[i - i % 3].position;
		float x = i % 3 ? first[0] : random_float() * 1.8f - 1;
		float y = i % 3 ? first[1] : random_float() * 1.8f - 1;

		vertices[i] = (struct vertex) {
			{ x + random_float() * 0.2f, y + random_float() * 0.2f, 0, 1 },
			{ x },
		};
	}
	glBindImageTexture(0, image, 0, GL_FALSE, 0, GL_READ_WRITE, GL_R32UI);
	use_program(core_vertex, fragment);
	draw(GL_TRIANGLES, vertices, COUNT(vertices));
	glMemoryBarrier(GL_ALL_BARRIER_BITS);
	clear(0, 0, 0, 1);
	use_program(core_vertex, CORE
		    "uniform usampler2D image;\n"
		    "in vec4 v;\n"
		    "out vec4 colour;\n"
		    "void main() {\n"
		    "	uint n = texelFetch(image, ivec2(gl_FragCoord.xy), 0).x;\n"
		    "	colour = vec4(n * 50u / 255.0, n * 20u / 255.0, 0, 1);\n"
		    "}\n");
	draw_rectangle(-1, -1, 1, 1, 0, 1, 1);
	glDeleteTextures(1, &image);
}

/* 50 for each fragment of the pixel, in red. */
static const struct probe helper_probes[] = {
	{ 184, 23, { 50, 20, 0, 255 }, 0 },
	{ 74, 59, { 0, 0, 0, 255 }, 0 },
	{ 44, 83, { 50, 20, 0, 255 }, 0 },
};

#define MAX_SPILLED 8

/* @count targets of 16 bytes a sample, the last of which have no room in the tile buffer. */
static void draw_spilled(const struct scene *scene, uint32_t count, uint32_t samples,
			 uint32_t layers)
{
	static const char geometry[] = CORE "layout(triangles, invocations = 2) in;\n"
					    "layout(triangle_strip, max_vertices = 3) out;\n"
					    "in vec4 v[];\n"
					    "out vec4 w;\n"
					    "void main() {\n"
					    "	for (int i = 0; i < 3; i++) {\n"
					    "		gl_Layer = gl_InvocationID;\n"
					    "		gl_Position = gl_in[i].gl_Position;\n"
					    "		w = v[i] * (1.0 - 0.5 * gl_InvocationID);\n"
					    "		EmitVertex();\n"
					    "	}\n"
					    "}\n";
	static const struct vertex triangle[] = {
		{ { -0.9f, -0.8f, 0, 1 }, { 0.9f, 0, 0.2f, 0.5f } },
		{ { 0.9f, -0.9f, 0, 1 }, { 0, 0.9f, 0.2f, 0.5f } },
		{ { 0.1f, 0.9f, 0, 1 }, { 0, 0, 0.9f, 0.5f } },
	};
	GLenum kind = samples ? GL_TEXTURE_2D_MULTISAMPLE :
		      layers > 1 ? GL_TEXTURE_2D_ARRAY : GL_TEXTURE_2D;
	uint32_t width = scene->width / 4, height = scene->height / 2;
	GLuint target = bound_framebuffer(), framebuffer, textures[MAX_SPILLED];
	GLenum buffers[MAX_SPILLED];
	char text[2000] = CORE, *end = text + strlen(text);

	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glGenTextures(count, textures);
	for (uint32_t i = 0; i < count; i++) {
		buffers[i] = GL_COLOR_ATTACHMENT0 + i;
		glBindTexture(kind, textures[i]);
		if (samples)
			glTexStorage2DMultisample(kind, samples, GL_RGBA32F, width, height, 1);
		else if (layers > 1)
			glTexStorage3D(kind, 1, GL_RGBA32F, width, height, layers);
		else
			glTexStorage2D(kind, 1, GL_RGBA32F, width, height);
		if (!samples) {
			glTexParameteri(kind, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
			glTexParameteri(kind, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
		}
		glFramebufferTexture(GL_FRAMEBUFFER, buffers[i], textures[i], 0);
		end += sprintf(end, "layout(location = %u) out vec4 o%u;\n", i, i);
	}
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		fail("%u targets are not complete", count);
	end += sprintf(end, "in vec4 %s;\nvoid main() {\n", layers > 1 ? "w" : "v");
	for (uint32_t i = 0; i < count; i++)
		end += sprintf(end, "	o%u = %s * vec4(vec3(%u.0 / 8.0), 1);\n", i,
			       layers > 1 ? "w" : "v", i + 1);
	strcpy(end, "}\n");
	glDrawBuffers(count, buffers);
	glViewport(0, 0, width, height);
	for (uint32_t i = 0; i < count; i++) {
		const float colour[] = { 0.1f * i, 0.2f, 0.8f - 0.1f * i, 1 };

		glClearBufferfv(GL_COLOR, i, colour);
	}
	use_stages(core_vertex, layers > 1 ? geometry : NULL, text);
	draw(GL_TRIANGLES, triangle, 3);
	/* Is loaded, and blended with what is there. */
	glFlush();
	glEnable(GL_BLEND);
	glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
	draw_rectangle(-0.5f, -0.5f, 0.5f, 0.5f, 0, 1, 1);
	glBlendFunc(GL_ONE, GL_ONE);
	draw_rectangle(-1, 0.5f, 1, 1, 0, 0.3f, 0.3f);
	glDisable(GL_BLEND);
	glDeleteFramebuffers(1, &framebuffer);

	glBindFramebuffer(GL_FRAMEBUFFER, target);
	glViewport(0, 0, scene->width, scene->height);
	clear(0, 0, 0, 1);
	use_program(core_vertex,
		    samples ? CORE "uniform sampler2DMS image;\n"
				   "in vec4 v;\n"
				   "out vec4 colour;\n"
				   "void main() {\n"
				   "	ivec2 size = textureSize(image);\n"
				   "	ivec2 at = ivec2(gl_FragCoord.xy) % size;\n"
				   "	colour = texelFetch(image, at, at.x * 4 / size.x);\n"
				   "}\n" :
		    layers > 1 ? CORE "uniform sampler2DArray image;\n"
				      "in vec4 v;\n"
				      "out vec4 colour;\n"
				      "void main() {\n"
				      "	colour = texture(image, vec3(v.xy, v.x + v.y > 1));\n"
				      "}\n" :
				 CORE "uniform sampler2D image;\n"
				      "in vec4 v;\n"
				      "out vec4 colour;\n"
				      "void main() { colour = texture(image, v.xy); }\n");
	for (uint32_t i = 0; i < count; i++) {
		float left = -1 + i % 4 * 0.5f, bottom = i / 4 - 1.0f;

		glBindTexture(kind, textures[i]);
		draw_rectangle(left, bottom, left + 0.5f, bottom + 1, 0, 1, 1);
	}
	glDeleteTextures(count, textures);
}

static void draw_spill(const struct scene *scene)
{
	draw_spilled(scene, 8, 0, 1);
}

/* The samples of four targets, a column each: 256 bytes a pixel. */
static void draw_spill_samples(const struct scene *scene)
{
	draw_spilled(scene, 4, 4, 1);
}

static void draw_spill_layers(const struct scene *scene)
{
	draw_spilled(scene, 8, 0, 2);
}

/* What they were cleared to at the left, and what was drawn to the first ones and the last ones. */
static const struct probe spill_probes[] = {
	{ 1, 100, { 0, 51, 204, 255 }, 1 },    { 51, 100, { 26, 51, 179, 255 }, 1 },
	{ 151, 100, { 77, 51, 128, 255 }, 1 }, { 1, 30, { 102, 51, 102, 255 }, 1 },
	{ 151, 30, { 179, 51, 26, 255 }, 1 },  { 22, 93, { 13, 24, 0, 255 }, 2 },
	{ 34, 111, { 28, 7, 0, 255 }, 2 },     { 122, 25, { 89, 167, 0, 255 }, 2 },
	{ 172, 25, { 102, 191, 0, 255 }, 2 },
};
static const struct probe spill_samples_probes[] = {
	{ 1, 100, { 0, 51, 204, 255 }, 1 },
	{ 151, 100, { 77, 51, 128, 255 }, 1 },
	{ 25, 104, { 17, 14, 0, 255 }, 2 },
	{ 175, 104, { 66, 54, 0, 255 }, 2 },
};
/* The first layer below on the left of each, the second one above on the right. */
static const struct probe spill_layers_probes[] = {
	{ 1, 100, { 0, 51, 204, 255 }, 1 },
	{ 4, 2, { 104, 71, 102, 255 }, 2 },
	{ 176, 15, { 33, 14, 97, 191 }, 4 },
	{ 31, 29, { 34, 37, 24, 96 }, 2 },
};

#define BLIND(what, pixels)                                                                        \
	.name = #what, .width = WIDTH, .height = HEIGHT, .draw = draw_##what, .drawn = pixels
#define SCENE(what, pixels, list) BLIND(what, pixels), .probes = list, .count = COUNT(list)
#define JUDGED(what, pixels) BLIND(what, pixels), .judge = judge_##what

const struct scene fragment_scenes[] = {
	{ SCENE(stencil_export, 20000, stencil_export_probes) },
	{ SCENE(bias, 20000, bias_probes) },
	{ SCENE(clamp, 12000, clamp_probes) },
	{ JUDGED(logic, 15000) },
	{ SCENE(srgb, 27000, srgb_probes) },
	{ JUDGED(interlock, 10000), .extension = "GL_ARB_fragment_shader_interlock" },
	{ SCENE(helpers, 1000, helper_probes) },
	{ SCENE(spill, 27000, spill_probes) },
	{ SCENE(spill_samples, 13000, spill_samples_probes) },
	{ SCENE(spill_layers, 27000, spill_layers_probes) },
};
const uint32_t fragment_count = COUNT(fragment_scenes);
