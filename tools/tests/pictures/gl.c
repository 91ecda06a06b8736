// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Draws small scenes with OpenGL ES 3 and OpenGL 4.5, without a window, and writes a picture of
 * each.
 *
 * usage: gl-pictures RENDERER DIRECTORY [SCENE…]
 *
 * RENDERER is a part of GL_RENDERER: another renderer, such as Mesa's software, is an error. SCENE
 * "es" stands for all of OpenGL ES, "desktop" for all of OpenGL.
 * Pictures are DIRECTORY/gl-SCENE.pam. Prints TAP: whether GL reported an error and whether what is
 * known of the pixels is right, for each scene of which something is. Only a comparison with
 * another renderer's picture judges the others.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <EGL/egl.h>
#include <EGL/eglext.h>

#include "gl.h"

const char plain_vertex[] =
	"#version 300 es\n"
	"layout(location = 0) in vec4 position;\n"
	"layout(location = 1) in vec4 value;\n"
	"out highp vec4 v;\n"
	"void main() { gl_Position = position; v = value; }\n";
const char colour_fragment[] =
	"#version 300 es\n"
	"precision highp float;\n"
	"in vec4 v;\n"
	"out vec4 colour;\n"
	"void main() { colour = v; }\n";
const char texture_fragment[] =
	"#version 300 es\n"
	"precision highp float;\n"
	"uniform sampler2D image;\n"
	"in vec4 v;\n"
	"out vec4 colour;\n"
	"void main() { colour = texture(image, v.xy); }\n";

const char core_vertex[] = CORE "layout(location = 0) in vec4 position;\n"
				"layout(location = 1) in vec4 value;\n"
				"out vec4 v;\n"
				"void main() { gl_Position = position; v = value; }\n";
const char core_fragment[] = CORE "in vec4 v;\n"
				  "out vec4 colour;\n"
				  "void main() { colour = v; }\n";

struct desktop desktop;

static GLuint programs[8], program_count, indices;
static uint64_t random_state;

uint32_t random_below(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 33) % below;
}

float random_float(void)
{
	return random_below(1 << 20) / (float)(1 << 20);
}

/* An EGL display for one version after the other. */
static EGLDisplay open_display(void)
{
	EGLDisplay display =
		eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);

	if (!eglInitialize(display, NULL, NULL))
		fail("EGL does not start: 0x%x", eglGetError());
	return display;
}

