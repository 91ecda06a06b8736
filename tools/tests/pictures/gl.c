// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Draws small scenes with OpenGL ES 3, without a window, and writes a picture of each.
 *
 * usage: gl-pictures RENDERER DIRECTORY [SCENE…]
 *
 * RENDERER is a part of GL_RENDERER: another renderer, such as Mesa's software, is an error.
 * Pictures are DIRECTORY/gl-SCENE.pam. Prints TAP: whether GL reported an error and whether pixels
 * that are known are right, for each scene.
 */
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

static GLuint programs[8], program_count;
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

static void open_display(const char *renderer)
{
	static const EGLint attributes[] = { EGL_CONTEXT_CLIENT_VERSION, 3, EGL_NONE };
	static const EGLint wanted[] = { EGL_RENDERABLE_TYPE, EGL_OPENGL_ES3_BIT,
					 EGL_SURFACE_TYPE, 0, EGL_NONE };
	EGLDisplay display =
		eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	EGLContext context;
	EGLConfig config;
	EGLint count;

	if (!eglInitialize(display, NULL, NULL))
		fail("EGL does not start: 0x%x", eglGetError());
	if (!eglBindAPI(EGL_OPENGL_ES_API) || !eglChooseConfig(display, wanted, &config, 1, &count))
		fail("EGL has no OpenGL ES: 0x%x", eglGetError());
	context = eglCreateContext(display, count ? config : EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT,
				   attributes);
	if (!context || !eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
		fail("no context for OpenGL ES 3: 0x%x", eglGetError());
	printf("# %s: %s\n", glGetString(GL_RENDERER), glGetString(GL_VERSION));
	if (!strstr((const char *)glGetString(GL_RENDERER), renderer))
		fail("the renderer is %s, not %s", glGetString(GL_RENDERER), renderer);
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

GLuint use_program(const char *vertex, const char *fragment)
{
	GLuint program = glCreateProgram();
	GLuint shaders[] = { compile(GL_VERTEX_SHADER, vertex),
			     compile(GL_FRAGMENT_SHADER, fragment) };
	GLint good;

	for (uint32_t i = 0; i < 2; i++) {
		glAttachShader(program, shaders[i]);
		glDeleteShader(shaders[i]);
	}
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &good);
	if (!good || program_count == COUNT(programs))
		fail("a program does not link");
	programs[program_count++] = program;
	glUseProgram(program);
	return program;
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

static int draw_scene(const struct scene *scene, const char *directory)
{
	struct picture picture;
	GLuint texture, framebuffer, vertices;
	uint32_t wrong;
	char path[1000];
	GLenum error;

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
	while (program_count)
		glDeleteProgram(programs[--program_count]);

	picture_flip(&picture);
	snprintf(path, sizeof(path), "%s/gl-%s.pam", directory, scene->name);
	picture_write(&picture, path);
	wrong = picture_probe(&picture, scene->probes, scene->count);
	if (error)
		printf("# GL error 0x%x\n", error);
	printf("%s gl %s\n", wrong || error ? "not ok" : "ok", scene->name);
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

int main(int argc, char **argv)
{
	const struct scene *scenes[] = { basic_scenes, test_scenes, target_scenes };
	const uint32_t counts[] = { basic_count, test_count, target_count };
	uint32_t drawn = 0, bad = 0;

	if (argc < 3) {
		fputs("usage: gl-pictures RENDERER DIRECTORY [SCENE…]\n", stderr);
		return 2;
	}
	open_display(argv[1]);
	for (uint32_t i = 0; i < COUNT(scenes); i++) {
		for (uint32_t j = 0; j < counts[i]; j++) {
			if (!is_wanted(scenes[i][j].name, argv + 3, argc - 3))
				continue;
			bad += draw_scene(&scenes[i][j], argv[2]);
			drawn++;
		}
	}
	if (!drawn)
		fail("no such scene");
	return bad != 0;
}
