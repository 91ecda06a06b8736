// SPDX-License-Identifier: MIT OR Apache-2.0
/* See surfaceless.h. */
#include "surfaceless.h"

#include <string.h>

#include <EGL/eglext.h>

#include "picture.h"

EGLDisplay open_surfaceless(const char *renderer)
{
	static const EGLint attributes[] = { EGL_CONTEXT_CLIENT_VERSION, 3, EGL_NONE };
	EGLDisplay display =
		eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	EGLContext context;

	if (!eglInitialize(display, NULL, NULL) || !eglBindAPI(EGL_OPENGL_ES_API))
		fail("EGL does not start: 0x%x", eglGetError());
	context = eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
	if (!context || !eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
		fail("no context for OpenGL ES 3: 0x%x", eglGetError());
	if (!strstr((const char *)glGetString(GL_RENDERER), renderer))
		fail("the renderer is %s, not %s", glGetString(GL_RENDERER), renderer);
	return display;
}

GLuint link_program(const char *vertex, const char *fragment)
{
	const char *texts[] = { vertex, fragment };
	GLuint program = glCreateProgram();
	GLint good;

	for (int i = 0; i < 2; i++) {
		GLuint shader = glCreateShader(i ? GL_FRAGMENT_SHADER : GL_VERTEX_SHADER);

		glShaderSource(shader, 1, &texts[i], NULL);
		glCompileShader(shader);
		glGetShaderiv(shader, GL_COMPILE_STATUS, &good);
		if (!good)
			fail("shader %d does not compile", i);
		glAttachShader(program, shader);
	}
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &good);
	if (!good)
		fail("the program does not link");
	return program;
}