static EGLContext open_context(EGLDisplay display, EGLenum api, EGLint major, EGLint minor,
			       const char *renderer)
{
	const EGLint attributes[] = { EGL_CONTEXT_MAJOR_VERSION, major, EGL_CONTEXT_MINOR_VERSION,
				      minor, EGL_NONE };
	EGLContext context;

	if (!eglBindAPI(api))
		fail("EGL has no such API: 0x%x", eglGetError());
	context = eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
	if (!context || !eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
		fail("no context of version %d.%d: 0x%x", major, minor, eglGetError());
	printf("# %s: %s\n", glGetString(GL_RENDERER), glGetString(GL_VERSION));
	if (!strstr((const char *)glGetString(GL_RENDERER), renderer))
		fail("the renderer is %s, not %s", glGetString(GL_RENDERER), renderer);
	return context;
}

/* OpenGL 4.5 draws only with an array of vertices. */
static void begin_desktop(void)
{
	GLuint array;

#define LOAD(name, arguments)                                                                      \
	desktop.name = (void (GL_APIENTRY *) arguments)eglGetProcAddress("gl" #name);              \
	if (!desktop.name)                                                                         \
		fail("there is no gl" #name);
	DESKTOP(LOAD)
#undef LOAD
	glGenVertexArrays(1, &array);
	glBindVertexArray(array);
}

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
		fail("a shader does not compile: %s", log);
	return shader;
}

static void attach(GLuint program, GLenum type, const char *text)
{
	GLuint shader = compile(type, text);

	glAttachShader(program, shader);
	glDeleteShader(shader);
}

GLuint use_stages(const char *vertex, const char *geometry, const char *fragment)
{
	GLuint program = glCreateProgram();
	GLint good;

	attach(program, GL_VERTEX_SHADER, vertex);
	if (geometry)
		attach(program, GL_GEOMETRY_SHADER, geometry);
	attach(program, GL_FRAGMENT_SHADER, fragment);
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &good);
	if (!good || program_count == COUNT(programs))
		fail("a program does not link");
	programs[program_count++] = program;
	glUseProgram(program);
	return program;
}

GLuint use_program(const char *vertex, const char *fragment)
{
	return use_stages(vertex, NULL, fragment);
}

void use_indices(const void *data, size_t size)
{
	if (!indices)
		glGenBuffers(1, &indices);
	glBindBuffer(GL_ELEMENT_ARRAY_BUFFER, indices);
	glBufferData(GL_ELEMENT_ARRAY_BUFFER, size, data, GL_STREAM_DRAW);
}

void use_vertices(const struct vertex *vertices, uint32_t count)
{
	glBufferData(GL_ARRAY_BUFFER, count * sizeof(*vertices), vertices, GL_STREAM_DRAW);
	for (GLuint i = 0; i < 2; i++) {
		glVertexAttribPointer(i, 4, GL_FLOAT, GL_FALSE, sizeof(*vertices),
				      (void *)(uintptr_t)(i * 16));
		glEnableVertexAttribArray(i);
	}
}

void draw(GLenum mode, const struct vertex *vertices, uint32_t count)
{
	use_vertices(vertices, count);
	glDrawArrays(mode, 0, count);
}

void draw_rectangle(float left, float bottom, float right, float top, float z, float u, float v)
{
	const struct vertex corners[] = {
		{ { left, bottom, z, 1 }, { 0, 0, 0, 1 } },
		{ { right, bottom, z, 1 }, { u, 0, 0, 1 } },
		{ { left, top, z, 1 }, { 0, v, 0, 1 } },
		{ { right, top, z, 1 }, { u, v, 0, 1 } },
	};

	draw(GL_TRIANGLE_STRIP, corners, 4);
}

void draw_colour(float left, float bottom, float right, float top, float z, const float colour[4])
{
	struct vertex corners[] = {
		{ .position = { left, bottom, z, 1 } },
		{ .position = { right, bottom, z, 1 } },
		{ .position = { left, top, z, 1 } },
		{ .position = { right, top, z, 1 } },
	};

	for (int i = 0; i < 4; i++)
		memcpy(corners[i].value, colour, sizeof(corners[i].value));
	draw(GL_TRIANGLE_STRIP, corners, 4);
}

void clear(float red, float green, float blue, float alpha)
{
	glClearColor(red, green, blue, alpha);
	glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
}

GLuint make_texture(GLenum format, uint32_t width, uint32_t height, uint32_t levels)
{
	GLuint texture;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, levels, format, width, height);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	return texture;
}

GLuint make_framebuffer(GLuint texture, uint32_t width, uint32_t height, int depth)
{
	GLuint framebuffer, buffer;
	GLenum status;

	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	if (depth) {
		glGenRenderbuffers(1, &buffer);
		glBindRenderbuffer(GL_RENDERBUFFER, buffer);
		glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH24_STENCIL8, width, height);
		glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_STENCIL_ATTACHMENT,
					  GL_RENDERBUFFER, buffer);
	}
	status = glCheckFramebufferStatus(GL_FRAMEBUFFER);
	if (status != GL_FRAMEBUFFER_COMPLETE)
		fail("the framebuffer is not complete: 0x%x", status);
	return framebuffer;
}

void delete_framebuffer(GLuint framebuffer)
{
	GLint type, name;
	GLuint buffer;

	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glGetFramebufferAttachmentParameteriv(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT,
					      GL_FRAMEBUFFER_ATTACHMENT_OBJECT_TYPE, &type);
	if (type == GL_RENDERBUFFER) {
		glGetFramebufferAttachmentParameteriv(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT,
						      GL_FRAMEBUFFER_ATTACHMENT_OBJECT_NAME, &name);
		buffer = name;
		glDeleteRenderbuffers(1, &buffer);
	}
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	glDeleteFramebuffers(1, &framebuffer);
}

