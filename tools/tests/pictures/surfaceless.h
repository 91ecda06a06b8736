/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* OpenGL ES 3 without a window, for programs that need no more of it. Errors end the program. */
#ifndef TESTS_PICTURES_SURFACELESS_H
#define TESTS_PICTURES_SURFACELESS_H

#include <EGL/egl.h>
#include <GLES3/gl3.h>

/* Makes a context current, whose renderer has @renderer in its name. */
EGLDisplay open_surfaceless(const char *renderer);

GLuint link_program(const char *vertex, const char *fragment);

#endif
