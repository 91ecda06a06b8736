// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Shapes and shaders. Corners are on a grid of an eighth of a pixel, points cover whole pixels.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gl.h"

#define MAX_VERTICES 24
#define MAX_INDICES (2 * MAX_VERTICES)
#define RESTART 200

struct vertex {
	float position[4], value[4];
	uint8_t bytes[4];
	int16_t numbers[4];
};

struct instance {
	/* In clip coordinates; the last one is the size of points. */
	float offset[3], size;
};

/* A distance that is written cuts in llvmpipe, whether OpenGL has it enabled or not. */
#define VERTEX_TEXT(per_vertex, clip)                                                              \
	"#version 450 core\n"                                                                      \
	"layout(location = 0) in vec4 position;\n"                                                 \
	"layout(location = 1) in vec4 value;\n"                                                    \
	"layout(location = 2) in ivec4 numbers;\n"                                                 \
	"layout(location = 3) in vec4 instance;\n"                                                 \
	"out gl_PerVertex { vec4 gl_Position; float gl_PointSize; " per_vertex "};\n"              \
	"smooth out vec4 v;\n"                                                                     \
	"flat out vec4 f;\n"                                                                       \
	"flat out ivec4 n;\n"                                                                      \
	"void main() {\n"                                                                          \
	"	gl_Position = position + vec4(instance.xyz * position.w, 0.0);\n"                  \
	"	gl_PointSize = instance.w;\n" clip                                                 \
	"	v = value;\n"                                                                      \
	"	f = value;\n"                                                                      \
	"	n = numbers;\n"                                                                    \
	"}\n"

static const char vertex_text[] = VERTEX_TEXT("", "");
static const char clip_text[] =
	VERTEX_TEXT("float gl_ClipDistance[1]; ",
		    "	gl_ClipDistance[0] = dot(gl_Position, vec4(1.0, 0.5, 0.0, 0.25));\n");

static GLuint compile(GLenum type, const char *text)
{
	GLuint shader = glCreateShader(type);
	char log[1000] = "";
	GLint good;

	glShaderSource(shader, 1, &text, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &good);
	glGetShaderInfoLog(shader, sizeof(log), NULL, log);
	if (!good)
		fail("a shader does not compile: %s\n%s", log, text);
	return shader;
}

static void write_outputs(const struct state *state, const struct draw *draw, FILE *file)
{
	for (uint32_t i = 0; i < state->targets; i++) {
		enum kind kind = state->format[i]->kind;

		if (kind == INT)
			fprintf(file, "	o%u = n - ivec4(100);\n", i);
		else if (kind == UINT)
			fprintf(file, "	o%u = uvec4(n);\n", i);
		else
			fprintf(file, "	o%u = %s;\n", i, i % 2 ? "c.yzxw" : "c");
	}
	if (draw->shader == TWO_SOURCES)
		fputs("	second = c.wxyz;\n", file);
}

static char *fragment_text(const struct state *state, const struct draw *draw)
{
	static const char *const types[] = { "vec4",  "vec4",  "vec4",
					     "ivec4", "uvec4", "vec4" };
	const char *value = state->exact || draw->shader == FLAT ? "f" : "v";
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		fail("no memory");
	fputs("#version 450 core\nsmooth in vec4 v;\nflat in vec4 f;\nflat in ivec4 n;\n", file);
	for (uint32_t i = 0; i < state->targets; i++)
		fprintf(file, "layout(location = %u) out %s o%u;\n", i,
			types[state->format[i]->kind], i);
	if (draw->shader == TWO_SOURCES)
		fputs("layout(location = 0, index = 1) out vec4 second;\n", file);
	fprintf(file, "void main() {\n	vec4 c = %s;\n", value);
	switch (draw->shader) {
	case DISCARD:
		fputs("	ivec2 at = ivec2(gl_FragCoord.xy);\n"
		      "	if ((at.x * 3 + at.y) % 4 == 0)\n		discard;\n",
		      file);
		break;
	case DEPTH:
		/* Never met, as values are above -1: see choose.c. */
		if (draw->sample_mask)
			fputs("	if (v.x < -5.0)\n		discard;\n", file);
		fputs("	gl_FragDepth = clamp(0.25 + 0.5 * v.x, 0.0, 1.0);\n", file);
		break;
	case FACING:
		fputs("	if (!gl_FrontFacing)\n		c = c.wzyx;\n", file);
		break;
	case DERIVATIVE:
		fputs("	c = abs(dFdxFine(v)) * 6.0 + abs(dFdyFine(v)) * 4.0;\n", file);
		break;
	default:
		break;
	}
	write_outputs(state, draw, file);
	fputs("}\n", file);
	if (fclose(file))
		fail("no memory");
	return text;
}

GLuint make_program(const struct state *state, const struct draw *draw)
{
	char *text = fragment_text(state, draw);
	GLuint program = glCreateProgram(), shaders[] = {
		compile(GL_VERTEX_SHADER, draw->clip ? clip_text : vertex_text),
		compile(GL_FRAGMENT_SHADER, text),
	};
	GLint good;

	for (uint32_t i = 0; i < COUNT(shaders); i++) {
		glAttachShader(program, shaders[i]);
		glDeleteShader(shaders[i]);
	}
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &good);
	if (!good)
		fail("a program does not link: %s", text);
	free(text);
	return program;
}