GLuint bound_framebuffer(void)
{
	GLint framebuffer;

	glGetIntegerv(GL_FRAMEBUFFER_BINDING, &framebuffer);
	return framebuffer;
}

static GLuint attach_samples(GLenum where, GLenum format, const struct samples *samples,
			     uint32_t count)
{
	GLuint texture;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D_MULTISAMPLE, texture);
	glTexStorage2DMultisample(GL_TEXTURE_2D_MULTISAMPLE, count, format, samples->width,
				  samples->height, GL_TRUE);
	glFramebufferTexture2D(GL_FRAMEBUFFER, where, GL_TEXTURE_2D_MULTISAMPLE, texture, 0);
	return texture;
}

void samples_create(struct samples *samples, GLenum format, uint32_t width, uint32_t height,
		    uint32_t count)
{
	*samples = (struct samples) { .target = bound_framebuffer(), .width = width,
				      .height = height };
	glGenFramebuffers(1, &samples->framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, samples->framebuffer);
	samples->colour = attach_samples(GL_COLOR_ATTACHMENT0, format, samples, count);
	samples->depth = attach_samples(GL_DEPTH_ATTACHMENT, GL_DEPTH_COMPONENT32F, samples, count);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		fail("a framebuffer of %u samples is not complete", count);
	glViewport(0, 0, width, height);
}

void samples_average(struct samples *samples)
{
	glBindFramebuffer(GL_DRAW_FRAMEBUFFER, samples->target);
	glBlitFramebuffer(0, 0, samples->width, samples->height, 0, 0, samples->width,
			  samples->height, GL_COLOR_BUFFER_BIT, GL_NEAREST);
	samples_delete(samples);
}

void samples_delete(struct samples *samples)
{
	glDeleteFramebuffers(1, &samples->framebuffer);
	glDeleteTextures(1, &samples->colour);
	glDeleteTextures(1, &samples->depth);
	glBindFramebuffer(GL_FRAMEBUFFER, samples->target);
}

static void reset_state(const struct scene *scene)
{
	static const GLenum off[] = { GL_BLEND, GL_CULL_FACE, GL_DEPTH_TEST, GL_SCISSOR_TEST,
				      GL_STENCIL_TEST, GL_PRIMITIVE_RESTART_FIXED_INDEX,
				      GL_POLYGON_OFFSET_FILL, GL_SAMPLE_ALPHA_TO_COVERAGE };

	for (uint32_t i = 0; i < COUNT(off); i++)
		glDisable(off[i]);
	glColorMask(1, 1, 1, 1);
	glDepthMask(1);
	glDepthFunc(GL_LESS);
	glClearDepthf(1);
	glDepthRangef(0, 1);
	glStencilMask(255);
	glViewport(0, 0, scene->width, scene->height);
	random_state = 1;
}

static bool has_extension(const char *name)
{
	GLint count;

	glGetIntegerv(GL_NUM_EXTENSIONS, &count);
	for (GLint i = 0; i < count; i++)
		if (!strcmp((const char *)glGetStringi(GL_EXTENSIONS, i), name))
			return true;
	return false;
}

static int judge(const struct scene *scene, const struct picture *picture)
{
	uint32_t wrong = picture_probe(picture, scene->probes, scene->count), drawn = 0;

	for (uint32_t i = 0; i < picture->width * picture->height; i++)
		drawn += picture->pixels[i * 4] || picture->pixels[i * 4 + 1] ||
			 picture->pixels[i * 4 + 2];
	if (drawn < scene->drawn) {
		printf("# %u pixels are not black, of %u at least\n", drawn, scene->drawn);
		wrong++;
	}
	if (scene->judge)
		wrong += scene->judge(picture);
	return wrong != 0;
}

