// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Draws with random states of OpenGL 4.5, without a window, and writes what came of it to a file.
 *
 * usage: gl-states RENDERER FILE SEED FIRST COUNT [DRAWS]
 *
 * RENDERER is a part of GL_RENDERER: another renderer, such as Mesa's software, is an error. SEED
 * and a case's number give all that is in it; those from FIRST on are drawn, with DRAWS draws at
 * most, to look for the one that is wrong. compare-states judges.
 * The exit status is 1 if GL reported an error.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <EGL/egl.h>
#include <EGL/eglext.h>

#include "gl.h"

#define DEFINE(type, name) PFNGL##type##PROC gl##name;
FUNCTIONS(DEFINE)

struct frame {
	GLuint framebuffer, colours[MAX_TARGETS], depth;
};

void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}

static void open_display(const char *renderer)
{
	static const EGLint attributes[] = { EGL_CONTEXT_MAJOR_VERSION, 4,
					     EGL_CONTEXT_MINOR_VERSION, 5, EGL_NONE };
	EGLDisplay display =
		eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	EGLContext context;

	if (!eglInitialize(display, NULL, NULL) || !eglBindAPI(EGL_OPENGL_API))
		fail("EGL does not start: 0x%x", eglGetError());
	context = eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
	if (!context || !eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
		fail("no context for OpenGL 4.5: 0x%x", eglGetError());
#define LOAD(type, name)                                                                           \
	gl##name = (PFNGL##type##PROC)eglGetProcAddress("gl" #name);                               \
	if (!gl##name)                                                                             \
		fail("there is no gl" #name);
	FUNCTIONS(LOAD)
	printf("# %s: %s\n", glGetString(GL_RENDERER), glGetString(GL_VERSION));
	if (!strstr((const char *)glGetString(GL_RENDERER), renderer))
		fail("the renderer is %s, not %s", glGetString(GL_RENDERER), renderer);
}

static bool has_stencil(const struct state *state)
{
	return state->depth == GL_DEPTH24_STENCIL8 || state->depth == GL_DEPTH32F_STENCIL8;
}

static void attach(GLenum where, GLuint *buffer, GLenum format, uint32_t samples)
{
	glGenRenderbuffers(1, buffer);
	glBindRenderbuffer(GL_RENDERBUFFER, *buffer);
	glRenderbufferStorageMultisample(GL_RENDERBUFFER, samples, format, WIDTH, HEIGHT);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, where, GL_RENDERBUFFER, *buffer);
}

static void make_frame(struct frame *frame, const struct state *state, uint32_t samples)
{
	GLenum buffers[MAX_TARGETS], status;

	glGenFramebuffers(1, &frame->framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, frame->framebuffer);
	for (uint32_t i = 0; i < state->targets; i++) {
		buffers[i] = GL_COLOR_ATTACHMENT0 + i;
		attach(buffers[i], &frame->colours[i], state->format[i]->internal, samples);
	}
	frame->depth = 0;
	if (state->depth)
		attach(has_stencil(state) ? GL_DEPTH_STENCIL_ATTACHMENT : GL_DEPTH_ATTACHMENT,
		       &frame->depth, state->depth, samples);
	glDrawBuffers(state->targets, buffers);
	status = glCheckFramebufferStatus(GL_FRAMEBUFFER);
	if (status != GL_FRAMEBUFFER_COMPLETE)
		fail("case %u: the framebuffer is not complete: 0x%x", state->number, status);
}

static void delete_frame(struct frame *frame, const struct state *state)
{
	glDeleteFramebuffers(1, &frame->framebuffer);
	glDeleteRenderbuffers(state->targets, frame->colours);
	if (frame->depth)
		glDeleteRenderbuffers(1, &frame->depth);
}

/* Of everything, as nothing masks it. */
static void clear_frame(const struct state *state)
{
	glDisable(GL_SCISSOR_TEST);
	glDisable(GL_DITHER);
	glEnable(GL_FRAMEBUFFER_SRGB);
	glDepthMask(1);
	glStencilMaskSeparate(GL_FRONT_AND_BACK, 255);
	for (uint32_t i = 0; i < state->targets; i++) {
		const float *value = state->clear[i];
		GLint numbers[4];

		glColorMaski(i, 1, 1, 1, 1);
		for (int c = 0; c < 4; c++)
			numbers[c] = c == 3 ? (int)value[c] : (int)(value[c] * 100);
		if (state->format[i]->kind == INT)
			glClearBufferiv(GL_COLOR, i, numbers);
		else if (state->format[i]->kind == UINT)
			glClearBufferuiv(GL_COLOR, i, (GLuint *)numbers);
		else
			glClearBufferfv(GL_COLOR, i, value);
	}
	if (has_stencil(state))
		glClearBufferfi(GL_DEPTH_STENCIL, 0, state->clear_depth, state->clear_stencil);
	else if (state->depth)
		glClearBufferfv(GL_DEPTH, 0, &state->clear_depth);
}

static void put(FILE *file, const void *data, size_t size)
{
	if (fwrite(data, size, 1, file) != 1)
		fail("the file cannot be written");
}

static void put_plane(FILE *file, struct plane *plane, const char *name, const float *values)
{
	snprintf(plane->name, sizeof(plane->name), "%s", name);
	put(file, plane, sizeof(*plane));
	put(file, values, WIDTH * HEIGHT * plane->channels * sizeof(*values));
}

static bool blends(const struct state *state, uint32_t target)
{
	for (uint32_t i = 0; i < state->draws; i++)
		if (state->draw[i].blend[target].on)
			return true;
	return false;
}

/*
 * A step of the channel. Blending goes on with what an earlier step was rounded to, and renderers
 * do it in the precision of the format or in a better one: twice as much and two of 255, or four
 * times as much for floating point. Where sRGB is dark, a linear step is many of its own.
 */
static void judge_target(const struct state *state, uint32_t target, struct plane *plane)
{
	const struct format *format = state->format[target];
	bool blend = blends(state, target);

	plane->channels = 4;
	plane->edge = 0.06f;
	for (uint32_t c = 0; c < format->channels; c++) {
		uint32_t bits = format->bits[c];

		switch (format->kind) {
		case UNORM:
			plane->step[c] = 1.01f / ((1u << bits) - 1);
			plane->step[c] = blend ? 2 * plane->step[c] + 2 / 255.0f
					       : plane->step[c] + 1e-4f;
			break;
		case SNORM:
			plane->step[c] = 1.01f / ((1u << (bits - 1)) - 1) + 1e-4f;
			break;
		case SRGB:
			plane->step[c] = (blend ? 6 : 2) / 255.0f;
			break;
		case FLOAT:
			if (bits > 12)
				bits = 12;
			plane->step[c] = (blend ? 4.0f : 1.0f) / (1u << bits);
			plane->relative = plane->step[0];
			break;
		default:
			plane->edge = 0.5f;
		}
	}
}

static void put_target(FILE *file, const struct state *state, uint32_t target)
{
	static float values[WIDTH * HEIGHT * 4];
	static int32_t numbers[WIDTH * HEIGHT * 4];
	enum kind kind = state->format[target]->kind;
	struct plane plane = { 0 };

	judge_target(state, target, &plane);
	glReadBuffer(GL_COLOR_ATTACHMENT0 + target);
	glClampColor(GL_CLAMP_READ_COLOR, GL_FALSE);
	if (kind == INT || kind == UINT) {
		glReadPixels(0, 0, WIDTH, HEIGHT, GL_RGBA_INTEGER,
			     kind == INT ? GL_INT : GL_UNSIGNED_INT, numbers);
		for (uint32_t i = 0; i < COUNT(values); i++)
			values[i] = numbers[i];
	} else {
		glReadPixels(0, 0, WIDTH, HEIGHT, GL_RGBA, GL_FLOAT, values);
	}
	put_plane(file, &plane, state->format[target]->name, values);
}

static void put_depth(FILE *file, const struct state *state)
{
	static float values[WIDTH * HEIGHT];
	static uint8_t bytes[WIDTH * HEIGHT];
	struct plane plane = { .channels = 1, .step = { 2e-5f }, .edge = 0.02f };

	glReadPixels(0, 0, WIDTH, HEIGHT, GL_DEPTH_COMPONENT, GL_FLOAT, values);
	put_plane(file, &plane, "depth", values);
	if (!has_stencil(state))
		return;
	glReadPixels(0, 0, WIDTH, HEIGHT, GL_STENCIL_INDEX, GL_UNSIGNED_BYTE, bytes);
	for (uint32_t i = 0; i < COUNT(values); i++)
		values[i] = bytes[i];
	plane = (struct plane) { .channels = 1, .edge = 0.5f };
	put_plane(file, &plane, "stencil", values);
}

/* Reads what is bound, after its samples have been put together. */
static void put_frame(FILE *file, const struct state *state, const struct frame *frame)
{
	struct frame single;

	if (state->samples) {
		make_frame(&single, state, 0);
		glBindFramebuffer(GL_READ_FRAMEBUFFER, frame->framebuffer);
		for (uint32_t i = 0; i < state->targets; i++) {
			GLenum buffers[MAX_TARGETS] = { GL_NONE, GL_NONE, GL_NONE, GL_NONE };

			buffers[i] = GL_COLOR_ATTACHMENT0 + i;
			glReadBuffer(buffers[i]);
			glDrawBuffers(i + 1, buffers);
			glDisable(GL_SCISSOR_TEST);
			glBlitFramebuffer(0, 0, WIDTH, HEIGHT, 0, 0, WIDTH, HEIGHT,
					  GL_COLOR_BUFFER_BIT, GL_NEAREST);
		}
		glBindFramebuffer(GL_READ_FRAMEBUFFER, single.framebuffer);
	}
	for (uint32_t i = 0; i < state->targets; i++)
		put_target(file, state, i);
	if (state->samples)
		delete_frame(&single, state);
	else if (state->depth)
		put_depth(file, state);
}

static uint32_t looseness(const struct state *state)
{
	bool lines = false;

	for (uint32_t i = 0; i < state->draws; i++)
		lines |= draws_lines(&state->draw[i]);
	return lines + (state->samples > 1);
}

static void put_header(FILE *file, const struct state *state, uint32_t passed)
{
	struct record record = {
		.magic = MAGIC,
		.number = state->number,
		.passed = passed,
		.loose = looseness(state),
	};
	char *text;
	size_t length;
	FILE *description = open_memstream(&text, &length);

	if (!description)
		fail("no memory");
	state_describe(state, description);
	if (fclose(description))
		fail("no memory");
	record.text_length = length;
	record.planes = state->targets;
	if (state->depth && !state->samples)
		record.planes += 1 + has_stencil(state);
	put(file, &record, sizeof(record));
	put(file, text, length);
	free(text);
}

static bool draw_case(FILE *file, uint32_t seed, uint32_t number, uint32_t draws)
{
	struct random random = { .state = (uint64_t)seed << 32 | number };
	struct state state;
	struct frame frame;
	GLuint query, passed;
	GLenum error;

	state_choose(&state, &random);
	state.number = number;
	if (draws < state.draws)
		state.draws = draws;
	make_frame(&frame, &state, state.samples);
	clear_frame(&state);
	glGenQueries(1, &query);
	glBeginQuery(GL_SAMPLES_PASSED, query);
	for (uint32_t i = 0; i < state.draws; i++) {
		GLuint program = make_program(&state, &state.draw[i]);

		glUseProgram(program);
		state_apply(&state, &state.draw[i]);
		draw_shapes(&state, &state.draw[i], &random);
		glUseProgram(0);
		glDeleteProgram(program);
	}
	glEndQuery(GL_SAMPLES_PASSED);
	glGetQueryObjectuiv(query, GL_QUERY_RESULT, &passed);
	glDeleteQueries(1, &query);
	put_header(file, &state, passed);
	put_frame(file, &state, &frame);
	delete_frame(&frame, &state);
	error = glGetError();
	if (error)
		printf("# case %u: GL error 0x%x\n", number, error);
	return !error;
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n > UINT32_MAX)
		fail("not a number: %s", text);
	return n;
}

int main(int argc, char **argv)
{
	uint32_t seed, first, count, draws = MAX_DRAWS;
	bool good = true;
	FILE *file;

	if (argc != 6 && argc != 7)
		fail("usage: gl-states RENDERER FILE SEED FIRST COUNT [DRAWS]");
	seed = number(argv[3]);
	first = number(argv[4]);
	count = number(argv[5]);
	if (argc == 7)
		draws = number(argv[6]);
	open_display(argv[1]);
	file = fopen(argv[2], "wb");
	if (!file)
		fail("%s cannot be written", argv[2]);
	for (uint32_t i = 0; i < count; i++) {
		good &= draw_case(file, seed, first + i, draws);
		/* What came before a crash is judged. */
		if (fflush(file))
			fail("%s cannot be written", argv[2]);
	}
	if (fclose(file))
		fail("%s cannot be written", argv[2]);
	return !good;
}