static void make_vertex(struct vertex *vertex, const struct state *state, const struct draw *draw,
			float z, struct random *random)
{
	const int32_t width = draw->viewport[2], height = draw->viewport[3];
	bool points = draw->primitive == GL_POINTS || draw->polygon_mode != GL_FILL;
	float x, y, w = 1;

	if (points) {
		/* Well inside, wherever an instance moves them. */
		x = 4.5f + below(random, width - 14);
		y = 10.5f + below(random, height - 14);
	} else {
		x = ((int)below(random, width * 12) - width * 2) / 8.0f;
		y = ((int)below(random, height * 12) - height * 2) / 8.0f;
	}
	if (draw->sloped)
		z = ((int)below(random, 65) - 32) / 28.0f;
	if (draw->sloped && !points && below(random, 2))
		w = 2;
	vertex->position[0] = (2 * x / width - 1) * w;
	vertex->position[1] = (2 * y / height - 1) * w;
	vertex->position[2] = z * w;
	vertex->position[3] = w;
	for (int c = 0; c < 4; c++) {
		uint32_t level = below(random, 33);

		vertex->value[c] = state->exact ? level % 2 : level / 24.0f - 0.125f;
		vertex->bytes[c] = state->exact ? level % 2 * 255 : level * 7;
		vertex->numbers[c] = c == 3 ? level % 4 : level * 6;
	}
}

/* Attribute @index is at @offset of what is in the buffer that is bound. */
static void attribute(GLuint index, GLint count, GLenum type, bool integer, size_t size,
		      size_t offset)
{
	if (integer)
		glVertexAttribIPointer(index, count, type, size, (void *)offset);
	else
		glVertexAttribPointer(index, count, type, type != GL_FLOAT, size, (void *)offset);
	glEnableVertexAttribArray(index);
}

static void use_vertices(const struct state *state, const struct draw *draw, GLuint buffers[2],
			 struct random *random)
{
	struct vertex vertices[MAX_VERTICES];
	struct instance instances[4];
	float z = ((int)below(random, 19) - 9) / 8.0f;

	for (uint32_t i = 0; i < draw->vertices + draw->first; i++)
		make_vertex(&vertices[i], state, draw, z, random);
	glBindBuffer(GL_ARRAY_BUFFER, buffers[0]);
	glBufferData(GL_ARRAY_BUFFER, sizeof(vertices), vertices, GL_STREAM_DRAW);
	attribute(0, 4, GL_FLOAT, false, sizeof(*vertices), offsetof(struct vertex, position));
	if (draw->bytes)
		attribute(1, 4, GL_UNSIGNED_BYTE, false, sizeof(*vertices),
			  offsetof(struct vertex, bytes));
	else
		attribute(1, 4, GL_FLOAT, false, sizeof(*vertices),
			  offsetof(struct vertex, value));
	attribute(2, 4, GL_SHORT, true, sizeof(*vertices), offsetof(struct vertex, numbers));
	for (uint32_t i = 0; i < COUNT(instances); i++)
		instances[i] = (struct instance) {
			.offset = { 4.0f * i / draw->viewport[2], -4.0f * i / draw->viewport[3] },
			.size = 1 + 2 * below(random, 4),
		};
	glBindBuffer(GL_ARRAY_BUFFER, buffers[1]);
	glBufferData(GL_ARRAY_BUFFER, sizeof(instances), instances, GL_STREAM_DRAW);
	attribute(3, 4, GL_FLOAT, false, sizeof(*instances), 0);
	glVertexAttribDivisor(3, 1);
}

/* Each vertex once, in any order: no two shapes are the same, and none is without an area. */
static void draw_indexed(const struct draw *draw, GLuint buffer, struct random *random)
{
	uint32_t order[MAX_VERTICES], size = 1, count = 0;
	uint8_t bytes[MAX_INDICES * sizeof(*order)];

	if (draw->indices != GL_UNSIGNED_BYTE)
		size = draw->indices == GL_UNSIGNED_SHORT ? 2 : 4;
	for (uint32_t i = 0; i < draw->vertices; i++) {
		uint32_t other = below(random, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	for (uint32_t i = 0; i < draw->vertices; i++) {
		static const uint32_t restart = RESTART;

		/* The first bytes are the lowest. */
		if (draw->restart && !below(random, 6))
			memcpy(bytes + count++ * size, &restart, size);
		memcpy(bytes + count++ * size, &order[i], size);
	}
	glBindBuffer(GL_ELEMENT_ARRAY_BUFFER, buffer);
	glBufferData(GL_ELEMENT_ARRAY_BUFFER, count * size, bytes, GL_STREAM_DRAW);
	glDrawElementsInstancedBaseVertex(draw->primitive, count, draw->indices, NULL,
					  draw->instances, draw->first);
}

void draw_shapes(const struct state *state, const struct draw *draw, struct random *random)
{
	GLuint array, buffers[3];

	glGenVertexArrays(1, &array);
	glBindVertexArray(array);
	glGenBuffers(COUNT(buffers), buffers);
	use_vertices(state, draw, buffers, random);
	if (draw->indices)
		draw_indexed(draw, buffers[2], random);
	else
		glDrawArraysInstanced(draw->primitive, draw->first, draw->vertices,
				      draw->instances);
	glBindVertexArray(0);
	glDeleteVertexArrays(1, &array);
	glDeleteBuffers(COUNT(buffers), buffers);
}