static int draw_scene(const struct scene *scene, const char *directory)
{
	struct picture picture;
	GLuint texture, framebuffer, vertices;
	uint32_t wrong;
	char path[1000];
	GLenum error;

	if (scene->extension && !has_extension(scene->extension)) {
		printf("ok gl %s # SKIP Mesa does not offer %s\n", scene->name, scene->extension);
		return 0;
	}
	picture_create(&picture, scene->width, scene->height);
	glGenBuffers(1, &vertices);
	glBindBuffer(GL_ARRAY_BUFFER, vertices);
	glActiveTexture(GL_TEXTURE0);
	texture = make_texture(GL_RGBA8, scene->width, scene->height, 1);
	framebuffer = make_framebuffer(texture, scene->width, scene->height, 1);
	glBindTexture(GL_TEXTURE_2D, 0);
	reset_state(scene);
	scene->draw(scene);
	glBindFramebuffer(GL_READ_FRAMEBUFFER, framebuffer);
	glReadPixels(0, 0, scene->width, scene->height, GL_RGBA, GL_UNSIGNED_BYTE, picture.pixels);
	error = glGetError();
	delete_framebuffer(framebuffer);
	glDeleteTextures(1, &texture);
	glDeleteBuffers(1, &vertices);
	glDeleteBuffers(1, &indices);
	indices = 0;
	while (program_count)
		glDeleteProgram(programs[--program_count]);

	picture_flip(&picture);
	snprintf(path, sizeof(path), "%s/gl-%s.pam", directory, scene->name);
	picture_write(&picture, path);
	wrong = judge(scene, &picture);
	if (error)
		printf("# GL error 0x%x\n", error);
	if (wrong || error)
		printf("not ok gl %s\n", scene->name);
	else
		printf("%s gl %s\n", scene->count || scene->drawn ? "ok" : "# drawn, not judged:",
		       scene->name);
	fflush(stdout);
	picture_destroy(&picture);
	return wrong || error;
}

static int is_wanted(const char *name, char **names, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return 1;
	return count <= 0;
}

struct group {
	/* Stands for all of its scenes. */
	const char *name;
	const struct scene *scenes;
	uint32_t count;
};

/* Draws those of the scenes that are wanted; returns how many are wrong. */
static uint32_t draw_groups(const struct group *groups, uint32_t count, char **argv, int argc,
			    uint32_t *drawn)
{
	uint32_t bad = 0;

	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = 0; j < groups[i].count; j++) {
			const struct scene *scene = &groups[i].scenes[j];

			if (!is_wanted(scene->name, argv + 3, argc - 3) &&
			    !is_wanted(groups[i].name, argv + 3, argc - 3))
				continue;
			bad += draw_scene(scene, argv[2]);
			++*drawn;
		}
	}
	return bad;
}

int main(int argc, char **argv)
{
	const struct group embedded[] = { { "es", basic_scenes, basic_count },
					  { "es", test_scenes, test_count },
					  { "es", target_scenes, target_count } };
	const struct group full[] = { { "desktop", interpolation_scenes, interpolation_count },
				      { "desktop", geometry_scenes, geometry_count },
				      { "desktop", sample_scenes, sample_count },
				      { "desktop", fragment_scenes, fragment_count } };
	uint32_t drawn = 0, bad;
	EGLDisplay display;
	EGLContext context;

	if (argc < 3) {
		fputs("usage: gl-pictures RENDERER DIRECTORY [SCENE…]\n", stderr);
		return 2;
	}
	display = open_display();
	context = open_context(display, EGL_OPENGL_ES_API, 3, 0, argv[1]);
	bad = draw_groups(embedded, COUNT(embedded), argv, argc, &drawn);
	eglDestroyContext(display, context);
	open_context(display, EGL_OPENGL_API, 4, 5, argv[1]);
	begin_desktop();
	bad += draw_groups(full, COUNT(full), argv, argc, &drawn);
	if (!drawn)
		fail("no such scene");
	return bad != 0;
}
