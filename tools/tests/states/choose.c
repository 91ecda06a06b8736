// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Chooses a state. What llvmpipe cannot judge is not chosen: alpha to coverage (which samples it
 * takes is the implementation's choice), polygon offset (so is the unit, and the depth that is
 * called one of 24 bits is a float on this GPU), wide and smooth lines, points across the border of
 * the view, depth of several samples (their positions are the implementation's), and logical
 * operations on integers (llvmpipe cuts the results off where they do not fit: 1023 for the
 * inverse of 132 in ten bits), polygons drawn as points or lines that are cut off (the GPU draws
 * nothing where they are cut, as far as is known) or that have stencil (their faces are not the
 * same), integers with several samples (one of them stands for all when they are put together, and
 * which is the implementation's choice), blending of signed fractions (llvmpipe takes -0.5 where
 * the lesser of the source's alpha, 0.54, and one less that of the destination, 0.98, is the
 * factor),
 * primitives with adjacent vertices drawn so (Mesa draws them by way of a geometry shader; what is
 * right there has not been looked into), and what changes along lines, which are one pixel here and
 * another there. Edges are compared with what is around them.
 *
 * Nor is what Mesa 26.1 gets wrong, whatever the GPU does:
 *
 * - Fans whose first vertex is provoking and primitives with adjacent vertices, cut at a distance.
 *   Mesa draws them by way of a geometry shader of its own, which does not say that it has
 *   distances: no clip plane is enabled in the control stream. The same geometry shader in the
 *   application has fans cut.
 * - A mask of samples together with a shader that writes depth and has no discard. Mesa takes a
 *   shader whose depth is handed on to its epilog for one that does not test, and has its prolog
 *   test the samples of the mask as it kills the others: with the depth of the primitive, before
 *   the shader's is known. A discard that is never met avoids that, so draw.c adds one.
 */
#include "gl.h"

static const struct format formats[] = {
	{ "RGBA8", GL_RGBA8, UNORM, 4, { 8, 8, 8, 8 } },
	{ "RG8", GL_RG8, UNORM, 2, { 8, 8 } },
	{ "R8", GL_R8, UNORM, 1, { 8 } },
	{ "RGB565", GL_RGB565, UNORM, 3, { 5, 6, 5 } },
	{ "RGBA4", GL_RGBA4, UNORM, 4, { 4, 4, 4, 4 } },
	{ "RGB5_A1", GL_RGB5_A1, UNORM, 4, { 5, 5, 5, 1 } },
	{ "RGB10_A2", GL_RGB10_A2, UNORM, 4, { 10, 10, 10, 2 } },
	{ "RGBA16", GL_RGBA16, UNORM, 4, { 16, 16, 16, 16 } },
	{ "SRGB8_ALPHA8", GL_SRGB8_ALPHA8, SRGB, 4, { 8, 8, 8, 8 } },
	{ "RGBA16F", GL_RGBA16F, FLOAT, 4, { 10, 10, 10, 10 } },
	{ "RG16F", GL_RG16F, FLOAT, 2, { 10, 10 } },
	{ "RGBA32F", GL_RGBA32F, FLOAT, 4, { 23, 23, 23, 23 } },
	{ "R32F", GL_R32F, FLOAT, 1, { 23 } },
	{ "R11F_G11F_B10F", GL_R11F_G11F_B10F, FLOAT, 3, { 6, 6, 5 } },
	{ "RGBA8UI", GL_RGBA8UI, UINT, 4, { 8, 8, 8, 8 } },
	{ "RGBA16I", GL_RGBA16I, INT, 4, { 16, 16, 16, 16 } },
	{ "RG32UI", GL_RG32UI, UINT, 2, { 16, 16 } },
	{ "RGB10_A2UI", GL_RGB10_A2UI, UINT, 4, { 10, 10, 10, 2 } },
};

/* Chosen by a series of its own: without these, cases are what they were before there were any. */
static const struct format more_formats[] = {
	{ "RGBA8_SNORM", GL_RGBA8_SNORM, SNORM, 4, { 8, 8, 8, 8 } },
	{ "RG8_SNORM", GL_RG8_SNORM, SNORM, 2, { 8, 8 } },
	{ "R16_SNORM", GL_R16_SNORM, SNORM, 1, { 16 } },
	{ "RGBA16_SNORM", GL_RGBA16_SNORM, SNORM, 4, { 16, 16, 16, 16 } },
	{ "R8I", GL_R8I, INT, 1, { 8 } },
	{ "RG8UI", GL_RG8UI, UINT, 2, { 8, 8 } },
	{ "RG16UI", GL_RG16UI, UINT, 2, { 16, 16 } },
	{ "R32I", GL_R32I, INT, 1, { 16 } },
};

static const GLenum depths[] = { 0,
				 GL_DEPTH_COMPONENT16,
				 GL_DEPTH_COMPONENT24,
				 GL_DEPTH_COMPONENT32F,
				 GL_DEPTH24_STENCIL8,
				 GL_DEPTH32F_STENCIL8,
				 GL_DEPTH24_STENCIL8 };
static const GLenum equations[] = { GL_FUNC_ADD, GL_FUNC_ADD, GL_FUNC_SUBTRACT,
				    GL_FUNC_REVERSE_SUBTRACT, GL_MIN, GL_MAX };
static const GLenum factors[] = { GL_ZERO,
				  GL_ONE,
				  GL_SRC_COLOR,
				  GL_ONE_MINUS_SRC_COLOR,
				  GL_DST_COLOR,
				  GL_ONE_MINUS_DST_COLOR,
				  GL_SRC_ALPHA,
				  GL_ONE_MINUS_SRC_ALPHA,
				  GL_DST_ALPHA,
				  GL_ONE_MINUS_DST_ALPHA,
				  GL_CONSTANT_COLOR,
				  GL_ONE_MINUS_CONSTANT_COLOR,
				  GL_CONSTANT_ALPHA,
				  GL_ONE_MINUS_CONSTANT_ALPHA,
				  GL_SRC_ALPHA_SATURATE };
static const GLenum second_factors[] = { GL_SRC1_COLOR, GL_ONE_MINUS_SRC1_COLOR, GL_SRC1_ALPHA,
					 GL_ONE_MINUS_SRC1_ALPHA };
static const GLenum functions[] = { GL_NEVER,	GL_LESS,     GL_EQUAL,	GL_LEQUAL,
				    GL_GREATER, GL_NOTEQUAL, GL_GEQUAL, GL_ALWAYS };
static const GLenum operations[] = { GL_KEEP, GL_ZERO,	    GL_REPLACE, GL_INCR,
				     GL_DECR, GL_INCR_WRAP, GL_DECR_WRAP, GL_INVERT };
static const GLenum logic_ops[] = { GL_CLEAR,	    GL_SET,	     GL_COPY,	 GL_COPY_INVERTED,
				    GL_NOOP,	    GL_INVERT,	     GL_AND,	 GL_NAND,
				    GL_OR,	    GL_NOR,	     GL_XOR,	 GL_EQUIV,
				    GL_AND_REVERSE, GL_AND_INVERTED, GL_OR_REVERSE,
				    GL_OR_INVERTED };
static const GLenum primitives[] = { GL_TRIANGLES,    GL_TRIANGLES,  GL_TRIANGLE_STRIP,
				     GL_TRIANGLE_FAN, GL_POINTS,     GL_LINES,
				     GL_LINE_STRIP,   GL_LINE_LOOP,  GL_TRIANGLES_ADJACENCY,
				     GL_TRIANGLE_STRIP };
static const GLenum index_types[] = { 0, 0, GL_UNSIGNED_BYTE, GL_UNSIGNED_SHORT, GL_UNSIGNED_INT };

static bool one_in(struct random *random, uint32_t n)
{
	return !below(random, n);
}

static bool is_integer(const struct format *format)
{
	return format->kind == INT || format->kind == UINT;
}

/*
 * A tile has more bits than some formats: what is blended with is rounded only when it is stored.
 * With an alpha of one or two bits that would be another picture.
 */
static GLenum without_stored_alpha(GLenum factor)
{
	switch (factor) {
	case GL_DST_ALPHA:
		return GL_SRC_ALPHA;
	case GL_ONE_MINUS_DST_ALPHA:
		return GL_ONE_MINUS_SRC_ALPHA;
	case GL_SRC_ALPHA_SATURATE:
		return GL_ONE;
	default:
		return factor;
	}
}

static void choose_blend(struct blend *blend, const struct state *state, const struct draw *draw,
			 const struct format *format, struct random *random)
{
	for (int i = 0; i < 4; i++)
		blend->mask[i] = !one_in(random, 6);
	/* Numbers are drawn whether they are used or not: what follows stays the same. */
	blend->on = one_in(random, 2) && !is_integer(format) && format->kind != SNORM &&
		    !state->exact;
	for (int i = 0; i < 2; i++) {
		blend->equation[i] = PICK(random, equations);
		blend->source[i] = PICK(random, factors);
		blend->destination[i] = PICK(random, factors);
		if (draw->shader == TWO_SOURCES && one_in(random, 2))
			blend->source[i] = PICK(random, second_factors);
		if (draw->shader == TWO_SOURCES && one_in(random, 2))
			blend->destination[i] = PICK(random, second_factors);
		if (format->channels == 4 && format->bits[3] <= 2) {
			blend->source[i] = without_stored_alpha(blend->source[i]);
			blend->destination[i] = without_stored_alpha(blend->destination[i]);
		}
		/* Without it, sums grow beyond what the format has. */
		if (format->kind == FLOAT && blend->destination[i] == GL_DST_COLOR)
			blend->destination[i] = GL_ONE_MINUS_SRC_ALPHA;
		if (format->kind == FLOAT && blend->destination[i] == GL_DST_ALPHA)
			blend->destination[i] = GL_SRC_ALPHA;
	}
}

static void choose_stencil(struct draw *draw, const struct state *state, struct random *random)
{
	draw->stencil_test = one_in(random, 2) && (state->depth == GL_DEPTH24_STENCIL8 ||
						   state->depth == GL_DEPTH32F_STENCIL8);
	for (int i = 0; i < 2; i++) {
		draw->face[i] = (struct face) {
			.function = PICK(random, functions),
			.fail = PICK(random, operations),
			.depth_fail = PICK(random, operations),
			.pass = PICK(random, operations),
			.reference = below(random, 4),
			.mask = one_in(random, 3) ? below(random, 256) : 255,
			.write_mask = one_in(random, 3) ? below(random, 256) : 255,
		};
		if (!one_in(random, 3))
			draw->face[i].function = GL_ALWAYS;
	}
}

static void choose_depth(struct draw *draw, const struct state *state, struct random *random)
{
	static const float ranges[][2] = { { 0, 1 }, { 0, 1 }, { 0.25f, 0.75f }, { 1, 0 } };

	draw->depth_test = !one_in(random, 3) && state->depth;
	draw->depth_write = !one_in(random, 4);
	draw->depth_function = PICK(random, functions);
	if (!one_in(random, 3))
		draw->depth_function = GL_LEQUAL;
	draw->depth_clamp = one_in(random, 6);
	draw->sloped = one_in(random, 2);
	for (int i = 0, n = below(random, COUNT(ranges)); i < 2; i++)
		draw->range[i] = ranges[n][i];
}

static void choose_area(struct draw *draw, struct random *random)
{
	const int whole[4] = { 0, 0, WIDTH, HEIGHT };

	draw->scissor = one_in(random, 4);
	draw->box[0] = (int)below(random, WIDTH) - 10;
	draw->box[1] = (int)below(random, HEIGHT) - 10;
	draw->box[2] = below(random, WIDTH);
	draw->box[3] = below(random, HEIGHT);
	for (int i = 0; i < 4; i++)
		draw->viewport[i] = whole[i];
	if (one_in(random, 4)) {
		draw->viewport[0] = (int)below(random, WIDTH / 2) - 16;
		draw->viewport[1] = (int)below(random, HEIGHT / 2) - 16;
		draw->viewport[2] = 16 << below(random, 3);
		draw->viewport[3] = 16 << below(random, 3);
	}
}

static enum shader choose_shader(const struct state *state, struct random *random)
{
	enum shader shader = below(random, SHADERS);

	if (shader != TWO_SOURCES && shader != DERIVATIVE)
		return shader;
	if (state->exact || (shader == TWO_SOURCES && state->targets > 1))
		return PLAIN;
	for (uint32_t i = 0; i < state->targets; i++)
		if (is_integer(state->format[i]))
			return PLAIN;
	return shader;
}

bool draws_lines(const struct draw *draw)
{
	return draw->polygon_mode == GL_LINE || draw->primitive == GL_LINES ||
	       draw->primitive == GL_LINE_STRIP || draw->primitive == GL_LINE_LOOP;
}

static void choose_draw(struct draw *draw, const struct state *state, struct random *random)
{
	draw->shader = choose_shader(state, random);
	draw->primitive = PICK(random, primitives);
	draw->indices = PICK(random, index_types);
	draw->restart = one_in(random, 2) && draw->indices;
	draw->vertices = 3 + below(random, 16);
	draw->instances = one_in(random, 4) ? 1 + below(random, 4) : 1;
	draw->first = below(random, 4);
	draw->bytes = one_in(random, 2);
	draw->clip = one_in(random, 6);
	draw->first_vertex = one_in(random, 3);
	draw->cull = one_in(random, 4);
	draw->cull_face = one_in(random, 5) ? GL_FRONT_AND_BACK
			  : one_in(random, 2) ? GL_FRONT : GL_BACK;
	draw->front_face = one_in(random, 2) ? GL_CW : GL_CCW;
	draw->polygon_mode = one_in(random, 10)	  ? GL_LINE
			     : one_in(random, 12) ? GL_POINT
						  : GL_FILL;
	draw->logic_op = state->exact ? PICK(random, logic_ops) : GL_COPY;
	draw->sample_mask = state->samples > 1 && one_in(random, 3);
	draw->mask = below(random, 16);
	for (int i = 0; i < 4; i++)
		draw->blend_colour[i] = below(random, 9) / 8.0f;
	choose_depth(draw, state, random);
	if (draw->primitive == GL_TRIANGLES_ADJACENCY) {
		draw->polygon_mode = GL_FILL;
		draw->clip = false;
	}
	if (draw->polygon_mode != GL_FILL)
		draw->clip = draw->sloped = false;
	if (draw->primitive == GL_TRIANGLE_FAN && draw->first_vertex)
		draw->clip = false;
	choose_stencil(draw, state, random);
	choose_area(draw, random);
	for (uint32_t i = 0; i < state->targets; i++)
		choose_blend(&draw->blend[i], state, draw, state->format[i], random);
	if (draw->shader == DEPTH)
		draw->depth_clamp = false;
	if (draw->polygon_mode != GL_FILL || draws_lines(draw))
		draw->stencil_test = false;
	if (draws_lines(draw))
		draw->shader = FLAT;
}

/* Logical operations on integers are left out, and those on signed fractions are not defined. */
static bool may_have(const struct state *state, const struct format *format)
{
	if (is_integer(format))
		return !state->samples && !state->exact;
	return format->kind != SNORM || !state->exact;
}

static void choose_targets(struct state *state, struct random *random)
{
	struct random more = { .state = ~random->state };

	state->samples = one_in(random, 4) ? 4 : 0;
	state->targets = one_in(random, 2) ? 1 : 1 + below(random, MAX_TARGETS);
	state->depth = PICK(random, depths);
	for (uint32_t i = 0; i < state->targets; i++) {
		do
			state->format[i] = &PICK(random, formats);
		while (!may_have(state, state->format[i]));
		if (one_in(&more, 6)) {
			const struct format *format = &PICK(&more, more_formats);

			if (may_have(state, format))
				state->format[i] = format;
		}
		for (int c = 0; c < 4; c++)
			state->clear[i][c] = state->exact ? below(random, 2)
							  : below(random, 17) / 16.0f;
	}
	state->clear_depth = one_in(random, 3) ? below(random, 9) / 8.0f : 1;
	state->clear_stencil = below(random, 4);
}

void state_choose(struct state *state, struct random *random)
{
	*state = (struct state) { .exact = one_in(random, 6) };
	choose_targets(state, random);
	state->draws = 2 + below(random, MAX_DRAWS - 1);
	for (uint32_t i = 0; i < state->draws; i++)
		choose_draw(&state->draw[i], state, random);
}

static void describe_draw(const struct state *state, const struct draw *draw, FILE *file)
{
	static const char *const shaders[] = { "plain",	 "flat",       "discard",    "depth",
					       "facing", "derivative", "two-sources" };

	fprintf(file, "\ndraw: %s, primitive %u, %u vertices from %u, %u instances, indices 0x%x",
		shaders[draw->shader], draw->primitive, draw->vertices, draw->first,
		draw->instances, draw->indices);
	fprintf(file, "%s%s%s%s%s%s", draw->restart ? ", restart" : "",
		draw->sloped ? ", sloped" : "", draw->bytes ? ", bytes" : "",
		draw->clip ? ", clip" : "", draw->first_vertex ? ", first vertex" : "",
		draw->depth_clamp ? ", depth clamp" : "");
	if (draw->depth_test)
		fprintf(file, ", depth 0x%x write %u", draw->depth_function, draw->depth_write);
	fprintf(file, ", range %g %g", draw->range[0], draw->range[1]);
	for (int i = 0; draw->stencil_test && i < 2; i++) {
		const struct face *face = &draw->face[i];

		fprintf(file, ", stencil 0x%x %d & 0x%x: 0x%x 0x%x 0x%x & 0x%x", face->function,
			face->reference, face->mask, face->fail, face->depth_fail, face->pass,
			face->write_mask);
	}
	if (draw->cull)
		fprintf(file, ", cull 0x%x", draw->cull_face);
	fprintf(file, ", front 0x%x, mode 0x%x", draw->front_face, draw->polygon_mode);
	if (state->exact)
		fprintf(file, ", logic 0x%x", draw->logic_op);
	if (draw->sample_mask)
		fprintf(file, ", samples 0x%x", draw->mask);
	if (draw->scissor)
		fprintf(file, ", scissor %d %d %d %d", draw->box[0], draw->box[1], draw->box[2],
			draw->box[3]);
	fprintf(file, ", viewport %d %d %d %d", draw->viewport[0], draw->viewport[1],
		draw->viewport[2], draw->viewport[3]);
	for (uint32_t i = 0; i < state->targets; i++) {
		const struct blend *blend = &draw->blend[i];

		fprintf(file, "\n  target %u: mask %d%d%d%d", i, blend->mask[0], blend->mask[1],
			blend->mask[2], blend->mask[3]);
		for (int j = 0; blend->on && j < 2; j++)
			fprintf(file, ", blend 0x%x 0x%x 0x%x", blend->equation[j],
				blend->source[j], blend->destination[j]);
	}
}

void state_describe(const struct state *state, FILE *file)
{
	fprintf(file, "case %u: %u samples, depth 0x%x cleared to %g and %d%s", state->number,
		state->samples, state->depth, state->clear_depth, state->clear_stencil,
		state->exact ? ", logic" : "");
	for (uint32_t i = 0; i < state->targets; i++)
		fprintf(file, ", %s", state->format[i]->name);
	for (uint32_t i = 0; i < state->draws; i++)
		describe_draw(state, &state->draw[i], file);
	fputc('\n', file);
}
